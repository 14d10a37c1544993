/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The status socket: a client connects, says in one line what it wants
 * ("table", "json", "calls", "calls-json", "metrics", or "GET ..." for the
 * metrics over HTTP/1.0, RFC 1945), gets it and is closed. Nothing can be changed through it.
 *
 * Whoever may open the socket is trusted to read, and not trusted to be quick:
 * there is a number of clients, a time for each, and a bound on what is
 * printed ahead for one. Further clients wait in the backlog.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app_status_priv.h"

enum { BACKLOG = 16, MODE_OFF = 0117 /* rw-rw---- */, PAUSE_MS = 500 };

struct status_socket {
	struct sp_loop *loop;
	char *path;
	int fd;
	bool ours; /* the file, as it was made here */
	dev_t dev;
	ino_t ino;
	struct list clients;
	unsigned clientc;
	unsigned client_ms;
	struct sp_timer pause; /* out of descriptors or memory */
	int spare;             /* a descriptor to give up then, for one client; or -1 */
	status_gather_h *gatherh;
	void *arg;
};

struct client {
	struct le le;
	struct status_socket *s;
	int fd;
	struct sp_timer timer;
	char request[STATUS_REQUEST_MAX];
	size_t requested; /* bytes of it */

	struct app_status *status; /* NULL before the answer begins */
	const struct status_printer *printer;
	size_t next; /* piece */
	struct mbuf *mb;
};

static void client_destructor(void *arg)
{
	struct client *c = arg;

	sp_timer_cancel(&c->timer);
	mem_deref(c->status);
	mem_deref(c->mb);
}

static void watch(struct status_socket *s);

/* The spare descriptor was needed for this client: its number is that again, at once, before
 * another client or a call gets it. So no event of this turn can meet a new socket there. */
static void client_close(struct status_socket *s, int fd)
{
	if (s->spare >= 0 || s->fd < 0) {
		sp_loop_close(s->loop, fd);
		return;
	}
	sp_loop_unlisten(s->loop, fd);
	(void)close(fd);
	s->spare = fcntl(s->fd, F_DUPFD_CLOEXEC, fd);
}

static void client_end(struct client *c)
{
	struct status_socket *s = c->s;

	list_unlink(&c->le);
	sp_timer_cancel(&c->timer);
	client_close(s, c->fd);
	sp_loop_release(s->loop, c);
	s->clientc--;
	watch(s);
}

static void on_timeout(void *arg)
{
	client_end(arg);
}

/* Is all of it printed? */
static bool is_through(const struct client *c)
{
	return c->next >= c->printer->pieces(c->status) && !c->status->more;
}

/* Print pieces until there is enough to send; of a listing no more than a slice, as it is
 * gathered, too. @return 0 or ENOMEM */
static int print_ahead(struct client *c)
{
	const size_t count = c->printer->pieces(c->status);
	int err = 0;

	c->mb->pos = c->mb->end = 0;
	if (c->next >= count) {
		err = c->status->more(c->status);
		c->next = 0;
	}
	while (c->next < count && c->mb->end < STATUS_CHUNK && !err)
		err = c->printer->piece(c->mb, c->status, c->next++);
	c->mb->pos = 0;

	return err;
}

/* One chunk per turn of the loop, so that a quick client does not hold the others. */
static void answer(struct client *c)
{
	ssize_t n;

	if (!mbuf_get_left(c->mb) && print_ahead(c)) {
		client_end(c);
		return;
	}

	n = send(c->fd, mbuf_buf(c->mb), mbuf_get_left(c->mb), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0)
		mbuf_advance(c->mb, n);
	if (n < 0 || (!mbuf_get_left(c->mb) && is_through(c)))
		client_end(c);
}

static int begin(struct client *c, const struct status_printer *printer, bool http)
{
	int err = c->s->gatherh(&c->status, printer, c->s->arg);

	c->mb = mbuf_alloc(STATUS_CHUNK + STATUS_CHUNK / 4);
	if (!err && !c->mb)
		err = ENOMEM;
	if (!err && http)
		err = mbuf_write_str(c->mb,
				     "HTTP/1.0 200 OK\r\n"
				     "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
				     "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
	if (!err)
		c->mb->pos = 0;
	c->printer = printer;

	return err;
}

/*
 * What was asked for, once all of it is here: of HTTP to the empty line, as a
 * client whose request is not read to its end takes our close for a failure.
 * @return 0 with *printerp, EAGAIN (more is to come), EBADMSG
 */
static int read_request(const struct status_printer **printerp, bool *http, const struct client *c)
{
	const char *end = memchr(c->request, '\n', c->requested);
	struct pl line = {.p = c->request, .l = end ? (size_t)(end - c->request) : 0};

	if (!end)
		return EAGAIN;
	if (line.l && line.p[line.l - 1] == '\r')
		line.l--;

	*http = line.l > 4 && !memcmp(line.p, "GET ", 4);
	if (!*http) {
		*printerp = status_printer(&line);
		return *printerp ? 0 : EBADMSG;
	}

	*printerp = &status_metrics;
	if (memmem(c->request, c->requested, "\r\n\r\n", 4) ||
	    memmem(c->request, c->requested, "\n\n", 2))
		return 0;

	return EAGAIN;
}

static void on_client(int flags, void *arg)
{
	const struct status_printer *printer = NULL;
	struct client *c = arg;
	bool http = false;
	ssize_t n;
	int err;

	(void)flags;
	if (c->status) {
		answer(c);
		return;
	}

	n = recv(c->fd, c->request + c->requested, sizeof(c->request) - c->requested, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* gone, or more than there is room for */
		client_end(c);
		return;
	}
	c->requested += (size_t)n;

	err = read_request(&printer, &http, c);
	if (err == EAGAIN)
		return;
	if (!err)
		err = begin(c, printer, http);
	if (!err)
		err = sp_loop_listen(c->s->loop, c->fd, FD_WRITE, on_client, c);
	if (err)
		client_end(c);
}

static void on_resume(void *arg)
{
	watch(arg);
}

/* It stands for a client's until it is needed: without descriptors one can still ask why. */
static void spare_take(struct status_socket *s)
{
	if (s->spare < 0)
		s->spare = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
}

static int take_client(struct status_socket *s)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || s->spare < 0)
		return fd;
	(void)close(s->spare);
	s->spare = -1;
	return accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void on_connect(int flags, void *arg)
{
	struct status_socket *s = arg;
	const int fd = take_client(s);
	struct client *c;

	(void)flags;
	if (fd < 0) {
		/* the client stays in the backlog and the socket readable: look again later */
		if (errno != EAGAIN && errno != EINTR)
			sp_timer_start(s->loop, &s->pause, PAUSE_MS, on_resume, s);
		watch(s);
		return;
	}

	c = mem_zalloc(sizeof(*c), client_destructor);
	if (!c || sp_loop_listen(s->loop, fd, FD_READ, on_client, c)) {
		(void)close(fd);
		mem_deref(c);
		return;
	}

	c->s = s;
	c->fd = fd;
	list_append(&s->clients, &c->le, c);
	s->clientc++;
	sp_timer_start(s->loop, &c->timer, s->client_ms, on_timeout, c);
	watch(s);
}

/* Accept while there is a place; who comes else waits in the backlog. */
static void watch(struct status_socket *s)
{
	if (s->fd < 0)
		return;

	spare_take(s);
	if (s->clientc >= STATUS_CLIENTS_MAX || sp_timer_isrunning(&s->pause))
		sp_loop_unlisten(s->loop, s->fd);
	else if (sp_loop_listen(s->loop, s->fd, FD_READ, on_connect, s))
		sp_timer_start(s->loop, &s->pause, PAUSE_MS, on_resume, s);
}

/* A later process may have put its own socket there. */
static void unlink_ours(const struct status_socket *s)
{
	struct stat st;

	if (s->ours && !lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		(void)unlink(s->path);
}

static void destructor(void *arg)
{
	struct status_socket *s = arg;
	const int fd = s->fd;

	sp_timer_cancel(&s->pause);
	s->fd = -1; /* no client's end opens the door again */
	while (s->clients.head)
		client_end(s->clients.head->data);
	sp_loop_close(s->loop, fd);
	if (s->spare >= 0)
		(void)close(s->spare);
	unlink_ours(s);
	mem_deref(s->path);
}

/* @return 0: nobody listens there and nothing is there any more; EADDRINUSE, ENOTSOCK, errno */
static int clear_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, err = 0;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return ENOTSOCK;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (!connect(fd, (const struct sockaddr *)un, sizeof(*un)))
		err = EADDRINUSE;
	else if (errno == EAGAIN) /* its backlog is full */
		err = EADDRINUSE;
	else if (errno != ECONNREFUSED)
		err = errno;
	(void)close(fd);

	return !err && unlink(un->sun_path) ? errno : err;
}

static int open_socket(struct status_socket *s)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old;
	struct stat st;
	int err;

	if (strlen(s->path) >= sizeof(un.sun_path))
		return ENAMETOOLONG;
	str_ncpy(un.sun_path, s->path, sizeof(un.sun_path));

	err = clear_stale(&un);
	if (err)
		return err;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return errno;

	/* with its rights from the first moment on */
	old = umask(MODE_OFF);
	if (bind(s->fd, (const struct sockaddr *)&un, sizeof(un)))
		err = errno;
	(void)umask(old);
	if (err)
		return err;

	if (lstat(s->path, &st))
		return errno;
	s->ours = true;
	s->dev = st.st_dev;
	s->ino = st.st_ino;

	return listen(s->fd, BACKLOG) ? errno : 0;
}

int status_socket_alloc(struct status_socket **sp, struct sp_loop *loop, const char *path,
			unsigned client_ms, status_gather_h *h, void *arg)
{
	struct status_socket *s;
	int err;

	if (!sp || !loop || !path || !h)
		return EINVAL;

	s = mem_zalloc(sizeof(*s), destructor);
	if (!s)
		return ENOMEM;

	s->loop = loop;
	s->fd = s->spare = -1;
	s->client_ms = client_ms;
	s->gatherh = h;
	s->arg = arg;
	err = str_dup(&s->path, path);
	if (!err)
		err = open_socket(s);
	if (!err)
		err = sp_loop_listen(loop, s->fd, FD_READ, on_connect, s);

	if (!err)
		spare_take(s);

	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}

const char *status_socket_path(const struct status_socket *s)
{
	return s ? s->path : NULL;
}
