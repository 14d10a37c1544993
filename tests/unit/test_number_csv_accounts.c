/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Settings of accounts as CSV (RFC 4180 section 2): what is read, what is
 * refused, and on which line the report puts it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_csv_fixture.h"

struct text {
	const char *p;
};

/* One byte at a time. */
static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct text *text = arg;

	assert_true(size > 0);
	*lenp = *text->p != '\0';
	if (*lenp)
		*buf = *text->p++;

	return 0;
}

static int csv(const char *p)
{
	struct text text = {p};

	return sp_number_accounts_csv_read(build, "a.csv", on_read, &text);
}

static void refused(const char *text, unsigned line, const char *key, const char *mend)
{
	reports.n = 0;
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(1, reports.n);
	assert_string_equal("a.csv", reports.v[0].file);
	assert_int_equal(line, reports.v[0].line);
	assert_string_equal(key, reports.v[0].key);
	assert_non_null(strstr(reports.v[0].mend, mend));
}

/* What the search is for, and what it found. */
struct search {
	const char *name;
	struct sp_number_account found;
	size_t n;
};

static void on_account(const struct sp_number_account *account, void *arg)
{
	struct search *s = arg;

	if (strcmp(account->name, s->name))
		return;
	s->found = *account;
	++s->n;
}

static struct sp_number_account account(const char *name)
{
	struct search s = {.name = name};

	if (!table)
		assert_int_equal(0, sp_number_table_alloc(&table, build));
	sp_number_each_account(table, on_account, &s);
	assert_int_equal(1, s.n);

	return s.found;
}

static void all_columns(void **state)
{
	struct sp_number_account a;
	(void)state;

	assert_int_equal(0, csv("\xef\xbb\xbf"
				"calls,account,calls_burst,main_number,calls_per_s\r\n"
				"7,\"Contoso, Ltd\",20,+441632960000,10\r\n\r\n"
				"100000,Fabrikam,,,5\r\n"
				",Empty,,,"));
	assert_int_equal(0, reports.n);

	a = account("Contoso, Ltd");
	assert_string_equal("+441632960000", a.main_number);
	assert_true(a.limited);
	assert_int_equal(7, a.calls);
	assert_int_equal(10, a.calls_per_s);
	assert_int_equal(20, a.burst);
	assert_string_equal("a.csv", a.file);
	assert_int_equal(2, a.line);

	a = account("Fabrikam");
	assert_string_equal("", a.main_number);
	assert_int_equal(100000, a.calls);
	assert_int_equal(5, a.calls_per_s);
	assert_int_equal(5, a.burst);
	assert_int_equal(4, a.line);

	a = account("Empty");
	assert_int_equal(0, a.calls);
	assert_int_equal(0, a.calls_per_s);
	assert_int_equal(0, a.burst);
}

static void header_row_is_judged(void **state)
{
	(void)state;

	refused("", 1, "column", "header row");
	refused("calls\n5\n", 1, "column", "needed");
	assert_string_equal("account", reports.v[0].value);
	refused("account,limit\na,5\n", 1, "column", "calls_per_s");
	refused("account,header:X-A\na,5\n", 1, "column", "calls_per_s");
	refused("account,account\n", 1, "column", "once");
	refused("account,Calls\n", 1, "column", "did you mean \"calls\"?");
	refused("account,X-A\n", 1, "column", "names the columns");
	refused("acme,+441632960000,10\n", 1, "row", "header row");
}

static void limits_are_judged(void **state)
{
	static const char *const bad[] = {"100001", "-1",         "+1",         " 1",
					  "1 ",     "0x1",        "1.5",        "many",
					  "1,000",  "4294967296", "4294967297", "1e3"};
	char text[128];
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "account,calls\na%zu,\"%s\"\n", i, bad[i]);
		refused(text, 2, "calls", "100000");
		assert_string_equal(bad[i], reports.v[0].value);
	}
	refused("account,calls_per_s\nb,x\n", 2, "calls_per_s", "100000");
	refused("account,calls_burst\nc,x\n", 2, "calls_burst", "100000");

	/* told once: what the rate should have been is not known */
	refused("account,calls_per_s,calls_burst\nd,x,5\n", 2, "calls_per_s", "100000");
}

/* Limits of rates are token buckets: one that is never filled again is none. */
static void a_burst_needs_a_rate(void **state)
{
	(void)state;

	refused("account,calls_per_s,calls_burst\na,,10\n", 2, "calls_burst",
		"give calls_per_s too");
	assert_string_equal("10", reports.v[0].value);
	refused("account,calls_per_s,calls_burst\nb,0,10\n", 2, "calls_burst", "calls_per_s");
	refused("account,calls_burst\nc,10\n", 2, "calls_burst", "calls_per_s");
	assert_int_equal(0, csv("account,calls_per_s,calls_burst\nd,,0\ne,,\n"));
}

static void accounts_are_judged(void **state)
{
	(void)state;

	refused("account,calls\na\n", 2, "row", "2 fields");
	refused("account,calls\n,5\n", 2, "account", "");
	refused("account,main_number\nb,0163\n", 2, "main_number", "E.164");
	refused("account,main_number\nb,441632960001\n", 2, "main_number",
		"did you mean \"+441632960001\"?");
	refused("account,calls\n,\n,\n", 2, "row", "delete this row");
	refused("account\n\"c\nd\"\n", 2, "account", "control");
	refused("account\ncaf\xe9\n", 2, "account", "UTF-8");

	/* all that is wrong with a row at once */
	reports.n = 0;
	assert_int_equal(EINVAL, csv("account,calls,main_number\nd,x,y\n"));
	assert_int_equal(2, reports.n);
}

static void a_hundred_bad_rows_then_one_report_more(void **state)
{
	char text[8192] = "account,calls\n";
	(void)state;

	for (size_t i = 0; i < 300; i++)
		snprintf(text + strlen(text), 32, "a%zu,x\n", i);
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(SP_NUMBER_REPORTS_MAX + 1, reports.n);
	assert_int_equal(SP_NUMBER_REPORTS_MAX + 2, reports.v[SP_NUMBER_REPORTS_MAX].line);
	assert_non_null(strstr(reports.v[SP_NUMBER_REPORTS_MAX].mend, "not shown"));
}

static void wrong_arguments(void **state)
{
	(void)state;

	assert_int_equal(EINVAL, sp_number_accounts_csv_read(NULL, "a.csv", on_read, NULL));
	assert_int_equal(EINVAL, sp_number_accounts_csv_read(build, "a.csv", NULL, NULL));
	assert_int_equal(EINVAL, sp_number_csv_read(NULL, "a.csv", on_read, NULL));
	assert_int_equal(EINVAL, sp_number_csv_read(build, "a.csv", NULL, NULL));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_columns),         T(header_row_is_judged),
		T(limits_are_judged),   T(a_burst_needs_a_rate),
		T(accounts_are_judged), T(a_hundred_bad_rows_then_one_report_more),
		T(wrong_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
