/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accepted connections: limits, silence, garbage, which one is used.
 */
#include "trunk_accept.h"

static void test_limit_of_the_trunk(void **state)
{
	struct world *w = *state;
	struct client *first, *third;
	struct sp_trunk_status status;

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
	sp_trunk_status(w->f.trunk[0], &status);
	assert_int_equal(status.conns_refused, 1);
	assert_int_equal(status.accepted, 2);
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
	assert_int_equal(sp_trunk_call_begin(w->f.trunk[0], SP_TRUNK_OUT, NULL, false), 0);
	sp_loop_advance(w->fake, 300000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	sp_trunk_call_end(w->f.trunk[0], SP_TRUNK_OUT);
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
