/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/body: the parts of a message's body (RFC 2046 5.1, RFC 5621): a session
 * description beside a caller's location (RFC 6442), say. One part can be found
 * and its content replaced; every other octet stays as it was.
 *
 * Strict as the parser is: what two readers could cut into different parts is
 * not read at all. All multipart types are read, as of the same structure.
 */
#ifndef SALLYPORT_SIP_BODY_H
#define SALLYPORT_SIP_BODY_H

#include "sallyport/sip_message.h"

enum {
	SP_SIP_PART_DEPTH = 3,   /**< multiparts within each other          */
	SP_SIP_PARTS_MAX = 16,   /**< parts of a body, multiparts included  */
	SP_SIP_BOUNDARY_MAX = 70 /**< characters (RFC 2046 5.1.1)           */
};

/** One part of a body. All point into the message's text, and live as long as it. */
struct sp_sip_part {
	struct pl type;    /**< "application/sdp", without parameters              */
	struct pl headers; /**< lines; empty when the part is the body itself      */
	struct pl body;
	struct pl whole;  /**< from its delimiter line up to the next one; empty: the body itself */
	struct pl length; /**< digits of a Content-Length of its own; l == 0: none */
	struct pl boundaryv[SP_SIP_PART_DEPTH]; /**< of the multiparts around it, outermost first */
	size_t depth;                           /**< how many; 0: the part is the body itself */
	bool alone;     /**< the only part of its multipart                         */
	unsigned count; /**< parts of that type in the body; set with ENOENT, too   */
};

/**
 * The first part of that type: the body itself or one in it. A description with
 * a Content-Disposition other than session (early-session, RFC 3959) is counted
 * and passed over: session is what it is without one (RFC 3261 20.11).
 * A part without a Content-Type is of no type.
 * @return 0; ENOENT (no such part); EBADMSG (not readable: no or bad boundary, no
 *         closing delimiter, too many parts, nested too deep, bad headers);
 *         ENOTSUP (it is encoded, or of multipart/signed: nobody could change it)
 */
int sp_sip_part_find(struct sp_sip_part *part, const struct sp_sip_msg *m, const char *type);

/**
 * Write m's body with text, all of the buffer, as the part's content. A
 * Content-Length of the part's own is corrected.
 * With text NULL the part is left out; ENOENT when nothing would remain beside it.
 * @return 0; EBADMSG (text would end the part early, or there is no place for it);
 *         ENOENT, EINVAL (no part of m), ENOMEM; nothing is written on error
 */
int sp_sip_part_replace(struct mbuf *out, const struct sp_sip_msg *m,
			const struct sp_sip_part *part, const struct mbuf *text);

#endif
