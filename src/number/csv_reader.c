/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CSV records (RFC 4180): fields between commas, optionally in quotes with
 * inner quotes doubled, lines ended by CRLF or LF. A malformed record is told
 * as such and read to its end, so that the next one is whole again. Knows
 * nothing of numbers.
 */
#include <string.h>
#include <re.h>
#include "number_priv.h"

enum state {
	FIELD,  /**< at a field's begin */
	PLAIN,  /**< in a field without quotes */
	QUOTED, /**< inside quotes */
	CLOSED, /**< behind a quote inside quotes */
	ASTRAY, /**< no telling what quotes mean: the line's end is the record's */
};

void csv_reader_init(struct csv_reader *r, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";

	memset(r, 0, sizeof(*r));
	r->p = text;
	r->end = text + len;
	r->line = 1;
	if (len >= 3 && !memcmp(text, bom, 3))
		r->p += 3;
}

/** The first thing that is wrong with a record is the one to mend. */
static void spoil(struct csv_reader *r, const char *mend)
{
	if (!r->bad)
		r->bad = mend;
}

static void put(struct csv_reader *r, char c)
{
	if (r->bad || r->fieldc >= CSV_COLUMNS_MAX)
		return;

	if (!c)
		spoil(r, "take the NUL byte out: save the file as UTF-8 text");
	else if (r->used - r->field >= CSV_FIELD_MAX)
		spoil(r, "shorten this row: a field holds at most 1,024 bytes");
	else if (r->used + 1 >= sizeof(r->buf))
		spoil(r, "shorten this row: it holds at most 16,384 bytes");
	else
		r->buf[r->used++] = c;
}

static void field_end(struct csv_reader *r)
{
	if (r->fieldc < CSV_COLUMNS_MAX) {
		if (r->used + 1 >= sizeof(r->buf))
			spoil(r, "shorten this row: it holds at most 16,384 bytes");
		r->buf[r->used] = '\0';
		r->fieldv[r->fieldc] = r->buf + r->field;
		if (!r->bad)
			++r->used;
		r->field = r->used;
	}
	++r->fieldc;
}

/** A character outside quotes. @return true when it ends the record. */
static bool outside(struct csv_reader *r, enum state *state, char c)
{
	if (c == '\r' && r->p < r->end && *r->p == '\n')
		c = *r->p++;

	switch (c) {
	case '\n':
		++r->line;
		return true;
	case ',':
		field_end(r);
		*state = FIELD;
		return false;
	case '\r':
		spoil(r, "end lines with CRLF or LF: this row has a CR alone");
		*state = ASTRAY;
		return false;
	case '"':
		if (*state == FIELD) {
			*state = QUOTED;
			return false;
		}
		spoil(r, "put the whole field in quotes and double the quotes inside it");
		*state = ASTRAY;
		return false;
	default:
		if (*state == CLOSED) {
			spoil(r, "put a comma or the line's end behind the closing quote");
			*state = ASTRAY;
			return false;
		}
		break;
	}

	put(r, c);
	*state = PLAIN;

	return false;
}

static void inside(struct csv_reader *r, enum state *state, char c)
{
	if (c == '"') {
		*state = CLOSED;
		return;
	}

	if (c == '\n')
		++r->line;
	put(r, c);
}

static void record_read(struct csv_reader *r)
{
	enum state state = FIELD;

	r->start = r->line;
	r->bad = NULL;
	r->fieldc = r->used = r->field = 0;

	while (r->p < r->end) {
		const char c = *r->p++;

		if (state == ASTRAY) {
			if (c != '\n')
				continue;
			++r->line;
			break;
		}
		if (state == QUOTED) {
			inside(r, &state, c);
		} else if (state == CLOSED && c == '"') {
			put(r, c); /* it was half of a doubled quote */
			state = QUOTED;
		} else if (outside(r, &state, c)) {
			break;
		}
	}

	if (state == QUOTED)
		spoil(r, "close the quote that is opened in this row");
	field_end(r);
}

/** Read the next record that is not an empty line. @return false at the end. */
bool csv_reader_next(struct csv_reader *r)
{
	while (r->p < r->end) {
		record_read(r);
		if (r->bad || r->fieldc > 1 || r->fieldv[0][0])
			return true;
	}

	return false;
}
