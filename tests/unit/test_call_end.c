/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every way for a call to end, and messages that cross on the way.
 */
#include "call_fixture.h"

static const char request_uri[] = "sip:" SERVICE_NUMBER "@gw.example.net;user=phone";

static void cancel(struct fx *f)
{
	request(&f->carrier, "CANCEL", request_uri,
		"Reason: Q.850;cause=16;text=\"inner host\"\r\n", NULL);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
}

/* RFC 3261 9.1: no CANCEL before a provisional. */
static void cancel_before_any_response(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *c;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	cancel(f);
	expect_silence(&f->service);
	respond(&f->service, inv, 100, NULL);
	c = expect(&f->service, "CANCEL");
	assert_int_equal(inv->cseq, c->cseq);
	assert_non_null(strstr(c->text, "Q.850;cause=16"));
	assert_null(strstr(c->text, "inner host"));
	respond(&f->service, c, 200, NULL);
	respond(&f->service, inv, 487, NULL);
	expect(&f->service, "ACK");
	expect_clean(f);
}

static void cancel_while_ringing(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	cancel(f);
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	respond(&f->service, inv, 487, NULL);
	expect(&f->service, "ACK");
	expect_silence(&f->carrier);
	expect_clean(f);
}

/* CANCEL and 200 cross: the late 200 is acknowledged and hung up. */
static void cancel_crosses_answer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	cancel(f);
	expect(&f->service, "CANCEL");
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_silence(&f->carrier);
	expect_clean(f);
}

static void cancelled_callee_never_answers(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	cancel(f);
	expect(&f->service, "CANCEL");
	expect_clean(f);
}

static void callee_hangs_up(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	request(&f->service, "BYE", NULL, "Reason: Q.850;cause=31\r\n", NULL);
	expect(&f->service, "200");
	m = expect(&f->carrier, "BYE");
	assert_non_null(strstr(m->text, "Reason: Q.850;cause=31"));
	respond(&f->carrier, m, 200, NULL);
	expect_clean(f);
}

/* RFC 3261 15: no BYE to the caller before its ACK. */
static void callee_hangs_up_before_the_ack(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	expect_silence(&f->carrier);
	request(&f->carrier, "ACK", NULL, "", NULL);
	m = expect(&f->carrier, "BYE");
	respond(&f->carrier, m, 200, NULL);
	expect_clean(f);
}

/* RFC 3261 15: the caller may BYE an early dialog. */
static void early_bye_of_the_caller(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	learn(&f->carrier, expect(&f->carrier, "180"));
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	respond(&f->service, inv, 487, NULL);
	expect_clean(f);
}

static void both_hang_up_at_once(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	expect(&f->service, "BYE");
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	expect_silence(&f->carrier);
	expect_clean(f);
}

static void bye_never_answered(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	expect(&f->service, "BYE");
	assert_int_equal(1, calls_now(f));
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	assert_int_equal(0, calls_now(f));
	expect_clean(f);
}

static void no_media_ends_the_call(void **state)
{
	struct fx *f = *state;
	struct sp_calls_count count;

	establish(f);
	sp_loop_advance(f->loop, 62 * 1000);
	assert_non_null(strstr(expect(&f->carrier, "BYE")->text, "Reason: SIP;cause=408"));
	expect(&f->service, "BYE");
	sp_calls_count(f->calls, &count);
	assert_int_equal(1, count.silent);
	assert_non_null(strstr(f->log, "no media from"));
	expect_clean(f);
}

/* RFC 3261 18.1.1, 5923: another connection of the same trunk carries the dialog on. */
static void connection_lost_and_made_anew(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	peer_disconnect(&f->service);
	peer_connect(&f->service);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	m = expect(&f->service, "BYE");
	respond(&f->service, m, 200, NULL);
	expect_clean(f);
}

static void connection_lost_for_good(void **state)
{
	struct fx *f = *state;

	establish(f);
	peer_disconnect(&f->service);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	sp_loop_advance(f->loop, 60000);
	assert_int_equal(0, calls_now(f));
	assert_non_null(strstr(f->log, "bye_lost"));
	expect_clean(f);
}

/* A stolen tag is worth nothing on another trunk's connection. */
static void another_trunk_cannot_speak_to_a_leg(void **state)
{
	struct fx *f = *state;
	struct peer thief;

	establish(f);
	thief = f->service;
	strcpy(thief.call_id, f->carrier.call_id);
	strcpy(thief.tag, f->carrier.tag);
	strcpy(thief.remote_tag, f->carrier.remote_tag);
	thief.cseq = f->carrier.cseq + 10;
	request(&thief, "BYE", NULL, "", NULL);
	expect(&f->service, "481");
	assert_int_equal(1, calls_now(f));
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3261 12.2.2 */
static void old_sequence_numbers_are_refused(void **state)
{
	struct fx *f = *state;

	establish(f);
	f->carrier.cseq = 0;
	request(&f->carrier, "BYE", NULL, "", NULL);
	assert_non_null(strstr(expect(&f->carrier, "500")->text, "Retry-After:"));
	assert_int_equal(1, calls_now(f));
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3261 13.2.2.4: a 2xx that comes again is acknowledged again. */
static void repeated_answer_is_acknowledged_again(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	const char *answer = sdp_answer("198.51.100.7", KEY_B, "sendrecv");

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 200, answer);
	expect(&f->service, "ACK");
	respond(&f->service, inv, 200, answer);
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	expect_silence(&f->carrier);
	request(&f->carrier, "ACK", NULL, "", NULL);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* Whether the BYE arrived is not known when its connection goes: it is sent once more. */
static void bye_is_lost_with_its_connection(void **state)
{
	struct fx *f = *state;
	uint32_t cseq;

	establish(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	cseq = expect(&f->service, "BYE")->cseq;
	for (unsigned i = 1; i <= 3; i++) { /* each new connection goes as well */
		peer_disconnect(&f->service);
		peer_connect(&f->service);
		sp_loop_advance(f->loop, 0);
		assert_int_equal(cseq + i, expect(&f->service, "BYE")->cseq);
	}
	peer_disconnect(&f->service); /* but not for ever */
	peer_connect(&f->service);
	sp_loop_advance(f->loop, 0);
	expect_silence(&f->service);
	assert_non_null(strstr(f->log, "bye_lost"));
	assert_int_equal(0, calls_now(f));
	expect_clean(f);
}

/* The ACK of the 2xx comes after a re-INVITE that was too early (RFC 3261 14.2). */
static void ack_comes_after_a_refused_change(void **state)
{
	struct fx *f = *state;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "inactive"));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->carrier, "500");
	f->carrier.cseq--;
	request(&f->carrier, "ACK", NULL, "", NULL);
	f->carrier.cseq++;
	sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	expect_silence(&f->carrier);
	assert_int_equal(1, calls_now(f));
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(cancel_before_any_response),
		T(cancel_while_ringing),
		T(cancel_crosses_answer),
		T(cancelled_callee_never_answers),
		T(callee_hangs_up),
		T(callee_hangs_up_before_the_ack),
		T(early_bye_of_the_caller),
		T(both_hang_up_at_once),
		T(bye_never_answered),
		T(no_media_ends_the_call),
		T(connection_lost_and_made_anew),
		T(connection_lost_for_good),
		T(another_trunk_cannot_speak_to_a_leg),
		T(old_sequence_numbers_are_refused),
		T(repeated_answer_is_acknowledged_again),
		T(bye_is_lost_with_its_connection),
		T(ack_comes_after_a_refused_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
