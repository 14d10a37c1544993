/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_metrics: Prometheus text, format 0.0.4. promtool looks at the
 * real thing in tests/system/test_status.py; here it is about what promtool
 * does not say, and about what a peer might write.
 */
#include "status_fixture.h"

static void test_samples(void **state)
{
	struct app_status *s = status_make(2, 2);
	char *text = status_print(&status_metrics, s, NULL);

	(void)state;
	expect_line(text, "# HELP sallyport_calls Calls at this moment, those that ring too.");
	expect_line(text, "# TYPE sallyport_calls gauge");
	expect_line(text, "sallyport_calls 3");
	expect_line(text, "# TYPE sallyport_calls_total counter");
	expect_line(text, "sallyport_calls_total{result=\"failed\"} 1");
	expect_line(text, "sallyport_build_info{version=\"1.2.3\"} 1");
	expect_line(text, "sallyport_cpu_seconds_total 12.345");
	expect_line(text, "sallyport_loop_lag_seconds 0.007");
	expect_line(text, "sallyport_overload_admitted_ratio 1.000");
	expect_line(text, "sallyport_interface_info{interface=\"core\",sip=\"[2001:db8::1]:5061\","
			  "media=\"192.0.2.9\"} 1");
	expect_line(text, "# TYPE sallyport_media_port_pairs_hurried_total counter");
	expect_line(text, "sallyport_media_port_pairs_hurried_total{interface=\"core\"} 3");
	expect_line(text, "sallyport_tls_refused_total{interface=\"core\",reason=\"handshake\"} 4");
	expect_line(text, "sallyport_trunk_calls{trunk=\"trunk-1\",direction=\"in\"} 2");
	expect_line(text, "sallyport_target_up{trunk=\"trunk-1\",target=\"sbc.example.net:5061\","
			  "address=\"192.0.2.1\"} 1");
	expect_line(text, "sallyport_target_state_seconds{trunk=\"trunk-0\",target=\"sbc.example."
			  "net:5061\",address=\"192.0.2.2\"} 61.500");
	expect_line(text, "sallyport_certificate_expiry_timestamp_seconds{file=\"/etc/sallyport/"
			  "core.crt\",kind=\"certificate\"} 1772442904");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	mem_deref(text);
	mem_deref(s);
}

/* A limit that is not set and a time that was never measured are not 0. */
static void test_no_zeros(void **state)
{
	struct app_status *s = status_make(1, 2);
	char *text = status_print(&status_metrics, s, NULL);

	(void)state;
	expect_line(text, "sallyport_trunk_limit{trunk=\"trunk-0\",limit=\"calls_in\"} 20");
	assert_null(strstr(text, "sallyport_trunk_limit{trunk=\"trunk-0\",limit=\"calls\"}"));
	expect_line(text, "sallyport_target_options_seconds{trunk=\"trunk-0\",target=\"sbc.example."
			  "net:5061\",address=\"192.0.2.1\"} 0.012");
	assert_null(strstr(text, "sallyport_target_options_seconds{trunk=\"trunk-0\",target=\"sbc."
				 "example.net:5061\",address=\"192.0.2.2\"}"));
	mem_deref(text);
	mem_deref(s);
}

/* What stands before the value: name and labels. */
static size_t series_len(const char *line)
{
	const char *end = strchr(line, '\n'), *p = end;

	while (p > line && *p != ' ')
		p--;

	return (size_t)(p - line);
}

/*
 * The rules of the format: HELP and TYPE once per name and before its samples,
 * samples of a name together, no series twice.
 */
static void check_rules(const char *text)
{
	char name[128] = "", head[160];
	const char *line, *next;

	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next);
		next++;
		if (!strncmp(line, "# HELP ", 7)) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 7, " "), line + 7);
			snprintf(head, sizeof(head), "\n# HELP %s ", name);
			assert_null(strstr(line, head)); /* each once */
			snprintf(head, sizeof(head), "# TYPE %s ", name);
			assert_false(strncmp(next, head, strlen(head)));
		} else if (*line != '#') {
			assert_int_equal(strcspn(line, "{ "), strlen(name));
			assert_false(strncmp(line, name, strlen(name)));
		}
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Destroys the text. */
static void check_unique(char *text)
{
	size_t lines = 0, n = 0;
	const char **v;
	char *line, *next;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	v = mem_zalloc(lines * sizeof(*v), NULL);
	for (line = text; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (*line == '#')
			continue;
		line[series_len(line)] = '\0';
		v[n++] = line;
	}
	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 1; i < n; i++)
		assert_string_not_equal(v[i - 1], v[i]);
	mem_deref((void *)v);
}

static void test_rules(void **state)
{
	struct app_status *s = status_make(130, 3); /* several blocks */
	size_t largest = 0;
	char *text;

	(void)state;
	for (size_t i = 0; i < s->targetc; i++)
		s->targetv[i].twin = 7;
	status_find_twins(s); /* the third of each trunk is as the second */
	for (size_t i = 0; i < s->targetc; i++)
		assert_int_equal(s->targetv[i].twin, i % 3 == 2);
	text = status_print(&status_metrics, s, &largest);
	assert_true(largest < STATUS_CHUNK);
	check_rules(text);
	check_unique(text);
	mem_deref(text);

	/* every name is told, also of what there is none */
	s->interfacec = s->trunkc = s->targetc = s->certc = 0;
	text = status_print(&status_metrics, s, NULL);
	check_rules(text);
	expect_line(text, "# TYPE sallyport_target_up gauge");
	assert_null(strstr(text, "sallyport_target_up{"));
	mem_deref(text);
	mem_deref(s);
}

/* A label's value can hold anything without ending it, its line, or being no UTF-8. */
static void test_hostile(void **state)
{
	static const char escaped[] =
		"\"a\\\"b\\\\c\\nd\re\x1b[31m\\\\xff\\\\xc0\\\\x80}\xe2\x82\xac\"";
	struct app_status *s = status_make_hostile();
	char *text = status_print(&status_metrics, s, NULL);
	char line[512];

	(void)state;
	check_rules(text);
	assert_true(status_utf8(text));
	snprintf(line, sizeof(line), "sallyport_target_up{trunk=%s,target=%s,address=%s} 1",
		 escaped, escaped, escaped);
	expect_line(text, line);
	snprintf(line, sizeof(line), "sallyport_build_info{version=%s} 1", escaped);
	expect_line(text, line);
	mem_deref(text);
	mem_deref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_no_zeros),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
