/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values of custom headers with variables: what they become, and which are refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "number_priv.h"

static const struct sp_number_vars vars = {
	.number = "+441632960001", .account = "Contoso", .label = "help desk", .trunk = "teams"};

static void becomes(const char *value, const char *want)
{
	char out[SP_NUMBER_VALUE_SIZE];

	assert_null(number_header_bad("X-A", value));
	sp_number_expand(out, value, &vars);
	assert_string_equal(want, out);
}

static void variables(void **state)
{
	(void)state;

	becomes("", "");
	becomes("tenant-1", "tenant-1");
	becomes("{number}", "+441632960001");
	becomes("{account}/{label}", "Contoso/help desk");
	becomes("{trunk}{trunk}", "teamsteams");
	becomes("<sip:{number}@example.com>;a={account}",
		"<sip:+441632960001@example.com>;a=Contoso");
}

static void braces(void **state)
{
	(void)state;

	becomes("{{", "{");
	becomes("{{number}", "{number}");
	becomes("{{{{", "{{");
	becomes("{{{number}}", "{+441632960001}");
	becomes("}", "}");
	becomes("a}}b", "a}}b");
}

static void what_a_call_does_not_have(void **state)
{
	static const struct sp_number_vars none = {.number = NULL};
	char out[SP_NUMBER_VALUE_SIZE];
	(void)state;

	sp_number_expand(out, "a{number}{account}{label}{trunk}b", &none);
	assert_string_equal("ab", out);
	sp_number_expand(out, "a{trunk}b", NULL);
	assert_string_equal("ab", out);
	sp_number_expand(out, NULL, &vars);
	assert_string_equal("", out);
	sp_number_expand(NULL, "a", &vars);
}

static void refused(const char *value, const char *mend)
{
	const char *said = number_header_bad("X-A", value);

	assert_non_null(said);
	assert_non_null(strstr(said, mend));
}

static void templates_are_judged(void **state)
{
	static const char *const open[] = {"{", "a{", "{{{", "{number", "a{account{{"};
	static const char *const unknown[] = {"{}",    "{ number}",     "{Number}",
					      "{num}", "{numbers}",     "{caller}",
					      "{a{{}", "{number{trunk}"};
	size_t i;
	(void)state;

	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		refused(open[i], "close the brace");
		refused(open[i], "{number}, {account}, {label} and {trunk}");
	}
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		refused(unknown[i], "no such variable");
		refused(unknown[i], "{number}, {account}, {label} and {trunk}");
	}
}

/* What might not fit is refused, so that what is not refused fits. */
static void the_longest(void **state)
{
	char account[SP_NUMBER_ACCOUNT_MAX + 1], value[SP_NUMBER_HEADER_VALUE_MAX + 1] = "";
	char out[SP_NUMBER_VALUE_SIZE];
	const struct sp_number_vars longest = {.account = account, .label = account};
	size_t i;
	(void)state;

	memset(account, 'a', sizeof(account) - 1);
	account[sizeof(account) - 1] = '\0';
	for (i = 0; i < 5; i++)
		strcat(value, "{label}{account}");
	strcat(value, "12345678901234567890123");
	assert_null(number_header_bad("X-A", value));
	sp_number_expand(out, value, &longest);
	assert_int_equal(SP_NUMBER_VALUE_SIZE - 1, strlen(out));

	strcat(value, "4");
	refused(value, "fewer variables");
	sp_number_expand(out, value, &longest); /* cut off, not written behind the end */
	assert_int_equal(SP_NUMBER_VALUE_SIZE - 1, strlen(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables),
		cmocka_unit_test(braces),
		cmocka_unit_test(what_a_call_does_not_have),
		cmocka_unit_test(templates_are_judged),
		cmocka_unit_test(the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
