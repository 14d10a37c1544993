/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OPTIONS to each target, the periodic job that keeps its health known
 * (RFC 3261 11). Any final response is a sign of life.
 *
 * A target that is down is tried again after 1, 2, 4 ... 60 s, never less
 * often than OPTIONS would be sent. All times are spread at random, so that
 * many gateways or many targets do not fall into step.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

enum { CALL_ID_SIZE = 25, TAG_SIZE = 17 };

static void on_probe(void *arg);

static bool wanted(const struct target *tg)
{
	const struct sp_trunk *t = tg->t;

	return tg->listed && t->active && trunk_usable(t) && t->conf->options_s;
}

/* Somewhere in the last tenth before ms. */
static uint64_t spread(uint64_t ms)
{
	return ms - sp_random_below((uint32_t)(ms / 10) + 1);
}

static void start(struct target *tg, uint64_t delay_ms)
{
	if (wanted(tg))
		sp_timer_start(tg->t->loop, &tg->probe, delay_ms, on_probe, tg);
}

void probe_soon(struct target *tg)
{
	start(tg, sp_random_below(TRUNK_FIRST_PROBE_MS));
}

void probe_retry(struct target *tg)
{
	unsigned delay_s = tg->backoff_s ? tg->backoff_s : 1;

	if (delay_s > tg->t->conf->options_s)
		delay_s = tg->t->conf->options_s;
	tg->backoff_s = delay_s < TRUNK_BACKOFF_MAX_S / 2 ? 2 * delay_s : TRUNK_BACKOFF_MAX_S;
	start(tg, spread((uint64_t)delay_s * 1000));
}

/** The answer to OPTIONS in progress is of no interest any more. */
void probe_forget(struct target *tg)
{
	if (tg->options)
		sp_sip_ctrans_detach(tg->options);
	tg->options = mem_deref(tg->options);
}

void probe_stop(struct target *tg)
{
	sp_timer_cancel(&tg->probe);
	probe_forget(tg);
}

/** The settings may have changed: begin, go on as before, or stop. */
void probe_settings(struct target *tg, unsigned old_options_s)
{
	const unsigned options_s = tg->t->conf->options_s;
	const bool going = sp_timer_isrunning(&tg->probe) || tg->options || tg->attempt.running;

	if (!options_s) {
		probe_stop(tg);
		if (target_conn(tg))
			target_set_up(tg);
	} else if (!going || (options_s != old_options_s && !tg->options)) {
		probe_soon(tg);
	}
}

/* A silent connection may be half dead. Where it carries no calls, the next
 * probe tries a fresh one. */
static void unanswered(struct target *tg, int err)
{
	char why[64];

	(void)re_snprintf(why, sizeof(why), "OPTIONS unanswered: %m", err);
	if (!tg->t->calls)
		conn_end(tg->conn, why);
	tg->err = err;
	target_failed(tg, why);
}

static void on_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct target *tg = arg;

	if (!err && rsp->status < 200)
		return;

	tg->options = mem_deref(tg->options);
	if (err) {
		unanswered(tg, err);
		return;
	}
	target_set_up(tg);
	start(tg, spread((uint64_t)tg->t->conf->options_s * 1000));
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

/** Ask now, over the connection that is there. */
void probe_send(struct target *tg)
{
	struct sp_sip_request req = {.method = SP_SIP_OPTIONS};
	struct sp_trunk *t = tg->t;
	const char *domain = t->conf->domain ? t->conf->domain : tg->host;
	struct mbuf *mb = mbuf_alloc(512);
	char *uri = NULL;
	int err = mb ? 0 : ENOMEM;

	sp_timer_cancel(&tg->probe);
	probe_forget(tg);
	if (!err)
		err = re_sdprintf(&uri, "sip:%H;transport=tls", trunk_host_print, domain);
	if (!err)
		err = put_headers(mb, tg, domain);
	if (!err) {
		req.uri = uri;
		req.headers = mb;
		err = sp_sip_request(&tg->options, t->ts->sip, tg->conn->sip, &req, on_response,
				     tg);
	}

	mem_deref(uri);
	mem_deref(mb);
	if (err)
		unanswered(tg, err);
}

static void on_probe(void *arg)
{
	struct target *tg = arg;

	if (!wanted(tg) || tg->options || tg->attempt.running)
		return;
	if (target_conn(tg))
		probe_send(tg);
	else
		target_connect(tg);
}
