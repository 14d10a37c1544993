/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TLS connection glued to one connection of sip/, and its end.
 *
 * Accepted ones are in their trunk's list, the most recently active first,
 * and are closed when no SIP message comes; outbound ones belong to a target.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

/* sip/ is told before the bytes' way out disappears. */
static void destructor(void *arg)
{
	struct conn *c = arg;

	list_unlink(&c->le);
	sp_timer_cancel(&c->timer);
	sp_sip_conn_gone(c->sip);
	mem_deref(c->sip);
	mem_deref(c->tls);
	mem_deref(c->src);
}

bool conn_live(const struct conn *c)
{
	return c && !c->ended && !sp_sip_conn_isgone(c->sip);
}

static void uncount(struct conn *c)
{
	struct sp_trunk *t = c->t;

	list_unlink(&c->le);
	if (!c->src)
		return;
	--t->connections;
	--t->ts->accepted;
	--c->src->count;
	c->src = mem_deref(c->src);
}

/**
 * The one way out of life: log, close, tell sip/, uncount, and tell the target.
 * The memory goes at the end of the turn.
 */
void conn_end(struct conn *c, const char *why)
{
	struct sp_trunk *t;
	struct target *tg;

	if (!c || c->ended)
		return;

	c->ended = true;
	t = c->t;
	tg = c->tg;
	if (c->tls)
		sp_log(SP_LOG_INFO, "conn_down", "trunk=%s dir=%s peer=%J why=%H", t->name,
		       tg ? "out" : "in", sp_tls_conn_raddr(c->tls), sp_log_str, why);

	sp_timer_cancel(&c->timer);
	sp_tls_close(c->tls);
	sp_sip_conn_gone(c->sip);
	uncount(c);
	c->t = NULL;
	c->tg = NULL;
	if (tg)
		target_lost(tg, c, why);
	sp_loop_release(c->loop, c);
}

static void on_silence(void *arg)
{
	struct conn *c = arg;
	const struct sp_trunk *t = c->t;
	const uint64_t idle_ms = c->messages ? (uint64_t)t->conf->idle_s * 1000 : 0;
	const uint64_t silent_ms = sp_loop_now_ms(c->loop) - c->active_ms;

	if (!c->messages)
		conn_end(c, "no SIP message came in time");
	else if (idle_ms && silent_ms >= idle_ms && !t->calls)
		conn_end(c, "idle");
	else
		conn_arm(c);
}

/**
 * Start the timer that watches an accepted connection's silence, by the
 * settings of this moment. While the trunk has calls, idleness is looked at
 * again one period later.
 */
void conn_arm(struct conn *c)
{
	const uint64_t silent_ms = sp_loop_now_ms(c->loop) - c->active_ms;
	uint64_t limit_ms;

	if (c->ended || c->tg || !c->src || !c->t->ts)
		return;

	limit_ms = 1000 *
		   (uint64_t)(c->messages ? c->t->conf->idle_s : c->t->ts->limits.first_message_s);
	if (!limit_ms)
		sp_timer_cancel(&c->timer);
	else
		sp_timer_start(c->loop, &c->timer,
			       silent_ms < limit_ms ? limit_ms - silent_ms : limit_ms, on_silence,
			       c);
}

static int on_send(const uint8_t *p, size_t n, void *arg)
{
	struct conn *c = arg;

	return c->ended ? ENOTCONN : sp_tls_send(c->tls, p, n);
}

/* A message came: this connection is the one to use where any would do. */
static void active(struct conn *c, uint64_t messages)
{
	const bool first = !c->messages;

	c->messages = messages;
	c->active_ms = sp_loop_now_ms(c->loop);
	if (c->tg)
		return;
	list_unlink(&c->le);
	list_prepend(&c->t->accepted, &c->le, c);
	if (first)
		conn_arm(c);
}

static void on_data(struct sp_tls_conn *tls, const uint8_t *p, size_t n, void *arg)
{
	struct conn *c = arg;
	const char *why = "unreadable";
	uint64_t messages;
	int err;

	c->received += n;
	err = sp_sip_conn_input(c->sip, p, n, &why);
	if (c->ended)
		return;

	if (err) {
		sp_log(SP_LOG_WARN, "sip_refused", "trunk=%s src=%J why=%H", c->t->name,
		       sp_tls_conn_raddr(tls), sp_log_str, why);
		conn_end(c, "refused by us");
		return;
	}

	messages = sp_sip_conn_messages(c->sip);
	if (messages != c->messages)
		active(c, messages);
}

static void on_down(struct sp_tls_conn *tls, int err, const char *why, void *arg)
{
	(void)tls;
	(void)err;
	conn_end(arg, why);
}

static const struct sp_tls_handlers handlers = {.data = on_data, .down = on_down};

/**
 * Make a connection of one that is up. Takes over the reference of tls on
 * success only. The caller links it to the trunk or target.
 */
int conn_new(struct conn **cp, struct sp_trunk *t, struct target *tg, struct sp_tls_conn *tls)
{
	struct conn *c = mem_zalloc(sizeof(*c), destructor);
	int err;

	if (!c)
		return ENOMEM;

	err = sp_sip_conn_alloc(&c->sip, t->ts->sip, t->sent_by, t, on_send, c);
	if (err) {
		mem_deref(c);
		return err;
	}

	c->t = t;
	c->tg = tg;
	c->loop = t->loop;
	c->tls = tls;
	c->up_ms = c->active_ms = sp_loop_now_ms(c->loop);
	sp_tls_handle(tls, &handlers, c);
	sp_log(SP_LOG_INFO, "conn_up", "trunk=%s dir=%s peer=%J cipher=%H", t->name,
	       tg ? "out" : "in", sp_tls_conn_raddr(tls), sp_log_str, sp_tls_conn_cipher(tls));
	*cp = c;
	return 0;
}

int sp_trunk_attach(struct sp_trunk *t, struct sp_sip_conn *sip)
{
	struct conn *c;

	if (!t || !sip || sp_sip_conn_owner(sip) != t)
		return EINVAL;

	c = mem_zalloc(sizeof(*c), destructor);
	if (!c)
		return ENOMEM;

	c->t = t;
	c->loop = t->loop;
	c->sip = mem_ref(sip);
	c->up_ms = c->active_ms = sp_loop_now_ms(c->loop);
	list_prepend(&t->accepted, &c->le, c);
	return 0;
}
