/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The whole gateway with memory running out: while it starts, drains and ends;
 * reloads; takes new certificates up; says how it is; looks a number up. Each
 * place of our code that asks for memory gets none, at its first and its last
 * time, alone or with those that follow. What cannot be had is told of as what it
 * is, and changes nothing; what is printed is whole or is not there; then all of
 * it works, and nothing has leaked.
 *
 *   test_app_nomem [-a] [-t] [-n NUMBER] [-l LENGTH] [NAME ...]
 *
 * -a (or SALLYPORT_LONG=1): every place, not a sample. -n: only this allocation;
 * -l: only outages of this length; -t: show where it is.
 */
#include "alloc_sites.h"
#include "alloc_loop.h"
#include "alloc_options.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libconfig.h>
#include <openssl/crypto.h>

#include "app_fixture.h"
#include "app_status_priv.h"
#include "sallyport/trunk_status.h"

enum { FOREVER = 1 << 30, PLACES_MAX = 4096, SAMPLES = 6, TEXT_SIZE = 65536, AGAIN_MS = 70000 };

static const unsigned lengths[] = {1, 8, FOREVER};

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	char log[TEXT_SIZE];
	unsigned on;  /* which of the variants runs           */
	bool waiting; /* certificates could not be taken up   */
	bool second;  /* gateway-core.crt is the second one   */
	char good[2][TEXT_SIZE];

	bool (*what)(struct gateway *g); /* true: it went well */
	bool failing;
	unsigned first, length;
	unsigned cases, survived;
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
	const size_t used = strlen(g->log);

	(void)level;
	snprintf(g->log + used, sizeof(g->log) - used, "%s\n", line);
}

static void wrong(const struct gateway *g, const char *what)
{
	printf("%s\n", g->log);
	fail_msg("allocation %u, %u of them: %s", g->first, g->length, what);
}

/* Nobody is sent to look for a mistake where there is none. */
static void expect_reason(const struct gateway *g, const char *text)
{
	if (!strcasestr(text, "memory"))
		wrong(g, "it is not said why");
	if (strstr(text, "conf_mistake") || strstr(text, "damaged"))
		wrong(g, "a mistake is told of that nobody made");
}

static bool logged(const struct gateway *g, const char *line)
{
	return strstr(g->log, line) != NULL;
}

/* ---- what runs ---- */

#define CSV "\"numbers\""

static const struct variant variants[] = {
	{.files = CSV},
	{.trunk = "targets = [ \"127.0.0.9\", \"127.0.0.10:5062\" ]; calls_in = 7; },\n"
		  "{ name = \"carrier-b\"; kind = \"carrier\"; interface = \"core\";\n"
		  "ca = \"carrier-ca.crt\"; identities = [ \"b.example\" ];",
	 .numbers = "{ number = \"+441632980001\"; trunk = \"pbx\"; }, "
		    "{ number = \"+4416329801*\"; trunk = \"pbx\"; account = \"a\"; }",
	 .limits = "connections = 50;",
	 .sip_port = 5081,
	 .port_min = 22000}};

static const struct {
	size_t trunks, numbers;
	unsigned targets; /* of the first trunk */
	uint16_t sip_port, media_port;
} running[] = {{2, 7, 0, 5061, 20000}, {3, 2, 2, 5081, 22000}};

static void count_target(const struct sp_target_status *target, void *arg)
{
	(void)target;
	++*(unsigned *)arg;
}

/* All of it is of one configuration, that one. */
static void expect_whole(const struct gateway *g, const struct sp_app *app, unsigned on)
{
	const struct sp_call_env *env = app->env;
	unsigned targets = 0;
	size_t certs;

	if (running[on].trunks != env->conf->trunkc)
		wrong(g, "another configuration runs");
	assert_int_equal(running[on].numbers, sp_number_count(env->numbers));
	assert_int_equal(1, app->doors->n);
	assert_int_equal(running[on].sip_port, sa_port(sp_tls_listener_laddr(app->doors->v[0])));
	assert_int_equal(100, sp_ports_total(env->portsv[0]));
	assert_int_equal(running[on].media_port, env->conf->interfacev[0].port_min);
	for (size_t i = 0; i < env->conf->trunkc; i++) {
		assert_ptr_equal(&env->conf->trunkv[i], sp_trunk_conf(env->trunkv[i]));
		assert_ptr_equal(&env->conf->interfacev[0], sp_trunk_interface(env->trunkv[i]));
		assert_true(sp_trunk_active(env->trunkv[i]));
	}
	sp_trunk_targets(env->trunkv[0], count_target, &targets);
	assert_int_equal(running[on].targets, targets);
	assert_non_null(app_expiry_list(app->expiry, &certs));
}

/* ---- what is done ---- */

/* Two configurations take turns: with other trunks, numbers, addresses and limits. */
static bool reload(struct gateway *g)
{
	const struct sp_call_env *before = g->app->env;
	const struct app_doors *doors = g->app->doors;
	const struct app_contexts *contexts = g->app->contexts;
	unsigned was;
	bool done;

	world_conf(g->w, &variants[!g->on]);
	was = alloc_enter();
	app_reload(g->app);
	sp_loop_advance(g->loop, 0);
	alloc_leave(was);
	done = logged(g, "reload_done ");
	if (done == logged(g, "reload_failed ") || g->app->reload)
		wrong(g, "it is told of not once");
	if (done) {
		g->on = !g->on;
	} else {
		expect_reason(g, g->log);
		assert_ptr_equal(before, g->app->env);
		assert_ptr_equal(doors, g->app->doors);
		assert_ptr_equal(contexts, g->app->contexts);
	}
	expect_whole(g, g->app, g->on);
	return done;
}

static void copy(const struct world *w, const char *from, const char *to)
{
	char text[16384], path[160];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", w->dir, from);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	world_write(w, to, text);
}

/* They change on disk; when it fails, they are tried again by themselves. */
static bool renew(struct gateway *g)
{
	unsigned was;
	bool done;

	if (!g->waiting) {
		g->second = !g->second;
		copy(g->w, g->second ? "carrier2.crt" : "first.crt", "gateway-core.crt");
		copy(g->w, g->second ? "carrier2.key" : "first.key", "gateway-core.key");
	}
	was = alloc_enter();
	if (!g->waiting)
		app_watch_read(app_renew_watch(g->app->renew));
	sp_loop_advance(g->loop, g->waiting ? AGAIN_MS : APP_SETTLE_MS);
	alloc_leave(was);
	done = logged(g, "certificates_renewed ");
	g->waiting = !done;
	if (!done)
		expect_reason(g, g->log);
	expect_whole(g, g->app, g->on);
	return done;
}

/* A gateway's whole life, but for calls: it starts, or not; it can start again; it drains. */
static bool live(struct gateway *g)
{
	struct sp_app *app = NULL;
	unsigned was;
	int err;

	world_conf(g->w, &variants[0]);
	was = alloc_enter();
	err = sp_app_alloc(&app, g->loop, g->w->conf);
	if (err)
		assert_int_equal(ENOMEM, err);
	else
		err = sp_app_load(app);
	if (!err) {
		expect_whole(g, app, 0);
		app_drain_signal(app);
		sp_loop_advance(g->loop, 1000);
		if (app->phase != APP_STOPPED || !logged(g, "stop reason=drained "))
			wrong(g, "it does not end");
	} else if (app) {
		assert_null(app->env);
		assert_null(app->doors);
		expect_reason(g, g->log);
	}
	alloc_heal();
	if (err && app) {
		assert_int_equal(0, sp_app_load(app));
		expect_whole(g, app, 0);
	}
	mem_deref(app);
	sp_loop_advance(g->loop, 0);
	alloc_leave(was);
	return !err;
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
		wrong(g, "not whole, and nobody says so");
	assert_true(!err || err == ENOMEM);
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
	app_status_log(g->app);
	if (logged(g, "status_cut "))
		expect_reason(g, g->log);
	alloc_leave(was);
	return ok && !logged(g, "status_cut ");
}

/* What is its own each time: the INVITE's Via, tags and Call-ID. */
static void only_lines(char *text)
{
	char *invite = strstr(text, "INVITE");

	if (invite)
		*invite = '\0';
}

static bool look_up(struct gateway *g, bool json)
{
	static char out[TEXT_SIZE], err[TEXT_SIZE];
	const struct sp_app_question q = {.number = "+441632960001",
					  .caller = "+441632960099",
					  .time = "2026-12-01T00:00:00Z",
					  .json = json};
	FILE *o = fmemopen(out, sizeof(out), "w"), *e = fmemopen(err, sizeof(err), "w");
	unsigned was;
	int ret;

	assert_true(o && e);
	out[0] = err[0] = '\0';
	(void)setvbuf(o, NULL, _IONBF, 0);
	(void)setvbuf(e, NULL, _IONBF, 0);
	was = alloc_enter();
	ret = sp_app_lookup(g->w->conf, &q, o, e);
	alloc_leave(was);
	fclose(o);
	fclose(e);
	snprintf(g->log, sizeof(g->log), "%s", err);
	if (ret) {
		expect_reason(g, err);
		if (out[0])
			wrong(g, "half of an answer");
		return false;
	}
	only_lines(out);
	if (!g->good[json][0])
		memcpy(g->good[json], out, sizeof(out));
	if (strcmp(out, g->good[json]))
		wrong(g, "another answer");
	return true;
}

static bool lookup(struct gateway *g)
{
	bool ok;

	world_conf(g->w, &variants[0]);
	ok = look_up(g, false);
	return look_up(g, true) && ok;
}

/* ---- the sweep ---- */

static bool do_once(struct gateway *g)
{
	g->log[0] = '\0';
	return g->what(g);
}

static void without_fault(void *arg)
{
	struct gateway *g = arg;

	alloc_plan(0, 0);
	if (!do_once(g))
		wrong(g, "it fails without a fault");
}

static void one_case(void *arg)
{
	struct gateway *g = arg;
	bool ok;

	alloc_plan(g->first, g->first && g->length < FOREVER ? g->first + g->length - 1 : FOREVER);
	ok = do_once(g);
	alloc_heal();
	g->cases++;
	g->survived += ok;
	if (!do_once(g))
		wrong(g, "the next one fails");
	if (!ok && (g->what == reload || g->what == renew) && !do_once(g)) /* to where it was */
		wrong(g, "the one after it fails");
	OPENSSL_thread_stop(); /* its list of errors */
}

static void sweep(struct gateway *g, const char *name, bool (*what)(struct gateway *g))
{
	static unsigned placev[PLACES_MAX];
	unsigned step, count, turn = 0;
	size_t c = 0;

	g->what = what;
	g->cases = g->survived = g->first = 0;
	for (unsigned i = 0; i < 4; i++) /* libraries fill their own tables */
		without_fault(g);
	c = alloc_sites_find(placev, PLACES_MAX, without_fault, g);
	count = alloc_state.count;
	alloc_forget_all();
	assert_in_range(c, 10, PLACES_MAX - 1);
	if (options.only)
		placev[0] = options.only;
	step = options.all ? 1 : 1 + (unsigned)c / SAMPLES;
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		g->length = lengths[l];
		for (size_t i = 0; i < (options.only ? 1 : c); i++) {
			if ((!options.only && turn++ % step) ||
			    (options.length && options.length != g->length))
				continue;
			g->first = placev[i];
			if (alloc_grows(one_case, g))
				wrong(g, "it leaks");
		}
	}
	printf("%s: %u allocations from %zu places, %u cases, %u went well all the same\n", name,
	       count, c, g->cases, g->survived);
}

static const struct {
	const char *name;
	bool (*what)(struct gateway *g);
} parts[] = {
	{"live", live},     {"status", status}, {"lookup", lookup},
	{"reload", reload}, {"renew", renew},
};

static void run_part(void **state)
{
	const size_t part = (size_t)(uintptr_t)*state;
	static struct gateway g;
	unsigned fds;
	void *w;

	assert_int_equal(0, world_setup(&w));
	memset(&g, 0, sizeof(g));
	g.w = w;
	run("cd %s && mkdir numbers && cp gateway-core.crt first.crt && cp gateway-core.key "
	    "first.key",
	    g.w->dir);
	world_write(g.w, "numbers/a.csv",
		    "number,trunk,account,header:X-A\n+441632970001,pbx,acme,{number}\n"
		    "+441632970000-970999,pbx,,\n+44163297*,pbx,,\n");
	world_write(g.w, "numbers/b.csv",
		    "number,trunk\n+441632980001,pbx\n+441632980002,pbx\n+4416329801*,pbx\n");
	run("gzip %s/numbers/b.csv", g.w->dir);
	assert_int_equal(sp_loop_alloc_fake(&g.loop, 1000), 0);
	world_conf(g.w, &variants[0]);
	sp_log_sink(keep_line, &g);
	sp_loop_advance(g.loop, 0);
	alloc_leave(0);
	alloc_heal();
	assert_true(live(&g)); /* libraries have descriptors of their own from then on */
	fds = descriptors();
	if (parts[part].what != live) {
		assert_int_equal(sp_app_alloc(&g.app, g.loop, g.w->conf), 0);
		assert_int_equal(sp_app_load(g.app), 0);
	}
	sweep(&g, parts[part].name, parts[part].what);
	mem_deref(g.app);
	sp_loop_advance(g.loop, 0);
	sp_loop_advance(g.loop, 0);
	assert_int_equal(fds, descriptors());
	sp_log_sink(NULL, NULL);
	mem_deref(g.loop);
	(void)world_teardown(&w);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[sizeof(parts) / sizeof(parts[0])];
	size_t c = 0;

	read_options(argc, argv);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		bool wanted = optind >= argc;

		for (int k = optind; k < argc; k++)
			wanted = wanted || !strcmp(argv[k], parts[i].name);
		if (wanted)
			tests[c++] = (struct CMUnitTest){parts[i].name, run_part, NULL, NULL,
							 (void *)(uintptr_t)i};
	}
	return _cmocka_run_group_tests("the gateway without memory", tests, c, NULL, NULL) ? 1 : 0;
}
