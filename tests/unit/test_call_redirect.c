/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redirects that a trunk's settings let be followed (RFC 3261 8.1.3.4), and those
 * that are not.
 */
#include "retry_fixture.h"

/* RFC 3261 8.1.3.4, 19.1.5: the contact's user, host and parameters; To stays. */
static void redirect_is_followed(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	caller_invites(f);
	first = expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls");
	redirect(&f->service, first,
		 "\"x\" <sip:+441632960002;tgrp=7" OWN ":5070;transport=udp;maddr=192.0.2.66;x=1;"
		 "method=BYE;user=phone;y?Replaces=z&Subject=q>;q=0.5");
	second = expect_at(&f->service,
			   "sip:+441632960002;tgrp=7" OWN ":5070;x=1;y;transport=tls;user=phone");
	assert_pl(SERVICE_NUMBER, &second->to.uri.user);
	assert_int_not_equal(0, pl_cmp(&first->call_id, &second->call_id));
	assert_int_not_equal(0, pl_cmp(&first->from_tag, &second->from_tag));
	assert_int_equal(0, pl_cmp(&first->body, &second->body)); /* the same offer */
	assert_int_equal(first->max_forwards, second->max_forwards);
	assert_non_null(sp_sip_msg_named(second, "X-Tenant"));
	assert_non_null(strstr(f->log, "call_retry"));
	assert_non_null(strstr(f->log, "trunk=service status=302 why=redirect attempt=2"));
	assert_int_equal(1, sp_trunk_calls(f->trunkv[1]));
	talk(f, &f->service, second);
}

/* The Contact of a 3xx is not told to the caller, and leads to no other network. */
static void foreign_redirect_fails(void **state)
{
	static const char *const foreign[] = {
		"<sip:+441632960002@evil.example>",
		"<sip:+441632960002@192.0.2.66>",
		"<sip:+441632960002@sbc.service.example.evil.example>",
		"<sips:+441632960002@evil.example;maddr=sbc.service.example>",
		"<sip:sbc.service.example@evil.example>",
		"<tel:+441632970001>",               /* in nobody's table */
		"<tel:6000;phone-context=+4416329>", /* not global */
		"<mailto:a@sbc.service.example>",
		"<https://sbc.service.example/>",
		"*",
		"\"",
	};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		caller_invites(f);
		redirect(&f->service, expect(&f->service, "INVITE"), foreign[i]);
		expect_end(f, &f->service, "480");
	}
	assert_null(strstr(f->log, "call_retry"));
}

static void redirect_is_a_failure_by_default(void **state)
{
	struct fx *f = *state;

	f->confv[1].follow_redirects = false;
	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"), "<sip:+441632960002" OWN ">");
	expect_end(f, &f->service, "480");
}

/* RFC 3261 21.3: 380 describes services in its body; 304 and 399 are not known. */
static void other_3xx_fail(void **state)
{
	static const unsigned statusv[] = {303, 304, 380, 399};
	struct fx *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(statusv); i++) {
		caller_invites(f);
		fail_with(&f->service, expect(&f->service, "INVITE"), statusv[i],
			  "Contact: <sip:+441632960002" OWN ">\r\n");
		expect_end(f, &f->service, "480");
	}
	caller_invites(f);
	fail_with(&f->service, expect(&f->service, "INVITE"), 302, "");
	expect_end(f, &f->service, "480");
}

/* RFC 3261 21.3.4: one without user names where to ask, and the number stays. */
static void contact_without_user(void **state)
{
	struct fx *f = *state;

	f->confv[1].domain = "calls.service.example";
	caller_invites(f);
	fail_with(&f->service,
		  expect_at(&f->service,
			    "sip:" SERVICE_NUMBER "@calls.service.example;transport=tls"),
		  305, "Contact: <sip:sbc.service.example>\r\n");
	talk(f, &f->service, expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls"));
}

/* RFC 3966: a number goes where the caller's call to it would go, if that is here. */
static void redirect_to_a_number(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"),
		 "<tel:" SERVICE_NUMBER ">, <tel:+44-1632-960002>");
	inv = expect_at(&f->service, "sip:+441632960002" OWN ";transport=tls");
	assert_pl(SERVICE_NUMBER, &inv->to.uri.user);
	talk(f, &f->service, inv);
}

/* The same of a carrier, where the service's other calls go as well: but no call to the
 * service's own numbers, and no number of a context that is the carrier's (5.1.5). */
static void carrier_redirects_to_a_number(void **state)
{
	static const char *const others[] = {"<tel:" SERVICE_NUMBER ">", "<tel:6000>",
					     "<tel:01632960099;phone-context=+44>"};
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	f->confv[0].follow_redirects = true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_A, "sendrecv"));
		expect(&f->service, "100");
		redirect(&f->carrier, expect(&f->carrier, "INVITE"), others[i]);
		expect(&f->service, "480");
		acknowledge(&f->service);
		expect_silence(&f->carrier);
		expect_clean(f);
	}
	invite(&f->service, CARRIER_NUMBER, "", sdp_of("198.51.100.7", KEY_A, "sendrecv"));
	expect(&f->service, "100");
	redirect(&f->carrier, expect(&f->carrier, "INVITE"), "<tel:+441632000001>");
	inv = expect_at(&f->carrier, "sip:+441632000001@sbc.carrier.example;transport=tls");
	fail_with(&f->carrier, inv, 404, "");
	expect(&f->service, "404");
	acknowledge(&f->service);
	expect_clean(f);
}

/* RFC 3261 8.1.3.4: best q first, as they stand where it is the same; each when the one
 * before has failed. 16.7, item 6: what failed first is told. */
static void contacts_in_order(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"),
		 "<sip:c" OWN ">;q=0.25, <sip:z@evil.example>;q=0.9, <sip:d" OWN ">;q=0.2,"
		 " <sip:bad" OWN ">;q=x, <sip:a" OWN ">, <sip:b" OWN ">;q=1.0");
	fail_with(&f->service, expect_at(&f->service, "sip:a" OWN ";transport=tls"), 486, "");
	fail_with(&f->service, expect_at(&f->service, "sip:b" OWN ";transport=tls"), 404, "");
	expect_silence(&f->carrier);
	/* its own contacts take their place among the others */
	redirect(&f->service, expect_at(&f->service, "sip:c" OWN ";transport=tls"),
		 "<sip:e" OWN ">;q=0.1, <sip:a" OWN ">");
	fail_with(&f->service, expect_at(&f->service, "sip:d" OWN ";transport=tls"), 503, "");
	assert_int_equal(1, sp_trunk_calls(f->trunkv[1]));
	fail_with(&f->service, expect_at(&f->service, "sip:e" OWN ";transport=tls"), 480, "");
	expect_end(f, &f->service, "486");
}

/* RFC 3261 21.6: a 6xx speaks for the called one: nobody else is asked, nothing else told. */
static void global_failure_ends_it(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"),
		 "<sip:a" OWN ">, <sip:b" OWN ">, <sip:c" OWN ">");
	fail_with(&f->service, expect(&f->service, "INVITE"), 404, "");
	fail_with(&f->service, expect(&f->service, "INVITE"), 603, "");
	expect_end(f, &f->service, "603");
}

/* RFC 3261 8.1.3.4: no URI twice, whatever its case and the parameters that are ours. */
static void loop_ends(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"),
		 "<sip:" SERVICE_NUMBER "@SBC.service.EXAMPLE:5061;transport=tcp;user=phone>");
	expect_end(f, &f->service, "480");

	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"), "<sip:a" OWN ">, <sips:a" OWN ">");
	redirect(&f->service, expect_at(&f->service, "sip:a" OWN ";transport=tls"),
		 "<sip:" SERVICE_NUMBER OWN ">, <sip:a" OWN ">");
	expect_end(f, &f->service, "480");
}

static void redirects_are_bounded(void **state)
{
	struct fx *f = *state;
	char contacts[2048] = "", uri[64];
	size_t n = 0;

	caller_invites(f);
	for (unsigned i = 0; i <= 5; i++) {
		re_snprintf(contacts, sizeof(contacts), "<sip:u%u" OWN ">", i);
		redirect(&f->service, expect(&f->service, "INVITE"), contacts);
	}
	expect_end(f, &f->service, "480");

	for (unsigned i = 0; i < 40; i++)
		n += (size_t)re_snprintf(contacts + n, sizeof(contacts) - n, "%s<sip:v%u" OWN ">",
					 i ? "," : "", i);
	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"), contacts);
	for (unsigned i = 0; i < 5; i++) {
		re_snprintf(uri, sizeof(uri), "sip:v%u" OWN ";transport=tls", i);
		fail_with(&f->service, expect_at(&f->service, uri), 500 + i, "");
	}
	expect_end(f, &f->service, "500");
}

/* A URI that would not fit into a Request-URI is none to follow. */
static void long_contact_is_left(void **state)
{
	struct fx *f = *state;
	char contact[1024], user[600];

	memset(user, 'a', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	re_snprintf(contact, sizeof(contact), "<sip:%s" OWN ">, <sip:b" OWN ">;q=0.1", user);
	caller_invites(f);
	redirect(&f->service, expect(&f->service, "INVITE"), contact);
	talk(f, &f->service, expect_at(&f->service, "sip:b" OWN ";transport=tls"));
}

/* RFC 3261 9: CANCEL while a connection for the second INVITE is looked for. */
static void cancelled_between_attempts(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	f->held = true;
	redirect(&f->service, inv, "<sip:a" OWN ">");
	cancel(f);
	f->held = false;
	expect(&f->carrier, "200");
	expect_end(f, &f->service, "487");
}

static void hung_up_between_attempts(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	learn(&f->carrier, expect(&f->carrier, "180"));
	f->held = true;
	redirect(&f->service, inv, "<sip:a" OWN ">");
	request(&f->carrier, "BYE", NULL, "", NULL); /* of the early dialog (RFC 3261 15) */
	f->held = false;
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	expect_silence(&f->service);
	expect_clean(f);
}

/* RFC 3261 9.1: what was cancelled is not sent elsewhere. */
static void no_redirect_after_cancel(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	cancel(f);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	respond(&f->service, expect(&f->service, "CANCEL"), 200, NULL);
	redirect(&f->service, inv, "<sip:a" OWN ">");
	acknowledge(&f->carrier);
	expect_silence(&f->service);
	expect_clean(f);
}

/* The same without an offer, which is not what keeps it from being sent. */
static void no_redirect_after_cancel_without_offer(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	cancel(f);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	acknowledge(&f->carrier);
	redirect(&f->service, inv, "<sip:a" OWN ">");
	expect_silence(&f->service);
	expect_clean(f);
	assert_null(strstr(f->log, "call_retry"));
}

/* RFC 3261 13.2.2.4: to the caller, who rings next is another fork, with its own answer. */
static void both_attempts_ring(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *first, *second, *answer;

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 183, sdp_answer("198.51.100.6", KEY_A, "sendrecv"));
	first = expect(&f->carrier, "183");
	assert_true(first->body.l > 0);
	redirect(&f->service, inv, "<sip:a" OWN ">");
	inv = expect_at(&f->service, "sip:a" OWN ";transport=tls");
	respond_as(&f->service, inv, 180, "x1", "", NULL);
	second = expect(&f->carrier, "180");
	assert_false(same_tag(first, second));
	assert_int_equal(0, second->body.l);
	respond_as(&f->service, inv, 183, "x2", "", NULL); /* forks of the second one */
	assert_false(same_tag(first, expect(&f->carrier, "183")));
	respond_as(&f->service, inv, 200, "x1", "", sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	answer = expect(&f->carrier, "200");
	assert_true(same_tag(second, answer));
	assert_true(answer->body.l > 0);
	learn(&f->carrier, answer);
	acknowledge(&f->carrier);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* The same without ringing the second time. */
static void second_attempt_answers_at_once(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *first, *answer;

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 183, sdp_answer("198.51.100.6", KEY_A, "sendrecv"));
	first = expect(&f->carrier, "183");
	redirect(&f->service, inv, "<sip:a" OWN ">");
	inv = expect_at(&f->service, "sip:a" OWN ";transport=tls");
	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	answer = expect(&f->carrier, "200");
	assert_false(same_tag(first, answer));
	assert_true(answer->body.l > 0);
	learn(&f->carrier, answer);
	acknowledge(&f->carrier);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* However often it rings and is sent on: the caller's dialogs are bounded. */
static void caller_dialogs_are_bounded(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	char tag[16];

	caller_invites(f);
	inv = expect(&f->service, "INVITE");
	for (unsigned i = 0; i < LEG_DIALOGS_MAX; i++) {
		re_snprintf(tag, sizeof(tag), "t%u", i);
		respond_as(&f->service, inv, 180, tag, "", NULL);
		expect(&f->carrier, "180");
	}
	redirect(&f->service, inv, "<sip:a" OWN ">");
	expect_end(f, &f->service, "480");
}

/* RFC 3262: the caller acknowledges what it heard of the first attempt during the second. */
static void reliable_provisional_outlives_its_attempt(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;
	uint32_t rseq;
	char rack[64];

	f->confv[0].reliable = SP_USE_SUPPORTED;
	invite(&f->carrier, SERVICE_NUMBER, "Supported: 100rel\r\n",
	       sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 183, sdp_answer("198.51.100.6", KEY_A, "sendrecv"));
	m = expect(&f->carrier, "183");
	learn(&f->carrier, m);
	assert_int_equal(0, sp_u32(&rseq, &sp_sip_msg_named(m, "RSeq")->value, UINT32_MAX));
	redirect(&f->service, inv, "<sip:a" OWN ">");
	inv = expect_at(&f->service, "sip:a" OWN ";transport=tls");
	re_snprintf(rack, sizeof(rack), "RAck: %u %u INVITE\r\n", rseq, f->carrier.cseq);
	request(&f->carrier, "PRACK", NULL, rack, NULL);
	expect(&f->carrier, "200");

	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	assert_true(m->body.l > 0); /* of this dialog nothing was agreed yet */
	learn(&f->carrier, m);
	f->carrier.cseq--; /* the INVITE's */
	acknowledge(&f->carrier);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* RFC 3261 13.2.1: no offer in the INVITE, nor in the next one. */
static void delayed_offer_goes_elsewhere(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	redirect(&f->service, inv, "<sip:a" OWN ">");
	inv = expect_at(&f->service, "sip:a" OWN ";transport=tls");
	assert_int_equal(0, inv->body.l);
	respond(&f->service, inv, 200, sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
	assert_true(expect(&f->service, "ACK")->body.l > 0);
	sp_calls_end(f->calls);
	respond(&f->carrier, expect(&f->carrier, "BYE"), 200, NULL);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
}

/* The caller has the callee's offer: another callee would have another one. */
static void no_second_offer_for_the_caller(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	f->confv[0].reliable = f->confv[1].reliable = SP_USE_SUPPORTED;
	invite(&f->carrier, SERVICE_NUMBER, "Supported: 100rel\r\n", NULL);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond_as(&f->service, inv, 183, "", "Require: 100rel\r\nRSeq: 1\r\n",
		   sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	assert_true(expect(&f->carrier, "183")->body.l > 0);
	redirect(&f->service, inv, "<sip:a" OWN ">");
	expect_end(f, &f->service, "480");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_following, fx_teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(redirect_is_followed),
		T(foreign_redirect_fails),
		T(redirect_is_a_failure_by_default),
		T(other_3xx_fail),
		T(contact_without_user),
		T(redirect_to_a_number),
		T(carrier_redirects_to_a_number),
		T(contacts_in_order),
		T(global_failure_ends_it),
		T(loop_ends),
		T(redirects_are_bounded),
		T(long_contact_is_left),
		T(cancelled_between_attempts),
		T(hung_up_between_attempts),
		T(no_redirect_after_cancel),
		T(no_redirect_after_cancel_without_offer),
		T(both_attempts_ring),
		T(second_attempt_answers_at_once),
		T(caller_dialogs_are_bounded),
		T(reliable_provisional_outlives_its_attempt),
		T(delayed_offer_goes_elsewhere),
		T(no_second_offer_for_the_caller),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("call/redirect", tests, NULL, NULL);
}
