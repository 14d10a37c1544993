/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The far ends of the relay benchmark's calls: their sockets, keys, and turns.
 *
 * They share a few sockets, as the calls of a carrier share its media gateways'
 * addresses, so that one system call sends or receives many packets: the load must not
 * be the slowest part.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <openssl/rand.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "relay_bench.h"

double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static int far_socket(const char *ip)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int size = 4 << 20;

	inet_pton(AF_INET, ip, &sin.sin_addr);
	check(fd >= 0 && !bind(fd, (struct sockaddr *)&sin, sizeof(sin)) &&
		      !setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
	      "socket");

	return fd;
}

/* The numbers below n in an order of chance: neighbours in time are none in memory. */
static unsigned *shuffled(unsigned n)
{
	unsigned *v = calloc(n, sizeof(*v));

	check(v, "calloc");
	for (unsigned i = 0; i < n; i++) {
		const unsigned j = (unsigned)rand() % (i + 1);

		v[i] = v[j];
		v[j] = i;
	}

	return v;
}

/* BLOCK packets of one side, then as many of the other. */
static void turns(struct plan *plan)
{
	const unsigned calls = plan->ends / 2;
	unsigned *order[2] = {shuffled(calls), shuffled(calls)};
	unsigned place = 0;

	for (unsigned from = 0; from < calls; from += BLOCK) {
		for (unsigned side = 0; side < 2; side++) {
			for (unsigned i = from; i < from + BLOCK && i < calls; i++) {
				const unsigned end = 2 * order[side][i] + side;

				plan->turn[place] = end;
				plan->place[end] = place;
				plan->socket[place] =
					plan->fd[side * SOCKETS + from / BLOCK % SOCKETS];
				place++;
			}
		}
	}
	free(order[0]);
	free(order[1]);
}

struct plan *plan_new(unsigned calls)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	check(plan && calls <= CALLS_MAX, "plan");
	plan->ends = 2 * calls;
	plan->end = calloc(plan->ends, sizeof(*plan->end));
	plan->turn = calloc(plan->ends, sizeof(*plan->turn));
	plan->place = calloc(plan->ends, sizeof(*plan->place));
	plan->socket = calloc(plan->ends, sizeof(*plan->socket));
	check(plan->end && plan->turn && plan->place && plan->socket, "plan");
	for (int i = 0; i < 2 * SOCKETS; i++)
		plan->fd[i] = far_socket(i < SOCKETS ? FAR_IP_A : FAR_IP_B);
	turns(plan);

	for (unsigned i = 0; i < plan->ends; i++) {
		struct end *end = &plan->end[i];
		socklen_t len = sizeof(end->addr);

		check(RAND_bytes(end->key, KEY) == 1 &&
			      !getsockname(plan->socket[plan->place[i]],
					   (struct sockaddr *)&end->addr, &len),
		      "end");
	}

	return plan;
}

void plan_free(struct plan *plan)
{
	for (int i = 0; i < 2 * SOCKETS; i++)
		(void)close(plan->fd[i]);
	free(plan->end);
	free(plan->turn);
	free(plan->place);
	free(plan->socket);
	free(plan);
}

/*
 * Whoever shares the core makes queues, and queues make packets cheap. Priorities hold
 * within a session (sched(7), autogroup), so take one of our own. Without the right to
 * that, it is the best of the rounds that has to do.
 */
void load_enter(void)
{
	cpu_set_t set;
	pid_t pid = 0;
	FILE *f;

	CPU_ZERO(&set);
	CPU_SET(LOAD_CPU, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "two cores are needed");

	if (getpid() == getpgrp()) { /* cannot leave the session */
		pid = fork();
		if (pid > 0) {
			int status = 0;

			(void)waitpid(pid, &status, 0);
			exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
		}
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no terminal ends a session of its own */
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, -20);
	f = fopen("/proc/self/autogroup", "we");
	if (f && fputs("-20", f) >= 0)
		(void)fclose(f);
}
