/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the user part of a URI: what comes out is E.164 and normalises to
 * itself. And as a row's number, with holes after "/" and ";": the build takes
 * what the model takes, the rule covers what it should, and what is printed of
 * it makes the same rule again.
 */
#include <stdlib.h>
#include "../unit/number_model.h"

enum { TEXT = 200, HOLES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void normalise(const uint8_t *data, size_t size)
{
	const struct pl user = {.p = (const char *)data, .l = size};
	char out[SP_NUMBER_SIZE], again[SP_NUMBER_SIZE];
	struct pl pl;

	if (sp_number_normalise(out, &user)) {
		check(!out[0]);
		return;
	}
	check(model_is_number(out));
	pl_set_str(&pl, out);
	check(!sp_number_normalise(again, &pl) && !strcmp(out, again));
}

static void report(const char *file, unsigned line, const char *key, const char *value,
		   const char *mend, void *arg)
{
	++*(unsigned *)arg;
	check(file && line == 7 && key[0] && value && mend[0]);
}

/** A table of the one rule. @return NULL: refused */
static struct sp_number_table *table(const char *number, const char *const *holev, size_t holec)
{
	static const struct sp_number_trunk trunk = {"a", false};
	const struct sp_number_row row = {.number = number,
					  .holev = holev,
					  .holec = holec,
					  .trunkv = {"a"},
					  .trunkc = 1,
					  .file = "f",
					  .line = 7};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	unsigned told = 0;
	int err;

	check(!sp_number_build_alloc(&b, &trunk, 1, report, &told));
	err = sp_number_add(b, &row);
	check(err ? err == EINVAL && told : !told);
	check(sp_number_table_alloc(&t, b) == err);
	mem_deref(b);

	return t;
}

static void covers(const struct sp_number_table *t, const struct model_rule *r, const char *number)
{
	const struct pl pl = {.p = number, .l = strlen(number)};
	struct sp_number_rule rule;

	check(sp_number_find(&rule, t, &pl, 0) == model_covers(r, number));
	check(!!sp_number_lookup(t, &pl, 0) == model_covers(r, number));
}

/** The rule of the table, as the model has it, printed and read again. */
static void compare(const struct sp_number_table *t, const struct model_rule *r)
{
	char number[SP_NUMBER_SIZE], text[MODEL_TEXT];
	struct sp_number_rule rule, again;
	struct sp_number_table *second;
	struct pl pl;

	for (size_t i = 0; i <= r->holec; i++) {
		const struct model_span *s = i ? &r->holev[i - 1] : &r->span;

		covers(t, r, s->first);
		covers(t, r, s->last);
		memcpy(number, s->first, sizeof(number));
		if (model_previous(number))
			covers(t, r, number);
		memcpy(number, s->last, sizeof(number));
		if (model_next(number))
			covers(t, r, number);
	}

	memcpy(number, r->span.first, sizeof(number));
	for (size_t n = 0; n <= r->holec && model_hole(r, number); n++) {
		memcpy(number, model_hole(r, number)->last, sizeof(number));
		check(model_next(number));
	}
	pl_set_str(&pl, number);
	check(sp_number_find(&rule, t, &pl, 0) && rule.kind == r->kind);
	check(!strcmp(rule.first, r->span.first) && !strcmp(rule.last, r->span.last));
	check(re_snprintf(text, sizeof(text), "%H", sp_number_rule_print, &rule) > 0);

	second = table(text, NULL, 0);
	check(second && sp_number_find(&again, second, &pl, 0) && again.kind == rule.kind);
	check(!strcmp(again.first, rule.first) && !strcmp(again.last, rule.last));
	mem_deref(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT];
	const char *holev[HOLES];
	struct model_rule r;
	struct sp_number_table *t;
	size_t holec = 0;
	char *p;
	bool ok;

	normalise(data, size);

	size = size < TEXT ? size : TEXT - 1;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	for (p = strchr(text, '/'); p && holec < HOLES; p = strchr(p, ';')) {
		*p++ = '\0';
		holev[holec++] = p;
	}

	ok = model_rule_set(&r, text, holev, holec, SP_NUMBER_ALWAYS_FROM, SP_NUMBER_ALWAYS_TO);
	t = table(text, holev, holec);
	check(!t == !ok);
	if (t)
		compare(t, &r);
	mem_deref(t);

	return 0;
}
