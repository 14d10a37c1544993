/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/lookup: what would become of a call. The question is written as the
 * trunk would write an INVITE and read by the parser that reads those of peers;
 * from there on it is route.c, headers.c and the like that answer.
 */
#include <ctype.h>
#include <string.h>

#include "sallyport/call_lookup.h"
#include "call_priv.h"

enum { USER_MAX = ROUTE_TEXT_SIZE - 1 /* octets of a user part, as given */ };

/** Does it begin with an escape that is one (RFC 3261 25.1)? */
static bool is_escape(const char *p)
{
	return '%' == p[0] && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]);
}

/** A user part: what may not stand there is escaped. @return 0, EINVAL, ENOMEM */
static int put_user(struct mbuf *mb, const char *user)
{
	const size_t len = strlen(user);
	int err = len && len <= USER_MAX ? 0 : EINVAL;

	for (const char *p = user; *p && !err; p++) {
		const unsigned char c = (unsigned char)*p;

		if (c < ' ' || 0x7f == c)
			err = EINVAL;
		else if (is_escape(p) || (c < 0x80 && isalnum(c)) || strchr("-_.!~*'()&=+$,;?/", c))
			err = mbuf_write_u8(mb, c);
		else
			err = mbuf_printf(mb, "%%%02X", c);
	}
	return err;
}

/** "sip:USER@HOST", with what the trunk would say of a number. */
static int put_uri(struct mbuf *mb, const struct sp_conf_trunk *trunk, const char *user,
		   const char *host)
{
	struct pl number;
	int err = mbuf_write_str(mb, "sip:");

	pl_set_str(&number, user);
	if (!err)
		err = put_user(mb, user);
	return err ? err : mbuf_printf(mb, "@%s%s", host, identity_phone(trunk, &number));
}

static int put_caller(struct mbuf *mb, const struct sp_conf_trunk *trunk, const char *caller)
{
	char *host = NULL;
	int err;

	if (!caller)
		return mbuf_write_str(mb, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
	err = policy_domain(&host, trunk);
	if (!err)
		err = mbuf_write_str(mb, "<");
	if (!err)
		err = put_uri(mb, trunk, caller, host);
	if (!err)
		err = mbuf_write_str(mb, ">");
	mem_deref(host);
	return err;
}

/** The question as the trunk would ask it. */
static int write_question(struct mbuf *mb, const struct sp_conf *conf,
			  const struct sp_call_question *q)
{
	const struct sp_conf_trunk *trunk = &conf->trunkv[q->trunk];
	const char *host = conf->interfacev[trunk->interface].sip_advertise;
	int err = mbuf_write_str(mb, "INVITE ");

	if (!err)
		err = put_uri(mb, trunk, q->called, host);
	if (!err)
		err = mbuf_write_str(mb, " SIP/2.0\r\n"
					 "Via: SIP/2.0/TLS lookup.invalid;branch=z9hG4bKlookup\r\n"
					 "Max-Forwards: 70\r\nFrom: ");
	if (!err)
		err = put_caller(mb, trunk, q->caller);
	if (!err)
		err = mbuf_write_str(mb, ";tag=lookup\r\nTo: <");
	if (!err)
		err = put_uri(mb, trunk, q->called, host);
	if (!err)
		err = mbuf_write_str(mb, ">\r\nCall-ID: lookup\r\nCSeq: 1 INVITE\r\n"
					 "Contact: <sip:lookup.invalid;transport=tls>\r\n"
					 "Content-Length: 0\r\n\r\n");
	return err;
}

/** @return 0, EINVAL, ENOMEM */
static int read_question(struct sp_sip_msg **mp, const struct sp_conf *conf,
			 const struct sp_call_question *q)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sp_sip_fault fault;
	int err = mb ? write_question(mb, conf, q) : ENOMEM;

	if (!err)
		err = sp_sip_msg_parse(mp, (const char *)mb->buf, mb->end, &fault);
	if (EBADMSG == err) {
		*mp = mem_deref(*mp);
		err = EINVAL;
	}
	mem_deref(mb);
	return err;
}

static void make_ctx(struct headers_ctx *ctx, const struct route_ask *ask,
		     const struct route *route, const struct sp_sip_msg *invite)
{
	const struct sp_conf_trunk *from = &ask->conf->trunkv[ask->trunk];
	const struct sp_conf_trunk *to = &ask->conf->trunkv[route->trunkv[0]];

	*ctx = (struct headers_ctx){
		.from = from,
		.to = to,
		.numbers = ask->numbers,
		.msg = invite,
		.invite = invite,
		.method = SP_SIP_INVITE,
		.initial = true,
		.anonymous = identity_withheld(invite),
		.advertise = ask->conf->interfacev[to->interface].sip_advertise,
	};
	headers_route(ctx, route);
	if (SP_TRUNK_SERVICE == to->kind)
		ctx->service = to->name;
	else if (SP_TRUNK_SERVICE == from->kind)
		ctx->service = from->name;
}

/** In the order of a message that is sent. */
static int write_lines(struct mbuf *mb, const struct headers_ctx *ctx,
		       const struct headers_uris *uris, const struct sp_conf_interface *ifc)
{
	const struct invite_with with = {.reliable = true};
	char *contact = NULL;
	int err = mbuf_printf(mb, "INVITE %s SIP/2.0\r\n", uris->target);

	if (!err)
		err = sp_sip_put(mb, "Max-Forwards", "%u", ctx->msg->max_forwards - 1);
	if (!err)
		err = sp_sip_put(mb, "From", "%s", uris->local);
	if (!err)
		err = sp_sip_put(mb, "To", "%s", uris->remote);
	if (!err)
		err = policy_contact(&contact, ifc);
	if (!err)
		err = policy_put_ourselves(mb, ctx->to, contact, with.reliable);
	if (!err)
		err = invite_put_headers(mb, ctx, &with);
	mem_deref(contact);
	return err;
}

/** @return 0, EMSGSIZE (more than a message may have: the call would fail), ENOMEM */
static int write_message(struct mbuf **mbp, const struct route_ask *ask, const struct route *route,
			 const struct sp_sip_msg *invite)
{
	struct headers_uris uris = {NULL, NULL, NULL};
	const struct sp_conf_target *target;
	struct mbuf *mb = mbuf_alloc(1024);
	const char *host = "";
	struct headers_ctx ctx;
	uint16_t port = 0;
	int err = mb ? 0 : ENOMEM;

	make_ctx(&ctx, ask, route, invite);
	target = ctx.to->targetc ? &ctx.to->targetv[0] : NULL;
	if (target) {
		host = sp_conf_target_name(target->host);
		port = target->port_given ? target->port : 0;
	}
	if (!err)
		err = headers_uris(&uris, &ctx, route->user, NULL, host, port);
	if (!err)
		err = write_lines(mb, &ctx, &uris, &ask->conf->interfacev[ctx.to->interface]);
	headers_uris_reset(&uris);
	if (err) {
		mem_deref(mb);
		return err;
	}
	mbuf_set_pos(mb, 0);
	*mbp = mb;
	return 0;
}

static void answer(struct sp_call_answer *out, const struct route_ask *ask,
		   const struct route *route, const struct sp_sip_msg *invite)
{
	struct pl called, number;

	numbering_user(&called, &invite->uri);
	(void)numbering_in(out->called, &ask->conf->trunkv[ask->trunk].numbering, &called);
	memcpy(out->caller, route->caller, sizeof(out->caller));
	out->emergency = route->emergency;
	out->by_caller = route->by_caller;
	memcpy(out->trunkv, route->trunkv, route->trunkc * sizeof(*out->trunkv));
	out->trunkc = route->trunkc;
	pl_set_str(&number, route->number);
	if (!number.l || !sp_number_find(&out->rule, ask->numbers, &number, ask->now_s))
		out->rule.entry = NULL;
}

int sp_call_lookup(struct sp_call_answer *out, const struct sp_conf *conf,
		   const struct sp_number_table *numbers, const struct sp_call_question *q)
{
	const struct route_ask ask = {conf, numbers, q->now_s, q->trunk};
	struct sp_sip_msg *invite = NULL;
	const char *cause = NULL;
	struct route route;
	int err;

	memset(out, 0, sizeof(*out));
	err = q->trunk < conf->trunkc ? read_question(&invite, conf, q) : EINVAL;
	if (err)
		return err;
	out->status = route_find(&route, &ask, invite, &cause);
	answer(out, &ask, &route, invite);
	if (!out->status)
		err = write_message(&out->message, &ask, &route, invite);
	if (EMSGSIZE == err) {
		out->status = 500;
		cause = "the INVITE would have more headers than a message may have";
		err = 0;
	}
	if (out->status) {
		out->cause = cause;
		out->trunkc = 0;
	}
	mem_deref(invite);
	return err;
}
