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
	SP_TRUNK_CONNECT_MS = 5000,  /**< TCP and TLS to one target, together               */
	SP_TRUNK_PICKS_MAX = 4096,   /**< calls waiting for a connection, per trunk         */
	SP_TRUNK_PICKS_MORE = 512,   /**< beyond those, emergency calls                     */
	SP_TRUNK_EMERGENCY_MAX = 64, /**< emergency calls that one trunk makes at once      */
	SP_TRUNK_TARGETS_MAX = 64,   /**< of one trunk, with all that DNS gives              */
	SP_TRUNK_BUSY_MAX_S = 600    /**< most that a Retry-After takes a target out for    */
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
 * Certificates were renewed: connections from now on use these, as the trunks
 * stand in the configuration that was applied last.
 */
void sp_trunks_contexts(struct sp_trunks *ts, struct sp_tls_context *const *clientv);

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
/** What sp_trunk_conf() is part of; reference it to keep that over a reload. */
struct sp_conf *sp_trunk_conf_owner(const struct sp_trunk *t);
const struct sp_conf_interface *sp_trunk_interface(const struct sp_trunk *t);

/** The trunk that a SIP connection belongs to. Borrowed. */
struct sp_trunk *sp_trunk_of(const struct sp_sip_conn *c);

/** Where the peer of a connection is; NULL for those of sp_trunk_attach(). */
const struct sa *sp_trunk_peer_addr(const struct sp_sip_conn *c);

/** A request came over c: learn from its Via whether the peer lets us use c (RFC 5923 "alias"). */
void sp_trunk_heard(struct sp_sip_conn *c, const struct sp_sip_msg *req);

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

/** Seen from the gateway: the trunk makes the call, or gets it. */
enum sp_trunk_dir { SP_TRUNK_IN, SP_TRUNK_OUT };

/** What may refuse a call; also the index of the counters of trunk_status.h. */
enum sp_trunk_limit {
	SP_TRUNK_LIMIT_NONE,
	SP_TRUNK_LIMIT_INACTIVE, /**< the configuration no longer has the trunk */
	SP_TRUNK_LIMIT_CALLS,
	SP_TRUNK_LIMIT_CALLS_IN,
	SP_TRUNK_LIMIT_CALLS_OUT,
	SP_TRUNK_LIMIT_RATE,
	SP_TRUNK_LIMIT_RATE_IN,
	SP_TRUNK_LIMIT_RATE_OUT,
	SP_TRUNK_LIMIT_RATE_SOURCE,
	SP_TRUNK_LIMIT_UNKNOWN,   /**< trunk_scan.h */
	SP_TRUNK_LIMIT_EMERGENCY, /**< SP_TRUNK_EMERGENCY_MAX */
	SP_TRUNK_LIMITS
};

/** The key of the configuration that says it ("calls_in"), for logs and metrics. */
const char *sp_trunk_limit_name(enum sp_trunk_limit limit);

/**
 * Count a call in, until sp_trunk_call_end(). What a limit refuses is counted
 * and logged ("limit_reached", one line per second and trunk at most).
 * @param src   address of the peer, for SP_TRUNK_IN; may be NULL
 * @param always whatever the limits: emergency calls. Then only _INACTIVE refuses.
 * @return SP_TRUNK_LIMIT_NONE, or which limit refused
 */
enum sp_trunk_limit sp_trunk_call_begin(struct sp_trunk *t, enum sp_trunk_dir dir,
					const struct sa *src, bool always);
void sp_trunk_call_end(struct sp_trunk *t, enum sp_trunk_dir dir);

/** Would its limits let one more call in? Nothing is counted. */
bool sp_trunk_call_fits(struct sp_trunk *t, enum sp_trunk_dir dir, const struct sa *src);

/**
 * One of the emergency calls that the trunk makes, besides its count of calls.
 * @param owner until sp_trunk_emergency_end(); only its address is used
 * @return false, and counted as refused, beyond SP_TRUNK_EMERGENCY_MAX
 */
bool sp_trunk_emergency_begin(struct sp_trunk *t, const void *owner);
void sp_trunk_emergency_end(struct sp_trunk *t, const void *owner);

unsigned sp_trunk_calls(const struct sp_trunk *t);

/** A live connection of this trunk, whichever side opened it; NULL when there is none. */
struct sp_sip_conn *sp_trunk_conn(const struct sp_trunk *t);
/** The same in place of one that has gone: rather one to the same target. */
struct sp_sip_conn *sp_trunk_conn_like(const struct sp_trunk *t, const struct sp_sip_conn *gone);

/** For tests: a connection that belongs to t, without TLS beneath. Not counted. */
int sp_trunk_attach(struct sp_trunk *t, struct sp_sip_conn *c);

#endif
