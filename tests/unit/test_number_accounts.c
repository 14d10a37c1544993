/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts: rows that name them, settings that come before or after these, and
 * the main number that callers are to show.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static int add(struct sp_number_build *b, const char *number, const char *account,
	       const char *caller_id, unsigned line)
{
	struct sp_number_row row = fixture_row(number, "teams", line);

	row.account = account;
	row.caller_id = caller_id;

	return sp_number_add(b, &row);
}

static int account(struct sp_number_build *b, const char *name, const char *main_number,
		   unsigned calls, unsigned line)
{
	const struct sp_number_account_row row = {.name = name,
						  .main_number = main_number,
						  .calls = calls,
						  .calls_per_s = calls + 1,
						  .burst = calls + 2,
						  .file = "accounts.csv",
						  .line = line};

	return sp_number_add_account(b, &row);
}

struct told {
	const struct sp_number_account *v[8];
	size_t c;
};

static void on_account(const struct sp_number_account *a, void *arg)
{
	struct told *told = arg;

	assert_true(told->c < 8);
	told->v[told->c++] = a;
}

static void settings_before_and_after_the_rows(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_account *a;
	struct sp_number_counts counts;
	struct told told = {.c = 0};
	(void)state;

	assert_int_equal(0, add(b, "+441", NULL, NULL, 1));
	assert_int_equal(0, add(b, "+442", "after", NULL, 2));
	assert_int_equal(0, account(b, "before", "+44163", 10, 3));
	assert_int_equal(0, account(b, "after", NULL, 20, 4));
	assert_int_equal(0, add(b, "+443*", "before", "main", 5));
	assert_int_equal(0, add(b, "+444-5", "before", NULL, 6));
	assert_int_equal(0, add(b, "+446", "none", NULL, 7));
	assert_int_equal(0, account(b, "unused", "", 0, 8));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	assert_int_equal(0, reports.n);

	a = fixture_lookup(t, "+441")->account;
	assert_string_equal("", a->name);
	assert_false(a->limited);
	assert_int_equal(1, a->rulec);

	a = fixture_lookup(t, "+442")->account;
	assert_string_equal("after", a->name);
	assert_string_equal("", a->main_number);
	assert_true(a->limited);
	assert_int_equal(20, a->calls);
	assert_int_equal(21, a->calls_per_s);
	assert_int_equal(22, a->burst);
	assert_string_equal("accounts.csv", a->file);
	assert_int_equal(4, a->line);

	a = fixture_lookup(t, "+443")->account;
	assert_ptr_equal(a, fixture_lookup(t, "+444")->account);
	assert_string_equal("+44163", a->main_number);
	assert_int_equal(2, a->rulec);

	a = fixture_lookup(t, "+446")->account;
	assert_false(a->limited);
	assert_string_equal("", a->file);

	sp_number_each_account(t, on_account, &told);
	assert_int_equal(4, told.c);
	assert_string_equal("after", told.v[0]->name);
	assert_string_equal("before", told.v[1]->name);
	assert_string_equal("none", told.v[2]->name);
	assert_string_equal("unused", told.v[3]->name);
	assert_int_equal(0, told.v[3]->rulec);
	assert_true(told.v[3]->limited);
	sp_number_counts(t, &counts);
	assert_int_equal(4, counts.accounts);
	mem_deref(t);
}

static void twice(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, account(b, "a", NULL, 0, 3));
	assert_int_equal(0, account(b, "A", NULL, 0, 4));
	assert_int_equal(EINVAL, account(b, "a", NULL, 0, 9));
	assert_int_equal(1, reports.n);
	assert_string_equal("account", reports.v[0].key);
	assert_string_equal("a", reports.v[0].value);
	assert_string_equal("accounts.csv", reports.v[0].file);
	assert_int_equal(9, reports.v[0].line);
	assert_non_null(strstr(reports.v[0].mend, "also at accounts.csv:3"));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	mem_deref(b);
}

static void settings_are_judged(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	char longest[SP_NUMBER_ACCOUNT_MAX + 2];
	atomic_bool stop = true;
	(void)state;

	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(EINVAL, account(b, NULL, NULL, 0, 1));
	assert_int_equal(EINVAL, account(b, "", NULL, 0, 2));
	assert_int_equal(EINVAL, account(b, "a\nb", NULL, 0, 3));
	assert_int_equal(EINVAL, account(b, longest, NULL, 0, 4));
	assert_int_equal(4, reports.n);
	assert_int_equal(EINVAL, account(b, "a", "0163", 0, 5));
	assert_int_equal(5, reports.n);
	assert_string_equal("main_number", reports.v[4].key);
	assert_string_equal("0163", reports.v[4].value);
	assert_int_equal(EINVAL, account(b, "", "+44*", 0, 6));
	assert_int_equal(7, reports.n);
	assert_int_equal(EINVAL, sp_number_add_account(b, NULL));
	assert_int_equal(EINVAL, sp_number_add_account(NULL, NULL));
	longest[SP_NUMBER_ACCOUNT_MAX] = '\0';
	assert_int_equal(0, account(b, longest, NULL, 0, 4));
	sp_number_build_stop(b, &stop);
	assert_int_equal(ECANCELED, account(b, "b", NULL, 0, 5));
	mem_deref(b);
}

/* "main" needs the account's number: told at the first row of the entry. */
static void main_without_a_main_number(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, add(b, "+441", "a", "main", 1));
	assert_int_equal(0, add(b, "+442*", "b", "main", 2));
	assert_int_equal(0, add(b, "+443", "b", "main", 3));
	assert_int_equal(0, add(b, "+444-5", NULL, "main", 4));
	assert_int_equal(0, add(b, "+446", "b", "screened", 5));
	assert_int_equal(0, account(b, "a", "+1", 0, 1));
	assert_int_equal(0, account(b, "b", NULL, 0, 2));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_int_equal(2, reports.n);
	assert_string_equal("numbers.csv", reports.v[0].file);
	assert_int_equal(2, reports.v[0].line);
	assert_string_equal("caller_id", reports.v[0].key);
	assert_non_null(strstr(reports.v[0].mend, "\"b\""));
	assert_int_equal(4, reports.v[1].line);
	assert_non_null(strstr(reports.v[1].mend, "name an account"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_before_and_after_the_rows),
		cmocka_unit_test(twice),
		cmocka_unit_test(settings_are_judged),
		cmocka_unit_test(main_without_a_main_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
