/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/hangup: how a leg ends, in the way that its state asks for: a refusal,
 * CANCEL, or BYE, which may need a new connection.
 */
#include "call_priv.h"

enum {
	BYES_MAX = 4, /* a trunk's connections may all go at once: then a new one is made */
	AGAIN_MS = SP_SIP_T1_MS, /* what memory or full tables kept back */
	AGAINS_MAX = SP_SIP_TIMEOUT_MS / AGAIN_MS
};

static void bye_response(int err, const struct sp_sip_msg *rsp, void *arg);
static void leg_bye(struct leg *leg);

bool leg_bye_out(const struct leg *leg)
{
	return leg->bye_ct || leg->pick || sp_timer_isrunning(&leg->again);
}

/** Are all legs of its call through? Then the call is. */
void leg_ended(struct leg *leg)
{
	struct le *le;

	change_abort(leg, 487);
	leg->state = LEG_ENDED;
	sp_timer_cancel(&leg->again);
	timer_stop(leg);
	reliable_stop(leg);
	transfer_leg_ended(leg);
	for (le = list_head(&leg->call->legs); le; le = le->next) {
		const struct leg *l = le->data;

		if (LEG_ENDED != l->state)
			return;
	}
	call_event(leg->call, EV_LEG_ENDED, &(struct input){.leg = leg});
}

/** What goes with our BYE or CANCEL: what the other leg's said, or why the gateway ends it. */
static const struct mbuf *end_headers(struct leg *leg, enum sp_sip_method method)
{
	if (leg->last_words)
		return leg->last_words;
	leg_last_words(leg, NULL, NULL, method, 0);
	if (leg->last_words && leg->call->reason[0]) {
		mbuf_skip_to_end(leg->last_words);
		(void)sp_sip_put(leg->last_words, "Reason", "%s", leg->call->reason);
	}
	return leg->last_words;
}

static int bye_send(struct leg *leg)
{
	const struct leg_req r = {.method = SP_SIP_BYE, .headers = end_headers(leg, SP_SIP_BYE)};

	return leg_request(leg, &leg->bye_ct, &r, bye_response, leg);
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

static void bye_again(void *arg)
{
	leg_bye(arg);
}

/** Nothing says that the peer cannot be told: only we could not, at this moment. */
static bool bye_waits(struct leg *leg, int err)
{
	const bool ours = ENOMEM == err || ENOBUFS == err || EBUSY == err ||
			  ENOTCONN == err; /* of a connection that ends with this turn */

	if (!ours || leg->agains >= AGAINS_MAX)
		return false;
	if (0 == leg->agains++)
		sp_log(SP_LOG_WARN, "bye_delayed", "call=%s trunk=%s error=\"%m\"", leg->call->id,
		       sp_trunk_name(leg->trunk), err);
	sp_timer_start(leg->call->calls->loop, &leg->again, AGAIN_MS, bye_again, leg);
	return true;
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
	if (err && !bye_waits(leg, err)) {
		bye_lost(leg, err);
		leg_ended(leg);
	}
}

/** BYE, on a new connection where the trunk has none left. */
static void leg_bye(struct leg *leg)
{
	const struct sp_trunk_want any = {.emergency = leg->call->emergency};
	int err;

	leg->state = LEG_ENDING;
	timer_stop(leg);
	err = bye_send(leg);
	if (err)
		err = sp_trunk_pick(&leg->pick, leg->trunk, &any, bye_picked, leg);
	if (err)
		bye_picked(err, NULL, NULL, 0, leg);
}

/** The peer acknowledged, or never will, the 2xx to the INVITE that made the dialog. */
void leg_confirmed(struct leg *leg)
{
	if (LEG_ANSWERED == leg->state)
		leg->state = LEG_UP;
	else if (LEG_ENDING == leg->state && !leg_bye_out(leg))
		leg_bye(leg);
}

static void refuse_invite(struct leg *leg, uint16_t status, const char *warning)
{
	sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
	leg_refuse(leg, leg->invite_st, status, warning);
	leg->invite_st = mem_deref(leg->invite_st);
}

/** Requests of the peer that wait for an answer get one (RFC 3261 15.1.2). */
static void refuse_pending(struct leg *leg)
{
	change_abort(leg, 487);
	if (leg->invite_st && !leg->accepted)
		refuse_invite(leg, 487, NULL);
}

/**
 * End an early uac leg: nothing sent yet, or CANCEL and wait for the final
 * response, which ends the leg (act_late_answer, act_late_final).
 */
static void leg_cancel(struct leg *leg)
{
	change_abort(leg, 487);
	leg->pick = mem_deref(leg->pick);
	if (!leg->invite_ct) {
		leg_ended(leg);
		return;
	}
	leg->state = LEG_ENDING;
	/* its end is reported by the transaction, unless that has a 2xx that we never took */
	if (EALREADY == sp_sip_cancel(leg->invite_ct, end_headers(leg, SP_SIP_CANCEL))) {
		(void)straggler_abandon(leg); /* it comes again */
		leg_ended(leg);
	}
	leg->last_words = mem_deref(leg->last_words); /* a BYE would have others */
}

void leg_end(struct leg *leg)
{
	switch (leg->state) {

	case LEG_IDLE:
	case LEG_EARLY:
		if (leg->uac || !leg->invite_st) {
			leg_cancel(leg);
			break;
		}
		change_abort(leg, 487);
		refuse_invite(leg, leg->call->status, leg->call->warning);
		leg_ended(leg);
		break;

	case LEG_ANSWERED:
		/* RFC 3261 15: no BYE from us before the ACK; leg_confirmed() sends it. */
		change_abort(leg, 487);
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
