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

enum bag_kind bag_kind(const struct pl *name)
{
	switch (sp_conf_header_owner(name)) {

	case SP_HEADER_FREE:
		return BAG_LISTED;
	case SP_HEADER_KEYED:
		return BAG_JUDGED;
	case SP_HEADER_SIGNED:
	case SP_HEADER_SECRET:
	case SP_HEADER_OWNED:
		break;
	}
	return BAG_OWNED;
}

static struct pl long_name(const struct pl *name)
{
	const char *whole = 1 == name->l ? sp_conf_header_long(*name->p) : NULL;
	struct pl pl = *name;

	if (whole)
		pl_set_str(&pl, whole);
	return pl;
}

/** Credentials stay where they are: they are in no bag, so nothing can read them. */
static bool is_secret(const struct pl *name)
{
	return SP_HEADER_SECRET == sp_conf_header_owner(name);
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
