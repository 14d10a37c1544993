/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/leg: one side of a call. Sends requests in its dialog and answers those
 * that come in it.
 */
#include <string.h>

#include "call_priv.h"

static void destructor(void *arg)
{
	struct leg *leg = arg;

	list_unlink(&leg->le);
	sp_timer_cancel(&leg->again);
	timer_stop(leg);
	reliable_stop(leg);
	if (leg->invite_st)
		sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
	leg_forget(&leg->invite_ct);
	leg_forget(&leg->update_ct);
	leg_forget(&leg->bye_ct);
	leg_uncount(leg);
	list_flush(&leg->dlgs);
	mem_deref(leg->pick);
	mem_deref(leg->invite_st);
	mem_deref(leg->contact);
	body_clear(&leg->ack_body);
	mem_deref(leg->last_words);
	mem_deref(leg->grant);
	mem_deref(leg->replaces);
	mem_deref(leg->user);
	mem_deref(leg->notifier);
	mem_deref(leg->straggler);
	mem_deref(leg->conn);
	mem_deref(leg->trunk);
}

int leg_alloc(struct leg **lp, struct sp_call *call, enum sp_side side)
{
	struct leg *leg = mem_zalloc(sizeof(*leg), destructor);

	if (!leg)
		return ENOMEM;
	leg->call = call;
	leg->side = side;
	list_append(&call->legs, &leg->le, leg);
	*lp = leg;
	return 0;
}

void leg_uncount(struct leg *leg)
{
	if (leg->counted)
		sp_trunk_call_end(leg->trunk, leg->counted_as);
	leg->counted = false;
	sp_trunk_emergency_end(leg->trunk, leg);
}

/** What belonged to the trunk before. */
static void leave_trunk(struct leg *leg)
{
	leg_uncount(leg);
	leg->trunk = mem_deref(leg->trunk);
	leg->conn = mem_deref(leg->conn);
	leg->contact = mem_deref(leg->contact);
	leg->timer.min_s = 0; /* its 422 is nothing that another is held to */
	leg->timer.too_short = 0;
}

enum sp_trunk_limit leg_take_trunk(struct leg *leg, struct sp_trunk *trunk, bool emergency,
				   const struct sp_sip_conn *conn)
{
	const struct sa *src = conn ? sp_trunk_peer_addr(conn) : NULL;
	enum sp_trunk_limit limit;

	leave_trunk(leg);
	leg->trunk = mem_ref(trunk);
	leg->ifc = call_interface(leg->call, trunk);
	leg->counted_as = conn ? SP_TRUNK_IN : SP_TRUNK_OUT;
	if (leg->call->emergency && SP_SIDE_CALLER == leg->side &&
	    !sp_trunk_emergency_begin(trunk, leg))
		return SP_TRUNK_LIMIT_EMERGENCY;
	limit = sp_trunk_call_begin(trunk, leg->counted_as, src, emergency);
	leg->counted = SP_TRUNK_LIMIT_NONE == limit;
	return limit;
}

void leg_show(struct leg *leg, const struct route *route)
{
	str_ncpy(leg->shown, route->shown ? route->shown : "", sizeof(leg->shown));
	leg->screened = route->screened;
}

static int leg_register(struct leg *leg, struct sp_sip_conn *conn)
{
	leg_seen_on(leg, conn);
	if (leg->contact)
		return 0;
	sp_random(&leg->session_id, sizeof(leg->session_id));
	leg->session_id >>= 2; /* RFC 4566 5.2: many readers take it for a signed number */
	return policy_contact(&leg->contact, leg->ifc);
}

/** The caller leg, from its INVITE. */
int leg_uas(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *invite)
{
	struct sp_sip_dialog *sip = NULL;
	int err = leg_register(leg, sp_sip_strans_conn(st));

	if (!err)
		err = sp_sip_dialog_uas(&sip, invite);
	if (!err)
		err = dlg_alloc(&leg->dlg, leg, sip);
	if (err)
		return err;
	leg_learn(leg, invite);
	leg->invite_st = mem_ref(st);
	leg->state = LEG_EARLY;
	return 0;
}

/** The callee leg, about to be called, for the first time or elsewhere. */
int leg_uac(struct leg *leg, struct sp_sip_conn *conn, const char *local, const char *remote,
	    const char *target)
{
	struct sp_sip_dialog *sip = NULL;
	int err = leg_register(leg, conn);

	list_flush(&leg->dlgs);
	leg->dlg = NULL;
	leg->uac = true;
	if (!err)
		err = sp_sip_dialog_uac(&sip, local, remote, target);
	return err ? err : dlg_alloc(&leg->dlg, leg, sip);
}

void leg_learn(struct leg *leg, const struct sp_sip_msg *m)
{
	static const struct {
		enum sp_sip_id id;
		const char *token;
		unsigned bit;
	} tokens[] = {
		{SP_HDR_ALLOW, "INVITE", PEER_ALLOW},
		{SP_HDR_ALLOW, "UPDATE", PEER_UPDATE},
		{SP_HDR_ALLOW, "REFER", PEER_REFER},
		{SP_HDR_SUPPORTED, "100rel", PEER_100REL},
		{SP_HDR_SUPPORTED, "timer", PEER_TIMER},
		{SP_HDR_SUPPORTED, "replaces", PEER_REPLACES},
		{SP_HDR_REQUIRE, "100rel", PEER_100REL},
		{SP_HDR_REQUIRE, "timer", PEER_TIMER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		if (sp_sip_msg_lists(m, tokens[i].id, tokens[i].token))
			leg->peer |= tokens[i].bit;
	}
}

/** In units of 10 ms: who made the Call-ID waits 2.1 to 4 s, the other up to 2 s. */
uint32_t leg_glare_ms(const struct leg *leg)
{
	return 10 * (leg->uac ? 210 + sp_random_below(191) : sp_random_below(201));
}

bool leg_is_busy(const struct leg *leg)
{
	return leg->offering || leg->call->change.by == leg || leg->ack_due ||
	       (leg->invite_st && LEG_EARLY != leg->state);
}

/** Nobody listens to the transaction any more; it lives on to its own end. */
void leg_forget(struct sp_sip_ctrans **ctp)
{
	if (*ctp)
		sp_sip_ctrans_detach(*ctp);
	*ctp = mem_deref(*ctp);
}

/**
 * A connection for a request in the dialog: the one that the dialog came by
 * while it lives, else another to the same target, else any of the trunk's (RFC 3261
 * 18.1.1, 5923).
 */
static struct sp_sip_conn *leg_conn(struct leg *leg)
{
	struct sp_sip_conn *other;

	if (leg->conn && !sp_sip_conn_isgone(leg->conn))
		return leg->conn;
	other = sp_trunk_conn_like(leg->trunk, leg->conn);
	if (other) {
		mem_deref(leg->conn);
		leg->conn = mem_ref(other);
	}
	return other;
}

/** The peer showed up on another connection of its trunk: use that from now on. */
void leg_seen_on(struct leg *leg, struct sp_sip_conn *conn)
{
	if (leg->conn == conn)
		return;
	mem_deref(leg->conn);
	leg->conn = mem_ref(conn);
}

static struct pl text_of(const struct mbuf *mb)
{
	struct pl pl = PL_INIT;

	if (mb) {
		pl.p = (const char *)mb->buf;
		pl.l = mb->end;
	}
	return pl;
}

/** What every request or response of ours says about us. */
static int put_ourselves(struct mbuf *mb, const struct leg *leg)
{
	const struct sp_conf_trunk *conf = sp_trunk_conf(leg->trunk);

	return policy_put_ourselves(mb, conf, leg->contact,
				    LEG_EARLY >= leg->state && reliable_wanted(leg));
}

int leg_request(struct leg *leg, struct sp_sip_ctrans **ctp, const struct leg_req *r,
		sp_sip_response_h *h, void *arg)
{
	struct sp_sip_request req = {
		.method = r->method, .content_type = r->content_type, .body = r->body};
	struct sp_sip_conn *conn = leg_conn(leg);
	struct dlg *dlg = r->dlg ? r->dlg : leg->dlg;
	struct mbuf *mb;
	int err;

	if (!conn)
		return ENOTCONN;
	mb = mbuf_alloc(1024);
	if (!mb)
		return ENOMEM;
	err = sp_sip_dialog_put(
		dlg->sip, mb, r->method, 0,
		LEG_IDLE == leg->state ? leg->call->max_forwards : SP_SIP_MAX_FORWARDS, &req.uri);
	if (!err &&
	    (SP_SIP_INVITE == r->method || SP_SIP_UPDATE == r->method || SP_SIP_REFER == r->method))
		err = put_ourselves(mb, leg);
	if (!err && SP_SIP_NOTIFY == r->method) /* RFC 6665 8.1.1 */
		err = sp_sip_put(mb, "Contact", "%s", leg->contact);
	if (!err && r->headers)
		err = mbuf_write_mem(mb, r->headers->buf, r->headers->end);
	if (err)
		goto out;
	if (SP_SIP_INVITE == r->method) {
		leg->invite_cseq = sp_sip_dialog_cseq(dlg->sip);
		dlg->rseq = 0; /* counts within one INVITE (RFC 3262 3) */
		leg->acked = leg->ack_due = false;
		body_clear(&leg->ack_body);
	}
	req.headers = mb;
	err = sp_sip_request(ctp, leg->call->calls->sip, conn, &req, h, arg);
out:
	mem_deref(mb);
	return err;
}

/** INVITE or UPDATE; its transaction is leg->invite_ct or leg->update_ct. */
int leg_offer(struct leg *leg, enum sp_sip_method method, const struct mbuf *headers,
	      const struct body *body, sp_sip_response_h *h)
{
	const bool invite = SP_SIP_INVITE == method;
	const bool has_body = body && body->mb;
	const struct leg_req r = {
		.method = method,
		.headers = headers,
		.content_type = has_body ? body->type : NULL,
		.body = text_of(has_body ? body->mb : NULL),
	};
	struct sp_sip_ctrans **ctp = invite ? &leg->invite_ct : &leg->update_ct;
	int err;

	if (invite)
		straggler_leave(leg);
	leg_forget(ctp);
	err = invite ? straggler_reserve(leg) : 0;
	if (!err)
		err = leg_request(leg, ctp, &r, h, leg);
	if (!err && invite && LEG_IDLE == leg->state)
		leg->state = LEG_EARLY;
	else if (!err)
		leg->offering = true;
	return err;
}

/** The ACK of a 2xx, in its own dialog (RFC 3261 13.2.2.4). */
static int send_ack(struct leg *leg, struct sp_sip_dialog *sip, const struct body *body)
{
	struct sp_sip_request req = {.method = SP_SIP_ACK};
	struct sp_sip_conn *conn = leg_conn(leg);
	struct mbuf *mb;
	int err;

	if (!conn)
		return ENOTCONN;
	mb = mbuf_alloc(512);
	if (!mb)
		return ENOMEM;
	err = sp_sip_dialog_put(sip, mb, SP_SIP_ACK, leg->invite_cseq, SP_SIP_MAX_FORWARDS,
				&req.uri);
	req.headers = mb;
	if (body && body->mb) {
		req.content_type = body->type;
		req.body = text_of(body->mb);
	}
	if (!err)
		err = sp_sip_send(leg->call->calls->sip, conn, &req);
	mem_deref(mb);
	return err;
}

/** Acknowledge the 2xx to our last INVITE. */
int leg_ack(struct leg *leg)
{
	leg->acked = true;
	leg->acked_ms = sp_loop_now_ms(leg->call->calls->loop);
	leg->ack_due = false;
	return send_ack(leg, leg->dlg->sip, &leg->ack_body);
}

/** Is this 2xx to our INVITE of another dialog than the one that was answered? */
bool leg_is_fork(const struct leg *leg, const struct sp_sip_msg *rsp)
{
	const char *tag = sp_sip_dialog_remote_tag(leg->dlg->sip);

	return *tag && pl_strcmp(&rsp->to_tag, tag);
}

/** Answer in a dialog: our Contact and what we can do, headers, and a body where there is one. */
int dlg_reply(struct dlg *dlg, struct sp_sip_strans *st, uint16_t status,
	      const struct mbuf *headers, const struct body *body)
{
	const bool has_body = body && body->mb;
	struct sp_sip_reply r = {
		.status = status,
		.to_tag = sp_sip_dialog_local_tag(dlg->sip),
		.content_type = has_body ? body->type : NULL,
		.body = text_of(has_body ? body->mb : NULL),
	};
	struct mbuf *mb = mbuf_alloc(512);
	int err = mb ? put_ourselves(mb, dlg->leg) : ENOMEM;

	if (!err && headers)
		err = mbuf_write_mem(mb, headers->buf, headers->end);
	r.headers = mb;
	if (ENOMEM == err && !headers && !has_body &&
	    SP_SIP_INVITE != sp_sip_strans_request(st)->method) {
		r.headers = NULL; /* the bare status is an answer, too */
		err = 0;
	}
	if (!err)
		err = sp_sip_reply(st, &r);
	mem_deref(mb);
	return err;
}

int leg_reply(struct leg *leg, struct sp_sip_strans *st, uint16_t status,
	      const struct mbuf *headers, const struct body *body)
{
	return dlg_reply(leg->dlg, st, status, headers, body);
}

void leg_refuse_as(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning,
		   const struct leg *from, const struct sp_sip_msg *rsp)
{
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(256);
	int err = mb ? 0 : ENOMEM;

	if (leg->dlg)
		r.to_tag = sp_sip_dialog_local_tag(leg->dlg->sip);
	if (!err)
		err = policy_put_refusal(mb, leg->ifc, status, warning, leg->call->retry_after_s);
	if (!err && 405 == status)
		err = policy_put_allow(mb, sp_trunk_conf(leg->trunk));
	if (!err && rsp)
		err = call_put_headers(mb, from, leg, rsp, rsp->method, status);
	else if (!err && leg->last_words && LEG_EARLY == leg->state && leg->invite_st == st)
		err = mbuf_write_mem(mb, leg->last_words->buf, leg->last_words->end);
	r.headers = err ? NULL : mb;
	err = sp_sip_reply(st, &r);
	if (err)
		sp_log(SP_LOG_WARN, "reply_lost", "call=%s status=%u error=\"%m\"", leg->call->id,
		       status, err);
	mem_deref(mb);
}

/** Answer with a failure in the leg's dialog. */
void leg_refuse(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning)
{
	leg_refuse_as(leg, st, status, warning, NULL, NULL);
}

void leg_last_words(struct leg *leg, const struct leg *from, const struct sp_sip_msg *msg,
		    enum sp_sip_method method, uint16_t status)
{
	struct mbuf *mb;

	if (leg->last_words || !leg->trunk)
		return;
	mb = mbuf_alloc(128);
	if (mb && 0 == call_put_headers(mb, from, leg, msg, method, status))
		leg->last_words = mem_ref(mb); /* else it ends without them */
	mem_deref(mb);
}
