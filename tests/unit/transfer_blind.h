/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What tests of blind transfers that the gateway carries out have in common.
 */
#ifndef TRANSFER_BLIND_H
#define TRANSFER_BLIND_H

#include "transfer_fixture.h"

#define SDP_C sdp_answer("203.0.113.7", KEY_C, "sendrecv")

static inline int handle_setup(void **state)
{
	return tf_setup(state, SP_TRANSFER_HANDLE);
}

/* RFC 3515 2.4.4, RFC 3420: what the transferor hears, and it answers. */
static inline void told(struct peer *a, const char *line, bool last)
{
	const struct sp_sip_msg *m = expect(a, "NOTIFY");
	const struct sp_sip_hdr *state = sp_sip_msg_named(m, "Subscription-State");

	assert_body(m, line);
	assert_int_equal(0, pl_strcmp(&m->content_type, "message/sipfrag"));
	assert_non_null(sp_sip_msg_named(m, "Contact"));
	assert_non_null(state);
	assert_int_equal(0, strncmp(state->value.p, last ? "terminated" : "active;expires=", 10));
	respond(a, m, 200, NULL);
}

/** A transfers B to the desk, which gets the INVITE. */
static inline const struct sp_sip_msg *begin(struct tf *t, struct peer *a)
{
	establish(t->f);
	refer(a, "<sip:" DESK_NUMBER "@gw.example.net>", "");
	expect(a, "202");
	told(a, "SIP/2.0 100 Trying\r\n", false);
	return expect(&t->desk, "INVITE");
}

static inline struct sp_call *the_call(const struct tf *t)
{
	return list_ledata(t->f->calls->calls.head);
}

/** What the gateway wrote about a key or a port: "m=audio 30002 ". */
static inline void line_of(char *buf, size_t size, const struct sp_sip_msg *m, const char *start)
{
	const char *p = strstr(m->body.p, start);

	assert_non_null(p);
	re_snprintf(buf, size, "%b", p, strcspn(p, "\r"));
}

static inline void assert_fresh(const struct sp_sip_msg *then, const struct sp_sip_msg *now)
{
	static const char *const lines[] = {"m=audio", "a=crypto"};
	char a[256], b[256];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		line_of(a, sizeof(a), then, lines[i]);
		line_of(b, sizeof(b), now, lines[i]);
		assert_string_not_equal(a, b);
	}
}

/** C answers; B is told, and answers; A hears of it and is hung up. */
static inline void finish(struct tf *t, struct peer *a, struct peer *b,
			  const struct sp_sip_msg *inv, const char *b_answer)
{
	struct peer *c = &t->desk;
	const struct sp_sip_msg *m;

	respond(c, inv, 200, SDP_C);
	expect(c, "ACK");
	m = expect(b, "INVITE");
	assert_hidden(m, "203.0.113");
	assert_hidden(m, "desk.example");
	respond(b, m, 200, b_answer);
	expect(b, "ACK");
	told(a, "SIP/2.0 200 OK\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);
}

static inline const char *b_answers(const struct tf *t, const struct peer *b)
{
	return b == &t->f->carrier ? sdp_answer("192.0.2.7", KEY_A, "sendrecv")
				   : sdp_answer("198.51.100.7", KEY_B, "sendrecv");
}

#endif
