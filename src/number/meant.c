/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a name or a number that is wrong may have been meant to be. Only asked
 * for what is refused: nothing is ever taken to be what it may have meant.
 */
#include <string.h>
#include <re.h>
#include "number_priv.h"

enum {
	NEAR_MAX = 2,    /**< slips of the finger in a name that we still recognise */
	NEAR_LEN = 64,   /**< longer names are not compared */
	DIGITS_MIN = 8,  /**< fewer digits might be anything, an extension */
	COUNTRY_MIN = 11 /**< without "+" or "00", fewer might lack the country code */
};

/** Levenshtein's distance of two names of at most NEAR_LEN characters. */
static size_t distance(const char *a, const char *b)
{
	const size_t n = strlen(b);
	size_t row[NEAR_LEN + 1];
	size_t i, j;

	for (j = 0; j <= n; j++)
		row[j] = j;

	for (i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < n; j++) {
			const size_t swap = diagonal + (a[i] != b[j]);
			const size_t gap = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);

			diagonal = row[j + 1];
			row[j + 1] = swap < gap ? swap : gap;
		}
	}

	return row[n];
}

unsigned number_slips(const char *name, const char *meant)
{
	const size_t len = strlen(meant);
	size_t d;

	if (strlen(name) > NEAR_LEN || len > NEAR_LEN)
		return NUMBER_FAR;
	d = distance(name, meant);

	return d <= NEAR_MAX && d < len ? (unsigned)d : NUMBER_FAR;
}

/**
 * How many bytes of what nobody sees begin here: blanks of any width, marks of the writing
 * direction (those of address books come along when a number is copied), a byte order mark.
 */
static size_t unseen(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] == ' ' || u[0] == '\t')
		return 1;
	if (len >= 2 && u[0] == 0xc2 && (u[1] == 0xa0 || u[1] == 0xad))
		return 2;
	if (len < 3)
		return 0;
	if (u[0] == 0xe2 && u[1] == 0x80) /* U+2000..U+200F, U+202A..U+202F */
		return u[2] <= 0x8f || (u[2] >= 0xaa && u[2] <= 0xaf) ? 3 : 0;
	if (u[0] == 0xe2 && u[1] == 0x81) /* U+2060..U+206F */
		return u[2] >= 0xa0 && u[2] <= 0xaf ? 3 : 0;

	return !memcmp(s, "\xef\xbb\xbf", 3) ? 3 : 0;
}

/** The digits of the number that was meant. @return false: no telling */
static bool digits_meant(char out[SP_NUMBER_SIZE], const char *s, size_t len)
{
	char seen[SP_NUMBER_SIZE + 3] = ""; /* with an apostrophe, and "00" */
	const char *p = seen;
	size_t n = 0, min, i, skip;

	for (i = 0; i < len; i += skip) {
		skip = unseen(s + i, len - i);
		if (skip)
			continue;
		if (n == sizeof(seen) - 1)
			return false;
		seen[n++] = s[i];
		skip = 1;
	}
	seen[n] = '\0';

	p += *p == '\''; /* spreadsheets: this is text */
	min = *p == '+' || !strncmp(p, "00", 2) ? DIGITS_MIN : COUNTRY_MIN;
	p += *p == '+';
	p += !strncmp(p, "00", 2) ? 2 : 0;
	n = strlen(p);
	if (*p == '0' || n < min || n > SP_NUMBER_DIGITS_MAX || strspn(p, "0123456789") < n)
		return false;
	memcpy(out, p, n + 1);

	return true;
}

const char *number_meant(char buf[NUMBER_MEND_SIZE], const char *mend, const char *s, size_t len)
{
	char digits[SP_NUMBER_SIZE];

	if (!digits_meant(digits, s, len))
		return mend;
	(void)re_snprintf(buf, NUMBER_MEND_SIZE, "%s; did you mean \"+%s\"?", mend, digits);

	return buf;
}
