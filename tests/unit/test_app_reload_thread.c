/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/reload: beside the loop. On a real loop, which the log stops: a reload is
 * done when the loop hears of it, whatever the thread has done by then, so that
 * all that is tested here happens in one order only.
 */
#include "app_fixture.h"

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	const char *until; /* stop when this is logged... */
	unsigned times;    /* ...for the last time        */
	char log[65536];
};

static void keep_line(enum sp_log_level level, const char *line, void *arg)
{
	struct gateway *g = arg;
	const size_t used = strlen(g->log);

	(void)level;
	snprintf(g->log + used, sizeof(g->log) - used, "%s\n", line);
	if (g->until && strstr(line, g->until) && !--g->times)
		sp_loop_stop(g->loop);
}

static unsigned count(const struct gateway *g, const char *what)
{
	unsigned n = 0;

	for (const char *p = g->log; (p = strstr(p, what)); p++)
		n++;

	return n;
}

static void write_numbers(const struct gateway *g, const char *name, unsigned n, const char *bad)
{
	char path[160], part[168];
	FILE *f;

	/* as one should: who reads the old one meanwhile reads it to its end */
	snprintf(path, sizeof(path), "%s/%s", g->w->dir, name);
	snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "w");
	assert_non_null(f);
	fputs("number,trunk\n", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "+4416329%06u,pbx\n", i);
	if (bad)
		fputs(bad, f);
	fclose(f);
	assert_int_equal(rename(part, path), 0);
}

static const struct variant big = {.files = "\"big.csv\"", .numbers = " "};

/* Running on 50,000 numbers. */
static void begin(struct gateway *g, void **state)
{
	memset(g, 0, sizeof(*g));
	g->w = *state;
	assert_int_equal(sp_loop_alloc(&g->loop, 1024), 0);
	assert_int_equal(sp_app_alloc(&g->app, g->loop, g->w->conf), 0);
	write_numbers(g, "big.csv", 50000, NULL);
	world_conf(g->w, &big);
	assert_int_equal(sp_app_load(g->app), 0);
	sp_log_sink(keep_line, g);
}

static void end(struct gateway *g)
{
	sp_log_sink(NULL, NULL);
	mem_deref(g->app);
	mem_deref(g->loop);
}

static void run_until(struct gateway *g, const char *event, unsigned times)
{
	g->until = event;
	g->times = times;
	assert_int_equal(sp_loop_run(g->loop), 0);
	g->until = NULL;
}

static size_t numbers(const struct gateway *g)
{
	return sp_number_count(g->app->env->numbers);
}

static void test_beside(void **state)
{
	const struct sp_call_env *env;
	struct gateway g;

	begin(&g, state);
	env = g.app->env;
	write_numbers(&g, "big.csv", 60000, NULL);
	app_reload(g.app);
	assert_non_null(g.app->reload);
	assert_ptr_equal(g.app->env, env); /* the loop has not heard of it */
	assert_int_equal(numbers(&g), 50000);

	run_until(&g, "reload_done", 1);
	assert_null(g.app->reload);
	assert_ptr_not_equal(g.app->env, env);
	assert_int_equal(numbers(&g), 60000);
	assert_int_equal(g.app->monitor != NULL, 1);
	end(&g);
}

static void test_bad(void **state)
{
	const struct sp_call_env *env;
	struct gateway g;
	char bad[4096] = "";

	begin(&g, state);
	env = g.app->env;
	for (unsigned i = 0; i < 150; i++)
		snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad), "0800%u,pbx\n", i);
	write_numbers(&g, "big.csv", 50000, bad);
	app_reload(g.app);
	run_until(&g, "reload_failed", 1);
	assert_ptr_equal(g.app->env, env);
	assert_int_equal(numbers(&g), 50000);
	assert_int_equal(count(&g, "conf_mistake"), SP_NUMBER_REPORTS_MAX + 1);
	assert_non_null(strstr(g.log, "big.csv:50002: number = "));
	assert_non_null(strstr(g.log, "big.csv:50101: number = "));
	assert_null(strstr(g.log, "big.csv:50102: number = "));
	assert_null(g.app->reload);

	/* and a good one after it */
	write_numbers(&g, "big.csv", 50001, NULL);
	app_reload(g.app);
	run_until(&g, "reload_done", 1);
	assert_int_equal(numbers(&g), 50001);
	end(&g);
}

/* What was asked for while one is under way may not be in it: one more, however often. */
static void test_twice(void **state)
{
	struct gateway g;

	begin(&g, state);
	app_reload(g.app);
	app_reload(g.app);
	write_numbers(&g, "big.csv", 70000, NULL);
	app_reload(g.app);
	app_reload(g.app);
	run_until(&g, "reload_done", 2);
	assert_int_equal(numbers(&g), 70000);
	assert_null(g.app->reload);
	end(&g);
}

/* A failed one is followed as well. */
static void test_twice_bad(void **state)
{
	struct gateway g;

	begin(&g, state);
	write_numbers(&g, "big.csv", 10, "bad\n");
	app_reload(g.app);
	app_reload(g.app);
	run_until(&g, "reload_failed", 2);
	assert_int_equal(numbers(&g), 50000);
	assert_null(g.app->reload);
	end(&g);
}

/* The end of the process does not wait for a reload, and nothing comes of it. */
static void test_drain(void **state)
{
	const struct sp_call_env *env;
	struct gateway g;

	begin(&g, state);
	env = g.app->env;
	app_reload(g.app);
	app_reload(g.app);
	app_drain_signal(g.app);
	assert_int_equal(sp_loop_run(g.loop), 0);
	assert_int_equal(g.app->phase, APP_STOPPED);
	assert_non_null(strstr(g.log, "stop reason=drained"));
	assert_null(strstr(g.log, "reload_done"));
	assert_null(strstr(g.log, "reload_failed"));
	assert_true(count(&g, "reload_dropped reason=draining") <= 1);
	assert_ptr_equal(g.app->env, env);
	end(&g);
}

/* It is freed with a reload under way, whose result nobody gets. */
static void test_freed(void **state)
{
	struct gateway g;

	begin(&g, state);
	app_reload(g.app);
	end(&g);
}

/* The table of a call that goes on is freed when it ends, on the thread. */
static void test_last_call(void **state)
{
	struct sp_call_env *env;
	struct gateway g;
	size_t jobs;

	begin(&g, state);
	env = mem_ref(g.app->env); /* as a call does */
	app_reload(g.app);
	run_until(&g, "reload_done", 1);
	assert_int_equal(mem_nrefs(env), 1);
	assert_int_equal(sp_number_count(env->numbers), 50000);
	jobs = sp_worker_jobs(g.app->worker); /* old TLS contexts, to be freed */
	mem_deref(env);
	/* the table, and the configuration */
	assert_in_range(sp_worker_jobs(g.app->worker), jobs + 1, jobs + 2);
	end(&g);
}

/* An address that cannot be had is found in the loop, when all has been read. */
static void test_not_applied(void **state)
{
	const struct sp_call_env *env;
	struct variant v = big;
	struct gateway g;

	begin(&g, state);
	env = g.app->env;
	v.address = "192.0.2.1";
	world_conf(g.w, &v);
	app_reload(g.app);
	run_until(&g, "reload_failed", 1);
	assert_ptr_equal(g.app->env, env);
	assert_int_equal(numbers(&g), 50000);
	end(&g);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_beside), T(test_bad),   T(test_twice),     T(test_twice_bad),
		T(test_drain),  T(test_freed), T(test_last_call), T(test_not_applied),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
