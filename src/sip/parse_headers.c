/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/parse, its header half: what a message's headers must be for it to be one
 * (RFC 3261 8.1.1 and 20). What a header means to one method or one room only
 * is theirs to judge.
 */
#include <errno.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "parse_priv.h"

/* Give both From and To their tag. A tag there twice is read two ways. */
static int addr_tag(struct sp_sip_addr *addr, struct pl *tag, const struct pl *value)
{
	int err;

	err = sp_sip_addr_decode(addr, value);
	if (err)
		return err;

	err = sp_sip_param_token(tag, &addr->params, "tag");

	return err == ENOENT ? 0 : err;
}

/* RFC 3261 8.1.1.3: From always has a tag; peers of RFC 2543 did without. */
static int from_header(struct sp_sip_parser *ps, const struct pl *value)
{
	const int err = addr_tag(&ps->m->from, &ps->m->from_tag, value);

	return err ? err : ps->m->from_tag.l ? 0 : EBADMSG;
}

static int to_header(struct sp_sip_parser *ps, const struct pl *value)
{
	return addr_tag(&ps->m->to, &ps->m->to_tag, value);
}

/* callid = word [ "@" word ] */
static int call_id_header(struct sp_sip_parser *ps, const struct pl *value)
{
	struct pl rest = *value;
	size_t n = sp_sip_span(&rest, CH_WORD);

	ps->m->call_id = *value;
	if (n && n < rest.l && rest.p[n] == '@') {
		pl_advance(&rest, (ssize_t)n + 1);
		n = sp_sip_span(&rest, CH_WORD);
	}

	return n && n == rest.l ? 0 : EBADMSG;
}

static int cseq_header(struct sp_sip_parser *ps, const struct pl *value)
{
	return sp_sip_cseq_decode(&ps->m->cseq, &ps->cseq_name, value);
}

static int max_forwards_header(struct sp_sip_parser *ps, const struct pl *value)
{
	ps->m->has_max_forwards = true;

	return sp_u32(&ps->m->max_forwards, value, 255);
}

static int content_length_header(struct sp_sip_parser *ps, const struct pl *value)
{
	return sp_u32(&ps->length, value, SP_SIP_BODY_MAX);
}

/* m-type SLASH m-subtype, then parameters. */
static int content_type_header(struct sp_sip_parser *ps, const struct pl *value)
{
	struct sp_sip_param param;
	struct pl rest = *value;
	size_t n;
	int err;

	for (unsigned i = 0; i < 2; i++) {
		n = sp_sip_span(&rest, CH_TOKEN);
		if (!n)
			return EBADMSG;
		pl_advance(&rest, (ssize_t)n);
		if (i)
			break;
		sp_sip_ltrim(&rest);
		if (!rest.l || rest.p[0] != '/')
			return EBADMSG;
		pl_advance(&rest, 1);
		sp_sip_ltrim(&rest);
	}

	while (!(err = sp_sip_param_take(&param, &rest))) {
		if (!sp_sip_is_token(&param.name) || !param.has_value)
			return EBADMSG;
	}
	ps->m->content_type = *value;

	return err == ENOENT ? 0 : err;
}

/* Headers that may be there once only. */
static const struct rule {
	enum sp_sip_id id;
	unsigned good; /* what a good one is good for */
	int (*decode)(struct sp_sip_parser *ps, const struct pl *value);
	const char *bad, *twice, *none; /* none: NULL if it may be missing */
} rules[] = {
	{SP_HDR_FROM, GOOD_FROM, from_header, "Bad From", "Two From", "No From"},
	{SP_HDR_TO, GOOD_TO, to_header, "Bad To", "Two To", "No To"},
	{SP_HDR_CALL_ID, GOOD_CALL_ID, call_id_header, "Bad Call-ID", "Two Call-ID", "No Call-ID"},
	{SP_HDR_CSEQ, GOOD_CSEQ, cseq_header, "Bad CSeq", "Two CSeq", "No CSeq"},
	{SP_HDR_CONTENT_LENGTH, 0, content_length_header, "Bad Content-Length",
	 "Two Content-Length", "No Content-Length"},
	{SP_HDR_MAX_FORWARDS, 0, max_forwards_header, "Bad Max-Forwards", "Two Max-Forwards", NULL},
	{SP_HDR_CONTENT_TYPE, 0, content_type_header, "Bad Content-Type", "Two Content-Type", NULL},
};

static void single_header(struct sp_sip_parser *ps, const struct sp_sip_hdr *hdr)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		if (r->id != hdr->id)
			continue;

		if (ps->seen & 1U << i) {
			ps->good &= ~r->good;
			sp_sip_fail(ps, 400, r->twice);
			return;
		}

		ps->seen |= 1U << i;
		if (r->decode(ps, &hdr->value))
			sp_sip_fail(ps, 400, r->bad);
		else
			ps->good |= r->good;
		return;
	}
}

/* The branch must have RFC 3261's cookie, and something behind it (8.1.1.7). */
static bool branch_ok(const struct pl *branch)
{
	static const struct pl cookie = PL("z9hG4bK");
	struct pl start = *branch;

	if (branch->l <= cookie.l)
		return false;

	start.l = cookie.l;

	return !pl_casecmp(&start, &cookie);
}

static void via_values(struct sp_sip_parser *ps)
{
	const struct sp_sip_hdr *hdr = NULL;
	struct sp_sip_via via;
	struct pl value;
	unsigned n = 0;

	while ((hdr = sp_sip_msg_next(ps->m, SP_HDR_VIA, hdr))) {
		struct pl rest = hdr->value;

		if (!rest.l) {
			sp_sip_fail(ps, 400, "Bad Via");
			return;
		}

		while (sp_sip_list_next(&value, &rest)) {
			if (++n > SP_SIP_VIA_MAX) {
				sp_sip_fail(ps, 400, "Too many Via");
				return;
			}
			if (sp_sip_via_decode(&via, &value) ||
			    (n == 1 && !branch_ok(&via.branch))) {
				sp_sip_fail(ps, 400, "Bad Via");
				return;
			}
			if (n == 1) {
				ps->m->branch = via.branch;
				ps->m->sent_by = via.sent_by;
			}
		}
	}

	if (n)
		ps->good |= GOOD_VIA;
	else
		sp_sip_fail(ps, 400, "No Via");
}

static void record_route_values(struct sp_sip_parser *ps)
{
	const struct sp_sip_hdr *hdr = NULL;
	struct pl value;
	unsigned n = 0;

	while ((hdr = sp_sip_msg_next(ps->m, SP_HDR_RECORD_ROUTE, hdr))) {
		struct pl rest = hdr->value;

		while (sp_sip_list_next(&value, &rest)) {
			if (++n > SP_SIP_VIA_MAX) {
				sp_sip_fail(ps, 400, "Too many Record-Route");
				return;
			}
		}
	}
}

/* The method of the message stands in CSeq a second time (RFC 3261 8.1.1.5). */
static void cseq_method(struct sp_sip_parser *ps)
{
	struct sp_sip_msg *m = ps->m;

	if (!(ps->good & GOOD_CSEQ))
		return;

	if (!m->request) {
		m->method_name = ps->cseq_name;
		m->method = sp_sip_method(&m->method_name);
	} else if (pl_cmp(&m->method_name, &ps->cseq_name)) {
		sp_sip_fail(ps, 400, "CSeq has another method");
	}
}

void sp_sip_parse_headers(struct sp_sip_parser *ps)
{
	struct sp_sip_msg *m = ps->m;

	m->max_forwards = SP_SIP_MAX_FORWARDS;

	via_values(ps);
	record_route_values(ps);
	for (size_t i = 0; i < m->hdrc; i++)
		single_header(ps, &m->hdrv[i]);

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].none && !(ps->seen & 1U << i))
			sp_sip_fail(ps, 400, rules[i].none);
	}

	cseq_method(ps);
	if (ps->length != m->body.l)
		sp_sip_fail(ps, 400, "Content-Length is not the body's");
}
