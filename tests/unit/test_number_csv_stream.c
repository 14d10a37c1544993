/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CSV files as streams: what comes of a file does not depend on where its bytes
 * are cut, on how long it is, or on what rows before said; and whoever reads can
 * fail or stop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "unit/number_csv_fixture.h"

enum { TEXT_SIZE = 2 * CSV_BUFFER_SIZE, FAIL_AFTER = 300000 };

/* What is read, and how. */
struct source {
	const char *p;
	size_t len;
	size_t slice; /* 0: as much as is asked for */
	size_t given;
	size_t fail_after; /* 0: never */
	size_t stop_after;
	atomic_bool *stop;
};

static struct sp_number_rule rule;

static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct source *s = arg;
	size_t n = s->len < size ? s->len : size;

	assert_true(size && size <= CSV_BUFFER_SIZE);
	if (s->slice && n > s->slice)
		n = s->slice;
	if (s->fail_after && s->given >= s->fail_after)
		return EIO;
	if (s->stop && s->given >= s->stop_after)
		*s->stop = true;

	memcpy(buf, s->p, n);
	s->p += n;
	s->len -= n;
	s->given += n;
	*lenp = n;

	return 0;
}

static int csv_read(struct source *s)
{
	return sp_number_csv_read(build, "n.csv", on_read, s);
}

static int csv(const char *text)
{
	struct source s = {.p = text, .len = strlen(text)};

	return csv_read(&s);
}

static const struct sp_number_entry *entry(const char *number)
{
	struct pl pl;

	if (!table)
		assert_int_equal(0, sp_number_table_alloc(&table, build));
	pl_set_str(&pl, number);

	return sp_number_find(&rule, table, &pl, 0) ? rule.entry : NULL;
}

static void begin_anew(void)
{
	(void)teardown(NULL);
	assert_int_equal(0, setup(NULL));
}

static void slices_of_any_size(void **state)
{
	static const char text[] = "\xef\xbb\xbfnumber,trunk,label\r\n"
				   "+441,teams,\"a, \"\"b\"\"\"\r\n\r\n"
				   "+442,zoom,c\n\n"
				   "+44x,\"te\r\nams\",\n"
				   "+443,pbx,d";
	size_t slice;
	(void)state;

	for (slice = 1; slice <= sizeof(text); slice++) {
		struct source s = {.p = text, .len = sizeof(text) - 1, .slice = slice};

		begin_anew();
		assert_int_equal(EINVAL, csv_read(&s));
		assert_int_equal(2, reports.n);
		assert_int_equal(6, reports.v[0].line);
		assert_int_equal(6, reports.v[1].line);
	}
}

/* Rows of many forms, so that the buffer's end falls on each byte of each once. */
static void cut_at_every_byte(void **state)
{
	static const char *const forms[] = {
		"+%zu,teams,a b\r\n",
		"+%zu,teams,a b\n",
		"+%zu,teams,\"a b\"\n",
		"\"+%zu\",\"teams\",\"a b\"\r\n",
	};
	char *text = malloc(TEXT_SIZE), number[32];
	(void)state;

	assert_non_null(text);
	for (size_t i = 0; i < 4 * 32; i++) {
		const size_t shift = i % 32;
		size_t n = strlen(strcpy(text, "number,trunk,label\n")), rows = 0;

		memset(text + n, '\n', shift);
		n += shift;
		while (n < CSV_BUFFER_SIZE + 64)
			n += (size_t)snprintf(text + n, 64, forms[i / 32], 1000000 + rows++);

		begin_anew();
		assert_int_equal(0, fixture_csv(build, "n.csv", text, n));
		assert_int_equal(0, reports.n);
		snprintf(number, sizeof(number), "+%zu", 1000000 + rows - 1);
		assert_non_null(entry(number));
		assert_int_equal(1 + shift + rows, rule.line);
		assert_int_equal(rows, sp_number_count(table));
		assert_string_equal("a b", rule.entry->label);
	}
	free(text);
}

static void a_row_longer_than_the_buffer(void **state)
{
	static const char head[] = "number,trunk\n+441,", tail[] = "\n+442,teams\nx,teams";
	const size_t len = sizeof(head) - 1 + CSV_BUFFER_SIZE + 1000;
	char *text = malloc(len + sizeof(tail));
	(void)state;

	assert_non_null(text);
	for (size_t i = 0; i < 2; i++) { /* as one field, as many */
		reports.n = 0;
		memset(text, i ? ',' : 'x', len);
		memcpy(text, head, sizeof(head) - 1);
		memcpy(text + len, tail, sizeof(tail));
		assert_int_equal(EINVAL, csv(text));
		assert_int_equal(2, reports.n);
		assert_int_equal(2, reports.v[0].line);
		assert_string_equal("row", reports.v[0].key);
		assert_non_null(strstr(reports.v[0].mend, i ? "2 fields" : "4,096"));
		assert_int_equal(4, reports.v[1].line);
	}
	free(text);
}

static void what_the_reader_cannot_read_is_told(void **state)
{
	static const char row[] = "+44%08zu,teams\n";
	char *text = malloc(TEXT_SIZE);
	struct source s = {.p = text, .fail_after = FAIL_AFTER, .slice = 1000};
	struct source at_once = {.p = "", .fail_after = 1, .given = 1};
	size_t n;
	(void)state;

	assert_non_null(text);
	n = strlen(strcpy(text, "number,trunk\n"));
	for (size_t i = 0; n < TEXT_SIZE - 64; i++)
		n += (size_t)snprintf(text + n, 64, row, i);
	s.len = n;

	assert_int_equal(EIO, csv_read(&s));
	assert_int_equal(EIO, csv_read(&at_once));
	assert_int_equal(0, reports.n);

	/* it weighs more than a bad row */
	memcpy(text + 13, "rubbish", 7);
	s = (struct source){.p = text, .len = n, .fail_after = FAIL_AFTER};
	assert_int_equal(EIO, csv_read(&s));
	assert_int_equal(1, reports.n);
	free(text);
}

static void stops_between_rows(void **state)
{
	char *text = malloc(TEXT_SIZE);
	atomic_bool stop = false;
	struct source s = {.p = text, .stop = &stop, .stop_after = 0};
	size_t n;
	(void)state;

	assert_non_null(text);
	sp_number_build_stop(build, &stop);
	n = strlen(strcpy(text, "number,trunk\n"));
	for (size_t i = 0; i < 5000; i++)
		n += (size_t)snprintf(text + n, 64, "+44%08zu,teams\n", i);
	strcpy(text + n, "rubbish\n");
	s.len = n + 8;
	assert_int_equal(ECANCELED, csv_read(&s));
	assert_int_equal(0, reports.n);

	/* and in a file that has no rows */
	stop = false;
	memset(text, '\n', TEXT_SIZE);
	s = (struct source){.p = text, .len = TEXT_SIZE, .stop = &stop, .stop_after = 1000};
	assert_int_equal(ECANCELED, csv_read(&s));
	assert_int_equal(0, reports.n);
	free(text);
}

static void rows_that_say_the_same_share_an_entry(void **state)
{
	const struct sp_number_entry *e;
	(void)state;

	assert_int_equal(0, csv("label,holes,trunk,number,account\n"
				"a,,teams,+441,x\n"
				"a,,\"teams\",+442,\"x\"\r\n"
				"a,+4451,teams,+4450-59,x\n"
				"a,+4461,teams,+4460-69,x\n"
				"a,,zoom,+443,x\n"
				"b,,teams,+444,x\n"
				"a,,teams,+447,xx\n"
				"ax,,teams,+448,\n"));
	e = entry("+441");
	assert_ptr_equal(e, entry("+442"));
	assert_ptr_equal(e, entry("+4450"));
	assert_null(entry("+4451"));
	assert_ptr_equal(e, entry("+4469"));
	assert_int_equal(5, rule.line);
	assert_null(entry("+4461"));
	assert_ptr_not_equal(e, entry("+443"));
	assert_int_equal(ZOOM, entry("+443")->trunkv[0]);
	assert_string_equal("b", entry("+444")->label);
	assert_string_equal("xx", entry("+447")->account->name);
	assert_string_equal("ax", entry("+448")->label);
	assert_string_equal("", entry("+448")->account->name);
}

static void a_bad_row_is_told_each_time(void **state)
{
	(void)state;

	assert_int_equal(EINVAL, csv("number,trunk,headers_to_carrier\n"
				     "+441,teems,\n+442,teems,\n"
				     "+443,teams,maybe\nx,teams,maybe\n"
				     "+445,teams,\ny,teams,\n"));
	assert_int_equal(6, reports.n);
	assert_int_equal(2, reports.v[0].line);
	assert_int_equal(3, reports.v[1].line);
	assert_int_equal(4, reports.v[2].line);
	assert_int_equal(5, reports.v[3].line);
	assert_int_equal(5, reports.v[4].line);
	assert_int_equal(7, reports.v[5].line);
	assert_string_equal("y", reports.v[5].value);
}

/* Rows as they are asked for, and no text of them anywhere. */
struct stream {
	size_t rows, row;
	char text[64]; /* the row that is being read */
	size_t at, len;
};

static void stream_row(struct stream *s)
{
	const char *trunk = s->row % 3 ? "teams" : "zoom";

	s->at = 0;
	s->len = (size_t)snprintf(s->text, sizeof(s->text), "%s,label %zu,+44%08zu\n", trunk,
				  s->row / 2, s->row);
	++s->row;
}

static int on_stream(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct stream *s = arg;
	size_t n = 0;

	while (n < size && (s->at < s->len || s->row < s->rows)) {
		if (s->at == s->len)
			stream_row(s);
		buf[n++] = s->text[s->at++];
	}
	*lenp = n;

	return 0;
}

/* More that differs than the cache of rows holds. */
static void many_rows_that_differ(void **state)
{
	struct stream s = {.rows = 300000, .text = "trunk,label,number\n", .len = 19};
	(void)state;

	assert_int_equal(0, sp_number_csv_read(build, "n.csv", on_stream, &s));
	assert_int_equal(0, reports.n);
	for (size_t i = 0; i < s.rows; i += 997) {
		char number[32], label[32];

		snprintf(number, sizeof(number), "+44%08zu", i);
		snprintf(label, sizeof(label), "label %zu", i / 2);
		assert_non_null(entry(number));
		assert_string_equal(label, rule.entry->label);
		assert_int_equal(i % 3 ? TEAMS : ZOOM, rule.entry->trunkv[0]);
		assert_int_equal(i + 2, rule.line);
	}
	assert_int_equal(s.rows, sp_number_count(table));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(slices_of_any_size),           T(cut_at_every_byte),
		T(a_row_longer_than_the_buffer), T(what_the_reader_cannot_read_is_told),
		T(stops_between_rows),           T(rows_that_say_the_same_share_an_entry),
		T(a_bad_row_is_told_each_time),  T(many_rows_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
