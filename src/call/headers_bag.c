/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/headers: the bags, and which header belongs to whom.
 *
 * A bag points into the message, the configuration, and the one piece of
 * memory of the message at work; nothing is allocated for a single header.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "headers_priv.h"

/* Of one leg alone: its dialog, its transactions, its connection, its body, and
 * what it is capable of; and what a signature covers, which no rule may change
 * (RFC 8224). In strcasecmp() order. "Content-" and "Security-" are families. */
static const char *const owned[] = {
	"Accept",
	"Accept-Encoding",
	"Accept-Language",
	"Allow",
	"Allow-Events",
	"Authentication-Info",
	"Authorization",
	"Call-ID",
	"Contact",
	"CSeq",
	"Date",
	"Event",
	"Expires",
	"Flow-Timer",
	"From",
	"Identity",
	"Identity-Info",
	"Info-Package",
	"Join",
	"Max-Breadth",
	"Max-Forwards",
	"MIME-Version",
	"Min-Expires",
	"Min-SE",
	"Path",
	"Proxy-Authenticate",
	"Proxy-Authentication-Info",
	"Proxy-Authorization",
	"Proxy-Require",
	"RAck",
	"Record-Route",
	"Recv-Info",
	"Refer-Events-At",
	"Refer-Sub",
	"Refer-To",
	"Referred-By",
	"Replaces",
	"Require",
	"Retry-After",
	"Route",
	"RSeq",
	"Service-Route",
	"Session-Expires",
	"SIP-ETag",
	"SIP-If-Match",
	"Subscription-State",
	"Supported",
	"Suppress-If-Match",
	"Target-Dialog",
	"Timestamp",
	"To",
	"Unsupported",
	"Via",
	"Warning",
	"WWW-Authenticate",
};

/* They say who somebody is, or why: identity.c, diverted.c and headers.c decide. */
static const char *const judged[] = {
	"Date",          "Diversion",           "History-Info",         "Identity",
	"Identity-Info", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy",
	"Reason",        "Remote-Party-ID",
};

/* Compact forms (RFC 3261 7.3.3 and the IANA registry). */
static const struct {
	char c;
	const char *name;
} compacts[] = {
	{'a', "Accept-Contact"},
	{'b', "Referred-By"},
	{'c', "Content-Type"},
	{'d', "Request-Disposition"},
	{'e', "Content-Encoding"},
	{'f', "From"},
	{'i', "Call-ID"},
	{'j', "Reject-Contact"},
	{'k', "Supported"},
	{'l', "Content-Length"},
	{'m', "Contact"},
	{'n', "Identity-Info"},
	{'o', "Event"},
	{'r', "Refer-To"},
	{'s', "Subject"},
	{'t', "To"},
	{'u', "Allow-Events"},
	{'v', "Via"},
	{'x', "Session-Expires"},
	{'y', "Identity"},
};

static int name_cmp(const void *key, const void *elem)
{
	return strcasecmp(key, *(const char *const *)elem);
}

static bool in_table(const char *const *v, size_t n, const char *name)
{
	return bsearch(name, v, n, sizeof(*v), name_cmp);
}

enum bag_kind bag_kind(const struct pl *name)
{
	char buf[HEADERS_NAME_MAX + 1];

	if (name->l >= sizeof(buf))
		return BAG_LISTED; /* longer than any that we know */
	(void)pl_strcpy(name, buf, sizeof(buf));
	if (!strncasecmp(buf, "Content-", 8) || !strncasecmp(buf, "Security-", 9) ||
	    in_table(owned, ARRAY_SIZE(owned), buf))
		return BAG_OWNED;
	return in_table(judged, ARRAY_SIZE(judged), buf) ? BAG_JUDGED : BAG_LISTED;
}

static struct pl long_name(const struct pl *name)
{
	struct pl pl = *name;

	for (size_t i = 0; 1 == name->l && i < ARRAY_SIZE(compacts); i++) {
		if (compacts[i].c == (name->p[0] | 0x20))
			pl_set_str(&pl, compacts[i].name);
	}
	return pl;
}

/** Credentials stay where they are: they are in no bag, so nothing can read them. */
static bool is_secret(const struct pl *name)
{
	return !pl_strcasecmp(name, "Authorization") || !pl_strcasecmp(name, "Proxy-Authorization");
}

static int add(struct bag *bag, const struct pl *name, const struct pl *value)
{
	if (bag->n >= bag->max)
		return EMSGSIZE;
	bag->v[bag->n++] = (struct bag_hdr){*name, *value, bag_kind(name)};
	return 0;
}

int headers_alloc(struct headers **hp, const struct headers_ctx *ctx, const struct sp_sip_msg *msg)
{
	struct headers *h = mem_alloc(sizeof(*h), NULL); /* the arrays are not looked at unfilled */

	if (!h)
		return ENOMEM;
	h->ctx = ctx;
	h->in = (struct bag){.v = h->inv, .max = ARRAY_SIZE(h->inv)};
	h->out = (struct bag){.v = h->outv, .max = ARRAY_SIZE(h->outv)};
	h->used = 0;
	for (size_t i = 0; msg && i < msg->hdrc; i++) {
		const struct pl name = long_name(&msg->hdrv[i].name);

		if (!is_secret(&name)) /* and no message has more than there is room for */
			(void)add(&h->in, &name, &msg->hdrv[i].value);
	}
	*hp = h;
	return 0;
}

const struct bag_hdr *bag_next(const struct bag *bag, const char *name, const struct bag_hdr *after)
{
	for (const struct bag_hdr *b = after ? after + 1 : bag->v; b < bag->v + bag->n; b++) {
		if (!pl_strcasecmp(&b->name, name))
			return b;
	}
	return NULL;
}

int bag_add(struct bag *bag, const char *name, const struct pl *value)
{
	struct pl pl;

	pl_set_str(&pl, name);
	return add(bag, &pl, value);
}

int bag_addf(struct headers *h, struct bag *bag, const char *name, const char *fmt, ...)
{
	struct pl value = {h->text + h->used, 0};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = re_vsnprintf(h->text + h->used, sizeof(h->text) - h->used, fmt, ap);
	va_end(ap);
	if (n < 0)
		return EMSGSIZE;
	value.l = (size_t)n;
	h->used += value.l;
	return bag_add(bag, name, &value);
}

void bag_remove(struct bag *bag, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < bag->n; i++) {
		if (pl_strcasecmp(&bag->v[i].name, name))
			bag->v[kept++] = bag->v[i];
	}
	bag->n = kept;
}
