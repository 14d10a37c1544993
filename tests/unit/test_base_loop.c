/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The real loop: the end of a turn, signals, timers; and what the fake loop
 * does about descriptors. Nothing here waits for the clock but one timer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_loop.h>

struct turns {
	struct sp_loop *loop;
	int fd;
	unsigned n, left;
	bool (*until)(void *arg);
	void *arg;
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int setup(void **state)
{
	struct sp_loop *loop = NULL;
	const int err = sp_loop_alloc(&loop, 1024);

	*state = loop;

	return err;
}

static int teardown(void **state)
{
	mem_deref(*state);

	return 0;
}

/* An eventfd that nobody reads is ready in every turn: count the turns. */
static void count_turn(int flags, void *arg)
{
	struct turns *t = arg;
	(void)flags;

	++t->n;
	if (--t->left == 0 || (t->until && t->until(t->arg)))
		sp_loop_stop(t->loop);
}

/* Run until until() is true, max turns at most. @return turns begun */
static unsigned run_turns_until(struct sp_loop *loop, unsigned max, bool (*until)(void *),
				void *arg)
{
	struct turns t = {.loop = loop, .left = max, .until = until, .arg = arg};

	t.fd = eventfd(1, EFD_NONBLOCK);
	assert_true(t.fd >= 0);
	assert_int_equal(sp_loop_listen(loop, t.fd, FD_READ, count_turn, &t), 0);
	assert_int_equal(sp_loop_run(loop), 0);
	sp_loop_unlisten(loop, t.fd);
	close(t.fd);

	return t.n;
}

static void run_turns(struct sp_loop *loop, unsigned n)
{
	run_turns_until(loop, n, NULL, NULL);
}

/* ---- stale events ---- */

enum { SLOTS = 8, ROUNDS = 400 };

static void never(int flags, void *arg)
{
	(void)flags;
	(void)arg;
	fail_msg("called");
}

struct churn;

/* A socket that is ready in every turn, because nobody reads what it holds. */
struct slot {
	struct churn *ch;
	int fd, peer;
};

struct churn {
	struct sp_loop *loop;
	struct slot slot[SLOTS];
	int silent[2];
	unsigned rounds;
	unsigned stale;
};

static void open_pair(int *a, int *b)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	*a = sv[0];
	*b = sv[1];
}

static void stale_event(int flags, void *arg)
{
	struct churn *ch = arg;
	(void)flags;

	++ch->stale;
}

static void slot_ready(int flags, void *arg);

static void slot_open(struct slot *s)
{
	open_pair(&s->fd, &s->peer);
	assert_int_equal(write(s->peer, "x", 1), 1);
	assert_int_equal(sp_loop_listen(s->ch->loop, s->fd, FD_READ, slot_ready, s), 0);
}

/* Close another slot's socket, whose event may be waiting in this batch, and
 * open one that has nothing to say. If it got the same number, it would be
 * told of the other's event. */
static void slot_ready(int flags, void *arg)
{
	struct slot *s = arg;
	struct churn *ch = s->ch;
	struct slot *victim = &ch->slot[(size_t)(s - ch->slot + 1) % SLOTS];
	const int old = victim->fd;
	(void)flags;

	if (++ch->rounds >= ROUNDS) {
		sp_loop_stop(ch->loop);
		return;
	}

	sp_loop_close(ch->loop, victim->fd);
	sp_loop_close(ch->loop, victim->peer);
	sp_loop_close(ch->loop, ch->silent[0]);
	sp_loop_close(ch->loop, ch->silent[1]);
	assert_true(is_open(old));

	open_pair(&ch->silent[0], &ch->silent[1]);
	assert_int_not_equal(ch->silent[0], old);
	assert_int_equal(sp_loop_listen(ch->loop, ch->silent[0], FD_READ, stale_event, ch), 0);
	slot_open(victim);
}

static void old_events_reach_no_new_socket(void **state)
{
	struct churn ch = {.loop = *state, .silent = {-1, -1}};

	for (size_t i = 0; i < SLOTS; i++) {
		ch.slot[i].ch = &ch;
		slot_open(&ch.slot[i]);
	}

	assert_int_equal(sp_loop_run(ch.loop), 0);
	assert_int_equal(ch.rounds >= ROUNDS, true);
	assert_int_equal(ch.stale, 0);

	for (size_t i = 0; i < SLOTS; i++) {
		sp_loop_close(ch.loop, ch.slot[i].fd);
		sp_loop_close(ch.loop, ch.slot[i].peer);
	}
	sp_loop_close(ch.loop, ch.silent[0]);
	sp_loop_close(ch.loop, ch.silent[1]);
}

/* A batch that holds, in this order: the breaker, the end of the last turn, the
 * opener, the victim. What the breaker closes must stay open beyond that end of
 * turn, or the opener gets the victim's number and the victim's event. */
struct scene {
	struct sp_loop *loop;
	int start[2], breaker[2], opener[2], victim[2], silent[2];
	unsigned stale, opened;
};

static void scene_start(int flags, void *arg)
{
	struct scene *sc = arg;
	(void)flags;

	sp_loop_unlisten(sc->loop, sc->start[0]);
	assert_int_equal(write(sc->breaker[1], "x", 1), 1);
	sp_loop_close(sc->loop, sc->start[0]);
	assert_int_equal(write(sc->opener[1], "x", 1), 1);
	assert_int_equal(write(sc->victim[1], "x", 1), 1);
}

static void scene_break(int flags, void *arg)
{
	struct scene *sc = arg;
	(void)flags;

	sp_loop_unlisten(sc->loop, sc->breaker[0]);
	sp_loop_close(sc->loop, sc->victim[0]);
}

static void scene_silent(int flags, void *arg)
{
	struct scene *sc = arg;
	(void)flags;

	++sc->stale;
}

static void scene_open(int flags, void *arg)
{
	struct scene *sc = arg;
	(void)flags;

	sp_loop_unlisten(sc->loop, sc->opener[0]);
	assert_true(is_open(sc->victim[0]));
	open_pair(&sc->silent[0], &sc->silent[1]);
	assert_int_equal(sp_loop_listen(sc->loop, sc->silent[0], FD_READ, scene_silent, sc), 0);
	++sc->opened;
}

static void what_is_closed_before_an_end_of_turn_outlives_it(void **state)
{
	struct scene sc = {.loop = *state};

	open_pair(&sc.start[0], &sc.start[1]);
	open_pair(&sc.breaker[0], &sc.breaker[1]);
	open_pair(&sc.opener[0], &sc.opener[1]);
	open_pair(&sc.victim[0], &sc.victim[1]);
	assert_int_equal(write(sc.start[1], "x", 1), 1);
	assert_int_equal(sp_loop_listen(sc.loop, sc.start[0], FD_READ, scene_start, &sc), 0);
	assert_int_equal(sp_loop_listen(sc.loop, sc.breaker[0], FD_READ, scene_break, &sc), 0);
	assert_int_equal(sp_loop_listen(sc.loop, sc.opener[0], FD_READ, scene_open, &sc), 0);
	assert_int_equal(sp_loop_listen(sc.loop, sc.victim[0], FD_READ, never, NULL), 0);

	run_turns(sc.loop, 10);
	assert_int_equal(sc.opened, 1);
	assert_int_equal(sc.stale, 0);
	assert_false(is_open(sc.victim[0]));

	sp_loop_close(sc.loop, sc.start[1]);
	sp_loop_close(sc.loop, sc.breaker[0]);
	sp_loop_close(sc.loop, sc.breaker[1]);
	sp_loop_close(sc.loop, sc.opener[0]);
	sp_loop_close(sc.loop, sc.opener[1]);
	sp_loop_close(sc.loop, sc.victim[1]);
	sp_loop_close(sc.loop, sc.silent[0]);
	sp_loop_close(sc.loop, sc.silent[1]);
}

/* ---- close and release ---- */

static bool is_closed(void *arg)
{
	return !is_open(*(int *)arg);
}

static void closes_after_the_turn(void **state)
{
	struct sp_loop *loop = *state;
	int a, b;

	open_pair(&a, &b);
	sp_loop_close(loop, a);
	sp_loop_close(loop, -1);
	assert_true(is_open(a));
	assert_in_range(run_turns_until(loop, 10, is_closed, &a), 2, 4);
	assert_false(is_open(a));
	assert_true(is_open(b));
	close(b);
}

static void many_are_closed(void **state)
{
	struct sp_loop *loop = *state;
	int fds[400];

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i += 2) {
		open_pair(&fds[i], &fds[i + 1]);
		sp_loop_close(loop, fds[i]);
		sp_loop_close(loop, fds[i + 1]);
	}
	assert_in_range(run_turns_until(loop, 10, is_closed, &fds[399]), 2, 4);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		assert_false(is_open(fds[i]));
}

/* An object whose destructor hands over the next, as a call does its legs. */
struct link {
	struct sp_loop *loop;
	struct link *next;
	unsigned *gone;
};

static void link_destructor(void *arg)
{
	struct link *l = arg;

	++*l->gone;
	sp_loop_release(l->loop, l->next);
}

static struct link *make_chain(struct sp_loop *loop, unsigned n, unsigned *gone)
{
	struct link *first = NULL;

	while (n--) {
		struct link *l = mem_zalloc(sizeof(*l), link_destructor);

		assert_non_null(l);
		*l = (struct link){.loop = loop, .next = first, .gone = gone};
		first = l;
	}

	return first;
}

static bool five_are_gone(void *arg)
{
	return *(unsigned *)arg == 5;
}

static void releases_chains_while_running(void **state)
{
	struct sp_loop *loop = *state;
	unsigned gone = 0;

	sp_loop_release(loop, make_chain(loop, 5, &gone));
	sp_loop_release(loop, NULL);
	assert_int_equal(gone, 0);
	assert_in_range(run_turns_until(loop, 50, five_are_gone, &gone), 5, 15);
	assert_int_equal(gone, 5);
}

static void destroying_the_loop_disposes_of_everything(void **state)
{
	struct sp_loop *loop = *state;
	unsigned gone = 0;
	int a, b;

	open_pair(&a, &b);
	sp_loop_close(loop, a);
	sp_loop_close(loop, b);
	sp_loop_release(loop, make_chain(loop, 7, &gone));
	*state = mem_deref(loop);
	assert_int_equal(gone, 7);
	assert_false(is_open(a));
	assert_false(is_open(b));
}

/* ---- listening ---- */

static void note_flags(int flags, void *arg)
{
	*(int *)arg |= flags;
}

static void listening_can_change_and_end(void **state)
{
	struct sp_loop *loop = *state;
	int a, b, seen = 0;

	open_pair(&a, &b);
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(sp_loop_listen(loop, a, FD_READ, never, NULL), 0);
	assert_int_equal(sp_loop_listen(loop, a, FD_WRITE, note_flags, &seen), 0);
	run_turns(loop, 3);
	assert_int_equal(seen, FD_WRITE);

	assert_int_equal(sp_loop_listen(loop, a, FD_READ, never, NULL), 0);
	sp_loop_unlisten(loop, a);
	run_turns(loop, 3);
	assert_true(is_open(a));

	assert_int_equal(sp_loop_listen(loop, a, FD_READ, never, NULL), 0);
	assert_int_equal(sp_loop_listen(loop, a, 0, never, NULL), 0);
	run_turns(loop, 3);

	assert_int_equal(sp_loop_listen(loop, -1, FD_READ, never, NULL), EINVAL);
	assert_int_equal(sp_loop_listen(loop, a, FD_READ, NULL, NULL), EINVAL);
	close(a);
	close(b);
}

/* ---- signals ---- */

struct heard {
	struct sp_loop *loop;
	int signo[4];
	unsigned n;
};

static void on_signal(int signo, void *arg)
{
	struct heard *h = arg;

	assert_true(h->n < 4);
	h->signo[h->n++] = signo;
	if (h->n == 2)
		sp_loop_stop(h->loop);
}

static void signals_arrive_in_the_loop(void **state)
{
	static const int signos[] = {SIGHUP, SIGUSR1};
	struct heard h = {.loop = *state};

	assert_int_equal(sp_loop_signals(h.loop, signos, 2, on_signal, &h), 0);
	assert_int_equal(sp_loop_signals(h.loop, signos, 2, on_signal, &h), EALREADY);
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(sp_loop_run(h.loop), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.signo[0] + h.signo[1], SIGHUP + SIGUSR1);
}

static void writing_to_a_closed_socket_is_an_error_only(void **state)
{
	int a, b;
	(void)state;

	open_pair(&a, &b);
	close(b);
	assert_int_equal(write(a, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(a);
}

/* ---- timers of the real loop ---- */

struct ticks {
	struct sp_loop *loop;
	struct sp_timer timer, cancelled, last;
	unsigned n, turns;
	uint64_t began_ms;
};

static void on_last(void *arg)
{
	struct ticks *t = arg;

	assert_true(sp_loop_now_ms(t->loop) >= t->began_ms + 20);
	sp_loop_stop(t->loop);
}

/* Starting itself without delay must not keep descriptors and others waiting. */
static void on_tick(void *arg)
{
	struct ticks *t = arg;

	++t->n;
	sp_timer_start(t->loop, &t->timer, 0, on_tick, t);
}

static bool tick_turn(void *arg)
{
	struct ticks *t = arg;

	++t->turns;

	return false;
}

static void timers_fire_in_the_real_loop(void **state)
{
	struct ticks t = {.loop = *state};

	t.began_ms = sp_loop_now_ms(t.loop);
	sp_timer_start(t.loop, &t.last, 20, on_last, &t);
	sp_timer_start(t.loop, &t.cancelled, 1, on_last, &t); /* arms the timerfd */
	sp_timer_cancel(&t.cancelled);
	assert_int_equal(sp_loop_run(t.loop), 0);
	assert_int_equal(sp_loop_timers(t.loop), 0);
}

static void a_timer_without_delay_waits_for_the_next_turn(void **state)
{
	struct ticks t = {.loop = *state};

	sp_timer_start(t.loop, &t.timer, 0, on_tick, &t);
	run_turns_until(t.loop, 500, tick_turn, &t);
	assert_in_range(t.n, 2, t.turns + 1);
	sp_timer_cancel(&t.timer);
}

static void stopping_before_running_is_not_lost(void **state)
{
	struct sp_loop *loop = *state;

	sp_loop_stop(loop);
	assert_int_equal(sp_loop_run(loop), 0);
}

static void limits_of_the_loop_are_checked(void **state)
{
	struct sp_loop *loop = NULL;
	(void)state;

	assert_int_equal(sp_loop_alloc(&loop, 1023), EINVAL);
	assert_int_equal(sp_loop_alloc(&loop, 1048577), EINVAL);
	assert_int_equal(sp_loop_alloc(NULL, 1024), EINVAL);
	assert_null(loop);
}

/* ---- the fake loop ---- */

static void fake_loop_ignores_descriptors_but_closes_them(void **state)
{
	static const int signos[] = {SIGUSR2};
	struct sp_loop *loop = NULL;
	unsigned gone = 0;
	int a, b;
	(void)state;

	assert_int_equal(sp_loop_alloc_fake(&loop, 5), 0);
	assert_int_equal(sp_loop_run(loop), ENOTSUP);
	assert_int_equal(sp_loop_signals(loop, signos, 1, NULL, NULL), EINVAL);

	open_pair(&a, &b);
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(sp_loop_listen(loop, a, FD_READ, never, NULL), 0);
	sp_loop_advance(loop, 10);
	assert_int_equal(sp_loop_now_ms(loop), 15);

	sp_loop_close(loop, a);
	sp_loop_release(loop, make_chain(loop, 3, &gone));
	assert_true(is_open(a));
	assert_int_equal(gone, 0);
	sp_loop_turn(loop);
	assert_false(is_open(a));
	assert_int_equal(gone, 3);

	sp_loop_close(loop, b);
	mem_deref(loop);
	assert_false(is_open(b));
}

static void the_wall_clock_goes_with_the_fake_one(void **state)
{
	struct sp_loop *loop = NULL;
	(void)state;

	assert_int_equal(sp_loop_alloc_fake(&loop, 12345), 0);
	assert_int_equal(sp_loop_wall_s(loop), 1000000000);
	sp_loop_advance(loop, 1999);
	assert_int_equal(sp_loop_wall_s(loop), 1000000001);

	/* stepped, also back; the other clock does not mind */
	sp_loop_wall_set(loop, -5);
	assert_int_equal(sp_loop_wall_s(loop), -5);
	assert_int_equal(sp_loop_now_ms(loop), 14344);
	sp_loop_advance(loop, 1000);
	assert_int_equal(sp_loop_wall_s(loop), -4);
	mem_deref(loop);
}

static void the_wall_clock_of_the_real_loop_is_the_machines(void **state)
{
	struct sp_loop *loop = *state;
	const int64_t before = (int64_t)time(NULL), now = sp_loop_wall_s(loop);

	assert_true(now >= before && now <= (int64_t)time(NULL));
	sp_loop_wall_set(loop, 5); /* not this one */
	assert_true(sp_loop_wall_s(loop) >= before);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(old_events_reach_no_new_socket),
		REAL(what_is_closed_before_an_end_of_turn_outlives_it),
		REAL(closes_after_the_turn),
		REAL(many_are_closed),
		REAL(releases_chains_while_running),
		REAL(destroying_the_loop_disposes_of_everything),
		REAL(listening_can_change_and_end),
		REAL(signals_arrive_in_the_loop),
		REAL(writing_to_a_closed_socket_is_an_error_only),
		REAL(timers_fire_in_the_real_loop),
		REAL(a_timer_without_delay_waits_for_the_next_turn),
		REAL(stopping_before_running_is_not_lost),
		cmocka_unit_test(limits_of_the_loop_are_checked),
		cmocka_unit_test(fake_loop_ignores_descriptors_but_closes_them),
		cmocka_unit_test(the_wall_clock_goes_with_the_fake_one),
		REAL(the_wall_clock_of_the_real_loop_is_the_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
