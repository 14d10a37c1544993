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

/** Read one name of the header row. @return NULL, or what to mend */
static const char *column_parse(const struct csv_form *form, struct csv_column *c, const char *name)
{
	const char *mend;

	for (c->kind = 0; c->kind < form->namec; c->kind++) {
		if (!strcmp(name, form->namev[c->kind]))
			return NULL;
	}

	if (!number_text_ok(name, CSV_FIELD_MAX))
		return "write the column's name without control characters, and save the file as "
		       "UTF-8 text";
	if (!form->headers || strncmp(name, "header:", 7))
		return form->unknown;

	mend = sp_number_header_bad(name + 7, "");
	if (mend)
		return mend;

	memcpy(c->header, name + 7, strlen(name + 7) + 1);

	return NULL;
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
		if (!has_column(f, i, "")) {
			csv_refuse(f, "column", f->form->namev[i], f->form->missing);
			return EINVAL;
		}
	}

	return 0;
}

static int columns_read(struct csv_file *f)
{
	struct csv_reader *r = &f->reader;
	int err = 0;

	if (r->bad) {
		csv_refuse(f, "row", "", r->bad);
		return EINVAL;
	}
	if (r->fieldc > CSV_COLUMNS_MAX) {
		csv_refuse(f, "column", "", "give the file at most 128 columns");
		return EINVAL;
	}

	for (size_t i = 0; i < r->fieldc; i++) {
		struct csv_column *c = &f->columnv[f->columnc];
		const char *mend = column_parse(f->form, c, r->fieldv[i]);

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

	if (r->bad) {
		csv_refuse(f, "row", "", r->bad);
		return EINVAL;
	}
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
	size_t bad = 0;
	int err;

	while (csv_reader_next(&f->reader)) {
		if (f->reader.line == UINT_MAX) {
			csv_refuse(f, "row", "", "split the file: it has over 4,000,000,000 lines");
			return EINVAL;
		}

		err = row_read(f, rowh);
		if (err && err != EINVAL)
			return err;
		if (!err)
			continue;
		number_mute(f->b, ++bad == SP_NUMBER_REPORTS_MAX);
		if (bad > SP_NUMBER_REPORTS_MAX) {
			csv_refuse(f, "row", "", "mend those first: further errors not shown");
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

/**
 * Read a file whole.
 * @return 0, EINVAL (reported), or what readh or rowh returned
 */
int csv_file_read(struct csv_file *f, csv_row_h *rowh)
{
	int err;

	csv_reader_init(&f->reader, on_read, f);
	if (csv_reader_next(&f->reader)) {
		err = columns_read(f);
		if (!err)
			err = rows_read(f, rowh);
	} else {
		err = EINVAL;
		f->reader.start = 1;
		if (!f->reader.err)
			csv_refuse(f, "column", f->form->namev[0], f->form->none);
	}

	number_mute(f->b, false);

	/* what could not be read weighs more than what was wrong with the rest */
	return f->reader.err ? f->reader.err : err;
}
