/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/target: blind transfer: the target is called, on a third leg and a
 * session of its own, in the name of the party that stays. It gets that party's
 * last description as the offer; until it answers, nothing changes for the two
 * that talk.
 */
#include <string.h>

#include "transfer_priv.h"

static void target_response(int err, const struct sp_sip_msg *rsp, void *arg);
static sp_trunk_picked_h picked;

/** Does the leg's transfer still wait for it? */
static struct transfer *waiting(const struct leg *leg)
{
	struct transfer *t = leg->call->transfer;

	return t && t->target == leg && REFERRED == leg->call->state ? t : NULL;
}

/* ---- the INVITE ---- */

/** From, To and Request-URI; the caller is the party that stays. */
static int make_uris(struct headers_uris *uris, const struct headers_ctx *ctx,
		     const struct transfer *t, const char *host, uint16_t port)
{
	const char *party = transfer_party(t->kept);
	const bool known = *party;
	struct sp_conf_trunk as_written;
	struct headers_ctx own = *ctx;
	char number[NUMBERING_SIZE];
	int err;

	if (known && headers_shown(ctx))
		party = headers_shown(ctx);
	if (0 == numbering_out(number, &ctx->to->numbering, party))
		party = number;
	if (t->way.route.own || t->way.route.emergency) { /* not a number of ours to write anew */
		as_written = *ctx->to;
		memset(&as_written.numbering, 0, sizeof(as_written.numbering));
		own.to = &as_written;
	}
	err = headers_uris(uris, &own, t->target->user, party, host, port);
	if (err || known)
		return err;
	mem_deref(uris->local);
	uris->local = NULL;
	return str_dup(&uris->local, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
}

static int put_headers(struct mbuf *mb, const struct transfer *t, const struct headers_ctx *ctx)
{
	const struct invite_with with = invite_with(t->target);
	int err = invite_put_headers(mb, ctx, &with);

	if (!err && t->by)
		err = sp_sip_put(mb, "Referred-By", "%s", t->by);
	if (!err && !*ctx->caller && ctx->to->trusted)
		err = sp_sip_put(mb, "Privacy", "id");
	return err;
}

static int invite(struct transfer *t, struct sp_sip_conn *conn, const char *host, uint16_t port)
{
	struct leg *leg = t->target;
	struct mbuf *headers = mbuf_alloc(512), *sdp = NULL;
	struct body body = {.mb = NULL};
	struct headers_uris uris = {NULL, NULL, NULL};
	struct headers_ctx ctx;
	int err = headers ? 0 : ENOMEM;

	call_headers(&ctx, t->kept, leg, NULL, 0);
	ctx.invite = NULL;
	ctx.initial = true;
	headers_route(&ctx, &t->way.route);
	ctx.caller = transfer_party(t->kept);
	ctx.own_number = way_owns(leg->call->env, t->kept->trunk, ctx.caller,
				  sp_loop_wall_s(leg->call->calls->loop));
	ctx.called = leg->user;
	if (!err)
		err = make_uris(&uris, &ctx, t, host, port);
	if (!err)
		err = leg_uac(leg, conn, uris.local, uris.remote, uris.target);
	if (!err)
		err = put_headers(headers, t, &ctx);
	if (!err)
		err = session_write_offer(&t->next, leg, true, &sdp);
	if (!err)
		err = body_make(&body, NULL, sdp);
	if (!err)
		err = leg_offer(leg, SP_SIP_INVITE, headers, &body, target_response);
	headers_uris_reset(&uris);
	body_clear(&body);
	mem_deref(headers);
	mem_deref(sdp);
	return err;
}

/** To the first trunk of those left that takes the call, with a session to match. */
static uint16_t take_trunk(struct transfer *t, const char **cause)
{
	enum sp_trunk_limit limit = SP_TRUNK_LIMIT_INACTIVE;
	uint16_t status;

	while (limit && t->routed < t->way.trunkc)
		limit = leg_take_trunk(t->target, t->way.trunkv[t->routed++],
				       t->way.route.emergency, NULL);
	*cause = "a limit of the target's trunk is reached";
	if (limit)
		return 503;
	session_close(&t->next);
	memset(&t->next, 0, sizeof(t->next));
	session_init(&t->next);
	*cause = "no media relay for the target";
	if (session_open(&t->next, t->kept, t->target->trunk))
		return 503;
	if (session_offer_again(&t->next, t->kept, t->target, &status, cause))
		return status;
	t->next.initial = true;
	memset(&t->avoid, 0, sizeof(t->avoid));
	t->avoid.emergency = t->way.route.emergency;
	return 0;
}

static int pick(struct transfer *t)
{
	return sp_trunk_pick(&t->target->pick, t->target->trunk, &t->avoid, picked, t->target);
}

/** Call it once more: at another target of the trunk, or another trunk. @return false: no */
static bool elsewhere(struct transfer *t, bool of_trunk)
{
	const struct sp_conf_failover *conf = &sp_trunk_conf(t->target->trunk)->failover;
	const char *cause;

	if (t->invites >= conf->tries)
		return false;
	if (!of_trunk && sp_trunk_left(t->target->trunk, &t->avoid))
		return 0 == pick(t);
	return t->routed < t->way.trunkc && 0 == take_trunk(t, &cause) && 0 == pick(t);
}

static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct leg *leg = arg;
	struct transfer *t = waiting(leg);

	leg->pick = mem_deref(leg->pick);
	if (!t)
		return;
	if (err) {
		if (!elsewhere(t, true))
			transfer_fail(t, 503, "no connection to the target's trunk");
		return;
	}
	t->invites++;
	sp_trunk_avoid(&t->avoid, sp_trunk_target(conn));
	err = invite(t, conn, host, port);
	if (err) {
		transfer_fail(t, ENOTCONN == err ? 503 : 500, "the INVITE could not be sent");
		return;
	}
	sp_log(SP_LOG_INFO, "call_invite", "call=%s trunk=%s target=%H call_id=%s", leg->call->id,
	       sp_trunk_name(leg->trunk), sp_log_str, sp_trunk_target_label(conn),
	       sp_sip_dialog_call_id(leg->dlg->sip));
}

/** Timer C (RFC 3261 16.6, item 11). */
static void ring_limit(void *arg)
{
	transfer_fail(arg, 408, "the target did not answer in time");
}

uint16_t target_begin(struct transfer *t, const char **cause)
{
	struct sp_call *call = t->call;
	uint16_t status;

	*cause = "out of memory";
	if (leg_alloc(&t->target, call, t->referrer->side) ||
	    str_dup(&t->target->user, t->way.route.user))
		return 503;
	leg_show(t->target, &t->way.route);
	t->target->replaces = t->replaces;
	t->replaces = NULL;
	status = take_trunk(t, cause);
	if (status)
		return status;
	sp_timer_start(call->calls->loop, &t->timer, call->env->conf->limits.ring_s * 1000ULL,
		       ring_limit, t);
	*cause = "no connection to the target's trunk";
	return pick(t) ? 503 : 0;
}

/* ---- its responses ---- */

/** The transferor hears that it rings; nobody hears its early media. */
static void provisional(struct leg *leg, const struct sp_sip_msg *rsp)
{
	struct transfer *t = waiting(leg);
	const char *why = NULL;

	if (!t || fork_select(leg, rsp) || !reliable_heard(leg, rsp, false))
		return;
	if (body_has_sdp(rsp) && !leg->dlg->agreed && 0 == session_hear(&t->next, leg, rsp, &why) &&
	    leg->dlg->rseq)
		leg->dlg->agreed = true;
	notify_status(t->referrer, rsp->status);
}

static void accepted(struct leg *leg, const struct sp_sip_msg *rsp)
{
	struct input in = {.leg = leg, .msg = rsp};

	if (leg->acked && leg_is_fork(leg, rsp)) {
		straggler_drop(leg, rsp);
	} else if (leg->acked) {
		(void)leg_ack(leg);
	} else {
		in.err = fork_select(leg, rsp);
		if (ENOMEM == in.err)
			return; /* as in setup.c: it comes again */
		if (waiting(leg))
			call_event(leg->call, EV_TARGET_UP, &in);
		else
			act_late_answer(leg->call, &in); /* it crossed our CANCEL */
	}
}

/** The INVITE may go once more: nothing of the one before is left with the leg. */
static void reset(struct leg *leg)
{
	leg_forget(&leg->invite_ct);
	leg->state = LEG_IDLE;
	list_flush(&leg->dlgs);
	leg->dlg = NULL;
	leg->peer = 0;
}

/** A final failure of the target, while it is waited for: is it called once more? */
static bool again(struct transfer *t, int err, const struct sp_sip_msg *rsp)
{
	struct leg *leg = t->target;
	const struct sp_conf_trunk *conf = sp_trunk_conf(leg->trunk);

	if (!err && timer_too_short(leg, rsp)) { /* RFC 4028 7.3: at the same target */
		leg_forget(&leg->invite_ct);
		leg->state = LEG_IDLE;
		t->avoid.avoidc = 0;
		return 0 == pick(t);
	}
	if (!err)
		retry_heed(leg, sp_trunk_target(leg->conn), rsp);
	if (!retry_of_target(conf, err ? policy_no_response(err) : rsp->status, err))
		return false;
	reset(leg);
	return elsewhere(t, false);
}

static void failed(struct leg *leg, int err, const struct sp_sip_msg *rsp)
{
	struct transfer *t = waiting(leg);
	uint16_t status = err ? policy_no_response(err) : policy_failure(rsp->status);

	if (t && again(t, err, rsp))
		return;
	if (!leg->bye_ct)
		leg_ended(leg);
	if (t)
		transfer_fail(t, status,
			      err ? "no response from the target" : "refused by the target");
}

static void target_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;

	if (err || rsp->status >= 300)
		failed(leg, err, rsp);
	else if (rsp->status >= 200)
		accepted(leg, rsp);
	else
		provisional(leg, rsp);
}
