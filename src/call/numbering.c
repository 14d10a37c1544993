/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/numbering: numbers as a trunk writes them, and E.164 (RFC 3966).
 *
 * In, step by step, each on what the one before has left:
 *  1. `strip` is taken off the front, where it stands there.
 *  2. `add` is put before, unless a "+" leads: that number is complete.
 *  3. "+..." is E.164 as it is.
 *  4. `international_prefix` in front becomes "+".
 *  5. With `country`, `national_prefix` in front becomes "+" and the country.
 *  6. With `country`, a number of 7 digits or more gets "+" and the country
 *     when the plan has no national prefix, or when the peer says so itself by
 *     "phone-context=+44" (RFC 3966 5.1.5); there a country of its own too.
 *  7. Anything else is no E.164 number; it may be digits as dialled.
 *
 * Short codes are the trap of all this: Australia's "000" begins with a prefix,
 * and "112" is no subscriber. So a prefix counts only with some digits after it.
 *
 * The country's own digits without "+" ("442079460018") cannot be told from a
 * national number in general. A trunk that sends them has `add = "+"`, one of
 * North America that sends "12125550123" and "2125550123" has `strip = "1"`.
 */
#include <errno.h>
#include <string.h>

#include "sallyport/base_util.h"
#include "sallyport/number_build.h"
#include "route_priv.h"

enum {
	PLAIN_SIZE = 128,
	COUNTRY_MAX = 3, /* digits of a country code (E.164 6.2)                    */
	AFTER_MIN = 4,   /* digits after a prefix; fewer are a short code           */
	LOCAL_MIN = 7    /* digits of a national number that no prefix goes before  */
};

static const struct sp_conf_numbering nothing; /* settings: none */

static const char *text(const char *s)
{
	return s ? s : "";
}

/** Settings may have a "+" before a country; ours stands elsewhere. */
static const char *country_of(const struct sp_conf_numbering *n)
{
	const char *country = text(n->country);

	return '+' == *country ? country + 1 : country;
}

/** What stands behind prefix in s; NULL when prefix is none or not there. */
static const char *after(const char *s, const char *prefix)
{
	const size_t len = str_len(prefix);

	return len && 0 == strncmp(s, prefix, len) ? s + len : NULL;
}

/** RFC 3966 5.1.1: they are for people and mean nothing. */
static bool is_separator(char c)
{
	return '-' == c || '.' == c || '(' == c || ')' == c;
}

/** Digits, "*", "#", a "+" in front; separators are left out. plain: up to ";" */
static int digits_of(char out[NUMBERING_SIZE], const char *plain)
{
	size_t n = 0;

	for (const char *p = plain; *p && ';' != *p; p++) {
		const bool plus = '+' == *p && p == plain;

		if (is_separator(*p))
			continue;
		if (n + 1 >= NUMBERING_SIZE || (!plus && !strchr("0123456789*#", *p)))
			n = NUMBERING_SIZE;
		if (NUMBERING_SIZE == n)
			break;
		out[n++] = *p;
	}
	if (NUMBERING_SIZE == n)
		n = 0;
	out[n] = '\0';
	return n ? 0 : EINVAL;
}

int numbering_dialled(char out[NUMBERING_SIZE], const struct pl *user)
{
	char plain[PLAIN_SIZE];

	out[0] = '\0';
	return sp_sip_unescape(plain, sizeof(plain), user) ? EINVAL : digits_of(out, plain);
}

/** "+", code and rest, if that is E.164 and rest has min digits. */
static int compose(char out[SP_NUMBER_SIZE], const char *code, const char *rest, size_t min)
{
	char buf[2 * NUMBERING_SIZE];
	struct pl pl;

	if (strlen(rest) < min || re_snprintf(buf, sizeof(buf), "+%s%s", code, rest) < 0)
		return EINVAL;
	pl_set_str(&pl, buf);
	return sp_number_normalise(out, &pl);
}

/**
 * The country that the user part names by itself: "phone-context=+44". A longer
 * context is an area or an exchange, and how numbers are completed there is not
 * said (RFC 3966 5.1.5); a domain's plan is not known to us.
 */
static void context_of(char country[COUNTRY_MAX + 1], const char *plain)
{
	const char *semi = strchr(plain, ';');
	struct pl params, value;
	uint32_t code;

	country[0] = '\0';
	if (!semi)
		return;
	pl_set_str(&params, semi);
	if (!sp_sip_param(&value, &params, "phone-context") || value.l < 2 ||
	    value.l > COUNTRY_MAX + 1 || '+' != value.p[0] || '0' == value.p[1])
		return;
	pl_advance(&value, 1);
	if (0 == sp_u32(&code, &value, 999))
		(void)pl_strcpy(&value, country, COUNTRY_MAX + 1);
}

/** A number of country, named by the peer itself (told) or by our settings. */
static int national(char out[SP_NUMBER_SIZE], const struct sp_conf_numbering *n, const char *s,
		    const char *country, bool told)
{
	const bool own = 0 == strcmp(country, country_of(n));
	const char *prefix = own ? text(n->national_prefix) : "";
	const char *rest = after(s, prefix);

	/* "00..." is not "0" and a subscriber: none begins with 0 where there is a prefix. */
	if (rest)
		return '0' == *rest ? EINVAL : compose(out, country, rest, AFTER_MIN);
	if (*prefix && !told)
		return EINVAL;
	/* Abroad, this is a prefix that we do not know, or Italy. */
	if (!own && '0' == *s)
		return EINVAL;
	return compose(out, country, s, LOCAL_MIN);
}

static int complete(char out[SP_NUMBER_SIZE], const struct sp_conf_numbering *n, const char *s,
		    const char *context)
{
	const char *country = country_of(n), *rest;

	if ('+' == *s)
		return compose(out, "", s + 1, 1);
	rest = after(s, n->international_prefix);
	if (rest)
		return compose(out, "", rest, AFTER_MIN);
	if (!*country)
		return EINVAL;
	return national(out, n, s, *context ? context : country, *context);
}

int numbering_in(char out[SP_NUMBER_SIZE], const struct sp_conf_numbering *n, const struct pl *user)
{
	char plain[PLAIN_SIZE], number[NUMBERING_SIZE], full[NUMBERING_SIZE];
	char context[COUNTRY_MAX + 1];
	const char *s, *rest;

	out[0] = '\0';
	if (!n)
		n = &nothing;
	if (sp_sip_unescape(plain, sizeof(plain), user) || digits_of(number, plain))
		return EINVAL;
	context_of(context, plain);

	rest = after(number, n->strip);
	s = rest ? rest : number;
	if (!*s)
		return EINVAL;
	if ('+' != *s && *text(n->add)) {
		if (re_snprintf(full, sizeof(full), "%s%s", n->add, s) < 0)
			return EINVAL;
		s = full;
	}
	return complete(out, n, s, context);
}

/**
 * The number as the format says. A number abroad in the national format needs
 * the international prefix to be told from one at home; where the plan has
 * none, "+" does it. The international format without a prefix is the digits.
 */
static int format(char out[NUMBERING_SIZE], const struct sp_conf_numbering *n, const char *digits)
{
	const char *abroad = text(n->international_prefix);
	const char *home = after(digits, country_of(n));
	int len = -1;

	switch (n->format) {

	case SP_FORMAT_E164:
		len = re_snprintf(out, NUMBERING_SIZE, "+%s", digits);
		break;
	case SP_FORMAT_NATIONAL:
		if (home && *home)
			len = re_snprintf(out, NUMBERING_SIZE, "%s%s", text(n->national_prefix),
					  home);
		else
			len = re_snprintf(out, NUMBERING_SIZE, "%s%s", *abroad ? abroad : "+",
					  digits);
		break;
	case SP_FORMAT_INTERNATIONAL:
		len = re_snprintf(out, NUMBERING_SIZE, "%s%s", abroad, digits);
		break;
	}
	return len < 0 ? EINVAL : 0;
}

int numbering_out(char out[NUMBERING_SIZE], const struct sp_conf_numbering *n, const char *e164)
{
	char number[SP_NUMBER_SIZE], formatted[NUMBERING_SIZE];
	const char *rest;
	struct pl pl;

	out[0] = '\0';
	if (!n)
		n = &nothing;
	pl_set_str(&pl, text(e164));
	if (sp_number_normalise(number, &pl) || format(formatted, n, number + 1))
		return EINVAL;
	rest = after(formatted, n->strip_out);
	if (!rest || !*rest)
		rest = formatted;
	if (re_snprintf(out, NUMBERING_SIZE, "%s%s", text(n->add_out), rest) < 0) {
		out[0] = '\0';
		return EINVAL;
	}
	return 0;
}

bool numbering_phone(const struct sp_conf_numbering *n)
{
	return n && n->user_phone;
}

void numbering_user(struct pl *user, const struct sp_sip_uri *uri)
{
	*user = uri->user;
	if (SP_URI_TEL == uri->scheme) /* its parameters follow the number (RFC 3966 3) */
		user->l += uri->params.l;
}
