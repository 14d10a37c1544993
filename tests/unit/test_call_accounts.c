/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts of the number table: calls at once and per second, by the settings
 * that the table has for each; and that nothing is kept of an account
 * that is as if it had never been.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/base_log.h>
#include <sallyport/base_loop.h>
#include "accounts_priv.h"

enum { START_MS = 5000 };

struct fix {
	struct sp_loop *loop;
	struct accounts *as;
	struct sp_conf_limits all;
	const struct sp_number_account *v; /* of a table; others have no limits of their own */
	size_t n;
};

static char log_line[1024];
static unsigned log_lines;

static void log_keep(enum sp_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;

	snprintf(log_line, sizeof(log_line), "%s", line);
	++log_lines;
}

/* contoso: 2 calls, 1 per second, 3 at once; fabrikam: unlimited; all others: 1 call. */
static const struct sp_number_account accountv[] = {
	{.name = "fabrikam", .limited = true},
	{.name = "contoso", .limited = true, .calls = 2, .calls_per_s = 1, .burst = 3},
	{.name = "quick", .limited = true, .calls_per_s = 10, .burst = 1},
	{.name = "other", .calls = 9, .calls_per_s = 9, .burst = 9}, /* are not its own */
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || sp_loop_alloc_fake(&f->loop, START_MS) || accounts_alloc(&f->as, f->loop))
		return -1;
	f->v = accountv;
	f->n = ARRAY_SIZE(accountv);
	f->all.account_calls = 1;
	sp_log_sink(log_keep, NULL);
	log_lines = 0;
	*state = f;

	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	sp_log_sink(NULL, NULL);
	mem_deref(f->as);
	mem_deref(f->loop);
	free(f);

	return 0;
}

static const char *begin(struct fix *f, const char *name, struct account **ap)
{
	struct sp_number_account nobody = {.name = name};

	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->v[i].name, name))
			return accounts_begin(f->as, &f->all, &f->v[i], ap);
	}
	return accounts_begin(f->as, &f->all, &nobody, ap);
}

static struct account *begun(struct fix *f, const char *name)
{
	struct account *a;

	assert_null(begin(f, name, &a));

	return a;
}

static void refused(struct fix *f, const char *name, const char *limit)
{
	struct account *a = (void *)f;

	assert_string_equal(begin(f, name, &a), limit);
	assert_null(a);
}

static void no_account_is_not_limited(void **state)
{
	struct fix *f = *state;
	struct account *a = (void *)f;

	for (int i = 0; i < 10; i++) {
		assert_null(begin(f, "", &a));
		assert_null(a);
	}
	accounts_end(NULL);
	assert_int_equal(accounts_kept(f->as), 0);
}

static void calls_at_once(void **state)
{
	struct fix *f = *state;
	struct account *a[3];

	a[0] = begun(f, "contoso");
	a[1] = begun(f, "contoso");
	assert_ptr_equal(a[0], a[1]);
	refused(f, "contoso", "account_calls");
	accounts_end(a[0]);
	a[2] = begun(f, "contoso");
	refused(f, "contoso", "account_calls"); /* which took no token: see below */
	accounts_end(a[1]);
	refused(f, "contoso", "account_calls_per_s");
	sp_loop_advance(f->loop, 1000);
	a[1] = begun(f, "contoso");
	accounts_end(a[1]);
	accounts_end(a[2]);
}

static void calls_per_second(void **state)
{
	struct fix *f = *state;
	unsigned in = 0;

	for (unsigned ms = 0; ms < 10000; ms += 10) {
		struct account *a;

		if (!begin(f, "quick", &a)) {
			++in;
			accounts_end(a);
		}
		sp_loop_advance(f->loop, 10);
	}
	assert_in_range(in, 99, 101);
}

/* Case counts: names are the operator's own. */
static void settings_or_defaults(void **state)
{
	struct fix *f = *state;
	struct account *a[64], *one = begun(f, "nobody");

	for (int i = 0; i < 64; i++)
		a[i] = begun(f, "fabrikam");
	refused(f, "nobody", "account_calls");
	accounts_end(begun(f, "Contoso"));
	for (int i = 0; i < 64; i++)
		accounts_end(a[i]);
	accounts_end(one);
	accounts_end(begun(f, "nobody"));
	assert_int_equal(accounts_kept(f->as), 0);
}

/* Nothing stays of an account but what its bucket lacks. */
static void nothing_is_kept(void **state)
{
	struct fix *f = *state;
	struct account *a = begun(f, "contoso");

	accounts_end(begun(f, "fabrikam"));
	assert_int_equal(accounts_kept(f->as), 1);
	accounts_end(a);
	assert_int_equal(accounts_kept(f->as), 1);
	sp_loop_advance(f->loop, 999);
	accounts_end(begun(f, "fabrikam"));
	assert_int_equal(accounts_kept(f->as), 1);
	sp_loop_advance(f->loop, 1);
	accounts_end(begun(f, "fabrikam"));
	assert_int_equal(accounts_kept(f->as), 0);

	/* nor of one that only was refused */
	accounts_end(begun(f, "quick"));
	refused(f, "quick", "account_calls_per_s");
	refused(f, "quick", "account_calls_per_s");
	assert_int_equal(accounts_kept(f->as), 1);
	sp_loop_advance(f->loop, 100);
	accounts_end(begun(f, "fabrikam"));
	assert_int_equal(accounts_kept(f->as), 0);
}

/* A rate for all is each one's. */
static void a_rate_for_all(void **state)
{
	struct fix *f = *state;

	f->all = (struct sp_conf_limits){.account_rate = {.per_s = 1, .burst = 2}};
	accounts_end(begun(f, "nobody"));
	accounts_end(begun(f, "nobody"));
	refused(f, "nobody", "account_calls_per_s");
	accounts_end(begun(f, "another"));
	for (int i = 0; i < 9; i++)
		accounts_end(begun(f, "fabrikam")); /* has settings, and none of these */
	sp_loop_advance(f->loop, 1000);
	accounts_end(begun(f, "nobody"));
	refused(f, "nobody", "account_calls_per_s");
}

/* A reload limits an account that has calls: they count, and stay. */
static void limits_change(void **state)
{
	static const struct sp_number_account later[] = {
		{.name = "contoso", .limited = true},
		{.name = "fabrikam", .limited = true, .calls = 3, .calls_per_s = 1, .burst = 1}};
	struct fix *f = *state;
	struct account *a[4], *b;

	for (int i = 0; i < 4; i++)
		a[i] = begun(f, "fabrikam");
	b = begun(f, "contoso");
	f->v = later;
	f->n = 2;
	refused(f, "fabrikam", "account_calls");
	accounts_end(a[0]);
	refused(f, "fabrikam", "account_calls");
	accounts_end(a[1]);
	a[0] = begun(f, "fabrikam");
	accounts_end(a[0]);
	refused(f, "fabrikam", "account_calls_per_s");
	for (int i = 0; i < 10; i++)
		accounts_end(begun(f, "contoso"));
	accounts_end(b);

	/* and none at all, with nothing named */
	f->n = 0;
	f->all.account_calls = 0;
	for (int i = 0; i < 10; i++)
		accounts_end(begun(f, "fabrikam"));
	accounts_end(a[2]);
	accounts_end(a[3]);
}

static void the_number_is_bounded(void **state)
{
	struct fix *f = *state;
	struct account **a = calloc(ACCOUNTS_MAX, sizeof(*a));
	char name[32];

	assert_non_null(a);
	for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
		snprintf(name, sizeof(name), "account-%u", i);
		a[i] = begun(f, name);
	}
	assert_int_equal(accounts_kept(f->as), ACCOUNTS_MAX);
	refused(f, "one-more", "accounts");
	accounts_end(a[0]);
	a[0] = begun(f, "one-more");
	for (unsigned i = 0; i < ACCOUNTS_MAX; i++)
		accounts_end(a[i]);
	assert_int_equal(accounts_kept(f->as), 0);
	free(a);
}

/* Of all accounts together one line a second, which counts the others. */
static void one_line_a_second(void **state)
{
	struct fix *f = *state;
	struct account *a = begun(f, "x"), *b = begun(f, "y z");

	for (int i = 0; i < 50; i++)
		refused(f, i % 2 ? "x" : "y z", "account_calls");
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_line, "account=\"y z\" limit=account_calls refused=1"));
	sp_loop_advance(f->loop, 1000);
	refused(f, "x", "account_calls");
	assert_int_equal(log_lines, 2);
	assert_non_null(strstr(log_line, "account=x limit=account_calls refused=50"));
	accounts_end(a);
	accounts_end(b);
}

/* Against a model that only counts: calls come, end, and are refused at random. */
static void random_calls(void **state)
{
	enum { NAMES = 3, CALLS = 64 };
	static const char *const names[NAMES] = {"contoso", "fabrikam", "other"};
	static const unsigned most[NAMES] = {2, CALLS, 1};
	struct fix *f = *state;
	struct account *v[CALLS] = {NULL};
	unsigned whose[CALLS], now[NAMES] = {0}, turned = 0;

	srandom(4);
	for (int i = 0; i < 20000; i++) {
		const unsigned c = (unsigned)random() % CALLS, n = (unsigned)random() % NAMES;

		if (v[c]) {
			accounts_end(v[c]);
			v[c] = NULL;
			--now[whose[c]];
		} else if (begin(f, names[n], &v[c])) {
			/* contoso may lack a token, the others only room */
			assert_true(now[n] == most[n] || !n);
			++turned;
		} else {
			whose[c] = n;
			assert_true(++now[n] <= most[n]);
		}
		sp_loop_advance(f->loop, (unsigned)random() % 200);
	}
	assert_in_range(turned, 1000, 19000);
	for (unsigned c = 0; c < CALLS; c++)
		accounts_end(v[c]);
	sp_loop_advance(f->loop, 10000);
	accounts_end(begun(f, "fabrikam"));
	assert_int_equal(accounts_kept(f->as), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_account_is_not_limited),
		T(calls_at_once),
		T(calls_per_second),
		T(settings_or_defaults),
		T(nothing_is_kept),
		T(a_rate_for_all),
		T(limits_change),
		T(the_number_is_bounded),
		T(one_line_a_second),
		T(random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
