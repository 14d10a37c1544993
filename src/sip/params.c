/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/params: comma-separated lists and ";name=value" parameters, of headers
 * and of URIs (RFC 3261 7.3.1 and 25.1), with what quotes do to both.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "parse_priv.h"

const char *sp_sip_quote_end(const char *p, const char *end)
{
	for (++p; p < end; p++) {
		if (*p == '\\')
			++p;
		else if (*p == '"')
			return p;
	}

	return NULL;
}

bool sp_sip_sep_take(struct pl *rest, char c)
{
	struct pl r = *rest;

	sp_sip_ltrim(&r);
	if (!r.l || r.p[0] != c)
		return false;

	pl_advance(&r, 1);
	sp_sip_ltrim(&r);
	*rest = r;

	return true;
}

/* An empty value between commas, or after the last, is handed out as such:
 * the grammar knows none, and whoever decodes it refuses it. */
bool sp_sip_list_next(struct pl *value, struct pl *rest)
{
	const char *p, *end;
	bool angle = false;

	if (!value || !rest)
		return false;

	sp_sip_ltrim(rest);
	if (!rest->l)
		return false;

	end = rest->p + rest->l;
	for (p = rest->p; p < end; p++) {
		if (angle) {
			angle = *p != '>';
		} else if (*p == '<') {
			angle = true;
		} else if (*p == '"') {
			p = sp_sip_quote_end(p, end);
			if (!p) {
				p = end;
				break;
			}
		} else if (*p == ',') {
			break;
		}
	}

	value->p = rest->p;
	value->l = (size_t)(p - rest->p);
	pl_advance(rest, (ssize_t)value->l);
	sp_sip_trim(value);

	if (rest->l) {
		struct pl after = {rest->p + 1, rest->l - 1};

		/* A comma at the very end stays, for the empty value behind it. */
		sp_sip_ltrim(&after);
		if (after.l || !value->l)
			*rest = after;
	}

	return true;
}

/* Names and values end where the next separator is; what characters they may
 * have depends on where they stand, and is for the caller to know. */
int sp_sip_param_take(struct sp_sip_param *param, struct pl *rest)
{
	struct pl r = *rest;
	size_t n = 0;

	memset(param, 0, sizeof(*param));
	if (!sp_sip_sep_take(&r, ';')) {
		sp_sip_ltrim(&r);
		return r.l ? EBADMSG : ENOENT;
	}

	while (n < r.l && r.p[n] != ';' && r.p[n] != '=' && !sp_sip_isblank(r.p[n]))
		++n;
	if (!n)
		return EBADMSG;

	param->name.p = r.p;
	param->name.l = n;
	pl_advance(&r, (ssize_t)n);

	param->has_value = sp_sip_sep_take(&r, '=');
	if (param->has_value && r.l && r.p[0] == '"') {
		const char *end = sp_sip_quote_end(r.p, r.p + r.l);

		if (!end)
			return EBADMSG;

		param->quoted = true;
		param->value.p = r.p + 1;
		param->value.l = (size_t)(end - param->value.p);
		pl_advance(&r, end + 1 - r.p);
	} else if (param->has_value) {
		for (n = 0; n < r.l && r.p[n] != ';' && !sp_sip_isblank(r.p[n]); n++)
			;

		param->value.p = r.p;
		param->value.l = n;
		pl_advance(&r, (ssize_t)n);
	}

	*rest = r;

	return 0;
}

int sp_sip_param_token(struct pl *value, const struct pl *params, const char *name)
{
	struct sp_sip_param param;
	struct pl rest = *params;
	int err, found = ENOENT;

	value->p = NULL;
	value->l = 0;

	while (!(err = sp_sip_param_take(&param, &rest))) {
		if (pl_strcasecmp(&param.name, name))
			continue;
		if (!found || param.quoted || !sp_sip_is_token(&param.value))
			return EBADMSG;

		*value = param.value;
		found = 0;
	}

	return err == ENOENT ? found : err;
}

bool sp_sip_param(struct pl *value, const struct pl *params, const char *name)
{
	struct sp_sip_param param;
	struct pl rest;

	if (!params || !name)
		return false;

	rest = *params;
	while (!sp_sip_param_take(&param, &rest)) {
		if (!pl_strcasecmp(&param.name, name)) {
			if (value)
				*value = param.value;
			return true;
		}
	}

	return false;
}
