/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log: escaping, masking, cutting, levels, and both forms of the prefix.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/base_log.h>

struct heard {
	char line[4096];
	enum sp_log_level level;
	unsigned n;
};

static void listen_sink(enum sp_log_level level, const char *line, void *arg)
{
	struct heard *heard = arg;

	re_snprintf(heard->line, sizeof(heard->line), "%s", line);
	heard->level = level;
	++heard->n;
}

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct heard), NULL);
	sp_log_sink(listen_sink, *state);
	sp_log_setup(SP_LOG_DEBUG, false);

	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	sp_log_sink(NULL, NULL);
	sp_log_setup(SP_LOG_INFO, false);
	mem_deref(*state);

	return 0;
}

static void levels_are_a_threshold(void **state)
{
	struct heard *heard = *state;

	sp_log_setup(SP_LOG_WARN, false);
	sp_log(SP_LOG_INFO, "quiet", "a=1");
	assert_int_equal(heard->n, 0);
	sp_log(SP_LOG_WARN, "loud", "a=%u b=%s", 1u, "x");
	assert_int_equal(heard->n, 1);
	assert_int_equal(heard->level, SP_LOG_WARN);
	assert_string_equal(heard->line, "loud a=1 b=x");
	sp_log(SP_LOG_ERROR, "bare", NULL);
	assert_string_equal(heard->line, "bare");
	sp_log(SP_LOG_ERROR, "bare", "");
	assert_string_equal(heard->line, "bare");
	assert_string_equal(sp_log_level_name(SP_LOG_WARN), "warn");
}

/* A peer's bytes through %s or %r, past all quoting, still cannot make a line. */
static void a_forged_newline_stays_in_its_line(void **state)
{
	struct heard *heard = *state;
	const struct pl pl = PL("x\r\n2026-01-01T00:00:00.000Z error forged\x1b[2J\x7f\0y");

	sp_log(SP_LOG_INFO, "seen", "v=%r", &pl);
	assert_string_equal(heard->line, "seen v=x\\x0d\\x0a2026-01-01T00:00:00.000Z error forged"
					 "\\x1b[2J\\x7f\\x00y");

	sp_log(SP_LOG_INFO, "two\nlines", "caf\xc3\xa9 \xc2\x9b");
	assert_string_equal(heard->line, "two\\x0alines caf\\xc3\\xa9 \\xc2\\x9b");
}

static void assert_printed(re_printf_h *h, const void *arg, const char *expected)
{
	char buf[256];

	assert_true(re_snprintf(buf, sizeof(buf), "%H", h, arg) >= 0);
	assert_string_equal(buf, expected);
}

static void assert_str(const char *s, const char *expected)
{
	assert_printed((re_printf_h *)sp_log_str, s, expected);
}

static void values_are_quoted_where_needed(void **state)
{
	const struct pl nul = PL("a\0b");
	(void)state;

	assert_str("sip:a@b.example;transport=tls", "\"sip:a@b.example;transport=tls\"");
	assert_str("sip:+4416@b.example:5061;lr", "sip:+4416@b.example:5061;lr");
	assert_str("two words", "\"two words\"");
	assert_str("say \"hi\" \\o/", "\"say \\\"hi\\\" \\\\o/\"");
	assert_str("a\r\nb", "\"a\\x0d\\x0ab\"");
	assert_str("\xff\xc3\xa9", "\"\\xff\\xc3\\xa9\"");
	assert_str("", "\"\"");
	assert_str(NULL, "-");
	assert_printed((re_printf_h *)sp_log_quote, &nul, "\"a\\x00b\"");
	assert_printed((re_printf_h *)sp_log_quote, &pl_null, "-");
	assert_printed((re_printf_h *)sp_log_quote, NULL, "-");
}

static void assert_number(const char *s, const char *expected)
{
	struct pl pl;

	pl_set_str(&pl, s);
	assert_printed((re_printf_h *)sp_log_number, &pl, expected);
}

static void numbers_hide_their_end(void **state)
{
	(void)state;

	assert_number("+441632960123", "+44163296****");
	assert_number("12345", "1****");
	assert_number("1234", "****");
	assert_number("999", "***");
	assert_number("", "\"\"");
	assert_number("a b\n\"12345", "\"a b\\x0a\\\"1****\"");
	assert_printed((re_printf_h *)sp_log_number, &pl_null, "-");

	sp_log_setup(SP_LOG_INFO, true);
	assert_number("+441632960123", "+441632960123");
	assert_number("1\n2", "\"1\\x0a2\"");
}

static void long_lines_are_cut_and_marked(void **state)
{
	struct heard *heard = *state;
	char big[5000];
	size_t len;

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	sp_log(SP_LOG_INFO, "big", "v=%s w=1", big);
	len = strlen(heard->line);
	assert_in_range(len, 2000, 2047);
	assert_string_equal(heard->line + len - 4, "a...");

	/* never half an escape, wherever the cut falls */
	for (size_t shift = 0; shift < 4; shift++) {
		memset(big, 'a', shift);
		memset(big + shift, 1, sizeof(big) - 1 - shift);
		sp_log(SP_LOG_INFO, "big", "%s", big);
		len = strlen(heard->line);
		assert_in_range(len, 2000, 2047);
		assert_string_equal(heard->line + len - 7, "\\x01...");
	}
}

/* Log one line with stderr on a pipe; optionally a pipe that journald owns. */
static void logged_to_stderr(char *buf, size_t size, bool journal)
{
	const int saved = dup(STDERR_FILENO);
	struct stat st;
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	assert_true(saved >= 0 && dup2(fds[1], STDERR_FILENO) >= 0);
	if (journal) {
		assert_int_equal(fstat(fds[1], &st), 0);
		re_snprintf(buf, size, "%llu:%llu", (uint64_t)st.st_dev, (uint64_t)st.st_ino);
		assert_int_equal(setenv("JOURNAL_STREAM", buf, 1), 0);
	} else {
		assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	}

	sp_log_sink(NULL, NULL);
	sp_log_setup(SP_LOG_INFO, false);
	sp_log(SP_LOG_WARN, "event", "key=%d", 5);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fds[1]);
	n = read(fds[0], buf, size - 1);
	close(fds[0]);
	assert_true(n > 0);
	buf[n] = '\0';
}

static void journal_lines_carry_a_priority(void **state)
{
	char buf[4096];
	(void)state;

	logged_to_stderr(buf, sizeof(buf), true);
	assert_string_equal(buf, "<4>event key=5\n");
}

/* JOURNAL_STREAM names another stream than stderr: it was redirected. */
static void other_lines_carry_time_and_level(void **state)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	char buf[4096];
	(void)state;

	logged_to_stderr(buf, sizeof(buf), false);
	assert_int_equal(strlen(buf), strlen(shape) + strlen(" warn event key=5\n"));
	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] == 'd')
			assert_true(isdigit((unsigned char)buf[i]));
		else
			assert_int_equal(buf[i], shape[i]);
	}
	assert_string_equal(buf + strlen(shape), " warn event key=5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels_are_a_threshold, setup, teardown),
		cmocka_unit_test_setup_teardown(a_forged_newline_stays_in_its_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(values_are_quoted_where_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_hide_their_end, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lines_are_cut_and_marked, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_lines_carry_a_priority, setup, teardown),
		cmocka_unit_test_setup_teardown(other_lines_carry_time_and_level, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
