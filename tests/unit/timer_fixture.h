/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls with session timers (RFC 4028), for test_call_timer and
 * test_call_refresh.
 */
#ifndef TIMER_FIXTURE_H
#define TIMER_FIXTURE_H

#include "call_fixture.h"

#define ALLOW_UPDATE "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n"
#define SUPPORTED "Supported: timer\r\n"
#define REQUIRED "Require: timer\r\n"

/* In a 2xx to the gateway. */
#define WE_REFRESH REQUIRED "Session-Expires: 600;refresher=uac\r\n"
#define THEY_REFRESH REQUIRED "Session-Expires: 600;refresher=uas\r\n"
#define HALF_S 300

static inline struct sp_conf_timer *timer_on(struct fx *f, struct peer *peer, unsigned expires_s)
{
	struct sp_conf_timer *t = &f->confv[peer == &f->service].timer;

	*t = (struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = expires_s, .min_s = 90};
	f->conf->limits.media_timeout_s = 0;
	return t;
}

static inline const char *offer_of(const struct fx *f, const struct peer *peer)
{
	return peer == &f->carrier ? sdp_of("192.0.2.7", KEY_A, "sendrecv")
				   : sdp_of("198.51.100.7", KEY_B, "sendrecv");
}

static inline const char *answer_of_peer(const struct fx *f, const struct peer *peer)
{
	return peer == &f->carrier ? sdp_answer("192.0.2.7", KEY_A, "sendrecv")
				   : sdp_answer("198.51.100.7", KEY_B, "sendrecv");
}

/** One header of a message, "" without it. */
static inline const char *value_of(const struct sp_sip_msg *m, const char *name)
{
	static char buf[4][256];
	static unsigned n;
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, name);
	char *b = buf[n++ % 4];

	b[0] = '\0';
	if (hdr)
		(void)pl_strcpy(&hdr->value, b, sizeof(buf[0]));
	return b;
}

#define assert_header(m, name, value) assert_string_equal(value_of(m, name), value)

static inline bool requires_timer(const struct sp_sip_msg *m)
{
	return sp_sip_msg_lists(m, SP_HDR_REQUIRE, "timer");
}

/** A call; with further header lines of the caller's INVITE and the callee's 200. */
struct made {
	const struct sp_sip_msg *invite; /* that the callee got */
	const struct sp_sip_msg *ok;     /* that the caller got */
};

static inline struct made make_call(struct fx *f, const char *asks, const char *answers)
{
	struct made made;

	invite(&f->carrier, SERVICE_NUMBER, asks, offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	made.invite = expect(&f->service, "INVITE");
	respond_as(&f->service, made.invite, 200, "", answers, answer_of_peer(f, &f->service));
	expect(&f->service, "ACK");
	made.ok = expect(&f->carrier, "200");
	learn(&f->carrier, made.ok);
	request(&f->carrier, "ACK", NULL, "", NULL);
	return made;
}

static inline void wait_s(struct fx *f, unsigned s)
{
	sp_loop_advance(f->loop, s * 1000ULL);
}

static inline void both_quiet(struct fx *f)
{
	expect_silence(&f->carrier);
	expect_silence(&f->service);
}

static inline void hang_up(struct fx *f)
{
	both_quiet(f);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
	both_quiet(f);
}

/** Another call may begin: the service's tag is of one dialog, the queues have an end. */
static inline void next_call(struct fx *f)
{
	struct peer *peers[] = {&f->carrier, &f->service};

	f->service.tag[0] = f->log[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		while (peers[i]->tail)
			mem_deref(peers[i]->queue[--peers[i]->tail]);
		peers[i]->head = 0;
	}
}

/** The gateway has hung up both legs, and says why (RFC 3326). */
static inline void expect_expired(struct fx *f)
{
	struct peer *peers[] = {&f->carrier, &f->service};

	for (size_t i = 0; i < 2; i++) {
		const struct sp_sip_msg *bye = expect(peers[i], "BYE");

		assert_header(bye, "Reason", "SIP;cause=408");
		respond(peers[i], bye, 200, NULL);
	}
	assert_non_null(strstr(f->log, "session_expired"));
	expect_clean(f);
	both_quiet(f);
}

/** The peer's refresh, answered by the gateway alone. */
static inline const struct sp_sip_msg *peer_refreshes(struct fx *f, struct peer *peer,
						      const char *method, const char *extra)
{
	const bool by_invite = 0 == strcmp(method, "INVITE");
	const struct sp_sip_msg *ok;

	request(peer, method, NULL, extra,
		!by_invite  ? NULL
		: peer->uac ? offer_of(f, peer)
			    : answer_of_peer(f, peer)); /* the description that it gave */
	ok = expect(peer, "200");
	if (by_invite)
		request(peer, "ACK", NULL, "", NULL);
	both_quiet(f);
	return ok;
}

/** A call whose callee leg the gateway refreshes. The first refresh is out. */
static inline const struct sp_sip_msg *first_refresh(struct fx *f, const char *method)
{
	timer_on(f, &f->service, 600);
	make_call(f, "", 0 == strcmp(method, "UPDATE") ? ALLOW_UPDATE WE_REFRESH : WE_REFRESH);
	wait_s(f, HALF_S - 1);
	both_quiet(f);
	wait_s(f, 1);
	expect_silence(&f->carrier);
	return expect(&f->service, method);
}

/* "o=..." to its end of line */
static inline struct pl origin_of(const struct sp_sip_msg *m)
{
	const char *p = strstr(m->body.p, "o=");

	assert_non_null(p);
	return (struct pl){p, (size_t)(strchr(p, '\r') - p)};
}

static inline void assert_same_description(const struct sp_sip_msg *a, const struct sp_sip_msg *b)
{
	struct pl oa = origin_of(a), ob = origin_of(b);

	assert_int_equal(0, pl_cmp(&oa, &ob));
	assert_int_equal(0, pl_cmp(&a->body, &b->body));
}

#endif
