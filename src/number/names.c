/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Trunk names in rows: find the trunk, or say which one may have been meant.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "build_priv.h"

enum {
	LIST_MAX = 5, /**< trunks named in a report */
};

struct listing {
	const struct sp_number_build *b;
	bool carrier;
};

static int trunk_cmp(const void *a, const void *b)
{
	const struct sp_number_trunk *const *ta = a, *const *tb = b;

	return strcmp((*ta)->name, (*tb)->name);
}

static int name_cmp(const void *key, const void *elem)
{
	const struct sp_number_trunk *const *t = elem;

	return strcmp(key, (*t)->name);
}

static const char *kind(bool carrier)
{
	return carrier ? "carrier" : "service";
}

int number_trunks_sort(struct sp_number_build *b)
{
	size_t i;

	if (!b->trunkc)
		return 0;

	b->sorted = mem_reallocarray(NULL, b->trunkc, sizeof(*b->sorted), NULL);
	if (!b->sorted)
		return ENOMEM;

	for (i = 0; i < b->trunkc; i++)
		b->sorted[i] = &b->trunkv[i];
	qsort(b->sorted, b->trunkc, sizeof(*b->sorted), trunk_cmp);

	return 0;
}

static const char *nearest(const struct sp_number_build *b, const char *name, bool carrier)
{
	const char *best = NULL;
	unsigned least = NUMBER_FAR;
	size_t i;

	for (i = 0; i < b->trunkc; i++) {
		const char *candidate = b->sorted[i]->name;
		unsigned slips;

		if (b->sorted[i]->carrier != carrier)
			continue;
		slips = number_slips(name, candidate);
		if (slips < least) {
			least = slips;
			best = candidate;
		}
	}

	return best;
}

static int list_print(struct re_printf *pf, void *arg)
{
	const struct listing *l = arg;
	size_t i, n = 0;
	int err = 0;

	for (i = 0; i < l->b->trunkc; i++) {
		if (l->b->sorted[i]->carrier != l->carrier)
			continue;
		if (n < LIST_MAX)
			err = re_hprintf(pf, "%s%s", n ? ", " : "", l->b->sorted[i]->name);
		if (err)
			return err;
		++n;
	}

	if (!n)
		return re_hprintf(pf, "none is configured");
	if (n > LIST_MAX)
		err = re_hprintf(pf, " and %zu more", n - LIST_MAX);

	return err;
}

/** @return true and the trunk's index, or false and what to mend. */
bool number_trunk_find(uint16_t *index, const struct sp_number_build *b, const char *name,
		       bool carrier, char *mend, size_t size)
{
	const struct sp_number_trunk *const *found = NULL;
	struct listing list = {.b = b, .carrier = carrier};
	const char *near;

	if (b->trunkc)
		found = bsearch(name, b->sorted, b->trunkc, sizeof(*b->sorted), name_cmp);
	if (found && (*found)->carrier == carrier) {
		*index = (uint16_t)(*found - b->trunkv);
		return true;
	}

	if (found) {
		(void)re_snprintf(mend, size,
				  "this trunk is of kind %s; name one of kind %s here: %H",
				  kind(!carrier), kind(carrier), list_print, &list);
		return false;
	}

	near = name[0] ? nearest(b, name, carrier) : NULL;
	if (near)
		(void)re_snprintf(mend, size, "no trunk has this name; did you mean \"%s\"?", near);
	else
		(void)re_snprintf(mend, size, "name a trunk of kind %s: %H", kind(carrier),
				  list_print, &list);

	return false;
}
