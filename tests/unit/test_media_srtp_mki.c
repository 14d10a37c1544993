/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP with a master key identifier (RFC 3711 3.1, RFC 4568 6.1): there,
 * announced but absent, another one, and of every length.
 */
#include "unit/srtp_fixture.h"

enum { SSRC = 9 };

/* One kind of packet under a key that has an MKI. */
struct peer {
	struct sp_srtp_in *in;
	struct ref ref;
	bool rtcp;
	uint32_t next;
};

static void peer_init(struct peer *p, bool rtcp, uint64_t mki, uint8_t len)
{
	memset(p, 0, sizeof(*p));
	ref_init(&p->ref, b3_master);
	p->in = in_with(b3_master, 0, mki, len);
	p->rtcp = rtcp;
}

/* The next packet, with this MKI in so many octets. */
static int send_mki(struct peer *p, uint64_t mki, size_t len, bool search)
{
	uint8_t buf[BUF], plain[BUF];
	struct sp_srtp_place place;
	size_t n, size;
	int err;

	if (p->rtcp) {
		n = rtcp_wire(&p->ref, buf, SSRC, ++p->next);
		size = ref_rtcp(plain, SSRC, (uint8_t)p->next);
	} else {
		n = rtp_wire(&p->ref, buf, SSRC, ++p->next, 40);
		size = ref_rtp(plain, SSRC, (uint16_t)p->next, 40);
	}
	n = mki_insert(buf, n, mki, len);
	err = sp_srtp_unprotect(p->in, buf, &n, p->rtcp, 0, search, &place);
	if (!err) {
		assert_int_equal(n, size);
		assert_memory_equal(buf, plain, n);
		assert_int_equal(place.index, p->next);
	}

	return err;
}

static void test_lengths(void **state)
{
	(void)state;

	for (int rtcp = 0; rtcp < 2; rtcp++) {
		for (unsigned len = 1; len <= SP_SRTP_MKI_MAX; len++) {
			const uint64_t mki = len < 8 ? (UINT64_C(1) << 8 * len) - 2
						     : UINT64_C(0xf123456789abcdee);
			struct peer p;
			int err;

			peer_init(&p, rtcp, mki, (uint8_t)len);
			assert_int_equal(send_mki(&p, mki, len, false), 0);
			assert_int_equal(send_mki(&p, mki ^ 1, len, false), EACCES);
			err = send_mki(&p, mki ^ 1, len, true);
			assert_true(err == EACCES || (rtcp && err == EBADMSG)); /* no E bit */
			assert_int_equal(send_mki(&p, mki, len, false), 0);
			mem_deref(p.in);
		}
	}
}

/* It is a number: the octets in front are zero, all of them. */
static void test_number(void **state)
{
	uint8_t buf[BUF];
	(void)state;

	for (size_t at = 0; at < 20; at++) {
		struct sp_srtp_place place;
		struct peer p;
		size_t n;

		peer_init(&p, false, 1, 20);
		n = rtp_wire(&p.ref, buf, SSRC, 1, 40);
		n = mki_insert(buf, n, 1, 20);
		buf[n - SRTP_TAG - 20 + at] ^= 0x10;
		assert_int_equal(sp_srtp_unprotect(p.in, buf, &n, false, 0, true, &place), EACCES);
		mem_deref(p.in);
	}
}

/* Announced and not sent: the tag decides, at the same cost from the second packet on. */
static void test_absent(void **state)
{
	(void)state;

	for (int rtcp = 0; rtcp < 2; rtcp++) {
		const struct srtp_in_half *half;
		struct peer p;

		peer_init(&p, rtcp, 5, 4);
		half = rtcp ? &p.in->rtcp : &p.in->rtp;
		assert_int_equal(send_mki(&p, 0, 0, false), 0);
		assert_int_equal(half->tags, 1);
		assert_int_equal(half->mki, SRTP_MKI_NOT_THERE);
		assert_int_equal(send_mki(&p, 0, 0, false), 0);
		assert_int_equal(half->tags, 2);

		/* with it after all: when everything is tried */
		assert_int_not_equal(send_mki(&p, 5, 4, false), 0);
		assert_int_equal(send_mki(&p, 5, 4, true), 0);
		assert_int_equal(half->mki, SRTP_MKI_THERE);
		assert_int_equal(send_mki(&p, 5, 4, false), 0);
		assert_int_equal(send_mki(&p, 0, 0, false), EACCES);
		assert_int_equal(send_mki(&p, 0, 0, true), 0);
		mem_deref(p.in);
	}
}

/* The end of the ciphertext looks like the MKI: the tag decides. */
static void test_ambiguous(void **state)
{
	unsigned met = 0;
	(void)state;

	for (uint32_t i = 0; i < 3000; i++) {
		uint8_t buf[BUF];
		struct sp_srtp_place place;
		struct peer p;
		size_t n;

		peer_init(&p, false, 7, 1);
		n = rtp_wire(&p.ref, buf, SSRC, i, 40);
		met += buf[n - SRTP_TAG - 1] == 7;
		assert_int_equal(sp_srtp_unprotect(p.in, buf, &n, false, 0, false, &place), 0);
		assert_int_equal(n, 12 + 40);
		mem_deref(p.in);
	}
	assert_in_range(met, 1, 100);
}

/* Too short for MKI and tag, but not for the tag alone. */
static void test_short(void **state)
{
	uint8_t buf[BUF];
	struct sp_srtp_place place;
	struct peer p;
	size_t n;
	(void)state;

	peer_init(&p, false, 0, SP_SRTP_MKI_MAX);
	n = rtp_wire(&p.ref, buf, SSRC, 1, 5);
	assert_int_equal(sp_srtp_unprotect(p.in, buf, &n, false, 0, true, &place), 0);
	assert_int_equal(n, 12 + 5);
	for (size_t len = 0; len < 12 + SRTP_TAG + SP_SRTP_MKI_MAX; len++) {
		uint8_t *exact = malloc(len + 1); /* for the sanitizer */

		memset(exact, 0, len + 1);
		exact[0] = 0x80;
		n = len;
		assert_int_not_equal(sp_srtp_unprotect(p.in, exact, &n, false, 0, true, &place), 0);
		n = len;
		assert_int_not_equal(sp_srtp_unprotect(p.in, exact, &n, true, 0, true, &place), 0);
		free(exact);
	}
	mem_deref(p.in);
}

/* Header, extension and MKI share the octets there are: the MKI's are not the header's. */
static void test_header_in_mki(void **state)
{
	uint8_t buf[BUF];
	struct sp_srtp_place place;
	struct peer p;
	size_t n;
	(void)state;

	peer_init(&p, false, 0, 8);
	n = ref_rtp(buf, SSRC, 1, 0);
	buf[0] |= 2; /* CSRCs, which are not there */
	ref_tag(&p.ref.rtp, buf, n, &(uint32_t){0}, buf + n);
	n = mki_insert(buf, n + SRTP_TAG, 0, 8);
	assert_int_equal(sp_srtp_unprotect(p.in, buf, &n, false, 0, true, &place), EACCES);
	mem_deref(p.in);
}

/* Told anew with another: that one counts, and what came does not come once more. */
static void test_told(void **state)
{
	struct sp_srtp_params params = {.mki = 6, .mki_len = 3, .lifetime = 4};
	(void)state;

	memcpy(params.key, b3_master, sizeof(params.key));
	for (int rtcp = 0; rtcp < 2; rtcp++) {
		struct peer p;

		peer_init(&p, rtcp, 5, 1);
		assert_int_equal(send_mki(&p, 5, 1, false), 0);
		assert_int_equal(sp_srtp_in_told(p.in, &params), 0);
		assert_int_equal(send_mki(&p, 5, 1, false), rtcp ? EBADMSG : EACCES);
		assert_int_equal(send_mki(&p, 6, 3, false), 0);
		p.next--;
		assert_int_equal(send_mki(&p, 6, 3, false), EALREADY);
		assert_int_equal(send_mki(&p, 6, 3, false), 0);
		assert_int_equal(send_mki(&p, 6, 3, false), 0);
		assert_int_equal(send_mki(&p, 6, 3, false), EKEYEXPIRED); /* of four */
		mem_deref(p.in);
	}
}

/* Two tags at most for one packet, whatever may be there. */
static void test_cost(void **state)
{
	uint8_t buf[BUF];
	(void)state;

	for (int rtcp = 0; rtcp < 2; rtcp++) {
		struct sp_srtp_place place;
		struct peer p;
		size_t n;

		peer_init(&p, rtcp, 1, 1);
		n = rtcp ? rtcp_wire(&p.ref, buf, SSRC, 1) : rtp_wire(&p.ref, buf, SSRC, 1, 40);
		n = mki_insert(buf, n, 1, 1);
		buf[n - 1] ^= 1;
		if (rtcp)
			buf[n - SRTP_TAG - SRTCP_INDEX] |= 0x80; /* E, read without MKI */
		assert_int_equal(sp_srtp_unprotect(p.in, buf, &n, rtcp, 30, false, &place), EACCES);
		assert_int_equal(p.in->rtp.tags + p.in->rtcp.tags, 2);
		mem_deref(p.in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_number),
		cmocka_unit_test(test_absent),  cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_short),   cmocka_unit_test(test_header_in_mki),
		cmocka_unit_test(test_told),    cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
