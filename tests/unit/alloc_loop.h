/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Beside alloc_fault.h, for tests with a loop and descriptors of the kernel's.
 */
#ifndef ALLOC_LOOP_H
#define ALLOC_LOOP_H

#include "alloc_fault.h"

#include <dirent.h>
#include <sallyport/base_loop.h>

/** That this process has open. */
static inline unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		++n;
	closedir(dir);
	return n;
}

static inline void alloc_tick(void *arg)
{
	sp_loop_stop(arg);
}

/** The loop runs, and what allocates in it counts. */
static inline void alloc_run(struct sp_loop *loop, unsigned ms)
{
	struct sp_timer t = {.due_ms = 0};
	unsigned was;

	sp_timer_start(loop, &t, ms, alloc_tick, loop);
	was = alloc_enter();
	(void)sp_loop_run(loop);
	alloc_leave(was);
	sp_timer_cancel(&t);
}

#endif
