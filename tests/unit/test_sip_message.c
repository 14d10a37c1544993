/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking things up in messages, methods, reason phrases (RFC 3261 21), and
 * writing header lines (7.3; 20.43 for Warning).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "sallyport/sip_message.h"

static const char text[] = "OPTIONS sip:h SIP/2.0\r\n"
			   "Via: SIP/2.0/TLS h;branch=z9hG4bK1\r\n"
			   "From: <sip:a@h>;tag=1\r\n"
			   "To: <sip:b@h>\r\n"
			   "i: c1\r\n"
			   "CSeq: 1 OPTIONS\r\n"
			   "Supported: timer, 100REL\r\n"
			   "x: 1800;refresher=uac\r\n"
			   "k: path ,, replaces\r\n"
			   "Require:\r\n"
			   "Refer-To: <sip:x@h>\r\n"
			   "X-Custom: first\r\n"
			   "x-custom: second\r\n"
			   "Content-Length: 0\r\n\r\n";

static struct sp_sip_msg *message(void)
{
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;

	assert_int_equal(sp_sip_msg_parse(&m, text, sizeof(text) - 1, &fault), 0);

	return m;
}

static void check(const struct sp_sip_hdr *hdr, const char *value)
{
	assert_non_null(hdr);
	assert_int_equal(hdr->value.l, strlen(value));
	assert_memory_equal(hdr->value.p, value, hdr->value.l);
}

static void next(void **state)
{
	struct sp_sip_msg *m = message();
	const struct sp_sip_hdr *h;

	(void)state;
	h = sp_sip_msg_next(m, SP_HDR_SUPPORTED, NULL);
	check(h, "timer, 100REL");
	h = sp_sip_msg_next(m, SP_HDR_SUPPORTED, h);
	check(h, "path ,, replaces");
	assert_null(sp_sip_msg_next(m, SP_HDR_SUPPORTED, h));
	assert_null(sp_sip_msg_next(m, SP_HDR_CONTACT, NULL));
	h = sp_sip_msg_next(m, SP_HDR_CONTENT_LENGTH, NULL);
	check(h, "0");
	assert_null(sp_sip_msg_next(m, SP_HDR_CONTENT_LENGTH, h));
	assert_null(sp_sip_msg_next(NULL, SP_HDR_VIA, NULL));
	mem_deref(m);
}

/* RFC 3261 7.3.3: either form finds either form. */
static void named(void **state)
{
	struct sp_sip_msg *m = message();

	(void)state;
	check(sp_sip_msg_named(m, "call-id"), "c1");
	check(sp_sip_msg_named(m, "I"), "c1");
	check(sp_sip_msg_named(m, "Session-Expires"), "1800;refresher=uac");
	check(sp_sip_msg_named(m, "x"), "1800;refresher=uac");
	check(sp_sip_msg_named(m, "r"), "<sip:x@h>");
	check(sp_sip_msg_named(m, "REFER-TO"), "<sip:x@h>");
	check(sp_sip_msg_named(m, "X-CUSTOM"), "first");
	assert_null(sp_sip_msg_named(m, "X-Custo"));
	assert_null(sp_sip_msg_named(m, "Referred-By"));
	assert_null(sp_sip_msg_named(m, "b"));
	assert_null(sp_sip_msg_named(m, ""));
	assert_null(sp_sip_msg_named(m, NULL));
	mem_deref(m);
}

static void lists(void **state)
{
	struct sp_sip_msg *m = message();

	(void)state;
	assert_true(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer"));
	assert_true(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "100rel"));
	assert_true(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "replaces"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "time"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer, 100rel"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_REQUIRE, "timer"));
	assert_false(sp_sip_msg_lists(m, SP_HDR_REQUIRE, ""));
	assert_false(sp_sip_msg_lists(m, SP_HDR_SUPPORTED, NULL));
	mem_deref(m);
}

static void methods(void **state)
{
	struct pl name;

	(void)state;
	for (int i = 0; i < SP_SIP_OTHER; i++) {
		pl_set_str(&name, sp_sip_method_name((enum sp_sip_method)i));
		assert_int_equal(sp_sip_method(&name), i);
	}
	pl_set_str(&name, "PUBLISH");
	assert_int_equal(sp_sip_method(&name), SP_SIP_PUBLISH);
	pl_set_str(&name, "invite");
	assert_int_equal(sp_sip_method(&name), SP_SIP_OTHER);
	pl_set_str(&name, "INVITEE");
	assert_int_equal(sp_sip_method(&name), SP_SIP_OTHER);
	assert_int_equal(sp_sip_method(NULL), SP_SIP_OTHER);
	assert_string_equal(sp_sip_method_name(SP_SIP_OTHER), "UNKNOWN");
}

static void reasons(void **state)
{
	(void)state;
	assert_string_equal(sp_sip_reason(100), "Trying");
	assert_string_equal(sp_sip_reason(481), "Call/Transaction Does Not Exist");
	assert_string_equal(sp_sip_reason(608), "Rejected");
	assert_string_equal(sp_sip_reason(299), "Unknown");
	assert_string_equal(sp_sip_reason(0), "Unknown");
}

static void put(void **state)
{
	const struct pl pl = PL("<sip:a@h>");
	struct mbuf *mb = mbuf_alloc(8);

	(void)state;
	assert_non_null(mb);
	assert_int_equal(sp_sip_put(mb, "To", "%r;tag=%s", &pl, "x"), 0);
	assert_int_equal(sp_sip_put(mb, "X-Empty", "%s", ""), 0);
	assert_int_equal(sp_sip_put(mb, "Subject", "a\tb \xc3\xa9"), 0);
	mbuf_write_u8(mb, 0);
	assert_string_equal((char *)mb->buf, "To: <sip:a@h>;tag=x\r\nX-Empty: \r\n"
					     "Subject: a\tb \xc3\xa9\r\n");
	mem_deref(mb);
}

/* A value cannot break out of its line, and leaves nothing behind. */
static void put_refuses(void **state)
{
	static const char *const bad[] = {"a\r\nX: y", "a\rb", "a\nb", "\r\n", "a\x01", "\x7f"};
	const struct pl nul = PL("a\0b");
	struct mbuf *mb = mbuf_alloc(64);

	(void)state;
	assert_non_null(mb);
	mbuf_write_str(mb, "A: b\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(sp_sip_put(mb, "X", "%s", bad[i]), EBADMSG);
		assert_int_equal(sp_sip_put_warning(mb, "h", bad[i]), EBADMSG);
	}
	assert_int_equal(sp_sip_put(mb, "X", "%r", &nul), EBADMSG);
	assert_int_equal(sp_sip_put(mb, "X Y", "z"), EBADMSG);
	assert_int_equal(sp_sip_put(mb, "X:", "z"), EBADMSG);
	assert_int_equal(sp_sip_put(mb, "X\r\n", "z"), EBADMSG);
	assert_int_equal(sp_sip_put(mb, "", "z"), EBADMSG);
	assert_int_equal(sp_sip_put(NULL, "X", "z"), EINVAL);
	assert_int_equal(mb->pos, 6);
	assert_int_equal(mb->end, 6);
	mem_deref(mb);
}

static void warning(void **state)
{
	struct mbuf *mb = mbuf_alloc(8);

	(void)state;
	assert_non_null(mb);
	assert_int_equal(sp_sip_put_warning(mb, "gw.example:5061", "no \"key\" in a\\b"), 0);
	mbuf_write_u8(mb, 0);
	assert_string_equal((char *)mb->buf,
			    "Warning: 399 gw.example:5061 \"no \\\"key\\\" in a\\\\b\"\r\n");
	mem_deref(mb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next),        cmocka_unit_test(named),   cmocka_unit_test(lists),
		cmocka_unit_test(methods),     cmocka_unit_test(reasons), cmocka_unit_test(put),
		cmocka_unit_test(put_refuses), cmocka_unit_test(warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
