/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/session, body: offers and answers between two legs, and the relay.
 */
#ifndef SALLYPORT_CALL_SESSION_PRIV_H
#define SALLYPORT_CALL_SESSION_PRIV_H

#include "sallyport/media.h"
#include "sallyport/sdp.h"
#include "sallyport/sip_message.h"

struct leg;
struct dlg;
struct sp_call;
struct sp_calls;
struct sp_trunk;

enum { BODY_TYPE_SIZE = 256 };

/* A body as it goes out. All zero: none. */
struct body {
	char type[BODY_TYPE_SIZE];
	struct mbuf *mb;
	bool described; /* there is a description in it */
};

/* ---- body.c ---- */

bool body_has_sdp(const struct sp_sip_msg *m);
/* Is the body, if there is one, a description, or multipart with at most one in it? */
bool body_readable(const struct sp_sip_msg *m);
/*
 * The body that goes on for orig's, with sdp in the place of its description; other
 * parts of a multipart body stay octet for octet. orig may be NULL, or without body.
 * sdp NULL: only what else there was. @return 0, EBADMSG, ENOMEM
 */
int body_make(struct body *b, const struct sp_sip_msg *orig, const struct mbuf *sdp);
void body_clear(struct body *b);

/* ---- session.c ---- */

/* The media of two legs: one offer at a time, and the relay that it is about. */
struct session {
	struct sp_calls *calls; /* counts the relay; NULL without */
	struct sp_relay *relay;
	int stream[SP_SDP_MEDIA_MAX]; /* m-line -> stream of the relay, -1: refused */
	size_t mediac;                /* m-lines of the last offer that was answered */
	struct sp_sdp *offer;         /* while it waits for its final answer */
	struct sp_sdp *first; /* the INVITE's, for the answers of all forks, until settled */
	struct leg *offerer;
	bool initial;            /* it is the offer of the INVITE that makes the call */
	const struct leg *guest; /* a leg of another call, which has guest_side here */
	enum sp_side guest_side;
	unsigned added;   /* bits: m-lines whose streams this offer opened */
	unsigned refused; /* bits: m-lines that its answer refuses */
	unsigned rekeyed; /* bits: m-lines for which it made us change our key */
};

void session_init(struct session *s);
/* A relay between the interfaces of the leg's trunk, on its side, and another one. */
int session_open(struct session *s, const struct leg *leg, const struct sp_trunk *other);
void session_close(struct session *s);

/* Take an offer and open ports for it. On error: *status to refuse with, *why to say. */
int session_offer(struct session *s, struct leg *from, const struct sp_sip_msg *m, uint16_t *status,
		  const char **why);
/*
 * The same with a description that `from` gave before (transfer), with as many m-lines as
 * leg `to`, if it has a session already, must be offered (RFC 3264 8).
 */
int session_offer_again(struct session *s, struct leg *from, const struct leg *to, uint16_t *status,
			const char **why);
/* describe.c: the offer as it goes to the other leg; resume: as of nobody on hold. */
int session_write_offer(struct session *s, struct leg *to, bool resume, struct mbuf **sdpp);
/*
 * Take an answer, tell the relay, write it for the offerer. A message without one stands
 * for the answer that the dialog gave before.
 */
int session_answer(struct session *s, struct leg *from, const struct sp_sip_msg *m,
		   struct mbuf **sdpp, const char **why);
/*
 * Take an answer that is for nobody: the offerer gets, or got, an offer instead. It is
 * noted with the dialog of `from`; session_meet() tells the relay of it, too.
 */
int session_hear(struct session *s, struct leg *from, const struct sp_sip_msg *m, const char **why);
int session_meet(struct session *s, struct leg *from, const struct sp_sip_msg *m, const char **why);
/* The offer of the INVITE is open again: another fork than the one it was settled with answers. */
void session_reopen(struct session *s, struct leg *caller);
/* The call is answered: no fork's answer to the INVITE's offer counts any more. */
void session_settle(struct session *s);
/* The answer is final. */
void session_commit(struct session *s);
/* The offer was refused: the session stays what it was. */
void session_rollback(struct session *s);
/* Media is expected of both legs, or, during hold, of neither. */
void session_watch(struct sp_call *call);
void session_unwatch(struct sp_call *call);
/* Is m's description the one that the leg gave last? Then *sdpp is our answer, as before. */
bool session_unchanged(struct leg *leg, const struct sp_sip_msg *m, struct mbuf **sdpp);
/* describe.c: what the leg was last told, as an offer, its version unchanged (RFC 4028 7.4). */
int session_write_again(struct leg *leg, struct mbuf **sdpp);
/*
 * The answer to that: the relay learns where the leg is now. A message without one
 * leaves the session as it is.
 */
int session_refreshed(struct leg *leg, const struct sp_sip_msg *m, const char **why);
/* Does either trunk refuse INVITE without an offer? */
bool session_refuses_delayed(const struct sp_trunk *from, const struct sp_trunk *to);
const char *session_dir_name(enum sp_sdp_dir dir);

/* ---- describe.c ---- */

/* Can m-line i be relayed? */
bool session_usable(const struct sp_sdp *d, size_t i);
/* The side of the relay that the leg has in this session. */
enum sp_side session_side(const struct session *s, const struct leg *leg);
/* Is RTCP muxed, when the leg offers this? (RFC 5761 5.1.1) */
bool session_muxes(const struct leg *leg, const struct sp_sdp_media *offered);
/*
 * Write d for leg `to`, as an answer to what it offered. The version in o= rises when, and
 * only when, it differs from the last one that the dialog got (RFC 3264 8).
 */
int session_describe(const struct session *s, struct leg *to, const struct sp_sdp *d,
		     const struct sp_sdp *answered, struct mbuf **sdpp);

/* ---- remotes.c ---- */

/* The leg `from` has answered the offer: the relay learns both ends. */
int session_connect(struct session *s, const struct leg *from, const struct sp_sdp *answer);
/* The dialog's answer says whether RTCP is muxed, though the relay learns nothing yet. */
void session_agree(struct dlg *dlg, const struct sp_sdp *answer);
/* The leg has answered a refresh, with what it was told: the relay learns its end. */
int session_move(struct session *s, const struct leg *leg, const struct sp_sdp *told,
		 const struct sp_sdp *answer);
/* Our key changes with the offerer's key or address, where its trunk wants that. */
int session_rekey(struct session *s);

#endif
