/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whoever may call may try numbers, and the answer says which of them exist.
 * What a trunk may learn so is bounded: numbers that are not known take tokens,
 * and without one every call gets the same answer, unseen.
 *
 * A scan that goes on uses up each token as it comes; so it lasts, for the
 * log, until the bucket is full again: a minute without unknown numbers.
 */
#include "sallyport/base_log.h"
#include "sallyport/trunk_scan.h"
#include "trunk_priv.h"

static void watch(struct sp_trunk *t);

static void over(struct sp_trunk *t)
{
	struct scan *s = &t->scan;

	sp_timer_cancel(&s->timer);
	if (!s->on)
		return;
	s->on = false;
	sp_log(SP_LOG_INFO, "number_scan_end", "trunk=%s unknown=%llu refused=%llu duration_s=%llu",
	       t->name, (unsigned long long)s->run, (unsigned long long)s->refused,
	       (unsigned long long)((sp_loop_now_ms(t->loop) - s->since_ms) / 1000));
}

static void on_timer(void *arg)
{
	watch(arg);
}

/** Look again when the bucket is full, if nothing more is taken. */
static void watch(struct sp_trunk *t)
{
	const uint64_t ms = sp_limit_full_ms(&t->scan.limit, sp_loop_now_ms(t->loop));

	if (ms)
		sp_timer_start(t->loop, &t->scan.timer, ms, on_timer, t);
	else
		over(t);
}

/** The configuration is new; the bucket keeps its level. */
void scan_settings(struct sp_trunk *t)
{
	const unsigned n = t->conf->limits.unknown_per_minute;

	sp_limit_change(&t->scan.limit, n, n, sp_loop_now_ms(t->loop));
	if (t->scan.on)
		watch(t);
}

/** The trunk takes no more calls. */
void scan_stop(struct sp_trunk *t)
{
	over(t);
}

static void begin(struct sp_trunk *t)
{
	struct scan *s = &t->scan;

	s->on = true;
	s->refused = 0;
	s->since_ms = sp_loop_now_ms(t->loop);
	sp_log(SP_LOG_WARN, "number_scan", "trunk=%s unknown=%llu per_minute=%u", t->name,
	       (unsigned long long)s->run, t->conf->limits.unknown_per_minute);
	watch(t);
}

bool sp_trunk_scan_ready(struct sp_trunk *t)
{
	return !t || sp_limit_ready(&t->scan.limit, sp_loop_now_ms(t->loop));
}

bool sp_trunk_scan_admit(struct sp_trunk *t)
{
	if (sp_trunk_scan_ready(t))
		return true;
	if (!t->scan.on)
		begin(t);
	++t->scan.refused;
	++t->refused[SP_TRUNK_LIMIT_UNKNOWN];
	return false;
}

void sp_trunk_scan_unknown(struct sp_trunk *t)
{
	const uint64_t now_ms = t ? sp_loop_now_ms(t->loop) : 0;

	if (!t)
		return;
	++t->scan.unknown;
	if (!t->scan.on && sp_limit_full(&t->scan.limit, now_ms))
		t->scan.run = 0;
	++t->scan.run;
	(void)sp_limit_take(&t->scan.limit, now_ms);
}
