/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes as rows of a table, of few digits so that they meet and nest, then as
 * look-ups. The room and the model, which only searches, agree on whether the
 * table is taken, on which rows collide and on every look-up.
 */
#include <stdlib.h>
#include "../unit/number_model.h"

enum { ROWS = 40, HOLES = 4, LOOKUPS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

struct rules {
	struct model_rule v[ROWS];
	size_t n;
	unsigned told;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static unsigned take(struct input *in, unsigned below)
{
	if (!in->left)
		return 0;
	--in->left;

	return *in->p++ % below;
}

static void take_digits(struct input *in, char *p, size_t n)
{
	for (; n; n--)
		*p++ = "0195"[take(in, 4)];
}

/** A number of 1 to 15 digits. */
static void take_number(struct input *in, char number[SP_NUMBER_SIZE])
{
	const size_t digits = 1 + take(in, SP_NUMBER_DIGITS_MAX);

	number[0] = '+';
	number[1] = "1195"[take(in, 4)];
	take_digits(in, number + 2, digits - 1);
	number[digits + 1] = '\0';
}

/** A number, a prefix, or a range whose last digits vary. */
static void take_rule(struct input *in, char text[MODEL_TEXT])
{
	char number[SP_NUMBER_SIZE];
	const unsigned kind = take(in, 4);
	size_t vary;

	take_number(in, number);
	vary = strlen(number) - 1;
	vary = kind > 1 ? 1 + take(in, (unsigned)vary) : 0;
	snprintf(text, MODEL_TEXT, "%s%s", number, kind == 1 ? "*" : kind > 1 ? "-" : "");
	if (!vary)
		return;
	take_digits(in, text + strlen(number) + 1, vary);
	text[strlen(number) + 1 + vary] = '\0';
}

/** A hole: a number or a range inside, most of the time. */
static void take_hole(struct input *in, char text[MODEL_TEXT], const struct model_span *of)
{
	const size_t len = strlen(of->first);
	char last[SP_NUMBER_SIZE];
	const size_t vary = 1 + take(in, (unsigned)len - 1);

	memcpy(text, take(in, 2) ? of->first : of->last, len + 1);
	take_digits(in, text + len - vary, vary);
	if (take(in, 2))
		return;
	memcpy(last, text, len + 1);
	take_digits(in, last + len - vary, vary);
	snprintf(text + len, MODEL_TEXT - len, "-%s", last + len - vary);
}

static void report(const char *file, unsigned line, const char *key, const char *value,
		   const char *mend, void *arg)
{
	struct rules *r = arg;
	const char *other = strstr(mend, "file:");
	unsigned at = 0;

	check(!strcmp(file, "file") && line && line <= r->n && key[0] && value);
	if (other && sscanf(other, "file:%u", &at) == 1)
		check(at && at <= r->n && model_collide(&r->v[line - 1], &r->v[at - 1]));
	++r->told;
}

/** Take a row and add it to both, unless the model refuses it. */
static void add(struct input *in, struct rules *r, struct sp_number_build *b)
{
	char number[MODEL_TEXT], holes[HOLES][MODEL_TEXT], from[MODEL_TIME], to[MODEL_TIME];
	struct model_rule *rule = &r->v[r->n];
	const char *holev[HOLES];
	struct sp_number_row row = {
		.number = number, .holev = holev, .trunkv = {"a"}, .trunkc = 1, .file = "file"};
	const int64_t from_s = take(in, 8) * 60, to_s = take(in, 8) * 60;
	const struct model_span *span;
	enum sp_number_kind kind;
	struct model_span copy;

	take_rule(in, number);
	span = model_parse(&kind, &copy, number) && kind == SP_NUMBER_RANGE ? &copy : NULL;
	row.holec = span ? take(in, HOLES + 1) : 0;
	for (size_t i = 0; i < row.holec; i++) {
		take_hole(in, holes[i], span);
		holev[i] = holes[i];
	}
	model_time_print(from, from_s, 0);
	model_time_print(to, to_s, 60);
	row.enabled_from = from_s ? from : NULL;
	row.enabled_to = to_s ? to : NULL;
	row.line = (unsigned)r->n + 1;
	if (!model_rule_set(rule, number, holev, row.holec, from_s ? from_s : SP_NUMBER_ALWAYS_FROM,
			    to_s ? to_s : SP_NUMBER_ALWAYS_TO))
		return;
	rule->line = row.line;
	++r->n;
	check(!sp_number_add(b, &row));
}

static void count(const struct sp_number_rule *rule, void *arg)
{
	(void)rule;
	++*(size_t *)arg;
}

static void look_up(struct input *in, const struct rules *r, const struct sp_number_table *t)
{
	const struct model_rule *near = &r->v[take(in, (unsigned)r->n)], *want;
	const int64_t now = take(in, 8) * 60 - take(in, 2);
	char number[SP_NUMBER_SIZE];
	struct sp_number_rule rule;
	size_t covering = 0, told = 0;
	struct pl pl;

	switch (take(in, 6)) {
	case 0:
		take_number(in, number);
		break;
	case 1:
		memcpy(number, near->span.last, sizeof(number));
		break;
	case 2:
		memcpy(number, near->span.last, sizeof(number));
		(void)model_next(number);
		break;
	case 3:
		memcpy(number, near->span.first, sizeof(number));
		(void)model_previous(number);
		break;
	case 4:
		memcpy(number, near->span.first, sizeof(number));
		break;
	default:
		snprintf(number, sizeof(number), "%s%u", near->span.first, take(in, 10));
		break;
	}

	pl_set_str(&pl, number);
	want = model_find(r->v, r->n, number, now);
	check(sp_number_find(&rule, t, &pl, now) == !!want);
	check(!!sp_number_lookup(t, &pl, now) == !!want);
	check(!want || (rule.line == want->line && rule.kind == want->kind));
	for (size_t i = 0; i < r->n; i++)
		covering += model_covers(&r->v[i], number);
	check(sp_number_covering(t, &pl, count, &told) == covering && told == covering);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_number_trunk trunk = {"a", false};
	static struct rules r;
	struct input in = {.p = data, .left = size};
	const unsigned rows = 1 + take(&in, ROWS);
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	bool collide;

	r.n = r.told = 0;
	check(!sp_number_build_alloc(&b, &trunk, 1, report, &r));
	for (unsigned i = 0; i < rows; i++)
		add(&in, &r, b);
	check(!r.told);
	collide = model_any_collide(r.v, r.n);
	check(sp_number_table_alloc(&t, b) == (collide ? EINVAL : 0));
	check(!t == collide && !r.told == !collide);
	mem_deref(b);
	for (unsigned i = 0; t && r.n && i < LOOKUPS && in.left; i++)
		look_up(&in, &r, t);
	mem_deref(t);

	return 0;
}
