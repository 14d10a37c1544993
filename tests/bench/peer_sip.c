/* SPDX-License-Identifier: BSD-3-Clause
 *
 * As much of SIP as the load generator speaks: INVITE with an offer of SRTP
 * (RFC 4568), its answer, ACK, BYE; route sets are kept (RFC 3261 section 12).
 * It trusts what it gets: both ends are its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "peer_sip.h"

#define SDP                                                                                        \
	"v=0\r\no=- 3724394400 3724394400 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"            \
	"m=audio %u RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"                                    \
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"     \
	"a=crypto:%.*s inline:%s\r\n"

static const char offer_key[] = "Q2FsbGVycyBrZXkgYW5kIHNhbHQsIDMwIG9jdGV0";
static const char answer_key[] = "Q2FsbGVlcyBrZXkgYW5kIHNhbHQsIDMwIG9jdGV0";

static void take(struct peer_text *list, unsigned *count, const struct peer_text *value)
{
	if (*count == PEER_ROUTES_MAX)
		peer_die("more than %d Via or Record-Route", PEER_ROUTES_MAX);
	list[(*count)++] = *value;
}

static void header(struct peer_sip *msg, const struct peer_text *name, struct peer_text *value)
{
	if (peer_sip_is(name, "Via"))
		take(msg->via, &msg->vias, value);
	else if (peer_sip_is(name, "Record-Route"))
		take(msg->route, &msg->routes, value);
	else if (peer_sip_is(name, "From"))
		msg->from = *value;
	else if (peer_sip_is(name, "To"))
		msg->to = *value;
	else if (peer_sip_is(name, "Call-ID"))
		msg->call_id = *value;
	else if (peer_sip_is(name, "CSeq"))
		msg->cseq = *value;
	else if (peer_sip_is(name, "Contact"))
		msg->contact = *value;
}

int peer_sip_is(const struct peer_text *text, const char *word)
{
	size_t len = strlen(word);

	return (size_t)text->len == len && !strncasecmp(text->p, word, len);
}

/** The message points into the text */
void peer_sip_parse(struct peer_sip *msg, const char *head, size_t head_len, const char *body,
		    size_t body_len)
{
	const char *line = head, *end = head + head_len;

	memset(msg, 0, sizeof(*msg));
	msg->body = (struct peer_text){body, (int)body_len};
	if (!strncmp(head, "SIP/2.0 ", 8))
		msg->status = atoi(head + 8);
	else
		msg->method = (struct peer_text){head, (int)strcspn(head, " \r")};

	for (;;) {
		struct peer_text name, value;
		const char *colon;

		line = memchr(line, '\n', (size_t)(end - line));
		if (!line || ++line >= end)
			return;
		colon = memchr(line, ':', (size_t)(end - line));
		if (!colon)
			return;
		name = (struct peer_text){line, (int)(colon - line)};
		value.p = colon + 1 + strspn(colon + 1, " ");
		value.len = (int)strcspn(value.p, "\r");
		header(msg, &name, &value);
	}
}

/** Tag and suite of a crypto line: "1 AES_CM_128_HMAC_SHA1_80" */
static struct peer_text crypto_line(const char *p)
{
	struct peer_text out = {p, (int)strcspn(p, " ")};

	out.len += 1 + (int)strcspn(p + out.len + 1, " ");
	return out;
}

/**
 * The crypto line of an offer that is taken: with the short tag if there is one, else the first.
 * rtpengine relays without looking when both legs have the same suite; so it has its own keys.
 */
static struct peer_text crypto(const struct peer_text *sdp)
{
	static const char name[] = "a=crypto:", preferred[] = " AES_CM_128_HMAC_SHA1_32 ";
	const char *p = memmem(sdp->p, (size_t)sdp->len, name, sizeof(name) - 1);
	const char *q = memmem(sdp->p, (size_t)sdp->len, preferred, sizeof(preferred) - 1);

	if (q)
		p = (const char *)memrchr(sdp->p, ':', (size_t)(q - sdp->p)) + 1;
	else if (p)
		p += sizeof(name) - 1;
	else
		peer_die("an offer without crypto: %.*s", sdp->len, sdp->p);
	return crypto_line(p);
}

static void put_body(struct peer_conn *conn, const char *ip, unsigned port,
		     const struct peer_text *suite, const char *key)
{
	char sdp[1024];
	int n = snprintf(sdp, sizeof(sdp), SDP, ip, ip, port, suite->len, suite->p, key);

	peer_put(conn, "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", n, sdp);
}

/** What a callee says: 200 */
void peer_sip_answer(struct peer_conn *conn, const struct peer_sip *req, const char *ip)
{
	bool tagged = memmem(req->to.p, (size_t)req->to.len, ";tag=", 5);
	unsigned i;

	peer_put(conn, "SIP/2.0 200 OK\r\n");
	for (i = 0; i < req->vias; i++)
		peer_put(conn, "Via: %.*s\r\n", req->via[i].len, req->via[i].p);
	for (i = 0; i < req->routes; i++)
		peer_put(conn, "Record-Route: %.*s\r\n", req->route[i].len, req->route[i].p);
	peer_put(conn, "From: %.*s\r\nTo: %.*s%s\r\nCall-ID: %.*s\r\nCSeq: %.*s\r\n", req->from.len,
		 req->from.p, req->to.len, req->to.p, tagged ? "" : ";tag=callee", req->call_id.len,
		 req->call_id.p, req->cseq.len, req->cseq.p);
	if (peer_sip_is(&req->method, "INVITE")) {
		struct peer_text suite = crypto(&req->body);

		peer_put(conn, "Contact: <sip:callee@%s:5061;transport=tls>\r\n", ip);
		put_body(conn, ip, 42000, &suite, answer_key);
	} else {
		peer_put(conn, "Content-Length: 0\r\n\r\n");
	}
}

static void copy(char *to, size_t size, const struct peer_text *from)
{
	if ((size_t)from->len >= size)
		peer_die("longer than %zu: %.*s", size, from->len, from->p);
	memcpy(to, from->p, (size_t)from->len);
	to[from->len] = '\0';
}

/** What a caller keeps of the 2xx (RFC 3261 section 12.1.2) */
void peer_sip_dialog(struct peer_dialog *dialog, const struct peer_sip *resp)
{
	const char *start = memchr(resp->contact.p, '<', (size_t)resp->contact.len);
	struct peer_text uri = {start ? start + 1 : resp->contact.p, 0};
	size_t used = 0;

	uri.len = (int)strcspn(uri.p, start ? ">" : ";\r");
	copy(dialog->to, sizeof(dialog->to), &resp->to);
	copy(dialog->target, sizeof(dialog->target), &uri);
	dialog->routes[0] = '\0';
	for (unsigned i = resp->routes; i-- > 0;) {
		int n = snprintf(dialog->routes + used, sizeof(dialog->routes) - used,
				 "Route: %.*s\r\n", resp->route[i].len, resp->route[i].p);

		used += (size_t)n;
		if (used >= sizeof(dialog->routes))
			peer_die("a route set of over %zu bytes", sizeof(dialog->routes));
	}
}

static void put_head(struct peer_conn *conn, const struct peer_names *names,
		     const struct peer_dialog *dialog, const char *method, unsigned cseq,
		     const char *branch)
{
	peer_put(conn,
		 "Via: SIP/2.0/TLS %s:5061;branch=z9hG4bK-%u-%s\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: <sip:%s@carrier.example>;tag=f%u\r\n"
		 "Call-ID: %u-load\r\n"
		 "CSeq: %u %s\r\n",
		 names->caller_ip, dialog->number, branch, names->caller, dialog->number,
		 dialog->number, cseq, method);
}

static void put_start(struct peer_conn *conn, const struct peer_names *names, const char *method)
{
	peer_put(conn, "%s sip:%s@%s:5061;transport=tls SIP/2.0\r\n", method, names->called,
		 names->gateway_ip);
}

void peer_sip_invite(struct peer_conn *conn, const struct peer_names *names,
		     const struct peer_dialog *dialog)
{
	static const struct peer_text suite = {"1 AES_CM_128_HMAC_SHA1_80", 25};

	put_start(conn, names, "INVITE");
	put_head(conn, names, dialog, "INVITE", 1, "INVITE");
	peer_put(conn,
		 "To: <sip:%s@gateway.example>\r\n"
		 "Contact: <sip:caller@%s:5061;transport=tls>\r\n"
		 "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n"
		 "Supported: replaces\r\n",
		 names->called, names->caller_ip);
	put_body(conn, names->caller_ip, 40000, &suite, offer_key);
}

/** ACK of an INVITE that was not answered with 2xx (RFC 3261 section 17.1.1.3) */
void peer_sip_refused(struct peer_conn *conn, const struct peer_names *names,
		      const struct peer_dialog *dialog, const struct peer_sip *resp)
{
	put_start(conn, names, "ACK");
	put_head(conn, names, dialog, "ACK", 1, "INVITE");
	peer_put(conn, "To: %.*s\r\nContent-Length: 0\r\n\r\n", resp->to.len, resp->to.p);
}

/** ACK or BYE inside the dialog */
void peer_sip_request(struct peer_conn *conn, const struct peer_names *names,
		      const struct peer_dialog *dialog, const char *method, unsigned cseq)
{
	peer_put(conn, "%s %s SIP/2.0\r\n%s", method, dialog->target, dialog->routes);
	put_head(conn, names, dialog, method, cseq, method);
	peer_put(conn, "To: %s\r\nContent-Length: 0\r\n\r\n", dialog->to);
}
