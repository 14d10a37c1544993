/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz: any description, rewritten with any options. The first octets of the
 * input are the options, the rest is the description; behind an octet 0xff may
 * stand another one, which it answers.
 *
 * What comes out is lines that end in CRLF, can be parsed, and is about the
 * gateway alone: the ports, keys and tags of the options and nothing of the
 * sender's network. Rewritten again it stays the same; with another version only
 * o= is another.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sdp.h>
#include "fuzz_assert.h"

enum { OPTIONS = 4 + SP_SDP_MEDIA_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_local(struct sp_sdp_local *local, const uint8_t *o)
{
	const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [14] = 77, [15] = o[1]};

	memset(local, 0, sizeof(*local));
	if (o[0] & 1)
		sa_set_in6(&local->addr, v6, 0);
	else
		sa_set_in(&local->addr, 0x64400000 | (uint32_t)o[1] << 8, 0);
	local->hold = (enum sp_sdp_hold)(o[0] >> 1 & 3);
	local->session_id = UINT64_MAX - o[2];
	local->version = o[3];
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		struct sp_sdp_local_media *lm = &local->mediav[i];
		const uint8_t v = o[4 + i];

		lm->enabled = v & 1;
		lm->mux = v & 2;
		lm->rtp_port = v & 4 ? 0 : (uint16_t)(40000 + 2 * i);
		lm->rtcp_port = v & 8 ? 0 : (uint16_t)(lm->rtp_port + (v & 16 ? 1 : 31));
		lm->tag = v & 32 ? 999999999 : v;
		memset(lm->key, v, sizeof(lm->key));
	}
}

static void must_be_lines(const struct mbuf *mb)
{
	const char *p = (const char *)mb->buf, *end = p + mb->end, *lf;

	must(mb->end && !memchr(p, '\0', mb->end));
	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		must(lf && lf - p >= 3 && lf[-1] == '\r' && p[1] == '=');
		must(!memchr(p, '\r', (size_t)(lf - 1 - p)));
	}
}

/** Of what names the sender's network, m= apart: types, protocols and formats are copied. */
static void must_hide(const struct mbuf *mb, const struct sa *sa, const struct sp_sdp_local *local)
{
	const char *p = (const char *)mb->buf, *end = p + mb->end, *lf;
	char text[64];

	if (!sa_isset(sa, SA_ADDR) || sa_is_any(sa) || sa_cmp(sa, &local->addr, SA_ADDR))
		return;
	must(re_snprintf(text, sizeof(text), "IN IP%u %j\r", sa_af(sa) == AF_INET6 ? 6 : 4, sa) >
	     0);
	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		must(*p == 'm' || !memmem(p, (size_t)(lf - p), text, strlen(text)));
	}
}

static size_t keys(const struct mbuf *mb)
{
	static const char line[] = "\na=crypto:";
	const char *p = (const char *)mb->buf, *end = p + mb->end;
	size_t n = 0;

	while ((p = memmem(p, (size_t)(end - p), line, sizeof(line) - 1))) {
		p++;
		n++;
	}
	return n;
}

/** As bits: 1, media goes from us; 2, to us. */
static unsigned ways(enum sp_sdp_dir dir)
{
	return (unsigned)(dir == SP_SDP_SENDRECV || dir == SP_SDP_SENDONLY) |
	       (unsigned)(dir == SP_SDP_SENDRECV || dir == SP_SDP_RECVONLY) << 1;
}

/** The direction of m-line i: as told, but for a hold, and what an answer may say. */
static void must_lead(const struct sp_sdp_media *is, const struct sp_sdp_media *was,
		      const struct sp_sdp_local *local, size_t i)
{
	const struct sp_sdp_media *offered = sp_sdp_media(local->offer, i);
	const unsigned dir = ways(was->dir), theirs = offered ? ways(offered->dir) : 3;

	if (local->offer)
		must(ways(is->dir) == (dir & (theirs >> 1 | (theirs & 1) << 1)));
	else if (local->hold == SP_SDP_RESUME)
		must(is->dir == SP_SDP_SENDRECV);
	else if (local->hold == SP_SDP_HOLD_KEEP || dir & 2)
		must(is->dir == was->dir);
	else
		must(ways(is->dir) == (local->hold == SP_SDP_HOLD_SENDONLY));
}

static void must_be_ours(const struct sp_sdp_media *is, const struct sp_sdp_media *was,
			 const struct sp_sdp_local_media *lm, const struct sp_sdp_local *local)
{
	const bool said = lm->rtcp_port && !(lm->mux && local->offer); /* by a=rtcp */

	must(!pl_cmp(&is->type, &was->type) && !pl_cmp(&is->proto, &was->proto));
	if (was->fault != SP_SDP_OK || !lm->enabled || !lm->rtp_port) {
		must(is->fault == SP_SDP_DISABLED);
		return;
	}
	must(is->fault == SP_SDP_OK && is->mux == lm->mux);
	must(is->sdes.tag == lm->tag && !is->sdes.lifetime && !is->sdes.mki_len);
	must(!memcmp(is->sdes.key, lm->key, sizeof(lm->key)));
	must(sa_cmp(&is->rtp, &local->addr, SA_ADDR) && sa_port(&is->rtp) == lm->rtp_port);
	must(sa_cmp(&is->rtcp, &local->addr, SA_ADDR));
	must(sa_port(&is->rtcp) == (said ? lm->rtcp_port : lm->rtp_port + 1));
}

/** The same description but for its version? */
static void must_be_same(const struct sp_sdp *s, struct sp_sdp_local local, const struct mbuf *mb)
{
	struct pl a = {(const char *)mb->buf, mb->end}, b;
	struct mbuf *out = mbuf_alloc(1024);

	local.version += 1000;
	must(out && !sp_sdp_rewrite(out, s, &local));
	b = (struct pl){(const char *)out->buf, out->end};
	must(pl_cmp(&a, &b) && sp_sdp_same(&a, &b) && sp_sdp_same(&a, &a));
	mem_deref(out);
}

static void rewrite(const struct sp_sdp *s, const struct sp_sdp_local *local)
{
	struct mbuf *once = mbuf_alloc(1024), *twice = mbuf_alloc(1024);
	struct sp_sdp *again = NULL;
	const char *why = NULL;
	size_t used = 0;
	int err;

	must(once && twice && !sp_sdp_rewrite(once, s, local));
	must_be_lines(once);
	must_be_same(s, *local, once);
	err = sp_sdp_parse(&again, (const char *)once->buf, once->end, &why);
	must(!err || err == EOVERFLOW); /* at a limit, by the lines that were missing */
	if (!err) {
		must(sp_sdp_mediac(again) == sp_sdp_mediac(s));
		for (size_t i = 0; i < sp_sdp_mediac(s); i++) {
			const struct sp_sdp_media *was = sp_sdp_media(s, i);

			must_be_ours(sp_sdp_media(again, i), was, &local->mediav[i], local);
			if (sp_sdp_media(again, i)->fault == SP_SDP_OK) {
				must_lead(sp_sdp_media(again, i), was, local, i);
				used++;
			}
			must_hide(once, &was->rtp, local);
			must_hide(once, &was->rtcp, local);
		}
		must(keys(once) == used); /* one each, and none of the sender's */
		must(!sp_sdp_rewrite(twice, again, local));
		must(once->end == twice->end && !memcmp(once->buf, twice->buf, once->end));
	}
	mem_deref(again);
	mem_deref(once);
	mem_deref(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *text = data + OPTIONS, *other;
	struct sp_sdp *s = NULL, *offer = NULL;
	struct sp_sdp_local local;
	size_t n;

	if (size <= OPTIONS)
		return 0;
	other = memchr(text, 0xff, size - OPTIONS);
	n = other ? (size_t)(other - text) : size - OPTIONS;
	if (sp_sdp_parse(&s, (const char *)text, n, NULL))
		return 0;
	read_local(&local, data);
	rewrite(s, &local);
	n = other ? (size_t)(data + size - other - 1) : 0;
	if (n && !sp_sdp_parse(&offer, (const char *)other + 1, n, NULL)) {
		local.offer = offer;
		rewrite(s, &local);
	}
	mem_deref(offer);
	mem_deref(s);
	return 0;
}
