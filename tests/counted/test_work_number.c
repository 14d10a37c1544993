/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of reading number files of any shape, of making a table of their rows and of
 * looking numbers up in it; and of the small things that numbers, headers and times are
 * made of. Whoever writes the files is an operator's customer, often.
 */
#include <errno.h>
#include "unit/number_csv_fixture.h"
#include "table_priv.h"
#include "work.h"

enum { FROM = 32 * 1024, TO = 256 * 1024 };

#define HEAD "number,trunk,label\n"

/* A file: what it begins with, then rows made of piece, "#" in it being another number each. */
struct family {
	const char *open, *piece;
	size_t slice; /* octets that come at once; 0: all */
};

struct source {
	struct pl text;
	size_t slice;
};

static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct source *s = arg;
	const size_t n = min(s->text.l, s->slice ? min(size, s->slice) : size);

	memcpy(buf, s->text.p, n);
	pl_advance(&s->text, (ssize_t)n);
	*lenp = n;

	return 0;
}

static void on_error(const char *file, unsigned line, const char *key, const char *value,
		     const char *mend, void *arg)
{
	(void)file;
	(void)line;
	(void)key;
	(void)value;
	(void)mend;
	(void)arg;
}

static struct sp_number_build *begin(void)
{
	struct sp_number_build *b;

	assert_int_equal(sp_number_build_alloc(&b, fixture_trunks, FIXTURE_TRUNKS, on_error, NULL),
			 0);

	return b;
}

static void rows(struct work_text *t, const struct family *f, size_t n)
{
	char row[1024];

	text_begin(t);
	text_add(t, "%s", f->open);
	for (unsigned i = 0; t->n < n; i++) {
		size_t len = 0;

		for (const char *p = f->piece; *p && len < sizeof(row) - 16; p++) {
			if (*p == '#')
				len += (size_t)re_snprintf(row + len, sizeof(row) - len, "%09u", i);
			else
				row[len++] = *p;
		}
		row[len] = '\0';
		text_fill(t, row, t->n + len);
	}
}

static void csv(size_t n, void *arg)
{
	const struct family *f = arg;
	struct sp_number_build *b = begin();
	struct sp_number_table *t = NULL;
	struct source s = {.slice = f->slice};
	struct work_text text;

	rows(&text, f, n);
	s.text = text_pl(&text);
	work_on();
	(void)sp_number_csv_read(b, "a.csv", on_read, &s);
	(void)sp_number_table_alloc(&t, b);
	mem_deref(t);
	mem_deref(b);
	work_off();
	text_end(&text);
}

static void files(void **state)
{
	static const struct family v[] = {
		{HEAD, "+4#,teams,a\n", 0},
		{HEAD, "+4#,teams,a\n", 1},
		{HEAD, "+4#,teams,a\r\n", 100},
		{HEAD, "+4#,teams,label-#\n", 0},
		{HEAD, "+4#,teams,\"label-#\"\n", 0},
		{HEAD, "+4#,teams,\"\"\"\"\n", 3},
		{HEAD, "+41,teams,a\n", 0},
		{HEAD, "+4#*,teams,a\n", 0},
		{HEAD, "+4#,nobody,a\n", 0},
		{HEAD, ",\n", 0},
		{HEAD, ",,\n", 0},
		{HEAD, "\n", 0},
		{HEAD, "\r", 0},
		{HEAD, ",", 0},
		{HEAD, ",", 1},
		{HEAD "\"", "a", 0},
		{HEAD "\"", "\"\"", 0},
		{HEAD "\"", "\n", 0},
		{HEAD "\"", "\",\"", 7},
		{HEAD, "a", 0},
		{HEAD, "a", 1},
		{HEAD, "\"a\",", 0},
		{"", "number,", 0},
		{"", "header:X-#,", 0},
		{"", "number;trunk;", 0},
		{"number,trunk,header:X-A\n", "+4#,teams,v#\n", 0},
		{"number,trunk,holes\n", "+4#000-#999,teams,500;600-700\n", 0},
		{"number,trunk,holes\n", "+1-999999999999999,teams,\n", 0},
		{"number,trunk,enabled_from,enabled_to\n",
		 "+41,teams,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\n", 0},
		{"number,trunk\n", "+4#,teams;zoom;pbx;teams;zoom;pbx\n", 0},
		{"number,trunk\n", "+4#-\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		char name[32];

		(void)re_snprintf(name, sizeof(name), "csv%u", (unsigned)i);
		work_linear(name, FROM, TO, csv, (void *)(uintptr_t)&v[i]);
	}
}

/* Ranges that lie within each other and across, as deep as there may be, each at its time. */
static void nest(size_t n, void *arg)
{
	const bool across = *(const bool *)arg;
	struct sp_number_build *b = begin();
	struct sp_number_table *t = NULL;

	work_on();
	for (size_t i = 0; i < n; i++) {
		char number[64], from[32], to[32];
		struct sp_number_row row = {.number = number,
					    .trunkv = {"teams"},
					    .trunkc = 1,
					    .enabled_from = from,
					    .enabled_to = to,
					    .file = "a",
					    .line = (unsigned)i + 1};
		const unsigned deep = i % NUMBER_WINDOWS_MAX, at = (unsigned)(i - deep) * 100;

		re_snprintf(number, sizeof(number), "+49%09u-%09u", at + deep,
			    across ? at + 64 + deep : at + 200 - deep);
		re_snprintf(from, sizeof(from), "20%02u-01-01T00:00:00Z", 20 + deep);
		re_snprintf(to, sizeof(to), "20%02u-01-01T00:00:00Z", 21 + deep);
		assert_int_equal(sp_number_add(b, &row), 0);
	}
	assert_int_equal(sp_number_table_alloc(&t, b), 0);
	work_off();
	mem_deref(t);
	mem_deref(b);
}

static void ranges(void **state)
{
	bool across = false;

	(void)state;
	work_linear("ranges within each other", 256, 2048, nest, &across);
	across = true;
	work_linear("ranges across each other", 256, 2048, nest, &across);
}

static void look_up(size_t n, void *arg)
{
	static const struct family f = {HEAD, "+4#,teams,a\n+4#0*,zoom,c\n", 0};
	struct sp_number_build *b = begin();
	struct sp_number_table *t = NULL;
	struct source s = {.slice = 0};
	struct work_text text;
	struct pl number;
	(void)arg;

	rows(&text, &f, n);
	s.text = text_pl(&text);
	assert_int_equal(sp_number_csv_read(b, "a.csv", on_read, &s), 0);
	assert_int_equal(sp_number_table_alloc(&t, b), 0);
	work_on();
	for (unsigned i = 0; i < 64; i++) {
		char p[32];

		(void)re_snprintf(p, sizeof(p), "+4%09u%u", i * 7, i % 10);
		pl_set_str(&number, p);
		(void)sp_number_lookup(t, &number, FIXTURE_NOW);
		number.l -= 1;
		(void)sp_number_lookup(t, &number, FIXTURE_NOW);
	}
	work_off();
	text_end(&text);
	mem_deref(t);
	mem_deref(b);
}

static void lookups(void **state)
{
	(void)state;
	work_constant("look-ups", FROM, TO, look_up, NULL);
}

/* ---- hashes ---- */

/* Numbers that lie close together when the key is 0, and as many that do not. */
static uint64_t numbers_work(bool chosen)
{
	static const struct number_exact zero;
	struct sp_number_build *b = begin();
	struct sp_number_table *t = NULL;
	uint64_t x = 0;

	(void)work_taken();
	for (unsigned i = 0; i < 4096; i++, x++) {
		char number[24];
		struct sp_number_row row = {.number = number,
					    .trunkv = {"teams"},
					    .trunkc = 1,
					    .file = "a",
					    .line = i + 1};
		uint64_t key;

		do {
			++x;
			re_snprintf(number, sizeof(number), "+49%012llu", (unsigned long long)x);
			assert_true(number_pack(&key, number, strlen(number)));
		} while (chosen && number_exact_hash(&zero, key) >> 56);
		work_on();
		assert_int_equal(sp_number_add(b, &row), 0);
		work_off();
	}
	work_on();
	assert_int_equal(sp_number_table_alloc(&t, b), 0);
	work_off();
	mem_deref(t);
	mem_deref(b);

	return work_taken();
}

/* Strings that meet in one place when the key is 0, and as many that do not. */
static uint64_t strings_work(bool chosen)
{
	static const struct sp_hashkey zero;
	struct number_pool *pool;
	unsigned x = 0;

	assert_int_equal(number_pool_alloc(&pool, 1), 0);
	(void)work_taken();
	for (unsigned i = 0; i < 1024; i++) {
		char s[16];

		do
			re_snprintf(s, sizeof(s), "%u", 100000000 + x++);
		while (chosen && sp_hash(&zero, s, strlen(s) + 1) % 1024);
		work_on();
		assert_non_null(number_pool_string(pool, s));
		work_off();
	}
	mem_deref(pool);

	return work_taken();
}

static void keyed(void **state)
{
	(void)state;
	assert_true(numbers_work(true) < numbers_work(false) * 5 / 4);
	assert_true(strings_work(true) < strings_work(false) * 5 / 4);
}

/* Rows whose bytes meet in the cache, whatever its key: a search gives up in time. */
static void cache_work(size_t n, void *arg)
{
	struct csv_cache *c;
	uint32_t entry;
	(void)arg;

	assert_int_equal(csv_cache_alloc(&c), 0);
	work_on();
	for (size_t i = 0; i < n; i++) {
		char row[32 + CSV_SLACK] = {0};
		struct csv_key key = {.v[0] = {row, 16}};

		memcpy(row, &i, sizeof(i));
		csv_key_hash(c, &key);
		key.hash &= 3;
		if (!csv_cache_find(c, &key, &entry))
			csv_cache_put(c, &key, 1);
	}
	work_off();
	mem_deref(c);
}

static void cache(void **state)
{
	(void)state;
	work_linear("rows that meet", 1024, 16384, cache_work, NULL);
}

/* ---- small things ---- */

static void small_work(size_t n, void *arg)
{
	const struct family *f = arg;
	char out[SP_NUMBER_VALUE_SIZE], number[SP_NUMBER_SIZE], mend[NUMBER_MEND_SIZE];
	const struct sp_number_vars vars = {
		.number = "+1", .account = "a", .label = "b", .trunk = "c"};
	struct work_text t;
	struct pl pl;
	int64_t s;

	text_begin(&t);
	text_add(&t, "%s", f->open);
	text_fill(&t, f->piece, n);
	pl = text_pl(&t);
	work_on();
	(void)sp_number_normalise(number, &pl);
	(void)sp_number_time(&s, t.p);
	(void)number_template_bad(t.p);
	sp_number_expand(out, t.p, &vars);
	(void)number_header_bad(t.p, t.p);
	(void)number_header_bad("X-A", t.p);
	(void)number_text_ok(t.p, SIZE_MAX);
	(void)number_slips(t.p, "number");
	(void)number_meant(mend, "mend", t.p, t.n);
	work_off();
	text_end(&t);
}

static void small(void **state)
{
	static const struct family v[] = {
		{"", "a", 0},        {"+", "1", 0},
		{"+", "1-", 0},      {"", "-", 0},
		{"", "{", 0},        {"", "{{", 0},
		{"", "{number}", 0}, {"", "{n}", 0},
		{"{", "a", 0},       {"2026-01-01T00:00:00.", "0", 0},
		{"", " ", 0},        {"", "\xe2\x80\x80", 0},
		{"", "\xc2", 0},     {"+1;", "a=b;", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("text", 1024, 65536, small_work, (void *)(uintptr_t)&v[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files), cmocka_unit_test(ranges), cmocka_unit_test(lookups),
		cmocka_unit_test(keyed), cmocka_unit_test(cache),  cmocka_unit_test(small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
