/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/table: the states of a call, what happens to it, and what then.
 */
#ifndef SALLYPORT_CALL_TABLE_PRIV_H
#define SALLYPORT_CALL_TABLE_PRIV_H

#include "sallyport/sip_transaction.h"

enum state {
	ROUTING,  /* a connection to the callee's trunk is looked for            */
	CALLING,  /* INVITE sent                                                 */
	RINGING,  /* a provisional was relayed                                   */
	ANSWERED, /* the 2xx was relayed; the caller has not acknowledged it     */
	UP,
	CHANGING, /* a re-INVITE or UPDATE of one leg is with the other         */
	CHANGED,  /* its 2xx was relayed; not acknowledged                      */
	REFERRED, /* a transfer's target is called (transfer = "handle")        */
	JOINING,  /* it answered; the other party gets its description          */
	ENDING,   /* over; the legs wind down, each by itself                   */
	ENDED,    /* nothing left to wait for                                   */
	STATES
};

enum event {
	EV_PICKED,      /* a connection to the callee's trunk                    */
	EV_UNREACHABLE, /* there is none                                         */
	EV_PROVISIONAL, /* 101-199 from the callee                               */
	EV_ANSWER,      /* 2xx from the callee                                   */
	EV_FAILURE,     /* 300-699 from the callee                               */
	EV_RETRY,       /* such a failure, or no response, and elsewhere to try  */
	EV_NO_RESPONSE, /* timer B, or the connection went                       */
	EV_RING_LIMIT,  /* timer C                                               */
	EV_CANCEL,      /* CANCEL from the caller                                */
	EV_ACK,         /* ACK of a 2xx that we relayed                          */
	EV_NO_ACK,      /* it never came                                         */
	EV_BYE,         /* BYE from either leg                                   */
	EV_CHANGE,      /* re-INVITE, UPDATE or PRACK with an offer              */
	EV_GLARE,       /* the same while another is on its way                  */
	EV_ACCEPTED,    /* 2xx to the re-INVITE                                  */
	EV_UPDATED,     /* 2xx to the UPDATE                                     */
	EV_REJECTED,    /* the change was refused; the session stays             */
	EV_LOST,        /* the change was answered 408, 481 or not at all        */
	EV_REFER,       /* a transfer that the gateway carries out itself        */
	EV_TARGET_UP,   /* its target has answered                               */
	EV_TARGET_DOWN, /* it will not; the call goes on as it was               */
	EV_JOINED,      /* the other party took the target's description         */
	EV_LEFT,        /* the transferor hung up before the transfer was done   */
	EV_SILENCE,     /* no media from one side                                */
	EV_FAULT,       /* the call cannot go on: call->status says why          */
	EV_SHUTDOWN,    /* the gateway ends its calls                            */
	EV_LEG_ENDED,   /* all legs are through                                  */
	EVENTS
};

struct sp_call;
struct leg;
struct dlg;

/* What an event brings along; what does not apply is NULL. */
struct input {
	struct leg *leg;              /* the leg it came from              */
	struct dlg *dlg;              /* and, of a request, its dialog     */
	const struct sp_sip_msg *msg; /* request or response               */
	struct sp_sip_strans *st;     /* of a request                      */
	struct sp_sip_conn *conn;     /* EV_PICKED                         */
	const char *host;             /* EV_PICKED: the target's           */
	uint16_t port;
	int err;
	uint16_t status; /* EV_REJECTED without msg: to refuse the change with ... */
	const char *why; /* ... and what to say, or NULL                           */
};

typedef void(action_h)(struct sp_call *call, const struct input *in);

struct transition {
	enum state state;
	enum event event;
	enum state next;
	action_h *action;
	const char *action_name;
};

extern const struct transition transitions[];
extern const size_t transitionc;

const char *state_name(enum state state);
const char *event_name(enum event event);
const struct transition *transition_find(enum state state, enum event event);

/* The only way to move a call. An event without transition is logged at debug and ignored. */
void call_event(struct sp_call *call, enum event event, const struct input *in);

/* ---- actions ---- */

/* setup.c */
action_h act_invite, act_unreachable, act_provisional, act_answer, act_acked, act_failure,
	act_no_response;
/* retry.c */
action_h act_retry;
/* change.c */
action_h act_change, act_early_change, act_change_cancelled, act_glare, act_accepted, act_updated,
	act_rejected;
/* transfer.c */
action_h act_refer, act_target_up, act_target_down, act_joined, act_left;
/* end.c */
action_h act_cancelled, act_ring_limit, act_bye, act_no_ack, act_lost, act_silence, act_fault,
	act_shutdown, act_late_answer, act_late_final, act_late_bye;
/* call.c */
action_h act_ended;

#endif
