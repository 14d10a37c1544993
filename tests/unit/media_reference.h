/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests of media/: SRTP and SRTCP written a second time, straight from
 * RFC 3711, on plain EVP and HMAC(). Knows no libsrtp and keeps no state: the
 * caller says rollover counter and SRTCP index.
 */
#ifndef SALLYPORT_TEST_MEDIA_REFERENCE_H
#define SALLYPORT_TEST_MEDIA_REFERENCE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { REF_TAG = 10 };

struct ref_keys {
	uint8_t cipher[16];
	uint8_t salt[14];
	uint8_t auth[20];
};

struct ref {
	struct ref_keys rtp, rtcp;
};

/* XOR n octets with AES-128-CTR keystream that begins at iv (section 4.1.1). */
static inline void ref_ctr(const uint8_t key[16], const uint8_t iv[16], uint8_t *buf, size_t n)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0, ok;

	ok = EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) &&
	     EVP_EncryptUpdate(ctx, buf, &len, buf, (int)n);
	EVP_CIPHER_CTX_free(ctx);
	assert(ok && (size_t)len == n);
	(void)ok;
}

/* Section 4.3.1 with a key derivation rate of 0: x = salt XOR label * 2^48. */
static inline void ref_derive(const uint8_t master[30], uint8_t label, uint8_t *out, size_t n)
{
	uint8_t iv[16] = {0};

	memcpy(iv, master + 16, 14);
	iv[7] ^= label;
	memset(out, 0, n);
	ref_ctr(master, iv, out, n);
}

static inline void ref_init(struct ref *r, const uint8_t master[30])
{
	ref_derive(master, 0, r->rtp.cipher, sizeof(r->rtp.cipher));
	ref_derive(master, 1, r->rtp.auth, sizeof(r->rtp.auth));
	ref_derive(master, 2, r->rtp.salt, sizeof(r->rtp.salt));
	ref_derive(master, 3, r->rtcp.cipher, sizeof(r->rtcp.cipher));
	ref_derive(master, 4, r->rtcp.auth, sizeof(r->rtcp.auth));
	ref_derive(master, 5, r->rtcp.salt, sizeof(r->rtcp.salt));
}

static inline void ref_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline uint32_t ref_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16, then the keystream. */
static inline void ref_crypt(const struct ref_keys *k, const uint8_t *ssrc, uint64_t index,
			     uint8_t *buf, size_t n)
{
	uint8_t iv[16] = {0};

	memcpy(iv, k->salt, sizeof(k->salt));
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= ssrc[i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	ref_ctr(k->cipher, iv, buf, n);
}

/* HMAC-SHA1 over buf and, for RTP, the rollover counter (section 4.2). */
static inline void ref_tag(const struct ref_keys *k, const uint8_t *buf, size_t n,
			   const uint32_t *roc, uint8_t tag[REF_TAG])
{
	uint8_t text[4096], digest[20];
	unsigned len = 0;

	assert(n + 4 <= sizeof(text));
	memcpy(text, buf, n);
	if (roc) {
		ref_put32(text + n, *roc);
		n += 4;
	}
	HMAC(EVP_sha1(), k->auth, sizeof(k->auth), text, n, digest, &len);
	memcpy(tag, digest, REF_TAG);
}

/* Length of the RTP header with CSRCs and extension. */
static inline size_t ref_header(const uint8_t *p)
{
	size_t n = 12 + 4u * (p[0] & 15);

	if (p[0] & 0x10)
		n += 4 + 4u * ((size_t)p[n + 2] << 8 | p[n + 3]);

	return n;
}

static inline size_t ref_protect(const struct ref *r, uint8_t *p, size_t n, uint32_t roc)
{
	const uint64_t index = (uint64_t)roc << 16 | (uint64_t)p[2] << 8 | p[3];
	const size_t head = ref_header(p);

	ref_crypt(&r->rtp, p + 8, index, p + head, n - head);
	ref_tag(&r->rtp, p, n, &roc, p + n);

	return n + REF_TAG;
}

/* @return length of the plain packet, 0 when not authentic */
static inline size_t ref_unprotect(const struct ref *r, uint8_t *p, size_t n, uint32_t roc)
{
	const uint64_t index = (uint64_t)roc << 16 | (uint64_t)p[2] << 8 | p[3];
	const size_t head = ref_header(p);
	uint8_t tag[REF_TAG];

	if (n < head + REF_TAG)
		return 0;
	n -= REF_TAG;
	ref_tag(&r->rtp, p, n, &roc, tag);
	if (memcmp(tag, p + n, REF_TAG))
		return 0;
	ref_crypt(&r->rtp, p + 8, index, p + head, n - head);

	return n;
}

static inline size_t ref_protect_rtcp(const struct ref *r, uint8_t *p, size_t n, uint32_t index)
{
	ref_crypt(&r->rtcp, p + 4, index, p + 8, n - 8);
	ref_put32(p + n, index | 0x80000000u);
	ref_tag(&r->rtcp, p, n + 4, NULL, p + n + 4);

	return n + 4 + REF_TAG;
}

static inline size_t ref_unprotect_rtcp(const struct ref *r, uint8_t *p, size_t n)
{
	uint8_t tag[REF_TAG];

	if (n < 8 + 4 + REF_TAG)
		return 0;
	n -= REF_TAG;
	ref_tag(&r->rtcp, p, n, NULL, tag);
	if (memcmp(tag, p + n, REF_TAG))
		return 0;
	n -= 4;
	ref_crypt(&r->rtcp, p + 4, ref_get32(p + n) & 0x7fffffff, p + 8, n - 8);

	return n;
}

/* A plain RTP packet with n octets of payload that depend on seq. */
static inline size_t ref_rtp(uint8_t *p, uint32_t ssrc, uint16_t seq, size_t n)
{
	memset(p, 0, 12);
	p[0] = 0x80;
	p[1] = 8;
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	ref_put32(p + 4, 160u * seq);
	ref_put32(p + 8, ssrc);
	for (size_t i = 0; i < n; i++)
		p[12 + i] = (uint8_t)(seq * 7u + i);

	return 12 + n;
}

/* A plain RTCP sender report. */
static inline size_t ref_rtcp(uint8_t *p, uint32_t ssrc, uint8_t fill)
{
	memset(p, fill, 28);
	p[0] = 0x80;
	p[1] = 200;
	p[2] = 0;
	p[3] = 6;
	ref_put32(p + 4, ssrc);

	return 28;
}

#endif
