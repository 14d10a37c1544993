/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The whole gateway with memory running out while it reloads, says how it is,
 * or looks a number up: each allocation fails in turn, alone or with those that
 * follow. A reload that cannot be had is told of in one line and changes nothing;
 * what is printed is whole or is not there; then all of it works.
 */
#include "alloc_fault.h"

#include <dlfcn.h>
#include <libconfig.h>
#include <openssl/crypto.h>

#include "app_fixture.h"
#include "app_status_priv.h"

enum { FOREVER = 1 << 30, COUNT_MAX = 200000, SAMPLES = 12, SAMPLES_LONG = 2000 };

static const unsigned lengths[] = {1, 30, FOREVER};

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	unsigned done, failed;
	char last[256];
	unsigned first, length;
	unsigned cases, survived;
	bool again;
	bool (*what)(struct gateway *g);
};

/*
 * libconfig 1.5 writes to what it did not get. conf/ asks first whether there is enough
 * memory for it, which is among the allocations that fail here.
 */
static void real_of(void *function, size_t size, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	assert_non_null(symbol);
	memcpy(function, &symbol, size);
}

void config_init(config_t *config)
{
	const unsigned was = alloc_pause();
	void (*real)(config_t *);

	real_of(&real, sizeof(real), "config_init");
	real(config);
	alloc_leave(was);
}

int config_read_string(config_t *config, const char *str)
{
	const unsigned was = alloc_pause();
	int (*real)(config_t *, const char *), ok;

	real_of(&real, sizeof(real), "config_read_string");
	ok = real(config, str);
	alloc_leave(was);
	return ok;
}

static void keep_line(enum sp_log_level level, const char *line, void *arg)
{
	struct gateway *g = arg;

	(void)level;
	g->done += !strncmp(line, "reload_done ", 12);
	g->failed += !strncmp(line, "reload_failed ", 14);
	snprintf(g->last, sizeof(g->last), "%.250s", line);
}

/* ---- what is done; true: it went well ---- */

static bool reload(struct gateway *g)
{
	static unsigned turn;
	static const struct variant v[2] = {
		{.trunk = "targets = [ \"127.0.0.9\", \"127.0.0.10:5062\" ]; calls_in = 7;",
		 .numbers = "{ number = \"+441632960001\"; trunk = \"pbx\"; }, "
			    "{ number = \"+4416329601*\"; trunk = \"pbx\"; account = \"a\"; }"},
		{.limits = "connections = 50;"}};
	const struct sp_call_env *before = g->app->env;
	unsigned was;

	world_conf(g->w, &v[turn++ % 2]);
	g->done = g->failed = 0;
	was = alloc_enter();
	app_reload(g->app);
	sp_loop_advance(g->loop, 0);
	alloc_leave(was);
	assert_int_equal(1, g->done + g->failed);
	assert_null(g->app->reload);
	assert_true(g->done == (before != g->app->env));
	return g->done;
}

static bool print_all(struct gateway *g, const struct status_printer *p)
{
	struct app_status *s = NULL;
	struct mbuf *mb = mbuf_alloc(1024);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = p->calls ? status_gather_calls(&s, g->app) : status_gather(&s, g->app);
	for (size_t i = 0; !err && i < p->pieces(s); i++)
		err = p->piece(mb, s, i);
	if (!err && !memmem(mb->buf, mb->end, p->end, strlen(p->end)))
		fail_msg("%s: not whole, and nobody says so", p->name);
	mem_deref(s);
	mem_deref(mb);
	return !err;
}

static bool status(struct gateway *g)
{
	static const struct status_printer *const all[] = {
		&status_table, &status_json, &status_metrics, &status_calls, &status_calls_json};
	const unsigned was = alloc_enter();
	bool ok = true;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		ok = print_all(g, all[i]) && ok;
	alloc_leave(was);
	return ok;
}

static bool lookup(struct gateway *g)
{
	struct sp_app_question q = {.number = "+441632960001", .caller = "+441632960099"};
	FILE *null = fopen("/dev/null", "w");
	unsigned was;
	int ret;

	assert_non_null(null);
	world_conf(g->w, &(struct variant){0});
	(void)setvbuf(null, NULL, _IONBF, 0);
	was = alloc_enter();
	ret = sp_app_lookup(g->w->conf, &q, null, null);
	q.json = true;
	ret |= sp_app_lookup(g->w->conf, &q, null, null);
	alloc_leave(was);
	fclose(null);
	return 0 == ret;
}

/* ---- the sweep ---- */

static void one_case(void *arg)
{
	struct gateway *g = arg;
	bool ok;

	alloc_plan(g->first, g->first && g->length < FOREVER ? g->first + g->length - 1 : FOREVER);
	ok = g->what(g);
	alloc_heal();
	g->cases++;
	g->survived += ok;
	if (!g->what(g))
		fail_msg("allocation %u, %u of them: the next one fails: %s", g->first, g->length,
			 g->last);
	OPENSSL_thread_stop(); /* its list of errors */
}

static void sweep(struct gateway *g, const char *name, bool (*what)(struct gateway *g))
{
	const unsigned samples = getenv("SALLYPORT_LONG") ? SAMPLES_LONG : SAMPLES;
	unsigned count = 0, step;

	g->what = what;
	g->cases = g->survived = 0;
	for (unsigned i = 0; i < 3; i++) { /* libraries fill their own tables */
		g->first = 0;
		one_case(g);
		alloc_plan(0, 0);
		assert_true(what(g));
		count = alloc_state.count;
		alloc_forget_all();
	}
	assert_in_range(count, 20, COUNT_MAX);
	step = 1 + count / samples;
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		g->length = lengths[l];
		for (g->first = 1 + (unsigned)l % step; g->first <= count; g->first += step) {
			if (alloc_grows(one_case, g))
				fail_msg("%s: allocation %u, %u of them: it leaks", name, g->first,
					 g->length);
		}
	}
	print_message("%s: %u allocations, %u cases, %u went well all the same\n", name, count,
		      g->cases, g->survived);
}

static void each_allocation(void **state)
{
	struct gateway g = {.w = *state};

	assert_int_equal(sp_loop_alloc_fake(&g.loop, 1000), 0);
	assert_int_equal(sp_app_alloc(&g.app, g.loop, g.w->conf), 0);
	world_conf(g.w, &(struct variant){0});
	sp_log_sink(keep_line, &g);
	assert_int_equal(sp_app_load(g.app), 0);
	sweep(&g, "status", status);
	sweep(&g, "lookup", lookup);
	sweep(&g, "reload", reload);
	sp_log_sink(NULL, NULL);
	mem_deref(g.app);
	mem_deref(g.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_allocation, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
