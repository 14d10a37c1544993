/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --lookup: the rules that cover a number, and how each stands to the call. The
 * table has said which one decides; this says why the others do not, and what
 * to do where none does. And what else of an answer is told in more than one way.
 */
#include <string.h>
#include <time.h>

#include "lookup_priv.h"

struct walk {
	const struct lookup *l;
	lookup_rule_h *h;
	void *arg;
	bool held; /* one of those before was in force */
};

enum lookup_standing lookup_times(const struct sp_number_entry *entry, int64_t now_s)
{
	if (now_s < entry->from_s)
		return LOOKUP_EARLY;
	if (now_s >= entry->to_s)
		return LOOKUP_LATE;

	return LOOKUP_DECIDES;
}

/* May the trunk that asks make a call by this entry? */
static bool is_for(const struct lookup *l, const struct sp_number_entry *entry)
{
	for (size_t i = 0; i < entry->trunkc; i++) {
		if (entry->trunkv[i] == l->q.trunk)
			return true;
	}

	return !lookup_by_caller(l);
}

/* The strongest one in force is asked alone: where its number is another trunk's, no weaker
 * one is asked instead. */
static void stands(const struct sp_number_rule *rule, void *arg)
{
	struct walk *w = arg;
	enum lookup_standing standing = lookup_times(rule->entry, w->l->q.now_s);

	if (standing == LOOKUP_DECIDES) {
		if (w->held)
			standing = LOOKUP_WEAKER;
		else if (!is_for(w->l, rule->entry))
			standing = LOOKUP_FOREIGN;
		w->held = true;
	}
	w->h(rule, standing, w->arg);
}

size_t lookup_rules(const struct lookup *l, lookup_rule_h *h, void *arg)
{
	struct walk w = {.l = l, .h = h, .arg = arg};
	struct pl number;

	pl_set_str(&number, lookup_number(l));

	return number.l ? sp_number_covering(l->numbers, &number, stands, &w) : 0;
}

const char *lookup_kind(enum sp_number_kind kind)
{
	switch (kind) {

	case SP_NUMBER_EXACT:
		return "number";
	case SP_NUMBER_RANGE:
		return "range";
	case SP_NUMBER_PREFIX:
		return "prefix";
	}

	return "?";
}

const char *lookup_caller_id(enum sp_number_caller_id policy)
{
	switch (policy) {

	case SP_NUMBER_CALLER_SENT:
		return "sent";
	case SP_NUMBER_CALLER_SCREENED:
		return "screened";
	case SP_NUMBER_CALLER_MAIN:
		return "main";
	}

	return "?";
}

void lookup_limits(struct lookup_limits *out, const struct lookup *l,
		   const struct sp_number_account *a)
{
	const struct sp_conf_limits *all = &l->conf->limits;

	out->calls = a->limited ? a->calls : all->account_calls;
	out->rate = all->account_rate;
	if (a->limited)
		out->rate = (struct sp_conf_rate){.per_s = a->calls_per_s, .burst = a->burst};
}

static bool is_custom(const struct sp_number_entry *e, const struct pl *line)
{
	for (size_t i = 0; e && i < e->headerc; i++) {
		const size_t n = strlen(e->headerv[i].name);

		if (line->l > n && line->p[n] == ':' &&
		    !strncasecmp(line->p, e->headerv[i].name, n))
			return true;
	}

	return false;
}

void lookup_message(const struct lookup *l, lookup_line_h *h, void *arg)
{
	const struct mbuf *mb = l->answer.message;
	struct pl rest = {.p = (const char *)mb->buf, .l = mb->end}, line;
	const char *end;

	while ((end = pl_strchr(&rest, '\r')) && end > rest.p) {
		line.p = rest.p;
		line.l = (size_t)(end - rest.p);
		h(&line, is_custom(l->answer.rule.entry, &line), arg);
		pl_advance(&rest, (ssize_t)line.l + 2);
	}
}

int lookup_time(struct re_printf *pf, const int64_t *s)
{
	const time_t t = (time_t)*s;
	char buf[64] = "?";
	struct tm tm;

	/* not strftime()'s %F: RFC 3339 wants four digits of each year */
	if (gmtime_r(&t, &tm))
		(void)re_snprintf(buf, sizeof(buf), "%04d-%02d-%02dT%02d:%02d:%02dZ",
				  tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
				  tm.tm_min, tm.tm_sec);

	return re_hprintf(pf, "%s", buf);
}

/* What covers a number that nothing decides for. */
struct found {
	size_t n;
	struct sp_number_rule foreign;
};

static void find(const struct sp_number_rule *rule, enum lookup_standing standing, void *arg)
{
	struct found *f = arg;

	++f->n;
	if (standing == LOOKUP_FOREIGN)
		f->foreign = *rule;
}

/* A rule decides, and still the call goes nowhere. */
static int mend_decided(struct re_printf *pf, const struct lookup *l)
{
	const struct sp_conf_trunk *from = lookup_from(l);
	const struct sp_number_rule *rule = &l->answer.rule;

	if (!lookup_by_caller(l) || from->carrierc || (rule->entry && rule->entry->carrierc))
		return 0;
	if (!rule->entry)
		return re_hprintf(pf, "name a carrier in trunk %s, %s:%u", from->name,
				  from->src.file, from->src.line);

	return re_hprintf(pf, "name a carrier in %s:%u, or in trunk %s, %s:%u", rule->file,
			  rule->line, from->name, from->src.file, from->src.line);
}

static int mend_unread(struct re_printf *pf, const struct lookup *l)
{
	const struct sp_conf_trunk *from = lookup_from(l);

	if (lookup_by_caller(l) && !l->q.caller)
		return re_hprintf(pf, "a service's call is made in the name of a number of its "
				      "own: ask with --caller");

	return re_hprintf(pf, "the numbering of trunk %s, %s:%u, does not make it E.164",
			  from->name, from->src.file, from->src.line);
}

int lookup_mend(struct re_printf *pf, const struct lookup *l)
{
	const char *number = lookup_number(l), *trunk = lookup_from(l)->name;
	struct found f = {0};

	if (l->answer.rule.entry || l->answer.emergency)
		return mend_decided(pf, l);
	if (!*number)
		return mend_unread(pf, l);

	(void)lookup_rules(l, find, &f);
	if (f.foreign.entry)
		return re_hprintf(pf,
				  "%s:%u names other trunks: name %s there too, or ask with "
				  "the --trunk that the call comes from",
				  f.foreign.file, f.foreign.line, trunk);
	if (f.n)
		return re_hprintf(pf, "no rule for %s holds at this time", number);

	return re_hprintf(pf,
			  "nothing in the table covers %s: not the number, no range that has "
			  "it, no prefix that it begins with",
			  number);
}
