/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/session: one offer and its answer (RFC 3264), and the relay between
 * them. An offer changes nothing until it is answered: the relay learns both
 * far ends from the answer, and a refused offer is rolled back.
 */
#include <string.h>

#include "call_priv.h"

/* The tag of the one a=crypto line in the offers that we write. */
enum { OFFER_TAG = 1 };

static const char why_no_sdp[] = "a session description (application/sdp) is needed";

bool session_refuses_delayed(const struct sp_call *call)
{
	return sp_trunk_conf(call->legv[SP_SIDE_CALLER].trunk)->refuse_delayed ||
	       sp_trunk_conf(call->legv[SP_SIDE_CALLEE].trunk)->refuse_delayed;
}

bool session_has_body(const struct sp_sip_msg *m)
{
	return m->body.l > 0;
}

/** Is there a body and a description in it? 18x come with bodies of other types too. */
bool session_has_sdp(const struct sp_sip_msg *m)
{
	struct pl type = m->content_type;
	const char *semi = pl_strchr(&type, ';');

	if (semi)
		type.l = (size_t)(semi - type.p);
	while (type.l && (' ' == type.p[type.l - 1] || '\t' == type.p[type.l - 1]))
		type.l--;
	return m->body.l && 0 == pl_strcasecmp(&type, "application/sdp");
}

/** Parse the description in m. */
static int parse(struct sp_sdp **sp, const struct sp_sip_msg *m, const char **why)
{
	*why = why_no_sdp;
	if (!session_has_sdp(m))
		return ENODATA;
	return sp_sdp_parse(sp, m->body.p, m->body.l, why);
}

static bool usable(const struct sp_sdp *s, size_t i)
{
	return SP_SDP_OK == sp_sdp_media(s, i)->fault;
}

/** Can our ports on the offerer's side reach where it wants its media? */
static bool reachable(const struct leg *from, const struct sp_sdp *s)
{
	int af = sa_af(&from->ifc->media);

	for (size_t i = 0; i < sp_sdp_mediac(s); i++) {
		if (usable(s, i) && af != sa_af(&sp_sdp_media(s, i)->rtp))
			return false;
	}
	return true;
}

/** Ports for the m-lines of the offer that have none yet. */
static int open_streams(struct sp_call *call, const struct sp_sdp *s)
{
	for (size_t i = 0; i < sp_sdp_mediac(s); i++) {
		size_t stream;
		int err;

		if (!usable(s, i) || call->stream[i] >= 0)
			continue;
		err = sp_relay_add(&stream, call->relay);
		if (err)
			return err;
		call->stream[i] = (int)stream;
		call->added |= 1U << i;
	}
	return 0;
}

static void close_stream(struct sp_call *call, size_t i)
{
	if (call->stream[i] < 0)
		return;
	sp_relay_end(call->relay, (size_t)call->stream[i]);
	call->stream[i] = -1;
}

int session_offer(struct leg *from, const struct sp_sip_msg *m, uint16_t *status, const char **why)
{
	struct sp_call *call = from->call;
	enum sp_sdp_fault verdict;
	struct sp_sdp *s = NULL;
	int err = parse(&s, m, why);

	if (err) {
		*status = ENODATA == err ? 488 : 400;
		return err;
	}
	*status = 488;
	verdict = sp_sdp_verdict(s);
	if (SP_SDP_OK != verdict && !(SP_SDP_DISABLED == verdict && call->mediac)) {
		*why = sp_sdp_fault_text(verdict);
		err = EPROTO;
	} else if (sp_sdp_mediac(s) < call->mediac) {
		*why = "an offer must keep every m-line of the one before";
		err = EPROTO;
	} else if (!reachable(from, s)) {
		*why = "media address of another IP version than this interface's";
		err = EPROTO;
	} else {
		err = open_streams(call, s);
		*why = "no media ports or descriptors left";
		*status = 503;
	}
	mem_deref(call->offer);
	call->offer = s;
	call->offerer = from;
	call->answered_early = false;
	if (err)
		session_rollback(call);
	else
		*why = NULL;
	return err;
}

/** Our side of the description s as it goes to leg `to`. */
static void local_side(struct sp_sdp_local *local, const struct leg *to, const struct sp_sdp *s,
		       const struct sp_sdp *offer, bool answer)
{
	const struct sp_call *call = to->call;

	memset(local, 0, sizeof(*local));
	local->addr = to->ifc->media_advertise;
	local->session_id = to->session_id;
	local->version = to->version;
	for (size_t i = 0; i < sp_sdp_mediac(s); i++) {
		struct sp_sdp_local_media *lm = &local->mediav[i];
		size_t stream = (size_t)call->stream[i];

		lm->enabled = usable(s, i) && usable(offer, i) && call->stream[i] >= 0;
		if (!lm->enabled)
			continue;
		lm->rtp_port = sp_relay_port(call->relay, stream, to->side);
		lm->rtcp_port = (uint16_t)(lm->rtp_port + 1);
		lm->tag = answer ? sp_sdp_media(offer, i)->sdes.tag : OFFER_TAG;
		memcpy(lm->key, sp_relay_key(call->relay, stream, to->side), sizeof(lm->key));
	}
}

/**
 * Write s for leg `to`. The version in o= rises when, and only when, the
 * description differs from the last one that the leg got (RFC 3264 8).
 */
static int write_for(struct leg *to, const struct sp_sdp *s, bool answer, struct mbuf **bodyp)
{
	struct sp_sdp_local local;
	struct mbuf *mb = mbuf_alloc(2048);
	struct pl now, last;
	int err;

	if (!mb)
		return ENOMEM;
	local_side(&local, to, s, to->call->offer, answer);
	err = sp_sdp_rewrite(mb, s, &local);
	if (err)
		goto out;
	now = (struct pl){(const char *)mb->buf, mb->end};
	last = to->sent ? (struct pl){(const char *)to->sent->buf, to->sent->end} : pl_null;
	if (!to->sent || !sp_sdp_same(&now, &last)) {
		local.version = ++to->version;
		mbuf_rewind(mb);
		err = sp_sdp_rewrite(mb, s, &local);
		if (err)
			goto out;
		mem_deref(to->sent);
		to->sent = mem_ref(mb);
	}
	*bodyp = mem_ref(to->sent);
out:
	explicit_bzero(&local, sizeof(local));
	mem_deref(mb);
	return err;
}

int session_write_offer(struct leg *to, struct mbuf **bodyp)
{
	return write_for(to, to->call->offer, false, bodyp);
}

/** Does the answer fit the offer that we wrote? (RFC 3264 6, RFC 4568 5.1.3) */
static const char *answer_fault(const struct sp_sdp *offer, const struct sp_sdp *answer)
{
	if (sp_sdp_mediac(answer) != sp_sdp_mediac(offer))
		return "the answer has another number of m-lines than the offer";
	for (size_t i = 0; i < sp_sdp_mediac(offer); i++) {
		const struct sp_sdp_media *am = sp_sdp_media(answer, i);

		if (!usable(offer, i) || SP_SDP_DISABLED == am->fault)
			continue;
		if (SP_SDP_OK != am->fault)
			return sp_sdp_fault_text(am->fault);
		if (OFFER_TAG != am->sdes.tag)
			return "the answer takes a crypto tag that was not offered";
	}
	return NULL;
}

static int set_remotes(struct leg *from, const struct sp_sdp *answer)
{
	struct sp_call *call = from->call;

	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		const struct sp_sdp_media *om = sp_sdp_media(call->offer, i);
		const struct sp_sdp_media *am = sp_sdp_media(answer, i);
		size_t stream = (size_t)call->stream[i];
		int err;

		if (!usable(call->offer, i) || !usable(answer, i) || call->stream[i] < 0)
			continue;
		err = sp_relay_remote(call->relay, stream, from->side, &am->rtp, &am->rtcp,
				      am->sdes.key);
		if (!err)
			err = sp_relay_remote(call->relay, stream, call->offerer->side, &om->rtp,
					      &om->rtcp, om->sdes.key);
		if (err)
			return err;
	}
	return 0;
}

/** Direction of the first m-line in use: what the leg said that it does. */
static enum sp_sdp_dir direction(const struct sp_sdp *s)
{
	for (size_t i = 0; i < sp_sdp_mediac(s); i++) {
		if (usable(s, i))
			return sp_sdp_media(s, i)->dir;
	}
	return SP_SDP_INACTIVE;
}

/** Note the m-lines that the answer refuses, for session_commit(). */
static void note_refused(struct sp_call *call, const struct sp_sdp *answer)
{
	call->refused = 0;
	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		if (!usable(answer, i) || !usable(call->offer, i))
			call->refused |= 1U << i;
	}
}

int session_answer(struct leg *from, const struct sp_sip_msg *m, struct mbuf **bodyp,
		   const char **why)
{
	struct sp_call *call = from->call;
	struct sp_sdp *answer = NULL;
	int err;

	if (!session_has_sdp(m) && call->answered_early) {
		*bodyp = mem_ref(call->offerer->sent);
		return 0;
	}
	err = parse(&answer, m, why);
	if (err)
		return err;
	*why = answer_fault(call->offer, answer);
	if (*why) {
		err = EPROTO;
		goto out;
	}
	*why = "the media relay could not be set up";
	err = set_remotes(from, answer);
	if (!err)
		err = write_for(call->offerer, answer, true, bodyp);
	if (err)
		goto out;
	from->dir = direction(answer);
	call->offerer->dir = direction(call->offer);
	call->answered_early = true;
	note_refused(call, answer);
	*why = NULL;
out:
	mem_deref(answer);
	return err;
}

void session_commit(struct sp_call *call)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		if (call->refused & (1U << i))
			close_stream(call, i);
	}
	if (call->offer)
		call->mediac = sp_sdp_mediac(call->offer);
	call->offer = mem_deref(call->offer);
	call->added = call->refused = 0;
}

void session_rollback(struct sp_call *call)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		if (call->added & (1U << i))
			close_stream(call, i);
	}
	call->offer = mem_deref(call->offer);
	call->added = call->refused = 0;
}

/** Media is expected of both sides, or, during hold, of neither. */
void session_watch(struct sp_call *call)
{
	bool both = SP_SDP_SENDRECV == call->legv[SP_SIDE_CALLER].dir &&
		    SP_SDP_SENDRECV == call->legv[SP_SIDE_CALLEE].dir;
	uint32_t ms = both ? call->env->conf->limits.media_timeout_s * 1000U : 0;

	sp_relay_watch(call->relay, SP_SIDE_CALLER, ms);
	sp_relay_watch(call->relay, SP_SIDE_CALLEE, ms);
}

const char *session_dir_name(enum sp_sdp_dir dir)
{
	switch (dir) {

	case SP_SDP_SENDRECV:
		return "sendrecv";
	case SP_SDP_SENDONLY:
		return "sendonly";
	case SP_SDP_RECVONLY:
		return "recvonly";
	case SP_SDP_INACTIVE:
		return "inactive";
	}
	return "?";
}
