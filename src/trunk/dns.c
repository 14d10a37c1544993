/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names into addresses: A and AAAA by c-ares, inside our loop.
 *
 * c-ares closes its sockets when it likes, also in the middle of a turn, and a
 * number that is reused within the turn would bring a stale event to its new
 * owner. So the loop watches a duplicate, which is closed at the end of turn.
 *
 * Results are always delivered from a timer, because c-ares may answer from
 * inside the question (a name of /etc/hosts).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <ares.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

enum { DNS_TIMEOUT_MS = 1500, DNS_TRIES = 2 };

struct dns {
	struct sp_loop *loop;
	ares_channel channel;
	bool library, ready;
	unsigned queries; /* that c-ares has not finished */
	struct list sockl;
	struct sp_timer timer;
};

struct dns_sock {
	struct le le;
	struct dns *d;
	ares_socket_t fd; /* c-ares's own */
	int dup;
};

/* One reference is the asker's, one is c-ares's until it has called back. */
struct dns_query {
	struct dns *d; /* NULL when c-ares is through with it */
	struct sp_timer timer;
	struct sa addrv[TRUNK_ADDRS_MAX];
	size_t addrc;
	uint16_t port;
	int err;
	dns_h *h; /* NULL when withdrawn */
	void *arg;
};

static void rearm(struct dns *d);

static void on_socket(int flags, void *arg)
{
	struct dns_sock *s = arg;
	struct dns *d = s->d;
	const ares_socket_t fd = s->fd;

	ares_process_fd(d->channel, flags & (FD_READ | FD_EXCEPT) ? fd : ARES_SOCKET_BAD,
			flags & FD_WRITE ? fd : ARES_SOCKET_BAD);
	rearm(d);
}

static struct dns_sock *sock_find(const struct dns *d, ares_socket_t fd)
{
	struct le *le;

	LIST_FOREACH(&d->sockl, le)
	{
		struct dns_sock *s = le->data;

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static void sock_destructor(void *arg)
{
	struct dns_sock *s = arg;

	list_unlink(&s->le);
	sp_loop_close(s->d->loop, s->dup);
}

static struct dns_sock *sock_new(struct dns *d, ares_socket_t fd)
{
	struct dns_sock *s = mem_zalloc(sizeof(*s), sock_destructor);

	if (!s)
		return NULL;
	s->d = d;
	s->fd = fd;
	s->dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->dup < 0)
		return mem_deref(s);
	list_append(&d->sockl, &s->le, s);
	return s;
}

/* What cannot be watched is not heard: its query fails by time-out. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	struct dns_sock *s = sock_find(d, fd);
	const int flags = (readable ? FD_READ : 0) | (writable ? FD_WRITE : 0);

	if (!flags) {
		mem_deref(s);
		return;
	}
	if (!s)
		s = sock_new(d, fd);
	if (!s || sp_loop_listen(d->loop, s->dup, flags, on_socket, s))
		sp_log(SP_LOG_WARN, "dns_unwatched", "why=\"out of memory or descriptors\"");
}

static void on_time(void *arg)
{
	struct dns *d = arg;

	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(d);
}

static void rearm(struct dns *d)
{
	struct timeval tv, *next = ares_timeout(d->channel, NULL, &tv);

	if (next)
		sp_timer_start(d->loop, &d->timer,
			       (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1,
			       on_time, d);
	else
		sp_timer_cancel(&d->timer);
}

static void destructor(void *arg)
{
	struct dns *d = arg;

	if (d->ready)
		ares_destroy(d->channel);
	list_flush(&d->sockl);
	sp_timer_cancel(&d->timer);
	if (d->library)
		ares_library_cleanup();
}

/** Reads the system's resolver configuration as it stands now. */
int dns_alloc(struct dns **dp, struct sp_loop *loop)
{
	struct ares_options opts = {.timeout = DNS_TIMEOUT_MS, .tries = DNS_TRIES};
	struct dns *d = mem_zalloc(sizeof(*d), destructor);
	int err = ENOMEM;

	if (!d)
		return ENOMEM;
	d->loop = loop;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		goto out;
	d->library = true;

	opts.sock_state_cb = on_state;
	opts.sock_state_cb_data = d;
	if (ares_init_options(&d->channel, &opts,
			      ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
	    ARES_SUCCESS)
		goto out;
	d->ready = true;
	err = 0;

out:
	if (err)
		mem_deref(d);
	else
		*dp = d;
	return err;
}

/** For tests: ask these ("127.0.0.1:5353") instead of the system's. */
int dns_servers(struct dns *d, const char *csv)
{
	return ares_set_servers_ports_csv(d->channel, csv) == ARES_SUCCESS ? 0 : EINVAL;
}

bool dns_busy(const struct dns *d)
{
	return d->queries > 0;
}

static int error_of(int status)
{
	switch (status) {

	case ARES_SUCCESS:
		return 0;
	case ARES_ENOMEM:
		return ENOMEM;
	case ARES_ETIMEOUT:
		return ETIMEDOUT;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return ECANCELED;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return EHOSTUNREACH;
	default: /* no server, or one that refuses or fails */
		return EIO;
	}
}

static void deliver(void *arg)
{
	struct dns_query *q = arg;
	dns_h *h = q->h;

	q->h = NULL;
	if (!h)
		return;
	mem_ref(q);
	h(q->err, q->addrv, q->addrc, q->arg);
	mem_deref(q);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct dns_query *q = arg;
	const struct ares_addrinfo_node *n;
	(void)timeouts;

	q->err = error_of(status);
	for (n = ai ? ai->nodes : NULL; n && q->addrc < TRUNK_ADDRS_MAX; n = n->ai_next) {
		struct sa *sa = &q->addrv[q->addrc];

		if (!sa_set_sa(sa, n->ai_addr)) {
			sa_set_port(sa, q->port);
			++q->addrc;
		}
	}
	if (!q->err && !q->addrc)
		q->err = EHOSTUNREACH;
	ares_freeaddrinfo(ai);

	if (q->h)
		sp_timer_start(q->d->loop, &q->timer, 0, deliver, q);
	--q->d->queries;
	q->d = NULL;
	mem_deref(q);
}

static void query_destructor(void *arg)
{
	struct dns_query *q = arg;

	sp_timer_cancel(&q->timer);
}

/** h is called once, from the loop. Let go of *qp by dns_cancel(), in any case. */
int dns_query(struct dns_query **qp, struct dns *d, const char *host, uint16_t port, dns_h *h,
	      void *arg)
{
	const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
						  .ai_socktype = SOCK_STREAM};
	struct dns_query *q = mem_zalloc(sizeof(*q), query_destructor);

	if (!q)
		return ENOMEM;
	q->d = d;
	q->port = port;
	q->h = h;
	q->arg = arg;
	*qp = q;

	++d->queries;
	mem_ref(q);
	ares_getaddrinfo(d->channel, host, NULL, &hints, on_answer, q);
	rearm(d);
	return 0;
}

/** h is not called any more. */
void dns_cancel(struct dns_query *q)
{
	if (!q)
		return;
	q->h = NULL;
	sp_timer_cancel(&q->timer);
	mem_deref(q);
}
