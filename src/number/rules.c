/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbers of a row: an exact number, a range with its holes, or a prefix.
 * They are kept as their index will want them: exact numbers wait in one array,
 * a range is cut where its holes are, a prefix becomes a place of the tree.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "build_priv.h"

enum { VALUE_SIZE = 1100 };

struct numbers {
	uint64_t first, last; /**< packed */
};

/* A row's rule, with what is needed to tell what is wrong with it. */
struct row {
	struct sp_number_build *b;
	uint32_t place;
	enum sp_number_kind kind;
	struct numbers all;
	struct numbers holev[SP_NUMBER_HOLES_MAX]; /**< in order */
	size_t holec;
};

static int refuse(const struct row *r, const char *key, const char *value, size_t len,
		  const char *mend)
{
	char copy[VALUE_SIZE];
	const char *file;
	unsigned line;

	if (len >= sizeof(copy))
		len = sizeof(copy) - 1;
	memcpy(copy, value, len);
	copy[len] = '\0';

	number_where(&file, &line, &r->b->store, r->place);
	number_report(r->b, file, line, key, copy, mend);

	return EINVAL;
}

static const char *number_mend(const char *s, size_t len)
{
	size_t i;

	if (len > 1 && s[0] == '+' && s[1] == '0')
		return "begin with the country code: no E.164 number has a 0 after the \"+\"";

	for (i = 0; i < len && s[i] && strchr("+0123456789.,", s[i]); i++)
		;
	if (i < len && s[i] == 'E')
		return "a spreadsheet has rounded it: take the number from its source, and have "
		       "the column kept as text";

	return "write it as E.164: \"+\" and 1 to 15 digits; for a prefix with \"*\" at the end, "
	       "for a range with its last number, \"+441632960000-960999\"";
}

/** "960999" behind "+441632960000-": the last digits of the last number. */
static bool tail_pack(uint64_t *last, uint64_t first, const char *p, size_t len, size_t digits)
{
	uint64_t tail = 0, unit = 1;
	size_t i;

	if (!len || len > digits)
		return false;
	for (i = 0; i < len; i++, unit *= 10) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		tail = tail * 10 + (uint64_t)(p[i] - '0');
	}
	*last = first - first % unit + tail;

	return true;
}

/** @return NULL, or what to mend */
static const char *range_parse(struct numbers *n, const char *p, size_t len, const char *dash)
{
	const size_t before = (size_t)(dash - p), after = len - before - 1;
	bool ok;

	if (!number_pack(&n->first, p, before))
		return number_mend(p, before);

	if (after && dash[1] == '+') {
		ok = number_pack(&n->last, dash + 1, after);
		if (ok && after != before)
			return "give the first and the last number of the range the same length";
	} else {
		ok = tail_pack(&n->last, n->first, dash + 1, after, before - 1);
	}
	if (!ok)
		return "end the range with the last digits of its last number, or with that whole: "
		       "\"+441632960000-960999\", \"+441632960000-+441632960999\"";
	/* a tail of all digits might begin with 0: then it is before the first too */
	if (n->last < n->first)
		return "begin the range with its first number: this last one comes before it";

	return NULL;
}

static const char *number_parse(enum sp_number_kind *kind, struct numbers *n, const char *p,
				size_t len)
{
	const char *dash = memchr(p, '-', len);

	if (dash) {
		*kind = SP_NUMBER_RANGE;
		return range_parse(n, p, len, dash);
	}

	*kind = len && p[len - 1] == '*' ? SP_NUMBER_PREFIX : SP_NUMBER_EXACT;
	if (!number_pack(&n->first, p, len - (*kind == SP_NUMBER_PREFIX)))
		return number_mend(p, len);
	n->last = n->first;

	return NULL;
}

static int numbers_cmp(const void *a, const void *b)
{
	const struct numbers *na = a, *nb = b;

	return na->first < nb->first ? -1 : na->first > nb->first;
}

/** "53-54", "53": last digits of numbers of the range, as many as differ in it at least. */
static const char *hole_short(struct numbers *hole, const struct numbers *range, const char *p,
			      size_t len)
{
	const char *dash = memchr(p, '-', len);
	const size_t before = dash ? (size_t)(dash - p) : len;
	const size_t digits = number_digits(range->first);
	size_t differ = 0;
	uint64_t a, b;

	for (a = range->first, b = range->last; a != b; a /= 10, b /= 10)
		++differ;

	if (before < differ || !tail_pack(&hole->first, range->first, p, before, digits))
		return "write a hole as a number or range, or its last digits, as many as differ "
		       "in the range at least";

	hole->last = hole->first;
	if (dash && !tail_pack(&hole->last, hole->first, dash + 1, len - before - 1, digits))
		return "end the hole with the last digits of its last number";
	if (hole->last < hole->first)
		return "begin the hole with its first number: this last one comes before it";

	return NULL;
}

static int hole_parse(struct row *r, const char *text)
{
	struct numbers *hole = &r->holev[r->holec];
	const size_t len = strlen(text);
	enum sp_number_kind kind = SP_NUMBER_RANGE;
	const char *mend;

	if (text[0] >= '0' && text[0] <= '9')
		mend = hole_short(hole, &r->all, text, len);
	else
		mend = number_parse(&kind, hole, text, len);
	if (!mend && kind == SP_NUMBER_PREFIX)
		mend = "write a hole as a number or a range: a prefix has numbers of any length";
	if (!mend && (hole->first < r->all.first || hole->last > r->all.last))
		mend = "have the hole lie within the range";
	if (mend)
		return refuse(r, "holes", text, len, mend);
	++r->holec;

	return 0;
}

/** Two of them must not overlap, and they must leave a number. */
static int holes_check(struct row *r, const char *text)
{
	uint64_t left = r->all.last - r->all.first + 1;
	size_t i;

	if (r->holec > 1)
		qsort(r->holev, r->holec, sizeof(r->holev[0]), numbers_cmp);
	for (i = 0; i < r->holec; i++) {
		if (i && r->holev[i].first <= r->holev[i - 1].last)
			return refuse(r, "holes", text, strlen(text),
				      "have no number in two holes of one range");
		left -= r->holev[i].last - r->holev[i].first + 1;
	}
	if (!left)
		return refuse(r, "holes", text, strlen(text),
			      "delete the row: its holes leave nothing of the range");

	return 0;
}

static int holes_parse(struct row *r, const char *const *holev, size_t holec)
{
	const char *first = holec && holev[0] ? holev[0] : "";
	int err = 0;
	size_t i;

	if (!holec)
		return 0;
	if (r->kind != SP_NUMBER_RANGE)
		return refuse(r, "holes", first, strlen(first), "only a range can have holes");
	if (holec > SP_NUMBER_HOLES_MAX)
		return refuse(r, "holes", first, strlen(first),
			      "give a range at most 64 holes, or make it several");

	for (i = 0; i < holec; i++) {
		if (hole_parse(r, holev[i] ? holev[i] : ""))
			err = EINVAL;
	}

	return err ? err : holes_check(r, first);
}

static int piece_add(struct sp_number_build *b, uint64_t first, uint64_t last, uint32_t rule)
{
	struct number_piece *piece = number_vec_add(&b->piecev, sizeof(*piece));

	if (!piece)
		return ENOMEM;
	b->covered += last - first + 1;
	*piece = (struct number_piece){.first = first, .last = last, .rule = rule};

	return 0;
}

/** A range without its holes. */
static int pieces_add(const struct row *r, uint32_t rule)
{
	uint64_t from = r->all.first;
	int err = 0;
	size_t i;

	for (i = 0; i < r->holec && !err; i++) {
		if (r->holev[i].first > from)
			err = piece_add(r->b, from, r->holev[i].first - 1, rule);
		from = r->holev[i].last + 1;
	}
	if (!err && from <= r->all.last)
		err = piece_add(r->b, from, r->all.last, rule);

	return err;
}

static int branch_add(struct sp_number_build *b, const char *p, size_t digits, uint32_t rule)
{
	struct number_branch *branch = number_vec_add(&b->branchv, sizeof(*branch));

	if (!branch)
		return ENOMEM;

	*branch = (struct number_branch){.digits = number_nibbles(p, digits) | digits, .ref = rule};

	return 0;
}

static void entry_count(struct sp_number_build *b, uint32_t entry, uint32_t place)
{
	struct number_item *item = number_item(&b->store, entry);

	if (!item->rulec++)
		item->place = place;
}

static int full(const struct row *r, const char *number, size_t len)
{
	return refuse(r, "number", number, len,
		      "one table holds at most 100,000,000 rules: use ranges and prefixes");
}

static int rule_keep(const struct row *r, const char *number, size_t len, uint32_t entry)
{
	struct sp_number_build *b = r->b;
	const size_t index = b->store.rulev.c, piecec = b->piecev.c;
	const uint64_t covered = b->covered;
	struct number_rule *rule = number_vec_add(&b->store.rulev, sizeof(*rule));
	int err;

	if (!rule)
		return ENOMEM;

	*rule = (struct number_rule){
		.first = r->all.first, .last = r->all.last, .entry = entry, .place = r->place};
	if (r->kind == SP_NUMBER_RANGE)
		err = pieces_add(r, (uint32_t)index);
	else
		err = branch_add(b, number + 1, len - 2, (uint32_t)index);
	if (err) { /* whole, or not at all */
		b->store.rulev.c = index;
		b->piecev.c = piecec;
		b->covered = covered;
		return err;
	}

	entry_count(b, entry, r->place);

	return 0;
}

/** All but exact numbers that are right. */
static int rule_add(struct sp_number_build *b, const char *number, size_t len,
		    const char *const *holev, size_t holec, uint32_t entry, uint32_t place)
{
	struct row r = {.b = b, .place = place};
	const char *mend = number_parse(&r.kind, &r.all, number, len);
	char buf[NUMBER_MEND_SIZE];

	if (mend)
		return refuse(&r, "number", number, len, number_meant(buf, mend, number, len));
	if (holes_parse(&r, holev, holec))
		return EINVAL;
	if (entry == NUMBER_NONE)
		return 0;
	if (b->stagedv.c + b->store.rulev.c >= NUMBER_RULES_MAX)
		return full(&r, number, len);

	return rule_keep(&r, number, len, entry);
}

int number_rule_add(struct sp_number_build *b, const char *number, size_t len,
		    const char *const *holev, size_t holec, uint32_t entry, uint32_t place)
{
	struct number_staged *staged;
	uint64_t key;

	if (number_stop_soon(b))
		return ECANCELED;
	if (holec || !number_pack(&key, number, len))
		return rule_add(b, number, len, holev, holec, entry, place);
	if (entry == NUMBER_NONE)
		return 0;

	if (b->stagedv.c + b->store.rulev.c >= NUMBER_RULES_MAX)
		return full(&(struct row){.b = b, .place = place}, number, len);
	staged = number_vec_add(&b->stagedv, sizeof(*staged));
	if (!staged)
		return ENOMEM;

	*staged = (struct number_staged){.key = key, .entry = entry, .place = place};
	entry_count(b, entry, place);

	return 0;
}
