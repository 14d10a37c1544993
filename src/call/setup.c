/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/setup: actions from the caller's INVITE to the acknowledged answer.
 */
#include "call_priv.h"

static void invite_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;
	struct input in = {.leg = leg, .msg = rsp, .err = err};
	enum event ev;

	if (err)
		ev = EV_NO_RESPONSE;
	else if (rsp->status < 200)
		ev = EV_PROVISIONAL;
	else if (rsp->status < 300)
		ev = EV_ANSWER;
	else
		ev = EV_FAILURE;

	/* A 2xx that comes again lost its ACK; one with another tag is another's. */
	if (EV_ANSWER == ev && (leg->acked || leg->ack_due) && leg_is_fork(leg, rsp)) {
		leg_drop_fork(leg, rsp);
		return;
	}
	if (EV_ANSWER == ev && leg->acked) {
		(void)leg_ack(leg);
		return;
	}
	call_event(leg->call, ev, &in);
}

static void fault(struct sp_call *call, uint16_t status, const char *cause, const char *warning)
{
	call_blame(call, status, cause, warning);
	call_event(call, EV_FAULT, &(struct input){.leg = NULL});
}

/** Make the callee leg and send it the INVITE (and the offer, rewritten). */
static int invite_send(struct sp_call *call, const struct input *in)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER], *callee = &call->legv[SP_SIDE_CALLEE];
	char *local = NULL, *remote = NULL, *target = NULL;
	struct mbuf *headers = mbuf_alloc(512), *body = NULL;
	int err = headers ? 0 : ENOMEM;

	if (!err)
		err = policy_callee_uris(call, sp_sip_strans_request(caller->invite_st),
					 callee->trunk, in->host, in->port, &local, &remote,
					 &target);
	if (!err)
		err = leg_uac(callee, in->conn, local, remote, target);
	if (!err)
		err = policy_put_custom(headers, call);
	if (!err && !call->delayed)
		err = session_write_offer(callee, &body);
	if (!err)
		err = leg_offer(callee, SP_SIP_INVITE, headers, body, invite_response);
	if (!err)
		callee->state = LEG_EARLY;
	mem_deref(local);
	mem_deref(remote);
	mem_deref(target);
	mem_deref(headers);
	mem_deref(body);
	return err;
}

void act_invite(struct sp_call *call, const struct input *in)
{
	const struct leg *callee = &call->legv[SP_SIDE_CALLEE];
	int err = invite_send(call, in);

	if (err) {
		fault(call, ENOTCONN == err ? 503 : 500, "the INVITE could not be sent", NULL);
		return;
	}
	sp_log(SP_LOG_INFO, "call_invite", "call=%s trunk=%s target=%H call_id=%s", call->id,
	       sp_trunk_name(callee->trunk), sp_log_str, in->host[0] ? in->host : "-",
	       sp_sip_dialog_call_id(callee->dialog));
}

void act_unreachable(struct sp_call *call, const struct input *in)
{
	sp_log(SP_LOG_WARN, "trunk_unreachable", "call=%s trunk=%s error=\"%m\"", call->id,
	       sp_trunk_name(call->legv[SP_SIDE_CALLEE].trunk), in->err);
	call_blame(call, 503, "no connection to the callee's trunk", NULL);
	leg_end(&call->legv[SP_SIDE_CALLER]);
	leg_end(&call->legv[SP_SIDE_CALLEE]);
}

/** 18x: with its answer, when it brings one, else as it is. */
void act_provisional(struct sp_call *call, const struct input *in)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER];
	struct mbuf *body = NULL;
	const char *why = NULL;
	int err;

	if (in->msg->to_tag.l)
		(void)sp_sip_dialog_response(in->leg->dialog, in->msg); /* the 2xx decides */
	if (session_has_sdp(in->msg) && !call->delayed) {
		err = session_answer(in->leg, in->msg, &body, &why);
		if (err) {
			fault(call, 488, why, why);
			return;
		}
	}
	err = leg_reply(caller, caller->invite_st, in->msg->status, body);
	if (err)
		sp_log(SP_LOG_WARN, "reply_lost", "call=%s status=%u error=\"%m\"", call->id,
		       in->msg->status, err);
	mem_deref(body);
}

/**
 * What the caller gets with the 2xx. Its own offer is answered, and nothing
 * keeps us from acknowledging; else the callee's offer goes to the caller, and
 * our ACK waits for the answer in the caller's.
 */
static int answer_body(struct sp_call *call, const struct input *in, struct mbuf **bodyp,
		       const char **why)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER], *callee = in->leg;
	uint16_t status;
	int err;

	if (call->delayed) {
		callee->ack_due = true;
		err = session_offer(callee, in->msg, &status, why);
		return err ? err : session_write_offer(caller, bodyp);
	}
	(void)leg_ack(callee); /* a lost ACK shows by the 2xx coming again */
	err = session_answer(callee, in->msg, bodyp, why);
	if (!err)
		session_commit(call);
	return err;
}

/** The callee's 2xx, to the caller. */
void act_answer(struct sp_call *call, const struct input *in)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER];
	struct mbuf *body = NULL;
	const char *why = NULL;
	const int bad_contact = sp_sip_dialog_response(in->leg->dialog, in->msg);
	int err;

	sp_timer_cancel(&call->ring);
	in->leg->state = LEG_UP;
	err = answer_body(call, in, &body, &why);
	if (err || bad_contact) {
		if (!err)
			why = "the answer names no contact";
		fault(call, 488, why, why);
		mem_deref(body);
		return;
	}
	caller->state = LEG_ANSWERED;
	caller->accepted = true;
	err = leg_reply(caller, caller->invite_st, in->msg->status, body);
	mem_deref(body);
	if (err) {
		caller->state = LEG_EARLY;
		caller->accepted = false;
		fault(call, 500, "the answer could not be sent to the caller", NULL);
		return;
	}
	call->up_ms = sp_loop_now_ms(call->calls->loop);
	call->calls->count.answered++;
	if (!call->delayed)
		session_watch(call);
	sp_log(SP_LOG_INFO, "call_answered", "call=%s after_ms=%llu", call->id,
	       call->up_ms - call->begun_ms);
}

/** The ACK of the 2xx that we relayed; with a delayed offer it brings the answer. */
void act_acked(struct sp_call *call, const struct input *in)
{
	struct leg *to = leg_other(in->leg);
	const char *why = NULL;
	int err;

	if (!call->delayed)
		return;
	call->delayed = false;
	err = session_answer(in->leg, in->msg, &to->ack_body, &why);
	(void)leg_ack(to);
	if (err) {
		fault(call, 488, why, NULL);
		return;
	}
	session_commit(call);
	session_watch(call);
}

/** The callee's failure, mapped, to the caller. */
void act_failure(struct sp_call *call, const struct input *in)
{
	call_blame(call, policy_failure(in->msg->status), "refused by the callee's trunk", NULL);
	sp_log(SP_LOG_INFO, "call_failed", "call=%s callee_status=%u caller_status=%u", call->id,
	       in->msg->status, call->status);
	leg_ended(in->leg);
	leg_end(&call->legv[SP_SIDE_CALLER]);
}

void act_no_response(struct sp_call *call, const struct input *in)
{
	call_blame(call, ETIMEDOUT == in->err ? 408 : 503,
		   ETIMEDOUT == in->err ? "no response from the callee's trunk"
					: "connection to the callee's trunk lost",
		   NULL);
	leg_ended(in->leg);
	leg_end(&call->legv[SP_SIDE_CALLER]);
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
