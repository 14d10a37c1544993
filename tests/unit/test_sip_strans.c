/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Server transactions: RFC 3261 17.2, 9.2, 8.2.6 and 13.3.1.4, RFC 6026 7.1.
 */
#include "sip_fixture.h"

static void invite(struct fixture *f)
{
	feed_request(&f->a, "INVITE", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(1, f->requests);
}

static void rfc3261_8_2_6_2_reply(void **state)
{
	struct fixture *f = *state;
	const char *sdp = "v=0\r\n";
	struct mbuf *extra = mbuf_alloc(64);
	struct sp_sip_reply r = {.status = 183, .headers = extra, .content_type = "text/plain"};
	const struct sp_sip_hdr *via;
	const struct sp_sip_msg *m;

	pl_set_str(&r.body, sdp);
	assert_int_equal(0, sp_sip_put(extra, "Contact", "<sip:gw.example>"));
	feed_request(&f->a, "INVITE", "z9hG4bKi1", 1, NULL,
		     "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKq, SIP/2.0/UDP h.example;branch=z\n"
		     "Record-Route: <sip:p1.example;lr>\nRecord-Route: <sip:p2.example;lr>\n");
	assert_int_equal(0, sp_sip_reply(f->st, &r));
	mem_deref(extra);

	assert_int_equal(1, f->a.n);
	m = f->a.sent[0];
	assert_int_equal(183, m->status);
	assert_pl("Session Progress", &m->reason);
	assert_header(m, "Via", "SIP/2.0/TLS peer.example:5061;branch=z9hG4bKi1");
	via = sp_sip_msg_next(m, SP_HDR_VIA, NULL);
	via = sp_sip_msg_next(m, SP_HDR_VIA, via);
	assert_non_null(via);
	assert_pl("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKq, SIP/2.0/UDP h.example;branch=z",
		  &via->value);
	assert_header(m, "From", "\"Al\" <sip:+441632@peer.example>;tag=ft");
	assert_header(m, "Record-Route", "<sip:p1.example;lr>");
	assert_header(m, "Call-ID", "cid-1");
	assert_header(m, "CSeq", "1 INVITE");
	assert_header(m, "Contact", "<sip:gw.example>");
	assert_header(m, "Content-Type", "text/plain");
	assert_header(m, "Content-Length", "5");
	assert_pl(sdp, &m->body);
	assert_true(m->to_tag.l >= 8);
}

/* 8.2.6.2: one tag for all responses of a transaction, none on 100. */
static void rfc3261_8_2_6_2_to_tag(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_reply ringing = {.status = 180, .to_tag = "dialogtag"};
	const struct sp_sip_reply bad = {.status = 180, .to_tag = "a b\r\nX: y"};

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 100, NULL));
	assert_int_equal(0, f->a.sent[0]->to_tag.l);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, "Random"));
	assert_pl("Random", &f->a.sent[1]->reason);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	assert_int_equal(0, pl_cmp(&f->a.sent[1]->to_tag, &f->a.sent[2]->to_tag));
	assert_int_equal(EINVAL, sp_sip_reply(f->st, &bad));
	assert_int_equal(0, sp_sip_reply(f->st, &ringing));
	assert_pl("dialogtag", &f->a.sent[3]->to_tag);
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	assert_pl("dialogtag", &f->a.sent[4]->to_tag);
}

static void rfc3261_8_2_6_2_to_tag_of_the_request_stays(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_reply ok = {.status = 200, .to_tag = "other"};

	feed_request(&f->a, "BYE", "z9hG4bKb1", 2, "known", "Record-Route: <sip:p.example;lr>\n");
	assert_int_equal(0, sp_sip_reply(f->st, &ok));
	assert_pl("known", &f->a.sent[0]->to_tag);
	assert_null(sp_sip_msg_named(f->a.sent[0], "Record-Route"));
	feed_request(&f->a, "INVITE", "z9hG4bKi2", 3, "known",
		     "Record-Route: <sip:p.example;lr>\n");
	assert_int_equal(0, sp_sip_reply(f->st, &ok));
	assert_pl("known", &f->a.sent[1]->to_tag);
	assert_null(sp_sip_msg_named(f->a.sent[1], "Record-Route"));
}

static void rfc3261_17_2_1_100_after_200_ms(void **state)
{
	struct fixture *f = *state;

	feed_request(&f->a, "INVITE", "z9hG4bKi1", 1, NULL, "Timestamp: 54\n");
	sp_loop_advance(f->loop, 199);
	assert_int_equal(0, f->a.n);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->a.n);
	assert_int_equal(100, f->a.sent[0]->status);
	assert_header(f->a.sent[0], "Timestamp", "54"); /* 8.2.6.1 */
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(1, f->a.n);
	assert_int_equal(1, sp_sip_transactions(f->sip));
}

static void rfc3261_17_2_1_no_100_after_an_answer(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(1, f->a.n);
}

static void rfc3261_17_2_1_retransmitted_invite(void **state)
{
	struct fixture *f = *state;

	invite(f);
	invite(f); /* nothing to repeat yet */
	assert_int_equal(0, f->a.n);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	invite(f);
	assert_int_equal(2, f->a.n);
	assert_int_equal(180, f->a.sent[1]->status);
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	invite(f);
	assert_int_equal(4, f->a.n);
	assert_int_equal(486, f->a.sent[3]->status);
	assert_int_equal(0, pl_cmp(&f->a.sent[2]->to_tag, &f->a.sent[3]->to_tag));
}

static void rfc3261_17_2_1_failure_acknowledged(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	assert_int_equal(EALREADY, sp_sip_reply_status(f->st, 180, NULL));
	assert_int_equal(EALREADY, sp_sip_reply_status(f->st, 200, NULL));
	sp_loop_advance(f->loop, 5000);
	assert_int_equal(1, f->a.n); /* timer G does not run on reliable transports */
	feed_request(&f->a, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(1, f->dones);
	assert_int_equal(0, f->done_err);
	assert_int_equal(0, f->acks);
	assert_int_equal(0, sp_sip_transactions(f->sip)); /* timer I is 0 */
	assert_int_equal(EALREADY, sp_sip_reply_status(f->st, 486, NULL));
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(1, f->dones);
}

static void rfc3261_17_2_1_timer_h(void **state)
{
	struct fixture *f = *state;

	invite(f);
	sp_loop_advance(f->loop, 1000);
	assert_int_equal(0, sp_sip_reply_status(f->st, 503, NULL));
	sp_loop_advance(f->loop, 31999);
	assert_int_equal(0, f->dones);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->dones);
	assert_int_equal(ETIMEDOUT, f->done_err);
	assert_int_equal(33000, f->done_ms);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void ack_before_the_final_is_of_no_use(void **state)
{
	struct fixture *f = *state;

	invite(f);
	feed_request(&f->a, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(0, f->acks);
	assert_int_equal(0, f->dones);
	assert_int_equal(0, f->a.n);
	assert_int_equal(1, sp_sip_transactions(f->sip));
}

static void rfc3261_13_3_1_4_2xx_schedule(void **state)
{
	static const uint64_t due[] = {0,     500,   1500,  3500,  7500, 11500,
				       15500, 19500, 23500, 27500, 31500};
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	sp_loop_advance(f->loop, 31999);
	assert_int_equal(0, f->dones);
	assert_int_equal(ARRAY_SIZE(due), f->a.n);
	for (unsigned i = 0; i < ARRAY_SIZE(due); i++) {
		assert_int_equal(due[i], f->a.at[i]);
		assert_int_equal(200, f->a.sent[i]->status);
		assert_int_equal(0, pl_cmp(&f->a.sent[0]->to_tag, &f->a.sent[i]->to_tag));
	}

	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->dones);
	assert_int_equal(ETIMEDOUT, f->done_err);
	assert_int_equal(32000, f->done_ms);
	assert_int_equal(ARRAY_SIZE(due), f->a.n);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

/* The ACK of a 2xx has a branch of its own, or wrongly that of the INVITE. */
static void rfc6026_7_1_accepted(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	feed_request(&f->a, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(1, f->acks);
	feed_request(&f->a2, "ACK", "z9hG4bKother", 1, "x", NULL);
	assert_int_equal(2, f->acks);
	assert_ptr_equal(f->a2.c, f->ack_conn);
	assert_int_equal(0, f->dones);

	sp_loop_advance(f->loop, 600);
	assert_int_equal(2, f->a.n);
	sp_sip_strans_acked(f->st);
	sp_loop_advance(f->loop, 4000);
	assert_int_equal(2, f->a.n);
	invite(f); /* absorbed, and answered again */
	assert_int_equal(3, f->a.n);
	assert_int_equal(1, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 999); /* with the ACK here, T4 does for timer L */
	assert_int_equal(1, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 1);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, f->dones);
}

static void rfc3261_17_2_2_non_invite(void **state)
{
	struct fixture *f = *state;

	feed_request(&f->a, "OPTIONS", "z9hG4bKo1", 1, NULL, NULL);
	feed_request(&f->a, "OPTIONS", "z9hG4bKo1", 1, NULL, NULL);
	assert_int_equal(1, f->requests);
	assert_int_equal(0, f->a.n);
	assert_int_equal(0, sp_sip_reply_status(f->st, 183, NULL));
	feed_request(&f->a, "OPTIONS", "z9hG4bKo1", 1, NULL, NULL);
	assert_int_equal(2, f->a.n);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	assert_int_equal(0, sp_sip_transactions(f->sip)); /* timer J is 0 */
	assert_int_equal(EALREADY, sp_sip_reply_status(f->st, 200, NULL));
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(3, f->a.n);
	assert_int_equal(0, f->dones);
}

static void log_line(enum sp_log_level level, const char *line, void *arg)
{
	unsigned *errors = arg;

	if (level == SP_LOG_ERROR && strstr(line, "sip_unanswered"))
		++*errors;
}

static void unanswered_non_invite_is_dropped(void **state)
{
	struct fixture *f = *state;
	unsigned errors = 0;

	sp_log_sink(log_line, &errors);
	feed_request(&f->a, "INFO", "z9hG4bKo1", 1, "x", NULL);
	assert_int_equal(0, sp_sip_reply_status(f->st, 100, NULL));
	sp_loop_advance(f->loop, 32499);
	assert_int_equal(1, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 1);
	sp_log_sink(NULL, NULL);
	assert_int_equal(1, errors);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(ENOTCONN, sp_sip_reply_status(f->st, 200, NULL));
	assert_int_equal(1, f->a.n);
}

/* 17.2.3: branch, sent-by and method; what differs is another request. */
static void rfc3261_17_2_3_matching(void **state)
{
	struct fixture *f = *state;
	const char *fmt =
		"%s sip:x@gw.example SIP/2.0\nVia: SIP/2.0/TLS %s;branch=%s\n"
		"Max-Forwards: 70\nFrom: <sip:a@b.example>;tag=1\nTo: <sip:x@gw.example>;tag=d\n"
		"Call-ID: c\nCSeq: 1 %s\n";

	one_bucket(f);
	feed(&f->a, fmt, "OPTIONS", "peer.example", "z9hG4bKx", "OPTIONS");
	feed(&f->a, fmt, "OPTIONS", "PEER.example", "z9hG4bKx", "OPTIONS");
	assert_int_equal(1, f->requests);
	feed(&f->a, fmt, "OPTIONS", "peer.example:5061", "z9hG4bKx", "OPTIONS");
	assert_int_equal(2, f->requests);
	feed(&f->a, fmt, "INFO", "peer.example", "z9hG4bKx", "INFO");
	assert_int_equal(3, f->requests);
	feed(&f->a, fmt, "OPTIONS", "peer.example", "z9hG4bKy", "OPTIONS");
	assert_int_equal(4, f->requests);
	feed(&f->a, fmt, "FOO", "peer.example", "z9hG4bKy", "FOO");
	feed(&f->a, fmt, "BAR", "peer.example", "z9hG4bKy", "BAR");
	assert_int_equal(6, f->requests);
}

static void rfc3261_9_2_cancel(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, "Require: nothing\n");
	assert_int_equal(1, f->cancels);
	assert_int_equal(2, f->a.n);
	assert_int_equal(200, f->a.sent[1]->status);
	assert_header(f->a.sent[1], "CSeq", "1 CANCEL");
	assert_int_equal(0, pl_cmp(&f->a.sent[0]->to_tag, &f->a.sent[1]->to_tag));
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(3, f->a.n);
	assert_int_equal(1, f->cancels); /* once is enough */

	assert_int_equal(0, sp_sip_reply_status(f->st, 487, NULL));
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(200, f->a.sent[4]->status);
	feed_request(&f->a, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(1, f->dones);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(481, f->a.sent[5]->status);
	assert_int_equal(1, f->cancels);
}

static void rfc3261_9_2_cancel_after_final(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(200, f->a.sent[1]->status);
	assert_int_equal(0, f->cancels);
}

static void rfc3261_9_2_cancel_of_nothing(void **state)
{
	struct fixture *f = *state;

	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(481, f->a.sent[0]->status);
	assert_true(f->a.sent[0]->to_tag.l > 0);
	feed_request(&f->a, "OPTIONS", "z9hG4bKi1", 1, NULL, NULL);
	feed_request(&f->a, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(481, f->a.sent[1]->status);
	assert_int_equal(0, f->cancels);
	assert_int_equal(1, sp_sip_transactions(f->sip));
}

static void owners_are_kept_apart(void **state)
{
	struct fixture *f = *state;

	one_bucket(f);
	invite(f);
	feed_request(&f->b, "CANCEL", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(481, f->b.sent[0]->status);
	assert_int_equal(0, f->cancels);
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	feed_request(&f->b, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(0, f->dones);
	assert_int_equal(1, f->acks);
	feed_request(&f->b, "INVITE", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(2, f->requests); /* another call altogether */
	assert_int_equal(2, sp_sip_transactions(f->sip));

	/* another connection of the same trunk may */
	feed_request(&f->a2, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(1, f->dones);
}

static void replies_move_to_another_connection(void **state)
{
	struct fixture *f = *state;

	invite(f);
	sp_sip_conn_gone(f->a.c);
	assert_int_equal(ENOTCONN, sp_sip_reply_status(f->st, 180, NULL));
	f->other = f->b.c; /* not of this owner */
	assert_int_equal(ENOTCONN, sp_sip_reply_status(f->st, 180, NULL));
	assert_int_equal(0, f->b.n);
	f->other = f->a2.c;
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	sp_loop_advance(f->loop, 500);
	assert_int_equal(3, f->a2.n);
	assert_ptr_equal(f->a.c, sp_sip_strans_conn(f->st));
}

/* The peer lost its connection too, and repeats itself on a new one. */
static void rfc3261_18_2_2_a_retransmission_brings_its_connection(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 180, NULL));
	sp_sip_conn_gone(f->a.c);
	feed_request(&f->a2, "INVITE", "z9hG4bKi1", 1, NULL, NULL);
	assert_int_equal(1, f->requests);
	assert_int_equal(1, f->a2.n);
	assert_ptr_equal(f->a2.c, sp_sip_strans_conn(f->st));
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	assert_int_equal(2, f->a2.n);
}

/* 17.2.4 */
static void rfc3261_17_2_4_a_final_that_cannot_be_sent(void **state)
{
	struct fixture *f = *state;

	invite(f);
	sp_sip_conn_gone(f->a.c);
	assert_int_equal(ENOTCONN, sp_sip_reply_status(f->st, 486, NULL));
	assert_int_equal(0, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(0, f->dones);
}

/* The connection breaks in the very call that sends. */
static void a_break_while_sending(void **state)
{
	struct fixture *f = *state;

	invite(f);
	f->a.gone_on_send = true;
	f->a.err = EPIPE;
	f->other = f->a2.c;
	assert_int_equal(0, sp_sip_reply_status(f->st, 486, NULL));
	assert_int_equal(1, f->a2.n);
	feed_request(&f->a2, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(1, f->dones);
}

static void a_2xx_is_repeated_after_a_gap(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 200, NULL));
	sp_sip_conn_gone(f->a.c);
	sp_loop_advance(f->loop, 2000);
	f->other = f->a2.c;
	sp_loop_advance(f->loop, 2000);
	assert_int_equal(1, f->a.n);
	assert_int_equal(1, f->a2.n);
	assert_int_equal(3500, f->a2.at[0]);
}

static void reply_in_the_handler(void **state)
{
	struct fixture *f = *state;

	f->reply_at_once = 403;
	invite(f);
	assert_int_equal(403, f->a.sent[0]->status);
	feed_request(&f->a, "OPTIONS", "z9hG4bKo", 1, NULL, NULL);
	assert_int_equal(403, f->a.sent[1]->status);
	feed_request(&f->a, "ACK", "z9hG4bKi1", 1, "x", NULL);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void bad_arguments(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(EINVAL, sp_sip_reply_status(f->st, 99, NULL));
	assert_int_equal(EINVAL, sp_sip_reply_status(f->st, 700, NULL));
	assert_int_equal(EINVAL, sp_sip_reply_status(NULL, 200, NULL));
	assert_int_equal(EBADMSG, sp_sip_reply_status(f->st, 180, "a\r\nb: c"));
	assert_int_equal(0, f->a.n);
	assert_int_equal(1, sp_sip_transactions(f->sip));
}

static void ten_thousand_drain_to_nothing(void **state)
{
	struct fixture *f = *state;
	char branch[32];

	f->a.count_only = true;
	f->reply_at_once = 200;
	for (unsigned i = 0; i < 10000; i++) {
		(void)re_snprintf(branch, sizeof(branch), "z9hG4bK%u", i);
		feed_request(&f->a, i % 2 ? "INVITE" : "OPTIONS", branch, i + 1, NULL, NULL);
		sp_loop_turn(f->loop);
	}
	assert_int_equal(10000, f->requests);
	assert_int_equal(5000, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 32000);
	assert_int_equal(5000, f->dones);
	assert_int_equal(10000 + 5000 * 10, f->a.n);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, sp_loop_timers(f->loop));
}

/* 8.2.2.2: the same request by another path; a retry after a failure is none. */
static void rfc3261_8_2_2_2_merged(void **state)
{
	struct fixture *f = *state;

	invite(f);
	feed_request(&f->a, "INVITE", "z9hG4bKi2", 1, NULL, NULL);
	assert_int_equal(1, f->requests);
	assert_int_equal(482, f->a.sent[0]->status);
	feed_request(&f->a2, "INVITE", "z9hG4bKi3", 1, NULL,
		     NULL); /* same owner, other connection */
	assert_int_equal(1, f->requests);
	assert_int_equal(482, f->a2.sent[0]->status);

	feed_request(&f->b, "INVITE", "z9hG4bKi2", 1, NULL, NULL); /* another owner's is its own */
	assert_int_equal(2, f->requests);
	feed_request(&f->a, "INVITE", "z9hG4bKi4", 2, NULL, NULL); /* another CSeq */
	assert_int_equal(3, f->requests);
	feed_request(&f->a, "INVITE", "z9hG4bKi5", 2, "dialog", NULL); /* in a dialog */
	assert_int_equal(4, f->requests);
}

static void rfc3261_8_2_2_2_retry_after_failure(void **state)
{
	struct fixture *f = *state;

	invite(f);
	assert_int_equal(0, sp_sip_reply_status(f->st, 503, NULL));
	feed_request(&f->a, "INVITE", "z9hG4bKi2", 1, NULL, NULL);
	assert_int_equal(2, f->requests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(rfc3261_8_2_6_2_reply),
		fixture_test(rfc3261_8_2_6_2_to_tag),
		fixture_test(rfc3261_8_2_6_2_to_tag_of_the_request_stays),
		fixture_test(rfc3261_17_2_1_100_after_200_ms),
		fixture_test(rfc3261_17_2_1_no_100_after_an_answer),
		fixture_test(rfc3261_17_2_1_retransmitted_invite),
		fixture_test(rfc3261_17_2_1_failure_acknowledged),
		fixture_test(rfc3261_17_2_1_timer_h),
		fixture_test(ack_before_the_final_is_of_no_use),
		fixture_test(rfc3261_13_3_1_4_2xx_schedule),
		fixture_test(rfc6026_7_1_accepted),
		fixture_test(rfc3261_17_2_2_non_invite),
		fixture_test(unanswered_non_invite_is_dropped),
		fixture_test(rfc3261_17_2_3_matching),
		fixture_test(rfc3261_9_2_cancel),
		fixture_test(rfc3261_9_2_cancel_after_final),
		fixture_test(rfc3261_9_2_cancel_of_nothing),
		fixture_test(owners_are_kept_apart),
		fixture_test(replies_move_to_another_connection),
		fixture_test(rfc3261_18_2_2_a_retransmission_brings_its_connection),
		fixture_test(rfc3261_17_2_4_a_final_that_cannot_be_sent),
		fixture_test(a_break_while_sending),
		fixture_test(a_2xx_is_repeated_after_a_gap),
		fixture_test(reply_in_the_handler),
		fixture_test(bad_arguments),
		fixture_test(rfc3261_8_2_2_2_merged),
		fixture_test(rfc3261_8_2_2_2_retry_after_failure),
		fixture_test(ten_thousand_drain_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
