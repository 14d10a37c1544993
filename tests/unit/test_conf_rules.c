/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header rules: what is read, and what the report says of each mistake. A rule
 * that loads can be applied: nothing is found wrong in the middle of a call.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

#define RULE(more) TRUNK("headers_out = ( {\n" more " } );")
#define OF(line, member) AT(line, ".headers_out[0]" member)
#define ADD "action = \"add\"; header = \"X-A\"; "

static void test_good(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(
		*state,
		TRUNK("headers_in = ( { action = \"remove\"; header = \"P-Asserted-Identity\"; }"
		      " );\nheaders_out = (\n"
		      "{ action = \"add\"; header = \"X-Tenant\"; value = \"{account}\"; },\n"
		      "{ action = \"set\"; header = \"User-Agent\"; value = \"x\";\n"
		      "  when = { method = [ \"INVITE\", \"INFO\" ]; status = ( \"1xx\", \"404\", "
		      "486, \"6XX\" );\n header = \"via\"; matches = \"*a*\"; account = "
		      "\"acme*\"; }; },\n"
		      "{ action = \"copy\"; header = \"X-To\"; from = \"To\";\n"
		      "  when = { method = \"UPDATE\"; status = 200; matches = \"\"; header = "
		      "\"X-A\"; }; }\n);"));
	const struct sp_conf_rule *r = t->rules_outv;

	assert_int_equal(t->rules_inc, 1);
	assert_int_equal(t->rules_inv[0].action, SP_RULE_REMOVE);
	assert_string_equal(t->rules_inv[0].header, "P-Asserted-Identity");
	assert_null(t->rules_inv[0].value);
	assert_null(t->rules_inv[0].from);
	assert_int_equal(t->rules_inv[0].src.line, 4);

	assert_int_equal(t->rules_outc, 3);
	assert_int_equal(r[0].action, SP_RULE_ADD);
	assert_string_equal(r[0].value, "{account}");
	assert_int_equal(r[0].src.line, 6);
	assert_int_equal(r[0].when.methodc, 0);
	assert_int_equal(r[0].when.statusc, 0);
	assert_null(r[0].when.header);
	assert_null(r[0].when.matches);
	assert_null(r[0].when.account);

	assert_int_equal(r[1].action, SP_RULE_SET);
	assert_int_equal(r[1].src.line, 7);
	assert_int_equal(r[1].when.methodc, 2);
	assert_string_equal(r[1].when.methodv[0], "INVITE");
	assert_string_equal(r[1].when.methodv[1], "INFO");
	assert_int_equal(r[1].when.statusc, 4);
	assert_int_equal(r[1].when.statusv[0].min, 100);
	assert_int_equal(r[1].when.statusv[0].max, 199);
	assert_int_equal(r[1].when.statusv[1].min, 404);
	assert_int_equal(r[1].when.statusv[1].max, 404);
	assert_int_equal(r[1].when.statusv[2].min, 486);
	assert_int_equal(r[1].when.statusv[3].min, 600);
	assert_int_equal(r[1].when.statusv[3].max, 699);
	assert_string_equal(r[1].when.header, "via");
	assert_string_equal(r[1].when.matches, "*a*");
	assert_string_equal(r[1].when.account, "acme*");

	assert_int_equal(r[2].action, SP_RULE_COPY);
	assert_string_equal(r[2].header, "X-To");
	assert_string_equal(r[2].from, "To");
	assert_null(r[2].value);
	assert_string_equal(r[2].when.methodv[0], "UPDATE");
	assert_int_equal(r[2].when.statusc, 1);
	assert_int_equal(r[2].when.statusv[0].min, 200);
	assert_string_equal(r[2].when.matches, "");
}

static void test_actions(void **state)
{
	static const struct mistake v[] = {
		{RULE("header = \"X-A\"; value = \"x\";"),
		 OF("4", ".action") ": missing: needs \"add\", \"set\", \"remove\" or \"copy\"\n"},
		{RULE("action = \"insert\"; header = \"X-A\"; value = \"x\"; from = \"X-B\";"),
		 OF("5", ".action") " = \"insert\": needs \"add\", \"set\", \"remove\" or "
				    "\"copy\"\n"},
		{RULE("action = \"remove\";"),
		 OF("4", ".header") ": missing: needs the name of a header in quotes\n"},
		{RULE(ADD), OF("4", "") ": action \"add\" needs a value = \"...\"\n"},
		{RULE("action = \"set\"; header = \"X-A\"; from = \"X-B\";"),
		 OF("4", "") ": action \"set\" needs a value = \"...\"\n" OF(
			 "5", ".from") " = \"X-B\": action \"set\" has no use for it: take it "
				       "out\n"},
		{RULE("action = \"remove\"; header = \"X-A\";\nvalue = \"x\";"),
		 OF("6", ".value") " = \"x\": action \"remove\" has no use for it: take it out\n"},
		{RULE("action = \"copy\"; header = \"X-A\"; value = \"x\";"),
		 OF("5", ".value") " = \"x\": action \"copy\" has no use for it: take it out\n" OF(
			 "4", "") ": action \"copy\" needs from = \"...\", the header that is "
				  "copied\n"},
		{RULE("action = \"copy\"; header = \"X-A\"; from = \"x-a\";"),
		 OF("5", ".from") " = \"x-a\": is the header that the copy gets: needs another\n"},
		{RULE(ADD "value = \"\";"),
		 OF("5", ".value") " = \"\": is empty: needs a value, or no such key at all\n"},
		{TRUNK("headers_in = { };"),
		 AT("4", ".headers_in") ": needs a list of groups, ( { ... }, { ... } )\n"},
		{TRUNK("headers_in = ( \"x\" );"),
		 AT("4", ".headers_in[0]") " = \"x\": needs a group, { ... }\n"},
		{RULE(ADD "value = \"x\"; wen = { };"),
		 OF("5", ".wen") ": no such key here; did you mean \"when\"?\n"},
	};

	CHECK(v);
}

#define WRITTEN(name, mend)                                                                        \
	{                                                                                          \
		RULE("action = \"remove\"; header = \"" name "\";"),                               \
			OF("5", ".header") " = \"" name "\": " mend "\n"                           \
	}
#define ITSELF "the gateway writes it itself: a rule cannot change it"
#define SIGNED                                                                                     \
	"belongs to a signature, which a change would break: identity = \"drop\" takes it out "    \
	"whole"

static void test_headers(void **state)
{
	static const struct mistake v[] = {
		WRITTEN("Via", ITSELF),
		WRITTEN("to", ITSELF),
		WRITTEN("Content-Type", ITSELF),
		WRITTEN("content-anything", ITSELF),
		WRITTEN("Security-Verify", ITSELF),
		WRITTEN("Record-Route", ITSELF),
		WRITTEN("Session-Expires", ITSELF),
		WRITTEN("RAck", ITSELF),
		WRITTEN("Refer-To", ITSELF),
		WRITTEN("Proxy-Authorization", ITSELF),
		WRITTEN("Warning", ITSELF),
		WRITTEN("Identity", SIGNED),
		WRITTEN("date", SIGNED),
		WRITTEN("m", "is the short form of \"Contact\": needs the whole name"),
		WRITTEN("X A", "is no name of a header: needs letters, digits and \"-\", without "
			       "the colon"),
		WRITTEN("P-*", "needs the whole name of one header: \"*\" does not stand for "
			       "others"),
		{RULE("action = \"copy\"; header = \"X-A\"; from = \"Authorization\";"),
		 OF("5", ".from") " = \"Authorization\": holds credentials, which stay where they "
				  "are: no rule reads them\n"},
		{RULE(ADD "value = \"x\"; when = { header = \"Proxy-Authorization\"; };"),
		 OF("5", ".when.header") " = \"Proxy-Authorization\": holds credentials, which "
					 "stay where they are: no rule reads them\n"},
	};
	static const char *const good[] = {
		"P-Asserted-Identity",
		"P-Preferred-Identity",
		"Privacy",
		"Diversion",
		"History-Info",
		"User-Agent",
		"Server",
		"Organization",
		"Reason",
		"X-Anything",
		"Alert-Info",
	};
	char text[1024];

	CHECK(v);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		re_snprintf(text, sizeof(text), RULE("action = \"remove\"; header = \"%s\";"),
			    good[i]);
		(void)load_trunk(*state, text);
	}
}

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define VALUE(text, mend)                                                                          \
	{                                                                                          \
		RULE(ADD "value = \"" text "\";"), OF("5", ".value") " = \"" text "\": " mend "\n" \
	}
#define KNOWN "; known: account, label, caller, called, trunk, header:NAME, number:NAME"

static void test_templates(void **state)
{
	static const struct mistake v[] = {
		VALUE("a{",
		      "has a \"{\" without its \"}\": \"{{\" is a brace that is meant as one"),
		VALUE("{caller",
		      "has a \"{\" without its \"}\": \"{{\" is a brace that is meant as one"),
		VALUE("{{{",
		      "has a \"{\" without its \"}\": \"{{\" is a brace that is meant as one"),
		VALUE("{callr}", "{callr} is no word that is known; did you mean \"caller\"?"),
		VALUE("{Account}", "{Account} is no word that is known; did you mean \"account\"?"),
		VALUE("{}", "{} is no word that is known" KNOWN),
		VALUE("{tenant}", "{tenant} is no word that is known" KNOWN),
		VALUE("{header}",
		      "{header} is no word that is known; did you mean \"header:NAME\"?"),
		VALUE("{header:}", "in {header:}, \"\" is no name of a header: needs letters, "
				   "digits and \"-\", without the colon"),
		VALUE("{number:X Y}", "in {number:X Y}, \"X Y\" is no name of a header: needs "
				      "letters, digits and \"-\", without the colon"),
		VALUE("{header:f}", "in {header:f}, \"f\" is the short form of \"From\": needs the "
				    "whole name"),
		VALUE("{header:Authorization}",
		      "in {header:Authorization}, \"Authorization\" holds credentials, which stay "
		      "where they are: no rule reads them"),
		VALUE("{" A40 A40 "}",
		      "has more between \"{\" and \"}\" than any word has: \"{{\" is a brace"),
	};
	static const char *const good[] = {
		"{account}{caller} {called};{trunk}",
		"<sip:{caller}@x>;y={header:X-B}{number:X-MS-TenantID}",
		"{{",
		"{{caller}",
		"} {{}",
		"{{{trunk}",
		"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x93\x9e",
	};
	static const char *const bad[] = {
		"\xfc",     /* Latin-1 */
		"\xc3",     /* cut short */
		"\xc0\xaf", /* overlong */
		"\xe0\x80\xaf",
		"\xed\xa0\x80", /* a surrogate */
		"\xf4\x90\x80\x80",
		"\xc2\x85", /* a control character, U+0085 */
	};
	struct fixture *f = *state;
	char text[1024];

	CHECK(v);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		re_snprintf(text, sizeof(text), RULE(ADD "value = \"%s\";"), good[i]);
		assert_string_equal(load_trunk(f, text)->rules_outv[0].value, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		re_snprintf(text, sizeof(text), RULE(ADD "value = \"a%s\";"), bad[i]);
		assert_int_equal(fixture_load(f, text), EINVAL);
		assert_non_null(strstr(f->lines, ": needs text in UTF-8, without control "
						 "characters\n"));
	}
}

#define WHEN(more) RULE(ADD "value = \"x\";\nwhen = {\n" more " };")
#define METHODS "; known: INVITE, UPDATE, BYE, CANCEL, INFO, MESSAGE, NOTIFY, REFER\n"
#define STATUS "needs a status code from 101 to 699, or a class of them, \"1xx\" to \"6xx\"\n"

#define TRYING "goes to the next hop only: no rules are applied to it\n"

static void test_when(void **state)
{
	static const struct mistake v[] = {
		{WHEN("method = \"invite\";"),
		 OF("7", ".when.method") " = \"invite\": is no method that rules are applied to; "
					 "did you mean \"INVITE\"?\n"},
		{WHEN("method = [ \"BYE\",\n\"ACK\" ];"),
		 OF("8", ".when.method[1]") " = \"ACK\": is a part of its INVITE: no rules "
					    "are applied to it\n"},
		{WHEN("method = \"PRACK\";"),
		 OF("7", ".when.method") " = \"PRACK\": acknowledges on each side by itself: no "
					 "rules are applied to it\n"},
		{WHEN("method = \"OPTIONS\";"),
		 OF("7", ".when.method") " = \"OPTIONS\": is between the gateway and each side: "
					 "no rules are applied to it\n"},
		{WHEN("status = \"4xx\";\nmethod = [ \"CANCEL\", \"BYE\" ];"),
		 OF("8", ".when.method") ": responses to BYE and CANCEL are the gateway's own: "
					 "with status, the rule would never act\n"},
		{WHEN("status = 100;"), OF("7", ".when.status") " = 100: " TRYING},
		{WHEN("status = \"100\";"), OF("7", ".when.status") " = \"100\": " TRYING},
		{WHEN("method = [ ];"), OF("7", ".when.method") ": has 0 elements, needs 1 to 8\n"},
		{WHEN("method = \"PUBLISH\";"),
		 OF("7", ".when.method") " = \"PUBLISH\": is no method that rules are applied "
					 "to" METHODS},
		{WHEN("method = 5;"),
		 OF("7", ".when.method") " = 5: found a whole number, needs a list of methods, "
					 "[ \"INVITE\" ]\n"},
		{WHEN("status = 99;"), OF("7", ".when.status") " = 99: " STATUS},
		{WHEN("status = \"700\";"), OF("7", ".when.status") " = \"700\": " STATUS},
		{WHEN("status = \"+200\";"), OF("7", ".when.status") " = \"+200\": " STATUS},
		{WHEN("status = \"2x\";"), OF("7", ".when.status") " = \"2x\": " STATUS},
		{WHEN("status = \"7xx\";"), OF("7", ".when.status") " = \"7xx\": " STATUS},
		{WHEN("status = ( 200,\n\"0xx\" );"),
		 OF("8", ".when.status[1]") " = \"0xx\": " STATUS},
		{WHEN("status = true;"),
		 OF("7", ".when.status") " = true: found true or false, needs a list of status "
					 "codes, [ \"180\", \"2xx\" ]\n"},
		{WHEN("status = [ 180, 181, 182, 183, 184, 185, 186, 187, 188 ];"),
		 OF("7", ".when.status") ": has 9 elements, needs 1 to 8\n"},
		{WHEN("matches = \"a*\";"),
		 OF("7",
		    ".when.matches") " = \"a*\": needs header = \"...\" beside it: whose value "
				     "is it?\n"},
		{WHEN("header = \"*\"; matches = \"a*\";"),
		 OF("7", ".when.header") " = \"*\": needs the whole name of one header: \"*\" does "
					 "not stand for others\n"},
		{WHEN("account = [ \"a\" ];"),
		 OF("7", ".when.account") ": found a list, needs a string in quotes\n"},
		{WHEN("number = \"+44\";"),
		 OF("7", ".when.number") " = \"+44\": no such key here; known: method, status, "
					 "header, matches, account\n"},
		{RULE(ADD "value = \"x\"; when = \"INVITE\";"),
		 OF("5", ".when") " = \"INVITE\": needs a group, { ... }\n"},
	};

	CHECK(v);
	(void)load_trunk(*state, WHEN("header = \"Contact\";"));
	(void)load_trunk(*state, WHEN(""));
	(void)load_trunk(*state, WHEN("method = [ \"BYE\", \"CANCEL\" ];"));

	/* half of it acts */
	assert_int_equal(
		fixture_load(*state, WHEN("method = [ \"INVITE\", \"BYE\" ]; status = 200;")), 0);
	assert_string_equal(((struct fixture *)*state)->lines,
			    "sallyport.conf:7: note: trunks[0] \"b\".headers_out[0].when.method: "
			    "responses to BYE and CANCEL are the gateway's own: the rule never "
			    "acts on these\n");
}

/* 64 rules are taken, 65 are not; each mistake says of which rule it is. */
static void test_many(void **state)
{
	static char text[32 * 1024];
	struct fixture *f = *state;

	for (unsigned n = SP_CONF_RULES_MAX; n <= SP_CONF_RULES_MAX + 1; n++) {
		char rules[16 * 1024] = "";
		size_t len = 0;

		for (unsigned i = 0; i < n; i++)
			len += (size_t)re_snprintf(rules + len, sizeof(rules) - len,
						   "%s{ action = \"remove\"; header = \"X-%u\"; }",
						   i ? ",\n" : "", i);
		re_snprintf(text, sizeof(text), TRUNK("headers_in = (\n%s );"), rules);
		if (n == SP_CONF_RULES_MAX) {
			assert_int_equal(load_trunk(f, text)->rules_inc, n);
			assert_int_equal(f->conf->trunkv[0].rules_inv[63].src.line, 5 + 63);
			continue;
		}
		assert_int_equal(fixture_load(f, text), EINVAL);
		assert_string_equal(f->lines,
				    AT("4", ".headers_in") ": has 65 elements, needs 0 to 64\n");
	}

	assert_int_equal(fixture_load(f, TRUNK("headers_in = ( { action = \"remove\";"
					       " header = \"X-A\"; },\n{ action = \"remove\";"
					       " header = \"Via\"; } );\nhold = \"x\";")),
			 EINVAL);
	assert_string_equal(f->lines,
			    AT("5", ".headers_in[1].header") " = \"Via\": " ITSELF "\n" AT(
				    "6", ".hold") " = \"x\": needs \"relay\", \"sendonly\" or "
						  "\"inactive\"\n");
	/* for the checks of other rooms, what is good of it is there */
	assert_int_equal(f->conf->trunkv[0].rules_inc, 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

/* One table for the configuration and for the calls; any case, families, compact forms. */
static void test_owners(void **state)
{
	static const struct {
		const char *name;
		enum sp_conf_header_owner owner;
	} v[] = {
		{"accept", SP_HEADER_OWNED},
		{"WWW-AUTHENTICATE", SP_HEADER_OWNED},
		{"Via", SP_HEADER_OWNED},
		{"Content-Anything", SP_HEADER_OWNED},
		{"Security-Client", SP_HEADER_OWNED},
		{"Authorization", SP_HEADER_SECRET},
		{"date", SP_HEADER_SIGNED},
		{"P-Asserted-Identity", SP_HEADER_KEYED},
		{"User-to-User", SP_HEADER_FREE},
		{"X-Mine", SP_HEADER_FREE},
		{"", SP_HEADER_FREE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct pl name;

		pl_set_str(&name, v[i].name);
		assert_int_equal(sp_conf_header_owner(&name), v[i].owner);
	}
	assert_string_equal(sp_conf_header_long('V'), "Via");
	assert_null(sp_conf_header_long('z'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners),
		TEST(test_good),
		TEST(test_actions),
		TEST(test_headers),
		TEST(test_templates),
		TEST(test_when),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
