/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keys of one peer, and the peer, which has whatever key and rollover
 * counter it is told (media_reference.h).
 */
#ifndef SALLYPORT_TEST_MEDIA_KEYS_FIXTURE_H
#define SALLYPORT_TEST_MEDIA_KEYS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "media_priv.h"
#include "srtp_priv.h"
#include "sallyport/base_util.h"
#include "unit/media_reference.h"

enum { KEYS = 12, ROOM = 1024, PAYLOAD = 160, SSRC = 0x5a11, PAUSE_MS = 100 };

enum { A, B, C, D, E };

#define ROC(n) ((uint64_t)(n) << 16)

struct fix {
	struct media_keys k;
	struct sp_srtp_params params[KEYS];
	struct ref far[KEYS];
	uint64_t now_ms;
	struct sp_srtp_place place; /* of the latest packet */
};

static inline int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;

	f->now_ms = 1000000;
	for (size_t i = 0; i < KEYS; i++) {
		sp_random(f->params[i].key, SP_SRTP_KEY_SIZE);
		ref_init(&f->far[i], f->params[i].key);
	}
	*state = f;

	return 0;
}

static inline int teardown(void **state)
{
	struct fix *f = *state;

	media_keys_close(&f->k);
	free(f);

	return 0;
}

static inline void tell(struct fix *f, int key)
{
	assert_int_equal(media_keys_tell(&f->k, &f->params[key]), 0);
}

/* Let a packet in. One that is refused is as it came: another key may be tried on it. */
static inline int unprotect(struct fix *f, uint8_t *p, size_t *len, bool rtcp)
{
	uint8_t before[ROOM];
	const size_t wire = *len;
	int err;

	memcpy(before, p, wire);
	memset(&f->place, 0, sizeof(f->place));
	err = media_keys_unprotect(&f->k, p, len, rtcp, f->now_ms, &f->place);
	if (err) {
		assert_int_equal(*len, wire);
		assert_memory_equal(p, before, wire);
	}

	return err;
}

static inline int rtp_of(struct fix *f, int key, uint32_t ssrc, uint64_t index)
{
	uint8_t p[ROOM], plain[ROOM];
	const size_t n = ref_rtp(plain, ssrc, (uint16_t)index, PAYLOAD);
	size_t len;
	int err;

	memcpy(p, plain, n);
	len = ref_protect(&f->far[key], p, n, (uint32_t)(index >> 16));
	err = unprotect(f, p, &len, false);
	if (!err) {
		assert_int_equal(len, n);
		assert_memory_equal(p, plain, n);
		assert_int_equal(f->place.ssrc, ssrc);
		assert_int_equal(f->place.index, index);
	}

	return err;
}

static inline int rtp(struct fix *f, int key, uint64_t index)
{
	return rtp_of(f, key, SSRC, index);
}

static inline int rtcp(struct fix *f, int key, uint32_t index)
{
	uint8_t p[ROOM], plain[ROOM];
	const size_t n = ref_rtcp(plain, SSRC, 0x11);
	size_t len;
	int err;

	memcpy(p, plain, n);
	len = ref_protect_rtcp(&f->far[key], p, n, index);
	err = unprotect(f, p, &len, true);
	if (!err) {
		assert_int_equal(len, n);
		assert_memory_equal(p, plain, n);
		assert_int_equal(f->place.index, index);
	}

	return err;
}

/* Under no key that was ever told, but otherwise as it should be. */
static inline int junk_of(struct fix *f, uint32_t ssrc, uint16_t seq, bool rtcp)
{
	uint8_t p[ROOM];
	size_t len = rtcp ? ref_rtcp(p, ssrc, 0x22) : ref_rtp(p, ssrc, seq, PAYLOAD);

	if (rtcp) {
		ref_put32(p + len, 0x80000000u | seq);
		len += 4;
	}
	sp_random(p + len, REF_TAG);
	len += REF_TAG;

	return unprotect(f, p, &len, rtcp);
}

static inline int junk(struct fix *f, bool rtcp)
{
	return junk_of(f, SSRC + 0x77, 1, rtcp);
}

/* The search of this moment is over; what is authentic now is so without one. */
static inline void spend_search(struct fix *f)
{
	f->now_ms += PAUSE_MS;
	assert_int_equal(junk(f, false), EACCES);
}

/* Up to an index with a rollover counter that is not 0, as a call gets there. */
static inline void walk(struct fix *f, int key, uint64_t to)
{
	for (uint64_t index = 0; index < to; index += 1 << 14)
		assert_int_equal(rtp(f, key, index), 0);
	assert_int_equal(rtp(f, key, to), 0);
}

/* Tags that were computed for all keys: how much work it was. */
static inline uint64_t tags(const struct fix *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SP_RELAY_KEYS_MAX; i++) {
		if (f->k.v[i])
			n += f->k.v[i]->rtp.tags + f->k.v[i]->rtcp.tags;
	}

	return n;
}

static inline bool is_remembered(const struct fix *f, int key)
{
	for (size_t i = 0; i < SP_RELAY_KEYS_MAX; i++) {
		if (f->k.v[i] && sp_srtp_in_same(f->k.v[i], &f->params[key]))
			return true;
	}

	return false;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif
