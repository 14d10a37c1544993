/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accepted connections: limits, silence, garbage, which one is used. TLS runs
 * on the real loop; the trunks' timers on a fake one that the tests turn.
 */
#include "trunk_fixture.h"

enum { CLIENTS = 4 };

struct client {
	struct world *w;
	struct sp_tls_conn *tls;
	bool up, down;
	size_t got;
};

struct world {
	struct sp_loop *loop, *fake;
	struct fix_certs certs;
	struct sp_tls_context *server, *client;
	struct sp_tls_listener *listener;
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct fix_conf f;
	struct client clientv[CLIENTS];
	size_t clients;
	unsigned accepted, requests;
};

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct world *w = arg;
	(void)req;

	++w->requests;
	(void)sp_sip_reply_status(st, 200, NULL);
	sp_loop_stop(w->loop);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static void on_accept(struct sp_tls_conn *c, void *arg)
{
	struct world *w = arg;

	++w->accepted;
	sp_trunks_accept(w->ts, c);
	sp_loop_stop(w->loop);
}

static void on_up(struct sp_tls_conn *c, void *arg)
{
	struct client *cl = arg;
	(void)c;

	cl->up = true;
	sp_loop_stop(cl->w->loop);
}

static void on_data(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct client *cl = arg;
	(void)c;
	(void)p;

	cl->got += n;
	sp_loop_stop(cl->w->loop);
}

static void on_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct client *cl = arg;
	(void)c;
	(void)err;
	(void)why;

	cl->down = true;
	sp_loop_stop(cl->w->loop);
}

static const struct sp_tls_handlers handlers = {on_up, on_data, on_down};

static int setup_all(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc(&w->loop, 1024), 0);
	fix_certs_make(&w->certs);
	w->server = fix_server(&w->certs, "sbc.test", "one", "one.test");
	w->client = fix_client(&w->certs, "one.test", "sbc", "sbc.test");
	*state = w;
	return 0;
}

static int teardown_all(void **state)
{
	struct world *w = *state;

	mem_deref(w->server);
	mem_deref(w->client);
	fix_certs_remove(&w->certs);
	mem_deref(w->loop);
	mem_deref(w);
	return 0;
}

static int setup(void **state)
{
	struct world *w = *state;
	struct sa laddr;

	w->accepted = w->requests = 0;
	w->clients = 0;
	memset(w->clientv, 0, sizeof(w->clientv));
	sa_set_str(&laddr, "127.0.0.1", 0);
	assert_int_equal(sp_loop_alloc_fake(&w->fake, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->fake, w->sip), 0);
	assert_int_equal(sp_tls_listen(&w->listener, w->loop, w->server, &laddr, 16, on_accept, w),
			 0);
	fix_conf_new(&w->f, NULL);
	fix_log_start(w->loop);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < CLIENTS; ++i)
		mem_deref(w->clientv[i].tls);
	mem_deref(w->listener);
	w->ts = mem_deref(w->ts);
	fix_conf_free(&w->f);
	mem_deref(w->sip);
	mem_deref(w->fake);
	sp_log_sink(NULL, NULL);
	return 0;
}

/* Connect one more client, until both sides have seen it. */
static struct client *dial(struct world *w)
{
	struct client *cl = &w->clientv[w->clients++];
	const unsigned accepted = w->accepted;

	cl->w = w;
	assert_int_equal(sp_tls_connect(&cl->tls, w->loop, w->client,
					sp_tls_listener_laddr(w->listener), "sbc.test", &handlers,
					cl),
			 0);
	while (!cl->down && (!cl->up || w->accepted == accepted))
		fix_run(w->loop);
	return cl;
}

static void until_down(struct client *cl)
{
	while (!cl->down)
		fix_run(cl->w->loop);
}

static void send_options(struct client *cl)
{
	static const char text[] = "OPTIONS sip:sbc.test SIP/2.0\r\n"
				   "Via: SIP/2.0/TLS one.test;branch=z9hG4bK%u\r\n"
				   "From: <sip:one.test>;tag=1\r\nTo: <sip:sbc.test>\r\n"
				   "Call-ID: %u\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
				   "Content-Length: 0\r\n\r\n";
	const unsigned seen = cl->w->requests;
	const size_t got = cl->got;
	char buf[512];
	const int n = re_snprintf(buf, sizeof(buf), text, seen + 1, seen + 1);

	assert_int_equal(sp_tls_send(cl->tls, (const uint8_t *)buf, (size_t)n), 0);
	while (cl->w->requests == seen || cl->got == got)
		fix_run(cl->w->loop);
}

static void test_limit_of_the_trunk(void **state)
{
	struct world *w = *state;
	struct client *first, *third;

	w->f.trunkv[0].connections = 2;
	fix_apply(&w->f, w->ts, 1);
	first = dial(w);
	dial(w);
	assert_int_equal(sp_trunks_connections(w->ts), 2);
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_int_equal(fix_logged("conn_up trunk=one dir=in"), 2);

	third = dial(w);
	until_down(third);
	assert_int_equal(sp_trunks_connections(w->ts), 2);
	assert_int_equal(sp_trunk_conns_refused(w->f.trunk[0]), 1);
	assert_int_equal(fix_logged("conn_refused trunk=one src=127.0.0.1"), 1);

	/* one leaves, another may come */
	sp_tls_close(first->tls);
	fix_await(w->loop, "conn_down trunk=one dir=in");
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	dial(w);
	assert_int_equal(sp_trunks_connections(w->ts), 2);
	assert_int_equal(fix_logged("conn_refused"), 1);
}

static void test_limit_in_all(void **state)
{
	struct world *w = *state;

	w->f.conf->limits.connections = 1;
	fix_apply(&w->f, w->ts, 1);
	dial(w);
	until_down(dial(w));
	assert_int_equal(fix_logged("limits.connections reached"), 1);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
}

static void test_limit_per_source(void **state)
{
	struct world *w = *state;
	struct client *first;

	w->f.conf->limits.connections_per_source = 1;
	fix_apply(&w->f, w->ts, 1);
	first = dial(w);
	until_down(dial(w));
	assert_int_equal(fix_logged("limits.connections_per_source reached"), 1);

	sp_tls_close(first->tls);
	fix_await(w->loop, "conn_down trunk=one dir=in");
	dial(w);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
}

static void test_trunk_unknown_or_removed(void **state)
{
	struct world *w = *state;

	until_down(dial(w));
	assert_int_equal(fix_logged("no such trunk"), 1);
	fix_apply(&w->f, w->ts, 1);
	fix_apply(&w->f, w->ts, 0);
	until_down(dial(w));
	assert_int_equal(fix_logged("no longer configured"), 1);
	sp_trunks_close(w->ts);
	until_down(dial(w));
	assert_int_equal(fix_logged("shutting down"), 1);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
}

static void test_no_first_message(void **state)
{
	struct world *w = *state;
	struct client *cl;

	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	sp_loop_advance(w->fake, 9999);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	until_down(cl);
	assert_int_equal(fix_logged("no SIP message came in time"), 1);
}

/* RFC 5626 3.5.1: keep-alives are no messages */
static void test_keepalive_is_no_message(void **state)
{
	static const uint8_t ping[] = "\r\n\r\n";
	struct world *w = *state;
	struct client *cl;

	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	assert_int_equal(sp_tls_send(cl->tls, ping, 4), 0);
	while (!cl->got)
		fix_run(w->loop);
	assert_int_equal(cl->got, 2);
	sp_loop_advance(w->fake, 10000);
	until_down(cl);
}

static void test_idle(void **state)
{
	struct world *w = *state;
	struct client *cl;

	w->f.trunkv[0].idle_s = 30;
	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	send_options(cl);
	sp_loop_advance(w->fake, 20000);
	send_options(cl);
	sp_loop_advance(w->fake, 29999);
	assert_int_equal(sp_trunks_connections(w->ts), 1);

	/* calls hold it, the next period ends it */
	assert_true(sp_trunk_call_begin(w->f.trunk[0]));
	sp_loop_advance(w->fake, 300000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	sp_trunk_call_end(w->f.trunk[0]);
	sp_loop_advance(w->fake, 30000);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	until_down(cl);
	assert_int_equal(fix_logged("why=idle"), 1);
}

static void test_idle_comes_with_a_reload(void **state)
{
	struct world *w = *state;
	struct client *cl;

	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	send_options(cl);
	sp_loop_advance(w->fake, 1000000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	w->f.trunkv[0].idle_s = 30;
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 30000);
	until_down(cl);
}

static void test_garbage(void **state)
{
	static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: sbc.test\r\n\r\n";
	struct world *w = *state;
	struct client *cl;

	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	assert_int_equal(sp_tls_send(cl->tls, http, sizeof(http) - 1), 0);
	until_down(cl);
	assert_int_equal(fix_logged("sip_refused trunk=one src=127.0.0.1"), 1);
	assert_int_equal(fix_logged("conn_down trunk=one dir=in"), 1);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	assert_null(sp_trunk_conn(w->f.trunk[0]));
}

static void test_most_recently_active_is_used(void **state)
{
	struct world *w = *state;
	struct sp_sip_conn *newest;
	struct client *first;

	fix_apply(&w->f, w->ts, 1);
	first = dial(w);
	dial(w);
	newest = sp_trunk_conn(w->f.trunk[0]);
	assert_non_null(newest);
	assert_ptr_equal(sp_trunk_of(newest), w->f.trunk[0]);
	assert_string_equal(sp_sip_conn_sent_by(newest), "sbc.test:5061");
	send_options(first);
	assert_ptr_not_equal(sp_trunk_conn(w->f.trunk[0]), newest);
}

static void test_close_closes_all(void **state)
{
	struct world *w = *state;
	struct client *a, *b;

	fix_apply(&w->f, w->ts, 1);
	a = dial(w);
	b = dial(w);
	sp_trunks_close(w->ts);
	until_down(a);
	until_down(b);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	assert_false(sp_trunk_up(w->f.trunk[0]));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_limit_of_the_trunk),
		T(test_limit_in_all),
		T(test_limit_per_source),
		T(test_trunk_unknown_or_removed),
		T(test_no_first_message),
		T(test_keepalive_is_no_message),
		T(test_idle),
		T(test_idle_comes_with_a_reload),
		T(test_garbage),
		T(test_most_recently_active_is_used),
		T(test_close_closes_all),
	};

	return cmocka_run_group_tests_name("trunk/accept", tests, setup_all, teardown_all);
}
