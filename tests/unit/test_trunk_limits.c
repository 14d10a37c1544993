/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Limits of a trunk: calls at once, new calls per second, in each direction and
 * of one source address; emergency calls; what is counted and logged.
 */
#include "trunk_limited.h"

static void apply(struct world *w)
{
	fix_apply(&w->f, w->ts, 1);
	w->t = w->f.trunk[0];
}

static enum sp_trunk_limit in(struct world *w, const char *src)
{
	struct sa sa;

	if (src)
		assert_int_equal(sa_set_str(&sa, src, 5061), 0);
	return sp_trunk_call_begin(w->t, SP_TRUNK_IN, src ? &sa : NULL, false);
}

static enum sp_trunk_limit out(struct world *w)
{
	return sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false);
}

static struct sp_trunk_status status(const struct world *w)
{
	struct sp_trunk_status s;

	sp_trunk_status(w->t, &s);
	return s;
}

/* How many calls of src begin before one is refused. */
static unsigned many_in(struct world *w, const char *src)
{
	unsigned n = 0;

	while (n < 100 && !in(w, src)) {
		sp_trunk_call_end(w->t, SP_TRUNK_IN);
		++n;
	}
	return n;
}

static unsigned many_out(struct world *w)
{
	unsigned n = 0;

	while (n < 100 && !out(w)) {
		sp_trunk_call_end(w->t, SP_TRUNK_OUT);
		++n;
	}
	return n;
}

static void test_none(void **state)
{
	struct world *w = *state;

	apply(w);
	assert_int_equal(many_in(w, "192.0.2.1"), 100);
	assert_int_equal(many_out(w), 100);
	assert_int_equal(status(w).begun_in, 100);
	assert_int_equal(status(w).begun_out, 100);
	assert_int_equal(status(w).calls_in, 0);
	assert_int_equal(fix_logged("limit_reached"), 0);
}

static void test_calls_at_once(void **state)
{
	struct world *w = *state;

	w->limits->calls = 3;
	w->limits->calls_in = 2;
	w->limits->calls_out = 2;
	apply(w);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_CALLS_IN);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_NONE);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_CALLS);
	assert_int_equal(sp_trunk_calls(w->t), 3);
	sp_trunk_call_end(w->t, SP_TRUNK_IN);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_NONE);
	sp_trunk_call_end(w->t, SP_TRUNK_IN);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_CALLS_OUT);

	assert_int_equal(status(w).calls_in, 0);
	assert_int_equal(status(w).calls_out, 2);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_CALLS], 1);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_CALLS_IN], 1);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_CALLS_OUT], 1);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_NONE], 0);

	/* an end too many takes nobody else's place */
	sp_trunk_call_end(w->t, SP_TRUNK_IN);
	assert_int_equal(sp_trunk_calls(w->t), 2);
	sp_trunk_call_end(NULL, SP_TRUNK_IN);
}

static void test_rates(void **state)
{
	struct world *w = *state;

	w->limits->rate = (struct sp_conf_rate){.per_s = 2, .burst = 6};
	w->limits->rate_in = (struct sp_conf_rate){.per_s = 1, .burst = 4};
	w->limits->rate_out = (struct sp_conf_rate){.per_s = 1, .burst = 3};
	apply(w);
	assert_int_equal(many_in(w, NULL), 4);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_RATE_IN);
	assert_int_equal(many_out(w), 2);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_RATE);

	sp_loop_advance(w->loop, 500); /* one in all; none for in */
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_RATE_IN);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_NONE);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_RATE);
	sp_loop_advance(w->loop, 500);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
	sp_loop_advance(w->loop, 100000);
	assert_int_equal(many_out(w), 3);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_RATE_OUT);
	assert_int_equal(many_in(w, NULL), 3);
	assert_int_equal(status(w).begun_in, 4 + 1 + 3);
	assert_int_equal(status(w).begun_out, 2 + 1 + 3);
}

/* Calls that one limit refuses use up nothing of another. */
static void test_refused_ones_take_nothing(void **state)
{
	struct world *w = *state;

	w->limits->calls_out = 1;
	w->limits->rate = (struct sp_conf_rate){.per_s = 1, .burst = 10};
	w->limits->rate_in = (struct sp_conf_rate){.per_s = 1, .burst = 8};
	w->limits->rate_source = (struct sp_conf_rate){.per_s = 1, .burst = 2};
	apply(w);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_NONE);
	for (unsigned i = 0; i < 50; ++i)
		assert_int_equal(out(w), SP_TRUNK_LIMIT_CALLS_OUT);
	assert_int_equal(many_in(w, "192.0.2.1"), 2);
	for (unsigned i = 0; i < 50; ++i)
		assert_int_equal(in(w, "192.0.2.1"), SP_TRUNK_LIMIT_RATE_SOURCE);
	for (unsigned i = 2; i < 5; ++i) {
		char src[32];

		snprintf(src, sizeof(src), "192.0.2.%u", i);
		assert_int_equal(many_in(w, src), 2);
	}
	for (unsigned i = 0; i < 50; ++i)
		assert_int_equal(in(w, "192.0.2.9"), SP_TRUNK_LIMIT_RATE_IN);
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
	assert_int_equal(many_out(w), 1); /* the tenth */
	assert_int_equal(out(w), SP_TRUNK_LIMIT_RATE);

	/* nor did they take of a source's */
	sp_loop_advance(w->loop, 100000);
	assert_int_equal(many_in(w, "192.0.2.9"), 2);
}

static void test_sources(void **state)
{
	struct world *w = *state;

	w->limits->rate_source = (struct sp_conf_rate){.per_s = 1, .burst = 3};
	apply(w);
	assert_int_equal(many_in(w, "192.0.2.1"), 3);
	assert_int_equal(many_in(w, "192.0.2.2"), 3);
	assert_int_equal(many_in(w, "2001:db8::1"), 3);
	assert_int_equal(many_in(w, "2001:db8::2"), 3);
	assert_int_equal(many_in(w, "2001:db8::1"), 0);
	assert_int_equal(many_out(w), 100); /* only of calls that the trunk makes */
	assert_int_equal(many_in(w, NULL), 3);
	sp_loop_advance(w->loop, 1000);
	assert_int_equal(many_in(w, "192.0.2.1"), 1);
	assert_int_equal(many_in(w, "192.0.2.2"), 1);
	assert_true(status(w).refused[SP_TRUNK_LIMIT_RATE_SOURCE] >= 5);
}

static unsigned of_nth(struct world *w, unsigned i)
{
	char src[32];

	snprintf(src, sizeof(src), "10.0.%u.%u", i / 256, i % 256);
	return in(w, src) ? 0 : 1;
}

/* With more sources than fit the newcomers share one bucket, until others have been quiet. */
static void test_sources_without_end(void **state)
{
	struct world *w = *state;

	w->limits->rate_source = (struct sp_conf_rate){.per_s = 1, .burst = 2};
	apply(w);
	for (unsigned i = 0; i < TRUNK_RATES_MAX; ++i)
		assert_int_equal(of_nth(w, i), 1);
	assert_int_equal(of_nth(w, TRUNK_RATES_MAX), 1);
	assert_int_equal(of_nth(w, TRUNK_RATES_MAX + 1), 1);
	for (unsigned i = 2; i < 100; ++i)
		assert_int_equal(of_nth(w, TRUNK_RATES_MAX + i), 0);
	assert_int_equal(of_nth(w, 5), 1); /* who has one keeps it */
	assert_int_equal(of_nth(w, 5), 0);

	/* all are full again: the newcomers get the places of the longest unused */
	sp_loop_advance(w->loop, 2000);
	for (unsigned i = 0; i < 100; ++i) {
		assert_int_equal(of_nth(w, TRUNK_RATES_MAX + i), 1);
		assert_int_equal(of_nth(w, TRUNK_RATES_MAX + i), 1);
		assert_int_equal(of_nth(w, TRUNK_RATES_MAX + i), 0);
	}
	assert_int_equal(of_nth(w, 5), 1);
}

static void test_reload_keeps_levels(void **state)
{
	struct world *w = *state;

	w->limits->rate = (struct sp_conf_rate){.per_s = 1, .burst = 4};
	apply(w);
	assert_int_equal(many_in(w, NULL), 4);
	apply(w);
	assert_int_equal(many_in(w, NULL), 0);
	w->limits->rate = (struct sp_conf_rate){.per_s = 10, .burst = 20};
	apply(w);
	assert_int_equal(many_in(w, NULL), 0);
	sp_loop_advance(w->loop, 500);
	assert_int_equal(many_in(w, NULL), 5);

	/* for sources too */
	w->limits->rate = (struct sp_conf_rate){0};
	w->limits->rate_source = (struct sp_conf_rate){.per_s = 1, .burst = 2};
	apply(w);
	assert_int_equal(many_in(w, "192.0.2.1"), 2);
	w->limits->rate_source.burst = 9;
	apply(w);
	assert_int_equal(many_in(w, "192.0.2.1"), 0);
	assert_int_equal(many_in(w, "192.0.2.2"), 9);
	w->limits->rate_source.per_s = 0;
	apply(w);
	assert_int_equal(many_in(w, "192.0.2.1"), 100);

	/* counts are those of the trunk, not of its configuration */
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
	w->limits->calls_in = 1;
	apply(w);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_CALLS_IN);
	sp_trunk_call_end(w->t, SP_TRUNK_IN);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
}

static void test_emergency_calls(void **state)
{
	struct world *w = *state;

	w->limits->calls = 1;
	w->limits->rate = (struct sp_conf_rate){.per_s = 1, .burst = 1};
	apply(w);
	for (unsigned i = 0; i < 5; ++i)
		assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, true), 0);
	assert_int_equal(status(w).calls_out, 5);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_CALLS);
	for (unsigned i = 0; i < 5; ++i)
		sp_trunk_call_end(w->t, SP_TRUNK_OUT);
	assert_int_equal(out(w), SP_TRUNK_LIMIT_NONE); /* its token is still there */
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, true), 0);
}

static void test_emergency_places(void **state)
{
	struct world *w = *state;
	char owner[SP_TRUNK_EMERGENCY_MAX + 1];

	apply(w);
	for (unsigned i = 0; i < SP_TRUNK_EMERGENCY_MAX; ++i)
		assert_true(sp_trunk_emergency_begin(w->t, &owner[i]));
	assert_false(sp_trunk_emergency_begin(w->t, &owner[SP_TRUNK_EMERGENCY_MAX]));
	assert_int_equal(status(w).emergency, SP_TRUNK_EMERGENCY_MAX);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_EMERGENCY], 1);
	assert_int_equal(fix_logged("limit_reached trunk=one limit=emergency refused=1"), 1);
	sp_trunk_emergency_end(w->t, &owner[7]);
	sp_trunk_emergency_end(w->t, &owner[7]);
	sp_trunk_emergency_end(w->t, NULL);
	assert_int_equal(status(w).emergency, SP_TRUNK_EMERGENCY_MAX - 1);
	assert_true(sp_trunk_emergency_begin(w->t, &owner[SP_TRUNK_EMERGENCY_MAX]));
}

static void test_removed_trunk(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;

	apply(w);
	t = mem_ref(w->t);
	fix_apply(&w->f, w->ts, 0);
	w->t = t;
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_INACTIVE);
	assert_int_equal(sp_trunk_call_begin(t, SP_TRUNK_IN, NULL, true), SP_TRUNK_LIMIT_INACTIVE);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_INACTIVE], 2);
	assert_false(status(w).active);
	assert_int_equal(sp_trunk_call_begin(NULL, SP_TRUNK_IN, NULL, true),
			 SP_TRUNK_LIMIT_INACTIVE);
	mem_deref(t);
}

/* One line a second at most; what was refused in between is in the next. */
static void test_log(void **state)
{
	struct world *w = *state;

	w->limits->calls_in = 1;
	apply(w);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_NONE);
	for (unsigned i = 0; i < 10; ++i)
		assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_CALLS_IN);
	assert_int_equal(fix_logged("limit_reached"), 1);
	assert_int_equal(fix_logged("limit_reached trunk=one limit=calls_in refused=1"), 1);
	sp_loop_advance(w->loop, 999);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_CALLS_IN);
	assert_int_equal(fix_logged("limit_reached"), 1);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(in(w, NULL), SP_TRUNK_LIMIT_CALLS_IN);
	assert_int_equal(fix_logged("limit_reached"), 2);
	assert_int_equal(fix_logged("limit=calls_in refused=11"), 1);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_CALLS_IN], 12);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < SP_TRUNK_LIMITS; ++i) {
		for (int k = 0; k < i; ++k)
			assert_string_not_equal(sp_trunk_limit_name((enum sp_trunk_limit)i),
						sp_trunk_limit_name((enum sp_trunk_limit)k));
	}
	assert_string_equal(sp_trunk_limit_name(SP_TRUNK_LIMIT_RATE_SOURCE), "source_calls_per_s");
	assert_string_equal(sp_trunk_limit_name(SP_TRUNK_LIMITS), "?");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_none),
		T(test_calls_at_once),
		T(test_rates),
		T(test_refused_ones_take_nothing),
		T(test_sources),
		T(test_sources_without_end),
		T(test_reload_keeps_levels),
		T(test_emergency_calls),
		T(test_emergency_places),
		T(test_removed_trunk),
		T(test_log),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("trunk/limits", tests, NULL, NULL);
}
