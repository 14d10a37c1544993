/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the user part of a SIP or tel URI to E.164 (RFC 3966 sections 3 and
 * 5.1.1; RFC 3261 section 19.1.6).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include <sallyport/number.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3966_global_numbers),
		cmocka_unit_test(what_is_no_global_number),
		cmocka_unit_test(length_is_the_pl_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
