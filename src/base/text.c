/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Strict readings of a peer's text.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include <sallyport/base_util.h>

int sp_u32(uint32_t *out, const struct pl *pl, uint32_t max)
{
	uint64_t v = 0;

	if (!out || !pl || !pl->p || !pl->l)
		return EINVAL;

	/* to the end even when the value is too large: what is no number at
	 * all is never reported as out of range */
	for (size_t i = 0; i < pl->l; i++) {
		const char c = pl->p[i];

		if (c < '0' || c > '9')
			return EINVAL;
		if (v <= max)
			v = v * 10 + (uint64_t)(c - '0');
	}

	if (v > max)
		return ERANGE;

	*out = (uint32_t)v;

	return 0;
}

bool sp_text_ok(const struct pl *s)
{
	if (!s || !s->p)
		return true;

	for (size_t i = 0; i < s->l; i++) {
		const unsigned char c = (unsigned char)s->p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}

	return true;
}

size_t sp_utf8_len(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	/* what the second octet may be, which rules out what is too long, surrogates,
	 * and what lies beyond U+10FFFF */
	unsigned low = 0x80, high = 0xbf;
	size_t n;

	if (*p < 0x80)
		return 1;
	if (*p < 0xc2 || *p > 0xf4)
		return 0;

	n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	if (n > left)
		return 0;
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

bool sp_utf8_ok(const struct pl *s)
{
	if (!s || !s->p)
		return true;

	for (size_t i = 0, n; i < s->l; i += n) {
		n = sp_utf8_len(s->p + i, s->l - i);
		if (!n)
			return false;
	}

	return true;
}

static void secret_destructor(void *arg)
{
	struct mbuf *mb = arg;

	if (mb->buf)
		explicit_bzero(mb->buf, mb->size);
	mem_deref(mb->buf);
}

struct mbuf *sp_mbuf_secret(size_t size)
{
	struct mbuf *mb = mem_zalloc(sizeof(*mb), secret_destructor);

	if (mb && mbuf_resize(mb, size))
		mb = mem_deref(mb);

	return mb;
}
