/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/: what its files share. A call is made by admit.c, moves by table.c
 * alone, and is freed at the end of the loop turn in which both legs ended.
 */
#ifndef SALLYPORT_CALL_PRIV_H
#define SALLYPORT_CALL_PRIV_H

#include "sallyport/base_util.h"
#include "sallyport/call.h"
#include "sallyport/sdp.h"
#include "sallyport/sip_dialog.h"

enum {
	ROUTE_DIALLED_MAX = 32,                     /* digits that are no E.164 number */
	ROUTE_USER_SIZE = 3 * ROUTE_DIALLED_MAX + 1 /* all of them escaped, and NUL */
};

/* ---- table.c: the state machine ---- */

enum state {
	ROUTING,  /* admitted; a connection to the callee's trunk is looked for  */
	CALLING,  /* INVITE sent                                                 */
	RINGING,  /* a provisional was relayed                                   */
	ANSWERED, /* the 2xx was relayed; the caller has not acknowledged it     */
	UP,
	CHANGING, /* a re-INVITE or UPDATE of one leg is with the other          */
	CHANGED,  /* its 2xx was relayed; not acknowledged                       */
	ENDING,   /* over; the legs wind down, each by itself                    */
	ENDED,    /* nothing left to wait for                                    */
	STATES
};

enum event {
	EV_PICKED,      /* a connection to the callee's trunk                    */
	EV_UNREACHABLE, /* there is none                                         */
	EV_PROVISIONAL, /* 101-199 from the callee                               */
	EV_ANSWER,      /* 2xx from the callee                                   */
	EV_FAILURE,     /* 300-699 from the callee                               */
	EV_NO_RESPONSE, /* timer B, or the connection went                       */
	EV_RING_LIMIT,  /* timer C                                               */
	EV_CANCEL,      /* CANCEL from the caller                                */
	EV_ACK,         /* ACK of a 2xx that we relayed                          */
	EV_NO_ACK,      /* it never came                                         */
	EV_BYE,         /* BYE from either leg                                   */
	EV_CHANGE,      /* re-INVITE or UPDATE with an offer                     */
	EV_ACCEPTED,    /* 2xx to the re-INVITE                                  */
	EV_UPDATED,     /* 2xx to the UPDATE                                     */
	EV_REJECTED,    /* the change was refused; the session stays             */
	EV_LOST,        /* the change was answered 408, 481 or not at all        */
	EV_SILENCE,     /* no media from one side                                */
	EV_FAULT,       /* the call cannot go on: call->status says why          */
	EV_SHUTDOWN,    /* the gateway ends its calls                            */
	EV_LEG_ENDED,   /* both legs are through                                 */
	EVENTS
};

struct sp_call;
struct leg;

/* What an event brings along; what does not apply is NULL. */
struct input {
	struct leg *leg;              /* the leg it came from              */
	const struct sp_sip_msg *msg; /* request or response               */
	struct sp_sip_strans *st;     /* of a request                      */
	struct sp_sip_conn *conn;     /* EV_PICKED                         */
	const char *host;             /* EV_PICKED: the target's           */
	uint16_t port;
	int err;
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

/* ---- the objects ---- */

enum leg_state {
	LEG_IDLE,     /* no INVITE yet                                          */
	LEG_EARLY,    /* the INVITE that makes the dialog has no final response */
	LEG_ANSWERED, /* uas: 2xx sent, not yet acknowledged                    */
	LEG_UP,       /* confirmed                                              */
	LEG_ENDING,   /* BYE or CANCEL sent, or due after the ACK               */
	LEG_ENDED
};

/* One dialog of a call. Part of struct sp_call; lives and dies with it. */
struct leg {
	struct le he; /* in calls->legs, by local tag */
	struct sp_call *call;
	enum sp_side side;
	enum leg_state state;
	struct sp_trunk *trunk;
	const struct sp_conf_interface *ifc; /* of call->env: where its ports and names are */
	struct sp_sip_conn *conn;            /* the one the dialog came by, or went last */
	struct sp_sip_dialog *dialog;
	struct sp_sip_strans *invite_st; /* its INVITE or re-INVITE, until acknowledged */
	bool accepted;                   /* invite_st: we sent 2xx, its ACK is due */
	struct sp_sip_strans *update_st; /* its UPDATE, until answered */
	struct sp_sip_ctrans *invite_ct; /* our INVITE, re-INVITE or UPDATE to it */
	struct sp_sip_ctrans *bye_ct;    /* our BYE to it */
	unsigned byes;                   /* BYEs that were lost with their connection */
	struct sp_trunk_pick *pick;      /* a connection for INVITE or BYE */
	uint32_t invite_cseq;            /* of our last INVITE, for its ACK */
	bool acked;                      /* we acknowledged the 2xx to it */
	bool ack_due;                    /* its 2xx waits for our ACK (delayed offer) */
	struct mbuf *ack_body;           /* the answer that our ACK carries, or NULL */
	bool counted;                    /* in the trunk's calls */
	char *contact;                   /* our Contact towards it */

	/* The session as this leg knows it. */
	uint64_t session_id;
	uint64_t version;
	struct mbuf *sent;   /* the last description we sent it */
	enum sp_sdp_dir dir; /* that it announced for its first m-line in use */
};

struct sp_call {
	struct le le; /* in calls->calls */
	struct sp_calls *calls;
	struct sp_call_env *env;
	char id[SP_CALL_ID_SIZE];
	enum state state;
	struct leg legv[2]; /* by enum sp_side */

	const struct sp_number_entry *entry;
	char *target_user; /* user part of the request URI towards the callee */
	uint32_t max_forwards;

	struct sp_relay *relay;
	int stream[SP_SDP_MEDIA_MAX]; /* m-line -> stream of the relay, -1: refused */
	size_t mediac;                /* m-lines of the last offer that was answered */
	struct sp_sdp *offer;         /* while it waits for its final answer */
	struct leg *offerer;
	struct leg *changer;    /* whose re-INVITE or UPDATE is with the other leg */
	bool delayed;           /* the offer comes in the 2xx, the answer in the ACK */
	bool answered_early;    /* a provisional brought an answer */
	unsigned added;         /* bits: m-lines whose streams this offer opened */
	unsigned refused;       /* bits: m-lines that its answer refuses */
	uint16_t change_status; /* EV_REJECTED by ourselves: with what and why */
	const char *change_why;

	struct list passes; /* of pass.c */

	struct sp_timer ring;
	uint64_t begun_ms, up_ms;
	uint16_t status;     /* why it ended, as a SIP status for whoever is not told yet */
	const char *cause;   /* the same for people, static text */
	const char *warning; /* what to tell with it, or NULL */
	char reason[32];     /* Reason value for BYE and CANCEL, "" for none */
	bool over;           /* media given back, end line logged */
};

struct sp_calls {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_call_env *env;
	struct hash *legs; /* by our tag, which we made */
	struct list calls;
	struct sp_calls_count count;
	bool draining;
	sp_calls_idle_h *idleh;
	void *idle_arg;
};

static inline struct leg *leg_other(struct leg *leg)
{
	return &leg->call->legv[leg->side == SP_SIDE_CALLER ? SP_SIDE_CALLEE : SP_SIDE_CALLER];
}

/* ---- call.c ---- */

/* A call in ROUTING, in the list of calls; mem_deref() undoes it. */
int call_alloc(struct sp_call **cp, struct sp_calls *calls);
/* Note why the call ends; the first cause stays. warning: what the unanswered caller is told. */
void call_blame(struct sp_call *call, uint16_t status, const char *cause, const char *warning);
/* Start timer C for the INVITE or re-INVITE that goes out. */
void call_ring(struct sp_call *call);
/* The call is over for its users: log its end line and give the media back. Once. */
void call_over(struct sp_call *call);

/* ---- leg.c ---- */

/* The leg's trunk and interface are set before. */
int leg_uas(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *invite);
int leg_uac(struct leg *leg, struct sp_sip_conn *conn, const char *local, const char *remote,
	    const char *target);
struct leg *leg_find(const struct sp_calls *calls, const struct pl *tag);
void leg_clear(struct leg *leg);
void leg_forget(struct sp_sip_ctrans **ctp);
void leg_seen_on(struct leg *leg, struct sp_sip_conn *conn);

/* A request to be sent in a leg's dialog. */
struct leg_req {
	enum sp_sip_method method;
	const struct mbuf *headers; /* or NULL */
	const char *content_type;   /* NULL: no body */
	struct pl body;
};

int leg_request(struct leg *leg, struct sp_sip_ctrans **ctp, const struct leg_req *r,
		sp_sip_response_h *h, void *arg);
/* The same with a description, NULL for none. */
int leg_offer(struct leg *leg, enum sp_sip_method method, const struct mbuf *headers,
	      const struct mbuf *sdp, sp_sip_response_h *h);
int leg_ack(struct leg *leg);
bool leg_is_fork(const struct leg *leg, const struct sp_sip_msg *rsp);
void leg_drop_fork(struct leg *leg, const struct sp_sip_msg *rsp);
int leg_reply(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const struct mbuf *body);
void leg_refuse(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning);
/* The leg is over: refuse, CANCEL or BYE, whichever its state asks for. */
void leg_end(struct leg *leg);
/* The leg's peer hung up. */
void leg_hung_up(struct leg *leg);
/* Nothing more to wait for; when that is so of both legs, the call is told. */
void leg_ended(struct leg *leg);
/* The ACK of the 2xx that made the dialog came, or its time ran out. */
void leg_confirmed(struct leg *leg);

/* ---- session.c: one offer and its answer ---- */

bool session_has_body(const struct sp_sip_msg *m);
bool session_has_sdp(const struct sp_sip_msg *m);
/* Take an offer and open ports for it. On error: *status to refuse with, *why to say. */
int session_offer(struct leg *from, const struct sp_sip_msg *m, uint16_t *status, const char **why);
/* The offer as it goes to the other leg. */
int session_write_offer(struct leg *to, struct mbuf **bodyp);
/* Take an answer (of a provisional or a 2xx), tell the relay, write it for the offerer. */
int session_answer(struct leg *from, const struct sp_sip_msg *m, struct mbuf **bodyp,
		   const char **why);
/* The answer is final. */
void session_commit(struct sp_call *call);
/* The offer was refused: the session stays what it was. */
void session_rollback(struct sp_call *call);
void session_watch(struct sp_call *call);
/* Does either trunk refuse INVITE without an offer? */
bool session_refuses_delayed(const struct sp_call *call);
const char *session_dir_name(enum sp_sdp_dir dir);

/* ---- route.c ---- */

struct route {
	struct sp_trunk *trunk;
	const struct sp_number_entry *entry;
	char user[ROUTE_USER_SIZE]; /* of the request URI towards the callee */
};

/* @return 0, or the SIP status to refuse with; cause for the log. */
uint16_t route_find(struct route *route, const struct sp_call_env *env, const struct sp_trunk *from,
		    const struct sp_sip_msg *invite, const char **cause);
/* The number that the call is made in the name of. */
void route_caller(const struct sp_sip_msg *invite, struct pl *user);
/* E.164 of a user part, which may be escaped. @return 0 or EINVAL */
int route_e164(char out[SP_NUMBER_SIZE], const struct pl *user);
bool route_is_anonymous(const struct sp_sip_addr *addr);

/* ---- policy.c: what passes from one leg to the other ---- */

extern const char policy_allow[];

int policy_callee_uris(const struct sp_call *call, const struct sp_sip_msg *invite,
		       const struct sp_trunk *trunk, const char *host, uint16_t port, char **local,
		       char **remote, char **target);
int policy_put_custom(struct mbuf *headers, const struct sp_call *call);
/* ifc is needed with a warning only. */
int policy_put_refusal(struct mbuf *headers, const struct sp_conf_interface *ifc, uint16_t status,
		       const char *warning);
uint16_t policy_failure(uint16_t status);
void policy_reason(char *buf, size_t size, const struct sp_sip_msg *m);

/* ---- pass.c: INFO, MESSAGE, NOTIFY ---- */

void pass_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req);
void pass_end(struct sp_call *call);

/* ---- admit.c: requests that are not of a call, or not yet ---- */

void admit_invite(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req);
/* Max-Forwards, Require, method, body type: refused whoever asks. true: answered. */
bool admit_refused(struct sp_sip_strans *st, const struct sp_sip_msg *req);
void admit_options(const struct sp_calls *calls, struct sp_sip_strans *st);

/* ---- actions of the state machine ---- */

/* setup.c */
action_h act_invite, act_unreachable, act_provisional, act_answer, act_acked, act_failure,
	act_no_response;
/* change.c */
action_h act_change, act_change_cancelled, act_glare, act_accepted, act_updated, act_rejected;
/* end.c */
action_h act_cancelled, act_ring_limit, act_bye, act_no_ack, act_lost, act_silence, act_fault,
	act_shutdown, act_late_answer, act_late_final, act_late_bye, act_ended;

sp_sip_cancel_h setup_cancelled;
sp_sip_done_h setup_done;

#endif
