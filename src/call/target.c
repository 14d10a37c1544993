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
	struct sp_conf_trunk as_written;
	struct headers_ctx own = *ctx;
	char number[NUMBERING_SIZE];
	int err;

	if (0 == numbering_out(number, &ctx->to->numbering, party))
		party = number;
	if (t->route.own || t->route.emergency) { /* not a number of ours to write anew */
		as_written = *ctx->to;
		memset(&as_written.numbering, 0, sizeof(as_written.numbering));
		own.to = &as_written;
	}
	err = headers_uris(uris, &own, t->target->user, party, host, port);
	if (err || *party)
		return err;
	mem_deref(uris->local);
	uris->local = NULL;
	return str_dup(&uris->local, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
}

static int put_headers(struct mbuf *mb, const struct transfer *t, const struct headers_ctx *ctx)
{
	int err = setup_put_headers(mb, t->target, ctx);

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
	ctx.entry = t->route.entry;
	ctx.emergency = t->route.emergency;
	ctx.caller = transfer_party(t->kept);
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

static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct leg *leg = arg;
	struct transfer *t = waiting(leg);

	leg->pick = mem_deref(leg->pick);
	if (!t)
		return;
	if (err) {
		transfer_fail(t, 503, "no connection to the target's trunk");
		return;
	}
	err = invite(t, conn, host, port);
	if (err) {
		transfer_fail(t, ENOTCONN == err ? 503 : 500, "the INVITE could not be sent");
		return;
	}
	sp_log(SP_LOG_INFO, "call_invite", "call=%s trunk=%s target=%H call_id=%s", leg->call->id,
	       sp_trunk_name(leg->trunk), sp_log_str, host[0] ? host : "-",
	       sp_sip_dialog_call_id(leg->dlg->sip));
}

/** Timer C (RFC 3261 16.6, item 11). */
static void ring_limit(void *arg)
{
	transfer_fail(arg, 408, "the target did not answer in time");
}

static int pick(struct transfer *t)
{
	const struct sp_trunk_want want = {.emergency = t->route.emergency};

	return sp_trunk_pick_next(&t->target->pick, t->target->trunk, &want, picked, t->target);
}

uint16_t target_begin(struct transfer *t, const char **cause)
{
	struct sp_call *call = t->call;
	uint16_t status;

	*cause = "out of memory";
	if (leg_alloc(&t->target, call, t->referrer->side) ||
	    str_dup(&t->target->user, t->route.user))
		return 503;
	t->target->replaces = t->replaces;
	t->replaces = NULL;
	*cause = "the target's trunk's limit of calls is reached";
	if (!leg_take_trunk(t->target, t->route.trunk, t->route.emergency))
		return 503;
	*cause = "no media relay for the target";
	if (session_open(&t->next, t->kept, t->target->trunk))
		return 503;
	if (session_offer_again(&t->next, t->kept, t->target, &status, cause))
		return status;
	t->next.initial = true;
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
		leg_drop_fork(leg, rsp);
	} else if (leg->acked) {
		(void)leg_ack(leg);
	} else {
		in.err = fork_select(leg, rsp);
		if (waiting(leg))
			call_event(leg->call, EV_TARGET_UP, &in);
		else
			act_late_answer(leg->call, &in); /* it crossed our CANCEL */
	}
}

static void failed(struct leg *leg, int err, const struct sp_sip_msg *rsp)
{
	struct transfer *t = waiting(leg);
	uint16_t status = err ? policy_no_response(err) : policy_failure(rsp->status);

	if (t && !err && timer_too_short(leg, rsp)) { /* once more, RFC 4028 7.3 */
		leg_forget(&leg->invite_ct);
		leg->state = LEG_IDLE;
		if (0 == pick(t))
			return;
	}
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
