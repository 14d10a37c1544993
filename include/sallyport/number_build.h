/* SPDX-License-Identifier: BSD-3-Clause
 *
 * number/: how a table is made. Rows are checked as they come and kept as
 * finished rules, so that ten million of them need no second form in memory;
 * whatever is wrong with them is told in one go.
 *
 * A build belongs to one thread at a time, and shares nothing with others.
 */
#ifndef SALLYPORT_NUMBER_BUILD_H
#define SALLYPORT_NUMBER_BUILD_H

#include <stdatomic.h>
#include "sallyport/number.h"

enum {
	SP_NUMBER_HOLES_MAX = 64,   /**< of one block                        */
	SP_NUMBER_REPORTS_MAX = 100 /**< bad rows told of one file, or table */
};

/**
 * What one row of the configuration or of a CSV file says, before any check.
 *
 * number: "+441632960001"; a range, whose last number is given by its last
 * digits or whole, "+441632960000-960999", "+441632960000-+441632960999"; or a
 * prefix, "+4416329601*". Holes are numbers or ranges inside a range, also by
 * their last digits alone, as many as differ in the range at least.
 */
struct sp_number_row {
	const char *number;
	const char *const *holev;
	size_t holec;
	const char *trunkv[SP_NUMBER_ROUTES_MAX]; /**< service trunks, best first */
	const char *carrierv[SP_NUMBER_ROUTES_MAX];
	size_t trunkc, carrierc;     /**< more than there is room for is refused */
	const char *account, *label; /**< NULL or "": none                 */
	const char *enabled_from;    /**< RFC 3339, with its time zone; NULL or "": always */
	const char *enabled_to;
	const char *caller_id; /**< "sent" (NULL, ""), "screened", "main" */
	const char *location;  /**< emergency location number, E.164 */
	bool headers_to_carrier;
	const struct sp_number_header *headerv;
	size_t headerc;
	const char *header_key; /**< before a header's name in reports; NULL: "headers." */
	const char *file;
	unsigned line;
};

/** An account's settings, before any check. */
struct sp_number_account_row {
	const char *name;
	const char *main_number; /**< NULL or "": none */
	unsigned calls, calls_per_s, burst;
	const char *file;
	unsigned line;
};

/** Says what is wrong with a row: the key ("number", ...), its value or NULL, the mend. */
typedef void(sp_number_error_h)(const char *file, unsigned line, const char *key, const char *value,
				const char *mend, void *arg);

/** A trunk as the build needs it. */
struct sp_number_trunk {
	const char *name;
	bool carrier; /**< its kind */
};

struct sp_number_build;

/** @param trunkv must outlive the build; trunkc < SP_NUMBER_NO_TRUNK */
int sp_number_build_alloc(struct sp_number_build **bp, const struct sp_number_trunk *trunkv,
			  size_t trunkc, sp_number_error_h *errh, void *arg);

/** Give up as soon as *stop is true (ECANCELED from whatever runs then). NULL: never. */
void sp_number_build_stop(struct sp_number_build *b, const atomic_bool *stop);

/** Check a row and copy it. @return 0, EINVAL (reported), ENOMEM, ECANCELED, EOVERFLOW (lines) */
int sp_number_add(struct sp_number_build *b, const struct sp_number_row *row);

/** The same for an account's settings, before or after rows that name it; limited from then on. */
int sp_number_add_account(struct sp_number_build *b, const struct sp_number_account_row *row);

/** Reads on: up to size bytes. *lenp = 0: the end. @return 0 or errno value */
typedef int(sp_number_read_h)(char *buf, size_t size, size_t *lenp, void *arg);

/**
 * Add every row of a CSV file (RFC 4180, header row, UTF-8, a BOM is skipped).
 * Columns: number and trunk, which are needed; holes, carrier, account, label,
 * enabled_from, enabled_to, caller_id, location, headers_to_carrier ("yes"/"no"),
 * and any number of "header:NAME". An empty header cell injects nothing. Several
 * holes, trunks or carriers in a cell have ";" between them.
 * Reports at most SP_NUMBER_REPORTS_MAX bad rows.
 * @return 0, EINVAL when anything was wrong, ENOMEM, ECANCELED, or what readh returned
 */
int sp_number_csv_read(struct sp_number_build *b, const char *file, sp_number_read_h *readh,
		       void *arg);

/** Accounts as CSV: account, which is needed, main_number, calls, calls_per_s, calls_burst. */
int sp_number_accounts_csv_read(struct sp_number_build *b, const char *file,
				sp_number_read_h *readh, void *arg);

/**
 * Make the table of all that was added. Reports two rules of one rank for one
 * number at one time, with both lines, and entries that lack something of their
 * account. The table takes all over: the build is as new then, whatever comes out.
 * @return 0, EINVAL when any row was bad, ENOMEM, ECANCELED
 */
int sp_number_table_alloc(struct sp_number_table **tp, struct sp_number_build *b);

/** RFC 3339 date-time with its zone -> seconds since 1970; fractions are cut off. */
bool sp_number_time(int64_t *s, const char *text);

/**
 * E.164 from the user part of a SIP or tel URI: cut parameters at ";", drop
 * visual separators ("-", ".", "(", ")"), demand "+" and 1 to 15 digits.
 * @return 0 or EINVAL
 */
int sp_number_normalise(char out[SP_NUMBER_SIZE], const struct pl *user);

#endif
