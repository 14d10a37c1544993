/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers as trunks write them (RFC 3966, RFC 3261 19.1), tables of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "route_priv.h"

static const struct sp_conf_numbering zero;

static const struct sp_conf_numbering uk = {
	.country = "44", .national_prefix = "0", .international_prefix = "00"};

/* North America: ten digits, with or without 1, and 011 for the world. */
static const struct sp_conf_numbering us = {
	.strip = "1", .country = "+1", .national_prefix = "", .international_prefix = "011"};

/* Digits of E.164 without "+" */
static const struct sp_conf_numbering bare = {.add = "+"};

/* Denmark has eight digits and no prefix; Australia 0011; a PBX behind "9". */
static const struct sp_conf_numbering dk = {.country = "45", .international_prefix = "00"};
static const struct sp_conf_numbering au = {
	.country = "61", .national_prefix = "0", .international_prefix = "0011"};
static const struct sp_conf_numbering pbx = {.strip = "9",
					     .add = "",
					     .country = "44",
					     .national_prefix = "0",
					     .international_prefix = "00"};
static const struct sp_conf_numbering area = {
	.add = "020", .country = "44", .national_prefix = "0"};

struct row {
	const struct sp_conf_numbering *n;
	const char *user;
	const char *e164; /* NULL: none */
};

static void check_in(const struct row *rowv, size_t rowc)
{
	for (size_t i = 0; i < rowc; i++) {
		char out[SP_NUMBER_SIZE] = "x";
		struct pl user;
		int err;

		pl_set_str(&user, rowv[i].user);
		err = numbering_in(out, rowv[i].n, &user);
		if (strcmp(out, rowv[i].e164 ? rowv[i].e164 : "") ||
		    err != (rowv[i].e164 ? 0 : EINVAL))
			fail_msg("row %zu: %s -> %s (%d), not %s", i, rowv[i].user, out, err,
				 rowv[i].e164 ? rowv[i].e164 : "an error");
	}
}

#define CHECK_IN(rows) check_in(rows, sizeof(rows) / sizeof((rows)[0]))

/* RFC 3966 3, 5.1.1; RFC 3261 19.1.4: nothing set, global numbers only */
static void global_numbers_need_no_settings(void **state)
{
	static const struct row rows[] = {
		{NULL, "+441632960001", "+441632960001"},
		{&zero, "+441632960001", "+441632960001"},
		{&zero, "%2B441632960001", "+441632960001"},
		{&zero, "+44-1632-(960).001", "+441632960001"},
		{&zero, "+441632960001;phone-context=+44", "+441632960001"},
		{&zero, "+441632960001;ext=7;isub=1", "+441632960001"},
		{&zero, "+441632960001%3bext=7", "+441632960001"},
		{&zero, "+1", "+1"},
		{&zero, "+123456789012345", "+123456789012345"},
		{&zero, "+1234567890123456", NULL},
		{&zero, "+0441632960001", NULL},
		{&zero, "+", NULL},
		{&zero, "", NULL},
		{&zero, ";phone-context=+44", NULL},
		{&zero, "441632960001", NULL},
		{&zero, "01632960001", NULL},
		{&zero, "00441632960001", NULL},
		{&zero, "1632960001;phone-context=+44", NULL},
		{&zero, "(+44)1632960001", NULL},
		{&zero, "+44+1632960001", NULL},
		{&zero, "+44 1632 960001", NULL},
		{&zero, "+44163296000a", NULL},
		{&zero, "+4416329600*1", NULL},
		{&zero, "+441632%00960001", NULL},
		{&zero, "+441632%2", NULL},
		{&zero, "alice", NULL},
		{&zero, "anonymous", NULL},
	};

	(void)state;
	CHECK_IN(rows);
}

static void national_and_international_prefixes(void **state)
{
	static const struct row rows[] = {
		{&uk, "01632960001", "+441632960001"},
		{&uk, "(01632)-960.001", "+441632960001"},
		{&uk, "%301632960001", "+441632960001"},
		{&uk, "004930123456", "+4930123456"},
		{&uk, "00441632960001", "+441632960001"},
		{&uk, "+4930123456", "+4930123456"},
		{&uk, "08001111", "+448001111"},
		{&uk, "1632960001", NULL},   /* no prefix: an extension, perhaps */
		{&uk, "441632960001", NULL}, /* so is this, see bare */
		{&uk, "112", NULL},
		{&uk, "999", NULL},
		{&uk, "000", NULL},
		{&uk, "0", NULL},
		{&uk, "00", NULL},
		{&uk, "0100", NULL},
		{&uk, "00044", NULL},
		{&uk, "0004412345678", NULL}, /* "+0..." is no number */
		{&uk, "0163*960001", NULL},
		{&uk, "*21%2301632960001", NULL},
		{&uk, "00123456789012345", "+123456789012345"},
		{&uk, "001234567890123456", NULL},
		{&uk, "0123456789012345", NULL}, /* 44 and 15 digits */
		{&au, "000", NULL},
		{&au, "0011441632960001", "+441632960001"},
		{&au, "0291234567", "+61291234567"},
		{&au, "0044163296000", NULL}, /* not "0" and "044..." */
	};

	(void)state;
	CHECK_IN(rows);
}

/* Plans in which every digit belongs to the number. */
static void plans_without_national_prefix(void **state)
{
	static const struct row rows[] = {
		{&us, "2125550123", "+12125550123"},
		{&us, "12125550123", "+12125550123"},
		{&us, "+12125550123", "+12125550123"},
		{&us, "011441632960001", "+441632960001"},
		{&us, "911", NULL},
		{&us, "411", NULL},
		{&us, "555123", NULL},         /* six digits are a code ... */
		{&us, "5550123", "+15550123"}, /* ... seven are a number */
		{&dk, "32123456", "+4532123456"},
		{&dk, "45123456", "+4545123456"}, /* begins as the country does */
		{&dk, "112", NULL},
		{&dk, "116123", NULL},
		{&dk, "00441632960001", "+441632960001"},
	};

	(void)state;
	CHECK_IN(rows);
}

static void strip_and_add(void **state)
{
	static const struct sp_conf_numbering swap = {.strip = "+999", .add = "+44"};
	static const struct sp_conf_numbering plus_off = {.strip = "+", .add = "+"};
	static const struct sp_conf_numbering huge = {
		.add = "1234567890123456789012345678901234567890123456789012345678901234"};
	static const struct row rows[] = {
		{&bare, "441632960001", "+441632960001"},
		{&bare, "+441632960001", "+441632960001"}, /* complete as it is */
		{&bare, "0441632960001", NULL},
		{&bare, "911", "+911"}, /* emergency numbers are looked at before */
		{&pbx, "901632960001", "+441632960001"},
		{&pbx, "900441632960001", "+441632960001"},
		{&pbx, "01632960001", "+441632960001"}, /* only where it is there */
		{&pbx, "9+441632960001", NULL},
		{&pbx, "+941632960001", "+941632960001"},
		{&pbx, "9", NULL},
		{&area, "79460018", "+442079460018"},
		{&area, "+441632960001", "+441632960001"},
		{&swap, "+9991632960001", "+441632960001"},
		{&swap, "+999", NULL},
		{&plus_off, "+441632960001", "+441632960001"},
		{&huge, "1", NULL},
	};

	(void)state;
	CHECK_IN(rows);
}

/* RFC 3966 5.1.5 */
static void phone_context(void **state)
{
	static const struct row rows[] = {
		{&uk, "1632960001;phone-context=+44", "+441632960001"},
		{&uk, "01632960001;phone-context=+44", "+441632960001"},
		{&uk, "1632960001;ext=1;PHONE-CONTEXT=+44;x", "+441632960001"},
		{&uk, "1632960001;phone-context=%2B44", "+441632960001"},
		{&uk, "2125550123;phone-context=+1", "+12125550123"},
		{&uk, "004930123456;phone-context=+44", "+4930123456"},
		{&uk, "+4930123456;phone-context=+44", "+4930123456"},
		{&uk, "030123456;phone-context=+49", NULL}, /* whose prefix is not known here */
		{&uk, "112;phone-context=+44", NULL},
		{&uk, "112;phone-context=+49", NULL},
		/* an exchange or a domain says nothing: as if it were not there */
		{&uk, "8631234;phone-context=+1-914-555", NULL},
		{&uk, "01632960001;phone-context=+441632", "+441632960001"},
		{&uk, "01632960001;phone-context=example.com", "+441632960001"},
		{&uk, "1632960001;phone-context=example.com", NULL},
		{&uk, "1632960001;phone-context=+", NULL},
		{&uk, "1632960001;phone-context=+0", NULL},
		{&uk, "1632960001;phone-context=+4a", NULL},
		{&uk, "1632960001;phone-context", NULL},
		{&us, "2125550123;phone-context=+1", "+12125550123"},
	};

	(void)state;
	CHECK_IN(rows);
}

/* RFC 3966 3: the parameters of a tel URI stand apart from its number. */
static void user_of_tel_uris(void **state)
{
	static const struct {
		const char *uri, *user;
	} rows[] = {
		{"tel:+441632960001", "+441632960001"},
		{"tel:1632960001;phone-context=+44", "1632960001;phone-context=+44"},
		{"sip:1632960001;phone-context=+44@a.example;user=phone",
		 "1632960001;phone-context=+44"},
		{"sip:a.example;user=phone", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sp_sip_uri uri;
		struct pl text, user;

		pl_set_str(&text, rows[i].uri);
		assert_int_equal(sp_sip_uri_decode(&uri, &text), 0);
		numbering_user(&user, &uri);
		assert_int_equal(user.l, strlen(rows[i].user));
		assert_true(!user.l || !pl_strcmp(&user, rows[i].user));
	}
}

static void dialled_digits(void **state)
{
	static const struct {
		const char *user, *digits;
	} rows[] = {
		{"112", "112"},
		{"%31%31%32", "112"},
		{"1-1.2", "112"},
		{"112;phone-context=+44", "112"},
		{"+112", "+112"},
		{"%2b112", "+112"},
		{"*21%23", "*21#"},
		{"*21#", "*21#"},
		{"1+12", NULL},
		{"sos", NULL},
		{"112a", NULL},
		{"1 1 2", NULL},
		{"", NULL},
		{"()", NULL},
		{"123456789012345678901234567890123456789012345678901234567890123",
		 "123456789012345678901234567890123456789012345678901234567890123"},
		{"1234567890123456789012345678901234567890123456789012345678901234", NULL},
		{"11%2", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[NUMBERING_SIZE] = "x";
		struct pl user;

		pl_set_str(&user, rows[i].user);
		assert_int_equal(numbering_dialled(out, &user), rows[i].digits ? 0 : EINVAL);
		assert_string_equal(out, rows[i].digits ? rows[i].digits : "");
	}
}

static void numbers_that_go_out(void **state)
{
	static const struct sp_conf_numbering national = {.country = "44",
							  .national_prefix = "0",
							  .international_prefix = "00",
							  .format = SP_FORMAT_NATIONAL};
	static const struct sp_conf_numbering ten = {
		.country = "1", .international_prefix = "011", .format = SP_FORMAT_NATIONAL};
	static const struct sp_conf_numbering no_abroad = {
		.country = "+44", .national_prefix = "0", .format = SP_FORMAT_NATIONAL};
	static const struct sp_conf_numbering homeless = {.international_prefix = "00",
							  .format = SP_FORMAT_NATIONAL};
	static const struct sp_conf_numbering abroad = {
		.country = "44", .international_prefix = "00", .format = SP_FORMAT_INTERNATIONAL};
	static const struct sp_conf_numbering digits = {.format = SP_FORMAT_INTERNATIONAL};
	static const struct sp_conf_numbering minus = {.strip_out = "+", .add_out = "1234"};
	static const struct sp_conf_numbering line = {.add_out = "9",
						      .country = "44",
						      .national_prefix = "0",
						      .international_prefix = "00",
						      .format = SP_FORMAT_NATIONAL};
	static const struct sp_conf_numbering all = {.strip_out = "+441632960001"};
	static const struct sp_conf_numbering huge = {
		.add_out = "123456789012345678901234567890123456789012345678901"};
	static const struct {
		const struct sp_conf_numbering *n;
		const char *e164, *out;
	} rows[] = {
		{NULL, "+441632960001", "+441632960001"},
		{&zero, "+441632960001", "+441632960001"},
		{&uk, "+441632960001", "+441632960001"},
		{&national, "+441632960001", "01632960001"},
		{&national, "+4930123456", "004930123456"},
		{&national, "+44", "0044"}, /* nothing of it is left for a subscriber */
		{&ten, "+12125550123", "2125550123"},
		{&ten, "+441632960001", "011441632960001"},
		{&no_abroad, "+441632960001", "01632960001"},
		{&no_abroad, "+4930123456", "+4930123456"},
		{&homeless, "+441632960001", "00441632960001"},
		{&abroad, "+441632960001", "00441632960001"},
		{&abroad, "+4930123456", "004930123456"},
		{&digits, "+441632960001", "441632960001"},
		{&minus, "+441632960001", "1234441632960001"},
		{&line, "+441632960001", "901632960001"},
		{&line, "+4930123456", "9004930123456"},
		{&all, "+441632960001", "+441632960001"}, /* never to nothing */
		{&all, "+441632960002", "+441632960002"},
		{&huge, "+1", "123456789012345678901234567890123456789012345678901+1"},
		{&huge, "+123456789012", NULL},
		{&zero, "112", NULL},
		{&zero, "anonymous", NULL},
		{&zero, "+0", NULL},
		{&zero, "", NULL},
		{&zero, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[NUMBERING_SIZE] = "x";

		assert_int_equal(numbering_out(out, rows[i].n, rows[i].e164),
				 rows[i].out ? 0 : EINVAL);
		assert_string_equal(out, rows[i].out ? rows[i].out : "");
	}
}

/* What a trunk is told, it may say back: the same number. */
static void out_and_in_again(void **state)
{
	static const char *const numbers[] = {"+441632960001", "+4930123456", "+12125550123",
					      "+448001111"};
	static const enum sp_conf_format formats[] = {SP_FORMAT_E164, SP_FORMAT_NATIONAL,
						      SP_FORMAT_INTERNATIONAL};
	const struct sp_conf_numbering *const plans[] = {&uk, &us, &au, &pbx};

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		for (size_t k = 0; k < sizeof(formats) / sizeof(formats[0]); k++) {
			struct sp_conf_numbering n = *plans[i];

			n.format = formats[k];
			for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
				char out[NUMBERING_SIZE], in[SP_NUMBER_SIZE];
				struct pl user;

				assert_int_equal(numbering_out(out, &n, numbers[j]), 0);
				pl_set_str(&user, out);
				assert_int_equal(numbering_in(in, &n, &user), 0);
				assert_string_equal(in, numbers[j]);
			}
		}
	}
}

/* RFC 3261 19.1.1 */
static void user_phone(void **state)
{
	const struct sp_conf_numbering with = {.user_phone = true};

	(void)state;
	assert_true(numbering_phone(&with));
	assert_false(numbering_phone(&zero));
	assert_false(numbering_phone(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_numbers_need_no_settings),
		cmocka_unit_test(national_and_international_prefixes),
		cmocka_unit_test(plans_without_national_prefix),
		cmocka_unit_test(strip_and_add),
		cmocka_unit_test(phone_context),
		cmocka_unit_test(user_of_tel_uris),
		cmocka_unit_test(dialled_digits),
		cmocka_unit_test(numbers_that_go_out),
		cmocka_unit_test(out_and_in_again),
		cmocka_unit_test(user_phone),
	};

	return cmocka_run_group_tests_name("call/numbering", tests, NULL, NULL);
}
