/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/body: a body cut into its parts (RFC 2046 5.1, RFC 5621) and written with
 * one of them changed.
 *
 * A delimiter is a line that begins with "--" and the boundary, wherever it
 * stands; when something other than the rest of a delimiter follows, the RFC's
 * prose and its grammar disagree, and the body is refused. All delimiters of a
 * multipart end, and follow, the same kind of line end: readers that know CRLF
 * only must see the same ones. The line end before a delimiter is the
 * delimiter's. Each octet is looked at once for each multipart it is in.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/sip_body.h"
#include "mime_priv.h"
#include "parse_priv.h"

/* A multipart that is being read, and those around it. */
struct level {
	const struct level *up;
	struct pl boundary;
	struct pl text; /* from the preamble to the epilogue */
	size_t depth;   /* 1: the body itself */
	bool sealed;    /* a signature is over it (RFC 1847), or over one around it */
	bool lf;        /* lines end with LF alone; known after the first delimiter */
};

struct delimiter {
	const char *before; /* of the line end that belongs to it */
	const char *line;
	const char *next; /* the line after it */
	bool close;
};

struct search {
	const char *type;
	struct sp_sip_part *part;
	size_t parts;
	bool found;
};

/* An entity as its surroundings have it: the body, or a part. */
struct entity {
	const struct level *in; /* NULL: it is the body */
	struct sip_mime mime;
	struct pl headers, body, whole;
};

static bool begins(const struct pl *text, const struct pl *prefix)
{
	return text->l >= prefix->l && !memcmp(text->p, prefix->p, prefix->l);
}

/* Does a line begin like a delimiter? rest: what follows the boundary. */
static bool is_delimiter(struct pl *rest, const struct pl *text, const struct pl *boundary)
{
	struct pl r = *text;

	if (r.l < 2 || r.p[0] != '-' || r.p[1] != '-')
		return false;

	pl_advance(&r, 2);
	if (!begins(&r, boundary))
		return false;

	pl_advance(&r, (ssize_t)boundary->l);
	*rest = r;

	return true;
}

/* What follows the boundary: "--" if it is the last, blanks, a line end. The
 * last may stand at the end of the body without one. */
static int delimiter_end(struct delimiter *d, struct level *lv, struct pl rest, bool first)
{
	bool lf;

	d->close = rest.l >= 2 && rest.p[0] == '-' && rest.p[1] == '-';
	if (d->close)
		pl_advance(&rest, 2);
	sp_sip_ltrim(&rest);

	d->next = rest.p;
	if (!rest.l)
		return d->close ? 0 : EBADMSG;

	lf = rest.p[0] == '\n';
	if (!lf && !(rest.l >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n'))
		return EBADMSG;
	if (first)
		lv->lf = lf;

	d->next += lf ? 1 : 2;

	return lf == lv->lf ? 0 : EBADMSG;
}

/* The line end before the delimiter, unless it begins the text. CR alone is one
 * for some readers. */
static int delimiter_start(struct delimiter *d, const struct level *lv)
{
	const char *start = lv->text.p;

	d->before = d->line;
	if (d->line == start)
		return 0;
	if (d->line[-1] == '\r')
		return EBADMSG;

	--d->before;
	if (d->before > start && d->before[-1] == '\r')
		--d->before;
	else if (!lv->lf)
		return EBADMSG;

	return 0;
}

/* To the end of a line: behind LF, CRLF or CR. */
static void line_skip(struct pl *text)
{
	size_t n = 0;

	while (n < text->l && text->p[n] != '\n' && text->p[n] != '\r')
		++n;
	if (n < text->l)
		n += text->p[n] == '\r' && n + 1 < text->l && text->p[n + 1] == '\n' ? 2 : 1;

	pl_advance(text, (ssize_t)n);
}

/* @return 0, ENOENT or EBADMSG */
static int next_delimiter(struct delimiter *d, struct level *lv, const char *from, bool first)
{
	struct pl line = {from, (size_t)(lv->text.p + lv->text.l - from)}, rest;
	int err;

	for (; line.l; line_skip(&line)) {
		if (!is_delimiter(&rest, &line, &lv->boundary))
			continue;

		d->line = line.p;
		err = delimiter_end(d, lv, rest, first);

		return err ? err : delimiter_start(d, lv);
	}

	return ENOENT;
}

/* RFC 3261 20.11: what a description is for, when nothing is said, is the session. */
static bool is_candidate(const struct search *s, const struct sip_mime *mime)
{
	return strcasecmp(s->type, "application/sdp") || !mime->disposition.p ||
	       !pl_strcasecmp(&mime->disposition, "session");
}

static int take(struct search *s, const struct entity *e)
{
	struct sp_sip_part *part = s->part;

	if (pl_strcasecmp(&e->mime.type, s->type))
		return 0;

	++part->count;
	if (s->found || !is_candidate(s, &e->mime))
		return 0;
	if (e->mime.encoded || (e->in && e->in->sealed))
		return ENOTSUP;

	s->found = true;
	part->type = e->mime.type;
	part->headers = e->headers;
	part->body = e->body;
	part->whole = e->whole;
	part->length = e->mime.length;
	part->depth = e->in ? e->in->depth : 0;
	for (const struct level *lv = e->in; lv; lv = lv->up)
		part->boundaryv[lv->depth - 1] = lv->boundary;

	return 0;
}

/* RFC 2046 5.1.2: no boundary may be taken for one around it. */
static bool clashes(const struct level *lv)
{
	for (const struct level *up = lv->up; up; up = up->up) {
		if (begins(&lv->boundary, &up->boundary) || begins(&up->boundary, &lv->boundary))
			return true;
	}

	return false;
}

static int level_init(struct level *lv, const struct entity *e)
{
	if (!sip_mime_boundary_ok(&e->mime))
		return EBADMSG;

	memset(lv, 0, sizeof(*lv));
	lv->up = e->in;
	lv->boundary = e->mime.boundary;
	lv->text = e->body;
	lv->depth = e->in ? e->in->depth + 1 : 1;
	lv->sealed = (e->in && e->in->sealed) || !pl_strcasecmp(&e->mime.type, "multipart/signed");
	if (lv->depth > SP_SIP_PART_DEPTH || clashes(lv))
		return EBADMSG;

	return e->mime.encoded ? ENOTSUP : 0;
}

static int read_entity(struct search *s, const struct entity *e);

/* One part, between two delimiters. */
static int read_part(struct search *s, const struct level *lv, const struct delimiter *d,
		     const struct delimiter *next)
{
	struct entity e = {.in = lv, .whole = {d->line, (size_t)(next->line - d->line)}};
	struct pl text = {d->next, 0};

	if (next->before < d->next || ++s->parts > SP_SIP_PARTS_MAX)
		return EBADMSG;

	text.l = (size_t)(next->before - d->next);
	if (sip_mime_headers(&e.mime, &e.headers, &e.body, &text, lv->lf))
		return EBADMSG;

	/* Some count the delimiter's line end; nothing behind it is the part's. */
	if (e.mime.octets > (size_t)(next->line - e.body.p))
		return EBADMSG;

	return read_entity(s, &e);
}

static int read_parts(struct search *s, struct level *lv)
{
	const bool before = s->found;
	struct delimiter d, next;
	size_t n = 0;
	int err;

	err = next_delimiter(&d, lv, lv->text.p, true);
	if (err || d.close)
		return EBADMSG;

	do {
		err = next_delimiter(&next, lv, d.next, false);
		if (err)
			return EBADMSG;
		err = read_part(s, lv, &d, &next);
		if (err)
			return err;

		++n;
		d = next;
	} while (!d.close);

	if (!before && s->found && s->part->depth == lv->depth)
		s->part->alone = n == 1;

	/* Parts after the last would be read by some. */
	return next_delimiter(&next, lv, d.next, false) == ENOENT ? 0 : EBADMSG;
}

static int read_entity(struct search *s, const struct entity *e)
{
	struct level lv;
	int err;

	if (!sip_mime_multipart(&e->mime))
		return take(s, e);

	err = level_init(&lv, e);

	return err ? err : read_parts(s, &lv);
}

/* What the message's own headers say of its body. */
static int read_message(struct entity *e, const struct sp_sip_msg *m, const char *type)
{
	const struct pl name = PL("Content-Type");
	int err;

	e->body = m->body;
	if (!m->body.l || !m->content_type.l)
		return ENOENT;

	err = sip_mime_header(&e->mime, &name, &m->content_type, m->content_type.p);
	if (err)
		return err;
	if (!sip_mime_multipart(&e->mime) && pl_strcasecmp(&e->mime.type, type))
		return ENOENT;

	for (size_t i = 0; i < m->hdrc && !err; i++) {
		const struct sp_sip_hdr *hdr = &m->hdrv[i];

		if (hdr->id != SP_HDR_CONTENT_TYPE && hdr->id != SP_HDR_CONTENT_LENGTH)
			err = sip_mime_header(&e->mime, &hdr->name, &hdr->value, hdr->value.p);
	}

	return err;
}

int sp_sip_part_find(struct sp_sip_part *part, const struct sp_sip_msg *m, const char *type)
{
	struct search s = {.type = type, .part = part};
	struct entity e;
	int err;

	if (!part || !m || !type)
		return EINVAL;

	memset(part, 0, sizeof(*part));
	memset(&e, 0, sizeof(e));
	err = read_message(&e, m, type);
	if (!err)
		err = read_entity(&s, &e);
	if (!err && !s.found)
		err = ENOENT;

	return err;
}

static bool inside(const struct pl *piece, const struct pl *text)
{
	return piece->p >= text->p && piece->p + piece->l <= text->p + text->l;
}

/* Would a line of text be taken for a delimiter? A CR at its end would be the
 * line end's; one within begins a line for some. */
static bool breaks_out(const struct sp_sip_part *part, const struct pl *text)
{
	const char *end = text->p + text->l;
	bool start = true;
	struct pl rest;

	for (const char *p = text->p; p < end; p++) {
		const struct pl line = {p, (size_t)(end - p)};

		for (size_t i = 0; start && i < part->depth; i++) {
			if (is_delimiter(&rest, &line, &part->boundaryv[i]))
				return true;
		}
		start = *p == '\n' || *p == '\r';
	}

	return text->l && end[-1] == '\r';
}

/* What is before the content, with the Content-Length of the new one. Who counted
 * the line end behind the old content counts it again. */
static int put_head(struct mbuf *out, const struct sp_sip_part *part, const char *from,
		    size_t octets)
{
	const struct pl *length = &part->length;
	uint32_t old = 0;
	int err;

	if (!length->l)
		return mbuf_write_mem(out, (const uint8_t *)from, (size_t)(part->body.p - from));

	for (size_t i = 0; i < length->l; i++)
		old = old * 10 + (uint32_t)(length->p[i] - '0');
	if (old > part->body.l)
		octets += old - part->body.l;

	err = mbuf_write_mem(out, (const uint8_t *)from, (size_t)(length->p - from));
	err |= octets == old ? mbuf_write_pl(out, length) : mbuf_printf(out, "%zu", octets);
	from = length->p + length->l;
	err |= mbuf_write_mem(out, (const uint8_t *)from, (size_t)(part->body.p - from));

	return err;
}

/* The whole body without the part, or with other content in it. */
static int put_body(struct mbuf *out, const struct pl *body, const struct sp_sip_part *part,
		    const struct pl *text)
{
	const char *from = text ? part->body.p + part->body.l : part->whole.p + part->whole.l;
	int err;

	if (text) {
		err = put_head(out, part, body->p, text->l);
		err |= mbuf_write_pl(out, text);
	} else {
		err = mbuf_write_mem(out, (const uint8_t *)body->p,
				     (size_t)(part->whole.p - body->p));
	}
	err |= mbuf_write_mem(out, (const uint8_t *)from, (size_t)(body->p + body->l - from));

	return err;
}

int sp_sip_part_replace(struct mbuf *out, const struct sp_sip_msg *m,
			const struct sp_sip_part *part, const struct mbuf *text)
{
	const size_t start = out ? out->pos : 0;
	struct pl content = PL("");

	if (!out || !m || !part || !inside(&part->body, &m->body))
		return EINVAL;

	if (!text && (!part->depth || part->alone))
		return ENOENT;
	if (text) {
		if (text->end)
			content = (struct pl){(const char *)text->buf, text->end};
		if (part->depth && breaks_out(part, &content))
			return EBADMSG;
		/* Without the empty line after the headers, text would be one of them. */
		if (part->depth && part->body.p == part->headers.p + part->headers.l)
			return EBADMSG;
	}

	if (put_body(out, &m->body, part, text ? &content : NULL)) {
		out->pos = out->end = start;
		return ENOMEM;
	}

	return 0;
}
