/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Integers that libconfig reads as others: 1.5 takes 5000000000 for 705032704
 * and 0xffffffff for -1 without a word, and 010 is ten for 1.5 and eight for
 * 1.7. They are remembered as they were written, and reported by whoever meets
 * them.
 */
#include <limits.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

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

void conf_scan_literal(struct conf_scan *s, const struct pl *name, unsigned name_line,
		       const struct conf_token *t)
{
	bool zero = false;

	if (!is_unusable(&t->text, &zero) || s->literalc == CONF_LITERALS_MAX)
		return;

	s->literalv[s->literalc++] = (struct conf_literal){
		.name = *name,
		.text = t->text,
		.name_line = name_line,
		.line = t->line,
		.leading_zero = zero,
	};
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
