/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/takeover: INVITE with Replaces where transfer = "handle" (RFC 3891 3): the
 * new caller takes the place of one leg of a call that is up. Its offer goes to
 * the other leg by re-INVITE, the answer comes back in the 2xx, and the leg that
 * it replaces is hung up.
 */
#include "transfer_priv.h"

/** RFC 3261 9.2: the new caller thinks better of it. */
static void cancelled(const struct sp_sip_msg *cancel, void *arg)
{
	struct leg *leg = arg;
	struct transfer *t = leg->call->transfer;

	(void)cancel;
	if (!t || t->target != leg)
		return;
	leg_hung_up(leg);
	transfer_target_gone(t);
}

/** Can the leg give way now? Else the INVITE goes to the far end, which decides. */
static bool possible(const struct leg *kept, const struct sp_trunk *from,
		     const struct sp_sip_msg *req)
{
	const struct sp_call *call = kept->call;
	const struct leg *old = leg_other(kept);

	return SP_TRANSFER_HANDLE == sp_trunk_conf(from)->transfer && body_has_sdp(req) &&
	       UP == call->state && LEG_UP == kept->state && LEG_UP == old->state && !call->lent &&
	       !call->change.by && !leg_is_busy(kept) && !leg_is_busy(old) &&
	       call_interface(call, from);
}

static int put_user(struct leg *leg, const struct sp_sip_msg *req)
{
	char e164[SP_NUMBER_SIZE] = "";
	struct pl user;

	route_caller(req, &user);
	if (!identity_withheld(req))
		(void)numbering_in(e164, &sp_trunk_conf(leg->trunk)->numbering, &user);
	return str_dup(&leg->user, e164);
}

/** The new leg, and the session that it offers. @return 0 or a status */
static uint16_t open_leg(struct transfer *t, struct sp_trunk *from, struct sp_sip_strans *st,
			 const struct sp_sip_msg *req, const char **cause)
{
	struct leg *leg;
	uint16_t status = 503;
	int err;

	*cause = "out of memory";
	if (leg_alloc(&t->target, t->call, t->referrer->side))
		return 503;
	leg = t->target;
	*cause = "a limit of the trunk is reached";
	if (leg_take_trunk(leg, from, t->call->emergency, sp_sip_strans_conn(st)))
		return 503;
	err = leg_uas(leg, st, req);
	*cause = EBADMSG == err ? "no usable Contact" : "out of memory";
	if (err || put_user(leg, req))
		return EBADMSG == err ? 400 : 503;
	*cause = "no media relay for the new caller";
	if (session_open(&t->next, t->kept, from))
		return 503;
	return session_offer(&t->next, leg, req, &status, cause) ? status : 0;
}

bool takeover_invite(struct leg *kept, struct sp_trunk *from, struct sp_sip_strans *st,
		     const struct sp_sip_msg *req)
{
	struct sp_call *call = kept->call;
	const char *cause = NULL;
	struct transfer *t;
	uint16_t status;

	if (!possible(kept, from, req) || transfer_alloc(&t, leg_other(kept)))
		return false;
	t->takeover = true;
	call->transfer = t;
	status = open_leg(t, from, st, req, &cause);
	call_event(call, EV_REFER, &(struct input){.leg = t->referrer, .msg = req, .st = st});
	if (status) {
		const bool answers = t->target && t->target->invite_st;

		transfer_fail(t, status, cause);
		if (!answers)
			(void)sp_sip_reply_status(st, status, NULL);
		return true;
	}
	(void)sp_sip_reply_status(st, 100, NULL); /* a lost caller shows later */
	sp_sip_strans_handle(st, cancelled, setup_done, t->target);
	call_event(call, EV_TARGET_UP, &(struct input){.leg = t->target, .msg = req, .st = st});
	return true;
}

void takeover_refuse(struct transfer *t)
{
	struct leg *leg = t->target;
	const bool ours = 400 == t->status || 488 == t->status; /* no inner matters */

	if (!leg->invite_st || leg->accepted)
		return;
	sp_sip_strans_handle(leg->invite_st, NULL, NULL, NULL);
	leg_refuse(leg, leg->invite_st, t->status, ours ? t->cause : NULL);
	leg->invite_st = mem_deref(leg->invite_st);
}

int takeover_answer(struct transfer *t, const struct sp_sip_msg *rsp, const char **why)
{
	struct leg *leg = t->target;
	struct mbuf *headers = mbuf_alloc(256), *sdp = NULL;
	struct body body = {.mb = NULL};
	int err = headers ? session_answer(&t->next, t->kept, rsp, &sdp, why) : ENOMEM;

	if (!*why)
		*why = "the answer could not be sent to the new caller";
	if (!err)
		err = body_make(&body, NULL, sdp);
	if (!err)
		err = call_put_headers(headers, t->kept, leg, rsp, SP_SIP_INVITE, 200);
	if (!err)
		err = timer_put_answer(headers, leg, sp_sip_strans_request(leg->invite_st));
	if (!err)
		err = leg_reply(leg, leg->invite_st, 200, headers, &body);
	if (!err)
		setup_sent(leg);
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
	return err;
}
