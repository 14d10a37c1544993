/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/transfer: transfer = "handle": the gateway itself carries out what REFER
 * asks for, and tells the transferor how it fares. Blind (RFC 5589 6): the
 * target is called; attended (7): it is the far end of another call of the
 * transferor's. Either way the party that stays gets the target's description,
 * the target joins the call, and the transferor is hung up. Until then nothing
 * changes; what fails leaves the call as it was.
 */
#include "transfer_priv.h"

/** The other call keeps its leg; the stand_in must not outlive that call. */
static void forget_lender(struct transfer *t)
{
	t->stand_in = mem_deref(t->stand_in);
	if (t->lender)
		t->lender->lent = NULL;
	t->lender = NULL;
}

static void destructor(void *arg)
{
	struct transfer *t = arg;

	sp_timer_cancel(&t->timer);
	forget_lender(t);
	session_close(&t->next);
	mem_deref(t->by);
	mem_deref(t->replaces);
	mem_deref(t->user);
}

const char *transfer_party(const struct leg *leg)
{
	const struct sp_call *call = leg->call;
	const char *user = leg->user;

	if (!user && leg == call->caller)
		user = call->anonymous ? "" : call->number;
	else if (!user && leg->uac)
		user = call->target_user;
	return user ? user : "";
}

struct transfer *transfer_of(const struct leg *leg)
{
	return leg->call->transfer ? leg->call->transfer : leg->call->lent;
}

/* ---- what a REFER begins ---- */

int transfer_alloc(struct transfer **tp, struct leg *referrer)
{
	struct transfer *t = mem_zalloc(sizeof(*t), destructor);

	if (!t)
		return ENOMEM;
	t->call = referrer->call;
	t->referrer = referrer;
	t->kept = leg_other(referrer);
	session_init(&t->next);
	*tp = t;
	return 0;
}

/** The far end of the other call gets this call's description first. */
static uint16_t attended_begin(struct transfer *t, const char **cause)
{
	uint16_t status;

	*cause = "no media relay for the target";
	if (!t->target || session_open(&t->next, t->kept, t->target->trunk))
		return 503;
	t->next.guest = t->target;
	t->next.guest_side = t->referrer->side;
	if (session_offer_again(&t->next, t->kept, t->target, &status, cause))
		return status;
	join_offer(t, t->target);
	return 0;
}

static const char *how(const struct transfer *t)
{
	if (t->takeover)
		return "replaces";
	return t->lender ? "attended" : "blind";
}

void act_refer(struct sp_call *call, const struct input *in)
{
	struct transfer *t = call->transfer;
	const struct sp_trunk *to = t->target ? t->target->trunk : t->way.trunkv[0];
	const char *cause = t->cause;
	uint16_t status = t->refused;

	sp_log(SP_LOG_INFO, "transfer_start", "call=%s side=%s how=%s to=%s other_call=%s",
	       call->id, leg_name(in->leg), how(t), to ? sp_trunk_name(to) : "-",
	       t->lender ? t->lender->id : "-");
	session_unwatch(call);
	if (t->takeover)
		return;
	notify_status(in->leg, 100);
	if (!status)
		status = t->lender ? attended_begin(t, &cause) : target_begin(t, &cause);
	if (status)
		transfer_fail(t, status, cause);
}

/* ---- how it goes on ---- */

/** The target has answered; the party that stays is told. */
void act_target_up(struct sp_call *call, const struct input *in)
{
	struct transfer *t = call->transfer;
	struct leg *leg = in->leg;
	const char *why = "the target's answer names no contact";
	uint16_t status = 488;

	sp_timer_cancel(&t->timer);
	if (t->takeover) { /* it is the one who offers */
		join_offer(t, t->kept);
		return;
	}
	if (!t->lender) {
		leg->state = LEG_UP;
		fork_settle(leg);
		leg_learn(leg, in->msg);
		(void)leg_ack(leg); /* a lost ACK shows by the 2xx coming again */
		timer_answered(leg, in->msg);
	}
	t->tries = 0;
	t->taken = true;
	if (in->err || session_hear(&t->next, leg, in->msg, &why)) {
		transfer_fail(t, 488, why);
		return;
	}
	t->next.initial = false;
	if (session_offer_again(&t->next, leg, t->kept, &status, &why))
		transfer_fail(t, status, why);
	else
		join_offer(t, t->kept);
}

/** The party that stays has taken the target's description. */
void act_joined(struct sp_call *call, const struct input *in)
{
	struct transfer *t = call->transfer;
	const char *why = NULL;
	int err;

	if (t->gone) {
		notify_status(t->referrer, 487);
		call_fault(call, 487, "the target of a transfer hung up", NULL);
		return;
	}

	err = t->takeover ? takeover_answer(t, in->msg, &why)
			  : session_meet(&t->next, in->leg, in->msg, &why);
	if (!err) {
		join_done(t);
		return;
	}
	notify_status(t->referrer, sdp_status(err));
	call_fault(call, sdp_status(err), why, NULL);
}

/* ---- how it ends without success ---- */

/** The call that should have given a leg is as it was, unless it lost something by it. */
static void release_lender(struct transfer *t)
{
	struct sp_call *lender = t->lender;

	forget_lender(t);
	if (UP != lender->state)
		return;
	if (LEG_UP != t->replaced->state) {
		call_fault(lender, 487, "the transferor hung up, and the transfer failed", NULL);
	} else if (t->taken) {
		call_fault(lender, 500, "a transfer was broken off half way", NULL);
	} else {
		session_watch(lender);
		if (t->target->offering && t->target->invite_ct)
			(void)sp_sip_cancel(t->target->invite_ct, NULL);
	}
}

/** What was begun for it is taken back; t is freed. */
static void undo(struct transfer *t)
{
	struct sp_call *call = t->call;

	call->transfer = NULL;
	if (t->lender)
		release_lender(t);
	else if (t->takeover && t->target && t->status)
		takeover_refuse(t);
	if (!t->replaced && t->target)
		leg_end(t->target);
	mem_deref(t);
}

void act_target_down(struct sp_call *call, const struct input *in)
{
	struct transfer *t = call->transfer;
	const bool left = t->left;

	(void)in;
	undo(t);
	if (left)
		call_fault(call, 487, "the transferor hung up, and the transfer failed", NULL);
	else
		session_watch(call);
}

void transfer_fail(struct transfer *t, uint16_t status, const char *cause)
{
	t->status = status;
	t->cause = cause;
	sp_log(SP_LOG_INFO, "transfer_failed", "call=%s status=%u cause=%H", t->call->id, status,
	       sp_log_str, cause ? cause : sp_sip_reason(status));
	notify_status(t->referrer, status);
	call_event(t->call, EV_TARGET_DOWN, &(struct input){.leg = NULL});
}

void transfer_target_gone(struct transfer *t)
{
	struct leg *kept = t->kept;

	forget_lender(t);
	t->target = NULL;
	if (t->joining != kept || !kept->offering) {
		transfer_fail(t, 487, "the target hung up");
		return;
	}
	t->gone = true; /* kept decides: it may have taken the target's description already */
	if (kept->invite_ct)
		(void)sp_sip_cancel(kept->invite_ct, NULL);
}

/* ---- the transferor, and others, hang up ---- */

void act_left(struct sp_call *call, const struct input *in)
{
	call->transfer->left = true;
	in->leg->notifier = mem_deref(in->leg->notifier);
	leg_hung_up(in->leg);
}

static bool talks(const struct leg *leg)
{
	return leg == leg->call->leg[leg->side];
}

bool transfer_bye(struct leg *leg, const struct sp_sip_msg *req)
{
	struct sp_call *call = leg->call;
	struct transfer *t = call->transfer;

	if (!talks(leg)) {
		const bool target = t && t->target == leg;

		leg_hung_up(leg);
		if (target)
			transfer_target_gone(t);
		return true;
	}
	if (call->lent && call->lent->replaced == leg && UP == call->state) {
		leg_hung_up(leg); /* its other leg stays for the transfer */
		return true;
	}
	if (!t)
		return false;
	if (t->referrer == leg) {
		call_event(call, EV_LEFT, &(struct input){.leg = leg, .msg = req});
		return true;
	}
	notify_status(t->referrer, 487);
	return false;
}

bool transfer_request(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	if (talks(leg) || SP_SIP_BYE == req->method || SP_SIP_OPTIONS == req->method)
		return false;
	leg_refuse(leg, st, LEG_ENDING == leg->state ? 481 : 491, NULL);
	return true;
}

void transfer_leg_ended(struct leg *leg)
{
	struct sp_call *call = leg->call;
	struct transfer *t = call->transfer;

	if (talks(leg))
		return;
	if (t && t->target == leg)
		t->target = NULL;
	straggler_leave(leg);
	dlg_hide(leg);
	list_unlink(&leg->le);
	sp_loop_release(call->calls->loop, leg);
}

void transfer_abort(struct sp_call *call)
{
	struct transfer *t = call->transfer, *lent = call->lent;

	if (t)
		undo(t);
	if (lent)
		transfer_target_gone(lent);
}

void transfer_close(struct sp_call *call)
{
	if (call->lent)
		forget_lender(call->lent);
	call->transfer = mem_deref(call->transfer);
}
