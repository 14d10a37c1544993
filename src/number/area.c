/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Large arrays. They are mapped, so that all of their memory goes back to the
 * system when a table is freed, wherever in the heap its neighbours lie; and huge
 * pages are asked for, as a look-up at random in a hundred thousand small ones
 * would miss the TLB each time. Small arrays come from the heap.
 */
#include <string.h>
#include <sys/mman.h>
#include <re.h>
#include "build_priv.h"

enum {
	MAP_MIN = 256 * 1024,       /**< smaller ones are not mapped */
	PAGE = 65536,               /**< a multiple of every page size */
	HUGE_PAGE = 2 * 1024 * 1024 /**< on x86-64, and on arm64 with pages of 4 KB */
};

static size_t rounded(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/** A huge page must begin at a multiple of its size, so what lies around that is given back. */
static void *map(size_t size)
{
	const size_t room = size < 2 * HUGE_PAGE ? 0 : HUGE_PAGE;
	char *all, *p;

	/* cppcheck-suppress invalidFunctionArg ; no file, so no descriptor */
	all = mmap(NULL, size + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	if (!room)
		return all;

	p = all + (-(uintptr_t)all & (HUGE_PAGE - 1));
	if (p > all)
		(void)munmap(all, (size_t)(p - all));
	if (p < all + room)
		(void)munmap(p + size, (size_t)(all + room - p));

	/* Where the system has none to give, it works without. */
	(void)madvise(p, size, MADV_HUGEPAGE);

	return p;
}

int number_area_alloc(struct number_area *a, size_t size)
{
	struct number_area new = {.size = size, .mapped = size >= MAP_MIN};

	if (size > SIZE_MAX / 2)
		return ENOMEM;

	if (new.mapped) {
		new.size = rounded(size);
		new.p = map(new.size);
	} else {
		new.p = mem_zalloc(size ? size : 1, NULL);
	}
	if (!new.p)
		return ENOMEM;

	*a = new;

	return 0;
}

/** Its bytes stay, and may move. On failure it is as before. */
int number_area_grow(struct number_area *a, size_t size)
{
	struct number_area new;
	int err;

	if (size <= a->size)
		return 0;

	if (a->mapped && size <= SIZE_MAX / 2) {
		const size_t larger = rounded(size);
		void *p = mremap(a->p, a->size, larger, MREMAP_MAYMOVE);

		if (p == MAP_FAILED)
			return ENOMEM;
		a->p = p;
		a->size = larger;
		if (larger >= 2 * HUGE_PAGE)
			(void)madvise(p, larger, MADV_HUGEPAGE);
		return 0;
	}

	err = number_area_alloc(&new, size);
	if (err)
		return err;
	if (a->p)
		memcpy(new.p, a->p, a->size);
	number_area_free(a);
	*a = new;

	return 0;
}

void number_area_free(struct number_area *a)
{
	if (a->mapped)
		(void)munmap(a->p, a->size);
	else
		mem_deref(a->p);

	memset(a, 0, sizeof(*a));
}

/** Twice the size at least, so that what was not used yet costs no memory. */
int number_vec_grow(struct number_vec *v, size_t size)
{
	enum { FIRST = 16 };
	const size_t cap = v->cap ? v->cap * 2 : FIRST;
	int err = cap > SIZE_MAX / 2 / size ? ENOMEM : number_area_grow(&v->area, cap * size);

	if (!err)
		v->cap = cap;

	return err;
}

void number_vec_free(struct number_vec *v)
{
	number_area_free(&v->area);
	memset(v, 0, sizeof(*v));
}
