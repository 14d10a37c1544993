/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Client transactions: RFC 3261 17.1 and 9.1 with RFC 6026, on reliable
 * transports.
 *
 * Timers A and E do not exist there, and D and K are zero: a transaction ends
 * with the final response, but an INVITE that was accepted, which stays for
 * timer M to bring every 2xx to its user.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/base_util.h"
#include "sip_priv.h"

enum ctrans_state {
	CALLING,    /**< INVITE: no response yet                        */
	TRYING,     /**< not INVITE: no response yet                    */
	PROCEEDING, /**< a provisional came                             */
	ACCEPTED,   /**< INVITE: a 2xx came (RFC 6026)                  */
	TERMINATED  /**< out of the table, freed at the end of the turn */
};

struct sp_sip_ctrans {
	struct le le;
	struct le conn_le;  /**< in conn->clients      */
	struct sp_sip *sip; /**< NULL when terminated  */
	struct sp_sip_conn *conn;
	enum ctrans_state state;
	bool counted; /**< in conn->pending */
	enum sp_sip_method method;
	char branch[SIP_BRANCH_SIZE];
	struct sip_origin origin; /**< INVITE only */
	bool cancelled;           /**< the user does not want it any more    */
	struct mbuf *cancel_put;  /**< header lines of the CANCEL that waits */
	struct sp_timer timer;    /**< B, F, M, or the end after CANCEL      */
	struct sp_timer lost;     /**< the connection went before a response; or CANCEL again */
	sp_sip_response_h *h;     /**< NULL: nobody listens                  */
	void *arg;
};

struct lookup {
	const struct sp_sip_conn *conn;
	const struct sp_sip_msg *m;
};

static void expired(void *arg);

static const char *statename(enum ctrans_state state)
{
	switch (state) {

	case CALLING:
		return "calling";
	case TRYING:
		return "trying";
	case PROCEEDING:
		return "proceeding";
	case ACCEPTED:
		return "accepted";
	case TERMINATED:
		return "terminated";
	default:
		return "?";
	}
}

static bool is_invite(const struct sp_sip_ctrans *ct)
{
	return ct->method == SP_SIP_INVITE;
}

/** false: it has its 2xx and only absorbs what may be repeated. */
bool sip_ctrans_pending(const struct sp_sip_ctrans *ct)
{
	return ct->state != ACCEPTED && ct->state != TERMINATED;
}

static void destructor(void *arg)
{
	struct sp_sip_ctrans *ct = arg;

	hash_unlink(&ct->le);
	list_unlink(&ct->conn_le);
	sp_timer_cancel(&ct->timer);
	sp_timer_cancel(&ct->lost);
	sip_origin_reset(&ct->origin);
	mem_deref(ct->cancel_put);
	mem_deref(ct->conn);
}

static void uncount(struct sp_sip_ctrans *ct)
{
	if (ct->counted)
		--ct->conn->pending;
	ct->counted = false;
}

/* Out of the table; the table's reference is the caller's now. */
static void unlist(struct sp_sip_ctrans *ct)
{
	uncount(ct);
	hash_unlink(&ct->le);
	list_unlink(&ct->conn_le);
	sp_timer_cancel(&ct->timer);
	sp_timer_cancel(&ct->lost);
	--ct->sip->transactions;
	ct->sip = NULL;
	ct->state = TERMINATED;
}

/** The layer goes away: no handler is called. */
void sip_ctrans_drop(struct sp_sip_ctrans *ct)
{
	unlist(ct);
	mem_deref(ct);
}

/* The only place where a living transaction changes its state. */
static void set_state(struct sp_sip_ctrans *ct, enum ctrans_state state)
{
	struct sp_loop *loop = ct->sip->loop;

	sp_log(SP_LOG_DEBUG, "sip_client", "method=%s branch=%s state=%s->%s",
	       sp_sip_method_name(ct->method), ct->branch, statename(ct->state), statename(state));
	ct->state = state;

	switch (state) {

	case CALLING: /* timer B */
	case TRYING:  /* timer F */
		sp_timer_start(loop, &ct->timer, SP_SIP_TIMEOUT_MS, expired, ct);
		break;

	case PROCEEDING:
		/* F runs on, B ends: how long it may ring is the user's timer C */
		if (is_invite(ct) && ct->h)
			sp_timer_cancel(&ct->timer);
		else if (is_invite(ct))
			sp_timer_start(loop, &ct->timer, SIP_TIMER_C_MS, expired, ct);
		break;

	case ACCEPTED: /* timer M */
		uncount(ct);
		sp_timer_start(loop, &ct->timer, SP_SIP_TIMEOUT_MS, expired, ct);
		break;

	case TERMINATED:
		unlist(ct);
		sp_loop_release(loop, ct);
		break;
	}
}

static void fail(struct sp_sip_ctrans *ct, int err)
{
	sp_sip_response_h *h = ct->h;

	ct->h = NULL;
	set_state(ct, TERMINATED);
	if (h)
		h(err, NULL, ct->arg);
}

static void expired(void *arg)
{
	struct sp_sip_ctrans *ct = arg;

	if (ct->state == ACCEPTED)
		set_state(ct, TERMINATED);
	else
		fail(ct, ETIMEDOUT);
}

static void lost_due(void *arg)
{
	fail(arg, ECONNRESET);
}

/** The connection is gone. In Proceeding the answer may still come on another. */
void sip_ctrans_lost(struct sp_sip_ctrans *ct)
{
	if (ct->state == CALLING || ct->state == TRYING)
		sp_timer_start(ct->sip->loop, &ct->lost, 0, lost_due, ct);
}

/* The keyed hash is not for our own branches, but for what peers make of them. */
static uint32_t key_of(const struct sp_sip *sip, const struct pl *branch)
{
	return (uint32_t)sp_hash(&sip->key, branch->p, branch->l);
}

static bool is_match(struct le *le, void *arg)
{
	const struct sp_sip_ctrans *ct = le->data;
	const struct lookup *look = arg;

	return ct->method == look->m->method && ct->conn->owner == look->conn->owner &&
	       !pl_strcmp(&look->m->branch, ct->branch);
}

/** The transaction that this response answers (17.1.3), or NULL. */
struct sp_sip_ctrans *sip_ctrans_find(const struct sp_sip_conn *c, const struct sp_sip_msg *m)
{
	struct lookup look = {.conn = c, .m = m};

	return list_ledata(
		hash_lookup(c->sip->ctable, key_of(c->sip, &m->branch), is_match, &look));
}

static int alloc(struct sp_sip_ctrans **ctp, struct sp_sip_conn *conn, enum sp_sip_method method)
{
	struct sp_sip_ctrans *ct = mem_zalloc(sizeof(*ct), destructor);

	if (!ct)
		return ENOMEM;

	ct->conn = mem_ref(conn);
	ct->method = method;
	*ctp = ct;

	return 0;
}

/* Enter the table and send. The transaction stands before the first byte goes
 * out, so that whatever sending brings about finds it. */
static int start(struct sp_sip_ctrans *ct, const struct mbuf *mb)
{
	struct sp_sip *sip = ct->conn->sip;
	struct pl branch;
	int err;

	pl_set_str(&branch, ct->branch);
	ct->sip = sip;
	hash_append(sip->ctable, key_of(sip, &branch), &ct->le, ct);
	list_append(&ct->conn->clients, &ct->conn_le, ct);
	++ct->conn->pending;
	ct->counted = true;
	++sip->transactions;
	set_state(ct, is_invite(ct) ? CALLING : TRYING);

	mem_ref(ct);
	err = sip_conn_write(ct->conn, mb);
	if (err && ct->sip) {
		ct->h = NULL;
		set_state(ct, TERMINATED);
	}
	mem_deref(ct);

	return err;
}

static void log_out(enum sp_sip_method method, const struct pl *call_id, uint32_t cseq)
{
	sp_log(SP_LOG_DEBUG, "sip_out", "method=%s call_id=%H cseq=%u", sp_sip_method_name(method),
	       sp_log_quote, call_id, cseq);
}

/* The ACK of a failure, on whatever connection its owner has (17.1.1.3). */
static void send_ack(struct sp_sip_ctrans *ct, const struct sp_sip_msg *rsp)
{
	const struct sp_sip_hdr *to = sp_sip_msg_next(rsp, SP_HDR_TO, NULL);
	struct mbuf *mb = NULL;
	int err = EBADMSG;

	if (to)
		err = sip_write_hop(&mb, SP_SIP_ACK, ct->conn, ct->branch, &ct->origin, &to->value,
				    NULL);
	if (!err) {
		log_out(SP_SIP_ACK, &rsp->call_id, ct->origin.cseq);
		err = sip_conn_send(ct->conn, mb);
	}
	if (err)
		sp_log(SP_LOG_WARN, "sip_unsent", "method=ACK err=%d call_id=%H", err, sp_log_quote,
		       &rsp->call_id);

	mem_deref(mb);
}

static int write_cancel(struct sp_sip_ctrans *ct, const struct mbuf *headers)
{
	struct sp_sip_conn *conn = sip_conn_usable(ct->conn);
	struct sp_sip_ctrans *cancel;
	struct mbuf *mb = NULL;
	struct pl to;
	int err;

	if (!conn)
		return ENOTCONN;

	pl_set_str(&to, ct->origin.to);
	err = sip_write_hop(&mb, SP_SIP_CANCEL, ct->conn, ct->branch, &ct->origin, &to, headers);
	if (err)
		return err;

	err = alloc(&cancel, conn, SP_SIP_CANCEL);
	if (!err) {
		memcpy(cancel->branch, ct->branch, sizeof(cancel->branch));
		sp_log(SP_LOG_DEBUG, "sip_out", "method=CANCEL branch=%s cseq=%u", ct->branch,
		       ct->origin.cseq);
		err = start(cancel, mb);
	}

	mem_deref(mb);

	return err;
}

static void cancel_again(void *arg);

/* 9.1: on the way of the INVITE, with its branch, in a transaction of its own.
 * Without memory it goes later, and as short as can be: a phone rings. Whether
 * or not it arrives, the INVITE ends after 64*T1. */
static int send_cancel(struct sp_sip_ctrans *ct, const struct mbuf *headers)
{
	const int err = write_cancel(ct, headers);

	if (err != ENOMEM)
		return err;
	sp_timer_start(ct->sip->loop, &ct->lost, SP_SIP_T1_MS, cancel_again, ct);

	return 0;
}

static void cancel_again(void *arg)
{
	(void)send_cancel(arg, NULL);
}

static void send_late_cancel(struct sp_sip_ctrans *ct)
{
	struct mbuf *headers = ct->cancel_put;
	int err;

	ct->cancel_put = NULL;
	sp_timer_start(ct->sip->loop, &ct->timer, SP_SIP_TIMEOUT_MS, expired, ct);
	err = send_cancel(ct, headers);
	if (err)
		sp_log(SP_LOG_WARN, "sip_unsent", "method=CANCEL err=%d branch=%s", err,
		       ct->branch);

	mem_deref(headers);
}

static void provisional(struct sp_sip_ctrans *ct, const struct sp_sip_msg *rsp)
{
	if (ct->state != PROCEEDING) {
		sp_timer_cancel(&ct->lost);
		set_state(ct, PROCEEDING);
		if (ct->cancelled)
			send_late_cancel(ct);
	}

	if (rsp->status > 100 && ct->h)
		ct->h(0, rsp, ct->arg);
}

static void final(struct sp_sip_ctrans *ct, const struct sp_sip_msg *rsp)
{
	sp_sip_response_h *h = ct->h;

	sp_timer_cancel(&ct->lost);
	if (is_invite(ct) && rsp->status < 300) {
		set_state(ct, ACCEPTED);
	} else {
		if (is_invite(ct))
			send_ack(ct, rsp);
		if (!ct->sip)
			return;
		ct->h = NULL;
		set_state(ct, TERMINATED);
	}

	if (h)
		h(0, rsp, ct->arg);
}

void sip_ctrans_response(struct sp_sip_ctrans *ct, const struct sp_sip_msg *rsp)
{
	switch (ct->state) {

	case CALLING:
	case TRYING:
	case PROCEEDING:
		if (rsp->status < 200)
			provisional(ct, rsp);
		else
			final(ct, rsp);
		break;

	case ACCEPTED: /* RFC 6026 7.2: repeated 2xx, and those of other branches */
		if (rsp->status >= 200 && rsp->status < 300 && ct->h)
			ct->h(0, rsp, ct->arg);
		break;

	case TERMINATED:
		break;
	}
}

/**
 * @return 0; EINVAL (no good From, To, Call-ID, CSeq or URI); ENOTCONN; ENOBUFS
 * (SP_SIP_TRANSACTIONS_MAX); ENOMEM; or what the send handler said. The
 * handler is not called after an error.
 */
int sp_sip_request(struct sp_sip_ctrans **ctp, struct sp_sip *sip, struct sp_sip_conn *conn,
		   const struct sp_sip_request *req, sp_sip_response_h *h, void *arg)
{
	struct sp_sip_ctrans *ct = NULL;
	struct mbuf *mb = NULL;
	struct pl call_id;
	uint32_t cseq;
	int err;

	if (!sip || !conn || !req || req->method == SP_SIP_ACK || req->method == SP_SIP_CANCEL ||
	    sip_request_check(req, &call_id, &cseq))
		return EINVAL;
	if (conn->gone || conn->sip != sip)
		return ENOTCONN;
	if (sip->transactions >= sip->max)
		return ENOBUFS;

	err = alloc(&ct, conn, req->method);
	if (err)
		return err;

	ct->h = h;
	ct->arg = arg;
	sip_branch(ct->branch, sizeof(ct->branch));

	if (is_invite(ct))
		err = sip_origin_init(&ct->origin, req);
	if (!err)
		err = sip_write_request(&mb, conn, ct->branch, req);
	if (err) {
		mem_deref(ct);
		return err;
	}

	log_out(req->method, &call_id, cseq);
	if (ctp)
		*ctp = mem_ref(ct);
	err = start(ct, mb);
	if (err && ctp)
		*ctp = mem_deref(*ctp);

	mem_deref(mb);

	return err;
}

/**
 * @return 0 (sent, waiting for a provisional, or done before); EINVAL (not an
 * INVITE); EALREADY (a final response came); or why it was not sent: the
 * transaction ends after 64*T1 all the same.
 */
int sp_sip_cancel(struct sp_sip_ctrans *ct, const struct mbuf *headers)
{
	if (!ct || !is_invite(ct))
		return EINVAL;

	switch (ct->state) {

	case CALLING:
		if (ct->cancelled)
			return 0;
		ct->cancel_put = headers ? mbuf_alloc(headers->end + 1) : NULL;
		if (ct->cancel_put) /* without memory it goes without them */
			(void)mbuf_write_mem(ct->cancel_put, headers->buf, headers->end);
		ct->cancelled = true;
		return 0;

	case PROCEEDING:
		if (ct->cancelled)
			return 0;
		ct->cancelled = true;
		sp_timer_start(ct->sip->loop, &ct->timer, SP_SIP_TIMEOUT_MS, expired, ct);
		return send_cancel(ct, headers);

	default:
		return EALREADY;
	}
}

bool sp_sip_ctrans_proceeding(const struct sp_sip_ctrans *ct)
{
	return ct && ct->state == PROCEEDING;
}

void sp_sip_ctrans_handle(struct sp_sip_ctrans *ct, sp_sip_response_h *h, void *arg)
{
	if (!ct)
		return;
	ct->h = h;
	ct->arg = arg;
}

void sp_sip_ctrans_detach(struct sp_sip_ctrans *ct)
{
	if (!ct)
		return;

	ct->h = NULL;

	/* nobody is left to watch how long it rings */
	if (ct->state == PROCEEDING && is_invite(ct) && !sp_timer_isrunning(&ct->timer))
		sp_timer_start(ct->sip->loop, &ct->timer, SIP_TIMER_C_MS, expired, ct);
}

int sp_sip_send(struct sp_sip *sip, struct sp_sip_conn *conn, const struct sp_sip_request *req)
{
	char branch[SIP_BRANCH_SIZE];
	struct mbuf *mb = NULL;
	struct pl call_id;
	uint32_t cseq;
	int err;

	if (!sip || !conn || !req || sip_request_check(req, &call_id, &cseq))
		return EINVAL;
	if (conn->sip != sip)
		return ENOTCONN;

	sip_branch(branch, sizeof(branch));
	err = sip_write_request(&mb, conn, branch, req);
	if (err)
		return err;

	log_out(req->method, &call_id, cseq);
	err = sip_conn_send(conn, mb);
	mem_deref(mb);

	return err;
}
