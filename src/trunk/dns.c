/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The resolver: its settings, and single questions, by c-ares inside our loop.
 *
 * c-ares closes its sockets when it likes, also in the middle of a turn, and a
 * number that is reused within the turn would bring a stale event to its new
 * owner. So the loop watches a duplicate, which is closed at the end of turn.
 *
 * Answers are always delivered from a timer, because c-ares may answer from
 * inside the question. New settings make a new channel: the old one finishes
 * the questions that it has, then goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
/* 1.34 would have us use functions that 1.18 does not have. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "sallyport/base_log.h"
#include "dns_inner.h"

enum { DNS_TIMEOUT_MS = 1500, DNS_TRIES = 2, EDNS_SIZE = 1232, DNS_DEAF_MS = 100 };

/* c-ares with one set of settings. */
struct channel {
	struct le le; /* in the resolver's channell; unlinked when it is to go */
	struct dns *d;
	struct sp_loop *loop;
	ares_channel ares;
	bool ready, destroyed;
	bool deaf;        /* a socket is not watched: all are looked into now and then */
	unsigned queries; /* that c-ares has not finished */
	struct list sockl;
	struct sp_timer timer;
};

struct dns_sock {
	struct le le;
	struct channel *ch;
	ares_socket_t fd; /* c-ares's own */
	int dup;
};

/* The asker's. */
struct dns_question {
	struct sp_loop *loop;
	struct query *query; /* NULL when c-ares is through with it */
	struct sp_timer timer;
	int err;
	const char *why;
	struct dns_answer answer;
	dns_answer_h *h;
	void *arg;
};

/* c-ares's, until it has called back. */
struct query {
	struct channel *ch;
	struct dns_question *question; /* NULL when withdrawn */
	uint16_t type;
	char name[DNS_HOST_SIZE];
};

static void rearm(struct channel *ch);

static void on_socket(int flags, void *arg)
{
	struct dns_sock *s = arg;
	struct channel *ch = s->ch;
	const ares_socket_t fd = s->fd;

	ares_process_fd(ch->ares, flags & (FD_READ | FD_EXCEPT) ? fd : ARES_SOCKET_BAD,
			flags & FD_WRITE ? fd : ARES_SOCKET_BAD);
	rearm(ch);
}

static struct dns_sock *sock_find(const struct channel *ch, ares_socket_t fd)
{
	struct le *le;

	LIST_FOREACH(&ch->sockl, le)
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
	sp_loop_close(s->ch->loop, s->dup);
}

static struct dns_sock *sock_new(struct channel *ch, ares_socket_t fd)
{
	struct dns_sock *s = mem_zalloc(sizeof(*s), sock_destructor);

	if (!s)
		return NULL;
	s->ch = ch;
	s->fd = fd;
	s->dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->dup < 0)
		return mem_deref(s);
	list_append(&ch->sockl, &s->le, s);
	return s;
}

/* c-ares may use the same socket for all questions to a server. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *ch = arg;
	struct dns_sock *s = sock_find(ch, fd);
	const int flags = (readable ? FD_READ : 0) | (writable ? FD_WRITE : 0);

	if (!flags) {
		mem_deref(s);
		return;
	}
	if (!s)
		s = sock_new(ch, fd);
	if (s && !sp_loop_listen(ch->loop, s->dup, flags, on_socket, s))
		return;
	if (!ch->deaf)
		sp_log(SP_LOG_WARN, "dns_unwatched", "why=\"out of memory or descriptors\"");
	ch->deaf = true;
}

/* They do not block: nothing happens where nothing is. */
static void look_into_all(struct channel *ch)
{
	ares_socket_t v[ARES_GETSOCK_MAXNUM];
	const unsigned bits = (unsigned)ares_getsock(ch->ares, v, ARES_GETSOCK_MAXNUM);

	for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		const bool in = bits >> i & 1;
		const bool out = bits >> (i + ARES_GETSOCK_MAXNUM) & 1;

		if (in || out)
			ares_process_fd(ch->ares, in ? v[i] : ARES_SOCKET_BAD,
					out ? v[i] : ARES_SOCKET_BAD);
	}
}

static void on_time(void *arg)
{
	struct channel *ch = arg;

	if (ch->deaf)
		look_into_all(ch);
	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(ch);
}

static void rearm(struct channel *ch)
{
	struct timeval tv, *next = ares_timeout(ch->ares, NULL, &tv);
	uint64_t ms;

	if (!next) { /* no question is open, so no socket is */
		ch->deaf = false;
		sp_timer_cancel(&ch->timer);
		return;
	}

	ms = (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1;
	sp_timer_start(ch->loop, &ch->timer, ch->deaf ? min(ms, (uint64_t)DNS_DEAF_MS) : ms,
		       on_time, ch);
}

static void channel_destructor(void *arg)
{
	struct channel *ch = arg;

	ch->destroyed = true;
	list_unlink(&ch->le);
	if (ch->ready)
		ares_destroy(ch->ares);
	list_flush(&ch->sockl);
	sp_timer_cancel(&ch->timer);
}

/* Without servers: reads the system's resolver configuration as it stands now. */
static int channel_alloc(struct channel **chp, struct dns *d, const char *servers)
{
	struct channel *ch = mem_zalloc(sizeof(*ch), channel_destructor);
	struct ares_options opts = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS,
				    .ednspsz = EDNS_SIZE,
				    .timeout = DNS_TIMEOUT_MS,
				    .tries = DNS_TRIES};
	int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS |
		   ARES_OPT_EDNSPSZ;
	int status;

	if (!ch)
		return ENOMEM;
	ch->d = d;
	ch->loop = d->loop;
	opts.sock_state_cb = on_state;
	opts.sock_state_cb_data = ch;
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* none: a refresh is to ask */
#endif
	status = ares_init_options(&ch->ares, &opts, mask);
	ch->ready = status == ARES_SUCCESS;
	if (ch->ready && servers)
		status = ares_set_servers_ports_csv(ch->ares, servers);
	if (status != ARES_SUCCESS) {
		mem_deref(ch);
		return status == ARES_ENOMEM ? ENOMEM : EINVAL;
	}
	*chp = ch;
	return 0;
}

static struct channel *channel_of(const struct dns *d)
{
	return list_ledata(list_head(&d->channell));
}

/* In the middle of a call of c-ares it cannot be destroyed. */
static void channel_retire(struct channel *ch)
{
	if (ch->destroyed || ch->queries || !ch->le.list || channel_of(ch->d) == ch)
		return;
	list_unlink(&ch->le);
	sp_loop_release(ch->loop, ch);
}

/* Which /etc/resolv.conf it is: a machine may get its servers after we have started. */
static uint64_t resolv_id(void)
{
	struct stat st;

	if (stat("/etc/resolv.conf", &st))
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec + st.st_ino;
}

static int channel_renew(struct dns *d, const char *servers)
{
	struct channel *old = channel_of(d), *ch;
	const uint64_t id = resolv_id();
	int err = channel_alloc(&ch, d, servers);

	if (err)
		return err;
	d->resolv_id = id;
	list_prepend(&d->channell, &ch->le, ch);
	if (old)
		channel_retire(old);
	return 0;
}

static const char *why_of(int status)
{
	switch (status) {

	case ARES_ENOTFOUND:
		return "no such name";
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return "no such record";
	case ARES_ETIMEOUT:
		return "the DNS servers do not answer";
	case ARES_ECONNREFUSED:
		return "no DNS server answers, or only with SERVFAIL or REFUSED";
	case ARES_ENOMEM:
		return "out of memory";
	case ARES_EBADRESP:
		return "malformed answer";
	default: /* SERVFAIL, REFUSED, FORMERR, NOTIMP, ... */
		return ares_strerror(status);
	}
}

static int err_of(int status)
{
	switch (status) {

	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return ENOENT;
	case ARES_ETIMEOUT:
		return ETIMEDOUT;
	case ARES_ENOMEM:
		return ENOMEM;
	default:
		return EIO;
	}
}

static int status_of(int err)
{
	return !err ? ARES_SUCCESS : err == ENOENT ? ARES_ENODATA : ARES_EBADRESP;
}

static void deliver(void *arg)
{
	struct dns_question *q = arg;

	mem_ref(q);
	q->h(q->err, q->why, q->err ? NULL : &q->answer, q->arg);
	mem_deref(q);
}

static void answered(struct dns_question *q, int status)
{
	q->err = err_of(status);
	q->why = why_of(status);
	sp_timer_start(q->loop, &q->timer, 0, deliver, q);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct query *query = arg;
	struct dns_question *q = query->question;
	struct channel *ch = query->ch;
	(void)timeouts;

	if (q) {
		q->query = NULL;
		if (status == ARES_SUCCESS)
			status = status_of(dns_answer_parse(&q->answer, query->name, query->type, p,
							    (size_t)len));
		answered(q, status);
	}
	mem_deref(query);
	--ch->queries;
	channel_retire(ch);
}

static void take_host(struct dns_answer *a, const struct hostent *he)
{
	for (char **ap = he->h_addr_list; *ap && a->recordc < DNS_ADDRS_MAX; ++ap) {
		struct sa *sa = &a->recordv[a->recordc].addr;
		struct in_addr in;

		memcpy(&in, *ap, sizeof(in));
		if (he->h_addrtype == AF_INET)
			sa_set_in(sa, ntohl(in.s_addr), 0);
		else
			sa_set_in6(sa, (const uint8_t *)*ap, 0);
		a->recordc += dns_addr_usable(sa);
	}
}

/* What /etc/hosts has of a name is all that there is; false: it has nothing. */
static bool ask_hosts(struct dns_question *q, struct channel *ch, const char *name, uint16_t type)
{
	const int families[2] = {AF_INET, AF_INET6};
	const int wanted = type == DNS_TYPE_A ? AF_INET : AF_INET6;
	bool found = false;

	if (type == DNS_TYPE_SRV)
		return false;
	for (unsigned i = 0; i < 2; ++i) {
		struct hostent *he;

		if (ares_gethostbyname_file(ch->ares, name, families[i], &he) != ARES_SUCCESS)
			continue;
		found = true;
		if (he->h_addrtype == wanted)
			take_host(&q->answer, he);
		ares_free_hostent(he);
	}
	if (found)
		answered(q, q->answer.recordc ? ARES_SUCCESS : ARES_ENODATA);
	return found;
}

static void question_destructor(void *arg)
{
	struct dns_question *q = arg;

	sp_timer_cancel(&q->timer);
	if (q->query)
		q->query->question = NULL;
}

static int ask(struct dns_question **qp, struct dns *d, const char *name, uint16_t type,
	       dns_answer_h *h, void *arg)
{
	struct dns_question *q = mem_zalloc(sizeof(*q), question_destructor);
	struct query *query = mem_zalloc(sizeof(*query), NULL);
	struct channel *ch;

	if (!q || !query) {
		mem_deref(q);
		mem_deref(query);
		return ENOMEM;
	}
	q->loop = d->loop;
	q->h = h;
	q->arg = arg;
	*qp = q;

	if (!d->servers && resolv_id() != d->resolv_id)
		(void)channel_renew(d, NULL); /* or with the old one */
	ch = channel_of(d);
	if (ask_hosts(q, ch, name, type)) {
		mem_deref(query);
		return 0;
	}
	query->ch = ch;
	query->question = q;
	query->type = type;
	str_ncpy(query->name, name, sizeof(query->name));
	q->query = query;
	++ch->queries;
	ares_query(ch->ares, name, DNS_CLASS_IN, type, on_answer, query);
	rearm(ch);
	return 0;
}

/* Connecting a datagram socket looks for a route, and sends nothing. */
static bool routed(const struct sa *addr)
{
	const int fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	yes = !connect(fd, &addr->u.sa, addr->len);
	(void)close(fd);
	return yes;
}

static const struct dns_ops cares_ops = {.ask = ask, .routed = routed};

static void destructor(void *arg)
{
	struct dns *d = arg;

	dns_names_orphan(d);
	list_flush(&d->channell);
	mem_deref(d->servers);
	if (d->library)
		ares_library_cleanup();
}

int dns_alloc_ops(struct dns **dp, struct sp_loop *loop, const struct dns_conf *conf,
		  const struct dns_ops *ops)
{
	struct dns *d = mem_zalloc(sizeof(*d), destructor);
	int err = ENOMEM;

	if (!d)
		return ENOMEM;
	d->loop = loop;
	d->ops = ops;
	d->ttl_min_s = conf->ttl_min_s;
	d->ttl_max_s = conf->ttl_max_s;
	if (conf->servers && str_dup(&d->servers, conf->servers))
		goto out;
	if (ops == &cares_ops) {
		if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
			goto out;
		d->library = true;
		err = channel_renew(d, d->servers);
		if (err)
			goto out;
	}
	err = 0;

out:
	if (err)
		mem_deref(d);
	else
		*dp = d;
	return err;
}

int dns_alloc(struct dns **dp, struct sp_loop *loop, const struct dns_conf *conf)
{
	return dns_alloc_ops(dp, loop, conf, &cares_ops);
}

int dns_conf_set(struct dns *d, const struct dns_conf *conf)
{
	const bool same_servers = d->servers && conf->servers ? !strcmp(d->servers, conf->servers)
							      : d->servers == conf->servers;
	char *servers = NULL;
	int err;

	if (same_servers && d->ttl_min_s == conf->ttl_min_s && d->ttl_max_s == conf->ttl_max_s)
		return 0;
	if (!same_servers) {
		err = conf->servers ? str_dup(&servers, conf->servers) : 0;
		if (!err && d->ops == &cares_ops)
			err = channel_renew(d, servers);
		if (err) {
			mem_deref(servers);
			return err;
		}
		mem_deref(d->servers);
		d->servers = servers;
	}
	d->ttl_min_s = conf->ttl_min_s;
	d->ttl_max_s = conf->ttl_max_s;
	dns_names_refresh(d);
	return 0;
}
