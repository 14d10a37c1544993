/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/rewrite: a description as it goes out on the other leg. Our lines stand
 * where the sender's stood; the order of all others stays. What comes out can
 * be parsed and rewritten again to the same bytes.
 *
 * No copied line may name the sender's hosts (RFC 5853 3.1, topology hiding):
 * a line that holds the text of an address from o=, c= or a=rtcp, or writes
 * any address as those do, is left out, whatever it means.
 */
#include <inttypes.h>
#include <string.h>
#include "sdp_priv.h"

/** One rewriting under way. */
struct writer {
	struct mbuf *mb;
	const struct sp_sdp *s;
	const struct sp_sdp_local *local;
	const char *family; /**< "IP4" or "IP6"          */
	char addr[64];      /**< our address as text     */
	bool turned;        /**< directions are not the sender's: all stand with the media */
};

static bool holds(const struct pl *line, const char *text, size_t len)
{
	return memmem(line->p, line->l, text, len) != NULL;
}

/** Ours counts too: none but us is to say where we are, and a second pass drops it anyway. */
static bool names_host(const struct writer *w, const struct pl *line)
{
	for (size_t i = 0; i < w->s->hostc; ++i) {
		if (holds(line, w->s->hostv[i].p, w->s->hostv[i].l))
			return true;
	}

	/* an address in any attribute: the realms of 3GPP TS 29.079, say */
	if (holds(line, " IN IP4 ", 8) || holds(line, " IN IP6 ", 8))
		return true;

	return holds(line, w->addr, strlen(w->addr));
}

static int write_copy(const struct writer *w, const struct pl *line)
{
	return names_host(w, line) ? 0 : mbuf_printf(w->mb, "%r\r\n", line);
}

static int write_conn(const struct writer *w)
{
	return mbuf_printf(w->mb, "c=IN %s %s\r\n", w->family, w->addr);
}

/** o= with "-" for the user: names of people and machines stay behind. */
static int write_origin(const struct writer *w)
{
	return mbuf_printf(w->mb, "o=- %" PRIu64 " %" PRIu64 " IN %s %s\r\n", w->local->session_id,
			   w->local->version, w->family, w->addr);
}

/** A direction holds no host and is never lost to the guard: it may be a hold. */
static int write_dir(const struct writer *w, enum sp_sdp_dir dir)
{
	return mbuf_printf(w->mb, "a=%s\r\n", sp_sdp_dir_name(dir));
}

static bool sends(enum sp_sdp_dir dir)
{
	return dir == SP_SDP_SENDRECV || dir == SP_SDP_SENDONLY;
}

static bool receives(enum sp_sdp_dir dir)
{
	return dir == SP_SDP_SENDRECV || dir == SP_SDP_RECVONLY;
}

/** What of dir an offer of `offered` allows (RFC 3264 6.1). */
static enum sp_sdp_dir narrowed(enum sp_sdp_dir dir, enum sp_sdp_dir offered)
{
	const bool tx = sends(dir) && receives(offered), rx = receives(dir) && sends(offered);

	if (tx)
		return rx ? SP_SDP_SENDRECV : SP_SDP_SENDONLY;

	return rx ? SP_SDP_RECVONLY : SP_SDP_INACTIVE;
}

/** The direction that m-line i goes out with. */
static enum sp_sdp_dir direction(const struct writer *w, size_t i)
{
	const struct sp_sdp_media *offered = sp_sdp_media(w->local->offer, i);
	const enum sp_sdp_dir dir = w->s->mediav[i].dir;
	const bool hold = dir == SP_SDP_SENDONLY || dir == SP_SDP_INACTIVE;

	if (w->local->offer)
		return offered ? narrowed(dir, offered->dir) : dir;

	switch (w->local->hold) {

	case SP_SDP_HOLD_KEEP:
		return dir;
	case SP_SDP_HOLD_SENDONLY:
		return hold ? SP_SDP_SENDONLY : dir;
	case SP_SDP_HOLD_INACTIVE:
		return hold ? SP_SDP_INACTIVE : dir;
	case SP_SDP_RESUME:
		return SP_SDP_SENDRECV;
	}

	return dir;
}

static int write_time(const struct writer *w, const struct pl *line)
{
	return names_host(w, line) ? mbuf_write_str(w->mb, "t=0 0\r\n") : write_copy(w, line);
}

static int write_session_line(const struct writer *w, const struct line *line)
{
	switch (line->kind) {

	case LINE_VERSION:
		return mbuf_write_str(w->mb, "v=0\r\n");
	case LINE_ORIGIN:
		return write_origin(w);
	case LINE_NAME:
		return mbuf_write_str(w->mb, "s=-\r\n");
	case LINE_CONN:
		return write_conn(w);
	case LINE_TIME:
		return write_time(w, &line->text);
	case LINE_DIR:
		return w->turned ? 0 : write_dir(w, w->s->sectionv[0].dir);
	case LINE_RTPMAP:
	case LINE_COPY:
		return write_copy(w, &line->text);
	case LINE_CRYPTO:
	case LINE_RTCP:
	case LINE_MUX:
	case LINE_MLINE:
	case LINE_DROP:
		return 0;
	}

	return 0;
}

/** t= is mandatory (RFC 8866 5.9) and goes before the attributes. */
static int write_session(const struct writer *w)
{
	const struct sp_sdp *s = w->s;
	bool timed = s->has_time;
	int err = 0;

	for (size_t n = 0; n < s->sectionv[0].end; ++n) {
		if (!timed && s->linev[n].text.p[0] == 'a') {
			err |= mbuf_write_str(w->mb, "t=0 0\r\n");
			timed = true;
		}
		err |= write_session_line(w, &s->linev[n]);
	}
	if (!timed)
		err |= mbuf_write_str(w->mb, "t=0 0\r\n");

	return err;
}

static int write_crypto(const struct writer *w, const struct sp_sdp_local_media *lm)
{
	struct sp_sdes sdes = {.tag = lm->tag};
	int err;

	memcpy(sdes.key, lm->key, sizeof(sdes.key));

	err = mbuf_write_str(w->mb, "a=crypto:");
	err |= sp_sdes_encode(w->mb, &sdes);
	err |= mbuf_write_str(w->mb, "\r\n");

	explicit_bzero(&sdes, sizeof(sdes));
	return err;
}

/** With a=rtcp-mux: in an offer for who does not know that, in an answer without a use. */
static int write_rtcp(const struct writer *w, const struct sp_sdp_local_media *lm)
{
	if (!lm->rtcp_port || (lm->mux && w->local->offer))
		return 0;

	return mbuf_printf(w->mb, "a=rtcp:%u\r\n", lm->rtcp_port);
}

static int write_mux(const struct writer *w, const struct sp_sdp_local_media *lm)
{
	return lm->mux ? mbuf_write_str(w->mb, "a=rtcp-mux\r\n") : 0;
}

static int write_media_line(const struct writer *w, size_t i, size_t n)
{
	const struct sp_sdp_local_media *lm = &w->local->mediav[i];
	const struct line *line = &w->s->linev[n];

	switch (line->kind) {

	case LINE_CRYPTO:
		return n == w->s->sectionv[i + 1].crypto ? write_crypto(w, lm) : 0;
	case LINE_RTCP:
		return write_rtcp(w, lm);
	case LINE_MUX:
		return write_mux(w, lm);
	case LINE_DIR:
		return write_dir(w, direction(w, i));
	case LINE_TIME:
	case LINE_RTPMAP:
	case LINE_COPY:
		return write_copy(w, &line->text);
	case LINE_CONN: /* written by write_media() for every m-line */
	case LINE_VERSION:
	case LINE_ORIGIN:
	case LINE_NAME:
	case LINE_MLINE:
	case LINE_DROP:
		return 0;
	}

	return 0;
}

/**
 * What the section lacks: the port of RTCP when it is not RTP's next, and beside
 * a=rtcp-mux (RFC 5761 5.1.1); a=rtcp-mux; the hold.
 */
static int write_missing(const struct writer *w, size_t i)
{
	const struct section *session = &w->s->sectionv[0], *sec = &w->s->sectionv[i + 1];
	const struct sp_sdp_local_media *lm = &w->local->mediav[i];
	int err = 0;

	if (!sec->rtcp.p && (lm->mux || lm->rtcp_port != lm->rtp_port + 1))
		err |= write_rtcp(w, lm);
	if (!sec->mux)
		err |= write_mux(w, lm);

	if (!sec->has_dir && (w->turned || w->s->mediav[i].dir != session->dir))
		err |= write_dir(w, direction(w, i));

	return err;
}

/**
 * An m-line with a fault is written with port 0 even if it is enabled: without
 * a key of ours it would invite plain RTP.
 */
static bool is_enabled(const struct writer *w, size_t i)
{
	const struct sp_sdp_local_media *lm = &w->local->mediav[i];

	return lm->enabled && lm->rtp_port && w->s->mediav[i].fault == SP_SDP_OK;
}

/** Port 0 needs no attributes (RFC 3264 6). */
static int write_media(const struct writer *w, size_t i)
{
	const struct section *session = &w->s->sectionv[0], *sec = &w->s->sectionv[i + 1];
	const struct sp_sdp_media *m = &w->s->mediav[i];
	bool enabled = is_enabled(w, i);
	unsigned port = enabled ? w->local->mediav[i].rtp_port : 0;
	int err;

	/* one format at least, though the sender gave none with its port 0 (RFC 8866 9) */
	err = mbuf_printf(w->mb, "m=%r %u %r%s\r\n", &m->type, port, &sec->tail,
			  sec->formats ? "" : " 0");

	/* each m-line has a c= or the session has one (RFC 8866 5.7) */
	if (!session->conn.p && !sec->conn.p)
		err |= write_conn(w);

	for (size_t n = sec->first + 1; n < sec->end; ++n) {
		if (w->s->linev[n].kind == LINE_CONN)
			err |= write_conn(w);
		else if (enabled)
			err |= write_media_line(w, i, n);
	}
	if (enabled)
		err |= write_missing(w, i);

	return err;
}

int sp_sdp_rewrite(struct mbuf *out, const struct sp_sdp *s, const struct sp_sdp_local *local)
{
	struct writer w = {.mb = out, .s = s, .local = local};
	size_t start;
	int err;

	if (!out || !s || !local || !sa_isset(&local->addr, SA_ADDR))
		return EINVAL;

	for (size_t i = 0; i < s->mediac; ++i) {
		if (local->mediav[i].enabled && local->mediav[i].tag > SDES_TAG_MAX)
			return EINVAL;
	}

	start = out->pos;
	w.family = sa_af(&local->addr) == AF_INET6 ? "IP6" : "IP4";
	if (re_snprintf(w.addr, sizeof(w.addr), "%j", &local->addr) < 0)
		return EINVAL;

	for (size_t i = 0; i < s->mediac; ++i)
		w.turned |= is_enabled(&w, i) && direction(&w, i) != s->mediav[i].dir;

	err = write_session(&w);
	for (size_t i = 0; i < s->mediac; ++i)
		err |= write_media(&w, i);

	if (err) {
		out->pos = out->end = start;
		return ENOMEM;
	}

	return 0;
}
