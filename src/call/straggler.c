/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/straggler: an INVITE of ours that was answered, and whose leg has gone on
 * or is gone. A fork that answers now has a phone off its hook: it is
 * acknowledged and hung up (RFC 3261 13.2.2.4), until the transaction ends.
 */
#include <string.h>

#include "call_priv.h"

enum { STRAGGLERS_MAX = 8192 }; /* each lasts 32 s; beyond them phones hang up by themselves */

struct straggler {
	struct le le; /* in calls->stragglers */
	struct sp_sip *sip;
	struct sp_trunk *trunk;
	struct sp_sip_dialog *dialog; /* the one that was taken */
	struct sp_sip_ctrans *ct;
	uint32_t cseq;
	unsigned drops;
	struct sp_timer timer;
};

static void destructor(void *arg)
{
	struct straggler *s = arg;

	list_unlink(&s->le);
	sp_timer_cancel(&s->timer);
	if (s->ct)
		sp_sip_ctrans_detach(s->ct);
	mem_deref(s->ct);
	mem_deref(s->dialog);
	mem_deref(s->trunk);
}

static void expired(void *arg)
{
	mem_deref(arg);
}

static int send_in(struct straggler *s, struct sp_sip_dialog *d, enum sp_sip_method method)
{
	struct sp_sip_request req = {.method = method};
	struct sp_sip_conn *conn = sp_trunk_conn(s->trunk);
	struct mbuf *mb = mbuf_alloc(512);
	const bool ack = SP_SIP_ACK == method;
	int err = mb ? 0 : ENOMEM;

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

static void response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct straggler *s = arg;
	struct sp_sip_dialog *fork = NULL;

	if (err || rsp->status < 200 || rsp->status > 299)
		return;
	if (s->drops++ >= LEG_DROPS_MAX)
		return;
	if (0 == pl_strcmp(&rsp->to_tag, sp_sip_dialog_remote_tag(s->dialog))) {
		(void)send_in(s, s->dialog, SP_SIP_ACK); /* its ACK was lost */
		return;
	}
	err = sp_sip_dialog_fork(&fork, s->dialog, rsp);
	if (!err)
		err = send_in(s, fork, SP_SIP_ACK);
	if (!err)
		err = send_in(s, fork, SP_SIP_BYE);
	sp_log(SP_LOG_INFO, "fork_dropped", "call=- trunk=%s told=%s", sp_trunk_name(s->trunk),
	       err ? "no" : "yes");
	mem_deref(fork);
}

void straggler_leave(struct leg *leg)
{
	struct sp_calls *calls = leg->call->calls;
	const uint64_t end_ms = leg->acked_ms + SP_SIP_TIMEOUT_MS;
	const uint64_t now_ms = sp_loop_now_ms(calls->loop);
	struct straggler *s;

	if (!leg->invite_ct || !leg->acked || !leg->dlg || now_ms >= end_ms ||
	    list_count(&calls->stragglers) >= STRAGGLERS_MAX)
		return;
	s = mem_zalloc(sizeof(*s), destructor);
	if (!s)
		return;
	s->sip = calls->sip;
	s->trunk = mem_ref(leg->trunk);
	s->dialog = mem_ref(leg->dlg->sip);
	s->cseq = leg->invite_cseq;
	s->drops = leg->drops;
	s->ct = leg->invite_ct;
	leg->invite_ct = NULL;
	sp_sip_ctrans_handle(s->ct, response, s);
	sp_timer_start(calls->loop, &s->timer, end_ms - now_ms, expired, s);
	list_append(&calls->stragglers, &s->le, s);
}
