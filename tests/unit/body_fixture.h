/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages with bodies of several parts, for the tests of sip/body.
 */
#ifndef SALLYPORT_TEST_BODY_FIXTURE_H
#define SALLYPORT_TEST_BODY_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sallyport/sip_body.h"

#define SDP "application/sdp"
#define PIDF "application/pidf+xml"
#define MIXED "multipart/mixed;boundary=b1"

#define PART(boundary, type, text) "--" boundary "\r\nContent-Type: " type "\r\n\r\n" text "\r\n"
#define MULTI(boundary) "multipart/mixed;boundary=" boundary

#define GOOD PART("b1", SDP, "v=0")

static inline struct sp_sip_msg *message(const char *headers, const char *body, size_t len)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;

	assert_int_equal(0, mbuf_printf(mb,
					"INVITE sip:+441632960000@gw.example.com SIP/2.0\r\n"
					"Via: SIP/2.0/TLS a.example.com;branch=z9hG4bK1\r\n"
					"From: <sip:alice@example.com>;tag=1\r\n"
					"To: <sip:112@example.com>\r\n"
					"Call-ID: 1\r\nCSeq: 1 INVITE\r\n"
					"%sContent-Length: %zu\r\n\r\n",
					headers, len));
	assert_int_equal(0, mbuf_write_mem(mb, (const uint8_t *)body, len));
	if (sp_sip_msg_parse(&m, (const char *)mb->buf, mb->end, &fault))
		fail_msg("%s: %s", headers, fault.reason);
	mem_deref(mb);

	return m;
}

static inline struct sp_sip_msg *with_type(const char *type, const char *body)
{
	char header[512];

	(void)snprintf(header, sizeof(header), "Content-Type: %s\r\n", type);

	return message(header, body, strlen(body));
}

static inline int found(const char *type, const char *body, const char *wanted)
{
	struct sp_sip_msg *m = with_type(type, body);
	struct sp_sip_part part;
	const int err = sp_sip_part_find(&part, m, wanted);

	mem_deref(m);

	return err;
}

#endif
