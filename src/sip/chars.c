/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/chars: the character classes of RFC 3261 25.1 and what is said in terms
 * of them alone: tokens, escapes, white space.
 */
#include <errno.h>
#include <re.h>
#include "parse_priv.h"

/* Bits of enum sp_sip_class for each ASCII character; test_sip_header compares
 * them with the sets as the RFC writes them. */
static const uint8_t classes[128] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0xdf, 0x40, 0x00, 0x9e, 0x41, 0x8e, 0xdf, 0xde, 0xde, 0xdf, 0xdf, 0x86,
	0xff, 0xff, 0xda, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xd8, 0x82,
	0x40, 0x86, 0x40, 0xd2, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xd8, 0x40, 0xd8, 0x00, 0xdf, 0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0x40, 0x00, 0x40, 0xdf, 0x00,
};

bool sp_sip_ischar(char c, enum sp_sip_class cls)
{
	const uint8_t u = (uint8_t)c;

	return u < 128 && (classes[u] & cls);
}

size_t sp_sip_span(const struct pl *pl, enum sp_sip_class cls)
{
	size_t i = 0;

	while (i < pl->l && sp_sip_ischar(pl->p[i], cls))
		++i;

	return i;
}

bool sp_sip_is_token(const struct pl *pl)
{
	return pl && pl->l && sp_sip_span(pl, CH_TOKEN) == pl->l;
}

/* To the end even when it is not, so that the loop has no branches: every byte
 * of every head comes by here. */
bool sp_sip_printable(const struct pl *pl)
{
	unsigned bad = 0;

	for (size_t i = 0; i < pl->l; i++) {
		const uint8_t u = (uint8_t)pl->p[i];

		bad |= (unsigned)((u < 0x20) & (u != '\t')) | (u == 0x7f);
	}

	return !bad;
}

bool sp_sip_isblank(char c)
{
	return c == ' ' || c == '\t';
}

void sp_sip_ltrim(struct pl *pl)
{
	while (pl->l && sp_sip_isblank(pl->p[0]))
		pl_advance(pl, 1);
}

void sp_sip_trim(struct pl *pl)
{
	sp_sip_ltrim(pl);
	while (pl->l && sp_sip_isblank(pl->p[pl->l - 1]))
		--pl->l;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;

	return -1;
}

/* The byte that "%HH" at offset i stands for, or -1. */
static int escape_at(const struct pl *pl, size_t i)
{
	int hi, lo;

	if (pl->l - i < 3 || pl->p[i] != '%')
		return -1;

	hi = hex(pl->p[i + 1]);
	lo = hex(pl->p[i + 2]);

	return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

bool sp_sip_escaped_ok(const struct pl *pl, enum sp_sip_class cls)
{
	size_t i = 0;

	while (i < pl->l) {
		if (pl->p[i] == '%') {
			if (escape_at(pl, i) < 0)
				return false;
			i += 3;
		} else if (sp_sip_ischar(pl->p[i], cls)) {
			++i;
		} else {
			return false;
		}
	}

	return pl->l > 0;
}

int sp_sip_unescape(char *buf, size_t size, const struct pl *text)
{
	size_t n = 0;

	if (!buf || !size || !text)
		return EINVAL;

	for (size_t i = 0; i < text->l; i++) {
		int c = (uint8_t)text->p[i];

		if (c == '%') {
			c = escape_at(text, i);
			i += 2;
		}

		/* A NUL would end the string early for whoever reads it. */
		if (c <= 0)
			return EBADMSG;
		if (n + 1 >= size)
			return EOVERFLOW;

		buf[n++] = (char)c;
	}

	buf[n] = '\0';

	return 0;
}
