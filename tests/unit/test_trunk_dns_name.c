/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names that are watched, on a fake clock: when they are looked up again, what
 * is told, and what stays when DNS fails.
 */
#include "dns_world.h"

/* ---- when ---- */

/* @return seconds until the next question, at most `most` */
static unsigned until_asked(struct world *w, unsigned most)
{
	const unsigned before = w->questions;
	unsigned s = 0;

	while (w->questions == before && s < most) {
		pass(w, 1);
		++s;
	}
	return s;
}

static void test_refresh_ahead_of_expiry(void **state)
{
	struct world *w = *state;
	unsigned least = 1000, most = 0;

	zone_a(&w->zone, "sbc.test", 1000, "192.0.2.1");
	watch(w, "sbc.test", false);
	for (unsigned i = 0; i < 50; ++i) {
		const unsigned s = until_asked(w, 2000);

		least = s < least ? s : least;
		most = s > most ? s : most;
		assert_int_equal(dns_ttl_s(w->n), 1000);
	}
	assert_true(least >= 850 && most <= 951);
	assert_true(most - least > 20); /* jitter */
	assert_int_equal(w->calls, 1);  /* nothing has changed */
	assert_int_equal(dns_logged(&w->log, "dns_"), 1);
}

static void test_ttl_floor_and_cap(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 0, "192.0.2.1");
	watch(w, "sbc.test", false);
	assert_int_equal(dns_ttl_s(w->n), 10);
	assert_in_range(until_asked(w, 100), 8, 10);

	zone_a(zone_new(w), "sbc.test", 1000000, "192.0.2.1");
	(void)until_asked(w, 100);
	assert_int_equal(dns_ttl_s(w->n), 3600);
	assert_in_range(until_asked(w, 10000), 3060, 3421);
}

static void test_change(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	zone_a(&w->zone, "sbc.test", 100, "192.0.2.2");
	watch(w, "sbc.test", false);

	/* the same in another order is the same */
	zone_a(zone_new(w), "sbc.test", 100, "192.0.2.2");
	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	(void)until_asked(w, 100);
	assert_int_equal(w->calls, 0);
	assert_string_equal(dns_text(w->n),
			    "192.0.2.1:5061 0/0 sbc.test, 192.0.2.2:5061 0/0 sbc.test");

	zone_a(zone_new(w), "sbc.test", 100, "192.0.2.2");
	zone_a(&w->zone, "sbc.test", 100, "192.0.2.3");
	(void)until_asked(w, 100);
	assert_int_equal(w->calls, 1);
	assert_string_equal(dns_text(w->n),
			    "192.0.2.2:5061 0/0 sbc.test, 192.0.2.3:5061 0/0 sbc.test");
	assert_int_equal(dns_logged(&w->log, "dns_changed"), 2);
}

static void test_weight_is_a_change(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	watch(w, "c.test", true);
	w->zone.v[0].weight = 2;
	pass(w, 100);
	assert_int_equal(w->calls, 2);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 1/2 a.test");
}

/* ---- failure ---- */

static void test_last_good_answer_stays(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	watch(w, "sbc.test", false);
	zone_fails(zone_new(w), "sbc.test", DNS_TYPE_A, ZONE_SILENT);
	zone_fails(&w->zone, "sbc.test", DNS_TYPE_AAAA, ZONE_SILENT);
	pass(w, 10000);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 sbc.test");
	assert_string_equal(dns_why(w->n), "sbc.test AAAA: silence");
	assert_int_equal(w->calls, 1); /* once, for all of these failures */
	assert_int_equal(dns_logged(&w->log, "dns_failed name=sbc.test why=\"sbc.test AAAA: "
					     "silence\" addresses=192.0.2.1:5061"),
			 1);
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 1);
	assert_int_equal(dns_ttl_s(w->n), 0);

	zone_a(zone_new(w), "sbc.test", 100, "192.0.2.1");
	pass(w, DNS_RETRY_MAX_S);
	assert_int_equal(w->calls, 1);
	assert_string_equal(dns_why(w->n), "");
	assert_int_equal(dns_logged(&w->log, "dns_back name=sbc.test after_s="), 1);
	assert_int_equal(dns_logged(&w->log, "dns_changed"), 1);
	assert_true(dns_ttl_s(w->n) > 0);

	/* another streak is told again */
	zone_fails(zone_new(w), "sbc.test", DNS_TYPE_A, ZONE_SILENT);
	pass(w, 100);
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 2);
}

/* A zone that was emptied does not stop calls either. */
static void test_name_vanishes(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	watch(w, "sbc.test", true);
	zone_new(w);
	pass(w, 200);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 sbc.test");
	assert_string_equal(dns_why(w->n), "sbc.test: no such name, or no address");
	assert_int_equal(w->calls, 1);
}

static void test_backoff(void **state)
{
	struct world *w = *state;
	unsigned want = DNS_RETRY_MIN_S;

	watch(w, "sbc.test", false);
	for (unsigned i = 0; i < 8; ++i) {
		const unsigned s = until_asked(w, 1000);

		assert_in_range(s, want * 3 / 4, want);
		want = want * 2 > DNS_RETRY_MAX_S ? (unsigned)DNS_RETRY_MAX_S : want * 2;
	}
	assert_int_equal(want, DNS_RETRY_MAX_S);

	/* and it begins anew after a success */
	zone_a(zone_new(w), "sbc.test", 100, "192.0.2.1");
	(void)until_asked(w, 1000);
	zone_new(w);
	(void)until_asked(w, 1000);
	assert_in_range(until_asked(w, 1000), 1, DNS_RETRY_MIN_S);
}

/* One host of several cannot be asked for: it keeps what it had, the others move on. */
static void test_part_fails(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 2, 1, 5061, "b.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	zone_a(&w->zone, "b.test", 100, "192.0.2.2");
	zone_a(&w->zone, "b.test", 100, "2001:db8::2");
	watch(w, "c.test", true);

	zone_srv(zone_new(w), "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 3, 5, 5062, "b.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.9");
	zone_a(&w->zone, "b.test", 100, "2001:db8::2");
	zone_fails(&w->zone, "b.test", DNS_TYPE_A, RCODE_SERVFAIL);
	pass(w, 97);
	assert_string_equal(dns_text(w->n), "192.0.2.9:5061 1/1 a.test, [2001:db8::2]:5062 3/5 "
					    "b.test, 192.0.2.2:5062 3/5 b.test");
	assert_string_equal(dns_why(w->n), "b.test A: broken");
	assert_int_equal(w->calls, 1);
	assert_int_equal(dns_ttl_s(w->n), 0);
	assert_in_range(until_asked(w, 100), 1, DNS_RETRY_MIN_S * 4);
}

/* A host of SRV that has no address is left out, and named: nobody would miss it. */
static void test_host_without_address(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 2, 1, 5061, "b.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	watch(w, "c.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 1/1 a.test");
	assert_string_equal(dns_why(w->n), "");
	assert_int_equal(dns_logged(&w->log, "addresses=192.0.2.1:5061 ttl_s=100 without=b.test"),
			 1);

	zone_srv(zone_new(w), "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 2, 1, 5061, "b.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	zone_a(&w->zone, "b.test", 100, "192.0.2.2");
	pass(w, 97);
	assert_int_equal(dns_logged(&w->log, "dns_changed"), 2);
	assert_int_equal(dns_logged(&w->log, "without="), 1);
}

/* The streak goes on, but now nobody can be called. */
static void test_withdrawn_while_failing(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	watch(w, "c.test", true);
	zone_new(w);
	pass(w, 97);
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 1);
	zone_srv(zone_new(w), "_sips._tcp.c.test", 100, 0, 0, 0, ".");
	pass(w, 200);
	assert_string_equal(dns_text(w->n), "");
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 2);
	assert_int_equal(dns_logged(&w->log, "(RFC 2782)\" addresses=-"), 1);
}

static void test_only_one_family_answers(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	zone_fails(&w->zone, "sbc.test", DNS_TYPE_AAAA, ZONE_SILENT);
	watch(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 sbc.test");
	assert_string_equal(dns_why(w->n), "sbc.test AAAA: silence");
	assert_int_equal(dns_ttl_s(w->n), 100);
}

static void test_again(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 3000, "192.0.2.1");
	watch(w, "sbc.test", false);
	zone_a(zone_new(w), "sbc.test", 3000, "192.0.2.2");
	dns_again(w->n); /* it was done just now */
	pass(w, 1);
	assert_int_equal(w->questions, 0);
	pass(w, DNS_RETRY_MIN_S);
	dns_again(w->n);
	dns_again(w->n);
	assert_int_equal(w->questions, 0); /* not from inside */
	pass(w, 0);
	assert_int_equal(w->questions, 2);
	assert_string_equal(dns_text(w->n), "192.0.2.2:5061 0/0 sbc.test");

	pass(w, DNS_RETRY_MIN_S);
	w->held = true;
	dns_again(w->n);
	pass(w, DNS_RETRY_MIN_S);
	assert_int_equal(w->questions, 4);
	dns_again(w->n); /* under way */
	pass(w, 1);
	assert_int_equal(w->questions, 4);
}

/* ---- lives ---- */

static void test_withdrawn_in_the_middle(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.c.test", 100, 1, 1, 5061, "a.test");
	w->held = true;
	watch(w, "c.test", true);
	assert_int_equal(w->questions, 1);
	w->n = mem_deref(w->n);
	assert_null(list_head(&w->asked));
	pass(w, 1000);
	assert_int_equal(w->calls, 0);
}

static void on_name_let_go(struct dns_name *n, void *arg)
{
	struct world *w = arg;

	++w->calls;
	assert_ptr_equal(n, w->n);
	w->n = mem_deref(w->n);
}

static void test_withdrawn_by_its_handler(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 1000, "192.0.2.1");
	assert_int_equal(dns_watch(&w->n, w->d, "sbc.test", 1, true, on_name_let_go, w), 0);
	pass(w, 10000);
	assert_int_equal(dns_watch(&w->n, w->d, "192.0.2.1", 1, true, on_name_let_go, w), 0);
	pass(w, 10000);
	assert_int_equal(w->calls, 2);
}

static void test_resolver_goes_first(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 100, "192.0.2.1");
	watch(w, "sbc.test", false);
	w->held = true;
	pass(w, 100);
	assert_int_equal(w->questions, 4);
	w->d = mem_deref(w->d);
	assert_null(list_head(&w->asked));
	pass(w, 10000);
	dns_again(w->n);
	pass(w, 10000);
	assert_int_equal(w->questions, 4);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 sbc.test");
}

static void test_settings_change(void **state)
{
	struct world *w = *state;
	struct dns_conf conf = {.ttl_min_s = 10, .ttl_max_s = 3600};

	zone_a(&w->zone, "sbc.test", 3000, "192.0.2.1");
	watch(w, "sbc.test", false);
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	pass(w, 10);
	assert_int_equal(w->questions, 2); /* they are the same */

	conf.ttl_max_s = 60;
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	pass(w, 1);
	assert_int_equal(w->questions, 4);
	assert_in_range(dns_ttl_s(w->n), 59, 60);

	conf.servers = "127.0.0.1";
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	pass(w, 1);
	assert_int_equal(w->questions, 6);
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	pass(w, 1);
	assert_int_equal(w->questions, 6);
	assert_int_equal(w->calls, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_refresh_ahead_of_expiry),
		T(test_ttl_floor_and_cap),
		T(test_change),
		T(test_weight_is_a_change),
		T(test_last_good_answer_stays),
		T(test_name_vanishes),
		T(test_backoff),
		T(test_part_fails),
		T(test_host_without_address),
		T(test_withdrawn_while_failing),
		T(test_only_one_family_answers),
		T(test_again),
		T(test_withdrawn_in_the_middle),
		T(test_withdrawn_by_its_handler),
		T(test_resolver_goes_first),
		T(test_settings_change),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/dns_name", tests, NULL, NULL);
}
