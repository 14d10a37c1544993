/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --lookup, private.
 *
 *   lookup.c        the question -> a call that nobody made, and what became of it
 *   lookup_rules.c  the rules that cover its number, and how each stands
 *   lookup_text.c   all of it for people
 *   lookup_json.c   the same for programs
 */
#ifndef SALLYPORT_APP_LOOKUP_PRIV_H
#define SALLYPORT_APP_LOOKUP_PRIV_H

#include "app_priv.h"
#include "sallyport/call_lookup.h"

/** A question and its answer. All that it points to lives longer. */
struct lookup {
	const struct sp_conf *conf;
	const struct sp_number_table *numbers;
	struct sp_call_question q;
	const char *why; /**< the call comes from this trunk */
	struct sp_call_answer answer;
};

/** The trunk that the call comes from. */
static inline const struct sp_conf_trunk *lookup_from(const struct lookup *l)
{
	return &l->conf->trunkv[l->q.trunk];
}

/** Is the table asked for the calling number? Of a carrier's call it is the called one. */
static inline bool lookup_by_caller(const struct lookup *l)
{
	return lookup_from(l)->kind == SP_TRUNK_SERVICE;
}

/** The number that the table is asked for; "": none. */
static inline const char *lookup_number(const struct lookup *l)
{
	return lookup_by_caller(l) ? l->answer.caller : l->answer.called;
}

/* ---- lookup_rules.c ---- */

/** How a rule that covers the number stands to the call. */
enum lookup_standing {
	LOOKUP_DECIDES,
	LOOKUP_FOREIGN, /**< it would, but its number is none of the trunk's own */
	LOOKUP_WEAKER,  /**< another one decides, or would                       */
	LOOKUP_EARLY,   /**< from_s is to come                                   */
	LOOKUP_LATE     /**< to_s is over                                        */
};

typedef void(lookup_rule_h)(const struct sp_number_rule *rule, enum lookup_standing standing,
			    void *arg);

/** Every rule that covers the number, at whatever time, the strongest first. @return how many */
size_t lookup_rules(const struct lookup *l, lookup_rule_h *h, void *arg);

/** LOOKUP_EARLY, LOOKUP_LATE, or LOOKUP_DECIDES: the entry holds at this time. */
enum lookup_standing lookup_times(const struct sp_number_entry *entry, int64_t now_s);

/** "number", "range", "prefix" */
const char *lookup_kind(enum sp_number_kind kind);

/** %H handler: seconds since 1970 as RFC 3339, in UTC. */
int lookup_time(struct re_printf *pf, const int64_t *s);

/** %H handler: what to do about a refusal; "" when there is nothing to say. */
int lookup_mend(struct re_printf *pf, const struct lookup *l);

/** "sent", "screened", "main" */
const char *lookup_caller_id(enum sp_number_caller_id policy);

/** The limits of an account: its own, or those of all that have none. */
struct lookup_limits {
	unsigned calls;
	struct sp_conf_rate rate;
};

void lookup_limits(struct lookup_limits *out, const struct lookup *l,
		   const struct sp_number_account *a);

typedef void(lookup_line_h)(const struct pl *line, bool custom, void *arg);

/** The INVITE line by line without its body. custom: the header is one of the entry's. */
void lookup_message(const struct lookup *l, lookup_line_h *h, void *arg);

/* ---- lookup_text.c, lookup_json.c ---- */
void lookup_text(const struct lookup *l, FILE *out);

/** All or nothing. @return 0, ENOMEM, or EIO: nobody can read it */
int lookup_json(const struct lookup *l, FILE *out);

#endif
