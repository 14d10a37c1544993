/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/worker: jobs beside the loop. The real loop is stopped by the last done
 * handler, so nothing here waits for a clock.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_worker.h>

enum { MANY = 20000 };

/* What jobs have in common; written by the thread and read in the loop, or the other way round,
 * only where the worker orders it. */
struct shared {
	struct sp_loop *loop;
	struct sp_worker *worker;
	pthread_t loop_thread;
	unsigned worked, done, freed; /* so many, in this order */
	unsigned stop_at;             /* this many done end the loop */
	unsigned in_loop, on_thread;  /* freed there */
	int priority;
	char name[16];
	bool blocked;
};

struct job {
	struct shared *s;
	unsigned n;
	unsigned result;
};

static bool is_loop(const struct shared *s)
{
	return pthread_equal(pthread_self(), s->loop_thread) != 0;
}

static void job_destructor(void *arg)
{
	struct job *j = arg;

	j->s->freed++;
	if (is_loop(j->s))
		j->s->in_loop++;
	else
		j->s->on_thread++;
}

static struct job *job_new(struct shared *s, unsigned n)
{
	struct job *j = mem_zalloc(sizeof(*j), job_destructor);

	assert_non_null(j);
	j->s = s;
	j->n = n;
	return j;
}

static void work(void *arg)
{
	struct job *j = arg;

	/* one after another, in the order given */
	if (j->s->worked == j->n && !is_loop(j->s))
		j->result = j->n + 1;
	j->s->worked++;
}

static void done(void *arg)
{
	struct job *j = arg;

	assert_true(is_loop(j->s));
	assert_int_equal(j->result, j->n + 1);
	assert_int_equal(j->s->done, j->n);
	assert_int_equal(j->s->freed, j->n); /* those before, each after its handler */
	if (++j->s->done == j->s->stop_at)
		sp_loop_stop(j->s->loop);
}

static int setup(void **state)
{
	struct shared *s = calloc(1, sizeof(*s));

	if (!s || sp_loop_alloc(&s->loop, 1024) || sp_worker_alloc(&s->worker, s->loop))
		return -1;
	s->loop_thread = pthread_self();
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct shared *s = *state;

	mem_deref(s->worker);
	mem_deref(s->loop);
	free(s);
	return 0;
}

static void give(struct shared *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		assert_int_equal(sp_worker_run(s->worker, work, done, job_new(s, i)), 0);
}

static void test_order(void **state)
{
	struct shared *s = *state;

	assert_int_equal(sp_worker_jobs(s->worker), 0);
	s->stop_at = MANY;
	give(s, 0, MANY);
	assert_int_equal(sp_worker_jobs(s->worker), MANY);
	assert_int_equal(s->done, 0); /* never before the loop's next turn */
	assert_int_equal(sp_loop_run(s->loop), 0);
	assert_int_equal(s->done, MANY);
	assert_int_equal(s->freed, MANY);
	assert_int_equal(s->in_loop, MANY);
	assert_int_equal(sp_worker_jobs(s->worker), 0);
}

static void give_next(void *arg)
{
	struct job *j = arg;
	struct shared *s = j->s;

	done(arg);
	if (s->done < s->stop_at)
		assert_int_equal(sp_worker_run(s->worker, work, give_next, job_new(s, s->done)), 0);
}

/* Each done handler gives the next job: the thread sleeps and wakes for each. */
static void test_one_by_one(void **state)
{
	struct shared *s = *state;

	s->stop_at = 500;
	assert_int_equal(sp_worker_run(s->worker, work, give_next, job_new(s, 0)), 0);
	assert_int_equal(sp_loop_run(s->loop), 0);
	assert_int_equal(s->worked, 500);
	assert_int_equal(s->in_loop, 500);
}

static void look_around(void *arg)
{
	struct job *j = arg;
	sigset_t set;

	work(arg);
	(void)pthread_getname_np(pthread_self(), j->s->name, sizeof(j->s->name));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &set);
	j->s->blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP) &&
			sigismember(&set, SIGUSR1) && sigismember(&set, SIGCHLD);
	j->s->priority = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void test_thread(void **state)
{
	const int own = getpriority(PRIO_PROCESS, 0);
	struct shared *s = *state;
	sigset_t before, after;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	s->stop_at = 1;
	assert_int_equal(sp_worker_run(s->worker, look_around, done, job_new(s, 0)), 0);
	assert_int_equal(sp_loop_run(s->loop), 0);
	assert_string_equal(s->name, "sallyport-load");
	assert_true(s->blocked);
	assert_int_equal(s->priority, own + 10 > 19 ? 19 : 10);

	/* and nothing changed for the loop */
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < SIGRTMIN; i++)
		assert_int_equal(sigismember(&after, i), sigismember(&before, i));
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

static void test_release(void **state)
{
	struct shared *s = *state;
	struct job *held = job_new(s, 0);

	/* not the last reference: the other's holder frees it, here */
	sp_worker_release(s->worker, mem_ref(held));
	assert_int_equal(s->freed, 0);
	assert_int_equal(mem_nrefs(held), 1);
	assert_int_equal(sp_worker_jobs(s->worker), 0);
	mem_deref(held);
	assert_int_equal(s->in_loop, 1);

	sp_worker_release(s->worker, NULL);
	assert_int_equal(sp_worker_jobs(s->worker), 0);

	for (unsigned i = 0; i < 1000; i++)
		sp_worker_release(s->worker, job_new(s, i));
	s->worker = mem_deref(s->worker); /* waits for all of them */
	assert_int_equal(s->on_thread, 1000);
	assert_int_equal(s->in_loop, 1);
}

/* Free the worker while jobs are left: they are worked on, but nobody is told. */
static void test_destructor(void **state)
{
	struct shared *s = *state;

	give(s, 0, 1000);
	s->worker = mem_deref(s->worker);
	assert_int_equal(s->worked, 1000);
	assert_int_equal(s->done, 0);
	assert_int_equal(s->freed, 1000);
	assert_int_equal(s->in_loop, 1000);
}

static void done_frees_worker(void *arg)
{
	struct job *j = arg;

	done(arg);
	if (j->s->done == 3) {
		j->s->worker = mem_deref(j->s->worker);
		sp_loop_stop(j->s->loop);
	}
}

static void test_freed_by_done(void **state)
{
	struct shared *s = *state;

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sp_worker_run(s->worker, work, done_frees_worker, job_new(s, i)),
				 0);
	assert_int_equal(sp_loop_run(s->loop), 0);
	assert_null(s->worker);
	assert_int_equal(s->done, 3);
	assert_int_equal(s->worked, 100);
	assert_int_equal(s->freed, 100);
}

/* A job, and the end of a pipe that it waits at. */
struct waiting {
	struct job job; /* first */
	int fd;
};

static void wait_for_byte(void *arg)
{
	const struct waiting *w = arg;
	char byte = 0;

	if (read(w->fd, &byte, 1) == 1 && byte == 'x')
		work(arg);
}

static void write_byte(void *arg)
{
	assert_int_equal(write(*(const int *)arg, "x", 1), 1);
}

/* The loop goes on while a job runs: only its timer lets the job end. */
static void test_beside_the_loop(void **state)
{
	struct shared *s = *state;
	struct waiting *w = mem_zalloc(sizeof(*w), job_destructor);
	struct sp_timer timer = {0};
	int fd[2];

	assert_non_null(w);
	assert_int_equal(pipe(fd), 0);
	w->job.s = s;
	w->fd = fd[0];
	s->stop_at = 1;
	assert_int_equal(sp_worker_run(s->worker, wait_for_byte, done, w), 0);
	sp_timer_start(s->loop, &timer, 5, write_byte, &fd[1]);
	assert_int_equal(sp_loop_run(s->loop), 0);
	assert_int_equal(s->done, 1);
	assert_int_equal(s->worked, 1);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* ---- fake loops ---- */

static void work_at_once(void *arg)
{
	struct job *j = arg;

	assert_true(is_loop(j->s));
	j->result = j->n + 1;
	j->s->worked++;
}

static void test_fake(void **state)
{
	struct shared s = {.loop_thread = pthread_self()};
	struct job *held;
	(void)state;

	assert_int_equal(sp_loop_alloc_fake(&s.loop, 1000), 0);
	assert_int_equal(sp_worker_alloc(&s.worker, s.loop), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(sp_worker_run(s.worker, work_at_once, done, job_new(&s, i)), 0);
		assert_int_equal(s.worked, i + 1);
		assert_int_equal(s.done, i + 1);
		assert_int_equal(s.freed, i + 1);
		assert_int_equal(sp_worker_jobs(s.worker), 0);
	}
	assert_int_equal(sp_worker_run(s.worker, work_at_once, NULL, job_new(&s, 3)), 0);
	assert_int_equal(s.freed, 4);

	held = job_new(&s, 0);
	sp_worker_release(s.worker, mem_ref(held));
	assert_int_equal(s.freed, 4);
	sp_worker_release(s.worker, held);
	assert_int_equal(s.freed, 5);
	sp_worker_release(NULL, job_new(&s, 0));
	assert_int_equal(s.freed, 6);

	mem_deref(s.worker);
	mem_deref(s.loop);
}

static void test_arguments(void **state)
{
	struct sp_worker *w = NULL;
	struct shared *s = *state;

	assert_int_equal(sp_worker_alloc(NULL, s->loop), EINVAL);
	assert_int_equal(sp_worker_alloc(&w, NULL), EINVAL);
	assert_int_equal(sp_worker_run(NULL, work, done, NULL), EINVAL);
	assert_int_equal(sp_worker_run(s->worker, NULL, done, NULL), EINVAL);
	assert_int_equal(sp_worker_jobs(NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order),           T(test_one_by_one),          T(test_thread),
		T(test_release),         T(test_destructor),          T(test_freed_by_done),
		T(test_beside_the_loop), cmocka_unit_test(test_fake), T(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
