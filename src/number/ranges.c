/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges, for the tree. All that they consist of are gone through in order of
 * their first numbers; wherever one begins or ends, a stretch of numbers ends
 * that the same rules cover. Rules that meet on the way are checked against each
 * other there, which is how overlaps are found without comparing every two.
 *
 * A stretch is cut into blocks that are all numbers with certain first digits:
 * at most 18 for each digit that its ends differ in. The packed numbers of one
 * length lie together (number_pack()), so no block mixes lengths.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "table_priv.h"

struct sweep {
	struct number_making *m;
	struct number_same now;            /**< rules that cover the numbers at hand         */
	uint64_t endv[NUMBER_WINDOWS_MAX]; /**< their last numbers, in the same order */
	struct number_vec branchv;         /**< of one length */
	unsigned length;
};

static int piece_cmp(const void *a, const void *b)
{
	const struct number_piece *pa = a, *pb = b;

	if (pa->first != pb->first)
		return pa->first < pb->first ? -1 : 1;

	return pa->rule < pb->rule ? -1 : pa->rule > pb->rule;
}

static uint64_t branch_digits(uint64_t packed)
{
	const unsigned n = number_digits(packed);
	uint64_t digits = n;
	unsigned i;

	for (i = n; i--; packed /= 10)
		digits |= packed % 10 << (60 - 4 * i);

	return digits;
}

static int flush(struct sweep *s)
{
	int err = number_tree_grow(s->m, s->length, s->branchv.area.p, s->branchv.c);

	s->branchv.c = 0;

	return err;
}

/** Numbers from first to last, all of one length, as branches. */
static int cut(struct sweep *s, uint64_t first, uint64_t last, uint32_t ref)
{
	const unsigned length = number_digits(first);
	int err = 0;

	if (length != s->length) {
		err = flush(s);
		s->length = length;
	}

	while (first <= last && !err) {
		struct number_branch *branch = number_vec_add(&s->branchv, sizeof(*branch));
		uint64_t size = 1;

		if (!branch)
			return ENOMEM;
		while (!(first % (size * 10)) && first + size * 10 - 1 <= last)
			size *= 10;
		*branch = (struct number_branch){.digits = branch_digits(first / size), .ref = ref};
		first += size;
		err = number_go_on(s->m);
	}

	return err;
}

/** The numbers from first on as far as the same rules cover them, at most to before next. */
static int stretch(struct sweep *s, uint64_t *first, uint64_t next)
{
	struct number_same same = s->now; /* it is put in another order */
	uint64_t last = next - 1;
	uint32_t ref;
	size_t i, kept = 0;
	int err;

	for (i = 0; i < s->now.c; i++) {
		if (s->endv[i] < last)
			last = s->endv[i];
	}
	err = number_same_ref(&ref, s->m, &same);
	if (!err)
		err = cut(s, *first, last, ref);

	for (i = 0; i < s->now.c; i++) {
		if (s->endv[i] == last)
			continue;
		s->now.v[kept] = s->now.v[i];
		s->endv[kept++] = s->endv[i];
	}
	s->now.c = kept;
	*first = last + 1;

	return err;
}

static int sweep(struct sweep *s, const struct number_piece *v, size_t c)
{
	uint64_t at = 0;
	size_t i = 0;
	int err = 0;

	while ((i < c || s->now.c) && !err) {
		const uint64_t next = i < c ? v[i].first : UINT64_MAX;

		if (s->now.c && at < next) {
			err = stretch(s, &at, next);
			continue;
		}

		at = next;
		if (number_same_add(s->m, &s->now, v[i].rule))
			s->endv[s->now.c - 1] = v[i].last;
		++i;
		err = number_go_on(s->m);
	}

	return err;
}

int number_ranges_make(struct number_making *m)
{
	struct sweep s = {.m = m, .now = {.kind = SP_NUMBER_RANGE}};
	struct number_piece *v = m->b->piecev.area.p;
	const size_t c = m->b->piecev.c;
	int err;

	if (!c)
		return 0;

	qsort(v, c, sizeof(*v), piece_cmp);
	err = sweep(&s, v, c);
	if (!err)
		err = flush(&s);
	number_vec_free(&s.branchv);
	number_vec_free(&m->b->piecev);

	return err;
}
