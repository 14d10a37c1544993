/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Walks libconfig's tree along the schema: every group the same way, whatever
 * it is about. Unknown and missing keys are found here; single values are
 * value.c's.
 */
#include <errno.h>
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum {
	NAMES_MAX = 96, /* keys that an unknown one is compared with */
	SAY_SIZE = 2048
};

size_t conf_reader_enter(struct conf_reader *rd, const char *fmt, ...)
{
	const size_t len = rd->path_len;
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(rd->path + len, sizeof(rd->path) - len, fmt, ap);
	va_end(ap);
	rd->path_len = strlen(rd->path);

	return len;
}

void conf_reader_leave(struct conf_reader *rd, size_t len)
{
	rd->path_len = len;
	rd->path[len] = '\0';
}

/* libconfig takes the line of a list's string after it has read the token behind it. */
struct sp_conf_src conf_reader_src(const struct conf_reader *rd, const struct config_setting_t *s)
{
	const config_setting_t *list = config_setting_parent(s);
	unsigned line = config_setting_source_line(s);

	if (!config_setting_name(s) && config_setting_type(s) == CONFIG_TYPE_STRING && list &&
	    config_setting_name(list)) {
		const int i = config_setting_index(s);

		line = conf_scan_element(rd->text, config_setting_source_line(list),
					 config_setting_name(list), i > 0 ? (unsigned)i : 0);
	}

	return conf_text_src(rd->text, line);
}

/* The value as a report shows it. NULL for what has several. */
static const char *show_setting(char buf[CONF_SHOWN_SIZE], const config_setting_t *s)
{
	const char *str;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		str = config_setting_get_string(s);
		return conf_show(buf, str ? str : "", str ? strlen(str) : 0);
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		re_snprintf(buf, CONF_SHOWN_SIZE, "%lli", config_setting_get_int64(s));
		return buf;
	case CONFIG_TYPE_FLOAT:
		re_snprintf(buf, CONF_SHOWN_SIZE, "%f", config_setting_get_float(s));
		return buf;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	default:
		return NULL;
	}
}

bool conf_is_literal_of(const struct conf_literal *lit, const struct config_setting_t *s)
{
	return config_setting_name(s) && lit->name_line == config_setting_source_line(s) &&
	       !pl_strcmp(&lit->name, config_setting_name(s));
}

/* An integer as it was written, where libconfig's value is not to be trusted. */
static const char *show_literal(const struct conf_reader *rd, char buf[CONF_SHOWN_SIZE],
				const config_setting_t *s)
{
	for (size_t i = 0; i < rd->scan->literalc && config_setting_is_number(s); i++) {
		struct conf_literal *lit = &rd->scan->literalv[i];

		if (!conf_is_literal_of(lit, s))
			continue;
		lit->told = true;
		re_snprintf(buf, CONF_SHOWN_SIZE, "%r", &lit->text);
		return buf;
	}

	return show_setting(buf, s);
}

void conf_mistake(struct conf_reader *rd, const struct config_setting_t *s, const char *fmt, ...)
{
	const struct sp_conf_src src = conf_reader_src(rd, s);
	char shown[CONF_SHOWN_SIZE];
	va_list ap;

	va_start(ap, fmt);
	conf_report(rd->report, true, &src, *rd->path ? rd->path : NULL, show_literal(rd, shown, s),
		    fmt, ap);
	va_end(ap);
}

void conf_note(struct conf_reader *rd, const struct config_setting_t *s, const char *fmt, ...)
{
	const struct sp_conf_src src = conf_reader_src(rd, s);
	char shown[CONF_SHOWN_SIZE];
	va_list ap;

	va_start(ap, fmt);
	conf_report(rd->report, false, &src, *rd->path ? rd->path : NULL, show_setting(shown, s),
		    fmt, ap);
	va_end(ap);
}

/* The setting that a key path of two names or one ("media.ports") leads to. */
static const config_setting_t *find_member(const config_setting_t *s, const char *member)
{
	const char *dot = strchr(member, '.');
	char group[32];

	if (dot) {
		const struct pl pl = {.p = member, .l = (size_t)(dot - member)};

		if (pl.l >= sizeof(group))
			return NULL;
		(void)pl_strcpy(&pl, group, sizeof(group));
		s = config_setting_get_member(s, group);
		member = dot + 1;
	}

	return s ? config_setting_get_member(s, member) : NULL;
}

/*
 * "trunks[1] "teams"": the index finds it in the file, the name is what people
 * know it by. The list's own name has been entered.
 */
static void enter_element(struct conf_reader *rd, size_t i, const config_setting_t *s,
			  const char *label)
{
	const config_setting_t *name = NULL;
	char shown[CONF_SHOWN_SIZE];

	(void)conf_reader_enter(rd, "[%zu]", i);
	if (label && config_setting_is_group(s))
		name = config_setting_get_member(s, label);
	if (name && config_setting_type(name) == CONFIG_TYPE_STRING)
		(void)conf_reader_enter(rd, " %s", show_setting(shown, name));
}

/* Cross checks have left the place they speak of: build its key path and source again. */
static void say_at(struct conf_reader *rd, bool bad, const char *list, size_t i,
		   const struct draft_head *h, const char *member, const char *fmt, va_list ap)
{
	const config_setting_t *s = member ? find_member(h->setting, member) : NULL;
	const size_t len = rd->path_len;
	struct sp_conf_src src = h->src;
	char shown[CONF_SHOWN_SIZE];

	(void)conf_reader_enter(rd, "%s", list);
	enter_element(rd, i, h->setting, "name");
	if (member)
		(void)conf_reader_enter(rd, ".%s", member);
	if (s)
		src = conf_reader_src(rd, s);
	conf_report(rd->report, bad, &src, rd->path, s ? show_setting(shown, s) : NULL, fmt, ap);
	conf_reader_leave(rd, len);
}

void conf_mistake_at(struct conf_reader *rd, const char *list, size_t i, const struct draft_head *h,
		     const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_at(rd, true, list, i, h, member, fmt, ap);
	va_end(ap);
}

void conf_note_at(struct conf_reader *rd, const char *list, size_t i, const struct draft_head *h,
		  const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_at(rd, false, list, i, h, member, fmt, ap);
	va_end(ap);
}

static const struct conf_key *find_key(const struct conf_group *g, const char *name)
{
	for (size_t i = 0; i < g->keyc; i++) {
		if (!strcmp(g->keyv[i].name, name))
			return &g->keyv[i];
	}

	return NULL;
}

/* Before anything is read, also of what has mistakes: no draft is ever half set. */
static void set_defaults(const struct conf_group *g, void *base)
{
	for (size_t i = 0; i < g->keyc; i++) {
		const struct conf_key *key = &g->keyv[i];
		void *p = (char *)base + key->offset;

		if (key->type == CONF_INTEGER || key->type == CONF_CHOICE)
			*(int *)p = key->def;
		else if (key->type == CONF_BOOL)
			*(bool *)p = key->def;
		else if (key->type == CONF_GROUP)
			set_defaults(key->group, base);
	}
}

static void report_unknown(struct conf_reader *rd, const struct conf_group *g,
			   const config_setting_t *s)
{
	const char *namev[NAMES_MAX];
	char buf[SAY_SIZE];
	size_t n = 0;

	for (; n < g->keyc && n < NAMES_MAX; n++)
		namev[n] = g->keyv[n].name;

	conf_mistake(rd, s, "no such key here%s",
		     conf_suggest(buf, sizeof(buf), config_setting_name(s), namev, n));
}

static void read_group(struct conf_reader *rd, const struct conf_group *g,
		       const config_setting_t *s, void *base);
static void read_members(struct conf_reader *rd, const struct conf_group *g,
			 const config_setting_t *s, void *base);

/* The file's bad literals are known by key and line: these lines are not the file's. */
static void read_preset(struct conf_reader *rd, const struct conf_group *g,
			const config_setting_t *preset, void *base)
{
	struct conf_scan none, *scan = rd->scan;

	none.literalc = 0;
	rd->scan = &none;
	read_members(rd, g, preset, base);
	rd->scan = scan;
}

/* Defaults, then what is preset, then the file: the last one that sets a member has its way. */
static void read_element(struct conf_reader *rd, const struct conf_group *g,
			 const config_setting_t *s, struct draft_head *head)
{
	const unsigned before = sp_report_mistakes(rd->report);
	const config_setting_t *preset;

	head->setting = s;
	head->src = conf_reader_src(rd, s);
	set_defaults(g, head);
	if (!config_setting_is_group(s)) {
		conf_mistake(rd, s, "needs a group, { ... }");
		head->bad = true;
		return;
	}

	preset = g->preseth ? g->preseth(rd, s) : NULL;
	if (preset)
		read_preset(rd, g, preset, head);
	read_group(rd, g, s, head);
	head->bad = sp_report_mistakes(rd->report) != before;
	if (g->checkh)
		g->checkh(rd, s, head);
	head->bad = sp_report_mistakes(rd->report) != before;
}

static void read_list(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		      void *base)
{
	struct draft_list *list = (struct draft_list *)(void *)((char *)base + key->offset);
	const int n = config_setting_length(s);

	if (n < key->min || n > key->max) {
		conf_mistake(rd, s, "has %d elements, needs %d to %d", n, key->min, key->max);
		return;
	}

	list->v = conf_arena_get(rd->drafts, (size_t)n * key->group->size);
	if (!list->v) {
		rd->err = ENOMEM;
		return;
	}
	list->c = (size_t)n;

	for (size_t i = 0; i < list->c; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		const size_t len = rd->path_len;

		enter_element(rd, i, e, key->group->label);
		read_element(rd, key->group, e, (void *)((char *)list->v + i * key->group->size));
		conf_reader_leave(rd, len);
	}
}

/* Missing from the file itself: there is no line to point to. */
static void report_missing(struct conf_reader *rd, const struct conf_key *key,
			   const config_setting_t *group)
{
	const struct sp_conf_src src = conf_reader_src(rd, group);
	const size_t len =
		conf_reader_enter(rd, config_setting_is_root(group) ? "%s" : ".%s", key->name);
	char needs[SAY_SIZE];
	struct sp_conf_src file = src;

	if (config_setting_is_root(group))
		file = (struct sp_conf_src){.file = rd->text->file};
	sp_report_add(rd->report, &file, rd->path, NULL, "missing: needs %s",
		      conf_type_needs(needs, sizeof(needs), key));
	conf_reader_leave(rd, len);
}

static void read_member(struct conf_reader *rd, const struct conf_group *g,
			const config_setting_t *s, void *base)
{
	const struct conf_key *key = find_key(g, config_setting_name(s));
	const unsigned before = sp_report_mistakes(rd->report);
	char needs[SAY_SIZE];

	if (!key)
		report_unknown(rd, g, s);
	else if (key->type == CONF_GROUP && config_setting_is_group(s))
		read_group(rd, key->group, s, base);
	else if (key->type == CONF_LIST && config_setting_is_list(s))
		read_list(rd, key, s, base);
	else if (key->type == CONF_GROUP || key->type == CONF_LIST)
		conf_mistake(rd, s, "needs %s", conf_type_needs(needs, sizeof(needs), key));
	else
		conf_read_value(rd, key, s, base);

	/* what is wrong by itself is not held against the others */
	if (key && key->type == CONF_GROUP && key->group->checkh &&
	    sp_report_mistakes(rd->report) == before)
		key->group->checkh(rd, s, base);
}

static void read_members(struct conf_reader *rd, const struct conf_group *g,
			 const config_setting_t *s, void *base)
{
	const int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *m = config_setting_get_elem(s, (unsigned)i);
		const size_t len =
			conf_reader_enter(rd, *rd->path ? ".%s" : "%s", config_setting_name(m));

		read_member(rd, g, m, base);
		conf_reader_leave(rd, len);
	}
}

static void read_group(struct conf_reader *rd, const struct conf_group *g,
		       const config_setting_t *s, void *base)
{
	read_members(rd, g, s, base);
	for (size_t i = 0; i < g->keyc; i++) {
		if (g->keyv[i].required && !config_setting_get_member(s, g->keyv[i].name))
			report_missing(rd, &g->keyv[i], s);
	}
}

void conf_read_tree(struct conf_reader *rd, const struct config_setting_t *root, struct draft *d)
{
	set_defaults(&conf_schema, d);
	read_group(rd, &conf_schema, root, d);
}
