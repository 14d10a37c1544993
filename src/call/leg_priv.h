/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/leg, fork, reliable, timer: one side of a call and the dialogs that it
 * consists of.
 */
#ifndef SALLYPORT_CALL_LEG_PRIV_H
#define SALLYPORT_CALL_LEG_PRIV_H

#include "sallyport/base_util.h"
#include "sallyport/number.h"
#include "sallyport/sdp.h"
#include "sallyport/sip_dialog.h"
#include "sallyport/trunk_pick.h"
#include "sallyport/media.h"
#include "session_priv.h"

enum {
	LEG_DROPS_MAX = 64,   /* 2xx of forks that are acknowledged and hung up */
	LEG_DIALOGS_MAX = 16, /* early dialogs of one INVITE that is forked beyond us */
	LEG_REFERS_MAX = 4    /* relayed REFERs whose NOTIFYs find their way back */
};

enum leg_state {
	LEG_IDLE,     /* no INVITE yet                                          */
	LEG_EARLY,    /* the INVITE that makes the dialog has no final response */
	LEG_ANSWERED, /* uas: 2xx sent, not yet acknowledged                    */
	LEG_UP,       /* confirmed                                              */
	LEG_ENDING,   /* BYE or CANCEL sent, or due after the ACK               */
	LEG_ENDED
};

struct sp_call;
struct sp_calls;
struct leg;
struct body;
struct route;
struct reliable;
struct grant;
struct notifier;
struct straggler;

/*
 * One dialog of a leg. There is one from the beginning; each further To tag of
 * a forked INVITE makes one more on either leg, until one of them is answered.
 */
struct dlg {
	struct le he; /* in calls->dlgs, by our tag */
	struct le le; /* in leg->dlgs */
	struct leg *leg;
	struct sp_sip_dialog *sip;
	struct dlg *peer; /* of a callee's early dialog: the caller's that stands for it */

	/* The session as this dialog knows it. */
	uint64_t version;                /* of the last description we sent */
	struct mbuf *sent;               /* that description */
	struct sp_sdp *heard;            /* the last one that we took from it */
	uint32_t tagv[SP_SDP_MEDIA_MAX]; /* crypto tags of ours in `sent` */
	unsigned mux_told;               /* bits: m-lines of `sent` with a=rtcp-mux */
	unsigned muxed;                  /* bits: m-lines for which it is agreed    */
	enum sp_sdp_dir dir;             /* that it announced for its first m-line in use */
	bool refused;                    /* sent last was an offer, and refused, or a part of it */
	bool agreed; /* its first offer is answered, and neither can be lost any more */

	uint32_t rseq;      /* of its last reliable provisional (RFC 3262 4) */
	uint32_t prack_due; /* RSeq of one whose PRACK waits for an answer; 0: none */
};

/* What the peer can do, by its Allow and Supported. */
enum {
	PEER_UPDATE = 1 << 0,
	PEER_REFER = 1 << 1,
	PEER_100REL = 1 << 2,
	PEER_TIMER = 1 << 3,
	PEER_REPLACES = 1 << 4,
	PEER_ALLOW = 1 << 5 /* it said what it allows */
};

/* The session timer of a leg (RFC 4028). */
struct leg_timer {
	struct sp_timer due;        /* our refresh, or the end                 */
	struct sp_trunk_pick *pick; /* a connection for the refresh, or NULL   */
	uint64_t end_ms;            /* not refreshed by then: we hang up       */
	uint32_t expires_s;         /* 0: no session timer                     */
	uint32_t min_s;             /* largest Min-SE of the peer's, 0: none   */
	unsigned too_short;         /* 422 in a row                            */
	bool ours;                  /* we refresh                              */
	bool out;                   /* our refresh has no final response       */
	bool no_update;             /* the peer refuses UPDATE                 */
	bool told;                  /* the log has it that refreshes fail      */
};

/* A REFER that was relayed: its CSeq as its sender, and as we wrote it. */
struct leg_refer {
	uint32_t theirs, ours;
};

struct leg {
	struct le le; /* in call->legs */
	struct sp_call *call;
	struct sp_trunk *trunk;
	const struct sp_conf_interface *ifc; /* of call->env: where its ports and names are */
	struct sp_sip_conn *conn;            /* the one the dialog came by, or went last */
	struct list dlgs;
	struct dlg *dlg;   /* the current one; after the answer the only one */
	enum sp_side side; /* of the relay */
	enum leg_state state;
	unsigned peer;                /* PEER_ bits */
	bool uac;                     /* we called it */
	bool counted;                 /* in the trunk's calls ... */
	enum sp_trunk_dir counted_as; /* ... that it makes, or gets */
	char *contact;                /* our Contact towards it */
	uint64_t session_id;          /* in o= of what we send it */
	bool screened;                /* uac: what is asserted later was not looked at, see route */
	char shown[SP_NUMBER_SIZE];   /* uac: that a carrier sees calling it, whoever does; or "" */

	/* What it waits for, or waits for us. */
	struct sp_sip_strans *invite_st; /* its INVITE or re-INVITE, until acknowledged */
	struct sp_sip_ctrans *invite_ct; /* our INVITE or re-INVITE to it */
	struct sp_sip_ctrans *update_ct; /* our UPDATE to it */
	struct sp_sip_ctrans *bye_ct;    /* our BYE to it */
	struct sp_trunk_pick *pick;      /* a connection for INVITE or BYE */
	struct straggler *straggler;     /* of straggler.c, for when it is needed */
	struct body ack_body;            /* with the answer that our ACK carries */
	struct mbuf *last_words;   /* headers of the BYE, CANCEL or refusal to come, or NULL */
	struct reliable *reliable; /* uas: provisionals that wait for PRACK, or NULL */
	uint32_t invite_cseq;      /* of our last INVITE, for its ACK */
	unsigned byes;             /* BYEs that were lost with their connection */
	unsigned agains;           /* BYEs that could not be made, and are tried again */
	struct sp_timer again;
	unsigned drops;    /* forks that were hung up */
	bool forks_told;   /* the log has it that there are too many */
	bool offering;     /* an INVITE or UPDATE of ours has no final response */
	bool accepted;     /* invite_st: we sent 2xx, its ACK is due */
	bool ack_due;      /* its 2xx waits for our ACK (delayed offer) */
	bool acked;        /* we acknowledged the 2xx to it ... */
	uint64_t acked_ms; /* ... last at this time */
	struct leg_timer timer;

	/* Of transfers. */
	char *replaces;            /* uac: the dialog that our INVITE replaces there, or NULL */
	char *user;                /* of who is there, when the call's INVITE does not say */
	struct notifier *notifier; /* of notify.c, or NULL */
	unsigned refers;           /* REFERs that it sent and that were not refused here */
	unsigned relayed;          /* of them */
	struct leg_refer referv[LEG_REFERS_MAX]; /* the last of them that were relayed */
	struct grant *grant; /* of replaces.c: who else may replace its dialog, or NULL */
	bool replaces_required;
};

/* ---- leg.c ---- */

/* A leg without trunk, in call->legs. */
int leg_alloc(struct leg **lp, struct sp_call *call, enum sp_side side);
/*
 * The leg's trunk from now on, if it takes one more call (for an emergency whatever its
 * limits), in the place of one that was taken before. conn: an INVITE of the trunk came
 * by it; NULL: we call the trunk. @return SP_TRUNK_LIMIT_NONE, or which limit refused it
 */
enum sp_trunk_limit leg_take_trunk(struct leg *leg, struct sp_trunk *trunk, bool emergency,
				   const struct sp_sip_conn *conn);
/* Whom it sees calling, as far as the route says it. */
void leg_show(struct leg *leg, const struct route *route);
/* The trunk no longer counts it. */
void leg_uncount(struct leg *leg);
/* The leg's trunk is set before. */
int leg_uas(struct leg *leg, struct sp_sip_strans *st, const struct sp_sip_msg *invite);
int leg_uac(struct leg *leg, struct sp_sip_conn *conn, const char *local, const char *remote,
	    const char *target);
void leg_forget(struct sp_sip_ctrans **ctp);
void leg_seen_on(struct leg *leg, struct sp_sip_conn *conn);
/* Learn from Allow and Supported what the peer can do. */
void leg_learn(struct leg *leg, const struct sp_sip_msg *m);
/* How long to wait with a request that got 491 (RFC 3261 14.1). */
uint32_t leg_glare_ms(const struct leg *leg);
/* Is an offer of either side on its way, so that no other may start? */
bool leg_is_busy(const struct leg *leg);

/* A request to be sent in a leg's dialog. */
struct leg_req {
	enum sp_sip_method method;
	struct dlg *dlg;            /* NULL: the leg's current one */
	const struct mbuf *headers; /* or NULL */
	const char *content_type;   /* NULL: no body */
	struct pl body;
};

int leg_request(struct leg *leg, struct sp_sip_ctrans **ctp, const struct leg_req *r,
		sp_sip_response_h *h, void *arg);
/* INVITE or UPDATE with a body, empty for none. */
int leg_offer(struct leg *leg, enum sp_sip_method method, const struct mbuf *headers,
	      const struct body *body, sp_sip_response_h *h);
int leg_ack(struct leg *leg);
bool leg_is_fork(const struct leg *leg, const struct sp_sip_msg *rsp);
int dlg_reply(struct dlg *dlg, struct sp_sip_strans *st, uint16_t status,
	      const struct mbuf *headers, const struct body *body);
int leg_reply(struct leg *leg, struct sp_sip_strans *st, uint16_t status,
	      const struct mbuf *headers, const struct body *body);
void leg_refuse(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning);
/* The same for a failure rsp of the leg `from`, whose headers go on as far as they may. */
void leg_refuse_as(struct leg *leg, struct sp_sip_strans *st, uint16_t status, const char *warning,
		   const struct leg *from, const struct sp_sip_msg *rsp);
/* What of msg, which ends the other leg, goes with the end of this one. status: of a refusal. */
void leg_last_words(struct leg *leg, const struct leg *from, const struct sp_sip_msg *msg,
		    enum sp_sip_method method, uint16_t status);

/* ---- hangup.c ---- */

/* The leg is over: refuse, CANCEL or BYE, whichever its state asks for. */
void leg_end(struct leg *leg);
/* Is our BYE under way, or will be? */
bool leg_bye_out(const struct leg *leg);
/* The leg's peer hung up. */
void leg_hung_up(struct leg *leg);
/* Nothing more to wait for; when that is so of all legs, the call is told. */
void leg_ended(struct leg *leg);
/* The ACK of the 2xx that made the dialog came, or its time ran out. */
void leg_confirmed(struct leg *leg);

#endif
