/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/headers: what of a message that came in on one side goes out on the
 * other: the policy (docs/policy.md) and the rules of both trunks. Pure: text
 * in, text out; knows no call and no leg.
 *
 * The headers of a message that is at work are in two bags: `in` has what came,
 * as the rules of the trunk it came from left it; `out` has what goes on.
 */
#ifndef SALLYPORT_CALL_HEADERS_PRIV_H
#define SALLYPORT_CALL_HEADERS_PRIV_H

#include "sallyport/conf.h"
#include "sallyport/number.h"
#include "sallyport/sip_message.h"
#include "route_priv.h"

enum {
	HEADERS_IN_MAX = SP_SIP_HEADERS_MAX + 64, /* those of a message, and what rules add */
	HEADERS_OUT_MAX = 112,                    /* headers put into one message: with ours
						     no more than SP_SIP_HEADERS_MAX        */
	HEADERS_BYTES_MAX = 16 * 1024,            /* of them; and of text that rules make   */
	HEADERS_NAME_MAX = 64
};

/* One message that goes on to a leg: what it is made from. */
struct headers_ctx {
	const struct sp_conf_trunk *from, *to; /* from NULL: the gateway's own message */
	const struct sp_number_entry *entry;   /* or NULL */
	const char *number;                    /* E.164 whose that is; NULL, "": nobody's */
	const char *service;                   /* name of the call's service trunk, or NULL */
	const char *shown; /* E.164 that a carrier sees calling; NULL, "": who calls */
	bool screened;     /* beyond the INVITE, `to` hears no P-Asserted-Identity */
	const struct sp_number_table *numbers; /* nobody writes its custom headers; or NULL */
	const struct sp_sip_msg *msg;          /* that came in, or NULL */
	const struct sp_sip_msg *invite;       /* the INVITE that made the call, or NULL */
	enum sp_sip_method method;             /* of a response, the CSeq's */
	uint16_t status;                       /* that goes out; 0: a request */
	bool initial;                          /* the INVITE that makes the callee leg */
	bool emergency;
	bool anonymous;              /* the caller, whom `to` is not, has asked for privacy */
	const char *advertise;       /* our host name towards `to`, IPv6 in brackets */
	const char *caller, *called; /* E.164 or "" */
	bool own_number;             /* by the table `caller` is the sender's own */
};

/**
 * Write what passes, and what the rules of both trunks make of it. On error
 * nothing is written.
 * @return 0, ENOMEM, EMSGSIZE (more headers or bytes than the limits above)
 */
int headers_put(struct mbuf *mb, const struct headers_ctx *ctx);

/** What the INVITE that makes a leg has of the route that leads to it. */
void headers_route(struct headers_ctx *ctx, const struct route *route);

/** E.164 that ctx->to is to see calling instead of who does, or NULL. */
const char *headers_shown(const struct headers_ctx *ctx);

/**
 * From towards the callee, without tag: our own, an anonymous one, or, when a
 * signed identity passes, as it came.
 * @param caller user part as the trunk wants it; NULL: made from what came, by
 *               the numbering of both trunks
 */
int headers_from(char **fromp, const struct headers_ctx *ctx, const char *caller);

/** To, likewise. host is the trunk's domain or the target, IPv6 in brackets. */
int headers_to(char **top, const struct headers_ctx *ctx, const char *user, const char *host);

/** What a new leg's dialog begins with: From, To and Request-URI. */
struct headers_uris {
	char *local, *remote, *target;
};

/**
 * All three. user: of the callee, a number (written as the trunk wants it) or
 * any other; caller: as of headers_from(); host and port: of the target, whose
 * host ctx->to->domain replaces. Release with headers_uris_reset().
 */
int headers_uris(struct headers_uris *uris, const struct headers_ctx *ctx, const char *user,
		 const char *caller, const char *host, uint16_t port);
void headers_uris_reset(struct headers_uris *uris);

/* Allow and Supported towards a trunk, as far as its settings use what they name. */
int policy_put_allow(struct mbuf *mb, const struct sp_conf_trunk *conf);
/* reliable: this request, too, may be answered by reliable provisionals. */
int policy_put_supported(struct mbuf *mb, const struct sp_conf_trunk *conf, bool reliable);
/* Our Contact on an interface; and with it and these two, what most messages say of us. */
int policy_contact(char **textp, const struct sp_conf_interface *ifc);
int policy_put_ourselves(struct mbuf *mb, const struct sp_conf_trunk *conf, const char *contact,
			 bool reliable);

/* ---- policy.c ---- */

/* The host in URIs that lead into a trunk's network. */
int policy_domain(char **textp, const struct sp_conf_trunk *conf);

/** "Q.850;cause=16" of one Reason value, without its text. @return false: nothing that passes */
bool policy_reason_value(char *buf, size_t size, const struct pl *value);

/* ---- headers_bag.c ---- */

enum bag_kind {
	BAG_LISTED, /* passes when `pass` names it                                */
	BAG_JUDGED, /* passes when the policy says so; rules may write it         */
	BAG_OWNED   /* of one leg, or signed: rules can only read it              */
};

struct bag_hdr {
	struct pl name, value; /* into the message, the configuration or headers->text */
	enum bag_kind kind;
};

struct bag {
	struct bag_hdr *v;
	size_t n, max;
};

/* A message at work. */
struct headers {
	const struct headers_ctx *ctx;
	struct bag in, out;
	struct bag_hdr inv[HEADERS_IN_MAX], outv[HEADERS_OUT_MAX];
	size_t used;
	char text[HEADERS_BYTES_MAX]; /* values that were made, not copied */
};

enum bag_kind bag_kind(const struct pl *name);
/* The headers of msg (NULL: none), compact names written out. @return 0, ENOMEM */
int headers_alloc(struct headers **hp, const struct headers_ctx *ctx, const struct sp_sip_msg *msg);
/* The next header of this name, any case, after `after`; or NULL. */
const struct bag_hdr *bag_next(const struct bag *bag, const char *name,
			       const struct bag_hdr *after);
/* @return 0 or EMSGSIZE. name must outlive the message at work. */
int bag_add(struct bag *bag, const char *name, const struct pl *value);
/* The custom header's value: of the entry, or made in buf. "": the number has none. */
struct pl headers_custom(char buf[SP_NUMBER_VALUE_SIZE], const struct headers_ctx *ctx,
			 const struct sp_number_header *custom);
int bag_addf(struct headers *h, struct bag *bag, const char *name, const char *fmt, ...);
void bag_remove(struct bag *bag, const char *name);

/* ---- rules.c ---- */

/* Apply rules in order; bag is h->in or h->out. status 0: a request. @return 0, EMSGSIZE */
int rules_apply(struct headers *h, struct bag *bag, const struct sp_conf_rule *rulev, size_t rulec,
		uint16_t status);
/* "*" stands for any text; case matters. Linear in the length of text. */
bool rules_match(const char *pattern, const struct pl *text);

/* ---- identity.c ---- */

enum privacy {
	PRIVACY_ID = 0x01,
	PRIVACY_USER = 0x02,
	PRIVACY_HEADER = 0x04,
	PRIVACY_SESSION = 0x08,
	PRIVACY_CRITICAL = 0x10,
	PRIVACY_NONE = 0x20,
	PRIVACY_HISTORY = 0x40,
	PRIVACY_CALLER = PRIVACY_ID | PRIVACY_USER | PRIVACY_HEADER /* hides who calls */
};

/* What the message asks for, as bits of enum privacy. */
unsigned identity_privacy(const struct headers *h);
/* Does its Privacy, as it came, ask that nobody learns who sent it: id, user, header? */
bool identity_private(const struct sp_sip_msg *msg);
/* Is it that, or anonymous (RFC 3323)? A new call in the sender's name will say so. */
bool identity_withheld(const struct sp_sip_msg *msg);
/* For rules: must `to` not learn who calls, or, of a response, who answers? */
bool identity_hidden(const struct headers *h);
/* Do headers of this name say who somebody is? */
bool identity_names(const char *name);
/* P-Asserted-Identity, Privacy, Identity and Date, as far as they pass. */
int identity_put(struct headers *h);
/*
 * The user part of a URI of ctx->from for one of ours towards ctx->to: numbers as
 * either writes them, else as it came, without parameters. May point into buf.
 */
struct pl identity_user(char buf[NUMBERING_SIZE], const struct headers_ctx *ctx,
			const struct sp_sip_uri *uri);
/* ";user=phone" where the trunk wants it on this user part. */
const char *identity_phone(const struct sp_conf_trunk *to, const struct pl *user);

/* ---- diverted.c ---- */

/* Diversion or History-Info, as the trunk wants it. */
int diverted_put(struct headers *h);

#endif
