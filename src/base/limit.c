/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Token bucket, counted in thousandths of a token so that slow rates keep
 * their fractions: rate tokens a second are rate thousandths a millisecond. Of
 * tokens by the minute it is sixty-thousandths.
 */
#include <re.h>
#include <sallyport/base_util.h>

enum { MILLIS = 1000, MINUTE = 60 };

static uint64_t token(const struct sp_limit *l)
{
	return l->by_minute ? MINUTE * MILLIS : MILLIS;
}

/* A burst of 0 would refuse everything for ever: it counts as 1. */
static uint64_t capacity(const struct sp_limit *l)
{
	return (uint64_t)(l->burst ? l->burst : 1) * token(l);
}

void sp_limit_init(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	if (!l)
		return;

	*l = (struct sp_limit){.rate = rate, .burst = burst, .last_ms = now_ms};
	l->millis = capacity(l);
}

void sp_limit_init_minute(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	sp_limit_init(l, rate, burst, now_ms);
	if (!l)
		return;
	l->by_minute = true;
	l->millis = capacity(l);
}

static void refill(struct sp_limit *l, uint64_t now_ms)
{
	const uint64_t missing = capacity(l) - l->millis;
	uint64_t elapsed;

	if (now_ms <= l->last_ms)
		return;

	elapsed = now_ms - l->last_ms;
	l->last_ms = now_ms;

	/* compared by division: elapsed * rate may not fit */
	if (elapsed > missing / l->rate)
		l->millis += missing;
	else
		l->millis += elapsed * l->rate;
}

bool sp_limit_ready(struct sp_limit *l, uint64_t now_ms)
{
	if (!l || !l->rate)
		return true;

	refill(l, now_ms);

	return l->millis >= token(l);
}

bool sp_limit_full(struct sp_limit *l, uint64_t now_ms)
{
	if (!l || !l->rate)
		return true;

	refill(l, now_ms);

	return l->millis == capacity(l);
}

uint64_t sp_limit_full_ms(struct sp_limit *l, uint64_t now_ms)
{
	return sp_limit_full(l, now_ms) ? 0 : (capacity(l) - l->millis + l->rate - 1) / l->rate;
}

void sp_limit_change(struct sp_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	const uint64_t refused = l ? l->refused : 0;

	if (!l || (rate == l->rate && burst == l->burst))
		return;

	if (!l->rate) {
		if (l->by_minute)
			sp_limit_init_minute(l, rate, burst, now_ms);
		else
			sp_limit_init(l, rate, burst, now_ms);
		l->refused = refused;
		return;
	}

	refill(l, now_ms);
	l->rate = rate;
	l->burst = burst;
	l->last_ms = now_ms;
	l->millis = min(l->millis, capacity(l));
}

bool sp_limit_take(struct sp_limit *l, uint64_t now_ms)
{
	if (!l || !l->rate)
		return true;

	refill(l, now_ms);

	if (l->millis < token(l)) {
		++l->refused;
		return false;
	}

	l->millis -= token(l);

	return true;
}

void sp_quiet_init(struct sp_quiet *q, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	sp_limit_init(&q->limit, rate, burst, now_ms);
	q->count = 0;
}

uint64_t sp_quiet_count(struct sp_quiet *q, uint64_t now_ms)
{
	uint64_t n = ++q->count;

	if (!sp_limit_take(&q->limit, now_ms))
		return 0;
	q->count = 0;

	return n;
}
