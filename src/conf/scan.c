/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What libconfig does not tell, or tells poorly.
 *
 * libconfig 1.5 reads 5000000000 as 705032704 and 0xffffffff as -1 without a
 * word, and 010 is ten for 1.5 and eight for 1.7: such literals are remembered
 * here, and the reader reports them where it meets them. A duplicate key or a
 * bracket without its partner ends libconfig's parse at the place where it
 * noticed; here the line of the first one is known too.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

enum {
	NAMES_MAX = 1024,    /* keys of one group that are compared with each other */
	ELEMENT_FAR = 16384, /* bytes of a list that are searched for the line of an element */
};

struct name {
	struct pl text;
	unsigned line;
};

struct frame {
	char open;
	unsigned line;
	size_t first; /* its names begin here in namev */
};

struct scanner {
	struct conf_scan *scan;
	const struct conf_text *text;
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

/* A setting begins: remember its name, look for the same in its group. */
static int add_name(struct scanner *sc, const struct name *name)
{
	const size_t first = sc->framev[sc->framec - 1].first;

	sc->last = *name;
	for (size_t i = first; i < sc->namec && i - first < NAMES_MAX; i++) {
		if (pl_cmp(&sc->namev[i].text, &name->text))
			continue;
		mistake(sc, name->line, &name->text,
			"given a second time, first on line %u: keep one of them",
			conf_text_src(sc->text, sc->namev[i].line).line);
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

static int open_frame(struct scanner *sc, char c, unsigned line)
{
	if (sc->framec > CONF_NEST_MAX) {
		mistake(sc, line, NULL, "more than %u brackets within each other",
			(unsigned)CONF_NEST_MAX);
		return EBADMSG;
	}
	sc->framev[sc->framec++] = (struct frame){.open = c, .line = line, .first = sc->namec};

	return 0;
}

/* EBADMSG ends the scan: behind a wrong bracket everything else would look wrong too. */
static int close_frame(struct scanner *sc, char c, unsigned line)
{
	const struct frame *f = &sc->framev[sc->framec - 1];
	const char wanted = f->open == '{' ? '}' : f->open == '(' ? ')' : ']';

	if (sc->framec == 1) {
		mistake(sc, line, NULL, "\"%c\" closes nothing: it is one too many", c);
		return EBADMSG;
	}
	if (c != wanted) {
		mistake(sc, line, NULL,
			"\"%c\" here, but the bracket to close is \"%c\" of line %u: one between "
			"them is missing, wrong, or one too many",
			c, f->open, conf_text_src(sc->text, f->line).line);
		return EBADMSG;
	}
	sc->namec = f->first;
	--sc->framec;

	return 0;
}

/* More than 31 bits, or a decimal with leading zeros? */
static bool is_unusable(const struct pl *literal, bool *leading_zero)
{
	const char *p = literal->p, *end = literal->p + literal->l;
	uint64_t v = 0;
	unsigned base = 10;

	if (*p == '-' || *p == '+')
		++p;
	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	*leading_zero = base == 10 && end - p > 1 && p[0] == '0' && p[1] != 'L';

	for (; p < end && *p != 'L' && v <= INT_MAX; p++) {
		const char c = (char)(*p | 0x20);

		v = v * base + (uint64_t)(c >= 'a' ? c - 'a' + 10 : *p - '0');
	}

	return v > INT_MAX || *leading_zero;
}

static void add_literal(struct scanner *sc, const struct conf_token *t)
{
	bool zero = false;

	if (!is_unusable(&t->text, &zero) || sc->scan->literalc == CONF_LITERALS_MAX)
		return;

	sc->scan->literalv[sc->scan->literalc++] = (struct conf_literal){
		.name = sc->last.text,
		.text = t->text,
		.name_line = sc->last.line,
		.line = t->line,
		.leading_zero = zero,
	};
}

/*
 * What libconfig would call a syntax error and no more. @return EBADMSG after
 * a report, for libconfig would end here too.
 */
static int check_stray(struct scanner *sc, const struct conf_token *t)
{
	const unsigned char c = (unsigned char)*t->text.p;

	if (c >= 0x80)
		mistake(sc, t->line, NULL,
			"not plain ASCII, outside of strings and comments: a quote or a blank "
			"from a word processor? Strings stand between two \"");
	else if (c == '\'')
		mistake(sc, t->line, NULL, "strings stand between two \", not between two '");
	else if (c == '@')
		mistake(sc, t->line, NULL,
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
		return 0;
	mistake(sc, word->line, &sc->last.text,
		"%r stands without quotes: only numbers, true and false do", &word->text);

	return EBADMSG;
}

/* A name is a setting when "=" or ":" follows, which c is then. Lists have no settings. */
static int end_name(struct scanner *sc, const struct name *name, char c)
{
	const struct frame *f = &sc->framev[sc->framec - 1];
	const bool set = c == '=' || c == ':', listed = f->open == '[' || f->open == '(';

	if (listed && set)
		mistake(sc, name->line, &name->text,
			"this setting stands within the \"%c\" of line %u: is that not closed?",
			f->open, conf_text_src(sc->text, f->line).line);
	else if (listed)
		return unquoted(sc, name);
	else if (!set)
		mistake(sc, name->line, &name->text,
			"is no setting: \"=\" is missing behind it, or it should not be there");
	else
		return add_name(sc, name);

	return EBADMSG;
}

static int take_token(struct scanner *sc, const struct conf_token *t)
{
	const char c = t->kind == CONF_TOKEN_OTHER ? *t->text.p : '\0';
	const struct name seen = sc->seen, now = {.text = t->text, .line = t->line};
	const bool valued = sc->valued;
	int err;

	sc->seen.text.l = 0;
	sc->valued = c == '=' || c == ':';
	if (seen.text.l) {
		err = end_name(sc, &seen, c);
		if (err)
			return err;
	}

	if (t->kind == CONF_TOKEN_NAME) {
		if (valued)
			return unquoted(sc, &now);
		sc->seen = now;
	} else if (t->kind == CONF_TOKEN_INTEGER) {
		add_literal(sc, t);
	} else if (c == '{' || c == '(' || c == '[') {
		return open_frame(sc, c, t->line);
	} else if (c == '}' || c == ')' || c == ']') {
		return close_frame(sc, c, t->line);
	} else if (c) {
		return check_stray(sc, t);
	}

	return 0;
}

int conf_scan_text(struct conf_scan *s, const struct conf_text *t, struct sp_report *r)
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

void conf_scan_tell(struct conf_literal *lit, const struct conf_text *t, struct sp_report *r,
		    const char *key, const char *fmt, ...)
{
	const struct sp_conf_src src = conf_text_src(t, lit->line);
	char text[64];
	va_list ap;

	if (lit->told)
		return;
	lit->told = true;

	re_snprintf(text, sizeof(text), "%r", &lit->text);
	va_start(ap, fmt);
	conf_report(r, true, &src, key, text, fmt, ap);
	va_end(ap);
}

void conf_scan_rest(struct conf_scan *s, const struct conf_text *t, struct sp_report *r)
{
	for (size_t i = 0; i < s->literalc; i++) {
		struct conf_literal *lit = &s->literalv[i];
		char name[64];

		re_snprintf(name, sizeof(name), "%r", &lit->name);
		conf_scan_tell(lit, t, r, *name ? name : NULL, "%s",
			       lit->leading_zero ? "write it without leading zeros, and without "
						   "commas between digits"
						 : "larger than any number here may be");
	}
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
