/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The allocator of a test program, which can be made to fail: malloc() and its
 * family are defined here, and so used by libre, OpenSSL and all other
 * libraries of the program too.
 *
 * Allocations count while the code under test runs, between alloc_enter() and
 * alloc_leave(); what that has allocated and not freed is known by address, so
 * a leak shows at once, with the number of the allocation. Include it in one
 * file of a program, before anything whose calls are to be counted.
 */
#ifndef ALLOC_FAULT_H
#define ALLOC_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sallyport/base_secret.h>

#if defined(__SANITIZE_ADDRESS__)
#define ALLOC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALLOC_ASAN 1
#endif
#endif

#ifdef ALLOC_ASAN
#define ALLOC_REAL(name) __interceptor_##name
void __sanitizer_print_stack_trace(void);
#else
#define ALLOC_REAL(name) __libc_##name
#endif
void *ALLOC_REAL(malloc)(size_t size);
void *ALLOC_REAL(calloc)(size_t n, size_t size);
void *ALLOC_REAL(realloc)(void *p, size_t size);
void ALLOC_REAL(free)(void *p);

enum { ALLOC_LIVE_MAX = 1 << 15 }; /* a power of 2; half of it may live at once */

/* A block of the code under test. */
struct alloc_block {
	void *p;
	unsigned no;
	size_t size;
};

static struct {
	unsigned depth;       /* alloc_enter() calls                        */
	unsigned count;       /* allocations since alloc_plan()             */
	unsigned first, last; /* those that fail; 0: none                   */
	unsigned failed;      /* how many did                               */
	bool trace;           /* show where the first of them is            */
	void (*seen)(void);   /* told of each that counts; alloc_sites.h    */
	size_t live;
	struct alloc_block blockv[ALLOC_LIVE_MAX];
} alloc_state;

/** The code under test begins, or goes on. */
static inline unsigned alloc_enter(void)
{
	const unsigned was = alloc_state.depth;

	alloc_state.depth = 1;
	return was;
}

/** The test's own code, also where the code under test calls it. */
static inline unsigned alloc_pause(void)
{
	const unsigned was = alloc_state.depth;

	alloc_state.depth = 0;
	return was;
}

static inline void alloc_leave(unsigned was)
{
	alloc_state.depth = was;
}

/** Of the allocations from here on, counted from 1, those of the range fail. */
static inline void alloc_plan(unsigned first, unsigned last)
{
	alloc_state.count = alloc_state.failed = 0;
	alloc_state.first = first;
	alloc_state.last = last;
}

/** There is memory again. */
static inline void alloc_heal(void)
{
	alloc_state.first = alloc_state.last = 0;
}

/** One more allocation: does it fail? */
static inline bool alloc_fails(void)
{
	if (!alloc_state.depth)
		return false;
	++alloc_state.count;
	if (alloc_state.seen)
		alloc_state.seen();
	if (!alloc_state.first || alloc_state.count < alloc_state.first ||
	    alloc_state.count > alloc_state.last)
		return false;
	alloc_state.failed++;
#ifdef ALLOC_ASAN
	if (alloc_state.trace && alloc_state.failed == 1) {
		const unsigned was = alloc_pause();

		__sanitizer_print_stack_trace();
		alloc_leave(was);
	}
#endif
	errno = ENOMEM;
	return true;
}

static inline size_t alloc_slot(const void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 40) &
	       (ALLOC_LIVE_MAX - 1);
}

static inline void *alloc_note(void *p, size_t size)
{
	size_t i = alloc_slot(p);

	if (!p || !alloc_state.depth)
		return p;
	if (alloc_state.live >= ALLOC_LIVE_MAX / 2)
		abort();
	while (alloc_state.blockv[i].p)
		i = (i + 1) & (ALLOC_LIVE_MAX - 1);
	alloc_state.blockv[i] = (struct alloc_block){p, alloc_state.count, size};
	alloc_state.live++;
	return p;
}

/** @return true when it was one of the code under test */
static inline bool alloc_forget(const void *p)
{
	size_t i = alloc_slot(p), gap;

	if (!p || !alloc_state.live)
		return false;
	while (alloc_state.blockv[i].p != p) {
		if (!alloc_state.blockv[i].p)
			return false;
		i = (i + 1) & (ALLOC_LIVE_MAX - 1);
	}
	alloc_state.live--;
	/* those behind it move up, as far as they may */
	for (gap = i, i = (i + 1) & (ALLOC_LIVE_MAX - 1); alloc_state.blockv[i].p;
	     i = (i + 1) & (ALLOC_LIVE_MAX - 1)) {
		const size_t home = alloc_slot(alloc_state.blockv[i].p);

		if (((i - home) & (ALLOC_LIVE_MAX - 1)) >= ((i - gap) & (ALLOC_LIVE_MAX - 1))) {
			alloc_state.blockv[gap] = alloc_state.blockv[i];
			gap = i;
		}
	}
	alloc_state.blockv[gap].p = NULL;
	return true;
}

/** What is not freed counts no more: a library keeps it for as long as the process runs. */
static inline void alloc_forget_all(void)
{
	memset(alloc_state.blockv, 0, sizeof(alloc_state.blockv));
	alloc_state.live = 0;
}

/** Blocks that are not freed, of those allocated since the last alloc_forget_all(). */
static inline size_t alloc_leaks(bool tell)
{
	for (size_t i = 0; i < ALLOC_LIVE_MAX && tell && alloc_state.live; i++) {
		if (alloc_state.blockv[i].p)
			printf("    not freed: %zu bytes, allocation %u\n",
			       alloc_state.blockv[i].size, alloc_state.blockv[i].no);
	}
	return alloc_state.live;
}

/**
 * Does what one() does leave more behind each time? What a library keeps for good does not
 * become more. one(): a case from beginning to end.
 */
static inline bool alloc_grows(void (*one)(void *arg), void *arg)
{
	size_t before = 0, after;

	one(arg);
	after = alloc_state.live;
	for (unsigned i = 0; i < 3 && after > before; i++) {
		before = after;
		one(arg);
		after = alloc_state.live;
	}
	if (after > before)
		(void)alloc_leaks(true);
	alloc_forget_all();
	return after > before;
}

void *malloc(size_t size)
{
	return alloc_fails() ? NULL : alloc_note(ALLOC_REAL(malloc)(size), size);
}

void *calloc(size_t n, size_t size)
{
	return alloc_fails() ? NULL : alloc_note(ALLOC_REAL(calloc)(n, size), n * size);
}

void *realloc(void *p, size_t size)
{
	void *q;
	bool ours;

	if (alloc_fails())
		return NULL;
	ours = alloc_forget(p);
	q = ALLOC_REAL(realloc)(p, size);
	if (q && (ours || !p))
		return alloc_note(q, size);
	return q;
}

void free(void *p)
{
	(void)alloc_forget(p);
	ALLOC_REAL(free)(p);
}

/* Memory for keys is mapped in large pieces; here it is like the rest, to fail and leak like it. */

void *sp_secret_alloc(size_t n)
{
	return n ? calloc(1, n) : NULL;
}

void *sp_secret_realloc(void *p, size_t n)
{
	return realloc(p, n);
}

void *sp_secret_free(void *p)
{
	free(p);
	return NULL;
}

size_t sp_secret_count(void)
{
	return 0;
}

#endif
