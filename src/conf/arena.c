/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that is given out piece by piece and freed all at once: a snapshot is
 * thousands of small strings that live and die together.
 */
#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

enum { CHUNK_SIZE = 16 * 1024, TREE_LEAST = 256 * 1024, TREE_PER_OCTET = 32 };

struct chunk {
	struct le le;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct conf_arena {
	struct list chunks; /**< the one in use is the first */
};

static void chunk_destructor(void *arg)
{
	struct chunk *c = arg;

	list_unlink(&c->le);
}

static void arena_destructor(void *arg)
{
	struct conf_arena *a = arg;

	list_flush(&a->chunks);
}

int conf_arena_alloc(struct conf_arena **ap)
{
	*ap = mem_zalloc(sizeof(**ap), arena_destructor);

	return *ap ? 0 : ENOMEM;
}

void *conf_arena_get(struct conf_arena *a, size_t size)
{
	struct chunk *c = list_ledata(list_head(&a->chunks));
	void *p;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!size)
		size = alignof(max_align_t);

	if (!c || c->size - c->used < size) {
		const size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		c = mem_zalloc(sizeof(*c) + room, chunk_destructor);
		if (!c)
			return NULL;
		c->size = room;
		list_prepend(&a->chunks, &c->le, c);
	}

	p = c->bytes + c->used;
	c->used += size;

	return p;
}

char *conf_arena_str(struct conf_arena *a, const char *p, size_t n)
{
	char *s = conf_arena_get(a, n + 1);

	if (s)
		memcpy(s, p, n);

	return s;
}

/*
 * libconfig writes to memory that it did not get (1.5), or ends the process
 * (1.7). So it is asked for here first, all at once, and given back. A setting
 * of 15 octets becomes some 250: a node, its name, its value, a place in a list.
 * The least is also for the profiles' trees.
 */
int conf_tree_fits(size_t text_len)
{
	void *p = mem_alloc(TREE_LEAST + TREE_PER_OCTET * text_len, NULL);

	mem_deref(p);

	return p ? 0 : ENOMEM;
}
