/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a time (RFC 3339 section 5.6). What the grammar's plain form says
 * must be read, what it does not allow refused, and what is read is as many
 * seconds as days counted one by one make.
 */
#include <stdlib.h>
#include "../unit/number_model.h"
#include "../../src/number/number_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/** So many digits of the text, or -1. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}

	return v;
}

static bool one_of(const char **p, const char *chars)
{
	if (!**p || !strchr(chars, **p))
		return false;
	++*p;

	return true;
}

/** "Z", "+01:00": minutes off UTC. */
static bool offset(const char **p, int *minutes)
{
	const bool west = **p == '-';
	int hour, minute;

	*minutes = 0;
	if (one_of(p, "Zz"))
		return true;
	if (!one_of(p, "+-"))
		return false;
	hour = digits(p, 2);
	if (hour < 0 || !one_of(p, ":"))
		return false;
	minute = digits(p, 2);
	*minutes = (hour * 60 + minute) * (west ? -1 : 1);

	return hour < 24 && minute >= 0 && minute < 60;
}

/**
 * The text in plain steps.
 * @param may set when it is an allowance that a reader may make: small letters, a space, a leap
 *            second
 */
static bool model_time(int64_t *s, const char *p, bool *may)
{
	int year, month, day, hour, minute, second, minutes;

	*may = strpbrk(p, "tz ") != NULL;
	if ((year = digits(&p, 4)) < 0 || !one_of(&p, "-") || (month = digits(&p, 2)) < 1 ||
	    !one_of(&p, "-") || (day = digits(&p, 2)) < 1 || !one_of(&p, "Tt "))
		return false;
	if ((hour = digits(&p, 2)) < 0 || !one_of(&p, ":") || (minute = digits(&p, 2)) < 0 ||
	    !one_of(&p, ":") || (second = digits(&p, 2)) < 0)
		return false;
	if (month > 12 || day > model_days_of(year, month) || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	*may |= second == 60;
	if (one_of(&p, ".")) {
		const size_t n = strspn(p, "0123456789");

		if (!n)
			return false;
		p += n;
	}
	if (!offset(&p, &minutes) || *p)
		return false;
	*s = model_seconds(year, month, day, hour * 3600 + minute * 60 + second) - minutes * 60;

	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* its end is the end of the memory */
	int64_t want = 0, is = 0;
	bool may, ok, read;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';

	ok = model_time(&want, text, &may);
	read = sp_number_time(&is, text);
	if (read)
		check(ok && is == want);
	else
		check(!ok || may);
	free(text);

	return 0;
}
