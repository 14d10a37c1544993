/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/: what the build is made of, and what it hands to the table.
 *
 * Rules that are no exact number are kept as struct number_rule, and so are exact
 * numbers of which there are several, each at its time. A ref is 32 bits that say
 * which of them there are at one place: an index, or, with NUMBER_CHAIN, where a
 * list of indexes begins, whose last has NUMBER_CHAIN set.
 */
#ifndef SALLYPORT_NUMBER_BUILD_PRIV_H
#define SALLYPORT_NUMBER_BUILD_PRIV_H

#include "number_priv.h"

#define NUMBER_CHAIN 0x80000000u

/** In the entry of a rule: a mistake of it has been told. No table will come of it. */
#define NUMBER_TOLD 0x80000000u

/* ---- area.c ---- */

/** Memory that is zero at first. Large ones are mapped, and go back at once when freed. */
struct number_area {
	void *p;
	size_t size;
	bool mapped;
};

int number_area_alloc(struct number_area *a, size_t size);
int number_area_grow(struct number_area *a, size_t size);
void number_area_free(struct number_area *a);

/** An array that grows; its elements move. */
struct number_vec {
	struct number_area area;
	size_t c, cap; /**< elements */
};

int number_vec_grow(struct number_vec *v, size_t size);
void number_vec_free(struct number_vec *v);

/** One element more, of this size. NULL: no memory */
static inline void *number_vec_add(struct number_vec *v, size_t size)
{
	if (v->c == v->cap && number_vec_grow(v, size))
		return NULL;

	return (char *)v->area.p + size * v->c++;
}

/* ---- pool.c ---- */
struct number_pool;

int number_pool_alloc(struct number_pool **pp, size_t align);
const void *number_pool_intern(struct number_pool *pool, const void *p, size_t len);
void *number_pool_object(struct number_pool *pool, const void *p, size_t len, size_t size,
			 bool *isnew);
const char *number_pool_string(struct number_pool *pool, const char *s);
bool number_pool_has(const struct number_pool *pool, const void *p, size_t len);
void number_pool_seal(struct number_pool *pool);

/* ---- what build and table have in common ---- */

/** A number entry, and what the build and the counts know of it. */
struct number_item {
	struct sp_number_entry entry; /**< first: what is interned */
	uint32_t index;
	uint32_t rulec;
	uint32_t place; /**< of its first rule */
};

/** first, last are packed; of a prefix last is not used. */
struct number_rule {
	uint64_t first, last;
	uint32_t entry, place;
};

/** An exact number as it waits for the index. */
struct number_staged {
	uint64_t key;
	uint32_t entry, place;
};

/** Numbers of a range without holes in between. */
struct number_piece {
	uint64_t first, last;
	uint32_t rule;
};

/** A place of the tree: digits from the highest four bits on, their count in the lowest four. */
struct number_branch {
	uint64_t digits;
	uint32_t ref;
};

/** Lines of a file that follow one another. */
struct number_stretch {
	const char *file;
	uint32_t place; /**< of its first line */
	unsigned line;
};

struct number_store {
	struct number_pool *strings;
	struct number_pool *names;  /**< of headers, in lower case */
	struct number_pool *lists;  /**< of trunks and of headers   */
	struct number_pool *items;  /**< struct number_item */
	struct number_pool *people; /**< struct sp_number_account */
	struct number_vec itemv;    /**< struct number_item *, as first met */
	struct number_vec accountv; /**< struct sp_number_account *, likewise */
	struct number_vec stretchv;
	struct number_vec rulev;
};

/** A build in the making. */
struct sp_number_build {
	const struct sp_number_trunk *trunkv;
	size_t trunkc;
	const struct sp_number_trunk **sorted; /**< trunkv by name */
	sp_number_error_h *errh;
	void *arg;
	const atomic_bool *stop;
	bool bad;  /**< something was refused: no table will come of it */
	bool mute; /**< refuse without telling */
	struct number_store store;
	struct number_vec stagedv;
	struct number_vec piecev;
	uint64_t covered;          /**< numbers of all pieces */
	struct number_vec branchv; /**< of prefixes; each ref is a rule */
	uint32_t place;            /**< the last one given */
	unsigned line;             /**< its line */
	unsigned steps;            /**< since the last look whether to stop */
};

static inline struct number_item *number_item(const struct number_store *s, uint32_t index)
{
	return ((struct number_item **)s->itemv.area.p)[index];
}

static inline const struct sp_number_entry *number_entry(const struct number_store *s,
							 uint32_t index)
{
	return &number_item(s, index)->entry;
}

static inline struct number_rule *number_rule(const struct number_store *s, uint32_t index)
{
	return (struct number_rule *)s->rulev.area.p + index;
}

/* ---- build.c ---- */

/** As new: what was added is gone, and what was wrong with it forgotten. */
void number_build_empty(struct sp_number_build *b);

/** Whether to stop, looked at once in a while: cheap. */
bool number_stop_soon(struct sp_number_build *b);

void number_store_free(struct number_store *s);

/** The file and line of a place. */
void number_where(const char **file, unsigned *line, const struct number_store *s, uint32_t place);

/* ---- names.c ---- */
int number_trunks_sort(struct sp_number_build *b);
bool number_trunk_find(uint16_t *index, const struct sp_number_build *b, const char *name,
		       bool carrier, char *mend, size_t size);

/* ---- accounts.c ---- */

/** The account of this name, which is made when it is new. NULL: no memory */
struct sp_number_account *number_account(struct sp_number_build *b, const char *name);

/** "" or NULL, or E.164. */
bool number_is_or_none(const char *s);

#endif
