/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connections of a target: a few, opened ahead and spread in time, so that
 * a call does not wait for a handshake and one stuck connection is not all.
 *
 * Besides those that we open there are aliases: connections that the peer
 * opened and lets us use for this target (RFC 5923). Attempts come one at a
 * time. What fails is tried again after 1, 2, 4 ... 60 s, and so is what closes
 * soon after it was opened; a target is only down for it when it has no other
 * connection.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

/* Somewhere in the last tenth before ms. */
static uint64_t spread(uint64_t ms)
{
	return ms - sp_random_below((uint32_t)(ms / 10) + 1);
}

/** 1, 2, 4 ... 60; with OPTIONS never more than their interval. */
unsigned pool_backoff(const struct target *tg, unsigned s)
{
	const unsigned options_s = tg->t->conf->options_s;
	unsigned most = TRUNK_BACKOFF_MAX_S;

	if (options_s && options_s < most)
		most = options_s;
	s = s ? 2 * s : 1;
	return s < most ? s : most;
}

/** OPTIONS on it went unanswered: others are used rather, until bytes come again. */
void conn_doubt(struct conn *c)
{
	c->doubted = c->received + 1;
}

bool conn_doubted(const struct conn *c)
{
	return c->doubted == c->received + 1;
}

/* Is a better than b? Fewest requests in progress; of equals, each in its turn. */
static bool better(const struct conn *a, const struct conn *b)
{
	unsigned x, y;

	if (!b || conn_doubted(a) != conn_doubted(b))
		return !b || conn_doubted(b);
	x = sp_sip_conn_pending(a->sip);
	y = sp_sip_conn_pending(b->sip);
	return x != y ? x < y : a->used < b->used;
}

/** The connection that a request should take now, or NULL. */
struct conn *target_conn(const struct target *tg)
{
	struct conn *best = NULL;
	struct le *le;

	LIST_FOREACH(&tg->connl, le)
	{
		if (conn_live(le->data) && better(le->data, best))
			best = le->data;
	}
	LIST_FOREACH(&tg->aliasl, le)
	{
		if (conn_live(le->data) && better(le->data, best))
			best = le->data;
	}
	return best;
}

/** The same, and the next time it is another's turn. */
struct conn *target_take(struct target *tg)
{
	struct conn *c = target_conn(tg);

	if (c)
		c->used = ++tg->t->uses;
	return c;
}

unsigned target_conns(const struct target *tg)
{
	unsigned n = 0;
	struct le *le;

	LIST_FOREACH(&tg->connl, le)
	n += conn_live(le->data);
	LIST_FOREACH(&tg->aliasl, le)
	n += conn_live(le->data);
	return n;
}

unsigned target_pending(const struct target *tg)
{
	unsigned n = 0;
	struct le *le;

	LIST_FOREACH(&tg->connl, le)
	n += sp_sip_conn_pending(((struct conn *)le->data)->sip);
	LIST_FOREACH(&tg->aliasl, le)
	n += sp_sip_conn_pending(((struct conn *)le->data)->sip);
	return n;
}

/* Doubted ones are replaced, but while calls hold them not without end. */
static bool full(const struct target *tg)
{
	const size_t most = tg->t->conf->target_connections;
	size_t n = 0;
	struct le *le;

	LIST_FOREACH(&tg->connl, le)
	n += !conn_doubted(le->data);
	return n >= most || tg->connc >= 2 * most;
}

static void on_dial(void *arg)
{
	struct target *tg = arg;

	if (target_wanted(tg) && !full(tg))
		target_connect(tg);
}

/**
 * Have another connection opened, if it lacks one: soon, or after the delay
 * that failures have made.
 */
void pool_fill(struct target *tg, bool soon)
{
	uint64_t delay_ms = spread((uint64_t)(tg->dial_s ? tg->dial_s : 1) * 1000);

	if (!target_wanted(tg) || tg->attempt.running || full(tg))
		return;
	if (soon && !tg->dial_s)
		delay_ms = sp_random_below(TRUNK_SOON_MS);
	else if (sp_timer_isrunning(&tg->dial))
		return;
	sp_timer_start(tg->t->loop, &tg->dial, delay_ms, on_dial, tg);
}

void pool_stop(struct target *tg)
{
	sp_timer_cancel(&tg->dial);
}

/** The settings may have changed. Those that are too many go when no call needs them. */
void pool_settings(struct target *tg)
{
	const unsigned most = tg->t->conf->target_connections;
	struct le *le, *prev;

	LIST_FOREACH(&tg->connl, le)
	conn_arm(le->data);
	for (le = list_tail(&tg->connl); le && !tg->t->calls && most && tg->connc > most;
	     le = prev) {
		prev = le->prev;
		conn_end(le->data, "more than target_connections");
	}
	if (!target_conn(tg)) /* it may have lost them while nobody minded */
		health_idle(tg);
	pool_fill(tg, true);
}

/* A connection has come: its own, or an alias. */
static void usable(struct target *tg)
{
	if (!target_wanted(tg))
		return;
	if (!tg->t->conf->options_s)
		health_good(tg, "it is connected");
	else if (tg->state != SP_TARGET_UP && !tg->probed)
		probe_send(tg);
	else
		probe_next(tg);
}

/** The attempt succeeded; c is the target's from now on. */
void target_connected(struct target *tg, struct conn *c)
{
	c->tg = tg;
	list_append(&tg->connl, &c->le, c);
	++tg->connc;
	tg->err = 0;
	usable(tg);
	pool_fill(tg, true);
	pick_wake(tg->t);
}

/* An attempt by the pool's own clock, not a pick's. */
static void back_off(struct target *tg)
{
	if (sp_timer_isrunning(&tg->dial))
		return;
	tg->dial_s = pool_backoff(tg, tg->dial_s);
	tg->backed_ms = sp_loop_now_ms(tg->t->loop);
}

/** The attempt failed. */
void target_refused(struct target *tg, int err, const char *why)
{
	tg->err = err;
	if (!target_wanted(tg)) {
		pick_refused(tg->t, tg, err);
		return;
	}

	if (!target_conn(tg)) {
		health_down(tg, why);
	} else {
		++tg->failures;
		if (!tg->dial_s)
			sp_log(SP_LOG_WARN, "target_conn_failed", "trunk=%s target=%H why=%H",
			       tg->t->name, sp_log_str, tg->label, sp_log_str, why);
	}
	back_off(tg);
	pool_fill(tg, false);
	pick_refused(tg->t, tg, err);
}

/**
 * In TLS 1.3 a client is "up" before the server has judged its certificate:
 * silence and a close right away mean a refusal.
 */
static void closed_early(struct target *tg, uint64_t lived_ms, const char *cause)
{
	char why[sizeof(tg->why)];

	(void)re_snprintf(why, sizeof(why), "closed %s: %s",
			  lived_ms < TRUNK_EARLY_MS ? "right after connect" : "without a byte",
			  cause);
	tg->err = ECONNRESET;
	if (target_conn(tg))
		++tg->failures;
	else
		health_down(tg, why);
}

/** One of its own connections has ended. */
void target_lost(struct target *tg, struct conn *c, const char *why)
{
	const uint64_t lived_ms = sp_loop_now_ms(tg->t->loop) - c->up_ms;
	const bool asked = tg->probed == c;

	list_unlink(&c->le);
	--tg->connc;
	probe_lost(tg, c);
	if (!target_wanted(tg))
		return;

	if (!c->received && !conn_doubted(c) && (asked || lived_ms < TRUNK_EARLY_MS))
		closed_early(tg, lived_ms, why);
	else if (!target_conn(tg))
		health_idle(tg);
	else
		probe_next(tg);

	if (lived_ms >= TRUNK_BRIEF_MS) {
		tg->dial_s = 0;
	} else if (c->up_ms >= tg->backed_ms) { /* those that go together count once */
		sp_timer_cancel(&tg->dial);     /* for one more, as c came */
		back_off(tg);
	}
	pool_fill(tg, lived_ms >= TRUNK_BRIEF_MS);
}

/** The peer lets us use this connection of its own for the target. */
void target_alias(struct target *tg, struct conn *c)
{
	if (c->alias == tg || c->tg)
		return;
	if (c->alias)
		target_unalias(c);
	c->alias = tg;
	if (c->lead)
		c->lead->target = tg->key;
	list_append(&tg->aliasl, &c->alias_le, c);
	usable(tg);
	pick_wake(tg->t);
}

void target_unalias(struct conn *c)
{
	struct target *tg = c->alias;

	if (!tg)
		return;
	c->alias = NULL;
	list_unlink(&c->alias_le);
	if (c->lead && !c->ended)
		c->lead->target = LEAD_ACCEPTED;
	probe_lost(tg, c);
	if (!target_wanted(tg))
		return;
	if (!target_conn(tg))
		health_idle(tg);
	else
		probe_next(tg);
	pool_fill(tg, true);
}
