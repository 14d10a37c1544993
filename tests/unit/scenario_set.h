/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `set`, `rule` and `number`: the configuration of a scenario, by the names
 * that the configuration file has for it.
 */
#ifndef SCENARIO_SET_H
#define SCENARIO_SET_H

#include "scenario.h"

enum sc_type {
	SC_BOOL,
	SC_BOOL_CHOICE, /* the first word is false, the second true */
	SC_NUMBER,
	SC_TEXT,
	SC_CHOICE,
	SC_TRUNKS, /* names of trunks */
	SC_LIST,   /* of words */
	SC_CODES,  /* of status codes */
	SC_CODE    /* one */
};

struct sc_setting {
	const char *name;
	enum sc_type type;
	size_t offset, count; /* count: of the lists' length */
	const char *words;    /* of a choice, in the order of the enum */
};

#define SC_AT(field) offsetof(struct sp_conf_trunk, field)

/* clang-format off */
static const struct sc_setting sc_settings[] = {
	{"kind",                  SC_CHOICE, SC_AT(kind), 0, "carrier service"},
	{"domain",                SC_TEXT,   SC_AT(domain), 0, NULL},
	{"carrier",               SC_TRUNKS, SC_AT(carrierv), SC_AT(carrierc), NULL},
	{"calls",                 SC_NUMBER, SC_AT(limits.calls), 0, NULL},
	{"calls_in",              SC_NUMBER, SC_AT(limits.calls_in), 0, NULL},
	{"calls_out",             SC_NUMBER, SC_AT(limits.calls_out), 0, NULL},
	{"unknown_per_minute",    SC_NUMBER, SC_AT(limits.unknown_per_minute), 0, NULL},
	{"limit_status",          SC_CODE,   SC_AT(limits.status), 0, NULL},
	{"delayed_offer",         SC_BOOL_CHOICE, SC_AT(refuse_delayed), 0, "relay refuse"},
	{"reliable_provisionals", SC_CHOICE, SC_AT(reliable), 0, "off supported required"},
	{"session_timer",         SC_CHOICE, SC_AT(timer.use), 0, "off supported required"},
	{"session_expires_s",     SC_NUMBER, SC_AT(timer.expires_s), 0, NULL},
	{"session_min_s",         SC_NUMBER, SC_AT(timer.min_s), 0, NULL},
	{"session_refresher",     SC_CHOICE, SC_AT(timer.refresher), 0, "any gateway peer"},
	{"session_refresh",       SC_CHOICE, SC_AT(timer.refresh), 0, "auto update invite"},
	{"transfer",              SC_CHOICE, SC_AT(transfer), 0, "refuse relay handle"},
	{"redirect",              SC_BOOL_CHOICE, SC_AT(follow_redirects), 0, "fail follow"},
	{"failover",              SC_CODES,  SC_AT(failover.codev), SC_AT(failover.codec), NULL},
	{"response_s",            SC_NUMBER, SC_AT(failover.response_s), 0, NULL},
	{"progress_s",            SC_NUMBER, SC_AT(failover.progress_s), 0, NULL},
	{"failover_s",            SC_NUMBER, SC_AT(failover.total_s), 0, NULL},
	{"failover_tries",        SC_NUMBER, SC_AT(failover.tries), 0, NULL},
	{"failover_early_media",  SC_BOOL,   SC_AT(failover.early_media), 0, NULL},
	{"hold",                  SC_CHOICE, SC_AT(hold), 0, "relay sendonly inactive"},
	{"early_media",           SC_CHOICE, SC_AT(early_media), 0, "relay ringing drop"},
	{"trusted",               SC_BOOL,   SC_AT(trusted), 0, NULL},
	{"identity",              SC_BOOL_CHOICE, SC_AT(pass_identity), 0, "drop pass"},
	{"diverted",              SC_CHOICE, SC_AT(diverted), 0, "drop diversion history-info"},
	{"pass",                  SC_LIST,   SC_AT(passv), SC_AT(passc), NULL},
	{"strip",                 SC_TEXT,   SC_AT(numbering.strip), 0, NULL},
	{"add",                   SC_TEXT,   SC_AT(numbering.add), 0, NULL},
	{"country",               SC_TEXT,   SC_AT(numbering.country), 0, NULL},
	{"national_prefix",       SC_TEXT,   SC_AT(numbering.national_prefix), 0, NULL},
	{"international_prefix",  SC_TEXT,   SC_AT(numbering.international_prefix), 0, NULL},
	{"format",                SC_CHOICE, SC_AT(numbering.format), 0, "e164 national international"},
	{"strip_out",             SC_TEXT,   SC_AT(numbering.strip_out), 0, NULL},
	{"add_out",               SC_TEXT,   SC_AT(numbering.add_out), 0, NULL},
	{"user_phone",            SC_BOOL,   SC_AT(numbering.user_phone), 0, NULL},
	{"emergency",             SC_LIST,   SC_AT(emergencyv), SC_AT(emergencyc), NULL},
};

#undef SC_AT
#define SC_AT(field) offsetof(struct sp_conf_limits, field)

static const struct sc_setting sc_limits[] = {
	{"calls",           SC_NUMBER, SC_AT(calls), 0, NULL},
	{"ring_s",          SC_NUMBER, SC_AT(ring_s), 0, NULL},
	{"media_timeout_s", SC_NUMBER, SC_AT(media_timeout_s), 0, NULL},
};
/* clang-format on */
#undef SC_AT

/** Index of a trunk and peer, or -1. */
static inline int sc_trunk(const char *name)
{
	static const char *const names[SC_PEERS] = {"carrier", "service", "other"};

	for (int i = 0; i < SC_PEERS; i++) {
		if (0 == strcmp(names[i], name))
			return i;
	}
	return -1;
}

static inline uint32_t sc_number_pl(struct scenario *s, const struct pl *pl)
{
	uint32_t n;

	if (sp_u32(&n, pl, UINT32_MAX))
		sc_fail(s, NULL, "\"%r\" is no number", pl);
	return n;
}

static inline uint32_t sc_number(struct scenario *s, const char *text)
{
	struct pl pl;

	pl_set_str(&pl, text);
	return sc_number_pl(s, &pl);
}

/** Which of the words is it? */
static inline unsigned sc_choice(struct scenario *s, const char *words, const char *value)
{
	struct sc_words w;

	sc_split(&w, words);
	for (unsigned i = 0; i < w.c; i++) {
		if (0 == strcmp(w.v[i], value))
			return i;
	}
	sc_fail(s, NULL, "\"%s\" is none of: %s", value, words);
	return 0;
}

static inline void sc_set_list(struct scenario *s, const struct sc_setting *set, char *base,
			       const char *value)
{
	struct sc_words w;
	const char **v;

	sc_split(&w, value);
	if (SC_CODES == set->type || SC_TRUNKS == set->type) {
		uint16_t *codes = (uint16_t *)(void *)(base + set->offset);

		for (size_t i = 0; i < w.c && i < SP_CONF_ROUTES_MAX; i++)
			codes[i] = (uint16_t)(SC_CODES == set->type ? (int)sc_number(s, w.v[i])
								    : sc_trunk(w.v[i]));
	} else {
		v = sc_room(s, (w.c + 1) * sizeof(*v));
		for (size_t i = 0; i < w.c; i++)
			v[i] = sc_keep(s, w.v[i], strlen(w.v[i]));
		memcpy(base + set->offset, (void *)&v, sizeof(v));
	}
	memcpy(base + set->count, &w.c, sizeof(w.c));
}

static inline void sc_set_value(struct scenario *s, const struct sc_setting *set, char *base,
				const char *value)
{
	char *field = base + set->offset;
	const char *text;
	uint16_t code;
	unsigned n;
	bool b;

	switch (set->type) {

	case SC_BOOL:
	case SC_BOOL_CHOICE:
		b = sc_choice(s, SC_BOOL == set->type ? "false true" : set->words, value);
		memcpy(field, &b, sizeof(b));
		break;
	case SC_NUMBER:
	case SC_CHOICE:
		n = set->words ? sc_choice(s, set->words, value) : sc_number(s, value);
		memcpy(field, &n, sizeof(n));
		break;
	case SC_CODE:
		code = (uint16_t)sc_number(s, value);
		memcpy(field, &code, sizeof(code));
		break;
	case SC_TEXT:
		text = sc_keep(s, value, strlen(value));
		memcpy(field, (void *)&text, sizeof(text));
		break;
	case SC_LIST:
	case SC_CODES:
	case SC_TRUNKS:
		sc_set_list(s, set, base, value);
		break;
	}
}

/** set TRUNK NAME = VALUE; set limits NAME = VALUE */
static inline void sc_set(struct scenario *s, const struct sc_words *w)
{
	bool limits = 0 == strcmp(sc_word(w, 1), "limits");
	const struct sc_setting *v = limits ? sc_limits : sc_settings;
	size_t c = limits ? ARRAY_SIZE(sc_limits) : ARRAY_SIZE(sc_settings);
	int trunk = sc_trunk(sc_word(w, 1));

	if ((!limits && trunk < 0) || w->c < 5 || strcmp(w->v[3], "="))
		sc_fail(s, NULL, "set TRUNK NAME = VALUE, or set limits NAME = VALUE");
	for (size_t i = 0; i < c; i++) {
		if (0 == strcmp(v[i].name, w->v[2])) {
			sc_set_value(s, &v[i],
				     limits ? (char *)&s->conf->conf.limits
					    : (char *)&s->conf->trunkv[trunk],
				     sc_rest(s->at->text, 4));
			return;
		}
	}
	sc_fail(s, NULL, "there is no setting %s", w->v[2]);
}

static inline char *sc_keep_word(struct scenario *s, const struct sc_words *w, size_t i)
{
	return sc_keep(s, sc_word(w, i), strlen(sc_word(w, i)));
}

/** when method INVITE BYE; when status 4xx 180; when header X [matches G]; when account G */
static inline void sc_rule_when(struct scenario *s, struct sp_conf_when *when, const char *line)
{
	struct sc_words w;

	sc_split(&w, line);
	if (w.c < 3 || strcmp(w.v[0], "when"))
		sc_fail(s, NULL, "when method|status|header|account ..., not: %s", line);
	if (0 == strcmp(w.v[1], "header")) {
		when->header = sc_keep_word(s, &w, 2);
		if (w.c > 4)
			when->matches = sc_keep(s, sc_rest(line, 4), strlen(sc_rest(line, 4)));
		return;
	}
	if (0 == strcmp(w.v[1], "account")) {
		when->account = sc_keep_word(s, &w, 2);
		return;
	}
	for (size_t i = 2; i < w.c && i < 2 + SP_CONF_RULE_METHODS_MAX; i++) {
		if (0 == strcmp(w.v[1], "method")) {
			when->methodv[when->methodc++] = sc_keep_word(s, &w, i);
		} else {
			struct sp_conf_status *st = &when->statusv[when->statusc++];
			bool class = 'x' == w.v[i][1];

			st->min = class ? (uint16_t)((w.v[i][0] - '0') * 100)
					: (uint16_t)sc_number(s, w.v[i]);
			st->max = class ? (uint16_t)(st->min + 99) : st->min;
		}
	}
}

/** rule TRUNK in|out add|set HEADER = VALUE, ... remove HEADER, ... copy FROM to HEADER */
static inline void sc_rule(struct scenario *s, const struct sc_words *w)
{
	int trunk = sc_trunk(sc_word(w, 1));
	bool in = 0 == strcmp(sc_word(w, 2), "in");
	struct sp_conf_trunk *t;
	struct sp_conf_rule *v, *r;
	size_t c;

	if (trunk < 0 || w->c < 5)
		sc_fail(s, NULL, "rule TRUNK in|out add|set|remove|copy HEADER ...");
	t = &s->conf->trunkv[trunk];
	c = in ? t->rules_inc : t->rules_outc;
	v = sc_room(s, (c + 1) * sizeof(*v));
	if (c)
		memcpy(v, in ? t->rules_inv : t->rules_outv, c * sizeof(*v));
	r = &v[c];
	r->src = (struct sp_conf_src){s->at->file, s->at->no};
	r->action = (enum sp_conf_action)sc_choice(s, "add set remove copy", w->v[3]);
	r->header = sc_keep_word(s, w, SP_RULE_COPY == r->action ? 6 : 4);
	if (SP_RULE_COPY == r->action)
		r->from = sc_keep_word(s, w, 4);
	else if (SP_RULE_REMOVE != r->action)
		r->value = sc_keep(s, sc_rest(s->at->text, 6), strlen(sc_rest(s->at->text, 6)));
	for (const struct sc_line *l = s->at + 1; l < s->linev + s->linec && l->sub; l++)
		sc_rule_when(s, &r->when, l->text);
	if (in) {
		t->rules_inv = v;
		t->rules_inc = c + 1;
	} else {
		t->rules_outv = v;
		t->rules_outc = c + 1;
	}
}

/** "service;other": cut where the ";" are. */
static inline size_t sc_routes(const char **v, char *text)
{
	size_t n = 0;
	char *rest = NULL;

	for (char *name = strtok_r(text, ";", &rest); name && n < SP_NUMBER_ROUTES_MAX;
	     name = strtok_r(NULL, ";", &rest))
		v[n++] = name;
	return n;
}

/** "label=L" and the like of a row. @return false: no such word */
static inline bool sc_row_text(struct sp_number_row *r, char *word, const char *value)
{
	const struct {
		const char *name, **field;
	} fields[] = {
		{"account", &r->account},           {"label", &r->label},
		{"enabled_from", &r->enabled_from}, {"enabled_to", &r->enabled_to},
		{"caller_id", &r->caller_id},       {"location", &r->location},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (sc_option(word, fields[i].name)) {
			*fields[i].field = value;
			return true;
		}
	}
	return false;
}

/** account NAME [main_number=N] [calls=N]: its settings */
static inline void sc_account_row(struct scenario *s, const struct sc_words *w)
{
	struct sp_number_account_row *r = &s->accountv[s->accountc];

	if (w->c < 2 || s->accountc >= ARRAY_SIZE(s->accountv) || s->running)
		sc_fail(s, NULL, "account NAME ..., before the first message");
	s->accountc++;
	*r = (struct sp_number_account_row){.name = sc_keep_word(s, w, 1)};
	r->file = s->at->file;
	r->line = s->at->no;
	for (size_t i = 2; i < w->c; i++) {
		const char *word = sc_keep_word(s, w, i), *value;

		if ((value = sc_option(word, "main_number")))
			r->main_number = value;
		else if ((value = sc_option(word, "calls")))
			r->calls = sc_number(s, value);
		else
			sc_fail(s, NULL, "main_number=N or calls=N, not %s", word);
	}
}

/** number PATTERN TRUNK[;TRUNK ...] [carrier=C[;C ...]] [account=A and other keys]
 * [headers_to_carrier] [NAME=VALUE ...] */
static inline void sc_number_row(struct scenario *s, const struct sc_words *w)
{
	struct sp_number_header *headerv = s->headerv[s->rowc % ARRAY_SIZE(s->rowv)];
	struct sp_number_row *r = &s->rowv[s->rowc];

	if (w->c < 3 || s->rowc >= ARRAY_SIZE(s->rowv) || s->running)
		sc_fail(s, NULL, "number PATTERN TRUNK ..., before the first message");
	s->rowc++;
	r->number = sc_keep_word(s, w, 1);
	r->trunkc = sc_routes(r->trunkv, sc_keep_word(s, w, 2));
	r->headerv = headerv;
	r->file = s->at->file;
	r->line = s->at->no;
	for (size_t i = 3; i < w->c; i++) {
		const char *value = strchr(w->v[i], '=');
		char *word = sc_keep_word(s, w, i);

		if (0 == strcmp(word, "headers_to_carrier")) {
			r->headers_to_carrier = true;
			continue;
		}
		if (!value || r->headerc >= ARRAY_SIZE(s->headerv[0]))
			sc_fail(s, NULL, "NAME=VALUE is needed, not %s", word);
		value = word + (value - w->v[i]) + 1;
		if (sc_option(word, "carrier")) {
			r->carrierc = sc_routes(r->carrierv, sc_keep(s, value, strlen(value)));
		} else if (!sc_row_text(r, word, value)) {
			word[value - 1 - word] = '\0';
			headerv[r->headerc++] = (struct sp_number_header){word, value};
		}
	}
}

#endif
