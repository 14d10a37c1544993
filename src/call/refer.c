/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/refer: REFER in a call (RFC 3515): is it one that we can act on, and who
 * acts: the other side's peer, or this gateway.
 */
#include <string.h>

#include "transfer_priv.h"

/** The one header of that name. @return NULL: none, or several */
static const struct sp_sip_hdr *only(const struct sp_sip_msg *m, const char *name)
{
	const struct sp_sip_hdr *first = sp_sip_msg_named(m, name);
	struct sp_sip_hdr const *h;

	for (h = first ? first + 1 : NULL; h && h < m->hdrv + m->hdrc; h++) {
		if (0 == pl_casecmp(&h->name, &first->name))
			return NULL;
	}
	return first;
}

/** @return 0, or a status to refuse the REFER with */
static uint16_t decode(struct refer *refer, const struct sp_sip_msg *req, const char **why)
{
	const struct sp_sip_hdr *hdr = only(req, "Refer-To");
	struct pl method, rest, one;
	int err;

	memset(refer, 0, sizeof(*refer));
	*why = "exactly one Refer-To is needed, of at most 2048 octets";
	if (!hdr || hdr->value.l > REFER_TO_MAX)
		return 400;
	rest = hdr->value;
	if (!sp_sip_list_next(&one, &rest) || rest.l || sp_sip_addr_decode(&refer->to, &one))
		return 400;
	*why = "Refer-To is neither a SIP nor a tel URI";
	if (SP_URI_OTHER == refer->to.uri.scheme)
		return 416;
	*why = "Refer-To asks for another method than INVITE";
	if (sp_sip_param(&method, &refer->to.uri.params, "method") && pl_strcmp(&method, "INVITE"))
		return 501;
	err = replaces_of_uri(&refer->replaces, &refer->to.uri);
	refer->has_replaces = !err;
	*why = "the Replaces in Refer-To cannot be read";
	return err && ENOENT != err ? 400 : 0;
}

bool refer_names_host(const struct pl *user)
{
	static const char at[] = "%40";

	return user->l && memmem(user->p, user->l, at, sizeof(at) - 1);
}

/** In a call without his name, or by Privacy or Referred-By: is nobody to know who refers? */
static bool is_private(const struct leg *from, const struct sp_sip_msg *req,
		       const struct sp_sip_addr *by)
{
	const struct sp_call *call = from->call;

	return (call->anonymous && from == call->caller) || identity_private(req) ||
	       (by && route_is_anonymous(by));
}

int refer_by(char **textp, const struct headers_ctx *ctx, const struct leg *from,
	     const struct sp_sip_msg *req, bool always)
{
	const struct sp_sip_hdr *hdr = only(req, "Referred-By");
	const char *party = transfer_party(from);
	char buf[NUMBERING_SIZE];
	struct sp_sip_addr by;
	const bool given = hdr && 0 == sp_sip_addr_decode(&by, &hdr->value);
	struct pl user;

	if (is_private(from, req, given ? &by : NULL))
		return 0;
	if (given && ctx->from->trusted && SP_URI_OTHER != by.uri.scheme &&
	    !refer_names_host(&by.uri.user)) {
		user = identity_user(buf, ctx, &by.uri);
	} else if (*party && (always || (given && !ctx->from->trusted))) {
		pl_set_str(&user, numbering_out(buf, &ctx->to->numbering, party) ? party : buf);
	} else {
		return 0;
	}
	return re_sdprintf(textp, "<sip:%r%s%s%s>", &user, user.l ? "@" : "", ctx->advertise,
			   identity_phone(ctx->to, &user));
}

/** Is this the moment for a transfer? */
static uint16_t untimely(const struct leg *from)
{
	const struct sp_call *call = from->call;
	const struct leg *other = leg_other(from);

	if (ENDING == call->state || ENDED == call->state)
		return 481;
	if (UP != call->state || LEG_UP != from->state || LEG_UP != other->state || call->lent ||
	    pass_waits(from, SP_SIP_REFER))
		return 491;
	return 0;
}

void refer_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	const bool handle = SP_TRANSFER_HANDLE == sp_trunk_conf(from->trunk)->transfer;
	const char *why = NULL;
	struct refer refer;
	uint16_t status = untimely(from);

	if (!status) {
		status = decode(&refer, req, &why);
		if (!status)
			status = handle ? transfer_begin(from, st, &refer, &why)
					: refer_relay(from, st, &refer, &why);
	}
	if (!status)
		return;
	sp_log(SP_LOG_INFO, "transfer_refused", "call=%s side=%s status=%u why=%H", from->call->id,
	       leg_name(from), status, sp_log_str, why ? why : sp_sip_reason(status));
	leg_refuse(from, st, status, why);
}
