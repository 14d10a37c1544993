/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfers that the gateway carries out, and somebody hangs up meanwhile: each
 * party at each moment (RFC 5589 6, 7).
 */
#include "transfer_blind.h"
/* RFC 5589 6.1: A need not wait; its BYE is no end of the call. */
static void transferor_leaves_while_it_rings(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	request(a, "BYE", NULL, "", NULL);
	expect(a, "200");
	expect_silence(b);
	respond(c, inv, 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answers(t, b));
	expect(b, "ACK");
	expect_silence(a);
	sp_loop_turn(t->f->loop);
	assert_int_equal(0, sp_trunk_calls(t->trunkv[SERVICE]));
	hang_up_by(t, b, c);
}

static void transferor_leaves_while_joining(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	request(a, "BYE", NULL, "", NULL);
	expect(a, "200");
	respond(b, m, 200, b_answers(t, b));
	expect(b, "ACK");
	expect_silence(a);
	hang_up_by(t, c, b);
}

static void transferor_left_and_the_target_refuses(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	request(a, "BYE", NULL, "", NULL);
	expect(a, "200");
	respond(c, inv, 486, NULL);
	expect(c, "ACK");
	respond(b, expect(b, "BYE"), 200, NULL);
	expect_silence(a);
	tf_clean(t);
}

/* BYEs cross: that of a leg that has left is answered, and the call goes on. */
static void byes_cross(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *bye;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answers(t, b));
	expect(b, "ACK");
	told(a, "SIP/2.0 200 OK\r\n", true);
	bye = expect(a, "BYE");
	request(a, "INVITE", NULL, "", SDP_A); /* too late for anything else */
	expect(a, "481");
	request(a, "ACK", NULL, "", NULL);
	request(a, "BYE", NULL, "", NULL);
	expect(a, "200");
	respond(a, bye, 200, NULL);
	assert_int_equal(1, calls_now(t->f));
	expect_silence(b);
	expect_silence(c);
	hang_up_by(t, c, b);
}

static void the_one_who_stays_hangs_up_while_it_rings(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	respond(c, inv, 180, NULL);
	told(a, "SIP/2.0 180 Ringing\r\n", false);
	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	told(a, "SIP/2.0 487 Request Terminated\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, expect(c, "CANCEL"), 200, NULL);
	respond(c, inv, 487, NULL);
	expect(c, "ACK");
	tf_clean(t);
}

/* The same before the INVITE went out, and when the transferor is gone, too. */
static void all_hang_up_at_once(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;

	establish(t->f);
	t->f->held = true;
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	expect(a, "NOTIFY");
	request(a, "BYE", NULL, "", NULL);
	expect(a, "200");
	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	t->f->held = false;
	tf_clean(t);
}

static void the_one_who_stays_hangs_up_while_joining(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	told(a, "SIP/2.0 487 Request Terminated\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, expect(c, "BYE"), 200, NULL);
	respond(b, m, 487, NULL);
	expect(b, "ACK");
	tf_clean(t);
}

/* C answers and hangs up before B has its description: B decides what becomes of it. */
static void the_target_hangs_up_while_joining(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	respond(b, m, 100, NULL);
	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	respond(b, expect(b, "CANCEL"), 200, NULL);
	respond(b, m, 487, NULL); /* in time: A and B go on */
	expect(b, "ACK");
	told(a, "SIP/2.0 487 Request Terminated\r\n", true);
	assert_int_equal(UP, the_call(t)->state);
	hang_up_by(t, a, b);
}

static void the_target_hangs_up_too_late(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *m;

	respond(c, begin(t, a), 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	request(c, "BYE", NULL, "", NULL);
	expect(c, "200");
	respond(b, m, 200, b_answers(t, b)); /* B has let A go */
	expect(b, "ACK");
	respond(b, expect(b, "BYE"), 200, NULL);
	told(a, "SIP/2.0 487 Request Terminated\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/* The gateway ends: at each step everybody hears of it. */
static void shut_down(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);

	sp_calls_end(t->f->calls);
	respond(b, expect(b, "BYE"), 200, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(c, inv, 180, NULL);
	respond(c, expect(c, "CANCEL"), 200, NULL);
	respond(c, inv, 487, NULL);
	expect(c, "ACK");
	tf_clean(t);
}

/* Freed in the midst of it, as when the process ends: nothing leaks (ASan). */
static void freed_half_way(void **state)
{
	struct tf *t = *state;

	respond(&t->desk, begin(t, &t->f->service), 200, SDP_C);
	expect(&t->desk, "ACK");
	expect(&t->f->carrier, "INVITE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, handle_setup, tf_teardown)
		T(transferor_leaves_while_it_rings),
		T(transferor_leaves_while_joining),
		T(transferor_left_and_the_target_refuses),
		T(byes_cross),
		T(the_one_who_stays_hangs_up_while_it_rings),
		T(all_hang_up_at_once),
		T(the_one_who_stays_hangs_up_while_joining),
		T(the_target_hangs_up_while_joining),
		T(the_target_hangs_up_too_late),
		T(shut_down),
		T(freed_half_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
