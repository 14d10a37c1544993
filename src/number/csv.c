/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Number tables as CSV files: the header row says what the columns are, every
 * other row is one entry. What is wrong with the header row is told, and no
 * row is read then; bad rows are told up to a bound.
 */
#include <string.h>
#include <strings.h>
#include <re.h>
#include <sallyport/number.h>
#include "number_priv.h"

enum column_kind { NUMBER, TRUNK, CARRIER, ACCOUNT, HEADERS_TO_CARRIER, HEADER };

struct column {
	enum column_kind kind;
	char header[SP_NUMBER_HEADER_NAME_MAX + 1]; /**< of kind HEADER */
};

struct csv {
	struct sp_number_build *b;
	const char *file;
	struct column columnv[CSV_COLUMNS_MAX];
	size_t columnc;
	char trunks[CSV_FIELD_MAX + 1]; /**< cells taken apart */
	char carriers[CSV_FIELD_MAX + 1];
	struct csv_reader reader;
};

static const char *const column_names[] = {"number", "trunk", "carrier", "account",
					   "headers_to_carrier"};

static const char column_list[] =
	"no such column: the first row names the columns, number, trunk, carrier, account, "
	"headers_to_carrier and header:NAME, with commas between them";

static void refuse(struct csv *csv, const char *key, const char *value, const char *mend)
{
	number_report(csv->b, csv->file, csv->reader.start, key, value, mend);
}

/** Read one name of the header row. @return NULL, or what to mend */
static const char *column_parse(struct column *c, const char *name)
{
	const char *mend;
	size_t i;

	for (i = 0; i < sizeof(column_names) / sizeof(column_names[0]); i++) {
		if (!strcmp(name, column_names[i])) {
			c->kind = (enum column_kind)i;
			return NULL;
		}
	}

	if (strncmp(name, "header:", 7))
		return column_list;

	mend = sp_number_header_bad(name + 7, "");
	if (mend)
		return mend;

	c->kind = HEADER;
	memcpy(c->header, name + 7, strlen(name + 7) + 1);

	return NULL;
}

static bool has_column(const struct csv *csv, const struct column *c)
{
	size_t i;

	for (i = 0; i < csv->columnc; i++) {
		if (csv->columnv[i].kind == c->kind &&
		    (c->kind != HEADER || !strcasecmp(csv->columnv[i].header, c->header)))
			return true;
	}

	return false;
}

static int columns_read(struct csv *csv)
{
	static const struct column needed[] = {{.kind = NUMBER}, {.kind = TRUNK}};
	struct csv_reader *r = &csv->reader;
	int err = 0;
	size_t i;

	if (r->bad) {
		refuse(csv, "row", "", r->bad);
		return EINVAL;
	}
	if (r->fieldc > CSV_COLUMNS_MAX) {
		refuse(csv, "column", "", "give the file at most 64 columns");
		return EINVAL;
	}

	for (i = 0; i < r->fieldc; i++) {
		struct column *c = &csv->columnv[csv->columnc];
		const char *mend = column_parse(c, r->fieldv[i]);

		if (!mend && has_column(csv, c))
			mend = "name this column once only";
		if (mend) {
			refuse(csv, "column", r->fieldv[i], mend);
			err = EINVAL;
			continue;
		}
		++csv->columnc;
	}

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]) && !err; i++) {
		if (!has_column(csv, &needed[i])) {
			refuse(csv, "column", column_names[needed[i].kind],
			       "add this column to the header row; number and trunk are needed");
			err = EINVAL;
		}
	}

	return err;
}

static bool yes_no(struct csv *csv, bool *out, const char *s)
{
	*out = !strcmp(s, "yes");
	if (*out || !s[0] || !strcmp(s, "no"))
		return true;

	refuse(csv, "headers_to_carrier", s, "write \"yes\" or \"no\"");

	return false;
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	for (len = strlen(s); len && strchr(" \t", s[len - 1]); --len)
		s[len - 1] = '\0';

	return s;
}

/**
 * Take a list of trunks apart, in a copy that outlives the row. @return how
 * many names it has; those for which there is no room are not kept, and the
 * build refuses them, as it does empty ones.
 */
static size_t list(const char **namev, char copy[CSV_FIELD_MAX + 1], const char *cell)
{
	size_t namec = 0;
	char *p, *next;

	(void)str_ncpy(copy, cell, CSV_FIELD_MAX + 1);
	p = trim(copy);
	for (next = *p ? p : NULL; next; p = next) {
		next = strchr(p, ';');
		if (next)
			*next++ = '\0';
		if (namec < SP_NUMBER_ROUTES_MAX)
			namev[namec] = trim(p);
		++namec;
	}

	return namec;
}

static bool cell(struct csv *csv, struct sp_number_row *row, size_t i)
{
	const struct column *c = &csv->columnv[i];
	const char *s = csv->reader.fieldv[i];

	switch (c->kind) {
	case NUMBER:
		row->number = s;
		break;
	case TRUNK:
		row->trunkc = list(row->trunkv, csv->trunks, s);
		break;
	case CARRIER:
		row->carrierc = list(row->carrierv, csv->carriers, s);
		break;
	case ACCOUNT:
		row->account = s;
		break;
	case HEADERS_TO_CARRIER:
		return yes_no(csv, &row->headers_to_carrier, s);
	case HEADER:
		if (!s[0])
			break;
		if (row->headerc < SP_NUMBER_HEADERS_MAX) {
			row->headerv[row->headerc].name = c->header;
			row->headerv[row->headerc].value = s;
		}
		++row->headerc; /* the build refuses too many */
		break;
	}

	return true;
}

static int row_read(struct csv *csv)
{
	const struct csv_reader *r = &csv->reader;
	struct sp_number_row row;
	bool ok = true;
	size_t i;
	int err;

	if (r->bad) {
		refuse(csv, "row", "", r->bad);
		return EINVAL;
	}
	if (r->fieldc != csv->columnc) {
		char value[32], mend[NUMBER_MEND_SIZE];

		(void)re_snprintf(value, sizeof(value), "%zu fields", r->fieldc);
		(void)re_snprintf(mend, sizeof(mend),
				  "give the row %zu fields as the header row has; put fields that "
				  "hold a comma in quotes",
				  csv->columnc);
		refuse(csv, "row", value, mend);
		return EINVAL;
	}

	memset(&row, 0, sizeof(row));
	row.file = csv->file;
	row.line = r->start;
	for (i = 0; i < r->fieldc; i++)
		ok &= cell(csv, &row, i);

	err = sp_number_add(csv->b, &row);

	return err ? err : ok ? 0 : EINVAL;
}

/** Read all rows; past the bound on reports, one more bad row ends the reading. */
static int rows_read(struct csv *csv)
{
	size_t bad = 0;
	int err;

	while (csv_reader_next(&csv->reader)) {
		csv->b->mute = bad == NUMBER_REPORTS_MAX;
		err = row_read(csv);
		csv->b->mute = false;
		if (err == ENOMEM)
			return err;
		if (!err)
			continue;
		if (bad++ == NUMBER_REPORTS_MAX) {
			refuse(csv, "row", "", "mend those first: further errors not shown");
			break;
		}
	}

	return bad ? EINVAL : 0;
}

int sp_number_csv(struct sp_number_build *b, const char *file, const char *text, size_t len)
{
	struct csv *csv;
	int err;

	if (!b || (len && !text))
		return EINVAL;

	csv = mem_zalloc(sizeof(*csv), NULL);
	if (!csv)
		return ENOMEM;

	csv->b = b;
	csv->file = file ? file : "";
	csv_reader_init(&csv->reader, text ? text : "", len);

	if (csv_reader_next(&csv->reader)) {
		err = columns_read(csv);
	} else {
		csv->reader.start = 1;
		refuse(csv, "column", "number",
		       "begin the file with a header row; number and trunk are needed");
		err = EINVAL;
	}

	if (!err)
		err = rows_read(csv);

	mem_deref(csv);

	return err;
}
