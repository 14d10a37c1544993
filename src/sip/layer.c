/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layer: holds the transaction tables and brings each message to the
 * transaction that it belongs to, or to the user.
 */
#include <errno.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/base_util.h"
#include "sip_priv.h"

static bool drop_server(struct le *le, void *arg)
{
	(void)arg;
	sip_strans_drop(le->data);

	return false;
}

static bool drop_client(struct le *le, void *arg)
{
	(void)arg;
	sip_ctrans_drop(le->data);

	return false;
}

/* What others still hold references to lives on without a layer. */
static void destructor(void *arg)
{
	struct sp_sip *sip = arg;
	struct le *le;

	if (sip->stable)
		(void)hash_apply(sip->stable, drop_server, NULL);
	if (sip->ctable)
		(void)hash_apply(sip->ctable, drop_client, NULL);

	while ((le = list_head(&sip->conns))) {
		struct sp_sip_conn *c = le->data;

		list_unlink(le);
		c->sip = NULL;
	}
	list_clear(&sip->shares);

	mem_deref(sip->spare);
	mem_deref(sip->stable);
	mem_deref(sip->mtable);
	mem_deref(sip->ctable);
}

int sp_sip_alloc(struct sp_sip **sp, struct sp_loop *loop, const struct sp_sip_handlers *h,
		 void *arg)
{
	struct sp_sip *sip;
	int err;

	if (!sp || !loop || !h || !h->request || !h->ack)
		return EINVAL;

	sip = mem_zalloc(sizeof(*sip), destructor);
	if (!sip)
		return ENOMEM;

	sip->loop = loop;
	sip->h = *h;
	sip->arg = arg;
	sip->max = SP_SIP_TRANSACTIONS_MAX;
	sip->owner_max = SP_SIP_OWNER_TRANSACTIONS_MAX;
	sip->owner_bytes_max = SP_SIP_OWNER_BYTES_MAX;
	sp_hashkey_init(&sip->key);

	sip->spare = sp_mbuf_secret(SIP_SPARE_SIZE);
	err = sip->spare ? hash_alloc(&sip->stable, SIP_BUCKETS) : ENOMEM;
	if (!err)
		err = hash_alloc(&sip->mtable, SIP_BUCKETS);
	if (!err)
		err = hash_alloc(&sip->ctable, SIP_BUCKETS);

	if (err)
		mem_deref(sip);
	else
		*sp = sip;

	return err;
}

size_t sp_sip_transactions(const struct sp_sip *sip)
{
	return sip ? sip->transactions : 0;
}

static bool count_server(struct le *le, void *arg)
{
	*(size_t *)arg += sip_strans_pending(le->data);

	return false;
}

static bool count_client(struct le *le, void *arg)
{
	*(size_t *)arg += sip_ctrans_pending(le->data);

	return false;
}

/** Walks the tables: for the end of the process, not for every turn. */
size_t sp_sip_pending(const struct sp_sip *sip)
{
	size_t n = 0;

	if (sip) {
		(void)hash_apply(sip->stable, count_server, &n);
		(void)hash_apply(sip->ctable, count_client, &n);
	}

	return n;
}

uint64_t sp_sip_refused(const struct sp_sip *sip)
{
	return sip ? sip->refused : 0;
}

/* 8.2.7: without a transaction the same request gets the same tag; nobody can foretell it. */
static void tag_for(char tag[SIP_TAG_SIZE], const struct sp_sip *sip, const struct sp_sip_msg *req)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t h = sp_hash(&sip->key, req->branch.p, req->branch.l) ^
		     sp_hash(&sip->key, req->call_id.p, req->call_id.l);

	for (size_t i = 0; i < SIP_TAG_SIZE - 1; i++) {
		tag[i] = digits[h & 15];
		h = h >> 4 | h << 60;
	}
	tag[SIP_TAG_SIZE - 1] = '\0';
}

/** Answer without a transaction, on the connection that brought the request. */
int sip_answer(struct sp_sip_conn *c, const struct sp_sip_msg *req, const struct sp_sip_reply *r)
{
	struct mbuf *spare = c->sip->spare, *mb;
	char tag[SIP_TAG_SIZE];
	int err;

	tag_for(tag, c->sip, req);

	err = sip_write_reply(&mb, spare, req, r, r->to_tag ? r->to_tag : tag);
	if (err)
		return err;

	sp_log(SP_LOG_DEBUG, "sip_out", "status=%u method=%r call_id=%H cseq=%u", r->status,
	       &req->method_name, sp_log_quote, &req->call_id, req->cseq);
	err = sip_conn_write(c, mb);
	sip_reply_done(mb, spare);

	return err;
}

/* Too much: say when to come again, and keep nothing. */
static void refuse(struct sp_sip_conn *c, const struct sp_sip_msg *req, unsigned retry_after_s)
{
	struct sp_sip_reply reply = {.status = 503};
	struct mbuf *headers = mbuf_alloc(32);

	if (headers && !sp_sip_put(headers, "Retry-After", "%u", retry_after_s))
		reply.headers = headers;
	(void)sip_answer(c, req, &reply);

	mem_deref(headers);
}

static void new_request(struct sp_sip_conn *c, struct sp_sip_msg *m)
{
	const struct sp_sip_reply merged = {.status = 482, .reason = "Merged Request"};
	const struct sp_sip_reply failed = {.status = 500};
	unsigned later_s = 0;
	int err;

	if (m->method == SP_SIP_INVITE && !m->to_tag.l && c->sip->h.shed)
		later_s = c->sip->h.shed(c, m, c->sip->arg);
	if (!later_s &&
	    (c->sip->transactions >= c->sip->max || sip_share_full(c->sip, c->share, m))) {
		++c->sip->refused;
		later_s = SIP_RETRY_AFTER;
	}
	if (later_s) {
		refuse(c, m, later_s);
		return;
	}
	if (sip_strans_merges(c, m)) {
		sp_log(SP_LOG_INFO, "sip_merged", "method=%r call_id=%H", &m->method_name,
		       sp_log_quote, &m->call_id);
		(void)sip_answer(c, m, &merged);
		return;
	}

	err = sip_strans_accept(c, m);
	if (err) {
		sp_log(SP_LOG_ERROR, "sip_no_transaction", "err=%d", err);
		(void)sip_answer(c, m, &failed);
	}
}

static void request(struct sp_sip_conn *c, struct sp_sip_msg *m)
{
	const struct sp_sip_reply unknown = {.status = 481};
	struct sp_sip_strans *st = sip_strans_find(c, m);

	switch (m->method) {

	case SP_SIP_ACK:
		if (st)
			sip_strans_ack(st, c, m);
		else
			c->sip->h.ack(c, m, c->sip->arg);
		break;

	case SP_SIP_CANCEL:
		if (st)
			sip_strans_cancel(st, c, m);
		else
			(void)sip_answer(c, m, &unknown); /* 9.2 */
		break;

	default:
		if (st)
			sip_strans_again(st, c);
		else
			new_request(c, m);
		break;
	}
}

/* 8.1.3.3: a response with a second Via is not for us. */
static bool is_ours(const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *via = sp_sip_msg_next(m, SP_HDR_VIA, NULL);
	struct pl value, rest;

	if (!via || sp_sip_msg_next(m, SP_HDR_VIA, via))
		return false;

	rest = via->value;

	return sp_sip_list_next(&value, &rest) && !sp_sip_list_next(&value, &rest);
}

static void response(struct sp_sip_conn *c, const struct sp_sip_msg *m)
{
	struct sp_sip_ctrans *ct = is_ours(m) ? sip_ctrans_find(c, m) : NULL;

	if (ct)
		sip_ctrans_response(ct, m);
	else
		sp_log(SP_LOG_DEBUG, "sip_stray_response", "status=%u call_id=%H", m->status,
		       sp_log_quote, &m->call_id);
}

/** Handlers run in here, and nothing of the layer is touched after them. */
void sip_dispatch(struct sp_sip_conn *c, struct sp_sip_msg *m)
{
	if (m->request) {
		sp_log(SP_LOG_DEBUG, "sip_in", "method=%r call_id=%H cseq=%u", &m->method_name,
		       sp_log_quote, &m->call_id, m->cseq);
		request(c, m);
	} else {
		sp_log(SP_LOG_DEBUG, "sip_in", "status=%u method=%s call_id=%H cseq=%u", m->status,
		       sp_sip_method_name(m->method), sp_log_quote, &m->call_id, m->cseq);
		response(c, m);
	}
}
