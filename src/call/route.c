/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/route: which trunk a call goes to, by the number table. A carrier's
 * call goes where the called number belongs; a service's call goes to the
 * carrier of its calling number, which must be one of the service's own: which
 * one that is, calling.c finds out.
 *
 * Emergency calls go before all that: nobody is asked who he is. Transfers
 * and redirects go back to the trunk that asked for them when they name it,
 * else where their number leads.
 */
#include <string.h>

#include "route_priv.h"

/* What a call has that no entry of the table decides about. */
static const struct sp_number_entry no_entry = {
	.trunk = SP_NUMBER_NO_TRUNK, .carrier = SP_NUMBER_NO_TRUNK, .account = "", .file = ""};

/* The trunk that asks, as the configuration of the call has it. */
struct asking {
	const struct sp_call_env *env;
	const struct sp_conf_trunk *conf;
	unsigned index;
	bool service;
};

/** As dialled, for a URI: a "#" goes out escaped (RFC 3261 25.1, 19.1.6). */
static void put_dialled(struct route *route, const char *digits)
{
	char *out = route->user;

	for (; *digits; digits++) {
		if ('#' == *digits) {
			memcpy(out, "%23", 3);
			out += 3;
		} else {
			*out++ = *digits;
		}
	}
	*out = '\0';
}

/** E.164, or the digits of a number that is none: short codes, service codes. */
static int put_called(struct route *route, const struct asking *a, const struct pl *user)
{
	char digits[NUMBERING_SIZE];

	if (0 == numbering_in(route->user, &a->conf->numbering, user))
		return 0;
	if (numbering_dialled(digits, user) || '+' == digits[0] ||
	    strlen(digits) > ROUTE_DIGITS_MAX)
		return EINVAL;
	put_dialled(route, digits);
	return 0;
}

/** @return 0, or a status when the trunk is not of this configuration */
static uint16_t start(struct route *route, struct asking *a, const struct sp_call_env *env,
		      const struct sp_trunk *from, const char **cause)
{
	memset(route, 0, sizeof(*route));
	route->entry = &no_entry;
	a->env = env;
	for (a->index = 0; a->index < env->conf->trunkc; a->index++) {
		if (env->trunkv[a->index] == from) {
			a->conf = &env->conf->trunkv[a->index];
			a->service = SP_TRUNK_SERVICE == a->conf->kind;
			return 0;
		}
	}
	*cause = "the trunk is no longer in the configuration";
	return 503;
}

static const struct sp_number_entry *lookup(const struct asking *a, const char *e164)
{
	struct pl number;

	pl_set_str(&number, e164);
	return number.l ? sp_number_lookup(a->env->numbers, &number) : NULL;
}

bool route_serves(const struct sp_number_entry *entry, unsigned trunk)
{
	for (size_t i = 0; i < entry->trunkc; i++) {
		if (entry->trunkv[i] == trunk)
			return true;
	}
	return false;
}

/** The number's entry, if the number is one of the asking trunk's own. */
static const struct sp_number_entry *own_entry(const struct asking *a, const char *e164)
{
	const struct sp_number_entry *entry = lookup(a, e164);

	return entry && route_serves(entry, a->index) ? entry : NULL;
}

static void to_list(struct route *route, const struct asking *a, const uint16_t *indexv,
		    size_t indexc)
{
	route->trunk = a->env->trunkv[indexv[0]];
	route->alsoc = 0;
	for (size_t i = 1; i < indexc && route->alsoc < SP_CONF_ROUTES_MAX; i++)
		route->alsov[route->alsoc++] = a->env->trunkv[indexv[i]];
}

static uint16_t to_entry(struct route *route, const struct asking *a,
			 const struct sp_number_entry *entry)
{
	route->entry = entry;
	to_list(route, a, entry->trunkv, entry->trunkc);
	return 0;
}

/** A service's call to its calling number's carriers, else the trunk's. */
static uint16_t to_carrier(struct route *route, const struct asking *a,
			   const struct sp_number_entry *entry, const char **cause)
{
	if (entry)
		route->entry = entry;
	*cause = "neither the number entry nor the trunk names a carrier";
	if (route->entry->carrierc)
		to_list(route, a, route->entry->carrierv, route->entry->carrierc);
	else if (a->conf->carrierc)
		to_list(route, a, a->conf->carrierv, a->conf->carrierc);
	else
		return 404;
	return 0;
}

static uint16_t by_called(struct route *route, const struct asking *a, const char *e164,
			  const char **cause)
{
	const struct sp_number_entry *entry = lookup(a, e164);

	*cause = "the called number is not E.164";
	if (!e164[0])
		return 404;
	*cause = "the called number is not in the number table";
	return entry ? to_entry(route, a, entry) : 404;
}

static uint16_t by_calling(struct route *route, const struct asking *a,
			   const struct sp_sip_msg *invite, const struct pl *called,
			   const char **cause)
{
	const struct own_number own = {a->env->numbers, a->conf, a->index};
	const struct sp_number_entry *entry = calling_own(route->caller, &own, invite);

	*cause = route->caller[0] ? "the calling number does not belong to this trunk"
				  : "the calling number is not E.164";
	if (!entry)
		return 403;
	*cause = "the called number is neither E.164 nor digits";
	if (put_called(route, a, called))
		return 404;
	return to_carrier(route, a, entry, cause);
}

/** The entry of the list that these digits are, which may have a "+" too many. */
static const char *listed(const struct sp_conf_trunk *conf, const char *digits)
{
	for (size_t i = 0; i < conf->emergencyc; i++) {
		if (0 == strcmp(digits, conf->emergencyv[i]))
			return conf->emergencyv[i];
	}
	return '+' == *digits ? listed(conf, digits + 1) : NULL;
}

/** The trunk's emergency number that this user part is, or NULL. */
static const char *emergency_number(const struct sp_conf_trunk *conf, const struct pl *called)
{
	char digits[NUMBERING_SIZE];

	if (!conf->emergencyc || numbering_dialled(digits, called))
		return NULL;
	return listed(conf, digits);
}

bool route_is_emergency(const struct sp_conf_trunk *conf, const struct sp_sip_msg *invite)
{
	struct pl called;

	numbering_user(&called, &invite->uri);
	return emergency_number(conf, &called) != NULL;
}

/** One of the trunk's emergency numbers? They go on as the list has them. */
static bool is_emergency(struct route *route, const struct asking *a, const struct pl *called)
{
	const char *number = emergency_number(a->conf, called);

	route->emergency = number != NULL;
	if (number)
		put_dialled(route, number);
	return route->emergency;
}

uint16_t route_find(struct route *route, const struct sp_call_env *env, const struct sp_trunk *from,
		    const struct sp_sip_msg *invite, const char **cause)
{
	char e164[SP_NUMBER_SIZE];
	struct sp_sip_uri uri;
	struct pl caller, called;
	struct asking a;
	uint16_t status = start(route, &a, env, from, cause);

	if (status)
		return status;
	calling_uri(invite, &uri);
	numbering_user(&caller, &uri);
	numbering_user(&called, &invite->uri);
	(void)numbering_in(route->caller, &a.conf->numbering, &caller); /* "": not known */

	if (is_emergency(route, &a, &called) && a.service)
		return to_carrier(route, &a, own_entry(&a, route->caller), cause);
	if (a.service)
		return by_calling(route, &a, invite, &called, cause);
	if (0 == numbering_in(e164, &a.conf->numbering, &called) && !route->emergency)
		memcpy(route->user, e164, sizeof(e164));
	return by_called(route, &a, e164, cause);
}

/** Back to the trunk that asked: it knows its own users, whatever they look like. */
static uint16_t to_itself(struct route *route, const struct asking *a, const struct pl *user,
			  const char *e164, const char **cause)
{
	const struct sp_number_entry *entry = own_entry(a, e164);

	*cause = "the user part of the transfer's target is too long";
	if (user->l >= sizeof(route->user))
		return 404;
	(void)pl_strcpy(user, route->user, sizeof(route->user));
	route->own = true;
	route->trunk = a->env->trunkv[a->index];
	if (entry)
		route->entry = entry;
	return 0;
}

uint16_t route_refer(struct route *route, const struct sp_call_env *env,
		     const struct sp_trunk *from, const struct sp_sip_addr *refer_to,
		     const char *caller_e164, const char **cause)
{
	const struct sp_sip_uri *uri = &refer_to->uri;
	const struct sp_number_entry *entry;
	char e164[SP_NUMBER_SIZE];
	struct pl user;
	struct asking a;
	uint16_t status = start(route, &a, env, from, cause);

	if (status)
		return status;
	*cause = "the transfer's target is neither a SIP nor a tel URI";
	if (SP_URI_OTHER == uri->scheme)
		return 404;
	numbering_user(&user, uri);
	if (caller_e164 && strlen(caller_e164) < sizeof(route->caller)) /* else it is no E.164 */
		memcpy(route->caller, caller_e164, strlen(caller_e164) + 1);

	if (is_emergency(route, &a, &user) && a.service)
		return to_carrier(route, &a, own_entry(&a, route->caller), cause);
	(void)numbering_in(e164, &a.conf->numbering, &user); /* "": no number */
	if (sp_trunk_owns_host(from, &uri->host))
		return to_itself(route, &a, &user, e164, cause);
	if (!route->emergency)
		memcpy(route->user, e164, sizeof(e164));
	entry = lookup(&a, e164);
	if (entry)
		return to_entry(route, &a, entry);
	if (!a.service)
		return by_called(route, &a, e164, cause);
	*cause = "the transfer's target is neither E.164 nor digits";
	if (put_called(route, &a, &user))
		return 404;
	return to_carrier(route, &a, own_entry(&a, route->caller), cause);
}
