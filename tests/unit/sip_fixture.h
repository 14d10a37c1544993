/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer on a fake clock with three scripted connections: a and a2 of trunk A,
 * b of trunk B. What the layer sends is framed and parsed again, so that a test
 * fails when it is no SIP, and kept with the time at which it was sent.
 */
#ifndef SALLYPORT_SIP_FIXTURE_H
#define SALLYPORT_SIP_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <re.h>
#include <cmocka.h>
#include "sallyport/base_log.h"
#include "sip_priv.h"

enum { SENT_MAX = 64, START_MS = 1000000 };

struct fixture;

struct wire {
	struct fixture *f;
	struct sp_sip_conn *c;
	struct sp_sip_frame *frame;
	struct sp_sip_msg *sent[SENT_MAX];
	uint64_t at[SENT_MAX]; /* ms since START_MS */
	unsigned n;
	unsigned pongs, pings;
	bool pings_too;    /* what is sent may be a keep-alive of our own */
	int err;           /* what sending says */
	bool gone_on_send; /* the connection breaks as it sends */
	bool count_only;
};

struct fixture {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct wire a, a2, b;
	struct sp_sip_conn *other; /* what the other handler gives */
	unsigned other_calls;
	/* server side */
	unsigned requests, acks, cancels, dones;
	int done_err;
	uint64_t done_ms;
	struct sp_sip_strans *st; /* of the last request, referenced */
	struct sp_sip_conn *ack_conn;
	uint16_t reply_at_once;
	void (*on_request)(struct fixture *f);
	/* client side */
	unsigned responses, errors;
	int err;
	uint16_t status;
	uint64_t err_ms;
	struct sp_sip_msg *rsp; /* the last one, referenced */
	struct sp_sip_ctrans *ct;
};

static inline void wire_message(const char *p, size_t n, void *arg)
{
	struct wire *w = arg;
	struct sp_sip_fault fault;

	assert_true(n > 0);
	if (w->count_only) {
		++w->n;
		return;
	}

	assert_true(w->n < SENT_MAX);
	assert_int_equal(0, sp_sip_msg_parse(&w->sent[w->n], p, n, &fault));
	w->at[w->n++] = sp_loop_now_ms(w->f->loop) - START_MS;
}

static inline int wire_send(const uint8_t *p, size_t n, void *arg)
{
	struct wire *w = arg;
	const char *why;

	if (w->gone_on_send)
		sp_sip_conn_gone(w->c);
	if (w->err)
		return w->err;
	if (n == 2) {
		++w->pongs;
		return 0;
	}
	if (n == 4 && w->pings_too && !memcmp(p, "\r\n\r\n", 4)) {
		++w->pings;
		return 0;
	}

	assert_int_equal(0, sp_sip_frame_input(w->frame, p, n, &why));
	assert_false(sp_sip_frame_partial(w->frame));

	return 0;
}

static inline void wire_open(struct fixture *f, struct wire *w, void *owner, const char *sent_by)
{
	w->f = f;
	assert_int_equal(0, sp_sip_frame_alloc(&w->frame, wire_message, w));
	assert_int_equal(0, sp_sip_conn_alloc(&w->c, f->sip, sent_by, owner, wire_send, w));
}

static inline void wire_clear(struct wire *w)
{
	for (unsigned i = 0; i < w->n && !w->count_only; i++)
		w->sent[i] = mem_deref(w->sent[i]);
	w->n = 0;
}

static inline void wire_close(struct wire *w)
{
	sp_sip_conn_gone(w->c);
	wire_clear(w);
	w->frame = mem_deref(w->frame);
	w->c = mem_deref(w->c);
}

static inline void on_cancel(const struct sp_sip_msg *cancel, void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(SP_SIP_CANCEL, cancel->method);
	++f->cancels;
}

static inline void on_done(int err, void *arg)
{
	struct fixture *f = arg;

	++f->dones;
	f->done_err = err;
	f->done_ms = sp_loop_now_ms(f->loop) - START_MS;
}

static inline void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct fixture *f = arg;

	assert_ptr_equal(req, sp_sip_strans_request(st));
	++f->requests;
	mem_deref(f->st);
	f->st = mem_ref(st);
	sp_sip_strans_handle(st, on_cancel, on_done, f);
	if (f->reply_at_once)
		assert_int_equal(0, sp_sip_reply_status(st, f->reply_at_once, NULL));
	if (f->on_request)
		f->on_request(f);
}

static inline void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(SP_SIP_ACK, ack->method);
	++f->acks;
	f->ack_conn = c;
}

static inline struct sp_sip_conn *on_other(const struct sp_sip_conn *gone, void *arg)
{
	struct fixture *f = arg;
	(void)gone;

	++f->other_calls;

	return f->other;
}

static inline void on_response(int err, const struct sp_sip_msg *rsp, void *arg)
{
	struct fixture *f = arg;

	if (err) {
		assert_null(rsp);
		++f->errors;
		f->err = err;
		f->err_ms = sp_loop_now_ms(f->loop) - START_MS;
		return;
	}

	assert_non_null(rsp);
	++f->responses;
	f->status = rsp->status;
	mem_deref(f->rsp);
	f->rsp = mem_ref((void *)(uintptr_t)rsp);
}

static inline int fixture_setup(void **state)
{
	static const struct sp_sip_handlers h = {
		.request = on_request, .ack = on_ack, .other = on_other};
	struct fixture *f = mem_zalloc(sizeof(*f), NULL);

	sp_log_setup(SP_LOG_ERROR, false);
	assert_int_equal(0, sp_loop_alloc_fake(&f->loop, START_MS));
	assert_int_equal(0, sp_sip_alloc(&f->sip, f->loop, &h, f));
	wire_open(f, &f->a, &f->a, "gw.example:5061");
	wire_open(f, &f->a2, &f->a, "gw.example:5061");
	wire_open(f, &f->b, &f->b, "gw.example:5063");
	*state = f;

	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	mem_deref(f->sip);
	wire_close(&f->a);
	wire_close(&f->a2);
	wire_close(&f->b);
	mem_deref(f->st);
	mem_deref(f->ct);
	mem_deref(f->rsp);
	sp_loop_turn(f->loop);
	assert_int_equal(0, sp_loop_timers(f->loop));
	mem_deref(f->loop);
	mem_deref(f);

	return 0;
}

/* Feed text with "\n" for CRLF; a Content-Length of 0 and the empty line are added. */
static inline int feed_err(struct wire *w, const char *fmt, ...)
{
	char text[4096], out[8192];
	const char *why = NULL;
	va_list ap;
	size_t n = 0;
	int err;

	va_start(ap, fmt);
	assert_true(re_vsnprintf(text, sizeof(text), fmt, ap) > 0);
	va_end(ap);

	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			out[n++] = '\r';
		out[n++] = *p;
	}
	n += (size_t)re_snprintf(out + n, sizeof(out) - n, "Content-Length: 0\r\n\r\n");

	err = sp_sip_conn_input(w->c, (const uint8_t *)out, n, &why);
	if (err)
		assert_non_null(why);

	return err;
}

#define feed(...) assert_int_equal(0, feed_err(__VA_ARGS__))

/* A request from the peer; extra holds further lines, "\n" after each. */
static inline void feed_request(struct wire *w, const char *method, const char *branch,
				unsigned cseq, const char *to_tag, const char *extra)
{
	feed(w,
	     "%s sip:+4930123@gw.example SIP/2.0\n"
	     "Via: SIP/2.0/TLS peer.example:5061;branch=%s\n"
	     "Max-Forwards: 70\nFrom: \"Al\" <sip:+441632@peer.example>;tag=ft\n"
	     "To: <sip:+4930123@gw.example>%s%s\nCall-ID: cid-1\nCSeq: %u %s\n%s",
	     method, branch, to_tag ? ";tag=" : "", to_tag ? to_tag : "", cseq, method,
	     extra ? extra : "");
}

/* A response of the peer to the request that we sent. */
static inline void feed_response(struct wire *w, const struct sp_sip_msg *req, unsigned status,
				 const char *extra)
{
	feed(w,
	     "SIP/2.0 %u Some Reason\nVia: SIP/2.0/TLS %r;branch=%r\nFrom: <%r>;tag=%r\n"
	     "To: <%r>;tag=peertag\nCall-ID: %r\nCSeq: %u %s\n%s",
	     status, &req->sent_by, &req->branch, &req->from.text, &req->from_tag, &req->to.text,
	     &req->call_id, req->cseq, sp_sip_method_name(req->method), extra ? extra : "");
}

static inline struct mbuf *request_lines(enum sp_sip_method method, unsigned cseq,
					 const char *routes)
{
	struct mbuf *mb = mbuf_alloc(256);

	assert_int_equal(0, sp_sip_put(mb, "Max-Forwards", "69"));
	assert_int_equal(0, sp_sip_put(mb, "From", "\"Gw\" <sip:gw@gw.example>;tag=mine"));
	assert_int_equal(0, sp_sip_put(mb, "To", "<sip:+441632@peer.example>"));
	assert_int_equal(0, sp_sip_put(mb, "Call-ID", "our-call"));
	assert_int_equal(0, sp_sip_put(mb, "CSeq", "%u %s", cseq, sp_sip_method_name(method)));
	if (routes)
		assert_int_equal(0, sp_sip_put(mb, "Route", "%s", routes));

	return mb;
}

/* Send a request on w; the transaction is f->ct. */
static inline int send_request(struct fixture *f, struct wire *w, enum sp_sip_method method)
{
	struct mbuf *mb = request_lines(method, 7, "<sip:proxy.example;lr>");
	const struct sp_sip_request req = {
		.method = method, .uri = "sip:+441632@peer.example", .headers = mb};
	int err;

	f->ct = mem_deref(f->ct);
	err = sp_sip_request(&f->ct, f->sip, w->c, &req, on_response, f);
	mem_deref(mb);

	return err;
}

static inline uint64_t since_start(const struct fixture *f)
{
	return sp_loop_now_ms(f->loop) - START_MS;
}

static inline void assert_header(const struct sp_sip_msg *m, const char *name, const char *value)
{
	const struct sp_sip_hdr *h = sp_sip_msg_named(m, name);
	char buf[1024];

	assert_non_null(h);
	assert_int_equal(0, pl_strcpy(&h->value, buf, sizeof(buf)));
	assert_string_equal(value, buf);
}

static inline void assert_pl(const char *expected, const struct pl *pl)
{
	char buf[1024];

	assert_int_equal(0, pl_strcpy(pl, buf, sizeof(buf)));
	assert_string_equal(expected, buf);
}

/* All transactions in one bucket, so that only the comparison tells them apart. */
static inline void one_bucket(struct fixture *f)
{
	mem_deref(f->sip->stable);
	mem_deref(f->sip->ctable);
	assert_int_equal(0, hash_alloc(&f->sip->stable, 1));
	assert_int_equal(0, hash_alloc(&f->sip->ctable, 1));
}

#define fixture_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
