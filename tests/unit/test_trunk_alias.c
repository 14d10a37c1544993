/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RFC 5923: a connection that the peer opened serves our requests to the target
 * that the peer says it is.
 */
#include "trunk_accept.h"

struct picked {
	struct sp_trunk_pick *pick;
	unsigned calls;
	int err;
	struct sp_sip_conn *conn; /* referenced */
	char host[64];
};

/* The trunk's targets are addresses; reuse is on. */
static void target(struct world *w, const char *host, uint16_t port)
{
	struct sp_conf_trunk *conf = &w->f.trunkv[0];

	conf->reuse = true;
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = host, .port = port, .port_given = true};
}

static struct target *first(const struct world *w)
{
	return w->f.trunk[0]->targetv[0];
}

static struct client *with_target(struct world *w)
{
	target(w, "127.0.0.1", 5061);
	fix_apply(&w->f, w->ts, 1);
	assert_int_equal(w->f.trunk[0]->targetc, 1);
	assert_int_equal(target_conns(first(w)), 0);
	return dial(w);
}

static void test_alias_is_used(void **state)
{
	struct world *w = *state;
	struct client *cl = with_target(w);
	const struct conn *c = list_ledata(list_head(&w->f.trunk[0]->accepted));

	assert_int_equal(sp_trunk_target(c->sip), LEAD_ACCEPTED);
	send_options_via(cl, "127.0.0.1:5061", ";alias");
	assert_int_equal(target_conns(first(w)), 1);
	assert_ptr_equal(target_conn(first(w)), c);
	assert_ptr_equal(c->alias, first(w));
	assert_int_equal(sp_trunk_target(c->sip), first(w)->key);
	assert_int_equal(fix_logged("conn_alias trunk=one peer=127.0.0.1"), 1);

	/* told again: still one, and one line */
	send_options_via(cl, "127.0.0.1:5061", ";alias");
	assert_int_equal(target_conns(first(w)), 1);
	assert_int_equal(fix_logged("conn_alias"), 1);
}

static void test_how_via_says_it(void **state)
{
	static const struct {
		const char *via, *params;
		bool alias;
	} cases[] = {
		{"127.0.0.1:5061", "", false},
		{"127.0.0.1:5061", ";aliases", false},
		{"127.0.0.1:5062", ";alias", false},
		{"127.0.0.2:5061", ";alias", false},
		{"one.test", ";alias", false}, /* the trunk's name, but no target's */
		{"[::1]:5061", ";alias", false},
		{"other.test", ", SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKz;alias", false},
		{"127.0.0.1", ";alias", true}, /* RFC 3261 18.1.1: 5061 */
		{"127.0.0.1 : 5061", ";rport;ALIAS=yes", true},
		{"127.0.0.1", ";alias, SIP/2.0/TLS other.test;branch=z9hG4bKz", true},
	};
	struct world *w = *state;
	struct client *cl = with_target(w);

	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		struct conn *c = list_ledata(list_head(&w->f.trunk[0]->accepted));

		target_unalias(c);
		send_options_via(cl, cases[i].via, cases[i].params);
		if (target_conns(first(w)) != cases[i].alias)
			fail_msg("%s%s", cases[i].via, cases[i].params);
	}
}

static void test_not_without_reuse(void **state)
{
	struct world *w = *state;
	struct client *cl;

	target(w, "127.0.0.1", 5061);
	w->f.trunkv[0].reuse = false;
	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	send_options_via(cl, "127.0.0.1", ";alias");
	assert_int_equal(target_conns(first(w)), 0);

	/* on by a reload, and off again */
	w->f.trunkv[0].reuse = true;
	fix_apply(&w->f, w->ts, 1);
	send_options_via(cl, "127.0.0.1", ";alias");
	assert_int_equal(target_conns(first(w)), 1);
	w->f.trunkv[0].reuse = false;
	fix_apply(&w->f, w->ts, 1);
	assert_int_equal(target_conns(first(w)), 0);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
}

static void test_without_targets_there_is_nothing_to_learn(void **state)
{
	struct world *w = *state;
	struct client *cl;

	w->f.trunkv[0].reuse = true;
	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	send_options_via(cl, "127.0.0.1", ";alias");
	assert_int_equal(fix_logged("conn_alias"), 0);
	assert_non_null(sp_trunk_conn(w->f.trunk[0]));
	sp_trunk_heard(NULL, NULL);
}

static void test_undone_when_it_ends(void **state)
{
	struct world *w = *state;
	struct client *cl = with_target(w);

	send_options_via(cl, "127.0.0.1", ";alias");
	assert_int_equal(target_conns(first(w)), 1);
	sp_tls_close(cl->tls);
	fix_await(w->loop, "conn_down trunk=one dir=in");
	assert_int_equal(target_conns(first(w)), 0);
	assert_null(target_conn(first(w)));
	sp_loop_turn(w->fake);
}

/* The target is gone, the connection is not: the peer may have calls on it. */
static void test_undone_with_its_target(void **state)
{
	struct world *w = *state;
	struct client *cl = with_target(w);
	const struct conn *c = list_ledata(list_head(&w->f.trunk[0]->accepted));

	send_options_via(cl, "127.0.0.1", ";alias");
	assert_non_null(c->alias);
	w->f.trunkv[0].targetv[0].host = "192.0.2.1";
	fix_apply(&w->f, w->ts, 1);
	assert_null(c->alias);
	assert_int_equal(target_conns(first(w)), 0);
	assert_int_equal(sp_trunk_target(c->sip), LEAD_ACCEPTED);
	send_options_via(cl, "127.0.0.1", ";alias");
	assert_int_equal(target_conns(first(w)), 0);
	send_options_via(cl, "192.0.2.1", ";alias");
	assert_int_equal(target_conns(first(w)), 1);
}

static void test_end_with_an_alias(void **state)
{
	struct world *w = *state;
	struct client *cl = with_target(w);

	send_options_via(cl, "127.0.0.1", ";alias");
	sp_trunks_close(w->ts);
	until_down(cl);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
}

static void on_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct picked *p = arg;
	(void)port;

	++p->calls;
	p->err = err;
	p->conn = mem_ref(conn);
	snprintf(p->host, sizeof(p->host), "%s", host);
	p->pick = mem_deref(p->pick);
}

static struct sp_sip_conn *pick(struct world *w)
{
	const struct sp_trunk_want any = {.avoidc = 0};
	struct picked p = {.calls = 0};

	assert_int_equal(sp_trunk_pick(&p.pick, w->f.trunk[0], &any, on_picked, &p), 0);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.err, 0);
	assert_string_equal(p.host, "127.0.0.1");
	mem_deref(p.conn);
	return p.conn; /* the trunk's still */
}

static void request(struct world *w, struct sp_sip_conn *conn)
{
	struct sp_sip_request req = {.method = SP_SIP_OPTIONS, .uri = "sip:one.test"};
	struct mbuf *mb = mbuf_alloc(256);

	assert_int_equal(sp_sip_put(mb, "From", "<sip:sbc.test>;tag=1"), 0);
	assert_int_equal(sp_sip_put(mb, "To", "<sip:one.test>"), 0);
	assert_int_equal(sp_sip_put(mb, "Call-ID", "ours"), 0);
	assert_int_equal(sp_sip_put(mb, "CSeq", "1 OPTIONS"), 0);
	req.headers = mb;
	assert_int_equal(sp_sip_request(NULL, w->sip, conn, &req, NULL, NULL), 0);
	mem_deref(mb);
}

/* Our requests go out over what the peer opened, each to the one that has the fewest of them. */
static void test_requests_are_spread(void **state)
{
	struct world *w = *state;
	struct client *cl = with_target(w), *second = dial(w);
	struct sp_sip_conn *a, *b;

	send_options_via(cl, "127.0.0.1", ";alias");
	send_options_via(second, "127.0.0.1", ";alias");
	assert_int_equal(target_conns(first(w)), 2);
	assert_true(sp_trunk_up(w->f.trunk[0]));
	a = pick(w);
	request(w, a);
	b = pick(w);
	assert_ptr_not_equal(a, b);
	request(w, b);
	request(w, b);
	for (unsigned i = 0; i < 3; ++i)
		assert_ptr_equal(pick(w), a);
	assert_int_equal(sp_sip_conn_pending(b), 2);
	assert_int_equal(target_pending(first(w)), 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_alias_is_used),       T(test_how_via_says_it),
		T(test_not_without_reuse),   T(test_without_targets_there_is_nothing_to_learn),
		T(test_undone_when_it_ends), T(test_undone_with_its_target),
		T(test_end_with_an_alias),   T(test_requests_are_spread),
	};

	return cmocka_run_group_tests_name("trunk/alias", tests, setup_all, teardown_all);
}
