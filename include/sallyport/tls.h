/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/: policy (which versions, suites and certificates), identity (which
 * trunk a certificate belongs to), connection (bytes in, bytes out).
 *
 * Both directions are always mutual: there is no way to make a connection
 * whose peer's certificate was not verified against its own trunk's CAs and
 * names. Resumption, tickets, renegotiation and compression are off.
 */
#ifndef SALLYPORT_TLS_H
#define SALLYPORT_TLS_H

#include <re.h>

#include "sallyport/base_loop.h"
#include "sallyport/base_util.h"

enum {
	SP_TLS_HANDSHAKE_MS = 5000,     /**< from TCP connect or accept to "up"   */
	SP_TLS_QUEUE_MAX = 512 * 1024,  /**< waiting to be sent; more closes      */
	SP_TLS_READ_BUDGET = 64 * 1024, /**< read from one connection per turn    */
	SP_TLS_WHY_SIZE = 256,

	/* A far end that is gone without a word is noticed by TCP, in both directions:
	 * bytes that it does not acknowledge for this long ... */
	SP_TLS_UNACKED_MS = 20 * 1000,
	/* ... or, when nothing is said, probes that it does not answer. With the above
	 * the kernel gives up instead of probing a second time, after 40 s. */
	SP_TLS_KEEPALIVE_IDLE_S = 30,
	SP_TLS_KEEPALIVE_INTERVAL_S = 10,
	SP_TLS_KEEPALIVE_PROBES = 3
};

/** One problem with a certificate, key, CA or CRL file, for `--check` and the log. */
typedef void(sp_tls_problem_h)(const char *path, const char *problem, const char *mend, void *arg);

/** A trunk as TLS sees it: who its peer may be. Immutable; connections keep it alive. */
struct sp_tls_peer;

struct sp_tls_peer_conf {
	const char *trunk;            /**< name of the trunk                           */
	const char *const *identityv; /**< domain names, any of which the peer must show */
	size_t identityc;
	bool wildcard;           /**< a certificate's "*.example.com" covers one label */
	bool check_purpose;      /**< demand clientAuth of clients, serverAuth of servers */
	const char *ca;          /**< PEM bundle; NULL: the public roots              */
	const char *crl;         /**< PEM, of any number of CRLs; NULL: none is asked  */
	struct sp_nets networks; /**< where it may connect from; copied           */
};

/** @return 0, EINVAL (reported to h), ENOMEM */
int sp_tls_peer_alloc(struct sp_tls_peer **pp, const struct sp_tls_peer_conf *conf,
		      sp_tls_problem_h *h, void *arg);
const char *sp_tls_peer_trunk(const struct sp_tls_peer *p);

/** A certificate with its key and the peers it is shown to. Immutable, shared by reference. */
struct sp_tls_context;

/** For accepting: any of peerv may come. peerv is referenced. */
int sp_tls_server_alloc(struct sp_tls_context **cp, const char *cert, const char *key,
			struct sp_tls_peer *const *peerv, size_t peerc, sp_tls_problem_h *h,
			void *arg);

/** For connecting to one peer. */
int sp_tls_client_alloc(struct sp_tls_context **cp, const char *cert, const char *key,
			struct sp_tls_peer *peer, sp_tls_problem_h *h, void *arg);

struct sp_tls_conn;

/** The handshake is complete and the peer known. */
typedef void(sp_tls_up_h)(struct sp_tls_conn *c, void *arg);
/** Decrypted bytes; valid during the call. The handler may close the connection. */
typedef void(sp_tls_data_h)(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg);
/**
 * Gone, once, whatever the cause; why is for people. Not called after sp_tls_close().
 * err: 0 peer's close_notify, EACCES its certificate, EPROTO TLS, ETIMEDOUT, ENOBUFS, or errno
 */
typedef void(sp_tls_down_h)(struct sp_tls_conn *c, int err, const char *why, void *arg);

struct sp_tls_handlers {
	sp_tls_up_h *up;
	sp_tls_data_h *data;
	sp_tls_down_h *down;
};

/**
 * Connect by address, verify by name: name goes out as SNI and must be what
 * the peer's certificate shows (besides one of the peer's identities). NULL or
 * an address as name: no SNI, the identities alone decide.
 */
int sp_tls_connect(struct sp_tls_conn **cp, struct sp_loop *loop, struct sp_tls_context *ctx,
		   const struct sa *dst, const char *name, const struct sp_tls_handlers *h,
		   void *arg);

/** Name the handlers of an accepted connection, or change them later. */
void sp_tls_handle(struct sp_tls_conn *c, const struct sp_tls_handlers *h, void *arg);

/** Queue n bytes. @return 0, ENOTCONN, ENOBUFS (over SP_TLS_QUEUE_MAX: the connection goes down) */
int sp_tls_send(struct sp_tls_conn *c, const uint8_t *p, size_t n);

/** close_notify, best effort, and close. No handler is called. mem_deref() does the same. */
void sp_tls_close(struct sp_tls_conn *c);

/** The peer whose certificate was verified; NULL before "up". */
struct sp_tls_peer *sp_tls_conn_peer(const struct sp_tls_conn *c);
const struct sa *sp_tls_conn_raddr(const struct sp_tls_conn *c);
const struct sa *sp_tls_conn_laddr(const struct sp_tls_conn *c);
/** "TLSv1.3 TLS_AES_256_GCM_SHA384", for the log. */
const char *sp_tls_conn_cipher(const struct sp_tls_conn *c);

#endif
