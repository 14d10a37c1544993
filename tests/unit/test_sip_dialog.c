/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dialogs: RFC 3261 12.
 */
#include "sip_fixture.h"
#include "sallyport/sip_dialog.h"

enum { TEXT_MAX = 8192 };

/* Text with "\n" for CRLF; Content-Length and the empty line are added. */
static struct sp_sip_msg *message(const char *fmt, ...)
{
	char text[TEXT_MAX], out[TEXT_MAX * 2];
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;
	va_list ap;
	size_t n = 0;

	va_start(ap, fmt);
	assert_true(re_vsnprintf(text, sizeof(text), fmt, ap) > 0);
	va_end(ap);

	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			out[n++] = '\r';
		out[n++] = *p;
	}
	n += (size_t)re_snprintf(out + n, sizeof(out) - n, "Content-Length: 0\r\n\r\n");
	assert_int_equal(0, sp_sip_msg_parse(&m, out, n, &fault));

	return m;
}

/* The INVITE that makes us a server. */
static struct sp_sip_msg *invite(const char *extra)
{
	return message("INVITE sip:+4930@gw.example SIP/2.0\n"
		       "Via: SIP/2.0/TLS p.example;branch=z9hG4bK1\nMax-Forwards: 70\n"
		       "From: \"A; tag=no\" <sip:+441632@p.example>;x=y;tag=ft;z=\"q;tag=w\"\n"
		       "To: <sip:+4930@gw.example;user=phone>\nCall-ID: their-call\n"
		       "CSeq: 10 INVITE\n%s",
		       extra);
}

static struct sp_sip_msg *request(const char *method, unsigned cseq, const char *call_id,
				  const char *from_tag, const char *to_tag, const char *extra)
{
	return message("%s sip:us@gw.example SIP/2.0\n"
		       "Via: SIP/2.0/TLS p.example;branch=z9hG4bK2\nMax-Forwards: 70\n"
		       "From: <sip:+441632@p.example>%s%s\nTo: <sip:gw.example>%s%s\nCall-ID: %s\n"
		       "CSeq: %u %s\n%s",
		       method, *from_tag ? ";tag=" : "", from_tag, *to_tag ? ";tag=" : "", to_tag,
		       call_id, cseq, method, extra);
}

static struct sp_sip_msg *response(const struct sp_sip_dialog *d, unsigned status, const char *tag,
				   const char *extra)
{
	return message("SIP/2.0 %u Reason\nVia: SIP/2.0/TLS gw.example;branch=z9hG4bK1\n"
		       "From: <sip:gw@gw.example>;tag=%s\nTo: <sip:+441632@peer.example>%s%s\n"
		       "Call-ID: %s\nCSeq: 1 INVITE\n%s",
		       status, sp_sip_dialog_local_tag(d), *tag ? ";tag=" : "", tag,
		       sp_sip_dialog_call_id(d), extra);
}

/* Write the next request and compare; %T in expected is the local tag. */
static void assert_put(struct sp_sip_dialog *d, enum sp_sip_method method, uint32_t cseq,
		       const char *uri, const char *expected)
{
	struct mbuf *mb = mbuf_alloc(256);
	char want[TEXT_MAX];
	size_t n = 0;
	const char *got_uri = NULL;

	for (const char *p = expected; *p; p++) {
		if (p[0] == '%' && p[1] == 'T') {
			n += (size_t)re_snprintf(want + n, sizeof(want) - n, "%s",
						 sp_sip_dialog_local_tag(d));
			++p;
		} else if (p[0] == '%' && p[1] == 'C') {
			n += (size_t)re_snprintf(want + n, sizeof(want) - n, "%s",
						 sp_sip_dialog_call_id(d));
			++p;
		} else {
			if (*p == '\n')
				want[n++] = '\r';
			want[n++] = *p;
		}
	}
	want[n] = '\0';

	assert_int_equal(0, sp_sip_dialog_put(d, mb, method, cseq, 69, &got_uri));
	assert_string_equal(uri, got_uri);
	assert_int_equal(0, mbuf_write_u8(mb, 0));
	assert_string_equal(want, (char *)mb->buf);
	mem_deref(mb);
}

static struct sp_sip_dialog *uac(void)
{
	struct sp_sip_dialog *d = NULL;

	assert_int_equal(0, sp_sip_dialog_uac(&d, "\"Gw\" <sip:gw@gw.example>",
					      "<sip:+441632@peer.example>",
					      "sip:+441632@peer.example:5061"));

	return d;
}

static void respond(struct sp_sip_dialog *d, int err, unsigned status, const char *tag,
		    const char *extra)
{
	struct sp_sip_msg *m = response(d, status, tag, extra);

	assert_int_equal(err, sp_sip_dialog_response(d, m));
	mem_deref(m);
}

static void check(struct sp_sip_dialog *d, int err, struct sp_sip_msg *m)
{
	assert_int_equal(err, sp_sip_dialog_check(d, m));
	mem_deref(m);
}

static void rfc3261_12_1_2_client_before_a_response(void **state)
{
	struct sp_sip_dialog *d = uac(), *d2 = uac();
	(void)state;

	assert_int_equal(16, strlen(sp_sip_dialog_local_tag(d)));
	assert_string_equal("", sp_sip_dialog_remote_tag(d));
	assert_int_equal(32, strlen(sp_sip_dialog_call_id(d)));
	assert_int_equal(32, strspn(sp_sip_dialog_call_id(d), "0123456789abcdef"));
	assert_string_not_equal(sp_sip_dialog_call_id(d), sp_sip_dialog_call_id(d2));
	assert_string_not_equal(sp_sip_dialog_local_tag(d), sp_sip_dialog_local_tag(d2));
	assert_int_equal(0, sp_sip_dialog_cseq(d));
	assert_put(d, SP_SIP_INVITE, 0, "sip:+441632@peer.example:5061",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>\nCall-ID: %C\nCSeq: 1 INVITE\n");
	assert_int_equal(1, sp_sip_dialog_cseq(d));
	mem_deref(d);
	mem_deref(d2);
}

static void rfc3261_12_1_2_route_set_backwards(void **state)
{
	struct sp_sip_dialog *d = uac();
	(void)state;

	respond(d, 0, 200, "rt",
		"Record-Route: <sip:p1.example;lr>, \"P, 2\" <sip:p2.example;lr>\n"
		"Record-Route: <sip:p3.example;lr>;a=b\nContact: <sip:c@192.0.2.4>;q=1\n");
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.4",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 1 BYE\n"
		   "Route: <sip:p3.example;lr>;a=b\nRoute: \"P, 2\" <sip:p2.example;lr>\n"
		   "Route: <sip:p1.example;lr>\n");
	mem_deref(d);
}

static void rfc3261_13_2_2_4_ack_of_2xx(void **state)
{
	struct sp_sip_dialog *d = uac();
	struct mbuf *mb = mbuf_alloc(64);
	const char *uri;
	(void)state;

	assert_int_equal(0, sp_sip_dialog_put(d, mb, SP_SIP_INVITE, 0, 70, &uri));
	respond(d, 0, 200, "rt", "Contact: <sip:c@192.0.2.9>\n");
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.9",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 2 BYE\n");
	assert_put(d, SP_SIP_ACK, 1, "sip:c@192.0.2.9",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 1 ACK\n");
	assert_int_equal(2, sp_sip_dialog_cseq(d));
	assert_int_equal(EINVAL, sp_sip_dialog_put(d, mb, SP_SIP_ACK, 0, 70, &uri));
	mem_deref(mb);
	mem_deref(d);
}

static void rfc3261_12_1_2_early_dialog(void **state)
{
	struct sp_sip_dialog *d = uac();
	(void)state;

	respond(d, EBADMSG, 180, "", "Contact: <sip:c@192.0.2.9>\n");
	respond(d, EBADMSG, 100, "rt", "Contact: <sip:c@192.0.2.9>\n");
	respond(d, EBADMSG, 486, "rt", "Contact: <sip:c@192.0.2.9>\n");
	respond(d, 0, 180, "rt", ""); /* no Contact: our target serves */
	assert_string_equal("rt", sp_sip_dialog_remote_tag(d));
	assert_put(d, SP_SIP_PRACK, 0, "sip:+441632@peer.example:5061",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 1 PRACK\n");
	respond(d, EBADMSG, 200, "rt", "");
	respond(d, EBADMSG, 200, "rt", "Contact: *\n");
	respond(d, EBADMSG, 200, "rt", "Contact: <mailto:a@b.example>\n");
	respond(d, EBADMSG, 200, "rt",
		"Contact: <sip:c@192.0.2.9>\nRecord-Route: <http://p.example>\n");
	assert_string_equal("rt", sp_sip_dialog_remote_tag(d));

	/* 13.2.2.4: the 2xx sets the route anew; another fork may be the one */
	respond(d, 0, 183, "rt", "Contact: <sip:c@192.0.2.9>\nRecord-Route: <sip:p1.example;lr>\n");
	respond(d, 0, 200, "rt2",
		"Contact: <sip:c@192.0.2.10>\nRecord-Route: <sip:p2.example;lr>\n");
	assert_string_equal("rt2", sp_sip_dialog_remote_tag(d));
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.10",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt2\nCall-ID: %C\nCSeq: 2 BYE\n"
		   "Route: <sip:p2.example;lr>\n");
	mem_deref(d);
}

static void rfc3261_12_2_1_2_confirmed_keeps_its_route(void **state)
{
	struct sp_sip_dialog *d = uac();
	(void)state;

	respond(d, 0, 200, "rt", "Contact: <sip:c@192.0.2.9>\nRecord-Route: <sip:p1.example;lr>\n");
	respond(d, EBADMSG, 183, "fork", "Contact: <sip:evil@192.0.2.66>\n");
	respond(d, 0, 200, "rt",
		"Contact: <sip:c@192.0.2.10>\nRecord-Route: <sip:p9.example;lr>\n");
	respond(d, 0, 180, "rt", "Contact: <sip:c@192.0.2.11>\n");
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.10",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 1 BYE\n"
		   "Route: <sip:p1.example;lr>\n");
	mem_deref(d);
}

static void a_response_of_another_dialog_is_refused(void **state)
{
	struct sp_sip_dialog *d = uac(), *d2 = uac();
	struct sp_sip_msg *m = response(d2, 200, "rt", "Contact: <sip:c@192.0.2.9>\n");
	(void)state;

	assert_int_equal(EBADMSG, sp_sip_dialog_response(d, m));
	mem_deref(m);

	m = message("SIP/2.0 200 OK\nVia: SIP/2.0/TLS gw.example;branch=z9hG4bK1\n"
		    "From: <sip:gw@gw.example>;tag=notours\nTo: <sip:a@b.example>;tag=rt\n"
		    "Call-ID: %s\nCSeq: 1 INVITE\nContact: <sip:c@192.0.2.9>\n",
		    sp_sip_dialog_call_id(d));
	assert_int_equal(EBADMSG, sp_sip_dialog_response(d, m));
	assert_string_equal("", sp_sip_dialog_remote_tag(d));
	mem_deref(m);
	mem_deref(d);
	mem_deref(d2);
}

static void rfc3261_12_1_1_server(void **state)
{
	struct sp_sip_msg *m = invite("Contact: \"X\" <sip:c@192.0.2.9:5061;transport=tls>\n"
				      "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\n"
				      "Record-Route: <sips:p3.example;lr>\n");
	struct sp_sip_dialog *d = NULL;
	(void)state;

	assert_int_equal(0, sp_sip_dialog_uas(&d, m));
	mem_deref(m);
	assert_string_equal("their-call", sp_sip_dialog_call_id(d));
	assert_string_equal("ft", sp_sip_dialog_remote_tag(d));
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.9:5061;transport=tls",
		   "Max-Forwards: 69\nFrom: <sip:+4930@gw.example;user=phone>;tag=%T\n"
		   "To: \"A; tag=no\" <sip:+441632@p.example>;x=y;z=\"q;tag=w\";tag=ft\n"
		   "Call-ID: their-call\nCSeq: 1 BYE\nRoute: <sip:p1.example;lr>\n"
		   "Route: <sip:p2.example;lr>\nRoute: <sips:p3.example;lr>\n");
	mem_deref(d);
}

static void uas_refuses(const char *extra)
{
	struct sp_sip_msg *m = invite(extra);
	struct sp_sip_dialog *d = NULL;

	assert_int_equal(EBADMSG, sp_sip_dialog_uas(&d, m));
	assert_null(d);
	mem_deref(m);
}

static void rfc3261_12_1_1_server_needs_contact(void **state)
{
	(void)state;

	uas_refuses("");
	uas_refuses("Contact: *\n");
	uas_refuses("Contact: <sip:a@b.example>, <sip:c@d.example>\n");
	uas_refuses("Contact: <sip:a@b.example>\nm: <sip:c@d.example>\n");
	uas_refuses("Contact: <http://x.example>\n");
	uas_refuses("Contact: <sip:a@b.example>\nRecord-Route: <sip:p.example;lr>,\n");
}

static void rfc3261_19_1_1_contact_as_request_uri(void **state)
{
	struct sp_sip_msg *m =
		invite("Contact: <sip:c@192.0.2.9;method=INFO;transport=tls?Subject=x>\n");
	struct sp_sip_dialog *d = NULL;
	(void)state;

	assert_int_equal(0, sp_sip_dialog_uas(&d, m));
	mem_deref(m);
	assert_put(d, SP_SIP_BYE, 0, "sip:c@192.0.2.9;transport=tls",
		   "Max-Forwards: 69\nFrom: <sip:+4930@gw.example;user=phone>;tag=%T\n"
		   "To: \"A; tag=no\" <sip:+441632@p.example>;x=y;z=\"q;tag=w\";tag=ft\n"
		   "Call-ID: their-call\nCSeq: 1 BYE\n");
	mem_deref(d);
}

static void rfc3261_12_2_1_1_strict_routing(void **state)
{
	struct sp_sip_dialog *d = uac();
	(void)state;

	respond(d, 0, 200, "rt",
		"Contact: <sip:c@192.0.2.9>\n"
		"Record-Route: <sip:p2.example;lr>\nRecord-Route: <sip:p1.example;x=y?a=b>\n");
	assert_put(d, SP_SIP_BYE, 0, "sip:p1.example;x=y",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=rt\nCall-ID: %C\nCSeq: 1 BYE\n"
		   "Route: <sip:p2.example;lr>\nRoute: <sip:c@192.0.2.9>\n");
	mem_deref(d);
}

static void rfc3261_12_2_target_refresh(void **state)
{
	struct sp_sip_dialog *d = uac();
	struct sp_sip_msg *m;
	static const struct {
		const char *extra;
		int err;
		const char *target;
	} t[] = {{"", 0, "sip:c@192.0.2.9"},
		 {"Contact: <mailto:x@y.example>\n", EBADMSG, "sip:c@192.0.2.9"},
		 {"Contact: <tel:+4930>\n", 0, "tel:+4930"},
		 {"m: sips:new@n.example;q=1\n", 0, "sips:new@n.example"}};
	struct mbuf *mb = mbuf_alloc(64);
	const char *uri;
	(void)state;

	respond(d, 0, 200, "rt", "Contact: <sip:c@192.0.2.9>\n");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		m = request("INVITE", 5, "c", "a", "b", t[i].extra);
		assert_int_equal(t[i].err, sp_sip_dialog_refresh(d, m));
		mem_deref(m);
		assert_int_equal(0, sp_sip_dialog_put(d, mb, SP_SIP_BYE, 0, 70, &uri));
		assert_string_equal(t[i].target, uri);
	}
	mem_deref(mb);
	mem_deref(d);
}

static void rfc3261_12_2_2_requests_of_the_peer(void **state)
{
	struct sp_sip_msg *m = invite("Contact: <sip:c@192.0.2.9>\n");
	struct sp_sip_dialog *d = NULL;
	const char *tag;
	(void)state;

	assert_int_equal(0, sp_sip_dialog_uas(&d, m));
	mem_deref(m);
	tag = sp_sip_dialog_local_tag(d);

	check(d, ENOENT, request("BYE", 11, "other-call", "ft", tag, ""));
	check(d, ENOENT, request("BYE", 11, "Their-call", "ft", tag, ""));
	check(d, ENOENT, request("BYE", 11, "their-call", "ftx", tag, ""));
	check(d, ENOENT, request("BYE", 11, "their-call", "ft", "x", ""));
	check(d, ENOENT, request("BYE", 11, "their-call", "ft", "", ""));
	check(d, EILSEQ, request("BYE", 10, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("BYE", 9, "their-call", "ft", tag, ""));
	check(d, 0, request("ACK", 10, "their-call", "ft", tag, ""));
	check(d, 0, request("UPDATE", 11, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("UPDATE", 11, "their-call", "ft", tag, ""));
	check(d, 0, request("ACK", 10, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("ACK", 11, "their-call", "ft", tag, ""));
	check(d, 0, request("INVITE", 2000000000, "their-call", "ft", tag, ""));
	check(d, 0, request("ACK", 2000000000, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("ACK", 10, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("CANCEL", 10, "their-call", "ft", tag, ""));
	check(d, EILSEQ, request("BYE", 12, "their-call", "ft", tag, ""));
	mem_deref(d);
}

static void rfc3261_12_2_2_first_request_in_a_client_dialog(void **state)
{
	struct sp_sip_dialog *d = uac();
	char call_id[64], tag[32];
	(void)state;

	str_ncpy(call_id, sp_sip_dialog_call_id(d), sizeof(call_id));
	str_ncpy(tag, sp_sip_dialog_local_tag(d), sizeof(tag));
	check(d, ENOENT, request("BYE", 1, call_id, "rt", tag, ""));
	respond(d, 0, 200, "rt", "Contact: <sip:c@192.0.2.9>\n");
	check(d, EILSEQ, request("ACK", 1, call_id, "rt", tag, ""));
	check(d, 0, request("INFO", 0, call_id, "rt", tag, ""));
	check(d, EILSEQ, request("INFO", 0, call_id, "rt", tag, ""));
	check(d, 0, request("INFO", 1, call_id, "rt", tag, ""));

	/* a further fork counts for itself */
	respond(d, 0, 200, "rt2", "Contact: <sip:c@192.0.2.9>\n");
	check(d, ENOENT, request("INFO", 2, call_id, "rt", tag, ""));
	check(d, 0, request("INFO", 1, call_id, "rt2", tag, ""));
	mem_deref(d);
}

/* 13.2.2.4: a second 2xx is a dialog of its own, beside the first. */
static void a_fork_of_a_2xx(void **state)
{
	struct sp_sip_dialog *d = uac(), *fork = NULL;
	struct sp_sip_msg *rsp;
	struct mbuf *mb = mbuf_alloc(256);
	const char *uri;
	(void)state;

	assert_int_equal(0, sp_sip_dialog_put(d, mb, SP_SIP_INVITE, 0, 69, &uri));
	respond(d, 0, 200, "one", "Contact: <sip:one.example>\n");
	rsp = response(d, 200, "two",
		       "Contact: <sip:two.example>\nRecord-Route: <sip:p.example;lr>\n");
	assert_int_equal(0, sp_sip_dialog_fork(&fork, d, rsp));
	assert_string_equal(sp_sip_dialog_local_tag(d), sp_sip_dialog_local_tag(fork));
	assert_put(fork, SP_SIP_BYE, 0, "sip:two.example",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=two\nCall-ID: %C\nCSeq: 2 BYE\n"
		   "Route: <sip:p.example;lr>\n");
	mem_deref(fork);
	mem_deref(rsp);

	rsp = response(d, 200, "three", "");
	assert_int_equal(EBADMSG, sp_sip_dialog_fork(&fork, d, rsp));
	assert_put(d, SP_SIP_BYE, 0, "sip:one.example",
		   "Max-Forwards: 69\nFrom: \"Gw\" <sip:gw@gw.example>;tag=%T\n"
		   "To: <sip:+441632@peer.example>;tag=one\nCall-ID: %C\nCSeq: 2 BYE\n");
	mem_deref(rsp);
	mem_deref(mb);
	mem_deref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3261_12_1_2_client_before_a_response),
		cmocka_unit_test(rfc3261_12_1_2_route_set_backwards),
		cmocka_unit_test(rfc3261_13_2_2_4_ack_of_2xx),
		cmocka_unit_test(rfc3261_12_1_2_early_dialog),
		cmocka_unit_test(rfc3261_12_2_1_2_confirmed_keeps_its_route),
		cmocka_unit_test(a_response_of_another_dialog_is_refused),
		cmocka_unit_test(rfc3261_12_1_1_server),
		cmocka_unit_test(rfc3261_12_1_1_server_needs_contact),
		cmocka_unit_test(rfc3261_19_1_1_contact_as_request_uri),
		cmocka_unit_test(rfc3261_12_2_1_1_strict_routing),
		cmocka_unit_test(rfc3261_12_2_target_refresh),
		cmocka_unit_test(rfc3261_12_2_2_requests_of_the_peer),
		cmocka_unit_test(rfc3261_12_2_2_first_request_in_a_client_dialog),
		cmocka_unit_test(a_fork_of_a_2xx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
