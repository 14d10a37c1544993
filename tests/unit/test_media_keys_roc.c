/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/keys: the rollover counter of a key that is new (RFC 3711 section
 * 3.3.1, RFC 4568 section 6.4), how one that nobody told is looked for, and how
 * much work those can make who have no key at all.
 */
#include "media_keys_fixture.h"

/* RFC 3711 section 3.3.1: the counter goes on under the new key. No search is needed. */
static void test_roc_goes_on(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(5) + 9);
	tell(f, B);
	spend_search(f);
	assert_int_equal(rtp(f, B, ROC(5) + 10), 0);
	assert_int_equal(rtp(f, B, ROC(5) + 11), 0);
	assert_int_equal(rtp(f, B, ROC(5) + 10), EALREADY);
	/* and never back to 0 */
	f->now_ms += PAUSE_MS;
	assert_int_not_equal(rtp(f, B, 12), 0);
}

/* RFC 4568 section 6.4: or it begins at 0. */
static void test_roc_begins_anew(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(5) + 9);
	tell(f, B);
	spend_search(f);
	assert_int_equal(rtp(f, B, 10), 0);
	assert_int_equal(rtp(f, B, 11), 0);
}

/* It rolled over between the last packet of the old key and the first of the new one. */
static void test_roc_rolls_between(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(5) + 65535);
	tell(f, B);
	f->now_ms += PAUSE_MS;
	assert_int_equal(rtp(f, B, ROC(6)), 0);
	assert_int_equal(rtp(f, B, ROC(6) + 1), 0);
}

/* Of another SSRC the old key knows nothing. */
static void test_roc_is_of_the_ssrc(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(5) + 9);
	tell(f, B);
	spend_search(f);
	assert_int_equal(rtp_of(f, B, SSRC + 1, ROC(5) + 10), EACCES);
	f->now_ms += PAUSE_MS;
	assert_int_equal(rtp_of(f, B, SSRC + 1, ROC(5) + 11), 0);
	spend_search(f);
	assert_int_equal(rtp(f, B, 1), 0);
}

/*
 * So many packets were lost, or not sent during hold, that appendix A guesses wrong: the
 * number looks like one from long ago, or like one to come. Both are looked for.
 */
static void test_gap(void **state)
{
	static const uint64_t from[] = {ROC(3) + 100, ROC(3) + 60000};
	static const uint64_t by[] = {0x8000, 0x8001, 40000, 65535, ROC(1), ROC(2) + 5, ROC(20)};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		for (size_t k = 0; k < sizeof(by) / sizeof(by[0]); k++) {
			struct fix *f = *state;

			media_keys_close(&f->k);
			tell(f, A);
			walk(f, A, from[i]);
			f->now_ms += PAUSE_MS;
			/* the very numbers that were seen are not looked at: the next one is */
			if (rtp(f, A, from[i] + by[k]))
				assert_int_equal(rtp(f, A, from[i] + by[k] + 1), 0);
			assert_int_equal(rtp(f, A, from[i] + by[k] + 2), 0);
		}
	}
}

/* RFC 3711 section 3.3.1, but RTCP, or another SSRC, is the first to come under the new key. */
static void test_roc_goes_on_behind_others(void **state)
{
	for (int first = 0; first < 2; first++) {
		struct fix *f = *state;

		media_keys_close(&f->k);
		tell(f, A);
		walk(f, A, ROC(2 * SP_SRTP_ROC_TRIES) + 9);
		tell(f, B);
		assert_int_equal(first ? rtp_of(f, B, SSRC + 1, 1) : rtcp(f, B, 1), 0);
		f->now_ms += PAUSE_MS;
		assert_int_equal(rtp(f, B, ROC(2 * SP_SRTP_ROC_TRIES) + 10), 0);
	}
}

/* What a real far end sends when it changes its key, in both readings of the RFCs. */
static void change_of(struct fix *f, bool keep_roc)
{
	struct sp_srtp_out *old = NULL, *new = NULL;
	struct sp_srtp_place place = {.ssrc = SSRC, .run = 1, .first = true};
	uint8_t p[ROOM];
	size_t len;

	assert_int_equal(sp_srtp_out_alloc(&old, f->params[A].key, NULL), 0);
	tell(f, A);
	spend_search(f);
	for (place.index = 0; place.index <= ROC(2); place.index += 1 << 14) {
		len = ref_rtp(p, SSRC, (uint16_t)place.index, PAYLOAD);
		assert_int_equal(sp_srtp_protect(old, p, &len, false, &place), 0);
		assert_int_equal(unprotect(f, p, &len, false), 0);
		place.first = false;
	}

	assert_int_equal(sp_srtp_out_alloc(&new, f->params[B].key, keep_roc ? old : NULL), 0);
	tell(f, B);
	for (uint64_t end = place.index + 20; place.index < end; place.index++) {
		len = ref_rtp(p, SSRC, (uint16_t)place.index, PAYLOAD);
		assert_int_equal(sp_srtp_protect(new, p, &len, false, &place), 0);
		assert_int_equal(unprotect(f, p, &len, false), 0);
		assert_int_equal(f->place.index >> 16, keep_roc ? 2 : 0);
	}
	mem_deref(old);
	mem_deref(new);
}

static void test_far_end_begins_anew(void **state)
{
	change_of(*state, false);
}

static void test_far_end_goes_on(void **state)
{
	change_of(*state, true);
}

/* Who joins late has a counter that nobody has told: it is looked for, up to a point. */
static void test_search(void **state)
{
	static const struct {
		uint64_t roc;
		bool found;
	} v[] = {{1, true}, {7, true}, {SP_SRTP_ROC_TRIES - 1, true}, {1000, false}};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct fix *f = *state;

		media_keys_close(&f->k);
		tell(f, A);
		f->now_ms += PAUSE_MS;
		assert_int_equal(rtp(f, A, ROC(v[i].roc) + 5), v[i].found ? 0 : EACCES);
		if (!v[i].found)
			continue;
		assert_int_equal(rtp(f, A, ROC(v[i].roc) + 6), 0);
		assert_int_equal(rtp(f, A, ROC(v[i].roc) + 5), EALREADY);
	}
}

/* One search in a while, whoever asks for it, and none for RTCP, which says its index. */
static void test_search_has_a_budget(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	spend_search(f);
	assert_int_equal(rtp(f, A, ROC(7)), EACCES);
	f->now_ms += PAUSE_MS - 1;
	assert_int_equal(rtp(f, A, ROC(7) + 1), EACCES);
	f->now_ms++;
	assert_int_equal(junk(f, true), EACCES);
	assert_int_equal(rtp(f, A, ROC(7) + 2), 0);
	assert_int_equal(rtp(f, A, ROC(7) + 3), 0);
}

/* A flood costs a tag for each key that it might be under, and no more. */
static void test_flood(void **state)
{
	struct fix *f = *state;
	const unsigned packets = 10000, ms = 1000;
	uint64_t before, each;

	for (int keys = A; keys <= B; keys++) {
		tell(f, keys);
		assert_int_equal(rtp(f, A, keys ? 101 : 100), 0); /* the second is not in use yet */
		spend_search(f);
		before = tags(f);
		for (unsigned i = 0; i < packets; i++) {
			assert_int_equal(junk_of(f, SSRC + (i & 1), 1, i % 4 == 0), EACCES);
			f->now_ms += i % (packets / ms) == 0;
		}
		/* the counter of the old key is one more thing to try under the new one */
		each = keys == A ? 1 : 3;
		assert_in_range(tags(f) - before, packets,
				packets * each + (ms / PAUSE_MS + 1) * (SP_SRTP_ROC_TRIES + 2));
	}
}

/* Who is searched for among a flood is found soon all the same. */
static void test_search_in_a_flood(void **state)
{
	struct fix *f = *state;
	unsigned n;

	tell(f, A);
	for (n = 0; n < 1000; n++) {
		f->now_ms += 20;
		for (unsigned k = sp_random_below(8); k; k--)
			assert_int_equal(junk(f, false), EACCES);
		if (!rtp(f, A, ROC(9) + n))
			break;
	}
	assert_true(n < 1000);
}

/* What is no SRTP at all costs nothing, under however many keys. */
static void test_malformed(void **state)
{
	struct fix *f = *state;
	uint8_t p[ROOM] = {0};
	uint64_t before;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	tell(f, B);
	before = tags(f);
	for (size_t n = 0; n < 22; n++) {
		size_t len = n;

		p[0] = 0x80;
		assert_int_equal(unprotect(f, p, &len, false), EBADMSG);
		assert_int_equal(unprotect(f, p, &len, true), EBADMSG);
	}
	for (size_t n = 22; n < 200; n++) {
		size_t len = n;

		p[0] = 0x40;
		assert_int_equal(unprotect(f, p, &len, false), EBADMSG);
		assert_int_equal(unprotect(f, p, &len, true), EBADMSG);
	}
	assert_int_equal(tags(f), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_roc_goes_on),
		TEST(test_roc_begins_anew),
		TEST(test_roc_rolls_between),
		TEST(test_roc_is_of_the_ssrc),
		TEST(test_gap),
		TEST(test_roc_goes_on_behind_others),
		TEST(test_far_end_begins_anew),
		TEST(test_far_end_goes_on),
		TEST(test_search),
		TEST(test_search_has_a_budget),
		TEST(test_flood),
		TEST(test_search_in_a_flood),
		TEST(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
