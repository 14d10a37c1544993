/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two trunks and a message that goes from one to the other. Nothing is trusted
 * and nothing passes until a test says so. The message comes from the carrier
 * "wire" and goes to the service "desk", unless turned.
 */
#ifndef SALLYPORT_HEADERS_FIXTURE_H
#define SALLYPORT_HEADERS_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "headers_priv.h"

#define ALICE "\"Alice\" <sip:+441632960001@wire.example;user=phone>;tag=a1"

struct fixture {
	struct sp_conf_trunk from, to;
	struct sp_number_account account;
	struct sp_number_entry entry;
	struct headers_ctx ctx;
	struct sp_sip_msg *msg;
	struct mbuf *mb;
	char *uri;
	int err;
};

static inline void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->from = (struct sp_conf_trunk){.name = "wire", .kind = SP_TRUNK_CARRIER};
	f->to = (struct sp_conf_trunk){.name = "desk", .kind = SP_TRUNK_SERVICE};
	f->from.numbering.user_phone = f->to.numbering.user_phone = true;
	f->account = (struct sp_number_account){.name = "acme", .main_number = "", .file = ""};
	f->entry =
		(struct sp_number_entry){.account = &f->account, .label = "gold", .location = ""};
	f->ctx = (struct headers_ctx){
		.from = &f->from,
		.to = &f->to,
		.entry = &f->entry,
		.number = "+441632960002",
		.service = "desk",
		.method = SP_SIP_INVITE,
		.initial = true,
		.advertise = "gw.example",
		.caller = "+441632960001",
		.called = "+441632960002",
	};
	f->mb = mbuf_alloc(64);
	assert_non_null(f->mb);
}

static inline void finish(struct fixture *f)
{
	mem_deref(f->msg);
	mem_deref(f->mb);
	mem_deref(f->uri);
}

/* The service calls out: its number is the entry's. */
static inline void turn(struct fixture *f)
{
	f->from.kind = SP_TRUNK_SERVICE;
	f->to.kind = SP_TRUNK_CARRIER;
	f->ctx.number = "+441632960001";
	f->ctx.service = "wire";
	f->ctx.own_number = true;
}

/* The message that came: ctx->status 0: a request of ctx->method, else a response. */
static inline void arrive(struct fixture *f, const char *from, const char *lines)
{
	const char *method = sp_sip_method_name(f->ctx.method);
	struct sp_sip_fault fault;
	char *text = NULL, *first = NULL;

	if (f->ctx.status)
		assert_int_equal(re_sdprintf(&first, "SIP/2.0 %u Any", f->ctx.status), 0);
	else
		assert_int_equal(
			re_sdprintf(&first, "%s sip:+441632960002@gw.example SIP/2.0", method), 0);
	assert_int_equal(re_sdprintf(&text,
				     "%s\r\n"
				     "Via: SIP/2.0/TLS wire.example;branch=z9hG4bK1\r\n"
				     "From: %s\r\n"
				     "To: <sip:+441632960002@gw.example;user=phone>\r\n"
				     "Call-ID: c1\r\n"
				     "CSeq: 7 %s\r\n"
				     "Contact: <sip:edge.wire.example>\r\n"
				     "%s"
				     "Content-Length: 0\r\n\r\n",
				     first, from, method, lines),
			 0);
	f->msg = mem_deref(f->msg);
	assert_int_equal(sp_sip_msg_parse(&f->msg, text, strlen(text), &fault), 0);
	f->ctx.msg = f->msg;
	mem_deref(first);
	mem_deref(text);
}

/* What goes on of a message from Alice with these lines. Lines end with CRLF. */
static inline const char *pass(struct fixture *f, const char *lines)
{
	arrive(f, ALICE, lines);
	mbuf_rewind(f->mb);
	f->err = headers_put(f->mb, &f->ctx);
	assert_int_equal(mbuf_write_u8(f->mb, 0), 0);
	return (const char *)f->mb->buf;
}

static inline const char *from_of(struct fixture *f, const char *from, const char *lines)
{
	arrive(f, from, lines);
	f->uri = mem_deref(f->uri);
	assert_int_equal(headers_from(&f->uri, &f->ctx, NULL), 0);
	return f->uri;
}

#endif
