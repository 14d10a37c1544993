/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log's way out when nobody reads it, when there is no room, when it has
 * gone: nothing waits while the loop runs, every line that was taken comes out
 * whole and in order, and what was lost is told.
 *
 * Nothing is asserted while stderr leads elsewhere: the complaint would go there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_log.h>
#include "base_priv.h"

enum { MANY = 3000, FLOOD = 30000, LINE_BYTES = 100, TEXT_MAX = 16 << 20 };

/* What stands behind stderr, and what came out of it. */
struct scene {
	struct sp_loop *loop;
	int saved, from; /* stderr; where its other end is read, or -1 */
	char *text;
	size_t len;
	uint64_t lost; /* sp_log_lost() before */
	unsigned said; /* lines */
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)signal(SIGPIPE, SIG_IGN); /* as a real loop does */
	(void)signal(SIGXFSZ, SIG_IGN);
	*state = s;
	if (!s || sp_loop_alloc_fake(&s->loop, 1000))
		return -1;
	s->text = malloc(TEXT_MAX);
	s->saved = dup(STDERR_FILENO);
	s->from = -1;
	s->lost = sp_log_lost();

	return s->text && s->saved >= 0 ? 0 : -1;
}

/* stderr is to be this from now on; to is closed. */
static void lead_to(struct scene *s, int to, int from)
{
	(void)dup2(to, STDERR_FILENO);
	(void)close(to);
	s->from = from;
	if (from >= 0)
		(void)fcntl(from, F_SETFL, O_NONBLOCK);
	sp_log_setup(SP_LOG_INFO, false);
	base_log_loop(s->loop);
}

/* Read all that is there. */
static void drink(struct scene *s)
{
	ssize_t n;

	while ((n = read(s->from, s->text + s->len, TEXT_MAX - 1 - s->len)) > 0)
		s->len += (size_t)n;
	s->text[s->len] = '\0';
}

/* Read while the log writes, until nothing waits any more. */
static void drink_all(struct scene *s)
{
	for (unsigned i = 0; i < 10000; i++) {
		drink(s);
		sp_loop_advance(s->loop, 1000);
		if (!sp_loop_timers(s->loop))
			break;
	}
	drink(s);
}

/* What still waits goes nowhere. */
static void pour_away(struct scene *s)
{
	lead_to(s, open("/dev/null", O_WRONLY), -1);
}

static void restore(struct scene *s)
{
	base_log_loop(NULL);
	(void)dup2(s->saved, STDERR_FILENO);
	sp_log_setup(SP_LOG_INFO, false);
}

static int teardown(void **state)
{
	struct scene *s = *state;

	restore(s);
	if (s->from >= 0)
		(void)close(s->from);
	(void)close(s->saved);
	mem_deref(s->loop);
	free(s->text);
	free(s);

	return 0;
}

static void say(struct scene *s, unsigned n)
{
	static const char pad[] = "0123456789012345678901234567890123456789012345678901234";

	while (n--)
		sp_log(SP_LOG_INFO, "line", "n=%u pad=%s", s->said++, pad);
}

/* Every line is whole; those up to the first missing one are 0, 1, 2, ... @return how many
 * there are; *lost: what log_lost lines add up to */
static unsigned count_lines(struct scene *s, unsigned long *lost)
{
	unsigned n = 0, next = 0;

	*lost = 0;
	for (char *p = s->text, *end; *p; p = end + 1) {
		unsigned got;

		end = strchr(p, '\n');
		assert_non_null(end);
		*end = '\0';
		assert_true(strlen(p) > 30 && p[4] == '-' && p[23] == 'Z');
		if (1 == sscanf(p + 25, "error log_lost lines=%u", &got)) {
			*lost += got;
			next += got;
			continue;
		}
		assert_int_equal(sscanf(p + 25, "info line n=%u pad=", &got), 1);
		assert_int_equal(got, next);
		assert_string_equal(p + strlen(p) - 5, "01234");
		++next;
		++n;
	}

	return n;
}

static void assert_all_came(struct scene *s)
{
	unsigned long lost;

	assert_int_equal(count_lines(s, &lost), s->said);
	assert_int_equal(lost, 0);
	assert_true(sp_log_lost() == s->lost);
}

/* The usual story: a reader who stops, and reads again. */
static void stall(struct scene *s)
{
	bool waits;

	say(s, MANY); /* more than a pipe or a socket holds */
	sp_loop_advance(s->loop, 60000);
	waits = sp_loop_timers(s->loop) == 1;
	drink_all(s);
	say(s, 1);
	drink(s);
	restore(s);
	assert_true(waits);
	assert_all_came(s);
}

static void a_pipe_stalls(void **state)
{
	struct scene *s = *state;
	int fds[2], flags;

	assert_int_equal(pipe(fds), 0);
	lead_to(s, fds[1], fds[0]);
	say(s, 1);
	flags = fcntl(STDERR_FILENO, F_GETFL); /* it may be the shell's, too */
	stall(s);
	assert_false(flags & O_NONBLOCK);
}

/* It may not be opened once more, as another user's: then poll(2) says when. */
static void a_pipe_of_others_stalls(void **state)
{
	struct scene *s = *state;
	struct rlimit old, none;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3; /* taken */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	(void)dup2(fds[1], STDERR_FILENO);
	sp_log_setup(SP_LOG_INFO, false);
	(void)setrlimit(RLIMIT_NOFILE, &old);
	lead_to(s, fds[1], fds[0]);
	stall(s);
}

/* As journald's. */
static void a_socket_stalls(void **state)
{
	struct scene *s = *state;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	lead_to(s, fds[1], fds[0]);
	stall(s);
}

static void a_terminal_stalls(void **state)
{
	struct scene *s = *state;
	struct termios raw;
	int master, slave;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && !tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	lead_to(s, slave, master);
	stall(s);
}

/* More than may wait: what comes out says how much does not. */
static void too_much_is_lost_and_told(void **state)
{
	struct scene *s = *state;
	unsigned long told;
	unsigned came;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	lead_to(s, fds[1], fds[0]);
	say(s, FLOOD);
	drink(s);
	sp_loop_advance(s->loop, 1000);
	say(s, 10); /* there is room, but these would stand before log_lost */
	drink_all(s);
	say(s, 5);
	drink(s);
	restore(s);
	came = count_lines(s, &told);
	assert_int_equal(came + told, s->said);
	assert_true(told > 0 && came * LINE_BYTES > 1 << 20);
	assert_true(sp_log_lost() - s->lost == told);
}

/* Who makes it say much at that level does not hide what matters. */
static void debug_lines_push_out_no_others(void **state)
{
	struct scene *s = *state;
	unsigned long told;
	unsigned came = 0;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	lead_to(s, fds[1], fds[0]);
	sp_log_setup(SP_LOG_DEBUG, false);
	for (unsigned i = 0; i < FLOOD; i++)
		sp_log(SP_LOG_DEBUG, "noise", "n=%u pad=%060u", i, 0u);
	say(s, MANY);
	drink_all(s);
	restore(s);
	for (char *p = s->text; (p = strstr(p, " info line n=")); p++)
		++came;
	assert_int_equal(came, MANY);
	told = (unsigned long)(sp_log_lost() - s->lost);
	assert_true(told > FLOOD / 3 && told < FLOOD);
	assert_non_null(strstr(s->text, " error log_lost lines="));
}

static void the_reader_is_gone(void **state)
{
	struct scene *s = *state;
	unsigned long told;
	bool waits;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	lead_to(s, fds[1], fds[0]);
	say(s, 1);
	drink(s);
	(void)close(s->from);
	s->from = -1;
	say(s, FLOOD);
	sp_loop_advance(s->loop, 3600 * 1000);
	waits = sp_loop_timers(s->loop) == 1;
	pour_away(s);
	restore(s);
	assert_true(waits);
	assert_int_equal(count_lines(s, &told), 1);
	assert_true(sp_log_lost() > s->lost);
}

/* A disk that is full until there is room: RLIMIT_FSIZE gives the short write and the error
 * that a full one gives, and a signal besides. */
static void a_file_has_no_room(void **state)
{
	char name[] = "/tmp/sallyport-log-XXXXXX";
	struct scene *s = *state;
	struct rlimit old, tight;
	const int fd = mkstemp(name);
	off_t size;
	bool waits;

	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = 10 * LINE_BYTES + 7;
	(void)unlink(name);
	lead_to(s, dup(fd), -1);
	(void)setrlimit(RLIMIT_FSIZE, &tight);
	say(s, 100);
	sp_loop_advance(s->loop, 60000);
	waits = sp_loop_timers(s->loop) == 1;
	size = lseek(fd, 0, SEEK_END);
	(void)setrlimit(RLIMIT_FSIZE, &old);
	sp_loop_advance(s->loop, 1000);
	say(s, 1);
	restore(s);
	assert_true(waits);
	assert_int_equal(size, 10 * LINE_BYTES + 7);
	assert_int_equal(sp_loop_timers(s->loop), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	s->from = fd;
	drink(s);
	assert_all_came(s);
}

static void no_room_at_all(void **state)
{
	struct scene *s = *state;
	const int full = open("/dev/full", O_WRONLY);
	bool waits;

	assert_true(full >= 0);
	lead_to(s, full, -1);
	say(s, FLOOD);
	sp_loop_advance(s->loop, 3600 * 1000);
	waits = sp_loop_timers(s->loop) == 1;
	pour_away(s);
	restore(s);
	assert_true(waits);
	assert_true(sp_log_lost() > s->lost);
}

/* Slower than the log writes. */
static void *read_on(void *arg)
{
	struct scene *s = arg;
	ssize_t n;

	while ((n = read(s->from, s->text + s->len, 2)) > 0)
		s->len += (size_t)n;
	s->text[s->len] = '\0';

	return NULL;
}

/* Before the loop runs and after it, however much there is to say: a reader gets the time. */
static void without_the_loop_nothing_is_lost(void **state)
{
	struct scene *s = *state;
	pthread_t reader;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	lead_to(s, fds[1], fds[0]);
	say(s, MANY);
	(void)fcntl(fds[0], F_SETFL, 0);
	assert_int_equal(pthread_create(&reader, NULL, read_on, s), 0);
	base_log_loop(NULL); /* the end: what waits goes first */
	say(s, FLOOD / 2);
	restore(s); /* closes the pipe's other end */
	(void)pthread_join(reader, NULL);
	assert_all_came(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pipe_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pipe_of_others_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_socket_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_terminal_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much_is_lost_and_told, setup, teardown),
		cmocka_unit_test_setup_teardown(debug_lines_push_out_no_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_has_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_loop_nothing_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(the_reader_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room_at_all, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
