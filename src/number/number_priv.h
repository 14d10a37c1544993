/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/: what the build, the CSV reader and the table share.
 */
#ifndef SALLYPORT_NUMBER_PRIV_H
#define SALLYPORT_NUMBER_PRIV_H

#include <sallyport/number.h>

enum {
	NUMBER_ENTRIES_MAX = 100000000, /**< in one table; keeps indexes in 32 bits */
	NUMBER_REPORTS_MAX = 100,       /**< bad rows per CSV file, duplicates per table */
	NUMBER_MEND_SIZE = 512,
	CSV_COLUMNS_MAX = 64,
	CSV_FIELD_MAX = 1024,   /**< bytes, quotes taken off */
	CSV_RECORD_MAX = 16384, /**< bytes, with a NUL behind each field */
};

struct number_pool;

/** A build in the making. Rows become entries at once; only the index comes later. */
struct sp_number_build {
	const struct sp_number_trunk *trunkv;
	size_t trunkc;
	const struct sp_number_trunk **sorted; /**< trunkv by name */
	sp_number_error_h *errh;
	void *arg;
	struct sp_number_entry *entryv;
	size_t entryc;
	size_t entrycap;
	struct number_pool *strings;
	struct number_pool *headers;
	struct number_pool *names;  /**< of headers, in lower case */
	struct number_pool *routes; /**< lists of trunks */
	bool bad;                   /**< something was refused: no table will come of it */
	bool mute;                  /**< refuse without telling */
};

/** One record of a CSV text. */
struct csv_reader {
	const char *p;
	const char *end;
	unsigned line;   /**< line that p is on */
	unsigned start;  /**< line where the record begins */
	const char *bad; /**< what to mend in this record, NULL when well formed */
	size_t fieldc;   /**< may exceed CSV_COLUMNS_MAX; those are not kept */
	const char *fieldv[CSV_COLUMNS_MAX];
	size_t used;
	size_t field; /**< where the open field begins in buf */
	char buf[CSV_RECORD_MAX];
};

/* build.c */
void number_report(struct sp_number_build *b, const char *file, unsigned line, const char *key,
		   const char *value, const char *mend);

/* csv_reader.c */
void csv_reader_init(struct csv_reader *r, const char *text, size_t len);
bool csv_reader_next(struct csv_reader *r);

/* e164.c */
bool number_pack(uint64_t *key, const char *p, size_t len);

/* header.c */
bool number_header_lower(char out[SP_NUMBER_HEADER_NAME_MAX + 1], const struct pl *name);
bool number_text_ok(const char *s, size_t max);

/* names.c */
int number_trunks_sort(struct sp_number_build *b);
bool number_trunk_find(uint16_t *index, const struct sp_number_build *b, const char *name,
		       bool carrier, char *mend, size_t size);

/* pool.c */
int number_pool_alloc(struct number_pool **pp, size_t align);
const void *number_pool_intern(struct number_pool *pool, const void *p, size_t len);
const char *number_pool_string(struct number_pool *pool, const char *s);
bool number_pool_has(const struct number_pool *pool, const void *p, size_t len);
void number_pool_seal(struct number_pool *pool);

#endif
