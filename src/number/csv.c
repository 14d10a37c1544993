/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Number tables as CSV files. What a row says beside its number and holes is
 * checked when it is met first; rows that say the same are known by their bytes
 * from then on, and only their numbers are looked at.
 */
#include <string.h>
#include "csv_priv.h"

/* NUMBER and HOLES make the rule, all others the entry. */
enum column {
	NUMBER,
	TRUNK,
	HOLES,
	CARRIER,
	ACCOUNT,
	LABEL,
	ENABLED_FROM,
	ENABLED_TO,
	CALLER_ID,
	LOCATION,
	HEADERS_TO_CARRIER,
	HEADER
};

struct numbers {
	struct csv_file file;
	struct csv_cache *cache;
	size_t cutv[CSV_PIECES - 1]; /**< columns that the cache leaves out, rising */
	size_t cutc;
	size_t number; /**< columns */
	size_t holes;  /**< CSV_COLUMNS_MAX: there is none */
	const char *holev[SP_NUMBER_HOLES_MAX + 1];
	struct sp_number_header headerv[CSV_COLUMNS_MAX];
	char trunks[CSV_FIELD_MAX + 1]; /**< cells taken apart */
	char carriers[CSV_FIELD_MAX + 1];
};

static const char *const columns[] = {
	[NUMBER] = "number",
	[TRUNK] = "trunk",
	[HOLES] = "holes",
	[CARRIER] = "carrier",
	[ACCOUNT] = "account",
	[LABEL] = "label",
	[ENABLED_FROM] = "enabled_from",
	[ENABLED_TO] = "enabled_to",
	[CALLER_ID] = "caller_id",
	[LOCATION] = "location",
	[HEADERS_TO_CARRIER] = "headers_to_carrier",
};

static const struct csv_form form = {
	.namev = columns,
	.namec = HEADER,
	.needc = TRUNK + 1,
	.headers = true,
	.names = "number, trunk, holes, carrier, account, label, enabled_from, enabled_to, "
		 "caller_id, location, headers_to_carrier and header:NAME",
	.needed = "number and trunk are",
};

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	for (len = strlen(s); len && strchr(" \t", s[len - 1]); --len)
		s[len - 1] = '\0';

	return s;
}

/**
 * Take a list apart, in its own bytes. @return how many parts it has; those
 * for which there is no room are not kept, and the build refuses them, as it
 * does empty ones.
 */
static size_t list(const char **v, size_t max, char *cell)
{
	size_t n = 0;
	char *p = trim(cell), *next;

	for (next = *p ? p : NULL; next; p = next) {
		next = strchr(p, ';');
		if (next)
			*next++ = '\0';
		if (n < max)
			v[n] = trim(p);
		++n;
	}

	return n;
}

/** The same, in a copy: the row's bytes are still needed. */
static size_t list_copy(const char **v, char copy[CSV_FIELD_MAX + 1], const char *cell)
{
	memcpy(copy, cell, strlen(cell) + 1);

	return list(v, SP_NUMBER_ROUTES_MAX, copy);
}

static bool yes_no(struct numbers *n, bool *out, const char *s)
{
	*out = !strcmp(s, "yes");
	if (*out || !s[0] || !strcmp(s, "no"))
		return true;

	csv_refuse(&n->file, "headers_to_carrier", s, "write \"yes\" or \"no\"");

	return false;
}

static bool cell(struct numbers *n, struct sp_number_row *row, size_t i)
{
	const struct csv_column *c = &n->file.columnv[i];
	const char *s = n->file.reader.fieldv[i];

	switch ((enum column)c->kind) {
	case TRUNK:
		row->trunkc = list_copy(row->trunkv, n->trunks, s);
		break;
	case NUMBER: /* of the rule, see on_row() */
	case HOLES:
		break;
	case CARRIER:
		row->carrierc = list_copy(row->carrierv, n->carriers, s);
		break;
	case ACCOUNT:
		row->account = s;
		break;
	case LABEL:
		row->label = s;
		break;
	case ENABLED_FROM:
		row->enabled_from = s;
		break;
	case ENABLED_TO:
		row->enabled_to = s;
		break;
	case CALLER_ID:
		row->caller_id = s;
		break;
	case LOCATION:
		row->location = s;
		break;
	case HEADERS_TO_CARRIER:
		return yes_no(n, &row->headers_to_carrier, s);
	case HEADER:
		if (!s[0])
			break;
		n->headerv[row->headerc].name = c->header;
		n->headerv[row->headerc].value = s;
		++row->headerc; /* the build refuses too many */
		break;
	}

	return true;
}

/** Check all that a row says beside its number, as none has said it before. */
static int entry_make(struct numbers *n, uint32_t *entry)
{
	struct csv_file *f = &n->file;
	struct sp_number_row row;
	bool ok = true;
	int err;

	memset(&row, 0, sizeof(row));
	row.file = f->name;
	row.line = f->reader.start;
	row.number = f->reader.fieldv[n->number];
	row.headerv = n->headerv;
	row.header_key = CSV_HEADER;
	for (size_t i = 0; i < f->columnc; i++)
		ok &= cell(n, &row, i);

	err = number_entry_add(f->b, &row, entry);

	return err ? err : ok ? 0 : EINVAL;
}

/** The row's bytes but the cells that differ from number to number. */
static void key_make(const struct numbers *n, struct csv_key *key)
{
	const struct csv_reader *r = &n->file.reader;
	const char *from = r->fieldv[0];

	memset(key, 0, sizeof(*key));
	for (size_t i = 0; i < n->cutc; i++) {
		const char *to = r->fieldv[n->cutv[i]];

		key->v[i].p = from;
		key->v[i].l = (size_t)(to - from);
		from = r->fieldv[n->cutv[i] + 1];
	}
	key->v[n->cutc].p = from;
	key->v[n->cutc].l = (size_t)(r->fieldv[r->fieldc] - from);

	csv_key_hash(n->cache, key);
}

/** Find the columns that the cache leaves out. */
static void cuts_make(struct numbers *n)
{
	n->holes = CSV_COLUMNS_MAX;
	for (size_t i = 0; i < n->file.columnc; i++) {
		const unsigned kind = n->file.columnv[i].kind;

		if (kind == NUMBER)
			n->number = i;
		if (kind == HOLES)
			n->holes = i;
		if (kind == NUMBER || kind == HOLES)
			n->cutv[n->cutc++] = i;
	}
}

static size_t holes_read(struct numbers *n)
{
	const struct csv_reader *r = &n->file.reader;
	size_t holec;

	if (n->holes >= r->fieldc || !r->fieldv[n->holes][0])
		return 0;

	/* the build refuses one too many, as it does more */
	holec = list(n->holev, SP_NUMBER_HOLES_MAX + 1, r->fieldv[n->holes]);

	return holec <= SP_NUMBER_HOLES_MAX ? holec : SP_NUMBER_HOLES_MAX + 1;
}

static int on_row(struct csv_file *f)
{
	struct numbers *n = (struct numbers *)f;
	const struct csv_reader *r = &f->reader;
	const char *number;
	uint32_t entry, place;
	struct csv_key key;
	size_t len, holec;
	int err, checked;

	if (!n->cutc)
		cuts_make(n);

	err = number_place(f->b, f->name, r->start, &place);
	if (err)
		return err;

	number = r->fieldv[n->number];
	len = csv_len(r, n->number);
	holec = holes_read(n);
	key_make(n, &key);
	if (!csv_cache_find(n->cache, &key, &entry)) {
		/* all that is wrong with the row is told: the number is looked at first too */
		checked = number_rule_add(f->b, number, len, n->holev, holec, NUMBER_NONE, place);
		if (checked && checked != EINVAL)
			return checked;
		err = entry_make(n, &entry);
		if (err || checked)
			return err ? err : checked;
		csv_cache_put(n->cache, &key, entry);
	}

	return number_rule_add(f->b, number, len, n->holev, holec, entry, place);
}

static void numbers_destructor(void *arg)
{
	struct numbers *n = arg;

	mem_deref(n->cache);
}

int sp_number_csv_read(struct sp_number_build *b, const char *file, sp_number_read_h *readh,
		       void *arg)
{
	struct numbers *n;
	int err;

	if (!b || !readh)
		return EINVAL;

	n = mem_zalloc(sizeof(*n), numbers_destructor);
	if (!n)
		return ENOMEM;

	err = csv_cache_alloc(&n->cache);
	if (err)
		goto out;

	n->file.b = b;
	n->file.name = file ? file : "";
	n->file.form = &form;
	n->file.readh = readh;
	n->file.arg = arg;

	err = csv_file_read(&n->file, on_row);
	if (err == EOVERFLOW && !n->file.reader.err) {
		csv_refuse(&n->file, "row", NULL,
			   "the number files have over 4,000,000,000 lines together: use prefixes");
		err = EINVAL;
	}

out:
	mem_deref(n);

	return err;
}
