/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The number table: which rule decides, and what the table tells of itself.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static void exact_beats_range_beats_prefix_and_longest_wins(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, fixture_add(b, "+441632*", "teams", 1));
	assert_int_equal(0, fixture_add(b, "+441632960001", "zoom", 2));
	assert_int_equal(0, fixture_add(b, "+44163296*", "pbx", 3));
	assert_int_equal(0, fixture_add(b, "+441632960001*", "teams", 4));
	assert_int_equal(0, fixture_add(b, "+441632960000-019", "zoom", 5));
	assert_int_equal(0, fixture_add(b, "+44163296001*", "teams", 6));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	assert_int_equal(0, reports.n);

	assert_int_equal(2, fixture_line(t, "+441632960001"));
	assert_int_equal(ZOOM, fixture_lookup(t, "+441632960001")->trunkv[0]);
	assert_int_equal(4, fixture_line(t, "+4416329600011"));
	assert_int_equal(5, fixture_line(t, "+441632960000"));
	assert_int_equal(5, fixture_line(t, "+441632960010"));
	assert_int_equal(6, fixture_line(t, "+44163296001"));
	assert_int_equal(6, fixture_line(t, "+4416329600100"));
	assert_int_equal(3, fixture_line(t, "+441632960020"));
	assert_int_equal(3, fixture_line(t, "+44163296"));
	assert_int_equal(1, fixture_line(t, "+441632970000"));
	assert_int_equal(1, fixture_line(t, "+441632"));
	/* +44163 is not +441632 */
	assert_null(fixture_lookup(t, "+44163"));
	assert_null(fixture_lookup(t, "+44163960001"));
	assert_null(fixture_lookup(t, "+4"));
	assert_null(fixture_lookup(t, "+541632960001"));

	assert_int_equal(6, sp_number_count(t));
	assert_int_equal(3, sp_number_count_trunk(t, TEAMS));
	assert_int_equal(2, sp_number_count_trunk(t, ZOOM));
	assert_int_equal(0, sp_number_count_trunk(t, CARRIER_A));
	assert_int_equal(0, sp_number_count_trunk(t, SP_NUMBER_NO_TRUNK));
	mem_deref(t);
}

static void lookup_refuses_what_is_not_e164(void **state)
{
	static const char *const bad[] = {"",      "+",      "4416",
					  "+0416", "+44 16", "+44a",
					  "++441", "+4416*", "+44160000000000000"};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct sp_number_rule rule;
	struct pl pl = PL_INIT;
	size_t i;
	(void)state;

	assert_int_equal(0, fixture_add(b, "+4*", "teams", 1));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_non_null(fixture_lookup(t, "+441600000000000"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(fixture_lookup(t, bad[i]));
	assert_null(sp_number_lookup(t, &pl, 0));
	assert_null(sp_number_lookup(t, NULL, 0));
	assert_null(fixture_lookup(NULL, "+44"));
	assert_false(sp_number_find(&rule, t, &pl, 0));
	assert_int_equal(0, sp_number_covering(t, &pl, NULL, NULL));
	mem_deref(b);
	mem_deref(t);
}

static void pl_need_not_end_in_nul(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct pl pl = {.p = "+441632960001", .l = 12};
	(void)state;

	assert_int_equal(0, fixture_add(b, "+44163296000", "teams", 1));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_non_null(sp_number_lookup(t, &pl, 0));
	pl.l = 13;
	assert_null(sp_number_lookup(t, &pl, 0));
	mem_deref(b);
	mem_deref(t);
}

static void count_entry(const struct sp_number_entry *entry, size_t rulec, void *arg)
{
	(void)entry;
	(void)rulec;
	++*(size_t *)arg;
}

static void count_account(const struct sp_number_account *account, void *arg)
{
	(void)account;
	++*(size_t *)arg;
}

static void empty_table(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct sp_number_counts counts = {.exact = 1};
	size_t n = 0;
	(void)state;

	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_null(fixture_lookup(t, "+441632960001"));
	assert_int_equal(0, sp_number_count(t));
	sp_number_each(t, count_entry, &n);
	sp_number_each(NULL, count_entry, &n);
	sp_number_each_account(t, count_account, &n);
	sp_number_each_account(NULL, count_account, &n);
	assert_int_equal(0, n);
	sp_number_counts(t, &counts);
	assert_int_equal(0, counts.exact + counts.ranges + counts.prefixes + counts.entries);
	sp_number_counts(NULL, &counts);
	assert_int_equal(EINVAL, sp_number_table_alloc(NULL, b));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, NULL));
	mem_deref(b);
	mem_deref(t);
}

static void entries_keep_what_rows_said(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_entry *e;
	char account[] = "Contoso", value[] = "tenant-1", number[] = "+15550001", label[] = "desk";
	char location[] = "+15550000";
	const struct sp_number_header headerv[] = {{"X-MS-TenantID", value}, {"X-Site", ""}};
	struct sp_number_row row = {.number = number,
				    .trunkv = {"teams"},
				    .trunkc = 1,
				    .carrierv = {"carrier-b"},
				    .carrierc = 1,
				    .account = account,
				    .label = label,
				    .location = location,
				    .caller_id = "screened",
				    .enabled_from = "1970-01-01T00:00:10Z",
				    .headers_to_carrier = true,
				    .headerv = headerv,
				    .headerc = 2,
				    .file = "a.conf",
				    .line = 7};
	(void)state;

	assert_int_equal(0, sp_number_add(b, &row));
	memset(account, 'z', 7);
	memset(value, 'z', 8);
	memset(label, 'z', 4);
	memset(location, '1', 8);
	number[8] = '3';
	row = fixture_row(number, "teams", 8);
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	e = fixture_lookup(t, "+15550001");
	assert_int_equal(1, e->carrierc);
	assert_int_equal(CARRIER_B, e->carrierv[0]);
	assert_string_equal("Contoso", e->account->name);
	assert_string_equal("desk", e->label);
	assert_string_equal("+15550000", e->location);
	assert_int_equal(SP_NUMBER_CALLER_SCREENED, e->caller_id);
	assert_true(e->from_s == 10 && e->to_s == SP_NUMBER_ALWAYS_TO);
	assert_true(e->headers_to_carrier);
	assert_int_equal(2, e->headerc);
	assert_string_equal("X-MS-TenantID", e->headerv[0].name);
	assert_string_equal("tenant-1", e->headerv[0].value);
	assert_string_equal("", e->headerv[1].value);

	e = fixture_lookup(t, "+15550003");
	assert_null(e->carrierv);
	assert_string_equal("", e->account->name);
	assert_string_equal("", e->label);
	assert_string_equal("", e->location);
	assert_int_equal(0, e->headerc);
	assert_true(e->from_s == SP_NUMBER_ALWAYS_FROM);
	mem_deref(t);
}

/* What differs in anything but number and line is another entry. */
static void rules_that_say_the_same_share_an_entry(void **state)
{
	static const struct sp_number_header headerv[] = {{"X-A", "1"}, {"X-A", "2"}};
	struct sp_number_row rowv[10];
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_entry *e[2][10];
	struct sp_number_counts counts;
	(void)state;

	for (size_t i = 0; i < 10; i++)
		rowv[i] = fixture_row("", "teams", 1);
	rowv[1].trunkv[0] = "zoom";
	rowv[2].account = "a";
	rowv[3].label = "a";
	rowv[4].location = "+1";
	rowv[5].caller_id = "screened";
	rowv[6].enabled_to = "2999-01-01T00:00:00Z";
	rowv[7].headers_to_carrier = true;
	rowv[8].headerv = &headerv[0];
	rowv[9].headerv = &headerv[1];
	rowv[8].headerc = rowv[9].headerc = 1;
	for (unsigned i = 0; i < 20; i++) {
		struct sp_number_row row = rowv[i % 10];
		char number[8];

		(void)re_snprintf(number, sizeof(number), "+%u", 10 + i);
		row.number = number;
		row.line = i;
		assert_int_equal(0, sp_number_add(b, &row));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	for (unsigned i = 0; i < 20; i++) {
		char number[8];

		(void)re_snprintf(number, sizeof(number), "+%u", 10 + i);
		e[i / 10][i % 10] = fixture_lookup(t, number);
	}
	for (size_t i = 0; i < 10; i++) {
		assert_ptr_equal(e[0][i], e[1][i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(e[0][i], e[0][j]);
	}
	sp_number_counts(t, &counts);
	assert_int_equal(10, counts.entries);
	assert_int_equal(20, counts.exact);
	assert_int_equal(1, counts.accounts);
	mem_deref(t);
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
	char longest[SP_NUMBER_HEADER_NAME_MAX + 2], name[16], number[8];
	struct sp_number_header headerv[] = {{"X-Tenant", "1"}, {"x-ACCOUNT", "2"}};
	struct sp_number_row row = fixture_row("+1", "teams", 1);
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t;
	struct pl pl;
	size_t i;
	(void)state;

	memset(longest, 'L', sizeof(longest));
	longest[SP_NUMBER_HEADER_NAME_MAX] = '\0';
	row.headerv = headerv;
	row.headerc = 2;
	assert_int_equal(0, sp_number_add(b, &row));
	headerv[1].name = longest;
	row.number = "+2*";
	assert_int_equal(0, sp_number_add(b, &row));
	for (i = 0; i < 500; i++) { /* the set grows */
		snprintf(number, sizeof(number), "+9%03zu", i);
		snprintf(name, sizeof(name), "X-H%zu", i);
		row.number = number;
		headerv[1].name = name;
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

struct lines {
	unsigned v[16];
	size_t c;
};

static void keep_line(const struct sp_number_rule *rule, void *arg)
{
	struct lines *l = arg;

	assert_true(l->c < 16);
	l->v[l->c++] = rule->line;
}

static void every_rule_that_covers_the_strongest_first(void **state)
{
	static const unsigned want[] = {7, 3, 6, 2, 5, 1, 4};
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct lines lines = {.c = 0};
	struct pl pl;
	(void)state;

	pl_set_str(&pl, "+441632960001");
	assert_int_equal(0, fixture_add(b, "+441632*", "teams", 1));
	assert_int_equal(0,
			 fixture_add_dated(b, "+441632960000-9", "2026-01-01T00:00:00Z", NULL, 2));
	assert_int_equal(0, fixture_add_dated(b, "+441632960001", "2026-01-01T00:00:00Z", NULL, 3));
	assert_int_equal(0, fixture_add(b, "+4*", "teams", 4));
	assert_int_equal(0, fixture_add(b, "+441632960001*", "teams", 5));
	assert_int_equal(0,
			 fixture_add_dated(b, "+441632960001-5", NULL, "2025-01-01T00:00:00Z", 6));
	assert_int_equal(0, fixture_add_dated(b, "+441632960001", NULL, "2025-01-01T00:00:00Z", 7));
	assert_int_equal(0, fixture_add(b, "+44163296001*", "teams", 8));
	assert_int_equal(0, fixture_add(b, "+441632960002", "teams", 9));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	assert_int_equal(7, sp_number_covering(t, &pl, keep_line, &lines));
	assert_int_equal(7, sp_number_covering(t, &pl, NULL, NULL));
	assert_memory_equal(want, lines.v, sizeof(want));
	lines.c = 0;
	pl_set_str(&pl, "+51");
	assert_int_equal(0, sp_number_covering(t, &pl, keep_line, &lines));
	pl_set_str(&pl, "+441632960002");
	assert_int_equal(5, sp_number_covering(t, &pl, keep_line, &lines));
	assert_int_equal(9, lines.v[0]);
	mem_deref(t);
}

/* Large enough for mapped memory; +1 lines, as places begin there. */
static void large_table(void **state)
{
	enum { NUMBERS = 60000 };
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	char text[SP_NUMBER_SIZE];
	unsigned i;
	(void)state;

	for (i = 0; i < NUMBERS; i++) {
		snprintf(text, sizeof(text), "+4416%07u", i * 2);
		assert_int_equal(0, fixture_add(b, text, "teams", i + 1));
		if (i % 10)
			continue;
		snprintf(text, sizeof(text), "+4917%06u*", i);
		assert_int_equal(0, fixture_add(b, text, "zoom", i + 1));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	for (i = 0; i < NUMBERS; i++) {
		snprintf(text, sizeof(text), "+4416%07u", i * 2);
		assert_int_equal(i + 1, fixture_line(t, text));
		snprintf(text, sizeof(text), "+4416%07u", i * 2 + 1);
		assert_null(fixture_lookup(t, text));
		snprintf(text, sizeof(text), "+4917%06u123", i);
		assert_int_equal(i % 10 ? 0 : i + 1, fixture_line(t, text));
	}
	mem_deref(t);
}

/* A build gives all away, and can be begun anew. */
static void the_build_is_empty_then(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *first = NULL, *second = NULL, *third = NULL;
	(void)state;

	assert_int_equal(0, fixture_add(b, "+441", "teams", 1));
	assert_int_equal(0, fixture_add(b, "+442-3", "teams", 1));
	assert_int_equal(0, sp_number_table_alloc(&first, b));
	assert_int_equal(0, sp_number_table_alloc(&second, b));
	assert_int_equal(0, fixture_add(b, "+441", "zoom", 5));
	assert_int_equal(0, sp_number_table_alloc(&third, b));
	mem_deref(b);
	mem_deref(first);
	assert_int_equal(0, sp_number_count(second));
	assert_int_equal(1, sp_number_count(third));
	assert_int_equal(5, fixture_line(third, "+441"));
	mem_deref(second);
	mem_deref(third);
}

/* A bad row is none of those that are added later. */
static void what_was_wrong_is_forgotten_then(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(EINVAL, fixture_add(b, "rubbish", "teams", 1));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_int_equal(0, fixture_add(b, "+441", "teams", 2));
	assert_int_equal(0, fixture_add(b, "+441", "teams", 3));
	assert_int_equal(EINVAL, sp_number_table_alloc(&t, b));
	assert_null(t);
	assert_int_equal(2, reports.n);
	assert_int_equal(0, fixture_add(b, "+441", "teams", 4));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(2, reports.n);
	assert_int_equal(4, fixture_line(t, "+441"));
	mem_deref(b);
	mem_deref(t);
}

struct told {
	unsigned n;
	size_t rulec[4];
	uint16_t trunk[4];
};

static void on_entry(const struct sp_number_entry *e, size_t rulec, void *arg)
{
	struct told *told = arg;

	assert_in_range(told->n, 0, 3);
	told->rulec[told->n] = rulec;
	told->trunk[told->n++] = e->trunkv[0];
}

static void each_entry_once_and_in_order(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	struct told told = {.n = 0};
	(void)state;

	assert_int_equal(0, fixture_add(b, "+441632*", "teams", 1));
	assert_int_equal(0, fixture_add(b, "+441632960001", "zoom", 2));
	assert_int_equal(0, fixture_add(b, "+441632960002-4", "teams", 3));
	assert_int_equal(0, fixture_add(b, "+44163296*", "pbx", 4));
	assert_int_equal(0, fixture_add(b, "+441632960005", "teams", 5));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	sp_number_each(t, on_entry, &told);
	assert_int_equal(3, told.n);
	assert_int_equal(TEAMS, told.trunk[0]);
	assert_int_equal(3, told.rulec[0]);
	assert_int_equal(ZOOM, told.trunk[1]);
	assert_int_equal(1, told.rulec[1]);
	assert_int_equal(PBX, told.trunk[2]);
	assert_int_equal(1, told.rulec[2]);
	mem_deref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_beats_range_beats_prefix_and_longest_wins),
		cmocka_unit_test(lookup_refuses_what_is_not_e164),
		cmocka_unit_test(pl_need_not_end_in_nul),
		cmocka_unit_test(empty_table),
		cmocka_unit_test(entries_keep_what_rows_said),
		cmocka_unit_test(rules_that_say_the_same_share_an_entry),
		cmocka_unit_test(names_of_headers),
		cmocka_unit_test(every_rule_that_covers_the_strongest_first),
		cmocka_unit_test(large_table),
		cmocka_unit_test(the_build_is_empty_then),
		cmocka_unit_test(what_was_wrong_is_forgotten_then),
		cmocka_unit_test(each_entry_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
