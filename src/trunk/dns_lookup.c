/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One look-up of a name, from start to end (RFC 3263 4.2, RFC 2782): SRV of one
 * service after the other, then A and AAAA of all hosts at once.
 *
 * That DNS says "no" leads on, to the next service and to the addresses of the
 * name itself. That DNS fails does not: nobody knows then what it would have
 * said, and calls must not go where they were not meant to. A host whose
 * addresses cannot be asked for keeps those that it had.
 */
#include <errno.h>
#include <string.h>

#include "dns_inner.h"

enum { SERVICES = 2, TYPES = 2, SERVICE_SIZE = DNS_HOST_SIZE + 16 };

/* Both are TLS over TCP; no other transport is ever looked for. */
static const char *const services[SERVICES] = {"_sips._tcp.", "_sip._tls."};

/* RFC 7984 4: IPv6 is as good as IPv4, and by RFC 6724 the first that is tried. */
static const uint16_t types[TYPES] = {DNS_TYPE_AAAA, DNS_TYPE_A};

/* The question for one address family of one host. */
struct part {
	struct dns_lookup *l;
	struct dns_question *q;
	uint32_t ttl_s;
	int err;
	const char *why;
	size_t addrc;
	struct sa addrv[DNS_ADDRS_MAX];
};

struct dns_lookup {
	struct dns *d;
	struct dns_subject subject;
	dns_lookup_h *h;
	void *arg;

	struct dns_question *q; /* for SRV */
	unsigned service;
	char name[SERVICE_SIZE]; /* the SRV name that is asked for */

	struct dns_record hostv[DNS_SRV_MAX];
	size_t hostc;
	struct part partv[DNS_SRV_MAX][TYPES];
	unsigned pending;

	struct dns_result result;
};

static void ask_service(struct dns_lookup *l);

static void destructor(void *arg)
{
	struct dns_lookup *l = arg;

	mem_deref(l->q);
	for (size_t i = 0; i < l->hostc; ++i)
		for (size_t k = 0; k < TYPES; ++k)
			mem_deref(l->partv[i][k].q);
}

static void finish(struct dns_lookup *l, int err)
{
	l->result.err = err;
	l->h(&l->result, l->arg);
}

static void fail(struct dns_lookup *l, int err, const char *name, const char *what, const char *why)
{
	l->result.keep = true;
	l->result.unavailable = false;
	re_snprintf(l->result.why, sizeof(l->result.why), "%s%s: %s", name, what, why);
	finish(l, err);
}

static void add_place(struct dns_result *r, const struct dns_record *host, const struct sa *addr)
{
	struct dns_place place = {.priority = host->priority, .weight = host->weight};

	place.addr = *addr;
	sa_set_port(&place.addr, host->port);
	for (size_t i = 0; i < r->placec; ++i)
		if (sa_cmp(&r->placev[i].addr, &place.addr, SA_ALL) &&
		    !str_casecmp(r->placev[i].host, host->host))
			return;
	if (r->placec == DNS_PLACES_MAX)
		return;
	memcpy(place.host, host->host, sizeof(place.host));
	r->placev[r->placec++] = place;
}

/* What the host had before in this family. */
static void add_earlier(struct dns_lookup *l, const struct dns_record *host, uint16_t type,
			bool routed_only)
{
	const int af = type == DNS_TYPE_A ? AF_INET : AF_INET6;

	for (size_t i = 0; i < l->subject.placec; ++i) {
		const struct dns_place *old = &l->subject.placev[i];

		if (sa_af(&old->addr) != af || str_casecmp(old->host, host->host) ||
		    (routed_only && !l->d->ops->routed(&old->addr)))
			continue;
		add_place(&l->result, host, &old->addr);
		l->result.stale = true;
	}
}

static void add_part(struct dns_lookup *l, const struct dns_record *host, const struct part *part,
		     bool routed_only)
{
	for (size_t i = 0; i < part->addrc; ++i) {
		struct sa addr = part->addrv[i];

		sa_set_port(&addr, host->port);
		if (!routed_only || l->d->ops->routed(&addr))
			add_place(&l->result, host, &addr);
	}
	if (part->addrc && part->ttl_s < l->result.ttl_s)
		l->result.ttl_s = part->ttl_s;
}

static void add_all(struct dns_lookup *l, bool routed_only)
{
	for (size_t i = 0; i < l->hostc; ++i) {
		for (size_t k = 0; k < TYPES; ++k) {
			const struct part *part = &l->partv[i][k];

			if (part->err && part->err != ENOENT)
				add_earlier(l, &l->hostv[i], types[k], routed_only);
			else
				add_part(l, &l->hostv[i], part, routed_only);
		}
	}
}

/* The others of its SRV records are called, and nobody would miss it. */
static void note_without(struct dns_lookup *l)
{
	for (size_t i = 0; i < l->hostc; ++i) {
		if (l->partv[i][0].err != ENOENT || l->partv[i][1].err != ENOENT)
			continue;
		str_ncpy(l->result.without, l->hostv[i].host, sizeof(l->result.without));
		return;
	}
}

/* Every question has its answer. */
static void conclude(struct dns_lookup *l)
{
	struct dns_result *r = &l->result;
	int err = 0;

	add_all(l, true);
	if (!r->placec)
		add_all(l, false);

	for (size_t i = 0; i < l->hostc && !err; ++i) {
		for (size_t k = 0; k < TYPES && !err; ++k) {
			const struct part *part = &l->partv[i][k];

			if (!part->err || part->err == ENOENT)
				continue;
			err = part->err;
			re_snprintf(r->why, sizeof(r->why), "%s %s: %s", l->hostv[i].host,
				    types[k] == DNS_TYPE_A ? "A" : "AAAA", part->why);
		}
	}
	if (!err && !r->placec) {
		fail(l, ENOENT, *l->name ? l->name : l->subject.host, *l->name ? " SRV" : "",
		     *l->name ? "none of the targets has an address"
			      : "no such name, or no address");
		return;
	}
	r->keep = !r->placec;
	note_without(l);
	finish(l, err);
}

static void on_addrs(int err, const char *why, const struct dns_answer *a, void *arg)
{
	struct part *part = arg;
	struct dns_lookup *l = part->l;

	part->q = mem_deref(part->q);
	part->err = err;
	part->why = why;
	part->ttl_s = err ? 0 : a->ttl_s;
	for (size_t i = 0; !err && i < a->recordc; ++i)
		part->addrv[part->addrc++] = a->recordv[i].addr;
	if (!--l->pending)
		conclude(l);
}

static void ask_addrs(struct dns_lookup *l)
{
	l->pending = 1; /* this function */
	for (size_t i = 0; i < l->hostc; ++i) {
		for (size_t k = 0; k < TYPES; ++k) {
			struct part *part = &l->partv[i][k];

			part->l = l;
			part->why = "out of memory";
			part->err = l->d->ops->ask(&part->q, l->d, l->hostv[i].host, types[k],
						   on_addrs, part);
			if (!part->err)
				++l->pending;
		}
	}
	if (!--l->pending)
		conclude(l);
}

static void on_srv(int err, const char *why, const struct dns_answer *a, void *arg)
{
	struct dns_lookup *l = arg;

	l->q = mem_deref(l->q);
	if (err && err != ENOENT) {
		fail(l, err, l->name, " SRV", why);
		return;
	}
	if (!err && a->ttl_s < l->result.ttl_s)
		l->result.ttl_s = a->ttl_s;
	if (!err && !a->unavailable) {
		memcpy(l->hostv, a->recordv, sizeof(l->hostv));
		l->hostc = a->recordc;
		l->result.unavailable = false;
		*l->result.why = '\0';
		ask_addrs(l);
		return;
	}
	if (!err) {
		l->result.unavailable = true;
		re_snprintf(l->result.why, sizeof(l->result.why),
			    "%s SRV: \".\", the service is not offered (RFC 2782)", l->name);
	}
	++l->service;
	ask_service(l);
}

/* All services have been asked for, and none is there. */
static void without_srv(struct dns_lookup *l)
{
	struct dns_record *host = &l->hostv[0];

	*l->name = '\0';
	if (l->result.unavailable) {
		finish(l, ENOENT);
		return;
	}
	if (*l->subject.host == '_') {
		fail(l, ENOENT, l->subject.host, " SRV", "no such record");
		return;
	}
	str_ncpy(host->host, l->subject.host, sizeof(host->host));
	host->port = l->subject.port;
	l->hostc = 1;
	ask_addrs(l);
}

static void ask_service(struct dns_lookup *l)
{
	const bool as_it_is = *l->subject.host == '_';
	const unsigned count = as_it_is ? 1 : l->subject.srv ? SERVICES : 0;

	/* With the service before it, a name may be longer than names can be: it has no SRV. */
	while (l->service < count) {
		re_snprintf(l->name, sizeof(l->name), "%s%s", as_it_is ? "" : services[l->service],
			    l->subject.host);
		if (str_len(l->name) < DNS_HOST_SIZE)
			break;
		++l->service;
	}
	if (l->service >= count)
		without_srv(l);
	else if (l->d->ops->ask(&l->q, l->d, l->name, DNS_TYPE_SRV, on_srv, l))
		fail(l, ENOMEM, l->name, " SRV", "out of memory");
}

/** *lp is set before h can be called; h is to let go of it. */
int dns_lookup_start(struct dns_lookup **lp, struct dns *d, const struct dns_subject *subject,
		     dns_lookup_h *h, void *arg)
{
	struct dns_lookup *l = mem_zalloc(sizeof(*l), destructor);

	if (!l)
		return ENOMEM;
	l->d = d;
	l->subject = *subject;
	l->h = h;
	l->arg = arg;
	l->result.ttl_s = INT32_MAX;
	*lp = l;
	ask_service(l);
	return 0;
}
