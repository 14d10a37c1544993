/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TLS connections of the load generator (peer_load.c): bytes in, whole SIP
 * messages out, and a buffer of what is to be sent, written once per turn.
 */
#ifndef PEER_CONN_H
#define PEER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

enum {
	PEER_IN_MAX = 256 * 1024,
	PEER_OUT_MAX = 1024 * 1024,
	PEER_CONNS_MAX = 64,
};

struct peer_conn {
	int fd;
	SSL *ssl;
	size_t in_len;
	size_t out_len;
	char in[PEER_IN_MAX];
	char out[PEER_OUT_MAX];
};

/** A whole message: its header with the empty line, and its body behind it */
typedef void(peer_message_h)(struct peer_conn *conn, const char *head, size_t head_len,
			     const char *body, size_t body_len);

SSL_CTX *peer_tls(bool server, const char *cert, const char *key, const char *ca);
int peer_listen(const char *ip, uint16_t port);
struct peer_conn *peer_connect(SSL_CTX *tls, const char *from, const char *ip, uint16_t port);
struct peer_conn *peer_accept(SSL_CTX *tls, int listener);
void peer_close(struct peer_conn *conn);

int peer_read(struct peer_conn *conn, peer_message_h *handler);
int peer_flush(struct peer_conn *conn);
void peer_put(struct peer_conn *conn, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

_Noreturn void peer_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
