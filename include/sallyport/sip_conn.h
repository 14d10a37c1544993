/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/conn: one connection as the layer sees it: a function that sends bytes,
 * and an owner (a trunk).
 */
#ifndef SALLYPORT_SIP_CONN_H
#define SALLYPORT_SIP_CONN_H

#include <re.h>

struct sp_sip; /**< the layer */
struct sp_sip_conn;

/** Send bytes; 0 or errno. */
typedef int(sp_sip_send_h)(const uint8_t *p, size_t n, void *arg);

/**
 * @param sent_by our "host:port" for Via on this connection (copied)
 * @param owner   compared, never followed
 */
int sp_sip_conn_alloc(struct sp_sip_conn **cp, struct sp_sip *sip, const char *sent_by, void *owner,
		      sp_sip_send_h *sendh, void *arg);

/** Our Via says from now on that the peer may use this connection too (RFC 5923 "alias"). Not for
 * connections that the peer opened. */
void sp_sip_conn_alias(struct sp_sip_conn *c);

/**
 * Bytes came in. @return 0, or errno: the stream is unreadable, the caller
 * closes the connection; why is for its log line.
 */
int sp_sip_conn_input(struct sp_sip_conn *c, const uint8_t *p, size_t n, const char **why);

/** The connection is gone: client transactions without any response end with ECONNRESET. */
void sp_sip_conn_gone(struct sp_sip_conn *c);

bool sp_sip_conn_isgone(const struct sp_sip_conn *c);
void *sp_sip_conn_owner(const struct sp_sip_conn *c);
const char *sp_sip_conn_sent_by(const struct sp_sip_conn *c);
/** Messages read so far (keep-alives not counted). */
uint64_t sp_sip_conn_messages(const struct sp_sip_conn *c);
/** Has a message begun that is not complete? */
bool sp_sip_conn_partial(const struct sp_sip_conn *c);
/** Something of the owner's that lives as long as c does: takes over the reference. Once. */
void sp_sip_conn_keep(struct sp_sip_conn *c, void *kept);
void *sp_sip_conn_kept(const struct sp_sip_conn *c);
/** Requests sent here whose final response has not come. */
unsigned sp_sip_conn_pending(const struct sp_sip_conn *c);

/** Send a keep-alive (RFC 5626 3.5.1). @return 0, ENOTCONN, or what the send handler said */
int sp_sip_conn_ping(struct sp_sip_conn *c);
/** How many of them the peer has answered. */
uint64_t sp_sip_conn_pongs(const struct sp_sip_conn *c);

#endif
