/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Nanoseconds of CPU per SRTP operation on 160 octets of payload: libsrtp2 as
 * the distribution built it, then the same with our transforms. The best of
 * several rounds: what disturbs only ever adds.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <srtp2/srtp.h>

#include "sallyport/base_util.h"
#include "sallyport/media.h"

enum { PAYLOAD = 160, SLOT = 12 + PAYLOAD + SP_SRTP_ROOM, BATCH = 4096 };

struct result {
	double protect, unprotect;
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void packet_fill(uint8_t *p, uint16_t seq)
{
	memset(p, 0x55, 12 + PAYLOAD);
	memcpy(p, "\x80\x08", 2);
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	memcpy(p + 8, "ssrc", 4);
}

/* One batch through both operations; keeps the lowest of each. */
static int round_run(struct sp_srtp *out, struct sp_srtp *in, uint16_t *seq, struct result *best)
{
	static uint8_t buf[BATCH][SLOT];
	static size_t len[BATCH];
	double t0, t1, t2;
	int err = 0;

	for (int i = 0; i < BATCH; i++) {
		packet_fill(buf[i], (*seq)++);
		len[i] = 12 + PAYLOAD;
	}

	t0 = now_ns();
	for (int i = 0; i < BATCH; i++)
		err |= sp_srtp_protect(out, buf[i], &len[i], false);
	t1 = now_ns();
	for (int i = 0; i < BATCH; i++)
		err |= sp_srtp_unprotect(in, buf[i], &len[i], false);
	t2 = now_ns();

	best->protect = min(best->protect, (t1 - t0) / (double)BATCH);
	best->unprotect = min(best->unprotect, (t2 - t1) / (double)BATCH);

	return err ? EPROTO : 0;
}

static int measure(struct result *best, int rounds)
{
	uint8_t key[SP_SRTP_KEY_SIZE];
	struct sp_srtp *out = NULL, *in = NULL;
	uint16_t seq = 0;
	int err;

	best->protect = best->unprotect = 1e12;
	sp_random(key, sizeof(key));
	err = sp_srtp_alloc(&out, key, SP_SRTP_OUT);
	if (!err)
		err = sp_srtp_alloc(&in, key, SP_SRTP_IN);
	for (int i = 0; i < rounds && !err; i++)
		err = round_run(out, in, &seq, best);

	mem_deref(out);
	mem_deref(in);

	return err;
}

int main(void)
{
	struct result stock, ours;

	if (srtp_init() || measure(&stock, 10))
		return 1;
	srtp_shutdown();

	if (sp_media_init() || measure(&ours, 200))
		return 1;

	printf("srtp_stock_protect_ns %.0f ns\n", stock.protect);
	printf("srtp_stock_unprotect_ns %.0f ns\n", stock.unprotect);
	printf("srtp_protect_ns %.0f ns\n", ours.protect);
	printf("srtp_unprotect_ns %.0f ns\n", ours.unprotect);
	printf("srtp_vs_stock %.3f ratio\n",
	       (ours.protect + ours.unprotect) / (stock.protect + stock.unprotect));
	sp_media_close();

	return 0;
}
