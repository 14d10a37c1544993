/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The load of the relay benchmark: sends packets in turn from all far ends, at a rate
 * that does not ask what becomes of them, and notes for each when it went and when it came
 * back. The header of an SRTP packet is clear, so that SSRC and sequence number say which
 * one it was; and what is late or lost is worked out when all is over.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "relay_bench.h"

enum {
	BATCH = 64,
	TICK_US = 100,      /* packets due by then go together    */
	PENDING = 4,        /* per end, where there is no rate    */
	STUCK_US = 100000,  /* then what is under way counts as lost */
	QUIET_US = 200000,  /* nothing for so long: all is through   */
	DRAIN_US = 1500000, /* nor is it waited for longer           */
	WARM_PPS = 20000,
	CLOSED_PPS_MAX = 1200000, /* room where there is no rate           */
	BUCKET_US = 20,
	BUCKETS = 200000,
	WINDOW_US = 100000,
};

struct load {
	struct plan *plan;
	uint8_t *tags;
	uint32_t *sent, *back; /* microseconds since start; 0: not yet */
	size_t next, total;
	uint64_t received;
	double start;
	struct {
		uint8_t wire[BATCH][WIRE_MAX];
		struct iovec iov[BATCH];
		struct mmsghdr msg[BATCH];
	} out, in;
	struct {
		uint8_t wire[WIRE_MAX];
		size_t len;
	} * first; /* packet of each end as it came back */
};

/* Zeroed, and there: no page is to be fetched during the run. */
static void *room(size_t size)
{
	void *p = malloc(size);

	check(p != NULL, "malloc");
	memset(p, 0, size);

	return p;
}

static uint32_t since(const struct load *l, double now)
{
	return (uint32_t)(now - l->start) + 1;
}

static struct load *load_new(struct plan *plan, const struct segment *segment, size_t n)
{
	struct load *l = room(sizeof(*l));

	l->plan = plan;
	l->total = plan->ends;
	for (size_t i = 0; i < n; i++) {
		const double pps = segment[i].pps > 0 ? segment[i].pps : CLOSED_PPS_MAX;

		l->total += (size_t)(pps * segment[i].seconds) + 1;
	}
	l->tags = room(l->total * TAG_80);
	l->sent = room(l->total * sizeof(*l->sent));
	l->back = room(l->total * sizeof(*l->back));
	l->first = room(plan->ends * sizeof(*l->first));
	packets_tag(plan, l->tags, l->total);
	for (int i = 0; i < BATCH; i++) {
		memcpy(l->out.wire[i] + HEADER, packet_payload(), PAYLOAD);
		l->out.iov[i].iov_base = l->out.wire[i];
		l->out.msg[i].msg_hdr.msg_iov = &l->out.iov[i];
		l->out.msg[i].msg_hdr.msg_iovlen = 1;
		l->out.msg[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
		l->in.iov[i] = (struct iovec){l->in.wire[i], WIRE_MAX};
		l->in.msg[i].msg_hdr.msg_iov = &l->in.iov[i];
		l->in.msg[i].msg_hdr.msg_iovlen = 1;
	}

	return l;
}

static void load_free(struct load *l)
{
	free(l->tags);
	free(l->sent);
	free(l->back);
	free(l->first);
	free(l);
}

/* ---- sending and receiving ---- */

/* Send the next packets of one socket, n at most. @return how many */
static size_t send_some(struct load *l, size_t n)
{
	struct plan *plan = l->plan;
	unsigned place = (unsigned)(l->next % plan->ends);
	const int fd = plan->socket[place];
	const uint32_t now = since(l, now_us());
	size_t c = 0;

	while (c < n && c < BATCH && place < plan->ends && plan->socket[place] == fd) {
		const size_t k = l->next + c;
		struct end *end = &plan->end[plan->turn[place++]];

		packet_header(plan, k, l->out.wire[c]);
		memcpy(l->out.wire[c] + HEADER + PAYLOAD, l->tags + k * TAG_80, TAG_80);
		l->out.iov[c].iov_len = HEADER + PAYLOAD + (end->tag ? end->tag : TAG_80);
		l->out.msg[c].msg_hdr.msg_name = &end->to;
		l->sent[k] = now;
		c++;
	}
	for (size_t done = 0; done < c;) {
		const int r = sendmmsg(fd, l->out.msg + done, (unsigned)(c - done), 0);

		done += r > 0 ? (size_t)r : 1; /* refused: as good as lost */
	}
	l->next += c;

	return c;
}

static void take(struct load *l, const uint8_t *wire, size_t len, uint32_t now)
{
	uint32_t word[3];
	size_t k;

	check(len >= HEADER, "short packet");
	memcpy(word, wire, sizeof(word));
	word[0] = ntohl(word[0]) & 0xffff;
	word[2] = ntohl(word[2]);
	check(word[2] < l->plan->ends && word[0] >= SEQ_FIRST, "foreign packet");
	k = (size_t)(word[0] - SEQ_FIRST) * l->plan->ends + l->plan->place[word[2]];
	check(k < l->next, "packet that was not sent");
	if (l->back[k])
		return;
	l->back[k] = now;
	l->received++;
	if (k < l->plan->ends) {
		memcpy(l->first[word[2]].wire, wire, len);
		l->first[word[2]].len = len;
	}
}

static void receive(struct load *l)
{
	for (int i = 0; i < 2 * SOCKETS; i++) {
		for (int again = 0; again < 4; again++) {
			const int n =
				recvmmsg(l->plan->fd[i], l->in.msg, BATCH, MSG_DONTWAIT, NULL);
			const uint32_t now = since(l, now_us());

			for (int k = 0; k < n; k++)
				take(l, l->in.wire[k], l->in.msg[k].msg_len, now);
			if (n < BATCH)
				break;
		}
	}
}

static void nap(double until_us)
{
	const struct timespec ts = {(time_t)(until_us / 1e6),
				    (long)((uint64_t)(until_us * 1e3) % 1000000000)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* @return how far behind the rate it was at worst, in microseconds */
static double send_paced(struct load *l, const struct segment *s, size_t end)
{
	const double begin = now_us(), over = begin + s->seconds * 1e6;
	const size_t first = l->next;
	double behind = 0;

	for (double now = begin; now < over && l->next < end; now = now_us()) {
		size_t due = first + (size_t)((now - begin) * s->pps / 1e6) + 1;

		due = due < end ? due : end;
		behind = due > l->next && (double)(due - l->next - 1) > behind
				 ? (double)(due - l->next - 1)
				 : behind;
		for (size_t n = BATCH; due > l->next && n > 0;)
			n -= send_some(l, due - l->next < n ? due - l->next : n);
		receive(l);
		if (due <= l->next)
			nap(now + TICK_US);
	}

	return behind / s->pps * 1e6;
}

/* As fast as it comes back. */
static void send_closed(struct load *l, const struct segment *s, size_t end)
{
	const double over = now_us() + s->seconds * 1e6;
	const size_t pending = PENDING * l->plan->ends;
	size_t settled = l->next - l->received; /* lost: not under way any more */
	uint64_t before = l->received;
	double moved = now_us();

	for (double now = moved; now < over && l->next < end; now = now_us()) {
		const size_t under_way = l->next - settled - l->received, left = end - l->next;

		if (under_way < pending)
			(void)send_some(l, left < pending - under_way ? left : pending - under_way);
		receive(l);
		if (l->received != before)
			moved = now;
		else if (now - moved > STUCK_US)
			settled = l->next - l->received;
		before = l->received;
	}
}

static void drain(struct load *l)
{
	const double over = now_us() + DRAIN_US;
	uint64_t before = l->received;
	double moved = now_us();

	for (double now = moved; now < over && now - moved < QUIET_US; now = now_us()) {
		receive(l);
		if (l->received != before)
			moved = now;
		before = l->received;
		nap(now + TICK_US);
	}
}

/* ---- what became of it ---- */

struct bounds {
	size_t first, end;
	double begin_us, end_us; /* of the sending            */
	double cpu_us;           /* that the system spent in it */
	double core_us;          /* that its core was busy      */
	uint64_t received;       /* within that time            */
	double behind_us;
};

static void latencies(const struct load *l, const struct bounds *b, struct outcome *o)
{
	unsigned *bucket = room(BUCKETS * sizeof(*bucket));
	uint64_t count = 0, below = 0;

	for (size_t k = b->first; k < b->end; k++) {
		const uint32_t us = l->back[k] ? l->back[k] - l->sent[k] : UINT32_MAX;

		if (!l->back[k])
			continue;
		count++;
		bucket[us / BUCKET_US < BUCKETS ? us / BUCKET_US : BUCKETS - 1]++;
		o->max_ms = us / 1e3 > o->max_ms ? us / 1e3 : o->max_ms;
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		const double ms = (i + 1) * BUCKET_US / 1e3;
		const uint64_t upto = below + bucket[i];

		if (2 * below < count && 2 * upto >= count)
			o->p50_ms = ms;
		if (100 * below < 99 * count && 100 * upto >= 99 * count)
			o->p99_ms = ms;
		below = upto;
	}
	o->lost = 1 - (double)count / (double)(b->end - b->first);
	free(bucket);
}

/* Windows of the time of sending: how long until none loses anything any more? */
static void calm(const struct load *l, const struct bounds *b, struct outcome *o)
{
	const uint32_t begin = since(l, b->begin_us);

	for (size_t k = b->first; k < b->end; k++) {
		if (!l->back[k])
			o->calm_s = ((l->sent[k] - begin) / WINDOW_US + 1) * (WINDOW_US / 1e6);
	}
}

static double cpu_of(pid_t pid)
{
	struct timespec ts = {0};
	clockid_t id;

	if (pid && !clock_getcpuclockid(pid, &id))
		(void)clock_gettime(id, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Busy time of the system's core, whoever used it; in ticks of the kernel. */
static double core_us(void)
{
	unsigned long long v[8] = {0};
	char line[256], *at;
	FILE *f = fopen("/proc/stat", "re");
	double sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "cpu0 ", 5) != 0)
			continue;
		at = line + 5;
		for (int i = 0; i < 8; i++)
			v[i] = strtoull(at, &at, 10);
	}
	if (f)
		(void)fclose(f);
	for (int i = 0; i < 8; i++)
		sum += i == 3 || i == 4 ? 0 : (double)v[i]; /* idle, waiting */

	return sum * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void evaluate(const struct load *l, const struct bounds *b, struct outcome *o)
{
	const double us = b->end_us - b->begin_us;

	memset(o, 0, sizeof(*o));
	o->offered = (double)(b->end - b->first) / us * 1e6;
	o->relayed = (double)b->received / us * 1e6;
	o->cpu_us = b->received ? b->cpu_us / (double)b->received : 0;
	o->core_us = b->received ? b->core_us / (double)b->received : 0;
	o->behind_ms = b->behind_us / 1e3;
	latencies(l, b, o);
	calm(l, b, o);
}

static void warm_up(struct load *l)
{
	const struct segment s = {WARM_PPS, l->plan->ends / (double)WARM_PPS + 1};
	unsigned i = 0, came = 0;

	(void)send_paced(l, &s, l->plan->ends);
	drain(l);
	for (i = 0; i < l->plan->ends; i++)
		came += l->first[i].len > 0;
	if (came < l->plan->ends)
		fprintf(stderr, "relay_load: %u of %u flows do not flow\n", l->plan->ends - came,
			l->plan->ends);
	check(came, "nothing is relayed");
}

void load_run(struct plan *plan, pid_t pid, const struct segment *segment, size_t n,
	      struct outcome *outcome)
{
	struct load *l = load_new(plan, segment, n);
	struct bounds *bounds = room(n * sizeof(*bounds));

	(void)prctl(PR_SET_TIMERSLACK, 1);
	l->start = now_us();
	warm_up(l);
	for (size_t i = 0; i < n; i++) {
		struct bounds *b = &bounds[i];
		const double cpu = cpu_of(pid), core = core_us();
		const uint64_t received = l->received;

		b->first = l->next;
		b->begin_us = now_us();
		if (segment[i].pps > 0) {
			const size_t end = l->next + (size_t)(segment[i].pps * segment[i].seconds);

			b->behind_us = send_paced(l, &segment[i], end);
		} else {
			send_closed(l, &segment[i], l->total);
		}
		b->end = l->next;
		b->end_us = now_us();
		b->cpu_us = cpu_of(pid) - cpu;
		b->core_us = core_us() - core;
		b->received = l->received - received;
	}
	drain(l);

	for (size_t i = 0; i < n; i++)
		evaluate(l, &bounds[i], &outcome[i]);
	for (unsigned i = 0; i < plan->ends && pid; i++) {
		if (l->first[i].len)
			packet_verify(plan, i, l->tags + plan->place[i] * TAG_80, l->first[i].wire,
				      l->first[i].len);
	}
	free(bounds);
	load_free(l);
}

double load_limit(void)
{
	struct plan *plan = plan_new(400);
	struct outcome o;

	for (unsigned i = 0; i < plan->ends; i++)
		plan->end[i].to = plan->end[i ^ 1].addr;
	load_run(plan, 0, &(struct segment){0, 1}, 1, &o);
	plan_free(plan);

	return o.relayed;
}
