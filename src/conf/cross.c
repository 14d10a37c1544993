/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold between keys: names that refer to each other, sockets and
 * ports that two interfaces cannot share, identities that could not be told
 * apart. Values that were wrong by themselves were reported before and are
 * passed over here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

enum { SAY_SIZE = 1024 };

/* The names of a list's elements, "" for one that has none. */
struct names {
	const char **v;
	size_t c;
};

struct cross {
	struct conf_reader *rd;
	struct draft *draft;
	struct draft_interface *interfacev;
	struct draft_trunk *trunkv;
	struct names interfaces, trunks, carriers;
};

struct claim {
	const char *identity;
	unsigned interface;
	size_t trunk;
};

/* The first element of that name, -1: none. */
static int index_of(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->c; i++) {
		if (!strcmp(n->v[i], name))
			return (int)i;
	}

	return -1;
}

/*
 * The lists of names that references are looked up in. Carriers have a list of
 * their own, so that a suggestion for "carrier" never is a service trunk.
 */
static int collect_names(struct cross *x)
{
	const size_t ic = x->draft->interfaces.c, tc = x->draft->trunks.c;

	x->interfaces.v = conf_arena_get(x->rd->drafts, ic * sizeof(char *));
	x->trunks.v = conf_arena_get(x->rd->drafts, tc * sizeof(char *));
	x->carriers.v = conf_arena_get(x->rd->drafts, tc * sizeof(char *));
	if (!x->interfaces.v || !x->trunks.v || !x->carriers.v)
		return ENOMEM;

	for (; x->interfaces.c < ic; x->interfaces.c++) {
		const char *name = x->interfacev[x->interfaces.c].out.name;

		x->interfaces.v[x->interfaces.c] = name ? name : "";
	}
	for (; x->trunks.c < tc; x->trunks.c++) {
		const struct draft_trunk *t = &x->trunkv[x->trunks.c];

		x->trunks.v[x->trunks.c] = t->out.name ? t->out.name : "";
		if (t->out.name && t->kind == SP_TRUNK_CARRIER)
			x->carriers.v[x->carriers.c++] = t->out.name;
	}

	return 0;
}

/* Told on the second of two, as its author came last. */
static void check_unique(struct cross *x, const char *list, const struct names *n, size_t i,
			 const struct draft_head *h)
{
	const int first = index_of(n, n->v[i]);

	if (*n->v[i] && (size_t)first < i)
		conf_mistake_at(x->rd, list, i, h, "name",
				"%s[%d] has the same name: needs another", list, first);
}

/* A certificate is no use without its key, nor the other way round. */
static void check_pair(struct cross *x, const char *list, size_t i, const struct draft_head *h,
		       const struct sp_conf_pair *pair, const char *certificate, const char *key)
{
	if (pair->certificate.path && !pair->key.path)
		conf_mistake_at(x->rd, list, i, h, certificate, "needs its private key: set %s",
				key);
	if (pair->key.path && !pair->certificate.path)
		conf_mistake_at(x->rd, list, i, h, key, "needs its certificate: set %s",
				certificate);
}

static void check_addresses(struct cross *x, size_t i)
{
	struct draft_interface *d = &x->interfacev[i];
	const struct sa *media = &d->out.media, *shown = &d->out.media_advertise;

	if (conf_has_address(&d->out.sip) && sa_is_any(&d->out.sip) && !d->out.sip_advertise)
		conf_mistake_at(x->rd, "interfaces", i, &d->head, "sip.address",
				"listens on every address, so needs sip.advertise: the name or "
				"address that peers are told");
	if (conf_has_address(media) && sa_is_any(media))
		conf_mistake_at(x->rd, "interfaces", i, &d->head, "media.address",
				"needs one address of this machine");
	if (!conf_has_address(shown))
		return;
	if (sa_is_any(shown))
		conf_mistake_at(x->rd, "interfaces", i, &d->head, "media.advertise",
				"needs an address that others can reach");
	else if (conf_has_address(media) && sa_af(media) != sa_af(shown))
		conf_mistake_at(x->rd, "interfaces", i, &d->head, "media.advertise",
				"needs the same IP version as media.address");
}

/* Would the second bind(2) fail? A wildcard address takes the port on all of its family. */
static bool is_same_socket(const struct draft_interface *a, const struct draft_interface *b)
{
	const struct sa *p = &a->out.sip, *q = &b->out.sip;

	if (!conf_has_address(p) || !conf_has_address(q) || a->sip_port != b->sip_port)
		return false;
	if (sa_af(p) != sa_af(q))
		return false;

	return sa_cmp(p, q, SA_ADDR) || sa_is_any(p) || sa_is_any(q);
}

/* Against those before it, so that each clash is told once. */
static void check_neighbours(struct cross *x, size_t i)
{
	const struct draft_interface *d = &x->interfacev[i];

	for (size_t j = 0; j < i; j++) {
		const struct draft_interface *o = &x->interfacev[j];

		if (is_same_socket(o, d))
			conf_mistake_at(x->rd, "interfaces", i, &d->head, "sip.address",
					"interfaces[%zu] \"%s\" listens there on port %d too: "
					"needs another address or port",
					j, x->interfaces.v[j], o->sip_port);
		if (conf_has_address(&o->out.media) && conf_has_address(&d->out.media) &&
		    sa_cmp(&o->out.media, &d->out.media, SA_ADDR) && d->ports[1] && o->ports[1] &&
		    d->ports[0] <= o->ports[1] && o->ports[0] <= d->ports[1])
			conf_mistake_at(x->rd, "interfaces", i, &d->head, "media.ports",
					"[ %d, %d ] overlaps [ %d, %d ] of interfaces[%zu] \"%s\" "
					"on the same address: needs other ports",
					d->ports[0], d->ports[1], o->ports[0], o->ports[1], j,
					x->interfaces.v[j]);
	}
}

static void check_interface(struct cross *x, size_t i)
{
	struct draft_interface *d = &x->interfacev[i];
	const int pairs = (d->ports[1] - d->ports[0] + 1) / 2;

	check_unique(x, "interfaces", &x->interfaces, i, &d->head);
	check_pair(x, "interfaces", i, &d->head, &d->out.client, "tls.client_certificate",
		   "tls.client_key");
	check_addresses(x, i);
	check_neighbours(x, i);

	/* every leg takes a pair of ports per media stream; limits with a mistake are not known */
	if (!sp_report_mistakes(x->rd->report) && d->ports[1] &&
	    pairs < (int)x->draft->limits.calls)
		conf_note_at(x->rd, "interfaces", i, &d->head, "media.ports",
			     "room for the audio of %d call legs, while limits.calls is %u", pairs,
			     x->draft->limits.calls);
}

/* On a mistake the index stays 0: the snapshot is for --check only, and must be safe to walk. */
static void resolve_interface(struct cross *x, size_t i)
{
	struct draft_trunk *t = &x->trunkv[i];
	char near[SAY_SIZE];
	int at;

	/* without any, that is what has been told */
	if (!t->interface || !x->interfaces.c)
		return;
	at = index_of(&x->interfaces, t->interface);
	if (at >= 0)
		t->out.interface = (unsigned)at;
	else
		conf_mistake_at(x->rd, "trunks", i, &t->head, "interface", "no such interface%s",
				conf_suggest(near, sizeof(near), t->interface, x->interfaces.v,
					     x->interfaces.c));
}

/* One of a trunk's carriers. Only where there are several, its name has to be said. */
static void resolve_carrier(struct cross *x, size_t i, const char *name)
{
	struct draft_trunk *t = &x->trunkv[i];
	const int at = index_of(&x->trunks, name);
	char near[SAY_SIZE], which[80] = "";

	if (t->carriers.c > 1)
		(void)re_snprintf(which, sizeof(which), "\"%s\": ", name);
	if (at < 0)
		conf_mistake_at(
			x->rd, "trunks", i, &t->head, "carrier", "%sno such trunk%s", which,
			conf_suggest(near, sizeof(near), name, x->carriers.v, x->carriers.c));
	else if (x->trunkv[at].kind == SP_TRUNK_SERVICE)
		conf_mistake_at(x->rd, "trunks", i, &t->head, "carrier",
				"%sis a service trunk, needs one of kind \"carrier\"", which);
	else if (x->trunkv[at].kind == SP_TRUNK_CARRIER)
		t->out.carrierv[t->out.carrierc++] = (uint16_t)at;
}

static void resolve_carriers(struct cross *x, size_t i)
{
	struct draft_trunk *t = &x->trunkv[i];

	if (t->carriers.c && t->kind == SP_TRUNK_CARRIER) {
		conf_mistake_at(x->rd, "trunks", i, &t->head, "carrier",
				"is for service trunks only, this is a carrier trunk: take it out");
		return;
	}
	for (size_t k = 0; k < t->carriers.c; k++)
		resolve_carrier(x, i, ((const char *const *)t->carriers.v)[k]);
}

/* What a profile's peer wants of the interface and of the trunk's place in it all. */
static void check_profile(struct cross *x, size_t i)
{
	struct draft_trunk *t = &x->trunkv[i];
	const int at = t->interface ? index_of(&x->interfaces, t->interface) : -1;
	const struct draft_interface *d = at < 0 ? NULL : &x->interfacev[at];

	if (t->profile == SP_PROFILE_GENERIC)
		return;

	if (t->profile != SP_PROFILE_ZOOM && d && !d->head.bad &&
	    (!d->out.sip_advertise || !conf_is_host(d->out.sip_advertise)))
		conf_mistake_at(x->rd, "trunks", i, &t->head, "profile",
				"needs a host name as sip.advertise of interfaces[%d] \"%s\": "
				"Microsoft takes no Contact with an IP address",
				at, t->interface);
	if (t->kind == SP_TRUNK_CARRIER)
		conf_note_at(x->rd, "trunks", i, &t->head, "profile",
			     "is made for trunks of kind \"service\", this is a carrier");
}

/* Without a number entry of its caller, an emergency call has the trunk's carrier alone. */
static void check_emergency(struct cross *x, size_t i)
{
	struct draft_trunk *t = &x->trunkv[i];

	if (t->kind == SP_TRUNK_SERVICE && t->emergency.c && !t->carriers.c && x->carriers.c &&
	    !t->head.bad)
		conf_note_at(x->rd, "trunks", i, &t->head, "emergency",
			     "emergency calls of callers who are in no number entry find no "
			     "carrier: set carrier");
}

/* Who diverted a call is believed of trusted trunks, and calls come from the other kind. */
static void check_diverted(struct cross *x, size_t i)
{
	static const char *const names[] = {"carrier", "service"};
	struct draft_trunk *t = &x->trunkv[i];
	const int other = t->kind == SP_TRUNK_CARRIER ? SP_TRUNK_SERVICE : SP_TRUNK_CARRIER;
	bool some = false;

	if (t->diverted == SP_DIVERTED_DROP || t->kind < 0 || t->head.bad)
		return;

	for (size_t k = 0; k < x->trunks.c; k++) {
		if (x->trunkv[k].kind != other)
			continue;
		some = true;
		if (x->trunkv[k].out.trusted)
			return;
	}
	if (some)
		conf_note_at(x->rd, "trunks", i, &t->head, "diverted",
			     "no trunk of kind \"%s\" is trusted, so nobody is believed who "
			     "diverted a call to here: set trusted = true there",
			     names[other]);
}

static void check_trunk(struct cross *x, size_t i)
{
	struct draft_trunk *t = &x->trunkv[i];

	check_unique(x, "trunks", &x->trunks, i, &t->head);
	check_pair(x, "trunks", i, &t->head, &t->out.client, "certificate", "key");
	resolve_interface(x, i);
	resolve_carriers(x, i);
	check_profile(x, i);
	check_emergency(x, i);
	check_diverted(x, i);
	if (!t->out.targetc && !t->head.bad)
		conf_note_at(x->rd, "trunks", i, &t->head, NULL,
			     "has no targets: calls reach it only over connections that it opened");
}

/* Sorted, equal identities of an interface stand together: 32,768 cannot be compared in pairs. */
static int by_identity(const void *a, const void *b)
{
	const struct claim *p = a, *q = b;
	int d;

	if (p->interface != q->interface)
		return p->interface < q->interface ? -1 : 1;
	d = strcmp(p->identity, q->identity);
	if (d)
		return d;

	return p->trunk < q->trunk ? -1 : p->trunk > q->trunk;
}

static void report_claims(struct cross *x, const struct claim *claimv, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct claim *a = &claimv[i - 1], *b = &claimv[i];
		struct draft_trunk *t = &x->trunkv[b->trunk];

		if (a->interface != b->interface || strcmp(a->identity, b->identity))
			continue;
		if (a->trunk == b->trunk)
			conf_mistake_at(x->rd, "trunks", b->trunk, &t->head, "identities",
					"\"%s\" twice: keep one of them", b->identity);
		else
			conf_mistake_at(x->rd, "trunks", b->trunk, &t->head, "identities",
					"\"%s\" is an identity of trunks[%zu] \"%s\" too, on the "
					"same interface: a peer must belong to one of them",
					b->identity, a->trunk, x->trunks.v[a->trunk]);
	}
}

/* One identity, one trunk: else the certificate of a peer would not say who it is. */
static int check_identities(struct cross *x)
{
	struct claim *claimv;
	size_t n = 0, max = 0;

	for (size_t i = 0; i < x->trunks.c; i++)
		max += x->trunkv[i].identities.c;
	claimv = conf_arena_get(x->rd->drafts, max * sizeof(*claimv));
	if (!claimv)
		return ENOMEM;

	for (size_t i = 0; i < x->trunks.c; i++) {
		const struct draft_trunk *t = &x->trunkv[i];

		if (!t->interface || index_of(&x->interfaces, t->interface) < 0)
			continue;
		for (size_t k = 0; k < t->identities.c; k++)
			claimv[n++] = (struct claim){
				.identity = ((const char *const *)t->identities.v)[k],
				.interface = t->out.interface,
				.trunk = i,
			};
	}

	qsort(claimv, n, sizeof(*claimv), by_identity);
	report_claims(x, claimv, n);

	return 0;
}

int conf_cross(struct conf_reader *rd, struct draft *d)
{
	struct cross x = {
		.rd = rd, .draft = d, .interfacev = d->interfaces.v, .trunkv = d->trunks.v};
	const struct sp_conf_src src = {.file = rd->text->file};
	int err;

	err = collect_names(&x);
	if (err)
		return err;

	for (size_t i = 0; i < x.interfaces.c; i++)
		check_interface(&x, i);
	for (size_t i = 0; i < x.trunks.c; i++)
		check_trunk(&x, i);

	if (!d->numbers.c && !d->number_files.c) {
		sp_report_note(rd->report, &src, NULL, NULL,
			       "no numbers and no number_files: no call finds its trunk");
	}

	conf_cross_limits(rd, d);

	return check_identities(&x);
}
