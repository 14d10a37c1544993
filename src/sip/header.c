/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/header: what header values are made of (RFC 3261 20 and 25.1):
 * addresses, Via and CSeq.
 *
 * Values come with their folds replaced by spaces, so that LWS is SP and HTAB
 * only. Each decoder checks its value to the last byte.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "parse_priv.h"

enum { CSEQ_MAX = 0x7fffffff }; /* RFC 3261 8.1.1.5 */

static bool token_take(struct pl *token, struct pl *rest)
{
	token->p = rest->p;
	token->l = sp_sip_span(rest, CH_TOKEN);
	pl_advance(rest, (ssize_t)token->l);

	return token->l > 0;
}

/* generic-param = token [ EQUAL ( token / host / quoted-string ) ]. An IPv6
 * address goes without brackets in Via's received, hence the colon. */
static bool param_ok(const struct sp_sip_param *param)
{
	if (!sp_sip_is_token(&param->name))
		return false;
	if (!param->has_value || param->quoted)
		return true;

	for (size_t i = 0; i < param->value.l; i++) {
		const char c = param->value.p[i];

		if (!sp_sip_ischar(c, CH_TOKEN) && c != '[' && c != ']' && c != ':')
			return false;
	}

	return param->value.l > 0;
}

/* All of rest is header parameters. On success they begin with ";". */
static int params_decode(struct pl *params, struct pl rest)
{
	struct sp_sip_param param;
	int err;

	sp_sip_trim(&rest);
	*params = rest;

	while (!(err = sp_sip_param_take(&param, &rest))) {
		if (!param_ok(&param))
			return EBADMSG;
	}

	return err == ENOENT ? 0 : err;
}

/* display-name = *(token LWS) / quoted-string. Takes it if "<" comes behind;
 * bytes of UTF-8 are let through, for many send them without quotes. */
static int display_take(struct pl *display, struct pl *rest, bool *angle)
{
	struct pl r = *rest;
	size_t n = 0;

	*angle = false;

	if (r.l && r.p[0] == '"') {
		const char *end = sp_sip_quote_end(r.p, r.p + r.l);

		if (!end)
			return EBADMSG;

		display->p = r.p + 1;
		display->l = (size_t)(end - display->p);
		pl_advance(&r, end + 1 - r.p);
		sp_sip_ltrim(&r);
		if (!r.l || r.p[0] != '<')
			return EBADMSG;
	} else {
		while (n < r.l && (sp_sip_ischar(r.p[n], CH_TOKEN) || sp_sip_isblank(r.p[n]) ||
				   (uint8_t)r.p[n] >= 0x80))
			++n;
		if (n == r.l || r.p[n] != '<')
			return 0;

		display->p = r.p;
		display->l = n;
		sp_sip_trim(display);
		pl_advance(&r, (ssize_t)n);
	}

	pl_advance(&r, 1);
	*angle = true;
	*rest = r;

	return 0;
}

/* The URI in <>, or without. In the latter case it holds no comma, question
 * mark or semicolon, and parameters are the header's (RFC 3261 20.10). */
static int addr_spec_take(struct pl *text, struct pl *rest, bool angle)
{
	size_t n = 0;

	text->p = rest->p;

	if (angle) {
		const char *end = rest->l ? memchr(rest->p, '>', rest->l) : NULL;

		if (!end)
			return EBADMSG;

		text->l = (size_t)(end - rest->p);
		pl_advance(rest, (ssize_t)text->l + 1);
		return 0;
	}

	while (n < rest->l && rest->p[n] != ';' && !sp_sip_isblank(rest->p[n])) {
		if (rest->p[n] == ',' || rest->p[n] == '?')
			return EBADMSG;
		++n;
	}

	text->l = n;
	pl_advance(rest, (ssize_t)n);

	return 0;
}

int sp_sip_addr_decode(struct sp_sip_addr *addr, const struct pl *value)
{
	struct pl rest;
	bool angle;
	int err;

	if (!addr || !value)
		return EINVAL;

	memset(addr, 0, sizeof(*addr));
	rest = *value;
	sp_sip_trim(&rest);

	err = display_take(&addr->display, &rest, &angle);
	if (err)
		goto out;

	err = addr_spec_take(&addr->text, &rest, angle);
	if (err)
		goto out;

	err = sp_sip_uri_decode(&addr->uri, &addr->text);
	if (err)
		goto out;

	err = params_decode(&addr->params, rest);

out:
	if (err)
		memset(addr, 0, sizeof(*addr));

	return err;
}

/* sent-by = host [ COLON port ]; white space may stand around this colon. */
static int sent_by_take(struct pl *sent_by, struct pl *rest)
{
	struct pl host, r;
	uint32_t port;
	int err;

	sent_by->p = rest->p;
	err = sp_sip_host_take(&host, rest);
	if (err)
		return err;

	r = *rest;
	if (sp_sip_sep_take(&r, ':')) {
		const struct pl digits = {r.p, sp_sip_span(&r, CH_HOST)};

		if (sp_u32(&port, &digits, UINT16_MAX) || !port)
			return EBADMSG;

		pl_advance(&r, (ssize_t)digits.l);
		*rest = r;
	}

	sent_by->l = (size_t)(rest->p - sent_by->p);

	return 0;
}

static int via_take(struct sp_sip_via *via, struct pl rest)
{
	struct pl protocol, version;
	int err;

	if (!token_take(&protocol, &rest) || pl_strcasecmp(&protocol, "SIP") ||
	    !sp_sip_sep_take(&rest, '/') || !token_take(&version, &rest) ||
	    pl_strcmp(&version, "2.0") || !sp_sip_sep_take(&rest, '/') ||
	    !token_take(&via->transport, &rest))
		return EBADMSG;

	if (!rest.l || !sp_sip_isblank(rest.p[0]))
		return EBADMSG;
	sp_sip_ltrim(&rest);

	err = sent_by_take(&via->sent_by, &rest);
	if (err)
		return err;

	err = params_decode(&via->params, rest);
	if (err)
		return err;

	err = sp_sip_param_token(&via->branch, &via->params, "branch");

	return err == ENOENT ? 0 : err;
}

int sp_sip_via_decode(struct sp_sip_via *via, const struct pl *value)
{
	struct pl rest;
	int err;

	if (!via || !value)
		return EINVAL;

	memset(via, 0, sizeof(*via));
	rest = *value;
	sp_sip_trim(&rest);

	err = via_take(via, rest);
	if (err)
		memset(via, 0, sizeof(*via));

	return err;
}

int sp_sip_cseq_decode(uint32_t *num, struct pl *method, const struct pl *value)
{
	struct pl digits, rest;
	uint32_t v;

	if (!num || !method || !value)
		return EINVAL;

	rest = *value;
	sp_sip_trim(&rest);
	digits.p = rest.p;
	digits.l = 0;
	while (digits.l < rest.l && !sp_sip_isblank(rest.p[digits.l]))
		++digits.l;
	pl_advance(&rest, (ssize_t)digits.l);
	sp_sip_ltrim(&rest);

	if (sp_u32(&v, &digits, CSEQ_MAX) || !sp_sip_is_token(&rest))
		return EBADMSG;

	*num = v;
	*method = rest;

	return 0;
}
