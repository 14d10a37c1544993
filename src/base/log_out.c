/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the log's lines go: stderr, which may be slow, full or gone, while
 * calls have to go on.
 *
 * While the loop runs nothing here waits. What cannot be written yet waits in a
 * buffer, and a timer tries again. When that is full, lines are dropped and
 * counted until all that waits is out; then one line, "log_lost", says how
 * many. Debug lines get half of it, so that they cannot push out the others.
 * Before the loop runs and after it nobody else waits, so a reader gets
 * a moment to read.
 *
 * Others may share the description behind stderr, so it is never made
 * non-blocking: a pipe or a terminal is opened a second time (where that is
 * forbidden, poll(2) says whether PIPE_BUF bytes go), and of a socket each
 * send(2) is told not to wait. A disk is waited for: there is no asking.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sallyport/base_log.h>
#include "base_priv.h"

enum {
	QUEUE_MAX = 1 << 20, /* bytes that wait */
	RETRY_MIN_MS = 10,
	RETRY_MAX_MS = 1000,
	WAIT_MS = 1000, /* for a reader, without the loop */
};

enum kind { UNKNOWN, REGULAR, SOCKET, OWN, POLLED };

/* Part of the log's state, which is the one exception to "no globals". */
static struct {
	enum kind kind;
	int fd; /* OWN: ours */
	dev_t dev;
	ino_t ino;
	struct sp_loop *loop;
	struct sp_timer retry;
	unsigned delay_ms;
	bool gave_up; /* waited once, and nothing went since */
	bool shut;    /* no more lines until log_lost is out */
	char queue[QUEUE_MAX];
	size_t first, len;         /* what waits in it */
	uint64_t lost, lost_total; /* lines; since the last log_lost, and ever */
} out;

static void forget(void)
{
	if (out.kind == OWN)
		(void)close(out.fd);
	out.kind = UNKNOWN;
}

/* What is behind stderr now; it is another thing when somebody redirected it. */
void base_log_probe(void)
{
	struct stat st;

	out.gave_up = false;
	if (fstat(STDERR_FILENO, &st)) {
		forget();
		return;
	}
	if (out.kind != UNKNOWN && st.st_dev == out.dev && st.st_ino == out.ino)
		return;

	forget();
	out.dev = st.st_dev;
	out.ino = st.st_ino;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		out.kind = REGULAR;
	} else if (S_ISSOCK(st.st_mode)) {
		out.kind = SOCKET;
	} else {
		out.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		out.kind = out.fd < 0 ? POLLED : OWN;
	}
}

/* @return bytes, or -1 with errno; EAGAIN when the reader has to read first */
static ssize_t write_some(const char *p, size_t n)
{
	struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

	switch (out.kind) {

	case SOCKET:
		return send(STDERR_FILENO, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	case OWN:
		return write(out.fd, p, n);
	case UNKNOWN:
	case POLLED:
		if (poll(&pfd, 1, 0) > 0)
			break;
		errno = EAGAIN;
		return -1;
	case REGULAR:
		break;
	}

	return write(STDERR_FILENO, p, n);
}

/* Nothing goes. Without the loop, wait for the reader; but not for one who has not read since. */
static bool may_go_now(void)
{
	struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (errno == EINTR)
		return true;
	if (out.loop || out.gave_up || errno != EAGAIN)
		return false;

	out.gave_up = poll(&pfd, 1, WAIT_MS) <= 0;

	return !out.gave_up;
}

/* As many whole lines as go out in one piece. */
static size_t chunk(void)
{
	const size_t n = out.len < PIPE_BUF ? out.len : PIPE_BUF;
	const char *p = out.queue + out.first;
	const char *end = memrchr(p, '\n', n);

	return end ? (size_t)(end - p) + 1 : n;
}

/* @return whether anything went */
static bool flush(void)
{
	const size_t before = out.len;

	while (out.len) {
		const ssize_t n = write_some(out.queue + out.first, chunk());

		if (n > 0) {
			out.first += (size_t)n;
			out.len -= (size_t)n;
			out.gave_up = false;
		} else if (n == 0 || !may_go_now()) {
			break;
		}
	}

	return out.len < before;
}

static void on_retry(void *arg);

/* Write what waits; what does not go is tried again, less and less often while nothing goes. */
static void write_out(void)
{
	const bool went = flush();

	if (out.len) {
		out.delay_ms = went || !out.delay_ms             ? RETRY_MIN_MS
			       : out.delay_ms < RETRY_MAX_MS / 2 ? out.delay_ms * 2
								 : RETRY_MAX_MS;
		sp_timer_start(out.loop, &out.retry, out.delay_ms, on_retry, NULL);
		return;
	}

	out.delay_ms = 0;
	if (out.lost) {
		const unsigned long long lost = out.lost;

		out.lost = 0; /* the next line comes back here */
		out.shut = false;
		sp_log(SP_LOG_ERROR, "log_lost", "lines=%llu", lost);
	}
}

static void on_retry(void *arg)
{
	(void)arg;

	write_out();
}

/* Once a line was missing, all are until log_lost has been written: it stands where they would.
 * Of debug lines some may be missing before it. */
static bool add(const char *line, size_t n, bool debug)
{
	const size_t most = debug ? QUEUE_MAX / 2 : QUEUE_MAX;

	if (out.shut || n + out.len > most) {
		out.shut = out.shut || !debug;
		return false;
	}

	if (n > QUEUE_MAX - out.first - out.len) {
		memmove(out.queue, out.queue + out.first, out.len);
		out.first = 0;
	}
	memcpy(out.queue + out.first + out.len, line, n);
	out.len += n;

	return true;
}

void base_log_out(const char *line, size_t n, bool debug)
{
	if (out.kind == UNKNOWN)
		base_log_probe();

	if (!add(line, n, debug)) {
		++out.lost;
		++out.lost_total;
	}
	if (!sp_timer_isrunning(&out.retry))
		write_out();
}

/* From now on that loop runs, and nothing may wait; NULL: it does not run any more. */
void base_log_loop(struct sp_loop *loop)
{
	sp_timer_cancel(&out.retry);
	out.loop = loop;
	out.gave_up = false;
	write_out();
}

uint64_t sp_log_lost(void)
{
	return out.lost_total;
}
