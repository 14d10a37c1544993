/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/uri, sip/header: the structured values of SIP headers (RFC 3261 19.1,
 * 20, 25; RFC 3966). All results point into the text that was decoded.
 */
#ifndef SALLYPORT_SIP_HEADER_H
#define SALLYPORT_SIP_HEADER_H

#include <re.h>

enum sp_sip_scheme { SP_URI_SIP, SP_URI_SIPS, SP_URI_TEL, SP_URI_OTHER };

struct sp_sip_uri {
	enum sp_sip_scheme scheme;
	struct pl user;    /**< as written, %-escapes kept; of tel: the number */
	struct pl host;    /**< IPv6 without brackets                          */
	uint16_t port;     /**< 0 when absent                                  */
	struct pl params;  /**< with leading ";"                               */
	struct pl headers; /**< after "?"                                      */
};

/** A name-addr or addr-spec with header parameters: From, To, Contact, Route. */
struct sp_sip_addr {
	struct pl display; /**< without quotes, escapes kept */
	struct pl text;    /**< the URI as written           */
	struct sp_sip_uri uri;
	struct pl params; /**< header parameters, with leading ";" */
};

struct sp_sip_via {
	struct pl transport; /**< "TLS" */
	struct pl sent_by;   /**< host[:port] */
	struct pl branch;    /**< l == 0 when absent */
	struct pl params;
};

/** @return 0 or EBADMSG */
int sp_sip_uri_decode(struct sp_sip_uri *uri, const struct pl *text);
int sp_sip_addr_decode(struct sp_sip_addr *addr, const struct pl *value);
int sp_sip_via_decode(struct sp_sip_via *via, const struct pl *value);

/** "314159 INVITE". @return 0 or EBADMSG (number over 2^31-1, method not a token) */
int sp_sip_cseq_decode(uint32_t *num, struct pl *method, const struct pl *value);

/**
 * Take the first value of a comma-separated list off rest (commas in quotes
 * and in <> do not count). Values are trimmed; one that is missing between
 * commas or after the last is handed out with l == 0.
 * @return false when rest is empty
 */
bool sp_sip_list_next(struct pl *value, struct pl *rest);

/**
 * Find ";name[=value]" in params, any case.
 * @param value may be NULL; l == 0 for a parameter without value; of a quoted
 *              string what is between the quotes, escapes kept
 */
bool sp_sip_param(struct pl *value, const struct pl *params, const char *name);

/** Undo %-escapes into buf. @return 0, EBADMSG (bad escape, %00), EOVERFLOW */
int sp_sip_unescape(char *buf, size_t size, const struct pl *text);

bool sp_sip_is_token(const struct pl *pl);

#endif
