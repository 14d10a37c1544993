/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/redirect: the contacts that redirects of one call have named.
 */
#ifndef SALLYPORT_CALL_REDIRECT_PRIV_H
#define SALLYPORT_CALL_REDIRECT_PRIV_H

#include "call_priv.h"

enum {
	REDIRECT_CONTACTS_MAX = 8, /* remembered of one call          */
	REDIRECT_URI_MAX = 512     /* octets of one that is followed  */
};

struct redirect_contact {
	char *id;   /* "user@host[:port][;params]"; of a number, only that */
	char *host; /* NULL: a number, which any target takes              */
	uint16_t port;
	bool phone; /* ";user=phone" */
	unsigned q; /* thousandths   */
};

struct redirect {
	struct redirect_contact *contactv[1 + REDIRECT_CONTACTS_MAX]; /* 0: the first Request-URI */
	size_t contactc, nextc; /* those from nextc on were not tried; best q first */
	size_t now;             /* that the INVITE goes to */
};

/* target: the Request-URI of the first INVITE. */
int redirect_init(struct redirect *rd, const char *target);
void redirect_reset(struct redirect *rd);
/* Remember those contacts of a 3xx that lead back to the callee's trunk and are new. */
void redirect_collect(struct redirect *rd, const struct sp_call *call,
		      const struct sp_sip_msg *rsp);
/* The Request-URI of the contact that is tried now, in the place of the call's own. */
int redirect_uri(const struct redirect *rd, const struct headers_ctx *ctx, const struct input *in,
		 struct headers_uris *uris);

static inline const struct redirect_contact *redirect_now(const struct redirect *rd)
{
	return rd->contactv[rd->now];
}

#endif
