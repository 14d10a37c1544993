/* SPDX-License-Identifier: BSD-3-Clause
 *
 * As much of SIP as the load generator (peer_load.c) speaks.
 */
#ifndef PEER_SIP_H
#define PEER_SIP_H

#include <stdint.h>
#include "peer_conn.h"

enum { PEER_ROUTES_MAX = 8, PEER_TEXT_MAX = 512 };

/** A part of a message */
struct peer_text {
	const char *p;
	int len;
};

struct peer_sip {
	int status; /**< 0: a request */
	struct peer_text method;
	struct peer_text from, to, call_id, cseq, contact;
	struct peer_text via[PEER_ROUTES_MAX], route[PEER_ROUTES_MAX]; /**< route: Record-Route */
	unsigned vias, routes;
	struct peer_text body;
};

/** What a caller knows of its dialog */
struct peer_dialog {
	uint32_t number;
	char to[PEER_TEXT_MAX];
	char target[PEER_TEXT_MAX];
	char routes[2 * PEER_TEXT_MAX]; /**< Route header lines */
};

/** Who calls whom */
struct peer_names {
	const char *caller_ip, *gateway_ip, *callee_ip;
	const char *caller, *called;
};

void peer_sip_parse(struct peer_sip *msg, const char *head, size_t head_len, const char *body,
		    size_t body_len);
int peer_sip_is(const struct peer_text *text, const char *word);
void peer_sip_answer(struct peer_conn *conn, const struct peer_sip *req, const char *ip);
void peer_sip_dialog(struct peer_dialog *dialog, const struct peer_sip *resp);
void peer_sip_invite(struct peer_conn *conn, const struct peer_names *names,
		     const struct peer_dialog *dialog);
void peer_sip_refused(struct peer_conn *conn, const struct peer_names *names,
		      const struct peer_dialog *dialog, const struct peer_sip *resp);
void peer_sip_request(struct peer_conn *conn, const struct peer_names *names,
		      const struct peer_dialog *dialog, const char *method, unsigned cseq);

#endif
