/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of taking a message's headers to the other side: the policy, header rules, who
 * diverted the call (RFC 5806, RFC 7044), identities and privacy (RFC 3323, RFC 3325,
 * RFC 8224), Replaces and URIs with headers; up to the largest head that is read.
 */
#include "transfer_priv.h"
#include "unit/headers_fixture.h"
#include "work.h"

enum { FROM = 1024, TO = 30 * 1024, DOUBLED = 16 * 1024 };

struct family {
	const char *open, *piece, *close;
	size_t line;
};

#define DIV "<sip:+44@a;user=phone>;reason=user-busy;counter=1;privacy=off"
#define HI "<sip:+44@a;cause=302?Reason=SIP%3Bcause%3D302&Privacy=none>;index=1;mp=1"

static const struct family families[] = {
	{"X-A: ", "a", "", 250},
	{"X-A: ", "a", "", 4000},
	{"X-B:", "", "", 0},
	{"Diversion: " DIV, "," DIV, "", 4000},
	{"Diversion: <sip:+44@a>", ";a=b", "", 4000},
	{"Diversion: ", "<sip:+44@a>,", "<sip:+44@a>", 1000},
	{"Diversion: ", ",", "", 4000},
	{"History-Info: " HI, "," HI, "", 4000},
	{"History-Info: <sip:+44@a?a=b", "&a=b", ">;index=1", 4000},
	{"History-Info: <sip:+44@a?Reason=SIP", "%3Ba", ">;index=1", 4000},
	{"History-Info: <sip:+44@a>;index=1", ".1", "", 4000},
	{"Privacy: ", "id;", "", 4000},
	{"Privacy: ", ";", "", 4000},
	{"Privacy: history\r\nDiversion: <sip:+44@a>,", "<sip:+44@a>,", "<sip:+44@a>", 520},
	{"P-Asserted-Identity: <sip:+44@a>", ",<sip:+44@a>", "", 4000},
	{"P-Asserted-Identity: \"", "\\\"", "\" <sip:+44@a>", 4000},
	{"P-Asserted-Identity: <sip:", "%34", "@a>", 4000},
	{"Identity: ", "a.", ";info=<a>", 4000},
	{"y: a.b.c", ";a=b", ";info=<a>", 4000},
	{"Reason: SIP;cause=200", ",Q.850;cause=16", "", 4000},
	{"Reason: SIP", ";a=b", ";cause=1", 4000},
	{"Reason: SIP;text=\"", "\\\"", "\";cause=1", 4000},
	{"s: ", "a*", "", 4000},
	{"Remote-Party-ID: ", "<", "", 4000},
};

static const struct sp_conf_rule rules[] = {
	{.action = SP_RULE_COPY, .header = "X-C", .from = "X-A"},
	{.action = SP_RULE_SET,
	 .header = "X-D",
	 .value = "{header:X-A}{header:Diversion}{header:P-Asserted-Identity}",
	 .when = {.header = "X-A", .matches = "*a*aa*aaa*b"}},
	{.action = SP_RULE_ADD,
	 .header = "X-E",
	 .value = "{caller}",
	 .when = {.header = "Subject", .matches = "a*a*a*c*"}},
	{.action = SP_RULE_REMOVE, .header = "X-B", .when = {.header = "Privacy", .matches = "*x"}},
	{.action = SP_RULE_COPY, .header = "X-F", .from = "History-Info"},
	{.action = SP_RULE_REMOVE, .header = "X-A"},
};

static const char *const passed[] = {"X-B", "X-A", "Subject", "X-C"};

/* As many as there may be. */
static void lines(struct work_text *t, const struct family *f, size_t n)
{
	size_t most = SP_SIP_HEADERS_MAX - 10;

	do {
		const size_t start = t->n;

		text_add(t, "%s", f->open);
		if (*f->piece)
			text_fill(t, f->piece,
				  max(t->n, min(start + f->line, n) - min(strlen(f->close), n)));
		text_add(t, "%s\r\n", f->close);
	} while (t->n < n && --most);
}

/* The INVITE, its answer and what ends the call, to one that is trusted and one that is not. */
static void cross(struct fixture *f)
{
	static const uint16_t statuses[] = {0, 183, 486};

	for (size_t i = 0; i < 3; i++) {
		f->ctx.status = statuses[i];
		for (unsigned how = 0; how < 4; how++) {
			f->to.trusted = how & 1;
			f->to.diverted = how & 2 ? SP_DIVERTED_DIVERSION : SP_DIVERTED_HISTORY_INFO;
			mbuf_rewind(f->mb);
			(void)headers_put(f->mb, &f->ctx);
			f->uri = mem_deref(f->uri);
			(void)headers_from(&f->uri, &f->ctx, NULL);
		}
	}
}

static void through(size_t n, void *arg)
{
	struct fixture f;
	struct work_text t;

	start(&f);
	f.from.trusted = true;
	f.from.rules_inv = f.to.rules_outv = rules;
	f.from.rules_inc = f.to.rules_outc = ARRAY_SIZE(rules);
	f.to.passv = passed;
	f.to.passc = ARRAY_SIZE(passed);
	text_begin(&t);
	lines(&t, arg, n);
	arrive(&f, ALICE, t.p);
	f.ctx.invite = f.msg;
	work_on();
	cross(&f);
	work_off();
	text_end(&t);
	finish(&f);
}

static void headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		char name[64];

		(void)re_snprintf(name, sizeof(name), "headers[%s%s]", families[i].open,
				  families[i].piece);
		for (char *p = name; *p; p++)
			*p = (char)(*p < ' ' ? '|' : *p);
		work_linear(name, FROM, DOUBLED, through, (void *)(uintptr_t)&families[i]);
		work_linear("to the limit", TO / 2, TO, through, (void *)(uintptr_t)&families[i]);
	}
}

static void patterns(size_t n, void *arg)
{
	const struct family *f = arg;
	struct work_text t;
	struct pl text;

	text_begin(&t);
	text_fill(&t, f->piece, n);
	text = text_pl(&t);
	work_on();
	(void)rules_match(f->open, &text);
	work_off();
	text_end(&t);
}

/* No pattern makes a text be looked at again and again. */
static void rule_patterns(void **state)
{
	static const struct family v[] = {
		{"*a*a*a*a*a*a*a*a*a*a*b", "a", "", 0},
		{"*aaaaaaaaaaaaaaaaaaaab*", "a", "", 0},
		{"*ab*ab*ab*abc*", "ab", "", 0},
		{"**************b", "a", "", 0},
		{"*aaaaaaaaaaaaaaab*aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaa", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_in_range(
			work_linear("pattern", FROM, 65536, patterns, (void *)(uintptr_t)&v[i]), 1,
			4 * 65536);
}

static void replace(size_t n, void *arg)
{
	const struct family *f = arg;
	struct sp_sip_uri uri = {.scheme = SP_URI_SIP};
	struct replaces r;
	struct work_text t;
	struct pl text;

	text_begin(&t);
	text_add(&t, "%s", f->open);
	text_fill(&t, f->piece, n);
	text_add(&t, "%s", f->close);
	text = uri.headers = text_pl(&t);
	work_on();
	(void)replaces_decode(&r, &text);
	(void)replaces_of_uri(&r, &uri);
	work_off();
	text_end(&t);
}

static void replaces(void **state)
{
	static const struct family v[] = {
		{"a", ";to-tag=a", ";from-tag=b", 0},
		{"a", ";a=b", ";to-tag=a;from-tag=b", 0},
		{"", "a", ";to-tag=a;from-tag=b", 0},
		{"a;to-tag=", "a", ";from-tag=b", 0},
		{"a=b", "&a=b", "", 0},
		{"Replaces=a", "%3Ba", "", 0},
		{"", "Replaces=a&", "", 0},
		{"", "&", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("replaces", FROM, 65536, replace, (void *)(uintptr_t)&v[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(rule_patterns),
		cmocka_unit_test(replaces),
	};

	sp_log_setup(SP_LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
