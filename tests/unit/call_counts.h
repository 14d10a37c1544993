/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Are the figures of calls, and of the trunks that they use, those of the calls that there are?
 */
#ifndef CALL_COUNTS_H
#define CALL_COUNTS_H

#include "call_fixture.h"
#include "../../src/trunk/trunk_priv.h"

/** Legs of calls that count for this trunk, in its direction. */
static inline bool legs_match(const struct sp_calls *calls, const struct sp_trunk *trunk)
{
	unsigned in = 0, out = 0;

	for (struct le *le = list_head(&calls->calls); le; le = le->next) {
		const struct sp_call *call = le->data;

		for (struct le *l = list_head(&call->legs); l; l = l->next) {
			const struct leg *leg = l->data;

			in += leg->counted && leg->trunk == trunk && !leg->counted_as;
			out += leg->counted && leg->trunk == trunk && leg->counted_as;
		}
	}

	return in == trunk->calls_in && out == trunk->calls_out && in + out == trunk->calls;
}

/** @param trunkv that no others have calls at */
static inline bool counts_match(const struct sp_calls *calls, struct sp_trunk *const *trunkv,
				size_t n)
{
	struct sp_calls_count count;

	sp_calls_count(calls, &count);
	if (count.now != list_count(&calls->calls) ||
	    calls->stragglerc != list_count(&calls->stragglers))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!legs_match(calls, trunkv[i]))
			return false;
	}

	return true;
}

#endif
