/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What libconfig does not tell, or tells poorly.
 *
 * Literals that it cannot be trusted with are remembered here (literals.c). A
 * duplicate key or a bracket without its partner ends libconfig's parse at the
 * place where it noticed; here the line of the first one is known too. So is
 * the place where a list lacks a comma, which may be between two files; one
 * too many, before the bracket that closes, is taken out of the text: 1.7
 * allows it and 1.5 does not.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

enum {
	NAMES_MAX = 2048,    /* settings of one group; each is compared with all before it */
	ELEMENT_FAR = 16384, /* bytes of a list that are searched for the line of an element */
	WHERE_SIZE = PATH_MAX + 32
};

struct name {
	struct pl text;
	unsigned line;
};

struct frame {
	char open;
	unsigned line;
	size_t first; /* its names begin here in namev */

	/* of a list or array: its last element */
	bool full;         /* it is there, without a comma behind it */
	bool string;       /* and a string, which another one would only lengthen */
	unsigned end;      /* the line where it ended */
	const char *comma; /* the one behind it, NULL: none */
};

struct scanner {
	struct conf_scan *scan;
	struct conf_text *text;
	struct sp_report *report;
	struct frame framev[CONF_NEST_MAX + 1]; /* [0] is the file */
	size_t framec;
	struct name *namev;
	size_t namec, name_size;
	struct name last; /* the setting whose value is being read */
	struct name seen; /* a name that may become one */
	bool valued;      /* "=" came just now */
};

/* There is no key path yet at this stage: the key alone, and where it stands. */
static void mistake(struct scanner *sc, unsigned line, const struct pl *key, const char *fmt, ...)
{
	const struct sp_conf_src src = conf_text_src(sc->text, line);
	char name[64];
	va_list ap;

	if (key)
		re_snprintf(name, sizeof(name), "%r", key);
	va_start(ap, fmt);
	conf_report(sc->report, true, &src, key ? name : NULL, NULL, fmt, ap);
	va_end(ap);
}

/* "line 5" of the file that line speaks is in, "line 5 of FILE" where that is another. */
static const char *show_line(const struct scanner *sc, char buf[WHERE_SIZE], unsigned speaks,
			     unsigned line)
{
	const struct sp_conf_src src = conf_text_src(sc->text, line);
	const bool here = src.file == conf_text_src(sc->text, speaks).file;

	(void)re_snprintf(buf, WHERE_SIZE, "line %u%s%s", src.line, here ? "" : " of ",
			  here ? "" : src.file);

	return buf;
}

/* A setting begins: remember its name, look for the same in its group. */
static int add_name(struct scanner *sc, const struct name *name)
{
	const size_t first = sc->framev[sc->framec - 1].first;
	char where[WHERE_SIZE];

	sc->last = *name;
	if (sc->namec - first == NAMES_MAX) {
		mistake(sc, name->line, &name->text,
			"more than %u settings in one group: no group has so many",
			(unsigned)NAMES_MAX);
		return EBADMSG;
	}
	for (size_t i = first; i < sc->namec; i++) {
		if (pl_cmp(&sc->namev[i].text, &name->text))
			continue;
		mistake(sc, name->line, &name->text,
			"given a second time, first on %s: keep one of them",
			show_line(sc, where, name->line, sc->namev[i].line));
		return EINVAL;
	}

	if (sc->namec == sc->name_size) {
		const size_t size = sc->name_size ? 2 * sc->name_size : 64;
		void *v = mem_reallocarray(sc->namev, size, sizeof(*sc->namev), NULL);

		if (!v)
			return ENOMEM;
		sc->namev = v;
		sc->name_size = size;
	}
	sc->namev[sc->namec++] = *name;

	return 0;
}

static bool is_list(const struct frame *f)
{
	return f->open == '(' || f->open == '[';
}

/*
 * An element of a list begins; what stands in a group is none. libconfig makes
 * one string of several, but where a file begins the other one has lost its
 * comma.
 */
static int begin_element(struct scanner *sc, unsigned line, bool string)
{
	const struct frame *f = &sc->framev[sc->framec - 1];
	char where[WHERE_SIZE];
	bool same;

	if (!is_list(f) || !f->full)
		return 0;
	same = conf_text_segment(sc->text, f->end) == conf_text_segment(sc->text, line);
	if (string && f->string && same)
		return 0;

	mistake(sc, line, NULL,
		"no comma before this element of a list: needs one behind the element that ends "
		"on %s%s",
		show_line(sc, where, line, f->end),
		same ? "" : "; also the last one of a file may have one");

	return EINVAL;
}

static void end_element(struct scanner *sc, unsigned line, bool string)
{
	struct frame *f = &sc->framev[sc->framec - 1];

	f->full = true;
	f->string = string;
	f->end = line;
	f->comma = NULL;
}

static int take_scalar(struct scanner *sc, unsigned line, bool string)
{
	const int err = begin_element(sc, line, string);

	end_element(sc, line, string);

	return err;
}

static int take_comma(struct scanner *sc, const struct conf_token *t)
{
	struct frame *f = &sc->framev[sc->framec - 1];
	const bool full = f->full;

	f->full = false;
	f->comma = t->text.p;
	if (full || !is_list(f))
		return 0;
	mistake(sc, t->line, NULL, "a comma with no element before it: take it out");

	return EINVAL;
}

/* A list ends: one comma may stand behind its last element. */
static void blank_comma(struct scanner *sc, const struct frame *f)
{
	const uint8_t *comma = (const uint8_t *)f->comma;

	if (is_list(f) && comma)
		sc->text->flat->buf[comma - sc->text->flat->buf] = ' ';
}

static int open_frame(struct scanner *sc, char c, unsigned line)
{
	const int err = begin_element(sc, line, false);

	if (sc->framec > CONF_NEST_MAX) {
		mistake(sc, line, NULL, "more than %u brackets within each other",
			(unsigned)CONF_NEST_MAX);
		return EBADMSG;
	}
	sc->framev[sc->framec++] = (struct frame){.open = c, .line = line, .first = sc->namec};

	return err;
}

/* EBADMSG ends the scan: behind a wrong bracket everything else would look wrong too. */
static int close_frame(struct scanner *sc, char c, unsigned line)
{
	const struct frame *f = &sc->framev[sc->framec - 1];
	const char wanted = f->open == '{' ? '}' : f->open == '(' ? ')' : ']';
	char where[WHERE_SIZE];

	if (sc->framec == 1) {
		mistake(sc, line, NULL, "\"%c\" closes nothing: it is one too many", c);
		return EBADMSG;
	}
	if (c != wanted) {
		mistake(sc, line, NULL,
			"\"%c\" here, but the bracket to close is \"%c\" of %s: one between "
			"them is missing, wrong, or one too many",
			c, f->open, show_line(sc, where, line, f->line));
		return EBADMSG;
	}
	blank_comma(sc, f);
	sc->namec = f->first;
	--sc->framec;
	end_element(sc, line, false);

	return 0;
}

/*
 * What libconfig would call a syntax error and no more. @return EBADMSG after
 * a report, for libconfig would end here too.
 */
static int check_stray(struct scanner *sc, char c, unsigned line)
{
	if ((unsigned char)c >= 0x80)
		mistake(sc, line, NULL,
			"not plain ASCII, outside of strings and comments: a quote or a blank "
			"from a word processor? Strings stand between two \"");
	else if (c == '\'')
		mistake(sc, line, NULL, "strings stand between two \", not between two '");
	else if (c == '@')
		mistake(sc, line, NULL,
			"only @include \"FILE\" begins with @, on a line of its own");
	else
		return 0;

	return EBADMSG;
}

static bool is_bool(const struct pl *word)
{
	return !pl_strcasecmp(word, "true") || !pl_strcasecmp(word, "false");
}

static int unquoted(struct scanner *sc, const struct name *word)
{
	if (is_bool(&word->text))
		return take_scalar(sc, word->line, false);
	mistake(sc, word->line, &sc->last.text,
		"%r stands without quotes: only numbers, true and false do", &word->text);

	return EBADMSG;
}

/* A name is a setting when "=" or ":" follows, which c is then. Lists have no settings. */
static int end_name(struct scanner *sc, const struct name *name, char c)
{
	const struct frame *f = &sc->framev[sc->framec - 1];
	const bool set = c == '=' || c == ':', listed = is_list(f);
	char where[WHERE_SIZE];

	if (listed && set)
		mistake(sc, name->line, &name->text,
			"this setting stands within the \"%c\" of %s: is that not closed?", f->open,
			show_line(sc, where, name->line, f->line));
	else if (listed)
		return unquoted(sc, name);
	else if (!set)
		mistake(sc, name->line, &name->text,
			"is no setting: \"=\" is missing behind it, or it should not be there");
	else
		return add_name(sc, name);

	return EBADMSG;
}

/* Of a setting, or an element of a list; nothing else begins with a bracket. */
static int take_open(struct scanner *sc, char c, unsigned line, bool valued)
{
	if (valued || is_list(&sc->framev[sc->framec - 1]))
		return open_frame(sc, c, line);
	mistake(sc, line, NULL,
		"\"%c\" belongs to no setting: \"=\" is missing before it; or it is an element of "
		"a list, but outside of the list's brackets",
		c);

	return EBADMSG;
}

/* Any token but a name. c: the character of punctuation, or 0 */
static int take_other(struct scanner *sc, const struct conf_token *t, char c, bool valued)
{
	if (t->kind == CONF_TOKEN_INTEGER)
		conf_scan_literal(sc->scan, &sc->last.text, sc->last.line, t);
	if (t->kind == CONF_TOKEN_INTEGER || t->kind == CONF_TOKEN_STRING ||
	    (c && t->text.l > 1)) /* a fraction */
		return take_scalar(sc, t->line, t->kind == CONF_TOKEN_STRING);

	if (c == ',')
		return take_comma(sc, t);
	if (c == '{' || c == '(' || c == '[')
		return take_open(sc, c, t->line, valued);
	if (c == '}' || c == ')' || c == ']')
		return close_frame(sc, c, t->line);
	if (t->kind == CONF_TOKEN_INCLUDE)
		return check_stray(sc, '@', t->line);

	return c ? check_stray(sc, c, t->line) : 0;
}

static int take_token(struct scanner *sc, const struct conf_token *t)
{
	const char c = t->kind == CONF_TOKEN_OTHER ? *t->text.p : '\0';
	const struct name seen = sc->seen, now = {.text = t->text, .line = t->line};
	const bool valued = sc->valued;
	int err, bad = 0;

	sc->seen.text.l = 0;
	sc->valued = c == '=' || c == ':';
	if (seen.text.l) {
		bad = end_name(sc, &seen, c);
		if (bad && bad != EINVAL)
			return bad;
	}

	if (t->kind == CONF_TOKEN_NAME && !valued) {
		sc->seen = now;
		return bad;
	}
	err = t->kind == CONF_TOKEN_NAME ? unquoted(sc, &now) : take_other(sc, t, c, valued);

	return err ? err : bad;
}

int conf_scan_text(struct conf_scan *s, struct conf_text *t, struct sp_report *r)
{
	struct scanner sc = {.scan = s, .text = t, .report = r, .framec = 1};
	struct conf_token token;
	struct conf_lex l;
	int err = 0, bad = 0;

	conf_lex_init(&l, (const char *)t->flat->buf, t->flat->end, 1);
	do {
		conf_lex_next(&l, &token);
		err = take_token(&sc, &token);
		if (err)
			bad = EINVAL;
		if (err == EINVAL)
			err = 0;
	} while (!err && token.kind != CONF_TOKEN_END);

	if (!err && sc.framec > 1) {
		const struct frame *f = &sc.framev[sc.framec - 1];

		mistake(&sc, f->line, NULL, "the \"%c\" that begins here is never closed", f->open);
		bad = EINVAL;
	}
	mem_deref(sc.namev);

	return err == ENOMEM ? ENOMEM : bad;
}

unsigned conf_scan_element(const struct conf_text *t, unsigned line, const char *name, unsigned i)
{
	bool found = false, wanted = false;
	struct conf_token token;
	struct conf_lex l;
	size_t start;

	if (!line || line > t->linec)
		return line;

	start = t->startv[line - 1];
	conf_lex_init(&l, (const char *)t->flat->buf + start, t->flat->end - start, line);
	for (;;) {
		conf_lex_next(&l, &token);
		if (token.kind == CONF_TOKEN_END || token.kind == CONF_TOKEN_OPEN ||
		    l.p - l.start > ELEMENT_FAR)
			return line;
		if (!found) {
			found = token.kind == CONF_TOKEN_NAME && !pl_strcmp(&token.text, name);
		} else if (token.kind == CONF_TOKEN_OTHER &&
			   (*token.text.p == '[' || *token.text.p == '(')) {
			wanted = !i;
		} else if (token.kind == CONF_TOKEN_OTHER && *token.text.p == ',' && i) {
			wanted = !--i;
		} else if (wanted) {
			return token.line;
		}
	}
}
