/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/admit: what may become a call. Every refusal is answered, counted and
 * logged here, with its cause.
 */
#include <string.h>

#include "sallyport/trunk_scan.h"
#include "transfer_priv.h"

void admit_log_refused(const struct sp_trunk *from, const struct sp_sip_msg *req, uint16_t status,
		       const char *cause)
{
	struct pl caller, called = req->uri.user;

	route_caller(req, &caller);
	sp_log(SP_LOG_INFO, "call_refused",
	       "trunk=%s status=%u cause=%H caller=%H called=%H call_id=%H", sp_trunk_name(from),
	       status, sp_log_str, cause, sp_log_number, &caller, sp_log_number, &called,
	       sp_log_quote, &req->call_id);
}

/** Why an INVITE becomes no call. */
struct verdict {
	const char *cause;
	const char *limit; /* of the gateway, that said no, or NULL */
	bool logged;       /* the room that said no has logged it   */
};

/** Is not every new call let in? */
static bool is_overloaded(const struct sp_calls *calls)
{
	struct sp_overload_state state;

	sp_overload_state(calls->overload, &state);
	return state.overloaded;
}

void admit_options(const struct sp_calls *calls, struct sp_sip_strans *st)
{
	const struct sp_trunk *from = sp_trunk_of(sp_sip_strans_conn(st));
	const struct sp_conf_trunk *conf = sp_trunk_conf(from);
	const bool in_dialog = sp_sip_strans_request(st)->to_tag.l > 0; /* 11.2: always 200 */
	const bool closed =
		calls->draining || !calls->env || !sp_trunk_active(from) || is_overloaded(calls);
	struct sp_sip_reply r = {.status = closed && !in_dialog ? 503 : 200};
	struct mbuf *mb = mbuf_alloc(128);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = policy_put_allow(mb, conf);
	if (!err)
		err = policy_put_supported(mb, conf, true);
	if (!err)
		err = sp_sip_put(mb, "Accept", "%s", screen_accept);
	if (!err)
		err = policy_put_refusal(mb, NULL, r.status, NULL,
					 sp_overload_retry_after_s(calls->overload));
	r.headers = err ? NULL : mb;
	(void)sp_sip_reply(st, &r);
	mem_deref(mb);
}

/** The gateway's own limit of calls. @return 0 or a status */
static uint16_t gateway_limit(const struct sp_calls *calls, struct verdict *v)
{
	v->cause = "draining";
	if (calls->draining)
		return 503;
	v->cause = v->limit = "limits.calls";
	if (calls->count.now - calls->count.emergency >= calls->env->conf->limits.calls)
		return 503;
	v->limit = NULL;
	return 0;
}

/** A limit of the gateway may refuse many calls a second. */
static void log_limit(struct sp_calls *calls, const struct sp_trunk *from, const char *limit)
{
	const uint64_t n = sp_quiet_count(&calls->limited_log, sp_loop_now_ms(calls->loop));

	if (n)
		sp_log(SP_LOG_WARN, "limit_reached", "limit=%s trunk=%s refused=%llu", limit,
		       sp_trunk_name(from), (unsigned long long)n);
}

static void log_refused(struct sp_calls *calls, const struct sp_trunk *from,
			const struct sp_sip_msg *req, uint16_t status, const struct verdict *v)
{
	if (v->limit)
		log_limit(calls, from, v->limit);
	else if (!v->logged)
		admit_log_refused(from, req, status, v->cause);
}

/* Cheap on purpose: under overload most calls end here. */
unsigned sp_calls_shed(struct sp_sip_conn *c, const struct sp_sip_msg *invite, void *arg)
{
	struct sp_calls *calls = arg;
	struct sp_trunk *from = sp_trunk_of(c);
	const bool emergency = route_is_emergency(sp_trunk_conf(from), invite);
	const bool fits = emergency || sp_trunk_call_fits(from, SP_TRUNK_IN, sp_trunk_peer_addr(c));

	/* what its own limits refuse takes nothing of the others' share */
	if (fits ? sp_overload_admit(calls->overload,
				     emergency ? SP_PRIORITY_EMERGENCY : SP_PRIORITY_NORMAL)
		 : !is_overloaded(calls))
		return 0;
	calls->count.refused++;
	log_limit(calls, from, "overload");
	return sp_overload_retry_after_s(calls->overload);
}

static int take_way(struct sp_call *call, const struct way *way)
{
	const struct route *route = &way->route;
	int err = str_dup(&call->target_user, route->user);

	call->routec = way->trunkc;
	memcpy(call->routev, way->trunkv, sizeof(call->routev));
	call->emergency = route->emergency;
	call->entry = route->entry;
	call->own_number = route->by_caller;
	memcpy(call->decided, route->number, sizeof(call->decided));
	leg_show(call->leg[SP_SIDE_CALLEE], route);
	return err ? err : str_dup(&call->number, route->caller);
}

/** A limit of the trunk says no. @return the status that the trunk wants then */
static uint16_t limited(const struct sp_trunk *trunk, enum sp_trunk_limit limit, struct verdict *v)
{
	const struct sp_conf_trunk *conf = sp_trunk_conf(trunk);

	v->logged = SP_TRUNK_LIMIT_INACTIVE != limit;
	v->cause = "a limit of the trunk is reached";
	return conf->limits.status && SP_TRUNK_LIMIT_INACTIVE != limit ? conf->limits.status : 503;
}

/** The two trunks, and the account, take one more call. @return 0 or a status */
static uint16_t take_places(struct sp_call *call, struct sp_trunk *from,
			    const struct sp_sip_conn *conn, struct verdict *v)
{
	const struct leg *callee = call->leg[SP_SIDE_CALLEE];
	enum sp_trunk_limit limit = leg_take_trunk(call->caller, from, call->emergency, conn);

	if (limit)
		return limited(from, limit, v);
	if (!call->emergency) {
		v->logged = accounts_begin(call->calls->accounts, &call->env->conf->limits,
					   call->entry->account, &call->account) != NULL;
		v->cause = "a limit of the account is reached";
		if (v->logged)
			return 503;
	}
	limit = reroute_next(call);
	return limit ? limited(callee->trunk, limit, v) : 0;
}

/** Everything that a call needs before it exists for its peers. @return 0 or a status */
static uint16_t prepare(struct sp_call *call, struct sp_trunk *from, const struct way *way,
			struct sp_sip_strans *st, const struct sp_sip_msg *req, struct verdict *v)
{
	struct leg *caller = call->caller, *callee = call->leg[SP_SIDE_CALLEE];
	uint16_t status;
	int err;

	call->anonymous = identity_withheld(req);
	call->max_forwards = req->max_forwards - 1;
	v->cause = "out of memory";
	if (take_way(call, way))
		return 503;
	status = take_places(call, from, sp_sip_strans_conn(st), v);
	if (status)
		return status;
	err = leg_uas(caller, st, req);
	if (err) {
		v->cause = EBADMSG == err ? "no usable Contact" : "out of memory";
		return EBADMSG == err ? 400 : 503;
	}
	call->delayed = !body_has_sdp(req) && !session_refuses_delayed(from, callee->trunk);
	call->offerless = call->delayed;
	if (!call->delayed && !body_has_sdp(req)) {
		v->cause =
			sp_trunk_conf(from)->refuse_delayed
				? "a session description (application/sdp) is needed: "
				  "delayed_offer of this trunk refuses INVITE without one"
				: "a session description (application/sdp) is needed: "
				  "delayed_offer of the callee's trunk refuses INVITE without one";
		return 488;
	}
	return reroute_session(call, req, &v->cause);
}

/** The callee's INVITE replaces a dialog over there. @return 0 or a status */
static uint16_t take_replaced(struct sp_call *call, const struct replaced *replaced,
			      const struct sp_sip_msg *req, const char **cause)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];

	*cause = "out of memory";
	callee->replaces_required =
		replaced->required || sp_sip_msg_lists(req, SP_HDR_REQUIRE, "replaces");
	return replaces_dup(&callee->replaces, &replaced->ids) ? 503 : 0;
}

/** Whose the call is, and what its entry says that an operator wants to see. */
static int print_of(struct re_printf *pf, const struct sp_call *call)
{
	const struct sp_number_entry *entry = call->entry;
	struct pl location;
	int err = 0;

	if (entry->account->name[0])
		err = re_hprintf(pf, " account=%H", sp_log_str, entry->account->name);
	if (!err && entry->label[0])
		err = re_hprintf(pf, " label=%H", sp_log_str, entry->label);
	if (!err && call->emergency)
		err = re_hprintf(pf, " emergency=yes");
	if (err || !call->emergency || !call->own_number || !entry->location[0])
		return err;
	pl_set_str(&location, entry->location);
	return re_hprintf(pf, " location=%H", sp_log_number, &location);
}

static void begin(struct sp_call *call, const struct sp_sip_msg *req)
{
	struct leg *caller = call->caller, *callee = call->leg[SP_SIDE_CALLEE];
	struct sp_calls *calls = call->calls;
	struct pl number, called = req->uri.user;

	route_caller(req, &number);
	calls->count.begun++;
	calls->count.now++;
	if (call->emergency)
		calls->count.emergency++;
	sp_log(SP_LOG_INFO, "call_start", "call=%s from=%s to=%s caller=%H called=%H%H call_id=%H",
	       call->id, sp_trunk_name(caller->trunk), sp_trunk_name(callee->trunk), sp_log_number,
	       &number, sp_log_number, &called, print_of, call, sp_log_quote, &req->call_id);
	sp_sip_strans_handle(caller->invite_st, setup_cancelled, setup_done, caller);
	(void)sp_sip_reply_status(caller->invite_st, 100, NULL); /* a lost caller shows later */
	call_ring(call);
	setup_pick(call);
}

static void refuse(struct sp_sip_strans *st, const struct sp_trunk *from, uint16_t status,
		   const struct verdict *v)
{
	/* what the caller's own message lacks; no inner matters */
	const char *warning = 488 == status || 400 == status ? v->cause : NULL;
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(256);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = policy_put_refusal(mb, sp_trunk_interface(from), status, warning, 0);
	r.headers = err ? NULL : mb;
	(void)sp_sip_reply(st, &r);
	mem_deref(mb);
}

/**
 * Does it try too many numbers? Then not even the table is asked, and the answer
 * is that of a service's unknown number: it says nothing of the one that was called.
 * @return 0 or a status
 */
static uint16_t scanned(struct sp_trunk *from, const struct sp_sip_msg *req, struct verdict *v)
{
	if (route_is_emergency(sp_trunk_conf(from), req) || sp_trunk_scan_admit(from))
		return 0;
	v->logged = true;
	v->cause = "unknown_per_minute of the trunk is used up";
	return 403;
}

/**
 * It is the dialog that leads there, not the number: that is taken from who is
 * there, lest Replaces open numbers that are not in the table.
 */
static uint16_t way_to_replaced(struct way *way, const struct sp_calls *calls,
				struct replaced *replaced, const char **cause)
{
	const struct leg *far = replaced->leg;
	const char *party = transfer_party(far);
	struct route *route = &way->route;
	uint16_t status;

	if (way->trunkc && way->trunkv[0] == far->trunk) {
		way->trunkc = 1; /* no other trunk has the dialog, or is to learn of it */
		return 0;
	}
	*cause = "Replaces names a dialog with nobody whose number is known";
	if (!*party)
		return 404;
	/* its call may be of a configuration before, whose entries end with it */
	status = way_to(way, calls->env, far->trunk, far->call->decided,
			sp_loop_wall_s(calls->loop), cause);
	if (status)
		return status;
	route->emergency = route->own = false;
	str_ncpy(route->user, party, sizeof(route->user));
	replaced->required = true; /* who does not know Replaces must not ring */
	return 0;
}

void admit_invite(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct sp_trunk *from = sp_trunk_of(sp_sip_strans_conn(st));
	struct sp_call *call = NULL;
	struct verdict v = {.cause = "draining"};
	struct replaced replaced = {.leg = NULL};
	struct way way = {.trunkc = 0};
	uint16_t status = calls->env ? 0 : 503;

	if (timer_refused(from, NULL, st, req))
		return;
	if (!status)
		status = replaces_invite(&replaced, calls, from, req, &v.cause);
	if (!status)
		status = scanned(from, req, &v);
	if (!status)
		status = way_find(&way, calls->env, from, req, sp_loop_wall_s(calls->loop),
				  &v.cause);
	if (replaced.leg && (!status || 404 == status))
		status = way_to_replaced(&way, calls, &replaced, &v.cause);
	way_tried(&way, from, status);
	if (!status && !way.route.emergency)
		status = gateway_limit(calls, &v);
	if (!status && replaced.leg && takeover_invite(replaced.leg, from, st, req))
		return;
	if (!status && call_alloc(&call, calls)) {
		v.cause = "out of memory";
		status = 503;
	}
	if (!status)
		status = prepare(call, from, &way, st, req, &v);
	if (!status && replaced.leg)
		status = take_replaced(call, &replaced, req, &v.cause);
	if (!status) {
		begin(call, req);
		return;
	}
	calls->count.refused++;
	log_refused(calls, from, req, status, &v);
	refuse(st, from, status, &v);
	mem_deref(call);
}
