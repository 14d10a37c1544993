/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP against libsrtp2, both ways: packets of random shape, lost, late, twice
 * and bent, over wraps of the sequence number.
 */
#include "unit/srtp_fixture.h"
#include "unit/srtp_stock.h"

enum {
	KEYS = 44,
	PACKETS = 5000, /* under each */
	SSRCS = 6,
	LATE = 48, /* packets on the way at a time */
};

/* A packet on its way, as it was and as libsrtp protected it. */
struct late {
	bool rtcp;
	size_t plain_len, len;
	uint8_t plain[BUF], buf[BUF];
};

struct world {
	struct sp_srtp_in *in;
	struct sp_srtp_out *out;
	srtp_t stock_in, stock_out;
	uint64_t index[SSRCS];
	struct late late[LATE];
};

/* What happened, so that the test shows that it tested. */
struct tally {
	unsigned ok, replayed, stale, refused, rtcp, extended;
	uint64_t highest;
};

static size_t random_rtp(uint8_t *p, uint32_t ssrc, uint16_t seq)
{
	const size_t payload = dice(8) ? 160 : dice(1300);
	const size_t csrcs = dice(4) ? 0 : dice(16);
	size_t n = ref_rtp(p, ssrc, seq, 0);

	sp_random(p + n, 4 * csrcs);
	p[0] = (uint8_t)(p[0] | csrcs);
	p[1] = (uint8_t)dice(256);
	n += 4 * csrcs;
	if (!dice(4)) {
		const uint8_t words = (uint8_t)dice(20);

		p[0] |= 0x10;
		sp_random(p + n, 4 + 4u * words);
		p[n + 2] = 0;
		p[n + 3] = words;
		n += 4 + 4u * words;
	}
	sp_random(p + n, payload);

	return n + payload;
}

static size_t random_rtcp(uint8_t *p, uint32_t ssrc)
{
	const size_t n = 8 + 4 * dice(dice(2) ? 12 : 300);

	sp_random(p, n);
	p[0] = (uint8_t)(0x80 | (p[0] & 0x3f));
	p[1] = (uint8_t)(200 + dice(5));
	ref_put32(p + 4, ssrc);

	return n;
}

/* Ours makes the same packet, or, of RTCP, one that libsrtp understands: its indexes begin
 * with 1, ours with 0. */
static void compare_protect(struct world *w, const struct late *l, uint32_t ssrc)
{
	const struct sp_srtp_place place = place_of(ssrc, 1, w->index[ssrc]);
	size_t n = l->plain_len;
	uint8_t ours[BUF];

	memcpy(ours, l->plain, n);
	assert_int_equal(sp_srtp_protect(w->out, ours, &n, l->rtcp, &place), 0);
	assert_int_equal(n, l->len);
	if (!l->rtcp)
		assert_memory_equal(ours, l->buf, n);
	else
		assert_int_equal(srtp_get32(ours + l->plain_len) + 1,
				 srtp_get32(l->buf + l->plain_len));
}

static void packet_send(struct world *w, struct late *l)
{
	const uint32_t ssrc = dice(SSRCS);

	l->rtcp = !dice(12);
	if (l->rtcp) {
		l->plain_len = random_rtcp(l->plain, ssrc);
	} else {
		w->index[ssrc] += dice(60) ? 1 : 1 + dice(32000);
		l->plain_len = random_rtp(l->plain, ssrc, (uint16_t)w->index[ssrc]);
	}
	l->len = l->plain_len;
	memcpy(l->buf, l->plain, l->len);
	assert_int_equal(stock_protect(w->stock_out, l->buf, &l->len, l->rtcp), 0);
	compare_protect(w, l, ssrc);
}

/* Both say the same of it. */
static void packet_arrive(struct world *w, const struct late *l, bool bent, struct tally *t)
{
	uint8_t ours[BUF], theirs[BUF];
	size_t n = l->len, stock_n = l->len;
	struct sp_srtp_place place;
	int err, stock_err;

	memcpy(ours, l->buf, n);
	if (bent)
		ours[dice((uint32_t)n)] ^= (uint8_t)(1 + dice(255));
	memcpy(theirs, ours, n);

	err = sp_srtp_unprotect(w->in, ours, &n, l->rtcp, 0, false, &place);
	stock_err = stock_unprotect(w->stock_in, theirs, &stock_n, l->rtcp);
	if (bent) { /* which of two things is wrong each may say as it likes */
		assert_true(err && stock_err);
		t->refused++;
		return;
	}

	assert_int_equal(err, stock_err);
	t->replayed += err == EALREADY;
	t->stale += err == ESTALE;
	if (err)
		return;

	assert_int_equal(n, l->plain_len);
	assert_memory_equal(ours, l->plain, n);
	assert_int_equal(n, stock_n);
	assert_memory_equal(ours, theirs, n);
	t->ok++;
	t->rtcp += l->rtcp;
	t->extended += !l->rtcp && ours[0] & 0x10;
	if (!l->rtcp)
		t->highest = max(t->highest, place.index);
}

static void world_run(struct world *w, struct tally *t)
{
	for (int i = 0; i < PACKETS; i++) {
		struct late *l = &w->late[dice(LATE)];

		if (l->len) {
			if (!dice(30))
				packet_arrive(w, l, true, t);
			if (dice(40)) /* else lost */
				packet_arrive(w, l, false, t);
			if (!dice(30))
				packet_arrive(w, l, false, t);
		}
		packet_send(w, l);
	}
}

static void test_differential(void **state)
{
	struct tally t = {.ok = 0};
	(void)state;

	for (int k = 0; k < KEYS; k++) {
		struct world *w = calloc(1, sizeof(*w));
		uint8_t key[SP_SRTP_KEY_SIZE];

		sp_random(key, sizeof(key));
		w->in = in_new(key);
		w->out = out_new(key, NULL);
		w->stock_in = stock_new(key, false);
		w->stock_out = stock_new(key, true);
		assert_true(w->stock_in && w->stock_out);
		for (int i = 0; i < SSRCS;
		     i++) /* what RFC 3550 begins with, or just before a wrap */
			w->index[i] = dice(2) ? dice(0x8000) : 0xffff - dice(50);
		world_run(w, &t);
		srtp_dealloc(w->stock_in);
		srtp_dealloc(w->stock_out);
		mem_deref(w->in);
		mem_deref(w->out);
		free(w);
	}

	assert_true(t.ok > 150000);
	assert_true(t.rtcp > 5000 && t.extended > 10000);
	assert_true(t.refused > 3000 && t.replayed > 3000 && t.stale > 1000);
	assert_true(t.highest >> 16 >= 3);
}

/* RTCP of ours, in order and not, at libsrtp. */
static void test_rtcp_to_stock(void **state)
{
	uint8_t key[SP_SRTP_KEY_SIZE], plain[64][BUF], wire[64][BUF];
	size_t plain_len[64], len[64];
	struct sp_srtp_out *out;
	srtp_t stock;
	(void)state;

	sp_random(key, sizeof(key));
	out = out_new(key, NULL);
	stock = stock_new(key, false);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 64; i++) {
			len[i] = plain_len[i] = random_rtcp(plain[i], 5);
			memcpy(wire[i], plain[i], len[i]);
			assert_int_equal(sp_srtp_protect(out, wire[i], &len[i], true, NULL), 0);
		}
		for (int i = 0; i < 64; i++) {
			const int k = i * 37 % 64;

			assert_int_equal(stock_unprotect(stock, wire[k], &len[k], true), 0);
			assert_int_equal(len[k], plain_len[k]);
			assert_memory_equal(wire[k], plain[k], len[k]);
		}
	}
	srtp_dealloc(stock);
	mem_deref(out);
}

static int setup(void **state)
{
	(void)state;

	return srtp_init() ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;

	return srtp_shutdown() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential),
		cmocka_unit_test(test_rtcp_to_stock),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
