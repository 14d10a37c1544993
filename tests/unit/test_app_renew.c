/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/renew: certificates that change on disk are taken up when they have
 * settled, whole or not at all. On a fake loop, which does not read inotify by
 * itself: the test does.
 */
#include <sys/resource.h>

#include "app_fixture.h"

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	unsigned lines;
	char log[8192];
};

static void keep_line(enum sp_log_level level, const char *line, void *arg)
{
	struct gateway *g = arg;
	const size_t used = strlen(g->log);

	(void)level;
	++g->lines;
	snprintf(g->log + used, sizeof(g->log) - used, "%s\n", line);
}

static void begin_with(struct gateway *g, void **state, const struct variant *v)
{
	memset(g, 0, sizeof(*g));
	g->w = *state;
	assert_int_equal(sp_loop_alloc_fake(&g->loop, 1000), 0);
	assert_int_equal(sp_app_alloc(&g->app, g->loop, g->w->conf), 0);
	world_conf(g->w, v);
	assert_int_equal(sp_app_load(g->app), 0);
	sp_log_sink(keep_line, g);
}

static void begin(struct gateway *g, void **state)
{
	begin_with(g, state, &(struct variant){0});
}

static void end(struct gateway *g)
{
	sp_log_sink(NULL, NULL);
	mem_deref(g->app);
	mem_deref(g->loop);
}

#define DO(g, command) run("cd %s && %s", (g)->w->dir, (command))

/* What the loop would do when something was done to the files. */
static void notice(struct gateway *g)
{
	app_watch_read(app_renew_watch(g->app->renew));
}

/* Done, noticed, settled. */
static void settle(struct gateway *g, const char *command)
{
	g->log[0] = '\0';
	g->lines = 0;
	DO(g, command);
	notice(g);
	sp_loop_advance(g->loop, APP_SETTLE_MS);
}

static void expect_log(const struct gateway *g, const char *text)
{
	if (!strstr(g->log, text))
		fail_msg("no \"%s\" in:\n%s", text, g->log);
}

static const struct app_cert_status *first_cert(const struct gateway *g)
{
	size_t n;
	const struct app_cert_status *v = app_expiry_list(g->app->expiry, &n);

	assert_true(n > 0);
	return v;
}

static void test_renewed(void **state)
{
	struct gateway g;
	const struct sp_call_env *env;

	begin(&g, state);
	env = g.app->env;
	assert_string_equal(first_cert(&g)->subject, "CN=core.gateway.example");
	settle(&g, "cp carrier2.crt new && mv new gateway-core.crt && cp carrier2.key "
		   "gateway-core.key");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed files=\"");
	expect_log(&g, "/gateway-core.crt, ");
	expect_log(&g, "/gateway-core.key\"\n");
	assert_string_equal(first_cert(&g)->subject, "CN=carrier2.example");

	/* that was no reload */
	assert_ptr_equal(g.app->env, env);
	end(&g);
}

/* Certificate and key come one after the other: nothing happens in between. */
static void test_settles(void **state)
{
	struct gateway g;

	begin(&g, state);
	DO(&g, "cp carrier2.crt gateway-core.crt");
	notice(&g);
	sp_loop_advance(g.loop, APP_SETTLE_MS - 1);
	assert_int_equal(g.lines, 0);
	DO(&g, "cp carrier2.key gateway-core.key");
	notice(&g);
	sp_loop_advance(g.loop, APP_SETTLE_MS - 1);
	assert_int_equal(g.lines, 0);
	sp_loop_advance(g.loop, 1);
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	sp_loop_advance(g.loop, 100000);
	assert_int_equal(g.lines, 1);
	end(&g);
}

/* Files that never come to rest are read all the same, now and then. */
static void test_never_settles(void **state)
{
	struct gateway g;
	unsigned s;

	begin(&g, state);
	for (s = 1; s < 60 && !g.lines; s++) {
		DO(&g, "echo >>gateway-core.crt");
		notice(&g);
		sp_loop_advance(g.loop, 1000);
	}
	assert_in_range(s, APP_SETTLE_MOST_MS / 1000, APP_SETTLE_MOST_MS / 1000 + 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

static void test_unchanged(void **state)
{
	struct gateway g;

	begin(&g, state);
	settle(&g, "touch gateway-core.crt && cp -p gateway-core.key new && mv new "
		   "gateway-core.key");
	assert_int_equal(g.lines, 0);
	settle(&g, "cp carrier2.crt unrelated.crt");
	assert_int_equal(g.lines, 0);

	/* away and back within the time */
	settle(&g, "mv gateway-core.crt away && mv away gateway-core.crt");
	assert_int_equal(g.lines, 0);
	end(&g);
}

/* The old ones stay; the next change is the next try. */
static void test_bad(void **state)
{
	struct gateway g;
	const struct app_doors *doors;

	begin(&g, state);
	doors = g.app->doors;
	settle(&g, "cp carrier2.crt gateway-core.crt");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_bad files=/");
	expect_log(&g, "does not fit the certificate");
	expect_log(&g, "name the key that the certificate was requested with");
	assert_string_equal(first_cert(&g)->subject, "CN=core.gateway.example");
	assert_ptr_equal(g.app->doors, doors);

	/* still bad, and told once more only because it is another thing */
	settle(&g, "touch gateway-core.crt");
	assert_int_equal(g.lines, 0);
	settle(&g, "rm carrier-ca.crt");
	assert_int_equal(g.lines, 2);
	expect_log(&g, "cannot be read: No such file");

	settle(&g, "cp carrier2.key gateway-core.key && cp service-ca.crt carrier-ca.crt");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	assert_string_equal(first_cert(&g)->subject, "CN=carrier2.example");
	end(&g);
}

/* No descriptor to read the new ones: nothing changes on disk when there are some again. */
static void test_descriptors_are_back(void **state)
{
	struct rlimit all, few;
	struct gateway g;
	int free_fd;

	begin(&g, state);
	g.log[0] = '\0';
	DO(&g, "cp carrier2.crt gateway-core.crt && cp carrier2.key gateway-core.key");
	notice(&g);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	free_fd = dup(0); /* the lowest one that there is */
	assert_in_range(free_fd, 1, 1000);
	(void)close(free_fd);
	few.rlim_cur = (rlim_t)free_fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	sp_loop_advance(g.loop, APP_SETTLE_MS);
	expect_log(&g, "certificates_bad");
	expect_log(&g, "Too many open files");
	g.lines = 0;

	/* it is told once, and tried less and less often */
	for (uint64_t ms = APP_RENEW_AGAIN_MS; ms < 4 * APP_RENEW_AGAIN_MOST_MS; ms *= 2)
		sp_loop_advance(g.loop, ms + APP_SETTLE_MS);
	assert_int_equal(g.lines, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	sp_loop_advance(g.loop, APP_RENEW_AGAIN_MOST_MS + APP_SETTLE_MS);
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	assert_string_equal(first_cert(&g)->subject, "CN=carrier2.example");

	/* and that was all */
	sp_loop_advance(g.loop, 2 * APP_RENEW_AGAIN_MOST_MS);
	assert_int_equal(g.lines, 1);
	end(&g);
}

/* Something of the machine's, not of the files, was in the way: they are as they were told of. */
static void test_what_was_told_is_tried_again(void **state)
{
	struct gateway g;

	begin(&g, state);
	settle(&g, "cp carrier2.crt gateway-core.crt");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_bad");

	/* still bad: not a word; and when they are good, nobody needs to notice */
	g.lines = 0;
	sp_loop_advance(g.loop, APP_RENEW_AGAIN_MS);
	assert_int_equal(g.lines, 0);
	DO(&g, "cp carrier2.key gateway-core.key");
	sp_loop_advance(g.loop, 2 * APP_RENEW_AGAIN_MS + APP_SETTLE_MS);
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

static void test_rights_are_mended(void **state)
{
	struct gateway g;

	begin(&g, state);
	settle(&g, "chmod 644 gateway-core.key");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "every user of this machine can read");
	settle(&g, "chmod 600 gateway-core.key");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

static void test_crl(void **state)
{
	struct gateway g;

	begin_with(&g, state, &(struct variant){.trunk = "crl = \"carrier-ca.crl\";"});
	settle(&g, "echo '# new' >>carrier-ca.crl");
	expect_log(&g, "certificates_renewed files=/");
	expect_log(&g, "/carrier-ca.crl\n");
	settle(&g, "echo nothing >carrier-ca.crl");
	expect_log(&g, "certificates_bad");
	expect_log(&g, "holds no PEM CRL");
	end(&g);
}

/* The configuration that runs counts, not a file that somebody is editing. */
static void test_conf_is_not_read(void **state)
{
	struct gateway g;

	begin(&g, state);
	world_write(g.w, "sallyport.conf", "half of a");
	settle(&g, "cp carrier2.crt gateway-core.crt && cp carrier2.key gateway-core.key");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

/* A reload watches what it names, and what it takes up needs no renewal. */
static void test_reload(void **state)
{
	struct gateway g;

	begin(&g, state);
	world_conf(g.w, &(struct variant){.cert = "carrier.crt", .key = "carrier.key"});
	DO(&g, "echo >>gateway-core.crt; echo >>carrier.crt");
	notice(&g);
	app_reload(g.app);
	expect_log(&g, "reload_done");
	g.lines = 0;
	notice(&g);
	sp_loop_advance(g.loop, APP_SETTLE_MOST_MS);
	assert_int_equal(g.lines, 0);

	settle(&g, "echo >>gateway-core.crt");
	assert_int_equal(g.lines, 0);
	settle(&g, "echo >>carrier.crt");
	expect_log(&g, "certificates_renewed");

	/* one that fails leaves all as it was */
	world_write(g.w, "sallyport.conf", "nonsense");
	app_reload(g.app);
	settle(&g, "echo >>carrier.crt");
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

/* A reload may have read the old ones: they are not put into the place of newer ones that came
 * meanwhile, which wait for its end. */
static void test_waits_for_a_reload(void **state)
{
	struct gateway g;
	char under_way;

	begin(&g, state);
	g.app->reload = (struct app_reload *)(void *)&under_way;
	settle(&g, "cp carrier2.crt gateway-core.crt && cp carrier2.key gateway-core.key");
	sp_loop_advance(g.loop, 10 * APP_SETTLE_MOST_MS);
	assert_int_equal(g.lines, 0);

	g.app->reload = NULL;
	sp_loop_advance(g.loop, APP_SETTLE_MS);
	assert_int_equal(g.lines, 1);
	expect_log(&g, "certificates_renewed");
	end(&g);
}

/* What changed between being read and being taken up is seen then. */
static void test_changed_behind_a_reload(void **state)
{
	struct app_snapshot *s = NULL;
	struct sp_report *r = NULL;
	struct gateway g;

	begin(&g, state);
	assert_int_equal(sp_report_alloc(&r), 0);
	assert_int_equal(app_snapshot_load(&s, g.w->conf, NULL, r), 0);
	DO(&g, "cp carrier2.crt gateway-core.crt && cp carrier2.key gateway-core.key");
	assert_int_equal(app_apply(g.app, s, r), 0);
	app_renew_files(g.app->renew, s->files, s->ways);
	app_expiry_use(g.app->expiry, s->dated);
	mem_deref(s);
	mem_deref(r);

	assert_string_equal(first_cert(&g)->subject, "CN=core.gateway.example");
	sp_loop_advance(g.loop, APP_SETTLE_MS);
	expect_log(&g, "certificates_renewed");
	assert_string_equal(first_cert(&g)->subject, "CN=carrier2.example");
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renewed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_settles, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_never_settles, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_unchanged, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_bad, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_descriptors_are_back, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_what_was_told_is_tried_again, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_rights_are_mended, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_crl, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_conf_is_not_read, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_reload, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_a_reload, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_changed_behind_a_reload, world_setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
