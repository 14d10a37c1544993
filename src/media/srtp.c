/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp: one direction of SRTP and SRTCP under one master key (RFC 3711),
 * AES_CM_128_HMAC_SHA1_80, by libsrtp2.
 *
 * A session accepts any SSRC and keeps a rollover counter and a replay window
 * for each. Peers change their SSRC on hold and transfer, so the number of
 * them is bounded here: libsrtp would remember each one for ever.
 */
#include <string.h>
#include <openssl/crypto.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

#include "media_priv.h"

enum {
	RTP_HEADER = 12,
	RTCP_HEADER = 8, /* with the sender's SSRC */
	TAG_SIZE = 10,
	SRTCP_TRAILER = 4, /* E bit and index        */
	PACKET_MAX = 65535,

	/* Packets that may overtake one another: 5 s of 20 ms audio, and a
	 * burst of video. */
	REPLAY_WINDOW = 256,
};

struct sp_srtp {
	srtp_t session;
	size_t ssrcs;
	uint32_t ssrc[SP_RELAY_SSRC_MAX]; /* network order, the latest first */
};

int sp_media_init(void)
{
	if (srtp_init())
		return EPROTO;

	/* libsrtp tests each of ours with its own vectors and with those of
	 * the type that it replaces */
	if (srtp_replace_cipher_type(media_aes_type(), SRTP_AES_ICM_128) ||
	    srtp_replace_auth_type(media_sha1_type(), SRTP_HMAC_SHA1)) {
		srtp_shutdown();
		return EPROTO;
	}

	return 0;
}

void sp_media_close(void)
{
	srtp_shutdown();
}

static int error_of(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_auth_fail:
		return EACCES;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return EALREADY;
	case srtp_err_status_bad_param:
	case srtp_err_status_parse_err:
	case srtp_err_status_cant_check: /* SRTCP without the E bit */
		return EBADMSG;
	case srtp_err_status_alloc_fail:
		return ENOMEM;
	default:
		return EPROTO;
	}
}

static void srtp_destructor(void *arg)
{
	struct sp_srtp *s = arg;

	if (s->session)
		srtp_dealloc(s->session);
}

int sp_srtp_alloc(struct sp_srtp **sp, const uint8_t key[SP_SRTP_KEY_SIZE], enum sp_srtp_dir dir)
{
	uint8_t copy[SP_SRTP_KEY_SIZE]; /* libsrtp wants it writable */
	srtp_err_status_t status;
	srtp_policy_t policy;
	struct sp_srtp *s;

	if (!sp || !key)
		return EINVAL;

	s = mem_zalloc(sizeof(*s), srtp_destructor);
	if (!s)
		return ENOMEM;

	memcpy(copy, key, sizeof(copy));
	memset(&policy, 0, sizeof(policy));
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	policy.ssrc.type = dir == SP_SRTP_IN ? ssrc_any_inbound : ssrc_any_outbound;
	policy.key = copy;
	policy.window_size = REPLAY_WINDOW;

	/* What goes out once under an index never goes out again: a peer that
	 * got a new key and repeats sequence numbers under it would make us
	 * use the same keystream twice (RFC 3711 section 9.1). */
	policy.allow_repeat_tx = 0;

	status = srtp_create(&s->session, &policy);
	OPENSSL_cleanse(copy, sizeof(copy));

	if (status) {
		s->session = NULL;
		mem_deref(s);
		return error_of(status);
	}

	*sp = s;

	return 0;
}

size_t media_srtp_ssrcs(const struct sp_srtp *s)
{
	return s ? s->ssrcs : 0;
}

/* Version, and that the header with all that it announces, and what SRTP puts
 * behind the payload, fit. */
static bool rtp_ok(const uint8_t *p, size_t len, size_t tail)
{
	size_t head = RTP_HEADER;

	if (len < head + tail || p[0] >> 6 != 2)
		return false;

	head += 4u * (p[0] & 0x0f);
	if (p[0] & 0x10) {
		head += 4;
		if (len < head + tail)
			return false;
		head += 4u * ((size_t)p[head - 2] << 8 | p[head - 1]);
	}

	return len >= head + tail;
}

static bool rtcp_ok(const uint8_t *p, size_t len, size_t tail)
{
	return len >= RTCP_HEADER + tail && p[0] >> 6 == 2;
}

/*
 * Note that ssrc is in use, and forget the one that was silent for longest
 * when there are too many. A forgotten one that comes back starts at rollover
 * counter 0 with an empty replay window, as a new one does. Only the holder of
 * the key can bring that about, and only with its own packets; refusing the
 * new one instead would silence a peer that was transferred often.
 */
static void ssrc_use(struct sp_srtp *s, const uint8_t *p)
{
	uint32_t ssrc;
	size_t i;

	memcpy(&ssrc, p, sizeof(ssrc));
	if (s->ssrcs && s->ssrc[0] == ssrc)
		return;

	for (i = 1; i < s->ssrcs; i++) {
		if (s->ssrc[i] == ssrc)
			break;
	}

	if (i >= s->ssrcs) {
		if (s->ssrcs < SP_RELAY_SSRC_MAX)
			s->ssrcs++;
		else
			(void)srtp_remove_stream(s->session, s->ssrc[SP_RELAY_SSRC_MAX - 1]);
		i = s->ssrcs - 1;
	}

	memmove(&s->ssrc[1], &s->ssrc[0], i * sizeof(s->ssrc[0]));
	s->ssrc[0] = ssrc;
}

int sp_srtp_unprotect(struct sp_srtp *s, uint8_t *buf, size_t *len, bool rtcp)
{
	srtp_err_status_t status;
	int n;

	if (*len > PACKET_MAX)
		return EBADMSG;

	n = (int)*len;
	if (rtcp) {
		if (!rtcp_ok(buf, *len, SRTCP_TRAILER + TAG_SIZE))
			return EBADMSG;
		status = srtp_unprotect_rtcp(s->session, buf, &n);
	} else {
		if (!rtp_ok(buf, *len, TAG_SIZE))
			return EBADMSG;
		status = srtp_unprotect(s->session, buf, &n);
	}

	if (status)
		return error_of(status);

	ssrc_use(s, buf + (rtcp ? 4 : 8));
	*len = (size_t)n;

	return 0;
}

int sp_srtp_protect(struct sp_srtp *s, uint8_t *buf, size_t *len, bool rtcp)
{
	srtp_err_status_t status;
	int n;

	if (*len > PACKET_MAX || !(rtcp ? rtcp_ok : rtp_ok)(buf, *len, 0))
		return EBADMSG;

	/* libsrtp makes its state for a new SSRC before it can fail */
	ssrc_use(s, buf + (rtcp ? 4 : 8));

	n = (int)*len;
	if (rtcp)
		status = srtp_protect_rtcp(s->session, buf, &n);
	else
		status = srtp_protect(s->session, buf, &n);

	if (status)
		return error_of(status);

	*len = (size_t)n;

	return 0;
}
