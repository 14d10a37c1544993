/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table: one array of entries, and two open-addressing indexes into it, of
 * the exact numbers and of the prefixes. A look-up is one probe for the exact
 * number, then one for each prefix length that exists, longest first.
 *
 * An index is sized once, to two thirds full. Its hash has a random key, so that
 * a caller cannot choose numbers that are slow to look up.
 */
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>
#include <sallyport/number.h>
#include "number_priv.h"

struct slot {
	uint32_t tag; /**< low half of the hash: spares a look at foreign entries */
	uint32_t ref; /**< entry + 1, 0 when free */
};

struct index {
	struct slot *slotv;
	uint32_t slotc;
};

struct sp_number_table {
	struct sp_hashkey key;
	struct index exact;
	struct index prefix;
	uint32_t lengths; /**< bit n: there is a prefix of n digits */
	struct sp_number_entry *entryv;
	size_t entryc;
	uint32_t *countv; /**< entries per service trunk */
	size_t trunkc;
	struct number_pool *strings;
	struct number_pool *headers;
	struct number_pool *names;  /**< of headers, in lower case */
	struct number_pool *routes; /**< lists of trunks */
};

static void table_destructor(void *arg)
{
	struct sp_number_table *t = arg;

	mem_deref(t->countv);
	mem_deref(t->prefix.slotv);
	mem_deref(t->exact.slotv);
	mem_deref(t->entryv);
	mem_deref(t->headers);
	mem_deref(t->names);
	mem_deref(t->routes);
	mem_deref(t->strings);
}

/** Two rounds of multiply and fold around the secret; cheap, for packed numbers. */
static uint64_t mix(const struct sp_hashkey *key, uint64_t x)
{
	x = (x ^ key->k0) * (key->k1 | 1);
	x ^= x >> 32;
	x = (x ^ key->k1) * UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);

	return x ^ x >> 32;
}

/** Does the entry say these len characters, "+" included? */
static bool says(const struct sp_number_entry *e, const char *p, size_t len)
{
	return !memcmp(e->number, p, len) && !e->number[len];
}

/**
 * The slot of a number, or the free slot where it would belong. NULL when the
 * index has no slots. Free slots always exist, so the walk ends.
 */
static struct slot *index_find(const struct sp_number_table *t, const struct index *ix,
			       uint64_t packed, const char *p, size_t len)
{
	const uint64_t hash = mix(&t->key, packed);
	const uint32_t tag = (uint32_t)hash;
	uint32_t i;

	if (!ix->slotc)
		return NULL;

	for (i = (uint32_t)((hash >> 32) * ix->slotc >> 32); ix->slotv[i].ref;) {
		struct slot *s = &ix->slotv[i];

		if (s->tag == tag && says(&t->entryv[s->ref - 1], p, len))
			return s;
		if (++i == ix->slotc)
			i = 0;
	}

	return &ix->slotv[i];
}

static int index_alloc(struct index *ix, size_t entries)
{
	if (!entries)
		return 0;

	ix->slotc = (uint32_t)(entries + entries / 2 + 1);
	ix->slotv = mem_zalloc(ix->slotc * sizeof(*ix->slotv), NULL);

	return ix->slotv ? 0 : ENOMEM;
}

static void report_twice(struct sp_number_build *b, const struct sp_number_entry *e,
			 const struct sp_number_entry *first)
{
	char value[SP_NUMBER_SIZE + 1];
	char mend[NUMBER_MEND_SIZE];

	(void)re_snprintf(value, sizeof(value), "%s%s", e->number, e->prefix ? "*" : "");
	(void)re_snprintf(mend, sizeof(mend), "delete one of the two: also at %s:%u", first->file,
			  first->line);
	number_report(b, e->file, e->line, "number", value, mend);
}

/** Fill both indexes. @return how many entries were there already */
static size_t index_entries(struct sp_number_table *t, struct sp_number_build *b)
{
	size_t i, twice = 0;

	for (i = 0; i < t->entryc; i++) {
		const struct sp_number_entry *e = &t->entryv[i];
		const struct index *ix = e->prefix ? &t->prefix : &t->exact;
		const size_t len = strlen(e->number);
		uint64_t packed = 0;
		struct slot *s;

		(void)number_pack(&packed, e->number, len);
		s = index_find(t, ix, packed, e->number, len);
		if (s->ref) {
			if (++twice <= NUMBER_REPORTS_MAX)
				report_twice(b, e, &t->entryv[s->ref - 1]);
			else if (twice == NUMBER_REPORTS_MAX + 1)
				number_report(b, e->file, e->line, "number", e->number,
					      "mend those first: further duplicates are not shown");
			continue;
		}

		s->tag = (uint32_t)mix(&t->key, packed);
		s->ref = (uint32_t)i + 1;
		if (e->prefix)
			t->lengths |= 1u << (len - 1);
		for (size_t n = 0; n < e->trunkc; n++)
			++t->countv[e->trunkv[n]];
	}

	return twice;
}

/** Take the entries over from the build and give back what they do not fill. */
static void take_entries(struct sp_number_table *t, struct sp_number_build *b)
{
	struct sp_number_entry *v;

	t->entryv = b->entryv;
	t->entryc = b->entryc;
	t->strings = b->strings;
	t->headers = b->headers;
	t->names = b->names; /* stays open: names are looked up */
	t->routes = b->routes;
	b->entryv = NULL;
	b->strings = b->headers = b->names = b->routes = NULL;
	b->entryc = b->entrycap = 0;

	number_pool_seal(t->strings);
	number_pool_seal(t->headers);
	number_pool_seal(t->routes);

	v = t->entryv ? mem_realloc(t->entryv, t->entryc * sizeof(*v)) : NULL;
	if (v)
		t->entryv = v;
}

static int make_indexes(struct sp_number_table *t)
{
	size_t i, prefixes = 0;
	int err;

	for (i = 0; i < t->entryc; i++)
		prefixes += t->entryv[i].prefix;

	err = index_alloc(&t->exact, t->entryc - prefixes);
	if (!err)
		err = index_alloc(&t->prefix, prefixes);
	if (err || !t->trunkc)
		return err;

	t->countv = mem_zalloc(t->trunkc * sizeof(*t->countv), NULL);

	return t->countv ? 0 : ENOMEM;
}

int sp_number_table_alloc(struct sp_number_table **tp, struct sp_number_build *b)
{
	struct sp_number_table *t;
	int err;

	if (!tp || !b)
		return EINVAL;

	t = mem_zalloc(sizeof(*t), table_destructor);
	if (!t)
		return ENOMEM;

	sp_hashkey_init(&t->key);
	t->trunkc = b->trunkc;
	take_entries(t, b);

	err = make_indexes(t);
	if (err)
		goto out;

	/* Duplicates are looked for even after bad rows: everything is told at once. */
	if (index_entries(t, b) || b->bad) {
		err = EINVAL;
		goto out;
	}

	*tp = t;

out:
	if (err)
		mem_deref(t);

	return err;
}

const struct sp_number_entry *sp_number_lookup(const struct sp_number_table *t,
					       const struct pl *number)
{
	const struct slot *s;
	uint64_t packed;
	size_t digits;

	if (!t || !number || !number_pack(&packed, number->p, number->l))
		return NULL;

	s = index_find(t, &t->exact, packed, number->p, number->l);
	if (s && s->ref)
		return &t->entryv[s->ref - 1];

	for (digits = number->l - 1; digits; digits--, packed /= 10) {
		if (!(t->lengths & 1u << digits))
			continue;
		s = index_find(t, &t->prefix, packed, number->p, digits + 1);
		if (s && s->ref)
			return &t->entryv[s->ref - 1];
	}

	return NULL;
}

size_t sp_number_count(const struct sp_number_table *t)
{
	return t ? t->entryc : 0;
}

size_t sp_number_count_trunk(const struct sp_number_table *t, uint16_t trunk)
{
	return t && trunk < t->trunkc ? t->countv[trunk] : 0;
}

bool sp_number_has_header(const struct sp_number_table *t, const struct pl *name)
{
	char lower[SP_NUMBER_HEADER_NAME_MAX + 1];

	return t && t->names && name && number_header_lower(lower, name) &&
	       number_pool_has(t->names, lower, name->l + 1);
}

void sp_number_each(const struct sp_number_table *t, sp_number_each_h *h, void *arg)
{
	size_t i;

	for (i = 0; t && h && i < t->entryc; i++)
		h(&t->entryv[i], arg);
}
