/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tokens of the libconfig language, cut exactly where libconfig's own scanner
 * cuts them. libconfig judges the grammar; this is for what it does not tell.
 */
#include <string.h>
#include <re.h>
#include "conf_priv.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

void conf_lex_init(struct conf_lex *l, const char *p, size_t n, unsigned line)
{
	l->start = l->p = p;
	l->end = p + n;
	l->line = line;
}

static char peek(const struct conf_lex *l, size_t ahead)
{
	return (size_t)(l->end - l->p) > ahead ? l->p[ahead] : '\0';
}

static void step(struct conf_lex *l)
{
	if (l->p < l->end && *l->p++ == '\n')
		++l->line;
}

static void skip_line(struct conf_lex *l)
{
	while (l->p < l->end && *l->p != '\n')
		++l->p;
}

/* The cursor is on an opening comment mark; false: it has no end. */
static bool skip_comment(struct conf_lex *l)
{
	l->p += 2;
	while (l->p < l->end) {
		if (*l->p == '*' && peek(l, 1) == '/') {
			l->p += 2;
			return true;
		}
		step(l);
	}

	return false;
}

/* The cursor is on a quote; false: the string has no end. */
static bool skip_string(struct conf_lex *l)
{
	++l->p;
	while (l->p < l->end) {
		if (*l->p == '"') {
			++l->p;
			return true;
		}
		if (*l->p == '\\')
			step(l);
		step(l);
	}

	return false;
}

/* Only blanks between here and the start of the line, as libconfig asks of "@include". */
static bool begins_line(const struct conf_lex *l)
{
	const char *p = l->p;

	while (p > l->start && (p[-1] == ' ' || p[-1] == '\t'))
		--p;

	return p == l->start || p[-1] == '\n';
}

static bool lex_include(struct conf_lex *l, struct conf_token *t)
{
	static const char word[] = "@include";
	struct conf_lex at = *l;

	if ((size_t)(l->end - l->p) < sizeof(word) || memcmp(l->p, word, sizeof(word) - 1) ||
	    !begins_line(l))
		return false;

	at.p += sizeof(word) - 1;
	while (peek(&at, 0) == ' ' || peek(&at, 0) == '\t')
		++at.p;
	if (at.p[-1] == 'e' || peek(&at, 0) != '"')
		return false;

	t->text.p = at.p + 1;
	t->kind = skip_string(&at) ? CONF_TOKEN_INCLUDE : CONF_TOKEN_OPEN;
	t->text.l = (size_t)(at.p - t->text.p) - (t->kind == CONF_TOKEN_INCLUDE);
	*l = at;

	return true;
}

/* Length of the exponent at p: "e5", "E-5"; 0 when there is none. */
static size_t exponent(const struct conf_lex *l)
{
	const size_t sign = peek(l, 1) == '-' || peek(l, 1) == '+';

	if ((peek(l, 0) != 'e' && peek(l, 0) != 'E') || !is_digit(peek(l, 1 + sign)))
		return 0;

	return 2 + sign;
}

/* Floats are taken whole, so that their digits are not mistaken for integers. */
static void lex_number(struct conf_lex *l, struct conf_token *t)
{
	size_t n;

	t->kind = CONF_TOKEN_INTEGER;
	if (*l->p == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X') && is_hex(peek(l, 2))) {
		l->p += 2;
		while (is_hex(peek(l, 0)))
			++l->p;
	} else {
		l->p += *l->p == '-' || *l->p == '+';
		while (is_digit(peek(l, 0)))
			++l->p;
		if (peek(l, 0) == '.') {
			t->kind = CONF_TOKEN_OTHER;
			++l->p;
			while (is_digit(peek(l, 0)))
				++l->p;
		}
		n = exponent(l);
		if (n) {
			t->kind = CONF_TOKEN_OTHER;
			l->p += n;
			while (is_digit(peek(l, 0)))
				++l->p;
		}
	}

	for (n = 0; n < 2 && t->kind == CONF_TOKEN_INTEGER && peek(l, 0) == 'L'; n++)
		++l->p;
}

/* @return false: a comment has no end */
static bool skip_blanks(struct conf_lex *l)
{
	while (l->p < l->end) {
		if (*l->p == '#' || (*l->p == '/' && peek(l, 1) == '/'))
			skip_line(l);
		else if (*l->p == '/' && peek(l, 1) == '*') {
			struct conf_lex at = *l;

			if (!skip_comment(&at))
				return false;
			*l = at;
		} else if (strchr(" \t\r\n\f", *l->p) && *l->p)
			step(l);
		else
			break;
	}

	return true;
}

void conf_lex_next(struct conf_lex *l, struct conf_token *t)
{
	const bool ended = skip_blanks(l);
	const char c = peek(l, 0);

	t->kind = CONF_TOKEN_OTHER;
	t->line = l->line;
	t->text.p = l->p;

	if (!ended) {
		t->kind = CONF_TOKEN_OPEN;
		l->p = l->end;
	} else if (l->p == l->end) {
		t->kind = CONF_TOKEN_END;
	} else if (c == '"') {
		t->kind = skip_string(l) ? CONF_TOKEN_STRING : CONF_TOKEN_OPEN;
	} else if (is_name_start(c)) {
		t->kind = CONF_TOKEN_NAME;
		while (is_name_start(peek(l, 0)) || is_digit(peek(l, 0)) || peek(l, 0) == '-' ||
		       peek(l, 0) == '_')
			++l->p;
	} else if (is_digit(c) || ((c == '-' || c == '+') && is_digit(peek(l, 1)))) {
		lex_number(l, t);
	} else if (c == '@' && lex_include(l, t)) {
		return;
	} else {
		++l->p;
	}

	t->text.l = (size_t)(l->p - t->text.p);
}
