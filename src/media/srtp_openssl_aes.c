/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp_openssl_aes: AES-128 in counter mode (RFC 3711 section 4.1.1)
 * from libcrypto, in the shape that libsrtp2 wants for SRTP_AES_ICM_128.
 *
 * Debian builds libsrtp2 on NSS, which makes a new context for each packet.
 * Here the key schedule is computed once, when a stream's session key is
 * derived. A packet's counter blocks are then encrypted in one call and its
 * octets XORed with them: setting the counter of OpenSSL's own CTR mode walks
 * through lists of named parameters and costs more than the AES itself.
 */
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <srtp2/cipher.h>

#include "media_priv.h"

enum {
	KEY_SIZE = 16,
	SALT_SIZE = 14,
	BLOCK_SIZE = 16,
	CHUNK = 96, /* blocks encrypted at a time: a full-sized packet */
};

/* The cipher as libsrtp sees it, and our state behind it, in one piece. */
struct icm {
	srtp_cipher_t cipher;
	EVP_CIPHER_CTX *ctx;
	uint8_t offset[BLOCK_SIZE];  /* the salt times 2^16                   */
	uint8_t counter[BLOCK_SIZE]; /* of this packet; its last 16 bits count */
	size_t pos;                  /* octets of this packet's keystream used */
};

/* Defined at the end of the file; each cipher points back to it. */
static const srtp_cipher_type_t icm_type;

static srtp_err_status_t icm_dealloc(srtp_cipher_t *c)
{
	struct icm *icm;

	if (!c)
		return srtp_err_status_ok;

	icm = c->state;
	EVP_CIPHER_CTX_free(icm->ctx); /* wipes the key schedule */
	OPENSSL_cleanse(icm, sizeof(*icm));
	free(icm);

	return srtp_err_status_ok;
}

static srtp_err_status_t icm_alloc(srtp_cipher_t **cp, int key_len, int tag_len)
{
	struct icm *icm;
	(void)tag_len;

	if (key_len != KEY_SIZE + SALT_SIZE)
		return srtp_err_status_bad_param;

	icm = calloc(1, sizeof(*icm));
	if (!icm)
		return srtp_err_status_alloc_fail;

	icm->cipher.type = &icm_type;
	icm->cipher.state = icm;
	icm->cipher.key_len = key_len;
	icm->cipher.algorithm = SRTP_AES_ICM_128;

	icm->ctx = EVP_CIPHER_CTX_new();
	if (!icm->ctx) {
		icm_dealloc(&icm->cipher);
		return srtp_err_status_alloc_fail;
	}

	*cp = &icm->cipher;

	return srtp_err_status_ok;
}

static srtp_err_status_t icm_init(void *state, const uint8_t *key)
{
	struct icm *icm = state;

	memset(icm->offset, 0, sizeof(icm->offset));
	memcpy(icm->offset, key + KEY_SIZE, SALT_SIZE);

	if (!EVP_EncryptInit_ex2(icm->ctx, EVP_aes_128_ecb(), key, NULL, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(icm->ctx, 0))
		return srtp_err_status_init_fail;

	return srtp_err_status_ok;
}

/* Counter mode knows no direction: decryption is encryption. */
static srtp_err_status_t icm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t dir)
{
	struct icm *icm = state;
	(void)dir;

	for (size_t i = 0; i < BLOCK_SIZE; i++)
		icm->counter[i] = icm->offset[i] ^ iv[i];
	icm->pos = 0;

	return srtp_err_status_ok;
}

/* Fill stream with n blocks of keystream, the first of them being number first. */
static bool keystream(struct icm *icm, uint8_t *stream, size_t first, size_t n)
{
	const unsigned base = (unsigned)icm->counter[14] << 8 | icm->counter[15];
	int len;

	for (size_t i = 0; i < n; i++) {
		const unsigned count = base + (unsigned)(first + i);
		uint8_t *block = stream + i * BLOCK_SIZE;

		memcpy(block, icm->counter, BLOCK_SIZE - 2);
		block[14] = (uint8_t)(count >> 8);
		block[15] = (uint8_t)count;
	}

	return EVP_EncryptUpdate(icm->ctx, stream, &len, stream, (int)(n * BLOCK_SIZE));
}

static void xor_into(uint8_t *buf, const uint8_t *stream, size_t len)
{
	uint64_t a, b;
	size_t i = 0;

	for (; i + sizeof(a) <= len; i += sizeof(a)) {
		memcpy(&a, buf + i, sizeof(a));
		memcpy(&b, stream + i, sizeof(b));
		a ^= b;
		memcpy(buf + i, &a, sizeof(a));
	}
	for (; i < len; i++)
		buf[i] ^= stream[i];
}

/* A packet may come in pieces: each goes on where the one before ended. */
static srtp_err_status_t icm_crypt(void *state, uint8_t *buf, unsigned int *len)
{
	uint8_t stream[CHUNK * BLOCK_SIZE];
	struct icm *icm = state;
	size_t left = *len;

	while (left) {
		const size_t skip = icm->pos % BLOCK_SIZE;
		const size_t n = min(left, sizeof(stream) - skip);

		if (!keystream(icm, stream, icm->pos / BLOCK_SIZE,
			       (skip + n + BLOCK_SIZE - 1) / BLOCK_SIZE))
			return srtp_err_status_cipher_fail;

		xor_into(buf, stream + skip, n);
		buf += n;
		left -= n;
		icm->pos += n;
	}

	return srtp_err_status_ok;
}

/* RFC 3711 appendix B.2: the first three blocks of keystream. */
static const uint8_t b2_key[KEY_SIZE + SALT_SIZE] = {
	0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
	0x3c, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
};

static const uint8_t b2_zero[3 * BLOCK_SIZE] = {0};

static const uint8_t b2_keystream[3 * BLOCK_SIZE] = {
	0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1, 0x6d,
	0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02, 0xd0, 0xf7,
	0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab, 0x41, 0xe9, 0x5b, 0x3b,
	0xb0, 0xa2, 0xe8, 0xdd, 0x47, 0x79, 0x01, 0xe4, 0xfc, 0xa8, 0x94, 0xc0,
};

static const srtp_cipher_test_case_t b2_case = {
	.key_length_octets = sizeof(b2_key),
	.key = b2_key,
	.idx = (uint8_t *)b2_zero, /* only ever read, by icm_set_iv() */
	.plaintext_length_octets = sizeof(b2_zero),
	.plaintext = b2_zero,
	.ciphertext_length_octets = sizeof(b2_keystream),
	.ciphertext = b2_keystream,
};

static const srtp_cipher_type_t icm_type = {
	.alloc = icm_alloc,
	.dealloc = icm_dealloc,
	.init = icm_init,
	.encrypt = icm_crypt,
	.decrypt = icm_crypt,
	.set_iv = icm_set_iv,
	.description = "AES-128 counter mode, OpenSSL",
	.test_data = &b2_case,
	.id = SRTP_AES_ICM_128,
};

const srtp_cipher_type_t *media_aes_type(void)
{
	return &icm_type;
}
