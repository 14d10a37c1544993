/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection as the layer sees it: bytes in are framed, parsed and
 * dispatched in order; bytes out go through the owner's send handler until the
 * connection is gone.
 */
#include <errno.h>
#include <string.h>
#include <re.h>
#include "sallyport/base_log.h"
#include "sallyport/base_util.h"
#include "sip_priv.h"

static void destructor(void *arg)
{
	struct sp_sip_conn *c = arg;

	list_unlink(&c->le);
	mem_deref(c->kept);
	mem_deref(c->frame);
	mem_deref(c->share);
	mem_deref(c->sent_by);
}

/* Is it a SIP message, by its first line? The rest may be anything. */
static bool is_sip(const char *p, size_t n)
{
	static const char version[] = " SIP/2.0";
	const size_t l = sizeof(version) - 1;
	const char *cr = memchr(p, '\r', n);

	return (n >= l && !memcmp(p, version + 1, l - 1) && p[l - 1] == ' ') ||
	       (cr && (size_t)(cr - p) > l && !memcmp(cr - l, version, l));
}

/*
 * A request with good outlines gets the status that its fault deserves (8.2,
 * 21.4.1). What cannot be answered is dropped (8.1.3.1 leaves its transaction
 * to time out): the framing is intact, and the trunk's other calls use this
 * connection, so that one subscriber's odd address must not end it. A peer that
 * keeps sending such, or sends what is no SIP at all, loses the stream.
 */
static void bad_message(struct sp_sip_conn *c, const struct sp_sip_msg *m, int err,
			const struct sp_sip_fault *fault, bool droppable)
{
	const struct sp_sip_reply reply = {.status = fault->status, .reason = fault->reason};

	if (err == EBADMSG && m && fault->answerable) {
		sp_log(SP_LOG_INFO, "sip_bad_request", "status=%u reason=%H call_id=%H",
		       fault->status, sp_log_str, fault->reason, sp_log_quote, &m->call_id);
		(void)sip_answer(c, m, &reply);
		return;
	}

	if (err == EBADMSG && droppable && ++c->dropped <= SIP_DROPPED_MAX) {
		sp_log(SP_LOG_WARN, "sip_dropped", "reason=%H count=%u most=%u", sp_log_str,
		       fault->reason, c->dropped, (unsigned)SIP_DROPPED_MAX);
		return;
	}

	c->err = err;
	c->why = err == EBADMSG ? fault->reason : "no memory";
}

static void message(const char *p, size_t n, void *arg)
{
	const struct sp_sip_fault none = {.status = 400, .reason = "Bad Request"};
	struct sp_sip_conn *c = arg;
	struct sp_sip_fault fault = none;
	struct sp_sip_msg *m = NULL;
	int err;

	/* a handler of an earlier message in the same bytes may have ended it all */
	if (c->err || c->gone || !c->sip)
		return;

	if (!n) {
		c->pong = true;
		return;
	}

	++c->messages;
	err = sp_sip_msg_parse(&m, p, n, &fault);
	if (err)
		bad_message(c, m, err, &fault, is_sip(p, n));
	else
		sip_dispatch(c, m);

	mem_deref(m);
}

/* RFC 5626 3.5.1. One answer to all that came together: a peer that sends
 * nothing but line ends is not to cost a TLS record for every four bytes. */
static void answer_ping(struct sp_sip_conn *c)
{
	static const uint8_t pong[] = {'\r', '\n'};

	if (c->pong && !c->gone && c->sip && !c->err)
		(void)c->sendh(pong, sizeof(pong), c->arg);
	c->pong = false;
}

/** The connection must be declared gone before sendh's arg is. */
int sp_sip_conn_alloc(struct sp_sip_conn **cp, struct sp_sip *sip, const char *sent_by, void *owner,
		      sp_sip_send_h *sendh, void *arg)
{
	struct sp_sip_conn *c;
	struct pl text;
	int err;

	if (!cp || !sip || !str_isset(sent_by) || !sendh)
		return EINVAL;

	pl_set_str(&text, sent_by);
	if (!sp_text_ok(&text))
		return EINVAL;

	c = mem_zalloc(sizeof(*c), destructor);
	if (!c)
		return ENOMEM;

	c->owner = owner;
	c->sendh = sendh;
	c->arg = arg;

	err = str_dup(&c->sent_by, sent_by);
	if (err)
		goto out;

	err = sp_sip_frame_alloc(&c->frame, message, c);
	if (err)
		goto out;

	c->share = sip_share_get(sip, owner);
	if (!c->share) {
		err = ENOMEM;
		goto out;
	}

	c->sip = sip;
	list_append(&sip->conns, &c->le, c);

out:
	if (err)
		mem_deref(c);
	else
		*cp = c;

	return err;
}

int sp_sip_conn_input(struct sp_sip_conn *c, const uint8_t *p, size_t n, const char **why)
{
	const char *text = "connection is gone";
	struct sp_sip *sip;
	int err;

	if (!c || (!p && n))
		return EINVAL;

	if (c->gone || !c->sip) {
		err = ENOTCONN;
	} else if (c->err) {
		err = c->err;
		text = c->why;
	} else {
		/* handlers may let go of both */
		sip = mem_ref(c->sip);
		mem_ref(c);

		err = sp_sip_frame_input(c->frame, p, n, &text);
		answer_ping(c);
		if (c->err) {
			err = c->err;
			text = c->why;
		}

		mem_deref(c);
		mem_deref(sip);
	}

	if (err && why)
		*why = text;

	return err;
}

void sp_sip_conn_gone(struct sp_sip_conn *c)
{
	struct le *le;

	if (!c || c->gone)
		return;

	c->gone = true;

	LIST_FOREACH(&c->clients, le)
	sip_ctrans_lost(le->data);
}

/** Send here and nowhere else. */
int sip_conn_write(struct sp_sip_conn *c, const struct mbuf *mb)
{
	int err;

	if (c->gone || !c->sip)
		return ENOTCONN;

	mem_ref(c);
	err = c->sendh(mb->buf, mb->end, c->arg);
	mem_deref(c);

	return err;
}

/** This connection, or another of its owner when it is gone, or NULL. */
struct sp_sip_conn *sip_conn_usable(struct sp_sip_conn *c)
{
	struct sp_sip *sip = c->sip;
	struct sp_sip_conn *other;

	if (!sip)
		return NULL;
	if (!c->gone)
		return c;
	if (!sip->h.other)
		return NULL;

	other = sip->h.other(c, sip->arg);
	if (!other || other->gone || other->sip != sip || other->owner != c->owner)
		return NULL;

	return other;
}

/** Send here, or where else this owner can be reached. */
int sip_conn_send(struct sp_sip_conn *c, const struct mbuf *mb)
{
	struct sp_sip_conn *to = sip_conn_usable(c);
	int err;

	if (!to)
		return ENOTCONN;

	mem_ref(c);
	err = sip_conn_write(to, mb);
	if (err && to == c && c->gone) {
		to = sip_conn_usable(c);
		err = to ? sip_conn_write(to, mb) : ENOTCONN;
	}
	mem_deref(c);

	return err;
}

bool sp_sip_conn_isgone(const struct sp_sip_conn *c)
{
	return !c || c->gone;
}

void *sp_sip_conn_owner(const struct sp_sip_conn *c)
{
	return c ? c->owner : NULL;
}

const char *sp_sip_conn_sent_by(const struct sp_sip_conn *c)
{
	return c ? c->sent_by : NULL;
}

uint64_t sp_sip_conn_messages(const struct sp_sip_conn *c)
{
	return c ? c->messages : 0;
}

bool sp_sip_conn_partial(const struct sp_sip_conn *c)
{
	return c && sp_sip_frame_partial(c->frame);
}

void sp_sip_conn_keep(struct sp_sip_conn *c, void *kept)
{
	if (c && !c->kept)
		c->kept = kept;
	else
		mem_deref(kept);
}

void *sp_sip_conn_kept(const struct sp_sip_conn *c)
{
	return c ? c->kept : NULL;
}

unsigned sp_sip_conn_pending(const struct sp_sip_conn *c)
{
	return c ? c->pending : 0;
}

void sp_sip_conn_alias(struct sp_sip_conn *c)
{
	if (c)
		c->alias = true;
}

int sp_sip_conn_ping(struct sp_sip_conn *c)
{
	static const uint8_t ping[] = {'\r', '\n', '\r', '\n'};
	int err;

	if (!c || c->gone || !c->sip)
		return ENOTCONN;

	mem_ref(c);
	sp_sip_frame_pinged(c->frame);
	err = c->sendh(ping, sizeof(ping), c->arg);
	mem_deref(c);

	return err;
}

uint64_t sp_sip_conn_pongs(const struct sp_sip_conn *c)
{
	return c ? sp_sip_frame_pongs(c->frame) : 0;
}
