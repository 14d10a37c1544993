/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/straggler: an INVITE of ours that was answered, and whose leg has gone on
 * or is gone. A fork that answers now has a phone off its hook: it is
 * acknowledged and hung up (RFC 3261 13.2.2.4), until the transaction ends.
 */
#include <string.h>

#include "call_priv.h"

enum {
	STRAGGLERS_MAX = 8192, /* each lasts 32 s; beyond them phones hang up by themselves */
	AGAINS_MAX = SP_SIP_TIMEOUT_MS / SP_SIP_T1_MS
};

struct straggler {
	struct le le; /* in calls->stragglers */
	struct sp_calls *calls;
	struct sp_sip *sip;
	struct sp_trunk *trunk;
	struct sp_sip_conn *conn;     /* the INVITE went by it */
	struct sp_sip_dialog *dialog; /* the one that was taken */
	struct sp_sip_ctrans *ct;
	uint32_t cseq;
	unsigned drops;
	bool abandoned; /* none was taken: whoever answers is hung up */
	struct sp_timer timer;
	struct sp_sip_dialog *owed; /* a fork that was acknowledged, and could not be hung up */
	unsigned agains;
	struct sp_timer again;
};

static void destructor(void *arg)
{
	struct straggler *s = arg;

	if (s->le.list)
		--s->calls->stragglerc;
	list_unlink(&s->le);
	sp_timer_cancel(&s->timer);
	sp_timer_cancel(&s->again);
	if (s->ct)
		sp_sip_ctrans_detach(s->ct);
	mem_deref(s->ct);
	mem_deref(s->dialog);
	mem_deref(s->owed);
	mem_deref(s->conn);
	mem_deref(s->trunk);
}

static void expired(void *arg)
{
	mem_deref(arg);
}

static int send_in(struct straggler *s, struct sp_sip_dialog *d, enum sp_sip_method method)
{
	struct sp_sip_request req = {.method = method};
	struct sp_sip_conn *conn = s->conn;
	struct mbuf *mb = mbuf_alloc(512);
	const bool ack = SP_SIP_ACK == method;
	int err = mb ? 0 : ENOMEM;

	if (!conn || sp_sip_conn_isgone(conn))
		conn = sp_trunk_conn_like(s->trunk, s->conn);
	if (!err && !conn)
		err = ENOTCONN;
	if (!err)
		err = sp_sip_dialog_put(d, mb, method, ack ? s->cseq : 0, SP_SIP_MAX_FORWARDS,
					&req.uri);
	req.headers = mb;
	if (!err)
		err = ack ? sp_sip_send(s->sip, conn, &req)
			  : sp_sip_request(NULL, s->sip, conn, &req, NULL, NULL);
	mem_deref(mb);
	return err;
}

static void bye_again(void *arg)
{
	struct straggler *s = arg;

	if (send_in(s, s->owed, SP_SIP_BYE) && ++s->agains < AGAINS_MAX)
		sp_timer_start(s->calls->loop, &s->again, SP_SIP_T1_MS, bye_again, s);
	else
		s->owed = mem_deref(s->owed);
}

/** ACK, without which its 2xx comes again, and BYE, after which nothing does. */
static int drop(struct straggler *s, const struct sp_sip_dialog *from, const struct sp_sip_msg *rsp)
{
	struct sp_sip_dialog *fork = NULL;
	int err = s->owed ? EBUSY : sp_sip_dialog_fork(&fork, from, rsp); /* one at a time */

	if (!err)
		err = send_in(s, fork, SP_SIP_ACK);
	if (err)
		goto out;
	err = send_in(s, fork, SP_SIP_BYE);
	if (err) {
		s->owed = mem_ref(fork);
		s->agains = 0;
		sp_timer_start(s->calls->loop, &s->again, SP_SIP_T1_MS, bye_again, s);
		err = 0;
	}
out:
	mem_deref(fork);
	return err;
}

static void response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct straggler *s = arg;

	if (!err && rsp->status < 200)
		return;
	if (err || rsp->status > 299) {
		mem_deref(s); /* over: nothing can match the transaction any more */
		return;
	}
	if (s->drops++ >= LEG_DROPS_MAX)
		return;
	if (!s->abandoned && 0 == pl_strcmp(&rsp->to_tag, sp_sip_dialog_remote_tag(s->dialog))) {
		(void)send_in(s, s->dialog, SP_SIP_ACK); /* its ACK was lost */
		return;
	}
	err = drop(s, s->dialog, rsp);
	sp_log(SP_LOG_INFO, "fork_dropped", "call=- trunk=%s told=%s", sp_trunk_name(s->trunk),
	       err ? "no" : "yes");
}

int straggler_reserve(struct leg *leg)
{
	if (!leg->straggler)
		leg->straggler = mem_zalloc(sizeof(*leg->straggler), destructor);
	return leg->straggler ? 0 : ENOMEM;
}

/** Where the leg's INVITE went. */
static void know(struct straggler *s, const struct leg *leg)
{
	mem_deref(s->trunk);
	mem_deref(s->conn);
	s->calls = leg->call->calls;
	s->sip = s->calls->sip;
	s->trunk = mem_ref(leg->trunk);
	s->conn = mem_ref(leg->conn);
	s->cseq = leg->invite_cseq;
}

void straggler_drop(struct leg *leg, const struct sp_sip_msg *rsp)
{
	int err;

	if (!leg->straggler || leg->drops++ >= LEG_DROPS_MAX) /* no town is that large */
		return;
	know(leg->straggler, leg);
	err = drop(leg->straggler, leg->dlg->sip, rsp);
	sp_log(SP_LOG_INFO, "fork_dropped", "call=%s told=%s", leg->call->id, err ? "no" : "yes");
}

/** It takes over the leg's INVITE. @return false: there is no room */
static bool take_over(struct leg *leg, bool abandoned, uint64_t for_ms)
{
	struct sp_calls *calls = leg->call->calls;
	struct straggler *s;

	if (calls->stragglerc >= STRAGGLERS_MAX) /* counted: a walk would cost more than a call */
		return false;
	s = leg->straggler;
	leg->straggler = NULL;
	know(s, leg);
	s->dialog = mem_ref(leg->dlg->sip);
	s->drops = leg->drops;
	s->abandoned = abandoned;
	s->ct = leg->invite_ct;
	leg->invite_ct = NULL;
	sp_sip_ctrans_handle(s->ct, response, s);
	sp_timer_start(calls->loop, &s->timer, for_ms, expired, s);
	list_append(&calls->stragglers, &s->le, s);
	++calls->stragglerc;
	return true;
}

void straggler_leave(struct leg *leg)
{
	const uint64_t end_ms = leg->acked_ms + SP_SIP_TIMEOUT_MS;
	const uint64_t now_ms = sp_loop_now_ms(leg->call->calls->loop);

	if (leg->invite_ct && leg->acked && leg->dlg && now_ms < end_ms)
		(void)take_over(leg, false, end_ms - now_ms);
}

bool straggler_abandon(struct leg *leg)
{
	struct sp_sip_ctrans *ct = leg->invite_ct;

	if (!ct || !leg->dlg || !take_over(leg, true, 2 * (uint64_t)SP_SIP_TIMEOUT_MS))
		return false;
	(void)sp_sip_cancel(ct, NULL); /* lost with its connection: then nobody rings either */
	return true;
}
