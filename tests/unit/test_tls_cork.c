/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/stream: what is sent while a turn reads goes out at the end of it as one,
 * whatever becomes of the connection meanwhile.
 */
#include "tls_raw.h"

enum { ASKS = 20, ANSWER = 5000 };

static size_t answer_size; /* of the handlers below, which get no argument of their own */

/* The n-th answer, each a part of fill()'s pattern. */
static void answer(struct end *e)
{
	static uint8_t all[ASKS * ANSWER];

	fill(all, sizeof(all));
	assert_int_equal(sp_tls_send(e->c, all + (e->datas - 1) * answer_size, answer_size), 0);
}

static void answer_and_close(struct end *e)
{
	answer(e);
	if (e->datas == ASKS / 2)
		sp_tls_close(e->c);
}

static void answer_and_release(struct end *e)
{
	answer(e);
	if (e->datas == ASKS / 2)
		e->c = mem_deref(e->c);
}

static void dial(struct world *w, struct raw *r)
{
	const struct raw_opts opts = {.cert = &w->alpha};

	raw_start(r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts && r->up);
}

/* Each in a record of its own, and all there before the other end reads. */
static void ask(struct raw *r)
{
	uint8_t text[ASKS];

	fill(text, sizeof(text));
	for (int i = 0; i < ASKS; i++)
		assert_int_equal(SSL_write(r->ssl, text + i, 1), 1);
}

static unsigned records;

static void count_records(int write, int version, int type, const void *buf, size_t n, SSL *ssl,
			  void *arg)
{
	(void)version;
	(void)n;
	(void)ssl;
	(void)arg;

	/* the header on the wire: 23 is application data (RFC 8446 section 5.1) */
	if (!write && type == SSL3_RT_HEADER && *(const uint8_t *)buf == 23)
		++records;
}

static void test_many_answers_are_one_record(void **state)
{
	struct world *w = *state;
	struct raw r;

	answer_size = 10;
	dial(w, &r);
	w->near.on_data = answer;
	SSL_set_msg_callback(r.ssl, count_records);
	records = 0;
	ask(&r);
	UNTIL(w, r.got == ASKS * answer_size);
	assert_false(r.garbled);
	assert_int_equal(w->near.datas, ASKS);
	assert_int_equal(records, 1);
	assert_null(w->near.c->queue.p);

	/* outside of a turn nothing waits */
	records = 0;
	assert_int_equal(sp_tls_send(w->near.c, (const uint8_t *)"a", 1), 0);
	assert_null(w->near.c->queue.p);
	assert_int_equal(sp_tls_send(w->near.c, (const uint8_t *)"b", 1), 0);
	UNTIL(w, r.got == ASKS * answer_size + 2);
	assert_int_equal(records, 2);
	raw_close(&r);
}

/* More than a record takes goes out meanwhile, in order. */
static void test_large_answers(void **state)
{
	struct world *w = *state;
	struct raw r;

	answer_size = ANSWER;
	dial(w, &r);
	w->near.on_data = answer;
	ask(&r);
	UNTIL(w, r.got == ASKS * answer_size);
	assert_false(r.garbled);
	assert_null(w->near.c->queue.p);
	raw_close(&r);
}

/* Last words: they were sent, so they are sent. */
static void test_answer_and_close(void **state)
{
	void (*const handlers[])(struct end *) = {answer_and_close, answer_and_release};
	struct world *w = *state;

	answer_size = 10;
	for (size_t i = 0; i < 2; i++) {
		struct raw r;

		w->accepts = 0;
		w->near.c = mem_deref(w->near.c);
		memset(&w->near, 0, sizeof(w->near));
		dial(w, &r);
		w->near.on_data = handlers[i];
		ask(&r);
		UNTIL(w, r.closed);
		assert_int_equal(r.got, ASKS / 2 * answer_size);
		assert_false(r.garbled);
		assert_true(r.orderly);
		raw_close(&r);
	}
}

/* It asks, and says goodbye at once: the answers still go out, and why it ended stays. */
static void test_far_end_closes(void **state)
{
	struct world *w = *state;
	struct raw r;

	answer_size = 10;
	dial(w, &r);
	w->near.on_data = answer;
	ask(&r);
	SSL_shutdown(r.ssl);
	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.err, 0);
	assert_string_equal(w->near.why, "peer closed the connection");
	assert_int_equal(w->near.datas, ASKS);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_many_answers_are_one_record),
		WORLD_TEST(test_large_answers),
		WORLD_TEST(test_answer_and_close),
		WORLD_TEST(test_far_end_closes),
	};

	return cmocka_run_group_tests(tests, world_setup_group, world_teardown_group);
}
