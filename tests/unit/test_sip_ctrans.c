/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Client transactions: RFC 3261 17.1 and 9.1, RFC 6026 7.2.
 */
#include "sip_fixture.h"

static const char *BRANCH = "z9hG4bK";

static void rfc3261_17_1_1_invite_answered(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_msg *req;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	assert_int_equal(1, f->a.n);
	req = f->a.sent[0];
	assert_int_equal(SP_SIP_INVITE, req->method);
	assert_pl("gw.example:5061", &req->sent_by);
	assert_memory_equal(BRANCH, req->branch.p, 7);
	assert_true(req->branch.l >= 7 + 16);
	assert_header(req, "Route", "<sip:proxy.example;lr>");
	assert_int_equal(1, sp_sip_transactions(f->sip));

	feed_response(&f->a, req, 100, NULL); /* absorbed */
	assert_int_equal(0, f->responses);
	feed_response(&f->a, req, 180, NULL);
	feed_response(&f->a, req, 180, NULL);
	assert_int_equal(2, f->responses);
	feed_response(&f->a, req, 200, NULL);
	assert_int_equal(3, f->responses);
	assert_int_equal(200, f->status);
	assert_int_equal(1, f->a.n); /* the ACK of a 2xx is not the transaction's */
}

/* RFC 6026 7.2: timer M; every 2xx goes to the user until then. */
static void rfc6026_7_2_accepted_and_timer_m(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(2, f->responses);
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	feed_response(&f->a, f->a.sent[0], 486, NULL);
	assert_int_equal(2, f->responses);
	assert_int_equal(1, f->a.n);

	sp_loop_advance(f->loop, 31999);
	assert_int_equal(1, sp_sip_transactions(f->sip));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(3, f->responses);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(3, f->responses);
	assert_int_equal(0, f->errors);
}

/* What has its final response is not in progress any more, whoever still waits for timer M. */
static void pending_is_counted_by_connection(void **state)
{
	struct fixture *f = *state;
	struct sp_sip_ctrans *invite;

	assert_int_equal(0, sp_sip_conn_pending(f->a.c));
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	invite = mem_ref(f->ct);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
	assert_int_equal(0, send_request(f, &f->a2, SP_SIP_OPTIONS));
	assert_int_equal(2, sp_sip_conn_pending(f->a.c));
	assert_int_equal(1, sp_sip_conn_pending(f->a2.c));
	assert_int_equal(0, sp_sip_conn_pending(f->b.c));

	feed_response(&f->a, f->a.sent[1], 200, NULL);
	assert_int_equal(1, sp_sip_conn_pending(f->a.c));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(1, sp_sip_conn_pending(f->a.c));
	feed_response(&f->a2, f->a.sent[0], 200, NULL); /* by another way */
	assert_int_equal(0, sp_sip_conn_pending(f->a.c));
	assert_int_equal(1, sp_sip_conn_pending(f->a2.c));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	sp_loop_advance(f->loop, 32000); /* timers F, M */
	assert_int_equal(0, sp_sip_conn_pending(f->a.c));
	assert_int_equal(0, sp_sip_conn_pending(f->a2.c));
	assert_int_equal(0, sp_sip_transactions(f->sip));
	mem_deref(invite);
}

static void pending_when_it_cannot_be_sent(void **state)
{
	struct fixture *f = *state;

	f->a.err = ENOBUFS;
	assert_int_equal(ENOBUFS, send_request(f, &f->a, SP_SIP_INVITE));
	assert_int_equal(0, sp_sip_conn_pending(f->a.c));
}

/* RFC 5923: only where the connection says so; ACK and CANCEL repeat the Via of the INVITE
 * (RFC 3261 9.1, 17.1.1.3). */
static void rfc5923_alias_in_via(void **state)
{
	struct fixture *f = *state;
	char via[128];

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	assert_true(re_snprintf(via, sizeof(via), "SIP/2.0/TLS gw.example:5061;branch=%r",
				&f->a.sent[0]->branch) > 0);
	assert_header(f->a.sent[0], "Via", via);

	sp_sip_conn_alias(f->a2.c);
	assert_int_equal(0, send_request(f, &f->a2, SP_SIP_INVITE));
	assert_true(re_snprintf(via, sizeof(via), "SIP/2.0/TLS gw.example:5061;branch=%r;alias",
				&f->a2.sent[0]->branch) > 0);
	assert_header(f->a2.sent[0], "Via", via);
	feed_response(&f->a2, f->a2.sent[0], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	feed_response(&f->a2, f->a2.sent[0], 487, NULL);
	assert_int_equal(3, f->a2.n);
	assert_int_equal(SP_SIP_CANCEL, f->a2.sent[1]->method);
	assert_header(f->a2.sent[1], "Via", via);
	assert_int_equal(SP_SIP_ACK, f->a2.sent[2]->method);
	assert_header(f->a2.sent[2], "Via", via);
}

static void rfc3261_17_1_1_2_timer_b(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	sp_loop_advance(f->loop, 31999);
	assert_int_equal(0, f->errors);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->errors);
	assert_int_equal(ETIMEDOUT, f->err);
	assert_int_equal(32000, f->err_ms);
	assert_int_equal(1, f->a.n); /* timer A does not run on reliable transports */
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void rfc3261_17_1_1_2_provisional_ends_timer_b(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 100, NULL);
	sp_loop_advance(f->loop, 3600 * 1000);
	assert_int_equal(0, f->errors);
	assert_int_equal(1, sp_sip_transactions(f->sip));
	feed_response(&f->a, f->a.sent[0], 486, NULL);
	assert_int_equal(486, f->status);
	assert_int_equal(0, sp_sip_transactions(f->sip)); /* timer D is 0 */
}

static void rfc3261_17_1_1_3_ack_of_a_failure(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_msg *req, *ack;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	req = f->a.sent[0];
	feed_response(&f->a, req, 486, NULL);
	assert_int_equal(1, f->responses);
	assert_int_equal(2, f->a.n);
	ack = f->a.sent[1];
	assert_int_equal(SP_SIP_ACK, ack->method);
	assert_int_equal(7, ack->cseq);
	assert_int_equal(0, pl_cmp(&req->branch, &ack->branch));
	assert_int_equal(0, pl_cmp(&req->sent_by, &ack->sent_by));
	assert_pl("sip:+441632@peer.example", &ack->ruri);
	assert_header(ack, "From", "\"Gw\" <sip:gw@gw.example>;tag=mine");
	assert_header(ack, "To", "<sip:+441632@peer.example>;tag=peertag");
	assert_header(ack, "Call-ID", "our-call");
	assert_header(ack, "Route", "<sip:proxy.example;lr>");
	assert_header(ack, "Max-Forwards", "70");
	assert_int_equal(0, sp_sip_transactions(f->sip));

	feed_response(&f->a, req, 486, NULL); /* of no transaction now */
	assert_int_equal(1, f->responses);
	assert_int_equal(2, f->a.n);
}

static void rfc3261_17_1_2_non_invite(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
	feed_response(&f->a, f->a.sent[0], 100, NULL);
	feed_response(&f->a, f->a.sent[0], 404, NULL);
	assert_int_equal(1, f->responses);
	assert_int_equal(404, f->status);
	assert_int_equal(1, f->a.n);
	assert_int_equal(0, sp_sip_transactions(f->sip)); /* timer K is 0 */
}

static void rfc3261_17_1_2_2_timer_f_runs_on_in_proceeding(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_BYE));
	sp_loop_advance(f->loop, 20000);
	feed_response(&f->a, f->a.sent[0], 100, NULL);
	sp_loop_advance(f->loop, 11999);
	assert_int_equal(0, f->errors);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->errors);
	assert_int_equal(ETIMEDOUT, f->err);
	assert_int_equal(32000, f->err_ms);
	assert_int_equal(1, f->a.n); /* timer E does not run */
}

/* The method of CSeq tells a CANCEL's response from its INVITE's. */
static void rfc3261_17_1_3_matching(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_msg *req;

	one_bucket(f);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	req = f->a.sent[0];
	feed(&f->a,
	     "SIP/2.0 200 OK\nVia: SIP/2.0/TLS %r;branch=%r\nFrom: <sip:x@y.example>;tag=a\n"
	     "To: <sip:x@y.example>;tag=b\nCall-ID: our-call\nCSeq: 7 BYE\n",
	     &req->sent_by, &req->branch);
	feed(&f->a,
	     "SIP/2.0 200 OK\nVia: SIP/2.0/TLS %r;branch=%rx\nFrom: <sip:x@y.example>;tag=a\n"
	     "To: <sip:x@y.example>;tag=b\nCall-ID: our-call\nCSeq: 7 INVITE\n",
	     &req->sent_by, &req->branch);
	assert_int_equal(0, f->responses);
}

static void rfc3261_8_1_3_3_second_via_is_dropped(void **state)
{
	struct fixture *f = *state;
	const struct sp_sip_msg *req;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	req = f->a.sent[0];
	feed_response(&f->a, req, 200, "Via: SIP/2.0/TLS other.example;branch=z9hG4bKx\n");
	feed(&f->a,
	     "SIP/2.0 200 OK\nVia: SIP/2.0/TLS %r;branch=%r, SIP/2.0/TLS "
	     "o.example;branch=z9hG4bK1\n"
	     "From: <sip:x@y.example>;tag=a\nTo: <sip:x@y.example>;tag=b\nCall-ID: our-call\n"
	     "CSeq: 7 INVITE\n",
	     &req->sent_by, &req->branch);
	assert_int_equal(0, f->responses);
	feed_response(&f->a, req, 200, NULL);
	assert_int_equal(1, f->responses);
}

static void owners_are_kept_apart(void **state)
{
	struct fixture *f = *state;

	one_bucket(f);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->b, f->a.sent[0], 200, NULL);
	feed_response(&f->b, f->a.sent[0], 486, NULL);
	assert_int_equal(0, f->responses);
	assert_int_equal(0, f->b.n);
	feed_response(&f->a2, f->a.sent[0], 180, NULL); /* same trunk */
	assert_int_equal(1, f->responses);
}

static void rfc3261_9_1_cancel_after_provisional(void **state)
{
	struct fixture *f = *state;
	struct mbuf *extra = mbuf_alloc(64);
	const struct sp_sip_msg *req, *cancel;

	assert_int_equal(0, sp_sip_put(extra, "Reason", "SIP;cause=200"));
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	req = f->a.sent[0];
	feed_response(&f->a, req, 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, extra));
	assert_int_equal(0, sp_sip_cancel(f->ct, extra));
	mem_deref(extra);
	assert_int_equal(2, f->a.n);
	cancel = f->a.sent[1];
	assert_int_equal(SP_SIP_CANCEL, cancel->method);
	assert_int_equal(0, pl_cmp(&req->branch, &cancel->branch));
	assert_int_equal(0, pl_cmp(&req->ruri, &cancel->ruri));
	assert_int_equal(7, cancel->cseq);
	assert_header(cancel, "To", "<sip:+441632@peer.example>");
	assert_header(cancel, "From", "\"Gw\" <sip:gw@gw.example>;tag=mine");
	assert_header(cancel, "Call-ID", "our-call");
	assert_header(cancel, "Route", "<sip:proxy.example;lr>");
	assert_header(cancel, "Max-Forwards", "70");
	assert_header(cancel, "Reason", "SIP;cause=200");
	assert_int_equal(2, sp_sip_transactions(f->sip));

	feed_response(&f->a, cancel, 200, NULL);
	assert_int_equal(1, f->responses); /* not the user's */
	assert_int_equal(1, sp_sip_transactions(f->sip));
	feed_response(&f->a, req, 487, NULL);
	assert_int_equal(2, f->responses);
	assert_int_equal(487, f->status);
	assert_int_equal(3, f->a.n);
	assert_int_equal(SP_SIP_ACK, f->a.sent[2]->method);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void rfc3261_9_1_cancel_waits_for_provisional(void **state)
{
	struct fixture *f = *state;
	struct mbuf *extra = mbuf_alloc(64);

	assert_int_equal(0, sp_sip_put(extra, "Reason", "Q.850;cause=16"));
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	assert_int_equal(0, sp_sip_cancel(f->ct, extra));
	mem_deref(extra);
	sp_loop_advance(f->loop, 5000);
	assert_int_equal(1, f->a.n);
	feed_response(&f->a, f->a.sent[0], 100, NULL);
	assert_int_equal(2, f->a.n);
	assert_int_equal(SP_SIP_CANCEL, f->a.sent[1]->method);
	assert_header(f->a.sent[1], "Reason", "Q.850;cause=16");
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(2, f->a.n);
}

static void rfc3261_9_1_no_cancel_after_final(void **state)
{
	struct fixture *f = *state;

	/* the final crosses the wish */
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(1, f->a.n);
	assert_int_equal(200, f->status);
	assert_int_equal(EALREADY, sp_sip_cancel(f->ct, NULL));
	assert_int_equal(1, f->a.n);

	wire_clear(&f->a);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
	assert_int_equal(EINVAL, sp_sip_cancel(f->ct, NULL));
}

/* CANCEL is on its way as the callee answers: the 2xx is the user's to end. */
static void rfc3261_9_1_cancel_crosses_2xx(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(200, f->status);
	feed_response(&f->a, f->a.sent[1], 481, NULL);
	assert_int_equal(2, f->responses);
	assert_int_equal(2, f->a.n);
	sp_loop_advance(f->loop, 32000);
	assert_int_equal(0, f->errors);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void rfc3261_9_1_cancelled_invite_ends_after_64_t1(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	sp_loop_advance(f->loop, 60000);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	feed_response(&f->a, f->a.sent[1], 200, NULL);
	sp_loop_advance(f->loop, 10000);
	feed_response(&f->a, f->a.sent[0], 183, NULL); /* does not prolong it */
	sp_loop_advance(f->loop, 21999);
	assert_int_equal(0, f->errors);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(1, f->errors);
	assert_int_equal(ETIMEDOUT, f->err);
	assert_int_equal(92000, f->err_ms);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void connection_loss_ends_what_had_no_response(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	sp_sip_conn_gone(f->a.c);
	assert_int_equal(0, f->errors); /* never inside the call */
	sp_loop_advance(f->loop, 0);
	assert_int_equal(1, f->errors);
	assert_int_equal(ECONNRESET, f->err);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(ENOTCONN, send_request(f, &f->a, SP_SIP_INVITE));
}

static void connection_loss_of_non_invite(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_BYE));
	sp_sip_conn_gone(f->a.c);
	sp_loop_advance(f->loop, 0);
	assert_int_equal(ECONNRESET, f->err);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

/* A provisional on another connection comes before the loss is reported. */
static void connection_loss_crosses_provisional(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	sp_sip_conn_gone(f->a.c);
	feed_response(&f->a2, f->a.sent[0], 180, NULL);
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(0, f->errors);
	assert_int_equal(1, f->responses);
}

static void connection_loss_in_proceeding_waits_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	sp_sip_conn_gone(f->a.c);
	sp_loop_advance(f->loop, 1000);
	assert_int_equal(0, f->errors);

	/* the answer, and its ACK, by another connection of the trunk */
	f->other = f->a2.c;
	feed_response(&f->a2, f->a.sent[0], 486, NULL);
	assert_int_equal(486, f->status);
	assert_int_equal(1, f->a2.n);
	assert_int_equal(SP_SIP_ACK, f->a2.sent[0]->method);
	assert_int_equal(0, pl_cmp(&f->a.sent[0]->branch, &f->a2.sent[0]->branch));
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void cancel_goes_by_another_connection_of_the_owner_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	sp_sip_conn_gone(f->a.c);
	f->other = f->b.c; /* a trunk that is not the owner: refused */
	assert_int_equal(ENOTCONN, sp_sip_cancel(f->ct, NULL));
	assert_int_equal(0, f->b.n);
	sp_loop_advance(f->loop, 32000);
	assert_int_equal(ETIMEDOUT, f->err);

	wire_clear(&f->a);
	f->other = NULL;
	assert_int_equal(0, send_request(f, &f->a2, SP_SIP_INVITE));
	feed_response(&f->a2, f->a2.sent[0], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	assert_int_equal(2, f->a2.n);
}

static void a_failure_to_send_is_returned_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	f->a.err = ENOBUFS;
	assert_int_equal(ENOBUFS, send_request(f, &f->a, SP_SIP_INVITE));
	assert_null(f->ct);
	f->a.err = EPIPE;
	f->a.gone_on_send = true;
	assert_int_equal(EPIPE, send_request(f, &f->a, SP_SIP_INVITE));
	assert_null(f->ct);
	sp_loop_advance(f->loop, 100000);
	assert_int_equal(0, f->errors);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void bad_requests_are_refused(void **state)
{
	struct fixture *f = *state;
	struct mbuf *mb = request_lines(SP_SIP_INVITE, 7, NULL), *bare = mbuf_alloc(8);
	struct sp_sip_request req = {.method = SP_SIP_BYE, .uri = "sip:a@b.example", .headers = mb};

	/* CSeq names another method; no URI; line break in URI; no headers */
	assert_int_equal(EINVAL, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	req.method = SP_SIP_INVITE;
	req.uri = NULL;
	assert_int_equal(EINVAL, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	req.uri = "sip:a@b.example\r\nX: y";
	assert_int_equal(EINVAL, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	req.uri = "sip:a@b.example ";
	assert_int_equal(EINVAL, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	req.uri = "sip:a@b.example";
	req.headers = bare;
	assert_int_equal(EINVAL, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	req.headers = mb;
	assert_int_equal(0, sp_sip_request(NULL, f->sip, f->a.c, &req, NULL, NULL));
	assert_int_equal(1, f->a.n);
	mem_deref(mb);
	mem_deref(bare);
}

static void detached_transactions_end_by_themselves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	sp_sip_ctrans_detach(f->ct);
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	sp_loop_advance(f->loop, 179999); /* 16.6: timer C */
	assert_int_equal(1, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 1);
	assert_int_equal(0, sp_sip_transactions(f->sip));

	wire_clear(&f->a);
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(1, f->responses);
	sp_sip_ctrans_detach(f->ct);
	sp_sip_ctrans_detach(f->ct);
	feed_response(&f->a, f->a.sent[0], 486, NULL); /* still acknowledged */
	assert_int_equal(2, f->a.n);
	assert_int_equal(1, f->responses);
	assert_int_equal(0, f->errors);
	assert_int_equal(0, sp_sip_transactions(f->sip));
}

static void a_cancelled_transaction_is_not_prolonged_by_detaching(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 180, NULL);
	assert_int_equal(0, sp_sip_cancel(f->ct, NULL));
	sp_sip_ctrans_detach(f->ct);
	sp_loop_advance(f->loop, 32000);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, f->errors);
}

/* The last reference goes from inside the handler. */
static void drop_ct(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct fixture *f = arg;

	on_response(err, rsp, arg);
	f->ct = mem_deref(f->ct);
}

static void the_handler_may_drop_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct mbuf *mb = request_lines(SP_SIP_INVITE, 7, NULL);
	const struct sp_sip_request req = {
		.method = SP_SIP_INVITE, .uri = "sip:a@b.example", .headers = mb};

	assert_int_equal(0, sp_sip_request(&f->ct, f->sip, f->a.c, &req, drop_ct, f));
	feed_response(&f->a, f->a.sent[0], 180, NULL); /* mem_deref does not end it */
	assert_int_equal(1, sp_sip_transactions(f->sip));
	feed_response(&f->a, f->a.sent[0], 503, NULL);
	assert_int_equal(2, f->responses);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	mem_deref(mb);
}

/* 13.2.2.4: outside any transaction, with a branch of its own. */
static void rfc3261_13_2_2_4_ack_of_2xx(void **state)
{
	struct fixture *f = *state;
	struct mbuf *mb = request_lines(SP_SIP_ACK, 7, NULL);
	const struct sp_sip_request ack = {
		.method = SP_SIP_ACK, .uri = "sip:a@b.example", .headers = mb};

	assert_int_equal(0, send_request(f, &f->a, SP_SIP_INVITE));
	feed_response(&f->a, f->a.sent[0], 200, NULL);
	assert_int_equal(0, sp_sip_send(f->sip, f->a.c, &ack));
	assert_int_equal(2, f->a.n);
	assert_int_not_equal(0, pl_cmp(&f->a.sent[0]->branch, &f->a.sent[1]->branch));
	assert_int_equal(1, sp_sip_transactions(f->sip));

	sp_sip_conn_gone(f->a.c);
	assert_int_equal(ENOTCONN, sp_sip_send(f->sip, f->a.c, &ack));
	f->other = f->a2.c;
	assert_int_equal(0, sp_sip_send(f->sip, f->a.c, &ack));
	assert_int_equal(1, f->a2.n);
	mem_deref(mb);
}

static void ten_thousand_drain_to_nothing(void **state)
{
	struct fixture *f = *state;

	f->a.count_only = true;
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(0, send_request(f, &f->a, i % 2 ? SP_SIP_INVITE : SP_SIP_OPTIONS));
	assert_int_equal(10000, f->a.n);
	assert_int_equal(10000, sp_sip_transactions(f->sip));
	sp_loop_advance(f->loop, 32000);
	assert_int_equal(10000, f->errors);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, sp_loop_timers(f->loop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(rfc3261_17_1_1_invite_answered),
		fixture_test(rfc6026_7_2_accepted_and_timer_m),
		fixture_test(pending_is_counted_by_connection),
		fixture_test(pending_when_it_cannot_be_sent),
		fixture_test(rfc5923_alias_in_via),
		fixture_test(rfc3261_17_1_1_2_timer_b),
		fixture_test(rfc3261_17_1_1_2_provisional_ends_timer_b),
		fixture_test(rfc3261_17_1_1_3_ack_of_a_failure),
		fixture_test(rfc3261_17_1_2_non_invite),
		fixture_test(rfc3261_17_1_2_2_timer_f_runs_on_in_proceeding),
		fixture_test(rfc3261_17_1_3_matching),
		fixture_test(rfc3261_8_1_3_3_second_via_is_dropped),
		fixture_test(owners_are_kept_apart),
		fixture_test(rfc3261_9_1_cancel_after_provisional),
		fixture_test(rfc3261_9_1_cancel_waits_for_provisional),
		fixture_test(rfc3261_9_1_no_cancel_after_final),
		fixture_test(rfc3261_9_1_cancel_crosses_2xx),
		fixture_test(rfc3261_9_1_cancelled_invite_ends_after_64_t1),
		fixture_test(connection_loss_ends_what_had_no_response),
		fixture_test(connection_loss_of_non_invite),
		fixture_test(connection_loss_crosses_provisional),
		fixture_test(connection_loss_in_proceeding_waits_on),
		fixture_test(cancel_goes_by_another_connection_of_the_owner_only),
		fixture_test(a_failure_to_send_is_returned_and_leaves_nothing),
		fixture_test(bad_requests_are_refused),
		fixture_test(detached_transactions_end_by_themselves),
		fixture_test(a_cancelled_transaction_is_not_prolonged_by_detaching),
		fixture_test(the_handler_may_drop_the_transaction),
		fixture_test(rfc3261_13_2_2_4_ack_of_2xx),
		fixture_test(ten_thousand_drain_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
