/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A random table for the room and for the model: its rows, spread over files, its
 * accounts, what is expected of them; and a build of it, by rows and by CSV.
 */
#ifndef SALLYPORT_TESTS_NUMBER_WORLD_H
#define SALLYPORT_TESTS_NUMBER_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "unit/number_rows.h"

enum {
	ROWS = 1200,
	ENTRIES = ROWS,
	REPORTS = 512,
	FILES = 3,
};

struct report {
	const char *file;
	unsigned line;
	char mend[512];
};

/* The rows of one file: from first on, until the next file begins. */
struct part {
	size_t first;
	const char *file;
	bool csv;
};

struct world {
	uint64_t seed;
	struct style y;
	struct row row[ROWS];
	struct model_rule v[ROWS];
	bool bad[ROWS];
	size_t n;
	struct part part[FILES + 1];
	unsigned parts;
	char entry[ENTRIES][512]; /* that differ, in the order first met */
	size_t entry_rules[ENTRIES];
	const struct sp_number_entry *entryp[ENTRIES];
	size_t entryc;
	struct sp_number_account_row account[ROW_ACCOUNTS]; /* given when it has a name */
	unsigned account_order[ROW_ACCOUNTS];
	size_t accountc; /* named in all, in account_order */
	bool accounts_first, accounts_csv;
	unsigned account_twice; /* 0: none */
	struct report report[REPORTS];
	size_t reports;
	struct csv csv;
	unsigned long tables, taken, lookups, found, collisions;
};

static struct world world;
static const char *const file_names[FILES] = {"a.csv", "sub/b.csv", "c.conf"};

static inline void print_row(const struct world *w, size_t i)
{
	const struct row *r = &w->row[i];

	print_message("  %s:%u%s %s", w->v[i].file, w->v[i].line, w->bad[i] ? " bad" : "",
		      r->number);
	for (size_t h = 0; h < r->holec; h++)
		print_message(" hole %s", r->hole[h]);
	print_message(" from \"%s\" to \"%s\" [%lld, %lld) entry %u: %s\n", r->from, r->to,
		      (long long)w->v[i].from, (long long)w->v[i].to, w->v[i].entry,
		      w->entry[w->v[i].entry]);
}

static inline void wrong(const struct world *w, const char *fmt, ...)
{
	va_list ap;
	char text[512];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_message("SEED=%llu RUNS=1: %s\n", (unsigned long long)w->seed, text);
	for (size_t i = 0; i < w->n && i < 200; i++)
		print_row(w, i);
	for (size_t i = 0; i < w->reports && i < 20; i++)
		print_message("  told %s:%u %s\n", w->report[i].file, w->report[i].line,
			      w->report[i].mend);
	for (unsigned i = 0; i < w->parts; i++)
		print_message("  %s from row %zu by %s\n", w->part[i].file, w->part[i].first,
			      w->part[i].csv ? "CSV" : "rows");
	fail();
}

/* ---- what is expected ---- */

static inline void put(char *buf, const char *fmt, ...)
{
	const size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, sizeof(world.entry[0]) - len, fmt, ap);
	va_end(ap);
}

/** An entry in words. */
static inline void say_print(char *buf, const struct say *a, const struct csv *csv)
{
	buf[0] = '\0';
	for (size_t i = 0; i < ROW_LIST && row_lists[a->list][i]; i++)
		put(buf, " %s", row_lists[a->list][i]);
	for (size_t i = 0; i < ROW_LIST && row_carriers[a->carrier][i]; i++)
		put(buf, " %s", row_carriers[a->carrier][i]);
	put(buf, "/%s/%s/%s/%s/%d/%lld/%lld", row_accounts[a->account], row_labels[a->label],
	    row_locations[a->location], row_callers[a->caller], a->to_carrier, (long long)a->from,
	    (long long)a->to);
	for (unsigned i = 0; i < CSV_COLUMNS; i++) {
		const unsigned h = (csv ? csv->order[i] : i) - (CSV_COLUMNS - ROW_HEADERS);

		if (h < ROW_HEADERS && a->value[h])
			put(buf, "/%s: %s", row_headers[h], row_values[a->value[h]]);
	}
}

/** The same of what the room made of it. */
static inline void entry_print(char *buf, const struct sp_number_entry *e)
{
	buf[0] = '\0';
	for (size_t i = 0; i < e->trunkc; i++)
		put(buf, " %s", row_trunks[e->trunkv[i]].name);
	for (size_t i = 0; i < e->carrierc; i++)
		put(buf, " %s", row_trunks[e->carrierv[i]].name);
	put(buf, "/%s/%s/%s/%s/%d/%lld/%lld", e->account->name, e->label, e->location,
	    row_callers[e->caller_id], e->headers_to_carrier, (long long)e->from_s,
	    (long long)e->to_s);
	for (size_t i = 0; i < e->headerc; i++)
		put(buf, "/%s: %s", e->headerv[i].name, e->headerv[i].value);
}

static inline void account_met(struct world *w, unsigned account)
{
	for (size_t i = 0; i < w->accountc; i++) {
		if (w->account_order[i] == account)
			return;
	}
	if (account)
		w->account_order[w->accountc++] = account;
}

/** Which entry the row leads to. */
static inline void entry_met(struct world *w, size_t i, const struct csv *csv)
{
	char text[sizeof(w->entry[0])];
	size_t e;

	say_print(text, &w->row[i].say, csv);
	for (e = 0; e < w->entryc && strcmp(text, w->entry[e]) != 0; e++)
		;
	if (e == w->entryc) {
		snprintf(w->entry[e], sizeof(w->entry[e]), "%s", text);
		w->entry_rules[e] = 0;
		++w->entryc;
	}
	++w->entry_rules[e];
	w->v[i].entry = (unsigned)e;
	account_met(w, w->row[i].say.account);
}

/** Does it show a main number that its account has not? */
static inline bool lacks_main(const struct world *w, size_t i)
{
	const struct say *a = &w->row[i].say;
	const char *number = w->account[a->account].main_number;

	return a->caller == 2 && (!number || !number[0]);
}

static inline bool accepts(const struct world *w)
{
	if (w->account_twice && w->account[w->account_twice].name)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		if (w->bad[i] || lacks_main(w, i))
			return false;
	}

	return !model_any_collide(w->v, w->n) && !model_too_deep(w->v, w->n);
}

/* ---- making a table ---- */

static inline bool row_set(struct model_rule *r, const struct row *row)
{
	const char *holev[ROW_HOLES];

	for (size_t i = 0; i < row->holec; i++)
		holev[i] = row->hole[i];

	return model_rule_set(r, row->number, holev, row->holec, row->say.from, row->say.to);
}

static inline bool meets_any(const struct world *w, const struct model_rule *r)
{
	for (size_t i = 0; i < w->n; i++) {
		if (model_collide(&w->v[i], r))
			return true;
	}

	return false;
}

/** @param clean leave out rows that the table would be refused for */
static inline void make_rows(struct world *w, size_t n, bool clean)
{
	w->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct model_rule *r = &w->v[w->n];
		struct row *row = &w->row[w->n];
		bool ok;

		random_row(row, &w->y, w->v, w->n);
		ok = row_set(r, row);
		if (clean && (!ok || meets_any(w, r)))
			continue;
		if (!ok) {
			r->refused = true;
			r->holec = 0;
			snprintf(r->span.first, sizeof(r->span.first), "+1");
			snprintf(r->span.last, sizeof(r->span.last), "+1");
		}
		w->bad[w->n++] = !ok;
	}
}

/** One number, range or prefix, hour after hour, about as often as a table takes it. */
static inline void make_deep(struct world *w)
{
	const size_t n = MODEL_WINDOWS_MAX - 1 + rnd(&w->y.s, 4);
	struct row row;

	random_row(&row, &w->y, NULL, 0);
	w->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct row *r = &w->row[w->n];

		*r = row;
		r->say.from = w->y.epoch + (int64_t)i * 60;
		r->say.to = r->say.from + 60;
		model_time_print(r->from, r->say.from, 60);
		model_time_print(r->to, r->say.to, -90);
		if (row_set(&w->v[w->n], r))
			w->bad[w->n++] = false;
	}
}

/** Spread the rows over files; one of them may be come back to. */
static inline void make_parts(struct world *w)
{
	unsigned line[FILES] = {0};
	size_t at = 0;

	w->parts = 1 + rnd(&w->y.s, FILES);
	for (unsigned p = 0; p < w->parts; p++) {
		struct part *part = &w->part[p];
		unsigned f = p;

		part->csv = chance(&w->y.s, 3);
		part->first = at;
		if (p == 2 && !part->csv && !w->part[0].csv && chance(&w->y.s, 2))
			f = 0;
		part->file = file_names[f];
		at = p + 1 == w->parts ? w->n : at + rnd(&w->y.s, (uint32_t)(w->n - at) + 1);
		for (size_t i = part->first; i < at; i++) {
			if (part->csv)
				line[f] = (unsigned)(i - part->first) + 2;
			else if (!line[f] || !chance(&w->y.s, 20))
				line[f] += chance(&w->y.s, 30) ? 1 + rnd(&w->y.s, 1000000) : 1;
			w->v[i].file = part->file;
			w->v[i].line = line[f];
		}
	}
	w->part[w->parts].first = w->n;
}

static inline void make_accounts(struct world *w)
{
	w->accounts_first = chance(&w->y.s, 2);
	w->accounts_csv = chance(&w->y.s, 4);
	w->account_twice = chance(&w->y.s, 60) ? 1 + rnd(&w->y.s, ROW_ACCOUNTS - 1) : 0;
	memset(w->account, 0, sizeof(w->account));
	for (unsigned i = 1; i < ROW_ACCOUNTS; i++) {
		if (chance(&w->y.s, 20))
			continue;
		w->account[i].name = row_accounts[i];
		w->account[i].main_number = chance(&w->y.s, 30) ? "" : "+4416329600";
		w->account[i].calls = rnd(&w->y.s, 3) * 100;
		w->account[i].calls_per_s = rnd(&w->y.s, 3) * 10;
		w->account[i].burst = w->account[i].calls_per_s * 2;
		w->account[i].file = "accounts";
		w->account[i].line = i;
	}
}

/* ---- and having the room make it ---- */

static inline void on_report(const char *file, unsigned line, const char *key, const char *value,
			     const char *mend, void *arg)
{
	struct world *w = arg;
	struct report *r = &w->report[w->reports];

	assert_true(key && key[0] && mend && mend[0]);
	if (w->reports == REPORTS)
		return;
	r->file = "?";
	for (unsigned f = 0; f < FILES; f++) {
		if (!strcmp(file, file_names[f]))
			r->file = file_names[f];
	}
	r->line = line;
	snprintf(r->mend, sizeof(r->mend), "%s: %s: %s", key, value ? value : "", mend);
	++w->reports;
}

static inline int add_row(struct sp_number_build *b, const struct world *w, size_t i)
{
	const struct row *r = &w->row[i];
	const struct say *a = &r->say;
	struct sp_number_header headerv[ROW_HEADERS];
	const char *holev[ROW_HOLES];
	struct sp_number_row row = {
		.number = r->number,
		.holev = holev,
		.holec = r->holec,
		.account = row_accounts[a->account],
		.label = row_labels[a->label],
		.enabled_from = r->from,
		.enabled_to = r->to[0] ? r->to : NULL,
		.caller_id = row_callers[a->caller],
		.location = row_locations[a->location],
		.headers_to_carrier = a->to_carrier,
		.headerv = headerv,
		.file = w->v[i].file,
		.line = w->v[i].line,
	};

	for (size_t h = 0; h < r->holec; h++)
		holev[h] = r->hole[h];
	for (; row.trunkc < ROW_LIST && row_lists[a->list][row.trunkc]; row.trunkc++)
		row.trunkv[row.trunkc] = row_lists[a->list][row.trunkc];
	for (; row.carrierc < ROW_LIST && row_carriers[a->carrier][row.carrierc]; row.carrierc++)
		row.carrierv[row.carrierc] = row_carriers[a->carrier][row.carrierc];
	for (unsigned h = 0; h < ROW_HEADERS; h++) {
		if (!a->value[h])
			continue;
		headerv[row.headerc].name = row_headers[h];
		headerv[row.headerc++].value = row_values[a->value[h]];
	}

	return sp_number_add(b, &row);
}

/** Hands out the text in pieces of any size. */
static inline int read_piece(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct csv *c = arg;
	const size_t at = c->at, left = c->len - at;
	size_t n = 1 + rnd(&c->y->s, c->piece);

	n = n > size ? size : n;
	n = n > left ? left : n;
	memcpy(buf, c->text + at, n);
	c->at += n;
	*lenp = n;

	return 0;
}

static inline int add_csv(struct sp_number_build *b, struct world *w, const char *file,
			  bool accounts)
{
	struct csv *c = &w->csv;

	c->at = 0;
	c->piece = !accounts && chance(&w->y.s, 2) ? CSV_SIZE : chance(&w->y.s, 2) ? 7 : 5000;

	return accounts ? sp_number_accounts_csv_read(b, file, read_piece, c)
			: sp_number_csv_read(b, file, read_piece, c);
}

static inline void add_part(struct sp_number_build *b, struct world *w, unsigned p)
{
	const size_t first = w->part[p].first, end = w->part[p + 1].first;
	const size_t before = w->reports;
	bool bad = false;
	int err = 0;

	if (w->part[p].csv)
		csv_print(&w->csv, &w->y, &w->row[first], end - first);
	for (size_t i = first; i < end; i++) {
		bad |= w->bad[i];
		if (!w->bad[i])
			entry_met(w, i, w->part[p].csv ? &w->csv : NULL);
		if (w->part[p].csv)
			continue;
		err = add_row(b, w, i);
		if (err != (w->bad[i] ? EINVAL : 0))
			wrong(w, "row %zu: error %d", i, err);
	}
	if (w->part[p].csv) {
		err = add_csv(b, w, w->part[p].file, false);
		if (err != (bad ? EINVAL : 0))
			wrong(w, "%s: error %d of\n%s", w->part[p].file, err, w->csv.text);
	}
	if (bad != (w->reports > before))
		wrong(w, "%s: %zu reports", w->part[p].file, w->reports - before);
	for (size_t k = before; k < w->reports; k++) {
		size_t i = first;

		while (i < end && !(w->bad[i] && w->v[i].line == w->report[k].line &&
				    w->v[i].file == w->report[k].file))
			++i;
		if (i == end)
			wrong(w, "line %u is not bad", w->report[k].line);
	}
}

static inline void add_accounts(struct sp_number_build *b, struct world *w)
{
	struct csv *c = &w->csv;
	char text[64];
	int err = 0;

	c->y = &w->y;
	c->len = 0;
	csv_put(c, "account,calls,main_number,calls_burst,calls_per_s\n");
	for (unsigned i = 1; i < ROW_ACCOUNTS; i++) {
		const struct sp_number_account_row *a = &w->account[i];

		if (!a->name)
			continue;
		account_met(w, i);
		csv_cell(c, a->name);
		snprintf(text, sizeof(text), ",%u,%s,%u,%u\n", a->calls, a->main_number, a->burst,
			 a->calls_per_s);
		csv_put(c, text);
		if (!w->accounts_csv)
			err = sp_number_add_account(b, a);
		if (err)
			wrong(w, "account %s: error %d", a->name, err);
	}
	if (w->accounts_csv)
		err = add_csv(b, w, "accounts.csv", true);
	if (err)
		wrong(w, "accounts: error %d", err);

	if (w->account_twice && w->account[w->account_twice].name) {
		const size_t told = w->reports;

		err = sp_number_add_account(b, &w->account[w->account_twice]);
		if (err != EINVAL || w->reports != told + 1 ||
		    !strstr(w->report[told].mend, "also at accounts"))
			wrong(w, "account twice: error %d", err);
	}
}

/** All rows and accounts, into a build that has none. */
static inline void fill_build(struct sp_number_build *b, struct world *w)
{
	w->reports = 0;
	w->entryc = w->accountc = 0;
	if (w->accounts_first)
		add_accounts(b, w);
	for (unsigned p = 0; p < w->parts; p++)
		add_part(b, w, p);
	if (!w->accounts_first)
		add_accounts(b, w);
}

#endif
