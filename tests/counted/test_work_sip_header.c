/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of the decoders of header values and URIs (RFC 3261 19.1, 20 and 25.1),
 * each with what could make it look at the same octets again: 256 octets up to
 * 64 KB, sixteen times what the parser lets through in one header.
 */
#include "parse_priv.h"
#include "work.h"

enum {
	FROM = 256,
	TO = 64 * 1024,
	STEPS_MAX = 600 /**< for each octet: an empty value clears what it would be decoded to */
};

/* A value: what it begins with, what is repeated, what it ends with. */
struct family {
	const char *open, *piece, *close;
};

struct run {
	const struct family *f;
	void (*decode)(const struct pl *value);
};

static void decode_addr(const struct pl *value)
{
	struct sp_sip_addr addr;

	(void)sp_sip_addr_decode(&addr, value);
}

static void decode_via(const struct pl *value)
{
	struct sp_sip_via via;

	(void)sp_sip_via_decode(&via, value);
}

static void decode_uri(const struct pl *value)
{
	struct sp_sip_uri uri;

	(void)sp_sip_uri_decode(&uri, value);
}

/* All values of a list, each as address and as Via: what is split is decoded. */
static void decode_list(const struct pl *value)
{
	struct pl rest = *value, one;

	while (sp_sip_list_next(&one, &rest)) {
		decode_addr(&one);
		decode_via(&one);
	}
}

static void decode_params(const struct pl *value)
{
	struct pl found;

	(void)sp_sip_param(&found, value, "tag");
	(void)sp_sip_param_token(&found, value, "tag");
}

static void decode_words(const struct pl *value)
{
	char buf[TO + 1];
	struct pl method;
	uint32_t n;

	(void)sp_sip_cseq_decode(&n, &method, value);
	(void)sp_sip_unescape(buf, sizeof(buf), value);
	(void)sp_sip_is_token(value);
	(void)sp_sip_method(value);
	(void)sp_sip_name_id(value);
}

static void run(size_t n, void *arg)
{
	const struct run *r = arg;
	struct work_text t;
	struct pl value;

	text_begin(&t);
	text_add(&t, "%s", r->f->open);
	text_fill(&t, r->f->piece, n - strlen(r->f->close));
	text_add(&t, "%s", r->f->close);
	value = text_pl(&t);
	work_on();
	r->decode(&value);
	work_off();
	text_end(&t);
}

static void all(const char *what, const struct family *v, size_t c,
		void (*decode)(const struct pl *value))
{
	for (size_t i = 0; i < c; i++) {
		struct run r = {&v[i], decode};
		char name[128];

		(void)re_snprintf(name, sizeof(name), "%s[%s%s...%s]", what, v[i].open, v[i].piece,
				  v[i].close);
		assert_in_range(work_linear(name, FROM, TO, run, &r), 1, TO * STEPS_MAX);
	}
}

#define ALL(what, v, decode) all(what, v, ARRAY_SIZE(v), decode)

static void addresses(void **state)
{
	static const struct family v[] = {
		{"\"", "a", "\" <sip:a@b>;tag=1"},
		{"\"", "\\\"", "\" <sip:a@b>;tag=1"},
		{"\"", "\\\\", "\" <sip:a@b>"},
		{"\"", "\\", ""},
		{"", "a ", "<sip:a@b>"},
		{"", "\"a\" ", "<sip:a@b>"},
		{"", "<", ""},
		{"", "<sip:a@b>", ""},
		{"<", "sip:", ">"},
		{"", " ", "<sip:a@b>"},
		{"<sip:a@b>", " ", ";tag=1"},
		{"<sip:a@b>", ";a=b", ""},
		{"<sip:a@b>", ";a", ""},
		{"<sip:a@b>", ";tag", ""},
		{"<sip:a@b>", ";", ""},
		{"<sip:a@b>", " ; a = b ", ";tag=1"},
		{"<sip:a@b>", ";a=\"\\\"\"", ";tag=1"},
		{"<sip:a@b>;a=\"", "\\\"", ""},
		{"<sip:a@b>", ";a=\"", ""},
		{"<sip:a@b>", ";a=[", "]"},
		{"<sip:a@b>;tag=", "t", ""},
		{"sip:a@b", ";a=b", ""},
		{"sip:", "a", "@b;tag=1"},
		{"\xc3\xa4", "\xc3\xa4", "<sip:a@b>"},
	};

	(void)state;
	ALL("address", v, decode_addr);
}

static void vias(void **state)
{
	static const struct family v[] = {
		{"SIP/2.0/TLS a.b;branch=z9hG4bK", "a", ""},
		{"SIP/2.0/TLS a.b", ";branch=z9hG4bKa", ""},
		{"SIP/2.0/TLS a.b", ";a=b", ";branch=z9hG4bK1"},
		{"SIP/2.0/TLS ", "a.", "b"},
		{"SIP/2.0/TLS ", "-", ""},
		{"SIP/2.0/TLS [", ":", "]"},
		{"SIP/2.0/TLS a.b", " ", ":1"},
		{"SIP/2.0/TLS a.b:", "0", "1"},
		{"SIP / 2.0 /", " ", "TLS a.b"},
		{"SIP/2.0/", "T", " a.b"},
		{"SIP/2.0/TLS ", " ", "a.b;branch=1"},
		{"SIP/2.0/TLS a.b;received=", ":", ""},
	};

	(void)state;
	ALL("via", v, decode_via);
}

static void uris(void **state)
{
	static const struct family v[] = {
		{"sip:", "a", "@b"},
		{"sip:", "%41", "@b"},
		{"sip:", "%", "@b"},
		{"sip:", "a:", "@b"},
		{"sip:", "@", "b"},
		{"sip:", "a.", "b"},
		{"sip:a@b", ";a=b", ""},
		{"sip:a@b", ";a", ""},
		{"sip:a@b", ";", ""},
		{"sip:a@b", ";a=%41", ""},
		{"sip:a@b?a=b", "&a=b", ""},
		{"sip:a@b?a=b", "&a=", ""},
		{"sip:a@b?", "&", ""},
		{"sip:a@b?", "?", ""},
		{"sip:a@b:", "9", ""},
		{"sip:a@[", "1:", "1]"},
		{"tel:+", "1-", ""},
		{"tel:", "#", ""},
		{"tel:+1", ";ext=1", ""},
		{"x:", "a/", ""},
		{"", "x+", ":a"},
	};

	(void)state;
	ALL("uri", v, decode_uri);
}

/* Via, Contact, Route, Diversion, History-Info: values between commas. */
static void lists(void **state)
{
	static const struct family v[] = {
		{"<sip:a@b;lr>", ",<sip:a@b;lr>", ""},
		{"", ",", ""},
		{"", ", ", ""},
		{"a", " ,", "  "},
		{"", "\"", ""},
		{"", "\",", ""},
		{"", "\",\",", ""},
		{"", "<,", ""},
		{"", "<\">,", ""},
		{"", "\"<\",", ""},
		{"", "\\\",", ""},
		{"", "SIP/2.0/TLS a;branch=z9hG4bKa,", "SIP/2.0/TLS a"},
		{"", "\"a\"<sip:a@b>;q=0.5;a=\",\",", "<sip:a@b>"},
	};

	(void)state;
	ALL("list", v, decode_list);
}

static void parameters(void **state)
{
	static const struct family v[] = {
		{"", ";tags=1", ""},      {"", ";tag=1", ""},  {"", ";ta", ";tag=\"x\""},
		{";", "a", "=1"},         {";a=", "1", ""},    {";a=\"", "\\\\", "\""},
		{"", ";a=\"b;c=d\"", ""}, {"", "; a = b", ""}, {"", " ", ";tag=1"},
		{"", ";=", ""},
	};

	(void)state;
	ALL("param", v, decode_params);
}

/* CSeq, tokens, escapes, names of methods and headers. */
static void words(void **state)
{
	static const struct family v[] = {
		{"", "1", " INVITE"}, {"1 ", " ", "INVITE"}, {"1 ", "I", ""},
		{"", "%41", ""},      {"", "a", "%00"},      {"INVITE", "E", ""},
		{"", " ", ""},        {"", "%", ""},         {"Content-", "L", ""},
	};

	(void)state;
	ALL("word", v, decode_words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(vias),       cmocka_unit_test(uris),
		cmocka_unit_test(lists),     cmocka_unit_test(parameters), cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
