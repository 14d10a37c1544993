/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timers on a fake loop: order, restarts, what handlers may do, and many
 * random operations beside a model that keeps its timers in a plain array.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include <sallyport/base_loop.h>

enum { MAX_LOG = 16 };

struct fixture {
	struct sp_loop *loop;
	int fired[MAX_LOG];
	uint64_t at_ms[MAX_LOG];
	size_t n;
};

struct named {
	struct sp_timer timer;
	struct fixture *f;
	int name;
	struct sp_timer *victim;
	uint64_t again_ms;
	unsigned again;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f), NULL);

	*state = f;

	return f ? sp_loop_alloc_fake(&f->loop, 1000) : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mem_deref(f->loop);
	mem_deref(f);

	return 0;
}

static void fired(void *arg)
{
	struct named *nm = arg;
	struct fixture *f = nm->f;

	assert_true(f->n < MAX_LOG);
	f->fired[f->n] = nm->name;
	f->at_ms[f->n++] = sp_loop_now_ms(f->loop);

	sp_timer_cancel(nm->victim);
	if (nm->again) {
		--nm->again;
		sp_timer_start(f->loop, &nm->timer, nm->again_ms, fired, nm);
	}
}

static void start(struct fixture *f, struct named *nm, int name, uint64_t delay_ms)
{
	nm->f = f;
	nm->name = name;
	sp_timer_start(f->loop, &nm->timer, delay_ms, fired, nm);
}

static void assert_fired(const struct fixture *f, const char *names)
{
	char got[MAX_LOG + 1] = "";

	for (size_t i = 0; i < f->n; i++)
		got[i] = (char)f->fired[i];

	assert_string_equal(got, names);
}

static void fires_in_order_of_due_time(void **state)
{
	struct fixture *f = *state;
	struct named nm[4] = {0};

	start(f, &nm[0], 'a', 300);
	start(f, &nm[1], 'b', 100);
	start(f, &nm[2], 'c', 200);
	start(f, &nm[3], 'd', 301);
	assert_int_equal(sp_loop_timers(f->loop), 4);

	sp_loop_advance(f->loop, 300);

	assert_fired(f, "bca");
	assert_int_equal(f->at_ms[0], 1100);
	assert_int_equal(f->at_ms[1], 1200);
	assert_int_equal(f->at_ms[2], 1300);
	assert_false(sp_timer_isrunning(&nm[0].timer));
	assert_true(sp_timer_isrunning(&nm[3].timer));
	assert_int_equal(sp_loop_timers(f->loop), 1);
	assert_int_equal(sp_loop_now_ms(f->loop), 1300);
	sp_timer_cancel(&nm[3].timer);
}

static void equal_due_times_fire_in_start_order(void **state)
{
	struct fixture *f = *state;
	struct named nm[6] = {0};

	for (int i = 0; i < 6; i++)
		start(f, &nm[i], 'a' + i, 50);
	start(f, &nm[1], 'b', 50); /* started anew: now the last */

	sp_loop_advance(f->loop, 50);
	assert_fired(f, "acdefb");
}

static void restart_moves_a_timer_both_ways(void **state)
{
	struct fixture *f = *state;
	struct named a = {0}, b = {0};

	start(f, &a, 'a', 100);
	start(f, &b, 'b', 200);
	start(f, &a, 'a', 300);
	assert_int_equal(sp_loop_timers(f->loop), 2);
	sp_loop_advance(f->loop, 250);
	assert_fired(f, "b");

	start(f, &a, 'a', 1);
	sp_loop_advance(f->loop, 1);
	assert_fired(f, "ba");
}

static void handler_may_cancel_and_restart(void **state)
{
	struct fixture *f = *state;
	struct named a = {0}, b = {0}, c = {0};

	start(f, &a, 'a', 10);
	start(f, &b, 'b', 10); /* due at once with a, and cancelled by it */
	start(f, &c, 'c', 25);
	a.victim = &b.timer;
	a.again = 2;
	a.again_ms = 10;

	sp_loop_advance(f->loop, 100);
	assert_fired(f, "aaca");
	assert_int_equal(f->at_ms[3], 1030);
	assert_int_equal(sp_loop_timers(f->loop), 0);
}

static void handler_may_cancel_itself(void **state)
{
	struct fixture *f = *state;
	struct named a = {0};

	start(f, &a, 'a', 10);
	a.victim = &a.timer;
	sp_loop_advance(f->loop, 10);
	assert_fired(f, "a");
}

static void cancel_of_an_idle_timer_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct named a = {0};

	sp_timer_cancel(&a.timer);
	sp_timer_cancel(NULL);
	start(f, &a, 'a', 10);
	sp_timer_cancel(&a.timer);
	sp_timer_cancel(&a.timer);
	assert_int_equal(sp_loop_timers(f->loop), 0);
	sp_loop_advance(f->loop, 10);
	assert_fired(f, "");
}

static void a_delay_beyond_the_clock_never_comes(void **state)
{
	struct fixture *f = *state;
	struct named a = {0}, b = {0};

	start(f, &a, 'a', UINT64_MAX);
	start(f, &b, 'b', 5);
	sp_loop_advance(f->loop, 1000000000);
	assert_fired(f, "b");
	assert_true(sp_timer_isrunning(&a.timer));
	sp_timer_cancel(&a.timer);
}

static void timers_are_idle_when_their_loop_is_gone(void **state)
{
	struct fixture *f = *state;
	struct named nm[20] = {0};

	for (int i = 0; i < 20; i++)
		start(f, &nm[i], 'a', (uint64_t)i * 7 % 13);
	f->loop = mem_deref(f->loop);

	for (int i = 0; i < 20; i++) {
		assert_false(sp_timer_isrunning(&nm[i].timer));
		sp_timer_cancel(&nm[i].timer);
	}
}

/* Owners that are released by their own timer, as a call that timed out is. */
struct owner {
	struct sp_timer timer;
	struct sp_loop *loop;
	unsigned *gone;
};

static void owner_destructor(void *arg)
{
	struct owner *o = arg;

	sp_timer_cancel(&o->timer);
	++*o->gone;
}

static void owner_timeout(void *arg)
{
	struct owner *o = arg;

	sp_timer_start(o->loop, &o->timer, 1, owner_timeout, o);
	sp_loop_release(o->loop, o);
	assert_int_equal(*o->gone, 0);
}

static void owner_dies_at_the_end_of_the_turn(void **state)
{
	struct fixture *f = *state;
	unsigned gone = 0;
	struct owner *o = mem_zalloc(sizeof(*o), owner_destructor);

	o->loop = f->loop;
	o->gone = &gone;
	sp_timer_start(f->loop, &o->timer, 20, owner_timeout, o);
	sp_loop_advance(f->loop, 20);
	assert_int_equal(gone, 1);
	assert_int_equal(sp_loop_timers(f->loop), 0);
}

/* ---- random operations beside a naive model ---- */

enum { TIMERS = 300, OPERATIONS = 10000 };

struct model {
	struct sp_loop *loop;
	struct sp_timer timer[TIMERS];
	uint64_t due_ms[TIMERS]; /* 0: idle */
	uint64_t order[TIMERS];
	uint64_t orders;
	uint64_t seed;
	unsigned fires;
};

struct model_timer {
	struct model *m;
	unsigned i;
};

static struct model_timer ids[TIMERS];

static unsigned next_random(struct model *m, unsigned bound)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;

	return (unsigned)(m->seed >> 33) % bound;
}

static int model_earliest(const struct model *m)
{
	int best = -1;

	for (int i = 0; i < TIMERS; i++) {
		if (!m->due_ms[i])
			continue;
		if (best < 0 || m->due_ms[i] < m->due_ms[best] ||
		    (m->due_ms[i] == m->due_ms[best] && m->order[i] < m->order[best]))
			best = i;
	}

	return best;
}

static void model_fired(void *arg);

static void model_start(struct model *m, unsigned i, unsigned delay_ms)
{
	m->due_ms[i] = sp_loop_now_ms(m->loop) + delay_ms;
	m->order[i] = m->orders++;
	sp_timer_start(m->loop, &m->timer[i], delay_ms, model_fired, &ids[i]);
}

static void model_cancel(struct model *m, unsigned i)
{
	m->due_ms[i] = 0;
	sp_timer_cancel(&m->timer[i]);
}

static void model_fired(void *arg)
{
	struct model_timer *id = arg;
	struct model *m = id->m;

	assert_int_equal(model_earliest(m), id->i);
	assert_int_equal(m->due_ms[id->i], sp_loop_now_ms(m->loop));
	assert_false(sp_timer_isrunning(&m->timer[id->i]));
	m->due_ms[id->i] = 0;
	++m->fires;

	if (!next_random(m, 4))
		model_start(m, next_random(m, TIMERS), 1 + next_random(m, 50));
	if (!next_random(m, 4))
		model_cancel(m, next_random(m, TIMERS));
}

static void random_operations_agree_with_the_model(void **state)
{
	struct fixture *f = *state;
	struct model *m = mem_zalloc(sizeof(*m), NULL);
	uint64_t until_ms;
	size_t running = 0;
	int earliest;

	m->loop = f->loop;
	m->seed = 20261122;
	for (unsigned i = 0; i < TIMERS; i++)
		ids[i] = (struct model_timer){.m = m, .i = i};

	for (unsigned op = 0; op < OPERATIONS; op++) {
		const unsigned what = next_random(m, 10);

		if (what < 6)
			model_start(m, next_random(m, TIMERS), next_random(m, 200));
		else if (what < 9)
			model_cancel(m, next_random(m, TIMERS));
		else {
			until_ms = sp_loop_now_ms(m->loop) + next_random(m, 40);
			sp_loop_advance(m->loop, until_ms - sp_loop_now_ms(m->loop));
			earliest = model_earliest(m);
			assert_true(earliest < 0 || m->due_ms[earliest] > until_ms);
		}
	}

	for (unsigned i = 0; i < TIMERS; i++) {
		assert_int_equal(sp_timer_isrunning(&m->timer[i]), m->due_ms[i] != 0);
		running += m->due_ms[i] != 0;
	}
	assert_int_equal(sp_loop_timers(m->loop), running);
	assert_true(m->fires > 1000);

	f->loop = mem_deref(f->loop);
	mem_deref(m);
}

/* A chain of starts and cancels that would make a recursive merge deep. */
static void a_hundred_thousand_siblings_merge_without_recursion(void **state)
{
	enum { MANY = 100000 };
	struct fixture *f = *state;
	struct sp_timer *t = calloc(MANY, sizeof(*t));
	struct named nm = {.f = f, .name = 'x'};

	assert_non_null(t);
	for (size_t i = 0; i < MANY; i++)
		sp_timer_start(f->loop, &t[i], 1 + i, fired, &nm);
	for (size_t i = 0; i < MANY; i++)
		sp_timer_cancel(&t[i]);
	for (size_t i = 0; i < MANY; i++)
		sp_timer_start(f->loop, &t[i], MANY - i, fired, &nm);
	for (size_t i = 0; i < MANY; i++)
		sp_timer_cancel(&t[MANY - 1 - i]);

	assert_int_equal(sp_loop_timers(f->loop), 0);
	sp_loop_advance(f->loop, 2 * MANY);
	assert_fired(f, "");
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fires_in_order_of_due_time, setup, teardown),
		cmocka_unit_test_setup_teardown(equal_due_times_fire_in_start_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(restart_moves_a_timer_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(handler_may_cancel_and_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(handler_may_cancel_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(cancel_of_an_idle_timer_does_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_delay_beyond_the_clock_never_comes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(timers_are_idle_when_their_loop_is_gone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(owner_dies_at_the_end_of_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(random_operations_agree_with_the_model, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_siblings_merge_without_recursion,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
