/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What DNS makes of a configured target: which targets stay, come and go, how
 * they are called, how many there may be (RFC 3263 4.2).
 */
#include "trunk_wire.h"

static struct dns_place place(const char *addr, uint16_t port, const char *host)
{
	struct dns_place p = {.priority = 1, .weight = 2};

	assert_int_equal(sa_set_str(&p.addr, addr, port), 0);
	str_ncpy(p.host, host, sizeof(p.host));
	return p;
}

static struct site *site(struct world *w, const char *host, uint16_t port)
{
	add_target(&w->f, host, port);
	apply(w);
	return w->t->sitev[0];
}

static void test_labels_and_names(void **state)
{
	struct world *w = *state;
	const struct dns_place at = place("192.0.2.7", 5099, "sbc1.example.net");
	struct target *const *v;

	add_target(&w->f, "_sip._tls.example.com", 0);
	add_target(&w->f, "sip.example.com", 5071);
	add_target(&w->f, "192.0.2.1", 0);
	add_target(&w->f, "2001:db8::1", 5062);
	apply(w);
	v = w->t->targetv;
	assert_int_equal(w->t->sitec, 4);
	assert_int_equal(w->t->targetc, 2); /* literals need no DNS */
	assert_string_equal(v[0]->label, "192.0.2.1:5061");
	assert_int_equal(v[0]->uri_port, 0);
	assert_string_equal(v[1]->label, "[2001:db8::1]:5062");
	assert_int_equal(v[1]->uri_port, 5062);

	site_places(w->t->sitev[0], &at, 1);
	assert_int_equal(w->t->targetc, 3);
	assert_string_equal(v[0]->label, "sbc1.example.net:5099 192.0.2.7");
	assert_string_equal(v[0]->host, "example.com"); /* for URIs and certificates */
	assert_int_equal(v[0]->uri_port, 0);
	assert_string_equal(v[1]->label, "192.0.2.1:5061"); /* the file's order holds */

	assert_string_equal(w->t->sitev[0]->label, "_sip._tls.example.com");
	assert_string_equal(w->t->sitev[1]->label, "sip.example.com:5071");
	assert_true(w->t->sitev[0]->srv);
	assert_false(w->t->sitev[1]->srv); /* RFC 3263 4.2: a port says enough */
	assert_true(sp_trunk_owns_host(w->t, &(struct pl)PL("example.com")));
	assert_false(sp_trunk_owns_host(w->t, &(struct pl)PL("sbc1.example.net")));
}

static void test_change(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	struct dns_place v[3] = {place("192.0.2.1", 5061, "a.example"),
				 place("192.0.2.2", 5061, "b.example"),
				 place("192.0.2.3", 5061, "c.example")};
	struct target *a, *b;
	struct wire *wa, *wb;

	site_places(s, v, 2);
	a = w->t->targetv[0];
	b = w->t->targetv[1];
	wa = connect_wire(w, a);
	wb = connect_wire(w, b);
	sp_trunk_busy(w->t, b->key, 100);
	++b->picked;

	/* the first goes, the second stays with another weight, a third comes */
	v[1].weight = 77;
	site_places(s, &v[1], 2);
	assert_int_equal(w->t->targetc, 2);
	assert_ptr_equal(w->t->targetv[0], b);
	assert_int_equal(b->place.weight, 77);
	assert_int_equal(b->state, SP_TARGET_UP);
	assert_int_equal(b->picked, 1);
	assert_int_equal(target_busy_s(b), 100);
	assert_false(sp_sip_conn_isgone(wb->sip));
	assert_true(sp_sip_conn_isgone(wa->sip)); /* no call uses it */
	assert_int_equal(w->t->targetv[1]->state, SP_TARGET_UNKNOWN);

	/* the same address twice is one target */
	v[2] = v[1];
	site_places(s, &v[1], 2);
	assert_int_equal(w->t->targetc, 1);
	assert_ptr_equal(w->t->targetv[0], b);
}

/* As a target that a reload drops: calls keep its connection, and it can come back. */
static void test_gone_with_calls(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	const struct dns_place v[2] = {place("192.0.2.1", 5061, "a.example"),
				       place("192.0.2.2", 5061, "b.example")};
	struct target *a;
	struct wire *wire;

	site_places(s, v, 1);
	a = w->t->targetv[0];
	wire = connect_wire(w, a);
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	site_places(s, &v[1], 1);
	assert_false(sp_sip_conn_isgone(wire->sip));
	assert_null(a->site);
	assert_null(target_find(w->t, a->key));
	assert_int_equal(list_count(&w->t->oldl), 1);
	assert_ptr_equal(sp_trunk_conn(w->t), wire->sip);

	site_places(s, v, 2); /* it was an oversight */
	assert_ptr_equal(w->t->targetv[0], a);
	assert_ptr_equal(a->site, s);
	assert_true(list_isempty(&w->t->oldl));
	assert_int_equal(a->connc, 1);

	site_places(s, &v[1], 1);
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
	sp_loop_advance(w->loop, TRUNK_GRACE_MS);
	assert_true(sp_sip_conn_isgone(wire->sip));
	assert_true(list_isempty(&w->t->oldl));
}

/* What a dropped target has is as alive as what others have, for the calls that it got. */
static void test_gone_but_alive(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	const struct dns_place v[2] = {place("192.0.2.1", 5061, "a.example"),
				       place("192.0.2.2", 5061, "b.example")};
	struct wire *wirev[2], *other;

	site_places(s, v, 1);
	wirev[0] = connect_wire(w, w->t->targetv[0]);
	wirev[1] = connect_wire(w, w->t->targetv[0]);
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	site_places(s, &v[1], 1);
	other = connect_wire(w, w->t->targetv[0]);

	conn_end(wire_conn(wirev[0]), "peer closed");
	sp_loop_advance(w->loop, 5000);
	assert_true(sp_trunk_dead_ms(w->t, wirev[0]->sip) == 0);
	assert_ptr_equal(sp_trunk_conn_like(w->t, wirev[0]->sip), wirev[1]->sip);
	conn_end(wire_conn(wirev[1]), "peer closed");
	sp_loop_advance(w->loop, 5000);
	assert_true(sp_trunk_dead_ms(w->t, wirev[1]->sip) == 5000);
	assert_ptr_equal(sp_trunk_conn_like(w->t, wirev[1]->sip), other->sip);
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
}

/* A name that leads elsewhere again and again does not gather connections without end. */
static void test_those_gone_are_bounded(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	struct sp_sip_conn *first = NULL;

	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	for (unsigned i = 0; i < SP_TRUNK_TARGETS_MAX + 10; ++i) {
		const struct dns_place at = place("192.0.2.1", (uint16_t)(5061 + i), "a.example");
		struct wire *wire;

		site_places(s, &at, 1);
		wire = connect_wire(w, w->t->targetv[0]);
		if (!first)
			first = mem_ref(wire->sip);
		wire->sip = mem_deref(wire->sip);
		w->wirec = 0;
	}
	assert_int_equal(list_count(&w->t->oldl), SP_TRUNK_TARGETS_MAX);
	assert_true(sp_sip_conn_isgone(first)); /* the oldest is the first to go */
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
	mem_deref(first);
}

static void test_reload(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	const struct dns_place at = place("192.0.2.1", 5061, "a.example");
	struct sp_conf_trunk *conf;
	struct wire *wire;
	uint64_t key;

	site_places(s, &at, 1);
	key = w->t->targetv[0]->key;
	wire = connect_wire(w, w->t->targetv[0]);

	/* the same site at another place of the list: DNS need not answer anew */
	conf = next_conf(w);
	conf->targetv[1] = conf->targetv[0];
	conf->targetv[1].host = "SVC.example";
	conf->targetv[0] = (struct sp_conf_target){.host = "192.0.2.9", .port = 5061};
	conf->targetc = 2;
	apply(w);
	assert_ptr_equal(w->t->sitev[1], s);
	assert_int_equal(w->t->targetc, 2);
	assert_true(w->t->targetv[1]->key == key);
	assert_false(sp_sip_conn_isgone(wire->sip));

	/* with a port it is another one: no SRV */
	conf = next_conf(w);
	conf->targetv[1].port_given = true;
	apply(w);
	assert_ptr_not_equal(w->t->sitev[1], s);
	assert_int_equal(w->t->targetc, 1);
	assert_true(sp_sip_conn_isgone(wire->sip));
}

static void test_keys(void **state)
{
	struct world *w = *state;
	const struct dns_place a = place("192.0.2.1", 5061, "a.example"),
			       b = place("192.0.2.1", 5061, "b.example"),
			       other_port = place("192.0.2.1", 5062, "a.example"),
			       other_addr = place("192.0.2.2", 5061, "a.example");
	struct dns_place heavier = a;
	struct site *s = site(w, "svc.example", 0);
	const uint64_t key = target_key(s, &a);

	heavier.weight = heavier.priority = 9;
	assert_true(target_key(s, &heavier) == key);
	assert_true(target_key(s, &b) != key);
	assert_true(target_key(s, &other_port) != key);
	assert_true(target_key(s, &other_addr) != key);
	add_target(&w->f, "svd.example", 0);
	apply(w);
	assert_true(target_key(w->t->sitev[1], &a) != key);
}

/* SP_TRUNK_TARGETS_MAX, and no site without any because of another. */
static void test_number_is_bounded(void **state)
{
	struct dns_place v[DNS_PLACES_MAX];
	struct world *w = *state;
	struct sp_conf_trunk *conf;
	char addr[32];

	for (unsigned i = 0; i < DNS_PLACES_MAX; ++i) {
		snprintf(addr, sizeof(addr), "192.0.2.%u", i + 1);
		v[i] = place(addr, 5061, "a.example");
	}
	add_target(&w->f, "one.example", 0);
	add_target(&w->f, "two.example", 0);
	add_target(&w->f, "three.example", 0);
	apply(w);
	for (size_t i = 0; i < 3; ++i)
		site_places(w->t->sitev[i], v, DNS_PLACES_MAX);
	assert_int_equal(w->t->sitev[0]->targetc, DNS_PLACES_MAX);
	assert_int_equal(w->t->sitev[1]->targetc, DNS_PLACES_MAX - 1);
	assert_int_equal(w->t->sitev[2]->targetc, 1);
	assert_int_equal(w->t->targetc, SP_TRUNK_TARGETS_MAX);
	assert_int_equal(fix_logged("targets_left_out trunk=one target=three.example left=31"), 1);

	/* a reload adds one: the largest gives way */
	conf = next_conf(w);
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = "192.0.2.200", .port = 5061};
	apply(w);
	assert_int_equal(w->t->targetc, SP_TRUNK_TARGETS_MAX);
	assert_int_equal(w->t->sitev[0]->targetc, DNS_PLACES_MAX - 1);
	assert_int_equal(w->t->sitev[3]->targetc, 1);
}

/* All of DNS's part, but for the wire. */
static void test_from_dns(void **state)
{
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 5061);
	struct dns_answer answer = {.ttl_s = 3000, .recordc = 1};
	size_t asked;

	assert_int_equal(sa_set_str(&answer.recordv[0].addr, "192.0.2.7", 0), 0);
	assert_false(s->looked_up);
	sp_loop_advance(w->loop, 0);
	asked = questionc;
	assert_in_range(asked, 1, 8);
	for (size_t i = 0; i < asked; ++i) {
		const struct question *q = &questionv[i];

		if (q->type == DNS_TYPE_A)
			q->h(0, "", &answer, q->arg);
		else
			q->h(ENOENT, "no such record", NULL, q->arg);
	}
	assert_true(s->looked_up);
	assert_int_equal(w->t->targetc, 1);
	assert_string_equal(w->t->targetv[0]->label, "svc.example:5061 192.0.2.7");

	/* when all that it leads to is down, it is looked up before its time */
	sp_loop_advance(w->loop, DNS_RETRY_MIN_S * 1000);
	assert_int_equal(questionc, asked);
	health_down(w->t->targetv[0], "connect: refused");
	sp_loop_advance(w->loop, 0);
	assert_true(questionc > asked);
	assert_int_equal(
		fix_logged("target=\"svc.example:5061 192.0.2.7\" why=\"connect: refused\""), 1);
}

/* The targets of a trunk that is no longer configured are left alone, and DNS may go on. */
static void test_inactive(void **state)
{
	const struct dns_place v[2] = {place("192.0.2.1", 5061, "a.example"),
				       place("192.0.2.2", 5061, "b.example")};
	struct world *w = *state;
	struct site *s;

	w->f.trunkv[0].target_connections = 2;
	s = site(w, "svc.example", 0);
	w->t = mem_ref(w->t);
	fix_apply(&w->f, w->ts, 0);
	site_places(s, v, 2);
	assert_int_equal(w->t->targetc, 2);
	sp_loop_advance(w->loop, TRUNK_GRACE_MS + 60000);
	assert_int_equal(w->t->targetv[0]->failures, 0);
	assert_non_null(trunks_find(w->ts, "one"));

	/* and does not keep it alive */
	for (unsigned i = 0; i < TRUNK_LINGER_MS / 60000 + 1; ++i) {
		site_places(s, &v[i % 2], 1);
		sp_loop_advance(w->loop, 60000);
	}
	assert_null(trunks_find(w->ts, "one"));
	mem_deref(w->t);
}

/* What was known of a target whose connections have gone meanwhile is not known any more. */
static void test_back_without_connections(void **state)
{
	const struct dns_place v[2] = {place("192.0.2.1", 5061, "a.example"),
				       place("192.0.2.2", 5061, "b.example")};
	struct world *w = *state;
	struct site *s = site(w, "svc.example", 0);
	struct wire *wire;

	site_places(s, v, 1);
	connect_wire(w, w->t->targetv[0]);
	assert_int_equal(w->t->targetv[0]->state, SP_TARGET_UP);
	fix_apply(&w->f, w->ts, 0);
	sp_loop_advance(w->loop, TRUNK_GRACE_MS);
	apply(w);
	assert_int_equal(w->t->targetv[0]->connc, 0);
	assert_int_equal(w->t->targetv[0]->state, SP_TARGET_UNKNOWN);
	assert_false(sp_trunk_up(w->t));

	wire = connect_wire(w, w->t->targetv[0]);
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	site_places(s, &v[1], 1);
	conn_end(wire_conn(wire), "peer closed");
	site_places(s, v, 1);
	assert_int_equal(w->t->targetv[0]->state, SP_TARGET_UNKNOWN);
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
}

/* RFC 5923 8: who says a port is that target; the default of the name is not each target's own. */
static void test_named_with_port(void **state)
{
	const struct dns_place v[2] = {place("192.0.2.1", 5071, "a.example"),
				       place("192.0.2.1", 5061, "a.example")};
	const struct pl host = PL("a.example"), name = PL("svc.example");
	struct world *w = *state;

	site_places(site(w, "svc.example", 0), v, 2);
	for (size_t i = 0; i < 2; ++i) {
		struct target *tg = w->t->targetv[i];

		assert_ptr_equal(trunk_target_of(w->t, &host, sa_port(&v[i].addr), &v[i].addr), tg);
		assert_true(target_named(tg, &host, 0));
		assert_true(target_named(tg, &name, 5061));
	}
	assert_null(trunk_target_of(w->t, &host, 5099, &v[0].addr));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_labels_and_names),
		T(test_change),
		T(test_gone_with_calls),
		T(test_gone_but_alive),
		T(test_those_gone_are_bounded),
		T(test_reload),
		T(test_keys),
		T(test_number_is_bounded),
		T(test_from_dns),
		T(test_inactive),
		T(test_back_without_connections),
		T(test_named_with_port),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/site", tests, NULL, NULL);
}
