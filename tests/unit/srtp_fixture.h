/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests of media/srtp: keys of ours, and packets of the reference's.
 */
#ifndef SALLYPORT_TESTS_SRTP_FIXTURE_H
#define SALLYPORT_TESTS_SRTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sallyport/base_util.h"
#include "srtp_priv.h"
#include "unit/media_reference.h"

enum { BUF = SRTP_PACKET_MAX + SP_SRTP_ROOM + SP_SRTP_MKI_MAX };

/* RFC 3711 appendix B.3. */
static const uint8_t b3_master[SP_SRTP_KEY_SIZE] = {
	0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41,
	0x39, 0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
};

/* Below bound, the same in each run of a test: what fails once fails again. */
static inline uint32_t dice(uint32_t bound)
{
	static uint64_t x = 88172645463325252u; /* xorshift64 */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;

	return (uint32_t)(x >> 32) % bound;
}

static inline struct sp_srtp_in *in_with(const uint8_t *key, uint64_t lifetime, uint64_t mki,
					 uint8_t mki_len)
{
	struct sp_srtp_params params = {.lifetime = lifetime, .mki = mki, .mki_len = mki_len};
	struct sp_srtp_in *s = NULL;

	memcpy(params.key, key, sizeof(params.key));
	assert_int_equal(sp_srtp_in_alloc(&s, &params), 0);

	return s;
}

static inline struct sp_srtp_in *in_new(const uint8_t *key)
{
	return in_with(key, 0, 0, 0);
}

static inline struct sp_srtp_out *out_new(const uint8_t *key, const struct sp_srtp_out *like)
{
	struct sp_srtp_out *s = NULL;

	assert_int_equal(sp_srtp_out_alloc(&s, key, like), 0);

	return s;
}

static inline struct sp_srtp_place place_of(uint32_t ssrc, uint32_t run, uint64_t index)
{
	return (struct sp_srtp_place){.ssrc = ssrc, .run = run, .index = index};
}

/* The reference's packet of this index. */
static inline size_t rtp_wire(const struct ref *ref, uint8_t *p, uint32_t ssrc, uint64_t index,
			      size_t payload)
{
	const size_t n = ref_rtp(p, ssrc, (uint16_t)index, payload);

	return ref_protect(ref, p, n, (uint32_t)(index >> 16));
}

static inline size_t rtcp_wire(const struct ref *ref, uint8_t *p, uint32_t ssrc, uint32_t index)
{
	return ref_protect_rtcp(ref, p, ref_rtcp(p, ssrc, (uint8_t)index), index);
}

/* Put n octets of MKI in front of the tag. */
static inline size_t mki_insert(uint8_t *p, size_t len, uint64_t mki, size_t n)
{
	memmove(p + len - SRTP_TAG + n, p + len - SRTP_TAG, SRTP_TAG);
	for (size_t i = 0; i < n; i++) {
		const size_t shift = n - 1 - i;

		p[len - SRTP_TAG + i] = (uint8_t)(shift < 8 ? mki >> 8 * shift : 0);
	}

	return len + n;
}

/* What ours says of a packet that the reference made of this index. */
static inline int rtp_try(struct sp_srtp_in *in, const struct ref *ref, uint32_t ssrc,
			  uint64_t index, uint32_t roc, bool search, struct sp_srtp_place *place)
{
	uint8_t p[BUF], plain[BUF];
	size_t len = rtp_wire(ref, p, ssrc, index, 20);
	int err;

	err = sp_srtp_unprotect(in, p, &len, false, roc, search, place);
	if (!err) {
		assert_int_equal(len, ref_rtp(plain, ssrc, (uint16_t)index, 20));
		assert_memory_equal(p, plain, len);
		assert_int_equal(place->ssrc, ssrc);
		assert_int_equal(place->index, index);
	}

	return err;
}

static inline int rtp_in(struct sp_srtp_in *in, const struct ref *ref, uint32_t ssrc,
			 uint64_t index)
{
	struct sp_srtp_place place;

	return rtp_try(in, ref, ssrc, index, 0, false, &place);
}

static inline int rtcp_in(struct sp_srtp_in *in, const struct ref *ref, uint32_t ssrc,
			  uint32_t index, struct sp_srtp_place *place)
{
	uint8_t p[BUF], plain[BUF];
	size_t len = rtcp_wire(ref, p, ssrc, index);
	int err;

	err = sp_srtp_unprotect(in, p, &len, true, 0, false, place);
	if (!err) {
		assert_int_equal(len, ref_rtcp(plain, ssrc, (uint8_t)index));
		assert_memory_equal(p, plain, len);
		assert_int_equal(place->ssrc, ssrc);
		assert_int_equal(place->index, index);
	}

	return err;
}

#endif
