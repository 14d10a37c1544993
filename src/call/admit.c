/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/admit: what may become a call. Every refusal is answered, counted and
 * logged here, with its cause.
 */
#include "call_priv.h"

static void reply_with(struct sp_sip_strans *st, uint16_t status, const char *name,
		       const struct pl *value)
{
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(128);

	if (mb && 0 == sp_sip_put(mb, name, "%r", value))
		r.headers = mb;
	(void)sp_sip_reply(st, &r); /* no connection left: nobody to tell */
	mem_deref(mb);
}

/** RFC 3261 8.2.2.3: extensions that are required of us; we have none. */
static bool refuse_required(struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_next(req, SP_HDR_REQUIRE, NULL);
	struct sp_sip_reply r = {.status = 420};
	struct mbuf *mb;
	int err;

	if (!hdr)
		return false;
	mb = mbuf_alloc(128);
	err = mb ? 0 : ENOMEM;
	for (; hdr && !err; hdr = sp_sip_msg_next(req, SP_HDR_REQUIRE, hdr))
		err = sp_sip_put(mb, "Unsupported", "%r", &hdr->value);
	r.headers = err ? NULL : mb;
	(void)sp_sip_reply(st, &r); /* no connection left: nobody to tell */
	mem_deref(mb);
	return true;
}

static bool refuse_method(struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct pl allow;

	pl_set_str(&allow, policy_allow);
	switch (req->method) {

	case SP_SIP_INVITE:
	case SP_SIP_BYE:
	case SP_SIP_OPTIONS:
	case SP_SIP_UPDATE:
	case SP_SIP_INFO:
	case SP_SIP_NOTIFY:
		return false;
	case SP_SIP_MESSAGE: /* in a call only: there is no route for others */
		if (req->to_tag.l)
			return false;
		(void)sp_sip_reply_status(st, 403, NULL);
		return true;
	case SP_SIP_OTHER:
		(void)sp_sip_reply_status(st, 501, NULL);
		return true;
	default:
		reply_with(st, 405, "Allow", &allow);
		return true;
	}
}

/** A body that we cannot read as a session description (RFC 3261 8.2.3). */
static bool refuse_body(struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	const struct sp_sip_hdr *encoding = sp_sip_msg_next(req, SP_HDR_CONTENT_ENCODING, NULL);
	const struct pl identity = PL("identity"), sdp = PL("application/sdp");

	if (0 == req->body.l || (SP_SIP_INVITE != req->method && SP_SIP_UPDATE != req->method))
		return false;
	if (encoding && pl_strcasecmp(&encoding->value, "identity")) {
		reply_with(st, 415, "Accept-Encoding", &identity);
		return true;
	}
	if (!session_has_sdp(req)) {
		reply_with(st, 415, "Accept", &sdp);
		return true;
	}
	return false;
}

bool admit_refused(struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	if (refuse_method(st, req))
		return true;
	if (0 == req->max_forwards && SP_SIP_OPTIONS != req->method) {
		(void)sp_sip_reply_status(st, 483, NULL);
		return true;
	}
	return refuse_required(st, req) || refuse_body(st, req);
}

void admit_options(const struct sp_calls *calls, struct sp_sip_strans *st)
{
	const bool in_dialog = sp_sip_strans_request(st)->to_tag.l > 0; /* 11.2: always 200 */
	const bool closed = calls->draining || !calls->env;
	struct sp_sip_reply r = {.status = closed && !in_dialog ? 503 : 200};
	struct mbuf *mb = mbuf_alloc(128);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = sp_sip_put(mb, "Allow", "%s", policy_allow);
	if (!err)
		err = sp_sip_put(mb, "Accept", "application/sdp");
	if (!err)
		err = policy_put_refusal(mb, NULL, r.status, NULL);
	r.headers = err ? NULL : mb;
	(void)sp_sip_reply(st, &r);
	mem_deref(mb);
}

static void log_refused(struct sp_trunk *from, const struct sp_sip_msg *req, uint16_t status,
			const char *cause)
{
	struct pl caller, called = req->uri.user;

	route_caller(req, &caller);
	sp_log(SP_LOG_INFO, "call_refused",
	       "trunk=%s status=%u cause=%H caller=%H called=%H call_id=%H", sp_trunk_name(from),
	       status, sp_log_str, cause, sp_log_number, &caller, sp_log_number, &called,
	       sp_log_quote, &req->call_id);
}

/** Limits of the whole gateway. @return 0 or a status */
static uint16_t gateway_limit(const struct sp_calls *calls, const char **cause)
{
	*cause = "draining";
	if (calls->draining || !calls->env)
		return 503;
	*cause = "limits.calls reached";
	return calls->count.now >= calls->env->conf->limits.calls ? 503 : 0;
}

/** The leg's trunk, if it takes one more call. */
static bool take_trunk(struct leg *leg, struct sp_trunk *trunk)
{
	leg->trunk = mem_ref(trunk);
	leg->ifc = sp_trunk_interface(trunk);
	leg->counted = sp_trunk_call_begin(trunk);
	return leg->counted;
}

static void picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct leg *leg = arg;
	struct input in = {.leg = leg, .conn = conn, .host = host, .port = port, .err = err};

	leg->pick = mem_deref(leg->pick);
	call_event(leg->call, err ? EV_UNREACHABLE : EV_PICKED, &in);
}

static void silent(enum sp_side side, void *arg)
{
	struct sp_call *call = arg;

	call_event(call, EV_SILENCE, &(struct input){.leg = &call->legv[side]});
}

/** The media side of a new call: a relay between the two trunks' interfaces. */
static int open_relay(struct sp_call *call, const struct sp_trunk *from, const struct sp_trunk *to)
{
	struct sp_ports **portsv = call->env->portsv;
	const struct sp_conf *conf = call->env->conf;
	struct sp_ports *ports[2] = {NULL, NULL};

	for (size_t i = 0; i < conf->trunkc; i++) {
		if (call->env->trunkv[i] == from)
			ports[SP_SIDE_CALLER] = portsv[conf->trunkv[i].interface];
		if (call->env->trunkv[i] == to)
			ports[SP_SIDE_CALLEE] = portsv[conf->trunkv[i].interface];
	}
	return sp_relay_alloc(&call->relay, call->calls->loop, ports, silent, call);
}

/** Everything that a call needs before it exists for its peers. @return 0 or a status */
static uint16_t prepare(struct sp_call *call, struct sp_trunk *from, const struct route *route,
			struct sp_sip_strans *st, const struct sp_sip_msg *req, const char **cause)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER], *callee = &call->legv[SP_SIDE_CALLEE];
	uint16_t status = 503;
	int err;

	*cause = "the trunk's limit of calls is reached";
	if (!take_trunk(caller, from))
		return 503;
	*cause = "the callee's trunk's limit of calls is reached";
	if (!take_trunk(callee, route->trunk))
		return 503;

	call->entry = route->entry;
	call->max_forwards = req->max_forwards - 1;
	*cause = "out of memory";
	if (str_dup(&call->target_user, route->user) || open_relay(call, from, route->trunk))
		return 503;
	err = leg_uas(caller, st, req);
	if (err) {
		*cause = EBADMSG == err ? "no usable Contact" : "out of memory";
		return EBADMSG == err ? 400 : 503;
	}
	call->delayed = !session_has_body(req) && !session_refuses_delayed(call);
	if (call->delayed)
		return 0;
	return session_offer(caller, req, &status, cause) ? status : 0;
}

static void begin(struct sp_call *call, const struct sp_sip_msg *req)
{
	struct leg *caller = &call->legv[SP_SIDE_CALLER], *callee = &call->legv[SP_SIDE_CALLEE];
	struct sp_calls *calls = call->calls;
	struct pl number, called = req->uri.user;
	int err;

	route_caller(req, &number);
	calls->count.begun++;
	calls->count.now++;
	sp_log(SP_LOG_INFO, "call_start", "call=%s from=%s to=%s caller=%H called=%H call_id=%H",
	       call->id, sp_trunk_name(caller->trunk), sp_trunk_name(callee->trunk), sp_log_number,
	       &number, sp_log_number, &called, sp_log_quote, &req->call_id);
	sp_sip_strans_handle(caller->invite_st, setup_cancelled, setup_done, caller);
	(void)sp_sip_reply_status(caller->invite_st, 100, NULL); /* a lost caller shows later */
	call_ring(call);
	err = sp_trunk_pick(&callee->pick, callee->trunk, picked, callee);
	if (err)
		picked(err, NULL, "", 0, callee);
}

static void refuse(struct sp_sip_strans *st, const struct sp_trunk *from, uint16_t status,
		   const char *warning)
{
	struct sp_sip_reply r = {.status = status};
	struct mbuf *mb = mbuf_alloc(256);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = policy_put_refusal(mb, sp_trunk_interface(from), status, warning);
	r.headers = err ? NULL : mb;
	(void)sp_sip_reply(st, &r);
	mem_deref(mb);
}

void admit_invite(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct sp_trunk *from = sp_trunk_of(sp_sip_strans_conn(st));
	struct sp_call *call = NULL;
	const char *cause = NULL, *warning = NULL;
	struct route route;
	uint16_t status = gateway_limit(calls, &cause);

	if (!status)
		status = route_find(&route, calls->env, from, req, &cause);
	if (!status && call_alloc(&call, calls)) {
		cause = "out of memory";
		status = 503;
	}
	if (!status)
		status = prepare(call, from, &route, st, req, &cause);
	if (!status) {
		begin(call, req);
		return;
	}
	calls->count.refused++;
	log_refused(from, req, status, cause);
	if (488 == status || 400 == status)
		warning = cause; /* what the caller's own message lacks; no inner matters */
	refuse(st, from, status, warning);
	mem_deref(call);
}
