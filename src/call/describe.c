/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/describe: our side of a session, as it is told to a leg (RFC 3264, RFC 4568): the
 * other leg's description with our addresses, ports and keys in it. What a dialog was told
 * last is kept with it; repeated, it is the same to the octet.
 */
#include <string.h>

#include "call_priv.h"

/* The tag of the one a=crypto line in the offers that we write. */
enum { OFFER_TAG = 1 };

/* A description to be written for a leg. */
struct writing {
	const struct sp_sdp *d;
	const struct sp_sdp *answered; /* the offer that it answers; NULL: it is an offer */
	enum sp_sdp_hold hold;
};

enum sp_side session_side(const struct session *s, const struct leg *leg)
{
	return s->guest == leg ? s->guest_side : leg->side;
}

bool session_usable(const struct sp_sdp *d, size_t i)
{
	return SP_SDP_OK == sp_sdp_media(d, i)->fault;
}

bool session_muxes(const struct leg *leg, const struct sp_sdp_media *offered)
{
	return offered->mux_only ||
	       (offered->mux && SP_MUX_OFF != sp_trunk_conf(leg->trunk)->rtcp_mux);
}

/**
 * Once agreed it stays agreed only while each offer has it (RFC 5761 5.1.1); also where it
 * was agreed because the peer has one port alone.
 */
static bool offers_mux(const struct leg *to, size_t i)
{
	return SP_MUX_OFFER == sp_trunk_conf(to->trunk)->rtcp_mux || (to->dlg->muxed & (1U << i));
}

/** Our side of the description as it goes to leg `to`. */
static void local_side(struct sp_sdp_local *local, const struct session *s, const struct leg *to,
		       const struct writing *w)
{
	memset(local, 0, sizeof(*local));
	local->addr = to->ifc->media_advertise;
	local->session_id = to->session_id;
	local->version = to->dlg->version;
	local->hold = w->hold;
	local->offer = w->answered;
	for (size_t i = 0; i < sp_sdp_mediac(w->d); i++) {
		struct sp_sdp_local_media *lm = &local->mediav[i];
		size_t stream = (size_t)s->stream[i];

		lm->enabled = session_usable(w->d, i) && s->stream[i] >= 0 &&
			      (!w->answered || session_usable(w->answered, i));
		if (!lm->enabled)
			continue;
		lm->rtp_port = sp_relay_port(s->relay, stream, session_side(s, to));
		lm->rtcp_port = (uint16_t)(lm->rtp_port + 1);
		lm->mux = w->answered ? session_muxes(to, sp_sdp_media(w->answered, i))
				      : offers_mux(to, i);
		if (w->answered)
			lm->tag = sp_sdp_media(w->answered, i)->sdes.tag;
		else
			lm->tag = to->dlg->tagv[i] ? to->dlg->tagv[i] : OFFER_TAG;
		memcpy(lm->key, sp_relay_key(s->relay, stream, session_side(s, to)),
		       sizeof(lm->key));
	}
}

/** What the answer, or our next description, has to fit. */
static void note_told(struct dlg *dlg, const struct sp_sdp_local *local)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		const unsigned bit = 1U << i;

		if (!local->mediav[i].enabled)
			continue;
		dlg->tagv[i] = local->mediav[i].tag;
		dlg->mux_told = local->mediav[i].mux ? dlg->mux_told | bit : dlg->mux_told & ~bit;
		if (local->offer)
			dlg->muxed = (dlg->muxed & ~bit) | (dlg->mux_told & bit);
	}
}

/**
 * Write a description for leg `to`. The version in o= rises when, and only when,
 * it differs from the last one that the dialog got (RFC 3264 8).
 */
static int write_for(const struct session *s, struct leg *to, const struct writing *w,
		     struct mbuf **sdpp)
{
	struct dlg *dlg = to->dlg;
	struct sp_sdp_local local;
	struct mbuf *mb = sp_mbuf_secret(2048);
	struct pl now, last;
	int err;

	if (!mb)
		return ENOMEM;
	local_side(&local, s, to, w);
	err = sp_sdp_rewrite(mb, w->d, &local);
	if (err)
		goto out;
	now = (struct pl){(const char *)mb->buf, mb->end};
	last = dlg->sent ? (struct pl){(const char *)dlg->sent->buf, dlg->sent->end} : pl_null;
	if (!dlg->sent || !sp_sdp_same(&now, &last)) {
		local.version = ++dlg->version;
		mbuf_rewind(mb);
		err = sp_sdp_rewrite(mb, w->d, &local);
		if (err)
			goto out;
		mem_deref(dlg->sent);
		dlg->sent = mem_ref(mb);
	}
	note_told(dlg, &local);
	dlg->refused = false;
	*sdpp = mem_ref(dlg->sent);
out:
	explicit_bzero(&local, sizeof(local));
	mem_deref(mb);
	return err;
}

/** How the trunk wants to be told of hold. */
static enum sp_sdp_hold hold_style(const struct leg *to)
{
	switch (sp_trunk_conf(to->trunk)->hold) {

	case SP_HOLD_SENDONLY:
		return SP_SDP_HOLD_SENDONLY;
	case SP_HOLD_INACTIVE:
		return SP_SDP_HOLD_INACTIVE;
	case SP_HOLD_RELAY:
		break;
	}
	return SP_SDP_HOLD_KEEP;
}

int session_describe(const struct session *s, struct leg *to, const struct sp_sdp *d,
		     const struct sp_sdp *answered, struct mbuf **sdpp)
{
	return write_for(s, to, &(struct writing){.d = d, .answered = answered}, sdpp);
}

int session_write_offer(struct session *s, struct leg *to, bool resume, struct mbuf **sdpp)
{
	const struct writing w = {.d = s->offer, .hold = resume ? SP_SDP_RESUME : hold_style(to)};

	return write_for(s, to, &w, sdpp);
}

int session_write_again(struct leg *leg, struct mbuf **sdpp)
{
	const struct writing w = {.d = leg_other(leg)->dlg->heard, .hold = hold_style(leg)};

	if (leg->dlg->sent && !leg->dlg->refused) {
		*sdpp = mem_ref(leg->dlg->sent);
		return 0;
	}
	return w.d ? write_for(&leg->call->session, leg, &w, sdpp) : ENODATA;
}
