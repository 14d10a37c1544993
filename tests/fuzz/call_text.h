/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the peers of fuzz_call_* write: requests and responses, from a few octets
 * that choose among what peers say, and from text of the input.
 */
#ifndef CALL_TEXT_H
#define CALL_TEXT_H

#include "call_actor.h"

enum { WITH_LINES = 0x20, WITH_BODY = 0x40, HELD = 0x80 };

/* One thing that happens: what, who does it, in which dialog, and how. */
struct step {
	uint8_t op, a, b, c, d;
	struct actor *by;
	struct dialog *dialog;
	struct pl lines, body;
};

/* ---- texts ---- */

static inline void put_escaped(struct mbuf *mb, const char *s)
{
	for (; *s; s++)
		must(!(strchr("@;=%", *s) ? mbuf_printf(mb, "%%%02X", *s)
					  : mbuf_write_u8(mb, (uint8_t)*s)));
}

/** A dialog of the same peer, as Replaces names it. */
static inline void put_replaces(struct mbuf *mb, const struct dialog *d, bool escaped)
{
	char s[256];

	re_snprintf(s, sizeof(s), "%s;to-tag=%s;from-tag=%s", d->call_id, d->remote_tag, d->tag);
	if (escaped)
		put_escaped(mb, s);
	else
		must(!mbuf_write_str(mb, s));
}

/**
 * "$0" to "$3": a dialog, "$4" to "$7": in a URI; "$8": that of a REFER that was relayed;
 * "$q": a new RSeq; "$k", "$i": for RAck.
 */
static inline void put_text(struct mbuf *mb, const struct step *e, const struct pl *pl)
{
	const struct dialog none = {.cseq = 0}, *d = e->dialog ? e->dialog : &none;

	for (size_t i = 0; i < pl->l; i++) {
		const char c = pl->p[i], what = i + 1 < pl->l ? pl->p[i + 1] : '\0';

		if (c == '$')
			stage.hides = false; /* Call-IDs name hosts */
		if (c != '$' || !what || !strchr("012345678qki", what)) {
			must(!mbuf_write_u8(mb, (uint8_t)c));
			continue;
		}
		i++;
		if (what == 'q')
			must(!mbuf_printf(mb, "%u", ++stage.serial));
		else if (what == '8')
			must(!mbuf_write_str(mb, stage.replaces));
		else if (what == 'k' || what == 'i')
			must(!mbuf_printf(mb, "%u", what == 'k' ? d->rseq : d->invite_cseq));
		else
			put_replaces(mb, &e->by->dialogv[what & 3], what & 4);
	}
}

static inline void put_lines(struct mbuf *mb, const struct step *e, const char *lines)
{
	const bool hides = stage.hides;
	struct pl pl;

	pl_set_str(&pl, lines);
	put_text(mb, e, &pl);
	stage.hides = hides;
	put_text(mb, e, &e->lines);
}

/** d: directions in two bits, of what kind in three, then whose address, key and version. */
static inline void put_sdp(struct mbuf *mb, const struct step *e, bool answer)
{
	static const char *const dirs[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
	const unsigned kind = e->d >> 2 & 7, version = e->d >> 7 ? 2 : 1;
	const char *dir = dirs[e->d & 3], *key = stage.keyv[e->d >> 6 & 1];
	const unsigned host = e->d & 32 ? 9 : 7;
	const unsigned tag = answer && e->dialog ? e->dialog->crypto : 7;

	if (kind == 7) {
		must(!mbuf_write_str(mb, "v=0\r\nno description\r\n"));
		return;
	}
	must(!mbuf_printf(mb,
			  "v=0\r\no=- 1 %u IN IP4 %s%u\r\ns=-\r\nc=IN IP4 %s%u\r\nt=0 0\r\n"
			  "m=audio %u RTP/%s 8\r\na=rtpmap:8 PCMA/8000\r\n"
			  "a=crypto:%u AES_CM_128_HMAC_SHA1_80 inline:%s\r\na=%s\r\n%s",
			  version, stage.net, host, stage.net, host, kind == 5 ? 0 : 40000,
			  kind == 6 ? "AVP" : "SAVP", tag, key, dir,
			  kind == 3 ? "a=rtcp-mux\r\n" : ""));
	if (kind == 4)
		must(!mbuf_printf(mb,
				  "m=video 40002 RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
				  "a=crypto:%u AES_CM_128_HMAC_SHA1_80 inline:%s\r\n",
				  tag, key));
}

/** Of the bodies of other methods. */
static inline const char *some_body(uint8_t d)
{
	static const char *const bodies[] = {"",
					     "SIP/2.0 100 Trying\r\n",
					     "SIP/2.0 180 Ringing\r\n",
					     "SIP/2.0 200 OK\r\n",
					     "SIP/2.0 603 Decline\r\n",
					     "Signal=5\r\nDuration=160\r\n"};

	return bodies[d % ARRAY_SIZE(bodies)];
}

static inline const char *some_type(uint8_t d)
{
	static const char *const types[] = {"application/sdp", "message/sipfrag;version=2.0",
					    "multipart/mixed;boundary=b", "application/dtmf-relay",
					    "text/plain"};

	return types[d % ARRAY_SIZE(types)];
}

static inline bool describes(enum sp_sip_method method)
{
	return method == SP_SIP_INVITE || method == SP_SIP_UPDATE || method == SP_SIP_PRACK ||
	       method == SP_SIP_ACK;
}

static inline void put_content(struct mbuf *mb, const struct step *e, enum sp_sip_method method,
			       bool answer)
{
	struct mbuf *body = mbuf_alloc(512);
	const char *type = some_type(e->d);

	must(body != NULL);
	if (e->op & WITH_BODY) {
		put_text(body, e, &e->body);
	} else if (!describes(method)) {
		must(!mbuf_write_str(body, some_body(e->d)));
		type = method == SP_SIP_NOTIFY ? some_type(1) : some_type(3);
	} else if (e->d >> 2 & 7) {
		put_sdp(body, e, answer);
		type = some_type(0);
	}
	if (body->end)
		must(!mbuf_printf(mb, "Content-Type: %s\r\n", type));
	must(!mbuf_printf(mb, "Content-Length: %zu\r\n\r\n%b", body->end, body->buf, body->end));
	mem_deref(body);
}

/* ---- requests ---- */

static inline const char *some_lines(const struct step *e, enum sp_sip_method method)
{
	static const char *const refers[] = {
		"Refer-To: <sip:+441632960002@gw.example.net>\r\n",
		"Refer-To: <sip:" CARRIER_NUMBER "@gw.example.net>\r\nReferred-By: <sip:+44@x>\r\n",
		"Refer-To: <sip:" DESK_NUMBER "@gw.example.net>\r\n",
		"Refer-To: <sip:" DESK_NUMBER "@gw.example.net?Replaces=$4>\r\n",
		"Refer-To: <sip:" DESK_NUMBER "@gw.example.net?Replaces=$5>\r\n",
		"Refer-To: <sip:+441632960002@sbc.desk.example?Replaces=$6%3Bearly-only>\r\n",
		"Refer-To: <tel:" SERVICE_NUMBER ">\r\n",
		""};
	static const char *const others[] = {
		"",
		"Supported: 100rel, timer, 199, replaces\r\nSession-Expires: 120\r\n"
		"Allow: INVITE, UPDATE, REFER, PRACK\r\n",
		"Require: 100rel\r\nSupported: timer\r\nSession-Expires: 90;refresher=uac\r\n",
		"Replaces: $0\r\n",
		"Require: replaces\r\nReplaces: $1\r\nSupported: 100rel\r\n",
		"P-Asserted-Identity: <sip:+441632970001@x>, <tel:+441632970001>\r\nPrivacy: id\r\n"
		"Diversion: <sip:+441632960004@x>;reason=user-busy\r\n",
		"Session-Expires: 100;refresher=uas\r\nSupported: timer\r\nMin-SE: 100\r\n",
		"Reason: Q.850;cause=17\r\n",
		"Replaces: $8\r\n",
		"Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\nSupported: 100rel\r\n",
		"Supported: timer\r\nSession-Expires: 100;refresher=uac\r\n"
		"Allow: INVITE, REFER\r\n",
		"History-Info: <sip:+441632960004@x?Reason=SIP%3Bcause%3D302>;index=1, "
		"<sip:+441632960003@x;cause=486>;index=1.1;mp=1\r\nX-A: abc\r\n",
		"Privacy: header\r\nGeolocation: <cid:a@x>\r\nPriority: emergency\r\n",
		"Identity: a.b.c;info=<https://x>;alg=ES256\r\nDate: x\r\nSubject: s\r\n",
		"Event: refer;id=3\r\nSubscription-State: terminated;reason=noresource\r\n",
		"Max-Breadth: 1\r\nExpires: 1\r\nContent-Disposition: session\r\n"};

	return method == SP_SIP_REFER ? refers[e->c & 7] : others[e->c & 15];
}

static inline void put_request(struct mbuf *mb, const struct step *e, const char *name,
			       const char *uri)
{
	static const char *const numbers[] = {CARRIER_NUMBER, SERVICE_NUMBER, SERVICE_NUMBER,
					      DESK_NUMBER};
	const struct dialog *d = e->dialog;
	struct pl pl;

	pl_set_str(&pl, name);
	must(!mbuf_printf(mb,
			  "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=%s\r\n"
			  "Max-Forwards: 70\r\nFrom: \"Al\" <sip:%s@%s>;tag=%s\r\n"
			  "To: <sip:+441632960002@gw.example.net>%s%s\r\nCall-ID: %s\r\n"
			  "CSeq: %u %s\r\nContact: <sip:%s:5061;transport=tls>\r\n",
			  name, uri, e->by->host, d->branch, numbers[actor_no(e->by)], e->by->host,
			  d->tag, *d->remote_tag && strcmp(name, "CANCEL") ? ";tag=" : "",
			  strcmp(name, "CANCEL") ? d->remote_tag : "", d->call_id, d->cseq, name,
			  e->by->host));
	if (!strcmp(name, "PRACK"))
		must(!mbuf_printf(mb, "RAck: %u %u INVITE\r\n", d->rseq, d->invite_cseq));
	if (!strcmp(name, "NOTIFY") && (e->c & 15) != 14 && !e->lines.l) /* they have their own */
		must(!mbuf_write_str(mb, "Event: refer\r\nSubscription-State: active\r\n"));
	put_lines(mb, e, some_lines(e, sp_sip_method(&pl)));
	put_content(mb, e, sp_sip_method(&pl), false);
}

/* ---- responses ---- */

static inline const char *reply_lines(const struct step *e, unsigned code)
{
	static const char *const early[] = {
		"", "Require: 100rel\r\nRSeq: $q\r\n",
		"Record-Route: <sip:p.example;lr>\r\nRequire: 100rel\r\nRSeq: $q\r\n",
		"Allow: INVITE, UPDATE, PRACK\r\n"};
	static const char *const fine[] = {
		"", "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n",
		"Session-Expires: 100;refresher=uas\r\nAllow: UPDATE, REFER, PRACK\r\n",
		"Supported: timer\r\nAllow: INVITE\r\n"};
	static const char *const elsewhere[] = {
		"Contact: <sip:+441632960003;npdi@127.0.5.2;a=b>, <sip:x@127.0.5.1:5061>\r\n",
		"Contact: <tel:+441632960003>\r\n", "Contact: <sip:127.0.5.2:5061>\r\n",
		"Contact: <sip:x@elsewhere.example>\r\n"};
	static const char *const failed[] = {"", "Retry-After: 30\r\n", "Min-SE: 200\r\n",
					     "Retry-After: 4294967295 (late)\r\n"};

	if (code < 200)
		return early[e->c & 3];
	if (code < 300)
		return fine[e->c & 3];
	return code < 400 ? elsewhere[e->c & 3] : failed[e->c & 3];
}

static inline void put_reply(struct mbuf *mb, const struct step *e, const struct sp_sip_msg *req,
			     unsigned code)
{
	const struct sp_sip_hdr *via = sp_sip_msg_next(req, SP_HDR_VIA, NULL);
	const struct sp_sip_hdr *from = sp_sip_msg_next(req, SP_HDR_FROM, NULL);
	const struct sp_sip_hdr *to = sp_sip_msg_next(req, SP_HDR_TO, NULL);
	const struct sp_sip_hdr *rr = sp_sip_msg_next(req, SP_HDR_RECORD_ROUTE, NULL);

	must(via && from && to && !rr);
	must(!mbuf_printf(mb,
			  "SIP/2.0 %u x\r\nVia: %r\r\nFrom: %r\r\nTo: %r%s%s\r\nCall-ID: %r\r\n"
			  "CSeq: %u %r\r\n",
			  code, &via->value, &from->value, &to->value,
			  req->to_tag.l || !e->dialog ? "" : ";tag=",
			  req->to_tag.l || !e->dialog ? "" : e->dialog->tag, &req->call_id,
			  req->cseq, &req->method_name));
	if (code / 100 != 3)
		must(!mbuf_printf(mb, "Contact: <sip:%s:5061;transport=tls>\r\n", e->by->host));
	put_lines(mb, e, reply_lines(e, code));
	put_content(mb, e, code < 300 ? req->method : SP_SIP_OTHER, true);
}

#endif
