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
 *
 * All of it is asked of a configuration and its table, not of trunks that run:
 * lookup.c asks the same without any.
 */
#include <string.h>

#include "route_priv.h"

/* What a call has that no entry of the table decides about. */
static const struct sp_number_account no_account = {.name = "", .main_number = "", .file = ""};
static const struct sp_number_entry no_entry = {
	.account = &no_account, .label = "", .location = ""};

/* The trunk that asks. */
struct asking {
	const struct route_ask *ask;
	const struct sp_conf_trunk *conf;
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

static struct asking start(struct route *route, const struct route_ask *ask)
{
	const struct sp_conf_trunk *conf = &ask->conf->trunkv[ask->trunk];

	memset(route, 0, sizeof(*route));
	route->entry = &no_entry;
	return (struct asking){ask, conf, SP_TRUNK_SERVICE == conf->kind};
}

static const struct sp_number_entry *lookup(const struct route_ask *ask, const char *e164)
{
	struct pl number;

	pl_set_str(&number, e164);
	return number.l ? sp_number_lookup(ask->numbers, &number, ask->now_s) : NULL;
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
static const struct sp_number_entry *own_entry(const struct route_ask *ask, const char *e164)
{
	const struct sp_number_entry *entry = lookup(ask, e164);

	return entry && route_serves(entry, ask->trunk) ? entry : NULL;
}

bool route_owns(const struct route_ask *ask, const char *e164)
{
	return own_entry(ask, e164) != NULL;
}

static void decide(struct route *route, const struct sp_number_entry *entry, const char *e164)
{
	route->entry = entry;
	memcpy(route->number, e164, strlen(e164) + 1);
}

/** A service's own number decides: also what the carrier is shown instead of it. */
static void decide_by_caller(struct route *route, const struct sp_number_entry *entry)
{
	decide(route, entry, route->caller);
	route->by_caller = true;
	route->screened = SP_NUMBER_CALLER_SCREENED == entry->caller_id && !route->emergency;
	if (route->emergency && entry->location[0])
		route->shown = entry->location;
	else if (SP_NUMBER_CALLER_MAIN == entry->caller_id && entry->account->main_number[0])
		route->shown = entry->account->main_number;
}

void route_decide(struct route *route, const struct route_ask *ask, const char *e164)
{
	const struct sp_number_entry *entry = lookup(ask, e164);

	decide(route, entry ? entry : &no_entry, entry ? e164 : "");
}

/** caller_id = "screened": is what is shown a number of the same account, or service? */
static bool may_show(const struct route_ask *ask, const struct sp_number_entry *entry,
		     const char *e164)
{
	const struct sp_number_entry *of;

	if (SP_NUMBER_CALLER_SCREENED != entry->caller_id)
		return true;
	of = lookup(ask, e164);
	if (!of)
		return false;
	return entry->account->name[0] ? of->account == entry->account
				       : route_serves(of, ask->trunk);
}

struct screen {
	const struct route_ask *ask;
	const struct sp_number_entry *entry;
};

static bool passes_screen(const char *e164, void *arg)
{
	const struct screen *s = arg;

	return may_show(s->ask, s->entry, e164);
}

/** The same of what a trusted carrier would be shown beside From (RFC 3325 9.1). */
static bool may_assert(const struct route_ask *ask, const struct sp_number_entry *entry,
		       const struct sp_sip_msg *invite)
{
	struct screen s = {ask, entry};

	return SP_NUMBER_CALLER_SCREENED != entry->caller_id ||
	       calling_each_asserted(ask, invite, passes_screen, &s);
}

static void to_list(struct route *route, const uint16_t *indexv, size_t indexc)
{
	route->trunkc = min(indexc, ARRAY_SIZE(route->trunkv));
	memcpy(route->trunkv, indexv, route->trunkc * sizeof(*indexv));
}

static uint16_t to_entry(struct route *route, const struct sp_number_entry *entry, const char *e164)
{
	decide(route, entry, e164);
	to_list(route, entry->trunkv, entry->trunkc);
	return 0;
}

/** A service's call to its calling number's carriers, else the trunk's. */
static uint16_t to_carrier(struct route *route, const struct asking *a, const char **cause)
{
	const struct sp_number_entry *entry = route->entry;

	*cause = "neither the number entry nor the trunk names a carrier";
	if (entry->carrierc)
		to_list(route, entry->carrierv, entry->carrierc);
	else if (a->conf->carrierc)
		to_list(route, a->conf->carrierv, a->conf->carrierc);
	else
		return 404;
	return 0;
}

/** In the name of route->caller, if that is the service's own. Nobody is refused. */
static uint16_t to_carrier_of_caller(struct route *route, const struct asking *a,
				     const char **cause)
{
	const struct sp_number_entry *entry = own_entry(a->ask, route->caller);

	if (entry)
		decide_by_caller(route, entry);
	return to_carrier(route, a, cause);
}

static uint16_t by_called(struct route *route, const struct asking *a, const char *e164,
			  const char **cause)
{
	const struct sp_number_entry *entry = lookup(a->ask, e164);

	*cause = e164[0] ? "the called number is not in the number table"
			 : "the called number is not E.164";
	route->unknown = !entry;
	return entry ? to_entry(route, entry, e164) : 404;
}

static const char screened[] = "the calling number is none of those that caller_id lets through";

static uint16_t by_calling(struct route *route, const struct asking *a,
			   const struct sp_sip_msg *invite, const struct pl *called,
			   const char **cause)
{
	char sent[SP_NUMBER_SIZE];
	const struct sp_number_entry *entry;

	memcpy(sent, route->caller, sizeof(sent));
	entry = calling_own(route->caller, a->ask, invite);
	*cause = route->caller[0] ? "the calling number does not belong to this trunk"
				  : "the calling number is not E.164";
	route->unknown = !entry;
	if (!entry)
		return 403;
	decide_by_caller(route, entry);
	*cause = screened;
	if (!may_show(a->ask, entry, sent))
		return 403;
	*cause = "a number in P-Asserted-Identity is none of those that caller_id lets through";
	if (!may_assert(a->ask, entry, invite))
		return 403;
	*cause = "the called number is neither E.164 nor digits";
	if (put_called(route, a, called))
		return 404;
	return to_carrier(route, a, cause);
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

uint16_t route_find(struct route *route, const struct route_ask *ask,
		    const struct sp_sip_msg *invite, const char **cause)
{
	const struct asking a = start(route, ask);
	char e164[SP_NUMBER_SIZE];
	struct sp_sip_uri uri;
	struct pl caller, called;

	calling_uri(invite, &uri);
	numbering_user(&caller, &uri);
	numbering_user(&called, &invite->uri);
	(void)numbering_in(route->caller, &a.conf->numbering, &caller); /* "": not known */

	if (is_emergency(route, &a, &called) && a.service) {
		if (!route->caller[0]) /* no number in From: else it is who needs help */
			(void)calling_asserted(route->caller, ask, invite);
		return to_carrier_of_caller(route, &a, cause);
	}
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
	const struct sp_number_entry *entry = own_entry(a->ask, e164);

	*cause = "the user part of the transfer's target is too long";
	if (user->l >= sizeof(route->user))
		return 404;
	(void)pl_strcpy(user, route->user, sizeof(route->user));
	route->own = true;
	route->trunkv[route->trunkc++] = (uint16_t)a->ask->trunk;
	if (entry)
		decide(route, entry, e164);
	return 0;
}

/** Out, by a service: what From shows is screened as that of any other call. */
static uint16_t refer_out(struct route *route, const struct asking *a, const struct route_refer *r,
			  const char **cause)
{
	const uint16_t status = to_carrier_of_caller(route, a, cause);

	if (!status && r->party && route->by_caller && !may_show(a->ask, route->entry, r->party)) {
		*cause = screened;
		route->trunkc = 0;
		return 403;
	}
	return status;
}

uint16_t route_refer(struct route *route, const struct route_ask *ask, const struct route_refer *r,
		     const char **cause)
{
	const struct asking a = start(route, ask);
	const struct sp_sip_uri *uri = &r->to->uri;
	const struct sp_number_entry *entry;
	char e164[SP_NUMBER_SIZE];
	struct pl user;

	*cause = "the transfer's target is neither a SIP nor a tel URI";
	if (SP_URI_OTHER == uri->scheme)
		return 404;
	numbering_user(&user, uri);
	if (r->caller && strlen(r->caller) < sizeof(route->caller)) /* else it is no E.164 */
		memcpy(route->caller, r->caller, strlen(r->caller) + 1);

	if (is_emergency(route, &a, &user) && a.service)
		return to_carrier_of_caller(route, &a, cause);
	(void)numbering_in(e164, &a.conf->numbering, &user); /* "": no number */
	if (r->own)
		return to_itself(route, &a, &user, e164, cause);
	if (!route->emergency)
		memcpy(route->user, e164, sizeof(e164));
	entry = lookup(ask, e164);
	if (entry)
		return to_entry(route, entry, e164);
	if (!a.service)
		return by_called(route, &a, e164, cause);
	*cause = "the transfer's target is neither E.164 nor digits";
	if (put_called(route, &a, &user))
		return 404;
	return refer_out(route, &a, r, cause);
}
