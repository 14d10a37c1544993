/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random identifiers, and the keyed hash for tables over a peer's bytes.
 *
 * The hash is SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input
 * PRF", 2012): without its key nobody can choose bytes that collide.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <re.h>
#include <sallyport/base_log.h>
#include <sallyport/base_util.h>

enum { ID_CHUNK = 32 };

void sp_random(void *p, size_t n)
{
	uint8_t *out = p;

	while (n) {
		const ssize_t got = getrandom(out, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			/* nothing that needs a key may run without randomness */
			sp_log(SP_LOG_ERROR, "random_failed", "error=%m", errno);
			abort();
		}

		out += got;
		n -= (size_t)got;
	}
}

uint32_t sp_random_below(uint32_t bound)
{
	/* values below 2^32 mod bound would make small results likelier */
	const uint32_t reject = bound ? (uint32_t)-bound % bound : 0;
	uint32_t v;

	if (!bound)
		return 0;

	do {
		sp_random(&v, sizeof(v));
	} while (v < reject);

	return v % bound;
}

void sp_id_random(char *buf, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[ID_CHUNK];
	size_t i = 0;

	if (!buf || !size)
		return;

	for (const size_t len = size - 1; i < len; i++) {
		const size_t at = i % (2 * ID_CHUNK);

		if (!at)
			sp_random(bytes, sizeof(bytes));
		buf[i] = digits[at & 1 ? bytes[at / 2] >> 4 : bytes[at / 2] & 0xf];
	}

	buf[i] = '\0';
}

void sp_hashkey_init(struct sp_hashkey *key)
{
	sp_random(key, sizeof(*key));
}

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);

	return v;
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void sip_compress(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
}

uint64_t sp_hash(const struct sp_hashkey *key, const void *p, size_t n)
{
	/* "somepseudorandomlygeneratedbytes" */
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d,
			 key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573};
	const uint8_t *in = p;
	size_t left = n;

	for (; left >= 8; left -= 8, in += 8)
		sip_compress(v, load_le(in, 8));

	sip_compress(v, (uint64_t)n << 56 | load_le(in, left));
	v[2] ^= 0xff;
	sip_rounds(v, 4);

	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
