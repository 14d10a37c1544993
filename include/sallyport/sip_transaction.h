/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/transaction: RFC 3261 17 with RFC 6026, for reliable transports only.
 *
 * Owners of connections are never mixed: a message can only meet transactions of
 * the owner whose connection brought it.
 */
#ifndef SALLYPORT_SIP_TRANSACTION_H
#define SALLYPORT_SIP_TRANSACTION_H

#include "sallyport/base_loop.h"
#include "sallyport/sip_conn.h"
#include "sallyport/sip_message.h"

enum {
	SP_SIP_T1_MS = 500,
	SP_SIP_T2_MS = 4000,
	SP_SIP_T4_MS = 5000,
	SP_SIP_TIMEOUT_MS = 64 * SP_SIP_T1_MS, /**< timers B, F, H, L, M */
	SP_SIP_TRANSACTIONS_MAX = 200000,      /**< of either kind, in all */

	/* Of one owner's requests, with the bytes of those requests: what one
	 * peer leaves unacknowledged must not shut the others out. */
	SP_SIP_OWNER_TRANSACTIONS_MAX = SP_SIP_TRANSACTIONS_MAX / 4,
	SP_SIP_OWNER_BYTES_MAX = 128 * 1024 * 1024
};

struct sp_sip_strans; /**< server transaction */
struct sp_sip_ctrans; /**< client transaction */

/** A new request, not ACK or CANCEL. Answer with sp_sip_reply(), now or later (then mem_ref st). */
typedef void(sp_sip_request_h)(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg);
/** An ACK that belongs to no non-2xx response: the acknowledgement of a 2xx. */
typedef void(sp_sip_ack_h)(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg);
/** A connection was lost: another one of its owner for what is still to be sent, or NULL. */
typedef struct sp_sip_conn *(sp_sip_other_h)(const struct sp_sip_conn *gone, void *arg);

/**
 * A new INVITE outside of any dialog, before anything is spent on it.
 * @return 0, or Retry-After in seconds: it is answered 503 without a transaction
 */
typedef unsigned(sp_sip_shed_h)(struct sp_sip_conn *c, const struct sp_sip_msg *req, void *arg);

struct sp_sip_handlers {
	sp_sip_request_h *request;
	sp_sip_ack_h *ack;
	sp_sip_other_h *other;
	sp_sip_shed_h *shed; /**< may be NULL */
};

int sp_sip_alloc(struct sp_sip **sp, struct sp_loop *loop, const struct sp_sip_handlers *h,
		 void *arg);

/** Transactions alive, of both kinds; requests refused because of the limits above. */
size_t sp_sip_transactions(const struct sp_sip *sip);
uint64_t sp_sip_refused(const struct sp_sip *sip);

/** Of the transactions, those that wait for a message; the others only run out (timers L, M). */
size_t sp_sip_pending(const struct sp_sip *sip);

/** A request to be sent. headers holds lines by sp_sip_put(), all but Via, Content-Type and
 * -Length. */
struct sp_sip_request {
	enum sp_sip_method method;
	const char *uri;
	const struct mbuf *headers;
	const char *content_type; /**< NULL: no body */
	struct pl body;
};

/** A response. Via, From, To, Call-ID and CSeq are the request's; headers holds any others. */
struct sp_sip_reply {
	uint16_t status;
	const char *reason; /**< NULL: the standard phrase */
	const char *to_tag; /**< put on To when the request had none; NULL: a random one if status >
			       100 */
	const struct mbuf *headers;
	const char *content_type;
	struct pl body;
};

/**
 * Answer. Provisionals any number of times, one final. A 2xx to INVITE is
 * repeated (RFC 3261 13.3.1.4) until sp_sip_strans_acked().
 * @return 0, ENOTCONN (no connection of this owner left), EALREADY (final was sent), ENOMEM
 */
int sp_sip_reply(struct sp_sip_strans *st, const struct sp_sip_reply *r);

/** Answer with status, phrase and nothing else. */
int sp_sip_reply_status(struct sp_sip_strans *st, uint16_t status, const char *reason);

/** The caller cancelled this INVITE (200 to the CANCEL is sent already). */
typedef void(sp_sip_cancel_h)(const struct sp_sip_msg *cancel, void *arg);
/** The final response is acknowledged (0) or never will be (ETIMEDOUT). INVITE only; called once.
 */
typedef void(sp_sip_done_h)(int err, void *arg);

void sp_sip_strans_handle(struct sp_sip_strans *st, sp_sip_cancel_h *cancelh, sp_sip_done_h *doneh,
			  void *arg);
/** The ACK for the 2xx came: stop repeating it; done handler is not called any more. */
void sp_sip_strans_acked(struct sp_sip_strans *st);
const struct sp_sip_msg *sp_sip_strans_request(const struct sp_sip_strans *st);
struct sp_sip_conn *sp_sip_strans_conn(const struct sp_sip_strans *st);

/**
 * err 0: a response (every provisional but 100 too; every 2xx to INVITE, repeated
 * ones included). err set (ETIMEDOUT, ECONNRESET): there will be none; rsp is NULL.
 */
typedef void(sp_sip_response_h)(int err, const struct sp_sip_msg *rsp, void *arg);

/**
 * Send a request in a transaction. ACK to failures of INVITE is sent by it.
 * @param ctp may be NULL; else a reference of the caller's (mem_deref does not end it)
 */
int sp_sip_request(struct sp_sip_ctrans **ctp, struct sp_sip *sip, struct sp_sip_conn *conn,
		   const struct sp_sip_request *req, sp_sip_response_h *h, void *arg);

/** CANCEL an INVITE: at once, or as soon as a provisional allows (RFC 3261 9.1). */
int sp_sip_cancel(struct sp_sip_ctrans *ct, const struct mbuf *headers);

/** Has a provisional come, 100 too, and no final response yet? */
bool sp_sip_ctrans_proceeding(const struct sp_sip_ctrans *ct);

/** Another user listens from now on. */
void sp_sip_ctrans_handle(struct sp_sip_ctrans *ct, sp_sip_response_h *h, void *arg);
/** Nobody listens any more; the transaction lives on by itself to its end. */
void sp_sip_ctrans_detach(struct sp_sip_ctrans *ct);

/** Send outside any transaction, with a Via of its own: the ACK of a 2xx. */
int sp_sip_send(struct sp_sip *sip, struct sp_sip_conn *conn, const struct sp_sip_request *req);

#endif
