/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names in the header row of a CSV file. Spreadsheets and people write them
 * in their own ways, or leave the row out: what was meant is told where it can be.
 */
#include <string.h>
#include <strings.h>
#include "csv_priv.h"

enum { COMPARED_MAX = 128 /**< bytes of a name that is none; longer ones are not compared */ };

/** A name without blanks around it. @return false: too long to be any */
static bool trim(char out[COMPARED_MAX + 1], const char *name, size_t len)
{
	for (; len && strchr(" \t", *name); --len)
		++name;
	for (; len && strchr(" \t", name[len - 1]); --len)
		;
	if (len > COMPARED_MAX)
		return false;
	memcpy(out, name, len);
	out[len] = '\0';

	return true;
}

/** The column whose name this may have been meant to be, or NULL. */
static const char *nearest(const struct csv_form *form, const char *name)
{
	char lower[COMPARED_MAX + 1];
	const char *best = NULL;
	unsigned least = NUMBER_FAR;
	size_t i;

	for (i = 0; name[i]; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
	lower[i] = '\0';

	for (i = 0; i < form->namec; i++) {
		const unsigned slips = number_slips(lower, form->namev[i]);

		if (slips < least) {
			least = slips;
			best = form->namev[i];
		}
	}

	return best;
}

/** The header's name in "Header: X-A" or "X-A"; NULL: it is neither. */
static const char *header_meant(const struct csv_form *form, const char *name)
{
	if (!form->headers)
		return NULL;

	if (!strncasecmp(name, CSV_HEADER, strlen(CSV_HEADER)))
		name += strlen(CSV_HEADER) + strspn(name + strlen(CSV_HEADER), " \t");
	else if (strncasecmp(name, "X-", 2))
		return NULL;

	return number_header_bad(name, "") ? NULL : name;
}

/** Print the column that a name of len bytes may have been meant to be. @return false: none */
static bool meant(char out[COMPARED_MAX + 1], const struct csv_form *form, const char *name,
		  size_t len)
{
	const char *header, *near;
	char trimmed[COMPARED_MAX + 1];

	if (!trim(trimmed, name, len))
		return false;
	header = header_meant(form, trimmed);
	near = header ? header : nearest(form, trimmed);
	if (near)
		(void)re_snprintf(out, COMPARED_MAX + 1, "%s%s", header ? CSV_HEADER : "", near);

	return near != NULL;
}

const char *csv_column_parse(struct csv_column *c, const struct csv_form *form, const char *name,
			     char buf[NUMBER_MEND_SIZE])
{
	char column[COMPARED_MAX + 1];
	const char *mend;

	for (c->kind = 0; c->kind < form->namec; c->kind++) {
		if (!strcmp(name, form->namev[c->kind]))
			return NULL;
	}

	if (form->headers && !strncmp(name, CSV_HEADER, strlen(CSV_HEADER))) {
		name += strlen(CSV_HEADER);
		mend = number_header_bad(name, "");
		if (!mend)
			memcpy(c->header, name, strlen(name) + 1);
		return mend;
	}

	if (meant(column, form, name, strlen(name)))
		(void)re_snprintf(buf, NUMBER_MEND_SIZE, "no such column; did you mean \"%s\"?",
				  column);
	else if (!number_text_ok(name, CSV_FIELD_MAX))
		return "write the column's name without control characters, and save the file as "
		       "UTF-8 text";
	else
		(void)re_snprintf(buf, NUMBER_MEND_SIZE,
				  "no such column: the first row names the columns, %s, with "
				  "commas between them",
				  form->names);

	return buf;
}

/** Does a row that is one cell name columns with something else between them? */
static bool has_columns(const struct csv_form *form, const char *cell, const char *separator)
{
	char column[COMPARED_MAX + 1];

	if (!strpbrk(cell, separator))
		return false;

	for (;;) {
		const size_t len = strcspn(cell, separator);

		if (meant(column, form, cell, len))
			return true;
		if (!cell[len])
			return false;
		cell += len + 1;
	}
}

const char *csv_header_none(const struct csv_form *form, char buf[NUMBER_MEND_SIZE])
{
	(void)re_snprintf(buf, NUMBER_MEND_SIZE,
			  "begin the file with a header row, which names the columns, %s; %s "
			  "needed",
			  form->names, form->needed);

	return buf;
}

const char *csv_header_bad(const struct csv_form *form, const struct csv_reader *r,
			   char buf[NUMBER_MEND_SIZE])
{
	char column[COMPARED_MAX + 1];

	if (r->fieldc == 1 && has_columns(form, r->fieldv[0], ";"))
		return "put commas between the columns, not \";\"";
	if (r->fieldc == 1 && has_columns(form, r->fieldv[0], "\t"))
		return "put commas between the columns, not tabs";

	for (size_t i = 0; i < r->fieldc; i++) {
		const char *name = r->fieldv[i];

		/* what is no text, or no header that there may be, is told of the cell itself */
		if (!number_text_ok(name, CSV_FIELD_MAX) ||
		    meant(column, form, name, strlen(name)) ||
		    (form->headers && !strncmp(name, CSV_HEADER, strlen(CSV_HEADER))))
			return NULL;
	}

	return csv_header_none(form, buf);
}
