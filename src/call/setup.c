/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/setup: actions from the caller's INVITE to the acknowledged answer.
 */
#include "call_priv.h"

static void provisional(struct leg *leg, const struct sp_sip_msg *rsp)
{
	struct sp_call *call = leg->call;
	struct input in = {.leg = leg, .msg = rsp};
	int err = fork_select(leg, rsp);

	if (ENOSPC == err || ENOMEM == err) {
		if (!leg->forks_told)
			sp_log(SP_LOG_WARN, "fork_refused", "call=%s status=%u error=\"%m\"",
			       call->id, rsp->status, err);
		leg->forks_told = true;
		return;
	}
	if (reliable_heard(leg, rsp, call->delayed && body_has_sdp(rsp)))
		call_event(call, EV_PROVISIONAL, &in);
}

/** A 2xx: the first, again (its ACK was lost), or of a further fork. */
static void accepted(struct leg *leg, const struct sp_sip_msg *rsp)
{
	struct input in = {.leg = leg, .msg = rsp};

	if ((leg->acked || leg->ack_due) && leg_is_fork(leg, rsp)) {
		straggler_drop(leg, rsp);
	} else if (leg->acked) {
		(void)leg_ack(leg);
	} else if (!leg->ack_due) {
		in.err = fork_select(leg, rsp);
		if (ENOMEM == in.err)
			return; /* it comes again until it is acknowledged (RFC 3261 13.3.1.4) */
		call_event(leg->call, EV_ANSWER, &in);
	}
}

static void invite_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;
	struct input in = {.leg = leg, .msg = rsp, .err = err};

	if (!err && rsp->status < 200)
		provisional(leg, rsp);
	else if (!err && rsp->status < 300)
		accepted(leg, rsp);
	else if (retry_wanted(leg->call, rsp, err))
		call_event(leg->call, EV_RETRY, &in);
	else
		call_event(leg->call, err ? EV_NO_RESPONSE : EV_FAILURE, &in);
}

/** Make the callee leg and send it the INVITE (and the offer, rewritten). */
static int invite_send(struct sp_call *call, const struct input *in)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	const struct sp_sip_msg *invite = sp_sip_strans_request(call->caller->invite_st);
	struct mbuf *headers = mbuf_alloc(512), *sdp = NULL;
	struct body body = {.mb = NULL};
	struct headers_uris uris = {NULL, NULL, NULL};
	const struct invite_with with = invite_with(callee);
	struct headers_ctx ctx;
	int err = headers ? 0 : ENOMEM;

	call_headers(&ctx, call->caller, callee, invite, 0);
	ctx.initial = true;
	if (!err)
		err = headers_uris(&uris, &ctx, call->target_user, NULL, in->host, in->port);
	if (!err)
		err = retry_target(call, &ctx, in, &uris);
	if (!err && !callee->dlg)
		err = leg_uac(callee, in->conn, uris.local, uris.remote, uris.target);
	if (!err)
		err = invite_put_headers(headers, &ctx, &with);
	if (!err && !call->delayed)
		err = session_write_offer(&call->session, callee, false, &sdp);
	if (!err)
		err = body_make(&body, invite, sdp);
	if (!err)
		err = leg_offer(callee, SP_SIP_INVITE, headers, &body, invite_response);
	headers_uris_reset(&uris);
	mem_deref(headers);
	mem_deref(sdp);
	body_clear(&body);
	return err;
}

static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct leg *leg = arg;
	struct input in = {.leg = leg, .conn = conn, .host = host, .port = port, .err = err};

	leg->pick = mem_deref(leg->pick);
	if (err && retry_unreachable(leg->call))
		call_event(leg->call, EV_RETRY, &in);
	else
		call_event(leg->call, err ? EV_UNREACHABLE : EV_PICKED, &in);
}

void setup_pick(struct sp_call *call)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	struct sp_trunk_want want;
	int err;

	retry_want(call, &want);
	err = sp_trunk_pick(&callee->pick, callee->trunk, &want, picked, callee);
	if (want.host && (EHOSTUNREACH == err || ENOENT == err)) { /* no target, or it failed */
		want.host = NULL;
		err = sp_trunk_pick(&callee->pick, callee->trunk, &want, picked, callee);
	}
	if (err)
		picked(err, NULL, "", 0, callee);
}

void act_invite(struct sp_call *call, const struct input *in)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	int err = invite_send(call, in);

	if (ENOTCONN == err && retry_wanted(call, NULL, err)) {
		call_event(call, EV_RETRY, &(struct input){.leg = callee, .err = err});
		return;
	}
	if (err) {
		call_fault(call,
			   ENOTCONN == err ? policy_invite_failure(retry_status(call, 503)) : 500,
			   "the INVITE could not be sent", NULL);
		return;
	}
	retry_sent(call);
	sp_log(SP_LOG_INFO, "call_invite", "call=%s trunk=%s target=%H call_id=%s", call->id,
	       sp_trunk_name(callee->trunk), sp_log_str, sp_trunk_target_label(in->conn),
	       sp_sip_dialog_call_id(callee->dlg->sip));
}

/** No trunk has taken the call: what the caller is told, after `last` of the last attempt. */
static void blame(struct sp_call *call, uint16_t last, const char *cause)
{
	const uint16_t status = policy_invite_failure(retry_status(call, last));

	if (503 == status)
		call->retry_after_s = reroute_retry_after_s(call);
	call_blame(call, status, cause, retry_words(call, last));
}

/** In words that do not mislead: no file is meant, and nothing is temporary in the machine. */
static int print_unreachable(struct re_printf *pf, const int *err)
{
	switch (*err) {

	case EACCES:
		return re_hprintf(pf, "a certificate was not accepted");
	case EAGAIN:
		return re_hprintf(pf, "all targets asked to be left alone (Retry-After)");
	case EBUSY:
		return re_hprintf(pf, "no other trunk of the list could take the call");
	default:
		return re_hprintf(pf, "%m", *err);
	}
}

void act_unreachable(struct sp_call *call, const struct input *in)
{
	sp_log(SP_LOG_WARN, "trunk_unreachable", "call=%s trunk=%s error=\"%H\"", call->id,
	       sp_trunk_name(call->leg[SP_SIDE_CALLEE]->trunk), print_unreachable, &in->err);
	blame(call, 503, "no connection to the callee's trunk");
	leg_end(call->leg[SP_SIDE_CALLER]);
	leg_end(call->leg[SP_SIDE_CALLEE]);
}

/** The offer that a reliable provisional may bring when the caller made none (RFC 3262 5). */
static int provisional_offer(struct sp_call *call, const struct input *in, struct mbuf **sdpp,
			     uint16_t *status, const char **why)
{
	struct session *s = &call->session;
	int err;

	if (!in->leg->dlg->prack_due || s->offer)
		return 0; /* an unreliable one offers nothing; and one offer at a time */
	err = session_offer(s, in->leg, in->msg, status, why);
	return err ? err : session_write_offer(s, call->caller, false, sdpp);
}

/**
 * The answer of a provisional. What is none ends nothing: another fork may ring,
 * and the 2xx decides.
 */
static void provisional_answer(struct sp_call *call, const struct input *in, struct mbuf **sdpp)
{
	struct session *s = &call->session;
	struct dlg *dlg = in->leg->dlg;
	const char *why = NULL;

	if (!s->initial || dlg->agreed)
		return;
	if (session_answer(s, in->leg, in->msg, sdpp, &why))
		sp_log(SP_LOG_INFO, "early_media_refused", "call=%s status=%u why=%H", call->id,
		       in->msg->status, sp_log_str, why ? why : "out of memory");
	else if (dlg->rseq)
		dlg->agreed = true;
}

static int provisional_sdp(struct sp_call *call, const struct input *in, struct mbuf **sdpp,
			   uint16_t *status, const char **why)
{
	if (!body_has_sdp(in->msg))
		return 0;
	if (call->offerless)
		return provisional_offer(call, in, sdpp, status, why);
	provisional_answer(call, in, sdpp);
	return 0;
}

/** With what code does it go on, and with a description? @return 0: it does not */
static uint16_t provisional_as(const struct sp_call *call, const struct input *in, bool *described)
{
	const uint16_t status = in->msg->status;
	const enum sp_conf_early_media early = sp_trunk_conf(in->leg->trunk)->early_media;

	*described = true;
	if (199 == status && !sp_sip_msg_lists(sp_sip_strans_request(call->caller->invite_st),
					       SP_HDR_SUPPORTED, "199"))
		return 0; /* RFC 6228 4: only for callers who know it */
	if (call->delayed || !body_has_sdp(in->msg) || SP_EARLY_RELAY == early)
		return status;
	*described = false;
	return SP_EARLY_RINGING == early ? 180 : 0;
}

/** 18x: with its description, when it brings one, as the callee's trunk wants it passed. */
void act_provisional(struct sp_call *call, const struct input *in)
{
	struct leg *caller = call->caller;
	struct mbuf *sdp = NULL, *headers = NULL;
	struct body body = {.mb = NULL};
	const char *why = NULL;
	bool described;
	uint16_t status = provisional_as(call, in, &described), refuse = 488;
	int err = provisional_sdp(call, in, &sdp, &refuse, &why);

	if (err) {
		call_fault(call, refuse, why ? why : "out of memory", why);
		return;
	}
	leg_learn(in->leg, in->msg);
	retry_heard(call, status && described && sdp);
	if (!status)
		goto out;
	headers = mbuf_alloc(256);
	err = headers ? call_put_headers(headers, in->leg, caller, in->msg, SP_SIP_INVITE, status)
		      : ENOMEM;
	if (!err)
		err = body_make(&body, in->msg, described ? sdp : NULL);
	if (!err)
		err = reliable_reply(caller, status, headers, &body);
	if (err)
		sp_log(SP_LOG_WARN, "reply_lost", "call=%s status=%u error=\"%m\"", call->id,
		       status, err);
out:
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
}

/**
 * What the caller gets with the 2xx. Its own offer is answered, and nothing
 * keeps us from acknowledging; else the callee's offer goes to the caller, and
 * our ACK waits for the answer in the caller's.
 */
static int answer_sdp(struct sp_call *call, const struct input *in, struct mbuf **sdpp,
		      const char **why)
{
	const struct dlg *dlg = in->leg->dlg;
	struct session *s = &call->session;
	uint16_t status;
	int err;

	if (call->change.by && call->change.dlg != dlg && call->change.dlg != call->caller->dlg)
		change_abort(call->change.by, 487); /* of a fork that was not taken */
	if (call->offerless && !dlg->agreed) {
		call->delayed = true;
		session_rollback(s); /* of an offer of another fork */
		in->leg->ack_due = true;
		err = session_offer(s, in->leg, in->msg, &status, why);
		return err ? err : session_write_offer(s, call->caller, false, sdpp);
	}
	(void)leg_ack(in->leg); /* a lost ACK shows by the 2xx coming again */
	if (dlg->agreed && !s->initial)
		return 0; /* answered by a reliable provisional, and perhaps changed since */
	if (!s->initial)
		session_reopen(s, call->caller);
	err = session_answer(s, in->leg, in->msg, sdpp, why);
	if (!err)
		session_commit(s);
	if (!err && call->caller->dlg->agreed)
		*sdpp = mem_deref(*sdpp); /* it has the answer, RFC 6337 3.1 */
	return err;
}

/** Relay the 2xx. @return 0, errno; then why may say more */
static int relay_answer(struct sp_call *call, const struct input *in, const char **why)
{
	struct leg *caller = call->caller;
	struct mbuf *sdp = NULL, *headers = mbuf_alloc(256);
	struct body body = {.mb = NULL};
	int err = answer_sdp(call, in, &sdp, why);

	if (!err && in->err) {
		*why = "the answer names no contact";
		err = in->err;
	}
	if (!err && !headers)
		err = ENOMEM;
	if (!err)
		err = call_put_headers(headers, in->leg, caller, in->msg, SP_SIP_INVITE,
				       in->msg->status);
	if (!err)
		err = timer_put_answer(headers, caller, sp_sip_strans_request(caller->invite_st));
	if (!err)
		err = body_make(&body, in->msg, sdp);
	if (!err)
		err = reliable_answer(caller, in->msg->status, headers, &body);
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
	return err;
}

/** The callee's 2xx, to the caller. */
void act_answer(struct sp_call *call, const struct input *in)
{
	const char *why = NULL;
	int err;

	sp_timer_cancel(&call->ring);
	retry_heard(call, false);
	retry_close(call);
	in->leg->state = LEG_UP;
	fork_settle(in->leg);
	leg_learn(in->leg, in->msg);
	err = relay_answer(call, in, &why);
	if (err) { /* want of memory is no fault of the answer: another way may be tried */
		call_fault(call, why ? sdp_status(err) : 500,
			   why ? why : "the answer could not be sent to the caller", why);
		return;
	}
	session_settle(&call->session);
	timer_answered(in->leg, in->msg);
	if (!call->delayed)
		session_watch(call);
}

void setup_await(struct leg *leg, struct sp_sip_strans *st)
{
	if (leg->invite_st) /* nobody may hear of the leg once it is gone */
		sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
	mem_deref(leg->invite_st);
	leg->invite_st = mem_ref(st);
	leg->accepted = false;
	sp_sip_strans_handle(st, setup_cancelled, setup_done, leg);
}

/** Not before the caller was told: the callee's 2xx may wait for a PRACK, and a CANCEL overtake it.
 */
static void answered(struct sp_call *call)
{
	if (call->up_ms)
		return;
	call->up_ms = sp_loop_now_ms(call->calls->loop);
	call->calls->count.answered++;
	sp_log(SP_LOG_INFO, "call_answered", "call=%s after_ms=%llu", call->id,
	       call->up_ms - call->begun_ms);
}

void setup_sent(struct leg *leg)
{
	leg->accepted = true;
	if (LEG_EARLY != leg->state)
		return;
	leg->state = LEG_ANSWERED;
	fork_settle(leg);
	answered(leg->call);
}

/** The ACK of the 2xx that we relayed; with a delayed offer it brings the answer. */
void act_acked(struct sp_call *call, const struct input *in)
{
	struct leg *to = leg_other(in->leg);
	const char *why = NULL;
	struct mbuf *sdp = NULL;
	int err;

	if (!call->delayed)
		return;
	call->delayed = false;
	err = session_answer(&call->session, in->leg, in->msg, &sdp, &why);
	if (!err)
		err = body_make(&to->ack_body, in->msg, sdp);
	mem_deref(sdp);
	(void)leg_ack(to);
	if (err) {
		call_fault(call, sdp_status(err), why ? why : "the answer could not be relayed",
			   NULL);
		return;
	}
	session_commit(&call->session);
	session_watch(call);
}

/** The callee's failure, mapped, to the caller. */
void act_failure(struct sp_call *call, const struct input *in)
{
	blame(call, in->msg->status, "refused by the callee's trunk");
	sp_log(SP_LOG_INFO, "call_failed", "call=%s callee_status=%u caller_status=%u", call->id,
	       in->msg->status, call->status);
	if (retry_status(call, in->msg->status) == in->msg->status) /* it is this one's Reason */
		leg_last_words(call->caller, in->leg, in->msg, SP_SIP_INVITE, call->status);
	leg_ended(in->leg);
	leg_end(call->caller);
}

void act_no_response(struct sp_call *call, const struct input *in)
{
	blame(call, policy_no_response(in->err),
	      ETIMEDOUT == in->err ? "no response from the callee's trunk"
				   : "connection to the callee's trunk lost");
	leg_ended(in->leg);
	leg_end(call->caller);
}

/** CANCEL of an INVITE or re-INVITE of this leg's peer (RFC 3261 9.2). */
void setup_cancelled(const struct sp_sip_msg *cancel, void *arg)
{
	struct leg *leg = arg;

	call_event(leg->call, EV_CANCEL, &(struct input){.leg = leg, .msg = cancel});
}

/** Only told when the ACK of a 2xx never came; with a failure the transaction is on its own. */
void setup_done(int err, void *arg)
{
	struct leg *leg = arg;

	if (!leg->accepted)
		return;
	leg->accepted = false;
	leg->invite_st = mem_deref(leg->invite_st);
	if (LEG_ENDING == leg->state)
		leg_confirmed(leg);
	else
		call_event(leg->call, EV_NO_ACK, &(struct input){.leg = leg, .err = err});
}
