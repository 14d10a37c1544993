/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A target: one address that calls may be sent to. pool.c has its connections,
 * health.c its state, probe.c its OPTIONS.
 */
#include <errno.h>

#include "trunk_priv.h"

static void destructor(void *arg)
{
	struct target *tg = arg;

	list_unlink(&tg->le);
	sp_timer_cancel(&tg->dial);
	sp_timer_cancel(&tg->probe);
	sp_timer_cancel(&tg->overdue);
	sp_timer_cancel(&tg->attempt.timer);
	mem_deref(tg->attempt.tls);
	if (tg->options)
		sp_sip_ctrans_detach(tg->options);
	mem_deref(tg->options);
	mem_deref(tg->label);
	mem_deref(tg->host);
}

/**
 * What it is remembered by, also across reloads: the configured host and port,
 * what SRV made of them, and the address.
 */
uint64_t target_key(const struct site *s, const struct dns_place *place)
{
	char addr[64];
	uint64_t key;

	(void)re_snprintf(addr, sizeof(addr), "|%u|%J|", s->port, &place->addr);
	key = host_hash(0xcbf29ce484222325, s->host);
	key = host_hash(key, addr);
	key = host_hash(key, place->host);
	return key > LEAD_ACCEPTED ? key : key + LEAD_ACCEPTED + 1;
}

static int label(struct target *tg, const struct site *s)
{
	const struct dns_place *place = &tg->place;
	const uint16_t port = sa_port(&place->addr);

	if (!s->name && !s->srv) {
		struct sa sa;

		if (!sa_set_str(&sa, s->host, 0))
			return re_sdprintf(&tg->label, "%H:%u", trunk_host_print, s->host, port);
	}
	return re_sdprintf(&tg->label, "%s:%u %j", place->host, port, &place->addr);
}

/** Not started: see site_start(). */
int target_alloc(struct target **tgp, struct site *s, const struct dns_place *place)
{
	struct target *tg = mem_zalloc(sizeof(*tg), destructor);
	int err;

	if (!tg)
		return ENOMEM;
	tg->t = s->t;
	tg->place = *place;
	tg->key = target_key(s, place);
	tg->host_key = (uint32_t)host_hash(0xcbf29ce484222325, place->host);
	tg->uri_port = s->port_given ? s->port : 0;
	tg->since_ms = sp_loop_now_ms(s->t->loop);

	err = str_dup(&tg->host, s->uri);
	if (!err)
		err = label(tg, s);

	if (err)
		mem_deref(tg);
	else
		*tgp = tg;
	return err;
}

struct target *target_find(const struct sp_trunk *t, uint64_t key)
{
	for (size_t i = 0; i < t->targetc; ++i) {
		if (t->targetv[i]->key == key)
			return t->targetv[i];
	}
	return NULL;
}

/** A target that an earlier change has dropped and calls still use. */
struct target *target_old(const struct sp_trunk *t, uint64_t key)
{
	struct le *le;

	LIST_FOREACH(&t->oldl, le)
	{
		struct target *tg = le->data;

		if (tg->key == key)
			return tg;
	}
	return NULL;
}

/** Where a connection led, as long as there is anything of it. */
struct target *target_led(const struct sp_trunk *t, uint64_t key)
{
	struct target *tg = target_find(t, key);

	return tg ? tg : target_old(t, key);
}

/** Is it of the configuration, and may it be talked to? */
bool target_wanted(const struct target *tg)
{
	return tg->site && tg->t->active && trunk_usable(tg->t);
}

/** Seconds, rounded up, for which it has asked to be left alone. */
unsigned target_busy_s(const struct target *tg)
{
	const uint64_t now_ms = sp_loop_now_ms(tg->t->loop);

	return tg->busy_ms > now_ms ? (unsigned)((tg->busy_ms - now_ms + 999) / 1000) : 0;
}

static void leave_aliases(struct target *tg)
{
	struct le *le;

	while ((le = list_head(&tg->aliasl)))
		target_unalias(le->data);
}

/** Nothing is attempted any more, and its connections close. */
void target_shut(struct target *tg)
{
	struct le *le, *next;

	probe_stop(tg);
	pool_stop(tg);
	target_connect_cancel(tg, ESHUTDOWN);
	leave_aliases(tg);
	for (le = list_head(&tg->connl); le; le = next) {
		next = le->next;
		conn_end(le->data, "closed by us");
	}
}

/* Calls that use its connections go on by others. */
static void forget_oldest(struct sp_trunk *t)
{
	struct target *tg = list_ledata(list_head(&t->oldl));

	list_unlink(&tg->le);
	target_shut(tg);
	mem_deref(tg);
}

/**
 * DNS or the configuration has it no longer: its connections stay for calls in
 * progress. A busy trunk always has some, and a name may lead elsewhere each
 * time that it is looked up, so only so many are kept.
 */
void target_drop(struct target *tg)
{
	struct sp_trunk *t = tg->t;

	tg->site = NULL;
	if (!tg->connc || !t->calls) {
		target_shut(tg);
		return;
	}
	probe_stop(tg);
	pool_stop(tg);
	target_connect_cancel(tg, ECANCELED);
	leave_aliases(tg);
	if (list_count(&t->oldl) >= SP_TRUNK_TARGETS_MAX)
		forget_oldest(t);
	list_append(&t->oldl, &tg->le, mem_ref(tg));
}
