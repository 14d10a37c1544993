/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Session timers (RFC 4028 10): who refreshes and how, and the end of those
 * that nobody refreshes.
 */
#include "timer_fixture.h"

/* ---- we refresh ---- */

static void callee_by_update(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = first_refresh(f, "UPDATE");

	for (unsigned i = 0; i < 3; i++) {
		assert_header(m, "Session-Expires", "600;refresher=uac"); /* 7.4 */
		assert_true(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer"));
		assert_int_equal(0, m->body.l);
		respond_as(&f->service, m, 200, "", WE_REFRESH, NULL);
		wait_s(f, HALF_S - 1);
		both_quiet(f);
		wait_s(f, 1);
		m = expect(&f->service, "UPDATE");
	}
	respond_as(&f->service, m, 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

/* RFC 3264 8, RFC 4028 7.4: the description that it has, in the same version. */
static void callee_by_invite(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	struct made made;

	timer_on(f, &f->service, 600)->refresh = SP_REFRESH_INVITE;
	made = make_call(f, "", ALLOW_UPDATE WE_REFRESH);
	for (unsigned i = 0; i < 3; i++) {
		wait_s(f, HALF_S);
		m = expect(&f->service, "INVITE");
		assert_header(m, "Session-Expires", "600;refresher=uac");
		assert_same_description(made.invite, m);
		respond_as(&f->service, m, 100, "", "", NULL);
		respond_as(&f->service, m, 200, "", WE_REFRESH, answer_of_peer(f, &f->service));
		expect(&f->service, "ACK");
		both_quiet(f);
	}
	hang_up(f);
}

static void caller_by_update(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->carrier, 600);
	make_call(f, ALLOW_UPDATE SUPPORTED "Session-Expires: 600;refresher=uas\r\n", "");
	wait_s(f, HALF_S);
	m = expect(&f->carrier, "UPDATE");
	assert_header(m, "Session-Expires", "600;refresher=uac"); /* of this request, we are */
	respond_as(&f->carrier, m, 200, "", WE_REFRESH, NULL);
	wait_s(f, HALF_S);
	respond_as(&f->carrier, expect(&f->carrier, "UPDATE"), 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

/* What the caller was told last was an answer: its text is the offer now. */
static void caller_by_invite(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	struct made made;

	timer_on(f, &f->carrier, 600);
	made = make_call(f, SUPPORTED "Session-Expires: 600;refresher=uas\r\n", "");
	wait_s(f, HALF_S);
	m = expect(&f->carrier, "INVITE"); /* its Allow has no UPDATE */
	assert_same_description(made.ok, m);
	respond_as(&f->carrier, m, 200, "", WE_REFRESH, offer_of(f, &f->carrier));
	expect(&f->carrier, "ACK");
	hang_up(f);
}

/* 7.2: it knows nothing of session timers; we refresh all the same when we are told to. */
static void peer_without_the_extension(void **state)
{
	static const struct sp_conf_timer v[] = {
		{.use = SP_USE_SUPPORTED, .expires_s = 600},
		{.use = SP_USE_REQUIRED, .expires_s = 600},
		{.use = SP_USE_SUPPORTED, .expires_s = 600, .refresher = SP_REFRESHER_GATEWAY},
	};
	struct fx *f = *state;
	struct sp_conf_timer *t = timer_on(f, &f->service, 600);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		*t = v[i];
		make_call(f, "", ALLOW_UPDATE);
		for (unsigned n = 0; n < 2; n++) {
			wait_s(f, HALF_S);
			if (i)
				respond(&f->service, expect(&f->service, "UPDATE"), 200, NULL);
			both_quiet(f);
		}
		hang_up(f);
		next_call(f);
	}
}

static void caller_without_the_extension(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->carrier, 600)->refresher = SP_REFRESHER_GATEWAY;
	make_call(f, ALLOW_UPDATE, "");
	for (unsigned n = 0; n < 2; n++) {
		wait_s(f, HALF_S);
		respond(&f->carrier, expect(&f->carrier, "UPDATE"), 200, NULL);
		both_quiet(f);
	}
	hang_up(f);
}

/* 4: no interval is below 90 s, whatever the 2xx says. */
static void no_storm_of_refreshes(void **state)
{
	static const char *const v[] = {"0", "1", "89;refresher=uac"};
	struct fx *f = *state;
	char answer[128];

	timer_on(f, &f->service, 600);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		re_snprintf(answer, sizeof(answer), ALLOW_UPDATE "Session-Expires: %s\r\n", v[i]);
		make_call(f, "", answer);
		wait_s(f, 44);
		both_quiet(f);
		wait_s(f, 1);
		respond(&f->service, expect(&f->service, "UPDATE"), 200, NULL);
		hang_up(f);
		next_call(f);
	}
}

/* 7.4: the largest Min-SE of the peer's is in each of our refreshes. */
static void refresh_names_the_peers_least(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->carrier, 600);
	make_call(f, ALLOW_UPDATE SUPPORTED "Session-Expires: 600;refresher=uas\r\nMin-SE: 500\r\n",
		  "");
	wait_s(f, HALF_S);
	m = expect(&f->carrier, "UPDATE");
	assert_header(m, "Min-SE", "500");
	respond_as(&f->carrier, m, 422, "", "Min-SE: 700\r\n", NULL); /* 7.3 */
	m = expect(&f->carrier, "UPDATE");
	assert_header(m, "Session-Expires", "700;refresher=uac");
	assert_header(m, "Min-SE", "700");
	respond_as(&f->carrier, m, 200, "", REQUIRED "Session-Expires: 700;refresher=uac\r\n",
		   NULL);
	wait_s(f, 349);
	both_quiet(f);
	wait_s(f, 1);
	respond_as(&f->carrier, expect(&f->carrier, "UPDATE"), 200, "", WE_REFRESH, NULL);
	hang_up(f);
}

/* ---- the peer refreshes ---- */

static void peer_refreshes_by_both_methods(void **state)
{
	static const char *const methods[] = {"UPDATE", "INVITE"};
	struct fx *f = *state;

	timer_on(f, &f->carrier, 1800);
	make_call(f, SUPPORTED "Session-Expires: 600;refresher=uac\r\n", "");
	for (unsigned i = 0; i < 4; i++) {
		const struct sp_sip_msg *ok;

		wait_s(f, 567);
		ok = peer_refreshes(f, &f->carrier, methods[i % 2],
				    SUPPORTED "Session-Expires: 600;refresher=uac\r\n");
		assert_header(ok, "Session-Expires", "600;refresher=uac");
		assert_true(requires_timer(ok));
	}
	wait_s(f, 567);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* A change of the peer's refreshes too, when it is accepted; refused, it does not. */
static void changes_of_the_peer(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->carrier, 1800);
	make_call(f, SUPPORTED "Session-Expires: 600;refresher=uac\r\n", "");
	wait_s(f, 500);
	request(&f->carrier, "INVITE", NULL, SUPPORTED "Session-Expires: 600;refresher=uac\r\n",
		sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	assert_header(expect(&f->carrier, "200"), "Session-Expires", "600;refresher=uac");
	request(&f->carrier, "ACK", NULL, "", NULL);

	wait_s(f, 500);
	request(&f->carrier, "INVITE", NULL, SUPPORTED "Session-Expires: 600;refresher=uac\r\n",
		offer_of(f, &f->carrier));
	respond(&f->service, expect(&f->service, "INVITE"), 488, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "488");
	request(&f->carrier, "ACK", NULL, "", NULL);
	wait_s(f, 67);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* 10: 32 s before the end, or a third of the interval where that is less. */
static void callee_does_not_refresh(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->service, 90);
	make_call(f, "", REQUIRED "Session-Expires: 90;refresher=uas\r\n");
	wait_s(f, 59);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* Each leg has its own timer: one that is refreshed does not help the other. */
static void each_leg_by_itself(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->service, 600);
	timer_on(f, &f->carrier, 600);
	make_call(f, SUPPORTED "Session-Expires: 600;refresher=uac\r\n", ALLOW_UPDATE WE_REFRESH);
	wait_s(f, HALF_S);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH, NULL);
	wait_s(f, 267);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* ---- the refresher changes: 7.4, 9 ---- */

static void task_goes_to_us_and_back(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	make_call(f, "", ALLOW_UPDATE THEY_REFRESH);
	wait_s(f, HALF_S);
	both_quiet(f);
	m = peer_refreshes(f, &f->service, "UPDATE",
			   SUPPORTED "Session-Expires: 600;refresher=uas\r\n");
	assert_header(m, "Session-Expires", "600;refresher=uas");
	wait_s(f, HALF_S);
	m = expect(&f->service, "UPDATE");
	/* 9: the answer cannot take the task from us, but one that tries is obeyed */
	respond_as(&f->service, m, 200, "", THEY_REFRESH, NULL);
	wait_s(f, 567);
	both_quiet(f);
	m = peer_refreshes(f, &f->service, "INVITE", SUPPORTED "Session-Expires: 600\r\n");
	assert_header(m, "Session-Expires", "600;refresher=uac"); /* as it was */
	wait_s(f, 567);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* The peer takes the task over with a hold: we send no refresh any more. */
static void task_goes_to_the_peer_with_a_change(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	make_call(f, "", ALLOW_UPDATE WE_REFRESH);
	wait_s(f, 200);
	request(&f->service, "INVITE", NULL, SUPPORTED "Session-Expires: 600;refresher=uac\r\n",
		sdp_of("198.51.100.7", KEY_B, "sendonly"));
	m = expect(&f->carrier, "INVITE");
	respond(&f->carrier, m, 200, sdp_answer("192.0.2.7", KEY_A, "recvonly"));
	expect(&f->carrier, "ACK");
	assert_header(expect(&f->service, "200"), "Session-Expires", "600;refresher=uac");
	request(&f->service, "ACK", NULL, "", NULL);
	wait_s(f, 567);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* A request that says nothing of timers leaves interval and task as they are; without
 * Supported the peer may not know of its task: it is ours. */
static void plain_requests_of_the_peer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	make_call(f, "", ALLOW_UPDATE REQUIRED "Session-Expires: 400;refresher=uas\r\n");
	wait_s(f, 100);
	m = peer_refreshes(f, &f->service, "UPDATE", SUPPORTED);
	assert_header(m, "Session-Expires", "400;refresher=uac");
	m = peer_refreshes(f, &f->service, "UPDATE", "");
	assert_header(m, "Session-Expires", "400;refresher=uas");
	assert_false(requires_timer(m));
	wait_s(f, 200);
	respond_as(&f->service, expect(&f->service, "UPDATE"), 200, "", WE_REFRESH, NULL);
	m = peer_refreshes(f, &f->service, "UPDATE", SUPPORTED);
	assert_header(m, "Session-Expires", "600;refresher=uas");
	hang_up(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(callee_by_update),
		T(callee_by_invite),
		T(caller_by_update),
		T(caller_by_invite),
		T(peer_without_the_extension),
		T(caller_without_the_extension),
		T(no_storm_of_refreshes),
		T(refresh_names_the_peers_least),
		T(peer_refreshes_by_both_methods),
		T(changes_of_the_peer),
		T(callee_does_not_refresh),
		T(each_leg_by_itself),
		T(task_goes_to_us_and_back),
		T(task_goes_to_the_peer_with_a_change),
		T(plain_requests_of_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
