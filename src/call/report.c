/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/report: calls as others may see them. There can be thousands, and media waits
 * meanwhile, so they are told in slices; where the last one ended is a number that every
 * call has, so that no call has to know of a listing that it is in.
 */
#include <string.h>

#include "transfer_priv.h"

/** Who is there, as far as it may be told. */
static void party(struct pl *number, const struct leg *leg)
{
	const char *user = transfer_party(leg);

	*number = (struct pl){.p = *user ? user : NULL, .l = *user ? strlen(user) : 0};
}

static void report(struct sp_call_report *r, const struct sp_call *call)
{
	const uint64_t now = sp_loop_now_ms(call->calls->loop);

	*r = (struct sp_call_report){
		.id = call->id,
		.state = state_name(call->state),
		.age_ms = now - call->begun_ms,
		.talk_ms = call->up_ms ? now - call->up_ms : 0,
		.emergency = call->emergency,
		.media = call_media_name(call),
		.relay = call->session.relay,
	};
	for (unsigned side = 0; side < 2; side++) {
		const struct leg *leg = call->leg[side];

		r->trunk[side] = leg->trunk ? sp_trunk_name(leg->trunk) : "";
		party(&r->number[side], leg);
	}
}

bool sp_calls_report(const struct sp_calls *cs, struct sp_call_cursor *cursor, sp_call_report_h *h,
		     void *arg)
{
	struct sp_call_report r;

	if (!cursor->last)
		cursor->last = cs->serial;

	for (struct le *le = list_head(&cs->calls); le; le = le->next) {
		const struct sp_call *call = le->data;

		if (call->serial <= cursor->told)
			continue;
		if (call->serial > cursor->last)
			break;
		cursor->told = call->serial;
		report(&r, call);
		if (!h(&r, arg))
			return true;
	}
	cursor->told = cursor->last;
	return false;
}
