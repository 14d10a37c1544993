/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times: what RFC 3339 section 5.6 has, and rules that hold from one until before
 * another.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "unit/number_fixture.h"
#include "number_priv.h"

static struct reports reports;

static void rfc3339_5_8_and_more(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = {
		{"1985-04-12T23:20:50.52Z", 482196050},
		{"1996-12-19T16:39:57-08:00", 851042397},
		{"1990-12-31T23:59:60Z", 662688000},
		{"1990-12-31T15:59:60-08:00", 662688000},
		{"1937-01-01T12:00:27.87+00:20", -1041337173},
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01t00:00:00z", 0},
		{"1970-01-01T00:00:00-00:00", 0},
		{"2024-02-29T00:00:00Z", 1709164800},
		{"2000-02-29T23:59:59+23:59", 951782459},
		{"9999-12-31T23:59:59Z", 253402300799},
		{"0000-01-01T00:00:00Z", -62167219200},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t s = 1;

		assert_true(sp_number_time(&s, good[i].text));
		assert_true(s == good[i].s);
	}
}

static void what_is_no_time(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-12-01",
		"2026-12-01T00:00:00",
		"2026-12-01 00:00:00Z",
		"2026-12-01T00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-12-00T00:00:00Z",
		"2026-12-32T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-12-01T24:00:00Z",
		"2026-12-01T00:60:00Z",
		"2026-12-01T00:00:61Z",
		"2026-12-01T00:00:60Z",
		"2026-12-01T23:58:60Z",
		"2026-12-01T23:59:60+01:00",
		"2026-12-01T00:00:00.Z",
		"2026-12-01T00:00:00+0100",
		"2026-12-01T00:00:00+24:00",
		"2026-12-01T00:00:00+01:60",
		"2026-12-01T00:00:00Zx",
		"2026-12-01T00:00:00+01:00 ",
		" 2026-12-01T00:00:00Z",
		"+026-12-01T00:00:00Z",
		"2026-12-1T00:00:00Z",
		"20261201T000000Z",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sp_number_time(&(int64_t){0}, bad[i]));
	assert_false(sp_number_time(&(int64_t){0}, NULL));
	assert_false(sp_number_time(NULL, "2026-12-01T00:00:00Z"));
}

/* The C library knows the calendar too. */
static void every_day_of_four_centuries(void **state)
{
	const int64_t end = 253402300800 / 20;
	int64_t day, s;
	(void)state;

	for (day = -86400LL * 30000; day < end; day += 86400) {
		const time_t t = (time_t)day;
		struct tm tm;
		char text[64];

		assert_non_null(gmtime_r(&t, &tm));
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_true(sp_number_time(&s, text));
		assert_true(s == day);
	}
}

static void from_the_first_until_before_the_last(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(
		0, fixture_add_dated(b, "+441", "1970-01-01T00:01:40Z", "1970-01-01T00:03:20Z", 1));
	assert_int_equal(0, fixture_add_dated(b, "+442", NULL, "1970-01-01T00:03:20Z", 2));
	assert_int_equal(0, fixture_add_dated(b, "+443", "1970-01-01T00:01:40Z", "", 3));
	assert_int_equal(0, fixture_add_dated(b, "+444", "", NULL, 4));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_int_equal(0, fixture_line_at(t, "+441", 99));
	assert_int_equal(1, fixture_line_at(t, "+441", 100));
	assert_int_equal(1, fixture_line_at(t, "+441", 199));
	assert_int_equal(0, fixture_line_at(t, "+441", 200));
	assert_int_equal(2, fixture_line_at(t, "+442", INT64_MIN));
	assert_int_equal(2, fixture_line_at(t, "+442", 199));
	assert_int_equal(0, fixture_line_at(t, "+442", 200));
	assert_int_equal(0, fixture_line_at(t, "+443", 99));
	assert_int_equal(3, fixture_line_at(t, "+443", INT64_MAX - 1));
	assert_int_equal(4, fixture_line_at(t, "+444", INT64_MIN));
	assert_int_equal(4, fixture_line_at(t, "+444", 0));
	mem_deref(t);
}

/* Outside its times a rule is as if it were not there: the next weaker one decides. */
static void the_next_weaker_rule_decides(void **state)
{
	static const char from[] = "1970-01-01T00:01:40Z", to[] = "1970-01-01T00:03:20Z";
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, fixture_add_dated(b, "+44100", from, to, 1));
	assert_int_equal(0, fixture_add_dated(b, "+44100-199", from, "1970-01-01T00:04:10Z", 2));
	assert_int_equal(0, fixture_add_dated(b, "+4410*", from, "1970-01-01T00:05:00Z", 3));
	assert_int_equal(0, fixture_add_dated(b, "+44*", from, NULL, 4));
	assert_int_equal(0, fixture_add_dated(b, "+4*", NULL, NULL, 5));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_int_equal(5, fixture_line_at(t, "+44100", 99));
	assert_int_equal(1, fixture_line_at(t, "+44100", 100));
	assert_int_equal(2, fixture_line_at(t, "+44100", 200));
	assert_int_equal(3, fixture_line_at(t, "+44100", 250));
	assert_int_equal(4, fixture_line_at(t, "+44100", 300));
	mem_deref(t);
}

/* A number that goes to another trunk at midnight: of every rank. */
static void at_midnight(void **state)
{
	static const char *const numbers[] = {"+441632960001", "+441632960000-960999",
					      "+4416329600*"};
	static const char midnight[] = "2026-12-01T00:00:00+01:00";
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct sp_number_build *b = fixture_build(&reports);
		struct sp_number_table *t = NULL;
		int64_t s;

		assert_true(sp_number_time(&s, midnight));
		assert_int_equal(0, fixture_add_dated(b, numbers[i], midnight, NULL, 1));
		assert_int_equal(0, fixture_add_dated(b, numbers[i], NULL, midnight, 2));
		assert_int_equal(0, sp_number_table_alloc(&t, b));
		mem_deref(b);
		assert_int_equal(0, reports.n);
		assert_int_equal(2, sp_number_count(t));
		assert_int_equal(2, fixture_line_at(t, "+441632960001", s - 1));
		assert_int_equal(1, fixture_line_at(t, "+441632960001", s));
		mem_deref(t);
	}
}

static void refused(const char *from, const char *to, const char *key, const char *mend)
{
	struct sp_number_build *b = fixture_build(&reports);

	assert_int_equal(EINVAL, fixture_add_dated(b, "+441", from, to, 1));
	assert_int_equal(1, reports.n);
	assert_string_equal(key, reports.v[0].key);
	assert_non_null(strstr(reports.v[0].mend, mend));
	mem_deref(b);
}

static void times_are_judged(void **state)
{
	static const char one[] = "2026-12-01T00:00:00Z";
	(void)state;

	refused("2026-12-01T00:00:00", NULL, "enabled_from", "add the time zone");
	refused(NULL, "2026-12-01T00:00:00.5", "enabled_to", "add the time zone");
	refused("2026-12-01", NULL, "enabled_from", "RFC 3339");
	refused(NULL, "tomorrow", "enabled_to", "RFC 3339");
	refused(one, one, "enabled_to", "not after enabled_from");
	refused(one, "2026-12-01T00:00:00+00:01", "enabled_to", "not after enabled_from");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_5_8_and_more),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(every_day_of_four_centuries),
		cmocka_unit_test(from_the_first_until_before_the_last),
		cmocka_unit_test(the_next_weaker_rule_decides),
		cmocka_unit_test(at_midnight),
		cmocka_unit_test(times_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
