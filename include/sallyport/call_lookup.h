/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/lookup: what would become of a call, asked without one. The question is
 * made into an INVITE, which then goes the way of all: the same code decides its
 * route and writes its headers. Nothing is sent, no trunk need run.
 */
#ifndef SALLYPORT_CALL_LOOKUP_H
#define SALLYPORT_CALL_LOOKUP_H

#include "sallyport/conf.h"
#include "sallyport/number.h"

struct sp_call_question {
	unsigned trunk;     /**< of conf->trunkv: where the call comes from     */
	const char *called; /**< user part of the request URI, as the trunk writes it */
	const char *caller; /**< user part of From; NULL: anonymous              */
	int64_t now_s;      /**< seconds since 1970                              */
};

struct sp_call_answer {
	uint16_t status;   /**< 0: it goes on; else with what it is refused */
	const char *cause; /**< of a refusal, for people; static            */
	bool emergency;
	char called[SP_NUMBER_SIZE]; /**< E.164 by the trunk's numbering, "": none */
	char caller[SP_NUMBER_SIZE]; /**< in whose name the call is made, "": none */
	bool by_caller;              /**< the calling number decides, else the called one */
	struct sp_number_rule rule;  /**< that decides; entry NULL: none does             */
	uint16_t trunkv[SP_NUMBER_ROUTES_MAX]; /**< of conf->trunkv: where it goes, best first */
	size_t trunkc;
	/**
	 * The INVITE as it would go to the first of these, lines with CRLF; NULL when refused.
	 * Without what each one gets anew (Via, Call-ID, CSeq, tags), and without the
	 * description; its host is that of the trunk's first target.
	 */
	struct mbuf *message;
};

/**
 * Limits, connections and health of targets have no part in it.
 * @param out message is to be freed with mem_deref()
 * @return 0, EINVAL (the question makes no SIP message), ENOMEM
 */
int sp_call_lookup(struct sp_call_answer *out, const struct sp_conf *conf,
		   const struct sp_number_table *numbers, const struct sp_call_question *q);

#endif
