/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the user part of a URI. What comes out is E.164, normalises to
 * itself, and is found in a table of all prefixes of one digit.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include <sallyport/number.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_number_table *digits(void)
{
	static const struct sp_number_trunk trunk = {"a", false};
	struct sp_number_row row = {.trunk = "a"};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	char number[] = "+1*";

	if (sp_number_build_alloc(&b, &trunk, 1, NULL, NULL))
		abort();
	for (row.number = number; number[1] <= '9'; number[1]++) {
		if (sp_number_add(b, &row))
			abort();
	}
	if (sp_number_table_alloc(&t, b))
		abort();
	mem_deref(b);

	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl user = {.p = (const char *)data, .l = size};
	char out[SP_NUMBER_SIZE], again[SP_NUMBER_SIZE];
	struct sp_number_table *t;
	struct pl pl;

	if (sp_number_normalise(out, &user)) {
		if (out[0])
			abort();
		return 0;
	}

	pl_set_str(&pl, out);
	if (sp_number_normalise(again, &pl) || strcmp(out, again))
		abort();
	if (out[0] != '+' || out[1] == '0' || out[1 + strspn(out + 1, "0123456789")])
		abort();

	t = digits();
	if (!sp_number_lookup(t, &pl))
		abort();
	mem_deref(t);

	return 0;
}
