/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/: accepting connections.
 *
 * A handshake costs processor time that anybody can ask for, so what a client
 * may have without a certificate is bounded: where it may come from, how often,
 * how many handshakes at once from one address and in all, and how long each
 * may take (SP_TLS_HANDSHAKE_MS; a second when others wait for its place). The first two are looked
 * at before anything of TLS is done: such a client is closed at once.
 */
#ifndef SALLYPORT_TLS_LISTEN_H
#define SALLYPORT_TLS_LISTEN_H

#include "sallyport/tls.h"

struct sp_tls_listener;

struct sp_tls_listen_conf {
	unsigned handshakes; /**< in progress at once; further clients wait in the backlog */
	struct {
		unsigned per_s; /**< new connections of one address; 0: no limit */
		unsigned burst;
	} source; /**< an IPv6 address stands for its /64 */
};

/** Counted since the listener was made. */
struct sp_tls_listener_status {
	uint64_t accepted;        /**< handshakes completed by a known peer            */
	uint64_t refused_network; /**< closed at once: in no peer's networks           */
	uint64_t refused_rate;    /**< closed at once: too many from its address       */
	uint64_t refused_share;   /**< closed: its address has too many in progress    */
	uint64_t failed;          /**< handshakes that failed, took too long, were refused */
	uint64_t paused;          /**< times out of descriptors or memory              */
	unsigned pending;         /**< handshakes in progress                          */
	unsigned handshakes;      /**< most of them                                    */
};

/** A handshake was completed by a known peer: take the connection (own the reference) and name
 * handlers. */
typedef void(sp_tls_accept_h)(struct sp_tls_conn *c, void *arg);

/**
 * Listen on laddr. Handshakes run inside; clients that are turned away and
 * handshakes that fail are logged here ("tls_refused", some per second) with
 * address and reason, and counted.
 */
int sp_tls_listen(struct sp_tls_listener **lp, struct sp_loop *loop, struct sp_tls_context *ctx,
		  const struct sa *laddr, const struct sp_tls_listen_conf *conf, sp_tls_accept_h *h,
		  void *arg);

/** Reload: connections from now on use ctx; those that are up stay as they are. */
void sp_tls_listener_context(struct sp_tls_listener *l, struct sp_tls_context *ctx);

/** Reload: other limits, from now on. Handshakes in progress go on. */
void sp_tls_listener_limits(struct sp_tls_listener *l, const struct sp_tls_listen_conf *conf);

void sp_tls_listener_status(const struct sp_tls_listener *l, struct sp_tls_listener_status *status);

/** All that were turned away or failed. */
uint64_t sp_tls_listener_refused(const struct sp_tls_listener *l);

/** Where it listens; with the port that the kernel chose when laddr had none. */
const struct sa *sp_tls_listener_laddr(const struct sp_tls_listener *l);

#endif
