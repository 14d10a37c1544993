/* SPDX-License-Identifier: BSD-3-Clause
 *
 * E.164 numbers: the strict form that the table is made of, and the way to it
 * from the user part of a URI (RFC 3966 section 3: global numbers).
 */
#include <endian.h>
#include <string.h>
#include <re.h>
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

/** Eight digits at once, the first in the lowest byte. */
static bool eight(uint64_t *out, uint64_t x)
{
	const uint64_t above = x + UINT64_C(0x4646464646464646); /* sets bit 7 beyond "9" */

	x -= UINT64_C(0x3030303030303030);
	if ((x | above) & UINT64_C(0x8080808080808080))
		return false;

	/* neighbours are joined: 8 numbers of one digit, 4 of two, 2 of four, 1 of eight */
	x = (x * 10 + (x >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x * 100 + (x >> 16)) & UINT64_C(0x0000ffff0000ffff);
	*out = (x * 10000 + (x >> 32)) & UINT64_C(0xffffffff);

	return true;
}

static uint64_t load(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));

	return le64toh(x);
}

/** 8 to 15 digits: the first eight, then the last ones without those that were in these. */
static bool pack_long(uint64_t *key, const char *p, size_t n)
{
	static const uint64_t unit[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
	const size_t rest = n - 8;
	uint64_t head, tail = 0;

	if (!eight(&head, load(p)))
		return false;
	if (rest) {
		const uint64_t seen = UINT64_MAX >> (8 * rest);
		const uint64_t x = load(p + rest);

		if (!eight(&tail, (x & ~seen) | (seen & UINT64_C(0x3030303030303030))))
			return false;
	}
	*key = (UINT64_C(100000000) + head) * unit[rest] + tail;

	return true;
}

/**
 * Pack "+" and digits into an integer: the decimal number with a 1 before it.
 * Dividing by ten takes the last digit off, and no two digit strings share a key.
 */
bool number_pack(uint64_t *key, const char *p, size_t len)
{
	uint64_t k = 1;
	size_t i;

	if (!p || len < 2 || len > SP_NUMBER_DIGITS_MAX + 1 || p[0] != '+' || p[1] == '0')
		return false;
	if (len > 8)
		return pack_long(key, p + 1, len - 1);

	for (i = 1; i < len; i++) {
		if (!is_digit(p[i]))
			return false;
		k = k * 10 + (uint64_t)(p[i] - '0');
	}

	*key = k;

	return true;
}

void number_unpack(char out[SP_NUMBER_SIZE], uint64_t key)
{
	char digits[SP_NUMBER_SIZE];
	size_t n = 0, i;

	for (; key >= 10 && n < SP_NUMBER_DIGITS_MAX; key /= 10)
		digits[n++] = (char)('0' + key % 10);

	out[0] = '+';
	for (i = 0; i < n; i++)
		out[1 + i] = digits[n - 1 - i];
	out[1 + n] = '\0';
}

unsigned number_digits(uint64_t key)
{
	unsigned n = 0;

	for (; key >= 10; key /= 10)
		++n;

	return n;
}

/** Eight digits, the first in the highest byte -> 32 bits, the first in the highest four. */
static uint64_t squeeze(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	x = be64toh(x) - UINT64_C(0x3030303030303030);
	x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);

	return (x | x >> 16) & UINT64_C(0xffffffff);
}

uint64_t number_nibbles(const char *digits, size_t n)
{
	char all[16];

	memset(all, '0', sizeof(all));
	memcpy(all, digits, n < sizeof(all) ? n : sizeof(all));

	return squeeze(all) << 32 | squeeze(all + 8);
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
