/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as the value of a custom header, with variables. What the build takes
 * expands to what the model says, and fits whatever its variables stand for.
 */
#include <stdlib.h>
#include "../unit/number_model.h"
#include "../../src/number/number_priv.h"

enum { TRUNK_MAX = 63 }; /* bytes of a trunk's name, as the configuration has it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/**
 * Expand in plain steps, to any length.
 * @return false: a variable that there is not, or a brace left open
 */
static bool model_expand(char *out, const char *value, const struct sp_number_vars *vars)
{
	const struct {
		const char *name, *text;
	} v[] = {{"{{", "{"},
		 {"{number}", vars->number},
		 {"{account}", vars->account},
		 {"{label}", vars->label},
		 {"{trunk}", vars->trunk}};
	size_t i;

	*out = '\0';
	while (*value) {
		for (i = 0; i < 5 && strncmp(value, v[i].name, strlen(v[i].name)) != 0; i++)
			;
		if (i < 5) {
			strcat(out, v[i].text ? v[i].text : "");
			value += strlen(v[i].name);
		} else if (*value == '{') {
			return false;
		} else {
			strncat(out, value++, 1);
		}
	}

	return true;
}

/** The expansion, in memory that ends where it must. */
static void expands(const char *value, const struct sp_number_vars *vars)
{
	char *want = malloc(strlen(value) * 256 + 1), *is = malloc(SP_NUMBER_VALUE_SIZE);

	check(want && is && model_expand(want, value, vars));
	sp_number_expand(is, value, vars);
	check(strlen(want) < SP_NUMBER_VALUE_SIZE && !strcmp(is, want));
	free(want);
	free(is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char full[SP_NUMBER_ACCOUNT_MAX + 1], scratch[SP_NUMBER_HEADER_VALUE_MAX * 16];
	const struct sp_number_vars none = {0}, ends = {"+1", "{number}", "{{", "}"},
				    most = {"+123456789012345", full, full,
					    full + SP_NUMBER_ACCOUNT_MAX - TRUNK_MAX};
	char *value = malloc(size + 1);
	bool good, short_text;

	check(value != NULL);
	if (size)
		memcpy(value, data, size);
	value[size] = '\0';
	memset(full, 'x', sizeof(full) - 1);
	full[sizeof(full) - 1] = '\0';

	good = !number_template_bad(value);
	short_text = strlen(value) <= SP_NUMBER_HEADER_VALUE_MAX;
	if (short_text && !model_expand(scratch, value, &none))
		check(!good && number_header_bad("X-A", value));
	else if (strlen(value) < 64) /* seven variables at most */
		check(good);
	if (good) {
		expands(value, &none);
		expands(value, &ends);
		expands(value, &most);
	}
	free(value);

	return 0;
}
