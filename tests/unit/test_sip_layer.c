/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layer and its connections: bytes in, order, faults, limits, and whose
 * end comes when.
 */
#include "sip_fixture.h"

static const char OPTIONS[] = "OPTIONS sip:gw.example SIP/2.0\r\n"
			      "Via: SIP/2.0/TLS peer.example;branch=z9hG4bKo%u\r\n"
			      "Max-Forwards: 70\r\nFrom: <sip:a@peer.example>;tag=1\r\n"
			      "To: <sip:gw.example>\r\nCall-ID: c%u\r\nCSeq: 1 OPTIONS\r\n"
			      "Content-Length: 0\r\n\r\n";

static size_t some_options(char *buf, size_t size, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)re_snprintf(buf + len, size - len, OPTIONS, i, i);

	return len;
}

static int input(struct wire *w, const char *p, size_t n)
{
	const char *why = NULL;

	return sp_sip_conn_input(w->c, (const uint8_t *)p, n, &why);
}

static void rfc3261_18_3_messages_come_in_order(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	const size_t n = some_options(buf, sizeof(buf), 3);

	f->reply_at_once = 200;
	for (size_t i = 0; i < n; i += 7)
		assert_int_equal(0, input(&f->a, buf + i, n - i < 7 ? n - i : 7));
	assert_int_equal(3, f->requests);
	assert_int_equal(3, sp_sip_conn_messages(f->a.c));
	assert_int_equal(3, f->a.n);
	assert_header(f->a.sent[0], "Call-ID", "c0");
	assert_header(f->a.sent[1], "Call-ID", "c1");
	assert_header(f->a.sent[2], "Call-ID", "c2");
}

static void rfc5626_3_5_1_ping_is_answered(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, input(&f->a, "\r\n\r\n", 4));
	assert_int_equal(1, f->a.pongs);
	assert_int_equal(0, sp_sip_conn_messages(f->a.c));
	assert_int_equal(0, input(&f->a, "\r\n", 2));
	assert_int_equal(1, f->a.pongs);
	assert_int_equal(0, input(&f->a, "\r\n", 2));
	assert_int_equal(2, f->a.pongs);
}

/* Our own keep-alive, and its answer, which gets none. */
static void rfc5626_4_4_1_our_ping(void **state)
{
	struct fixture *f = *state;

	f->a.pings_too = true;
	assert_int_equal(0, sp_sip_conn_ping(f->a.c));
	assert_int_equal(1, f->a.pings);
	assert_int_equal(0, input(&f->a, "\r\n", 2));
	assert_int_equal(1, sp_sip_conn_pongs(f->a.c));
	assert_int_equal(0, sp_sip_conn_ping(f->a.c));
	assert_int_equal(0, input(&f->a, "\r\n", 2));
	assert_int_equal(2, sp_sip_conn_pongs(f->a.c));
	assert_int_equal(0, f->a.pongs);
	assert_int_equal(0, sp_sip_conn_messages(f->a.c));

	f->a.err = ENOBUFS;
	assert_int_equal(ENOBUFS, sp_sip_conn_ping(f->a.c));
	f->a.err = 0;
	sp_sip_conn_gone(f->a.c);
	assert_int_equal(ENOTCONN, sp_sip_conn_ping(f->a.c));
	assert_int_equal(2, f->a.pings);
}

static void a_message_begins_and_ends(void **state)
{
	struct fixture *f = *state;
	char buf[1024];
	const size_t n = some_options(buf, sizeof(buf), 1);

	assert_false(sp_sip_conn_partial(f->a.c));
	assert_int_equal(0, input(&f->a, buf, 1));
	assert_true(sp_sip_conn_partial(f->a.c));
	assert_int_equal(0, input(&f->a, buf + 1, n - 2));
	assert_true(sp_sip_conn_partial(f->a.c));
	assert_int_equal(0, input(&f->a, buf + n - 1, 1));
	assert_false(sp_sip_conn_partial(f->a.c));
	assert_int_equal(1, f->requests);
}

static void rfc3261_21_4_1_a_fault_is_answered(void **state)
{
	struct fixture *f = *state;
	char buf[1024];
	const size_t n = some_options(buf, sizeof(buf), 1);

	/* no such scheme: 416; and reading goes on */
	feed(&f->a, "INVITE foo:bar SIP/2.0\nVia: SIP/2.0/TLS p.example;branch=z9hG4bK1\n"
		    "Max-Forwards: 70\nFrom: <sip:a@b.example>;tag=1\nTo: <sip:b@c.example>\n"
		    "Call-ID: c\nCSeq: 1 INVITE\n");
	assert_int_equal(0, f->requests);
	assert_int_equal(1, f->a.n);
	assert_int_equal(416, f->a.sent[0]->status);
	assert_true(f->a.sent[0]->to_tag.l > 0);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(1, f->requests);
}

/* What has no answer, or lacks what an answer needs, costs only itself, a number of times. */
static void what_cannot_be_answered_is_dropped(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < SIP_DROPPED_MAX / 2; i++) {
		assert_int_equal(0, feed_err(&f->a, "SIP/2.0 200 OK\nCall-ID: c\n"));
		assert_int_equal(0, feed_err(&f->a,
					     "ACK foo:bar SIP/2.0\n"
					     "Via: SIP/2.0/TLS p.example;branch=z9hG4bK1\n"
					     "Max-Forwards: 70\nFrom: <sip:a@b.example>;tag=1\n"
					     "To: <sip:b@c.example>\nCall-ID: c\nCSeq: 1 ACK\n"));
	}
	for (unsigned i = 0; i < SIP_DROPPED_MAX; i++) {
		assert_int_equal(0,
				 feed_err(&f->b,
					  "INVITE sip:4 4@b.example SIP/2.0\n"
					  "Via: SIP/2.0/TLS p.example;branch=z9hG4bK1\n"
					  "From: <sip:a@b.example>;tag=1\nTo: <sip:4 4@b.example>\n"
					  "Call-ID: c\nCSeq: 1 INVITE\n"));
	}
	assert_int_equal(0, f->a.n);
	assert_int_equal(0, f->b.n);
	assert_int_equal(0, f->requests);
	assert_int_equal(EBADMSG, feed_err(&f->a, "SIP/2.0 200 OK\nCall-ID: c\n"));
	assert_int_equal(EBADMSG, feed_err(&f->b, "OPTIONS sip:a@b.example SIP/2.0\nCall-ID: c\n"));
}

static void what_is_no_sip_ends_the_stream(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(EBADMSG,
			 feed_err(&f->a, "OPTIONS sip:a@b.example HTTP/1.1\nCall-ID: c\n"));
	assert_int_equal(EBADMSG, feed_err(&f->a2, "SIP/2.0\nCall-ID: c\n"));
	assert_int_equal(EBADMSG, feed_err(&f->b, "HTTP/1.1 200 OK\nCall-ID: c\n"));
	assert_int_equal(0, f->a.n + f->b.n);

	/* and it stays ended */
	feed_err(&f->a, "OPTIONS sip:a@b.example SIP/2.0\n");
	assert_int_equal(1, sp_sip_conn_messages(f->a.c));
}

static void what_came_before_a_framing_error_counts(void **state)
{
	struct fixture *f = *state;
	char buf[1024];
	size_t n = some_options(buf, sizeof(buf), 1);
	const char *why = NULL;

	memcpy(buf + n, "\nGET", 4);
	assert_int_equal(EBADMSG, sp_sip_conn_input(f->a.c, (uint8_t *)buf, n + 4, &why));
	assert_non_null(why);
	assert_int_equal(1, f->requests);
}

static void break_a(struct fixture *f)
{
	sp_sip_conn_gone(f->a.c);
}

static void the_connection_goes_in_a_handler(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	const size_t n = some_options(buf, sizeof(buf), 3);

	f->on_request = break_a;
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(1, f->requests);
	assert_true(sp_sip_conn_isgone(f->a.c));
	assert_int_equal(ENOTCONN, input(&f->a, buf, n));
}

static void drop_a(struct fixture *f)
{
	sp_sip_conn_gone(f->a.c);
	f->a.c = mem_deref(f->a.c);
	f->st = mem_deref(f->st);
}

static void the_connection_is_freed_in_a_handler(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	const size_t n = some_options(buf, sizeof(buf), 3);

	f->on_request = drop_a;
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(1, f->requests);
	sp_loop_advance(f->loop, 40000);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void drop_layer(struct fixture *f)
{
	f->sip = mem_deref(f->sip);
}

static void the_layer_is_freed_in_a_handler(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	const size_t n = some_options(buf, sizeof(buf), 1);

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	f->on_request = drop_layer;
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(ENOTCONN, input(&f->a, buf, n));

	/* what was referenced is there, and of no use */
	assert_int_equal(ENOTCONN, sp_sip_reply_status(f->st, 200, NULL));
	assert_int_equal(EALREADY, sp_sip_cancel(f->ct, NULL));
	sp_sip_ctrans_detach(f->ct);
	sp_sip_strans_acked(f->st);
	sp_sip_conn_gone(f->a.c);
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(0, f->errors);
	assert_int_equal(0, f->dones);
}

static void the_layer_ends_all(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_request(&f->a, "INVITE", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	sp_sip_conn_gone(f->a.c);
	f->sip = mem_deref(f->sip);
	assert_int_equal(0, sp_loop_timers(f->loop));
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(0, f->errors);
	assert_int_equal(0, f->dones);
}

static void rfc3261_21_5_4_full_tables(void **state)
{
	struct fixture *f = *state;
	char buf[4096];
	const size_t n = some_options(buf, sizeof(buf), 3);

	f->sip->max = 3;
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(2, f->requests);
	assert_int_equal(1, sp_sip_refused(f->sip));
	assert_int_equal(2, f->a.n);
	assert_int_equal(503, f->a.sent[1]->status);
	assert_header(f->a.sent[1], "Retry-After", "5");
	assert_int_equal(3, sp_sip_transactions(f->sip));

	/* ours neither; but what ends things goes through */
	assert_int_equal(ENOBUFS, send_request(f, &f->a2, SP_SIP_OPTIONS));
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	assert_int_equal(2, sp_sip_transactions(f->sip));
	assert_int_equal(0, send_request(f, &f->a2, SP_SIP_OPTIONS));
}

static void a_cancel_is_sent_though_the_tables_are_full(void **state)
{
	struct fixture *f = *state;

	f->sip->max = 1;
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	assert_int_equal(2, f->a.n);
}

static void one_pong_for_pings_that_come_together(void **state)
{
	struct fixture *f = *state;
	char buf[4096];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = i % 2 ? '\n' : '\r';
	assert_int_equal(0, input(&f->a, buf, sizeof(buf)));
	assert_int_equal(1, f->a.pongs);
	assert_int_equal(0, input(&f->a, "\r\n\r", 3));
	assert_int_equal(1, f->a.pongs);
	assert_int_equal(0, input(&f->a, "\n", 1));
	assert_int_equal(2, f->a.pongs);
}

/* INVITEs that get a failure and no ACK stay for 32 s. */
static void unacknowledged(struct wire *w, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char branch[32];

		re_snprintf(branch, sizeof(branch), "z9hG4bKu%u", first + i);
		feed_request(w, "INVITE", branch, 1 + first + i, NULL, NULL);
	}
}

/* One trunk's sloth is not the other's: on all its connections it has its share, and no more. */
static void an_owner_has_a_share_of_the_tables(void **state)
{
	struct fixture *f = *state;

	f->reply_at_once = 404;
	f->sip->owner_max = 4;
	unacknowledged(&f->a, 0, 2);
	unacknowledged(&f->a2, 2, 3);
	assert_int_equal(2, f->a.n);
	assert_int_equal(3, f->a2.n);
	assert_int_equal(404, f->a2.sent[1]->status);
	assert_int_equal(503, f->a2.sent[2]->status);
	assert_header(f->a2.sent[2], "Retry-After", "5");
	assert_int_equal(1, sp_sip_refused(f->sip));

	unacknowledged(&f->b, 0, 4);
	assert_int_equal(404, f->b.sent[3]->status);

	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	unacknowledged(&f->a, 9, 4);
	assert_int_equal(404, f->a.sent[5]->status);
}

static void an_owner_has_a_share_of_the_memory(void **state)
{
	struct fixture *f = *state;

	f->reply_at_once = 404;
	f->sip->owner_bytes_max = 8192;
	unacknowledged(&f->a, 0, 30);
	assert_int_equal(404, f->a.sent[1]->status);
	assert_int_equal(503, f->a.sent[29]->status);
	assert_true(sp_sip_transactions(f->sip) < 20);

	sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
	unacknowledged(&f->a, 50, 1);
	assert_int_equal(404, f->a.sent[30]->status);
}

static void the_share_outlives_a_connection(void **state)
{
	struct fixture *f = *state;

	f->reply_at_once = 404;
	f->sip->owner_max = 3;
	unacknowledged(&f->a, 0, 3);
	sp_sip_conn_gone(f->a.c);
	unacknowledged(&f->a2, 3, 1);
	assert_int_equal(503, f->a2.sent[0]->status);
}

static void the_real_limit_is_the_documented_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(50000, f->sip->owner_max);
	assert_int_equal(128 << 20, f->sip->owner_bytes_max);

	assert_int_equal(200000, f->sip->max);
}

struct lines {
	unsigned in, out;
	bool whole;
};

static void log_line(enum sp_log_level level, const char *line, void *arg)
{
	struct lines *l = arg;
	(void)level;

	if (strstr(line, "sip_in "))
		++l->in;
	if (strstr(line, "sip_out "))
		++l->out;
	if (strstr(line, "call_id=c0 cseq=1"))
		l->whole = true;
}

static void each_message_is_logged_once(void **state)
{
	struct fixture *f = *state;
	struct lines l = {0};
	char buf[1024];
	const size_t n = some_options(buf, sizeof(buf), 1);

	sp_log_setup(SP_LOG_DEBUG, false);
	sp_log_sink(log_line, &l);
	f->reply_at_once = 200;
	assert_int_equal(0, input(&f->a, buf, n));
	assert_int_equal(1, l.in);
	assert_int_equal(1, l.out);
	assert_true(l.whole);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[1], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	feed_response(&f->a, f->a.sent[1], 487, NULL);
	assert_int_equal(3, l.in);
	assert_int_equal(4, l.out);
	sp_log_sink(NULL, NULL);
	sp_log_setup(SP_LOG_ERROR, false);
}

static void bad_arguments(void **state)
{
	struct fixture *f = *state;
	static const struct sp_sip_handlers none = {0};
	struct sp_sip_conn *c = NULL;
	struct sp_sip *sip = NULL;

	assert_int_equal(EINVAL, sp_sip_alloc(&sip, f->loop, &none, NULL));
	assert_int_equal(EINVAL, sp_sip_conn_alloc(&c, f->sip, "", NULL, wire_send, NULL));
	assert_int_equal(EINVAL, sp_sip_conn_alloc(&c, f->sip, "a\r\nb", NULL, wire_send, NULL));
	assert_int_equal(EINVAL, sp_sip_conn_alloc(&c, f->sip, "a", NULL, NULL, NULL));
	assert_null(c);
	assert_string_equal("gw.example:5061", sp_sip_conn_sent_by(f->a.c));
	assert_ptr_equal(&f->a, sp_sip_conn_owner(f->a2.c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(rfc3261_18_3_messages_come_in_order),
		fixture_test(rfc5626_3_5_1_ping_is_answered),
		fixture_test(rfc5626_4_4_1_our_ping),
		fixture_test(a_message_begins_and_ends),
		fixture_test(rfc3261_21_4_1_a_fault_is_answered),
		fixture_test(what_cannot_be_answered_is_dropped),
		fixture_test(what_is_no_sip_ends_the_stream),
		fixture_test(one_pong_for_pings_that_come_together),
		fixture_test(an_owner_has_a_share_of_the_tables),
		fixture_test(an_owner_has_a_share_of_the_memory),
		fixture_test(the_share_outlives_a_connection),
		fixture_test(what_came_before_a_framing_error_counts),
		fixture_test(the_connection_goes_in_a_handler),
		fixture_test(the_connection_is_freed_in_a_handler),
		fixture_test(the_layer_is_freed_in_a_handler),
		fixture_test(the_layer_ends_all),
		fixture_test(rfc3261_21_5_4_full_tables),
		fixture_test(a_cancel_is_sent_though_the_tables_are_full),
		fixture_test(the_real_limit_is_the_documented_one),
		fixture_test(each_message_is_logged_once),
		fixture_test(bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
