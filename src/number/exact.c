/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The index of exact numbers: open addressing by cache lines of four slots, so
 * that a look-up touches one line, seldom two. It is made in one go, to seven
 * tenths full. Its hash has a random key, so that nobody can choose numbers that
 * are slow to look up.
 *
 * A number whose line is full goes to the next; the first slot of the full one
 * has marks that say so, one of eight for each hash. So a number that is not
 * there is nearly always known from one line, too.
 *
 * Of a number that is there several times, each at its own time, the slot has a
 * chain. Such ones are put aside while the index is filled.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "table_priv.h"

enum { BATCH = 32, MARKS = 56 /**< from this bit of a key on; packed numbers have 51 */ };

static uint64_t key_of(const struct number_staged *slot)
{
	return slot->key & ((UINT64_C(1) << MARKS) - 1);
}

/** Two rounds of multiply and fold around the secret; cheap, for packed numbers. */
static uint64_t mix(const struct sp_hashkey *key, uint64_t x)
{
	x = (x ^ key->k0) * (key->k1 | 1);
	x ^= x >> 32;
	x = (x ^ key->k1) * UINT64_C(0x9e3779b97f4a7c15);

	return x ^ x >> 29;
}

static size_t line_of(const struct number_exact *x, uint64_t hash)
{
	return (size_t)((hash >> 32) * x->linec >> 32);
}

static uint64_t mark_of(uint64_t hash)
{
	return UINT64_C(1) << (MARKS + (hash & 7));
}

uint64_t number_exact_hash(const struct number_exact *x, uint64_t key)
{
	const uint64_t hash = mix(&x->key, key);

	if (x->linec)
		__builtin_prefetch((const struct number_staged *)x->area.p +
				   line_of(x, hash) * NUMBER_LINE);

	return hash;
}

const struct number_staged *number_exact_find(const struct number_exact *x, uint64_t hash,
					      uint64_t key)
{
	const struct number_staged *slotv = x->area.p;
	size_t line = line_of(x, hash);
	unsigned i, found;

	if (!x->linec)
		return NULL;

	for (;;) {
		const struct number_staged *s = slotv + line * NUMBER_LINE;

		/* all at once: at which one it stops could not be foreseen */
		for (i = 0, found = 0; i < NUMBER_LINE; i++)
			found |= (unsigned)(key_of(&s[i]) == key) << i;
		if (found)
			return s + __builtin_ctz(found);
		if (!(s->key & mark_of(hash)))
			return NULL;
		if (++line == x->linec)
			line = 0;
	}
}

/** The slot of a number, or the free one where it is going to be. Free ones always exist. */
static struct number_staged *slot_take(const struct number_exact *x, uint64_t hash, uint64_t key)
{
	struct number_staged *slotv = x->area.p;
	size_t line = line_of(x, hash);
	unsigned i;

	for (;;) {
		struct number_staged *s = slotv + line * NUMBER_LINE;

		for (i = 0; i < NUMBER_LINE; i++) {
			if (!s[i].key || key_of(&s[i]) == key)
				return &s[i];
		}
		s->key |= mark_of(hash);
		if (++line == x->linec)
			line = 0;
	}
}

/** A number that is there already: a mistake, or to be chained. */
static int again(struct number_making *m, struct number_vec *laterv,
		 const struct number_staged *slot, const struct number_staged *new)
{
	struct number_staged *later;

	if (number_overlap(&m->t->store, slot->entry, new->entry)) {
		const struct number_rule a = {new->key, new->key, slot->entry, slot->place};
		const struct number_rule b = {new->key, new->key, new->entry, new->place};

		number_tell_both(m, SP_NUMBER_EXACT, &a, &b);
		return 0;
	}

	later = number_vec_add(laterv, sizeof(*later));
	if (!later)
		return ENOMEM;
	*later = *new;

	return 0;
}

/** A batch at a time: the memory that all of them need is fetched at once. */
static int fill(struct number_making *m, struct number_vec *laterv)
{
	struct number_exact *x = &m->t->exact;
	const struct number_staged *v = m->b->stagedv.area.p;
	const size_t c = m->b->stagedv.c;
	uint64_t hashv[BATCH];
	size_t at, i;
	int err = 0;

	for (at = 0; at < c && !err; at += BATCH) {
		const size_t n = c - at < BATCH ? c - at : BATCH;

		for (i = 0; i < n; i++)
			hashv[i] = number_exact_hash(x, v[at + i].key);
		for (i = 0; i < n && !err; i++) {
			const struct number_staged *new = &v[at + i];
			struct number_staged *slot = slot_take(x, hashv[i], new->key);

			if (slot->key)
				err = again(m, laterv, slot, new);
			else
				*slot = *new;
		}
		if (!err)
			err = number_go_on(m);
	}

	return err;
}

static int staged_cmp(const void *a, const void *b)
{
	const struct number_staged *sa = a, *sb = b;

	if (sa->key != sb->key)
		return sa->key < sb->key ? -1 : 1;

	return sa->place < sb->place ? -1 : sa->place > sb->place;
}

static int same_add(struct number_making *m, struct number_same *same,
		    const struct number_staged *s)
{
	struct number_vec *rulev = &m->t->store.rulev;
	struct number_rule *rule = number_vec_add(rulev, sizeof(*rule));

	if (!rule)
		return ENOMEM;
	*rule = (struct number_rule){s->key, s->key, s->entry, s->place};
	(void)number_same_add(m, same, (uint32_t)(rulev->c - 1));

	return 0;
}

/** Chain what was put aside to what is in the index, number by number. */
static int chain(struct number_making *m, struct number_vec *laterv)
{
	const struct number_exact *x = &m->t->exact;
	const struct number_staged *v = laterv->area.p;
	size_t i = 0;
	int err = 0;

	if (laterv->c)
		qsort(laterv->area.p, laterv->c, sizeof(*v), staged_cmp);

	while (i < laterv->c && !err) {
		const uint64_t key = v[i].key;
		struct number_staged *slot = slot_take(x, number_exact_hash(x, key), key);
		struct number_staged first = *slot;
		struct number_same same = {.kind = SP_NUMBER_EXACT};

		first.key = key;
		err = same_add(m, &same, &first);
		for (; i < laterv->c && v[i].key == key && !err; i++) {
			err = same_add(m, &same, &v[i]);
			if (!err)
				err = number_go_on(m);
		}
		if (!err)
			err = number_same_ref(&slot->entry, m, &same);
	}

	return err;
}

int number_exact_make(struct number_making *m)
{
	struct number_exact *x = &m->t->exact;
	struct number_vec laterv = {.c = 0};
	const size_t c = m->b->stagedv.c;
	int err;

	if (!c)
		return 0;

	sp_hashkey_init(&x->key);
	x->linec = (uint32_t)(c * 10 / (NUMBER_LINE * 7) + 1);
	err = number_area_alloc(&x->area,
				(size_t)x->linec * NUMBER_LINE * sizeof(struct number_staged));
	if (!err)
		err = fill(m, &laterv);
	number_vec_free(&m->b->stagedv);
	if (!err)
		err = chain(m, &laterv);
	number_vec_free(&laterv);

	return err;
}
