/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a flood on a media port costs, while a good call is on that port: CPU microseconds of
 * the relay's process per packet that was sent in vain, what the call loses, and how late
 * the loop serves a timer and another descriptor, which stand for signalling.
 *
 * "foreign" comes from an address that nobody knows: the kernel drops it once the shield is
 * up (on loopback on the sender's account, with a network card on that of the
 * interrupt). "spoofed" comes from the peer's own address and port, so each packet has to be
 * looked at. junk: 32 octets that are not RTP; rtp: 182 octets with the call's own SSRC;
 * ssrcs: the same with another one each time; all of these 100,000 per second. full: rtp, as
 * many as one core can send.
 *
 * The call sends 400 packets per second in each direction, eight times as many as a
 * voice does, so that half a second tells its loss.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sallyport/base_loop.h"
#include "sallyport/base_util.h"
#include "sallyport/media.h"

enum {
	HEADER = 12,
	WIRE = HEADER + 160 + 10, /* 20 ms of G.711 as SRTP */
	JUNK = 32,
	RUN_US = 500000,
	DRAIN_US = 20000,
	TICK_US = 100,
	FLOOD_TICK = 10,  /* packets of the flood each tick: 100,000 per second */
	FLOOD_FULL = 100, /* more than can be sent in one */
	GOOD_TICKS = 25,  /* ticks between packets of the call                  */
	STAMP_TICKS = 20, /* ticks between stamps on the other descriptor       */
	TIMER_MS = 2,
};

#define RELAY_IP "127.0.79.1"
#define PEER_IP "127.0.79.2"
#define STRANGER_IP "127.0.79.66"

enum kind { NONE, JUNKS, RTPS, SSRCS };

struct flood {
	const char *name;
	enum kind kind;
	bool spoofed;
	unsigned packets; /* each tick */
};

/* One far end of the call. */
struct far {
	int fd;
	struct sa addr, to;
	struct sp_srtp_params srtp;
	struct sp_srtp_out *out;
	uint16_t seq;
};

/* What the far ends found, told by their process at the end. */
struct told {
	unsigned sent, received, flooded;
};

struct bench {
	struct sp_loop *loop;
	struct sp_relay *relay;
	struct far far[2];
	const struct flood *flood;
	int told[2], stamp[2]; /* pipes */
	struct told result;
	struct sp_timer timer;
	uint64_t due_us, late_us;
	double cpu_us;
};

static uint64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static int socket_new(const char *ip, struct sa *addr)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	sa_set_str(addr, ip, 0);
	check(fd >= 0 && !bind(fd, &addr->u.sa, addr->len) &&
		      !getsockname(fd, &addr->u.sa, &addr->len),
	      "socket");

	return fd;
}

/* ---- the far ends, and the flood ---- */

static void good_send(struct far *f, uint32_t ssrc)
{
	uint8_t buf[WIRE + SP_SRTP_ROOM] = {0x80, 8, (uint8_t)(f->seq >> 8), (uint8_t)f->seq};
	struct sp_srtp_place place = {.ssrc = ssrc, .index = f->seq, .first = f->seq == 1};
	size_t len = HEADER + 160;

	f->seq++;
	buf[11] = (uint8_t)ssrc;
	check(!sp_srtp_protect(f->out, buf, &len, false, &place), "protect");
	(void)sendto(f->fd, buf, len, 0, &f->to.u.sa, f->to.len);
}

static unsigned drain(int fd)
{
	uint8_t buf[2 * WIRE];
	unsigned n = 0;

	while (recv(fd, buf, sizeof(buf), 0) >= 0)
		n++;

	return n;
}

static size_t flood_packet(uint8_t buf[WIRE], enum kind kind, unsigned n)
{
	memset(buf, 0, HEADER);
	if (kind == JUNKS)
		return JUNK;

	buf[0] = 0x80;
	buf[1] = 8;
	buf[2] = (uint8_t)(n >> 8);
	buf[3] = (uint8_t)n;
	if (kind == SSRCS)
		sp_random(buf + 8, 4);
	else
		buf[11] = 1; /* the call's */

	return WIRE;
}

static void flood_tick(const struct bench *b, int fd, struct told *t)
{
	uint8_t buf[FLOOD_FULL][WIRE] = {{0}};
	struct iovec iov[FLOOD_FULL];
	struct mmsghdr msg[FLOOD_FULL] = {{.msg_len = 0}};
	struct sa to = b->far[0].to;
	int sent;

	for (unsigned i = 0; i < b->flood->packets; i++) {
		iov[i].iov_base = buf[i];
		iov[i].iov_len = flood_packet(buf[i], b->flood->kind, t->flooded + i);
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
		msg[i].msg_hdr.msg_name = &to.u.sa;
		msg[i].msg_hdr.msg_namelen = to.len;
	}
	sent = sendmmsg(fd, msg, b->flood->packets, 0);
	t->flooded += sent > 0 ? (unsigned)sent : 0;
}

/* The process of the far ends: RUN_US of it all. */
static void far_run(struct bench *b)
{
	const uint64_t begin = clock_us(CLOCK_MONOTONIC);
	const struct flood *f = b->flood;
	uint64_t now = begin;
	struct told t = {0};
	struct sa stranger;
	int fd = f->spoofed ? b->far[0].fd : socket_new(STRANGER_IP, &stranger);

	pin(1);
	for (unsigned tick = 0; now < begin + RUN_US + DRAIN_US; tick++) {

		do
			now = clock_us(CLOCK_MONOTONIC);
		while (now < begin + (uint64_t)tick * TICK_US);

		t.received += drain(b->far[0].fd) + drain(b->far[1].fd);
		if (now >= begin + RUN_US)
			continue;

		if (tick % GOOD_TICKS == 0) {
			good_send(&b->far[0], 1);
			good_send(&b->far[1], 2);
			t.sent += 2;
		}
		if (tick % STAMP_TICKS == 0) {
			now = clock_us(CLOCK_MONOTONIC);
			check(write(b->stamp[1], &now, sizeof(now)) > 0, "stamp");
		}
		if (f->kind != NONE && tick >= GOOD_TICKS) /* the call is there first */
			flood_tick(b, fd, &t);
	}

	check(write(b->told[1], &t, sizeof(t)) > 0, "told");
	_exit(0);
}

/* ---- the relay ---- */

static void timer_handler(void *arg)
{
	struct bench *b = arg;
	const uint64_t now = clock_us(CLOCK_MONOTONIC);

	b->late_us = max(b->late_us, now > b->due_us ? now - b->due_us : 0);
	b->due_us = now + TIMER_MS * 1000;
	sp_timer_start(b->loop, &b->timer, TIMER_MS, timer_handler, b);
}

static void stamp_handler(int flags, void *arg)
{
	struct bench *b = arg;
	uint64_t at;
	(void)flags;

	if (read(b->stamp[0], &at, sizeof(at)) == sizeof(at))
		b->late_us = max(b->late_us, clock_us(CLOCK_MONOTONIC) - at);
}

static void told_handler(int flags, void *arg)
{
	struct bench *b = arg;
	(void)flags;

	check(read(b->told[0], &b->result, sizeof(b->result)) == sizeof(b->result), "told");
	sp_loop_stop(b->loop);
}

static void far_open(struct far *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = socket_new(PEER_IP, &f->addr);
	f->seq = 1;
	sp_random(f->srtp.key, sizeof(f->srtp.key));
	check(!sp_srtp_out_alloc(&f->out, f->srtp.key, NULL), "srtp");
}

static void relay_open(struct bench *b, struct sp_media *media, struct sp_ports *const ports[2])
{
	check(!sp_relay_alloc(&b->relay, media, ports, NULL, NULL), "relay");
	check(!sp_relay_add(NULL, b->relay), "stream");
	for (int side = 0; side < 2; side++) {
		struct far *f = &b->far[side];
		struct sp_relay_remote remote;

		far_open(f);
		memset(&remote, 0, sizeof(remote));
		remote.rtp = remote.rtcp = f->addr;
		remote.srtp = f->srtp;
		check(!sp_relay_remote(b->relay, 0, (enum sp_side)side, &remote), "remote");
		sa_set_str(&f->to, RELAY_IP, sp_relay_port(b->relay, 0, (enum sp_side)side));
	}
}

static void close_all(struct bench *b)
{
	sp_timer_cancel(&b->timer);
	b->relay = mem_deref(b->relay);
	for (int i = 0; i < 2; i++) {
		sp_loop_unlisten(b->loop, i ? b->told[0] : b->stamp[0]);
		(void)close(b->far[i].fd);
		(void)close(b->told[i]);
		(void)close(b->stamp[i]);
		mem_deref(b->far[i].out);
	}
}

static void bench_run(struct bench *b, struct sp_media *media, struct sp_ports *const ports[2])
{
	struct sp_relay_count count;
	uint64_t cpu;
	pid_t pid;

	relay_open(b, media, ports);
	check(!pipe(b->told) && !pipe(b->stamp), "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid)
		far_run(b);

	b->late_us = 0;
	b->due_us = clock_us(CLOCK_MONOTONIC) + TIMER_MS * 1000;
	sp_timer_start(b->loop, &b->timer, TIMER_MS, timer_handler, b);
	check(!sp_loop_listen(b->loop, b->told[0], FD_READ, told_handler, b) &&
		      !sp_loop_listen(b->loop, b->stamp[0], FD_READ, stamp_handler, b),
	      "listen");
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	(void)sp_loop_run(b->loop);
	b->cpu_us = (double)(clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	(void)waitpid(pid, NULL, 0);

	sp_relay_count(b->relay, SP_SIDE_CALLER, &count);
	printf("flood_%s_late_ms %.2f ms\n", b->flood->name, (double)b->late_us / 1e3);
	printf("flood_%s_rate %.0f 1/s\n", b->flood->name, b->result.flooded * (1e6 / RUN_US));
	printf("flood_%s_loss %.1f %%\n", b->flood->name,
	       100.0 * (b->result.sent - b->result.received) / b->result.sent);
	printf("flood_%s_seen %.1f %%\n", b->flood->name,
	       b->result.flooded
		       ? 100.0 * (double)(count.malformed + count.unauthentic) / b->result.flooded
		       : 0.0);
	close_all(b);
}

int main(void)
{
	static const struct flood floods[] = {
		{"none", NONE, false, 0},
		{"foreign_junk", JUNKS, false, FLOOD_TICK},
		{"foreign_rtp", RTPS, false, FLOOD_TICK},
		{"foreign_ssrcs", SSRCS, false, FLOOD_TICK},
		{"spoofed_junk", JUNKS, true, FLOOD_TICK},
		{"spoofed_rtp", RTPS, true, FLOOD_TICK},
		{"spoofed_ssrcs", SSRCS, true, FLOOD_TICK},
		{"spoofed_full", RTPS, true, FLOOD_FULL},
	};
	struct sp_ports *ports[2] = {NULL, NULL};
	struct sp_media *media = NULL;
	struct bench b = {.loop = NULL};
	double base_us = 0;
	struct sa addr;

	sa_set_str(&addr, RELAY_IP, 0);
	check(!sp_loop_alloc(&b.loop, 1024) && !sp_media_alloc(&media, b.loop) &&
		      !sp_ports_alloc(&ports[0], &addr, 20000, 20999),
	      "loop");
	ports[1] = mem_ref(ports[0]);
	pin(0);

	for (size_t i = 0; i < ARRAY_SIZE(floods); i++) {
		b.flood = &floods[i];
		bench_run(&b, media, ports);
		if (!i)
			base_us = b.cpu_us;
		else
			printf("flood_%s_cpu_us %.3f us\n", b.flood->name,
			       max(0.0, b.cpu_us - base_us) / b.result.flooded);
		(void)fflush(stdout);
	}

	mem_deref(ports[0]);
	mem_deref(ports[1]);
	mem_deref(media);
	mem_deref(b.loop);

	return 0;
}
