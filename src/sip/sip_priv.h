/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the layer, its connections and its transactions share.
 *
 * Lifetimes: the layer's tables hold one reference to each transaction until it
 * ends; it is then handed to sp_loop_release(), so a transaction that ended is
 * still memory until the turn is over. A transaction holds references to its
 * connection and messages. When the layer goes, everything that outlives it by
 * others' references finds its sip pointer NULL.
 */
#ifndef SALLYPORT_SIP_PRIV_H
#define SALLYPORT_SIP_PRIV_H

#include "sallyport/base_util.h"
#include "sallyport/sip_transaction.h"

enum {
	SIP_BUCKETS = 32768,  /**< of each transaction table                      */
	SIP_BRANCH_SIZE = 32, /**< magic cookie and 24 hex digits (96 random bits) */
	SIP_TAG_SIZE = 17,
	SIP_TO_TAG_SIZE = 64,    /**< of what the user may want on To              */
	SIP_SPARE_SIZE = 16384,  /**< an answer that memory must not keep back     */
	SIP_TRYING_MS = 200,     /**< 17.2.1: 100 goes out when the user is silent    */
	SIP_TIMER_C_MS = 180000, /**< 16.6, for INVITEs that nobody listens to        */
	SIP_RETRY_AFTER = 5      /**< seconds, when the tables are full               */
};

enum { SIP_DROPPED_MAX = 20 /**< unreadable and unanswerable messages, per connection */ };

/** RFC 3261 8.1.1.7: what every branch since RFC 3261 begins with. */
#define SIP_COOKIE "z9hG4bK"

struct sp_sip {
	struct sp_loop *loop;
	struct sp_sip_handlers h;
	void *arg;
	struct sp_hashkey key;
	struct hash *stable; /**< server transactions */
	struct hash *mtable; /**< those whose request a merged one would repeat (8.2.2.2) */
	struct hash *ctable; /**< client transactions */
	struct list conns;
	struct list shares;
	struct mbuf *spare; /**< for one answer at a time, while there is no memory */
	size_t transactions;
	size_t max; /**< SP_SIP_TRANSACTIONS_MAX; tests lower these three */
	size_t owner_max;
	size_t owner_bytes_max;
	uint64_t refused;
};

/** What an owner's requests take up. Its connections share it, also after one is gone. */
struct sip_share {
	struct le le; /**< in sip->shares */
	const void *owner;
	size_t transactions;
	size_t bytes; /**< of their requests */
};

struct sp_sip_conn {
	struct le le; /**< in sip->conns */
	struct sp_sip *sip;
	struct sip_share *share;
	struct list clients; /**< client transactions that were sent here */
	unsigned pending;    /**< of these, without final response         */
	char *sent_by;
	bool alias; /**< Via says so */
	void *owner;
	void *kept; /**< the owner's, referenced */
	sp_sip_send_h *sendh;
	void *arg;
	struct sp_sip_frame *frame;
	uint64_t messages;
	bool pong;        /**< a keep-alive is to be answered */
	unsigned dropped; /**< whole messages that could neither be read nor answered */
	bool gone;
	int err; /**< of the message that made the stream unreadable */
	const char *why;
};

/** What the ACK and the CANCEL of an INVITE repeat from it (9.1, 17.1.1.3). */
struct sip_origin {
	char *uri;
	char *to;
	struct mbuf *lines; /**< From, Call-ID and Route as they were */
	uint32_t cseq;
};

/* conn.c */
int sip_conn_write(struct sp_sip_conn *c, const struct mbuf *mb);
struct sp_sip_conn *sip_conn_usable(struct sp_sip_conn *c);
int sip_conn_send(struct sp_sip_conn *c, const struct mbuf *mb);

/* layer.c */
void sip_dispatch(struct sp_sip_conn *c, struct sp_sip_msg *m);
int sip_answer(struct sp_sip_conn *c, const struct sp_sip_msg *req, const struct sp_sip_reply *r);

/* share.c */
struct sip_share *sip_share_get(struct sp_sip *sip, const void *owner);
bool sip_share_full(const struct sp_sip *sip, const struct sip_share *share,
		    const struct sp_sip_msg *req);
void sip_share_take(struct sip_share *share, const struct sp_sip_msg *req);
void sip_share_give(struct sip_share *share, const struct sp_sip_msg *req);

/* strans.c */
bool sip_strans_pending(const struct sp_sip_strans *st);
bool sip_strans_merges(const struct sp_sip_conn *c, const struct sp_sip_msg *m);
struct sp_sip_strans *sip_strans_find(const struct sp_sip_conn *c, const struct sp_sip_msg *m);
int sip_strans_accept(struct sp_sip_conn *c, struct sp_sip_msg *m);
void sip_strans_again(struct sp_sip_strans *st, struct sp_sip_conn *c);
void sip_strans_ack(struct sp_sip_strans *st, struct sp_sip_conn *c, const struct sp_sip_msg *ack);
void sip_strans_cancel(struct sp_sip_strans *st, struct sp_sip_conn *c,
		       const struct sp_sip_msg *cancel);
void sip_strans_drop(struct sp_sip_strans *st);

/* ctrans.c */
bool sip_ctrans_pending(const struct sp_sip_ctrans *ct);
struct sp_sip_ctrans *sip_ctrans_find(const struct sp_sip_conn *c, const struct sp_sip_msg *m);
void sip_ctrans_response(struct sp_sip_ctrans *ct, const struct sp_sip_msg *rsp);
void sip_ctrans_lost(struct sp_sip_ctrans *ct);
void sip_ctrans_drop(struct sp_sip_ctrans *ct);

/* write.c */
void sip_branch(char *buf, size_t size);
int sip_write_request(struct mbuf **mbp, const struct sp_sip_conn *conn, const char *branch,
		      const struct sp_sip_request *req);
int sip_write_hop(struct mbuf **mbp, enum sp_sip_method method, const struct sp_sip_conn *conn,
		  const char *branch, const struct sip_origin *o, const struct pl *to,
		  const struct mbuf *headers);
int sip_write_reply(struct mbuf **mbp, struct mbuf *spare, const struct sp_sip_msg *req,
		    const struct sp_sip_reply *r, const char *tag);
void sip_reply_done(struct mbuf *mb, const struct mbuf *spare);

/* origin.c */
int sip_request_check(const struct sp_sip_request *req, struct pl *call_id, uint32_t *cseq);
int sip_origin_init(struct sip_origin *o, const struct sp_sip_request *req);
void sip_origin_reset(struct sip_origin *o);

#endif
