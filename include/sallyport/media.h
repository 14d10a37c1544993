/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/: port pairs, the SRTP relay, libsrtp2 with OpenSSL's ciphers in it.
 *
 * A relay belongs to one call and has two sides. Each stream (m-line) has a
 * port pair on each side: what arrives on one side's port, is authentic under
 * the key that this side's peer announced, and is fresh, is encrypted under
 * the key that we announced to the other side and sent from the other side's
 * port. Everything else is dropped and counted.
 */
#ifndef SALLYPORT_MEDIA_H
#define SALLYPORT_MEDIA_H

#include <re.h>

#include "sallyport/base_loop.h"
#include "sallyport/base_util.h"

enum {
	SP_RELAY_STREAMS_MAX = 8,
	SP_RELAY_PACKET_MAX = 2048, /**< a longer datagram is dropped             */
	SP_RELAY_SSRC_MAX = 16,     /**< remembered per stream and side           */
	SP_RELAY_BURST = 64,        /**< packets read from one socket per turn    */
	SP_SRTP_KEY_SIZE = 30       /**< master key and salt                      */
};

enum sp_side { SP_SIDE_CALLER, SP_SIDE_CALLEE };

/** Counters of what arrived on one side of a stream, RTP and RTCP together. */
struct sp_relay_count {
	uint64_t relayed;     /**< packets sent on to the other side        */
	uint64_t bytes;       /**< octets of them as received               */
	uint64_t malformed;   /**< too short, too long, wrong version       */
	uint64_t unauthentic; /**< HMAC did not match                       */
	uint64_t replayed;    /**< seen before, or older than the window    */
	uint64_t early;       /**< no key or no destination known yet       */
	uint64_t unsent;      /**< refused by the kernel, or index was used */
	uint64_t latched;     /**< times the source moved, authenticated    */
	uint64_t foreign;     /**< from outside the side's networks         */
};

/**
 * Start libsrtp2 and put our OpenSSL transforms (AES-ICM-128, HMAC-SHA1) in
 * the place of its own; libsrtp runs its self-tests on them. Once per process.
 * @return 0, or EPROTO when a self-test fails
 */
int sp_media_init(void);
void sp_media_close(void);

/** The ports of one interface: even RTP port, RTCP above it, chosen at random. */
struct sp_ports;

/** @param min,max inclusive; @return 0, EINVAL, ENOMEM. Relays keep it alive. */
int sp_ports_alloc(struct sp_ports **pp, const struct sa *addr, uint16_t min, uint16_t max);

/** Mark media sent from ports opened from now on with this DSCP (RFC 2474); -1: do not. */
void sp_ports_dscp(struct sp_ports *p, int dscp);

/** Port pairs in use, and in all. */
unsigned sp_ports_used(const struct sp_ports *p);
unsigned sp_ports_total(const struct sp_ports *p);

/** How often a pair was wanted and none was free. */
uint64_t sp_ports_refused(const struct sp_ports *p);

struct sp_relay;

/** No authentic packet came from this side for the time of sp_relay_watch(). */
typedef void(sp_relay_silent_h)(enum sp_side side, void *arg);

/**
 * Make a relay without streams.
 * @param ports the caller side's and the callee side's ports, referenced
 */
int sp_relay_alloc(struct sp_relay **rp, struct sp_loop *loop, struct sp_ports *const ports[2],
		   sp_relay_silent_h *silenth, void *arg);

/**
 * Open a stream: a port pair and fresh local keys on both sides.
 * @param stream set to its index, that of an ended one if there is one; may be NULL
 * @return 0, ENOSPC (no port free), EMFILE and the like, EOVERFLOW (too many are open)
 */
int sp_relay_add(size_t *stream, struct sp_relay *r);

/** All indexes are below it. */
size_t sp_relay_streams(const struct sp_relay *r);

/** Local RTP port of a stream; RTCP is the next one. Host order. */
uint16_t sp_relay_port(const struct sp_relay *r, size_t stream, enum sp_side side);

/** The key under which we encrypt towards side's peer. Constant for the stream's life. */
const uint8_t *sp_relay_key(const struct sp_relay *r, size_t stream, enum sp_side side);

/**
 * Tell where side's peer wants its media and under which key it sends.
 * The same key again keeps rollover counter and replay window; the same
 * addresses again keep the latched source (RFC 7362). "0.0.0.0" or "::" stands
 * for a peer that wants nothing until it sends something itself.
 * @return 0, EINVAL (also another address family than the ports'), ENOMEM
 */
int sp_relay_remote(struct sp_relay *r, size_t stream, enum sp_side side, const struct sa *rtp,
		    const struct sa *rtcp, const uint8_t key[SP_SRTP_KEY_SIZE]);

/**
 * Drop what comes to side from outside these networks, on all its streams, from
 * now on. An empty list, or NULL, stands for anywhere.
 * @param nets  used as long as the relay lives, or until it is told anew
 * @param owner what keeps nets alive (mem_ref'd); may be NULL
 */
int sp_relay_networks(struct sp_relay *r, enum sp_side side, const struct sp_nets *nets,
		      void *owner);

/** Close the ports of a stream that is refused or ended. What it counted stays. */
void sp_relay_end(struct sp_relay *r, size_t stream);

/**
 * Report a side from which nothing authentic has come for timeout_ms (0: do
 * not watch). Setting it anew starts the time anew. Reported once.
 */
void sp_relay_watch(struct sp_relay *r, enum sp_side side, uint32_t timeout_ms);

/** Sum over all streams of what arrived on side. */
void sp_relay_count(const struct sp_relay *r, enum sp_side side, struct sp_relay_count *out);

/** One direction's SRTP or SRTCP state; sp_relay uses two per stream and side. */
struct sp_srtp;

enum sp_srtp_dir { SP_SRTP_IN, SP_SRTP_OUT };

int sp_srtp_alloc(struct sp_srtp **sp, const uint8_t key[SP_SRTP_KEY_SIZE], enum sp_srtp_dir dir);

/**
 * Verify and decrypt, or encrypt and sign, in place.
 * @param buf   *len octets, with room for SP_SRTP_ROOM more
 * @return 0, EBADMSG (malformed), EAUTH-like EACCES (not authentic), EALREADY (replay), EPROTO
 */
int sp_srtp_unprotect(struct sp_srtp *s, uint8_t *buf, size_t *len, bool rtcp);
int sp_srtp_protect(struct sp_srtp *s, uint8_t *buf, size_t *len, bool rtcp);

enum { SP_SRTP_ROOM = 160 };

#endif
