/* SPDX-License-Identifier: BSD-3-Clause
 *
 * INFO, MESSAGE and NOTIFY inside a call go from one leg to the other.
 */
#include "call_fixture.h"

static void hang_up(struct fx *f)
{
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/** A request with a body of another type than SDP: put_body() writes Content-Type itself. */
static void ask(struct fx *f, struct peer *peer, const char *method, const char *type,
		const char *extra, const char *body)
{
	char text[2048];

	re_snprintf(text, sizeof(text),
		    "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=z9hG4bKp%u\r\n"
		    "From: <sip:x@%s>;tag=%s\r\nTo: <sip:y@gw>;tag=%s\r\nCall-ID: %s\r\n"
		    "CSeq: %u %s\r\nMax-Forwards: 70\r\nContent-Type: %s\r\n%s"
		    "Content-Length: %zu\r\n\r\n%s",
		    method, peer->target, peer->host, ++f->branch, peer->host, peer->tag,
		    peer->remote_tag, peer->call_id, ++peer->cseq, method, type, extra,
		    strlen(body), body);
	peer_write(peer, text);
}

/* RFC 6086: DTMF in INFO, octet for octet; other headers of the sender stay behind. */
static void info_with_dtmf(void **state)
{
	static const char dtmf[] = "Signal=5\r\nDuration=160\r\n";
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	ask(f, &f->carrier, "INFO", "application/dtmf-relay",
	    "X-Inner: a.carrier.example\r\nInfo-Package: dtmf\r\n", dtmf);
	m = expect(&f->service, "INFO");
	assert_int_equal(0, pl_strcmp(&m->content_type, "application/dtmf-relay"));
	assert_int_equal(0, pl_strcmp(&m->body, dtmf));
	assert_non_null(sp_sip_msg_named(m, "Info-Package"));
	assert_null(strstr(m->text, "carrier.example"));
	expect_silence(&f->carrier);
	respond(&f->service, m, 200, NULL);
	expect(&f->carrier, "200");
	hang_up(f);
}

static void message_and_notify_from_the_callee(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	ask(f, &f->service, "MESSAGE", "text/plain", "", "hello");
	m = expect(&f->carrier, "MESSAGE");
	assert_int_equal(0, pl_strcmp(&m->body, "hello"));
	respond(&f->carrier, m, 415, NULL);
	expect(&f->service, "415");
	ask(f, &f->service, "NOTIFY", "message/sipfrag",
	    "Event: refer\r\nSubscription-State: active\r\n", "SIP/2.0 100 Trying");
	m = expect(&f->carrier, "NOTIFY");
	assert_non_null(sp_sip_msg_named(m, "Subscription-State"));
	respond(&f->carrier, m, 481, NULL);
	expect(&f->service, "502"); /* mapped as any failure; the call goes on */
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

static void nobody_answers(void **state)
{
	struct fx *f = *state;

	establish(f);
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
	expect(&f->service, "INFO");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	expect(&f->carrier, "503");
	hang_up(f);
}

static void the_call_ends_first(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *info;

	establish(f);
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
	info = expect(&f->service, "INFO");
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect(&f->carrier, "487");
	respond(&f->service, info, 200, NULL); /* to nobody */
	expect_silence(&f->carrier);
	expect_clean(f);
}

/* RFC 3261 12.2.1.2: 408 would make the sender give up a dialog that is well. */
static void connection_goes_first(void **state)
{
	struct fx *f = *state;

	establish(f);
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
	expect(&f->service, "INFO");
	peer_disconnect(&f->service);
	peer_connect(&f->service);
	sp_loop_advance(f->loop, 0);
	expect(&f->carrier, "503");
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "6");
	respond(&f->service, expect(&f->service, "INFO"), 408, NULL);
	expect(&f->carrier, "503");
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

static void bounded(void **state)
{
	struct fx *f = *state;
	unsigned i;

	establish(f);
	for (i = 0; i < 8; i++) {
		ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
		expect(&f->service, "INFO");
	}
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
	assert_non_null(strstr(expect(&f->carrier, "500")->text, "Retry-After:"));
	expect_silence(&f->service);
	sp_calls_end(f->calls);
	expect(&f->carrier, "BYE");
	for (i = 0; i < 8; i++)
		expect(&f->carrier, "487");
	expect_clean(f);
}

static void outside_a_call(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	strcpy(f->carrier.tag, "t");
	strcpy(f->carrier.call_id, "outside@sbc.carrier.example");
	request(&f->carrier, "INFO", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "481");
	request(&f->carrier, "NOTIFY", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "481");
	request(&f->carrier, "MESSAGE", "sip:gw.example.net", "", NULL);
	expect(&f->carrier, "403");

	/* and before the call is answered */
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	learn(&f->carrier, expect(&f->carrier, "180"));
	ask(f, &f->carrier, "INFO", "application/dtmf", "", "5");
	assert_non_null(strstr(expect(&f->carrier, "500")->text, "Retry-After:"));

	/* or is not acknowledged: the dialog is there, 481 would end it (12.2.1.2) */
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	ask(f, &f->service, "INFO", "application/dtmf", "", "5");
	expect(&f->service, "500");
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	request(&f->carrier, "INFO", NULL, "", NULL);
	expect(&f->carrier, "481"); /* now it is over */
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(info_with_dtmf),        T(message_and_notify_from_the_callee),
		T(nobody_answers),        T(the_call_ends_first),
		T(connection_goes_first), T(bounded),
		T(outside_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
