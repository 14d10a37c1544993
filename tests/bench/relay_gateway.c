/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A system under test for the relay benchmark: the whole gateway, whose calls are set up over
 * mutual TLS by relay_gateway.py. Its process is a grandchild, and ends with that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/wait.h>

#include "relay_bench.h"

enum { LINE = 256 };

static void helper(int in, int out)
{
	char cpu[16];

	(void)snprintf(cpu, sizeof(cpu), "%d", SUT_CPU);
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	(void)execl("/usr/bin/python3", "python3", SP_SOURCE_DIR "/tests/bench/relay_gateway.py",
		    cpu, (char *)NULL);
	_exit(127);
}

static void hex(char *text, const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)sprintf(text + 2 * i, "%02x", v[i]);
}

static void end_write(FILE *f, const struct end *end)
{
	char ip[INET_ADDRSTRLEN], key[2 * KEY + 1];

	check(inet_ntop(AF_INET, &end->addr.sin_addr, ip, sizeof(ip)) != NULL, "inet_ntop");
	hex(key, end->key, KEY);
	check(fprintf(f, "%s %u %s\n", ip, ntohs(end->addr.sin_port), key) > 0, "write");
}

static void end_read(FILE *f, struct end *end)
{
	char line[LINE], ip[INET_ADDRSTRLEN], key[2 * KEY + 1];
	unsigned port = 0, byte = 0;

	check(fgets(line, sizeof(line), f) && sscanf(line, "%15s %u %60s", ip, &port, key) == 3 &&
		      strlen(key) == 2 * KEY && inet_pton(AF_INET, ip, &end->to.sin_addr) == 1,
	      "gateway");
	end->to.sin_family = AF_INET;
	end->to.sin_port = htons((uint16_t)port);
	end->tag = TAG_80;
	for (size_t i = 0; i < KEY; i++) {
		check(sscanf(key + 2 * i, "%2x", &byte) == 1, "key");
		end->sut_key[i] = (uint8_t)byte;
	}
}

static pid_t gateway_start(struct plan *plan)
{
	static FILE *to; /* when it ends, so does the helper */
	static pid_t pid;
	char line[LINE];
	int in[2], out[2];
	FILE *from;

	if (to) {
		(void)fclose(to);
		(void)waitpid(pid, NULL, 0);
	}
	check(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC), "pipe");
	pid = fork();
	if (!pid)
		helper(in[0], out[1]);
	check(pid > 0, "fork");
	(void)close(in[0]);
	(void)close(out[1]);
	to = fdopen(in[1], "w");
	from = fdopen(out[0], "r");
	check(to && from, "fdopen");

	for (unsigned i = 0; i < plan->ends; i++)
		end_write(to, &plan->end[i]);
	check(fputs("end\n", to) >= 0 && !fflush(to), "write");
	check(fgets(line, sizeof(line), from) != NULL, "the gateway does not start");
	for (unsigned i = 0; i < plan->ends; i++)
		end_read(from, &plan->end[i]);
	(void)fclose(from);

	return (pid_t)strtol(line, NULL, 10);
}

const struct sut sut_gateway = {"gateway", gateway_start};
