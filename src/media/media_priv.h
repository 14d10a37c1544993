/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/, within the room: what its files and its tests share.
 */
#ifndef SALLYPORT_MEDIA_PRIV_H
#define SALLYPORT_MEDIA_PRIV_H

#include "sallyport/media.h"

/* ---- ports.c ---- */

/**
 * Take a free pair: fd[0] is bound to *port (RTP), fd[1] to *port + 1 (RTCP).
 * @return 0, ENOSPC, or what socket(2) or bind(2) said
 */
int media_ports_take(struct sp_ports *p, uint64_t now_ms, uint16_t *port, int fd[2]);

/** Address family of the sockets. */
int media_ports_af(const struct sp_ports *p);

/** Let a socket hold more than a voice's packets: what comes on it is video (90 kHz), or the like.
 */
void media_ports_wide(int fd);

/** Give a pair back, to rest; its sockets are the caller's to close. */
void media_ports_give(struct sp_ports *p, uint64_t now_ms, uint16_t port);

/* ---- keys.c ---- */

/**
 * The keys under which one peer sends, on one stream. A new one does not end the one
 * before it: that one goes on until the first packet is authentic under the new one
 * (RFC 4568 7.1.4 leaves no other way to change without a click). Keys of the past are
 * remembered, with their rollover counters and replay windows: forks answer in turn, and
 * what was sent under a key before must not come in once more.
 */
struct media_keys {
	struct sp_srtp_in *v[SP_RELAY_KEYS_MAX]; /* the latest told first       */
	struct sp_srtp_in *active;               /* verified last, else the only one; NULL: none */
	uint64_t search_ms;                      /* when a rollover counter was searched for last */
};

/** @return 0, EINVAL, ENOMEM, EPROTO */
int media_keys_tell(struct media_keys *k, const struct sp_srtp_params *params);
void media_keys_close(struct media_keys *k);

/** The same keys, with what they have seen, for the same peer elsewhere. */
void media_keys_share(struct media_keys *k, const struct media_keys *with);

/** As sp_srtp_unprotect(), under the keys that are good now. */
int media_keys_unprotect(struct media_keys *k, uint8_t *buf, size_t *len, bool rtcp,
			 uint64_t now_ms, struct sp_srtp_place *place);

/* ---- flow.c ---- */

enum {
	FLOW_RUNS = 4,          /* of RTP packets, followed at a time                   */
	FLOW_REPORTS = 4,       /* sender reports remembered, for their echo            */
	FLOW_FARS = 4,          /* whom on whom a peer reports, remembered at a time    */
	FLOW_JUMP = 3000,       /* numbers ahead that are a new beginning, RFC 3550 A.1 */
	FLOW_JUMP_US = 1000000, /* more than this is no jitter: timestamps began anew   */
};

/* What a run of RTP packets has shown so far: one line of the cache. */
struct media_run {
	uint64_t low, high; /* index: lowest and highest                             */
	uint64_t received;  /* packets                                               */
	uint64_t at_us;     /* when the first packet of the latest timestamp came    */
	uint32_t run, ssrc;
	uint32_t stamp;  /* RTP timestamp of the latest packet                      */
	uint32_t tick;   /* microseconds of one unit of it, times 2^20              */
	uint32_t jitter; /* RFC 3550 A.8: 16 times jitter, in us                    */
	uint8_t type;    /* payload type of the latest packet                       */
	bool begun;
};

/* A sender report that was sent on, by what its echo will say. */
struct media_report {
	uint32_t ssrc;
	uint32_t lsr; /* middle of its NTP timestamp */
	uint64_t at_us;
};

/* What one receiver says of one source: cumulative, RFC 3550 6.4.1. */
struct media_far {
	uint32_t reporter, source;
	int32_t lost;
	bool begun;
};

/**
 * One direction of a stream as it is measured: what comes from one peer, and what this
 * peer says of the other direction. All zero at first.
 */
struct media_flow {
	struct sp_relay_flow sum;         /* incomplete: media_flow_sum() tells all */
	struct media_run runv[FLOW_RUNS]; /* the latest first                       */
	uint64_t rtp_us;                  /* when the latest RTP packet came        */
	uint64_t first_us, last_us;       /* of all packets, RTCP too; 0: none      */
	uint64_t gap_us;
	uint32_t jitter_max; /* 16 times                               */

	/* sender reports that this peer got, for its echo, and how many in all */
	struct media_report reportv[FLOW_REPORTS];
	unsigned reports;

	/* what this peer has told, the latest first, and what is no longer in farv */
	struct media_far farv[FLOW_FARS];
	uint64_t far_base;

	struct sp_relay_clock clockv[SP_RELAY_CLOCKS_MAX];
	size_t clockc;
};

/** Clock rates of what comes. Those out of all reason are taken for not told. */
void media_flow_clocks(struct media_flow *f, const struct sp_relay_clock *v, size_t n);

/** An authentic RTP packet came: its decrypted header, and its size on the wire. */
void media_flow_rtp(struct media_flow *f, const struct sp_srtp_place *place, const uint8_t *packet,
		    size_t wire, uint64_t now_us);

/**
 * A compound RTCP packet came, authentic and decrypted (RFC 3550 6.1): its reports are what
 * the peer says of what it got from us; its own sender report is noted in `other`, the
 * opposite direction, for its echo. Counters but rtcp are the caller's.
 */
void media_flow_rtcp(struct media_flow *f, struct media_flow *other, const uint8_t *packet,
		     size_t len, uint64_t now_us);

/** Everything up to now, the runs under way included; count as it is in f->sum. */
void media_flow_sum(const struct media_flow *f, struct sp_relay_flow *out);

/* ---- shield.c ---- */

enum {
	SHIELD_FLOOD = 500,    /* packets refused in a second that make a flood */
	SHIELD_HOLD_MS = 1000, /* then only the known source is heard so long  */
};

/**
 * A socket under a flood of packets that prove nothing: a filter in the kernel (classic
 * BPF) lets through only what comes from the source that has proven itself, for a while.
 */
struct media_shield {
	uint64_t since_ms; /* of this second, or of the filter */
	uint32_t refused;
	bool up;
};

/**
 * A packet on fd proved nothing. @param known the proven source, NULL if there is none
 * @return true when the shield went up just now
 */
bool media_shield_refused(struct media_shield *s, int fd, const struct sa *known, uint64_t now_ms);

/** Something came: is it time to take the filter away? Cheap when there is none. */
void media_shield_check(struct media_shield *s, int fd, uint64_t now_ms);

/** Take it away at once: the known source has changed, by signalling. */
void media_shield_drop(struct media_shield *s, int fd);

/* ---- relay.c ---- */

/** Read what waits on a socket, as the loop does when it is readable. */
void media_relay_readable(struct sp_relay *r, size_t stream, enum sp_side side, bool rtcp);

#endif
