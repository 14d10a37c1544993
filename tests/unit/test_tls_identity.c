/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/identity: the names a certificate shows (RFC 5922 section 7.1) and how
 * they are compared (section 7.2). All certificates are made in memory.
 */
#include "tls_fixture.h"

static struct sp_tls_names *names_of(const char *cn, const char *san)
{
	struct fix_cert c = fix_make(&(struct fix_spec){.cn = cn, .san = san}, NULL);
	struct sp_tls_names *names = NULL;

	assert_int_equal(sp_tls_names_alloc(&names, c.x), 0);
	fix_free(&c);
	return names;
}

static void test_names_shown(void **state)
{
	static const struct {
		const char *cn, *san, *expected;
	} table[] = {
		/* RFC 5922 section 7.1: URI before DNS before common name */
		{"cn.example", "DNS:dns.example,URI:sip:uri.example", "uri.example"},
		{"cn.example", "DNS:dns.example,DNS:b.example", "dns.example, b.example"},
		{"cn.example", NULL, "cn.example"},
		{"cn.example", "email:a@mail.example", "no usable name"},
		{"cn.example", "IP:192.0.2.1", "no usable name"},
		/* only "sip", in any case; a user part makes it a person's */
		{NULL, "URI:SIP:uri.example", "uri.example"},
		{NULL, "URI:sips:uri.example,DNS:dns.example", "dns.example"},
		{NULL, "URI:https://uri.example,DNS:dns.example", "dns.example"},
		{NULL, "URI:sip:alice@uri.example,DNS:dns.example", "dns.example"},
		/* port and parameters are no part of the domain */
		{NULL, "URI:sip:uri.example:5061", "uri.example"},
		{NULL, "URI:sip:uri.example;transport=tls", "uri.example"},
		{NULL, "URI:sip:uri.example?a=b", "uri.example"},
		{NULL, "URI:sip:", "no usable name"},
		{NULL, "URI:sip:*.example.com", "no usable name"},
		{NULL, "URI:sip:[2001:db8::1]", "no usable name"},
		/* what is no host name is passed over */
		{NULL, "DNS:*.example.com", "*.example.com"},
		{NULL, "DNS:*.com", "no usable name"},
		{NULL, "DNS:a.*.example,DNS:*,DNS:**.b.example,DNS:f*.b.example", "no usable name"},
		{NULL, "DNS:a..example,DNS:.example,DNS:example.", "no usable name"},
		{NULL, "DNS:a b.example,DNS:ok.example", "ok.example"},
		{"two words", NULL, "no usable name"},
		{"\xc3\xa4.example", NULL, "no usable name"},
		{NULL, "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example,DNS:e.example",
		 "a.example, b.example, c.example, d.example and 1 more"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
		struct sp_tls_names *names = names_of(table[i].cn, table[i].san);
		char text[512];

		re_snprintf(text, sizeof(text), "%H", sp_tls_names_print, names);
		assert_string_equal(text, table[i].expected);
		mem_deref(names);
	}
}

static void test_name_match(void **state)
{
	static const struct {
		const char *shown, *domain;
		bool wildcard, expected;
	} table[] = {
		{"a.example", "a.example", false, true},
		{"A.Example", "a.eXAMPLE", false, true},
		{"a.example", "b.example", false, false},
		{"a.example", "a.example.com", false, false},
		{"a.example.com", "a.example", false, false},
		{"example", "a.example", true, false},
		/* RFC 5922 section 7.2: no wildcards, unless the trunk's option says so */
		{"*.a.example", "x.a.example", false, false},
		{"*.a.example", "x.a.example", true, true},
		{"*.a.example", "X.A.EXAMPLE", true, true},
		/* one label, neither more nor none */
		{"*.a.example", "x.y.a.example", true, false},
		{"*.a.example", "a.example", true, false},
		{"*.a.example", ".a.example", true, false},
		{"*.a.example", "xa.example", true, false},
		{"*.a.example", "x.b.example", true, false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
		assert_int_equal(
			sp_tls_name_match(table[i].shown, table[i].domain, table[i].wildcard),
			table[i].expected);
	}
}

/* The old trick: "good.example\0.evil.example" must not count as good.example. */
static void test_embedded_nul(void **state)
{
	static const char bad[] = "good.example\0.evil.example";
	static const char bad_uri[] = "sip:good.example\0;x";
	GENERAL_NAMES *san = GENERAL_NAMES_new();
	struct sp_tls_names *names = NULL;
	X509 *x = X509_new();
	(void)state;

	for (int i = 0; i < 2; ++i) {
		GENERAL_NAME *gn = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();

		assert_int_equal(i ? ASN1_STRING_set(s, bad_uri, sizeof(bad_uri) - 1)
				   : ASN1_STRING_set(s, bad, sizeof(bad) - 1),
				 1);
		GENERAL_NAME_set0_value(gn, i ? GEN_URI : GEN_DNS, s);
		sk_GENERAL_NAME_push(san, gn);
	}
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, san, 0, 0), 1);

	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), 0);
	assert_false(sp_tls_names_show(names, "good.example", true));
	mem_deref(names);
	GENERAL_NAMES_free(san);
	X509_free(x);

	x = X509_new();
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)bad, sizeof(bad) - 1, -1, 0);
	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), 0);
	mem_deref(names);
	X509_free(x);
}

/* Which of two common names would be meant is anyone's guess: none is. */
static void test_two_common_names(void **state)
{
	static const unsigned char a[] = "a.example", b[] = "b.example";
	struct sp_tls_names *names = NULL;
	X509 *x = X509_new();
	(void)state;

	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, a, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, b, -1, -1, 0);
	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), 0);
	mem_deref(names);
	X509_free(x);
}

/* A subjectAltName that is there but unreadable does not open the way to the CN. */
static void test_damaged_san(void **state)
{
	static const unsigned char cn[] = "cn.example";
	ASN1_OCTET_STRING *junk = ASN1_OCTET_STRING_new();
	struct sp_tls_names *names = NULL;
	X509_EXTENSION *ext;
	X509 *x = X509_new();
	(void)state;

	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, cn, -1, -1, 0);
	ASN1_OCTET_STRING_set(junk, (const unsigned char *)"\x30\x7f\x00", 3);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, junk);
	X509_add_ext(x, ext, -1);

	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), 0);
	mem_deref(names);

	/* nor does one that is there twice */
	X509_add_ext(x, ext, -1);
	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), 0);
	mem_deref(names);

	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(junk);
	X509_free(x);
}

static void test_too_many_names(void **state)
{
	GENERAL_NAMES *san = GENERAL_NAMES_new();
	struct sp_tls_names *names = NULL;
	X509 *x = X509_new();
	(void)state;

	for (int i = 0; i < SP_TLS_NAMES_MAX + 50; ++i) {
		GENERAL_NAME *gn = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();
		char name[32];

		ASN1_STRING_set(s, name, snprintf(name, sizeof(name), "n%d.example", i));
		GENERAL_NAME_set0_value(gn, GEN_DNS, s);
		sk_GENERAL_NAME_push(san, gn);
	}
	X509_add1_ext_i2d(x, NID_subject_alt_name, san, 0, 0);

	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	assert_int_equal(sp_tls_names_count(names), SP_TLS_NAMES_MAX);
	assert_string_equal(sp_tls_names_at(names, 0), "n0.example");
	assert_null(sp_tls_names_at(names, SP_TLS_NAMES_MAX));
	mem_deref(names);
	GENERAL_NAMES_free(san);
	X509_free(x);
}

static void test_name_lengths(void **state)
{
	char name[300];
	(void)state;

	memset(name, 'a', sizeof(name));
	assert_true(sp_tls_name_ok(name, 63, false));
	assert_false(sp_tls_name_ok(name, 64, false)); /* RFC 1035: a label has 63 */
	assert_false(sp_tls_name_ok(name, 0, false));
	for (size_t i = 50; i < sizeof(name); i += 50)
		name[i] = '.';
	assert_true(sp_tls_name_ok(name, SP_TLS_NAME_MAX, false));
	assert_false(sp_tls_name_ok(name, SP_TLS_NAME_MAX + 1, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_shown),  cmocka_unit_test(test_name_match),
		cmocka_unit_test(test_embedded_nul), cmocka_unit_test(test_two_common_names),
		cmocka_unit_test(test_damaged_san),  cmocka_unit_test(test_too_many_names),
		cmocka_unit_test(test_name_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
