/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into the daemon by tests that turn its clocks while it runs: the
 * monotonic one goes faster or jumps, the wall clock is stepped. The file that
 * STEERED_CLOCK names says how (clock.py writes it). The daemon takes time from
 * these clocks alone, and sleeps on a timerfd that is set to a time of the first.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { NS = 1000000000 };

/* At real_ns of the kernel's monotonic clock ours was at our_ns; since then it is factor times
 * as fast. The wall clock is wall_ns ahead. turn is odd while any of it is being written. */
struct steering {
	volatile int64_t turn;
	int64_t real_ns, our_ns, factor, wall_ns;
};

static const struct steering *shared;

static struct steering steering(void)
{
	static const struct steering none = {.factor = 1};
	struct steering s;

	if (!shared) {
		const char *name = getenv("STEERED_CLOCK");
		const int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
		void *p = fd < 0 ? MAP_FAILED
				 : mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);

		if (fd >= 0)
			(void)close(fd);
		shared = p == MAP_FAILED ? &none : p;
	}

	do {
		s = *shared;
		__sync_synchronize();
	} while ((s.turn & 1) || s.turn != shared->turn);

	return s;
}

static int64_t to_ns(const struct timespec *ts)
{
	return ts->tv_sec * (int64_t)NS + ts->tv_nsec;
}

static void from_ns(struct timespec *ts, int64_t ns)
{
	ts->tv_sec = ns / NS;
	ts->tv_nsec = ns % NS;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int err = (int)syscall(SYS_clock_gettime, id, ts);
	struct steering s;

	if (err || (CLOCK_MONOTONIC != id && CLOCK_REALTIME != id))
		return err;

	s = steering();
	if (CLOCK_REALTIME == id)
		from_ns(ts, to_ns(ts) + s.wall_ns);
	else
		from_ns(ts, s.our_ns + (to_ns(ts) - s.real_ns) * s.factor);

	return 0;
}

time_t time(time_t *t)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;

	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts = {0};

	(void)tz;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;

	return 0;
}

/* What was set before the clock was turned is as late as it was: the daemon's load timer, ten
 * times a second, is the first to notice. */
int timerfd_settime(int fd, int flags, const struct itimerspec *its, struct itimerspec *old)
{
	struct itimerspec real = *its;

	if (flags & TFD_TIMER_ABSTIME) {
		const struct steering s = steering();
		const int64_t ns = s.real_ns + (to_ns(&its->it_value) - s.our_ns) / s.factor + 1;

		from_ns(&real.it_value, ns > 0 ? ns : 1);
	}

	return (int)syscall(SYS_timerfd_settime, fd, flags, &real, old);
}
