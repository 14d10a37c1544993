/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the framer: the first bytes say how the rest is sliced, and the
 * slices must give the very messages, and the very end, that the whole gives.
 * One more octet says whether an answer to our keep-alive is waited for, and
 * with which message the handler drops the framer.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sallyport/sip_message.h"

enum { SLICES = 8, PINGED = 0x80 };

struct out {
	struct mbuf *mb;
	struct sp_sip_frame *f;
	unsigned left; /* messages until it is dropped; 0: never */
	bool pinged;   /* which CRLF answers depends on the slices: none is noted */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame_handler(const char *p, size_t n, void *arg)
{
	struct out *o = arg;
	const uint32_t length = (uint32_t)n;

	if (n > SP_SIP_HEAD_MAX + SP_SIP_BODY_MAX)
		abort();
	if (!o->f) /* dropped */
		abort();
	if (!n && o->pinged)
		return;

	(void)mbuf_write_mem(o->mb, (const uint8_t *)&length, sizeof(length));
	(void)mbuf_write_mem(o->mb, (const uint8_t *)p, n);
	if (o->left && !--o->left)
		o->f = mem_deref(o->f);
}

/* Messages into o->mb, then how it ended. how: the octet; slices NULL: in one piece. */
static void run(struct out *o, uint8_t how, const uint8_t *slices, const uint8_t *p, size_t n)
{
	size_t i = 0;
	int err = 0;

	*o = (struct out){.mb = mbuf_alloc(512), .left = how & 7, .pinged = how & PINGED};
	if (!o->mb || sp_sip_frame_alloc(&o->f, frame_handler, o))
		abort();
	if (o->pinged)
		sp_sip_frame_pinged(o->f);

	while (n && !err && o->f) {
		const size_t slice = slices ? (size_t)slices[i++ % SLICES] + 1 : n;
		const size_t piece = min(n, slice);

		err = sp_sip_frame_input(o->f, p, piece, NULL);
		p += piece;
		n -= piece;
	}

	if (sp_sip_frame_pongs(o->f) > o->pinged)
		abort();
	if (o->f)
		(void)mbuf_printf(o->mb, "%d %d", err, sp_sip_frame_partial(o->f));
	mem_deref(o->f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct out whole, sliced;

	if (size <= SLICES)
		return 0;

	run(&whole, data[SLICES], NULL, data + SLICES + 1, size - SLICES - 1);
	run(&sliced, data[SLICES], data, data + SLICES + 1, size - SLICES - 1);

	if (whole.mb->end != sliced.mb->end ||
	    memcmp(whole.mb->buf, sliced.mb->buf, whole.mb->end) != 0)
		abort();

	mem_deref(whole.mb);
	mem_deref(sliced.mb);

	return 0;
}
