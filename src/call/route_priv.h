/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/: where a call goes, and how numbers are read and written.
 *
 * Inside the gateway a number is E.164 ("+" and digits). What a trunk writes
 * becomes that by the trunk's numbering_in(), what goes to a trunk is made of
 * it by that trunk's numbering_out(). Digits as dialled (short codes, emergency
 * numbers) pass both untouched.
 */
#ifndef SALLYPORT_CALL_ROUTE_PRIV_H
#define SALLYPORT_CALL_ROUTE_PRIV_H

#include "sallyport/conf.h"
#include "sallyport/number.h"
#include "sallyport/sip_message.h"

enum {
	NUMBERING_SIZE = 64,   /* a number with all its prefixes, and NUL         */
	ROUTE_DIGITS_MAX = 32, /* digits that are no E.164 number                 */
	ROUTE_TEXT_SIZE = 257  /* user part of a request URI, as written, and NUL */
};

/* ---- numbering.c: pure functions; n may be NULL: numbers need their "+" ---- */

/*
 * E.164 of a user part as the trunk writes it: it may be %-escaped, and have
 * parameters and visual separators. @return 0, or EINVAL with out = ""
 */
int numbering_in(char out[SP_NUMBER_SIZE], const struct sp_conf_numbering *n,
		 const struct pl *user);
/*
 * An E.164 number as the trunk wants it. @return 0, or EINVAL with out = "" (no
 * E.164 number, or it does not fit): then the text goes as it is
 */
int numbering_out(char out[NUMBERING_SIZE], const struct sp_conf_numbering *n, const char *e164);
/* Does ";user=phone" go with E.164 numbers? */
bool numbering_phone(const struct sp_conf_numbering *n);
/*
 * The number as it was dialled: unescaped, without parameters and separators.
 * Digits, "*", "#"; a "+" in front. @return 0, or EINVAL with out = ""
 */
int numbering_dialled(char out[NUMBERING_SIZE], const struct pl *user);
/* The user part with its parameters, also of a tel URI, where they stand apart. */
void numbering_user(struct pl *user, const struct sp_sip_uri *uri);

/* ---- route.c: of the configuration alone, trunks need not run ---- */

/* What a question about routes is asked of. */
struct route_ask {
	const struct sp_conf *conf;
	const struct sp_number_table *numbers;
	int64_t now_s;  /* of the wall clock                         */
	unsigned trunk; /* of conf->trunkv, where the call comes from */
};

struct route {
	uint16_t trunkv[SP_CONF_ROUTES_MAX]; /* of conf->trunkv, best first */
	size_t trunkc;                       /* 0: refused                  */
	const struct sp_number_entry *entry; /* never NULL; an empty one when none decides */
	char number[SP_NUMBER_SIZE];         /* E.164 whose entry that is, "" for none     */
	bool by_caller;                      /* that is the caller's, the trunk's own      */
	bool screened;                       /* a carrier hears of no number but those that
						caller_id = "screened" has let through      */
	const char *shown;                   /* that a carrier sees calling (location or
						main_number, of the table); NULL: who calls */
	char user[ROUTE_TEXT_SIZE];          /* of the request URI towards the callee: E.164,
						or as dialled (escaped)                      */
	char caller[SP_NUMBER_SIZE];         /* E.164 that the call is made in the name of, ""
						for none: who calls; of a service's call its
						own number that decided, which is not From's
						in a call that it forwards (calling_own())   */
	bool emergency;                      /* no limit refuses it; user is as dialled     */
	bool unknown;                        /* refused: the table does not know the number   */
	bool own; /* a transfer back to the trunk it came from; user is as it was written */
};

/* @return 0, or the SIP status to refuse with; cause for the log. */
uint16_t route_find(struct route *route, const struct route_ask *ask,
		    const struct sp_sip_msg *invite, const char **cause);

/* A Refer-To, or the Contact of a 3xx. */
struct route_refer {
	const struct sp_sip_addr *to;
	bool own;           /* its host is one of the names of the trunk that wrote it      */
	const char *caller; /* E.164 that the new call is made in the name of; NULL, "": unknown */
	const char *party;  /* whom its From will show, "" for nobody; NULL: was looked at
			       when the call began */
};

/* Where it leads. Refused as by route_find(). */
uint16_t route_refer(struct route *route, const struct route_ask *ask, const struct route_refer *r,
		     const char **cause);
/* In the name of what the table has for this number now, or of nobody. */
void route_decide(struct route *route, const struct route_ask *ask, const char *e164);
/* Is it to one of the emergency numbers of the trunk that it comes from? */
bool route_is_emergency(const struct sp_conf_trunk *conf, const struct sp_sip_msg *invite);
/* Is the trunk (its index) one of those that serve the number? */
bool route_serves(const struct sp_number_entry *entry, unsigned trunk);
/* Has the table this number as one of the asking trunk's own? */
bool route_owns(const struct route_ask *ask, const char *e164);

/* ---- calling.c ---- */

/*
 * The entry of the first number in From (as calling_uri() has it), then in
 * P-Asserted-Identity, then, if the trunk is trusted, of those that diverted the
 * call, the last one first, which is the trunk's own. NULL: none; e164 stays.
 */
const struct sp_number_entry *calling_own(char e164[SP_NUMBER_SIZE], const struct route_ask *ask,
					  const struct sp_sip_msg *invite);
/*
 * The entry of the first own number in P-Asserted-Identity of a trusted trunk,
 * which says who calls where From has no number at all. NULL: none; e164 stays.
 */
const struct sp_number_entry *calling_asserted(char e164[SP_NUMBER_SIZE],
					       const struct route_ask *ask,
					       const struct sp_sip_msg *invite);
/*
 * Every number in P-Asserted-Identity of a trusted trunk, which a carrier may get:
 * E.164, or "" for digits that are no such number. Names are none. @return false
 * when h has said so of one.
 */
typedef bool calling_number_h(const char *e164, void *arg);
bool calling_each_asserted(const struct route_ask *ask, const struct sp_sip_msg *invite,
			   calling_number_h *h, void *arg);
/* From; of an anonymous caller P-Asserted-Identity, if there is one. */
void calling_uri(const struct sp_sip_msg *invite, struct sp_sip_uri *uri);
/* Its user part: who calls, for logs; not always route->caller. */
void route_caller(const struct sp_sip_msg *invite, struct pl *user);
bool route_is_anonymous(const struct sp_sip_addr *addr);

#endif
