/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which targets are tried. What counts, most to least:
 *
 *   - the host that was asked for (a redirect),
 *   - not having asked to be left alone (only emergency calls go there at all),
 *   - health: up, then unknown and probing, then down,
 *   - a connection that is there,
 *   - the place of its site in the configuration,
 *   - SRV's priority,
 *
 * and of those that are equal in all this one by weight (RFC 2782). The draw is
 * made anew for each pick, and for each look of one that waits.
 */
#include "order_priv.h"

enum { SHARES = 64 /* of a weight, among the addresses of one SRV target */ };

bool want_avoids(const struct sp_trunk_want *want, uint64_t target)
{
	for (size_t i = 0; i < want->avoidc; ++i) {
		if (want->avoidv[i] == target)
			return true;
	}
	return want->avoidc >= SP_TRUNK_TARGETS_MAX; /* enough is enough */
}

static unsigned health(const struct target *tg)
{
	if (tg->state == SP_TARGET_UP)
		return 0;
	return target_down(tg) ? 2 : 1;
}

static bool hangs(const struct target *tg)
{
	const struct attempt *a = &tg->attempt;

	return a->running && sp_loop_now_ms(tg->t->loop) >= a->since_ms + TRUNK_STAGGER_MS;
}

static unsigned site_index(const struct target *tg)
{
	const struct sp_trunk *t = tg->t;
	unsigned i = 0;

	while (i < t->sitec && t->sitev[i] != tg->site)
		++i;
	return i;
}

/* Less is better. */
static uint64_t grade(const struct target *tg, const struct sp_trunk_want *want, bool busy)
{
	uint64_t g = 0;

	if (want->host) {
		struct pl host;

		pl_set_str(&host, want->host);
		g = !target_named(tg, &host, want->port);
	}
	g = g << 1 | busy;
	g = g << 2 | health(tg);
	g = g << 1 | !target_conn(tg);
	g = g << 8 | site_index(tg);
	return g << 16 | tg->place.priority;
}

void order_make(struct order *o, const struct sp_trunk *t, const struct sp_trunk_want *want)
{
	uint64_t best = UINT64_MAX;

	o->c = 0;
	o->hanging = o->busy = false;
	for (size_t i = 0; i < t->targetc; ++i) {
		struct target *tg = t->targetv[i];
		const bool busy = target_busy_s(tg) > 0;
		uint64_t g;

		if (want_avoids(want, tg->key))
			continue;
		if (busy && !want->emergency) {
			o->busy = true;
			continue;
		}
		if (!target_conn(tg) && hangs(tg)) {
			o->hanging = true;
			continue;
		}

		g = grade(tg, want, busy);
		if (g > best)
			continue;
		if (g < best)
			o->c = 0;
		best = g;
		o->v[o->c++] = tg;
	}
}

static bool same_record(const struct target *a, const struct target *b)
{
	return a->host_key == b->host_key && sa_port(&a->place.addr) == sa_port(&b->place.addr);
}

/* Its part of the draw: the addresses of one SRV target share its weight. */
static uint32_t share(const struct order *o, size_t k)
{
	const struct target *tg = o->v[k];
	uint32_t same = 1;

	for (size_t i = 0; i < o->c; ++i)
		same += i != k && same_record(o->v[i], tg);
	return (uint32_t)tg->place.weight * SHARES / same;
}

/*
 * RFC 2782: in proportion to weight, and those without weight have a very small
 * chance together. All without weight: each the same.
 */
struct target *order_first(const struct order *o)
{
	uint32_t sum = 0, zeros = 0, r;

	if (o->c < 2)
		return o->c ? o->v[0] : NULL;
	for (size_t i = 0; i < o->c; ++i) {
		sum += share(o, i);
		zeros += !o->v[i]->place.weight;
	}

	r = sp_random_below(sum + (zeros ? SHARES : 0));
	for (size_t i = 0; i < o->c; ++i) {
		const uint32_t s = share(o, i);

		if (r < s)
			return o->v[i];
		r -= s;
	}

	r = sp_random_below(zeros ? zeros : 1);
	for (size_t i = 0; i < o->c; ++i) {
		if (!o->v[i]->place.weight && !r--)
			return o->v[i];
	}
	return o->v[0];
}
