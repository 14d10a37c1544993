/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choosing a connection for a new dialog.
 *
 * A pick is a small machine driven by its own timer: step() looks at the
 * targets as they are, and delivers a connection, waits for a target's attempt
 * (several picks may wait for the same one), or gives up. An attempt that ends
 * only starts the timers of those who wait, so a handler can do as it likes
 * with other picks, trunks and connections.
 *
 * No target is tried twice, which bounds the time: SP_TRUNK_CONNECT_MS each.
 */
#include <errno.h>

#include "trunk_priv.h"

struct sp_trunk_pick {
	struct le le; /* in the list of the target waited for */
	struct sp_trunk *t;
	struct target *target;
	uint32_t tried; /* bits: indexes into targetv of this generation */
	unsigned generation;
	unsigned tries;
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
	mem_deref(p->target);
	mem_deref(p->t);
}

/* The owner may let go of the pick inside the handler: nothing of it is
 * touched after the call, and what the arguments need is held until then. */
static void finish(struct sp_trunk_pick *p, int err, struct conn *c)
{
	sp_trunk_picked_h *h = p->h;
	void *arg = p->arg;
	struct sp_sip_conn *sip = c ? mem_ref(c->sip) : NULL;
	struct target *tg = c ? mem_ref(c->tg) : NULL;

	p->h = NULL;
	uncount(p);
	h(err, sip, tg ? tg->host : "", tg ? tg->port : 0, arg);
	mem_deref(tg);
	mem_deref(sip);
}

static bool tried(const struct sp_trunk_pick *p, size_t i)
{
	return p->tried & (uint32_t)1 << i;
}

/* A connection that can be used without waiting, best to a target that answers. */
static struct conn *ready(const struct sp_trunk_pick *p)
{
	const struct sp_trunk *t = p->t;

	for (size_t i = 0; i < t->targetc; ++i) {
		if (t->targetv[i]->state == TARGET_UP && target_conn(t->targetv[i]))
			return target_conn(t->targetv[i]);
	}
	for (size_t i = 0; i < t->targetc; ++i) {
		if (!target_down(t->targetv[i]) && target_conn(t->targetv[i]))
			return target_conn(t->targetv[i]);
	}
	return NULL;
}

/* The next target to try, those that are down at the end; NULL when none is left. */
static struct target *next(struct sp_trunk_pick *p)
{
	const struct sp_trunk *t = p->t;
	size_t i, found = t->targetc;

	for (i = 0; i < t->targetc && found == t->targetc; ++i) {
		if (!tried(p, i) && !target_down(t->targetv[i]))
			found = i;
	}
	for (i = 0; i < t->targetc && found == t->targetc; ++i) {
		if (!tried(p, i))
			found = i;
	}
	if (found == t->targetc || p->tries >= SP_CONF_TARGETS_MAX)
		return NULL;

	p->tried |= (uint32_t)1 << found;
	++p->tries;
	return t->targetv[found];
}

/* The attempt waited for is through: its connection, or NULL and why not. */
static struct conn *outcome(struct sp_trunk_pick *p)
{
	struct conn *c = target_conn(p->target);

	if (!c)
		p->err = p->target->err;
	p->target = mem_deref(p->target);
	return c;
}

static void step(void *arg)
{
	struct sp_trunk_pick *p = arg;
	struct sp_trunk *t = p->t;
	struct target *tg;
	struct conn *c = NULL;

	if (!trunk_usable(t)) {
		finish(p, ESHUTDOWN, NULL);
		return;
	}
	if (p->target)
		c = outcome(p);
	if (p->generation != t->generation) { /* a reload: these are other targets */
		p->generation = t->generation;
		p->tried = 0;
	}
	if (!c)
		c = t->targetc ? ready(p) : trunk_accepted(t);
	if (c) {
		finish(p, 0, c);
		return;
	}

	tg = next(p);
	if (!tg) {
		finish(p, p->err ? p->err : EHOSTUNREACH, NULL);
	} else if (target_conn(tg)) {
		finish(p, 0, target_conn(tg));
	} else {
		p->target = mem_ref(tg);
		list_append(&tg->waiting, &p->le, p);
		target_connect(tg);
	}
}

/** An attempt has ended: all that wait for it look again. */
void pick_wake(struct list *waiting)
{
	struct le *le;

	while ((le = list_head(waiting))) {
		struct sp_trunk_pick *p = le->data;

		list_unlink(le);
		sp_timer_start(p->t->loop, &p->timer, 0, step, p);
	}
}

int sp_trunk_pick(struct sp_trunk_pick **pp, struct sp_trunk *t, sp_trunk_picked_h *h, void *arg)
{
	struct sp_trunk_pick *p;

	if (!pp || !t || !h)
		return EINVAL;
	if (t->picks >= SP_TRUNK_PICKS_MAX)
		return EBUSY;

	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;
	p->t = mem_ref(t);
	p->h = h;
	p->arg = arg;
	p->generation = t->generation;
	p->counted = true;
	++t->picks;
	sp_timer_cancel(&t->settle);
	sp_timer_start(t->loop, &p->timer, 0, step, p);
	*pp = p;
	return 0;
}
