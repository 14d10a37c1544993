/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the user part of a SIP or tel URI to E.164 (RFC 3966 sections 3 and
 * 5.1.1; RFC 3261 section 19.1.6).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "table_priv.h"

static int normalise(char out[SP_NUMBER_SIZE], const char *user)
{
	struct pl pl;

	pl_set_str(&pl, user);
	memset(out, 'z', SP_NUMBER_SIZE);

	return sp_number_normalise(out, &pl);
}

static void rfc3966_global_numbers(void **state)
{
	static const char *const good[][2] = {
		{"+441632960001", "+441632960001"},
		{"+44-1632-960-001", "+441632960001"},
		{"+44(1632)960.001", "+441632960001"},
		{"+1-201-555-0123;ext=42", "+12015550123"},
		{"+1;phone-context=evil*", "+1"},
		{"+123456789012345", "+123456789012345"},
		{"+-1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-", "+123456789012345"},
		{"+441632960001;", "+441632960001"},
	};
	char out[SP_NUMBER_SIZE];
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(0, normalise(out, good[i][0]));
		assert_string_equal(good[i][1], out);
	}
}

static void what_is_no_global_number(void **state)
{
	static const char *const bad[] = {
		"",
		"+",
		"441632960001",
		"0441632",
		"00441632",
		"+0441",
		"+(0)441",
		"+;1",
		"+()",
		"alice",
		"+44a",
		"+44 1632",
		"+44%31",
		"+1234567890123456",
		"+44*",
		"(+44)",
		"+44+1",
		"%2B441632",
		"+44\t1",
		"+44\r\n1",
		";+44",
		"\xd9\xa1+",
		"+\xd9\xa1",
		"+44:pw",
		"+44#",
	};
	char out[SP_NUMBER_SIZE];
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(EINVAL, normalise(out, bad[i]));
		assert_string_equal("", out);
	}
}

static void length_is_the_pl_s(void **state)
{
	char out[SP_NUMBER_SIZE];
	struct pl pl = {.p = "+441632@host", .l = 7};
	(void)state;

	assert_int_equal(0, sp_number_normalise(out, &pl));
	assert_string_equal("+441632", out);

	pl.p = "+44\0001";
	pl.l = 5;
	assert_int_equal(EINVAL, sp_number_normalise(out, &pl));

	pl.p = NULL;
	assert_int_equal(EINVAL, sp_number_normalise(out, &pl));
	assert_int_equal(EINVAL, sp_number_normalise(out, NULL));
	assert_int_equal(EINVAL, sp_number_normalise(NULL, &pl));
}

/** As simple as can be. */
static bool pack(uint64_t *key, const char *p, size_t len)
{
	size_t i;

	*key = 1;
	for (i = 1; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*key = *key * 10 + (uint64_t)(p[i] - '0');
	}

	return len > 1 && len < 17 && p[0] == '+' && p[1] != '0';
}

/* Every byte at every place of numbers of all lengths, and what lies behind is not looked at. */
static void every_byte_at_every_place(void **state)
{
	(void)state;

	for (size_t len = 0; len < 18; len++) {
		char *p = malloc(len + 1); /* the sanitizer sees what lies behind */

		assert_non_null(p);
		for (size_t i = 0; i < len; i++) {
			for (unsigned c = 0; c < 256; c++) {
				uint64_t want, is = 0;
				bool ok;

				for (size_t k = 0; k < len; k++)
					p[k] = (char)(k ? '1' + (int)(k * 7 + c) % 9 : '+');
				p[i] = (char)c;
				ok = pack(&want, p, len);
				assert_int_equal(ok, number_pack(&is, p, len));
				assert_true(!ok || is == want);
			}
		}
		free(p);
	}
	assert_false(number_pack(&(uint64_t){0}, NULL, 5));
}

static void there_and_back(void **state)
{
	static const char *const numbers[] = {
		"+1", "+10", "+999999999999999", "+100000000000000", "+44163296", "+441632960001"};
	(void)state;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const size_t n = strlen(numbers[i]) - 1;
		char out[SP_NUMBER_SIZE];
		uint64_t key, nibbles = number_nibbles(numbers[i] + 1, n);

		assert_true(number_pack(&key, numbers[i], n + 1));
		number_unpack(out, key);
		assert_string_equal(numbers[i], out);
		for (size_t k = 0; k < 16; k++, nibbles <<= 4)
			assert_int_equal(k < n ? numbers[i][k + 1] - '0' : 0, nibbles >> 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3966_global_numbers),
		cmocka_unit_test(what_is_no_global_number),
		cmocka_unit_test(length_is_the_pl_s),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
