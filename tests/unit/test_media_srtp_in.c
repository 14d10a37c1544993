/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP that arrives: rollover counters and their search, replay windows, MKI,
 * lifetime, and that a packet without proof changes nothing and costs little.
 */
#include "unit/srtp_fixture.h"

enum { SSRC = 0x5a11, FLOOD = 5000 };

#define AT(roc, seq) ((uint64_t)(roc) << 16 | (seq))

struct fix {
	struct sp_srtp_in *in;
	struct ref ref;
	struct sp_srtp_place place;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	ref_init(&f->ref, b3_master);
	f->in = in_new(b3_master);
	*state = f;

	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	mem_deref(f->in);
	free(f);

	return 0;
}

static int try_at(struct fix *f, uint64_t index, uint32_t roc, bool search)
{
	return rtp_try(f->in, &f->ref, SSRC, index, roc, search, &f->place);
}

/* Begin anew with an SSRC that is known at index. */
static void known_at(struct fix *f, uint64_t index)
{
	mem_deref(f->in);
	f->in = in_new(b3_master);
	assert_int_equal(try_at(f, index, (uint32_t)(index >> 16), false), 0);
}

/* ---- replay (section 3.3.2) ---- */

static void test_replay(void **state)
{
	struct fix *f = *state;

	known_at(f, 1000);
	assert_true(f->place.first);
	assert_int_equal(try_at(f, 1000, 0, false), EALREADY);
	assert_int_equal(try_at(f, 1256, 0, false), 0);
	assert_false(f->place.first);
	assert_false(f->place.late);
	assert_int_equal(try_at(f, 1001, 0, false), 0); /* the window's last */
	assert_true(f->place.late);
	assert_int_equal(try_at(f, 1001, 0, false), EALREADY);
	assert_int_equal(try_at(f, 1000, 0, false), ESTALE);
	assert_int_equal(try_at(f, 999, 0, false), ESTALE);
	assert_int_equal(try_at(f, 1256 + 700, 0, false), 0); /* further than it is wide */
	assert_int_equal(try_at(f, 1256, 0, false), ESTALE);
	assert_int_equal(try_at(f, 1256 + 700 - 255, 0, false), 0);
}

/* The window against a plain list of what was seen, in random order and steps. */
static void test_window(void **state)
{
	static bool seen[100000];
	struct srtp_window w = {.high = 0};
	uint64_t high = 0;
	(void)state;

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 60000 && high < 99000; i++) {
		const uint64_t ahead = high + dice(dice(50) ? 5 : 700);
		const uint64_t back = dice(300);
		const uint64_t index = dice(2) || back > high ? ahead : high - back;
		enum srtp_seen want = seen[index] ? SRTP_SEEN : SRTP_NEW;

		if (index + SRTP_WINDOW <= high)
			want = SRTP_STALE;
		assert_int_equal(srtp_window_look(&w, index), want);
		if (want == SRTP_NEW) {
			srtp_window_set(&w, index);
			seen[index] = true;
			high = max(high, index);
		}
		assert_int_equal(w.high, high);
	}
	assert_true(high > 20000);
}

/* SRTCP (section 3.4). */
static void test_rtcp_replay(void **state)
{
	struct fix *f = *state;

	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 0, &f->place), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 0, &f->place), EALREADY);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 5000, &f->place), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 5000 - 127, &f->place), 0);
	assert_true(f->place.late);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 5000 - 256, &f->place), ESTALE);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 0x7fffffff, &f->place), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 1, &f->place), ESTALE); /* it never wraps */
}

/* ---- rollover counters (section 3.3.1, appendix A) ---- */

/* Wraps with loss and reordering around them. */
static void test_wrap(void **state)
{
	struct fix *f = *state;

	known_at(f, AT(0, 65534));
	assert_int_equal(try_at(f, AT(1, 1), 0, false), 0);
	assert_int_equal(try_at(f, AT(0, 65535), 0, false), 0); /* over the wrap, late */
	assert_true(f->place.late);
	assert_int_equal(try_at(f, AT(1, 0), 0, false), 0);
	assert_int_equal(try_at(f, AT(1, 1), 0, false), EALREADY);

	for (uint64_t i = AT(1, 2); i < AT(40, 0); i += 32767)
		assert_int_equal(try_at(f, i, 0, false), 0);
	assert_true(sp_srtp_in_roc(f->in, SSRC) >= 39);
}

/* Every guess is the one of RFC 3711's appendix A. */
static void test_guess(void **state)
{
	struct fix *f = *state;

	/* an SSRC below the middle: up to 2^15 more are ahead of it */
	known_at(f, AT(5, 100));
	assert_int_equal(try_at(f, AT(5, 100 + 32768), 0, false), 0);
	known_at(f, AT(5, 100));
	assert_int_equal(try_at(f, AT(5, 100 + 32769), 0, false), ESTALE); /* taken for 4's */
	assert_int_equal(try_at(f, AT(4, 65535), 0, false), 0);
	assert_int_equal(sp_srtp_in_roc(f->in, SSRC), 5);

	/* above it */
	known_at(f, AT(5, 40000));
	assert_int_equal(try_at(f, AT(6, 40000 - 32769), 0, false), 0);
	known_at(f, AT(5, 40000));
	assert_int_equal(try_at(f, AT(6, 40000 - 32768), 0, false), ESTALE);

	/* there is nothing before counter 0: far ahead is ahead */
	known_at(f, AT(0, 3));
	assert_int_equal(try_at(f, AT(0, 60000), 0, false), 0);
}

/* Who joins late finds the counter, if it is not further than the search looks. */
static void test_search_new(void **state)
{
	static const uint32_t found[] = {1, 5, 62, 63}, lost[] = {64, 65, 1000, UINT32_MAX};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
		mem_deref(f->in);
		f->in = in_new(b3_master);
		assert_int_equal(try_at(f, AT(found[i], 9), 0, false), EACCES);
		assert_int_equal(try_at(f, AT(found[i], 9), 0, true), 0);
		assert_int_equal(sp_srtp_in_roc(f->in, SSRC), found[i]);
		assert_int_equal(try_at(f, AT(found[i], 10), 0, false), 0);
		assert_int_equal(try_at(f, AT(0, 11), 0, true), EACCES); /* not back */
	}
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		mem_deref(f->in);
		f->in = in_new(b3_master);
		assert_int_equal(try_at(f, AT(lost[i], 9), 0, true), EACCES);
		assert_int_equal(f->in->rtp.tags, 1 + 63);
	}
}

/* What an earlier key says is tried after 0; a search goes on from there. */
static void test_hint(void **state)
{
	struct fix *f = *state;
	const struct {
		uint32_t is, hint;
		bool search;
		int err;
	} casev[] = {
		{0, 7, false, 0},
		{7, 7, false, 0},
		{6, 7, false, EACCES},
		{8, 7, false, EACCES},
		{8, 7, true, 0},
		{70, 7, true, 0},
		{71, 7, true, EACCES},
		{6, 7, true, 0}, /* from 0 on */
		{1000, 1000, false, 0},
		{1063, 1000, true, 0},
		{999, 1000, true, EACCES},
		{1064, 1000, true, EACCES},
		{63, 1000, true, 0},
		{64, 1000, true, EACCES},
		{UINT32_MAX, UINT32_MAX, false, 0},
		{UINT32_MAX, UINT32_MAX - 3, true, 0},
		{0, UINT32_MAX, true, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(casev); i++) {
		mem_deref(f->in);
		f->in = in_new(b3_master);
		assert_int_equal(try_at(f, AT(casev[i].is, 44), casev[i].hint, casev[i].search),
				 casev[i].err);
	}

	/* of an SSRC that is known it says nothing */
	known_at(f, AT(3, 0));
	assert_int_equal(try_at(f, AT(9, 1), 9, false), EACCES);
	assert_int_equal(try_at(f, AT(9, 1), 9, true), 0);
}

/* More than 2^15 packets lost: only a search finds that, and only ahead. */
static void test_search_known(void **state)
{
	struct fix *f = *state;

	known_at(f, AT(2, 100));
	assert_int_equal(try_at(f, AT(2, 40000), 0, false), ESTALE);
	assert_int_equal(try_at(f, AT(2, 40000), 0, true), 0);
	assert_int_equal(try_at(f, AT(2, 40001), 0, false), 0);

	known_at(f, AT(2, 100)); /* by one counter and more */
	assert_int_equal(try_at(f, AT(3, 200), 0, false), EACCES);
	assert_int_equal(try_at(f, AT(3, 200), 0, true), 0);
	assert_int_equal(try_at(f, AT(3 + 64, 300), 0, true), 0);
	assert_int_equal(try_at(f, AT(67 + 65, 400), 0, true), EACCES);
	assert_int_equal(sp_srtp_in_roc(f->in, SSRC), 67);

	/* what was before, but for the window, is never accepted */
	known_at(f, AT(20, 30000));
	for (uint32_t roc = 0; roc <= 20; roc++) {
		assert_int_not_equal(try_at(f, AT(roc, 29000), 0, true), 0);
		assert_int_not_equal(try_at(f, AT(roc, 29000), roc, true), 0);
		if (roc < 20)
			assert_int_not_equal(try_at(f, AT(roc, 30500), 0, true), 0);
	}
	assert_int_equal(try_at(f, AT(20, 30000), 0, true), EALREADY);
	assert_int_equal(try_at(f, AT(20, 30000 - 256), 0, true), ESTALE);
	assert_int_equal(try_at(f, AT(20, 30000 - 255), 0, true), 0);
}

/* Another row of indexes has another number, also under another key. */
static void test_runs(void **state)
{
	struct fix *f = *state;
	struct sp_srtp_in *other = in_new(b3_master);
	struct sp_srtp_place a, b, rtcp;

	assert_int_equal(rtp_try(f->in, &f->ref, 1, 0, 0, false, &a), 0);
	assert_int_equal(rtp_try(f->in, &f->ref, 2, 0, 0, false, &b), 0);
	assert_int_not_equal(a.run, b.run);
	assert_int_equal(rtcp_in(f->in, &f->ref, 1, 0, &rtcp), 0);
	assert_int_not_equal(rtcp.run, a.run);
	assert_int_not_equal(rtcp.run, b.run);
	assert_int_equal(rtp_try(f->in, &f->ref, 1, 1, 0, false, &b), 0);
	assert_int_equal(a.run, b.run);
	assert_false(b.first);
	assert_int_equal(rtp_try(other, &f->ref, 1, 2, 0, false, &b), 0);
	assert_true(b.first);
	assert_int_not_equal(a.run, b.run); /* but once in 2^32 */
	mem_deref(other);
}

/* ---- limits ---- */

static void test_lifetime(void **state)
{
	struct fix *f = *state;

	mem_deref(f->in);
	f->in = in_with(b3_master, 3, 0, 0);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(try_at(f, i, 0, false), 0);
		assert_int_equal(try_at(f, i, 0, false), EALREADY); /* does not count */
	}
	assert_int_equal(try_at(f, 3, 0, false), EKEYEXPIRED);
	assert_int_equal(rtp_in(f->in, &f->ref, SSRC + 1, 0), EKEYEXPIRED);
	assert_int_equal(f->in->rtp.table.n, 1);
	assert_int_equal(try_at(f, AT(9, 3), 0, false), EACCES); /* still told from nonsense */

	for (uint32_t i = 0; i < 3; i++) /* SRTCP has a count of its own */
		assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, i, &f->place), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 3, &f->place), EKEYEXPIRED);
}

/* Section 9.2: 2^48 packets of SRTP, 2^31 of SRTCP, whatever was signalled. */
static void test_most(void **state)
{
	struct fix *f = *state;

	mem_deref(f->in);
	f->in = in_with(b3_master, UINT64_MAX, 0, 0);
	assert_int_equal(f->in->rtp.most, UINT64_C(1) << 48);
	assert_int_equal(f->in->rtcp.most, UINT64_C(1) << 31);
	f->in->rtp.count = (UINT64_C(1) << 48) - 1;
	f->in->rtcp.count = (UINT64_C(1) << 31) - 1;
	assert_int_equal(try_at(f, 0, 0, false), 0);
	assert_int_equal(try_at(f, 1, 0, false), EKEYEXPIRED);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 0, &f->place), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 1, &f->place), EKEYEXPIRED);

	/* and the end of an SSRC's indexes: it does not begin again */
	known_at(f, AT(UINT32_MAX, 65535));
	assert_int_equal(try_at(f, AT(0, 0), 0, false), EKEYEXPIRED);
	assert_int_equal(try_at(f, AT(0, 0), 0, true), EKEYEXPIRED);
	assert_int_equal(try_at(f, AT(UINT32_MAX, 65534), 0, false), 0);
}

static void test_ssrc_bound(void **state)
{
	struct fix *f = *state;

	for (uint32_t i = 0; i < SP_SRTP_SSRC_MAX; i++) {
		assert_int_equal(rtp_in(f->in, &f->ref, 7 * i, 1), 0);
		assert_int_equal(rtcp_in(f->in, &f->ref, 7 * i, 1, &f->place), 0);
		assert_true(f->place.first);
		assert_int_equal(f->in->rtp.table.n, i + 1);
		assert_in_range(f->in->rtp.table.size, i + 1, 2 * i + 2);
		assert_int_equal(f->in->rtp.table.size & (f->in->rtp.table.size - 1), 0);
	}
	assert_int_equal(f->in->rtp.table.size, SP_SRTP_SSRC_MAX);
	assert_int_equal(rtp_in(f->in, &f->ref, 3, 1), EOVERFLOW);
	assert_int_equal(rtcp_in(f->in, &f->ref, 3, 1, &f->place), EOVERFLOW);
	assert_int_equal(rtp_in(f->in, &f->ref, 3, AT(1, 1)), EACCES);
	for (uint32_t i = 0; i < SP_SRTP_SSRC_MAX; i++) { /* the others go on */
		assert_int_equal(rtp_in(f->in, &f->ref, 7 * i, 1), EALREADY);
		assert_int_equal(rtp_in(f->in, &f->ref, 7 * i, 2), 0);
	}
}

/* ---- without proof ---- */

/* All that a packet could change, but for the count of tags. */
struct snapshot {
	struct sp_srtp_in in;
	struct srtp_in_row rows[2][4];
};

static void snapshot(struct snapshot *s, const struct sp_srtp_in *in)
{
	memset(s, 0, sizeof(*s));
	memcpy(&s->in, in, sizeof(*in));
	s->in.rtp.tags = s->in.rtcp.tags = 0;
	assert_true(in->rtp.table.n <= 4 && in->rtcp.table.n <= 4);
	memcpy(s->rows[0], in->rtp.table.v, in->rtp.table.n * sizeof(struct srtp_in_row));
	memcpy(s->rows[1], in->rtcp.table.v, in->rtcp.table.n * sizeof(struct srtp_in_row));
}

/*
 * Packets of a stranger, replays, and packets that were bent, searched and not: the state
 * stays as it is to the bit, and a packet costs two tags at most where nothing is searched.
 */
static void test_without_proof(void **state)
{
	struct fix *f = *state;
	struct snapshot before, after;
	uint8_t p[BUF];
	struct ref stranger;
	uint8_t key[30];

	mem_deref(f->in);
	f->in = in_with(b3_master, 0, 0x17, 1);
	sp_random(key, sizeof(key));
	ref_init(&stranger, key);
	assert_int_equal(try_at(f, 500, 0, false), 0);
	assert_int_equal(rtcp_in(f->in, &f->ref, SSRC, 500, &f->place), 0);
	f->in->rtp.mki = f->in->rtcp.mki = SRTP_MKI_UNKNOWN; /* the dearest case */
	snapshot(&before, f->in);

	for (unsigned i = 0; i < FLOOD; i++) {
		const bool rtcp = i % 5 == 0, search = i % 7 == 0, known = i % 2;
		const uint32_t ssrc = known ? SSRC : i, index = dice(0x7fffffff);
		const struct ref *ref = i % 3 ? &stranger : &f->ref;
		const uint64_t tags = f->in->rtp.tags + f->in->rtcp.tags;
		size_t n;
		int err;

		n = rtcp ? rtcp_wire(ref, p, ssrc, index) : rtp_wire(ref, p, ssrc, index, i % 90);
		if (i % 11 < 5)
			n = mki_insert(p, n, 0x17, 1);
		if (i % 3 == 0)
			p[n - 1 - dice(10)] ^= 1;
		err = sp_srtp_unprotect(f->in, p, &n, rtcp, i % 4 * 30, search, &f->place);
		assert_true(err == EACCES || err == EALREADY || err == ESTALE || err == EBADMSG);
		if (!search)
			assert_in_range(f->in->rtp.tags + f->in->rtcp.tags - tags, 0, 2);
		else
			assert_in_range(f->in->rtp.tags + f->in->rtcp.tags - tags, 0, 4 * 64);
	}

	snapshot(&after, f->in);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(try_at(f, 501, 0, false), 0);
}

/* A flood of an unknown SSRC, of a known one, and of what was sent before. */
static void test_flood_cost(void **state)
{
	struct fix *f = *state;
	uint64_t tags;

	known_at(f, 1000);
	assert_int_equal(try_at(f, 1300, 0, false), 0);

	tags = f->in->rtp.tags;
	assert_int_equal(rtp_try(f->in, &f->ref, 99, AT(7, 0), 0, false, &f->place), EACCES);
	assert_int_equal(f->in->rtp.tags - tags, 1);
	assert_int_equal(rtp_try(f->in, &f->ref, 99, AT(7, 0), 3, false, &f->place), EACCES);
	assert_int_equal(f->in->rtp.tags - tags, 3);

	tags = f->in->rtp.tags;
	assert_int_equal(try_at(f, AT(5, 1400), 9, false), EACCES);
	assert_int_equal(f->in->rtp.tags - tags, 1);

	tags = f->in->rtp.tags;
	assert_int_equal(try_at(f, 1000, 9, false), ESTALE);
	assert_int_equal(try_at(f, 1300, 9, false), EALREADY);
	assert_int_equal(try_at(f, 1300, 9, true), EALREADY);
	assert_int_equal(f->in->rtp.tags - tags, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_replay),        T(test_window),       T(test_rtcp_replay),
		T(test_wrap),          T(test_guess),        T(test_search_new),
		T(test_hint),          T(test_search_known), T(test_runs),
		T(test_lifetime),      T(test_most),         T(test_ssrc_bound),
		T(test_without_proof), T(test_flood_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
