/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of redirects and of failover share: failures as a peer writes
 * them, without a Contact that would be its own, and what then goes on.
 */
#ifndef RETRY_FIXTURE_H
#define RETRY_FIXTURE_H

#include "call_fixture.h"

#define OWN "@sbc.service.example"

static inline void caller_invites(struct fx *f)
{
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
}

/** A failure with these header lines, and no Contact of the peer's own. */
static inline void fail_with(struct peer *peer, const struct sp_sip_msg *inv, unsigned status,
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

static inline void redirect(struct peer *peer, const struct sp_sip_msg *inv, const char *contacts)
{
	char line[2048];

	re_snprintf(line, sizeof(line), "Contact: %s\r\n", contacts);
	fail_with(peer, inv, 302, line);
}

/** The call goes on at this peer with this Request-URI, in a dialog of its own. */
static inline const struct sp_sip_msg *expect_at(struct peer *peer, const char *uri)
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

static inline void assert_pl(const char *want, const struct pl *pl)
{
	char got[256];

	re_snprintf(got, sizeof(got), "%r", pl);
	assert_string_equal(want, got);
}

static inline void acknowledge(struct peer *peer)
{
	request(peer, "ACK", NULL, "", NULL);
}

static inline void cancel(struct fx *f)
{
	request(&f->carrier, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net;user=phone", "",
		NULL);
}

/** callee answers inv, and the call is talked on and hung up. */
static inline void talk(struct fx *f, struct peer *callee, const struct sp_sip_msg *inv)
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

static inline void expect_end(struct fx *f, struct peer *callee, const char *status)
{
	expect(&f->carrier, status);
	acknowledge(&f->carrier);
	expect_silence(&f->carrier);
	expect_silence(callee);
	expect_clean(f);
}

static inline int setup_following(void **state)
{
	int err = fx_setup(state);
	struct fx *f = *state;

	f->confv[1].follow_redirects = true;
	return err;
}

static inline bool same_tag(const struct sp_sip_msg *a, const struct sp_sip_msg *b)
{
	return 0 == pl_cmp(&a->to_tag, &b->to_tag);
}

#endif
