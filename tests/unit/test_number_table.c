/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The number table: which entry decides, what a build refuses and what it says
 * then, and thousands of random tables against a model that only searches.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static int add(struct sp_number_build *b, const char *number, const char *trunk, unsigned line)
{
	const struct sp_number_row row = {
		.number = number, .trunk = trunk, .file = "numbers.csv", .line = line};

	return sp_number_add(b, &row);
}

static void exact_beats_prefix_and_longest_wins(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_entry *e;
	(void)state;

	assert_int_equal(0, add(b, "+441632*", "teams", 1));
	assert_int_equal(0, add(b, "+441632960001", "zoom", 2));
	assert_int_equal(0, add(b, "+44163296*", "pbx", 3));
	assert_int_equal(0, add(b, "+441632960001*", "teams", 4));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(0, reports.n);

	e = fixture_lookup(t, "+441632960001");
	assert_int_equal(2, e->line);
	assert_int_equal(ZOOM, e->trunk);
	assert_false(e->prefix);
	assert_int_equal(4, fixture_lookup(t, "+4416329600011")->line);
	assert_int_equal(3, fixture_lookup(t, "+441632960002")->line);
	assert_int_equal(3, fixture_lookup(t, "+44163296")->line);
	e = fixture_lookup(t, "+441632970000");
	assert_int_equal(1, e->line);
	assert_true(e->prefix);
	assert_string_equal("+441632", e->number);
	assert_null(fixture_lookup(t, "+44163"));
	assert_null(fixture_lookup(t, "+4416"));
	assert_null(fixture_lookup(t, "+4"));
	assert_null(fixture_lookup(t, "+541632960001"));

	assert_int_equal(4, sp_number_count(t));
	assert_int_equal(2, sp_number_count_trunk(t, TEAMS));
	assert_int_equal(1, sp_number_count_trunk(t, ZOOM));
	assert_int_equal(0, sp_number_count_trunk(t, CARRIER_A));
	assert_int_equal(0, sp_number_count_trunk(t, SP_NUMBER_NO_TRUNK));

	mem_deref(b);
	mem_deref(t);
}

static void lookup_refuses_what_is_not_e164(void **state)
{
	static const char *const bad[] = {"",      "+",      "4416",
					  "+0416", "+44 16", "+44a",
					  "++441", "+4416*", "+44160000000000000"};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct pl pl = PL_INIT;
	size_t i;
	(void)state;

	assert_int_equal(0, add(b, "+4*", "teams", 1));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_non_null(fixture_lookup(t, "+441600000000000"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(fixture_lookup(t, bad[i]));
	assert_null(sp_number_lookup(t, &pl));
	assert_null(sp_number_lookup(t, NULL));
	assert_null(fixture_lookup(NULL, "+44"));

	mem_deref(b);
	mem_deref(t);
}

static void pl_need_not_end_in_nul(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct pl pl = {.p = "+441632960001", .l = 12};
	(void)state;

	assert_int_equal(0, add(b, "+44163296000", "teams", 1));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(1, sp_number_lookup(t, &pl)->line);
	pl.l = 13;
	assert_null(sp_number_lookup(t, &pl));

	mem_deref(b);
	mem_deref(t);
}

static void empty_table(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_null(fixture_lookup(t, "+441632960001"));
	assert_int_equal(0, sp_number_count(t));
	mem_deref(b);
	mem_deref(t);
}

static void entries_keep_what_rows_said(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_entry *e, *f;
	char account[] = "Contoso", value[] = "tenant-1", number[] = "+15550001";
	struct sp_number_row row = {.number = number,
				    .trunk = "teams",
				    .carrier = "carrier-b",
				    .account = account,
				    .headers_to_carrier = true,
				    .headerv = {{"X-MS-TenantID", value}, {"X-Site", ""}},
				    .headerc = 2,
				    .file = "a.conf",
				    .line = 7};
	(void)state;

	assert_int_equal(0, sp_number_add(b, &row));
	number[8] = '2';
	row.line = 8;
	assert_int_equal(0, sp_number_add(b, &row));
	memset(account, 'z', 7);
	memset(value, 'z', 8);
	number[8] = '3';
	row.carrier = "";
	row.headerc = 0;
	row.account = NULL;
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	e = fixture_lookup(t, "+15550001");
	assert_string_equal("+15550001", e->number);
	assert_int_equal(CARRIER_B, e->carrier);
	assert_string_equal("Contoso", e->account);
	assert_true(e->headers_to_carrier);
	assert_int_equal(2, e->headerc);
	assert_string_equal("X-MS-TenantID", e->headerv[0].name);
	assert_string_equal("tenant-1", e->headerv[0].value);
	assert_string_equal("", e->headerv[1].value);
	assert_string_equal("a.conf", e->file);
	assert_int_equal(7, e->line);

	/* kept once */
	f = fixture_lookup(t, "+15550002");
	assert_ptr_equal(e->headerv, f->headerv);
	assert_ptr_equal(e->account, f->account);
	assert_ptr_equal(e->file, f->file);

	e = fixture_lookup(t, "+15550003");
	assert_int_equal(SP_NUMBER_NO_TRUNK, e->carrier);
	assert_string_equal("", e->account);
	assert_int_equal(0, e->headerc);
	mem_deref(t);
}

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

static void duplicates_name_both_places(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, add(b, "+441632960001", "teams", 3));
	assert_int_equal(0, add(b, "+441632960001*", "teams", 4));
	assert_int_equal(0, add(b, "+441632960001", "zoom", 9));
	assert_int_equal(0, add(b, "+441632960001*", "zoom", 10));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_null(t);
	assert_int_equal(2, reports.n);
	assert_int_equal(9, reports.v[0].line);
	assert_string_equal("number", reports.v[0].key);
	assert_string_equal("+441632960001", reports.v[0].value);
	assert_non_null(strstr(reports.v[0].mend, "also at numbers.csv:3"));
	assert_int_equal(10, reports.v[1].line);
	assert_string_equal("+441632960001*", reports.v[1].value);
	assert_non_null(strstr(reports.v[1].mend, "also at numbers.csv:4"));
	mem_deref(b);
}

static void duplicates_are_told_up_to_a_bound(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	unsigned i;
	(void)state;

	for (i = 0; i < 200; i++)
		assert_int_equal(0, add(b, "+441632960001", "teams", i));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_int_equal(101, reports.n);
	assert_non_null(strstr(reports.v[100].mend, "not shown"));
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
		assert_int_equal(EINVAL, add(b, bad[i], "teams", 12));
		assert_int_equal(1, reports.n);
		assert_string_equal("number", reports.v[0].key);
		assert_string_equal(bad[i], reports.v[0].value);
		assert_string_equal("numbers.csv", reports.v[0].file);
		assert_int_equal(12, reports.v[0].line);
		assert_non_null(strstr(reports.v[0].mend, "write it as E.164"));
	}
	assert_int_equal(EINVAL, add(b, "+0441632", "teams", 1));
	assert_non_null(strstr(reports.v[1].mend, "country code"));
	assert_int_equal(EINVAL, add(b, NULL, "teams", 1));
	assert_int_equal(0, add(b, "+123456789012345", "teams", 1));

	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_null(t);
	mem_deref(b);
}

static void trunks_must_be_of_their_kind(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_row row = {.number = "+441", .trunk = "teams", .line = 1};
	(void)state;

	row.trunk = "carrier-a";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_string_equal("trunk", reports.v[0].key);
	assert_non_null(strstr(reports.v[0].mend, "of kind carrier"));
	assert_non_null(strstr(reports.v[0].mend, "pbx, teams, zoom"));

	row.trunk = "taems";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[1].mend, "did you mean \"teams\"?"));

	row.trunk = "avaya-cloud";
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_string_equal("avaya-cloud", reports.v[2].value);
	assert_non_null(strstr(reports.v[2].mend, "pbx, teams, zoom"));

	row.trunk = NULL;
	row.carrier = "zoom";
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
	assert_int_equal(EINVAL, add(b, "+44", "nothing", 1));
	assert_non_null(strstr(reports.v[0].mend, "s1, s2, s3, s4, s5 and 2 more"));
	/* two slips in two letters leave nothing of the name */
	assert_int_equal(EINVAL, add(b, "+44", "zz", 1));
	assert_null(strstr(reports.v[1].mend, "did you mean"));
	assert_int_equal(EINVAL, add(b, "+44", "s9", 1));
	assert_non_null(strstr(reports.v[2].mend, "did you mean"));
	b = mem_deref(b);

	assert_int_equal(0, sp_number_build_alloc(&b, NULL, 0, fixture_report, &reports));
	assert_int_equal(EINVAL, add(b, "+44", "teams", 1));
	assert_non_null(strstr(reports.v[3].mend, "none is configured"));
	b = mem_deref(b);

	assert_int_equal(EINVAL, sp_number_build_alloc(&b, many, SP_NUMBER_NO_TRUNK, NULL, NULL));
	assert_null(b);
}

static void everything_wrong_with_a_row_is_told(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	const struct sp_number_row row = {.number = "44",
					  .trunk = "?",
					  .carrier = "?",
					  .account = "a\tb",
					  .headerv = {{"Via", "x"}, {"X-A", "a\r\nTo: b"}},
					  .headerc = 2};
	(void)state;

	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(6, reports.n);
	assert_string_equal("number", reports.v[0].key);
	assert_string_equal("trunk", reports.v[1].key);
	assert_string_equal("carrier", reports.v[2].key);
	assert_string_equal("account", reports.v[3].key);
	assert_string_equal("Via", reports.v[4].value);
	assert_string_equal("X-A", reports.v[5].value);
	mem_deref(b);
}

static void headers_of_a_row(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_row row = {.number = "+44",
				    .trunk = "teams",
				    .headerv = {{"X-A", "1"}, {"X-B", "2"}, {"x-a", "3"}},
				    .headerc = 3};
	(void)state;

	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_int_equal(1, reports.n);
	assert_string_equal("headers", reports.v[0].key);
	assert_string_equal("x-a", reports.v[0].value);
	assert_non_null(strstr(reports.v[0].mend, "once"));

	row.headerc = SP_NUMBER_HEADERS_MAX + 1;
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_non_null(strstr(reports.v[1].mend, "16"));
	mem_deref(b);
}

static bool has_header(const struct sp_number_table *t, const char *name)
{
	struct pl pl;

	pl_set_str(&pl, name);

	return sp_number_has_header(t, &pl);
}

/* Names of any entry, in any case (RFC 3261 section 7.3.1); also the longest. */
static void names_of_headers(void **state)
{
	static const char *const none[] = {"X-", "X-Site", "X-Tenantx", "Tenant", "", "X-Tenant:"};
	char longest[SP_NUMBER_HEADER_NAME_MAX + 2], name[16];
	struct sp_number_row row = {
		.trunk = "teams", .file = "f", .headerv = {{"X-Tenant", "1"}, {"x-ACCOUNT", "2"}}};
	struct reports r;
	struct sp_number_build *b = fixture_build(&r);
	struct sp_number_table *t;
	struct pl pl;
	size_t i;

	(void)state;
	memset(longest, 'L', sizeof(longest));
	longest[SP_NUMBER_HEADER_NAME_MAX] = '\0';
	assert_non_null(b);
	row.number = "+1";
	row.headerc = 2;
	assert_int_equal(0, sp_number_add(b, &row));
	row.headerv[1].name = longest;
	row.number = "+2*";
	assert_int_equal(0, sp_number_add(b, &row));
	for (i = 0; i < 500; i++) { /* the set grows */
		char number[8];

		snprintf(number, sizeof(number), "+9%03zu", i);
		snprintf(name, sizeof(name), "X-H%zu", i);
		row.number = number;
		row.headerv[1].name = name;
		assert_int_equal(0, sp_number_add(b, &row));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_true(has_header(t, "X-Tenant"));
	assert_true(has_header(t, "x-tenant"));
	assert_true(has_header(t, "X-TENANT"));
	assert_true(has_header(t, "X-Account"));
	assert_true(has_header(t, longest));
	assert_true(has_header(t, "x-h0"));
	assert_true(has_header(t, "X-H499"));
	assert_false(has_header(t, "X-H500"));
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(has_header(t, none[i]));
	longest[SP_NUMBER_HEADER_NAME_MAX] = 'L';
	pl = (struct pl){longest, sizeof(longest)};
	assert_false(sp_number_has_header(t, &pl));
	assert_false(sp_number_has_header(t, NULL));
	assert_false(has_header(NULL, "X-Tenant"));
	mem_deref(t);
}

static void accounts_are_bounded(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	char account[SP_NUMBER_ACCOUNT_MAX + 2];
	struct sp_number_row row = {.number = "+44", .trunk = "teams", .account = account};
	(void)state;

	memset(account, 'a', sizeof(account) - 1);
	account[sizeof(account) - 1] = '\0';
	assert_int_equal(EINVAL, sp_number_add(b, &row));
	assert_string_equal("account", reports.v[0].key);
	account[SP_NUMBER_ACCOUNT_MAX] = '\0';
	assert_int_equal(0, sp_number_add(b, &row));
	mem_deref(b);
}

/* The model: every row in a list, searched from end to end. */
enum { MODEL_ROWS = 40 };

struct model {
	char number[MODEL_ROWS][SP_NUMBER_SIZE + 1];
	bool prefix[MODEL_ROWS];
	unsigned n;
};

static void random_number(char *buf, size_t digits, unsigned alphabet)
{
	size_t i;

	*buf++ = '+';
	for (i = 0; i < digits; i++)
		*buf++ = (char)('1' + (unsigned)random() % alphabet);
	*buf = '\0';
}

static unsigned model_lookup(const struct model *m, const char *number)
{
	unsigned i, best = 0;
	size_t longest = 0;

	for (i = 0; i < m->n; i++) {
		const size_t len = strlen(m->number[i]);

		if (!m->prefix[i] && !strcmp(m->number[i], number))
			return i + 1;
		if (m->prefix[i] && !strncmp(m->number[i], number, len) && len > longest) {
			longest = len;
			best = i + 1;
		}
	}

	return best;
}

static bool model_has(const struct model *m, const char *number, bool prefix)
{
	unsigned i;

	for (i = 0; i < m->n; i++) {
		if (m->prefix[i] == prefix && !strcmp(m->number[i], number))
			return true;
	}

	return false;
}

static unsigned long random_table(unsigned alphabet, size_t digits_max)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct model m = {.n = 0};
	unsigned rows = (unsigned)random() % MODEL_ROWS;
	unsigned long found = 0;
	unsigned i;

	while (rows--) {
		const size_t digits = 1 + (size_t)random() % digits_max;
		const bool prefix = random() % 2;
		char text[SP_NUMBER_SIZE + 1];

		random_number(m.number[m.n], digits, alphabet);
		if (model_has(&m, m.number[m.n], prefix))
			continue;
		m.prefix[m.n] = prefix;
		snprintf(text, sizeof(text), "%s%s", m.number[m.n], prefix ? "*" : "");
		assert_int_equal(0, add(b, text, "teams", ++m.n));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(m.n, sp_number_count(t));

	for (i = 0; i < 60; i++) {
		char number[SP_NUMBER_SIZE];
		const struct sp_number_entry *e;

		random_number(number, 1 + (size_t)random() % digits_max, alphabet);
		e = fixture_lookup(t, number);
		assert_int_equal(model_lookup(&m, number), e ? e->line : 0);
		found += e != NULL;
	}

	mem_deref(b);
	mem_deref(t);

	return found;
}

static void random_tables_against_the_model(void **state)
{
	unsigned long found = 0;
	unsigned i;
	(void)state;

	srandom(20240229);
	for (i = 0; i < 4000; i++)
		found += random_table(1 + i % 3, i % 2 ? 6 : SP_NUMBER_DIGITS_MAX);

	/* of 240,000 look-ups a good part must have hit and a good part missed */
	assert_in_range(found, 24000, 216000);
}

static void large_table(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	char text[SP_NUMBER_SIZE];
	unsigned i;
	(void)state;

	for (i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "+4416%07u", i * 2);
		assert_int_equal(0, add(b, text, "teams", i + 1));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	for (i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "+4416%07u", i * 2);
		assert_int_equal(i + 1, fixture_lookup(t, text)->line);
		snprintf(text, sizeof(text), "+4416%07u", i * 2 + 1);
		assert_null(fixture_lookup(t, text));
	}
	mem_deref(b);
	mem_deref(t);
}

static void next_line(const struct sp_number_entry *e, void *arg)
{
	unsigned *line = arg;

	assert_int_equal(++*line, e->line);
}

static void each_entry_once_and_in_order(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	unsigned line = 0;
	(void)state;

	assert_int_equal(0, add(b, "+441632*", "teams", 1));
	assert_int_equal(0, add(b, "+441632960001", "zoom", 2));
	assert_int_equal(0, add(b, "+44163296*", "pbx", 3));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	sp_number_each(t, next_line, &line);
	assert_int_equal(line, 3);
	sp_number_each(NULL, next_line, &line);
	assert_int_equal(line, 3);

	mem_deref(b);
	mem_deref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_beats_prefix_and_longest_wins),
		cmocka_unit_test(lookup_refuses_what_is_not_e164),
		cmocka_unit_test(pl_need_not_end_in_nul),
		cmocka_unit_test(empty_table),
		cmocka_unit_test(entries_keep_what_rows_said),
		cmocka_unit_test(every_wrong_element_is_told),
		cmocka_unit_test(duplicates_name_both_places),
		cmocka_unit_test(duplicates_are_told_up_to_a_bound),
		cmocka_unit_test(bad_numbers),
		cmocka_unit_test(trunks_must_be_of_their_kind),
		cmocka_unit_test(many_or_no_trunks_in_a_report),
		cmocka_unit_test(everything_wrong_with_a_row_is_told),
		cmocka_unit_test(headers_of_a_row),
		cmocka_unit_test(names_of_headers),
		cmocka_unit_test(accounts_are_bounded),
		cmocka_unit_test(random_tables_against_the_model),
		cmocka_unit_test(large_table),
		cmocka_unit_test(each_entry_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
