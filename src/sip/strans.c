/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Server transactions: RFC 3261 17.2 with RFC 6026, on reliable transports.
 *
 * Timers G, I and J do not exist there: a failure response is sent once, and
 * the states behind timers of zero length (Confirmed; Completed of non-INVITE)
 * end as they begin. The repetition of a 2xx until its ACK (13.3.1.4) is the
 * user's duty in the RFC; it lives here, beside timer L, which bounds it.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/base_util.h"
#include "sip_priv.h"

enum strans_state {
	TRYING,     /**< not INVITE: no answer yet                       */
	PROCEEDING, /**< INVITE, or a provisional was sent               */
	COMPLETED,  /**< INVITE: a failure was sent, its ACK is awaited  */
	ACCEPTED,   /**< INVITE: a 2xx was sent (RFC 6026)               */
	TERMINATED  /**< out of the table, freed at the end of the turn  */
};

struct sp_sip_strans {
	struct le le;       /**< in the table, by branch                   */
	struct le me;       /**< in the table of what a request may merge with */
	struct sp_sip *sip; /**< NULL when terminated */
	struct sp_sip_conn *conn;
	struct sp_sip_msg *req;
	enum strans_state state;
	bool final;                /**< a final response was sent      */
	bool acked;                /**< the ACK of the 2xx came        */
	bool cancelled;            /**< the cancel handler was called  */
	char tag[SIP_TO_TAG_SIZE]; /**< on To of all our responses, "" none yet */
	struct mbuf *last;         /**< response, to be sent again              */
	uint32_t interval_ms;      /**< between the last 2xx and the next */
	struct sp_timer timer;     /**< H, L, or the guard of non-INVITE  */
	struct sp_timer repeat;    /**< 100 after a while; 2xx again      */
	sp_sip_cancel_h *cancelh;
	sp_sip_done_h *doneh;
	void *arg;
};

/** What a request must have in common with a transaction's (17.2.3). The parser
 * lets no branch through that RFC 2543 made. */
struct lookup {
	const struct sp_sip_conn *conn;
	const struct sp_sip_msg *m;
	struct pl method;
};

static void expired(void *arg);
static void repeat_due(void *arg);

static const char *statename(enum strans_state state)
{
	switch (state) {

	case TRYING:
		return "trying";
	case PROCEEDING:
		return "proceeding";
	case COMPLETED:
		return "completed";
	case ACCEPTED:
		return "accepted";
	case TERMINATED:
		return "terminated";
	default:
		return "?";
	}
}

static bool is_invite(const struct sp_sip_strans *st)
{
	return st->req->method == SP_SIP_INVITE;
}

static void destructor(void *arg)
{
	struct sp_sip_strans *st = arg;

	hash_unlink(&st->le);
	hash_unlink(&st->me);
	sp_timer_cancel(&st->timer);
	sp_timer_cancel(&st->repeat);
	mem_deref(st->conn);
	mem_deref(st->req);
	mem_deref(st->last);
}

/* Out of the table; the table's reference is the caller's now. */
static void unlist(struct sp_sip_strans *st)
{
	hash_unlink(&st->le);
	hash_unlink(&st->me);
	sp_timer_cancel(&st->timer);
	sp_timer_cancel(&st->repeat);
	--st->sip->transactions;
	sip_share_give(st->conn->share, st->req);
	st->sip = NULL;
	st->state = TERMINATED;
}

/** The layer goes away: no handler is called. */
void sip_strans_drop(struct sp_sip_strans *st)
{
	unlist(st);
	mem_deref(st);
}

/* The only place where a living transaction changes its state. */
static void set_state(struct sp_sip_strans *st, enum strans_state state)
{
	struct sp_loop *loop = st->sip->loop;

	sp_log(SP_LOG_DEBUG, "sip_server", "method=%r branch=%H state=%s->%s",
	       &st->req->method_name, sp_log_quote, &st->req->branch, statename(st->state),
	       statename(state));
	st->state = state;

	switch (state) {

	case TRYING:
		/* A user that never answers is a fault, but must not fill the table. It
		 * gets T1 beyond the 64*T1 after which it need not answer any more. */
		sp_timer_start(loop, &st->timer, SP_SIP_TIMEOUT_MS + SP_SIP_T1_MS, expired, st);
		break;

	case PROCEEDING:
		if (is_invite(st))
			sp_timer_start(loop, &st->repeat, SIP_TRYING_MS, repeat_due, st);
		break;

	case COMPLETED: /* timer H */
		sp_timer_cancel(&st->repeat);
		sp_timer_start(loop, &st->timer, SP_SIP_TIMEOUT_MS, expired, st);
		break;

	case ACCEPTED: /* timer L */
		st->interval_ms = SP_SIP_T1_MS;
		sp_timer_start(loop, &st->timer, SP_SIP_TIMEOUT_MS, expired, st);
		sp_timer_start(loop, &st->repeat, st->interval_ms, repeat_due, st);
		break;

	case TERMINATED:
		unlist(st);
		sp_loop_release(loop, st);
		break;
	}
}

static void done(struct sp_sip_strans *st, int err)
{
	sp_sip_done_h *h = st->acked ? NULL : st->doneh;

	st->doneh = NULL;
	set_state(st, TERMINATED);
	if (h)
		h(err, st->arg);
}

static void expired(void *arg)
{
	struct sp_sip_strans *st = arg;

	if (!is_invite(st)) {
		sp_log(SP_LOG_ERROR, "sip_unanswered", "method=%r call_id=%H",
		       &st->req->method_name, sp_log_quote, &st->req->call_id);
	}

	done(st, ETIMEDOUT);
}

static void repeat_due(void *arg)
{
	const struct sp_sip_reply trying = {.status = 100};
	struct sp_sip_strans *st = arg;

	if (st->state == PROCEEDING) {
		(void)sp_sip_reply(st, &trying);
		return;
	}

	/* 13.3.1.4. If it cannot be sent now, a connection may come before the next. */
	st->interval_ms = st->interval_ms * 2 < SP_SIP_T2_MS ? st->interval_ms * 2 : SP_SIP_T2_MS;
	sp_timer_start(st->sip->loop, &st->repeat, st->interval_ms, repeat_due, st);
	(void)sip_conn_send(st->conn, st->last);
}

/* Host names know no case, so the sent-by goes into the key without it. Behind
 * the longest of them come blanks, a colon and digits; those count too, or a peer
 * could have thousands that differ there alone. */
static uint64_t hash_nocase(const struct sp_hashkey *key, const struct pl *pl)
{
	char buf[272];
	const size_t n = min(pl->l, sizeof(buf));

	for (size_t i = 0; i < n; i++) {
		const char ch = pl->p[i];

		buf[i] = (char)(ch >= 'A' && ch <= 'Z' ? ch + ('a' - 'A') : ch);
	}

	return sp_hash(key, buf, n) ^ sp_hash(key, pl->p + n, pl->l - n);
}

static uint32_t key_of(const struct lookup *look)
{
	const struct sp_hashkey *key = &look->conn->sip->key;
	const struct sp_sip_msg *m = look->m;
	uint64_t parts[4];

	parts[0] = sp_hash(key, m->branch.p, m->branch.l);
	parts[1] = hash_nocase(key, &m->sent_by);
	parts[2] = sp_hash(key, look->method.p, look->method.l);
	parts[3] = (uint64_t)(uintptr_t)look->conn->owner;

	return (uint32_t)sp_hash(key, parts, sizeof(parts));
}

static bool is_match(struct le *le, void *arg)
{
	const struct sp_sip_strans *st = le->data;
	const struct lookup *look = arg;

	return st->conn->owner == look->conn->owner &&
	       !pl_cmp(&st->req->branch, &look->m->branch) &&
	       !pl_casecmp(&st->req->sent_by, &look->m->sent_by) &&
	       !pl_cmp(&st->req->method_name, &look->method);
}

static void lookup_init(struct lookup *look, const struct sp_sip_conn *c,
			const struct sp_sip_msg *m)
{
	look->conn = c;
	look->m = m;
	look->method = m->method_name;
	if (m->method == SP_SIP_ACK || m->method == SP_SIP_CANCEL)
		pl_set_str(&look->method, sp_sip_method_name(SP_SIP_INVITE));
}

/** The transaction that this request repeats, acknowledges or cancels; or NULL. */
struct sp_sip_strans *sip_strans_find(const struct sp_sip_conn *c, const struct sp_sip_msg *m)
{
	struct lookup look;

	lookup_init(&look, c, m);

	return list_ledata(hash_lookup(c->sip->stable, key_of(&look), is_match, &look));
}

/** false: all is said; it only absorbs what may be repeated. */
bool sip_strans_pending(const struct sp_sip_strans *st)
{
	return st->state != TERMINATED && !(st->state == ACCEPTED && st->acked);
}

/* What 8.2.2.2 compares: From tag, Call-ID and CSeq, here within one owner. */
static uint32_t merge_key(const struct sp_sip_conn *c, const struct sp_sip_msg *m)
{
	const struct sp_hashkey *key = &c->sip->key;
	uint64_t parts[4];

	parts[0] = sp_hash(key, m->call_id.p, m->call_id.l);
	parts[1] = sp_hash(key, m->from_tag.p, m->from_tag.l);
	parts[2] = sp_hash(key, m->method_name.p, m->method_name.l) + m->cseq;
	parts[3] = (uint64_t)(uintptr_t)c->owner;

	return (uint32_t)sp_hash(key, parts, sizeof(parts));
}

static bool is_same_request(struct le *le, void *arg)
{
	const struct sp_sip_strans *st = le->data;
	const struct lookup *look = arg;

	return st->conn->owner == look->conn->owner && st->req->cseq == look->m->cseq &&
	       !pl_cmp(&st->req->method_name, &look->m->method_name) &&
	       !pl_cmp(&st->req->call_id, &look->m->call_id) &&
	       !pl_cmp(&st->req->from_tag, &look->m->from_tag);
}

/**
 * 8.2.2.2: did this request come already, by another path, as a transaction
 * that is still going on? One that was refused does not count: a proxy that
 * tries again after a failure has not forked.
 */
bool sip_strans_merges(const struct sp_sip_conn *c, const struct sp_sip_msg *m)
{
	struct lookup look;

	if (m->to_tag.l)
		return false;
	lookup_init(&look, c, m);

	return hash_lookup(c->sip->mtable, merge_key(c, m), is_same_request, &look) != NULL;
}

/** A request that belongs to no transaction: make one and hand it to the user. */
int sip_strans_accept(struct sp_sip_conn *c, struct sp_sip_msg *m)
{
	struct sp_sip_strans *st = mem_zalloc(sizeof(*st), destructor);
	struct sp_sip *sip = c->sip;
	struct lookup look;

	if (!st)
		return ENOMEM;

	st->sip = sip;
	st->conn = mem_ref(c);
	st->req = mem_ref(m);
	lookup_init(&look, c, m);
	hash_append(sip->stable, key_of(&look), &st->le, st);
	if (!m->to_tag.l)
		hash_append(sip->mtable, merge_key(c, m), &st->me, st);
	++sip->transactions;
	sip_share_take(c->share, m);
	set_state(st, is_invite(st) ? PROCEEDING : TRYING);

	sip->h.request(st, m, sip->arg);

	return 0;
}

/** The request came once more: so does the last response. */
void sip_strans_again(struct sp_sip_strans *st, struct sp_sip_conn *c)
{
	if (st->conn->gone && st->conn != c) {
		mem_deref(st->conn);
		st->conn = mem_ref(c);
	}

	if (st->last)
		(void)sip_conn_send(st->conn, st->last);
}

/** An ACK with the branch of the INVITE. */
void sip_strans_ack(struct sp_sip_strans *st, struct sp_sip_conn *c, const struct sp_sip_msg *ack)
{
	switch (st->state) {

	case COMPLETED:
		done(st, 0);
		break;

	case ACCEPTED:
		c->sip->h.ack(c, ack, c->sip->arg);
		break;

	default:
		break;
	}
}

static int make_tag(struct sp_sip_strans *st, const char *wanted)
{
	struct pl pl;

	if (!wanted && !st->tag[0])
		sp_id_random(st->tag, SIP_TAG_SIZE);
	if (!wanted || wanted == st->tag)
		return 0;

	pl_set_str(&pl, wanted);
	if (!sp_sip_is_token(&pl) || pl.l >= sizeof(st->tag))
		return EINVAL;
	memcpy(st->tag, wanted, pl.l + 1);

	return 0;
}

/** 9.2: the CANCEL is answered at once; whether it helps is up to the user. */
void sip_strans_cancel(struct sp_sip_strans *st, struct sp_sip_conn *c,
		       const struct sp_sip_msg *cancel)
{
	struct sp_sip_reply ok = {.status = 200};

	if (make_tag(st, NULL) == 0)
		ok.to_tag = st->tag;
	(void)sip_answer(c, cancel, &ok);

	if (st->state != PROCEEDING || st->cancelled)
		return;

	st->cancelled = true;
	if (st->cancelh)
		st->cancelh(cancel, st->arg);
}

/* What nobody can ask for again needs no memory that is not there already: the
 * final responses, but a 2xx to INVITE, which is repeated until its ACK. */
static int write_last(struct sp_sip_strans *st, const struct sp_sip_reply *r, struct mbuf **mbp)
{
	const bool lasts = r->status < 200 || (is_invite(st) && r->status < 300);
	const bool tagged = r->to_tag || r->status > 100;
	struct mbuf *spare = st->sip->spare;
	int err = tagged ? make_tag(st, r->to_tag) : 0;

	if (!err)
		err = sip_write_reply(mbp, lasts ? NULL : spare, st->req, r,
				      tagged ? st->tag : NULL);
	if (err)
		return err;

	mem_deref(st->last);
	st->last = *mbp == spare ? NULL : mem_ref(*mbp);

	return 0;
}

/* A final that cannot be sent ends the transaction (17.2.4): the user is told
 * by the result, and nothing is left that waits for an ACK. */
static int send_last(struct sp_sip_strans *st, uint16_t status, const struct mbuf *mb)
{
	int err;

	sp_log(SP_LOG_DEBUG, "sip_out", "status=%u method=%r call_id=%H cseq=%u", status,
	       &st->req->method_name, sp_log_quote, &st->req->call_id, st->req->cseq);

	if (status < 200) {
		if (st->state == TRYING)
			set_state(st, PROCEEDING);
		sp_timer_cancel(&st->repeat);
		return sip_conn_send(st->conn, mb);
	}

	st->final = true;
	if (status >= 300)
		hash_unlink(&st->me);
	if (is_invite(st))
		set_state(st, status < 300 ? ACCEPTED : COMPLETED);

	err = sip_conn_send(st->conn, mb);
	if (st->sip && (err || !is_invite(st)))
		set_state(st, TERMINATED);

	return err;
}

int sp_sip_reply(struct sp_sip_strans *st, const struct sp_sip_reply *r)
{
	const struct mbuf *spare;
	struct mbuf *mb = NULL;
	int err;

	if (!st || !r || r->status < 100 || r->status > 699)
		return EINVAL;
	if (st->final)
		return EALREADY;
	if (!st->sip)
		return ENOTCONN;

	mem_ref(st);
	spare = st->sip->spare;
	err = write_last(st, r, &mb);
	if (!err)
		err = send_last(st, r->status, mb);
	else if (r->status >= 200 && err != ENOMEM)
		set_state(st, TERMINATED);
	sip_reply_done(mb, spare);
	mem_deref(st);

	return err;
}

int sp_sip_reply_status(struct sp_sip_strans *st, uint16_t status, const char *reason)
{
	const struct sp_sip_reply reply = {.status = status, .reason = reason};

	return sp_sip_reply(st, &reply);
}

void sp_sip_strans_handle(struct sp_sip_strans *st, sp_sip_cancel_h *cancelh, sp_sip_done_h *doneh,
			  void *arg)
{
	if (!st)
		return;

	st->cancelh = cancelh;
	st->doneh = doneh;
	st->arg = arg;
}

void sp_sip_strans_acked(struct sp_sip_strans *st)
{
	if (!st || st->state != ACCEPTED)
		return;

	/* Both came on this connection or one like it, in order: no repetition is left
	 * under way that would need the whole of timer L, and thousands of calls a second
	 * would be kept for half a minute each. */
	st->acked = true;
	sp_timer_cancel(&st->repeat);
	sp_timer_start(st->sip->loop, &st->timer, SP_SIP_T4_MS, expired, st);
}

const struct sp_sip_msg *sp_sip_strans_request(const struct sp_sip_strans *st)
{
	return st ? st->req : NULL;
}

struct sp_sip_conn *sp_sip_strans_conn(const struct sp_sip_strans *st)
{
	return st ? st->conn : NULL;
}
