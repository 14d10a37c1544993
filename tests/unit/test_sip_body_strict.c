/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bodies that are not read (RFC 2046 5.1): what two readers could cut into
 * different parts, and what is beyond a limit.
 */
#include "unit/body_fixture.h"

static void nested_to_a_depth(void **state)
{
	(void)state;

	assert_int_equal(
		0, found(MULTI("a"),
			 PART("a", MULTI("b"),
			      PART("b", MULTI("c"), PART("c", SDP, "v=0") "--c--") "--b--") "--a--",
			 SDP));
	assert_int_equal(
		EBADMSG,
		found(MULTI("a"),
		      PART("a", MULTI("b"),
			   PART("b", MULTI("c"),
				PART("c", MULTI("d"),
				     PART("d", SDP, "v=0") "--d--") "--c--") "--b--") "--a--",
		      SDP));
}

/** RFC 2046 5.1.2: of two boundaries, none may be taken for the other. */
static void boundaries_alike(void **state)
{
	(void)state;

	assert_int_equal(EBADMSG, found(MULTI("b"), PART("b", SDP, "v=0\r\n--bc") "--b--", SDP));
	assert_int_equal(EBADMSG, found(MULTI("b"), PART("b", SDP, "v=0\r\n--b-") "--b--", SDP));
	assert_int_equal(EBADMSG, found(MULTI("b"), PART("b", SDP, "v=0\r\n--b--x") "--b--", SDP));
	assert_int_equal(EBADMSG,
			 found(MULTI("b"),
			       PART("b", MULTI("bc"), PART("bc", SDP, "v=0") "--bc--") "--b--",
			       SDP));
	assert_int_equal(EBADMSG,
			 found(MULTI("bc"),
			       PART("bc", MULTI("b"), PART("b", SDP, "v=0") "--b--") "--bc--",
			       SDP));
	assert_int_equal(EBADMSG,
			 found(MULTI("b"),
			       PART("b", MULTI("b"), PART("b", SDP, "v=0") "--b--") "--b--", SDP));
	/* not at the start of a line it is text */
	assert_int_equal(0, found(MULTI("b"), PART("b", SDP, "v=0 --b\r\n --b--") "--b--", SDP));
	/* another case is another boundary */
	assert_int_equal(0, found(MULTI("b"), PART("b", SDP, "v=0\r\n--B") "--b--", SDP));
}

struct bad_case {
	const char *type, *body;
};

static const struct bad_case badv[] = {
	/* no boundary, two, or one against the grammar (RFC 2046 5.1.1) */
	{"multipart/mixed", GOOD "--b1--"},
	{"multipart/mixed;boundary=\"\"", "--\r\n\r\nx\r\n----"},
	{"multipart/mixed;boundary=b1;boundary=b1", GOOD "--b1--"},
	{"multipart/mixed;boundary=\"b1 \"", GOOD "--b1--"},
	{"multipart/mixed;boundary=\"b\\1\"", GOOD "--b1--"},
	{"multipart/mixed;boundary=b1@", PART("b1@", SDP, "v=0") "--b1@--"},
	{MIXED, PART("b1", "multipart/mixed;boundary", "x") "--b1--"},
	{"multipart/mixed;boundary*=b1", GOOD "--b1--"},
	/* delimiters: none, not opened, not closed, opened again */
	{MIXED, "x"},
	{MIXED, "v=0\r\n"},
	{MIXED, "--b1--"},
	{MIXED, "--b1--\r\n"},
	{MIXED, "--b1"},
	{MIXED, "--b1\r\n"},
	{MIXED, GOOD},
	{MIXED, GOOD "--b1"},
	{MIXED, GOOD "--b1\r\n"},
	{MIXED, GOOD "--b1-"},
	{MIXED, GOOD "x--b1--"},
	{MIXED, GOOD "--b1 --"},
	{MIXED, GOOD "--b1--\r\n" GOOD "--b1--\r\n"},
	{MIXED, GOOD "--b1--\r\n--b1--\r\n"},
	/* the line end of one delimiter is not that of the next */
	{MIXED, "--b1\r\n--b1\r\n\r\nx\r\n--b1--"},
	{MIXED, "--b1\r\n--b1--"},
	/* CRLF here, LF there, CR */
	{MIXED, "x\n" GOOD "--b1--"},
	{MIXED, GOOD "--b1\n\r\nx\r\n--b1--"},
	{MIXED, GOOD "x\n--b1--"},
	{MIXED, GOOD "--b1--\n"},
	{MIXED, "--b1\n\nx\n--b1\r\n\nx\n--b1--\n"},
	{MIXED, "--b1\n\nx\n--b1--\r\n"},
	{MIXED, GOOD "x\r--b1\r\n\r\nx\r\n--b1--"},
	{MIXED, GOOD "\r\n--b1--\r--b1--"},
	{MIXED, "--b1\n\nx\r--b1\n\ny\n--b1--"},
	{MIXED, "--b1\r" SDP "\r\rx\r--b1--"},
	/* headers of a part */
	{MIXED, "--b1\r\nContent-Type: " SDP "\n\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\n\nv=0\r\n--b1--"},
	{MIXED, "--b1\nContent-Type: " SDP "\r\n\nv=0\n--b1--"},
	{MIXED, "--b1\nContent-Type: " SDP "\n\r\nv=0\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\n \r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\n \r\nX: y\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\rx: y\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\n Content-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\nno colon\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\n: x\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\na b: x\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP "\r\nc: text/plain\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: application / sdp\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: application/\r\n sdp\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: application\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type:\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP " (comment)\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Type: " SDP ";\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Disposition: session\r\nContent-Disposition: alert\r\n"
		"Content-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Length: 3\r\nl: 3\r\nContent-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Length: -1\r\nContent-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Length:\r\nContent-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	{MIXED, "--b1\r\nContent-Length: 6\r\nContent-Type: " SDP "\r\n\r\nv=0\r\n--b1--"},
	/* a fault anywhere is a fault of the whole */
	{MIXED, GOOD PART("b1", "multipart/mixed", "x") "--b1--"},
	{MIXED, PART("b1", "multipart/mixed;boundary=in", "x") GOOD "--b1--"},
	{MIXED, GOOD "--b1\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n\r\nx\r\n--b1--"},
	{MIXED, PART("b1", "multipart/mixed;boundary=\"i\r\n n\"",
		     "--i\r\n n\r\nContent-Type: " SDP "\r\n\r\nv=0\r\n--i\r\n n--") "--b1--"},
};

static void refuses_what_can_be_read_in_two_ways(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); ++i) {
		const int err = found(badv[i].type, badv[i].body, SDP);

		if (err != EBADMSG)
			fail_msg("%s\n%s: %d", badv[i].type, badv[i].body, err);
	}
}

/** Control characters in a part's headers; in its content they are as good as any. */
static void octets(void **state)
{
	static const char header[] = "--b1\r\nContent-Type: " SDP "\r\nX: \0\r\n\r\nv=0\r\n--b1--",
			  content[] = "--b1\r\nContent-Type: " SDP
				      "\r\n\r\nv=\0\xff\r\n--b1\r\n\r\n\0\r\n--b1--\r\n\0";
	struct sp_sip_part part;
	struct sp_sip_msg *m;
	(void)state;

	m = message("Content-Type: " MIXED "\r\n", header, sizeof(header) - 1);
	assert_int_equal(EBADMSG, sp_sip_part_find(&part, m, SDP));
	mem_deref(m);

	m = message("Content-Type: " MIXED "\r\n", content, sizeof(content) - 1);
	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_int_equal(4, part.body.l);
	assert_memory_equal(part.body.p, "v=\0\xff", 4);
	mem_deref(m);
}

static void boundary_lengths(void **state)
{
	char boundary[SP_SIP_BOUNDARY_MAX + 2], type[256], body[512];
	(void)state;

	for (size_t n = 1; n <= SP_SIP_BOUNDARY_MAX + 1; n++) {
		memset(boundary, 'x', n);
		boundary[n] = '\0';
		(void)snprintf(type, sizeof(type), "multipart/mixed;boundary=%s", boundary);
		(void)snprintf(body, sizeof(body),
			       "--%s\r\nContent-Type: " SDP "\r\n\r\n\r\n--%s--", boundary,
			       boundary);
		assert_int_equal(n > SP_SIP_BOUNDARY_MAX ? EBADMSG : 0, found(type, body, SDP));
	}
}

/** SP_SIP_PARTS_MAX counts the parts of all levels. */
static void many_parts(void **state)
{
	struct mbuf *mb = mbuf_alloc(4096);
	struct sp_sip_part part;
	(void)state;

	for (unsigned n = 1; n <= 2000; n += n < 20 ? 1 : 660) {
		struct sp_sip_msg *m;

		mbuf_rewind(mb);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(0, mbuf_write_str(mb, i == 1 ? GOOD : "--b1\r\n\r\n\r\n"));
		assert_int_equal(0, mbuf_write_str(mb, "--b1--"));
		m = message("Content-Type: " MIXED "\r\n", (const char *)mb->buf, mb->end);
		assert_int_equal(n > SP_SIP_PARTS_MAX ? EBADMSG
				 : n < 2              ? ENOENT
						      : 0,
				 sp_sip_part_find(&part, m, SDP));
		mem_deref(m);
	}

	/* also those of the inner ones */
	mbuf_rewind(mb);
	assert_int_equal(0, mbuf_write_str(mb, "--o\r\nc:multipart/mixed;boundary=b1\r\n\r\n"));
	for (unsigned i = 0; i < SP_SIP_PARTS_MAX; i++)
		assert_int_equal(0, mbuf_write_str(mb, GOOD));
	assert_int_equal(0, mbuf_write_str(mb, "--b1--\r\n--o--"));
	mb->pos = 0;
	{
		char *body = NULL;

		assert_int_equal(0, mbuf_strdup(mb, &body, mb->end));
		assert_int_equal(EBADMSG, found("multipart/mixed;boundary=o", body, SDP));
		mem_deref(body);
	}
	mem_deref(mb);
}

/** A field with its folded lines is bounded, as one of the message is. */
static void long_headers(void **state)
{
	char body[2 * SP_SIP_LINE_MAX], x[SP_SIP_LINE_MAX];
	(void)state;

	memset(x, 'x', sizeof(x));
	for (int n = SP_SIP_LINE_MAX - 8; n <= SP_SIP_LINE_MAX - 1; n++) {
		/* "X:" and n characters, fold included */
		(void)snprintf(body, sizeof(body),
			       "--b1\r\nContent-Type: " SDP "\r\nX:\r\n %.*s\r\n\r\nv=0\r\n--b1--",
			       n - 3, x);
		assert_int_equal(n + 2 > SP_SIP_LINE_MAX ? EBADMSG : 0, found(MIXED, body, SDP));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_to_a_depth),
		cmocka_unit_test(boundaries_alike),
		cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
		cmocka_unit_test(octets),
		cmocka_unit_test(boundary_lengths),
		cmocka_unit_test(many_parts),
		cmocka_unit_test(long_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
