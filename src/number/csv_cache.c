/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rows of a CSV file have said beside their numbers, and the entries that
 * came of it: of ten million rows most say what one before them did, and need
 * no second check. Rows are compared byte by byte, the hash only finds them. It
 * is quick rather than strong: rows can be written that all meet in one place,
 * so a search gives up after a few steps, and what has no place there is not kept.
 *
 * A cache that is full is emptied: it holds what the file repeats soon enough.
 */
#include <endian.h>
#include <string.h>
#include <sallyport/base_util.h>
#include "csv_priv.h"

enum {
	SLOTS_MIN = 256,          /**< a power of two */
	SLOTS_MAX = 262144,       /**< 4 MiB          */
	BYTES_MIN = 16384,        /**< a power of two */
	BYTES_MAX = 32 * 1048576, /**< of all rows    */
	ROW_MAX = 4096,           /**< longer ones are not kept */
	STEPS_MAX = 32,           /**< of a search */
};

struct slot {
	uint32_t hash;
	uint32_t len; /**< 0: free  */
	uint32_t at;  /**< in bytes */
	uint32_t entry;
};

struct csv_cache {
	struct sp_hashkey key;
	struct slot *slotv;
	size_t slotc; /**< a power of two */
	size_t used;
	char *bytes;
	size_t size;
	size_t len;
};

static void cache_destructor(void *arg)
{
	struct csv_cache *c = arg;

	mem_deref(c->slotv);
	mem_deref(c->bytes);
}

int csv_cache_alloc(struct csv_cache **cp)
{
	struct csv_cache *c = mem_zalloc(sizeof(*c), cache_destructor);

	if (!c)
		return ENOMEM;

	sp_hashkey_init(&c->key);
	c->slotc = SLOTS_MIN;
	c->slotv = mem_zalloc(SLOTS_MIN * sizeof(*c->slotv), NULL);
	c->size = BYTES_MIN;
	c->bytes = mem_alloc(BYTES_MIN, NULL);
	if (!c->slotv || !c->bytes) {
		mem_deref(c);
		return ENOMEM;
	}

	*cp = c;

	return 0;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);

	return h ^ h >> 32;
}

/** Set the hash and the length of a key whose pieces are there. */
void csv_key_hash(const struct csv_cache *c, struct csv_key *key)
{
	uint64_t h = c->key.k0;

	key->len = 0;
	for (size_t i = 0; i < CSV_PIECES; i++) {
		const struct pl *piece = &key->v[i];

		for (size_t at = 0; at < piece->l; at += 8) {
			const size_t left = piece->l - at;
			uint64_t x;

			memcpy(&x, piece->p + at, sizeof(x)); /* see CSV_SLACK */
			x = le64toh(x);
			if (left < 8)
				x &= (UINT64_C(1) << 8 * left) - 1;
			h = mix(h, x);
		}
		key->len += piece->l;
	}

	key->hash = (uint32_t)mix(h, c->key.k1 ^ key->len);
}

static bool says(const char *bytes, const struct csv_key *key)
{
	for (size_t i = 0; i < CSV_PIECES; i++) {
		if (key->v[i].l && memcmp(bytes, key->v[i].p, key->v[i].l))
			return false;
		bytes += key->v[i].l;
	}

	return true;
}

/** The slot of the row, or the free one where it belongs. NULL: no place is left */
static struct slot *slot_find(const struct csv_cache *c, const struct csv_key *key)
{
	for (size_t i = 0; i < STEPS_MAX; i++) {
		struct slot *s = &c->slotv[(key->hash + i) & (c->slotc - 1)];

		if (!s->len ||
		    (s->hash == key->hash && s->len == key->len && says(c->bytes + s->at, key)))
			return s;
	}

	return NULL;
}

bool csv_cache_find(const struct csv_cache *c, const struct csv_key *key, uint32_t *entry)
{
	const struct slot *s = slot_find(c, key);

	if (!s || !s->len)
		return false;

	*entry = s->entry;

	return true;
}

static void cache_empty(struct csv_cache *c)
{
	memset(c->slotv, 0, c->slotc * sizeof(*c->slotv));
	c->used = c->len = 0;
}

static bool slots_grow(struct csv_cache *c)
{
	const size_t slotc = c->slotc * 2;
	struct slot *slotv;

	if (c->slotc == SLOTS_MAX)
		return false;
	slotv = mem_zalloc(slotc * sizeof(*slotv), NULL);
	if (!slotv)
		return false;

	for (size_t i = 0; i < c->slotc; i++) {
		const struct slot *s = &c->slotv[i];
		size_t at = 0;

		while (at < STEPS_MAX && slotv[(s->hash + at) & (slotc - 1)].len)
			++at;
		if (s->len && at < STEPS_MAX)
			slotv[(s->hash + at) & (slotc - 1)] = *s;
	}

	mem_deref(c->slotv);
	c->slotv = slotv;
	c->slotc = slotc;

	return true;
}

static bool bytes_grow(struct csv_cache *c)
{
	char *bytes = c->size < BYTES_MAX ? mem_realloc(c->bytes, c->size * 2) : NULL;

	if (!bytes)
		return false;

	c->bytes = bytes;
	c->size *= 2;

	return true;
}

/** Keep what a row led to. It is no error when there is no room. */
void csv_cache_put(struct csv_cache *c, const struct csv_key *key, uint32_t entry)
{
	struct slot *s;

	if (!key->len || key->len > ROW_MAX)
		return;

	/* half full at most: searches are short */
	if (c->used >= c->slotc / 2 && !slots_grow(c))
		cache_empty(c);
	if (key->len > c->size - c->len && !bytes_grow(c))
		cache_empty(c);

	s = slot_find(c, key);
	if (!s)
		return;
	s->hash = key->hash;
	s->len = (uint32_t)key->len;
	s->at = (uint32_t)c->len;
	s->entry = entry;
	++c->used;

	for (size_t i = 0; i < CSV_PIECES; i++) {
		if (key->v[i].l)
			memcpy(c->bytes + c->len, key->v[i].p, key->v[i].l);
		c->len += key->v[i].l;
	}
}
