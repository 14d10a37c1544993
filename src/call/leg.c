/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/leg: one dialog of a call. Sends requests in it, answers requests of
 * it, and ends it in the way that its state asks for.
 */
#include <string.h>

#include "call_priv.h"

enum { BYES_MAX = 4 }; /* a trunk's connections may all go at once: then a new one is made */

static void bye_response(int err, const struct sp_sip_msg *rsp, void *arg);
static void leg_bye(struct leg *leg);

static int leg_register(struct leg *leg, struct sp_sip_conn *conn)
{
	int err;

	leg->conn = mem_ref(conn);
	err = re_sdprintf(&leg->contact, "<sip:%s:%u;transport=tls>", leg->ifc->sip_advertise,
			  sa_port(&leg->ifc->sip));
	sp_random(&leg->session_id, sizeof(leg->session_id));
	leg->session_id >>= 2; /* RFC 4566 5.2: many readers take it for a signed number */
	return err;
}

static void leg_index(struct leg *leg)
{
	const char *tag = sp_sip_dialog_local_tag(leg->dialog);

	hash_append(leg->call->calls->legs, hash_fast_str(tag), &leg->he, leg);
}

/** The caller leg, from its INVITE. */
int leg_uas(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *invite)
{
	int err = leg_register(leg, sp_sip_strans_conn(st));

	if (err)
		return err;
	err = sp_sip_dialog_uas(&leg->dialog, invite);
	if (err)
		return err;
	leg_index(leg);
	leg->invite_st = mem_ref(st);
	leg->state = LEG_EARLY;
	return 0;
}

/** The callee leg, about to be called. */
int leg_uac(struct leg *leg, struct sp_sip_conn *conn, const char *local, const char *remote,
	    const char *target)
{
	int err = leg_register(leg, conn);

	if (err)
		return err;
	err = sp_sip_dialog_uac(&leg->dialog, local, remote, target);
	if (err)
		return err;
	leg_index(leg);
	return 0;
}

static bool tag_matches(struct le *le, void *arg)
{
	const struct leg *leg = le->data;

	return 0 == pl_strcmp(arg, sp_sip_dialog_local_tag(leg->dialog));
}

struct leg *leg_find(const struct sp_calls *calls, const struct pl *tag)
{
	struct pl t = *tag;

	return list_ledata(hash_lookup(calls->legs, hash_fast(t.p, t.l), tag_matches, &t));
}

/** Nobody listens to the transaction any more; it lives on to its own end. */
void leg_forget(struct sp_sip_ctrans **ctp)
{
	if (*ctp)
		sp_sip_ctrans_detach(*ctp);
	*ctp = mem_deref(*ctp);
}

/** Give back all that the leg holds; its transactions live on without it. */
void leg_clear(struct leg *leg)
{
	if (leg->invite_st)
		sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
	leg_forget(&leg->invite_ct);
	leg_forget(&leg->bye_ct);
	if (leg->counted)
		sp_trunk_call_end(leg->trunk);
	leg->counted = false;
	hash_unlink(&leg->he);
	leg->pick = mem_deref(leg->pick);
	leg->invite_st = mem_deref(leg->invite_st);
	leg->update_st = mem_deref(leg->update_st);
	leg->dialog = mem_deref(leg->dialog);
	leg->contact = mem_deref(leg->contact);
	leg->sent = mem_deref(leg->sent);
	leg->ack_body = mem_deref(leg->ack_body);
	leg->conn = mem_deref(leg->conn);
	leg->trunk = mem_deref(leg->trunk);
}

/**
 * A connection for a request in the dialog: the one that the dialog came by
 * while it lives, else any other of the trunk's (RFC 3261 18.1.1, 5923).
 */
static struct sp_sip_conn *leg_conn(struct leg *leg)
{
	struct sp_sip_conn *other;

	if (leg->conn && !sp_sip_conn_isgone(leg->conn))
		return leg->conn;
	other = sp_trunk_conn(leg->trunk);
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

static struct pl body_pl(const struct mbuf *body)
{
	struct pl pl = PL_INIT;

	if (body) {
		pl.p = (const char *)body->buf;
		pl.l = body->end;
	}
	return pl;
}

int leg_request(struct leg *leg, struct sp_sip_ctrans **ctp, const struct leg_req *r,
		sp_sip_response_h *h, void *arg)
{
	struct sp_sip_request req = {
		.method = r->method, .content_type = r->content_type, .body = r->body};
	const bool offers = SP_SIP_INVITE == r->method || SP_SIP_UPDATE == r->method;
	struct sp_sip_conn *conn = leg_conn(leg);
	struct mbuf *mb;
	int err;

	if (!conn)
		return ENOTCONN;
	mb = mbuf_alloc(1024);
	if (!mb)
		return ENOMEM;
	err = sp_sip_dialog_put(
		leg->dialog, mb, r->method, 0,
		LEG_IDLE == leg->state ? leg->call->max_forwards : SP_SIP_MAX_FORWARDS, &req.uri);
	if (!err && offers)
		err = sp_sip_put(mb, "Contact", "%s", leg->contact);
	if (!err && offers)
		err = sp_sip_put(mb, "Allow", "%s", policy_allow);
	if (!err && r->headers)
		err = mbuf_write_mem(mb, r->headers->buf, r->headers->end);
	if (err)
		goto out;
	if (SP_SIP_INVITE == r->method) {
		leg->invite_cseq = sp_sip_dialog_cseq(leg->dialog);
		leg->acked = leg->ack_due = false;
		leg->ack_body = mem_deref(leg->ack_body);
	}
	req.headers = mb;
	err = sp_sip_request(ctp, leg->call->calls->sip, conn, &req, h, arg);
out:
	mem_deref(mb);
	return err;
}

/** INVITE or UPDATE; its transaction is leg->invite_ct. */
int leg_offer(struct leg *leg, enum sp_sip_method method, const struct mbuf *headers,
	      const struct mbuf *sdp, sp_sip_response_h *h)
{
	const struct leg_req r = {
		.method = method,
		.headers = headers,
		.content_type = sdp ? "application/sdp" : NULL,
		.body = body_pl(sdp),
	};

	return leg_request(leg, &leg->invite_ct, &r, h, leg);
}

/** Acknowledge the 2xx to our last INVITE (RFC 3261 13.2.2.4). */
int leg_ack(struct leg *leg)
{
	struct sp_sip_request req = {.method = SP_SIP_ACK};
	struct sp_sip_conn *conn = leg_conn(leg);
	struct mbuf *mb;
	int err;

	leg->acked = true;
	leg->ack_due = false;
	if (!conn)
		return ENOTCONN;
	mb = mbuf_alloc(512);
	if (!mb)
		return ENOMEM;
	err = sp_sip_dialog_put(leg->dialog, mb, SP_SIP_ACK, leg->invite_cseq, SP_SIP_MAX_FORWARDS,
				&req.uri);
	req.headers = mb;
	req.content_type = leg->ack_body ? "application/sdp" : NULL;
	req.body = body_pl(leg->ack_body);
	if (!err)
		err = sp_sip_send(leg->call->calls->sip, conn, &req);
	mem_deref(mb);
	return err;
}

/** Is this 2xx to our INVITE of another dialog than the leg's? */
bool leg_is_fork(const struct leg *leg, const struct sp_sip_msg *rsp)
{
	const char *tag = sp_sip_dialog_remote_tag(leg->dialog);

	return *tag && pl_strcmp(&rsp->to_tag, tag);
}

/**
 * A further fork has accepted our INVITE: it is acknowledged and hung up, in
 * its own dialog (RFC 3261 13.2.2.4). The leg's own ACK is another matter.
 */
void leg_drop_fork(struct leg *leg, const struct sp_sip_msg *rsp)
{
	const struct leg_req bye = {.method = SP_SIP_BYE};
	const bool acked = leg->acked, ack_due = leg->ack_due;
	struct sp_sip_dialog *own = leg->dialog, *fork = NULL;
	struct mbuf *ack_body = leg->ack_body;
	int err = sp_sip_dialog_fork(&fork, own, rsp);

	if (!err) {
		leg->dialog = fork;
		leg->ack_body = NULL;
		err = leg_ack(leg);
		if (!err)
			err = leg_request(leg, NULL, &bye, NULL, NULL);
		leg->dialog = own;
		leg->ack_body = ack_body;
		leg->acked = acked;
		leg->ack_due = ack_due;
		mem_deref(fork);
	}
	sp_log(SP_LOG_INFO, "fork_dropped", "call=%s told=%s", leg->call->id, err ? "no" : "yes");
}

/** Answer with our Contact and, where there is one, a description. */
int leg_reply(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const struct mbuf *body)
{
	struct sp_sip_reply r = {
		.status = status,
		.to_tag = sp_sip_dialog_local_tag(leg->dialog),
		.content_type = body ? "application/sdp" : NULL,
		.body = body_pl(body),
	};
	struct mbuf *mb = mbuf_alloc(256);
	int err;

	if (!mb)
		return ENOMEM;
	err = sp_sip_put(mb, "Contact", "%s", leg->contact);
	if (!err && status >= 200)
		err = sp_sip_put(mb, "Allow", "%s", policy_allow);
	r.headers = mb;
	if (!err)
		err = sp_sip_reply(st, &r);
	mem_deref(mb);
	return err;
}

/** Answer with a failure in the leg's dialog. */
void leg_refuse(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning)
{
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(256);
	int err = mb ? 0 : ENOMEM;

	if (leg->dialog)
		r.to_tag = sp_sip_dialog_local_tag(leg->dialog);
	if (!err)
		err = policy_put_refusal(mb, leg->ifc, status, warning);
	r.headers = err ? NULL : mb;
	err = sp_sip_reply(st, &r);
	if (err)
		sp_log(SP_LOG_WARN, "reply_lost", "call=%s status=%u error=\"%m\"", leg->call->id,
		       status, err);
	mem_deref(mb);
}

/** Both legs through? Then the call is. */
void leg_ended(struct leg *leg)
{
	leg->state = LEG_ENDED;
	if (LEG_ENDED == leg_other(leg)->state)
		call_event(leg->call, EV_LEG_ENDED, &(struct input){.leg = leg});
}

static int bye_send(struct leg *leg)
{
	struct mbuf *mb = mbuf_alloc(64);
	const struct leg_req r = {.method = SP_SIP_BYE, .headers = mb};
	int err = mb ? 0 : ENOMEM;

	if (!err && leg->call->reason[0])
		err = sp_sip_put(mb, "Reason", "%s", leg->call->reason);
	if (!err)
		err = leg_request(leg, &leg->bye_ct, &r, bye_response, leg);
	mem_deref(mb);
	return err;
}

static void bye_lost(const struct leg *leg, int err)
{
	sp_log(SP_LOG_WARN, "bye_lost", "call=%s trunk=%s error=\"%m\"", leg->call->id,
	       sp_trunk_name(leg->trunk), err);
}

static void bye_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;

	if (!err && rsp->status < 200)
		return;
	leg_forget(&leg->bye_ct);
	if (LEG_ENDED == leg->state)
		return;
	/* Its connection went: nobody knows whether it arrived. Again, on another. */
	if (err && ETIMEDOUT != err && ++leg->byes < BYES_MAX) {
		leg_bye(leg);
		return;
	}
	if (err)
		bye_lost(leg, err);
	leg_ended(leg);
}

static void bye_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port,
		       void *arg)
{
	struct leg *leg = arg;

	(void)host;
	(void)port;
	leg->pick = mem_deref(leg->pick);
	if (!err) {
		leg_seen_on(leg, conn);
		err = bye_send(leg);
	}
	if (err) {
		bye_lost(leg, err);
		leg_ended(leg);
	}
}

/** BYE, on a new connection where the trunk has none left. */
static void leg_bye(struct leg *leg)
{
	int err;

	leg->state = LEG_ENDING;
	err = bye_send(leg);
	if (err)
		err = sp_trunk_pick(&leg->pick, leg->trunk, bye_picked, leg);
	if (err)
		bye_picked(err, NULL, NULL, 0, leg);
}

/** The peer acknowledged, or never will, the 2xx to the INVITE that made the dialog. */
void leg_confirmed(struct leg *leg)
{
	if (LEG_ANSWERED == leg->state)
		leg->state = LEG_UP;
	else if (LEG_ENDING == leg->state && !leg->bye_ct && !leg->pick)
		leg_bye(leg);
}

/** Requests of the peer that wait for an answer get one (RFC 3261 15.1.2). */
static void refuse_pending(struct leg *leg)
{
	if (leg->invite_st && !leg->accepted) {
		sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
		leg_refuse(leg, leg->invite_st, 487, NULL);
		leg->invite_st = mem_deref(leg->invite_st);
	}
	if (leg->update_st) {
		leg_refuse(leg, leg->update_st, 487, NULL);
		leg->update_st = mem_deref(leg->update_st);
	}
}

/**
 * End an early uac leg: nothing sent yet, or CANCEL and wait for the final
 * response, which ends the leg (act_late_answer, act_late_final).
 */
static void leg_cancel(struct leg *leg)
{
	struct mbuf *mb;

	leg->pick = mem_deref(leg->pick);
	if (!leg->invite_ct) {
		leg_ended(leg);
		return;
	}
	leg->state = LEG_ENDING;
	mb = mbuf_alloc(64);
	if (mb && leg->call->reason[0] && sp_sip_put(mb, "Reason", "%s", leg->call->reason))
		mb = mem_deref(mb);
	(void)sp_sip_cancel(leg->invite_ct, mb); /* its end is reported by the transaction */
	mem_deref(mb);
}

void leg_end(struct leg *leg)
{
	switch (leg->state) {

	case LEG_IDLE:
	case LEG_EARLY:
		if (SP_SIDE_CALLEE == leg->side) {
			leg_cancel(leg);
			break;
		}
		if (leg->invite_st) {
			sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
			leg_refuse(leg, leg->invite_st, leg->call->status, leg->call->warning);
			leg->invite_st = mem_deref(leg->invite_st);
		}
		leg_ended(leg);
		break;

	case LEG_ANSWERED:
		/* RFC 3261 15: no BYE from us before the ACK; leg_confirmed() sends it. */
		leg->state = LEG_ENDING;
		break;

	case LEG_UP:
		refuse_pending(leg);
		if (leg->ack_due)
			(void)leg_ack(leg); /* RFC 3261 13.2.2.4: acknowledge, then BYE */
		leg_bye(leg);
		break;

	case LEG_ENDING:
	case LEG_ENDED:
		break;
	}
}

/** The peer hung up: its BYE is answered, its other requests get 487. */
void leg_hung_up(struct leg *leg)
{
	if (LEG_ENDED == leg->state)
		return;
	refuse_pending(leg);
	if (leg->invite_st) {
		sp_sip_strans_acked(leg->invite_st);
		leg->invite_st = mem_deref(leg->invite_st);
	}
	leg_forget(&leg->bye_ct);
	leg->pick = mem_deref(leg->pick);
	leg_ended(leg);
}
