/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/retry: the INVITE once more, elsewhere, before the caller hears of a
 * failure: with a longer session timer (RFC 4028 7.3), to the next target of
 * the trunk (RFC 3263 4.3), or to where a redirect points (RFC 3261 8.1.3.4).
 *
 * Each target is given up once, no contact is tried twice, and no INVITE takes
 * longer than the call's timer C allows in all, so it ends.
 */
#include <string.h>

#include "redirect_priv.h"

enum { REDIRECTS_MAX = 5 }; /* INVITEs to contacts */

enum why { WHY_TIMER, WHY_FAILOVER, WHY_REDIRECT };

/* What is told to the caller in the end: the highest, and of these the first. */
enum rank {
	RANK_NONE,
	RANK_TARGET,   /* this target could not, another might have                */
	RANK_REDIRECT, /* one that was not followed                                */
	RANK_OTHER,
	RANK_GLOBAL /* 6xx: nobody else is to be asked (RFC 3261 16.7)          */
};

struct retry {
	char *host; /* the target of the last INVITE, as picked */
	uint16_t port;
	struct sp_trunk_want want; /* targets that failed */
	struct redirect redirect;
	unsigned sent, redirects;
	enum why why; /* of the next INVITE */
	uint16_t last;
	bool rang; /* the caller has heard of the last one */
	enum rank rank;
	uint16_t status; /* best so far, by rank */
};

static void destructor(void *arg)
{
	struct retry *r = arg;

	redirect_reset(&r->redirect);
	mem_deref(r->host);
}

void retry_close(struct sp_call *call)
{
	call->retry = mem_deref(call->retry);
}

static int begin(struct sp_call *call, const char *target)
{
	struct retry *r = mem_zalloc(sizeof(*r), destructor);

	if (!r)
		return ENOMEM;
	call->retry = r;
	return redirect_init(&r->redirect, target);
}

int retry_target(struct sp_call *call, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris)
{
	char *host = NULL;
	int err = call->retry ? 0 : begin(call, uris->target);
	struct retry *r = call->retry;

	if (!err)
		err = redirect_uri(&r->redirect, ctx, in, uris);
	if (!err && in->host != r->host)
		err = str_dup(&host, in->host);
	if (err)
		return err;
	r->sent++;
	r->port = in->port;
	if (host) {
		mem_deref(r->host);
		r->host = host;
	}
	return 0;
}

void retry_want(const struct sp_call *call, struct sp_trunk_want *want)
{
	const struct retry *r = call->retry;

	memset(want, 0, sizeof(*want));
	if (r)
		*want = r->want;
	want->emergency = call->emergency;
	if (r && r->redirect.now) {
		want->host = redirect_now(&r->redirect)->host;
		want->port = redirect_now(&r->redirect)->port;
	}
}

/* ---- what a failure means ---- */

/**
 * Is this a failure of the target, not of the call? No connection is one
 * always (RFC 3263 4.3), no response where the trunk says so of 408.
 */
static bool is_target_failure(const struct sp_conf_trunk *conf, uint16_t status, int err)
{
	if (err && ETIMEDOUT != err)
		return true;
	for (size_t i = 0; i < conf->failoverc; i++) {
		if (conf->failoverv[i] == status)
			return true;
	}
	return false;
}

static bool has_targets_left(const struct retry *r, const struct sp_conf_trunk *conf)
{
	return conf->targetc < 2 || r->want.avoidc < conf->targetc;
}

/** Does the INVITE go on? Then r->why says how. */
static bool decide(struct sp_call *call, const struct sp_sip_msg *rsp, bool of_target)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	const struct sp_conf_trunk *conf = sp_trunk_conf(callee->trunk);
	struct retry *r = call->retry;
	struct redirect *rd = &r->redirect;

	if (422 == r->last && timer_too_short(callee, rsp)) {
		r->why = WHY_TIMER;
		return true;
	}
	if (of_target && conf->targetc > 1) {
		sp_trunk_avoid(&r->want, r->host, r->port);
		if (has_targets_left(r, conf)) {
			r->why = WHY_FAILOVER;
			return true;
		}
	}
	if (r->last >= 600)
		return false;
	if (r->last < 400 && conf->follow_redirects)
		redirect_collect(&r->redirect, call, rsp);
	if (rd->nextc == rd->contactc || r->redirects == REDIRECTS_MAX ||
	    !has_targets_left(r, conf))
		return false;
	rd->now = rd->nextc++;
	r->redirects++;
	r->why = WHY_REDIRECT;
	return true;
}

/**
 * Can the INVITE be written once more? Its offer is still the open one, or there
 * was none and none has come; and the caller can be told of another dialog.
 */
static bool is_repeatable(const struct sp_call *call)
{
	const struct session *s = &call->session;

	if (!call->caller || list_count(&call->caller->dlgs) >= LEG_DIALOGS_MAX)
		return false;
	return call->delayed ? !s->offer : s->initial && s->offer;
}

/** A choice as RFC 3261 16.7, item 6, makes it of a proxy's branches. */
static void note(struct retry *r, bool of_target)
{
	enum rank rank = of_target ? RANK_TARGET : RANK_OTHER;

	if (r->last < 400)
		rank = RANK_REDIRECT;
	else if (r->last >= 600)
		rank = RANK_GLOBAL;
	if (rank <= r->rank)
		return;
	r->rank = rank;
	r->status = r->last;
}

bool retry_wanted(struct sp_call *call, const struct sp_sip_msg *rsp, int err)
{
	struct retry *r = call->retry;
	bool of_target, wanted;

	if (!r || (CALLING != call->state && RINGING != call->state))
		return false;
	r->last = policy_no_response(err);
	if (!err)
		r->last = rsp->status;
	r->rang = RINGING == call->state;
	of_target =
		is_target_failure(sp_trunk_conf(call->leg[SP_SIDE_CALLEE]->trunk), r->last, err);
	wanted = is_repeatable(call) && decide(call, rsp, of_target);
	if (!wanted || (WHY_TIMER != r->why && r->last >= 400))
		note(r, of_target);
	return wanted;
}

uint16_t retry_status(const struct sp_call *call, uint16_t status)
{
	const struct retry *r = call->retry;

	return r && r->rank ? r->status : status;
}

/** RFC 3261 8.1.3.5: in the same dialog, unless a provisional has made another of it. */
static bool keeps_dialog(const struct retry *r, const struct leg *callee)
{
	return WHY_TIMER == r->why && !*sp_sip_dialog_remote_tag(callee->dlg->sip);
}

void act_retry(struct sp_call *call, const struct input *in)
{
	static const char *const whys[] = {"422", "failover", "redirect"};
	struct leg *callee = in->leg;
	struct retry *r = call->retry;

	sp_log(SP_LOG_INFO, "call_retry", "call=%s trunk=%s status=%u why=%s attempt=%u", call->id,
	       sp_trunk_name(callee->trunk), r->last, whys[r->why], r->sent + 1);
	leg_forget(&callee->invite_ct);
	leg_forget(&callee->update_ct);
	callee->state = LEG_IDLE;
	if (!keeps_dialog(r, callee)) {
		list_flush(&callee->dlgs);
		callee->dlg = NULL;
		callee->peer = 0;
	}
	if (r->rang && fork_again(call->caller))
		call_fault(call, 500, "out of memory", NULL);
	else if (WHY_TIMER == r->why)
		call_event(call, EV_PICKED,
			   &(struct input){.leg = callee,
					   .conn = callee->conn,
					   .host = r->host,
					   .port = r->port});
	else
		setup_pick(call);
}
