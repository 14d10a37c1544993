/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What all CSV files of number/ share: the header row says what the columns
 * are, every other row is one of numbers or accounts. What is wrong with the
 * header row is told, and no row is read then; bad rows are told up to a bound.
 */
#include <limits.h>
#include <string.h>
#include <strings.h>
#include "csv_priv.h"

void csv_refuse(struct csv_file *f, const char *key, const char *value, const char *mend)
{
	number_report(f->b, f->name, f->reader.start, key, value, mend);
}

/** How a row begins. */
static const char *row_shown(const struct csv_reader *r, char buf[CSV_SHOWN_SIZE])
{
	const size_t c = r->fieldc < CSV_COLUMNS_MAX ? r->fieldc : CSV_COLUMNS_MAX;
	size_t n = 0;

	if (r->bad)
		return r->begin;

	for (size_t i = 0; i < c; i++) {
		for (const char *p = r->fieldv[i]; *p && n < CSV_SHOWN_SIZE - 1; p++)
			buf[n++] = *p;
		if (i + 1 < c && n < CSV_SHOWN_SIZE - 1)
			buf[n++] = ',';
	}
	buf[n] = '\0';

	return buf;
}

static int row_refuse(struct csv_file *f, const char *mend)
{
	char shown[CSV_SHOWN_SIZE];

	csv_refuse(f, "row", row_shown(&f->reader, shown), mend);

	return EINVAL;
}

static bool has_column(const struct csv_file *f, unsigned kind, const char *header)
{
	for (size_t i = 0; i < f->columnc; i++) {
		const struct csv_column *c = &f->columnv[i];

		if (c->kind == kind && (kind < f->form->namec || !strcasecmp(c->header, header)))
			return true;
	}

	return false;
}

static int columns_check(struct csv_file *f)
{
	for (unsigned i = 0; i < f->form->needc; i++) {
		char mend[NUMBER_MEND_SIZE];

		if (has_column(f, i, ""))
			continue;
		(void)re_snprintf(mend, sizeof(mend),
				  "add this column to the header row; %s needed", f->form->needed);
		csv_refuse(f, "column", f->form->namev[i], mend);
		return EINVAL;
	}

	return 0;
}

static int columns_read(struct csv_file *f)
{
	struct csv_reader *r = &f->reader;
	char buf[NUMBER_MEND_SIZE];
	const char *bad = r->bad;
	int err = 0;

	if (!bad && r->fieldc > CSV_COLUMNS_MAX)
		bad = "give the file at most 128 columns";
	if (!bad)
		bad = csv_header_bad(f->form, r, buf);
	if (bad)
		return row_refuse(f, bad);

	for (size_t i = 0; i < r->fieldc; i++) {
		struct csv_column *c = &f->columnv[f->columnc];
		const char *mend = csv_column_parse(c, f->form, r->fieldv[i], buf);

		if (!mend && has_column(f, c->kind, c->header))
			mend = "name this column once only";
		if (mend) {
			csv_refuse(f, "column", r->fieldv[i], mend);
			err = EINVAL;
			continue;
		}
		++f->columnc;
	}

	return err ? err : columns_check(f);
}

static int row_read(struct csv_file *f, csv_row_h *rowh)
{
	const struct csv_reader *r = &f->reader;
	char value[32], mend[NUMBER_MEND_SIZE];

	if (r->bad)
		return row_refuse(f, r->bad);
	if (r->fieldc == f->columnc)
		return rowh(f);

	(void)re_snprintf(value, sizeof(value), "%zu fields", r->fieldc);
	(void)re_snprintf(mend, sizeof(mend),
			  "give the row %zu fields as the header row has; put fields that hold a "
			  "comma in quotes",
			  f->columnc);
	csv_refuse(f, "row", value, mend);

	return EINVAL;
}

/** Read all rows; past the bound on reports, one more bad row ends the reading. */
static int rows_read(struct csv_file *f, csv_row_h *rowh)
{
	bool empty = false;
	size_t bad = 0;
	int err;

	while (csv_reader_next(&f->reader)) {
		if (f->reader.line == UINT_MAX) {
			csv_refuse(f, "row", NULL,
				   "split the file: it has over 4,000,000,000 lines");
			return EINVAL;
		}

		if (csv_is_empty(&f->reader)) {
			if (empty) /* told once: spreadsheets leave hundreds of them */
				continue;
			empty = true;
			csv_refuse(f, "row", NULL, "delete this row, and all that are as empty");
			err = EINVAL;
		} else {
			err = row_read(f, rowh);
		}
		if (err && err != EINVAL)
			return err;
		if (!err)
			continue;
		number_mute(f->b, ++bad == SP_NUMBER_REPORTS_MAX);
		if (bad > SP_NUMBER_REPORTS_MAX) {
			csv_refuse(f, "row", NULL, "mend those first: further errors not shown");
			break;
		}
	}

	return bad ? EINVAL : 0;
}

/** The build looks at whether to stop with the rows; a file may be gigabytes without any. */
static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct csv_file *f = arg;

	return number_stopped(f->b) ? ECANCELED : f->readh(buf, size, lenp, f->arg);
}

/** What a file is that is no text, told by how it begins. @return NULL, or what to mend */
static const char *foreign(const struct csv_reader *r)
{
	static const struct {
		struct pl begin;
		const char *mend;
	} known[] = {
		{{"\xff\xfe", 2}, "is UTF-16: save it as CSV in UTF-8"},
		{{"\xfe\xff", 2}, "is UTF-16: save it as CSV in UTF-8"},
		{{"PK\3\4", 4}, "is a spreadsheet or zip file: save the table as CSV in UTF-8"},
		{{"\x1f\x8b", 2}, "is a gzip file within a gzip file: compress it once only"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct pl *begin = &known[i].begin;

		if ((size_t)(r->end - r->p) >= begin->l && !memcmp(r->p, begin->p, begin->l))
			return known[i].mend;
	}

	return NULL;
}

/**
 * Read a file whole.
 * @return 0, EINVAL (reported), or what readh or rowh returned
 */
int csv_file_read(struct csv_file *f, csv_row_h *rowh)
{
	char buf[NUMBER_MEND_SIZE];
	const char *mend;
	int err;

	csv_reader_init(&f->reader, on_read, f);
	f->reader.start = 1;
	mend = foreign(&f->reader);
	if (mend) {
		csv_refuse(f, "file", NULL, mend);
		err = EINVAL;
	} else if (csv_reader_next(&f->reader)) {
		err = columns_read(f);
		if (!err)
			err = rows_read(f, rowh);
	} else {
		f->reader.start = 1;
		err = EINVAL;
		if (!f->reader.err)
			csv_refuse(f, "column", f->form->namev[0], csv_header_none(f->form, buf));
	}

	number_mute(f->b, false);

	/* what could not be read weighs more than what was wrong with the rest */
	return f->reader.err ? f->reader.err : err;
}
