/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random rows for the number table, from few digits, so that they meet, nest and
 * touch; what they lead to, from small pools; and the same rows as CSV.
 */
#ifndef SALLYPORT_TESTS_NUMBER_ROWS_H
#define SALLYPORT_TESTS_NUMBER_ROWS_H

#include <stdlib.h>
#include "unit/number_model.h"

enum {
	ROW_HOLES = 5,
	ROW_HEADERS = 3,
	ROW_LIST = 3,
	ROW_SAYS = 5, /* different entries of a table, times apart */
	CSV_SIZE = 1 << 18,
	CSV_COLUMNS = 11 + ROW_HEADERS
};

static const struct sp_number_trunk row_trunks[] = {
	{"teams", false}, {"carrier-a", true}, {"zoom", false}, {"carrier-b", true}, {"pbx", false},
};

enum { ROW_TRUNKS = sizeof(row_trunks) / sizeof(row_trunks[0]) };

/* Indexes into these are what rows say; the first is the one that says nothing. */
static const char *const row_lists[][ROW_LIST] = {
	{"teams"}, {"teams", "pbx"}, {"pbx", "teams"}, {"zoom"}, {"zoom", "pbx", "teams"}};
static const char *const row_carriers[][ROW_LIST] = {
	{NULL}, {"carrier-a"}, {"carrier-b", "carrier-a"}};
static const char *const row_accounts[] = {"", "a", "Contoso, \"Ltd\"", "Z\xc3\xbcrich; B"};
static const char *const row_labels[] = {"", "desk", "x;\"y\""};
static const char *const row_locations[] = {"", "+441632960999"};
static const char *const row_callers[] = {"sent", "screened", "main"};
static const char *const row_headers[] = {"X-A", "X-Bb", "X-Site"};
static const char *const row_values[] = {"", "1", "{number}", "a,\"b\" {{{account}"};

enum { ROW_ACCOUNTS = sizeof(row_accounts) / sizeof(row_accounts[0]) };

/* What a row leads to. */
struct say {
	unsigned list, carrier, account, label, location, caller;
	unsigned value[ROW_HEADERS];
	bool to_carrier;
	int64_t from, to;
};

struct row {
	char number[MODEL_TEXT];
	char hole[ROW_HOLES][MODEL_TEXT];
	size_t holec;
	char from[MODEL_TIME], to[MODEL_TIME];
	struct say say;
};

static inline uint32_t rnd(uint64_t *s, uint32_t below)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (uint32_t)((*s >> 11) % below);
}

static inline bool chance(uint64_t *s, uint32_t in)
{
	return !rnd(s, in);
}

/* How the numbers of one table are. */
struct style {
	uint64_t s;
	const char *digits;
	uint32_t least, most; /* digits of a number */
	struct say say[ROW_SAYS];
	unsigned sayc;
	unsigned timed; /* of ten rows */
	int64_t epoch;
};

static inline void style_init(struct style *y, uint64_t seed)
{
	static const char *const digits[] = {"12", "019",        "9",  "90",
					     "1",  "0123456789", "45", "8901"};

	y->s = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < 4; i++)
		(void)rnd(&y->s, 2);
	y->digits = digits[rnd(&y->s, sizeof(digits) / sizeof(digits[0]))];
	y->least = chance(&y->s, 3) ? 1 + rnd(&y->s, SP_NUMBER_DIGITS_MAX) : 1;
	y->most = y->least + rnd(&y->s, SP_NUMBER_DIGITS_MAX + 1 - y->least);
	y->sayc = 1 + rnd(&y->s, ROW_SAYS);
	y->timed = chance(&y->s, 2) ? 0 : rnd(&y->s, 11);
	y->epoch = 1000000 + (int64_t)rnd(&y->s, 2000000) * 1000;
	for (unsigned i = 0; i < y->sayc; i++) {
		struct say *a = &y->say[i];

		a->list = rnd(&y->s, 5);
		a->carrier = rnd(&y->s, 3);
		a->account = rnd(&y->s, ROW_ACCOUNTS);
		a->label = rnd(&y->s, 3);
		a->location = rnd(&y->s, 2);
		a->caller = rnd(&y->s, a->account ? 3 : 2);
		a->to_carrier = chance(&y->s, 3);
		for (unsigned h = 0; h < ROW_HEADERS; h++)
			a->value[h] = chance(&y->s, 2) ? rnd(&y->s, 4) : 0;
		a->from = SP_NUMBER_ALWAYS_FROM;
		a->to = SP_NUMBER_ALWAYS_TO;
	}
}

/** One of few instants. */
static inline int64_t random_instant(struct style *y)
{
	return y->epoch + (int64_t)rnd(&y->s, 6) * 3600;
}

static inline void random_number(char number[SP_NUMBER_SIZE], struct style *y)
{
	const size_t len = y->least + rnd(&y->s, y->most - y->least + 1);
	const uint32_t digits = (uint32_t)strlen(y->digits);

	number[0] = '+';
	for (size_t i = 1; i <= len; i++)
		number[i] = y->digits[rnd(&y->s, digits)];
	if (number[1] == '0')
		number[1] = '1';
	number[len + 1] = '\0';
}

/** A neighbour of a number: one more or less, a digit more, less or other. */
static inline void disturb(char number[SP_NUMBER_SIZE], struct style *y)
{
	const size_t len = strlen(number);

	switch (rnd(&y->s, 6)) {
	case 0:
		(void)model_next(number);
		break;
	case 1:
		(void)model_previous(number);
		break;
	case 2:
		number[len - (len > 2)] = '\0';
		break;
	case 3:
		if (len <= SP_NUMBER_DIGITS_MAX) {
			number[len] = (char)('0' + rnd(&y->s, 10));
			number[len + 1] = '\0';
		}
		break;
	case 4:
		number[1 + rnd(&y->s, (uint32_t)len - 1)] = (char)('0' + rnd(&y->s, 10));
		break;
	default:
		break;
	}
}

/** A number, or one close to that of a rule that there is already. */
static inline void random_near(char number[SP_NUMBER_SIZE], struct style *y,
			       const struct model_rule *v, size_t n)
{
	const struct model_rule *r = n ? &v[rnd(&y->s, (uint32_t)n)] : NULL;
	const struct model_span *span = r ? &r->span : NULL;

	if (!r || chance(&y->s, 3)) {
		random_number(number, y);
		return;
	}
	if (r->holec && chance(&y->s, 2))
		span = &r->holev[rnd(&y->s, (uint32_t)r->holec)];
	memcpy(number, chance(&y->s, 2) ? span->first : span->last, SP_NUMBER_SIZE);
	if (chance(&y->s, 2))
		disturb(number, y);
}

static inline void random_digits(char *p, size_t n, struct style *y)
{
	const uint32_t digits = (uint32_t)strlen(y->digits);

	for (; n; n--)
		*p++ = chance(&y->s, 6) ? (char)('0' + rnd(&y->s, 10))
					: y->digits[rnd(&y->s, digits)];
}

/** Two numbers of the block, the lower one first. */
static inline void random_inside(struct model_span *in, const struct model_span *of,
				 struct style *y)
{
	const unsigned long long lo = strtoull(of->first + 1, NULL, 10);
	const unsigned long long size = strtoull(of->last + 1, NULL, 10) - lo + 1;
	unsigned long long at[2];

	for (unsigned i = 0; i < 2; i++) {
		const unsigned long long r =
			(unsigned long long)rnd(&y->s, UINT32_MAX) << 32 | rnd(&y->s, UINT32_MAX);

		at[i] = chance(&y->s, 8) ? 0 : chance(&y->s, 8) ? size - 1 : r % size;
		if (i && chance(&y->s, 2))
			at[1] = at[0];
		else if (i && at[0] + 12 < size && chance(&y->s, 2))
			at[1] = at[0] + r % 12;
	}
	snprintf(in->first, sizeof(in->first), "+%llu", lo + (at[0] < at[1] ? at[0] : at[1]));
	snprintf(in->last, sizeof(in->last), "+%llu", lo + (at[0] < at[1] ? at[1] : at[0]));
}

/** As a row may write it: the last number by its last digits, or whole. */
static inline void print_span(char buf[MODEL_TEXT], const struct model_span *span, struct style *y)
{
	const size_t digits = strlen(span->first) - 1;
	size_t given = digits;

	while (given > 1 && span->first[digits - given + 1] == span->last[digits - given + 1])
		--given; /* the least that says it */
	given += rnd(&y->s, (uint32_t)(digits - given) + 1);
	snprintf(buf, MODEL_TEXT, "%s-%s%s", span->first,
		 given == digits && chance(&y->s, 2) ? "+" : "", span->last + 1 + digits - given);
}

/** Leave digits out that the range's ends begin with; seldom more, which is to be refused. */
static inline void shorten(char hole[MODEL_TEXT], const struct model_span *of, struct style *y)
{
	size_t cut = 1;

	while (of->first[cut] && of->first[cut] == of->last[cut])
		++cut;
	if (!of->first[cut])
		--cut;
	cut = chance(&y->s, 20) ? cut + 1 : 1 + rnd(&y->s, (uint32_t)cut);
	if (cut < strlen(of->first))
		memmove(hole, hole + cut, strlen(hole + cut) + 1);
}

static inline void random_holes(struct row *r, const struct model_span *of, struct style *y)
{
	r->holec = rnd(&y->s, ROW_HOLES + 1);
	for (size_t i = 0; i < r->holec; i++) {
		struct model_span hole;

		random_inside(&hole, of, y);
		if (chance(&y->s, 20)) /* often still inside */
			(void)model_next(hole.last);
		if (chance(&y->s, 20))
			(void)model_previous(hole.first);
		if (strcmp(hole.first, hole.last) || chance(&y->s, 8))
			print_span(r->hole[i], &hole, y);
		else
			snprintf(r->hole[i], MODEL_TEXT, "%s", hole.first);
		if (chance(&y->s, 3))
			shorten(r->hole[i], of, y);
	}
}

static inline void random_range(struct row *r, struct style *y, const struct model_rule *v,
				size_t n)
{
	struct model_span span;
	size_t len, vary;

	random_near(span.first, y, v, n);
	memcpy(span.last, span.first, sizeof(span.last));
	len = strlen(span.first);
	vary = rnd(&y->s, (uint32_t)len);
	if (vary && chance(&y->s, 3)) { /* a whole decimal block */
		memset(span.first + len - vary, '0', vary);
		memset(span.last + len - vary, '9', vary);
		if (span.first[1] == '0')
			span.first[1] = '1';
	} else {
		random_digits(span.last + len - vary, vary, y);
	}
	if (strcmp(span.first, span.last) > 0 && !chance(&y->s, 50)) {
		const struct model_span swap = span;

		memcpy(span.first, swap.last, sizeof(span.first));
		memcpy(span.last, swap.first, sizeof(span.last));
	}
	print_span(r->number, &span, y);
	if (chance(&y->s, 2) && model_is_number(span.first) && model_is_number(span.last) &&
	    strcmp(span.first, span.last) <= 0)
		random_holes(r, &span, y);
}

static inline void random_times(struct row *r, struct style *y)
{
	int64_t from = random_instant(y), to = random_instant(y);

	if (from > to && !chance(&y->s, 30)) {
		const int64_t swap = from;

		from = to;
		to = swap;
	}
	if (!chance(&y->s, 4)) {
		r->say.from = from;
		model_time_print(r->from, from, (int)rnd(&y->s, 24) * 60 - 720);
	}
	if (!chance(&y->s, 4)) {
		r->say.to = to;
		model_time_print(r->to, to, (int)rnd(&y->s, 3) * 345);
	}
}

/** A row, for a table that has the rules v already. It may be one to refuse. */
static inline void random_row(struct row *r, struct style *y, const struct model_rule *v, size_t n)
{
	struct model_span span;

	memset(r, 0, sizeof(*r));
	r->say = y->say[rnd(&y->s, y->sayc)];
	if (rnd(&y->s, 10) < y->timed)
		random_times(r, y);

	if (chance(&y->s, 3)) {
		random_range(r, y, v, n);
		return;
	}
	random_near(span.first, y, v, n);
	snprintf(r->number, sizeof(r->number), "%s%s", span.first, chance(&y->s, 2) ? "*" : "");
	if (chance(&y->s, 300)) {
		r->number[rnd(&y->s, (uint32_t)strlen(r->number))] = "+-*0 a;"[rnd(&y->s, 7)];
	} else if (chance(&y->s, 300)) {
		r->holec = 1;
		memcpy(r->hole[0], span.first, SP_NUMBER_SIZE);
	}
}

/* ---- as CSV ---- */

struct csv {
	char text[CSV_SIZE];
	size_t len, at;
	uint32_t piece; /* most that is handed out at once */
	unsigned order[CSV_COLUMNS];
	bool has[CSV_COLUMNS];
	const char *eol;
	struct style *y;
};

static inline void csv_put(struct csv *c, const char *text)
{
	const size_t len = strlen(text);

	if (c->len + len >= sizeof(c->text))
		abort();
	memcpy(c->text + c->len, text, len + 1);
	c->len += len;
}

/** Quoted where it must be, and sometimes where it need not be (RFC 4180 section 2). */
static inline void csv_cell(struct csv *c, const char *text)
{
	char one[2] = "";

	if (!strpbrk(text, ",\"\r\n") && !chance(&c->y->s, 8)) {
		csv_put(c, text);
		return;
	}
	csv_put(c, "\"");
	for (; *text; text++) {
		one[0] = *text;
		csv_put(c, one);
		if (*text == '"')
			csv_put(c, one);
	}
	csv_put(c, "\"");
}

static inline void csv_list(char *buf, size_t size, const char *const v[ROW_LIST])
{
	buf[0] = '\0';
	for (size_t i = 0; i < ROW_LIST && v[i]; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", i ? ";" : "", v[i]);
}

static inline void csv_value(char *buf, size_t size, const struct row *r, unsigned column)
{
	const struct say *a = &r->say;

	buf[0] = '\0';
	if (column == 1)
		csv_list(buf, size, row_lists[a->list]);
	else if (column == 3)
		csv_list(buf, size, row_carriers[a->carrier]);
	for (size_t i = 0; column == 2 && i < r->holec; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", i ? ";" : "", r->hole[i]);
	if (column >= 11)
		snprintf(buf, size, "%s", row_values[a->value[column - 11]]);
	else if (column >= 4 || !column)
		snprintf(buf, size, "%s",
			 column == 0   ? r->number
			 : column == 4 ? row_accounts[a->account]
			 : column == 5 ? row_labels[a->label]
			 : column == 6 ? r->from
			 : column == 7 ? r->to
			 : column == 8 ? row_callers[a->caller]
			 : column == 9 ? row_locations[a->location]
				       : (a->to_carrier ? "yes" : "no"));
}

static inline void csv_line(struct csv *c, const struct row *r)
{
	char text[ROW_HOLES * MODEL_TEXT];
	bool first = true;

	for (unsigned i = 0; i < CSV_COLUMNS; i++) {
		const unsigned column = c->order[i];

		if (!c->has[column])
			continue;
		if (!first)
			csv_put(c, ",");
		first = false;
		csv_value(text, sizeof(text), r, column);
		csv_cell(c, text);
	}
	csv_put(c, c->eol);
}

static inline void csv_header(struct csv *c)
{
	static const char *const names[CSV_COLUMNS] = {"number",
						       "trunk",
						       "holes",
						       "carrier",
						       "account",
						       "label",
						       "enabled_from",
						       "enabled_to",
						       "caller_id",
						       "location",
						       "headers_to_carrier",
						       "header:X-A",
						       "header:X-Bb",
						       "header:X-Site"};
	bool first = true;

	for (unsigned i = 0; i < CSV_COLUMNS; i++) {
		if (!c->has[c->order[i]])
			continue;
		if (!first)
			csv_put(c, ",");
		first = false;
		csv_cell(c, names[c->order[i]]);
	}
	csv_put(c, c->eol);
}

/** Rows as a file: columns in any order, those without a value left out or not. */
static inline void csv_print(struct csv *c, struct style *y, const struct row *rows, size_t n)
{
	char text[ROW_HOLES * MODEL_TEXT];

	c->y = y;
	c->len = 0;
	c->eol = chance(&y->s, 2) ? "\r\n" : "\n";
	for (unsigned i = 0; i < CSV_COLUMNS; i++) {
		const unsigned k = rnd(&y->s, i + 1);

		c->order[i] = c->order[k];
		c->order[k] = i;
		c->has[i] = i < 2 || chance(&y->s, 3);
		for (size_t r = 0; !c->has[i] && r < n; r++) {
			csv_value(text, sizeof(text), &rows[r], i);
			c->has[i] = text[0] && strcmp(text, "sent") && strcmp(text, "no");
		}
	}
	if (chance(&y->s, 4))
		csv_put(c, "\xef\xbb\xbf");
	csv_header(c);
	for (size_t r = 0; r < n; r++)
		csv_line(c, &rows[r]);
	if (n && chance(&y->s, 3)) /* the last line need not end */
		c->len -= strlen(c->eol);
}

#endif
