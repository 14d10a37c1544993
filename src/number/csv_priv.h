/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/: what its CSV files have of each other; number_priv.h says
 * which is which.
 */
#ifndef SALLYPORT_NUMBER_CSV_PRIV_H
#define SALLYPORT_NUMBER_CSV_PRIV_H

#include "number_priv.h"

enum {
	CSV_COLUMNS_MAX = 128,
	CSV_FIELD_MAX = 4096,     /**< bytes, quotes taken off */
	CSV_RECORD_MAX = 65536,   /**< bytes, with a NUL behind each field */
	CSV_BUFFER_SIZE = 262144, /**< what is read at once */
	CSV_SHOWN_SIZE = 128,     /**< of a row in reports, with its NUL */
	CSV_SLACK = 8             /**< bytes behind a buffer that may be looked at */
};

/** One record after another of a CSV text of any length. */
struct csv_reader {
	sp_number_read_h *readh;
	void *arg;
	int err;         /**< what readh returned */
	bool ended;      /**< nothing comes behind end */
	char *p;         /**< what is read next, in buf */
	char *end;       /**< end of what buf holds     */
	unsigned line;   /**< line that p is on; stays at UINT_MAX */
	unsigned start;  /**< line where the record begins */
	const char *bad; /**< what to mend in this record, NULL when well formed */
	size_t fieldc;   /**< may exceed CSV_COLUMNS_MAX; those are not kept */
	/**
	 * Where each field begins, and where the one behind the last would. They lie one
	 * behind the other, each with a NUL that ends it, in buf or record.
	 */
	char *fieldv[CSV_COLUMNS_MAX + 1];
	char begin[CSV_SHOWN_SIZE]; /**< of a record that is bad: its first line */
	size_t used;                /**< of record */
	size_t field;               /**< where the open field begins in record */
	char record[CSV_RECORD_MAX + CSV_SLACK];
	char buf[CSV_BUFFER_SIZE + CSV_SLACK];
};

void csv_reader_init(struct csv_reader *r, sp_number_read_h *readh, void *arg);
bool csv_reader_next(struct csv_reader *r);

/** All fields are there, and have nothing in them. */
static inline bool csv_is_empty(const struct csv_reader *r)
{
	return !r->bad && r->fieldc <= CSV_COLUMNS_MAX &&
	       (size_t)(r->fieldv[r->fieldc] - r->fieldv[0]) == r->fieldc;
}

/** Length of a field. */
static inline size_t csv_len(const struct csv_reader *r, size_t i)
{
	return (size_t)(r->fieldv[i + 1] - r->fieldv[i]) - 1;
}

/** What there may be in the header row of a kind of file. */
struct csv_form {
	const char *const *namev; /**< the index is the column's kind */
	unsigned namec;
	unsigned needc;     /**< the first so many are needed */
	bool headers;       /**< "header:NAME" too; their kind is namec */
	const char *names;  /**< all of them, for people */
	const char *needed; /**< which are needed, likewise: "... are" */
};

#define CSV_HEADER "header:"

struct csv_column {
	unsigned kind;
	char header[SP_NUMBER_HEADER_NAME_MAX + 1]; /**< of a "header:NAME" */
};

/* ---- csv_column.c ---- */

/** Read one name of the header row. @return NULL, or what to mend, which may be in buf */
const char *csv_column_parse(struct csv_column *c, const struct csv_form *form, const char *name,
			     char buf[NUMBER_MEND_SIZE]);

/** There is no header row. @return what to mend, in buf */
const char *csv_header_none(const struct csv_form *form, char buf[NUMBER_MEND_SIZE]);

/** Why a first row is no header row at all; NULL: some of it is one. */
const char *csv_header_bad(const struct csv_form *form, const struct csv_reader *r,
			   char buf[NUMBER_MEND_SIZE]);

struct csv_file {
	struct sp_number_build *b;
	const char *name;
	const struct csv_form *form;
	sp_number_read_h *readh;
	void *arg;
	size_t columnc;
	struct csv_column columnv[CSV_COLUMNS_MAX];
	struct csv_reader reader;
};

/** A row that has as many fields as there are columns. @return EINVAL: it has been reported */
typedef int(csv_row_h)(struct csv_file *f);

int csv_file_read(struct csv_file *f, csv_row_h *rowh);
void csv_refuse(struct csv_file *f, const char *key, const char *value, const char *mend);

enum { CSV_PIECES = 3 };

struct csv_cache;

/** What a row says beside its number and holes. Readable CSV_SLACK bytes past their ends. */
struct csv_key {
	struct pl v[CSV_PIECES];
	size_t len;
	uint32_t hash;
};

int csv_cache_alloc(struct csv_cache **cp);
void csv_key_hash(const struct csv_cache *c, struct csv_key *key);
bool csv_cache_find(const struct csv_cache *c, const struct csv_key *key, uint32_t *entry);
void csv_cache_put(struct csv_cache *c, const struct csv_key *key, uint32_t entry);

#endif
