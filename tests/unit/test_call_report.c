/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call/report: the calls as they are told of, in slices, while calls come and go.
 */
#include "call_fixture.h"

enum { SEEN = 64 };

struct seen {
	struct sp_call_report v[SEEN];
	char id[SEEN][SP_CALL_ID_SIZE];
	size_t n, most; /* of one slice */
};

static bool see(const struct sp_call_report *r, void *arg)
{
	struct seen *s = arg;

	assert_true(s->n < SEEN);
	s->v[s->n] = *r;
	re_snprintf(s->id[s->n], sizeof(s->id[0]), "%s", r->id);
	s->n++;
	return s->n % s->most;
}

/* All of it, in one slice. */
static struct seen all(const struct fx *f)
{
	struct sp_call_cursor cursor = {0};
	struct seen s = {.most = SEEN};

	assert_false(sp_calls_report(f->calls, &cursor, see, &s));
	return s;
}

static void expect_number(const struct pl *number, const char *text)
{
	if (text)
		assert_int_equal(pl_strcmp(number, text), 0);
	else
		assert_null(number->p);
}

static struct sp_call *call_at(const struct fx *f, size_t i)
{
	struct le *le = list_head(&f->calls->calls);

	while (le && i--)
		le = le->next;
	return le ? le->data : NULL;
}

static void no_calls(void **state)
{
	assert_int_equal(all(*state).n, 0);
}

static void a_call_from_its_invite_to_its_end(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	struct seen s;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond(&f->service, inv, 180, NULL);
	expect(&f->carrier, "180");
	sp_loop_advance(f->loop, 1500);

	s = all(f);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.v[0].id, call_at(f, 0)->id);
	assert_string_equal(s.v[0].state, "ringing");
	assert_string_equal(s.v[0].trunk[SP_SIDE_CALLER], "carrier");
	assert_string_equal(s.v[0].trunk[SP_SIDE_CALLEE], "service");
	expect_number(&s.v[0].number[SP_SIDE_CALLER], CARRIER_NUMBER);
	expect_number(&s.v[0].number[SP_SIDE_CALLEE], SERVICE_NUMBER);
	assert_int_equal(s.v[0].age_ms, 1500);
	assert_int_equal(s.v[0].talk_ms, 0);
	assert_string_equal(s.v[0].media, "none");
	assert_int_equal(sp_relay_streams(s.v[0].relay), 1);
	assert_false(s.v[0].emergency);

	respond(&f->service, inv, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	sp_loop_advance(f->loop, 2000);
	s = all(f);
	assert_string_equal(s.v[0].state, "up");
	assert_int_equal(s.v[0].age_ms, 3500);
	assert_int_equal(s.v[0].talk_ms, 2000);

	/* the gateway still waits for the callee's answer to BYE, the media is given back */
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	s = all(f);
	assert_string_equal(s.v[0].state, "ending");
	assert_null(s.v[0].relay);
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	assert_int_equal(all(f).n, 0);
	expect_clean(f);
}

/* RFC 3323: who wants not to be known is not told here either. */
static void withheld(void **state)
{
	struct fx *f = *state;
	struct seen s;

	invite(&f->carrier, SERVICE_NUMBER, "Privacy: id\r\n",
	       sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	s = all(f);
	assert_int_equal(s.n, 1);
	expect_number(&s.v[0].number[SP_SIDE_CALLER], NULL);
	expect_number(&s.v[0].number[SP_SIDE_CALLEE], SERVICE_NUMBER);
}

static void ring(struct fx *f)
{
	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	expect(&f->service, "INVITE");
}

/* Every call of the beginning that is still there, each once, the oldest first, however
 * small the slices are. */
static void slices(void **state)
{
	struct fx *f = *state;

	f->conf->limits.calls = 100;
	for (size_t i = 0; i < 7; i++)
		ring(f);
	for (size_t most = 1; most < 9; most++) {

		struct sp_call_cursor cursor = {0};
		struct seen s = {.most = most};
		size_t turns = 1;

		while (sp_calls_report(f->calls, &cursor, see, &s))
			turns++;
		assert_int_equal(s.n, 7);
		assert_int_equal(turns, 7 / most + 1);
		for (size_t i = 0; i < 7; i++)
			assert_string_equal(s.id[i], call_at(f, i)->id);
		assert_false(sp_calls_report(f->calls, &cursor, see, &s));
		assert_int_equal(s.n, 7);
	}
}

/* Between slices, what was told last, and what comes next, end; others begin. */
static void calls_that_come_and_go(void **state)
{
	struct fx *f = *state;
	struct sp_call_cursor cursor = {0};
	struct seen s = {.most = 2};
	char id[7][SP_CALL_ID_SIZE];

	f->conf->limits.calls = 100;
	for (size_t i = 0; i < 7; i++) {
		ring(f);
		re_snprintf(id[i], sizeof(id[i]), "%s", call_at(f, i)->id);
	}

	assert_true(sp_calls_report(f->calls, &cursor, see, &s)); /* 0, 1 */
	for (size_t i = 0; i < 3; i++)                            /* 1, 2, 3 are gone */
		mem_deref(call_at(f, 1));
	ring(f);
	assert_true(sp_calls_report(f->calls, &cursor, see, &s)); /* 4, 5 */
	mem_deref(call_at(f, 3));                                 /* 6 */
	assert_false(sp_calls_report(f->calls, &cursor, see, &s));

	assert_int_equal(s.n, 4);
	assert_string_equal(s.id[0], id[0]);
	assert_string_equal(s.id[1], id[1]);
	assert_string_equal(s.id[2], id[4]);
	assert_string_equal(s.id[3], id[5]);
	assert_int_equal(all(f).n, 4); /* 0, 4, 5 and the new one */
}

static uint64_t one_way(const struct fx *f)
{
	struct sp_calls_count c;

	sp_calls_count(f->calls, &c);
	return c.one_way;
}

/* A call, with so many RTP packets from either side in a session before, and its end. */
static void talk(struct fx *f, uint64_t caller, uint64_t callee, uint64_t ms, const char *media)
{
	establish(f);
	call_at(f, 0)->rtp[SP_SIDE_CALLER] = caller;
	call_at(f, 0)->rtp[SP_SIDE_CALLEE] = callee;
	assert_string_equal(all(f).v[0].media, media);
	sp_loop_advance(f->loop, ms);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
}

static void one_way_is_counted(void **state)
{
	struct fx *f = *state;

	talk(f, 0, 0, SP_CALL_ONE_WAY_MS, "none");
	talk(f, 1, 1, SP_CALL_ONE_WAY_MS, "both ways");
	talk(f, 9, 0, SP_CALL_ONE_WAY_MS - 1, "one way, from the caller only");
	assert_int_equal(one_way(f), 0);
	talk(f, 9, 0, SP_CALL_ONE_WAY_MS, "one way, from the caller only");
	assert_int_equal(one_way(f), 1);
	talk(f, 0, 9, SP_CALL_ONE_WAY_MS, "one way, from the callee only");
	assert_int_equal(one_way(f), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_calls),
		TEST(a_call_from_its_invite_to_its_end),
		TEST(withheld),
		TEST(slices),
		TEST(calls_that_come_and_go),
		TEST(one_way_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
