/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random tables against a model that only searches (number_model.h): both take
 * or refuse the same rows, name rows that really collide, and say the same of
 * every number at every time; by rows and by CSV.
 *
 * SEED=... begins with another table, RUNS=... makes so many. A seed that fails
 * is printed with its rows, and makes the same table again with RUNS=1.
 */
#include "unit/number_world.h"

enum { RUNS = 6000 };

/* ---- comparing ---- */

/** The place that a report names beside its own. */
static bool other_place(const struct report *r, const char **file, unsigned *line)
{
	for (unsigned f = 0; f < FILES; f++) {
		const size_t len = strlen(file_names[f]);
		const char *p = strstr(r->mend, file_names[f]);

		if (p && sscanf(p + len, ":%u", line) == 1) {
			*file = file_names[f];
			return true;
		}
	}

	return false;
}

static bool at(const struct model_rule *r, const char *file, unsigned line)
{
	return r->file == file && r->line == line;
}

/** Both places are of two rules that collide. */
static bool told_pair(const struct world *w, const struct report *r, const char *file,
		      unsigned line)
{
	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; at(&w->v[i], r->file, r->line) && k < w->n; k++) {
			if (i != k && at(&w->v[k], file, line) && model_collide(&w->v[i], &w->v[k]))
				return true;
		}
	}

	return false;
}

/** What was told when the table was to be made is so. */
static void check_told(struct world *w, size_t from)
{
	const bool collide = model_any_collide(w->v, w->n), deep = model_too_deep(w->v, w->n);
	bool pairs = false;

	for (size_t k = from; k < w->reports; k++) {
		const struct report *r = &w->report[k];
		const char *file;
		unsigned line;
		bool ok = deep || strstr(r->mend, "not shown");

		if (other_place(r, &file, &line)) {
			if (!told_pair(w, r, file, line) && !deep)
				wrong(w, "not a pair: %s:%u and %s:%u", r->file, r->line, file,
				      line);
			pairs = true;
			continue;
		}
		for (size_t i = 0; i < w->n; i++)
			ok |= at(&w->v[i], r->file, r->line) && lacks_main(w, i);
		if (!ok)
			wrong(w, "told without reason: %s:%u", r->file, r->line);
	}
	if (collide && !pairs)
		wrong(w, "no collision is told");
	w->collisions += collide;
}

static void check_counts(struct world *w, const struct sp_number_table *t)
{
	struct sp_number_counts want = {.entries = w->entryc, .accounts = w->accountc}, is;
	size_t trunks[ROW_TRUNKS] = {0};

	for (size_t i = 0; i < w->n; i++) {
		const struct model_rule *r = &w->v[i];
		const unsigned list = w->row[i].say.list;

		want.exact += r->kind == SP_NUMBER_EXACT;
		want.ranges += r->kind == SP_NUMBER_RANGE;
		want.prefixes += r->kind == SP_NUMBER_PREFIX;
		if (r->kind != SP_NUMBER_PREFIX)
			want.covered += strtoull(r->span.last, NULL, 10) -
					strtoull(r->span.first, NULL, 10) + 1;
		for (size_t h = 0; h < r->holec; h++)
			want.covered -= strtoull(r->holev[h].last, NULL, 10) -
					strtoull(r->holev[h].first, NULL, 10) + 1;
		for (size_t k = 0; k < ROW_LIST && row_lists[list][k]; k++) {
			for (unsigned n = 0; n < ROW_TRUNKS; n++)
				trunks[n] += !strcmp(row_lists[list][k], row_trunks[n].name);
		}
	}

	sp_number_counts(t, &is);
	if (is.exact != want.exact || is.ranges != want.ranges || is.prefixes != want.prefixes)
		wrong(w, "rules %zu %zu %zu", is.exact, is.ranges, is.prefixes);
	if (is.entries != want.entries || is.accounts != want.accounts ||
	    is.covered != want.covered)
		wrong(w, "entries %zu, accounts %zu, covered %llu; not %zu, %zu, %llu", is.entries,
		      is.accounts, (unsigned long long)is.covered, want.entries, want.accounts,
		      (unsigned long long)want.covered);
	if (sp_number_count(t) != w->n)
		wrong(w, "%zu rules", sp_number_count(t));
	for (unsigned n = 0; n < ROW_TRUNKS; n++) {
		if (sp_number_count_trunk(t, (uint16_t)n) != trunks[n])
			wrong(w, "%zu rules of trunk %u", sp_number_count_trunk(t, (uint16_t)n), n);
	}
}

static size_t next_entry, next_account;

static void on_entry(const struct sp_number_entry *e, size_t rulec, void *arg)
{
	struct world *w = arg;
	char text[sizeof(w->entry[0])];

	entry_print(text, e);
	if (next_entry >= w->entryc || strcmp(text, w->entry[next_entry]) != 0)
		wrong(w, "entry %zu is %s", next_entry, text);
	if (rulec != w->entry_rules[next_entry])
		wrong(w, "entry %zu has %zu rules", next_entry, rulec);
	w->entryp[next_entry++] = e;
}

static void on_account(const struct sp_number_account *a, void *arg)
{
	struct world *w = arg;
	const unsigned k = next_account < w->accountc ? w->account_order[next_account] : 0;
	const struct sp_number_account_row *row = &w->account[k];
	size_t rulec = 0;

	for (size_t i = 0; i < w->n; i++)
		rulec += w->row[i].say.account == k;
	if (!k || strcmp(a->name, row_accounts[k]) != 0)
		wrong(w, "account %zu is %s", next_account, a->name);
	if (a->rulec != rulec || strcmp(a->main_number, row->main_number ? row->main_number : ""))
		wrong(w, "account %s: %zu rules, main number %s", a->name, a->rulec,
		      a->main_number);
	if (a->limited != !!row->name)
		wrong(w, "account %s: limited %d", a->name, a->limited);
	if (a->limited && (a->calls != row->calls || a->calls_per_s != row->calls_per_s ||
			   a->burst != row->burst))
		wrong(w, "account %s: limits", a->name);
	++next_account;
}

struct covering {
	struct world *w;
	const char *number;
	size_t n;
	const struct model_rule *last;
};

static bool same_rule(const struct world *w, const struct sp_number_rule *rule,
		      const struct model_rule *r)
{
	return rule->kind == r->kind && !strcmp(rule->first, r->span.first) &&
	       !strcmp(rule->last, r->span.last) && !strcmp(rule->file, r->file) &&
	       rule->line == r->line && rule->entry == w->entryp[r->entry];
}

static void on_covering(const struct sp_number_rule *rule, void *arg)
{
	struct covering *c = arg;
	struct world *w = c->w;
	size_t i = 0;

	while (i < w->n && !(model_covers(&w->v[i], c->number) && same_rule(w, rule, &w->v[i])))
		++i;
	if (i == w->n)
		wrong(w, "%s is not covered by %s-%s at %s:%u", c->number, rule->first, rule->last,
		      rule->file, rule->line);
	if (c->last && model_rank(&w->v[i]) > model_rank(c->last))
		wrong(w, "%s: weaker before stronger", c->number);
	if (c->last == &w->v[i])
		wrong(w, "%s: one twice", c->number);
	c->last = &w->v[i];
	++c->n;
}

static void check_covering(struct world *w, const struct sp_number_table *t, const char *number)
{
	struct covering c = {.w = w, .number = number};
	const struct pl pl = {.p = number, .l = strlen(number)};
	const size_t n = sp_number_covering(t, &pl, on_covering, &c);
	size_t want = 0;

	for (size_t i = 0; i < w->n; i++)
		want += model_covers(&w->v[i], number);
	if (n != want || c.n != want)
		wrong(w, "%s is covered by %zu, told %zu of %zu", number, n, c.n, want);
}

/** What is printed of a rule says the same. */
static void check_print(struct world *w, const struct sp_number_rule *rule)
{
	char text[MODEL_TEXT];
	struct model_span span;
	enum sp_number_kind kind;

	if (re_snprintf(text, sizeof(text), "%H", sp_number_rule_print, rule) < 0 ||
	    !model_parse(&kind, &span, text) || kind != rule->kind ||
	    strcmp(span.first, rule->first) != 0 || strcmp(span.last, rule->last) != 0)
		wrong(w, "%s-%s prints as %s", rule->first, rule->last, text);
}

static void check_lookup(struct world *w, const struct sp_number_table *t, const char *number,
			 int64_t now)
{
	const struct model_rule *want = model_find(w->v, w->n, number, now);
	char text[MODEL_TEXT];
	const struct pl pl = {.p = text, .l = strlen(number)};
	const struct sp_number_entry *e;
	struct sp_number_rule rule;

	memset(text, '7', sizeof(text)); /* no NUL after it */
	memcpy(text, number, pl.l);
	e = sp_number_lookup(t, &pl, now);
	if (e != (want ? w->entryp[want->entry] : NULL))
		wrong(w, "%s at %lld: entry %p, not of line %u", number, (long long)now,
		      (const void *)e, want ? want->line : 0);
	if (sp_number_find(&rule, t, &pl, now) != !!want)
		wrong(w, "%s at %lld: found or not", number, (long long)now);
	if (want && !same_rule(w, &rule, want))
		wrong(w, "%s at %lld: %s-%s at %s:%u, not %s-%s at %s:%u", number, (long long)now,
		      rule.first, rule.last, rule.file, rule.line, want->span.first,
		      want->span.last, want->file, want->line);
	if (want)
		check_print(w, &rule);
	++w->lookups;
	w->found += want != NULL;
}

static int64_t random_now(struct world *w)
{
	switch (rnd(&w->y.s, 8)) {
	case 0:
		return INT64_MIN;
	case 1:
		return INT64_MAX - 1;
	default:
		return random_instant(&w->y) + (int64_t)rnd(&w->y.s, 3) - 1;
	}
}

static void check_lookups(struct world *w, const struct sp_number_table *t)
{
	static const char *const none[] = {"", "+", "1", "+1*", "+0", "+1 2", "+1234567890123456"};
	const size_t n = 40 + w->n;

	for (size_t i = 0; i < n; i++) {
		char number[SP_NUMBER_SIZE];

		random_near(number, &w->y, w->v, w->n);
		if (chance(&w->y.s, 3))
			disturb(number, &w->y);
		for (unsigned k = 0; k < (w->y.timed ? 3 : 1); k++)
			check_lookup(w, t, number, random_now(w));
		if (chance(&w->y.s, 3))
			check_covering(w, t, number);
	}
	check_lookup(w, t, none[rnd(&w->y.s, sizeof(none) / sizeof(none[0]))], random_now(w));
}

/** Have the room make the table and compare it. */
static void check_table(struct world *w, struct sp_number_build *b)
{
	const bool taken = accepts(w);
	const size_t told = w->reports;
	struct sp_number_table *t = NULL;
	const int err = sp_number_table_alloc(&t, b);

	if (err != (taken ? 0 : EINVAL) || !t != !taken || (!taken && !w->reports))
		wrong(w, "error %d, %zu reports", err, w->reports);
	check_told(w, told);
	if (t) {
		next_entry = next_account = 0;
		sp_number_each(t, on_entry, w);
		sp_number_each_account(t, on_account, w);
		if (next_entry != w->entryc || next_account != w->accountc)
			wrong(w, "%zu entries, %zu accounts", next_entry, next_account);
		check_counts(w, t);
		check_lookups(w, t);
	}
	mem_deref(t);
	++w->tables;
	w->taken += taken;
}

static void one_table(struct world *w, uint64_t seed)
{
	struct sp_number_build *b = NULL;

	w->seed = seed;
	style_init(&w->y, seed);
	if (chance(&w->y.s, 100))
		make_deep(w);
	else
		make_rows(w, rnd(&w->y.s, chance(&w->y.s, 300) ? ROWS : 50), !chance(&w->y.s, 4));
	make_parts(w);
	make_accounts(w);

	assert_int_equal(0, sp_number_build_alloc(&b, row_trunks, ROW_TRUNKS, on_report, w));
	fill_build(b, w);
	check_table(w, b);
	if (accepts(w) && chance(&w->y.s, 20)) { /* it is empty, so all goes in once more */
		fill_build(b, w);
		check_table(w, b);
	}
	mem_deref(b);
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void random_tables_against_the_model(void **state)
{
	const unsigned long first = number_of("SEED", 1), runs = number_of("RUNS", RUNS);
	struct world *w = &world;
	(void)state;

	for (unsigned long i = 0; i < runs; i++)
		one_table(w, first + i);
	print_message("%lu tables, %lu taken, %lu with collisions, %lu look-ups, %lu found\n",
		      w->tables, w->taken, w->collisions, w->lookups, w->found);
	if (runs < 1000)
		return;
	/* a good part of each, or the rows have stopped to reach anything */
	assert_in_range(w->taken, w->tables / 2, w->tables * 9 / 10);
	assert_in_range(w->collisions, w->tables / 50, w->tables / 2);
	assert_in_range(w->found, w->lookups / 4, w->lookups * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_tables_against_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
