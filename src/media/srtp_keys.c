/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp_keys: AES-128 in counter mode (RFC 3711 4.1.1), HMAC-SHA1 (4.2.1)
 * and the derivation of their keys (4.3), from libcrypto.
 *
 * What depends on the key alone is computed once: the key schedule, and SHA-1
 * over the padded key. A packet then costs its own blocks and one more.
 *
 * Counter blocks are built here and encrypted in one call of ECB: to set the
 * counter of OpenSSL's CTR mode walks through lists of named parameters and
 * costs more than the AES of a packet. For the same reason SHA-1 is not taken
 * through EVP, whose contexts cost an allocation for each copy.
 */

/* SHA1_Update() and SHA1_Transform() are deprecated in OpenSSL 3, but there in
 * all its versions. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <endian.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "sallyport/base_secret.h"
#include "srtp_priv.h"

/* 16 octets that are written at once: AES and SHA-1 read as many, and would wait for those
 * that were written in pieces. */
typedef uint64_t chunk __attribute__((vector_size(16)));

/* ---- SHA-1 from a state, and back to one ---- */

static void hash_load(SHA_CTX *ctx, const uint32_t hash[SRTP_HASH_WORDS])
{
	ctx->h0 = hash[0];
	ctx->h1 = hash[1];
	ctx->h2 = hash[2];
	ctx->h3 = hash[3];
	ctx->h4 = hash[4];
}

static void hash_save(uint32_t hash[SRTP_HASH_WORDS], const SHA_CTX *ctx)
{
	hash[0] = ctx->h0;
	hash[1] = ctx->h1;
	hash[2] = ctx->h2;
	hash[3] = ctx->h3;
	hash[4] = ctx->h4;
}

/* A message's last block ends with its length in bits (FIPS 180-4 5.1.1). */
static void put_length(uint8_t *end, uint64_t octets)
{
	const uint64_t bits = htobe64(octets * 8);

	memcpy(end - sizeof(bits), &bits, sizeof(bits));
}

/* ---- HMAC-SHA1 ---- */

static void pad_hash(uint32_t hash[SRTP_HASH_WORDS], const uint8_t key[SRTP_AUTH_KEY], uint8_t with)
{
	uint8_t pad[SRTP_HASH_BLOCK];
	SHA_CTX ctx;

	memset(pad, with, sizeof(pad));
	for (size_t i = 0; i < SRTP_AUTH_KEY; i++)
		pad[i] ^= key[i];

	SHA1_Init(&ctx);
	SHA1_Transform(&ctx, pad);
	hash_save(hash, &ctx);

	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(&ctx, sizeof(ctx));
}

void srtp_mac_key(struct srtp_keys *k, const uint8_t key[SRTP_AUTH_KEY])
{
	pad_hash(k->inner, key, 0x36);
	pad_hash(k->outer, key, 0x5c);
}

void srtp_mac_begin(struct srtp_mac *m, const struct srtp_keys *k, const uint8_t *buf, size_t len,
		    bool roc)
{
	const size_t whole = len & ~(size_t)(SRTP_HASH_BLOCK - 1);
	const size_t all = len + (roc ? 4 : 0);
	size_t used = len - whole;
	SHA_CTX ctx;

	hash_load(&ctx, k->inner);
	if (whole) {
		ctx.Nl = ctx.Nh = ctx.num = 0; /* nothing waits in it */
		SHA1_Update(&ctx, buf, whole);
	}
	hash_save(m->hash, &ctx);

	m->roc_at = roc ? used : sizeof(m->tail);
	m->blocks = (all - whole + 1 + 8 + SRTP_HASH_BLOCK - 1) / SRTP_HASH_BLOCK;
	memset(m->tail, 0, SRTP_HASH_BLOCK);
	if (m->blocks > 1)
		memset(m->tail + SRTP_HASH_BLOCK, 0, SRTP_HASH_BLOCK);
	memcpy(m->tail, buf + whole, used);
	m->tail[all - whole] = 0x80;
	put_length(m->tail + m->blocks * SRTP_HASH_BLOCK, SRTP_HASH_BLOCK + all);
}

/* Two words of a hash as they stand in a message, or in a tag. */
static uint64_t hash_pair(uint32_t a, uint32_t b)
{
	return htobe64((uint64_t)a << 32 | b);
}

void srtp_mac_tag(struct srtp_mac *m, const struct srtp_keys *k, uint32_t roc,
		  uint8_t tag[SRTP_TAG])
{
	enum { BITS = 8 * (SRTP_HASH_BLOCK + 4 * SRTP_HASH_WORDS) };
	chunk block[4] = {{0}};
	uint64_t word;
	SHA_CTX ctx;

	if (m->roc_at < sizeof(m->tail))
		srtp_put32(m->tail + m->roc_at, roc);

	hash_load(&ctx, m->hash);
	for (size_t i = 0; i < m->blocks; i++)
		SHA1_Transform(&ctx, m->tail + i * SRTP_HASH_BLOCK);

	block[0] = (chunk){hash_pair(ctx.h0, ctx.h1), hash_pair(ctx.h2, ctx.h3)};
	block[1] = (chunk){hash_pair(ctx.h4, 0x80000000), 0};
	block[3] = (chunk){0, htobe64(BITS)};
	hash_load(&ctx, k->outer);
	SHA1_Transform(&ctx, (const uint8_t *)block);

	word = hash_pair(ctx.h0, ctx.h1);
	memcpy(tag, &word, sizeof(word));
	word = hash_pair(ctx.h2, 0);
	memcpy(tag + sizeof(word), &word, SRTP_TAG - sizeof(word));
}

/* ---- AES-128 counter mode ---- */

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

int srtp_keys_crypt(const struct srtp_keys *k, uint32_t ssrc, uint64_t index, uint8_t *buf,
		    size_t len)
{
	enum { BLOCKS = (SRTP_PACKET_MAX + SRTP_BLOCK - 1) / SRTP_BLOCK };
	const size_t n = (len + SRTP_BLOCK - 1) / SRTP_BLOCK;
	const uint64_t high = htobe64(k->salt[0] ^ ssrc);
	const uint64_t low = k->salt[1] ^ index << 16;
	chunk stream[BLOCKS];

	if (!n)
		return 0;
	if (n > BLOCKS)
		return EPROTO;

	for (size_t i = 0; i < n; i++)
		stream[i] = (chunk){high, htobe64(low | i)};
	if (EVP_Cipher(k->aes, (uint8_t *)stream, (uint8_t *)stream, (unsigned)n * SRTP_BLOCK) <= 0)
		return EPROTO;

	xor_into(buf, (uint8_t *)stream, len);

	return 0;
}

/* ---- derivation ---- */

static bool aes_key(EVP_CIPHER_CTX *aes, const EVP_CIPHER *type, const uint8_t key[SRTP_KEY])
{
	return EVP_EncryptInit_ex2(aes, type, key, NULL, NULL) &&
	       EVP_CIPHER_CTX_set_padding(aes, 0);
}

/* Block `number` of the keystream that begins at x * 2^16, x = salt XOR label * 2^48. */
static void derive_block(uint8_t *block, const uint8_t salt[SRTP_SALT], uint8_t label,
			 uint8_t number)
{
	memcpy(block, salt, SRTP_SALT);
	block[7] ^= label;
	block[14] = 0;
	block[15] = number;
}

int srtp_keys_derive(struct srtp_keys *k, const uint8_t master[SP_SRTP_KEY_SIZE], bool rtcp)
{
	enum { CIPHER = 0, AUTH = SRTP_BLOCK, SALT = 3 * SRTP_BLOCK, SIZE = 4 * SRTP_BLOCK };
	const uint8_t *salt = master + SRTP_KEY;
	const uint8_t label = rtcp ? 3 : 0;
	EVP_CIPHER_CTX *aes;
	uint8_t x[SIZE];
	int err = EPROTO;

	aes = EVP_CIPHER_CTX_new();
	if (!aes)
		return ENOMEM;

	derive_block(x + CIPHER, salt, label, 0);
	derive_block(x + AUTH, salt, label + 1, 0);
	derive_block(x + AUTH + SRTP_BLOCK, salt, label + 1, 1);
	derive_block(x + SALT, salt, label + 2, 0);

	if (!aes_key(aes, EVP_aes_128_ecb(), master) || EVP_Cipher(aes, x, x, sizeof(x)) <= 0 ||
	    !aes_key(aes, NULL, x + CIPHER))
		goto out;

	srtp_mac_key(k, x + AUTH);

	memset(x + SALT + SRTP_SALT, 0, SRTP_BLOCK - SRTP_SALT);
	memcpy(k->salt, x + SALT, sizeof(k->salt));
	k->salt[0] = be64toh(k->salt[0]);
	k->salt[1] = be64toh(k->salt[1]);

	k->aes = aes;
	aes = NULL;
	err = 0;
out:
	EVP_CIPHER_CTX_free(aes);
	OPENSSL_cleanse(x, sizeof(x));

	return err;
}

void srtp_keys_wipe(struct srtp_keys *k)
{
	EVP_CIPHER_CTX_free(k->aes); /* wipes the key schedule */
	OPENSSL_cleanse(k, sizeof(*k));
}

struct srtp_secret *srtp_secret_alloc(const uint8_t master[SP_SRTP_KEY_SIZE])
{
	struct srtp_secret *s = sp_secret_alloc(sizeof(*s));

	if (s)
		memcpy(s->master, master, sizeof(s->master));

	return s;
}

void srtp_secret_free(struct srtp_secret *s)
{
	if (!s)
		return;

	srtp_keys_wipe(&s->rtp);
	srtp_keys_wipe(&s->rtcp);
	(void)sp_secret_free(s);
}
