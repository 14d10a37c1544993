/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An attempt to connect to a target: look the name up, then try its addresses
 * in the resolver's order, all within SP_TRUNK_CONNECT_MS. An address that
 * does not answer gets an equal share of the time that is left, so that a dead
 * first one does not use it up.
 *
 * A connection is made by address and verified by name. The name, also sent as
 * SNI, is the target's host where that is one of the trunk's identities. Else
 * it is the trunk's identity if it has just one: the certificate has to show
 * that one anyway, and a peer with many faces needs SNI to choose. Else there
 * is no SNI, and the certificate has to show any of the identities.
 */
#include <errno.h>
#include <string.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void try_next(void *arg);
static void on_overdue(void *arg);

static const char *name_to_verify(const struct target *tg)
{
	const struct sp_conf_trunk *conf = tg->t->conf;
	struct pl host;

	pl_set_str(&host, tg->host);
	for (size_t i = 0; i < conf->identityc; ++i) {
		if (host_same_name(&host, conf->identityv[i]))
			return tg->host;
	}
	return conf->identityc == 1 ? conf->identityv[0] : NULL;
}

static void end(struct target *tg)
{
	struct attempt *a = &tg->attempt;

	a->running = false;
	sp_timer_cancel(&a->timer);
	dns_cancel(a->query);
	a->query = NULL;
	a->tls = mem_deref(a->tls);
	a->addrc = a->next = 0;
}

/** Stop it; those who wait for it hear err. */
void target_connect_cancel(struct target *tg, int err)
{
	if (!tg->attempt.running)
		return;
	end(tg);
	tg->err = err;
	pick_wake(&tg->waiting);
}

static void give_up(struct target *tg)
{
	char why[TRUNK_WHY_SIZE];

	tg->err = tg->attempt.err;
	str_ncpy(why, tg->attempt.why, sizeof(why));
	end(tg);
	target_failed(tg, why);
	pick_wake(&tg->waiting);
}

static void note(struct attempt *a, int err, const char *why)
{
	a->err = err ? err : ECONNRESET;
	str_ncpy(a->why, why, sizeof(a->why));
}

static void on_up(struct sp_tls_conn *tls, void *arg)
{
	struct target *tg = arg;
	struct conn *c;
	const int err = conn_new(&c, tg->t, tg, tls);

	if (err) {
		note(&tg->attempt, err, "out of memory");
		give_up(tg);
		return;
	}
	tg->attempt.tls = NULL; /* its reference is the connection's now */
	end(tg);
	target_connected(tg, c);
}

static void on_down(struct sp_tls_conn *tls, int err, const char *why, void *arg)
{
	struct target *tg = arg;
	(void)tls;

	note(&tg->attempt, err, why);
	tg->attempt.tls = mem_deref(tg->attempt.tls);
	try_next(tg);
}

static const struct sp_tls_handlers handlers = {.up = on_up, .down = on_down};

/* Connect to the first of the addresses left that can be tried at all. */
static void try_next(void *arg)
{
	struct target *tg = arg;
	struct attempt *a = &tg->attempt;
	struct sp_loop *loop = tg->t->loop;

	while (a->next < a->addrc) {
		const uint64_t now_ms = sp_loop_now_ms(loop);
		const uint64_t left_ms = a->until_ms > now_ms ? a->until_ms - now_ms : 0;
		const uint64_t share_ms = left_ms / (a->addrc - a->next);
		int err;

		if (!left_ms)
			break;
		err = sp_tls_connect(&a->tls, loop, tg->t->client, &a->addrv[a->next++],
				     name_to_verify(tg), &handlers, tg);
		if (!err) {
			sp_timer_start(loop, &a->timer, share_ms, on_overdue, tg);
			return;
		}
		a->err = err;
		(void)re_snprintf(a->why, sizeof(a->why), "connect: %m", err);
	}
	give_up(tg);
}

static void on_overdue(void *arg)
{
	struct target *tg = arg;
	struct attempt *a = &tg->attempt;

	note(a, ETIMEDOUT, a->query ? "name look-up took too long" : "no TLS connection in time");
	dns_cancel(a->query);
	a->query = NULL;
	a->tls = mem_deref(a->tls);
	try_next(tg);
}

/** errno's own words would speak of routes and disks. */
static int lookup_print(struct re_printf *pf, void *arg)
{
	const int *err = arg;

	if (*err == EHOSTUNREACH)
		return re_hprintf(pf, "no such name, or no address for it");
	if (*err == EIO)
		return re_hprintf(pf, "the DNS servers of /etc/resolv.conf refuse or fail");

	return re_hprintf(pf, "%m", *err);
}

static void on_resolved(int err, const struct sa *addrv, size_t addrc, void *arg)
{
	struct target *tg = arg;
	struct attempt *a = &tg->attempt;

	if (err) {
		a->err = err;
		(void)re_snprintf(a->why, sizeof(a->why), "name look-up: %H", lookup_print, &err);
	}
	memcpy(a->addrv, addrv, addrc * sizeof(*addrv));
	a->addrc = err ? 0 : addrc;
	dns_cancel(a->query);
	a->query = NULL;
	try_next(tg);
}

/** Connect, unless that is done or under way. The outcome always comes later, from the loop. */
void target_connect(struct target *tg)
{
	struct attempt *a = &tg->attempt;
	struct sp_loop *loop = tg->t->loop;

	if (a->running || target_conn(tg))
		return;

	a->running = true;
	a->addrc = a->next = 0;
	a->until_ms = sp_loop_now_ms(loop) + SP_TRUNK_CONNECT_MS;
	note(a, EHOSTUNREACH, "no address");
	sp_timer_cancel(&tg->probe);

	if (!sa_set_str(&a->addrv[0], tg->host, tg->port)) {
		a->addrc = 1;
		sp_timer_start(loop, &a->timer, 0, try_next, tg);
		return;
	}

	if (!trunk_usable(tg->t) ||
	    dns_query(&a->query, tg->t->ts->dns, tg->host, tg->port, on_resolved, tg)) {
		note(a, ENOMEM, "out of memory");
		sp_timer_start(loop, &a->timer, 0, try_next, tg);
		return;
	}
	sp_timer_start(loop, &a->timer, SP_TRUNK_CONNECT_MS, on_overdue, tg);
}
