/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of SIP headers, and who has a say about each: the one list of the
 * headers that the gateway itself writes or judges, and that neither `pass`
 * nor a header rule may touch. The call room asks it about each message.
 *
 * Names that are not here are free; those of the list that are free stand
 * there to be suggested for what was nearly one of them.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <re.h>
#include "conf_priv.h"

enum { NAME_MAX_LEN = 64, SHORT_LEN = 5, NEAR_SHORT = 1, NEAR = 2 };

struct header {
	const char *name;
	enum sp_conf_header_owner owner;
	char compact;    /* short form, RFC 3261 section 7.3.3 */
	const char *key; /* that has a say instead             */
};

/* In the order of strcasecmp(). "Content-..." and "Security-..." are owned as families. */
static const struct header headers[] = {
	{"Accept", SP_HEADER_OWNED, 0, NULL},
	{"Accept-Contact", SP_HEADER_FREE, 'a', NULL},
	{"Accept-Encoding", SP_HEADER_OWNED, 0, NULL},
	{"Accept-Language", SP_HEADER_OWNED, 0, NULL},
	{"Accept-Resource-Priority", SP_HEADER_FREE, 0, NULL},
	{"Alert-Info", SP_HEADER_FREE, 0, NULL},
	{"Allow", SP_HEADER_OWNED, 0, NULL},
	{"Allow-Events", SP_HEADER_OWNED, 'u', NULL},
	{"Answer-Mode", SP_HEADER_FREE, 0, NULL},
	{"Authentication-Info", SP_HEADER_OWNED, 0, NULL},
	{"Authorization", SP_HEADER_SECRET, 0, NULL},
	{"Call-ID", SP_HEADER_OWNED, 'i', NULL},
	{"Call-Info", SP_HEADER_FREE, 0, NULL},
	{"Contact", SP_HEADER_OWNED, 'm', NULL},
	{"Content-Encoding", SP_HEADER_OWNED, 'e', NULL},
	{"Content-Length", SP_HEADER_OWNED, 'l', NULL},
	{"Content-Type", SP_HEADER_OWNED, 'c', NULL},
	{"CSeq", SP_HEADER_OWNED, 0, NULL},
	{"Date", SP_HEADER_SIGNED, 0, "identity"},
	{"Diversion", SP_HEADER_KEYED, 0, "diverted"},
	{"Error-Info", SP_HEADER_FREE, 0, NULL},
	{"Event", SP_HEADER_OWNED, 'o', NULL},
	{"Expires", SP_HEADER_OWNED, 0, NULL},
	{"Flow-Timer", SP_HEADER_OWNED, 0, NULL},
	{"From", SP_HEADER_OWNED, 'f', NULL},
	{"Geolocation", SP_HEADER_FREE, 0, NULL},
	{"Geolocation-Error", SP_HEADER_FREE, 0, NULL},
	{"Geolocation-Routing", SP_HEADER_FREE, 0, NULL},
	{"History-Info", SP_HEADER_KEYED, 0, "diverted"},
	{"Identity", SP_HEADER_SIGNED, 'y', "identity"},
	{"Identity-Info", SP_HEADER_SIGNED, 'n', "identity"},
	{"In-Reply-To", SP_HEADER_FREE, 0, NULL},
	{"Info-Package", SP_HEADER_OWNED, 0, NULL},
	{"Join", SP_HEADER_OWNED, 0, NULL},
	{"Max-Breadth", SP_HEADER_OWNED, 0, NULL},
	{"Max-Forwards", SP_HEADER_OWNED, 0, NULL},
	{"MIME-Version", SP_HEADER_OWNED, 0, NULL},
	{"Min-Expires", SP_HEADER_OWNED, 0, NULL},
	{"Min-SE", SP_HEADER_OWNED, 0, NULL},
	{"Organization", SP_HEADER_FREE, 0, NULL},
	{"P-Access-Network-Info", SP_HEADER_FREE, 0, NULL},
	{"P-Answer-State", SP_HEADER_FREE, 0, NULL},
	{"P-Asserted-Identity", SP_HEADER_KEYED, 0, "trusted"},
	{"P-Asserted-Service", SP_HEADER_FREE, 0, NULL},
	{"P-Called-Party-ID", SP_HEADER_FREE, 0, NULL},
	{"P-Charge-Info", SP_HEADER_FREE, 0, NULL},
	{"P-Charging-Function-Addresses", SP_HEADER_FREE, 0, NULL},
	{"P-Charging-Vector", SP_HEADER_FREE, 0, NULL},
	{"P-Early-Media", SP_HEADER_FREE, 0, NULL},
	{"P-Preferred-Identity", SP_HEADER_KEYED, 0, "trusted"},
	{"P-Preferred-Service", SP_HEADER_FREE, 0, NULL},
	{"P-Visited-Network-ID", SP_HEADER_FREE, 0, NULL},
	{"Path", SP_HEADER_OWNED, 0, NULL},
	{"Priority", SP_HEADER_FREE, 0, NULL},
	{"Privacy", SP_HEADER_KEYED, 0, "trusted"},
	{"Proxy-Authenticate", SP_HEADER_OWNED, 0, NULL},
	{"Proxy-Authentication-Info", SP_HEADER_OWNED, 0, NULL},
	{"Proxy-Authorization", SP_HEADER_SECRET, 0, NULL},
	{"Proxy-Require", SP_HEADER_OWNED, 0, NULL},
	{"RAck", SP_HEADER_OWNED, 0, NULL},
	{"Reason", SP_HEADER_KEYED, 0, NULL},
	{"Record-Route", SP_HEADER_OWNED, 0, NULL},
	{"Recv-Info", SP_HEADER_OWNED, 0, NULL},
	{"Refer-Events-At", SP_HEADER_OWNED, 0, NULL},
	{"Refer-Sub", SP_HEADER_OWNED, 0, NULL},
	{"Refer-To", SP_HEADER_OWNED, 'r', NULL},
	{"Referred-By", SP_HEADER_OWNED, 'b', NULL},
	{"Reject-Contact", SP_HEADER_FREE, 'j', NULL},
	{"Remote-Party-ID", SP_HEADER_KEYED, 0, "trusted"},
	{"Replaces", SP_HEADER_OWNED, 0, NULL},
	{"Reply-To", SP_HEADER_FREE, 0, NULL},
	{"Request-Disposition", SP_HEADER_FREE, 'd', NULL},
	{"Require", SP_HEADER_OWNED, 0, NULL},
	{"Resource-Priority", SP_HEADER_FREE, 0, NULL},
	{"Retry-After", SP_HEADER_OWNED, 0, NULL},
	{"Route", SP_HEADER_OWNED, 0, NULL},
	{"RSeq", SP_HEADER_OWNED, 0, NULL},
	{"Server", SP_HEADER_FREE, 0, NULL},
	{"Service-Route", SP_HEADER_OWNED, 0, NULL},
	{"Session-Expires", SP_HEADER_OWNED, 'x', NULL},
	{"Session-ID", SP_HEADER_FREE, 0, NULL},
	{"SIP-ETag", SP_HEADER_OWNED, 0, NULL},
	{"SIP-If-Match", SP_HEADER_OWNED, 0, NULL},
	{"Subject", SP_HEADER_FREE, 's', NULL},
	{"Subscription-State", SP_HEADER_OWNED, 0, NULL},
	{"Supported", SP_HEADER_OWNED, 'k', NULL},
	{"Suppress-If-Match", SP_HEADER_OWNED, 0, NULL},
	{"Target-Dialog", SP_HEADER_OWNED, 0, NULL},
	{"Timestamp", SP_HEADER_OWNED, 0, NULL},
	{"To", SP_HEADER_OWNED, 't', NULL},
	{"Unsupported", SP_HEADER_OWNED, 0, NULL},
	{"User-Agent", SP_HEADER_FREE, 0, NULL},
	{"User-to-User", SP_HEADER_FREE, 0, NULL},
	{"Via", SP_HEADER_OWNED, 'v', NULL},
	{"Warning", SP_HEADER_OWNED, 0, NULL},
	{"WWW-Authenticate", SP_HEADER_OWNED, 0, NULL},
};

enum { HEADERS = sizeof(headers) / sizeof(headers[0]) };

static int name_cmp(const void *key, const void *elem)
{
	return strcasecmp(key, ((const struct header *)elem)->name);
}

static const struct header *find(const char *name)
{
	return bsearch(name, headers, HEADERS, sizeof(headers[0]), name_cmp);
}

static const struct header *find_compact(char c)
{
	for (size_t i = 0; i < HEADERS; i++) {
		if (headers[i].compact && headers[i].compact == (c | 0x20))
			return &headers[i];
	}

	return NULL;
}

static enum sp_conf_header_owner owner_of(const char *name, const struct header *h)
{
	if (h)
		return h->owner;

	return strncasecmp(name, "Content-", 8) && strncasecmp(name, "Security-", 9)
		       ? SP_HEADER_FREE
		       : SP_HEADER_OWNED;
}

enum sp_conf_header_owner sp_conf_header_owner(const struct pl *name)
{
	char buf[NAME_MAX_LEN + 1];

	if (name->l >= sizeof(buf))
		return SP_HEADER_FREE; /* longer than any that we know */
	(void)pl_strcpy(name, buf, sizeof(buf));

	return owner_of(buf, find(buf));
}

const char *sp_conf_header_long(char c)
{
	const struct header *h = find_compact(c);

	return h ? h->name : NULL;
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

static const char *passed_bad(const struct header *h, enum sp_conf_header_owner owner, char *buf,
			      size_t size)
{
	if (owner >= SP_HEADER_SECRET)
		return "the gateway writes it itself on each side: take it out";
	if (owner == SP_HEADER_FREE)
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
	enum sp_conf_header_owner owner;

	if (mend)
		return mend;

	h = find(name);
	owner = owner_of(name, h);
	switch (use) {
	case CONF_HEADER_PASSED:
		return passed_bad(h, owner, buf, size);
	case CONF_HEADER_WRITTEN:
		if (owner == SP_HEADER_SIGNED)
			return "belongs to a signature, which a change would break: identity = "
			       "\"drop\" takes it out whole";
		return owner > SP_HEADER_SIGNED
			       ? "the gateway writes it itself: a rule cannot change it"
			       : NULL;
	case CONF_HEADER_READ:
		return owner == SP_HEADER_SECRET
			       ? "holds credentials, which stay where they are: no rule "
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
