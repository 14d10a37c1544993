/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/headers: the way of one message's headers from one side to the other:
 * what came; the rules of the trunk it came from; the policy, which lets
 * nothing pass that it does not name; the rules of the trunk it goes to; out.
 */
#include <string.h>

#include "headers_priv.h"

/** Has the number entry a custom header of this name? */
static bool is_of_entry(const struct sp_number_entry *entry, const struct pl *name)
{
	for (size_t i = 0; entry && i < entry->headerc; i++) {
		if (!pl_strcasecmp(name, entry->headerv[i].name))
			return true;
	}
	return false;
}

/**
 * The name under which a header goes on, or NULL when it stays behind. Custom
 * headers of the number table are the gateway's alone: also those of other
 * numbers, for who reads them cannot know which numbers have them.
 */
static const char *passes(const struct headers_ctx *ctx, const struct bag_hdr *b)
{
	/* where who calls for help is (RFC 6442), and that he does (RFC 3261 20.26) */
	static const char *const urgent[] = {"Geolocation", "Geolocation-Routing",
					     "Geolocation-Error", "Priority"};

	if (BAG_LISTED != b->kind || is_of_entry(ctx->entry, &b->name))
		return NULL;
	for (size_t i = 0; ctx->emergency && i < ARRAY_SIZE(urgent); i++) {
		if (!pl_strcasecmp(&b->name, urgent[i]))
			return urgent[i];
	}
	for (size_t i = 0; i < ctx->to->passc; i++) {
		if (!pl_strcasecmp(&b->name, ctx->to->passv[i]))
			return sp_number_has_header(ctx->numbers, &b->name) ? NULL
									    : ctx->to->passv[i];
	}
	return NULL;
}

static int pass_listed(struct headers *h)
{
	int err = 0;

	for (size_t i = 0; i < h->in.n && !err; i++) {
		const char *name = passes(h->ctx, &h->in.v[i]);

		if (name)
			err = bag_add(&h->out, name, &h->in.v[i].value);
	}
	return err;
}

void headers_route(struct headers_ctx *ctx, const struct route *route)
{
	ctx->entry = route->entry;
	ctx->number = route->number;
	ctx->shown = route->shown;
	ctx->screened = route->screened;
	ctx->emergency = route->emergency;
	ctx->caller = route->caller;
	ctx->called = route->user;
	ctx->own_number = route->by_caller;
}

struct pl headers_custom(char buf[SP_NUMBER_VALUE_SIZE], const struct headers_ctx *ctx,
			 const struct sp_number_header *custom)
{
	const struct sp_number_vars vars = {.number = ctx->number,
					    .account = ctx->entry->account->name,
					    .label = ctx->entry->label,
					    .trunk = ctx->service};
	struct pl value;

	if (!strchr(custom->value, '{')) {
		pl_set_str(&value, custom->value);
		return value;
	}
	sp_number_expand(buf, custom->value, &vars);
	pl_set_str(&value, buf);
	return value;
}

/** To the service, and to the carrier where the entry says so. */
static int put_custom(struct headers *h)
{
	const struct headers_ctx *ctx = h->ctx;
	const struct sp_number_entry *entry = ctx->entry;
	int err = 0;

	if (!ctx->initial || !entry)
		return 0;
	if (SP_TRUNK_SERVICE != ctx->to->kind && !entry->headers_to_carrier)
		return 0;
	for (size_t i = 0; i < entry->headerc && !err; i++) {
		char buf[SP_NUMBER_VALUE_SIZE];
		const struct pl value = headers_custom(buf, ctx, &entry->headerv[i]);

		if (value.l && value.p == buf)
			err = bag_addf(h, &h->out, entry->headerv[i].name, "%r", &value);
		else if (value.l)
			err = bag_add(&h->out, entry->headerv[i].name, &value);
	}
	return err;
}

/** Where a Reason may stand: what ends a call or says that it will (RFC 3326 2, RFC 6432 4). */
static bool gives_reason(const struct headers_ctx *ctx)
{
	if (ctx->status)
		return 183 == ctx->status || ctx->status >= 300;
	return SP_SIP_BYE == ctx->method || SP_SIP_CANCEL == ctx->method;
}

static bool is_sip(const char *reason)
{
	return 'S' == reason[0];
}

/** One of each protocol. */
static int put_reasons(struct headers *h)
{
	const struct bag_hdr *b = NULL;
	bool seen[2] = {false, false};
	int err = 0;

	if (!gives_reason(h->ctx))
		return 0;
	while (!err && (b = bag_next(&h->in, "Reason", b))) {
		struct pl rest = b->value, value;
		char text[32];

		while (!err && sp_sip_list_next(&value, &rest)) {
			if (!policy_reason_value(text, sizeof(text), &value) || seen[is_sip(text)])
				continue;
			seen[is_sip(text)] = true;
			err = bag_addf(h, &h->out, "Reason", "%s", text);
		}
	}
	return err;
}

static int policy(struct headers *h)
{
	int err = put_custom(h);

	if (!err)
		err = pass_listed(h);
	if (!err)
		err = put_reasons(h);
	if (!err)
		err = identity_put(h);
	if (!err)
		err = diverted_put(h);
	return err;
}

/** Is the i-th of a name that may be there once (RFC 3261 7.3.1), and not the first? */
static bool is_again(const struct bag *out, size_t i)
{
	static const char *const once[] = {
		"Answer-Mode",  "Date",     "Geolocation-Error", "Geolocation-Routing",
		"Organization", "Priority", "Reply-To",          "Server",
		"Session-ID",   "Subject",  "User-Agent"};

	for (size_t k = 0; k < ARRAY_SIZE(once); k++) {
		if (!pl_strcasecmp(&out->v[i].name, once[k]))
			return bag_next(out, once[k], NULL) != &out->v[i];
	}
	return false;
}

/** What two readers would read differently does not go on. */
static int write_out(struct mbuf *mb, const struct bag *out)
{
	char name[HEADERS_NAME_MAX + 1];
	size_t bytes = 0;
	int err = 0;

	for (size_t i = 0; i < out->n && !err; i++) {
		const struct bag_hdr *b = &out->v[i];
		const size_t line = b->name.l + 2 + b->value.l;

		bytes += line;
		if (b->name.l >= sizeof(name) || line > SP_SIP_LINE_MAX ||
		    bytes > HEADERS_BYTES_MAX)
			return EMSGSIZE;
		if (is_again(out, i) || !sp_utf8_ok(&b->value))
			continue;
		(void)pl_strcpy(&b->name, name, sizeof(name));
		err = sp_sip_put(mb, name, "%r", &b->value);
		if (EBADMSG == err)
			err = 0; /* a name or value that is none: there is no such header */
	}
	return err;
}

int headers_put(struct mbuf *mb, const struct headers_ctx *ctx)
{
	const struct sp_conf_trunk *from = ctx->from, *to = ctx->to;
	const size_t pos = mb->pos, end = mb->end;
	struct headers *h = NULL;
	int err = headers_alloc(&h, ctx, from ? ctx->msg : NULL);

	if (!err && from)
		err = rules_apply(h, &h->in, from->rules_inv, from->rules_inc,
				  ctx->msg ? ctx->msg->status : ctx->status);
	if (!err)
		err = policy(h);
	if (!err)
		err = rules_apply(h, &h->out, to->rules_outv, to->rules_outc, ctx->status);
	if (!err)
		err = write_out(mb, &h->out);
	if (err) {
		mb->pos = pos;
		mb->end = end;
	}
	mem_deref(h);
	return err;
}
