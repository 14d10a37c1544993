/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/: SRTP and SRTCP in one direction under one master key (RFC 3711), with
 * AES_CM_128_HMAC_SHA1_80 and no other transform.
 *
 * State is kept per SSRC: rollover counter, replay window, SRTCP index. It is
 * made, and changed, by authentic packets only.
 */
#ifndef SALLYPORT_MEDIA_SRTP_H
#define SALLYPORT_MEDIA_SRTP_H

#include <re.h>

enum {
	SP_SRTP_KEY_SIZE = 30,  /**< master key and salt                         */
	SP_SRTP_ROOM = 16,      /**< octets behind a packet that protecting needs */
	SP_SRTP_SSRC_MAX = 128, /**< under one key; packets of more are refused  */
	SP_SRTP_MKI_MAX = 128,  /**< octets (RFC 4568 6.1)                       */
	SP_SRTP_ROC_TRIES = 64  /**< rollover counters that a search looks at    */
};

/** A key as it was signalled (RFC 4568 6.1). */
struct sp_srtp_params {
	uint8_t key[SP_SRTP_KEY_SIZE]; /**< wipe after use                              */
	uint64_t lifetime;             /**< packets that may come under it; 0: RFC 3711's most */
	uint64_t mki;                  /**< the number that its packets carry...       */
	uint8_t mki_len;               /**< ...in so many octets; 0: none              */
};

/** An authentic packet's place. */
struct sp_srtp_place {
	uint32_t ssrc;
	uint32_t run;   /**< packets of one run have indexes of one row; another state
			     of the same SSRC, or another key, makes another run      */
	uint64_t index; /**< RTP: rollover counter and sequence number; RTCP: SRTCP's */
	bool first;     /**< of its run                                                */
	bool late;      /**< one with a higher index came before                       */
};

/** What arrives: one peer's key. */
struct sp_srtp_in;

/** @return 0, EINVAL (params), ENOMEM. Free with mem_deref(): keys are wiped. */
int sp_srtp_in_alloc(struct sp_srtp_in **sp, const struct sp_srtp_params *params);

/** Same key, whatever its MKI and lifetime? In constant time. */
bool sp_srtp_in_same(const struct sp_srtp_in *s, const struct sp_srtp_params *params);

/**
 * The same key was told again: MKI and lifetime are these from now on. What has come under
 * it does not come once more, and counts. @return 0, EINVAL
 */
int sp_srtp_in_told(struct sp_srtp_in *s, const struct sp_srtp_params *params);

/**
 * Verify, check for replay, decrypt in place (RFC 3711 3.3, 3.4).
 *
 * The rollover counter of an SSRC that is new under this key is taken to be 0, then,
 * if that is not authentic, `roc`. With search, other counters are tried, too: for those
 * who join late, or lost more than 2^15 packets. Never one that would go back.
 * A peer that announced an MKI and sends none is understood: the tag decides.
 *
 * @param len  set to the length without MKI, tag and SRTCP index
 * @param roc  what its rollover counter may be instead of 0, from an earlier key of the
 *             same peer (RFC 3711 3.3.1 does not reset it); 0 if nothing is known
 * @return 0; EBADMSG (malformed); EACCES (not authentic); EALREADY (seen before), ESTALE
 *         (behind the window: cannot be told), both without a look at the tag: under
 *         another key it may be another packet; EKEYEXPIRED (authentic, lifetime is over);
 *         EOVERFLOW (authentic, too many SSRCs); ENOMEM, EPROTO (libcrypto). buf is as it
 *         was, unless 0
 */
int sp_srtp_unprotect(struct sp_srtp_in *s, uint8_t *buf, size_t *len, bool rtcp, uint32_t roc,
		      bool search, struct sp_srtp_place *place);

/** Rollover counter of an SSRC, 0 when it is not known. */
uint32_t sp_srtp_in_roc(const struct sp_srtp_in *s, uint32_t ssrc);

/** What goes out: one key of ours. */
struct sp_srtp_out;

/**
 * @param like the SSRCs of this one begin, under the new key, with the rollover counter that
 *             they have reached (RFC 3711 3.3.1) instead of 0 (RFC 4568 6.4); NULL: with 0
 */
int sp_srtp_out_alloc(struct sp_srtp_out **sp, const uint8_t key[SP_SRTP_KEY_SIZE],
		      const struct sp_srtp_out *like);

/** The key that it was made with. */
const uint8_t *sp_srtp_out_key(const struct sp_srtp_out *s);

/**
 * Encrypt and sign in place (RFC 3711 3.3, 3.4). The packet keeps SSRC and sequence number.
 * Where its run is another than the one before of the same SSRC, and its sequence number
 * is one that a receiver would take for an old one, all sequence numbers of the run are
 * moved so that the first follows the highest sent. No index is ever used twice.
 * @param place as sp_srtp_unprotect() said
 * @return 0; EBADMSG; EALREADY (index used, or behind its run); EKEYEXPIRED; EOVERFLOW;
 *         ENOMEM, EPROTO (libcrypto)
 */
int sp_srtp_protect(struct sp_srtp_out *s, uint8_t *buf, size_t *len, bool rtcp,
		    const struct sp_srtp_place *place);

/** RTCP by its second octet, where both come on one port (RFC 5761 4). len > 1. */
static inline bool sp_is_rtcp(const uint8_t *buf)
{
	return buf[1] >= 192 && buf[1] <= 223;
}

#endif
