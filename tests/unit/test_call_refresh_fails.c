/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Session timers (RFC 4028 10): what becomes of our refresh when it is refused
 * or lost, crosses something else, or finds the peer elsewhere.
 */
#include "timer_fixture.h"

static struct leg *leg_of(const struct fx *f, enum sp_side side)
{
	const struct sp_call *call = list_ledata(list_head(&f->calls->calls));

	assert_non_null(call);
	return call->leg[side];
}

/** In how many milliseconds the next request to the peer comes; it is not taken. */
static unsigned wait_for_one(struct fx *f, struct peer *peer, unsigned most_ms)
{
	unsigned ms = 0;

	while (peer->head == peer->tail && ms++ < most_ms)
		sp_loop_advance(f->loop, 1);
	return ms;
}

/* ---- refused, unanswered ---- */

static void unanswered_ends_both(void **state)
{
	static const char *const methods[] = {"UPDATE", "INVITE"};
	struct fx *f = *state;

	for (size_t i = 0; i < 2; i++) {
		first_refresh(f, methods[i]);
		wait_s(f, 31);
		both_quiet(f);
		wait_s(f, 1); /* timers B and F */
		expect_expired(f);
		next_call(f);
	}
}

/* RFC 3261 12.2.1.2 */
static void gone_ends_both(void **state)
{
	static const unsigned statuses[] = {408, 481};
	struct fx *f = *state;

	for (size_t i = 0; i < 2; i++) {
		respond(&f->service, first_refresh(f, "UPDATE"), statuses[i], NULL);
		expect_expired(f);
		next_call(f);
	}
}

/* A re-INVITE that only gets provisionals is taken back, then given up. */
static void ringing_ends_both(void **state)
{
	struct fx *f = *state;

	respond(&f->service, first_refresh(f, "INVITE"), 180, NULL);
	wait_s(f, 32);
	both_quiet(f);
	wait_s(f, 1);
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	wait_s(f, 32);
	expect_expired(f);
}

/* RFC 3311, RFC 3261 8.1.3: no UPDATE after all: re-INVITE, now and from now on. */
static void update_is_refused(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	respond(&f->service, first_refresh(f, "UPDATE"), 501, NULL);
	for (unsigned i = 0; i < 2; i++) {
		m = expect(&f->service, "INVITE");
		respond_as(&f->service, m, 200, "", ALLOW_UPDATE WE_REFRESH,
			   answer_of_peer(f, &f->service));
		expect(&f->service, "ACK");
		both_quiet(f);
		if (!i)
			wait_s(f, HALF_S);
	}
	hang_up(f);
}

/* session_refresh = "update": whatever its Allow says. */
static void update_without_allow(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->service, 600)->refresh = SP_REFRESH_UPDATE;
	make_call(f, "", WE_REFRESH);
	wait_s(f, HALF_S);
	respond(&f->service, expect(&f->service, "UPDATE"), 405, NULL);
	respond_as(&f->service, expect(&f->service, "INVITE"), 200, "", WE_REFRESH,
		   answer_of_peer(f, &f->service));
	expect(&f->service, "ACK");
	hang_up(f);
}

/* RFC 3261 14.1: 2.1 to 4 s where the Call-ID is ours, else 0 to 2 s, in units of 10 ms. */
static void glare_is_tried_again(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	unsigned ms, previous = 0, different = 0;

	m = first_refresh(f, "UPDATE");
	for (unsigned i = 0; i < 20; i++) {
		respond(&f->service, m, 491, NULL);
		ms = wait_for_one(f, &f->service, 10000);
		assert_in_range(ms, 2100, 4000);
		assert_int_equal(0, ms % 10);
		different += ms != previous;
		previous = ms;
		m = expect(&f->service, "UPDATE");
	}
	assert_true(different > 10);
	respond_as(&f->service, m, 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

static void glare_on_the_callers_leg(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->carrier, 600);
	make_call(f, ALLOW_UPDATE SUPPORTED "Session-Expires: 600;refresher=uas\r\n", "");
	wait_s(f, HALF_S);
	m = expect(&f->carrier, "UPDATE");
	for (unsigned i = 0; i < 20; i++) {
		unsigned ms;

		respond(&f->carrier, m, 491, NULL);
		ms = wait_for_one(f, &f->carrier, 10000);
		assert_in_range(ms, 0, 2000);
		assert_int_equal(0, ms % 10);
		m = expect(&f->carrier, "UPDATE");
	}
	respond_as(&f->carrier, m, 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

/* RFC 3261 14.2: while our re-INVITE is out, nobody else's offer begins. */
static void changes_cross_our_refresh(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "INVITE");

	request(&f->service, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	expect(&f->service, "491");
	request(&f->service, "ACK", NULL, "", NULL);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->carrier, "491");
	request(&f->carrier, "ACK", NULL, "", NULL);
	both_quiet(f);

	respond_as(&f->service, m, 200, "", WE_REFRESH, answer_of_peer(f, &f->service));
	expect(&f->service, "ACK");
	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH,
		   sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->carrier, "200");
	hang_up(f);
}

/* A change is on its way when the refresh is due: it waits, and need not be sent. */
static void refresh_waits_for_a_change(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	make_call(f, "", ALLOW_UPDATE WE_REFRESH);
	wait_s(f, HALF_S - 1);
	request(&f->service, "INVITE", NULL, SUPPORTED, sdp_of("198.51.100.7", KEY_B, "sendonly"));
	m = expect(&f->carrier, "INVITE");
	wait_s(f, 10);
	expect(&f->service, "100");
	both_quiet(f);
	respond(&f->carrier, m, 488, NULL);
	expect(&f->carrier, "ACK");
	expect(&f->service, "488");
	request(&f->service, "ACK", NULL, "", NULL);
	assert_in_range(wait_for_one(f, &f->service, 5000), 0, 2000);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

/* Refused for other reasons: some more times, and the end when none of them helps. */
static void refused_until_the_end(void **state)
{
	struct fx *f = *state;
	unsigned n = 0, ms = 0;

	respond_as(&f->service, first_refresh(f, "UPDATE"), 503, "", "Retry-After: 7\r\n", NULL);
	wait_s(f, 6);
	both_quiet(f);
	wait_s(f, 1);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 503, "", "Retry-After: 9999\r\n",
		   NULL);
	while (ms < 261 * 1000) {
		const struct sp_sip_msg *m;

		ms += wait_for_one(f, &f->service, 261 * 1000);
		m = f->service.queue[f->service.head];
		if (!m || SP_SIP_BYE == m->method)
			break;
		respond(&f->service, expect(&f->service, "UPDATE"), 488, NULL);
		n++;
	}
	assert_int_equal(261 * 1000, ms);
	assert_in_range(n, 5, 30);
	expect_expired(f);
}

/* ---- the answer to a re-INVITE ---- */

static void peer_has_moved(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "INVITE"), *again;
	const struct sp_sdp *heard;
	char addr[64];

	f->service.host = "other.service.example"; /* its Contact too: RFC 3261 12.2.1.2 */
	respond_as(&f->service, m, 200, "", WE_REFRESH,
		   sdp_answer("198.51.100.99", KEY_A, "sendrecv"));
	expect(&f->service, "ACK");
	both_quiet(f);
	heard = leg_of(f, SP_SIDE_CALLEE)->dlg->heard;
	re_snprintf(addr, sizeof(addr), "%j", &sp_sdp_media(heard, 0)->rtp);
	assert_string_equal(addr, "198.51.100.99");

	wait_s(f, HALF_S); /* what we tell it is what it was */
	again = expect(&f->service, "INVITE");
	assert_same_description(m, again);
	assert_int_equal(0, pl_strcmp(&again->uri.host, "other.service.example"));
	respond_as(&f->service, again, 200, "", WE_REFRESH,
		   sdp_answer("198.51.100.99", KEY_A, "inactive"));
	expect(&f->service, "ACK");
	assert_int_equal(SP_SDP_INACTIVE, leg_of(f, SP_SIDE_CALLEE)->dlg->dir);
	hang_up(f);
}

/* The relay is told: an address that it cannot reach ends the call. */
static void peer_has_moved_out_of_reach(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "INVITE");
	char answer[1024];

	re_snprintf(answer, sizeof(answer),
		    "v=0\r\no=- 1 2 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\n"
		    "m=audio 40000 RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
		    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "\r\na=sendrecv\r\n");
	respond_as(&f->service, m, 200, "", WE_REFRESH, answer);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	assert_non_null(strstr(f->log, "cause=\"the media relay could not be set up\""));
	expect_clean(f);
}

static void answer_does_not_fit(void **state)
{
	struct fx *f = *state;
	char answer[2048];

	first_refresh(f, "INVITE");
	re_snprintf(answer, sizeof(answer), "%sm=video 0 RTP/SAVP 96\r\n",
		    sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	respond_as(&f->service, f->service.queue[f->service.head - 1], 200, "", WE_REFRESH, answer);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3261 13.2.2.4: its ACK was lost. */
static void answer_comes_again(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "INVITE");

	for (unsigned i = 0; i < 2; i++) {
		respond_as(&f->service, m, 200, "", WE_REFRESH, answer_of_peer(f, &f->service));
		assert_int_equal(m->cseq, expect(&f->service, "ACK")->cseq);
		both_quiet(f);
		wait_s(f, 10);
	}
	wait_s(f, HALF_S - 20); /* and it is no further refresh */
	expect(&f->service, "INVITE");
	respond(&f->service, f->service.queue[f->service.head - 1], 481, NULL);
	expect(&f->service, "ACK");
	expect_expired(f);
}

/* A hold is answered while nobody refreshes: the answer is what counts (RFC 3264 8.4). */
static void refresh_during_hold(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *hold, *m;

	timer_on(f, &f->service, 600);
	f->conf->limits.media_timeout_s = 60;
	make_call(f, "", WE_REFRESH);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	hold = expect(&f->service, "INVITE");
	respond_as(&f->service, hold, 200, "", WE_REFRESH,
		   sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	wait_s(f, HALF_S);
	m = expect(&f->service, "INVITE");
	assert_same_description(hold, m);
	respond_as(&f->service, m, 200, "", WE_REFRESH,
		   sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	wait_s(f, HALF_S - 1);
	hang_up(f);
}

/* ---- hanging up ---- */

static void bye_crosses_our_refresh(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "INVITE"), *bye;

	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	bye = expect(&f->service, "BYE");
	respond_as(&f->service, m, 200, "", WE_REFRESH, answer_of_peer(f, &f->service));
	assert_int_equal(m->cseq, expect(&f->service, "ACK")->cseq);
	respond(&f->service, bye, 200, NULL);
	expect_clean(f);
	both_quiet(f);
}

static void peer_hangs_up_instead(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "UPDATE");

	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, m, 481, NULL);
	expect_clean(f);
	both_quiet(f);
}

/* RFC 5923: the connection went with our refresh: on another one. */
static void connection_is_lost(void **state)
{
	struct fx *f = *state;

	first_refresh(f, "UPDATE");
	peer_disconnect(&f->service);
	peer_connect(&f->service);
	assert_in_range(wait_for_one(f, &f->service, 5000), 1000, 2000);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

static void no_connection_at_all(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->service, 600);
	make_call(f, "", ALLOW_UPDATE WE_REFRESH);
	peer_disconnect(&f->service);
	wait_s(f, HALF_S + 1);
	assert_int_equal(1, calls_now(f));
	assert_non_null(strstr(f->log, "session_refresh_failed"));
	peer_connect(&f->service);
	assert_in_range(wait_for_one(f, &f->service, 120 * 1000), 1, 90 * 1000);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH, NULL);
	peer_disconnect(&f->service); /* and for good */
	wait_s(f, 568 + 64);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect_clean(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(unanswered_ends_both),
		T(gone_ends_both),
		T(ringing_ends_both),
		T(update_is_refused),
		T(update_without_allow),
		T(glare_is_tried_again),
		T(glare_on_the_callers_leg),
		T(changes_cross_our_refresh),
		T(refresh_waits_for_a_change),
		T(refused_until_the_end),
		T(peer_has_moved),
		T(peer_has_moved_out_of_reach),
		T(answer_does_not_fit),
		T(answer_comes_again),
		T(refresh_during_hold),
		T(bye_crosses_our_refresh),
		T(peer_hangs_up_instead),
		T(connection_is_lost),
		T(no_connection_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
