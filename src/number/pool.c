/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interning: equal byte strings are kept once, in large chunks that never
 * move. The build fills a pool and finds what it has by hash; sealing drops the
 * index, and the chunks live on with the table.
 */
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>
#include "number_priv.h"

enum {
	CHUNK_SIZE = 65536,
	SLOTS_MIN = 64, /**< a power of two */
};

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	_Alignas(void *) char bytes[];
};

struct slot {
	const void *p; /**< NULL when free */
	uint32_t hash;
	uint32_t len;
};

struct number_pool {
	struct sp_hashkey key;
	struct chunk *chunks; /**< the one being filled comes first */
	size_t align;
	struct slot *slotv;
	size_t slotc; /**< a power of two, or 0 */
	size_t used;
};

static void pool_destructor(void *arg)
{
	struct number_pool *pool = arg;

	while (pool->chunks) {
		struct chunk *c = pool->chunks;

		pool->chunks = c->next;
		mem_deref(c);
	}
	mem_deref(pool->slotv);
}

/** @param align of every object, a power of two */
int number_pool_alloc(struct number_pool **pp, size_t align)
{
	struct number_pool *pool = mem_zalloc(sizeof(*pool), pool_destructor);

	if (!pool)
		return ENOMEM;

	sp_hashkey_init(&pool->key);
	pool->align = align;
	*pp = pool;

	return 0;
}

static void *chunk_take(struct number_pool *pool, size_t len)
{
	struct chunk *c = pool->chunks;
	size_t at = c ? (c->used + pool->align - 1) & ~(pool->align - 1) : 0;

	if (!c || at > c->size || len > c->size - at) {
		const size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;

		c = mem_alloc(sizeof(*c) + size, NULL);
		if (!c)
			return NULL;
		c->next = pool->chunks;
		c->size = size;
		pool->chunks = c;
		at = 0;
	}

	c->used = at + len;

	return c->bytes + at;
}

/** The slot that holds these bytes, or the free one where they belong. */
static struct slot *slot_find(struct slot *slotv, size_t slotc, uint32_t hash, const void *p,
			      size_t len)
{
	size_t i = hash & (slotc - 1);

	while (slotv[i].p) {
		if (slotv[i].hash == hash && slotv[i].len == len && !memcmp(slotv[i].p, p, len))
			break;
		i = (i + 1) & (slotc - 1);
	}

	return &slotv[i];
}

static int slots_grow(struct number_pool *pool)
{
	const size_t slotc = pool->slotc ? pool->slotc * 2 : SLOTS_MIN;
	struct slot *slotv = mem_zalloc(slotc * sizeof(*slotv), NULL);
	size_t i;

	if (!slotv)
		return ENOMEM;

	for (i = 0; i < pool->slotc; i++) {
		const struct slot *s = &pool->slotv[i];

		if (s->p)
			*slot_find(slotv, slotc, s->hash, s->p, s->len) = *s;
	}

	mem_deref(pool->slotv);
	pool->slotv = slotv;
	pool->slotc = slotc;

	return 0;
}

/** The pool's one copy of these bytes; it lives as long as the pool. NULL: no memory. */
const void *number_pool_intern(struct number_pool *pool, const void *p, size_t len)
{
	const uint32_t hash = (uint32_t)sp_hash(&pool->key, p, len);
	struct slot *s;
	void *copy;

	/* two thirds full at most */
	if (pool->used + 1 > pool->slotc / 3 * 2 && slots_grow(pool))
		return NULL;

	s = slot_find(pool->slotv, pool->slotc, hash, p, len);
	if (s->p)
		return s->p;

	copy = chunk_take(pool, len);
	if (!copy)
		return NULL;

	memcpy(copy, p, len);
	s->p = copy;
	s->hash = hash;
	s->len = (uint32_t)len;
	++pool->used;

	return copy;
}

/** Does a pool that is not sealed have these bytes? */
bool number_pool_has(const struct number_pool *pool, const void *p, size_t len)
{
	const uint32_t hash = (uint32_t)sp_hash(&pool->key, p, len);

	return pool->slotc && slot_find(pool->slotv, pool->slotc, hash, p, len)->p;
}

const char *number_pool_string(struct number_pool *pool, const char *s)
{
	return number_pool_intern(pool, s, strlen(s) + 1);
}

/** Nothing more will be interned: keep the bytes only. */
void number_pool_seal(struct number_pool *pool)
{
	if (!pool)
		return;

	pool->slotv = mem_deref(pool->slotv);
	pool->slotc = 0;
	pool->used = 0;
}
