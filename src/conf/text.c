/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration file and what it includes, as one flat text.
 *
 * libconfig follows @include by itself, but differently from version to
 * version (absolute paths), ends the process when it is given a directory, and
 * would leave us no text to look for wrapped integers in. So the files are
 * put together here, and a list of segments says which line of which file each
 * flat line is.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "conf_priv.h"

struct flatten {
	struct conf_text *text;
	struct conf_arena *arena;
	struct sp_report *report;
	const char *dir;
	unsigned flat; /* the flat line that is being written */
	size_t size;   /* of the files that have been read    */
};

static int flatten_file(struct flatten *f, const char *path, const struct sp_conf_src *by,
			unsigned depth);

static void text_destructor(void *arg)
{
	struct conf_text *t = arg;

	mem_deref(t->flat);
	mem_deref(t->segmentv);
	mem_deref(t->startv);
}

/* From here on, flat lines are lines of this file. */
static int add_segment(struct flatten *f, const char *file, unsigned line)
{
	struct conf_text *t = f->text;

	if (t->segmentc == t->segment_size) {
		const size_t size = t->segment_size ? 2 * t->segment_size : 8;
		void *v = mem_reallocarray(t->segmentv, size, sizeof(*t->segmentv), NULL);

		if (!v)
			return ENOMEM;
		t->segmentv = v;
		t->segment_size = size;
	}

	t->segmentv[t->segmentc++] =
		(struct conf_segment){.flat = f->flat, .line = line, .file = file};

	return 0;
}

static int add_text(struct flatten *f, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		f->flat += p[i] == '\n';

	return n ? mbuf_write_mem(f->text->flat, (const uint8_t *)p, n) : 0;
}

/* Take the backslashes out of the path between the quotes of an @include. */
static char *include_path(struct flatten *f, const struct pl *quoted)
{
	char *name = conf_arena_get(f->arena, quoted->l + 1);
	size_t n = 0;

	for (size_t i = 0; name && i < quoted->l; i++) {
		if (quoted->p[i] == '\\' && i + 1 < quoted->l)
			++i;
		name[n++] = quoted->p[i];
	}

	return name;
}

/* Depth and number are both bounded: eight files that include each other twice are 256. */
static bool may_follow(struct flatten *f, const struct sp_conf_src *src, const char *name,
		       unsigned depth)
{
	if (depth < CONF_INCLUDE_DEPTH_MAX && f->text->includes < CONF_INCLUDES_MAX)
		return true;
	sp_report_add(f->report, src, "@include", name,
		      "too many: at most %u in all, %u within each other; does a file include "
		      "itself?",
		      (unsigned)CONF_INCLUDES_MAX, (unsigned)CONF_INCLUDE_DEPTH_MAX);

	return false;
}

/* One after the other, each on lines of its own. */
static int follow_dir(struct flatten *f, const struct sp_conf_src *src, const char *name,
		      const char *const *pathv, size_t pathc, unsigned depth)
{
	int err = 0, bad = 0;

	if (!pathc)
		sp_report_note(f->report, src, "@include", name,
			       "nothing in this directory is named *.conf");

	for (size_t i = 0; i < pathc && !err; i++) {
		if (!may_follow(f, src, name, depth))
			return EINVAL;
		++f->text->includes;
		err = flatten_file(f, pathv[i], src, depth + 1);
		if (err && err != ENOMEM) {
			bad = EINVAL;
			err = 0;
		}
		if (!err)
			err = add_text(f, "\n", 1);
	}

	return err ? err : bad;
}

static int follow_include(struct flatten *f, const struct sp_conf_src *src, const struct pl *quoted,
			  unsigned depth)
{
	char *name = include_path(f, quoted);
	const struct pl pl = {.p = name, .l = name ? strlen(name) : 0};
	const char *path, *pathv[CONF_INCLUDES_MAX + 1];
	size_t pathc;
	int err;

	if (!name)
		return ENOMEM;

	if (!*name || !sp_text_ok(&pl)) {
		sp_report_add(f->report, src, "@include", name, "needs the name of a file");
		return EINVAL;
	}
	if (!may_follow(f, src, name, depth))
		return EINVAL;

	path = conf_file_path(f->arena, f->dir, name);
	if (!path)
		return ENOMEM;

	err = conf_read_dir(pathv, CONF_INCLUDES_MAX + 1, &pathc, f->arena, path);
	if (!err)
		return follow_dir(f, src, name, pathv, pathc, depth);
	if (err == ENOMEM)
		return err;

	/* what is neither, this one reports */
	++f->text->includes;
	err = flatten_file(f, path, src, depth + 1);

	return err && err != ENOMEM ? EINVAL : err;
}

static bool is_next(const struct conf_lex *l, char c)
{
	const char *p = l->p;

	while (p < l->end && (*p == ' ' || *p == '\t'))
		++p;

	return p < l->end && *p == c;
}

/*
 * The lexer stands behind an @include: write what comes before it, the file,
 * and go on in this one. EINVAL: reported, and the rest can still be read.
 */
static int splice_include(struct flatten *f, const struct conf_lex *l, const struct conf_token *t,
			  const char *file, const char **done, unsigned depth)
{
	const struct sp_conf_src src = {.file = file, .line = t->line};
	const char *at = t->text.p;
	int err, bad;

	while (at > *done && *at != '@')
		--at;
	err = add_text(f, *done, (size_t)(at - *done));
	*done = l->p;
	if (err)
		return err;

	bad = follow_include(f, &src, &t->text, depth);
	if (bad && bad != EINVAL)
		return bad;
	if (is_next(l, ';')) {
		sp_report_add(f->report, &src, "@include", NULL,
			      "takes no \";\" behind it: take it out");
		bad = EINVAL;
	}

	/* a file need not end in a newline */
	err = add_text(f, "\n", 1);
	if (!err)
		err = add_segment(f, file, l->line);

	return err ? err : bad;
}

/*
 * No value may hold a line's end, so a string that does lacks a quote: told
 * here, for every quote behind it is taken for its opposite.
 */
static const char *unended(const struct conf_token *t)
{
	if (t->kind == CONF_TOKEN_OPEN && t->text.l >= 2 && !memcmp(t->text.p, "/*", 2))
		return "the comment that begins here never ends: needs \"*/\"";
	if (t->kind == CONF_TOKEN_OPEN ||
	    (t->kind == CONF_TOKEN_STRING && memchr(t->text.p, '\n', t->text.l)))
		return "a string begins on this line and does not end on it: a quote is missing, "
		       "or one too many";

	return NULL;
}

static int flatten_text(struct flatten *f, const char *file, const char *p, size_t n,
			unsigned depth)
{
	const char *done = p, *mend;
	struct conf_token t;
	struct conf_lex l;
	int err, bad = 0;

	err = add_segment(f, file, 1);
	if (err)
		return err;

	conf_lex_init(&l, p, n, 1);
	do {
		conf_lex_next(&l, &t);
		mend = unended(&t);
		if (mend) {
			const struct sp_conf_src src = {.file = file, .line = t.line};

			sp_report_add(f->report, &src, NULL, NULL, "%s", mend);
			return EINVAL;
		}
		if (t.kind == CONF_TOKEN_INCLUDE) {
			err = splice_include(f, &l, &t, file, &done, depth);
			if (err == EINVAL)
				bad = err;
			else if (err)
				return err;
		}
	} while (t.kind != CONF_TOKEN_END);

	err = add_text(f, done, (size_t)(p + n - done));

	return err ? err : bad;
}

/* by: the @include, NULL for the file itself. Reports all but ENOMEM. */
static int flatten_file(struct flatten *f, const char *path, const struct sp_conf_src *by,
			unsigned depth)
{
	/* what some editors write before a text */
	static const char bom[] = "\xef\xbb\xbf";
	const struct sp_conf_src self = {.file = path};
	struct mbuf *mb = NULL;
	size_t skip = 0;
	const char *text, *nul;
	char errbuf[128];
	int err;

	err = conf_read_whole(&mb, path, CONF_FILE_MAX - f->size);
	if (err == ENOMEM)
		return err;
	if (err) {
		sp_report_add(f->report, by ? by : &self, by ? "@include" : NULL, by ? path : NULL,
			      "cannot be read: %s%s",
			      err == EFBIG    ? "more than 32 MB in all"
			      : err == ENODEV ? "no regular file"
					      : str_error(err, errbuf, sizeof(errbuf)),
			      err == ENOENT && by ? ": put the file there, or correct the path"
			      : err == EACCES && by
				      ? ": give the gateway's user the right to read it"
				      : "");
		return err;
	}

	f->size += mb->end;
	text = (const char *)mb->buf;
	if (mb->end >= sizeof(bom) - 1 && !memcmp(text, bom, sizeof(bom) - 1))
		skip = sizeof(bom) - 1;
	nul = memchr(text, '\0', mb->end);
	if (nul) {
		struct sp_conf_src src = {.file = path, .line = 1};

		for (const char *p = text; p < nul; p++)
			src.line += *p == '\n';
		sp_report_add(f->report, &src, NULL, NULL,
			      "a NUL byte: this is no text file, or none in UTF-8");
		err = EINVAL;
	} else {
		err = flatten_text(f, path, text + skip, mb->end - skip, depth);
	}

	mem_deref(mb);

	return err;
}

/* scan.c looks into single lines, of which there may be a million. */
static int index_lines(struct conf_text *t)
{
	size_t line = 0;

	t->startv = mem_zalloc((t->linec + 1) * sizeof(*t->startv), NULL);
	if (!t->startv)
		return ENOMEM;

	for (size_t i = 0; i < t->flat->end && line < t->linec; i++) {
		if (t->flat->buf[i] == '\n')
			t->startv[++line] = i + 1;
	}

	return mbuf_write_u8(t->flat, 0);
}

int conf_text_load(struct conf_text **tp, struct conf_arena *a, const char *file, const char *dir,
		   struct sp_report *r)
{
	struct flatten f = {.arena = a, .report = r, .dir = dir, .flat = 1};
	struct conf_text *t;
	int err;

	t = mem_zalloc(sizeof(*t), text_destructor);
	if (!t)
		return ENOMEM;
	t->file = file;
	t->flat = mbuf_alloc(4096);
	if (!t->flat) {
		err = ENOMEM;
		goto out;
	}
	f.text = t;

	err = flatten_file(&f, file, NULL, 0);
	if (err)
		goto out;

	t->linec = f.flat;
	err = index_lines(t);
	if (!err)
		--t->flat->end;

out:
	if (err)
		mem_deref(t);
	else
		*tp = t;

	return err;
}

size_t conf_text_segment(const struct conf_text *t, unsigned flat)
{
	size_t lo = 0, hi = t->segmentc;

	/* the last one that begins at or before the line */
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (t->segmentv[mid].flat > flat)
			hi = mid;
		else
			lo = mid + 1;
	}

	return lo ? lo - 1 : 0;
}

struct sp_conf_src conf_text_src(const struct conf_text *t, unsigned flat)
{
	const struct conf_segment *s = &t->segmentv[conf_text_segment(t, flat)];

	return (struct sp_conf_src){.file = s->file, .line = s->line + (flat - s->flat)};
}
