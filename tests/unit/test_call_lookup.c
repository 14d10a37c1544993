/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What would become of a call, and that it is what becomes of it: each answer
 * is compared with the INVITE that the gateway sends when the same call comes.
 */
#include "call_fixture.h"
#include "sallyport/call_lookup.h"

enum { CARRIER, SERVICE };

#define MIDNIGHT "2026-12-01T00:00:00Z"
enum { MIDNIGHT_S = 1796083200 };

static const char *const emergency[] = {"112", "*5#"};
static const char *const pass_list[] = {"Date"};

static struct sp_number_table *numbers(void)
{
	static const struct sp_number_header headers[] = {{"X-Id", "{number}/{account}/{trunk}"},
							  {"X-Site", "7"}};
	static const struct sp_number_account_row acme = {
		.name = "acme", .main_number = "+441632960900", .file = "accounts.csv", .line = 2};
	static const struct sp_number_row rows[] = {
		{.number = "+4416329600*",
		 .account = "acme",
		 .caller_id = "main",
		 .label = "Leeds",
		 .location = "+441632960555",
		 .headerv = headers,
		 .headerc = 2,
		 .headers_to_carrier = true,
		 .file = "acme.csv",
		 .line = 7},
		{.number = "+4416329601*",
		 .headerv = headers,
		 .headerc = 1,
		 .file = "rest.csv",
		 .line = 1},
		{.number = "+4416329602*", .caller_id = "screened", .file = "rest.csv", .line = 2},
		{.number = "+441632960105",
		 .enabled_from = MIDNIGHT,
		 .account = "late",
		 .file = "rest.csv",
		 .line = 3},
	};
	struct sp_number_row all[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		all[i] = rows[i];
		all[i].trunkv[0] = "service";
		all[i].carrierv[0] = "carrier";
		all[i].trunkc = all[i].carrierc = 1;
	}
	return fx_table(all, ARRAY_SIZE(all), &acme, 1);
}

static int lookup_setup(void **state)
{
	struct fx *f;

	if (fx_setup(state))
		return -1;
	f = *state;
	mem_deref(f->env->numbers);
	f->env->numbers = numbers();
	f->confv[SERVICE].emergencyv = emergency;
	f->confv[SERVICE].emergencyc = ARRAY_SIZE(emergency);
	return 0;
}

static int look(struct fx *f, struct sp_call_answer *a, unsigned trunk, const char *called,
		const char *caller)
{
	const struct sp_call_question q = {trunk, called, caller, sp_loop_wall_s(f->loop)};

	return sp_call_lookup(a, f->conf, f->env->numbers, &q);
}

static void look_refused(struct fx *f, unsigned trunk, const char *called, const char *caller,
			 uint16_t status, const char *cause)
{
	struct sp_call_answer a;

	assert_int_equal(look(f, &a, trunk, called, caller), 0);
	assert_int_equal(a.status, status);
	assert_non_null(a.cause);
	assert_non_null(strstr(a.cause, cause));
	assert_int_equal(a.trunkc, 0);
	assert_null(a.message);
}

/** The same call, as the trunk would make it. */
static void call(struct peer *p, const char *called, const char *caller)
{
	char from[160], text[2048];

	re_snprintf(from, sizeof(from),
		    caller ? "<sip:%s@%s>" : "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
		    caller, p->host);
	re_snprintf(p->call_id, sizeof(p->call_id), "call-%u@%s", ++p->f->branch, p->host);
	re_snprintf(text, sizeof(text),
		    "INVITE sip:%s@gw.example.net SIP/2.0\r\n"
		    "Via: SIP/2.0/TLS %s:5061;branch=z9hG4bK-l%u\r\nMax-Forwards: 70\r\n"
		    "From: %s;tag=l1\r\nTo: <sip:%s@gw.example.net>\r\nCall-ID: %s\r\n"
		    "CSeq: 1 INVITE\r\nContact: <sip:%s:5061;transport=tls>\r\n",
		    called, p->host, p->f->branch, from, called, p->call_id, p->host);
	put_body(p, text, sizeof(text), sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	peer_write(p, text);
}

/** Without what is made anew for each call, and without the description. */
static void same_lines(char *out, size_t size, const char *text)
{
	static const char *const own[] = {"Via:", "Call-ID:", "CSeq:", "Content-"};

	*out = '\0';
	for (const char *p = text, *end; 0 != strncmp(p, "\r\n", 2); p = end + 2) {
		const char *tag;
		bool skip = false;

		end = strstr(p, "\r\n");
		assert_non_null(end);
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			skip |= !strncmp(p, own[i], strlen(own[i]));
		if (skip)
			continue;
		tag = memmem(p, (size_t)(end - p), ";tag=", 5);
		re_snprintf(out + strlen(out), size - strlen(out), "%b\r\n", p,
			    (size_t)((tag ? tag : end) - p));
	}
}

/** Ask, then call: both are to come to the same. */
static void look_and_call(struct fx *f, struct sp_call_answer *a, unsigned trunk,
			  const char *called, const char *dialled, const char *caller)
{
	struct peer *from = trunk ? &f->service : &f->carrier;
	struct peer *to = trunk ? &f->carrier : &f->service;
	char want[4096], got[4096];
	const struct sp_sip_msg *m;

	assert_int_equal(look(f, a, trunk, called, caller), 0);
	if (a->status)
		fail_msg("%u %s", a->status, a->cause);
	assert_null(a->cause);
	assert_int_equal(a->trunkc, 1);
	assert_int_equal(a->trunkv[0], !trunk);
	assert_int_equal(a->message->pos, 0);
	re_snprintf(got, sizeof(got), "%b", a->message->buf, a->message->end);
	a->message = mem_deref(a->message);

	call(from, dialled, caller);
	expect(from, "100");
	m = expect(to, "INVITE");
	same_lines(want, sizeof(want), m->text);
	assert_string_equal(got, want);
	respond_as(to, m, 486, "x", "", NULL);
	expect(to, "ACK");
	expect(from, "486");
	sp_loop_advance(f->loop, 64 * 1000);
}

static void of_a_carrier(void **state)
{
	struct fx *f = *state;
	struct sp_call_answer a;

	look_and_call(f, &a, CARRIER, "+441632960001", "+441632960001", CARRIER_NUMBER);
	assert_string_equal(a.called, "+441632960001");
	assert_string_equal(a.caller, CARRIER_NUMBER);
	assert_false(a.by_caller);
	assert_false(a.emergency);
	assert_non_null(a.rule.entry);
	assert_string_equal(a.rule.entry->label, "Leeds");
	assert_int_equal(a.rule.kind, SP_NUMBER_PREFIX);
	assert_string_equal(a.rule.first, "+4416329600");
	assert_string_equal(a.rule.file, "acme.csv");
	assert_int_equal(a.rule.line, 7);

	look_and_call(f, &a, CARRIER, "+44-1632-960101", "+44-1632-960101", NULL);
	assert_string_equal(a.called, "+441632960101");
	assert_string_equal(a.caller, "");
	assert_string_equal(a.rule.file, "rest.csv");

	look_refused(f, CARRIER, "+15550001", NULL, 404, "not in the number table");
	look_refused(f, CARRIER, "118", NULL, 404, "not E.164");
}

/* caller_id, custom headers, the carrier's numbering, timers, rules of both trunks. */
static void of_a_service(void **state)
{
	static const struct sp_conf_rule in = {
		.action = SP_RULE_SET, .header = "X-In", .value = "{header:From}"};
	static const struct sp_conf_rule out = {
		.action = SP_RULE_SET, .header = "X-Out", .value = "{label} {number:X-Id}"};
	struct fx *f = *state;
	struct sp_conf_trunk *carrier = &f->confv[CARRIER], *service = &f->confv[SERVICE];
	struct sp_call_answer a;

	look_and_call(f, &a, SERVICE, "+15550001", "+15550001", "+441632960001");
	assert_true(a.by_caller);
	assert_string_equal(a.called, "+15550001");
	assert_string_equal(a.caller, "+441632960001");
	assert_int_equal(a.rule.line, 7);

	carrier->trusted = carrier->pass_identity = true;
	carrier->reliable = SP_USE_REQUIRED;
	carrier->timer = (struct sp_conf_timer){
		.use = SP_USE_REQUIRED, .min_s = 200, .refresher = SP_REFRESHER_PEER};
	carrier->transfer = SP_TRANSFER_RELAY;
	carrier->numbering = (struct sp_conf_numbering){.country = "44",
							.national_prefix = "0",
							.international_prefix = "00",
							.format = SP_FORMAT_NATIONAL,
							.user_phone = true};
	carrier->domain = "voice.carrier.example";
	carrier->passv = pass_list;
	carrier->passc = 1;
	carrier->rules_outv = &out;
	carrier->rules_outc = 1;
	service->rules_inv = &in;
	service->rules_inc = 1;
	look_and_call(f, &a, SERVICE, "+441632960888", "+441632960888", "+441632960001");
	look_and_call(f, &a, SERVICE, "*21#", "*21%23", "+441632960101");
	assert_string_equal(a.called, "");
	look_and_call(f, &a, SERVICE, "118;phone-context=+44", "118;phone-context=+44",
		      "+441632960201");
	assert_string_equal(a.rule.first, "+4416329602");

	look_refused(f, SERVICE, "+15550001", "+15550002", 403, "does not belong");
	look_refused(f, SERVICE, "+15550001", NULL, 403, "not E.164");
	look_refused(f, SERVICE, "bob", "+441632960001", 404, "neither E.164 nor digits");
}

static void emergency_calls(void **state)
{
	struct fx *f = *state;
	struct sp_call_answer a;

	f->confv[SERVICE].carrierc = 1;
	f->confv[CARRIER].trusted = true;
	look_and_call(f, &a, SERVICE, "112", "112", "+441632960001");
	assert_true(a.emergency);
	assert_true(a.by_caller);
	assert_string_equal(a.rule.entry->location, "+441632960555");
	look_and_call(f, &a, SERVICE, "*5#", "*5%23", NULL);
	assert_true(a.emergency);
	assert_false(a.by_caller);
	assert_null(a.rule.entry);
}

/* The time of the question decides, not that of the answer. */
static void by_time(void **state)
{
	struct sp_call_question q = {CARRIER, "+441632960105", NULL, MIDNIGHT_S - 1};
	struct sp_call_answer a;
	struct fx *f = *state;

	assert_int_equal(sp_call_lookup(&a, f->conf, f->env->numbers, &q), 0);
	assert_int_equal(a.rule.kind, SP_NUMBER_PREFIX);
	mem_deref(a.message);
	q.now_s = MIDNIGHT_S;
	assert_int_equal(sp_call_lookup(&a, f->conf, f->env->numbers, &q), 0);
	assert_int_equal(a.rule.kind, SP_NUMBER_EXACT);
	assert_int_equal(a.rule.line, 3);
	assert_string_equal(a.rule.entry->account->name, "late");
	mem_deref(a.message);

	sp_loop_wall_set(f->loop, MIDNIGHT_S);
	look_and_call(f, &a, CARRIER, "+441632960105", "+441632960105", CARRIER_NUMBER);
	assert_int_equal(a.rule.line, 3);
}

/* The host is that of the first target, as a call has it whose connection leads there. */
static void the_first_target(void **state)
{
	static const struct {
		struct sp_conf_target target;
		const char *uri, *to;
	} rows[] = {
		{{.host = "sbc1.example", .port = 5061},
		 "INVITE sip:118@sbc1.example;transport=tls SIP",
		 "To: <sip:118@sbc1.example>\r\n"},
		{{.host = "_sip._tls.voice.example", .port = 5061},
		 "INVITE sip:118@voice.example;transport=tls SIP",
		 "To: <sip:118@voice.example>\r\n"},
		{{.host = "sbc1.example", .port = 5071, .port_given = true},
		 "INVITE sip:118@sbc1.example:5071;transport=tls SIP",
		 "To: <sip:118@sbc1.example>\r\n"},
		{{.host = "2001:db8::1", .port = 5071, .port_given = true},
		 "INVITE sip:118@[2001:db8::1]:5071;transport=tls SIP",
		 "To: <sip:118@[2001:db8::1]>\r\n"},
	};
	struct fx *f = *state;
	struct sp_call_answer a;
	char text[2048];

	f->confv[CARRIER].targetc = 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->confv[CARRIER].targetv[0] = rows[i].target;
		assert_int_equal(look(f, &a, SERVICE, "118", "+441632960001"), 0);
		re_snprintf(text, sizeof(text), "%b", a.message->buf, a.message->end);
		mem_deref(a.message);
		if (strncmp(text, rows[i].uri, strlen(rows[i].uri)) || !strstr(text, rows[i].to))
			fail_msg("%s", text);
	}
	f->confv[CARRIER].targetc = 0;
}

/* What makes no SIP message is said to be none; what needs escapes gets them. */
static void questions(void **state)
{
	struct sp_call_question q = {2, "+441632960001", NULL, 0};
	char longest[ROUTE_TEXT_SIZE + 1];
	struct fx *f = *state;
	struct sp_call_answer a;

	assert_int_equal(sp_call_lookup(&a, f->conf, f->env->numbers, &q), EINVAL);
	assert_int_equal(look(f, &a, CARRIER, "", NULL), EINVAL);
	assert_int_equal(look(f, &a, CARRIER, "+441632960001", ""), EINVAL);
	assert_int_equal(look(f, &a, CARRIER, "1\r\nX-Evil: 1", NULL), EINVAL);
	assert_int_equal(look(f, &a, CARRIER, "1", "2\tx"), EINVAL);
	assert_null(a.message);
	memset(longest, '1', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(look(f, &a, CARRIER, longest, NULL), EINVAL);
	longest[sizeof(longest) - 2] = '\0';
	look_refused(f, CARRIER, longest, longest, 404, "not E.164");
	look_refused(f, CARRIER, "a b@c>\"<\xc3\xa9:[]", NULL, 404, "not E.164");
	look_refused(f, CARRIER, "100%", NULL, 404, "not E.164");
	look_refused(f, CARRIER, "%zz", "%", 404, "not E.164");

	assert_int_equal(look(f, &a, CARRIER, "%2B441632960001", "%2b15550001"), 0);
	assert_string_equal(a.called, "+441632960001");
	assert_string_equal(a.caller, "+15550001");
	mem_deref(a.message);
}

/* A call that would fail for want of room is not told as one that goes on. */
static void too_many_headers(void **state)
{
	static const struct sp_conf_rule one = {
		.action = SP_RULE_ADD, .header = "X-A", .value = "1"};
	static struct sp_conf_rule many[HEADERS_OUT_MAX + 1];
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = one;
	f->confv[SERVICE].rules_outv = many;
	f->confv[SERVICE].rules_outc = ARRAY_SIZE(many);
	look_refused(f, CARRIER, "+441632960001", NULL, 500, "more headers");
}

#define T(name) cmocka_unit_test_setup_teardown(name, lookup_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_a_carrier),     T(of_a_service), T(emergency_calls),  T(by_time),
		T(the_first_target), T(questions),    T(too_many_headers),
	};

	return cmocka_run_group_tests_name("call/lookup", tests, NULL, NULL);
}
