/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A target: one configured host and port, its outbound connection, its health.
 *
 *            connected and (no OPTIONS configured, or OPTIONS answered)
 *   unknown ------------------------------------------------------------> up
 *     any   --- connect failed, OPTIONS unanswered, closed at once -----> down
 *     any   --- connection lost after it had been of use ---------------> unknown
 *
 * set_state() is the one place where the state changes. target_up and
 * target_down in the log are those changes.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void destructor(void *arg)
{
	struct target *tg = arg;

	list_unlink(&tg->le);
	sp_timer_cancel(&tg->probe);
	sp_timer_cancel(&tg->attempt.timer);
	dns_cancel(tg->attempt.query);
	mem_deref(tg->attempt.tls);
	if (tg->options)
		sp_sip_ctrans_detach(tg->options);
	mem_deref(tg->options);
	mem_deref(tg->label);
	mem_deref(tg->host);
}

int target_alloc(struct target **tgp, struct sp_trunk *t, const struct sp_conf_target *conf)
{
	struct target *tg = mem_zalloc(sizeof(*tg), destructor);
	int err;

	if (!tg)
		return ENOMEM;
	tg->t = t;
	tg->port = conf->port;
	tg->key = host_key(conf->host, conf->port);

	err = str_dup(&tg->host, conf->host);
	if (!err)
		err = re_sdprintf(&tg->label, "%H:%u", trunk_host_print, conf->host, conf->port);

	if (err)
		mem_deref(tg);
	else
		*tgp = tg;
	return err;
}

bool target_is(const struct target *tg, const struct sp_conf_target *conf)
{
	return tg->port == conf->port && !str_casecmp(tg->host, conf->host);
}

/** Its connection, if that can be used. */
struct conn *target_conn(const struct target *tg)
{
	return conn_live(tg->conn) ? tg->conn : NULL;
}

/** Without OPTIONS nothing would ever find out that it is well again: forget. */
bool target_down(const struct target *tg)
{
	if (tg->state != TARGET_DOWN)
		return false;
	return tg->t->conf->options_s || sp_loop_now_ms(tg->t->loop) - tg->down_ms < TRUNK_DOWN_MS;
}

/* why: of down only */
static void set_state(struct target *tg, enum target_state state, const char *why)
{
	const struct sp_trunk *t = tg->t;

	if (state == TARGET_DOWN)
		tg->down_ms = sp_loop_now_ms(t->loop);
	if (state == tg->state)
		return;

	tg->state = state;
	if (state == TARGET_UP)
		sp_log(SP_LOG_INFO, "target_up", "trunk=%s target=%s", t->name, tg->label);
	else if (state == TARGET_DOWN)
		sp_log(SP_LOG_WARN, "target_down", "trunk=%s target=%s why=%H", t->name, tg->label,
		       sp_log_str, why);
}

void target_set_up(struct target *tg)
{
	tg->backoff_s = 0;
	set_state(tg, TARGET_UP, NULL);
}

void target_failed(struct target *tg, const char *why)
{
	set_state(tg, TARGET_DOWN, why);
	probe_retry(tg);
}

/** The attempt succeeded; c is the target's from now on. */
void target_connected(struct target *tg, struct conn *c)
{
	tg->conn = c;
	tg->err = 0;
	if (tg->t->conf->options_s && tg->listed && tg->t->active)
		probe_send(tg);
	else
		target_set_up(tg);
	pick_wake(&tg->waiting);
}

/**
 * The connection has ended. In TLS 1.3 a client is "up" before the server has
 * judged its certificate: silence and a close right away mean a refusal.
 */
void target_lost(struct target *tg, const struct conn *c, const char *why)
{
	const uint64_t lived_ms = sp_loop_now_ms(tg->t->loop) - c->up_ms;
	const bool asked = tg->options != NULL;
	char text[TRUNK_WHY_SIZE + 32];

	tg->conn = NULL;
	probe_forget(tg);
	if (!tg->listed || !tg->t->active || !trunk_usable(tg->t))
		return;

	if (!c->received && (asked || lived_ms < TRUNK_EARLY_MS)) {
		(void)re_snprintf(
			text, sizeof(text), "closed %s: %s",
			lived_ms < TRUNK_EARLY_MS ? "right after connect" : "without a byte", why);
		tg->err = ECONNRESET;
		target_failed(tg, text);
		return;
	}

	if (tg->state == TARGET_UP)
		set_state(tg, TARGET_UNKNOWN, NULL);
	if (lived_ms >= TRUNK_BRIEF_MS)
		probe_soon(tg);
	else
		probe_retry(tg);
}

/** Nothing is attempted any more, and the connection closes. */
void target_shut(struct target *tg)
{
	probe_stop(tg);
	target_connect_cancel(tg, ESHUTDOWN);
	conn_end(tg->conn, "closed by us");
}

/** The configuration has it no longer: its connection stays for calls in progress. */
void target_drop(struct target *tg)
{
	struct sp_trunk *t = tg->t;

	tg->listed = false;
	if (!tg->conn || !t->calls) {
		target_shut(tg);
		return;
	}
	probe_stop(tg);
	target_connect_cancel(tg, ECANCELED);
	list_append(&t->oldl, &tg->le, mem_ref(tg));
}
