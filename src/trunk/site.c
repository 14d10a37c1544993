/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A site: one configured target, and the targets that DNS makes of it.
 *
 * A literal address is a site with one target. A name is watched by dns.c; when
 * its places change, the targets that stay keep all they have, new ones start,
 * and those that are gone are dropped as a reload drops them. SRV only says
 * where to connect to: which name a certificate has to show is the site's own
 * and the trunk's (RFC 5922 7.1), and the transport is TLS whatever it says.
 */
#include <errno.h>
#include <string.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void destructor(void *arg)
{
	struct site *s = arg;

	mem_deref(s->name);
	for (size_t i = 0; i < s->targetc; ++i) {
		if (s->targetv[i]->site == s)
			s->targetv[i]->site = NULL;
		mem_deref(s->targetv[i]);
	}
	mem_deref(s->label);
	mem_deref(s->host);
}

bool site_is(const struct site *s, const struct sp_conf_target *conf)
{
	return s->port == conf->port && s->port_given == conf->port_given &&
	       !str_casecmp(s->host, conf->host);
}

static struct target *find(struct target *const *v, size_t n, uint64_t key)
{
	for (size_t i = 0; i < n; ++i) {
		if (v[i]->key == key)
			return v[i];
	}
	return NULL;
}

/* A reference to the target of this place: the site's, an old one, or a new one. */
static int target_get(struct target **tgp, struct site *s, const struct dns_place *place)
{
	const uint64_t key = target_key(s, place);
	struct target *tg = find(s->targetv, s->targetc, key);

	if (!tg)
		tg = target_old(s->t, key);
	if (!tg)
		return target_alloc(tgp, s, place);
	tg->place = *place;
	*tgp = mem_ref(tg);
	return 0;
}

/** It is the site's now, wherever it was. */
static void adopt(struct site *s, struct target *tg)
{
	tg->site = s;
	if (tg->le.list) { /* back again: the list's reference goes */
		list_unlink(&tg->le);
		mem_deref(tg);
	}
}

/** The configuration has it, and its trunk is active. */
void site_start(struct site *s, unsigned old_options_s)
{
	for (size_t i = 0; i < s->targetc; ++i) {
		adopt(s, s->targetv[i]);
		pool_settings(s->targetv[i]);
		probe_settings(s->targetv[i], old_options_s);
	}
}

/* Each site has one place at least, and none leaves the others without. */
static size_t room(const struct site *s)
{
	const struct sp_trunk *t = s->t;
	size_t n = 0;

	for (size_t i = 0; i < t->sitec; ++i) {
		const struct site *other = t->sitev[i];

		if (other != s)
			n += other->targetc ? other->targetc : 1;
	}
	return n < SP_TRUNK_TARGETS_MAX ? SP_TRUNK_TARGETS_MAX - n : 1;
}

/* The targets of these places; what cannot be made is logged and left out. */
static size_t make(struct target **v, struct site *s, const struct dns_place *placev, size_t placec)
{
	const size_t most = room(s);
	size_t n = 0, left = 0;
	int err = 0;

	for (size_t i = 0; i < placec; ++i) {
		struct target *tg;
		int e;

		if (find(v, n, target_key(s, &placev[i])))
			continue;
		if (n >= most || n >= DNS_PLACES_MAX) {
			++left;
			continue;
		}
		e = target_get(&tg, s, &placev[i]);
		if (e)
			err = e;
		else
			v[n++] = tg;
	}

	if (left || err)
		sp_log(SP_LOG_WARN, "targets_left_out", "trunk=%s target=%s left=%zu most=%u%s",
		       s->t->name, s->label, left, (unsigned)SP_TRUNK_TARGETS_MAX,
		       err ? " why=\"out of memory\"" : "");
	return n;
}

/** Where it leads now, by DNS. */
void site_places(struct site *s, const struct dns_place *placev, size_t placec)
{
	struct target *oldv[DNS_PLACES_MAX], *newv[DNS_PLACES_MAX];
	const size_t oldc = s->targetc;
	const size_t newc = make(newv, s, placev, placec);

	memcpy(oldv, s->targetv, oldc * sizeof(oldv[0]));
	memcpy(s->targetv, newv, newc * sizeof(newv[0]));
	s->targetc = newc;
	sites_collect(s->t);

	for (size_t i = 0; i < oldc; ++i) {
		if (!find(newv, newc, oldv[i]->key))
			target_drop(oldv[i]);
		mem_deref(oldv[i]);
	}
	for (size_t i = 0; i < newc; ++i) {
		const bool fresh = !newv[i]->site;

		adopt(s, newv[i]);
		if (fresh) {
			pool_settings(newv[i]);
			probe_settings(newv[i], 0);
		}
	}
	if (s->t->active) /* else it is going already, whatever DNS says */
		trunk_settle(s->t);
}

static void on_dns(struct dns_name *n, void *arg)
{
	struct site *s = arg;
	const struct dns_place *placev;
	size_t placec = 0;

	s->looked_up = dns_looked_up(n);
	s->failing = *dns_why(n) != '\0'; /* dns_name.c has logged it */
	placev = dns_places(n, &placec);
	site_places(s, placev, placec);
	pick_wake(s->t);
}

static int watch(struct site *s)
{
	return dns_watch(&s->name, s->t->ts->dns, s->host, s->port, s->srv, on_dns, s);
}

static int literal(struct site *s, const struct sa *addr)
{
	struct dns_place place = {.addr = *addr};
	int err;

	str_ncpy(place.host, s->host, sizeof(place.host));
	s->looked_up = true;
	err = target_get(&s->targetv[0], s, &place);
	if (!err)
		s->targetc = 1;
	return err;
}

/** Not started: see site_start(). */
int site_alloc(struct site **sp, struct sp_trunk *t, const struct sp_conf_target *conf)
{
	struct site *s = mem_zalloc(sizeof(*s), destructor);
	struct sa addr;
	int err;

	if (!s)
		return ENOMEM;
	s->t = t;
	s->port = conf->port;
	s->port_given = conf->port_given;

	err = str_dup(&s->host, conf->host);
	if (err)
		goto out;
	s->uri = sp_conf_target_name(s->host);
	err = s->port_given ? re_sdprintf(&s->label, "%H:%u", trunk_host_print, s->host, s->port)
			    : str_dup(&s->label, s->host);
	if (err)
		goto out;

	if (!sa_set_str(&addr, s->host, s->port)) {
		err = literal(s, &addr);
	} else {
		s->srv = !s->port_given;
		err = watch(s);
	}

out:
	if (err)
		mem_deref(s);
	else
		*sp = s;
	return err;
}

/** The configuration no longer has it. */
void site_drop(struct site *s)
{
	s->name = mem_deref(s->name);
	for (size_t i = 0; i < s->targetc; ++i) {
		target_drop(s->targetv[i]);
		mem_deref(s->targetv[i]);
	}
	s->targetc = 0;
}

/** DNS is going. */
void site_stop(struct site *s)
{
	s->name = mem_deref(s->name);
	s->looked_up = true;
}

/** A target of it has gone down: where all have, DNS may know of others. */
void site_failed(const struct site *s)
{
	if (!s || !s->name)
		return;
	for (size_t i = 0; i < s->targetc; ++i) {
		if (s->targetv[i]->state != SP_TARGET_DOWN)
			return;
	}
	dns_again(s->name);
}

static struct site *largest(const struct sp_trunk *t)
{
	struct site *s = t->sitev[0];

	for (size_t i = 1; i < t->sitec; ++i) {
		if (t->sitev[i]->targetc > s->targetc)
			s = t->sitev[i];
	}
	return s;
}

/** Make the trunk's list of targets. Sites that a reload has added may be too many together. */
void sites_collect(struct sp_trunk *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->sitec; ++i)
		n += t->sitev[i]->targetc;
	for (; n > SP_TRUNK_TARGETS_MAX; --n) {
		struct site *s = largest(t);
		struct target *tg = s->targetv[--s->targetc];

		target_drop(tg);
		mem_deref(tg);
	}

	t->targetc = 0;
	for (size_t i = 0; i < t->sitec; ++i) {
		for (size_t k = 0; k < t->sitev[i]->targetc; ++k)
			t->targetv[t->targetc++] = t->sitev[i]->targetv[k];
	}
}
