/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cost of timers with many running, and of the keyed hash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <re.h>
#include <sallyport/base_loop.h>
#include <sallyport/base_util.h>

enum { TIMERS = 100000, HASHES = 1000000 };

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void report(const char *name, double began_us, unsigned n)
{
	printf("%s %.3f us\n", name, (now_us() - began_us) / n);
}

static void bench_timers(struct sp_loop *loop, const char *kind)
{
	struct sp_timer *t = calloc(TIMERS, sizeof(*t));
	unsigned fired = 0;
	char name[64];
	double began;

	if (!t)
		return;

	began = now_us();
	for (unsigned i = 0; i < TIMERS; i++)
		sp_timer_start(loop, &t[i], 1000000 + (i * 7919u) % 32000, count, &fired);
	(void)snprintf(name, sizeof(name), "timer_start_%s", kind);
	report(name, began, TIMERS);

	began = now_us();
	for (unsigned i = 0; i < TIMERS; i++)
		sp_timer_start(loop, &t[(i * 31u) % TIMERS], 1000000 + (i * 31u) % 64000, count,
			       &fired);
	(void)snprintf(name, sizeof(name), "timer_restart_%s", kind);
	report(name, began, TIMERS);

	began = now_us();
	sp_loop_advance(loop, 2000000);
	if (fired) {
		(void)snprintf(name, sizeof(name), "timer_fire_%s", kind);
		report(name, began, fired);
	}

	for (unsigned i = 0; i < TIMERS; i++)
		sp_timer_cancel(&t[i]);
	free(t);
}

static void bench_hash(void)
{
	struct sp_hashkey key;
	char text[32] = "a call id of thirty-two bytes..";
	uint64_t sum = 0;
	double began;

	sp_hashkey_init(&key);
	began = now_us();
	for (unsigned i = 0; i < HASHES; i++) {
		memcpy(text, &i, sizeof(i));
		sum += sp_hash(&key, text, sizeof(text));
	}
	report(sum ? "hash_32_bytes" : "hash_0", began, HASHES);
}

int main(void)
{
	struct sp_loop *fake = NULL, *loop = NULL;

	if (sp_loop_alloc_fake(&fake, 0) || sp_loop_alloc(&loop, 1024))
		return 1;

	bench_timers(fake, "fake");
	bench_timers(loop, "real");
	bench_hash();
	mem_deref(fake);
	mem_deref(loop);

	return 0;
}
