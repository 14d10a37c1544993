/* SPDX-License-Identifier: BSD-3-Clause
 *
 * unknown_per_minute: how many numbers a trunk may try in vain.
 */
#include "trunk_limited.h"
#include "sallyport/trunk_scan.h"

static void apply(struct world *w, unsigned unknown_per_minute)
{
	w->limits->unknown_per_minute = unknown_per_minute;
	fix_apply(&w->f, w->ts, 1);
	w->t = w->f.trunk[0];
}

static struct sp_trunk_status status(const struct world *w)
{
	struct sp_trunk_status s;

	sp_trunk_status(w->t, &s);
	return s;
}

/* A scanner: so many calls to numbers that do not exist. @return how many were looked up */
static unsigned tried(struct world *w, unsigned calls)
{
	unsigned n = 0;

	for (unsigned i = 0; i < calls; ++i) {
		if (!sp_trunk_scan_admit(w->t))
			continue;
		sp_trunk_scan_unknown(w->t);
		++n;
	}
	return n;
}

static void test_without_limit(void **state)
{
	struct world *w = *state;

	apply(w, 0);
	assert_int_equal(tried(w, 5000), 5000);
	assert_true(sp_trunk_scan_ready(w->t));
	assert_int_equal(status(w).unknown, 5000);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_UNKNOWN], 0);
	assert_int_equal(fix_logged("number_scan"), 0);
	assert_true(sp_trunk_scan_admit(NULL));
	sp_trunk_scan_unknown(NULL);
}

static void test_burst_and_rate(void **state)
{
	struct world *w = *state;

	apply(w, 30);
	assert_int_equal(tried(w, 30), 30);
	assert_int_equal(fix_logged("number_scan"), 0); /* nobody has been refused */
	assert_false(sp_trunk_scan_ready(w->t));
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_UNKNOWN], 0);
	assert_int_equal(tried(w, 1970), 0);
	assert_int_equal(status(w).unknown, 30);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_UNKNOWN], 1970);

	sp_loop_advance(w->loop, 1999);
	assert_int_equal(tried(w, 10), 0);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(tried(w, 10), 1);
	sp_loop_advance(w->loop, 10ULL * 60 * 1000);
	assert_int_equal(tried(w, 100), 30); /* never more than the burst */
}

/* Known numbers take no token, and refusals do not either. */
static void test_what_takes_no_token(void **state)
{
	struct world *w = *state;

	apply(w, 1);
	for (unsigned i = 0; i < 100; ++i)
		assert_true(sp_trunk_scan_admit(w->t));
	sp_trunk_scan_unknown(w->t);
	for (unsigned i = 0; i < 59; ++i) {
		assert_false(sp_trunk_scan_admit(w->t));
		sp_loop_advance(w->loop, 1000);
	}
	assert_false(sp_trunk_scan_admit(w->t));
	sp_loop_advance(w->loop, 1000);
	assert_true(sp_trunk_scan_admit(w->t));
}

/* However long: in each minute as many as were agreed on. */
static void test_an_hour(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	apply(w, 20);
	for (unsigned s = 0; s < 3600; ++s) {
		n += tried(w, 50);
		sp_loop_advance(w->loop, 1000);
	}
	assert_in_range(n, 20 * 60, 20 * 61);
	assert_int_equal(fix_logged("number_scan trunk=one"), 1); /* one line, not one per token */
	assert_int_equal(fix_logged("number_scan_end"), 0);
	assert_int_equal(status(w).unknown, n);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_UNKNOWN], 3600U * 50 - n);
}

static void test_log(void **state)
{
	struct world *w = *state;

	apply(w, 6);
	assert_int_equal(tried(w, 2), 2); /* long ago, and forgotten */
	sp_loop_advance(w->loop, 60000);
	assert_int_equal(tried(w, 1), 1);
	sp_loop_advance(w->loop, 1000); /* not full again: it belongs to what follows */
	assert_int_equal(tried(w, 105), 5);
	assert_int_equal(fix_logged("number_scan trunk=one unknown=6 per_minute=6"), 1);
	sp_loop_advance(w->loop, 58999);
	assert_int_equal(fix_logged("number_scan_end"), 0);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(fix_logged("number_scan_end trunk=one unknown=6 refused=100 duration_s="),
			 1);
	sp_loop_advance(w->loop, 600000);
	assert_int_equal(fix_logged("number_scan_end"), 1);

	assert_int_equal(tried(w, 7), 6); /* the next one counts from its own beginning */
	assert_int_equal(fix_logged("number_scan trunk=one unknown=6"), 2);
	sp_loop_advance(w->loop, 60000);
	assert_int_equal(fix_logged("number_scan_end trunk=one unknown=6 refused=1 duration_s=60"),
			 1);
}

static void test_reload(void **state)
{
	struct world *w = *state;

	apply(w, 4);
	assert_int_equal(tried(w, 3), 3);
	apply(w, 4);
	assert_int_equal(tried(w, 3), 1); /* the bucket is the trunk's, not the configuration's */
	apply(w, 8);
	assert_int_equal(tried(w, 3), 0);
	assert_int_equal(fix_logged("number_scan trunk"), 1);
	sp_loop_advance(w->loop, 7500);
	assert_int_equal(tried(w, 3), 1); /* faster now */
	apply(w, 2);
	sp_loop_advance(w->loop, 60000);
	assert_int_equal(fix_logged("number_scan_end"), 1);
	assert_int_equal(tried(w, 9), 2);
	assert_int_equal(status(w).unknown, 7);

	apply(w, 0); /* the limit is gone, and so is the scan */
	assert_int_equal(fix_logged("number_scan_end"), 2);
	assert_int_equal(tried(w, 9), 9);
	sp_loop_advance(w->loop, 600000);
	assert_int_equal(fix_logged("number_scan"), 4);
}

static void test_trunk_that_goes(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;

	apply(w, 1);
	assert_int_equal(tried(w, 3), 1);
	t = mem_ref(w->t);
	fix_apply(&w->f, w->ts, 0);
	assert_int_equal(fix_logged("number_scan_end trunk=one unknown=1 refused=2"), 1);
	w->ts = mem_deref(w->ts);
	sp_loop_advance(w->loop, 600000);
	mem_deref(t);
	w->t = NULL;
}

/* The end of the process in the middle of a scan. */
static void test_end_of_all(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;

	apply(w, 1);
	assert_int_equal(tried(w, 3), 1);
	t = mem_ref(w->t);
	w->ts = mem_deref(w->ts);
	sp_loop_advance(w->loop, 600000);
	assert_int_equal(fix_logged("number_scan_end"), 0);
	mem_deref(t);
}

/* Under overload a scan takes nothing of the others' share; calls to the trunk go on. */
static void test_fits(void **state)
{
	struct world *w = *state;

	apply(w, 1);
	assert_true(sp_trunk_call_fits(w->t, SP_TRUNK_IN, NULL));
	assert_int_equal(tried(w, 1), 1);
	assert_false(sp_trunk_call_fits(w->t, SP_TRUNK_IN, NULL));
	assert_true(sp_trunk_call_fits(w->t, SP_TRUNK_OUT, NULL));
	assert_int_equal(fix_logged("number_scan"), 0);
	assert_int_equal(status(w).refused[SP_TRUNK_LIMIT_UNKNOWN], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_without_limit),
		T(test_burst_and_rate),
		T(test_what_takes_no_token),
		T(test_an_hour),
		T(test_log),
		T(test_reload),
		T(test_trunk_that_goes),
		T(test_end_of_all),
		T(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
