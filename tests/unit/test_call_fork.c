/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Forking beyond the gateway: several early dialogs, each with its own
 * description and keys, and a 2xx of any of them (RFC 3261 12.1, 13.2.2.4).
 */
#include "call_fixture.h"

#define KEY_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"

static const struct sp_sip_msg *call_service(struct fx *f)
{
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	return expect(&f->service, "INVITE");
}

static const char *tag_of(const struct sp_sip_msg *m)
{
	static char buf[4][64];
	static unsigned n;
	char *b = buf[n++ % 4];

	re_snprintf(b, sizeof(buf[0]), "%r", &m->to_tag);
	return b;
}

/** The carrier goes on in the dialog of this response. */
static void choose(struct fx *f, const struct sp_sip_msg *rsp)
{
	learn(&f->carrier, rsp);
	request(&f->carrier, "ACK", NULL, "", NULL);
}

static void hang_up_both(struct fx *f)
{
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* 12.1.2: each To tag is a dialog of its own, on both sides of the gateway. */
static void each_fork_has_its_own_dialog(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;
	const char *one, *two;

	respond_as(&f->service, inv, 180, "fork-1", "", NULL);
	one = tag_of(expect(&f->carrier, "180"));
	respond_as(&f->service, inv, 180, "fork-2", "", NULL);
	two = tag_of(expect(&f->carrier, "180"));
	assert_string_not_equal(one, two);
	respond_as(&f->service, inv, 183, "fork-1", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	assert_string_equal(one, tag_of(expect(&f->carrier, "183")));
	respond_as(&f->service, inv, 200, "fork-2", "",
		   sdp_answer("198.51.100.8", KEY_C, "sendrecv"));
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_string_equal(two, tag_of(m));
	choose(f, m);
	assert_int_equal(1, list_count(&((struct sp_call *)list_ledata(f->calls->calls.head))
						->leg[SP_SIDE_CALLER]
						->dlgs));
	hang_up_both(f);
}

/* 13.2.2.4, 6337 3.1: the 200 has no description; that of its own fork's 183 counts. */
static void answer_of_an_earlier_fork(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;
	const struct sp_call *call;
	struct pl heard;
	char first[1024];

	respond_as(&f->service, inv, 183, "fork-1", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->carrier, "183");
	re_snprintf(first, sizeof(first), "%b", m->body.p, m->body.l);
	respond_as(&f->service, inv, 183, "fork-2", "",
		   sdp_answer("198.51.100.8", KEY_C, "recvonly"));
	m = expect(&f->carrier, "183");
	assert_int_not_equal(0, pl_strcmp(&m->body, first));
	respond_as(&f->service, inv, 200, "fork-1", "", NULL);
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_int_equal(0, pl_strcmp(&m->body, first)); /* its version, too */
	choose(f, m);
	call = list_ledata(f->calls->calls.head);
	sp_sdp_text(call->leg[SP_SIDE_CALLEE]->dlg->heard, &heard);
	assert_non_null(memmem(heard.p, heard.l, KEY_B, strlen(KEY_B)));
	hang_up_both(f);
}

/* 13.2.2.4: another fork answers too: ACK, BYE, in its own dialog; the call stays. */
static void second_answer_is_hung_up(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;

	respond_as(&f->service, inv, 180, "fork-1", "", NULL);
	respond_as(&f->service, inv, 180, "fork-2", "", NULL);
	expect(&f->carrier, "180");
	expect(&f->carrier, "180");
	respond_as(&f->service, inv, 200, "fork-1", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	choose(f, expect(&f->carrier, "200"));
	respond_as(&f->service, inv, 200, "fork-2", "",
		   sdp_answer("198.51.100.8", KEY_C, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_string_equal("fork-2", tag_of(m));
	m = expect(&f->service, "BYE");
	assert_string_equal("fork-2", tag_of(m));
	respond(&f->service, m, 200, NULL);
	expect_silence(&f->carrier);
	re_snprintf(f->service.tag, sizeof(f->service.tag), "fork-1");
	hang_up_both(f);
}

/* The same after a re-INVITE, which has a transaction of its own. */
static void late_answer_after_a_change(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;

	respond_as(&f->service, inv, 200, "fork-1", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	choose(f, expect(&f->carrier, "200"));
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	respond_as(&f->service, inv, 200, "fork-2", "",
		   sdp_answer("198.51.100.8", KEY_C, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(inv->cseq, m->cseq);
	m = expect(&f->service, "BYE");
	assert_string_equal("fork-2", tag_of(m));
	respond(&f->service, m, 200, NULL);
	re_snprintf(f->service.tag, sizeof(f->service.tag), "fork-1");
	hang_up_both(f);
}

/** What the service got is read. */
static void forget(struct peer *peer)
{
	while (peer->tail)
		mem_deref(peer->queue[--peer->tail]);
	peer->head = 0;
}

/* And when the whole town picks up: so many are told, and no more transactions made. */
static void endless_answers(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f);
	char tag[16];

	respond_as(&f->service, inv, 200, "fork-0", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	choose(f, expect(&f->carrier, "200"));
	for (unsigned i = 1; i <= LEG_DROPS_MAX + 4; i++) {
		inv = mem_ref((void *)(uintptr_t)inv);
		forget(&f->service);
		f->service.queue[f->service.tail++] = (struct sp_sip_msg *)(uintptr_t)inv;
		f->service.head = f->service.tail;
		re_snprintf(tag, sizeof(tag), "fork-%u", i);
		respond_as(&f->service, inv, 200, tag, "", NULL);
		if (i > LEG_DROPS_MAX) {
			expect_silence(&f->service);
			continue;
		}
		expect(&f->service, "ACK");
		respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	}
	re_snprintf(f->service.tag, sizeof(f->service.tag), "fork-0");
	hang_up_both(f);
}

/* A network that rings the whole town: bounded, and what is left still works. */
static void too_many_forks(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;
	char tag[16];

	for (unsigned i = 0; i < LEG_DIALOGS_MAX + LEG_DROPS_MAX + 1; i++) {
		re_snprintf(tag, sizeof(tag), "fork-%u", i);
		respond_as(&f->service, inv, 180, tag, "", NULL);
		if (i < LEG_DIALOGS_MAX)
			expect(&f->carrier, "180");
	}
	expect_silence(&f->carrier);
	assert_non_null(strstr(f->log, "fork_refused"));
	assert_null(strstr(strstr(f->log, "fork_refused") + 1, "fork_refused")); /* told once */
	respond_as(&f->service, inv, 200, "fork-19", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	choose(f, m);
	/* those that were refused an early dialog are hung up all the same when they answer */
	respond_as(&f->service, inv, 200, "fork-20", "", NULL);
	expect(&f->service, "ACK");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	re_snprintf(f->service.tag, sizeof(f->service.tag), "fork-19");
	hang_up_both(f);
}

/* 9.1: the caller gives up while several ring; a late 200 of one is ACKed and BYEd. */
static void cancel_of_a_forked_call(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv = call_service(f), *m;

	respond_as(&f->service, inv, 180, "fork-1", "", NULL);
	respond_as(&f->service, inv, 183, "fork-2", "",
		   sdp_answer("198.51.100.8", KEY_C, "sendrecv"));
	expect(&f->carrier, "180");
	expect(&f->carrier, "183");
	request(&f->carrier, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "",
		NULL);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	m = expect(&f->service, "CANCEL");
	respond(&f->service, m, 200, NULL);
	respond_as(&f->service, inv, 200, "fork-1", "",
		   sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	m = expect(&f->service, "BYE");
	assert_string_equal("fork-1", tag_of(m));
	respond(&f->service, m, 200, NULL);
	expect_clean(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	const struct CMUnitTest tests[] = {
		T(each_fork_has_its_own_dialog),
		T(answer_of_an_earlier_fork),
		T(second_answer_is_hung_up),
		T(late_answer_after_a_change),
		T(endless_answers),
		T(too_many_forks),
		T(cancel_of_a_forked_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
