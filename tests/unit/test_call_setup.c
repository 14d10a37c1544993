/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From INVITE to the acknowledged answer, and what may refuse it on the way.
 */
#include "call_fixture.h"

static const char *value_of(const struct sp_sip_msg *m, const char *name)
{
	static char buf[4][512];
	static unsigned n;
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, name);
	char *b = buf[n++ % 4];

	if (!hdr)
		return NULL;
	re_snprintf(b, sizeof(buf[0]), "%r", &hdr->value);
	return b;
}

static void answered_call(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	m = expect(&f->carrier, "180");
	assert_int_equal(0, m->body.l);
	assert_true(m->to_tag.l > 0);
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(inv->cseq, m->cseq);
	assert_memory_not_equal(m->branch.p, inv->branch.p, m->branch.l);
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	assert_int_equal(1, calls_now(f));

	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	m = expect(&f->service, "BYE");
	respond(&f->service, m, 200, NULL);
	expect_silence(&f->carrier);
	expect_silence(&f->service);
	assert_non_null(strstr(f->log, "call_end"));
	expect_clean(f);
}

/* RFC 7092: neither side sees the other's network. */
static void nothing_of_one_side_reaches_the_other(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER,
	       "Record-Route: <sip:inner.carrier.example;lr>\r\nX-Inner: inner.carrier.example\r\n"
	       "User-Agent: CarrierOS\r\nP-Charging-Vector: icid=1\r\n",
	       sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	assert_null(strstr(inv->text, "carrier.example"));
	assert_null(strstr(inv->text, "192.0.2.7"));
	assert_null(strstr(inv->text, "CarrierOS"));
	assert_null(strstr(inv->text, "Charging"));
	assert_null(strstr(inv->text, f->carrier.call_id));
	assert_null(strstr(inv->text, f->carrier.tag));
	assert_null(strstr(inv->text, KEY_A));
	assert_non_null(strstr(inv->text, "m=audio"));
	assert_string_equal("<sip:edge.gw.example.net:5061;transport=tls>",
			    value_of(inv, "Contact"));
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_null(strstr(m->text, "service.example"));
	assert_null(strstr(m->text, "198.51.100.7"));
	assert_null(strstr(m->text, KEY_B));
	assert_non_null(strstr(m->text, "a=crypto:7 AES_CM_128_HMAC_SHA1_80"));
	assert_non_null(strstr(m->text, "inner.carrier.example")); /* its own Record-Route */
	learn(&f->carrier, m);
	request(&f->carrier, "ACK", NULL, "", NULL);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

static void caller_and_called_number_pass(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	inv = expect(&f->service, "INVITE");
	assert_int_equal(0, pl_strcmp(&inv->from.display, "Al"));
	assert_int_equal(0, pl_strcmp(&inv->from.uri.user, CARRIER_NUMBER));
	assert_int_equal(0, pl_strcmp(&inv->from.uri.host, "edge.gw.example.net"));
	assert_int_equal(0, pl_strcmp(&inv->to.uri.user, SERVICE_NUMBER));
	assert_int_equal(0, pl_strcmp(&inv->uri.user, SERVICE_NUMBER));
	assert_int_equal(0, pl_strcmp(&inv->uri.host, "sbc.service.example"));
	assert_int_equal(69, inv->max_forwards);
	assert_string_equal("t-1", value_of(inv, "X-Tenant"));
	request(&f->carrier, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "",
		NULL);
	respond(&f->service, inv, 486, NULL);
	expect_clean(f);
}

/* What a calling number and name may hold of their own network stays there. */
static void caller_names_no_network(void **state)
{
	static const char *const from[] = {
		"<sip:1001;phone-context=inner.carrier.example@192.0.2.1>",
		"\"1001@inner.carrier.example\" <sip:1001@192.0.2.1>",
		"\"desk at inner.carrier.example\" <sip:1001@inner.carrier.example>"};
	const char *sdp = sdp_of("192.0.2.7", KEY_A, "sendrecv");
	struct fx *f = *state;
	char text[2048];

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		const struct sp_sip_msg *inv;

		re_snprintf(text, sizeof(text),
			    "INVITE sip:" SERVICE_NUMBER "@gw SIP/2.0\r\nVia: SIP/2.0/TLS "
			    "x:1;branch=z9hG4bKn%zu\r\nFrom: %s;tag=a\r\n"
			    "To: <sip:" SERVICE_NUMBER
			    "@gw>\r\nCall-ID: n%zu@x\r\nCSeq: 5 INVITE\r\n"
			    "Contact: <sip:x:5061>\r\nContent-Type: application/sdp\r\n"
			    "Content-Length: %zu\r\n\r\n%s",
			    i, from[i], i, strlen(sdp), sdp);
		peer_write(&f->carrier, text);
		expect(&f->carrier, "100");
		inv = expect(&f->service, "INVITE");
		assert_int_equal(0, pl_strcmp(&inv->from.uri.user, "1001"));
		assert_null(strstr(inv->text, "inner"));
		respond(&f->service, inv, 486, NULL);
		expect(&f->service, "ACK");
		expect(&f->carrier, "486");
	}
	expect_clean(f);
}

/* Service codes: "#" is no character of a user part as it is (RFC 3261 25.1). */
static void digits_as_dialled(void **state)
{
	static const char *const uris[] = {"tel:*21#", "sip:*21%23@gw.example.net",
					   "sip:%2A21%23@gw.example.net"};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		const struct sp_sip_msg *inv;

		invite_uri(&f->service, uris[i], "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
		expect(&f->service, "100");
		inv = expect(&f->carrier, "INVITE");
		assert_int_equal(0, pl_strcmp(&inv->uri.user, "*21%23"));
		assert_int_equal(0, pl_strcmp(&inv->to.uri.user, "*21%23"));
		respond(&f->carrier, inv, 486, NULL);
		expect(&f->carrier, "ACK");
		expect(&f->service, "486");
	}
	invite_uri(&f->service, "sip:alice@gw.example.net", "",
		   sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "404");
	expect_clean(f);
}

/* RFC 3261 19.1.4, RFC 3966: the same number in other spellings. */
static void spellings_of_a_number(void **state)
{
	static const char *const uris[] = {
		"sip:%2B441632960001@gw.example.net",
		"sip:+44-1632-960001@gw.example.net;user=phone", "tel:+44-1632-960001",
		"sips:+441632960001@gw.example.net", "sip:+441632960001;npdi=yes@gw.example.net"};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
		const struct sp_sip_msg *inv;

		invite_uri(&f->carrier, uris[i], "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
		expect(&f->carrier, "100");
		inv = expect(&f->service, "INVITE");
		assert_int_equal(0, pl_strcmp(&inv->uri.user, SERVICE_NUMBER));
		respond(&f->service, inv, 486, NULL);
		expect(&f->service, "ACK");
		expect(&f->carrier, "486");
	}
	expect_clean(f);
}

static void custom_headers_stay_off_the_carrier(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "100");
	inv = expect(&f->carrier, "INVITE");
	assert_null(value_of(inv, "X-Tenant"));
	respond(&f->carrier, inv, 486, NULL);
	expect(&f->carrier, "ACK");
	expect(&f->service, "486");
	expect_clean(f);
}

/* RFC 3323 4.1.1.3 */
static void anonymous_caller_of_a_service(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	f->service.cseq = 5;
	strcpy(f->service.call_id, "anon@x");
	strcpy(f->service.tag, "a");
	peer_write(&f->service,
		   "INVITE sip:+441632960099@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq\r\n"
		   "From: <sip:anonymous@anonymous.invalid>;tag=a\r\nTo: <sip:+441632960099@gw>\r\n"
		   "P-Asserted-Identity: <sip:+441632960001@service>\r\nPrivacy: id\r\n"
		   "Call-ID: anon@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Length: 0\r\n\r\n");
	/* Its number is judged by P-Asserted-Identity: a call, not 403. */
	expect(&f->service, "100");
	inv = expect(&f->carrier, "INVITE");
	assert_int_equal(0, pl_strcmp(&inv->from.uri.host, "anonymous.invalid"));
	assert_null(strstr(inv->text, "960001"));
	respond(&f->carrier, inv, 486, NULL);
	expect(&f->carrier, "ACK");
	expect(&f->service, "486");

	peer_write(&f->service,
		   "INVITE sip:+441632960099@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKr\r\n"
		   "From: <sip:anonymous@anonymous.invalid>;tag=b\r\nTo: <sip:+441632960099@gw>\r\n"
		   "P-Asserted-Identity: <sip:+15550001@service>\r\n"
		   "Call-ID: anon2@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Length: 0\r\n\r\n");
	expect(&f->service, "403");

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 486, NULL);
	expect_clean(f);
}

static void refused_numbers(void **state)
{
	struct fx *f = *state;

	invite(&f->carrier, "+441632999999", "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "404");
	assert_non_null(strstr(f->log, "call_refused"));
	assert_non_null(strstr(f->log, "not in the number table"));
	invite(&f->carrier, "01632960001", "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "404");
	expect_silence(&f->service);
	expect_clean(f);
}

static void service_calls_only_as_its_own_numbers(void **state)
{
	struct fx *f = *state;

	peer_write(&f->service,
		   "INVITE sip:+441632960099@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq\r\n"
		   "From: <sip:+15550000@service>;tag=a\r\nTo: <sip:+441632960099@gw>\r\n"
		   "P-Asserted-Identity: <sip:+441632960001@service>\r\n"
		   "Call-ID: f1@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Length: 0\r\n\r\n");
	expect(&f->service, "403");
	/* Its own number, but no carrier is named for it anywhere. */
	peer_write(&f->service,
		   "INVITE sip:+441632960099@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKs\r\n"
		   "From: <sip:+4416329601234@service>;tag=a\r\nTo: <sip:+441632960099@gw>\r\n"
		   "Call-ID: f2@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Length: 0\r\n\r\n");
	expect(&f->service, "404");
	expect_silence(&f->carrier);
	expect_clean(f);
}

/* The media demands: each refusal says why (RFC 3261 20.43). */
static void media_that_is_not_srtp(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	char sdp[1024];

	strcpy(sdp, sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	memcpy(strstr(sdp, "RTP/SAVP 8"), "RTP/AVP  8", 10);
	memmove(strstr(sdp, "RTP/AVP  8") + 7, strstr(sdp, "RTP/AVP  8") + 8,
		strlen(strstr(sdp, "RTP/AVP  8") + 8) + 1);
	invite(&f->carrier, SERVICE_NUMBER, "", sdp);
	m = expect(&f->carrier, "488");
	assert_non_null(value_of(m, "Warning"));
	assert_non_null(strstr(value_of(m, "Warning"), "RTP/SAVP"));

	strcpy(sdp, sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	memcpy(strstr(sdp, "SHA1_80"), "SHA1_32", 7);
	invite(&f->carrier, SERVICE_NUMBER, "", sdp);
	m = expect(&f->carrier, "488");
	assert_non_null(strstr(value_of(m, "Warning"), "AES_CM_128_HMAC_SHA1_80"));

	f->confv[1].refuse_delayed = true; /* one of the two trunks is enough */
	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	m = expect(&f->carrier, "488");
	assert_non_null(strstr(value_of(m, "Warning"), "session description"));

	invite(&f->carrier, SERVICE_NUMBER, "", "v=0\r\nnonsense\r\n");
	expect(&f->carrier, "400");
	expect_silence(&f->service);
	expect_clean(f);
}

/* The callee answers with what was not offered: neither side keeps half a call. */
static void bad_answer_ends_both_legs(void **state)
{
	struct fx *f = *state;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_of("198.51.100.7", KEY_B, "sendrecv")); /* tag 7, offered was 1 */
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect(&f->carrier, "488");
	expect_clean(f);
}

/* RFC 3261 12.1.2: without a Contact there is no dialog; the log says so, not something else. */
static void answer_without_a_contact(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	const char *sdp = sdp_answer("198.51.100.7", KEY_B, "sendrecv");
	char text[4096];

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	re_snprintf(text, sizeof(text),
		    "SIP/2.0 200 x\r\nVia: %r\r\nFrom: %r\r\nTo: %r;tag=u\r\nCall-ID: %r\r\n"
		    "CSeq: %u INVITE\r\n",
		    &sp_sip_msg_next(inv, SP_HDR_VIA, NULL)->value,
		    &sp_sip_msg_next(inv, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(inv, SP_HDR_TO, NULL)->value, &inv->call_id, inv->cseq);
	put_body(&f->service, text, sizeof(text), sdp);
	peer_write(&f->service, text);
	assert_non_null(strstr(expect(&f->carrier, "488")->text, "names no contact"));
	assert_non_null(strstr(f->log, "cause=\"the answer names no contact\""));
	expect(&f->service, "ACK");
	expect(&f->service, "BYE");
	expect_clean(f);
}

/* 183 with SDP is an answer; a 200 without one then confirms it. */
static void early_media(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 183, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->carrier, "183");
	assert_true(m->body.l > 0);
	assert_non_null(strstr(m->text, "127.0.0.3"));
	respond(&f->service, inv, 200, NULL);
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_true(m->body.l > 0);
	learn(&f->carrier, m);
	request(&f->carrier, "ACK", NULL, "", NULL);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* 18x come with bodies of other types, ISUP or text: they are no answer and end nothing. */
static void provisional_with_another_body(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;
	char text[1024];

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	re_snprintf(text, sizeof(text),
		    "SIP/2.0 180 x\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=t1\r\nCall-ID: %r\r\n"
		    "CSeq: %u INVITE\r\nContact: <sip:x:5061>\r\nContent-Type: text/plain\r\n"
		    "Content-Length: 2\r\n\r\nhi",
		    value_of(inv, "Via"), value_of(inv, "From"), value_of(inv, "To"), &inv->call_id,
		    inv->cseq);
	peer_write(&f->service, text);
	m = expect(&f->carrier, "180");
	assert_int_equal(0, m->body.l);
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	expect_clean(f);
}

/* RFC 3261 13.2.2.4: every fork's 2xx is acknowledged, and all but one hung up. */
static void two_forks_answer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	strcpy(f->service.tag, "one");
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	assert_int_equal(0, pl_strcmp(&expect(&f->service, "ACK")->to_tag, "one"));
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);

	strcpy(f->service.tag, "two");
	f->service.host = "fork.service.example";
	respond(&f->service, inv, 200, sdp_answer("198.51.100.8", KEY_A, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "two"));
	assert_int_equal(0, pl_strcmp(&m->uri.host, "fork.service.example"));
	assert_int_equal(inv->cseq, m->cseq);
	m = expect(&f->service, "BYE");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "two"));
	respond(&f->service, m, 200, NULL);
	expect_silence(&f->carrier);

	strcpy(f->service.tag, "one");
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	assert_int_equal(0, pl_strcmp(&expect(&f->service, "ACK")->to_tag, "one"));
	expect_silence(&f->service);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	m = expect(&f->service, "BYE");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "one"));
	respond(&f->service, m, 200, NULL);
	expect_clean(f);
}

static void failures_are_mapped(void **state)
{
	static const struct {
		unsigned callee;
		const char *caller;
	} map[] = {{486, "486"}, {404, "404"}, {503, "503"}, {603, "603"}, {302, "480"},
		   {401, "502"}, {407, "502"}, {483, "502"}, {481, "502"}, {488, "488"}};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		f->service.tag[0] = '\0';
		invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
		expect(&f->carrier, "100");
		respond(&f->service, expect(&f->service, "INVITE"), map[i].callee, NULL);
		expect(&f->service, "ACK");
		expect(&f->carrier, map[i].caller);
		request(&f->carrier, "ACK", "sip:x@gw.example.net", "", NULL);
	}
	expect_silence(&f->carrier);
	expect_clean(f);
}

/* RFC 3261 8.2.2.3, 16.3, 21.4.6, 8.2.3 */
static void requests_refused_for_what_they_are(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	const char *sdp = sdp_of("192.0.2.7", KEY_A, "sendrecv");

	invite(&f->carrier, SERVICE_NUMBER, "Require: 100rel\r\n", sdp);
	m = expect(&f->carrier, "420");
	assert_string_equal("100rel", value_of(m, "Unsupported"));
	invite(&f->carrier, SERVICE_NUMBER, "Require: one\r\nRequire: two\r\n", sdp);
	m = expect(&f->carrier, "420"); /* 8.2.2.3: all that are not understood */
	assert_non_null(strstr(m->text, "Unsupported: one\r\nUnsupported: two\r\n"));
	request(&f->carrier, "SUBSCRIBE", "sip:gw.example.net", "", NULL);
	m = expect(&f->carrier, "405");
	assert_non_null(value_of(m, "Allow"));
	request(&f->carrier, "FROBNICATE", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "501");
	request(&f->carrier, "BYE", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "481");
	request(&f->carrier, "OPTIONS", "sip:gw.example.net", "", NULL);
	m = expect(&f->carrier, "200");
	assert_non_null(value_of(m, "Allow"));
	assert_string_equal("application/sdp, multipart/mixed", value_of(m, "Accept"));
	peer_write(&f->carrier,
		   "INVITE sip:+441632960001@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq\r\n"
		   "From: <sip:+441632960099@c>;tag=a\r\nTo: <sip:+441632960001@gw>\r\n"
		   "Max-Forwards: 0\r\nCall-ID: f1@x\r\nCSeq: 5 INVITE\r\n"
		   "Contact: <sip:x:5061>\r\nContent-Length: 0\r\n\r\n");
	expect(&f->carrier, "483");
	peer_write(&f->carrier,
		   "INVITE sip:+441632960001@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKt\r\n"
		   "From: <sip:+441632960099@c>;tag=a\r\nTo: <sip:+441632960001@gw>\r\n"
		   "Call-ID: f3@x\r\nCSeq: 5 INVITE\r\nContent-Type: text/plain\r\n"
		   "Contact: <sip:x:5061>\r\nContent-Length: 2\r\n\r\nhi");
	m = expect(&f->carrier, "415");
	assert_string_equal("application/sdp, multipart/mixed", value_of(m, "Accept"));
	expect_silence(&f->service);
	expect_clean(f);
}

static void no_connection_to_the_callee(void **state)
{
	struct fx *f = *state;

	peer_disconnect(&f->service);
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	sp_loop_advance(f->loop, 60000);
	expect(&f->carrier, "503");
	assert_non_null(strstr(f->log, "trunk_unreachable"));
	expect_clean(f);
}

/* RFC 3261 17.1.1.2, timer B */
static void callee_never_responds(void **state)
{
	struct fx *f = *state;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	expect(&f->service, "INVITE");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS - 1);
	expect_silence(&f->carrier);
	sp_loop_advance(f->loop, 1);
	expect(&f->carrier, "408");
	expect_clean(f);
}

/* RFC 3261 16.6 item 11, timer C */
static void callee_rings_for_ever(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 180 * 1000);
	expect(&f->carrier, "408");
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	respond(&f->service, inv, 487, NULL);
	expect(&f->service, "ACK");
	expect_clean(f);
}

/* RFC 3261 13.3.1.4: the 2xx comes again until its ACK; then BYE to both. */
static void caller_never_acknowledges(void **state)
{
	struct fx *f = *state;
	unsigned repeats = 0;
	struct sp_sip_msg *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	while ((m = next_message(&f->carrier)) && !m->request) {
		assert_int_equal(200, m->status);
		repeats++;
	}
	assert_in_range(repeats, 8, 12);
	assert_non_null(m);
	assert_int_equal(SP_SIP_BYE, m->method);
	learn(&f->carrier, m);
	respond(&f->carrier, m, 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(answered_call),
		T(nothing_of_one_side_reaches_the_other),
		T(caller_and_called_number_pass),
		T(caller_names_no_network),
		T(digits_as_dialled),
		T(spellings_of_a_number),
		T(custom_headers_stay_off_the_carrier),
		T(anonymous_caller_of_a_service),
		T(refused_numbers),
		T(service_calls_only_as_its_own_numbers),
		T(media_that_is_not_srtp),
		T(bad_answer_ends_both_legs),
		T(answer_without_a_contact),
		T(early_media),
		T(provisional_with_another_body),
		T(two_forks_answer),
		T(failures_are_mapped),
		T(requests_refused_for_what_they_are),
		T(no_connection_to_the_callee),
		T(callee_never_responds),
		T(callee_rings_for_ever),
		T(caller_never_acknowledges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
