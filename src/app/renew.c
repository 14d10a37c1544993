/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Certificates, keys, CAs and CRLs that change on disk are taken up without
 * being asked to.
 *
 * Certificate and key are two files, and nobody can exchange both at once: so
 * files are read when they have been left alone for a while. Then all contexts
 * are made anew for the configuration that runs (its file may be half edited
 * and is not read), or none: what is wrong is logged, the old ones stay, and
 * the next change is the next try. Connections that are up finish on the
 * contexts that they began with.
 *
 * What failed is tried again by itself, less and less often: no file changes
 * when there is memory again, or a descriptor to read one.
 */
#include "app_priv.h"

enum { NAMES_SIZE = 1024 };

struct app_renew {
	struct sp_app *app; /* owns us */
	struct app_watch *watch;
	struct app_files *files;
	struct sp_timer settle;
	uint64_t most_ms; /* when it is read at the latest */
	struct sp_timer again;
	uint64_t again_ms;    /* since the last try; 0: all is well */
	char bad[NAMES_SIZE]; /* what had changed when it failed */
};

static void on_change(void *arg);
static void on_again(void *arg);

static void destructor(void *arg)
{
	struct app_renew *r = arg;

	sp_timer_cancel(&r->settle);
	sp_timer_cancel(&r->again);
	mem_deref(r->watch);
	mem_deref(r->files);
}

int app_renew_alloc(struct app_renew **rp, struct sp_app *app)
{
	struct app_renew *r = mem_zalloc(sizeof(*r), destructor);
	int err;

	if (!r)
		return ENOMEM;

	r->app = app;
	err = app_watch_alloc(&r->watch, app->loop, on_change, r);
	if (err)
		mem_deref(r);
	else
		*rp = r;

	return err;
}

struct app_watch *app_renew_watch(const struct app_renew *r)
{
	return r->watch;
}

struct bad {
	const char *names;
	bool told;
};

static void try_again(struct app_renew *r)
{
	r->again_ms = r->again_ms ? 2 * r->again_ms : APP_RENEW_AGAIN_MS;
	if (r->again_ms > APP_RENEW_AGAIN_MOST_MS)
		r->again_ms = APP_RENEW_AGAIN_MOST_MS;
	sp_timer_start(r->app->loop, &r->again, r->again_ms, on_again, r);
}

static void well(struct app_renew *r)
{
	sp_timer_cancel(&r->again);
	r->again_ms = 0;
}

static void log_bad(bool mistake, const char *line, void *arg)
{
	struct bad *b = arg;

	if (!mistake)
		return;

	sp_log(SP_LOG_ERROR, "certificates_bad", "files=%H line=%H", sp_log_str, b->names,
	       sp_log_str, line);
	b->told = true;
}

/* quiet: what is wrong has been told.
 * @return false: they were being changed, and what was read is of no use */
static bool renew(struct app_renew *r, bool quiet)
{
	struct sp_app *app = r->app;
	struct app_snapshot *s = NULL;
	struct app_dated *dated = NULL;
	struct sp_report *report = NULL;
	struct bad bad = {.names = r->bad, .told = quiet};
	char errbuf[128];
	bool done = true;
	int err;

	if (!quiet)
		(void)re_snprintf(r->bad, sizeof(r->bad), "%H", app_files_print, r->files);
	err = sp_report_alloc(&report);
	if (!err)
		err = app_snapshot_certs(&s, app->env->conf, report);
	if (!err)
		err = app_dated_alloc(&dated, r->files);

	if (err && err != ENOMEM && !app_files_still(r->files)) {
		done = false;
	} else if (err) {
		if (!quiet) {
			sp_report_print(report, log_bad, &bad);
			r->again_ms = 0;
		}
		if (!bad.told)
			log_bad(true, str_error(err, errbuf, sizeof(errbuf)), &bad);
		try_again(r);
	} else {
		app_apply_contexts(app, s);
		sp_log(SP_LOG_INFO, "certificates_renewed", "files=%H", sp_log_str, r->bad);
		well(r);
		app_expiry_use(app->expiry, dated);
	}

	mem_deref(s);
	mem_deref(dated);
	mem_deref(report);

	return done;
}

static void tell_unwatched(const char *failed, int err)
{
	if (err)
		sp_log(SP_LOG_WARN, "certificates_unwatched", "folder=%H why=\"%m\"", sp_log_str,
		       failed, err);
}

static void on_settled(void *arg)
{
	struct app_renew *r = arg;
	const char *failed;

	/* A reload that is under way may have read them before they changed, and would put what
	 * it read into the place of what we read now. It brings a list of its own. */
	if (r->app->reload) {
		on_change(r);
		return;
	}

	/* in this order: what changes behind the look is told by the watch */
	(void)app_watch_files(r->watch, r->files, &failed);
	if (!app_files_look(r->files))
		return;

	if (renew(r, false))
		app_files_adopt(r->files);
	else
		on_change(r);
}

static void on_again(void *arg)
{
	struct app_renew *r = arg;

	sp_timer_start(r->app->loop, &r->again, r->again_ms, on_again, r);
	if (sp_timer_isrunning(&r->settle) || r->app->reload)
		return;
	if (app_files_look(r->files) || !renew(r, true))
		on_change(r);
}

static void on_change(void *arg)
{
	struct app_renew *r = arg;
	const uint64_t now_ms = sp_loop_now_ms(r->app->loop);
	uint64_t wait_ms = APP_SETTLE_MS;

	if (!sp_timer_isrunning(&r->settle))
		r->most_ms = now_ms + APP_SETTLE_MOST_MS;
	if (now_ms + wait_ms > r->most_ms)
		wait_ms = r->most_ms > now_ms ? r->most_ms - now_ms : 0;
	sp_timer_start(r->app->loop, &r->settle, wait_ms, on_settled, r);
}

void app_renew_files(struct app_renew *r, struct app_files *fs, struct app_ways *ways)
{
	const char *failed;
	int err;

	mem_ref(fs);
	mem_deref(r->files);
	r->files = fs;
	well(r);

	err = app_watch_ways(r->watch, ways, &failed);
	tell_unwatched(failed, err);

	/* what happened since they were read; where nobody watched, look */
	app_watch_read(r->watch);
	if (err && app_files_look(fs))
		on_change(r);
}
