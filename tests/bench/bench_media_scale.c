/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One process with 5,000 relays, which is 20,000 sockets, or as many as the limit of
 * descriptors lets it have: what they need in memory, and how long its loop stalls at
 * worst while 40,000 packets/s pass through all of them and 100 relays a second begin
 * and as many end.
 *
 * A timer that fires every millisecond measures: its worst delay is the lag, which those who
 * share the core add to, and the most CPU between two of its times is the loop's own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "sallyport/base_loop.h"
#include "sallyport/media.h"
#include "relay_bench.h"

enum {
	CALLS = 5000,
	TRANSIENT = 100, /* relays that live for a second */
	CHURN_MS = 10,
	SPARE_FDS = 64,
	PPS = 40000,
	SECONDS = 10,
	STALL_US = 5000,
};

/* What the child finds out; shared with the parent. */
struct found {
	double pss_kib, slab_kib; /* before there were relays   */
	bool measure;
	unsigned turns, stalls, begun;
	double lag_us, work_us, seconds;
};

struct scale {
	struct sp_loop *loop;
	struct sp_media *media;
	struct sp_ports *ports;
	struct sp_relay *transient[TRANSIENT];
	const struct end *ends;
	struct sp_timer tick, churn;
	double last_us, last_cpu_us;
};

static struct found *found;

/* A field of a file under /proc, in KiB. */
static double field(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[256];
	double v = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)))
			v = strtod(line + strlen(name), NULL);
	}
	if (f)
		(void)fclose(f);

	return v;
}

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void tick_handler(void *arg)
{
	struct scale *s = arg;
	const double now = now_us(), cpu = cpu_us();
	const double lag = now - s->last_us - 1000, work = cpu - s->last_cpu_us;

	if (found->measure && s->last_us > 0) {
		found->turns++;
		found->stalls += lag > STALL_US;
		found->lag_us = lag > found->lag_us ? lag : found->lag_us;
		found->work_us = work > found->work_us ? work : found->work_us;
	}
	s->last_us = found->measure ? now : 0;
	s->last_cpu_us = cpu;
	sp_timer_start(s->loop, &s->tick, 1, tick_handler, s);
}

static void churn_handler(void *arg)
{
	struct scale *s = arg;
	struct sp_relay **r = &s->transient[found->begun % TRANSIENT];

	mem_deref(*r);
	*r = sut_relay_new(s->media, s->ports, s->ends);
	found->begun++;
	sp_timer_start(s->loop, &s->churn, CHURN_MS, churn_handler, s);
}

static void scale_child(const struct plan *plan, int ctl)
{
	struct scale s = {.ends = plan->end};

	sut_relay_room(&s.loop, &s.media, &s.ports);
	found->pss_kib = field("/proc/self/smaps_rollup", "Pss:");
	found->slab_kib = field("/proc/meminfo", "SUnreclaim:");
	for (unsigned i = 0; i < plan->ends; i += 2)
		sut_relay_tell(ctl, sut_relay_new(s.media, s.ports, &plan->end[i]));
	sp_timer_start(s.loop, &s.tick, 1, tick_handler, &s);
	sp_timer_start(s.loop, &s.churn, CHURN_MS, churn_handler, &s);
	(void)sp_loop_run(s.loop);
}

static unsigned calls_possible(void)
{
	struct rlimit files;
	rlim_t calls;

	check(!getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
	calls = (files.rlim_max - SPARE_FDS) / 4 - TRANSIENT;

	return calls < CALLS ? (unsigned)calls : CALLS;
}

static void print(const struct outcome *o, unsigned calls, double pss_kib, double slab_kib)
{
	printf("scale_calls %u calls\n", calls);
	printf("scale_pss_kib_per_call %.1f KiB\n", pss_kib / calls);
	printf("scale_kernel_kib_per_call %.1f KiB\n", slab_kib / calls);
	printf("scale_relayed %.0f packets/s\n", o->relayed);
	printf("scale_begun %.0f relays/s\n", found->begun / (found->seconds));
	printf("scale_cpu_us %.2f us\n", o->cpu_us);
	printf("scale_lost %.4f share\n", o->lost);
	printf("scale_latency_p99_ms %.2f ms\n", o->p99_ms);
	printf("scale_loop_lag_ms %.2f ms\n", found->lag_us / 1e3);
	printf("scale_loop_work_ms %.2f ms\n", found->work_us / 1e3);
	printf("scale_stalls %u of_%u\n", found->stalls, found->turns);
}

int main(void)
{
	const unsigned calls = calls_possible();
	const struct segment s = {PPS, SECONDS};
	struct outcome o;
	struct plan *plan;
	char smaps[64];
	double begin;
	pid_t pid;

	setlinebuf(stdout);
	load_enter();
	/* cppcheck-suppress invalidFunctionArg ; -1 is what belongs there */
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	check(found != MAP_FAILED, "mmap");
	plan = plan_new(calls);
	pid = sut_child(plan, scale_child, TAG_80);

	begin = now_us();
	found->begun = 0;
	found->measure = true;
	load_run(plan, pid, &s, 1, &o);
	found->measure = false;
	found->seconds = (now_us() - begin) / 1e6;

	(void)snprintf(smaps, sizeof(smaps), "/proc/%d/smaps_rollup", (int)pid);
	print(&o, calls, field(smaps, "Pss:") - found->pss_kib,
	      field("/proc/meminfo", "SUnreclaim:") - found->slab_kib);
	sut_stop(pid);
	plan_free(plan);

	return 0;
}
