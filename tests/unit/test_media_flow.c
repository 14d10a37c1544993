/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Measurement of RTP: values worked out by hand, and random traffic against the
 * algorithms of RFC 3550 appendices A.1, A.3 and A.8 written down once more. What RTCP
 * tells is in test_media_flow_rtcp.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "media_priv.h"

enum {
	START = 1000000, /* us */
	MS = 1000,
	WIRE = 182,
	SSRC = 0x01020304,
};

/* What the packets are like until something else is said. */
struct fix {
	struct media_flow f;
	struct sp_srtp_place place;
	uint8_t type;
	bool marker;
};

static int setup(void **state)
{
	struct fix *x = calloc(1, sizeof(*x));

	x->place = (struct sp_srtp_place){.ssrc = SSRC, .run = 1, .first = true};
	*state = x;

	return x ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);

	return 0;
}

/* A packet comes, so long after the start. */
static void comes(struct fix *x, uint64_t index, uint32_t stamp, uint64_t after_us)
{
	uint8_t p[12] = {0x80, (uint8_t)(x->type | (x->marker ? 0x80 : 0))};

	for (int i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(stamp >> (24 - 8 * i));

	x->place.index = index;
	media_flow_rtp(&x->f, &x->place, p, WIRE, START + after_us);
	x->place.first = false;
	x->place.late = false;
}

/* The usual one: 20 ms of 8 kHz each, on time. */
static void on_time(struct fix *x, uint64_t index)
{
	comes(x, index, (uint32_t)index * 160, index * 20 * MS);
}

static void late(struct fix *x, uint64_t index)
{
	x->place.late = true;
	on_time(x, index);
}

static void another_run(struct fix *x, uint32_t run, uint32_t ssrc)
{
	x->place = (struct sp_srtp_place){.ssrc = ssrc, .run = run, .first = true};
}

static struct sp_relay_flow sum(const struct fix *x)
{
	struct sp_relay_flow out;

	media_flow_sum(&x->f, &out);

	return out;
}

static void nothing_yet(void **state)
{
	struct fix *x = *state;
	const struct sp_relay_flow zero = {0};
	const struct sp_relay_flow got = sum(x);

	assert_memory_equal(&got, &zero, sizeof(zero));
}

static void what_is_counted(void **state)
{
	struct fix *x = *state;

	on_time(x, 0);
	on_time(x, 1);
	comes(x, 2, 2 * 160, 57 * MS);

	assert_int_equal(sum(x).rtp, 3);
	assert_int_equal(sum(x).rtp_bytes, 3 * WIRE);
	assert_int_equal(sum(x).ssrcs, 1);
	assert_int_equal(sum(x).ssrc, SSRC);
	assert_int_equal(sum(x).first_ms, 1000);
	assert_int_equal(sum(x).last_ms, 1057);
	assert_int_equal(sum(x).gap_ms, 37);
}

/* ---- loss, RFC 3550 A.3 ---- */

static void loss_is_what_is_missing_in_between(void **state)
{
	struct fix *x = *state;

	on_time(x, 100);
	on_time(x, 101);
	assert_int_equal(sum(x).lost, 0);
	on_time(x, 104);
	assert_int_equal(sum(x).lost, 2);
	on_time(x, 105);
	assert_int_equal(sum(x).lost, 2);
}

static void late_ones_fill_their_hole(void **state)
{
	struct fix *x = *state;

	on_time(x, 100);
	on_time(x, 103);
	late(x, 102);
	assert_int_equal(sum(x).lost, 1);
	late(x, 101);
	assert_int_equal(sum(x).lost, 0);
	assert_int_equal(sum(x).late, 2);
}

/* The first to come was not the first that was sent: A.3 alone would count -1 lost. */
static void before_the_first(void **state)
{
	struct fix *x = *state;

	on_time(x, 100);
	late(x, 98);
	assert_int_equal(sum(x).lost, 1);
	late(x, 99);
	assert_int_equal(sum(x).lost, 0);
	on_time(x, 102);
	assert_int_equal(sum(x).lost, 1);
}

static void numbers_wrap(void **state)
{
	struct fix *x = *state;

	on_time(x, 65534);
	on_time(x, 65537);
	assert_int_equal(sum(x).lost, 2);
	late(x, 65535);
	late(x, 65536);
	assert_int_equal(sum(x).lost, 0);
}

static void what_a_run_lost_stays_lost(void **state)
{
	struct fix *x = *state;

	on_time(x, 10);
	on_time(x, 13);

	another_run(x, 2, 0xabcd);
	on_time(x, 40000);
	assert_int_equal(sum(x).lost, 2);
	assert_int_equal(sum(x).ssrcs, 2);
	assert_int_equal(sum(x).ssrc, 0xabcd);
	on_time(x, 40002);
	assert_int_equal(sum(x).lost, 3);
}

/* Audio comes back to its first SSRC after hold; pictures come in several at once. */
static void runs_take_turns(void **state)
{
	struct fix *x = *state;

	for (uint32_t i = 0; i < 40; i++) {
		another_run(x, 1 + i % 4, 1000 + i % 4);
		x->place.first = i < 4;
		if (i / 4 != 3)
			on_time(x, 100 + i / 4);
	}

	assert_int_equal(sum(x).lost, 4);
	assert_int_equal(sum(x).ssrcs, 4);
	assert_int_equal(sum(x).jitter_max_us, 0);
}

static void more_runs_than_are_followed(void **state)
{
	struct fix *x = *state;

	for (uint32_t run = 1; run <= 9; run++) {
		another_run(x, run, run);
		on_time(x, 1);
		on_time(x, 3);
	}

	assert_int_equal(sum(x).lost, 9);
	assert_int_equal(sum(x).ssrcs, 9);

	/* forgotten, so it begins again; it is no new SSRC */
	another_run(x, 1, 1);
	x->place.first = false;
	on_time(x, 7);
	assert_int_equal(sum(x).lost, 9);
	assert_int_equal(sum(x).ssrcs, 9);
}

/* RFC 3550 A.1: MAX_DROPOUT */
static void a_leap_is_a_beginning(void **state)
{
	struct fix *x = *state;

	comes(x, 1, 0, 0);
	comes(x, 2, 160, 20 * MS);
	comes(x, 2 + FLOW_JUMP, 320, 40 * MS);
	assert_int_equal(sum(x).lost, FLOW_JUMP - 1);

	comes(x, 20000, 480, 60 * MS);
	comes(x, 20002, 640, 80 * MS);
	assert_int_equal(sum(x).lost, FLOW_JUMP);
	assert_int_equal(sum(x).ssrcs, 1);

	/* from before the leap: whether anything between is lost is not known */
	x->place.late = true;
	comes(x, 2 + FLOW_JUMP - 1, 800, 100 * MS);
	assert_int_equal(sum(x).lost, FLOW_JUMP);
	assert_int_equal(sum(x).late, 1);
}

static void a_long_outage_is_a_loss(void **state)
{
	struct fix *x = *state;

	on_time(x, 1);
	on_time(x, 5002);
	assert_int_equal(sum(x).lost, 5000);
	assert_int_equal(sum(x).gap_ms, 100020);
}

/* ---- jitter, RFC 3550 A.8 ---- */

static void jitter_by_hand(void **state)
{
	struct fix *x = *state;

	comes(x, 1, 160, 0);
	comes(x, 2, 320, 20 * MS);
	assert_int_equal(sum(x).jitter_us, 0);

	comes(x, 3, 480, 45 * MS); /* 5 ms late: 16 J = 5000 */
	assert_int_equal(sum(x).jitter_us, 312);

	comes(x, 4, 640, 60 * MS); /* 5 ms earlier: 5000 + 5000 - 313 = 9687 */
	assert_int_equal(sum(x).jitter_us, 605);

	comes(x, 5, 800, 80 * MS); /* 9687 - 605 = 9082 */
	assert_int_equal(sum(x).jitter_us, 567);
	assert_int_equal(sum(x).jitter_max_us, 605);
}

/* In the order in which they come, not that of their numbers. */
static void jitter_of_late_ones(void **state)
{
	struct fix *x = *state;

	comes(x, 1, 160, 0);
	comes(x, 3, 480, 40 * MS);
	x->place.late = true;
	comes(x, 2, 320, 41 * MS); /* |1 - -20| = 21 ms */
	assert_int_equal(sum(x).jitter_us, 21 * MS / 16);
}

static void stamps_wrap(void **state)
{
	struct fix *x = *state;

	comes(x, 1, UINT32_MAX - 79, 0);
	comes(x, 2, 80, 36 * MS); /* 160 later */
	assert_int_equal(sum(x).jitter_us, 1 * MS);
}

/* One second of a clock in one second gives no jitter; a wrong one would. */
static void clock_is(struct fix *x, uint8_t type, uint32_t hz)
{
	static uint32_t run = 100;

	memset(&x->f.runv, 0, sizeof(x->f.runv));
	another_run(x, run++, SSRC);
	x->type = type;
	comes(x, 1, 0, 0);
	comes(x, 2, hz / 2, 500 * MS);
	assert_in_range(sum(x).jitter_us, 0, 2);
	assert_int_equal(x->f.runv[0].tick, ((uint64_t)1000000 << 20) / hz);
}

/* RFC 3551 section 6 */
static void clocks_of_static_types(void **state)
{
	static const struct sp_relay_clock v[] = {
		{0, 8000},   {3, 8000},   {6, 16000},  {8, 8000},   {9, 8000},   {10, 44100},
		{11, 44100}, {13, 8000},  {14, 90000}, {15, 8000},  {16, 11025}, {17, 22050},
		{18, 8000},  {26, 90000}, {31, 90000}, {34, 90000}, {96, 8000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		clock_is(*state, v[i].type, v[i].hz);
}

static void clocks_of_rtpmap(void **state)
{
	static const struct sp_relay_clock v[] = {
		{96, 48000}, {0, 16000}, {97, 0}, {98, 1}, {99, UINT32_MAX}, {100, 1000},
	};
	struct fix *x = *state;

	media_flow_clocks(&x->f, v, ARRAY_SIZE(v));
	clock_is(x, 96, 48000);
	clock_is(x, 0, 16000);
	clock_is(x, 97, 8000);
	clock_is(x, 98, 8000);
	clock_is(x, 99, 8000);
	clock_is(x, 100, 1000);
	clock_is(x, 101, 8000);
}

static void clocks_change_under_way(void **state)
{
	static const struct sp_relay_clock v[SP_RELAY_CLOCKS_MAX + 1] = {{96, 16000}};
	struct fix *x = *state;

	x->type = 96;
	comes(x, 1, 0, 0);
	comes(x, 2, 160, 20 * MS);
	media_flow_clocks(&x->f, v, 1);
	comes(x, 3, 480, 40 * MS);
	assert_int_equal(sum(x).jitter_max_us, 0);

	media_flow_clocks(&x->f, v, ARRAY_SIZE(v)); /* too many */
	assert_in_range(x->f.clockc, 1, SP_RELAY_CLOCKS_MAX);
}

/* RFC 4733 section 2.5: all packets of an event have one timestamp, its last is sent
 * three times, and audio goes on at its own time. */
static void events_are_no_jitter(void **state)
{
	struct fix *x = *state;
	uint64_t i = 0;

	for (; i < 5; i++)
		on_time(x, i);

	x->type = 101;
	x->marker = true;
	for (; i < 15; i++) {
		comes(x, i, 5 * 160, i * 20 * MS);
		x->marker = false;
	}

	x->type = 0;
	for (; i < 20; i++)
		on_time(x, i);

	/* and in the middle of audio that goes on */
	for (; i < 40; i++) {
		x->type = i % 2 ? 101 : 0;
		comes(x, i, (i % 2 ? 20 : (uint32_t)i) * 160, i * 20 * MS);
	}

	assert_int_equal(sum(x).jitter_max_us, 0);
	assert_int_equal(sum(x).lost, 0);
}

/* RFC 3389: another payload type, then silence; RFC 3550 5.1: the clock goes on */
static void silence_is_no_jitter(void **state)
{
	struct fix *x = *state;

	on_time(x, 1);
	on_time(x, 2);
	x->type = 13;
	on_time(x, 3);
	x->type = 0;
	x->marker = true;
	comes(x, 4, 500 * 160, 500 * 20 * MS);
	x->marker = false;
	comes(x, 5, 501 * 160, 501 * 20 * MS);
	assert_int_equal(sum(x).jitter_max_us, 0);

	/* without a packet of comfort noise, the clock right */
	x->marker = true;
	comes(x, 6, 900 * 160, 900 * 20 * MS);
	assert_int_equal(sum(x).jitter_max_us, 0);

	/* and wrong: it stood still for 10 s */
	comes(x, 7, 901 * 160, 1400 * 20 * MS);
	comes(x, 8, 902 * 160, 1401 * 20 * MS);
	assert_int_equal(sum(x).jitter_max_us, 0);
	assert_int_equal(sum(x).lost, 0);
}

/* The same SSRC goes on with other timestamps, forward and back, once each. */
static void stamps_begin_anew(void **state)
{
	struct fix *x = *state;

	comes(x, 1, 0, 0);
	comes(x, 2, 0x40000000, 20 * MS);
	comes(x, 3, 0x40000000 + 160, 40 * MS);
	comes(x, 4, 7, 60 * MS);
	comes(x, 5, 7 + 160, 80 * MS);
	assert_int_equal(sum(x).jitter_max_us, 0);

	/* all but a second is still taken for jitter */
	comes(x, 6, 7 + 320, 100 * MS + FLOW_JUMP_US);
	assert_int_equal(sum(x).jitter_us, FLOW_JUMP_US / 16);
	comes(x, 7, 7 + 480, 120 * MS + 2 * FLOW_JUMP_US + 1);
	assert_int_equal(sum(x).jitter_us, FLOW_JUMP_US / 16);
}

/* A picture of several packets, sent one after the other. */
static void pictures(void **state)
{
	struct fix *x = *state;
	uint64_t index = 0;

	x->type = 34;
	for (uint32_t frame = 0; frame < 5; frame++) {
		for (uint32_t i = 0; i < 4; i++)
			comes(x, index++, frame * 3600, frame * 40 * MS + i * 3 * MS);
	}

	assert_int_equal(sum(x).jitter_max_us, 0);
}

/* ---- the same by the RFC's own words, with random traffic ---- */

struct model {
	bool begun;
	uint16_t max_seq, base_seq;
	uint32_t cycles, received;
	double transit, jitter;
};

/* A.1 without probation: nothing here leaps; A.8 */
static void model_packet(struct model *m, uint16_t seq, uint32_t stamp, double now_us, uint32_t hz)
{
	const double transit = now_us - (double)stamp * 1000000.0 / hz;

	if (!m->begun) {
		m->begun = true;
		m->max_seq = m->base_seq = seq;
	} else {
		const uint16_t udelta = (uint16_t)(seq - m->max_seq);
		double d = transit - m->transit;

		if (udelta < 3000) {
			if (seq < m->max_seq)
				m->cycles += 65536;
			m->max_seq = seq;
		}
		d = d < 0 ? -d : d;
		m->jitter += (d - m->jitter) / 16;
	}

	m->received++;
	m->transit = transit;
}

/* A.3 */
static uint32_t model_lost(const struct model *m)
{
	return m->begun ? m->cycles + m->max_seq - m->base_seq + 1 - m->received : 0;
}

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;

	return (uint32_t)(*seed >> 33) % n;
}

enum { SENT = 3000 };

struct packet {
	uint64_t at_us;
	uint32_t n;
};

static int by_time(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;

	return x->n < y->n ? -1 : x->n > y->n;
}

/* @return how many come, in the order in which they do: the first before all others */
static size_t random_traffic(struct packet *v, uint64_t *seed)
{
	const uint32_t lossy = random_below(seed, 200), delay = 1 + random_below(seed, 90 * MS);
	size_t n = 0;

	for (uint32_t i = 0; i < SENT; i++) {
		if (i && random_below(seed, 1000) < lossy)
			continue;
		v[n++] = (struct packet){i * 20 * MS + (i ? random_below(seed, delay) : 0), i};
	}
	qsort(v, n, sizeof(*v), by_time);

	return n;
}

static uint64_t random_run(struct fix *x, uint32_t run, uint64_t *seed)
{
	static const uint32_t hzv[] = {8000, 16000, 48000, 90000};
	static struct packet v[SENT];
	const uint32_t hz = hzv[random_below(seed, 4)];
	const struct sp_relay_clock clock = {96, hz};
	const uint64_t base = random_below(seed, 200000);
	const size_t n = random_traffic(v, seed);
	struct model m = {0};
	uint64_t top = 0;

	media_flow_clocks(&x->f, &clock, 1);
	another_run(x, run, run);

	for (size_t i = 0; i < n; i++) {

		const uint64_t index = base + v[i].n;

		x->place.late = index < top;
		top = max(top, index);
		comes(x, index, v[i].n * (hz / 50), v[i].at_us);
		model_packet(&m, (uint16_t)index, v[i].n * (hz / 50), (double)v[i].at_us, hz);

		/* what the whole numbers here drop stays below 16 of 1/16 us */
		assert_true(sum(x).jitter_us < m.jitter + 3 && sum(x).jitter_us + 3 > m.jitter);
	}

	return model_lost(&m);
}

static void random_like_the_rfc(void **state)
{
	uint64_t lost = 0;

	for (uint64_t seed = 1; seed < 40; seed++) {

		struct fix *x = *state;
		uint64_t s = seed;

		memset(&x->f, 0, sizeof(x->f));
		x->type = 96;
		lost = 0;
		for (uint32_t run = 1; run < 4; run++) {
			lost += random_run(x, run, &s);
			assert_int_equal(sum(x).lost, lost);
			assert_int_equal(sum(x).ssrcs, run);
		}
	}

	assert_true(lost > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_yet),
		TEST(what_is_counted),
		TEST(loss_is_what_is_missing_in_between),
		TEST(late_ones_fill_their_hole),
		TEST(before_the_first),
		TEST(numbers_wrap),
		TEST(what_a_run_lost_stays_lost),
		TEST(runs_take_turns),
		TEST(more_runs_than_are_followed),
		TEST(a_leap_is_a_beginning),
		TEST(a_long_outage_is_a_loss),
		TEST(jitter_by_hand),
		TEST(jitter_of_late_ones),
		TEST(stamps_wrap),
		TEST(clocks_of_static_types),
		TEST(clocks_of_rtpmap),
		TEST(clocks_change_under_way),
		TEST(events_are_no_jitter),
		TEST(silence_is_no_jitter),
		TEST(stamps_begin_anew),
		TEST(pictures),
		TEST(random_like_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
