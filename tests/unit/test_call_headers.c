/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What passes from one side to the other: nothing by itself, what `pass` names,
 * locations of emergency calls (RFC 6442), reasons (RFC 3326, RFC 6432), custom
 * headers of the number entry; and the limits.
 */
#include "call_priv.h"
#include "sallyport/number_build.h"
#include "headers_fixture.h"

#define EVERYTHING                                                                                 \
	"User-Agent: Edge/1\r\nX-Tenant: 1\r\nSubject: Hello\r\nDate: Sat, 13 Nov 2010 23:29:00 "  \
	"GMT\r\nP-Asserted-Identity: <sip:+44163@wire.example>\r\nDiversion: "                     \
	"<sip:+44164@wire.example>\r\nHistory-Info: <sip:+44164@wire.example>;index=1\r\n"         \
	"Identity: abc\r\nReason: Q.850;cause=16\r\nGeolocation: <cid:a@b>\r\n"                    \
	"User-to-User: 00\r\nSupported: timer\r\nAllow: INVITE\r\nRoute: <sip:p;lr>\r\n"           \
	"Remote-Party-ID: <sip:a@b>\r\nCall-Info: <http://wire.example/>\r\n"

static void nothing_by_default(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_string_equal(pass(&f, EVERYTHING), "");
	f.ctx.initial = false;
	assert_string_equal(pass(&f, EVERYTHING), "");
	f.ctx.status = 200;
	assert_string_equal(pass(&f, EVERYTHING), "");
	assert_int_equal(f.err, 0);
	finish(&f);
}

/* By name, any case, compact forms (RFC 3261 7.3.3), all of a name, in their order. */
static void listed(void **state)
{
	static const char *const names[] = {"X-Tenant", "Subject", "User-to-User"};
	struct fixture f;

	(void)state;
	start(&f);
	f.to.passv = names;
	f.to.passc = ARRAY_SIZE(names);
	assert_string_equal(pass(&f, "x-tenant: 1\r\ns: Hello\r\nX-TENANT: 2\r\nX-Tenants: 3\r\n"
				     "User-to-User: 00C81031;encoding=hex\r\n"),
			    "X-Tenant: 1\r\nSubject: Hello\r\nX-Tenant: 2\r\n"
			    "User-to-User: 00C81031;encoding=hex\r\n");
	f.ctx.status = 183; /* also what comes back */
	assert_string_equal(pass(&f, "X-Tenant: 1\r\n"), "X-Tenant: 1\r\n");
	f.from.passv = names; /* `pass` is of the trunk that gets the message */
	f.from.passc = f.to.passc;
	f.to.passc = 0;
	assert_string_equal(pass(&f, "X-Tenant: 1\r\n"), "");
	finish(&f);
}

/* `pass` opens no way for what belongs to one leg, nor around the policy. */
static void never_listed(void **state)
{
	static const char *const names[] = {
		"Via",      "Contact",      "route",           "Supported", "Content-Type",
		"Date",     "Identity",     "Privacy",         "Diversion", "P-Asserted-Identity",
		"Replaces", "History-Info", "Session-Expires", "Call-ID",   "Retry-After"};
	struct fixture f;

	(void)state;
	start(&f);
	f.to.passv = names;
	f.to.passc = ARRAY_SIZE(names);
	assert_string_equal(pass(&f, EVERYTHING "x: 1800\r\nReplaces: a;to-tag=1;from-tag=2\r\n"
						"Privacy: id\r\nRetry-After: 5\r\n"),
			    "");
	finish(&f);
}

/* RFC 6442, RFC 3261 20.26: who calls for help, and from where, is nobody's to withhold. */
static void emergency(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	f.ctx.emergency = true;
	assert_string_equal(pass(&f, "Geolocation: <cid:target@wire.example>\r\n"
				     "geolocation-routing: yes\r\nX-Tenant: 1\r\n"
				     "Geolocation-Error: 100\r\npriority: emergency\r\n"),
			    "Geolocation: <cid:target@wire.example>\r\n"
			    "Geolocation-Routing: yes\r\nGeolocation-Error: 100\r\n"
			    "Priority: emergency\r\n");
	f.ctx.emergency = false;
	assert_string_equal(pass(&f, "Geolocation: <cid:a@b>\r\nPriority: emergency\r\n"), "");
	finish(&f);
}

/* RFC 3326 in BYE and CANCEL; RFC 6432 in responses. Without the text. */
static void reason(void **state)
{
	static const char in[] = "Reason: SIP ;cause=200;text=\"at edge.wire.example\", "
				 "Q.850;cause=16\r\n"
				 "Reason: Q.850;cause=17, X.1;cause=3, SIP;text=\"x\"\r\n";
	static const char out[] = "Reason: SIP;cause=200\r\nReason: Q.850;cause=16\r\n";
	struct fixture f;

	(void)state;
	start(&f);
	f.ctx.initial = false;
	assert_string_equal(pass(&f, in), "");
	f.ctx.method = SP_SIP_BYE;
	assert_string_equal(pass(&f, in), out);
	f.ctx.method = SP_SIP_CANCEL;
	assert_string_equal(pass(&f, in), out);
	f.ctx.method = SP_SIP_INVITE;
	for (f.ctx.status = 180; f.ctx.status < 185; f.ctx.status++)
		assert_string_equal(pass(&f, in), 183 == f.ctx.status ? out : "");
	f.ctx.status = 200;
	assert_string_equal(pass(&f, in), "");
	f.ctx.status = 486;
	assert_string_equal(pass(&f, in), out);
	assert_string_equal(pass(&f, "Reason: Q.850;cause=1000\r\n"), "");
	assert_string_equal(pass(&f, "Reason: Q.850\r\n"), "");
	finish(&f);
}

/* The entry's headers: to the service; to the carrier where the entry says so. */
static void custom(void **state)
{
	static const struct sp_number_header headers[] = {{"X-Account", "acme-1"}, {"X-Site", "7"}};
	static const char *const names[] = {"X-Account", "X-Other"};
	struct fixture f;

	(void)state;
	start(&f);
	f.entry.headerv = headers;
	f.entry.headerc = 2;
	f.to.passv = names;
	f.to.passc = 2;
	/* nobody else writes a header of their names */
	assert_string_equal(pass(&f, "x-account: forged\r\nX-Other: 1\r\n"),
			    "X-Account: acme-1\r\nX-Site: 7\r\nX-Other: 1\r\n");
	f.ctx.initial = false;
	assert_string_equal(pass(&f, "x-account: forged\r\n"), "");
	f.ctx.initial = true;
	turn(&f);
	assert_string_equal(pass(&f, ""), "");
	f.entry.headers_to_carrier = true;
	assert_string_equal(pass(&f, ""), "X-Account: acme-1\r\nX-Site: 7\r\n");
	f.ctx.entry = NULL;
	assert_string_equal(pass(&f, ""), "");
	finish(&f);
}

/* Values are templates: {number}, {account}, {label}, {trunk}. */
static void custom_templates(void **state)
{
	static const struct sp_number_header headers[] = {
		{"X-All", "{number};{account};{label};{trunk}"},
		{"X-Brace", "{{number}"},
		{"X-Label", "{label}"},
		{"X-Plain", "as it is"},
	};
	struct fixture f;

	(void)state;
	start(&f);
	f.entry.headerv = headers;
	f.entry.headerc = ARRAY_SIZE(headers);
	assert_string_equal(pass(&f, "X-All: forged\r\n"), "X-All: +441632960002;acme;gold;desk\r\n"
							   "X-Brace: {number}\r\n"
							   "X-Label: gold\r\n"
							   "X-Plain: as it is\r\n");
	f.account.name = f.entry.label = "";
	turn(&f);
	f.entry.headers_to_carrier = true;
	assert_string_equal(pass(&f, ""), "X-All: +441632960001;;;wire\r\n"
					  "X-Brace: {number}\r\n"
					  "X-Plain: as it is\r\n"); /* nothing makes no header */
	finish(&f);
}

/* As many as an entry may have, and as long as they may get: all of them, or no message. */
static void custom_bounds(void **state)
{
	static struct sp_number_header headers[SP_NUMBER_HEADERS_MAX];
	static char names[SP_NUMBER_HEADERS_MAX][16], label[101];
	const char *text;
	struct fixture f;

	(void)state;
	start(&f);
	for (unsigned i = 0; i < SP_NUMBER_HEADERS_MAX; i++) {
		re_snprintf(names[i], sizeof(names[i]), "X-%u", i);
		headers[i] = (struct sp_number_header){names[i], "{label}"};
	}
	memset(label, 'l', 100);
	f.entry.label = label;
	f.entry.headerv = headers;
	f.entry.headerc = SP_NUMBER_HEADERS_MAX;
	text = pass(&f, "");
	assert_int_equal(f.err, 0);
	assert_non_null(strstr(text, "X-99: llll"));
	for (unsigned i = 0; i < SP_NUMBER_HEADERS_MAX; i++)
		headers[i].value = "{label}{label}";
	assert_string_equal(pass(&f, ""), "");
	assert_int_equal(f.err, EMSGSIZE);
	finish(&f);
}

static void number_error(const char *file, unsigned line, const char *key, const char *value,
			 const char *mend, void *arg)
{
	(void)arg;
	fail_msg("%s:%u: %s %s: %s", file, line, key, value, mend);
}

static struct sp_number_table *numbers_with(const char *header)
{
	const struct sp_number_trunk trunk = {"desk", false};
	const struct sp_number_header custom_header = {header, "acme-1"};
	const struct sp_number_row row = {.number = "+441632970001",
					  .trunkv = {"desk"},
					  .trunkc = 1,
					  .headerv = &custom_header,
					  .headerc = 1,
					  .file = "test"};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, &trunk, 1, number_error, NULL));
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

/* Who reads X-Account cannot know which numbers have it: nobody writes it for others. */
static void custom_of_another_number(void **state)
{
	static const char *const names[] = {"X-Account", "X-Other", "Geolocation"};
	static const struct sp_conf_rule rule = {
		.action = SP_RULE_COPY, .header = "X-Account", .from = "X-Account"};
	struct sp_number_table *t = numbers_with("x-ACCOUNT");
	struct fixture f;

	(void)state;
	start(&f);
	f.to.passv = names;
	f.to.passc = 3;
	f.ctx.numbers = t;
	assert_string_equal(pass(&f, "X-Account: forged\r\nX-Other: 1\r\n"), "X-Other: 1\r\n");
	f.ctx.status = 200;
	assert_string_equal(pass(&f, "X-Account: forged\r\n"), "");
	f.ctx.status = 0;
	f.to.rules_outv = &rule; /* the configuration's own word */
	f.to.rules_outc = 1;
	assert_string_equal(pass(&f, "X-Account: 1\r\n"), "X-Account: 1\r\n");
	f.to.rules_outc = 0;
	mem_deref(t);

	/* a location does not depend on what other numbers have */
	f.ctx.numbers = t = numbers_with("Geolocation");
	assert_string_equal(pass(&f, "Geolocation: <cid:a@b>\r\n"), "");
	f.ctx.emergency = true;
	assert_string_equal(pass(&f, "Geolocation: <cid:a@b>\r\n"), "Geolocation: <cid:a@b>\r\n");
	finish(&f);
	mem_deref(t);
}

/* The gateway's own messages have what the rules of their trunk put there. */
static void own_message(void **state)
{
	static const struct sp_conf_rule rule = {
		.action = SP_RULE_ADD, .header = "X-From", .value = "to {trunk}"};
	struct fixture f;

	(void)state;
	start(&f);
	f.to.rules_outv = &rule;
	f.to.rules_outc = 1;
	f.ctx.from = NULL;
	assert_int_equal(headers_put(f.mb, &f.ctx), 0);
	assert_int_equal(mbuf_write_u8(f.mb, 0), 0);
	assert_string_equal((char *)f.mb->buf, "X-From: to desk\r\n");
	finish(&f);
}

static char *lines(const char *line, size_t n)
{
	struct mbuf *mb = mbuf_alloc(1024);
	char *text = NULL;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(mbuf_write_str(mb, line), 0);
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &text, mb->end), 0);
	mem_deref(mb);
	return text;
}

/* A message with more than the limits makes none, and leaves no part of one. */
static void limits(void **state)
{
	static const char *const names[] = {"X-A"};
	struct fixture f;
	char *many, *big, value[1024];

	(void)state;
	start(&f);
	f.to.passv = names;
	f.to.passc = 1;
	many = lines("X-A: 1\r\n", HEADERS_OUT_MAX);
	assert_int_equal(strlen(pass(&f, many)), 8 * HEADERS_OUT_MAX);
	assert_int_equal(f.err, 0);
	mem_deref(many);
	many = lines("X-A: 1\r\n", HEADERS_OUT_MAX + 1);
	assert_string_equal(pass(&f, many), "");
	assert_int_equal(f.err, EMSGSIZE);
	mem_deref(many);

	memset(value, 'v', sizeof(value));
	memcpy(value, "X-A: ", 5);
	memcpy(value + sizeof(value) - 3, "\r\n", 3);
	big = lines(value, 16); /* of 1021 bytes each, without CRLF */
	assert_int_equal(strlen(pass(&f, big)), 16 * 1023);
	mem_deref(big);
	big = lines(value, 17);
	assert_string_equal(pass(&f, big), "");
	assert_int_equal(f.err, EMSGSIZE);
	mem_deref(big);
	finish(&f);
}

/* Allow and Supported say what the trunk's settings use, and nothing else. */
static void capabilities(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_int_equal(policy_put_allow(f.mb, &f.to), 0);
	assert_int_equal(policy_put_supported(f.mb, &f.to, true), 0);
	f.to.reliable = SP_USE_REQUIRED;
	assert_int_equal(policy_put_allow(f.mb, &f.to), 0);
	f.to.transfer = SP_TRANSFER_RELAY;
	assert_int_equal(policy_put_supported(f.mb, &f.to, true), 0);
	f.to.timer.use = SP_USE_SUPPORTED;
	assert_int_equal(policy_put_allow(f.mb, &f.to), 0);
	assert_int_equal(policy_put_supported(f.mb, &f.to, true), 0);
	f.to.reliable = SP_USE_OFF;
	assert_int_equal(policy_put_supported(f.mb, &f.to, true), 0);
	assert_int_equal(mbuf_write_u8(f.mb, 0), 0);
	assert_string_equal(
		(char *)f.mb->buf,
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, NOTIFY\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, NOTIFY, PRACK\r\n"
		"Supported: 100rel, replaces\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, NOTIFY, PRACK, "
		"REFER\r\n"
		"Supported: 100rel, timer, replaces\r\n"
		"Supported: timer, replaces\r\n");
	finish(&f);
}

static void all_of(const char *const *v, size_t n, enum bag_kind kind)
{
	struct pl name;

	for (size_t i = 0; i < n; i++) {
		pl_set_str(&name, v[i]);
		if (bag_kind(&name) != kind)
			fail_msg("%s", v[i]);
	}
}

/* Every name in the tables is found, so they are in their order. */
static void kinds(void **state)
{
	static const char *const owned[] = {"Accept",
					    "accept-encoding",
					    "Allow",
					    "Allow-Events",
					    "Authentication-Info",
					    "Authorization",
					    "CALL-ID",
					    "Contact",
					    "CSeq",
					    "Event",
					    "Expires",
					    "Flow-Timer",
					    "From",
					    "Info-Package",
					    "Join",
					    "Max-Breadth",
					    "Max-Forwards",
					    "MIME-Version",
					    "Min-Expires",
					    "Min-SE",
					    "Path",
					    "Proxy-Authenticate",
					    "Proxy-Authentication-Info",
					    "Proxy-Authorization",
					    "Proxy-Require",
					    "RAck",
					    "Record-Route",
					    "Recv-Info",
					    "Refer-Sub",
					    "Refer-To",
					    "Referred-By",
					    "Replaces",
					    "Require",
					    "Retry-After",
					    "Route",
					    "RSeq",
					    "Security-Client",
					    "Security-Server",
					    "Security-Verify",
					    "Service-Route",
					    "Session-Expires",
					    "SIP-ETag",
					    "SIP-If-Match",
					    "Subscription-State",
					    "Supported",
					    "Target-Dialog",
					    "Timestamp",
					    "To",
					    "Unsupported",
					    "Via",
					    "Warning",
					    "WWW-Authenticate",
					    "Content-Anything",
					    "Accept-Language",
					    "Refer-Events-At",
					    "Suppress-If-Match",
					    "Date",
					    "Identity",
					    "Identity-Info"};
	static const char *const judged[] = {
		"Diversion", "History-Info", "P-Asserted-Identity", "p-preferred-identity",
		"Privacy",   "Reason",       "Remote-Party-ID"};
	static const char *const listed_names[] = {"Secure", "Geolocation", "X-Content-Type",
						   "Tos"};

	(void)state;
	all_of(owned, ARRAY_SIZE(owned), BAG_OWNED);
	all_of(judged, ARRAY_SIZE(judged), BAG_JUDGED);
	all_of(listed_names, ARRAY_SIZE(listed_names), BAG_LISTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_by_default),
		cmocka_unit_test(listed),
		cmocka_unit_test(never_listed),
		cmocka_unit_test(emergency),
		cmocka_unit_test(reason),
		cmocka_unit_test(custom),
		cmocka_unit_test(custom_templates),
		cmocka_unit_test(custom_bounds),
		cmocka_unit_test(custom_of_another_number),
		cmocka_unit_test(own_message),
		cmocka_unit_test(limits),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
