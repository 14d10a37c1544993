/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The next target, after one has refused or redirected (RFC 3261 8.1.3.4,
 * RFC 3263 4.3), and whose names a host is of.
 */
#include "trunk_far.h"

static void next_pick(struct world *w, struct result *r, const struct sp_trunk_want *want)
{
	want_pick(w, r, want);
	await_pick(r);
}

static void two_targets(struct world *w)
{
	far_listen_at(w, 1, w->server, "127.0.0.2");
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.2", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
}

static void test_each_target_once(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = {.avoidc = 0};
	struct result r;

	two_targets(w);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	sp_trunk_avoid(&want, r.target);

	/* the first is connected and up all the same */
	next_pick(w, &r, &want);
	assert_int_equal(r.err, 0);
	assert_true(r.conn);
	assert_string_equal(r.host, "127.0.0.2");
	assert_int_equal(r.port, far_port(w, 1));
	sp_trunk_avoid(&want, r.target);
	sp_trunk_avoid(&want, r.target); /* known */
	assert_int_equal(want.avoidc, 2);

	next_pick(w, &r, &want);
	assert_int_equal(r.err, ENOENT);
	assert_false(r.conn);

	/* others are not concerned */
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.port, far_port(w, 0));
}

/* The last that is left cannot be reached: that is said, not that none is left. */
static void test_avoided_are_no_way_out(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = {.avoidc = 0};
	struct result r;

	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.1", closed_port());
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	sp_trunk_avoid(&want, r.target);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, ECONNREFUSED);
}

/* A reload turns the list round: what was tried stays tried. */
static void test_avoided_across_reload(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_trunk_want want = {.avoidc = 0};
	struct result r;

	two_targets(w);
	sp_trunk_avoid(&want, w->f.trunk[0]->targetv[0]->key);
	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.2", far_port(w, 1));
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	w->f.trunk[0] = mem_deref(w->f.trunk[0]);
	w->f.trunk[0] = mem_ref(second.trunk[0]);

	next_pick(w, &r, &want);
	assert_string_equal(r.host, "127.0.0.2");
	sp_trunk_avoid(&want, r.target);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, ENOENT);
	fix_conf_free(&second);
}

static void test_preferred_target(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = {.host = "127.0.0.2"};
	struct sp_trunk_pick *pick = NULL;
	struct result r;

	two_targets(w);
	start_pick(w, &r); /* the first is up, the other not even connected */
	await_pick(&r);
	want.port = far_port(w, 1);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "127.0.0.2");
	want.port = 0;
	next_pick(w, &r, &want);
	assert_string_equal(r.host, "127.0.0.2");

	sp_trunk_avoid(&want, w->f.trunk[0]->targetv[1]->key);
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), ENOENT);
	want.port = 9;
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), EHOSTUNREACH);
	want.port = 0;
	want.host = "one.test"; /* the trunk's name, but no target */
	assert_true(sp_trunk_owns_host(w->f.trunk[0], &(struct pl)PL("one.test")));
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), EHOSTUNREACH);
	want.host = "";
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), EHOSTUNREACH);
	assert_null(pick);
}

static void test_preferred_target_fails(void **state)
{
	struct world *w = *state;
	const uint16_t port = closed_port();
	const struct sp_trunk_want want = {.host = "127.0.0.1", .port = port};
	struct result r;

	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.1", port);
	fix_apply(&w->f, w->ts, 1);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	assert_int_equal(fix_logged("target_down"), 1); /* it was tried */
}

/* It goes with a reload while its pick waits for its turn. */
static void test_preferred_target_is_dropped(void **state)
{
	struct world *w = *state;
	const struct sp_trunk_want want = {.host = "127.0.0.2"};
	struct fix_conf second = {0};
	struct result r = {.w = w};

	two_targets(w);
	assert_int_equal(sp_trunk_pick(&r.pick, w->f.trunk[0], &want, on_picked, &r), 0);
	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "127.0.0.1");
	fix_conf_free(&second);
}

/* The peer connects to us: one try, by whatever connection of its own. */
static void test_without_targets(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = {.host = "one.test"};
	struct sp_trunk_pick *pick = NULL;
	struct sp_sip_conn *c;
	struct result r;

	fix_apply(&w->f, w->ts, 1);
	assert_int_equal(
		sp_sip_conn_alloc(&c, w->sip, "sbc.test:5061", w->f.trunk[0], far_send, NULL), 0);
	assert_int_equal(sp_trunk_attach(w->f.trunk[0], c), 0);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "");
	assert_int_equal(r.port, 0);

	sp_trunk_avoid(&want, r.target);
	next_pick(w, &r, &want);
	assert_int_equal(r.err, ENOENT);
	want.host = "two.test";
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), EHOSTUNREACH);
	mem_deref(c);
}

static void test_avoided_are_bounded(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = {.avoidc = 0};
	struct sp_trunk_pick *pick = NULL;
	struct result r;

	two_targets(w);
	for (uint64_t i = 1; i <= 3 * SP_TRUNK_TARGETS_MAX; ++i)
		sp_trunk_avoid(&want, 1000 + i);
	assert_int_equal(want.avoidc, SP_TRUNK_TARGETS_MAX);
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], &want, on_picked, &r), ENOENT);
	assert_int_equal(sp_trunk_pick(&pick, w->f.trunk[0], NULL, on_picked, &r), EINVAL);
}

/* The limit of those that wait leaves room for emergency calls, but some only. */
static void test_emergency_picks(void **state)
{
	static struct result r[SP_TRUNK_PICKS_MAX + SP_TRUNK_PICKS_MORE + 1];
	const size_t all = SP_TRUNK_PICKS_MAX + SP_TRUNK_PICKS_MORE;
	struct sp_trunk_want want = {.emergency = false};
	struct world *w = *state;
	struct sp_trunk *t;

	memset(r, 0, sizeof(r));
	fix_apply(&w->f, w->ts, 1);
	t = w->f.trunk[0];
	for (size_t i = 0; i < all; ++i) {
		if (i == SP_TRUNK_PICKS_MAX) {
			assert_int_equal(sp_trunk_pick(&r[i].pick, t, &want, on_picked, &r[i]),
					 EBUSY);
			want.emergency = true;
		}
		assert_int_equal(sp_trunk_pick(&r[i].pick, t, &want, on_picked, &r[i]), 0);
	}
	assert_int_equal(sp_trunk_pick(&r[all].pick, t, &want, on_picked, &r[all]), EBUSY);
	for (size_t i = 0; i < all; ++i)
		mem_deref(r[i].pick);
}

static bool owns(const struct world *w, const char *host)
{
	struct pl pl;

	pl_set_str(&pl, host);
	return sp_trunk_owns_host(w->f.trunk[0], &pl);
}

static void test_names_of_a_trunk(void **state)
{
	static const char *const names[] = {"sip.one.example", "one.example"};
	static const char *const its[] = {"sip.one.example", "SIP.One.Example", "sip.one.example.",
					  "one.example",     "calls.example",   "edge.example",
					  "192.0.2.7",       "2001:db8::7",     "2001:DB8:0:0::7"};
	static const char *const others[] = {"two.example",
					     "sip2.one.example",
					     "a.sip.one.example",
					     "example",
					     "one.example.evil.example",
					     "evilone.example",
					     "sip.one.exampl",
					     "192.0.2.8",
					     "192.0.2.70",
					     "2001:db8::8",
					     "[2001:db8::7]",
					     "::ffff:192.0.2.7",
					     ".",
					     ""};
	struct world *w = *state;

	w->f.trunkv[0].identityv = names;
	w->f.trunkv[0].identityc = 2;
	w->f.trunkv[0].domain = "calls.example";
	add_target(&w->f, "edge.example", 5061);
	add_target(&w->f, "192.0.2.7", 5061);
	add_target(&w->f, "2001:db8::7", 5061);
	fix_apply(&w->f, w->ts, 1);
	for (size_t i = 0; i < sizeof(its) / sizeof(its[0]); ++i)
		assert_true(owns(w, its[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i)
		assert_false(owns(w, others[i]));
	assert_false(sp_trunk_owns_host(w->f.trunk[0], NULL));
	assert_false(sp_trunk_owns_host(w->f.trunk[0], &(struct pl)PL_INIT));
	assert_false(sp_trunk_owns_host(NULL, &(struct pl)PL("one.example")));
	assert_false(sp_trunk_owns_host(w->f.trunk[0], &(struct pl){"192.0.2.7\0x", 11}));
}

/* RFC 5922 7.2 forbids wildcards; who allows them (RFC 6125 6.4.3): one label, and whose. */
static void test_names_with_wildcard(void **state)
{
	static const char *const names[] = {"sip.one.example", "pbx.example", "localhost"};
	static const char *const its[] = {"sip.one.example", "sip2.one.example",
					  "SIP3.ONE.EXAMPLE.", "pbx.example"};
	static const char *const others[] = {
		"one.example", "a.b.one.example",  ".one.example", "other.example",
		"example",     "10.one.example.x", "192.0.2.1",    "local"};
	struct world *w = *state;

	w->f.trunkv[0].identityv = names;
	w->f.trunkv[0].identityc = 3;
	w->f.trunkv[0].wildcard = true;
	fix_apply(&w->f, w->ts, 1);
	for (size_t i = 0; i < sizeof(its) / sizeof(its[0]); ++i)
		assert_true(owns(w, its[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i)
		assert_false(owns(w, others[i]));

	w->f.trunkv[0].wildcard = false;
	assert_false(owns(w, "sip2.one.example"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FAKE(name) cmocka_unit_test_setup_teardown(name, setup_fake, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_each_target_once),
		T(test_avoided_are_no_way_out),
		T(test_avoided_across_reload),
		T(test_preferred_target),
		T(test_preferred_target_fails),
		T(test_preferred_target_is_dropped),
		T(test_without_targets),
		FAKE(test_avoided_are_bounded),
		FAKE(test_emergency_picks),
		FAKE(test_names_of_a_trunk),
		FAKE(test_names_with_wildcard),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/next", tests, setup_all, teardown_all);
}
