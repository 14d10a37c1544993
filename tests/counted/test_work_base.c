/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of the log, the timers and the small readers that all rooms use; of the keyed hash;
 * and that the counting counts: what is quadratic is found out.
 */
#include <sallyport/base_log.h>
#include <sallyport/base_loop.h>
#include <sallyport/base_util.h>
#include "work.h"

enum { FROM = 1024, TO = 64 * 1024 };

/* ---- the counting itself ---- */

static void each_octet(size_t n, void *arg)
{
	struct mbuf *mb = mbuf_alloc(16);
	struct pl one = {"a", 1};
	(void)arg;

	work_on();
	for (size_t i = 0; i < n; i++)
		(void)mbuf_write_pl(mb, &one);
	work_off();
	mem_deref(mb);
}

/* libre grows a buffer to what is needed, twice over: its calls of the C library are seen. */
static void buffers(void **state)
{
	(void)state;
	assert_true(work_linear("buffer", FROM, TO, each_octet, NULL) > 2 * (uint64_t)TO);
}

static void strlen_each(size_t n, void *arg)
{
	struct work_text t;
	size_t sum = 0;
	(void)arg;

	text_begin(&t);
	text_fill(&t, "a", n);
	work_on();
	for (size_t i = 0; i < n; i += 16)
		sum += strlen(t.p + i);
	work_off();
	assert_true(sum > n);
	text_end(&t);
}

static void find_each(size_t n, void *arg)
{
	const struct list *list = arg;

	work_on();
	for (size_t i = 0; i < n; i++)
		(void)list_count(list);
	work_off();
}

/* What such a loop in a parser would look like to work_linear(), and to work_constant(). */
static void harm_is_seen(void **state)
{
	struct le lev[64] = {{0}};
	struct list list = {0};
	uint64_t w[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		(void)work_taken();
		strlen_each((size_t)FROM << i, NULL);
		w[i] = work_taken();
	}
	assert_true(w[1] > w[0] * 35 / 10);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < 32; k++)
			list_append(&list, &lev[32 * i + k], NULL);
		(void)work_taken();
		find_each(FROM, &list);
		w[i] = work_taken();
	}
	assert_true(w[1] > w[0] * 19 / 10);
	assert_true(w[1] - w[0] > WORK_NOISE);
	list_clear(&list);
}

/* ---- the log ---- */

static void sink(enum sp_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	assert_true(strlen(line) < 2048);
}

static void log_work(size_t n, void *arg)
{
	struct work_text t;
	struct pl pl;

	text_begin(&t);
	text_fill(&t, arg, n);
	pl = text_pl(&t);
	work_on();
	sp_log(SP_LOG_ERROR, "event", "a=%H b=%H c=%H d=%r", sp_log_quote, &pl, sp_log_str, t.p,
	       sp_log_number, &pl, &pl);
	(void)sp_text_ok(&pl);
	work_off();
	text_end(&t);
}

static void logging(void **state)
{
	static const char *const v[] = {"a", "\"", "\\", "\n", "\xff", " ", "%s"};

	(void)state;
	sp_log_sink(sink, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_in_range(work_linear("log", FROM, TO, log_work, (void *)(uintptr_t)v[i]), 1,
				(uint64_t)TO * 400);
	sp_log_sink(NULL, NULL);
}

static void reader_work(size_t n, void *arg)
{
	struct work_text t;
	struct sp_net net;
	struct pl pl;
	uint32_t v;

	text_begin(&t);
	text_fill(&t, arg, n);
	pl = text_pl(&t);
	work_on();
	(void)sp_u32(&v, &pl, UINT32_MAX);
	(void)sp_net_parse(&net, &pl);
	work_off();
	text_end(&t);
}

static void readers(void **state)
{
	static const char *const v[] = {"0", "1", ":", "1.", "/", "/1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("reader", FROM, TO, reader_work, (void *)(uintptr_t)v[i]);
}

/* ---- timers ---- */

static void on_timer(void *arg)
{
	(void)arg;
}

/* When each timer is due, and in which order they are cancelled: what a peer can bring about
 * by when it sends, answers and hangs up. */
enum pattern { RISING, FALLING, SAME, RANDOM, SAWTOOTH, PATTERNS };

static uint64_t delay(enum pattern p, size_t i, size_t n)
{
	switch (p) {

	case RISING:
		return i;
	case FALLING:
		return n - i;
	case SAME:
		return 32000;
	case RANDOM:
		return (uint32_t)(i * 2654435761U) >> 8;
	default:
		return i & 1 ? n - i : i;
	}
}

/* All are started; half of them are cancelled, started again and cancelled; the rest fire. */
static void timers_work(size_t n, void *arg)
{
	const enum pattern p = *(const enum pattern *)arg;
	struct sp_timer *v = calloc(n, sizeof(*v));
	struct sp_loop *loop;

	assert_int_equal(sp_loop_alloc_fake(&loop, 1000), 0);
	work_on();
	for (size_t i = 0; i < n; i++)
		sp_timer_start(loop, &v[i], delay(p, i, n), on_timer, NULL);
	for (size_t i = 0; i < n; i += 2)
		sp_timer_cancel(&v[p % 2 ? n - 1 - i : i]);
	for (size_t i = 0; i < n; i++)
		sp_timer_start(loop, &v[i], delay(p, n - i, n), on_timer, NULL);
	for (size_t i = 0; i < n; i += 2)
		sp_timer_cancel(&v[i]);
	sp_loop_advance(loop, UINT32_MAX);
	work_off();
	assert_int_equal(sp_loop_timers(loop), 0);
	mem_deref(loop);
	free(v);
}

/* One that is the first again and again, beside n that wait. */
static void one_timer(size_t n, void *arg)
{
	struct sp_timer *v = calloc(n, sizeof(*v)), first = {0};
	struct sp_loop *loop;
	(void)arg;

	assert_int_equal(sp_loop_alloc_fake(&loop, 1000), 0);
	for (size_t i = 0; i < n; i++)
		sp_timer_start(loop, &v[i], 1000000 + delay(RANDOM, i, n), on_timer, NULL);
	sp_timer_start(loop, &first, 0, on_timer, NULL);
	sp_loop_advance(loop, 1); /* the heap is put in order once */
	work_on();
	for (unsigned i = 0; i < 100; i++) {
		sp_timer_start(loop, &first, 1, on_timer, NULL);
		sp_loop_advance(loop, 1);
		sp_timer_start(loop, &first, 2000000, on_timer, NULL);
		sp_timer_cancel(&first);
	}
	work_off();
	mem_deref(loop);
	free(v);
}

static void timers(void **state)
{
	(void)state;
	for (enum pattern p = RISING; p < PATTERNS; p++)
		assert_in_range(work_linear("timers", FROM, TO, timers_work, &p), 1,
				(uint64_t)TO * 400);
	work_constant("a timer", FROM, TO, one_timer, NULL);
}

/* ---- the hash ---- */

/* Two tables have two keys, from the kernel: what meets in one is apart in the other. */
static void keyed(void **state)
{
	struct sp_hashkey a, b;
	unsigned same = 0, zero = 0;

	(void)state;
	sp_hashkey_init(&a);
	sp_hashkey_init(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	for (unsigned i = 0; i < 4096; i++) {
		same += sp_hash(&a, &i, sizeof(i)) % 64 == sp_hash(&b, &i, sizeof(i)) % 64;
		zero += sp_hash(&a, &i, sizeof(i)) % 64 == 0;
	}
	assert_in_range(same, 16, 160); /* 64 is to be expected */
	assert_in_range(zero, 16, 160);
}

static void hash_work(size_t n, void *arg)
{
	struct sp_hashkey key;
	struct work_text t;
	(void)arg;

	sp_hashkey_init(&key);
	text_begin(&t);
	text_fill(&t, "a", n);
	work_on();
	(void)sp_hash(&key, t.p, t.n);
	work_off();
	text_end(&t);
}

static void hashing(void **state)
{
	(void)state;
	work_linear("hash", FROM, TO, hash_work, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers), cmocka_unit_test(harm_is_seen),
		cmocka_unit_test(logging), cmocka_unit_test(readers),
		cmocka_unit_test(timers),  cmocka_unit_test(keyed),
		cmocka_unit_test(hashing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
