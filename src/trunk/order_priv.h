/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which a pick tries targets.
 */
#ifndef SALLYPORT_TRUNK_ORDER_PRIV_H
#define SALLYPORT_TRUNK_ORDER_PRIV_H

#include "trunk_priv.h"

/** The best of a trunk's targets, as things are: equals, of which weight decides. */
struct order {
	struct target *v[SP_TRUNK_TARGETS_MAX];
	size_t c;
	bool hanging; /**< some were left out because their attempts hang  */
	bool busy;    /**< ... because they have asked to be left alone */
};

void order_make(struct order *o, const struct sp_trunk *t, const struct sp_trunk_want *want);

/** One of them by RFC 2782; NULL: there is none. */
struct target *order_first(const struct order *o);

/** Is it not to be used in this call? */
bool want_avoids(const struct sp_trunk_want *want, uint64_t target);

#endif
