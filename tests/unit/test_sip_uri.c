/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URIs: RFC 3261 19.1.1 to 19.1.3 and 25.1, RFC 3966 3, IPv6 as in RFC 5118.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "sallyport/sip_header.h"

static const struct {
	const char *text;
	enum sp_sip_scheme scheme;
	const char *user, *host;
	uint16_t port;
	const char *params, *headers;
} good[] = {
	{"sip:a.example", SP_URI_SIP, "", "a.example", 0, "", ""},
	{"SIP:alice@a.example", SP_URI_SIP, "alice", "a.example", 0, "", ""},
	{"sIpS:alice:pass@a.example:5061", SP_URI_SIPS, "alice", "a.example", 5061, "", ""},
	{"sip:alice:@a.example:00065535", SP_URI_SIP, "alice", "a.example", 65535, "", ""},
	{"sip:+441632960001;phone-context=x@gw.example;user=phone", SP_URI_SIP,
	 "+441632960001;phone-context=x", "gw.example", 0, ";user=phone", ""},
	{"sip:%61lice%40x@a.example", SP_URI_SIP, "%61lice%40x", "a.example", 0, "", ""},
	{"sip:a?b/c;d=e&f+g$h,i@a.example", SP_URI_SIP, "a?b/c;d=e&f+g$h,i", "a.example", 0, "",
	 ""},
	{"sip:-_.!~*'()@1.2.3.4:1", SP_URI_SIP, "-_.!~*'()", "1.2.3.4", 1, "", ""},
	{"sip:[2001:db8::10]", SP_URI_SIP, "", "2001:db8::10", 0, "", ""},
	{"sip:u@[::ffff:192.0.2.1]:5061;lr", SP_URI_SIP, "u", "::ffff:192.0.2.1", 5061, ";lr", ""},
	{"sip:h;transport=tls;lr;maddr=[::1]:5;x=%20", SP_URI_SIP, "", "h", 0,
	 ";transport=tls;lr;maddr=[::1]:5;x=%20", ""},
	{"sip:h?subject=a%20b&to=&x=y?z", SP_URI_SIP, "", "h", 0, "", "subject=a%20b&to=&x=y?z"},
	{"sip:h;lr?Route=%3Csip:x%3E", SP_URI_SIP, "", "h", 0, ";lr", "Route=%3Csip:x%3E"},
	{"sip:h;a@b?c=d", SP_URI_SIP, "h;a", "b", 0, "", "c=d"},
	{"sip:h?a=b@c;d", SP_URI_SIP, "h?a=b", "c", 0, ";d", ""},
	{"sip:a-b.c--d.e.", SP_URI_SIP, "", "a-b.c--d.e.", 0, "", ""},
	{"sip:1.2.3.example1", SP_URI_SIP, "", "1.2.3.example1", 0, "", ""},
	{"tel:+44-1632-960.001", SP_URI_TEL, "+44-1632-960.001", "", 0, "", ""},
	{"TEL:+1(201)5550123;ext=7;isub=1", SP_URI_TEL, "+1(201)5550123", "", 0, ";ext=7;isub=1",
	 ""},
	{"tel:*21#;phone-context=example.com", SP_URI_TEL, "*21#", "", 0,
	 ";phone-context=example.com", ""},
	{"tel:112", SP_URI_TEL, "112", "", 0, "", ""},
	{"urn:service:sos", SP_URI_OTHER, "", "", 0, "", ""},
	{"http://www.example/a?b=c&d=%20", SP_URI_OTHER, "", "", 0, "", ""},
	{"a+b-1.c:x", SP_URI_OTHER, "", "", 0, "", ""},
};

static const char *const bad[] = {
	"",
	"sip",
	"sip:",
	":a",
	"a.example",
	"sip:@h",
	"sip::p@h",
	"sip:a@",
	"sip:a@b@c",
	"sip:a@:5060",
	"sip:a b@h",
	" sip:h",
	"sip:h ",
	"sip: h",
	"sip:a@h\t",
	"sip:a\x01@h",
	"sip:a\x7f@h",
	"sip:\xc3\xa9@h",
	"sip:<a>@h",
	"sip:a\"@h",
	"<sip:h>",
	"sip:h>",
	"sip:a\\b@h",
	"sip:a#b@h",
	"sip:a%@h",
	"sip:a%4@h",
	"sip:a%4g@h",
	"sip:a%%41@h",
	"sip:a:b:c@h",
	"sip:a:p;q@h",
	"sip:h:",
	"sip:h:0",
	"sip:h:65536",
	"sip:h:4294967297",
	"sip:h:+5",
	"sip:h:-5",
	"sip:h:5 ",
	"sip:h:5a",
	"sip:h:0x5",
	"sip:h:5:6",
	"sip:h_x",
	"sip:-h",
	"sip:h-",
	"sip:a.-b",
	"sip:a-.b",
	"sip:.h",
	"sip:a..b",
	"sip:.",
	"sip:..",
	"sip:1.2.3",
	"sip:1.2.3.4.5",
	"sip:256.1.1.1",
	"sip:1.2.3.04",
	"sip:a.1",
	"sip:1.2.3.4.",
	"sip:[::1",
	"sip:::1",
	"sip:[]",
	"sip:[1.2.3.4]",
	"sip:[::g]",
	"sip:[::1]x",
	"sip:[::1%25lo]",
	"sip:[fe80::1%lo]",
	"sip:[1:2:3:4:5:6:7:8:9]",
	"sip:[0000:0000:0000:0000:0000:0000:255.255.255.2550]",
	"sip:h;",
	"sip:h;;lr",
	"sip:h;=x",
	"sip:h;a=",
	"sip:h;a=b=c",
	"sip:h;a=\"b\"",
	"sip:h;a=%4",
	"sip:h?",
	"sip:h?a",
	"sip:h?=b",
	"sip:h?a=b&",
	"sip:h?&a=b",
	"sip:h?a=b&&c=d",
	"sip:h?a=b;c",
	"tel:",
	"tel:+",
	"tel:;x=y",
	"tel:+-",
	"tel:+1a",
	"tel:+*1",
	"tel:1+2",
	"tel:12x",
	"tel:1 2",
	"tel:+1;",
	"tel:+1;=",
	"tel:+1;a=",
	"tel:+1@h",
	"1a:x",
	"-a:x",
	"a_b:x",
	"http:",
	"http:a b",
	"http:<x>",
	"http:a%",
	"http:\"",
	"http:a\x01",
};

static void check(const struct pl *pl, const char *wanted)
{
	assert_int_equal(pl->l, strlen(wanted));
	if (pl->l)
		assert_memory_equal(pl->p, wanted, pl->l);
}

static void accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct sp_sip_uri uri;
		struct pl pl;

		pl_set_str(&pl, good[i].text);
		if (sp_sip_uri_decode(&uri, &pl))
			fail_msg("refused: %s", good[i].text);
		assert_int_equal(uri.scheme, good[i].scheme);
		assert_int_equal(uri.port, good[i].port);
		check(&uri.user, good[i].user);
		check(&uri.host, good[i].host);
		check(&uri.params, good[i].params);
		check(&uri.headers, good[i].headers);
	}
}

static void refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		/* Of exactly its length, for the sanitizer to see what is read behind it. */
		const size_t n = strlen(bad[i]);
		char *copy = mem_alloc(n ? n : 1, NULL);
		const struct pl pl = {copy, n};
		struct sp_sip_uri uri;

		assert_non_null(copy);
		memcpy(copy, bad[i], n);
		if (sp_sip_uri_decode(&uri, &pl) != EBADMSG)
			fail_msg("accepted: %s", bad[i]);
		assert_null(uri.host.p);
		mem_deref(copy);
	}
}

/* A NUL is no terminator here, and never part of a URI. */
static void nul_inside(void **state)
{
	static const char text[] = "sip:a\0b@h.example;x=\0";
	struct sp_sip_uri uri;

	(void)state;
	for (size_t n = 6; n < sizeof(text); n++) {
		const struct pl pl = {text, n};

		assert_int_equal(sp_sip_uri_decode(&uri, &pl), EBADMSG);
	}
}

static void host_length(void **state)
{
	char text[300] = "sip:";
	struct sp_sip_uri uri;
	struct pl pl = {text, 4 + 255};

	(void)state;
	memset(text + 4, 'a', 256);
	assert_int_equal(sp_sip_uri_decode(&uri, &pl), 0);
	assert_int_equal(uri.host.l, 255);
	++pl.l;
	assert_int_equal(sp_sip_uri_decode(&uri, &pl), EBADMSG);
}

/* RFC 3261 19.1.2 */
static void unescape(void **state)
{
	struct pl pl;
	char buf[8];

	(void)state;
	pl_set_str(&pl, "a%62%2Bc");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), 0);
	assert_string_equal(buf, "ab+c");
	pl_set_str(&pl, "1234567");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), 0);
	assert_string_equal(buf, "1234567");
	pl_set_str(&pl, "12345678");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), EOVERFLOW);
	pl_set_str(&pl, "%e2%82%ac");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), 0);
	assert_string_equal(buf, "\xe2\x82\xac");
	pl_set_str(&pl, "a%00b");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), EBADMSG);
	pl_set_str(&pl, "a%4");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), EBADMSG);
	pl_set_str(&pl, "%");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), EBADMSG);
	pl_set_str(&pl, "%zz");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), EBADMSG);
	pl_set_str(&pl, "");
	assert_int_equal(sp_sip_unescape(buf, sizeof(buf), &pl), 0);
	assert_string_equal(buf, "");
	assert_int_equal(sp_sip_unescape(buf, 0, &pl), EINVAL);
}

/* What inet_pton() would read as "::2" (found by the fuzzer). */
static void nul_in_an_address(void **state)
{
	static const char text[] = "sip:x@[::2\0\0 ]:5032";
	const struct pl pl = {text, sizeof(text) - 1};
	struct sp_sip_uri uri;

	(void)state;
	assert_int_equal(EBADMSG, sp_sip_uri_decode(&uri, &pl));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nul_in_an_address), cmocka_unit_test(accepted),
		cmocka_unit_test(refused),           cmocka_unit_test(nul_inside),
		cmocka_unit_test(host_length),       cmocka_unit_test(unescape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
