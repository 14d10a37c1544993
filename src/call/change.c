/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/change: a re-INVITE or UPDATE with an offer, from one leg to the other
 * and back (RFC 3261 14, RFC 3311). One at a time; what crosses it gets 491.
 */
#include "call_priv.h"

static struct sp_sip_strans *pending(const struct leg *changer)
{
	return changer->update_st ? changer->update_st : changer->invite_st;
}

static void forget_pending(struct leg *changer)
{
	changer->update_st = mem_deref(changer->update_st);
	if (changer->invite_st && !changer->accepted) {
		sp_sip_strans_handle(changer->invite_st, NULL, NULL, NULL);
		changer->invite_st = mem_deref(changer->invite_st);
	}
}

static void change_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;
	struct sp_call *call = leg->call;
	struct input in = {.leg = leg, .msg = rsp, .err = err};
	bool invite = !err && SP_SIP_INVITE == rsp->method;

	if (!err && rsp->status < 200)
		return;
	/* It came again, or crossed our BYE: the ACK is due all the same. */
	if (invite && rsp->status < 300 && (leg->acked || ENDING == call->state)) {
		(void)leg_ack(leg);
		return;
	}
	if (err && ETIMEDOUT != err) { /* its connection went: as if 503 came (8.1.3.1) */
		call->change_status = 503;
		call->change_why = NULL;
		call_event(call, EV_REJECTED, &in);
	} else if (err || 408 == rsp->status || 481 == rsp->status) {
		call_event(call, EV_LOST, &in); /* RFC 3261 12.2.1.2 */
	} else if (rsp->status >= 300) {
		call_event(call, EV_REJECTED, &in);
	} else {
		call_event(call, invite ? EV_ACCEPTED : EV_UPDATED, &in);
	}
}

/** Refuse the offer; the call goes on with the session that it has. */
static void refuse(struct sp_call *call, struct leg *changer, uint16_t status, const char *why)
{
	struct sp_sip_strans *st = mem_ref(pending(changer));

	sp_log(SP_LOG_INFO, "change_refused", "call=%s side=%s status=%u why=%H", call->id,
	       SP_SIDE_CALLER == changer->side ? "caller" : "callee", status, sp_log_str,
	       why ? why : sp_sip_reason(status));
	sp_timer_cancel(&call->ring);
	call->delayed = false;
	session_rollback(call);
	forget_pending(changer);
	leg_refuse(changer, st, status, why);
	mem_deref(st);
}

static int relay_offer(struct leg *from, enum sp_sip_method method)
{
	struct leg *to = leg_other(from);
	struct mbuf *body = NULL;
	int err = from->call->delayed ? 0 : session_write_offer(to, &body);

	if (!err) {
		leg_forget(&to->invite_ct);
		err = leg_offer(to, method, NULL, body, change_response);
	}
	if (!err && SP_SIP_INVITE == method)
		call_ring(from->call);
	mem_deref(body);
	return err;
}

void act_change(struct sp_call *call, const struct input *in)
{
	struct leg *from = in->leg;
	const char *why = NULL;
	uint16_t status = 500;
	int err;

	call->offerer = call->changer = from;
	call->delayed = SP_SIP_INVITE == in->msg->method && !session_has_body(in->msg) &&
			!session_refuses_delayed(call);
	if (SP_SIP_UPDATE == in->msg->method) {
		from->update_st = mem_ref(in->st);
	} else {
		from->invite_st = mem_ref(in->st);
		from->accepted = false;
		sp_sip_strans_handle(in->st, setup_cancelled, setup_done, from);
	}
	err = call->delayed ? 0 : session_offer(from, in->msg, &status, &why);
	if (!err) {
		status = 500;
		why = NULL;
		err = relay_offer(from, in->msg->method);
	}
	if (err) {
		call->change_status = status;
		call->change_why = why;
		call_event(call, EV_REJECTED, &(struct input){.leg = NULL});
	}
}

/**
 * The changer took its re-INVITE back, or timer C ran out after a provisional:
 * so do we, the far end decides what became of it.
 */
void act_change_cancelled(struct sp_call *call, const struct input *in)
{
	struct leg *to = leg_other(call->changer);

	(void)in;
	if (to->invite_ct)
		(void)sp_sip_cancel(to->invite_ct, NULL);
}

/** A change that comes while another is on its way (RFC 3261 14.2, RFC 3311 5.2). */
void act_glare(struct sp_call *call, const struct input *in)
{
	uint16_t status = pending(in->leg) ? 500 : 491;

	leg_refuse(in->leg, in->st, ENDING == call->state ? 481 : status, NULL);
}

/** Take the answer of the 2xx and write it for the changer. */
static int take_answer(struct sp_call *call, const struct input *in, struct mbuf **bodyp)
{
	const char *why = "the answer to the change could not be used";
	int err = session_answer(in->leg, in->msg, bodyp, &why);

	if (err) {
		call_blame(call, 488, why, why);
		call_event(call, EV_FAULT, &(struct input){.leg = NULL});
		return err;
	}
	session_commit(call);
	session_watch(call);
	sp_log(SP_LOG_INFO, "call_changed", "call=%s by=%s caller=%s callee=%s", call->id,
	       SP_SIDE_CALLER == call->changer->side ? "caller" : "callee",
	       session_dir_name(call->legv[SP_SIDE_CALLER].dir),
	       session_dir_name(call->legv[SP_SIDE_CALLEE].dir));
	return 0;
}

/** What the changer gets with the 2xx to its re-INVITE, as in answer_body() of setup.c. */
static int accepted_body(struct sp_call *call, const struct input *in, struct mbuf **bodyp)
{
	const char *why = NULL;
	uint16_t status;
	int err;

	if (!call->delayed) {
		(void)leg_ack(in->leg);
		return take_answer(call, in, bodyp);
	}
	in->leg->ack_due = true;
	err = session_offer(in->leg, in->msg, &status, &why);
	if (!err)
		err = session_write_offer(call->changer, bodyp);
	if (err) {
		call_blame(call, 488, why ? why : "the offer could not be relayed", why);
		call_event(call, EV_FAULT, &(struct input){.leg = NULL});
	}
	return err;
}

void act_accepted(struct sp_call *call, const struct input *in)
{
	struct leg *changer = call->changer;
	struct mbuf *body = NULL;

	sp_timer_cancel(&call->ring);
	(void)sp_sip_dialog_refresh(in->leg->dialog, in->msg);
	if (accepted_body(call, in, &body))
		return;
	changer->accepted = true;
	if (leg_reply(changer, changer->invite_st, 200, body)) {
		changer->accepted = false;
		call_blame(call, 500, "the answer could not be sent", NULL);
		call_event(call, EV_FAULT, &(struct input){.leg = NULL});
	}
	mem_deref(body);
}

void act_updated(struct sp_call *call, const struct input *in)
{
	struct leg *changer = call->changer;
	struct mbuf *body = NULL;

	(void)sp_sip_dialog_refresh(in->leg->dialog, in->msg);
	if (take_answer(call, in, &body))
		return;
	(void)leg_reply(changer, changer->update_st, 200, body); /* a loss shows at the changer */
	forget_pending(changer);
	mem_deref(body);
}

/** Refused by the other leg (in->msg), or by ourselves (call->change_status). */
void act_rejected(struct sp_call *call, const struct input *in)
{
	struct leg *changer = call->changer;
	uint16_t status = in->msg ? policy_failure(in->msg->status) : call->change_status;

	if (in->leg)
		leg_forget(&in->leg->invite_ct);
	refuse(call, changer, status, in->msg ? NULL : call->change_why);
}
