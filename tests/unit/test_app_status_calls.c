/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/status_calls and its two printers: what is told of single calls.
 */
#include "status_fixture.h"
#include "app_fixture.h"

#include <jansson.h>

static void test_table(void **state)
{
	struct app_status *s = status_make_calls(2);
	char *text;

	(void)state;
	s->callv[1].emergency = 1;
	s->flowv[1].rtt_us = 98765;
	s->flowv[1].far_told = 1;
	s->flowv[1].far_lost = 17;
	s->flowv[1].far_jitter_us = 900;
	text = status_print(&status_calls, s, NULL);
	expect_line(text,
		    "CALL              STATE             AGE         TALK  FROM     CALLER     "
		    "       TO       CALLEE            MEDIA");
	expect_line(text,
		    "call-00000000000  up        1d 01:01:01     00:01:01  carrier  "
		    "+44163296****     service  -                 one way, from the caller only");
	expect_line(text, "call-00000000001  up        1d 01:01:01     00:01:01  carrier  "
			  "+44163296****     service  -                 both ways; EMERGENCY CALL");
	expect_line(text, "  STREAM  OF        PACKETS        BYTES     LOST    LATE  DUPLICATE  "
			  "UNAUTHENTIC  REPLAYED  JITTER MS   GAP MS  IDLE MS   RTT MS  FAR LOST  "
			  "FAR JITTER MS");
	expect_line(text, "  1       caller       3000       516000        4       3          2  "
			  "          1         0       12.3       61       20        -         -  "
			  "            -");
	expect_line(text, "  1       callee       3001       516000        4       3          2  "
			  "          1         0       12.3       61       20     98.7        17  "
			  "          0.9");
	assert_non_null(strstr(text, "\n-- 2026-01-31T09:15:04Z, 2 calls\n"));
	assert_null(strstr(text, " \n"));
	mem_deref(text);
	mem_deref(s);
}

/* Nothing but the titles and the end; titles and end are of the listing, not of a slice. */
static void test_table_slices(void **state)
{
	struct app_status *s = status_make_calls(0);
	char *text = status_print(&status_calls, s, NULL);

	(void)state;
	assert_int_equal(strncmp(text, "CALL  ", 6), 0);
	assert_non_null(strstr(text, "\n-- 2026-01-31T09:15:04Z, 0 calls\n"));
	mem_deref(text);

	s->listed = 7;
	text = status_print(&status_calls, s, NULL);
	assert_string_equal(text, "-- 2026-01-31T09:15:04Z, 7 calls\n");
	mem_deref(text);

	s->more = (int (*)(struct app_status *))1; /* there is one; nobody calls it */
	text = status_print(&status_calls, s, NULL);
	assert_string_equal(text, "");
	mem_deref(text);
	mem_deref(s);
}

static json_t *parsed(const struct app_status *s)
{
	char *text = status_print(&status_calls_json, s, NULL);
	json_error_t error;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!j)
		fail_msg("line %d: %s in:\n%s", error.line, error.text, text);
	mem_deref(text);

	return j;
}

static json_int_t number(const json_t *j, const char *group, const char *key)
{
	const json_t *in = group ? json_object_get(j, group) : j;

	assert_true(json_is_integer(json_object_get(in, key)));
	return json_integer_value(json_object_get(in, key));
}

static void test_json(void **state)
{
	struct app_status *s = status_make_calls(3);
	const json_t *call, *streams, *flow;
	json_t *j;

	(void)state;
	s->flowv[1].far_told = 1;
	s->flowv[1].far_lost_percent = 12;
	j = parsed(s);
	assert_int_equal(json_array_size(json_object_get(j, "calls")), 3);
	call = json_array_get(json_object_get(j, "calls"), 0);
	assert_string_equal(json_string_value(json_object_get(call, "id")), "call-00000000000");
	assert_string_equal(json_string_value(json_object_get(call, "caller")), "+44163296****");
	assert_string_equal(json_string_value(json_object_get(call, "callee")), "");
	assert_string_equal(json_string_value(json_object_get(call, "media")),
			    "one way, from the caller only");
	assert_int_equal(number(call, NULL, "age_ms"), 90061999);
	assert_true(json_is_false(json_object_get(call, "emergency")));

	streams = json_object_get(call, "streams");
	assert_int_equal(json_array_size(streams), 1);
	flow = json_object_get(json_array_get(streams, 0), "callee");
	assert_int_equal(number(flow, NULL, "packets"), 3001);
	assert_int_equal(number(flow, NULL, "jitter_max_us"), 12345);
	assert_int_equal(number(flow, "dropped", "unauthentic"), 1);
	assert_int_equal(number(flow, "far", "lost_percent"), 12);
	assert_true(json_is_true(json_object_get(json_object_get(flow, "far"), "told")));

	call = json_array_get(json_object_get(j, "calls"), 2);
	streams = json_object_get(call, "streams");
	assert_int_equal(json_array_size(streams), 2);
	flow = json_object_get(json_array_get(streams, 1), "caller");
	assert_int_equal(number(flow, NULL, "packets"), 3008);
	json_decref(j);

	s->callc = 0;
	j = parsed(s);
	assert_int_equal(json_array_size(json_object_get(j, "calls")), 0);
	json_decref(j);
	mem_deref(s);
}

/* What others may have a word in. */
static void test_hostile(void **state)
{
	struct app_status *s = status_make_calls(1);
	json_t *j;
	char *text;

	(void)state;
	s->callv[0].from = s->callv[0].to = s->callv[0].caller = s->callv[0].callee = HOSTILE;
	text = status_print(&status_calls, s, NULL);
	for (const char *p = text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	mem_deref(text);
	j = parsed(s);
	json_decref(j);
	mem_deref(s);
}

/* A slice stays below two chunks, however many streams the calls have and however much came. */
static void test_largest(void **state)
{
	struct app_status *s = status_make_calls(STATUS_CALLS);
	size_t largest = 0;

	(void)state;
	for (size_t i = 0; i < STATUS_CALLS; i++)
		s->callv[i].flows = 0;
	s->callv[0].first_flow = 0;
	s->callv[0].flows = STATUS_FLOWS;
	for (size_t i = 0; i < STATUS_FLOWS; i++) {
		const char *side = s->flowv[i].side;

		memset(&s->flowv[i], 0x77, sizeof(s->flowv[i])); /* 19 digits */
		s->flowv[i].side = side;
	}
	mem_deref(status_print(&status_calls_json, s, &largest));
	assert_in_range(largest, STATUS_CHUNK / 2, 2 * STATUS_CHUNK);
	largest = 0;
	mem_deref(status_print(&status_calls, s, &largest));
	assert_in_range(largest, 1, STATUS_CHUNK);
	mem_deref(s);
}

static void test_names(void **state)
{
	struct pl name = PL("calls");

	(void)state;
	assert_ptr_equal(status_printer(&name), &status_calls);
	name = (struct pl)PL("calls-json");
	assert_ptr_equal(status_printer(&name), &status_calls_json);
	assert_true(status_calls.calls && status_calls_json.calls);
	assert_false(status_table.calls || status_json.calls || status_metrics.calls);
}

/* Of a gateway that runs: with its trunks, before any call; calls are in the system tests. */
static void test_gather(void **state)
{
	struct sp_loop *loop = NULL;
	struct app_status *s = NULL;
	struct sp_app *app = NULL;
	char *text;

	assert_int_equal(sp_loop_alloc_fake(&loop, 5000), 0);
	assert_int_equal(sp_app_alloc(&app, loop, ((struct world *)*state)->conf), 0);
	assert_int_equal(status_gather_calls(&s, app), EAGAIN);
	world_conf(*state, &(struct variant){0});
	assert_int_equal(sp_app_load(app), 0);
	assert_int_equal(status_gather_calls(&s, app), 0);
	assert_int_equal(s->callc, 0);
	assert_null(s->more);
	assert_int_equal(s->name_width, strlen("carrier-a"));
	text = status_print(&status_calls_json, s, NULL);
	assert_string_equal(text, "{\"calls\":[\n]\n}\n");
	mem_deref(text);
	mem_deref(app); /* a client's status may live on to the end of the turn */
	mem_deref(s);
	mem_deref(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_slices),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_gather, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
