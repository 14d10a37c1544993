/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the CSV files of number/:
 *
 *   csv_reader.c   bytes -> records, knows nothing of numbers
 *   csv_file.c     the header row, and the row after it, up to a bound of bad ones
 *   csv_cache.c    what rows said before -> number entries
 *   csv.c          rows of numbers; csv_accounts.c: rows of accounts
 */
#ifndef SALLYPORT_NUMBER_CSV_PRIV_H
#define SALLYPORT_NUMBER_CSV_PRIV_H

#include "number_priv.h"

enum {
	CSV_COLUMNS_MAX = 128,
	CSV_FIELD_MAX = 4096,     /**< bytes, quotes taken off */
	CSV_RECORD_MAX = 65536,   /**< bytes, with a NUL behind each field */
	CSV_BUFFER_SIZE = 262144, /**< what is read at once */
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
	size_t used;  /**< of record */
	size_t field; /**< where the open field begins in record */
	char record[CSV_RECORD_MAX + CSV_SLACK];
	char buf[CSV_BUFFER_SIZE + CSV_SLACK];
};

void csv_reader_init(struct csv_reader *r, sp_number_read_h *readh, void *arg);
bool csv_reader_next(struct csv_reader *r);

/** Length of a field. */
static inline size_t csv_len(const struct csv_reader *r, size_t i)
{
	return (size_t)(r->fieldv[i + 1] - r->fieldv[i]) - 1;
}

/** What there may be in the header row of a kind of file. */
struct csv_form {
	const char *const *namev; /**< the index is the column's kind */
	unsigned namec;
	unsigned needc;      /**< the first so many are needed */
	bool headers;        /**< "header:NAME" too; their kind is namec */
	const char *unknown; /**< mends */
	const char *missing;
	const char *none;
};

struct csv_column {
	unsigned kind;
	char header[SP_NUMBER_HEADER_NAME_MAX + 1]; /**< of a "header:NAME" */
};

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
