/* SPDX-License-Identifier: BSD-3-Clause
 *
 * media/, within the room: what its files and its tests share.
 */
#ifndef SALLYPORT_MEDIA_PRIV_H
#define SALLYPORT_MEDIA_PRIV_H

#include "sallyport/media.h"

struct srtp_cipher_type_t;
struct srtp_auth_type_t;

/** Our transforms, as libsrtp2 takes them: AES-128 counter mode and HMAC-SHA1. */
const struct srtp_cipher_type_t *media_aes_type(void);
const struct srtp_auth_type_t *media_sha1_type(void);

/** SSRCs that a session holds state for; never more than SP_RELAY_SSRC_MAX. */
size_t media_srtp_ssrcs(const struct sp_srtp *s);

/**
 * Take a free pair: fd[0] is bound to *port (RTP), fd[1] to *port + 1 (RTCP).
 * @return 0, ENOSPC, or what socket(2) or bind(2) said
 */
int media_ports_take(struct sp_ports *p, uint16_t *port, int fd[2]);

/** Address family of the sockets. */
int media_ports_af(const struct sp_ports *p);

/** Give a pair back; its sockets are the caller's to close. */
void media_ports_give(struct sp_ports *p, uint16_t port);

/** Read what waits on a socket, as the loop does when it is readable. */
void media_relay_readable(struct sp_relay *r, size_t stream, enum sp_side side, bool rtcp);

#endif
