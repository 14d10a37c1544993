/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/mime: the headers of a body and of its parts (RFC 2045, RFC 2183). Much
 * like SIP's own, but read for what decides how a body is cut and understood;
 * all others are left to whom they are for.
 *
 * A header line that one reader would take for the end of the headers and the
 * next would not is refused, and so is a header that decides and is there twice.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "sallyport/sip_body.h"
#include "mime_priv.h"
#include "parse_priv.h"

/* The same piece of text where it stands in the message. A parameter may have
 * no value at all. */
static struct pl placed(const struct pl *piece, const struct pl *value, const char *at)
{
	if (!piece->p)
		return pl_null;

	return (struct pl){at + (piece->p - value->p), piece->l};
}

/* type "/" subtype without white space, then parameters. */
static int content_type(struct sip_mime *mime, const struct pl *value, const char *at)
{
	struct pl type = *value, rest = *value;
	struct sp_sip_param param;
	size_t n = sp_sip_span(&rest, CH_TOKEN);
	int err;

	if (mime->type.p || !n || n == rest.l || rest.p[n] != '/')
		return EBADMSG;
	pl_advance(&rest, (ssize_t)n + 1);
	n = sp_sip_span(&rest, CH_TOKEN);
	if (!n)
		return EBADMSG;
	pl_advance(&rest, (ssize_t)n);
	type.l = (size_t)(rest.p - type.p);
	mime->type = placed(&type, value, at);

	while (!(err = sp_sip_param_take(&param, &rest))) {
		if (pl_strcasecmp(&param.name, "boundary"))
			continue;
		++mime->boundaries;
		mime->boundary = placed(&param.value, value, at);
	}

	return err == ENOENT ? 0 : err;
}

static int content_length(struct sip_mime *mime, const struct pl *value, const char *at)
{
	if (mime->length.l)
		return EBADMSG;

	mime->length = placed(value, value, at);

	return sp_u32(&mime->octets, value, SP_SIP_BODY_MAX) ? EBADMSG : 0;
}

/* What comes before the parameters; one that is no token is none that we know. */
static int disposition(struct sip_mime *mime, const struct pl *value, const char *at)
{
	struct pl token = *value;

	token.l = sp_sip_span(value, CH_TOKEN);
	if (mime->disposition.p)
		return EBADMSG;

	mime->disposition = placed(&token, value, at);

	return 0;
}

static void content_encoding(struct sip_mime *mime, const struct pl *value)
{
	struct pl rest = *value, coding;

	while (sp_sip_list_next(&coding, &rest))
		mime->encoded |= 0 != pl_strcasecmp(&coding, "identity");
}

static void transfer_encoding(struct sip_mime *mime, const struct pl *value)
{
	mime->encoded |= pl_strcasecmp(value, "7bit") && pl_strcasecmp(value, "8bit") &&
			 pl_strcasecmp(value, "binary");
}

/* Compact forms count: parts are read with SIP's own parser by some. */
int sip_mime_header(struct sip_mime *mime, const struct pl *name, const struct pl *value,
		    const char *at)
{
	const enum sp_sip_id id = sp_sip_name_id(name);

	if (id == SP_HDR_CONTENT_TYPE)
		return content_type(mime, value, at);
	if (id == SP_HDR_CONTENT_LENGTH)
		return content_length(mime, value, at);
	if (!pl_strcasecmp(name, "Content-Disposition"))
		return disposition(mime, value, at);
	if (id == SP_HDR_CONTENT_ENCODING)
		content_encoding(mime, value);
	else if (!pl_strcasecmp(name, "Content-Transfer-Encoding"))
		transfer_encoding(mime, value);

	return 0;
}

/* A line off the front of rest, without its ending. The last may lack one. */
static int line_take(struct pl *line, struct pl *rest, bool lf)
{
	const char *end = memchr(rest->p, '\n', rest->l);

	*line = *rest;
	if (!end) {
		pl_advance(rest, (ssize_t)rest->l);
		return 0;
	}

	line->l = (size_t)(end - line->p);
	pl_advance(rest, end + 1 - rest->p);
	if (lf)
		return 0; /* a CR before it is a control character in the line */
	if (!line->l || line->p[line->l - 1] != '\r')
		return EBADMSG;
	--line->l;

	return 0;
}

/* One header field and the lines it goes on in, which begin with white space. A
 * line of nothing else would be the end of the headers for some. */
static int field_take(struct pl *field, struct pl *rest, bool lf)
{
	struct pl line;
	int err = line_take(field, rest, lf);

	while (!err && rest->l && sp_sip_isblank(rest->p[0])) {
		err = line_take(&line, rest, lf);
		field->l = (size_t)(line.p + line.l - field->p);
		sp_sip_trim(&line);
		if (!line.l)
			err = EBADMSG;
	}

	return err;
}

static int field_read(struct sip_mime *mime, const struct pl *field)
{
	char buf[SP_SIP_LINE_MAX];
	const struct pl text = {buf, field->l};
	const char *colon;
	struct pl name, value;

	if (field->l > sizeof(buf))
		return EBADMSG;

	for (size_t i = 0; i < field->l; i++) {
		const bool fold = field->p[i] == '\n' || (field->p[i] == '\r' && i + 1 < field->l &&
							  field->p[i + 1] == '\n');

		buf[i] = fold ? ' ' : field->p[i];
	}

	colon = memchr(buf, ':', field->l);
	if (!colon || !sp_sip_printable(&text))
		return EBADMSG;

	name.p = buf;
	name.l = (size_t)(colon - buf);
	value.p = colon + 1;
	value.l = field->l - name.l - 1;
	while (name.l && sp_sip_isblank(name.p[name.l - 1]))
		--name.l;
	sp_sip_trim(&value);
	if (!sp_sip_is_token(&name))
		return EBADMSG;

	return sip_mime_header(mime, &name, &value, field->p + (value.p - buf));
}

int sip_mime_headers(struct sip_mime *mime, struct pl *headers, struct pl *body,
		     const struct pl *text, bool lf)
{
	struct pl rest = *text, field;

	headers->p = text->p;
	for (;;) {
		int err;

		headers->l = (size_t)(rest.p - text->p);
		*body = rest;
		if (!rest.l)
			return 0;

		err = field_take(&field, &rest, lf);
		if (!err && !field.l) {
			*body = rest;
			return 0;
		}
		if (!err)
			err = field_read(mime, &field);
		if (err)
			return err;
	}
}

bool sip_mime_multipart(const struct sip_mime *mime)
{
	static const struct pl multipart = PL("multipart/");
	struct pl head = mime->type;

	if (head.l <= multipart.l)
		return false;

	head.l = multipart.l;

	return !pl_casecmp(&head, &multipart);
}

bool sip_mime_boundary_ok(const struct sip_mime *mime)
{
	static const char others[] = "'()+_,-./:=? ";
	const struct pl *b = &mime->boundary;

	if (mime->boundaries != 1 || !b->l || b->l > SP_SIP_BOUNDARY_MAX || b->p[b->l - 1] == ' ')
		return false;

	for (size_t i = 0; i < b->l; i++) {
		const char c = b->p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr(others, c))))
			return false;
	}

	return true;
}
