/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/, within the room: what a packet meets on its way, in the order in which it
 * meets it. relay.c makes and changes these, path.c moves packets through them.
 */
#ifndef SALLYPORT_MEDIA_PATH_PRIV_H
#define SALLYPORT_MEDIA_PATH_PRIV_H

#include <sys/socket.h>

#include "media_priv.h"

enum { RTP, RTCP };

enum {
	SETTLE_MS = 1000, /* after an address was signalled the one before it does not count */
};

struct media_half;

/* Where the media of one side may come from. */
struct media_side {
	const struct sp_nets *nets; /* NULL: anywhere */
	void *owner;                /* of nets        */
};

/* One socket. */
struct media_path {
	int fd;         /* -1: closed                                    */
	unsigned burst; /* packets to ask for: as many as came last time */
	bool rtcp;      /* the RTCP socket of its pair                   */
	bool proven;    /* authentic packets came from remote            */
	struct media_half *half;
	struct sa remote;    /* where the peer is; len 0 until that is known */
	struct sa signalled; /* as sp_relay_remote() was last told           */
	struct sa left;      /* remote before that...                        */
	uint64_t settled_ms; /* ...which does not latch until then           */
	uint64_t latched_ms; /* when remote moved by itself                  */
	struct media_shield shield;
	struct le le; /* in sp_media.shielded */
};

/* One side of a stream. */
struct media_half {
	struct le le; /* in sp_media.halves */
	struct sp_media *media;
	struct media_half *other;
	const struct media_side *side;
	struct media_keys keys;  /* under which its peer sends             */
	struct sp_srtp_out *out; /* under which we send to its peer        */
	bool mux;                /* RTCP on the RTP socket, both ways      */
	uint64_t heard_ms;       /* latest authentic packet                */
	struct media_path path[2];
	struct media_flow flow;

	struct sp_ports *ports; /* NULL when the pair is not open */
	uint16_t port;
};

/* Packets on their way; filled anew each time. */
struct media_batch {
	struct mmsghdr msg[SP_RELAY_BURST];
	struct iovec iov[SP_RELAY_BURST];
};

struct sp_media {
	struct sp_loop *loop;
	int epfd;             /* of all media sockets                    */
	int tick_fd;          /* wakes us where packets come too fast to be waited for */
	bool ticking;         /* the loop waits for ticks, not for epfd  */
	bool pressed;         /* more was waiting than is usual          */
	int pace;             /* how far from the other: see media.c     */
	uint64_t served_us;   /* when sockets were served last           */
	struct list shielded; /* paths under a shield                    */
	struct sp_timer timer;
	struct list halves;          /* of all streams                          */
	struct sp_relay_count count; /* of those that are gone                  */
	struct media_batch in, out;
	size_t wire[SP_RELAY_BURST]; /* of the packets in out, as they came */
	struct sa src[SP_RELAY_BURST];
	uint8_t buf[SP_RELAY_BURST][SP_RELAY_PACKET_MAX + SP_SRTP_ROOM];
};

/* ---- media.c ---- */

/** Watch an open path's socket. @return 0 or what epoll_ctl(2) said */
int media_watch(struct sp_media *m, struct media_path *path);

/** Stop watching it, and close it. */
void media_unwatch(struct media_path *path);

/** The half of a stream goes: what it has counted stays. */
void media_half_leave(struct media_half *half);

/** A shield went up on path: it must come down again. */
void media_shielded(struct sp_media *m, struct media_path *path);

/* ---- path.c ---- */

/**
 * Move what waits on the path's socket, SP_RELAY_BURST packets at most.
 * @return true when many came, and there may be more
 */
bool media_path_read(struct media_path *path, uint64_t now_us);

#endif
