/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP: the transforms against the vectors of RFC 3711 and RFC 2202, packets
 * against a second implementation written from the RFC, and what is malformed.
 */
#include "unit/srtp_fixture.h"

static const uint8_t b3_cipher[16] = {0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee,
				      0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0, 0x87};
static const uint8_t b3_salt[14] = {0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c,
				    0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1};
static const uint8_t b3_auth[20] = {0xce, 0xbe, 0x32, 0x1f, 0x6f, 0xf7, 0x71, 0x6b, 0x6f, 0xd4,
				    0xab, 0x49, 0xaf, 0x25, 0x6a, 0x15, 0x6d, 0x38, 0xba, 0xa4};

/* Appendix B.3. */
static void test_b3(void **state)
{
	uint8_t ours[SRTP_BLOCK] = {0}, theirs[SRTP_BLOCK] = {0}, salt[SRTP_BLOCK] = {0};
	struct srtp_keys k = {.aes = NULL}, auth = {.aes = NULL};
	struct ref ref;
	(void)state;

	assert_int_equal(srtp_keys_derive(&k, b3_master, false), 0);

	/* cipher key: its keystream of index 0 is the salt encrypted */
	memcpy(salt, b3_salt, sizeof(b3_salt));
	assert_int_equal(k.salt[0], 0x30cbbc08863d8c85);
	assert_int_equal(k.salt[1], 0xd49db34a9ae10000);
	assert_int_equal(srtp_keys_crypt(&k, 0, 0, ours, sizeof(ours)), 0);
	ref_ctr(b3_cipher, salt, theirs, sizeof(theirs));
	assert_memory_equal(ours, theirs, sizeof(theirs));

	srtp_mac_key(&auth, b3_auth);
	assert_memory_equal(k.inner, auth.inner, sizeof(auth.inner));
	assert_memory_equal(k.outer, auth.outer, sizeof(auth.outer));
	srtp_keys_wipe(&k);

	/* and the reference's, which proves SRTCP's keys of ours below */
	ref_init(&ref, b3_master);
	assert_memory_equal(ref.rtp.cipher, b3_cipher, sizeof(b3_cipher));
	assert_memory_equal(ref.rtp.salt, b3_salt, sizeof(b3_salt));
	assert_memory_equal(ref.rtp.auth, b3_auth, sizeof(b3_auth));
}

/* Appendix B.2: the first blocks of keystream. */
static void test_b2(void **state)
{
	static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
					0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
	static const uint8_t stream[48] = {
		0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1, 0x6d,
		0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02, 0xd0, 0xf7,
		0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab, 0x41, 0xe9, 0x5b, 0x3b,
		0xb0, 0xa2, 0xe8, 0xdd, 0x47, 0x79, 0x01, 0xe4, 0xfc, 0xa8, 0x94, 0xc0};
	struct srtp_keys k = {.salt = {0xf0f1f2f3f4f5f6f7, 0xf8f9fafbfcfd0000}};
	uint8_t buf[48] = {0};
	(void)state;

	k.aes = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit_ex2(k.aes, EVP_aes_128_ecb(), key, NULL, NULL), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(k.aes, 0), 1);
	for (size_t n = 0; n <= sizeof(buf); n++) {
		memset(buf, 0, sizeof(buf));
		assert_int_equal(srtp_keys_crypt(&k, 0, 0, buf, n), 0);
		assert_memory_equal(buf, stream, n);
		for (size_t i = n; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0);
	}
	srtp_keys_wipe(&k);
}

static void hmac_check(const uint8_t key[SRTP_AUTH_KEY], const char *data, size_t len,
		       const char *digest)
{
	struct srtp_keys k = {.aes = NULL};
	uint8_t tag[SRTP_TAG];
	struct srtp_mac mac;

	srtp_mac_key(&k, key);
	srtp_mac_begin(&mac, &k, (const uint8_t *)data, len, false);
	for (uint32_t roc = 0; roc < 2; roc++) { /* where there is no room for it */
		memset(tag, 0, sizeof(tag));
		srtp_mac_tag(&mac, &k, roc, tag);
		assert_memory_equal(tag, digest, sizeof(tag));
	}
}

/* RFC 2202 section 3, the cases whose key is of 20 octets, or shorter: HMAC puts zeros
 * behind those. */
static void test_rfc2202(void **state)
{
	uint8_t key[SRTP_AUTH_KEY] = "Jefe";
	char data[50];
	(void)state;

	hmac_check(key, "what do ya want for nothing?", 28,
		   "\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74");
	memset(key, 0x0b, sizeof(key));
	hmac_check(key, "Hi There", 8, "\xb6\x17\x31\x86\x55\x05\x72\x64\xe2\x8b");
	memset(key, 0x0c, sizeof(key));
	hmac_check(key, "Test With Truncation", 20, "\x4c\x1a\x03\x42\x4b\x55\xe0\x7f\xe7\xf2");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	hmac_check(key, data, sizeof(data), "\x12\x5d\x73\x42\xb9\xac\x11\xcd\x91\xa3");
}

/* Every packet of ours equals the reference's, and comes back. Sections 3.1, 3.3. */
static void test_rtp_reference(void **state)
{
	struct sp_srtp_out *out = out_new(b3_master, NULL);
	struct sp_srtp_in *in = in_new(b3_master);
	uint8_t plain[BUF], ours[BUF], theirs[BUF];
	struct sp_srtp_place place, got;
	uint64_t index = 0;
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (unsigned i = 0; i < 140000; i += 13) {
		size_t n, len;

		index = 0xfff0 + i;
		n = len = ref_rtp(plain, 0xcafebabe, (uint16_t)index, i % 1400);
		memcpy(ours, plain, n);
		memcpy(theirs, plain, n);
		place = place_of(0xcafebabe, 7, index);
		assert_int_equal(sp_srtp_protect(out, ours, &len, false, &place), 0);
		assert_int_equal(len, ref_protect(&ref, theirs, n, (uint32_t)(index >> 16)));
		assert_memory_equal(ours, theirs, len);

		assert_int_equal(sp_srtp_unprotect(in, theirs, &len, false, 0, false, &got), 0);
		assert_int_equal(len, n);
		assert_memory_equal(theirs, plain, n);
		assert_int_equal(got.index, index);
		assert_int_equal(got.ssrc, 0xcafebabe);
		assert_int_equal(got.first, i == 0);
		assert_false(got.late);
	}
	assert_int_equal(index >> 16, 3);
	assert_int_equal(sp_srtp_in_roc(in, 0xcafebabe), 3);
	assert_int_equal(sp_srtp_in_roc(in, 0xcafebabf), 0);

	mem_deref(out);
	mem_deref(in);
}

/* Tags over messages of all lengths modulo SHA-1's block. */
static void test_tag_lengths(void **state)
{
	struct sp_srtp_out *out = out_new(b3_master, NULL);
	uint8_t ours[BUF], theirs[BUF];
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (uint16_t i = 0; i < 300; i++) {
		const struct sp_srtp_place place = place_of(3, 1, i);
		size_t n = ref_rtp(ours, 3, i, i), len;

		len = rtp_wire(&ref, theirs, 3, i, i);
		assert_int_equal(sp_srtp_protect(out, ours, &n, false, &place), 0);
		assert_int_equal(n, len);
		assert_memory_equal(ours, theirs, n);
	}

	mem_deref(out);
}

/* Section 3.1: CSRCs and extension stay plain. */
static void test_rtp_header(void **state)
{
	const struct sp_srtp_place place = place_of(77, 1, 1);
	struct sp_srtp_out *out = out_new(b3_master, NULL);
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
	assert_int_equal(sp_srtp_protect(out, ours, &len, false, &place), 0);
	assert_int_equal(len, ref_protect(&ref, theirs, n, 0));
	assert_memory_equal(ours, theirs, len);
	assert_memory_equal(ours, plain, 12 + 12 + 4 + 20);
	assert_memory_not_equal(ours + 48, plain + 48, n - 48);

	mem_deref(out);
}

/* Section 3.4. */
static void test_rtcp_reference(void **state)
{
	struct sp_srtp_out *out = out_new(b3_master, NULL);
	struct sp_srtp_in *in = in_new(b3_master);
	uint8_t plain[BUF], ours[BUF], theirs[BUF];
	struct sp_srtp_place place = {.ssrc = 0};
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	for (uint32_t i = 0; i < 500; i++) {
		const size_t n = ref_rtcp(plain, 0xdecafbad, (uint8_t)i);
		size_t len = n;

		memcpy(ours, plain, n);
		memcpy(theirs, plain, n);
		assert_int_equal(sp_srtp_protect(out, ours, &len, true, &place), 0);
		assert_int_equal(len, n + 4 + REF_TAG);
		assert_int_equal(ref_get32(ours + n), 0x80000000u | i);
		assert_int_equal(len, ref_protect_rtcp(&ref, theirs, n, i));
		assert_memory_equal(ours, theirs, len);

		assert_int_equal(sp_srtp_unprotect(in, theirs, &len, true, 0, false, &place), 0);
		assert_int_equal(len, n);
		assert_memory_equal(theirs, plain, n);
		assert_int_equal(place.index, i);
		assert_int_equal(place.first, i == 0);
	}

	mem_deref(out);
	mem_deref(in);
}

static int unprotect_copy(struct sp_srtp_in *s, const uint8_t *p, size_t n, bool rtcp)
{
	uint8_t *buf = malloc(n ? n : 1); /* exact, for the sanitizer */
	struct sp_srtp_place place;
	const size_t was = n;
	int err;

	memcpy(buf, p, n);
	err = sp_srtp_unprotect(s, buf, &n, rtcp, 0, false, &place);
	if (err) { /* nothing has changed */
		assert_int_equal(n, was);
		assert_memory_equal(buf, p, n);
	}
	free(buf);

	return err;
}

/* Every octet is covered by the tag: header, payload, index and tag itself. */
static void test_every_bit(void **state)
{
	uint8_t wire[2][BUF], buf[BUF];
	struct sp_srtp_in *in = in_new(b3_master);
	struct ref ref;
	size_t n[2];
	(void)state;

	ref_init(&ref, b3_master);
	n[0] = rtp_wire(&ref, wire[0], 5, 1000, 160);
	n[1] = rtcp_wire(&ref, wire[1], 5, 3);
	for (int rtcp = 0; rtcp < 2; rtcp++) {
		for (size_t i = 0; i < 8 * n[rtcp]; i++) {
			int err;

			memcpy(buf, wire[rtcp], n[rtcp]);
			buf[i / 8] ^= (uint8_t)(1u << i % 8);
			err = unprotect_copy(in, buf, n[rtcp], rtcp);
			assert_true(err == EACCES || err == EBADMSG);
		}
		assert_int_equal((rtcp ? in->rtcp : in->rtp).table.n, 0);
		assert_int_equal(unprotect_copy(in, wire[rtcp], n[rtcp], rtcp), 0);
	}

	mem_deref(in);
}

static void test_malformed(void **state)
{
	struct sp_srtp_in *in = in_new(b3_master);
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

/* The longest packet there and back; a longer one is refused. */
static void test_longest(void **state)
{
	struct sp_srtp_out *out = out_new(b3_master, NULL);
	struct sp_srtp_place place = place_of(1, 1, 9);
	struct sp_srtp_in *in = in_new(b3_master);
	uint8_t wire[BUF], theirs[BUF];
	size_t n;
	struct ref ref;
	(void)state;

	ref_init(&ref, b3_master);
	n = ref_rtp(wire, 1, 9, SRTP_PACKET_MAX - 12);
	assert_int_equal(n, SRTP_PACKET_MAX);
	assert_int_equal(sp_srtp_protect(out, wire, &n, false, &place), 0);
	assert_int_equal(n, rtp_wire(&ref, theirs, 1, 9, SRTP_PACKET_MAX - 12));
	assert_memory_equal(wire, theirs, n);
	assert_int_equal(unprotect_copy(in, wire, n, false), EBADMSG);

	n = rtp_wire(&ref, wire, 1, 10, SRTP_PACKET_MAX - 12 - SRTP_TAG);
	assert_int_equal(n, SRTP_PACKET_MAX);
	assert_int_equal(sp_srtp_unprotect(in, wire, &n, false, 0, false, &place), 0);
	assert_int_equal(place.index, 10);

	n = ref_rtp(wire, 1, 10, SRTP_PACKET_MAX - 11);
	assert_int_equal(sp_srtp_protect(out, wire, &n, false, &place), EBADMSG);
	memset(wire, 0x80, SRTP_PACKET_MAX + 1);
	n = SRTP_PACKET_MAX + 1;
	assert_int_equal(sp_srtp_protect(out, wire, &n, true, &place), EBADMSG);
	assert_int_equal(unprotect_copy(in, wire, n, true), EBADMSG);

	mem_deref(out);
	mem_deref(in);
}

/* What is to be protected is looked at, too. */
static void test_protect_malformed(void **state)
{
	struct sp_srtp_out *out = out_new(b3_master, NULL);
	const struct sp_srtp_place place = place_of(5, 1, 9);
	uint8_t p[BUF];
	size_t n;
	(void)state;

	for (size_t len = 0; len < 12; len++) {
		(void)ref_rtp(p, 5, 9, 20);
		n = len;
		assert_int_equal(sp_srtp_protect(out, p, &n, false, &place), EBADMSG);
		n = len;
		(void)ref_rtcp(p, 5, 9);
		assert_int_equal(sp_srtp_protect(out, p, &n, true, &place), len < 8 ? EBADMSG : 0);
	}

	n = ref_rtp(p, 6, 9, 20); /* it is another packet than its place says */
	assert_int_equal(sp_srtp_protect(out, p, &n, false, &place), EBADMSG);
	n = ref_rtp(p, 5, 10, 20);
	assert_int_equal(sp_srtp_protect(out, p, &n, false, &place), EBADMSG);
	n = ref_rtp(p, 5, 9, 20);
	p[0] = 0x40;
	assert_int_equal(sp_srtp_protect(out, p, &n, false, &place), EBADMSG);
	p[0] = 0x80;
	assert_int_equal(sp_srtp_protect(out, p, &n, false, &place), 0);

	mem_deref(out);
}

/* A key is the same whatever was signalled with it. */
static void test_params(void **state)
{
	struct sp_srtp_params params = {.lifetime = 0}, other;
	struct sp_srtp_in *in = NULL;
	(void)state;

	memcpy(params.key, b3_master, sizeof(params.key));
	params.mki = 300;
	params.mki_len = 2;
	in = in_with(b3_master, 0, 300, 2);
	assert_true(sp_srtp_in_same(in, &params));
	for (size_t i = 0; i < sizeof(params.key); i++) {
		other = params;
		other.key[i] ^= 0x80;
		assert_false(sp_srtp_in_same(in, &other));
	}
	other = params;
	other.mki++;
	other.mki_len++;
	other.lifetime = 1;
	assert_true(sp_srtp_in_same(in, &other));
	assert_int_equal(sp_srtp_in_told(in, &other), 0);
	other.mki_len = 1; /* it does not fit */
	assert_int_equal(sp_srtp_in_told(in, &other), EINVAL);
	assert_int_equal(sp_srtp_in_told(NULL, &params), EINVAL);
	assert_int_equal(sp_srtp_in_told(in, NULL), EINVAL);
	assert_false(sp_srtp_in_same(NULL, &other));
	assert_false(sp_srtp_in_same(in, NULL));
	in = mem_deref(in);

	other = params;
	other.mki = 65536; /* does not fit in two octets */
	assert_int_equal(sp_srtp_in_alloc(&in, &other), EINVAL);
	other.mki_len = SP_SRTP_MKI_MAX + 1;
	assert_int_equal(sp_srtp_in_alloc(&in, &other), EINVAL);
	assert_int_equal(sp_srtp_in_alloc(NULL, &params), EINVAL);
	assert_int_equal(sp_srtp_in_alloc(&in, NULL), EINVAL);
	assert_null(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b3),
		cmocka_unit_test(test_b2),
		cmocka_unit_test(test_rfc2202),
		cmocka_unit_test(test_rtp_reference),
		cmocka_unit_test(test_tag_lengths),
		cmocka_unit_test(test_rtp_header),
		cmocka_unit_test(test_rtcp_reference),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_protect_malformed),
		cmocka_unit_test(test_params),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
