/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzzes the parts of bodies. The input is header lines, an empty line and the
 * body. A part that is found lies in the body; replaced by itself it changes
 * nothing but a wrong length; what is put into its place is found there again,
 * and the other parts with it; left out, there is one part less.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sallyport/sip_body.h"

#define HEAD                                                                                       \
	"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"   \
	"To: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"

static const char sdp[] = "application/sdp", pidf[] = "application/pidf+xml";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* headers: without the empty line; NULL when that is no message. */
static struct sp_sip_msg *message(const struct pl *headers, const struct pl *body)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;

	must(!mbuf_printf(mb, HEAD "%rContent-Length: %zu\r\n\r\n%b", headers, body->l, body->p,
			  body->l));
	if (sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault))
		m = mem_deref(m);
	mem_deref(mb);

	return m;
}

static void inside(const struct pl *piece, const struct pl *text)
{
	must(!piece->l || (piece->p >= text->p && piece->p + piece->l <= text->p + text->l));
}

static void same_again(const struct sp_sip_msg *m, const struct sp_sip_part *part)
{
	struct mbuf *mb = mbuf_alloc(64), *text = mbuf_alloc(64);
	int err;

	must(!part->body.l || !mbuf_write_pl(text, &part->body));
	err = sp_sip_part_replace(mb, m, part, text);
	must(!err || err == EBADMSG);
	if (!err && !part->length.l)
		must(mb->end == m->body.l && !memcmp(mb->buf, m->body.p, mb->end));
	mem_deref(mb);
	mem_deref(text);
}

/* text: NULL to leave the part out. */
static void changed(const struct pl *headers, const struct sp_sip_msg *m,
		    const struct sp_sip_part *part, const struct pl *text)
{
	struct mbuf *out = mbuf_alloc(64), *in = text ? mbuf_alloc(64) : NULL;
	struct sp_sip_part again, other, before;
	struct sp_sip_msg *n = NULL;
	struct pl body;
	int err;

	if (in)
		must(!mbuf_write_pl(in, text));
	err = sp_sip_part_replace(out, m, part, in);
	if (err) {
		must(err == EBADMSG || (!text && err == ENOENT));
		goto out;
	}
	body = (struct pl){(const char *)out->buf, out->end};
	n = message(headers, &body);
	if (!n)
		goto out; /* too large now */

	err = sp_sip_part_find(&again, n, sdp);
	if (text)
		must(!err && !pl_cmp(&again.body, text) && again.count == part->count);
	else if (err == ENOTSUP)
		goto out; /* the next one cannot be had */
	else
		must(err != EBADMSG && again.count + 1 == part->count);

	err = sp_sip_part_find(&before, m, pidf);
	must(err == sp_sip_part_find(&other, n, pidf) && before.count == other.count);
	must(err || !pl_cmp(&before.body, &other.body));

out:
	mem_deref(n);
	mem_deref(in);
	mem_deref(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pl text = PL("v=0\r\ns=-\r\n");
	const char *p = (const char *)data, *end = memmem(data, size, "\r\n\r\n", 4);
	struct sp_sip_part part;
	struct pl headers, body;
	struct sp_sip_msg *m;

	if (!end)
		return 0;

	headers = (struct pl){p, (size_t)(end + 2 - p)};
	body = (struct pl){end + 4, size - headers.l - 2};
	m = message(&headers, &body);
	if (!m)
		return 0;

	if (!sp_sip_part_find(&part, m, sdp)) {
		inside(&part.body, &m->body);
		inside(&part.headers, &m->body);
		inside(&part.whole, &m->body);
		inside(&part.length, &m->body);
		must(part.depth <= SP_SIP_PART_DEPTH && part.count);
		same_again(m, &part);
		changed(&headers, m, &part, &text);
		changed(&headers, m, &part, NULL);
	}
	mem_deref(m);

	return 0;
}
