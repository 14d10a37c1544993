/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attended transfers that the gateway carries out (RFC 5589 7, RFC 3891): A has
 * called B and, in another call, C; both get each other's description, A is hung
 * up in both calls, and one call is left.
 */
#include "transfer_fixture.h"

#define SDP_C sdp_answer("203.0.113.7", KEY_C, "sendrecv")

static int handle_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_HANDLE);
}

static void told(struct peer *a, const char *line)
{
	const struct sp_sip_msg *m = expect(a, "NOTIFY");

	assert_body(m, line);
	respond(a, m, 200, NULL);
}

/** A's two calls; the first of them is A's current dialog. */
static void two_calls(struct tf *t, struct aside *consult)
{
	struct peer *a = &t->f->carrier;

	memset(consult, 0, sizeof(*consult));
	tf_call(a, DESK_NUMBER, &t->desk, SDP_B, SDP_C);
	put_aside(a, consult);
	establish(t->f);
	assert_int_equal(2, calls_now(t->f));
}

/** A asks; C's re-INVITE is out. */
static const struct sp_sip_msg *begin(struct tf *t, struct aside *consult)
{
	struct peer *a = &t->f->carrier;

	two_calls(t, consult);
	refer_to_replaces(a, consult, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	return expect(&t->desk, "INVITE");
}

static const char *b_answer(void)
{
	return sdp_answer("198.51.100.7", KEY_B, "sendrecv");
}

static void leave(struct peer *a, struct aside *consult)
{
	told(a, "SIP/2.0 200 OK\r\n");
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, consult);
}

static void crypto_of(char buf[128], const struct sp_sip_msg *m)
{
	const char *p = strstr(m->body.p, "inline:");

	assert_non_null(p);
	re_snprintf(buf, 128, "%b", p, (size_t)47);
}

static void whole(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *to_c = begin(t, &consult), *to_b;
	char old[128], now[128];

	assert_non_null(to_c->to_tag.p); /* in C's own dialog */
	assert_int_equal(0, pl_strcmp(&to_c->call_id, c->call_id));
	assert_hidden(to_c, "198.51.100.7");
	assert_hidden(to_c, "192.0.2.7");
	crypto_of(old, c->queue[0]);
	crypto_of(now, to_c);
	assert_string_not_equal(old, now); /* RFC 4568 7.1.4 */
	respond(c, to_c, 200, SDP_C);
	expect(c, "ACK");
	to_b = expect(b, "INVITE");
	assert_hidden(to_b, "203.0.113.7");
	crypto_of(old, b->queue[0]);
	crypto_of(now, to_b);
	assert_string_not_equal(old, now);
	respond(b, to_b, 200, b_answer());
	expect(b, "ACK");
	leave(a, &consult);
	sp_loop_turn(t->f->loop);
	assert_int_equal(1, calls_now(t->f));
	assert_int_equal(0, sp_trunk_calls(t->trunkv[CARRIER]));
	assert_int_equal(1, sp_trunk_calls(t->trunkv[DESK]));
	assert_int_equal(0, sp_ports_used(t->f->portsv[0])); /* both are on the other interface */
	assert_int_equal(2, sp_ports_used(t->f->portsv[1]));
	assert_non_null(strstr(t->f->log, "cause=transferred"));

	/* and the call is one like any other */
	request(c, "INVITE", NULL, "", sdp_of("203.0.113.7", KEY_C, "sendonly"));
	respond(b, expect(b, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(b, "ACK");
	expect(c, "200");
	request(c, "ACK", NULL, "", NULL);
	request(b, "INFO", NULL, "", NULL);
	respond(c, expect(c, "INFO"), 200, NULL);
	expect(b, "200");
	hang_up_by(t, b, c);
}

/* A may send the REFER in either call: here in C's, about B's. */
static void the_other_way_round(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;

	two_calls(t, &consult);
	put_aside(a, &consult);
	refer_to_replaces(a, &consult, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	respond(b, expect(b, "INVITE"), 200, b_answer());
	expect(b, "ACK");
	respond(c, expect(c, "INVITE"), 200, SDP_C);
	expect(c, "ACK");
	leave(a, &consult);
	hang_up_by(t, c, b);
}

/* A was called in one and called in the other: B is the caller of its call. */
static void of_caller_and_callee(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *w = &t->f->carrier; /* B and C are both at the carrier */
	struct aside a_consult = {.cseq = 0}, c = {.cseq = 0};
	const struct sp_sip_msg *m;
	unsigned crypto;

	tf_outbound(t);
	put_aside(a, &a_consult);
	put_aside(w, &c);
	establish(t->f);
	refer_to_replaces(a, &a_consult, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	m = expect(w, "INVITE");
	assert_int_equal(0, pl_strcmp(&m->call_id, c.call_id));
	crypto = w->crypto;
	put_aside(w, &c);
	w->crypto = crypto;
	respond(w, m, 200, sdp_answer("192.0.2.9", KEY_C, "sendrecv"));
	expect(w, "ACK");
	m = expect(w, "INVITE");
	crypto = w->crypto; /* it came on the connection of both */
	put_aside(w, &c);
	w->crypto = crypto;
	assert_int_equal(0, pl_strcmp(&m->call_id, w->call_id));
	respond(w, m, 200, sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	expect(w, "ACK");
	leave(a, &a_consult);
	request(w, "BYE", NULL, "", NULL);
	expect(w, "200");
	put_aside(w, &c);
	respond(w, expect(w, "BYE"), 200, NULL);
	tf_clean(t);
}

/* RFC 3264 8: C's session has had two m-lines; its next offer has as many. */
static void more_media_lines_than_the_other(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult = {.cseq = 0};
	const struct sp_sip_msg *m;
	char offer[2048], answer[2048];

	re_snprintf(offer, sizeof(offer), "%sm=image 0 udptl t38\r\n", SDP_B);
	re_snprintf(answer, sizeof(answer), "%sm=image 0 udptl t38\r\n", SDP_C);
	tf_call(a, DESK_NUMBER, c, offer, answer);
	put_aside(a, &consult);
	establish(t->f);
	refer_to_replaces(a, &consult, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	m = expect(c, "INVITE");
	assert_non_null(strstr(m->body.p, "m=image 0 udptl"));
	respond(c, m, 200, answer);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	assert_non_null(strstr(m->body.p, "m=image 0 udptl"));
	re_snprintf(answer, sizeof(answer), "%sm=image 0 udptl t38\r\n", b_answer());
	respond(b, m, 200, answer);
	expect(b, "ACK");
	leave(a, &consult);
	hang_up_by(t, b, c);
}

/* ---- it fails ---- */

static void both_go_on(struct tf *t, struct aside *consult)
{
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;

	assert_int_equal(2, calls_now(t->f));
	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	put_aside(a, consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, consult);
	hang_up_by(t, b, a);
}

static void refused_by_the_target(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *c = &t->desk;
	struct aside consult;

	respond(c, begin(t, &consult), 488, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 488 Not Acceptable Here\r\n");
	expect_silence(&t->f->service);
	/* and again, with success on the third attempt at C */
	refer_to_replaces(a, &consult, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	for (unsigned i = 0; i < 2; i++) {
		respond(c, expect(c, "INVITE"), 491, NULL);
		expect(c, "ACK");
		sp_loop_advance(t->f->loop, 4000);
	}
	respond(c, expect(c, "INVITE"), 488, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 488 Not Acceptable Here\r\n");
	both_go_on(t, &consult);
}

/* C has let A go, and B will not have C: the consultation is lost, the call is not. */
static void refused_by_the_one_who_stays(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;

	respond(c, begin(t, &consult), 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 488, NULL);
	expect(b, "ACK");
	told(a, "SIP/2.0 488 Not Acceptable Here\r\n");
	respond(c, expect(c, "BYE"), 200, NULL);
	put_aside(a, &consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &consult);
	assert_int_equal(1, calls_now(t->f));
	hang_up_by(t, a, b);
}

static void lost_by_the_target(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;

	respond(c, begin(t, &consult), 481, NULL);
	expect(c, "ACK");
	told(a, "SIP/2.0 502 Bad Gateway\r\n");
	respond(c, expect(c, "BYE"), 481, NULL);
	put_aside(a, &consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &consult);
	hang_up_by(t, a, b);
}

/* ---- which dialogs it may be ---- */

static void other_dialogs(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service;
	struct aside consult, own;
	const struct sp_sip_msg *m;

	two_calls(t, &consult);
	/* the very dialog that the REFER is sent in */
	memset(&own, 0, sizeof(own));
	memcpy(own.call_id, a->call_id, sizeof(own.call_id));
	memcpy(own.tag, a->tag, sizeof(own.tag));
	memcpy(own.remote_tag, a->remote_tag, sizeof(own.remote_tag));
	refer_to_replaces(a, &own, "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	told(a, "SIP/2.0 481 Call/Transaction Does Not Exist\r\n");
	/* somebody else's */
	refer_to_replaces(b, &consult, "");
	expect(b, "202");
	told(b, "SIP/2.0 100 Trying\r\n");
	told(b, "SIP/2.0 481 Call/Transaction Does Not Exist\r\n");
	/* early-only */
	refer_to_replaces(a, &consult, ";early-only");
	expect(a, "486");
	/* one that is changing */
	request(&t->desk, "INVITE", NULL, "", sdp_of("203.0.113.7", KEY_C, "sendonly"));
	m = expect(a, "INVITE");
	refer_to_replaces(a, &consult, "");
	expect(a, "491");
	put_aside(a, &consult);
	respond(a, m, 488, NULL);
	expect(a, "ACK");
	put_aside(a, &consult);
	expect(&t->desk, "488");
	request(&t->desk, "ACK", NULL, "", NULL);
	both_go_on(t, &consult);
}

/* A dialog within A's own network: only that can know it; the INVITE goes back there. */
static void a_dialog_of_the_own_network(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	struct aside old = {.cseq = 0};
	const struct sp_sip_msg *m;

	establish(t->f);
	refer(a, "<sip:bob@sbc.service.example?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n");
	m = expect(a, "INVITE");
	assert_header(m, "Replaces", "x@y;to-tag=1;from-tag=2");
	assert_non_null(strstr(m->ruri.p, "sip:bob@sbc.service.example"));
	put_aside(a, &old);
	respond(a, m, 200, sdp_answer("198.51.100.8", KEY_C, "sendrecv"));
	expect(a, "ACK");
	respond(b, expect(b, "INVITE"), 200, sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	expect(b, "ACK");
	put_aside(a, &old);
	told(a, "SIP/2.0 200 OK\r\n");
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &old);
	hang_up_by(t, b, a);
}

/* ---- somebody hangs up ---- */

/* Many phones hang up the consultation with the REFER. */
static void transferor_leaves_both(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m = begin(t, &consult);

	for (unsigned i = 0; i < 2; i++) {
		request(a, "BYE", NULL, "", NULL);
		expect(a, "200");
		put_aside(a, &consult);
	}
	respond(c, m, 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answer());
	expect(b, "ACK");
	expect_silence(a);
	sp_loop_turn(t->f->loop);
	assert_int_equal(1, calls_now(t->f));
	hang_up_by(t, c, b);
}

static void transferor_left_both_in_vain(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m = begin(t, &consult);

	for (unsigned i = 0; i < 2; i++) {
		request(a, "BYE", NULL, "", NULL);
		expect(a, "200");
		put_aside(a, &consult);
	}
	respond(c, m, 488, NULL);
	expect(c, "ACK");
	respond(c, expect(c, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 200, NULL);
	tf_clean(t);
}

static void the_target_hangs_up_first(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m = begin(t, &consult);

	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	respond(c, m, 487, NULL);
	expect(c, "ACK");
	put_aside(a, &consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &consult);
	told(a, "SIP/2.0 487 Request Terminated\r\n");
	hang_up_by(t, a, b);
}

/* C hangs up when it has let A go and B is being asked: B decides. */
static void the_target_hangs_up_late(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m;

	respond(c, begin(t, &consult), 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	put_aside(a, &consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	put_aside(a, &consult);
	respond(b, m, 200, b_answer());
	expect(b, "ACK");
	told(a, "SIP/2.0 487 Request Terminated\r\n");
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 200, NULL);
	tf_clean(t);
}

static void the_one_who_stays_hangs_up(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m = begin(t, &consult);

	respond(c, m, 100, NULL);
	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	told(a, "SIP/2.0 487 Request Terminated\r\n");
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, expect(c, "CANCEL"), 200, NULL);
	respond(c, m, 487, NULL); /* in time: A and C go on */
	expect(c, "ACK");
	assert_int_equal(1, calls_now(t->f));
	put_aside(a, &consult);
	hang_up_by(t, c, a);
}

/* The same, and C takes B's description after all: there is nothing left to talk about. */
static void the_one_who_stays_hangs_up_late(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;
	const struct sp_sip_msg *m = begin(t, &consult);

	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	told(a, "SIP/2.0 487 Request Terminated\r\n");
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, m, 200, SDP_C);
	expect(c, "ACK");
	respond(c, expect(c, "BYE"), 200, NULL);
	put_aside(a, &consult);
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/* Neither call may be changed or joined otherwise meanwhile. */
static void nothing_else_meanwhile(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult, first = {.cseq = 0};
	const struct sp_sip_msg *m = begin(t, &consult);

	memcpy(first.call_id, a->call_id, sizeof(first.call_id));
	memcpy(first.tag, a->tag, sizeof(first.tag));
	memcpy(first.remote_tag, a->remote_tag, sizeof(first.remote_tag));
	put_aside(a, &consult);
	refer_to_replaces(a, &first, "");
	expect(a, "491");
	request(a, "UPDATE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(a, "491");
	put_aside(a, &consult);
	request(c, "UPDATE", NULL, "", sdp_of("203.0.113.7", KEY_C, "sendonly"));
	expect(c, "491");
	request(b, "UPDATE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	expect(b, "491");
	respond(c, m, 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answer());
	expect(b, "ACK");
	leave(a, &consult);
	hang_up_by(t, c, b);
}

static void shut_down(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult;

	respond(c, begin(t, &consult), 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 100, NULL);
	sp_calls_end(t->f->calls);
	sp_loop_advance(t->f->loop, 3 * SP_SIP_TIMEOUT_MS);
	a->head = a->tail;
	b->head = b->tail;
	c->head = c->tail;
	tf_clean(t);
}

static void freed_half_way(void **state)
{
	struct aside consult;

	begin(*state, &consult);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, handle_setup, tf_teardown)
		T(whole),
		T(the_other_way_round),
		T(of_caller_and_callee),
		T(more_media_lines_than_the_other),
		T(refused_by_the_target),
		T(refused_by_the_one_who_stays),
		T(lost_by_the_target),
		T(other_dialogs),
		T(a_dialog_of_the_own_network),
		T(transferor_leaves_both),
		T(transferor_left_both_in_vain),
		T(the_target_hangs_up_first),
		T(the_target_hangs_up_late),
		T(the_one_who_stays_hangs_up),
		T(the_one_who_stays_hangs_up_late),
		T(nothing_else_meanwhile),
		T(shut_down),
		T(freed_half_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
