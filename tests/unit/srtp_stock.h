/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests of media/srtp: libsrtp2 as a peer.
 */
#ifndef SALLYPORT_TESTS_SRTP_STOCK_H
#define SALLYPORT_TESTS_SRTP_STOCK_H

#include <errno.h>
#include <string.h>
#include <srtp2/srtp.h>

#include "sallyport/media_srtp.h"

/* One direction of RTP and RTCP under one key, any SSRC. NULL when there is none. */
static inline srtp_t stock_new(const uint8_t key[SP_SRTP_KEY_SIZE], bool out)
{
	uint8_t copy[SP_SRTP_KEY_SIZE]; /* libsrtp wants it writable */
	srtp_policy_t policy;
	srtp_t s = NULL;

	memset(&policy, 0, sizeof(policy));
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	memcpy(copy, key, sizeof(copy));
	policy.ssrc.type = out ? ssrc_any_outbound : ssrc_any_inbound;
	policy.key = copy;
	policy.window_size = 256;

	return srtp_create(&s, &policy) ? NULL : s;
}

/* What ours would have said. */
static inline int stock_error(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_auth_fail:
		return EACCES;
	case srtp_err_status_replay_fail:
		return EALREADY;
	case srtp_err_status_replay_old:
		return ESTALE;
	default:
		return EBADMSG;
	}
}

static inline int stock_unprotect(srtp_t s, uint8_t *buf, size_t *len, bool rtcp)
{
	int n = (int)*len;
	const int err =
		stock_error(rtcp ? srtp_unprotect_rtcp(s, buf, &n) : srtp_unprotect(s, buf, &n));

	if (!err)
		*len = (size_t)n;

	return err;
}

static inline int stock_protect(srtp_t s, uint8_t *buf, size_t *len, bool rtcp)
{
	int n = (int)*len;
	const int err =
		stock_error(rtcp ? srtp_protect_rtcp(s, buf, &n) : srtp_protect(s, buf, &n));

	if (!err)
		*len = (size_t)n;

	return err;
}

#endif
