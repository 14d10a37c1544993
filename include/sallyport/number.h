/* SPDX-License-Identifier: BSD-3-Clause
 *
 * number/: the number table, as calls use it. Pure: knows no call, no file and
 * no clock. A table is built in one go (number_build.h) and never changes, so
 * it may be made and freed on another thread than the one that uses it.
 *
 * Numbers are E.164: "+" and 1 to 15 digits, the first not 0. A rule is an exact
 * number, a range of numbers of one length, or a prefix. An exact number beats a
 * range, a range any prefix, a longer prefix a shorter one; a rule outside its
 * times is as if it were not there. What a rule leads to is a number entry;
 * rules that say the same share one.
 */
#ifndef SALLYPORT_NUMBER_H
#define SALLYPORT_NUMBER_H

#include <re.h>

enum {
	SP_NUMBER_DIGITS_MAX = 15,
	SP_NUMBER_SIZE = SP_NUMBER_DIGITS_MAX + 2, /**< "+", digits, NUL */
	SP_NUMBER_HEADERS_MAX = 100, /**< of one entry; a message has 128 header lines in all */
	SP_NUMBER_HEADER_NAME_MAX = 64,
	SP_NUMBER_HEADER_VALUE_MAX = 256, /**< as written            */
	SP_NUMBER_VALUE_SIZE = 1024,      /**< expanded, with NUL    */
	SP_NUMBER_ACCOUNT_MAX = 100,      /**< bytes; of a label too */
	SP_NUMBER_ROUTES_MAX = 8,         /**< trunks of one list */
	SP_NUMBER_NO_TRUNK = 0xffff
};

/** Times without an end: seconds since 1970. */
#define SP_NUMBER_ALWAYS_FROM INT64_MIN
#define SP_NUMBER_ALWAYS_TO INT64_MAX

struct sp_number_header {
	const char *name;
	const char *value; /**< a template, see sp_number_expand() */
};

/** Which calling number a call of a service shows to the carrier. */
enum sp_number_caller_id {
	SP_NUMBER_CALLER_SENT,     /**< the one that the service sent                     */
	SP_NUMBER_CALLER_SCREENED, /**< the same, but only a number of the account: or 403 */
	SP_NUMBER_CALLER_MAIN      /**< the account's main number instead                 */
};

struct sp_number_account {
	const char *name;            /**< "": the one of entries that name none       */
	const char *main_number;     /**< E.164 or ""                                 */
	bool limited;                /**< these three are its own: else those for all */
	unsigned calls;              /**< at once, 0: no limit */
	unsigned calls_per_s, burst; /**< new ones, 0: no limit */
	const char *file;            /**< where it was written; "": nowhere, an entry names it */
	unsigned line;
	size_t rulec; /**< rules that lead to an entry of it */
};

/** A number entry. All pointers live as long as the table. */
struct sp_number_entry {
	const struct sp_number_account *account; /**< never NULL                              */
	const char *label;                       /**< of the service, a word for people, or "" */
	const char *location;     /**< emergency location number: E.164 or ""             */
	const uint16_t *trunkv;   /**< service trunks: indexes into the names of the build */
	const uint16_t *carrierv; /**< carrier trunks for calls from it; NULL when none    */
	const struct sp_number_header *headerv;
	uint16_t trunkc; /**< at least 1 */
	uint16_t carrierc;
	uint16_t headerc;
	bool headers_to_carrier; /**< inject the headers towards the carrier too */
	enum sp_number_caller_id caller_id;
	int64_t from_s, to_s; /**< it holds from the first until before the second; or ALWAYS */
};

enum sp_number_kind { SP_NUMBER_EXACT, SP_NUMBER_RANGE, SP_NUMBER_PREFIX };

/** A rule, and where it was written. */
struct sp_number_rule {
	const struct sp_number_entry *entry;
	enum sp_number_kind kind;
	char first[SP_NUMBER_SIZE]; /**< of a prefix: itself, without "*" */
	char last[SP_NUMBER_SIZE];  /**< of a range; else as first        */
	const char *file;           /**< lives as long as the table       */
	unsigned line;
};

struct sp_number_table;

/**
 * The entry that decides for an E.164 number ("+...") at a time, or NULL.
 * @param now_s seconds since 1970
 */
const struct sp_number_entry *sp_number_lookup(const struct sp_number_table *t,
					       const struct pl *number, int64_t now_s);

/** The same, with its rule. @return false: none decides */
bool sp_number_find(struct sp_number_rule *rule, const struct sp_number_table *t,
		    const struct pl *number, int64_t now_s);

/** Every rule that covers the number at whatever time, the strongest first. @return how many */
typedef void(sp_number_rule_h)(const struct sp_number_rule *rule, void *arg);
size_t sp_number_covering(const struct sp_number_table *t, const struct pl *number,
			  sp_number_rule_h *h, void *arg);

/** Prints a rule as it is written: "+441632960000-960999", "+4416329*". For %H. */
int sp_number_rule_print(struct re_printf *pf, const struct sp_number_rule *rule);

/** What is in a table. */
struct sp_number_counts {
	size_t exact, ranges, prefixes; /**< rules                                       */
	size_t entries;                 /**< that differ                                 */
	size_t accounts;                /**< named by entries or given settings          */
	uint64_t covered;               /**< numbers of all exact rules and all ranges   */
};

void sp_number_counts(const struct sp_number_table *t, struct sp_number_counts *out);

/** Rules in the table; and those that name a service trunk (index of the build). */
size_t sp_number_count(const struct sp_number_table *t);
size_t sp_number_count_trunk(const struct sp_number_table *t, uint16_t trunk);

/** Has any entry a custom header of this name, in any case? */
bool sp_number_has_header(const struct sp_number_table *t, const struct pl *name);

/** Every entry that differs, and how many rules lead to it; in the order first met. */
typedef void(sp_number_each_h)(const struct sp_number_entry *entry, size_t rulec, void *arg);
void sp_number_each(const struct sp_number_table *t, sp_number_each_h *h, void *arg);

/** Every account but the nameless one, in the order first met. */
typedef void(sp_number_account_h)(const struct sp_number_account *account, void *arg);
void sp_number_each_account(const struct sp_number_table *t, sp_number_account_h *h, void *arg);

/** What a template's variables stand for: {number}, {account}, {label}, {trunk}. NULL: "". */
struct sp_number_vars {
	const char *number; /**< E.164, the one that was looked up */
	const char *account, *label;
	const char *trunk; /**< name of the service trunk of the call */
};

/** A template's text; "{{" is a brace. It fits: the build refuses templates that might not. */
void sp_number_expand(char out[SP_NUMBER_VALUE_SIZE], const char *value,
		      const struct sp_number_vars *vars);

#endif
