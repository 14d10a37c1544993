/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/reroute: the trunks that a call may go to: the first one of the number
 * entry's list, and when that cannot take it the next. Trunks may be on
 * different interfaces, so each gets a session of its own, with other ports and
 * other keys.
 */
#include <string.h>

#include "call_priv.h"

/** Could the trunk take the call at all, limits aside? */
static bool is_fit(const struct sp_call *call, const struct sp_trunk *trunk)
{
	return sp_trunk_active(trunk) && !(call->delayed && sp_trunk_conf(trunk)->refuse_delayed);
}

bool reroute_left(const struct sp_call *call, bool up)
{
	const struct sp_trunk_want any = {.emergency = call->emergency};

	for (size_t i = call->routed; i < call->routec; i++) {
		const struct sp_trunk *trunk = call->routev[i];

		if (is_fit(call, trunk) && (!up || sp_trunk_left_up(trunk, &any)))
			return true;
	}
	return false;
}

enum sp_trunk_limit reroute_next(struct sp_call *call)
{
	struct leg *callee = call->leg[SP_SIDE_CALLEE];
	enum sp_trunk_limit limit = SP_TRUNK_LIMIT_INACTIVE;

	while (call->routed < call->routec) {
		struct sp_trunk *trunk = call->routev[call->routed++];

		/* the first is taken as it is: what it lacks is said where it is found */
		if (call->routed > 1 && !is_fit(call, trunk))
			continue;
		limit = leg_take_trunk(callee, trunk, call->emergency, NULL);
		if (SP_TRUNK_LIMIT_NONE == limit)
			break;
	}
	return limit;
}

unsigned reroute_retry_after_s(const struct sp_call *call)
{
	static const struct sp_trunk_want any;
	unsigned s = 0;

	for (size_t i = 0; i < call->routec; i++) {
		const unsigned busy_s = sp_trunk_retry_after_s(call->routev[i]);

		if (sp_trunk_left(call->routev[i], &any))
			return 0;
		if (busy_s && (!s || busy_s < s))
			s = busy_s;
	}
	return s;
}

uint16_t reroute_session(struct sp_call *call, const struct sp_sip_msg *invite, const char **cause)
{
	struct session *s = &call->session;
	uint16_t status;

	if (s->relay)
		call_count_media(call);
	session_close(s);
	memset(s, 0, sizeof(*s));
	session_init(s);
	*cause = "out of memory";
	if (session_open(s, call->caller, call->leg[SP_SIDE_CALLEE]->trunk))
		return 503;
	if (call->delayed)
		return 0;
	if (session_offer(s, call->caller, invite, &status, cause))
		return status;
	s->initial = true;
	s->first = mem_ref(s->offer);
	return 0;
}
