/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Overload: when it begins and ends, what is let in meanwhile, and how the
 * share behaves on machines that are simulated, event by event, under one, two
 * and four times what they can carry (RFC 7339 section 1: "goodput").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/base_overload.h>

static const struct sp_overload_limits limits = {
	.lag_ms = 50, .cpu_percent = 90, .memory_mb = 1000, .ports_percent = 95};

static int setup(void **state)
{
	struct sp_overload *o = NULL;

	if (sp_overload_alloc(&o))
		return -1;
	sp_overload_limits(o, &limits);
	*state = o;

	return 0;
}

static int teardown(void **state)
{
	mem_deref(*state);

	return 0;
}

static struct sp_overload_state state_of(const struct sp_overload *o)
{
	struct sp_overload_state s;

	sp_overload_state(o, &s);

	return s;
}

/* n samples. @return how many of them changed whether it is overloaded */
static unsigned feed(struct sp_overload *o, struct sp_overload_sample s, unsigned n)
{
	unsigned changes = 0;

	while (n--)
		changes += sp_overload_sample(o, &s);

	return changes;
}

/* The same, with `asks` calls before each. */
static unsigned feed_calls(struct sp_overload *o, struct sp_overload_sample s, unsigned n,
			   unsigned asks)
{
	unsigned in = 0;

	for (; n--; feed(o, s, 1)) {
		for (unsigned i = 0; i < asks; i++)
			in += sp_overload_admit(o, SP_PRIORITY_NORMAL);
	}

	return in;
}

static unsigned admitted(struct sp_overload *o, unsigned n)
{
	unsigned in = 0;

	while (n--)
		in += sp_overload_admit(o, SP_PRIORITY_NORMAL);

	return in;
}

#define CALM ((struct sp_overload_sample){.cpu_percent = 30})
#define FULL ((struct sp_overload_sample){.cpu_percent = 100})

static void calm_lets_everything_in(void **state)
{
	struct sp_overload *o = *state;
	struct sp_overload_state s;

	assert_int_equal(feed(o, (struct sp_overload_sample){50, 90, 1000, 95}, 100), 0);
	assert_int_equal(admitted(o, 1000), 1000);
	s = state_of(o);
	assert_false(s.overloaded);
	assert_int_equal(s.share, 1000);
	assert_string_equal(s.cause, "");
	assert_int_equal(s.refused + s.times, 0);
	assert_int_equal(s.last.memory_mb, 1000);
}

static void nobody_measures(void **state)
{
	struct sp_overload_state s = {.cause = NULL};
	(void)state;

	assert_true(sp_overload_admit(NULL, SP_PRIORITY_NORMAL));
	assert_false(sp_overload_sample(NULL, &CALM));
	assert_in_range(sp_overload_retry_after_s(NULL), 1, 30);
	sp_overload_limits(NULL, &limits);
	sp_overload_state(NULL, &s);
	assert_int_equal(s.share, 1000);
	assert_string_equal(s.cause, "");
	assert_int_equal(sp_overload_alloc(NULL), EINVAL);
}

/* A limit of 0 is none. */
static void without_limits(void **state)
{
	struct sp_overload *o = *state;

	sp_overload_limits(o, &(struct sp_overload_limits){.lag_ms = 0});
	assert_int_equal(feed(o, (struct sp_overload_sample){60000, 100, 99999, 100}, 100), 0);
	assert_int_equal(admitted(o, 100), 100);
}

/* A reload may hold the loop up once, or twice; that is no overload. */
static void a_hiccup_is_none(void **state)
{
	struct sp_overload *o = *state;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(feed(o, (struct sp_overload_sample){.lag_ms = 3000}, 1), 0);
		assert_int_equal(feed(o, CALM, 2), 0);
		assert_int_equal(feed(o, FULL, 2), 0);
		assert_int_equal(feed(o, CALM, 2), 0);
	}
	assert_int_equal(admitted(o, 100), 100);
	assert_int_equal(state_of(o).times, 0);
}

/* Three out of four are. */
static void most_samples_decide(void **state)
{
	const struct sp_overload_sample late = {.lag_ms = 60};
	struct sp_overload *o = *state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(feed(o, late, 1) + feed(o, CALM, 1), 0);
	assert_int_equal(feed(o, late, 2) + feed(o, CALM, 1) + feed(o, late, 1), 0);
	assert_int_equal(feed(o, late, 1), 1);
}

/* A core that is full for a second, while nobody waits, keeps nobody out. */
static void a_full_core_takes_longer(void **state)
{
	struct sp_overload *o = *state;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(feed(o, FULL, 10), 0);
		assert_int_equal(feed(o, CALM, 3), 0);
	}
	assert_int_equal(feed(o, FULL, 11), 0);
	assert_int_equal(feed(o, FULL, 1), 1);
}

static void it_begins_once(void **state)
{
	struct sp_overload *o = *state;
	struct sp_overload_state s;

	feed_calls(o, FULL, 11, 100);
	assert_false(state_of(o).overloaded);
	feed_calls(o, FULL, 1, 100);
	assert_true(state_of(o).overloaded);
	assert_int_equal(feed(o, FULL, 20), 0);
	s = state_of(o);
	assert_true(s.overloaded);
	assert_string_equal(s.cause, "cpu");
	assert_int_equal(s.times, 1);
}

/* It begins with what was carried until then: that is about what can be. */
static void the_rate_begins_where_it_was(void **state)
{
	struct sp_overload *o = *state;
	unsigned in;

	feed_calls(o, (struct sp_overload_sample){.cpu_percent = 80}, 50, 100);
	feed_calls(o, FULL, 12, 110);
	in = feed_calls(o, (struct sp_overload_sample){.cpu_percent = 90}, 10, 400);
	assert_in_range(in, 10 * 80, 10 * 110);
	in = feed_calls(o, (struct sp_overload_sample){.cpu_percent = 90}, 10, 4000);
	assert_in_range(in, 10 * 80, 10 * 115);
	assert_in_range(state_of(o).share, 20, 30);
}

/* Far beyond its limit, lag makes it begin sooner and go down faster. */
static void lag_weighs_by_how_much(void **state)
{
	const struct sp_overload_sample near = {.lag_ms = 60}, worse = {.lag_ms = 900};
	struct sp_overload *o = *state, *far = NULL;
	unsigned in;

	assert_int_equal(sp_overload_alloc(&far), 0);
	sp_overload_limits(far, &limits);
	feed_calls(o, CALM, 50, 100);
	feed_calls(far, CALM, 50, 100);
	assert_int_equal(feed_calls(far, worse, 2, 1000), 2000);
	assert_true(state_of(far).overloaded);
	assert_int_equal(feed_calls(o, near, 2, 160), 320);
	assert_false(state_of(o).overloaded);
	feed_calls(o, near, 1, 160);
	assert_true(state_of(o).overloaded);
	assert_string_equal(state_of(o).cause, "lag");
	in = feed_calls(o, near, 5, 160);
	assert_in_range(in, 5 * 80, 5 * 120);
	in = feed_calls(far, worse, 5, 1000);
	assert_in_range(in, 100, 5 * 70);
	mem_deref(far);
}

static void it_ends_when_all_is_well(void **state)
{
	struct sp_overload *o = *state;
	struct sp_overload_state s;

	feed_calls(o, FULL, 200, 100);
	assert_in_range(state_of(o).share, 5, 15);
	feed_calls(o, CALM, 15, 100);
	assert_in_range(state_of(o).share, 20, 500);
	feed_calls(o, CALM, 85, 100);
	s = state_of(o);
	assert_false(s.overloaded);
	assert_string_equal(s.cause, "");
	assert_int_equal(s.times, 1);
	assert_int_equal(admitted(o, 100), 100);
}

/* Nobody calls: then nobody is refused, and it ends all the same. */
static void it_ends_without_calls(void **state)
{
	struct sp_overload *o = *state;

	feed_calls(o, FULL, 20, 100);
	assert_int_equal(feed(o, CALM, 100), 1);
	assert_int_equal(admitted(o, 1000), 1000);
}

/* What was seldom asked for is let in, one call at a time. */
static void the_least_is_let_in(void **state)
{
	struct sp_overload *o = *state;
	unsigned in;

	feed_calls(o, FULL, 300, 10);
	in = feed_calls(o, FULL, 300, 10);
	assert_in_range(in, 295, 305); /* ten a second */
}

/* At the border it neither ends nor begins anew with each sample. */
static void the_border_is_quiet(void **state)
{
	struct sp_overload *o = *state;
	unsigned in;

	feed_calls(o, FULL, 12, 100);
	for (unsigned i = 0; i < 1000; i++)
		feed_calls(o, (struct sp_overload_sample){.cpu_percent = 85 + i % 11}, 1, 100);
	assert_int_equal(state_of(o).times, 1);
	assert_true(state_of(o).overloaded);
	in = feed_calls(o, (struct sp_overload_sample){.cpu_percent = 90}, 10, 100);
	assert_in_range(in, 10, 1000);
}

static void memory_is_hard(void **state)
{
	struct sp_overload *o = *state;

	assert_int_equal(feed(o, (struct sp_overload_sample){.memory_mb = 1001}, 1), 1);
	assert_string_equal(state_of(o).cause, "memory");
	assert_int_equal(state_of(o).share, 0);
	assert_int_equal(admitted(o, 100), 0);
	assert_int_equal(feed(o, (struct sp_overload_sample){.memory_mb = 950}, 50), 0);
	assert_int_equal(admitted(o, 100), 0);
	assert_int_equal(feed(o, (struct sp_overload_sample){.memory_mb = 949}, 1), 1);
	assert_int_equal(admitted(o, 100), 100);
	assert_int_equal(feed(o, (struct sp_overload_sample){.memory_mb = 1000}, 10), 0);
	assert_int_equal(admitted(o, 100), 100);
}

static void ports_are_hard(void **state)
{
	struct sp_overload *o = *state;

	assert_int_equal(feed(o, (struct sp_overload_sample){.ports_percent = 96}, 1), 1);
	assert_string_equal(state_of(o).cause, "ports");
	assert_int_equal(admitted(o, 10), 0);
	/* of two that are hard, the last decides */
	assert_int_equal(feed(o, (struct sp_overload_sample){0, 0, 2000, 96}, 1), 0);
	assert_int_equal(feed(o, (struct sp_overload_sample){0, 0, 2000, 10}, 1), 0);
	assert_string_equal(state_of(o).cause, "memory");
	assert_int_equal(feed(o, CALM, 1), 1);
	assert_int_equal(state_of(o).times, 1);
}

/* Emergency calls come last: nothing here refuses them. */
static void emergency_calls_pass(void **state)
{
	struct sp_overload *o = *state;

	feed(o, (struct sp_overload_sample){900, 100, 2000, 100}, 100);
	for (int i = 0; i < 100; i++)
		assert_true(sp_overload_admit(o, SP_PRIORITY_EMERGENCY));
	assert_int_equal(state_of(o).refused, 0);
	assert_int_equal(admitted(o, 100), 0);
	assert_int_equal(state_of(o).refused, 100);
}

/* Two trunks that call in turns get the same: chance decides who is refused. */
static void turns_are_fair(void **state)
{
	struct sp_overload *o = *state;
	unsigned in[2] = {0};

	feed_calls(o, FULL, 13, 100);
	for (unsigned i = 0; i < 100000; i++) {
		in[i % 2] += sp_overload_admit(o, SP_PRIORITY_NORMAL);
		if (i % 100 == 99)
			feed(o, (struct sp_overload_sample){.cpu_percent = 90}, 1);
	}
	assert_in_range(in[0] + in[1], 10000, 99000);
	assert_in_range(in[0], in[1] - in[1] / 10, in[1] + in[1] / 10);
}

static void retry_after_is_spread(void **state)
{
	struct sp_overload *o = *state;
	unsigned seen[64] = {0}, least = 64, most = 0, values = 0;

	feed(o, (struct sp_overload_sample){.memory_mb = 2000}, 1);
	for (int i = 0; i < 5000; i++) {
		const unsigned s = sp_overload_retry_after_s(o);

		assert_in_range(s, 1, 60);
		values += !seen[s]++;
		least = min(least, s);
		most = max(most, s);
	}
	assert_in_range(least, 1, 5);
	assert_in_range(most, 15, 30);
	assert_int_equal(values, most - least + 1);
}

/* ---- machines ---- */

enum {
	TICK_US = 1000,
	RING = 16384,       /* ticks that something can lie ahead     */
	BACKLOG_MAX = 8192, /* what the sockets hold; then the peers wait */
	BATCH = 200,        /* events that one turn of the loop handles  */
	SECONDS_MAX = 120,
};

enum what { INVITE, ANSWER, BYE };

/* A gateway on one core, whose calls cost `call_us` in three parts. */
struct machine {
	struct sp_overload *o;
	unsigned call_us, refuse_us;
	unsigned answer_ms, hold_ms; /* after the INVITE; after the answer */
	unsigned due[3][RING];       /* calls for which it is time, by tick */
	uint8_t backlog[BACKLOG_MAX];
	unsigned head, waiting;
	uint64_t now_us, busy_us, sampled_us;
	uint64_t tick, random, carry_us;
	unsigned good[SECONDS_MAX]; /* answered, by second */
	unsigned refused[SECONDS_MAX];
	unsigned share[SECONDS_MAX];   /* at its end */
	unsigned lag[SECONDS_MAX];     /* the worst */
	unsigned changes[SECONDS_MAX]; /* begun or ended */
};

static uint32_t draw(struct machine *m, uint32_t bound)
{
	m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);

	return (uint32_t)((m->random >> 33) % bound);
}

static struct machine *machine_new(unsigned call_us, unsigned answer_ms, unsigned hold_ms)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	assert_int_equal(sp_overload_alloc(&m->o), 0);
	sp_overload_limits(m->o, &limits);
	m->call_us = call_us;
	m->refuse_us = call_us * 3 / 100;
	m->answer_ms = answer_ms;
	m->hold_ms = hold_ms;

	return m;
}

static void machine_free(struct machine *m)
{
	mem_deref(m->o);
	free(m);
}

static void enqueue(struct machine *m, enum what what)
{
	if (m->waiting == BACKLOG_MAX) {
		m->due[what][(m->tick + 1) % RING]++; /* still with the peer */
		return;
	}
	m->backlog[(m->head + m->waiting++) % BACKLOG_MAX] = (uint8_t)what;
}

static void later(struct machine *m, enum what what, unsigned ms)
{
	m->due[what][(m->tick + 1 + ms / 2 + draw(m, ms + 1)) % RING]++;
}

/* What has come until now, at `offered` calls per thousand that it could carry. */
static void arrive(struct machine *m, unsigned offered)
{
	for (; m->tick * TICK_US <= m->now_us; m->tick++) {
		for (int what = INVITE; what <= BYE; what++) {
			unsigned *n = &m->due[what][m->tick % RING], due = *n;

			for (*n = 0; due; due--)
				enqueue(m, (enum what)what);
		}
		/* at random intervals: any between none and twice the mean */
		m->carry_us += (uint64_t)draw(m, 2 * TICK_US + 1) * offered / 1000;
		for (; m->carry_us >= m->call_us; m->carry_us -= m->call_us)
			enqueue(m, INVITE);
	}
}

static unsigned handle(struct machine *m, enum what what)
{
	const uint64_t second = m->now_us / 1000000;

	switch (what) {

	case INVITE:
		if (!sp_overload_admit(m->o, SP_PRIORITY_NORMAL)) {
			m->refused[second]++;
			return m->refuse_us;
		}
		later(m, ANSWER, m->answer_ms);
		return m->call_us / 2;

	case ANSWER:
		m->good[second]++;
		later(m, BYE, m->hold_ms);
		return m->call_us * 3 / 10;

	default:
		return m->call_us / 5;
	}
}

static void turn(struct machine *m)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < BATCH && m->waiting; i++) {
		const enum what what = (enum what)m->backlog[m->head];

		m->head = (m->head + 1) % BACKLOG_MAX;
		m->waiting--;
		used += handle(m, what);
	}
	m->busy_us += used;
	m->now_us += used ? used : TICK_US;
}

static void look(struct machine *m)
{
	const uint64_t passed = m->now_us - m->sampled_us, second = m->now_us / 1000000;
	struct sp_overload_sample s = {.memory_mb = 100};

	s.lag_ms = (unsigned)(passed / 1000 - SP_OVERLOAD_MS);
	s.cpu_percent = (unsigned)(100 * m->busy_us / passed);
	m->changes[second] += sp_overload_sample(m->o, &s);
	m->share[second] = state_of(m->o).share;
	m->lag[second] = max(m->lag[second], s.lag_ms);
	m->busy_us = 0;
	m->sampled_us = m->now_us;
}

static void run(struct machine *m, unsigned offered, unsigned until_s)
{
	while (m->now_us < until_s * UINT64_C(1000000)) {
		arrive(m, offered);
		turn(m);
		if (m->now_us - m->sampled_us >= SP_OVERLOAD_MS * UINT64_C(1000))
			look(m);
	}
}

struct figures {
	unsigned mean, least, most, changes, lag;
};

static struct figures figures(const struct machine *m, const unsigned *v, unsigned from,
			      unsigned until)
{
	struct figures f = {.least = UINT32_MAX};
	unsigned sum = 0;

	for (unsigned s = from; s < until; s++) {
		sum += v[s];
		f.least = min(f.least, v[s]);
		f.most = max(f.most, v[s]);
		f.changes += m->changes[s];
		f.lag = max(f.lag, m->lag[s]);
	}
	f.mean = sum / (until - from);

	return f;
}

/* What it answers per second when it is offered just what it can carry. */
static unsigned peak(unsigned call_us, unsigned answer_ms, unsigned hold_ms)
{
	struct machine *m = machine_new(call_us, answer_ms, hold_ms);
	struct figures f;

	run(m, 1000, 60);
	f = figures(m, m->good, 30, 60);
	machine_free(m);
	assert_in_range(f.mean, 850000 / call_us, 1000000 / call_us);

	return f.mean;
}

struct kind {
	unsigned call_us, answer_ms, hold_ms;
};

static const struct kind kinds[] = {
	{1000, 10, 30},     /* a load generator's calls       */
	{400, 2, 2},        /* the same on a better machine   */
	{2000, 500, 1500},  /* answered after a while         */
	{1000, 3000, 6000}, /* somebody has to reach the phone */
};

/* Goodput stays within 80 % of the peak, and does not swing. */
static void overloaded_machine(const struct kind *k, unsigned offered)
{
	struct machine *m = machine_new(k->call_us, k->answer_ms, k->hold_ms);
	const unsigned best = peak(k->call_us, k->answer_ms, k->hold_ms);
	struct figures good, share;

	run(m, offered, 60);
	good = figures(m, m->good, 20, 60);
	share = figures(m, m->share, 20, 60);

	assert_in_range(good.mean, best * 8 / 10, best * 11 / 10);
	assert_in_range(good.least, good.mean * 3 / 4, good.mean);
	assert_in_range(good.most, good.mean, good.mean * 5 / 4);
	assert_in_range(share.least, share.mean * 3 / 4, share.mean);
	assert_in_range(share.most, share.mean, share.mean * 4 / 3);
	assert_int_equal(good.changes, 0);
	assert_in_range(good.lag, 0, limits.lag_ms);
	machine_free(m);
}

static void goodput_at_twice_and_four_times(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		overloaded_machine(&kinds[i], 2000);
		overloaded_machine(&kinds[i], 4000);
	}
}

static void nothing_is_refused_below_capacity(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct machine *m =
			machine_new(kinds[i].call_us, kinds[i].answer_ms, kinds[i].hold_ms);

		run(m, 700, 60);
		assert_int_equal(state_of(m->o).refused, 0);
		assert_int_equal(state_of(m->o).times, 0);
		machine_free(m);
	}
}

/* Four times the load out of the blue: the backlog is gone within seconds. */
static void a_wave_is_caught(void **state)
{
	struct machine *m = machine_new(1000, 10, 30);
	(void)state;

	run(m, 500, 10);
	run(m, 4000, 30);
	assert_in_range(figures(m, m->lag, 15, 30).most, 0, limits.lag_ms);
	assert_true(state_of(m->o).overloaded);
	assert_int_equal(state_of(m->o).times, 1);
	machine_free(m);
}

/* And when the load has gone, so has the overload. */
static void it_recovers_within_seconds(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct machine *m =
			machine_new(kinds[i].call_us, kinds[i].answer_ms, kinds[i].hold_ms);
		struct figures refused;

		run(m, 4000, 20);
		run(m, 500, 40);
		refused = figures(m, m->refused, 26, 40);
		assert_int_equal(refused.most, 0);
		assert_int_equal(m->share[25], 1000);
		assert_false(state_of(m->o).overloaded);
		assert_int_equal(state_of(m->o).times, 1);
		machine_free(m);
	}
}

/* Load that comes and goes is followed, not amplified. */
static void waves_are_followed(void **state)
{
	struct machine *m = machine_new(1000, 10, 30);
	struct figures good;
	(void)state;

	for (unsigned s = 10; s <= 100; s += 10)
		run(m, s % 20 ? 3000 : 1200, s);
	good = figures(m, m->good, 20, 100);
	assert_in_range(good.mean, 700, 1000);
	assert_in_range(good.least, 450, 1000);
	machine_free(m);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(calm_lets_everything_in),
		T(nobody_measures),
		T(without_limits),
		T(a_hiccup_is_none),
		T(a_full_core_takes_longer),
		T(most_samples_decide),
		T(it_begins_once),
		T(the_rate_begins_where_it_was),
		T(lag_weighs_by_how_much),
		T(it_ends_when_all_is_well),
		T(it_ends_without_calls),
		T(the_least_is_let_in),
		T(the_border_is_quiet),
		T(memory_is_hard),
		T(ports_are_hard),
		T(emergency_calls_pass),
		T(turns_are_fair),
		T(retry_after_is_spread),
		cmocka_unit_test(nothing_is_refused_below_capacity),
		cmocka_unit_test(goodput_at_twice_and_four_times),
		cmocka_unit_test(a_wave_is_caught),
		cmocka_unit_test(it_recovers_within_seconds),
		cmocka_unit_test(waves_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
