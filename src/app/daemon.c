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

	app_reload_forget(app);
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
	mem_deref(app->contexts);
	mem_deref(app->notify);
	mem_deref(app->worker); /* waits for what it is at, which has been told to stop */
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
		err = app_notify_alloc(&app->notify);
	if (!err)
		err = sp_worker_alloc(&app->worker, loop);
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

void sp_app_ready(struct sp_app *app, const char *version)
{
	const struct sp_conf *conf = app->env->conf;

	sp_log(SP_LOG_INFO, "start", "version=%s conf=%H interfaces=%zu trunks=%zu numbers=%zu",
	       version, sp_log_str, app->file, conf->interfacec, conf->trunkc,
	       sp_number_count(app->env->numbers));
	app_monitor_version(app->monitor, version);
	app_notify_ready(app);
}
