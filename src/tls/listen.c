/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/listen: accepting connections.
 *
 * A handshake costs about half a millisecond of processor time, so the number
 * in progress is capped: when it is reached the listener stops accepting, and
 * further clients wait in the kernel's backlog, until one is through or has had
 * a time that does for any that means it. One address may hold a part of
 * them only: somebody without any certificate could otherwise keep all others
 * out by connecting and saying nothing. Whoever comes too often, or from where
 * no trunk may come, costs an accept and a close. A client whose handshake
 * fails never reaches anyone above; it is logged and counted here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sallyport/base_log.h"
#include "sallyport/tls_listen.h"
#include "tls_priv.h"

struct sp_tls_listener {
	struct sp_loop *loop;
	struct sp_tls_context *ctx;
	struct sa laddr;
	int fd;
	bool listening; /* the loop watches fd */
	struct sp_tls_listen_conf conf;
	struct sp_tls_sources *sources;
	struct sp_tls_listener_status status; /* pending: how many are in the list */
	struct list pending;
	struct sp_timer pause;   /* out of descriptors or memory */
	struct sp_timer crowded; /* until a slow one may be sent away for one who waits */
	struct sp_quiet refused_log;
	struct sp_limit pause_log;
	sp_tls_accept_h *h;
	void *arg;
};

/* A handshake in progress. */
struct pending {
	struct le le;
	struct sp_tls_listener *l;
	struct sp_tls_conn *c;
	uint64_t since_ms;
};

static void on_client(int flags, void *arg);

static void pending_destructor(void *arg)
{
	struct pending *p = arg;

	if (p->le.list)
		--p->l->status.pending;
	list_unlink(&p->le);
	mem_deref(p->c);
}

static void listener_destructor(void *arg)
{
	struct sp_tls_listener *l = arg;

	sp_timer_cancel(&l->pause);
	sp_timer_cancel(&l->crowded);
	list_flush(&l->pending);
	if (l->fd >= 0)
		sp_loop_close(l->loop, l->fd);
	mem_deref(l->sources);
	mem_deref(l->ctx);
}

static void pause_accepting(struct sp_tls_listener *l)
{
	if (l->listening)
		sp_loop_unlisten(l->loop, l->fd);
	l->listening = false;
}

static bool is_full(const struct sp_tls_listener *l)
{
	return l->status.pending >= l->conf.handshakes;
}

/* @return ms until there is a slot for one who waits, or somebody who has to make room; 0: now */
static uint64_t slot_in_ms(const struct sp_tls_listener *l)
{
	const struct pending *oldest = list_ledata(list_head(&l->pending));
	const uint64_t now_ms = sp_loop_now_ms(l->loop);

	if (!is_full(l) || !oldest || now_ms - oldest->since_ms >= SP_TLS_CROWDED_MS)
		return 0;

	return oldest->since_ms + SP_TLS_CROWDED_MS - now_ms;
}

static void on_resume(void *arg)
{
	struct sp_tls_listener *l = arg;
	const uint64_t wait_ms = slot_in_ms(l);

	if (l->listening)
		return;

	if (wait_ms) {
		sp_timer_start(l->loop, &l->crowded, wait_ms, on_resume, l);
		return;
	}

	if (sp_loop_listen(l->loop, l->fd, FD_READ, on_client, l))
		sp_timer_start(l->loop, &l->pause, SP_TLS_ACCEPT_PAUSE_MS, on_resume, l);
	else
		l->listening = true;
	sp_timer_cancel(&l->crowded);
}

/* A slot is free again; while a pause runs, its timer resumes. */
static void resume(struct sp_tls_listener *l)
{
	if (!sp_timer_isrunning(&l->pause))
		on_resume(l);
}

/* counter: one of l->status, by cause */
static void log_refused(struct sp_tls_listener *l, uint64_t *counter, const struct sa *src,
			const char *why)
{
	const uint64_t n = sp_quiet_count(&l->refused_log, sp_loop_now_ms(l->loop));

	++*counter;
	if (n)
		sp_log(SP_LOG_WARN, "tls_refused", "src=%J why=%H unlogged=%llu", src, sp_log_str,
		       why, (unsigned long long)(n - 1));
}

static void on_up(struct sp_tls_conn *c, void *arg)
{
	struct pending *p = arg;
	struct sp_tls_listener *l = p->l;
	sp_tls_accept_h *h = l->h;
	void *h_arg = l->arg;

	++l->status.accepted;
	p->c = NULL; /* its reference goes to the handler */
	mem_deref(p);
	sp_tls_handle(c, NULL, NULL);
	resume(l);

	/* last: the handler may close the listener too */
	h(c, h_arg);
}

static void on_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct pending *p = arg;
	struct sp_tls_listener *l = p->l;
	(void)err;

	log_refused(l, &l->status.failed, sp_tls_conn_raddr(c), why);
	mem_deref(p);
	resume(l);
}

static const struct sp_tls_handlers pending_handlers = {.up = on_up, .down = on_down};

/* The address has its share of handshakes: its oldest one, most likely a silent
 * one, makes room for this. */
static void make_room(struct sp_tls_listener *l, const struct sa *src)
{
	const unsigned all = l->conf.handshakes;
	const unsigned few = min(max(all, 2u) - 1, (unsigned)SP_TLS_SOURCE_SHARE);
	const unsigned share = max(all / SP_TLS_SOURCE_SHARE, few);
	struct pending *oldest = NULL;
	unsigned n = 0;
	struct le *le;

	LIST_FOREACH(&l->pending, le)
	{
		struct pending *p = le->data;

		if (!sp_tls_source_same(sp_tls_conn_raddr(p->c), src))
			continue;
		if (!oldest)
			oldest = p;
		++n;
	}

	if (n < share)
		return;

	log_refused(l, &l->status.refused_share, src,
		    "too many handshakes in progress from this address");
	mem_deref(oldest);
}

/* Nothing was said and nothing will be: a reset leaves no socket in TIME_WAIT,
 * of which a flood would make thousands. */
static void turn_away(int fd)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(fd);
}

/* Before anything of TLS is done for this client. The rate comes first: it costs
 * one hash, however many trunks there are. */
static bool is_welcome(struct sp_tls_listener *l, const struct sa *src)
{
	if (!sp_tls_sources_take(l->sources, src, sp_loop_now_ms(l->loop))) {
		log_refused(l, &l->status.refused_rate, src,
			    "too many connections from this address");
		return false;
	}

	if (!sp_tls_context_takes(l->ctx, src)) {
		log_refused(l, &l->status.refused_network, src,
			    "no trunk of this interface may connect from this address");
		return false;
	}

	return true;
}

/* All slots are taken, and this client has waited for one. */
static void end_slowest(struct sp_tls_listener *l)
{
	struct pending *oldest = list_ledata(list_head(&l->pending));

	if (!is_full(l) || !oldest)
		return;

	log_refused(l, &l->status.failed, sp_tls_conn_raddr(oldest->c),
		    "handshake too slow while others wait");
	mem_deref(oldest);
}

static void take_client(struct sp_tls_listener *l, int fd, const struct sa *src)
{
	struct pending *p = mem_zalloc(sizeof(*p), pending_destructor);
	int err = ENOMEM;

	make_room(l, src);
	end_slowest(l);
	if (p) {
		p->l = l;
		err = sp_tls_conn_accept(&p->c, l->loop, l->ctx, fd, src, &pending_handlers, p);
	}

	if (err) {
		log_refused(l, &l->status.failed, src, "out of memory or descriptors");
		(void)close(fd);
		mem_deref(p);
		return;
	}

	p->since_ms = sp_loop_now_ms(l->loop);
	list_append(&l->pending, &p->le, p);
	++l->status.pending;
}

/* Out of descriptors or memory: the client stays in the backlog, and the
 * socket stays readable, so watching it would only burn time. */
static void accept_failed(struct sp_tls_listener *l, int err)
{
	++l->status.paused;
	pause_accepting(l);
	sp_timer_start(l->loop, &l->pause, SP_TLS_ACCEPT_PAUSE_MS, on_resume, l);

	if (sp_limit_take(&l->pause_log, sp_loop_now_ms(l->loop)))
		sp_log(SP_LOG_ERROR, "tls_accept_paused", "why=\"%m\"", err);
}

static void on_client(int flags, void *arg)
{
	struct sp_tls_listener *l = arg;
	(void)flags;

	for (unsigned i = 0; i < SP_TLS_ACCEPTS_MAX && !slot_in_ms(l); ++i) {
		struct sa src = {.len = sizeof(src.u)};
		const int fd = accept4(l->fd, &src.u.sa, &src.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (is_welcome(l, &src))
				take_client(l, fd, &src);
			else
				turn_away(fd);
			continue;
		}

		switch (errno) {

		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			accept_failed(l, errno);
			return;

		case EAGAIN:
			return;

		default: /* the client's own trouble, accept(2): it has left already */
			break;
		}
	}

	if (slot_in_ms(l)) {
		pause_accepting(l);
		on_resume(l);
	}
}

static int open_socket(int *fdp, const struct sa *laddr)
{
	const int on = 1;
	const int fd = socket(laddr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (sa_af(laddr) == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, &laddr->u.sa, laddr->len) < 0 || listen(fd, SP_TLS_BACKLOG) < 0) {
		err = errno;
		(void)close(fd);
		return err;
	}

	*fdp = fd;
	return 0;
}

int sp_tls_listen(struct sp_tls_listener **lp, struct sp_loop *loop, struct sp_tls_context *ctx,
		  const struct sa *laddr, const struct sp_tls_listen_conf *conf, sp_tls_accept_h *h,
		  void *arg)
{
	struct sp_tls_listener *l;
	int err;

	if (!lp || !loop || !ctx || !laddr || !conf || !conf->handshakes || !h)
		return EINVAL;

	l = mem_zalloc(sizeof(*l), listener_destructor);
	if (!l)
		return ENOMEM;

	l->fd = -1;
	l->loop = loop;
	l->ctx = mem_ref(ctx);
	l->conf = *conf;
	l->h = h;
	l->arg = arg;
	list_init(&l->pending);
	sp_quiet_init(&l->refused_log, SP_TLS_REFUSED_LOG_RATE, SP_TLS_REFUSED_LOG_BURST,
		      sp_loop_now_ms(loop));
	sp_limit_init(&l->pause_log, 1, 1, sp_loop_now_ms(loop));

	err = sp_tls_sources_alloc(&l->sources, conf->source.per_s, conf->source.burst);
	if (!err)
		err = open_socket(&l->fd, laddr);
	if (!err)
		err = sp_loop_listen(loop, l->fd, FD_READ, on_client, l);
	if (err) {
		mem_deref(l);
		return err;
	}

	l->laddr.len = sizeof(l->laddr.u);
	(void)getsockname(l->fd, &l->laddr.u.sa, &l->laddr.len);
	l->listening = true;
	*lp = l;
	return 0;
}

void sp_tls_listener_context(struct sp_tls_listener *l, struct sp_tls_context *ctx)
{
	if (!l || !ctx || l->ctx == ctx)
		return;

	mem_deref(l->ctx);
	l->ctx = mem_ref(ctx);
}

void sp_tls_listener_limits(struct sp_tls_listener *l, const struct sp_tls_listen_conf *conf)
{
	if (!l || !conf || !conf->handshakes)
		return;

	sp_tls_sources_rate(l->sources, conf->source.per_s, conf->source.burst);
	l->conf = *conf;

	/* the cap may have been what it waited for */
	resume(l);
}

void sp_tls_listener_status(const struct sp_tls_listener *l, struct sp_tls_listener_status *status)
{
	if (!l || !status)
		return;

	*status = l->status;
	status->handshakes = l->conf.handshakes;
}

uint64_t sp_tls_listener_refused(const struct sp_tls_listener *l)
{
	return l ? l->status.refused_network + l->status.refused_rate + l->status.refused_share +
			       l->status.failed
		 : 0;
}

const struct sa *sp_tls_listener_laddr(const struct sp_tls_listener *l)
{
	return l ? &l->laddr : NULL;
}
