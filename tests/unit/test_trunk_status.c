/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is to be seen of trunks and targets.
 */
#include "trunk_accept.h"

enum { SEEN_MAX = 4 };

struct seen {
	size_t n;
	struct sp_target_status v[SEEN_MAX];
};

static void on_target(const struct sp_target_status *tg, void *arg)
{
	struct seen *seen = arg;

	assert_true(seen->n < SEEN_MAX);
	seen->v[seen->n++] = *tg;
}

static struct seen targets(const struct world *w)
{
	struct seen seen = {.n = 0};

	sp_trunk_targets(w->f.trunk[0], on_target, &seen);
	return seen;
}

static void add(struct world *w, const char *host)
{
	struct sp_conf_trunk *conf = &w->f.trunkv[0];

	conf->reuse = true;
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = host, .port = 5061, .port_given = true};
}

static void test_targets(void **state)
{
	struct world *w = *state;
	struct client *cl;
	struct seen seen;

	add(w, "127.0.0.1");
	add(w, "2001:db8::7");
	add(w, "not-looked-up.test");
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 0);
	seen = targets(w);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.v[0].label, "127.0.0.1:5061");
	assert_string_equal(seen.v[0].entry, "127.0.0.1:5061");
	assert_int_equal(sa_port(seen.v[0].addr), 5061);
	assert_int_equal(seen.v[0].state, SP_TARGET_UNKNOWN);
	assert_string_equal(seen.v[0].why, "");
	assert_int_equal(seen.v[0].connections, 0);
	assert_string_equal(seen.v[1].label, "[2001:db8::7]:5061");
	assert_string_equal(seen.v[2].label, "not-looked-up.test:5061");
	assert_null(seen.v[2].addr);
	assert_int_equal(seen.v[2].state, SP_TARGET_UNKNOWN);
	assert_non_null(seen.v[2].why);

	/* up by the peer's own connection */
	cl = dial(w);
	send_options_via(cl, "127.0.0.1", ";alias");
	seen = targets(w);
	assert_int_equal(seen.v[0].state, SP_TARGET_UP);
	assert_int_equal(seen.v[0].connections, 1);
	assert_int_equal(seen.v[0].pending, 0);
	assert_int_equal(seen.v[0].since_ms, 0);
	sp_loop_advance(w->fake, 1234);
	assert_int_equal(targets(w).v[0].since_ms, 1234);
	sp_loop_turn(w->fake);
}

static void test_asked_to_wait(void **state)
{
	struct world *w = *state;

	add(w, "127.0.0.1");
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 0);
	sp_trunk_busy(w->f.trunk[0], w->f.trunk[0]->targetv[0]->key, 30);
	assert_int_equal(targets(w).v[0].busy_s, 30);
	sp_loop_advance(w->fake, 29001);
	assert_int_equal(targets(w).v[0].busy_s, 1);
	sp_loop_advance(w->fake, 999);
	assert_int_equal(targets(w).v[0].busy_s, 0);
	sp_loop_turn(w->fake);
}

static void test_trunk(void **state)
{
	static const uint8_t garbage[] = "\n";
	struct world *w = *state;
	struct sp_trunk_status s;
	struct client *cl;

	fix_apply(&w->f, w->ts, 1);
	dial(w);
	cl = dial(w);
	sp_trunk_status(w->f.trunk[0], &s);
	assert_true(s.active);
	assert_int_equal(s.accepted, 2);
	assert_int_equal(s.messages_refused, 0);
	assert_int_equal(sp_tls_send(cl->tls, garbage, 1), 0);
	until_down(cl);
	sp_trunk_status(w->f.trunk[0], &s);
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.messages_refused, 1);
	assert_int_equal(targets(w).n, 0);
}

static void test_removed(void **state)
{
	struct world *w = *state;
	struct sp_trunk_status s = {.active = true};
	struct sp_trunk *t;

	add(w, "127.0.0.1");
	fix_apply(&w->f, w->ts, 1);
	t = mem_ref(w->f.trunk[0]);
	fix_apply(&w->f, w->ts, 0);
	sp_trunk_status(t, &s);
	assert_false(s.active);
	mem_deref(t);
	sp_trunk_status(NULL, &s);
	sp_trunk_status(NULL, NULL);
	sp_trunk_targets(NULL, on_target, NULL);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sp_target_state_name(SP_TARGET_UNKNOWN), "unknown");
	assert_string_equal(sp_target_state_name(SP_TARGET_UP), "up");
	assert_string_equal(sp_target_state_name(SP_TARGET_PROBING), "probing");
	assert_string_equal(sp_target_state_name(SP_TARGET_DOWN), "down");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_targets), T(test_asked_to_wait),        T(test_trunk),
		T(test_removed), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("trunk/status", tests, setup_all, teardown_all);
}
