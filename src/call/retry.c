/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/retry: the INVITE once more, elsewhere.
 */
#include "call_priv.h"

bool retry_wanted(struct sp_call *call, const struct sp_sip_msg *rsp, int err) { (void)call; (void)rsp; (void)err; return false; }
void retry_close(struct sp_call *call) { (void)call; }
void act_retry(struct sp_call *call, const struct input *in) { (void)call; (void)in; }
