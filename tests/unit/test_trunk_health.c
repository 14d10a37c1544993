/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Health of targets: OPTIONS, what counts as bad, and when it is asked again,
 * on connections of wire and a fake clock. test_trunk_probe.c has real ones.
 */
#include "trunk_wire.h"

/* One target with OPTIONS, and one connection that has just come up. */
static struct target *one_target(struct world *w, struct wire **wirep)
{
	struct target *tg;

	w->f.trunkv[0].options_s = 60;
	w->f.trunkv[0].options_timeout_s = 5;
	add_target(&w->f, "192.0.2.1", 5061);
	apply(w);
	tg = w->t->targetv[0];
	assert_int_equal(tg->state, SP_TARGET_UNKNOWN);
	*wirep = connect_wire(w, tg);
	return tg;
}

static struct target *up_target(struct world *w, struct wire **wirep)
{
	struct target *tg = one_target(w, wirep);

	wire_answer(*wirep, 200, "");
	assert_int_equal(tg->state, SP_TARGET_UP);
	return tg;
}

/* Two failures in a row, each on a connection of its own. */
static struct target *down_target(struct world *w, struct wire **wirep)
{
	struct target *tg = up_target(w, wirep);

	sp_loop_advance(w->loop, 65000);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	*wirep = connect_wire(w, tg);
	sp_loop_advance(w->loop, 5000);
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	return tg;
}

/* RFC 3261 11.2: any final response is a sign of life */
static void test_any_answer_is_life(void **state)
{
	static const unsigned statusv[] = {200, 301, 404, 405, 486, 500, 603};
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = one_target(w, &wire);

	assert_int_equal(wire->requests, 1);
	wire_answer(wire, 404, "");
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_true(sp_trunk_up(w->t));
	assert_int_equal(
		fix_logged("target_up trunk=one target=192.0.2.1:5061 why=\"OPTIONS answered\""),
		1);
	for (size_t i = 0; i < sizeof(statusv) / sizeof(statusv[0]); ++i) {
		(void)await_request(w, wire);
		wire_answer(wire, statusv[i], "");
		assert_int_equal(tg->state, SP_TARGET_UP);
	}
	assert_int_equal(fix_log.n, 1);
}

static void test_interval_is_spread(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);
	unsigned early = 0;

	for (unsigned i = 0; i < 40; ++i) {
		const unsigned ms = await_request(w, wire);

		assert_in_range(ms, 54000, 60000);
		early += ms < 57000;
		wire_answer(wire, 200, "");
	}
	assert_in_range(early, 5, 35);
	assert_int_equal(tg->failures, 0);
}

/* One is not enough to give it up, and without calls it has a new connection to answer on. */
/* Nor does a second connection that comes and goes put it off. */
static void test_interval_holds(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);
	unsigned ms = 0;

	for (; wire->requests < 2; ms += 5000) {
		struct wire *other = connect_wire(w, tg);

		wire_conn(other)->probed = UINT64_MAX; /* it is the other's turn */
		sp_loop_advance(w->loop, 5000);
		conn_end(wire_conn(other), "peer closed");
	}
	assert_in_range(ms, 54000, 60000);
}

static void test_probing_and_up_again(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	(void)await_request(w, wire);
	sp_loop_advance(w->loop, 4999);
	assert_int_equal(tg->state, SP_TARGET_UP);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	assert_int_equal(fix_logged("target_probing trunk=one target=192.0.2.1:5061 "
				    "why=\"OPTIONS unanswered: Connection timed out\""),
			 1);
	assert_true(sp_sip_conn_isgone(wire->sip));
	assert_false(sp_trunk_up(w->t));

	wire = connect_wire(w, tg);
	assert_int_equal(wire->requests, 1); /* asked at once */
	wire_answer(wire, 200, "");
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(fix_logged("target_down"), 0);
	assert_int_equal(tg->failures, 1);
}

/* With calls the connection stays: the other side may be slow only. */
static void test_second_failure_takes_it_down(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	(void)await_request(w, wire);
	assert_in_range(await_request(w, wire), 5000 + TRUNK_SOON_MS, 5000 + 2 * TRUNK_SOON_MS);
	sp_loop_advance(w->loop, 5000);
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_false(sp_sip_conn_isgone(wire->sip));
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
}

static void test_down_has_to_answer_twice(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = down_target(w, &wire);

	wire = connect_wire(w, tg);
	wire_answer(wire, 200, "");
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	assert_true(target_conn(tg) != NULL);
	assert_in_range(await_request(w, wire), TRUNK_SOON_MS, 2 * TRUNK_SOON_MS);
	wire_answer(wire, 200, "");
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(fix_logged("target_probing"), 2);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("target_up"), 2);
}

static void test_down_answers_once_only(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = down_target(w, &wire);

	wire = connect_wire(w, tg);
	wire_answer(wire, 200, "");
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	sp_loop_advance(w->loop, 2 * TRUNK_SOON_MS + 5000);
	assert_int_equal(tg->state, SP_TARGET_DOWN); /* the first failure does */
}

/* RFC 3261 21.5.4, 20.33 */
static void test_options_answered_503(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	(void)await_request(w, wire);
	wire_answer(wire, 503, "Retry-After: 120 (maintenance);duration=60\r\n");
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	assert_string_equal(tg->why, "OPTIONS answered 503");
	assert_int_equal(target_busy_s(tg), 120);
	assert_int_equal(fix_logged("target_busy trunk=one target=192.0.2.1:5061 seconds=120"), 1);
	assert_false(sp_sip_conn_isgone(wire->sip));

	(void)await_request(w, wire);
	wire_answer(wire, 503, "");
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	assert_int_equal(fix_logged("why=\"OPTIONS answered 503\""), 2);
	assert_in_range(sp_trunk_retry_after_s(w->t), 117, 120);
}

static void test_retry_after_is_bounded(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	(void)await_request(w, wire);
	wire_answer(wire, 503, "Retry-After: 99999999999999999999\r\n");
	assert_int_equal(target_busy_s(tg), SP_TRUNK_BUSY_MAX_S);
	tg->busy_ms = 0;
	(void)await_request(w, wire);
	wire_answer(wire, 503, "Retry-After: soon\r\n");
	assert_int_equal(target_busy_s(tg), 0);
}

/* With a connection there, only the question is repeated. */
static void test_down_is_asked_with_backoff(void **state)
{
	static const unsigned afterv[] = {2, 4, 8, 16, 32, 60, 60, 60};
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	(void)await_request(w, wire);
	wire_answer(wire, 503, "");
	(void)await_request(w, wire);
	wire_answer(wire, 503, "");
	assert_int_equal(tg->state, SP_TARGET_DOWN);

	for (size_t i = 0; i < sizeof(afterv) / sizeof(afterv[0]); ++i) {
		const unsigned ms = await_request(w, wire);

		assert_in_range(ms, afterv[i] * 900, afterv[i] * 1000);
		wire_answer(wire, 503, "");
	}
	assert_int_equal(fix_logged("target_down"), 1); /* one line per change */

	wire_answer(connect_wire(w, tg), 200, "");
	assert_int_equal(tg->state, SP_TARGET_PROBING);
}

static void test_call_without_answer(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	sp_trunk_unanswered(w->t, tg->key);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	assert_int_equal(wire->requests, 2); /* asked at once */
	assert_int_equal(fix_logged("target_probing trunk=one target=192.0.2.1:5061 "
				    "why=\"a call was not answered\""),
			 1);
	for (unsigned i = 0; i < 100; ++i)
		sp_trunk_unanswered(w->t, tg->key);
	assert_int_equal(wire->requests, 2);
	assert_int_equal(tg->failures, 101);
	wire_answer(wire, 200, "");
	assert_int_equal(tg->state, SP_TARGET_PROBING);

	next_conf(w)->options_s = 0; /* and forget */
	apply(w);
	next_conf(w)->options_s = 30;
	apply(w);
	assert_int_equal(tg->state, SP_TARGET_UP);
	sp_trunk_unanswered(w->t, tg->key);
	sp_loop_advance(w->loop, 6000);
	assert_int_equal(tg->state, SP_TARGET_DOWN);

	sp_trunk_unanswered(w->t, tg->key + 1); /* nobody's */
	sp_trunk_unanswered(w->t, LEAD_ACCEPTED);
	sp_trunk_unanswered(NULL, 0);
}

/* It answers OPTIONS and no calls: not up, down, up with each call, but longer and longer away. */
static void test_mute(void **state)
{
	static const unsigned away_s[] = {4, 8, 16, 32, 32};
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	for (size_t i = 0; i < sizeof(away_s) / sizeof(away_s[0]); ++i) {
		const uint64_t begun_ms = sp_loop_now_ms(w->loop);

		sp_trunk_unanswered(w->t, tg->key);
		wire_answer(wire, 200, "");
		while (tg->state != SP_TARGET_UP) {
			(void)await_request(w, wire);
			wire_answer(wire, 200, "");
		}
		assert_in_range(sp_loop_now_ms(w->loop) - begun_ms, away_s[i] * 1000,
				away_s[i] * 1000 + 2 * TRUNK_SOON_MS);
		assert_int_equal(fix_logged("target_probing"), i + 1);
	}

	/* long ago: it begins anew */
	for (unsigned i = 0; i < 10; ++i) {
		(void)await_request(w, wire);
		wire_answer(wire, 200, "");
	}
	sp_trunk_unanswered(w->t, tg->key);
	assert_int_equal(tg->mute_s, TRUNK_MUTE_S);
}

/* OPTIONS take turns. The silent one is left to its calls, the target stays in service. */
static void test_half_dead_pool(void **state)
{
	struct world *w = *state;
	struct wire *good, *silent;
	struct target *tg = up_target(w, &good);

	silent = connect_wire(w, tg);
	assert_int_equal(sp_trunk_call_begin(w->t, SP_TRUNK_OUT, NULL, false), 0);
	(void)await_request(w, silent);
	assert_int_equal(good->requests, 1);
	sp_loop_advance(w->loop, 5000);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	assert_true(conn_doubted(wire_conn(silent)));
	for (unsigned i = 0; i < 4; ++i)
		assert_ptr_equal(target_take(tg)->sip, good->sip);

	(void)await_request(w, good);
	wire_answer(good, 200, "");
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_false(sp_sip_conn_isgone(silent->sip));

	wire_conn(silent)->received += 4; /* it lives after all */
	assert_false(conn_doubted(wire_conn(silent)));
	sp_trunk_call_end(w->t, SP_TRUNK_OUT);
}

/* The connection goes while an answer is awaited: closed without a byte, that is a refusal. */
static void test_closed_while_asked(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = one_target(w, &wire);

	sp_loop_advance(w->loop, 3000);
	conn_end(wire_conn(wire), "end of file");
	assert_int_equal(tg->state, SP_TARGET_DOWN);
	assert_int_equal(fix_logged("why=\"closed without a byte: end of file\""), 1);
	sp_loop_advance(w->loop, 60000);
	assert_int_equal(tg->failures, 1);
}

/* A short time-out is no early close: it was us who closed. */
/* One callee may be slow; three calls in a row that 100 leads nowhere are the target's matter. */
static void test_stalled_calls(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	for (int i = 0; i < 10; i++) {
		sp_trunk_stalled(w->t, tg->key, true);
		sp_trunk_stalled(w->t, tg->key, true);
		sp_trunk_stalled(w->t, tg->key, false);
	}
	assert_int_equal(tg->state, SP_TARGET_UP);
	for (int i = 0; i < 3; i++)
		sp_trunk_stalled(w->t, tg->key, true);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	sp_trunk_stalled(w->t, LEAD_ACCEPTED, true);
	sp_trunk_stalled(NULL, tg->key, true);
}

static void test_unanswered_at_once(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg;

	w->f.trunkv[0].options_timeout_s = 1;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "192.0.2.1", 5061);
	apply(w);
	tg = w->t->targetv[0];
	wire = connect_wire(w, tg);
	sp_loop_advance(w->loop, 1000);
	assert_true(sp_sip_conn_isgone(wire->sip));
	assert_int_equal(tg->state, SP_TARGET_PROBING);
}

/* Down for another reason is worth a line, down for the same is not. */
static void test_cause_of_down(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = down_target(w, &wire);

	for (unsigned i = 0; i < 3; ++i)
		target_refused(tg, ECONNREFUSED, "connect: refused");
	assert_int_equal(fix_logged("target_down"), 2);
	for (unsigned i = 0; i < 3; ++i)
		target_refused(tg, EACCES, "certificate has expired");
	assert_int_equal(fix_logged("target_down"), 3);
}

/* The best of peers closes a connection now and then. */
static void test_lost_connection_is_no_failure(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	sp_loop_advance(w->loop, 20000);
	conn_end(wire_conn(wire), "peer closed");
	assert_int_equal(tg->state, SP_TARGET_UNKNOWN);
	assert_int_equal(tg->failures, 0);
	assert_false(sp_trunk_up(w->t));
	assert_int_equal(fix_log.n, 1);
}

static void test_without_options(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg;

	add_target(&w->f, "192.0.2.1", 5061);
	apply(w);
	tg = w->t->targetv[0];
	wire = connect_wire(w, tg);
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(fix_logged("why=\"it is connected\""), 1);
	assert_int_equal(wire->requests, 0);

	/* what calls say is only remembered for a while */
	sp_trunk_unanswered(w->t, tg->key);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	sp_loop_advance(w->loop, TRUNK_DOWN_MS - 1);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(tg->state, SP_TARGET_UP);

	/* and so is what connecting says */
	conn_end(wire_conn(wire), "peer closed");
	target_refused(tg, ECONNREFUSED, "connect: refused");
	sp_loop_advance(w->loop, TRUNK_DOWN_MS - 1);
	assert_true(target_down(tg));
	sp_loop_advance(w->loop, 1);
	assert_false(target_down(tg));
	target_refused(tg, ECONNREFUSED, "connect: refused");
	assert_true(target_down(tg));
	assert_int_equal(fix_logged("target_down"), 1);

	/* after that, it has to stay connected for a moment */
	wire = connect_wire(w, tg);
	assert_int_equal(tg->state, SP_TARGET_PROBING);
	sp_loop_advance(w->loop, TRUNK_EARLY_MS);
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_int_equal(wire->requests, 0);
}

/* OPTIONS are turned on and off by a reload. */
static void test_settings_change(void **state)
{
	struct world *w = *state;
	struct wire *wire;
	struct target *tg = up_target(w, &wire);

	sp_trunk_unanswered(w->t, tg->key);
	next_conf(w)->options_s = 0;
	apply(w);
	assert_int_equal(tg->state, SP_TARGET_UP);
	assert_false(sp_timer_isrunning(&tg->probe));
	sp_loop_advance(w->loop, 120000);
	assert_int_equal(wire->requests, 2);

	next_conf(w)->options_s = 30;
	apply(w);
	sp_loop_advance(w->loop, TRUNK_SOON_MS);
	assert_int_equal(wire->requests, 3);
	wire_answer(wire, 200, "");
	assert_in_range(await_request(w, wire), 27000, 30000);
	wire_answer(wire, 200, "");

	fix_apply(&w->f, w->ts, 0); /* the trunk goes: nothing more is asked */
	assert_int_equal(wire->requests, 4);
	assert_false(sp_timer_isrunning(&tg->probe));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_any_answer_is_life),
		T(test_interval_is_spread),
		T(test_interval_holds),
		T(test_probing_and_up_again),
		T(test_second_failure_takes_it_down),
		T(test_down_has_to_answer_twice),
		T(test_down_answers_once_only),
		T(test_options_answered_503),
		T(test_retry_after_is_bounded),
		T(test_down_is_asked_with_backoff),
		T(test_call_without_answer),
		T(test_mute),
		T(test_half_dead_pool),
		T(test_closed_while_asked),
		T(test_stalled_calls),
		T(test_unanswered_at_once),
		T(test_cause_of_down),
		T(test_lost_connection_is_no_failure),
		T(test_without_options),
		T(test_settings_change),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/health", tests, NULL, NULL);
}
