/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The state machine as data: every pair of state and event is either a row of
 * the table or named here as one that is ignored, with the reason.
 */
#include <stdio.h>

#include "call_fixture.h"

/* Pairs that cannot occur, or that mean nothing in that state. One bit per event. */
#define BIT(ev) (1U << (ev))

/* A transfer begins in a call that is up; the rest is of one that is on its way. */
#define TRANSFER                                                                                   \
	(BIT(EV_REFER) | BIT(EV_TARGET_UP) | BIT(EV_TARGET_DOWN) | BIT(EV_JOINED) | BIT(EV_LEFT))

static const unsigned ignored[STATES] = {
	/* No INVITE went out: there is no callee to hear from, and no answer to acknowledge. */
	[ROUTING] = TRANSFER | BIT(EV_PROVISIONAL) | BIT(EV_ANSWER) | BIT(EV_FAILURE) |
		    BIT(EV_NO_RESPONSE) | BIT(EV_ACK) | BIT(EV_NO_ACK) | BIT(EV_ACCEPTED) |
		    BIT(EV_UPDATED) | BIT(EV_REJECTED) | BIT(EV_LOST) | BIT(EV_SILENCE) |
		    BIT(EV_LEG_ENDED),
	/* The connection is found; media is not watched before the answer. */
	[CALLING] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_ACK) | BIT(EV_NO_ACK) |
		    BIT(EV_ACCEPTED) | BIT(EV_UPDATED) | BIT(EV_REJECTED) | BIT(EV_LOST) |
		    BIT(EV_SILENCE) | BIT(EV_LEG_ENDED),
	[RINGING] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_ACK) | BIT(EV_NO_ACK) |
		    BIT(EV_ACCEPTED) | BIT(EV_SILENCE) | BIT(EV_LEG_ENDED),
	/* Late provisionals mean nothing any more. */
	[ANSWERED] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) |
		     BIT(EV_ANSWER) | BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) |
		     BIT(EV_RING_LIMIT) | BIT(EV_ACCEPTED) | BIT(EV_LEG_ENDED),
	/* A CANCEL after the 2xx has no effect (RFC 3261 9.2). */
	[UP] = BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) | BIT(EV_ANSWER) |
	       BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) | BIT(EV_RING_LIMIT) |
	       BIT(EV_CANCEL) | BIT(EV_ACCEPTED) | BIT(EV_TARGET_UP) | BIT(EV_TARGET_DOWN) |
	       BIT(EV_JOINED) | BIT(EV_LEFT) | BIT(EV_LEG_ENDED),
	[CHANGING] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) |
		     BIT(EV_ANSWER) | BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) |
		     BIT(EV_LEG_ENDED),
	[CHANGED] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) |
		    BIT(EV_ANSWER) | BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) |
		    BIT(EV_RING_LIMIT) | BIT(EV_CANCEL) | BIT(EV_ACCEPTED) | BIT(EV_UPDATED) |
		    BIT(EV_REJECTED) | BIT(EV_LOST) | BIT(EV_LEG_ENDED),
	/* Only one transfer at a time, and no change beside it. */
	[REFERRED] = BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) | BIT(EV_ANSWER) |
		     BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) | BIT(EV_RING_LIMIT) |
		     BIT(EV_CANCEL) | BIT(EV_ACCEPTED) | BIT(EV_UPDATED) | BIT(EV_REJECTED) |
		     BIT(EV_LOST) | BIT(EV_REFER) | BIT(EV_JOINED) | BIT(EV_LEG_ENDED),
	[JOINING] = BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) | BIT(EV_ANSWER) |
		    BIT(EV_FAILURE) | BIT(EV_RETRY) | BIT(EV_NO_RESPONSE) | BIT(EV_RING_LIMIT) |
		    BIT(EV_CANCEL) | BIT(EV_ACCEPTED) | BIT(EV_UPDATED) | BIT(EV_REJECTED) |
		    BIT(EV_LOST) | BIT(EV_REFER) | BIT(EV_TARGET_UP) | BIT(EV_LEG_ENDED),
	/* The legs wind down; a fault or a second cause changes nothing. */
	[ENDING] = TRANSFER | BIT(EV_PICKED) | BIT(EV_UNREACHABLE) | BIT(EV_PROVISIONAL) |
		   BIT(EV_RETRY) | BIT(EV_RING_LIMIT) | BIT(EV_CANCEL) | BIT(EV_ACK) |
		   BIT(EV_NO_ACK) | BIT(EV_ACCEPTED) | BIT(EV_UPDATED) | BIT(EV_REJECTED) |
		   BIT(EV_LOST) | BIT(EV_SILENCE) | BIT(EV_FAULT) | BIT(EV_SHUTDOWN),
	[ENDED] = BIT(EVENTS) - 1,
};

static void every_pair_is_decided(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STATES; s++) {
		for (unsigned e = 0; e < EVENTS; e++) {
			const struct transition *t = transition_find((enum state)s, (enum event)e);
			bool ign = ignored[s] & BIT(e);

			if ((t != NULL) == ign)
				fail_msg("%s x %s is %s", state_name((enum state)s),
					 event_name((enum event)e),
					 ign ? "both a row and ignored" : "not decided");
		}
	}
}

static void no_pair_stands_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < transitionc; i++)
		assert_ptr_equal(&transitions[i],
				 transition_find(transitions[i].state, transitions[i].event));
}

static void every_row_has_names_and_an_action(void **state)
{
	(void)state;
	for (size_t i = 0; i < transitionc; i++) {
		assert_non_null(transitions[i].action);
		assert_string_not_equal("?", state_name(transitions[i].state));
		assert_string_not_equal("?", state_name(transitions[i].next));
		assert_string_not_equal("?", event_name(transitions[i].event));
	}
}

/* No state is a trap: from each, ENDED can be reached. */
static void every_state_leads_to_the_end(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STATES; s++) {
		bool reached[STATES] = {false};
		bool grew = true;

		reached[s] = true;
		while (grew) {
			grew = false;
			for (size_t i = 0; i < transitionc; i++) {
				const struct transition *t = &transitions[i];

				if (reached[t->state] && !reached[t->next])
					grew = reached[t->next] = true;
			}
		}
		assert_true(reached[ENDED]);
	}
}

/* Ignored events really do nothing: thrown at live calls, in every state they pass through. */
static void ignored_events_do_nothing(void **state)
{
	struct fx *f = *state;
	struct sp_call *call;

	establish(f);
	call = list_ledata(f->calls->calls.head);
	assert_int_equal(UP, call->state);
	for (unsigned e = 0; e < EVENTS; e++) {
		if (ignored[UP] & BIT(e))
			call_event(call, (enum event)e, &(struct input){.leg = call->leg[0]});
	}
	assert_int_equal(UP, call->state);
	expect_silence(&f->carrier);
	expect_silence(&f->service);
	sp_calls_end(f->calls);
	assert_int_equal(ENDING, call->state);
	for (unsigned e = 0; e < EVENTS; e++) {
		if (ignored[ENDING] & BIT(e))
			call_event(call, (enum event)e, &(struct input){.leg = call->leg[0]});
	}
	assert_int_equal(ENDING, call->state);
	expect_clean(f);
}

/* docs/states.md, as it has to be. */
static int states_page(struct re_printf *pf, void *arg)
{
	int err;

	(void)arg;
	err = re_hprintf(
		pf,
		"# States of a call\n\n"
		"Generated from `src/call/table.c` (`test_call_table --print`); a test "
		"keeps the two equal.\nWhat is not in a state's table is ignored there. "
		"The actions are in `src/call/setup.c`,\n`retry.c`, `change.c`, `transfer.c` and "
		"`end.c`, one function each.\n");
	for (unsigned s = 0; s < STATES && !err; s++) {
		bool any = false;

		for (size_t i = 0; i < transitionc && !err; i++) {
			const struct transition *t = &transitions[i];

			if (t->state != (enum state)s)
				continue;
			if (!any)
				err = re_hprintf(pf,
						 "\n## %s\n\n| event | next | action |\n"
						 "| --- | --- | --- |\n",
						 state_name((enum state)s));
			any = true;
			if (!err)
				err = re_hprintf(pf, "| %s | %s | `%s` |\n", event_name(t->event),
						 state_name(t->next), t->action_name);
		}
		if (!any && !err)
			err = re_hprintf(pf, "\n## %s\n\nNothing more can happen.\n",
					 state_name((enum state)s));
	}
	return err;
}

static void the_page_says_what_the_table_says(void **state)
{
	static char page[16384];
	FILE *f = fopen(SP_SOURCE_DIR "/docs/states.md", "r");
	char *want = NULL;
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[n] = '\0';
	assert_int_equal(0, re_sdprintf(&want, "%H", states_page, NULL));
	if (strcmp(page, want))
		print_message("docs/states.md is out of date: test_call_table --print\n");
	assert_true(0 == strcmp(page, want));
	mem_deref(want);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_is_decided),
		cmocka_unit_test(no_pair_stands_twice),
		cmocka_unit_test(every_row_has_names_and_an_action),
		cmocka_unit_test(every_state_leads_to_the_end),
		cmocka_unit_test(the_page_says_what_the_table_says),
		cmocka_unit_test_setup_teardown(ignored_events_do_nothing, fx_setup, fx_teardown),
	};

	if (argc == 2 && !strcmp(argv[1], "--print")) {
		(void)re_printf("%H", states_page, NULL);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
