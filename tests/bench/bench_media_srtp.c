/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Nanoseconds of CPU per SRTP operation on 160 octets of payload: Debian's
 * libsrtp2 as it comes ("stock"), and ours.
 *
 * With as many sessions as 400 calls have, and a packet for each in turn, as a
 * gateway does it: stock's NSS makes a context for each packet, and what that
 * costs grows with the number of sessions; ours has caches that are as cold.
 * And with one session each, which is what a benchmark of libsrtp2 shows.
 *
 * Keys are random. The best of several rounds counts: what disturbs only adds.
 * And the memory of a key: told and not used yet, with RTP of one SSRC, with
 * RTCP too, and of each SSRC more.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sallyport/base_util.h"
#include "sallyport/media_srtp.h"
#include "../unit/srtp_stock.h"

enum {
	PAYLOAD = 160,
	HEADER = 12,
	SLOT = 512,     /* octets: what libsrtp may put behind a packet fits too */
	PAIRS = 800,    /* of one session in and one out: 400 calls have two each */
	PACKETS = 3200, /* of a round */
};

struct result {
	double protect, unprotect;
};

/* Both ends of one session, one kind of them. */
struct session {
	struct sp_srtp_in *in;
	struct sp_srtp_out *out;
	srtp_t stock_in, stock_out;
	uint16_t seq;
};

static uint8_t buf[PACKETS][SLOT];
static size_t len[PACKETS];
static struct sp_srtp_place place[PACKETS];
static struct session sessions[PAIRS];

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void packet_fill(int i, uint32_t ssrc, uint16_t seq)
{
	uint8_t *p = buf[i];

	memset(p, 0x55, HEADER + PAYLOAD);
	memcpy(p, "\x80\x08", 2);
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	for (int k = 0; k < 4; k++)
		p[8 + k] = (uint8_t)(ssrc >> (24 - 8 * k));
	len[i] = HEADER + PAYLOAD;
	place[i] = (struct sp_srtp_place){.ssrc = ssrc, .run = 1, .index = seq};
}

static int session_alloc(struct session *s, bool stock)
{
	struct sp_srtp_params params = {.mki_len = 0};

	memset(s, 0, sizeof(*s));
	sp_random(params.key, sizeof(params.key));
	if (stock) {
		s->stock_out = stock_new(params.key, true);
		s->stock_in = stock_new(params.key, false);
		return !s->stock_out || !s->stock_in;
	}

	return sp_srtp_out_alloc(&s->out, params.key, NULL) || sp_srtp_in_alloc(&s->in, &params);
}

static void session_free(struct session *s)
{
	mem_deref(s->in);
	mem_deref(s->out);
	if (s->stock_in)
		(void)srtp_dealloc(s->stock_in);
	if (s->stock_out)
		(void)srtp_dealloc(s->stock_out);
}

static int protect(struct session *s, int i)
{
	if (s->out)
		return sp_srtp_protect(s->out, buf[i], &len[i], false, &place[i]);

	return stock_protect(s->stock_out, buf[i], &len[i], false);
}

static int unprotect(struct session *s, int i)
{
	struct sp_srtp_place got;

	if (s->in)
		return sp_srtp_unprotect(s->in, buf[i], &len[i], false, 0, false, &got);

	return stock_unprotect(s->stock_in, buf[i], &len[i], false);
}

/* A packet for each session in turn through both operations; keeps the lowest of each. */
static int round_run(int n, struct result *best)
{
	double t0, t1, t2;
	int err = 0;

	for (int i = 0; i < PACKETS; i++)
		packet_fill(i, (uint32_t)(i % n), sessions[i % n].seq++);

	t0 = now_ns();
	for (int i = 0; i < PACKETS; i++)
		err |= protect(&sessions[i % n], i);
	t1 = now_ns();
	for (int i = 0; i < PACKETS; i++)
		err |= unprotect(&sessions[i % n], i);
	t2 = now_ns();

	best->protect = min(best->protect, (t1 - t0) / PACKETS);
	best->unprotect = min(best->unprotect, (t2 - t1) / PACKETS);

	return err;
}

static struct result measure(bool stock, int n, int rounds)
{
	struct result best = {1e12, 1e12};
	int err = 0;

	for (int i = 0; i < n && !err; i++)
		err = session_alloc(&sessions[i], stock);
	/* no sequence number wraps: that is another thing to measure */
	for (int i = 0; i < rounds && !err; i++)
		err = round_run(n, &best);
	for (int i = 0; i < n; i++)
		session_free(&sessions[i]);
	if (err) {
		(void)fprintf(stderr, "bench_media_srtp: error %d\n", err);
		exit(1);
	}

	return best;
}

/* Protect a packet of ours, unprotect it. */
static void pass(struct session *s, bool rtcp, uint32_t ssrc)
{
	packet_fill(0, ssrc, 1);
	if (rtcp) {
		memcpy(buf[0], "\x80\xc8\x00\x06", 4);
		memcpy(buf[0] + 4, buf[0] + 8, 4);
		len[0] = 28;
	}
	if (sp_srtp_protect(s->out, buf[0], &len[0], rtcp, &place[0]) ||
	    sp_srtp_unprotect(s->in, buf[0], &len[0], rtcp, 0, false, &place[0]))
		exit(1);
}

static double heap(void)
{
	return (double)mallinfo2().uordblks;
}

/* Octets of the heap that a key takes, as a mean of those in and those out. */
static void memory_print(void)
{
	enum { SSRCS = SP_SRTP_SSRC_MAX };
	double at[5];

	at[0] = heap();
	for (int i = 0; i < PAIRS; i++) {
		if (session_alloc(&sessions[i], false))
			exit(1);
	}
	at[1] = heap();
	for (int i = 0; i < PAIRS; i++)
		pass(&sessions[i], false, 1);
	at[2] = heap();
	for (int i = 0; i < PAIRS; i++)
		pass(&sessions[i], true, 1);
	at[3] = heap();
	for (int i = 0; i < PAIRS; i++) {
		for (uint32_t k = 2; k <= SSRCS; k++)
			pass(&sessions[i], false, k);
	}
	at[4] = heap();

	printf("srtp_key_idle_bytes %.0f bytes\n", (at[1] - at[0]) / (2 * PAIRS));
	printf("srtp_key_rtp_bytes %.0f bytes\n", (at[2] - at[0]) / (2 * PAIRS));
	printf("srtp_key_rtcp_bytes %.0f bytes\n", (at[3] - at[0]) / (2 * PAIRS));
	printf("srtp_ssrc_bytes %.0f bytes\n",
	       (at[4] - at[3]) / (2 * PAIRS) / (SSRCS - 2)); /* two had room before */
	for (int i = 0; i < PAIRS; i++)
		session_free(&sessions[i]);
}

static double sum(const struct result *r)
{
	return r->protect + r->unprotect;
}

int main(void)
{
	struct result stock, ours, stock1, ours1;

	if (srtp_init())
		return 1;

	stock = measure(true, PAIRS, 3);
	ours = measure(false, PAIRS, 150);
	stock1 = measure(true, 1, 10);
	ours1 = measure(false, 1, 20);

	printf("srtp_protect_ns %.0f ns\n", ours.protect);
	printf("srtp_unprotect_ns %.0f ns\n", ours.unprotect);
	printf("srtp_stock_protect_ns %.0f ns\n", stock.protect);
	printf("srtp_stock_unprotect_ns %.0f ns\n", stock.unprotect);
	printf("srtp_vs_stock %.4f ratio\n", sum(&ours) / sum(&stock));
	printf("srtp_1session_ns %.0f ns\n", sum(&ours1) / 2);
	printf("srtp_1session_vs_stock %.4f ratio\n", sum(&ours1) / sum(&stock1));
	memory_print();
	srtp_shutdown();

	return 0;
}
