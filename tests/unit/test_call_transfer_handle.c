/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Blind transfers that the gateway carries out (transfer = "handle"): a third
 * leg, a re-INVITE to the party that stays, NOTIFY and BYE to the transferor
 * (RFC 3515, RFC 5589 6).
 */
#include "transfer_blind.h"

/* RFC 5589 6.1, whole; A is the one who was called. */
static void by_the_callee(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv, *m, *first;

	inv = begin(t, a);
	first = b->queue[b->head - 1]; /* the 200 to B */
	assert_non_null(strstr(inv->text, "\nFrom: <sip:+441632960099@edge.gw.example.net>;tag="));
	assert_non_null(strstr(inv->text, "\nTo: <sip:" DESK_NUMBER "@sbc.desk.example>\r"));
	assert_header(inv, "Referred-By", "<sip:+441632960001@edge.gw.example.net>");
	assert_header(inv, "X-Tenant", "t-2"); /* of the number that is called now */
	assert_null(sp_sip_msg_named(inv, "Replaces"));
	assert_hidden(inv, "192.0.2.7");
	assert_hidden(inv, "carrier.example");
	assert_hidden(inv, "service.example");
	assert_non_null(strstr(inv->body.p, "a=sendrecv"));
	respond(c, inv, 180, NULL);
	told(a, "SIP/2.0 180 Ringing\r\n", false);
	respond(c, inv, 180, NULL); /* nothing new */
	expect_silence(a);
	expect_silence(b);
	assert_int_equal(1, sp_trunk_calls(t->trunkv[DESK]));
	assert_int_equal(1, sp_trunk_calls(t->trunkv[SERVICE]));

	respond(c, inv, 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	assert_fresh(first, m);
	assert_hidden(m, "203.0.113");
	assert_hidden(m, "desk.example");
	respond(b, m, 200, b_answers(t, b));
	expect(b, "ACK");
	told(a, "SIP/2.0 200 OK\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
	sp_loop_turn(t->f->loop);
	assert_non_null(strstr(t->f->log, "transfer_start"));
	assert_non_null(strstr(t->f->log, "transfer_done"));
	assert_int_equal(0, sp_trunk_calls(t->trunkv[SERVICE]));
	assert_int_equal(2, list_count(&the_call(t)->legs));
	assert_int_equal(UP, the_call(t)->state);
	assert_int_equal(1, sp_ports_used(t->f->portsv[0]));
	assert_int_equal(1, sp_ports_used(t->f->portsv[1]));
	hang_up_by(t, c, b);
}

/* The transferor made the call: what stays is the leg that it called. */
static void by_the_caller(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	const struct sp_sip_msg *inv;

	inv = begin(t, a);
	assert_non_null(strstr(inv->text, "\nFrom: <sip:+441632960001@edge.gw.example.net>;tag="));
	assert_header(inv, "Referred-By", "<sip:+441632960099@edge.gw.example.net>");
	finish(t, a, b, inv, b_answers(t, b));
	assert_null(the_call(t)->caller);
	/* and the call is one like any other: hold, by the one who came */
	request(c, "INVITE", NULL, "", sdp_of("203.0.113.7", KEY_C, "sendonly"));
	respond(b, expect(b, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(b, "ACK");
	expect(c, "200");
	request(c, "ACK", NULL, "", NULL);
	hang_up_by(t, b, c);
}

/* And who was transferred may transfer in turn: the desk sends B back to the service. */
static void twice(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	finish(t, a, b, begin(t, a), b_answers(t, b));
	a->tag[0] = a->remote_tag[0] = '\0';
	a->crypto = 0;
	refer(c, "<sip:" SERVICE_NUMBER "@gw.example.net>", "");
	expect(c, "202");
	told(c, "SIP/2.0 100 Trying\r\n", false);
	m = expect(a, "INVITE");
	assert_non_null(strstr(m->text, "\nFrom: <sip:+441632960099@edge.gw.example.net>;tag="));
	assert_header(m, "Referred-By", "<sip:" DESK_NUMBER "@edge.gw.example.net>");
	respond(a, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(a, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answers(t, b));
	expect(b, "ACK");
	told(c, "SIP/2.0 200 OK\r\n", true);
	respond(c, expect(c, "BYE"), 200, NULL);
	sp_loop_turn(t->f->loop);
	assert_int_equal(2, list_count(&the_call(t)->legs));
	hang_up_by(t, a, b);
}

/* B was put on hold before: C gets an offer of somebody who talks (RFC 5589 6.1). */
static void from_hold(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *inv;

	establish(t->f);
	request(a, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "inactive"));
	respond(b, expect(b, "INVITE"), 200, sdp_answer("192.0.2.7", KEY_A, "inactive"));
	expect(b, "ACK");
	expect(a, "200");
	request(a, "ACK", NULL, "", NULL);
	refer(a, "<tel:" DESK_NUMBER ">", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	inv = expect(&t->desk, "INVITE");
	assert_non_null(strstr(inv->body.p, "a=sendrecv"));
	finish(t, a, b, inv, b_answers(t, b));
	assert_non_null(strstr(b->queue[b->head - 2]->body.p, "a=sendrecv"));
	hang_up_by(t, b, &t->desk);
}

/* RFC 3323: who was anonymous stays so. */
static void anonymous(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	t->confv[DESK].trusted = true;
	invite(b, SERVICE_NUMBER, "Privacy: id\r\n", SDP_B);
	expect(b, "100");
	respond(a, expect(a, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(a, "ACK");
	learn(b, expect(b, "200"));
	request(b, "ACK", NULL, "", NULL);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	m = expect(&t->desk, "INVITE");
	assert_hidden(m, "960099");
	assert_non_null(strstr(m->text, "\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>"));
	assert_header(m, "Privacy", "id");
	respond(&t->desk, m, 486, NULL);
	expect(&t->desk, "ACK");
	told(a, "SIP/2.0 486 Busy Here\r\n", true);
	hang_up_by(t, a, b);
}

/* RFC 3515 2.4.5: each failure is told, and the call goes on as it was. */
static void failures(void **state)
{
	static const struct {
		unsigned status;
		const char *line;
	} cases[] = {
		{486, "SIP/2.0 486 Busy Here\r\n"},
		{407, "SIP/2.0 502 Bad Gateway\r\n"},
		{302, "SIP/2.0 480 Temporarily Unavailable\r\n"},
		{603, "SIP/2.0 603 Decline\r\n"},
	};
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	establish(t->f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
		expect(a, "202");
		told(a, "SIP/2.0 100 Trying\r\n", false);
		c->tag[0] = '\0';
		m = expect(c, "INVITE");
		respond(c, m, cases[i].status, NULL);
		expect(c, "ACK");
		told(a, cases[i].line, true);
		assert_int_equal(UP, the_call(t)->state);
		sp_loop_turn(t->f->loop);
		assert_int_equal(2, list_count(&the_call(t)->legs));
	}
	assert_non_null(strstr(t->f->log, "transfer_failed"));
	request(b, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly")); /* still works */
	respond(a, expect(a, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(a, "ACK");
	expect(b, "200");
	request(b, "ACK", NULL, "", NULL);
	hang_up_by(t, a, b);
}

/* RFC 3515 2.4.6: the second REFER in a dialog is told apart by its CSeq. */
static void the_id(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier;
	const struct sp_sip_msg *m;
	char want[32];

	establish(t->f);
	for (unsigned i = 0; i < 2; i++) {
		refer(a, "<sip:+15551234@gw.example.net>", "");
		re_snprintf(want, sizeof(want), "refer;id=%u", a->cseq);
		expect(a, "202");
		m = expect(a, "NOTIFY");
		assert_header(m, "Event", i ? want : "refer");
		respond(a, m, 200, NULL);
		m = expect(a, "NOTIFY"); /* the number is not in the table */
		assert_body(m, "SIP/2.0 404 Not Found\r\n");
		respond(a, m, 481, NULL); /* whatever: RFC 6665 4.1.3 */
	}
	hang_up_by(t, a, &t->f->service);
}

/* Provisionals wait for the answer to the NOTIFY before; of several the last is sent. */
static void notifies_one_at_a_time(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv, *trying;

	establish(t->f);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	trying = expect(a, "NOTIFY");
	inv = expect(c, "INVITE");
	respond(c, inv, 181, NULL);
	respond(c, inv, 180, NULL);
	respond(c, inv, 183, NULL);
	expect_silence(a);
	respond(a, trying, 200, NULL);
	told(a, "SIP/2.0 183 Session Progress\r\n", false);
	trying = NULL;
	respond(c, inv, 180, NULL);
	trying = expect(a, "NOTIFY");
	respond(c, inv, 486, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 486 Busy Here\r\n", true); /* the last one waits for none */
	respond(a, trying, 200, NULL);
	expect_silence(a);
	hang_up_by(t, a, b);
}

/* Timer C; then the CANCEL and the 2xx cross (RFC 3261 9.1, 15). */
static void nobody_answers(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	respond(c, inv, 180, NULL);
	told(a, "SIP/2.0 180 Ringing\r\n", false);
	sp_loop_advance(t->f->loop, 180 * 1000);
	told(a, "SIP/2.0 408 Request Timeout\r\n", true);
	respond(c, expect(c, "CANCEL"), 200, NULL);
	respond(c, inv, 200, SDP_C);
	expect(c, "ACK");
	respond(c, expect(c, "BYE"), 200, NULL);
	sp_loop_turn(t->f->loop);
	assert_int_equal(2, list_count(&the_call(t)->legs));
	expect_silence(b);
	hang_up_by(t, a, b);
}

static void no_connection(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;

	establish(t->f);
	peer_disconnect(&t->desk);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	sp_loop_advance(t->f->loop, 0);
	told(a, "SIP/2.0 503 Service Unavailable\r\n", true);
	hang_up_by(t, a, b);
}

static void over_the_limit(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service;

	t->confv[DESK].limits.calls = 1;
	assert_int_equal(SP_TRUNK_LIMIT_NONE,
			 sp_trunk_call_begin(t->trunkv[DESK], SP_TRUNK_OUT, NULL, false));
	establish(t->f);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	told(a, "SIP/2.0 503 Service Unavailable\r\n", true);
	expect_silence(&t->desk);
	sp_trunk_call_end(t->trunkv[DESK], SP_TRUNK_OUT);
	hang_up_by(t, a, &t->f->carrier);
}

/* RFC 3261 14.2: nothing else may change while a transfer is on its way. */
static void nothing_else_meanwhile(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "491");
	refer(b, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(b, "491");
	request(b, "UPDATE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(b, "491");
	respond(c, inv, 180, NULL);
	told(a, "SIP/2.0 180 Ringing\r\n", false);
	request(c, "UPDATE", NULL, "", sdp_of("203.0.113.7", KEY_C, "sendonly"));
	expect(c, "491");
	request(c, "BYE", NULL, "", NULL); /* RFC 3261 15: not on an early dialog of its own */
	expect(c, "481");
	sp_loop_advance(t->f->loop, 100 * 1000); /* media is not watched */
	assert_int_equal(REFERRED, the_call(t)->state);
	finish(t, a, b, inv, b_answers(t, b));
	hang_up_by(t, c, b);
}

/* RFC 3261 14.1: B's own re-INVITE crossed ours; after its time we ask again. */
static void glare_with_the_one_who_stays(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	respond(c, inv, 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 491, NULL);
	expect(b, "ACK");
	expect_silence(a);
	sp_loop_advance(t->f->loop, 2000);
	respond(b, expect(b, "INVITE"), 200, b_answers(t, b));
	expect(b, "ACK");
	told(a, "SIP/2.0 200 OK\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
	hang_up_by(t, c, b);
}

static void glare_without_end(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	for (unsigned i = 0; i < JOIN_TRIES; i++) {
		respond(b, expect(b, "INVITE"), 491, NULL);
		expect(b, "ACK");
		sp_loop_advance(t->f->loop, 2000);
	}
	told(a, "SIP/2.0 491 Request Pending\r\n", true);
	respond(c, expect(c, "BYE"), 200, NULL);
	hang_up_by(t, a, b);
}

/* B will not have C's codecs: A and B talk on, with the media that they had. */
static void refused_by_the_one_who_stays(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 488, NULL);
	expect(b, "ACK");
	told(a, "SIP/2.0 488 Not Acceptable Here\r\n", true);
	respond(c, expect(c, "BYE"), 200, NULL);
	assert_int_equal(UP, the_call(t)->state);
	assert_int_equal(1, sp_ports_used(t->f->portsv[0]));
	assert_int_equal(1, sp_ports_used(t->f->portsv[1]));
	hang_up_by(t, a, b);
}

/* RFC 3261 12.2.1.2: B does not know the dialog any more: then nobody has a call. */
static void lost_by_the_one_who_stays(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 481, NULL);
	expect(b, "ACK");
	told(a, "SIP/2.0 502 Bad Gateway\r\n", true);
	respond(c, expect(c, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 481, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/* The target's 200 has no description that we could use. */
static void useless_answer(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;

	respond(c, begin(t, a), 200, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 488 Not Acceptable Here\r\n", true);
	respond(c, expect(c, "BYE"), 200, NULL);
	expect_silence(b);
	hang_up_by(t, b, a);
}

/* ---- somebody hangs up ---- */

/* RFC 4028 7.3: the target wants a longer session timer, and gets it. */
static void longer_timer_for_the_target(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	const struct sp_sip_msg *m;

	t->confv[DESK].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 600, .min_s = 90};
	establish(t->f);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	m = expect(c, "INVITE");
	respond_as(c, m, 422, "", "Min-SE: 1800\r\n", NULL);
	expect(c, "ACK");
	m = expect(c, "INVITE");
	assert_non_null(strstr(m->text, "Min-SE: 1800\r\n"));
	assert_non_null(strstr(m->text, "Session-Expires: 1800"));
	finish(t, a, b, m, b_answers(t, b));
	hang_up_by(t, b, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, handle_setup, tf_teardown)
		T(by_the_callee),
		T(by_the_caller),
		T(longer_timer_for_the_target),
		T(twice),
		T(from_hold),
		T(anonymous),
		T(failures),
		T(the_id),
		T(notifies_one_at_a_time),
		T(nobody_answers),
		T(no_connection),
		T(over_the_limit),
		T(nothing_else_meanwhile),
		T(glare_with_the_one_who_stays),
		T(glare_without_end),
		T(refused_by_the_one_who_stays),
		T(lost_by_the_one_who_stays),
		T(useless_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
