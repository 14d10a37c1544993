/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/change: a re-INVITE or UPDATE with an offer, from one leg to the other
 * and back (RFC 3261 14, RFC 3311). One at a time; what crosses it gets 491.
 */
#include <string.h>

#include "call_priv.h"

static bool is_invite(const struct change *c)
{
	return SP_SIP_INVITE == sp_sip_strans_request(c->st)->method;
}

/** Its request is answered. The 2xx to an INVITE waits for its ACK with the leg. */
static void done(struct change *c)
{
	struct leg *by = c->by;

	if (is_invite(c) && !by->accepted) {
		sp_sip_strans_handle(c->st, NULL, NULL, NULL);
		by->invite_st = mem_deref(by->invite_st);
	}
	mem_deref(c->st);
	memset(c, 0, sizeof(*c));
}

void change_abort(struct leg *leg, uint16_t status)
{
	struct change *c = &leg->call->change;
	struct sp_sip_strans *st = c->st;

	if (c->by != leg)
		return;
	mem_ref(st);
	done(c);
	leg_refuse(leg, st, status, NULL);
	mem_deref(st);
}

static bool longer_timer(struct leg *leg, const struct sp_sip_msg *rsp);

static void change_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;
	struct sp_call *call = leg->call;
	struct input in = {.leg = leg, .msg = rsp, .err = err};
	bool invite = !err && SP_SIP_INVITE == rsp->method;

	if (!err && rsp->status < 200) {
		(void)reliable_heard(leg, rsp, false); /* we did not ask for it, and yet */
		return;
	}
	leg->offering = false;
	/* It came again, or crossed our BYE: the ACK is due all the same. */
	if (invite && rsp->status < 300 &&
	    (leg->acked || ENDING == call->state || !call->change.by)) {
		(void)leg_ack(leg);
		return;
	}
	if (!call->change.by)
		return;
	fork_choose(call->change.dlg);
	if (err && ETIMEDOUT != err) { /* its connection went: as if 503 came (8.1.3.1) */
		in.status = 503;
		call_event(call, EV_REJECTED, &in);
	} else if (err || 408 == rsp->status || 481 == rsp->status) {
		in.status = 504;
		call_event(call, EV_LOST, &in); /* RFC 3261 12.2.1.2 */
	} else if (rsp->status >= 300) {
		if (!longer_timer(leg, rsp))
			call_event(call, EV_REJECTED, &in);
	} else {
		call_event(call, is_invite(&call->change) ? EV_ACCEPTED : EV_UPDATED, &in);
	}
}

/** The headers and the body of a request that goes on to the other leg. */
static int relay_offer(const struct change *c)
{
	struct leg *from = c->by, *to = leg_other(from);
	struct sp_call *call = from->call;
	const struct sp_sip_msg *req = sp_sip_strans_request(c->st);
	const enum sp_sip_method method = c->method;
	struct mbuf *sdp = NULL, *headers = mbuf_alloc(256);
	struct body body = {.mb = NULL};
	int err = headers ? 0 : ENOMEM;

	if (!err && !call->delayed)
		err = session_write_offer(&call->session, to, false, &sdp);
	if (!err)
		err = body_make(&body, req, sdp);
	if (!err)
		err = call_put_headers(headers, from, to, req, method, 0);
	if (!err)
		err = timer_put_request(headers, to, method);
	if (!err)
		err = leg_offer(to, method, headers, &body, change_response);
	if (!err && SP_SIP_INVITE == method)
		call_ring(call);
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
	return err;
}

/** 422 is a matter between us and that leg: the change goes out again (RFC 4028 7.3). */
static bool longer_timer(struct leg *leg, const struct sp_sip_msg *rsp)
{
	const struct change *c = &leg->call->change;

	return LEG_UP == leg->state && timer_too_short(leg, rsp) && 0 == relay_offer(c);
}

/** The change can not even begin: its sender learns why by act_rejected(). */
static void reject(struct sp_call *call, uint16_t status, const char *why)
{
	call_event(call, EV_REJECTED, &(struct input){.status = status, .why = why});
}

static void begin(struct sp_call *call, const struct input *in)
{
	struct leg *from = in->leg, *to = leg_other(from);
	const bool busy = leg_is_busy(to); /* our refresh, or its own request: RFC 3261 14.1 */
	const char *why = NULL;
	uint16_t status = 500;

	call->change = (struct change){
		.by = from, .dlg = in->dlg, .st = mem_ref(in->st), .method = in->msg->method};
	if (SP_SIP_INVITE == in->msg->method)
		setup_await(from, in->st);
	else if (LEG_UP == to->state && (to->peer & (PEER_ALLOW | PEER_UPDATE)) == PEER_ALLOW)
		call->change.method = SP_SIP_INVITE; /* it does not take UPDATE */
	else
		call->change.method = SP_SIP_UPDATE;
	if (busy)
		reject(call, 491, NULL);
	else if (!call->delayed && session_offer(&call->session, from, in->msg, &status, &why))
		reject(call, status, why);
	else if (relay_offer(&call->change))
		reject(call, 500, NULL);
}

/** Re-INVITE or UPDATE in a call that is up. */
void act_change(struct sp_call *call, const struct input *in)
{
	call->delayed = SP_SIP_INVITE == in->msg->method && !body_has_sdp(in->msg) &&
			!session_refuses_delayed(in->leg->trunk, leg_other(in->leg)->trunk);
	begin(call, in);
}

/**
 * UPDATE, or PRACK with a new offer, before the answer (RFC 3311 5.1): when the
 * offer of the INVITE is settled on both legs, the other leg gets an UPDATE.
 */
void act_early_change(struct sp_call *call, const struct input *in)
{
	struct leg *to = leg_other(in->leg);

	fork_choose(in->dlg);
	if (in->leg->dlg != in->dlg && SP_SIP_UPDATE == in->msg->method) {
		leg_refuse(in->leg, in->st, 481, NULL); /* of an attempt that has failed since */
		return;
	}
	if (in->leg->dlg != in->dlg || call->change.by || !in->dlg->agreed || !to->dlg ||
	    !to->dlg->agreed || !(to->peer & PEER_UPDATE) || SP_SIP_INVITE == in->msg->method) {
		act_glare(call, in);
		return;
	}
	if (call->session.initial)
		session_commit(&call->session);
	begin(call, in);
}

/**
 * The changer took its re-INVITE back, or timer C ran out after a provisional:
 * so do we, the far end decides what became of it.
 */
void act_change_cancelled(struct sp_call *call, const struct input *in)
{
	struct leg *to = leg_other(call->change.by);

	(void)in;
	if (to->invite_ct)
		(void)sp_sip_cancel(to->invite_ct, NULL);
}

/** A change that comes while another is on its way (RFC 3261 14.2, RFC 3311 5.2). */
void act_glare(struct sp_call *call, const struct input *in)
{
	const bool own = call->change.by == in->leg || in->leg->invite_st;
	uint16_t status = own && !in->leg->offering ? 500 : 491;

	/* PRACK cannot be sent again: what it acknowledges it has acknowledged (RFC 6337 3.1) */
	if (SP_SIP_PRACK == in->msg->method)
		status = 488;

	leg_refuse(in->leg, in->st, ENDING == call->state ? 481 : status, NULL);
}

/** Take the answer of the 2xx and write it for the changer. */
static int take_answer(struct sp_call *call, const struct input *in, struct mbuf **bodyp)
{
	const char *why = "the answer to the change could not be used";
	int err = session_answer(&call->session, in->leg, in->msg, bodyp, &why);

	if (err) {
		call_fault(call, sdp_status(err), why, why);
		return err;
	}
	session_commit(&call->session);
	session_watch(call);
	sp_log(SP_LOG_INFO, "call_changed", "call=%s by=%s caller=%s callee=%s", call->id,
	       leg_name(call->change.by), session_dir_name(call->leg[SP_SIDE_CALLER]->dlg->dir),
	       session_dir_name(call->leg[SP_SIDE_CALLEE]->dlg->dir));
	return 0;
}

/** What the changer gets with the 2xx to its re-INVITE, as in answer_sdp() of setup.c. */
static int accepted_sdp(struct sp_call *call, const struct input *in, struct mbuf **sdpp)
{
	struct session *s = &call->session;
	const char *why = NULL;
	uint16_t status;
	int err;

	if (!call->delayed) {
		(void)leg_ack(in->leg);
		return take_answer(call, in, sdpp);
	}
	in->leg->ack_due = true;
	err = session_offer(s, in->leg, in->msg, &status, &why);
	if (!err)
		err = session_write_offer(s, call->change.by, false, sdpp);
	if (err)
		call_fault(call, sdp_status(err), why ? why : "the offer could not be relayed",
			   why);
	return err;
}

/** The 2xx for the changer. */
static int reply(struct sp_call *call, const struct input *in, const struct mbuf *sdp)
{
	struct leg *changer = call->change.by;
	struct sp_sip_strans *st = call->change.st;
	struct mbuf *headers = mbuf_alloc(256);
	struct body body = {.mb = NULL};
	int err = headers ? body_make(&body, in->msg, sdp) : ENOMEM;

	if (!err)
		err = call_put_headers(headers, in->leg, changer, in->msg, in->msg->method, 200);
	if (!err)
		err = timer_put_answer(headers, changer, sp_sip_strans_request(st));
	if (!err)
		err = leg_reply(changer, st, 200, headers, &body);
	body_clear(&body);
	mem_deref(headers);
	return err;
}

void act_accepted(struct sp_call *call, const struct input *in)
{
	struct mbuf *sdp = NULL;

	sp_timer_cancel(&call->ring);
	(void)sp_sip_dialog_refresh(in->leg->dlg->sip, in->msg);
	timer_answered(in->leg, in->msg);
	if (accepted_sdp(call, in, &sdp))
		return;
	if (reply(call, in, sdp)) {
		call_fault(call, 500, "the answer could not be sent", NULL);
	} else {
		setup_sent(call->change.by);
		done(&call->change);
	}
	mem_deref(sdp);
}

void act_updated(struct sp_call *call, const struct input *in)
{
	struct mbuf *sdp = NULL;

	if (SP_SIP_INVITE == in->msg->method) {
		sp_timer_cancel(&call->ring);
		(void)leg_ack(in->leg);
	}
	(void)sp_sip_dialog_refresh(in->leg->dlg->sip, in->msg);
	timer_answered(in->leg, in->msg);
	if (take_answer(call, in, &sdp))
		return;
	if (ENOMEM == reply(call, in, sdp))
		call_fault(call, 500, "the answer could not be sent", NULL);
	else /* another loss shows at the changer */
		done(&call->change);
	mem_deref(sdp);
}

/** Refused by the other leg (in->msg), or by ourselves (in->status). The session stays. */
void act_rejected(struct sp_call *call, const struct input *in)
{
	struct change *c = &call->change;
	struct leg *by = c->by;
	struct sp_sip_strans *st = mem_ref(c->st);
	uint16_t status = in->msg && !in->status ? policy_failure(in->msg->status) : in->status;

	if (SP_SIP_PRACK == sp_sip_strans_request(st)->method && 491 == status)
		status = 488; /* as in act_glare() */
	sp_log(SP_LOG_INFO, "change_refused", "call=%s side=%s status=%u why=%H", call->id,
	       leg_name(by), status, sp_log_str, in->why ? in->why : sp_sip_reason(status));
	if (SP_SIP_INVITE == c->method) {
		sp_timer_cancel(&call->ring);
		call->delayed = false;
		if (in->leg)
			leg_forget(&in->leg->invite_ct);
	}
	if (in->leg)
		in->leg->dlg->refused = true;
	session_rollback(&call->session);
	done(c);
	leg_refuse_as(by, st, status, in->why, in->leg, in->msg);
	mem_deref(st);
}
