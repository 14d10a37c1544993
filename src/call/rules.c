/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/rules: the header rules of a trunk, in the order in which they stand in
 * the configuration. Their cost is bounded: their number, and what each looks
 * at, which is never more than the headers of one message, once.
 *
 * A rule of what goes out sees the headers that go out, and behind them, where
 * there is none of the name, those that came in: so that a rule can carry over
 * what the policy left behind; but not who calls, to one who must not learn it.
 */
#include <string.h>

#include "sallyport/base_util.h"
#include "headers_priv.h"

/* What the rules of one trunk and direction work on. */
struct work {
	struct headers *h;
	struct bag *bag;
	uint16_t status;
};

/** The bag that has headers of this name. */
static const struct bag *source(const struct work *w, const char *name)
{
	if (w->bag == &w->h->out && !bag_next(w->bag, name, NULL))
		return &w->h->in;
	return w->bag;
}

/** The next literal of a pattern, to its "*" or its end. */
static struct pl literal(const char *pattern)
{
	return (struct pl){pattern, strcspn(pattern, "*")};
}

/*
 * The first literal must be where the text begins, the last where it ends, the
 * others one behind the other between them. The leftmost place for each is as
 * good as any, so nothing is ever tried twice.
 */
bool rules_match(const char *pattern, const struct pl *text)
{
	struct pl lit = literal(pattern), rest = text->l ? *text : (struct pl)PL("");

	if (lit.l > rest.l || (lit.l && memcmp(lit.p, rest.p, lit.l)))
		return false;
	pl_advance(&rest, (ssize_t)lit.l);
	if (!lit.p[lit.l])
		return !rest.l;

	for (;;) {
		const char *at;

		lit = literal(lit.p + lit.l + 1);
		if (!lit.p[lit.l])
			break;
		at = lit.l ? memmem(rest.p, rest.l, lit.p, lit.l) : rest.p;
		if (!at)
			return false;
		pl_advance(&rest, at + lit.l - rest.p);
	}
	return lit.l <= rest.l && !memcmp(rest.p + rest.l - lit.l, lit.p, lit.l);
}

static bool method_holds(const struct sp_conf_when *when, enum sp_sip_method method)
{
	const char *name = sp_sip_method_name(method);

	for (size_t i = 0; i < when->methodc; i++) {
		if (!strcmp(when->methodv[i], name))
			return true;
	}
	return !when->methodc;
}

static bool status_holds(const struct sp_conf_when *when, uint16_t status)
{
	for (size_t i = 0; i < when->statusc; i++) {
		if (status && status >= when->statusv[i].min && status <= when->statusv[i].max)
			return true;
	}
	return !when->statusc;
}

static bool header_holds(const struct work *w, const struct sp_conf_when *when)
{
	const struct bag_hdr *b = NULL;
	const struct bag *bag;

	if (!when->header)
		return true;
	bag = source(w, when->header);
	while ((b = bag_next(bag, when->header, b))) {
		if (!when->matches || rules_match(when->matches, &b->value))
			return true;
	}
	return false;
}

static bool account_holds(const struct work *w, const struct sp_conf_when *when)
{
	const struct sp_number_entry *entry = w->h->ctx->entry;
	struct pl account = PL("");

	if (!when->account)
		return true;
	if (entry)
		pl_set_str(&account, entry->account->name);
	return rules_match(when->account, &account);
}

static bool holds(const struct work *w, const struct sp_conf_when *when)
{
	return method_holds(when, w->h->ctx->method) && status_holds(when, w->status) &&
	       account_holds(w, when) && header_holds(w, when);
}

/** Would it tell who calls, to one who must not learn that? What goes out already does not. */
static bool withheld(const struct work *w, const char *name)
{
	return source(w, name) == &w->h->in && identity_names(name) && identity_hidden(w->h);
}

static struct pl custom_header(const struct headers_ctx *ctx, const char *name,
			       char buf[SP_NUMBER_VALUE_SIZE])
{
	const struct sp_number_entry *entry = ctx->entry;

	for (size_t i = 0; entry && i < entry->headerc; i++) {
		if (!str_casecmp(entry->headerv[i].name, name))
			return headers_custom(buf, ctx, &entry->headerv[i]);
	}
	return (struct pl)PL("");
}

/** What stands for "{key}"; "" for what there is not. May point into buf. */
static struct pl variable(const struct work *w, const struct pl *key,
			  char buf[SP_NUMBER_VALUE_SIZE])
{
	const struct headers_ctx *ctx = w->h->ctx;
	const struct sp_conf_trunk *own = w->bag == &w->h->out ? ctx->to : ctx->from;
	const struct bag_hdr *b;
	struct pl pl = PL("");
	char name[HEADERS_NAME_MAX + 8 + 1];
	const char *s = NULL;

	if (key->l >= sizeof(name))
		return pl;
	(void)pl_strcpy(key, name, sizeof(name));
	if (!strncmp(name, "number:", 7))
		return custom_header(ctx, name + 7, buf);
	if (!strncmp(name, "header:", 7)) {
		b = bag_next(source(w, name + 7), name + 7, NULL);
		return b && !withheld(w, name + 7) ? b->value : pl;
	}
	if (!strcmp(name, "account"))
		s = ctx->entry ? ctx->entry->account->name : NULL;
	else if (!strcmp(name, "label"))
		s = ctx->entry ? ctx->entry->label : NULL;
	else if (!strcmp(name, "caller"))
		s = identity_hidden(w->h) ? NULL : ctx->caller;
	else if (!strcmp(name, "called"))
		s = ctx->called;
	else if (!strcmp(name, "trunk"))
		s = own->name;
	if (s)
		pl_set_str(&pl, s);
	return pl;
}

/** Take the next piece off a template: text, or the value of a variable. */
static struct pl piece_take(const struct work *w, const char **tp, char buf[SP_NUMBER_VALUE_SIZE])
{
	const char *t = *tp, *end;
	struct pl pl = {t, strcspn(t, "{")};

	if (pl.l) {
		*tp = t + pl.l;
		return pl;
	}
	end = strchr(t, '}');
	if ('{' == t[1] || !end) { /* the configuration has no brace that is left open */
		*tp = '{' == t[1] ? t + 2 : t + 1;
		pl.l = 1;
		return pl;
	}
	*tp = end + 1;
	pl = (struct pl){t + 1, (size_t)(end - t - 1)};
	return variable(w, &pl, buf);
}

/** The value of add and set, in the text of the message at work. */
static int expand(const struct work *w, const char *tmpl, struct pl *value)
{
	struct headers *h = w->h;
	char *p = h->text + h->used, buf[SP_NUMBER_VALUE_SIZE];

	*value = (struct pl){p, 0};
	while (*tmpl) {
		const struct pl piece = piece_take(w, &tmpl, buf);

		if (piece.l > sizeof(h->text) - h->used)
			return EMSGSIZE;
		if (piece.l)
			memcpy(h->text + h->used, piece.p, piece.l);
		h->used += piece.l;
		value->l += piece.l;
	}
	while (value->l && strchr(" \t", value->p[0]))
		pl_advance(value, 1);
	while (value->l && strchr(" \t", value->p[value->l - 1]))
		value->l--;
	return 0;
}

/** Nothing, or nothing that may stand in a header, makes no header. */
static int put(const struct work *w, const struct sp_conf_rule *rule)
{
	struct pl value;
	int err = expand(w, rule->value ? rule->value : "", &value);

	if (err)
		return err;
	if (SP_RULE_SET == rule->action)
		bag_remove(w->bag, rule->header);
	return value.l && sp_text_ok(&value) ? bag_add(w->bag, rule->header, &value) : 0;
}

static int copy(const struct work *w, const struct sp_conf_rule *rule)
{
	const struct bag *from = source(w, rule->from);
	const size_t n = from->n; /* not those that are added here */
	int err = 0;

	if (withheld(w, rule->from))
		return 0;
	for (size_t i = 0; i < n && !err; i++) {
		if (!pl_strcasecmp(&from->v[i].name, rule->from))
			err = bag_add(w->bag, rule->header, &from->v[i].value);
	}
	return err;
}

int rules_apply(struct headers *h, struct bag *bag, const struct sp_conf_rule *rulev, size_t rulec,
		uint16_t status)
{
	const struct work w = {h, bag, status};
	int err = 0;

	for (size_t i = 0; i < rulec && !err; i++) {
		const struct sp_conf_rule *rule = &rulev[i];
		struct pl name;

		pl_set_str(&name, rule->header);
		if (BAG_OWNED == bag_kind(&name) || !holds(&w, &rule->when))
			continue;
		if (SP_RULE_REMOVE == rule->action)
			bag_remove(bag, rule->header);
		else if (SP_RULE_COPY == rule->action)
			err = copy(&w, rule);
		else
			err = put(&w, rule);
	}
	return err;
}
