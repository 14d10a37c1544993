/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What relaying a packet costs, beside a bare epoll loop that only receives
 * and sends on as many sockets: CPU microseconds per packet of the process
 * under test, and packets per second. First flat out (a fixed number of packets
 * is under way per direction, so nothing is lost), then at the rate of 100
 * calls. Each the best of several rounds: what disturbs only ever adds.
 *
 * The parent is both far ends of all calls: it sends packets that were
 * encrypted beforehand, and counts what comes back. The process under test is
 * a child, which measures its own CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sallyport/base_loop.h"
#include "sallyport/base_util.h"
#include "sallyport/media.h"

enum {
	CALLS_MAX = 100,
	WIRE = 12 + 160 + 10, /* 20 ms of G.711 as SRTP             */
	WINDOW = 8,           /* packets under way per direction    */
	STALL_MS = 200,       /* then what is missing counts as lost */
	ROUNDS = 5,
	PACED_ROUNDS = 4,
	PACE_US = 100, /* 100 calls, two directions, 50 per second */
};

#define SUT_IP "127.0.78.1"
#define PEER_IP "127.0.78.2"

/* One direction of one call: a far end that sends, and where to. */
struct flow {
	int fd;
	struct sa addr; /* the far end's             */
	struct sa to;   /* the port of the system under test */
	uint8_t key[SP_SRTP_KEY_SIZE];
	uint8_t (*packets)[WIRE];
	unsigned sent, received; /* received: at the opposite far end */
};

struct plan {
	unsigned flows; /* flow i and i ^ 1 are a call */
	unsigned packets;
	struct flow flow[2 * CALLS_MAX];
};

struct result {
	double cpu_us, pps, lost;
};

static double clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
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

static void flow_init(struct flow *f, unsigned packets, uint32_t ssrc)
{
	struct sp_srtp *out = NULL;

	f->fd = socket_new(PEER_IP, &f->addr);
	sp_random(f->key, sizeof(f->key));
	f->packets = calloc(packets, WIRE);
	check(f->packets && !sp_srtp_alloc(&out, f->key, SP_SRTP_OUT), "flow");

	for (unsigned i = 0; i < packets; i++) {
		uint8_t buf[WIRE + SP_SRTP_ROOM] = {0x80, 8, (uint8_t)(i >> 8), (uint8_t)i};
		size_t len = 12 + 160;

		memcpy(buf + 8, &ssrc, sizeof(ssrc));
		check(!sp_srtp_protect(out, buf, &len, false), "protect");
		memcpy(f->packets[i], buf, WIRE);
	}
	mem_deref(out);
}

static struct plan *plan_new(unsigned calls, unsigned packets)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	check(plan, "plan");
	plan->flows = 2 * calls;
	plan->packets = packets;
	for (unsigned i = 0; i < plan->flows; i++)
		flow_init(&plan->flow[i], packets, i);

	return plan;
}

static void plan_free(struct plan *plan)
{
	for (unsigned i = 0; i < plan->flows; i++) {
		(void)close(plan->flow[i].fd);
		free(plan->flow[i].packets);
	}
	free(plan);
}

/* ---- the systems under test: each answers commands on ctl ---- */

/* 'b': begin to measure; 'e': report and end. @return false at the end */
static bool command(int ctl, double *cpu)
{
	char c = 'e';

	if (read(ctl, &c, 1) == 1 && c == 'b') {
		*cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
		check(write(ctl, &c, 1) == 1, "write");
		return true;
	}

	*cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - *cpu;
	check(write(ctl, cpu, sizeof(*cpu)) == sizeof(*cpu), "write");

	return false;
}

struct sut {
	struct sp_loop *loop;
	int ctl;
	double cpu;
};

static void command_handler(int flags, void *arg)
{
	struct sut *sut = arg;
	(void)flags;

	if (!command(sut->ctl, &sut->cpu))
		sp_loop_stop(sut->loop);
}

static void relay_sut(struct plan *plan, int ctl)
{
	struct sp_ports *ports[2] = {NULL, NULL};
	struct sut sut = {.ctl = ctl};
	struct sa addr;

	sa_set_str(&addr, SUT_IP, 0);
	check(!sp_loop_alloc(&sut.loop, 4096), "loop");
	check(!sp_ports_alloc(&ports[0], &addr, 20000, 29999), "ports");
	ports[1] = ports[0];

	for (unsigned i = 0; i < plan->flows; i += 2) {
		struct sp_relay *r = NULL;

		check(!sp_relay_alloc(&r, sut.loop, ports, NULL, NULL) && !sp_relay_add(NULL, r),
		      "add");
		for (int side = 0; side < 2; side++) {
			struct flow *f = &plan->flow[i + (unsigned)side];
			const uint16_t port = sp_relay_port(r, 0, (enum sp_side)side);

			check(!sp_relay_remote(r, 0, (enum sp_side)side, &f->addr, &f->addr,
					       f->key),
			      "remote");
			check(write(ctl, &port, sizeof(port)) == sizeof(port), "write");
		}
	}

	check(!sp_loop_listen(sut.loop, ctl, FD_READ, command_handler, &sut), "listen");
	(void)sp_loop_run(sut.loop);
}

struct bare {
	int fd;
	struct bare *other;
	struct sa remote;
};

static void bare_forward(const struct bare *b)
{
	uint8_t buf[SP_RELAY_PACKET_MAX];

	for (int i = 0; i < SP_RELAY_BURST; i++) {
		struct sa src = {.len = sizeof(src.u)};
		ssize_t n = recvfrom(b->fd, buf, sizeof(buf), 0, &src.u.sa, &src.len);

		if (n < 0)
			break;
		(void)sendto(b->other->fd, buf, (size_t)n, 0, &b->other->remote.u.sa,
			     b->other->remote.len);
	}
}

/* The floor: as many sockets (RTP and RTCP), no cryptography, no relay. */
static void bare_sut(struct plan *plan, int ctl)
{
	static struct bare bare[4 * CALLS_MAX];
	struct epoll_event ev[64];
	const int ep = epoll_create1(0);
	bool on = true;
	double cpu = 0;

	for (unsigned i = 0; i < 2 * plan->flows; i++) {
		struct sa addr;

		bare[i].fd = socket_new(SUT_IP, &addr);
		bare[i].other = &bare[i ^ 1];
		ev[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &bare[i]};
		check(!epoll_ctl(ep, EPOLL_CTL_ADD, bare[i].fd, &ev[0]), "epoll_ctl");
		if (i < plan->flows) {
			const uint16_t port = sa_port(&addr);

			bare[i].remote = plan->flow[i].addr;
			check(write(ctl, &port, sizeof(port)) == sizeof(port), "write");
		}
	}

	ev[0] = (struct epoll_event){.events = EPOLLIN};
	check(!epoll_ctl(ep, EPOLL_CTL_ADD, ctl, &ev[0]), "epoll_ctl");
	while (on) {
		const int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				bare_forward(ev[i].data.ptr);
			else
				on = command(ctl, &cpu);
		}
	}
}

/* ---- the far ends ---- */

static void flow_send(struct flow *f, unsigned n, unsigned packets)
{
	while (n-- && f->sent < packets) {
		(void)sendto(f->fd, f->packets[f->sent], WIRE, 0, &f->to.u.sa, f->to.len);
		f->sent++;
	}
}

/* Take what came to the far end of flow i; it belongs to the opposite flow. */
static unsigned flow_recv(struct plan *plan, unsigned i)
{
	static uint8_t buf[2 * WINDOW][WIRE];
	struct mmsghdr msg[2 * WINDOW];
	struct iovec iov[2 * WINDOW];
	int n;

	memset(msg, 0, sizeof(msg));
	for (int k = 0; k < 2 * WINDOW; k++) {
		iov[k] = (struct iovec){buf[k], WIRE};
		msg[k].msg_hdr.msg_iov = &iov[k];
		msg[k].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(plan->flow[i].fd, msg, 2 * WINDOW, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	plan->flow[i ^ 1].received += (unsigned)n;

	return (unsigned)n;
}

/* Keep WINDOW packets under way per flow until all are through, or stuck. */
static void flat_out(struct plan *plan, int ep)
{
	struct epoll_event ev[64];
	int n;

	for (unsigned i = 0; i < plan->flows; i++)
		flow_send(&plan->flow[i], WINDOW, plan->packets);

	while ((n = epoll_wait(ep, ev, 64, STALL_MS)) > 0) {
		bool through = true;

		for (int k = 0; k < n; k++) {
			const unsigned i = ev[k].data.u32;

			flow_send(&plan->flow[i ^ 1], flow_recv(plan, i), plan->packets);
		}
		for (unsigned i = 0; i < plan->flows && through; i++)
			through = plan->flow[i].received >= plan->packets;
		if (through)
			return;
	}
}

/* Flow after flow, each packet at its own time, spread evenly. */
static void paced(struct plan *plan, int ep)
{
	const double start = clock_us(CLOCK_MONOTONIC);
	const unsigned total = plan->flows * plan->packets;
	struct epoll_event ev[64];

	for (unsigned k = 0; k < total; k++) {
		const double wait = start + k * (double)PACE_US - clock_us(CLOCK_MONOTONIC);

		if (wait > 0)
			nanosleep(&(struct timespec){.tv_nsec = (long)(wait * 1e3)}, NULL);
		flow_send(&plan->flow[k % plan->flows], 1, plan->packets);
		if (k % 32 == 0) {
			for (int n = epoll_wait(ep, ev, 64, 0); n-- > 0;)
				(void)flow_recv(plan, ev[n].data.u32);
		}
	}

	for (int n; (n = epoll_wait(ep, ev, 64, STALL_MS)) > 0;) {
		while (n-- > 0)
			(void)flow_recv(plan, ev[n].data.u32);
	}
}

typedef void(sut_h)(struct plan *plan, int ctl);
typedef void(traffic_h)(struct plan *plan, int ep);

static void run(struct plan *plan, sut_h *sut, traffic_h *traffic, struct result *best)
{
	unsigned received = 0;
	const int ep = epoll_create1(0);
	double cpu, wall;
	char begun;
	int ctl[2];
	pid_t pid;

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ctl), "socketpair");
	pid = fork();
	if (!pid) {
		(void)close(ctl[0]);
		sut(plan, ctl[1]);
		_exit(0);
	}
	check(pid > 0, "fork");
	(void)close(ctl[1]);

	for (unsigned i = 0; i < plan->flows; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
		struct flow *f = &plan->flow[i];
		uint16_t port;

		check(recv(ctl[0], &port, sizeof(port), MSG_WAITALL) == sizeof(port), "port");
		sa_set_str(&f->to, SUT_IP, port);
		f->sent = f->received = 0;
		check(!epoll_ctl(ep, EPOLL_CTL_ADD, f->fd, &ev), "epoll_ctl");
	}

	check(write(ctl[0], "b", 1) == 1 && recv(ctl[0], &begun, 1, MSG_WAITALL) == 1, "b");
	wall = clock_us(CLOCK_MONOTONIC);
	traffic(plan, ep);
	wall = clock_us(CLOCK_MONOTONIC) - wall;
	check(write(ctl[0], "e", 1) == 1 &&
		      recv(ctl[0], &cpu, sizeof(cpu), MSG_WAITALL) == sizeof(cpu),
	      "e");

	for (unsigned i = 0; i < plan->flows; i++)
		received += plan->flow[i].received;
	check(received, "nothing came back");
	best->cpu_us = min(best->cpu_us, cpu / received);
	best->pps = max(best->pps, received * 1e6 / wall);
	best->lost += plan->flows * plan->packets - received;

	(void)close(ctl[0]);
	(void)close(ep);
	(void)waitpid(pid, NULL, 0);
}

static void print(const char *of, const struct result *relay, const struct result *floor)
{
	printf("relay_%scpu_us %.2f us\n", of, relay->cpu_us);
	printf("floor_%scpu_us %.2f us\n", of, floor->cpu_us);
	printf("relay_%scpu_vs_floor %.2f ratio\n", of, relay->cpu_us / floor->cpu_us);
	printf("relay_%slost %.0f packets\n", of, relay->lost);
}

int main(void)
{
	struct result relay = {.cpu_us = 1e9}, floor = relay;
	struct result relay_paced = relay, floor_paced = relay;
	struct plan *plan;

	check(!sp_media_init(), "media");

	plan = plan_new(20, 4000);
	for (int i = 0; i < ROUNDS; i++) {
		run(plan, bare_sut, flat_out, &floor);
		run(plan, relay_sut, flat_out, &relay);
	}
	plan_free(plan);

	plan = plan_new(CALLS_MAX, 100);
	for (int i = 0; i < PACED_ROUNDS; i++) {
		run(plan, bare_sut, paced, &floor_paced);
		run(plan, relay_sut, paced, &relay_paced);
	}
	plan_free(plan);

	printf("relay_pps %.0f packets/s\n", relay.pps);
	printf("floor_pps %.0f packets/s\n", floor.pps);
	print("", &relay, &floor);
	print("100calls_", &relay_paced, &floor_paced);
	sp_media_close();

	return 0;
}
