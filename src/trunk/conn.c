/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TLS connection glued to one connection of sip/, and its end.
 *
 * Accepted ones are in their trunk's list, the most recently active first,
 * and are closed when no SIP message comes; outbound ones belong to a target.
 * Of both, a message that has begun must end in time, and those that it is our
 * turn to keep open get keep-alives when they are silent (RFC 5626 3.5.1).
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void cancel_timers(struct conn *c)
{
	sp_timer_cancel(&c->timer);
	sp_timer_cancel(&c->keepalive);
	sp_timer_cancel(&c->partial);
}

/* sip/ is told before the bytes' way out disappears. */
static void destructor(void *arg)
{
	struct conn *c = arg;

	list_unlink(&c->le);
	list_unlink(&c->alias_le);
	cancel_timers(c);
	if (c->lead)
		c->lead->conn = NULL;
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

	if (!c->src)
		return;
	--t->connections;
	--t->ts->accepted;
	--c->src->count;
	c->src = mem_deref(c->src);
}

/* Those who use it hear of it while it still knows what it belonged to. */
static void leave(struct conn *c, const char *why)
{
	if (c->alias)
		target_unalias(c);
	uncount(c);
	if (c->tg)
		target_lost(c->tg, c, why);
	list_unlink(&c->le);
	c->tg = NULL;
	c->t = NULL;
}

/**
 * The one way out of life: log, close, tell sip/, uncount, and tell the target.
 * The memory goes at the end of the turn.
 */
void conn_end(struct conn *c, const char *why)
{
	if (!c || c->ended)
		return;

	c->ended = true;
	if (c->tls)
		sp_log(SP_LOG_INFO, "conn_down", "trunk=%s dir=%s peer=%J why=%H", c->t->name,
		       c->tg ? "out" : "in", sp_tls_conn_raddr(c->tls), sp_log_str, why);

	cancel_timers(c);
	sp_tls_close(c->tls);
	sp_sip_conn_gone(c->sip);
	if (c->lead) {
		c->lead->conn = NULL;
		c->lead->gone_ms = sp_loop_now_ms(c->loop);
	}
	leave(c, why);
	sp_loop_release(c->loop, c);
}

static void on_silence(void *arg);

/* While the trunk has calls, idleness is looked at again one period later. */
static void arm_silence(struct conn *c)
{
	const uint64_t silent_ms = sp_loop_now_ms(c->loop) - c->active_ms;
	uint64_t limit_ms;

	if (c->tg || !c->src)
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
		arm_silence(c);
}

/* Who opened a connection keeps it open (RFC 5626 4.4.1). Without targets we
 * depend on what the peer opened, and want to know whether it is still there. */
static uint64_t keepalive_ms(const struct conn *c)
{
	const struct sp_conf_trunk *conf = c->t->conf;

	return c->tls && (c->tg || !conf->targetc) ? (uint64_t)conf->keepalive_s * 1000 : 0;
}

static void on_keepalive(void *arg);

/* RFC 5626 4.4.1: somewhere between 80 % of the time and all of it. */
static void arm_keepalive(struct conn *c)
{
	const uint64_t most_ms = keepalive_ms(c);
	const uint64_t silent_ms = sp_loop_now_ms(c->loop) - max(c->heard_ms, c->pinged_ms);
	uint64_t due_ms;

	if (!most_ms) {
		sp_timer_cancel(&c->keepalive);
		return;
	}
	due_ms = most_ms - sp_random_below((uint32_t)(most_ms / 5) + 1);
	sp_timer_start(c->loop, &c->keepalive, silent_ms < due_ms ? due_ms - silent_ms : 0,
		       on_keepalive, c);
}

/* A peer that has never answered may just not know keep-alives: not judged. */
static void on_keepalive(void *arg)
{
	struct conn *c = arg;
	const uint64_t now_ms = sp_loop_now_ms(c->loop), most_ms = keepalive_ms(c);
	const bool unanswered = c->pinged_ms > c->heard_ms;

	if (unanswered && sp_sip_conn_pongs(c->sip)) {
		conn_end(c, "keep-alive unanswered");
		return;
	}
	if (!most_ms || now_ms - max(c->heard_ms, c->pinged_ms) < most_ms - most_ms / 5) {
		arm_keepalive(c);
		return;
	}

	c->pinged_ms = now_ms;
	sp_timer_start(c->loop, &c->keepalive, TRUNK_PONG_MS, on_keepalive, c);
	(void)sp_sip_conn_ping(c->sip);
}

/** Start the timers that watch a connection, by the settings of this moment. */
void conn_arm(struct conn *c)
{
	if (c->ended || !c->t->ts)
		return;

	arm_silence(c);
	if (c->alias && !c->t->conf->reuse)
		target_unalias(c);
	if (!sp_timer_isrunning(&c->keepalive) || c->pinged_ms <= c->heard_ms)
		arm_keepalive(c); /* else an answer is awaited */
}

static void refuse(struct conn *c, const char *why)
{
	++c->t->messages_refused;
	sp_log(SP_LOG_WARN, "sip_refused", "trunk=%s src=%J why=%H", c->t->name, &c->lead->addr,
	       sp_log_str, why);
	conn_end(c, "refused by us");
}

static void on_partial(void *arg)
{
	struct conn *c = arg;
	char why[64];

	(void)re_snprintf(why, sizeof(why), "message not complete in %u s",
			  c->t->ts->limits.message_s);
	refuse(c, why);
}

/* Bytes came. A message may begin at any time, and then must go on to its end:
 * nobody is to hold a connection with a byte now and then. */
static void watch_partial(struct conn *c, bool another)
{
	const uint64_t limit_ms = (uint64_t)c->t->ts->limits.message_s * 1000;

	if (!limit_ms || !sp_sip_conn_partial(c->sip))
		sp_timer_cancel(&c->partial);
	else if (another || !sp_timer_isrunning(&c->partial))
		sp_timer_start(c->loop, &c->partial, limit_ms, on_partial, c);
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
	c->active_ms = c->heard_ms;
	if (c->tg)
		return;
	list_unlink(&c->le);
	list_prepend(&c->t->accepted, &c->le, c);
	if (first)
		arm_silence(c);
}

static void on_data(struct sp_tls_conn *tls, const uint8_t *p, size_t n, void *arg)
{
	struct conn *c = arg;
	const char *why = "unreadable";
	const bool awaited = c->pinged_ms > c->heard_ms;
	uint64_t messages;
	int err;
	(void)tls;

	c->received += n;
	c->heard_ms = sp_loop_now_ms(c->loop);
	if (awaited)
		arm_keepalive(c);
	err = sp_sip_conn_input(c->sip, p, n, &why);
	if (c->ended)
		return;

	if (err) {
		refuse(c, why);
		return;
	}

	messages = sp_sip_conn_messages(c->sip);
	watch_partial(c, messages != c->messages);
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

/* What sip/ keeps of it, for as long as somebody may ask where it led. */
static int make_lead(struct conn *c)
{
	struct lead *lead = mem_zalloc(sizeof(*lead), NULL);

	if (!lead)
		return ENOMEM;

	lead->target = LEAD_ACCEPTED;
	str_ncpy(lead->label, "accepted", sizeof(lead->label));
	if (c->tls)
		lead->addr = *sp_tls_conn_raddr(c->tls);
	if (c->tg) {
		lead->target = c->tg->key;
		str_ncpy(lead->label, c->tg->label, sizeof(lead->label));
	} else if (c->tls) {
		(void)re_snprintf(lead->label, sizeof(lead->label), "accepted %j", &lead->addr);
	}

	sp_sip_conn_keep(c->sip, lead);
	c->lead = sp_sip_conn_kept(c->sip);
	c->lead->conn = c;
	return 0;
}

static int alloc(struct conn **cp, struct sp_trunk *t, struct target *tg, struct sp_sip_conn *sip)
{
	struct conn *c = mem_zalloc(sizeof(*c), destructor);

	if (!c)
		return ENOMEM;

	c->t = t;
	c->tg = tg;
	c->loop = t->loop;
	c->sip = mem_ref(sip);
	c->up_ms = c->active_ms = c->heard_ms = sp_loop_now_ms(c->loop);
	*cp = c;
	return 0;
}

/**
 * Make a connection of one that is up. Takes over the reference of tls on
 * success only. The caller links it to the trunk or target, and arms it.
 */
int conn_new(struct conn **cp, struct sp_trunk *t, struct target *tg, struct sp_tls_conn *tls)
{
	struct conn *c;
	int err = alloc(&c, t, tg, NULL);

	if (err)
		return err;

	err = sp_sip_conn_alloc(&c->sip, t->ts->sip, t->sent_by, t, on_send, c);
	c->tls = tls;
	if (!err)
		err = make_lead(c);
	if (err) {
		c->tls = NULL;
		mem_deref(c);
		return err;
	}

	if (tg && t->conf->reuse)
		sp_sip_conn_alias(c->sip);
	sp_tls_handle(tls, &handlers, c);
	sp_log(SP_LOG_INFO, "conn_up", "trunk=%s dir=%s peer=%J cipher=%H", t->name,
	       tg ? "out" : "in", sp_tls_conn_raddr(tls), sp_log_str, sp_tls_conn_cipher(tls));
	arm_keepalive(c);
	*cp = c;
	return 0;
}

int sp_trunk_attach(struct sp_trunk *t, struct sp_sip_conn *sip)
{
	struct conn *c = NULL;
	int err;

	if (!t || !sip || sp_sip_conn_owner(sip) != t)
		return EINVAL;

	err = alloc(&c, t, NULL, sip);
	if (!err)
		err = make_lead(c);
	if (err)
		mem_deref(c);
	else
		list_prepend(&t->accepted, &c->le, c);
	return err;
}
