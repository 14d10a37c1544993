/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the framer: the first bytes say how the rest is sliced, and the
 * slices must give the very messages, and the very end, that the whole gives.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sallyport/sip_message.h"

enum { SLICES = 8 };

struct out {
	struct mbuf *mb;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame_handler(const char *p, size_t n, void *arg)
{
	struct out *o = arg;
	const uint32_t length = (uint32_t)n;

	if (n > SP_SIP_HEAD_MAX + SP_SIP_BODY_MAX)
		abort();

	(void)mbuf_write_mem(o->mb, (const uint8_t *)&length, sizeof(length));
	(void)mbuf_write_mem(o->mb, (const uint8_t *)p, n);
}

/* Messages into o->mb, then how it ended. slices NULL: in one piece. */
static void run(struct out *o, const uint8_t *slices, const uint8_t *p, size_t n)
{
	struct sp_sip_frame *f = NULL;
	size_t i = 0;
	int err = 0;

	o->mb = mbuf_alloc(512);
	if (!o->mb || sp_sip_frame_alloc(&f, frame_handler, o))
		abort();

	while (n && !err) {
		const size_t slice = slices ? (size_t)slices[i++ % SLICES] + 1 : n;
		const size_t piece = min(n, slice);

		err = sp_sip_frame_input(f, p, piece, NULL);
		p += piece;
		n -= piece;
	}

	(void)mbuf_printf(o->mb, "%d %d", err, sp_sip_frame_partial(f));
	mem_deref(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct out whole, sliced;

	if (size < SLICES)
		return 0;

	run(&whole, NULL, data + SLICES, size - SLICES);
	run(&sliced, data, data + SLICES, size - SLICES);

	if (whole.mb->end != sliced.mb->end ||
	    memcmp(whole.mb->buf, sliced.mb->buf, whole.mb->end) != 0)
		abort();

	mem_deref(whole.mb);
	mem_deref(sliced.mb);

	return 0;
}
