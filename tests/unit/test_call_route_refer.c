/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where transfers and redirects go; and what an entry says beyond the trunk:
 * when it holds, who may call by it, and which number a carrier is shown.
 */
#include "route_fixture.h"

/* RFC 5589 6, 7: the host is the trunk's own: it knows what it means. */
static void transfer_back_to_the_trunk(void **state)
{
	struct world *w = *state;
	char longer[400];

	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@SIP.teams.example:5061;transport=tls>",
			       "+441632960001"),
			 0);
	expect_route(w, TEAMS, "+4930123", "");
	assert_true(w->way.route.own);
	assert_string_equal(w->way.route.caller, "+441632960001");
	assert_int_equal(refer(w, TEAMS, "<sip:8%3Aorgid;x=1@sip.teams.example>", NULL), 0);
	expect_route(w, TEAMS, "8%3Aorgid;x=1", "");
	assert_int_equal(refer(w, TEAMS, "<sip:sip.teams.example;transport=tls>", NULL), 0);
	expect_route(w, TEAMS, "", "");
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960107@sip.teams.example>", NULL), 0);
	expect_route(w, TEAMS, "+441632960107", "+4416329601");
	/* another's number is not looked at */
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960207@sip.teams.example>", NULL), 0);
	expect_route(w, TEAMS, "+441632960207", "");
	assert_int_equal(refer(w, CARRIER, "<sip:+4930123@sbc.carrier.example>", NULL), 0);
	expect_route(w, CARRIER, "+4930123", "");

	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "<sip:", 5);
	strcpy(longer + 5 + ROUTE_TEXT_SIZE - 1, "@sip.teams.example>");
	assert_int_equal(refer(w, TEAMS, longer, NULL), 0);
	assert_int_equal(strlen(w->way.route.user), ROUTE_TEXT_SIZE - 1);
	strcpy(longer + 5, "a");
	memset(longer + 5, 'a', ROUTE_TEXT_SIZE);
	strcpy(longer + 5 + ROUTE_TEXT_SIZE, "@sip.teams.example>");
	assert_int_equal(refer(w, TEAMS, longer, NULL), 404);
	expect_refused(w, "too long");
}

static void transfer_by_number(void **state)
{
	struct world *w = *state;

	/* to a number of the table, whoever asks */
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960207@gw>", "+441632960001"), 0);
	expect_route(w, PBX, "+441632960207", "+4416329602");
	assert_false(w->way.route.own);
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960007@pbx.customer.example>", NULL), 0);
	expect_route(w, TEAMS, "+441632960007", "+4416329600");
	assert_int_equal(refer(w, CARRIER, "<tel:+441632960207>", NULL), 0);
	expect_route(w, PBX, "+441632960207", "+4416329602");

	/* out, by the number in whose name it is made */
	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@gw>", "+441632960107"), 0);
	expect_route(w, BACKUP, "+4930123", "+4416329601");
	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@gw>", "+441632960207"), 0);
	expect_route(w, CARRIER, "+4930123", "");
	assert_int_equal(refer(w, TEAMS, "<sip:*21%23@gw>", ""), 0);
	expect_route(w, CARRIER, "*21%23", "");
	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@gw>", NULL), 0);
	expect_route(w, CARRIER, "+4930123", "");
	/* not by a part of what is no number */
	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@gw>", "+4416329601071234"), 0);
	expect_route(w, CARRIER, "+4930123", "");
	assert_string_equal(w->way.route.caller, "");
	assert_int_equal(refer(w, PBX, "<sip:+4930123@gw>", "+441632960207"), 404);
	expect_refused(w, "names a carrier");

	/* a carrier's transfer goes nowhere else */
	assert_int_equal(refer(w, CARRIER, "<sip:+4930123@gw>", "+441632960107"), 404);
	expect_refused(w, "not in the number table");
	assert_int_equal(refer(w, CARRIER, "<sip:118@gw>", "+441632960107"), 404);
	expect_refused(w, "not E.164");
	assert_int_equal(refer(w, TEAMS, "<sip:al@gw>", NULL), 404);
	expect_refused(w, "neither E.164 nor digits");
	assert_int_equal(refer(w, TEAMS, "<urn:service:sos>", NULL), 404);
	expect_refused(w, "neither a SIP nor a tel URI");

	w->confv[TEAMS].numbering =
		(struct sp_conf_numbering){.country = "44", .national_prefix = "0"};
	assert_int_equal(refer(w, TEAMS, "<sip:01632960207@gw>", NULL), 0);
	expect_route(w, PBX, "+441632960207", "+4416329602");
}

static void transfer_to_an_emergency_number(void **state)
{
	struct world *w = *state;

	assert_int_equal(refer(w, TEAMS, "<sip:112@gw>", "+441632960107"), 0);
	expect_route(w, BACKUP, "112", "+4416329601");
	assert_true(w->way.route.emergency);
	assert_int_equal(refer(w, TEAMS, "<sip:112@sip.teams.example>", NULL), 0);
	expect_route(w, CARRIER, "112", "");
	assert_true(w->way.route.emergency);
	assert_int_equal(refer(w, CARRIER, "<sip:+44999@gw>", NULL), 0);
	expect_route(w, PBX, "+44999", "+44999");
	assert_true(w->way.route.emergency);
	assert_int_equal(refer(w, CARRIER, "<sip:112@sbc.carrier.example>", NULL), 0);
	expect_route(w, CARRIER, "112", "");
	assert_true(w->way.route.emergency);
	assert_int_equal(refer(w, CARRIER, "<sip:112@gw>", NULL), 404);
}

static void expect_shown(const struct world *w, const char *shown)
{
	const char *got = w->way.route.shown;

	if (shown)
		assert_non_null(got);
	else
		assert_null(got);
	if (shown)
		assert_string_equal(got, shown);
}

/* caller_id and location of the number that decides: what a carrier is shown instead of it. */
static void what_the_carrier_is_shown(void **state)
{
	static const struct {
		const char *uri, *from, *shown;
	} rows[] = {
		{"sip:+4930123@gw", "<sip:+441632960301@t>", "+441632960300"},
		{"sip:+4930123@gw", "<sip:+441632960001@t>", NULL},
		{"sip:+4930123@gw", "<sip:+441632960401@t>", NULL},
		{"sip:+4930123@gw", "<sip:+441632960390@t>", "+441632960300"},
		{"sip:112@gw", "<sip:+441632960301@t>", "+441632960300"},
		{"sip:112@gw", "<sip:+441632960390@t>", "+441632960999"},
		{"sip:112@gw", "<sip:+441632960490@t>", "+441632960998"},
		{"sip:112@gw", "<sip:+441632960001@t>", NULL},
		{"sip:112@gw", "<sip:+15550001@t>", NULL},
		{"sip:112@gw", "<sip:+441632960601@t>", NULL}, /* another service's */
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(find(w, TEAMS, rows[i].uri, rows[i].from, ""), 0);
		expect_shown(w, rows[i].shown);
	}
	/* who calls such a number is shown as ever */
	assert_int_equal(find(w, CARRIER, "sip:+441632960390@gw", "<sip:+4930123@c>", ""), 0);
	expect_shown(w, NULL);
	assert_false(w->way.route.by_caller);
	/* transfers: of the number that transfers */
	assert_int_equal(refer(w, TEAMS, "<sip:+4930123@gw>", "+441632960301"), 0);
	expect_shown(w, "+441632960300");
	assert_true(w->way.route.by_caller);
	assert_int_equal(refer(w, TEAMS, "<sip:112@gw>", "+441632960390"), 0);
	expect_shown(w, "+441632960999");
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960601@gw>", "+441632960301"), 0);
	expect_shown(w, NULL);
}

/* caller_id = "screened": From is a number of the account; of none, of the trunk. */
static void screened_callers(void **state)
{
	static const struct {
		const char *from, *extra;
		uint16_t status;
	} rows[] = {
		{"<sip:+441632960401@t>", "", 0},
		{OUTSIDE, DIVERSION("<sip:+441632960401@t>"), 403},
		/* of the account, if with another service */
		{"<sip:+441632960601@t>", DIVERSION("<sip:+441632960401@t>"), 0},
		{"<sip:+441632960701@t>", DIVERSION("<sip:+441632960401@t>"), 403},
		{"<sip:al@t>", DIVERSION("<sip:+441632960401@t>"), 403},
		{"<sip:+441632960501@t>", "", 0},
		{"<sip:+441632960601@t>", DIVERSION("<sip:+441632960501@t>"), 403},
		{OUTSIDE, DIVERSION("<sip:+441632960501@t>"), 403},
		{"<sip:anonymous@anonymous.invalid>",
		 "P-Asserted-Identity: <sip:+441632960401@t>\r\n", 0},
		{"<sip:anonymous@anonymous.invalid>", DIVERSION("<sip:+441632960401@t>"), 403},
		{"<sip:anonymous@anonymous.invalid>",
		 "P-Asserted-Identity: <sip:+441632960601@t>\r\n" DIVERSION(
			 "<sip:+441632960401@t>"),
		 0},
	};
	struct world *w = *state;

	w->confv[TEAMS].trusted = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(find(w, TEAMS, "sip:+49301@gw", rows[i].from, rows[i].extra),
				 rows[i].status);
		if (rows[i].status)
			expect_refused(w, "caller_id");
		assert_true(w->way.route.screened || 403 == rows[i].status);
	}
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", "<sip:+441632960001@t>", ""), 0);
	assert_false(w->way.route.screened);
	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:+441632960401@t>", ""), 0);
	assert_false(w->way.route.screened);
	/* nobody is, who calls for help */
	assert_int_equal(find(w, TEAMS, "sip:112@gw", OUTSIDE, DIVERSION("<sip:+441632960401@t>")),
			 0);
}

/*
 * What a trusted service asserts goes to a trusted carrier beside From (RFC 3325
 * 9.1): no other number than From may show.
 */
static void screened_assertions(void **state)
{
#define PAI "P-Asserted-Identity: "
	static const struct {
		const char *extra;
		uint16_t status;
	} rows[] = {
		{PAI "<sip:+441632960401@t>\r\n", 0},
		{PAI "<sip:+441632960601@t>, <tel:+441632960402>\r\n", 0},
		{PAI "<sip:al@t>, <tel:+441632960402>\r\n", 0}, /* a name is no number */
		{PAI "<urn:x:+15550000>\r\n", 0},               /* and this is nothing */
		{PAI "<sip:+15550000@t>\r\n", 403},
		{PAI "<tel:+15550000>\r\n", 403},
		{PAI "<sip:al@t>, <tel:+15550000>\r\n", 403},
		{PAI "<sip:+441632960401@t>\r\n" PAI "<sip:+441632960001@t>\r\n", 403},
		{PAI "<sip:5550000@t>\r\n", 403}, /* digits that cannot be read as E.164 */
		{PAI "<sip:555-0000;phone-context=+1@t>\r\n", 403},
	};
	static const char me[] = "<sip:+441632960401@t>";
	struct world *w = *state;
	char many[1200] = PAI "<sip:al@t>";

	w->confv[TEAMS].trusted = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(find(w, TEAMS, "sip:+49301@gw", me, rows[i].extra),
				 rows[i].status);
		if (rows[i].status)
			expect_refused(w, "P-Asserted-Identity");
		assert_int_equal(find(w, TEAMS, "sip:112@gw", me, rows[i].extra), 0);
		assert_int_equal(
			find(w, TEAMS, "sip:+49301@gw", "<sip:+441632960001@t>", rows[i].extra), 0);
	}
	/* however far behind */
	for (unsigned i = 0; i < 50; i++)
		strcat(many, ",<sip:al@t>");
	strcat(many, ",<tel:+15550000>\r\n");
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", me, many), 403);
	/* of a service that is not trusted no carrier hears it */
	w->confv[TEAMS].trusted = false;
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", me, PAI "<tel:+15550000>\r\n"), 0);
#undef PAI
}

/* The call that a transfer makes shows the party that stays. */
static void screened_transfers(void **state)
{
	struct world *w = *state;

	w->party = "+4930123";
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960401"), 403);
	expect_refused(w, "caller_id");
	w->party = "";
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960401"), 403);
	w->party = "+441632960601";
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960401"), 0);
	w->party = "+4930123";
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960001"), 0);
	assert_int_equal(refer(w, TEAMS, "<sip:112@gw>", "+441632960401"), 0);
	/* nothing of a carrier is shown there */
	assert_int_equal(refer(w, TEAMS, "<sip:+441632960601@gw>", "+441632960401"), 0);
	w->party = NULL; /* a redirect: it was looked at before */
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960401"), 0);
}

/* Outside its times a rule is as if it were not there: the next one decides. */
static void enabled_numbers(void **state)
{
	static const struct {
		int64_t now_s;
		unsigned to;
		const char *number;
	} rows[] = {
		{FROM_S - 1, TEAMS, "+4416329601"},
		{FROM_S, PBX, "+441632960110"},
		{TO_S - 1, PBX, "+441632960110"},
		{TO_S, PBX, "+441632960100"}, /* the range from then on */
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w->now_s = rows[i].now_s;
		assert_int_equal(find(w, CARRIER, "sip:+441632960110@gw", "<sip:al@c>", ""), 0);
		expect_route(w, rows[i].to, "+441632960110", rows[i].number);
		assert_int_equal(refer(w, CARRIER, "<sip:+441632960110@gw>", NULL), 0);
		expect_route(w, rows[i].to, "+441632960110", rows[i].number);
	}
	/* calls from it, too */
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", "<sip:+441632960110@t>", ""), 403);
	assert_int_equal(find(w, PBX, "sip:+49301@gw", "<sip:+441632960110@t>", ""), 0);
	w->now_s = FROM_S - 1;
	assert_int_equal(find(w, TEAMS, "sip:+49301@gw", "<sip:+441632960110@t>", ""), 0);
	expect_route(w, BACKUP, "+49301", "+4416329601");
	assert_int_equal(refer(w, TEAMS, "<sip:+49301@gw>", "+441632960110"), 0);
	expect_route(w, BACKUP, "+49301", "+4416329601");
}

/* An entry that nothing decided is safe to read. */
static void the_empty_entry(void **state)
{
	struct world *w = *state;
	const struct sp_number_entry *entry;

	assert_int_equal(find(w, TEAMS, "sip:112@gw", "<sip:al@t>", ""), 0);
	entry = w->way.route.entry;
	assert_string_equal(w->way.route.number, "");
	assert_string_equal(entry->account->name, "");
	assert_string_equal(entry->account->main_number, "");
	assert_false(entry->account->limited);
	assert_string_equal(entry->label, "");
	assert_string_equal(entry->location, "");
	assert_int_equal(entry->headerc, 0);
	assert_int_equal(entry->trunkc, 0);
	assert_int_equal(entry->carrierc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(transfer_back_to_the_trunk),
		T(transfer_by_number),
		T(transfer_to_an_emergency_number),
		T(what_the_carrier_is_shown),
		T(screened_callers),
		T(screened_assertions),
		T(screened_transfers),
		T(enabled_numbers),
		T(the_empty_entry),
	};

	return cmocka_run_group_tests_name("call/route_refer", tests, NULL, NULL);
}
