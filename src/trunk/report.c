/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What calls say, and ask, about the targets that they were given.
 */
#include "sallyport/base_log.h"
#include "order_priv.h"

uint64_t sp_trunk_target(const struct sp_sip_conn *c)
{
	const struct lead *lead = sp_sip_conn_kept(c);

	return lead ? lead->target : LEAD_ACCEPTED;
}

const char *sp_trunk_target_label(const struct sp_sip_conn *c)
{
	const struct lead *lead = sp_sip_conn_kept(c);

	return lead ? lead->label : "accepted";
}

void sp_trunk_avoid(struct sp_trunk_want *want, uint64_t target)
{
	if (!want_avoids(want, target)) /* also when there is no more room */
		want->avoidv[want->avoidc++] = target;
}

static uint64_t until(const struct sp_trunk *t, unsigned seconds)
{
	if (seconds > SP_TRUNK_BUSY_MAX_S)
		seconds = SP_TRUNK_BUSY_MAX_S;
	return sp_loop_now_ms(t->loop) + (uint64_t)seconds * 1000;
}

void sp_trunk_busy(struct sp_trunk *t, uint64_t target, unsigned seconds)
{
	struct target *tg = t && seconds ? target_find(t, target) : NULL;
	uint64_t *busy_ms = tg ? &tg->busy_ms : NULL;
	uint64_t until_ms;

	if (t && seconds && target == LEAD_ACCEPTED)
		busy_ms = &t->busy_ms;
	if (!busy_ms)
		return;

	until_ms = until(t, seconds);
	if (*busy_ms <= sp_loop_now_ms(t->loop))
		sp_log(SP_LOG_INFO, "target_busy", "trunk=%s target=%H seconds=%u", t->name,
		       sp_log_str, tg ? tg->label : "accepted",
		       (unsigned)((until_ms - sp_loop_now_ms(t->loop)) / 1000));
	if (*busy_ms < until_ms)
		*busy_ms = until_ms;
}

void sp_trunk_unanswered(struct sp_trunk *t, uint64_t target)
{
	struct target *tg = t ? target_find(t, target) : NULL;

	if (!tg)
		return;
	if (tg->state != SP_TARGET_UP && tg->state != SP_TARGET_UNKNOWN) {
		++tg->failures;
		return;
	}
	health_mute(tg);
	if (target_wanted(tg) && t->conf->options_s)
		probe_send(tg);
}

void sp_trunk_stalled(struct sp_trunk *t, uint64_t target, bool stalled)
{
	struct target *tg = t ? target_find(t, target) : NULL;

	if (!tg)
		return;
	tg->stalls = stalled ? tg->stalls + 1 : 0;
	if (tg->stalls < TRUNK_STALLS)
		return;
	tg->stalls = 0;
	sp_trunk_unanswered(t, target);
}

static bool has_older(const struct list *connl, uint64_t ms)
{
	struct le *le;

	LIST_FOREACH(connl, le)
	{
		const struct conn *c = le->data;

		if (conn_live(c) && c->up_ms <= ms)
			return true;
	}
	return false;
}

/* Who answers OPTIONS, if only with 503, may go on with the calls that he has. */
uint64_t sp_trunk_dead_ms(const struct sp_trunk *t, const struct sp_sip_conn *c)
{
	const struct lead *lead = t && c ? sp_sip_conn_kept(c) : NULL;
	const struct target *tg = lead ? target_led(t, lead->target) : NULL;

	if (tg && tg->state == SP_TARGET_DOWN && tg->err)
		return UINT64_MAX;
	if (!lead || !sp_sip_conn_isgone(c))
		return 0;
	if (has_older(tg ? &tg->connl : &t->accepted, lead->gone_ms) ||
	    (tg && has_older(&tg->aliasl, lead->gone_ms)))
		return 0;
	return sp_loop_now_ms(t->loop) - lead->gone_ms;
}

static void sooner(unsigned *s, unsigned other)
{
	if (other && (!*s || other < *s))
		*s = other;
}

unsigned sp_trunk_retry_after_s(const struct sp_trunk *t)
{
	const uint64_t now_ms = t ? sp_loop_now_ms(t->loop) : 0;
	unsigned s = 0;

	if (!t)
		return 0;
	for (size_t i = 0; i < t->targetc; ++i)
		sooner(&s, target_busy_s(t->targetv[i]));
	if (!t->sitec && t->busy_ms > now_ms)
		sooner(&s, (unsigned)((t->busy_ms - now_ms + 999) / 1000));
	return s;
}
