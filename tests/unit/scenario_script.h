/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading scenario files: comments and blank lines fall away, `include` brings
 * in the lines of a part with its $names filled in. Lines keep the file and
 * the number that they have there.
 */
#ifndef SCENARIO_SCRIPT_H
#define SCENARIO_SCRIPT_H

#include <stdio.h>

#include "scenario.h"

enum { SC_NAMES_MAX = 8, SC_DEPTH_MAX = 3 };

/** The $names of a part. */
struct sc_names {
	struct sc_saved v[SC_NAMES_MAX];
	size_t c;
};

/** A name that has a value keeps it. */
static inline void sc_names_add(struct scenario *s, struct sc_names *names, const char *word)
{
	const char *eq = strchr(word, '=');
	struct sc_saved *n = &names->v[names->c];

	if (!eq)
		sc_fail(s, NULL, "NAME=VALUE is needed, not %s", word);
	for (size_t i = 0; i < names->c; i++) {
		if (strlen(names->v[i].name) == (size_t)(eq - word) &&
		    0 == strncmp(names->v[i].name, word, (size_t)(eq - word)))
			return;
	}
	if (names->c >= SC_NAMES_MAX)
		sc_fail(s, NULL, "more than %d names", SC_NAMES_MAX);
	names->c++;
	re_snprintf(n->name, sizeof(n->name), "%b", word, (size_t)(eq - word));
	re_snprintf(n->value, sizeof(n->value), "%s", eq + 1);
}

static inline void sc_names_fill(struct scenario *s, const struct sc_names *names, char *text,
				 size_t size)
{
	char out[SC_LINE_SIZE];
	size_t used = 0;

	for (const char *p = text; *p;) {
		const struct sc_saved *hit = NULL;

		for (size_t i = 0; '$' == *p && i < names->c; i++) {
			if (0 == strncmp(p + 1, names->v[i].name, strlen(names->v[i].name)))
				hit = &names->v[i];
		}
		if ('$' == *p && !hit)
			sc_fail(s, NULL, "nothing says what %s is", p);
		if (used + (hit ? strlen(hit->value) : 1) + 1 > sizeof(out))
			sc_fail(s, NULL, "the line is too long");
		if (hit) {
			memcpy(out + used, hit->value, strlen(hit->value));
			used += strlen(hit->value);
			p += 1 + strlen(hit->name);
		} else {
			out[used++] = *p++;
		}
	}
	out[used] = '\0';
	re_snprintf(text, size, "%s", out);
}

/** Cut the comment and the blanks at the end; "| text" stays as it is. */
static inline void sc_tidy(char *text)
{
	const char *first = text + strspn(text, " \t");
	size_t n;

	text[strcspn(text, "\r\n")] = '\0';
	if ('#' == *first)
		text[0] = '\0';
	if ('|' == *first)
		return;
	for (char *p = text; (p = strchr(p, '#')); p++) {
		if (p > text && (' ' == p[-1] || '\t' == p[-1])) {
			*p = '\0';
			break;
		}
	}
	for (n = strlen(text); n && (' ' == text[n - 1] || '\t' == text[n - 1]); n--)
		text[n - 1] = '\0';
}

static inline void sc_load(struct scenario *s, const char *file, struct sc_names *names,
			   unsigned depth);

/** Statements about the file itself. @return false when it is none */
static inline bool sc_load_directive(struct scenario *s, const struct sc_line *line,
				     struct sc_names *names, unsigned depth)
{
	struct sc_names inner = {.c = 0};
	struct sc_words w;
	char path[160];

	sc_split(&w, line->text);
	if (0 == strcmp(w.v[0], "skip") && !line->sub) {
		s->skip = sc_keep(s, sc_rest(line->text, 1), strlen(sc_rest(line->text, 1)));
		return true;
	}
	if (0 == strcmp(w.v[0], "default") && !line->sub) {
		for (size_t i = 1; i < w.c; i++)
			sc_names_add(s, names, w.v[i]);
		return true;
	}
	if (0 != strcmp(w.v[0], "include") || line->sub)
		return false;
	if (depth >= SC_DEPTH_MAX || w.c < 2)
		sc_fail(s, NULL, "include PART [NAME=VALUE ...], not deeper than %d", SC_DEPTH_MAX);
	for (size_t i = 2; i < w.c; i++)
		sc_names_add(s, &inner, w.v[i]);
	re_snprintf(path, sizeof(path), "parts/%s", w.v[1]);
	sc_load(s, path, &inner, depth + 1);
	return true;
}

/** The lines of a file below tests/scenarios, behind those that are there. */
static inline void sc_load(struct scenario *s, const char *file, struct sc_names *names,
			   unsigned depth)
{
	char path[512], text[SC_LINE_SIZE];
	struct sc_line line;
	unsigned no = 0;
	FILE *f;

	re_snprintf(path, sizeof(path), "%s/tests/scenarios/%s", SP_SOURCE_DIR, file);
	f = fopen(path, "r");
	if (!f)
		sc_fail(s, NULL, "there is no %s", file);
	while (fgets(text, sizeof(text), f)) {
		memset(&line, 0, sizeof(line));
		re_snprintf(line.file, sizeof(line.file), "%s", file);
		line.no = ++no;
		sc_tidy(text);
		if ('\0' == text[strspn(text, " \t")])
			continue;
		line.sub = ' ' == text[0] || '\t' == text[0];
		re_snprintf(line.text, sizeof(line.text), "%s", text + strspn(text, " \t"));
		s->at = &line;
		if (names->c || strchr(line.text, '$'))
			sc_names_fill(s, names, line.text, sizeof(line.text));
		if (sc_load_directive(s, &line, names, depth))
			continue;
		if (s->linec >= SC_LINES_MAX)
			sc_fail(s, NULL, "more than %d lines", SC_LINES_MAX);
		s->linev[s->linec++] = line;
		s->at = NULL;
	}
	fclose(f);
	s->at = NULL;
}

#endif
