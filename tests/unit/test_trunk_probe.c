/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OPTIONS as the far end of a TLS connection sees them, and what it closes.
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
	fix_await(w->loop, "target_probing");
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_closed_right_after_connect),
		T(test_options_answered),
		T(test_options_carry_our_name),
		T(test_lost_connection_is_renewed),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/probe", tests, setup_all, teardown_all);
}
