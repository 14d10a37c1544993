/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/stream: the bytes of a connection, in and out.
 *
 * Outgoing bytes that the socket does not take wait in c->queue, which is
 * bounded before encryption: a record once encrypted has to be sent. What is
 * sent back while a turn reads waits there, too, and goes out at the end of it
 * as one: a record and a system call for each of many small answers would cost
 * more than making them. Reading is bounded per turn, so that one busy peer
 * cannot starve the others.
 */
#include <errno.h>
#include <string.h>
#include <openssl/err.h>

#include "tls_priv.h"

enum { RECORD_MAX = 16384 }; /* plaintext of a TLS record (RFC 8446 section 5.1) */

bool sp_tls_stream_gone(const struct sp_tls_conn *c)
{
	/* one reference is the turn's own: the owner has let go in a handler */
	return c->state == SP_TLS_CLOSED || mem_nrefs(c) == 1;
}

/* The first error in OpenSSL's queue is the cause, later ones are its consequences. */
static void explain_tls(struct sp_tls_conn *c)
{
	const unsigned long e = ERR_peek_error();
	const int reason = ERR_GET_REASON(e);

	if (c->refused) {
		c->err = EACCES; /* the judgement has left its own text */
		return;
	}

	c->err = EPROTO;
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		c->err = ECONNRESET;
		(void)re_snprintf(c->why, sizeof(c->why), "%s",
				  c->known ? "peer closed without close_notify"
					   : "peer closed during the handshake");
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
		   reason < SSL_AD_REASON_OFFSET + 256) {
		(void)re_snprintf(c->why, sizeof(c->why), "peer sent the alert \"%s\"",
				  SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
		   (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)) {
		(void)re_snprintf(c->why, sizeof(c->why),
				  "peer does not speak TLS here: what came is something else");
	} else {
		const char *text = e ? ERR_reason_error_string(e) : NULL;

		(void)re_snprintf(c->why, sizeof(c->why), "%s", text ? text : "TLS failed");
	}
}

bool sp_tls_stream_again(struct sp_tls_conn *c, int ret)
{
	const int saved = errno;

	switch (SSL_get_error(c->ssl, ret)) {

	case SSL_ERROR_WANT_WRITE:
		c->want_write = true;
		return true;

	case SSL_ERROR_WANT_READ:
		return true;

	case SSL_ERROR_ZERO_RETURN:
		c->err = 0;
		(void)re_snprintf(c->why, sizeof(c->why), "peer closed the connection");
		(void)SSL_shutdown(c->ssl); /* answer its close_notify */
		return false;

	case SSL_ERROR_SYSCALL:
		c->err = saved ? saved : ECONNRESET;
		(void)re_snprintf(c->why, sizeof(c->why), "%m", c->err);
		return false;

	default:
		explain_tls(c);
		return false;
	}
}

static bool read_some(struct sp_tls_conn *c)
{
	uint8_t buf[RECORD_MAX];
	size_t total = 0;

	for (unsigned i = 0; i < SP_TLS_READS_MAX && total < SP_TLS_READ_BUDGET; ++i) {
		int n;

		ERR_clear_error();
		errno = 0;
		n = SSL_read(c->ssl, buf, sizeof(buf));
		if (n <= 0)
			return sp_tls_stream_again(c, n);

		total += (size_t)n;
		if (c->h.data)
			c->h.data(c, buf, (size_t)n, c->arg);
		explicit_bzero(buf, (size_t)n); /* there may be keys in it */
		if (sp_tls_stream_gone(c) || c->state != SP_TLS_UP)
			return true;
	}

	/* what is still in the socket wakes the loop; what is in OpenSSL does not */
	if (SSL_has_pending(c->ssl))
		sp_tls_conn_more(c);
	return true;
}

/* What was sent meanwhile goes out also to a peer that has closed: why it is lost stays. */
static bool uncork(struct sp_tls_conn *c, bool ok)
{
	char why[SP_TLS_WHY_SIZE];
	const int err = c->err;

	c->corked = false;
	if (sp_tls_stream_gone(c) || c->state != SP_TLS_UP)
		return ok;
	if (ok)
		return sp_tls_stream_flush(c);

	memcpy(why, c->why, sizeof(why));
	(void)sp_tls_stream_flush(c);
	memcpy(c->why, why, sizeof(why));
	c->err = err;

	return false;
}

bool sp_tls_stream_read(struct sp_tls_conn *c)
{
	c->corked = true;

	return uncork(c, read_some(c));
}

/* @return bytes taken, 0 when the socket is full, -1 when the connection is lost */
static ssize_t write_some(struct sp_tls_conn *c, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = 0;
		int ret;

		ERR_clear_error();
		errno = 0;
		ret = SSL_write_ex(c->ssl, p + done, n - done, &part);
		if (ret <= 0)
			return sp_tls_stream_again(c, ret) ? (ssize_t)done : -1;
		done += part;
	}

	return (ssize_t)done;
}

static void queue_reset(struct sp_tls_conn *c)
{
	mem_deref(c->queue.p);
	memset(&c->queue, 0, sizeof(c->queue));
}

bool sp_tls_stream_flush(struct sp_tls_conn *c)
{
	ssize_t n;

	if (c->queue.pos == c->queue.end)
		return true;

	n = write_some(c, c->queue.p + c->queue.pos, c->queue.end - c->queue.pos);
	if (n < 0)
		return false;

	c->queue.pos += (size_t)n;
	if (c->queue.pos == c->queue.end)
		queue_reset(c);
	return true;
}

static int queue_append(struct sp_tls_conn *c, const uint8_t *p, size_t n)
{
	const size_t waiting = c->queue.end - c->queue.pos;

	if (waiting + n > c->queue.size - c->queue.pos && c->queue.pos) {
		memmove(c->queue.p, c->queue.p + c->queue.pos, waiting);
		c->queue.pos = 0;
		c->queue.end = waiting;
	}

	if (waiting + n > c->queue.size) {
		size_t size = c->queue.size ? c->queue.size : 4096;
		uint8_t *mem;

		while (size < waiting + n)
			size *= 2; /* n is bounded by SP_TLS_QUEUE_MAX */
		mem = mem_realloc(c->queue.p, size);
		if (!mem && !c->queue.p)
			mem = mem_alloc(size, NULL);
		if (!mem)
			return ENOMEM;
		c->queue.p = mem;
		c->queue.size = size;
	}

	memcpy(c->queue.p + c->queue.end, p, n);
	c->queue.end += n;
	return 0;
}

/* Lost while someone above is sending: the news comes from the loop, not from in here. */
static void on_failed(void *arg)
{
	struct sp_tls_conn *c = arg;

	sp_tls_conn_fail(c);
}

static int doom(struct sp_tls_conn *c, int ret)
{
	c->state = SP_TLS_FAILING;
	sp_loop_unlisten(c->loop, c->fd);
	c->flags = 0;
	sp_timer_start(c->loop, &c->timer, 0, on_failed, c);
	return ret;
}

int sp_tls_send(struct sp_tls_conn *c, const uint8_t *p, size_t n)
{
	const size_t waiting = c ? c->queue.end - c->queue.pos : 0;
	ssize_t done = 0;

	if (!c || !p)
		return EINVAL;
	if (c->state != SP_TLS_UP)
		return ENOTCONN;

	if (n > SP_TLS_QUEUE_MAX || waiting > SP_TLS_QUEUE_MAX - n) {
		c->err = ENOBUFS;
		(void)re_snprintf(c->why, sizeof(c->why), "peer does not read: %zu bytes wait",
				  waiting);
		return doom(c, ENOBUFS);
	}

	if (c->corked && waiting + n > RECORD_MAX && !sp_tls_stream_flush(c))
		return doom(c, ENOTCONN);
	if (c->queue.pos == c->queue.end && !(c->corked && n <= RECORD_MAX))
		done = write_some(c, p, n);
	if (done < 0)
		return doom(c, ENOTCONN);

	if ((size_t)done < n && queue_append(c, p + done, n - (size_t)done)) {
		c->err = ENOMEM;
		(void)re_snprintf(c->why, sizeof(c->why), "out of memory");
		return doom(c, ENOBUFS);
	}

	if (sp_tls_conn_watch(c)) {
		c->err = ENOMEM;
		(void)re_snprintf(c->why, sizeof(c->why), "cannot watch the socket");
		return doom(c, ENOTCONN);
	}
	return 0;
}
