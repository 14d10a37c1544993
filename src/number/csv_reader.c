/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CSV records (RFC 4180): fields between commas, optionally in quotes with
 * inner quotes doubled, lines ended by CRLF or LF. A malformed record is told
 * as such and read to its end, so that the next one is whole again. Knows
 * nothing of numbers.
 *
 * Nearly all records are simple: one line without quotes. Those are taken apart
 * where they lie in the buffer. Any other one is read again from its begin, byte
 * by byte, into a place of its own.
 */
#include <endian.h>
#include <limits.h>
#include <string.h>
#include "csv_priv.h"

enum state {
	FIELD,  /**< at a field's begin */
	PLAIN,  /**< in a field without quotes */
	QUOTED, /**< inside quotes */
	CLOSED, /**< behind a quote inside quotes */
	ASTRAY, /**< no telling what quotes mean: the line's end is the record's */
};

enum found {
	SIMPLE, /**< all of the record's fields are in fieldv */
	HARD,   /**< it needs another look */
	CUT,    /**< its end is not in the buffer */
};

/* A record that comes in more pieces is not begun anew with each. */
enum { REFILLS_MAX = 4 };

static const char too_long[] = "shorten this row: it holds at most 65,536 bytes";

/** Keep what has not been taken, and read on. There must be room. */
static void refill(struct csv_reader *r)
{
	const size_t kept = (size_t)(r->end - r->p);
	size_t n = 0;

	memmove(r->buf, r->p, kept);
	r->p = r->buf;
	r->end = r->buf + kept;

	r->err = r->readh(r->end, CSV_BUFFER_SIZE - kept, &n, r->arg);
	r->ended = r->err || !n;
	if (!r->ended)
		r->end += n;

	*r->end = '\n'; /* no scan goes past it */
}

void csv_reader_init(struct csv_reader *r, sp_number_read_h *readh, void *arg)
{
	static const char bom[] = "\xef\xbb\xbf";

	r->readh = readh;
	r->arg = arg;
	r->p = r->end = r->buf;
	r->line = 1;

	while (r->end - r->p < 4 && !r->ended) /* what a file is, its first bytes tell */
		refill(r);
	if (r->end - r->p >= 3 && !memcmp(r->p, bom, 3))
		r->p += 3;
}

static void line_end(struct csv_reader *r)
{
	if (r->line < UINT_MAX)
		++r->line;
}

/** The high bit of each byte below 0x2d: all that mean anything here are, digits and letters not.
 */
static uint64_t low_bytes(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	x = le64toh(x);

	return ~((x | 0x8080808080808080) - 0x2d2d2d2d2d2d2d2d) & ~x & 0x8080808080808080;
}

/** A field of a simple record ends at p. */
static bool simple_field(struct csv_reader *r, const char *p)
{
	if (p - r->fieldv[r->fieldc] > CSV_FIELD_MAX || r->fieldc >= CSV_COLUMNS_MAX)
		return false;

	++r->fieldc;

	return true;
}

/** The record's end is at p, a line feed or the end of all. */
static enum found simple_end(struct csv_reader *r, char *p)
{
	char *const past = p < r->end ? p + 1 : p;

	if (p == r->end && !r->ended)
		return CUT;
	if (p > r->p && p < r->end && p[-1] == '\r')
		--p;
	if (p - r->p >= CSV_RECORD_MAX || !simple_field(r, p))
		return HARD;

	r->fieldv[r->fieldc] = p + 1;
	for (size_t i = 1; i <= r->fieldc; i++)
		r->fieldv[i][-1] = '\0';
	if (past > p)
		line_end(r);
	r->p = past;

	return SIMPLE;
}

static enum found simple_read(struct csv_reader *r)
{
	r->fieldc = 0;
	r->fieldv[0] = r->p;

	for (char *at = r->p;; at += 8) {
		for (uint64_t hits = low_bytes(at); hits; hits &= hits - 1) {
			char *p = at + __builtin_ctzll(hits) / 8;

			switch (*p) {
			case ',':
				if (!simple_field(r, p))
					return HARD;
				r->fieldv[r->fieldc] = p + 1;
				break;
			case '\n':
				return simple_end(r, p);
			case '\r':
				if (p[1] != '\n' || (p + 1 == r->end && r->ended))
					return HARD;
				break;
			case '"':
			case '\0':
				return HARD;
			default:
				break;
			}
		}
	}
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
		spoil(r, "shorten this row: a field holds at most 4,096 bytes");
	else if (r->used + 1 >= CSV_RECORD_MAX)
		spoil(r, too_long);
	else
		r->record[r->used++] = c;
}

static void field_end(struct csv_reader *r)
{
	if (r->fieldc < CSV_COLUMNS_MAX) {
		if (r->used >= CSV_RECORD_MAX)
			spoil(r, too_long);
		r->record[r->used] = '\0';
		r->fieldv[r->fieldc] = r->record + r->field;
		if (!r->bad)
			++r->used;
		r->field = r->used;
		r->fieldv[r->fieldc + 1] = r->record + r->field;
	}
	++r->fieldc;
}

/** @return the next byte, or -1: there is none */
static int peek(struct csv_reader *r)
{
	if (r->p == r->end && !r->ended)
		refill(r);

	return r->p < r->end ? (unsigned char)*r->p : -1;
}

/** A character outside quotes. @return true when it ends the record. */
static bool outside(struct csv_reader *r, enum state *state, char c)
{
	if (c == '\r' && peek(r) == '\n')
		c = *r->p++;

	switch (c) {
	case '\n':
		line_end(r);
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
		line_end(r);
	put(r, c);
}

static void hard_read(struct csv_reader *r)
{
	enum state state = FIELD;
	size_t shown = 0;

	r->fieldc = r->used = r->field = 0;

	while (peek(r) >= 0) {
		const char c = *r->p++;

		if (shown < sizeof(r->begin) - 1)
			r->begin[shown++] = c;
		if (state == ASTRAY) {
			if (c != '\n')
				continue;
			line_end(r);
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
	r->begin[shown] = '\0';
	r->begin[strcspn(r->begin, "\r\n")] = '\0';
}

static void record_read(struct csv_reader *r)
{
	enum found found;
	unsigned refills = 0;

	r->start = r->line;
	r->bad = NULL;

	while ((found = simple_read(r)) == CUT && refills++ < REFILLS_MAX &&
	       r->end - r->p < CSV_BUFFER_SIZE)
		refill(r);
	if (found != SIMPLE)
		hard_read(r);
}

/** Read the next record that is not an empty line. @return false at the end, or on an error. */
bool csv_reader_next(struct csv_reader *r)
{
	while (peek(r) >= 0 && !r->err) {
		record_read(r);
		if (r->err)
			break;
		if (r->bad || r->fieldc > 1 || r->fieldv[0][0])
			return true;
	}

	return false;
}
