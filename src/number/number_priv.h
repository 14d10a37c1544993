/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/.
 *
 *   e164.c          numbers as integers
 *   names.c         trunk names in rows
 *   meant.c         what a name or number that is wrong may have been meant to be
 *   header.c        which custom headers may be injected
 *   template.c      their values, with variables
 *   times.c         RFC 3339 times
 *   pool.c          interned bytes
 *   area.c          large arrays, which go back to the system when they are freed
 *
 *   build.c         a build: its rows, where they were written, what is told of them
 *   rules.c         a row's number: exact, a range with holes, a prefix
 *   entries.c       what it says beside that -> an entry, each once
 *   accounts.c      accounts and their settings
 *
 *   csv_reader.c    bytes -> records
 *   csv_column.c    the names in a file's header row
 *   csv_file.c      the header row, and the rows after it
 *   csv_cache.c     what rows said before -> their entries
 *   csv.c           rows of numbers
 *   csv_accounts.c  rows of accounts
 *
 *   make.c          a build -> a table
 *   exact.c         the index of exact numbers
 *   ranges.c        ranges -> what the tree holds of them
 *   tree.c          the tree, and prefixes
 *   overlap.c       rules of one rank for the same numbers
 *   table.c         all of it, as calls use it
 */
#ifndef SALLYPORT_NUMBER_PRIV_H
#define SALLYPORT_NUMBER_PRIV_H

#include <limits.h>
#include <sallyport/number_build.h>

enum {
	NUMBER_RULES_MAX = 100000000, /**< in one table; keeps indexes in 32 bits */
	NUMBER_WINDOWS_MAX = 64,      /**< rules of one rank for one number, each at its time */
	NUMBER_MEND_SIZE = 4096 + 512 /**< room for a path */
};

#define NUMBER_NONE UINT32_MAX /**< no entry, no place */

/* ---- build.c, rules.c, entries.c: what a row consists of, as CSV files give it ---- */

/**
 * Check all of a row but its number and holes, and keep it.
 * @param entry set to the entry's index: rows that say the same get the same one
 * @return 0, EINVAL (reported), ENOMEM
 */
int number_entry_add(struct sp_number_build *b, const struct sp_number_row *row, uint32_t *entry);

/**
 * Check a number, range or prefix, and have it lead to an entry. number is len bytes, without
 * a NUL. Quick for exact numbers without holes.
 * @param entry of number_entry_add(); NUMBER_NONE: only check, and keep nothing
 * @param place where it was written, of number_place()
 * @return 0, EINVAL (reported), ENOMEM, ECANCELED
 */
int number_rule_add(struct sp_number_build *b, const char *number, size_t len,
		    const char *const *holev, size_t holec, uint32_t entry, uint32_t place);

/**
 * Where a row was written, in 32 bits. Lines of one file are told in rising order.
 * @return 0, ENOMEM, EOVERFLOW when there are more lines than that
 */
int number_place(struct sp_number_build *b, const char *file, unsigned line, uint32_t *place);

/** @param value NULL: there is none to show */
void number_report(struct sp_number_build *b, const char *file, unsigned line, const char *key,
		   const char *value, const char *mend);

/** Refuse without telling, from now on or no more. */
void number_mute(struct sp_number_build *b, bool mute);

/** The caller wants no more of this. */
bool number_stopped(const struct sp_number_build *b);

/* ---- e164.c ---- */
bool number_pack(uint64_t *key, const char *p, size_t len);
void number_unpack(char out[SP_NUMBER_SIZE], uint64_t key);

/** How many digits a packed number has. */
unsigned number_digits(uint64_t key);

/** n digits, four bits each, from the highest on. */
uint64_t number_nibbles(const char *digits, size_t n);

/* ---- meant.c ---- */

#define NUMBER_FAR UINT_MAX

/** Slips of the finger that make one name of the other; NUMBER_FAR: no such thing. */
unsigned number_slips(const char *name, const char *meant);

/**
 * What to mend in a number; and which one may have been meant, when it only lacks its "+" or has
 * something around it or in it that a spreadsheet, a form or people put there.
 * @return mend, or buf
 */
const char *number_meant(char buf[NUMBER_MEND_SIZE], const char *mend, const char *s, size_t len);

/* ---- header.c ---- */

/**
 * May this custom header be injected? A token name that the gateway does not
 * own itself, a value without CR, LF, NUL or other control characters, whose
 * variables exist.
 * @return NULL when it may, else what to mend, for people
 */
const char *number_header_bad(const char *name, const char *value);

bool number_header_lower(char out[SP_NUMBER_HEADER_NAME_MAX + 1], const struct pl *name);
bool number_text_ok(const char *s, size_t max);

/* ---- template.c ---- */

/** @return NULL, or what to mend: a variable that there is not, a brace left open, too long */
const char *number_template_bad(const char *value);

#endif
