/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two systems under test for the relay benchmark, each a child process: the gateway's relay
 * on the gateway's loop; and the floor, a bare epoll loop that only receives and sends, on
 * as many sockets (RTP and RTCP on both sides of every call).
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sallyport/base_loop.h"
#include "sallyport/media.h"
#include "relay_bench.h"

/* What the child tells of each end. */
struct told {
	uint16_t port;
	uint8_t key[KEY];
};

void sut_enter(void)
{
	struct rlimit files;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(SUT_CPU, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	check(!prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
	check(!getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
	files.rlim_cur = files.rlim_max;
	check(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
}

void sut_stop(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

pid_t sut_child(struct plan *plan, sut_child_h *run, unsigned tag)
{
	struct told told;
	int ctl[2];
	pid_t pid;

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ctl), "socketpair");
	pid = fork();
	if (!pid) {
		(void)close(ctl[0]);
		sut_enter();
		run(plan, ctl[1]);
		_exit(0);
	}
	check(pid > 0, "fork");
	(void)close(ctl[1]);

	for (unsigned i = 0; i < plan->ends; i++) {
		struct end *end = &plan->end[i];

		check(recv(ctl[0], &told, sizeof(told), MSG_WAITALL) == sizeof(told), "child");
		end->to.sin_family = AF_INET;
		end->to.sin_port = htons(told.port);
		check(inet_pton(AF_INET, SUT_IP, &end->to.sin_addr) == 1, "inet_pton");
		memcpy(end->sut_key, told.key, KEY);
		end->tag = tag;
	}
	(void)close(ctl[0]);

	return pid;
}

void sut_tell(int ctl, uint16_t port, const uint8_t *key)
{
	struct told told = {.port = port};

	if (key)
		memcpy(told.key, key, KEY);
	check(write(ctl, &told, sizeof(told)) == sizeof(told), "write");
}

/* ---- the relay ---- */

struct sp_relay *sut_relay_new(struct sp_media *media, struct sp_ports *ports,
			       const struct end *ends)
{
	struct sp_ports *const both[2] = {ports, ports};
	struct sp_relay *r = NULL;

	check(!sp_relay_alloc(&r, media, both, NULL, NULL) && !sp_relay_add(NULL, r), "relay");
	for (unsigned side = 0; side < 2; side++) {
		struct sp_relay_remote remote = {.clockc = 0};
		struct sockaddr_in rtcp = ends[side].addr;

		rtcp.sin_port = htons((uint16_t)(ntohs(rtcp.sin_port) + 1));
		memcpy(remote.srtp.key, ends[side].key, KEY);
		check(!sa_set_sa(&remote.rtp, (const struct sockaddr *)&ends[side].addr) &&
			      !sa_set_sa(&remote.rtcp, (struct sockaddr *)&rtcp) &&
			      !sp_relay_remote(r, 0, (enum sp_side)side, &remote),
		      "remote");
	}

	return r;
}

void sut_relay_tell(int ctl, const struct sp_relay *r)
{
	for (int side = 0; side < 2; side++)
		sut_tell(ctl, sp_relay_port(r, 0, (enum sp_side)side),
			 sp_relay_key(r, 0, (enum sp_side)side));
}

void sut_relay_room(struct sp_loop **loop, struct sp_media **media, struct sp_ports **ports)
{
	struct rlimit files;
	struct sa addr;

	check(!getrlimit(RLIMIT_NOFILE, &files) && !sa_set_str(&addr, SUT_IP, 0) &&
		      !sp_loop_alloc(loop, (unsigned)files.rlim_cur) &&
		      !sp_media_alloc(media, *loop) && !sp_ports_alloc(ports, &addr, 10000, 59999),
	      "relay room");
}

static void relay_child(const struct plan *plan, int ctl)
{
	struct sp_ports *ports = NULL;
	struct sp_media *media = NULL;
	struct sp_loop *loop = NULL;

	sut_relay_room(&loop, &media, &ports);
	for (unsigned i = 0; i < plan->ends; i += 2)
		sut_relay_tell(ctl, sut_relay_new(media, ports, &plan->end[i]));
	(void)sp_loop_run(loop);
}

static pid_t relay_start(struct plan *plan)
{
	return sut_child(plan, relay_child, TAG_80);
}

/* ---- the floor ---- */

struct bare {
	int fd;
	const struct bare *other;
	struct sockaddr_in remote;
};

static void bare_open(struct bare *b, const struct bare *other, const struct sockaddr_in *remote,
		      int ep)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = b};
	struct sockaddr_in sin = {.sin_family = AF_INET};

	check(inet_pton(AF_INET, SUT_IP, &sin.sin_addr) == 1, "inet_pton");
	b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	b->other = other;
	b->remote = *remote;
	check(b->fd >= 0 && !bind(b->fd, (struct sockaddr *)&sin, sizeof(sin)) &&
		      !epoll_ctl(ep, EPOLL_CTL_ADD, b->fd, &ev),
	      "bare");
}

static uint16_t bare_port(const struct bare *b)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	check(!getsockname(b->fd, (struct sockaddr *)&sin, &len), "getsockname");

	return ntohs(sin.sin_port);
}

static void bare_forward(const struct bare *b)
{
	uint8_t buf[SP_RELAY_PACKET_MAX];

	for (int i = 0; i < SP_RELAY_BURST; i++) {
		struct sockaddr_in src;
		socklen_t len = sizeof(src);
		const ssize_t n =
			recvfrom(b->fd, buf, sizeof(buf), 0, (struct sockaddr *)&src, &len);

		if (n < 0)
			break;
		(void)sendto(b->other->fd, buf, (size_t)n, 0,
			     (const struct sockaddr *)&b->other->remote, sizeof(b->other->remote));
	}
}

static void floor_child(const struct plan *plan, int ctl)
{
	struct bare *rtp = calloc(plan->ends, sizeof(*rtp));
	struct bare *rtcp = calloc(plan->ends, sizeof(*rtcp));
	struct epoll_event ev[64];
	const int ep = epoll_create1(0);

	check(rtp && rtcp && ep >= 0, "floor");
	for (unsigned i = 0; i < plan->ends; i++) {
		bare_open(&rtp[i], &rtp[i ^ 1], &plan->end[i].addr, ep);
		bare_open(&rtcp[i], &rtcp[i ^ 1], &plan->end[i].addr, ep);
		sut_tell(ctl, bare_port(&rtp[i]), NULL);
	}
	for (;;) {
		const int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++)
			bare_forward(ev[i].data.ptr);
	}
}

static pid_t floor_start(struct plan *plan)
{
	return sut_child(plan, floor_child, 0);
}

const struct sut sut_relay = {"relay", relay_start};
const struct sut sut_floor = {"floor", floor_start};
