/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of SIP headers, and who has a say about each: the one list of the
 * headers that the gateway itself writes or judges, and that neither `pass`
 * nor a header rule may touch.
 *
 * Names that are not here are free; those of the list that are free stand
 * there to be suggested for what was nearly one of them.
 */
#include <string.h>
#include <strings.h>
#include <re.h>
#include "conf_priv.h"

enum { NAME_MAX_LEN = 64, SHORT_LEN = 5, NEAR_SHORT = 1, NEAR = 2 };

enum owner {
	FREE,   /* of anybody                                                      */
	KEYED,  /* another key says whether it passes; rules may change the result */
	SIGNED, /* what a signature (RFC 8224) covers: passes whole, or not at all  */
	SECRET, /* credentials: nothing may even read them                         */
	OWNED   /* part of our own dialogs, transactions and bodies                */
};

struct header {
	const char *name;
	enum owner owner;
	char compact;    /* short form, RFC 3261 section 7.3.3 */
	const char *key; /* that has a say instead             */
};

/* "Content-..." and "Security-..." are owned as families. */
static const struct header headers[] = {
	/* dialogs and transactions, RFC 3261, 3262, 3311, 4028, 5393 */
	{"Via", OWNED, 'v', NULL},
	{"From", OWNED, 'f', NULL},
	{"To", OWNED, 't', NULL},
	{"Call-ID", OWNED, 'i', NULL},
	{"CSeq", OWNED, 0, NULL},
	{"Contact", OWNED, 'm', NULL},
	{"Route", OWNED, 0, NULL},
	{"Record-Route", OWNED, 0, NULL},
	{"Path", OWNED, 0, NULL},
	{"Service-Route", OWNED, 0, NULL},
	{"Max-Forwards", OWNED, 0, NULL},
	{"Max-Breadth", OWNED, 0, NULL},
	{"Timestamp", OWNED, 0, NULL},
	{"RSeq", OWNED, 0, NULL},
	{"RAck", OWNED, 0, NULL},
	{"Session-Expires", OWNED, 'x', NULL},
	{"Min-SE", OWNED, 0, NULL},
	{"Flow-Timer", OWNED, 0, NULL},
	{"Warning", OWNED, 0, NULL},
	{"Retry-After", OWNED, 0, NULL},
	/* what we can do, and what is asked of us */
	{"Allow", OWNED, 0, NULL},
	{"Allow-Events", OWNED, 'u', NULL},
	{"Accept", OWNED, 0, NULL},
	{"Accept-Encoding", OWNED, 0, NULL},
	{"Accept-Language", OWNED, 0, NULL},
	{"Supported", OWNED, 'k', NULL},
	{"Unsupported", OWNED, 0, NULL},
	{"Require", OWNED, 0, NULL},
	{"Proxy-Require", OWNED, 0, NULL},
	{"Recv-Info", OWNED, 0, NULL},
	{"Info-Package", OWNED, 0, NULL},
	/* bodies */
	{"Content-Type", OWNED, 'c', NULL},
	{"Content-Length", OWNED, 'l', NULL},
	{"Content-Encoding", OWNED, 'e', NULL},
	{"MIME-Version", OWNED, 0, NULL},
	/* other dialogs than this one: transfer, events, publication */
	{"Replaces", OWNED, 0, NULL},
	{"Join", OWNED, 0, NULL},
	{"Target-Dialog", OWNED, 0, NULL},
	{"Refer-To", OWNED, 'r', NULL},
	{"Referred-By", OWNED, 'b', NULL},
	{"Refer-Sub", OWNED, 0, NULL},
	{"Refer-Events-At", OWNED, 0, NULL},
	{"Event", OWNED, 'o', NULL},
	{"Subscription-State", OWNED, 0, NULL},
	{"Expires", OWNED, 0, NULL},
	{"Min-Expires", OWNED, 0, NULL},
	{"SIP-ETag", OWNED, 0, NULL},
	{"SIP-If-Match", OWNED, 0, NULL},
	{"Suppress-If-Match", OWNED, 0, NULL},
	/* between us and each side */
	{"Authorization", SECRET, 0, NULL},
	{"Proxy-Authorization", SECRET, 0, NULL},
	{"WWW-Authenticate", OWNED, 0, NULL},
	{"Proxy-Authenticate", OWNED, 0, NULL},
	{"Authentication-Info", OWNED, 0, NULL},
	{"Proxy-Authentication-Info", OWNED, 0, NULL},
	/* passed on by a rule of their own */
	{"P-Asserted-Identity", KEYED, 0, "trusted"},
	{"P-Preferred-Identity", KEYED, 0, "trusted"},
	{"Remote-Party-ID", KEYED, 0, "trusted"},
	{"Privacy", KEYED, 0, "trusted"},
	{"Diversion", KEYED, 0, "diverted"},
	{"History-Info", KEYED, 0, "diverted"},
	{"Reason", KEYED, 0, NULL},
	{"Identity", SIGNED, 'y', "identity"},
	{"Identity-Info", SIGNED, 'n', "identity"},
	{"Date", SIGNED, 0, "identity"},
	/* free */
	{"Accept-Contact", FREE, 'a', NULL},
	{"Accept-Resource-Priority", FREE, 0, NULL},
	{"Alert-Info", FREE, 0, NULL},
	{"Answer-Mode", FREE, 0, NULL},
	{"Call-Info", FREE, 0, NULL},
	{"Error-Info", FREE, 0, NULL},
	{"Geolocation", FREE, 0, NULL},
	{"Geolocation-Error", FREE, 0, NULL},
	{"Geolocation-Routing", FREE, 0, NULL},
	{"In-Reply-To", FREE, 0, NULL},
	{"Organization", FREE, 0, NULL},
	{"P-Access-Network-Info", FREE, 0, NULL},
	{"P-Answer-State", FREE, 0, NULL},
	{"P-Asserted-Service", FREE, 0, NULL},
	{"P-Called-Party-ID", FREE, 0, NULL},
	{"P-Charge-Info", FREE, 0, NULL},
	{"P-Charging-Function-Addresses", FREE, 0, NULL},
	{"P-Charging-Vector", FREE, 0, NULL},
	{"P-Early-Media", FREE, 0, NULL},
	{"P-Preferred-Service", FREE, 0, NULL},
	{"P-Visited-Network-ID", FREE, 0, NULL},
	{"Priority", FREE, 0, NULL},
	{"Reject-Contact", FREE, 'j', NULL},
	{"Reply-To", FREE, 0, NULL},
	{"Request-Disposition", FREE, 'd', NULL},
	{"Resource-Priority", FREE, 0, NULL},
	{"Server", FREE, 0, NULL},
	{"Session-ID", FREE, 0, NULL},
	{"Subject", FREE, 's', NULL},
	{"User-Agent", FREE, 0, NULL},
	{"User-to-User", FREE, 0, NULL},
};

enum { HEADERS = sizeof(headers) / sizeof(headers[0]) };

static const struct header *find(const char *name)
{
	for (size_t i = 0; i < HEADERS; i++) {
		if (!strcasecmp(headers[i].name, name))
			return &headers[i];
	}

	return NULL;
}

static const struct header *find_compact(char c)
{
	for (size_t i = 0; i < HEADERS; i++) {
		if (headers[i].compact && headers[i].compact == (c | 0x20))
			return &headers[i];
	}

	return NULL;
}

static enum owner owner_of(const char *name, const struct header *h)
{
	if (h)
		return h->owner;

	return strncasecmp(name, "Content-", 8) && strncasecmp(name, "Security-", 9) ? FREE : OWNED;
}

/* RFC 3261 section 25.1, token, but for "*": whoever writes one means any text. */
static const char *name_bad(const char *name, char *buf, size_t size)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-.!%_+`'~";
	const struct header *h;

	if (strchr(name, '*'))
		return "needs the whole name of one header: \"*\" does not stand for others";
	if (!*name || name[strspn(name, chars)])
		return "is no name of a header: needs letters, digits and \"-\", without the "
		       "colon";
	if (strlen(name) > NAME_MAX_LEN)
		return "is longer than 64 characters";
	if (name[1])
		return NULL;

	h = find_compact(*name);
	if (!h)
		return "names of one letter are SIP's own short forms: needs a longer name";
	(void)re_snprintf(buf, size, "is the short form of \"%s\": needs the whole name", h->name);

	return buf;
}

static const char *passed_bad(const struct header *h, enum owner owner, char *buf, size_t size)
{
	if (owner >= SECRET)
		return "the gateway writes it itself on each side: take it out";
	if (owner == FREE)
		return NULL;
	if (!h->key)
		return "passes without being named: take it out";
	(void)re_snprintf(buf, size, "the key %s decides about it: set that, and take this out",
			  h->key);

	return buf;
}

const char *conf_header_bad(const char *name, enum conf_header_use use, char *buf, size_t size)
{
	const char *mend = name_bad(name, buf, size);
	const struct header *h;
	enum owner owner;

	if (mend)
		return mend;

	h = find(name);
	owner = owner_of(name, h);
	switch (use) {
	case CONF_HEADER_PASSED:
		return passed_bad(h, owner, buf, size);
	case CONF_HEADER_WRITTEN:
		if (owner == SIGNED)
			return "belongs to a signature, which a change would break: identity = "
			       "\"drop\" takes it out whole";
		return owner > SIGNED ? "the gateway writes it itself: a rule cannot change it"
				      : NULL;
	case CONF_HEADER_READ:
		return owner == SECRET ? "holds credentials, which stay where they are: no rule "
					 "reads them"
				       : NULL;
	}

	return NULL;
}

/* Short names are near to many others; names that begin with X- are anybody's own. */
const char *conf_header_near(const char *name)
{
	unsigned best = strlen(name) > SHORT_LEN ? NEAR : NEAR_SHORT;
	const char *found = NULL;

	if (!strncasecmp(name, "X-", 2))
		return NULL;

	for (size_t i = 0; i < HEADERS; i++) {
		const unsigned d = conf_distance(name, headers[i].name);

		if (!d)
			return NULL;
		if (d <= best && (!found || d < best)) {
			best = d;
			found = headers[i].name;
		}
	}

	return found;
}
