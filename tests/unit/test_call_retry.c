/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The INVITE once more: at the trunk's next target (RFC 3263 4.3), with a longer
 * session timer (RFC 4028 7.3).
 */
#include "retry_fixture.h"
#include "../../src/trunk/trunk_priv.h"

/* ---- failover ---- */

static struct peer target[3];
static const char *const target_hosts[] = {"127.0.5.1", "127.0.5.2", "127.0.5.3"};

#define AT_A "sip:" SERVICE_NUMBER "@127.0.5.1;transport=tls"
#define AT_B "sip:" SERVICE_NUMBER "@127.0.5.2;transport=tls"
#define AT_C "sip:" SERVICE_NUMBER "@127.0.5.3;transport=tls"

/** The service trunk has targets, each with its connection. */
static int setup_targets(void **state, size_t n)
{
	struct sp_trunk *trunkv[2];
	struct sp_trunk_setup setup[2];
	int err = setup_following(state);
	struct fx *f = *state;
	struct sp_trunk *t = f->trunkv[1];

	memset(target, 0, sizeof(target));
	f->confv[1].failover.codev[0] = 503;
	f->confv[1].failover.codev[1] = 408;
	f->confv[1].failover.codec = 2;
	f->confv[1].failover.tries = 4;
	f->confv[1].failover.total_s = 600;
	for (size_t i = 0; i < n; i++)
		f->confv[1].targetv[f->confv[1].targetc++] =
			(struct sp_conf_target){.host = target_hosts[i], .port = 5061};
	for (unsigned i = 0; i < 2; i++)
		setup[i] = (struct sp_trunk_setup){&f->confv[i], &f->ifv[i], NULL};
	assert_int_equal(0, sp_trunks_apply(f->trunks, f->conf, setup, 2, trunkv));
	mem_deref(trunkv[0]);
	mem_deref(trunkv[1]);
	for (size_t i = 0; i < n; i++) {
		struct conn *c;

		peer_init(f, &target[i], t, target_hosts[i]);
		c = list_ledata(list_head(&t->accepted));
		list_unlink(&c->le);
		c->tg = t->targetv[i];
		c->lead->target = c->tg->key;
		list_append(&c->tg->connl, &c->le, c);
		c->tg->connc++;
	}
	return err;
}

static int setup_one(void **state)
{
	return setup_targets(state, 1);
}

static int setup_two(void **state)
{
	return setup_targets(state, 2);
}

static int setup_three(void **state)
{
	return setup_targets(state, 3);
}

static int teardown_targets(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(target); i++) {
		if (target[i].f)
			peer_clear(&target[i]);
	}
	return fx_teardown(state);
}

/* RFC 3263 4.3, RFC 3261 21.5.4: 503 is the target's matter; the next one is asked. */
static void next_target_after_503(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	caller_invites(f);
	first = expect_at(&target[0], AT_A);
	fail_with(&target[0], first, 503, "Retry-After: 60\r\n");
	second = expect_at(&target[1], AT_B);
	assert_int_not_equal(0, pl_cmp(&first->call_id, &second->call_id));
	assert_int_equal(0, pl_cmp(&first->body, &second->body));
	assert_non_null(strstr(f->log, "trunk=service status=503 why=failover attempt=2"));
	expect_silence(&f->carrier);
	talk(f, &target[1], second);
	expect_silence(&target[0]);
}

/* What the next one says of the called number counts, not the 503 before. */
static void failure_of_the_last_target(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 503, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 486, "");
	expect_end(f, &target[1], "486");
	assert_null(strstr(f->log, "attempt=3"));
}

static void no_target_left(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 503, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 408, "");
	expect_end(f, &target[1], "503");
	expect_silence(&target[0]);
	assert_null(strstr(f->log, "trunk_unreachable"));
}

static void codes_that_are_not_listed(void **state)
{
	static const unsigned statusv[] = {404, 500, 504, 600};
	struct fx *f = *state;
	char want[8];

	for (size_t i = 0; i < ARRAY_SIZE(statusv); i++) {
		caller_invites(f);
		fail_with(&target[0], expect(&target[0], "INVITE"), statusv[i], "");
		re_snprintf(want, sizeof(want), "%u", statusv[i]);
		expect_end(f, &target[1], want);
	}
	assert_null(strstr(f->log, "call_retry"));
}

static void one_target_has_no_next(void **state)
{
	struct fx *f = *state;

	f->confv[1].failover.codev[0] = 503;
	f->confv[1].failover.codec = 1;
	caller_invites(f);
	fail_with(&f->service, expect(&f->service, "INVITE"), 503, "");
	expect_end(f, &f->service, "503");
	assert_null(strstr(f->log, "call_retry"));
}

/* RFC 3261 17.1.1.2, timer B: as if 408 had come (8.1.3.1). */
static void no_response(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	expect(&target[0], "INVITE");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	sp_loop_advance(f->loop, 0);
	assert_non_null(strstr(f->log, "status=408 why=failover attempt=2"));
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

static void no_response_and_408_not_listed(void **state)
{
	struct fx *f = *state;

	f->confv[1].failover.codec = 1;
	caller_invites(f);
	expect(&target[0], "INVITE");
	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	expect_end(f, &target[1], "408");
}

/* RFC 3263 4.3: a transport failure is one whatever the list says. */
static void connection_lost(void **state)
{
	struct fx *f = *state;

	f->confv[1].failover.codec = 0;
	caller_invites(f);
	expect(&target[0], "INVITE");
	peer_disconnect(&target[0]);
	sp_loop_advance(f->loop, 0);
	sp_loop_advance(f->loop, 0);
	assert_non_null(strstr(f->log, "status=503 why=failover attempt=2"));
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

static void connection_cannot_be_written(void **state)
{
	struct fx *f = *state;

	target[0].unreachable = true;
	caller_invites(f);
	expect_silence(&target[0]);
	talk(f, &target[1], expect_at(&target[1], AT_B));
}

/* Who is slow is not given up for one that is known to be down. */
static void slow_and_the_other_is_down(void **state)
{
	struct fx *f = *state;
	struct target *down = f->trunkv[1]->targetv[1];
	const struct sp_sip_msg *inv;

	f->confv[1].failover.response_s = 4;
	f->confv[1].failover.progress_s = 10;
	f->confv[1].options_s = 60;
	caller_invites(f);
	inv = expect_at(&target[0], AT_A);
	respond(&target[0], inv, 100, NULL);
	down->state = SP_TARGET_DOWN;
	sp_loop_advance(f->loop, 15000);
	expect_silence(&target[0]);
	talk(f, &target[0], inv);
}

/* RFC 3261 9.1: given up without a word; when it has ended nothing waits for it any more. */
static void given_up_and_refused(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	f->confv[1].failover.response_s = 4;
	caller_invites(f);
	first = expect_at(&target[0], AT_A);
	sp_loop_advance(f->loop, 4000);
	sp_loop_advance(f->loop, 0);
	second = expect_at(&target[1], AT_B);
	assert_int_equal(1, f->calls->stragglerc);
	respond(&target[0], first, 100, NULL);
	respond(&target[0], expect(&target[0], "CANCEL"), 200, NULL);
	fail_with(&target[0], first, 487, "");
	assert_int_equal(0, f->calls->stragglerc);
	talk(f, &target[1], second);
}

/* RFC 3261 9.1: who hangs up while it is tried is not called elsewhere. */
static void no_failover_after_cancel(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	cancel(f);
	expect(&f->carrier, "200");
	expect(&f->carrier, "487");
	fail_with(&target[0], inv, 503, "");
	acknowledge(&f->carrier);
	expect_silence(&target[0]);
	expect_silence(&target[1]);
	expect_clean(f);
}

static void rang_and_failed(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *first, *second;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	respond(&target[0], inv, 180, NULL);
	first = expect(&f->carrier, "180");
	fail_with(&target[0], inv, 503, "");
	inv = expect_at(&target[1], AT_B);
	respond(&target[1], inv, 180, NULL);
	second = expect(&f->carrier, "180");
	assert_false(same_tag(first, second));
	talk(f, &target[1], inv);
}

/* RFC 3261 16.6, item 11: timer C is the call's; the second target has what is left. */
static void ringing_is_bounded_in_all(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	caller_invites(f);
	inv = expect(&target[0], "INVITE");
	respond(&target[0], inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 100 * 1000);
	fail_with(&target[0], inv, 503, "");
	inv = expect_at(&target[1], AT_B);
	respond(&target[1], inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 79 * 1000);
	expect_silence(&f->carrier);
	sp_loop_advance(f->loop, 1000);
	expect(&f->carrier, "408");
	acknowledge(&f->carrier);
	respond(&target[1], expect(&target[1], "CANCEL"), 200, NULL);
	fail_with(&target[1], inv, 487, "");
	expect_clean(f);
}

/* A contact that names a target is asked for there, then elsewhere; a target that has
 * failed is not asked again. */
static void redirect_names_a_target(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	redirect(&target[0], expect_at(&target[0], AT_A), "<sip:x@127.0.5.3>");
	fail_with(&target[2], expect_at(&target[2], "sip:x@127.0.5.3;transport=tls"), 503, "");
	redirect(&target[0], expect_at(&target[0], "sip:x@127.0.5.3;transport=tls"),
		 "<sip:y@127.0.5.3>");
	talk(f, &target[0], expect_at(&target[0], "sip:y@127.0.5.3;transport=tls"));
	expect_silence(&target[2]);
	expect_silence(&target[1]);
}

/* A trunk's name that is no target: any of them will know it. */
static void redirect_names_the_trunk(void **state)
{
	struct fx *f = *state;

	caller_invites(f);
	fail_with(&target[0], expect_at(&target[0], AT_A), 503, "");
	redirect(&target[1], expect_at(&target[1], AT_B), "<sip:x" OWN ">, <sip:y" OWN ">");
	fail_with(&target[1], expect_at(&target[1], "sip:x" OWN ";transport=tls"), 503, "");
	fail_with(&target[2], expect_at(&target[2], "sip:x" OWN ";transport=tls"), 503, "");
	expect_end(f, &target[2], "503"); /* y is nowhere to be found either */
}

/* Who was slow, and had nobody to be given up for, is asked again when he says where. */
static void redirect_of_a_slow_target(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	f->confv[1].failover.response_s = 4;
	caller_invites(f);
	inv = expect_at(&target[0], AT_A);
	sp_loop_advance(f->loop, 5000);
	expect_silence(&target[0]);
	redirect(&target[0], inv, "<sip:x@127.0.5.1>");
	talk(f, &target[0], expect_at(&target[0], "sip:x@127.0.5.1;transport=tls"));
}

/* The list is the operator's: also of what speaks for the called one. */
static void listed_6xx_goes_on(void **state)
{
	struct fx *f = *state;

	f->confv[1].failover.codev[0] = 600;
	caller_invites(f);
	fail_with(&target[0], expect(&target[0], "INVITE"), 600, "");
	fail_with(&target[1], expect(&target[1], "INVITE"), 486, "");
	expect_end(f, &target[1], "600");
}

/* ---- session timers ---- */

/* RFC 4028 7.3, RFC 3261 8.1.3.5: again with Min-SE, same Call-ID and tag, CSeq one higher. */
static void interval_too_small(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	first = expect(&f->service, "INVITE");
	fail_with(&f->service, first, 422, "Min-SE: 3600\r\n");
	second = expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls");
	assert_int_equal(0, pl_cmp(&first->call_id, &second->call_id));
	assert_int_equal(0, pl_cmp(&first->from_tag, &second->from_tag));
	assert_int_equal(first->cseq + 1, second->cseq);
	assert_int_equal(0, pl_cmp(&first->body, &second->body));
	assert_int_equal(first->max_forwards, second->max_forwards);
	assert_pl("3600", &sp_sip_msg_named(second, "Min-SE")->value);
	assert_non_null(strstr(f->log, "status=422 why=422 attempt=2"));
	expect_silence(&f->carrier);
	talk(f, &f->service, second);
}

/* After ringing its dialog is another one's: a new one, at the same place. */
static void interval_too_small_after_ringing(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *first, *second;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	first = expect(&f->service, "INVITE");
	respond(&f->service, first, 180, NULL);
	expect(&f->carrier, "180");
	fail_with(&f->service, first, 422, "Min-SE: 3600\r\n");
	second = expect_at(&f->service, "sip:" SERVICE_NUMBER OWN ";transport=tls");
	assert_int_not_equal(0, pl_cmp(&first->call_id, &second->call_id));
	talk(f, &f->service, second);
}

/* A peer that is never content. */
static void intervals_are_bounded(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m = NULL;
	char line[32];
	unsigned n = 0;

	f->confv[1].timer =
		(struct sp_conf_timer){.use = SP_USE_SUPPORTED, .expires_s = 1800, .min_s = 90};
	caller_invites(f);
	while ((m = next_message(&f->service)) && n++ < 20) {
		re_snprintf(line, sizeof(line), "Min-SE: %u\r\n", 1800 + n * 60);
		fail_with(&f->service, m, 422, line);
	}
	assert_in_range(n, 2, 4);
	expect(&f->carrier, "502");
	acknowledge(&f->carrier);
	expect_clean(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_following, fx_teardown)
#define ONE(name) cmocka_unit_test_setup_teardown(name, setup_one, teardown_targets)
#define TWO(name) cmocka_unit_test_setup_teardown(name, setup_two, teardown_targets)
#define THREE(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown_targets)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		TWO(next_target_after_503),
		TWO(failure_of_the_last_target),
		TWO(no_target_left),
		TWO(codes_that_are_not_listed),
		T(one_target_has_no_next),
		TWO(no_response),
		TWO(no_response_and_408_not_listed),
		TWO(connection_lost),
		TWO(connection_cannot_be_written),
		TWO(slow_and_the_other_is_down),
		TWO(given_up_and_refused),
		TWO(no_failover_after_cancel),
		TWO(rang_and_failed),
		TWO(ringing_is_bounded_in_all),
		THREE(redirect_names_a_target),
		THREE(redirect_names_the_trunk),
		ONE(redirect_of_a_slow_target),
		TWO(listed_6xx_goes_on),
		T(interval_too_small),
		T(interval_too_small_after_ringing),
		T(intervals_are_bounded),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("call/retry", tests, NULL, NULL);
}
