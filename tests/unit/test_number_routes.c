/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ordered lists of trunks and carriers of number entries.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;

static void lists_keep_their_order(void **state)
{
	struct sp_number_build *b = fixture_build(&reports);
	struct sp_number_table *t = NULL;
	const struct sp_number_entry *e, *f;
	struct sp_number_row row = {.number = "+441",
				    .trunkv = {"zoom", "teams"},
				    .trunkc = 2,
				    .carrierv = {"carrier-b", "carrier-a"},
				    .carrierc = 2};
	(void)state;

	assert_int_equal(0, sp_number_add(b, &row));
	row.number = "+442";
	assert_int_equal(0, sp_number_add(b, &row));
	row = fixture_row("+443", "zoom", 1);
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);

	e = fixture_lookup(t, "+441");
	assert_int_equal(2, e->trunkc);
	assert_int_equal(ZOOM, e->trunkv[0]);
	assert_int_equal(TEAMS, e->trunkv[1]);
	assert_int_equal(2, e->carrierc);
	assert_int_equal(CARRIER_B, e->carrierv[0]);
	assert_int_equal(CARRIER_A, e->carrierv[1]);

	/* kept once */
	f = fixture_lookup(t, "+442");
	assert_ptr_equal(e->trunkv, f->trunkv);
	assert_ptr_equal(e->carrierv, f->carrierv);

	f = fixture_lookup(t, "+443");
	assert_int_equal(1, f->trunkc);
	assert_int_equal(ZOOM, f->trunkv[0]);
	assert_int_equal(0, f->carrierc);
	assert_null(f->carrierv);

	assert_int_equal(3, sp_number_count_trunk(t, ZOOM));
	assert_int_equal(2, sp_number_count_trunk(t, TEAMS));
	assert_int_equal(0, sp_number_count_trunk(t, CARRIER_A));
	mem_deref(t);
}

/** Refused with one report, of this element. */
static void list_refused(const struct sp_number_row *row, const char *key, const char *value,
			 const char *mend)
{
	struct sp_number_build *b = fixture_build(&reports);

	assert_int_equal(EINVAL, sp_number_add(b, row));
	assert_int_equal(1, reports.n);
	assert_string_equal(key, reports.v[0].key);
	assert_string_equal(value, reports.v[0].value);
	assert_non_null(strstr(reports.v[0].mend, mend));
	mem_deref(b);
}

static void lists_are_judged(void **state)
{
	struct sp_number_row row = {
		.number = "+441", .trunkv = {"teams", "zoom", "pbx"}, .trunkc = 3};
	(void)state;

	row.trunkv[1] = "carrier-a";
	list_refused(&row, "trunk", "carrier-a", "is of kind carrier; name one of kind service");
	row.trunkv[1] = "zoon";
	list_refused(&row, "trunk", "zoon", "did you mean \"zoom\"?");
	row.trunkv[1] = "teams";
	list_refused(&row, "trunk", "teams", "once only");
	row.trunkv[1] = "";
	list_refused(&row, "trunk", "", "shorten the list");
	row.trunkc = SP_NUMBER_ROUTES_MAX + 1;
	list_refused(&row, "trunk", "teams", "at most 8");

	row.trunkv[0] = "teams";
	row.trunkc = 0; /* what lies beyond the list is none of it */
	list_refused(&row, "trunk", "", "name a trunk of kind service");

	row.trunkc = 1;
	row.carrierv[0] = "carrier-b";
	row.carrierv[1] = "carrier-b";
	row.carrierc = 2;
	list_refused(&row, "carrier", "carrier-b", "once only");
	row.carrierv[1] = "pbx";
	list_refused(&row, "carrier", "pbx", "is of kind service; name one of kind carrier");
	row.carrierv[0] = "";
	row.carrierc = 1;
	list_refused(&row, "carrier", "", "name a trunk of kind carrier");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(lists_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
