/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/transfer, refer, replaces, notify, target, join: transfers (RFC 3515,
 * RFC 3891, RFC 5589), relayed to the other side or carried out here.
 */
#ifndef SALLYPORT_CALL_TRANSFER_PRIV_H
#define SALLYPORT_CALL_TRANSFER_PRIV_H

#include "call_priv.h"

enum {
	REFER_TO_MAX = 2048, /* octets of a Refer-To                */
	REPLACES_ID_MAX = 256,
	REPLACES_TAG_MAX = 128,
	GRANT_ID_SIZE = 33,   /* 128 bits, as text, and NUL */
	JOIN_TRIES = 5,       /* re-INVITEs that cross one of the peer's (491) */
	NOTIFY_LINE_SIZE = 96 /* a status line */
};

/* ---- replaces.c ---- */

/* A dialog as Replaces names it: to_tag is that of whoever gets the INVITE. */
struct replaces {
	char call_id[REPLACES_ID_MAX];
	char to_tag[REPLACES_TAG_MAX], from_tag[REPLACES_TAG_MAX];
	bool early_only;
};

/* A header's value. @return 0, EBADMSG */
int replaces_decode(struct replaces *r, const struct pl *value);
/* The one in the headers of a URI. @return 0, ENOENT (none), EBADMSG (unreadable, or several) */
int replaces_of_uri(struct replaces *r, const struct sp_sip_uri *uri);
/* How this leg's peer knows the dialog that it has with us, if it gets the INVITE. */
int replaces_of_leg(struct replaces *r, const struct leg *leg);
/* As a header's value; and for the headers of a URI. */
int replaces_dup(char **textp, const struct replaces *r);
int replaces_put_escaped(struct mbuf *mb, const struct replaces *r);
/* The leg whose peer would send r in an INVITE to us. */
struct leg *replaces_find(const struct sp_calls *calls, const struct replaces *r);

/*
 * Let another trunk replace the leg's dialog, once, while a phone may ring. The names
 * are made up: those that the leg's own peer knows are none of that trunk's business.
 */
int replaces_grant(struct replaces *ids, struct leg *leg, const struct sp_trunk *to);

/* What an INVITE with Replaces asks for. */
struct replaced {
	struct leg *leg;     /* at the far end of the dialog; NULL: there is no Replaces */
	struct replaces ids; /* of the dialog there */
	bool required;       /* the number alone would not lead there */
};

/* @return 0, or a status to refuse the INVITE with (RFC 3891 3) */
uint16_t replaces_invite(struct replaced *out, const struct sp_calls *calls,
			 const struct sp_trunk *from, const struct sp_sip_msg *req,
			 const char **cause);

/* ---- refer.c ---- */

/* What a REFER asks for. Points into the request. */
struct refer {
	struct sp_sip_addr to;
	bool has_replaces;
	struct replaces replaces;
};

/*
 * The referrer's name under our host, for Referred-By; NULL: there is to be none. It is
 * what req says where the trunk is trusted; else, and with `always` also of a req that
 * says nothing, the number of the leg that it came from. Nobody is told who wants privacy.
 */
int refer_by(char **textp, const struct headers_ctx *ctx, const struct leg *from,
	     const struct sp_sip_msg *req, bool always);
/* Is there an escaped "@" in this user part? What follows it would be a host of its network. */
bool refer_names_host(const struct pl *user);

/* ---- notify.c: what NOTIFYs say about a REFER ---- */

/*
 * Event of a NOTIFY from `from`, for the other leg: of a REFER's subscription the id
 * is the CSeq of the REFER that the other leg sent (RFC 3515 2.4.6). @return 0,
 * ENOENT (it sent none with that id), ENOMEM
 */
int notify_put_event(struct mbuf *mb, const struct leg *from, const struct pl *event);
/* Is it a NOTIFY from `from` about a REFER that was relayed there? */
bool notify_of_refer(const struct leg *from, const struct sp_sip_msg *req);
/* Its Subscription-State (RFC 6665 4.1.3): what is registered of it, and nothing else. */
int notify_put_state(struct mbuf *mb, const struct pl *value);
/*
 * The body of a NOTIFY that goes on: a sipfrag (RFC 3420) becomes its status line
 * alone, written anew. @return 0, EBADMSG (there is none; or it is about a relayed
 * REFER, and something else)
 */
int notify_body(struct pl *body, char line[NOTIFY_LINE_SIZE], const struct leg *from,
		const struct sp_sip_msg *req);

/* The leg's peer is told from now on how its REFER fares. */
int notify_begin(struct leg *leg, uint32_t cseq);
/*
 * It is told this; with a final status for the last time. One NOTIFY at a time is on its
 * way: provisionals wait for its answer, and only the newest is kept. leg may be NULL.
 */
void notify_status(struct leg *leg, uint16_t status);
/* Hang up, but not before the last NOTIFY is answered: some peers mind the order. */
void notify_then_end(struct leg *leg);

/* ---- transfer.c ---- */

/* A transfer that the gateway carries out. It lives in its call until it is done. */
struct transfer {
	struct sp_call *call;
	struct leg *referrer;  /* who sent REFER */
	struct leg *kept;      /* whom it talks to */
	struct leg *target;    /* whom that one is to talk to; of `lender` until joined */
	struct leg *joining;   /* of the last two, the one that gets a re-INVITE now, or NULL */
	struct session next;   /* of kept and target */
	struct sp_timer timer; /* timer C of the target, or until a re-INVITE goes again */
	unsigned tries;        /* of that re-INVITE */
	bool left;             /* the referrer hung up */
	bool taken;            /* the target has its new description, or answered with one */
	bool gone;             /* the target hung up while kept had its re-INVITE */

	/* blind: a new call */
	struct way way;
	size_t routed;              /* trunks of it that were tried   */
	struct sp_trunk_want avoid; /* targets of the present one that were */
	unsigned invites;
	bool takeover;    /* an INVITE with Replaces: the target calls us          */
	uint16_t status;  /* with what it has failed                               */
	uint16_t refused; /* there is no route: the status to say so with */
	const char *cause;
	char *by;       /* Referred-By, or NULL */
	char *replaces; /* that goes on to the referrer's own network, or NULL */

	/* attended: the other leg of another call */
	struct sp_call *lender; /* that call; NULL: blind, or it is over */
	struct leg *replaced;   /* the referrer's leg in it */
	struct leg *stand_in;   /* that stands for the target in it once that has left */
	char *user;             /* of the target */
};

/* The gateway carries it out: answered 202, EV_REFER. @return 0, or a status to refuse with */
uint16_t transfer_begin(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
			const char **why);
int transfer_alloc(struct transfer **tp, struct leg *referrer);
/* It will not be: the transferor is told, the call goes on as it was. Frees t. */
void transfer_fail(struct transfer *t, uint16_t status, const char *cause);
/* The target hung up, or its call ended, before it was joined. May free t. */
void transfer_target_gone(struct transfer *t);
/* Who is at this leg, as E.164 or dialled; "" when unknown, or not to be known. */
const char *transfer_party(const struct leg *leg);
/* The transfer that this leg is part of, or NULL. */
struct transfer *transfer_of(const struct leg *leg);

/* ---- target.c: blind ---- */

/* Call the target on a leg and a session of its own. @return 0, or a status; then *cause */
uint16_t target_begin(struct transfer *t, const char **cause);

/* ---- takeover.c ---- */

/*
 * An INVITE with Replaces of which this is the far end: its sender takes the place of the
 * other leg. @return false: not here, or not now
 */
bool takeover_invite(struct leg *kept, struct sp_trunk *from, struct sp_sip_strans *st,
		     const struct sp_sip_msg *req);
/* The new caller is told why not. */
void takeover_refuse(struct transfer *t);
/* The far end's 2xx, answered to the new caller. @return 0, errno; then why may say more */
int takeover_answer(struct transfer *t, const struct sp_sip_msg *rsp, const char **why);

/* ---- join.c ---- */

/* Re-INVITE this leg with what the session offers. */
void join_offer(struct transfer *t, struct leg *leg);
/* The target belongs to the call, kept talks to it, the referrer leaves. */
void join_done(struct transfer *t);

/* ---- refer_relay.c ---- */

/* The REFER goes on to the other leg. @return 0, or a status to refuse it with */
uint16_t refer_relay(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
		     const char **why);

#endif
