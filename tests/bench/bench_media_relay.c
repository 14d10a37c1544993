/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What relaying a packet costs and how many can be relayed, beside a bare epoll loop
 * that only receives and sends, and beside Debian's rtpengine where it is installed. Every
 * run starts its system anew, and the systems take turns; of several rounds the best
 * counts, for what disturbs only ever adds.
 *
 *   bench_media_relay [-r ROUNDS] [-s SYSTEMS] [-p PARTS]
 *
 * SYSTEMS are some of "floor,relay,rtpengine,gateway", PARTS of "cpu,rate,recovery". The relay
 * is the gateway's without its signalling; the gateway is all of it, if $SALLYPORT names one,
 * and has its CPU measured only, unless SYSTEMS names it.
 *
 * CPU is the system's whole process's, per packet that came back, with 100, 400 and 800
 * calls of one packet every 20 ms each way, and saturated: with 400 calls and always the
 * same number of packets under way. The rate is the highest with less than 0.1 % loss and
 * a 99th percentile of latency of 20 ms at most, found by bisection. Recovery is how long
 * after 5 s of twice that rate still something is lost of what 400 calls send.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay_bench.h"

enum { LOADS = 3, SYSTEMS = 4, STEPS = 5 };

static const unsigned load_calls[LOADS] = {100, 400, 800};

#define CALLS 400
#define PER_CALL 100.0 /* packets/s, both ways */
#define PACED_S 2.0
#define CLOSED_S 1.5
#define STEP_S 2.5
#define OVERLOAD_S 5.0
#define CALM_S 6.0
#define LOSS_MAX 0.001
#define P99_MAX_MS 20.0

struct figures {
	const struct sut *sut;
	bool on;
	struct outcome paced[LOADS];
	struct outcome closed, top;  /* at the highest rate */
	double recovery_s, overload; /* overload: packets/s that were offered */
};

static void run(const struct sut *sut, unsigned calls, const struct segment *segment, size_t n,
		struct outcome *o)
{
	struct plan *plan = plan_new(calls);
	const pid_t pid = sut->start(plan);

	load_run(plan, pid, segment, n, o);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr,
			"# %-9s %4u calls %6.0f offered %6.0f relayed/s %5.2f us (core %5.2f) lost "
			"%.3f%% "
			"p50 %.2f p99 %.2f max %.1f ms behind %.1f ms\n",
			sut->name, calls, o[i].offered, o[i].relayed, o[i].cpu_us, o[i].core_us,
			100 * o[i].lost, o[i].p50_ms, o[i].p99_ms, o[i].max_ms, o[i].behind_ms);
	sut_stop(pid);
	plan_free(plan);
}

static void paced(struct figures *f, unsigned i)
{
	const struct segment s = {PER_CALL * load_calls[i], PACED_S};
	struct outcome o, *best = &f->paced[i];
	const double p99 = best->p99_ms;

	run(f->sut, load_calls[i], &s, 1, &o);
	if (best->cpu_us <= 0 || o.cpu_us < best->cpu_us)
		*best = o;
	best->p99_ms = p99 > 0 && p99 < o.p99_ms ? p99 : o.p99_ms;
}

static void closed(struct figures *f)
{
	struct outcome o;

	run(f->sut, CALLS, &(struct segment){0, CLOSED_S}, 1, &o);
	if (f->closed.cpu_us <= 0 || o.cpu_us < f->closed.cpu_us)
		f->closed = o;
}

static bool holds(const struct figures *f, double pps, struct outcome *o)
{
	for (int again = 0; again < 2; again++) { /* once for the neighbours' noise */
		run(f->sut, CALLS, &(struct segment){pps, STEP_S}, 1, o);
		if (o->lost < LOSS_MAX && o->p99_ms <= P99_MAX_MS)
			return true;
	}

	return false;
}

static void rate(struct figures *f)
{
	double low = 0.5 * f->closed.relayed, high = 1.1 * f->closed.relayed;
	struct outcome o;

	for (int i = 0; i < STEPS; i++) {
		const double pps = (low + high) / 2;

		if (holds(f, pps, &o)) {
			low = pps;
			if (o.relayed > f->top.relayed)
				f->top = o;
		} else {
			high = pps;
		}
	}
}

static void recovery(struct figures *f)
{
	const double usual = PER_CALL * CALLS, half = f->top.relayed / 2;
	const struct segment s[2] = {{2 * f->top.relayed, OVERLOAD_S},
				     {usual < half ? usual : half, CALM_S}};
	struct outcome o[2];

	run(f->sut, CALLS, s, 2, o);
	f->overload = o[0].offered;
	f->recovery_s = o[1].calm_s < CALM_S - 0.05 ? o[1].calm_s : INFINITY;
}

/* ---- printing ---- */

static void print_system(const struct figures *f)
{
	const char *name = f->sut->name;

	for (unsigned i = 0; i < LOADS; i++) {
		const struct outcome *o = &f->paced[i];

		if (o->cpu_us <= 0)
			continue;
		printf("%s_cpu_us_%ucalls %.2f us\n", name, load_calls[i], o->cpu_us);
		printf("%s_latency_p99_ms_%ucalls %.2f ms\n", name, load_calls[i], o->p99_ms);
	}
	if (f->closed.cpu_us > 0) {
		printf("%s_cpu_us_saturated %.2f us\n", name, f->closed.cpu_us);
		printf("%s_rate_saturated %.0f packets/s\n", name, f->closed.relayed);
	}
	if (f->top.relayed > 0) {
		printf("%s_rate %.0f packets/s\n", name, f->top.relayed);
		printf("%s_cpu_us_at_rate %.2f us\n", name, f->top.cpu_us);
	}
	if (f->overload > 0) {
		printf("%s_overload %.0f packets/s\n", name, f->overload);
		printf("%s_recovery_s %.1f s\n", name, f->recovery_s);
	}
}

static void print_ratio(const char *name, double a, double b)
{
	if (a > 0 && b > 0)
		printf("%s %.2f ratio\n", name, a / b);
}

static void print_versus(const struct figures *ours, const struct figures *other)
{
	const char *us = ours->sut->name, *them = other->sut->name;
	char text[64];

	for (unsigned i = 0; i < LOADS; i++) {
		(void)snprintf(text, sizeof(text), "%s_cpu_vs_%s_%ucalls", us, them, load_calls[i]);
		print_ratio(text, ours->paced[i].cpu_us, other->paced[i].cpu_us);
	}
	(void)snprintf(text, sizeof(text), "%s_cpu_vs_%s_saturated", us, them);
	print_ratio(text, ours->closed.cpu_us, other->closed.cpu_us);
	(void)snprintf(text, sizeof(text), "%s_cpu_vs_%s", us, them);
	print_ratio(text, ours->paced[1].cpu_us, other->paced[1].cpu_us);
	(void)snprintf(text, sizeof(text), "%s_rate_vs_%s", us, them);
	print_ratio(text, ours->top.relayed, other->top.relayed);
}

static bool named(const char *list, const char *name)
{
	return !list || strstr(list, name);
}

static bool available(const struct sut *sut)
{
	if (sut == &sut_rtpengine)
		return !system("command -v rtpengine >/dev/null");

	return sut != &sut_gateway || getenv("SALLYPORT");
}

int main(int argc, char **argv)
{
	struct figures f[SYSTEMS] = {{.sut = &sut_floor},
				     {.sut = &sut_relay},
				     {.sut = &sut_rtpengine},
				     {.sut = &sut_gateway}};
	const char *systems = NULL, *parts = NULL;
	int rounds = 2;

	for (int c; (c = getopt(argc, argv, "r:s:p:")) != -1;) {
		if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 's')
			systems = optarg;
		else if (c == 'p')
			parts = optarg;
		else
			return 2;
	}
	setlinebuf(stdout);
	load_enter();

	for (int i = 0; i < SYSTEMS; i++)
		f[i].on = named(systems, f[i].sut->name) && available(f[i].sut);
	printf("load_limit %.0f packets/s\n", load_limit());
	for (int r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < LOADS && named(parts, "cpu"); i++) {
			for (int s = 0; s < SYSTEMS; s++) {
				if (f[s].on)
					paced(&f[s], i);
			}
		}
		for (int s = 0; s < SYSTEMS; s++) {
			if (f[s].on)
				closed(&f[s]);
		}
		for (int s = 0; s < SYSTEMS; s++) {
			if (f[s].on && named(parts, "rate") &&
			    (f[s].sut != &sut_gateway || systems))
				rate(&f[s]);
		}
	}
	for (int s = 0; s < SYSTEMS; s++) {
		if (f[s].on && f[s].top.relayed > 0 && named(parts, "recovery"))
			recovery(&f[s]);
	}

	for (int s = 0; s < SYSTEMS; s++)
		print_system(&f[s]);
	for (int s = 1; s < SYSTEMS; s += 2) {
		print_versus(&f[s], &f[0]);
		print_versus(&f[s], &f[2]);
	}
	if (f[1].paced[1].cpu_us > 0)
		printf("relay_latency_p99_ms %.2f ms\n", f[1].paced[1].p99_ms);

	return 0;
}
