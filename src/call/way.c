/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/way: routes of calls that are made: what route.c says of the trunks of
 * a configuration, as the trunks that run.
 */
#include <string.h>

#include "sallyport/trunk_scan.h"
#include "call_priv.h"

/** @return 0, or a status when the trunk is not of this configuration */
static uint16_t ask_of(struct route_ask *ask, const struct sp_call_env *env,
		       const struct sp_trunk *from, int64_t now_s, const char **cause)
{
	*ask = (struct route_ask){.conf = env->conf, .numbers = env->numbers, .now_s = now_s};
	for (; ask->trunk < env->conf->trunkc; ask->trunk++) {
		if (env->trunkv[ask->trunk] == from)
			return 0;
	}
	*cause = "the trunk is no longer in the configuration";
	return 503;
}

static void take(struct way *way, const struct sp_call_env *env)
{
	for (way->trunkc = 0; way->trunkc < way->route.trunkc; way->trunkc++)
		way->trunkv[way->trunkc] = env->trunkv[way->route.trunkv[way->trunkc]];
}

uint16_t way_find(struct way *way, const struct sp_call_env *env, const struct sp_trunk *from,
		  const struct sp_sip_msg *invite, int64_t now_s, const char **cause)
{
	struct route_ask ask;
	uint16_t status = ask_of(&ask, env, from, now_s, cause);

	memset(way, 0, sizeof(*way));
	if (!status)
		status = route_find(&way->route, &ask, invite, cause);
	take(way, env);
	return status;
}

uint16_t way_refer(struct way *way, const struct sp_call_env *env, const struct sp_trunk *from,
		   const struct route_refer *refer, int64_t now_s, const char **cause)
{
	struct route_refer r = *refer;
	struct route_ask ask;
	uint16_t status = ask_of(&ask, env, from, now_s, cause);

	memset(way, 0, sizeof(*way));
	r.own = sp_trunk_owns_host(from, &refer->to->uri.host);
	if (!status)
		status = route_refer(&way->route, &ask, &r, cause);
	take(way, env);
	return status;
}

/** Of a service the table has no say: what it does not know goes out to the carrier. */
uint16_t way_transfer(struct way *way, const struct sp_call_env *env, struct sp_trunk *from,
		      const struct route_refer *refer, int64_t now_s, const char **cause)
{
	const bool asks = SP_TRUNK_CARRIER == sp_trunk_conf(from)->kind &&
			  !sp_trunk_owns_host(from, &refer->to->uri.host);
	uint16_t status;

	if (asks && !sp_trunk_scan_admit(from)) {
		memset(way, 0, sizeof(*way));
		*cause = "unknown_per_minute of the trunk is used up";
		return 403;
	}
	status = way_refer(way, env, from, refer, now_s, cause);
	way_tried(way, from, status);
	return status;
}

void way_tried(const struct way *way, struct sp_trunk *from, uint16_t status)
{
	if (status && way->route.unknown && !way->route.emergency)
		sp_trunk_scan_unknown(from);
}

uint16_t way_to(struct way *way, const struct sp_call_env *env, struct sp_trunk *trunk,
		const char *decided, int64_t now_s, const char **cause)
{
	struct route_ask ask;
	const uint16_t status = ask_of(&ask, env, trunk, now_s, cause);

	if (status)
		return status;
	way->trunkv[0] = trunk;
	way->trunkc = 1;
	route_decide(&way->route, &ask, decided);
	return 0;
}

bool way_owns(const struct sp_call_env *env, const struct sp_trunk *from, const char *e164,
	      int64_t now_s)
{
	struct route_ask ask;
	const char *cause;

	return 0 == ask_of(&ask, env, from, now_s, &cause) && route_owns(&ask, e164);
}
