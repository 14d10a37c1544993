/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/remotes: what the relay is told of a session's two ends: where they want their
 * media, under which keys they send it, and whether RTCP comes with it. From an answer it
 * learns both; from the answer to a refresh that of one.
 */
#include <string.h>

#include "call_priv.h"

/** What comes from a peer has the payload types that it was told (RFC 3264 5.1). */
static void clocks_of(struct sp_relay_remote *r, const struct sp_sdp_media *told)
{
	r->clockc = min(told->clockc, (size_t)SP_RELAY_CLOCKS_MAX);
	for (size_t i = 0; i < r->clockc; i++)
		r->clockv[i] = (struct sp_relay_clock){told->clockv[i].type, told->clockv[i].hz};
}

/**
 * One who talks already, and is about to talk to somebody else (transfer), goes on sending
 * under the same keys: the relay that he comes from knows what has come under them.
 */
static void inherit(struct session *s, const struct leg *leg, size_t i)
{
	const struct session *old = &leg->call->session;

	if (old != s && leg->call->leg[leg->side] == leg && old->stream[i] >= 0)
		(void)sp_relay_inherit(s->relay, (size_t)s->stream[i], session_side(s, leg),
				       old->relay, (size_t)old->stream[i], leg->side);
}

/** m is what the leg said of m-line i, told what it was told. */
static int tell(struct session *s, const struct leg *leg, size_t i, const struct sp_sdp_media *m,
		const struct sp_sdp_media *told, bool mux)
{
	struct sp_relay_remote r = {
		.rtp = m->rtp,
		.rtcp = m->rtcp,
		.mux = mux,
		.wide = 0 != pl_strcasecmp(&m->type, "audio"),
		.srtp.lifetime = m->sdes.lifetime,
		.srtp.mki = m->sdes.mki,
		.srtp.mki_len = m->sdes.mki_len,
	};
	int err;

	memcpy(r.srtp.key, m->sdes.key, sizeof(r.srtp.key));
	clocks_of(&r, told);
	inherit(s, leg, i);
	err = sp_relay_remote(s->relay, (size_t)s->stream[i], session_side(s, leg), &r);
	explicit_bzero(&r.srtp, sizeof(r.srtp));
	return err;
}

/** The dialog answers our offer; then it is known whether RTCP is muxed (RFC 5761 5.1.1). */
static bool agree_mux(struct dlg *dlg, size_t i, const struct sp_sdp_media *m)
{
	const unsigned bit = 1U << i;
	const bool mux = m->mux && (dlg->mux_told & bit);

	dlg->muxed = mux ? dlg->muxed | bit : dlg->muxed & ~bit;
	return mux;
}

void session_agree(struct dlg *dlg, const struct sp_sdp *answer)
{
	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		if (session_usable(answer, i))
			(void)agree_mux(dlg, i, sp_sdp_media(answer, i));
	}
}

static int tell_answerer(struct session *s, const struct leg *leg, size_t i,
			 const struct sp_sdp_media *m, const struct sp_sdp_media *told)
{
	return tell(s, leg, i, m, told, agree_mux(leg->dlg, i, m));
}

static bool connects(const struct session *s, const struct sp_sdp *offer,
		     const struct sp_sdp *answer, size_t i)
{
	return session_usable(offer, i) && session_usable(answer, i) && s->stream[i] >= 0;
}

int session_connect(struct session *s, const struct leg *from, const struct sp_sdp *answer)
{
	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		const struct sp_sdp_media *om = sp_sdp_media(s->offer, i);
		const struct sp_sdp_media *am = sp_sdp_media(answer, i);
		int err;

		if (!connects(s, s->offer, answer, i))
			continue;
		err = tell_answerer(s, from, i, am, om);
		if (!err)
			err = tell(s, s->offerer, i, om, am, session_muxes(s->offerer, om));
		if (err)
			return err;
	}
	return 0;
}

int session_move(struct session *s, const struct leg *leg, const struct sp_sdp *told,
		 const struct sp_sdp *answer)
{
	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		int err;

		if (!connects(s, told, answer, i))
			continue;
		err = tell_answerer(s, leg, i, sp_sdp_media(answer, i), sp_sdp_media(told, i));
		if (err)
			return err;
	}
	return 0;
}

/** Another key, or another place? "0.0.0.0" is hold, and no place. */
static bool moved(const struct sp_sdp_media *was, const struct sp_sdp_media *is)
{
	if (memcmp(was->sdes.key, is->sdes.key, sizeof(is->sdes.key)))
		return true;
	return !sa_is_any(&was->rtp) && !sa_is_any(&is->rtp) &&
	       !sa_cmp(&was->rtp, &is->rtp, SA_ALL);
}

int session_rekey(struct session *s)
{
	const struct sp_conf_trunk *conf = sp_trunk_conf(s->offerer->trunk);
	const struct sp_sdp *was = s->offerer->dlg->heard;
	const size_t n = was ? min(sp_sdp_mediac(was), sp_sdp_mediac(s->offer)) : 0;

	for (size_t i = 0; i < n && conf->rekey_follow; i++) {
		const unsigned bit = 1U << i;
		int err;

		if (!session_usable(was, i) || !session_usable(s->offer, i) || s->stream[i] < 0 ||
		    ((s->added | s->rekeyed) & bit) ||
		    !moved(sp_sdp_media(was, i), sp_sdp_media(s->offer, i)))
			continue;
		err = sp_relay_rekey(s->relay, (size_t)s->stream[i], session_side(s, s->offerer),
				     conf->rekey_roc_keep);
		if (err)
			return err;
		s->rekeyed |= bit;
	}
	return 0;
}
