/* SPDX-License-Identifier: BSD-3-Clause
 *
 * number/: the number table. Pure: text in, table out; knows no call and no
 * file. A table is built in one go and never changes afterwards.
 *
 * Numbers are E.164: "+" and 1 to 15 digits, the first not 0. A prefix is the
 * same with "*" behind it. An exact number beats any prefix; the longest
 * prefix wins. Service trunks and carriers are ordered lists: the best first.
 */
#ifndef SALLYPORT_NUMBER_H
#define SALLYPORT_NUMBER_H

#include <re.h>

enum {
	SP_NUMBER_DIGITS_MAX = 15,
	SP_NUMBER_SIZE = SP_NUMBER_DIGITS_MAX + 2, /**< "+", digits, NUL */
	SP_NUMBER_HEADERS_MAX = 16,                /**< custom headers per entry */
	SP_NUMBER_HEADER_NAME_MAX = 64,
	SP_NUMBER_HEADER_VALUE_MAX = 256,
	SP_NUMBER_ACCOUNT_MAX = 100,
	SP_NUMBER_ROUTES_MAX = 8, /**< trunks of one list */
	SP_NUMBER_NO_TRUNK = 0xffff
};

struct sp_number_header {
	const char *name;
	const char *value;
};

/** One number entry. All pointers live as long as the table. */
struct sp_number_entry {
	char number[SP_NUMBER_SIZE]; /**< as written, without "*"            */
	bool prefix;
	bool headers_to_carrier; /**< inject the headers towards the carrier too */
	uint16_t trunk;          /**< first of trunkv                                */
	uint16_t carrier;        /**< first of carrierv, or SP_NUMBER_NO_TRUNK       */
	uint16_t trunkc;         /**< at least 1                                     */
	uint16_t carrierc;
	uint16_t headerc;
	const uint16_t *trunkv;   /**< service trunks: indexes into the names of the build */
	const uint16_t *carrierv; /**< carrier trunks for calls from it; NULL when none    */
	const struct sp_number_header *headerv;
	const char *account; /**< "" when none                       */
	const char *file;    /**< where it was written               */
	unsigned line;
};

/** What one row of the configuration or of a CSV file says, before any check. */
struct sp_number_row {
	const char *number; /**< "+441632960001" or "+4416329601*" */
	union {
		const char *trunk; /**< the one, with trunkc 0 */
		const char *trunkv[SP_NUMBER_ROUTES_MAX];
	};
	union {
		const char *carrier; /**< the one, with carrierc 0; NULL or "": none */
		const char *carrierv[SP_NUMBER_ROUTES_MAX];
	};
	size_t trunkc, carrierc;
	const char *account; /**< NULL or "": none                  */
	bool headers_to_carrier;
	struct sp_number_header headerv[SP_NUMBER_HEADERS_MAX];
	size_t headerc;
	const char *file;
	unsigned line;
};

/** Says what is wrong with a row: the key ("number", "trunk", ...), its value, the mend. */
typedef void(sp_number_error_h)(const char *file, unsigned line, const char *key, const char *value,
				const char *mend, void *arg);

/** A trunk as the build needs it. */
struct sp_number_trunk {
	const char *name;
	bool carrier; /**< its kind */
};

struct sp_number_build;
struct sp_number_table;

/** @param trunkv must outlive the build; trunkc < SP_NUMBER_NO_TRUNK */
int sp_number_build_alloc(struct sp_number_build **bp, const struct sp_number_trunk *trunkv,
			  size_t trunkc, sp_number_error_h *errh, void *arg);

/** Check a row and copy it. @return 0, EINVAL (reported), ENOMEM. */
int sp_number_add(struct sp_number_build *b, const struct sp_number_row *row);

/**
 * Add every row of a CSV file (RFC 4180, header row). Columns: number, trunk,
 * carrier, account, headers_to_carrier ("yes"/"no"), and any number of
 * "header:NAME" columns; number and trunk are needed. An empty header cell
 * injects nothing. Several trunks or carriers in a cell have ";" between them.
 * Reports at most 100 bad rows.
 * @return 0, EINVAL when anything was wrong, ENOMEM
 */
int sp_number_csv(struct sp_number_build *b, const char *file, const char *text, size_t len);

/**
 * Make the table of all that was added; reports duplicates with both lines.
 * The table takes the entries over: the build is empty then, whatever comes out.
 * @return 0, EINVAL when any row was bad, ENOMEM
 */
int sp_number_table_alloc(struct sp_number_table **tp, struct sp_number_build *b);

/** The entry that decides for an E.164 number ("+..."), or NULL. */
const struct sp_number_entry *sp_number_lookup(const struct sp_number_table *t,
					       const struct pl *number);

/** Entries in the table; and those that name a service trunk (index of the build). */
size_t sp_number_count(const struct sp_number_table *t);
size_t sp_number_count_trunk(const struct sp_number_table *t, uint16_t trunk);

/** Has any entry a custom header of this name, in any case? */
bool sp_number_has_header(const struct sp_number_table *t, const struct pl *name);

/** Every entry, in the order in which they were added. */
typedef void(sp_number_each_h)(const struct sp_number_entry *entry, void *arg);
void sp_number_each(const struct sp_number_table *t, sp_number_each_h *h, void *arg);

/**
 * E.164 from the user part of a SIP or tel URI: cut parameters at ";", drop
 * visual separators ("-", ".", "(", ")"), demand "+" and 1 to 15 digits.
 * @return 0 or EINVAL
 */
int sp_number_normalise(char out[SP_NUMBER_SIZE], const struct pl *user);

/**
 * May this custom header be injected? A token name that the gateway does not
 * own itself, a value without CR, LF, NUL or other control characters.
 * @return NULL when it may, else what to mend, for people
 */
const char *sp_number_header_bad(const char *name, const char *value);

#endif
