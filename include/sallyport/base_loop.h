/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/loop, base/timer: the one event loop, its clock and its timers.
 *
 * Everything runs on one thread, in turns: wait for descriptors, run their
 * handlers, run the timers that are due. What a handler wants to be rid of is
 * handed to sp_loop_close() or sp_loop_release() and disappears when no event
 * of the turn can reach it any more.
 *
 * A loop made by sp_loop_alloc_fake() has a clock that only sp_loop_advance()
 * turns, and ignores descriptors: unit tests run timers without sleeping.
 */
#ifndef SALLYPORT_BASE_LOOP_H
#define SALLYPORT_BASE_LOOP_H

#include <re.h>

struct sp_loop;

typedef void(sp_fd_h)(int flags, void *arg);
typedef void(sp_timer_h)(void *arg);
typedef void(sp_signal_h)(int signo, void *arg);

/** A timer, embedded in its owner, all zero when idle. Starting it cannot fail. */
struct sp_timer {
	struct sp_loop *loop; /**< NULL when idle                   */
	uint64_t due_ms;
	uint64_t order; /**< equal due times fire in start order */
	sp_timer_h *h;
	void *arg;
	struct sp_timer *child, *next, *prev; /**< pairing heap links */
};

/**
 * Make the process's loop. Only one real loop may exist at a time.
 * @param max_fds descriptors that the loop can watch (1024..1048576)
 * @return 0, or errno value. Free with mem_deref().
 */
int sp_loop_alloc(struct sp_loop **lp, unsigned max_fds);

/** Make a loop for tests whose clock starts at now_ms. Any number may exist. */
int sp_loop_alloc_fake(struct sp_loop **lp, uint64_t now_ms);

/** Run until sp_loop_stop(). Not for fake loops (ENOTSUP). */
int sp_loop_run(struct sp_loop *loop);
void sp_loop_stop(struct sp_loop *loop);

/** Milliseconds of CLOCK_MONOTONIC, or of the fake clock. */
uint64_t sp_loop_now_ms(const struct sp_loop *loop);

/** The same clock in microseconds. */
uint64_t sp_loop_now_us(const struct sp_loop *loop);

/**
 * Seconds since 1970, for times that people wrote down; it may be stepped. Never for timers.
 * A fake loop's begins at 1,000,000,000 and goes with its clock.
 */
int64_t sp_loop_wall_s(const struct sp_loop *loop);

/** Fake loops: step that clock. */
void sp_loop_wall_set(struct sp_loop *loop, int64_t s);

/** Fake loops: turn the clock on, firing due timers at their own times in order. */
void sp_loop_advance(struct sp_loop *loop, uint64_t ms);

/** Fake loops: end a turn by hand: what was released is freed. */
void sp_loop_turn(struct sp_loop *loop);

/**
 * Watch fd for FD_READ | FD_WRITE; a further call changes flags and handler.
 * A fake loop takes the call and never calls the handler.
 */
int sp_loop_listen(struct sp_loop *loop, int fd, int flags, sp_fd_h *h, void *arg);

/** Stop watching fd without closing it. */
void sp_loop_unlisten(struct sp_loop *loop, int fd);

/** Stop watching fd now; close it when this turn's events are through. fd -1 is ignored. */
void sp_loop_close(struct sp_loop *loop, int fd);

/** mem_deref() obj when this turn's events are through. NULL is ignored. */
void sp_loop_release(struct sp_loop *loop, void *obj);

/** Block the n signals and have them delivered to h in the loop. Once per loop. */
int sp_loop_signals(struct sp_loop *loop, const int *signos, size_t n, sp_signal_h *h, void *arg);

/** Start, or start anew, a timer that fires once after delay_ms. */
void sp_timer_start(struct sp_loop *loop, struct sp_timer *t, uint64_t delay_ms, sp_timer_h *h,
		    void *arg);

/** Stop a timer; nothing happens when it is idle. */
void sp_timer_cancel(struct sp_timer *t);

bool sp_timer_isrunning(const struct sp_timer *t);

/** Timers running on this loop. */
size_t sp_loop_timers(const struct sp_loop *loop);

#endif
