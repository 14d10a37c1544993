/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of reading a configuration of any shape: the lexer, includes, the scan for what
 * libconfig would not notice, the schema, suggestions for what was meant.
 */
#include <stdio.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conf_priv.h"
#include "unit/conf_fixture.h"
#include "work.h"

enum { FROM = 8 * 1024, TO = 128 * 1024 };

/* A file: what it begins with, then piece again and again, "#" in it being a number. */
struct family {
	const char *open, *piece, *close;
};

static void put(struct work_text *t, const struct family *f, size_t n)
{
	char piece[512];

	text_begin(t);
	text_add(t, "%s", f->open);
	for (unsigned i = 0; t->n + strlen(f->close) < n; i++) {
		size_t len = 0;

		for (const char *p = f->piece; *p && len < sizeof(piece) - 16; p++) {
			if (*p == '#')
				len += (size_t)re_snprintf(piece + len, sizeof(piece) - len, "%08u",
							   i);
			else
				piece[len++] = *p;
		}
		piece[len] = '\0';
		text_fill(t, piece, t->n + len);
	}
	text_add(t, "%s", f->close);
}

static void load(size_t n, void *arg)
{
	struct sp_report *report;
	struct sp_conf *conf = NULL;
	struct fixture *f;
	struct work_text t;
	void *state;

	assert_int_equal(fixture_alloc(&state), 0);
	f = state;
	put(&t, arg, n);
	fixture_write_bytes(f, "sallyport.conf", t.p, t.n);
	fixture_write(f, "a.conf", "");
	text_end(&t);
	assert_int_equal(sp_report_alloc(&report), 0);
	work_on();
	(void)sp_conf_load(&conf, f->file, report);
	work_off();
	mem_deref(conf);
	mem_deref(report);
	fixture_free(&state);
}

static void all(const struct family *v, size_t c, size_t from, size_t to)
{
	for (size_t i = 0; i < c; i++) {
		char name[64];

		(void)re_snprintf(name, sizeof(name), "conf[%s%s]", v[i].open, v[i].piece);
		for (char *p = name; *p; p++)
			*p = (char)(*p < ' ' ? '|' : *p);
		work_linear(name, from, to, load, (void *)(uintptr_t)&v[i]);
	}
}

static void texts(void **state)
{
	static const struct family v[] = {
		{"", "\n", ""},
		{"", " ", ""},
		{"", "# a\n", ""},
		{"", "/**/", ""},
		{"/*", "/*", ""},
		{"/*", "*", "*/"},
		{"", "/", ""},
		{"a=\"", "a", "\";"},
		{"a=\"", "\\\"", "\";"},
		{"a=\"", "a", ""},
		{"a=", "\"a\" ", ";"},
		{"a=", "\"a\"\n", ";"},
		{"", "a", "=1;"},
		{"a=", "1", ";"},
		{"a=0x", "f", ";"},
		{"a=1.", "1", ";"},
		{"a=1e", "1", ";"},
		{"", "{", ""},
		{"a=", "(", ""},
		{"a=", "[]", ""},
		{"a=[", "1,", "1];"},
		{"a=[", ",", "];"},
		{"a=(", "\"a\",", "\"a\");"},
		{"a=(", "{a=1;},", "{});"},
		{"a=(", "(),", "());"},
		{"a=(", "\"a\" ", ");"},
		{"", "a=1;\n", ""},
		{"", "@include \"a.conf\"\n", ""},
		{"", "@include \"a.conf\";\n", ""},
		{"", "@include ", ""},
		{"", " @include\n", ""},
		{"@include \"", "a", "\""},
		{"", "a=@include \"a.conf\"\n", ""},
		{"", "\xef\xbb\xbf", ""},
		{"numbers=(", "{number=\"+4#\";trunk=\"t\";},", "{});"},
		{"numbers=(", "{},", "{});"},
		{"number_files=(", "\"#\",", "\"a\");"},
		{"trunks=(", "{name=\"t#\";},", "{});"},
		{"trunks=({name=\"t\";targets=(", "\"h#\",", "\"a\");});"},
		{"trunks=({name=\"t\";identities=(", "\"h#.b\",", "\"a\");});"},
		{"interfaces=(", "{name=\"i#\";},", "{});"},
	};

	(void)state;
	all(v, ARRAY_SIZE(v), FROM, TO);
}

/* The settings of one group are compared with each other, 2,048 of them at most: libconfig does
 * so, too. Past that nothing is; and many groups cost what they cost one by one. */
static void groups(void **state)
{
	static const struct family v[] = {
		{"", "a#=1;\n", ""},
		{"", "a#={b=1;};\n", ""},
		{"a={", "a#=\"\xff\";", "};"},
		{"", "a#=99999999999;\n", ""},
		{"log={", "levle#=\"info\";", "};"},
		{"trunks=({", "a#=1;", "});"},
		{"", "a#={a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=0;k=1;l=2;m=3;n=4;o=5;p=6;};", ""},
	};

	(void)state;
	all(v, ARRAY_SIZE(v), 128 * 1024, 512 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
