/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into the daemon by tests of long timers: its monotonic clock runs
 * FAST_CLOCK times as fast. The daemon takes time from this clock alone, and
 * sleeps on a timerfd that is set to a time of it.
 */
#define _GNU_SOURCE 1
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { NS = 1000000000 };

int clock_gettime(clockid_t id, struct timespec *ts);
int timerfd_settime(int fd, int flags, const struct itimerspec *its, struct itimerspec *old);

/* Where the two clocks were equal, and how much faster ours is. */
static int64_t begin_ns, factor;

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

	if (err || CLOCK_MONOTONIC != id)
		return err;
	if (!factor) {
		const char *text = getenv("FAST_CLOCK");

		begin_ns = to_ns(ts);
		factor = text ? atoi(text) : 1;
	}
	from_ns(ts, begin_ns + (to_ns(ts) - begin_ns) * factor);
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *its, struct itimerspec *old)
{
	struct itimerspec real = *its;

	if ((flags & TFD_TIMER_ABSTIME) && factor)
		from_ns(&real.it_value, begin_ns + (to_ns(&its->it_value) - begin_ns) / factor + 1);
	return (int)syscall(SYS_timerfd_settime, fd, flags, &real, old);
}
