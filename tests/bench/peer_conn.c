/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TLS connections of the load generator: see peer_conn.h. Certificates are
 * shown and asked for on both sides. What goes wrong here ends the program,
 * since figures of a run that lost a connection would mean nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "peer_conn.h"

void peer_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("peer_load: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

SSL_CTX *peer_tls(bool server, const char *cert, const char *key, const char *ca)
{
	SSL_CTX *tls = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	if (!tls || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(tls, ca, NULL) != 1)
		peer_die("%s, %s or %s cannot be used", cert, key, ca);

	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(tls, 0);
	/* several records with one system call */
	SSL_CTX_set_read_ahead(tls, 1);
	SSL_CTX_set_default_read_buffer_len(tls, 64 * 1024);

	return tls;
}

static void address(struct sockaddr_in *sin, const char *ip, uint16_t port)
{
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	if (inet_pton(AF_INET, ip, &sin->sin_addr) != 1)
		peer_die("%s is no IPv4 address", ip);
}

static int bound(const char *ip, uint16_t port)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	address(&sin, ip, port);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		peer_die("%s port %u: %s", ip, port, strerror(errno));

	return fd;
}

int peer_listen(const char *ip, uint16_t port)
{
	int fd = bound(ip, port);

	if (listen(fd, 64))
		peer_die("listen: %s", strerror(errno));

	return fd;
}

static struct peer_conn *conn_new(SSL_CTX *tls, int fd)
{
	struct peer_conn *conn = calloc(1, sizeof(*conn));
	int on = 1;

	if (!conn)
		peer_die("no memory");

	conn->fd = fd;
	conn->ssl = SSL_new(tls);
	if (!conn->ssl || SSL_set_fd(conn->ssl, fd) != 1)
		peer_die("no memory for TLS");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	return conn;
}

static void nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		peer_die("fcntl: %s", strerror(errno));
}

/** Waits for the handshake */
struct peer_conn *peer_connect(SSL_CTX *tls, const char *from, const char *ip, uint16_t port)
{
	const struct timeval wait = {.tv_sec = 5};
	struct peer_conn *conn = conn_new(tls, bound(from, 0));
	struct sockaddr_in sin;

	address(&sin, ip, port);
	(void)setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(conn->fd, (struct sockaddr *)&sin, sizeof(sin)))
		peer_die("connect to %s: %s", ip, strerror(errno));
	if (SSL_connect(conn->ssl) != 1)
		peer_die("no TLS with %s", ip);
	nonblocking(conn->fd);

	return conn;
}

/** The handshake goes on with the first reads */
struct peer_conn *peer_accept(SSL_CTX *tls, int listener)
{
	struct peer_conn *conn;
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		peer_die("accept: %s", strerror(errno));

	conn = conn_new(tls, fd);
	nonblocking(fd);
	SSL_set_accept_state(conn->ssl);

	return conn;
}

void peer_close(struct peer_conn *conn)
{
	SSL_free(conn->ssl);
	(void)close(conn->fd);
	free(conn);
}

static size_t content_length(const char *head, size_t len)
{
	static const char name[] = "\r\nContent-Length:";
	const char *p = head, *end = head + len;

	/* compared without regard to case, as one of the systems under test may write it so */
	while ((p = memchr(p, '\r', (size_t)(end - p)))) {
		if ((size_t)(end - p) > sizeof(name) && !strncasecmp(p, name, sizeof(name) - 1))
			return strtoul(p + sizeof(name) - 1, NULL, 10);
		++p;
	}

	return 0;
}

/** Hand out the whole messages of the buffer. @return bytes used */
static size_t frame(struct peer_conn *conn, peer_message_h *handler)
{
	size_t at = 0;

	while (at < conn->in_len) {
		const char *head = conn->in + at;
		const char *end;
		size_t head_len, body_len;

		if (*head == '\r' || *head == '\n') {
			++at;
			continue;
		}
		end = memmem(head, conn->in_len - at, "\r\n\r\n", 4);
		if (!end)
			break;
		head_len = (size_t)(end - head) + 4;
		body_len = content_length(head, head_len);
		if (conn->in_len - at < head_len + body_len)
			break;
		handler(conn, head, head_len, head + head_len, body_len);
		at += head_len + body_len;
	}

	return at;
}

/** @return 0, or ECONNRESET when the connection is over */
int peer_read(struct peer_conn *conn, peer_message_h *handler)
{
	for (;;) {
		size_t room = PEER_IN_MAX - conn->in_len, used;
		int n;

		if (!room)
			peer_die("a message of over %d bytes", PEER_IN_MAX);

		n = SSL_read(conn->ssl, conn->in + conn->in_len, (int)room);
		if (n <= 0) {
			int reason = SSL_get_error(conn->ssl, n);

			return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE
				       ? 0
				       : ECONNRESET;
		}
		conn->in_len += (size_t)n;
		used = frame(conn, handler);
		conn->in_len -= used;
		memmove(conn->in, conn->in + used, conn->in_len);
	}
}

/** Send what there is; what does not go stays. @return 0, or ECONNRESET */
int peer_flush(struct peer_conn *conn)
{
	size_t at = 0;
	int err = 0;

	while (at < conn->out_len) {
		int n = SSL_write(conn->ssl, conn->out + at, (int)(conn->out_len - at));

		if (n <= 0) {
			int reason = SSL_get_error(conn->ssl, n);

			if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
				err = ECONNRESET;
			break;
		}
		at += (size_t)n;
	}
	conn->out_len -= at;
	if (at)
		memmove(conn->out, conn->out + at, conn->out_len);

	return err;
}

/** Append to what is to be sent */
void peer_put(struct peer_conn *conn, const char *fmt, ...)
{
	size_t room = PEER_OUT_MAX - conn->out_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(conn->out + conn->out_len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		peer_die("%d bytes wait to be sent: the other side does not read", PEER_OUT_MAX);
	conn->out_len += (size_t)n;
}
