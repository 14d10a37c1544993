/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages into bytes: requests, responses, and the ACK and CANCEL that a
 * client transaction makes of its INVITE. Every message carries Content-Length
 * (RFC 3261 18.3: mandatory on a stream).
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_util.h"
#include "sip_priv.h"

enum { HEAD_SIZE = 1024 };

/** A new branch (8.1.1.7): random, so that nobody can guess a transaction to answer. */
void sip_branch(char *buf, size_t size)
{
	const size_t n = sizeof(SIP_COOKIE) - 1;

	memcpy(buf, SIP_COOKIE, n);
	sp_id_random(buf + n, size - n);
}

static int put_start(struct mbuf *mb, enum sp_sip_method method, const char *uri,
		     const struct sp_sip_conn *conn, const char *branch)
{
	int err = mbuf_printf(mb, "%s %s SIP/2.0\r\n", sp_sip_method_name(method), uri);

	if (!err)
		err = sp_sip_put(mb, "Via", "SIP/2.0/TLS %s;branch=%s%s", conn->sent_by, branch,
				 conn->alias ? ";alias" : "");

	return err;
}

static int put_lines(struct mbuf *mb, const struct mbuf *headers)
{
	return headers && headers->end ? mbuf_write_mem(mb, headers->buf, headers->end) : 0;
}

static int put_body(struct mbuf *mb, const char *type, const struct pl *body)
{
	const size_t n = type ? body->l : 0;
	int err = 0;

	if (type)
		err = sp_sip_put(mb, "Content-Type", "%s", type);
	if (!err)
		err = sp_sip_put(mb, "Content-Length", "%zu", n);
	if (!err)
		err = mbuf_write_str(mb, "\r\n");
	if (!err && n)
		err = mbuf_write_mem(mb, (const uint8_t *)body->p, n);

	return err;
}

int sip_write_request(struct mbuf **mbp, const struct sp_sip_conn *conn, const char *branch,
		      const struct sp_sip_request *req)
{
	struct mbuf *mb = sp_mbuf_secret(HEAD_SIZE + req->headers->end + req->body.l);
	int err;

	if (!mb)
		return ENOMEM;

	err = put_start(mb, req->method, req->uri, conn, branch);
	if (!err)
		err = put_lines(mb, req->headers);
	if (!err)
		err = put_body(mb, req->content_type, &req->body);

	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}

/**
 * The ACK to a failure (17.1.1.3) or the CANCEL (9.1) of an INVITE: same
 * branch, Request-URI, From, Call-ID, Route and CSeq number.
 * @param conn where the INVITE was sent: Via must be the same
 * @param to the To of the response for ACK, of the INVITE for CANCEL
 */
int sip_write_hop(struct mbuf **mbp, enum sp_sip_method method, const struct sp_sip_conn *conn,
		  const char *branch, const struct sip_origin *o, const struct pl *to,
		  const struct mbuf *headers)
{
	const struct pl none = {NULL, 0};
	struct mbuf *mb = mbuf_alloc(HEAD_SIZE);
	int err;

	if (!mb)
		return ENOMEM;

	err = put_start(mb, method, o->uri, conn, branch);
	if (!err)
		err = sp_sip_put(mb, "Max-Forwards", "%u", (unsigned)SP_SIP_MAX_FORWARDS);
	if (!err)
		err = put_lines(mb, o->lines);
	if (!err)
		err = sp_sip_put(mb, "To", "%r", to);
	if (!err)
		err = sp_sip_put(mb, "CSeq", "%u %s", o->cseq, sp_sip_method_name(method));
	if (!err)
		err = put_lines(mb, headers);
	if (!err)
		err = put_body(mb, NULL, &none);

	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}

static int copy_all(struct mbuf *mb, const struct sp_sip_msg *req, enum sp_sip_id id,
		    const char *name)
{
	const struct sp_sip_hdr *h = NULL;
	int err = 0;

	while (!err && (h = sp_sip_msg_next(req, id, h)))
		err = sp_sip_put(mb, name, "%r", &h->value);

	return err;
}

static int put_to(struct mbuf *mb, const struct sp_sip_msg *req, const char *tag)
{
	const struct sp_sip_hdr *to = sp_sip_msg_next(req, SP_HDR_TO, NULL);

	if (!to)
		return EBADMSG;
	if (!tag || req->to_tag.l)
		return sp_sip_put(mb, "To", "%r", &to->value);

	return sp_sip_put(mb, "To", "%r;tag=%s", &to->value, tag);
}

/* 12.1.1: responses that create a dialog repeat Record-Route to the caller. */
static bool makes_dialog(const struct sp_sip_msg *req, uint16_t status)
{
	if (req->to_tag.l || status < 101 || status > 299)
		return false;

	return req->method == SP_SIP_INVITE || req->method == SP_SIP_SUBSCRIBE ||
	       req->method == SP_SIP_REFER || req->method == SP_SIP_NOTIFY;
}

/* 8.2.6.1: a 100 carries the Timestamp of its request. */
static int put_timestamp(struct mbuf *mb, const struct sp_sip_msg *req)
{
	const struct sp_sip_hdr *h = sp_sip_msg_named(req, "Timestamp");

	return h ? sp_sip_put(mb, "Timestamp", "%r", &h->value) : 0;
}

static int put_reply(struct mbuf *mb, const struct sp_sip_msg *req, const struct sp_sip_reply *r,
		     const char *tag)
{
	const char *reason = r->reason ? r->reason : sp_sip_reason(r->status);
	struct pl text;
	int err;

	pl_set_str(&text, reason);
	if (!sp_text_ok(&text))
		return EBADMSG;

	err = mbuf_printf(mb, "SIP/2.0 %u %s\r\n", r->status, reason);
	if (!err)
		err = copy_all(mb, req, SP_HDR_VIA, "Via");
	if (!err && makes_dialog(req, r->status))
		err = copy_all(mb, req, SP_HDR_RECORD_ROUTE, "Record-Route");
	if (!err)
		err = copy_all(mb, req, SP_HDR_FROM, "From");
	if (!err)
		err = put_to(mb, req, tag);
	if (!err)
		err = copy_all(mb, req, SP_HDR_CALL_ID, "Call-ID");
	if (!err)
		err = copy_all(mb, req, SP_HDR_CSEQ, "CSeq");
	if (!err && r->status == 100)
		err = put_timestamp(mb, req);
	if (!err)
		err = put_lines(mb, r->headers);
	if (!err)
		err = put_body(mb, r->content_type, &r->body);

	return err;
}

static int write_reply(struct mbuf **mbp, struct mbuf *mb, const struct sp_sip_msg *req,
		       const struct sp_sip_reply *r, const char *tag)
{
	int err = mb ? put_reply(mb, req, r, tag) : ENOMEM;

	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}

/**
 * 8.2.6.
 * @param spare written to when there is no memory, unless somebody has it; NULL: ENOMEM then.
 *              Nobody may keep it: it is for sip_reply_done().
 * @param tag   put on To when the request had none; may be NULL
 */
int sip_write_reply(struct mbuf **mbp, struct mbuf *spare, const struct sp_sip_msg *req,
		    const struct sp_sip_reply *r, const char *tag)
{
	int err = write_reply(mbp, sp_mbuf_secret(HEAD_SIZE + r->body.l), req, r, tag);

	if (err != ENOMEM || !spare || mem_nrefs(spare) > 1)
		return err;

	mbuf_rewind(spare);

	return write_reply(mbp, mem_ref(spare), req, r, tag);
}

/**
 * What sip_write_reply() wrote has been sent, or will not be. An answer may tell a key: the spare,
 * which is not freed, is wiped like the others.
 */
void sip_reply_done(struct mbuf *mb, const struct mbuf *spare)
{
	if (mb && mb == spare)
		explicit_bzero(mb->buf, mb->end);
	mem_deref(mb);
}
