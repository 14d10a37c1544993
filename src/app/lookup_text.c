/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --lookup for people: the answer first, then what it rests on, each with the
 * line that says so, and at the end the INVITE itself.
 */
#include <string.h>

#include "lookup_priv.h"
#include "sallyport/sip_message.h"

enum { MEND_SIZE = 512, RULE_SIZE = 64 };

struct printer {
	struct re_printf pf;
	const struct lookup *l;
	size_t rules;
};

/** libre's formats, to a stdio stream. */
static int print_out(const char *p, size_t n, void *arg)
{
	return fwrite(p, 1, n, arg) == n ? 0 : EIO;
}

static const char *name_of(const struct lookup *l, uint16_t trunk)
{
	return l->conf->trunkv[trunk].name;
}

/* How the trunk's digits were read. */
static void print_number(struct printer *p, const char *label, const char *written,
			 const char *e164)
{
	(void)re_hprintf(&p->pf, "%-10s %s", label, written ? written : "withheld");
	if (written && !*e164)
		(void)re_hprintf(&p->pf, ": no E.164 number by the trunk's numbering");
	else if (written && strcmp(written, e164) != 0)
		(void)re_hprintf(&p->pf, ": %s", e164);
	(void)re_hprintf(&p->pf, "\n");
}

static void print_question(struct printer *p)
{
	const struct lookup *l = p->l;
	const struct sp_conf_trunk *from = lookup_from(l);

	(void)re_hprintf(&p->pf, "from       %s trunk %s, %s:%u (%s)\n",
			 from->kind == SP_TRUNK_SERVICE ? "service" : "carrier", from->name,
			 from->src.file, from->src.line, l->why);
	(void)re_hprintf(&p->pf, "at         %H\n", lookup_time, &l->q.now_s);
	print_number(p, "called", l->q.called, l->answer.called);
	print_number(p, "calling", l->q.caller, l->answer.caller);
}

static void print_answer(struct printer *p)
{
	const struct lookup *l = p->l;
	const struct sp_call_answer *a = &l->answer;
	char mend[MEND_SIZE];

	(void)re_hprintf(&p->pf, "answer     ");
	if (a->status) {
		(void)re_hprintf(&p->pf, "%srefused: %u %s: %s\n",
				 a->emergency ? "emergency call, " : "", a->status,
				 sp_sip_reason(a->status), a->cause);
		if (re_snprintf(mend, sizeof(mend), "%H", lookup_mend, l) > 0)
			(void)re_hprintf(&p->pf, "           %s\n", mend);
		return;
	}

	(void)re_hprintf(&p->pf, "%sgoes to", a->emergency ? "emergency call, " : "");
	for (size_t i = 0; i < a->trunkc; i++)
		(void)re_hprintf(&p->pf, "%s %s", i ? ", then" : "", name_of(l, a->trunkv[i]));
	(void)re_hprintf(&p->pf, "\n");
}

static void print_standing(struct printer *p, const struct sp_number_rule *rule,
			   enum lookup_standing standing)
{
	const struct sp_number_entry *e = rule->entry;

	switch (standing) {

	case LOOKUP_DECIDES:
		(void)re_hprintf(&p->pf, "decides");
		break;
	case LOOKUP_FOREIGN:
		(void)re_hprintf(&p->pf, "is not of trunk %s", lookup_from(p->l)->name);
		break;
	case LOOKUP_WEAKER:
		(void)re_hprintf(&p->pf, "is weaker");
		break;
	case LOOKUP_EARLY:
		(void)re_hprintf(&p->pf, "begins at %H", lookup_time, &e->from_s);
		break;
	case LOOKUP_LATE:
		(void)re_hprintf(&p->pf, "ended at %H", lookup_time, &e->to_s);
		break;
	}
}

static void print_rule(const struct sp_number_rule *rule, enum lookup_standing standing, void *arg)
{
	struct printer *p = arg;
	char text[RULE_SIZE];

	if (!p->rules++)
		(void)re_hprintf(&p->pf, "\nrules for the %s number %s, the strongest first\n",
				 lookup_by_caller(p->l) ? "calling" : "called",
				 lookup_number(p->l));
	(void)re_snprintf(text, sizeof(text), "%H", sp_number_rule_print, rule);
	(void)re_hprintf(&p->pf, "%c %-22s %-7s %s:%u: ", standing == LOOKUP_DECIDES ? '>' : ' ',
			 text, lookup_kind(rule->kind), rule->file, rule->line);
	print_standing(p, rule, standing);
	(void)re_hprintf(&p->pf, "\n");
}

static void print_names(struct printer *p, const char *label, const uint16_t *v, size_t n)
{
	(void)re_hprintf(&p->pf, "  %-18s ", label);
	for (size_t i = 0; i < n; i++)
		(void)re_hprintf(&p->pf, "%s%s", i ? ", " : "", name_of(p->l, v[i]));
	(void)re_hprintf(&p->pf, "%s\n", n ? "" : "none");
}

static void print_limits(struct printer *p, const struct sp_number_account *a)
{
	struct lookup_limits limits;

	lookup_limits(&limits, p->l, a);
	if (!limits.calls && !limits.rate.per_s)
		(void)re_hprintf(&p->pf, "no limit");
	if (limits.calls)
		(void)re_hprintf(&p->pf, "%u calls at once%s", limits.calls,
				 limits.rate.per_s ? ", " : "");
	if (limits.rate.per_s)
		(void)re_hprintf(&p->pf, "%u/s (burst %u)", limits.rate.per_s, limits.rate.burst);
	if (!a->limited)
		(void)re_hprintf(&p->pf, " (as accounts without settings)");
}

static void print_account(struct printer *p, const struct sp_number_account *a)
{
	(void)re_hprintf(&p->pf, "  %-18s %s", "account", *a->name ? a->name : "none");
	if (*a->name) {
		(void)re_hprintf(&p->pf, ": ");
		print_limits(p, a);
	}
	if (*a->main_number)
		(void)re_hprintf(&p->pf, "; main number %s", a->main_number);
	if (*a->file)
		(void)re_hprintf(&p->pf, "; %s:%u", a->file, a->line);
	(void)re_hprintf(&p->pf, "\n");
}

static void print_times(struct printer *p, const struct sp_number_entry *e)
{
	if (e->from_s != SP_NUMBER_ALWAYS_FROM)
		(void)re_hprintf(&p->pf, "  %-18s %H\n", "enabled_from", lookup_time, &e->from_s);
	if (e->to_s != SP_NUMBER_ALWAYS_TO)
		(void)re_hprintf(&p->pf, "  %-18s %H\n", "enabled_to", lookup_time, &e->to_s);
}

static void print_entry(struct printer *p)
{
	const struct sp_number_rule *rule = &p->l->answer.rule;
	const struct sp_number_entry *e = rule->entry;

	if (!e)
		return;

	(void)re_hprintf(&p->pf, "\nentry %s:%u\n", rule->file, rule->line);
	print_account(p, e->account);
	if (*e->label)
		(void)re_hprintf(&p->pf, "  %-18s %s\n", "label", e->label);
	print_times(p, e);
	print_names(p, "trunk", e->trunkv, e->trunkc);
	if (e->carrierc)
		print_names(p, "carrier", e->carrierv, e->carrierc);
	(void)re_hprintf(&p->pf, "  %-18s %s\n", "caller_id", lookup_caller_id(e->caller_id));
	if (*e->location)
		(void)re_hprintf(&p->pf, "  %-18s %s\n", "location", e->location);
	for (size_t i = 0; i < e->headerc; i++)
		(void)re_hprintf(&p->pf, "  %-18s %s\n", e->headerv[i].name, e->headerv[i].value);
	if (e->headerc && e->headers_to_carrier)
		(void)re_hprintf(&p->pf, "  %-18s yes\n", "headers_to_carrier");
}

/* Where the list of trunks was written. */
static void print_origin(struct printer *p)
{
	const struct sp_number_rule *rule = &p->l->answer.rule;
	const struct sp_conf_trunk *from = lookup_from(p->l);

	if (!lookup_by_caller(p->l))
		(void)re_hprintf(&p->pf, "trunk of the entry");
	else if (rule->entry && rule->entry->carrierc)
		(void)re_hprintf(&p->pf, "carrier of the entry");
	else
		(void)re_hprintf(&p->pf, "carrier of trunk %s, %s:%u", from->name, from->src.file,
				 from->src.line);
}

static void print_route(struct printer *p)
{
	const struct sp_call_answer *a = &p->l->answer;

	if (!a->trunkc)
		return;

	(void)re_hprintf(&p->pf, "\nroute, by ");
	print_origin(p);
	(void)re_hprintf(&p->pf, "\n");
	for (size_t i = 0; i < a->trunkc; i++) {
		const struct sp_conf_trunk *t = &p->l->conf->trunkv[a->trunkv[i]];

		(void)re_hprintf(&p->pf, "  %zu. %s, %s:%u: targets %H\n", i + 1, t->name,
				 t->src.file, t->src.line, sp_conf_targets_print, t);
	}
}

static void print_line(const struct pl *line, bool custom, void *arg)
{
	struct printer *p = arg;

	(void)re_hprintf(&p->pf, "%c %r\n", custom ? '*' : ' ', line);
}

static void print_message(struct printer *p)
{
	const struct sp_call_answer *a = &p->l->answer;
	const struct sp_number_entry *e = a->rule.entry;
	const struct sp_conf_trunk *to;

	if (!a->message)
		return;

	to = &p->l->conf->trunkv[a->trunkv[0]];
	(void)re_hprintf(&p->pf, "\nINVITE to %s, without its body", to->name);
	if (e && e->headerc && (to->kind == SP_TRUNK_SERVICE || e->headers_to_carrier))
		(void)re_hprintf(&p->pf, "; * of the entry, %s:%u", a->rule.file, a->rule.line);
	(void)re_hprintf(&p->pf, "\n");
	lookup_message(p->l, print_line, p);
}

void lookup_text(const struct lookup *l, FILE *out)
{
	struct printer p = {.pf = {.vph = print_out, .arg = out}, .l = l};

	print_question(&p);
	print_answer(&p);
	(void)lookup_rules(l, print_rule, &p);
	print_entry(&p);
	print_route(&p);
	print_message(&p);
}
