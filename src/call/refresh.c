/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/refresh: what a session timer does (RFC 4028 10). Whose task it is
 * refreshes at half of the interval; who only waits hangs up shortly before it
 * is over, and so do we when our refresh is not answered.
 *
 * A refresh stays on its leg: the other one hears nothing of it. While it is
 * out, no change of either side begins (leg->offering, RFC 3261 14.1).
 */
#include "call_priv.h"

enum {
	MARGIN_MS = 32 * 1000, /* before the end, or a third of the interval if that is less */
	BUSY_MS = 1000,        /* 1 to 2 s: something else is on its way on the leg */
	AGAIN_MS = 2000,       /* least time after a refusal */
	ANSWER_MS = SP_SIP_TIMEOUT_MS + 1000 /* a re-INVITE that nobody has to pick up */
};

static void due(void *arg);

static uint64_t left_ms(const struct leg *leg)
{
	uint64_t now = sp_loop_now_ms(leg->call->calls->loop);

	return leg->timer.end_ms > now ? leg->timer.end_ms - now : 0;
}

/** Something is to be done after that time, at the latest at the end. */
static void wake(struct leg *leg, uint64_t delay_ms)
{
	sp_timer_start(leg->call->calls->loop, &leg->timer.due, MIN(delay_ms, left_ms(leg)), due,
		       leg);
}

static void wake_soon(struct leg *leg)
{
	wake(leg, BUSY_MS + sp_random_below(BUSY_MS));
}

void refresh_begin(struct leg *leg)
{
	struct leg_timer *t = &leg->timer;
	const uint64_t interval = t->expires_s * 1000ULL;

	t->pick = mem_deref(t->pick);
	t->end_ms = sp_loop_now_ms(leg->call->calls->loop) + interval -
		    MIN((uint64_t)MARGIN_MS, interval / 3);
	wake(leg, t->ours ? interval / 2 : interval);
	sp_log(SP_LOG_DEBUG, "session_timer", "call=%s side=%s expires_s=%u refresher=%s",
	       leg->call->id, leg_name(leg), t->expires_s, t->ours ? "gateway" : "peer");
}

/** The leg's peer is gone: both legs are hung up. */
static void give_up(struct leg *leg, const char *cause)
{
	struct sp_call *call = leg->call;

	sp_log(SP_LOG_INFO, "session_expired", "call=%s side=%s trunk=%s why=\"%s\"", call->id,
	       leg_name(leg), sp_trunk_name(leg->trunk), cause);
	timer_stop(leg);
	if (!call->reason[0])
		(void)re_snprintf(call->reason, sizeof(call->reason), "SIP;cause=408");
	call_fault(call, 408, cause, NULL);
}

/** Is it UPDATE, without a description? RFC 4028 7.4 wants that, where it is allowed. */
static bool by_update(const struct leg *leg)
{
	if (leg->timer.no_update)
		return false;
	switch (sp_trunk_conf(leg->trunk)->timer.refresh) {

	case SP_REFRESH_AUTO:
		return leg->peer & PEER_UPDATE;
	case SP_REFRESH_UPDATE:
		return true;
	case SP_REFRESH_INVITE:
		break;
	}
	return false;
}

static bool may_refresh(const struct leg *leg)
{
	const struct sp_call *call = leg->call;

	return (UP == call->state || REFERRED == call->state) && !call->change.by && !call->lent &&
	       LEG_UP == leg->state && call->leg[leg->side] == leg && !leg_is_busy(leg);
}

/** It is tried again; of several failures in a row the first is told. */
static void log_failed(struct leg *leg, uint16_t status, int err)
{
	char why[64];

	if (leg->timer.told)
		return;
	leg->timer.told = true;
	if (status)
		re_snprintf(why, sizeof(why), "%u %s", status, sp_sip_reason(status));
	else
		re_snprintf(why, sizeof(why), "%m", err);
	sp_log(SP_LOG_INFO, "session_refresh_failed", "call=%s side=%s trunk=%s why=\"%s\"",
	       leg->call->id, leg_name(leg), sp_trunk_name(leg->trunk), why);
}

/** After a refusal, or without a connection: some more times before the end. */
static void wake_later(struct leg *leg)
{
	wake(leg, MAX(left_ms(leg) / 4, (uint64_t)AGAIN_MS));
}

static void refused(struct leg *leg, const struct sp_sip_msg *rsp)
{
	uint32_t s;

	if (SP_SIP_UPDATE == rsp->method && (405 == rsp->status || 501 == rsp->status)) {
		leg->timer.no_update = true;
		wake(leg, 0);
		return;
	}
	if (timer_too_short(leg, rsp)) {
		wake(leg, 0);
		return;
	}
	log_failed(leg, rsp->status, 0);
	if (491 == rsp->status) {
		wake(leg, leg_glare_ms(leg));
		return;
	}
	s = policy_retry_after_s(rsp);
	if (s && s * 1000ULL < left_ms(leg))
		wake(leg, s * 1000ULL);
	else
		wake_later(leg);
}

static void accepted(struct leg *leg, const struct sp_sip_msg *rsp)
{
	const char *why = NULL;
	int err;

	leg->timer.told = false;
	(void)sp_sip_dialog_refresh(leg->dlg->sip, rsp);
	if (SP_SIP_INVITE == rsp->method) {
		(void)leg_ack(leg); /* a lost ACK shows by the 2xx coming again */
		err = session_refreshed(leg, rsp, &why);
		if (err) {
			call_fault(leg->call, sdp_status(err), why ? why : "out of memory", NULL);
			return;
		}
	}
	timer_answered(leg, rsp);
}

static void answered(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct leg *leg = arg;

	if (!err && rsp->status < 200) {
		(void)reliable_heard(leg, rsp, false); /* we did not ask for it, and yet */
		return;
	}
	/* Of a re-INVITE: the 2xx again, or one that crossed our BYE (RFC 3261 13.2.2.4). */
	if (!leg->timer.out || leg->state >= LEG_ENDING) {
		if (!err && SP_SIP_INVITE == rsp->method && rsp->status < 300)
			(void)leg_ack(leg);
		return;
	}
	leg->timer.out = leg->offering = false;
	if (!err && 481 == rsp->status) { /* RFC 3261 12.2.1.2 */
		give_up(leg, "the peer no longer knows the call (481 to our refresh)");
	} else if (ETIMEDOUT == err || (!err && 408 == rsp->status)) {
		give_up(leg, "session refresh was not answered");
	} else if (err) { /* its connection went: on another */
		wake_soon(leg);
	} else if (rsp->status < 300) {
		accepted(leg, rsp);
	} else {
		refused(leg, rsp);
	}
}

static int send_refresh(struct leg *leg, enum sp_sip_method method)
{
	struct mbuf *headers = mbuf_alloc(64), *sdp = NULL;
	struct body body = {.mb = NULL};
	int err = headers ? timer_put_request(headers, leg, method) : ENOMEM;

	if (!err && SP_SIP_INVITE == method)
		err = session_write_again(leg, &sdp);
	if (!err)
		err = body_make(&body, NULL, sdp);
	if (!err)
		err = leg_offer(leg, method, headers, &body, answered);
	body_clear(&body);
	mem_deref(sdp);
	mem_deref(headers);
	return err;
}

static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg);

static void refresh(struct leg *leg)
{
	const enum sp_sip_method method = by_update(leg) ? SP_SIP_UPDATE : SP_SIP_INVITE;
	const struct sp_trunk_want any = {.emergency = leg->call->emergency};
	int err = send_refresh(leg, method);

	if (!err) {
		leg->timer.out = true;
		wake(leg, SP_SIP_INVITE == method ? (uint64_t)ANSWER_MS : UINT64_MAX);
		return;
	}
	if (ENOTCONN == err && !leg->timer.pick)
		err = sp_trunk_pick(&leg->timer.pick, leg->trunk, &any, picked, leg);
	if (err) {
		log_failed(leg, 0, err);
		wake_later(leg);
	} else {
		wake(leg, UINT64_MAX);
	}
}

/** A connection for the refresh, where the trunk had none. */
static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct leg *leg = arg;

	(void)host;
	(void)port;
	leg->timer.pick = mem_deref(leg->timer.pick);
	if (err) {
		log_failed(leg, 0, err);
		wake_later(leg);
		return;
	}
	leg_seen_on(leg, conn);
	wake(leg, 0);
}

static void due(void *arg)
{
	struct leg *leg = arg;
	const struct leg_timer *t = &leg->timer;

	if (leg->state >= LEG_ENDING)
		return;
	if (!left_ms(leg)) {
		give_up(leg, t->ours ? "session refresh was not answered"
				     : "the peer did not refresh the session");
	} else if (t->out) { /* it rings, or has no end: it is dead unless it says something now */
		if (leg->invite_ct)
			(void)sp_sip_cancel(leg->invite_ct, NULL);
		wake(leg, UINT64_MAX);
	} else if (may_refresh(leg)) {
		refresh(leg);
	} else {
		wake_soon(leg);
	}
}
