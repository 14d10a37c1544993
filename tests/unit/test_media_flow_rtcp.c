/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What RTCP tells of the far end (RFC 3550 section 6.4): loss and jitter there, and how
 * long it takes to get there and back; and packets that are not what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "media_priv.h"

enum {
	SECOND = 1000000,
	START = 100 * SECOND,
	OURS = 0x11111111, /* what goes to the peer, from the other side */
	PEER = 0x22222222, /* the peer's own                             */
	SR = 200,
	RR = 201,
};

struct fix {
	struct media_flow f;     /* from the peer that is looked at */
	struct media_flow other; /* what goes to it                 */
	uint8_t buf[2048];
	size_t len;
};

static void rtp(struct media_flow *f, uint32_t run, uint32_t ssrc, uint8_t type)
{
	const struct sp_srtp_place place = {.ssrc = ssrc, .run = run, .index = 1, .first = true};
	const uint8_t p[12] = {0x80, type};

	media_flow_rtp(f, &place, p, sizeof(p), START);
}

static int setup(void **state)
{
	struct fix *x = calloc(1, sizeof(*x));

	if (x)
		rtp(&x->other, 1, OURS, 0);
	*state = x;

	return x ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);

	return 0;
}

static void put32(struct fix *x, uint32_t v)
{
	for (int i = 24; i >= 0; i -= 8)
		x->buf[x->len++] = (uint8_t)(v >> i);
}

/* Begin a packet of the compound, with so many words after its first. */
static void head(struct fix *x, unsigned count, uint32_t type, unsigned words)
{
	put32(x, 0x80000000 | (uint32_t)count << 24 | type << 16 | words);
}

static void sr(struct fix *x, uint32_t ssrc, unsigned blocks, uint64_t ntp)
{
	head(x, blocks, SR, 6 + 6 * blocks);
	put32(x, ssrc);
	put32(x, (uint32_t)(ntp >> 32));
	put32(x, (uint32_t)ntp);
	put32(x, 12345);
	put32(x, 100);
	put32(x, 16000);
}

static void rr(struct fix *x, uint32_t ssrc, unsigned blocks)
{
	head(x, blocks, RR, 1 + 6 * blocks);
	put32(x, ssrc);
}

struct block {
	uint32_t source;
	uint8_t fraction;
	int32_t lost;
	uint32_t jitter, lsr, dlsr;
};

static void block(struct fix *x, struct block b)
{
	put32(x, b.source);
	put32(x, (uint32_t)b.fraction << 24 | ((uint32_t)b.lost & 0xffffff));
	put32(x, 0xffff);
	put32(x, b.jitter);
	put32(x, b.lsr);
	put32(x, b.dlsr);
}

/* It comes, on a heap of its own size, so that nobody reads behind it. */
static void comes(struct fix *x, struct media_flow *from, struct media_flow *other,
		  uint64_t after_us)
{
	uint8_t *p = malloc(x->len ? x->len : 1);

	assert_non_null(p);
	memcpy(p, x->buf, x->len);
	media_flow_rtcp(from, other, p, x->len, START + after_us);
	free(p);
	x->len = 0;
}

static void from_peer(struct fix *x, uint64_t after_us)
{
	comes(x, &x->f, &x->other, after_us);
}

static void from_other(struct fix *x, uint64_t after_us)
{
	comes(x, &x->other, &x->f, after_us);
}

static struct sp_relay_flow sum(const struct fix *x)
{
	struct sp_relay_flow out;

	media_flow_sum(&x->f, &out);

	return out;
}

/* A receiver report with one block. */
static void reports(struct fix *x, uint32_t reporter, struct block b, uint64_t after_us)
{
	rr(x, reporter, 1);
	block(x, b);
	from_peer(x, after_us);
}

static void loss_and_jitter_there(void **state)
{
	struct fix *x = *state;

	rr(x, PEER, 0);
	from_peer(x, 0);
	assert_false(sum(x).far_told);
	assert_int_equal(sum(x).rtcp, 1);

	reports(x, PEER, (struct block){OURS, 64, 17, 80, 0, 0}, 5 * SECOND);
	assert_true(sum(x).far_told);
	assert_int_equal(sum(x).far_lost, 17);
	assert_int_equal(sum(x).far_lost_percent, 25);
	assert_int_equal(sum(x).far_jitter_us, 10000); /* 80 of 8 kHz */
	assert_int_equal(sum(x).rtt_us, 0);
	assert_int_equal(sum(x).first_ms, START / 1000);
	assert_int_equal(sum(x).last_ms, START / 1000 + 5000);

	/* cumulative */
	reports(x, PEER, (struct block){OURS, 255, 20, 80, 0, 0}, 10 * SECOND);
	assert_int_equal(sum(x).far_lost, 20);
	assert_int_equal(sum(x).far_lost_percent, 100);
	reports(x, PEER, (struct block){OURS, 1, 20, 80, 0, 0}, 15 * SECOND);
	assert_int_equal(sum(x).far_lost_percent, 0);
}

/* "the number of packets lost may be negative": duplicates */
static void less_than_nothing_is_lost(void **state)
{
	struct fix *x = *state;

	reports(x, PEER, (struct block){OURS, 0, -3, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 0);
	reports(x, PEER, (struct block){OURS, 0, 0x7fffff, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 0x7fffff);
	reports(x, PEER, (struct block){OURS, 0, -0x800000, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 0);
}

static void sources_and_reporters_count_on_their_own(void **state)
{
	struct fix *x = *state;

	rtp(&x->other, 2, OURS + 1, 0);
	reports(x, PEER, (struct block){OURS, 0, 5, 0, 0, 0}, 0);
	reports(x, PEER, (struct block){OURS + 1, 0, 7, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 12);

	/* back to the first one, as after hold; then somebody else answers for the peer */
	reports(x, PEER, (struct block){OURS, 0, 6, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 13);
	reports(x, PEER + 1, (struct block){OURS, 0, 1, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 14);

	/* however many: what they said last stays */
	for (uint32_t i = 2; i < 20; i++)
		reports(x, PEER + i, (struct block){OURS, 0, 1, 0, 0, 0}, 0);
	assert_int_equal(sum(x).far_lost, 14 + 18);
}

static void several_blocks(void **state)
{
	struct fix *x = *state;

	rtp(&x->other, 2, OURS + 1, 34);
	sr(x, PEER, 3, 1);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	block(x, (struct block){OURS + 9, 128, 1000, 5, 0, 0}); /* nobody we know */
	block(x, (struct block){OURS + 1, 32, 7, 900, 0, 0});
	from_peer(x, 0);

	assert_int_equal(sum(x).far_lost, 12);
	assert_int_equal(sum(x).far_lost_percent, 13);      /* 12.5 */
	assert_in_range(sum(x).far_jitter_us, 9999, 10000); /* 900 of 90 kHz */
}

static void of_somebody_else(void **state)
{
	struct fix *x = *state;

	reports(x, PEER, (struct block){OURS + 1, 64, 17, 80, 0, 0}, 0);
	reports(x, PEER, (struct block){PEER, 64, 17, 80, 0, 0}, 0);
	assert_false(sum(x).far_told);
	assert_int_equal(sum(x).far_lost, 0);
}

static void jitter_by_the_clock_of_what_goes_there(void **state)
{
	static const struct sp_relay_clock clock = {111, 48000};
	struct fix *x = *state;

	media_flow_clocks(&x->other, &clock, 1);
	rtp(&x->other, 1, OURS, 111);
	reports(x, PEER, (struct block){OURS, 0, 0, 480, 0, 0}, 0);
	assert_in_range(sum(x).far_jitter_us, 9999, 10000);

	/* back to 8 kHz, and more than can be told */
	rtp(&x->other, 1, OURS, 0);
	reports(x, PEER, (struct block){OURS, 0, 0, UINT32_MAX, 0, 0}, 0);
	assert_int_equal(sum(x).far_jitter_us, UINT32_MAX);
}

/* ---- round trip ---- */

/* RFC 3550 section 6.4.1, figure 2 */
static void the_example_of_the_rfc(void **state)
{
	struct fix *x = *state;

	sr(x, OURS, 0, 0xb44db70520000000);
	from_other(x, 0);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 0xb7052000, 0x00054000},
		11375000); /* b710:8000 - b705:2000 */

	assert_int_equal(sum(x).rtt_us, 6125000);
	assert_int_equal(sum(x).rtt_max_us, 6125000);
	assert_int_equal(x->other.sum.rtt_us, 0);
}

static void the_latest_and_the_longest(void **state)
{
	struct fix *x = *state;

	for (uint32_t i = 1; i <= 3; i++) {
		sr(x, OURS, 0, (uint64_t)i << 32);
		from_other(x, i * 5 * SECOND);
	}
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 1 << 16, 0x8000}, 5 * SECOND + 700000);
	assert_int_equal(sum(x).rtt_us, 200000);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 3 << 16, 0}, 15 * SECOND + 50000);
	assert_int_equal(sum(x).rtt_us, 50000);
	assert_int_equal(sum(x).rtt_max_us, 200000);

	/* at once: known, and next to nothing */
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 3 << 16, 0}, 15 * SECOND);
	assert_int_equal(sum(x).rtt_us, 1);
}

static void what_cannot_be_is_no_round_trip(void **state)
{
	struct fix *x = *state;

	sr(x, OURS, 0, (uint64_t)7 << 16);
	from_other(x, 0);

	/* held for longer than it was away; one that nobody sent; of another; none at all */
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 7, 0x10000}, SECOND - 1);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 7, UINT32_MAX}, SECOND);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 8, 0}, SECOND);
	rtp(&x->other, 2, OURS + 1, 0);
	reports(x, PEER, (struct block){OURS + 1, 0, 0, 0, 7, 0}, SECOND);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 0, 0}, SECOND);
	assert_true(sum(x).far_told);
	assert_int_equal(sum(x).rtt_us, 0);

	reports(x, PEER, (struct block){OURS, 0, 0, 0, 7, 0x10000}, SECOND);
	assert_int_equal(sum(x).rtt_us, 1);
}

/* A clock that is not set sends 0: nothing to be told by (RFC 3550 6.4.1, LSR) */
static void a_sender_without_a_clock(void **state)
{
	struct fix *x = *state;

	sr(x, OURS, 0, 0);
	from_other(x, 0);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 0, 0}, SECOND);
	assert_int_equal(sum(x).rtt_us, 0);
}

static void reports_are_forgotten(void **state)
{
	struct fix *x = *state;

	for (uint32_t i = 1; i <= FLOW_REPORTS + 1; i++) {
		sr(x, OURS, 0, (uint64_t)i << 16);
		from_other(x, i * SECOND);
	}
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 1, 0}, 10 * SECOND);
	assert_int_equal(sum(x).rtt_us, 0);
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 2, 0}, 10 * SECOND);
	assert_int_equal(sum(x).rtt_us, 8 * SECOND);
}

static void a_time_repeated(void **state)
{
	struct fix *x = *state;

	for (int i = 0; i < 2; i++) {
		sr(x, OURS, 0, (uint64_t)9 << 16);
		from_other(x, (uint64_t)i * SECOND);
	}
	reports(x, PEER, (struct block){OURS, 0, 0, 0, 9, 0}, SECOND + 3000);
	assert_int_equal(sum(x).rtt_us, 3000);
}

/* Both in one packet, and both ways: each has its own. */
static void both_ways(void **state)
{
	struct fix *x = *state;

	rtp(&x->f, 1, PEER, 0);
	sr(x, OURS, 0, (uint64_t)5 << 16);
	from_other(x, 0);

	sr(x, PEER, 1, (uint64_t)6 << 16);
	block(x, (struct block){OURS, 0, 1, 0, 5, 0});
	from_peer(x, 30000);

	sr(x, OURS, 1, (uint64_t)7 << 16);
	block(x, (struct block){PEER, 0, 2, 0, 6, 0});
	from_other(x, 70000);

	assert_int_equal(sum(x).rtt_us, 30000);
	assert_int_equal(sum(x).far_lost, 1);
	assert_int_equal(x->other.sum.rtt_us, 40000);
}

/* ---- compound packets, RFC 3550 6.1 and A.2 ---- */

static void others_are_stepped_over(void **state)
{
	struct fix *x = *state;

	head(x, 1, 202, 3); /* SDES */
	for (int i = 0; i < 3; i++)
		put32(x, 0);
	head(x, 0, 205, 0); /* a mere header */
	head(x, 1, 203, 1); /* BYE */
	put32(x, PEER);
	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 4, 0, 0, 0});
	from_peer(x, 0);

	assert_int_equal(sum(x).far_lost, 4);
}

/* Words beyond the blocks are a profile's own (RFC 3550 6.4.3). */
static void extensions_of_a_profile(void **state)
{
	struct fix *x = *state;

	head(x, 1, RR, 1 + 6 + 2);
	put32(x, PEER);
	block(x, (struct block){OURS, 0, 4, 0, 0, 0});
	put32(x, UINT32_MAX);
	put32(x, UINT32_MAX);
	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 6, 0, 0, 0});
	from_peer(x, 0);

	assert_int_equal(sum(x).far_lost, 6);
}

/* Whatever is cut off, at whatever place: nothing is read that is not there, and what was
 * whole before it counts. */
static void cut_off(void **state)
{
	struct fix *x = *state;
	size_t whole;

	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 4, 0, 0, 0});
	whole = x->len;
	sr(x, PEER, 2, (uint64_t)3 << 16);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	block(x, (struct block){OURS, 0, 6, 0, 0, 0});

	for (size_t all = x->len, n = 0; n <= all; n++) {

		const uint64_t want = n == all ? 6 : n >= whole ? 4 : 0;

		memset(&x->f, 0, sizeof(x->f));
		x->len = n;
		from_peer(x, 0);
		assert_int_equal(sum(x).far_lost, want);
		assert_int_equal(x->other.reports, n == all);
	}
}

static void lengths_and_counts_that_lie(void **state)
{
	struct fix *x = *state;

	/* more blocks than there is room for in this packet, though not in the compound */
	head(x, 2, RR, 1 + 6);
	put32(x, PEER);
	block(x, (struct block){OURS, 0, 4, 0, 0, 0});
	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	from_peer(x, 0);

	/* a sender report without the sender's part */
	head(x, 0, SR, 1);
	put32(x, PEER);
	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	from_peer(x, 0);

	/* the longest length that there is */
	head(x, 31, RR, 0xffff);
	put32(x, PEER);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	from_peer(x, 0);

	/* another version, and behind it */
	rr(x, PEER, 1);
	block(x, (struct block){OURS, 0, 5, 0, 0, 0});
	x->buf[0] = 0x41;
	from_peer(x, 0);

	assert_false(sum(x).far_told);
	assert_int_equal(x->other.reports, 0);
	assert_int_equal(sum(x).rtcp, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(loss_and_jitter_there),
		TEST(less_than_nothing_is_lost),
		TEST(sources_and_reporters_count_on_their_own),
		TEST(several_blocks),
		TEST(of_somebody_else),
		TEST(jitter_by_the_clock_of_what_goes_there),
		TEST(the_example_of_the_rfc),
		TEST(the_latest_and_the_longest),
		TEST(what_cannot_be_is_no_round_trip),
		TEST(a_sender_without_a_clock),
		TEST(reports_are_forgotten),
		TEST(a_time_repeated),
		TEST(both_ways),
		TEST(others_are_stepped_over),
		TEST(extensions_of_a_profile),
		TEST(cut_off),
		TEST(lengths_and_counts_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
