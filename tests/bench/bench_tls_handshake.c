/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Full mutual handshakes (P-256, TLS 1.3) one after the other, both ends in
 * this process: processor time per pair, a 2 KB echo, and what a connection
 * that idles holds. Certificates come from certs/make-certs:
 *
 *   certs/make-certs /tmp/pki && bench_tls_handshake /tmp/pki
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sallyport/tls_listen.h"

enum { PAIRS = 400, ECHOES = 20000, MESSAGE = 2048 };

struct bench {
	struct sp_loop *loop;
	struct sp_tls_listener *l;
	struct sp_tls_context *client;
	struct sp_tls_conn *near[PAIRS], *far[PAIRS];
	unsigned accepted, up;
	unsigned echoes;
	size_t got;
};

static uint8_t message[MESSAGE];

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_tls_handshake: %s\n", what);
	exit(1);
}

static void problem(const char *path, const char *text, const char *mend, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s: %s (%s)\n", path, text, mend);
}

static void on_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	(void)c;
	(void)err;
	(void)arg;
	die(why);
}

static void echo(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	(void)arg;
	(void)sp_tls_send(c, p, n);
}

static void echoed(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct bench *b = arg;
	(void)p;

	b->got += n;
	if (b->got < MESSAGE)
		return;
	b->got = 0;
	if (++b->echoes == ECHOES)
		sp_loop_stop(b->loop);
	else
		(void)sp_tls_send(c, message, sizeof(message));
}

static void dial(struct bench *b);

static void next(struct bench *b)
{
	if (b->up != b->accepted)
		return;
	if (b->up == PAIRS)
		sp_loop_stop(b->loop);
	else
		dial(b);
}

static void on_up(struct sp_tls_conn *c, void *arg)
{
	struct bench *b = arg;
	(void)c;

	++b->up;
	next(b);
}

static void on_accept(struct sp_tls_conn *c, void *arg)
{
	static const struct sp_tls_handlers h = {NULL, echo, on_down};
	struct bench *b = arg;

	sp_tls_handle(c, &h, b);
	b->near[b->accepted++] = c;
	next(b);
}

static void dial(struct bench *b)
{
	static const struct sp_tls_handlers h = {on_up, echoed, on_down};

	if (sp_tls_connect(&b->far[b->up], b->loop, b->client, sp_tls_listener_laddr(b->l),
			   "core.gateway.example", &h, b))
		die("cannot connect");
}

static struct sp_tls_peer *peer(const char *trunk, const char *identity, const char *ca)
{
	const struct sp_tls_peer_conf conf = {
		.trunk = trunk, .identityv = &identity, .identityc = 1, .ca = ca};
	struct sp_tls_peer *p;

	if (sp_tls_peer_alloc(&p, &conf, problem, NULL))
		exit(1);
	return p;
}

static void start(struct bench *b, const char *dir)
{
	char gw_crt[256], gw_key[256], crt[256], key[256], ca[256];
	struct sp_tls_context *server;
	struct sp_tls_peer *carrier, *gateway;
	struct sa laddr;

	snprintf(gw_crt, sizeof(gw_crt), "%s/gateway-core.crt", dir);
	snprintf(gw_key, sizeof(gw_key), "%s/gateway-core.key", dir);
	snprintf(crt, sizeof(crt), "%s/carrier.crt", dir);
	snprintf(key, sizeof(key), "%s/carrier.key", dir);
	snprintf(ca, sizeof(ca), "%s/carrier-ca.crt", dir);
	carrier = peer("carrier", "carrier.example", ca);
	gateway = peer("gateway", "core.gateway.example", ca);

	if (sp_tls_server_alloc(&server, gw_crt, gw_key, &carrier, 1, problem, NULL) ||
	    sp_tls_client_alloc(&b->client, crt, key, gateway, problem, NULL) ||
	    sa_set_str(&laddr, "127.0.0.1", 0) ||
	    sp_tls_listen(&b->l, b->loop, server, &laddr,
			  &(struct sp_tls_listen_conf){.handshakes = 64}, on_accept, b))
		exit(1);
	mem_deref(server);
	mem_deref(carrier);
	mem_deref(gateway);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct mallinfo2 before;
	double t;

	if (argc != 2)
		die("usage: bench_tls_handshake FOLDER_OF_MAKE_CERTS");
	if (sp_loop_alloc(&b.loop, 4096))
		die("no loop");
	start(&b, argv[1]);

	before = mallinfo2();
	t = cpu_us();
	dial(&b);
	(void)sp_loop_run(b.loop);
	printf("tls_handshake_pair_cpu %.0f us\n", (cpu_us() - t) / (double)PAIRS);
	printf("tls_idle_connection %zu bytes\n",
	       (mallinfo2().uordblks - before.uordblks) / (2 * PAIRS));

	t = cpu_us();
	(void)sp_tls_send(b.far[0], message, sizeof(message));
	(void)sp_loop_run(b.loop);
	printf("tls_echo_2k_cpu %.1f us\n", (cpu_us() - t) / (double)ECHOES);

	for (unsigned i = 0; i < PAIRS; ++i) {
		mem_deref(b.far[i]);
		mem_deref(b.near[i]);
	}
	mem_deref(b.l);
	mem_deref(b.client);
	mem_deref(b.loop);
	return 0;
}
