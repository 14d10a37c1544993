/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of trunk/ share.
 *
 * Ownership goes down: the set holds trunks, a trunk holds sites and the
 * accepted connections, a site holds what DNS makes of it: its targets, and a
 * target holds its outbound connections. Pointers up are borrowed and NULL once
 * the upper object is gone. A connection is only ever let go of by conn_end(),
 * which leaves the memory to the end of the turn.
 */
#ifndef SALLYPORT_TRUNK_PRIV_H
#define SALLYPORT_TRUNK_PRIV_H

#include "dns_priv.h"
#include "sallyport/base_util.h"
#include "sallyport/trunk.h"
#include "sallyport/trunk_pick.h"
#include "sallyport/trunk_status.h"

enum {
	TRUNK_SOURCE_BUCKETS = 256, /**< of the table of source addresses             */
	TRUNK_RATES_MAX = 1024,     /**< sources of one trunk with a bucket of their own */
	TRUNK_PONG_MS = 10000,      /**< RFC 5626 4.4.1: to answer a keep-alive       */
	TRUNK_GRACE_MS = 1000,      /**< from the last call to closing, when inactive  */
	TRUNK_LINGER_MS = 300000,   /**< then until freed: longer than any transaction */
	TRUNK_EARLY_MS = 2000,      /**< closed this soon and silent: we were refused  */
	TRUNK_BRIEF_MS = 10000,     /**< a connection that lasted less is not renewed at once */
	TRUNK_DOWN_MS = 5000,       /**< a failure is remembered, without OPTIONS      */
	TRUNK_MUTE_S = 4,           /**< not up so soon after a call without an answer */
	TRUNK_MUTE_MAX_S = 32,      /**< likewise, when it happens again and again     */
	TRUNK_BACKOFF_MAX_S = 60,
	TRUNK_SOON_MS = 1000,    /**< what needs not be at once is spread over this long */
	TRUNK_STAGGER_MS = 1000, /**< then an attempt hangs: the next target is tried too */
	TRUNK_APART_MS = 100,    /**< attempts after one that failed, whoever wants them */
	TRUNK_PICK_MS = 20000,   /**< longest that a pick takes                    */
	TRUNK_BAD = 2,           /**< failures in a row that take a target down    */
	TRUNK_STALLS = 3,        /**< calls in a row that 100 leads nowhere              */
	TRUNK_WHY_SIZE = SP_TLS_WHY_SIZE,
	TRUNK_LABEL_SIZE = 2 * DNS_HOST_SIZE
};

struct site;
struct target;
struct rates; /**< token buckets by source address */

/** What a trunk tries numbers for: scan.c. */
struct scan {
	struct sp_limit limit; /**< of unknown_per_minute                        */
	struct sp_timer timer; /**< while it is on: the bucket may be full       */
	bool on;               /**< calls have been refused, and a line says so  */
	uint64_t since_ms;     /**< when the first of them was                   */
	uint64_t refused;      /**< so many since                                */
	uint64_t unknown;      /**< numbers, ever                                */
	uint64_t run;          /**< of them since the bucket was full last       */
};

struct sp_trunks {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct dns *dns;
	struct list trunkl;   /**< struct sp_trunk, a reference each, inactive ones too */
	struct sp_conf *conf; /**< the last one, referenced */
	struct sp_conf_limits limits;
	size_t accepted;
	struct hash *sources; /**< of the accepted connections */
	struct sp_hashkey key;
	struct sp_quiet refused_log;
	bool closed;
};

struct sp_trunk {
	struct le le;
	struct sp_trunks *ts; /**< NULL when the set is gone */
	struct sp_loop *loop;
	char *name;
	char *sent_by; /**< our "host:port" towards it */
	struct sp_conf *conf_ref;
	const struct sp_conf_trunk *conf;
	const struct sp_conf_interface *interface;
	struct sp_tls_context *client;
	bool active;
	bool lingering; /**< inactive, connections closed, waiting to be freed */
	struct sp_timer settle;

	struct site *sitev[SP_CONF_TARGETS_MAX]; /**< a reference each, in the file's order */
	size_t sitec;
	struct target *targetv[SP_TRUNK_TARGETS_MAX]; /**< the sites': all of them, in order */
	size_t targetc;
	struct list oldl;    /**< dropped targets whose connections calls may still use, the
				  oldest first; SP_TRUNK_TARGETS_MAX at most */
	struct list waiting; /**< picks, for an attempt or a look-up to end */
	unsigned picks;      /**< not delivered yet */
	uint64_t uses;       /**< of connections, by picks and probes; never falls */

	struct list accepted; /**< struct conn, the most recently active first */
	size_t connections;   /**< accepted ones that count */
	uint64_t busy_ms;     /**< until then the peer's own connections are to be left alone */

	/* trunk.c, limits.c */
	unsigned calls; /**< in and out */
	unsigned calls_in, calls_out;
	struct sp_limit rate, rate_in, rate_out;
	struct rates *rates; /**< of sources; NULL until there is a call and a limit for it */
	struct scan scan;
	struct sp_quiet limit_log;
	const void *emergencyv[SP_TRUNK_EMERGENCY_MAX]; /* owners of emergency calls it makes */
	uint64_t begun_in, begun_out;
	uint64_t refused[SP_TRUNK_LIMITS];
	uint64_t conns_refused, messages_refused;
};

/** Accepted connections of one source address. */
struct source {
	struct le le;
	struct sa addr;
	unsigned count;
};

/**
 * Where a connection leads. Kept by its struct sp_sip_conn (sp_sip_conn_keep),
 * so it can be asked for when the connection has gone.
 */
struct lead {
	struct conn *conn; /**< NULL when that has ended */
	struct sa addr;    /**< of the peer; not set for those of sp_trunk_attach() */
	uint64_t target;   /**< key of the target, or LEAD_ACCEPTED */
	uint64_t gone_ms;  /**< when it ended */
	char label[TRUNK_LABEL_SIZE];
};

enum { LEAD_ACCEPTED = 1 }; /**< the peer's own connections; no target has this key */

/** One TLS connection and what sip/ knows of it. */
struct conn {
	struct le le;         /**< accepted: in the trunk's list; outbound: in the target's */
	struct le alias_le;   /**< in the aliases of a target */
	struct sp_trunk *t;   /**< NULL when ended */
	struct target *tg;    /**< outbound only */
	struct target *alias; /**< accepted: that it may also be used for (RFC 5923) */
	struct source *src;   /**< counted ones only; referenced */
	struct sp_loop *loop;
	struct sp_tls_conn *tls; /**< NULL for those of sp_trunk_attach() */
	struct sp_sip_conn *sip;
	struct lead *lead;         /**< sip's */
	struct sp_timer timer;     /**< first message, then idle */
	struct sp_timer keepalive; /**< conn.c: CRLF on silence */
	struct sp_timer partial;   /**< conn.c: a message that has begun must end */
	uint64_t up_ms, active_ms;
	uint64_t heard_ms;  /**< when bytes came last */
	uint64_t pinged_ms; /**< when a keep-alive was sent last; 0: never */
	uint64_t messages;
	uint64_t received; /**< bytes */
	uint64_t used;     /**< the trunk's uses when a pick chose it last */
	uint64_t probed;   /**< the same of OPTIONS                        */
	uint64_t doubted;  /**< see conn_doubt() */
	bool ended;
};

/** An attempt to connect. */
struct attempt {
	bool running;
	struct sp_tls_conn *tls;
	uint64_t since_ms; /**< when it began, or will in a moment */
	struct sp_timer timer;
};

/** One configured target, which DNS makes 0..n targets of. */
struct site {
	struct sp_trunk *t;
	char *host;      /**< as configured */
	const char *uri; /**< in it: without "_sip._tls.": what URIs and certificates say */
	uint16_t port;   /**< 5061 if not given */
	bool port_given;
	bool srv;
	char *label;                            /**< "host:port", "host" */
	struct dns_name *name;                  /**< NULL for literals */
	bool looked_up;                         /**< the first look-up has ended */
	bool failing;                           /**< the last one failed */
	struct target *targetv[DNS_PLACES_MAX]; /**< a reference each, in DNS order */
	size_t targetc;
};

/** One address that calls may be sent to. */
struct target {
	struct le le; /**< in the trunk's oldl, which holds a reference */
	struct sp_trunk *t;
	struct site *site; /**< NULL once dropped */
	struct dns_place place;
	uint64_t key;      /**< of site and place, see target_key() */
	uint32_t host_key; /**< of the place's host */
	char *host;        /**< the site's, as URIs and certificates say it */
	uint16_t uri_port; /**< as configured; 0: none was written */
	char *label;       /**< "192.0.2.1:5061", "sbc1.example.net:5061 192.0.2.1" */

	/* health.c */
	enum sp_target_state state;
	uint64_t since_ms; /**< of state */
	unsigned stalls;   /**< calls in a row that got no further than 100 */
	unsigned bad;      /**< failures in a row */
	uint64_t bad_ms;   /**< when the last one was */
	bool recovering;   /**< probing, after it was down: a second good sign is due */
	int err;           /**< of the last attempt */
	char why[TRUNK_WHY_SIZE + 32];
	uint64_t busy_ms; /**< until then no new calls (Retry-After) */
	uint64_t mute_ms; /**< until then OPTIONS alone do not make it up */
	unsigned mute_s;  /**< how long that was                          */

	/* pool.c, connect.c */
	struct list connl; /**< struct conn, outbound */
	size_t connc;
	struct list aliasl; /**< struct conn, accepted */
	struct attempt attempt;
	struct sp_timer dial; /**< the next attempt */
	unsigned dial_s;      /**< backoff */
	uint64_t backed_ms;   /**< when it grew last */

	/* probe.c */
	struct sp_timer probe;         /**< the next OPTIONS */
	struct sp_timer overdue;       /**< the answer to OPTIONS */
	struct sp_sip_ctrans *options; /**< in progress */
	struct conn *probed;           /**< where; NULL: none is in progress */
	uint64_t options_sent_ms;
	unsigned probe_s;    /**< backoff */
	unsigned options_ms; /**< how long the last answer took */

	uint64_t picked, failures;
};

/* trunks.c */
struct sp_trunk *trunks_find(const struct sp_trunks *ts, const char *name);

/* trunk.c; its destructor releases sitev, oldl and accepted */
int trunk_alloc(struct sp_trunk **tp, struct sp_trunks *ts, const char *name);
void trunk_settle(struct sp_trunk *t);
void trunk_shut(struct sp_trunk *t); /**< target_shut() on targetv and oldl, conn_end() */
bool trunk_usable(const struct sp_trunk *t);
struct conn *trunk_accepted(const struct sp_trunk *t);
int trunk_host_print(struct re_printf *pf, const char *host);

/* limits.c: the configuration is new: rates */
void limits_settings(struct sp_trunk *t);

/* scan.c */
void scan_settings(struct sp_trunk *t);
void scan_stop(struct sp_trunk *t);

/* rates.c */
int rates_alloc(struct rates **rp);
struct sp_limit *rates_get(struct rates *r, const struct sa *addr, const struct sp_conf_rate *conf,
			   uint64_t now_ms);
uint32_t addr_hash(const struct sp_hashkey *key, const struct sa *addr);

/* hosts.c */
bool host_same_name(const struct pl *a, const char *b);
uint64_t host_hash(uint64_t hash, const char *host);
bool target_named(const struct target *tg, const struct pl *host, uint16_t port);
bool site_named(const struct site *s, const struct pl *host, uint16_t port);
/** Whose connection says in its Via that it is host:port, and comes from src? Or NULL. */
struct target *trunk_target_of(const struct sp_trunk *t, const struct pl *host, uint16_t port,
			       const struct sa *src);

/* conn.c: conn_new() also makes the lead, and keeps it at sip. conn_end() cancels all
 * timers, sets lead->conn to NULL, and calls target_lost() or, for an alias,
 * target_unalias(), before the connection's t and tg are forgotten. */
int conn_new(struct conn **cp, struct sp_trunk *t, struct target *tg, struct sp_tls_conn *tls);
bool conn_live(const struct conn *c);
void conn_end(struct conn *c, const char *why);
void conn_arm(struct conn *c); /**< also after a reload: the settings may be new */

/* accept.c */
int source_table_alloc(struct sp_trunks *ts);

/* site.c */
int site_alloc(struct site **sp, struct sp_trunk *t, const struct sp_conf_target *conf);
bool site_is(const struct site *s, const struct sp_conf_target *conf);
void site_places(struct site *s, const struct dns_place *placev, size_t placec);
void site_failed(const struct site *s); /**< a target of it has gone down */
void site_start(struct site *s, unsigned old_options_s);
void site_drop(struct site *s);
void site_stop(struct site *s);         /**< names are not looked up any more */
void sites_collect(struct sp_trunk *t); /**< makes targetv */

/* target.c */
int target_alloc(struct target **tgp, struct site *s, const struct dns_place *place);
uint64_t target_key(const struct site *s, const struct dns_place *place);
struct target *target_find(const struct sp_trunk *t, uint64_t key);
struct target *target_old(const struct sp_trunk *t, uint64_t key);
struct target *target_led(const struct sp_trunk *t, uint64_t key);
void target_drop(struct target *tg);
void target_shut(struct target *tg);
bool target_wanted(const struct target *tg); /**< configured, of an active trunk */
unsigned target_busy_s(const struct target *tg);

/* pool.c */
struct conn *target_conn(const struct target *tg); /**< the one to use, or NULL */
struct conn *target_take(struct target *tg);       /**< the same, and it counts as used */
unsigned target_conns(const struct target *tg);    /**< that can be used, aliases too */
unsigned target_pending(const struct target *tg);
void target_connected(struct target *tg, struct conn *c);
void target_lost(struct target *tg, struct conn *c, const char *why);
void target_refused(struct target *tg, int err, const char *why);
void target_alias(struct target *tg, struct conn *c); /**< RFC 5923: c leads there too */
void target_unalias(struct conn *c);
void conn_doubt(struct conn *c); /**< until bytes come, others are used rather */
bool conn_doubted(const struct conn *c);
void pool_fill(struct target *tg, bool soon);
void pool_settings(struct target *tg);
void pool_stop(struct target *tg);
unsigned pool_backoff(const struct target *tg, unsigned s);

/* health.c */
bool target_down(const struct target *tg);
void health_good(struct target *tg, const char *why);
void health_bad(struct target *tg, const char *why); /**< the second in a row takes it down */
void health_mute(struct target *tg);
void health_down(struct target *tg, const char *why); /**< at once */
void health_idle(struct target *tg);                  /**< nothing is known any more */
void health_forget(struct target *tg);

/* connect.c */
void target_connect(struct target *tg);
void target_connect_cancel(struct target *tg, int err);

/* probe.c */
void probe_settings(struct target *tg, unsigned old_options_s);
void probe_next(struct target *tg); /**< the state, or the connections, have changed */
void probe_send(struct target *tg);
void probe_stop(struct target *tg);
void probe_lost(struct target *tg, const struct conn *c);

/* pick.c */
void pick_wake(struct sp_trunk *t);
void pick_refused(struct sp_trunk *t, const struct target *tg, int err);

#endif
