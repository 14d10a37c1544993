/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What others wrote (certificates, error texts, DNS), made fit for a terminal,
 * for JSON and for Prometheus.
 */
#include <string.h>
#include <time.h>

#include "app_status_priv.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static int put(struct re_printf *pf, const char *p, size_t n)
{
	return n ? pf->vph(p, n, pf->arg) : 0;
}

int status_plain(struct re_printf *pf, const char *s)
{
	int err = 0;

	for (; s && *s && !err; s++) {
		const unsigned char c = (unsigned char)*s;

		err = c >= 0x20 && c < 0x7f ? put(pf, s, 1) : re_hprintf(pf, "\\x%02x", c);
	}

	return err;
}

/* Octets of the UTF-8 character at p (RFC 3629 4), 0 when it is none. */
static size_t utf8_len(const unsigned char *p)
{
	/* what the second octet may be, which rules out what is too long, surrogates,
	 * and what lies beyond U+10FFFF */
	unsigned low = 0x80, high = 0xbf;
	size_t n;

	if (*p < 0x80)
		return 1;
	if (*p < 0xc2 || *p > 0xf4)
		return 0;

	n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	if (*p == 0xe0)
		low = 0xa0;
	else if (*p == 0xed)
		high = 0x9f;
	else if (*p == 0xf0)
		low = 0x90;
	else if (*p == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}

	return n;
}

bool status_utf8(const char *s)
{
	for (size_t n; *s; s += n) {
		n = utf8_len((const unsigned char *)s);
		if (!n)
			return false;
	}

	return true;
}

int status_label(struct re_printf *pf, const char *s)
{
	int err = 0;

	for (; s && *s && !err;) {
		const size_t n = utf8_len((const unsigned char *)s);

		if (!n)
			err = re_hprintf(pf, "\\\\x%02x", (unsigned char)*s);
		else if (*s == '\n')
			err = put(pf, "\\n", 2);
		else if (*s == '\\' || *s == '"')
			err = re_hprintf(pf, "\\%c", *s);
		else
			err = put(pf, s, n);
		s += n ? n : 1;
	}

	return err;
}

int status_time(struct re_printf *pf, const uint64_t *s)
{
	const time_t t = (time_t)*s;
	char buf[32] = "-";
	struct tm tm;

	if (*s && gmtime_r(&t, &tm))
		(void)strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);

	return put(pf, buf, strlen(buf));
}

int status_span(struct re_printf *pf, const uint64_t *s)
{
	const uint64_t days = *s / DAY;
	int err = days ? re_hprintf(pf, "%llud ", days) : 0;

	return err ? err
		   : re_hprintf(pf, "%02llu:%02llu:%02llu", *s % DAY / HOUR, *s % HOUR / MINUTE,
				*s % MINUTE);
}
