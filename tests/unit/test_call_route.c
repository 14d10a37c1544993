/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where calls go: by the called number, by the calling number, emergencies.
 */
#include "route_fixture.h"

static void carrier_calls_by_called_number(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		find(w, CARRIER, "sip:+441632960055@gw;user=phone", "<sip:+4930123@c>", ""), 0);
	expect_route(w, TEAMS, "+441632960055", "+4416329600");
	assert_string_equal(w->way.route.caller, "+4930123");
	assert_false(w->way.route.emergency);

	assert_int_equal(find(w, CARRIER, "tel:+441632960255", "<tel:030123>", ""), 0);
	expect_route(w, PBX, "+441632960255", "+4416329602");
	assert_string_equal(w->way.route.caller, "");

	assert_int_equal(find(w, CARRIER, "sip:+441632960855@gw", "<sip:+4930123@c>", ""), 404);
	expect_refused(w, "not in the number table");
	assert_int_equal(find(w, CARRIER, "sip:01632960055@gw", "<sip:+4930123@c>", ""), 404);
	expect_refused(w, "not E.164");
}

static void service_calls_by_calling_number(void **state)
{
	struct world *w = *state;
	const char *me = "<sip:+441632960001@t>";

	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", me, ""), 0);
	expect_route(w, CARRIER, "+4930123", "+4416329600");
	assert_string_equal(w->way.route.caller, "+441632960001");
	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", "<sip:+441632960101@t>", ""), 0);
	expect_route(w, BACKUP, "+4930123", "+4416329601");
	assert_int_equal(find(w, TEAMS, "sip:*21%23@gw", me, ""), 0);
	expect_route(w, CARRIER, "*21%23", "+4416329600");
	assert_int_equal(find(w, TEAMS, "tel:118;phone-context=+44", me, ""), 0);
	expect_route(w, CARRIER, "118", "+4416329600");
	assert_int_equal(find(w, TEAMS, "sip:118;phone-context=+44@gw", me, ""), 0);
	expect_route(w, CARRIER, "118", "+4416329600");

	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", "<sip:+441632960201@t>", ""), 403);
	expect_refused(w, "does not belong to this trunk");
	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", "<sip:al@t>", ""), 403);
	expect_refused(w, "not E.164");
	assert_int_equal(find(w, TEAMS, "sip:al@gw", me, ""), 404);
	expect_refused(w, "neither E.164 nor digits");
	assert_int_equal(find(w, TEAMS, "sip:+0@gw", me, ""), 404);
	assert_int_equal(find(w, TEAMS, "sip:123456789012345678901234567890123@gw", me, ""), 404);
	assert_int_equal(find(w, PBX, "sip:+4930123@gw", "<sip:+441632960201@t>", ""), 404);
	expect_refused(w, "names a carrier");
}

/* RFC 3323 4.1.1.3, RFC 3325 9.1 */
static void anonymous_callers_by_asserted_identity(void **state)
{
	struct world *w = *state;
	const char *nobody = "<sip:anonymous@anonymous.invalid>";

	w->confv[TEAMS].numbering.country = "44";
	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", nobody,
			      "P-Asserted-Identity: <tel:1632960101;phone-context=+44>\r\n"),
			 0);
	expect_route(w, BACKUP, "+4930123", "+4416329601");
	assert_string_equal(w->way.route.caller, "+441632960101");
	assert_int_equal(find(w, TEAMS, "sip:+4930123@gw", nobody, ""), 403);
}

/*
 * A call that a user forwards has the outside caller in From. The user's own
 * number is in P-Asserted-Identity (RFC 3325 9.1), in Diversion, the last
 * diversion on top (RFC 5806 4), or in History-Info, in the order of events
 * (RFC 7044 10.1). The trunk is trusted.
 */
static void forwarded_by_a_service(void **state)
{
	static const struct {
		const char *from, *extra, *number; /* NULL: 403 */
	} rows[] = {
		{OUTSIDE, OWN_PAI, "+441632960101"},
		{OUTSIDE, "P-Asserted-Identity: <sip:al@t>, <tel:+441632960101>\r\n",
		 "+441632960101"},
		{OUTSIDE, OTHERS_PAI OWN_PAI, "+441632960101"},
		{OUTSIDE, OTHERS_PAI, NULL},
		{"<sip:al@t>", OWN_PAI, "+441632960101"},
		/* From comes first, then P-Asserted-Identity, then Diversion */
		{"<sip:+441632960001@t>", OWN_PAI, "+441632960001"},
		{OUTSIDE, DIVERSION("<sip:+441632960002@t>") OWN_PAI, "+441632960101"},
		{OUTSIDE,
		 HISTORY("<sip:+441632960003@t>;index=1") DIVERSION("<sip:+441632960002@t>"),
		 "+441632960002"},
		{OUTSIDE, DIVERSION("\"B\" <sip:+441632960002@t;user=phone>"), "+441632960002"},
		{OUTSIDE, DIVERSION("<tel:+441632960003>") DIVERSION("<sip:+441632960002@t>"),
		 "+441632960003"},
		{OUTSIDE, DIVERSION("<sip:+15550000@t>, <sip:+441632960002@t>"), "+441632960002"},
		{OUTSIDE, DIVERSION("<sip:+441632960201@t>"), NULL},
		{OUTSIDE, DIVERSION("<sip:+441632960002"), NULL}, /* no address */
		{OUTSIDE, DIVERSION("<urn:x:+441632960002>"), NULL},
		{OUTSIDE,
		 HISTORY("<sip:+441632960002@t>;index=1, "
			 "<sip:+441632960003@t?Reason=SIP%3Bcause%3D302>;index=1.1")
			 HISTORY("<sip:+49301@t>;index=1.1.1"),
		 "+441632960003"},
		/* the number that is called has forwarded nothing yet */
		{OUTSIDE, HISTORY("<sip:+49301@t>;index=1, <sip:+441632960009@t>;index=1.1"), NULL},
		{OUTSIDE, HISTORY("<sip:+441632960002@t>;index=1, <sip:+441632960009@t>;index=1.1"),
		 "+441632960002"},
		{OUTSIDE, "", NULL},
		/* as ever: who is anonymous */
		{"<sip:anonymous@anonymous.invalid>", OWN_PAI, "+441632960101"},
		{"<sip:anonymous@anonymous.invalid>", DIVERSION("<sip:+441632960002@t>"),
		 "+441632960002"},
	};
	struct world *w = *state;

	w->confv[TEAMS].trusted = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint16_t status =
			find(w, TEAMS, "sip:+441632960009@gw", rows[i].from, rows[i].extra);

		assert_int_equal(status, rows[i].number ? 0 : 403);
		if (rows[i].number) {
			const bool other = !strncmp(rows[i].number, "+4416329601", 11);

			expect_route(w, other ? BACKUP : CARRIER, "+441632960009",
				     other ? "+4416329601" : "+4416329600");
			assert_string_equal(w->way.route.caller, rows[i].number);
		} else {
			expect_refused(w, "does not belong to this trunk");
		}
	}
}

/* Anybody may write who diverted a call: only a trusted trunk is believed (RFC 5806 7). */
static void forwarded_by_an_untrusted_service(void **state)
{
	struct world *w = *state;

	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", OUTSIDE, OWN_PAI), 403);
	assert_int_equal(
		find(w, TEAMS, "sip:+49301@gw", OUTSIDE, DIVERSION("<sip:+441632960002@t>")), 403);
	assert_int_equal(
		find(w, TEAMS, "sip:+49301@gw", OUTSIDE, HISTORY("<sip:+441632960002@t>;index=1")),
		403);
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", "<sip:al@t>", OTHERS_PAI), 403);
	expect_refused(w, "not E.164");
}

/* The trunk's numbering, and the most that is looked at: of History-Info the newest. */
static void forwarded_numbering_and_bounds(void **state)
{
	struct world *w = *state;
	char many[900] = "History-Info: <sip:01632960002@t>";
	char top[900] = "Diversion: <sip:1@t>";

	w->confv[TEAMS].trusted = true;
	w->confv[TEAMS].numbering =
		(struct sp_conf_numbering){.country = "44", .national_prefix = "0"};
	for (unsigned i = 0; i < 31; i++) {
		strcat(many, ",<sip:1@t>");
		strcat(top, i < 30 ? ",<sip:1@t>" : ",<sip:01632960002@t>");
	}
	strcat(many, "\r\n");
	strcat(top, "\r\n");
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", OUTSIDE, many), 0);
	assert_string_equal(w->way.route.caller, "+441632960002");
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", OUTSIDE, top), 0);
	assert_string_equal(w->way.route.caller, "+441632960002");

	strcpy(strchr(many, '\r'), ",<sip:1@t>\r\n");
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", OUTSIDE, many), 403);
	memcpy(strstr(top, "<sip:1@t>"), "<a>,<b>  ", 9);
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", OUTSIDE, top), 403);
}

static void unknown_trunk(void **state)
{
	struct world *w = *state;

	w->conf->trunkc = TRUNKS - 1;
	assert_int_equal(find(w, PBX, "sip:112@gw", "<sip:+441632960201@t>", ""), 503);
	expect_refused(w, "no longer in the configuration");
	assert_int_equal(refer(w, PBX, "sip:112@gw", NULL), 503);
	w->conf->trunkc = TRUNKS;
}

/* Called and calling numbers are read by the settings of the trunk that calls. */
static void numbering_of_the_calling_trunk(void **state)
{
	struct world *w = *state;
	struct sp_conf_numbering *n = &w->confv[CARRIER].numbering;

	n->country = "44";
	n->national_prefix = "0";
	n->international_prefix = "00";
	assert_int_equal(find(w, CARRIER, "sip:01632960055@gw", "<sip:004930123456@c>", ""), 0);
	expect_route(w, TEAMS, "+441632960055", "+4416329600");
	assert_string_equal(w->way.route.caller, "+4930123456");
	assert_int_equal(find(w, CARRIER, "tel:1632960055;phone-context=+44", "<sip:112@c>", ""),
			 0);
	expect_route(w, TEAMS, "+441632960055", "+4416329600");
	assert_string_equal(w->way.route.caller, "");

	/* not by those of another */
	assert_int_equal(find(w, BACKUP, "sip:01632960055@gw", "<sip:004930123456@c>", ""), 404);

	w->confv[TEAMS].numbering = *n;
	assert_int_equal(find(w, TEAMS, "sip:030123456@gw", "<sip:01632960101@t>", ""), 0);
	expect_route(w, BACKUP, "+4430123456", "+4416329601");
	assert_int_equal(find(w, TEAMS, "sip:118118@gw", "<sip:01632960001@t>", ""), 0);
	expect_route(w, CARRIER, "118118", "+4416329600");
}

/* Whoever calls: his own carrier, else the trunk's. */
static void emergency_calls_of_a_service(void **state)
{
	static const struct {
		const char *uri, *from, *user, *entry;
		unsigned to;
	} rows[] = {
		{"sip:112@gw", "<sip:+441632960001@t>", "112", "+4416329600", CARRIER},
		{"sip:112@gw", "<sip:+441632960101@t>", "112", "+4416329601", BACKUP},
		{"sip:112@gw", "<sip:+441632960201@t>", "112", "", CARRIER}, /* another's number */
		{"sip:112@gw", "<sip:+15550000@t>", "112", "", CARRIER},
		{"sip:112@gw", "<sip:al@t>", "112", "", CARRIER},
		{"sip:112@gw", "\"Anonymous\" <sip:anonymous@anonymous.invalid>", "112", "",
		 CARRIER},
		{"sip:%31%312@gw", "<sip:al@t>", "112", "", CARRIER},
		{"sip:112;phone-context=+44@gw", "<sip:al@t>", "112", "", CARRIER},
		{"tel:1-1-2;phone-context=+44", "<sip:al@t>", "112", "", CARRIER},
		/* as an international number, which it is not: as listed */
		{"sip:+112@gw", "<sip:al@t>", "112", "", CARRIER},
		{"sip:%2b112;phone-context=+44@gw", "<sip:+441632960101@t>", "112", "+4416329601",
		 BACKUP},
		{"tel:+1-12", "<sip:al@t>", "112", "", CARRIER},
		{"sip:*5%23@gw", "<sip:al@t>", "*5%23", "", CARRIER},
		/* "+" forms exactly, and before the table */
		{"sip:+44999@gw", "<sip:al@t>", "+44999", "", CARRIER},
		{"sip:%2B44-999@gw", "<sip:al@t>", "+44999", "", CARRIER},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(find(w, TEAMS, rows[i].uri, rows[i].from, ""), 0);
		expect_route(w, rows[i].to, rows[i].user, rows[i].entry);
		assert_true(w->way.route.emergency);
	}
	/* nearly, but not */
	assert_int_equal(find(w, TEAMS, "sip:1122@gw", "<sip:al@t>", ""), 403);
	assert_int_equal(find(w, TEAMS, "sip:11@gw", "<sip:al@t>", ""), 403);
	assert_int_equal(find(w, TEAMS, "sip:+1122@gw", "<sip:al@t>", ""), 403);
	assert_int_equal(find(w, TEAMS, "sip:++112@gw", "<sip:al@t>", ""), 403);
	assert_int_equal(find(w, TEAMS, "sip:44999@gw", "<sip:al@t>", ""), 403);
	assert_false(w->way.route.emergency);
	/* no carrier anywhere */
	assert_int_equal(find(w, PBX, "sip:112@gw", "<sip:+441632960201@t>", ""), 404);
	expect_refused(w, "names a carrier");
}

/*
 * From has no number, as that of an extension: a trusted service says whose call it
 * is, as in any other call (RFC 3325 9.1). From's number, if there is one, is the
 * caller's, be it nobody's here: the location of another would mislead.
 */
static void emergency_calls_by_asserted_identity(void **state)
{
	struct world *w = *state;

	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>", OWN_PAI), 0);
	expect_route(w, CARRIER, "112", ""); /* not believed */
	w->confv[TEAMS].trusted = true;
	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>", OWN_PAI), 0);
	expect_route(w, BACKUP, "112", "+4416329601");
	assert_string_equal(w->way.route.caller, "+441632960101");
	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>",
			      "P-Asserted-Identity: <sip:al@t>, <tel:+441632960390>\r\n"),
			 0);
	expect_route(w, CARRIER, "112", "+441632960390");
	assert_string_equal(w->way.route.shown, "+441632960999");
	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>", OTHERS_PAI), 0);
	expect_route(w, CARRIER, "112", "");
	assert_int_equal(find(w, TEAMS, "sip:112@gw", OUTSIDE, OWN_PAI), 0);
	expect_route(w, CARRIER, "112", "");
	assert_int_equal(
		find(w, TEAMS, "sip:112@gw", "<sip:al@t>", DIVERSION("<sip:+441632960101@t>")), 0);
	expect_route(w, CARRIER, "112", "");
}

/* Of two that fit, the one that is as dialled. */
static void emergency_listed_both_ways(void **state)
{
	static const char *const both[] = {"112", "+112"};
	struct world *w = *state;

	w->confv[TEAMS].emergencyv = both;
	w->confv[TEAMS].emergencyc = 2;
	assert_int_equal(find(w, TEAMS, "sip:+112@gw", "<sip:al@t>", ""), 0);
	expect_route(w, CARRIER, "+112", "");
	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>", ""), 0);
	expect_route(w, CARRIER, "112", "");
}

/* The list is of what is dialled: no numbering makes another number of it. */
static void emergency_numbers_before_numbering(void **state)
{
	static const char *const dialled[] = {"999", "9999"};
	struct world *w = *state;

	w->confv[TEAMS].numbering = (struct sp_conf_numbering){
		.strip = "9", .add = "+", .country = "44", .national_prefix = "0"};
	w->confv[TEAMS].emergencyv = dialled;
	w->confv[TEAMS].emergencyc = 2;
	assert_int_equal(find(w, TEAMS, "sip:9999@gw", "<sip:9441632960101@t>", ""), 0);
	expect_route(w, BACKUP, "9999", "+4416329601");
	assert_int_equal(find(w, TEAMS, "sip:999@gw", "<sip:441632960101@t>", ""), 0);
	expect_route(w, BACKUP, "999", "+4416329601");
	assert_true(w->way.route.emergency);
}

/* To a service that answers emergencies itself: by the table, or not at all. */
static void emergency_calls_of_a_carrier(void **state)
{
	struct world *w = *state;

	assert_int_equal(find(w, CARRIER, "sip:+44999@gw", "<sip:al@c>", ""), 0);
	expect_route(w, PBX, "+44999", "+44999");
	assert_true(w->way.route.emergency);
	assert_int_equal(find(w, CARRIER, "sip:112@gw", "<sip:+4930123@c>", ""), 404);
	expect_refused(w, "not E.164");

	/* a trunk without a list has none */
	assert_int_equal(find(w, BACKUP, "sip:+44999@gw", "<sip:al@c>", ""), 0);
	expect_route(w, PBX, "+44999", "+44999");
	assert_false(w->way.route.emergency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(carrier_calls_by_called_number),
		T(service_calls_by_calling_number),
		T(anonymous_callers_by_asserted_identity),
		T(forwarded_by_a_service),
		T(forwarded_by_an_untrusted_service),
		T(forwarded_numbering_and_bounds),
		T(unknown_trunk),
		T(numbering_of_the_calling_trunk),
		T(emergency_calls_of_a_service),
		T(emergency_calls_by_asserted_identity),
		T(emergency_listed_both_ways),
		T(emergency_numbers_before_numbering),
		T(emergency_calls_of_a_carrier),
	};

	return cmocka_run_group_tests_name("call/route", tests, NULL, NULL);
}
