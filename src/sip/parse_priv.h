/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the message half of sip/ share: the character classes of
 * RFC 3261 25.1, the table of header names, and the pieces of the grammar that
 * more than one header is made of.
 *
 * Functions named _take consume from the front of rest, and leave it as it was
 * when they fail. All of them look at every byte a bounded number of times.
 */
#ifndef SALLYPORT_SIP_PARSE_PRIV_H
#define SALLYPORT_SIP_PARSE_PRIV_H

#include "sallyport/sip_message.h"

enum sp_sip_class {
	CH_TOKEN = 0x01,
	CH_USER = 0x02,     /**< unreserved, user-unreserved        */
	CH_PASSWORD = 0x04, /**< unreserved and "&=+$,"             */
	CH_PARAM = 0x08,    /**< unreserved, param-unreserved       */
	CH_HEADER = 0x10,   /**< unreserved, hnv-unreserved         */
	CH_HOST = 0x20,     /**< alphanum, "-" and "."              */
	CH_WORD = 0x40,     /**< word, as in Call-ID                */
	CH_URIC = 0x80      /**< what any URI may hold, but escapes */
};

/** ";name[=value]" of a header or a URI. */
struct sp_sip_param {
	struct pl name;
	struct pl value; /**< without quotes, escapes kept */
	bool has_value;
	bool quoted;
};

bool sp_sip_ischar(char c, enum sp_sip_class cls);

/** How many bytes at the start of pl are of class cls. */
size_t sp_sip_span(const struct pl *pl, enum sp_sip_class cls);

/** Is pl not empty, and wholly of class cls or escaped ("%" and two hex digits)? */
bool sp_sip_escaped_ok(const struct pl *pl, enum sp_sip_class cls);

/** Is there no control character but tab in pl? */
bool sp_sip_printable(const struct pl *pl);

bool sp_sip_isblank(char c);
void sp_sip_ltrim(struct pl *pl);
void sp_sip_trim(struct pl *pl);

/** The quote that closes the one at p, or NULL. */
const char *sp_sip_quote_end(const char *p, const char *end);

/** Take c with white space around it: SLASH, EQUAL, SEMI, COLON of the grammar. */
bool sp_sip_sep_take(struct pl *rest, char c);

/** hostname, IPv4 address or IPv6 reference (RFC 3261 25.1; of the last, without brackets). */
int sp_sip_host_take(struct pl *host, struct pl *rest);

/** ":port" with a port of 1 to 65535; 0 when rest begins otherwise. */
int sp_sip_port_take(uint16_t *port, struct pl *rest);

/** @return 0, ENOENT (rest is empty or blank) or EBADMSG */
int sp_sip_param_take(struct sp_sip_param *param, struct pl *rest);

/** The parameter's value. @return 0, ENOENT, or EBADMSG (there twice, or not a token) */
int sp_sip_param_token(struct pl *value, const struct pl *params, const char *name);

/** A header that we know by name; its compact form is 0 when it has none. */
struct sp_sip_name {
	const char *name;
	size_t len;
	char compact;
	enum sp_sip_id id; /**< SP_HDR_OTHER: known for its compact form or as one of once */
	unsigned once;     /**< a bit of its own: decides something, and is no list (7.3.1) */
};

/** The entry for a header name, long or compact, any case; or NULL. */
const struct sp_sip_name *sp_sip_name_find(const struct pl *name);

enum sp_sip_id sp_sip_name_id(const struct pl *name);

/** The headers that a reply repeats (RFC 3261 8.2.6.2), as far as they were good. */
enum sp_sip_good {
	GOOD_VIA = 0x01,
	GOOD_FROM = 0x02,
	GOOD_TO = 0x04,
	GOOD_CALL_ID = 0x08,
	GOOD_CSEQ = 0x10,
	GOOD_ALL = 0x1f
};

struct sp_sip_parser {
	struct sp_sip_msg *m;
	struct sp_sip_fault *fault;
	size_t hdr_max;      /**< room in m->hdrv */
	unsigned seen;       /**< headers that may be there once only, as bits */
	unsigned once;       /**< the same, of those that only a request is refused for */
	unsigned good;       /**< of enum sp_sip_good */
	struct pl cseq_name; /**< the method in CSeq */
	uint32_t length;     /**< Content-Length */
	bool start_ok;
};

/** Note a fault, unless there is one already. */
void sp_sip_fail(struct sp_sip_parser *ps, uint16_t status, const char *reason);

void sp_sip_parse_headers(struct sp_sip_parser *ps);

#endif
