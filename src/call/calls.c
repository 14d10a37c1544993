/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/calls: all calls. Requests from the SIP layer find their leg here, by
 * our own tag, and only from the trunk that the leg belongs to.
 */
#include "call_priv.h"

enum { DIALOG_BUCKETS = 16384, GRANT_BUCKETS = 4096 };

static void destructor(void *arg)
{
	struct sp_calls *cs = arg;

	list_flush(&cs->calls);
	list_flush(&cs->stragglers);
	mem_deref(cs->dlgs);
	mem_deref(cs->grants);
	mem_deref(cs->overload);
	mem_deref(cs->accounts);
	mem_deref(cs->media);
	mem_deref(cs->env);
}

int sp_calls_alloc(struct sp_calls **cp, struct sp_loop *loop, struct sp_sip *sip)
{
	struct sp_calls *cs = mem_zalloc(sizeof(*cs), destructor);
	int err;

	if (!cs)
		return ENOMEM;
	cs->loop = loop;
	cs->sip = sip;
	sp_quiet_init(&cs->limited_log, 1, 1, sp_loop_now_ms(loop));
	sp_hashkey_init(&cs->key);
	err = hash_alloc(&cs->dlgs, DIALOG_BUCKETS);
	if (!err)
		err = hash_alloc(&cs->grants, GRANT_BUCKETS);
	if (!err)
		err = accounts_alloc(&cs->accounts, loop);
	if (!err)
		err = sp_media_alloc(&cs->media, loop);
	if (err)
		mem_deref(cs);
	else
		*cp = cs;
	return err;
}

/* We made these ids, but a peer may keep those calls alone that would meet. */
uint32_t calls_key(const struct sp_calls *calls, const char *id, size_t len)
{
	return (uint32_t)sp_hash(&calls->key, id, len);
}

void sp_calls_env(struct sp_calls *cs, struct sp_call_env *env)
{
	struct sp_call_env *old = cs->env;

	cs->env = mem_ref(env);
	mem_deref(old);
}

void sp_calls_overload(struct sp_calls *cs, struct sp_overload *o)
{
	mem_ref(o);
	mem_deref(cs->overload);
	cs->overload = o;
}

void sp_calls_drain(struct sp_calls *cs)
{
	cs->draining = true;
}

void sp_calls_end(struct sp_calls *cs)
{
	struct le *le = cs->calls.head;

	while (le) {
		struct sp_call *call = le->data;

		le = le->next; /* the event may take the call off the list ... */
		call_event(call, EV_SHUTDOWN, &(struct input){.leg = NULL});
		if (le && !le->list) /* ... and, when a transfer joins them, the next one, too */
			le = list_head(&cs->calls);
	}
}

void sp_calls_count(const struct sp_calls *cs, struct sp_calls_count *out)
{
	*out = cs->count;
}

void sp_calls_media(const struct sp_calls *cs, struct sp_relay_count *out)
{
	sp_media_count(cs->media, out);
}

void sp_calls_idle(struct sp_calls *cs, sp_calls_idle_h *h, void *arg)
{
	cs->idleh = h;
	cs->idle_arg = arg;
}

/** BYE: answered whatever becomes of the call (RFC 3261 15.1.2). */
static void take_bye(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	if (LEG_EARLY == leg->state && leg->uac) {
		leg_refuse(leg, st, 481, NULL); /* 15: not the callee's on an early dialog */
		return;
	}
	(void)sp_sip_reply_status(st, 200, NULL);
	if (transfer_bye(leg, req))
		return;
	call_event(leg->call, EV_BYE, &(struct input){.leg = leg, .msg = req, .st = st});
}

/** UPDATE without a description: only the session timer is refreshed. */
static void reply_update(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct mbuf *headers = mbuf_alloc(64);
	int err = headers ? timer_put_answer(headers, leg, req) : ENOMEM;
	const bool made = !err;

	if (made)
		err = leg_reply(leg, st, 200, headers, NULL);
	if (!made || ENOMEM == err)
		leg_refuse(leg, st, 500, NULL);
	mem_deref(headers);
}

/** A session refresh: the description is what it was, so the other leg need not know. */
static bool answer_refresh(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct mbuf *headers = NULL, *sdp = NULL;
	struct body body = {.mb = NULL};
	const bool invite = SP_SIP_INVITE == req->method;
	bool made;
	int err;

	if ((UP != leg->call->state && REFERRED != leg->call->state) || leg->call->lent ||
	    !leg_is_current(leg) || leg_is_busy(leg) || !session_unchanged(leg, req, &sdp))
		return false;
	headers = mbuf_alloc(64);
	err = headers ? timer_put_answer(headers, leg, req) : ENOMEM;
	if (!err)
		err = body_make(&body, NULL, sdp);
	made = !err;
	if (made)
		err = leg_reply(leg, st, 200, headers, &body);
	if (!made || ENOMEM == err) {
		leg_refuse(leg, st, 500, NULL);
	} else if (!err && invite) {
		setup_await(leg, st); /* its ACK */
		setup_sent(leg);
	}
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
	return true;
}

/** Re-INVITE, UPDATE. */
static void take_change(struct dlg *dlg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct leg *leg = dlg->leg;
	struct sp_call *call = leg->call;
	const struct input in = {.leg = leg, .dlg = dlg, .msg = req, .st = st};

	(void)sp_sip_dialog_refresh(dlg->sip, req); /* a bad Contact leaves the old one */
	leg_learn(leg, req);
	if (timer_refused(leg->trunk, leg, st, req))
		return;
	if (answer_refresh(leg, st, req))
		return;
	if (SP_SIP_UPDATE == req->method && !req->body.l) {
		reply_update(leg, st, req);
		return;
	}
	call_event(call, call->change.by || call->lent || leg_is_busy(leg) ? EV_GLARE : EV_CHANGE,
		   &in);
}

static void in_dialog(struct sp_calls *cs, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct dlg *dlg = dlg_find(cs, req);
	struct leg *leg = dlg ? dlg->leg : NULL;

	/* only its own trunk may speak to it */
	if (!leg || sp_trunk_of(sp_sip_strans_conn(st)) != leg->trunk || LEG_ENDED == leg->state) {
		(void)sp_sip_reply_status(st, 481, NULL);
		return;
	}
	switch (sp_sip_dialog_check(dlg->sip, req)) {

	case 0:
		break;
	case EILSEQ:
		leg_refuse(leg, st, 500, NULL); /* RFC 3261 12.2.2 */
		return;
	default:
		(void)sp_sip_reply_status(st, 481, NULL);
		return;
	}
	leg_seen_on(leg, sp_sip_strans_conn(st));
	if (transfer_request(leg, st, req))
		return;
	switch (req->method) {

	case SP_SIP_BYE:
		take_bye(leg, st, req);
		break;
	case SP_SIP_INVITE:
	case SP_SIP_UPDATE:
		take_change(dlg, st, req);
		break;
	case SP_SIP_PRACK:
		reliable_pracked(dlg, st, req);
		break;
	case SP_SIP_REFER:
		refer_request(leg, st, req);
		break;
	case SP_SIP_INFO:
	case SP_SIP_MESSAGE:
	case SP_SIP_NOTIFY:
		pass_request(leg, st, req);
		break;
	default:
		admit_options(cs, st);
		break;
	}
}

void sp_calls_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct sp_calls *cs = arg;

	if (screen_refused(cs, st, req))
		return;
	if (req->to_tag.l) {
		in_dialog(cs, st, req);
		return;
	}
	switch (req->method) {

	case SP_SIP_INVITE:
		admit_invite(cs, st, req);
		break;
	case SP_SIP_OPTIONS:
		admit_options(cs, st);
		break;
	default:
		(void)sp_sip_reply_status(st, 481, NULL); /* BYE, UPDATE: of what dialog? */
		break;
	}
}

void sp_calls_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	struct sp_calls *cs = arg;
	struct dlg *dlg = dlg_find(cs, ack);
	struct leg *leg = dlg ? dlg->leg : NULL;

	if (!leg || sp_trunk_of(c) != leg->trunk || !leg->invite_st || !leg->accepted ||
	    sp_sip_strans_request(leg->invite_st)->cseq != ack->cseq ||
	    /* EILSEQ: a later INVITE was refused in between */
	    ENOENT == sp_sip_dialog_check(dlg->sip, ack))
		return;
	leg_seen_on(leg, c);
	sp_sip_strans_acked(leg->invite_st);
	leg->invite_st = mem_deref(leg->invite_st);
	leg->accepted = false;
	leg_confirmed(leg);
	call_event(leg->call, EV_ACK, &(struct input){.leg = leg, .msg = ack});
}
