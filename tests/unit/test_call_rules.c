/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header rules of a trunk: what each does, when, in which order, with what in
 * its value; and that their cost is bounded.
 */
#include "headers_fixture.h"

#define ADD(name, text) .action = SP_RULE_ADD, .header = name, .value = text
#define SET(name, text) .action = SP_RULE_SET, .header = name, .value = text
#define REMOVE(name) .action = SP_RULE_REMOVE, .header = name
#define COPY(name, of) .action = SP_RULE_COPY, .header = name, .from = of

static const char *const names[] = {"X-A", "X-B"};

static void begin(struct fixture *f)
{
	start(f);
	f->to.passv = names;
	f->to.passc = ARRAY_SIZE(names);
}

static void in(struct fixture *f, const struct sp_conf_rule *v, size_t n)
{
	f->from.rules_inv = v;
	f->from.rules_inc = n;
}

static void out(struct fixture *f, const struct sp_conf_rule *v, size_t n)
{
	f->to.rules_outv = v;
	f->to.rules_outc = n;
}

static void actions(void **state)
{
	static const struct sp_conf_rule add[] = {{ADD("X-C", "1")}, {ADD("x-a", "2")}};
	static const struct sp_conf_rule set[] = {{SET("x-a", "9")}, {SET("X-C", "8")}};
	static const struct sp_conf_rule rem[] = {{REMOVE("x-A")}, {REMOVE("X-Z")}};
	static const struct sp_conf_rule copy[] = {{COPY("X-C", "x-a")}, {COPY("X-D", "X-Z")}};
	static const char message[] = "X-A: 1\r\nX-B: b\r\nX-A: 2\r\n";
	struct fixture f;

	(void)state;
	begin(&f);
	out(&f, add, 2);
	assert_string_equal(pass(&f, message),
			    "X-A: 1\r\nX-B: b\r\nX-A: 2\r\nX-C: 1\r\nx-a: 2\r\n");
	out(&f, set, 2);
	assert_string_equal(pass(&f, message), "X-B: b\r\nx-a: 9\r\nX-C: 8\r\n");
	out(&f, rem, 2);
	assert_string_equal(pass(&f, message), "X-B: b\r\n");
	out(&f, copy, 2);
	assert_string_equal(pass(&f, message),
			    "X-A: 1\r\nX-B: b\r\nX-A: 2\r\nX-C: 1\r\nX-C: 2\r\n");
	/* on the way in, the policy comes behind them */
	out(&f, NULL, 0);
	in(&f, add, 2);
	assert_string_equal(pass(&f, message), "X-A: 1\r\nX-B: b\r\nX-A: 2\r\nX-A: 2\r\n");
	in(&f, set, 2);
	assert_string_equal(pass(&f, message), "X-B: b\r\nX-A: 9\r\n");
	in(&f, rem, 2);
	assert_string_equal(pass(&f, message), "X-B: b\r\n");
	finish(&f);
}

/* Each rule sees what those before it made. */
static void in_order(void **state)
{
	static const struct sp_conf_rule rules[] = {
		{SET("X-A", "{header:X-A}1")},
		{SET("X-A", "{header:X-A}2")},
		{COPY("X-A", "X-A")},
		{SET("X-C", "yes"), .when = {.header = "X-A", .matches = "012"}},
		{REMOVE("X-A"), .when = {.header = "X-C"}},
		{COPY("X-B", "X-A")},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	in(&f, rules, 3);
	assert_string_equal(pass(&f, "X-A: 0\r\n"), "X-A: 012\r\nX-A: 012\r\n");
	in(&f, rules, 6);
	assert_string_equal(pass(&f, "X-A: 0\r\n"), "");
	in(&f, NULL, 0);
	out(&f, rules, 6);
	/* the last one finds what came in: X-A is not there any more on the way out */
	assert_string_equal(pass(&f, "X-A: 0\r\n"), "X-C: yes\r\nX-B: 0\r\n");
	finish(&f);
}

/* An explicit rule carries over what the policy left behind; also what it only reads. */
static void carries_over(void **state)
{
	static const struct sp_conf_rule rules[] = {
		{COPY("X-Agent", "User-Agent")},
		{COPY("P-Asserted-Identity", "P-Asserted-Identity")},
		{SET("X-Contact", "{header:Contact}")},
		{SET("X-Dropped", "{header:X-Gone}")},
	};
	static const struct sp_conf_rule gone = {REMOVE("X-Gone")};
	struct fixture f;

	(void)state;
	begin(&f);
	in(&f, &gone, 1);
	out(&f, rules, ARRAY_SIZE(rules));
	assert_string_equal(pass(&f, "User-Agent: Edge\r\nX-Gone: 1\r\n"
				     "P-Asserted-Identity: <tel:+441>\r\n"),
			    "X-Agent: Edge\r\nP-Asserted-Identity: <tel:+441>\r\n"
			    "X-Contact: <sip:edge.wire.example>\r\n");
	finish(&f);
}

/* What belongs to a leg, or is signed, is read only; credentials are not even read. */
static void owned(void **state)
{
	static const struct sp_conf_rule rules[] = {
		{SET("Contact", "<sip:evil>")},
		{ADD("Via", "x")},
		{COPY("Route", "X-A")},
		{ADD("Content-Length", "5")},
		{REMOVE("Contact")},
		{REMOVE("Identity")},
		{SET("Date", "now")},
		{COPY("X-D", "Proxy-Authorization")},
		{SET("X-C", "{header:Contact}")},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	f.to.pass_identity = true;
	in(&f, rules, ARRAY_SIZE(rules));
	out(&f, rules, ARRAY_SIZE(rules));
	assert_string_equal(pass(&f, "X-A: 1\r\nIdentity: a.b.c;info=<u>\r\nDate: then\r\n"
				     "Proxy-Authorization: Digest secret\r\n"),
			    "X-A: 1\r\nIdentity: a.b.c;info=<u>\r\nDate: then\r\n"
			    "X-C: <sip:edge.wire.example>\r\n");
	finish(&f);
}

static void values(void **state)
{
	static const struct sp_number_header headers[] = {{"X-Site", "site 7"},
							  {"X-Made", "{number}/{label}"}};
	static const struct sp_conf_rule rules[] = {
		{SET("X-1", "a={account};{caller}>{called}")},
		{SET("X-2", "{trunk}/{number:x-site}/{header:x-a}")},
		{SET("X-3", "{{account} {{{account}}")},
		{SET("X-4", "{nothing}{number:X-None}{header:X-None}")},
		{SET("X-5", "open {account")},
		{ADD("X-6", " \t ")},
		{SET("X-7", "  {header:X-None}x ")},
		{SET("X-8", "{label}: {number:X-Made}{number:x-made}")},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	f.entry.headerv = headers;
	f.entry.headerc = 2;
	f.to.kind = SP_TRUNK_CARRIER;
	f.to.passc = 0;
	out(&f, rules, ARRAY_SIZE(rules));
	assert_string_equal(pass(&f, "X-A: first\r\nX-A: second\r\n"),
			    "X-1: a=acme;+441632960001>+441632960002\r\n"
			    "X-2: desk/site 7/first\r\n"
			    "X-3: {account} {acme}\r\n"
			    "X-5: open {account\r\n"
			    "X-7: x\r\n"
			    "X-8: gold: +441632960002/gold+441632960002/gold\r\n");
	f.ctx.entry = NULL;
	f.ctx.caller = f.ctx.called = NULL;
	out(&f, rules, 2);
	assert_string_equal(pass(&f, ""), "X-1: a=;>\r\nX-2: desk//\r\n");
	finish(&f);
}

/* A value that is empty, or no text, makes no header; set still takes the old one away. */
static void empty_values(void **state)
{
	static const struct sp_conf_rule rules[] = {{SET("X-A", "{number:X-A}")},
						    {ADD("X-B", "{number:X-B}")},
						    {ADD("X-C", "a\r\nX-Evil: 1")}};
	struct fixture f;

	(void)state;
	begin(&f);
	out(&f, rules, 3);
	assert_string_equal(pass(&f, "X-A: forged\r\nX-B: 1\r\n"), "X-B: 1\r\n");
	finish(&f);
}

static void when_method(void **state)
{
	static const struct sp_conf_rule rule = {
		SET("X-C", "1"), .when = {.methodv = {"INVITE", "BYE"}, .methodc = 2}};
	struct fixture f;

	(void)state;
	begin(&f);
	out(&f, &rule, 1);
	assert_string_equal(pass(&f, ""), "X-C: 1\r\n");
	f.ctx.method = SP_SIP_UPDATE;
	assert_string_equal(pass(&f, ""), "");
	f.ctx.method = SP_SIP_BYE;
	assert_string_equal(pass(&f, ""), "X-C: 1\r\n");
	f.ctx.status = 200; /* of a response, the CSeq's */
	assert_string_equal(pass(&f, ""), "X-C: 1\r\n");
	finish(&f);
}

/* On the way in the status that came, on the way out the one that goes. */
static void when_status(void **state)
{
	static const struct sp_conf_rule failed = {
		SET("X-A", "1"), .when = {.statusv = {{401, 401}, {500, 599}}, .statusc = 2}};
	struct fixture f;

	(void)state;
	begin(&f);
	out(&f, &failed, 1);
	assert_string_equal(pass(&f, ""), "");
	f.ctx.status = 180;
	assert_string_equal(pass(&f, ""), "");
	f.ctx.status = 599;
	assert_string_equal(pass(&f, ""), "X-A: 1\r\n");
	f.ctx.status = 401;
	assert_string_equal(pass(&f, ""), "X-A: 1\r\n");
	f.ctx.status = 403;
	arrive(&f, ALICE, "");
	f.ctx.status = 502;
	mbuf_rewind(f.mb);
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(f.mb->end, 8);
	out(&f, NULL, 0);
	in(&f, &failed, 1);
	mbuf_rewind(f.mb);
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(f.mb->end, 0); /* 403 came */
	finish(&f);
}

static void when_header(void **state)
{
	static const struct sp_conf_rule there = {SET("X-C", "1"), .when = {.header = "x-a"}};
	static const struct sp_conf_rule fits = {SET("X-C", "1"),
						 .when = {.header = "X-A", .matches = "b*d"}};
	static const struct sp_conf_rule account = {SET("X-C", "1"), .when = {.account = "ac*"}};
	struct fixture f;

	(void)state;
	begin(&f);
	f.to.passc = 0;
	out(&f, &there, 1);
	assert_string_equal(pass(&f, "X-A:\r\n"), "X-C: 1\r\n");
	assert_string_equal(pass(&f, "X-B: 1\r\n"), "");
	out(&f, &fits, 1);
	assert_string_equal(pass(&f, "X-A: a\r\nX-A: bcd\r\n"), "X-C: 1\r\n");
	assert_string_equal(pass(&f, "X-A: a\r\nX-A: Bcd\r\nX-B: bcd\r\n"), "");
	out(&f, &account, 1);
	assert_string_equal(pass(&f, ""), "X-C: 1\r\n");
	f.account.name = "other";
	assert_string_equal(pass(&f, ""), "");
	f.account.name = "";
	assert_string_equal(pass(&f, ""), "");
	finish(&f);
}

static void match(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
		{"", "", true},          {"", "a", false},         {"*", "", true},
		{"*", "abc", true},      {"**", "", true},         {"abc", "abc", true},
		{"abc", "ab", false},    {"abc", "abcd", false},   {"a*", "a", true},
		{"a*", "ba", false},     {"*a", "a", true},        {"*a", "ab", false},
		{"*a", "aba", true},     {"a*a", "a", false},      {"a*a", "aa", true},
		{"ab*ba", "aba", false}, {"ab*ba", "abba", true},  {"*b*", "abc", true},
		{"*bc*", "ab", false},   {"a*b*c", "abbc", true},  {"a*b*c", "acb", false},
		{"*ab*ab", "ab", false}, {"*ab*ab", "abab", true}, {"*aab", "aaab", true},
		{"a**b", "ab", true},    {"A*", "abc", false},     {"a?c", "abc", false},
		{"*a*b*", "ba", false},  {"x*yz", "xyz", true},    {"x*yz", "xz", false},
	};
	struct pl text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		pl_set_str(&text, cases[i].text);
		if (rules_match(cases[i].pattern, &text) != cases[i].fits)
			fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
	}
	text = (struct pl){NULL, 0};
	assert_true(rules_match("*", &text));
	assert_false(rules_match("*a", &text));
}

/* Stars do not multiply the work: this would take for ever if each was tried everywhere. */
static void match_is_linear(void **state)
{
	static char pattern[201], text[SP_SIP_LINE_MAX];
	const struct pl pl = {text, sizeof(text)};

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[199] = 'b';
	memset(text, 'a', sizeof(text));
	for (unsigned i = 0; i < 1000; i++)
		assert_false(rules_match(pattern, &pl));
}

/* Rules that would make ever more are stopped, and nothing is written. */
static void bounded(void **state)
{
	struct sp_conf_rule grow[SP_CONF_RULES_MAX];
	char value[101];
	struct fixture f;

	(void)state;
	begin(&f);
	memset(value, 'v', sizeof(value));
	value[100] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(grow); i++)
		grow[i] = (struct sp_conf_rule){COPY("X-A", "X-A")};
	in(&f, grow, ARRAY_SIZE(grow));
	assert_string_equal(pass(&f, "X-A: 1\r\n"), "");
	assert_int_equal(f.err, EMSGSIZE);
	in(&f, NULL, 0);
	out(&f, grow, ARRAY_SIZE(grow));
	assert_string_equal(pass(&f, "X-A: 1\r\n"), "");
	assert_int_equal(f.err, EMSGSIZE);
	for (size_t i = 0; i < ARRAY_SIZE(grow); i++)
		grow[i] = (struct sp_conf_rule){SET("X-A", "{header:X-A}{header:X-A}")};
	assert_string_equal(pass(&f, "X-A: 0123456789\r\n"), "");
	assert_int_equal(f.err, EMSGSIZE);
	/* 64 rules of reasonable size are none too many */
	for (size_t i = 0; i < ARRAY_SIZE(grow); i++)
		grow[i] = (struct sp_conf_rule){ADD("X-C", value)};
	assert_int_equal(strlen(pass(&f, "")), 64 * 107);
	assert_int_equal(f.err, 0);
	finish(&f);
}

/* A line longer than our own parser takes is none that we send. */
static void long_line(void **state)
{
	static const struct sp_conf_rule twice = {SET("X-A", "{header:X-A}{header:X-A}")};
	static char text[SP_SIP_LINE_MAX];
	struct fixture f;

	(void)state;
	begin(&f);
	memset(text, 'v', 3000);
	memcpy(text, "X-A: ", 5);
	memcpy(text + 2998, "\r\n", 3);
	assert_int_equal(strlen(pass(&f, text)), 3000);
	in(&f, &twice, 1);
	assert_string_equal(pass(&f, text), "");
	assert_int_equal(f.err, EMSGSIZE);
	finish(&f);
}

/*
 * RFC 3323 4.2, RFC 3325 7: what the policy keeps from an untrusted trunk, no rule
 * carries there: neither the caller's number nor a header that says it.
 */
static void privacy(void **state)
{
	static const struct sp_conf_rule rules[] = {
		{SET("X-1", "{caller}")},
		{SET("X-2", "{header:P-Asserted-Identity}")},
		{COPY("X-3", "From")},
		{COPY("X-4", "P-Asserted-Identity")},
		{COPY("X-5", "remote-party-id")},
		{COPY("X-6", "Contact")},
		{COPY("X-7", "Diversion")},
		{COPY("X-8", "History-Info")},
		{COPY("X-9", "P-Preferred-Identity")},
		{SET("X-A", "{header:identity}")},
		{SET("X-B", "to {called}{caller}")},
	};
	static const char said[] = "P-Asserted-Identity: <sip:1@h>\r\n"
				   "Remote-Party-ID: <sip:1@h>\r\nDiversion: <sip:1@h>\r\n"
				   "History-Info: <sip:1@h>;index=1\r\nIdentity: 1\r\n"
				   "P-Preferred-Identity: <sip:1@h>\r\n";
	static const char *const wishes[] = {"id", "user", "header", "id;critical"};
	static const char kept[] = "X-B: to +441632960002\r\n";
	struct fixture f;
	char text[512];

	(void)state;
	begin(&f);
	out(&f, rules, ARRAY_SIZE(rules));
	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		(void)re_snprintf(text, sizeof(text), "%sPrivacy: %s\r\n", said, wishes[i]);
		assert_string_equal(pass(&f, text), kept);
	}
	/* not what was not asked for, nor to whom may know */
	assert_non_null(strstr(pass(&f, said), "X-1: +441632960001\r\n"));
	(void)re_snprintf(text, sizeof(text), "%sPrivacy: none\r\n", said);
	assert_non_null(strstr(pass(&f, text), "X-2: <sip:1@h>\r\n"));
	(void)re_snprintf(text, sizeof(text), "%sPrivacy: id\r\n", said);
	f.to.trusted = true;
	assert_non_null(strstr(pass(&f, text), "X-1: +441632960001\r\n"));
	for (char c = '2'; c <= '9'; c++) {
		const char name[] = {'X', '-', c, ':', '\0'};

		assert_non_null(strstr((char *)f.mb->buf, name));
	}
	assert_non_null(strstr((char *)f.mb->buf, "X-A: 1\r\n"));
	f.to.trusted = false;

	/* nor by another name, on the way in */
	out(&f, NULL, 0);
	in(&f, (const struct sp_conf_rule[]){{COPY("X-A", "From")}, {SET("X-B", "{caller}")}}, 2);
	assert_string_equal(pass(&f, "Privacy: id\r\n"), "");
	assert_string_equal(pass(&f, ""), "X-A: \"Alice\" <sip:+441632960001@wire.example;"
					  "user=phone>;tag=a1\r\nX-B: +441632960001\r\n");
	finish(&f);
}

/* An anonymous From asks for it too; and what was asked for holds for the whole call. */
static void privacy_of_the_call(void **state)
{
	static const struct sp_conf_rule rule = {SET("X-1", "{caller}")};
	struct fixture f;

	(void)state;
	begin(&f);
	out(&f, &rule, 1);
	arrive(&f, "<sip:anonymous@anonymous.invalid>;tag=a1", "");
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(f.mb->end, 0);
	f.ctx.initial = false;
	f.ctx.anonymous = true;
	f.ctx.method = SP_SIP_BYE;
	assert_string_equal(pass(&f, ""), "");
	f.ctx.from = NULL; /* our own BYE */
	assert_string_equal(pass(&f, ""), "");
	f.ctx.anonymous = false;
	assert_string_equal(pass(&f, ""), "X-1: +441632960001\r\n");
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions),
		cmocka_unit_test(in_order),
		cmocka_unit_test(carries_over),
		cmocka_unit_test(owned),
		cmocka_unit_test(values),
		cmocka_unit_test(empty_values),
		cmocka_unit_test(when_method),
		cmocka_unit_test(when_status),
		cmocka_unit_test(when_header),
		cmocka_unit_test(match),
		cmocka_unit_test(match_is_linear),
		cmocka_unit_test(bounded),
		cmocka_unit_test(long_line),
		cmocka_unit_test(privacy),
		cmocka_unit_test(privacy_of_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
