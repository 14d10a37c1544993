/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/pass: requests inside a call that mean nothing to the gateway and go
 * from one leg to the other: INFO (RFC 6086; DTMF), MESSAGE (RFC 3428), NOTIFY
 * (RFC 6665). The body goes octet for octet, of the headers only those that
 * say what the body is; the answer comes back as a status.
 *
 * A pass lives in its call from the request to its answer, a bounded number of
 * them at once, and never changes the call's state.
 */
#include <string.h>

#include "call_priv.h"

enum { PASSES_MAX = 8, TYPE_MAX = 256 };

struct pass {
	struct le le; /* in call->passes */
	struct leg *from;
	struct sp_sip_strans *st;
	struct sp_sip_ctrans *ct;
};

static void destructor(void *arg)
{
	struct pass *p = arg;

	list_unlink(&p->le);
	leg_forget(&p->ct);
	mem_deref(p->st);
}

static void answered(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct pass *p = arg;
	uint16_t status = err ? 408 : rsp->status;

	if (!err && rsp->status < 200)
		return;
	if (408 == status)
		status = 503; /* RFC 4320 4.2; and 408 would end the sender's dialog */
	if (status < 300)
		(void)leg_reply(p->from, p->st, 200, NULL,
				NULL); /* nobody left to tell: nothing to do */
	else
		leg_refuse(p->from, p->st, policy_failure(status), NULL);
	mem_deref(p);
}

/** The headers that belong to the body, or say what the request is about. */
static int put_headers(struct mbuf *mb, const struct sp_sip_msg *req)
{
	static const char *const names[] = {"Info-Package",       "Event",
					    "Subscription-State", "Content-Disposition",
					    "Content-Language",   "Content-Encoding"};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		const struct sp_sip_hdr *hdr = sp_sip_msg_named(req, names[i]);

		if (hdr)
			err = sp_sip_put(mb, names[i], "%r", &hdr->value);
	}
	return err;
}

static int send_on(struct pass *p, const struct sp_sip_msg *req)
{
	struct mbuf *mb = mbuf_alloc(256);
	struct leg_req out = {.method = req->method, .headers = mb, .body = req->body};
	char type[TYPE_MAX];
	int err = mb ? put_headers(mb, req) : ENOMEM;

	if (!err)
		err = call_put_headers(mb, p->from, leg_other(p->from), req, req->method, 0);
	if (!err && req->body.l) {
		if (!req->content_type.l || req->content_type.l >= sizeof(type)) {
			err = EBADMSG;
			goto out;
		}
		(void)pl_strcpy(&req->content_type, type, sizeof(type));
		out.content_type = type;
	}
	if (!err)
		err = leg_request(leg_other(p->from), &p->ct, &out, answered, p);
out:
	mem_deref(mb);
	return err;
}

void pass_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct sp_call *call = from->call;
	struct pass *p;
	int err;

	if (LEG_UP != from->state || LEG_UP != leg_other(from)->state) {
		/* 481 would make the sender give up its dialog (RFC 3261 12.2.1.2) */
		leg_refuse(from, st, ENDING == call->state ? 481 : 500, NULL);
		return;
	}
	if (list_count(&call->passes) >= PASSES_MAX) {
		leg_refuse(from, st, 500, NULL); /* with Retry-After */
		return;
	}
	p = mem_zalloc(sizeof(*p), destructor);
	if (!p) {
		leg_refuse(from, st, 500, NULL);
		return;
	}
	p->from = from;
	p->st = mem_ref(st);
	list_append(&call->passes, &p->le, p);
	err = send_on(p, req);
	if (err) {
		leg_refuse(from, st, EBADMSG == err ? 415 : 503, NULL);
		mem_deref(p);
	}
}

/** The call is over: those that wait get the answer that it leaves them. */
void pass_end(struct sp_call *call)
{
	struct le *le;

	while ((le = list_head(&call->passes))) {
		struct pass *p = le->data;

		leg_refuse(p->from, p->st, 487, NULL);
		mem_deref(p);
	}
}
