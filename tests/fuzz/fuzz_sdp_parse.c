/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz: a description that can be parsed can be rewritten, in each style of hold
 * and as an answer; what comes out can be parsed and says the directions that
 * were asked for, and a=rtcp-mux where it was, rewriting it again changes nothing, and no line but
 * m= holds the sender's address.
 */
#include <stdlib.h>
#include <string.h>
#include <sallyport/sdp.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

/** Our address is IPv6, so that an IPv4 address in the output cannot be ours. */
static void set_local(struct sp_sdp_local *local)
{
	static const uint8_t addr[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 5};

	memset(local, 0, sizeof(*local));
	sa_set_in6(&local->addr, addr, 0);
	local->session_id = 1;
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; ++i) {
		local->mediav[i].enabled = i != 1;
		local->mediav[i].rtp_port = (uint16_t)(20000 + 2 * i);
		local->mediav[i].rtcp_port = (uint16_t)(20001 + 3 * i);
		local->mediav[i].tag = (uint32_t)i;
		local->mediav[i].mux = i % 3 == 0;
	}
}

static void must_not_leak(const struct sp_sdp *s, const struct mbuf *out)
{
	char text[64];

	for (size_t i = 0; i < sp_sdp_mediac(s); ++i) {
		const struct sa *sa = &sp_sdp_media(s, i)->rtp;
		const char *p = (const char *)out->buf, *end = p + out->end, *lf;

		if (sa_af(sa) != AF_INET || sa_is_any(sa))
			continue;
		must(re_snprintf(text, sizeof(text), "%j", sa) > 0);
		for (; p < end; p = lf + 1) {
			lf = memchr(p, '\n', (size_t)(end - p));
			must(lf && (*p == 'm' || !memmem(p, (size_t)(lf - p), text, strlen(text))));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Clock rates are within bounds, one for a payload type, and none is added. */
static void must_count(const struct sp_sdp_media *is, const struct sp_sdp_media *was)
{
	must(is->clockc <= was->clockc && was->clockc <= SP_SDP_CLOCKS_MAX);

	for (size_t i = 0; i < is->clockc; ++i) {
		must(is->clockv[i].type < 128 && is->clockv[i].hz);
		for (size_t k = 0; k < i; ++k)
			must(is->clockv[i].type != is->clockv[k].type);
	}
}

static void must_say(const struct sp_sdp *was, const struct sp_sdp *is,
		     const struct sp_sdp_local *local)
{
	for (size_t i = 0; i < sp_sdp_mediac(is); ++i) {
		const enum sp_sdp_dir before = sp_sdp_media(was, i)->dir,
				      now = sp_sdp_media(is, i)->dir;
		const bool hold = before == SP_SDP_SENDONLY || before == SP_SDP_INACTIVE;

		if (sp_sdp_media(is, i)->fault != SP_SDP_OK)
			continue;
		must(sp_sdp_media(is, i)->mux == local->mediav[i].mux);
		must_count(sp_sdp_media(is, i), sp_sdp_media(was, i));
		if (local->offer) /* the offer is the same as the answer */
			must((before == SP_SDP_SENDRECV) == (now == SP_SDP_SENDRECV) &&
			     (now == SP_SDP_SENDRECV || now == SP_SDP_INACTIVE));
		else if (local->hold == SP_SDP_RESUME)
			must(now == SP_SDP_SENDRECV);
		else if (local->hold == SP_SDP_HOLD_SENDONLY && hold)
			must(now == SP_SDP_SENDONLY);
		else if (local->hold == SP_SDP_HOLD_INACTIVE && hold)
			must(now == SP_SDP_INACTIVE);
		else
			must(now == before);
	}
}

static void rewrite(const struct sp_sdp *s, const struct sp_sdp_local *local)
{
	struct mbuf *once = mbuf_alloc(1024), *twice = mbuf_alloc(1024);
	struct sp_sdp *again = NULL;
	const char *why = NULL;
	int err;

	must(!sp_sdp_rewrite(once, s, local));
	must_not_leak(s, once);

	/* a description at a limit may pass it by the lines that were missing */
	err = sp_sdp_parse(&again, (const char *)once->buf, once->end, &why);
	must(!err || err == EOVERFLOW);
	if (!err) {
		must(sp_sdp_mediac(again) == sp_sdp_mediac(s));
		must_say(s, again, local);
		must(!sp_sdp_rewrite(twice, again, local));
		must(once->end == twice->end && !memcmp(once->buf, twice->buf, once->end));
	}
	mem_deref(again);
	mem_deref(once);
	mem_deref(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_sdp_local local;
	struct sp_sdp *s = NULL;
	const char *why = NULL;

	if (sp_sdp_parse(&s, (const char *)data, size, &why)) {
		must(why && !s);
		return 0;
	}

	set_local(&local);
	for (int hold = SP_SDP_HOLD_KEEP; hold <= SP_SDP_RESUME; ++hold) {
		local.hold = (enum sp_sdp_hold)hold;
		rewrite(s, &local);
	}
	local.offer = s;
	rewrite(s, &local);
	mem_deref(s);

	return 0;
}
