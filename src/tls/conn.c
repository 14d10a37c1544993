/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/conn: the life of a connection.
 *
 * connecting -> handshake -> up -> closed; an accepted one begins with the
 * handshake. Work is done in turn(), from the loop. The turn holds a reference
 * of its own, because any handler may let go of the connection; after each
 * handler it looks whether one did.
 *
 * The process has to ignore SIGPIPE: OpenSSL writes with write(2).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

#include "tls_priv.h"

static void on_socket(int flags, void *arg);

/* Let go of socket and timer; OpenSSL's part lasts until the object goes. */
static void drop(struct sp_tls_conn *c)
{
	c->state = SP_TLS_CLOSED;
	sp_timer_cancel(&c->timer);
	sp_loop_close(c->loop, c->fd);
	c->fd = -1;
}

void sp_tls_close(struct sp_tls_conn *c)
{
	if (!c || c->state == SP_TLS_CLOSED || !c->loop)
		return;

	if (c->state == SP_TLS_UP) {
		ERR_clear_error();
		if (sp_tls_stream_flush(c) && c->queue.pos == c->queue.end)
			(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	drop(c);
}

static void conn_destructor(void *arg)
{
	struct sp_tls_conn *c = arg;

	sp_tls_close(c);
	SSL_free(c->ssl);
	mem_deref(c->queue.p);
	mem_deref(c->name);
	mem_deref(c->peer);
	mem_deref(c->ctx);
}

void sp_tls_conn_fail(struct sp_tls_conn *c)
{
	sp_tls_down_h *h = c->h.down;

	drop(c);
	mem_ref(c);
	if (h)
		h(c, c->err, c->why, c->arg);
	mem_deref(c);
}

int sp_tls_conn_watch(struct sp_tls_conn *c)
{
	const int flags = FD_READ | (c->want_write ? FD_WRITE : 0);
	int err = 0;

	if (flags != c->flags)
		err = sp_loop_listen(c->loop, c->fd, flags, on_socket, c);
	if (!err)
		c->flags = flags;
	return err;
}

static bool connected(struct sp_tls_conn *c)
{
	socklen_t n = sizeof(c->err);

	c->err = 0;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->err, &n) < 0)
		c->err = errno;
	if (c->err) {
		(void)re_snprintf(c->why, sizeof(c->why), "connect: %m", c->err);
		return false;
	}

	(void)getsockname(c->fd, &c->laddr.u.sa, &c->laddr.len);
	c->state = SP_TLS_HANDSHAKE;
	return true;
}

/* @return false when the connection is lost */
static bool handshake(struct sp_tls_conn *c)
{
	int ret;

	ERR_clear_error();
	errno = 0;
	ret = SSL_do_handshake(c->ssl);
	if (ret != 1)
		return sp_tls_stream_again(c, ret);

	if (!c->peer) { /* cannot be: no handshake completes without the judgement */
		c->err = EACCES;
		(void)re_snprintf(c->why, sizeof(c->why), "peer's certificate was not judged");
		return false;
	}

	sp_timer_cancel(&c->timer);
	c->state = SP_TLS_UP;
	c->known = true;
	(void)re_snprintf(c->cipher, sizeof(c->cipher), "%s %s", SSL_get_version(c->ssl),
			  SSL_get_cipher_name(c->ssl));
	if (c->h.up)
		c->h.up(c, c->arg);
	return true;
}

static bool progress(struct sp_tls_conn *c)
{
	if (c->state == SP_TLS_CONNECTING && !connected(c))
		return false;

	if (c->state == SP_TLS_HANDSHAKE && !handshake(c))
		return false;

	if (sp_tls_stream_gone(c) || c->state != SP_TLS_UP)
		return true;

	return sp_tls_stream_flush(c) && sp_tls_stream_read(c);
}

/* One turn of work, started by the socket or by the timer. */
static void turn(struct sp_tls_conn *c)
{
	bool ok;

	if (c->state == SP_TLS_FAILING || c->state == SP_TLS_CLOSED)
		return;

	mem_ref(c);
	c->want_write = false;
	ok = progress(c);

	if (!sp_tls_stream_gone(c) && c->state != SP_TLS_FAILING) {
		if (ok && sp_tls_conn_watch(c)) {
			c->err = ENOMEM;
			(void)re_snprintf(c->why, sizeof(c->why), "cannot watch the socket");
			ok = false;
		}
		if (!ok)
			sp_tls_conn_fail(c);
	}

	ERR_clear_error();
	mem_deref(c);
}

static void on_socket(int flags, void *arg)
{
	(void)flags;
	turn(arg);
}

static void on_more(void *arg)
{
	turn(arg);
}

void sp_tls_conn_more(struct sp_tls_conn *c)
{
	sp_timer_start(c->loop, &c->timer, 0, on_more, c);
}

static void on_deadline(void *arg)
{
	struct sp_tls_conn *c = arg;

	c->err = ETIMEDOUT;
	(void)re_snprintf(c->why, sizeof(c->why), "%s not complete after %u ms",
			  c->state == SP_TLS_CONNECTING ? "TCP connect" : "handshake",
			  SP_TLS_HANDSHAKE_MS);
	sp_tls_conn_fail(c);
}

static int prepare_tls(struct sp_tls_conn *c)
{
	c->ssl = SSL_new(c->ctx->ssl);
	if (!c->ssl || SSL_set_app_data(c->ssl, c) != 1)
		return ENOMEM;

	if (c->client)
		SSL_set_connect_state(c->ssl);
	else
		SSL_set_accept_state(c->ssl);

	if (c->name && SSL_set_tlsext_host_name(c->ssl, c->name) != 1)
		return ENOMEM;
	return SSL_set_fd(c->ssl, c->fd) == 1 ? 0 : ENOMEM;
}

static void tune_socket(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, SP_TLS_UNACKED_MS},
		{IPPROTO_TCP, TCP_KEEPIDLE, SP_TLS_KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, SP_TLS_KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, SP_TLS_KEEPALIVE_PROBES},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); ++i)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

/* On success the connection owns fd; on error the caller still does. */
static int conn_alloc(struct sp_tls_conn **cp, struct sp_loop *loop, struct sp_tls_context *ctx,
		      int fd, const struct sa *raddr, const char *name, bool client)
{
	struct sp_tls_conn *c;
	int err = 0;

	c = mem_zalloc(sizeof(*c), conn_destructor);
	if (!c)
		return ENOMEM;

	c->fd = fd;
	c->ctx = mem_ref(ctx);
	c->client = client;
	c->raddr = *raddr;
	c->laddr.len = sizeof(c->laddr.u);
	c->state = client ? SP_TLS_CONNECTING : SP_TLS_HANDSHAKE;

	if (name)
		err = str_dup(&c->name, name);
	if (!err)
		err = prepare_tls(c);
	if (!err)
		err = sp_loop_listen(loop, fd, client ? FD_WRITE : FD_READ, on_socket, c);
	if (err) {
		mem_deref(c); /* without a loop yet: leaves the descriptor alone */
		return err;
	}

	c->loop = loop;
	c->flags = client ? FD_WRITE : FD_READ;
	tune_socket(fd);
	sp_timer_start(loop, &c->timer, SP_TLS_HANDSHAKE_MS, on_deadline, c);
	*cp = c;
	return 0;
}

int sp_tls_conn_accept(struct sp_tls_conn **cp, struct sp_loop *loop, struct sp_tls_context *ctx,
		       int fd, const struct sa *raddr, const struct sp_tls_handlers *h, void *arg)
{
	struct sp_tls_conn *c;
	const int err = conn_alloc(&c, loop, ctx, fd, raddr, NULL, false);

	if (err)
		return err;

	(void)getsockname(fd, &c->laddr.u.sa, &c->laddr.len);
	sp_tls_handle(c, h, arg);
	*cp = c;
	return 0;
}

/* An address is no name: nothing for SNI (RFC 6066 section 3), nothing a SIP
 * certificate would show. A trailing dot belongs to DNS only. */
static int usable_name(char **np, const char *name)
{
	const size_t n = str_len(name);
	struct pl pl = {.p = name, .l = n};
	struct sa sa;

	*np = NULL;
	if (!n || !sa_set(&sa, &pl, 0))
		return 0;

	if (name[n - 1] == '.')
		--pl.l;
	return sp_tls_name_ok(pl.p, pl.l, false) ? pl_strdup(np, &pl) : EINVAL;
}

int sp_tls_connect(struct sp_tls_conn **cp, struct sp_loop *loop, struct sp_tls_context *ctx,
		   const struct sa *dst, const char *name, const struct sp_tls_handlers *h,
		   void *arg)
{
	struct sp_tls_conn *c;
	char *sni = NULL;
	int fd = -1, err;

	if (!cp || !loop || !ctx || !dst || !h || ctx->peerc != 1)
		return EINVAL;

	err = usable_name(&sni, name);
	if (err)
		goto out;

	fd = socket(dst->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, &dst->u.sa, dst->len) < 0 && errno != EINPROGRESS)) {
		err = errno;
		goto out;
	}

	err = conn_alloc(&c, loop, ctx, fd, dst, sni, true);
	if (err)
		goto out;

	sp_tls_handle(c, h, arg);
	*cp = c;

out:
	if (err && fd >= 0)
		(void)close(fd);
	mem_deref(sni);
	return err;
}

void sp_tls_handle(struct sp_tls_conn *c, const struct sp_tls_handlers *h, void *arg)
{
	if (!c)
		return;

	if (h)
		c->h = *h;
	else
		memset(&c->h, 0, sizeof(c->h));
	c->arg = arg;
}

struct sp_tls_peer *sp_tls_conn_peer(const struct sp_tls_conn *c)
{
	return c && c->known ? c->peer : NULL;
}

const struct sa *sp_tls_conn_raddr(const struct sp_tls_conn *c)
{
	return c ? &c->raddr : NULL;
}

const struct sa *sp_tls_conn_laddr(const struct sp_tls_conn *c)
{
	return c ? &c->laddr : NULL;
}

const char *sp_tls_conn_cipher(const struct sp_tls_conn *c)
{
	return c ? c->cipher : NULL;
}
