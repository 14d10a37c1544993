/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whose host is this? What a peer writes into a Refer-To or a Contact is
 * compared with the names and addresses that the trunk is known by. Nothing is
 * looked up: a name that resolves to a peer's address is not the peer's name.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "trunk_priv.h"

static struct pl without_dot(struct pl name)
{
	if (name.l && name.p[name.l - 1] == '.')
		--name.l;
	return name;
}

/** The same name, in any case, with or without the root's dot. */
bool host_same_name(const struct pl *a, const char *b)
{
	struct pl x = without_dot(*a), y;

	pl_set_str(&y, b);
	y = without_dot(y);
	return x.l && !pl_casecmp(&x, &y);
}

/* @return bytes of the address, 0: not a literal */
static size_t address(uint8_t bytes[16], const struct pl *text)
{
	char buf[INET6_ADDRSTRLEN];

	if (!text->l || text->l >= sizeof(buf) || memchr(text->p, '\0', text->l))
		return 0;
	memcpy(buf, text->p, text->l);
	buf[text->l] = '\0';
	if (inet_pton(AF_INET, buf, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, buf, bytes) == 1 ? 16 : 0;
}

/* The same name, or the same address however it is written (RFC 4291 2.2). */
static bool host_same(const struct pl *a, const char *b)
{
	uint8_t x[16], y[16];
	struct pl pl;
	size_t len = address(x, a);

	if (!len)
		return host_same_name(a, b);
	pl_set_str(&pl, b);
	return address(y, &pl) == len && !memcmp(x, y, len);
}

/**
 * A certificate's "*.example.com", which the trunk takes for its identity
 * a.example.com, shows b.example.com as well: one label, and not below a
 * top-level domain, as in tls/.
 */
static bool sibling(const struct pl *host, const char *identity)
{
	const struct pl name = without_dot(*host);
	const char *dot = pl_strchr(&name, '.'), *rest = strchr(identity, '.');
	struct pl domain;

	if (!dot || dot == name.p || !rest || !strchr(rest + 1, '.'))
		return false;
	domain.p = dot;
	domain.l = name.l - (size_t)(dot - name.p);
	return host_same_name(&domain, rest);
}

/** Is this the target that a URI means? port 0: any of that host. */
bool target_named(const struct target *tg, const struct pl *host, uint16_t port)
{
	const bool port_of_place = !port || port == sa_port(&tg->place.addr);
	char addr[INET6_ADDRSTRLEN];

	if (host_same(host, tg->host) && (port_of_place || (tg->site && port == tg->site->port)))
		return true;
	if (!port_of_place)
		return false;
	if (host_same(host, tg->place.host))
		return true;
	(void)re_snprintf(addr, sizeof(addr), "%j", &tg->place.addr);
	return host_same(host, addr);
}

/** Does it mean a target that is not looked up yet? */
bool site_named(const struct site *s, const struct pl *host, uint16_t port)
{
	return (!port || port == s->port) && host_same(host, s->uri);
}

/**
 * Who says that it is host:port, and comes from src. A name that leads to
 * several addresses stands for the one that it comes from.
 */
struct target *trunk_target_of(const struct sp_trunk *t, const struct pl *host, uint16_t port,
			       const struct sa *src)
{
	struct target *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->targetc; ++i) {
		struct target *tg = t->targetv[i];

		if (!target_named(tg, host, port))
			continue;
		if (src && sa_cmp(&tg->place.addr, src, SA_ADDR))
			return tg;
		found = tg;
		++n;
	}
	return n == 1 ? found : NULL;
}

static bool is_site(const struct sp_trunk *t, const struct pl *host)
{
	for (size_t i = 0; i < t->sitec; ++i) {
		if (site_named(t->sitev[i], host, 0))
			return true;
	}
	return false;
}

bool sp_trunk_owns_host(const struct sp_trunk *t, const struct pl *host)
{
	const struct sp_conf_trunk *conf = t ? t->conf : NULL;
	uint8_t bytes[16];

	if (!conf || !host || !host->p || !host->l)
		return false;
	if (is_site(t, host) || (conf->domain && host_same(host, conf->domain)))
		return true;
	if (address(bytes, host))
		return false;

	for (size_t i = 0; i < conf->identityc; ++i) {
		if (host_same_name(host, conf->identityv[i]) ||
		    (conf->wildcard && sibling(host, conf->identityv[i])))
			return true;
	}
	return false;
}

/** FNV-1a of a name; the names are the configuration's own, or DNS's. */
uint64_t host_hash(uint64_t hash, const char *host)
{
	for (; *host; ++host)
		hash = (hash ^ (uint8_t)tolower((unsigned char)*host)) * 0x100000001b3;
	return hash;
}
