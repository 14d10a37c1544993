/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of trunk/ share.
 *
 * Ownership goes down: the set holds trunks, a trunk holds targets and the
 * accepted connections, a target holds its outbound connection. Pointers up
 * are borrowed and NULL once the upper object is gone. A connection is only
 * ever let go of by conn_end(), which leaves the memory to the end of the turn.
 */
#ifndef SALLYPORT_TRUNK_PRIV_H
#define SALLYPORT_TRUNK_PRIV_H

#include "sallyport/base_util.h"
#include "sallyport/trunk.h"

enum {
	TRUNK_ADDRS_MAX = 8,        /**< addresses of one name that are tried          */
	TRUNK_SOURCE_BUCKETS = 256, /**< of the table of source addresses             */
	TRUNK_GRACE_MS = 1000,      /**< from the last call to closing, when inactive  */
	TRUNK_LINGER_MS = 300000,   /**< then until freed: longer than any transaction */
	TRUNK_EARLY_MS = 2000,      /**< closed this soon and silent: we were refused  */
	TRUNK_BRIEF_MS = 10000,     /**< a connection that lasted less is not renewed at once */
	TRUNK_DOWN_MS = 5000,       /**< a failure is remembered, without OPTIONS      */
	TRUNK_BACKOFF_MAX_S = 60,
	TRUNK_FIRST_PROBE_MS = 1000,
	TRUNK_WHY_SIZE = SP_TLS_WHY_SIZE
};

struct dns;
struct dns_query;

struct sp_trunks {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct dns *dns;
	struct list trunkl; /**< struct sp_trunk, a reference each, inactive ones too */
	struct sp_conf_limits limits;
	size_t accepted;
	struct hash *sources; /**< of the accepted connections */
	struct sp_hashkey key;
	struct sp_limit refused_log;
	uint64_t unlogged;
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

	struct target *targetv[SP_CONF_TARGETS_MAX];
	size_t targetc;
	unsigned generation;  /**< of targetv */
	struct list oldl;     /**< dropped targets whose connection calls may still use */
	struct list accepted; /**< struct conn, the most recently active first */
	size_t connections;   /**< accepted ones that count */
	unsigned picks;       /**< not delivered yet */
	unsigned calls;
	const void *emergencyv[SP_TRUNK_EMERGENCY_MAX]; /* owners of emergency calls it makes */
	uint64_t calls_refused, conns_refused;
};

/** Accepted connections of one source address. */
struct source {
	struct le le;
	struct sa addr;
	unsigned count;
};

/** One TLS connection and what sip/ knows of it. */
struct conn {
	struct le le;       /**< accepted: in the trunk's list */
	struct sp_trunk *t; /**< NULL when ended */
	struct target *tg;  /**< outbound only */
	struct source *src; /**< counted ones only; referenced */
	struct sp_loop *loop;
	struct sp_tls_conn *tls; /**< NULL for those of sp_trunk_attach() */
	struct sp_sip_conn *sip;
	struct sp_timer timer; /**< first message, then idle */
	uint64_t up_ms, active_ms;
	uint64_t messages;
	uint64_t received; /**< bytes */
	bool ended;
};

enum target_state { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };

/** An attempt to connect: the name's addresses, one after the other. */
struct attempt {
	bool running;
	struct dns_query *query;
	struct sp_tls_conn *tls;
	struct sa addrv[TRUNK_ADDRS_MAX];
	size_t addrc, next;
	uint64_t until_ms;
	struct sp_timer timer;
	int err;
	char why[TRUNK_WHY_SIZE];
};

struct target {
	struct le le; /**< in the trunk's oldl */
	struct sp_trunk *t;
	char *host;
	uint16_t port;
	uint64_t key; /**< of both, see host_key() */
	char *label;  /**< "host:port", for the log */
	bool listed;  /**< the configuration has it */
	enum target_state state;
	uint64_t down_ms; /**< since when */
	unsigned backoff_s;
	int err; /**< of the last attempt */
	struct conn *conn;
	struct attempt attempt;
	struct list waiting; /**< picks */
	struct sp_timer probe;
	struct sp_sip_ctrans *options; /**< in progress */
};

/* trunks.c */
struct sp_trunk *trunks_find(const struct sp_trunks *ts, const char *name);

/* trunk.c */
int trunk_alloc(struct sp_trunk **tp, struct sp_trunks *ts, const char *name);
void trunk_settle(struct sp_trunk *t);
void trunk_shut(struct sp_trunk *t);
bool trunk_usable(const struct sp_trunk *t);
struct conn *trunk_accepted(const struct sp_trunk *t);
int trunk_host_print(struct re_printf *pf, const char *host);

/* hosts.c */
bool host_same_name(const struct pl *a, const char *b);
bool host_same(const struct pl *a, const char *b);
uint64_t host_key(const char *host, uint16_t port);
struct target *trunk_target(const struct sp_trunk *t, const struct pl *host, uint16_t port);

/* conn.c */
int conn_new(struct conn **cp, struct sp_trunk *t, struct target *tg, struct sp_tls_conn *tls);
bool conn_live(const struct conn *c);
void conn_end(struct conn *c, const char *why);
void conn_arm(struct conn *c);

/* accept.c */
int source_table_alloc(struct sp_trunks *ts);

/* target.c */
int target_alloc(struct target **tgp, struct sp_trunk *t, const struct sp_conf_target *conf);
bool target_is(const struct target *tg, const struct sp_conf_target *conf);
struct conn *target_conn(const struct target *tg);
bool target_down(const struct target *tg);
void target_set_up(struct target *tg);
void target_failed(struct target *tg, const char *why);
void target_connected(struct target *tg, struct conn *c);
void target_lost(struct target *tg, const struct conn *c, const char *why);
void target_drop(struct target *tg);
void target_shut(struct target *tg);

/* connect.c */
void target_connect(struct target *tg);
void target_connect_cancel(struct target *tg, int err);

/* probe.c */
void probe_stop(struct target *tg);
void probe_soon(struct target *tg);
void probe_retry(struct target *tg);
void probe_send(struct target *tg);
void probe_forget(struct target *tg);
void probe_settings(struct target *tg, unsigned old_options_s);

/* pick.c */
void pick_wake(struct list *waiting);

/* dns.c */
typedef void(dns_h)(int err, const struct sa *addrv, size_t addrc, void *arg);
int dns_alloc(struct dns **dp, struct sp_loop *loop);
int dns_servers(struct dns *d, const char *csv);
bool dns_busy(const struct dns *d);
int dns_query(struct dns_query **qp, struct dns *d, const char *host, uint16_t port, dns_h *h,
	      void *arg);
void dns_cancel(struct dns_query *q);

#endif
