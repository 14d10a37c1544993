/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The INVITE once more: after a redirect (RFC 3261 8.1.3.4), at the trunk's next
 * target (RFC 3263 4.3), with a longer session timer (RFC 4028 7.3).
 */
#include "call_fixture.h"
#include "../../src/trunk/trunk_priv.h"

#define OWN "@sbc.service.example"

static void caller_invites(struct fx *f)
{
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
}

/** A failure with these header lines, and no Contact of the peer's own. */
static void fail_with(struct peer *peer, const struct sp_sip_msg *inv, unsigned status,
		      const char *headers)
{
	char text[4096];

	re_snprintf(text, sizeof(text),
		    "SIP/2.0 %u x\r\nVia: %r\r\nFrom: %r\r\nTo: %r;tag=f%u\r\nCall-ID: %r\r\n"
		    "CSeq: %u INVITE\r\n%sContent-Length: 0\r\n\r\n",
		    status, &sp_sip_msg_next(inv, SP_HDR_VIA, NULL)->value,
		    &sp_sip_msg_next(inv, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(inv, SP_HDR_TO, NULL)->value, ++peer->f->branch, &inv->call_id,
		    inv->cseq, headers);
	peer_write(peer, text);
	expect(peer, "ACK");
}

static void redirect(struct peer *peer, const struct sp_sip_msg *inv, const char *contacts)
{
	char line[2048];

	re_snprintf(line, sizeof(line), "Contact: %s\r\n", contacts);
	fail_with(peer, inv, 302, line);
}

/** The call goes on at this peer with this Request-URI, in a dialog of its own. */
static const struct sp_sip_msg *expect_at(struct peer *peer, const char *uri)
{
	const struct sp_sip_msg *m = expect(peer, "INVITE");
	char got[256];

	re_snprintf(got, sizeof(got), "%r", &m->ruri);
	assert_string_equal(got, uri);
	assert_int_equal(0, m->to_tag.l);
	peer->uac = false;
	peer->tag[0] = '\0';
	return m;
}

static void assert_pl(const char *want, const struct pl *pl)
{
	char got[256];

	re_snprintf(got, sizeof(got), "%r", pl);
	assert_string_equal(want, got);
}

static void acknowledge(struct peer *peer)
{
	request(peer, "ACK", NULL, "", NULL);
}

static void cancel(struct fx *f)
{
	request(&f->carrier, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "",
		NULL);
}

/** callee answers inv, and the call is talked on and hung up. */
static void talk(struct fx *f, struct peer *callee, const struct sp_sip_msg *inv)
{
	respond(callee, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(callee, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	acknowledge(&f->carrier);
	assert_int_equal(1, sp_trunk_calls(f->trunkv[1]));
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(callee, expect(callee, "BYE"), 200, NULL);
	expect_silence(&f->carrier);
	expect_silence(callee);
	expect_clean(f);
}

static void expect_end(struct fx *f, struct peer *callee, const char *status)
{
	expect(&f->carrier, status);
	acknowledge(&f->carrier);
	expect_silence(&f->carrier);
	expect_silence(callee);
	expect_clean(f);
}

static int setup_following(void **state)
{
	int err = fx_setup(state);
	struct fx *f = *state;

	f->confv[1].follow_redirects = true;
	return err;
}

/* ---- redirects ---- */

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

static bool same_tag(const struct sp_sip_msg *a, const struct sp_sip_msg *b)
{
	return 0 == pl_cmp(&a->to_tag, &b->to_tag);
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

/* ---- failover ---- */

static struct peer target[3];
static const char *const target_hosts[] = {"a.service.example", "b.service.example",
					   "c.service.example"};

#define AT_A "sip:" SERVICE_NUMBER "@a.service.example;transport=tls"
#define AT_B "sip:" SERVICE_NUMBER "@b.service.example;transport=tls"
#define AT_C "sip:" SERVICE_NUMBER "@c.service.example;transport=tls"

/** The service trunk has targets, each with its connection. */
static int setup_targets(void **state, size_t n)
{
	struct sp_trunk *trunkv[2];
	struct sp_trunk_setup setup[2];
	int err = setup_following(state);
	struct fx *f = *state;
	struct sp_trunk *t = f->trunkv[1];

	memset(target, 0, sizeof(target));
	f->confv[1].failoverv[0] = 503;
	f->confv[1].failoverv[1] = 408;
	f->confv[1].failoverc = 2;
	for (size_t i = 0; i < n; i++)
		f->confv[1].targetv[f->confv[1].targetc++] =
			(struct sp_conf_target){.host = target_hosts[i], .port = 5061};
	for (unsigned i = 0; i < 2; i++)
		setup[i] = (struct sp_trunk_setup){&f->confv[i], &f->ifv[i], NULL};
	assert_int_equal(0, sp_trunks_apply(f->trunks, f->conf, setup, 2, trunkv));
	mem_deref(trunkv[0]);
	mem_deref(trunkv[1]);
	for (size_t i = 0; i < n; i++) {
		struct conn *c;

		peer_init(f, &target[i], t, target_hosts[i]);
		c = list_ledata(list_head(&t->accepted));
		list_unlink(&c->le);
		c->tg = t->targetv[i];
		t->targetv[i]->conn = c;
	}
	return err;
}

static int setup_two(void **state)
{
	return setup_targets(state, 2);
}

static int setup_three(void **state)
{
	return setup_targets(state, 3);
}

static int teardown_targets(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(target); i++) {
		if (target[i].f)
			peer_clear(&target[i]);
	}
	return fx_teardown(state);
}

/* RFC 3263 4.3, RFC 3261 21.5.4: 503 is the target's matter; the next one is asked. */
static void next_target_after_503(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	caller_invites(f);
	first = expect_at(&target[0], AT_A);
	fail_with(&target[0], first, 503, "Retry-After: 60\r\n");
	second = expect_at(&target[1], AT_B);
	assert_int_not_equal(0, pl_cmp(&first->call_id, &second->call_id));
	assert_int_equal(0, pl_cmp(&first->body, &second->body));
	assert_non_null(strstr(f->log, "trunk=service status=503 why=failover attempt=2"));
	expect_silence(&f->carrier);
	talk(f, &target[1], second);
	expect_silence(&target[0]);
}

/* What the next one says of the called number counts, not the 503 before. */
static void failure_of_the_last_target(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 503, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 486, "");
	expect_end(f, &target[1], "486");
	assert_null(strstr(f->log, "attempt=3"));
}

static void no_target_left(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 503, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 408, "");
	expect_end(f, &target[1], "503");
	expect_silence(&target[0]);
	assert_null(strstr(f->log, "trunk_unreachable"));
}

static void codes_that_are_not_listed(void **state)
{
	static const unsigned statusv[] = {404, 500, 504, 600};
	struct fx *f = *state;
	char want[8];

	for (size_t i = 0; i < ARRAY_SIZE(statusv); i++) {
		caller_invites(f);
		fail_with(&target[0], expect(&target[0], "INVITE"), statusv[i], "");
		re_snprintf(want, sizeof(want), "%u", statusv[i]);
		expect_end(f, &target[1], want);
	}
	assert_null(strstr(f->log, "call_retry"));
}

static void one_target_has_no_next(void **state)
{
	struct fx *f = *state;

	f->confv[1].failoverv[0] = 503;
	f->confv[1].failoverc = 1;
	caller_invites(f);
	fail_with(&f->service, expect(&f->service, "INVITE"), 503, "");
	expect_end(f, &f->service, "503");
	assert_null(strstr(f->log, "call_retry"));
}

/* RFC 3261 17.1.1.2, timer B: as if 408 had come (8.1.3.1). */
static void no_response(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	expect(&target[0], "INVITE");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	sp_loop_advance(f->loop, 0);
	assert_non_null(strstr(f->log, "status=408 why=failover attempt=2"));
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

static void no_response_and_408_not_listed(void **state)
{
	struct fx *f = *state;

	f->confv[1].failoverc = 1;
	caller_invites(f);
	expect(&target[0], "INVITE");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	expect_end(f, &target[1], "408");
}

/* RFC 3263 4.3: a transport failure is one whatever the list says. */
static void connection_lost(void **state)
{
	struct fx *f = *state;

	f->confv[1].failoverc = 0;
	caller_invites(f);
	expect(&target[0], "INVITE");
	peer_disconnect(&target[0]);
	sp_loop_advance(f->loop, 0);
	sp_loop_advance(f->loop, 0);
	assert_non_null(strstr(f->log, "status=503 why=failover attempt=2"));
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

static void connection_cannot_be_written(void **state)
{
	struct fx *f = *state;

	target[0].unreachable = true;
	caller_invites(f);
	expect_silence(&target[0]);
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

/* RFC 3261 9.1: who hangs up while it is tried is not called elsewhere. */
static void no_failover_after_cancel(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	cancel(f);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	fail_with(&target[0], inv, 503, "");
	acknowledge(&f->carrier);
	expect_silence(&target[0]);
	expect_silence(&target[1]);
	expect_clean(f);
}

static void rang_and_failed(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *first, *second;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	respond(&target[0], inv, 180, NULL);
	first = expect(&f->carrier, "180");
	fail_with(&target[0], inv, 503, "");
	inv = expect_at(&target[1], AT_B);
	respond(&target[1], inv, 180, NULL);
	second = expect(&f->carrier, "180");
	assert_false(same_tag(first, second));
	talk(f, &target[1], inv);
}

/* RFC 3261 16.6, item 11: timer C is the call's; the second target has what is left. */
static void ringing_is_bounded_in_all(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	respond(&target[0], inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 100 * 1000);
	fail_with(&target[0], inv, 503, "");
	inv = expect_at(&target[1], AT_B);
	respond(&target[1], inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 79 * 1000);
	expect_silence(&f->carrier);
	sp_loop_advance(f->loop, 1000);
	expect(&f->carrier, "408");
	acknowledge(&f->carrier);
	respond(&target[1], expect(&target[1], "CANCEL"), 200, NULL);
	fail_with(&target[1], inv, 487, "");
	expect_clean(f);
}

/* A contact that names a target is asked for there, then elsewhere; a target that has
 * failed is not asked again. */
static void redirect_names_a_target(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	redirect(&target[0], expect_at(&target[0], AT_A), "<sip:x@c.service.example>");
	fail_with(&target[2], expect_at(&target[2], "sip:x@c.service.example;transport=tls"), 503,
		  "");
	redirect(&target[0], expect_at(&target[0], "sip:x@c.service.example;transport=tls"),
		 "<sip:y@c.service.example>");
	talk(f, &target[0], expect_at(&target[0], "sip:y@c.service.example;transport=tls"));
	expect_silence(&target[2]);
	expect_silence(&target[1]);
}

/* A trunk's name that is no target: any of them will know it. */
static void redirect_names_the_trunk(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect_at(&target[0], AT_A), 503, "");
	redirect(&target[1], expect_at(&target[1], AT_B), "<sip:x" OWN ">, <sip:y" OWN ">");
	fail_with(&target[1], expect_at(&target[1], "sip:x" OWN ";transport=tls"), 503, "");
	fail_with(&target[2], expect_at(&target[2], "sip:x" OWN ";transport=tls"), 503, "");
	expect_end(f, &target[2], "503"); /* y is nowhere to be found either */
}

/* The list is the operator's: also of what speaks for the called one. */
static void listed_6xx_goes_on(void **state)
{
	struct fx *f = *state;

	f->confv[1].failoverv[0] = 600;
	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 600, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 486, "");
	expect_end(f, &target[1], "600");
}

/* ---- session timers ---- */

/* RFC 4028 7.3, RFC 3261 8.1.3.5: again with Min-SE, same Call-ID and tag, CSeq one higher. */
static void interval_too_small(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	first = expect(&f->service, "INVITE");
	fail_with(&f->service, first, 422, "Min-SE: 3600\r\n");
	second = expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls");
	assert_int_equal(0, pl_cmp(&first->call_id, &second->call_id));
	assert_int_equal(0, pl_cmp(&first->from_tag, &second->from_tag));
	assert_int_equal(first->cseq + 1, second->cseq);
	assert_int_equal(0, pl_cmp(&first->body, &second->body));
	assert_int_equal(first->max_forwards, second->max_forwards);
	assert_pl("3600", &sp_sip_msg_named(second, "Min-SE")->value);
	assert_non_null(strstr(f->log, "status=422 why=422 attempt=2"));
	expect_silence(&f->carrier);
	talk(f, &f->service, second);
}

/* After ringing its dialog is another one's: a new one, at the same place. */
static void interval_too_small_after_ringing(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	first = expect(&f->service, "INVITE");
	respond(&f->service, first, 180, NULL);
	expect(&f->carrier, "180");
	fail_with(&f->service, first, 422, "Min-SE: 3600\r\n");
	second = expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls");
	assert_int_not_equal(0, pl_cmp(&first->call_id, &second->call_id));
	talk(f, &f->service, second);
}

/* A peer that is never content. */
static void intervals_are_bounded(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = NULL;
	char line[32];
	unsigned n = 0;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	while ((m = next_message(&f->service)) && n++ < 20) {
		re_snprintf(line, sizeof(line), "Min-SE: %u\r\n", 1800 + n * 60);
		fail_with(&f->service, m, 422, line);
	}
	assert_in_range(n, 2, 4);
	expect(&f->carrier, "422");
	acknowledge(&f->carrier);
	expect_clean(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_following, fx_teardown)
#define TWO(name) cmocka_unit_test_setup_teardown(name, setup_two, teardown_targets)
#define THREE(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown_targets)

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
		T(contacts_in_order),
		T(global_failure_ends_it),
		T(loop_ends),
		T(redirects_are_bounded),
		T(long_contact_is_left),
		T(cancelled_between_attempts),
		T(hung_up_between_attempts),
		T(no_redirect_after_cancel),
		T(both_attempts_ring),
		T(second_attempt_answers_at_once),
		T(caller_dialogs_are_bounded),
		T(reliable_provisional_outlives_its_attempt),
		T(delayed_offer_goes_elsewhere),
		T(no_second_offer_for_the_caller),
		TWO(next_target_after_503),
		TWO(failure_of_the_last_target),
		TWO(no_target_left),
		TWO(codes_that_are_not_listed),
		T(one_target_has_no_next),
		TWO(no_response),
		TWO(no_response_and_408_not_listed),
		TWO(connection_lost),
		TWO(connection_cannot_be_written),
		TWO(no_failover_after_cancel),
		TWO(rang_and_failed),
		TWO(ringing_is_bounded_in_all),
		THREE(redirect_names_a_target),
		THREE(redirect_names_the_trunk),
		TWO(listed_6xx_goes_on),
		T(interval_too_small),
		T(interval_too_small_after_ringing),
		T(intervals_are_bounded),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("call/retry", tests, NULL, NULL);
}
