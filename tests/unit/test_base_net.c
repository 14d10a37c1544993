/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/net: networks as people write them, and what is in them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include <sallyport/base_util.h>

static int parse(struct sp_net *net, const char *text)
{
	/* on the heap and not ended: a byte too many read is found by the sanitizer */
	const size_t n = strlen(text);
	char *p = malloc(n ? n : 1);
	const struct pl pl = {.p = p, .l = n};
	int err;

	assert_non_null(p);
	memcpy(p, text, n);
	err = sp_net_parse(net, &pl);
	free(p);

	return err;
}

static void expect(const char *text, const char *addr, unsigned bits)
{
	struct sp_net net;
	char buf[64];

	assert_int_equal(parse(&net, text), 0);
	re_snprintf(buf, sizeof(buf), "%j", &net.addr);
	assert_string_equal(buf, addr);
	assert_int_equal(net.bits, bits);
}

static void test_parse(void **state)
{
	(void)state;
	expect("192.0.2.0/24", "192.0.2.0", 24);
	expect("192.0.2.7", "192.0.2.7", 32);
	expect("192.0.2.7/32", "192.0.2.7", 32);
	expect("192.0.2.128/25", "192.0.2.128", 25);
	expect("0.0.0.0/0", "0.0.0.0", 0);
	expect("2001:db8::/32", "2001:db8::", 32);
	expect("2001:db8::1", "2001:db8::1", 128);
	expect("2001:db8:0:8000::/49", "2001:db8:0:8000::", 49);
	expect("::/0", "::", 0);
	/* RFC 4291 section 2.5.5.2 */
	expect("::ffff:192.0.2.0/120", "192.0.2.0", 24);
	expect("::ffff:192.0.2.7", "192.0.2.7", 32);
	expect("::ffff:0.0.0.0/96", "0.0.0.0", 0);
}

static void test_not_parsed(void **state)
{
	static const char *const v[] = {
		"",
		"/",
		"/24",
		"192.0.2.0/",
		"192.0.2.0/33",
		"192.0.2.0/-1",
		"192.0.2.0/+8",
		"192.0.2.0/ 8",
		"192.0.2.0 /8",
		"192.0.2.0/8 ",
		"192.0.2.0/24/24",
		"192.0.2.0/255.255.255.0",
		"192.0.2/24",
		"192.0.2.256",
		"192.0.2.0/4294967296",
		"2001:db8::/129",
		"2001:db8::g",
		"[2001:db8::]/32",
		"fe80::1%lo",
		"fe80::%lo/64",
		"::ffff:192.0.2.0/24",
		"example.net",
		"any",
		"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	const struct pl none = PL_INIT;
	struct sp_net net;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (parse(&net, v[i]) != EINVAL)
			fail_msg("\"%s\" was taken", v[i]);
	}
	assert_int_equal(sp_net_parse(&net, &none), EINVAL);
	assert_int_equal(sp_net_parse(&net, NULL), EINVAL);
	assert_int_equal(sp_net_parse(NULL, &none), EINVAL);
}

static void behind(const char *text, const char *addr, unsigned bits)
{
	struct sp_net net;
	char buf[64];

	assert_int_equal(parse(&net, text), ERANGE);
	re_snprintf(buf, sizeof(buf), "%j", &net.addr);
	assert_string_equal(buf, addr);
	assert_int_equal(net.bits, bits);
}

static void test_bits_behind(void **state)
{
	(void)state;
	behind("192.0.2.1/24", "192.0.2.0", 24);
	behind("192.0.2.255/31", "192.0.2.254", 31);
	behind("192.0.2.1/0", "0.0.0.0", 0);
	behind("2001:db8::1/32", "2001:db8::", 32);
	behind("2001:db8::1/127", "2001:db8::", 127);
	behind("::ffff:192.0.2.1/120", "192.0.2.0", 24);
}

static bool have(const struct sp_nets *nets, const char *addr)
{
	struct sa sa;

	assert_int_equal(sa_set_str(&sa, addr, 4711), 0);

	return sp_nets_have(nets, &sa);
}

static void test_have(void **state)
{
	struct sp_net v[4];
	const struct sp_nets nets = {.v = v, .c = 4};
	struct sa none;

	(void)state;
	assert_int_equal(parse(&v[0], "192.0.2.0/25"), 0);
	assert_int_equal(parse(&v[1], "198.51.100.7"), 0);
	assert_int_equal(parse(&v[2], "2001:db8:0:8000::/49"), 0);
	assert_int_equal(parse(&v[3], "2001:db8:ffff::1"), 0);
	assert_true(have(&nets, "192.0.2.0"));
	assert_true(have(&nets, "192.0.2.127"));
	assert_false(have(&nets, "192.0.2.128"));
	assert_false(have(&nets, "192.0.3.0"));
	assert_false(have(&nets, "64.0.2.0"));
	assert_true(have(&nets, "198.51.100.7"));
	assert_false(have(&nets, "198.51.100.6"));
	assert_true(have(&nets, "2001:db8:0:8000::1"));
	assert_true(have(&nets, "2001:db8:0:ffff:ffff:ffff:ffff:ffff"));
	assert_false(have(&nets, "2001:db8:0:7fff::1"));
	assert_false(have(&nets, "2001:db8:1:8000::"));
	assert_true(have(&nets, "2001:db8:ffff::1"));
	assert_false(have(&nets, "2001:db8:ffff::2"));

	/* what has no address is nowhere, but everywhere is everywhere */
	sa_init(&none, AF_UNSPEC);
	assert_false(sp_nets_have(&nets, &none));
	assert_false(sp_nets_have(&nets, NULL));
	assert_true(sp_nets_have(&(struct sp_nets){0}, &none));
	assert_true(sp_nets_have(NULL, NULL));
}

/* RFC 4291 section 2.5.5.2: what a socket for both shows of an IPv4 peer. */
static void test_mapped(void **state)
{
	struct sp_net v;
	const struct sp_nets nets = {.v = &v, .c = 1};

	(void)state;
	assert_int_equal(parse(&v, "192.0.2.0/24"), 0);
	assert_true(have(&nets, "::ffff:192.0.2.9"));
	assert_false(have(&nets, "::ffff:192.0.3.9"));
	assert_false(have(&nets, "::192.0.2.9"));
	assert_int_equal(parse(&v, "::ffff:192.0.2.0/120"), 0);
	assert_true(have(&nets, "192.0.2.9"));
	assert_false(have(&nets, "192.0.3.9"));

	/* all of one version is nothing of the other */
	assert_int_equal(parse(&v, "::/0"), 0);
	assert_true(have(&nets, "2001:db8::1"));
	assert_false(have(&nets, "192.0.2.9"));
	assert_false(have(&nets, "::ffff:192.0.2.9"));
	assert_int_equal(parse(&v, "0.0.0.0/0"), 0);
	assert_true(have(&nets, "::ffff:192.0.2.9"));
	assert_false(have(&nets, "2001:db8::1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),       cmocka_unit_test(test_not_parsed),
		cmocka_unit_test(test_bits_behind), cmocka_unit_test(test_have),
		cmocka_unit_test(test_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
