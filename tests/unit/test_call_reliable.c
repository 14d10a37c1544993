/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reliable provisionals on each leg by itself (RFC 3262), offers in PRACK and
 * UPDATE before the answer (RFC 3311, RFC 6337 2.2).
 */
#include "call_fixture.h"

#define REL "Require: 100rel\r\nRSeq: %u\r\n"
#define SUPPORTED "Supported: 100rel\r\nAllow: INVITE, UPDATE, PRACK\r\n"

static void use(struct fx *f, enum sp_conf_use carrier, enum sp_conf_use service)
{
	f->confv[0].reliable = carrier;
	f->confv[1].reliable = service;
}

static const char *offer(void)
{
	return sdp_of("192.0.2.7", KEY_A, "sendrecv");
}

static const char *answer(void)
{
	return sdp_answer("198.51.100.7", KEY_B, "sendrecv");
}

static const struct sp_sip_msg *call_service(struct fx *f, const char *extra, const char *sdp)
{
	invite(&f->carrier, SERVICE_NUMBER, extra, sdp);
	expect(&f->carrier, "100");
	return expect(&f->service, "INVITE");
}

/** A reliable provisional of the service. */
static void ring(struct fx *f, const struct sp_sip_msg *inv, unsigned status, unsigned rseq,
		 const char *sdp)
{
	char extra[128];

	re_snprintf(extra, sizeof(extra), REL "Allow: INVITE, UPDATE, PRACK\r\n", rseq);
	respond_as(&f->service, inv, status, "", extra, sdp);
}

static const char *value_of(const struct sp_sip_msg *m, const char *name)
{
	static char buf[256];
	const struct sp_sip_hdr *h = sp_sip_msg_named(m, name);

	if (!h)
		return NULL;
	(void)pl_strcpy(&h->value, buf, sizeof(buf));
	return buf;
}

static unsigned rseq_of(const struct sp_sip_msg *m)
{
	const char *v = value_of(m, "RSeq");

	assert_non_null(v);
	return (unsigned)strtoul(v, NULL, 10);
}

/** The carrier acknowledges a provisional. */
static void prack(struct fx *f, const struct sp_sip_msg *rsp, const char *sdp)
{
	char extra[64];

	learn(&f->carrier, rsp);
	re_snprintf(extra, sizeof(extra), "RAck: %u 1 INVITE\r\n", rseq_of(rsp));
	request(&f->carrier, "PRACK", NULL, extra, sdp);
}

static void take_prack(struct fx *f, const char *rack)
{
	const struct sp_sip_msg *m = expect(&f->service, "PRACK");

	assert_string_equal(rack, value_of(m, "RAck"));
	respond(&f->service, m, 200, NULL);
}

static void ack(struct fx *f)
{
	/* in the INVITE's number, whatever came in between */
	f->carrier.cseq = 1;
	request(&f->carrier, "ACK", NULL, "", NULL);
	f->carrier.cseq = 20;
}

static void answer_and_hang_up(struct fx *f, const struct sp_sip_msg *inv, const char *sdp)
{
	respond(&f->service, inv, 200, sdp);
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	ack(f);
	assert_int_equal(1, calls_now(f));
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* 4: the callee's is acknowledged here; a caller without 100rel hears nothing of it. */
static void reliable_callee_plain_caller(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	use(f, SP_USE_SUPPORTED, SP_USE_SUPPORTED);
	inv = call_service(f, "", offer());
	assert_true(sp_sip_msg_lists(inv, SP_HDR_SUPPORTED, "100rel"));
	ring(f, inv, 183, 700, answer());
	take_prack(f, "700 1 INVITE");
	m = expect(&f->carrier, "183");
	assert_null(value_of(m, "RSeq"));
	assert_null(value_of(m, "Require"));
	assert_non_null(strstr(m->body.p, "m=audio"));
	ring(f, inv, 183, 700, answer()); /* again: neither acknowledged nor relayed again */
	ring(f, inv, 180, 702, NULL);     /* out of order: must not be (section 4) */
	expect_silence(&f->service);
	expect_silence(&f->carrier);
	ring(f, inv, 180, 701, NULL);
	take_prack(f, "701 1 INVITE");
	expect(&f->carrier, "180");
	answer_and_hang_up(f, inv, NULL);
}

/* 3: a caller with 100rel gets reliable ones of ours, whatever the callee sends. */
static void plain_callee_reliable_caller(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m, *again;
	unsigned rseq;

	use(f, SP_USE_SUPPORTED, SP_USE_OFF);
	inv = call_service(f, SUPPORTED, offer());
	assert_false(sp_sip_msg_lists(inv, SP_HDR_SUPPORTED, "100rel"));
	respond(&f->service, inv, 180, NULL);
	respond(&f->service, inv, 183, answer());
	m = expect(&f->carrier, "180");
	assert_string_equal("100rel", value_of(m, "Require"));
	rseq = rseq_of(m);
	expect_silence(&f->carrier); /* one at a time */
	sp_loop_advance(f->loop, SP_SIP_T1_MS);
	again = expect(&f->carrier, "180");
	assert_int_equal(rseq, rseq_of(again));
	prack(f, m, NULL);
	expect(&f->carrier, "200");
	m = expect(&f->carrier, "183");
	assert_int_equal(rseq + 1, rseq_of(m));
	prack(f, again, NULL); /* of one that is acknowledged already */
	expect(&f->carrier, "481");
	prack(f, m, NULL);
	expect(&f->carrier, "200");
	respond(&f->service, inv, 200, answer());
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_int_equal(0, m->body.l); /* RFC 6337 3.1: it has its answer */
	learn(&f->carrier, m);
	ack(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* 3: a 2xx must not overtake a description that is not acknowledged. */
static void answer_waits_for_prack(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	use(f, SP_USE_SUPPORTED, SP_USE_OFF);
	inv = call_service(f, SUPPORTED, offer());
	respond(&f->service, inv, 183, answer());
	m = expect(&f->carrier, "183");
	respond(&f->service, inv, 200, answer());
	expect(&f->service, "ACK");
	expect_silence(&f->carrier);
	prack(f, m, NULL);
	assert_int_equal(SP_SIP_PRACK, expect(&f->carrier, "200")->method);
	m = expect(&f->carrier, "200");
	assert_int_equal(SP_SIP_INVITE, m->method);
	learn(&f->carrier, m);
	ack(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* The same, and the caller gives up, or the callee hangs up, before the 2xx is out. */
static void waiting_answer_is_cancelled(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	for (unsigned i = 0; i < 2; i++) {
		use(f, SP_USE_SUPPORTED, SP_USE_OFF);
		f->service.tag[0] = '\0';
		inv = call_service(f, SUPPORTED, offer());
		respond(&f->service, inv, 183, answer());
		expect(&f->carrier, "183");
		respond(&f->service, inv, 200, answer());
		expect(&f->service, "ACK");
		if (i) {
			request(&f->service, "BYE", NULL, "", NULL);
			expect(&f->service, "200");
		} else {
			request(&f->carrier, "CANCEL",
				"sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "", NULL);
			expect(&f->carrier, "200");
			respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
		}
		expect(&f->carrier, "487");
		expect_clean(f);
		f->carrier.cseq = 0;
	}
}

/* 3: no PRACK for 64 T1: the INVITE is refused with a 5xx. */
static void never_acknowledged(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	use(f, SP_USE_SUPPORTED, SP_USE_OFF);
	inv = call_service(f, SUPPORTED, offer());
	respond(&f->service, inv, 180, NULL);
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	for (unsigned i = 0; i < 7; i++) /* at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s */
		expect(&f->carrier, "180");
	expect(&f->carrier, "504");
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	respond(&f->service, inv, 487, NULL);
	expect(&f->service, "ACK");
	expect_clean(f);
}

/* RFC 3262 5: offer in the 183, answer in PRACK, when both sides have 100rel. */
static void delayed_offer_in_a_provisional(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	use(f, SP_USE_SUPPORTED, SP_USE_SUPPORTED);
	inv = call_service(f, SUPPORTED, NULL);
	ring(f, inv, 183, 9, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect_silence(&f->service); /* our PRACK needs the answer */
	m = expect(&f->carrier, "183");
	assert_non_null(strstr(m->body.p, "m=audio"));
	assert_null(strstr(m->body.p, KEY_B));
	prack(f, m, sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "200");
	m = expect(&f->service, "PRACK");
	assert_string_equal("9 1 INVITE", value_of(m, "RAck"));
	assert_non_null(strstr(m->body.p, "m=audio"));
	assert_null(strstr(m->body.p, KEY_A));
	respond(&f->service, m, 200, NULL);
	answer_and_hang_up(f, inv, NULL);
}

/* Without 100rel at the caller the callee is not offered it: its offer comes in the 2xx. */
static void delayed_offer_without_100rel(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	use(f, SP_USE_SUPPORTED, SP_USE_SUPPORTED);
	inv = call_service(f, "", NULL);
	assert_false(sp_sip_msg_lists(inv, SP_HDR_SUPPORTED, "100rel"));
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect_clean(f);
}

/** Both legs have agreed on a session before the answer. */
static const struct sp_sip_msg *early_session(struct fx *f)
{
	const struct sp_sip_msg *inv, *m;

	use(f, SP_USE_SUPPORTED, SP_USE_SUPPORTED);
	inv = call_service(f, SUPPORTED, offer());
	ring(f, inv, 183, 1, answer());
	take_prack(f, "1 1 INVITE");
	m = expect(&f->carrier, "183");
	prack(f, m, NULL);
	expect(&f->carrier, "200");
	return inv;
}

/* RFC 3311 5.1: UPDATE of either side in the early dialog, then the answer. */
static void early_update(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = early_session(f), *m;

	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.9", KEY_A, "sendonly"));
	m = expect(&f->service, "UPDATE");
	assert_non_null(strstr(m->body.p, "a=sendonly"));
	assert_null(strstr(m->body.p, "192.0.2.9"));
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	m = expect(&f->carrier, "200");
	assert_int_equal(SP_SIP_UPDATE, m->method);
	assert_non_null(strstr(m->body.p, "a=recvonly"));

	request(&f->service, "UPDATE", NULL, "", sdp_of("198.51.100.9", KEY_B, "sendrecv"));
	m = expect(&f->carrier, "UPDATE");
	request(&f->service, "UPDATE", NULL, "", sdp_of("198.51.100.9", KEY_B, "inactive"));
	expect(&f->service, "500"); /* 5.2: its first is not answered */
	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.9", KEY_A, "inactive"));
	expect(&f->carrier, "491");
	respond(&f->carrier, m, 488, NULL);
	assert_int_equal(SP_SIP_UPDATE, expect(&f->service, "488")->method);
	answer_and_hang_up(f, inv, NULL);
}

/* The answer overtakes an UPDATE, and its response comes when the call is up. */
static void early_update_answered_late(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = early_session(f), *m, *update;

	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.9", KEY_A, "sendonly"));
	update = expect(&f->service, "UPDATE");
	respond(&f->service, inv, 200, NULL);
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_int_equal(SP_SIP_INVITE, m->method);
	learn(&f->carrier, m);
	ack(f);
	request(&f->service, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	expect(&f->service, "491");
	request(&f->service, "ACK", NULL, "", NULL);
	respond(&f->service, update, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	assert_int_equal(SP_SIP_UPDATE, expect(&f->carrier, "200")->method);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3262 5: PRACK with a new offer goes on as UPDATE; its answer is in the 200 to PRACK. */
static void offer_in_prack(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	use(f, SP_USE_SUPPORTED, SP_USE_SUPPORTED);
	inv = call_service(f, SUPPORTED, offer());
	ring(f, inv, 183, 1, answer());
	take_prack(f, "1 1 INVITE");
	prack(f, expect(&f->carrier, "183"), sdp_of("192.0.2.9", KEY_A, "sendonly"));
	m = expect(&f->service, "UPDATE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	m = expect(&f->carrier, "200");
	assert_int_equal(SP_SIP_PRACK, m->method);
	assert_non_null(strstr(m->body.p, "a=recvonly"));
	answer_and_hang_up(f, inv, NULL);
}

/* The call fails, or is cancelled, while an early UPDATE is on its way. */
static void early_update_and_the_end(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = early_session(f);

	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.9", KEY_A, "sendonly"));
	expect(&f->service, "UPDATE");
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	assert_int_equal(SP_SIP_UPDATE, expect(&f->carrier, "487")->method);
	assert_int_equal(SP_SIP_INVITE, expect(&f->carrier, "486")->method);
	expect_clean(f);
}

/* The trunk's setting: off refuses Require, required refuses those who lack it. */
static void by_the_trunks_setting(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	use(f, SP_USE_OFF, SP_USE_OFF);
	invite(&f->carrier, SERVICE_NUMBER, "Require: 100rel\r\n", offer());
	assert_string_equal("100rel", value_of(expect(&f->carrier, "420"), "Unsupported"));
	f->carrier.cseq = 0;
	m = call_service(f, SUPPORTED, offer());
	respond(&f->service, m, 180, NULL);
	assert_null(value_of(expect(&f->carrier, "180"), "RSeq"));
	respond(&f->service, m, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	request(&f->carrier, "ACK", NULL, "", NULL);

	use(f, SP_USE_REQUIRED, SP_USE_REQUIRED);
	invite(&f->carrier, SERVICE_NUMBER, "", offer());
	assert_string_equal("100rel", value_of(expect(&f->carrier, "421"), "Require"));
	f->carrier.cseq = 0;
	f->service.tag[0] = '\0';
	m = call_service(f, SUPPORTED, offer());
	assert_string_equal("100rel", value_of(m, "Require"));
	respond(&f->service, m, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect_clean(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	const struct CMUnitTest tests[] = {
		T(reliable_callee_plain_caller), T(plain_callee_reliable_caller),
		T(answer_waits_for_prack),       T(waiting_answer_is_cancelled),
		T(never_acknowledged),           T(delayed_offer_in_a_provisional),
		T(delayed_offer_without_100rel), T(early_update),
		T(early_update_answered_late),   T(offer_in_prack),
		T(early_update_and_the_end),     T(by_the_trunks_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
