/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/worker: one thread beside the loop, for what takes longer than the loop
 * may wait. Jobs run one after another, in the order given, at a low priority.
 * A job shares nothing with the loop while it runs but what its author has made
 * safe for two threads (an atomic flag that asks it to stop).
 *
 * libre's mem_ref() and mem_deref() are not atomic: an object belongs to one
 * thread at a time. sp_worker_run() hands the job over, its done handler gets it
 * back; both order memory between the threads.
 */
#ifndef SALLYPORT_BASE_WORKER_H
#define SALLYPORT_BASE_WORKER_H

#include "sallyport/base_loop.h"

struct sp_worker;

typedef void(sp_work_h)(void *arg);

/**
 * The thread begins with the first job, with all signals blocked. Freeing the
 * worker waits until every job that was given has been worked on; their done
 * handlers are not called then. Of a fake loop: each job runs, and is done,
 * within sp_worker_run().
 */
int sp_worker_alloc(struct sp_worker **wp, struct sp_loop *loop);

/**
 * Have workh called on the thread, then doneh in the loop.
 * @param doneh may be NULL
 * @param job   a mem object; the worker takes over the caller's reference, which must be
 *              the only one, and frees it in the loop after doneh, or with itself
 * @return 0, ENOMEM, or errno of starting the thread: then the job is still the caller's
 */
int sp_worker_run(struct sp_worker *w, sp_work_h *workh, sp_work_h *doneh, void *job);

/**
 * mem_deref() obj, on the thread if it is the last reference: for what is too
 * large to be freed in the loop. Where the thread cannot be had, at once. NULL is ignored.
 */
void sp_worker_release(struct sp_worker *w, void *obj);

/** Jobs that were given and are not done. */
size_t sp_worker_jobs(const struct sp_worker *w);

#endif
