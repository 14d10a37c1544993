/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/source: how often one address may come.
 *
 * A token bucket per address, in a table of fixed size that is hashed with a
 * secret key. An address has SP_TLS_SOURCE_WAYS places; when they are taken,
 * the one that was quiet for longest is forgotten and begins anew, should it
 * come back, with a full bucket. Whoever has so many addresses that this helps
 * is not held up by a limit per address anyway: the cap on handshakes in
 * progress is for him.
 */
#include <string.h>
#include <netinet/in.h>

#include "tls_priv.h"

enum { V6_SOURCE_SIZE = 8 }; /* a /64: what one subscriber gets at least (RFC 6177) */

struct slot {
	uint64_t tag; /* hash of the address; 0: free */
	struct sp_limit limit;
};

struct sp_tls_sources {
	unsigned per_s, burst;
	struct sp_hashkey key;
	struct slot *slotv; /* SP_TLS_SOURCES of them; NULL until there is a rate */
};

static void sources_destructor(void *arg)
{
	struct sp_tls_sources *s = arg;

	mem_deref(s->slotv);
}

int sp_tls_sources_alloc(struct sp_tls_sources **sp, unsigned per_s, unsigned burst)
{
	struct sp_tls_sources *s = mem_zalloc(sizeof(*s), sources_destructor);

	if (!s)
		return ENOMEM;

	sp_hashkey_init(&s->key);
	s->per_s = per_s;
	s->burst = burst;
	*sp = s;
	return 0;
}

void sp_tls_sources_rate(struct sp_tls_sources *s, unsigned per_s, unsigned burst)
{
	if (!s || (s->per_s == per_s && s->burst == burst))
		return;

	s->per_s = per_s;
	s->burst = burst;
	s->slotv = mem_deref(s->slotv);
}

/* The listener takes no IPv4 mapped into IPv6, so a /64 never holds all of IPv4. */
static size_t source_bytes(const uint8_t **pp, const struct sa *src)
{
	if (sa_af(src) == AF_INET6) {
		*pp = src->u.in6.sin6_addr.s6_addr;
		return V6_SOURCE_SIZE;
	}

	*pp = (const uint8_t *)&src->u.in.sin_addr;
	return sizeof(src->u.in.sin_addr);
}

bool sp_tls_source_same(const struct sa *a, const struct sa *b)
{
	const uint8_t *pa, *pb;
	const size_t n = source_bytes(&pa, a);

	return sa_af(a) == sa_af(b) && source_bytes(&pb, b) == n && !memcmp(pa, pb, n);
}

static struct slot *find_slot(struct sp_tls_sources *s, uint64_t tag, uint64_t now_ms)
{
	struct slot *v =
		&s->slotv[tag % (SP_TLS_SOURCES / SP_TLS_SOURCE_WAYS) * SP_TLS_SOURCE_WAYS];
	struct slot *quiet = v;

	for (unsigned i = 0; i < SP_TLS_SOURCE_WAYS; ++i) {
		if (v[i].tag == tag)
			return &v[i];
		if (quiet->tag && (!v[i].tag || v[i].limit.last_ms < quiet->limit.last_ms))
			quiet = &v[i];
	}

	quiet->tag = tag;
	sp_limit_init(&quiet->limit, s->per_s, s->burst, now_ms);
	return quiet;
}

bool sp_tls_sources_take(struct sp_tls_sources *s, const struct sa *src, uint64_t now_ms)
{
	const uint8_t *p;
	uint64_t tag;
	size_t n;

	if (!s->per_s)
		return true;

	if (!s->slotv)
		s->slotv = mem_zalloc(SP_TLS_SOURCES * sizeof(*s->slotv), NULL);
	if (!s->slotv)
		return true; /* without memory for the table nobody is to be locked out by it */

	n = source_bytes(&p, src);
	tag = sp_hash(&s->key, p, n);
	return sp_limit_take(&find_slot(s, tag ? tag : 1, now_ms)->limit, now_ms);
}
