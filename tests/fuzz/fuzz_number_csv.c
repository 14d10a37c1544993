/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a CSV file. Whatever the reader accepts must be in the table as
 * it stands: found by its own number, with headers that may be injected.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include <sallyport/number.h>

struct told {
	size_t n;
};

static void report(const char *file, unsigned line, const char *key, const char *value,
		   const char *mend, void *arg)
{
	struct told *told = arg;

	(void)value;
	++told->n;
	if (!file || !line || !key[0] || !mend[0])
		abort();
}

static void check_number(const struct sp_number_table *t, const char *p, size_t len)
{
	const struct sp_number_entry *e;
	const struct pl pl = {.p = p, .l = len};
	size_t i;

	e = sp_number_lookup(t, &pl);
	if (!e)
		return;
	if (strncmp(e->number, p, strlen(e->number)) || (!e->prefix && strlen(e->number) != len))
		abort();
	if (!e->trunkc || e->trunkc > SP_NUMBER_ROUTES_MAX || e->trunkv[0] != e->trunk ||
	    e->carrierc > SP_NUMBER_ROUTES_MAX || !e->carrierc != !e->carrierv)
		abort();
	for (i = 0; i < e->headerc; i++) {
		if (sp_number_header_bad(e->headerv[i].name, e->headerv[i].value))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_number_trunk trunks[] = {{"a", false}, {"c", true}, {"bb", false}};
	const char *text = (const char *)data;
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	struct told told = {0};
	size_t i;
	int err;

	if (sp_number_build_alloc(&b, trunks, 3, report, &told))
		abort();

	err = sp_number_csv(b, "f", text, size);
	if (!err != !told.n)
		abort();
	err = sp_number_table_alloc(&t, b);
	if (!err != !told.n || !err != !!t)
		abort();

	for (i = 0; t && i < size && i < 512; i++) {
		const size_t left = size - i;

		check_number(t, text + i, left < 5 ? left : 5);
		check_number(t, text + i, left < 13 ? left : 13);
	}

	mem_deref(b);
	mem_deref(t);

	return 0;
}
