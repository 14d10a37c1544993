/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An attempt to connect to a target, within SP_TRUNK_CONNECT_MS. One at a time
 * for each target; nobody but those who want this very target waits for it.
 *
 * A connection is made by address and verified by name (RFC 5922 7.1): the
 * name is the configured one, never what DNS made of it. The name, also sent as
 * SNI, is the target's host where that is one of the trunk's identities. Else
 * it is the trunk's identity if it has just one: the certificate has to show
 * that one anyway, and a peer with many faces needs SNI to choose. Else there
 * is no SNI, and the certificate has to show any of the identities.
 */
#include <errno.h>
#include <string.h>

#include "trunk_priv.h"

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
	a->tls = mem_deref(a->tls);
}

/** Stop it; those who wait for it hear err. */
void target_connect_cancel(struct target *tg, int err)
{
	if (!tg->attempt.running)
		return;
	end(tg);
	tg->err = err;
	pick_refused(tg->t, tg, err);
}

static void failed(struct target *tg, int err, const char *why)
{
	char text[TRUNK_WHY_SIZE];

	str_ncpy(text, why, sizeof(text)); /* it may be of what goes now */
	end(tg);
	target_refused(tg, err ? err : ECONNRESET, text);
}

static void on_up(struct sp_tls_conn *tls, void *arg)
{
	struct target *tg = arg;
	struct conn *c;
	const int err = conn_new(&c, tg->t, tg, tls);

	if (err) {
		failed(tg, err, "out of memory");
		return;
	}
	tg->attempt.tls = NULL; /* its reference is the connection's now */
	end(tg);
	target_connected(tg, c);
}

static void on_down(struct sp_tls_conn *tls, int err, const char *why, void *arg)
{
	(void)tls;
	failed(arg, err, why);
}

static const struct sp_tls_handlers handlers = {.up = on_up, .down = on_down};

static void on_overdue(void *arg)
{
	failed(arg, ETIMEDOUT, "no TLS connection in time");
}

static void on_start(void *arg)
{
	struct target *tg = arg;
	struct attempt *a = &tg->attempt;
	struct sp_loop *loop = tg->t->loop;
	char why[TRUNK_WHY_SIZE];
	int err;

	err = sp_tls_connect(&a->tls, loop, tg->t->client, &tg->place.addr, name_to_verify(tg),
			     &handlers, tg);
	if (!err) {
		sp_timer_start(loop, &a->timer, SP_TRUNK_CONNECT_MS, on_overdue, tg);
		return;
	}
	(void)re_snprintf(why, sizeof(why), "connect: %m", err);
	failed(tg, err, why);
}

/**
 * Connect, unless that is under way. The outcome always comes later, from the
 * loop. What has failed is tried at the call of whoever wants it, but so often
 * only: a peer that is down for many calls must not cost a handshake for each.
 */
void target_connect(struct target *tg)
{
	const uint64_t now_ms = sp_loop_now_ms(tg->t->loop);
	struct attempt *a = &tg->attempt;

	if (a->running)
		return;
	a->running = true;
	a->since_ms = tg->err ? max(now_ms, a->since_ms + TRUNK_APART_MS) : now_ms;
	sp_timer_start(tg->t->loop, &a->timer, a->since_ms - now_ms, on_start, tg);
}
