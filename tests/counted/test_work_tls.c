/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of judging a certificate with as many names as fit (RFC 5922 7.1), and of counting
 * how often an address comes, beside many others.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include "tls_priv.h"
#include "work.h"

enum { FROM = 64, TO = 4096 };

struct family {
	int type;
	const char *fmt;
};

static X509 *certificate(const struct family *f, size_t n)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	X509 *x = X509_new();

	for (unsigned i = 0; i < n; i++) {
		GENERAL_NAME *gn = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();
		char name[256];

		re_snprintf(name, sizeof(name), f->fmt, i);
		assert_int_equal(ASN1_STRING_set(text, name, -1), 1);
		GENERAL_NAME_set0_value(gn, f->type, text);
		sk_GENERAL_NAME_push(names, gn);
	}
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);

	return x;
}

static void names_work(size_t n, void *arg)
{
	X509 *x = certificate(arg, n);
	struct sp_tls_names *names;
	char text[2048];

	work_on();
	assert_int_equal(sp_tls_names_alloc(&names, x), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_false(sp_tls_names_show(names, "sbc.carrier.example", i & 1));
	(void)re_snprintf(text, sizeof(text), "%H", sp_tls_names_print, names);
	mem_deref(names);
	work_off();
	X509_free(x);
}

static void names(void **state)
{
	static const struct family v[] = {
		{GEN_DNS, "h%u.carrier.example"},
		{GEN_DNS, "*.h%u.carrier.example"},
		{GEN_DNS, "sbc.carrier.exampl%u"},
		{GEN_DNS, "sbc..%u"},
		{GEN_DNS,
		 "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a%u"},
		{GEN_URI, "sip:h%u.carrier.example"},
		{GEN_URI, "sip:h%u.carrier.example;a=b;a=b;a=b;a=b;a=b;a=b;a=b;a=b;a=b;a=b"},
		{GEN_URI, "sip:a@h%u.carrier.example"},
		{GEN_URI, "http://h%u.carrier.example"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("names", FROM, TO, names_work, (void *)(uintptr_t)&v[i]);
}

static void name_work(size_t n, void *arg)
{
	struct work_text t;

	text_begin(&t);
	text_fill(&t, arg, n);
	work_on();
	(void)sp_tls_name_ok(t.p, t.n, true);
	(void)sp_tls_name_match("*.a", t.p, true);
	(void)sp_tls_name_match(t.p, t.p, true);
	work_off();
	text_end(&t);
}

static void one_name(void **state)
{
	static const char *const v[] = {"a", "a.", ".", "*.", "-"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("name", 1024, 65536, name_work, (void *)(uintptr_t)v[i]);
}

static void address(struct sa *sa, unsigned i)
{
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8};

	v6[5] = (uint8_t)(i >> 16);
	v6[6] = (uint8_t)(i >> 8);
	v6[7] = (uint8_t)i;
	sa_set_in6(sa, v6, 5061);
}

static void sources_work(size_t n, void *arg)
{
	struct sp_tls_sources *s;
	struct sa sa;
	(void)arg;

	assert_int_equal(sp_tls_sources_alloc(&s, 1, 1), 0);
	for (unsigned i = 0; i < n; i++) {
		address(&sa, i);
		assert_true(sp_tls_sources_take(s, &sa, 1000));
	}
	work_on();
	for (unsigned i = 0; i < 64; i++) {
		address(&sa, (unsigned)n + i);
		(void)sp_tls_sources_take(s, &sa, 1000);
	}
	work_off();
	mem_deref(s);
}

static void sources(void **state)
{
	(void)state;
	work_constant("addresses", 1024, 4 * SP_TLS_SOURCES, sources_work, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(one_name),
		cmocka_unit_test(sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
