/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keyed hash, random numbers and ids, token bucket, strict integers and text.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>

/* SipHash paper, appendix A: key 00..0f, message 00..0e; and the first vectors
 * of the authors' vectors.h, messages of 0 to 8 bytes. */
static void hash_gives_the_reference_values(void **state)
{
	static const uint64_t expected[] = {
		0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
		0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
		0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462,
	};
	const struct sp_hashkey key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t msg[15];
	(void)state;

	for (uint8_t i = 0; i < sizeof(msg); i++)
		msg[i] = i;

	for (size_t n = 0; n < sizeof(expected) / sizeof(expected[0]); n++)
		assert_int_equal(sp_hash(&key, msg, n), expected[n]);
	assert_int_equal(sp_hash(&key, msg, sizeof(msg)), 0xa129ca6149be45e5);
}

static void hash_depends_on_the_key(void **state)
{
	struct sp_hashkey a, b;
	(void)state;

	sp_hashkey_init(&a);
	sp_hashkey_init(&b);
	assert_int_not_equal(sp_hash(&a, "call", 4), sp_hash(&b, "call", 4));
	assert_int_equal(sp_hash(&a, "call", 4), sp_hash(&a, "call", 4));
}

static void random_below_stays_below_and_reaches_all(void **state)
{
	unsigned seen[7] = {0};
	(void)state;

	for (unsigned i = 0; i < 7000; i++) {
		const uint32_t v = sp_random_below(7);

		assert_true(v < 7);
		++seen[v];
	}
	/* 1,000 each, standard deviation 29: ten of them either way */
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(seen[i], 700, 1300);

	assert_int_equal(sp_random_below(1), 0);
}

/* 32 bits taken modulo 3 * 2^30 would fall into the lowest third half the time. */
static void random_below_is_even(void **state)
{
	unsigned low = 0;
	(void)state;

	for (unsigned i = 0; i < 3000; i++) {
		const uint32_t v = sp_random_below(0xc0000000);

		assert_true(v < 0xc0000000);
		low += v < 0x40000000;
	}
	assert_in_range(low, 740, 1260);
}

static void random_fills_exactly(void **state)
{
	uint8_t buf[600] = {0}, zero[300] = {0};
	(void)state;

	sp_random(buf, 300);
	assert_memory_equal(buf + 300, zero, 300);
	assert_memory_not_equal(buf, zero, 32);
	assert_memory_not_equal(buf + 268, zero, 32);
}

static void ids_are_hex_of_the_size_asked(void **state)
{
	char a[150], b[150], one[1] = {'x'};
	unsigned digits[256] = {0};
	(void)state;

	memset(a, 'z', sizeof(a));
	sp_id_random(a, sizeof(a) - 1);
	assert_int_equal(strlen(a), sizeof(a) - 2);
	assert_int_equal(a[sizeof(a) - 1], 'z');
	assert_int_equal(strspn(a, "0123456789abcdef"), sizeof(a) - 2);

	sp_id_random(b, sizeof(b) - 1);
	assert_string_not_equal(a, b);
	assert_memory_not_equal(a, a + 64, 64); /* a fresh draw for each 32 bytes */

	sp_id_random(one, sizeof(one));
	assert_int_equal(one[0], '\0');

	for (unsigned i = 0; i < 100; i++) {
		sp_id_random(a, 101);
		for (unsigned k = 0; k < 100; k++)
			++digits[(unsigned char)a[k]];
	}
	for (const char *p = "0123456789abcdef"; *p; p++)
		assert_in_range(digits[(unsigned char)*p], 400, 850);
}

static unsigned take_all(struct sp_limit *l, uint64_t now_ms)
{
	unsigned n = 0;

	while (sp_limit_take(l, now_ms))
		++n;

	return n;
}

static void bucket_gives_its_burst_then_its_rate(void **state)
{
	struct sp_limit l;
	(void)state;

	sp_limit_init(&l, 10, 5, 1000);
	assert_int_equal(take_all(&l, 1000), 5);
	assert_int_equal(l.refused, 1);
	assert_int_equal(take_all(&l, 1099), 0);
	assert_int_equal(take_all(&l, 1100), 1);
	assert_int_equal(take_all(&l, 1450), 3); /* and half a token kept */
	assert_int_equal(take_all(&l, 1500), 1);
	assert_int_equal(take_all(&l, 100000), 5);
	assert_int_equal(l.refused, 6);
}

static void bucket_keeps_fractions_of_slow_rates(void **state)
{
	struct sp_limit l;
	unsigned n = 0;
	(void)state;

	sp_limit_init(&l, 1, 1, 0);
	assert_int_equal(take_all(&l, 0), 1);
	for (uint64_t now = 1; now <= 10000; now++)
		n += sp_limit_take(&l, now);
	assert_int_equal(n, 10);
}

static void bucket_by_the_minute(void **state)
{
	struct sp_limit l = {0};
	unsigned n = 0;
	(void)state;

	sp_limit_init_minute(&l, 7, 7, 1000);
	assert_int_equal(sp_limit_full_ms(&l, 1000), 0);
	assert_int_equal(take_all(&l, 1000), 7);
	assert_int_equal(sp_limit_full_ms(&l, 1000), 60000);
	assert_false(sp_limit_ready(&l, 1000 + 8571)); /* 60 s / 7 is a little more */
	assert_true(sp_limit_ready(&l, 1000 + 8572));
	for (uint64_t now = 1001; now <= 601000; now++)
		n += sp_limit_take(&l, now);
	assert_int_equal(n, 70); /* ten minutes */
	assert_int_equal(sp_limit_full_ms(&l, 601000 + 59999), 1);
	assert_true(sp_limit_full(&l, 601000 + 60000));
	assert_int_equal(take_all(&l, UINT64_MAX), 7);

	/* what it holds is tokens, whatever their rate; and it stays by the minute */
	sp_limit_init_minute(&l, 4, 4, 0);
	assert_int_equal(take_all(&l, 0), 4);
	sp_limit_change(&l, 60, 60, 30000);
	assert_int_equal(take_all(&l, 30000), 2);
	assert_int_equal(take_all(&l, 30999), 0);
	assert_int_equal(take_all(&l, 31000), 1);
	sp_limit_change(&l, 0, 0, 31000);
	assert_int_equal(sp_limit_full_ms(&l, 31000), 0);
	assert_true(sp_limit_take(&l, 31000));
	sp_limit_change(&l, 1, 1, 40000);
	assert_int_equal(take_all(&l, 40000), 1);
	assert_int_equal(take_all(&l, 99999), 0);
	assert_int_equal(take_all(&l, 100000), 1);

	sp_limit_init_minute(&l, UINT32_MAX, UINT32_MAX, 0);
	assert_true(sp_limit_take(&l, 0));
	assert_int_equal(sp_limit_full_ms(&l, 0), 1);
	sp_limit_init_minute(NULL, 1, 1, 0);
	assert_int_equal(sp_limit_full_ms(NULL, 0), 0);
}

static void bucket_survives_extremes(void **state)
{
	struct sp_limit l;
	(void)state;

	sp_limit_init(&l, UINT32_MAX, 3, 5);
	assert_int_equal(take_all(&l, 5), 3);
	assert_int_equal(take_all(&l, UINT64_MAX), 3);
	assert_int_equal(take_all(&l, 5), 0); /* a clock that went back */

	sp_limit_init(&l, 2, 4, 0);
	assert_int_equal(take_all(&l, 0), 4);
	assert_int_equal(take_all(&l, UINT64_C(1) << 63), 4); /* 2 * 2^63 is 0 */

	sp_limit_init(&l, 0, 0, 0); /* no limit */
	for (unsigned i = 0; i < 1000; i++)
		assert_true(sp_limit_take(&l, 0));
	assert_int_equal(l.refused, 0);

	sp_limit_init(&l, 1, 0, 0);
	assert_int_equal(take_all(&l, 0), 1);
}

static void bucket_can_be_asked_first(void **state)
{
	struct sp_limit l;
	(void)state;

	sp_limit_init(&l, 1, 2, 0);
	assert_true(sp_limit_full(&l, 0));
	assert_int_equal(take_all(&l, 0), 2);
	assert_false(sp_limit_ready(&l, 999));
	assert_int_equal(l.refused, 1); /* by take_all() */
	assert_true(sp_limit_ready(&l, 1000));
	assert_true(sp_limit_ready(&l, 1000));
	assert_false(sp_limit_full(&l, 1000));
	assert_true(sp_limit_take(&l, 1000));
	assert_false(sp_limit_ready(&l, 1000));
	assert_true(sp_limit_full(&l, 3000));

	sp_limit_init(&l, 0, 0, 0);
	assert_true(sp_limit_ready(&l, 0));
	assert_true(sp_limit_full(&l, 0));
	assert_true(sp_limit_ready(NULL, 0));
}

static void bucket_changes_and_keeps_its_level(void **state)
{
	struct sp_limit l = {0};
	(void)state;

	sp_limit_change(&l, 10, 5, 1000); /* from no limit: full */
	assert_int_equal(take_all(&l, 1000), 5);

	sp_limit_change(&l, 10, 8, 1100); /* one came back, room for more */
	assert_int_equal(take_all(&l, 1100), 1);
	assert_int_equal(take_all(&l, 9000), 8);

	sp_limit_change(&l, 1, 8, 9000); /* slower from now on */
	assert_int_equal(take_all(&l, 9999), 0);
	assert_int_equal(take_all(&l, 10000), 1);

	sp_limit_change(&l, 1, 2, 90000); /* it was full of 8 */
	assert_int_equal(take_all(&l, 90000), 2);
	sp_limit_change(&l, 1, 2, 90000); /* the same again gives nothing */
	assert_int_equal(take_all(&l, 90000), 0);
	assert_true(l.refused > 0);
	sp_limit_change(&l, 0, 0, 90000);
	assert_true(sp_limit_take(&l, 90000));
}

static void integers_are_strict(void **state)
{
	static const struct {
		struct pl text;
		uint32_t max;
		int err;
		uint32_t value;
	} cases[] = {
		{PL("0"), 0, 0, 0},
		{PL("7"), 10, 0, 7},
		{PL("0042"), 42, 0, 42},
		{PL("4294967295"), UINT32_MAX, 0, UINT32_MAX},
		{PL("00000000000000000000000000000001"), 1, 0, 1},
		{PL("4294967296"), UINT32_MAX, ERANGE, 0},
		{PL("18446744073709551617"), UINT32_MAX, ERANGE, 0},
		{PL("99999999999999999999999999999999999999"), UINT32_MAX, ERANGE, 0},
		{PL("11"), 10, ERANGE, 0},
		{PL("1"), 0, ERANGE, 0},
		{PL(""), 10, EINVAL, 0},
		{PL("+1"), 10, EINVAL, 0},
		{PL("-1"), 10, EINVAL, 0},
		{PL(" 1"), 10, EINVAL, 0},
		{PL("1 "), 10, EINVAL, 0},
		{PL("0x1"), 10, EINVAL, 0},
		{PL("1\0"), 10, EINVAL, 0},
		{PL("99999999999999999999x"), 10, EINVAL, 0},
		{PL_INIT, 10, EINVAL, 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t v = 12345;

		assert_int_equal(sp_u32(&v, &cases[i].text, cases[i].max), cases[i].err);
		assert_int_equal(v, cases[i].err ? 12345 : cases[i].value);
	}
	assert_int_equal(sp_u32(NULL, &cases[0].text, 1), EINVAL);
}

static void text_has_no_control_characters(void **state)
{
	(void)state;

	for (int c = 0; c < 256; c++) {
		const char s[3] = {'a', (char)c, 'b'};
		const struct pl pl = {s, sizeof(s)};
		const bool control = (c < 32 && c != '\t') || c == 127;

		assert_int_equal(sp_text_ok(&pl), !control);
	}
	assert_true(sp_text_ok(&pl_null));
}

static void rfc3629_4_utf8_has_one_form(void **state)
{
	static const struct {
		const char *text;
		size_t n; /* octets of the first character, 0: none */
	} table[] = {
		{"a", 1},
		{"\xc2\x80", 2},
		{"\xdf\xbf", 2},
		{"\xe0\xa0\x80", 3},
		{"\xed\x9f\xbf", 3},
		{"\xef\xbf\xbf", 3},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xc0\x8a", 0},         /* LF in two octets   */
		{"\xe0\x80\x8a", 0},     /* in three           */
		{"\xf0\x80\x80\x8a", 0}, /* in four            */
		{"\xed\xa0\x80", 0},     /* a surrogate        */
		{"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF    */
		{"\xf8\x88\x80\x80", 0},
		{"\xc2", 0}, /* cut off */
		{"\xe2\x82", 0},
		{"\x80", 0},
		{"\xc2"
		 "a",
		 0},
		{"\xe2\x82"
		 "a",
		 0},
		{"\xff", 0},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *exact = mem_alloc(strlen(table[i].text), NULL);
		struct pl pl = {exact, strlen(table[i].text)};

		/* so that the sanitizer sees what is read behind it */
		memcpy(exact, table[i].text, pl.l);
		assert_int_equal(table[i].n, sp_utf8_len(exact, pl.l));
		assert_int_equal(table[i].n > 0, sp_utf8_ok(&pl));
		mem_deref(exact);
	}
	assert_true(sp_utf8_ok(NULL));
	assert_true(sp_utf8_ok(&pl_null));
}

static void quiet_counts_what_it_hides(void **state)
{
	struct sp_quiet q;
	(void)state;

	sp_quiet_init(&q, 1, 2, 1000);
	assert_int_equal(sp_quiet_count(&q, 1000), 1);
	assert_int_equal(sp_quiet_count(&q, 1000), 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sp_quiet_count(&q, 1500), 0);
	assert_int_equal(sp_quiet_count(&q, 2000), 6);
	assert_int_equal(sp_quiet_count(&q, 2001), 0);
	assert_int_equal(sp_quiet_count(&q, 9000), 2);
}

static void secret_is_wiped(void **state)
{
	struct mbuf *mb = sp_mbuf_secret(64);
	uint8_t *buf;
	(void)state;

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"), 0);
	buf = mem_ref(mb->buf);
	mem_deref(mem_ref(mb)); /* not the last one */
	assert_true(buf[0] == 'i');
	mem_deref(mb);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(buf[i], 0);
	mem_deref(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_gives_the_reference_values),
		cmocka_unit_test(hash_depends_on_the_key),
		cmocka_unit_test(random_below_stays_below_and_reaches_all),
		cmocka_unit_test(random_below_is_even),
		cmocka_unit_test(random_fills_exactly),
		cmocka_unit_test(ids_are_hex_of_the_size_asked),
		cmocka_unit_test(bucket_gives_its_burst_then_its_rate),
		cmocka_unit_test(bucket_keeps_fractions_of_slow_rates),
		cmocka_unit_test(bucket_survives_extremes),
		cmocka_unit_test(bucket_by_the_minute),
		cmocka_unit_test(bucket_can_be_asked_first),
		cmocka_unit_test(bucket_changes_and_keeps_its_level),
		cmocka_unit_test(integers_are_strict),
		cmocka_unit_test(text_has_no_control_characters),
		cmocka_unit_test(rfc3629_4_utf8_has_one_form),
		cmocka_unit_test(secret_is_wiped),
		cmocka_unit_test(quiet_counts_what_it_hides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
