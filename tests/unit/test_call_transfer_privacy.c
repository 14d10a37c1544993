/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfers: who the transferor is stays unknown when it asks for that (RFC
 * 3323, RFC 3892), and what a relayed REFER and its NOTIFYs say names no host
 * of the other side.
 */
#include "transfer_fixture.h"

#define DESK_URI "<sip:" DESK_NUMBER "@gw.example.net>"

static int handle_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_HANDLE);
}

static int relay_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_RELAY);
}

static void told(struct peer *a, const char *line)
{
	const struct sp_sip_msg *m = expect(a, "NOTIFY");

	assert_body(m, line);
	respond(a, m, 200, NULL);
}

/* ---- handle: Referred-By of the target's INVITE ---- */

/** The carrier refers its callee to the desk, which is told `by` and declines. */
static void refers(struct tf *t, const char *extra, const char *by)
{
	struct peer *a = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	refer(a, DESK_URI, extra);
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	m = expect(c, "INVITE");
	assert_header(m, "Referred-By", by);
	respond(c, m, 603, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 603 Decline\r\n");
}

/* RFC 3892 5: the name may be withheld; then ours must not undo that. */
static void anonymous_referrer(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier;

	establish(t->f);
	refers(t, "Referred-By: \"Anonymous\" <sip:anonymous@anonymous.invalid>\r\n", "");
	hang_up_by(t, a, &t->f->service);
}

static void private_referrer(void **state)
{
	static const char *const privacies[] = {"id", "user", "header", "critical; id"};
	struct tf *t = *state;
	char extra[256];

	establish(t->f);
	t->confv[CARRIER].trusted = true; /* also of one who is believed */
	for (size_t i = 0; i < ARRAY_SIZE(privacies); i++) {
		re_snprintf(extra, sizeof(extra),
			    "Privacy: %s\r\nReferred-By: <sip:+15551234567@x.example>\r\n",
			    privacies[i]);
		refers(t, extra, "");
	}
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

static void no_wish_for_privacy(void **state)
{
	static const char *const privacies[] = {"none", "session", "history"};
	struct tf *t = *state;
	char extra[64];

	establish(t->f);
	for (size_t i = 0; i < ARRAY_SIZE(privacies); i++) {
		re_snprintf(extra, sizeof(extra), "Privacy: %s\r\n", privacies[i]);
		refers(t, extra, "<sip:" CARRIER_NUMBER "@edge.gw.example.net>");
	}
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

/** The wish of the INVITE stands: nothing in the REFER repeats it. */
static void private_since_the_invite(struct tf *t, const char *privacy, const char *by)
{
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	const struct sp_sip_msg *m;

	invite(a, SERVICE_NUMBER, privacy, SDP_B);
	expect(a, "100");
	respond(b, expect(b, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(b, "ACK");
	learn(a, expect(a, "200"));
	request(a, "ACK", NULL, "", NULL);
	refer(a, DESK_URI, "Referred-By: <sip:+15551234567@x.example>\r\n");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	m = expect(c, "INVITE");
	assert_header(m, "Referred-By", by);
	respond(c, m, 603, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 603 Decline\r\n");
}

static void call_with_privacy(void **state)
{
	struct tf *t = *state;

	private_since_the_invite(t, "Privacy: id\r\n", "");
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

/* RFC 3323 4.2: none asks for no privacy; session and history hide nobody's number. */
static void call_without_privacy(void **state)
{
	struct tf *t = *state;

	private_since_the_invite(t, "Privacy: none;session\r\n",
				 "<sip:" CARRIER_NUMBER "@edge.gw.example.net>");
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

static void forged_referrer(void **state)
{
	static const char forged[] = "Referred-By: <sip:+15551234567@anything>\r\n";
	struct tf *t = *state;

	establish(t->f);
	refers(t, forged, "<sip:" CARRIER_NUMBER "@edge.gw.example.net>");
	t->confv[CARRIER].trusted = true;
	refers(t, forged, "<sip:+15551234567@edge.gw.example.net>");
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

/* ---- relay ---- */

/** The service's REFER as the carrier gets it; it is declined. */
static void relays(struct tf *t, const char *to, const char *extra, const char *by)
{
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	refer(a, to, extra);
	m = expect(b, "REFER");
	assert_header(m, "Referred-By", by);
	assert_hidden(m, "service.example");
	respond(b, m, 603, NULL);
	expect(a, "603");
}

static void relayed_referrer(void **state)
{
	static const char given[] = "Referred-By: <sip:+15551234567@service.example>\r\n";
	static const char leaky[] =
		"Referred-By: <sip:al%40service.example@service.example;x=service.example>\r\n";
	struct tf *t = *state;

	establish(t->f);
	relays(t, DESK_URI, "", "");
	relays(t, DESK_URI, given, "<sip:" SERVICE_NUMBER "@core.gw.example.net>");
	relays(t, DESK_URI, leaky, "<sip:" SERVICE_NUMBER "@core.gw.example.net>");
	t->confv[SERVICE].trusted = true;
	relays(t, DESK_URI, given, "<sip:+15551234567@core.gw.example.net>");
	relays(t, DESK_URI, leaky, "");
	relays(t, DESK_URI, "Privacy: id\r\nReferred-By: <sip:+15551234567@x.example>\r\n", "");
	hang_up_by(t, &t->f->carrier, &t->f->service);
}

static void names_with_hosts(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service;

	establish(t->f);
	refer(a, "<sip:bob%40inner.service.example@sbc.service.example>", "");
	expect(a, "400");
	relays(t, "<sip:+15551234;phone-context=inner.service.example@x>", "", "");
	relays(t, "<tel:1234;phone-context=inner.service.example>", "", "");
	hang_up_by(t, a, &t->f->carrier);
}

/** A REFER of the service's that the carrier has accepted. */
static void accepted(struct tf *t)
{
	struct peer *a = &t->f->service, *b = &t->f->carrier;

	refer(a, DESK_URI, "");
	respond(b, expect(b, "REFER"), 202, NULL);
	expect(a, "202");
}

static void notify_as(struct peer *p, const char *event, const char *type, const char *body)
{
	char text[2048];

	re_snprintf(text, sizeof(text),
		    "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=z9hG4bKn%u\r\n"
		    "From: <sip:x@%s>;tag=%s\r\nTo: <sip:y@gw>;tag=%s\r\nCall-ID: %s\r\n"
		    "CSeq: %u NOTIFY\r\nMax-Forwards: 70\r\nEvent: %s\r\n"
		    "Subscription-State: active\r\nContent-Type: %s\r\n"
		    "Content-Disposition: render;x=inner.carrier.example\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    p->target, p->host, ++p->f->branch, p->host, p->tag, p->remote_tag, p->call_id,
		    ++p->cseq, event, type, strlen(body), body);
	peer_write(p, text);
}

/* RFC 3515 2.4.5: the body is a sipfrag. */
static void notify_multipart(void **state)
{
	static const char multipart[] =
		"--x\r\nContent-Type: message/sipfrag\r\n\r\n"
		"SIP/2.0 200 OK\r\nContact: <sip:1@inner.carrier.example>\r\n\r\n--x--\r\n";
	static const char *const types[] = {"multipart/mixed;boundary=x", "text/plain",
					    "message/sipfragment"};
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	establish(t->f);
	accepted(t);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		notify_as(b, "refer", types[i], multipart);
		expect(b, "415");
		expect_silence(a);
	}
	notify_as(b, "refer", "message/SIPFRAG ;x=inner.carrier.example", "SIP/2.0 200 OK\r\n");
	m = expect(a, "NOTIFY");
	assert_hidden(m, "inner");
	assert_body(m, "SIP/2.0 200 OK\r\n");
	respond(a, m, 200, NULL);
	expect(b, "200");
	notify_as(b, "x-other", "text/plain", "as it is"); /* about nothing that we know of */
	m = expect(a, "NOTIFY");
	assert_body(m, "as it is");
	respond(a, m, 200, NULL);
	expect(b, "200");
	hang_up_by(t, a, b);
}

/* RFC 6665 4.1.3 */
static void subscription_state(void **state)
{
	static const char *const pairs[][2] = {
		{"active;expires=60;reason=inner.carrier.example", "active;expires=60"},
		{"PENDING ; expires=inner", "pending"},
		{"terminated;reason=NoResource;x=inner", "terminated;reason=noresource"},
		{"terminated;reason=invariant", "terminated;reason=invariant"},
		{"inner.carrier.example;expires=4294967296", "active"},
	};
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	establish(t->f);
	accepted(t);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		notify(b, "refer;x=inner.carrier.example", pairs[i][0],
		       "SIP/2.0 100 Trying inner\r\n");
		m = expect(a, "NOTIFY");
		assert_header(m, "Subscription-State", pairs[i][1]);
		assert_header(m, "Event", "refer");
		assert_hidden(m, "inner");
		respond(a, m, 200, NULL);
		expect(b, "200");
	}
	notify(b, "x-other", "active;reason=its-own", "SIP/2.0 100 Trying\r\n");
	m = expect(a, "NOTIFY");
	assert_header(m, "Subscription-State", "active;reason=its-own");
	respond(a, m, 200, NULL);
	expect(b, "200");
	hang_up_by(t, a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define H(fn) cmocka_unit_test_setup_teardown(fn, handle_setup, tf_teardown)
#define R(fn) cmocka_unit_test_setup_teardown(fn, relay_setup, tf_teardown)
		H(anonymous_referrer), H(private_referrer),     H(no_wish_for_privacy),
		H(call_with_privacy),  H(call_without_privacy), H(forged_referrer),
		R(relayed_referrer),   R(names_with_hosts),     R(notify_multipart),
		R(subscription_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
