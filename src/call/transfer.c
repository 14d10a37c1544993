/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/transfer
 */
#include "call_priv.h"
void refer_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req)
{
	(void)req;
	leg_refuse(from, st, 405, NULL);
}
bool transfer_bye(struct leg *leg, const struct sp_sip_msg *req)
{
	(void)leg;
	(void)req;
	return false;
}
void transfer_close(struct sp_call *call)
{
	(void)call;
}
void act_refer(struct sp_call *call, const struct input *in)
{
	(void)call;
	(void)in;
}
void act_target_up(struct sp_call *call, const struct input *in)
{
	(void)call;
	(void)in;
}
void act_target_down(struct sp_call *call, const struct input *in)
{
	(void)call;
	(void)in;
}
void act_joined(struct sp_call *call, const struct input *in)
{
	(void)call;
	(void)in;
}
void act_left(struct sp_call *call, const struct input *in)
{
	(void)call;
	(void)in;
}
