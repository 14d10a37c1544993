/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection has gone: is there life in its target, and what goes in its place?
 */
#include "trunk_wire.h"

static void two_targets(struct world *w)
{
	w->f.trunkv[0].options_s = 60;
	w->f.trunkv[0].options_timeout_s = 5;
	w->f.trunkv[0].target_connections = 2;
	add_target(&w->f, "192.0.2.1", 5061);
	add_target(&w->f, "192.0.2.2", 5061);
	apply(w);
}

/* As when the peer has closed it. */
static struct sp_sip_conn *lose(struct wire *wire)
{
	conn_end(wire_conn(wire), "closed by the peer");
	return wire->sip;
}

static void test_alive(void **state)
{
	struct world *w = *state;
	struct wire *wire;

	two_targets(w);
	wire = connect_wire(w, w->t->targetv[0]);
	wire_answer(wire, 200, "");
	sp_loop_advance(w->loop, 5000);
	assert_int_equal(sp_trunk_dead_ms(w->t, wire->sip), 0);
	assert_int_equal(sp_trunk_dead_ms(w->t, NULL), 0);
	assert_int_equal(sp_trunk_dead_ms(NULL, wire->sip), 0);
}

/* RFC 3261 18.1.1: what was there at the time may bring the answer; what comes later is another. */
static void test_lost_with_all_others(void **state)
{
	struct world *w = *state;
	struct wire *first, *second, *later;
	struct sp_sip_conn *gone;

	two_targets(w);
	first = connect_wire(w, w->t->targetv[0]);
	second = connect_wire(w, w->t->targetv[0]);
	(void)connect_wire(w, w->t->targetv[1]);
	wire_answer(first, 200, "");
	wire_conn(second)->received = 1; /* not refused, that is: it would be down for it */
	sp_loop_advance(w->loop, 1);
	gone = lose(first);
	sp_loop_advance(w->loop, 300);
	assert_int_equal(sp_trunk_dead_ms(w->t, gone), 0);
	lose(second);
	sp_loop_advance(w->loop, 200);
	assert_int_equal(sp_trunk_dead_ms(w->t, gone), 500);
	later = connect_wire(w, w->t->targetv[0]);
	assert_int_equal(sp_trunk_dead_ms(w->t, gone), 500);
	assert_int_equal(sp_trunk_dead_ms(w->t, later->sip), 0);
}

/* Without a word to OPTIONS it is dead; with 503 it only takes no new calls. */
static void test_down(void **state)
{
	static const bool answersv[] = {false, true};
	struct world *w = *state;
	struct wire *wire;

	two_targets(w);
	for (size_t i = 0; i < 2; ++i) {
		struct target *tg = w->t->targetv[i];

		wire = connect_wire(w, tg);
		for (unsigned s = 0; s < 20 && tg->state != SP_TARGET_DOWN; ++s) {
			if (answersv[i] && wire->req)
				wire_answer(wire, 503, "");
			else if (!wire_conn(wire))
				wire = connect_wire(w, tg);
			sp_loop_advance(w->loop, 1000);
		}
		assert_int_equal(tg->state, SP_TARGET_DOWN);
		if (answersv[i])
			assert_int_equal(sp_trunk_dead_ms(w->t, wire->sip), 0);
		else
			assert_true(sp_trunk_dead_ms(w->t, wire->sip) == UINT64_MAX);
	}
}

/* RFC 3261 9.1, 17.1.1.3: to where the request went, if there is a way; else to anybody. */
static void test_in_its_place(void **state)
{
	struct world *w = *state;
	struct wire *first, *second, *other, *own;
	struct sp_sip_conn *gone;

	two_targets(w);
	other = connect_wire(w, w->t->targetv[0]);
	first = connect_wire(w, w->t->targetv[1]);
	second = connect_wire(w, w->t->targetv[1]);
	wire_answer(other, 200, "");
	gone = lose(first);
	assert_ptr_equal(sp_trunk_conn(w->t), other->sip);
	assert_ptr_equal(sp_trunk_conn_like(w->t, gone), second->sip);
	lose(second);
	assert_ptr_equal(sp_trunk_conn_like(w->t, gone), other->sip);

	own = &w->wirev[w->wirec++]; /* it has connected by itself */
	assert_int_equal(
		sp_sip_conn_alloc(&own->sip, w->sip, "sbc.test:5061", w->t, wire_send, own), 0);
	assert_int_equal(sp_trunk_attach(w->t, own->sip), 0);
	own->lead = sp_sip_conn_kept(own->sip);
	assert_ptr_equal(sp_trunk_conn_like(w->t, gone), other->sip);
	assert_int_equal(sa_set_str(&own->lead->addr, "192.0.2.2", 40000), 0);
	assert_ptr_equal(sp_trunk_conn_like(w->t, gone), own->sip);
	assert_null(sp_trunk_conn_like(NULL, gone));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_with_all_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_down, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_its_place, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
