/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/: port pairs and the SRTP relay.
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
#include "sallyport/media_ports.h"
#include "sallyport/media_srtp.h"
#include "sallyport/media_stats.h"

enum {
	SP_RELAY_STREAMS_MAX = 8,
	SP_RELAY_PACKET_MAX = 2048, /**< a longer datagram is dropped             */
	SP_RELAY_BURST = 16,        /**< packets read from one socket per turn    */
	SP_MEDIA_TURN_US = 2000,    /**< then signalling has its turn             */
	SP_MEDIA_TICK_US = 400,     /**< how long a packet may wait for others    */
	SP_RELAY_KEYS_MAX = 4,      /**< of one peer, remembered per stream       */
	SP_RELAY_CLOCKS_MAX = 16    /**< payload types with a clock rate of their own */
};

enum sp_side { SP_SIDE_CALLER, SP_SIDE_CALLEE };

/**
 * What all relays share: the set of their sockets, and the room for packets on their way.
 * Media gets a bounded part of each turn of the loop, in rounds over all sockets with
 * packets, so a flood of it delays signalling by SP_MEDIA_TURN_US at most.
 */
struct sp_media;

/** @return 0, ENOMEM, or what epoll_create1(2) said. Relays keep it alive. */
int sp_media_alloc(struct sp_media **mp, struct sp_loop *loop);

struct sp_relay;

/** No authentic packet came from this side for the time of sp_relay_watch(). */
typedef void(sp_relay_silent_h)(enum sp_side side, void *arg);

/**
 * Make a relay without streams.
 * @param ports the caller side's and the callee side's ports, referenced
 */
int sp_relay_alloc(struct sp_relay **rp, struct sp_media *m, struct sp_ports *const ports[2],
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

/** The key under which we encrypt towards side's peer. */
const uint8_t *sp_relay_key(const struct sp_relay *r, size_t stream, enum sp_side side);

/**
 * Encrypt towards side's peer under a fresh key from now on.
 * @param keep_roc rollover counters go on (RFC 3711 3.3.1), not from 0 (RFC 4568 6.4)
 */
int sp_relay_rekey(struct sp_relay *r, size_t stream, enum sp_side side, bool keep_roc);

/** Clock rate of a payload type (a=rtpmap). */
struct sp_relay_clock {
	uint8_t type;
	uint32_t hz;
};

/** Where a peer wants its media, and how it sends. */
struct sp_relay_remote {
	struct sa rtp, rtcp;        /**< "0.0.0.0" or "::": nothing until it sends itself */
	bool mux;                   /**< RTCP on RTP's ports, both ways (RFC 5761)        */
	bool wide;                  /**< more than a voice: it may come in large bursts   */
	struct sp_srtp_params srtp; /**< under which it sends                             */
	struct sp_relay_clock clockv[SP_RELAY_CLOCKS_MAX]; /**< of what it sends       */
	size_t clockc;
};

/**
 * Tell where side's peer wants its media and under which key it sends. A key that was
 * told before keeps its rollover counters and replay windows; after another one the
 * key before it is good until the first packet is authentic under the new one. The same
 * addresses again keep the latched source (RFC 7362).
 * @return 0, EINVAL (also another address family than the ports', or a key of ours), ENOMEM
 */
int sp_relay_remote(struct sp_relay *r, size_t stream, enum sp_side side,
		    const struct sp_relay_remote *remote);

/**
 * The peer of a stream's side is the one that another relay has on from_side, and sends under
 * the same keys: what they have seen there does not come in here once more. Before the first
 * sp_relay_remote() of the side; afterwards it does nothing. @return 0, EINVAL
 */
int sp_relay_inherit(struct sp_relay *r, size_t stream, enum sp_side side,
		     const struct sp_relay *from, size_t from_stream, enum sp_side from_side);

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

/** What arrived on side of one stream, also of an ended one. @return 0, EINVAL */
int sp_relay_flow(const struct sp_relay *r, size_t stream, enum sp_side side,
		  struct sp_relay_flow *out);

#endif
