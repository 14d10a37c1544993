/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Number entries and accounts as the file writes them: types and how many.
 * What they say is for the number table to judge.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

#define OF(line) "sallyport.conf:" line ": "
#define ROOT(text) TRUNK("") text "\n"
#define NUMBER(more) ROOT("numbers = ( { number = \"+1\"; trunk = \"b\";\n" more " } );")
#define N(line, member) OF(line) "numbers[0] \"+1\"." member

static const struct sp_conf_number *load_number(struct fixture *f, const char *text)
{
	(void)load_trunk(f, text);
	assert_int_equal(f->conf->numberc, 1);

	return &f->conf->numberv[0];
}

static void test_defaults(void **state)
{
	const struct sp_conf_number *n = load_number(*state, NUMBER(""));

	assert_null(n->account);
	assert_null(n->label);
	assert_null(n->enabled_from);
	assert_null(n->enabled_to);
	assert_null(n->caller_id);
	assert_null(n->location);
	assert_int_equal(n->holec, 0);
	assert_int_equal(n->headerc, 0);
	assert_false(n->headers_to_carrier);
}

/* Any text: only number/ knows what is wrong with it. */
static void test_every_key(void **state)
{
	const struct sp_conf_number *n = load_number(
		*state,
		NUMBER("holes = [ \"+2-3\", \"no number\", \"+2-3\" ]; account = \"acme\"; label = "
		       "\"\xc3\xa9t\xc3\xa9\"; enabled_from = \"2026-12-01T00:00:00Z\";"
		       " enabled_to = \"tomorrow\"; caller_id = \"mian\"; location = \"\";"
		       " headers = { X-A = \"{no\"; x-a = \"\"; }; headers_to_carrier = true;"));

	assert_int_equal(n->holec, 3);
	assert_string_equal(n->holev[0], "+2-3");
	assert_string_equal(n->holev[1], "no number");
	assert_string_equal(n->holev[2], "+2-3");
	assert_string_equal(n->account, "acme");
	assert_string_equal(n->label, "\xc3\xa9t\xc3\xa9");
	assert_string_equal(n->enabled_from, "2026-12-01T00:00:00Z");
	assert_string_equal(n->enabled_to, "tomorrow");
	assert_string_equal(n->caller_id, "mian");
	assert_string_equal(n->location, "");
	assert_int_equal(n->headerc, 2);
	assert_string_equal(n->headerv[0].value, "{no");
	assert_true(n->headers_to_carrier);

	/* one hole needs no brackets, none no key */
	n = load_number(*state, NUMBER("holes = \"+2\";"));
	assert_int_equal(n->holec, 1);
	assert_string_equal(n->holev[0], "+2");
	assert_int_equal(load_number(*state, NUMBER("holes = [ ];"))->holec, 0);
}

#define NO_STRING "found a whole number, needs a string in quotes"
#define WRONG(key)                                                                                 \
	{                                                                                          \
		NUMBER(key " = 5;"), N("6", key) " = 5: " NO_STRING "\n"                           \
	}

static void test_mistakes(void **state)
{
	static const struct mistake v[] = {
		WRONG("account"),
		WRONG("label"),
		WRONG("enabled_from"),
		WRONG("enabled_to"),
		WRONG("caller_id"),
		WRONG("location"),
		{NUMBER("location = [ \"+1\" ];"),
		 N("6", "location") ": found a list, needs a string in quotes\n"},
		{NUMBER("label = \"a\\x01\";"),
		 N("6", "label") " = \"a\\x01\": has a control character: take it out\n"},
		{NUMBER("holes = 5;"),
		 N("6", "holes") " = 5: " NO_STRING ", or a list of strings, [ \"one\", \"two\" "
				 "]\n"},
		{NUMBER("holes = [ 5, 6 ];"),
		 N("6", "holes[0]") " = 5: " NO_STRING ", or a list of strings, [ \"one\", \"two\" "
				    "]\n" N("6", "holes[1]") " = 6: " NO_STRING
							     ", or a list of strings, [ \"one\", "
							     "\"two\" ]\n"},
		{NUMBER("holes = ( \"+1\",\n{ } );"),
		 N("7", "holes[1]") ": found a group, needs a string in quotes, or a list of "
				    "strings, [ \"one\", \"two\" ]\n"},
		{NUMBER("holes = [ \"+1\",\n\"\" ];"),
		 N("7", "holes[1]") " = \"\": is empty: needs a value, or no such key at all\n"},
		{NUMBER("hole = \"+1\";"),
		 N("6", "hole") " = \"+1\": no such key here; did you mean \"holes\"?\n"},
		{NUMBER("enabled = \"\";"),
		 N("6", "enabled") " = \"\": no such key here; known: number, holes, trunk, "
				   "carrier, account, label, enabled_from, enabled_to, caller_id, "
				   "location, headers, headers_to_carrier\n"},
		{NUMBER("headers = { X-A = \"a\";\nX-B = 1; };"),
		 N("7", "headers.X-B") " = 1: " NO_STRING "\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	/* an entry with a mistake is left out */
	assert_int_equal(f->conf->numberc, 0);
}

/* As many as there may be, and not one more. */
static void test_counts(void **state)
{
	struct fixture *f = *state;
	char text[8192];

	for (unsigned n = SP_CONF_HOLES_MAX; n <= SP_CONF_HOLES_MAX + 1; n++) {
		size_t at = (size_t)re_snprintf(text, sizeof(text), "%s",
						ROOT("numbers = ( { number = \"+1\"; trunk = "
						     "\"b\"; holes = ["));

		for (unsigned i = 0; i < n; i++)
			at += (size_t)re_snprintf(text + at, sizeof(text) - at, "\"+%u\",", i + 1);
		re_snprintf(text + at, sizeof(text) - at, "]; } );");
		(void)fixture_load(f, text);
		assert_string_equal(f->lines, n > SP_CONF_HOLES_MAX
						      ? OF("5") "numbers[0] \"+1\".holes: has 65 "
								"elements, needs 0 to 64\n"
						      : "");
		assert_int_equal(f->conf->numberc, n > SP_CONF_HOLES_MAX ? 0 : 1);
	}
	for (unsigned n = SP_CONF_HEADERS_MAX; n <= SP_CONF_HEADERS_MAX + 1; n++) {
		size_t at = (size_t)re_snprintf(text, sizeof(text), "%s",
						ROOT("numbers = ( { number = \"+1\"; trunk = "
						     "\"b\"; headers = {"));

		for (unsigned i = 0; i < n; i++)
			at += (size_t)re_snprintf(text + at, sizeof(text) - at, "H%u = \"%u\"; ", i,
						  i);
		re_snprintf(text + at, sizeof(text) - at, "}; } );");
		(void)fixture_load(f, text);
		assert_string_equal(f->lines,
				    n > SP_CONF_HEADERS_MAX
					    ? OF("5") "numbers[0] \"+1\".headers: has 101 "
						      "headers, at most 100 are possible\n"
					    : "");
		assert_int_equal(f->conf->numberc, n > SP_CONF_HEADERS_MAX ? 0 : 1);
	}
	assert_int_equal(fixture_load(f, NUMBER("headers = { };")), 0);
}

/* All that there may be, at once: nothing in the way of it grows with its square. */
static void test_many_numbers(void **state)
{
	struct fixture *f = *state;
	struct mbuf *mb = mbuf_alloc(8 * 1024 * 1024);

	assert_non_null(mb);
	for (unsigned n = CONF_NUMBERS_MAX; n <= CONF_NUMBERS_MAX + 1; n++) {
		mbuf_rewind(mb);
		assert_int_equal(mbuf_printf(mb, "%snumbers = (\n", ROOT("")), 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(
				mbuf_printf(mb, "{ number = \"+%u\"; trunk = \"b\"; },\n", i), 0);
		assert_int_equal(mbuf_printf(mb, ");%c", 0), 0);
		assert_int_equal(fixture_load(f, (const char *)mb->buf),
				 n > CONF_NUMBERS_MAX ? EINVAL : 0);
		assert_int_equal(f->conf->numberc, n > CONF_NUMBERS_MAX ? 0 : n);
	}
	assert_string_equal(f->lines, OF("6") "numbers: has 65537 elements, needs 0 to 65536\n");
	mem_deref(mb);
}

/* Files or directories: whether they are there is for their reader to say. */
static void test_files(void **state)
{
	static const struct mistake v[] = {
		{ROOT("account_files = \"a.csv\";"),
		 OF("5") "account_files = \"a.csv\": found a string, needs a list of names of "
			 "files "
			 "or directories, [ \"numbers.csv\" ]\n"},
		{ROOT("account_files = [ \"a.csv\",\n\"\" ];"),
		 OF("6") "account_files[1] = \"\": is empty: needs a value, or no such key at "
			 "all\n"},
		{ROOT("account_files = ( { } );"),
		 OF("5") "account_files[0]: found a group, needs a list of names of files or "
			 "directories, [ \"numbers.csv\" ]\n"},
		{ROOT("account_file = [ \"a.csv\" ];"),
		 OF("5") "account_file: no such key here; did you mean \"account_files\"?\n"},
	};
	struct fixture *f = *state;
	char text[4096], path[PATH_MAX];

	CHECK(v);
	(void)load_trunk(f, ROOT("account_files = [ \"a.csv\",\n\"accounts.d/\", \"/abs.csv.gz\" "
				 "];"));
	assert_int_equal(f->conf->account_filec, 3);
	re_snprintf(path, sizeof(path), "%s/a.csv", f->dir);
	assert_string_equal(f->conf->account_filev[0].path, path);
	re_snprintf(path, sizeof(path), "%s/accounts.d", f->dir);
	assert_string_equal(f->conf->account_filev[1].path, path);
	assert_int_equal(f->conf->account_filev[1].src.line, 6);
	assert_string_equal(f->conf->account_filev[2].path, "/abs.csv.gz");
	assert_int_equal(f->conf->number_filec, 1);

	for (unsigned n = CONF_NUMBER_FILES_MAX; n <= CONF_NUMBER_FILES_MAX + 1; n++) {
		size_t at =
			(size_t)re_snprintf(text, sizeof(text), "%s", ROOT("account_files = ["));

		for (unsigned i = 0; i < n; i++)
			at += (size_t)re_snprintf(text + at, sizeof(text) - at, "\"%u\",", i);
		re_snprintf(text + at, sizeof(text) - at, "];");
		(void)fixture_load(f, text);
		assert_string_equal(f->lines, n > CONF_NUMBER_FILES_MAX
						      ? OF("5") "account_files: has 65 elements, "
								"needs 0 to 64\n"
						      : "");
		assert_int_equal(f->conf->account_filec, n > CONF_NUMBER_FILES_MAX ? 0 : n);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults), TEST(test_every_key),    TEST(test_mistakes),
		TEST(test_counts),   TEST(test_many_numbers), TEST(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
