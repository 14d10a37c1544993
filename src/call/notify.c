/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/notify: what NOTIFYs say about a REFER (RFC 3515 2.4): those that are
 * relayed from the other side, and those that we send ourselves.
 */
#include <string.h>
#include <strings.h>

#include "transfer_priv.h"

static int status_line(char line[NOTIFY_LINE_SIZE], uint16_t status)
{
	return re_snprintf(line, NOTIFY_LINE_SIZE, "SIP/2.0 %u %s\r\n", status,
			   sp_sip_reason(status));
}

/* ---- relayed ---- */

static bool begins_with(const struct pl *pl, const char *s)
{
	const size_t n = strlen(s);

	return pl->l >= n && 0 == strncasecmp(pl->p, s, n);
}

/** "refer", without or with parameters? */
static bool is_refer(const struct pl *event)
{
	static const char refer[] = "refer";
	const size_t n = sizeof(refer) - 1;

	return begins_with(event, refer) && (event->l == n || strchr("; \t", event->p[n]));
}

int notify_put_event(struct mbuf *mb, const struct leg *from, const struct pl *event)
{
	const struct leg *referrer = leg_other(from);
	const size_t kept = min(referrer->relayed, (unsigned)LEG_REFERS_MAX);
	const struct leg_refer *last;
	struct pl params = *event, id;
	uint32_t n;

	if (!is_refer(event) || !kept)
		return sp_sip_put(mb, "Event", "%r", event);
	last = &referrer->referv[(referrer->relayed - 1) % LEG_REFERS_MAX];
	pl_advance(&params, (ssize_t)strlen("refer"));
	if (!sp_sip_param(&id, &params, "id"))
		return 1 == referrer->refers ? sp_sip_put(mb, "Event", "refer")
					     : sp_sip_put(mb, "Event", "refer;id=%u", last->theirs);
	if (sp_u32(&n, &id, UINT32_MAX))
		return ENOENT;
	for (size_t i = 0; i < kept; i++) {
		if (referrer->referv[i].ours == n)
			return sp_sip_put(mb, "Event", "refer;id=%u", referrer->referv[i].theirs);
	}
	return ENOENT;
}

bool notify_of_refer(const struct leg *from, const struct sp_sip_msg *req)
{
	const struct sp_sip_hdr *event = sp_sip_msg_named(req, "Event");

	return SP_SIP_NOTIFY == req->method && leg_other(from)->relayed && event &&
	       is_refer(&event->value);
}

/** The word that params begin with. */
static struct pl first_word(const struct pl *params)
{
	struct pl word = {params->p, 0};

	while (word.l < params->l && !strchr("; \t", word.p[word.l]))
		word.l++;
	return word;
}

/** @return the one of namev that it is, or NULL */
static const char *known(const struct pl *word, const char *const *namev, size_t namec)
{
	for (size_t i = 0; i < namec; i++) {
		if (0 == pl_strcasecmp(word, namev[i]))
			return namev[i];
	}
	return NULL;
}

int notify_put_state(struct mbuf *mb, const struct pl *value)
{
	static const char *const states[] = {"active", "pending", "terminated"};
	static const char *const reasons[] = {"deactivated", "probation",  "rejected", "timeout",
					      "giveup",      "noresource", "invariant"};
	const struct pl word = first_word(value);
	const char *state = known(&word, states, ARRAY_SIZE(states)), *reason = NULL;
	struct pl params = *value, text;
	char expires[32] = "";
	uint32_t n;

	pl_advance(&params, (ssize_t)word.l);
	if (sp_sip_param(&text, &params, "expires") && 0 == sp_u32(&n, &text, UINT32_MAX))
		re_snprintf(expires, sizeof(expires), ";expires=%u", n);
	if (sp_sip_param(&text, &params, "reason"))
		reason = known(&text, reasons, ARRAY_SIZE(reasons));
	/* RFC 6665 4.1.3: a state that is not known counts as active */
	return sp_sip_put(mb, "Subscription-State", "%s%s%s%s", state ? state : "active", expires,
			  reason ? ";reason=" : "", reason ? reason : "");
}

/** Without or with parameters. */
static bool is_sipfrag(const struct pl *type)
{
	const struct pl word = first_word(type);

	return 0 == pl_strcasecmp(&word, "message/sipfrag");
}

int notify_body(struct pl *body, char line[NOTIFY_LINE_SIZE], const struct leg *from,
		const struct sp_sip_msg *req)
{
	static const char version[] = "SIP/2.0 ";
	struct pl code;
	uint32_t status;

	if (SP_SIP_NOTIFY != req->method)
		return 0;
	if (!is_sipfrag(&req->content_type))
		return notify_of_refer(from, req) ? EBADMSG : 0;
	if (req->body.l < sizeof(version) + 2 || !begins_with(&req->body, version))
		return EBADMSG;
	code = (struct pl){req->body.p + sizeof(version) - 1, 3};
	if (sp_u32(&status, &code, 699) || status < 100)
		return EBADMSG;
	body->p = line;
	body->l = (size_t)status_line(line, (uint16_t)status);
	return 0;
}

/* ---- our own ---- */

/* The subscription that a REFER of this leg's peer made. */
struct notifier {
	struct leg *leg;
	uint32_t id; /* CSeq of the REFER; 0: it is the dialog's first and needs none */
	uint64_t until_ms;
	struct sp_sip_ctrans *ct; /* NOTIFY that is not answered */
	uint16_t last, queued;    /* status sent; one that waits for that answer, or 0 */
	bool hangup;              /* after the answer to the last: BYE */
};

enum { NOTIFY_SPARE_S = 60 }; /* that a subscription lasts longer than the call may ring */

static void destructor(void *arg)
{
	struct notifier *n = arg;

	leg_forget(&n->ct);
}

int notify_begin(struct leg *leg, uint32_t cseq)
{
	const struct sp_call *call = leg->call;
	struct notifier *n = mem_zalloc(sizeof(*n), destructor);

	if (!n)
		return ENOMEM;
	n->leg = leg;
	n->id = leg->refers++ ? cseq : 0;
	n->until_ms = sp_loop_now_ms(call->calls->loop) +
		      (call->env->conf->limits.ring_s + NOTIFY_SPARE_S) * 1000ULL;
	mem_deref(leg->notifier);
	leg->notifier = n;
	return 0;
}

static int put_headers(struct mbuf *mb, const struct notifier *n, bool last)
{
	const uint64_t now = sp_loop_now_ms(n->leg->call->calls->loop);
	const uint64_t left_s = n->until_ms > now ? (n->until_ms - now) / 1000 : 1;
	int err = n->id ? sp_sip_put(mb, "Event", "refer;id=%u", n->id)
			: sp_sip_put(mb, "Event", "refer");

	if (err)
		return err;
	return last ? sp_sip_put(mb, "Subscription-State", "terminated;reason=noresource")
		    : sp_sip_put(mb, "Subscription-State", "active;expires=%llu", left_s);
}

static void answered(int err, const struct sp_sip_msg *rsp, void *arg);

static void notify_send(struct notifier *n, uint16_t status)
{
	const bool last = status >= 200;
	struct mbuf *mb = mbuf_alloc(128);
	struct leg_req r = {
		.method = SP_SIP_NOTIFY, .headers = mb, .content_type = "message/sipfrag"};
	char line[NOTIFY_LINE_SIZE];
	int err = mb ? put_headers(mb, n, last) : ENOMEM;

	leg_forget(&n->ct);
	n->last = status;
	n->queued = 0;
	r.body = (struct pl){line, (size_t)status_line(line, status)};
	if (!err)
		err = leg_request(n->leg, &n->ct, &r, answered, n);
	if (err) /* the transfer goes on; its end shows in the calls */
		sp_log(SP_LOG_DEBUG, "notify_lost", "call=%s status=%u error=\"%m\"",
		       n->leg->call->id, status, err);
	mem_deref(mb);
}

/** Nothing more is to be told. */
static void finish(struct notifier *n)
{
	struct leg *leg = n->leg;
	const bool hangup = n->hangup && LEG_UP == leg->state;

	leg->notifier = mem_deref(n);
	if (hangup)
		leg_end(leg);
}

/** Whatever the answer: 481 and the like end the subscription, not the transfer. */
static void answered(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct notifier *n = arg;

	if (!err && rsp->status < 200)
		return;
	leg_forget(&n->ct);
	if (n->queued)
		notify_send(n, n->queued);
	else if (n->last >= 200)
		finish(n);
}

void notify_status(struct leg *leg, uint16_t status)
{
	struct notifier *n = leg ? leg->notifier : NULL;

	if (!n || LEG_UP != leg->state || status == n->last || n->last >= 200)
		return;
	if (n->ct && status < 200) {
		n->queued = status;
		return;
	}
	notify_send(n, status);
	if (status >= 200 && !n->ct)
		finish(n);
}

void notify_then_end(struct leg *leg)
{
	struct notifier *n = leg->notifier;

	if (n && n->ct && LEG_UP == leg->state)
		n->hangup = true;
	else
		leg_end(leg);
}
