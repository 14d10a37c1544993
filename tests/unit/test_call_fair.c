/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Overload, and a trunk that asks for far more than its own limits give it:
 * what it asks for beyond them takes nothing from the others' share.
 */
#include "call_fixture.h"
#include "../../src/trunk/trunk_priv.h"

enum { SECONDS = 20, FLOOD = 40 /* INVITEs in each tenth of a second */ };

static void forget_messages(struct peer *peer)
{
	while (peer->tail)
		mem_deref(peer->queue[--peer->tail]);
	peer->head = 0;
}

/** An INVITE, which the other side answers with 486. @return was it let in? */
static bool ask(struct fx *f, struct peer *peer, const char *called)
{
	struct peer *far = &f->carrier == peer ? &f->service : &f->carrier;
	const struct sp_sip_msg *m;
	bool let_in;

	invite(peer, called, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	m = next_message(peer);
	let_in = m && 100 == m->status;
	if (let_in)
		respond(far, expect(far, "INVITE"), 486, NULL);
	forget_messages(&f->carrier);
	forget_messages(&f->service);
	return let_in;
}

/* The machine carries as many calls as it did when the overload began. */
static unsigned let_in(struct fx *f, struct sp_overload *o, unsigned flood)
{
	static const struct sp_overload_sample too_late = {.lag_ms = 60}, just_so = {.lag_ms = 40};
	unsigned n = 0;

	for (unsigned i = 0; i < 10 * (SECONDS + 2); i++) {
		const bool count = i >= 20;

		for (unsigned k = 0; count && k < flood; k++)
			(void)ask(f, &f->service, CARRIER_NUMBER);
		n += ask(f, &f->carrier, SERVICE_NUMBER) && count;
		sp_loop_advance(f->loop, SP_OVERLOAD_MS);
		(void)sp_overload_sample(o, i < 20 && i > 15 ? &too_late : &just_so);
	}
	return n;
}

static void beyond_its_own_limit(void **state)
{
	static const struct sp_overload_limits limits = {.lag_ms = 50};
	struct fx *f = *state;
	struct sp_overload *o;
	unsigned alone, flooded;

	f->confv[1].carrierc = 1;
	f->confv[1].limits.rate_in = (struct sp_conf_rate){1, 1};
	limits_settings(f->trunkv[1]);
	assert_int_equal(0, sp_overload_alloc(&o));
	sp_overload_limits(o, &limits);
	sp_calls_overload(f->calls, o);

	alone = let_in(f, o, 0);
	flooded = let_in(f, o, FLOOD);
	print_message("of %u calls %u alone, %u during the flood\n", 10 * SECONDS, alone, flooded);
	assert_true(alone > 5 * SECONDS);
	assert_true(flooded > alone / 2);
	mem_deref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(beyond_its_own_limit, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests_name("call/fair", tests, NULL, NULL);
}
