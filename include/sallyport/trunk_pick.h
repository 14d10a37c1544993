/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trunk/: choosing a connection for a new dialog, and what calls report back
 * about the targets that they were given (RFC 3263 4.3).
 */
#ifndef SALLYPORT_TRUNK_PICK_H
#define SALLYPORT_TRUNK_PICK_H

#include "sallyport/trunk.h"

/** A request for a connection; mem_deref() withdraws it. */
struct sp_trunk_pick;

/**
 * @param err  0, or why there is no connection (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ...;
 *             EAGAIN: all targets have asked to be left alone, see sp_trunk_retry_after_s())
 * @param conn to use, reference it to keep it; sp_trunk_target() says to which target
 * @param host the target's host as configured (not what SRV made of it), "" for a
 *             connection that the peer opened
 * @param port as it belongs in URIs: as configured, 0 where none was written
 */
typedef void(sp_trunk_picked_h)(int err, struct sp_sip_conn *conn, const char *host, uint16_t port,
				void *arg);

/** What matters for a connection. All zero: any. Holds no references. */
struct sp_trunk_want {
	uint64_t avoidv[SP_TRUNK_TARGETS_MAX]; /**< by sp_trunk_avoid() */
	size_t avoidc;
	const char *host; /**< this target first (a redirect), then the others; NULL: any */
	uint16_t port;    /**< of it, 0: any                                              */
	bool emergency;   /**< SP_TRUNK_PICKS_MORE may wait beyond the limit; targets that
			       asked to be left alone are tried too, at the end           */
};

/** The target that a connection leads to: a key for the functions here; all the peer's own
 * connections are one target. Holds across reloads. */
uint64_t sp_trunk_target(const struct sp_sip_conn *c);

/** For the log: "sbc1.example.net:5061 192.0.2.1", or "accepted 192.0.2.1". Lives as long as c. */
const char *sp_trunk_target_label(const struct sp_sip_conn *c);

/** Do not use this target again, in this call. */
void sp_trunk_avoid(struct sp_trunk_want *want, uint64_t target);

/**
 * A connection for a new dialog. Targets by priority, by weight within one
 * priority (RFC 2782); those that are up before those that are being probed,
 * and these before those that are down; within a target the connection with the
 * fewest requests in progress. Without targets, one that the peer opened.
 * h is called once, from the loop, never from inside this call; with ENOENT
 * when `want` leaves nothing to try, ESHUTDOWN after sp_trunks_close().
 * @return 0, EBUSY (SP_TRUNK_PICKS_MAX wait), ENOMEM, EHOSTUNREACH (want->host is no
 *         target; without targets: none of the trunk's names), ENOENT (it, or
 *         everything, is to be avoided)
 */
int sp_trunk_pick(struct sp_trunk_pick **pp, struct sp_trunk *t, const struct sp_trunk_want *want,
		  sp_trunk_picked_h *h, void *arg);

/** Does `want` leave a target that a call could go to (not to be avoided, not busy)? */
bool sp_trunk_left(const struct sp_trunk *t, const struct sp_trunk_want *want);
/** The same, of targets that are not down. */
bool sp_trunk_left_up(const struct sp_trunk *t, const struct sp_trunk_want *want);

/**
 * The target answered 503 with Retry-After (RFC 3261 21.5.4): no new call goes
 * there for so long (at most SP_TRUNK_BUSY_MAX_S).
 */
void sp_trunk_busy(struct sp_trunk *t, uint64_t target, unsigned seconds);

/** It did not answer a request in time: a sign of bad health, which is looked into at once. */
void sp_trunk_unanswered(struct sp_trunk *t, uint64_t target);

/**
 * A call got no further than 100 there, or (stalled false) it did. One may be a
 * slow callee; several in a row are as bad as no answer.
 */
void sp_trunk_stalled(struct sp_trunk *t, uint64_t target, bool stalled);

/**
 * For how long there has been no life in what a request went by: its connection
 * has gone, and so have all others that the target had then; UINT64_MAX: the
 * target is down. 0: the answer may come.
 */
uint64_t sp_trunk_dead_ms(const struct sp_trunk *t, const struct sp_sip_conn *c);

/** Seconds until the first of the targets that asked for it may be tried again; 0: none did. */
unsigned sp_trunk_retry_after_s(const struct sp_trunk *t);

#endif
