/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Delayed offers: INVITE without a description, the offer in the 2xx, the
 * answer in the ACK (RFC 3261 13.2.1, RFC 3264).
 */
#include "call_fixture.h"

static void hang_up(struct fx *f)
{
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/** The carrier calls without an offer; the service answers with one. */
static const struct sp_sip_msg *offered(struct fx *f, const char *offer)
{
	const struct sp_sip_msg *inv, *ok;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	assert_int_equal(0, inv->body.l);
	respond(&f->service, inv, 200, offer);
	ok = expect(&f->carrier, "200");
	learn(&f->carrier, ok);
	return ok;
}

static void offer_in_200_answer_in_ack(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	m = offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect_silence(&f->service); /* the ACK waits for the caller's */
	assert_non_null(strstr(m->body.p, "a=crypto:1 "));
	assert_null(strstr(m->body.p, "198.51.100.7"));
	assert_null(strstr(m->body.p, KEY_B));
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_non_null(strstr(m->body.p, "a=crypto:7 ")); /* the tag of its offer */
	assert_null(strstr(m->body.p, "192.0.2.7"));
	assert_null(strstr(m->body.p, KEY_A));
	assert_int_equal(1, calls_now(f));
	assert_int_equal(1, sp_ports_used(f->portsv[0]));
	hang_up(f);
}

/* Media is watched as after any answer. */
static void silence_after_a_delayed_answer(void **state)
{
	struct fx *f = *state;

	offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->service, "ACK");
	sp_loop_advance(f->loop, 62 * 1000);
	expect(&f->carrier, "BYE");
	expect(&f->service, "BYE");
	expect_clean(f);
}

static void ringing_carries_no_description(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 183, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	assert_int_equal(0, expect(&f->carrier, "183")->body.l);
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	expect_clean(f);
}

/* The callee's 2xx comes again while the caller's ACK is on its way. */
static void repeated_2xx_before_and_after_the_answer(void **state)
{
	struct fx *f = *state;
	const char *offer = sdp_of("198.51.100.7", KEY_B, "sendrecv");
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 200, offer);
	respond(&f->service, inv, 200, offer);
	learn(&f->carrier, expect(&f->carrier, "200"));
	expect_silence(&f->carrier);
	expect_silence(&f->service);
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	m = expect(&f->service, "ACK");
	respond(&f->service, inv, 200, offer);
	assert_int_equal(m->body.l, expect(&f->service, "ACK")->body.l); /* with its answer */
	hang_up(f);
}

/* RFC 3261 13.2.2.4: what has no good answer is acknowledged and hung up. */
static void ack_without_an_answer(void **state)
{
	struct fx *f = *state;

	offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	assert_int_equal(0, calls_now(f));
	expect_clean(f);
}

static void plain_offer_in_200(void **state)
{
	struct fx *f = *state;
	char sdp[1024];

	strcpy(sdp, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	memcpy(strstr(sdp, "SHA1_80"), "SHA1_32", 7);
	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	respond(&f->service, expect(&f->service, "INVITE"), 200, sdp);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	assert_non_null(strstr(expect(&f->carrier, "488")->text, "Warning:"));
	expect_clean(f);
}

static void ack_never_comes(void **state)
{
	struct fx *f = *state;
	struct sp_sip_msg *m;

	offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	while ((m = next_message(&f->carrier)) && !m->request)
		assert_int_equal(200, m->status);
	assert_non_null(m);
	assert_int_equal(SP_SIP_BYE, m->method);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

static void callee_hangs_up_before_the_answer(void **state)
{
	struct fx *f = *state;

	offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	expect_silence(&f->carrier); /* no BYE before its ACK */
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect_clean(f);
}

/* A re-INVITE without an offer: as session refreshes and transfers do. */
/* RFC 3261 13.2.2.4: another fork is acknowledged and hung up, ours waits for its answer. */
static void another_fork_offers_too(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	strcpy(f->service.tag, "one");
	respond(&f->service, inv, 200, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	learn(&f->carrier, expect(&f->carrier, "200"));
	strcpy(f->service.tag, "two");
	respond(&f->service, inv, 200, sdp_of("198.51.100.8", KEY_B, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "two"));
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_silence(&f->service);
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "one"));
	assert_non_null(strstr(m->body.p, "a=crypto:7 "));
	hang_up(f);
}

static void reinvite_without_an_offer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	request(&f->service, "INVITE", NULL, "", NULL);
	m = expect(&f->carrier, "INVITE");
	assert_int_equal(0, m->body.l);
	respond(&f->carrier, m, 200, sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "200");
	assert_non_null(strstr(m->body.p, "a=sendonly"));
	expect_silence(&f->carrier);
	request(&f->service, "ACK", NULL, "", sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	m = expect(&f->carrier, "ACK");
	assert_non_null(strstr(m->body.p, "a=recvonly"));
	sp_loop_advance(f->loop, 600 * 1000); /* held: nothing is watched */
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

static void refused_reinvite_without_an_offer(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", NULL);
	respond(&f->service, expect(&f->service, "INVITE"), 488, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "488");
	request(&f->carrier, "ACK", NULL, "", NULL);
	f->confv[0].refuse_delayed = true;
	request(&f->carrier, "INVITE", NULL, "", NULL);
	expect(&f->carrier, "488");
	expect_silence(&f->service);
	hang_up(f);
}

/* An ordinary change after a delayed one finds nothing left of it. */
static void changes_of_both_kinds(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	offered(f, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->service, "ACK");
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	assert_true(m->body.l > 0);
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	assert_int_equal(0, expect(&f->service, "ACK")->body.l);
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	hang_up(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(offer_in_200_answer_in_ack),
		T(silence_after_a_delayed_answer),
		T(ringing_carries_no_description),
		T(repeated_2xx_before_and_after_the_answer),
		T(ack_without_an_answer),
		T(plain_offer_in_200),
		T(ack_never_comes),
		T(callee_hangs_up_before_the_answer),
		T(another_fork_offers_too),
		T(reinvite_without_an_offer),
		T(refused_reinvite_without_an_offer),
		T(changes_of_both_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
