/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How busy the gateway is: the loop's lag, CPU, memory, media ports. Looked at
 * ten times a second for base/overload, which says from it how many new calls
 * are let in; and kept for whoever asks for the status.
 *
 * The lag is the lateness of the very timer that looks: what delays it delays
 * every message and packet that came meanwhile.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_priv.h"

enum {
	SAMPLES = 1000 / SP_OVERLOAD_MS, /* in a second */
	ELAPSED_MIN_US = 10000,          /* less says nothing about the CPU */
	TRIM_MS = 60 * 1000,
	ALL_PERCENT = 98, /* no time that is worth naming was idle */
	MIB = 1 << 20,
};

struct load {
	struct app_load shown; /* first: this is what others hold */
	struct sp_app *app;    /* whose we are */
	struct sp_timer timer;
	uint64_t due_ms; /* of the timer */
	bool begun;      /* the loop runs: from now on its timers may be late */
	int statm, schedstat;

	uint64_t wall_us, cpu_us, wait_us;      /* at the last sample */
	uint64_t wall1_us, cpu1_us;             /* a second ago       */
	unsigned lag1_ms, n;                    /* since then         */
	uint64_t since_ms, refused, trimmed_ms; /* of an overload     */
	const char *cause;
};

static void destructor(void *arg)
{
	struct load *l = arg;

	sp_timer_cancel(&l->timer);
	if (l->statm >= 0)
		(void)close(l->statm);
	if (l->schedstat >= 0)
		(void)close(l->schedstat);
	mem_deref(l->shown.overload);
}

static uint64_t clock_us(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The second figure of a file in /proc that is kept open; before when there is none. */
static uint64_t second_figure(int fd, uint64_t before)
{
	char buf[128], *p;
	const ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return before;
	buf[n] = '\0';
	(void)strtoull(buf, &p, 10);

	return strtoull(p, NULL, 10);
}

/* Pages that are in memory, proc_pid_statm(5). */
static unsigned resident_mb(const struct load *l)
{
	return (unsigned)(second_figure(l->statm, 0) * (uint64_t)sysconf(_SC_PAGESIZE) / MIB);
}

/* How long this process was ready to run while others had the core; 0: not known. */
static uint64_t waited_us(const struct load *l)
{
	return second_figure(l->schedstat, 1000 * l->wait_us) / 1000;
}

static unsigned fullest_percent(const struct sp_call_env *env)
{
	unsigned most = 0;

	for (size_t i = 0; env && i < env->conf->interfacec; i++) {
		const unsigned total = sp_ports_total(env->portsv[i]);

		if (total)
			most = max(most,
				   (unsigned)(100ull * sp_ports_used(env->portsv[i]) / total));
	}

	return most;
}

static unsigned percent(uint64_t cpu_us, uint64_t wall_us, unsigned before)
{
	return wall_us < ELAPSED_MIN_US ? before : (unsigned)(100 * cpu_us / wall_us);
}

/*
 * Less than a whole core may be all that there is: who ran, or waited to run, all
 * of the time has no more to give, whatever it has used.
 */
static unsigned busy_percent(uint64_t cpu_us, uint64_t wait_us, uint64_t wall_us)
{
	return percent(cpu_us + wait_us, wall_us, 0) >= ALL_PERCENT ? 100
								    : percent(cpu_us, wall_us, 0);
}

static void told_begin(struct load *l, const struct sp_overload_state *s, size_t calls)
{
	l->since_ms = sp_loop_now_ms(l->app->loop);
	l->refused = s->refused;
	l->cause = s->cause;
	sp_log(SP_LOG_WARN, "overload_begin",
	       "cause=%s lag_ms=%u cpu_percent=%u memory_mb=%u ports_percent=%u calls=%zu",
	       s->cause, s->last.lag_ms, s->last.cpu_percent, s->last.memory_mb,
	       s->last.ports_percent, calls);
}

static void told_end(const struct load *l, const struct sp_overload_state *s, size_t calls)
{
	const uint64_t ms = sp_loop_now_ms(l->app->loop) - l->since_ms;

	sp_log(SP_LOG_INFO, "overload_end",
	       "cause=%s ms=%llu refused=%llu lag_ms=%u cpu_percent=%u memory_mb=%u "
	       "ports_percent=%u calls=%zu",
	       l->cause, (unsigned long long)ms, (unsigned long long)(s->refused - l->refused),
	       s->last.lag_ms, s->last.cpu_percent, s->last.memory_mb, s->last.ports_percent,
	       calls);
}

/*
 * What is free inside of the heap still counts as ours. Nobody can call until
 * there is some room again, so it goes back, although that holds the loop up
 * for a moment.
 */
static void trim(struct load *l, const struct sp_overload_state *s)
{
	const uint64_t now_ms = sp_loop_now_ms(l->app->loop);

	if (strcmp(s->cause, "memory") != 0 || (l->trimmed_ms && now_ms - l->trimmed_ms < TRIM_MS))
		return;

	l->trimmed_ms = now_ms;
	(void)malloc_trim(0);
}

void app_load_take(struct app_load *load, const struct sp_overload_sample *sample)
{
	struct load *l = (struct load *)load;
	const struct sp_conf_overload *conf = &l->app->env->conf->overload;
	struct sp_overload_state s;
	struct sp_calls_count count;
	bool changed;

	/* with each sample: a reload needs to tell nobody */
	sp_overload_limits(load->overload,
			   &(struct sp_overload_limits){.lag_ms = conf->lag_ms,
							.cpu_percent = conf->cpu_percent,
							.memory_mb = conf->memory_mb,
							.ports_percent = conf->ports_percent});
	changed = sp_overload_sample(load->overload, sample);
	sp_overload_state(load->overload, &s);
	trim(l, &s);
	if (!changed)
		return;

	sp_calls_count(l->app->calls, &count);
	if (s.overloaded)
		told_begin(l, &s, count.now);
	else
		told_end(l, &s, count.now);
}

/* A second is over: its figures are what the status shows. */
static void show(struct load *l, const struct sp_overload_sample *s)
{
	struct app_load *shown = &l->shown;

	shown->lag_ms = l->lag1_ms;
	shown->cpu_percent =
		percent(l->cpu_us - l->cpu1_us, l->wall_us - l->wall1_us, shown->cpu_percent);
	shown->memory_mb = resident_mb(l);
	shown->ports_percent = s->ports_percent;
	l->wall1_us = l->wall_us;
	l->cpu1_us = l->cpu_us;
	l->lag1_ms = 0;
	l->n = 0;
}

static void look(struct load *l, uint64_t late_ms)
{
	const uint64_t wall_us = clock_us(CLOCK_MONOTONIC);
	const uint64_t cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID), wait_us = waited_us(l);
	struct sp_overload_sample s = {
		.lag_ms = (unsigned)min(late_ms, UINT32_MAX),
		.cpu_percent = busy_percent(cpu_us - l->cpu_us, wait_us - l->wait_us,
					    wall_us - l->wall_us),
		.ports_percent = fullest_percent(l->app->env),
	};

	l->wall_us = wall_us;
	l->cpu_us = cpu_us;
	l->wait_us = wait_us;
	l->lag1_ms = max(l->lag1_ms, s.lag_ms);
	l->shown.lag_max_ms = max(l->shown.lag_max_ms, s.lag_ms);
	if (++l->n >= SAMPLES)
		show(l, &s);
	s.memory_mb = l->shown.memory_mb;
	app_load_take(&l->shown, &s);
}

static void on_timer(void *arg)
{
	struct load *l = arg;
	const uint64_t now_ms = sp_loop_now_ms(l->app->loop);

	if (l->begun && l->app->env) {
		look(l, now_ms > l->due_ms ? now_ms - l->due_ms : 0);
	} else {
		l->begun = l->app->env != NULL;
		l->wait_us = waited_us(l);
		l->wall_us = l->wall1_us = clock_us(CLOCK_MONOTONIC);
		l->cpu_us = l->cpu1_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	}
	l->due_ms = sp_loop_now_ms(l->app->loop) + SP_OVERLOAD_MS;
	sp_timer_start(l->app->loop, &l->timer, SP_OVERLOAD_MS, on_timer, l);
}

int app_load_alloc(struct app_load **lp, struct sp_app *app)
{
	struct load *l = mem_zalloc(sizeof(*l), destructor);
	int err;

	if (!l)
		return ENOMEM;

	l->app = app;
	l->cause = "";
	l->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	l->schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	err = sp_overload_alloc(&l->shown.overload);
	if (err) {
		mem_deref(l);
		return err;
	}
	l->shown.memory_mb = resident_mb(l);
	sp_calls_overload(app->calls, l->shown.overload);
	/* at once: in the first turn, before which reading the configuration may take long */
	sp_timer_start(app->loop, &l->timer, 0, on_timer, l);
	*lp = &l->shown;

	return 0;
}
