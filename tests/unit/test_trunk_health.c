/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Health of targets: OPTIONS, what counts as down, and when it is tried again.
 * The last tests turn the trunks' clock too.
 */
#include "trunk_far.h"

static void test_closed_right_after_connect(void **state)
{
	struct world *w = *state;

	w->farv[0].mode = FAR_CLOSES;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_down");
	assert_int_equal(fix_logged("closed right after connect"), 1);
	assert_false(sp_trunk_up(w->f.trunk[0]));

	/* the probe comes back by itself */
	w->farv[0].mode = FAR_ANSWERS;
	fix_await(w->loop, "target_up");
	assert_int_equal(w->farv[0].accepted, 2);
}

/* RFC 3261 11.1: any final response is a sign of life */
static void test_options_answered(void **state)
{
	struct world *w = *state;
	const struct far *far = &w->farv[0];

	w->f.trunkv[0].options_s = 60;
	w->f.trunkv[0].domain = "carrier.test";
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_up");
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_int_equal(far->requests, 1);
	assert_string_equal(far->uri, "sip:carrier.test;transport=tls");
	assert_string_equal(far->to, "<sip:carrier.test>");
	assert_memory_equal(far->from, "<sip:sbc.test>;tag=", 19);
	assert_string_equal(far->contact, "<sip:sbc.test:5061;transport=tls>");
	assert_int_equal(far->max_forwards, 70);
}

/* The profiles' "Contact FQDN": the peer knows us by the interface's name, not by an address. */
static void test_options_carry_our_name(void **state)
{
	struct world *w = *state;
	const struct far *far = &w->farv[0];

	w->f.ifc->sip_advertise = "sbc1.customer.example";
	sa_set_port(&w->f.ifc->sip, 5067);
	w->f.trunkv[0].profile = SP_PROFILE_TEAMS_DIRECT_ROUTING;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_up");
	assert_string_equal(far->contact, "<sip:sbc1.customer.example:5067;transport=tls>");
	assert_memory_equal(far->from, "<sip:sbc1.customer.example>;tag=", 32);
	assert_memory_equal(far->via, "SIP/2.0/TLS sbc1.customer.example:5067;", 39);
	assert_string_equal(far->uri, "sip:127.0.0.1;transport=tls"); /* no domain is set */
	assert_string_equal(far->to, "<sip:127.0.0.1>");
}

static void test_options_unanswered(void **state)
{
	struct world *w = *state;
	struct far *far = &w->farv[0];
	struct result r;

	far->mode = FAR_SILENT;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	while (!far->requests)
		fix_run(w->loop);
	assert_false(sp_trunk_up(w->f.trunk[0]));

	/* not known to be down: good enough for a call */
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);

	sp_loop_advance(w->fake, SP_SIP_TIMEOUT_MS);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("OPTIONS unanswered"), 2); /* and conn_down */
	assert_null(sp_trunk_conn(w->f.trunk[0]));

	far->mode = FAR_ANSWERS;
	fix_await(w->loop, "target_up");
	assert_true(sp_trunk_up(w->f.trunk[0]));
}

/* With calls on it, an unanswered connection stays; other targets are preferred. */
static void test_unanswered_with_calls(void **state)
{
	struct world *w = *state;
	struct result r;

	w->farv[0].mode = FAR_SILENT;
	far_listen(w, 1, w->server);
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	assert_true(sp_trunk_call_begin(w->f.trunk[0]));
	fix_await(w->loop, "target_up");
	while (!w->farv[0].requests)
		fix_run(w->loop);
	sp_loop_advance(w->fake, SP_SIP_TIMEOUT_MS);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("conn_down"), 0);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.port, far_port(w, 1));
	sp_trunk_call_end(w->f.trunk[0]);
}

static void test_lost_connection_is_renewed(void **state)
{
	struct world *w = *state;
	struct far *far = &w->farv[0];

	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_up");
	far_forget(far);
	fix_await(w->loop, "conn_down trunk=one dir=out");
	assert_int_equal(fix_logged("target_down"), 0);
	assert_false(sp_trunk_up(w->f.trunk[0]));
	fix_log.n = 0;
	fix_await(w->loop, "target_up");
	assert_int_equal(far->accepted, 2);
}

static struct target *only_target(struct world *w, const struct sa *laddr)
{
	add_target(&w->f, "127.0.0.1", sa_port(laddr));
	fix_apply(&w->f, w->ts, 1);
	return w->f.trunk[0]->targetv[0];
}

static void test_probes_back_off(void **state)
{
	static const unsigned after[] = {2, 4, 8, 16, 32, 60, 60, 60};
	struct world *w = *state;
	struct target *tg;
	struct sa laddr;
	const int fd = bound_socket(&laddr);
	unsigned delay_s = 1;

	assert_int_equal(listen(fd, 64), 0);
	w->f.trunkv[0].options_s = 60;
	tg = only_target(w, &laddr);
	for (unsigned ms = 0; ms < TRUNK_FIRST_PROBE_MS && !tg->attempt.running; ++ms)
		sp_loop_advance(w->fake, 1);
	assert_true(tg->attempt.running);
	sp_loop_advance(w->fake, SP_TRUNK_CONNECT_MS);
	assert_int_equal(fix_logged("target_down"), 1);

	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); ++i) {
		assert_int_equal(tg->backoff_s, after[i]);
		sp_loop_advance(w->fake, delay_s * 900 - 1);
		assert_false(tg->attempt.running);
		while (!tg->attempt.running)
			sp_loop_advance(w->fake, 1);
		while (tg->attempt.running)
			sp_loop_advance(w->fake, 1);
		delay_s = after[i];
	}
	assert_int_equal(fix_logged("target_down"), 1);
	close(fd);
}

static void test_probes_no_less_often_than_options(void **state)
{
	struct world *w = *state;
	struct target *tg;
	struct sa laddr;
	const int fd = bound_socket(&laddr);

	assert_int_equal(listen(fd, 64), 0);
	w->f.trunkv[0].options_s = 3;
	tg = only_target(w, &laddr);
	for (unsigned i = 0; i < 8; ++i) {
		sp_loop_advance(w->fake, 3000);
		assert_true(tg->attempt.running);
		while (tg->attempt.running)
			sp_loop_advance(w->fake, 1);
	}
	close(fd);
}

static void test_down_is_forgotten_without_options(void **state)
{
	struct world *w = *state;
	struct target *tg;
	struct result r;
	struct sa laddr;
	const int fd = bound_socket(&laddr);

	assert_int_equal(listen(fd, 64), 0);
	tg = only_target(w, &laddr);
	start_pick(w, &r);
	sp_loop_advance(w->fake, SP_TRUNK_CONNECT_MS - 1);
	assert_int_equal(r.calls, 0);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, ETIMEDOUT);
	assert_true(target_down(tg));
	assert_false(sp_timer_isrunning(&tg->probe));
	sp_loop_advance(w->fake, TRUNK_DOWN_MS);
	assert_false(target_down(tg));
	close(fd);
}

static void test_addresses_share_the_time(void **state)
{
	struct world *w = *state;
	struct attempt *a;
	struct target *tg;
	struct sa laddr;
	const int fd = bound_socket(&laddr);

	assert_int_equal(listen(fd, 64), 0);
	tg = only_target(w, &laddr);
	a = &tg->attempt;
	target_connect(tg);
	a->addrv[1] = a->addrv[0]; /* as if a name had two */
	a->addrc = 2;
	sp_loop_advance(w->fake, SP_TRUNK_CONNECT_MS / 2 - 1);
	assert_int_equal(a->next, 1);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(a->next, 2);
	assert_true(a->running);
	sp_loop_advance(w->fake, SP_TRUNK_CONNECT_MS / 2);
	assert_false(a->running);
	assert_int_equal(fix_logged("target_down"), 1);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FAKE(name) cmocka_unit_test_setup_teardown(name, setup_fake, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_closed_right_after_connect),
		T(test_options_answered),
		T(test_options_carry_our_name),
		T(test_options_unanswered),
		T(test_unanswered_with_calls),
		T(test_lost_connection_is_renewed),
		FAKE(test_probes_back_off),
		FAKE(test_probes_no_less_often_than_options),
		FAKE(test_down_is_forgotten_without_options),
		FAKE(test_addresses_share_the_time),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/health", tests, setup_all, teardown_all);
}
