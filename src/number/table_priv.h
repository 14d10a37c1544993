/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/: the table, and its making out of a build.
 */
#ifndef SALLYPORT_NUMBER_TABLE_PRIV_H
#define SALLYPORT_NUMBER_TABLE_PRIV_H

#include <sallyport/base_util.h>
#include "build_priv.h"

/* ---- exact.c ---- */

enum { NUMBER_LINE = 4 }; /**< slots that one cache line holds */

/** Exact numbers, by open addressing. A slot is what was staged; key 0: free. */
struct number_exact {
	struct number_area area;
	uint32_t linec;
	struct sp_hashkey key;
};

/** A number's hash; what has to be looked at to find it is being fetched. */
uint64_t number_exact_hash(const struct number_exact *x, uint64_t key);

/** Its slot, whose entry is an index, or with NUMBER_CHAIN a ref. NULL: none */
const struct number_staged *number_exact_find(const struct number_exact *x, uint64_t hash,
					      uint64_t key);

/* ---- tree.c ---- */

/** What lies one behind the other from base on: the nodes of the digits that may come next. */
struct number_node {
	uint64_t word; /**< those digits, and what comes before them: see tree.c */
	uint32_t base;
	uint32_t
		entry; /**< its index, or a ref with NUMBER_CHAIN; NUMBER_NONE: no rule ends here */
};

struct number_tree {
	struct number_vec nodev;
	struct number_vec refv;                   /**< of each node: its rules */
	uint32_t rootv[SP_NUMBER_DIGITS_MAX + 1]; /**< NUMBER_NONE; 0: prefixes, n: ranges of
						   numbers of n digits */
};

/**
 * The nodes on the way of n digits from a root at which rules end, the shortest first.
 * @param digits as a branch has them
 * @return how many
 */
size_t number_tree_walk(uint32_t nodev[SP_NUMBER_DIGITS_MAX], const struct number_tree *tree,
			unsigned root, uint64_t digits, unsigned n);

/** The rules of a node. */
static inline uint32_t number_tree_ref(const struct number_tree *tree, uint32_t node)
{
	return ((const uint32_t *)tree->refv.area.p)[node];
}

static inline uint32_t number_tree_entry(const struct number_tree *tree, uint32_t node)
{
	return ((const struct number_node *)tree->nodev.area.p)[node].entry;
}

/* ---- table.c ---- */
struct sp_number_table {
	struct number_store store;
	struct number_exact exact;
	struct number_tree tree;
	struct number_vec refv; /**< what chains consist of */
	uint32_t *countv;       /**< rules per trunk, as service trunk */
	size_t trunkc;
	struct sp_number_counts counts;
};

/** A rule as the public sees it. */
void number_show(struct sp_number_rule *out, const struct number_store *s, enum sp_number_kind kind,
		 const struct number_rule *rule);

/* ---- make.c ---- */

/** A table in the making. */
struct number_making {
	struct sp_number_build *b;
	struct sp_number_table *t;
	size_t told; /**< rules that clash, entries that lack something */
};

/** 0, or why not to go on: ECANCELED, or EINVAL when enough is told. Cheap. */
int number_go_on(struct number_making *m);

/* ---- overlap.c ---- */

/** Rules of one rank that cover the same numbers. */
struct number_same {
	enum sp_number_kind kind;
	uint32_t v[NUMBER_WINDOWS_MAX];
	size_t c;
};

void number_tell(struct number_making *m, uint32_t place, const char *key, const char *value,
		 const char *mend);
bool number_overlap(const struct number_store *s, uint32_t entry, uint32_t other);
void number_tell_both(struct number_making *m, enum sp_number_kind kind,
		      const struct number_rule *a, const struct number_rule *b);
bool number_same_add(struct number_making *m, struct number_same *same, uint32_t rule);
int number_same_ref(uint32_t *ref, struct number_making *m, struct number_same *same);

/* ---- what makes the parts ---- */
int number_exact_make(struct number_making *m);
int number_prefixes_make(struct number_making *m);
int number_ranges_make(struct number_making *m);
int number_tree_grow(struct number_making *m, unsigned root, const struct number_branch *v,
		     size_t c);

#endif
