/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/reliable: provisional responses that are acknowledged by PRACK (RFC
 * 3262). The extension ends here: what the callee sends reliably we acknowledge
 * ourselves, and what the caller gets is reliable when it and its trunk want
 * that, whatever the callee does. RSeq is each side's own.
 *
 * Towards the caller one provisional is on its way at a time; the others, and
 * a 2xx that must not overtake a description (section 3), wait behind it.
 */
#include <string.h>

#include "call_priv.h"

enum { PROVISIONALS_MAX = 16, RSEQ_MAX = 0x7fffffff };

/* A response that waits, or was sent and waits for its PRACK. */
struct provisional {
	struct le le; /* in reliable->queue */
	struct dlg *dlg;
	uint16_t status;
	struct mbuf *headers;
	struct body body;
};

struct reliable {
	struct leg *leg;
	struct list queue; /* the head is on its way; only the last may be a 2xx */
	uint32_t rseq;     /* of the head */
	uint32_t cseq;     /* of the INVITE */
	uint64_t interval_ms, waited_ms;
	struct sp_timer timer;
	bool closed; /* the INVITE is answered: only the head's PRACK is still expected */
};

/* ---- we are the client: PRACK to the callee ---- */

bool reliable_offered(const struct leg *leg)
{
	return SP_USE_OFF != sp_trunk_conf(leg->trunk)->reliable && leg->peer & PEER_100REL;
}

bool reliable_wanted(const struct leg *leg)
{
	const struct sp_call *call = leg->call;

	return !(leg->uac && call->delayed && call->caller && !reliable_offered(call->caller));
}

static void send_prack(struct leg *leg, struct dlg *dlg, uint32_t rseq, const struct body *answer)
{
	struct mbuf *mb = mbuf_alloc(64);
	struct leg_req r = {.method = SP_SIP_PRACK, .dlg = dlg, .headers = mb};
	int err = mb ? sp_sip_put(mb, "RAck", "%u %u INVITE", rseq, leg->invite_cseq) : ENOMEM;

	if (answer && answer->mb) {
		r.content_type = answer->type;
		r.body = (struct pl){(const char *)answer->mb->buf, answer->mb->end};
	}
	if (!err)
		err = leg_request(leg, NULL, &r, NULL, NULL);
	if (err) /* the callee repeats its provisional, and gives up in the end */
		sp_log(SP_LOG_WARN, "prack_lost", "call=%s error=\"%m\"", leg->call->id, err);
	mem_deref(mb);
}

bool reliable_heard(struct leg *leg, const struct sp_sip_msg *rsp, bool answer_due)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(rsp, "RSeq");
	struct dlg *dlg = leg->dlg;
	uint32_t rseq;

	if (!hdr || !rsp->to_tag.l || !sp_sip_msg_lists(rsp, SP_HDR_REQUIRE, "100rel") ||
	    sp_u32(&rseq, &hdr->value, UINT32_MAX) || 0 == rseq)
		return true; /* an unreliable one */
	if (dlg->rseq && rseq != dlg->rseq + 1)
		return false;
	dlg->rseq = rseq;
	if (answer_due)
		dlg->prack_due = rseq;
	else
		send_prack(leg, dlg, rseq, NULL);
	return true;
}

void reliable_prack(struct leg *leg, struct dlg *dlg, const struct body *answer)
{
	const uint32_t rseq = dlg->prack_due;

	dlg->prack_due = 0;
	if (rseq)
		send_prack(leg, dlg, rseq, answer);
}

/* ---- we are the server: the caller acknowledges ---- */

static void provisional_destructor(void *arg)
{
	struct provisional *p = arg;

	list_unlink(&p->le);
	mem_deref(p->headers);
	body_clear(&p->body);
}

static void reliable_destructor(void *arg)
{
	struct reliable *r = arg;

	sp_timer_cancel(&r->timer);
	list_flush(&r->queue);
}

void reliable_stop(struct leg *leg)
{
	leg->reliable = mem_deref(leg->reliable);
}

static int send_answer(struct leg *leg, const struct provisional *p)
{
	int err = dlg_reply(p->dlg, leg->invite_st, p->status, p->headers, &p->body);

	if (!err)
		setup_sent(leg);
	return err;
}

static int send_head(struct reliable *r)
{
	const struct provisional *p = list_ledata(list_head(&r->queue));
	struct mbuf *mb = mbuf_alloc(256);
	int err = mb ? 0 : ENOMEM;

	if (!err && p->headers)
		err = mbuf_write_mem(mb, p->headers->buf, p->headers->end);
	if (!err)
		err = sp_sip_put(mb, "Require", "100rel");
	if (!err)
		err = sp_sip_put(mb, "RSeq", "%u", r->rseq);
	if (!err)
		err = dlg_reply(p->dlg, r->leg->invite_st, p->status, mb, &p->body);
	mem_deref(mb);
	return err;
}

/** Section 3: again after T1, 2 T1, 4 T1 ...; after 64 T1 the INVITE is refused. */
static void unacknowledged(void *arg)
{
	struct reliable *r = arg;
	struct leg *leg = r->leg;

	r->waited_ms += r->interval_ms;
	r->interval_ms *= 2;
	if (r->waited_ms >= SP_SIP_TIMEOUT_MS) {
		call_fault(leg->call, 504, "the caller did not acknowledge a provisional response",
			   NULL);
		return;
	}
	(void)send_head(r); /* a lost caller shows by the end of the timer */
	if (r->waited_ms + r->interval_ms > SP_SIP_TIMEOUT_MS)
		r->interval_ms = SP_SIP_TIMEOUT_MS - r->waited_ms;
	sp_timer_start(leg->call->calls->loop, &r->timer, r->interval_ms, unacknowledged, r);
}

/** The head of the queue goes out. */
static int advance(struct reliable *r)
{
	const struct provisional *p = list_ledata(list_head(&r->queue));
	struct leg *leg = r->leg;
	int err;

	if (!p)
		return 0;
	if (r->closed)
		return 0;
	if (p->status >= 200) {
		err = send_answer(leg, p);
		reliable_stop(leg);
		return err;
	}
	r->rseq++;
	r->waited_ms = 0;
	r->interval_ms = SP_SIP_T1_MS;
	sp_timer_start(leg->call->calls->loop, &r->timer, r->interval_ms, unacknowledged, r);
	return send_head(r);
}

static struct reliable *get(struct leg *leg)
{
	struct reliable *r = leg->reliable;

	if (r)
		return r;
	r = mem_zalloc(sizeof(*r), reliable_destructor);
	if (r) {
		r->leg = leg;
		r->rseq = sp_random_below(RSEQ_MAX / 2); /* the first is one higher, never 0 */
		r->cseq = sp_sip_strans_request(leg->invite_st)->cseq;
		leg->reliable = r;
	}
	return r;
}

static int enqueue(struct reliable *r, uint16_t status, const struct mbuf *headers,
		   const struct body *body)
{
	struct provisional *p = mem_zalloc(sizeof(*p), provisional_destructor);

	if (!p)
		return ENOMEM;
	p->dlg = r->leg->dlg;
	p->status = status;
	p->headers = mem_ref((void *)(uintptr_t)headers);
	if (body && body->mb) {
		p->body = *body;
		mem_ref(p->body.mb);
	}
	list_append(&r->queue, &p->le, p);
	return list_head(&r->queue) == &p->le ? advance(r) : 0;
}

static bool required(const struct leg *leg)
{
	return sp_sip_msg_lists(sp_sip_strans_request(leg->invite_st), SP_HDR_REQUIRE, "100rel");
}

int reliable_reply(struct leg *leg, uint16_t status, const struct mbuf *headers,
		   const struct body *body)
{
	const bool described = body && body->described;
	struct reliable *r;

	if (!reliable_offered(leg))
		return leg_reply(leg, leg->invite_st, status, headers, body);
	/* RFC 3261 13.2.1: the first reliable response would have to bring the offer */
	if (leg->call->delayed && !described)
		return required(leg) ? 0 : leg_reply(leg, leg->invite_st, status, headers, body);
	r = get(leg);
	if (!r)
		return ENOMEM;
	if (list_count(&r->queue) >= PROVISIONALS_MAX)
		return described ? ENOSPC : 0;
	return enqueue(r, status, headers, body);
}

/** Does a description of this dialog wait for its PRACK, or to be sent? */
static bool must_wait(const struct reliable *r)
{
	struct le *le;

	for (le = r ? list_head(&r->queue) : NULL; le; le = le->next) {
		const struct provisional *p = le->data;

		if (p->body.described && p->dlg == r->leg->dlg)
			return true;
	}
	return false;
}

/**
 * Section 3: nothing is repeated behind the final response, but a PRACK of what
 * was sent may have crossed it.
 */
static void close_queue(struct leg *leg)
{
	struct reliable *r = leg->reliable;
	struct provisional *p = r ? list_ledata(list_head(&r->queue)) : NULL;

	if (!p || p->dlg != leg->dlg) {
		reliable_stop(leg);
		return;
	}
	sp_timer_cancel(&r->timer);
	while (list_tail(&r->queue) != &p->le)
		mem_deref(list_ledata(list_tail(&r->queue)));
	r->closed = true;
}

int reliable_answer(struct leg *leg, uint16_t status, const struct mbuf *headers,
		    const struct body *body)
{
	int err;

	if (must_wait(leg->reliable))
		return enqueue(leg->reliable, status, headers, body);
	close_queue(leg);
	err = leg_reply(leg, leg->invite_st, status, headers, body);
	if (!err)
		setup_sent(leg);
	return err;
}

static bool take_word(struct pl *word, struct pl *rest)
{
	while (rest->l && (' ' == *rest->p || '\t' == *rest->p))
		pl_advance(rest, 1);
	*word = (struct pl){rest->p, 0};
	while (rest->l && ' ' != *rest->p && '\t' != *rest->p) {
		pl_advance(rest, 1);
		word->l++;
	}
	return word->l > 0;
}

/** RAck: response number, and number and method of the INVITE (section 7.2). */
static bool is_ack_of(const struct sp_sip_msg *prack, uint32_t rseq, uint32_t cseq)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(prack, "RAck");
	struct pl rest = hdr ? hdr->value : pl_null, word;
	uint32_t n;

	if (!take_word(&word, &rest) || sp_u32(&n, &word, UINT32_MAX) || n != rseq)
		return false;
	if (!take_word(&word, &rest) || sp_u32(&n, &word, UINT32_MAX) || n != cseq)
		return false;
	return take_word(&word, &rest) && 0 == pl_strcmp(&word, "INVITE");
}

/** The caller answers the offer of a provisional: the callee gets it in our PRACK. */
static void take_answer(struct dlg *dlg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct leg *leg = dlg->leg, *callee = leg_other(leg);
	struct sp_call *call = leg->call;
	struct mbuf *sdp = NULL;
	struct body body = {.mb = NULL};
	const char *why = NULL;
	int err = session_answer(&call->session, leg, req, &sdp, &why);

	if (!err)
		err = body_make(&body, req, sdp);
	mem_deref(sdp);
	if (err) {
		leg_refuse(leg, st, sdp_status(err), why);
		call_fault(call, sdp_status(err), why ? why : "the answer could not be relayed",
			   why);
		return;
	}
	(void)leg_reply(leg, st, 200, NULL, NULL); /* a loss shows by the PRACK coming again */
	reliable_prack(callee, callee->dlg, &body);
	session_commit(&call->session);
	call->delayed = false;
	dlg->agreed = callee->dlg->agreed = true;
	body_clear(&body);
}

void reliable_pracked(struct dlg *dlg, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct leg *leg = dlg->leg;
	struct sp_call *call = leg->call;
	struct reliable *r = leg->reliable;
	struct provisional *p = r ? list_ledata(list_head(&r->queue)) : NULL;
	bool described;

	if (!p || p->dlg != dlg || !is_ack_of(req, r->rseq, r->cseq)) {
		leg_refuse(leg, st, 481, NULL);
		return;
	}
	sp_timer_cancel(&r->timer);
	described = p->body.described;
	mem_deref(p);
	fork_choose(dlg);
	if (described && call->delayed) {
		take_answer(dlg, st, req);
	} else {
		dlg->agreed |= described;
		if (body_has_sdp(req))
			call_event(call, EV_CHANGE,
				   &(struct input){.leg = leg, .dlg = dlg, .msg = req, .st = st});
		else
			(void)leg_reply(leg, st, 200, NULL, NULL);
	}
	if (leg->reliable && advance(leg->reliable))
		call_fault(call, 500, "the answer could not be sent to the caller", NULL);
}
