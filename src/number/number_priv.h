/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to number/.
 *
 *   e164.c     numbers as integers
 *   names.c    trunk names in rows
 *   header.c   which custom headers may be injected
 *   template.c their values, with variables
 *   times.c    RFC 3339 times
 *   pool.c     interned bytes
 *   area.c     large arrays, which go back to the system when they are freed
 *   build.c    rows -> entries and rules; accounts.c: accounts
 *   entries.c  what a row says beside its number -> an entry, each once
 *   rules.c    its number: exact, a range with holes, a prefix
 *   csv*.c     CSV files -> rows, see csv_priv.h
 *   make.c     a build -> a table
 *   exact.c    the index of exact numbers
 *   tree.c     the tree of prefixes and of what ranges.c cuts ranges into
 *   overlap.c  rules of one rank for the same numbers
 *   table.c    all of it, as calls use it
 */
#ifndef SALLYPORT_NUMBER_PRIV_H
#define SALLYPORT_NUMBER_PRIV_H

#include <sallyport/number_build.h>

enum {
	NUMBER_RULES_MAX = 100000000, /**< in one table; keeps indexes in 32 bits */
	NUMBER_WINDOWS_MAX = 64,      /**< rules of one rank for one number, each at its time */
	NUMBER_MEND_SIZE = 512
};

#define NUMBER_NONE UINT32_MAX /**< no entry, no place */

/* ---- build.c, entries.c: what csv.c uses of the build beside sp_number_add() ---- */

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

void number_report(struct sp_number_build *b, const char *file, unsigned line, const char *key,
		   const char *value, const char *mend);

/** Refuse without telling, from now on or no more. */
void number_mute(struct sp_number_build *b, bool mute);

/** The caller wants no more of this. */
bool number_stopped(const struct sp_number_build *b);

/* ---- e164.c ---- */
bool number_pack(uint64_t *key, const char *p, size_t len);

/* ---- times.c ---- */

/** RFC 3339 date-time with its offset -> seconds since 1970; fractions are cut off. */
bool number_time(int64_t *s, const char *text);

/* ---- header.c ---- */
bool number_header_lower(char out[SP_NUMBER_HEADER_NAME_MAX + 1], const struct pl *name);
bool number_text_ok(const char *s, size_t max);

/* ---- template.c ---- */

/** @return NULL, or what to mend: a variable that there is not, a brace left open, too long */
const char *number_template_bad(const char *value);

#endif
