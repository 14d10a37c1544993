/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SRTP packets for the relay benchmark. A receiver cannot tell what encrypted
 * octets are to mean, so all packets share one payload of random octets; only the header
 * and the tag (RFC 3711 4.2) are each packet's own, and the tags are made beforehand.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <srtp2/srtp.h>

#include "relay_bench.h"

/* HMAC-SHA1 with the key's blocks hashed already. */
struct hmac {
	SHA_CTX inner, outer;
};

/* The session's authentication key (RFC 3711 4.3.1): label 1, no key derivation rate. */
static void auth_key(const uint8_t master[KEY], uint8_t key[20])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t in[32] = {0}, out[32];
	int n = 0;

	memcpy(in, master + 16, 14);
	in[7] ^= 1;
	memcpy(in + 16, in, 16);
	in[31] = 1;
	check(ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, master, NULL) &&
		      EVP_EncryptUpdate(ctx, out, &n, in, sizeof(in)) && n == sizeof(in),
	      "auth_key");
	memcpy(key, out, 20);
	EVP_CIPHER_CTX_free(ctx);
}

static void hmac_init(struct hmac *h, const uint8_t master[KEY])
{
	uint8_t key[20], inner[SHA_CBLOCK], outer[SHA_CBLOCK];

	auth_key(master, key);
	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (int i = 0; i < 20; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	SHA1_Init(&h->inner);
	SHA1_Update(&h->inner, inner, sizeof(inner));
	SHA1_Init(&h->outer);
	SHA1_Update(&h->outer, outer, sizeof(outer));
}

const uint8_t *packet_payload(void)
{
	static uint8_t payload[PAYLOAD];

	if (!payload[0] && !payload[1])
		check(RAND_bytes(payload, sizeof(payload)) == 1, "RAND_bytes");

	return payload;
}

void packet_header(const struct plan *plan, size_t k, uint8_t *header)
{
	const unsigned end = plan->turn[k % plan->ends];
	const uint32_t round = (uint32_t)(k / plan->ends);
	const uint32_t seq = SEQ_FIRST + round;
	const uint32_t word[3] = {htonl(0x80080000 | (seq & 0xffff)), htonl(160 * seq), htonl(end)};

	memcpy(header, word, sizeof(word));
}

void packets_tag(const struct plan *plan, uint8_t *tags, size_t n)
{
	struct hmac *hmac = calloc(plan->ends, sizeof(*hmac));
	const uint8_t roc[4] = {0};

	check(hmac && n / plan->ends < 65536 - SEQ_FIRST, "more packets than sequence numbers");
	for (unsigned i = 0; i < plan->ends; i++)
		hmac_init(&hmac[i], plan->end[i].key);

	for (size_t k = 0; k < n; k++) {
		struct hmac h = hmac[plan->turn[k % plan->ends]];
		uint8_t header[HEADER], digest[SHA_DIGEST_LENGTH];

		packet_header(plan, k, header);
		SHA1_Update(&h.inner, header, sizeof(header));
		SHA1_Update(&h.inner, packet_payload(), PAYLOAD);
		SHA1_Update(&h.inner, roc, sizeof(roc));
		SHA1_Final(digest, &h.inner);
		SHA1_Update(&h.outer, digest, sizeof(digest));
		SHA1_Final(digest, &h.outer);
		memcpy(tags + k * TAG_80, digest, TAG_80);
	}
	free(hmac);
}

/* Decrypt with libsrtp2. @return whether it is authentic */
static bool decrypt(const uint8_t key[KEY], unsigned tag, uint8_t *wire, int *len)
{
	srtp_policy_t policy = {.ssrc = {.type = ssrc_any_inbound}};
	uint8_t copy[KEY];
	srtp_t srtp = NULL;
	bool ok;

	memcpy(copy, key, KEY);
	policy.key = copy;
	if (tag == TAG_32)
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
	else
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	check(srtp_create(&srtp, &policy) == srtp_err_status_ok, "srtp_create");
	ok = srtp_unprotect(srtp, wire, len) == srtp_err_status_ok;
	srtp_dealloc(srtp);

	return ok;
}

void packet_verify(const struct plan *plan, unsigned i, const uint8_t *tag, const uint8_t *wire,
		   size_t len)
{
	static bool begun;
	const struct end *from = &plan->end[i], *to = &plan->end[i ^ 1];
	int sent_len = (int)(HEADER + PAYLOAD + from->tag), len_came = (int)len;
	uint8_t sent[WIRE_MAX], came[WIRE_MAX];

	packet_header(plan, plan->place[i], sent);
	memcpy(sent + HEADER, packet_payload(), PAYLOAD);
	memcpy(sent + HEADER + PAYLOAD, tag, TAG_80);
	memcpy(came, wire, len);
	if (!to->tag) {
		check(len == WIRE_MAX && !memcmp(sent, came, len), "packet was changed");
		return;
	}

	if (!begun)
		check(srtp_init() == srtp_err_status_ok, "srtp_init");
	begun = true;
	check(len == HEADER + PAYLOAD + to->tag, "packet of another length");
	check(memcmp(sent + HEADER, came + HEADER, PAYLOAD), "packet was not encrypted anew");
	check(decrypt(from->key, from->tag, sent, &sent_len), "what was sent is not authentic");
	check(decrypt(to->sut_key, to->tag, came, &len_came), "what came is not authentic");
	check(sent_len == len_came && !memcmp(sent, came, (size_t)sent_len), "packet was changed");
}
