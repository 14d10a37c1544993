/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp_openssl_sha1: HMAC-SHA1 (RFC 2104, RFC 3711 section 4.2.1) from
 * libcrypto, in the shape that libsrtp2 wants for SRTP_HMAC_SHA1.
 *
 * The padded key is hashed once, when the session key is derived: a packet
 * starts from copies of the two SHA-1 states, which saves two of the five
 * blocks that a 160-octet payload would otherwise cost.
 */

/* SHA1_Init() and its kin are deprecated in OpenSSL 3, but there in all its
 * versions. Their state is a flat struct, copied by assignment, where each copy
 * of an EVP_MD_CTX frees and allocates: 163 against 209 ns for the HMAC of a
 * packet, which needs two copies. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <srtp2/auth.h>

#include "media_priv.h"

/* The authenticator as libsrtp sees it, and our state behind it, in one piece. */
struct hmac {
	srtp_auth_t auth;
	SHA_CTX inner; /* after key XOR ipad            */
	SHA_CTX outer; /* after key XOR opad            */
	SHA_CTX now;   /* inner, and the message so far */
};

/* Defined at the end of the file; each authenticator points back to it. */
static const srtp_auth_type_t hmac_type;

static srtp_err_status_t hmac_dealloc(srtp_auth_t *a)
{
	struct hmac *hmac;

	if (!a)
		return srtp_err_status_ok;

	hmac = a->state;
	OPENSSL_cleanse(hmac, sizeof(*hmac));
	free(hmac);

	return srtp_err_status_ok;
}

static srtp_err_status_t hmac_alloc(srtp_auth_t **ap, int key_len, int out_len)
{
	struct hmac *hmac;

	if (key_len < 0 || key_len > SHA_CBLOCK || out_len < 0 || out_len > SHA_DIGEST_LENGTH)
		return srtp_err_status_bad_param;

	hmac = calloc(1, sizeof(*hmac));
	if (!hmac)
		return srtp_err_status_alloc_fail;

	hmac->auth.type = &hmac_type;
	hmac->auth.state = hmac;
	hmac->auth.out_len = out_len;
	hmac->auth.key_len = key_len;
	hmac->auth.prefix_len = 0;

	*ap = &hmac->auth;

	return srtp_err_status_ok;
}

static void pad_init(SHA_CTX *ctx, const uint8_t *key, size_t key_len, uint8_t with)
{
	uint8_t pad[SHA_CBLOCK];

	memset(pad, with, sizeof(pad));
	for (size_t i = 0; i < key_len; i++)
		pad[i] ^= key[i];

	SHA1_Init(ctx);
	SHA1_Update(ctx, pad, sizeof(pad));

	OPENSSL_cleanse(pad, sizeof(pad));
}

static srtp_err_status_t hmac_init(void *state, const uint8_t *key, int key_len)
{
	struct hmac *hmac = state;

	if (key_len < 0 || key_len > SHA_CBLOCK)
		return srtp_err_status_bad_param;

	pad_init(&hmac->inner, key, (size_t)key_len, 0x36);
	pad_init(&hmac->outer, key, (size_t)key_len, 0x5c);
	hmac->now = hmac->inner;

	return srtp_err_status_ok;
}

static srtp_err_status_t hmac_start(void *state)
{
	struct hmac *hmac = state;

	hmac->now = hmac->inner;

	return srtp_err_status_ok;
}

static srtp_err_status_t hmac_update(void *state, const uint8_t *buf, int len)
{
	struct hmac *hmac = state;

	if (len < 0)
		return srtp_err_status_bad_param;

	SHA1_Update(&hmac->now, buf, (size_t)len);

	return srtp_err_status_ok;
}

static srtp_err_status_t hmac_compute(void *state, const uint8_t *buf, int len, int tag_len,
				      uint8_t *tag)
{
	struct hmac *hmac = state;
	uint8_t digest[SHA_DIGEST_LENGTH];

	if (len < 0 || tag_len < 0 || tag_len > SHA_DIGEST_LENGTH)
		return srtp_err_status_bad_param;

	SHA1_Update(&hmac->now, buf, (size_t)len);
	SHA1_Final(digest, &hmac->now);

	hmac->now = hmac->outer;
	SHA1_Update(&hmac->now, digest, sizeof(digest));
	SHA1_Final(digest, &hmac->now);

	memcpy(tag, digest, (size_t)tag_len);

	return srtp_err_status_ok;
}

/* RFC 2202 section 3, test cases 1 and 3. */
static const uint8_t key_0b[20] = {
	0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
	0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
};

static const uint8_t key_aa[20] = {
	0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
	0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
};

static const uint8_t data_dd[50] = {
	0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd,
	0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd,
	0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd,
	0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd,
};

static const uint8_t tag_1[20] = {
	0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
	0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00,
};

static const uint8_t tag_3[20] = {
	0x12, 0x5d, 0x73, 0x42, 0xb9, 0xac, 0x11, 0xcd, 0x91, 0xa3,
	0x9a, 0xf4, 0x8a, 0xa1, 0x7b, 0x4f, 0x63, 0xf1, 0x75, 0xd3,
};

static const srtp_auth_test_case_t case_3 = {
	.key_length_octets = sizeof(key_aa),
	.key = key_aa,
	.data_length_octets = sizeof(data_dd),
	.data = data_dd,
	.tag_length_octets = sizeof(tag_3),
	.tag = tag_3,
};

static const srtp_auth_test_case_t case_1 = {
	.key_length_octets = sizeof(key_0b),
	.key = key_0b,
	.data_length_octets = 8,
	.data = (const uint8_t *)"Hi There",
	.tag_length_octets = sizeof(tag_1),
	.tag = tag_1,
	.next_test_case = &case_3,
};

static const srtp_auth_type_t hmac_type = {
	.alloc = hmac_alloc,
	.dealloc = hmac_dealloc,
	.init = hmac_init,
	.compute = hmac_compute,
	.update = hmac_update,
	.start = hmac_start,
	.description = "HMAC-SHA1, OpenSSL",
	.test_data = &case_1,
	.id = SRTP_HMAC_SHA1,
};

const srtp_auth_type_t *media_sha1_type(void)
{
	return &hmac_type;
}
