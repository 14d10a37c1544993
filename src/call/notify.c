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
	const size_t kept = min(referrer->refers, (unsigned)LEG_REFERS_MAX);
	const struct leg_refer *last;
	struct pl params = *event, id;
	uint32_t n;

	if (!is_refer(event) || !kept)
		return sp_sip_put(mb, "Event", "%r", event);
	last = &referrer->referv[(referrer->refers - 1) % LEG_REFERS_MAX];
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

int notify_body(struct pl *body, char line[NOTIFY_LINE_SIZE], const struct sp_sip_msg *req)
{
	static const char version[] = "SIP/2.0 ";
	struct pl code;
	uint32_t status;

	if (SP_SIP_NOTIFY != req->method || !begins_with(&req->content_type, "message/sipfrag"))
		return 0;
	if (req->body.l < sizeof(version) + 2 || !begins_with(&req->body, version))
		return EBADMSG;
	code = (struct pl){req->body.p + sizeof(version) - 1, 3};
	if (sp_u32(&status, &code, 699) || status < 100)
		return EBADMSG;
	body->p = line;
	body->l = (size_t)status_line(line, (uint16_t)status);
	return 0;
}
