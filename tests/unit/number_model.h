/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A model of the number table as plain as can be, for tests and fuzzers: a list
 * of rules that is searched from end to end. Numbers stay text and are compared
 * as text; nothing is packed, hashed, sorted or cut into blocks.
 */
#ifndef SALLYPORT_TESTS_NUMBER_MODEL_H
#define SALLYPORT_TESTS_NUMBER_MODEL_H

#include <stdio.h>
#include <string.h>
#include <re.h>
#include <sallyport/number_build.h>

enum { MODEL_WINDOWS_MAX = 64, MODEL_TEXT = 64, MODEL_TIME = 48, MODEL_DAY = 86400 };

struct model_span {
	char first[SP_NUMBER_SIZE];
	char last[SP_NUMBER_SIZE];
};

struct model_rule {
	enum sp_number_kind kind;
	struct model_span span;
	struct model_span holev[SP_NUMBER_HOLES_MAX];
	size_t holec;
	int64_t from, to;
	unsigned entry; /* rules that lead to the same have the same */
	bool refused;   /* it is as if it were not there */
	const char *file;
	unsigned line;
};

static inline bool model_is_number(const char *s)
{
	const size_t len = strlen(s);

	return len >= 2 && len <= SP_NUMBER_DIGITS_MAX + 1 && s[0] == '+' && s[1] != '0' &&
	       strspn(s + 1, "0123456789") == len - 1;
}

/** "+441", "+441-9", "+440-+449", "+44*" */
static inline bool model_parse(enum sp_number_kind *kind, struct model_span *span, const char *text)
{
	char copy[MODEL_TEXT];
	const size_t len = strlen(text);
	size_t digits, given;
	char *dash;

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len + 1);
	dash = strchr(copy, '-');
	*kind = copy[len - 1] == '*' ? SP_NUMBER_PREFIX : dash ? SP_NUMBER_RANGE : SP_NUMBER_EXACT;
	if (*kind == SP_NUMBER_PREFIX)
		copy[len - 1] = '\0';
	if (*kind == SP_NUMBER_RANGE)
		*dash++ = '\0';

	if (!model_is_number(copy))
		return false;
	memcpy(span->first, copy, strlen(copy) + 1);
	memcpy(span->last, copy, strlen(copy) + 1);
	if (*kind != SP_NUMBER_RANGE)
		return true;

	digits = strlen(copy) - 1;
	if (dash[0] == '+' && strlen(dash + 1) != digits)
		return false;
	dash += dash[0] == '+';
	given = strlen(dash);
	if (!given || given > digits)
		return false;
	memcpy(span->last + 1 + digits - given, dash, given);

	return model_is_number(span->last) && strcmp(span->first, span->last) <= 0;
}

/** Numbers of one length compare as text does. */
static inline bool model_within(const struct model_span *s, const char *number)
{
	return strlen(s->first) == strlen(number) && strcmp(s->first, number) <= 0 &&
	       strcmp(number, s->last) <= 0;
}

/** The hole that a number of the block is in, or NULL. */
static inline const struct model_span *model_hole(const struct model_rule *r, const char *number)
{
	for (size_t i = 0; i < r->holec; i++) {
		if (model_within(&r->holev[i], number))
			return &r->holev[i];
	}

	return NULL;
}

/** The number after it. @return false: it is the last one of its length */
static inline bool model_next(char *number)
{
	size_t i = strlen(number);

	while (--i && number[i] == '9')
		number[i] = '0';
	if (!i)
		return false;
	++number[i];

	return true;
}

/** The one before it, which may begin with 0. @return false: it is 0 */
static inline bool model_previous(char *number)
{
	size_t i = strlen(number);

	while (--i && number[i] == '0')
		number[i] = '9';
	if (!i)
		return false;
	--number[i];

	return true;
}

/** The first number from x to hi that neither leaves out; or false. */
static inline bool model_both(const struct model_rule *a, const struct model_rule *b, char *x,
			      const char *hi)
{
	while (strcmp(x, hi) <= 0) {
		const struct model_span *h = model_hole(a, x);

		if (!h)
			h = model_hole(b, x);
		if (!h)
			return true;
		memcpy(x, h->last, strlen(h->last) + 1);
		if (!model_next(x))
			return false;
	}

	return false;
}

/** A block of which the holes leave nothing. */
static inline bool model_nothing(const struct model_rule *r)
{
	char x[SP_NUMBER_SIZE];

	memcpy(x, r->span.first, sizeof(x));

	return r->kind == SP_NUMBER_RANGE && !model_both(r, r, x, r->span.last);
}

/** A hole as a number or range of its own, or without the digits that all of the range begin with.
 */
static inline bool model_hole_parse(struct model_span *hole, const struct model_span *range,
				    const char *text)
{
	const size_t digits = strlen(range->first) - 1, given = strspn(text, "0123456789");
	enum sp_number_kind kind;
	char whole[MODEL_TEXT];

	if (!given)
		return model_parse(&kind, hole, text) && kind != SP_NUMBER_PREFIX;
	if (given > digits || strlen(text) >= MODEL_TEXT - SP_NUMBER_SIZE || strchr(text, '+') ||
	    strncmp(range->first, range->last, 1 + digits - given) != 0)
		return false;
	memcpy(whole, range->first, 1 + digits - given);
	memcpy(whole + 1 + digits - given, text, strlen(text) + 1);

	return model_parse(&kind, hole, whole) && kind != SP_NUMBER_PREFIX;
}

/**
 * A number, its holes and times as a row says them.
 * @return false when the row is to be refused for them
 */
static inline bool model_rule_set(struct model_rule *r, const char *number,
				  const char *const *holev, size_t holec, int64_t from, int64_t to)
{
	r->refused = false;
	r->holec = 0;
	r->from = from;
	r->to = to;
	if (!model_parse(&r->kind, &r->span, number) || from >= to)
		return false;
	if (holec > SP_NUMBER_HOLES_MAX || (holec && r->kind != SP_NUMBER_RANGE))
		return false;

	for (size_t i = 0; i < holec; i++) {
		struct model_span *h = &r->holev[i];

		if (!model_hole_parse(h, &r->span, holev[i]))
			return false;
		if (!model_within(&r->span, h->first) || !model_within(&r->span, h->last))
			return false;
		for (size_t n = 0; n < i; n++) {
			if (strcmp(h->first, r->holev[n].last) <= 0 &&
			    strcmp(r->holev[n].first, h->last) <= 0)
				return false;
		}
	}
	r->holec = holec;

	return !model_nothing(r);
}

static inline bool model_covers(const struct model_rule *r, const char *number)
{
	if (r->refused || !model_is_number(number))
		return false;
	if (r->kind == SP_NUMBER_PREFIX)
		return !strncmp(r->span.first, number, strlen(r->span.first));

	return model_within(&r->span, number) && !model_hole(r, number);
}

static inline bool model_holds(const struct model_rule *r, int64_t now)
{
	return r->from <= now && now < r->to;
}

/** Exact, range, prefix; the longest prefix. */
static inline int model_rank(const struct model_rule *r)
{
	switch (r->kind) {
	case SP_NUMBER_EXACT:
		return 200;
	case SP_NUMBER_RANGE:
		return 100;
	default:
		return (int)strlen(r->span.first);
	}
}

/** The rule that decides, or NULL. */
static inline const struct model_rule *model_find(const struct model_rule *v, size_t n,
						  const char *number, int64_t now)
{
	const struct model_rule *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (model_covers(&v[i], number) && model_holds(&v[i], now) &&
		    (!best || model_rank(&v[i]) > model_rank(best)))
			best = &v[i];
	}

	return best;
}

/** Is there a number that both cover with one rank? */
static inline bool model_meet(const struct model_rule *a, const struct model_rule *b)
{
	char x[SP_NUMBER_SIZE];
	const char *hi;

	if (a->refused || b->refused || a->kind != b->kind ||
	    strlen(a->span.first) != strlen(b->span.first))
		return false;
	if (a->kind != SP_NUMBER_RANGE)
		return !strcmp(a->span.first, b->span.first);

	snprintf(x, sizeof(x), "%s",
		 strcmp(a->span.first, b->span.first) > 0 ? a->span.first : b->span.first);
	hi = strcmp(a->span.last, b->span.last) < 0 ? a->span.last : b->span.last;

	return model_both(a, b, x, hi);
}

/** Are they two rules of one rank for one number at one time? */
static inline bool model_collide(const struct model_rule *a, const struct model_rule *b)
{
	return a->from < b->to && b->from < a->to && model_meet(a, b);
}

/** How many rules of r's rank cover the number, or are the same prefix? */
static inline size_t model_depth(const struct model_rule *v, size_t n, const struct model_rule *r,
				 const char *number)
{
	size_t depth = 0;

	for (size_t i = 0; i < n; i++)
		depth += v[i].kind == r->kind &&
			 (r->kind == SP_NUMBER_RANGE ? model_covers(&v[i], number)
						     : !strcmp(v[i].span.first, number));

	return depth;
}

/** Is any number under more rules of a rank than a table takes? It then is where one begins. */
static inline bool model_too_deep(const struct model_rule *v, size_t n)
{
	for (size_t i = 0; n > MODEL_WINDOWS_MAX && i < n; i++) {
		if (model_depth(v, n, &v[i], v[i].span.first) > MODEL_WINDOWS_MAX)
			return true;
		for (size_t k = 0; k < v[i].holec; k++) {
			char x[SP_NUMBER_SIZE];

			memcpy(x, v[i].holev[k].last, sizeof(x));
			if (model_next(x) && model_depth(v, n, &v[i], x) > MODEL_WINDOWS_MAX)
				return true;
		}
	}

	return false;
}

/** Does any pair collide? */
static inline bool model_any_collide(const struct model_rule *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (model_collide(&v[i], &v[k]))
				return true;
		}
	}

	return false;
}

static inline int model_days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/** Seconds since 1970 of a date and time of day (RFC 3339 section 5.7), counted day by day. */
static inline int64_t model_seconds(int year, int month, int day, int seconds)
{
	int64_t days = day - 1;

	for (int y = 1970; y < year; y++)
		days += 337 + model_days_of(y, 2);
	for (int y = year; y < 1970; y++)
		days -= 337 + model_days_of(y, 2);
	for (int m = 1; m < month; m++)
		days += model_days_of(year, m);

	return days * MODEL_DAY + seconds;
}

/** RFC 3339 of a second since 1970, at so many minutes off UTC. */
static inline void model_time_print(char buf[MODEL_TIME], int64_t s, int offset)
{
	const int off = offset < 0 ? -offset : offset;
	int year = 1970, month = 1, day = 1, left;
	int64_t days;

	s += offset * 60;
	left = (int)(s % MODEL_DAY);
	days = s / MODEL_DAY;
	for (; days >= 337 + model_days_of(year, 2); year++)
		days -= 337 + model_days_of(year, 2);
	for (; days >= model_days_of(year, month); month++)
		days -= model_days_of(year, month);
	day += (int)days;
	snprintf(buf, MODEL_TIME, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", year, month, day,
		 left / 3600, left / 60 % 60, left % 60, offset < 0 ? '-' : '+', off / 60,
		 off % 60);
	if (!offset)
		snprintf(buf + 19, MODEL_TIME - 19, "Z");
}

#endif
