/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A peer may send anything to the layer. Input is cut at bytes 0xff; each piece
 * goes to one of two connections of different owners, with an INVITE of ours
 * under way that the peer may answer ("@@" stands for its branch), and time
 * passes between the pieces. Whatever came, the tables must drain.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/sip_transaction.h"

enum { PIECE_MAX = 4096, INPUT_MAX = 16384, BRANCH_MAX = 64 };

static void log_nothing(enum sp_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

/* Notes the branch of our INVITE; fails now and then. */
static int sendh(const uint8_t *p, size_t n, void *arg)
{
	const uint8_t *b = memmem(p, n, "branch=", 7), *end;
	char *branch = arg;

	if (n > 6 && !memcmp(p, "INVITE", 6) && b) {
		b += 7;
		end = memchr(b, '\r', n - (size_t)(b - p));
		if (end && end - b < BRANCH_MAX) {
			memcpy(branch, b, (size_t)(end - b));
			branch[end - b] = '\0';
		}
	}

	return n % 7 ? 0 : EPIPE;
}

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)arg;

	if (req->cseq % 3)
		(void)sp_sip_reply_status(st, (uint16_t)(100 + req->cseq % 600), NULL);
	else if (req->method == SP_SIP_INVITE)
		(void)sp_sip_reply_status(st, 486, NULL);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)ack;
	(void)arg;
	sp_sip_conn_gone(c);
}

static void on_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	(void)arg;

	if (!err && !rsp)
		abort();
}

static void call(struct sp_sip *sip, struct sp_sip_conn *c)
{
	static const char lines[] = "From: <sip:a@b.example>;tag=1\r\nTo: <sip:c@d.example>\r\n"
				    "Call-ID: c\r\nCSeq: 1 INVITE\r\n";
	struct mbuf mb = {.buf = (uint8_t *)(uintptr_t)lines, .end = sizeof(lines) - 1};
	const struct sp_sip_request req = {
		.method = SP_SIP_INVITE, .uri = "sip:c@d.example", .headers = &mb};
	struct sp_sip_ctrans *ct = NULL;

	if (!sp_sip_request(&ct, sip, c, &req, on_response, NULL))
		(void)sp_sip_cancel(ct, NULL);
	mem_deref(ct);
}

static void piece(struct sp_sip_conn *c, const char *branch, const uint8_t *p, size_t n)
{
	uint8_t out[PIECE_MAX];
	const char *why;
	size_t len = 0;

	for (size_t i = 0; i < n && len + BRANCH_MAX < sizeof(out); i++) {
		if (p[i] == '@' && i + 1 < n && p[i + 1] == '@') {
			memcpy(out + len, branch, strlen(branch));
			len += strlen(branch);
			++i;
		} else {
			out[len++] = p[i];
		}
	}

	(void)sp_sip_conn_input(c, out, len, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_sip_handlers h = {.request = on_request, .ack = on_ack};
	struct sp_sip_conn *c[2] = {NULL, NULL};
	const uint8_t *end = data + size;
	struct sp_loop *loop = NULL;
	char branch[BRANCH_MAX] = "";
	struct sp_sip *sip = NULL;

	if (size > INPUT_MAX)
		return 0;

	sp_log_setup(SP_LOG_ERROR, false);
	sp_log_sink(log_nothing, NULL);
	if (sp_loop_alloc_fake(&loop, 0) || sp_sip_alloc(&sip, loop, &h, NULL) ||
	    sp_sip_conn_alloc(&c[0], sip, "gw.example", &c[0], sendh, branch) ||
	    sp_sip_conn_alloc(&c[1], sip, "gw.example", &c[1], sendh, branch))
		abort();

	call(sip, c[0]);
	for (unsigned i = 0; data < end; i++) {
		const uint8_t *cut = memchr(data, 0xff, (size_t)(end - data));
		const size_t n = cut ? (size_t)(cut - data) : (size_t)(end - data);

		piece(c[i % 3 == 2], branch, data, n);
		sp_loop_advance(loop, n % 1000);
		data += n + (cut ? 1 : 0);
	}

	/* INVITEs that the user only rang for, or were not answered, go with the layer */
	sp_loop_advance(loop, 400000);
	sip = mem_deref(sip);
	sp_loop_turn(loop);
	if (sp_loop_timers(loop))
		abort();

	mem_deref(c[0]);
	mem_deref(c[1]);
	mem_deref(loop);

	return 0;
}
