/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/table: the state machine of a call. What is not in the table is
 * ignored and logged at debug; tests/unit/test_call_table.c names every such
 * pair.
 */
#include "call_priv.h"

#define ROW(st, ev, nx, act)                                                                       \
	{                                                                                          \
		st, ev, nx, act, #act                                                              \
	}

/* clang-format off */
const struct transition transitions[] = {
	/* state      event           next       action          */
	ROW(ROUTING,  EV_PICKED,      CALLING,   act_invite),
	ROW(ROUTING,  EV_UNREACHABLE, ENDING,    act_unreachable),
	ROW(ROUTING,  EV_RETRY,       ROUTING,   act_retry),
	ROW(ROUTING,  EV_RING_LIMIT,  ENDING,    act_ring_limit),
	ROW(ROUTING,  EV_CANCEL,      ENDING,    act_cancelled),
	ROW(ROUTING,  EV_BYE,         ENDING,    act_bye),
	ROW(ROUTING,  EV_CHANGE,      ROUTING,   act_glare),
	ROW(ROUTING,  EV_GLARE,       ROUTING,   act_glare),
	ROW(ROUTING,  EV_FAULT,       ENDING,    act_fault),
	ROW(ROUTING,  EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(CALLING,  EV_PROVISIONAL, RINGING,   act_provisional),
	ROW(CALLING,  EV_ANSWER,      ANSWERED,  act_answer),
	ROW(CALLING,  EV_FAILURE,     ENDING,    act_failure),
	ROW(CALLING,  EV_RETRY,       ROUTING,   act_retry),
	ROW(CALLING,  EV_NO_RESPONSE, ENDING,    act_no_response),
	ROW(CALLING,  EV_RING_LIMIT,  ENDING,    act_ring_limit),
	ROW(CALLING,  EV_CANCEL,      ENDING,    act_cancelled),
	ROW(CALLING,  EV_BYE,         ENDING,    act_bye),
	ROW(CALLING,  EV_CHANGE,      CALLING,   act_glare),
	ROW(CALLING,  EV_GLARE,       CALLING,   act_glare),
	ROW(CALLING,  EV_FAULT,       ENDING,    act_fault),
	ROW(CALLING,  EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(RINGING,  EV_PROVISIONAL, RINGING,   act_provisional),
	ROW(RINGING,  EV_ANSWER,      ANSWERED,  act_answer),
	ROW(RINGING,  EV_FAILURE,     ENDING,    act_failure),
	ROW(RINGING,  EV_RETRY,       ROUTING,   act_retry),
	ROW(RINGING,  EV_NO_RESPONSE, ENDING,    act_no_response),
	ROW(RINGING,  EV_RING_LIMIT,  ENDING,    act_ring_limit),
	ROW(RINGING,  EV_CANCEL,      ENDING,    act_cancelled),
	ROW(RINGING,  EV_BYE,         ENDING,    act_bye),
	ROW(RINGING,  EV_CHANGE,      RINGING,   act_early_change),
	ROW(RINGING,  EV_GLARE,       RINGING,   act_glare),
	ROW(RINGING,  EV_UPDATED,     RINGING,   act_updated),
	ROW(RINGING,  EV_REJECTED,    RINGING,   act_rejected),
	ROW(RINGING,  EV_LOST,        RINGING,   act_rejected),
	ROW(RINGING,  EV_FAULT,       ENDING,    act_fault),
	ROW(RINGING,  EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(ANSWERED, EV_CANCEL,      ENDING,    act_cancelled),
	ROW(ANSWERED, EV_ACK,         UP,        act_acked),
	ROW(ANSWERED, EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(ANSWERED, EV_BYE,         ENDING,    act_bye),
	ROW(ANSWERED, EV_CHANGE,      ANSWERED,  act_glare),
	ROW(ANSWERED, EV_GLARE,       ANSWERED,  act_glare),
	ROW(ANSWERED, EV_UPDATED,     ANSWERED,  act_updated),
	ROW(ANSWERED, EV_REJECTED,    ANSWERED,  act_rejected),
	ROW(ANSWERED, EV_LOST,        ANSWERED,  act_rejected),
	ROW(ANSWERED, EV_SILENCE,     ENDING,    act_silence),
	ROW(ANSWERED, EV_FAULT,       ENDING,    act_fault),
	ROW(ANSWERED, EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(UP,       EV_ACK,         UP,        act_acked),
	ROW(UP,       EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(UP,       EV_BYE,         ENDING,    act_bye),
	ROW(UP,       EV_CHANGE,      CHANGING,  act_change),
	ROW(UP,       EV_GLARE,       UP,        act_glare),
	ROW(UP,       EV_UPDATED,     UP,        act_updated),
	ROW(UP,       EV_REJECTED,    UP,        act_rejected),
	ROW(UP,       EV_LOST,        UP,        act_rejected),
	ROW(UP,       EV_REFER,       REFERRED,  act_refer),
	ROW(UP,       EV_SILENCE,     ENDING,    act_silence),
	ROW(UP,       EV_FAULT,       ENDING,    act_fault),
	ROW(UP,       EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(CHANGING, EV_RING_LIMIT,  CHANGING,  act_change_cancelled),
	ROW(CHANGING, EV_CANCEL,      CHANGING,  act_change_cancelled),
	ROW(CHANGING, EV_ACK,         CHANGING,  act_acked),
	ROW(CHANGING, EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(CHANGING, EV_BYE,         ENDING,    act_bye),
	ROW(CHANGING, EV_CHANGE,      CHANGING,  act_glare),
	ROW(CHANGING, EV_GLARE,       CHANGING,  act_glare),
	ROW(CHANGING, EV_ACCEPTED,    CHANGED,   act_accepted),
	ROW(CHANGING, EV_UPDATED,     UP,        act_updated),
	ROW(CHANGING, EV_REJECTED,    UP,        act_rejected),
	ROW(CHANGING, EV_LOST,        ENDING,    act_lost),
	ROW(CHANGING, EV_SILENCE,     ENDING,    act_silence),
	ROW(CHANGING, EV_FAULT,       ENDING,    act_fault),
	ROW(CHANGING, EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(CHANGED,  EV_ACK,         UP,        act_acked),
	ROW(CHANGED,  EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(CHANGED,  EV_BYE,         ENDING,    act_bye),
	ROW(CHANGED,  EV_CHANGE,      CHANGED,   act_glare),
	ROW(CHANGED,  EV_GLARE,       CHANGED,   act_glare),
	ROW(CHANGED,  EV_SILENCE,     ENDING,    act_silence),
	ROW(CHANGED,  EV_FAULT,       ENDING,    act_fault),
	ROW(CHANGED,  EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(REFERRED, EV_ACK,         REFERRED,  act_acked),
	ROW(REFERRED, EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(REFERRED, EV_BYE,         ENDING,    act_bye),
	ROW(REFERRED, EV_CHANGE,      REFERRED,  act_glare),
	ROW(REFERRED, EV_GLARE,       REFERRED,  act_glare),
	ROW(REFERRED, EV_TARGET_UP,   JOINING,   act_target_up),
	ROW(REFERRED, EV_TARGET_DOWN, UP,        act_target_down),
	ROW(REFERRED, EV_LEFT,        REFERRED,  act_left),
	ROW(REFERRED, EV_SILENCE,     ENDING,    act_silence),
	ROW(REFERRED, EV_FAULT,       ENDING,    act_fault),
	ROW(REFERRED, EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(JOINING,  EV_ACK,         JOINING,   act_acked),
	ROW(JOINING,  EV_NO_ACK,      ENDING,    act_no_ack),
	ROW(JOINING,  EV_BYE,         ENDING,    act_bye),
	ROW(JOINING,  EV_CHANGE,      JOINING,   act_glare),
	ROW(JOINING,  EV_GLARE,       JOINING,   act_glare),
	ROW(JOINING,  EV_TARGET_DOWN, UP,        act_target_down),
	ROW(JOINING,  EV_JOINED,      UP,        act_joined),
	ROW(JOINING,  EV_LEFT,        JOINING,   act_left),
	ROW(JOINING,  EV_SILENCE,     ENDING,    act_silence),
	ROW(JOINING,  EV_FAULT,       ENDING,    act_fault),
	ROW(JOINING,  EV_SHUTDOWN,    ENDING,    act_shutdown),

	ROW(ENDING,   EV_ANSWER,      ENDING,    act_late_answer),
	ROW(ENDING,   EV_FAILURE,     ENDING,    act_late_final),
	ROW(ENDING,   EV_NO_RESPONSE, ENDING,    act_late_final),
	ROW(ENDING,   EV_BYE,         ENDING,    act_late_bye),
	ROW(ENDING,   EV_CHANGE,      ENDING,    act_glare),
	ROW(ENDING,   EV_GLARE,       ENDING,    act_glare),
	ROW(ENDING,   EV_LEG_ENDED,   ENDED,     act_ended),
};
/* clang-format on */

const size_t transitionc = ARRAY_SIZE(transitions);

const char *state_name(enum state state)
{
	static const char *const names[STATES] = {
		[ROUTING] = "routing", [CALLING] = "calling",
		[RINGING] = "ringing", [ANSWERED] = "answered",
		[UP] = "up",           [CHANGING] = "changing",
		[CHANGED] = "changed", [REFERRED] = "referred",
		[JOINING] = "joining", [ENDING] = "ending",
		[ENDED] = "ended",
	};

	return state < STATES ? names[state] : "?";
}

const char *event_name(enum event event)
{
	static const char *const names[EVENTS] = {
		[EV_PICKED] = "picked",
		[EV_UNREACHABLE] = "unreachable",
		[EV_PROVISIONAL] = "provisional",
		[EV_ANSWER] = "answer",
		[EV_FAILURE] = "failure",
		[EV_RETRY] = "retry",
		[EV_NO_RESPONSE] = "no-response",
		[EV_RING_LIMIT] = "ring-limit",
		[EV_CANCEL] = "cancel",
		[EV_ACK] = "ack",
		[EV_NO_ACK] = "no-ack",
		[EV_BYE] = "bye",
		[EV_CHANGE] = "change",
		[EV_GLARE] = "glare",
		[EV_ACCEPTED] = "accepted",
		[EV_UPDATED] = "updated",
		[EV_REJECTED] = "rejected",
		[EV_LOST] = "lost",
		[EV_REFER] = "refer",
		[EV_TARGET_UP] = "target-up",
		[EV_TARGET_DOWN] = "target-down",
		[EV_JOINED] = "joined",
		[EV_LEFT] = "left",
		[EV_SILENCE] = "silence",
		[EV_FAULT] = "fault",
		[EV_SHUTDOWN] = "shutdown",
		[EV_LEG_ENDED] = "legs-ended",
	};

	return event < EVENTS ? names[event] : "?";
}

const struct transition *transition_find(enum state state, enum event event)
{
	for (size_t i = 0; i < transitionc; i++) {
		if (transitions[i].state == state && transitions[i].event == event)
			return &transitions[i];
	}
	return NULL;
}

void call_event(struct sp_call *call, enum event event, const struct input *in)
{
	const struct transition *t = transition_find(call->state, event);
	enum state old = call->state;

	if (!t) {
		sp_log(SP_LOG_DEBUG, "call_ignored", "call=%s state=%s event=%s", call->id,
		       state_name(old), event_name(event));
		return;
	}
	if (t->next != old) {
		call->state = t->next;
		sp_log(SP_LOG_DEBUG, "call_state", "call=%s from=%s to=%s event=%s", call->id,
		       state_name(old), state_name(t->next), event_name(event));
	}
	t->action(call, in);
	if (ENDING == t->next && ENDING != old)
		call_over(call);
}
