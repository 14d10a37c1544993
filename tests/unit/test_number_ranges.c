/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges and their holes: how they are written, what they cover, and what is
 * said of those that are wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static struct sp_number_table *table_of(const char *range, const char *const *holev, size_t holec)
{
	struct sp_number_row row = fixture_row(range, "teams", 7);
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;

	row.holev = holev;
	row.holec = holec;
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	return t;
}

/** Does the range cover just the numbers from first to last that are not holes? */
static void covers(const char *range, uint64_t first, uint64_t last, uint64_t hole_first,
		   uint64_t hole_last, const char *hole)
{
	struct sp_number_table *t = table_of(range, &hole, hole ? 1 : 0);
	struct sp_number_counts counts;
	uint64_t i, covered = 0;

	for (i = first - 12; i <= last + 12; i++) {
		const bool is = i >= first && i <= last && (i < hole_first || i > hole_last);
		char number[SP_NUMBER_SIZE + 2];

		(void)re_snprintf(number, sizeof(number), "+%llu", i);
		assert_int_equal(is ? 7 : 0, fixture_line(t, number));
		covered += is;
		if (i < first || i > last)
			continue;
		number[strlen(number) - 1] = '\0'; /* shorter and longer ones never */
		assert_int_equal(0, fixture_line(t, number));
		(void)re_snprintf(number, sizeof(number), "+%llu1", i);
		assert_int_equal(0, fixture_line(t, number));
	}
	sp_number_counts(t, &counts);
	assert_int_equal(covered, counts.covered);
	assert_int_equal(1, counts.ranges);
	mem_deref(t);
}

static void as_they_are_written(void **state)
{
	(void)state;

	covers("+441632960000-960999", 441632960000, 441632960999, 1, 0, NULL);
	covers("+441632960000-999", 441632960000, 441632960999, 1, 0, NULL);
	covers("+441632960000-+441632960999", 441632960000, 441632960999, 1, 0, NULL);
	covers("+441632960000-441632960999", 441632960000, 441632960999, 1, 0, NULL);
	covers("+441632960017-1043", 441632960017, 441632961043, 1, 0, NULL);
	covers("+441632960007-7", 441632960007, 441632960007, 1, 0, NULL);
	covers("+441632959987-60013", 441632959987, 441632960013, 1, 0, NULL);
	covers("+20-99", 20, 99, 1, 0, NULL);
	covers("+999999999999900-87", 999999999999900, 999999999999987, 1, 0, NULL);
}

static void holes(void **state)
{
	(void)state;

	covers("+4450-59", 4450, 4459, 4453, 4453, "+4453");
	covers("+4450-59", 4450, 4459, 4453, 4457, "+4453-7");
	covers("+4450-59", 4450, 4459, 4450, 4451, "+4450-+4451");
	covers("+4450-59", 4450, 4459, 4459, 4459, "+4459");
	covers("+4450-59", 4450, 4459, 4453, 4457, "53-57");
	covers("+4450-59", 4450, 4459, 4453, 4453, "3");
	covers("+44100-999", 44100, 44999, 44250, 44750, "250-750");
}

static void many_holes_in_any_order(void **state)
{
	char text[SP_NUMBER_HOLES_MAX][SP_NUMBER_SIZE];
	const char *holev[SP_NUMBER_HOLES_MAX];
	struct sp_number_table *t;
	unsigned i;
	(void)state;

	for (i = 0; i < SP_NUMBER_HOLES_MAX; i++) {
		(void)re_snprintf(text[i], sizeof(text[i]), "+44%03u", (i * 37 % 64) * 2 + 100);
		holev[i] = text[i];
	}
	t = table_of("+44100-299", holev, SP_NUMBER_HOLES_MAX);
	for (i = 100; i < 300; i++) {
		char number[SP_NUMBER_SIZE];

		(void)re_snprintf(number, sizeof(number), "+44%03u", i);
		assert_int_equal(i < 228 && !(i % 2) ? 0 : 7, fixture_line(t, number));
	}
	mem_deref(t);
}

static void a_number_in_a_hole_is_another_rules(void **state)
{
	static const char *const hole = "+441632960013";
	struct sp_number_row row = fixture_row("+441632960000-960999", "teams", 1);
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	row.holev = &hole;
	row.holec = 1;
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, fixture_add(b, "+4416*", "zoom", 2));
	assert_int_equal(0, fixture_add(b, "+441632960014", "pbx", 3));
	assert_int_equal(0, fixture_add(b, "+44163296001*", "pbx", 4));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_int_equal(1, fixture_line(t, "+441632960012"));
	assert_int_equal(4, fixture_line(t, "+441632960013"));
	assert_int_equal(3, fixture_line(t, "+441632960014"));
	assert_int_equal(1, fixture_line(t, "+441632960015"));
	assert_int_equal(2, fixture_line(t, "+441632961000"));
	mem_deref(t);
}

/* As wide as can be: the tree must not be. */
static void the_widest_range(void **state)
{
	struct sp_number_table *t = table_of("+100000000000001-999999999999998", NULL, 0);
	struct sp_number_counts counts;
	(void)state;

	assert_int_equal(0, fixture_line(t, "+100000000000000"));
	assert_int_equal(7, fixture_line(t, "+100000000000001"));
	assert_int_equal(7, fixture_line(t, "+555555555555555"));
	assert_int_equal(7, fixture_line(t, "+999999999999998"));
	assert_int_equal(0, fixture_line(t, "+999999999999999"));
	assert_int_equal(0, fixture_line(t, "+55555555555555"));
	sp_number_counts(t, &counts);
	assert_true(counts.covered == UINT64_C(899999999999998));
	mem_deref(t);
}

static void refused(const char *number, const char *hole, const char *key, const char *mend)
{
	struct sp_number_row row = fixture_row(number, "teams", 3);
	struct sp_number_build *b = fixture_build(&reports);

	row.holev = &hole;
	row.holec = hole ? 1 : 0;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(1, reports.n);
	assert_string_equal("numbers.csv", reports.v[0].file);
	assert_int_equal(3, reports.v[0].line);
	assert_string_equal(key, reports.v[0].key);
	assert_string_equal(hole ? hole : number, reports.v[0].value);
	assert_non_null(strstr(reports.v[0].mend, mend));
	mem_deref(b);
}

static void ranges_are_judged(void **state)
{
	static const char *const ends[] = {"+4410-",    "+4410-x",     "+4410-1x", "+4410-19-20",
					   "+4410-19*", "+4410-12345", "+4410-+",  "+4410- 19"};
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		refused(ends[i], NULL, "number", "end the range");
	refused("+4419-10", NULL, "number", "begin the range with its first number");
	refused("+4410-0419", NULL, "number", "begin the range with its first number");
	refused("+4410-+4409", NULL, "number", "begin the range with its first number");
	refused("+4410-+44100", NULL, "number", "the same length");
	refused("+44100-+4410", NULL, "number", "the same length");
	refused("-4410", NULL, "number", "write it as E.164");
	refused("+0410-19", NULL, "number", "country code");
	refused("4410-19", NULL, "number", "write it as E.164");
	refused("+44*-19", NULL, "number", "write it as E.164");
}

static void holes_are_judged(void **state)
{
	(void)state;

	refused("+4410-19", "+4420", "holes", "within the range");
	refused("+4410-19", "+4419-20", "holes", "within the range");
	refused("+4410-19", "+441", "holes", "within the range");
	refused("+4410-19", "+44100", "holes", "within the range");
	refused("+4410-19", "+441*", "holes", "a prefix has numbers of any length");
	refused("+4410-19", "+4410-19", "holes", "leave nothing");
	refused("+4410-19", "", "holes", "write it as E.164");
	refused("+4410-19", "x", "holes", "write it as E.164");
	refused("+4410-99", "5", "holes", "as many as differ");
	refused("+4410-99", "50-", "holes", "end the hole");
	refused("+4410-99", "50-45", "holes", "begin the hole");
	refused("+4410", "+4410", "holes", "only a range");
	refused("+441*", "+4410", "holes", "only a range");
}

static void holes_must_not_overlap_and_are_bounded(void **state)
{
	static const char *const overlap[] = {"+4415-7", "+4411", "+4417"};
	const char *many[SP_NUMBER_HOLES_MAX + 1];
	struct sp_number_row row = fixture_row("+4410-19", "teams", 3);
	struct sp_number_build *b = fixture_build(&reports);
	size_t i;
	(void)state;

	row.holev = overlap;
	row.holec = 3;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[0].mend, "two holes"));
	for (i = 0; i <= SP_NUMBER_HOLES_MAX; i++)
		many[i] = "+4411";
	row.holev = many;
	row.holec = SP_NUMBER_HOLES_MAX + 1;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[1].mend, "at most 64"));
	mem_deref(b);
}

static void printed(const char *number, const char *range, const char *want)
{
	struct sp_number_table *t = table_of(range, NULL, 0);
	struct sp_number_rule rule;
	char text[64];
	struct pl pl;

	pl_set_str(&pl, number);
	assert_true(sp_number_find(&rule, t, &pl, 0));
	(void)re_snprintf(text, sizeof(text), "%H", sp_number_rule_print, &rule);
	assert_string_equal(want, text);
	mem_deref(t);
}

static void as_they_are_printed(void **state)
{
	(void)state;

	printed("+441632960001", "+441632960000-960999", "+441632960000-960999");
	printed("+441632960001", "+441632960000-999", "+441632960000-960999");
	printed("+441632960001", "+441630000000-9999999", "+441630000000-9999999");
	printed("+4415", "+4410-19", "+4410-4419");
	printed("+441632960001", "+44163296*", "+44163296*");
	printed("+441632960001", "+441632960001", "+441632960001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_they_are_written),
		cmocka_unit_test(holes),
		cmocka_unit_test(many_holes_in_any_order),
		cmocka_unit_test(a_number_in_a_hole_is_another_rules),
		cmocka_unit_test(the_widest_range),
		cmocka_unit_test(ranges_are_judged),
		cmocka_unit_test(holes_are_judged),
		cmocka_unit_test(holes_must_not_overlap_and_are_bounded),
		cmocka_unit_test(as_they_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
