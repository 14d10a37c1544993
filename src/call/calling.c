/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/calling: who calls, and in the name of which number. A service often
 * makes a call for somebody else: a call that one of its users forwards has the
 * number of whoever called that user in From. Then the user's own number, which
 * is what the table knows, stands in P-Asserted-Identity (RFC 3325), Diversion
 * (RFC 5806) or History-Info (RFC 7044).
 *
 * P-Asserted-Identity is asked of every trunk: it needs no belief, for the
 * table says whose the number is. Who diverted a call is a matter of trust.
 */
#include <string.h>

#include "route_priv.h"

enum { VALUES_MAX = 32 }; /* that are looked at in the headers of one name */

static const char asserted[] = "P-Asserted-Identity";

/* The search for a number of the trunk's own. */
struct search {
	const struct route_ask *ask;
	const struct sp_sip_msg *invite;
	char called[SP_NUMBER_SIZE]; /* "": no number */
	char *e164;                  /* of what was found last */
	const struct sp_number_entry *entry;
};

static const struct sp_conf_trunk *conf_of(const struct search *s)
{
	return &s->ask->conf->trunkv[s->ask->trunk];
}

bool route_is_anonymous(const struct sp_sip_addr *a)
{
	return 0 == pl_strcasecmp(&a->uri.user, "anonymous") ||
	       0 == pl_strcasecmp(&a->uri.host, "anonymous.invalid");
}

void calling_uri(const struct sp_sip_msg *invite, struct sp_sip_uri *uri)
{
	const struct sp_sip_hdr *hdr;
	struct sp_sip_addr pai;
	struct pl rest, value;

	*uri = invite->from.uri;
	if (!route_is_anonymous(&invite->from))
		return;
	hdr = sp_sip_msg_next(invite, SP_HDR_P_ASSERTED_IDENTITY, NULL);
	if (!hdr)
		return;
	rest = hdr->value;
	if (sp_sip_list_next(&value, &rest) && 0 == sp_sip_addr_decode(&pai, &value))
		*uri = pai.uri;
}

void route_caller(const struct sp_sip_msg *invite, struct pl *user)
{
	struct sp_sip_uri uri;

	calling_uri(invite, &uri);
	*user = uri.user;
}

static bool is_own(struct search *s, const struct sp_sip_uri *uri)
{
	const struct route_ask *ask = s->ask;
	const struct sp_number_entry *entry;
	char e164[SP_NUMBER_SIZE];
	struct pl number;

	if (SP_URI_OTHER == uri->scheme)
		return false;
	numbering_user(&number, uri);
	if (numbering_in(e164, &conf_of(s)->numbering, &number))
		return false;
	pl_set_str(&number, e164);
	entry = sp_number_lookup(ask->numbers, &number, ask->now_s);
	if (!entry || !route_serves(entry, ask->trunk))
		return false;
	s->entry = entry;
	memcpy(s->e164, e164, sizeof(e164));
	return true;
}

/** The next value of the headers of this name; rest is of the header that it is in. */
static bool value_next(struct pl *value, struct pl *rest, size_t *i, const struct sp_sip_msg *m,
		       const char *name)
{
	while (!sp_sip_list_next(value, rest)) {
		while (*i < m->hdrc && pl_strcasecmp(&m->hdrv[*i].name, name))
			++*i;
		if (*i == m->hdrc)
			return false;
		*rest = m->hdrv[(*i)++].value;
	}
	return true;
}

static size_t count(const struct sp_sip_msg *m, const char *name)
{
	struct pl value, rest = PL("");
	size_t i = 0, n = 0;

	while (value_next(&value, &rest, &i, m, name))
		n++;
	return n;
}

/** The first own number of the headers of this name. */
static bool first_of(struct search *s, const char *name)
{
	struct pl value, rest = PL("");
	struct sp_sip_addr addr;
	size_t i = 0;

	for (size_t n = 0; n < VALUES_MAX; n++) {
		if (!value_next(&value, &rest, &i, s->invite, name))
			break;
		if (!sp_sip_addr_decode(&addr, &value) && is_own(s, &addr.uri))
			return true;
	}
	return false;
}

/** Is it the number that the call is for? In History-Info it is the last entry. */
static bool is_called(const struct search *s, const struct sp_sip_uri *uri)
{
	char e164[SP_NUMBER_SIZE];
	struct pl user;

	numbering_user(&user, uri);
	return !numbering_in(e164, &conf_of(s)->numbering, &user) && !strcmp(e164, s->called);
}

/** The last own number in History-Info: entries are in the order of events. */
static bool last_of_history(struct search *s)
{
	static const char name[] = "History-Info";
	struct pl value, rest = PL("");
	struct sp_sip_addr addr;
	const size_t all = count(s->invite, name);
	size_t i = 0;
	bool found = false;

	for (size_t n = 0; n < all && value_next(&value, &rest, &i, s->invite, name); n++) {
		if (n + VALUES_MAX < all || sp_sip_addr_decode(&addr, &value) ||
		    is_called(s, &addr.uri))
			continue;
		found |= is_own(s, &addr.uri);
	}
	return found;
}

const struct sp_number_entry *calling_asserted(char e164[SP_NUMBER_SIZE],
					       const struct route_ask *ask,
					       const struct sp_sip_msg *invite)
{
	struct search s = {.ask = ask, .invite = invite, .e164 = e164};

	return conf_of(&s)->trusted && first_of(&s, asserted) ? s.entry : NULL;
}

/* All of them, however many: identity.c looks for one that passes among all, too. */
bool calling_each_asserted(const struct route_ask *ask, const struct sp_sip_msg *invite,
			   calling_number_h *h, void *arg)
{
	const struct sp_conf_trunk *conf = &ask->conf->trunkv[ask->trunk];
	char e164[SP_NUMBER_SIZE], digits[NUMBERING_SIZE];
	struct pl value, user, rest = PL("");
	struct sp_sip_addr addr;
	size_t i = 0;

	while (conf->trusted && value_next(&value, &rest, &i, invite, asserted)) {
		if (sp_sip_addr_decode(&addr, &value) || SP_URI_OTHER == addr.uri.scheme)
			continue;
		numbering_user(&user, &addr.uri);
		if (numbering_in(e164, &conf->numbering, &user) && numbering_dialled(digits, &user))
			continue;
		if (!h(e164, arg))
			return false;
	}
	return true;
}

const struct sp_number_entry *calling_own(char e164[SP_NUMBER_SIZE], const struct route_ask *ask,
					  const struct sp_sip_msg *invite)
{
	struct search s = {.ask = ask, .invite = invite, .e164 = e164};
	struct sp_sip_uri uri;
	struct pl called;

	calling_uri(invite, &uri);
	if (is_own(&s, &uri))
		return s.entry;
	if (!conf_of(&s)->trusted) /* else it could call in anybody's name */
		return NULL;
	if (first_of(&s, asserted))
		return s.entry;
	numbering_user(&called, &invite->uri);
	(void)numbering_in(s.called, &conf_of(&s)->numbering, &called);
	return first_of(&s, "Diversion") || last_of_history(&s) ? s.entry : NULL;
}
