/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two rules of one rank for one number at one time: both lines are told, each
 * mistake once, up to a bound.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

/** No table comes of the build, which is given back. */
static void refused(struct sp_number_build *b, size_t told)
{
	struct sp_number_table *t = NULL;

	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_null(t);
	assert_int_equal(told, reports.n);
	mem_deref(b);
}

static void report_is(size_t i, unsigned line, const char *value, const char *mend)
{
	assert_string_equal("numbers.csv", reports.v[i].file);
	assert_int_equal(line, reports.v[i].line);
	assert_string_equal("number", reports.v[i].key);
	assert_string_equal(value, reports.v[i].value);
	assert_non_null(strstr(reports.v[i].mend, mend));
}

static void duplicates_name_both_places(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	(void)state;

	assert_int_equal(0, fixture_add(b, "+441632960001", "teams", 3));
	assert_int_equal(0, fixture_add(b, "+441632960001*", "teams", 4));
	assert_int_equal(0, fixture_add(b, "+441632960001-1", "teams", 5));
	assert_int_equal(0, fixture_add(b, "+441632960001", "zoom", 9));
	assert_int_equal(0, fixture_add(b, "+441632960001*", "zoom", 10));
	assert_int_equal(0, fixture_add(b, "+441632960001-1", "zoom", 11));
	refused(b, 3);
	report_is(0, 9, "+441632960001", "delete one of the two: also at numbers.csv:3");
	report_is(1, 11, "+441632960001-960001", "also at numbers.csv:5");
	report_is(2, 10, "+441632960001*", "also at numbers.csv:4");
}

/* However long its path is, the line behind it is told. */
static void a_file_far_down(void **state)
{
	static char file[4096];
	const struct sp_number_account_row account = {.name = "a", .file = file, .line = 5};
	struct sp_number_row row = fixture_row("+441", "teams", 3);
	struct sp_number_build *b = fixture_build(&reports);
	(void)state;

	memset(file, 'd', sizeof(file) - 1);
	row.file = file;
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_add_account(b, &account));
	assert_int_equal(EINVAL, sp_number_add_account(b, &account));
	refused(b, 2);
	assert_non_null(strstr(reports.v[0].mend, "d:5"));
	assert_non_null(strstr(reports.v[1].mend, "d:3"));
}

static void ranges_that_overlap(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	(void)state;

	assert_int_equal(0, fixture_add(b, "+44100-199", "teams", 1));
	assert_int_equal(0, fixture_add(b, "+44200-299", "teams", 2));   /* beside it */
	assert_int_equal(0, fixture_add(b, "+44050-100", "teams", 3));   /* its first   */
	assert_int_equal(0, fixture_add(b, "+44150-160", "teams", 4));   /* within      */
	assert_int_equal(0, fixture_add(b, "+44299-299", "teams", 5));   /* the last    */
	assert_int_equal(0, fixture_add(b, "+441000-1999", "teams", 6)); /* longer     */
	refused(b, 3);
	report_is(0, 3, "+44050-44100", "also at numbers.csv:1, in +44100-44199");
	report_is(1, 4, "+44150-44160", "shorten or delete one of the two");
	report_is(2, 5, "+44299-44299", "also at numbers.csv:2");
}

/* Where one range has a hole another may lie; but not beyond it. */
static void a_range_in_a_hole(void **state)
{
	static const char *const hole = "+44120-139";
	struct sp_number_row row = fixture_row("+44100-199", "teams", 1);
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	row.holev = &hole;
	row.holec = 1;
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, fixture_add(b, "+44120-139", "zoom", 2));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(1, fixture_line(t, "+44119"));
	assert_int_equal(2, fixture_line(t, "+44120"));
	assert_int_equal(2, fixture_line(t, "+44139"));
	assert_int_equal(1, fixture_line(t, "+44140"));
	mem_deref(t);

	/* on both sides of the hole, and told once */
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, fixture_add(b, "+44119-140", "zoom", 2));
	refused(b, 1);
	report_is(0, 2, "+44119-44140", "also at numbers.csv:1");
}

static void times_that_overlap(void **state)
{
	static const char *const numbers[] = {"+4410", "+4410-19", "+4410*"};
	size_t i4;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct sp_number_build *b = fixture_build(&reports);

		assert_int_equal(0,
				 fixture_add_dated(b, numbers[i], NULL, "2026-01-01T00:00:00Z", 1));
		assert_int_equal(0, fixture_add_dated(b, numbers[i], "2026-01-01T00:00:00Z",
						      "2027-01-01T00:00:00Z", 2));
		assert_int_equal(0,
				 fixture_add_dated(b, numbers[i], "2027-01-01T00:00:00Z", NULL, 3));
		assert_int_equal(0, fixture_add_dated(b, numbers[i], "2026-12-31T23:59:59Z",
						      "2027-01-01T00:00:00Z", 4));
		assert_int_equal(0, fixture_add(b, numbers[i], "zoom", 5));
		refused(b, 2);
		/* exact numbers are told as they are found, which is not quite in order */
		assert_int_equal(9, reports.v[0].line + reports.v[1].line);
		for (size_t k = 0; k < 2; k++)
			assert_non_null(strstr(reports.v[k].mend, "also at numbers.csv:"));
		i4 = reports.v[0].line == 4 ? 0 : 1;
		assert_non_null(strstr(reports.v[i4].mend, "numbers.csv:2"));
		assert_non_null(strstr(reports.v[i4].mend, "end before the other begins"));
	}
}

static void told_up_to_a_bound(void **state)
{
	static const char *const numbers[] = {"+441632960001", "+441632960001-5", "+44163296*"};
	(void)state;

	for (size_t k = 0; k < 3; k++) {
		struct sp_number_build *b = fixture_build(&reports);

		for (unsigned i = 0; i < 300; i++)
			assert_int_equal(0, fixture_add(b, numbers[k], "teams", i));
		refused(b, 101);
		assert_int_equal(100, reports.v[99].line);
		assert_non_null(strstr(reports.v[99].mend, "also at numbers.csv:0"));
		assert_non_null(strstr(reports.v[100].mend, "not shown"));
	}
}

/** n rules for one number, a day each. */
static struct sp_number_build *days(const char *number, unsigned n)
{
	struct sp_number_build *b = fixture_build(&reports);
	unsigned i;

	for (i = 0; i < n; i++) {
		const unsigned day = (i * 37) % n; /* in no order */
		char from[32], to[32];

		(void)re_snprintf(from, sizeof(from), "2026-%02u-%02uT00:00:00Z", 1 + day / 28,
				  1 + day % 28);
		(void)re_snprintf(to, sizeof(to), "2026-%02u-%02uT23:00:00Z", 1 + day / 28,
				  1 + day % 28);
		assert_int_equal(0, fixture_add_dated(b, number, from, to, day + 1));
	}

	return b;
}

static void at_most_64_for_one_number(void **state)
{
	static const char *const numbers[] = {"+4410", "+4410-4410", "+4410*"};
	(void)state;

	for (size_t k = 0; k < 3; k++) {
		struct sp_number_build *b = days(numbers[k], 64);
		struct sp_number_table *t = NULL;

		assert_int_equal(0, sp_number_table_alloc(&t, b));
		mem_deref(b);
		for (unsigned i = 0; i < 56; i++)
			assert_int_equal(i + 1,
					 fixture_line_at(t, "+4410",
							 1767225600 + 86400LL * (i + i / 28 * 3)));
		assert_int_equal(0, fixture_line_at(t, "+4410", 1767225600 + 86399));
		assert_int_equal(0, fixture_line_at(t, "+4410", 1767225599));
		mem_deref(t);

		refused(days(numbers[k], 65), 1);
		assert_non_null(strstr(reports.v[0].mend, "at most 64"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_name_both_places), cmocka_unit_test(a_file_far_down),
		cmocka_unit_test(ranges_that_overlap),         cmocka_unit_test(a_range_in_a_hole),
		cmocka_unit_test(times_that_overlap),          cmocka_unit_test(told_up_to_a_bound),
		cmocka_unit_test(at_most_64_for_one_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
