/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a transaction costs, parsing and writing included: OPTIONS answered at
 * once (server), OPTIONS sent and answered (client), on a fake clock, with
 * 50,000 INVITEs waiting in the tables.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/sip_transaction.h"

enum { ROUNDS = 100000, WAITING = 50000 };

static const char HEAD[] =
	"Max-Forwards: 70\r\nFrom: \"Al\" <sip:+441632960083@a.example>;tag=f\r\n"
	"To: <sip:+441632960084@b.example>%s\r\nCall-ID: call-%u\r\n"
	"CSeq: 1 %s\r\nContact: <sip:a.example:5061;transport=tls>\r\n";

struct bench {
	char out[2048];
	size_t n;
	unsigned answered;
};

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int sendh(const uint8_t *p, size_t n, void *arg)
{
	struct bench *b = arg;

	b->n = n < sizeof(b->out) ? n : sizeof(b->out);
	memcpy(b->out, p, b->n);

	return 0;
}

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)arg;
	if (req->method == SP_SIP_OPTIONS)
		(void)sp_sip_reply_status(st, 200, NULL);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static void on_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct bench *b = arg;
	(void)rsp;

	b->answered += !err;
}

static void receive(struct sp_sip_conn *c, const char *method, unsigned i)
{
	char head[512], buf[1024];
	const char *why;
	int n;

	(void)re_snprintf(head, sizeof(head), HEAD, "", i, method);
	n = re_snprintf(
		buf, sizeof(buf),
		"%s sip:b.example SIP/2.0\r\nVia: SIP/2.0/TLS a.example;branch=z9hG4bK%s%u\r\n"
		"%sContent-Length: 0\r\n\r\n",
		method, method, i, head);
	if (sp_sip_conn_input(c, (uint8_t *)buf, (size_t)n, &why))
		(void)fprintf(stderr, "refused: %s\n", why);
}

/* Send OPTIONS, and turn what was sent round into its response. */
static void ask(struct sp_sip *sip, struct sp_sip_conn *c, struct bench *b, unsigned i)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct sp_sip_request req = {
		.method = SP_SIP_OPTIONS, .uri = "sip:b.example", .headers = mb};
	static const char status[] = "SIP/2.0 200 OK\r\n";
	char buf[2304];
	const char *via, *why;
	size_t n;

	(void)mbuf_printf(mb, HEAD, "", i, "OPTIONS");
	if (!sp_sip_request(NULL, sip, c, &req, on_response, b) &&
	    (via = memmem(b->out, b->n, "Via:", 4))) {
		n = b->n - (size_t)(via - b->out);
		memcpy(buf, status, sizeof(status) - 1);
		memcpy(buf + sizeof(status) - 1, via, n);
		(void)sp_sip_conn_input(c, (uint8_t *)buf, n + sizeof(status) - 1, &why);
	}
	mem_deref(mb);
}

int main(void)
{
	static const struct sp_sip_handlers h = {.request = on_request, .ack = on_ack};
	static struct bench b;
	struct sp_loop *loop = NULL;
	struct sp_sip *sip = NULL;
	struct sp_sip_conn *c = NULL;
	double start;
	int err;

	sp_log_setup(SP_LOG_ERROR, false);
	err = sp_loop_alloc_fake(&loop, 0);
	if (!err)
		err = sp_sip_alloc(&sip, loop, &h, &b);
	if (!err)
		err = sp_sip_conn_alloc(&c, sip, "gw.example", &b, sendh, &b);
	if (err)
		return 1;

	for (unsigned i = 0; i < WAITING; i++)
		receive(c, "INVITE", i);

	start = now_us();
	for (unsigned i = 0; i < ROUNDS; i++) {
		receive(c, "OPTIONS", i);
		sp_loop_turn(loop);
	}
	printf("sip_server_transaction %.2f us\n", (now_us() - start) / (double)ROUNDS);

	start = now_us();
	for (unsigned i = 0; i < ROUNDS; i++) {
		ask(sip, c, &b, i);
		sp_loop_turn(loop);
	}
	printf("sip_client_transaction %.2f us\n", (now_us() - start) / (double)ROUNDS);
	printf("sip_client_answered %u of %u\n", b.answered, (unsigned)ROUNDS);

	mem_deref(sip);
	mem_deref(c);
	mem_deref(loop);

	return 0;
}
