/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the report says about each mistake, to the letter: these lines are all
 * that a person has to mend a file with.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "conf_fixture.h"

#define TLS "tls = { certificate = \"c.crt\"; key = \"c.key\"; };"
#define MEDIA "media = { address = \"192.0.2.1\"; ports = [ 20000, 29999 ]; };"
#define SIP "sip = { address = \"192.0.2.1\"; };"
#define SIDE(sip, tls, media) "{ name = \"core\"; " sip " " tls " " media " }"
#define PEER "interface = \"core\"; identities = [ \"a.example\" ];"
#define CARRIER "{ name = \"a\"; kind = \"carrier\"; " PEER " targets = [ \"a.example\" ]; }"
/* Three good lines; what is behind them begins on line 4. */
#define INTERFACES "interfaces = ( " SIDE(SIP, TLS, MEDIA) " );\n"
#define TRUNKS "trunks = ( " CARRIER " );\n"
#define GOOD INTERFACES TRUNKS "number_files = [ \"n.csv\" ];\n"
/* One interface with something to try; one trunk with the same. */
#define WITH_SIDE(sip, tls, media)                                                                 \
	"interfaces = ( " SIDE(sip, tls, media) " );\n" TRUNKS "number_files = [ \"n.csv\" ];\n"
#define WITH_TRUNKS(t) INTERFACES "number_files = [ \"n.csv\" ];\ntrunks = (\n" t " );\n"
#define TRUNK(more)                                                                                \
	"{ name = \"b\"; kind = \"service\"; interface = \"core\"; identities = [ \"b.example\" "  \
	"];"                                                                                       \
	" targets = [ \"b.example\" ];\n" more " }"
#define WITH_TRUNK(more) WITH_TRUNKS(CARRIER ",\n" TRUNK(more))
#define AT(line) "sallyport.conf:" line ": "

struct mistake {
	const char *text, *lines;
};

static int setup(void **state)
{
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");

	return fixture_alloc(state);
}

static void check(struct fixture *f, const struct mistake *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int err = fixture_load(f, v[i].text);

		assert_string_equal(f->lines, v[i].lines);
		assert_int_equal(err, EINVAL);
	}
}
#define CHECK(table) check(*state, table, sizeof(table) / sizeof((table)[0]))

/* The ground that the rest stands on. */
static void test_good(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, GOOD), 0);
	assert_string_equal(f->lines, "");
	assert_int_equal(fixture_load(f, WITH_TRUNK("")), 0);
	assert_string_equal(f->lines, "");
}

static void test_keys(void **state)
{
	static const struct mistake v[] = {
		{GOOD "limits = { cals = 5; };",
		 AT("4") "limits.cals = 5: no such key here; did you mean \"calls\"?\n"},
		{GOOD "limits = {\n  Drain_S = 5; };",
		 AT("5") "limits.Drain_S = 5: no such key here; did you mean \"drain_s\"?\n"},
		{GOOD "log = { colour = \"r\\\"ed\"; };",
		 AT("4") "log.colour = \"r\\\"ed\": no such key here; known: level, numbers\n"},
		{GOOD "trunk = ();", AT("4") "trunk: no such key here; did you mean \"trunks\"?\n"},
		{WITH_TRUNK("targts = [ ];"),
		 AT("6") "trunks[1] \"b\".targts: no such key here; did you mean \"targets\"?\n"},
		{"", "sallyport.conf: interfaces: missing: needs a list of groups, "
		     "( { ... }, { ... } )\n"
		     "sallyport.conf: trunks: missing: needs a list of groups, "
		     "( { ... }, { ... } )\n"
		     "sallyport.conf: note: no numbers and no number_files: no call finds its "
		     "trunk\n"},
		{WITH_TRUNKS("{ name = \"a\";\n kind = \"carrier\"; }"),
		 AT("4") "trunks[0] \"a\".interface: missing: needs a name in quotes\n" AT(
			 "4") "trunks[0] \"a\".identities: missing: needs a list of host names, "
			      "[ \"sbc.example.net\" ]\n"},
		{WITH_SIDE(SIP, "", MEDIA),
		 AT("1") "interfaces[0] \"core\".tls: missing: needs a group, { ... }\n"},
		{WITH_SIDE(SIP, "tls = { key = \"k\"; };", MEDIA),
		 AT("1") "interfaces[0] \"core\".tls.certificate: missing: needs the name of a "
			 "file in quotes\n"},
		{GOOD "interfaces = ( );",
		 AT("4") "interfaces: given a second time, first on line 1: keep one of them\n"},
	};

	CHECK(v);
}

static void test_types(void **state)
{
	static const struct mistake v[] = {
		{GOOD "limits = { calls = \"5\"; };",
		 AT("4") "limits.calls = \"5\": found a string, needs a whole number from 1 to "
			 "100000\n"},
		{GOOD "limits = { calls = 5.5; };",
		 AT("4") "limits.calls = 5.500000: found a fraction, needs a whole number from 1 "
			 "to 100000\n"},
		{GOOD "limits = { calls = true; };",
		 AT("4") "limits.calls = true: found true or false, needs a whole number from 1 "
			 "to 100000\n"},
		{GOOD "limits = { calls = [ 5 ]; };",
		 AT("4") "limits.calls: found a list, needs a whole number from 1 to 100000\n"},
		{GOOD "limits = 5;", AT("4") "limits = 5: needs a group, { ... }\n"},
		{GOOD "numbers = { };",
		 AT("4") "numbers: needs a list of groups, ( { ... }, { ... } )\n"},
		{GOOD "numbers = ( 5 );", AT("4") "numbers[0] = 5: needs a group, { ... }\n"},
		{GOOD "log = { level = 3; };",
		 AT("4") "log.level = 3: found a whole number, needs \"error\", \"warn\", "
			 "\"info\" or \"debug\"\n"},
		{GOOD "log = { level = \"wran\"; };",
		 AT("4") "log.level = \"wran\": needs \"error\", \"warn\", \"info\" or \"debug\"; "
			 "did you mean \"warn\"?\n"},
		{WITH_TRUNK("wildcard = \"true\";"),
		 AT("6") "trunks[1] \"b\".wildcard = \"true\": found a string, needs true or "
			 "false\n"},
		{WITH_TRUNK("domain = 5;"),
		 AT("6") "trunks[1] \"b\".domain = 5: found a whole number, needs a host name in "
			 "quotes\n"},
		{WITH_TRUNK("ca = \"\";"),
		 AT("6") "trunks[1] \"b\".ca = \"\": is empty: needs a value, or no such key at "
			 "all\n"},
		{GOOD "numbers = ( { number = \"+1\"; trunk = \"b\"; headers = [ \"x\" ]; } );",
		 AT("4") "numbers[0] \"+1\".headers: found a list, needs a group of strings, "
			 "{ Name = \"value\"; }\n"},
		{GOOD
		 "numbers = ( { number = \"+1\"; trunk = \"b\";\n headers = { X-A = 5; }; } );",
		 AT("5") "numbers[0] \"+1\".headers.X-A = 5: found a whole number, needs a string "
			 "in quotes\n"},
		{GOOD "numbers = ( { number = 441; trunk = \"b\"; } );",
		 AT("4") "numbers[0].number = 441: found a whole number, needs a string in "
			 "quotes\n"},
		{GOOD "numbers = ( { number = \"a\\x07\\n\"; trunk = \"b\"; } );",
		 AT("4") "numbers[0] \"a\\x07\\x0a\".number = \"a\\x07\\x0a\": has a control "
			 "character: take it out\n"},
	};

	CHECK(v);
}

static void test_ranges(void **state)
{
	static const struct mistake v[] = {
		{GOOD "limits = { calls = 0; };",
		 AT("4") "limits.calls = 0: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = -1; };",
		 AT("4") "limits.calls = -1: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = 100001; };",
		 AT("4") "limits.calls = 100001: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { ring_s = 9; drain_s = 86401L; };",
		 AT("4") "limits.ring_s = 9: needs a whole number from 10 to 3600\n" AT(
			 "4") "limits.drain_s = 86401: needs a whole number from 0 to 86400\n"},
		{WITH_SIDE("sip = { address = \"192.0.2.1\"; port = 65536; };", TLS, MEDIA),
		 AT("1") "interfaces[0] \"core\".sip.port = 65536: needs a whole number from 1 to "
			 "65535\n"},
		{WITH_SIDE(SIP, TLS,
			   "media = { address = \"192.0.2.1\"; ports = [ 20000, 29999 ]; dscp = "
			   "64; };"),
		 AT("1") "interfaces[0] \"core\".media.dscp = 64: needs a whole number from 0 to "
			 "63\n"},
	};
	static const char *const good[] = {
		GOOD "limits = { calls = 1; ring_s = 10; drain_s = 0; };",
		GOOD "limits = { calls = 5000; ring_s = 3600; drain_s = 86400; };",
		WITH_SIDE("sip = { address = \"192.0.2.1\"; port = 65535; };", TLS,
			  "media = { address = \"192.0.2.1\"; ports = [ 20000, 29999 ];"
			  " dscp = 0; };"),
	};

	CHECK(v);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(fixture_load(*state, good[i]), 0);
}

/* What libconfig 1.5 would take as other numbers without a word. */
static void test_wrapped_integers(void **state)
{
	static const struct mistake v[] = {
		{GOOD "limits = { calls = 5000000000; };",
		 AT("4") "limits.calls = 5000000000: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = 4294967396L; };",
		 AT("4") "limits.calls = 4294967396L: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls =\n 2147483648; };",
		 AT("5") "limits.calls = 2147483648: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = 0xFFFFFFFF; };",
		 AT("4") "limits.calls = 0xFFFFFFFF: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = 0x100000005LL; };",
		 AT("4") "limits.calls = 0x100000005LL: needs a whole number from 1 to "
			 "100000\n"},
		{GOOD "limits = { calls = -4294967291; };",
		 AT("4") "limits.calls = -4294967291: needs a whole number from 1 to 100000\n"},
		{GOOD "limits = { calls = 0100; };",
		 AT("4") "limits.calls = 0100: needs a whole number from 1 to 100000, without "
			 "leading zeros\n"},
		{GOOD "nonsense = 5000000000;",
		 AT("4") "nonsense = 5000000000: no such key here; known: log, limits, dns, "
			 "overload, status, sandbox, interfaces, trunks, numbers, number_files, "
			 "accounts, account_files\n"},
	};
	/* not integers: in comments, strings, names and fractions */
	static const char good[] =
		GOOD "# 5000000000\n/* 5000000000\n */ // 5000000000\n"
		     "numbers = ( { number = \"5000000000\"; trunk = \"a\"; account = "
		     "\"\\\"5000000000\";\n"
		     "  headers = { X5000000000 = \"0\"; X-6000000000 = \"0010\"; }; } );\n"
		     "limits = { calls = 0x7ff; ring_s = 180L; drain_s = 0; };\n";
	struct fixture *f = *state;

	CHECK(v);
	/* too long even for 64 bits: libconfig 1.7 finds no key there, 1.5 does */
	assert_int_equal(fixture_load(f, GOOD "limits = { calls = 99999999999999999999; };"),
			 EINVAL);
	assert_non_null(strstr(f->lines, AT("4")));
	assert_non_null(strstr(f->lines, "calls = 99999999999999999999: "));
	/* in a list: to libconfig 1.7 that is another type than its neighbour's */
	assert_int_equal(fixture_load(f, WITH_SIDE(SIP, TLS,
						   "media = { address = \"192.0.2.1\";\n"
						   " ports = [ 20000,\n 4294997295 ]; };")),
			 EINVAL);
	assert_non_null(strstr(f->lines, AT("3")));
	assert_non_null(strstr(f->lines, "ports = 4294997295: "));
	assert_int_equal(fixture_load(f, good), 0);
	assert_int_equal(f->conf->limits.calls, 0x7ff);
}

#define NO_SETTING "is no setting: \"=\" is missing behind it, or it should not be there\n"
#define NO_QUOTE                                                                                   \
	"a string begins on this line and does not end on it: a quote is missing, or one too "     \
	"many\n"

static void test_syntax(void **state)
{
	static const struct mistake v[] = {
		{GOOD "limits = { calls = 5;\n ring_s = 20; calls = 6; };",
		 AT("5") "calls: given a second time, first on line 4: keep one of them\n"},
		{GOOD "limits = { calls = 5;\n\n ring_s = 20;\n",
		 AT("4") "the \"{\" that begins here is never closed\n"},
		{GOOD "limits = {\n calls = 5;\n);\n",
		 AT("6") "\")\" here, but the bracket to close is \"{\" of line 4: one between "
			 "them is missing, wrong, or one too many\n"},
		{GOOD "limits = { }; };\n", AT("4") "\"}\" closes nothing: it is one too many\n"},
		{GOOD "log = { level = \"info; };\n\n", AT("4") NO_QUOTE},
		/* not where the quotes run out, but where they went wrong */
		{GOOD "log = { level = \"info; };\n\nnumber_files = [ \"a\" ];\n",
		 AT("4") NO_QUOTE},
		{GOOD "log = {\n level = info\"; };\nnumber_files = [ \"a\" ];\n",
		 AT("5") NO_QUOTE},
		{GOOD "\n/* log\n\n",
		 AT("5") "the comment that begins here never ends: needs \"*/\"\n"},
		{GOOD "log = { level = info; };\n",
		 AT("4") "level: info stands without quotes: only numbers, true and false do\n"},
		{GOOD "more = [\n \"a\", b ];\n",
		 AT("5") "more: b stands without quotes: only numbers, true and false "
			 "do\n"},
		{GOOD "log = { level = 'info'; };\n",
		 AT("4") "strings stand between two \", not between two '\n"},
		{GOOD "log = { level = \xe2\x80\x9cinfo\xe2\x80\x9d; };\n",
		 AT("4") "not plain ASCII, outside of strings and comments: a quote or a blank "
			 "from a word processor? Strings stand between two \"\n"},
		{GOOD "limits = { }; @include \"a.inc\"\n",
		 AT("4") "only @include \"FILE\" begins with @, on a line of its own\n"},
		{GOOD "limits = { calls = 4,000; };\n",
		 AT("4") "syntax error: look here and on the line before: a quote, \"=\", \",\" or "
			 "\";\" is missing or one too many\n" AT(
				 "4") "calls = 000: write it without leading zeros, and without "
				      "commas between digits\n"},
		{GOOD "limits = { calls 5; };\n", AT("4") "calls: " NO_SETTING},
		{GOOD "limits = { calls = 4k; };\n", AT("4") "k: " NO_SETTING},
		{GOOD "more = ( { a = 1; }\n\nlimits = { calls = 5; };\n",
		 AT("6") "limits: this setting stands within the \"(\" of line 4: is that not "
			 "closed?\n"},
		{GOOD "the end", AT("4") "the: " NO_SETTING},
		{GOOD "more = ( \"a\"; \"b\" );\n",
		 AT("4") "syntax error: look here and on the line before: a quote, \"=\", \",\" or "
			 "\";\" is missing or one too many\n"},
		{GOOD "numbers = (((((((((((((((((1)))))))))))))))));",
		 AT("4") "more than 16 brackets within each other\n"},
		{GOOD "limits = { calls = 5000000000; ring_s 5; };",
		 AT("4") "ring_s: " NO_SETTING AT(
			 "4") "calls = 5000000000: larger than any number here may be\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	/* there is no snapshot of what could not be parsed */
	assert_null(f->conf);
	fixture_write_bytes(f, "nul.conf", "a = 1;\n\0", 8);
	assert_int_equal(fixture_load(f, "@include \"nul.conf\"\n"), EINVAL);
	assert_string_equal(f->lines,
			    "nul.conf:2: a NUL byte: this is no text file, or none in UTF-8\n");
}

static void test_includes(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "again.inc", "\n@include \"again.inc\"\n");
	fixture_write(f, "bad.inc", "\nlimits = {\n  calls = 0; };\n");

	assert_int_equal(fixture_load(f, "\n @include \"none.inc\"\n"), EINVAL);
	assert_non_null(strstr(f->lines, AT("2") "@include = "));
	assert_non_null(strstr(f->lines, "/none.inc\": cannot be read: "));
	assert_int_equal(fixture_load(f, "@include \"again.inc\"\n"), EINVAL);
	assert_string_equal(f->lines, "again.inc:2: @include = \"again.inc\": too many: at most 64 "
				      "in all, 8 within each other; does a file include itself?\n");
	fixture_write(f, "log.inc", "\xef\xbb\xbflog = { level = \"debug\"; };\n");
	assert_int_equal(fixture_load(f, "@include \"log.inc\" ;\n"), EINVAL);
	assert_string_equal(f->lines, AT("1") "@include: takes no \";\" behind it: take it out\n");
	assert_int_equal(fixture_load(f, GOOD "@include \"log.inc\"\n"), 0); /* with its BOM */
	assert_int_equal(fixture_load(f, GOOD "@include \"bad.inc\"\nlimit = 1;\n"), EINVAL);
	assert_string_equal(
		f->lines, "bad.inc:3: limits.calls = 0: needs a whole number from 1 to 100000\n" AT(
				  "5") "limit = 1: no such key here; did you mean \"limits\"?\n");
}

static void test_hosts(void **state)
{
	static const struct mistake v[] = {
		{WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\"; interface = \"core\";\n"
			     "targets = [ \"a.example\" ]; identities = [\n"
			     "\"*.a.example\",\n\"192.0.2.1\",\n\"a_b.example\",\n\"ok.example\",\n"
			     "\"-a.example\"\n]; }"),
		 AT("6") "trunks[0] \"a\".identities[0] = \"*.a.example\": a wildcard stands in "
			 "certificates, not here: write the name, and wildcard = true if "
			 "certificates have one\n" AT(
				 "7") "trunks[0] \"a\".identities[1] = \"192.0.2.1\": is an IP "
				      "address, needs a host name\n" AT(
					      "8") "trunks[0] \"a\".identities[2] = "
						   "\"a_b.example\": is no host "
						   "name: needs letters, digits and \"-\" between "
						   "dots, such as "
						   "sbc.example.net\n" AT(
							   "10") "trunks[0] \"a\".identities[4] = "
								 "\"-a.example\": is no "
								 "host name: needs letters, digits "
								 "and \"-\" between dots, "
								 "such as sbc.example.net\n"},
		{WITH_TRUNKS("{ name = \"a b\"; kind = \"carrier\"; " PEER
			     " targets = [ \"a.example\" ]; }"),
		 AT("4") "trunks[0] \"a b\".name = \"a b\": needs 1 to 63 letters, digits, \"_\", "
			 "\".\" or \"-\"\n"},
		{WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\"; interface = \"core\";"
			     " identities = [ ]; targets = [ \"a.example\" ]; }"),
		 AT("4") "trunks[0] \"a\".identities: has 0 elements, needs 1 to 32\n"},
		{WITH_TRUNK("domain = \"1.2.3\";"),
		 AT("6") "trunks[1] \"b\".domain = \"1.2.3\": is no host name: needs letters, "
			 "digits and \"-\" between dots, such as sbc.example.net\n"},
		{WITH_SIDE("sip = { address = \"core\"; };", TLS, MEDIA),
		 AT("1") "interfaces[0] \"core\".sip.address = \"core\": is no IP address: needs "
			 "one such as 192.0.2.10 or 2001:db8::10\n"},
		{WITH_SIDE("sip = { address = \"0.0.0.0\"; };", TLS, MEDIA),
		 AT("1") "interfaces[0] \"core\".sip.address = \"0.0.0.0\": listens on every "
			 "address, so needs sip.advertise: the name or address that peers are "
			 "told\n"},
		{WITH_SIDE("sip = { address = \"::\"; advertise = \"0.0.0.0\"; };", TLS, MEDIA),
		 AT("1") "interfaces[0] \"core\".sip.advertise = \"0.0.0.0\": needs an address "
			 "that others can reach\n" AT(
				 "1") "interfaces[0] \"core\".sip.address = \"::\": listens on "
				      "every address, so needs sip.advertise: the name or address "
				      "that peers are told\n"},
	};

	CHECK(v);
}

#define TARGET(t, mend)                                                                            \
	{                                                                                          \
		WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\"; " PEER                            \
			    "\n targets = [ \"x.example:5061\",\n\"" t "\" ]; }"),                 \
			AT("6") "trunks[0] \"a\".targets[1] = \"" t "\": " mend "\n"               \
	}

static void test_targets(void **state)
{
	static const struct mistake v[] = {
		TARGET("h.example:0", "needs a port from 1 to 65535 after the last colon"),
		TARGET("h.example:65536", "needs a port from 1 to 65535 after the last colon"),
		TARGET("h.example:", "needs a port from 1 to 65535 after the last colon"),
		TARGET("h.example:+5", "needs a port from 1 to 65535 after the last colon"),
		TARGET("2001:db8::1",
		       "needs brackets around an IPv6 address: \"[2001:db8::1]:5061\""),
		TARGET("[2001:db8::1", "needs \"[address]:port\""),
		TARGET("[2001:db8::1]5061", "needs \"[address]:port\""),
		TARGET("[192.0.2.1]:5061",
		       "needs brackets around IPv6 addresses, and only around these"),
		TARGET("[h.example]",
		       "needs a host name or an IP address, with or without \":port\""),
		TARGET("[]", "needs a host name or an IP address, with or without \":port\""),
		TARGET(":5061", "needs a host name or an IP address, with or without \":port\""),
		TARGET("sip:h.example",
		       "is a URI: write host and port alone, \"sbc.example.net:5061\""),
		TARGET("sips:192.0.2.1:5061",
		       "is a URI: write host and port alone, \"sbc.example.net:5061\""),
		TARGET("a:5061 b:5061",
		       "needs a host name or an IP address, with or without \":port\""),
		TARGET("h example",
		       "needs a host name or an IP address, with or without \":port\""),
		TARGET("0.0.0.0:5061", "is no address that can be called"),
		TARGET("X.example:5061", "the same target twice: keep one of them"),
	};

	CHECK(v);
}

#define PORTS(ports, mend)                                                                         \
	{                                                                                          \
		WITH_SIDE(SIP, TLS, "media = { address = \"192.0.2.1\"; ports = " ports "; };"),   \
			AT("1") "interfaces[0] \"core\".media.ports" mend "\n"                     \
	}

static void test_media(void **state)
{
	static const struct mistake v[] = {
		PORTS("20000", " = 20000: found a whole number, needs two ports, [ 20000, 29999 ]"),
		PORTS("[ 20000 ]", ": has 1 elements, needs two: [ lowest, highest ]"),
		PORTS("[ \"a\", \"b\" ]", ": found a list, needs two ports, [ 20000, 29999 ]"),
		PORTS("[ 1022, 2000 ]", ": [ 1022, 2000 ] needs ports from 1024 to 65535"),
		PORTS("[ 20000, 65536 ]", ": [ 20000, 65536 ] needs ports from 1024 to 65535"),
		PORTS("[ 20001, 29999 ]",
		      ": [ 20001, 29999 ] needs an even lowest port (RTP), 20002 say"),
		PORTS("[ 20000, 20000 ]",
		      ": [ 20000, 20000 ] needs the lowest port first and at least two"),
		PORTS("[ 20999, 20000 ]",
		      ": [ 20999, 20000 ] needs the lowest port first and at least two"),
		PORTS("[ 20002, 20001 ]",
		      ": [ 20002, 20001 ] needs the lowest port first and at least two"),
		{WITH_SIDE(SIP, TLS, "media = { address = \"::\"; ports = [ 20000, 29999 ]; };"),
		 AT("1") "interfaces[0] \"core\".media.address = \"::\": needs one address of this "
			 "machine\n"},
		{WITH_SIDE(SIP, TLS,
			   "media = { address = \"192.0.2.1\"; advertise = \"2001:db8::1\";"
			   " ports = [ 20000, 29999 ]; };"),
		 AT("1") "interfaces[0] \"core\".media.advertise = \"2001:db8::1\": needs the same "
			 "IP version as media.address\n"},
		{WITH_SIDE(SIP, TLS,
			   "media = { address = \"192.0.2.1\"; advertise = \"0.0.0.0\";"
			   " ports = [ 20000, 29999 ]; };"),
		 AT("1") "interfaces[0] \"core\".media.advertise = \"0.0.0.0\": needs an address "
			 "that others can reach\n"},
	};

	CHECK(v);
}

#define TWO(sip2, media2)                                                                          \
	"interfaces = ( " SIDE(SIP, TLS, MEDIA) ",\n{ name = \"edge\"; sip = { " sip2 " }; " TLS   \
						" media = { " media2 " }; } );\n" TRUNKS           \
						"number_files = [ \"n.csv\" ];\n"

static void test_interfaces_together(void **state)
{
	static const struct mistake v[] = {
		{TWO("address = \"192.0.2.1\";",
		     "address = \"192.0.2.2\"; ports = [ 20000, 29999 ];"),
		 AT("2") "interfaces[1] \"edge\".sip.address = \"192.0.2.1\": interfaces[0] "
			 "\"core\" listens there on port 5061 too: needs another address or "
			 "port\n"},
		{TWO("address = \"0.0.0.0\"; advertise = \"a.example\";",
		     "address = \"192.0.2.2\"; ports = [ 20000, 29999 ];"),
		 AT("2") "interfaces[1] \"edge\".sip.address = \"0.0.0.0\": interfaces[0] "
			 "\"core\" listens there on port 5061 too: needs another address or "
			 "port\n"},
		{TWO("address = \"192.0.2.2\";",
		     "address = \"192.0.2.1\"; ports = [ 29998, 39999 ];"),
		 AT("2") "interfaces[1] \"edge\".media.ports: [ 29998, 39999 ] overlaps "
			 "[ 20000, 29999 ] of interfaces[0] \"core\" on the same address: needs "
			 "other ports\n"},
		{"interfaces = ( " SIDE(
			 SIP, TLS,
			 MEDIA) ",\n"
				"{ name = \"core\"; sip = { address = \"192.0.2.2\"; };" TLS
				" media = { address = \"192.0.2.2\"; ports = [ 20000, 29999 ]; }; "
				"} );\n" TRUNKS "number_files = [ \"n.csv\" ];\n",
		 AT("2") "interfaces[1] \"core\".name = \"core\": interfaces[0] has the same name: "
			 "needs another\n"},
		{WITH_SIDE(SIP,
			   "tls = { certificate = \"c\"; key = \"k\";\n client_key = \"x\"; };",
			   MEDIA),
		 AT("2") "interfaces[0] \"core\".tls.client_key = \"x\": needs its certificate: "
			 "set tls.client_certificate\n"},
	};
	static const char *const good[] = {
		TWO("address = \"192.0.2.1\"; port = 5062;",
		    "address = \"192.0.2.1\"; ports = [ 30000, 39999 ];"),
		TWO("address = \"::\"; advertise = \"a.example\";",
		    "address = \"192.0.2.2\"; ports = [ 20000, 29999 ];"),
	};

	CHECK(v);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(fixture_load(*state, good[i]), 0);
}

static void test_trunks_together(void **state)
{
	static const struct mistake v[] = {
		{WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\";\n interface = \"croe\";"
			     " identities = [ \"a.example\" ]; targets = [ \"a.example\" ]; }"),
		 AT("5") "trunks[0] \"a\".interface = \"croe\": no such interface; did you mean "
			 "\"core\"?\n"},
		{WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\"; interface = \"x\";"
			     " identities = [ \"a.example\" ]; targets = [ \"a.example\" ]; }"),
		 AT("4") "trunks[0] \"a\".interface = \"x\": no such interface; known: core\n"},
		{WITH_TRUNK("carrier = \"c\";"),
		 AT("6") "trunks[1] \"b\".carrier = \"c\": no such trunk; known: a\n"},
		{WITH_TRUNK("carrier = \"b\";"), AT("6") "trunks[1] \"b\".carrier = \"b\": is a "
							 "service trunk, needs one of kind "
							 "\"carrier\"\n"},
		{WITH_TRUNKS("{ name = \"a\"; kind = \"carrier\"; " PEER
			     " targets = [ \"a.example\" ];\n carrier = \"a\"; }"),
		 AT("5") "trunks[0] \"a\".carrier = \"a\": is for service trunks only, this is a "
			 "carrier trunk: take it out\n"},
		{WITH_TRUNKS(CARRIER ",\n" CARRIER),
		 AT("5") "trunks[1] \"a\".name = \"a\": trunks[0] has the same name: needs "
			 "another\n" AT(
				 "5") "trunks[1] \"a\".identities: \"a.example\" is an identity of "
				      "trunks[0] \"a\" too, on the same interface: a peer must "
				      "belong to one of them\n"},
		{WITH_TRUNKS("{ name = \"b\"; kind = \"carrier\"; interface = \"core\";\n"
			     " identities = [ \"b.example\", \"B.example\" ];"
			     " targets = [ \"a.example\" ]; }"),
		 AT("5") "trunks[0] \"b\".identities: \"b.example\" twice: keep one of them\n"},
		{WITH_TRUNK("certificate = \"x\";"),
		 AT("6") "trunks[1] \"b\".certificate = \"x\": needs its private key: set key\n"},
		{WITH_TRUNK("key = \"x\";"),
		 AT("6") "trunks[1] \"b\".key = \"x\": needs its certificate: set certificate\n"},
	};

	CHECK(v);
}

/* Worth saying, and no mistakes. */
static void test_notes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, INTERFACES
				      "trunks = ( { name = \"a\"; kind = \"carrier\"; " PEER
				      " } );\nlimits = { calls = 5001; };\n"),
			 0);
	assert_int_equal(sp_report_mistakes(f->report), 0);
	assert_string_equal(f->lines,
			    AT("1") "note: interfaces[0] \"core\".media.ports: room for the audio "
				    "of 5000 call legs, while limits.calls is 5001\n" AT(
					    "2") "note: trunks[0] \"a\": has no targets: calls "
						 "reach it only over connections that it opened\n"
						 "sallyport.conf: note: no numbers and no "
						 "number_files: no call finds its trunk\n");
}

/* One look at the report is enough: everything is in it at once. */
static void test_all_at_once(void **state)
{
	static const struct mistake v[] = {
		{"log = { level = \"loud\"; };\nlimits = { calls = 0; cals = 1; };\n"
		 "interfaces = ( { name = \"core\";\n sip = { address = \"x\"; };\n" TLS "\n" MEDIA
		 " } );\ntrunks = (\n{ name = \"b\"; kind = \"service\"; interface = \"cor\";\n"
		 "identities = [ \"*.x\" ]; targets = [ \"b.example:x\" ];\n carrier = \"b\"; }\n"
		 ");\nnumbers = ( { number = 5; } );\n",
		 "sallyport.conf:1: log.level = \"loud\": needs \"error\", \"warn\", \"info\" or "
		 "\"debug\"\n"
		 "sallyport.conf:2: limits.calls = 0: needs a whole number from 1 to 100000\n"
		 "sallyport.conf:2: limits.cals = 1: no such key here; did you mean \"calls\"?\n"
		 "sallyport.conf:4: interfaces[0] \"core\".sip.address = \"x\": is no IP address: "
		 "needs one such as 192.0.2.10 or 2001:db8::10\n"
		 "sallyport.conf:9: trunks[0] \"b\".identities[0] = \"*.x\": a wildcard stands in "
		 "certificates, not here: write the name, and wildcard = true if certificates have "
		 "one\n"
		 "sallyport.conf:9: trunks[0] \"b\".targets[0] = \"b.example:x\": needs a port "
		 "from "
		 "1 to 65535 after the last colon\n"
		 "sallyport.conf:12: numbers[0].number = 5: found a whole number, needs a string "
		 "in "
		 "quotes\n"
		 "sallyport.conf:12: numbers[0].trunk: missing: needs a name in quotes, or a list "
		 "of "
		 "names, [ \"one\", \"two\" ]\n"
		 "sallyport.conf:8: trunks[0] \"b\".interface = \"cor\": no such interface; did "
		 "you "
		 "mean \"core\"?\n"
		 "sallyport.conf:10: trunks[0] \"b\".carrier = \"b\": is a service trunk, needs "
		 "one "
		 "of kind \"carrier\"\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	/* there is still a snapshot for the checks of other rooms */
	assert_non_null(f->conf);
	assert_int_equal(f->conf->trunkc, 1);
	assert_int_equal(f->conf->numberc, 0);
}

static void test_report_limits(void **state)
{
	struct fixture *f = *state;
	static char text[64 * 1024];
	char value[300];
	size_t n;

	/* 1,200 unknown keys: the first 1,000 are told, the rest is counted */
	strcpy(text, GOOD);
	n = strlen(text);
	for (unsigned i = 0; i < 1200; i++)
		n += (size_t)re_snprintf(text + n, sizeof(text) - n, "zzzzzz%u = 1;\n", i);
	assert_int_equal(fixture_load(f, text), EINVAL);
	assert_int_equal(sp_report_mistakes(f->report), 1200);
	assert_non_null(strstr(f->lines, "zzzzzz999 = 1: "));
	assert_null(strstr(f->lines, "zzzzzz1000 = 1: "));
	assert_non_null(strstr(f->lines, "\nand 200 more mistakes\n"));

	/* libconfig and scan.c compare each key with all others */
	strcpy(text, GOOD "log = {\n");
	n = strlen(text);
	for (unsigned i = 0; i < 2049; i++)
		n += (size_t)re_snprintf(text + n, sizeof(text) - n, "z%u = 1;\n", i);
	re_snprintf(text + n, sizeof(text) - n, "};\n");
	assert_int_equal(fixture_load(f, text), EINVAL);
	assert_string_equal(f->lines, AT("2053") "z2048: more than 2048 settings in one group: no "
						 "group has so many\n");

	/* values are cut at 100 characters */
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	re_snprintf(text, sizeof(text), GOOD "log = { level = \"%s\"; };", value);
	assert_int_equal(fixture_load(f, text), EINVAL);
	value[100] = '\0';
	re_snprintf(text, sizeof(text), AT("4") "log.level = \"%s\"...: needs ", value);
	assert_memory_equal(f->lines, text, strlen(text));
}

/* As other rooms use it: sources that are not known, values that are not there. */
static void test_report_add(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf_src src = {.file = "a.csv", .line = 7};

	sp_report_add(f->report, &src, "number", "+44\r", "needs %u digits", 3u);
	sp_report_add(f->report, &src, "number", NULL, "is missing");
	sp_report_add(f->report, NULL, NULL, NULL, "no memory");
	sp_report_note(f->report, &src, "trunk", "b", "unused");
	sp_report_print(f->report, fixture_line, f);
	assert_string_equal(f->lines, "a.csv:7: number = \"+44\\x0d\": needs 3 digits\n"
				      "a.csv:7: number: is missing\n"
				      "no memory\n"
				      "a.csv:7: note: trunk = \"b\": unused\n");
	assert_int_equal(sp_report_mistakes(f->report), 3);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_keys),
		TEST(test_types),
		TEST(test_ranges),
		TEST(test_wrapped_integers),
		TEST(test_syntax),
		TEST(test_includes),
		TEST(test_hosts),
		TEST(test_targets),
		TEST(test_media),
		TEST(test_interfaces_together),
		TEST(test_trunks_together),
		TEST(test_notes),
		TEST(test_all_at_once),
		TEST(test_report_limits),
		TEST(test_report_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
