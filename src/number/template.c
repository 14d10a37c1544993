/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values of custom headers are templates: {number}, {account}, {label} and
 * {trunk} stand for what a call has, "{{" for a brace.
 */
#include <string.h>
#include <re.h>
#include "number_priv.h"

enum { TRUNK_MAX = 64, /**< bytes of a trunk's name; the configuration allows 63 */ };

enum variable { NUMBER, ACCOUNT, LABEL, TRUNK, VARIABLES };

static const struct {
	struct pl name;
	size_t max; /**< bytes of what it stands for */
} variables[VARIABLES] = {
	[NUMBER] = {{"number", 6}, SP_NUMBER_SIZE - 1},
	[ACCOUNT] = {{"account", 7}, SP_NUMBER_ACCOUNT_MAX},
	[LABEL] = {{"label", 5}, SP_NUMBER_ACCOUNT_MAX},
	[TRUNK] = {{"trunk", 5}, TRUNK_MAX},
};

/* What comes next in a template. */
struct part {
	struct pl text;         /**< as it stands, when there is any */
	enum variable variable; /**< else; VARIABLES: none of this name */
	bool open;              /**< a brace that nothing closes */
};

/** @return false at the end */
static bool part_next(struct part *part, const char **p)
{
	const char *s = *p, *end;
	size_t i;

	*part = (struct part){.variable = VARIABLES};
	if (!*s)
		return false;

	if (*s != '{' || s[1] == '{') {
		const size_t len = *s == '{' ? 1 : strcspn(s, "{");

		part->text = (struct pl){.p = s, .l = len};
		*p = s + (*s == '{' ? 2 : len);
		return true;
	}

	end = strchr(s, '}');
	part->open = !end;
	if (!end) {
		*p = s + strlen(s);
		return true;
	}

	for (i = 0; i < VARIABLES; i++) {
		const struct pl *name = &variables[i].name;

		if (name->l == (size_t)(end - s) - 1 && !memcmp(name->p, s + 1, name->l))
			part->variable = (enum variable)i;
	}
	*p = end + 1;

	return true;
}

const char *number_template_bad(const char *value)
{
	struct part part;
	size_t len = 0;

	while (part_next(&part, &value)) {
		if (part.open)
			return "close the brace, or write \"{{\" for one that is meant as such; "
			       "there are {number}, {account}, {label} and {trunk}";
		if (!part.text.l && part.variable == VARIABLES)
			return "there is no such variable: there are {number}, {account}, {label} "
			       "and {trunk}, and \"{{\" is a brace";
		len += part.text.l ? part.text.l : variables[part.variable].max;
	}

	if (len >= SP_NUMBER_VALUE_SIZE)
		return "name fewer variables: with a number of 16 characters, account and label of "
		       "100 bytes, and a trunk of 64, the value would be longer than 1,023 bytes";

	return NULL;
}

void sp_number_expand(char out[SP_NUMBER_VALUE_SIZE], const char *value,
		      const struct sp_number_vars *vars)
{
	struct part part;
	size_t used = 0;

	if (!out)
		return;

	while (value && part_next(&part, &value)) {
		const char *const v[VARIABLES + 1] = {
			[NUMBER] = vars ? vars->number : NULL,
			[ACCOUNT] = vars ? vars->account : NULL,
			[LABEL] = vars ? vars->label : NULL,
			[TRUNK] = vars ? vars->trunk : NULL,
		};

		if (!part.text.l && v[part.variable])
			pl_set_str(&part.text, v[part.variable]);
		if (part.text.l > SP_NUMBER_VALUE_SIZE - 1 - used)
			part.text.l = SP_NUMBER_VALUE_SIZE - 1 - used;
		if (part.text.l)
			memcpy(out + used, part.text.p, part.text.l);
		used += part.text.l;
	}
	out[used] = '\0';
}
