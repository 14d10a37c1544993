/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How calls with a trunk go: the keys for it, their defaults, and what the
 * report says of each mistake.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

static void test_defaults(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(*state, TRUNK(""));

	assert_int_equal(t->profile, SP_PROFILE_GENERIC);
	assert_int_equal(t->reliable, SP_USE_SUPPORTED);
	assert_int_equal(t->timer.use, SP_USE_SUPPORTED);
	assert_int_equal(t->timer.expires_s, 1800);
	assert_int_equal(t->timer.min_s, 90);
	assert_int_equal(t->timer.refresher, SP_REFRESHER_ANY);
	assert_int_equal(t->timer.refresh, SP_REFRESH_AUTO);
	assert_int_equal(t->transfer, SP_TRANSFER_REFUSE);
	assert_false(t->follow_redirects);
	assert_int_equal(t->failover.codec, 3);
	assert_int_equal(t->failover.codev[0], 408);
	assert_int_equal(t->failover.codev[1], 503);
	assert_int_equal(t->failover.codev[2], 504);
	assert_int_equal(t->hold, SP_HOLD_RELAY);
	assert_int_equal(t->early_media, SP_EARLY_RELAY);
	assert_int_equal(t->rtcp_mux, SP_MUX_ANSWER);
	assert_false(t->rekey_follow);
	assert_false(t->rekey_roc_keep);
	assert_false(t->trusted);
	assert_true(t->pass_identity);
	assert_int_equal(t->diverted, SP_DIVERTED_DROP);
	assert_int_equal(t->passc, 0);
	assert_int_equal(t->rules_inc, 0);
	assert_int_equal(t->rules_outc, 0);
	assert_string_equal(t->numbering.strip, "");
	assert_string_equal(t->numbering.add, "");
	assert_string_equal(t->numbering.country, "");
	assert_string_equal(t->numbering.national_prefix, "");
	assert_string_equal(t->numbering.international_prefix, "");
	assert_int_equal(t->numbering.format, SP_FORMAT_E164);
	assert_string_equal(t->numbering.strip_out, "");
	assert_string_equal(t->numbering.add_out, "");
	assert_true(t->numbering.user_phone);
	assert_int_equal(t->emergencyc, 0);
}

static void test_every_key(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(
		*state,
		TRUNK("reliable_provisionals = \"required\"; session_timer = \"off\";"
		      " session_expires_s = 600; session_min_s = 600;"
		      " session_refresher = \"peer\"; session_refresh = \"update\";"
		      " transfer = \"relay\"; redirect = \"follow\"; failover = [ 408, 500, 504 ];"
		      " hold = \"sendonly\"; early_media = \"drop\"; trusted = true;"
		      " rtcp_mux = \"offer\"; rekey = \"follow\"; rekey_roc = \"keep\";"
		      " identity = \"drop\"; diverted = \"diversion\";"
		      " pass = [ \"Geolocation\", \"x-own\" ];"
		      " numbering = { strip = \"+0\"; add = \"+\"; country = \"353\";"
		      " national_prefix = \"0\"; international_prefix = \"00\";"
		      " format = \"national\"; strip_out = \"+353\"; add_out = \"9\";"
		      " user_phone = true; };"
		      " emergency = [ \"112\", \"*99#\", \"+112\" ];"));

	assert_int_equal(t->reliable, SP_USE_REQUIRED);
	assert_int_equal(t->timer.use, SP_USE_OFF);
	assert_int_equal(t->timer.expires_s, 600);
	assert_int_equal(t->timer.min_s, 600);
	assert_int_equal(t->timer.refresher, SP_REFRESHER_PEER);
	assert_int_equal(t->timer.refresh, SP_REFRESH_UPDATE);
	assert_int_equal(t->transfer, SP_TRANSFER_RELAY);
	assert_true(t->follow_redirects);
	assert_int_equal(t->failover.codec, 3);
	assert_int_equal(t->failover.codev[0], 408);
	assert_int_equal(t->failover.codev[1], 500);
	assert_int_equal(t->failover.codev[2], 504);
	assert_int_equal(t->hold, SP_HOLD_SENDONLY);
	assert_int_equal(t->early_media, SP_EARLY_DROP);
	assert_int_equal(t->rtcp_mux, SP_MUX_OFFER);
	assert_true(t->rekey_follow);
	assert_true(t->rekey_roc_keep);
	assert_true(t->trusted);
	assert_false(t->pass_identity);
	assert_int_equal(t->diverted, SP_DIVERTED_DIVERSION);
	assert_int_equal(t->passc, 2);
	assert_string_equal(t->passv[0], "Geolocation");
	assert_string_equal(t->passv[1], "x-own");
	assert_string_equal(t->numbering.strip, "+0");
	assert_string_equal(t->numbering.add, "+");
	assert_string_equal(t->numbering.country, "353");
	assert_string_equal(t->numbering.national_prefix, "0");
	assert_string_equal(t->numbering.international_prefix, "00");
	assert_int_equal(t->numbering.format, SP_FORMAT_NATIONAL);
	assert_string_equal(t->numbering.strip_out, "+353");
	assert_string_equal(t->numbering.add_out, "9");
	assert_true(t->numbering.user_phone);
	assert_int_equal(t->emergencyc, 3);
	assert_string_equal(t->emergencyv[0], "112");
	assert_string_equal(t->emergencyv[1], "*99#");
	assert_string_equal(t->emergencyv[2], "+112");
}

/* One may stand without brackets; none is possible too; "" is none of a prefix. */
static void test_few(void **state)
{
	const struct sp_conf_trunk *t;

	t = load_trunk(*state, TRUNK("failover = 500; pass = \"Subject\"; emergency = \"000\";"));
	assert_int_equal(t->failover.codec, 1);
	assert_int_equal(t->failover.codev[0], 500);
	assert_int_equal(t->passc, 1);
	assert_string_equal(t->passv[0], "Subject");
	assert_int_equal(t->emergencyc, 1);
	assert_string_equal(t->emergencyv[0], "000");

	t = load_trunk(*state,
		       TRUNK("failover = [ ]; pass = [ ]; emergency = [ ]; headers_in = ( );"
			     " numbering = { country = \"1\"; national_prefix = \"\";"
			     " format = \"national\"; strip = \"\"; };"));
	assert_int_equal(t->failover.codec, 0);
	assert_int_equal(t->passc, 0);
	assert_int_equal(t->emergencyc, 0);
	assert_int_equal(t->rules_inc, 0);
	assert_int_equal(t->numbering.format, SP_FORMAT_NATIONAL);
}

static void test_choices(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("profile = \"teams\";"),
		 AT("4", ".profile") " = \"teams\": needs \"generic\", \"teams-direct-routing\", "
				     "\"operator-connect\" or \"zoom\"; did you mean "
				     "\"teams-direct-routing\"?\n"},
		{TRUNK("profile = \"Operator\";"),
		 AT("4", ".profile") " = \"Operator\": needs \"generic\", "
				     "\"teams-direct-routing\", \"operator-connect\" or "
				     "\"zoom\"; did you mean \"operator-connect\"?\n"},
		{TRUNK("profile = \"zom\";"),
		 AT("4", ".profile") " = \"zom\": needs \"generic\", \"teams-direct-routing\", "
				     "\"operator-connect\" or \"zoom\"; did you mean \"zoom\"?\n"},
		{TRUNK("reliable_provisionals = \"on\";"),
		 AT("4", ".reliable_provisionals") " = \"on\": needs \"off\", \"supported\" or "
						   "\"required\"\n"},
		{TRUNK("session_timer = true;"),
		 AT("4", ".session_timer") " = true: found true or false, needs \"off\", "
					   "\"supported\" or \"required\"\n"},
		{TRUNK("session_refresher = \"peeer\";"),
		 AT("4", ".session_refresher") " = \"peeer\": needs \"any\", \"gateway\" or "
					       "\"peer\"; did you mean \"peer\"?\n"},
		{TRUNK("session_refresh = \"reinvite\";"),
		 AT("4", ".session_refresh") " = \"reinvite\": needs \"auto\", \"update\" or "
					     "\"invite\"; did you mean \"invite\"?\n"},
		{TRUNK("transfer = \"refer\";"),
		 AT("4", ".transfer") " = \"refer\": needs \"refuse\", \"relay\" or \"handle\"\n"},
		{TRUNK("redirect = \"follows\";"),
		 AT("4", ".redirect") " = \"follows\": needs \"fail\" or \"follow\"; did you mean "
				      "\"follow\"?\n"},
		{TRUNK("hold = \"inactiv\";"),
		 AT("4", ".hold") " = \"inactiv\": needs \"relay\", \"sendonly\" or \"inactive\"; "
				  "did you mean \"inactive\"?\n"},
		{TRUNK("early_media = \"\";"),
		 AT("4", ".early_media") " = \"\": is empty: needs a value, or no such key at "
					 "all\n"},
		{TRUNK("rtcp_mux = true;"),
		 AT("4", ".rtcp_mux") " = true: found true or false, needs \"off\", \"answer\" or "
				      "\"offer\"\n"},
		{TRUNK("rtcp_mux = \"offers\";"),
		 AT("4", ".rtcp_mux") " = \"offers\": needs \"off\", \"answer\" or \"offer\"; "
				      "did you mean \"offer\"?\n"},
		{TRUNK("rekey = \"zero\";"),
		 AT("4", ".rekey") " = \"zero\": needs \"keep\" or \"follow\"\n"},
		{TRUNK("rekey_roc = 0;"),
		 AT("4", ".rekey_roc") " = 0: found a whole number, needs \"zero\" or \"keep\"\n"},
		{TRUNK("trusted = 1;"),
		 AT("4", ".trusted") " = 1: found a whole number, needs true or false\n"},
		{TRUNK("identity = \"relay\";"),
		 AT("4", ".identity") " = \"relay\": needs \"pass\" or \"drop\"\n"},
		{TRUNK("diverted = \"history_info\";"),
		 AT("4", ".diverted") " = \"history_info\": needs \"drop\", \"diversion\" or "
				      "\"history-info\"; did you mean \"history-info\"?\n"},
		{TRUNK("sesion_timer = \"off\";"),
		 AT("4", ".sesion_timer") " = \"off\": no such key here; did you mean "
					  "\"session_timer\"?\n"},
		/* all that there are, however many, or the one that it is a part of */
		{TRUNK("colour = 1;"),
		 AT("4",
		    ".colour") " = 1: no such key here; known: name, kind, profile, "
			       "interface, identities, wildcard, purpose, ca, certificate, key, "
			       "targets, domain, carrier, networks, media_networks, crl, calls, "
			       "calls_in, calls_out, calls_per_s, calls_burst, calls_in_per_s, "
			       "calls_in_burst, calls_out_per_s, calls_out_burst, "
			       "source_calls_per_s, source_calls_burst, unknown_per_minute, "
			       "limit_status, "
			       "connections, target_connections, reuse, keepalive_s, options_s, "
			       "options_timeout_s, idle_s, "
			       "delayed_offer, reliable_provisionals, session_timer, "
			       "session_expires_s, "
			       "session_min_s, session_refresher, session_refresh, transfer, "
			       "redirect, "
			       "failover, response_s, progress_s, failover_s, failover_tries, "
			       "failover_early_media, hold, early_media, rtcp_mux, rekey, "
			       "rekey_roc, trusted, identity, "
			       "diverted, pass, "
			       "headers_in, headers_out, numbering, emergency\n"},
		{TRUNK("expires = 90;"),
		 AT("4", ".expires") " = 90: no such key here; did you mean "
				     "\"session_expires_s\"?\n"},
		{TRUNK("emergancy = \"112\";"),
		 AT("4", ".emergancy") " = \"112\": no such key here; did you mean "
				       "\"emergency\"?\n"},
	};

	CHECK(v);
}

/* RFC 4028 sections 4 and 5: at least 90 s, and the interval not below Min-SE. */
static void test_session_timer(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("session_expires_s = 89;"),
		 AT("4", ".session_expires_s") " = 89: needs a whole number from 90 to 86400\n"},
		{TRUNK("session_min_s = 89;"),
		 AT("4", ".session_min_s") " = 89: needs a whole number from 90 to 86400\n"},
		{TRUNK("session_min_s = 1801;"),
		 AT("4", ".session_min_s") " = 1801: needs session_expires_s, which is 1800 by "
					   "default, or less\n"},
		{TRUNK("profile = \"operator-connect\"; session_min_s = 1801;"),
		 AT("4", ".session_min_s") " = 1801: needs session_expires_s, which is 1800 by "
					   "profile \"operator-connect\", or less\n"},
		{TRUNK("session_expires_s = 600;\nsession_min_s = 601;"),
		 AT("5", ".session_min_s") " = 601: needs session_expires_s, which is 600, or "
					   "less\n"},
		/* what is wrong by itself is not held against the other */
		{TRUNK("session_expires_s = 5;\nsession_min_s = 3600;"),
		 AT("4", ".session_expires_s") " = 5: needs a whole number from 90 to 86400\n"},
	};

	CHECK(v);
	(void)load_trunk(*state, TRUNK("session_min_s = 1800;"));
	(void)load_trunk(*state, TRUNK("session_expires_s = 90;"));
}

#define CODE(code, mend)                                                                           \
	{                                                                                          \
		TRUNK("failover = [ 503,\n" code " ];"),                                           \
			AT("5", ".failover[1]") " = " code ": " mend "\n"                          \
	}

static void test_failover(void **state)
{
	static const struct mistake v[] = {
		CODE("399", "needs a response code from 400 to 699"),
		CODE("700", "needs a response code from 400 to 699"),
		CODE("-503", "needs a response code from 400 to 699"),
		CODE("401", "asks for a password, which the next target would ask for too: take "
			    "it out"),
		CODE("407", "asks for a password, which the next target would ask for too: take "
			    "it out"),
		CODE("422", "is answered with a longer session timer, to the same target: take it "
			    "out"),
		CODE("487", "ends an INVITE that was cancelled, and nobody waits any more: take it "
			    "out"),
		{TRUNK("failover = [ 503, 500,\n503 ];"),
		 AT("5", ".failover[2]") " = 503: the same twice: keep one of them\n"},
		{TRUNK("failover = \"503\";"),
		 AT("4", ".failover") " = \"503\": found a string, needs a list of response codes, "
				      "[ 503 ]\n"},
		{TRUNK("failover = [ \"503\" ];"),
		 AT("4", ".failover[0]") " = \"503\": found a string, needs a list of response "
					 "codes, [ 503 ]\n"},
		{TRUNK("failover = [ 0503 ];"),
		 AT("4", ".failover") " = 0503: needs a list of response codes, [ 503 ], without "
				      "leading zeros\n"},
		{TRUNK("failover = [ 400, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413,"
		       " 414, 415, 416, 417, 418 ];"),
		 AT("4", ".failover") ": has 17 elements, needs 0 to 16\n"},
	};

	CHECK(v);
}

static void test_pass(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("pass = [ \"Subject\",\n\"Via\" ];"),
		 AT("5", ".pass[1]") " = \"Via\": the gateway writes it itself on each side: take "
				     "it out\n"},
		{TRUNK("pass = \"content-id\";"),
		 AT("4", ".pass") " = \"content-id\": the gateway writes it itself on each side: "
				  "take it out\n"},
		{TRUNK("pass = \"Authorization\";"),
		 AT("4", ".pass") " = \"Authorization\": the gateway writes it itself on each "
				  "side: take it out\n"},
		{TRUNK("pass = \"privacy\";"),
		 AT("4", ".pass") " = \"privacy\": the key trusted decides about it: set that, and "
				  "take this out\n"},
		{TRUNK("pass = \"P-Asserted-Identity\";"),
		 AT("4", ".pass") " = \"P-Asserted-Identity\": the key trusted decides about it: "
				  "set that, and take this out\n"},
		{TRUNK("pass = \"History-Info\";"),
		 AT("4", ".pass") " = \"History-Info\": the key diverted decides about it: set "
				  "that, and take this out\n"},
		{TRUNK("pass = \"Diversion\";"),
		 AT("4", ".pass") " = \"Diversion\": the key diverted decides about it: set that, "
				  "and take this out\n"},
		{TRUNK("pass = \"Identity\";"),
		 AT("4", ".pass") " = \"Identity\": the key identity decides about it: set that, "
				  "and take this out\n"},
		{TRUNK("pass = \"Date\";"),
		 AT("4", ".pass") " = \"Date\": the key identity decides about it: set that, and "
				  "take this out\n"},
		{TRUNK("pass = \"Reason\";"),
		 AT("4", ".pass") " = \"Reason\": passes without being named: take it out\n"},
		{TRUNK("pass = \"s\";"), AT("4", ".pass") " = \"s\": is the short form of "
							  "\"Subject\": needs the whole name\n"},
		{TRUNK("pass = \"Z\";"), AT("4", ".pass") " = \"Z\": names of one letter are SIP's "
							  "own short forms: needs a longer name\n"},
		{TRUNK("pass = \"X-*\";"),
		 AT("4", ".pass") " = \"X-*\": needs the whole name of one header: \"*\" does not "
				  "stand for others\n"},
		{TRUNK("pass = \"X-A:\";"),
		 AT("4", ".pass") " = \"X-A:\": is no name of a header: needs letters, digits and "
				  "\"-\", without the colon\n"},
		{TRUNK("pass = [ \"X-A\", \"x-a\" ];"),
		 AT("4", ".pass[1]") " = \"x-a\": the same twice: keep one of them\n"},
		{TRUNK("pass = true;"),
		 AT("4", ".pass") " = true: found true or false, needs a list of names of headers, "
				  "[ \"Geolocation\" ]\n"},
	};

	CHECK(v);
}

#define NUMBERING(more) TRUNK("numbering = {\n" more " };")
#define SHADOWED                                                                                   \
	"national_prefix begins with it too, so national numbers would be taken for "              \
	"international ones: needs another\n"

static void test_numbering(void **state)
{
	static const struct mistake v[] = {
		{NUMBERING("strip = \"+-1\";"),
		 AT("5", ".numbering.strip") " = \"+-1\": needs 0 to 15 digits, \"+\" may stand "
					     "before them\n"},
		{NUMBERING("add = \"1234567890123456\";"),
		 AT("5", ".numbering.add") " = \"1234567890123456\": needs 0 to 15 digits, \"+\" "
					   "may stand before them\n"},
		{NUMBERING("country = \"+44\"; national_prefix = \"0\"; format = \"national\";"),
		 AT("5", ".numbering.country") " = \"+44\": needs digits alone, without \"+\"\n"},
		{NUMBERING("country = \"4400\";"),
		 AT("5", ".numbering.country") " = \"4400\": needs 1 to 3 digits\n"},
		{NUMBERING("country = 44;"),
		 AT("5", ".numbering.country") " = 44: found a whole number, needs digits in "
					       "quotes\n"},
		{NUMBERING("country = \"\";"),
		 AT("5", ".numbering.country") " = \"\": is empty: needs a value, or no such key "
					       "at all\n"},
		{NUMBERING("international_prefix = 00;"),
		 AT("5", ".numbering.international_prefix") " = 00: needs digits in quotes\n"},
		{NUMBERING("international_prefix = \"+\";"),
		 AT("5", ".numbering.international_prefix") " = \"+\": needs digits alone, without "
							    "\"+\"\n"},
		{NUMBERING("national_prefix = \"0\";"),
		 AT("5", ".numbering.national_prefix") " = \"0\": needs country = \"...\" too: "
						       "national numbers of which country?\n"},
		{NUMBERING("format = \"national\";"),
		 AT("5", ".numbering.format") " = \"national\": needs country = \"...\", whose "
					      "numbers are written without it, and national_prefix "
					      "if they begin with one\n"},
		{NUMBERING("country = \"44\"; format = \"international\";"),
		 AT("5", ".numbering.format") " = \"international\": needs international_prefix = "
					      "\"...\", \"00\" say, to write instead of \"+\"\n"},
		{NUMBERING("format = \"e.164\";"),
		 AT("5", ".numbering.format") " = \"e.164\": needs \"e164\", \"national\" or "
					      "\"international\"; did you mean \"e164\"?\n"},
		{NUMBERING("country = \"44\"; national_prefix = \"0\";\n"
			   "international_prefix = \"0\";"),
		 AT("6", ".numbering.international_prefix") " = \"0\": " SHADOWED},
		{NUMBERING("country = \"44\"; national_prefix = \"00\";\n"
			   "international_prefix = \"0\";"),
		 AT("6", ".numbering.international_prefix") " = \"0\": " SHADOWED},
		{NUMBERING("user_phone = \"yes\";"),
		 AT("5", ".numbering.user_phone") " = \"yes\": found a string, needs true or "
						  "false\n"},
		{NUMBERING("prefix = \"0\";"),
		 AT("5", ".numbering.prefix") " = \"0\": no such key here; known: strip, add, "
					      "country, national_prefix, international_prefix, "
					      "format, strip_out, add_out, user_phone\n"},
		{TRUNK("numbering = ( );"), AT("4", ".numbering") ": needs a group, { ... }\n"},
	};

	CHECK(v);
	(void)load_trunk(*state, NUMBERING("country = \"44\"; national_prefix = \"0\"; "
					   "international_prefix = \"00\";"));
	(void)load_trunk(*state, NUMBERING("country = \"1\"; national_prefix = \"\"; "
					   "international_prefix = \"011\";"));
}

#define DIALLED                                                                                    \
	"needs what is dialled: 2 to 15 digits, \"*\" and \"#\", \"+\" may stand before them\n"

static void test_emergency(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("emergency = [ \"112\",\n\"1\" ];"),
		 AT("5", ".emergency[1]") " = \"1\": " DIALLED},
		{TRUNK("emergency = \"1234567890123456\";"),
		 AT("4", ".emergency") " = \"1234567890123456\": " DIALLED},
		{TRUNK("emergency = \"urn:service:sos\";"),
		 AT("4", ".emergency") " = \"urn:service:sos\": " DIALLED},
		{TRUNK("emergency = \"1+12\";"), AT("4", ".emergency") " = \"1+12\": " DIALLED},
		{TRUNK("emergency = [ 112 ];"),
		 AT("4", ".emergency[0]") " = 112: found a whole number, needs a list of what is "
					  "dialled, in quotes, [ \"112\" ]\n"},
		{TRUNK("emergency = 112;"),
		 AT("4", ".emergency") " = 112: found a whole number, needs a list of what is "
				       "dialled, in quotes, [ \"112\" ]\n"},
		{TRUNK("emergency = [ 000 ];"),
		 AT("4", ".emergency") " = 000: needs a list of what is dialled, in quotes, "
				       "[ \"112\" ]\n"},
		{TRUNK("emergency = [ \"112\", \"999\", \"112\" ];"),
		 AT("4", ".emergency[2]") " = \"112\": the same twice: keep one of them\n"},
	};

	CHECK(v);
}

#define LABEL "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk."
#define LONG LABEL LABEL LABEL LABEL "x"

/* 257 characters: libre would cut the last ones off without a word. The report shows 100. */
static void test_long_target(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fixture_load(
			f,
			TRUNK_INTERFACE(
				SIP_NAME) "trunks = ( { name = \"b\"; kind = \"carrier\";"
					  " interface = \"edge\"; identities = [ \"b.example\" ];"
					  " targets = [ \"" LONG "\" ]; } );\n"),
		EINVAL);
	assert_non_null(strstr(f->lines, "...: is longer than a host name can be\n"));
}

/* A name that is nearly a known one is worth a word; one of its own is not. */
static void test_near_names(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fixture_load(f, TRUNK("pass = [ \"Geolocaton\", \"X-Geolocation\","
				      " \"Foo\", \"user-to-user\", \"P-Charge-Infos\" ];")),
		0);
	assert_string_equal(
		f->lines,
		"sallyport.conf:4: note: trunks[0] \"b\".pass[0] = \"Geolocaton\": no header of "
		"this name is known; did you mean \"Geolocation\"?\n"
		"sallyport.conf:4: note: trunks[0] \"b\".pass[4] = \"P-Charge-Infos\": no header "
		"of this name is known; did you mean \"P-Charge-Info\"?\n");
	assert_int_equal(f->conf->trunkv[0].passc, 5);
}

#define NOTE(line, member) "sallyport.conf:" line ": note: trunks[0] \"b\"" member
#define TWO(kind, more, other)                                                                     \
	TRUNK_OF(kind, SIP_NAME,                                                                   \
		 more " },\n{ name = \"o\"; interface = \"edge\"; targets = [ \"o.example\" ];"    \
		      " identities = [ \"o.example\" ]; " other)

static void check_note(struct fixture *f, const char *text, const char *lines)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, lines);
	assert_int_equal(err, 0);
}

/* What is no mistake, but hardly what was meant. */
static void test_notes(void **state)
{
	struct fixture *f = *state;

	/* RFC 3261 section 21.6 */
	check_note(f, TRUNK("failover = [ 503,\n603 ];"),
		   NOTE("5", ".failover[1]") " = 603: speaks for the person who is called, and not "
					     "for the target (RFC 3261 section 21.6): the call is "
					     "tried again all the same\n");
	check_note(f, TRUNK("emergency = [ \"*99\", \"11*\" ];"),
		   NOTE("4", ".emergency[1]") " = \"11*\": \"*\" is the key of the telephone here: "
					      "it does not stand for other digits\n");
}

/* Who is in no number entry has the trunk's carrier alone. */
static void test_emergency_carrier(void **state)
{
	struct fixture *f = *state;

	check_note(f, TWO("service", "emergency = [ \"112\" ];", "kind = \"carrier\";"),
		   NOTE("4", ".emergency") ": emergency calls of callers who are in no number "
					   "entry find no carrier: set carrier\n");
	check_note(
		f,
		TWO("service", "emergency = [ \"112\" ]; carrier = \"o\";", "kind = \"carrier\";"),
		"");
	check_note(f, TWO("service", "emergency = [ ];", "kind = \"carrier\";"), "");
	check_note(f, TWO("carrier", "emergency = [ \"112\" ];", "kind = \"service\";"), "");
}

/* A header that is told only of trusted trunks' calls, where there is none. */
static void test_diverted(void **state)
{
	struct fixture *f = *state;

	check_note(f, TWO("service", "diverted = \"history-info\";", "kind = \"carrier\";"),
		   NOTE("4", ".diverted") " = \"history-info\": no trunk of kind \"carrier\" is "
					  "trusted, so nobody is believed who diverted a call to "
					  "here: set trusted = true there\n");
	check_note(f,
		   TWO("carrier", "diverted = \"diversion\";",
		       "kind = \"service\"; profile = \"generic\";"),
		   NOTE("4", ".diverted") " = \"diversion\": no trunk of kind \"service\" is "
					  "trusted, so nobody is believed who diverted a call to "
					  "here: set trusted = true there\n");
	/* by a profile: there is no line of its own */
	check_note(f, TWO("service", "profile = \"zoom\";", "kind = \"carrier\";"),
		   "sallyport.conf:3: note: trunks[0] \"b\".diverted: no trunk of kind "
		   "\"carrier\" is trusted, so nobody is believed who diverted a call to here: "
		   "set trusted = true there\n");
	check_note(f,
		   TWO("carrier", "diverted = \"diversion\";",
		       "kind = \"service\"; profile = \"zoom\"; diverted = \"drop\";"),
		   "");
	check_note(f,
		   TWO("service", "diverted = \"history-info\";",
		       "kind = \"carrier\"; trusted = true;"),
		   "");
}

/* RFC 3711 section 3.3.1, RFC 4568 section 6.4: of a key that is never new, neither is asked. */
static void test_rekey(void **state)
{
	struct fixture *f = *state;
	static const char never[] = NOTE(
		"4", ".rekey_roc") " = \"keep\": has no effect without rekey = \"follow\": our "
				   "keys never change\n";
	const struct sp_conf_trunk *t;

	check_note(f, TRUNK("rekey_roc = \"keep\";"), never);
	assert_true(f->conf->trunkv[0].rekey_roc_keep);
	check_note(f,
		   TRUNK("rekey_roc = \"keep\"; rekey = \"keep\";"
			 " profile = \"teams-direct-routing\";"),
		   never);
	/* the default may be written, as --check --verbose does */
	check_note(f, TRUNK("rekey_roc = \"zero\"; rekey = \"keep\";"), "");
	check_note(f, TRUNK("rekey = \"keep\"; profile = \"teams-direct-routing\";"), "");

	t = load_trunk(f, TRUNK("rekey = \"follow\";"));
	assert_true(t->rekey_follow);
	assert_false(t->rekey_roc_keep);
	t = load_trunk(f, TRUNK("rekey_roc = \"keep\"; profile = \"teams-direct-routing\";"));
	assert_true(t->rekey_follow);
	assert_true(t->rekey_roc_keep);

	/* what is wrong by itself is not held against the other */
	assert_int_equal(fixture_load(f, TRUNK("rekey = 1; rekey_roc = \"keep\";")), EINVAL);
	assert_string_equal(f->lines,
			    AT("4", ".rekey") " = 1: found a whole number, needs \"keep\" or "
					      "\"follow\"\n");
	assert_int_equal(load_trunk(f, TRUNK("rtcp_mux = \"off\";"))->rtcp_mux, SP_MUX_OFF);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),   TEST(test_every_key),         TEST(test_few),
		TEST(test_choices),    TEST(test_session_timer),     TEST(test_failover),
		TEST(test_pass),       TEST(test_numbering),         TEST(test_emergency),
		TEST(test_near_names), TEST(test_long_target),       TEST(test_notes),
		TEST(test_diverted),   TEST(test_emergency_carrier), TEST(test_rekey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
