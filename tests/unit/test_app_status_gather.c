/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_gather, status_trunks, status: what a gateway that runs (on a
 * fake loop) says of itself, and what of it goes into the log.
 */
#include "app_fixture.h"
#include "app_status_priv.h"

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	unsigned lines, cut, unavailable;
	char last[256];
};

static void count_line(enum sp_log_level level, const char *line, void *arg)
{
	struct gateway *g = arg;

	(void)level;
	if (!strncmp(line, "status line=", 12)) {
		g->lines++;
		snprintf(g->last, sizeof(g->last), "%s", line + 12);
	}
	g->cut += !strncmp(line, "status_cut ", 11);
	g->unavailable += !strncmp(line, "status_unavailable ", 19);
}

static void begin(struct gateway *g, void **state, const struct variant *v)
{
	*g = (struct gateway){.w = *state};
	assert_int_equal(sp_loop_alloc_fake(&g->loop, 5000), 0);
	assert_int_equal(sp_app_alloc(&g->app, g->loop, g->w->conf), 0);
	world_conf(g->w, v);
	sp_log_sink(count_line, g);
	assert_int_equal(sp_app_load(g->app), 0);
	app_monitor_version(g->app->monitor, "9.8.7");
}

static void end(struct gateway *g)
{
	sp_log_sink(NULL, NULL);
	mem_deref(g->app);
	mem_deref(g->loop);
}

static void reload(struct gateway *g, const struct variant *v)
{
	world_conf(g->w, v);
	app_reload(g->app);
}

static const struct app_status_cert *cert_of(const struct app_status *s, const char *file, size_t n)
{
	for (size_t i = 0; i < s->certc; i++) {
		if (strstr(s->certv[i].file, file) && !n--)
			return &s->certv[i];
	}
	fail_msg("no certificate of %s", file);
	return NULL;
}

static void test_gather(void **state)
{
	const struct variant v = {.trunk = "targets = [ \"127.0.0.9\", \"127.0.0.10:5062\" ]; "
					   "calls_in = 7;"};
	struct app_status *s = NULL;
	struct gateway g;

	begin(&g, state, &v);
	sp_loop_advance(g.loop, 2500);
	assert_int_equal(status_gather(&s, g.app), 0);
	assert_string_equal(s->gateway.version, "9.8.7");
	assert_string_equal(s->gateway.phase, "running");
	assert_int_equal(s->gateway.uptime_s, 2);
	assert_int_equal(s->gateway.load_ok, 1);
	assert_int_equal(s->gateway.reloads_ok, 0);
	assert_int_equal(s->gateway.calls_max, 10);
	assert_int_equal(s->gateway.exact, 1);
	assert_int_equal(s->gateway.ranges, 0);
	assert_int_equal(s->gateway.prefixes, 0);
	assert_int_equal(s->gateway.entries, 1);
	assert_int_equal(s->gateway.accounts, 0);
	assert_int_equal(s->gateway.reloading, 0);
	assert_true(s->gateway.resident_bytes > 0);
	assert_int_equal(s->gateway.share_milli, 1000);

	assert_int_equal(s->interfacec, 1);
	assert_string_equal(s->interfacev[0].name, "core");
	assert_int_equal(s->interfacev[0].pairs, 100);
	assert_true(s->interfacev[0].handshakes_max > 0);

	assert_int_equal(s->trunkc, 2);
	assert_string_equal(s->trunkv[0].name, "carrier-a");
	assert_string_equal(s->trunkv[0].kind, "carrier");
	assert_string_equal(s->trunkv[1].kind, "service");
	assert_int_equal(s->trunkv[0].limit[SP_TRUNK_LIMIT_CALLS_IN], 7);
	assert_int_equal(s->trunkv[0].up, 0);
	assert_int_equal(s->trunkv[1].numbers, 1);
	assert_int_equal(s->trunkv[1].targets, 0);
	assert_int_equal(s->trunkv[0].first_target, 0);
	assert_int_equal(s->trunkv[0].targets, 2);
	assert_string_equal(s->targetv[0].trunk, "carrier-a");
	assert_string_equal(s->targetv[0].label, "127.0.0.9:5061");
	assert_string_equal(s->targetv[0].address, "127.0.0.9");
	assert_string_equal(s->targetv[1].label, "127.0.0.10:5062");
	assert_false(s->targetv[0].twin || s->targetv[1].twin);
	mem_deref(s);
	end(&g);
}

/* It is of one moment, and outlives what it tells of. */
static void test_outlives(void **state)
{
	const struct variant v = {.trunk = "targets = [ \"127.0.0.9\" ];"};
	struct app_status *s = NULL;
	struct gateway g;
	struct mbuf *mb = mbuf_alloc(1024);

	begin(&g, state, &v);
	assert_int_equal(status_gather(&s, g.app), 0);
	reload(&g, &(struct variant){.trunk = "targets = [ \"127.0.0.77\" ];"});
	end(&g);
	for (size_t i = 0; i < status_json.pieces(s); i++)
		assert_int_equal(status_json.piece(mb, s, i), 0);
	assert_int_equal(mbuf_write_u8(mb, 0), 0);
	assert_non_null(strstr((char *)mb->buf, "\"address\":\"127.0.0.9\""));
	assert_null(strstr((char *)mb->buf, "127.0.0.77"));
	mem_deref(mb);
	mem_deref(s);
}

/* Of several in a file the first to expire decides, but of CAs none that is over already. */
static void test_certificates(void **state)
{
	struct app_status *s = NULL;
	struct gateway g = {.w = *state};

	run("cd %s && cat carrier-ca.crt > two.crt && openssl req -x509 -newkey rsa:2048 -nodes "
	    "-days 9 -subj '/CN=Soon CA' -keyout soon.key 2>/dev/null >> two.crt",
	    g.w->dir);
	begin(&g, state, &(struct variant){.ca = "two.crt"});
	assert_int_equal(status_gather(&s, g.app), 0);
	assert_string_equal(cert_of(s, "gateway-core.crt", 0)->kind, "certificate");
	assert_non_null(strstr(cert_of(s, "gateway-core.crt", 0)->names, "core.gateway.example"));
	assert_false(cert_of(s, "gateway-core.crt", 0)->twin);
	assert_string_equal(cert_of(s, "two.crt", 0)->kind, "ca");
	assert_true(cert_of(s, "two.crt", 0)->twin);
	assert_string_equal(cert_of(s, "two.crt", 1)->subject, "CN=Soon CA");
	assert_false(cert_of(s, "two.crt", 1)->twin);
	assert_in_range(cert_of(s, "two.crt", 1)->days_left, 8, 9);
	assert_int_equal(cert_of(s, "two.crt", 1)->expires_s / 86400 - s->gateway.now_s / 86400, 9);
	mem_deref(s);

	run("cd %s && cat carrier-expired.crt carrier-ca.crt > two.crt", g.w->dir);
	reload(&g, &(struct variant){.ca = "two.crt"});
	assert_int_equal(status_gather(&s, g.app), 0);
	if (s->gateway.reloads_ok) { /* else such a bundle is refused, and the old one is in use */
		assert_true(cert_of(s, "two.crt", 0)->twin);
		assert_false(cert_of(s, "two.crt", 1)->twin);
		assert_true(cert_of(s, "two.crt", 0)->days_left < 0);
	}
	mem_deref(s);
	end(&g);
}

static void test_reloads(void **state)
{
	struct app_status *s = NULL;
	struct gateway g;

	begin(&g, state, &(struct variant){0});
	reload(&g, &(struct variant){.key = "carrier.key"});
	reload(&g, &(struct variant){.numbers = ""});
	reload(&g, &(struct variant){.ca = "none.pem"});
	assert_int_equal(status_gather(&s, g.app), 0);
	assert_int_equal(s->gateway.reloads_ok, 1);
	assert_int_equal(s->gateway.reloads_failed, 2);
	assert_int_equal(s->gateway.load_ok, 0);
	assert_int_equal(s->gateway.exact, 0);
	assert_int_equal(s->gateway.entries, 0);
	mem_deref(s);
	end(&g);
}

static void test_socket(void **state)
{
	struct gateway g;
	char path[128];
	struct stat st;

	begin(&g, state, &(struct variant){0});
	snprintf(path, sizeof(path), "%s/status.sock", g.w->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	reload(&g, &(struct variant){0});
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(g.unavailable, 0);
	end(&g);
	assert_int_equal(stat(path, &st), -1);

	/* where it cannot be, all else runs */
	run("mkdir %s", path);
	begin(&g, state, &(struct variant){0});
	assert_int_equal(g.unavailable, 1);
	assert_non_null(g.app->env);
	run("rmdir %s", path);
	reload(&g, &(struct variant){0});
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(g.unavailable, 1);
	end(&g);
}

static void test_log(void **state)
{
	struct gateway g;

	begin(&g, state, &(struct variant){.trunk = "targets = [ \"127.0.0.9\" ];"});
	app_status_log(g.app);
	assert_in_range(g.lines, 12, 40);
	assert_int_equal(strncmp(g.last, "\"-- 2", 5), 0);
	assert_int_equal(g.cut, 0);
	end(&g);

	/* before there is a configuration: nothing but a word about it */
	g = (struct gateway){.w = *state};
	assert_int_equal(sp_loop_alloc_fake(&g.loop, 0), 0);
	assert_int_equal(sp_app_alloc(&g.app, g.loop, "none.conf"), 0);
	sp_log_sink(count_line, &g);
	app_status_log(g.app);
	assert_int_equal(g.lines, 0);
	assert_int_equal(g.cut, 1);
	end(&g);
}

/* A table of any length does not fill the log. */
static void test_log_is_bounded(void **state)
{
	struct gateway g;
	struct sp_trunk **trunkv;
	struct sp_conf_trunk *confv;
	struct sp_conf *conf;
	const size_t n = STATUS_LOG_LINES_MAX + 100;

	begin(&g, state, &(struct variant){0});
	/* the first trunk, many times over */
	conf = g.app->env->conf;
	trunkv = mem_zalloc(n * sizeof(*trunkv), NULL);
	confv = mem_zalloc(n * sizeof(*confv), NULL);
	for (size_t i = 0; i < n; i++) {
		trunkv[i] = g.app->env->trunkv[0];
		confv[i] = conf->trunkv[0];
	}
	{
		struct sp_trunk **const own_trunks = g.app->env->trunkv;
		const struct sp_conf_trunk *const own = conf->trunkv;
		const size_t own_c = conf->trunkc;

		g.app->env->trunkv = trunkv;
		conf->trunkv = confv;
		conf->trunkc = n;
		app_status_log(g.app);
		g.app->env->trunkv = own_trunks;
		conf->trunkv = own;
		conf->trunkc = own_c;
	}
	assert_int_equal(g.lines, STATUS_LOG_LINES_MAX);
	assert_int_equal(g.cut, 1);
	mem_deref(trunkv);
	mem_deref(confv);
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gather),         cmocka_unit_test(test_outlives),
		cmocka_unit_test(test_certificates),   cmocka_unit_test(test_reloads),
		cmocka_unit_test(test_socket),         cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_is_bounded),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
