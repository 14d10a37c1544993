/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trunk/: the peers at run time: their connections, targets, health, limits.
 *
 * A trunk outlives reloads: it is found again by its name, keeps connections
 * and counters, and gets new settings. Calls and connections keep a trunk
 * alive that the configuration no longer has; it takes no new calls.
 */
#ifndef SALLYPORT_TRUNK_H
#define SALLYPORT_TRUNK_H

#include "sallyport/conf.h"
#include "sallyport/sip_transaction.h"
#include "sallyport/tls.h"

struct sp_trunks; /**< all of them, with the accepted connections */
struct sp_trunk;

enum {
	SP_TRUNK_CONNECT_MS = 5000, /**< name look-up, TCP and TLS to one target, together */
	SP_TRUNK_PICKS_MAX = 4096,  /**< calls waiting for a connection, per trunk         */
	SP_TRUNK_PICKS_MORE = 512,  /**< beyond those, emergency calls                     */
	SP_TRUNK_EMERGENCY_MAX = 64 /**< emergency calls that one trunk makes at once      */
};

/** What one trunk is made with at load. */
struct sp_trunk_setup {
	const struct sp_conf_trunk *conf;
	const struct sp_conf_interface *interface;
	struct sp_tls_context *client; /**< referenced */
};

/** @param sip referenced */
int sp_trunks_alloc(struct sp_trunks **tp, struct sp_loop *loop, struct sp_sip *sip);

/**
 * Make or update the trunks for a new configuration; those that it lacks take
 * no more calls and go when their last call and connection has gone.
 * @param setupv  one per trunk of the configuration
 * @param conf    referenced for as long as a trunk uses it
 * @param trunkv  set to the trunks in the same order, one reference each
 * @return 0 or ENOMEM, then nothing has changed
 */
int sp_trunks_apply(struct sp_trunks *ts, struct sp_conf *conf, const struct sp_trunk_setup *setupv,
		    size_t setupc, struct sp_trunk **trunkv);

/**
 * A peer connected to us and is known: takes over the reference. Its trunk is
 * found by name; over a limit, or without trunk, it is closed and that logged.
 */
void sp_trunks_accept(struct sp_trunks *ts, struct sp_tls_conn *c);

/** Accepted connections at this moment, of all trunks. */
size_t sp_trunks_connections(const struct sp_trunks *ts);

/** Close everything, for the end of the process. */
void sp_trunks_close(struct sp_trunks *ts);

const char *sp_trunk_name(const struct sp_trunk *t);
const struct sp_conf_trunk *sp_trunk_conf(const struct sp_trunk *t);
const struct sp_conf_interface *sp_trunk_interface(const struct sp_trunk *t);

/** The trunk that a SIP connection belongs to. Borrowed. */
struct sp_trunk *sp_trunk_of(const struct sp_sip_conn *c);

/** false once the configuration no longer has it. */
bool sp_trunk_active(const struct sp_trunk *t);

/**
 * Is this one of the names the trunk is known by (identities, with `wildcard`
 * also those that differ in the first label; domain; hosts of targets)?
 * @param host of a URI, IPv6 without brackets
 */
bool sp_trunk_owns_host(const struct sp_trunk *t, const struct pl *host);

/** Is at least one target up, or, without targets, a peer connected? */
bool sp_trunk_up(const struct sp_trunk *t);

/** Count a call in. @return false, and counted, when the trunk's limit is reached. */
bool sp_trunk_call_begin(struct sp_trunk *t);
/** The same whatever the limit, for emergency calls; false only without sp_trunk_active(). */
bool sp_trunk_call_begin_always(struct sp_trunk *t);
void sp_trunk_call_end(struct sp_trunk *t);

/**
 * One of the emergency calls that the trunk makes, besides its count of calls.
 * @param owner until sp_trunk_emergency_end(); only its address is used
 * @return false, and counted as refused, beyond SP_TRUNK_EMERGENCY_MAX
 */
bool sp_trunk_emergency_begin(struct sp_trunk *t, const void *owner);
void sp_trunk_emergency_end(struct sp_trunk *t, const void *owner);

unsigned sp_trunk_calls(const struct sp_trunk *t);

/** Calls, and accepted connections, that its limits (connections: also the common ones) refused. */
uint64_t sp_trunk_calls_refused(const struct sp_trunk *t);
uint64_t sp_trunk_conns_refused(const struct sp_trunk *t);

/** A live connection of this trunk, whichever side opened it; NULL when there is none. */
struct sp_sip_conn *sp_trunk_conn(const struct sp_trunk *t);

/** A request for a connection; mem_deref() withdraws it. */
struct sp_trunk_pick;

/**
 * @param err  0, or why there is no connection (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ...)
 * @param conn to use, reference it to keep it
 * @param host the target's host as configured, "" for a connection that the peer opened
 * @param port the target's port, 0 likewise
 */
typedef void(sp_trunk_picked_h)(int err, struct sp_sip_conn *conn, const char *host, uint16_t port,
				void *arg);

/**
 * A connection for a new dialog: one that is up to a target that is up, else
 * a new one, trying targets in order; without targets, one the peer opened.
 * h is called once, from the loop, never from inside this call; with
 * ESHUTDOWN after sp_trunks_close().
 * @return 0, EBUSY (SP_TRUNK_PICKS_MAX wait), ENOMEM
 */
int sp_trunk_pick(struct sp_trunk_pick **pp, struct sp_trunk *t, sp_trunk_picked_h *h, void *arg);

/** What else matters for a connection. All zero: as sp_trunk_pick(). Holds no references. */
struct sp_trunk_want {
	uint64_t avoidv[SP_CONF_TARGETS_MAX]; /**< by sp_trunk_avoid() */
	size_t avoidc;
	const char *host; /**< this target first (a redirect), then the others; NULL: any */
	uint16_t port;    /**< of it, 0: any                                              */
	bool emergency;   /**< SP_TRUNK_PICKS_MORE may wait beyond the limit              */
};

/**
 * Do not use this target again: host and port as the handler got them, "" and
 * 0 too: the peer's own connections are one target. Holds across reloads.
 */
void sp_trunk_avoid(struct sp_trunk_want *want, const char *host, uint16_t port);

/**
 * The same as sp_trunk_pick() among what `want` leaves; copied. h gets ENOENT
 * when nothing is left to try.
 * @return also EHOSTUNREACH (want->host is no target; without targets: none of
 *         the trunk's names), ENOENT (it, or everything, is to be avoided)
 */
int sp_trunk_pick_next(struct sp_trunk_pick **pp, struct sp_trunk *t,
		       const struct sp_trunk_want *want, sp_trunk_picked_h *h, void *arg);

/** For tests: a connection that belongs to t, without TLS beneath. Not counted. */
int sp_trunk_attach(struct sp_trunk *t, struct sp_sip_conn *c);

#endif
