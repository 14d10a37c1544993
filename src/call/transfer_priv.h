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

/* What an INVITE with Replaces asks for. */
struct replaced {
	struct leg *leg;     /* at the far end of the dialog; NULL: there is no Replaces */
	struct replaces ids; /* of the dialog there */
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

/* The referrer's name under our host, for Referred-By; NULL when nobody is to know. */
int refer_by(char **textp, const struct headers_ctx *ctx, const struct sp_sip_msg *req);

/* ---- notify.c: what NOTIFYs say about a REFER ---- */

/*
 * Event of a NOTIFY from `from`, for the other leg: of a REFER's subscription the id
 * is the CSeq of the REFER that the other leg sent (RFC 3515 2.4.6). @return 0,
 * ENOENT (it sent none with that id), ENOMEM
 */
int notify_put_event(struct mbuf *mb, const struct leg *from, const struct pl *event);
/*
 * The body of a NOTIFY that goes on: a sipfrag (RFC 3420) becomes its status line
 * alone, written anew. @return 0, EBADMSG (there is none)
 */
int notify_body(struct pl *body, char line[NOTIFY_LINE_SIZE], const struct sp_sip_msg *req);

/* ---- transfer.c ---- */

/* The gateway carries it out: answered 202, EV_REFER. @return 0, or a status to refuse with */
uint16_t transfer_begin(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
			const char **why);

/* ---- refer_relay.c ---- */

/* The REFER goes on to the other leg. @return 0, or a status to refuse it with */
uint16_t refer_relay(struct leg *from, struct sp_sip_strans *st, const struct refer *refer,
		     const char **why);

#endif
