/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the parser. What it takes must point into its own text, and be one
 * whole message for the framer too: the two may never disagree about where a
 * message ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "sallyport/sip_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame_handler(const char *p, size_t n, void *arg)
{
	size_t *length = arg;

	(void)p;
	*length = n;
}

static void inside(const struct sp_sip_msg *m, const struct pl *pl, size_t size)
{
	if (pl->l && (pl->p < m->text || pl->p + pl->l > m->text + size))
		abort();
}

static void check(const struct sp_sip_msg *m, size_t size)
{
	const struct pl *parts[] = {&m->method_name, &m->branch,  &m->sent_by,  &m->call_id,
				    &m->from.text,   &m->to.text, &m->from_tag, &m->to_tag};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		inside(m, parts[i], size);
	if (!m->branch.l || !m->from_tag.l || !m->call_id.l || !m->from.text.l || !m->to.text.l)
		abort();

	for (size_t i = 0; i < m->hdrc; i++) {
		inside(m, &m->hdrv[i].name, size);
		inside(m, &m->hdrv[i].value, size);
		if (!sp_sip_is_token(&m->hdrv[i].name) ||
		    memchr(m->hdrv[i].value.p, '\n', m->hdrv[i].value.l))
			abort();
	}
	(void)sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer");
	(void)sp_sip_msg_named(m, "Session-Expires");
}

static void framed(const uint8_t *data, size_t size)
{
	struct sp_sip_frame *f = NULL;
	size_t length = 0;

	if (sp_sip_frame_alloc(&f, frame_handler, &length))
		abort();
	if (sp_sip_frame_input(f, data, size, NULL) || length != size || sp_sip_frame_partial(f))
		abort();
	mem_deref(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;
	int err;

	if (!size)
		return 0;

	err = sp_sip_msg_parse(&m, (const char *)data, size, &fault);
	if (err && (!fault.status || !fault.reason || fault.answerable != (m != NULL)))
		abort();
	if (!err && (fault.status || !m))
		abort();
	if (m)
		check(m, size);
	if (!err)
		framed(data, size);
	mem_deref(m);

	return 0;
}
