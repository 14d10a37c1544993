/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is asked for when a name is looked up, and what the answers lead to
 * (RFC 3263 4.2, RFC 2782).
 */
#include "dns_world.h"

static void test_addresses_only(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 300, "192.0.2.1");
	zone_a(&w->zone, "sbc.test", 200, "2001:db8::1");
	zone_srv(&w->zone, "_sips._tcp.sbc.test", 300, 0, 0, 5099, "other.test");
	watch(w, "sbc.test", false);
	assert_int_equal(w->calls, 1);
	assert_true(dns_looked_up(w->n));
	assert_string_equal(dns_text(w->n),
			    "[2001:db8::1]:5061 0/0 sbc.test, 192.0.2.1:5061 0/0 sbc.test");
	assert_string_equal(w->names, "AAAA sbc.test;A sbc.test;");
	assert_string_equal(dns_why(w->n), "");
	assert_int_equal(dns_ttl_s(w->n), 200);
	assert_int_equal(dns_logged(&w->log, "dns_changed name=sbc.test addresses="
					     "[2001:db8::1]:5061,192.0.2.1:5061 ttl_s=200"),
			 1);
}

/* RFC 3263 4.2: the port is SRV's; all addresses of all targets, by priority */
static void test_srv(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, 20, 0, 5071, "b.test");
	zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, 10, 7, 5070, "a.test");
	zone_a(&w->zone, "a.test", 100, "192.0.2.1");
	zone_a(&w->zone, "a.test", 120, "192.0.2.2");
	zone_a(&w->zone, "b.test", 130, "192.0.2.3");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5070 10/7 a.test, 192.0.2.2:5070 10/7 "
					    "a.test, 192.0.2.3:5071 20/0 b.test");
	assert_int_equal(dns_ttl_s(w->n), 100); /* the least of all */
	assert_string_equal(w->names, "SRV _sips._tcp.carrier.test;AAAA a.test;A a.test;"
				      "AAAA b.test;A b.test;");
}

static void test_second_service(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sip._tls.carrier.test", 300, 1, 1, 5071, "b.test");
	zone_a(&w->zone, "b.test", 300, "192.0.2.3");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.3:5071 1/1 b.test");
	assert_string_equal(dns_why(w->n), "");
}

/* RFC 3263 4.2: "If no SRV records were found, the client performs an A or AAAA record lookup" */
static void test_no_srv_then_addresses(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "carrier.test", 300, "192.0.2.1");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 carrier.test");
	assert_string_equal(w->names, "SRV _sips._tcp.carrier.test;SRV _sip._tls.carrier.test;"
				      "AAAA carrier.test;A carrier.test;");
}

/* A server that fails has not said that there is no SRV. */
static void test_srv_failure_does_not_lead_to_addresses(void **state)
{
	struct world *w = *state;

	zone_fails(&w->zone, "_sips._tcp.carrier.test", DNS_TYPE_SRV, RCODE_SERVFAIL);
	zone_a(&w->zone, "carrier.test", 300, "192.0.2.1");
	watch(w, "carrier.test", true);
	assert_int_equal(w->calls, 1);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(dns_why(w->n), "_sips._tcp.carrier.test SRV: broken");
	assert_string_equal(w->names, "SRV _sips._tcp.carrier.test;");
	assert_int_equal(dns_ttl_s(w->n), 0);
	assert_int_equal(dns_logged(&w->log, "dns_failed name=carrier.test "
					     "why=\"_sips._tcp.carrier.test SRV: broken\" "
					     "addresses=-"),
			 1);
}

static void test_srv_name_as_it_is(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sip._tls.carrier.test", 300, 1, 1, 5071, "b.test");
	zone_a(&w->zone, "b.test", 300, "192.0.2.3");
	watch(w, "_sip._tls.carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.3:5071 1/1 b.test");
	assert_string_equal(w->names, "SRV _sip._tls.carrier.test;AAAA b.test;A b.test;");

	w->n = mem_deref(w->n);
	zone_a(zone_new(w), "_sip._tls.carrier.test", 300, "192.0.2.1");
	watch(w, "_sip._tls.carrier.test", true);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(dns_why(w->n), "_sip._tls.carrier.test SRV: no such record");
}

/* RFC 2782, "Target": "." means that the service is decidedly not available at this domain */
static void test_srv_unavailable(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, 0, 0, 0, ".");
	zone_a(&w->zone, "carrier.test", 300, "192.0.2.1");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "");
	assert_non_null(strstr(dns_why(w->n), "_sips._tcp.carrier.test SRV: \".\""));
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 1);

	/* it is an answer, good for its TTL, and takes the place of an earlier one */
	pass(w, 200);
	assert_int_equal(w->questions, 2);
	zone_srv(zone_new(w), "_sips._tcp.carrier.test", 300, 0, 0, 5061, "a.test");
	zone_a(&w->zone, "a.test", 300, "192.0.2.1");
	pass(w, 100);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 a.test");
	assert_string_equal(dns_why(w->n), "");
	zone_srv(zone_new(w), "_sips._tcp.carrier.test", 300, 0, 0, 0, ".");
	pass(w, 300);
	assert_string_equal(dns_text(w->n), "");
	assert_int_equal(w->calls, 1);
}

/* It holds for one service; the other may be there. */
static void test_one_service_unavailable(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.carrier.test", 100, 0, 0, 0, ".");
	zone_srv(&w->zone, "_sip._tls.carrier.test", 300, 0, 0, 5061, "a.test");
	zone_a(&w->zone, "a.test", 300, "192.0.2.1");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 a.test");
	assert_string_equal(dns_why(w->n), "");
	assert_int_equal(dns_ttl_s(w->n), 100);

	/* and when nobody can say whether it is, what was known stays */
	zone_srv(zone_new(w), "_sips._tcp.carrier.test", 100, 0, 0, 0, ".");
	zone_fails(&w->zone, "_sip._tls.carrier.test", DNS_TYPE_SRV, ZONE_SILENT);
	pass(w, 99);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 a.test");
	assert_string_equal(dns_why(w->n), "_sip._tls.carrier.test SRV: silence");
}

static void test_srv_targets_without_address(void **state)
{
	struct world *w = *state;

	zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, 1, 1, 5061, "gone.test");
	zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, 2, 1, 5061, "a.test");
	zone_a(&w->zone, "a.test", 300, "192.0.2.1");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 2/1 a.test");
	assert_string_equal(dns_why(w->n), "");

	w->n = mem_deref(w->n);
	zone_srv(zone_new(w), "_sips._tcp.carrier.test", 300, 1, 1, 5061, "gone.test");
	watch(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(dns_why(w->n),
			    "_sips._tcp.carrier.test SRV: none of the targets has an address");
}

static void test_literals_need_no_dns(void **state)
{
	struct world *w = *state;

	watch(w, "192.0.2.7", true);
	assert_int_equal(w->calls, 1);
	assert_string_equal(dns_text(w->n), "192.0.2.7:5061 0/0 192.0.2.7");
	assert_true(dns_looked_up(w->n));
	assert_int_equal(dns_ttl_s(w->n), UINT32_MAX);
	dns_again(w->n);
	pass(w, 100000);
	w->n = mem_deref(w->n);
	w->calls = 0;
	watch(w, "2001:db8::7", true);
	assert_string_equal(dns_text(w->n), "[2001:db8::7]:5061 0/0 2001:db8::7");
	assert_int_equal(w->questions, 0);
}

static void test_places_are_bounded(void **state)
{
	struct world *w = *state;
	char text[64];
	size_t count;

	for (unsigned i = 0; i < 4; ++i) {
		snprintf(text, sizeof(text), "h%u.test", i);
		zone_srv(&w->zone, "_sips._tcp.carrier.test", 300, i, 0, 5061, text);
		for (unsigned k = 0; k < DNS_ADDRS_MAX; ++k) {
			char addr[64];

			snprintf(addr, sizeof(addr), "192.0.%u.%u", i, k + 1);
			zone_a(&w->zone, text, 300, addr);
		}
	}
	watch(w, "carrier.test", true);
	assert_int_equal(dns_places(w->n, &count)[DNS_PLACES_MAX - 1].priority, 1);
	assert_int_equal(count, DNS_PLACES_MAX);
}

static void test_long_host_has_no_service(void **state)
{
	struct world *w = *state;
	char host[DNS_HOST_SIZE + 2], label[64];

	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(host, sizeof(host), "%s.%s.%s.%.50s.test.", label, label, label, label);
	watch(w, host, true);
	assert_int_equal(dns_logged(&w->log, "dns_failed"), 1);
	assert_null(strstr(w->names, "SRV"));
	assert_int_equal(w->questions, 2);

	snprintf(host, sizeof(host), "%s.%s.%s.%.57s.test", label, label, label, label);
	w->n = mem_deref(w->n);
	assert_int_equal(dns_watch(&w->n, w->d, host, 5061, true, on_name, w), EINVAL);
	assert_int_equal(dns_watch(&w->n, w->d, "", 5061, true, on_name, w), EINVAL);
}

/* ---- routes ---- */

static void test_no_route(void **state)
{
	struct world *w = *state;

	zone_a(&w->zone, "sbc.test", 300, "192.0.2.1");
	zone_a(&w->zone, "sbc.test", 300, "2001:db8::1");
	w->unrouted = "2001:";
	watch(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5061 0/0 sbc.test");
	assert_string_equal(dns_why(w->n), "");

	/* the cable is out: all of them, so that their failure says why */
	w->unrouted = "";
	pass(w, 300);
	assert_string_equal(dns_text(w->n),
			    "[2001:db8::1]:5061 0/0 sbc.test, 192.0.2.1:5061 0/0 sbc.test");
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_addresses_only),
		T(test_srv),
		T(test_second_service),
		T(test_no_srv_then_addresses),
		T(test_srv_failure_does_not_lead_to_addresses),
		T(test_srv_name_as_it_is),
		T(test_srv_unavailable),
		T(test_one_service_unavailable),
		T(test_srv_targets_without_address),
		T(test_literals_need_no_dns),
		T(test_places_are_bounded),
		T(test_long_host_has_no_service),
		T(test_no_route),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/dns_lookup", tests, NULL, NULL);
}
