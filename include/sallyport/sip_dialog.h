/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/dialog: RFC 3261 12. Call-ID, tags, sequence numbers, remote target and
 * route set of one dialog; writes them into requests, checks them in requests.
 */
#ifndef SALLYPORT_SIP_DIALOG_H
#define SALLYPORT_SIP_DIALOG_H

#include "sallyport/sip_message.h"

enum { SP_SIP_TAG_SIZE = 17, SP_SIP_ROUTES_MAX = 32 };

struct sp_sip_dialog;

/**
 * A dialog to be: we are about to send INVITE. Makes Call-ID and local tag.
 * @param local  our From as name-addr without tag: "\"Alice\" <sip:+44...@gw.example>"
 * @param remote the To, likewise
 * @param target request URI
 */
int sp_sip_dialog_uac(struct sp_sip_dialog **dp, const char *local, const char *remote,
		      const char *target);

/** A dialog to be: we received INVITE. Makes the local tag. @return 0, EBADMSG (no usable Contact),
 * ENOMEM */
int sp_sip_dialog_uas(struct sp_sip_dialog **dp, const struct sp_sip_msg *invite);

/**
 * We are the client: a 1xx with To tag or a 2xx came. Sets (or, from a further
 * fork, replaces) remote tag, route set and target.
 * @return 0, EBADMSG, ENOMEM
 */
int sp_sip_dialog_response(struct sp_sip_dialog *d, const struct sp_sip_msg *rsp);

/**
 * Another fork accepted our INVITE too (13.2.2.4): the dialog of its 2xx, beside d.
 * @return 0, EBADMSG, ENOMEM
 */
int sp_sip_dialog_fork(struct sp_sip_dialog **dp, const struct sp_sip_dialog *d,
		       const struct sp_sip_msg *rsp);

/** Target refresh (12.2): take a new Contact from a re-INVITE, UPDATE or their 2xx. */
int sp_sip_dialog_refresh(struct sp_sip_dialog *d, const struct sp_sip_msg *m);

/**
 * Is this request of this dialog, and in order?
 * @return 0; ENOENT (tags or Call-ID of another: 481); EILSEQ (CSeq not higher: 500)
 */
int sp_sip_dialog_check(struct sp_sip_dialog *d, const struct sp_sip_msg *req);

/**
 * Write Max-Forwards, From, To, Call-ID, CSeq and Route of the next request.
 * @param cseq 0: the next number (returned by sp_sip_dialog_cseq); for ACK the INVITE's
 * @param uri  set to the request URI, valid while the dialog is not refreshed
 */
int sp_sip_dialog_put(struct sp_sip_dialog *d, struct mbuf *headers, enum sp_sip_method method,
		      uint32_t cseq, uint32_t max_forwards, const char **uri);

/** The sequence number of our last request. */
uint32_t sp_sip_dialog_cseq(const struct sp_sip_dialog *d);
const char *sp_sip_dialog_call_id(const struct sp_sip_dialog *d);
const char *sp_sip_dialog_local_tag(const struct sp_sip_dialog *d);
/** "" until a response with To tag came. */
const char *sp_sip_dialog_remote_tag(const struct sp_sip_dialog *d);

#endif
