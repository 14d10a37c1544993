/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/screen: requests that are refused whoever asks, before anything is
 * looked up: methods, Max-Forwards, extensions, bodies (RFC 3261 8.2). An
 * INVITE that is refused is logged like any other call that did not come about.
 */
#include "call_priv.h"

enum { UNSUPPORTED_MAX = 8 };

const char screen_accept[] = "application/sdp, multipart/mixed";

/* A request that is looked at. */
struct screening {
	struct sp_calls *calls;
	struct sp_sip_strans *st;
	const struct sp_sip_msg *req;
	const struct sp_trunk *from;
	const struct sp_conf_trunk *conf;
};

/** It was refused. @return true, for the caller to return */
static bool note(const struct screening *s, uint16_t status, const char *cause)
{
	if (SP_SIP_INVITE == s->req->method && !s->req->to_tag.l) {
		s->calls->count.refused++;
		admit_log_refused(s->from, s->req, status, cause);
	}
	return true;
}

/** Refuse it; headers (NULL for none) say what would do. */
static bool refuse(const struct screening *s, uint16_t status, const struct mbuf *headers,
		   const char *cause)
{
	const struct sp_sip_reply r = {.status = status, .headers = headers};

	(void)sp_sip_reply(s->st, &r); /* no connection left: nobody to tell */
	return note(s, status, cause);
}

static bool refuse_with(const struct screening *s, uint16_t status, const char *name,
			const char *value, const char *cause)
{
	(void)policy_reply_with(s->st, status, name, value); /* as in refuse() */
	return note(s, status, cause);
}

/** 405, with what is allowed. */
static bool refuse_with_allow(const struct screening *s)
{
	struct mbuf *mb = mbuf_alloc(128);
	int err = mb ? policy_put_allow(mb, s->conf) : ENOMEM;
	bool refused = refuse(s, 405, err ? NULL : mb, NULL);

	mem_deref(mb);
	return refused;
}

static bool method(const struct screening *s)
{
	switch (s->req->method) {

	case SP_SIP_INVITE:
	case SP_SIP_BYE:
	case SP_SIP_OPTIONS:
	case SP_SIP_UPDATE:
	case SP_SIP_INFO:
	case SP_SIP_NOTIFY:
	case SP_SIP_PRACK: /* in a dialog that has no provisional of ours: 481 */
		return false;
	case SP_SIP_MESSAGE: /* in a call only: there is no route for others */
		return s->req->to_tag.l ? false : refuse(s, 403, NULL, NULL);
	case SP_SIP_REFER:
		return SP_TRANSFER_REFUSE != s->conf->transfer ? false : refuse_with_allow(s);
	case SP_SIP_OTHER:
		return refuse(s, 501, NULL, NULL);
	default:
		return refuse_with_allow(s);
	}
}

static bool max_forwards(const struct screening *s)
{
	if (s->req->max_forwards || SP_SIP_OPTIONS == s->req->method)
		return false;
	return refuse(s, 483, NULL, "Max-Forwards is used up: does the call go round in circles?");
}

/** Is the extension one that the trunk lets its peers use? */
static bool understood(const struct sp_conf_trunk *conf, const struct pl *tag)
{
	if (0 == pl_strcasecmp(tag, "100rel"))
		return SP_USE_OFF != conf->reliable;
	if (0 == pl_strcasecmp(tag, "timer"))
		return SP_USE_OFF != conf->timer.use;
	if (0 == pl_strcasecmp(tag, "replaces"))
		return SP_TRANSFER_REFUSE != conf->transfer;
	return false;
}

/**
 * RFC 3261 8.2.2.3: the extensions that are required of us and that we lack. Who
 * requires thousands is told of the first few: no answer is larger than its request.
 * @return how many there are
 */
static size_t put_unsupported(struct mbuf *mb, const struct screening *s)
{
	const struct sp_sip_hdr *hdr = NULL;
	struct pl tag, rest;
	size_t named = 0, lacking = 0;

	while ((hdr = sp_sip_msg_next(s->req, SP_HDR_REQUIRE, hdr))) {
		rest = hdr->value;
		while (sp_sip_list_next(&tag, &rest)) {
			if (understood(s->conf, &tag))
				continue;
			lacking++;
			if (mb && named < UNSUPPORTED_MAX && sp_sip_is_token(&tag) &&
			    0 == sp_sip_put(mb, "Unsupported", "%r", &tag))
				named++;
		}
	}
	return lacking;
}

static bool required(const struct screening *s)
{
	bool refused = false;
	struct mbuf *mb;

	if (!sp_sip_msg_next(s->req, SP_HDR_REQUIRE, NULL))
		return false;
	mb = mbuf_alloc(128); /* without it they are not named */
	if (put_unsupported(mb, s))
		refused = refuse(s, 420, mb,
				 "it requires an extension that the trunk's settings do not allow");
	mem_deref(mb);
	return refused;
}

/** The other way round: 421, what we require of the peer (RFC 3261 21.4.16). */
static bool lacking(const struct screening *s)
{
	if (SP_SIP_INVITE != s->req->method || s->req->to_tag.l ||
	    SP_USE_REQUIRED != s->conf->reliable ||
	    sp_sip_msg_lists(s->req, SP_HDR_SUPPORTED, "100rel") ||
	    sp_sip_msg_lists(s->req, SP_HDR_REQUIRE, "100rel"))
		return false;
	return refuse_with(s, 421, "Require", "100rel",
			   "reliable_provisionals is \"required\", and it does not support 100rel");
}

/** A body that we cannot read as a session description (RFC 3261 8.2.3). */
static bool body(const struct screening *s)
{
	const struct sp_sip_hdr *encoding = sp_sip_msg_next(s->req, SP_HDR_CONTENT_ENCODING, NULL);
	const bool read = SP_SIP_INVITE == s->req->method || SP_SIP_UPDATE == s->req->method ||
			  SP_SIP_PRACK == s->req->method;

	if (0 == s->req->body.l || !read)
		return false;
	if (encoding && pl_strcasecmp(&encoding->value, "identity"))
		return refuse_with(s, 415, "Accept-Encoding", "identity", "its body is encoded");
	if (body_readable(s->req))
		return false;
	return refuse_with(s, 415, "Accept", screen_accept, "its body is no session description");
}

bool screen_refused(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	const struct sp_trunk *from = sp_trunk_of(sp_sip_strans_conn(st));
	const struct screening s = {calls, st, req, from, sp_trunk_conf(from)};

	return method(&s) || max_forwards(&s) || required(&s) || lacking(&s) || body(&s);
}
