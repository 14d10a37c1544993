/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log: one line per event; log_out.c takes the lines to stderr.
 *
 * Every byte passes put_escaped() on its way into the line, so whatever a peer
 * put into a value, a line stays one line of printable ASCII. Under journald
 * (stderr is the stream that JOURNAL_STREAM names) lines carry a priority and
 * leave the time to the journal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_log.h>
#include "base_priv.h"

enum {
	LINE_MAX_BYTES = 2048,
	MASKED = 4, /* hidden end of a subscriber number */
};

/* The one exception to "no globals": a log has to be reachable from anywhere. */
static struct {
	enum sp_log_level level;
	bool full_numbers;
	bool probed; /* journald is known */
	bool journald;
	sp_log_sink_h *sinkh;
	void *sink_arg;
} lg = {.level = SP_LOG_INFO};

/* A line being built; full once something had to be left out. */
struct line {
	char buf[LINE_MAX_BYTES];
	size_t len;
	bool full;
};

static const char cut_mark[] = "...";

static void put(struct line *ln, const char *p, size_t n)
{
	/* room for the mark, newline and NUL; never half an escape */
	if (ln->full || n > sizeof(ln->buf) - ln->len - sizeof(cut_mark) - 1) {
		ln->full = true;
		return;
	}

	memcpy(ln->buf + ln->len, p, n);
	ln->len += n;
}

static int put_escaped(const char *p, size_t n, void *arg)
{
	struct line *ln = arg;

	for (size_t i = 0; i < n && !ln->full; i++) {
		const unsigned char c = (unsigned char)p[i];
		char esc[8];

		if (c >= 0x20 && c < 0x7f)
			put(ln, p + i, 1);
		else
			put(ln, esc, (size_t)snprintf(esc, sizeof(esc), "\\x%02x", c));
	}

	return 0;
}

static bool stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return env && 2 == sscanf(env, "%llu:%llu", &dev, &ino) && 0 == fstat(STDERR_FILENO, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

static void put_prefix(struct line *ln, enum sp_log_level level)
{
	static const char priority[] = {'3', '4', '6', '7'}; /* syslog(3) */
	struct timespec ts = {0};
	char buf[64];
	struct tm tm;
	size_t n;

	if (!lg.probed) {
		lg.journald = stderr_is_journal();
		lg.probed = true;
	}

	if (lg.journald) {
		const char prefix[] = {'<', priority[level], '>'};

		put(ln, prefix, sizeof(prefix));
		return;
	}

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (!gmtime_r(&ts.tv_sec, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
	put(ln, buf, n);
	n = (size_t)snprintf(buf, sizeof(buf), ".%03ldZ %s ", ts.tv_nsec / 1000000,
			     sp_log_level_name(level));
	put(ln, buf, n);
}

void sp_log_setup(enum sp_log_level level, bool full_numbers)
{
	lg.level = level > SP_LOG_DEBUG ? SP_LOG_DEBUG : level;
	lg.full_numbers = full_numbers;
	lg.probed = false;
	base_log_probe();
}

void sp_log_sink(sp_log_sink_h *h, void *arg)
{
	lg.sinkh = h;
	lg.sink_arg = arg;
}

void sp_log(enum sp_log_level level, const char *event, const char *fmt, ...)
{
	struct line ln;
	va_list ap;

	if (level > lg.level || !event)
		return;

	ln.len = 0;
	ln.full = false;
	if (!lg.sinkh)
		put_prefix(&ln, level);
	(void)put_escaped(event, strlen(event), &ln);

	if (fmt && *fmt) {
		put(&ln, " ", 1);
		va_start(ap, fmt);
		(void)re_vhprintf(fmt, ap, put_escaped, &ln);
		va_end(ap);
	}

	if (ln.full) {
		memcpy(ln.buf + ln.len, cut_mark, sizeof(cut_mark) - 1);
		ln.len += sizeof(cut_mark) - 1;
	}

	if (lg.sinkh) {
		ln.buf[ln.len] = '\0';
		lg.sinkh(level, ln.buf, lg.sink_arg);
	} else {
		ln.buf[ln.len++] = '\n';
		base_log_out(ln.buf, ln.len, SP_LOG_DEBUG == level);
	}
}

/* Characters of a value that can stand without quotes: "=" and blanks cannot. */
static bool is_bare(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;

	return c && strchr("+-_.:/@;,~*<>()[]?!&%#$", c);
}

static int print_quoted_char(struct re_printf *pf, char c)
{
	if (c == '"' || c == '\\')
		return re_hprintf(pf, "\\%c", c);
	if ((unsigned char)c < 0x20 || (unsigned char)c >= 0x7f)
		return re_hprintf(pf, "\\x%02x", (unsigned char)c);

	return pf->vph(&c, 1, pf->arg);
}

/* Print v with its last characters masked, in quotes where it needs them. */
static int print_value(struct re_printf *pf, const struct pl *v, size_t masked)
{
	const size_t shown = v && v->l > masked ? v->l - masked : 0;
	size_t bare = 0;
	int err = 0;

	if (!v || !v->p)
		return pf->vph("-", 1, pf->arg);

	while (bare < shown && is_bare(v->p[bare]))
		++bare;

	if (bare == shown && v->l) {
		err = pf->vph(v->p, shown, pf->arg);
		for (size_t i = shown; i < v->l && !err; i++)
			err = pf->vph("*", 1, pf->arg);
		return err;
	}

	err = pf->vph("\"", 1, pf->arg);
	for (size_t i = 0; i < v->l && !err; i++)
		err = i < shown ? print_quoted_char(pf, v->p[i]) : pf->vph("*", 1, pf->arg);

	return err ? err : pf->vph("\"", 1, pf->arg);
}

int sp_log_quote(struct re_printf *pf, const struct pl *v)
{
	return print_value(pf, v, 0);
}

int sp_log_str(struct re_printf *pf, const char *s)
{
	const struct pl pl = {.p = s, .l = s ? strlen(s) : 0};

	return print_value(pf, &pl, 0);
}

int sp_log_number(struct re_printf *pf, const struct pl *number)
{
	return print_value(pf, number, lg.full_numbers ? 0 : MASKED);
}

const char *sp_log_level_name(enum sp_log_level level)
{
	switch (level) {
	case SP_LOG_ERROR:
		return "error";
	case SP_LOG_WARN:
		return "warn";
	case SP_LOG_INFO:
		return "info";
	case SP_LOG_DEBUG:
		return "debug";
	}

	return "?";
}
