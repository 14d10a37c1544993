/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP sessions: against RFC 3711's vectors, against a second implementation
 * written from the RFC, and against libsrtp2's own transforms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

#include "media_priv.h"
#include "sallyport/base_util.h"
#include "unit/media_reference.h"

enum { BUF = 2048 };

/* RFC 3711 appendix B.3. */
static const uint8_t b3_master[30] = {
	0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41,
	0x39, 0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
};
static const uint8_t b3_cipher[16] = {0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee,
				      0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0, 0x87};
static const uint8_t b3_salt[14] = {0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c,
				    0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1};
static const uint8_t b3_auth[20] = {0xce, 0xbe, 0x32, 0x1f, 0x6f, 0xf7, 0x71, 0x6b, 0x6f, 0xd4,
				    0xab, 0x49, 0xaf, 0x25, 0x6a, 0x15, 0x6d, 0x38, 0xba, 0xa4};

static struct sp_srtp *session(const uint8_t key[30], enum sp_srtp_dir dir)
{
	struct sp_srtp *s = NULL;

	assert_int_equal(sp_srtp_alloc(&s, key, dir), 0);

	return s;
}

/* B.3 proves the reference's key derivation; the reference proves ours. */
static void test_b3_reference(void **state)
{
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	assert_memory_equal(ref.rtp.cipher, b3_cipher, sizeof(b3_cipher));
	assert_memory_equal(ref.rtp.salt, b3_salt, sizeof(b3_salt));
	assert_memory_equal(ref.rtp.auth, b3_auth, sizeof(b3_auth));
}

/* RFC 3711 appendix B.2: keystream blocks 0..2 and 0xfeff..0xff01. */
static void test_b2_keystream(void **state)
{
	static const uint8_t key[30] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7,
					0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c, 0xf0, 0xf1, 0xf2, 0xf3,
					0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd};
	static const uint8_t first[48] = {
		0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1, 0x6d,
		0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02, 0xd0, 0xf7,
		0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab, 0x41, 0xe9, 0x5b, 0x3b,
		0xb0, 0xa2, 0xe8, 0xdd, 0x47, 0x79, 0x01, 0xe4, 0xfc, 0xa8, 0x94, 0xc0};
	static const uint8_t last[48] = {0xec, 0x8c, 0xdf, 0x73, 0x98, 0x60, 0x7c, 0xb0, 0xf2, 0xd2,
					 0x16, 0x75, 0xea, 0x9e, 0xa1, 0xe4, 0x36, 0x2b, 0x7c, 0x3c,
					 0x67, 0x73, 0x51, 0x63, 0x18, 0xa0, 0x77, 0xd7, 0xfc, 0x50,
					 0x73, 0xae, 0x6a, 0x2c, 0xc3, 0x78, 0x78, 0x89, 0x37, 0x4f,
					 0xbe, 0xb4, 0xc8, 0x1b, 0x17, 0xba, 0x6c, 0x44};
	uint8_t iv[16] = {0}, buf[48] = {0};
	unsigned len = sizeof(buf);
	srtp_cipher_t *c = NULL;
	(void)state;

	assert_int_equal(srtp_cipher_type_alloc(media_aes_type(), &c, 30, 0), 0);
	assert_int_equal(srtp_cipher_init(c, key), 0);
	assert_int_equal(srtp_cipher_set_iv(c, iv, srtp_direction_encrypt), 0);
	assert_int_equal(srtp_cipher_encrypt(c, buf, &len), 0);
	assert_memory_equal(buf, first, sizeof(first));

	memset(buf, 0, sizeof(buf));
	iv[14] = 0xfe;
	iv[15] = 0xff;
	assert_int_equal(srtp_cipher_set_iv(c, iv, srtp_direction_decrypt), 0);
	assert_int_equal(srtp_cipher_decrypt(c, buf, &len), 0);
	assert_memory_equal(buf, last, sizeof(last));
	srtp_cipher_dealloc(c);

	/* a master key of another length is not for our cipher */
	assert_int_not_equal(srtp_cipher_type_alloc(media_aes_type(), &c, 16, 0), 0);
	assert_int_not_equal(srtp_cipher_type_alloc(media_aes_type(), &c, 46, 0), 0);
}

static void hmac_check(const char *key, int key_len, const char *data, int data_len,
		       const char *digest, int pieces)
{
	uint8_t tag[20];
	srtp_auth_t *a = NULL;
	int done = 0;

	assert_int_equal(srtp_auth_type_alloc(media_sha1_type(), &a, key_len, 20), 0);
	assert_int_equal(srtp_auth_init(a, (const uint8_t *)key), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(srtp_auth_start(a), 0);
		for (done = 0; done + pieces < data_len; done += pieces)
			assert_int_equal(srtp_auth_update(a, (const uint8_t *)data + done, pieces),
					 0);
		memset(tag, 0, sizeof(tag));
		assert_int_equal(
			srtp_auth_compute(a, (const uint8_t *)data + done, data_len - done, tag),
			0);
		assert_memory_equal(tag, digest, sizeof(tag));
	}
	srtp_auth_dealloc(a);
}

/* RFC 2202 section 3, the cases whose key is one block or less. */
static void test_rfc2202(void **state)
{
	char key[20], key4[25], data[50];
	(void)state;

	memset(key, 0x0b, sizeof(key));
	hmac_check(key, 20, "Hi There", 8,
		   "\xb6\x17\x31\x86\x55\x05\x72\x64\xe2\x8b"
		   "\xc0\xb6\xfb\x37\x8c\x8e\xf1\x46\xbe\x00",
		   100);
	hmac_check("Jefe", 4, "what do ya want for nothing?", 28,
		   "\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74"
		   "\x16\xd5\xf1\x84\xdf\x9c\x25\x9a\x7c\x79",
		   5);
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	hmac_check(key, 20, data, 50,
		   "\x12\x5d\x73\x42\xb9\xac\x11\xcd\x91\xa3"
		   "\x9a\xf4\x8a\xa1\x7b\x4f\x63\xf1\x75\xd3",
		   7);
	for (int i = 0; i < 25; i++)
		key4[i] = (char)(i + 1);
	memset(data, 0xcd, sizeof(data));
	hmac_check(key4, 25, data, 50,
		   "\x4c\x90\x07\xf4\x02\x62\x50\xc6\xbc\x84"
		   "\x14\xf9\xbf\x50\xc8\x6c\x2d\x72\x35\xda",
		   50);
}

/* Every packet of ours equals the reference's, and comes back. */
static void test_rtp_reference(void **state)
{
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	struct sp_srtp *in = session(b3_master, SP_SRTP_IN);
	uint8_t plain[BUF], ours[BUF], theirs[BUF];
	uint32_t roc = 0;
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (unsigned i = 0; i < 70000; i += 13) {
		const uint16_t seq = (uint16_t)(0xfff0 + i);
		const size_t n = ref_rtp(plain, 0xcafebabe, seq, i % 1400);
		size_t len = n;

		roc = (0xfff0 + i) >> 16;
		memcpy(ours, plain, n);
		memcpy(theirs, plain, n);
		assert_int_equal(sp_srtp_protect(out, ours, &len, false), 0);
		assert_int_equal(len, ref_protect(&ref, theirs, n, roc));
		assert_memory_equal(ours, theirs, len);

		assert_int_equal(sp_srtp_unprotect(in, theirs, &len, false), 0);
		assert_int_equal(len, n);
		assert_memory_equal(theirs, plain, n);
	}
	assert_int_equal(roc, 2);

	mem_deref(out);
	mem_deref(in);
}

/* Section 3.1: CSRCs and extension stay plain. */
static void test_rtp_header(void **state)
{
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	uint8_t plain[BUF], ours[BUF], theirs[BUF];
	size_t len, n = ref_rtp(plain, 77, 1, 100);
	struct ref ref;
	(void)state;

	plain[0] = 0x80 | 0x10 | 3;
	plain[12 + 12 + 2] = 0; /* extension of 5 words behind 3 CSRCs */
	plain[12 + 12 + 3] = 5;
	memcpy(ours, plain, n);
	memcpy(theirs, plain, n);

	ref_init(&ref, b3_master);
	len = n;
	assert_int_equal(sp_srtp_protect(out, ours, &len, false), 0);
	assert_int_equal(len, ref_protect(&ref, theirs, n, 0));
	assert_memory_equal(ours, theirs, len);
	assert_memory_equal(ours, plain, 12 + 12 + 4 + 20);
	assert_memory_not_equal(ours + 48, plain + 48, n - 48);

	mem_deref(out);
}

/* Section 3.4. */
static void test_rtcp_reference(void **state)
{
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	struct sp_srtp *in = session(b3_master, SP_SRTP_IN);
	uint8_t plain[BUF], ours[BUF], theirs[BUF];
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (uint32_t i = 1; i < 500; i++) {
		const size_t n = ref_rtcp(plain, 0xdecafbad, (uint8_t)i);
		size_t len = n;
		uint32_t index;

		memcpy(ours, plain, n);
		memcpy(theirs, plain, n);
		assert_int_equal(sp_srtp_protect(out, ours, &len, true), 0);
		assert_int_equal(len, n + 4 + REF_TAG);
		index = ref_get32(ours + n);
		assert_int_equal(index, 0x80000000u | i);
		assert_int_equal(len, ref_protect_rtcp(&ref, theirs, n, i));
		assert_memory_equal(ours, theirs, len);

		assert_int_equal(sp_srtp_unprotect(in, theirs, &len, true), 0);
		assert_int_equal(len, n);
		assert_memory_equal(theirs, plain, n);
	}

	mem_deref(out);
	mem_deref(in);
}

static void test_refused(void **state)
{
	struct sp_srtp *in = session(b3_master, SP_SRTP_IN);
	uint8_t wire[BUF], buf[BUF];
	struct ref ref;
	size_t n, len;
	(void)state;

	ref_init(&ref, b3_master);
	n = ref_protect(&ref, wire, ref_rtp(wire, 5, 1000, 160), 0);

	/* every octet is covered by the tag: header, payload and tag itself */
	for (size_t i = 0; i < n; i++) {
		memcpy(buf, wire, n);
		buf[i] ^= 0x04;
		len = n;
		assert_int_equal(sp_srtp_unprotect(in, buf, &len, false), EACCES);
	}
	assert_int_equal(media_srtp_ssrcs(in), 0);

	memcpy(buf, wire, n);
	len = n;
	assert_int_equal(sp_srtp_unprotect(in, buf, &len, false), 0);

	/* section 3.3.2: the replay list */
	memcpy(buf, wire, n);
	len = n;
	assert_int_equal(sp_srtp_unprotect(in, buf, &len, false), EALREADY);
	n = ref_protect(&ref, wire, ref_rtp(wire, 5, 1256, 160), 0);
	assert_int_equal(sp_srtp_unprotect(in, wire, &n, false), 0);
	n = ref_protect(&ref, wire, ref_rtp(wire, 5, 1001, 160), 0);
	assert_int_equal(sp_srtp_unprotect(in, wire, &n, false), 0);
	n = ref_protect(&ref, wire, ref_rtp(wire, 5, 999, 160), 0);
	assert_int_equal(sp_srtp_unprotect(in, wire, &n, false), EALREADY);

	mem_deref(in);
}

static int unprotect_copy(struct sp_srtp *s, const uint8_t *p, size_t n, bool rtcp)
{
	uint8_t *buf = malloc(n ? n : 1); /* exact, for the sanitizer */
	int err;

	memcpy(buf, p, n);
	err = sp_srtp_unprotect(s, buf, &n, rtcp);
	free(buf);

	return err;
}

static void test_malformed(void **state)
{
	struct sp_srtp *in = session(b3_master, SP_SRTP_IN);
	uint8_t p[BUF] = {0x80};
	(void)state;

	for (size_t n = 0; n < 22; n++) {
		assert_int_equal(unprotect_copy(in, p, n, false), EBADMSG);
		assert_int_equal(unprotect_copy(in, p, n, true), EBADMSG);
	}
	assert_int_equal(unprotect_copy(in, p, 22, false), EACCES);
	assert_int_equal(unprotect_copy(in, p, 22, true), EBADMSG); /* no E bit */
	p[8] = 0x80;
	assert_int_equal(unprotect_copy(in, p, 22, true), EACCES);

	for (unsigned version = 0; version < 4; version++) {
		p[0] = (uint8_t)(version << 6);
		assert_int_equal(unprotect_copy(in, p, 100, false),
				 version == 2 ? EACCES : EBADMSG);
		assert_int_equal(unprotect_copy(in, p, 100, true), EBADMSG); /* no E bit */
	}

	p[0] = 0x8f; /* 15 CSRCs */
	assert_int_equal(unprotect_copy(in, p, 12 + 60 + 9, false), EBADMSG);
	assert_int_equal(unprotect_copy(in, p, 12 + 60 + 10, false), EACCES);

	p[0] = 0x90; /* an extension that reaches beyond the end */
	assert_int_equal(unprotect_copy(in, p, 12 + 13, false), EBADMSG);
	assert_int_equal(unprotect_copy(in, p, 12 + 14, false), EACCES);
	p[15] = 1;
	assert_int_equal(unprotect_copy(in, p, 12 + 17, false), EBADMSG);
	p[14] = 0xff;
	p[15] = 0xff;
	assert_int_equal(unprotect_copy(in, p, 1500, false), EBADMSG);

	mem_deref(in);
}

/* RFC 3711 section 9.1: an index is used once only. */
static void test_no_second_use(void **state)
{
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	uint8_t buf[BUF];
	size_t n = ref_rtp(buf, 9, 5, 160);
	(void)state;

	assert_int_equal(sp_srtp_protect(out, buf, &n, false), 0);
	n = ref_rtp(buf, 9, 5, 160);
	buf[20] ^= 1;
	assert_int_equal(sp_srtp_protect(out, buf, &n, false), EALREADY);

	mem_deref(out);
}

static void test_ssrc_bound(void **state)
{
	struct sp_srtp *in = session(b3_master, SP_SRTP_IN);
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	uint8_t buf[BUF];
	struct ref ref;
	size_t n;
	(void)state;

	ref_init(&ref, b3_master);
	for (uint32_t i = 0; i < 1000; i++) {

		/* this one stays in use, so it is never the one to go */
		n = ref_protect(&ref, buf, ref_rtp(buf, 0xffffffff, (uint16_t)i, 20), 0);
		assert_int_equal(sp_srtp_unprotect(in, buf, &n, false), 0);

		n = ref_protect(&ref, buf, ref_rtp(buf, i, 1, 20), 0);
		assert_int_equal(sp_srtp_unprotect(in, buf, &n, false), 0);
		assert_int_equal(sp_srtp_protect(out, buf, &n, false), 0);
		assert_in_range(media_srtp_ssrcs(in), 1, SP_RELAY_SSRC_MAX);
		assert_in_range(media_srtp_ssrcs(out), 1, SP_RELAY_SSRC_MAX);
	}
	assert_int_equal(media_srtp_ssrcs(in), SP_RELAY_SSRC_MAX);

	n = ref_protect(&ref, buf, ref_rtp(buf, 0xffffffff, 999, 20), 0);
	assert_int_equal(sp_srtp_unprotect(in, buf, &n, false), EALREADY);
	n = ref_protect(&ref, buf, ref_rtp(buf, 1000 - 15, 1, 20), 0);
	assert_int_equal(sp_srtp_unprotect(in, buf, &n, false), EALREADY);
	n = ref_protect(&ref, buf, ref_rtp(buf, 1000 - 16, 1, 20), 0);
	assert_int_equal(sp_srtp_unprotect(in, buf, &n, false), 0); /* forgotten */

	mem_deref(in);
	mem_deref(out);
}

enum { DIFF_PACKETS = 4000, DIFF_SSRCS = 5 };

/* Packet i of the differential run; the same on each call. */
static size_t diff_packet(uint8_t *p, unsigned i, bool *rtcp)
{
	const uint32_t x = i * 2654435761u;
	const uint16_t seq = (uint16_t)(0xfe00 + i / DIFF_SSRCS);

	*rtcp = i % 11 == 0;
	if (*rtcp)
		return ref_rtcp(p, i % DIFF_SSRCS, (uint8_t)x);

	return ref_rtp(p, i % DIFF_SSRCS, seq, x % 1489);
}

static uint8_t *diff_run(const uint8_t key[30])
{
	struct sp_srtp *out = session(key, SP_SRTP_OUT);
	uint8_t *all = calloc(DIFF_PACKETS, BUF);

	for (unsigned i = 0; i < DIFF_PACKETS; i++) {
		uint8_t *p = all + (size_t)i * BUF;
		bool rtcp;
		size_t n = diff_packet(p, i, &rtcp);

		assert_int_equal(sp_srtp_protect(out, p, &n, rtcp), 0);
		ref_put32(p + BUF - 4, (uint32_t)n);
	}
	mem_deref(out);

	return all;
}

/* What libsrtp's own transforms made, before ours took their place. */
struct stock {
	uint8_t key[30];
	uint8_t *all;
};

static int setup(void **state)
{
	static struct stock stock;

	sp_random(stock.key, sizeof(stock.key));
	if (srtp_init())
		return -1;
	stock.all = diff_run(stock.key);
	srtp_shutdown();

	*state = &stock;

	return sp_media_init();
}

/* 4,000 packets of all lengths, five SSRCs, over the wrap of the sequence
 * number: ours equal libsrtp's. */
static void test_stock(void **state)
{
	const struct stock *stock = *state;
	uint8_t *ours = diff_run(stock->key);

	for (size_t i = 0; i < DIFF_PACKETS; i++)
		assert_memory_equal(ours + i * BUF, stock->all + i * BUF, BUF);

	free(ours);
}

/* Tags over messages of all lengths modulo SHA-1's block. */
static void test_tag_lengths(void **state)
{
	struct sp_srtp *out = session(b3_master, SP_SRTP_OUT);
	uint8_t ours[BUF], theirs[BUF];
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (uint16_t i = 0; i < 300; i++) {
		size_t n = ref_rtp(ours, 3, i, i), len;

		ref_rtp(theirs, 3, i, i);
		len = ref_protect(&ref, theirs, n, 0);
		assert_int_equal(sp_srtp_protect(out, ours, &n, false), 0);
		assert_int_equal(n, len);
		assert_memory_equal(ours, theirs, n);
	}

	mem_deref(out);
}

static int teardown(void **state)
{
	struct stock *stock = *state;

	free(stock->all);
	sp_media_close();

	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stock),          cmocka_unit_test(test_b3_reference),
		cmocka_unit_test(test_b2_keystream),   cmocka_unit_test(test_rfc2202),
		cmocka_unit_test(test_rtp_reference),  cmocka_unit_test(test_rtp_header),
		cmocka_unit_test(test_rtcp_reference), cmocka_unit_test(test_tag_lengths),
		cmocka_unit_test(test_refused),        cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_no_second_use),  cmocka_unit_test(test_ssrc_bound),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
