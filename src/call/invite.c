/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/invite: what the INVITE that makes a leg says beyond what every request
 * says. Of a call, of a transfer, and of one that is only asked about.
 */
#include "call_priv.h"

struct invite_with invite_with(const struct leg *callee)
{
	return (struct invite_with){
		.replaces = callee->replaces,
		.replaces_required = callee->replaces_required,
		.reliable = reliable_wanted(callee),
		.min_s = callee->timer.min_s,
	};
}

int invite_put_headers(struct mbuf *mb, const struct headers_ctx *ctx,
		       const struct invite_with *with)
{
	const struct sp_conf_trunk *conf = ctx->to;
	int err = headers_put(mb, ctx);

	if (!err && with->replaces)
		err = sp_sip_put(mb, "Replaces", "%s", with->replaces);
	if (!err && with->replaces_required)
		err = sp_sip_put(mb, "Require", "replaces");
	if (!err && SP_USE_REQUIRED == conf->reliable && with->reliable)
		err = sp_sip_put(mb, "Require", "100rel");
	if (!err && SP_USE_REQUIRED == conf->timer.use)
		err = sp_sip_put(mb, "Require", "timer");
	return err ? err : timer_put_first(mb, &conf->timer, with->min_s);
}
