/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Number tables as CSV (RFC 4180 section 2): what is read, what is refused, and
 * on which line the report puts it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_csv_fixture.h"

static struct sp_number_rule rule;

static int csv(const char *text)
{
	return fixture_csv(build, "n.csv", text, strlen(text));
}

/** The text must be refused with one report. */
static void refused(const char *text, unsigned line, const char *key, const char *mend)
{
	reports.n = 0;
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(1, reports.n);
	assert_string_equal("n.csv", reports.v[0].file);
	assert_int_equal(line, reports.v[0].line);
	assert_string_equal(key, reports.v[0].key);
	if (!strstr(reports.v[0].mend, mend))
		fail_msg("\"%s\" is told, not \"%s\"", reports.v[0].mend, mend);
}

/** The entry that decides, its rule in rule; NULL when there is none. */
static const struct sp_number_entry *entry(const char *number)
{
	struct pl pl;

	if (!table)
		assert_int_equal(0, sp_number_table_alloc(&table, build));
	pl_set_str(&pl, number);

	return sp_number_find(&rule, table, &pl, 1000) ? rule.entry : NULL;
}

static void all_columns(void **state)
{
	static const struct sp_number_account_row contoso = {
		.name = "Contoso", .main_number = "+441", .file = "a.csv", .line = 2};
	const struct sp_number_entry *e;
	(void)state;

	assert_int_equal(0, csv("\xef\xbb\xbfheader:X-A,number,carrier,trunk,account,label,holes,"
				"headers_to_carrier,header:X-B,caller_id,location,enabled_from,"
				"enabled_to\r\n"
				"one,+441,carrier-a,teams,Contoso,Sales,,yes,two,main,+442,"
				"1970-01-01T00:00:01Z,2970-01-01T00:00:00Z\r\n"
				",+442,,zoom,,,,no,,sent,,,\r\n"
				",+443*,,pbx,,,,,three,screened,,,"));
	assert_int_equal(0, reports.n);
	assert_int_equal(0, sp_number_add_account(build, &contoso));

	e = entry("+441");
	assert_int_equal(TEAMS, e->trunkv[0]);
	assert_int_equal(CARRIER_A, e->carrierv[0]);
	assert_string_equal("Contoso", e->account->name);
	assert_string_equal("Sales", e->label);
	assert_string_equal("+442", e->location);
	assert_int_equal(SP_NUMBER_CALLER_MAIN, e->caller_id);
	assert_int_equal(1, e->from_s);
	assert_int_equal(31556995200, e->to_s);
	assert_true(e->headers_to_carrier);
	assert_int_equal(2, e->headerc);
	assert_string_equal("X-A", e->headerv[0].name);
	assert_string_equal("one", e->headerv[0].value);
	assert_string_equal("two", e->headerv[1].value);
	assert_string_equal("n.csv", rule.file);
	assert_int_equal(2, rule.line);

	e = entry("+442");
	assert_int_equal(0, e->carrierc);
	assert_string_equal("", e->account->name);
	assert_false(e->headers_to_carrier);
	assert_int_equal(0, e->headerc);
	assert_int_equal(SP_NUMBER_CALLER_SENT, e->caller_id);
	assert_true(e->from_s == SP_NUMBER_ALWAYS_FROM && e->to_s == SP_NUMBER_ALWAYS_TO);

	e = entry("+4431");
	assert_int_equal(SP_NUMBER_PREFIX, rule.kind);
	assert_int_equal(1, e->headerc);
	assert_string_equal("X-B", e->headerv[0].name);
	assert_int_equal(SP_NUMBER_CALLER_SCREENED, e->caller_id);
	assert_int_equal(4, rule.line);
}

static void holes(void **state)
{
	static const char row[] = "number,trunk,holes\n+4450-59,pbx,+4451; 53-54 ;+4456-+4458 \n"
				  "+4460-69,pbx,\n";
	(void)state;

	assert_int_equal(0, csv(row));
	assert_non_null(entry("+4450"));
	assert_int_equal(SP_NUMBER_RANGE, rule.kind);
	assert_null(entry("+4451"));
	assert_non_null(entry("+4452"));
	assert_null(entry("+4453"));
	assert_null(entry("+4454"));
	assert_non_null(entry("+4455"));
	assert_null(entry("+4456"));
	assert_null(entry("+4458"));
	assert_non_null(entry("+4459"));
	assert_non_null(entry("+4461"));
	assert_int_equal(3, rule.line);
}

static void holes_are_judged(void **state)
{
	char text[2048] = "number,trunk,holes\n+44100-99,teams,+44100";
	size_t i;
	(void)state;

	refused("number,trunk,holes\n+4450-59,pbx,+4451;\n", 2, "holes", "");
	refused("number,trunk,holes\n+4450-59,pbx,rubbish\n", 2, "holes", "");
	refused("number,trunk,holes\n+4450,pbx,+4450\n", 2, "holes", "");

	for (i = 1; i <= SP_NUMBER_HOLES_MAX; i++)
		snprintf(text + strlen(text), 16, ";+44%zu", 100 + i);
	refused(text, 2, "holes", "64");
	for (i = 0; i < 200; i++)
		strcat(text, ";+4411");
	refused(text, 2, "holes", "64");
}

static void rfc4180_quotes(void **state)
{
	(void)state;

	assert_int_equal(0, csv("\"number\",trunk,account,header:X-A\n"
				"\"+441\",\"teams\",\"Contoso, Ltd\",\"say \"\"hi\"\"\"\n"
				"\"+442\",teams,\"\"\"\"\"\",\"\"\n"));
	assert_string_equal("Contoso, Ltd", entry("+441")->account->name);
	assert_string_equal("say \"hi\"", entry("+441")->headerv[0].value);
	assert_string_equal("\"\"", entry("+442")->account->name);
	assert_int_equal(0, entry("+442")->headerc);
}

static void line_ends_and_empty_lines(void **state)
{
	(void)state;

	assert_int_equal(0, csv("\n\r\nnumber,trunk\r\n+441,teams\n\n\r\n+442,zoom\r\n\n"));
	assert_non_null(entry("+441"));
	assert_int_equal(4, rule.line);
	assert_non_null(entry("+442"));
	assert_int_equal(7, rule.line);
	assert_int_equal(2, sp_number_count(table));
}

static void header_row_alone_is_an_empty_table(void **state)
{
	(void)state;

	assert_int_equal(0, csv("number,trunk"));
	assert_null(entry("+441"));
}

static void header_row_is_judged(void **state)
{
	(void)state;

	refused("", 1, "column", "header row");
	refused("\n\n", 1, "column", "header row");
	refused("number,trunk,colour\n+441,teams,red\n", 1, "column", "names the columns, number");
	assert_string_equal("colour", reports.v[0].value);
	refused("number,trunk,\n", 1, "column", "names the columns");
	refused("\nnumber,trunk,number\n", 2, "column", "once");
	refused("number,trunk,header:X-A,header:x-a\n", 1, "column", "once");
	refused("trunk\n", 1, "column", "add this column");
	assert_string_equal("number", reports.v[0].value);
	refused("number\n", 1, "column", "add this column");
	refused("number,trunk,header:Via\n", 1, "column", "the gateway writes");
	refused("number,trunk,header:\n", 1, "column", "name");
	refused("number,trunk,header:v\n", 1, "column", "one letter");
	refused("number,trunk,\"header:X\r\nVia\"\n", 1, "column", "name");
	refused("number,\"trunk\n", 1, "row", "close the quote");
	assert_string_equal("number,\"trunk", reports.v[0].value);
	refused("+441,teams\r+442,zoom\r", 1, "row", "CRLF or LF");
	assert_string_equal("+441,teams", reports.v[0].value);
	refused("number,trunk,caf\xe9\n", 1, "column", "UTF-8");

	assert_int_equal(EINVAL, csv("number,trunk,size,header:To,colour\n+441,teams,1,2,3\n"));
	assert_int_equal(4, reports.n);
}

static void column_names_that_are_nearly_right(void **state)
{
	static const struct {
		const char *name, *meant;
	} names[] = {
		{"Number", "number"},
		{" number", "number"},
		{"nmuber\t", "number"},
		{"NUMBER ", "number"},
		{"numbers", "number"},
		{"acount", "account"},
		{"Header: X-A", "header:X-A"},
		{"X-Tenant", "header:X-Tenant"},
		{"x-tenant ", "header:x-tenant"},
	};
	char text[128], mend[64];
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "trunk,%s\n+441,teams\n", names[i].name);
		snprintf(mend, sizeof(mend), "no such column; did you mean \"%s\"?",
			 names[i].meant);
		refused(text, 1, "column", mend);
		assert_string_equal(names[i].name, reports.v[0].value);
	}
	refused("number,trunk,X-\xc3\xa9\n", 1, "column", "names the columns");

	/* much of it, and all wrong */
	assert_int_equal(EINVAL, csv("Number,Trunk\n+441,teams\n"));
	assert_int_equal(3, reports.n);
}

static void first_rows_that_are_no_header_row(void **state)
{
	(void)state;

	refused("+441632960001,teams,acme,,\n+441632960002,teams,acme,,\n", 1, "row",
		"begin the file with a header row, which names the columns, number, trunk");
	assert_string_equal("+441632960001,teams,acme,,", reports.v[0].value);
	refused(",,\n", 1, "row", "header row");
	refused("number;trunk\n+441;teams\n", 1, "row", "commas between the columns, not \";\"");
	assert_string_equal("number;trunk", reports.v[0].value);
	refused("foo;Trunk\n", 1, "row", "commas");
	refused("number\ttrunk\taccount\n", 1, "row", "not tabs");
	refused("+441;teams\n", 1, "row", "header row");
}

static void files_that_are_no_text(void **state)
{
	static const char le[] = "\xff\xfen\0u\0m\0", be[] = "\xfe\xff\0n\0u\0m";
	static const struct {
		const char *text;
		size_t len;
		const char *mend;
	} files[] = {
		{le, sizeof(le) - 1, "is UTF-16"},
		{be, sizeof(be) - 1, "is UTF-16"},
		{le, 2, "is UTF-16"},
		{"PK\3\4\x14\0\6", 7, "is a spreadsheet or zip file"},
		{"\x1f\x8b\x08\0", 4, "compress it once"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		reports.n = 0;
		assert_int_equal(EINVAL, fixture_csv(build, "n.csv", files[i].text, files[i].len));
		assert_int_equal(1, reports.n);
		assert_int_equal(1, reports.v[0].line);
		assert_string_equal("file", reports.v[0].key);
		assert_string_equal("(none)", reports.v[0].value);
		assert_non_null(strstr(reports.v[0].mend, files[i].mend));
	}
	refused("PK\3", 1, "column", "UTF-8");
}

static void rows_of_empty_cells(void **state)
{
	char text[4096] = "number,trunk,account\n+441,teams,\n";
	(void)state;

	for (size_t i = 0; i < 300; i++)
		strcat(text, i % 2 ? ",,\r\n" : "\"\",,,\n");
	refused(text, 3, "row", "delete this row");
	assert_string_equal("(none)", reports.v[0].value);

	/* they are no reason to keep quiet about others */
	strcat(text, "x,teams,\n");
	reports.n = 0;
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(2, reports.n);
	assert_int_equal(303, reports.v[1].line);
	assert_string_equal("number", reports.v[1].key);
}

static void numbers_that_are_nearly_right(void **state)
{
	static const char *const nearly[] = {
		"441632960001",
		"00441632960001",
		"+00441632960001",
		"+44 1632 960001",
		" +441632960001",
		"'+441632960001",
		"'00 44 1632 960001",
		"\xc2\xa0+441632960001",
		"\xe2\x80\xaa+441632960001\xe2\x80\xac",
		"+44\xe2\x80\xaf"
		"1632\xe2\x80\x89"
		"960001",
		"\xef\xbb\xbf+441632960001",
		"\xe2\x81\xa6+441632960001\xe2\x81\xa9",
	};
	static const char *const others[] = {
		"01632960001",     "4416329",        "1234567890123456",
		"+44 1632 96000x", "''441632960001", "441632960001+",
		"++441632960001",  "\xe2\x80",       "000441632960001"};
	char text[128];
	(void)state;

	for (size_t i = 0; i < sizeof(nearly) / sizeof(nearly[0]); i++) {
		snprintf(text, sizeof(text), "number,trunk\n%s,teams\n", nearly[i]);
		refused(text, 2, "number", "; did you mean \"+441632960001\"?");
		assert_string_equal(nearly[i], reports.v[0].value);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(text, sizeof(text), "number,trunk\n%s,teams\n", others[i]);
		refused(text, 2, "number", "write it as E.164");
		assert_null(strstr(reports.v[0].mend, "did you mean"));
	}
	refused("number,trunk,location\n+441,teams,441632960001\n", 2, "location",
		"did you mean \"+441632960001\"?");
}

static void rows_are_judged(void **state)
{
	(void)state;

	refused("number,trunk\n+441,teams\n441,teams\n", 3, "number", "E.164");
	assert_string_equal("441", reports.v[0].value);
	refused("number,trunk\n+441,teems\n", 2, "trunk", "did you mean \"teams\"?");
	refused("number,trunk\n+441\n", 2, "row", "2 fields");
	assert_string_equal("1 fields", reports.v[0].value);
	refused("number,trunk\n+441,teams,\n", 2, "row", "2 fields");
	refused("number,trunk,carrier\n+441,teams,zoom\n", 2, "carrier", "carrier-a");
	refused("number,trunk,headers_to_carrier\n+441,teams,YES\n", 2, "headers_to_carrier",
		"\"yes\" or \"no\"");
	refused("number,trunk,header:X-A\n+441,teams,\"a\r\nVia: x\"\n", 2, "header:X-A",
		"without line breaks");
	refused("number,trunk,header:X-A\n+441,teams,caf\xe9\n", 2, "header:X-A", "UTF-8");
	refused("number,trunk,header:X-A\n+441,teams,{acount}\n", 2, "header:X-A",
		"no such variable");
	assert_string_equal("{acount}", reports.v[0].value);
	refused("number,trunk,account\n+441,teams,\"a\nb\"\n", 2, "account", "control");
	refused("number,trunk,account\n+441,teams,caf\xe9\n", 2, "account", "UTF-8");
	refused("number,trunk,label\n+441,teams,caf\xe9\n", 2, "label", "UTF-8");
	refused("number,trunk,caller_id\n+441,teams,Main\n", 2, "caller_id", "\"main\"");
	refused("number,trunk,enabled_from\n+441,teams,2026-12-01\n", 2, "enabled_from", "");
	refused("number,trunk,location\n+441,teams,112\n", 2, "location", "E.164");
}

static void lists_in_cells(void **state)
{
	const struct sp_number_entry *e;
	(void)state;

	assert_int_equal(0, csv("number,trunk,carrier\n"
				"+441,zoom; teams ,\"carrier-b ;\tcarrier-a\"\n"
				"+442, pbx ,  \n"));
	e = entry("+441");
	assert_int_equal(2, e->trunkc);
	assert_int_equal(ZOOM, e->trunkv[0]);
	assert_int_equal(TEAMS, e->trunkv[1]);
	assert_int_equal(2, e->carrierc);
	assert_int_equal(CARRIER_B, e->carrierv[0]);
	assert_int_equal(CARRIER_A, e->carrierv[1]);

	e = entry("+442");
	assert_int_equal(1, e->trunkc);
	assert_int_equal(PBX, e->trunkv[0]);
	assert_int_equal(0, e->carrierc);
}

static void lists_in_cells_are_judged(void **state)
{
	(void)state;

	refused("number,trunk\n+441,teams;\n", 2, "trunk", "shorten the list");
	refused("number,trunk\n+441,;teams\n", 2, "trunk", "shorten the list");
	refused("number,trunk\n+441,teams; ;zoom\n", 2, "trunk", "shorten the list");
	refused("number,trunk\n+441,\n", 2, "trunk", "name a trunk of kind service");
	refused("number,trunk\n+441, \n", 2, "trunk", "name a trunk of kind service");
	refused("number,trunk\n+441,teams;carrier-a\n", 2, "trunk", "of kind carrier");
	assert_string_equal("carrier-a", reports.v[0].value);
	refused("number,trunk\n+441,teams;zoom;teams\n", 2, "trunk", "once only");
	assert_string_equal("teams", reports.v[0].value);
	refused("number,trunk\n+441,a;b;c;d;e;f;g;h;i\n", 2, "trunk", "at most 8");
	refused("number,trunk,carrier\n+441,teams,carrier-a;zoom\n", 2, "carrier",
		"of kind service");
}

static void malformed_rows(void **state)
{
	(void)state;

	refused("number,trunk\n+44\"1,teams\n", 2, "row", "double the quotes");
	refused("number,trunk\n\"+441\"x,teams\n", 2, "row", "closing quote");
	refused("number,trunk\n\"+441\" ,teams\n", 2, "row", "closing quote");
	refused("number,trunk\n\"+441,teams\n+442,zoom\n", 2, "row", "close the quote");
	assert_string_equal("\"+441,teams", reports.v[0].value);
	refused("number,trunk\n+441,te\rams\n", 2, "row", "CR alone");
	refused("number,trunk\n+441,teams\r", 2, "row", "CR alone");
	refused("number,trunk\r\n+44\"1,teams\r\n", 2, "row", "double the quotes");
	assert_string_equal("+44\"1,teams", reports.v[0].value);
}

static void a_bad_row_does_not_spoil_the_next(void **state)
{
	(void)state;

	assert_int_equal(EINVAL, csv("number,trunk,account\n"
				     "+44\"1,\"teams,x\n"
				     "1,teams,\"a\nb\"\n"
				     "+441,teams\n"
				     "+441,teams,ok\n"
				     "+442,nowhere-known,x\n"));
	assert_int_equal(5, reports.n);
	assert_int_equal(2, reports.v[0].line);
	assert_int_equal(3, reports.v[1].line);
	assert_string_equal("number", reports.v[1].key);
	assert_int_equal(3, reports.v[2].line);
	assert_string_equal("account", reports.v[2].key);
	assert_int_equal(5, reports.v[3].line);
	assert_int_equal(7, reports.v[4].line);
}

static void nul_bytes(void **state)
{
	static const char text[] = "number,trunk\n+441,tea\0ms\n+442,\"zo\0om\"\n\0\n+443,pbx\n";
	size_t i;
	(void)state;

	assert_int_equal(EINVAL, fixture_csv(build, "n.csv", text, sizeof(text) - 1));
	assert_int_equal(3, reports.n);
	for (i = 0; i < 3; i++) {
		assert_int_equal(2 + i, reports.v[i].line);
		assert_non_null(strstr(reports.v[i].mend, "NUL"));
	}
}

static void fields_and_rows_are_bounded(void **state)
{
	static char text[2 * CSV_RECORD_MAX];
	size_t i, n;
	(void)state;

	strcpy(text, "number,trunk\n+441,teams");
	memset(text + strlen(text), 'x', CSV_FIELD_MAX);
	refused(text, 2, "row", "4,096");

	/* the longest field passes the reader and is judged as a name */
	n = strlen(strcpy(text, "number,trunk\n+441,"));
	memset(text + n, 'x', CSV_FIELD_MAX + 1);
	text[n + CSV_FIELD_MAX] = '\0';
	refused(text, 2, "trunk", "name a trunk of kind service");
	strcpy(text + n + CSV_FIELD_MAX, "x");
	refused(text, 2, "row", "4,096");

	/* a comma and one character, over and over: too many columns */
	n = strlen(strcpy(text, "number,trunk\n"));
	for (i = 0; i < 20000; i += 2)
		memcpy(text + n + i, "x,", 3);
	refused(text, 2, "row", "2 fields");
	assert_string_equal("10001 fields", reports.v[0].value);
	refused(text + n, 1, "row", "128 columns");
	assert_int_equal(CSV_SHOWN_SIZE - 1, strlen(reports.v[0].value));
	assert_int_equal(0, memcmp("x,x,x", reports.v[0].value, 5));

	/* wide fields, each within its bound */
	text[0] = '\0';
	for (i = 0; i < CSV_COLUMNS_MAX; i++) {
		n = strlen(text);
		if (n + CSV_FIELD_MAX + 2 > sizeof(text))
			break;
		memset(text + n, 'x', CSV_FIELD_MAX);
		strcpy(text + n + CSV_FIELD_MAX, ",");
	}
	refused(text, 1, "row", "65,536");
}

static void many_header_columns_few_cells(void **state)
{
	char text[8192] = "number,trunk";
	size_t i;
	(void)state;

	for (i = 2; i < CSV_COLUMNS_MAX; i++)
		snprintf(text + strlen(text), 16, ",header:X-%zu", i);
	strcat(text, "\n+441,teams");
	for (i = 2; i < CSV_COLUMNS_MAX; i++)
		strcat(text, i < 2 + SP_NUMBER_HEADERS_MAX ? ",v" : ",");
	assert_int_equal(0, csv(text));

	strcat(text, "\n+442,teams");
	for (i = 2; i < CSV_COLUMNS_MAX; i++)
		strcat(text, ",v");
	refused(text, 3, "headers", "100");
}

static void a_hundred_bad_rows_then_one_report_more(void **state)
{
	static char text[65536];
	size_t i;
	(void)state;

	strcpy(text, "number,trunk\n");
	for (i = 0; i < 100; i++)
		strcat(text, "x,teams\n");
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(100, reports.n);

	reports.n = 0;
	strcat(text, "+441,teams\nx,y,z\nx,y,z\n");
	assert_int_equal(EINVAL, csv(text));
	assert_int_equal(101, reports.n);
	assert_int_equal(101, reports.v[99].line);
	assert_int_equal(103, reports.v[100].line);
	assert_non_null(strstr(reports.v[100].mend, "further errors not shown"));
	assert_string_equal("(none)", reports.v[100].value);

	/* the silence was the file's, not the build's */
	refused("number,trunk\nx,teams\n", 2, "number", "E.164");
	refused("number,trunk\n4.41633E+11,teams\n", 2, "number", "spreadsheet");
	refused("number,trunk\n\"4,41633E+11\",teams\n", 2, "number", "spreadsheet");
}

static void bad_rows_mean_no_table(void **state)
{
	(void)state;

	assert_int_equal(EINVAL, csv("number,trunk,headers_to_carrier\n+441,teams,maybe\n"));
	assert_int_equal(EINVAL, sp_number_table_alloc(&table, build));
	assert_null(table);
}

static void duplicates_across_files(void **state)
{
	static const char text[] = "number,trunk\n+441,teams\n";
	(void)state;

	assert_int_equal(0, fixture_csv(build, "a.csv", text, strlen(text)));
	assert_int_equal(0, fixture_csv(build, "b.csv", text, strlen(text)));
	assert_int_equal(EINVAL, sp_number_table_alloc(&table, build));
	assert_int_equal(1, reports.n);
	assert_string_equal("b.csv", reports.v[0].file);
	assert_non_null(strstr(reports.v[0].mend, "also at a.csv:2"));
}

static void the_end_is_the_length_s(void **state)
{
	static const char text[] = "number,trunk\n+441,teams\nrubbish";
	(void)state;

	assert_int_equal(0, fixture_csv(build, "n.csv", text, sizeof(text) - 8));
	assert_non_null(entry("+441"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_columns),
		T(holes),
		T(holes_are_judged),
		T(rfc4180_quotes),
		T(line_ends_and_empty_lines),
		T(header_row_alone_is_an_empty_table),
		T(header_row_is_judged),
		T(column_names_that_are_nearly_right),
		T(first_rows_that_are_no_header_row),
		T(files_that_are_no_text),
		T(rows_of_empty_cells),
		T(numbers_that_are_nearly_right),
		T(rows_are_judged),
		T(lists_in_cells),
		T(lists_in_cells_are_judged),
		T(malformed_rows),
		T(a_bad_row_does_not_spoil_the_next),
		T(nul_bytes),
		T(fields_and_rows_are_bounded),
		T(many_header_columns_few_cells),
		T(a_hundred_bad_rows_then_one_report_more),
		T(bad_rows_mean_no_table),
		T(duplicates_across_files),
		T(the_end_is_the_length_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
