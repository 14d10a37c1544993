/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timers: an intrusive pairing heap behind one timerfd.
 *
 * The heap's links live in struct sp_timer, so starting a timer allocates
 * nothing and cannot fail. A node's prev is its left sibling, or its parent
 * when it is the first child. Starting is O(1); cancelling and firing are
 * O(log n) amortised, and merging is iterative, so that no order of starts and
 * cancels can exhaust the stack.
 *
 * The timerfd is set for the earliest timer, and left alone when that timer is
 * cancelled: waking once for nothing is cheaper than a system call for every
 * timer that an answered request cancels.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <re.h>
#include "base_priv.h"

static bool before(const struct sp_timer *a, const struct sp_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

/* Both are roots without siblings, or NULL. */
static struct sp_timer *meld(struct sp_timer *a, struct sp_timer *b)
{
	if (!a || !b)
		return a ? a : b;

	if (before(b, a)) {
		struct sp_timer *tmp = a;

		a = b;
		b = tmp;
	}

	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;

	return a;
}

static struct sp_timer *detach_first(struct sp_timer **list)
{
	struct sp_timer *t = *list;

	if (t) {
		*list = t->next;
		t->next = t->prev = NULL;
	}

	return t;
}

/* The two passes of a pairing heap: meld neighbours from the left, then meld
 * the pairs from the right. The pairs wait in a stack linked by next. */
static struct sp_timer *merge_siblings(struct sp_timer *list)
{
	struct sp_timer *pairs = NULL, *root = NULL, *t;

	while ((t = detach_first(&list))) {
		t = meld(t, detach_first(&list));
		t->next = pairs;
		pairs = t;
	}

	while ((t = detach_first(&pairs)))
		root = meld(root, t);

	return root;
}

static void heap_remove(struct base_timers *tms, struct sp_timer *t)
{
	struct sp_timer *children = merge_siblings(t->child);

	if (t == tms->root) {
		tms->root = children;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;

		tms->root = meld(tms->root, children);
	}

	t->child = t->next = t->prev = NULL;
	t->loop = NULL;
	--tms->count;
}

/* Set the timerfd for the earliest timer, unless it wakes us early enough. */
static void arm(struct base_timers *tms)
{
	struct itimerspec its = {0};
	uint64_t due_ms;

	if (tms->fd < 0 || tms->firing || !tms->root)
		return;

	due_ms = tms->root->due_ms;
	if (due_ms >= tms->armed_ms)
		return;

	its.it_value.tv_sec = (time_t)(due_ms / 1000);
	its.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000 + 1; /* 0 would disarm */

	if (0 == timerfd_settime(tms->fd, TFD_TIMER_ABSTIME, &its, NULL))
		tms->armed_ms = due_ms;
}

int base_timers_open(struct base_timers *tms)
{
	tms->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	return tms->fd < 0 ? errno : 0;
}

/* The timers' owners may outlive the loop: leave their timers idle. */
void base_timers_idle(struct base_timers *tms)
{
	while (tms->root)
		heap_remove(tms, tms->root);
}

/**
 * Fire the earliest timer if it is due at until_ms.
 * @param now_ms if set, the clock to turn to the timer's due time first
 */
bool base_timers_fire_one(struct base_timers *tms, uint64_t until_ms, uint64_t *now_ms)
{
	struct sp_timer *t = tms->root;
	sp_timer_h *h;
	void *arg;

	if (!t || t->due_ms > until_ms)
		return false;

	h = t->h;
	arg = t->arg;
	if (now_ms && t->due_ms > *now_ms)
		*now_ms = t->due_ms;

	heap_remove(tms, t);
	h(arg); /* may free t */

	return true;
}

/* The timerfd is readable. What a handler starts anew waits for the next turn,
 * even with no delay: descriptors must get their share. */
void base_timers_ready(int flags, void *arg)
{
	struct sp_loop *loop = arg;
	struct base_timers *tms = &loop->timers;
	const uint64_t now_ms = sp_loop_now_ms(loop), started = tms->order;
	uint64_t count;
	(void)flags;

	if (read(tms->fd, &count, sizeof(count)) < 0 && errno == EAGAIN)
		return;

	tms->armed_ms = BASE_NEVER;
	tms->firing = true;
	while (tms->root && tms->root->order < started && base_timers_fire_one(tms, now_ms, NULL))
		;
	tms->firing = false;
	arm(tms);
}

void sp_timer_start(struct sp_loop *loop, struct sp_timer *t, uint64_t delay_ms, sp_timer_h *h,
		    void *arg)
{
	struct base_timers *tms;
	uint64_t now_ms;

	if (!loop || !t || !h)
		return;

	sp_timer_cancel(t);

	tms = &loop->timers;
	now_ms = sp_loop_now_ms(loop);
	t->due_ms = delay_ms < BASE_NEVER - 1 - now_ms ? now_ms + delay_ms : BASE_NEVER - 1;
	t->order = tms->order++;
	t->h = h;
	t->arg = arg;
	t->child = t->next = t->prev = NULL;
	t->loop = loop;
	++tms->count;
	tms->root = meld(tms->root, t);
	arm(tms);
}

void sp_timer_cancel(struct sp_timer *t)
{
	if (!t || !t->loop)
		return;

	heap_remove(&t->loop->timers, t);
}

bool sp_timer_isrunning(const struct sp_timer *t)
{
	return t && t->loop;
}

size_t sp_loop_timers(const struct sp_loop *loop)
{
	return loop ? loop->timers.count : 0;
}
