/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/secret: blocks of a few sizes, cut from slabs of 128 KiB. A mapping of 2 MiB has 15 of
 * these, and before them a head that says which blocks are in use. What is larger than
 * a fifth of a slab gets a mapping of its own.
 *
 * Nothing of that is in the blocks: one that is free is all zeros, and neither an overflow
 * nor a write after free can lead the next allocation astray. What was not allocated, or
 * was freed before, ends the process.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sallyport/base_secret.h>

#include "secret_priv.h"

enum {
	SLAB = 128 << 10,
	GROUP = 2 << 20, /* octets of one mapping, and a multiple of it is where it begins */
	SLABS = GROUP / SLAB - 1,
	SLABS_MAX = SP_SECRET_MAX / SLAB,
	COLOUR = 64,    /* slabs of one mapping begin at other lines of the cache */
	IDLE_KEPT = 32, /* slabs without a block in use that keep their pages */
	MAP_WORDS = 64,
	LARGE_HEAD = 4096,
	PAGES = 64 << 10, /* whole pages, of whichever size */
};

/* The last two are for a TLS record and for messages of a handshake. */
static const uint32_t sizes[] = {32,   64,   96,   128,  192,  256,  384,   512,   768,  1024,
				 1536, 2048, 3072, 4096, 6496, 8128, 10816, 18560, 26016};

enum { CLASSES = sizeof(sizes) / sizeof(sizes[0]) };

static const uint64_t mark = 0x5ec7e75ec7e75ec7;

/* One size of block; of no size while it is idle. */
struct slab {
	struct slab *next, **prev; /* of those of this size with room */
	uint8_t *first;            /* block */
	uint32_t size, class;
	uint16_t total, used;
	uint32_t low;            /* no word of the map before this one has room */
	uint64_t map[MAP_WORDS]; /* bit: in use */
};

/* What a mapping begins with. */
struct group {
	uint64_t mark;
	size_t large; /* its octets, when it is for one block; else 0 */
	struct slab slabv[SLABS];
};

_Static_assert(sizeof(struct group) <= SLAB, "a head has room before the slabs");
_Static_assert(SLAB / 32 <= 64 * MAP_WORDS, "each block has a bit");

/* The process's own; all under the mutex. */
static struct {
	pthread_mutex_t mutex;
	struct slab *roomy[CLASSES];
	struct slab *idle[SLABS_MAX]; /* the last is the next to be used */
	size_t idlec;
	size_t mapped; /* octets */
	size_t count;
} arena = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void wipe(void *p, size_t n)
{
	secret_unpoison(p, n);
	explicit_bzero(p, n);
	secret_poison(p, n);
}

/* ---- mappings ---- */

static struct group *map_group(size_t n)
{
	struct group *g;
	uint8_t *all;
	size_t before;

	if (n > SP_SECRET_MAX - arena.mapped)
		return NULL;
	/* cppcheck-suppress invalidFunctionArg ; no file, so no descriptor */
	all = mmap(NULL, n + GROUP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return NULL;

	before = -(uintptr_t)all & (GROUP - 1);
	g = (struct group *)(void *)(all + before);
	(void)munmap((uint8_t *)g + n, GROUP - before);
	if (before)
		(void)munmap(all, before);

	if (madvise(g, n, MADV_DONTDUMP)) {
		(void)munmap(g, n);
		return NULL;
	}
	(void)madvise(g, n, MADV_WIPEONFORK); /* we do not fork */
	secret_root(g, n);
	arena.mapped += n;
	g->mark = mark;

	return g;
}

static void unmap_group(struct group *g, size_t n)
{
	secret_unroot(g, n);
	secret_unpoison(g, n);
	(void)munmap(g, n);
	arena.mapped -= n;
}

static struct group *group_of(const void *p)
{
	return (struct group *)((uintptr_t)p & ~(uintptr_t)(GROUP - 1));
}

/* ---- slabs ---- */

static uint8_t *slab_begin(const struct slab *s)
{
	struct group *g = group_of(s);

	return (uint8_t *)g + (size_t)SLAB * (size_t)(1 + s - g->slabv);
}

static void link_slab(struct slab *s)
{
	struct slab **first = &arena.roomy[s->class];

	s->next = *first;
	s->prev = first;
	if (s->next)
		s->next->prev = &s->next;
	*first = s;
}

static void unlink_slab(struct slab *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void group_add(void)
{
	struct group *g = map_group(GROUP);

	for (size_t i = SLABS; g && i; i--)
		arena.idle[arena.idlec++] = &g->slabv[i - 1];
	if (g)
		secret_poison((uint8_t *)g + SLAB, GROUP - SLAB);
}

static struct slab *slab_take(uint32_t class)
{
	struct slab *s;

	if (!arena.idlec)
		group_add();
	if (!arena.idlec)
		return NULL;

	s = arena.idle[--arena.idlec];
	memset(s, 0, sizeof(*s));
	s->class = class;
	s->size = sizes[class];
	s->total = (uint16_t)((SLAB - SLABS * COLOUR) / s->size);
	s->first = slab_begin(s) + (size_t)(s - group_of(s)->slabv) * COLOUR;
	link_slab(s);

	return s;
}

/* Its last block was freed. The first few that nobody needs keep their pages for the next. */
static void slab_give(struct slab *s)
{
	unlink_slab(s);
	s->size = 0;
	if (arena.idlec >= IDLE_KEPT)
		(void)madvise(slab_begin(s), SLAB, MADV_DONTNEED);
	arena.idle[arena.idlec++] = s;
}

/* ---- blocks ---- */

static void *block_take(uint32_t class)
{
	struct slab *s = arena.roomy[class];
	unsigned bit;

	if (!s)
		s = slab_take(class);
	if (!s)
		return NULL;

	while (!~s->map[s->low])
		s->low++;
	bit = (unsigned)__builtin_ctzll(~s->map[s->low]);
	s->map[s->low] |= UINT64_C(1) << bit;
	if (++s->used == s->total)
		unlink_slab(s);
	arena.count++;

	return s->first + (64 * s->low + bit) * (size_t)s->size;
}

static void block_give(struct slab *s, uint32_t i)
{
	const uint64_t bit = UINT64_C(1) << i % 64;

	if (!s->size || !(s->map[i / 64] & bit))
		abort();
	s->map[i / 64] &= ~bit;
	if (s->low > i / 64)
		s->low = i / 64;
	arena.count--;

	if (s->used-- == s->total)
		link_slab(s);
	if (!s->used && (arena.roomy[s->class] != s || s->next))
		slab_give(s); /* but for the last one that has room */
}

static void *large_take(size_t n)
{
	struct group *g;
	size_t all;

	if (n > SP_SECRET_MAX - LARGE_HEAD)
		return NULL;
	all = (LARGE_HEAD + n + PAGES - 1) & ~(size_t)(PAGES - 1);
	g = map_group(all);
	if (!g)
		return NULL;

	g->large = all;
	arena.count++;
	secret_poison((uint8_t *)g + LARGE_HEAD, all - LARGE_HEAD);

	return (uint8_t *)g + LARGE_HEAD;
}

/* Where a block belongs. What is no block ends the process. */
struct place {
	struct group *group;
	struct slab *slab; /* NULL: it has the group alone */
	uint32_t i;        /* which of the slab's blocks   */
	size_t room;
};

static struct place place_of(const void *p)
{
	const size_t at = (uintptr_t)p & (GROUP - 1);
	struct place place = {.group = group_of(p)};
	struct slab *s;
	size_t off;

	if (place.group->mark != mark)
		abort();
	if (place.group->large) {
		if (at != LARGE_HEAD)
			abort();
		place.room = place.group->large - LARGE_HEAD;
		return place;
	}

	if (at < SLAB)
		abort();
	s = &place.group->slabv[at / SLAB - 1];
	off = (size_t)((const uint8_t *)p - s->first);
	if (!s->size || off >= SLAB)
		abort();
	place.slab = s;
	place.i = (uint32_t)off / s->size;
	place.room = s->size;
	if (place.i >= s->total || place.i * s->size != off)
		abort();

	return place;
}

/* ---- what others call ---- */

static uint32_t class_of(size_t n)
{
	uint32_t class = 0;

	while (class < CLASSES && n > sizes[class])
		class ++;

	return class;
}

void *sp_secret_alloc(size_t n)
{
	const uint32_t class = class_of(n);
	void *p;

	if (!n)
		return NULL;

	(void)pthread_mutex_lock(&arena.mutex);
	p = class < CLASSES ? block_take(class) : large_take(n);
	(void)pthread_mutex_unlock(&arena.mutex);
	if (p)
		secret_unpoison(p, n);
	else
		errno = ENOMEM; /* as of malloc(3) */

	return p;
}

void *sp_secret_free(void *p)
{
	struct place place;

	if (!p)
		return NULL;

	place = place_of(p);
	wipe(p, place.room); /* it is the caller's until the map says otherwise */
	(void)pthread_mutex_lock(&arena.mutex);
	if (place.slab) {
		block_give(place.slab, place.i);
	} else {
		arena.count--;
		unmap_group(place.group, place.group->large);
	}
	(void)pthread_mutex_unlock(&arena.mutex);

	return NULL;
}

void *sp_secret_realloc(void *p, size_t n)
{
	size_t room;
	void *to;

	if (!p)
		return sp_secret_alloc(n);
	if (!n)
		return sp_secret_free(p);

	room = place_of(p).room;
	if (n <= room && n > room / 2) {
		secret_poison(p, room);
		secret_unpoison(p, n);
		return p;
	}

	to = sp_secret_alloc(n);
	if (!to)
		return NULL;
	secret_unpoison(p, room); /* to its end: how much of it was asked for is not known */
	memcpy(to, p, n < room ? n : room);

	return sp_secret_free(p), to;
}

size_t sp_secret_count(void)
{
	size_t n;

	(void)pthread_mutex_lock(&arena.mutex);
	n = arena.count;
	(void)pthread_mutex_unlock(&arena.mutex);

	return n;
}
