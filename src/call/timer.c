/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/timer: session timers (RFC 4028).
 */
#include "call_priv.h"

bool timer_refused(const struct sp_trunk *trunk, const struct leg *leg, struct sp_sip_strans *st,
		   const struct sp_sip_msg *req)
{
	(void)trunk;
	(void)leg;
	(void)st;
	(void)req;
	return false;
}
int timer_put_request(struct mbuf *mb, const struct leg *leg, enum sp_sip_method method)
{
	(void)mb;
	(void)leg;
	(void)method;
	return 0;
}
int timer_put_answer(struct mbuf *mb, struct leg *leg, const struct sp_sip_msg *req)
{
	(void)mb;
	(void)leg;
	(void)req;
	return 0;
}
void timer_answered(struct leg *leg, const struct sp_sip_msg *rsp)
{
	(void)leg;
	(void)rsp;
}
bool timer_too_short(struct leg *leg, const struct sp_sip_msg *rsp)
{
	(void)leg;
	(void)rsp;
	return false;
}
void timer_stop(struct leg *leg)
{
	sp_timer_cancel(&leg->timer.due);
}
