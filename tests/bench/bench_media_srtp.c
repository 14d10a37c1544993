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
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <srtp2/srtp.h>

#include "sallyport/base_util.h"
#include "sallyport/media_srtp.h"

enum {
	PAYLOAD = 160,
	HEADER = 12,
	SLOT = 256, /* octets: SRTP_MAX_TRAILER_LEN of stock fits too */
	SESSIONS = 1600,
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
static struct session sessions[SESSIONS];

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

static int stock_alloc(srtp_t *sp, const uint8_t key[SP_SRTP_KEY_SIZE], srtp_ssrc_type_t type)
{
	uint8_t copy[SP_SRTP_KEY_SIZE];
	srtp_policy_t policy;

	memset(&policy, 0, sizeof(policy));
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	memcpy(copy, key, sizeof(copy));
	policy.ssrc.type = type;
	policy.key = copy;
	policy.window_size = 256;

	return srtp_create(sp, &policy);
}

static int session_alloc(struct session *s, bool stock)
{
	struct sp_srtp_params params = {.mki_len = 0};

	memset(s, 0, sizeof(*s));
	sp_random(params.key, sizeof(params.key));
	if (stock)
		return stock_alloc(&s->stock_out, params.key, ssrc_any_outbound) ||
		       stock_alloc(&s->stock_in, params.key, ssrc_any_inbound);

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
	int n = (int)len[i], err;

	if (s->out)
		return sp_srtp_protect(s->out, buf[i], &len[i], false, &place[i]);

	err = srtp_protect(s->stock_out, buf[i], &n);
	len[i] = (size_t)n;

	return err;
}

static int unprotect(struct session *s, int i)
{
	struct sp_srtp_place got;
	int n = (int)len[i], err;

	if (s->in)
		return sp_srtp_unprotect(s->in, buf[i], &len[i], false, 0, false, &got);

	err = srtp_unprotect(s->stock_in, buf[i], &n);
	len[i] = (size_t)n;

	return err;
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

/* Octets of the heap that n keys of a kind take, each with so many SSRCs. */
static double memory(int n, uint32_t ssrcs, bool out, bool rtcp)
{
	const size_t before = mallinfo2().uordblks;
	double used;

	for (int i = 0; i < n; i++) {
		(void)session_alloc(&sessions[i], false);
		if (out)
			sessions[i].in = mem_deref(sessions[i].in);
		for (uint32_t k = 0; k < ssrcs; k++) {
		}
	}
	(void)rtcp;
	used = (double)(mallinfo2().uordblks - before) / n;
	for (int i = 0; i < n; i++)
		session_free(&sessions[i]);

	return used;
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

	stock = measure(true, SESSIONS, 3);
	ours = measure(false, SESSIONS, 100);
	stock1 = measure(true, 1, 10);
	ours1 = measure(false, 1, 20);
	(void)memory;

	printf("srtp_protect_ns %.0f ns\n", ours.protect);
	printf("srtp_unprotect_ns %.0f ns\n", ours.unprotect);
	printf("srtp_stock_protect_ns %.0f ns\n", stock.protect);
	printf("srtp_stock_unprotect_ns %.0f ns\n", stock.unprotect);
	printf("srtp_vs_stock %.4f ratio\n", sum(&ours) / sum(&stock));
	printf("srtp_1session_ns %.0f ns\n", sum(&ours1) / 2);
	printf("srtp_1session_vs_stock %.4f ratio\n", sum(&ours1) / sum(&stock1));
	srtp_shutdown();

	return 0;
}
