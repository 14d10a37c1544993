/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header values: lists and parameters (RFC 3261 7.3.1), addresses (20.10), Via
 * (20.42), CSeq (20.16), and the character classes of 25.1.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "parse_priv.h"

#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define UNRESERVED ALNUM "-_.!~*'()"
#define TOKEN ALNUM "-.!%*_+`'~"

static void check(const struct pl *pl, const char *wanted)
{
	assert_int_equal(pl->l, strlen(wanted));
	if (pl->l)
		assert_memory_equal(pl->p, wanted, pl->l);
}

static struct pl text(const char *s)
{
	struct pl pl;

	pl_set_str(&pl, s);

	return pl;
}

static void character_classes(void **state)
{
	static const struct {
		enum sp_sip_class cls;
		const char *set;
	} classes[] = {
		{CH_TOKEN, TOKEN},
		{CH_USER, UNRESERVED "&=+$,;?/"},
		{CH_PASSWORD, UNRESERVED "&=+$,"},
		{CH_PARAM, UNRESERVED "[]/:&+$"},
		{CH_HEADER, UNRESERVED "[]/?:+$"},
		{CH_HOST, ALNUM "-."},
		{CH_WORD, TOKEN "()<>:\\\"/[]?{}"},
		{CH_URIC, UNRESERVED ";/?:@&=+$,[]"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		for (int c = 0; c < 256; c++)
			assert_int_equal(sp_sip_ischar((char)c, classes[i].cls),
					 c && strchr(classes[i].set, c) && c < 128);
	}
}

static void tokens(void **state)
{
	struct pl pl = text("INVITE");

	(void)state;
	assert_true(sp_sip_is_token(&pl));
	pl = text("");
	assert_false(sp_sip_is_token(&pl));
	pl = text("a b");
	assert_false(sp_sip_is_token(&pl));
	assert_false(sp_sip_is_token(NULL));
}

/* Each list as its values with "|" behind them. */
static void lists(void **state)
{
	static const struct {
		const char *list, *values;
	} table[] = {
		{"", ""},
		{" \t ", ""},
		{"a", "a|"},
		{" a , b\t,c ", "a|b|c|"},
		{"\"a,b\" <sip:x,y@h>;p=\",\", <sip:z>", "\"a,b\" <sip:x,y@h>;p=\",\"|<sip:z>|"},
		{"\"a\\\",b\", c", "\"a\\\",b\"|c|"},
		{"\"a\\\\\", c", "\"a\\\\\"|c|"},
		{"<sip:a\",b>, <c>", "<sip:a\",b>|<c>|"},
		{"a,,b", "a||b|"},
		{"a,", "a||"},
		{"a , ", "a||"},
		{",", "|"},
		{",a", "|a|"},
		{"\"a, b", "\"a, b|"},
		{"<a, b", "<a, b|"},
		{"a, \"b\\", "a|\"b\\|"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pl rest = text(table[i].list), value;
		char got[128];
		int n = 0;

		while (sp_sip_list_next(&value, &rest))
			n += re_snprintf(got + n, sizeof(got) - (size_t)n, "%r|", &value);
		got[n] = '\0';
		assert_string_equal(got, table[i].values);
	}
}

static void parameters(void **state)
{
	const struct pl p = text(";tag=abc ; LR;q = \"a;b=\\\"c\" ;x=[::1]:5;e=;tag=def");
	struct pl v;

	(void)state;
	assert_true(sp_sip_param(&v, &p, "TAG"));
	check(&v, "abc");
	assert_true(sp_sip_param(&v, &p, "lr"));
	check(&v, "");
	assert_true(sp_sip_param(&v, &p, "q"));
	check(&v, "a;b=\\\"c");
	assert_true(sp_sip_param(&v, &p, "x"));
	check(&v, "[::1]:5");
	assert_true(sp_sip_param(NULL, &p, "e"));
	assert_false(sp_sip_param(&v, &p, "b"));
	assert_false(sp_sip_param(&v, &p, "ta"));
	assert_false(sp_sip_param(&v, &pl_null, "tag"));
	assert_int_equal(sp_sip_param_token(&v, &p, "tag"), EBADMSG);
	assert_int_equal(sp_sip_param_token(&v, &p, "q"), EBADMSG);
	assert_int_equal(sp_sip_param_token(&v, &p, "nix"), ENOENT);
}

static void addresses(void **state)
{
	static const struct {
		const char *value, *display, *text, *user, *params;
	} table[] = {
		{"sip:a@h", "", "sip:a@h", "a", ""},
		{"sip:a@h;tag=x", "", "sip:a@h", "a", ";tag=x"},
		{"sip:a@h ; tag = x", "", "sip:a@h", "a", "; tag = x"},
		{"<sip:a@h;lr?x=y>;tag=x", "", "sip:a@h;lr?x=y", "a", ";tag=x"},
		{" <sip:a,b@h> ", "", "sip:a,b@h", "a,b", ""},
		{"Alice B. <sip:a@h>;tag=x", "Alice B.", "sip:a@h", "a", ";tag=x"},
		{"Alice<sip:a@h>", "Alice", "sip:a@h", "a", ""},
		{"M\xc3\xbcller <sip:a@h>", "M\xc3\xbcller", "sip:a@h", "a", ""},
		{"\"A, <B> \\\"C\\\\\" <sip:a@h>", "A, <B> \\\"C\\\\", "sip:a@h", "a", ""},
		{"\"\"<tel:+44>;x=\">\";y=[::1]", "", "tel:+44", "+44", ";x=\">\";y=[::1]"},
		{"<urn:service:sos>", "", "urn:service:sos", "", ""},
		{"<sip:a@h>;+sip.instance=\"<urn:x>\";expires=60", "", "sip:a@h", "a",
		 ";+sip.instance=\"<urn:x>\";expires=60"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct pl v = text(table[i].value);
		struct sp_sip_addr addr;

		if (sp_sip_addr_decode(&addr, &v))
			fail_msg("refused: %s", table[i].value);
		check(&addr.display, table[i].display);
		check(&addr.text, table[i].text);
		check(&addr.uri.user, table[i].user);
		check(&addr.params, table[i].params);
	}
}

static void bad_addresses(void **state)
{
	static const char *const table[] = {
		"",
		" ",
		"*",
		"a",
		"<>",
		"<sip:a@h",
		"sip:a@h>",
		"\"A <sip:a@h>",
		"\"A\" sip:a@h",
		"\"A\"",
		"A B sip:a@h",
		"A@B <sip:a@h>",
		"A, B <sip:a@h>",
		"< sip:a@h>",
		"<sip:a@h >",
		"<sip:a@h>x",
		"<sip:a@h> x",
		"<sip:a@h>, <sip:b@h>",
		"<sip:a@h>;",
		"<sip:a@h>;;x",
		"<sip:a@h>;=x",
		"<sip:a@h>;x=",
		"<sip:a@h>;x=\"",
		"<sip:a@h>;x=\"a\"b",
		"<sip:a@h>;x=a b",
		"<sip:a@h>;x=a=b",
		"<sip:a@h>;x=<y>",
		"<sip:a@h>;x y",
		"<<sip:a@h>>",
		"<sip:a@h>>",
		"sip:a@h?x=y",
		"sip:a,b@h",
		"sip:a;b@h",
		"sip:a@h b",
		"A\\B <sip:a@h>",
		"\"A\\\" <sip:a@h>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct pl v = text(table[i]);
		struct sp_sip_addr addr;

		if (sp_sip_addr_decode(&addr, &v) != EBADMSG)
			fail_msg("accepted: %s", table[i]);
		assert_null(addr.text.p);
	}
}

static void vias(void **state)
{
	static const struct {
		const char *value, *transport, *sent_by, *branch;
	} table[] = {
		{"SIP/2.0/TLS h.example;branch=z9hG4bKa", "TLS", "h.example", "z9hG4bKa"},
		{"SIP/2.0/TLS 1.2.3.4:5061 ;rport ; branch=z9hG4bKa;received=2001:db8::9", "TLS",
		 "1.2.3.4:5061", "z9hG4bKa"},
		{"sip / 2.0 / UDP \t [2001:db8::9]:99;x=\"a;branch=b\"", "UDP", "[2001:db8::9]:99",
		 ""},
		{"SIP/2.0/WS h : 4000 ;ttl=16", "WS", "h : 4000", ""},
		{"SIP/2.0/X-y h", "X-y", "h", ""},
	};
	static const char *const bad[] = {
		"",
		"SIP/2.0/TLS",
		"SIP/2.0/TLS ",
		"SIP/2.0 h",
		"SIP/3.0/TLS h",
		"XSIP/2.0/TLS h",
		"SIP/2.0/TLSh",
		"SIP/2.0//TLS h",
		"SIP/2.0/TLS ;x",
		"SIP/2.0/TLS h:",
		"SIP/2.0/TLS h:0",
		"SIP/2.0/TLS h:65536",
		"SIP/2.0/TLS h:1 2",
		"SIP/2.0/TLS h, i",
		"SIP/2.0/TLS h;",
		"SIP/2.0/TLS h;a=",
		"SIP/2.0/TLS h i",
		"SIP/2.0/TLS [::1",
		"SIP/2.0/TLS a_b",
		"SIP/2.0/TLS h;branch",
		"SIP/2.0/TLS ::1",
		"SIP/2.0/TLS h:5x",
		"SIP/2.0/TLS 1.2.3",
		"SIP/2.0/TLS h;branch=a;BRANCH=b",
		"SIP/2.0/TLS h;branch=\"a\"",
	};
	struct sp_sip_via via;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct pl v = text(table[i].value);

		if (sp_sip_via_decode(&via, &v))
			fail_msg("refused: %s", table[i].value);
		check(&via.transport, table[i].transport);
		check(&via.sent_by, table[i].sent_by);
		check(&via.branch, table[i].branch);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct pl v = text(bad[i]);

		if (sp_sip_via_decode(&via, &v) != EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void cseqs(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"INVITE",
		"1 ",
		"-1 INVITE",
		"+1 INVITE",
		"2147483648 INVITE",
		"1INVITE",
		"0x1 BYE",
		"1 A B",
		"1 IN@VITE",
		"4294967297 BYE",
		"36893488147419103233 BYE",
		"1, INVITE",
	};
	struct pl v = text(" 0002147483647 \t INVITE "), method;
	uint32_t num = 0;

	(void)state;
	assert_int_equal(sp_sip_cseq_decode(&num, &method, &v), 0);
	assert_int_equal(num, 2147483647);
	check(&method, "INVITE");
	v = text("0 X-y");
	assert_int_equal(sp_sip_cseq_decode(&num, &method, &v), 0);
	assert_int_equal(num, 0);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v = text(bad[i]);
		if (sp_sip_cseq_decode(&num, &method, &v) != EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* RFC 3261 7.3.3: a name is the whole of it, in any case, or its one letter. */
static void names(void **state)
{
	static const struct {
		const char *name;
		enum sp_sip_id id;
	} table[] = {
		{"Via", SP_HDR_VIA},        {"V", SP_HDR_VIA},
		{"f", SP_HDR_FROM},         {"to", SP_HDR_TO},
		{"T", SP_HDR_TO},           {"CALL-ID", SP_HDR_CALL_ID},
		{"i", SP_HDR_CALL_ID},      {"cseq", SP_HDR_CSEQ},
		{"m", SP_HDR_CONTACT},      {"l", SP_HDR_CONTENT_LENGTH},
		{"c", SP_HDR_CONTENT_TYPE}, {"e", SP_HDR_CONTENT_ENCODING},
		{"k", SP_HDR_SUPPORTED},    {"s", SP_HDR_OTHER},
		{"Vi", SP_HDR_OTHER},       {"Viaa", SP_HDR_OTHER},
		{"z", SP_HDR_OTHER},        {"", SP_HDR_OTHER},
		{"khd", SP_HDR_OTHER},      {"axj", SP_HDR_OTHER},
		{"b25", SP_HDR_OTHER},      {"dz2", SP_HDR_OTHER},
		{"DC-Info", SP_HDR_OTHER},  {"Content_Length", SP_HDR_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct pl name = text(table[i].name);

		assert_int_equal(sp_sip_name_id(&name), table[i].id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(character_classes),
		cmocka_unit_test(tokens),
		cmocka_unit_test(lists),
		cmocka_unit_test(parameters),
		cmocka_unit_test(addresses),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(vias),
		cmocka_unit_test(cseqs),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
