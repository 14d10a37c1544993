/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of one rank that cover the same numbers. At any time one of them at most
 * may hold, else nobody could say which decides: two that hold at one time are a
 * mistake, of which both lines are told.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "table_priv.h"

static uint32_t entry_of(const struct number_rule *r)
{
	return r->entry & ~NUMBER_TOLD;
}

void number_tell(struct number_making *m, uint32_t place, const char *key, const char *value,
		 const char *mend)
{
	const char *file;
	unsigned line;

	if (m->told++ > SP_NUMBER_REPORTS_MAX)
		return;

	if (m->told > SP_NUMBER_REPORTS_MAX)
		mend = "mend those first: further ones like them are not shown";
	number_where(&file, &line, &m->t->store, place);
	number_report(m->b, file, line, key, value, mend);
}

/** Do the times of two entries overlap? */
bool number_overlap(const struct number_store *s, uint32_t entry, uint32_t other)
{
	const struct sp_number_entry *a = number_entry(s, entry), *b = number_entry(s, other);

	return a->from_s < b->to_s && b->from_s < a->to_s;
}

static bool is_dated(const struct number_store *s, const struct number_rule *r)
{
	const struct sp_number_entry *e = number_entry(s, entry_of(r));

	return e->from_s != SP_NUMBER_ALWAYS_FROM || e->to_s != SP_NUMBER_ALWAYS_TO;
}

/** Tell the later of two that clash, and where the other one is. */
void number_tell_both(struct number_making *m, enum sp_number_kind kind,
		      const struct number_rule *a, const struct number_rule *b)
{
	const struct number_store *s = &m->t->store;
	const bool swap = a->place < b->place;
	const struct number_rule *later = swap ? b : a, *first = swap ? a : b;
	const bool same = later->first == first->first && later->last == first->last;
	char value[64], also[64], mend[NUMBER_MEND_SIZE];
	struct sp_number_rule rule;
	const char *what;

	number_show(&rule, s, kind, first);
	(void)re_snprintf(also, sizeof(also), "%H", sp_number_rule_print, &rule);
	if (is_dated(s, later) && is_dated(s, first))
		what = "have one of the two end before the other begins, or delete it";
	else
		what = same ? "delete one of the two" : "shorten or delete one of the two";

	(void)re_snprintf(mend, sizeof(mend), "%s: also at %s:%u%s%s", what, rule.file, rule.line,
			  same ? "" : ", in ", same ? "" : also);
	number_show(&rule, s, kind, later);
	(void)re_snprintf(value, sizeof(value), "%H", sp_number_rule_print, &rule);
	number_tell(m, later->place, "number", value, mend);
}

static void tell_once(struct number_making *m, enum sp_number_kind kind, struct number_rule *a,
		      struct number_rule *b)
{
	struct number_rule *later = a->place < b->place ? b : a;

	if (later->entry & NUMBER_TOLD)
		return;
	number_tell_both(m, kind, a, b);
	later->entry |= NUMBER_TOLD;
}

static void tell_full(struct number_making *m, enum sp_number_kind kind, struct number_rule *r)
{
	struct sp_number_rule rule;
	char value[64];

	if (r->entry & NUMBER_TOLD)
		return;

	number_show(&rule, &m->t->store, kind, r);
	(void)re_snprintf(value, sizeof(value), "%H", sp_number_rule_print, &rule);
	number_tell(m, r->place, "number", value,
		    "have at most 64 rules for the same number, each at its time");
	r->entry |= NUMBER_TOLD;
}

/** One more. What it clashes with is told. @return false: it is left out, which is told too */
bool number_same_add(struct number_making *m, struct number_same *same, uint32_t rule)
{
	const struct number_store *s = &m->t->store;
	struct number_rule *r = number_rule(s, rule);
	size_t i;

	for (i = 0; i < same->c; i++) {
		struct number_rule *other = number_rule(s, same->v[i]);

		if (number_overlap(s, entry_of(r), entry_of(other))) {
			tell_once(m, same->kind, r, other);
			break;
		}
	}

	if (same->c == NUMBER_WINDOWS_MAX) {
		tell_full(m, same->kind, r);
		return false;
	}
	same->v[same->c++] = rule;

	return true;
}

/** In the order of their times. */
static void sort(const struct number_store *s, uint32_t *v, size_t c)
{
	size_t i, j;

	for (i = 1; i < c; i++) {
		const uint32_t rule = v[i];
		const int64_t from_s = number_entry(s, entry_of(number_rule(s, rule)))->from_s;

		for (j = i;
		     j && number_entry(s, entry_of(number_rule(s, v[j - 1])))->from_s > from_s; j--)
			v[j] = v[j - 1];
		v[j] = rule;
	}
}

/** The ref that stands for them; there is one at least. */
int number_same_ref(uint32_t *ref, struct number_making *m, struct number_same *same)
{
	struct number_vec *refv = &m->t->refv;
	size_t i;

	if (same->c == 1) {
		*ref = same->v[0];
		return 0;
	}

	sort(&m->t->store, same->v, same->c);
	if (refv->c + same->c >= NUMBER_NONE - NUMBER_CHAIN)
		return ENOMEM;
	*ref = NUMBER_CHAIN | (uint32_t)refv->c;
	for (i = 0; i < same->c; i++) {
		uint32_t *p = number_vec_add(refv, sizeof(*p));

		if (!p)
			return ENOMEM;
		*p = same->v[i] | (i + 1 == same->c ? NUMBER_CHAIN : 0);
	}

	return 0;
}
