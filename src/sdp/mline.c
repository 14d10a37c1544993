/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sdp/mline: what one m-line asks for, and whether this gateway can do it: SRTP
 * in RTP/SAVP or RTP/SAVPF with our suite, to one unicast address (RFC 8866 5.14,
 * RFC 3264, RFC 4568, RFC 5124, RFC 3605, RFC 5761). An m-line that cannot be used is no error: the
 * caller refuses that m-line, or the call, with the fault's text.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sallyport/base_util.h>
#include "sdp_priv.h"

enum {
	RTP_TYPE_MAX = 127,  /* payload type, 7 bits (RFC 3550 5.1) */
	CLOCK_MAX = 1000000, /* Hz */
};

#define IP4_MULTICAST 0xe0000000u /**< 224.0.0.0: multicast, reserved and broadcast above */

static bool read_ip4(struct sa *sa, const char *text, uint16_t port)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1 || ntohl(in.s_addr) >= IP4_MULTICAST)
		return false;

	sa_set_in(sa, ntohl(in.s_addr), port);
	return true;
}

/** A mapped address would pass the checks of one family and be sent to in the other. */
static bool read_ip6(struct sa *sa, const char *text, uint16_t port)
{
	struct in6_addr in6;

	if (inet_pton(AF_INET6, text, &in6) != 1 || in6.s6_addr[0] == 0xff ||
	    IN6_IS_ADDR_V4MAPPED(&in6))
		return false;

	sa_set_in6(sa, in6.s6_addr, port);
	return true;
}

bool sp_sdp_address(struct sa *sa, const struct pl *value, uint16_t port)
{
	struct pl rest = *value, net, type, addr, more;
	char text[INET6_ADDRSTRLEN];

	if (!sp_sdp_word(&net, &rest) || !sp_sdp_word(&type, &rest) || !sp_sdp_word(&addr, &rest) ||
	    sp_sdp_word(&more, &rest))
		return false;

	if (pl_strcasecmp(&net, "IN") || addr.l >= sizeof(text))
		return false;

	memcpy(text, addr.p, addr.l);
	text[addr.l] = '\0';

	if (!pl_strcasecmp(&type, "IP4"))
		return read_ip4(sa, text, port);
	if (!pl_strcasecmp(&type, "IP6"))
		return read_ip6(sa, text, port);

	return false;
}

/**
 * Where RTCP goes when it is not on RTP's port (RFC 3605 2.1, RFC 5761 5.1.1). A
 * value that makes no sense is passed over: RTCP at its usual port does less harm
 * than a call refused for it. With a=rtcp-mux-only there is RTP's port alone.
 */
static bool rtcp_address(struct sa *rtcp, const struct sa *rtp, const struct section *sec)
{
	struct pl rest = sec->rtcp, word;
	uint16_t above = sa_port(rtp);
	uint32_t port;
	struct sa sa;

	*rtcp = *rtp;

	if (sec->mux_only)
		return true;

	if (rest.p && sp_sdp_word(&word, &rest) && !sp_u32(&port, &word, UINT16_MAX) && port) {
		sa_set_port(rtcp, (uint16_t)port);
		if (sp_sdp_address(&sa, &rest, (uint16_t)port) && sa_af(&sa) == sa_af(rtp) &&
		    !sa_is_any(&sa) && !sa_is_any(rtp))
			*rtcp = sa;
		return true;
	}

	if (above == UINT16_MAX)
		return sec->mux;

	sa_set_port(rtcp, (uint16_t)(above + 1));
	return true;
}

/** The first line of our suite that can be used, wherever it stands among others. */
static enum sp_sdp_fault choose_key(struct sp_sdes *sdes, const struct sp_sdp *s,
				    const struct section *sec)
{
	enum sp_sdp_fault fault = SP_SDP_NO_SUITE;
	struct pl name, value;
	size_t seen = 0;

	for (size_t n = sec->first; n < sec->end && seen < SP_SDES_CRYPTO_MAX; ++n) {
		int err;

		if (s->linev[n].kind != LINE_CRYPTO)
			continue;

		++seen;
		sp_sdp_attribute(&name, &value, &s->linev[n].text);
		err = sp_sdes_decode(sdes, &value);
		if (!err)
			return SP_SDP_OK;
		if (err == EPROTO)
			fault = SP_SDP_KEY_UNUSABLE;
	}

	return fault;
}

/** <type> <name>/<rate>[/<parameters>] (RFC 8866 6.6); false for what is none. */
static bool read_clock(struct sp_sdp_clock *clock, const struct pl *value)
{
	struct pl rest = *value, type, codec, rate;
	const char *slash, *end;
	uint32_t n;

	if (!sp_sdp_word(&type, &rest) || !sp_sdp_word(&codec, &rest))
		return false;

	slash = memchr(codec.p, '/', codec.l);
	if (!slash || sp_u32(&n, &type, RTP_TYPE_MAX))
		return false;

	rate.p = slash + 1;
	rate.l = (size_t)(codec.p + codec.l - rate.p);
	end = memchr(rate.p, '/', rate.l);
	if (end)
		rate.l = (size_t)(end - rate.p);

	clock->type = (uint8_t)n;
	return !sp_u32(&clock->hz, &rate, CLOCK_MAX) && clock->hz;
}

static bool has_clock(const struct sp_sdp_media *m, uint8_t type)
{
	for (size_t i = 0; i < m->clockc; ++i) {
		if (m->clockv[i].type == type)
			return true;
	}

	return false;
}

/** They serve measuring alone: what makes no sense, or is too much, is passed over. */
static void read_clocks(struct sp_sdp_media *m, const struct sp_sdp *s, const struct section *sec)
{
	struct sp_sdp_clock clock;
	struct pl name, value;

	for (size_t n = sec->first; n < sec->end && m->clockc < SP_SDP_CLOCKS_MAX; ++n) {
		if (s->linev[n].kind != LINE_RTPMAP)
			continue;

		sp_sdp_attribute(&name, &value, &s->linev[n].text);
		if (read_clock(&clock, &value) && !has_clock(m, clock.type))
			m->clockv[m->clockc++] = clock;
	}
}

/** m=<type> <port>[/<count>] <proto> <format> ...; an ended m-line may lack formats. */
static int read_mline(struct sp_sdp_media *m, struct section *sec, const struct pl *line,
		      uint32_t *port, uint32_t *count, const char **why)
{
	struct pl rest = {line->p + 2, line->l - 2}, ports, counts, formats;
	const char *slash;
	bool ok;

	ok = sp_sdp_word(&m->type, &rest) && sp_sdp_word(&ports, &rest) &&
	     sp_sdp_word(&m->proto, &rest);
	if (!ok) {
		*why = "SDP has a malformed m= line";
		return EBADMSG;
	}

	sec->tail.p = m->proto.p;
	sec->tail.l = (size_t)(line->p + line->l - m->proto.p);

	*count = 1;
	slash = memchr(ports.p, '/', ports.l);
	if (slash) {
		counts.p = slash + 1;
		counts.l = (size_t)(ports.p + ports.l - counts.p);
		ports.l = (size_t)(slash - ports.p);
		ok = !sp_u32(count, &counts, UINT16_MAX);
	}

	if (!ok || sp_u32(port, &ports, UINT16_MAX)) {
		*why = "SDP has an m= line with a bad port";
		return EBADMSG;
	}
	sec->formats = sp_sdp_word(&formats, &rest);
	if (*port && !sec->formats) {
		*why = "SDP has an m= line without formats";
		return EBADMSG;
	}

	return 0;
}

/**
 * Direction as the sender means it. With c=0.0.0.0 it takes no media, whatever
 * else it says (RFC 3264 8.4): a=sendonly stays, all else is inactive.
 */
static enum sp_sdp_dir direction(const struct section *session, const struct section *sec)
{
	enum sp_sdp_dir dir = sec->has_dir ? sec->dir : session->dir;

	if (sec->held && dir != SP_SDP_SENDONLY)
		return SP_SDP_INACTIVE;

	return dir;
}

int sp_sdp_media_judge(struct sp_sdp *s, size_t i, const char **why)
{
	struct sp_sdp_media *m = &s->mediav[i];
	const struct section *session = &s->sectionv[0];
	struct section *sec = &s->sectionv[i + 1];
	const struct pl *conn = sec->conn.p ? &sec->conn : &session->conn;
	uint32_t port, count;
	bool reachable;
	int err;

	err = read_mline(m, sec, &s->linev[sec->first].text, &port, &count, why);
	if (err)
		return err;

	sa_init(&m->rtp, AF_UNSPEC);
	sa_init(&m->rtcp, AF_UNSPEC);
	reachable = conn->p && sp_sdp_address(&m->rtp, conn, (uint16_t)port);
	sec->held = reachable && sa_is_any(&m->rtp);
	m->dir = direction(session, sec);
	m->mux = sec->mux;
	m->mux_only = sec->mux_only;
	read_clocks(m, s, sec);

	if (!port)
		m->fault = SP_SDP_DISABLED;
	else if (pl_strcmp(&m->proto, "RTP/SAVP") && pl_strcmp(&m->proto, "RTP/SAVPF"))
		m->fault = SP_SDP_PLAIN;
	else
		m->fault = choose_key(&m->sdes, s, sec);

	if (!port || !reachable || !rtcp_address(&m->rtcp, &m->rtp, sec) || count != 1) {
		if (m->fault == SP_SDP_OK)
			m->fault = SP_SDP_NO_ADDRESS;
	}
	if (m->fault != SP_SDP_OK)
		explicit_bzero(&m->sdes, sizeof(m->sdes));

	return 0;
}

enum sp_sdp_fault sp_sdp_verdict(const struct sp_sdp *s)
{
	enum sp_sdp_fault fault = SP_SDP_DISABLED;

	for (size_t i = 0; s && i < s->mediac; ++i) {
		if (s->mediav[i].fault == SP_SDP_OK)
			return SP_SDP_OK;
		if (fault == SP_SDP_DISABLED)
			fault = s->mediav[i].fault;
	}

	return fault;
}

const char *sp_sdp_fault_text(enum sp_sdp_fault fault)
{
	switch (fault) {

	case SP_SDP_OK:
		return "media can be used";
	case SP_SDP_DISABLED:
		return "no media is offered, or all of it with port 0";
	case SP_SDP_PLAIN:
		return "media is not RTP/SAVP or RTP/SAVPF; it must be, with a=crypto "
		       "AES_CM_128_HMAC_SHA1_80";
	case SP_SDP_NO_SUITE:
		return "media must have an a=crypto line with AES_CM_128_HMAC_SHA1_80";
	case SP_SDP_KEY_UNUSABLE:
		return "a=crypto AES_CM_128_HMAC_SHA1_80 must have one whole key, with a valid "
		       "lifetime and MKI if any, and no parameter that changes SRTP";
	case SP_SDP_NO_ADDRESS:
		return "media must have one unicast IP address in c= and one port with room for "
		       "RTCP";
	}

	return "media cannot be used";
}
