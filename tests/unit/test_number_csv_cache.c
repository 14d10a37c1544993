/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rows said before: never the entry of another row, whatever its hash is;
 * and rows that all have one hash, which can be written, cost no more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "csv_priv.h"

enum { ROWS = 5000, ROW_SIZE = 64, STEPS = 32 };

static struct csv_cache *cache;

static int setup(void **state)
{
	(void)state;

	return csv_cache_alloc(&cache);
}

static int teardown(void **state)
{
	(void)state;
	cache = mem_deref(cache);

	return 0;
}

static struct csv_key row(char text[ROW_SIZE + CSV_SLACK], uint32_t i)
{
	struct csv_key key = {.len = 0};

	memset(text, 0, ROW_SIZE + CSV_SLACK);
	key.v[0].p = text;
	key.v[0].l = (size_t)snprintf(text, ROW_SIZE, "row %05u", i) + 1;
	csv_key_hash(cache, &key);

	return key;
}

static void each_row_has_its_own(void **state)
{
	char text[ROW_SIZE + CSV_SLACK];
	size_t kept = 0;
	(void)state;

	for (uint32_t i = 0; i < ROWS; i++) {
		const struct csv_key key = row(text, i);
		uint32_t entry;

		assert_false(csv_cache_find(cache, &key, &entry));
		csv_cache_put(cache, &key, i);
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct csv_key key = row(text, i);
		uint32_t entry;

		if (!csv_cache_find(cache, &key, &entry))
			continue;
		assert_int_equal(i, entry);
		++kept;
	}
	assert_in_range(kept, ROWS * 99 / 100, ROWS);
}

static void rows_of_one_hash(void **state)
{
	char text[ROW_SIZE + CSV_SLACK];
	size_t kept = 0;
	(void)state;

	for (uint32_t i = 0; i < ROWS; i++) {
		struct csv_key key = row(text, i);

		key.hash = UINT32_MAX - 1; /* round the end of all slots */
		csv_cache_put(cache, &key, i);
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		struct csv_key key = row(text, i);
		uint32_t entry;

		key.hash = UINT32_MAX - 1;
		if (!csv_cache_find(cache, &key, &entry))
			continue;
		assert_int_equal(i, entry);
		++kept;
	}
	assert_int_equal(STEPS, kept);
}

/* The same bytes, wherever the cells that are left out of them are. */
static void pieces_are_one_row(void **state)
{
	char text[ROW_SIZE + CSV_SLACK];
	struct csv_key whole = row(text, 1), parts = whole;
	uint32_t entry = 0;
	(void)state;

	parts.v[0].l = 3;
	parts.v[2].p = text + 3;
	parts.v[2].l = whole.v[0].l - 3;
	csv_key_hash(cache, &parts);
	assert_int_equal(whole.len, parts.len);
	parts.hash = whole.hash;
	csv_cache_put(cache, &parts, 7);
	assert_true(csv_cache_find(cache, &whole, &entry));
	assert_int_equal(7, entry);

	text[1] = 'x';
	assert_false(csv_cache_find(cache, &whole, &entry));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_row_has_its_own),
		T(rows_of_one_hash),
		T(pieces_are_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
