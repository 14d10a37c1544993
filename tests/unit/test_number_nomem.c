/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every allocation of a build and its table made to fail in turn: the answer is
 * ENOMEM, and the leak checker of the sanitizer build finds nothing left over.
 *
 * The program's own mem_alloc and kin stand before libre's for the room's calls.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "unit/number_fixture.h"

static struct reports reports;
static unsigned countdown; /* the allocation that fails; 0: none */

static bool fails(void)
{
	return countdown && !--countdown;
}

static void next(void *function, size_t size, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	assert_non_null(symbol);
	memcpy(function, &symbol, size);
}

void *mem_alloc(size_t size, mem_destroy_h *dh)
{
	void *(*real)(size_t, mem_destroy_h *);

	next(&real, sizeof(real), "mem_alloc");

	return fails() ? NULL : real(size, dh);
}

void *mem_zalloc(size_t size, mem_destroy_h *dh)
{
	void *p = mem_alloc(size, dh);

	return p ? memset(p, 0, size) : NULL;
}

void *mem_realloc(void *data, size_t size)
{
	void *(*real)(void *, size_t);

	next(&real, sizeof(real), "mem_realloc");

	return fails() ? NULL : real(data, size);
}

void *mem_reallocarray(void *ptr, size_t nmemb, size_t membsize, mem_destroy_h *dh)
{
	return ptr ? mem_realloc(ptr, nmemb * membsize) : mem_alloc(nmemb * membsize, dh);
}

static int build_and_look(void)
{
	static const char text[] = "number,trunk,carrier,account,header:X-A\n"
				   "+441,teams;pbx,carrier-a,a,1\n"
				   "+44*,zoom,,b,2\n";
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	int err;

	err = sp_number_build_alloc(&b, fixture_trunks, FIXTURE_TRUNKS, fixture_report, &reports);
	if (!err)
		err = sp_number_csv(b, "n.csv", text, sizeof(text) - 1);
	if (!err)
		err = sp_number_table_alloc(&t, b);
	if (!err) {
		assert_int_equal(2, fixture_lookup(t, "+441")->line);
		assert_int_equal(3, fixture_lookup(t, "+4412")->line);
	} else {
		assert_null(t);
	}
	mem_deref(b);
	mem_deref(t);

	return err;
}

static void each_allocation_may_fail(void **state)
{
	unsigned i, failed = 0;
	(void)state;

	for (i = 1; i < 100; i++) {
		int err;

		countdown = i;
		err = build_and_look();
		if (countdown) /* fewer allocations than that */
			break;
		if (err) {
			assert_int_equal(ENOMEM, err);
			++failed;
		}
	}

	countdown = 0;
	assert_int_equal(0, reports.n);
	/* all but giving unused memory back, which may be refused */
	assert_int_equal(i - 2, failed);
	assert_in_range(failed, 10, 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
