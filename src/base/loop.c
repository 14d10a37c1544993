/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The event loop: libre's epoll loop with a proper end of turn.
 *
 * libre collects a batch of events and then calls the handlers by descriptor
 * number. If a handler closes descriptor N and a new socket gets the same
 * number, an old event for N reaches the new socket's handler. So descriptors
 * stop being watched at once but stay open until their batch is over, and
 * objects live as long.
 *
 * The end of a turn is an eventfd. It is written when something is handed
 * over, so its event comes in a later batch; but in that batch handlers may
 * have run before it and handed over more. Hence two lists: each end of a turn
 * disposes of what was ripe and lets the fresh ripen for the next.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_log.h>
#include <sallyport/base_loop.h>
#include "base_priv.h"

enum {
	MIN_FDS = 1024,
	MAX_FDS = 1048576,
	DOOMLIST_START = 1024,
	FAKE_WALL_S = 1000000000,
};

static int doomlist_grow(struct base_doomlist *dl)
{
	const size_t size = dl->size ? dl->size * 2 : DOOMLIST_START;
	struct base_doomed *v = mem_reallocarray(dl->v, size, sizeof(*v), NULL);

	if (!v)
		return ENOMEM;
	dl->v = v;
	dl->size = size;

	return 0;
}

/* It grows ahead of need: being rid of things must not fail for want of memory. */
static int doomlist_add(struct base_doomlist *dl, int fd, void *obj)
{
	if (dl->n >= dl->size / 2)
		(void)doomlist_grow(dl);
	if (dl->n == dl->size)
		return ENOMEM;

	dl->v[dl->n++] = (struct base_doomed){.fd = fd, .obj = obj};

	return 0;
}

/* Destructors may hand over more while this runs: dl must be in nobody's reach. */
static void doomlist_dispose(struct base_doomlist *dl)
{
	for (size_t i = 0; i < dl->n; i++) {
		if (dl->v[i].fd >= 0)
			(void)close(dl->v[i].fd);
		mem_deref(dl->v[i].obj);
	}

	dl->n = 0;
}

/* Dispose of what is ripe, and let the fresh ripen. The lists change places. */
static void dispose_ripe(struct sp_loop *loop)
{
	struct base_doomlist spent = loop->ripe;

	loop->ripe = loop->fresh;
	loop->fresh = loop->spare;
	memset(&loop->spare, 0, sizeof(loop->spare));
	doomlist_dispose(&spent);
	loop->spare = spent;
}

/* Outside of any batch: dispose of everything, and of what that sets free. */
static void dispose_all(struct sp_loop *loop)
{
	while (loop->ripe.n || loop->fresh.n)
		dispose_ripe(loop);
}

static void wake(struct sp_loop *loop)
{
	const uint64_t one = 1;

	if (loop->fake || loop->woken)
		return;

	loop->woken = write(loop->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

/* The wake eventfd is readable: no event of the batch that handed over the
 * ripe things is left. */
static void turn_over(int flags, void *arg)
{
	struct sp_loop *loop = arg;
	uint64_t count;
	(void)flags;

	if (read(loop->wake_fd, &count, sizeof(count)) < 0)
		return;

	loop->woken = false;
	dispose_ripe(loop);

	if (loop->ripe.n || loop->fresh.n)
		wake(loop);
}

static void doom(struct sp_loop *loop, int fd, void *obj)
{
	if (doomlist_add(&loop->fresh, fd, obj)) {
		/* A late event is better than a leaked descriptor, and a leaked
		 * object better than one freed under its caller. */
		sp_log(SP_LOG_ERROR, "loop_no_memory", "%s", obj ? "lost=object" : "closed=now");
		if (fd >= 0)
			(void)close(fd);
		return;
	}

	wake(loop);
}

static void signal_ready(int flags, void *arg)
{
	struct sp_loop *loop = arg;
	struct signalfd_siginfo si;
	(void)flags;

	while (read(loop->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		loop->signalh((int)si.ssi_signo, loop->signal_arg);
}

/* Ask for max_fds descriptors, or as many as the hard limit allows. */
static void raise_fd_limit(unsigned max_fds)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur >= max_fds)
		return;

	rl.rlim_cur = rl.rlim_max < max_fds ? rl.rlim_max : max_fds;
	if (setrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur < max_fds)
		sp_log(SP_LOG_WARN, "loop_fd_limit", "wanted=%u", max_fds);
}

static void close_own(int fd)
{
	if (fd < 0)
		return;

	fd_close(fd);
	(void)close(fd);
}

/* The signals stay blocked: one that is pending would end the process. */
static void destructor(void *arg)
{
	struct sp_loop *loop = arg;

	dispose_all(loop);
	mem_deref(loop->ripe.v);
	mem_deref(loop->fresh.v);
	mem_deref(loop->spare.v);

	close_own(loop->timers.fd);
	close_own(loop->wake_fd);
	close_own(loop->signal_fd);
	base_timers_idle(&loop->timers);

	if (loop->started)
		libre_close();
}

static struct sp_loop *loop_new(void)
{
	struct sp_loop *loop = mem_zalloc(sizeof(*loop), destructor);

	if (!loop)
		return NULL;

	loop->timers.fd = loop->wake_fd = loop->signal_fd = -1;
	loop->timers.armed_ms = BASE_NEVER;
	if (doomlist_grow(&loop->fresh) || doomlist_grow(&loop->ripe) ||
	    doomlist_grow(&loop->spare))
		return mem_deref(loop);

	return loop;
}

int sp_loop_alloc(struct sp_loop **lp, unsigned max_fds)
{
	struct sp_loop *loop;
	int err;

	if (!lp || max_fds < MIN_FDS || max_fds > MAX_FDS)
		return EINVAL;

	loop = loop_new();
	if (!loop)
		return ENOMEM;

	/* a peer, or who read the log, is gone; a file may not grow: errno says so, too */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	raise_fd_limit(max_fds);

	err = libre_init();
	if (err)
		goto out;
	loop->started = true;

	err = fd_setsize((int)max_fds);
	if (err)
		goto out;

	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0) {
		err = errno;
		goto out;
	}

	err = base_timers_open(&loop->timers);
	if (err)
		goto out;

	err = fd_listen(loop->wake_fd, FD_READ, turn_over, loop);
	if (err)
		goto out;

	err = fd_listen(loop->timers.fd, FD_READ, base_timers_ready, loop);

out:
	if (err)
		mem_deref(loop);
	else
		*lp = loop;

	return err;
}

int sp_loop_alloc_fake(struct sp_loop **lp, uint64_t now_ms)
{
	struct sp_loop *loop;

	if (!lp)
		return EINVAL;

	loop = loop_new();
	if (!loop)
		return ENOMEM;

	loop->fake = true;
	loop->now_ms = now_ms;
	sp_loop_wall_set(loop, FAKE_WALL_S);
	*lp = loop;

	return 0;
}

int sp_loop_run(struct sp_loop *loop)
{
	int err = 0;

	if (!loop)
		return EINVAL;
	if (loop->fake)
		return ENOTSUP;

	/* stopped by its owner before it began, as when start-up fails */
	if (!loop->stop) {
		base_log_loop(loop);
		err = re_main(NULL);
		base_log_loop(NULL);
	}

	loop->stop = false;
	dispose_all(loop);

	return err;
}

void sp_loop_stop(struct sp_loop *loop)
{
	if (!loop || loop->fake)
		return;

	loop->stop = true;
	re_cancel();
}

uint64_t sp_loop_now_us(const struct sp_loop *loop)
{
	struct timespec ts = {0};

	if (loop && loop->fake)
		return loop->now_ms * 1000;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t sp_loop_now_ms(const struct sp_loop *loop)
{
	return sp_loop_now_us(loop) / 1000;
}

int64_t sp_loop_wall_s(const struct sp_loop *loop)
{
	if (loop && loop->fake)
		return loop->wall_s + (int64_t)((loop->now_ms - loop->wall_ms) / 1000);

	return (int64_t)time(NULL);
}

void sp_loop_wall_set(struct sp_loop *loop, int64_t s)
{
	if (!loop || !loop->fake)
		return;

	loop->wall_s = s;
	loop->wall_ms = loop->now_ms;
}

void sp_loop_advance(struct sp_loop *loop, uint64_t ms)
{
	uint64_t until_ms;

	if (!loop || !loop->fake)
		return;

	until_ms = loop->now_ms + ms;
	while (base_timers_fire_one(&loop->timers, until_ms, &loop->now_ms))
		sp_loop_turn(loop);

	loop->now_ms = until_ms;
	sp_loop_turn(loop);
}

void sp_loop_turn(struct sp_loop *loop)
{
	if (loop && loop->fake)
		dispose_all(loop);
}

int sp_loop_listen(struct sp_loop *loop, int fd, int flags, sp_fd_h *h, void *arg)
{
	if (!loop || fd < 0 || !h)
		return EINVAL;
	if (loop->fake)
		return 0;

	if (!flags) {
		fd_close(fd);
		return 0;
	}

	return fd_listen(fd, flags, h, arg);
}

void sp_loop_unlisten(struct sp_loop *loop, int fd)
{
	if (!loop || loop->fake || fd < 0)
		return;

	fd_close(fd);
}

void sp_loop_close(struct sp_loop *loop, int fd)
{
	if (!loop || fd < 0)
		return;

	sp_loop_unlisten(loop, fd);
	doom(loop, fd, NULL);
}

void sp_loop_release(struct sp_loop *loop, void *obj)
{
	if (!loop || !obj)
		return;

	doom(loop, -1, obj);
}

int sp_loop_signals(struct sp_loop *loop, const int *signos, size_t n, sp_signal_h *h, void *arg)
{
	sigset_t set;

	if (!loop || !signos || !h)
		return EINVAL;
	if (loop->fake)
		return 0;
	if (loop->signal_fd >= 0)
		return EALREADY;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++) {
		if (sigaddset(&set, signos[i]))
			return EINVAL;
	}

	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return errno;

	loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0)
		return errno;

	loop->signalh = h;
	loop->signal_arg = arg;

	return fd_listen(loop->signal_fd, FD_READ, signal_ready, loop);
}
