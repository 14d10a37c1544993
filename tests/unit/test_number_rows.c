/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows: what is wrong with one is told, all of it, with a mend.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static void every_wrong_element_is_told(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	const struct sp_number_row row = {.number = "+441",
					  .trunkv = {"a-b-c", "teams", "x-y-z"},
					  .trunkc = 3,
					  .carrierv = {"q-r-s", "carrier-a"},
					  .carrierc = 2};
	(void)state;

	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(3, reports.n);
	assert_string_equal("a-b-c", reports.v[0].value);
	assert_string_equal("x-y-z", reports.v[1].value);
	assert_string_equal("q-r-s", reports.v[2].value);
	mem_deref(b);
}

static void bad_numbers(void **state)
{
	static const char *const bad[] = {"",
					  "441632960001",
					  "+",
					  "*",
					  "+*",
					  "+44**",
					  "+44 1632",
					  "00",
					  "+44*1",
					  " +44",
					  "+44\n",
					  "+1234567890123456",
					  "+1234567890123456*",
					  "\xef\xbc\x8b\x34\x34"};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reports.n = 0;
		assert_int_equal(EINVAL, fixture_add(b, bad[i], "teams", 12));
		assert_int_equal(1, reports.n);
		assert_string_equal("number", reports.v[0].key);
		assert_string_equal(bad[i], reports.v[0].value);
		assert_string_equal("numbers.csv", reports.v[0].file);
		assert_int_equal(12, reports.v[0].line);
		assert_non_null(strstr(reports.v[0].mend, "write it as E.164"));
	}
	assert_int_equal(EINVAL, fixture_add(b, "+0441632", "teams", 1));
	assert_non_null(strstr(reports.v[1].mend, "country code"));
	assert_int_equal(EINVAL, fixture_add(b, NULL, "teams", 1));
	assert_int_equal(0, fixture_add(b, "+123456789012345", "teams", 1));

	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_null(t);
	mem_deref(b);
}

static void trunks_must_be_of_their_kind(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_row row = fixture_row("+441", "teams", 1);
	(void)state;

	row.trunkv[0] = "carrier-a";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_string_equal("trunk", reports.v[0].key);
	assert_non_null(strstr(reports.v[0].mend, "of kind carrier"));
	assert_non_null(strstr(reports.v[0].mend, "pbx, teams, zoom"));

	row.trunkv[0] = "taems";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[1].mend, "did you mean \"teams\"?"));

	row.trunkv[0] = "avaya-cloud";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_string_equal("avaya-cloud", reports.v[2].value);
	assert_non_null(strstr(reports.v[2].mend, "pbx, teams, zoom"));

	row.trunkv[0] = NULL;
	row.carrierv[0] = "zoom";
	row.carrierc = 1;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(5, reports.n);
	assert_string_equal("trunk", reports.v[3].key);
	assert_string_equal("", reports.v[3].value);
	assert_string_equal("carrier", reports.v[4].key);
	assert_non_null(strstr(reports.v[4].mend, "carrier-a, carrier-b"));
	mem_deref(b);
}

static void many_or_no_trunks_in_a_report(void **state)
{
	static const struct sp_number_trunk many[] = {{"s1", false}, {"s2", false}, {"s3", false},
						      {"s4", false}, {"s5", false}, {"s6", false},
						      {"s7", false}};
	struct sp_number_build *b = NULL;
	(void)state;

	reports.n = 0;
	assert_int_equal(0, sp_number_build_alloc(&b, many, 7, fixture_report, &reports));
	assert_int_equal(EINVAL, fixture_add(b, "+44", "nothing", 1));
	assert_non_null(strstr(reports.v[0].mend, "s1, s2, s3, s4, s5 and 2 more"));
	/* two slips in two letters leave nothing of the name */
	assert_int_equal(EINVAL, fixture_add(b, "+44", "zz", 1));
	assert_null(strstr(reports.v[1].mend, "did you mean"));
	assert_int_equal(EINVAL, fixture_add(b, "+44", "s9", 1));
	assert_non_null(strstr(reports.v[2].mend, "did you mean"));
	b = mem_deref(b);

	assert_int_equal(0, sp_number_build_alloc(&b, NULL, 0, fixture_report, &reports));
	assert_int_equal(EINVAL, fixture_add(b, "+44", "teams", 1));
	assert_non_null(strstr(reports.v[3].mend, "none is configured"));
	b = mem_deref(b);

	assert_int_equal(EINVAL, sp_number_build_alloc(&b, many, SP_NUMBER_NO_TRUNK, NULL, NULL));
	assert_null(b);
}

static void everything_wrong_with_a_row_is_told(void **state)
{
	static const struct sp_number_header headerv[] = {
		{"Via", "x"}, {"X-A", "a\r\nTo: b"}, {"X-B", "{nothing}"}};
	static const char *const keys[] = {
		"number",     "trunk",     "carrier",  "account", "label",       "enabled_from",
		"enabled_to", "caller_id", "location", "headers", "headers.X-A", "headers.X-B"};
	struct sp_number_build *b = fixture_build(&reports);
	const struct sp_number_row row = {.number = "44",
					  .trunkv = {"?"},
					  .trunkc = 1,
					  .carrierv = {"?"},
					  .carrierc = 1,
					  .account = "a\tb",
					  .label = "caf\xe9",
					  .enabled_from = "now",
					  .enabled_to = "then",
					  .caller_id = "Main",
					  .location = "112",
					  .headerv = headerv,
					  .headerc = 3};
	size_t i;
	(void)state;

	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(sizeof(keys) / sizeof(keys[0]), reports.n);
	for (i = 0; i < reports.n; i++)
		assert_string_equal(keys[i], reports.v[i].key);
	assert_string_equal("Via", reports.v[9].value);
	assert_string_equal("a\r\nTo: b", reports.v[10].value);
	assert_string_equal("{nothing}", reports.v[11].value);
	assert_non_null(strstr(reports.v[7].mend, "\"screened\""));
	assert_non_null(strstr(reports.v[11].mend, "{account}"));
	mem_deref(b);
}

static void headers_of_a_row(void **state)
{
	static const struct sp_number_header headerv[SP_NUMBER_HEADERS_MAX + 1] = {
		{"X-A", "1"}, {"X-B", "2"}, {"x-a", "3"}};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_row row = fixture_row("+44", "teams", 1);
	(void)state;

	row.headerv = headerv;
	row.headerc = 3;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(1, reports.n);
	assert_string_equal("headers", reports.v[0].key);
	assert_string_equal("x-a", reports.v[0].value);
	assert_non_null(strstr(reports.v[0].mend, "once"));

	row.headerc = SP_NUMBER_HEADERS_MAX + 1;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[1].mend, "100"));
	mem_deref(b);
}

static void texts_are_bounded(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	char text[SP_NUMBER_ACCOUNT_MAX + 2];
	struct sp_number_row row = fixture_row("+44", "teams", 1);
	(void)state;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	row.account = text;
	row.label = text;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(2, reports.n);
	assert_string_equal("account", reports.v[0].key);
	assert_string_equal("label", reports.v[1].key);
	text[SP_NUMBER_ACCOUNT_MAX] = '\0';
	assert_int_equal(0, sp_number_add(b, &row));
	mem_deref(b);
}

/* Files that include each other come in turns; a file may have very many lines. */
static void where_rows_were_written(void **state)
{
	static const struct {
		const char *file;
		unsigned line;
	} at[] = {{"a.conf", 5},      {"b.conf", 1},          {"b.conf", 1},
		  {"b.conf", 70000},  {"b.conf", 4294967295}, {"b.conf", 3},
		  {"a.conf", 6},      {"a.conf", 9},          {NULL, 0},
		  {"c.conf", 1000000}};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		char number[8], file[8] = "";
		struct sp_number_row row = fixture_row(number, "teams", at[i].line);

		(void)re_snprintf(number, sizeof(number), "+44%zu%s", i, i % 2 ? "*" : "");
		if (at[i].file)
			(void)re_snprintf(file, sizeof(file), "%s", at[i].file);
		row.file = at[i].file ? file : NULL; /* need not outlive the call */
		assert_int_equal(0, sp_number_add(b, &row));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		char number[8];
		struct sp_number_rule rule;
		struct pl pl;

		(void)re_snprintf(number, sizeof(number), "+44%zu", i);
		pl_set_str(&pl, number);
		assert_true(sp_number_find(&rule, t, &pl, 0));
		assert_string_equal(at[i].file ? at[i].file : "", rule.file);
		assert_int_equal(at[i].line, rule.line);
	}
	mem_deref(t);
}

static void a_build_that_is_to_stop(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	atomic_bool stop = false;
	unsigned i, rows = 0;
	int err = 0;
	(void)state;

	sp_number_build_stop(b, &stop);
	for (i = 0; i < 5000 && !err; i++) {
		char number[16];

		(void)re_snprintf(number, sizeof(number), "+44%u", 10000 + i);
		atomic_store(&stop, i >= 1000);
		err = fixture_add(b, number, "teams", i);
		rows += !err;
	}
	assert_int_equal(ECANCELED, err);
	assert_in_range(rows, 1000, 3000);
	assert_int_equal(ECANCELED, sp_number_table_alloc(&t, b));
	assert_null(t);
	assert_int_equal(0, reports.n);
	mem_deref(b);
	sp_number_build_stop(NULL, &stop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_wrong_element_is_told),
		cmocka_unit_test(bad_numbers),
		cmocka_unit_test(trunks_must_be_of_their_kind),
		cmocka_unit_test(many_or_no_trunks_in_a_report),
		cmocka_unit_test(everything_wrong_with_a_row_is_told),
		cmocka_unit_test(headers_of_a_row),
		cmocka_unit_test(texts_are_bounded),
		cmocka_unit_test(where_rows_were_written),
		cmocka_unit_test(a_build_that_is_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
