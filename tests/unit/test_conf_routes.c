/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who and where: networks, targets that DNS makes, lists of revoked
 * certificates, and trunks that are tried one after the other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

#define OF(line) "sallyport.conf:" line ": "
#define NOTE(line, member) "sallyport.conf:" line ": note: trunks[0] \"b\"" member

static void check_note(struct fixture *f, const char *text, const char *lines)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, lines);
	assert_int_equal(err, 0);
}

static void assert_net(const struct sp_net *net, const char *text)
{
	char buf[80];

	re_snprintf(buf, sizeof(buf), "%j/%u", &net->addr, net->bits);
	assert_string_equal(buf, text);
}

static void test_networks(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(*state, TRUNK(""));

	assert_int_equal(t->networks.c, 0);
	assert_int_equal(t->media_networks.c, 0);

	t = load_trunk(*state, TRUNK("networks = [ \"192.0.2.0/24\", \"2001:DB8::/32\","
				     " \"198.51.100.7\", \"::ffff:203.0.113.0/120\" ];"
				     " media_networks = \"192.0.2.128/25\";"));
	assert_int_equal(t->networks.c, 4);
	assert_net(&t->networks.v[0], "192.0.2.0/24");
	assert_net(&t->networks.v[1], "2001:db8::/32");
	assert_net(&t->networks.v[2], "198.51.100.7/32");
	assert_net(&t->networks.v[3], "203.0.113.0/24");
	assert_int_equal(t->media_networks.c, 1);
	assert_net(&t->media_networks.v[0], "192.0.2.128/25");
	assert_int_equal(load_trunk(*state, TRUNK("networks = [ ];"))->networks.c, 0);
}

#define BAD_NETWORK(text, mend)                                                                    \
	{                                                                                          \
		TRUNK("networks = [ \"192.0.2.0/24\",\n\"" text "\" ];"),                          \
			AT("5", ".networks[1]") " = \"" text "\": " mend "\n"                      \
	}
#define NO_NETWORK "needs a network, \"192.0.2.0/24\" or \"2001:db8::/32\", or an IP address"

static void test_bad_networks(void **state)
{
	static const struct mistake v[] = {
		BAD_NETWORK("192.0.2.1/24", "bits set behind the /24: write 192.0.2.0/24"),
		BAD_NETWORK("2001:db8::1/64", "bits set behind the /64: write 2001:db8::/64"),
		BAD_NETWORK("::ffff:192.0.2.1/120", "bits set behind the /24: write 192.0.2.0/24"),
		BAD_NETWORK("192.0.2.0/33", NO_NETWORK),
		BAD_NETWORK("192.0.2.0/255.255.255.0", NO_NETWORK),
		BAD_NETWORK("192.0.2", NO_NETWORK),
		BAD_NETWORK("sbc.example", NO_NETWORK),
		BAD_NETWORK("", "is empty: needs a value, or no such key at all"),
		BAD_NETWORK("192.0.2.0/24", "the same twice: keep one of them"),
		{TRUNK("networks = true;"),
		 AT("4", ".networks") " = true: found true or false, needs a list of networks, "
				      "[ \"192.0.2.0/24\" ]\n"},
		{TRUNK("media_networks = [ 10 ];"),
		 AT("4", ".media_networks[0]") " = 10: found a whole number, needs a list of "
					       "networks, [ \"192.0.2.0/24\" ]\n"},
		{TRUNK("media_networks = \"x\";"),
		 AT("4", ".media_networks") " = \"x\": " NO_NETWORK "\n"},
	};

	CHECK(v);
}

/* 64, and not one more. */
static void test_many_networks(void **state)
{
	struct fixture *f = *state;
	char list[2048], text[4096];

	for (unsigned n = SP_CONF_NETWORKS_MAX; n <= SP_CONF_NETWORKS_MAX + 1; n++) {
		size_t at = 0;

		for (unsigned i = 0; i < n; i++)
			at += (size_t)re_snprintf(list + at, sizeof(list) - at,
						  "%s\"10.0.%u.0/24\"", i ? ", " : "", i);
		re_snprintf(text, sizeof(text), TRUNK("networks = [ %s ];"), list);
		(void)fixture_load(f, text);
		assert_string_equal(f->lines,
				    n > SP_CONF_NETWORKS_MAX
					    ? AT("4", ".networks") ": has 65 elements, needs 0 to "
								   "64\n"
					    : "");
		assert_int_equal(f->conf->trunkv[0].networks.c, n > SP_CONF_NETWORKS_MAX ? 0 : n);
	}
}

/* Only lists of authorities that the trunk's own file names make sense. */
static void test_crl(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf_trunk *t = load_trunk(f, TRUNK("ca = \"ca.pem\";\ncrl = \"a.crl\";"));
	char path[PATH_MAX];

	re_snprintf(path, sizeof(path), "%s/a.crl", f->dir);
	assert_string_equal(t->crl.path, path);
	assert_int_equal(t->crl.src.line, 5);
	assert_null(load_trunk(f, TRUNK(""))->crl.path);
	check_note(f, TRUNK("crl = \"a.crl\";"),
		   NOTE("4", ".crl") " = \"a.crl\": without ca: the public authorities are "
				     "trusted here, and only certificates of those whose list is "
				     "in this file are taken\n");
}

#define TARGETS(more)                                                                              \
	TRUNK_INTERFACE(SIP_NAME)                                                                  \
	"number_files = [ \"n.csv\" ];\ntrunks = ( { name = \"b\"; kind = \"service\";"            \
	" interface = \"edge\"; identities = [ \"b.example\" ]; targets = [\n" more " ]; } );\n"
#define BAD_TARGET(text, mend)                                                                     \
	{                                                                                          \
		TARGETS("\"" text "\""), AT("4", ".targets[0]") " = \"" text "\": " mend "\n"      \
	}
#define NO_SRV                                                                                     \
	"needs \"_sips._tcp.NAME\" or \"_sip._tls.NAME\", the name of SRV records; or NAME "       \
	"alone, for both"

/* RFC 3263 section 4.2, RFC 2782 */
static void test_srv_targets(void **state)
{
	static const struct mistake v[] = {
		BAD_TARGET("_sips._tcp.a.example:5061",
			   "is the name of SRV records, which tell the ports: write it without "
			   "one"),
		BAD_TARGET("_sips._tcp", NO_SRV),
		BAD_TARGET("_sips._tcp.", NO_SRV),
		BAD_TARGET("_sips.tcp.a.example", NO_SRV),
		BAD_TARGET("_sips.a.example", NO_SRV),
		BAD_TARGET("_._tcp.a.example", NO_SRV),
		BAD_TARGET("_sips._tcp._a.example", NO_SRV),
		BAD_TARGET("_sips._tcp.192.0.2.1", NO_SRV),
		BAD_TARGET("_si_ps._tcp.a.example", NO_SRV),
		BAD_TARGET("_sips._tcp..a.example", NO_SRV),
		BAD_TARGET("a._tcp.example",
			   "needs a host name or an IP address, with or without \":port\""),
		{TARGETS("\"192.0.2.1\",\n\"192.0.2.1:5061\""),
		 AT("5", ".targets[1]") " = \"192.0.2.1:5061\": the same target twice: keep one of "
					"them\n"},
		{TARGETS("\"_sips._tcp.a.example\",\n\"_SIPS._TCP.A.example\""),
		 AT("5", ".targets[1]") " = \"_SIPS._TCP.A.example\": the same target twice: keep "
					"one of them\n"},
	};
	struct fixture *f = *state;
	const struct sp_conf_trunk *t;
	char host[300], text[1024];

	CHECK(v);
	t = load_trunk(f, TARGETS("\"_SIPS._tcp.A.example\", \"_sip._tls.a.example\","
				  " \"a.example\", \"a.example:5071\", \"a.example:5061\""));
	assert_int_equal(t->targetc, 5); /* the last has no SRV, as the third has */
	assert_string_equal(t->targetv[0].host, "_sips._tcp.a.example");
	assert_false(t->targetv[0].port_given);
	assert_string_equal(t->targetv[1].host, "_sip._tls.a.example");
	assert_false(t->targetv[2].port_given);
	assert_true(t->targetv[3].port_given);
	check_note(f, TARGETS("\"_sip._udp.a.example\""),
		   NOTE("4", ".targets[0]") " = \"_sip._udp.a.example\": is not the name of SIP "
					    "over TLS, \"_sips._tcp.NAME\" or "
					    "\"_sip._tls.NAME\": what it leads to is called over "
					    "TLS all the same\n");

	/* RFC 1035 section 2.3.4: 253 characters in all */
	for (size_t n = 253; n <= 254; n++) {
		memset(host, 'a', sizeof(host));
		memcpy(host, "_sips._tcp.", 11);
		for (size_t i = 60; i < n; i += 50)
			host[i] = '.';
		host[n] = '\0';
		re_snprintf(text, sizeof(text), TARGETS("\"%s\""), host);
		assert_int_equal(fixture_load(f, text), n > 253 ? EINVAL : 0);
	}
}

/* Carriers beside the trunk under test, which is a service. */
#define THREE(more)                                                                                \
	TRUNK(more " },\n" OTHER("c", "carrier") ",\n" OTHER("d", "carrier") ",\n{ " OTHER_KEYS(   \
		"s", "service"))
#define OTHER_KEYS(name, kind)                                                                     \
	"name = \"" name "\"; kind = \"" kind "\"; interface = \"edge\";"                          \
	" targets = [ \"o.example\" ]; identities = [ \"" name ".example\" ];"
#define OTHER(name, kind) "{ " OTHER_KEYS(name, kind) " }"

static const struct sp_conf_trunk *load_first(struct fixture *f, const char *text)
{
	check_note(f, text, "");

	return &f->conf->trunkv[0];
}

static void test_carriers(void **state)
{
	static const struct mistake v[] = {
		{THREE("carrier = [ \"c\",\n\"c\" ];"),
		 AT("5", ".carrier[1]") " = \"c\": the same twice: keep one of them\n"},
		{THREE("carrier = [ \"c\", \"e\", \"s\" ];"),
		 AT("4", ".carrier") ": \"e\": no such trunk; known: c, d\n" AT(
			 "4", ".carrier") ": \"s\": is a service trunk, needs one of kind "
					  "\"carrier\"\n"},
		{THREE("carrier = \"e\";"),
		 AT("4", ".carrier") " = \"e\": no such trunk; known: c, d\n"},
		{THREE("carrier = [ ];"), AT("4", ".carrier") ": has 0 elements, needs 1 to 8\n"},
		{THREE("carrier = [ \"c c\" ];"),
		 AT("4", ".carrier[0]") " = \"c c\": needs 1 to 63 letters, digits, \"_\", \".\" "
					"or \"-\"\n"},
		{THREE("carrier = 5;"),
		 AT("4", ".carrier") " = 5: found a whole number, needs a name in quotes, or a "
				     "list of names, [ \"one\", \"two\" ]\n"},
		{TRUNK_OF("carrier", SIP_NAME, "carrier = [ \"b\" ];"),
		 AT("4", ".carrier") ": is for service trunks only, this is a carrier trunk: take "
				     "it out\n"},
		{THREE("carrier = [ \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", "
		       "\"9\" ];"),
		 AT("4", ".carrier") ": has 9 elements, needs 1 to 8\n"},
	};
	const struct sp_conf_trunk *t;

	CHECK(v);
	t = load_first(*state, THREE("carrier = [ \"d\", \"c\" ];"));
	assert_int_equal(t->carrierc, 2);
	assert_int_equal(t->carrierv[0], 2);
	assert_int_equal(t->carrierv[1], 1);
	t = load_first(*state, THREE("carrier = \"d\";"));
	assert_int_equal(t->carrierc, 1);
	assert_int_equal(t->carrierv[0], 2);
	assert_int_equal(load_first(*state, THREE(""))->carrierc, 0);
}

#define NUMBERS(entry) TRUNK("") "numbers = ( { number = \"+1\"; " entry " } );"

static void test_numbers(void **state)
{
	static const struct mistake v[] = {
		{NUMBERS("trunk = [ \"b\",\n\"b\" ];"),
		 OF("6") "numbers[0] \"+1\".trunk[1] = \"b\": the same twice: keep one of them\n"},
		{NUMBERS("trunk = [ ];"),
		 OF("5") "numbers[0] \"+1\".trunk: has 0 elements, needs 1 to 8\n"},
		{NUMBERS("trunk = \"b\"; carrier = [ 5 ];"),
		 OF("5") "numbers[0] \"+1\".carrier[0] = 5: found a whole number, needs a name in "
			 "quotes, or a list of names, [ \"one\", \"two\" ]\n"},
		{NUMBERS(""),
		 OF("5") "numbers[0] \"+1\".trunk: missing: needs a name in quotes, or "
			 "a list of names, [ \"one\", \"two\" ]\n"},
	};
	struct fixture *f = *state;
	const struct sp_conf_number *n;

	CHECK(v);
	/* what they name is for the number table to judge; case counts */
	check_note(f,
		   NUMBERS("trunk = [ \"b\", \"x\", \"X\" ]; carrier = [ \"c1\", \"c2\", \"c3\","
			   " \"c4\", \"c5\", \"c6\", \"c7\", \"c8\" ];"),
		   "");
	n = &f->conf->numberv[0];
	assert_int_equal(n->trunkc, 3);
	assert_string_equal(n->trunkv[0], "b");
	assert_string_equal(n->trunkv[2], "X");
	assert_int_equal(n->carrierc, 8);
	assert_string_equal(n->carrierv[0], "c1");
	assert_string_equal(n->carrierv[7], "c8");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_networks), TEST(test_bad_networks), TEST(test_many_networks),
		TEST(test_crl),      TEST(test_srv_targets),  TEST(test_carriers),
		TEST(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
