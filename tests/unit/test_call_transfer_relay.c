/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfers that are relayed (transfer = "relay"): REFER, Refer-To and NOTIFY
 * from one side to the other (RFC 3515, RFC 3892, RFC 5589).
 */
#include "transfer_fixture.h"

static int relay_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_RELAY);
}

static int refuse_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_REFUSE);
}

/* RFC 3515 2.4.2 to 2.4.5: 202 and the NOTIFYs come back, hosts and headers do not. */
static void blind(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	establish(t->f);
	refer(a, "<sip:+441632960050@sbc.service.example;user=phone?Call-Info=x>",
	      "Referred-By: \"Al\" <sip:+441632960001@sbc.service.example>;cid=\"a@b\"\r\n");
	m = expect(b, "REFER");
	assert_header(m, "Refer-To", "<sip:+441632960050@sbc.carrier.example>");
	assert_header(m, "Referred-By", "<sip:+441632960001@core.gw.example.net>");
	assert_hidden(m, "service.example");
	respond(b, m, 202, NULL);
	expect(a, "202");

	notify(b, "refer", "active;expires=60",
	       "SIP/2.0 180 At sbc.carrier.example\r\nVia: SIP/2.0/TLS 192.0.2.7\r\n");
	m = expect(a, "NOTIFY");
	assert_header(m, "Event", "refer");
	assert_header(m, "Subscription-State", "active;expires=60");
	assert_body(m, "SIP/2.0 180 Ringing\r\n");
	assert_hidden(m, "carrier.example");
	respond(a, m, 200, NULL);
	expect(b, "200");
	notify(b, "refer", "terminated;reason=noresource", "SIP/2.0 200 OK");
	respond(a, expect(a, "NOTIFY"), 200, NULL);
	expect(b, "200");
	hang_up_by(t, a, b);
}

static void blind_by_the_caller(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service;
	const struct sp_sip_msg *m;

	establish(t->f);
	t->confv[SERVICE].domain = "tenant.example";
	refer(a, "tel:+441632970001", "");
	m = expect(b, "REFER");
	assert_header(m, "Refer-To", "<sip:+441632970001@tenant.example>");
	assert_null(sp_sip_msg_named(m, "Referred-By"));
	assert_hidden(m, "carrier.example");
	respond(b, m, 603, NULL);
	expect(a, "603");
	hang_up_by(t, b, a);
}

/* RFC 3515 2.4.6: from the second on, the id says which REFER it was. */
static void ids_of_several(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;
	uint32_t ours[2], theirs[2];
	char event[32], want[32];

	establish(t->f);
	for (unsigned i = 0; i < 2; i++) {
		refer(a, "<sip:+441632960050@x.example>", "");
		theirs[i] = a->cseq;
		m = expect(b, "REFER");
		ours[i] = m->cseq;
		respond(b, m, 202, NULL);
		expect(a, "202");
	}
	for (unsigned i = 0; i < 2; i++) {
		re_snprintf(event, sizeof(event), "refer;id=%u", ours[i]);
		re_snprintf(want, sizeof(want), "refer;id=%u", theirs[i]);
		notify(b, event, "active", "SIP/2.0 100 Trying");
		m = expect(a, "NOTIFY");
		assert_header(m, "Event", want);
		respond(a, m, 200, NULL);
		expect(b, "200");
	}
	notify(b, "refer;id=4711", "active", "SIP/2.0 100 Trying");
	expect(b, "481"); /* of no REFER */
	notify(b, "refer", "active", "what is this?");
	expect(b, "415");
	expect_silence(a);
	hang_up_by(t, b, a);
}

static void one_at_a_time(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	establish(t->f);
	refer(a, "<sip:+441632960050@x.example>", "");
	m = expect(b, "REFER");
	refer(a, "<sip:+441632960051@x.example>", "");
	expect(a, "491");
	refer(b, "<sip:+441632960051@x.example>", ""); /* the other way is free */
	respond(a, expect(a, "REFER"), 486, NULL);
	expect(b, "486");
	respond(b, m, 481, NULL);
	expect(a, "502"); /* mapped; the call goes on */
	hang_up_by(t, b, a);
}

static void the_call_ends_first(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	const struct sp_sip_msg *m;

	establish(t->f);
	refer(a, "<sip:+441632960050@x.example>", "");
	m = expect(b, "REFER");
	request(b, "BYE", NULL, "", NULL);
	expect(b, "200");
	respond(a, expect(a, "BYE"), 200, NULL);
	expect(a, "487");
	refer(a, "<sip:+441632960050@x.example>", "");
	expect(a, "481");
	respond(b, m, 202, NULL);
	tf_clean(t);
}

static void unusable(void **state)
{
	static const struct {
		const char *refer_to, *status;
	} cases[] = {
		{"<http://x.example/>", "416"},
		{"<sip:x@y.example;method=SUBSCRIBE>", "501"},
		{"<sip:x@y.example>, <sip:z@y.example>", "400"},
		{"<sip:x@y.example>\r\nRefer-To: <sip:z@y.example>", "400"},
		{"nonsense <", "400"},
		{"<sip:x@y.example?Replaces=a%40b%3Bto-tag%3Dx>", "400"},
		{"<sip:x@y.example?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy%0D%0AX:%20y>", "400"},
		{"<sip:x@y.example?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>", "404"},
	};
	struct tf *t = *state;
	struct peer *a = &t->f->service;
	char long_to[REFER_TO_MAX + 64];

	establish(t->f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		refer(a, cases[i].refer_to, "");
		expect(a, cases[i].status);
	}
	request(a, "REFER", NULL, "", NULL);
	expect(a, "400");
	memset(long_to, 'x', sizeof(long_to));
	memcpy(long_to, "<sip:", 5);
	strcpy(long_to + REFER_TO_MAX, "@y>");
	refer(a, long_to, "");
	expect(a, "400");
	expect_silence(&t->f->carrier);
	hang_up_by(t, a, &t->f->carrier);
}

/* RFC 3515 2.4.2: before the answer there is nobody to transfer. */
static void too_early(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service;
	struct aside none = {.cseq = 0};
	const struct sp_sip_msg *m;

	invite(a, SERVICE_NUMBER, "", SDP_B);
	expect(a, "100");
	m = expect(b, "INVITE");
	respond(b, m, 180, NULL);
	learn(a, expect(a, "180"));
	refer(a, "<sip:+441632960050@x.example>", "");
	expect(a, "491");
	respond(b, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(b, "ACK");
	expect(a, "200");
	a->cseq--; /* of the INVITE */
	request(a, "ACK", NULL, "", NULL);
	a->cseq++;
	put_aside(a, &none);
	memcpy(a->call_id, none.call_id, sizeof(a->call_id));
	memcpy(a->tag, none.tag, sizeof(a->tag));
	memcpy(a->target, none.target, sizeof(a->target));
	refer(a, "<sip:+441632960050@x.example>", "");
	expect(a, "481"); /* in no dialog */
	put_aside(a, &none);
	sp_calls_end(t->f->calls);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 200, NULL);
	tf_clean(t);
}

static void refused(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service;
	const struct sp_sip_msg *m;

	establish(t->f);
	refer(a, "<sip:+441632960050@x.example>", "");
	m = expect(a, "405");
	assert_null(strstr(m->text, "REFER,"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_ALLOW, "REFER"));
	expect_silence(&t->f->carrier);
	hang_up_by(t, a, &t->f->carrier);
}

/* RFC 3515 2.4.2: exactly one Refer-To, whichever form of its name it has (RFC 3261 7.3.3). */
static void several_targets(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service;

	establish(t->f);
	refer(a, "<sip:+441632960050@x.example>", "Refer-To: <sip:+441632960051@x.example>\r\n");
	expect(a, "400");
	refer(a, "<sip:+441632960050@x.example>", "r: <sip:+441632960051@x.example>\r\n");
	expect(a, "400");
	expect_silence(&t->f->carrier);
	hang_up_by(t, a, &t->f->carrier);
}

/*
 * RFC 5589 7.1: A talks to B and, in another call, to C; B is told to replace
 * C's dialog with us. C is at another trunk, so the INVITE has to come to us.
 */
static void attended(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct aside consult = {.cseq = 0};
	const struct sp_sip_msg *m;

	tf_call(a, DESK_NUMBER, c, SDP_B, sdp_answer("203.0.113.7", KEY_C, "sendrecv"));
	put_aside(a, &consult);
	establish(t->f);
	refer_to_replaces(a, &consult, "");
	m = expect(b, "REFER");
	/* a name that opens the dialog to this trunk, and says nothing of it */
	assert_non_null(strstr(m->text, "@edge.gw.example.net?Replaces="));
	assert_hidden(m, c->call_id);
	assert_hidden(m, c->remote_tag);
	assert_hidden(m, "carrier.example");
	assert_hidden(m, consult.call_id);
	respond(b, m, 202, NULL);
	expect(a, "202");
	refer_to_replaces(a, &consult, ";early-only");
	m = expect(b, "REFER");
	assert_non_null(strstr(m->text, "%3Bearly-only>"));
	respond(b, m, 603, NULL);
	expect(a, "603");

	/* somebody else's dialog */
	refer_to_replaces(b, &consult, "");
	expect(b, "404");
	sp_calls_end(t->f->calls);
	respond(c, expect(c, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 200, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/** The Replaces in the REFER that m is, as a header line. */
static void granted(char *buf, size_t size, const struct sp_sip_msg *m)
{
	const char *p = strstr(m->text, "?Replaces=") + strlen("?Replaces=");
	const struct pl escaped = {p, strcspn(p, ">")};
	char text[512];

	assert_int_equal(0, sp_sip_unescape(text, sizeof(text), &escaped));
	re_snprintf(buf, size, "Replaces: %s\r\n", text);
}

/*
 * RFC 3891 3: B does as it was told. The name is good once, and not for ever; C is
 * asked to replace the dialog that it has with us.
 */
static void attended_by_its_name(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->carrier, *b = &t->f->service, *c = &t->desk;
	struct sp_conf_limits *limits = &t->f->calls->env->conf->limits;
	struct aside consult = {.cseq = 0}, call = {.cseq = 0};
	char name[512], want[512];
	const struct sp_sip_msg *m;

	limits->ring_s = 10; /* before media is missed */
	tf_call(a, DESK_NUMBER, c, SDP_B, sdp_answer("203.0.113.7", KEY_C, "sendrecv"));
	put_aside(a, &consult);
	establish(t->f);
	for (unsigned i = 0; i < 2; i++) { /* the second name is not used in time */
		refer_to_replaces(a, &consult, "");
		m = expect(b, "REFER");
		granted(name, sizeof(name), m);
		respond(b, m, 202, NULL);
		expect(a, "202");
		if (i)
			sp_loop_advance(t->f->loop, limits->ring_s * 1000ULL + 1);
		put_aside(b, &call);
		invite(b, DESK_NUMBER, name, SDP_A);
		if (i) {
			expect(b, "481");
		} else {
			expect(b, "100");
			m = expect(c, "INVITE");
			re_snprintf(want, sizeof(want), "%s;to-tag=%s;from-tag=%s", c->call_id,
				    c->tag, c->remote_tag);
			assert_header(m, "Replaces", want);
			respond(c, m, 486, NULL);
			expect(c, "ACK");
			expect(b, "486");
			invite(b, DESK_NUMBER, name, SDP_A); /* once more */
			expect(b, "481");
		}
		put_aside(b, &call);
	}
	sp_calls_end(t->f->calls);
	respond(c, expect(c, "BYE"), 200, NULL);
	respond(b, expect(b, "BYE"), 200, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	respond(a, expect(a, "BYE"), 200, NULL);
	tf_clean(t);
}

/* Where both are at one trunk, that network replaces the dialog by itself. */
static void attended_within_a_network(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier;
	struct aside consult = {.cseq = 0}, other = {.cseq = 0};
	const struct sp_sip_msg *m;
	char want[512];

	tf_outbound(t);
	put_aside(a, &consult);
	put_aside(b, &other);
	tf_outbound(t);
	refer_to_replaces(a, &consult, "");
	m = expect(b, "REFER");
	refer_to(want, sizeof(want), "sbc.carrier.example", other.call_id, other.tag,
		 other.remote_tag, "");
	assert_header(m, "Refer-To", want);
	respond(b, m, 202, NULL);
	expect(a, "202");
	sp_calls_end(t->f->calls);
	for (unsigned i = 0; i < 2; i++) {
		respond(b, expect(b, "BYE"), 200, NULL);
		respond(a, expect(a, "BYE"), 200, NULL);
	}
	tf_clean(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, relay_setup, tf_teardown)
		T(blind),
		T(blind_by_the_caller),
		T(ids_of_several),
		T(one_at_a_time),
		T(the_call_ends_first),
		T(unusable),
		T(several_targets),
		T(too_early),
		cmocka_unit_test_setup_teardown(refused, refuse_setup, tf_teardown),
		T(attended),
		T(attended_by_its_name),
		T(attended_within_a_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
