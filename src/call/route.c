/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/route: which trunk a call goes to, by the number table. A carrier's
 * call goes where the called number belongs; a service's call goes to the
 * carrier of its calling number, which must be one of the service's own.
 */
#include <string.h>

#include "call_priv.h"

bool route_is_anonymous(const struct sp_sip_addr *a)
{
	return 0 == pl_strcasecmp(&a->uri.user, "anonymous") ||
	       0 == pl_strcasecmp(&a->uri.host, "anonymous.invalid");
}

void route_caller(const struct sp_sip_msg *invite, struct pl *user)
{
	const struct sp_sip_hdr *hdr;
	struct sp_sip_addr pai;
	struct pl rest, value;

	*user = invite->from.uri.user;
	if (!route_is_anonymous(&invite->from))
		return;
	hdr = sp_sip_msg_next(invite, SP_HDR_P_ASSERTED_IDENTITY, NULL);
	if (!hdr)
		return;
	rest = hdr->value;
	if (sp_sip_list_next(&value, &rest) && 0 == sp_sip_addr_decode(&pai, &value))
		*user = pai.uri.user;
}

/**
 * Digits as dialled, for numbers that are no E.164: short codes, emergency,
 * service codes. A "#" goes out escaped (RFC 3261 25.1, 19.1.6).
 */
static int dialled(char out[ROUTE_USER_SIZE], const struct pl *user)
{
	char plain[ROUTE_DIALLED_MAX + 1];

	if (sp_sip_unescape(plain, sizeof(plain), user) || !plain[0] ||
	    plain[strspn(plain, "0123456789*#")])
		return EINVAL;
	for (const char *p = plain; *p; p++) {
		if ('#' == *p) {
			memcpy(out, "%23", 3);
			out += 3;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	return 0;
}

/** E.164 of a user part, which may be escaped ("%2B44..."; RFC 3261 19.1.4). */
int route_e164(char out[SP_NUMBER_SIZE], const struct pl *user)
{
	char plain[128];
	struct pl pl;

	if (sp_sip_unescape(plain, sizeof(plain), user))
		return EINVAL;
	pl_set_str(&pl, plain);
	return sp_number_normalise(out, &pl);
}

static int trunk_index(const struct sp_call_env *env, const struct sp_trunk *t)
{
	for (size_t i = 0; i < env->conf->trunkc; i++) {
		if (env->trunkv[i] == t)
			return (int)i;
	}
	return -1;
}

static uint16_t route_by_called(struct route *route, const struct sp_call_env *env,
				const struct sp_sip_msg *invite, const char **cause)
{
	struct pl number;

	*cause = "the called number is not E.164";
	if (route_e164(route->user, &invite->uri.user))
		return 404;
	pl_set_str(&number, route->user);
	route->entry = sp_number_lookup(env->numbers, &number);
	*cause = "the called number is not in the number table";
	if (!route->entry)
		return 404;
	route->trunk = env->trunkv[route->entry->trunk];
	return 0;
}

static uint16_t route_by_calling(struct route *route, const struct sp_call_env *env, unsigned from,
				 const struct sp_sip_msg *invite, const char **cause)
{
	char text[SP_NUMBER_SIZE];
	struct pl number;
	int carrier;

	route_caller(invite, &number);
	*cause = "the calling number is not E.164";
	if (route_e164(text, &number))
		return 403;
	pl_set_str(&number, text);
	route->entry = sp_number_lookup(env->numbers, &number);
	*cause = "the calling number does not belong to this trunk";
	if (!route->entry || route->entry->trunk != from)
		return 403;

	*cause = "the called number is neither E.164 nor digits";
	if (route_e164(route->user, &invite->uri.user) && dialled(route->user, &invite->uri.user))
		return 404;
	carrier = SP_NUMBER_NO_TRUNK == route->entry->carrier ? env->conf->trunkv[from].carrier
							      : route->entry->carrier;
	*cause = "neither the number entry nor the trunk names a carrier";
	if (carrier < 0)
		return 404;
	route->trunk = env->trunkv[carrier];
	return 0;
}

uint16_t route_find(struct route *route, const struct sp_call_env *env, const struct sp_trunk *from,
		    const struct sp_sip_msg *invite, const char **cause)
{
	int index = trunk_index(env, from);

	memset(route, 0, sizeof(*route));
	*cause = "the trunk is no longer in the configuration";
	if (index < 0)
		return 503;
	if (SP_TRUNK_CARRIER == env->conf->trunkv[index].kind)
		return route_by_called(route, env, invite, cause);
	return route_by_calling(route, env, (unsigned)index, invite, cause);
}
