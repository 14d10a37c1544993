/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every cell of a row, with every octet and with longer tricks in it, at its
 * beginning, in its middle and at its end: it is refused, or nothing that the
 * table then has can end a line, or make another header of one (RFC 3261 25.1).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sallyport/base_util.h"
#include "unit/number_fixture.h"

static const char *const columns[] = {
	"number",
	"trunk",
	"holes",
	"carrier",
	"account",
	"label",
	"caller_id",
	"enabled_from",
	"enabled_to",
	"location",
	"headers_to_carrier",
	"header:X-A",
	"header:X-B",
};

/* A row that is good. X-B is a template of all the other texts. */
static const char *const cells[] = {
	"+441632960000-960999",
	"teams",
	"960500",
	"carrier-a",
	"acme",
	"Leeds",
	"screened",
	"2026-01-01T00:00:00Z",
	"2036-01-01T00:00:00Z",
	"+441632960555",
	"yes",
	"one two",
	"{number}{account}{label}{trunk}",
};

enum { COLUMNS = ARRAY_SIZE(columns), TEXT = 4096 };

static const char *const tricks[] = {
	"\r\nX-Evil: 1",
	"\r\n X-Evil: 1",
	"\nX-Evil: 1",
	"\rX-Evil: 1",
	"\r\n\r\n",
	"\xc2\x85X-Evil: 1",
	"\xe2\x80\xa8",
	"\xc0\x8d\xc0\x8a",
	"\xe0\x80\x8a",
	"\xf0\x80\x80\x8d",
	"\xed\xa0\x80",
	"\xff",
	"\x1b[31m",
	"{header:X}",
	"{number",
	"}",
	"{{",
	"\" evil=1 x=\"",
	"%0d%0a",
	"%s%n",
	"=?utf-8?q?=0a?=",
	"\\r\\n",
	";",
	",",
	"\"",
	"'",
	"<sip:evil>",
	"\xef\xbb\xbf",
};

struct tally {
	unsigned tried, refused, taken;
};

static void put_cell(struct mbuf *mb, const struct pl *cell)
{
	assert_int_equal(0, mbuf_write_u8(mb, '"'));
	for (size_t i = 0; i < cell->l; i++) {
		if ('"' == cell->p[i])
			assert_int_equal(0, mbuf_write_u8(mb, '"'));
		assert_int_equal(0, mbuf_write_u8(mb, (uint8_t)cell->p[i]));
	}
	assert_int_equal(0, mbuf_write_u8(mb, '"'));
}

/** A text of the table: of one line, without controls, and UTF-8. */
static void assert_harmless(const char *text)
{
	struct pl pl;

	pl_set_str(&pl, text);
	if (!sp_text_ok(&pl) || strchr(text, '\t') || strchr(text, '\x7f'))
		fail_msg("a control in \"%s\"", text);
	if (strstr(text, "\xc2\x85") || strstr(text, "\xc0\x8a") || strchr(text, '\xff'))
		fail_msg("no text: \"%s\"", text);
}

static void on_entry(const struct sp_number_entry *e, size_t rulec, void *arg)
{
	char value[SP_NUMBER_VALUE_SIZE];
	const struct sp_number_vars vars = {"+441632960001", e->account->name, e->label, "teams"};
	struct tally *t = arg;
	(void)rulec;

	t->taken++;
	assert_harmless(e->account->name);
	assert_harmless(e->account->main_number);
	assert_harmless(e->label);
	assert_true(strspn(e->location, "+0123456789") == strlen(e->location));
	for (size_t i = 0; i < e->headerc; i++) {
		assert_harmless(e->headerv[i].name);
		sp_number_expand(value, e->headerv[i].value, &vars);
		assert_harmless(value);
	}
}

static void try_row(struct tally *t, const char *text, size_t len)
{
	static struct reports reports;
	struct sp_number_build *build = fixture_build(&reports);
	struct sp_number_table *table = NULL;
	int err;

	assert_non_null(build);
	t->tried++;
	err = fixture_csv(build, "n.csv", text, len);
	if (!err)
		err = sp_number_table_alloc(&table, build);
	if (err) {
		assert_true(reports.n > 0); /* and it is said why */
		t->refused++;
	} else {
		sp_number_each(table, on_entry, t);
	}
	mem_deref(table);
	mem_deref(build);
}

/** The trick in one cell, or in one name of a column, at some place. */
static void try(struct tally *t, size_t column, bool title, const struct pl *trick, unsigned place)
{
	static const char nothing[] = "";
	struct mbuf *mb = mbuf_alloc(TEXT);

	assert_non_null(mb);
	for (unsigned line = 0; line < 2; line++) {
		for (size_t i = 0; i < COLUMNS; i++) {
			const char *is = line ? cells[i] : columns[i];
			const size_t at = place * strlen(is) / 2;
			const bool here = i == column && title == !line;
			char cell[256];
			struct pl pl = {cell, 0};
			const int n = re_snprintf(cell, sizeof(cell), "%b%r%s", is, here ? at : 0,
						  here ? trick : &(struct pl){nothing, 0},
						  here ? is + at : is);

			assert_true(n > 0);
			pl.l = (size_t)n;
			assert_int_equal(0, i ? mbuf_write_u8(mb, ',') : 0);
			put_cell(mb, &pl);
		}
		assert_int_equal(0, mbuf_write_str(mb, "\r\n"));
	}
	try_row(t, (const char *)mb->buf, mb->end);
	mem_deref(mb);
}

static void try_everywhere(struct tally *t, const struct pl *trick)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		for (unsigned place = 0; place < 3; place++) {
			try(t, i, false, trick, place);
			if (!strncmp(columns[i], "header:", 7))
				try(t, i, true, trick, place);
		}
	}
}

static void every_octet(void **state)
{
	struct tally t = {0};
	(void)state;

	for (unsigned octet = 0; octet < 256; octet++) {
		const char c = (char)octet;
		const struct pl trick = {&c, 1};

		try_everywhere(&t, &trick);
	}
	print_message("every_octet tried=%u refused=%u taken=%u injected=0\n", t.tried, t.refused,
		      t.taken);
	assert_true(t.refused > t.tried / 2);
	assert_true(t.taken > 1000);
}

static void every_trick(void **state)
{
	struct tally t = {0};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
		struct pl trick;

		pl_set_str(&trick, tricks[i]);
		try_everywhere(&t, &trick);
	}
	print_message("every_trick tried=%u refused=%u taken=%u injected=0\n", t.tried, t.refused,
		      t.taken);
	assert_true(t.refused > t.tried / 2);
	assert_true(t.taken > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet),
		cmocka_unit_test(every_trick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
