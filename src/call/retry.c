/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/retry: the INVITE once more, elsewhere, before the caller hears of a
 * failure: with a longer session timer (RFC 4028 7.3), to the next target of
 * the trunk (RFC 3263 4.3), to the next trunk of the number's list, or to where
 * a redirect points (RFC 3261 8.1.3.4).
 *
 * A target that does not answer in time, or dies while it rings, is given up with
 * its INVITE still out: that is cancelled, and if somebody answers it after all
 * he is hung up.
 *
 * Each target is given up once, no contact is tried twice, and there are limits
 * on attempts and on their time in all, so it ends.
 */
#include <string.h>

#include "redirect_priv.h"

enum { REDIRECTS_MAX = 5 }; /* INVITEs to contacts */

enum why { WHY_TIMER, WHY_FAILOVER, WHY_TRUNK, WHY_REDIRECT };

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
	uint64_t target;           /* the same as a key */
	struct sp_trunk_want want; /* targets that failed */
	struct redirect redirect;
	unsigned sent, redirects;
	uint64_t sent_ms;         /* when the last one went                   */
	struct sp_timer patience; /* with the target of the last one */
	bool reported;            /* that it was silent               */
	bool stalled;             /* that it got no further than 100  */
	bool described;           /* the caller has got a description */
	char words[64];           /* of retry_words() */
	enum why why;             /* of the next INVITE */
	uint16_t last;
	bool rang; /* the caller has heard of the last one */
	enum rank rank;
	uint16_t status; /* best so far, by rank */
};

static void destructor(void *arg)
{
	struct retry *r = arg;

	sp_timer_cancel(&r->patience);
	redirect_reset(&r->redirect);
	mem_deref(r->host);
}

void retry_close(struct sp_call *call)
{
	call->retry = mem_deref(call->retry);
}

static int begin(struct sp_call *call)
{
	if (!call->retry)
		call->retry = mem_zalloc(sizeof(*call->retry), destructor);
	return call->retry ? 0 : ENOMEM;
}

int retry_target(struct sp_call *call, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris)
{
	char *host = NULL;
	int err = begin(call);
	struct retry *r = call->retry;

	if (!err && !r->redirect.contactc)
		err = redirect_init(&r->redirect, uris->target);
	if (!err)
		err = redirect_uri(&r->redirect, ctx, in, uris);
	if (!err && in->host != r->host)
		err = str_dup(&host, in->host);
	if (err)
		return err;
	r->sent++;
	r->port = in->port;
	r->target = sp_trunk_target(in->conn);
	r->reported = r->stalled = false;
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

bool retry_of_target(const struct sp_conf_trunk *conf, uint16_t status, int err)
{
	if (err && ETIMEDOUT != err)
		return true;
	for (size_t i = 0; i < conf->failover.codec; i++) {
		if (conf->failover.codev[i] == status)
			return true;
	}
	return false;
}

/** Do the limits on attempts let another one be made, for a failure of the target? */
static bool is_allowed(const struct sp_call *call, const struct sp_conf_failover *conf)
{
	const struct retry *r = call->retry;

	return r->sent < conf->tries && (!r->described || conf->early_media) &&
	       sp_loop_now_ms(call->calls->loop) - call->begun_ms < conf->total_s * 1000ULL;
}

/**
 * The target is given up: is there another one, or another trunk? Then r->why says which.
 * up: one that is not known to be down
 */
static bool find_other(struct sp_call *call, bool up)
{
	struct sp_trunk *trunk = call->leg[SP_SIDE_CALLEE]->trunk;
	struct retry *r = call->retry;

	sp_trunk_avoid(&r->want, r->target);
	r->want.emergency = call->emergency;
	if (!is_allowed(call, &sp_trunk_conf(trunk)->failover))
		return false;
	if (sp_trunk_active(trunk) && (up ? sp_trunk_left_up : sp_trunk_left)(trunk, &r->want))
		r->why = WHY_FAILOVER;
	else if (reroute_left(call, up))
		r->why = WHY_TRUNK;
	else
		return false;
	return true;
}

/** Does the INVITE go on? Then r->why says how. */
static bool decide(struct sp_call *call, const struct sp_sip_msg *rsp, bool of_target)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	struct retry *r = call->retry;
	struct redirect *rd = &r->redirect;

	if (422 == r->last && timer_too_short(callee, rsp)) {
		r->why = WHY_TIMER;
		return true;
	}
	if (of_target && find_other(call, false))
		return true;
	if (r->last >= 600)
		return false;
	if (r->last < 400 && sp_trunk_conf(callee->trunk)->follow_redirects)
		redirect_collect(&r->redirect, call, rsp);
	r->want.emergency = call->emergency;
	if (rd->nextc == rd->contactc || r->redirects == REDIRECTS_MAX ||
	    !sp_trunk_left(callee->trunk, &r->want))
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

void retry_heed(const struct leg *leg, uint64_t target, const struct sp_sip_msg *rsp)
{
	const uint32_t after_s = 503 == rsp->status ? policy_retry_after_s(rsp) : 0;

	if (after_s)
		sp_trunk_busy(leg->trunk, target, after_s);
}

bool retry_wanted(struct sp_call *call, const struct sp_sip_msg *rsp, int err)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	struct retry *r = call->retry;
	bool of_target, wanted;

	if (!r || (CALLING != call->state && RINGING != call->state))
		return false;
	sp_timer_cancel(&r->patience);
	r->last = policy_no_response(err);
	if (!err) {
		r->last = rsp->status;
		retry_heed(callee, r->target, rsp);
		sp_trunk_stalled(callee->trunk, r->target, false);
	}
	r->rang = RINGING == call->state;
	of_target = retry_of_target(sp_trunk_conf(callee->trunk), r->last, err);
	wanted = is_repeatable(call) && decide(call, rsp, of_target);
	if (!wanted || (WHY_TIMER != r->why && r->last >= 400))
		note(r, of_target);
	return wanted;
}

bool retry_unreachable(struct sp_call *call)
{
	struct retry *r;

	if (ROUTING != call->state || begin(call))
		return false;
	r = call->retry;
	r->last = 503;
	r->rang = false;
	note(r, true);
	r->why = WHY_TRUNK;
	return is_repeatable(call) && reroute_left(call, false) &&
	       is_allowed(call, &sp_trunk_conf(call->leg[SP_SIDE_CALLEE]->trunk)->failover);
}

/* ---- patience ---- */

/** Given up while its INVITE is out, if there is anywhere else to go; else it may take its time. */
static bool give_up(struct sp_call *call, uint16_t status)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	struct retry *r = call->retry;
	const struct sp_trunk_want before = r->want;

	r->last = status;
	r->rang = RINGING == call->state;
	/* who is slow may answer yet: nobody who is down does it sooner */
	if (!is_repeatable(call) || !find_other(call, 408 == status) ||
	    !straggler_abandon(callee)) {
		r->want = before; /* it may still say where else to go */
		return false;
	}
	note(r, true);
	call_event(call, EV_RETRY, &(struct input){.leg = callee, .err = ETIMEDOUT});
	return true;
}

static void on_patience(void *arg);

static void watch(struct sp_call *call, uint64_t ms)
{
	sp_timer_start(call->calls->loop, &call->retry->patience, ms, on_patience, call);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/** No word in time: none at all, or none but 100. */
static bool is_late(struct sp_call *call, uint64_t *next_ms)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	const uint64_t progress_ms = sp_trunk_conf(callee->trunk)->failover.progress_s * 1000ULL;
	struct retry *r = call->retry;
	const uint64_t waited_ms = sp_loop_now_ms(call->calls->loop) - r->sent_ms;

	if (CALLING != call->state)
		return false;
	if (sp_sip_ctrans_proceeding(callee->invite_ct)) {
		if (waited_ms < progress_ms)
			*next_ms = sooner(*next_ms, progress_ms - waited_ms);
		if (!progress_ms || waited_ms < progress_ms)
			return false;
		if (!r->stalled)
			sp_trunk_stalled(callee->trunk, r->target, true);
		r->stalled = true;
		return true;
	}
	if (!r->reported)
		sp_trunk_unanswered(callee->trunk, r->target);
	r->reported = true;
	return true;
}

/** While it rings too: a target that has lost its connections or its health will not answer. */
static void on_patience(void *arg)
{
	struct sp_call *call = arg;
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	const uint64_t response_ms = sp_trunk_conf(callee->trunk)->failover.response_s * 1000ULL;
	uint64_t next_ms = response_ms, dead_ms;
	bool late;

	if ((CALLING != call->state && RINGING != call->state) || !callee->invite_ct)
		return;
	dead_ms = sp_trunk_dead_ms(callee->trunk, callee->conn);
	late = is_late(call, &next_ms);
	if (dead_ms < response_ms)
		next_ms = sooner(next_ms, response_ms - dead_ms);
	if (dead_ms >= response_ms ? give_up(call, 503) : late && give_up(call, 408))
		return;
	watch(call, next_ms);
}

void retry_sent(struct sp_call *call)
{
	const struct sp_trunk *trunk = call->leg[SP_SIDE_CALLEE]->trunk;
	const unsigned response_s = sp_trunk_conf(trunk)->failover.response_s;

	if (!call->retry || !response_s)
		return;
	call->retry->sent_ms = sp_loop_now_ms(call->calls->loop);
	watch(call, response_s * 1000ULL);
}

void retry_heard(struct sp_call *call, bool described)
{
	struct retry *r = call->retry;

	if (!r)
		return;
	r->described |= described;
	sp_trunk_stalled(call->leg[SP_SIDE_CALLEE]->trunk, r->target, false);
}

/* ---- how it goes on ---- */

const char *retry_words(struct sp_call *call, uint16_t last)
{
	struct retry *r = call->retry;

	if (!r || r->sent < 2)
		return NULL;
	(void)re_snprintf(r->words, sizeof(r->words), "%u attempts, the last one: %u %s", r->sent,
			  last, sp_sip_reason(last));
	return r->words;
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

/** The callee's trunk is another one. @return false: none takes the call */
static bool next_trunk(struct sp_call *call)
{
	struct retry *r = call->retry;
	const char *cause;

	memset(&r->want, 0, sizeof(r->want));
	redirect_reset(&r->redirect);
	memset(&r->redirect, 0, sizeof(r->redirect));
	return SP_TRUNK_LIMIT_NONE == reroute_next(call) &&
	       0 == reroute_session(call, sp_sip_strans_request(call->caller->invite_st), &cause);
}

/** Nothing of the attempt before is left with the callee leg. */
static void reset_callee(struct leg *callee, const struct retry *r)
{
	leg_forget(&callee->invite_ct);
	leg_forget(&callee->update_ct);
	callee->state = LEG_IDLE;
	if (keeps_dialog(r, callee))
		return;
	list_flush(&callee->dlgs);
	callee->dlg = NULL;
	callee->peer = 0;
}

void act_retry(struct sp_call *call, const struct input *in)
{
	static const char *const whys[] = {"422", "failover", "trunk", "redirect"};
	struct leg *callee = in->leg;
	struct retry *r = call->retry;
	const char *from = sp_trunk_name(callee->trunk);

	reset_callee(callee, r);
	if (r->rang && fork_again(call->caller)) {
		call_fault(call, 500, "out of memory", NULL);
		return;
	}
	if (WHY_TRUNK == r->why && !next_trunk(call)) {
		call_event(call, EV_UNREACHABLE, &(struct input){.leg = callee, .err = EBUSY});
		return;
	}
	sp_log(SP_LOG_INFO, "call_retry",
	       "call=%s trunk=%s status=%u why=%s attempt=%u to=%s after_ms=%llu", call->id, from,
	       r->last, whys[r->why], r->sent + 1, sp_trunk_name(callee->trunk),
	       (unsigned long long)(sp_loop_now_ms(call->calls->loop) - call->begun_ms));
	if (WHY_TIMER == r->why)
		call_event(call, EV_PICKED,
			   &(struct input){.leg = callee,
					   .conn = callee->conn,
					   .host = r->host,
					   .port = r->port});
	else
		setup_pick(call);
}
