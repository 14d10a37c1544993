/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/names: header names with their compact forms (RFC 3261 7.3.3 and 20, and
 * the IANA registry), and methods.
 *
 * Names are compared whole. A hash, however good, would let one name pass for
 * another.
 */
#include <strings.h>
#include <re.h>
#include "parse_priv.h"

#define NAME_ONCE(s, compact, id, once)                                                            \
	{                                                                                          \
		s, sizeof(s) - 1, compact, id, once                                                \
	}
#define NAME(s, compact, id) NAME_ONCE(s, compact, id, 0)

static const struct sp_sip_name names[] = {
	NAME("Via", 'v', SP_HDR_VIA),
	NAME("From", 'f', SP_HDR_FROM),
	NAME("To", 't', SP_HDR_TO),
	NAME("Call-ID", 'i', SP_HDR_CALL_ID),
	NAME("CSeq", 0, SP_HDR_CSEQ),
	NAME("Contact", 'm', SP_HDR_CONTACT),
	NAME("Max-Forwards", 0, SP_HDR_MAX_FORWARDS),
	NAME("Content-Length", 'l', SP_HDR_CONTENT_LENGTH),
	NAME("Content-Type", 'c', SP_HDR_CONTENT_TYPE),
	NAME("Content-Encoding", 'e', SP_HDR_CONTENT_ENCODING),
	NAME("Route", 0, SP_HDR_ROUTE),
	NAME("Record-Route", 0, SP_HDR_RECORD_ROUTE),
	NAME("Require", 0, SP_HDR_REQUIRE),
	NAME("Proxy-Require", 0, SP_HDR_PROXY_REQUIRE),
	NAME("Supported", 'k', SP_HDR_SUPPORTED),
	NAME("Allow", 0, SP_HDR_ALLOW),
	NAME("Reason", 0, SP_HDR_REASON),
	NAME("Warning", 0, SP_HDR_WARNING),
	NAME("Retry-After", 0, SP_HDR_RETRY_AFTER),
	NAME("Privacy", 0, SP_HDR_PRIVACY),
	NAME("P-Asserted-Identity", 0, SP_HDR_P_ASSERTED_IDENTITY),
	NAME_ONCE("Expires", 0, SP_HDR_EXPIRES, 1U << 0),
	NAME("Error-Info", 0, SP_HDR_ERROR_INFO),
	NAME("Accept", 0, SP_HDR_ACCEPT),
	NAME("Subject", 's', SP_HDR_OTHER),
	NAME_ONCE("Event", 'o', SP_HDR_OTHER, 1U << 1),
	NAME("Allow-Events", 'u', SP_HDR_OTHER),
	NAME_ONCE("Refer-To", 'r', SP_HDR_OTHER, 1U << 2),
	NAME_ONCE("Referred-By", 'b', SP_HDR_OTHER, 1U << 3),
	NAME("Accept-Contact", 'a', SP_HDR_OTHER),
	NAME("Reject-Contact", 'j', SP_HDR_OTHER),
	NAME("Request-Disposition", 'd', SP_HDR_OTHER),
	NAME_ONCE("Session-Expires", 'x', SP_HDR_OTHER, 1U << 4),
	NAME("Identity", 'y', SP_HDR_OTHER),
	NAME("Identity-Info", 'n', SP_HDR_OTHER),
	NAME_ONCE("Min-SE", 0, SP_HDR_OTHER, 1U << 5),
	NAME_ONCE("RAck", 0, SP_HDR_OTHER, 1U << 6),
	NAME_ONCE("RSeq", 0, SP_HDR_OTHER, 1U << 7),
	NAME_ONCE("Replaces", 0, SP_HDR_OTHER, 1U << 8),
	NAME_ONCE("Subscription-State", 0, SP_HDR_OTHER, 1U << 9),
	NAME_ONCE("Info-Package", 0, SP_HDR_OTHER, 1U << 10),
};

/* In the order of enum sp_sip_method. */
static const char *const methods[] = {
	"INVITE", "ACK",   "BYE",    "CANCEL",    "OPTIONS", "UPDATE",   "PRACK",
	"INFO",   "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "REGISTER", "PUBLISH",
};

_Static_assert(ARRAY_SIZE(methods) == SP_SIP_OTHER, "a method lacks its name");

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

const struct sp_sip_name *sp_sip_name_find(const struct pl *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct sp_sip_name *e = &names[i];

		if (name->l == 1) {
			if (e->compact && e->compact == lower(name->p[0]))
				return e;
		} else if (e->len == name->l && !strncasecmp(e->name, name->p, name->l)) {
			return e;
		}
	}

	return NULL;
}

enum sp_sip_id sp_sip_name_id(const struct pl *name)
{
	const struct sp_sip_name *e = sp_sip_name_find(name);

	return e ? e->id : SP_HDR_OTHER;
}

const char *sp_sip_method_name(enum sp_sip_method method)
{
	return (size_t)method < ARRAY_SIZE(methods) ? methods[method] : "UNKNOWN";
}

/* Methods are case-sensitive (RFC 3261 7.1). */
enum sp_sip_method sp_sip_method(const struct pl *name)
{
	if (!name)
		return SP_SIP_OTHER;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (!pl_strcmp(name, methods[i]))
			return (enum sp_sip_method)i;
	}

	return SP_SIP_OTHER;
}
