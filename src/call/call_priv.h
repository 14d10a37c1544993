/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/: what its files share. A call is made by admit.c, moves by table.c
 * alone, and is freed at the end of the loop turn in which its legs ended.
 */
#ifndef SALLYPORT_CALL_PRIV_H
#define SALLYPORT_CALL_PRIV_H

#include "sallyport/call.h"
#include "sallyport/sip_body.h"
#include "table_priv.h"
#include "leg_priv.h"
#include "session_priv.h"
#include "route_priv.h"
#include "headers_priv.h"
#include "accounts_priv.h"

struct transfer;

/* A re-INVITE, UPDATE or PRACK with an offer that is with the other leg. */
struct change {
	struct leg *by; /* NULL: none */
	struct dlg *dlg;
	struct sp_sip_strans *st;
	enum sp_sip_method method; /* as which it was relayed */
};

struct sp_call {
	struct le le; /* in calls->calls, by serial */
	uint64_t serial;
	struct sp_calls *calls;
	struct sp_call_env *env;
	char id[SP_CALL_ID_SIZE];
	enum state state;
	struct list legs;   /* all: also those that a transfer brings or leaves behind */
	struct leg *leg[2]; /* the two that talk, by enum sp_side */
	struct leg *caller; /* whose INVITE made the call; NULL once it has left */

	const struct sp_number_entry *entry;
	char decided[SP_NUMBER_SIZE]; /* whose entry that is, "" for none */
	bool own_number;              /* by the table `number` is the caller's own */
	char *target_user;            /* user part of the request URI towards the callee */
	char *number;                 /* E.164 of who is calling, "" for none */
	struct account *account;      /* that counts it, or NULL: see accounts_priv.h */
	uint32_t max_forwards;
	bool emergency;
	bool anonymous; /* the caller wants nobody to know who he is */
	bool offerless; /* the INVITE that made it had no offer */
	bool delayed;   /* the offer comes in the 2xx, the answer in the ACK */

	struct session session;
	struct sp_relay_count media[2]; /* that arrived, of sessions that are over */
	uint64_t rtp[2];                /* RTP packets of them                     */
	struct change change;
	struct sp_trunk *routev[SP_CONF_ROUTES_MAX]; /* the callee's trunks, best first; of env */
	size_t routec, routed;                       /* those up to `routed` have been taken    */
	struct retry *retry;       /* of retry.c: where the INVITE has been, or NULL */
	struct transfer *transfer; /* of transfer.c, while one is on its way */
	struct transfer *lent;     /* the same of another call, which a leg of ours is to join */
	struct list passes;        /* of pass.c */

	struct sp_timer ring;
	uint64_t begun_ms, up_ms;
	const char *cause;      /* why it ended, for people, static text */
	const char *warning;    /* what to tell with it, or NULL */
	uint16_t status;        /* the same as a SIP status for whoever is not told yet */
	unsigned retry_after_s; /* with 503; 0: the usual time                        */
	bool over;              /* media given back, end line logged */
	char reason[32];        /* Reason value for BYE and CANCEL, "" for none */
};

/* A route as the trunks of env that run. Points into env->numbers. */
struct way {
	struct route route;
	struct sp_trunk *trunkv[SP_CONF_ROUTES_MAX]; /* best first; none: refused */
	size_t trunkc;
};

struct sp_calls {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_media *media;
	struct sp_call_env *env;
	struct hash *dlgs; /* by our tag */
	struct list calls;
	uint64_t serial;        /* of the latest one */
	struct list stragglers; /* of straggler.c */
	size_t stragglerc;
	struct hash *grants;   /* of replaces.c, by Call-ID      */
	struct sp_hashkey key; /* of both: calls_key()           */
	struct sp_calls_count count;
	bool draining;
	struct sp_overload *overload; /* NULL: never */
	struct accounts *accounts;    /* of accounts.c */
	struct sp_quiet limited_log;  /* calls that a limit of the gateway refuses */
	sp_calls_idle_h *idleh;
	void *idle_arg;
};

/* The leg that this one talks to. */
static inline struct leg *leg_other(const struct leg *leg)
{
	return leg->call->leg[leg->side == SP_SIDE_CALLER ? SP_SIDE_CALLEE : SP_SIDE_CALLER];
}

/* Is it one of the two that talk, and not on its way out? */
static inline bool leg_is_current(const struct leg *leg)
{
	return leg->call->leg[leg->side] == leg && leg->state < LEG_ENDING;
}

/* Of a description that was not used: is that its fault, or do we want memory? */
static inline uint16_t sdp_status(int err)
{
	return ENOMEM == err ? 500 : 488;
}

static inline const char *leg_name(const struct leg *leg)
{
	return SP_SIDE_CALLER == leg->side ? "caller" : "callee";
}

/* ---- calls.c ---- */

/* Where calls->dlgs and calls->grants have what goes by this id. */
uint32_t calls_key(const struct sp_calls *calls, const char *id, size_t len);

/* ---- call.c ---- */

/* A call in ROUTING, in the list of calls; mem_deref() undoes it. */
int call_alloc(struct sp_call **cp, struct sp_calls *calls);
/* Note why the call ends; the first cause stays. warning: what the unanswered caller is told. */
void call_blame(struct sp_call *call, uint16_t status, const char *cause, const char *warning);
/* Blame it and end it. */
void call_fault(struct sp_call *call, uint16_t status, const char *cause, const char *warning);
/* What the policy and the rules say about a message that goes from one leg to the other. */
void call_headers(struct headers_ctx *ctx, const struct leg *from, const struct leg *to,
		  const struct sp_sip_msg *msg, uint16_t status);
int call_put_headers(struct mbuf *mb, const struct leg *from, const struct leg *to,
		     const struct sp_sip_msg *msg, enum sp_sip_method method, uint16_t status);
/* Start timer C for the INVITE or re-INVITE that goes out. */
void call_ring(struct sp_call *call);
/* The session is about to end: add what its relay has counted. */
void call_count_media(struct sp_call *call);
/* The same of a call that goes on with another session: what it has measured is told now. */
void call_leave_media(struct sp_call *call);
/* Does media flow both ways, one way, or not at all? For people. */
const char *call_media_name(const struct sp_call *call);
/* The interface of a trunk, as the call's configuration has it; NULL: it has no such trunk. */
const struct sp_conf_interface *call_interface(const struct sp_call *call,
					       const struct sp_trunk *trunk);
/* The call is over for its users: log its end line and give the media back. Once. */
void call_over(struct sp_call *call);

/* ---- way.c: as of route.c, with now_s of the wall clock ---- */

uint16_t way_find(struct way *way, const struct sp_call_env *env, const struct sp_trunk *from,
		  const struct sp_sip_msg *invite, int64_t now_s, const char **cause);
/* refer->own is found out here. */
uint16_t way_refer(struct way *way, const struct sp_call_env *env, const struct sp_trunk *from,
		   const struct route_refer *refer, int64_t now_s, const char **cause);
/* The same of a REFER, with an eye on who tries numbers (trunk_scan.h). */
uint16_t way_transfer(struct way *way, const struct sp_call_env *env, struct sp_trunk *from,
		      const struct route_refer *refer, int64_t now_s, const char **cause);
/* With this status ends what asked for a way: was it a number that the table does not know? */
void way_tried(const struct way *way, struct sp_trunk *from, uint16_t status);
/* To this trunk, in the name of what env's table has for the number. Else as it was. */
uint16_t way_to(struct way *way, const struct sp_call_env *env, struct sp_trunk *trunk,
		const char *decided, int64_t now_s, const char **cause);
bool way_owns(const struct sp_call_env *env, const struct sp_trunk *from, const char *e164,
	      int64_t now_s);

/* ---- invite.c: what the INVITE that makes a leg says, whether there is a leg or not ---- */

/* What it has beside what its route, and the message that it comes of, say. */
struct invite_with {
	const char *replaces;   /* the dialog that it replaces there, or NULL      */
	bool replaces_required; /* who does not know that must not ring            */
	bool reliable;          /* it may be answered by reliable provisionals     */
	uint32_t min_s;         /* the session timer's shortest, of a 422; 0: none */
};

struct invite_with invite_with(const struct leg *callee);
/* Headers but those of every request: call_headers() has made ctx. */
int invite_put_headers(struct mbuf *mb, const struct headers_ctx *ctx,
		       const struct invite_with *with);

/* ---- fork.c: which dialog of a leg is the one ---- */

/* One more dialog of the leg, which takes over sip; in calls->dlgs from now on. */
int dlg_alloc(struct dlg **dp, struct leg *leg, struct sp_sip_dialog *sip);
/* The dialog that an in-dialog message of the peer is for. */
struct dlg *dlg_find(const struct sp_calls *calls, const struct sp_sip_msg *m);
/* No message finds the leg's dialogs any more. */
void dlg_hide(struct leg *leg);
/*
 * The callee's response makes or names an early dialog: it becomes the current one on
 * both legs. @return 0, EBADMSG, ENOSPC (LEG_DIALOGS_MAX), ENOMEM
 */
int fork_select(struct leg *callee, const struct sp_sip_msg *rsp);
/* The callee is called anew: to the caller, whoever answers now is another fork. */
int fork_again(struct leg *caller);
/* Make the dialog, and the one that stands for it on the other leg, the current ones. */
void fork_choose(struct dlg *dlg);
/* Answered: of the leg's dialogs only the current one stays. */
void fork_settle(struct leg *leg);

/* ---- reliable.c: provisionals and PRACK (RFC 3262) ---- */

/* Does the trunk let the extension be used towards the leg, and the peer? */
bool reliable_offered(const struct leg *leg);
/*
 * May we ask for it? Not in an INVITE without an offer for a caller without the
 * extension: an offer in a reliable provisional could not be answered in time.
 */
bool reliable_wanted(const struct leg *leg);
/*
 * A provisional of the callee. @return false: a repetition, or out of order: nobody gets
 * it. A PRACK goes out at once, or, when it has to carry an answer, by reliable_prack().
 */
bool reliable_heard(struct leg *leg, const struct sp_sip_msg *rsp, bool answer_due);
void reliable_prack(struct leg *leg, struct dlg *dlg, const struct body *answer);
/* A provisional for the caller: at once and unreliable, or queued until PRACK. */
int reliable_reply(struct leg *leg, uint16_t status, const struct mbuf *headers,
		   const struct body *body);
/* The 2xx for the caller: behind the provisionals that must be acknowledged before it. */
int reliable_answer(struct leg *leg, uint16_t status, const struct mbuf *headers,
		    const struct body *body);
/* PRACK from the caller. */
void reliable_pracked(struct dlg *dlg, struct sp_sip_strans *st, const struct sp_sip_msg *req);
/* Forget what waits. */
void reliable_stop(struct leg *leg);

/* ---- change.c ---- */

/* The leg ends, or another answer came: its change, if one is on its way, is refused. */
void change_abort(struct leg *leg, uint16_t status);

/* ---- straggler.c ---- */

/* Memory for one, before an INVITE goes out: when it is needed there may be none. */
int straggler_reserve(struct leg *leg);
/*
 * A further fork has accepted our INVITE: it is acknowledged and hung up, in its own
 * dialog (RFC 3261 13.2.2.4).
 */
void straggler_drop(struct leg *leg, const struct sp_sip_msg *rsp);

/*
 * Our INVITE was answered and has another user, or none, from now on: what other forks
 * answer late is still acknowledged and hung up (RFC 3261 13.2.2.4).
 */
void straggler_leave(struct leg *leg);
/*
 * Our INVITE goes elsewhere before it has a final response: CANCEL, and whatever
 * still answers it is acknowledged and hung up. @return false: no room, nothing was done
 */
bool straggler_abandon(struct leg *leg);

/* ---- timer.c: session timers (RFC 4028) ---- */

/* Too short an interval, or the extension missing where it is required: answered. */
bool timer_refused(const struct sp_trunk *trunk, const struct leg *leg, struct sp_sip_strans *st,
		   const struct sp_sip_msg *req);
/* Session-Expires and Min-SE of the INVITE that makes a leg; min_s: of its 422, or 0. */
int timer_put_first(struct mbuf *mb, const struct sp_conf_timer *conf, uint32_t min_s);
/* The same of a request that we send in a leg (INVITE, UPDATE). */
int timer_put_request(struct mbuf *mb, const struct leg *leg, enum sp_sip_method method);
/* Session-Expires, and Require, of our 2xx to req. The leg's timer starts. */
int timer_put_answer(struct mbuf *mb, struct leg *leg, const struct sp_sip_msg *req);
/* The peer's 2xx to our INVITE or UPDATE: the leg's timer starts, or there is none. */
void timer_answered(struct leg *leg, const struct sp_sip_msg *rsp);
/* 422: @return true when the request may go again with the Min-SE that it names. */
bool timer_too_short(struct leg *leg, const struct sp_sip_msg *rsp);
void timer_stop(struct leg *leg);

/* ---- refresh.c ---- */

/* A new interval begins, as leg->timer says: its refresh, or the end, is waited for. */
void refresh_begin(struct leg *leg);

/* ---- reroute.c: the trunks that a call may go to, one after the other ---- */

/* Is there one left that could? up: and that can be reached, as far as is known */
bool reroute_left(const struct sp_call *call, bool up);
/*
 * The callee leg goes to the next one that takes it, if any does. @return
 * SP_TRUNK_LIMIT_NONE, or what the last one refused it for
 */
enum sp_trunk_limit reroute_next(struct sp_call *call);
/*
 * The call's session between the two legs' trunks, with the caller's offer if the INVITE
 * has one. @return 0, or a status to refuse with, *cause saying why
 */
uint16_t reroute_session(struct sp_call *call, const struct sp_sip_msg *invite, const char **cause);
/* Until one of them may be tried again; 0: now, or nobody has said. */
unsigned reroute_retry_after_s(const struct sp_call *call);

/* ---- retry.c: the INVITE once more, elsewhere ---- */

/*
 * Is this a failure of the target, not of the call? No connection is one always
 * (RFC 3263 4.3), no response where the trunk says so of 408.
 */
bool retry_of_target(const struct sp_conf_trunk *conf, uint16_t status, int err);
/* Does this final response (or, NULL, its want) send the INVITE on? Noted for act_retry(). */
bool retry_wanted(struct sp_call *call, const struct sp_sip_msg *rsp, int err);
/* The callee's trunk gives no connection: does another get the call? Noted likewise. */
bool retry_unreachable(struct sp_call *call);
/* An INVITE went out: from now on the target must answer in time. */
void retry_sent(struct sp_call *call);
/* A provisional has come; described: the caller has got a description with it. */
void retry_heard(struct sp_call *call, bool described);
/* Of several attempts: what became of the last one, as a Warning. Lives as long as the call. */
const char *retry_words(struct sp_call *call, uint16_t last);
/* 503 with Retry-After: the target is left alone for so long. */
void retry_heed(const struct leg *leg, uint64_t target, const struct sp_sip_msg *rsp);
/* An INVITE goes out: noted, and, after a redirect, its Request-URI written into uris. */
int retry_target(struct sp_call *call, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris);
/* Which connection the next INVITE wants; borrowed from the call. */
void retry_want(const struct sp_call *call, struct sp_trunk_want *want);
/* What the caller is told of all attempts, the last of which got status. */
uint16_t retry_status(const struct sp_call *call, uint16_t status);
void retry_close(struct sp_call *call);

/* ---- transfer.c, refer.c: see also transfer_priv.h ---- */

/* REFER in a dialog, by what the trunk says. */
void refer_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req);
/* BYE of a leg that a transfer concerns. @return true: that is all there is to it */
bool transfer_bye(struct leg *leg, const struct sp_sip_msg *req);
/* Any other request of a leg that is not, or no longer, one of the two: answered. */
bool transfer_request(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *req);
/* A leg is through: one that is not of the two goes. */
void transfer_leg_ended(struct leg *leg);
/* The call ends, or is freed: the transfer is off. The first of them tells the peers. */
void transfer_abort(struct sp_call *call);
void transfer_close(struct sp_call *call);

/* ---- policy.c: see also headers_priv.h ---- */

/* ifc is needed with a warning only; retry_after_s 0: SP_CALL_RETRY_AFTER_S. */
int policy_put_refusal(struct mbuf *headers, const struct sp_conf_interface *ifc, uint16_t status,
		       const char *warning, unsigned retry_after_s);
/* What a response says of when to try again (RFC 3261 20.33); 0: nothing. */
uint32_t policy_retry_after_s(const struct sp_sip_msg *rsp);
uint16_t policy_failure(uint16_t status);
uint16_t policy_invite_failure(uint16_t status);
uint16_t policy_no_response(int err);
/* A refusal with a header that says what would do. */
int policy_reply_with(struct sp_sip_strans *st, uint16_t status, const char *name,
		      const char *value);

/* ---- pass.c: INFO, MESSAGE, NOTIFY ---- */

void pass_request(struct leg *from, struct sp_sip_strans *st, const struct sp_sip_msg *req);
/*
 * A request with headers and a body of ours, in the place of st's, whose answer comes
 * back. @return ENOSPC: too many wait; pass_status() says with what to refuse st
 */
int pass_on(struct leg *from, struct sp_sip_strans *st, const struct leg_req *out);
bool pass_waits(const struct leg *from, enum sp_sip_method method);
uint16_t pass_status(int err);
void pass_end(struct sp_call *call);

/* ---- screen.c: what is refused whoever asks ---- */

extern const char screen_accept[]; /* bodies that we read, for Accept */

/* Method, Max-Forwards, extensions, body type. @return true: answered */
bool screen_refused(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req);

/* ---- admit.c: requests that are not of a call, or not yet ---- */

void admit_invite(struct sp_calls *calls, struct sp_sip_strans *st, const struct sp_sip_msg *req);
void admit_log_refused(const struct sp_trunk *from, const struct sp_sip_msg *req, uint16_t status,
		       const char *cause);
void admit_options(const struct sp_calls *calls, struct sp_sip_strans *st);

/* setup.c */
sp_sip_cancel_h setup_cancelled;
sp_sip_done_h setup_done;
/* Choose a connection to the callee's trunk: EV_PICKED or EV_UNREACHABLE follow. */
void setup_pick(struct sp_call *call);
/* st is the INVITE of leg's peer that will be answered. */
void setup_await(struct leg *leg, struct sp_sip_strans *st);
/* Its 2xx was sent: the ACK is due. */
void setup_sent(struct leg *leg);

#endif
