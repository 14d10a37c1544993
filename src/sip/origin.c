/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads the header lines of our own requests, as sp_sip_put() wrote them: the
 * layer checks that what it needs is there, and keeps what the ACK and the
 * CANCEL of an INVITE repeat from it.
 */
#include <errno.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "sip_priv.h"

/* Take the next line off rest; lines end with CRLF and are never folded. */
static bool line_next(struct pl *line, struct pl *name, struct pl *value, struct pl *rest)
{
	const char *end = pl_strchr(rest, '\n'), *colon;

	if (!end)
		return false;

	line->p = rest->p;
	line->l = (size_t)(end + 1 - rest->p);
	rest->p += line->l;
	rest->l -= line->l;

	colon = pl_strchr(line, ':');
	if (!colon || line->l < 2)
		return false;

	name->p = line->p;
	name->l = (size_t)(colon - line->p);
	value->p = colon + 1;
	value->l = (size_t)(line->p + line->l - value->p) - 2;
	while (value->l && *value->p == ' ') {
		++value->p;
		--value->l;
	}

	return true;
}

static void lines_of(struct pl *rest, const struct mbuf *mb)
{
	rest->p = (const char *)mb->buf;
	rest->l = mb->end;
}

static bool is_uri_text(const char *uri)
{
	struct pl pl;

	if (!str_isset(uri))
		return false;

	pl_set_str(&pl, uri);

	return sp_text_ok(&pl) && !pl_strchr(&pl, ' ') && !pl_strchr(&pl, '\t');
}

/**
 * Is this a request that can be sent and answered? Responses are matched by
 * the method of CSeq, so it must be the request's.
 */
int sip_request_check(const struct sp_sip_request *req, struct pl *call_id, uint32_t *cseq)
{
	bool from = false, to = false, cid = false, seq = false;
	struct pl rest, line, name, value, method;

	if (!req->headers || !is_uri_text(req->uri) || req->method >= SP_SIP_OTHER)
		return EINVAL;

	lines_of(&rest, req->headers);
	while (line_next(&line, &name, &value, &rest)) {
		if (!pl_strcasecmp(&name, "From"))
			from = true;
		if (!pl_strcasecmp(&name, "To"))
			to = true;
		if (!pl_strcasecmp(&name, "Call-ID")) {
			cid = true;
			*call_id = value;
		}
		if (!pl_strcasecmp(&name, "CSeq")) {
			seq = true;
			if (sp_sip_cseq_decode(cseq, &method, &value) ||
			    pl_strcmp(&method, sp_sip_method_name(req->method)))
				return EINVAL;
		}
	}

	return from && to && cid && seq ? 0 : EINVAL;
}

/** Remember an INVITE that passed sip_request_check(). On error: sip_origin_reset(). */
int sip_origin_init(struct sip_origin *o, const struct sp_sip_request *req)
{
	struct pl rest, line, name, value, method;
	int err;

	o->lines = mbuf_alloc(256);
	if (!o->lines)
		return ENOMEM;

	err = str_dup(&o->uri, req->uri);

	lines_of(&rest, req->headers);
	while (!err && line_next(&line, &name, &value, &rest)) {
		if (!pl_strcasecmp(&name, "From") || !pl_strcasecmp(&name, "Call-ID") ||
		    !pl_strcasecmp(&name, "Route"))
			err = mbuf_write_pl(o->lines, &line);
		else if (!pl_strcasecmp(&name, "To") && !o->to)
			err = pl_strdup(&o->to, &value);
		else if (!pl_strcasecmp(&name, "CSeq"))
			err = sp_sip_cseq_decode(&o->cseq, &method, &value);
	}

	return err;
}

void sip_origin_reset(struct sip_origin *o)
{
	o->uri = mem_deref(o->uri);
	o->to = mem_deref(o->to);
	o->lines = mem_deref(o->lines);
}
