/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of CSV files share: a build that each test begins with, and the
 * table that it may leave.
 */
#ifndef SALLYPORT_TESTS_NUMBER_CSV_FIXTURE_H
#define SALLYPORT_TESTS_NUMBER_CSV_FIXTURE_H

#include "unit/number_fixture.h"
#include "csv_priv.h"

static struct reports reports;
static struct sp_number_build *build;
static struct sp_number_table *table;

static inline int setup(void **state)
{
	(void)state;
	build = fixture_build(&reports);

	return build ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	build = mem_deref(build);
	table = mem_deref(table);

	return 0;
}

#endif
