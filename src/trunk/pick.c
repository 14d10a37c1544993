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
 * A caller that has been refused by one picks again and names those to avoid.
 */
#include <errno.h>

#include "trunk_priv.h"

struct sp_trunk_pick {
	struct le le; /* in the list of the target waited for */
	struct sp_trunk *t;
	struct target *target;
	struct target *prefer; /* to be tried before all others */
	uint32_t tried;        /* bits: indexes into targetv of this generation */
	unsigned generation;
	unsigned tries;
	int err;
	struct sp_trunk_want want; /* avoidv only */
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
	mem_deref(p->prefer);
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

static bool avoided(const struct sp_trunk_want *want, uint64_t key)
{
	for (size_t i = 0; i < want->avoidc; ++i) {
		if (want->avoidv[i] == key)
			return true;
	}
	return want->avoidc >= SP_CONF_TARGETS_MAX; /* enough is enough */
}

/* Out of the question: it had its chance, in this pick or before. */
static bool spent(const struct sp_trunk_pick *p, size_t i)
{
	return p->tried & (uint32_t)1 << i || avoided(&p->want, p->t->targetv[i]->key);
}

static bool usable(const struct sp_trunk_pick *p, size_t i)
{
	const struct target *tg = p->t->targetv[i];

	return target_conn(tg) && !avoided(&p->want, tg->key);
}

/* A connection that can be used without waiting, best to a target that answers. */
static struct conn *ready(const struct sp_trunk_pick *p)
{
	const struct sp_trunk *t = p->t;

	if (p->prefer)
		return NULL;
	if (!t->targetc)
		return avoided(&p->want, host_key("", 0)) ? NULL : trunk_accepted(t);

	for (size_t i = 0; i < t->targetc; ++i) {
		if (t->targetv[i]->state == TARGET_UP && usable(p, i))
			return target_conn(t->targetv[i]);
	}
	for (size_t i = 0; i < t->targetc; ++i) {
		if (!target_down(t->targetv[i]) && usable(p, i))
			return target_conn(t->targetv[i]);
	}
	return NULL;
}

/* The next target to try: the preferred one, at the end those that are down; NULL: none left. */
static struct target *next(struct sp_trunk_pick *p)
{
	const struct sp_trunk *t = p->t;
	size_t i, found = t->targetc;

	for (i = 0; i < t->targetc && p->prefer && found == t->targetc; ++i) {
		if (t->targetv[i] == p->prefer)
			found = i;
	}
	p->prefer = mem_deref(p->prefer);
	for (i = 0; i < t->targetc && found == t->targetc; ++i) {
		if (!spent(p, i) && !target_down(t->targetv[i]))
			found = i;
	}
	for (i = 0; i < t->targetc && found == t->targetc; ++i) {
		if (!spent(p, i))
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

/* Nothing was tried: there was nothing, or it has all been used before. */
static int none_left(const struct sp_trunk_pick *p)
{
	return p->want.avoidc ? ENOENT : EHOSTUNREACH;
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
		c = ready(p);
	if (c) {
		finish(p, 0, c);
		return;
	}

	tg = next(p);
	if (!tg) {
		finish(p, p->err ? p->err : none_left(p), NULL);
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

void sp_trunk_avoid(struct sp_trunk_want *want, const char *host, uint16_t port)
{
	const uint64_t key = host_key(host ? host : "", port);

	if (!avoided(want, key)) /* also when there is no more room */
		want->avoidv[want->avoidc++] = key;
}

/**
 * Find the target that is asked for. A peer that connects to us has none: its
 * own connection is as good as any of its names.
 */
static int prefer(struct target **tgp, const struct sp_trunk *t, const struct sp_trunk_want *want)
{
	struct target *tg;
	struct pl host;

	if (!want->host)
		return 0;
	pl_set_str(&host, want->host);
	if (!t->targetc)
		return sp_trunk_owns_host(t, &host) ? 0 : EHOSTUNREACH;
	tg = trunk_target(t, &host, want->port);
	if (!tg)
		return EHOSTUNREACH;
	if (avoided(want, tg->key))
		return ENOENT;
	*tgp = tg;
	return 0;
}

static unsigned most(const struct sp_trunk_want *want)
{
	return SP_TRUNK_PICKS_MAX + (want->emergency ? (unsigned)SP_TRUNK_PICKS_MORE : 0);
}

int sp_trunk_pick_next(struct sp_trunk_pick **pp, struct sp_trunk *t,
		       const struct sp_trunk_want *want, sp_trunk_picked_h *h, void *arg)
{
	struct sp_trunk_pick *p;
	struct target *tg = NULL;
	int err;

	if (!pp || !t || !want || !h)
		return EINVAL;
	if (want->avoidc >= SP_CONF_TARGETS_MAX)
		return ENOENT;
	if (t->picks >= most(want))
		return EBUSY;
	err = prefer(&tg, t, want);
	if (err)
		return err;

	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;
	p->t = mem_ref(t);
	p->prefer = mem_ref(tg);
	p->want = *want;
	p->want.host = NULL; /* the caller's */
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

int sp_trunk_pick(struct sp_trunk_pick **pp, struct sp_trunk *t, sp_trunk_picked_h *h, void *arg)
{
	const struct sp_trunk_want any = {.avoidc = 0};

	return sp_trunk_pick_next(pp, t, &any, h, arg);
}
