/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/transfer_begin: what a REFER that the gateway carries out is about: a
 * number to be called, or the far end of another call of the transferor's.
 */
#include "transfer_priv.h"

/** The call is to be joined by the far end of this leg. @return 0 or a status */
static uint16_t take_lender(struct transfer *t, struct leg *near, const struct refer *refer,
			    const char **why)
{
	struct sp_call *lender = near->call;
	struct leg *far = leg_other(near);

	*why = "the dialog to be replaced is confirmed";
	if (refer->replaces.early_only && LEG_UP == near->state)
		return 486;
	*why = "the call to be joined is not up, or busy with a change";
	if (UP != lender->state || LEG_UP != near->state || LEG_UP != far->state || lender->lent ||
	    lender->change.by || leg_is_busy(near) || leg_is_busy(far))
		return 491;
	*why = "the call to be joined is of another configuration";
	if (!call_interface(t->call, far->trunk))
		return 503;
	*why = NULL;
	if (leg_alloc(&t->stand_in, lender, far->side) || str_dup(&t->user, transfer_party(far)))
		return 500;
	list_unlink(&t->stand_in->le);
	t->stand_in->state = LEG_ENDED;
	t->lender = lender;
	t->replaced = near;
	t->target = far;
	lender->lent = t;
	session_unwatch(lender); /* its media moves before it does */
	return 0;
}

/** Where the target is, and what it is told. Failures wait for the NOTIFY. @return 0, ENOMEM */
static int take_route(struct transfer *t, const struct refer *refer, const struct sp_sip_msg *req)
{
	const struct leg *from = t->referrer;
	const struct sp_call *call = t->call;
	const struct route_refer to = {
		.to = &refer->to,
		.caller = from == call->caller ? call->number : transfer_party(from),
		.party = transfer_party(t->kept),
	};
	struct leg as_target = {.call = t->call, .ifc = from->ifc};
	struct headers_ctx ctx;
	int err = 0;

	t->refused = way_transfer(&t->way, call->env, from->trunk, &to,
				  sp_loop_wall_s(call->calls->loop), &t->cause);
	if (t->refused)
		return 0;
	as_target.trunk = t->way.trunkv[0];
	as_target.ifc = call_interface(call, as_target.trunk);
	call_headers(&ctx, from, &as_target, req, 0);
	err = refer_by(&t->by, &ctx, from, req, true);
	if (err || !refer->has_replaces)
		return err;
	t->cause = "the dialog to be replaced is not known";
	t->refused = t->way.route.own ? 0 : 481; /* its own network may know more */
	return t->way.route.own ? replaces_dup(&t->replaces, &refer->replaces) : 0;
}

static uint16_t prepare(struct transfer *t, const struct refer *refer, const struct sp_sip_msg *req,
			const char **why)
{
	struct leg *near = NULL;

	if (t->call->change.by || leg_is_busy(t->referrer) || leg_is_busy(t->kept))
		return 491;
	if (refer->has_replaces)
		near = replaces_find(t->call->calls, &refer->replaces);
	if (near && near->trunk == t->referrer->trunk && near->call != t->call)
		return take_lender(t, near, refer, why);
	return take_route(t, refer, req) ? 500 : 0;
}

uint16_t transfer_begin(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
			const char **why)
{
	const struct sp_sip_msg *req = sp_sip_strans_request(st);
	struct sp_call *call = from->call;
	struct transfer *t;
	uint16_t status;

	if (transfer_alloc(&t, from))
		return 500;
	status = prepare(t, refer, req, why);
	if (!status && notify_begin(from, req->cseq))
		status = 500;
	if (status) {
		mem_deref(t);
		return status;
	}
	call->transfer = t;
	(void)leg_reply(from, st, 202, NULL, NULL); /* a loss shows by the REFER coming again */
	call_event(call, EV_REFER, &(struct input){.leg = from, .msg = req, .st = st});
	return 0;
}
