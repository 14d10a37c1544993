/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every allocation of a build and its table made to fail in turn: the answer is
 * ENOMEM, nothing is told as if a row were bad, and the leak checker of the
 * sanitizer build finds nothing left over. Large arrays are mapped; that fails
 * too.
 *
 * The program's own mem_alloc and mmap and kin stand before libre's and libc's
 * for the room's calls.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <re.h>
#include <sallyport/number_build.h>

enum { ROWS = 1200, MAPPED_ROWS = 200000, TEXT_SIZE = 1 << 22, TRIES_MAX = 4000, GO_ON_MAX = 3 };

static const struct sp_number_trunk trunks[] = {
	{"teams", false}, {"carrier-a", true}, {"pbx", false}, {"zoom", false}};

static unsigned countdown; /* the allocation that fails; 0: none */
static bool watched;       /* the room is at work */
static bool all_after;     /* and all that follow */
static bool go_on;         /* the caller does not mind that rows are missing */
static unsigned told, maps;
static size_t mapped_bytes; /* now */
static char *text;          /* of a CSV file */
static size_t text_len;

/* ---- allocations ---- */

static bool fails(void)
{
	if (!countdown)
		return false;
	if (countdown == 1 && all_after)
		return true;

	return !--countdown;
}

static void next(void *function, size_t size, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	assert_non_null(symbol);
	memcpy(function, &symbol, size);
}

void *mem_alloc(size_t size, mem_destroy_h *dh)
{
	static void *(*real)(size_t, mem_destroy_h *);

	if (!real)
		next(&real, sizeof(real), "mem_alloc");

	return fails() ? NULL : real(size, dh);
}

void *mem_zalloc(size_t size, mem_destroy_h *dh)
{
	void *p = mem_alloc(size, dh);

	return p ? memset(p, 0, size) : NULL;
}

void *mem_realloc(void *data, size_t size)
{
	static void *(*real)(void *, size_t);

	if (!real)
		next(&real, sizeof(real), "mem_realloc");

	return fails() ? NULL : real(data, size);
}

void *mem_reallocarray(void *ptr, size_t nmemb, size_t membsize, mem_destroy_h *dh)
{
	return ptr ? mem_realloc(ptr, nmemb * membsize) : mem_alloc(nmemb * membsize, dh);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	maps += watched;
	mapped_bytes += watched ? len : 0;

	return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

void *mremap(void *addr, size_t old, size_t len, int flags, ...)
{
	if (fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	maps += watched;
	mapped_bytes += watched ? len - old : 0;

	return (void *)syscall(SYS_mremap, addr, old, len, flags, NULL);
}

int munmap(void *addr, size_t len)
{
	mapped_bytes -= watched ? len : 0;

	return (int)syscall(SYS_munmap, addr, len);
}

/* ---- builds ---- */

static void on_report(const char *file, unsigned line, const char *key, const char *value,
		      const char *mend, void *arg)
{
	(void)arg;
	if (!told++ && countdown)
		print_message("told: %s:%u %s %s %s\n", file, line, key, value, mend);
}

static unsigned line_at(const struct sp_number_table *t, const char *number, int64_t now)
{
	struct sp_number_rule rule;
	struct pl pl;

	pl_set_str(&pl, number);

	return sp_number_find(&rule, t, &pl, now) ? rule.line : 0;
}

static int add(struct sp_number_build *b, struct sp_number_row row)
{
	row.trunkv[0] = "teams";
	row.trunkc = 1;
	row.file = "numbers.conf";

	return sp_number_add(b, &row);
}

/* Rows of every kind, one by one. */
static int add_rows(struct sp_number_build *b)
{
	static const char *const holes[] = {"+441632961005", "+441632961100-199"};
	static const struct sp_number_header headers[] = {{"X-A", "{number}"}, {"X-B", "b"}};
	const struct sp_number_account_row account = {
		.name = "a", .main_number = "+4416", .calls = 9, .file = "accounts", .line = 1};
	const struct sp_number_row rows[] = {
		{.number = "+441632960001", .account = "a", .caller_id = "main", .line = 1},
		{.number = "+441632960002",
		 .label = "desk",
		 .location = "+441632",
		 .headerv = headers,
		 .headerc = 2,
		 .line = 2},
		{.number = "+441632960003", .enabled_to = "2026-01-01T00:00:00Z", .line = 3},
		{.number = "+441632960003",
		 .enabled_from = "2026-01-01T00:00:00Z",
		 .enabled_to = "2027-01-01T00:00:00Z",
		 .line = 4},
		{.number = "+441632960003",
		 .enabled_from = "2027-01-01T00:00:00Z",
		 .account = "b",
		 .line = 5},
		{.number = "+441632961000-961999", .holev = holes, .holec = 2, .line = 6},
		{.number = "+441632*", .carrierv = {"carrier-a"}, .carrierc = 1, .line = 7},
		{.number = "+44*", .enabled_to = "2026-01-01T00:00:00Z", .line = 8},
		{.number = "+44*", .enabled_from = "2026-01-01T00:00:00Z", .line = 9},
	};
	int err = 0;

	for (size_t i = 0; (!err || go_on) && i < sizeof(rows) / sizeof(rows[0]); i++)
		err = add(b, rows[i]);
	if (!err || go_on)
		err = sp_number_add_account(b, &account);

	return err;
}

static void check_rows(const struct sp_number_table *t)
{
	assert_int_equal(1, line_at(t, "+441632960001", 0));
	assert_int_equal(2, line_at(t, "+441632960002", 0));
	assert_int_equal(3, line_at(t, "+441632960003", 0));
	assert_int_equal(5, line_at(t, "+441632960003", INT64_C(1) << 40));
	assert_int_equal(6, line_at(t, "+441632961004", 0));
	assert_int_equal(7, line_at(t, "+441632961005", 0));
	assert_int_equal(8, line_at(t, "+4416", 0));
}

static int read_text(char *buf, size_t size, size_t *lenp, void *arg)
{
	size_t *at = arg;
	const size_t left = text_len - *at;

	*lenp = left < size ? left : size;
	memcpy(buf, text + *at, *lenp);
	*at += *lenp;

	return 0;
}

static int add_csv(struct sp_number_build *b)
{
	static const char accounts[] = "account,main_number,calls\na,+4416,7\nzz,,\n";
	size_t at = 0;
	int err;

	err = sp_number_csv_read(b, "numbers.csv", read_text, &at);
	if (!err || go_on) {
		struct sp_number_account_row row = {.name = "extra", .file = "f", .line = 3};

		err = sp_number_add_account(b, &row);
	}
	if (!err || go_on) {
		text_len = sizeof(accounts) - 1;
		at = 0;
		memcpy(text, accounts, text_len);
		err = sp_number_accounts_csv_read(b, "accounts.csv", read_text, &at);
	}

	return err;
}

/* Few kinds of rows in a file: the least that a reader needs. */
static int small_file(struct sp_number_build *b)
{
	text_len =
		(size_t)snprintf(text, TEXT_SIZE, "%s",
				 "number,holes,trunk,carrier,account,label,header:X-A,enabled_to\n"
				 "+441,,teams;pbx,carrier-a,a,\"l\"\"1\",1,\n"
				 "+44*,,zoom,,b,,2,2026-01-01T00:00:00Z\n"
				 "+44500-599,+44510;+44512-513,teams,,b,,{account},\n"
				 "+442,,teams;pbx,carrier-a,a,\"l\"\"1\",1,\n");

	return add_csv(b);
}

static void check_small_file(const struct sp_number_table *t)
{
	assert_int_equal(2, line_at(t, "+441", 0));
	assert_int_equal(3, line_at(t, "+44510", 0));
	assert_int_equal(4, line_at(t, "+44511", 0));
	assert_int_equal(5, line_at(t, "+442", 0));
}

/* So many of all that every array and pool has to grow, several times. */
static int grown(struct sp_number_build *b)
{
	size_t n = (size_t)snprintf(text, TEXT_SIZE,
				    "header:X-A,number,holes,trunk,account,label,enabled_from,"
				    "enabled_to\n");

	for (unsigned i = 0; i < ROWS; i++) {
		n += (size_t)snprintf(text + n, TEXT_SIZE - n,
				      "value %u,+4416329%05u,,teams,account %u,label %u,,\n", i, i,
				      i % 300, i);
		if (i % 4 == 0)
			n += (size_t)snprintf(text + n, TEXT_SIZE - n,
					      ",+33%04u*,,pbx,,,2026-01-01T00:00:00Z,\n"
					      ",+33%04u*,,zoom,,,,2026-01-01T00:00:00Z\n",
					      i, i);
		if (i % 4 == 1)
			n += (size_t)snprintf(text + n, TEXT_SIZE - n,
					      ",+4917%04u000-999,+4917%04u123;+4917%04u130-139,"
					      "zoom;pbx,,,,\n",
					      i, i, i);
		if (i % 4 == 2)
			n += (size_t)snprintf(text + n, TEXT_SIZE - n,
					      ",+39%04u,,pbx,,,2026-01-01T00:00:00Z,\n"
					      ",+39%04u,,zoom,,,,2025-01-01T00:00:00Z\n",
					      i, i);
	}
	text_len = n;

	return add_csv(b);
}

static void check_grown(const struct sp_number_table *t)
{
	char number[SP_NUMBER_SIZE + 8];

	for (unsigned i = 0; i < ROWS; i++) {
		snprintf(number, sizeof(number), "+4416329%05u", i);
		assert_true(line_at(t, number, 0) >= i + 2);
		snprintf(number, sizeof(number), "+4917%04u122", i);
		assert_true(!line_at(t, number, 0) == (i % 4 != 1));
		snprintf(number, sizeof(number), "+4917%04u123", i);
		assert_int_equal(0, line_at(t, number, 0));
	}
}

/* So many that arrays are mapped. */
static int mapped(struct sp_number_build *b)
{
	size_t n = (size_t)snprintf(text, TEXT_SIZE, "number,trunk\n");

	for (unsigned i = 0; i < MAPPED_ROWS; i++)
		n += (size_t)snprintf(text + n, TEXT_SIZE - n, "+4416%06u,teams\n", i * 7);
	text_len = n;

	return add_csv(b);
}

static void check_mapped(const struct sp_number_table *t)
{
	assert_int_equal(2, line_at(t, "+4416000000", 0));
	assert_int_equal(3, line_at(t, "+4416000007", 0));
	assert_int_equal(MAPPED_ROWS + 1, line_at(t, "+44161399993", 0));
	assert_int_equal(0, line_at(t, "+44161399994", 0));
}

static int build(int (*rows)(struct sp_number_build *),
		 void (*good)(const struct sp_number_table *))
{
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	int err;

	mapped_bytes = 0;
	watched = true;
	err = sp_number_build_alloc(&b, trunks, sizeof(trunks) / sizeof(trunks[0]), on_report,
				    NULL);
	if (!err) {
		err = rows(b);
		if (!err || go_on)
			err = sp_number_table_alloc(&t, b);
	}
	assert_true(!t == !!err);
	if (t && !go_on)
		good(t);
	mem_deref(b);
	mem_deref(t);
	watched = false;
	assert_int_equal(0, mapped_bytes); /* the leak checker does not look at these */

	return err;
}

/* ---- the sweep ---- */

struct sums {
	unsigned tried, survived, maps;
};

static void sweep(struct sums *s, int (*rows)(struct sp_number_build *),
		  void (*good)(const struct sp_number_table *), unsigned step)
{
	told = 0;
	for (unsigned i = 1; i < TRIES_MAX; i += step) {
		int err;

		maps = 0;
		countdown = i;
		err = build(rows, good);
		if (countdown > (all_after ? 1u : 0u)) { /* fewer allocations than that */
			assert_int_equal(0, err);
			s->maps = maps;
			countdown = 0;
			return;
		}
		countdown = 0;
		if (!go_on)
			assert_true(err == ENOMEM || !err);
		if (!go_on)
			assert_int_equal(0, told);
		++s->tried;
		s->survived += !err;
	}
	fail_msg("there is no end of allocations");
}

static void each_of(int (*rows)(struct sp_number_build *),
		    void (*good)(const struct sp_number_table *), unsigned survivors,
		    unsigned least)
{
	struct sums one = {0}, all = {0}, on = {0};

	all_after = go_on = false;
	sweep(&one, rows, good, 1);
	/* all but giving unused memory back, which may be refused */
	assert_in_range(one.survived, 0, survivors);
	assert_in_range(one.tried, least, TRIES_MAX);

	all_after = true;
	sweep(&all, rows, good, 1 + one.tried / 100);
	assert_in_range(all.survived, 0, survivors);

	all_after = false;
	go_on = true;
	sweep(&on, rows, good, 1 + one.tried / 100);
	go_on = false;
	print_message("%u allocations, %u of them mappings, %u not needed\n", one.tried, one.maps,
		      one.survived);
}

static void rows_of_every_kind(void **state)
{
	(void)state;
	each_of(add_rows, check_rows, 20, 10);
}

static void a_small_file(void **state)
{
	(void)state;
	each_of(small_file, check_small_file, 20, 10);
}

static void arrays_that_grow(void **state)
{
	(void)state;
	each_of(grown, check_grown, 20, 40);
}

static void arrays_that_are_mapped(void **state)
{
	(void)state;
	each_of(mapped, check_mapped, 20, 10);
}

/* A range in many pieces is kept whole or not at all, and is counted so. */
static void whole_or_not_at_all(void **state)
{
	enum { HOLES = 40 };
	static char hole[HOLES][16];
	const char *holev[HOLES];
	const struct sp_number_row row = {.number = "+44100-199",
					  .holev = holev,
					  .holec = HOLES,
					  .trunkv = {"teams"},
					  .trunkc = 1,
					  .line = 1};
	unsigned missing = 0;
	(void)state;

	for (unsigned i = 0; i < HOLES; i++) {
		snprintf(hole[i], sizeof(hole[i]), "+44%u", 101 + 2 * i);
		holev[i] = hole[i];
	}

	for (unsigned at = 1;; at++) {
		struct sp_number_build *b = NULL;
		struct sp_number_table *t = NULL;
		struct sp_number_counts counts;
		unsigned found = 0;
		bool done;
		int err;

		assert_int_equal(0, sp_number_build_alloc(&b, trunks, 4, on_report, NULL));
		countdown = at;
		err = sp_number_add(b, &row);
		done = countdown > 0;
		countdown = 0;
		assert_int_equal(done ? 0 : ENOMEM, err);
		assert_int_equal(0, sp_number_table_alloc(&t, b));
		for (unsigned i = 100; i < 200; i++) {
			char number[16];
			struct pl pl;

			snprintf(number, sizeof(number), "+44%u", i);
			pl_set_str(&pl, number);
			found += (unsigned)sp_number_covering(t, &pl, NULL, NULL);
		}
		sp_number_counts(t, &counts);
		assert_int_equal(done ? 60 : 0, found);
		assert_int_equal(found, counts.covered);
		assert_int_equal(done, counts.ranges);
		missing += !done;
		mem_deref(b);
		mem_deref(t);
		if (done)
			break;
	}
	assert_in_range(missing, 10, 100);
}

/* Without memory for a table the build is empty all the same. */
static void no_table_at_all(void **state)
{
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	(void)state;

	assert_int_equal(0, sp_number_build_alloc(&b, trunks, 4, on_report, NULL));
	assert_int_equal(0, add_rows(b));
	countdown = 1;
	assert_int_equal(ENOMEM, sp_number_table_alloc(&t, b));
	assert_int_equal(0, countdown);
	assert_null(t);
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	assert_int_equal(0, sp_number_count(t));
	mem_deref(b);
	mem_deref(t);
}

static int text_alloc(void **state)
{
	(void)state;
	text = malloc(TEXT_SIZE);

	return text ? 0 : -1;
}

static int text_free(void **state)
{
	(void)state;
	free(text);

	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_every_kind),  cmocka_unit_test(a_small_file),
		cmocka_unit_test(arrays_that_grow),    cmocka_unit_test(arrays_that_are_mapped),
		cmocka_unit_test(whole_or_not_at_all), cmocka_unit_test(no_table_at_all),
	};

	return cmocka_run_group_tests(tests, text_alloc, text_free);
}
