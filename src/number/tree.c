/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A tree of digits, for prefixes and for what ranges are cut into. A node knows
 * which digits may follow, and where their nodes begin, so one digit is one step;
 * digits where nothing branches off are a step together. It is made of sorted
 * branches, and does not change.
 */
#include <stdlib.h>
#include <re.h>
#include "table_priv.h"

/* Of a node's word, from the lowest bit on. */
enum {
	CHILDREN = 10,  /**< bit d: there is a child for digit d */
	SKIP_COUNT = 4, /**< digits that come before all that    */
	SKIP_MAX = 12,  /**< they are in the highest bits        */
	SKIP_MASK = 0xf
};

static struct number_node *node_at(const struct number_tree *tree, uint32_t index)
{
	return (struct number_node *)tree->nodev.area.p + index;
}

/** Of ten bits. */
static uint32_t ones(uint32_t bits)
{
	bits -= bits >> 1 & 0x155;
	bits = (bits & 0x333) + (bits >> 2 & 0x333);
	bits = (bits & 0x0f) + (bits >> 4 & 0x0f) + (bits >> 8);

	return bits;
}

/** The first c digits of a number or branch, 0 < c < 16; nothing behind them. */
static uint64_t first_digits(uint64_t digits, unsigned c)
{
	return digits & ~(UINT64_MAX >> 4 * c);
}

size_t number_tree_walk(uint32_t nodev[SP_NUMBER_DIGITS_MAX], const struct number_tree *tree,
			unsigned root, uint64_t digits, unsigned n)
{
	uint32_t at = tree->rootv[root];
	size_t c = 0;

	while (at != NUMBER_NONE) {
		const struct number_node *node = node_at(tree, at);
		const unsigned skip = (unsigned)(node->word >> CHILDREN) & SKIP_MASK;
		unsigned d;

		if (skip) {
			if (skip > n || first_digits(digits ^ node->word, skip))
				break;
			digits <<= 4 * skip;
			n -= skip;
		}
		if (node->entry != NUMBER_NONE)
			nodev[c++] = at;

		d = (unsigned)(digits >> 60);
		if (!n || !(node->word >> d & 1))
			break;
		at = node->base + ones((uint32_t)node->word & ((1u << d) - 1));
		digits <<= 4;
		--n;
	}

	return c;
}

static unsigned length_of(const struct number_branch *branch)
{
	return (unsigned)branch->digits & 0xf;
}

static unsigned digit_of(const struct number_branch *branch, unsigned depth)
{
	return (unsigned)(branch->digits >> (60 - 4 * depth)) & 0xf;
}

/** Nodes without anything yet. @return the first one's index; NUMBER_NONE: no memory */
static uint32_t nodes_add(struct number_tree *tree, uint32_t c)
{
	const size_t base = tree->nodev.c;
	uint32_t i;

	if (base + c >= NUMBER_NONE)
		return NUMBER_NONE;
	for (i = 0; i < c; i++) {
		struct number_node *node = number_vec_add(&tree->nodev, sizeof(*node));
		uint32_t *ref = node ? number_vec_add(&tree->refv, sizeof(*ref)) : NULL;

		if (!ref)
			return NUMBER_NONE;
		*node = (struct number_node){.entry = NUMBER_NONE};
		*ref = NUMBER_NONE;
	}

	return (uint32_t)base;
}

/** How many digits from depth on all of these begin with: the first and last ones of sorted ones.
 */
static unsigned common(const struct number_branch *v, size_t c, unsigned depth)
{
	unsigned end = depth;

	while (end < length_of(&v[0]) && end < length_of(&v[c - 1]) &&
	       digit_of(&v[0], end) == digit_of(&v[c - 1], end) && end - depth < SKIP_MAX)
		++end;

	return end - depth;
}

/** What a node is for itself. @return how many digits it skips */
static unsigned settle(struct number_making *m, uint32_t index, const struct number_branch *v,
		       size_t c, unsigned depth)
{
	struct number_tree *tree = &m->t->tree;
	struct number_node *node = node_at(tree, index);
	const unsigned skip = common(v, c, depth);

	if (skip)
		node->word = first_digits(v->digits << 4 * depth, skip) | skip << CHILDREN;
	if (length_of(v) == depth + skip) {
		((uint32_t *)tree->refv.area.p)[index] = v->ref;
		node->entry =
			v->ref & NUMBER_CHAIN ? v->ref : number_rule(&m->t->store, v->ref)->entry;
	}

	return skip;
}

/** Everything from a node on, of branches that all begin with its digits. At most 15 deep. */
static int grow(struct number_making *m, uint32_t index, const struct number_branch *v, size_t c,
		unsigned depth)
{
	struct number_tree *tree = &m->t->tree;
	uint32_t children = 0, child;
	size_t i, end;
	int err = number_go_on(m);

	if (err)
		return err;

	depth += settle(m, index, v, c, depth);
	if (length_of(v) == depth) {
		++v;
		--c;
	}
	if (!c)
		return 0;

	for (i = 0; i < c; i++)
		children |= 1u << digit_of(&v[i], depth);
	child = nodes_add(tree, ones(children));
	if (child == NUMBER_NONE)
		return ENOMEM;
	node_at(tree, index)->word |= children;
	node_at(tree, index)->base = child;

	for (i = 0; i < c && !err; i = end) {
		const unsigned d = digit_of(&v[i], depth);

		for (end = i + 1; end < c && digit_of(&v[end], depth) == d; end++)
			;
		err = grow(m, child++, v + i, end - i, depth + 1);
	}

	return err;
}

/** The tree of a root, of sorted branches no two of which are the same. */
int number_tree_grow(struct number_making *m, unsigned root, const struct number_branch *v,
		     size_t c)
{
	struct number_tree *tree = &m->t->tree;

	if (!c)
		return 0;

	tree->rootv[root] = nodes_add(tree, 1);
	if (tree->rootv[root] == NUMBER_NONE)
		return ENOMEM;

	return grow(m, tree->rootv[root], v, c, 0);
}

/** Shorter ones first, then as they were added. */
static int branch_cmp(const void *a, const void *b)
{
	const struct number_branch *ba = a, *bb = b;

	if (ba->digits != bb->digits)
		return ba->digits < bb->digits ? -1 : 1;

	return ba->ref < bb->ref ? -1 : ba->ref > bb->ref;
}

int number_prefixes_make(struct number_making *m)
{
	struct number_branch *v = m->b->branchv.area.p;
	const size_t c = m->b->branchv.c;
	size_t i, kept = 0;
	int err = 0;

	if (c)
		qsort(v, c, sizeof(*v), branch_cmp);

	for (i = 0; i < c && !err;) {
		struct number_same same = {.kind = SP_NUMBER_PREFIX};
		const uint64_t digits = v[i].digits;

		for (; i < c && v[i].digits == digits && !err; i++) {
			(void)number_same_add(m, &same, v[i].ref);
			err = number_go_on(m);
		}
		v[kept].digits = digits;
		if (!err)
			err = number_same_ref(&v[kept++].ref, m, &same);
	}
	if (!err)
		err = number_tree_grow(m, 0, v, kept);
	number_vec_free(&m->b->branchv);

	return err;
}
