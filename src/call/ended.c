/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/ended: what the log says of a call that is over, its media above all: packets as
 * they came from each side and what became of them, and how well they travelled.
 */
#include <string.h>

#include "call_priv.h"

static uint64_t dropped(const struct sp_relay_count *c)
{
	return c->malformed + c->unauthentic + c->duplicate + c->replayed + c->expired + c->early +
	       c->unsent + c->foreign;
}

static int print_seconds(struct re_printf *pf, void *arg)
{
	const uint64_t *ms = arg;

	return re_hprintf(pf, "%llu.%03llu", *ms / 1000, *ms % 1000);
}

static int print_ms(struct re_printf *pf, void *arg)
{
	const uint32_t *us = arg;

	return re_hprintf(pf, "%u.%u", *us / 1000, *us % 1000 / 100);
}

/** One direction of a stream. What the far end has not told is left out. */
static int print_flow(struct re_printf *pf, void *arg)
{
	struct sp_relay_flow *f = arg;
	int err;

	err = re_hprintf(pf,
			 "rtp %llu, bytes %llu, rtcp %llu, lost %llu, late %llu, duplicate %llu, "
			 "unauthentic %llu, replayed %llu, jitter_ms %H, gap_ms %u",
			 f->rtp, f->rtp_bytes, f->rtcp, f->lost, f->late, f->count.duplicate,
			 f->count.unauthentic, f->count.replayed, print_ms, &f->jitter_max_us,
			 f->gap_ms);
	if (!err && f->rtt_us)
		err = re_hprintf(pf, ", rtt_ms %H", print_ms, &f->rtt_us);
	if (!err && f->far_told)
		err = re_hprintf(pf, ", far_lost %llu, far_jitter_ms %H", f->far_lost, print_ms,
				 &f->far_jitter_us);
	return err;
}

/** RTP packets that came from side, of all sessions that the call had. */
static uint64_t rtp_of(const struct sp_call *call, enum sp_side side)
{
	const struct sp_relay *relay = call->over ? NULL : call->session.relay;
	uint64_t n = call->rtp[side];

	for (size_t i = 0; i < sp_relay_streams(relay); i++) {
		struct sp_relay_flow flow;

		if (!sp_relay_flow(relay, i, side, &flow))
			n += flow.rtp;
	}
	return n;
}

const char *call_media_name(const struct sp_call *call)
{
	const bool caller = rtp_of(call, SP_SIDE_CALLER), callee = rtp_of(call, SP_SIDE_CALLEE);

	if (caller)
		return callee ? "both ways" : "one way, from the caller only";
	return callee ? "one way, from the callee only" : "none";
}

static bool is_one_way(const struct sp_call *call)
{
	return !rtp_of(call, SP_SIDE_CALLER) != !rtp_of(call, SP_SIDE_CALLEE);
}

void call_count_media(struct sp_call *call)
{
	const struct sp_relay *relay = call->session.relay;

	for (unsigned side = 0; side < 2 && relay; side++) {
		struct sp_relay_count now;

		sp_relay_count(relay, (enum sp_side)side, &now);
		sp_relay_count_add(&call->media[side], &now);
		call->rtp[side] = rtp_of(call, (enum sp_side)side);
	}
}

static void flows_of(struct sp_relay_flow flow[2], const struct sp_call *call, size_t stream)
{
	memset(flow, 0, 2 * sizeof(*flow));
	for (unsigned side = 0; side < 2; side++)
		(void)sp_relay_flow(call->session.relay, stream, (enum sp_side)side, &flow[side]);
}

/** What the streams from this one on have measured. */
static void log_streams(const struct sp_call *call, size_t first)
{
	struct sp_relay_flow flow[2];

	for (size_t i = first; i < sp_relay_streams(call->session.relay); i++) {
		flows_of(flow, call, i);
		sp_log(SP_LOG_INFO, "call_media", "call=%s stream=%zu caller=\"%H\" callee=\"%H\"",
		       call->id, i, print_flow, &flow[0], print_flow, &flow[1]);
	}
}

void call_leave_media(struct sp_call *call)
{
	call_count_media(call);
	log_streams(call, 0);
}

void call_over(struct sp_call *call)
{
	const struct sp_relay_count *in = call->media;
	uint64_t now = sp_loop_now_ms(call->calls->loop);
	uint64_t talk = call->up_ms ? now - call->up_ms : 0, all = now - call->begun_ms;
	struct sp_relay_flow flow[2];

	if (call->over)
		return;
	call_count_media(call);
	call->over = true;
	call->calls->count.failed += !call->up_ms;
	call->calls->count.one_way += talk >= SP_CALL_ONE_WAY_MS && is_one_way(call);
	pass_end(call);
	sp_timer_cancel(&call->ring);
	log_streams(call, 1);
	flows_of(flow, call, 0);
	sp_log(SP_LOG_INFO, "call_end",
	       "call=%s status=%u cause=%H duration_s=%H talk_s=%H media=\"%s\" from_caller=%llu "
	       "from_callee=%llu dropped_caller=%llu dropped_callee=%llu unauthentic=%llu "
	       "duplicate=%llu replayed=%llu foreign=%llu caller=\"%H\" callee=\"%H\"",
	       call->id, call->up_ms ? 200 : call->status, sp_log_str,
	       call->cause ? call->cause : "internal error", print_seconds, &all, print_seconds,
	       &talk, call_media_name(call), in[0].relayed, in[1].relayed, dropped(&in[0]),
	       dropped(&in[1]), in[0].unauthentic + in[1].unauthentic,
	       in[0].duplicate + in[1].duplicate, in[0].replayed + in[1].replayed,
	       in[0].foreign + in[1].foreign, print_flow, &flow[0], print_flow, &flow[1]);
	transfer_abort(call);
	session_close(&call->session);
}
