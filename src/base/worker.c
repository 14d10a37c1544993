/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One thread beside the loop: jobs go to it through a queue and come back
 * through another, and an eventfd wakes the loop for those that came back.
 *
 * Both queues, and what they hold, are under one mutex; that, and nothing
 * else, orders the memory of a job between the two threads.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <sallyport/base_worker.h>
#include "base_priv.h"

enum { WORKER_NICE = 10 };

static const char thread_name[] = "sallyport-load"; /* 15 bytes at most */

struct job {
	struct job *next;
	sp_work_h *workh; /* NULL: obj is only to be freed, on the thread */
	sp_work_h *doneh;
	void *obj;
};

struct queue {
	struct job *first, **last;
};

struct sp_worker {
	struct sp_loop *loop;
	size_t jobs; /* of the loop alone */
	int fd;
	bool at_once; /* of a fake loop */
	bool started;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t more;

	/* under the mutex */
	struct queue todo, done;
	bool last; /* there will be no more: end when nothing is left to do */
};

static void put(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
}

static struct job *take(struct queue *q)
{
	struct job *j = q->first;

	if (j)
		q->first = j->next;
	if (!q->first)
		q->last = &q->first;

	return j;
}

static struct job *take_done(struct sp_worker *w)
{
	struct job *j;

	(void)pthread_mutex_lock(&w->mutex);
	j = take(&w->done);
	(void)pthread_mutex_unlock(&w->mutex);

	return j;
}

/* ---- on the thread ---- */

static void wake_loop(const struct sp_worker *w)
{
	const uint64_t one = 1;

	/* it cannot fail: the counter would have to be at its end */
	(void)!write(w->fd, &one, sizeof(one));
}

static void work(struct job *j)
{
	if (j->workh)
		j->workh(j->obj);
	else
		j->obj = mem_deref(j->obj);
}

static void *thread_main(void *arg)
{
	struct sp_worker *w = arg;
	struct job *j;

	(void)pthread_setname_np(pthread_self(), thread_name);
	/* calls come first; where it is forbidden, they share the processor with us */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);

	(void)pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (!(j = take(&w->todo)) && !w->last)
			(void)pthread_cond_wait(&w->more, &w->mutex);
		if (!j)
			break;

		(void)pthread_mutex_unlock(&w->mutex);
		work(j);
		(void)pthread_mutex_lock(&w->mutex);
		put(&w->done, j);
		wake_loop(w);
	}
	(void)pthread_mutex_unlock(&w->mutex);

	return NULL;
}

/* ---- in the loop ---- */

static void on_done(int flags, void *arg)
{
	struct sp_worker *w = mem_ref(arg);
	uint64_t count;
	struct job *j;
	(void)flags;

	(void)!read(w->fd, &count, sizeof(count));

	/* a done handler may free the worker: then the others are not called */
	while (mem_nrefs(w) > 1 && (j = take_done(w))) {
		w->jobs--;
		if (j->doneh)
			j->doneh(j->obj);
		mem_deref(j->obj);
		mem_deref(j);
	}

	mem_deref(w);
}

/* Signals are for the loop, which waits for them on a descriptor. */
static int start_thread(struct sp_worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	err = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (err)
		return err;

	err = pthread_create(&w->thread, NULL, thread_main, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return err;

	w->started = true;

	return 0;
}

static int start(struct sp_worker *w)
{
	int err;

	if (w->started)
		return 0;

	if (w->fd < 0) {
		w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (w->fd < 0)
			return errno;
	}
	err = sp_loop_listen(w->loop, w->fd, FD_READ, on_done, w);

	return err ? err : start_thread(w);
}

static void free_jobs(struct queue *q)
{
	struct job *j;

	while ((j = take(q))) {
		mem_deref(j->obj);
		mem_deref(j);
	}
}

static void destructor(void *arg)
{
	struct sp_worker *w = arg;

	if (w->started) {
		(void)pthread_mutex_lock(&w->mutex);
		w->last = true;
		(void)pthread_cond_signal(&w->more);
		(void)pthread_mutex_unlock(&w->mutex);
		(void)pthread_join(w->thread, NULL);
	}

	sp_loop_close(w->loop, w->fd);
	free_jobs(&w->done);
	(void)pthread_cond_destroy(&w->more);
	(void)pthread_mutex_destroy(&w->mutex);
}

int sp_worker_alloc(struct sp_worker **wp, struct sp_loop *loop)
{
	struct sp_worker *w;

	if (!wp || !loop)
		return EINVAL;

	w = mem_zalloc(sizeof(*w), destructor);
	if (!w)
		return ENOMEM;

	w->loop = loop;
	w->at_once = loop->fake;
	w->fd = -1;
	w->todo.last = &w->todo.first;
	w->done.last = &w->done.first;
	/* with default attributes neither fails on Linux */
	(void)pthread_mutex_init(&w->mutex, NULL);
	(void)pthread_cond_init(&w->more, NULL);
	*wp = w;

	return 0;
}

static int give(struct sp_worker *w, sp_work_h *workh, sp_work_h *doneh, void *obj)
{
	struct job *j;
	int err = start(w);

	if (err)
		return err;

	j = mem_zalloc(sizeof(*j), NULL);
	if (!j)
		return ENOMEM;

	j->workh = workh;
	j->doneh = doneh;
	j->obj = obj;
	w->jobs++;

	(void)pthread_mutex_lock(&w->mutex);
	put(&w->todo, j);
	(void)pthread_cond_signal(&w->more);
	(void)pthread_mutex_unlock(&w->mutex);

	return 0;
}

int sp_worker_run(struct sp_worker *w, sp_work_h *workh, sp_work_h *doneh, void *job)
{
	if (!w || !workh)
		return EINVAL;

	if (!w->at_once)
		return give(w, workh, doneh, job);

	workh(job);
	if (doneh)
		doneh(job);
	mem_deref(job);

	return 0;
}

void sp_worker_release(struct sp_worker *w, void *obj)
{
	if (!obj)
		return;

	/* with another reference left, that one decides, and it is not the thread's */
	if (!w || w->at_once || mem_nrefs(obj) > 1 || give(w, NULL, NULL, obj))
		mem_deref(obj);
}

size_t sp_worker_jobs(const struct sp_worker *w)
{
	return w ? w->jobs : 0;
}
