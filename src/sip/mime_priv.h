/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the headers of a body, or of a part of one, say about it (RFC 2045,
 * RFC 2183). All pl point into the text that was read.
 */
#ifndef SALLYPORT_SIP_MIME_PRIV_H
#define SALLYPORT_SIP_MIME_PRIV_H

#include "sallyport/sip_message.h"

struct sip_mime {
	struct pl type; /**< "application/sdp"; p is NULL when there is none */
	struct pl boundary;
	unsigned boundaries; /**< how often the parameter is there          */
	struct pl disposition;
	struct pl length; /**< digits of Content-Length                  */
	uint32_t octets;  /**< their value                               */
	bool encoded;     /**< not as it is: base64, gzip and so on      */
};

/**
 * Take in one header.
 * @param value without folds and white space around it
 * @param at    where the value stands in the text, folds and all: as long as value
 * @return 0, or EBADMSG when two readers could take it differently
 */
int sip_mime_header(struct sip_mime *mime, const struct pl *name, const struct pl *value,
		    const char *at);

/**
 * Read the header lines that text begins with, to the empty line after them.
 * @param lf      lines end with LF alone; else with CRLF
 * @param headers the lines; body: what follows the empty line (p at the end of
 *                text when there is no such line)
 * @return 0 or EBADMSG
 */
int sip_mime_headers(struct sip_mime *mime, struct pl *headers, struct pl *body,
		     const struct pl *text, bool lf);

bool sip_mime_multipart(const struct sip_mime *mime);

/** Is there one boundary, by the grammar (RFC 2046 5.1.1)? */
bool sip_mime_boundary_ok(const struct sip_mime *mime);

#endif
