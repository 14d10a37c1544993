/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was said on the wires of a scenario, each peer's own view: what it asked
 * for and has no answer to, which calls it believes to be in. When a scenario
 * goes another way than it was written, its peers go on from here like any
 * well-behaved SIP element: they answer, acknowledge, and at last hang up.
 */
#ifndef SCENARIO_LEDGER_H
#define SCENARIO_LEDGER_H

#include "scenario_run.h"

enum { LG_MAX = 512, LG_REPEATS_MAX = 8 };

/* What a peer may be left with. */
enum {
	LG_NO_FINAL = 1,  /* its INVITE has no final response      */
	LG_NO_ANSWER = 2, /* another request of its has none       */
	LG_IN_CALL = 4    /* nobody told it that its call is over  */
};

struct lg_entry {
	struct sp_sip_msg *m;
	const struct peer *peer;
	bool out;          /* the peer sent it                            */
	unsigned closings; /* of the peer's connections, until then       */
	bool answered;     /* request: it has its final; 2xx: it has its ACK */
	unsigned repeats;  /* of a 2xx                                       */
};

struct ledger {
	struct lg_entry v[LG_MAX];
	size_t c, done; /* done: those that lg_answer_all() has looked at */
	unsigned closings[SC_PEERS];
	unsigned id;
	bool hang_up;   /* whoever rings is refused from now on */
	bool repeating; /* what is written now has an entry     */
};

static inline size_t lg_index(const struct scenario *s, const struct peer *peer)
{
	for (size_t i = 0; i < SC_PEERS; i++) {
		if (s->peerv[i].wire == peer)
			return i;
	}
	abort();
}

static inline bool lg_same(const struct pl *a, const struct pl *b)
{
	return a->l == b->l && (!a->l || 0 == memcmp(a->p, b->p, a->l));
}

/** Of which request is this response; or, of an ACK or CANCEL, which INVITE is meant? */
static inline bool lg_same_transaction(const struct sp_sip_msg *req, const struct sp_sip_msg *m)
{
	return lg_same(&req->branch, &m->branch) && req->cseq == m->cseq &&
	       lg_same(&req->call_id, &m->call_id);
}

/** Note a message; the ledger takes over the reference. */
static inline void lg_add(struct ledger *lg, const struct scenario *s, const struct peer *peer,
			  struct sp_sip_msg *m, bool out)
{
	struct lg_entry *e = &lg->v[lg->c];

	if (lg->c >= LG_MAX)
		abort();
	lg->c++;
	*e = (struct lg_entry){m, peer, out, lg->closings[lg_index(s, peer)], false, 0};
	for (size_t i = 0; i + 1 < lg->c; i++) {
		struct lg_entry *r = &lg->v[i];

		if (r->peer != peer)
			continue;
		if (r->m->request && r->out != out && !m->request && m->status >= 200 &&
		    r->m->method == m->method && lg_same_transaction(r->m, m))
			r->answered = true;
		if (!r->m->request && r->out != out && m->request && SP_SIP_ACK == m->method &&
		    r->m->cseq == m->cseq && lg_same(&r->m->call_id, &m->call_id) &&
		    lg_same(&r->m->to_tag, &m->to_tag))
			r->answered = true;
	}
}

static inline void lg_clear(struct ledger *lg)
{
	for (size_t i = 0; i < lg->c; i++)
		mem_deref(lg->v[i].m);
	memset(lg, 0, sizeof(*lg));
}

static inline bool lg_is_invite(const struct lg_entry *e)
{
	return e->m->request && SP_SIP_INVITE == e->m->method;
}

/** The 2xx that made a dialog, or repeated it. */
static inline bool lg_makes_dialog(const struct ledger *lg, const struct lg_entry *e)
{
	if (e->m->request || SP_SIP_INVITE != e->m->method || e->m->status / 100 != 2)
		return false;
	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *r = &lg->v[i];

		if (r->peer == e->peer && r->out != e->out && lg_is_invite(r) &&
		    lg_same_transaction(r->m, e->m))
			return !r->m->to_tag.l;
	}
	return false;
}

/** Its own BYE that was not taken is none. */
static inline bool lg_refused(const struct ledger *lg, const struct lg_entry *bye)
{
	bool refused = false;

	for (size_t i = 0; i < lg->c && bye->out; i++) {
		const struct lg_entry *e = &lg->v[i];

		if (e->peer != bye->peer || e->out || e->m->request || SP_SIP_BYE != e->m->method ||
		    !lg_same_transaction(bye->m, e->m))
			continue;
		if (e->m->status < 500)
			return false;
		refused = true;
	}
	return refused;
}

/** A BYE, of either end, has passed in the dialog of this 2xx. heard: and been answered. */
static inline bool lg_dialog_over(const struct ledger *lg, const struct lg_entry *ok, bool heard)
{
	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *e = &lg->v[i];
		const struct sp_sip_msg *m = e->m;
		const bool turned = e->out == ok->out; /* its From is the 2xx's To */

		if (e->peer == ok->peer && m->request && SP_SIP_BYE == m->method &&
		    !lg_refused(lg, e) && !(heard && e->out && !e->answered) &&
		    lg_same(&m->call_id, &ok->m->call_id) &&
		    lg_same(&m->from_tag, turned ? &ok->m->to_tag : &ok->m->from_tag) &&
		    lg_same(&m->to_tag, turned ? &ok->m->from_tag : &ok->m->to_tag))
			return true;
	}
	return false;
}

/** What somebody is left with; 0: nothing. */
static inline unsigned lg_owed(const struct ledger *lg, const struct scenario *s, bool tell)
{
	unsigned owed = 0;

	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *e = &lg->v[i];
		unsigned what = 0;

		if (e->m->request && e->out && !e->answered && SP_SIP_ACK != e->m->method &&
		    e->closings == lg->closings[lg_index(s, e->peer)])
			what = lg_is_invite(e) ? LG_NO_FINAL : LG_NO_ANSWER;
		else if (lg_makes_dialog(lg, e) && !lg_dialog_over(lg, e, false) &&
			 (!e->out || e->answered)) /* without ACK it hangs up by itself */
			what = LG_IN_CALL;
		if (what && tell)
			printf("    %s is left with %s of this:\n%s\n",
			       e->peer->trunk ? e->peer->host : "",
			       LG_IN_CALL == what ? "the call" : "no answer", e->m->text);
		owed |= what;
	}
	return owed;
}

/** Dialogs that somebody believes to be in. */
static inline size_t lg_believed(const struct ledger *lg)
{
	size_t n = 0;

	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *e = &lg->v[i];

		bool known = !lg_makes_dialog(lg, e) || lg_dialog_over(lg, e, false) ||
			     (e->out && !e->answered);

		for (size_t k = 0; k < i && !known; k++)
			known = lg->v[k].peer == e->peer && lg->v[k].out == e->out &&
				!lg->v[k].m->request && SP_SIP_INVITE == lg->v[k].m->method &&
				lg->v[k].m->status / 100 == 2 &&
				lg_same(&lg->v[k].m->call_id, &e->m->call_id) &&
				lg_same(&lg->v[k].m->to_tag, &e->m->to_tag);
		n += !known;
	}
	return n;
}

static inline void lg_put_vias(char *text, size_t size, const struct sp_sip_msg *m)
{
	for (const struct sp_sip_hdr *h = NULL; (h = sp_sip_msg_next(m, SP_HDR_VIA, h));) {
		const size_t used = strlen(text);

		re_snprintf(text + used, size - used, "Via: %r\r\n", &h->value);
	}
}

static inline void lg_write(struct scenario *s, struct peer *peer, const char *text)
{
	const char *why = "";

	if (peer->unreachable)
		return;
	(void)sp_sip_conn_input(peer->conn, (const uint8_t *)text, strlen(text), &why);
	sp_loop_advance(s->fx->loop, 0);
}

static inline void lg_respond(struct scenario *s, struct lg_entry *e, unsigned status)
{
	const struct sp_sip_msg *m = e->m;
	char text[4096];
	size_t n;

	re_snprintf(text, sizeof(text), "SIP/2.0 %u x\r\n", status);
	lg_put_vias(text, sizeof(text), m);
	n = strlen(text);
	re_snprintf(text + n, sizeof(text) - n,
		    "From: %r\r\nTo: %r%s\r\nCall-ID: %r\r\nCSeq: %u %r\r\n"
		    "Content-Length: 0\r\n\r\n",
		    &sp_sip_msg_next(m, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(m, SP_HDR_TO, NULL)->value, m->to_tag.l ? "" : ";tag=late",
		    &m->call_id, m->cseq, &m->method_name);
	lg_write(s, (struct peer *)(uintptr_t)e->peer, text);
}

/** The target of the dialog: the Contact that came with its 2xx or INVITE. */
static inline void lg_target(const struct ledger *lg, const struct lg_entry *ok, char *uri,
			     size_t size)
{
	re_snprintf(uri, size, "sip:gw.example.net");
	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *e = &lg->v[i];
		const struct sp_sip_hdr *contact = sp_sip_msg_next(e->m, SP_HDR_CONTACT, NULL);
		struct sp_sip_addr addr;

		if (e->peer == ok->peer && !e->out && contact &&
		    lg_same(&e->m->call_id, &ok->m->call_id) &&
		    0 == sp_sip_addr_decode(&addr, &contact->value))
			re_snprintf(uri, size, "%r", &addr.text);
	}
}

/** ACK or BYE in the dialog that this 2xx makes. */
static inline void lg_request(struct scenario *s, struct ledger *lg, const struct lg_entry *ok,
			      const char *method, uint32_t cseq)
{
	const struct sp_sip_hdr *from = sp_sip_msg_next(ok->m, SP_HDR_FROM, NULL);
	const struct sp_sip_hdr *to = sp_sip_msg_next(ok->m, SP_HDR_TO, NULL);
	char text[4096], uri[256];

	lg_target(lg, ok, uri, sizeof(uri));
	re_snprintf(text, sizeof(text),
		    "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=z9hG4bK-late-%u\r\n"
		    "Max-Forwards: 70\r\nFrom: %r\r\nTo: %r\r\nCall-ID: %r\r\n"
		    "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		    method, uri, ok->peer->host, ++lg->id, ok->out ? &to->value : &from->value,
		    ok->out ? &from->value : &to->value, &ok->m->call_id, cseq, method);
	lg_write(s, (struct peer *)(uintptr_t)ok->peer, text);
}

/** ACK of a failure, or CANCEL: as the INVITE, which `invite` is. */
static inline void lg_hop(struct scenario *s, const struct lg_entry *invite, const char *method,
			  const struct sp_sip_msg *rsp)
{
	const struct sp_sip_msg *m = invite->m;
	char text[4096];
	size_t n;

	re_snprintf(text, sizeof(text), "%s %r SIP/2.0\r\n", method, &m->ruri);
	lg_put_vias(text, sizeof(text), m);
	n = strlen(text);
	re_snprintf(text + n, sizeof(text) - n,
		    "Max-Forwards: 70\r\nFrom: %r\r\nTo: %r\r\nCall-ID: %r\r\n"
		    "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		    &sp_sip_msg_next(m, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(rsp ? rsp : m, SP_HDR_TO, NULL)->value, &m->call_id, m->cseq,
		    method);
	lg_write(s, (struct peer *)(uintptr_t)invite->peer, text);
}

static inline struct lg_entry *lg_invite_of(struct ledger *lg, const struct lg_entry *e)
{
	for (size_t i = 0; i < lg->c; i++) {
		struct lg_entry *r = &lg->v[i];

		if (r->peer == e->peer && lg_is_invite(r) && lg_same_transaction(r->m, e->m))
			return r;
	}
	return NULL;
}

static inline void lg_answer_request(struct scenario *s, struct ledger *lg, struct lg_entry *e)
{
	struct lg_entry *invite;

	switch (e->m->method) {

	case SP_SIP_ACK:
		return;
	case SP_SIP_CANCEL:
		lg_respond(s, e, 200);
		invite = lg_invite_of(lg, e);
		if (invite && !invite->answered)
			lg_respond(s, invite, 487);
		return;
	case SP_SIP_INVITE:
		if (e->m->to_tag.l)
			lg_respond(s, e, 488);
		else if (lg->hang_up)
			lg_respond(s, e, 486);
		return;
	case SP_SIP_UPDATE:
	case SP_SIP_REFER:
		lg_respond(s, e, 488);
		return;
	default:
		lg_respond(s, e, 200);
	}
}

static inline void lg_answer_response(struct scenario *s, struct ledger *lg, struct lg_entry *e)
{
	struct lg_entry *invite = lg_invite_of(lg, e);

	if (SP_SIP_INVITE != e->m->method || e->m->status < 200 || !invite)
		return;
	if (e->m->status < 300)
		lg_request(s, lg, e, "ACK", e->m->cseq);
	else
		lg_hop(s, invite, "ACK", e->m);
}

/** RFC 3261 13.3.1.4: a 2xx that nobody acknowledges comes again, for a while. */
static inline void lg_repeat(struct scenario *s, struct ledger *lg)
{
	const size_t c = lg->c;

	for (size_t i = 0; i < c; i++) {
		struct lg_entry *e = &lg->v[i];
		char text[SC_TEXT_SIZE];

		if (!e->out || e->answered || e->repeats >= LG_REPEATS_MAX || e->m->request ||
		    SP_SIP_INVITE != e->m->method || e->m->status / 100 != 2)
			continue;
		e->repeats++;
		re_snprintf(text, sizeof(text), "%b", e->m->text,
			    (size_t)(e->m->body.p + e->m->body.l - e->m->text));
		lg->repeating = true;
		lg_write(s, (struct peer *)(uintptr_t)e->peer, text);
		lg->repeating = false;
	}
}

/** Each peer does with what has come what it has to. @return false: there was nothing to do */
static inline bool lg_answer_all(struct scenario *s, struct ledger *lg)
{
	bool any = false;

	for (size_t i = 0; i < lg->c; i++) {
		struct lg_entry *e = &lg->v[i];
		const bool late = i >= lg->done;

		if (e->out || e->answered || (!late && !(lg->hang_up && lg_is_invite(e))))
			continue;
		any = any || late;
		if (e->m->request)
			lg_answer_request(s, lg, e);
		else
			lg_answer_response(s, lg, e);
		if (i >= lg->done)
			lg->done = i + 1;
	}
	return any;
}

static inline uint32_t lg_next_cseq(const struct ledger *lg, const struct lg_entry *ok)
{
	uint32_t n = 0;

	for (size_t i = 0; i < lg->c; i++) {
		const struct lg_entry *e = &lg->v[i];

		if (e->peer == ok->peer && e->out && e->m->request && e->m->cseq > n &&
		    lg_same(&e->m->call_id, &ok->m->call_id))
			n = e->m->cseq;
	}
	return n + 1;
}

/** Everybody ends what he is in: CANCEL, a refusal, BYE. */
static inline void lg_hang_up(struct scenario *s, struct ledger *lg)
{
	const size_t c = lg->c;

	lg->hang_up = true;
	for (size_t i = 0; i < c; i++) {
		struct lg_entry *e = &lg->v[i];

		if (lg_is_invite(e) && e->out && !e->answered && !e->m->to_tag.l)
			lg_hop(s, e, "CANCEL", NULL);
		else if (lg_makes_dialog(lg, e) && !lg_dialog_over(lg, e, true))
			lg_request(s, lg, e, "BYE", lg_next_cseq(lg, e));
	}
}

#endif
