/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/lookup: --lookup. What it says is compared whole, but for the INVITE,
 * whose Via, tags and Call-ID are its own each time.
 */
#include "app_fixture.h"

enum { TEXT_SIZE = 8192 };

/* The folder is "@" in what is expected. Lines are asked for by number. */
static const char conf_text[] =
	"interfaces = ( { name = \"core\"; sip = { address = \"%s\"; };\n"
	"  tls = { certificate = \"gateway-core.crt\"; key = \"gateway-core.key\"; };\n"
	"  media = { address = \"%s\"; ports = [ 20000, 20199 ]; }; } );\n"
	"trunks = (\n"
	"  { name = \"carrier-a\"; kind = \"carrier\"; interface = \"core\";\n"
	"    identities = [ \"carrier.example\" ]; ca = \"carrier-ca.crt\"; emergency = \"999\";\n"
	"    targets = [ \"sbc.carrier.example\", \"[::1]:5070\" ];\n"
	"    numbering = { country = \"44\"; national_prefix = \"0\";\n"
	"      international_prefix = \"00\"; format = \"national\"; }; },\n"
	"  { name = \"carrier-b\"; kind = \"carrier\"; interface = \"core\";\n"
	"    identities = [ \"carrier-b.example\" ]; ca = \"carrier-ca.crt\"; },\n"
	"  { name = \"pbx\"; kind = \"service\"; interface = \"core\"; ca = \"service-ca.crt\";\n"
	"    identities = [ \"service.example\" ]; carrier = \"carrier-a\";\n"
	"    domain = \"pbx.example\"; emergency = [ \"112\", \"999\" ]; },\n"
	"  { name = \"lonely\"; kind = \"service\"; interface = \"core\"; ca = "
	"\"service-ca.crt\";\n"
	"    identities = [ \"lonely.example\" ]; emergency = \"110\"; }\n"
	");\n"
	"limits = { calls_per_account = 7; };\n"
	"accounts = ( { name = \"acme\"; main_number = \"+441632960000\"; calls = 10;\n"
	"  calls_per_s = 2; calls_burst = 5; }, { name = \"free\"; } );\n"
	"numbers = (\n"
	"  { number = \"+44163297*\"; trunk = \"pbx\"; account = \"gamma\";\n"
	"    headers = { X-Tenant = \"{account}\"; X-Number = \"{number}\"; }; }\n"
	");\n"
	"number_files = [ \"numbers.csv\" ];\n";

static const char csv_text[] =
	"number,trunk,carrier,account,label,enabled_from,enabled_to,caller_id,location,"
	"headers_to_carrier,header:X-Line\n"
	"+441632960001,pbx,,acme,Front desk,,,main,+441632960099,yes,{label}\n"
	"+441632960000-960999,pbx;lonely,carrier-b;carrier-a,free,,,,screened,,,\n"
	"+4416329*,pbx,,,,,,,,,\n"
	"+4416*,lonely,,,,,,,,,\n"
	"+441632961001,pbx,,,,2026-12-01T00:00:00Z,,,,,\n"
	"+441632961001,lonely,,,,,2026-12-01T00:00:00Z,,,,\n"
	"+4420*,pbx,,,,2020-01-01T00:00:00Z,2020-02-01T01:00:00+01:00,,,,\n";

struct answer {
	int status;
	char out[TEXT_SIZE], err[TEXT_SIZE];
	char *message; /* in out: from "INVITE to"; "" when there is none */
};

/* Where the folder of the test stands in a text, put "@" there. */
static void without_folder(char out[TEXT_SIZE], char *text, const struct world *w)
{
	const size_t len = strlen(w->dir);
	size_t n = 0;

	for (const char *p = text; *p; n++) {
		const bool here = !strncmp(p, w->dir, len);

		assert_true(n + 1 < TEXT_SIZE);
		out[n] = here ? '@' : *p;
		p += here ? len : 1;
	}
	out[n] = '\0';
	free(text);
}

static struct answer ask_file(const struct world *w, const struct sp_app_question *q)
{
	struct answer a = {0};
	char *out, *err, *message;
	size_t out_len, err_len;
	FILE *o = open_memstream(&out, &out_len), *e = open_memstream(&err, &err_len);

	assert_non_null(o);
	assert_non_null(e);
	a.status = sp_app_lookup(w->conf, q, o, e);
	fclose(o);
	fclose(e);
	without_folder(a.out, out, w);
	without_folder(a.err, err, w);
	message = strstr(a.out, "\nINVITE to ");
	if (message)
		*message = '\0';
	a.message = message ? message + 1 : a.out + strlen(a.out);
	return a;
}

static void write_conf(const struct world *w, const char *csv)
{
	char text[TEXT_SIZE];

	snprintf(text, sizeof(text), conf_text, w->addr, w->addr);
	world_write(w, "sallyport.conf", text);
	world_write(w, "numbers.csv", csv);
}

static struct answer ask(const struct world *w, const struct sp_app_question *q)
{
	write_conf(w, csv_text);
	return ask_file(w, q);
}

#define NOW "2026-06-01T12:00:00Z"

/* The whole answer but its INVITE. */
static struct answer expect(void **state, const struct sp_app_question *q, int status,
			    const char *text)
{
	struct answer a = ask(*state, q);

	assert_string_equal(a.err, "");
	assert_string_equal(a.out, text);
	assert_int_equal(a.status, status);
	assert_true(!*a.message == (status != 0));
	return a;
}

static void expect_line(const struct answer *a, const char *line)
{
	if (!strstr(a->message, line))
		fail_msg("no \"%s\" in\n%s", line, a->message);
}

/* A number with all that an entry can have; weaker rules that cover it, too. */
static void test_number(void **state)
{
	const struct sp_app_question q = {.number = "01632960001", .time = NOW};
	const struct answer a =
		expect(state, &q, 0,
		       "from       carrier trunk carrier-a, @/sallyport.conf:5 (the first carrier "
		       "trunk, as --trunk is not given)\n"
		       "at         " NOW "\n"
		       "called     01632960001: +441632960001\n"
		       "calling    withheld\n"
		       "answer     goes to pbx\n"
		       "\n"
		       "rules for the called number +441632960001, the strongest first\n"
		       "> +441632960001          number  @/numbers.csv:2: decides\n"
		       "  +441632960000-960999   range   @/numbers.csv:3: is weaker\n"
		       "  +4416329*              prefix  @/numbers.csv:4: is weaker\n"
		       "  +4416*                 prefix  @/numbers.csv:5: is weaker\n"
		       "\n"
		       "entry @/numbers.csv:2\n"
		       "  account            acme: 10 calls at once, 2/s (burst 5); main number "
		       "+441632960000; @/sallyport.conf:19\n"
		       "  label              Front desk\n"
		       "  trunk              pbx\n"
		       "  caller_id          main\n"
		       "  location           +441632960099\n"
		       "  X-Line             {label}\n"
		       "  headers_to_carrier yes\n"
		       "\n"
		       "route, by trunk of the entry\n"
		       "  1. pbx, @/sallyport.conf:12: targets none: it connects to us\n");

	expect_line(&a, "INVITE to pbx, without its body; * of the entry, @/numbers.csv:2\n"
			"  INVITE sip:+441632960001@pbx.example;transport=tls;user=phone "
			"SIP/2.0\n");
	expect_line(&a, "\n* X-Line: Front desk\n");
}

/* A range, which two trunks serve: the account has settings that limit nothing. */
static void test_range(void **state)
{
	const struct sp_app_question q = {.number = "+441632960500",
					  .caller = "00331234567",
					  .trunk = "carrier-a",
					  .time = NOW};
	const struct answer a =
		expect(state, &q, 0,
		       "from       carrier trunk carrier-a, @/sallyport.conf:5 (as asked)\n"
		       "at         " NOW "\n"
		       "called     +441632960500\n"
		       "calling    00331234567: +331234567\n"
		       "answer     goes to pbx, then lonely\n"
		       "\n"
		       "rules for the called number +441632960500, the strongest first\n"
		       "> +441632960000-960999   range   @/numbers.csv:3: decides\n"
		       "  +4416329*              prefix  @/numbers.csv:4: is weaker\n"
		       "  +4416*                 prefix  @/numbers.csv:5: is weaker\n"
		       "\n"
		       "entry @/numbers.csv:3\n"
		       "  account            free: no limit; @/sallyport.conf:20\n"
		       "  trunk              pbx, lonely\n"
		       "  carrier            carrier-b, carrier-a\n"
		       "  caller_id          screened\n"
		       "\n"
		       "route, by trunk of the entry\n"
		       "  1. pbx, @/sallyport.conf:12: targets none: it connects to us\n"
		       "  2. lonely, @/sallyport.conf:15: targets none: it connects to us\n");

	expect_line(&a, "INVITE to pbx, without its body\n");
	expect_line(&a, "\n  From: <sip:+331234567@");
}

/* A service's call: by the calling number, to the carriers of its entry. */
static void test_calling(void **state)
{
	const struct sp_app_question q = {
		.number = "+442079460018", .caller = "+441632960500", .time = NOW};
	const struct answer a = expect(
		state, &q, 0,
		"from       service trunk pbx, @/sallyport.conf:12 (the calling number is its "
		"own)\n"
		"at         " NOW "\n"
		"called     +442079460018\n"
		"calling    +441632960500\n"
		"answer     goes to carrier-b, then carrier-a\n"
		"\n"
		"rules for the calling number +441632960500, the strongest first\n"
		"> +441632960000-960999   range   @/numbers.csv:3: decides\n"
		"  +4416329*              prefix  @/numbers.csv:4: is weaker\n"
		"  +4416*                 prefix  @/numbers.csv:5: is weaker\n"
		"\n"
		"entry @/numbers.csv:3\n"
		"  account            free: no limit; @/sallyport.conf:20\n"
		"  trunk              pbx, lonely\n"
		"  carrier            carrier-b, carrier-a\n"
		"  caller_id          screened\n"
		"\n"
		"route, by carrier of the entry\n"
		"  1. carrier-b, @/sallyport.conf:10: targets none: it connects to us\n"
		"  2. carrier-a, @/sallyport.conf:5: targets sbc.carrier.example, [::1]:5070\n");

	expect_line(&a, "INVITE to carrier-b, without its body\n  INVITE sip:+442079460018@");
}

/* To the carrier of the trunk, as that one writes numbers; an account without settings. */
static void test_calling_by_trunk(void **state)
{
	const struct sp_app_question q = {
		.number = "+442079460018", .caller = "+441632970500", .time = NOW};
	const struct answer a = expect(
		state, &q, 0,
		"from       service trunk pbx, @/sallyport.conf:12 (the calling number is its "
		"own)\n"
		"at         " NOW "\n"
		"called     +442079460018\n"
		"calling    +441632970500\n"
		"answer     goes to carrier-a\n"
		"\n"
		"rules for the calling number +441632970500, the strongest first\n"
		"> +44163297*             prefix  @/sallyport.conf:22: decides\n"
		"  +4416329*              prefix  @/numbers.csv:4: is weaker\n"
		"  +4416*                 prefix  @/numbers.csv:5: is weaker\n"
		"\n"
		"entry @/sallyport.conf:22\n"
		"  account            gamma: 7 calls at once (as accounts without settings)\n"
		"  trunk              pbx\n"
		"  caller_id          sent\n"
		"  X-Tenant           {account}\n"
		"  X-Number           {number}\n"
		"\n"
		"route, by carrier of trunk pbx, @/sallyport.conf:12\n"
		"  1. carrier-a, @/sallyport.conf:5: targets sbc.carrier.example, [::1]:5070\n");

	expect_line(&a, "\n  INVITE sip:02079460018@sbc.carrier.example");
	assert_null(strstr(a.message, "X-Tenant"));
}

/* What is refused: the answer, and the rules that say so. */
static void expect_refused(void **state, const struct sp_app_question *q, const char *text)
{
	const struct answer a = ask(*state, q);
	const char *found = strstr(a.out, "answer     ");

	assert_string_equal(a.err, "");
	assert_non_null(found);
	assert_string_equal(found, text);
	assert_int_equal(a.status, 2);
	assert_string_equal(a.message, "");
}

static void test_nothing_covers(void **state)
{
	expect_refused(state, &(struct sp_app_question){.number = "+15550100"},
		       "answer     refused: 404 Not Found: the called number is not in the number "
		       "table\n"
		       "           nothing in the table covers +15550100: not the number, no range "
		       "that has it, no prefix that it begins with\n");
}

static void test_not_a_number(void **state)
{
	expect_refused(state, &(struct sp_app_question){.number = "1470"},
		       "answer     refused: 404 Not Found: the called number is not E.164\n"
		       "           the numbering of trunk carrier-a, @/sallyport.conf:5, does not "
		       "make it E.164\n");
	expect_refused(
		state, &(struct sp_app_question){.number = "1470", .trunk = "pbx"},
		"answer     refused: 403 Forbidden: the calling number is not E.164\n"
		"           a service's call is made in the name of a number of its own: ask "
		"with --caller\n");
	expect_refused(
		state,
		&(struct sp_app_question){
			.number = "1470", .trunk = "pbx", .caller = "01632970500"},
		"answer     refused: 403 Forbidden: the calling number is not E.164\n"
		"           the numbering of trunk pbx, @/sallyport.conf:12, does not make it "
		"E.164\n");
}

/* The strongest rule is another trunk's: a weaker one of its own does not help. */
static void test_foreign(void **state)
{
	expect_refused(
		state,
		&(struct sp_app_question){
			.number = "+15550100", .caller = "+441632970500", .trunk = "lonely"},
		"answer     refused: 403 Forbidden: the calling number does not belong to "
		"this trunk\n"
		"           @/sallyport.conf:22 names other trunks: name lonely there too, "
		"or ask with the --trunk that the call comes from\n"
		"\n"
		"rules for the calling number +441632970500, the strongest first\n"
		"  +44163297*             prefix  @/sallyport.conf:22: is not of trunk lonely\n"
		"  +4416329*              prefix  @/numbers.csv:4: is weaker\n"
		"  +4416*                 prefix  @/numbers.csv:5: is weaker\n");
}

static void test_no_carrier(void **state)
{
	expect_refused(state, &(struct sp_app_question){.number = "1470", .caller = "+441655001"},
		       "answer     refused: 404 Not Found: neither the number entry nor the trunk "
		       "names a carrier\n"
		       "           name a carrier in @/numbers.csv:5, or in trunk lonely, "
		       "@/sallyport.conf:15\n"
		       "\n"
		       "rules for the calling number +441655001, the strongest first\n"
		       "> +4416*                 prefix  @/numbers.csv:5: decides\n"
		       "\n"
		       "entry @/numbers.csv:5\n"
		       "  account            none\n"
		       "  trunk              lonely\n"
		       "  caller_id          sent\n");
	expect_refused(
		state, &(struct sp_app_question){.number = "110"},
		"answer     emergency call, refused: 404 Not Found: neither the number entry "
		"nor the trunk names a carrier\n"
		"           name a carrier in trunk lonely, @/sallyport.conf:15\n");
}

/* Of two rules for one number each has its time. */
static void test_times(void **state)
{
	static const struct {
		const char *time, *decides, *not, *entry;
	} cases[] = {
		{"2026-11-30T23:59:60Z",
		 "> +441632961001          number  @/numbers.csv:6: decides\n",
		 "  +441632961001          number  @/numbers.csv:7: ended at "
		 "2026-12-01T00:00:00Z\n",
		 "  enabled_from       2026-12-01T00:00:00Z\n  trunk              pbx\n"},
		{"2026-11-30T23:59:59Z",
		 "> +441632961001          number  @/numbers.csv:7: decides\n",
		 "  +441632961001          number  @/numbers.csv:6: begins at "
		 "2026-12-01T00:00:00Z\n",
		 "  enabled_to         2026-12-01T00:00:00Z\n  trunk              lonely\n"},
		{"2026-12-01T01:00:00.5+01:00",
		 "> +441632961001          number  @/numbers.csv:6: decides\n",
		 "  +4416329*              prefix  @/numbers.csv:4: is weaker\n",
		 "  enabled_from       2026-12-01T00:00:00Z\n  trunk              pbx\n"},
		{"2026-11-30T22:59:59-01:00",
		 "> +441632961001          number  @/numbers.csv:7: decides\n",
		 "  +4416*                 prefix  @/numbers.csv:5: is weaker\n",
		 "  enabled_to         2026-12-01T00:00:00Z\n  trunk              lonely\n"},
		/* RFC 3339 section 5.6: "T" and "Z" may be small letters */
		{"2026-12-01t00:00:00z",
		 "> +441632961001          number  @/numbers.csv:6: decides\n",
		 "  +441632961001          number  @/numbers.csv:7: ended at "
		 "2026-12-01T00:00:00Z\n",
		 "  enabled_from       2026-12-01T00:00:00Z\n  trunk              pbx\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct answer a =
			ask(*state, &(struct sp_app_question){.number = "+441632961001",
							      .time = cases[i].time});

		assert_int_equal(a.status, 0);
		assert_non_null(strstr(a.out, cases[i].decides));
		assert_non_null(strstr(a.out, cases[i].not ));
		assert_non_null(strstr(a.out, cases[i].entry));
	}
	expect_refused(state,
		       &(struct sp_app_question){.number = "+442079460018",
						 .time = "2020-02-01T00:00:00Z"},
		       "answer     refused: 404 Not Found: the called number is not in the number "
		       "table\n"
		       "           no rule for +442079460018 holds at this time\n"
		       "\n"
		       "rules for the called number +442079460018, the strongest first\n"
		       "  +4420*                 prefix  @/numbers.csv:8: ended at "
		       "2020-02-01T00:00:00Z\n");
}

/* In the name of a number that has one, the place of the caller goes with it. */
static void test_emergency(void **state)
{
	const struct sp_app_question anybody = {.number = "112", .time = NOW};
	const struct sp_app_question plus = {.number = "+112", .time = NOW};
	const struct sp_app_question known = {
		.number = "+999", .caller = "+441632960001", .time = NOW};
	struct answer a = expect(
		state, &anybody, 0,
		"from       service trunk pbx, @/sallyport.conf:12 (this is one of its emergency "
		"numbers)\n"
		"at         " NOW "\n"
		"called     112: no E.164 number by the trunk's numbering\n"
		"calling    withheld\n"
		"answer     emergency call, goes to carrier-a\n"
		"\n"
		"route, by carrier of trunk pbx, @/sallyport.conf:12\n"
		"  1. carrier-a, @/sallyport.conf:5: targets sbc.carrier.example, [::1]:5070\n");

	expect_line(&a, "\n  INVITE sip:112@sbc.carrier.example");
	a = ask(*state, &plus); /* which the call's code knows, too */
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.out, "(this is one of its emergency numbers)\n"));
	assert_non_null(strstr(a.out, "answer     emergency call, goes to carrier-a\n"));
	a = ask(*state, &known);
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.out, "answer     emergency call, goes to carrier-a\n"));
	assert_non_null(
		strstr(a.out, "> +441632960001          number  @/numbers.csv:2: decides\n"));
	expect_line(&a, "\n  INVITE sip:999@sbc.carrier.example");
	expect_line(&a, "\n  From: <sip:01632960099@");
}

/* Which trunk, where the question does not say. */
static void test_trunk_found(void **state)
{
	static const struct {
		const char *number, *caller, *from;
	} cases[] = {
		{"+15550100", "+44-1655-001", "service trunk lonely"},
		{"+15550100", "+441632961001", "service trunk lonely"}, /* whose it is now */
		{"+15550100", "+442079460018", "service trunk pbx"},    /* whose it was    */
		{"+15550100", "01655001", "carrier trunk carrier-a"},
		{"110", NULL, "service trunk lonely"},
		{"999", "+15550100", "service trunk pbx"},
		{"999", "+441655001", "service trunk lonely"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct answer a =
			ask(*state, &(struct sp_app_question){.number = cases[i].number,
							      .caller = cases[i].caller,
							      .time = NOW});

		assert_string_equal(a.err, "");
		if (strncmp(a.out + 11, cases[i].from, strlen(cases[i].from)) != 0)
			fail_msg("%s of %s: not from %s:\n%s", cases[i].number,
				 cases[i].caller ? cases[i].caller : "nobody", cases[i].from,
				 a.out);
	}
}

static void expect_told(const struct answer *a, const char *err)
{
	assert_int_equal(a->status, 1);
	assert_string_equal(a->out, "");
	assert_string_equal(a->err, err);
}

static void test_cannot_be_asked(void **state)
{
	static const char *const times[] = {
		"",
		"now",
		"2026-12-01",
		"2026-12-01T00:00:00",
		"2026-12-01 00:00:00Z",
		"2026-12-01T00:00:00+01",
		"2026-12-01T00:00:00+0100",
		"2026-12-01T00:00:00+24:00",
		"2026-12-01T00:00:00+01:60",
		"2026-12-01T00:00:00.Z",
		"2026-12-01T00:00:00ZZ",
		"2026-12-01T24:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"+026-12-01T00:00:00Z",
	};
	char line[256];
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		a = ask(*state, &(struct sp_app_question){.number = "110", .time = times[i]});
		snprintf(line, sizeof(line),
			 "%s: write the time with its zone: 2026-12-01T00:00:00Z\n", times[i]);
		expect_told(&a, line);
	}
	a = ask(*state, &(struct sp_app_question){.number = "110", .trunk = "pbx3"});
	expect_told(&a, "pbx3: no such trunk\n");
	a = ask(*state, &(struct sp_app_question){.number = "1 2\r\n"});
	expect_told(&a, "1 2\r\n: no SIP message can have these numbers\n");
	a = ask(*state, &(struct sp_app_question){.number = "110", .caller = "a\tb"});
	expect_told(&a, "110, a\tb: no SIP message can have these numbers\n");
}

/* All of them, as --check tells them; notes are none of the question's. */
static void test_mistakes(void **state)
{
	const struct sp_app_question q = {.number = "+441632960001"};
	const struct world *w = *state;
	struct answer a;

	write_conf(w, "number,trunk\n0800,pbx\n+4417,nobody\n");
	a = ask_file(w, &q);
	assert_int_equal(a.status, 1);
	assert_string_equal(a.out, "");
	assert_non_null(strstr(a.err, "@/numbers.csv:2: number = \"0800\""));
	assert_non_null(strstr(a.err, "@/numbers.csv:3: trunk = \"nobody\""));
	assert_non_null(strstr(a.err, "\n2 mistakes\n"));
	assert_null(strstr(a.err, "note: "));

	run("rm %s", w->conf);
	a = ask_file(w, &q);
	assert_int_equal(a.status, 1);
	assert_non_null(strstr(a.err, "@/sallyport.conf"));
	assert_non_null(strstr(a.err, "\n1 mistake\n"));
}

static void test_json(void **state)
{
	static const char *const parts[] = {
		"{\n  \"from\": {\n    \"name\": \"pbx\",\n    \"written\": {\n"
		"      \"file\": \"@/sallyport.conf\",\n      \"line\": 12\n    }\n  },\n",
		"\"at\": \"" NOW "\",\n",
		"\"called\": {\n    \"asked\": \"1470\",\n    \"number\": null\n  },\n",
		"\"number\": \"+441632960001\"\n  },\n  \"by\": \"calling\",\n"
		"  \"emergency\": false,\n  \"refused\": null,\n",
		"\"rule\": \"+441632960001\",\n      \"kind\": \"number\",\n"
		"      \"standing\": \"decides\",\n      \"enabled_from\": null,\n",
		"\"rule\": \"+4416329*\",\n      \"kind\": \"prefix\",\n"
		"      \"standing\": \"weaker\",\n",
		"\"name\": \"acme\",\n      \"main_number\": \"+441632960000\",\n"
		"      \"limited\": true,\n      \"calls\": 10,\n      \"calls_per_s\": 2,\n"
		"      \"calls_burst\": 5,\n",
		"\"caller_id\": \"main\",\n    \"location\": \"+441632960099\",\n"
		"    \"headers_to_carrier\": true\n",
		"\"route\": [\n    \"carrier-a\"\n  ],\n",
		"\"start\": \"INVITE sip:1470@sbc.carrier.example",
		"\"name\": \"X-Line\",\n        \"value\": \"Front desk\",\n"
		"        \"custom\": true\n",
	};
	struct answer a = ask(*state, &(struct sp_app_question){.number = "1470",
								.caller = "+441632960001",
								.time = NOW,
								.json = true});

	assert_int_equal(a.status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!strstr(a.out, parts[i]))
			fail_msg("no %s in\n%s", parts[i], a.out);
	}

	a = ask(*state,
		&(struct sp_app_question){.number = "+442079460018", .time = NOW, .json = true});
	assert_int_equal(a.status, 2);
	assert_non_null(strstr(a.out, "\"refused\": {\n    \"status\": 404,\n"));
	assert_non_null(strstr(a.out, "\"standing\": \"late\",\n"
				      "      \"enabled_from\": \"2020-01-01T00:00:00Z\",\n"
				      "      \"enabled_to\": \"2020-02-01T00:00:00Z\",\n"));
	assert_non_null(
		strstr(a.out, "\"entry\": null,\n  \"route\": [],\n  \"invite\": null\n}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),         cmocka_unit_test(test_range),
		cmocka_unit_test(test_calling),        cmocka_unit_test(test_calling_by_trunk),
		cmocka_unit_test(test_nothing_covers), cmocka_unit_test(test_not_a_number),
		cmocka_unit_test(test_foreign),        cmocka_unit_test(test_no_carrier),
		cmocka_unit_test(test_times),          cmocka_unit_test(test_emergency),
		cmocka_unit_test(test_trunk_found),    cmocka_unit_test(test_cannot_be_asked),
		cmocka_unit_test(test_mistakes),       cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
