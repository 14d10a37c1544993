/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The way to the end: no new calls, wait for those that are; hang up when
 * that takes too long; let the last transactions end; stop the loop.
 *
 * One timer looks where things stand ten times a second; nobody waits for it
 * longer than that, and no other room needs to know that the end is near.
 */
#include "app_priv.h"

enum { LOOK_MS = 100 };

static void on_look(void *arg);

/* Port pairs that calls still hold, on all interfaces. */
static unsigned ports_used(const struct sp_app *app)
{
	unsigned n = 0;

	for (size_t i = 0; app->env && i < app->env->conf->interfacec; i++)
		n += sp_ports_used(app->env->portsv[i]);

	return n;
}

static void stop(struct sp_app *app, const char *reason)
{
	struct sp_calls_count count;

	if (app->phase == APP_STOPPED)
		return;

	sp_calls_count(app->calls, &count);
	sp_log(SP_LOG_INFO, "stop",
	       "reason=%s calls=%zu dialogs=%zu transactions=%zu ports=%u relays=%zu", reason,
	       count.now, count.dialogs, sp_sip_pending(app->sip), ports_used(app), count.relays);
	app->phase = APP_STOPPED;
	sp_timer_cancel(&app->drain);
	sp_trunks_close(app->trunks);
	sp_loop_stop(app->loop);
}

static void enter(struct sp_app *app, enum app_phase phase, uint64_t limit_ms)
{
	app->phase = phase;
	app->deadline_ms = limit_ms ? sp_loop_now_ms(app->loop) + limit_ms : UINT64_MAX;
	sp_timer_start(app->loop, &app->drain, LOOK_MS, on_look, app);
}

static void hang_up(struct sp_app *app, const char *reason)
{
	struct sp_calls_count count;

	sp_calls_count(app->calls, &count);
	sp_log(SP_LOG_WARN, "drain_end", "reason=%s calls=%zu", reason, count.now);
	enter(app, APP_ENDING, SP_APP_END_MS);
	sp_calls_end(app->calls);
}

static void look(struct sp_app *app)
{
	const bool late = sp_loop_now_ms(app->loop) >= app->deadline_ms;
	const bool quiet = !sp_sip_pending(app->sip);
	struct sp_calls_count count;

	sp_calls_count(app->calls, &count);

	switch (app->phase) {

	case APP_DRAINING:
		if (!count.now)
			enter(app, APP_SETTLING, SP_APP_SETTLE_MS);
		else if (late)
			hang_up(app, "limit");
		break;

	case APP_ENDING:
		if ((!count.now && quiet) || late)
			stop(app, "hung_up");
		break;

	case APP_SETTLING:
		if (quiet || late)
			stop(app, "drained");
		break;

	case APP_RUNNING:
	case APP_STOPPED:
		break;
	}
}

static void on_look(void *arg)
{
	struct sp_app *app = arg;

	look(app);
	if (app->phase != APP_STOPPED && !sp_timer_isrunning(&app->drain))
		sp_timer_start(app->loop, &app->drain, LOOK_MS, on_look, app);
}

/* The last call ended: no need to wait for the next look. */
static void on_idle(void *arg)
{
	struct sp_app *app = arg;

	if (app->phase == APP_DRAINING)
		sp_timer_start(app->loop, &app->drain, 0, on_look, app);
}

void app_drain_signal(struct sp_app *app)
{
	struct sp_calls_count count;

	sp_calls_count(app->calls, &count);

	switch (app->phase) {

	case APP_RUNNING:
		sp_log(SP_LOG_INFO, "drain_start", "calls=%zu", count.now);
		app_notify_stopping(app);
		app_reload_stop(app);
		sp_calls_drain(app->calls);
		sp_calls_idle(app->calls, on_idle, app);
		enter(app, APP_DRAINING, app->env ? 1000ull * app->env->conf->limits.drain_s : 1);
		look(app);
		break;

	case APP_DRAINING:
		hang_up(app, "signal");
		break;

	case APP_ENDING:
	case APP_SETTLING:
		stop(app, "signal");
		break;

	case APP_STOPPED:
		break;
	}
}
