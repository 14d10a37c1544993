/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The set of trunks on a fake loop: reload, trunks that go,
 * choice among connections, picks without targets.
 */
#include <dlfcn.h>
#include "trunk_fixture.h"

static unsigned countdown; /* the allocation that fails; 0: none */

/* Stands before libre's for this program's calls, and for libre's own. */
void *mem_alloc(size_t size, mem_destroy_h *dh)
{
	void *symbol = dlsym(RTLD_NEXT, "mem_alloc");
	void *(*real)(size_t, mem_destroy_h *);

	assert_non_null(symbol);
	memcpy(&real, &symbol, sizeof(real));
	return countdown && !--countdown ? NULL : real(size, dh);
}

void *mem_zalloc(size_t size, mem_destroy_h *dh)
{
	void *p = mem_alloc(size, dh);

	return p ? memset(p, 0, size) : NULL;
}

struct world {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct fix_conf f;
};

struct result {
	struct sp_trunk_pick *pick;
	unsigned calls;
	int err;
	struct sp_sip_conn *conn;
	char host[64];
	uint16_t port;
	bool drop_inside;
	struct sp_trunk_pick *other; /* withdrawn inside */
};

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)req;
	(void)arg;
	(void)sp_sip_reply_status(st, 200, NULL);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static int on_send(const uint8_t *p, size_t n, void *arg)
{
	(void)p;
	(void)n;
	(void)arg;
	return 0;
}

static int setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc_fake(&w->loop, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->loop, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->loop, w->sip), 0);
	fix_conf_new(&w->f, NULL);
	fix_log_start(w->loop);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	mem_deref(w->ts);
	fix_conf_free(&w->f);
	mem_deref(w->sip);
	mem_deref(w->loop);
	mem_deref(w);
	sp_log_sink(NULL, NULL);
	return 0;
}

static const struct sp_trunk_want any = {.avoidc = 0};

static enum sp_trunk_limit begin(struct sp_trunk *t)
{
	return sp_trunk_call_begin(t, SP_TRUNK_OUT, NULL, false);
}

static struct sp_sip_conn *attach(struct world *w, struct sp_trunk *t)
{
	struct sp_sip_conn *c;

	assert_int_equal(sp_sip_conn_alloc(&c, w->sip, "sbc.test:5061", t, on_send, w), 0);
	assert_int_equal(sp_trunk_attach(t, c), 0);
	return c;
}

static void on_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct result *r = arg;

	++r->calls;
	r->err = err;
	r->conn = conn;
	r->port = port;
	snprintf(r->host, sizeof(r->host), "%s", host ? host : "NULL");
	if (r->drop_inside)
		r->pick = mem_deref(r->pick);
	r->other = mem_deref(r->other);
}

static void test_apply_names_order_and_settings(void **state)
{
	struct world *w = *state;

	fix_apply(&w->f, w->ts, 3);
	for (size_t i = 0; i < 3; ++i) {
		assert_string_equal(sp_trunk_name(w->f.trunk[i]), fix_names[i]);
		assert_ptr_equal(sp_trunk_conf(w->f.trunk[i]), &w->f.trunkv[i]);
		assert_ptr_equal(sp_trunk_interface(w->f.trunk[i]), w->f.ifc);
		assert_true(sp_trunk_active(w->f.trunk[i]));
		assert_false(sp_trunk_up(w->f.trunk[i]));
		assert_null(sp_trunk_conn(w->f.trunk[i]));
	}
	assert_string_equal(w->f.trunk[0]->sent_by, "sbc.test:5061");
	assert_int_equal(sp_trunks_connections(w->ts), 0);
}

/* RFC 3261 25.1: an IPv6 address stands in brackets */
static void test_sent_by_of_ipv6(void **state)
{
	struct world *w = *state;

	w->f.ifc->sip_advertise = "2001:db8::1";
	fix_apply(&w->f, w->ts, 1);
	assert_string_equal(w->f.trunk[0]->sent_by, "[2001:db8::1]:5061");
}

static void test_reload_keeps_trunk_counters_and_connections(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_trunk *t;
	struct sp_sip_conn *c;

	fix_apply(&w->f, w->ts, 2);
	t = w->f.trunk[0];
	c = attach(w, t);
	assert_int_equal(begin(t), SP_TRUNK_LIMIT_NONE);

	fix_conf_new(&second, NULL);
	second.trunkv[0].limits.calls = 1;
	fix_apply(&second, w->ts, 2);
	assert_ptr_equal(second.trunk[0], t);
	assert_ptr_equal(sp_trunk_conf(t), &second.trunkv[0]);
	assert_int_equal(mem_nrefs(w->f.conf), 1);
	assert_int_equal(sp_trunk_calls(t), 1);
	assert_int_equal(begin(t), SP_TRUNK_LIMIT_CALLS);
	assert_ptr_equal(sp_trunk_conn(t), c);

	sp_trunk_call_end(t, SP_TRUNK_OUT);
	mem_deref(c);
	fix_conf_free(&second);
}

static void test_removed_trunk_goes_with_its_last_call(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;
	struct sp_sip_conn *c;

	fix_apply(&w->f, w->ts, 2);
	t = mem_ref(w->f.trunk[1]);
	c = attach(w, t);
	assert_int_equal(begin(t), SP_TRUNK_LIMIT_NONE);
	fix_apply(&w->f, w->ts, 1);

	assert_false(sp_trunk_active(t));
	assert_true(sp_trunk_active(w->f.trunk[0]));
	assert_int_equal(begin(t), SP_TRUNK_LIMIT_INACTIVE);
	sp_loop_advance(w->loop, 60000);
	assert_ptr_equal(sp_trunk_conn(t), c);

	sp_trunk_call_end(t, SP_TRUNK_OUT);
	assert_false(sp_sip_conn_isgone(c));
	sp_loop_advance(w->loop, TRUNK_GRACE_MS);
	assert_true(sp_sip_conn_isgone(c));
	assert_null(sp_trunk_conn(t));

	/* transactions may still name it as their owner */
	sp_loop_advance(w->loop, TRUNK_LINGER_MS - 1);
	assert_int_equal(mem_nrefs(t), 2);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(mem_nrefs(t), 1);
	assert_null(trunks_find(w->ts, "two"));
	mem_deref(c);
	mem_deref(t);
}

static void test_removed_trunk_comes_back(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;

	fix_apply(&w->f, w->ts, 2);
	t = mem_ref(w->f.trunk[1]);
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->loop, TRUNK_GRACE_MS + 1);
	fix_apply(&w->f, w->ts, 2);
	assert_ptr_equal(w->f.trunk[1], t);
	assert_true(sp_trunk_active(t));
	sp_loop_advance(w->loop, TRUNK_LINGER_MS * 2);
	assert_ptr_equal(trunks_find(w->ts, "two"), t);
	mem_deref(t);
}

/* Every allocation that can fail does so once; each time nothing has changed. */
static void test_apply_is_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_trunk *trunkv[FIX_TRUNKS], *t;
	struct target *tg;
	unsigned nth;
	int err = ENOMEM;

	w->f.trunkv[0].targetv[0] = (struct sp_conf_target){.host = "192.0.2.1", .port = 5061};
	w->f.trunkv[0].targetc = 1;
	fix_apply(&w->f, w->ts, 1);
	t = w->f.trunk[0];
	tg = t->targetv[0];

	fix_conf_new(&second, NULL);
	second.trunkv[0].targetv[0] = (struct sp_conf_target){.host = "192.0.2.2", .port = 5061};
	second.trunkv[0].targetv[1] = (struct sp_conf_target){.host = "192.0.2.1", .port = 5061};
	second.trunkv[0].targetc = 2;
	second.trunkv[1].targetv[0] = second.trunkv[0].targetv[0];
	second.trunkv[1].targetc = 1;

	for (nth = 1; nth < 200; ++nth) {
		countdown = nth;
		err = sp_trunks_apply(w->ts, second.conf, second.setupv, 2, trunkv);
		countdown = 0;
		if (!err)
			break;
		assert_int_equal(err, ENOMEM);
		assert_ptr_equal(sp_trunk_conf(t), &w->f.trunkv[0]);
		assert_int_equal(t->targetc, 1);
		assert_ptr_equal(t->targetv[0], tg);
		assert_null(trunks_find(w->ts, "two"));
		assert_int_equal(mem_nrefs(second.conf), 1);
	}
	assert_int_equal(err, 0);
	assert_true(nth > 10);
	second.trunk[0] = trunkv[0];
	second.trunk[1] = trunkv[1];
	assert_int_equal(t->targetc, 2);
	assert_ptr_equal(t->targetv[1], tg);
	assert_string_equal(t->targetv[0]->label, "192.0.2.2:5061");
	fix_conf_free(&second);
}

static void test_attach_wants_its_owner(void **state)
{
	struct world *w = *state;
	struct sp_sip_conn *c;

	fix_apply(&w->f, w->ts, 2);
	assert_int_equal(sp_sip_conn_alloc(&c, w->sip, "a:1", w->f.trunk[0], on_send, w), 0);
	assert_ptr_equal(sp_trunk_of(c), w->f.trunk[0]);
	assert_int_equal(sp_trunk_attach(w->f.trunk[1], c), EINVAL);
	mem_deref(c);
}

static void test_conn_is_a_live_one(void **state)
{
	struct world *w = *state;
	struct sp_sip_conn *a, *b;

	fix_apply(&w->f, w->ts, 1);
	a = attach(w, w->f.trunk[0]);
	b = attach(w, w->f.trunk[0]);
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_ptr_equal(sp_trunk_conn(w->f.trunk[0]), b);
	sp_sip_conn_gone(b);
	assert_ptr_equal(sp_trunk_conn(w->f.trunk[0]), a);
	sp_sip_conn_gone(a);
	assert_null(sp_trunk_conn(w->f.trunk[0]));
	assert_false(sp_trunk_up(w->f.trunk[0]));
	mem_deref(a);
	mem_deref(b);
}

static void test_pick_without_targets(void **state)
{
	struct world *w = *state;
	struct result r = {0}, none = {0};
	struct sp_sip_conn *c;

	fix_apply(&w->f, w->ts, 2);
	c = attach(w, w->f.trunk[0]);
	assert_int_equal(sp_trunk_pick(&r.pick, w->f.trunk[0], &any, on_picked, &r), 0);
	assert_int_equal(sp_trunk_pick(&none.pick, w->f.trunk[1], &any, on_picked, &none), 0);
	assert_int_equal(r.calls, 0);

	sp_loop_advance(w->loop, 0);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, 0);
	assert_ptr_equal(r.conn, c);
	assert_string_equal(r.host, "");
	assert_int_equal(r.port, 0);
	assert_int_equal(none.calls, 1);
	assert_int_equal(none.err, EHOSTUNREACH);
	assert_null(none.conn);

	sp_loop_advance(w->loop, 60000);
	assert_int_equal(r.calls, 1);
	mem_deref(r.pick);
	mem_deref(none.pick);
	mem_deref(c);
}

static void test_pick_withdrawn(void **state)
{
	struct world *w = *state;
	struct result first = {.drop_inside = true}, second = {0}, third = {0};

	fix_apply(&w->f, w->ts, 1);
	assert_int_equal(sp_trunk_pick(&first.pick, w->f.trunk[0], &any, on_picked, &first), 0);
	assert_int_equal(sp_trunk_pick(&second.pick, w->f.trunk[0], &any, on_picked, &second), 0);
	assert_int_equal(sp_trunk_pick(&third.pick, w->f.trunk[0], &any, on_picked, &third), 0);
	first.other = second.pick;
	third.pick = mem_deref(third.pick);
	sp_loop_advance(w->loop, 10);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_int_equal(third.calls, 0);
	assert_int_equal(w->f.trunk[0]->picks, 0);
}

static void test_picks_are_bounded(void **state)
{
	static struct result r[SP_TRUNK_PICKS_MAX + 1];
	struct world *w = *state;

	memset(r, 0, sizeof(r));
	fix_apply(&w->f, w->ts, 1);
	for (size_t i = 0; i < SP_TRUNK_PICKS_MAX; ++i)
		assert_int_equal(sp_trunk_pick(&r[i].pick, w->f.trunk[0], &any, on_picked, &r[i]),
				 0);
	assert_int_equal(sp_trunk_pick(&r[SP_TRUNK_PICKS_MAX].pick, w->f.trunk[0], &any, on_picked,
				       &r[SP_TRUNK_PICKS_MAX]),
			 EBUSY);
	sp_loop_advance(w->loop, 0);
	for (size_t i = 0; i < SP_TRUNK_PICKS_MAX; ++i) {
		assert_int_equal(r[i].calls, 1);
		mem_deref(r[i].pick);
	}
	assert_int_equal(sp_trunk_pick(&r[0].pick, w->f.trunk[0], &any, on_picked, &r[0]), 0);
	mem_deref(r[0].pick);
}

static void test_close_and_destroy_with_picks_waiting(void **state)
{
	struct world *w = *state;
	struct result r = {0}, late = {0};
	struct sp_sip_conn *c;

	fix_apply(&w->f, w->ts, 1);
	c = attach(w, w->f.trunk[0]);
	assert_int_equal(sp_trunk_pick(&r.pick, w->f.trunk[0], &any, on_picked, &r), 0);
	sp_trunks_close(w->ts);
	assert_true(sp_sip_conn_isgone(c));
	w->ts = mem_deref(w->ts);

	assert_false(sp_trunk_active(w->f.trunk[0]));
	assert_int_equal(begin(w->f.trunk[0]), SP_TRUNK_LIMIT_INACTIVE);
	assert_int_equal(sp_trunk_pick(&late.pick, w->f.trunk[0], &any, on_picked, &late), 0);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(r.err, ESHUTDOWN);
	assert_int_equal(late.err, ESHUTDOWN);
	mem_deref(r.pick);
	mem_deref(late.pick);
	mem_deref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apply_names_order_and_settings, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sent_by_of_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload_keeps_trunk_counters_and_connections,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_trunk_goes_with_its_last_call, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_removed_trunk_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_apply_is_all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_wants_its_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conn_is_a_live_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pick_without_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pick_withdrawn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_picks_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_and_destroy_with_picks_waiting, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("trunk/trunks", tests, NULL, NULL);
}
