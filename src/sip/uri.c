/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/uri: SIP, SIPS and tel URIs (RFC 3261 19.1 and 25.1; RFC 3966).
 *
 * Other schemes are checked for their characters only. An unescaped "@" can
 * stand in one place alone, so the first one ends the user part, whatever else
 * ("?", ";", "/") stands before it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "parse_priv.h"

enum { HOST_MAX = 255 };

static bool isdigit_(char c)
{
	return c >= '0' && c <= '9';
}

static bool isalpha_(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool address_ok(int family, const struct pl *text)
{
	char buf[INET6_ADDRSTRLEN];
	uint8_t addr[16];

	/* pl_strcpy() cuts what is too long, and says nothing; inet_pton() ends at a NUL. */
	return text->l < sizeof(buf) && !memchr(text->p, '\0', text->l) &&
	       !pl_strcpy(text, buf, sizeof(buf)) && inet_pton(family, buf, addr) == 1;
}

/* hostname = *( domainlabel "." ) toplabel [ "." ]; a last label that begins
 * with a digit makes it an IPv4 address. The bytes are of CH_HOST already. */
static bool hostname_ok(const struct pl *host)
{
	size_t l = host->l, top = 0;

	if (l && host->p[l - 1] == '.')
		--l;
	if (!l || l > HOST_MAX)
		return false;

	for (size_t i = 0; i < l; i++) {
		const char c = host->p[i];
		const bool first = i == top;
		const bool last = i + 1 == l || host->p[i + 1] == '.';

		if (c == '.')
			top = i + 1;
		else if (c == '-' && (first || last))
			return false;

		if (c == '.' && (first || i + 1 == l))
			return false;
	}

	return isalpha_(host->p[top]) || address_ok(AF_INET, host);
}

int sp_sip_host_take(struct pl *host, struct pl *rest)
{
	if (rest->l && rest->p[0] == '[') {
		const char *end = memchr(rest->p, ']', rest->l);

		if (!end)
			return EBADMSG;

		host->p = rest->p + 1;
		host->l = (size_t)(end - host->p);
		if (!address_ok(AF_INET6, host))
			return EBADMSG;

		pl_advance(rest, (ssize_t)host->l + 2);
		return 0;
	}

	host->p = rest->p;
	host->l = sp_sip_span(rest, CH_HOST);
	if (!hostname_ok(host))
		return EBADMSG;

	pl_advance(rest, (ssize_t)host->l);

	return 0;
}

int sp_sip_port_take(uint16_t *port, struct pl *rest)
{
	struct pl digits;
	uint32_t v;

	*port = 0;
	if (!rest->l || rest->p[0] != ':')
		return 0;

	digits.p = rest->p + 1;
	digits.l = 0;
	while (digits.l < rest->l - 1 && isdigit_(digits.p[digits.l]))
		++digits.l;

	if (sp_u32(&v, &digits, UINT16_MAX) || v == 0)
		return EBADMSG;

	*port = (uint16_t)v;
	pl_advance(rest, (ssize_t)digits.l + 1);

	return 0;
}

static int userinfo_decode(struct sp_sip_uri *uri, struct pl info)
{
	const char *colon = memchr(info.p, ':', info.l);
	struct pl password = PL_INIT;

	uri->user = info;
	if (colon) {
		uri->user.l = (size_t)(colon - info.p);
		password.p = colon + 1;
		password.l = info.l - uri->user.l - 1;
	}

	if (!sp_sip_escaped_ok(&uri->user, CH_USER))
		return EBADMSG;
	if (password.l && !sp_sip_escaped_ok(&password, CH_PASSWORD))
		return EBADMSG;

	return 0;
}

/* "name=value" or, where value may be missing, "name". */
static bool pair_ok(const struct pl *pair, enum sp_sip_class cls, bool headers)
{
	const char *eq = memchr(pair->p, '=', pair->l);
	struct pl name = *pair, value;

	if (!eq)
		return !headers && sp_sip_escaped_ok(pair, cls);

	name.l = (size_t)(eq - pair->p);
	value.p = eq + 1;
	value.l = pair->l - name.l - 1;

	if (headers && !value.l)
		return sp_sip_escaped_ok(&name, cls);

	return sp_sip_escaped_ok(&name, cls) && sp_sip_escaped_ok(&value, cls);
}

/* Pairs, each with sep before it. */
static bool pairs_ok(struct pl text, char first, char sep, enum sp_sip_class cls)
{
	const bool headers = first == '?';
	char expected = first;

	while (text.l) {
		struct pl pair = {text.p + 1, text.l - 1};
		const char *end = memchr(pair.p, sep, pair.l);

		if (text.p[0] != expected)
			return false;
		if (end)
			pair.l = (size_t)(end - pair.p);
		if (!pair_ok(&pair, cls, headers))
			return false;

		pl_advance(&text, (ssize_t)pair.l + 1);
		expected = sep;
	}

	return true;
}

static int tail_decode(struct sp_sip_uri *uri, struct pl rest)
{
	const char *q = rest.l ? memchr(rest.p, '?', rest.l) : NULL;
	struct pl headers = PL_INIT;

	if (q) {
		headers.p = q;
		headers.l = rest.l - (size_t)(q - rest.p);
		rest.l -= headers.l;
		uri->headers.p = q + 1;
		uri->headers.l = headers.l - 1;
		if (!uri->headers.l)
			return EBADMSG;
	}
	uri->params = rest;

	if (!pairs_ok(rest, ';', ';', CH_PARAM) || !pairs_ok(headers, '?', '&', CH_HEADER))
		return EBADMSG;

	return 0;
}

static int sip_decode(struct sp_sip_uri *uri, struct pl rest)
{
	const char *at = rest.l ? memchr(rest.p, '@', rest.l) : NULL;
	int err;

	if (at) {
		const struct pl info = {rest.p, (size_t)(at - rest.p)};

		err = userinfo_decode(uri, info);
		if (err)
			return err;

		pl_advance(&rest, (ssize_t)info.l + 1);
	}

	err = sp_sip_host_take(&uri->host, &rest);
	if (err)
		return err;

	err = sp_sip_port_take(&uri->port, &rest);
	if (err)
		return err;

	return tail_decode(uri, rest);
}

/* RFC 3966 3. A local number without phone-context is against the RFC but
 * unambiguous; routing has the say. */
static int tel_decode(struct sp_sip_uri *uri, struct pl rest)
{
	const char *semi = rest.l ? memchr(rest.p, ';', rest.l) : NULL;
	bool global, digit = false;

	uri->user = rest;
	if (semi)
		uri->user.l = (size_t)(semi - rest.p);

	global = uri->user.l && uri->user.p[0] == '+';
	for (size_t i = global ? 1 : 0; i < uri->user.l; i++) {
		const char c = uri->user.p[i];

		if (isdigit_(c) || (!global && c && strchr("ABCDEFabcdef*#", c)))
			digit = true;
		else if (!c || !strchr("-.()", c))
			return EBADMSG;
	}
	if (!digit)
		return EBADMSG;

	pl_advance(&rest, (ssize_t)uri->user.l);
	uri->params = rest;

	return pairs_ok(rest, ';', ';', CH_PARAM) ? 0 : EBADMSG;
}

static bool scheme_ok(const struct pl *scheme)
{
	for (size_t i = 0; i < scheme->l; i++) {
		const char c = scheme->p[i];

		if (!isalpha_(c) && (i == 0 || !(isdigit_(c) || (c && strchr("+-.", c)))))
			return false;
	}

	return scheme->l > 0;
}

int sp_sip_uri_decode(struct sp_sip_uri *uri, const struct pl *text)
{
	struct pl scheme, rest;
	const char *colon;
	int err;

	if (!uri || !text)
		return EINVAL;

	memset(uri, 0, sizeof(*uri));
	colon = text->l ? memchr(text->p, ':', text->l) : NULL;
	if (!colon)
		return EBADMSG;

	scheme.p = text->p;
	scheme.l = (size_t)(colon - text->p);
	rest.p = colon + 1;
	rest.l = text->l - scheme.l - 1;

	if (!pl_strcasecmp(&scheme, "sip")) {
		uri->scheme = SP_URI_SIP;
		err = sip_decode(uri, rest);
	} else if (!pl_strcasecmp(&scheme, "sips")) {
		uri->scheme = SP_URI_SIPS;
		err = sip_decode(uri, rest);
	} else if (!pl_strcasecmp(&scheme, "tel")) {
		uri->scheme = SP_URI_TEL;
		err = tel_decode(uri, rest);
	} else {
		uri->scheme = SP_URI_OTHER;
		err = scheme_ok(&scheme) && sp_sip_escaped_ok(&rest, CH_URIC) ? 0 : EBADMSG;
	}

	if (err)
		memset(uri, 0, sizeof(*uri));

	return err;
}
