/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The example and the reference page against the schema: the example loads as
 * it stands, and every key, range and default of the tables is in both.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <re.h>
#include "conf_fixture.h"

static char *read_text(const char *name)
{
	char *text = calloc(1, 256 * 1024);
	FILE *file = fopen(name, "re");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 256 * 1024 - 1, file) > 0);
	fclose(file);

	return text;
}

static void print_line(bool mistake, const char *line, void *arg)
{
	unsigned *lines = arg;

	(void)mistake;
	++*lines;
	print_message("%s\n", line);
}

static void test_example_loads(void **state)
{
	const char *file = SP_SOURCE_DIR "/conf/sallyport.conf";
	struct sp_report *r = NULL;
	struct sp_conf *c = NULL;
	unsigned lines = 0;
	int err;

	(void)state;
	assert_int_equal(sp_report_alloc(&r), 0);
	err = sp_conf_load(&c, file, r);
	sp_report_print(r, print_line, &lines);
	assert_int_equal(err, 0);
	assert_int_equal(lines, 0); /* not even a note */
	assert_int_equal(c->interfacec, 2);
	assert_int_equal(c->trunkc, 2);
	assert_int_equal(c->numberc, 3);
	assert_int_equal(c->accountc, 1);
	assert_int_equal(c->number_filec, 1);
	mem_deref(c);
	mem_deref(r);
}

typedef void(key_h)(const char *path, const struct conf_key *key, void *arg);

static void each_key(const struct conf_group *g, const char *prefix, key_h *h, void *arg)
{
	char path[128];

	for (size_t i = 0; i < g->keyc; i++) {
		re_snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "",
			    g->keyv[i].name);
		h(path, &g->keyv[i], arg);
		/* header rules are the same both ways: told once */
		if (g->keyv[i].group && (!i || g->keyv[i].group != g->keyv[i - 1].group))
			each_key(g->keyv[i].group, path, h, arg);
	}
}

/* The key is set in the text: its name, blanks, "=". A key of many groups is found in any. */
static bool is_set(const char *text, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = strstr(text, name); p; p = strstr(p + 1, name)) {
		const char *q = p + n + strspn(p + n, " \t");

		if (*q == '=' && (p == text || strchr(" \t\n{", p[-1])))
			return true;
	}

	return false;
}

static void key_in_example(const char *path, const struct conf_key *key, void *arg)
{
	if (!is_set(arg, key->name))
		fail_msg("%s is not in conf/sallyport.conf", path);
}

static void test_every_key_in_example(void **state)
{
	char *text = read_text(SP_SOURCE_DIR "/conf/sallyport.conf");

	(void)state;
	assert_false(is_set(text, "no_such_key"));
	each_key(&conf_schema, "", key_in_example, text);
	free(text);
}

/* Does the row have a cell that says just this? */
static bool has_cell(const char *row, const char *fmt, ...)
{
	char cell[128], text[140];
	va_list ap;

	va_start(ap, fmt);
	re_vsnprintf(cell, sizeof(cell), fmt, ap);
	va_end(ap);
	re_snprintf(text, sizeof(text), "| %s |", cell);

	return strstr(row, text) != NULL;
}

static void check_integer(const char *path, const struct conf_key *key, const char *row)
{
	if (!has_cell(row, "%s%d..%d", key->or_zero ? "0, " : "", key->min, key->max))
		fail_msg("%s: range %s%d..%d is not in docs/configuration.md", path,
			 key->or_zero ? "0, " : "", key->min, key->max);
	if (!(key->def < 0 ? has_cell(row, "not set") : has_cell(row, "%d", key->def)))
		fail_msg("%s: default %d is not in docs/configuration.md", path, key->def);
}

static void check_choice(const char *path, const struct conf_key *key, const char *row)
{
	char quoted[64];

	for (size_t i = 0; key->choicev[i]; i++) {
		re_snprintf(quoted, sizeof(quoted), "`%s`", key->choicev[i]);
		if (!strstr(row, quoted))
			fail_msg("%s: %s is not in docs/configuration.md", path, quoted);
	}
	if (!key->required && !has_cell(row, "`%s`", key->choicev[key->def]))
		fail_msg("%s: default is not in docs/configuration.md", path);
}

static void key_in_page(const char *path, const struct conf_key *key, void *arg)
{
	char start[160], row[2048];
	const char *p;

	if (key->group && !strchr(path, '.'))
		re_snprintf(start, sizeof(start), "\n## %s\n", path);
	else
		re_snprintf(start, sizeof(start), "\n| `%s` |", path);
	p = strstr(arg, start);
	if (!p)
		fail_msg("%s is not in docs/configuration.md", path);
	if (key->group)
		return;

	++p;
	re_snprintf(row, sizeof(row), "%b", p, strcspn(p, "\n"));
	if (key->type == CONF_INTEGER)
		check_integer(path, key, row);
	else if (key->type == CONF_CHOICE)
		check_choice(path, key, row);
	else if (key->type == CONF_BOOL && !has_cell(row, "`%s`", key->def ? "true" : "false"))
		fail_msg("%s: default is not in docs/configuration.md", path);
	if (key->required != has_cell(row, "required"))
		fail_msg("%s: required or not? docs/configuration.md says the other", path);
}

static void test_every_key_in_page(void **state)
{
	char *text = read_text(SP_SOURCE_DIR "/docs/configuration.md");

	(void)state;
	each_key(&conf_schema, "", key_in_page, text);
	free(text);
}

static void count_key(const char *path, const struct conf_key *key, void *arg)
{
	(void)path;
	(void)key;
	++*(unsigned *)arg;
}

/* A table has a row for each key of the schema and for no other. */
static void test_no_other_key_in_page(void **state)
{
	char *text = read_text(SP_SOURCE_DIR "/docs/configuration.md");
	unsigned keys = 0, rows = 0, groups = 0;

	(void)state;
	each_key(&conf_schema, "", count_key, &keys);
	for (const char *p = strstr(text, "\n| `"); p; p = strstr(p + 1, "\n| `"))
		rows += p[4] != '@';
	for (size_t i = 0; i < conf_schema.keyc; i++)
		groups += conf_schema.keyv[i].group != NULL;
	assert_int_equal(rows, keys - groups);
	free(text);
}

/* A range holds its own default, so that leaving a key out is never a mistake. */
static void default_in_range(const char *path, const struct conf_key *key, void *arg)
{
	(void)arg;
	if (key->type == CONF_INTEGER && key->def != -1 &&
	    (key->def < key->min || key->def > key->max))
		fail_msg("%s: default out of range", path);
	if (key->min > key->max)
		fail_msg("%s: no value is in range", path);
}

static void test_defaults_in_range(void **state)
{
	(void)state;
	each_key(&conf_schema, "", default_in_range, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_loads),
		cmocka_unit_test(test_every_key_in_example),
		cmocka_unit_test(test_every_key_in_page),
		cmocka_unit_test(test_no_other_key_in_page),
		cmocka_unit_test(test_defaults_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
