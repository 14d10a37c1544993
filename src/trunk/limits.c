/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many calls a trunk may have, and how often new ones may begin.
 *
 * The counts are looked at before the rates, and no token is taken before all
 * of them are found: a call that one limit refuses must not use up another.
 * Emergency calls count, but nothing refuses them and they take no tokens.
 */
#include "sallyport/base_log.h"
#include "sallyport/trunk_scan.h"
#include "trunk_priv.h"

static const char *const names[SP_TRUNK_LIMITS] = {
	[SP_TRUNK_LIMIT_NONE] = "none",
	[SP_TRUNK_LIMIT_INACTIVE] = "inactive",
	[SP_TRUNK_LIMIT_CALLS] = "calls",
	[SP_TRUNK_LIMIT_CALLS_IN] = "calls_in",
	[SP_TRUNK_LIMIT_CALLS_OUT] = "calls_out",
	[SP_TRUNK_LIMIT_RATE] = "calls_per_s",
	[SP_TRUNK_LIMIT_RATE_IN] = "calls_in_per_s",
	[SP_TRUNK_LIMIT_RATE_OUT] = "calls_out_per_s",
	[SP_TRUNK_LIMIT_RATE_SOURCE] = "source_calls_per_s",
	[SP_TRUNK_LIMIT_UNKNOWN] = "unknown_per_minute",
	[SP_TRUNK_LIMIT_EMERGENCY] = "emergency",
};

const char *sp_trunk_limit_name(enum sp_trunk_limit limit)
{
	return (unsigned)limit < SP_TRUNK_LIMITS ? names[limit] : "?";
}

static void refuse(struct sp_trunk *t, enum sp_trunk_limit limit)
{
	const uint64_t n = sp_quiet_count(&t->limit_log, sp_loop_now_ms(t->loop));

	++t->refused[limit];
	if (n)
		sp_log(SP_LOG_WARN, "limit_reached", "trunk=%s limit=%s refused=%llu", t->name,
		       names[limit], (unsigned long long)n);
}

static void set_rate(struct sp_limit *limit, const struct sp_conf_rate *conf, uint64_t now_ms)
{
	sp_limit_change(limit, conf->per_s, conf->burst, now_ms);
}

/** The configuration is new; the buckets keep their levels. Those of sources follow when used. */
void limits_settings(struct sp_trunk *t)
{
	const struct sp_conf_trunk_limits *conf = &t->conf->limits;
	const uint64_t now_ms = sp_loop_now_ms(t->loop);

	set_rate(&t->rate, &conf->rate, now_ms);
	set_rate(&t->rate_in, &conf->rate_in, now_ms);
	set_rate(&t->rate_out, &conf->rate_out, now_ms);
	if (!conf->rate_source.per_s)
		t->rates = mem_deref(t->rates);
	scan_settings(t);
}

static bool reached(unsigned calls, unsigned most)
{
	return most && calls >= most;
}

static enum sp_trunk_limit too_many(const struct sp_trunk *t, enum sp_trunk_dir dir)
{
	const struct sp_conf_trunk_limits *conf = &t->conf->limits;

	if (reached(t->calls, conf->calls))
		return SP_TRUNK_LIMIT_CALLS;
	if (dir == SP_TRUNK_IN)
		return reached(t->calls_in, conf->calls_in) ? SP_TRUNK_LIMIT_CALLS_IN
							    : SP_TRUNK_LIMIT_NONE;
	return reached(t->calls_out, conf->calls_out) ? SP_TRUNK_LIMIT_CALLS_OUT
						      : SP_TRUNK_LIMIT_NONE;
}

/* The bucket of a call's source; NULL: there is no such limit, or no memory for it. */
static struct sp_limit *of_source(struct sp_trunk *t, enum sp_trunk_dir dir, const struct sa *src,
				  uint64_t now_ms)
{
	const struct sp_conf_rate *conf = &t->conf->limits.rate_source;

	if (!conf->per_s || dir != SP_TRUNK_IN || (!t->rates && rates_alloc(&t->rates)))
		return NULL;
	return rates_get(t->rates, src, conf, now_ms);
}

static enum sp_trunk_limit too_fast(struct sp_trunk *t, enum sp_trunk_dir dir, const struct sa *src)
{
	const bool in = dir == SP_TRUNK_IN;
	const uint64_t now_ms = sp_loop_now_ms(t->loop);

	if (!sp_limit_ready(&t->rate, now_ms))
		return SP_TRUNK_LIMIT_RATE;
	if (!sp_limit_ready(in ? &t->rate_in : &t->rate_out, now_ms))
		return in ? SP_TRUNK_LIMIT_RATE_IN : SP_TRUNK_LIMIT_RATE_OUT;
	if (!sp_limit_ready(of_source(t, dir, src, now_ms), now_ms))
		return SP_TRUNK_LIMIT_RATE_SOURCE;
	return SP_TRUNK_LIMIT_NONE;
}

static void take(struct sp_trunk *t, enum sp_trunk_dir dir, const struct sa *src)
{
	const uint64_t now_ms = sp_loop_now_ms(t->loop);

	(void)sp_limit_take(&t->rate, now_ms);
	(void)sp_limit_take(dir == SP_TRUNK_IN ? &t->rate_in : &t->rate_out, now_ms);
	(void)sp_limit_take(of_source(t, dir, src, now_ms), now_ms);
}

bool sp_trunk_call_fits(struct sp_trunk *t, enum sp_trunk_dir dir, const struct sa *src)
{
	return sp_trunk_active(t) && !too_many(t, dir) && !too_fast(t, dir, src) &&
	       (dir == SP_TRUNK_OUT || sp_trunk_scan_ready(t));
}

static void count(struct sp_trunk *t, enum sp_trunk_dir dir)
{
	++t->calls;
	if (dir == SP_TRUNK_IN) {
		++t->calls_in;
		++t->begun_in;
	} else {
		++t->calls_out;
		++t->begun_out;
	}
	sp_timer_cancel(&t->settle);
}

enum sp_trunk_limit sp_trunk_call_begin(struct sp_trunk *t, enum sp_trunk_dir dir,
					const struct sa *src, bool always)
{
	enum sp_trunk_limit limit = SP_TRUNK_LIMIT_NONE;

	if (!sp_trunk_active(t)) {
		if (t)
			++t->refused[SP_TRUNK_LIMIT_INACTIVE];
		return SP_TRUNK_LIMIT_INACTIVE;
	}
	if (!always)
		limit = too_many(t, dir);
	if (!always && !limit)
		limit = too_fast(t, dir, src);
	if (!always && !limit)
		take(t, dir, src);

	if (limit)
		refuse(t, limit);
	else
		count(t, dir);
	return limit;
}

void sp_trunk_call_end(struct sp_trunk *t, enum sp_trunk_dir dir)
{
	unsigned *calls;

	if (!t)
		return;
	calls = dir == SP_TRUNK_IN ? &t->calls_in : &t->calls_out;
	if (!*calls)
		return;
	--*calls;
	--t->calls;
	trunk_settle(t);
}

unsigned sp_trunk_calls(const struct sp_trunk *t)
{
	return t ? t->calls : 0;
}

/** Where this owner stands among the emergency calls, NULL for a free place. */
static const void **emergency_place(struct sp_trunk *t, const void *owner)
{
	for (size_t i = 0; i < ARRAY_SIZE(t->emergencyv); i++) {
		if (owner == t->emergencyv[i])
			return &t->emergencyv[i];
	}
	return NULL;
}

/*
 * Owners and not a mere count: a leg may end in another call than it began in,
 * and a count that went wrong would shut out emergency calls for good.
 */
bool sp_trunk_emergency_begin(struct sp_trunk *t, const void *owner)
{
	const void **place = emergency_place(t, NULL);

	if (!place) {
		refuse(t, SP_TRUNK_LIMIT_EMERGENCY);
		return false;
	}
	*place = owner;
	return true;
}

void sp_trunk_emergency_end(struct sp_trunk *t, const void *owner)
{
	const void **place = t && owner ? emergency_place(t, owner) : NULL;

	if (place)
		*place = NULL;
}
