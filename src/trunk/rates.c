/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A token bucket for each address that a trunk's calls come from.
 *
 * The table is bounded. A bucket that is full again says nothing, so the place
 * of one that has been unused for long goes to a newcomer. When there is none,
 * newcomers share one bucket: the limit holds for all of them together, and
 * nobody gets out of it by coming from many addresses. (tls/source.c, where
 * nobody is known yet, forgets instead: strangers must not use up what peers need.)
 */
#include <errno.h>

#include "trunk_priv.h"

enum {
	BUCKETS = 256,
	LOOKS = 8 /* at the longest unused ones, to find one that is full again */
};

struct entry {
	struct le le;     /* in the table */
	struct le age_le; /* in the list, the longest unused first */
	struct sa addr;
	struct sp_limit limit;
};

struct rates {
	struct hash *table;
	struct list byage;
	unsigned n;
	struct sp_hashkey key;
	struct sp_limit shared;
};

static void entry_destructor(void *arg)
{
	struct entry *e = arg;

	hash_unlink(&e->le);
	list_unlink(&e->age_le);
}

static void destructor(void *arg)
{
	struct rates *r = arg;

	list_flush(&r->byage);
	mem_deref(r->table);
}

int rates_alloc(struct rates **rp)
{
	struct rates *r = mem_zalloc(sizeof(*r), destructor);

	if (!r)
		return ENOMEM;
	if (hash_alloc(&r->table, BUCKETS)) {
		mem_deref(r);
		return ENOMEM;
	}
	sp_hashkey_init(&r->key);
	*rp = r;
	return 0;
}

/** Of the address without port. */
uint32_t addr_hash(const struct sp_hashkey *key, const struct sa *addr)
{
	if (sa_af(addr) == AF_INET6)
		return (uint32_t)sp_hash(key, &addr->u.in6.sin6_addr,
					 sizeof(addr->u.in6.sin6_addr));
	return (uint32_t)sp_hash(key, &addr->u.in.sin_addr, sizeof(addr->u.in.sin_addr));
}

static bool is_addr(struct le *le, void *arg)
{
	const struct entry *e = le->data;

	return sa_cmp(&e->addr, arg, SA_ADDR);
}

/* Only some are looked at: a flood of new addresses must not walk the list each time. */
static void make_room(struct rates *r, const struct sp_conf_rate *conf, uint64_t now_ms)
{
	struct le *le = list_head(&r->byage);

	for (unsigned i = 0; le && i < LOOKS; ++i) {
		struct entry *e = le->data;

		le = le->next;
		sp_limit_change(&e->limit, conf->per_s, conf->burst, now_ms);
		if (!sp_limit_full(&e->limit, now_ms))
			continue;
		mem_deref(e);
		--r->n;
		return;
	}
}

static struct entry *add(struct rates *r, const struct sa *addr, uint32_t key,
			 const struct sp_conf_rate *conf, uint64_t now_ms)
{
	struct entry *e;

	if (r->n >= TRUNK_RATES_MAX)
		make_room(r, conf, now_ms);
	if (r->n >= TRUNK_RATES_MAX)
		return NULL;

	e = mem_zalloc(sizeof(*e), entry_destructor);
	if (!e)
		return NULL;
	e->addr = *addr;
	hash_append(r->table, key, &e->le, e);
	list_append(&r->byage, &e->age_le, e);
	++r->n;
	return e;
}

/**
 * The bucket of this address, by the settings of this moment. Valid until the
 * next call. NULL as address: the shared one.
 */
struct sp_limit *rates_get(struct rates *r, const struct sa *addr, const struct sp_conf_rate *conf,
			   uint64_t now_ms)
{
	struct sp_limit *limit = &r->shared;
	struct entry *e = NULL;

	if (addr) {
		const uint32_t key = addr_hash(&r->key, addr);
		struct sa want = *addr;

		e = list_ledata(hash_lookup(r->table, key, is_addr, &want));
		if (!e)
			e = add(r, addr, key, conf, now_ms);
	}
	if (e) {
		limit = &e->limit;
		list_unlink(&e->age_le);
		list_append(&r->byage, &e->age_le, e);
	}
	sp_limit_change(limit, conf->per_s, conf->burst, now_ms);
	return limit;
}
