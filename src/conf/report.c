/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The report: everything that is wrong with a configuration, line by line, so
 * that one look at it is enough to mend the file.
 *
 * Lines are finished when they are added; a report outlives the configuration
 * it speaks of.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

enum { SHOWN_MAX = 100, LINE_SIZE = 4096 + 2048 };

struct line {
	struct le le;
	bool mistake;
	char *text;
};

struct sp_report {
	struct list lines;
	unsigned mistakes, notes;
};

static void line_destructor(void *arg)
{
	struct line *l = arg;

	list_unlink(&l->le);
	mem_deref(l->text);
}

static void report_destructor(void *arg)
{
	struct sp_report *r = arg;

	list_flush(&r->lines);
}

int sp_report_alloc(struct sp_report **rp)
{
	if (!rp)
		return EINVAL;

	*rp = mem_zalloc(sizeof(**rp), report_destructor);

	return *rp ? 0 : ENOMEM;
}

void sp_report_clear(struct sp_report *r)
{
	if (!r)
		return;

	list_flush(&r->lines);
	r->mistakes = r->notes = 0;
}

unsigned sp_report_mistakes(const struct sp_report *r)
{
	return r ? r->mistakes : 0;
}

const char *conf_show(char buf[CONF_SHOWN_SIZE], const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	buf[at++] = '"';
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		const unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c >= 0x7f) {
			buf[at++] = '\\';
			buf[at++] = 'x';
			buf[at++] = hex[c >> 4];
			buf[at++] = hex[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			buf[at++] = '\\';
		buf[at++] = (char)c;
	}
	buf[at++] = '"';
	strcpy(buf + at, n > SHOWN_MAX ? "..." : "");

	return buf;
}

/* "FILE:LINE: [note: ]KEY = SHOWN: ", each part only where there is one. */
static int print_head(char *buf, size_t size, bool mistake, const struct sp_conf_src *src,
		      const char *key, const char *shown)
{
	char line[16] = "";

	if (src && src->line)
		re_snprintf(line, sizeof(line), "%u:", src->line);

	return re_snprintf(buf, size, "%s%s%s%s%s%s%s%s%s", src && src->file ? src->file : "",
			   src && src->file ? ":" : "", line,
			   (src && src->file) || *line ? " " : "",
			   mistake ? "" : "note: ", key ? key : "", key && shown ? " = " : "",
			   shown ? shown : "", key || shown ? ": " : "");
}

void conf_report(struct sp_report *r, bool mistake, const struct sp_conf_src *src, const char *key,
		 const char *shown, const char *fmt, va_list ap)
{
	char buf[LINE_SIZE];
	struct line *l;
	int n;

	if (!r || !fmt)
		return;

	/* counted even when there is no memory to say more */
	if ((mistake ? r->mistakes++ : r->notes++) >= SP_CONF_MISTAKES_MAX)
		return;

	n = print_head(buf, sizeof(buf), mistake, src, key, shown);
	if (n < 0)
		n = (int)strlen(buf);
	(void)re_vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);

	l = mem_zalloc(sizeof(*l), line_destructor);
	if (!l)
		return;
	l->mistake = mistake;
	list_append(&r->lines, &l->le, l);
	if (str_dup(&l->text, buf))
		mem_deref(l);
}

void sp_report_add(struct sp_report *r, const struct sp_conf_src *src, const char *key,
		   const char *value, const char *mend, ...)
{
	char shown[CONF_SHOWN_SIZE];
	va_list ap;

	va_start(ap, mend);
	conf_report(r, true, src, key, value ? conf_show(shown, value, strlen(value)) : NULL, mend,
		    ap);
	va_end(ap);
}

void sp_report_note(struct sp_report *r, const struct sp_conf_src *src, const char *key,
		    const char *value, const char *text, ...)
{
	char shown[CONF_SHOWN_SIZE];
	va_list ap;

	va_start(ap, text);
	conf_report(r, false, src, key, value ? conf_show(shown, value, strlen(value)) : NULL, text,
		    ap);
	va_end(ap);
}

void sp_report_print(const struct sp_report *r, sp_report_line_h *h, void *arg)
{
	char rest[64];

	if (!r || !h)
		return;

	for (const struct le *le = r->lines.head; le; le = le->next) {
		const struct line *l = le->data;

		h(l->mistake, l->text, arg);
	}

	if (r->mistakes > SP_CONF_MISTAKES_MAX) {
		re_snprintf(rest, sizeof(rest), "and %u more mistakes",
			    r->mistakes - SP_CONF_MISTAKES_MAX);
		h(true, rest, arg);
	}
}
