/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A configuration of many files: @include of a directory, and lists whose
 * elements are in several files, with the commas between them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_fixture.h"

#define INTERFACES                                                                                 \
	"interfaces = ( { name = \"edge\"; sip = { address = \"192.0.2.1\"; };"                    \
	" tls = { certificate = \"c.crt\"; key = \"c.key\"; };"                                    \
	" media = { address = \"192.0.2.1\"; ports = [ 20000, 29999 ]; }; } );\n"
#define TRUNK(name)                                                                                \
	"{ name = \"" name "\"; kind = \"carrier\"; interface = \"edge\";"                         \
	" identities = [ \"" name ".example\" ]; targets = [ \"" name ".example\" ]; }"
/* Two good lines; what is behind them begins on line 3. */
#define GOOD INTERFACES "trunks = ( " TRUNK("a") " );\n"
#define NUMBER(n) "{ number = \"" n "\"; trunk = \"b\"; }"
#define AT(line) "sallyport.conf:" line ": "
#define NUMBERS_OF(dir) GOOD "numbers = (\n@include \"" dir "\"\n);\n"

static void load_good(struct fixture *f, const char *text)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, "");
	assert_int_equal(err, 0);
}

static void load_bad(struct fixture *f, const char *text, const char *lines)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, lines);
	assert_int_equal(err, EINVAL);
}

static void assert_number(const struct fixture *f, size_t i, const char *number, const char *file,
			  unsigned line)
{
	const struct sp_conf_number *n = &f->conf->numberv[i];

	assert_true(i < f->conf->numberc);
	assert_string_equal(n->number, number);
	assert_string_equal(n->src.file + strlen(f->dir) + 1, file);
	assert_int_equal(n->src.line, line);
}

/* In the order of the names by byte; nothing but *.conf, nothing hidden, no directories. */
static void test_directory(void **state)
{
	struct fixture *f = *state;

	fixture_mkdir(f, "n.d");
	fixture_mkdir(f, "n.d/30.conf");
	fixture_write(f, "n.d/30.conf/10.conf", "hidden = 1;");
	fixture_write(f, "n.d/20.conf", "# second\n\n" NUMBER("+2") ",\n" NUMBER("+3") ",");
	fixture_write(f, "n.d/10.conf", "\xef\xbb\xbf" NUMBER("+1") ",\n");
	fixture_write(f, "n.d/a.conf", "# nothing\n");
	fixture_write(f, "n.d/Z.conf", NUMBER("+4") ", // no line's end");
	fixture_write(f, "n.d/z.conf", "\n" NUMBER("+5"));
	fixture_write(f, "n.d/.hidden.conf", "bad");
	fixture_write(f, "n.d/.conf", "bad");
	fixture_write(f, "n.d/10.conf~", "bad");
	fixture_write(f, "n.d/10.conf.dpkg-new", "bad");
	fixture_write(f, "n.d/README", "bad");
	load_good(f, GOOD "numbers = (\n @include \"n.d/\"\n" // what follows is on lines of its own
			  ", " NUMBER("+6") ",\n);\n");
	assert_int_equal(f->conf->numberc, 6);
	assert_number(f, 0, "+1", "n.d/10.conf", 1);
	assert_number(f, 1, "+2", "n.d/20.conf", 3);
	assert_number(f, 2, "+3", "n.d/20.conf", 4);
	assert_number(f, 3, "+4", "n.d/Z.conf", 1);
	assert_number(f, 4, "+5", "n.d/z.conf", 2);
	assert_number(f, 5, "+6", "sallyport.conf", 5);
}

/* Groups and settings of the file itself may be in a directory, too, and that in another. */
static void test_nested(void **state)
{
	struct fixture *f = *state;
	char text[512];

	fixture_mkdir(f, "conf.d");
	fixture_mkdir(f, "trunks.d");
	fixture_write(f, "conf.d/10-interfaces.conf", INTERFACES);
	fixture_write(f, "conf.d/20-trunks.conf", "trunks = (\n@include \"trunks.d\"\n);");
	fixture_write(f, "conf.d/30-limits.conf", "limits = { calls = 7; }");
	fixture_write(f, "trunks.d/b.conf", TRUNK("b") ",");
	fixture_write(f, "trunks.d/c.conf", "\n" TRUNK("c") ",\n");
	fixture_write(f, "numbers.inc", NUMBER("+1"));
	re_snprintf(text, sizeof(text),
		    "@include \"%s/conf.d\"\nnumbers = (\n@include \"numbers.inc\"\n);", f->dir);
	load_good(f, text);
	assert_int_equal(f->conf->trunkc, 2);
	assert_string_equal(f->conf->trunkv[1].name, "c");
	assert_int_equal(f->conf->trunkv[1].src.line, 2);
	assert_int_equal(f->conf->limits.calls, 7);
	assert_number(f, 0, "+1", "numbers.inc", 1);
}

/* What is missing from all of it is missing from the file that was asked for. */
static void test_missing(void **state)
{
	struct fixture *f = *state;

	fixture_mkdir(f, "some.d");
	fixture_write(f, "some.d/a.conf", INTERFACES);
	load_bad(f, "@include \"some.d\"\nnumber_files = [ \"n.csv\" ];\n",
		 "sallyport.conf: trunks: missing: needs a list of groups, ( { ... }, { "
		 "... } )\n");
}

/* Mistakes say their own file and line, also behind the directory. */
static void test_places(void **state)
{
	struct fixture *f = *state;

	fixture_mkdir(f, "n.d");
	fixture_write(f, "n.d/1.conf", NUMBER("+1") ",\n\n{ nmber = \"+1\"; trunk = \"b\"; },");
	fixture_write(f, "n.d/2.conf",
		      "\n{ number = \"+2\"; trunk = \"b\";\n  holes = [ \"1\",\n"
		      "\"\" ]; },\n");
	load_bad(f, NUMBERS_OF("n.d") "limit = 5;\n",
		 "n.d/1.conf:3: numbers[1].nmber = \"+1\": no such key here; did you mean "
		 "\"number\"?\n"
		 "n.d/1.conf:3: numbers[1].number: missing: needs a string in quotes\n"
		 "n.d/2.conf:4: numbers[2] \"+2\".holes[1] = \"\": is empty: needs a value, or no "
		 "such key at all\n" AT("6") "limit = 5: no such key here; did you mean "
					     "\"limits\"?\n");
	assert_int_equal(f->conf->numberc, 1);

	/* two files that have the same key */
	fixture_write(f, "n.d/1.conf", "\nlimits = { calls = 1; };\n");
	fixture_write(f, "n.d/2.conf", "limits = { calls = 1; };\n");
	(void)fixture_load(f, "@include \"n.d\"\n");
	assert_non_null(strstr(f->lines, "n.d/2.conf:1: limits: given a second time, first on line "
					 "2 of "));
	assert_non_null(strstr(f->lines, "/n.d/1.conf: keep one of them\n"));

	/* a bracket that another file leaves open */
	fixture_write(f, "n.d/1.conf", "limits = {\ncalls = 1;\n");
	fixture_write(f, "n.d/2.conf", "x = 1;\n);");
	(void)fixture_load(f, "@include \"n.d\"\n");
	assert_non_null(strstr(f->lines, "n.d/2.conf:2: \")\" here, but the bracket to close is "
					 "\"{\" of line 1 of "));
	fixture_write(f, "n.d/1.conf", "numbers = (\n");
	(void)fixture_load(f, "@include \"n.d\"\n");
	assert_non_null(strstr(f->lines, "n.d/2.conf:1: x: this setting stands within the \"(\" "
					 "of line 1 of "));
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	fixture_mkdir(f, "n.d");
	assert_int_equal(fixture_load(f, NUMBERS_OF("n.d")), 0);
	assert_string_equal(f->lines, AT("4") "note: @include = \"n.d\": nothing in this directory "
					      "is named *.conf\nsallyport.conf: note: no numbers "
					      "and no number_files: no call finds its trunk\n");
	fixture_write(f, "n.d/.a.conf", "bad");
	assert_int_equal(fixture_load(f, NUMBERS_OF("n.d")), 0);
	assert_non_null(strstr(f->lines, "nothing in this directory"));
	fixture_write(f, "n.d/a.conf", "");
	assert_int_equal(fixture_load(f, NUMBERS_OF("n.d")), 0);
	assert_null(strstr(f->lines, "nothing in this directory"));
}

#define TOO_MANY "too many: at most 64 in all, 8 within each other; does a file include itself?\n"

static void test_loop(void **state)
{
	struct fixture *f = *state;
	char name[32];

	fixture_mkdir(f, "a.d");
	fixture_write(f, "a.d/1.conf", "\n@include \"a.d\"\n");
	load_bad(f, "@include \"a.d\"\n", "a.d/1.conf:2: @include = \"a.d\": " TOO_MANY);

	/* with three, depth is not what ends it: each of those at the bottom is told */
	fixture_write(f, "a.d/2.conf", "@include \"a.d\"\n");
	fixture_write(f, "a.d/3.conf", "@include \"a.d\"\n");
	assert_int_equal(fixture_load(f, "@include \"a.d\"\n"), EINVAL);
	assert_int_equal(strncmp(f->lines, "a.d/1.conf:2: @include = \"a.d\": " TOO_MANY, 40), 0);
	assert_true(sp_report_mistakes(f->report) < 3 * 64);

	/* 64, and not one more */
	fixture_mkdir(f, "n.d");
	for (unsigned i = 0; i < 64; i++) {
		re_snprintf(name, sizeof(name), "n.d/%02u.conf", i);
		fixture_write(f, name, NUMBER("+1") ",");
	}
	load_good(f, NUMBERS_OF("n.d"));
	assert_int_equal(f->conf->numberc, 64);
	fixture_write(f, "n.d/64.conf", NUMBER("+1") ",");
	load_bad(f, NUMBERS_OF("n.d"), AT("4") "@include = \"n.d\": " TOO_MANY);
}

/* What is not there, or cannot be read, is told with the @include; the rest is read on. */
static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_int_equal(fixture_load(f, GOOD "@include \"none.d\"\nx = 1;\n"), EINVAL);
	assert_non_null(strstr(f->lines, AT("3") "@include = "));
	assert_non_null(strstr(f->lines, "/none.d\": cannot be read: No such file or directory: "
					 "put the file there, or correct the path\n"));

	/* symbolic links that lead nowhere: not even root can read these */
	re_snprintf(path, sizeof(path), "%s/loop.d", f->dir);
	assert_int_equal(symlink("loop.d", path), 0);
	assert_int_equal(fixture_load(f, GOOD "@include \"loop.d\"\n"), EINVAL);
	assert_non_null(strstr(f->lines, "/loop.d\": cannot be read: "));

	fixture_mkdir(f, "n.d");
	re_snprintf(path, sizeof(path), "%s/n.d/1.conf", f->dir);
	assert_int_equal(symlink("nowhere", path), 0);
	re_snprintf(path, sizeof(path), "%s/n.d/2.conf", f->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fixture_write(f, "n.d/3.conf", "'");
	fixture_write_bytes(f, "n.d/4.conf", "\n\0", 2);
	fixture_write(f, "n.d/5.conf", "a = \"");
	assert_int_equal(fixture_load(f, NUMBERS_OF("n.d")), EINVAL);
	assert_non_null(strstr(f->lines, AT("4") "@include = "));
	assert_non_null(strstr(f->lines, "/n.d/1.conf\": cannot be read: "));
	assert_non_null(strstr(f->lines, "/n.d/2.conf\": cannot be read: no regular file\n"));
	assert_non_null(strstr(f->lines, "n.d/4.conf:2: a NUL byte"));
	assert_non_null(strstr(f->lines, "n.d/5.conf:1: a string begins on this line"));
}

/* 32 MB in all, also of what never becomes text. */
static void test_size(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	fixture_mkdir(f, "n.d");
	for (unsigned i = 1; i <= 2; i++) {
		re_snprintf(path, sizeof(path), "n.d/%u.conf", i);
		fixture_write(f, path, "");
		re_snprintf(path, sizeof(path), "%s/n.d/%u.conf", f->dir, i);
		assert_int_equal(truncate(path, 20 * 1024 * 1024), 0);
	}
	assert_int_equal(fixture_load(f, "@include \"n.d\"\n"), EINVAL);
	assert_non_null(strstr(f->lines, "n.d/1.conf:1: a NUL byte"));
	assert_non_null(
		strstr(f->lines, "/n.d/2.conf\": cannot be read: more than 32 MB in all\n"));
	assert_int_equal(sp_report_mistakes(f->report), 2);
}

static void test_file_instead(void **state)
{
	struct fixture *f = *state;
	struct sp_conf *c = NULL;

	fixture_write(f, "n.d", NUMBER("+1") ",");
	load_good(f, NUMBERS_OF("n.d"));
	assert_number(f, 0, "+1", "n.d", 1);
	/* a directory of them is no configuration by itself */
	fixture_mkdir(f, "c.d");
	assert_int_equal(sp_conf_load(&c, f->dir, f->report), EISDIR);
	assert_null(c);
}

/* libconfig 1.5 takes none; those in strings and comments are not ours to touch. */
static void test_trailing_commas(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf_number *n;

	load_good(f, GOOD "numbers = ( { number = \"+1,)\"; account = \",]\"; trunk = [ \"b\",\n"
			  "\"c\" , # , ]\n /* ,] */ ]; headers = { A = \",}\", B = \",)\", }, },\n"
			  "{ number = \"+2\", trunk = ( \"b\",), }\n,//)\n);"
			  "number_files = [ \"a\" \"b\", \"c\",];\n");
	assert_int_equal(f->conf->numberc, 2);
	n = &f->conf->numberv[0];
	assert_string_equal(n->number, "+1,)");
	assert_string_equal(n->account, ",]");
	assert_int_equal(n->trunkc, 2);
	assert_int_equal(n->headerc, 2);
	assert_string_equal(n->headerv[0].value, ",}");
	assert_string_equal(n->headerv[1].value, ",)");
	assert_int_equal(f->conf->numberv[1].trunkc, 1);
	assert_int_equal(f->conf->number_filec, 2);
	assert_string_equal(f->conf->number_filev[0].path + strlen(f->dir), "/ab");

	load_good(f, "interfaces = ( { name = \"edge\"; sip = { address = \"192.0.2.1\"; };"
		     " tls = { certificate = \"c.crt\"; key = \"c.key\"; };"
		     " media = { address = \"192.0.2.1\"; ports = [ 20000, 29999, ]; }; } , );\n"
		     "trunks = ( " TRUNK("a") ", );\nnumber_files = [ \"n.csv\" ];\n");
	assert_int_equal(f->conf->interfacev[0].port_max, 29999);
	assert_int_equal(f->conf->trunkc, 1);
}

#define NO_ELEMENT "a comma with no element before it: take it out\n"
#define NO_COMMA(where)                                                                            \
	"no comma before this element of a list: needs one behind the element "                    \
	"that ends on " where "\n"

static void test_commas(void **state)
{
	struct fixture *f = *state;

	load_bad(f, GOOD "x = [ \"a\",\n, \"b\" ];", AT("4") NO_ELEMENT);
	load_bad(f, GOOD "x = [ \"a\",\n\"b\",, ];", AT("4") NO_ELEMENT);
	load_bad(f, GOOD "x = (\n,{ } );", AT("4") NO_ELEMENT);
	load_bad(f, GOOD "x = [\n, ];", AT("4") NO_ELEMENT);
	load_bad(f, GOOD "x = (\n{ a = 1; } { a = 1; }\n\n( ) true false 1 1.5 \"a\" 1 );",
		 AT("4") NO_COMMA("line 4") AT("6") NO_COMMA("line 4") AT("6") NO_COMMA("line 6")
			 AT("6") NO_COMMA("line 6") AT("6") NO_COMMA("line 6") AT("6")
				 NO_COMMA("line 6") AT("6") NO_COMMA("line 6") AT("6")
					 NO_COMMA("line 6"));
	/* also where both come from one file: this one goes on behind an include */
	fixture_write(f, "e.inc", "");
	load_bad(f, GOOD "x = [ \"a\"\n@include \"e.inc\"\n\"b\" ];",
		 AT("5") "no comma before this element of a list: needs one behind the element "
			 "that ends on line 3; also the last one of a file may have one\n");
	load_good(f, NUMBERS_OF("e.inc") "number_files = [ \"n\" ];");
	load_bad(f, GOOD "{ number = \"+1\"; },\n",
		 AT("3") "\"{\" belongs to no setting: \"=\" is missing before it; or it is an "
			 "element of a list, but outside of the list's brackets\n");
	/* the second would be libconfig's, which takes it from the working directory */
	load_bad(f, GOOD "@include \"e.inc\" @include \"e.inc\"\n",
		 AT("3") "only @include \"FILE\" begins with @, on a line of its own\n");
}

/* The files are named: nobody would look for a comma in the other one. */
static void test_comma_between_files(void **state)
{
	struct fixture *f = *state;

	fixture_mkdir(f, "n.d");
	fixture_write(f, "n.d/1.conf", NUMBER("+1") ",\n" NUMBER("+2") "\n\n");
	fixture_write(f, "n.d/2.conf", "\n" NUMBER("+3") "\n");
	fixture_write(f, "n.d/3.conf", NUMBER("+4") ",\n");
	assert_int_equal(fixture_load(f, NUMBERS_OF("n.d")), EINVAL);
	assert_int_equal(sp_report_mistakes(f->report), 2);
	assert_non_null(strstr(f->lines, "n.d/2.conf:2: no comma before this element of a list: "
					 "needs one behind the element that ends on line 2 of "));
	assert_non_null(strstr(f->lines, "/n.d/1.conf; also the last one of a file may have one\n"
					 "n.d/3.conf:1: no comma before"));

	fixture_write(f, "n.d/1.conf", NUMBER("+1") ",\n");
	fixture_write(f, "n.d/2.conf", ", " NUMBER("+3") "\n");
	fixture_write(f, "n.d/3.conf", ", " NUMBER("+4") "\n");
	load_bad(f, NUMBERS_OF("n.d"), "n.d/2.conf:1: " NO_ELEMENT);
	fixture_write(f, "n.d/1.conf", NUMBER("+1") "\n");
	load_good(f, NUMBERS_OF("n.d"));
	assert_int_equal(f->conf->numberc, 3);

	/* two strings would have become one */
	fixture_write(f, "n.d/1.conf", "\"one.csv\"");
	fixture_write(f, "n.d/2.conf", "\"two.csv\"");
	fixture_write(f, "n.d/3.conf", "");
	assert_int_equal(fixture_load(f, GOOD "number_files = [\n@include \"n.d\"\n];"), EINVAL);
	assert_non_null(strstr(f->lines, "n.d/2.conf:1: no comma before this element of a list: "));
	fixture_write(f, "n.d/1.conf", "\"one.csv\",");
	load_good(f, GOOD "number_files = [\n@include \"n.d\"\n];");
	assert_int_equal(f->conf->number_filec, 2);
	assert_non_null(strstr(f->conf->number_filev[1].src.file, "/n.d/2.conf"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_directory),
		TEST(test_nested),
		TEST(test_missing),
		TEST(test_places),
		TEST(test_empty),
		TEST(test_loop),
		TEST(test_unreadable),
		TEST(test_file_instead),
		TEST(test_commas),
		TEST(test_trailing_commas),
		TEST(test_comma_between_files),
		TEST(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
