/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The calls, a slice at a time: to look at thousands of them, and at all of their streams,
 * takes longer than media may wait. What a client costs is one slice, however many there are.
 */
#include <string.h>
#include <time.h>

#include "app_status_priv.h"

enum { FLOWS_OF_CALL = 2 * SP_RELAY_STREAMS_MAX };

struct listing {
	struct status_gathered gathered; /* first */
	const struct sp_calls *calls;
	uint64_t now_ms;
	const struct sp_loop *loop;
	struct sp_call_cursor cursor;
};

static void destructor(void *arg)
{
	struct listing *l = arg;

	status_forget(&l->gathered);
	mem_deref(l->gathered.status.callv);
	mem_deref(l->gathered.status.flowv);
}

static void set_flow(struct app_status_flow *to, const struct sp_relay_flow *f)
{
	*to = (struct app_status_flow){
		.packets = f->rtp,
		.bytes = f->rtp_bytes,
		.rtcp = f->rtcp,
		.relayed = f->count.relayed,
		.lost = f->lost,
		.late = f->late,
		.ssrcs = f->ssrcs,
		.gap_ms = f->gap_ms,
		.jitter_us = f->jitter_us,
		.jitter_max_us = f->jitter_max_us,
		.malformed = f->count.malformed,
		.unauthentic = f->count.unauthentic,
		.duplicate = f->count.duplicate,
		.replayed = f->count.replayed,
		.expired = f->count.expired,
		.early = f->count.early,
		.unsent = f->count.unsent,
		.foreign = f->count.foreign,
		.latched = f->count.latched,
		.shields = f->count.shields,
		.far_told = f->far_told,
		.far_lost = f->far_lost,
		.far_lost_percent = f->far_lost_percent,
		.far_jitter_us = f->far_jitter_us,
		.rtt_us = f->rtt_us,
		.rtt_max_us = f->rtt_max_us,
	};
}

static void take_flows(struct listing *l, struct app_status_call *c, const struct sp_relay *relay)
{
	static const char *const sides[] = {"caller", "callee"};
	struct app_status *s = &l->gathered.status;

	c->first_flow = s->flowc;
	for (size_t i = 0; i < sp_relay_streams(relay); i++) {
		for (unsigned side = 0; side < 2; side++) {
			struct app_status_flow *to = &s->flowv[s->flowc];
			struct sp_relay_flow f;

			if (sp_relay_flow(relay, i, (enum sp_side)side, &f))
				continue;
			set_flow(to, &f);
			to->side = sides[side];
			to->stream = i;
			to->idle_ms = f.last_ms ? l->now_ms - f.last_ms : c->age_ms;
			s->flowc++;
		}
	}
	c->flows = s->flowc - c->first_flow;
}

static const char *keep_number(struct listing *l, const struct pl *number)
{
	const char *kept;
	char *text = NULL;

	if (!number->p)
		return "";

	if (re_sdprintf(&text, "%H", sp_log_number, number))
		l->gathered.err = ENOMEM;
	kept = status_keep(&l->gathered, text);
	mem_deref(text);

	return kept;
}

static bool take_call(const struct sp_call_report *r, void *arg)
{
	struct listing *l = arg;
	struct status_gathered *g = &l->gathered;
	struct app_status *s = &g->status;
	struct app_status_call *c = &s->callv[s->callc++];

	*c = (struct app_status_call){
		.id = status_keep(g, r->id),
		.state = r->state,
		.from = status_keep(g, r->trunk[SP_SIDE_CALLER]),
		.to = status_keep(g, r->trunk[SP_SIDE_CALLEE]),
		.caller = keep_number(l, &r->number[SP_SIDE_CALLER]),
		.callee = keep_number(l, &r->number[SP_SIDE_CALLEE]),
		.media = r->media,
		.age_ms = r->age_ms,
		.talk_ms = r->talk_ms,
		.emergency = r->emergency,
	};
	take_flows(l, c, r->relay);

	return s->callc < STATUS_CALLS && s->flowc + FLOWS_OF_CALL <= STATUS_FLOWS;
}

static int more(struct app_status *s)
{
	struct listing *l = (struct listing *)s;

	s->listed += s->callc;
	s->callc = s->flowc = 0;
	status_forget(&l->gathered);
	l->now_ms = sp_loop_now_ms(l->loop);
	if (!sp_calls_report(l->calls, &l->cursor, take_call, l))
		s->more = NULL;

	return l->gathered.err;
}

int status_gather_calls(struct app_status **sp, const struct sp_app *app)
{
	struct app_status *s;
	struct listing *l;
	int err;

	if (!sp || !app)
		return EINVAL;
	if (!app->env)
		return EAGAIN;

	l = mem_zalloc(sizeof(*l), destructor);
	if (!l)
		return ENOMEM;

	l->calls = app->calls;
	l->loop = app->loop;
	s = &l->gathered.status;
	s->gateway.now_s = (uint64_t)time(NULL);
	s->more = more;
	s->callv = mem_zalloc(STATUS_CALLS * sizeof(*s->callv), NULL);
	s->flowv = mem_zalloc(STATUS_FLOWS * sizeof(*s->flowv), NULL);
	for (size_t i = 0; i < app->env->conf->trunkc; i++)
		s->name_width =
			max(s->name_width, (unsigned)strlen(app->env->conf->trunkv[i].name));

	err = s->callv && s->flowv ? more(s) : ENOMEM;
	if (err)
		mem_deref(l);
	else
		*sp = s;

	return err;
}
