/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/transfer
 */
#include "transfer_priv.h"
uint16_t transfer_begin(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
			const char **why) { (void)from; (void)st; (void)refer; (void)why; return 501; }
bool transfer_bye(struct leg *leg, const struct sp_sip_msg *req) { (void)leg; (void)req; return false; }
bool transfer_request(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req) { (void)leg; (void)st; (void)req; return false; }
void transfer_leg_ended(struct leg *leg) { (void)leg; }
void transfer_abort(struct sp_call *call) { (void)call; }
void transfer_close(struct sp_call *call) { (void)call; }
void act_refer(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
void act_target_up(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
void act_target_down(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
void act_joined(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
void act_left(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
