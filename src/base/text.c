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
