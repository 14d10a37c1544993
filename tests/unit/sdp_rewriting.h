/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptions rewritten, for the sdp/ tests that look at what comes out.
 */
#ifndef SALLYPORT_TEST_SDP_REWRITING_H
#define SALLYPORT_TEST_SDP_REWRITING_H

#include "unit/sdp_offers.h"

#define OURADDR "198.18.0.5"
#define OURHEAD "v=0\r\no=- 4242 3 IN IP4 " OURADDR "\r\ns=-\r\n"
#define OURCONN "c=IN IP4 " OURADDR "\r\n"

/** All m-lines enabled on ports 20000, 20010 and so on, RTCP one above. */
static inline void set_local(struct sp_sdp_local *local)
{
	memset(local, 0, sizeof(*local));
	sa_set_in(&local->addr, 0xc6120005, 0);
	local->session_id = 4242;
	local->version = 3;

	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; ++i) {
		struct sp_sdp_local_media *lm = &local->mediav[i];

		lm->enabled = true;
		lm->rtp_port = (uint16_t)(20000 + 10 * i);
		lm->rtcp_port = (uint16_t)(lm->rtp_port + 1);
		lm->tag = 7;
		for (size_t k = 0; k < sizeof(lm->key); ++k)
			lm->key[k] = (uint8_t)(100 + k);
	}
}

/** text rewritten, as a string. Free with mem_deref(). */
static inline char *rewritten(const char *text, const struct sp_sdp_local *local)
{
	struct sp_sdp *s = must_parse(text);
	struct mbuf *mb = mbuf_alloc(64);
	char *out = NULL;

	assert_int_equal(sp_sdp_rewrite(mb, s, local), 0);
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &out, mb->end), 0);

	mem_deref(mb);
	mem_deref(s);
	return out;
}

static inline void assert_rewritten(const char *text, const struct sp_sdp_local *local,
				    const char *expected)
{
	char *once = rewritten(text, local), *twice = rewritten(once, local);

	assert_string_equal(once, expected);
	assert_string_equal(twice, expected);

	mem_deref(once);
	mem_deref(twice);
}

#endif
