/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of a body (RFC 2046 5.1, RFC 5621): found, replaced and left out, with
 * every other octet as it was.
 */
#include "unit/body_fixture.h"

/** A description as peers send them. */
#define OFFER                                                                                      \
	"v=0\r\n"                                                                                  \
	"o=- 94623 0 IN IP4 203.0.113.20\r\n"                                                      \
	"s=session\r\n"                                                                            \
	"c=IN IP4 203.0.113.20\r\n"                                                                \
	"t=0 0\r\n"                                                                                \
	"m=audio 51124 RTP/SAVP 8 101\r\n"

/** A caller's location by RFC 6442 and RFC 4119, as an emergency call has it. */
#define LOCATION                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"                                           \
	"<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"\r\n"                                      \
	" xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\"\r\n"                                  \
	" xmlns:ca=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\"\r\n"                        \
	" entity=\"sip:alice@example.com\">\r\n"                                                   \
	" <tuple id=\"sg89ae\"><status><gp:geopriv><gp:location-info>\r\n"                         \
	"  <ca:civicAddress><ca:country>GB</ca:country><ca:A3>M\xc3\xbchlheim</ca:A3>\r\n"         \
	"  </ca:civicAddress></gp:location-info></gp:geopriv></status></tuple>\r\n"                \
	"</presence>\r\n"

/** A call to an emergency number: preamble, location, description, epilogue. */
#define EMERGENCY_A                                                                                \
	"This message has two parts.\r\n"                                                          \
	"\r\n"                                                                                     \
	"--b1\r\n"                                                                                 \
	"Content-Type: " PIDF "\r\n"                                                               \
	"Content-ID: <alice123@atlanta.example.com>\r\n"                                           \
	"Content-Disposition: by-reference;handling=optional\r\n"                                  \
	"\r\n" LOCATION "\r\n"                                                                     \
	"--b1  \t\r\n"                                                                             \
	"Content-Type: " SDP "\r\n"                                                                \
	"Content-Disposition: session;\r\n"                                                        \
	"\thandling=required\r\n"                                                                  \
	"\r\n"
#define EMERGENCY_B                                                                                \
	"\r\n--b1-- \r\n"                                                                          \
	"An epilogue, --b1 in it.\r\n"

/** text must be expected; the message is part of what is told when it is not. */
static void assert_text(const struct pl *text, const char *expected, const char *of)
{
	if (pl_strcmp(text, expected))
		fail_msg("<<%.*s>>, expected <<%s>> in\n%s", (int)text->l, text->p, expected, of);
}

/** The body with its SDP replaced is expected; NULL text leaves the part out. */
static void assert_replaced(const char *type, const char *body, const char *text,
			    const char *expected)
{
	struct sp_sip_msg *m = with_type(type, body);
	struct mbuf *out = mbuf_alloc(64), *in = text ? mbuf_alloc(64) : NULL;
	struct sp_sip_part part;
	struct pl written;

	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	if (in && *text)
		assert_int_equal(0, mbuf_write_str(in, text));
	assert_int_equal(0, sp_sip_part_replace(out, m, &part, in));
	assert_int_equal(out->pos, out->end);
	written = (struct pl){(const char *)out->buf, out->end};
	assert_text(&written, expected, body);

	mem_deref(in);
	mem_deref(out);
	mem_deref(m);
}

static int replace_fault(const char *type, const char *body, const char *text)
{
	struct sp_sip_msg *m = with_type(type, body);
	struct mbuf *out = mbuf_alloc(64), *in = text ? mbuf_alloc(64) : NULL;
	struct sp_sip_part part;
	int err;

	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	if (in)
		assert_int_equal(0, mbuf_write_str(in, text));
	assert_int_equal(0, mbuf_write_str(out, "before"));
	err = sp_sip_part_replace(out, m, &part, in);
	if (err)
		assert_int_equal(6, out->end);

	mem_deref(in);
	mem_deref(out);
	mem_deref(m);

	return err;
}

static void the_body_itself(void **state)
{
	struct sp_sip_msg *m = with_type("Application/SDP;charset=utf-8", OFFER);
	struct sp_sip_part part;
	(void)state;

	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_text(&part.type, "Application/SDP", OFFER);
	assert_text(&part.body, OFFER, "");
	assert_int_equal(0, part.depth);
	assert_int_equal(1, part.count);
	assert_int_equal(0, part.headers.l);
	mem_deref(m);

	assert_replaced(SDP, OFFER, "v=0\r\n", "v=0\r\n");
	assert_int_equal(ENOENT, replace_fault(SDP, OFFER, NULL));
	/* there is nothing to break out of */
	assert_int_equal(0, replace_fault(SDP, OFFER, "--b1\r"));

	assert_int_equal(ENOENT, found("text/plain", OFFER, SDP));
	assert_int_equal(ENOENT, found("application/sdpx", OFFER, SDP));
	assert_int_equal(ENOENT, found(SDP, "", SDP));
	assert_int_equal(ENOENT, found(MIXED, "", SDP));
	assert_int_equal(EBADMSG, found("application / sdp", OFFER, SDP));

	m = message("", OFFER, strlen(OFFER));
	assert_int_equal(ENOENT, sp_sip_part_find(&part, m, SDP));
	mem_deref(m);
}

/** RFC 6442 3.2, RFC 5621 3.1: what an emergency call looks like. */
static void location_beside_description(void **state)
{
	struct sp_sip_msg *m = with_type(MIXED, EMERGENCY_A OFFER EMERGENCY_B);
	struct sp_sip_part part;
	(void)state;

	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_text(&part.type, SDP, "");
	assert_text(&part.body, OFFER, "");
	assert_text(&part.headers,
		    "Content-Type: " SDP "\r\n"
		    "Content-Disposition: session;\r\n\thandling=required\r\n",
		    "");
	assert_text(&part.boundaryv[0], "b1", "");
	assert_int_equal(1, part.depth);
	assert_int_equal(1, part.count);
	assert_false(part.alone);

	assert_int_equal(0, sp_sip_part_find(&part, m, PIDF));
	assert_text(&part.body, LOCATION, "");
	assert_int_equal(ENOENT, sp_sip_part_find(&part, m, "text/plain"));
	mem_deref(m);

	assert_replaced(MIXED, EMERGENCY_A OFFER EMERGENCY_B, "v=0\r\na=x\r\n",
			EMERGENCY_A "v=0\r\na=x\r\n" EMERGENCY_B);
	assert_replaced(MIXED, EMERGENCY_A OFFER EMERGENCY_B, "", EMERGENCY_A EMERGENCY_B);
}

/** With the same text in its place nothing changes, whatever the way of writing. */
static void same_text_same_octets(void **state)
{
	static const struct {
		const char *type, *before, *after;
	} casev[] = {
		{MIXED, EMERGENCY_A, EMERGENCY_B},
		{"multipart/mixed; boundary=\"=_a b:c'(d)+,/?._-x\"",
		 "--=_a b:c'(d)+,/?._-x\r\nc:application/sdp\r\n\r\n",
		 "\r\n--=_a b:c'(d)+,/?._-x--"},
		{"multipart/mixed;boundary=----=_Part_1.2", "------=_Part_1.2\r\nc:" SDP "\r\n\r\n",
		 "\r\n------=_Part_1.2--"},
		{"Multipart/Related; type=\"" SDP "\"; start=\"<a@b>\" ; BOUNDARY = b1",
		 "--b1\r\ncontent-type :\r\n Application/SDP;x=y\r\n\r\n", "\r\n--b1--\r\n\r\n"},
		{"multipart/alternative;boundary=b1",
		 "--b1\r\n\r\nof no type\r\n--b1\r\nContent-Type: text/plain\r\n\r\n\r\n"
		 "--b1\r\nContent-Length: 0024\r\nContent-Type: " SDP "\r\n\r\n",
		 "\r\n--b1--"},
		/* who counts the delimiter's line end */
		{MIXED, "--b1\r\nContent-Length:26\r\nContent-Type: " SDP "\r\n\r\n", "\r\n--b1--"},
		/* LF alone, everywhere, or in the lines of the multipart only */
		{MIXED, "preamble\n\n--b1\nContent-Type: " SDP "\n\n", "\n--b1--\nepilogue"},
		{MIXED, "\r\n--b1 \nContent-Type: " SDP ";\n\tx=y\nContent-ID: <1>\n\n",
		 "\r\n--b1--\n"},
	};
	static const char text[] = "v=0\r\na=not--b1\r\n--b\r\n-xy"; /* 24 octets */
	char body[2048];
	(void)state;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); ++i) {
		(void)snprintf(body, sizeof(body), "%s%s%s", casev[i].before, text, casev[i].after);
		assert_replaced(casev[i].type, body, text, body);
	}
}

static void nested(void **state)
{
	static const char before[] =
		"--b1\r\nContent-Type: text/plain\r\n\r\n--in\r\n"
		"--b1\r\nContent-Type: multipart/alternative;\r\n boundary=\"in\"\r\n"
		"\r\npreamble\r\n--in\r\nContent-Type: " SDP "\r\n\r\n",
			  after[] = "\r\n--in--\r\nepilogue\r\n--b1--";
	struct sp_sip_msg *m;
	struct sp_sip_part part;
	char body[1024], expected[1024];
	(void)state;

	(void)snprintf(body, sizeof(body), "%s%s%s", before, OFFER, after);
	(void)snprintf(expected, sizeof(expected), "%s%s%s", before, "v=0\r\n", after);
	assert_replaced(MIXED, body, "v=0\r\n", expected);
	assert_int_equal(EBADMSG, replace_fault(MIXED, body, "v=0\r\n--in\r\n"));
	assert_int_equal(EBADMSG, replace_fault(MIXED, body, "v=0\r\n--b1\r\n"));
	assert_int_equal(ENOENT, replace_fault(MIXED, body, NULL));

	m = with_type(MIXED, body);
	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_int_equal(2, part.depth);
	assert_text(&part.boundaryv[0], "b1", body);
	assert_text(&part.boundaryv[1], "in", body);
	assert_true(part.alone);
	mem_deref(m);
}

struct type_case {
	const char *header; /* of the part */
	int err;
};

static const struct type_case typev[] = {
	{"", 0},
	{"Content-Transfer-Encoding: binary\r\n", 0},
	{"Content-Transfer-Encoding: 8BIT\r\nContent-Encoding: identity\r\n", 0},
	{"Content-Transfer-Encoding:7bit\r\n", 0},
	{"Content-Disposition: session;handling=optional\r\n", 0},
	{"Content-Disposition: SESSION\r\n", 0},
	{"X-Any: \xc3\xa4 : ;\r\n", 0},
	{"Content-Length: 3\r\n", 0},
	{"Content-Length: 1\r\n", 0},
	{"Content-Transfer-Encoding: base64\r\n", ENOTSUP},
	{"Content-Transfer-Encoding: quoted-printable\r\n", ENOTSUP},
	{"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n", ENOTSUP},
	{"Content-Transfer-Encoding: \r\n", ENOTSUP},
	{"Content-Encoding: gzip\r\n", ENOTSUP},
	{"e: identity, gzip\r\n", ENOTSUP},
	{"Content-Disposition: early-session\r\n", ENOENT},
	{"Content-Disposition: sessions\r\n", ENOENT},
	{"Content-Disposition: ;handling=required\r\n", ENOENT},
	{"Content-Disposition:\r\n", ENOENT},
};

static void what_headers_say(void **state)
{
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(typev) / sizeof(typev[0]); ++i) {
		int err;

		/* of the part, before and after Content-Type; the other part is as good as any */
		(void)snprintf(text, sizeof(text),
			       PART("b1", PIDF, "x") "--b1\r\n%sContent-Type: " SDP
						     "\r\n\r\nv=0\r\n--b1--",
			       typev[i].header);
		err = found(MIXED, text, SDP);
		if (err != typev[i].err)
			fail_msg("%s: %d", typev[i].header, err);
		(void)snprintf(text, sizeof(text),
			       "--b1\r\nContent-Type: " SDP "\r\n%s\r\nv=0\r\n--b1--",
			       typev[i].header);
		assert_int_equal(typev[i].err, found(MIXED, text, SDP));
		/* encoded or not, a part that nobody asks for is no hindrance */
		assert_int_equal(ENOENT, found(MIXED, text, "text/plain"));
	}
}

/** The message's own headers speak of the whole body (RFC 3261 20.11, 20.12). */
static void what_the_message_says(void **state)
{
	static const struct {
		const char *headers, *body;
		int err;
	} casev[] = {
		{"Content-Encoding: gzip\r\nContent-Type: " SDP "\r\n", "v=0", ENOTSUP},
		{"e: gzip\r\nc: " MIXED "\r\n", GOOD "--b1--", ENOTSUP},
		{"e: gzip\r\nc: text/plain\r\n", "v=0", ENOENT},
		{"Content-Transfer-Encoding: base64\r\nc: " SDP "\r\n", "v=0", ENOTSUP},
		{"Content-Disposition: session\r\nc: " SDP "\r\n", "v=0", 0},
		{"Content-Disposition: early-session\r\nc: " SDP "\r\n", "v=0", ENOENT},
		{"Content-Disposition: session\r\nContent-Disposition: x\r\nc: " SDP "\r\n", "v=0",
		 EBADMSG},
		{"Content-Disposition: session\r\nContent-Disposition: x\r\nc: text/x\r\n", "v=0",
		 ENOENT},
		{"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=b1\r\n",
		 GOOD "--b1--", 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); ++i) {
		struct sp_sip_msg *m =
			message(casev[i].headers, casev[i].body, strlen(casev[i].body));
		struct sp_sip_part part;
		const int err = sp_sip_part_find(&part, m, SDP);

		if (err != casev[i].err)
			fail_msg("%s: %d", casev[i].headers, err);
		mem_deref(m);
	}
}

/** RFC 3959: the description of an early session is not the session's. */
static void two_descriptions(void **state)
{
	static const char body[] =
		"--b1\r\nContent-Type: " SDP "\r\nContent-Disposition: early-session\r\n"
		"\r\nearly\r\n" PART("b1", SDP, "first") PART("b1", SDP, "second") "--b1--";
	struct sp_sip_msg *m = with_type(MIXED, body);
	struct sp_sip_part part;
	(void)state;

	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_text(&part.body, "first", body);
	assert_int_equal(3, part.count);
	mem_deref(m);

	m = with_type(MIXED,
		      "--b1\r\nContent-Type: " SDP "\r\nContent-Disposition: early-session\r\n"
		      "\r\nearly\r\n--b1--");
	assert_int_equal(ENOENT, sp_sip_part_find(&part, m, SDP));
	assert_int_equal(1, part.count);
	assert_int_equal(ENOENT, sp_sip_part_find(&part, m, PIDF));
	assert_int_equal(0, part.count);
	mem_deref(m);

	/* the disposition of other types is for whoever asks for them */
	assert_int_equal(0,
			 found(MIXED,
			       "--b1\r\nContent-Type: " PIDF "\r\nContent-Disposition: render\r\n"
			       "\r\nx\r\n--b1--",
			       PIDF));
}

/** RFC 1847: what is signed must not change; what is beside it may. */
static void signed_parts(void **state)
{
	(void)state;

	assert_int_equal(ENOTSUP, found("multipart/signed;boundary=b1", GOOD "--b1--", SDP));
	assert_int_equal(0, found(MULTI("o"),
				  PART("o", "multipart/signed;boundary=s",
				       PART("s", PIDF, "x") PART("s", "application/x", "y") "--s--")
					  PART("o", SDP, "v=0") "--o--",
				  SDP));
	assert_int_equal(ENOTSUP,
			 found("multipart/signed;boundary=s",
			       PART("s", MIXED, GOOD "--b1--") PART("s", "a/b", "y") "--s--", SDP));
	/* any other type is read like mixed (RFC 2046 5.1.3) */
	assert_int_equal(0, found("multipart/x-new;boundary=b1", GOOD "--b1--", SDP));
	/* encoded as a whole it cannot be read */
	assert_int_equal(ENOTSUP, found(MULTI("o"),
					"--o\r\nContent-Transfer-Encoding: base64\r\n"
					"Content-Type: " MIXED "\r\n\r\nLS1iMQ==\r\n--o--",
					SDP));
}

/** What is not text of ours cannot end the part before its end. */
static void cannot_break_out(void **state)
{
	static const char *const badtextv[] = {
		"--b1",   "--b1\r\n\r\n", "--b1--",           "v=0\r\n--b1\r\n", "v=0\r\n--b1x",
		"\n--b1", "v=0\r--b1",    "v=0\r\n\r\n--b1-", "v=0\r",
	};
	static const char *const goodtextv[] = {"v=0 --b1", "-b1", "--b", "\r\n\r\n", "v=0\r\r\n"};
	(void)state;

	for (size_t i = 0; i < sizeof(badtextv) / sizeof(badtextv[0]); ++i)
		assert_int_equal(EBADMSG, replace_fault(MIXED, GOOD "--b1--", badtextv[i]));
	for (size_t i = 0; i < sizeof(goodtextv) / sizeof(goodtextv[0]); ++i)
		assert_int_equal(0, replace_fault(MIXED, GOOD "--b1--", goodtextv[i]));

	/* headers without an empty line after them: text would be a header */
	assert_int_equal(EBADMSG,
			 replace_fault(MIXED, "--b1\r\nContent-Type: " SDP "\r\n--b1--", "v=0"));
	assert_int_equal(
		EBADMSG,
		replace_fault(MIXED, "--b1\r\nContent-Type: " SDP "\r\n\r\n--b1--", "v=0"));
	assert_int_equal(
		0, replace_fault(MIXED, "--b1\r\nContent-Type: " SDP "\r\n\r\n\r\n--b1--", "v=0"));
}

static void corrects_the_length(void **state)
{
	static const struct {
		const char *before, *after; /* for content of 3 and of 12 octets */
	} casev[] = {
		{"3", "12"}, {"5", "14"}, /* with the delimiter's line end */
		{"4", "13"}, {"1", "12"}, {"0", "12"}, {"000003", "12"},
	};
	char body[256], expected[256];
	(void)state;

	for (size_t i = 0; i < sizeof(casev) / sizeof(casev[0]); ++i) {
		(void)snprintf(body, sizeof(body),
			       PART("b1", PIDF, "x") "--b1\r\nContent-Type: " SDP
						     "\r\nContent-Length: %s \r\nX: y\r\n\r\n"
						     "v=0\r\n--b1--",
			       casev[i].before);
		(void)snprintf(expected, sizeof(expected),
			       PART("b1", PIDF, "x") "--b1\r\nContent-Type: " SDP
						     "\r\nContent-Length: %s \r\nX: y\r\n\r\n"
						     "v=0\r\na=xxxxx\r\n--b1--",
			       casev[i].after);
		assert_replaced(MIXED, body, "v=0\r\na=xxxxx", expected);
	}
}

static void leaves_a_part_out(void **state)
{
	(void)state;

	assert_replaced(MIXED, "pre\r\n" GOOD PART("b1", PIDF, "x") "--b1--\r\n", NULL,
			"pre\r\n" PART("b1", PIDF, "x") "--b1--\r\n");
	assert_replaced(MIXED, PART("b1", PIDF, "x") GOOD "--b1--\r\n", NULL,
			PART("b1", PIDF, "x") "--b1--\r\n");
	assert_replaced(MIXED, PART("b1", PIDF, "x") GOOD PART("b1", "a/b", "") "--b1--\r\n", NULL,
			PART("b1", PIDF, "x") PART("b1", "a/b", "") "--b1--\r\n");
	assert_int_equal(ENOENT, replace_fault(MIXED, GOOD "--b1--", NULL));
}

static void checks_arguments(void **state)
{
	struct sp_sip_msg *m = with_type(SDP, OFFER), *other = with_type(SDP, OFFER);
	struct mbuf *mb = mbuf_alloc(16);
	struct sp_sip_part part;
	(void)state;

	assert_int_equal(EINVAL, sp_sip_part_find(NULL, m, SDP));
	assert_int_equal(EINVAL, sp_sip_part_find(&part, NULL, SDP));
	assert_int_equal(EINVAL, sp_sip_part_find(&part, m, NULL));
	assert_int_equal(0, sp_sip_part_find(&part, m, SDP));
	assert_int_equal(EINVAL, sp_sip_part_replace(NULL, m, &part, mb));
	assert_int_equal(EINVAL, sp_sip_part_replace(mb, NULL, &part, mb));
	assert_int_equal(EINVAL, sp_sip_part_replace(mb, m, NULL, mb));
	assert_int_equal(EINVAL, sp_sip_part_replace(mb, other, &part, mb));

	mem_deref(mb);
	mem_deref(m);
	mem_deref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_itself),
		cmocka_unit_test(location_beside_description),
		cmocka_unit_test(same_text_same_octets),
		cmocka_unit_test(nested),
		cmocka_unit_test(what_headers_say),
		cmocka_unit_test(what_the_message_says),
		cmocka_unit_test(two_descriptions),
		cmocka_unit_test(signed_parts),
		cmocka_unit_test(cannot_break_out),
		cmocka_unit_test(corrects_the_length),
		cmocka_unit_test(leaves_a_part_out),
		cmocka_unit_test(checks_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
