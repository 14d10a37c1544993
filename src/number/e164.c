/* SPDX-License-Identifier: BSD-3-Clause
 *
 * E.164 numbers: the strict form that the table is made of, and the way to it
 * from the user part of a URI (RFC 3966 section 3: global numbers).
 */
#include <re.h>
#include <sallyport/number.h>
#include "number_priv.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** RFC 3966 section 5.1.1: they are for people and mean nothing. */
static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

/**
 * Pack "+" and digits into an integer: the decimal number with a 1 before it.
 * Dividing by ten takes the last digit off, so every prefix of a number is one
 * division away, and no two digit strings share a key.
 */
bool number_pack(uint64_t *key, const char *p, size_t len)
{
	uint64_t k = 1;
	size_t i;

	if (!p || len < 2 || len > SP_NUMBER_DIGITS_MAX + 1 || p[0] != '+' || p[1] == '0')
		return false;

	for (i = 1; i < len; i++) {
		if (!is_digit(p[i]))
			return false;
		k = k * 10 + (uint64_t)(p[i] - '0');
	}

	*key = k;

	return true;
}

int sp_number_normalise(char out[SP_NUMBER_SIZE], const struct pl *user)
{
	size_t n = 0;
	size_t i;

	if (!out)
		return EINVAL;
	out[0] = '\0';
	if (!user || !user->p || !user->l || user->p[0] != '+')
		return EINVAL;

	out[n++] = '+';
	for (i = 1; i < user->l && user->p[i] != ';'; i++) {
		const char c = user->p[i];

		if (is_separator(c))
			continue;
		if (!is_digit(c) || n > SP_NUMBER_DIGITS_MAX)
			goto bad;
		out[n++] = c;
	}

	if (n < 2 || out[1] == '0')
		goto bad;
	out[n] = '\0';

	return 0;

bad:
	out[0] = '\0';

	return EINVAL;
}
