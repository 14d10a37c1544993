/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choosing a connection for a new dialog.
 *
 * A pick is a small machine driven by its own timer: step() takes the best
 * target as things are (order.c). Where that has a connection, it is delivered.
 * Else an attempt is started, or is under way already, and the pick waits for
 * it, but not for long: an attempt that has run for TRUNK_STAGGER_MS hangs, and
 * the next target gets its chance, as in RFC 8305 5. Whatever connects first
 * is used. What happens to trunks and targets only starts the timers of those
 * who wait, so a handler can do as it likes with other picks and connections.
 *
 * A target that has failed while a pick waited is not tried again by it. A
 * caller that has been refused by one picks again and names those to avoid.
 */
#include <errno.h>

#include "order_priv.h"

struct sp_trunk_pick {
	struct le le; /* in the trunk's waiting */
	struct sp_trunk *t;
	struct sp_trunk_want want; /* avoidv grows; host is a copy */
	char *host;
	bool avoids; /* the caller gave some */
	uint64_t until_ms;
	int err;
	struct sp_timer timer;
	bool counted;
	sp_trunk_picked_h *h;
	void *arg;
};

static void uncount(struct sp_trunk_pick *p)
{
	if (!p->counted)
		return;
	p->counted = false;
	--p->t->picks;
	trunk_settle(p->t);
}

static void destructor(void *arg)
{
	struct sp_trunk_pick *p = arg;

	sp_timer_cancel(&p->timer);
	list_unlink(&p->le);
	uncount(p);
	mem_deref(p->host);
	mem_deref(p->t);
}

/* The owner may let go of the pick inside the handler: nothing of it is
 * touched after the call, and what the arguments need is held until then. */
static void finish(struct sp_trunk_pick *p, int err, const struct conn *c, struct target *tg)
{
	sp_trunk_picked_h *h = p->h;
	void *arg = p->arg;
	struct sp_sip_conn *sip = c ? mem_ref(c->sip) : NULL;

	mem_ref(tg);
	if (tg)
		++tg->picked;
	p->h = NULL;
	uncount(p);
	h(err, sip, tg ? tg->host : "", tg ? tg->uri_port : 0, arg);
	mem_deref(tg);
	mem_deref(sip);
}

static void step(void *arg);

static void wait(struct sp_trunk_pick *p, uint64_t ms)
{
	const uint64_t now_ms = sp_loop_now_ms(p->t->loop);

	if (now_ms + ms > p->until_ms)
		ms = p->until_ms - now_ms;
	list_append(&p->t->waiting, &p->le, p);
	sp_timer_start(p->t->loop, &p->timer, ms, step, p);
}

/* The peer's own connections. */
static void step_accepted(struct sp_trunk_pick *p)
{
	const struct sp_trunk *t = p->t;
	const struct conn *c = NULL;
	int err = ENOENT;

	if (!want_avoids(&p->want, LEAD_ACCEPTED)) {
		if (t->busy_ms > sp_loop_now_ms(t->loop) && !p->want.emergency) {
			err = EAGAIN;
		} else {
			c = trunk_accepted(t);
			err = c ? 0 : EHOSTUNREACH;
		}
	}
	finish(p, err, c, NULL);
}

/* Names that lead nowhere may do so by now. */
static void look_up_again(const struct sp_trunk *t)
{
	for (size_t i = 0; i < t->sitec; ++i) {
		if (t->sitev[i]->name && !t->sitev[i]->targetc)
			dns_again(t->sitev[i]->name);
	}
}

static bool looking_up(const struct sp_trunk *t)
{
	for (size_t i = 0; i < t->sitec; ++i) {
		if (!t->sitev[i]->looked_up)
			return true;
	}
	return false;
}

/* Nothing can be tried, or nothing more. */
static void none(struct sp_trunk_pick *p, const struct order *o)
{
	if (o->hanging || looking_up(p->t)) {
		wait(p, TRUNK_PICK_MS);
		return;
	}
	look_up_again(p->t);
	if (o->busy)
		finish(p, EAGAIN, NULL, NULL);
	else if (p->err)
		finish(p, p->err, NULL, NULL);
	else
		finish(p, p->avoids ? ENOENT : EHOSTUNREACH, NULL, NULL);
}

static void step_targets(struct sp_trunk_pick *p)
{
	struct order o;
	struct target *tg;
	struct conn *c;

	order_make(&o, p->t, &p->want);
	tg = order_first(&o);
	if (!tg) {
		none(p, &o);
		return;
	}
	c = target_take(tg);
	if (c) {
		finish(p, 0, c, tg);
		return;
	}
	target_connect(tg);
	wait(p, tg->attempt.since_ms + TRUNK_STAGGER_MS - sp_loop_now_ms(p->t->loop));
}

static void step(void *arg)
{
	struct sp_trunk_pick *p = arg;
	const uint64_t now_ms = sp_loop_now_ms(p->t->loop);

	list_unlink(&p->le);
	if (!trunk_usable(p->t))
		finish(p, ESHUTDOWN, NULL, NULL);
	else if (now_ms >= p->until_ms)
		finish(p, p->err ? p->err : ETIMEDOUT, NULL, NULL);
	else if (p->t->sitec)
		step_targets(p);
	else
		step_accepted(p);
}

/** Something has come that may be of use: all that wait look again. */
void pick_wake(struct sp_trunk *t)
{
	struct le *le;

	while ((le = list_head(&t->waiting))) {
		struct sp_trunk_pick *p = le->data;

		list_unlink(le);
		sp_timer_start(t->loop, &p->timer, 0, step, p);
	}
}

/** An attempt has failed: none of those that wait now tries it again. */
void pick_refused(struct sp_trunk *t, const struct target *tg, int err)
{
	struct le *le;

	LIST_FOREACH(&t->waiting, le)
	{
		struct sp_trunk_pick *p = le->data;

		p->err = err;
		sp_trunk_avoid(&p->want, tg->key);
	}
	pick_wake(t);
}

/**
 * Is the host that is asked for a target? A peer that connects to us has none:
 * its own connection is as good as any of its names.
 */
static int check_host(const struct sp_trunk *t, const struct sp_trunk_want *want)
{
	size_t named = 0, avoided = 0;
	struct pl host;

	if (!want->host)
		return 0;
	pl_set_str(&host, want->host);
	if (!t->sitec)
		return sp_trunk_owns_host(t, &host) ? 0 : EHOSTUNREACH;

	for (size_t i = 0; i < t->targetc; ++i) {
		if (target_named(t->targetv[i], &host, want->port)) {
			++named;
			avoided += want_avoids(want, t->targetv[i]->key);
		}
	}
	if (named)
		return avoided == named ? ENOENT : 0;
	for (size_t i = 0; i < t->sitec; ++i) {
		if (site_named(t->sitev[i], &host, want->port))
			return 0;
	}
	return EHOSTUNREACH;
}

static unsigned most(const struct sp_trunk_want *want)
{
	return SP_TRUNK_PICKS_MAX + (want->emergency ? (unsigned)SP_TRUNK_PICKS_MORE : 0);
}

int sp_trunk_pick(struct sp_trunk_pick **pp, struct sp_trunk *t, const struct sp_trunk_want *want,
		  sp_trunk_picked_h *h, void *arg)
{
	struct sp_trunk_pick *p;
	int err;

	if (!pp || !t || !want || !h)
		return EINVAL;
	if (want->avoidc >= SP_TRUNK_TARGETS_MAX)
		return ENOENT;
	if (t->picks >= most(want))
		return EBUSY;
	err = check_host(t, want);
	if (err)
		return err;

	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;
	if (want->host && str_dup(&p->host, want->host)) {
		mem_deref(p);
		return ENOMEM;
	}
	p->t = mem_ref(t);
	p->want = *want;
	p->want.host = p->host;
	p->avoids = want->avoidc > 0;
	p->until_ms = sp_loop_now_ms(t->loop) + TRUNK_PICK_MS;
	p->h = h;
	p->arg = arg;
	p->counted = true;
	++t->picks;
	sp_timer_cancel(&t->settle);
	sp_timer_start(t->loop, &p->timer, 0, step, p);
	*pp = p;
	return 0;
}

bool sp_trunk_left(const struct sp_trunk *t, const struct sp_trunk_want *want)
{
	struct order o;

	if (!t || !want || want->avoidc >= SP_TRUNK_TARGETS_MAX)
		return false;
	if (!t->sitec)
		return !want_avoids(want, LEAD_ACCEPTED) && trunk_accepted(t) &&
		       (want->emergency || t->busy_ms <= sp_loop_now_ms(t->loop));
	order_make(&o, t, want);
	return order_first(&o) != NULL;
}

bool sp_trunk_left_up(const struct sp_trunk *t, const struct sp_trunk_want *want)
{
	const struct target *tg;
	struct order o;

	if (!sp_trunk_left(t, want))
		return false;
	if (!t->sitec)
		return true;
	order_make(&o, t, want);
	tg = order_first(&o); /* one that is down comes last */
	return tg && !target_down(tg);
}
