/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_socket: on a real loop with real sockets. A timer
 * of the loop looks whether what a test waits for has happened.
 */
#include "status_fixture.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = STATUS_CLIENTS_MAX + 4, LOOK_MS = 1, CLIENT_MS = 3000, LIMIT_MS = 20000 };

struct client {
	int fd;
	char *text; /* what came */
	size_t len;
	bool closed;
};

struct world {
	struct sp_loop *loop;
	struct status_socket *socket;
	char dir[64], path[96];
	size_t trunks; /* of what is given out */
	size_t slices; /* of a listing, until memory runs out; 0: all */
	unsigned gathered;
	int gather_err;
	unsigned client_ms;
	struct client clientv[CLIENTS];
	unsigned wanted; /* clients to be closed */
	unsigned unread; /* the first ones read nothing */
	uint64_t until_ms;
	struct sp_timer timer;
};

/* The next slice of a listing has a call more than the one before. */
static int more(struct app_status *s)
{
	struct world *w = *(struct world **)s->trunkv;

	s->listed += s->callc;
	if (++s->callc == STATUS_CALLS)
		s->more = NULL;
	return s->callc == w->slices ? ENOMEM : 0;
}

static int gather(struct app_status **sp, const struct status_printer *printer, void *arg)
{
	struct world *w = arg;

	w->gathered++;
	if (w->gather_err)
		return w->gather_err;
	if (printer->calls) {
		*sp = status_make_calls(1);
		(*sp)->trunkv = mem_zalloc(sizeof(w), NULL);
		memcpy((*sp)->trunkv, &w, sizeof(w));
		(*sp)->more = more;
	} else {
		*sp = status_make(w->trunks, 4);
	}
	return 0;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/sallyport-status-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/status.sock", w->dir);
	assert_int_equal(sp_loop_alloc(&w->loop, 1024), 0);
	w->trunks = 2;
	w->client_ms = LIMIT_MS;
	for (size_t i = 0; i < CLIENTS; i++)
		w->clientv[i].fd = -1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < CLIENTS; i++) {
		if (w->clientv[i].fd >= 0)
			close(w->clientv[i].fd);
		free(w->clientv[i].text);
	}
	sp_timer_cancel(&w->timer);
	mem_deref(w->socket);
	mem_deref(w->loop);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void listen_here(struct world *w)
{
	assert_int_equal(status_socket_alloc(&w->socket, w->loop, w->path, w->client_ms, gather, w),
			 0);
}

static int dial(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static struct client *ask(struct world *w, size_t i, const char *request)
{
	w->clientv[i].fd = dial(w->path);
	if (request)
		say(w->clientv[i].fd, request);
	return &w->clientv[i];
}

static void read_some(struct client *c)
{
	static char buf[65536];
	ssize_t n;

	while (!c->closed && c->fd >= 0 && (n = recv(c->fd, buf, sizeof(buf), 0)) != -1) {
		if (!n) {
			c->closed = true;
			break;
		}
		c->text = realloc(c->text, c->len + (size_t)n + 1);
		memcpy(c->text + c->len, buf, (size_t)n);
		c->len += (size_t)n;
		c->text[c->len] = '\0';
	}
	if (c->fd >= 0 && !c->closed && errno == ECONNRESET)
		c->closed = true;
}

static void on_look(void *arg)
{
	struct world *w = arg;
	unsigned closed = 0;

	for (size_t i = w->unread; i < CLIENTS; i++)
		read_some(&w->clientv[i]);
	for (size_t i = 0; i < CLIENTS; i++)
		closed += w->clientv[i].closed;
	if (closed >= w->wanted || sp_loop_now_ms(w->loop) > w->until_ms)
		sp_loop_stop(w->loop);
	else
		sp_timer_start(w->loop, &w->timer, LOOK_MS, on_look, w);
}

/* Let the loop run until so many clients were closed by the other side. */
static void run_until_closed(struct world *w, unsigned n)
{
	unsigned closed = 0;

	w->wanted = n;
	w->until_ms = sp_loop_now_ms(w->loop) + LIMIT_MS;
	sp_timer_start(w->loop, &w->timer, LOOK_MS, on_look, w);
	assert_int_equal(sp_loop_run(w->loop), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		closed += w->clientv[i].closed;
	assert_int_equal(closed, n);
}

static bool ends_with(const struct client *c, const char *end)
{
	return c->len >= strlen(end) && !strcmp(c->text + c->len - strlen(end), end);
}

static void test_answers(void **state)
{
	struct world *w = *state;
	const struct client *c;
	struct stat st;

	listen_here(w);
	assert_string_equal(status_socket_path(w->socket), w->path);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);

	c = ask(w, 0, "table\n");
	ask(w, 1, "json\r\n");
	ask(w, 2, "metrics\nand more that nobody asked for");
	run_until_closed(w, 3);
	assert_non_null(strstr(c->text, "sallyport 1.2.3, pid 42"));
	assert_true(ends_with(c, "\n-- 2026-01-31T09:15:04Z\n"));
	assert_true(ends_with(&w->clientv[1], "]\n}\n"));
	assert_true(ends_with(&w->clientv[2], "\n# EOF\n"));
	assert_int_equal(w->gathered, 3);
}

/* RFC 1945 5 and 6: any path is the metrics; the request is read to its end before we close. */
static void test_http(void **state)
{
	struct world *w = *state;
	const struct client *c;

	listen_here(w);
	c = ask(w, 0, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n");
	ask(w, 1, "GET / HTTP/1.0\n\n");
	run_until_closed(w, 2);
	assert_false(strncmp(c->text, "HTTP/1.0 200 OK\r\n", 17));
	assert_non_null(
		strstr(c->text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(c->text, "\r\n\r\n# HELP sallyport_build_info "));
	assert_true(ends_with(c, "\n# EOF\n"));
	assert_true(ends_with(&w->clientv[1], "\n# EOF\n"));
}

/* What nobody understands gets no answer; neither does what does not end. */
static void test_bad_requests(void **state)
{
	struct world *w = *state;
	char *endless = calloc(1, STATUS_REQUEST_MAX + 2);

	listen_here(w);
	memset(endless, 'x', STATUS_REQUEST_MAX + 1);
	ask(w, 0, "reload\n");
	ask(w, 1, "\n");
	ask(w, 2, endless);
	ask(w, 3, "POST / HTTP/1.0\r\n\r\n");
	ask(w, 4, "table");
	assert_int_equal(shutdown(w->clientv[4].fd, SHUT_WR), 0);
	memcpy(endless, "GET /", 5);
	memcpy(endless + STATUS_REQUEST_MAX - 1, "\r\n", 3);
	ask(w, 5, endless);
	run_until_closed(w, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(w->clientv[i].len, 0);
	assert_int_equal(w->gathered, 0);
	free(endless);
}

static void test_no_memory(void **state)
{
	struct world *w = *state;

	listen_here(w);
	w->gather_err = ENOMEM;
	ask(w, 0, "json\n");
	run_until_closed(w, 1);
	assert_int_equal(w->clientv[0].len, 0);
}

/* Megabytes go out whole, in chunks. */
static void test_large(void **state)
{
	struct world *w = *state;
	struct app_status *s;
	char *text;

	listen_here(w);
	w->trunks = SP_CONF_TRUNKS_MAX;
	ask(w, 0, "metrics\n");
	ask(w, 1, "json\n");
	run_until_closed(w, 2);
	s = status_make(w->trunks, 4);
	text = status_print(&status_metrics, s, NULL);
	assert_true(w->clientv[0].len > 2 * 1024 * 1024);
	assert_string_equal(w->clientv[0].text, text);
	assert_true(ends_with(&w->clientv[1], "]\n}\n"));
	mem_deref(text);
	mem_deref(s);
}

static size_t lines_with(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

/* A listing is made while it is sent: all slices come, and the beginning and the end once. */
static void test_slices(void **state)
{
	enum { ALL = STATUS_CALLS * (STATUS_CALLS + 1) / 2 };
	struct world *w = *state;
	const char *table, *json;
	char end[64];

	listen_here(w);
	ask(w, 0, "calls\n");
	ask(w, 1, "calls-json\n");
	run_until_closed(w, 2);
	table = w->clientv[0].text;
	json = w->clientv[1].text;

	assert_int_equal(lines_with(table, "CALLEE"), 1);
	assert_int_equal(lines_with(table, "\ncall-"), ALL);
	snprintf(end, sizeof(end), "\n-- 2026-01-31T09:15:04Z, %d calls\n", ALL);
	assert_true(ends_with(&w->clientv[0], end));
	assert_int_equal(lines_with(json, "{\"calls\":"), 1);
	assert_int_equal(lines_with(json, "\"id\":\"call-"), ALL);
	assert_int_equal(lines_with(json, ",\n{"), ALL - 1);
	assert_true(ends_with(&w->clientv[1], "}]\n}\n"));
	assert_int_equal(w->gathered, 2);
}

/* Half a listing is none: the client sees that the end is missing. */
static void test_slice_without_memory(void **state)
{
	struct world *w = *state;

	listen_here(w);
	w->slices = STATUS_CALLS - 1;
	ask(w, 0, "calls-json\n");
	run_until_closed(w, 1);
	assert_false(ends_with(&w->clientv[0], "}\n"));
}

/* Who does not read, or does not ask, is cut off; until then, others wait for a place and get it.
 */
static void test_slow_clients(void **state)
{
	struct world *w = *state;
	const uint64_t begin_ms = sp_loop_now_ms(w->loop);

	w->client_ms = CLIENT_MS;
	listen_here(w);
	w->trunks = 200; /* more than a socket takes at once */
	w->unread = STATUS_CLIENTS_MAX;
	for (size_t i = 0; i < STATUS_CLIENTS_MAX; i++)
		ask(w, i, i % 2 ? "json\n" : NULL);
	for (size_t i = STATUS_CLIENTS_MAX; i < CLIENTS; i++)
		ask(w, i, "table\n");
	run_until_closed(w, CLIENTS - STATUS_CLIENTS_MAX);
	assert_true(sp_loop_now_ms(w->loop) - begin_ms >= CLIENT_MS);
	for (size_t i = STATUS_CLIENTS_MAX; i < CLIENTS; i++)
		assert_true(ends_with(&w->clientv[i], "\n-- 2026-01-31T09:15:04Z\n"));
	w->unread = 0;
	run_until_closed(w, CLIENTS);
	assert_int_equal(w->clientv[0].len, 0);
	assert_false(ends_with(&w->clientv[1], "]\n}\n"));
}

/* Without descriptors a client waits, and the loop with it: it does not ask again and again. */
static void test_no_descriptors(void **state)
{
	const int next = open("/dev/null", O_RDONLY);
	struct world *w = *state;
	struct rlimit all, few;
	clock_t used;

	listen_here(w);
	ask(w, 0, "table\n");
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = (struct rlimit){(rlim_t)next, all.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	w->wanted = CLIENTS + 1;
	w->until_ms = sp_loop_now_ms(w->loop) + 800;
	sp_timer_start(w->loop, &w->timer, LOOK_MS, on_look, w);
	used = clock();
	assert_int_equal(sp_loop_run(w->loop), 0);
	used = clock() - used;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_in_range(used, 0, CLOCKS_PER_SEC / 10);
	assert_int_equal(w->gathered, 0);
	run_until_closed(w, 1);
	assert_true(ends_with(&w->clientv[0], "\n-- 2026-01-31T09:15:04Z\n"));
}

/* The gateway ends, or the path changes, in the middle of an answer. */
static void test_end_with_clients(void **state)
{
	struct world *w = *state;
	struct stat st;

	listen_here(w);
	w->trunks = SP_CONF_TRUNKS_MAX;
	w->unread = 1;
	ask(w, 0, "metrics\n");
	ask(w, 1, NULL);
	ask(w, 2, "nonsense\n");
	run_until_closed(w, 1);
	assert_int_equal(w->gathered, 1);
	w->socket = mem_deref(w->socket);
	assert_int_equal(stat(w->path, &st), -1);
	w->unread = 0;
	run_until_closed(w, 3);
}

static void test_stale(void **state)
{
	struct world *w = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct status_socket *second = NULL;
	struct stat st;

	/* of a dead process: replaced */
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", w->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	assert_int_equal(stat(w->path, &st), 0);
	listen_here(w);

	/* of a living one: not, and it goes on */
	assert_int_equal(status_socket_alloc(&second, w->loop, w->path, w->client_ms, gather, w),
			 EADDRINUSE);
	assert_null(second);
	ask(w, 0, "table\n");
	run_until_closed(w, 1);
	assert_true(w->clientv[0].len > 0);

	/* nothing but a socket is ever removed */
	w->socket = mem_deref(w->socket);
	assert_int_equal(stat(w->path, &st), -1);
	close(open(w->path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(status_socket_alloc(&second, w->loop, w->path, w->client_ms, gather, w),
			 ENOTSOCK);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(symlink("/dev/null", w->path), 0);
	assert_int_equal(status_socket_alloc(&second, w->loop, w->path, w->client_ms, gather, w),
			 ENOTSOCK);
	assert_int_equal(unlink(w->path), 0);
}

/* At the end another process's socket may be there: it is not ours to remove. */
static void test_not_ours(void **state)
{
	struct world *w = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st;

	listen_here(w);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", w->path);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	w->socket = mem_deref(w->socket);
	assert_int_equal(stat(w->path, &st), 0);
	unlink(w->path);
	close(fd);
}

static void test_bad_paths(void **state)
{
	struct world *w = *state;
	struct status_socket *s = NULL;
	char path[256];

	snprintf(path, sizeof(path), "%s/none/status.sock", w->dir);
	assert_int_equal(status_socket_alloc(&s, w->loop, path, w->client_ms, gather, w), ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(status_socket_alloc(&s, w->loop, path, w->client_ms, gather, w),
			 ENAMETOOLONG);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_http, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slice_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_with_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
