/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_fields, status_text, status_table, status_json: whatever is in
 * the struct, people get printable ASCII and programs get JSON (RFC 8259).
 */
#include "status_fixture.h"

#include <jansson.h>

static char *printed(re_printf_h *h, const char *s)
{
	char *text = NULL;

	assert_int_equal(re_sdprintf(&text, "%H", h, s), 0);
	return text;
}

static void expect_printed(re_printf_h *h, const char *s, const char *wanted)
{
	char *text = printed(h, s);

	assert_string_equal(text, wanted);
	mem_deref(text);
}

/* RFC 3629 3 and 4: overlong forms, surrogates, what is cut off. */
static void test_utf8(void **state)
{
	static const char *const good[] = {"",
					   "abc",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xef\xbf\xbf",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",
					  "\xc2",         "\xe0\x9f\xbf",     "\xed\xa0\x80",
					  "\xe2\x82",     "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
					  "\xf5\x80\x80", "a\xffz",           "\xf0\x90\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(status_utf8(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(status_utf8(bad[i]));
}

static void test_text(void **state)
{
	(void)state;
	expect_printed((re_printf_h *)status_plain, "a b~\x7f\t\xe2", "a b~\\x7f\\x09\\xe2");
	expect_printed((re_printf_h *)status_label, "a\"b\\c\nd\xe2\x82\xac\xff",
		       "a\\\"b\\\\c\\nd\xe2\x82\xac\\\\xff");
}

static void test_times(void **state)
{
	static const struct {
		uint64_t s;
		const char *time, *span;
	} v[] = {
		{0, "-", "00:00:00"},
		{59, "1970-01-01T00:00:59Z", "00:00:59"},
		{3661, "1970-01-01T01:01:01Z", "01:01:01"},
		{1769850904, "2026-01-31T09:15:04Z", "20484d 09:15:04"},
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		re_snprintf(buf, sizeof(buf), "%H", status_time, &v[i].s);
		assert_string_equal(buf, v[i].time);
		re_snprintf(buf, sizeof(buf), "%H", status_span, &v[i].s);
		assert_string_equal(buf, v[i].span);
	}
}

/* Keys once each; the fields of a metric together, the help with the first of them. */
static void test_fields(void **state)
{
	(void)state;
	for (enum status_scope scope = 0; scope < STATUS_SCOPES; scope++) {
		size_t n;
		const struct status_field *v = status_fields(scope, &n);

		for (size_t i = 0; i < n; i++) {
			const bool first =
				!i || str_cmp(v[i].metric, v[i - 1].metric) || !v[i].metric;

			assert_true(v[i].key || v[i].metric);
			assert_int_equal(v[i].metric && first, v[i].help != NULL);
			assert_int_equal(!v[i].label, !v[i].value);
			assert_false(v[i].metric && v[i].unit == STATUS_STRING);
			for (size_t k = 0; k < i; k++) {
				if (v[i].key && v[k].key)
					assert_string_not_equal(v[i].key, v[k].key);
				if (v[i].metric && first && v[k].metric)
					assert_string_not_equal(v[i].metric, v[k].metric);
			}
		}
	}
}

/* The names of limits are those of the configuration, in trunk/ as here, and none is missing. */
static void test_limit_names(void **state)
{
	struct app_status_trunk t = {0};
	size_t n, seen = 0;
	const struct status_field *v = status_fields(STATUS_TRUNK, &n);

	(void)state;
	for (size_t i = 0; i < STATUS_REASONS; i++)
		t.refused[i] = i;
	for (size_t i = 0; i < n; i++) {
		uint64_t reason;

		if (str_cmp(v[i].metric, "trunk_refused_calls_total"))
			continue;
		reason = status_number(&t, &v[i]);
		assert_string_equal(v[i].value, sp_trunk_limit_name((enum sp_trunk_limit)reason));
		seen++;
	}
	assert_int_equal(seen, STATUS_REASONS - 1);
}

static void test_table(void **state)
{
	struct app_status *s = status_make(2, 2);
	char *text = status_print(&status_table, s, NULL);

	(void)state;
	expect_line(text, "sallyport 1.2.3, pid 42, running, up 1d 00:00:01");
	expect_line(text, "calls          3 of 400, 0 emergency; begun 10, answered 6, failed 1, "
			  "refused 2, without media 0, one way 0");
	expect_line(text, "media          relayed 0 packets, 0 bytes; dropped 0");
	expect_line(text, "TRUNK      KIND     STATE         IN        OUT      CALLS   ACCEPTED  "
			  "WAITING  NUMBERS  REFUSED CALLS");
	expect_line(text,
		    "trunk-1    carrier  up          2/20        1/-        3/-        0/-        "
		    "0        0  5 (calls_per_s 5)");
	expect_line(text,
		    "trunk-0    sbc.example.net:5061  192.0.2.2           down        00:01:01 "
		    "     2        1         7         1  asked to be left alone for 30 s; no "
		    "connection: Connection refused");
	expect_line(text, "       30  2026-03-02T09:15:04Z  certificate  /etc/sallyport/core.crt  "
			  "CN=core.example");
	expect_line(text, "-- 2026-01-31T09:15:04Z");
	assert_null(strstr(text, " \n"));
	assert_null(strstr(text, "OVERLOAD"));
	mem_deref(text);

	s->gateway.load_ok = 0;
	s->gateway.overloaded = 1;
	s->gateway.overload_cause = "lag";
	s->gateway.share_milli = 250;
	s->targetc = s->trunkc = 0;
	s->gateway.packets = 12;
	s->gateway.bytes = 2000;
	s->gateway.unauthentic = 3;
	s->gateway.early = 1;
	text = status_print(&status_table, s, NULL);
	expect_line(text,
		    "media          relayed 12 packets, 2000 bytes; dropped 4 (unauthentic 3, "
		    "early 1)");
	assert_non_null(strstr(text, "AND THE LAST RELOAD FAILED"));
	assert_non_null(strstr(text, "NOW, by lag: 250 of 1000 new calls"));
	assert_null(strstr(text, "TRUNK"));
	mem_deref(text);
	mem_deref(s);
}

static void test_table_hostile(void **state)
{
	struct app_status *s = status_make_hostile();
	char *text = status_print(&status_table, s, NULL);

	(void)state;
	assert_non_null(strstr(text, "a\"b\\c\\x0ad\\x0de\\x1b[31m\\xff"));
	for (const char *p = text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	mem_deref(text);
	mem_deref(s);
}

static json_t *parsed(const struct app_status *s, size_t *largest)
{
	char *text = status_print(&status_json, s, largest);
	json_error_t error;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!j)
		fail_msg("line %d: %s in:\n%s", error.line, error.text, text);
	mem_deref(text);

	return j;
}

/* key "a.b.0.c" of j */
static const json_t *at(const json_t *j, const char *path)
{
	char key[64];

	while (*path) {
		const size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		j = json_is_array(j) ? json_array_get(j, (size_t)atoi(key))
				     : json_object_get(j, key);
		if (!j)
			fail_msg("nothing at %s", path);
		path += n + (path[n] == '.');
	}

	return j;
}

static void test_json(void **state)
{
	struct app_status *s = status_make(2, 2);
	json_t *j;

	(void)state;
	s->certv[0].days_left = -3;
	j = parsed(s, NULL);
	assert_string_equal(json_string_value(at(j, "gateway.version")), "1.2.3");
	assert_int_equal(json_integer_value(at(j, "gateway.calls.now")), 3);
	assert_int_equal(json_integer_value(at(j, "gateway.load.lag_ms")), 7);
	assert_true(json_is_true(at(j, "gateway.configuration.last_ok")));
	assert_true(json_is_false(at(j, "gateway.overload.now")));
	assert_string_equal(json_string_value(at(j, "interfaces.0.sip.address")),
			    "[2001:db8::1]:5061");
	assert_int_equal(json_integer_value(at(j, "interfaces.0.media.ports.1")), 20999);
	assert_int_equal(json_array_size(at(j, "trunks")), 2);
	assert_string_equal(json_string_value(at(j, "trunks.1.name")), "trunk-1");
	assert_int_equal(json_integer_value(at(j, "trunks.1.limits.calls_in")), 20);
	assert_int_equal(json_integer_value(at(j, "trunks.1.limits.calls")), 0);
	assert_int_equal(json_integer_value(at(j, "trunks.1.refused.calls_per_s")), 5);
	assert_int_equal(json_array_size(at(j, "trunks.1.targets")), 2);
	assert_string_equal(json_string_value(at(j, "trunks.1.targets.1.state")), "down");
	assert_int_equal(json_integer_value(at(j, "certificates.0.days_left")), -3);
	json_decref(j);

	s->interfacec = s->trunkc = s->targetc = s->certc = 0;
	j = parsed(s, NULL);
	assert_int_equal(json_array_size(at(j, "trunks")), 0);
	assert_int_equal(json_array_size(at(j, "interfaces")), 0);
	assert_int_equal(json_array_size(at(j, "certificates")), 0);
	json_decref(j);
	mem_deref(s);
}

static void test_json_hostile(void **state)
{
	struct app_status *s = status_make_hostile();
	json_t *j = parsed(s, NULL);
	const char *why = json_string_value(at(j, "trunks.0.targets.0.why"));

	(void)state;
	assert_non_null(why);
	assert_non_null(strstr(why, "\\x1b[31m\\xff"));
	json_decref(j);

	s->targetv[0].why = "M\xc3\xbcller\n\"";
	j = parsed(s, NULL);
	assert_string_equal(json_string_value(at(j, "trunks.0.targets.0.why")),
			    "M\xc3\xbcller\n\"");
	json_decref(j);
	mem_deref(s);
}

/* As large as a configuration may be: no piece holds the loop for long. */
static void test_large(void **state)
{
	static const struct status_printer *const all[] = {&status_table, &status_json};
	struct app_status *s = status_make(SP_CONF_TRUNKS_MAX, SP_CONF_TARGETS_MAX);
	size_t largest = 0;
	json_t *j = parsed(s, &largest);

	(void)state;
	assert_int_equal(json_array_size(at(j, "trunks")), SP_CONF_TRUNKS_MAX);
	assert_true(largest < STATUS_CHUNK);
	json_decref(j);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *text;

		largest = 0;
		text = status_print(all[i], s, &largest);
		assert_true(largest < STATUS_CHUNK);
		mem_deref(text);
	}
	mem_deref(s);
}

static void test_printers(void **state)
{
	struct pl name = PL("json");

	(void)state;
	assert_ptr_equal(status_printer(&name), &status_json);
	name = (struct pl)PL("metrics");
	assert_ptr_equal(status_printer(&name), &status_metrics);
	name = (struct pl)PL("jso");
	assert_null(status_printer(&name));
	name = (struct pl)PL("");
	assert_null(status_printer(&name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),          cmocka_unit_test(test_text),
		cmocka_unit_test(test_times),         cmocka_unit_test(test_fields),
		cmocka_unit_test(test_limit_names),   cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_hostile), cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_hostile),  cmocka_unit_test(test_large),
		cmocka_unit_test(test_printers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
