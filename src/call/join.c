/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/join: two legs that did not talk to each other get each other's
 * description by re-INVITE (RFC 3264 8, RFC 5589 7), on a relay with ports and
 * keys of its own: what the transferor knew of either decrypts nothing that
 * comes after (RFC 4568 7.1.4).
 */
#include "transfer_priv.h"

static void join_response(int err, const struct sp_sip_msg *rsp, void *arg);

/** Once more, when the peer has had its turn. @return false: it has had enough of them */
static bool again(struct transfer *t);

static void give_up(void *arg)
{
	struct transfer *t = arg;

	if (t->joining->invite_ct) /* the peer decides what became of it */
		(void)sp_sip_cancel(t->joining->invite_ct, NULL);
}

static int join_send(struct transfer *t, struct leg *leg)
{
	struct mbuf *headers = mbuf_alloc(256), *sdp = NULL;
	struct body body = {.mb = NULL};
	int err = headers ? 0 : ENOMEM;

	if (!err)
		err = session_write_offer(&t->next, leg, leg == t->target, &sdp);
	if (!err)
		err = body_make(&body, NULL, sdp);
	if (!err)
		err = call_put_headers(headers, NULL, leg, NULL, SP_SIP_INVITE, 0);
	if (!err)
		err = timer_put_request(headers, leg, SP_SIP_INVITE);
	if (!err)
		err = leg_offer(leg, SP_SIP_INVITE, headers, &body, join_response);
	body_clear(&body);
	mem_deref(headers);
	mem_deref(sdp);
	return err;
}

void join_offer(struct transfer *t, struct leg *leg)
{
	struct sp_call *call = t->call;

	t->joining = leg;
	if (leg_is_busy(leg)) {
		if (!again(t))
			transfer_fail(t, 491, "a party is busy with a change of its own");
	} else if (join_send(t, leg)) {
		transfer_fail(t, 503, "a party could not be told of the new media");
	} else {
		sp_timer_start(call->calls->loop, &t->timer,
			       call->env->conf->limits.ring_s * 1000ULL, give_up, t);
	}
}

static void retry(void *arg)
{
	struct transfer *t = arg;

	join_offer(t, t->joining);
}

static bool again(struct transfer *t)
{
	if (++t->tries >= JOIN_TRIES)
		return false;
	sp_timer_start(t->call->calls->loop, &t->timer, leg_glare_ms(t->joining), retry, t);
	return true;
}

/** The transfer is off, and the peer took the new description all the same. */
static void stray(const struct leg *leg)
{
	struct sp_call *call = leg->call;

	if (ENDING != call->state && ENDED != call->state)
		call_fault(call, 500, "a transfer was broken off half way", NULL);
}

static void refused(struct transfer *t, struct leg *leg, int err, const struct sp_sip_msg *rsp)
{
	struct sp_call *owner = leg->call;
	const uint16_t status = err ? policy_no_response(err) : rsp->status;

	leg_forget(&leg->invite_ct);
	if (491 == status && !t->gone && again(t))
		return;
	if (!err && !t->gone && timer_too_short(leg, rsp)) {
		join_offer(t, leg); /* RFC 4028 7.3 */
		return;
	}
	transfer_fail(t, policy_failure(status), "a party refused the new media");
	if (408 == status || 481 == status) /* RFC 3261 12.2.1.2 */
		call_fault(owner, status, "a leg no longer answers", NULL);
}

static void accepted(struct transfer *t, struct leg *leg, const struct sp_sip_msg *rsp)
{
	const struct input in = {.leg = leg, .msg = rsp};

	t->joining = NULL;
	(void)sp_sip_dialog_refresh(leg->dlg->sip, rsp);
	timer_answered(leg, rsp);
	call_event(t->call, leg == t->target ? EV_TARGET_UP : EV_JOINED, &in);
}

static void join_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;
	struct transfer *t = transfer_of(leg);
	const bool ok = !err && rsp->status < 300;

	if (!err && rsp->status < 200) {
		(void)reliable_heard(leg, rsp, false); /* as in change.c */
		return;
	}
	if (ok && leg->acked) { /* its ACK was lost */
		(void)leg_ack(leg);
		return;
	}
	leg->offering = false;
	if (ok)
		(void)leg_ack(leg);
	else
		leg->dlg->refused = true; /* a refresh must not repeat it */
	if (!t || t->joining != leg) {
		if (ok)
			stray(leg);
		return;
	}
	sp_timer_cancel(&t->timer);
	if (ok)
		accepted(t, leg, rsp);
	else
		refused(t, leg, err, rsp);
}

/** The target leaves the call that it was of; what stands for it there has ended. */
static void take_target(struct transfer *t)
{
	struct sp_call *from = t->lender;
	struct leg *leg = t->target;

	pass_end(from);
	list_unlink(&leg->le);
	list_append(&from->legs, &t->stand_in->le, t->stand_in);
	from->leg[leg->side] = t->stand_in;
	t->stand_in = NULL;
	if (from->caller == leg)
		from->caller = NULL;
	list_append(&t->call->legs, &leg->le, leg);
	leg->call = t->call;
	leg->side = t->next.guest_side;
	leg->ifc = call_interface(t->call, leg->trunk);
	mem_deref(leg->user);
	leg->user = t->user;
	t->user = NULL;
	t->next.guest = NULL;
}

/** The new session in the place of the old; what that has counted stays with the call. */
static void take_session(struct transfer *t)
{
	struct sp_call *call = t->call;

	call_leave_media(call);
	session_close(&call->session);
	call->session = t->next;
	t->next = (struct session){.relay = NULL};
}

void join_done(struct transfer *t)
{
	struct sp_call *call = t->call, *lender = t->lender;
	struct leg *referrer = t->referrer, *replaced = t->replaced;

	pass_end(call);
	session_commit(&t->next);
	if (lender)
		take_target(t);
	take_session(t);
	call->leg[t->target->side] = t->target;
	if (call->caller == referrer) {
		call->caller = NULL;
		if (call->emergency) /* who made it is gone: it counts as any other */
			call->calls->count.emergency--;
		call->emergency = false;
	}
	session_watch(call);
	sp_log(SP_LOG_INFO, "transfer_done", "call=%s to=%s", call->id,
	       sp_trunk_name(t->target->trunk));
	notify_status(referrer, 200);
	transfer_close(call);
	if (LEG_ENDED == referrer->state)
		transfer_leg_ended(referrer);
	else
		notify_then_end(referrer);
	if (!lender)
		return;
	call_fault(lender, 200, "transferred", NULL);
	if (LEG_ENDED == replaced->state)
		call_event(lender, EV_LEG_ENDED, &(struct input){.leg = replaced});
}
