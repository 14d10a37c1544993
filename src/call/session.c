/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/session: one offer and its answer (RFC 3264), and the relay between
 * them. An offer changes nothing until it is answered: the relay learns both
 * far ends from the answer, and a refused offer is rolled back.
 *
 * What each dialog was told last, and what it told, is kept with the dialog:
 * forks have answers of their own (RFC 3261 13.1), and what is repeated, for a
 * session timer or a transfer, is the same to the octet.
 */
#include <string.h>

#include "call_priv.h"

static const char why_no_sdp[] = "a session description (application/sdp) is needed";

void session_init(struct session *s)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++)
		s->stream[i] = -1;
}

static void silent(enum sp_side side, void *arg)
{
	struct sp_call *call = arg;

	call_event(call, EV_SILENCE, &(struct input){.leg = call->leg[side]});
}

static struct sp_ports *ports_of(const struct sp_call *call, const struct sp_trunk *trunk)
{
	const struct sp_conf_interface *ifc = call_interface(call, trunk);

	return ifc ? call->env->portsv[ifc - call->env->conf->interfacev] : NULL;
}

/** Media on this side comes from where the trunk's may come from. */
static int take_from(struct session *s, enum sp_side side, const struct sp_trunk *trunk)
{
	return sp_relay_networks(s->relay, side, &sp_trunk_conf(trunk)->media_networks,
				 sp_trunk_conf_owner(trunk));
}

int session_open(struct session *s, const struct leg *leg, const struct sp_trunk *other)
{
	struct sp_call *call = leg->call;
	const bool caller = SP_SIDE_CALLER == leg->side;
	struct sp_ports *const ports[2] = {ports_of(call, caller ? leg->trunk : other),
					   ports_of(call, caller ? other : leg->trunk)};
	int err = sp_relay_alloc(&s->relay, call->calls->media, ports, silent, call);

	if (!err)
		err = take_from(s, leg->side, leg->trunk);
	if (!err)
		err = take_from(s, caller ? SP_SIDE_CALLEE : SP_SIDE_CALLER, other);
	if (err) {
		s->relay = mem_deref(s->relay);
		return err;
	}
	s->calls = call->calls;
	s->calls->count.relays++;
	return 0;
}

void session_close(struct session *s)
{
	s->offer = mem_deref(s->offer);
	s->first = mem_deref(s->first);
	s->relay = mem_deref(s->relay);
	s->offerer = NULL;
	if (s->calls)
		s->calls->count.relays--;
	s->calls = NULL;
}

bool session_refuses_delayed(const struct sp_trunk *from, const struct sp_trunk *to)
{
	return sp_trunk_conf(from)->refuse_delayed || sp_trunk_conf(to)->refuse_delayed;
}

/** Parse the description in m. */
static int parse(struct sp_sdp **sp, const struct sp_sip_msg *m, const char **why)
{
	struct sp_sip_part part;
	int err;

	*why = why_no_sdp;
	if (sp_sip_part_find(&part, m, "application/sdp"))
		return ENODATA;
	err = sp_sdp_parse(sp, part.body.p, part.body.l, why);
	if (ENOMEM == err)
		*why = "out of memory";
	return err;
}

/** Can our ports on the offerer's side reach where it wants its media? */
static bool reachable(const struct leg *from, const struct sp_sdp *d)
{
	int af = sa_af(&from->ifc->media);

	for (size_t i = 0; i < sp_sdp_mediac(d); i++) {
		if (session_usable(d, i) && af != sa_af(&sp_sdp_media(d, i)->rtp))
			return false;
	}
	return true;
}

/** Ports for the m-lines of the offer that have none yet. */
static int open_streams(struct session *s, const struct sp_sdp *d)
{
	for (size_t i = 0; i < sp_sdp_mediac(d); i++) {
		size_t stream;
		int err;

		if (!session_usable(d, i) || s->stream[i] >= 0)
			continue;
		err = sp_relay_add(&stream, s->relay);
		if (err)
			return err;
		s->stream[i] = (int)stream;
		s->added |= 1U << i;
	}
	return 0;
}

static void close_stream(struct session *s, size_t i)
{
	if (s->stream[i] < 0)
		return;
	sp_relay_end(s->relay, (size_t)s->stream[i]);
	s->stream[i] = -1;
}

/** Take d, which `from` offers; takes over the reference. */
static int take_offer(struct session *s, struct leg *from, struct sp_sdp *d, uint16_t *status,
		      const char **why)
{
	enum sp_sdp_fault verdict = sp_sdp_verdict(d);
	int err = EPROTO;

	*status = 488;
	if (SP_SDP_OK != verdict && !(SP_SDP_DISABLED == verdict && s->mediac)) {
		*why = sp_sdp_fault_text(verdict);
	} else if (sp_sdp_mediac(d) < s->mediac) {
		*why = "an offer must keep every m-line of the one before";
	} else if (!reachable(from, d)) {
		*why = "media address of another IP version than this interface's";
	} else {
		err = open_streams(s, d);
		*why = "no media ports or descriptors left";
		*status = 503;
	}
	mem_deref(s->offer);
	s->offer = d;
	s->offerer = from;
	if (err)
		session_rollback(s);
	else
		*why = NULL;
	return err;
}

int session_offer(struct session *s, struct leg *from, const struct sp_sip_msg *m, uint16_t *status,
		  const char **why)
{
	struct sp_sdp *d = NULL;
	int err = parse(&d, m, why);

	if (err) {
		*status = ENODATA == err ? 488 : ENOMEM == err ? 500 : 400;
		return err;
	}
	return take_offer(s, from, d, status, why);
}

/** d with the m-lines of `like` that it lacks, as refused ones. */
static int pad(struct sp_sdp **outp, const struct sp_sdp *d, const struct sp_sdp *like,
	       const char **why)
{
	struct mbuf *mb = sp_mbuf_secret(2048);
	struct pl text;
	int err;

	if (!mb)
		return ENOMEM;
	sp_sdp_text(d, &text);
	err = mbuf_write_pl(mb, &text);
	for (size_t i = sp_sdp_mediac(d); i < sp_sdp_mediac(like) && !err; i++)
		err = mbuf_printf(mb, "m=%r 0 %r 0\r\n", &sp_sdp_media(like, i)->type,
				  &sp_sdp_media(like, i)->proto);
	if (!err)
		err = sp_sdp_parse(outp, (const char *)mb->buf, mb->end, why);
	mem_deref(mb);
	return err;
}

int session_offer_again(struct session *s, struct leg *from, const struct leg *to, uint16_t *status,
			const char **why)
{
	struct sp_sdp *heard = from->dlg->heard, *d = NULL;
	const struct sp_sdp *like = to->dlg ? to->dlg->heard : NULL;
	int err;

	*status = 500;
	*why = why_no_sdp;
	if (!heard)
		return ENODATA;
	if (!like || sp_sdp_mediac(like) <= sp_sdp_mediac(heard))
		return take_offer(s, from, mem_ref(heard), status, why);
	err = pad(&d, heard, like, why);
	return err ? err : take_offer(s, from, d, status, why);
}

/** Is m's description the last one of the dialog, but for its version? */
static bool is_as_before(const struct dlg *dlg, const struct sp_sip_msg *m)
{
	struct sp_sip_part part;
	struct pl last;

	if (!dlg->heard || sp_sip_part_find(&part, m, "application/sdp"))
		return false;
	sp_sdp_text(dlg->heard, &last);
	return sp_sdp_same(&part.body, &last);
}

/** Does the offer leave RTCP where it is? The trunk may have got another setting since. */
static bool muxes_as_before(const struct session *s, const struct leg *leg,
			    const struct sp_sdp *offer)
{
	for (size_t i = 0; i < sp_sdp_mediac(offer); i++) {
		const bool before = leg->dlg->muxed & (1U << i);

		if (session_usable(offer, i) && s->stream[i] >= 0 &&
		    before != session_muxes(leg, sp_sdp_media(offer, i)))
			return false;
	}
	return true;
}

bool session_unchanged(struct leg *leg, const struct sp_sip_msg *m, struct mbuf **sdpp)
{
	const struct session *s = &leg->call->session;
	const struct leg *other = leg_other(leg);
	const struct sp_sdp *d = other->dlg ? other->dlg->heard : NULL;
	struct sp_sdp *offer = NULL;
	const char *why;
	bool same;

	if (!d || !is_as_before(leg->dlg, m) || parse(&offer, m, &why))
		return false;
	same = muxes_as_before(s, leg, offer) && 0 == session_describe(s, leg, d, offer, sdpp);
	mem_deref(offer);
	return same;
}

/** Does the answer fit the offer that we wrote? (RFC 3264 6, RFC 4568 5.1.3) */
static const char *answer_fault(const struct sp_sdp *offer, const struct sp_sdp *answer,
				const struct dlg *dlg)
{
	if (sp_sdp_mediac(answer) != sp_sdp_mediac(offer))
		return "the answer has another number of m-lines than the offer";
	for (size_t i = 0; i < sp_sdp_mediac(offer); i++) {
		const struct sp_sdp_media *am = sp_sdp_media(answer, i);

		if (!session_usable(offer, i) || SP_SDP_DISABLED == am->fault)
			continue;
		if (SP_SDP_OK != am->fault)
			return sp_sdp_fault_text(am->fault);
		if (pl_cmp(&am->type, &sp_sdp_media(offer, i)->type))
			return "the answer has another kind of media than the offer";
		if (dlg->tagv[i] != am->sdes.tag)
			return "the answer takes a crypto tag that was not offered";
	}
	return NULL;
}

/** Direction of the first m-line in use: what the leg said that it does. */
static enum sp_sdp_dir direction(const struct sp_sdp *d)
{
	for (size_t i = 0; i < sp_sdp_mediac(d); i++) {
		if (session_usable(d, i))
			return sp_sdp_media(d, i)->dir;
	}
	return SP_SDP_INACTIVE;
}

/** A refresh must not offer again what the answer refuses: its ports are given back. */
static bool refuses(const struct sp_sdp *answer, const struct sp_sdp *offer)
{
	for (size_t i = 0; i < sp_sdp_mediac(offer); i++) {
		if (session_usable(offer, i) && !session_usable(answer, i))
			return true;
	}
	return false;
}

/** Note the m-lines that the answer refuses, for session_commit(). */
static void note_refused(struct session *s, const struct sp_sdp *answer)
{
	s->refused = 0;
	for (size_t i = 0; i < sp_sdp_mediac(answer); i++) {
		if (!session_usable(answer, i) || !session_usable(s->offer, i))
			s->refused |= 1U << i;
	}
}

int session_refreshed(struct leg *leg, const struct sp_sip_msg *m, const char **why)
{
	struct session *s = &leg->call->session;
	const struct sp_sdp *told = leg_other(leg)->dlg->heard;
	enum sp_sdp_dir old = leg->dlg->dir;
	struct sp_sdp *answer = NULL;
	int err;

	if (!told || !body_has_sdp(m) || is_as_before(leg->dlg, m))
		return 0;
	err = parse(&answer, m, why);
	if (err)
		return err;
	*why = answer_fault(told, answer, leg->dlg);
	err = *why ? EPROTO : 0;
	if (!err) {
		*why = "the media relay could not be set up";
		err = session_move(s, leg, told, answer);
	}
	if (!err) {
		mem_deref(leg->dlg->heard);
		leg->dlg->heard = mem_ref(answer);
		leg->dlg->dir = direction(answer);
		if (leg->dlg->dir != old)
			session_watch(leg->call);
	}
	mem_deref(answer);
	return err;
}

/** The answer in m; that of a reliable or an earlier provisional stands for it (RFC 6337 3.1). */
static int answer_of(struct sp_sdp **answerp, const struct session *s, const struct dlg *dlg,
		     const struct sp_sip_msg *m, const char **why)
{
	const bool own = s == &dlg->leg->call->session; /* not that of a transfer */
	const bool fixed = dlg->agreed || (own && s->offerer->dlg->agreed) || !body_has_sdp(m);

	if (s->initial && dlg->heard && fixed) {
		*answerp = mem_ref(dlg->heard);
		return 0;
	}
	return parse(answerp, m, why);
}

/** The answer of `from`, if it fits. */
static int fitting_answer(struct sp_sdp **answerp, const struct session *s, const struct leg *from,
			  const struct sp_sip_msg *m, const char **why)
{
	int err = answer_of(answerp, s, from->dlg, m, why);

	if (err)
		return err;
	*why = answer_fault(s->offer, *answerp, from->dlg);
	if (!*why) {
		from->dlg->refused |= refuses(*answerp, s->offer);
		return 0;
	}
	*answerp = mem_deref(*answerp);
	return EPROTO;
}

static void note_heard(struct dlg *dlg, struct sp_sdp *answer)
{
	mem_deref(dlg->heard);
	dlg->heard = answer;
	dlg->dir = direction(answer);
}

int session_hear(struct session *s, struct leg *from, const struct sp_sip_msg *m, const char **why)
{
	struct sp_sdp *answer = NULL;
	int err = fitting_answer(&answer, s, from, m, why);

	if (!err) {
		session_agree(from->dlg, answer);
		note_heard(from->dlg, answer);
	}
	return err;
}

int session_meet(struct session *s, struct leg *from, const struct sp_sip_msg *m, const char **why)
{
	struct sp_sdp *answer = NULL;
	int err = fitting_answer(&answer, s, from, m, why);

	if (err)
		return err;
	*why = "the media relay could not be set up";
	err = session_connect(s, from, answer);
	if (err) {
		mem_deref(answer);
		return err;
	}
	note_refused(s, answer);
	note_heard(from->dlg, answer);
	s->offerer->dlg->dir = direction(s->offer);
	*why = NULL;
	return 0;
}

int session_answer(struct session *s, struct leg *from, const struct sp_sip_msg *m,
		   struct mbuf **sdpp, const char **why)
{
	int err = session_meet(s, from, m, why);

	if (!err)
		err = session_rekey(s);
	return err ? err : session_describe(s, s->offerer, from->dlg->heard, s->offer, sdpp);
}

void session_reopen(struct session *s, struct leg *caller)
{
	session_rollback(s);
	s->offer = mem_ref(s->first);
	s->offerer = caller;
	s->initial = true;
	s->mediac = 0;
}

void session_settle(struct session *s)
{
	s->first = mem_deref(s->first);
}

void session_commit(struct session *s)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		if (s->refused & (1U << i))
			close_stream(s, i);
	}
	if (s->offer) {
		s->mediac = sp_sdp_mediac(s->offer);
		mem_deref(s->offerer->dlg->heard);
		s->offerer->dlg->heard = s->offer;
	}
	s->offer = NULL;
	s->initial = false;
	s->added = s->refused = s->rekeyed = 0;
}

void session_rollback(struct session *s)
{
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++) {
		if (s->added & (1U << i))
			close_stream(s, i);
	}
	s->offer = mem_deref(s->offer);
	s->added = s->refused = s->rekeyed = 0;
}

void session_watch(struct sp_call *call)
{
	bool both = SP_SDP_SENDRECV == call->leg[SP_SIDE_CALLER]->dlg->dir &&
		    SP_SDP_SENDRECV == call->leg[SP_SIDE_CALLEE]->dlg->dir;
	uint32_t ms = both ? call->env->conf->limits.media_timeout_s * 1000U : 0;

	sp_relay_watch(call->session.relay, SP_SIDE_CALLER, ms);
	sp_relay_watch(call->session.relay, SP_SIDE_CALLEE, ms);
}

void session_unwatch(struct sp_call *call)
{
	sp_relay_watch(call->session.relay, SP_SIDE_CALLER, 0);
	sp_relay_watch(call->session.relay, SP_SIDE_CALLEE, 0);
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
