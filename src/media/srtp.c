/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/srtp: what both directions of SRTP need and has nothing to do with
 * keys: the shape of packets, replay windows, tables of SSRCs.
 */
#include <string.h>

#include "srtp_priv.h"

size_t srtp_rtp_head(const uint8_t *p, size_t len, size_t tail)
{
	size_t head = SRTP_HEADER;

	if (len < head + tail || len > SRTP_PACKET_MAX || p[0] >> 6 != 2)
		return 0;

	head += 4u * (p[0] & 0x0f);
	if (p[0] & 0x10) {
		head += 4;
		if (len < head + tail)
			return 0;
		head += 4u * srtp_get16(p + head - 2);
	}

	return len >= head + tail ? head : 0;
}

bool srtp_rtcp_ok(const uint8_t *p, size_t len, size_t tail)
{
	return len >= SRTCP_HEADER + tail && len <= SRTP_PACKET_MAX && p[0] >> 6 == 2;
}

/* ---- replay windows (RFC 3711 3.3.2) ---- */

enum srtp_seen srtp_window_look(const struct srtp_window *w, uint64_t index)
{
	uint64_t back;

	if (index > w->high)
		return SRTP_NEW;

	back = w->high - index;
	if (back >= SRTP_WINDOW)
		return SRTP_STALE;

	return w->seen[back / 64] >> back % 64 & 1 ? SRTP_SEEN : SRTP_NEW;
}

/* Bit n becomes bit n + by; the lower ones are empty. */
static void window_shift(struct srtp_window *w, uint64_t by)
{
	const size_t words = by / 64, bits = by % 64;

	if (by == 1) { /* packets mostly come in order */
		for (size_t i = SRTP_WINDOW / 64 - 1; i; i--)
			w->seen[i] = w->seen[i] << 1 | w->seen[i - 1] >> 63;
		w->seen[0] <<= 1;
		return;
	}

	for (size_t i = SRTP_WINDOW / 64; i-- > 0;) {
		uint64_t v = 0;

		if (i >= words)
			v = w->seen[i - words] << bits;
		if (i > words && bits)
			v |= w->seen[i - words - 1] >> (64 - bits);
		w->seen[i] = v;
	}
}

void srtp_window_set(struct srtp_window *w, uint64_t index)
{
	uint64_t back = 0;

	if (index > w->high) {
		window_shift(w, index - w->high);
		w->high = index;
	} else {
		back = w->high - index;
	}
	w->seen[back / 64] |= UINT64_C(1) << back % 64;
}

/* ---- tables ---- */

int srtp_table_add(struct srtp_table *t, size_t entry, uint32_t ssrc, void **ep)
{
	if (t->n >= SP_SRTP_SSRC_MAX)
		return EOVERFLOW;

	if (t->n == t->size) {
		const uint32_t size = t->size ? 2 * t->size : 2;
		uint8_t *v = mem_reallocarray(t->v, size, entry, NULL);

		if (!v)
			return ENOMEM;
		t->v = v;
		t->size = size;
	}

	*ep = t->v + t->n * entry;
	memset(*ep, 0, entry);
	memcpy(*ep, &ssrc, sizeof(ssrc));
	t->last = t->n++;

	return 0;
}
