/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/pass: requests inside a call that mean nothing to the gateway and go
 * from one leg to the other: INFO (RFC 6086; DTMF), MESSAGE (RFC 3428), NOTIFY
 * (RFC 6665), and REFER where the trunk has it relayed. The body goes octet for
 * octet, but that of a NOTIFY about a REFER, which may name the other side's
 * network; of the headers those that say what the body is, and what passes.
 * The answer comes back as a status, with what passes of its headers.
 *
 * A pass lives in its call from the request to its answer, a bounded number of
 * them at once, and never changes the call's state.
 */
#include <string.h>

#include "transfer_priv.h"

enum { PASSES_MAX = 8, TYPE_MAX = 256 };

struct pass {
	struct le le; /* in call->passes */
	struct leg *from;
	const struct leg *to; /* that answers */
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

static bool is_refer(const struct pass *p)
{
	return SP_SIP_REFER == sp_sip_strans_request(p->st)->method;
}

/** 2xx: as our own, with what passes of its headers. */
static void relay_success(const struct pass *p, const struct sp_sip_msg *rsp)
{
	const uint16_t status = is_refer(p) ? 202 : 200;
	struct mbuf *mb = mbuf_alloc(128);
	int err = mb ? call_put_headers(mb, p->to, p->from, rsp, rsp->method, status) : ENOMEM;

	/* nobody left to tell: nothing to do; no memory for headers: it goes without them */
	if (ENOMEM == leg_reply(p->from, p->st, status, err ? NULL : mb, NULL))
		(void)leg_reply(p->from, p->st, status, NULL, NULL);
	mem_deref(mb);
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
		relay_success(p, rsp);
	else
		leg_refuse_as(p->from, p->st, policy_failure(status), NULL, p->to,
			      err ? NULL : rsp);
	mem_deref(p);
}

/**
 * The headers that belong to the body, or say what the request is about.
 * @return ENOENT: about a REFER that never was
 */
static int put_headers(struct mbuf *mb, const struct leg *from, const struct sp_sip_msg *req)
{
	static const char *const names[] = {"Subscription-State", "Info-Package",
					    "Content-Disposition", "Content-Language",
					    "Content-Encoding"};
	const struct sp_sip_hdr *event = sp_sip_msg_named(req, "Event");
	const bool of_refer = notify_of_refer(from, req); /* then the body is our own */
	int err = event ? notify_put_event(mb, from, &event->value) : 0;

	for (size_t i = 0; i < (of_refer ? 1 : ARRAY_SIZE(names)) && !err; i++) {
		const struct sp_sip_hdr *hdr = sp_sip_msg_named(req, names[i]);

		if (hdr && !sp_utf8_ok(&hdr->value))
			err = EBADMSG;
		else if (hdr)
			err = of_refer ? notify_put_state(mb, &hdr->value)
				       : sp_sip_put(mb, names[i], "%r", &hdr->value);
	}
	return err ? err : call_put_headers(mb, from, leg_other(from), req, req->method, 0);
}

static int send_on(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct mbuf *mb = mbuf_alloc(256);
	struct leg_req out = {.method = req->method, .headers = mb, .body = req->body};
	char type[TYPE_MAX], line[NOTIFY_LINE_SIZE];
	int err = mb ? put_headers(mb, from, req) : ENOMEM;

	if (!err && req->body.l) {
		if (!req->content_type.l || req->content_type.l >= sizeof(type) ||
		    !sp_utf8_ok(&req->content_type)) {
			err = EBADMSG;
			goto out;
		}
		(void)pl_strcpy(&req->content_type, type, sizeof(type));
		out.content_type = type;
		err = notify_body(&out.body, line, from, req);
		if (notify_of_refer(from, req))
			out.content_type = "message/sipfrag"; /* parameters may name hosts too */
	}
	if (!err)
		err = pass_on(from, st, &out);
out:
	mem_deref(mb);
	return err;
}

int pass_on(struct leg *from, struct sp_sip_strans *st, const struct leg_req *out)
{
	struct sp_call *call = from->call;
	struct pass *p;
	int err;

	if (list_count(&call->passes) >= PASSES_MAX)
		return ENOSPC;
	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;
	p->from = from;
	p->to = leg_other(from);
	p->st = mem_ref(st);
	list_append(&call->passes, &p->le, p);
	err = leg_request(leg_other(from), &p->ct, out, answered, p);
	if (err)
		mem_deref(p);
	return err;
}

bool pass_waits(const struct leg *from, enum sp_sip_method method)
{
	struct le *le;

	for (le = list_head(&from->call->passes); le; le = le->next) {
		const struct pass *p = le->data;

		if (p->from == from && sp_sip_strans_request(p->st)->method == method)
			return true;
	}
	return false;
}

uint16_t pass_status(int err)
{
	switch (err) {

	case EBADMSG:
		return 415;
	case ENOENT:
		return 481;
	case ENOSPC:
	case ENOMEM:
		return 500; /* with Retry-After */
	default:
		return 503;
	}
}

void pass_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	struct sp_call *call = from->call;
	int err;

	if (LEG_UP != from->state || LEG_UP != leg_other(from)->state) {
		/* 481 would make the sender give up its dialog (RFC 3261 12.2.1.2) */
		leg_refuse(from, st, ENDING == call->state ? 481 : 500, NULL);
		return;
	}
	err = send_on(from, st, req);
	if (err)
		leg_refuse(from, st, pass_status(err), NULL);
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
