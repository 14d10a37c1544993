/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The peer of the relay benchmark: Debian's rtpengine, in userspace, with one worker thread,
 * told of its calls by its own protocol (bencode over UDP).
 *
 * With one suite on both legs it hands the keys through and relays without verifying.
 * The answering leg takes AES_CM_128_HMAC_SHA1_32, so that it has keys of its own on each leg
 * and does what the gateway does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include "relay_bench.h"

enum { NG_PORT = 22222, MESSAGE_MAX = 8192, TRIES = 50, TRY_MS = 100 };

#define SUITE_80 "AES_CM_128_HMAC_SHA1_80"
#define SUITE_32 "AES_CM_128_HMAC_SHA1_32"

static void run(void)
{
	const int null = open("/dev/null", O_RDWR);
	char ng[64];

	sut_enter();
	(void)snprintf(ng, sizeof(ng), "--listen-ng=%s:%d", SUT_IP, NG_PORT);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	(void)execlp("rtpengine", "rtpengine", "--config-file=none", "--foreground", "--table=-1",
		     "--interface=" SUT_IP, ng, "--port-min=10000", "--port-max=59999",
		     "--num-threads=1", "--log-stderr", "--log-level=1", "--delete-delay=0",
		     (char *)NULL);
	_exit(127);
}

/* Ask and wait for the answer. @return its length, 0 when none came in time */
static size_t ask(int fd, const char *text, char *answer)
{
	static unsigned cookie;
	char message[MESSAGE_MAX], mark[32];
	const int m = snprintf(mark, sizeof(mark), "%u ", ++cookie);
	const int n = snprintf(message, sizeof(message), "%s%s", mark, text);
	ssize_t got;

	if (send(fd, message, (size_t)n, 0) != n)
		return 0;
	do {
		got = recv(fd, answer, MESSAGE_MAX - 1, 0);
		if (got < 0)
			return 0;
		answer[got] = '\0';
	} while (strncmp(answer, mark, (size_t)m) != 0);

	return (size_t)got;
}

/* A connected socket to the control port, when it answers. */
static int control(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(NG_PORT)};
	const struct timeval second = {1, 0};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char answer[MESSAGE_MAX];

	check(inet_pton(AF_INET, SUT_IP, &sin.sin_addr) == 1 && fd >= 0 &&
		      !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) &&
		      !connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	      "control socket");
	for (int i = 0; i < TRIES; i++) {
		if (ask(fd, "d7:command4:pinge", answer))
			return fd;
		(void)usleep(TRY_MS * 1000);
	}
	check(false, "rtpengine does not answer");

	return -1;
}

/* ---- session descriptions ---- */

static int sdp_of(char *sdp, size_t size, const struct end *end, unsigned tag, const char *suite)
{
	char inlined[64], ip[INET_ADDRSTRLEN];

	(void)EVP_EncodeBlock((uint8_t *)inlined, end->key, KEY);
	check(inet_ntop(AF_INET, &end->addr.sin_addr, ip, sizeof(ip)) != NULL, "inet_ntop");

	return snprintf(sdp, size,
			"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
			"m=audio %u RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
			"a=crypto:%u %s inline:%s\r\n",
			ip, ip, ntohs(end->addr.sin_port), tag, suite, inlined);
}

/* Where it wants a far end's packets, and under which key of this suite it sends. */
static unsigned understand(const char *answer, struct end *end, const char *suite)
{
	const char *m = strstr(answer, "m=audio "), *crypto;
	char line[64];
	uint8_t key[48];
	unsigned tag = 0;

	check(m != NULL, answer);
	end->to.sin_family = AF_INET;
	end->to.sin_port = htons((uint16_t)strtoul(m + 8, NULL, 10));
	check(inet_pton(AF_INET, SUT_IP, &end->to.sin_addr) == 1, "inet_pton");

	(void)snprintf(line, sizeof(line), " %s inline:", suite);
	crypto = strstr(m, line);
	check(crypto && EVP_DecodeBlock(key, (const uint8_t *)crypto + strlen(line), 40) == KEY,
	      "no key");
	memcpy(end->sut_key, key, KEY);
	while (crypto > m && crypto[-1] != ':')
		crypto--;
	tag = (unsigned)strtoul(crypto, NULL, 10);

	return tag;
}

static void call(int fd, struct end *a, struct end *b, unsigned number)
{
	char sdp[1024], text[2048], answer[MESSAGE_MAX];
	unsigned tag;
	int n;

	a->tag = TAG_80;
	b->tag = TAG_32;

	n = sdp_of(sdp, sizeof(sdp), a, 1, SUITE_80);
	(void)snprintf(text, sizeof(text),
		       "d7:call-id8:%08x7:command5:offer5:flagsl13:trust-addresse8:from-tag1:a"
		       "3:sdp%d:%s18:transport-protocol8:RTP/SAVPe",
		       number, n, sdp);
	check(ask(fd, text, answer) && strstr(answer, "6:result2:ok"), "offer");
	tag = understand(answer, b, SUITE_32);

	n = sdp_of(sdp, sizeof(sdp), b, tag, SUITE_32);
	(void)snprintf(text, sizeof(text),
		       "d7:call-id8:%08x7:command6:answer5:flagsl13:trust-addresse8:from-tag1:a"
		       "3:sdp%d:%s6:to-tag1:b18:transport-protocol8:RTP/SAVPe",
		       number, n, sdp);
	check(ask(fd, text, answer) && strstr(answer, "6:result2:ok"), "answer");
	(void)understand(answer, a, SUITE_80);
}

static pid_t rtpengine_start(struct plan *plan)
{
	const pid_t pid = fork();
	int fd;

	if (!pid)
		run();
	check(pid > 0, "fork");
	fd = control();
	for (unsigned i = 0; i < plan->ends; i += 2)
		call(fd, &plan->end[i], &plan->end[i + 1], i);
	(void)close(fd);

	return pid;
}

const struct sut sut_rtpengine = {"rtpengine", rtpengine_start};
