/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/call: a call as an object: made, blamed, over, freed.
 */
#include <string.h>

#include "call_priv.h"

static void call_leave_account(struct sp_call *call)
{
	accounts_end(call->account);
	call->account = NULL;
}

static void destructor(void *arg)
{
	struct sp_call *call = arg;

	sp_timer_cancel(&call->ring);
	list_flush(&call->passes);
	list_unlink(&call->le);
	transfer_close(call);
	retry_close(call);
	call_leave_account(call);
	list_flush(&call->legs);
	session_close(&call->session);
	mem_deref(call->change.st);
	mem_deref(call->target_user);
	mem_deref(call->number);
	mem_deref(call->env);
}

int call_alloc(struct sp_call **cp, struct sp_calls *calls)
{
	struct sp_call *call = mem_zalloc(sizeof(*call), destructor);
	int err = call ? 0 : ENOMEM;

	for (unsigned i = 0; i < 2 && !err; i++)
		err = leg_alloc(&call->leg[i], call, (enum sp_side)i);
	if (err) {
		mem_deref(call);
		return err;
	}
	call->caller = call->leg[SP_SIDE_CALLER];
	call->calls = calls;
	call->env = mem_ref(calls->env);
	call->serial = ++calls->serial;
	call->state = ROUTING;
	call->begun_ms = sp_loop_now_ms(calls->loop);
	call->status = 500;
	sp_id_random(call->id, sizeof(call->id));
	session_init(&call->session);
	list_append(&calls->calls, &call->le, call);
	*cp = call;
	return 0;
}

void call_blame(struct sp_call *call, uint16_t status, const char *cause, const char *warning)
{
	if (call->cause)
		return;
	call->status = status;
	call->cause = cause;
	call->warning = warning;
}

void call_fault(struct sp_call *call, uint16_t status, const char *cause, const char *warning)
{
	call_blame(call, status, cause, warning);
	call_event(call, EV_FAULT, &(struct input){.leg = NULL});
}

const struct sp_conf_interface *call_interface(const struct sp_call *call,
					       const struct sp_trunk *trunk)
{
	const struct sp_conf *conf = call->env->conf;

	for (size_t i = 0; i < conf->trunkc; i++) {
		if (call->env->trunkv[i] == trunk)
			return &conf->interfacev[conf->trunkv[i].interface];
	}
	return NULL;
}

/** Of the two that a message goes between, or, of our own, would. */
static const char *service_name(const struct leg *from, const struct leg *to)
{
	const struct leg *const legv[] = {to, from, leg_other(to)};

	for (size_t i = 0; i < ARRAY_SIZE(legv); i++) {
		const struct sp_trunk *trunk = legv[i] ? legv[i]->trunk : NULL;

		if (trunk && SP_TRUNK_SERVICE == sp_trunk_conf(trunk)->kind)
			return sp_trunk_name(trunk);
	}
	return NULL;
}

void call_headers(struct headers_ctx *ctx, const struct leg *from, const struct leg *to,
		  const struct sp_sip_msg *msg, uint16_t status)
{
	const struct sp_call *call = to->call;

	*ctx = (struct headers_ctx){
		.from = from ? sp_trunk_conf(from->trunk) : NULL,
		.to = sp_trunk_conf(to->trunk),
		.entry = call->entry,
		.number = call->decided,
		.service = service_name(from, to),
		.shown = to->shown,
		.screened = to->screened,
		.numbers = call->env->numbers,
		.msg = msg,
		.invite = call->caller && call->caller->invite_st
				  ? sp_sip_strans_request(call->caller->invite_st)
				  : NULL,
		.method = msg ? msg->method : SP_SIP_INVITE,
		.status = status,
		.emergency = call->emergency,
		.anonymous = call->anonymous && to != call->caller,
		.advertise = to->ifc->sip_advertise,
		.caller = call->number,
		.own_number = call->own_number,
		.called = call->target_user,
	};
}

int call_put_headers(struct mbuf *mb, const struct leg *from, const struct leg *to,
		     const struct sp_sip_msg *msg, enum sp_sip_method method, uint16_t status)
{
	struct headers_ctx ctx;

	call_headers(&ctx, from, to, msg, status);
	ctx.method = method;
	return headers_put(mb, &ctx);
}

static void ring_limit(void *arg)
{
	struct sp_call *call = arg;

	call_event(call, EV_RING_LIMIT, &(struct input){.leg = NULL});
}

/** Start timer C: how long the INVITE that is out may stay without a final response. */
void call_ring(struct sp_call *call)
{
	sp_timer_start(call->calls->loop, &call->ring, call->env->conf->limits.ring_s * 1000ULL,
		       ring_limit, call);
}

/** All legs are through: the object goes when the loop turn ends. */
void act_ended(struct sp_call *call, const struct input *in)
{
	struct sp_calls *calls = call->calls;
	struct le *le;

	(void)in;
	call_over(call);
	for (le = list_head(&call->legs); le; le = le->next) {
		struct leg *leg = le->data;

		leg_uncount(leg);
		straggler_leave(leg);
		dlg_hide(leg);
	}
	list_unlink(&call->le);
	call_leave_account(call);
	calls->count.now--;
	if (call->emergency)
		calls->count.emergency--;
	sp_loop_release(calls->loop, call);
	if (0 == calls->count.now && calls->idleh)
		calls->idleh(calls->idle_arg);
}
