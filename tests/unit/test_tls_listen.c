/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/listen, source, verify: who is turned away before anything of TLS is
 * done for him (networks, rate), limits that change, and the sockets' own
 * look-out for far ends that are gone.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tls_raw.h"

static struct sa addr(const char *text)
{
	struct sa sa;

	assert_int_equal(sa_set_str(&sa, text, 4711), 0);
	return sa;
}

static bool take(struct sp_tls_sources *s, const char *text, uint64_t now_ms)
{
	const struct sa src = addr(text);

	return sp_tls_sources_take(s, &src, now_ms);
}

static void test_rate(void **state)
{
	struct sp_tls_sources *s = NULL;
	(void)state;

	assert_int_equal(sp_tls_sources_alloc(&s, 2, 3), 0);
	for (unsigned i = 0; i < 3; ++i)
		assert_true(take(s, "192.0.2.1", 1000));
	assert_false(take(s, "192.0.2.1", 1000));
	assert_true(take(s, "192.0.2.2", 1000)); /* each has its own */

	assert_false(take(s, "192.0.2.1", 1499));
	assert_true(take(s, "192.0.2.1", 1500));
	assert_false(take(s, "192.0.2.1", 1500));
	for (unsigned i = 0; i < 3; ++i)
		assert_true(take(s, "192.0.2.1", 100000));
	assert_false(take(s, "192.0.2.1", 100000));

	/* another rate begins anew; the same one changes nothing */
	sp_tls_sources_rate(s, 2, 3);
	assert_false(take(s, "192.0.2.1", 100000));
	sp_tls_sources_rate(s, 1, 1);
	assert_true(take(s, "192.0.2.1", 100000));
	assert_false(take(s, "192.0.2.1", 100000));
	sp_tls_sources_rate(s, 0, 0);
	for (unsigned i = 0; i < 1000; ++i)
		assert_true(take(s, "192.0.2.1", 100000));
	mem_deref(s);
}

/* A subscriber of IPv6 has a /64 at least, and 2^64 addresses in it (RFC 6177). */
static void test_ipv6(void **state)
{
	const struct sa a = addr("2001:db8:1:2::1"), b = addr("2001:db8:1:2:ffff::9"),
			c = addr("2001:db8:1:3::1"), d = addr("192.0.2.1"), e = addr("192.0.2.2");
	struct sp_tls_sources *s = NULL;
	(void)state;

	assert_int_equal(sp_tls_sources_alloc(&s, 1, 2), 0);
	assert_true(take(s, "2001:db8:1:2::1", 0));
	assert_true(take(s, "2001:db8:1:2:aaaa:bbbb:cccc:dddd", 0));
	assert_false(take(s, "2001:db8:1:2::3", 0));
	assert_true(take(s, "2001:db8:1:3::1", 0));
	mem_deref(s);

	assert_true(sp_tls_source_same(&a, &b));
	assert_false(sp_tls_source_same(&a, &c));
	assert_false(sp_tls_source_same(&a, &d));
	assert_false(sp_tls_source_same(&d, &e));
	assert_true(sp_tls_source_same(&d, &d));
}

/* Any number of addresses, the same memory; one that goes on is not forgotten for them. */
static void test_many_sources(void **state)
{
	struct sp_tls_sources *s = NULL;
	unsigned refused = 0;
	uint64_t now_ms = 0;
	char text[32];
	(void)state;

	assert_int_equal(sp_tls_sources_alloc(&s, 1, 1), 0);
	assert_true(take(s, "198.51.100.1", ++now_ms));

	/* as many others as there are places, while it goes on knocking */
	for (unsigned i = 0; i < SP_TLS_SOURCES; ++i) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		assert_true(take(s, text, now_ms));
		if (i % 8 == 0) {
			++now_ms;
			refused += !take(s, "198.51.100.1", now_ms);
		}
	}
	assert_true(now_ms < 1000);
	assert_int_equal(refused, SP_TLS_SOURCES / 8);

	/* most of the others are remembered, and those forgotten begin with a full bucket */
	refused = 0;
	for (unsigned i = 0; i < SP_TLS_SOURCES; ++i) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		refused += !take(s, text, now_ms);
	}
	assert_in_range(refused, SP_TLS_SOURCES / 4, SP_TLS_SOURCES - 1);
	mem_deref(s);
}

/* A socket that comes from an address of our choice. */
static struct sp_tls_peer *peer_of(struct world *w, const char *trunk, const char *identity,
				   const char *net)
{
	const char *v[] = {identity};
	struct sp_net nets[1];
	struct sp_tls_peer_conf conf = {
		.trunk = trunk, .identityv = v, .identityc = 1, .ca = fix_path(&w->dir, "ca.crt")};
	struct sp_tls_peer *peer = NULL;
	struct pl pl;

	if (net) {
		pl_set_str(&pl, net);
		assert_int_equal(sp_net_parse(&nets[0], &pl), 0);
		conf.networks.v = nets;
		conf.networks.c = 1;
	}
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, NULL, NULL), 0);
	memset(nets, 0, sizeof(nets)); /* it has copied them */
	return peer;
}

static void use_peers(struct world *w, struct sp_tls_peer *a, struct sp_tls_peer *b)
{
	struct sp_tls_context *ctx = world_server(w, "own", a, b);

	sp_tls_listener_context(w->l, ctx);
	mem_deref(ctx);
}

static struct sp_tls_listener_status status_of(const struct world *w)
{
	struct sp_tls_listener_status st;

	sp_tls_listener_status(w->l, &st);
	return st;
}

/* The network is looked at twice: of all trunks before TLS, of the trunk with its name. */
static void test_networks(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_peer *a = peer_of(w, "alpha", "alpha.example", "127.0.0.0/29");
	struct sp_tls_peer *b = peer_of(w, "beta", "beta.example", "127.0.0.64/26");
	struct raw r;
	char c;
	int fd;

	use_peers(w, a, b);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.7", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_int_equal(w->lines, 0);
	raw_close(&r);

	/* beta's network, alpha's certificate */
	raw_start(&r, w->loop, raw_socket_from("127.0.0.65", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, r.closed && w->lines == 1);
	assert_non_null(strstr(w->line, "trunk alpha may not connect from 127.0.0.65"));
	assert_int_equal(status_of(w).failed, 1);
	raw_close(&r);

	/* nobody's: not a byte of TLS comes back */
	fd = raw_socket_from("127.0.0.200", sp_tls_listener_laddr(w->l));
	UNTIL(w, w->lines == 2);
	assert_non_null(strstr(w->line, "tls_refused src=127.0.0.200:"));
	assert_non_null(strstr(w->line, "no trunk of this interface may connect from this"));
	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	assert_int_equal(status_of(w).refused_network, 1);
	assert_int_equal(status_of(w).failed, 1);
	assert_int_equal(status_of(w).accepted, 1);
	assert_int_equal(sp_tls_listener_refused(w->l), 2);

	/* a trunk without networks takes all: everybody may try */
	mem_deref(b);
	b = peer_of(w, "beta", "beta.example", NULL);
	use_peers(w, a, b);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.200", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, r.closed && w->lines == 3);
	assert_non_null(strstr(w->line, "trunk alpha may not connect from 127.0.0.200"));
	raw_close(&r);
	mem_deref(a);
	mem_deref(b);
}

/* Outbound the target's address is the configuration's own: networks do not matter. */
static void test_networks_outbound(void **state)
{
	struct world *w = *state;
	struct sp_tls_peer *a = peer_of(w, "alpha", "alpha.example", "192.0.2.0/24");
	const struct sa src = addr("127.0.0.1"), in = addr("192.0.2.200");
	struct sp_tls_refusal refusal;

	assert_ptr_equal(sp_tls_judge(&refusal, &a, 1, w->alpha.x, NULL, true, NULL, NULL), a);
	assert_null(sp_tls_judge(&refusal, &a, 1, w->alpha.x, NULL, false, NULL, &src));
	assert_ptr_equal(sp_tls_judge(&refusal, &a, 1, w->alpha.x, NULL, false, NULL, &in), a);
	mem_deref(a);
}

static void on_tick(void *arg)
{
	struct world *w = arg;

	sp_loop_stop(w->loop);
}

/* What is neither logged nor accepted stops no loop: a tick does. */
#define TICKS_UNTIL(w, cond)                                                                       \
	do {                                                                                       \
		struct sp_timer tick = {0};                                                        \
                                                                                                   \
		for (unsigned ticks = 0; ticks < 10000 && !(cond); ++ticks) {                      \
			sp_timer_start((w)->loop, &tick, 1, on_tick, (w));                         \
			sp_loop_run((w)->loop);                                                    \
		}                                                                                  \
		sp_timer_cancel(&tick);                                                            \
		assert_true(cond);                                                                 \
	} while (0)

static void test_rate_of_connections(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_listen_conf conf = {.handshakes = 16, .source = {.per_s = 1, .burst = 3}};
	struct sp_tls_listener *l = w->l;
	int fds[5], closed = 0;
	struct raw r;

	sp_tls_listener_limits(l, &conf);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); ++i)
		fds[i] = raw_socket_from("127.0.0.1", sp_tls_listener_laddr(l));
	UNTIL(w, status_of(w).refused_rate == 2);
	assert_non_null(strstr(w->line, "tls_refused src=127.0.0.1:"));
	assert_non_null(strstr(w->line, "too many connections from this address"));
	TICKS_UNTIL(w, status_of(w).pending == 3);

	/* somebody else gets in all the while */
	raw_start(&r, w->loop, raw_socket_from("127.0.0.9", sp_tls_listener_laddr(l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	raw_close(&r);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); ++i) {
		char c;

		closed += recv(fds[i], &c, 1, 0) < 0 && errno == ECONNRESET;
		close(fds[i]);
	}
	assert_int_equal(closed, 2);
	assert_int_equal(status_of(w).handshakes, 16);

	/* a reload lifts the limit, for those too who were over it */
	conf.source.per_s = 0;
	sp_tls_listener_limits(l, &conf);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.1", sp_tls_listener_laddr(l)), &opts);
	UNTIL(w, w->accepts == 2 && r.up);
	raw_close(&r);
}

/* A flood is counted in full, and logged as much as the disk can bear. */
static void test_flood_is_not_logged_in_full(void **state)
{
	enum { FLOOD = SP_TLS_REFUSED_LOG_BURST + 100 };
	const struct sp_tls_listen_conf conf = {.handshakes = 16,
						.source = {.per_s = 1, .burst = 1}};
	struct world *w = *state;

	sp_tls_listener_limits(w->l, &conf);
	for (unsigned i = 0; i < FLOOD; ++i) {
		close(raw_socket_from("127.0.0.1", sp_tls_listener_laddr(w->l)));
		if (i % 32 == 31)
			TICKS_UNTIL(w, status_of(w).refused_rate >= i - 10);
	}
	TICKS_UNTIL(w, status_of(w).refused_rate >= FLOOD - 10);
	assert_in_range(w->lines, 1, FLOOD - 50);
}

/* The cap on handshakes in progress: raised, those who wait get in. */
static void test_cap_is_raised(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_listen_conf conf = {.handshakes = 1};
	struct raw r;
	int silent;

	sp_tls_listener_limits(w->l, &conf);
	silent = raw_socket_from("127.0.0.2", sp_tls_listener_laddr(w->l));
	TICKS_UNTIL(w, status_of(w).pending == 1);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.3", sp_tls_listener_laddr(w->l)), &opts);
	conf.handshakes = 2;
	sp_tls_listener_limits(w->l, &conf);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_int_equal(status_of(w).pending, 1);
	assert_int_equal(status_of(w).handshakes, 2);
	conf.handshakes = 0; /* nonsense is not taken */
	sp_tls_listener_limits(w->l, &conf);
	assert_int_equal(status_of(w).handshakes, 2);
	raw_close(&r);
	close(silent);
}

/* Silent clients of many addresses hold all places: those who wait get one after a second. */
static void test_crowded(void **state)
{
	enum { SLOTS = 4 };
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	const struct sp_tls_listen_conf conf = {.handshakes = SLOTS};
	int silent[SLOTS];
	struct raw r;
	uint64_t begin;

	sp_tls_listener_limits(w->l, &conf);
	for (unsigned i = 0; i < SLOTS; ++i) {
		char from[32];

		snprintf(from, sizeof(from), "127.0.1.%u", i + 1);
		silent[i] = raw_socket_from(from, sp_tls_listener_laddr(w->l));
	}
	TICKS_UNTIL(w, status_of(w).pending == SLOTS);
	begin = sp_loop_now_ms(w->loop);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.1", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_in_range(sp_loop_now_ms(w->loop) - begin, SP_TLS_CROWDED_MS - 200,
			SP_TLS_CROWDED_MS + 2000);
	assert_non_null(strstr(w->line, "src=127.0.1.1:"));
	assert_non_null(strstr(w->line, "handshake too slow while others wait"));
	assert_int_equal(status_of(w).failed, 1);
	assert_int_equal(status_of(w).pending, SLOTS - 1);
	raw_close(&r);
	for (unsigned i = 0; i < SLOTS; ++i)
		close(silent[i]);
}

/* One address never holds all places, however few there are. */
static void test_few_places(void **state)
{
	enum { SLOTS = 4, SILENT = 20 };
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	const struct sp_tls_listen_conf conf = {.handshakes = SLOTS};
	int silent[SILENT];
	struct raw r;
	uint64_t begin;

	sp_tls_listener_limits(w->l, &conf);
	for (unsigned i = 0; i < SILENT; ++i)
		silent[i] = raw_socket_from("127.0.1.9", sp_tls_listener_laddr(w->l));
	TICKS_UNTIL(w, status_of(w).pending >= SLOTS - 1);
	begin = sp_loop_now_ms(w->loop);
	raw_start(&r, w->loop, raw_socket_from("127.0.0.1", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_in_range(sp_loop_now_ms(w->loop) - begin, 0, SP_TLS_CROWDED_MS);
	assert_in_range(status_of(w).refused_share, SILENT - SLOTS + 1, SILENT);
	raw_close(&r);
	for (unsigned i = 0; i < SILENT; ++i)
		close(silent[i]);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

static void expect_keepalive(int fd)
{
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), SP_TLS_KEEPALIVE_IDLE_S);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), SP_TLS_KEEPALIVE_INTERVAL_S);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), SP_TLS_KEEPALIVE_PROBES);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), SP_TLS_UNACKED_MS);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

static void test_keepalive(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_context *ctx = NULL;
	struct end far = {.loop = w->loop};
	struct raw r;

	raw_start(&r, w->loop, raw_socket_from("127.0.0.1", sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	expect_keepalive(w->near.c->fd);
	raw_close(&r);

	assert_int_equal(sp_tls_client_alloc(&ctx, fix_path(&w->dir, "own.crt"),
					     fix_path(&w->dir, "own.key"), w->peer_alpha, NULL,
					     NULL),
			 0);
	assert_int_equal(sp_tls_connect(&far.c, w->loop, ctx, sp_tls_listener_laddr(w->l), NULL,
					&end_handlers, &far),
			 0);
	expect_keepalive(far.c->fd);
	mem_deref(far.c);
	mem_deref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_many_sources),
		WORLD_TEST(test_networks),
		WORLD_TEST(test_networks_outbound),
		WORLD_TEST(test_rate_of_connections),
		WORLD_TEST(test_flood_is_not_logged_in_full),
		WORLD_TEST(test_cap_is_raised),
		WORLD_TEST(test_crowded),
		WORLD_TEST(test_few_places),
		WORLD_TEST(test_keepalive),
	};

	return cmocka_run_group_tests(tests, world_setup_group, world_teardown_group);
}
