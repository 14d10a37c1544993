/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Targets: connecting, certificates, picks among them, reload.
 */
#include "trunk_far.h"

static void test_picks_share_one_connection(void **state)
{
	struct world *w = *state;
	struct result r[3];

	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	for (size_t i = 0; i < 3; ++i)
		start_pick(w, &r[i]);
	for (size_t i = 0; i < 3; ++i) {
		await_pick(&r[i]);
		assert_int_equal(r[i].err, 0);
		assert_true(r[i].conn);
		assert_string_equal(r[i].host, "127.0.0.1");
		assert_int_equal(r[i].port, far_port(w, 0));
	}
	start_pick(w, &r[0]);
	await_pick(&r[0]);
	assert_int_equal(fix_logged("conn_up trunk=one dir=out peer=127.0.0.1"), 1);
	assert_int_equal(fix_logged("target_up trunk=one target=127.0.0.1"), 1);
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_non_null(sp_trunk_conn(w->f.trunk[0]));
	assert_int_equal(w->farv[0].requests, 0); /* options_s = 0 */
	assert_int_equal(sp_trunks_connections(w->ts), 0);
}

static void test_next_target_after_refusal(void **state)
{
	struct world *w = *state;
	struct result r;

	add_target(&w->f, "127.0.0.1", closed_port());
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("target_up"), 1);
}

static void test_all_down_are_tried_anyway(void **state)
{
	struct world *w = *state;
	const uint16_t port = closed_port();
	struct result r;

	add_target(&w->f, "127.0.0.1", port);
	fix_apply(&w->f, w->ts, 1);
	for (unsigned i = 0; i < 2; ++i) {
		start_pick(w, &r);
		await_pick(&r);
		assert_int_equal(r.err, ECONNREFUSED);
		assert_false(r.conn);
	}
	assert_int_equal(fix_logged("target_down"), 1); /* one line per change */
	assert_false(sp_trunk_up(w->f.trunk[0]));
}

static void test_name_of_etc_hosts(void **state)
{
	struct world *w = *state;
	struct result r;

	add_target(&w->f, "localhost", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "localhost");
}

/* RFC 5922 7.1: the name that was configured counts, not what SRV made of it. */
static void test_certificate_of_a_service(void **state)
{
	struct world *w = *state;
	struct dns_place place = {.host = "sbc7.test", .priority = 1};
	struct result r;

	far_listen(w, 1, w->stranger);
	add_target(&w->f, "_sip._tls.one.test", 5061);
	fix_apply(&w->f, w->ts, 1);
	site_stop(w->f.trunk[0]->sitev[0]);
	sa_set_str(&place.addr, "127.0.0.1", far_port(w, 0));
	site_places(w->f.trunk[0]->sitev[0], &place, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "one.test");
	assert_memory_equal(r.label, "sbc7.test:", 10);

	/* it shows the name that SRV gave, which proves nothing */
	str_ncpy(place.host, "stranger.test", sizeof(place.host));
	sa_set_port(&place.addr, far_port(w, 1));
	site_places(w->f.trunk[0]->sitev[0], &place, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, EACCES);
}

static void test_wrong_certificate(void **state)
{
	struct world *w = *state;
	struct result r;

	far_listen(w, 1, w->stranger);
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, EACCES);
	assert_int_equal(fix_logged("target_down trunk=one target=127.0.0.1"), 1);
	assert_int_equal(fix_logged("stranger.test"), 1);
	assert_int_equal(fix_logged("conn_up"), 0);
}

static void test_certificate_that_the_peer_refuses(void **state)
{
	struct world *w = *state;
	struct result r;

	far_listen(w, 1, w->strict);
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	fix_await(w->loop, "target_down");
	assert_int_equal(fix_logged("closed right after connect"), 1);
	assert_null(sp_trunk_conn(w->f.trunk[0]));
	if (!r.calls)
		await_pick(&r);
}

static void test_reload_keeps_and_drops_targets(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_sip_conn *c;
	struct sp_trunk *t;
	struct result r;

	far_listen(w, 1, w->server);
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	t = w->f.trunk[0];
	start_pick(w, &r);
	await_pick(&r);
	c = mem_ref(sp_trunk_conn(t));
	assert_int_equal(sp_trunk_call_begin(t, SP_TRUNK_OUT, NULL, false), SP_TRUNK_LIMIT_NONE);

	/* kept, at another place of the list */
	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.1", far_port(w, 1));
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	assert_ptr_equal(second.trunk[0], t);
	assert_ptr_equal(sp_trunk_conn(t), c);
	assert_true(sp_trunk_up(t));

	/* dropped: it stays for the call, and new calls go elsewhere */
	second.trunkv[0].targetc = 1;
	fix_apply(&second, w->ts, 1);
	assert_false(sp_trunk_up(t));
	assert_ptr_equal(sp_trunk_conn(t), c);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.port, far_port(w, 1));
	assert_false(sp_sip_conn_isgone(c));

	sp_trunk_call_end(t, SP_TRUNK_OUT);
	fix_await(w->loop, "conn_down trunk=one dir=out");
	assert_true(sp_sip_conn_isgone(c));
	assert_non_null(sp_trunk_conn(t));
	mem_deref(c);
	fix_conf_free(&second);
}

/* Several connections, before any call, and OPTIONS once. */
static void test_opened_ahead_to_a_peer(void **state)
{
	struct world *w = *state;
	struct sp_trunk *t;

	w->f.trunkv[0].target_connections = 3;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	t = w->f.trunk[0];
	while (t->targetv[0]->connc < 3 || !sp_trunk_up(t))
		fix_await_next(w->loop, "trunk=one");
	assert_int_equal(w->farv[0].requests, 1);
	assert_int_equal(target_conns(t->targetv[0]), 3);
	assert_int_equal(fix_logged("conn_up trunk=one dir=out"), 3);
	assert_int_equal(fix_logged("target_up"), 1);
}

static void stop(void *arg)
{
	sp_loop_stop(arg);
}

static void test_reload_moves_waiting_picks(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_timer soon = {0};
	struct sa laddr;
	struct result r;
	const int fd = bound_socket(&laddr);

	/* one that takes connections and says nothing */
	assert_int_equal(listen(fd, 8), 0);

	add_target(&w->f, "127.0.0.1", sa_port(&laddr));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	sp_timer_start(w->loop, &soon, 50, stop, w->loop);
	fix_run(w->loop);
	assert_int_equal(r.calls, 0);

	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	fix_conf_free(&second);
	close(fd);
}

static void test_close_ends_attempts_and_picks(void **state)
{
	struct world *w = *state;
	struct result r, gone;

	add_target(&w->f, "localhost", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	start_pick(w, &gone);
	gone.pick = mem_deref(gone.pick);
	sp_trunks_close(w->ts);
	await_pick(&r);
	assert_int_equal(r.err, ESHUTDOWN);
	assert_int_equal(gone.calls, 0);
	assert_int_equal(fix_logged("conn_up"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_picks_share_one_connection),
		T(test_next_target_after_refusal),
		T(test_all_down_are_tried_anyway),
		T(test_name_of_etc_hosts),
		T(test_certificate_of_a_service),
		T(test_wrong_certificate),
		T(test_opened_ahead_to_a_peer),
		T(test_certificate_that_the_peer_refuses),
		T(test_reload_keeps_and_drops_targets),
		T(test_reload_moves_waiting_picks),
		T(test_close_ends_attempts_and_picks),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/target", tests, setup_all, teardown_all);
}
