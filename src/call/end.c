/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/end: actions that end a call, and those of a call that is ending. Each
 * says why (call_blame), then lets both legs end in their own way.
 */
#include "call_priv.h"

static void end_both(struct sp_call *call)
{
	struct le *le = list_head(&call->legs);

	while (le) {
		struct leg *leg = le->data;

		le = le->next;
		leg_end(leg);
	}
}

void act_cancelled(struct sp_call *call, const struct input *in)
{
	leg_last_words(leg_other(in->leg), in->leg, in->msg, SP_SIP_CANCEL, 0);
	call_blame(call, 487, "cancelled by the caller", NULL);
	end_both(call);
}

/** Timer C: nobody answers (RFC 3261 16.6, item 11). */
void act_ring_limit(struct sp_call *call, const struct input *in)
{
	(void)in;
	call_blame(call, 408, "not answered in time", NULL);
	end_both(call);
}

void act_bye(struct sp_call *call, const struct input *in)
{
	leg_last_words(leg_other(in->leg), in->leg, in->msg, SP_SIP_BYE, 0);
	call_blame(call, 487, SP_SIDE_CALLER == in->leg->side ? "caller hung up" : "callee hung up",
		   NULL);
	leg_hung_up(in->leg);
	leg_end(leg_other(in->leg));
}

/** RFC 3261 13.3.1.4: the session is ended with BYE. */
void act_no_ack(struct sp_call *call, const struct input *in)
{
	call_blame(call, 408, "no ACK came", NULL);
	if (LEG_ANSWERED == in->leg->state)
		in->leg->state = LEG_UP;
	end_both(call);
}

/** The other leg no longer knows the dialog. */
void act_lost(struct sp_call *call, const struct input *in)
{
	call_blame(call, in->err ? 408 : in->msg->status, "a leg no longer answers", NULL);
	end_both(call);
}

void act_silence(struct sp_call *call, const struct input *in)
{
	call_blame(call, 408,
		   SP_SIDE_CALLER == in->leg->side ? "no media from the caller"
						   : "no media from the callee",
		   NULL);
	(void)re_snprintf(call->reason, sizeof(call->reason), "SIP;cause=408");
	call->calls->count.silent++;
	end_both(call);
}

/** Whoever found the fault has said why. */
void act_fault(struct sp_call *call, const struct input *in)
{
	(void)in;
	end_both(call);
}

void act_shutdown(struct sp_call *call, const struct input *in)
{
	(void)in;
	call_blame(call, 503, "the gateway is shutting down", NULL);
	end_both(call);
}

/** CANCEL and 2xx crossed: acknowledge the call and hang up (RFC 3261 15). */
void act_late_answer(struct sp_call *call, const struct input *in)
{
	struct leg *leg = in->leg;

	(void)call;
	if (LEG_ENDING != leg->state || leg_bye_out(leg))
		return;
	if (in->err) {
		leg_ended(leg);
		return;
	}
	(void)leg_ack(leg); /* lost or not: the BYE goes, on another connection if need be */
	leg->state = LEG_UP;
	leg_end(leg);
}

void act_late_final(struct sp_call *call, const struct input *in)
{
	(void)call;
	if (LEG_ENDING == in->leg->state && !leg_bye_out(in->leg))
		leg_ended(in->leg);
}

/** Both hung up at once: its BYE is answered, ours needs no answer any more. */
void act_late_bye(struct sp_call *call, const struct input *in)
{
	(void)call;
	leg_hung_up(in->leg);
}
