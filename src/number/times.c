/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times as rows write them (RFC 3339 section 5.6: date-time). A time zone is part
 * of it: a table is read by machines that may each think themselves elsewhere.
 */
#include <re.h>
#include "number_priv.h"

enum { SECONDS_A_DAY = 86400 };

/** n digits, at *p, which moves on. */
static bool digits(unsigned *out, const char **p, unsigned n)
{
	unsigned v = 0;

	for (; n; n--, ++*p) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (unsigned)(**p - '0');
	}
	*out = v;

	return true;
}

static bool sign(const char **p, char c)
{
	return *(*p)++ == c;
}

static unsigned days_of(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = !(year % 4) && (year % 100 || !(year % 400));

	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/** Days since 1970-01-01 (proleptic Gregorian). Years begin in March here: leap days end them. */
static int64_t days_since(unsigned year, unsigned month, unsigned day)
{
	const int64_t y = (int64_t)year - (month <= 2);
	const int64_t m = (month + 9) % 12;
	const int64_t leaps = y >= 0 ? y / 4 - y / 100 + y / 400 : -1;

	return y * 365 + leaps + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/** "Z", "+01:00" -> seconds east of UTC. */
static bool offset(int64_t *s, const char **p)
{
	unsigned hour, minute;
	const char c = *(*p)++;

	*s = 0;
	if (c == 'Z' || c == 'z')
		return true;
	if ((c != '+' && c != '-') || !digits(&hour, p, 2) || !sign(p, ':') ||
	    !digits(&minute, p, 2) || hour > 23 || minute > 59)
		return false;

	*s = (int64_t)hour * 3600 + (int64_t)minute * 60;
	if (c == '-')
		*s = -*s;

	return true;
}

bool sp_number_time(int64_t *s, const char *text)
{
	unsigned year, month, day, hour, minute, second;
	const char *p = text;
	int64_t east;

	if (!s || !text)
		return false;
	if (!digits(&year, &p, 4) || !sign(&p, '-') || !digits(&month, &p, 2) || !sign(&p, '-') ||
	    !digits(&day, &p, 2) || (*p != 'T' && *p != 't'))
		return false;
	++p;
	if (!digits(&hour, &p, 2) || !sign(&p, ':') || !digits(&minute, &p, 2) || !sign(&p, ':') ||
	    !digits(&second, &p, 2))
		return false;

	if (month < 1 || month > 12 || day < 1 || day > days_of(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return false;

	if (*p == '.') {
		if (p[1] < '0' || p[1] > '9')
			return false;
		for (++p; *p >= '0' && *p <= '9'; ++p)
			;
	}
	if (!offset(&east, &p) || *p)
		return false;

	*s = days_since(year, month, day) * SECONDS_A_DAY + (int64_t)hour * 3600 +
	     (int64_t)minute * 60 + (int64_t)second - east;

	/* section 5.7: a leap second ends a day of UTC; POSIX counts it as the next one's first */
	return second < 60 || !(*s % SECONDS_A_DAY);
}
