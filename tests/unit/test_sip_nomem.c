/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sip/write: an answer while there is no memory (RFC 3261 17.2: who asked gets
 * one). It is written into what was put by for that, which serves again for the
 * next one, and keeps nothing of it: a description has keys in it (RFC 4568).
 */
#include "alloc_fault.h"

#include <re.h>
#include "sip_priv.h"

/* What the peer reads is the test's own. */
static int wire_frame_read(struct sp_sip_frame *frame, const uint8_t *p, size_t n, const char **why)
{
	const unsigned was = alloc_pause();
	const int err = sp_sip_frame_input(frame, p, n, why);

	alloc_leave(was);
	return err;
}

#define sp_sip_frame_input wire_frame_read
#include "sip_fixture.h"
#undef sp_sip_frame_input

enum { FOREVER = 1 << 30 };

static int answer(struct fixture *f, uint16_t status, const char *body)
{
	struct sp_sip_reply r = {.status = status, .content_type = "application/sdp"};
	unsigned was;
	int err;

	pl_set_str(&r.body, body);
	alloc_plan(1, FOREVER);
	was = alloc_enter();
	err = sp_sip_reply(f->st, &r);
	alloc_leave(was);
	assert_true(alloc_state.failed > 0);
	alloc_heal();
	return err;
}

static void assert_wiped(const struct fixture *f)
{
	for (size_t i = 0; i < f->sip->spare->size; i++)
		assert_int_equal(0, f->sip->spare->buf[i]);
}

/* The spare may have anything in it before. */
static void begin(struct fixture *f)
{
	(void)mbuf_fill(f->sip->spare, 0, f->sip->spare->size);
}

static void answered_and_wiped(void **state)
{
	static const char *const bodies[] = {"a=crypto:1 X inline:secret\r\n", "v=0\r\n"};
	struct fixture *f = *state;

	begin(f);
	for (unsigned i = 0; i < 2; i++) {
		feed_request(&f->a, "UPDATE", i ? "z9hG4bK2" : "z9hG4bK1", 1 + i, "tt", NULL);
		assert_int_equal(0, answer(f, 200, bodies[i]));
		assert_int_equal(1 + i, f->a.n);
		assert_int_equal(200, f->a.sent[i]->status);
		assert_pl(bodies[i], &f->a.sent[i]->body);
		assert_wiped(f);
	}
}

/* A connection that takes it and breaks, or does not take it: it is wiped all the same. */
static void unsent_and_wiped(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->a.err = ENOTCONN;
	feed_request(&f->a, "UPDATE", "z9hG4bK1", 1, "tt", NULL);
	assert_int_equal(ENOTCONN, answer(f, 200, "a=crypto:1 X inline:secret\r\n"));
	assert_wiped(f);
	f->a.gone_on_send = true;
	f->a.err = 0;
	feed_request(&f->a, "UPDATE", "z9hG4bK2", 2, "tt", NULL);
	(void)answer(f, 200, "a=crypto:1 X inline:secret\r\n");
	assert_wiped(f);
}

/* 13.3.1.4: a 2xx to INVITE is repeated, so it must have memory of its own. */
static void not_what_is_repeated(void **state)
{
	struct fixture *f = *state;

	begin(f);
	feed_request(&f->a, "INVITE", "z9hG4bK1", 1, NULL, NULL);
	assert_int_equal(ENOMEM, answer(f, 200, "a=crypto:1 X inline:secret\r\n"));
	assert_int_equal(0, f->a.n);
	assert_int_equal(0, answer(f, 500, ""));
	assert_int_equal(500, f->a.sent[0]->status);
	assert_wiped(f);
	feed_request(&f->a, "ACK", "z9hG4bK1", 1, "x", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(answered_and_wiped),
		fixture_test(unsent_and_wiped),
		fixture_test(not_what_is_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
