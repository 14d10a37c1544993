/* SPDX-License-Identifier: BSD-3-Clause
 *
 * conf/: header rules of a trunk, as written and checked.
 */
#ifndef SALLYPORT_CONF_RULE_H
#define SALLYPORT_CONF_RULE_H

#include "sallyport/conf_common.h"

enum {
	SP_CONF_RULES_MAX = 64,      /**< header rules per trunk and direction */
	SP_CONF_RULE_METHODS_MAX = 8 /**< and status codes, in one `when`      */
};

/** A status code, or a class of them. */
struct sp_conf_status {
	uint16_t min, max;
};

/** What a rule looks at before it acts; all must hold, what is not given holds. */
struct sp_conf_when {
	const char *
		methodv[SP_CONF_RULE_METHODS_MAX]; /**< of the request, or of the response's CSeq */
	size_t methodc;
	struct sp_conf_status statusv[SP_CONF_RULE_METHODS_MAX]; /**< responses only */
	size_t statusc;
	const char *header;  /**< a header that the message must have ... */
	const char *matches; /**< ... with a value that fits, "*" for any text; NULL: any */
	const char *account; /**< of the number entry, "*" for any text   */
};

enum sp_conf_action { SP_RULE_ADD, SP_RULE_SET, SP_RULE_REMOVE, SP_RULE_COPY };

/**
 * A header rule. value is text with {account}, {label}, {caller}, {called},
 * {trunk}, {header:NAME} and {number:NAME} (a custom header of the number entry)
 * in it, "{{" for a brace.
 */
struct sp_conf_rule {
	struct sp_conf_src src;
	enum sp_conf_action action;
	const char *header; /**< that is added, set, removed; of a copy: the new one */
	const char *value;  /**< of add and set                                      */
	const char *from;   /**< of a copy                                           */
	struct sp_conf_when when;
};

/** Who has a say about a header. */
enum sp_conf_header_owner {
	SP_HEADER_FREE,   /**< anybody: passes when `pass` names it                      */
	SP_HEADER_KEYED,  /**< another key says whether it passes; rules may change that */
	SP_HEADER_SIGNED, /**< a signature covers it (RFC 8224): whole, or not at all    */
	SP_HEADER_SECRET, /**< credentials: nothing may even read them                   */
	SP_HEADER_OWNED   /**< part of our own dialogs, transactions and bodies          */
};

enum sp_conf_header_owner sp_conf_header_owner(const struct pl *name);

/** The whole name of a compact form (RFC 3261 7.3.3), any case; or NULL. */
const char *sp_conf_header_long(char c);

#endif
