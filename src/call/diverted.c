/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/diverted: who diverted a call on its way. There are two headers for it:
 * Diversion (RFC 5806), the last diversion first, and History-Info (RFC 7044),
 * in the order of events; RFC 7544 says what of one is what of the other.
 *
 * Both are read into one list, and written in the form that the trunk wants,
 * under our host name. Only the INVITE that makes a call has it.
 */
#include <string.h>
#include <strings.h>

#include "sallyport/base_util.h"
#include "headers_priv.h"

enum {
	READ_MAX = 32, /* entries that are looked at in one header */
	COUNTER_MAX = 99,
	REASON_SIZE = 64,
	INDEX_SIZE = 2 * SP_CONF_DIVERSIONS_MAX + 2
};

struct reason {
	const char *name;
	uint16_t cause;
};

/* RFC 7544 3.2 and 3.3: where several stand for a cause, the first is meant by it. */
static const struct reason reasons[] = {
	{"unknown", 404},    {"unconditional", 302},  {"user-busy", 486},
	{"no-answer", 408},  {"deflection", 480},     {"unavailable", 503},
	{"deflection", 487}, {"time-of-day", 404},    {"do-not-disturb", 404},
	{"follow-me", 404},  {"out-of-service", 404}, {"away", 404},
};

/* A party that diverted the call, and why. */
struct diversion {
	struct sp_sip_uri uri;
	const struct reason *reason;
	uint32_t counter; /* how many diversions it stands for */
	bool hidden;      /* it asked not to be named          */
};

/* Oldest first. */
struct diverted {
	struct diversion v[READ_MAX];
	size_t n;
};

static const struct reason *reason_named(const struct pl *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (!pl_strcasecmp(name, reasons[i].name))
			return &reasons[i];
	}
	return &reasons[0];
}

static const struct reason *reason_of_cause(uint32_t cause)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].cause == cause)
			return &reasons[i];
	}
	return &reasons[0];
}

/** Room for one more: of too many, the last that was read gives way. */
static struct diversion *next(struct diverted *list)
{
	if (list->n < READ_MAX)
		list->n++;
	return &list->v[list->n - 1];
}

/* ---- Diversion ---- */

static void read_diversion(struct diverted *list, const struct sp_sip_addr *addr)
{
	struct diversion *d = next(list);
	struct pl value = PL("");

	*d = (struct diversion){.uri = addr->uri, .counter = 1, .reason = &reasons[0]};
	if (sp_sip_param(&value, &addr->params, "reason"))
		d->reason = reason_named(&value);
	if (sp_sip_param(&value, &addr->params, "counter") &&
	    (sp_u32(&d->counter, &value, COUNTER_MAX) || !d->counter))
		d->counter = 1;
	d->hidden = sp_sip_param(&value, &addr->params, "privacy") && pl_strcasecmp(&value, "off");
}

static void reverse(struct diverted *list)
{
	for (size_t i = 0; i < list->n / 2; i++) {
		const struct diversion swap = list->v[i];

		list->v[i] = list->v[list->n - 1 - i];
		list->v[list->n - 1 - i] = swap;
	}
}

/* ---- History-Info ---- */

/* An entry: where the request was sent, why there, and what came of it. */
struct history {
	struct sp_sip_uri uri;
	bool hidden;
	uint32_t cause;  /* that sent it here (RFC 4458, RFC 8119), 0: none     */
	uint32_t result; /* of being here: a Reason in the URI, 0: none         */
	bool mapped;     /* "mp": it is another user's address (RFC 7044 5)     */
};

/**
 * The value of a header in a URI ("?Reason=SIP%3Bcause%3D302&Privacy=history"), ""
 * when it cannot be read or does not fit.
 */
static bool uri_header(char *buf, size_t size, const struct sp_sip_uri *uri, const char *name)
{
	struct pl rest = uri->headers;
	const size_t len = strlen(name);

	while (rest.l) {
		const char *amp = pl_strchr(&rest, '&');
		struct pl one = {rest.p, amp ? (size_t)(amp - rest.p) : rest.l}, key = {one.p, len};

		pl_advance(&rest, (ssize_t)min(one.l + 1, rest.l));
		if (one.l <= len || '=' != one.p[len] || pl_strcasecmp(&key, name))
			continue;
		pl_advance(&one, (ssize_t)len + 1);
		if (sp_sip_unescape(buf, size, &one))
			buf[0] = '\0';
		return true;
	}
	return false;
}

/** The cause of a Reason in a URI; its text may be cut short, it comes behind. */
static uint32_t uri_reason(const struct sp_sip_uri *uri)
{
	char buf[4 * REASON_SIZE];
	struct pl params, value;
	const char *semi;
	uint32_t cause;

	if (!uri_header(buf, sizeof(buf), uri, "Reason"))
		return 0;
	semi = strchr(buf, ';');
	if (!semi || strncasecmp(buf, "SIP", 3))
		return 0;
	pl_set_str(&params, semi);
	return sp_sip_param(&value, &params, "cause") && !sp_u32(&cause, &value, 699) ? cause : 0;
}

static void read_history(struct history *e, const struct sp_sip_addr *addr)
{
	char privacy[REASON_SIZE];
	struct pl value;

	*e = (struct history){.uri = addr->uri, .result = uri_reason(&addr->uri)};
	if (sp_sip_param(&value, &addr->uri.params, "cause") && sp_u32(&e->cause, &value, 699))
		e->cause = 404;
	e->mapped = sp_sip_param(NULL, &addr->params, "mp");
	e->hidden = uri_header(privacy, sizeof(privacy), &addr->uri, "Privacy") &&
		    strcasecmp(privacy, "none");
}

/**
 * An entry diverted the call when the next one is there because of it: has a
 * cause, or is another user's; or when it says itself how it ended. All other
 * entries are hops. The last entry is where the call goes now.
 */
static void history_to_list(struct diverted *list, const struct history *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct history *e = &v[i], *to = i + 1 < n ? &v[i + 1] : NULL;
		const uint32_t cause = to && to->cause ? to->cause : e->result;

		if (!cause && !(to && to->mapped))
			continue;
		*next(list) = (struct diversion){.uri = e->uri,
						 .counter = 1,
						 .hidden = e->hidden,
						 .reason = reason_of_cause(cause)};
	}
}

/* ---- reading either ---- */

typedef void(entry_h)(const struct sp_sip_addr *addr, void *arg);

static void each_entry(const struct headers *h, const char *name, entry_h *entryh, void *arg)
{
	const struct bag_hdr *b = NULL;

	while ((b = bag_next(&h->in, name, b))) {
		struct pl rest = b->value, value;

		while (sp_sip_list_next(&value, &rest)) {
			struct sp_sip_addr addr;

			if (!sp_sip_addr_decode(&addr, &value) && SP_URI_OTHER != addr.uri.scheme)
				entryh(&addr, arg);
		}
	}
}

struct histories {
	struct history v[READ_MAX];
	size_t n;
};

static void on_diversion(const struct sp_sip_addr *addr, void *arg)
{
	read_diversion(arg, addr);
}

static void on_history(const struct sp_sip_addr *addr, void *arg)
{
	struct histories *all = arg;

	if (all->n < READ_MAX)
		all->n++;
	read_history(&all->v[all->n - 1], addr);
}

/** Of two headers, the one that tells more; of equals, the standard's. */
static void read_all(struct diverted *list, const struct headers *h)
{
	struct histories all = {.n = 0};
	struct diverted other = {.n = 0};
	const bool hidden = identity_privacy(h) & (PRIVACY_HISTORY | PRIVACY_HEADER);

	list->n = 0;
	each_entry(h, "Diversion", on_diversion, list);
	each_entry(h, "History-Info", on_history, &all);
	reverse(list);
	history_to_list(&other, all.v, all.n);
	if (other.n && other.n >= list->n)
		*list = other;
	for (size_t i = 0; i < list->n; i++)
		list->v[i].hidden |= hidden;
}

/**
 * Of too many, the one that the caller called, and the last ones: those are
 * what people and bills ask for. The first counts for those between.
 */
static void cut(struct diverted *list, size_t most)
{
	const size_t gone = list->n > most ? list->n - most : 0;

	if (!gone)
		return;
	for (size_t i = 1; i <= gone; i++)
		list->v[0].counter =
			min(list->v[0].counter + list->v[i].counter, (uint32_t)COUNTER_MAX);
	memmove(&list->v[1], &list->v[1 + gone], (list->n - 1 - gone) * sizeof(list->v[0]));
	list->n -= gone;
}

/* ---- writing ---- */

/* A URI of ours for one that diverted: its parts, ready to be printed. */
struct address {
	struct pl user;
	char buf[NUMBERING_SIZE];
	const char *host, *phone;
};

/** Who asked not to be named is not, to whom we do not trust. */
static void address(struct address *a, const struct headers_ctx *ctx, const struct diversion *d)
{
	const struct pl *host = &d->uri.host;
	static const char invalid[] = ".invalid"; /* RFC 2606: names nobody */
	const size_t len = sizeof(invalid) - 1;
	const bool nobody = host->l > len && !strncasecmp(host->p + host->l - len, invalid, len);

	if (nobody || (d->hidden && !ctx->to->trusted)) {
		pl_set_str(&a->user, "anonymous");
		a->host = "anonymous.invalid";
		a->phone = "";
		return;
	}
	a->user = identity_user(a->buf, ctx, &d->uri);
	a->host = ctx->advertise;
	a->phone = identity_phone(ctx->to, &a->user);
}

/** One header for each, the last diversion first (RFC 5806 4). */
static int put_diversion(struct headers *h, struct diverted *list)
{
	int err = 0;

	cut(list, SP_CONF_DIVERSIONS_MAX);
	for (size_t i = list->n; i-- > 0 && !err;) {
		const struct diversion *d = &list->v[i];
		struct address a;

		address(&a, h->ctx, d);
		err = bag_addf(h, &h->out, "Diversion",
			       "<sip:%r%s%s%s>;reason=%s;counter=%u;privacy=%s", &a.user,
			       a.user.l ? "@" : "", a.host, a.phone, d->reason->name, d->counter,
			       d->hidden ? "full" : "off");
	}
	return err;
}

/** "1", "1.1", "1.1.1": each sent the call to the next (RFC 7044 10.3). */
static const char *deeper(char index[INDEX_SIZE])
{
	const size_t n = strlen(index);

	(void)re_snprintf(index + n, INDEX_SIZE - n, n ? ".1" : "1");
	return index;
}

static int put_entry(struct headers *h, const struct address *a, const struct diversion *before,
		     bool hidden, char index[INDEX_SIZE])
{
	char parent[INDEX_SIZE], cause[16] = "";

	memcpy(parent, index, INDEX_SIZE);
	if (before)
		(void)re_snprintf(cause, sizeof(cause), ";cause=%u", before->reason->cause);
	return bag_addf(h, &h->out, "History-Info", "<sip:%r%s%s%s%s%s>;index=%s%s%s", &a->user,
			a->user.l ? "@" : "", a->host, a->phone, cause,
			hidden ? "?Privacy=history" : "", deeper(index), before ? ";mp=" : "",
			before ? parent : "");
}

/** One header for each, and one for where the call goes now, which has the last cause. */
static int put_history(struct headers *h, struct diverted *list)
{
	const struct headers_ctx *ctx = h->ctx;
	const char *called = ctx->called ? ctx->called : "";
	char index[INDEX_SIZE] = "";
	struct address a;
	int err = 0;

	cut(list, SP_CONF_DIVERSIONS_MAX - 1);
	for (size_t i = 0; i < list->n && !err; i++) {
		const struct diversion *d = &list->v[i];

		address(&a, ctx, d);
		err = put_entry(h, &a, i ? d - 1 : NULL, d->hidden, index);
	}
	pl_set_str(&a.user, numbering_out(a.buf, &ctx->to->numbering, called) ? called : a.buf);
	a.host = ctx->to->domain ? ctx->to->domain : ctx->advertise;
	a.phone = identity_phone(ctx->to, &a.user);
	return err ? err : put_entry(h, &a, &list->v[list->n - 1], false, index);
}

int diverted_put(struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;
	struct diverted list;

	if (!ctx->initial || !ctx->from || !ctx->from->trusted ||
	    SP_DIVERTED_DROP == ctx->to->diverted)
		return 0;
	read_all(&list, h);
	if (!list.n)
		return 0;
	return SP_DIVERTED_DIVERSION == ctx->to->diverted ? put_diversion(h, &list)
							  : put_history(h, &list);
}
