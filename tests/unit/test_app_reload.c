/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/apply, daemon, drain: a reload changes all or nothing, and keeps what
 * stays the same; the end comes in its phases. On a fake loop: sockets are
 * opened, but nobody waits for them.
 */
#include <signal.h>
#include <sys/socket.h>

#include "app_fixture.h"

struct gateway {
	struct world *w;
	struct sp_loop *loop;
	struct sp_app *app;
	char log[8192];
};

static void keep_line(enum sp_log_level level, const char *line, void *arg)
{
	struct gateway *g = arg;
	const size_t used = strlen(g->log);

	(void)level;
	snprintf(g->log + used, sizeof(g->log) - used, "%s\n", line);
}

/* Running on a good configuration. */
static struct gateway begin(void **state)
{
	struct gateway g = {.w = *state};

	assert_int_equal(sp_loop_alloc_fake(&g.loop, 1000), 0);
	assert_int_equal(sp_app_alloc(&g.app, g.loop, g.w->conf), 0);
	world_conf(g.w, &(struct variant){0});
	assert_int_equal(sp_app_load(g.app), 0);
	return g;
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
	g->log[0] = '\0';
	sp_log_sink(keep_line, g);
	app_reload(g->app);
}

static bool answers(const struct gateway *g, const char *address, uint16_t port)
{
	struct sa sa;
	int fd, err;

	assert_int_equal(sa_set_str(&sa, address ? address : g->w->addr, port), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	err = connect(fd, &sa.u.sa, sa.len);
	close(fd);
	return !err;
}

static void test_start(void **state)
{
	struct gateway g = begin(state);

	assert_true(answers(&g, NULL, 5061));
	assert_int_equal(sp_ports_total(g.app->env->portsv[0]), 100);
	assert_string_equal(sp_trunk_name(g.app->env->trunkv[1]), "pbx");
	end(&g);
}

static void test_start_bad(void **state)
{
	struct gateway g = {.w = *state};

	assert_int_equal(sp_loop_alloc_fake(&g.loop, 1000), 0);
	assert_int_equal(sp_app_alloc(&g.app, g.loop, g.w->conf), 0);
	world_conf(g.w, &(struct variant){.key = "carrier.key", .ca = "none.pem"});
	sp_log_sink(keep_line, &g);
	assert_int_equal(sp_app_load(g.app), EINVAL);
	assert_null(g.app->env);
	assert_non_null(strstr(g.log, "conf_mistake line="));
	assert_non_null(strstr(g.log, "start_failed mistakes=2"));
	assert_false(answers(&g, NULL, 5061));
	end(&g);
}

static void test_same_again(void **state)
{
	struct gateway g = begin(state);
	const struct sp_tls_listener *listener = g.app->doors->v[0];
	const struct sp_ports *ports = g.app->env->portsv[0];
	const struct sp_trunk *trunk = g.app->env->trunkv[0];
	const struct sp_call_env *env = g.app->env;

	reload(&g, &(struct variant){.numbers = ""});
	assert_non_null(strstr(g.log, "reload_done trunks=2 numbers=0 ms=0"));
	assert_ptr_not_equal(g.app->env, env);
	assert_ptr_equal(g.app->doors->v[0], listener);
	assert_ptr_equal(g.app->env->portsv[0], ports);
	assert_ptr_equal(g.app->env->trunkv[0], trunk);
	end(&g);
}

static void expect_unchanged(struct gateway *g, const struct variant *v, const char *says)
{
	const struct sp_call_env *env = g->app->env;
	const struct app_doors *doors = g->app->doors;

	reload(g, v);
	if (!strstr(g->log, says))
		fail_msg("no \"%s\" in:\n%s", says, g->log);
	assert_non_null(strstr(g->log, "reload_failed mistakes="));
	assert_ptr_equal(g->app->env, env);
	assert_ptr_equal(g->app->doors, doors);
	assert_true(answers(g, NULL, 5061));
}

static void test_all_or_nothing(void **state)
{
	struct gateway g = begin(state);

	expect_unchanged(&g, &(struct variant){.key = "carrier.key", .sip_port = 5071},
			 "does not fit");
	assert_false(answers(&g, NULL, 5071));
	expect_unchanged(&g, &(struct variant){.numbers = "{ number = \"1\"; trunk = \"pbx\"; }"},
			 "E.164");
	expect_unchanged(&g, &(struct variant){.address = "192.0.2.1"}, "name an address of this");
	end(&g);
}

static void test_port_taken(void **state)
{
	struct gateway g = begin(state);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sa sa;

	assert_int_equal(sa_set_str(&sa, g.w->addr, 5072), 0);
	assert_int_equal(bind(fd, &sa.u.sa, sa.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	expect_unchanged(&g, &(struct variant){.sip_port = 5072}, "Address already in use");
	close(fd);
	end(&g);
}

static void test_moved(void **state)
{
	struct gateway g = begin(state);
	struct sp_ports *ports = mem_ref(g.app->env->portsv[0]);

	reload(&g, &(struct variant){.sip_port = 5073, .port_min = 21000});
	assert_non_null(strstr(g.log, "reload_done"));
	sp_loop_turn(g.loop);
	assert_true(answers(&g, NULL, 5073));
	assert_false(answers(&g, NULL, 5061));
	assert_ptr_not_equal(g.app->env->portsv[0], ports);
	assert_int_equal(mem_nrefs(ports), 1); /* only its relays keep it */
	mem_deref(ports);
	end(&g);
}

static void test_drain_idle(void **state)
{
	struct gateway g = begin(state);

	sp_log_sink(keep_line, &g);
	app_drain_signal(g.app);
	assert_int_equal(g.app->phase, APP_SETTLING);
	reload(&g, &(struct variant){0});
	assert_non_null(strstr(g.log, "reload_ignored reason=draining"));
	sp_loop_advance(g.loop, 200);
	assert_int_equal(g.app->phase, APP_STOPPED);
	assert_non_null(strstr(
		g.log, "stop reason=drained calls=0 dialogs=0 transactions=0 ports=0 relays=0"));
	end(&g);
}

static void test_signals_twice(void **state)
{
	struct gateway g = begin(state);

	sp_log_sink(keep_line, &g);
	app_drain_signal(g.app);
	app_drain_signal(g.app);
	assert_int_equal(g.app->phase, APP_STOPPED);
	app_drain_signal(g.app);
	assert_non_null(strstr(g.log, "stop reason=signal"));
	end(&g);
}

/* A connection of a trunk whose other end takes note of what it gets. */
struct peer {
	struct sp_sip_conn *conn;
	char got[16384];
};

static int take_note(const uint8_t *p, size_t n, void *arg)
{
	struct peer *peer = arg;
	const size_t used = strlen(peer->got);

	assert_true(used + n < sizeof(peer->got));
	memcpy(peer->got + used, p, n);
	peer->got[used + n] = '\0';
	return 0;
}

static void peer_connect(struct gateway *g, struct peer *peer, size_t trunk)
{
	struct sp_trunk *t = g->app->env->trunkv[trunk];

	memset(peer, 0, sizeof(*peer));
	assert_int_equal(sp_sip_conn_alloc(&peer->conn, g->app->sip, "gw:5061", t, take_note, peer),
			 0);
	assert_int_equal(sp_trunk_attach(t, peer->conn), 0);
}

static void peer_gone(struct peer *peer)
{
	sp_sip_conn_gone(peer->conn);
	mem_deref(peer->conn);
}

/* n: of the call; method: INVITE, or CANCEL for the same one. */
static void peer_send(struct gateway *g, struct peer *peer, unsigned n, const char *method)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
				  "c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n"
				  "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
				  "inline:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n";
	const bool body = !strcmp(method, "INVITE");
	const char *why = NULL;
	char text[2048];

	snprintf(text, sizeof(text),
		 "%s sip:+441632960001@gw SIP/2.0\r\n"
		 "Via: SIP/2.0/TLS carrier.example;branch=z9hG4bK%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:+441632960099@carrier.example>;tag=a%u\r\n"
		 "To: <sip:+441632960001@gw>\r\nCall-ID: call-%u\r\nCSeq: 1 %s\r\n"
		 "Contact: <sip:carrier.example>\r\n%sContent-Length: %zu\r\n\r\n%s",
		 method, n, n, n, method, body ? "Content-Type: application/sdp\r\n" : "",
		 body ? strlen(sdp) : 0, body ? sdp : "");
	peer->got[0] = '\0';
	assert_int_equal(sp_sip_conn_input(peer->conn, (const uint8_t *)text, strlen(text), &why),
			 0);
	sp_loop_advance(g->loop, 0);
}

static void test_drain_call(void **state)
{
	struct gateway g = begin(state);
	struct peer carrier, pbx;

	peer_connect(&g, &carrier, 0);
	peer_connect(&g, &pbx, 1);
	peer_send(&g, &carrier, 1, "INVITE");
	assert_non_null(strstr(carrier.got, "SIP/2.0 100 "));
	assert_non_null(strstr(pbx.got, "INVITE sip:+441632960001@"));

	sp_log_sink(keep_line, &g);
	app_drain_signal(g.app);
	assert_int_equal(g.app->phase, APP_DRAINING);
	assert_non_null(strstr(g.log, "drain_start calls=1"));
	peer_send(&g, &carrier, 2, "INVITE");
	assert_non_null(strstr(carrier.got, "SIP/2.0 503 "));
	sp_loop_advance(g.loop, 10000);
	assert_int_equal(g.app->phase, APP_DRAINING);

	/* the caller gives up: nobody acknowledges the 487, which waits 2 s at most */
	peer_send(&g, &carrier, 1, "CANCEL");
	sp_loop_advance(g.loop, 300);
	assert_non_null(strstr(carrier.got, "SIP/2.0 487 "));
	assert_int_equal(g.app->phase, APP_DRAINING); /* the callee never answered at all */
	sp_loop_advance(g.loop, SP_SIP_TIMEOUT_MS);
	sp_loop_advance(g.loop, SP_APP_SETTLE_MS + 200);
	assert_int_equal(g.app->phase, APP_STOPPED);
	assert_non_null(
		strstr(g.log, "stop reason=drained calls=0 dialogs=0 transactions=1 ports=0"));
	peer_gone(&carrier);
	peer_gone(&pbx);
	end(&g);
}

static void test_drain_limit(void **state)
{
	struct gateway g = begin(state);
	struct peer carrier, pbx;

	peer_connect(&g, &carrier, 0);
	peer_connect(&g, &pbx, 1);
	peer_send(&g, &carrier, 1, "INVITE");

	sp_log_sink(keep_line, &g);
	reload(&g, &(struct variant){.drain_s = 5});
	app_drain_signal(g.app);
	sp_loop_advance(g.loop, 4900);
	assert_int_equal(g.app->phase, APP_DRAINING);
	sp_loop_advance(g.loop, 200);
	assert_non_null(strstr(g.log, "drain_end reason=limit calls=1"));
	assert_non_null(strstr(carrier.got, "SIP/2.0 503 "));
	sp_loop_advance(g.loop, SP_APP_END_MS);
	assert_int_equal(g.app->phase, APP_STOPPED);
	assert_non_null(strstr(g.log, "stop reason=hung_up"));
	peer_gone(&carrier);
	peer_gone(&pbx);
	end(&g);
}

static void silent(enum sp_side side, void *arg)
{
	(void)side;
	(void)arg;
}

/* Take all of an interface's pairs, and give them back. @return how many of them were hurried */
static uint64_t use_all_ports(struct gateway *g)
{
	struct sp_ports *ports = g->app->env->portsv[0], *const both[] = {ports, ports};
	const uint64_t before = sp_ports_hurried(ports);
	struct sp_relay *relayv[20] = {NULL};
	struct sp_media *media = NULL;
	int err = 0;

	assert_int_equal(sp_media_alloc(&media, g->loop), 0);
	for (size_t i = 0; i < sizeof(relayv) / sizeof(relayv[0]) && !err; i++) {
		assert_int_equal(sp_relay_alloc(&relayv[i], media, both, silent, NULL), 0);
		for (size_t k = 0; k < SP_RELAY_STREAMS_MAX && !err; k++)
			err = sp_relay_add(NULL, relayv[i]);
	}
	assert_int_equal(err, ENOSPC);
	assert_int_equal(sp_ports_used(ports), sp_ports_total(ports));
	for (size_t i = 0; i < sizeof(relayv) / sizeof(relayv[0]); i++)
		mem_deref(relayv[i]);
	mem_deref(media);
	sp_loop_turn(g->loop);
	assert_int_equal(sp_ports_used(ports), 0);

	return sp_ports_hurried(ports) - before;
}

/* limits.port_rest_s is in force from the start, and as the latest reload says. */
static void test_ports_rest(void **state)
{
	struct gateway g = begin(state);

	assert_int_equal(use_all_ports(&g), 0);
	sp_loop_advance(g.loop, 4000);
	assert_int_equal(use_all_ports(&g), 100);
	sp_loop_advance(g.loop, 10000);
	assert_int_equal(use_all_ports(&g), 0);

	reload(&g, &(struct variant){.limits = "port_rest_s = 60;"});
	sp_loop_advance(g.loop, 10000);
	(void)use_all_ports(&g);
	sp_loop_advance(g.loop, 59000);
	assert_int_equal(use_all_ports(&g), 100);

	reload(&g, &(struct variant){.limits = "port_rest_s = 0;"});
	assert_int_equal(use_all_ports(&g), 0);
	assert_int_equal(use_all_ports(&g), 0);
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),      cmocka_unit_test(test_start_bad),
		cmocka_unit_test(test_same_again), cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_port_taken), cmocka_unit_test(test_moved),
		cmocka_unit_test(test_drain_idle), cmocka_unit_test(test_signals_twice),
		cmocka_unit_test(test_drain_call), cmocka_unit_test(test_drain_limit),
		cmocka_unit_test(test_ports_rest),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
