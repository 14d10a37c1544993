/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_client: --status and --metrics against a server of this test,
 * which runs in a child process and answers what the test says.
 */
#include "status_fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
	char dir[64], path[96], conf[96];
	char out[4096], err[1024];
	int fd;    /* of the server */
	pid_t pid; /* likewise, 0: none */
};

static void write_conf(const struct world *w, const char *text)
{
	FILE *f = fopen(w->conf, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/sallyport-client-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/status.sock", w->dir);
	snprintf(w->conf, sizeof(w->conf), "%s/sallyport.conf", w->dir);
	/* all else is missing: --status takes no notice */
	write_conf(w, "status = { socket = \"status.sock\"; };\n");
	w->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", w->path);
	assert_int_equal(bind(w->fd, (struct sockaddr *)&un, sizeof(un)), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->pid)
		waitpid(w->pid, NULL, 0);
	if (w->fd >= 0)
		close(w->fd);
	unlink(w->path);
	unlink(w->conf);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* Answer one client with this, if it asks for that. */
static void serve(struct world *w, const char *request, const char *answer)
{
	assert_int_equal(listen(w->fd, 1), 0);
	w->pid = fork();
	if (!w->pid) {
		char got[64] = "";
		const int fd = accept(w->fd, NULL, NULL);

		if (recv(fd, got, sizeof(got) - 1, 0) > 0 && !strcmp(got, request))
			(void)!write(fd, answer, strlen(answer));
		_exit(0);
	}
}

static int ask(struct world *w, enum sp_app_format format)
{
	FILE *out = fmemopen(w->out, sizeof(w->out), "w");
	FILE *err = fmemopen(w->err, sizeof(w->err), "w");
	int status;

	memset(w->out, 0, sizeof(w->out));
	memset(w->err, 0, sizeof(w->err));
	status = sp_app_status(w->conf, format, out, err);
	fclose(out);
	fclose(err);
	return status;
}

static void expect_answer(struct world *w, enum sp_app_format format, const char *request,
			  const char *answer)
{
	serve(w, request, answer);
	assert_int_equal(ask(w, format), 0);
	assert_string_equal(w->out, answer);
	assert_string_equal(w->err, "");
}

static void test_table(void **state)
{
	expect_answer(*state, SP_APP_TABLE, "table\n", "calls 3\n\n-- 2026-01-31T09:15:04Z\n");
}

static void test_json(void **state)
{
	expect_answer(*state, SP_APP_JSON, "json\n", "{\"a\":[\n{}]\n}\n");
}

static void test_calls(void **state)
{
	expect_answer(*state, SP_APP_CALLS, "calls\n", "CALL\n-- 2026-01-31T09:15:04Z, 0 calls\n");
}

static void test_calls_json(void **state)
{
	expect_answer(*state, SP_APP_CALLS_JSON, "calls-json\n", "{\"calls\":[\n]\n}\n");
}

static void test_metrics(void **state)
{
	expect_answer(*state, SP_APP_METRICS, "metrics\n", "sallyport_calls 3\n# EOF\n");
}

static void expect_failure(struct world *w, enum sp_app_format format, const char *says)
{
	assert_int_equal(ask(w, format), 1);
	assert_string_equal(w->out, "");
	if (!strstr(w->err, says))
		fail_msg("no \"%s\" in: %s", says, w->err);
}

static void test_broken_off(void **state)
{
	struct world *w = *state;

	serve(w, "metrics\n", "sallyport_calls 3\n# EO");
	expect_failure(w, SP_APP_METRICS, "broke off");
}

static void test_broken_off_json(void **state)
{
	struct world *w = *state;

	serve(w, "json\n", "{\"a\":[\n{},\n");
	expect_failure(w, SP_APP_JSON, "broke off");
}

static void test_empty(void **state)
{
	struct world *w = *state;

	serve(w, "something else\n", "");
	expect_failure(w, SP_APP_TABLE, "the gateway broke off its answer");
}

static void test_nobody(void **state)
{
	struct world *w = *state;

	expect_failure(w, SP_APP_TABLE, "has ended"); /* bound, but nobody listens */
	assert_non_null(strstr(w->err, w->path));
	unlink(w->path);
	expect_failure(w, SP_APP_TABLE, "is the gateway running");
}

static void test_configuration(void **state)
{
	struct world *w = *state;

	write_conf(w, "status = { socket = \"\"; };\n");
	expect_failure(w, SP_APP_TABLE, "this gateway cannot be asked");
	write_conf(w, "status = { socket = \n");
	expect_failure(w, SP_APP_TABLE, "sallyport.conf:");
	unlink(w->conf);
	expect_failure(w, SP_APP_TABLE, "No such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_off_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configuration, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
