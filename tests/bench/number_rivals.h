/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one would write instead of number/ in ten minutes: a hash table with
 * chains of allocated nodes and text as keys, and a trie with ten pointers in
 * each node. A prefix is found in the hash table by taking digit after digit
 * off the number, and in the trie on the way down.
 */
#ifndef SALLYPORT_BENCH_NUMBER_RIVALS_H
#define SALLYPORT_BENCH_NUMBER_RIVALS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct chained_node {
	struct chained_node *next;
	const void *value;
	char key[18]; /**< "+", digits, "*" of a prefix, NUL */
};

struct chained_rival {
	struct chained_node **bucketv;
	size_t bucketc; /**< a power of two */
	size_t nodec;
};

/** FNV-1a. */
static inline size_t chained_key(const char *key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);

	return (size_t)(h ^ h >> 32);
}

static inline bool chained_grow(struct chained_rival *h)
{
	const size_t bucketc = h->bucketc ? h->bucketc * 2 : 1024;
	struct chained_node **bucketv = calloc(bucketc, sizeof(struct chained_node *));

	if (!bucketv)
		return false;

	for (size_t i = 0; i < h->bucketc; i++) {
		struct chained_node *node = h->bucketv[i], *next;

		for (; node; node = next) {
			struct chained_node **to = &bucketv[chained_key(node->key) & (bucketc - 1)];

			next = node->next;
			node->next = *to;
			*to = node;
		}
	}
	free(h->bucketv);
	h->bucketv = bucketv;
	h->bucketc = bucketc;

	return true;
}

static inline bool chained_add(struct chained_rival *h, const char *key, const void *value)
{
	struct chained_node *node = malloc(sizeof(*node)), **to;

	if (!node || (h->nodec == h->bucketc && !chained_grow(h))) {
		free(node);
		return false;
	}

	strcpy(node->key, key);
	node->value = value;
	to = &h->bucketv[chained_key(key) & (h->bucketc - 1)];
	node->next = *to;
	*to = node;
	++h->nodec;

	return true;
}

static inline const void *chained_get(const struct chained_rival *h, const char *key)
{
	const struct chained_node *node = h->bucketv[chained_key(key) & (h->bucketc - 1)];

	while (node && strcmp(node->key, key))
		node = node->next;

	return node ? node->value : NULL;
}

static inline const void *chained_lookup(const void *rival, const char *number)
{
	const struct chained_rival *h = rival;
	const void *value = chained_get(h, number);
	char prefix[18];

	for (size_t len = strlen(number); !value && len > 1; len--) {
		memcpy(prefix, number, len);
		prefix[len] = '*';
		prefix[len + 1] = '\0';
		value = chained_get(h, prefix);
	}

	return value;
}

static inline void chained_free(struct chained_rival *h)
{
	for (size_t i = 0; i < h->bucketc; i++) {
		struct chained_node *node = h->bucketv[i], *next;

		for (; node; node = next) {
			next = node->next;
			free(node);
		}
	}
	free(h->bucketv);
}

struct trie_rival {
	struct trie_rival *childv[10];
	const void *exact;
	const void *prefix;
};

static inline bool trie_add(struct trie_rival *t, const char *key, const void *value)
{
	for (++key; *key && *key != '*'; key++) {
		struct trie_rival **child = &t->childv[*key - '0'];

		if (!*child)
			*child = calloc(1, sizeof(**child));
		if (!*child)
			return false;
		t = *child;
	}

	if (*key)
		t->prefix = value;
	else
		t->exact = value;

	return true;
}

static inline const void *trie_lookup(const void *rival, const char *number)
{
	const struct trie_rival *t = rival;
	const void *best = NULL;

	for (++number; *number && t; number++) {
		t = t->childv[*number - '0'];
		if (t && t->prefix)
			best = t->prefix;
	}

	return t && t->exact ? t->exact : best;
}

static inline void trie_free(struct trie_rival *t)
{
	for (size_t i = 0; i < 10; i++) {
		if (t->childv[i]) {
			trie_free(t->childv[i]);
			free(t->childv[i]);
		}
	}
}

#endif
