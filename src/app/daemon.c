/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gateway as a whole: which room's handlers are another room's functions,
 * what a signal does, and what is let go in which order.
 */
#include <signal.h>
#include <sys/resource.h>

#include "app_priv.h"

/* The SIP layer is made before the calls, which need it: so its handlers get
 * the app, and find the calls there. */
static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	const struct sp_app *app = arg;

	sp_trunk_heard(sp_sip_strans_conn(st), req);
	sp_calls_request(st, req, app->calls);
}

static unsigned on_shed(struct sp_sip_conn *c, const struct sp_sip_msg *req, void *arg)
{
	const struct sp_app *app = arg;

	return sp_calls_shed(c, req, app->calls);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	const struct sp_app *app = arg;

	sp_calls_ack(c, ack, app->calls);
}

/* The layer never follows an owner, but hands it back here: all owners are
 * trunks, and trunk/ keeps each longer than its last transaction can live. */
static struct sp_sip_conn *on_other(const struct sp_sip_conn *gone, void *arg)
{
	(void)arg;

	return sp_trunk_conn_like(sp_trunk_of(gone), gone);
}

void app_accepted(struct sp_tls_conn *c, void *arg)
{
	struct sp_app *app = arg;

	sp_trunks_accept(app->trunks, c);
}

/* Doors first; calls before the trunks and transactions that they use. */
static void destructor(void *arg)
{
	struct sp_app *app = arg;

	sp_timer_cancel(&app->drain);
	sp_timer_cancel(&app->watchdog);
	sp_timer_cancel(&app->status);
	mem_deref(app->monitor);
	mem_deref(app->renew);
	mem_deref(app->expiry);
	mem_deref(app->doors);
	mem_deref(app->load);
	mem_deref(app->calls);
	mem_deref(app->env);
	mem_deref(app->trunks);
	mem_deref(app->sip);
	mem_deref(app->file);
}

unsigned sp_app_max_fds(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return SP_APP_FDS_MIN;

	/* may be forbidden where the limit is as it should be already */
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) && getrlimit(RLIMIT_NOFILE, &rl))
		return SP_APP_FDS_MIN;

	if (rl.rlim_cur > SP_APP_FDS_MAX)
		return SP_APP_FDS_MAX;

	return rl.rlim_cur < SP_APP_FDS_MIN ? SP_APP_FDS_MIN : (unsigned)rl.rlim_cur;
}

int sp_app_alloc(struct sp_app **ap, struct sp_loop *loop, const char *file)
{
	static const struct sp_sip_handlers handlers = {
		.request = on_request,
		.ack = on_ack,
		.other = on_other,
		.shed = on_shed,
	};
	struct sp_app *app;
	int err;

	if (!ap || !loop || !file)
		return EINVAL;

	app = mem_zalloc(sizeof(*app), destructor);
	if (!app)
		return ENOMEM;

	app->loop = loop;
	err = str_dup(&app->file, file);
	if (!err)
		err = app_monitor_alloc(&app->monitor, loop);
	if (!err)
		err = app_renew_alloc(&app->renew, app);
	if (!err)
		err = app_expiry_alloc(&app->expiry, loop, NULL);
	if (!err)
		err = sp_sip_alloc(&app->sip, loop, &handlers, app);
	if (!err)
		err = sp_trunks_alloc(&app->trunks, loop, app->sip);
	if (!err)
		err = sp_calls_alloc(&app->calls, loop, app->sip);
	if (!err)
		err = app_load_alloc(&app->load, app);

	if (err)
		mem_deref(app);
	else
		*ap = app;

	return err;
}

static void on_signal(int signo, void *arg)
{
	struct sp_app *app = arg;

	if (signo == SIGHUP)
		app_reload(app);
	else if (signo == SIGUSR1)
		app_status_log(app);
	else
		app_drain_signal(app);
}

int sp_app_signals(struct sp_app *app)
{
	static const int signos[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	return sp_loop_signals(app->loop, signos, sizeof(signos) / sizeof(signos[0]), on_signal,
			       app);
}

static void log_line(bool mistake, const char *line, void *arg)
{
	(void)arg;

	if (mistake)
		sp_log(SP_LOG_ERROR, "conf_mistake", "line=%H", sp_log_str, line);
	else
		sp_log(SP_LOG_INFO, "conf_note", "line=%H", sp_log_str, line);
}

static void log_failure(const char *event, const struct sp_report *r, int err)
{
	const unsigned mistakes = sp_report_mistakes(r);
	char errbuf[128];

	sp_log(SP_LOG_ERROR, event, "mistakes=%u error=%H", mistakes, sp_log_str,
	       mistakes ? "configuration" : str_error(err, errbuf, sizeof(errbuf)));
}

int sp_app_load(struct sp_app *app)
{
	const uint64_t begun_ms = sp_loop_now_ms(app->loop);
	const bool reload = app->env != NULL;
	struct app_snapshot *s = NULL;
	struct sp_report *r = NULL;
	int err;

	err = sp_report_alloc(&r);
	if (!err)
		err = app_snapshot_alloc(&s, app->file, r);
	if (!err)
		err = app_apply(app, s, r);
	app_monitor_loaded(app, reload, err);

	sp_report_print(r, log_line, NULL);
	if (err)
		log_failure(reload ? "reload_failed" : "start_failed", r, err);
	else if (reload)
		sp_log(SP_LOG_INFO, "reload_done", "trunks=%zu numbers=%zu ms=%llu",
		       s->conf->trunkc, sp_number_count(s->numbers),
		       sp_loop_now_ms(app->loop) - begun_ms);

	if (!err) {
		app_renew_files(app->renew, s->files);
		(void)app_expiry_files(app->expiry, s->files);
	}

	mem_deref(s);
	mem_deref(r);

	return err;
}

void app_reload(struct sp_app *app)
{
	if (app->phase != APP_RUNNING || !app->env) {
		sp_log(SP_LOG_WARN, "reload_ignored", "reason=%s",
		       app->env ? "draining" : "starting");
		return;
	}

	app_notify_reloading();
	(void)sp_app_load(app); /* told in the log; the old configuration runs on */
	app_notify_reloaded(app);
}

void sp_app_ready(struct sp_app *app, const char *version)
{
	const struct sp_conf *conf = app->env->conf;

	sp_log(SP_LOG_INFO, "start", "version=%s conf=%H interfaces=%zu trunks=%zu numbers=%zu",
	       version, sp_log_str, app->file, conf->interfacec, conf->trunkc,
	       sp_number_count(app->env->numbers));
	app_monitor_version(app->monitor, version);
	app_notify_ready(app);
}
