/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --lookup for programs: one object (RFC 8259). docs/lookup.md has its keys.
 * json_pack() takes over what it is given and gives NULL when any of it is:
 * memory is looked after once, at the end.
 */
#include <string.h>

/* libre has a JSON of its own, which is not used, with two names that jansson has as well. */
#define JSON_STRING RE_JSON_STRING
#define JSON_NULL RE_JSON_NULL
#include <re.h>
#undef JSON_STRING
#undef JSON_NULL
#include <jansson.h>

#include "app_status_priv.h"
#include "lookup_priv.h"

enum { RULE_SIZE = 64, TIME_SIZE = 64, MEND_SIZE = 512 };

/* jansson takes no string that is not UTF-8 */
static json_t *text_of(const char *p, size_t n)
{
	char *s = NULL, *plain = NULL;
	json_t *j = NULL;

	if (re_sdprintf(&s, "%b", p, n))
		return NULL;
	if (status_utf8(s))
		j = json_string(s);
	else if (!re_sdprintf(&plain, "%H", status_plain, s))
		j = json_string(plain);
	mem_deref(plain);
	mem_deref(s);

	return j;
}

/* "" is nothing: null */
static json_t *text(const char *s)
{
	return s && *s ? text_of(s, strlen(s)) : json_null();
}

static json_t *time_text(int64_t s)
{
	char buf[TIME_SIZE];

	if (s == SP_NUMBER_ALWAYS_FROM || s == SP_NUMBER_ALWAYS_TO)
		return json_null();
	(void)re_snprintf(buf, sizeof(buf), "%H", lookup_time, &s);

	return json_string(buf);
}

static json_t *place(const char *file, unsigned line)
{
	return *file ? json_pack("{s:o, s:i}", "file", text(file), "line", (int)line) : json_null();
}

static json_t *trunk_of(const struct lookup *l, size_t i)
{
	const struct sp_conf_trunk *t = &l->conf->trunkv[i];

	return json_pack("{s:s, s:o}", "name", t->name, "written", place(t->src.file, t->src.line));
}

static json_t *names(const struct lookup *l, const uint16_t *v, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n && j; i++) {
		if (json_array_append_new(j, json_string(l->conf->trunkv[v[i]].name))) {
			json_decref(j);
			j = NULL;
		}
	}

	return j;
}

static json_t *refusal(const struct lookup *l)
{
	char mend[MEND_SIZE] = "";

	if (!l->answer.status)
		return json_null();
	(void)re_snprintf(mend, sizeof(mend), "%H", lookup_mend, l);

	return json_pack("{s:i, s:o, s:o}", "status", (int)l->answer.status, "cause",
			 text(l->answer.cause), "mend", text(mend));
}

struct rules {
	json_t *j; /* NULL: no memory */
};

static void add_rule(const struct sp_number_rule *rule, enum lookup_standing standing, void *arg)
{
	static const char *const words[] = {
		[LOOKUP_DECIDES] = "decides", [LOOKUP_FOREIGN] = "foreign",
		[LOOKUP_WEAKER] = "weaker",   [LOOKUP_EARLY] = "early",
		[LOOKUP_LATE] = "late",
	};
	struct rules *r = arg;
	char buf[RULE_SIZE];

	(void)re_snprintf(buf, sizeof(buf), "%H", sp_number_rule_print, rule);
	if (!r->j)
		return;
	if (json_array_append_new(r->j,
				  json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "rule", buf, "kind",
					    lookup_kind(rule->kind), "standing", words[standing],
					    "enabled_from", time_text(rule->entry->from_s),
					    "enabled_to", time_text(rule->entry->to_s), "written",
					    place(rule->file, rule->line)))) {
		json_decref(r->j);
		r->j = NULL;
	}
}

static json_t *rules(const struct lookup *l)
{
	struct rules r = {.j = json_array()};

	(void)lookup_rules(l, add_rule, &r);

	return r.j;
}

static json_t *account(const struct lookup *l, const struct sp_number_account *a)
{
	struct lookup_limits limits;

	if (!*a->name)
		return json_null();
	lookup_limits(&limits, l, a);

	return json_pack("{s:o, s:o, s:b, s:i, s:i, s:i, s:o}", "name", text(a->name),
			 "main_number", text(a->main_number), "limited", a->limited, "calls",
			 (int)limits.calls, "calls_per_s", (int)limits.rate.per_s, "calls_burst",
			 (int)limits.rate.burst, "written", place(a->file, a->line));
}

static json_t *entry(const struct lookup *l)
{
	const struct sp_number_entry *e = l->answer.rule.entry;

	if (!e)
		return json_null();

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:b}", "account", account(l, e->account),
		"label", text(e->label), "enabled_from", time_text(e->from_s), "enabled_to",
		time_text(e->to_s), "trunk", names(l, e->trunkv, e->trunkc), "carrier",
		names(l, e->carrierv, e->carrierc), "caller_id", lookup_caller_id(e->caller_id),
		"location", text(e->location), "headers_to_carrier", e->headers_to_carrier);
}

struct invite {
	const struct lookup *l;
	json_t *start, *headers;
};

static void add_line(const struct pl *line, bool custom, void *arg)
{
	struct invite *i = arg;
	const char *colon = pl_strchr(line, ':');
	size_t n = colon ? (size_t)(colon - line->p) : 0;

	if (!i->start) {
		i->start = text_of(line->p, line->l);
		return;
	}
	if (!i->headers || n + 2 > line->l)
		return;
	if (json_array_append_new(i->headers,
				  json_pack("{s:o, s:o, s:b}", "name", text_of(line->p, n), "value",
					    text_of(line->p + n + 2, line->l - n - 2), "custom",
					    custom))) {
		json_decref(i->headers);
		i->headers = NULL;
	}
}

static json_t *invite(const struct lookup *l)
{
	struct invite i = {.l = l};

	if (!l->answer.message)
		return json_null();
	i.headers = json_array();
	lookup_message(l, add_line, &i);

	return json_pack("{s:o, s:o}", "start", i.start, "headers", i.headers);
}

static json_t *number(const char *asked, const char *e164)
{
	return json_pack("{s:o, s:o}", "asked", text(asked), "number", text(e164));
}

int lookup_json(const struct lookup *l, FILE *out)
{
	const struct sp_call_answer *a = &l->answer;
	json_t *j = json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o}",
			      "from", trunk_of(l, l->q.trunk), "why", l->why, "at",
			      time_text(l->q.now_s), "called", number(l->q.called, a->called),
			      "calling", number(l->q.caller, a->caller), "by",
			      lookup_by_caller(l) ? "calling" : "called", "emergency", a->emergency,
			      "refused", refusal(l), "rules", rules(l), "entry", entry(l), "route",
			      names(l, a->trunkv, a->trunkc), "invite", invite(l));
	/* whole before the first byte of it goes out */
	char *whole = j ? json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
	int err = whole ? 0 : ENOMEM;

	if (!err && fprintf(out, "%s\n", whole) < 0)
		err = EIO;
	free(whole);
	json_decref(j);

	return err;
}
