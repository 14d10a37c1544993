/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Session timers (RFC 4028): what is asked for and agreed, on each leg.
 */
#include "timer_fixture.h"

/* ---- we answer: section 9 ---- */

static void off_means_no_timer(void **state)
{
	struct fx *f = *state;
	struct made made = make_call(f, SUPPORTED "Session-Expires: 600;refresher=uac\r\n",
				     SUPPORTED "Session-Expires: 600;refresher=uac\r\n");

	f->conf->limits.media_timeout_s = 0;
	assert_null(sp_sip_msg_named(made.invite, "Session-Expires"));
	assert_null(sp_sip_msg_named(made.invite, "Min-SE"));
	assert_false(sp_sip_msg_lists(made.invite, SP_HDR_SUPPORTED, "timer"));
	assert_null(sp_sip_msg_named(made.ok, "Session-Expires"));
	assert_false(requires_timer(made.ok));
	hang_up(f);
}

/* RFC 3261 8.2.2.3 */
static void off_refuses_who_requires_it(void **state)
{
	struct fx *f = *state;

	invite(&f->carrier, SERVICE_NUMBER, REQUIRED, offer_of(f, &f->carrier));
	assert_header(expect(&f->carrier, "420"), "Unsupported", "timer");
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect_silence(&f->service);
	expect_clean(f);
}

static void too_short_is_refused(void **state)
{
	static const struct {
		unsigned min_s;
		const char *asks, *min;
	} v[] = {
		{300, SUPPORTED "Session-Expires: 299\r\n", "300"},
		{0, SUPPORTED "Session-Expires: 89;refresher=uac\r\n", "90"},
		{0, SUPPORTED "x: 0\r\n", "90"},
	};
	struct fx *f = *state;
	struct sp_conf_timer *t = timer_on(f, &f->carrier, 1800);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		t->min_s = v[i].min_s;
		invite(&f->carrier, SERVICE_NUMBER, v[i].asks, offer_of(f, &f->carrier));
		assert_header(expect(&f->carrier, "422"), "Min-SE", v[i].min);
		request(&f->carrier, "ACK", NULL, "", NULL);
		expect_silence(&f->service);
	}
	assert_non_null(strstr(f->log, "session_timer_refused trunk=carrier status=422"));
	expect_clean(f);
}

/* 9: 422 only where the peer supports the extension; erratum 1687 for less than 90 s. */
static void too_short_without_support_is_taken(void **state)
{
	static const char *const v[][2] = {{"120", "120;refresher=uas"}, {"1", "90;refresher=uas"}};
	struct fx *f = *state;
	char asks[64];

	timer_on(f, &f->carrier, 1800)->min_s = 300;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct made made;

		re_snprintf(asks, sizeof(asks), "Session-Expires: %s\r\n", v[i][0]);
		made = make_call(f, asks, "");
		assert_header(made.ok, "Session-Expires", v[i][1]);
		assert_false(requires_timer(made.ok));
		hang_up(f);
		next_call(f);
	}
}

/* RFC 3261 21.4.16 */
static void required_of_the_caller(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->carrier, 1800)->use = SP_USE_REQUIRED;
	invite(&f->carrier, SERVICE_NUMBER, "", offer_of(f, &f->carrier));
	assert_true(requires_timer(expect(&f->carrier, "421")));
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect_silence(&f->service);
	expect_clean(f);

	make_call(f, SUPPORTED, "");
	request(&f->carrier, "UPDATE", NULL, "", NULL); /* not in a call that exists */
	expect(&f->carrier, "200");
	hang_up(f);
}

struct answer_case {
	enum sp_conf_refresher ours;
	const char *asks, *answer;
	bool require;
};

/* 9, table 2, and the interval */
static void answers(void **state)
{
	static const struct answer_case v[] = {
		{SP_REFRESHER_ANY, "", "", false},
		{SP_REFRESHER_GATEWAY, "", "", false},
		{SP_REFRESHER_ANY, "Session-Expires: 600\r\n", "600;refresher=uas", false},
		{SP_REFRESHER_PEER, "Session-Expires: 600\r\n", "600;refresher=uas", false},
		{SP_REFRESHER_ANY, SUPPORTED, "1800;refresher=uac", true},
		{SP_REFRESHER_PEER, SUPPORTED, "1800;refresher=uac", true},
		{SP_REFRESHER_GATEWAY, SUPPORTED, "1800;refresher=uas", true},
		{SP_REFRESHER_GATEWAY, REQUIRED, "1800;refresher=uas", true},
		{SP_REFRESHER_GATEWAY, SUPPORTED "Session-Expires: 600;refresher=uac\r\n",
		 "600;refresher=uac", true},
		{SP_REFRESHER_PEER, SUPPORTED "Session-Expires: 600 ;Refresher=UAS\r\n",
		 "600;refresher=uas", true},
		{SP_REFRESHER_ANY, "Session-Expires: 600;refresher=uac\r\n", "600;refresher=uac",
		 true}, /* it forgot Supported */
		{SP_REFRESHER_ANY, "k: timer\r\nx: 700\r\n", "700;refresher=uac", true},
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: 90\r\n", "90;refresher=uac", true},
		/* reduced to ours, but not below the request's Min-SE, and never raised */
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: 7200\r\n", "1800;refresher=uac",
		 true},
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: 7200\r\nMin-SE: 3600\r\n",
		 "3600;refresher=uac", true},
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: 2000\r\nMin-SE: 3600\r\n",
		 "2000;refresher=uac", true},
		{SP_REFRESHER_ANY, SUPPORTED "Min-SE: 3600\r\n", "3600;refresher=uac", true},
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: 99999999999999999999\r\n",
		 "1800;refresher=uac", true},
		{SP_REFRESHER_ANY, SUPPORTED "Session-Expires: soon\r\nMin-SE: -1\r\n",
		 "1800;refresher=uac", true},
	};
	struct fx *f = *state;
	struct sp_conf_timer *t = timer_on(f, &f->carrier, 1800);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct made made;

		t->refresher = v[i].ours;
		made = make_call(f, v[i].asks, "");
		assert_header(made.ok, "Session-Expires", v[i].answer);
		assert_int_equal(v[i].require, requires_timer(made.ok));
		assert_null(sp_sip_msg_named(made.ok, "Min-SE")); /* 5 */
		assert_null(sp_sip_msg_named(made.invite, "Session-Expires"));
		hang_up(f);
		next_call(f);
	}
}

/* ---- we ask: section 7.1 ---- */

static void asks(void **state)
{
	static const struct {
		enum sp_conf_refresher ours;
		unsigned min_s;
		const char *expires, *min;
	} v[] = {
		{SP_REFRESHER_ANY, 90, "600", ""},
		{SP_REFRESHER_GATEWAY, 90, "600;refresher=uac", ""},
		{SP_REFRESHER_PEER, 120, "600;refresher=uas", "120"},
		{SP_REFRESHER_ANY, 0, "600", ""},
	};
	struct fx *f = *state;
	struct sp_conf_timer *t = timer_on(f, &f->service, 600);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct made made;

		t->refresher = v[i].ours;
		t->min_s = v[i].min_s;
		made = make_call(f, SUPPORTED "Session-Expires: 7200\r\n", "");
		assert_header(made.invite, "Session-Expires", v[i].expires);
		assert_header(made.invite, "Min-SE", v[i].min);
		assert_true(sp_sip_msg_lists(made.invite, SP_HDR_SUPPORTED, "timer"));
		assert_false(requires_timer(made.invite));
		assert_null(sp_sip_msg_named(made.ok, "Session-Expires"));
		hang_up(f);
		next_call(f);
	}
}

static void required_of_the_callee(void **state)
{
	struct fx *f = *state;

	timer_on(f, &f->service, 600)->use = SP_USE_REQUIRED;
	assert_true(requires_timer(make_call(f, "", "").invite));
	hang_up(f);
}

/* 7.3: again with the callee's Min-SE; the caller hears nothing of it. */
static void callee_wants_longer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	invite(&f->carrier, SERVICE_NUMBER, "", offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	for (unsigned i = 0; i < 3; i++) {
		char min[32];

		m = expect(&f->service, "INVITE");
		re_snprintf(min, sizeof(min), "Min-SE: %u\r\n", 1000 + i);
		respond_as(&f->service, m, 422, "", min, NULL);
		expect(&f->service, "ACK");
	}
	m = expect(&f->service, "INVITE");
	assert_header(m, "Session-Expires", "1002");
	assert_header(m, "Min-SE", "1002");
	expect_silence(&f->carrier);
	respond_as(&f->service, m, 422, "", "Min-SE: 1003\r\n", NULL); /* three times, no more */
	expect(&f->service, "ACK");
	assert_true(next_message(&f->carrier)->status >= 400);
	request(&f->carrier, "ACK", NULL, "", NULL);
	both_quiet(f);
	expect_clean(f);
}

/* 422 that no longer interval would mend. */
static void callee_is_never_content(void **state)
{
	static const char *const v[] = {"", "Min-SE: 90\r\n", "Min-SE: 9999999\r\n",
					"Min-SE: x\r\n"};
	struct fx *f = *state;

	timer_on(f, &f->service, 600);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		invite(&f->carrier, SERVICE_NUMBER, "", offer_of(f, &f->carrier));
		expect(&f->carrier, "100");
		respond_as(&f->service, expect(&f->service, "INVITE"), 422, "", v[i], NULL);
		expect(&f->service, "ACK");
		assert_true(next_message(&f->carrier)->status >= 400);
		request(&f->carrier, "ACK", NULL, "", NULL);
		both_quiet(f);
		next_call(f);
	}
	expect_clean(f);
}

/* ---- in the dialog ---- */

/* 7.4: a request that is relayed keeps interval and refresher of the leg it goes to. */
static void changes_keep_the_timer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	const char *hold = sdp_of("192.0.2.7", KEY_A, "sendonly");

	timer_on(f, &f->service, 600);
	make_call(f, "", REQUIRED "Session-Expires: 400;refresher=uas\r\n");
	request(&f->carrier, "INVITE", NULL, "", hold);
	m = expect(&f->service, "INVITE");
	assert_header(m, "Session-Expires", "400;refresher=uas");
	assert_header(m, "Min-SE", "");
	respond_as(&f->service, m, 200, "", REQUIRED "Session-Expires: 400;refresher=uac\r\n",
		   sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	assert_header(expect(&f->carrier, "200"), "Session-Expires", "");
	request(&f->carrier, "ACK", NULL, "", NULL);

	request(&f->carrier, "UPDATE", NULL, "", offer_of(f, &f->carrier));
	m = expect(&f->service, "UPDATE");
	assert_header(m, "Session-Expires", "400;refresher=uac"); /* the role has changed */
	respond(&f->service, m, 200, answer_of_peer(f, &f->service));
	assert_header(expect(&f->carrier, "200"), "Session-Expires", "");
	/* 7.2: turned off by a 2xx without Session-Expires */
	wait_s(f, 3600);
	hang_up(f);
}

/* 7.3: 422 to a change is a matter of that leg; the change goes out again. */
static void change_with_too_short_a_timer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	timer_on(f, &f->service, 600);
	make_call(f, "", REQUIRED "Session-Expires: 600;refresher=uas\r\n");
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	respond_as(&f->service, m, 422, "", "Min-SE: 900\r\n", NULL);
	expect(&f->service, "ACK");
	m = expect(&f->service, "INVITE");
	assert_header(m, "Session-Expires", "900;refresher=uas");
	assert_header(m, "Min-SE", "900");
	expect_silence(&f->carrier);
	respond_as(&f->service, m, 200, "", REQUIRED "Session-Expires: 900;refresher=uas\r\n",
		   sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);

	request(&f->carrier, "INVITE", NULL, "", offer_of(f, &f->carrier));
	m = expect(&f->service, "INVITE");
	respond_as(&f->service, m, 422, "", "Min-SE: 900\r\n", NULL); /* as it was asked to */
	expect(&f->service, "ACK");
	assert_true(next_message(&f->carrier)->status >= 400);
	request(&f->carrier, "ACK", NULL, "", NULL);
	hang_up(f);
}

/* 9: a refresh that is too short is refused, and refreshes nothing. */
static void refresh_of_the_peer_too_short(void **state)
{
	static const char *const methods[] = {"UPDATE", "INVITE"};
	struct fx *f = *state;

	timer_on(f, &f->carrier, 600)->min_s = 200;
	make_call(f, SUPPORTED "Session-Expires: 600;refresher=uac\r\n", "");
	wait_s(f, 500);
	for (size_t i = 0; i < 2; i++) {
		request(&f->carrier, methods[i], NULL,
			SUPPORTED "Session-Expires: 199;refresher=uac\r\n",
			i ? offer_of(f, &f->carrier) : NULL);
		assert_header(expect(&f->carrier, "422"), "Min-SE", "200");
		if (i)
			request(&f->carrier, "ACK", NULL, "", NULL);
	}
	wait_s(f, 67);
	both_quiet(f);
	wait_s(f, 1);
	expect_expired(f);
}

/* RFC 3311: an UPDATE before the answer is about media alone. */
static void early_update_has_no_timer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	timer_on(f, &f->carrier, 600);
	invite(&f->carrier, SERVICE_NUMBER, SUPPORTED "Session-Expires: 600\r\n",
	       offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	learn(&f->carrier, expect(&f->carrier, "180"));
	request(&f->carrier, "UPDATE", NULL, SUPPORTED "Session-Expires: 600\r\n", NULL);
	assert_header(expect(&f->carrier, "200"), "Session-Expires", "");
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	request(&f->carrier, "ACK", NULL, "", NULL);
	both_quiet(f);
	expect_clean(f);
}

/* Nor one that goes on to the other leg, with its 2xx (RFC 6337 3.1: both have agreed). */
static void relayed_early_update_has_no_timer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	timer_on(f, &f->carrier, 600);
	timer_on(f, &f->service, 600);
	f->confv[0].reliable = f->confv[1].reliable = SP_USE_SUPPORTED;
	f->conf->limits.ring_s = 3600;
	invite(&f->carrier, SERVICE_NUMBER, ALLOW_UPDATE "Supported: 100rel, timer\r\n",
	       offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond_as(&f->service, inv, 183, "", "Require: 100rel\r\nRSeq: 7\r\n",
		   answer_of_peer(f, &f->service));
	respond(&f->service, expect(&f->service, "PRACK"), 200, NULL);
	m = expect(&f->carrier, "183");
	learn(&f->carrier, m);
	{
		char rack[64];

		re_snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n", value_of(m, "RSeq"));
		request(&f->carrier, "PRACK", NULL, rack, NULL);
	}
	expect(&f->carrier, "200");
	request(&f->service, "UPDATE", NULL, SUPPORTED "Session-Expires: 600\r\n",
		sdp_of("198.51.100.8", KEY_B, "sendrecv"));
	m = expect(&f->carrier, "UPDATE");
	assert_header(m, "Session-Expires", "");
	respond_as(&f->carrier, m, 200, "", THEY_REFRESH, answer_of_peer(f, &f->carrier));
	assert_header(expect(&f->service, "200"), "Session-Expires", "");
	wait_s(f, 1000);
	while (f->carrier.head < f->carrier.tail) /* 18x are repeated every minute */
		assert_in_range(next_message(&f->carrier)->status, 100, 199);
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	request(&f->carrier, "ACK", NULL, "", NULL);
	expect_clean(f);
	both_quiet(f);
}

/* RFC 3261 12.1: of several early dialogs, the timer is that of the one that answers. */
static void timer_of_the_fork_that_answers(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	timer_on(f, &f->service, 600);
	invite(&f->carrier, SERVICE_NUMBER, "", offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond_as(&f->service, inv, 180, "fork1", "", NULL);
	respond_as(&f->service, inv, 180, "fork2", "", NULL);
	expect(&f->carrier, "180");
	expect(&f->carrier, "180");
	respond_as(&f->service, inv, 200, "fork1",
		   ALLOW_UPDATE REQUIRED "Session-Expires: 200;refresher=uac\r\n",
		   answer_of_peer(f, &f->service));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	wait_s(f, 100);
	m = expect(&f->service, "UPDATE");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "fork1"));
	respond(&f->service, m, 200, NULL);
	hang_up(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(off_means_no_timer),
		T(off_refuses_who_requires_it),
		T(too_short_is_refused),
		T(too_short_without_support_is_taken),
		T(required_of_the_caller),
		T(answers),
		T(asks),
		T(required_of_the_callee),
		T(callee_wants_longer),
		T(callee_is_never_content),
		T(changes_keep_the_timer),
		T(change_with_too_short_a_timer),
		T(refresh_of_the_peer_too_short),
		T(early_update_has_no_timer),
		T(relayed_early_update_has_no_timer),
		T(timer_of_the_fork_that_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
