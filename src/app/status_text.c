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

bool status_utf8(const char *s)
{
	struct pl text;

	pl_set_str(&text, s);

	return sp_utf8_ok(&text);
}

int status_label(struct re_printf *pf, const char *s)
{
	const char *end = s ? s + strlen(s) : s;
	int err = 0;

	while (s < end && !err) {
		const size_t n = sp_utf8_len(s, (size_t)(end - s));

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
