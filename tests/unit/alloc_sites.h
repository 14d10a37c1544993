/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From where memory is asked for: of tens of thousands of allocations, those
 * that are the first or the last of their place in our code, however deep in a
 * library they are. What goes on there when one fails is our concern; that a
 * library asks a thousand times on the way is not.
 */
#ifndef ALLOC_SITES_H
#define ALLOC_SITES_H

#include <unwind.h>
#include "alloc_fault.h"

enum {
	SITES_MAX = 4096, /* a power of 2 */
	SITE_STACK = 64,
	SITE_FRAMES = 7 /* of ours that make a place, with the three of the allocator */
};

extern char __executable_start, etext; /* of the linker */

struct alloc_site {
	uint64_t key; /* 0: none */
	unsigned first, last;
};

static struct {
	size_t c;
	struct alloc_site v[SITES_MAX];
} alloc_sites;

struct alloc_stack {
	uint64_t key;
	int depth, ours;
};

static inline _Unwind_Reason_Code alloc_site_frame(struct _Unwind_Context *c, void *arg)
{
	const uintptr_t p = (uintptr_t)_Unwind_GetIP(c);
	struct alloc_stack *s = arg;

	if (p >= (uintptr_t)&__executable_start && p < (uintptr_t)&etext) {
		s->ours++;
		s->key = (s->key ^ (p - (uintptr_t)&__executable_start)) *
			 UINT64_C(0x9e3779b97f4a7c15);
		s->key ^= s->key >> 29;
	}
	return ++s->depth < SITE_STACK && s->ours < SITE_FRAMES ? _URC_NO_REASON
								: _URC_END_OF_STACK;
}

static inline void alloc_site_seen(void)
{
	const unsigned was = alloc_pause(), no = alloc_state.count;
	struct alloc_stack s = {.key = 1};
	uint64_t key;
	size_t i;

	(void)_Unwind_Backtrace(alloc_site_frame, &s);
	key = s.key | 1;
	for (i = key >> 40 & (SITES_MAX - 1); alloc_sites.v[i].key; i = (i + 1) & (SITES_MAX - 1)) {
		if (alloc_sites.v[i].key == key)
			break;
	}
	if (!alloc_sites.v[i].key) {
		if (++alloc_sites.c >= SITES_MAX / 2)
			abort();
		alloc_sites.v[i] = (struct alloc_site){.key = key, .first = no};
	}
	alloc_sites.v[i].last = no;
	alloc_leave(was);
}

static inline int alloc_site_by_number(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/** Which allocations of one() are to fail, in their order; one() is done once. @return how many */
static inline size_t alloc_sites_find(unsigned *v, size_t max, void (*one)(void *arg), void *arg)
{
	size_t n = 0, kept = 0;

	memset(&alloc_sites, 0, sizeof(alloc_sites));
	alloc_state.seen = alloc_site_seen;
	one(arg);
	alloc_state.seen = NULL;
	for (size_t i = 0; i < SITES_MAX && n + 2 <= max; i++) {
		const struct alloc_site *s = &alloc_sites.v[i];

		if (!s->key)
			continue;
		v[n++] = s->first;
		if (s->last != s->first)
			v[n++] = s->last;
	}
	qsort(v, n, sizeof(*v), alloc_site_by_number);
	for (size_t i = 0; i < n; i++) {
		if (!kept || v[kept - 1] != v[i])
			v[kept++] = v[i];
	}
	return kept;
}

#endif
