/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/: what is counted and measured of the media of a call. Numbers are of what
 * came from one side's peer, unless they say otherwise; all of it was authentic
 * before it was looked at, but for what was dropped.
 */
#ifndef SALLYPORT_MEDIA_STATS_H
#define SALLYPORT_MEDIA_STATS_H

#include <re.h>

/** Packets, RTP and RTCP together, by what became of them. */
struct sp_relay_count {
	uint64_t relayed;     /**< sent on to the other side                    */
	uint64_t bytes;       /**< octets of them as received                   */
	uint64_t malformed;   /**< too short, too long, wrong version           */
	uint64_t unauthentic; /**< HMAC did not match                           */
	uint64_t duplicate;   /**< seen before                                  */
	uint64_t replayed;    /**< older than the replay window                 */
	uint64_t expired;     /**< beyond the lifetime of the key               */
	uint64_t early;       /**< no key or no destination known yet           */
	uint64_t unsent;      /**< refused by the kernel, too many SSRCs, index used */
	uint64_t latched;     /**< times the source moved, authenticated        */
	uint64_t foreign;     /**< from outside the side's networks             */
	uint64_t shields;     /**< times a flood made us listen to the known source only */
};

/** Add c to sum, field by field. */
void sp_relay_count_add(struct sp_relay_count *sum, const struct sp_relay_count *c);

/** One direction of a stream, RFC 3550 section 6.4 and appendix A. */
struct sp_relay_flow {
	struct sp_relay_count count;
	uint64_t rtp, rtp_bytes; /**< RTP packets, and their octets as received */
	uint64_t rtcp;           /**< RTCP packets                              */
	uint64_t lost;           /**< never came, by sequence number            */
	uint64_t late;           /**< came after one with a higher number       */
	uint32_t ssrcs;          /**< runs of sequence numbers: SSRCs, and new keys */
	uint32_t ssrc;           /**< the latest                                */
	uint32_t gap_ms;         /**< longest time between two RTP packets      */
	uint32_t jitter_us, jitter_max_us;

	/* what the peer says, in its RTCP, of what we send to it */
	bool far_told;             /**< it has said something                   */
	uint64_t far_lost;         /**< lost on the way to it                   */
	uint32_t far_lost_percent; /**< in its last report                      */
	uint32_t far_jitter_us;
	uint32_t rtt_us, rtt_max_us; /**< to the peer and back; 0: not known    */

	uint64_t first_ms, last_ms; /**< of the loop's clock; authentic packets; 0: none */
};

struct sp_media;

/** Sum over all relays, those that are gone too. Looks at each stream: not for every packet. */
void sp_media_count(const struct sp_media *m, struct sp_relay_count *out);

#endif
