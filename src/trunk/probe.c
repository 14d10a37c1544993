/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OPTIONS to each target, the periodic job that keeps its health known
 * (RFC 3261 11). They take the connections that calls use, each in its turn, so
 * that one that is half dead is noticed. Any final response is a sign of life
 * but 503: who says so cannot take calls.
 *
 * What is in doubt is asked again after one to two seconds; what is down after
 * 1, 2, 4 ... 60 s, never less often than OPTIONS would be sent. All times are
 * spread at random, so that many gateways or many targets do not fall into step.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

enum { CALL_ID_SIZE = 25, TAG_SIZE = 17 };

static void on_probe(void *arg);

/* Somewhere in the last tenth before ms. */
static uint64_t spread(uint64_t ms)
{
	return ms - sp_random_below((uint32_t)(ms / 10) + 1);
}

static void start(struct target *tg, uint64_t delay_ms)
{
	sp_timer_start(tg->t->loop, &tg->probe, delay_ms, on_probe, tg);
}

/* Not later than is planned already: connections that come and go put nothing off. */
static void start_by(struct target *tg, uint64_t delay_ms)
{
	if (!sp_timer_isrunning(&tg->probe) ||
	    tg->probe.due_ms > sp_loop_now_ms(tg->t->loop) + delay_ms)
		start(tg, delay_ms);
}

static void forget(struct target *tg)
{
	sp_timer_cancel(&tg->overdue);
	if (tg->options)
		sp_sip_ctrans_detach(tg->options);
	tg->options = mem_deref(tg->options);
	tg->probed = NULL;
}

void probe_stop(struct target *tg)
{
	sp_timer_cancel(&tg->probe);
	forget(tg);
}

/** No answer will come by a connection that has gone. */
void probe_lost(struct target *tg, const struct conn *c)
{
	if (tg->probed == c)
		forget(tg);
}

/* Without OPTIONS, what is in doubt only gets old, and who was down has to last. */
static void next_without(struct target *tg)
{
	if (tg->state == SP_TARGET_PROBING)
		start_by(tg, tg->recovering ? TRUNK_EARLY_MS : TRUNK_DOWN_MS);
	else
		sp_timer_cancel(&tg->probe);
}

/** The state, or the connections, have changed: when to ask next. */
void probe_next(struct target *tg)
{
	const unsigned options_s = tg->t->conf->options_s;

	if (!target_wanted(tg)) {
		probe_stop(tg);
	} else if (!options_s) {
		next_without(tg);
	} else if (tg->probed) {
		; /* the answer will say */
	} else if (!target_conn(tg)) {
		sp_timer_cancel(&tg->probe); /* the pool brings one */
	} else if (tg->state == SP_TARGET_UP) {
		start_by(tg, spread((uint64_t)options_s * 1000));
	} else if (tg->state == SP_TARGET_DOWN) {
		start_by(tg, spread((uint64_t)(tg->probe_s ? tg->probe_s : 1) * 1000));
	} else {
		start_by(tg, TRUNK_SOON_MS + sp_random_below(TRUNK_SOON_MS));
	}
}

/** The settings may have changed: begin, go on as before, or stop. */
void probe_settings(struct target *tg, unsigned old_options_s)
{
	const unsigned options_s = tg->t->conf->options_s;

	if (options_s == old_options_s && (sp_timer_isrunning(&tg->probe) || tg->probed))
		return;
	if (options_s) {
		if (!tg->probed && target_conn(tg))
			start(tg, sp_random_below(TRUNK_SOON_MS));
		return;
	}
	forget(tg);
	if (target_conn(tg))
		health_forget(tg);
	probe_next(tg);
}

/*
 * A silent connection may be half dead. Where it carries no calls it goes; else
 * new calls avoid it. The next probe takes another in either case.
 */
static void unanswered(struct target *tg, int err)
{
	struct conn *c = tg->probed;
	char why[64];

	(void)re_snprintf(why, sizeof(why), "OPTIONS unanswered: %m", err);
	forget(tg);
	tg->err = err;
	tg->probe_s = pool_backoff(tg, tg->probe_s);
	if (c)
		conn_doubt(c);
	health_bad(tg, why);
	if (c && !tg->t->calls)
		conn_end(c, why);
	else
		pool_fill(tg, true);
}

static void on_overdue(void *arg)
{
	unanswered(arg, ETIMEDOUT);
}

static void on_unsent(void *arg)
{
	struct target *tg = arg;

	unanswered(tg, tg->err);
}

/* RFC 3261 20.33: seconds, then perhaps a comment or parameters. */
static unsigned retry_after_s(const struct sp_sip_msg *rsp)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(rsp, SP_HDR_RETRY_AFTER, NULL);
	uint32_t seconds = 0;
	struct pl pl;

	if (!h)
		return 0;
	pl.p = h->value.p;
	for (pl.l = 0; pl.l < h->value.l && pl.p[pl.l] >= '0' && pl.p[pl.l] <= '9'; ++pl.l)
		;
	return sp_u32(&seconds, &pl, UINT32_MAX) == ERANGE ? SP_TRUNK_BUSY_MAX_S : seconds;
}

static void on_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct target *tg = arg;

	if (!err && rsp->status < 200)
		return;
	if (err) {
		unanswered(tg, err);
		return;
	}

	forget(tg);
	tg->err = 0;
	tg->options_ms = (unsigned)(sp_loop_now_ms(tg->t->loop) - tg->options_sent_ms);
	if (rsp->status == 503) {
		tg->probe_s = pool_backoff(tg, tg->probe_s);
		sp_trunk_busy(tg->t, tg->key, retry_after_s(rsp));
		health_bad(tg, "OPTIONS answered 503");
	} else {
		health_good(tg, "OPTIONS answered");
	}
}

static int put_headers(struct mbuf *mb, const struct target *tg, const char *domain)
{
	const struct sp_trunk *t = tg->t;
	const char *self = t->interface->sip_advertise;
	char call_id[CALL_ID_SIZE], tag[TAG_SIZE];
	int err;

	sp_id_random(call_id, sizeof(call_id));
	sp_id_random(tag, sizeof(tag));

	err = sp_sip_put(mb, "Max-Forwards", "%u", (unsigned)SP_SIP_MAX_FORWARDS);
	if (!err)
		err = sp_sip_put(mb, "From", "<sip:%H>;tag=%s", trunk_host_print, self, tag);
	if (!err)
		err = sp_sip_put(mb, "To", "<sip:%H>", trunk_host_print, domain);
	if (!err)
		err = sp_sip_put(mb, "Call-ID", "%s", call_id);
	if (!err)
		err = sp_sip_put(mb, "CSeq", "1 OPTIONS");
	if (!err)
		err = sp_sip_put(mb, "Contact", "<sip:%s;transport=tls>", t->sent_by);
	if (!err)
		err = sp_sip_put(mb, "Accept", "application/sdp");
	return err;
}

static int ask(struct target *tg, const struct conn *c)
{
	struct sp_sip_request req = {.method = SP_SIP_OPTIONS};
	const struct sp_trunk *t = tg->t;
	const char *domain = t->conf->domain ? t->conf->domain : tg->host;
	struct mbuf *mb = mbuf_alloc(512);
	char *uri = NULL;
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = re_sdprintf(&uri, "sip:%H;transport=tls", trunk_host_print, domain);
	if (!err)
		err = put_headers(mb, tg, domain);
	if (!err) {
		req.uri = uri;
		req.headers = mb;
		err = sp_sip_request(&tg->options, t->ts->sip, c->sip, &req, on_response, tg);
	}
	mem_deref(uri);
	mem_deref(mb);
	return err;
}

/* Is it a's turn before b's? */
static bool earlier(const struct conn *a, const struct conn *b)
{
	if (!b || conn_doubted(a) != conn_doubted(b))
		return !b || conn_doubted(b);
	return a->probed < b->probed;
}

/* The one that was asked longest ago. */
static struct conn *turn(const struct target *tg)
{
	struct conn *c = NULL;
	struct le *le;

	LIST_FOREACH(&tg->connl, le)
	{
		if (conn_live(le->data) && earlier(le->data, c))
			c = le->data;
	}
	LIST_FOREACH(&tg->aliasl, le)
	{
		if (conn_live(le->data) && earlier(le->data, c))
			c = le->data;
	}
	return c;
}

/** Ask now, over a connection that is there. */
void probe_send(struct target *tg)
{
	struct conn *c = turn(tg);
	const unsigned timeout_s = tg->t->conf->options_timeout_s;
	int err;

	sp_timer_cancel(&tg->probe);
	if (!c || tg->probed)
		return;

	c->probed = ++tg->t->uses;
	tg->probed = c;
	tg->options_sent_ms = sp_loop_now_ms(tg->t->loop);
	err = ask(tg, c);
	if (err) { /* later: who calls this may hold c */
		tg->err = err;
		sp_timer_start(tg->t->loop, &tg->overdue, 0, on_unsent, tg);
	} else if (timeout_s) {
		sp_timer_start(tg->t->loop, &tg->overdue, (uint64_t)timeout_s * 1000, on_overdue,
			       tg);
	}
}

static void on_probe(void *arg)
{
	struct target *tg = arg;

	if (!target_wanted(tg))
		return;
	if (tg->t->conf->options_s) {
		probe_send(tg);
	} else if (tg->recovering && target_conn(tg)) {
		health_good(tg, "it stays connected");
	} else {
		health_forget(tg);
	}
}
