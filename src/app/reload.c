/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Start and reload: the configuration is read, applied and told of.
 *
 * A reload is read on the worker's thread, however long that takes: calls and
 * media go on, on the old one. What comes of it is handed over whole, and only
 * the step from the old to the new happens in the loop. The old one is freed on
 * the thread again, when its last call has ended.
 */
#include "app_priv.h"

struct app_reload {
	struct sp_app *app; /* NULL: it is no more */
	char *file;
	uint64_t begun_ms;
	bool again; /* another one was asked for meanwhile */
	atomic_bool stop;

	/* what comes of it */
	struct app_snapshot *s;
	struct sp_report *r;
	int err;
};

static void log_line(bool mistake, const char *line, void *arg)
{
	(void)arg;

	if (mistake)
		sp_log(SP_LOG_ERROR, "conf_mistake", "line=%H", sp_log_str, line);
	else
		sp_log(SP_LOG_INFO, "conf_note", "line=%H", sp_log_str, line);
}

/* What ran before a reload runs on. */
static void log_failure(const struct sp_app *app, const struct sp_report *r, int err,
			uint64_t begun_ms)
{
	const unsigned mistakes = sp_report_mistakes(r);
	const char *why = "configuration";
	char errbuf[128];

	if (!mistakes)
		why = str_error(err, errbuf, sizeof(errbuf));
	if (!app->env)
		sp_log(SP_LOG_ERROR, "start_failed", "mistakes=%u error=%H", mistakes, sp_log_str,
		       why);
	else
		sp_log(SP_LOG_ERROR, "reload_failed", "mistakes=%u error=%H numbers=%zu ms=%llu",
		       mistakes, sp_log_str, why, sp_number_count(app->env->numbers),
		       sp_loop_now_ms(app->loop) - begun_ms);
}

/* Run on what was read. */
static int finish(struct sp_app *app, const struct app_snapshot *s, struct sp_report *r, int err,
		  uint64_t begun_ms)
{
	const bool reload = app->env != NULL;
	struct sp_conf *old = reload ? mem_ref(app->env->conf) : NULL;

	if (!err && reload && s->conf->sandbox != old->sandbox)
		sp_report_note(r, NULL, "sandbox", NULL, "needs a restart to be another");
	if (!err)
		err = app_apply(app, s, r);
	app_monitor_loaded(app, reload, err);

	sp_report_print(r, log_line, NULL);
	if (err)
		log_failure(app, r, err, begun_ms);
	else if (reload)
		sp_log(SP_LOG_INFO, "reload_done", "trunks=%zu numbers=%zu ms=%llu",
		       s->conf->trunkc, sp_number_count(s->numbers),
		       sp_loop_now_ms(app->loop) - begun_ms);

	if (!err) {
		app_renew_files(app->renew, s->files, s->ways);
		app_expiry_use(app->expiry, s->dated);
	}
	sp_worker_release(app->worker, old); /* as large as people write it */

	return err;
}

int sp_app_load(struct sp_app *app)
{
	const uint64_t begun_ms = sp_loop_now_ms(app->loop);
	struct app_snapshot *s = NULL;
	struct sp_report *r = NULL;
	int err;

	err = sp_report_alloc(&r);
	if (!err)
		err = app_snapshot_load(&s, app->file, NULL, r);
	err = finish(app, s, r, err, begun_ms);

	mem_deref(s);
	mem_deref(r);

	return err;
}

static void destructor(void *arg)
{
	struct app_reload *l = arg;

	mem_deref(l->s);
	mem_deref(l->r);
	mem_deref(l->file);
}

/* On the thread: nothing but what is the job's own. */
static void work(void *arg)
{
	struct app_reload *l = arg;

	l->err = app_snapshot_load(&l->s, l->file, &l->stop, l->r);
}

static int begin(struct sp_app *app);

static void failed(struct sp_app *app, int err)
{
	app_monitor_loaded(app, true, err);
	log_failure(app, NULL, err, sp_loop_now_ms(app->loop));
}

static void on_done(void *arg)
{
	struct app_reload *l = arg;
	struct sp_app *app = l->app;
	int err = 0;

	if (!app)
		return;

	app->reload = NULL;
	if (app->phase != APP_RUNNING) {
		sp_log(SP_LOG_INFO, "reload_dropped", "reason=draining");
		l->again = false;
	} else {
		(void)finish(app, l->s, l->r, l->err, l->begun_ms); /* told in the log */
	}

	/* A table that is not in use is large. The rest may be known to listeners that are freed at
	 * the end of this turn: it stays in the loop. */
	if (l->s) {
		sp_worker_release(app->worker, l->s->numbers);
		l->s->numbers = NULL;
	}

	if (l->again)
		err = begin(app);
	if (err)
		failed(app, err);
	if (!app->reload && app->phase == APP_RUNNING)
		app_notify_reloaded(app);
}

/* @return 0, or why nothing is under way */
static int begin(struct sp_app *app)
{
	struct app_reload *l = mem_zalloc(sizeof(*l), destructor);
	int err = l ? 0 : ENOMEM;

	if (!err)
		err = str_dup(&l->file, app->file);
	if (!err)
		err = sp_report_alloc(&l->r);
	if (err)
		goto out;

	l->app = app;
	l->begun_ms = sp_loop_now_ms(app->loop);
	atomic_init(&l->stop, false);
	app_notify_reloading(app);
	sp_log(SP_LOG_INFO, "reload_start", "conf=%H", sp_log_str, l->file);

	/* before: a fake loop's is done within */
	app->reload = l;
	err = sp_worker_run(app->worker, work, on_done, l);
	if (err)
		app->reload = NULL;

out:
	if (err)
		mem_deref(l);

	return err;
}

void app_reload(struct sp_app *app)
{
	int err;

	if (app->phase != APP_RUNNING || !app->env) {
		sp_log(SP_LOG_WARN, "reload_ignored", "reason=%s",
		       app->env ? "draining" : "starting");
		return;
	}

	/* what changed may have been read already */
	if (app->reload) {
		app->reload->again = true;
		return;
	}

	err = begin(app);
	if (err) {
		failed(app, err);
		app_notify_reloaded(app);
	}
}

void app_reload_stop(struct sp_app *app)
{
	if (app->reload)
		atomic_store_explicit(&app->reload->stop, true, memory_order_relaxed);
}

void app_reload_forget(struct sp_app *app)
{
	app_reload_stop(app);
	if (app->reload)
		app->reload->app = NULL;
	app->reload = NULL;
}
