/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/call: a call as an object: made, blamed, over, freed.
 */
#include <string.h>

#include "call_priv.h"

static void destructor(void *arg)
{
	struct sp_call *call = arg;

	sp_timer_cancel(&call->ring);
	list_flush(&call->passes);
	list_unlink(&call->le);
	for (size_t i = 0; i < 2; i++)
		leg_clear(&call->legv[i]);
	mem_deref(call->offer);
	mem_deref(call->relay);
	mem_deref(call->target_user);
	mem_deref(call->env);
}

int call_alloc(struct sp_call **cp, struct sp_calls *calls)
{
	struct sp_call *call = mem_zalloc(sizeof(*call), destructor);

	if (!call)
		return ENOMEM;
	call->calls = calls;
	call->env = mem_ref(calls->env);
	call->state = ROUTING;
	call->begun_ms = sp_loop_now_ms(calls->loop);
	call->status = 500;
	sp_id_random(call->id, sizeof(call->id));
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++)
		call->stream[i] = -1;
	for (unsigned i = 0; i < 2; i++) {
		call->legv[i].call = call;
		call->legv[i].side = (enum sp_side)i;
	}
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

static uint64_t dropped(const struct sp_relay_count *c)
{
	return c->malformed + c->unauthentic + c->replayed + c->early + c->unsent;
}

static int print_seconds(struct re_printf *pf, void *arg)
{
	const uint64_t *ms = arg;

	return re_hprintf(pf, "%llu.%03llu", *ms / 1000, *ms % 1000);
}

void call_over(struct sp_call *call)
{
	struct sp_relay_count in[2];
	uint64_t now = sp_loop_now_ms(call->calls->loop);
	uint64_t talk = call->up_ms ? now - call->up_ms : 0, all = now - call->begun_ms;

	if (call->over)
		return;
	call->over = true;
	pass_end(call);
	sp_timer_cancel(&call->ring);
	sp_relay_count(call->relay, SP_SIDE_CALLER, &in[SP_SIDE_CALLER]);
	sp_relay_count(call->relay, SP_SIDE_CALLEE, &in[SP_SIDE_CALLEE]);
	sp_log(SP_LOG_INFO, "call_end",
	       "call=%s status=%u cause=%H duration_s=%H talk_s=%H from_caller=%llu "
	       "from_callee=%llu dropped_caller=%llu dropped_callee=%llu unauthentic=%llu "
	       "replayed=%llu",
	       call->id, call->up_ms ? 200 : call->status, sp_log_str,
	       call->cause ? call->cause : "internal error", print_seconds, &all, print_seconds,
	       &talk, in[0].relayed, in[1].relayed, dropped(&in[0]), dropped(&in[1]),
	       in[0].unauthentic + in[1].unauthentic, in[0].replayed + in[1].replayed);
	call->offer = mem_deref(call->offer);
	call->relay = mem_deref(call->relay);
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

/** Both legs are through: the object goes when the loop turn ends. */
void act_ended(struct sp_call *call, const struct input *in)
{
	struct sp_calls *calls = call->calls;

	(void)in;
	call_over(call);
	for (size_t i = 0; i < 2; i++) {
		if (call->legv[i].counted)
			sp_trunk_call_end(call->legv[i].trunk);
		call->legv[i].counted = false;
		hash_unlink(&call->legv[i].he);
	}
	list_unlink(&call->le);
	calls->count.now--;
	sp_loop_release(calls->loop, call);
	if (0 == calls->count.now && calls->idleh)
		calls->idleh(calls->idle_arg);
}
