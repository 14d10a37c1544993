/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/refer_relay: transfer = "relay": the REFER goes on to the other side,
 * whose peer makes the new call. Where it leads is written anew: the number as
 * that side writes numbers, that side's host, and of a dialog that is to be
 * replaced the ids that it has over there.
 */
#include "transfer_priv.h"

/**
 * The dialog to be replaced is that of a leg of the sender's own; beyond us it is
 * that of the leg which that one talks to.
 */
static uint16_t translate(struct replaces *there, struct leg **farp, const struct leg *from,
			  const struct refer *refer, const char **why)
{
	const struct sp_trunk *to = leg_other(from)->trunk;
	const struct leg *near = replaces_find(from->call->calls, &refer->replaces);

	*why = "the dialog to be replaced is none that this gateway has with the sender";
	if (!near || near->trunk != from->trunk || near->call == from->call ||
	    !leg_is_current(near))
		return 404;
	*farp = leg_other(near);
	*why = "the other end of the dialog to be replaced is not there yet";
	if (replaces_of_leg(there, *farp))
		return 404;
	*why = NULL;
	if ((*farp)->trunk != to && replaces_grant(there, *farp, to))
		return 500;
	there->early_only = refer->replaces.early_only;
	*why = NULL;
	return 0;
}

/** Refer-To. far: the leg whose dialog is replaced, or NULL. */
static int put_refer_to(struct mbuf *mb, const struct headers_ctx *ctx, const struct leg *to,
			const struct refer *refer, const struct replaces *there,
			const struct leg *far)
{
	const bool elsewhere = far && far->trunk != to->trunk; /* then it has to come back to us */
	char buf[NUMBERING_SIZE], *host = NULL;
	const struct pl user = identity_user(buf, ctx, &refer->to.uri);
	struct mbuf *uri = mbuf_alloc(256);
	int err = uri ? 0 : ENOMEM;

	if (!err)
		err = elsewhere ? str_dup(&host, ctx->advertise) : policy_domain(&host, ctx->to);
	if (!err)
		err = mbuf_printf(uri, "<sip:%r%s%s%s", &user, user.l ? "@" : "", host,
				  identity_phone(ctx->to, &user));
	if (!err && far)
		err = mbuf_write_str(uri, "?Replaces=");
	if (!err && far)
		err = replaces_put_escaped(uri, there);
	if (!err)
		err = sp_sip_put(mb, "Refer-To", "%b>", uri->buf, uri->end);
	mem_deref(host);
	mem_deref(uri);
	return err;
}

static int put_headers(struct mbuf *mb, const struct leg *from, const struct sp_sip_msg *req,
		       const struct refer *refer, const struct replaces *there,
		       const struct leg *far)
{
	struct leg *to = leg_other(from);
	struct headers_ctx ctx;
	char *by = NULL;
	int err;

	call_headers(&ctx, from, to, req, 0);
	err = put_refer_to(mb, &ctx, to, refer, there, far);
	if (!err)
		err = refer_by(&by, &ctx, from, req, false);
	if (!err && by)
		err = sp_sip_put(mb, "Referred-By", "%s", by);
	mem_deref(by);
	return err ? err : headers_put(mb, &ctx);
}

uint16_t refer_relay(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
		     const char **why)
{
	struct leg *to = leg_other(from);
	const struct sp_sip_msg *req = sp_sip_strans_request(st);
	struct leg *far = NULL;
	struct replaces there;
	struct mbuf *mb;
	struct leg_req out = {.method = SP_SIP_REFER};
	uint16_t status = 0;
	int err;

	*why = "the user part in Refer-To names a host";
	if (refer_names_host(&refer->to.uri.user))
		return 400;
	*why = NULL;
	if (refer->has_replaces)
		status = translate(&there, &far, from, refer, why);
	if (status)
		return status;
	out.headers = mb = mbuf_alloc(512);
	err = mb ? put_headers(mb, from, req, refer, &there, far) : ENOMEM;
	if (!err)
		err = pass_on(from, st, &out);
	mem_deref(mb);
	if (err)
		return pass_status(err);
	from->refers++;
	from->referv[from->relayed++ % LEG_REFERS_MAX] =
		(struct leg_refer){req->cseq, sp_sip_dialog_cseq(to->dlg->sip)};
	sp_log(SP_LOG_INFO, "transfer_relayed", "call=%s side=%s replaces=%s", from->call->id,
	       leg_name(from), far ? far->call->id : "-");
	return 0;
}
