/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values that are made of digits: parts of numbers, emergency numbers,
 * response codes.
 */
#include <string.h>
#include <libconfig.h>
#include <re.h>
#include "conf_priv.h"

enum { DIALLED_MIN = 2, DIALLED_MAX = 15, CODE_MIN = 400, CODE_GLOBAL = 600, CODE_MAX = 699 };

static const char digits[] = "0123456789";

const char *conf_get_digits(struct conf_reader *rd, const struct conf_key *key,
			    const config_setting_t *s)
{
	const char *str = conf_get_string(rd, key, s), *p = str;
	const bool plus = key->type == CONF_PLUS_DIGITS;
	size_t n;

	if (!str)
		return NULL;

	p += plus && *p == '+';
	n = strspn(p, digits);
	if (p[n] == '+' && !n && !plus) {
		conf_mistake(rd, s, "needs digits alone, without \"+\"");
		return NULL;
	}
	if (p[n] || n < (size_t)key->min || n > (size_t)key->max) {
		conf_mistake(rd, s, "needs %d to %d digits%s", key->min, key->max,
			     plus ? ", \"+\" may stand before them" : "");
		return NULL;
	}

	return conf_keep(rd, str);
}

/* Some countries dial "*" or "#" there; an operator may want them with "+" and the country. */
const char *conf_get_dialled(struct conf_reader *rd, const struct conf_key *key,
			     const config_setting_t *s)
{
	const char *str = conf_get_string(rd, key, s);
	size_t n;

	if (!str)
		return NULL;

	n = strspn(str + (*str == '+'), "0123456789*#");
	if (str[(*str == '+') + n] || n < DIALLED_MIN || n > DIALLED_MAX) {
		conf_mistake(rd, s,
			     "needs what is dialled: %u to %u digits, \"*\" and \"#\", \"+\" may "
			     "stand before them",
			     (unsigned)DIALLED_MIN, (unsigned)DIALLED_MAX);
		return NULL;
	}
	if (str[strlen(str) - 1] == '*')
		conf_note(rd, s,
			  "\"*\" is the key of the telephone here: it does not stand for "
			  "other digits");

	return conf_keep(rd, str);
}

/* What another target would answer just as well, or what is not about the target at all. */
static const char *code_bad(unsigned code)
{
	switch (code) {
	case 401:
	case 407:
		return "asks for a password, which the next target would ask for too: take it out";
	case 422:
		return "is answered with a longer session timer, to the same target: take it out";
	case 487:
		return "ends an INVITE that was cancelled, and nobody waits any more: take it out";
	default:
		return NULL;
	}
}

unsigned conf_get_code(struct conf_reader *rd, const struct conf_key *key,
		       const config_setting_t *s)
{
	const char *mend;
	long long v;

	if (!conf_is_integer(s)) {
		conf_wrong_type(rd, key, s);
		return 0;
	}

	v = config_setting_get_int64(s);
	if (v < CODE_MIN || v > CODE_MAX) {
		conf_mistake(rd, s, "needs a response code from %u to %u", (unsigned)CODE_MIN,
			     (unsigned)CODE_MAX);
		return 0;
	}
	mend = code_bad((unsigned)v);
	if (mend) {
		conf_mistake(rd, s, "%s", mend);
		return 0;
	}
	if (v >= CODE_GLOBAL)
		conf_note(rd, s,
			  "speaks for the person who is called, and not for the target (RFC "
			  "3261 section 21.6): the call is tried again all the same");

	return (unsigned)v;
}
