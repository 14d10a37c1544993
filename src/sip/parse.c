/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/parse: one message as the framer cut it, into struct sp_sip_msg
 * (RFC 3261 7 and 25).
 *
 * The struct, its headers and its text are one block of memory. Parsing goes
 * on after a fault as far as it can, because a request can only be refused with
 * a reply when the headers that the reply repeats are good. The first fault is
 * the one that counts.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "parse_priv.h"

void sp_sip_fail(struct sp_sip_parser *ps, uint16_t status, const char *reason)
{
	if (ps->fault->status)
		return;

	ps->fault->status = status;
	ps->fault->reason = reason;
}

static bool digits_only(const struct pl *pl)
{
	for (size_t i = 0; i < pl->l; i++) {
		if (pl->p[i] < '0' || pl->p[i] > '9')
			return false;
	}

	return pl->l > 0;
}

/* SIP-Version: 0, or the status that it deserves. "SIP/3.0" is SIP of another
 * age (RFC 3261 21.5.6), anything else is no SIP. */
static uint16_t version_status(const struct pl *version)
{
	struct pl name, major, minor;
	const char *dot;

	if (!pl_strcasecmp(version, "SIP/2.0"))
		return 0;
	if (version->l < 4)
		return 400;

	name.p = version->p;
	name.l = 4;
	major.p = version->p + 4;
	major.l = version->l - 4;
	dot = memchr(major.p, '.', major.l);
	if (!dot || pl_strcasecmp(&name, "SIP/"))
		return 400;

	minor.p = dot + 1;
	minor.l = major.l - (size_t)(minor.p - major.p);
	major.l = (size_t)(dot - major.p);

	return digits_only(&major) && digits_only(&minor) ? 505 : 400;
}

/* SIP-Version SP 3DIGIT SP Reason-Phrase */
static void status_line(struct sp_sip_parser *ps, struct pl line)
{
	const struct pl version = {line.p, 7}, digits = {line.p + 8, 3};
	uint32_t status = 0;

	ps->m->request = false;
	if (line.l < 12 || line.p[7] != ' ' || line.p[11] != ' ' || sp_u32(&status, &digits, 699) ||
	    status < 100) {
		sp_sip_fail(ps, 400, "Bad status line");
		return;
	}
	if (version_status(&version)) {
		sp_sip_fail(ps, 505, "Version Not Supported");
		return;
	}

	ps->m->status = (uint16_t)status;
	pl_advance(&line, 12);
	ps->m->reason = line;
	ps->start_ok = true;
}

static void request_uri(struct sp_sip_parser *ps, const struct pl *text)
{
	struct sp_sip_msg *m = ps->m;

	m->ruri = *text;
	if (sp_sip_uri_decode(&m->uri, text))
		sp_sip_fail(ps, 400, "Bad Request-URI");
	else if (m->uri.scheme == SP_URI_OTHER)
		sp_sip_fail(ps, 416, "Unsupported URI Scheme");
	else if (m->uri.headers.l)
		sp_sip_fail(ps, 400, "Headers in Request-URI"); /* RFC 3261 19.1.1, table 1 */
}

/* Method SP Request-URI SP SIP-Version. What stands between the first space and
 * the last is the URI; more spaces make it a bad one. */
static void request_line(struct sp_sip_parser *ps, const struct pl *line)
{
	struct sp_sip_msg *m = ps->m;
	const char *first = memchr(line->p, ' ', line->l);
	const char *last = memrchr(line->p, ' ', line->l);
	struct pl version, uri;
	uint16_t status;

	m->request = true;
	if (!first || first == last) {
		sp_sip_fail(ps, 400, "Bad request line");
		return;
	}

	m->method_name.p = line->p;
	m->method_name.l = (size_t)(first - line->p);
	uri.p = first + 1;
	uri.l = (size_t)(last - uri.p);
	version.p = last + 1;
	version.l = line->l - (size_t)(version.p - line->p);

	status = version_status(&version);
	if (!sp_sip_is_token(&m->method_name) || status == 400) {
		sp_sip_fail(ps, 400, "Bad request line");
		return;
	}
	if (status)
		sp_sip_fail(ps, status, "Version Not Supported");

	m->method = sp_sip_method(&m->method_name);
	ps->start_ok = true;
	request_uri(ps, &uri);
}

static void start_line(struct sp_sip_parser *ps, const struct pl *line)
{
	static const struct pl sip = PL("SIP/");
	struct pl start = *line;

	if (line->l > SP_SIP_START_MAX) {
		sp_sip_fail(ps, 400, "Start line too long");
		return;
	}
	if (!sp_sip_printable(line)) {
		sp_sip_fail(ps, 400, "Control character");
		return;
	}

	/* No method has a slash in it. */
	start.l = min(start.l, sip.l);
	if (!pl_casecmp(&start, &sip))
		status_line(ps, *line);
	else
		request_line(ps, line);
}

/* A line that ends with CRLF off the front of rest. */
static int line_take(struct pl *line, struct pl *rest)
{
	const char *lf = rest->l ? memchr(rest->p, '\n', rest->l) : NULL;

	if (!lf || lf == rest->p || lf[-1] != '\r')
		return EBADMSG;

	line->p = rest->p;
	line->l = (size_t)(lf - 1 - rest->p);
	pl_advance(rest, lf + 1 - rest->p);

	return 0;
}

static void header_add(struct sp_sip_parser *ps, struct pl name, struct pl value)
{
	const struct sp_sip_name *known;
	struct sp_sip_msg *m = ps->m;
	struct sp_sip_hdr *hdr;

	/* HCOLON: white space may stand before the colon, but no fold. */
	while (name.l && sp_sip_isblank(name.p[name.l - 1]))
		--name.l;
	sp_sip_trim(&value);

	if (!sp_sip_is_token(&name)) {
		sp_sip_fail(ps, 400, "Bad header name");
		return;
	}
	if (!sp_sip_printable(&value)) {
		sp_sip_fail(ps, 400, "Control character");
		return;
	}
	if (m->hdrc >= ps->hdr_max) {
		sp_sip_fail(ps, 400, "Too many headers");
		return;
	}

	known = sp_sip_name_find(&name);
	if (known && m->request) {
		if (ps->once & known->once)
			sp_sip_fail(ps, 400, "Header there twice");
		ps->once |= known->once;
	}

	hdr = &m->hdrv[m->hdrc++];
	hdr->id = known ? known->id : SP_HDR_OTHER;
	hdr->name = name;
	hdr->value = value;
}

/* One header field with its folds, each of which becomes two spaces. */
static int header_take(struct sp_sip_parser *ps, struct pl *rest)
{
	struct pl line, name, value;
	const char *colon;
	int err;

	err = line_take(&line, rest);
	if (err)
		return err;

	colon = line.l ? memchr(line.p, ':', line.l) : NULL;

	while (rest->l && sp_sip_isblank(rest->p[0])) {
		struct pl fold;

		memset(ps->m->text + (line.p + line.l - ps->m->text), ' ', 2);
		err = line_take(&fold, rest);
		if (err)
			return err;
		line.l = (size_t)(fold.p + fold.l - line.p);
	}

	if (line.l > SP_SIP_LINE_MAX) {
		sp_sip_fail(ps, 400, "Header too long");
		return 0;
	}
	if (!colon) {
		sp_sip_fail(ps, 400, "Header without colon");
		return 0;
	}

	name.p = line.p;
	name.l = (size_t)(colon - line.p);
	value.p = colon + 1;
	value.l = line.l - name.l - 1;
	header_add(ps, name, value);

	return 0;
}

/* The head, to the CRLF of its last line. Faults of lines are noted; an error
 * means that it does not come apart into lines. */
static int head_split(struct sp_sip_parser *ps, struct pl head)
{
	struct pl line;
	int err;

	err = line_take(&line, &head);
	if (err)
		return err;

	/* The start line cannot be folded, and nothing else can be before it. */
	if (head.l && sp_sip_isblank(head.p[0]))
		return EBADMSG;

	start_line(ps, &line);

	while (head.l) {
		err = header_take(ps, &head);
		if (err)
			return err;
	}

	return 0;
}

/* There may be keys in the body. */
static void msg_destructor(void *arg)
{
	const struct sp_sip_msg *m = arg;

	if (m->body.l)
		explicit_bzero((void *)(uintptr_t)m->body.p, m->body.l);
}

/* Room for as many headers as the head has lines, and the text behind them. */
static int msg_alloc(struct sp_sip_parser *ps, const char *p, size_t n, size_t head)
{
	struct sp_sip_msg *m;
	size_t lines = 0, size;

	for (const char *q = p; (q = memchr(q, '\n', head - (size_t)(q - p))); q++)
		++lines;

	ps->hdr_max = min(lines, (size_t)SP_SIP_HEADERS_MAX);
	size = sizeof(*m) + ps->hdr_max * sizeof(m->hdrv[0]);

	m = mem_alloc(size + n + 1, msg_destructor);
	if (!m)
		return ENOMEM;

	memset(m, 0, size);
	m->text = (char *)m + size;
	memcpy(m->text, p, n);
	m->text[n] = '\0';
	m->body.p = m->text + head + 2;
	m->body.l = n - head - 2;
	ps->m = m;

	return 0;
}

int sp_sip_msg_parse(struct sp_sip_msg **mp, const char *p, size_t n, struct sp_sip_fault *fault)
{
	struct sp_sip_parser ps = {.fault = fault};
	const char *end;
	struct pl head;
	int err;

	if (!mp || !p || !fault)
		return EINVAL;

	*mp = NULL;
	memset(fault, 0, sizeof(*fault));

	end = memmem(p, min(n, (size_t)SP_SIP_HEAD_MAX), "\r\n\r\n", 4);
	if (!end) {
		sp_sip_fail(&ps, 400, "No end of head");
		return EBADMSG;
	}

	head.l = (size_t)(end + 2 - p);
	if (n - head.l - 2 > SP_SIP_BODY_MAX) {
		sp_sip_fail(&ps, 413, "Request Entity Too Large");
		return EBADMSG;
	}

	err = msg_alloc(&ps, p, n, head.l);
	if (err)
		return err;

	head.p = ps.m->text;
	if (head_split(&ps, head)) {
		sp_sip_fail(&ps, 400, "Bad line");
		ps.start_ok = false;
	}
	sp_sip_parse_headers(&ps);

	/* An ACK has no reply, whatever is wrong with it (RFC 3261 17). */
	fault->answerable = fault->status && ps.start_ok && ps.m->request &&
			    ps.m->method != SP_SIP_ACK && ps.good == GOOD_ALL;
	if (!fault->status || fault->answerable)
		*mp = ps.m;
	else
		mem_deref(ps.m);

	return fault->status ? EBADMSG : 0;
}
