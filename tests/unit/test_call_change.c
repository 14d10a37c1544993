/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Re-INVITE and UPDATE from one leg to the other: hold, resume, refusal,
 * glare (RFC 3261 14, RFC 3264 8, RFC 3311).
 */
#include "call_fixture.h"

static void hang_up(struct fx *f)
{
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/** The number in "o=- ID VERSION". */
static unsigned long version_of(const struct sp_sip_msg *m)
{
	unsigned long id, version = 0;
	const char *o = strstr(m->body.p, "o=- ");

	assert_non_null(o);
	assert_int_equal(2, sscanf(o, "o=- %lu %lu", &id, &version));
	return version;
}

static const struct sp_sip_msg *change(struct fx *f, struct peer *from, struct peer *to,
				       const char *method, const char *offer, const char *answer,
				       const struct sp_sip_msg **offered)
{
	const struct sp_sip_msg *m, *ok;
	bool invite = 0 == strcmp(method, "INVITE");

	(void)f;
	request(from, method, NULL, "", offer);
	*offered = m = expect(to, method);
	if (answer)
		respond(to, m, 200, answer);
	if (invite)
		expect(to, "ACK");
	ok = expect(from, "200");
	if (invite)
		request(from, "ACK", NULL, "", NULL);
	return ok;
}

static void hold_and_resume_by_the_caller(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *hold, *held, *resume;
	unsigned long v;

	establish(f);
	held = change(f, &f->carrier, &f->service, "INVITE", sdp_of("192.0.2.7", KEY_A, "sendonly"),
		      sdp_answer("198.51.100.7", KEY_B, "recvonly"), &hold);
	assert_non_null(strstr(hold->body.p, "a=sendonly"));
	assert_non_null(strstr(held->body.p, "a=recvonly"));
	assert_null(strstr(hold->body.p, "192.0.2.7"));
	v = version_of(hold);
	assert_non_null(strstr(f->log, "call_changed"));

	sp_loop_advance(f->loop, 600 * 1000); /* no media is watched during hold */
	assert_int_equal(1, calls_now(f));

	change(f, &f->carrier, &f->service, "INVITE", sdp_of("192.0.2.7", KEY_A, "sendrecv"),
	       sdp_answer("198.51.100.7", KEY_B, "sendrecv"), &resume);
	assert_int_equal(v + 1, version_of(resume));
	hang_up(f);
}

static void hold_by_the_callee(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *hold, *held;

	establish(f);
	held = change(f, &f->service, &f->carrier, "INVITE",
		      sdp_of("198.51.100.7", KEY_B, "inactive"),
		      sdp_answer("192.0.2.7", KEY_A, "inactive"), &hold);
	assert_non_null(strstr(hold->body.p, "a=inactive"));
	assert_null(strstr(held->body.p, "192.0.2.7"));
	hang_up(f);
}

/* RFC 3264 8.4, the old way: c=0.0.0.0 reads as hold and never goes out. */
static void hold_by_zero_address(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *hold;

	establish(f);
	change(f, &f->carrier, &f->service, "INVITE", sdp_of("0.0.0.0", KEY_A, "sendrecv"),
	       sdp_answer("198.51.100.7", KEY_B, "inactive"), &hold);
	assert_null(strstr(hold->body.p, "0.0.0.0"));
	assert_non_null(strstr(hold->body.p, "a=inactive"));
	sp_loop_advance(f->loop, 600 * 1000);
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

static void hold_by_update(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *hold, *held;

	establish(f);
	held = change(f, &f->carrier, &f->service, "UPDATE", sdp_of("192.0.2.7", KEY_A, "sendonly"),
		      sdp_answer("198.51.100.7", KEY_B, "recvonly"), &hold);
	assert_non_null(strstr(hold->body.p, "a=sendonly"));
	assert_non_null(strstr(held->body.p, "a=recvonly"));
	hang_up(f);
}

/* RFC 3264 8, RFC 4028: the same again, of either side, is answered without the other. */
static void unchanged_offer_stays_on_its_leg(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *one, *two;
	struct peer *peers[] = {&f->carrier, &f->service};
	const char *sdps[] = {sdp_of("192.0.2.7", KEY_A, "sendrecv"),
			      sdp_answer("198.51.100.7", KEY_B, "sendrecv")};

	establish(f);
	for (unsigned i = 0; i < 2; i++) {
		request(peers[i], "INVITE", NULL, "", sdps[i]);
		one = expect(peers[i], "200");
		request(peers[i], "ACK", NULL, "", NULL);
		request(peers[i], "UPDATE", NULL, "", sdps[i]);
		two = expect(peers[i], "200");
		assert_int_equal(1, version_of(one));
		assert_int_equal(1, version_of(two));
		assert_null(strstr(one->body.p, i ? KEY_A : KEY_B));
		expect_silence(peers[!i]);
	}
	hang_up(f);
}

/* RFC 3261 13.3.1.4: the ACK of such an answer is missed like any other. */
static void unchanged_offer_never_acknowledged(void **state)
{
	struct fx *f = *state;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	for (unsigned i = 0; i < 11; i++)
		expect(&f->carrier, "200");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* The same, and another offer comes instead of the ACK: refused, and nothing is left behind. */
static void unchanged_offer_then_another(void **state)
{
	struct fx *f = *state;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "200");
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->carrier, "500");
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* Its answer cannot be written: the leg is free for the next change all the same. */
static void unchanged_offer_whose_answer_is_lost(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	f->carrier.unreachable = true;
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	f->carrier.unreachable = false;
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS + 1000);
	f->carrier.head = f->carrier.tail;
	change(f, &f->service, &f->carrier, "INVITE", sdp_of("198.51.100.7", KEY_B, "inactive"),
	       sdp_answer("192.0.2.7", KEY_A, "inactive"), &m);
	hang_up(f);
}

static void update_without_offer_is_a_refresh(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "UPDATE", NULL, "", NULL);
	assert_non_null(sp_sip_msg_next(expect(&f->carrier, "200"), SP_HDR_CONTACT, NULL));
	expect_silence(&f->service);
	hang_up(f);
}

/* RFC 3261 14.1: a refused change leaves the session as it was. */
static void refused_change_changes_nothing(void **state)
{
	struct fx *f = *state;
	unsigned used;

	establish(f);
	used = sp_ports_used(f->portsv[0]);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 488, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "488");
	request(&f->carrier, "ACK", NULL, "", NULL);
	assert_int_equal(used, sp_ports_used(f->portsv[0]));

	request(&f->carrier, "INVITE", NULL, "", "v=0\r\nrubbish");
	expect(&f->carrier, "400");
	expect_silence(&f->service);
	hang_up(f);
}

static const char *two_lines(const char *sdp)
{
	static char buf[2048];

	re_snprintf(buf, sizeof(buf),
		    "%sm=video 40010 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n"
		    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\r\n",
		    sdp);
	return buf;
}

/* An m-line added and refused, added and taken, then ended (RFC 3264 8.1, 8.2). */
static void media_added_and_ended(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	char offer[2048], answer[2048];

	establish(f);
	assert_int_equal(1, sp_ports_used(f->portsv[0]));
	strcpy(offer, two_lines(sdp_of("192.0.2.7", KEY_A, "sendrecv")));
	request(&f->carrier, "INVITE", NULL, "", offer);
	m = expect(&f->service, "INVITE");
	assert_int_equal(2, sp_ports_used(f->portsv[0]));
	respond(&f->service, m, 488, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "488");
	request(&f->carrier, "ACK", NULL, "", NULL);
	assert_int_equal(1, sp_ports_used(f->portsv[0]));

	strcpy(answer, two_lines(sdp_answer("198.51.100.7", KEY_B, "sendrecv")));
	change(f, &f->carrier, &f->service, "INVITE", offer, answer, &m);
	assert_int_equal(2, sp_ports_used(f->portsv[0]));
	assert_int_equal(2, sp_ports_used(f->portsv[1]));

	memcpy(strstr(offer, "m=video 40010"), "m=video 0    ", 13);
	memmove(strstr(offer, "m=video 0    ") + 9, strstr(offer, "m=video 0    ") + 13,
		strlen(strstr(offer, "m=video 0    ") + 13) + 1);
	memcpy(strstr(answer, "m=video 40010"), "m=video 0    ", 13);
	memmove(strstr(answer, "m=video 0    ") + 9, strstr(answer, "m=video 0    ") + 13,
		strlen(strstr(answer, "m=video 0    ") + 13) + 1);
	change(f, &f->carrier, &f->service, "INVITE", offer, answer, &m);
	assert_non_null(strstr(m->body.p, "m=video 0 "));
	assert_int_equal(1, sp_ports_used(f->portsv[0]));
	assert_int_equal(1, sp_ports_used(f->portsv[1]));

	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "488"); /* an m-line went missing: RFC 3264 8 */
	hang_up(f);
}

/* RFC 3261 14.2 */
static void changes_cross(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	request(&f->service, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	expect(&f->service, "491");
	request(&f->service, "ACK", NULL, "", NULL);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	assert_non_null(strstr(expect(&f->carrier, "500")->text, "Retry-After:"));
	respond(&f->service, m, 491, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "491");
	hang_up(f);
}

/* RFC 3311 5.2: no UPDATE while the INVITE's offer has no answer. */
static void early_update(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	learn(&f->carrier, expect(&f->carrier, "180"));
	request(&f->carrier, "UPDATE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->carrier, "500");
	request(&f->service, "UPDATE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	expect(&f->service, "491");
	respond(&f->service, inv, 486, NULL);
	expect_clean(f);
}

static void bye_during_a_change(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->service, "INVITE");
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	expect(&f->carrier, "487"); /* RFC 3261 15.1.2 */
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect_clean(f);
}

static void offerer_hangs_up_during_its_change(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->service, "INVITE");
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

static void change_cancelled(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 100, NULL);
	request(&f->carrier, "CANCEL", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	respond(&f->service, m, 487, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "487");
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

/* A provisional ends timer B: timer C ends a change whose answer never comes. */
static void change_never_answered(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->conf->limits.media_timeout_s = 0; /* nor is it the media that ends it */
	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	expect(&f->service, "INVITE");
	respond(&f->service, f->service.queue[f->service.head - 1], 100, NULL);
	sp_loop_advance(f->loop, 180 * 1000);
	expect(&f->carrier, "100");
	m = expect(&f->service, "CANCEL");
	respond(&f->service, m, 200, NULL);
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	expect(&f->carrier, "487");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* The same when the far end's connection went after its 100. */
static void change_lost_with_its_connection(void **state)
{
	struct fx *f = *state;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 100, NULL);
	peer_disconnect(&f->service);
	sp_loop_advance(f->loop, 180 * 1000 + SP_SIP_TIMEOUT_MS);
	expect(&f->carrier, "100");
	expect(&f->carrier, "487");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3261 8.1.3.1: a transport error counts as 503, which ends a change and no call. */
static void connection_goes_under_a_change(void **state)
{
	static const char *const methods[] = {"INVITE", "UPDATE"};
	struct fx *f = *state;

	establish(f);
	for (unsigned i = 0; i < 2; i++) {
		request(&f->carrier, methods[i], NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
		expect(&f->service, methods[i]);
		peer_disconnect(&f->service);
		peer_connect(&f->service);
		sp_loop_advance(f->loop, 0);
		expect(&f->carrier, "503");
		if (!i)
			request(&f->carrier, "ACK", NULL, "", NULL);
	}
	sp_loop_advance(f->loop, 30 * 1000);
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

/* The timer of one change is not left for the next. */
static void quick_changes_are_not_timed_out(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	change(f, &f->carrier, &f->service, "INVITE", sdp_of("192.0.2.7", KEY_A, "sendonly"),
	       sdp_answer("198.51.100.7", KEY_B, "recvonly"), &m);
	sp_loop_advance(f->loop, 100 * 1000);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 100, NULL);
	sp_loop_advance(f->loop, 100 * 1000);
	expect_silence(&f->service);
	respond(&f->service, m, 488, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "100");
	expect(&f->carrier, "488");
	request(&f->carrier, "ACK", NULL, "", NULL);
	sp_loop_advance(f->loop, 600 * 1000);
	assert_int_equal(1, calls_now(f));
	hang_up(f);
}

/* RFC 3261 13.2.2.4: the 2xx to a re-INVITE that crosses our BYE gets its ACK too. */
static void answer_to_a_change_crosses_bye(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m, *bye;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	request(&f->carrier, "BYE", NULL, "", NULL);
	bye = expect(&f->service, "BYE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	assert_int_equal(m->cseq, expect(&f->service, "ACK")->cseq);
	respond(&f->service, bye, 200, NULL);
	expect_clean(f);
}

/* RFC 3261 12.2.1.2: the far end no longer knows the dialog. */
static void far_end_forgot_the_call(void **state)
{
	struct fx *f = *state;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 481, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "487");
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	expect(&f->service, "BYE");
	expect_clean(f);
}

static void change_never_acknowledged(void **state)
{
	struct fx *f = *state;
	struct sp_sip_msg *m;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 200,
		sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	while ((m = next_message(&f->carrier)) && !m->request)
		assert_int_equal(200, m->status);
	assert_non_null(m);
	assert_int_equal(SP_SIP_BYE, m->method);
	expect(&f->service, "BYE");
	expect_clean(f);
}

/* RFC 3261 12.2.2: the target moves with the Contact of a change. */
static void contact_follows_the_change(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	f->carrier.host = "sbc2.carrier.example";
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	request(&f->service, "BYE", NULL, "", NULL);
	expect(&f->service, "200");
	m = expect(&f->carrier, "BYE");
	assert_int_equal(0, pl_strcmp(&m->uri.host, "sbc2.carrier.example"));
	respond(&f->carrier, m, 200, NULL);
	expect_clean(f);
}

/* A 2xx to the first INVITE may come again long after a re-INVITE, when the call is gone. */
static void late_repeat_after_a_change(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	change(f, &f->carrier, &f->service, "INVITE", sdp_of("192.0.2.7", KEY_A, "sendonly"),
	       sdp_answer("198.51.100.7", KEY_B, "recvonly"), &m);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	assert_int_equal(0, calls_now(f));
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	assert_int_equal(inv->cseq, expect(&f->service, "ACK")->cseq);
	expect_clean(f);
}

/* The far end took the change but its answer is unusable: the legs no longer agree. */
static void bad_answer_to_a_change(void **state)
{
	static const char *const methods[] = {"UPDATE", "INVITE"};
	struct fx *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		f->service.tag[0] = '\0';
		establish(f);
		request(&f->carrier, methods[i], NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
		respond(&f->service, expect(&f->service, methods[i]), 200, NULL);
		if (i)
			expect(&f->service, "ACK");
		expect(&f->carrier, "487");
		respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
		respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
		assert_int_equal(0, calls_now(f));
	}
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(hold_and_resume_by_the_caller),
		T(hold_by_the_callee),
		T(hold_by_zero_address),
		T(hold_by_update),
		T(unchanged_offer_stays_on_its_leg),
		T(unchanged_offer_never_acknowledged),
		T(unchanged_offer_then_another),
		T(unchanged_offer_whose_answer_is_lost),
		T(update_without_offer_is_a_refresh),
		T(refused_change_changes_nothing),
		T(media_added_and_ended),
		T(changes_cross),
		T(early_update),
		T(bye_during_a_change),
		T(offerer_hangs_up_during_its_change),
		T(change_cancelled),
		T(change_never_answered),
		T(change_lost_with_its_connection),
		T(connection_goes_under_a_change),
		T(quick_changes_are_not_timed_out),
		T(answer_to_a_change_crosses_bye),
		T(far_end_forgot_the_call),
		T(change_never_acknowledged),
		T(contact_follows_the_change),
		T(late_repeat_after_a_change),
		T(bad_answer_to_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
