/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connections of a target: how many, which one, and when they are opened.
 * There is no TLS context, so each attempt fails at once.
 */
#include "trunk_wire.h"

/* Attempts that the pool makes within ms, whatever becomes of them. */
static unsigned attempts(struct world *w, const struct target *tg, unsigned ms)
{
	unsigned n = 0;
	bool was = tg->attempt.running;

	for (; ms; --ms) {
		const uint64_t failures = tg->failures;

		sp_loop_advance(w->loop, 1);
		n += tg->failures > failures || (tg->attempt.running && !was);
		was = tg->attempt.running;
	}
	return n;
}

/* Until the next attempt has failed. */
static unsigned await_failure(struct world *w, const struct target *tg)
{
	const uint64_t failures = tg->failures;
	unsigned ms = 0;

	for (; tg->failures == failures; ++ms) {
		assert_in_range(ms, 0, 100000);
		sp_loop_advance(w->loop, 1);
	}
	return ms;
}

static struct target *target(struct world *w, unsigned connections)
{
	w->f.trunkv[0].target_connections = connections;
	add_target(&w->f, "192.0.2.1", 5061);
	apply(w);
	return w->t->targetv[0];
}

static int sent(struct wire *wire, struct sp_sip *sip, struct sp_sip_ctrans **ctp)
{
	struct sp_sip_request req = {.method = SP_SIP_OPTIONS, .uri = "sip:a"};
	struct mbuf *mb = mbuf_alloc(256);
	int err;

	assert_int_equal(mbuf_printf(mb,
				     "Max-Forwards: 70\r\nFrom: <sip:a>;tag=b\r\nTo: <sip:a>\r\n"
				     "Call-ID: %p\r\nCSeq: 1 OPTIONS\r\n",
				     mb),
			 0);
	req.headers = mb;
	err = sp_sip_request(ctp, sip, wire->sip, &req, NULL, NULL);
	mem_deref(mb);
	return err;
}

static void test_fewest_pending_first(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 0);
	struct wire *a = connect_wire(w, tg), *b = connect_wire(w, tg);
	struct sp_sip_ctrans *ct[3] = {NULL};

	/* equals take turns */
	assert_int_equal(target_conns(tg), 2);
	for (unsigned i = 0; i < 3; ++i) {
		assert_ptr_equal(target_take(tg)->sip, a->sip);
		assert_ptr_equal(target_take(tg)->sip, b->sip);
	}

	assert_int_equal(sent(a, w->sip, &ct[0]), 0);
	assert_int_equal(sent(a, w->sip, &ct[1]), 0);
	assert_int_equal(sent(b, w->sip, &ct[2]), 0);
	assert_int_equal(target_pending(tg), 3);
	for (unsigned i = 0; i < 5; ++i)
		assert_ptr_equal(target_take(tg)->sip, b->sip);

	wire_answer(a, 200, "");
	assert_ptr_equal(target_take(tg)->sip, a->sip);
	assert_ptr_equal(target_take(tg)->sip, b->sip);

	/* one that is gone is not used, one that is doubted only when there is no other */
	conn_doubt(wire_conn(a));
	for (unsigned i = 0; i < 3; ++i)
		assert_ptr_equal(target_take(tg)->sip, b->sip);
	conn_end(wire_conn(b), "peer closed");
	assert_ptr_equal(target_take(tg)->sip, a->sip);
	assert_int_equal(target_conns(tg), 1);
	for (unsigned i = 0; i < 3; ++i)
		mem_deref(ct[i]);
}

/* Opened ahead, one after the other; no more than are wanted. */
static void test_opened_ahead(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 3);

	for (unsigned i = 0; i < 3; ++i) {
		assert_true(sp_timer_isrunning(&tg->dial));
		assert_in_range(tg->dial.due_ms, WIRE_START_MS, WIRE_START_MS + TRUNK_SOON_MS);
		sp_timer_cancel(&tg->dial);
		connect_wire(w, tg);
	}
	assert_int_equal(tg->connc, 3);
	assert_false(sp_timer_isrunning(&tg->dial));
	assert_int_equal(attempts(w, tg, 200000), 0);
}

/* At start many targets are not dialled in the same moment. */
static void test_start_is_staggered(void **state)
{
	static char hostv[16][16];
	struct world *w = *state;
	unsigned early = 0;

	w->f.trunkv[0].target_connections = 1;
	for (unsigned i = 0; i < 16; ++i) {
		snprintf(hostv[i], sizeof(hostv[i]), "192.0.2.%u", i + 1);
		add_target(&w->f, hostv[i], 5061);
	}
	apply(w);
	sp_loop_advance(w->loop, TRUNK_SOON_MS / 2);
	for (unsigned i = 0; i < 16; ++i)
		early += w->t->targetv[i]->failures > 0;
	assert_in_range(early, 1, 15);
	sp_loop_advance(w->loop, TRUNK_SOON_MS / 2);
	for (unsigned i = 0; i < 16; ++i)
		assert_true(w->t->targetv[i]->failures > 0);
}

static void test_backoff(void **state)
{
	static const unsigned afterv[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	struct world *w = *state;
	struct target *tg = target(w, 1);

	assert_in_range(await_failure(w, tg), 0, TRUNK_SOON_MS);
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	for (size_t i = 0; i < sizeof(afterv) / sizeof(afterv[0]); ++i)
		assert_in_range(await_failure(w, tg), afterv[i] * 900, afterv[i] * 1000 + 2);

	/* what a call tries besides does not make it longer */
	target_connect(tg);
	sp_loop_advance(w->loop, TRUNK_APART_MS);
	assert_in_range(await_failure(w, tg), 54000 - TRUNK_APART_MS, 60000);
}

static void test_no_less_often_than_options(void **state)
{
	struct world *w = *state;
	struct target *tg;

	w->f.trunkv[0].options_s = 5;
	tg = target(w, 1);
	for (unsigned i = 0; i < 10; ++i)
		assert_in_range(await_failure(w, tg), 0, 5002);
	assert_int_equal(fix_logged("target_down"), 1);
}

/* A peer that allows one connection only is not down. */
static void test_extra_connection_fails(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 2);
	unsigned n;

	connect_wire(w, tg);
	assert_int_equal(tg->state, SP_TARGET_UP);
	n = attempts(w, tg, 60000);
	assert_in_range(n, 6, 7);
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(fix_logged("target_down"), 0);
	assert_int_equal(fix_logged("target_conn_failed trunk=one target=192.0.2.1:5061"), 1);
	assert_int_equal(tg->failures, n);
}

/* In TLS 1.3 that is how a client hears that its certificate is refused. */
static void test_closed_early(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 0);
	struct wire *a = connect_wire(w, tg), *b = connect_wire(w, tg);

	sp_loop_advance(w->loop, 100);
	conn_end(wire_conn(b), "alert");
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(tg->failures, 1);
	conn_end(wire_conn(a), "alert");
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	assert_int_equal(fix_logged("why=\"closed right after connect: alert\""), 1);
	assert_int_equal(tg->err, ECONNRESET);
}

/* A peer that takes each connection and closes it at once, as one does in TLS 1.3 that refuses our
 * certificate, is not connected to in each moment, however many connections it is to have. */
static void test_closed_early_backs_off(void **state)
{
	static const unsigned afterv[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct world *w = *state;
	struct target *tg = target(w, 2);

	for (size_t i = 0; i < sizeof(afterv) / sizeof(afterv[0]); ++i) {
		struct wire *wire;
		uint64_t delay_ms;

		sp_timer_cancel(&tg->dial); /* that is this one */
		wire = connect_wire(w, tg);
		sp_timer_cancel(&tg->dial); /* the second one might fail meanwhile */
		sp_loop_advance(w->loop, 10);
		conn_end(wire_conn(wire), "alert");
		assert_true(sp_timer_isrunning(&tg->dial));
		delay_ms = tg->dial.due_ms - sp_loop_now_ms(w->loop);
		assert_in_range(delay_ms, afterv[i] * 900, afterv[i] * 1000);
		sp_loop_advance(w->loop, delay_ms - 1);
	}
}

/* What has served for a while is renewed soon, what closes again and again is not. */
static void test_renewed(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 1);
	struct wire *wire = connect_wire(w, tg);

	sp_loop_advance(w->loop, TRUNK_BRIEF_MS);
	wire_conn(wire)->received = 100;
	conn_end(wire_conn(wire), "peer closed");
	assert_int_equal(tg->state, SP_TARGET_UNKNOWN);
	assert_in_range(await_failure(w, tg), 0, TRUNK_SOON_MS);

	for (unsigned i = 0; i < 5; ++i) {
		target_connect_cancel(tg, ECANCELED);
		sp_timer_cancel(&tg->dial);
		wire = connect_wire(w, tg);
		wire_conn(wire)->received = 100;
		conn_end(wire_conn(wire), "peer closed");
	}
	assert_int_equal(tg->dial_s, 32);
}

static void test_fewer_by_reload(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 3);
	struct wire *wirev[3];

	for (unsigned i = 0; i < 3; ++i)
		wirev[i] = connect_wire(w, tg);
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_IN, NULL, false), 0);
	next_conf(w)->target_connections = 1;
	apply(w);
	assert_int_equal(tg->connc, 3); /* a call may use any */
	sp_trunk_call_end(w->t, SP_TRUNK_IN);
	apply(w);
	assert_int_equal(tg->connc, 1);
	assert_false(sp_sip_conn_isgone(wirev[0]->sip));
	assert_true(sp_sip_conn_isgone(wirev[2]->sip));
}

/* RFC 5923: what the peer opened serves as well, and does not replace our own. */
static void test_alias(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 1);
	struct wire *own = connect_wire(w, tg), *peers = &w->wirev[w->wirec++];
	struct conn *c;

	assert_int_equal(
		sp_sip_conn_alloc(&peers->sip, w->sip, "sbc.test:5061", w->t, wire_send, peers), 0);
	assert_int_equal(sp_trunk_attach(w->t, peers->sip), 0);
	peers->lead = sp_sip_conn_kept(peers->sip);
	c = wire_conn(peers);
	assert_int_equal(sp_trunk_target(peers->sip), LEAD_ACCEPTED);

	target_alias(tg, c);
	target_alias(tg, c); /* known */
	assert_int_equal(target_conns(tg), 2);
	assert_true(sp_trunk_target(peers->sip) == tg->key);
	assert_ptr_equal(target_take(tg)->sip, own->sip);
	assert_ptr_equal(target_take(tg)->sip, peers->sip);

	/* without our own, it is what keeps the target in service */
	conn_end(wire_conn(own), "peer closed");
	assert_int_equal(tg->state, SP_TARGET_UP);
	(void)await_failure(w, tg);
	assert_int_equal(tg->state, SP_TARGET_UP);

	conn_end(c, "peer closed");
	assert_int_equal(tg->state, SP_TARGET_UNKNOWN);
	assert_int_equal(target_conns(tg), 0);
	assert_true(sp_trunk_target(peers->sip) == tg->key); /* for who still asks */
}

/* Doubted ones that calls hold are replaced, but not without end. */
static void test_doubted_are_replaced(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 2);

	for (unsigned i = 0; i < 4; ++i) {
		const struct wire *wire = connect_wire(w, tg);

		conn_doubt(wire_conn(wire));
		pool_fill(tg, true);
		assert_int_equal(sp_timer_isrunning(&tg->dial), i < 3);
		sp_timer_cancel(&tg->dial);
	}
}

static void test_nothing_is_opened_for_an_inactive_trunk(void **state)
{
	struct world *w = *state;
	struct target *tg = target(w, 2);

	(void)await_failure(w, tg);
	fix_apply(&w->f, w->ts, 0);
	assert_int_equal(attempts(w, tg, 60000), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_fewest_pending_first),
		T(test_opened_ahead),
		T(test_start_is_staggered),
		T(test_backoff),
		T(test_no_less_often_than_options),
		T(test_extra_connection_fails),
		T(test_closed_early),
		T(test_closed_early_backs_off),
		T(test_renewed),
		T(test_fewer_by_reload),
		T(test_alias),
		T(test_doubted_are_replaced),
		T(test_nothing_is_opened_for_an_inactive_trunk),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/pool", tests, NULL, NULL);
}
