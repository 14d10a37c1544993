/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/keys: which of the keys that a peer has told are good, and for how
 * long (RFC 4568 section 7.1.4), and what is said of packets under the others.
 */
#include "media_keys_fixture.h"

static void test_none(void **state)
{
	struct fix *f = *state;

	assert_int_equal(media_keys_tell(NULL, &f->params[A]), EINVAL);
	assert_int_equal(media_keys_tell(&f->k, NULL), EINVAL);
	assert_null(f->k.active);
	media_keys_close(&f->k);

	tell(f, A);
	assert_non_null(f->k.active);
	media_keys_close(&f->k);
	assert_null(f->k.active);
	for (size_t i = 0; i < SP_RELAY_KEYS_MAX; i++)
		assert_null(f->k.v[i]);
	media_keys_close(&f->k);
}

static void test_one(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	assert_true(f->place.first);
	assert_int_equal(rtp(f, A, 2), 0);
	assert_false(f->place.first);
	assert_int_equal(rtp(f, B, 3), EACCES);
	assert_int_equal(junk(f, false), EACCES);
	assert_int_equal(rtp(f, A, 3), 0);
	assert_int_equal(rtcp(f, A, 1), 0);
	assert_int_equal(rtcp(f, B, 2), EACCES);
}

/* RFC 4568 section 7.1.4: while the answer is under way, packets of both keys are, too. */
static void test_old_until_new(void **state)
{
	struct fix *f = *state;
	uint32_t run;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	run = f->place.run;
	tell(f, B);
	assert_int_equal(rtp(f, A, 2), 0);
	assert_int_equal(rtp(f, A, 3), 0);
	assert_int_equal(f->place.run, run);
	assert_int_equal(rtcp(f, A, 1), 0);

	assert_int_equal(rtp(f, B, 5), 0);
	assert_true(f->place.first);
	assert_int_not_equal(f->place.run, run); /* its indexes are of another row */
	/* what was late under the old one is too late now */
	assert_int_equal(rtp(f, A, 4), EACCES);
	assert_int_equal(rtcp(f, A, 2), EACCES);
	assert_int_equal(rtp(f, B, 6), 0);
}

/* RTCP changes the key for RTP, too: it is one key. */
static void test_rtcp_changes(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	tell(f, B);
	assert_int_equal(rtcp(f, B, 1), 0);
	assert_int_equal(rtp(f, A, 2), EACCES);
	assert_int_equal(rtp(f, B, 2), 0);
	assert_int_equal(rtcp(f, B, 1), EALREADY);
}

/* A re-INVITE that repeats the key: nothing begins anew, neither counter nor window. */
static void test_told_again(void **state)
{
	struct fix *f = *state;
	uint32_t run;

	tell(f, A);
	walk(f, A, ROC(3) + 5);
	run = f->place.run;
	assert_int_equal(rtcp(f, A, 7), 0);
	tell(f, A);
	spend_search(f);
	assert_int_equal(rtp(f, A, ROC(3) + 6), 0);
	assert_int_equal(f->place.run, run);
	assert_false(f->place.first);
	assert_int_equal(rtp(f, A, ROC(3) + 5), EALREADY);
	assert_int_equal(rtcp(f, A, 7), EALREADY);
	assert_null(f->k.v[1]);
}

/* Forks answer in turn: the first comes back with the counter that it has reached. */
static void test_remembered(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(2) + 5);
	assert_int_equal(rtcp(f, A, 3), 0);
	tell(f, B);
	assert_int_equal(rtp(f, B, 1), 0);
	/* nobody plays the first one's packets again, meanwhile... */
	assert_int_equal(rtp(f, A, ROC(2) + 5), EACCES);

	tell(f, A);
	spend_search(f);
	/* ...nor when it is good once more, with and without a search */
	for (int search = 0; search < 2; search++) {
		assert_int_not_equal(rtp(f, A, ROC(2) + 5), 0);
		f->now_ms += search ? PAUSE_MS : 0;
		assert_int_not_equal(rtp(f, A, ROC(1) + 400), 0);
		f->now_ms += search ? PAUSE_MS : 0;
		assert_int_not_equal(rtp(f, A, 0), 0);
		assert_int_not_equal(rtcp(f, A, 3), 0);
	}
	assert_int_equal(rtp(f, B, 2), 0);

	spend_search(f);
	assert_int_equal(rtp(f, A, ROC(2) + 6), 0);
	assert_int_equal(rtp(f, A, ROC(2) + 5), EALREADY);
	assert_int_equal(rtcp(f, A, 3), EALREADY);
	assert_int_equal(rtp(f, B, 3), EACCES);

	tell(f, B);
	assert_int_not_equal(rtp(f, B, 2), 0);
	assert_int_equal(rtp(f, B, 3), 0);
	assert_int_equal(rtp(f, B, 2), EALREADY);
}

/* Two new ones before a packet of either: the one before them is good, and the last. */
static void test_passed_over(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	tell(f, B);
	tell(f, C);
	assert_int_equal(rtp(f, A, 2), 0);
	assert_int_equal(rtp(f, B, 3), EACCES);
	assert_int_equal(rtp(f, C, 3), 0);
	assert_int_equal(rtp(f, A, 4), EACCES);

	/* a change of mind */
	tell(f, D);
	tell(f, C);
	assert_int_equal(rtp(f, D, 4), EACCES);
	assert_int_equal(rtp(f, C, 4), 0);
}

/* Whoever tells more keys than are remembered does not push out the one in use. */
static void test_many(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, ROC(1));
	for (int i = 0; i < 100; i++) {
		tell(f, B + i % (KEYS - 1));
		assert_int_equal(rtp(f, A, ROC(1) + 1 + (uint64_t)i), 0);
		assert_true(is_remembered(f, A));
		assert_true(is_remembered(f, B + i % (KEYS - 1)));
	}
	assert_int_equal(rtp(f, A, ROC(1)), EALREADY);
	assert_int_equal(rtp(f, KEYS - 1, 300), EACCES); /* told before the last one... */
	assert_int_equal(rtp(f, B, 1), 0);               /* ...which is this */
	assert_int_equal(rtp(f, A, ROC(1) + 200), EACCES);
}

/* Keys that were in use, one after the other: the last of them are remembered. */
static void test_history(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < KEYS; i++) {
		tell(f, i);
		assert_int_equal(rtp(f, i, 10), 0);
	}
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(is_remembered(f, i), i >= KEYS - SP_RELAY_KEYS_MAX);

	tell(f, KEYS - SP_RELAY_KEYS_MAX);
	assert_int_not_equal(rtp(f, KEYS - SP_RELAY_KEYS_MAX, 10), 0);
	assert_int_equal(rtp(f, KEYS - SP_RELAY_KEYS_MAX, 11), 0);
}

/*
 * A number that the key in use has seen, or has left behind, is another packet's under the
 * new one: a far end begins wherever it likes.
 */
static void test_seen_under_another(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	walk(f, A, 20000);
	tell(f, B);
	assert_int_equal(rtp(f, B, 20000), 0);
	tell(f, C);
	assert_int_equal(rtp(f, C, 5), 0);
	assert_int_equal(rtcp(f, C, 9), 0);
	tell(f, D);
	assert_int_equal(rtcp(f, D, 9), 0);
}

/* Why it was refused is what the key in use says: a new one that does not fit hides nothing. */
static void test_reasons(void **state)
{
	struct fix *f = *state;

	f->params[A].lifetime = 6;
	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	assert_int_equal(rtp(f, A, SRTP_WINDOW + 1), 0);
	for (int i = A; i <= B; i++) {
		tell(f, i);
		spend_search(f);
		assert_int_equal(junk(f, false), EACCES);
		assert_int_equal(junk(f, true), EACCES);
		assert_int_equal(rtp(f, A, SRTP_WINDOW + 1), EALREADY);
		assert_int_equal(rtp(f, A, 1), ESTALE);
		assert_int_equal(rtp(f, A, SRTP_WINDOW + 2 + (uint64_t)i), 0);
	}
	assert_int_equal(rtp(f, A, SRTP_WINDOW + 10), 0);
	assert_int_equal(rtp(f, A, SRTP_WINDOW + 11), 0);
	assert_int_equal(rtp(f, A, SRTP_WINDOW + 12), EKEYEXPIRED);
	/* RFC 4568 section 6.1: that is what the new one is for */
	assert_int_equal(rtp(f, B, SRTP_WINDOW + 13), 0);
}

static void test_too_many_ssrcs(void **state)
{
	struct fix *f = *state;

	tell(f, A);
	for (uint32_t i = 0; i < SP_SRTP_SSRC_MAX; i++)
		assert_int_equal(rtp_of(f, A, i, 1), 0);
	assert_int_equal(rtp_of(f, A, SP_SRTP_SSRC_MAX, 1), EOVERFLOW);
	assert_int_equal(rtp_of(f, A, 0, 2), 0);
	tell(f, B);
	assert_int_equal(rtp_of(f, B, SP_SRTP_SSRC_MAX, 1), 0);
}

/* A packet with its master key identifier: before the tag, which does not cover it (RFC 3711 3.1).
 */
static int rtp_mki(struct fix *f, int key, uint16_t seq)
{
	const struct sp_srtp_params *params = &f->params[key];
	uint8_t p[ROOM];
	size_t len = ref_protect(&f->far[key], p, ref_rtp(p, SSRC, seq, PAYLOAD), 0);

	memmove(p + len - REF_TAG + params->mki_len, p + len - REF_TAG, REF_TAG);
	for (size_t i = 0; i < params->mki_len; i++)
		p[len - REF_TAG + i] = (uint8_t)(params->mki >> 8 * (params->mki_len - 1 - i));
	len += params->mki_len;

	return unprotect(f, p, &len, false);
}

/* Keys with identifiers of different lengths, or none: the length of each is its own. */
static void test_mki(void **state)
{
	struct fix *f = *state;

	f->params[B].mki = 1;
	f->params[B].mki_len = 1;
	f->params[C].mki = 0x01020304;
	f->params[C].mki_len = 4;

	tell(f, A);
	assert_int_equal(rtp(f, A, 1), 0);
	tell(f, B);
	assert_int_equal(rtp(f, A, 2), 0);
	assert_int_equal(rtp_mki(f, B, 3), 0);
	tell(f, C);
	assert_int_equal(rtp_mki(f, B, 4), 0);
	assert_int_equal(rtp_mki(f, C, 5), 0);
	tell(f, A);
	assert_int_equal(rtp_mki(f, C, 6), 0);
	assert_int_equal(rtp(f, A, 7), 0);
	tell(f, C);
	assert_int_not_equal(rtp_mki(f, C, 6), 0);
	assert_int_equal(rtp_mki(f, C, 8), 0);
}

/*
 * The same key with another lifetime, or another identifier: what came under it does not come
 * in once more (RFC 3711 3.3.2), and what it was used for counts (RFC 4568 6.1).
 */
static void test_told_otherwise(void **state)
{
	struct fix *f = *state;
	uint32_t run;

	tell(f, A);
	walk(f, A, ROC(1) + 5);
	run = f->place.run;
	assert_int_equal(rtcp(f, A, 3), 0);
	for (int i = 0; i < 3; i++) {
		f->params[A].lifetime = i ? 100 : UINT64_C(1) << 31;
		f->params[A].mki = 7;
		f->params[A].mki_len = i > 1 ? 1 : 0;
		tell(f, A);
		f->now_ms += PAUSE_MS;
		assert_int_equal(rtp(f, A, ROC(1) + 5), EALREADY);
		f->now_ms += PAUSE_MS;
		assert_int_not_equal(rtp(f, A, 0), 0);
		assert_int_equal(rtcp(f, A, 3), EALREADY);
		assert_null(f->k.v[1]);
	}

	assert_int_equal(rtp_mki(f, A, 5), EALREADY);
	assert_int_equal(rtp(f, A, ROC(1) + 6), 0); /* the tag decides */
	assert_int_equal(f->place.run, run);
	for (uint64_t i = 0; f->k.active->rtp.count < 100; i++)
		assert_int_equal(rtp(f, A, ROC(1) + 10 + i), 0);
	assert_int_equal(rtp(f, A, ROC(1) + 300), EKEYEXPIRED);
	f->params[A].lifetime = 200;
	tell(f, A);
	assert_int_equal(rtp(f, A, ROC(1) + 301), 0);
}

/* RFC 3711 3.4: where the SRTCP index is depends on the identifier. What is no packet under
 * the key before may be one under the new one. */
static void test_mki_rtcp(void **state)
{
	struct fix *f = *state;
	uint8_t p[ROOM];
	size_t len;

	f->params[B].mki = 1;
	f->params[B].mki_len = 4;
	tell(f, A);
	assert_int_equal(rtcp(f, A, 1), 0);
	tell(f, B);

	len = ref_protect_rtcp(&f->far[B], p, ref_rtcp(p, SSRC, 0x11), 1);
	memmove(p + len - REF_TAG + 4, p + len - REF_TAG, REF_TAG);
	ref_put32(p + len - REF_TAG, 1);
	len += 4;
	assert_int_equal(unprotect(f, p, &len, true), 0);
	assert_int_equal(rtcp(f, A, 2), EACCES);
}

/*
 * Whatever is told and sent, in whatever order: nothing comes in twice under a key that is
 * remembered, and the next packet under the latest key always does.
 */
static void test_random(void **state)
{
	enum { USED = 6, INDEXES = 32768, ROUNDS = 40000 };
	static uint8_t seen[USED][INDEXES];
	struct fix *f = *state;
	uint64_t next[USED] = {0};
	int latest = 0;

	memset(seen, 0, sizeof(seen));
	tell(f, latest);
	for (unsigned n = 0; n < ROUNDS; n++) {
		const int key = (int)sp_random_below(USED);
		uint64_t index;

		f->now_ms += sp_random_below(30);
		switch (sp_random_below(8)) {
		case 0:
			if (sp_random_below(8))
				break;
			latest = key;
			tell(f, latest);
			for (int i = 0; i < USED; i++) {
				if (!is_remembered(f, i)) {
					memset(seen[i], 0, sizeof(seen[i]));
					next[i] = 0;
				}
			}
			break;
		case 1:
		case 2: /* something old, or early, under any key */
			index = sp_random_below((uint32_t)min(next[key] + 8, INDEXES - 1) + 1);
			if (!rtp(f, key, index)) {
				assert_false(seen[key][index]);
				seen[key][index] = 1;
				next[key] = max(next[key], index + 1);
			}
			break;
		case 3:
			assert_int_equal(junk(f, false), EACCES);
			break;
		default:
			index = next[latest]++;
			assert_true(index < INDEXES);
			assert_int_equal(rtp(f, latest, index), 0);
			seen[latest][index] = 1;
			break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),          TEST(test_one),
		TEST(test_old_until_new), TEST(test_rtcp_changes),
		TEST(test_told_again),    TEST(test_remembered),
		TEST(test_passed_over),   TEST(test_many),
		TEST(test_history),       TEST(test_seen_under_another),
		TEST(test_reasons),       TEST(test_too_many_ssrcs),
		TEST(test_mki),           TEST(test_random),
		TEST(test_mki_rtcp),      TEST(test_told_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
