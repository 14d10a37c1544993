/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interning: equal byte strings are kept once, in large chunks that never
 * move. The build fills a pool and finds what it has by hash; sealing drops the
 * index, and the chunks live on with the table.
 */
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>
#include "build_priv.h"

enum {
	CHUNK_MIN = 4096,
	CHUNK_MAX = 4 * 1024 * 1024,
	SLOTS_MIN = 64, /**< a power of two */
};

/* The head of an area, and in it. */
struct chunk {
	struct chunk *next;
	struct number_area area;
	size_t used; /**< of bytes */
	_Alignas(void *) char bytes[];
};

struct slot {
	void *p; /**< NULL when free */
	uint32_t hash;
	uint32_t len;
};

struct number_pool {
	struct sp_hashkey key;
	struct chunk *chunks; /**< the one being filled comes first */
	size_t align;
	struct number_area slots;
	size_t slotc; /**< a power of two, or 0 */
	size_t used;
};

static void pool_destructor(void *arg)
{
	struct number_pool *pool = arg;

	while (pool->chunks) {
		struct number_area area = pool->chunks->area;

		pool->chunks = pool->chunks->next;
		number_area_free(&area);
	}
	number_area_free(&pool->slots);
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

/** A new chunk has twice the size of the one before, so that small tables take little. */
static struct chunk *chunk_alloc(struct number_pool *pool, size_t len)
{
	size_t size = pool->chunks ? pool->chunks->area.size * 2 : CHUNK_MIN;
	struct number_area area;
	struct chunk *c;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < len + sizeof(*c))
		size = len + sizeof(*c);
	if (number_area_alloc(&area, size))
		return NULL;

	c = area.p;
	c->area = area;
	c->next = pool->chunks;
	pool->chunks = c;

	return c;
}

static void *chunk_take(struct number_pool *pool, size_t len)
{
	struct chunk *c = pool->chunks;
	size_t at = c ? (c->used + pool->align - 1) & ~(pool->align - 1) : 0;

	if (!c || at + len > c->area.size - sizeof(*c)) {
		c = chunk_alloc(pool, len);
		if (!c)
			return NULL;
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
	const struct slot *old = pool->slots.p;
	struct number_area area;
	size_t i;

	if (number_area_alloc(&area, slotc * sizeof(struct slot)))
		return ENOMEM;

	for (i = 0; i < pool->slotc; i++) {
		if (old[i].p)
			*slot_find(area.p, slotc, old[i].hash, old[i].p, old[i].len) = old[i];
	}

	number_area_free(&pool->slots);
	pool->slots = area;
	pool->slotc = slotc;

	return 0;
}

/**
 * The pool's one object of size bytes that begins with these len bytes; when it is new the
 * rest of it is zero. It lives as long as the pool. NULL: no memory.
 */
void *number_pool_object(struct number_pool *pool, const void *p, size_t len, size_t size,
			 bool *isnew)
{
	const uint32_t hash = (uint32_t)sp_hash(&pool->key, p, len);
	struct slot *s;
	void *copy;

	*isnew = false;

	/* two thirds full at most */
	if (pool->used + 1 > pool->slotc / 3 * 2 && slots_grow(pool))
		return NULL;

	s = slot_find(pool->slots.p, pool->slotc, hash, p, len);
	if (s->p)
		return s->p;

	copy = chunk_take(pool, size);
	if (!copy)
		return NULL;

	memcpy(copy, p, len);
	s->p = copy;
	s->hash = hash;
	s->len = (uint32_t)len;
	++pool->used;
	*isnew = true;

	return copy;
}

/** The pool's one copy of these bytes; it lives as long as the pool. NULL: no memory. */
const void *number_pool_intern(struct number_pool *pool, const void *p, size_t len)
{
	bool isnew;

	return number_pool_object(pool, p, len, len, &isnew);
}

/** Does a pool that is not sealed have these bytes? */
bool number_pool_has(const struct number_pool *pool, const void *p, size_t len)
{
	const uint32_t hash = (uint32_t)sp_hash(&pool->key, p, len);

	return pool->slotc && slot_find(pool->slots.p, pool->slotc, hash, p, len)->p;
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

	number_area_free(&pool->slots);
	pool->slotc = 0;
	pool->used = 0;
}
