/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What header rules and `pass` are made of: names of headers, values with
 * {words} in them, methods, status codes. All of it is judged here, so that
 * nothing is left to be found wrong in the middle of a call.
 */
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum { SAY_SIZE = 512, WORD_SIZE = 80, STATUS_TRYING = 100, STATUS_MAX = 699 };

const char *conf_get_header(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s)
{
	const enum conf_header_use use = key->type == CONF_HEADER_NAMES ? CONF_HEADER_PASSED
					 : key->type == CONF_HEADER_WRITTEN_NAME
						 ? CONF_HEADER_WRITTEN
						 : CONF_HEADER_READ;
	const char *str = conf_get_string(rd, key, s), *mend, *near;
	char buf[SAY_SIZE];

	if (!str)
		return NULL;

	mend = conf_header_bad(str, use, buf, sizeof(buf));
	if (mend) {
		conf_mistake(rd, s, "%s", mend);
		return NULL;
	}
	near = conf_header_near(str);
	if (near)
		conf_note(rd, s, "no header of this name is known; did you mean \"%s\"?", near);

	return conf_keep(rd, str);
}

/*
 * One character of UTF-8 (RFC 3629), at least U+0020 and no control: headers
 * are written in UTF-8 (RFC 3261 section 25.1, TEXT-UTF8char), whatever the
 * file is. @return its bytes, 0: none
 */
static size_t utf8_char(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0xa0, 0x800, 0x10000};
	const size_t more = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t c = p[0];

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (!more || c > 0xf4)
		return 0;

	c &= 0x3fU >> more;
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;

	return more + 1;
}

/* The word between braces. @return NULL or what to mend, perhaps in buf */
static const char *word_bad(const struct pl *text, char *buf, size_t size)
{
	static const char *const words[] = {"account", "label",       "caller",     "called",
					    "trunk",   "header:NAME", "number:NAME"};
	char word[WORD_SIZE], near[SAY_SIZE], why[SAY_SIZE];
	const char *name, *mend;

	if (text->l >= sizeof(word))
		return "has more between \"{\" and \"}\" than any word has: \"{{\" is a brace";

	(void)pl_strcpy(text, word, sizeof(word));
	for (size_t i = 0; i < 5; i++) {
		if (!strcmp(word, words[i]))
			return NULL;
	}
	if (!strncmp(word, "header:", 7) || !strncmp(word, "number:", 7)) {
		name = word + 7;
		mend = conf_header_bad(name, CONF_HEADER_READ, why, sizeof(why));
		if (mend)
			(void)re_snprintf(buf, size, "in {%s}, \"%s\" %s", word, name, mend);
		return mend ? buf : NULL;
	}

	(void)re_snprintf(buf, size, "{%s} is no word that is known%s", word,
			  conf_suggest(near, sizeof(near), word, words, ARRAY_SIZE(words)));

	return buf;
}

const char *conf_get_template(struct conf_reader *rd, const struct conf_key *key,
			      const config_setting_t *s)
{
	const char *str = conf_get_string(rd, key, s), *mend;
	char buf[2 * SAY_SIZE];

	if (!str)
		return NULL;

	for (const char *p = str; *p;) {
		const size_t n = utf8_char((const unsigned char *)p);
		const char *end;
		struct pl word;

		if (!n) {
			conf_mistake(rd, s, "needs text in UTF-8, without control characters");
			return NULL;
		}
		if (*p != '{' || p[1] == '{') {
			p += *p == '{' ? 2 : n;
			continue;
		}
		end = strchr(p, '}');
		if (!end) {
			conf_mistake(rd, s,
				     "has a \"{\" without its \"}\": \"{{\" is a brace that is "
				     "meant as one");
			return NULL;
		}
		word = (struct pl){.p = p + 1, .l = (size_t)(end - p - 1)};
		mend = word_bad(&word, buf, sizeof(buf));
		if (mend) {
			conf_mistake(rd, s, "%s", mend);
			return NULL;
		}
		p = end + 1;
	}

	return conf_keep(rd, str);
}

const char *conf_get_method(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s)
{
	static const char *const methods[] = {"INVITE", "UPDATE",  "BYE",    "CANCEL",
					      "INFO",   "MESSAGE", "NOTIFY", "REFER"};
	static const struct {
		const char *name, *mend;
	} others[] = {
		{"ACK", "is a part of its INVITE: no rules are applied to it"},
		{"PRACK", "acknowledges on each side by itself: no rules are applied to it"},
		{"OPTIONS", "is between the gateway and each side: no rules are applied to it"},
	};
	const size_t n = sizeof(methods) / sizeof(methods[0]);
	const char *str = conf_get_string(rd, key, s);
	char near[SAY_SIZE];

	if (!str)
		return NULL;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(methods[i], str))
			return methods[i];
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(others[i].name, str)) {
			conf_mistake(rd, s, "%s", others[i].mend);
			return NULL;
		}
	}

	conf_mistake(rd, s, "is no method that rules are applied to%s",
		     conf_suggest(near, sizeof(near), str, methods, n));

	return NULL;
}

bool conf_get_status(struct conf_reader *rd, const struct conf_key *key, const config_setting_t *s,
		     struct sp_conf_status *out)
{
	const char *str;
	long long v = 0;
	uint32_t code;
	struct pl pl;

	if (conf_is_integer(s)) {
		v = config_setting_get_int64(s);
	} else {
		str = conf_get_string(rd, key, s);
		if (!str)
			return false;
		if (*str >= '1' && *str <= '6' && !strcasecmp(str + 1, "xx")) {
			out->min = (uint16_t)(100 * (*str - '0'));
			out->max = (uint16_t)(out->min + 99);
			return true;
		}
		pl_set_str(&pl, str);
		v = sp_u32(&code, &pl, STATUS_MAX) ? 0 : code;
	}

	if (v < STATUS_TRYING || v > STATUS_MAX) {
		conf_mistake(rd, s,
			     "needs a status code from %u to %u, or a class of them, "
			     "\"1xx\" to \"6xx\"",
			     STATUS_TRYING + 1U, (unsigned)STATUS_MAX);
		return false;
	}
	if (v == STATUS_TRYING) { /* RFC 3261 section 8.2.6.1 */
		conf_mistake(rd, s, "goes to the next hop only: no rules are applied to it");
		return false;
	}
	out->min = out->max = (uint16_t)v;

	return true;
}

/* A member that the action needs, or has no use for. */
static void check_member(struct conf_reader *rd, const config_setting_t *rule, const char *member,
			 const char *action, bool needed, const char *needs)
{
	const config_setting_t *m = config_setting_get_member(rule, member);
	const size_t len = conf_reader_enter(rd, ".%s", member);

	if (m && !needed)
		conf_mistake(rd, m, "action \"%s\" has no use for it: take it out", action);
	else if (!m && needed) {
		conf_reader_leave(rd, len);
		conf_mistake(rd, rule, "action \"%s\" needs %s", action, needs);
	}
	conf_reader_leave(rd, len);
}

/* BYE and CANCEL are answered by the gateway itself, which is no message of the other side. */
static void check_answered(struct conf_reader *rd, const config_setting_t *when,
			   const struct sp_conf_when *w)
{
	const config_setting_t *method = config_setting_get_member(when, "method");
	const size_t len = conf_reader_enter(rd, ".when.method");
	size_t own = 0;

	for (size_t i = 0; i < w->methodc; i++)
		own += !strcmp(w->methodv[i], "BYE") || !strcmp(w->methodv[i], "CANCEL");
	if (w->statusc && own && own == w->methodc)
		conf_mistake(rd, method,
			     "responses to BYE and CANCEL are the gateway's own: with status, the "
			     "rule would never act");
	else if (w->statusc && own)
		conf_note(rd, method,
			  "responses to BYE and CANCEL are the gateway's own: the rule never acts "
			  "on these");
	conf_reader_leave(rd, len);
}

void conf_check_rule(struct conf_reader *rd, const struct config_setting_t *s, void *draft)
{
	static const char *const names[] = {"add", "set", "remove", "copy"};
	const struct draft_rule *d = draft;
	const config_setting_t *action = config_setting_get_member(s, "action");
	const config_setting_t *when = config_setting_get_member(s, "when"), *matches = NULL;
	const char *name = names[d->action];
	const char *written = action && config_setting_type(action) == CONFIG_TYPE_STRING
				      ? config_setting_get_string(action)
				      : NULL;

	/* of an action that is not known, nobody knows what it needs */
	if (written && !strcmp(written, name)) {
		check_member(rd, s, "value", name,
			     d->action == SP_RULE_ADD || d->action == SP_RULE_SET,
			     "a value = \"...\"");
		check_member(rd, s, "from", name, d->action == SP_RULE_COPY,
			     "from = \"...\", the header that is copied");
	}
	if (d->action == SP_RULE_COPY && d->out.header && d->out.from &&
	    !str_casecmp(d->out.header, d->out.from)) {
		const size_t len = conf_reader_enter(rd, ".from");

		conf_mistake(rd, config_setting_get_member(s, "from"),
			     "is the header that the copy gets: needs another");
		conf_reader_leave(rd, len);
	}

	if (when && config_setting_is_group(when))
		check_answered(rd, when, &d->out.when);
	if (when && config_setting_is_group(when))
		matches = config_setting_get_member(when, "matches");
	if (matches && !config_setting_get_member(when, "header")) {
		const size_t len = conf_reader_enter(rd, ".when.matches");

		conf_mistake(rd, matches, "needs header = \"...\" beside it: whose value is it?");
		conf_reader_leave(rd, len);
	}
}
