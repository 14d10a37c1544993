/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --status and --metrics: the other end of the status socket. The answer is
 * read to its end before anything is printed: the gateway does not wait for
 * the pager that this may be piped into, and half an answer is none.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "app_status_priv.h"

enum {
	TIMEOUT_S = 10, /* twice what it gives a client */
	READ_SIZE = 65536,
	ANSWER_MAX = 512 * 1024 * 1024
};

static void print_line(bool mistake, const char *line, void *arg)
{
	if (mistake)
		(void)fprintf(arg, "%s\n", line);
}

/* @return 0 with *confp; else it is told why not */
static int load(struct sp_conf **confp, const char *file, FILE *err)
{
	struct sp_report *r = NULL;
	char errbuf[128];
	int e = sp_report_alloc(&r);

	if (!e)
		e = sp_conf_load(confp, file, r);

	/* A mistake may be somebody's work in progress: the socket's path is what matters. */
	if (*confp)
		e = 0;
	else if (sp_report_mistakes(r))
		sp_report_print(r, print_line, err);
	else
		(void)fprintf(err, "%s: %s\n", file, str_error(e, errbuf, sizeof(errbuf)));
	mem_deref(r);

	return e;
}

static int open_socket(int *fdp, const char *path)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int err = 0;

	if (strlen(path) >= sizeof(un.sun_path))
		return ENAMETOOLONG;
	str_ncpy(un.sun_path, path, sizeof(un.sun_path));

	*fdp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fdp < 0)
		return errno;

	/* the one for sending is also connect()'s, unix(7) */
	if (setsockopt(*fdp, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(*fdp, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    connect(*fdp, (const struct sockaddr *)&un, sizeof(un)))
		err = errno;

	return err;
}

/* Does the last line that is not empty begin with this? */
static bool is_whole(const struct mbuf *mb, const char *end)
{
	const size_t n = strlen(end);
	const char *text = (const char *)mb->buf;
	size_t i = mb->end;

	if (!i || text[--i] != '\n')
		return false;
	while (i && text[i - 1] != '\n')
		i--;

	return mb->end - i >= n && !memcmp(text + i, end, n);
}

/* @return 0, EPIPE (it broke off), ENODATA (there was none), EFBIG, errno */
static int ask(struct mbuf *mb, int fd, const struct status_printer *printer)
{
	char request[32];
	int len = re_snprintf(request, sizeof(request), "%s\n", printer->name);

	if (len < 0 || send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return errno;

	for (;;) {
		ssize_t n;

		if (mb->end > ANSWER_MAX)
			return EFBIG;
		if (mbuf_get_space(mb) < READ_SIZE && mbuf_resize(mb, 2 * mb->size + READ_SIZE))
			return ENOMEM;
		n = recv(fd, mb->buf + mb->end, READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			break;
		mb->end += (size_t)n;
		mb->pos = mb->end;
	}

	if (!mb->end)
		return ENODATA;

	return is_whole(mb, printer->end) ? 0 : EPIPE;
}

static const char *mend(int err)
{
	switch (err) {

	case ENOENT:
		return "is the gateway running, and on this configuration?";
	case ECONNREFUSED:
		return "the gateway that made it has ended: is there another?";
	case EACCES:
	case EPERM:
		return "ask as root (sudo), or see docs/status.md on who may";
	case EAGAIN: /* of the timeouts */
		return "the gateway does not answer: try again";
	case ENODATA:
	case EPIPE:
	case ECONNRESET:
		return "the gateway broke off its answer: try again";
	default:
		return "is status.socket right?";
	}
}

int sp_app_status(const char *file, enum sp_app_format format, FILE *out, FILE *err)
{
	static const struct status_printer *const printers[] = {
		[SP_APP_TABLE] = &status_table,           [SP_APP_JSON] = &status_json,
		[SP_APP_METRICS] = &status_metrics,       [SP_APP_CALLS] = &status_calls,
		[SP_APP_CALLS_JSON] = &status_calls_json,
	};
	struct sp_conf *conf = NULL;
	struct mbuf *mb = NULL;
	char errbuf[128];
	const char *path;
	int fd = -1, e;

	if (load(&conf, file, err))
		return 1;
	path = conf->status_socket.path;
	if (!path) {
		(void)fprintf(err, "%s: status.socket is \"\": this gateway cannot be asked\n",
			      file);
		mem_deref(conf);
		return 1;
	}

	mb = mbuf_alloc(READ_SIZE);
	e = mb ? open_socket(&fd, path) : ENOMEM;
	if (!e)
		e = ask(mb, fd, printers[format]);
	if (e)
		(void)fprintf(err, "%s: no answer: %s: %s\n", path,
			      str_error(e, errbuf, sizeof(errbuf)), mend(e));
	else if (fwrite(mb->buf, 1, mb->end, out) != mb->end || fflush(out))
		e = errno; /* as head(1) does when it has enough */

	if (fd >= 0)
		(void)close(fd);
	mem_deref(mb);
	mem_deref(conf);

	return e ? 1 : 0;
}
