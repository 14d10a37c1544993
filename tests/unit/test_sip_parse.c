/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parser: RFC 3261 7 (format), 8.1.1 (what a request must have), 20 and 25;
 * messages in the spirit of RFC 4475, but our own.
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

#define LINE "BYE sip:bob@b.example SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/TLS a.example:5061;branch=z9hG4bKb1\r\n"
#define FROM "From: Alice <sip:alice@a.example>;tag=ft\r\n"
#define TO "To: <sip:bob@b.example>;tag=tt\r\n"
#define ID "Call-ID: c1@a.example\r\n"
#define CSEQ "CSeq: 7 BYE\r\n"
#define LEN "Content-Length: 0\r\n"
#define BASE VIA FROM TO ID CSEQ

/* From a block of exactly its length, so that the sanitizer sees reads behind it. */
static int parse(struct sp_sip_msg **mp, const char *p, size_t n, struct sp_sip_fault *fault)
{
	char *copy = mem_alloc(n ? n : 1, NULL);
	int err;

	assert_non_null(copy);
	memcpy(copy, p, n);
	err = sp_sip_msg_parse(mp, copy, n, fault);
	mem_deref(copy);

	return err;
}

static struct sp_sip_msg *parsed(const char *text)
{
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;

	if (parse(&m, text, strlen(text), &fault))
		fail_msg("refused (%s): %s", fault.reason, text);
	assert_int_equal(fault.status, 0);
	assert_false(fault.answerable);

	return m;
}

static void check(const struct pl *pl, const char *wanted)
{
	assert_int_equal(pl->l, strlen(wanted));
	if (pl->l)
		assert_memory_equal(pl->p, wanted, pl->l);
}

static void request(void **state)
{
	struct sp_sip_msg *m =
		parsed("INVITE sip:+441632960001@b.example;user=phone SIP/2.0\r\n" VIA
		       "Via: SIP/2.0/TLS z.example;branch=1\r\n" FROM
		       "To: \"Bob\" <sip:bob@b.example>\r\n" ID "CSeq: 4711 INVITE\r\n"
		       "Max-Forwards: 0\r\n"
		       "Content-Type: application/sdp\r\n"
		       "X-Custom:  a  b \t\r\n"
		       "Content-Length: 5\r\n\r\nv=0\r\n");

	(void)state;
	assert_true(m->request);
	assert_int_equal(m->method, SP_SIP_INVITE);
	check(&m->method_name, "INVITE");
	check(&m->ruri, "sip:+441632960001@b.example;user=phone");
	check(&m->uri.user, "+441632960001");
	check(&m->uri.params, ";user=phone");
	check(&m->branch, "z9hG4bKb1");
	check(&m->sent_by, "a.example:5061");
	check(&m->from.display, "Alice");
	check(&m->from.uri.host, "a.example");
	check(&m->from_tag, "ft");
	check(&m->to.display, "Bob");
	check(&m->to_tag, "");
	check(&m->call_id, "c1@a.example");
	assert_int_equal(m->cseq, 4711);
	assert_true(m->has_max_forwards);
	assert_int_equal(m->max_forwards, 0);
	check(&m->content_type, "application/sdp");
	check(&m->body, "v=0\r\n");
	assert_int_equal(m->hdrc, 10);
	check(&m->hdrv[8].name, "X-Custom");
	check(&m->hdrv[8].value, "a  b");
	mem_deref(m);
}

static void response(void **state)
{
	struct sp_sip_msg *m = parsed("sip/2.0 183 Gr\xc3\xbc\xc3\x9f Gott\r\n" BASE LEN "\r\n");

	(void)state;
	assert_false(m->request);
	assert_int_equal(m->status, 183);
	check(&m->reason, "Gr\xc3\xbc\xc3\x9f Gott");
	assert_int_equal(m->method, SP_SIP_BYE);
	check(&m->method_name, "BYE");
	check(&m->to_tag, "tt");
	assert_false(m->has_max_forwards);
	assert_int_equal(m->max_forwards, SP_SIP_MAX_FORWARDS);
	mem_deref(m);

	m = parsed("SIP/2.0 699 \r\n" BASE LEN "\r\n");
	assert_int_equal(m->status, 699);
	check(&m->reason, "");
	mem_deref(m);
}

/* RFC 3261 7.3.3 */
static void compact_forms(void **state)
{
	struct sp_sip_msg *m = parsed("BYE sip:b SIP/2.0\r\n"
				      "v:SIP/2.0/TLS h;branch=z9hG4bK1\r\nF :<sip:a@h>;tag=1\r\n"
				      "t\t: sip:b@h;tag=2\r\ni: x\r\ncseq: 1 BYE\r\nl:1\r\n"
				      "c: text / plain;charset=\"utf-8\"\r\nm: <sip:a@h>\r\n"
				      "k: timer\r\ne: gzip\r\n\r\nX");
	static const enum sp_sip_id ids[] = {
		SP_HDR_VIA,          SP_HDR_FROM,
		SP_HDR_TO,           SP_HDR_CALL_ID,
		SP_HDR_CSEQ,         SP_HDR_CONTENT_LENGTH,
		SP_HDR_CONTENT_TYPE, SP_HDR_CONTACT,
		SP_HDR_SUPPORTED,    SP_HDR_CONTENT_ENCODING,
	};

	(void)state;
	assert_int_equal(m->hdrc, ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(m->hdrv[i].id, ids[i]);
	check(&m->from.text, "sip:a@h");
	check(&m->to_tag, "2");
	mem_deref(m);
}

/* RFC 3261 7.3.1: a fold is the same as a space. */
static void folding(void **state)
{
	struct sp_sip_msg *m = parsed(LINE "Via: SIP/2.0/TLS a.example\r\n\t;branch=z9hG4bK2\r\n"
					   "From:\r\n Alice\r\n <sip:a@h>\r\n  ;tag=ft\r\n" TO
					   "Call-ID:\r\n \r\n\tc1\r\nCSeq: 7\r\n BYE\r\n" LEN
					   "Subject: a\r\n b\r\n \r\nX:\r\n \r\n\r\n");

	(void)state;
	check(&m->branch, "z9hG4bK2");
	check(&m->from.display, "Alice");
	check(&m->from_tag, "ft");
	check(&m->call_id, "c1");
	check(&m->hdrv[6].value, "a   b");
	check(&m->hdrv[7].value, "");
	mem_deref(m);
}

static void several_values_per_line(void **state)
{
	struct sp_sip_msg *m =
		parsed(LINE "Via: SIP/2.0/TLS a.example;branch=z9hG4bK1;x=\",\" , SIP/2.0/UDP b\r\n"
			    "Via: SIP/2.0/TLS [::1]:5;branch=z9hG4bK3\r\n" FROM TO ID CSEQ LEN
			    "Record-Route: <sip:a;lr>, \"x,y\" <sip:b,c@d;lr>\r\n\r\n");

	(void)state;
	check(&m->branch, "z9hG4bK1");
	check(&m->sent_by, "a.example");
	mem_deref(m);
}

/* Names that a weak hash takes for Content-Length, From, Call-ID, ... are other names. */
static void hash_collisions(void **state)
{
	struct sp_sip_msg *m =
		parsed(LINE BASE LEN "khd: 77\r\naxj: <sip:x@y>;tag=z\r\nb25: other\r\n"
				     "DC-Info: other\r\ndz2: <sip:e@v>\r\n\r\n");

	(void)state;
	check(&m->from_tag, "ft");
	check(&m->call_id, "c1@a.example");
	for (size_t i = 6; i < m->hdrc; i++)
		assert_int_equal(m->hdrv[i].id, SP_HDR_OTHER);
	mem_deref(m);
}

static void accepted(void **state)
{
	static const char *const table[] = {
		LINE BASE LEN "\r\n",
		"BYE tel:+44;phone-context=x SIP/2.0\r\n" BASE LEN "\r\n",
		"BYE sips:h sip/2.0\r\n" BASE LEN "\r\n",
		"X-new.method! sip:h SIP/2.0\r\n" VIA FROM TO ID "CSeq: 0 X-new.method!\r\n" LEN
		"\r\n",
		LINE BASE LEN "Max-Forwards: 255\r\n\r\n",
		LINE BASE LEN "X-Empty:\r\nX-Utf8: \xe2\x82\xac\r\n!%*_+`'~: odd name\r\n\r\n",
		LINE BASE LEN "Subject: one\r\nSubject: two\r\nContact: *\r\n\r\n",
		LINE BASE LEN "X: \t colons : , ; <>\\\" (( all of them\r\n\r\n",
		LINE VIA FROM TO "Call-ID: a-b.c<>()[]{}/?\"\\:@1~%`'+*_!\r\n" CSEQ LEN "\r\n",
		LINE VIA "From: <urn:x:y>;tag=1\r\nTo: sip:h\r\n" ID CSEQ LEN "\r\n",
		LINE "Via: SIP/2.0/TLS h;BRANCH=Z9HG4BKx\r\n" FROM TO ID CSEQ LEN "\r\n",
		LINE VIA FROM TO ID "CSeq:2147483647   BYE\r\n" LEN "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		mem_deref(parsed(table[i]));
}

/* Requests that can be told what is wrong with them. */
static void refused_with_reply(void **state)
{
	static const struct {
		const char *text;
		uint16_t status;
		const char *reason;
	} table[] = {
		{"BYE http://h/ SIP/2.0\r\n" BASE LEN "\r\n", 416, "Unsupported URI Scheme"},
		{"BYE urn:service:sos SIP/2.0\r\n" BASE LEN "\r\n", 416, "Unsupported URI Scheme"},
		{"BYE sip:h SIP/7.0\r\n" BASE LEN "\r\n", 505, "Version Not Supported"},
		{"BYE sip:h SIP/2.00\r\n" BASE LEN "\r\n", 505, "Version Not Supported"},
		{"BYE  sip:h SIP/2.0\r\n" BASE LEN "\r\n", 400, "Bad Request-URI"},
		{"BYE sip:h  SIP/2.0\r\n" BASE LEN "\r\n", 400, "Bad Request-URI"},
		{"BYE  SIP/2.0\r\n" BASE LEN "\r\n", 400, "Bad Request-URI"},
		{"BYE <sip:h> SIP/2.0\r\n" BASE LEN "\r\n", 400, "Bad Request-URI"},
		{"BYE sip:a b@h SIP/2.0\r\n" BASE LEN "\r\n", 400, "Bad Request-URI"},
		{"BYE sip:h?Route=x SIP/2.0\r\n" BASE LEN "\r\n", 400, "Headers in Request-URI"},
		{"INVITE sip:h SIP/2.0\r\n" BASE LEN "\r\n", 400, "CSeq has another method"},
		{"bye sip:h SIP/2.0\r\n" BASE LEN "\r\n", 400, "CSeq has another method"},
		{LINE BASE LEN "Max-Forwards: 256\r\n\r\n", 400, "Bad Max-Forwards"},
		{LINE BASE LEN "Max-Forwards: -1\r\n\r\n", 400, "Bad Max-Forwards"},
		{LINE BASE LEN "Max-Forwards: 7 0\r\n\r\n", 400, "Bad Max-Forwards"},
		{LINE BASE LEN "Max-Forwards:\r\n\r\n", 400, "Bad Max-Forwards"},
		{LINE BASE LEN "Max-Forwards: 7\r\nmax-forwards: 7\r\n\r\n", 400,
		 "Two Max-Forwards"},
		{LINE BASE LEN LEN "\r\n", 400, "Two Content-Length"},
		{LINE BASE LEN "l: 0\r\n\r\n", 400, "Two Content-Length"},
		{LINE BASE "\r\n", 400, "No Content-Length"},
		{LINE BASE "Content-Length: 1\r\n\r\n", 400, "Content-Length is not the body's"},
		{LINE BASE LEN "\r\nX", 400, "Content-Length is not the body's"},
		{LINE BASE "Content-Length: 0x0\r\n\r\n", 400, "Bad Content-Length"},
		{LINE BASE "Content-Length: 4294967296\r\n\r\n", 400, "Bad Content-Length"},
		{LINE BASE LEN "c: a/b\r\nContent-Type: a/b\r\n\r\n", 400, "Two Content-Type"},
		{LINE BASE LEN "Content-Type: sdp\r\n\r\n", 400, "Bad Content-Type"},
		{LINE BASE LEN "Content-Type: a/b c\r\n\r\n", 400, "Bad Content-Type"},
		{LINE BASE LEN "Content-Type: a/b;c\r\n\r\n", 400, "Bad Content-Type"},
		{LINE BASE LEN "X Y: z\r\n\r\n", 400, "Bad header name"},
		{LINE BASE LEN ": z\r\n\r\n", 400, "Bad header name"},
		{LINE BASE LEN "X\r\n : z\r\n\r\n", 400, "Header without colon"},
		{LINE BASE LEN "X\xc3\xa9: z\r\n\r\n", 400, "Bad header name"},
		{LINE BASE LEN "no colon\r\n\r\n", 400, "Header without colon"},
		{LINE BASE LEN "X: a\x01\r\n\r\n", 400, "Control character"},
		{LINE BASE LEN "X: a\x7f\r\n\r\n", 400, "Control character"},
		{LINE BASE LEN "X: a\rb\r\n\r\n", 400, "Control character"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sp_sip_fault fault;
		struct sp_sip_msg *m = NULL;

		if (parse(&m, table[i].text, strlen(table[i].text), &fault) != EBADMSG)
			fail_msg("accepted: %s", table[i].text);
		assert_string_equal(fault.reason, table[i].reason);
		assert_int_equal(fault.status, table[i].status);
		assert_true(fault.answerable);
		assert_non_null(m);
		check(&m->branch, strstr(table[i].text, "b1") ? "z9hG4bKb1" : "");
		check(&m->from_tag, "ft");
		check(&m->call_id, "c1@a.example");
		mem_deref(m);
	}
}

/* What cannot be answered, because the answer would repeat what is wrong, or
 * because it is no request. */
/* What a request lacks that could not even be answered, and what nobody answers. */
static const struct {
	const char *text;
	const char *reason;
} silent[] = {
	{"", "No end of head"},
	{LINE BASE LEN, "No end of head"},
	{"\r\n\r\n", "Bad request line"},
	{LINE "\r\n", "No Via"},
	{LINE FROM TO ID CSEQ LEN "\r\n", "No Via"},
	{LINE VIA TO ID CSEQ LEN "\r\n", "No From"},
	{LINE VIA FROM ID CSEQ LEN "\r\n", "No To"},
	{LINE VIA FROM TO CSEQ LEN "\r\n", "No Call-ID"},
	{LINE VIA FROM TO ID LEN "\r\n", "No CSeq"},
	{LINE BASE FROM LEN "\r\n", "Two From"},
	{LINE BASE "t: sip:x\r\n" LEN "\r\n", "Two To"},
	{LINE BASE ID LEN "\r\n", "Two Call-ID"},
	{LINE BASE "CSEQ: 8 BYE\r\n" LEN "\r\n", "Two CSeq"},
	{LINE "Via:\r\n" BASE LEN "\r\n", "Bad Via"},
	{LINE "Via: ,\r\n" BASE LEN "\r\n", "Bad Via"},
	{LINE VIA "Via: SIP/2.0/TLS\r\n" FROM TO ID CSEQ LEN "\r\n", "Bad Via"},
	{LINE "Via: SIP/2.0/TLS h;branch=z9hG4bK1,\r\n" FROM TO ID CSEQ LEN "\r\n", "Bad Via"},
	{LINE "Via: SIP/2.0/TLS h\r\n" FROM TO ID CSEQ LEN "\r\n", "Bad Via"},
	{LINE "Via: SIP/2.0/TLS h;branch=1\r\n" FROM TO ID CSEQ LEN "\r\n", "Bad Via"},
	{LINE "Via: SIP/2.0/TLS h;branch=z9hG4bK\r\n" FROM TO ID CSEQ LEN "\r\n", "Bad Via"},
	{LINE "Via: SIP/2.0/TLS h;branch=z9hG4bK1;branch=z9hG4bK2\r\n" FROM TO ID CSEQ LEN "\r\n",
	 "Bad Via"},
	{LINE VIA "From: <sip:a@h>\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA "From: <sip:a@h>;tag=\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA "From: <sip:a@h;tag=1>\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA "From: <sip:a@h>;tag=1;tag=2\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA "From: <sip:a@h>;tag=1, <sip:b@h>\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA "From: *\r\n" TO ID CSEQ LEN "\r\n", "Bad From"},
	{LINE VIA FROM "To: <sip:a@h>;tag\r\n" ID CSEQ LEN "\r\n", "Bad To"},
	{LINE VIA FROM "To: \"Bob <sip:a@h>\r\n" ID CSEQ LEN "\r\n", "Bad To"},
	{LINE VIA FROM TO "Call-ID: a b\r\n" CSEQ LEN "\r\n", "Bad Call-ID"},
	{LINE VIA FROM TO "Call-ID: a@b@c\r\n" CSEQ LEN "\r\n", "Bad Call-ID"},
	{LINE VIA FROM TO "Call-ID: @b\r\n" CSEQ LEN "\r\n", "Bad Call-ID"},
	{LINE VIA FROM TO "Call-ID: a@\r\n" CSEQ LEN "\r\n", "Bad Call-ID"},
	{LINE VIA FROM TO "Call-ID:\r\n" CSEQ LEN "\r\n", "Bad Call-ID"},
	{LINE VIA FROM TO ID "CSeq: 2147483648 BYE\r\n" LEN "\r\n", "Bad CSeq"},
	{LINE VIA FROM TO ID "CSeq: 36893488147419103232 BYE\r\n" LEN "\r\n", "Bad CSeq"},
	{LINE VIA FROM TO ID "CSeq: BYE\r\n" LEN "\r\n", "Bad CSeq"},
	{LINE " x: y\r\n" BASE LEN "\r\n", "Bad line"},
	{LINE BASE LEN "X: a\nY: b\r\n\r\n", "Bad line"},
	{"BYE\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h\r\n" BASE LEN "\r\n", "Bad request line"},
	{" BYE sip:h SIP/2.0\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h SIP/2.0 \r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h HTTP/1.1\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h SIP/2\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h SIP/2.x\r\n" BASE LEN "\r\n", "Bad request line"},
	{"B@E sip:h SIP/2.0\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE\tsip:h SIP/2.0\r\n" BASE LEN "\r\n", "Bad request line"},
	{"BYE sip:h\x01 SIP/2.0\r\n" BASE LEN "\r\n", "Control character"},
	{"HTTP/1.1 200 OK\r\n" BASE LEN "\r\n", "Bad request line"},
	/* Nothing answers an ACK or a response. */
	{"ACK sip:h SIP/7.0\r\n" BASE LEN "\r\n", "Version Not Supported"},
	{"ACK sip:h SIP/2.0\r\n" BASE LEN "\r\n", "CSeq has another method"},
	{"SIP/2.0 200\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0 200OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0  200 OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0 099 OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0 700 OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0 2000 OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/2.0 +20 OK\r\n" BASE LEN "\r\n", "Bad status line"},
	{"SIP/3.0 200 OK\r\n" BASE LEN "\r\n", "Version Not Supported"},
	{"SIP/2.0 200 OK\r\n" BASE "\r\n", "No Content-Length"},
	{"SIP/2.0 200 OK\r\n" BASE LEN LEN "\r\n", "Two Content-Length"},
};

static void refused_in_silence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		struct sp_sip_fault fault;
		struct sp_sip_msg *m = (void *)1;

		if (parse(&m, silent[i].text, strlen(silent[i].text), &fault) != EBADMSG)
			fail_msg("accepted: %s", silent[i].text);
		if (strcmp(fault.reason, silent[i].reason))
			fail_msg("%s, not %s: %s", fault.reason, silent[i].reason, silent[i].text);
		assert_false(fault.answerable);
		assert_null(m);
		assert_true(fault.status >= 400);
	}
}

static void nul_inside(void **state)
{
	static const char text[] = LINE BASE LEN "X: a\0b\r\n\r\n";
	static const char body[] = LINE BASE "l: 3\r\n\r\na\0b";
	struct sp_sip_fault fault;
	struct sp_sip_msg *m;

	(void)state;
	assert_int_equal(parse(&m, text, sizeof(text) - 1, &fault), EBADMSG);
	assert_string_equal(fault.reason, "Control character");
	mem_deref(m);

	assert_int_equal(parse(&m, body, sizeof(body) - 1, &fault), 0);
	assert_memory_equal(m->body.p, "a\0b", 4);
	mem_deref(m);
}

/* How many lines of "name: value" go in before it is refused. */
static void repeated(const char *line, unsigned good, const char *reason)
{
	for (unsigned over = 0; over < 2; over++) {
		struct mbuf *mb = mbuf_alloc(4096);
		struct sp_sip_msg *m = NULL;
		struct sp_sip_fault fault;

		assert_non_null(mb);
		mbuf_write_str(mb, LINE BASE LEN);
		for (unsigned i = 0; i < good + over; i++)
			mbuf_write_str(mb, line);
		mbuf_write_str(mb, "\r\n");

		assert_int_equal(parse(&m, (char *)mb->buf, mb->end, &fault), over ? EBADMSG : 0);
		if (over)
			assert_string_equal(fault.reason, reason);
		mem_deref(m);
		mem_deref(mb);
	}
}

static void counts(void **state)
{
	(void)state;
	repeated("X-Y: y\r\n", SP_SIP_HEADERS_MAX - 6, "Too many headers");
	repeated("Via: SIP/2.0/TLS x\r\n", SP_SIP_VIA_MAX - 1, "Too many Via");
	repeated("Record-Route: <sip:x>\r\n", SP_SIP_VIA_MAX, "Too many Record-Route");
	/* Values count, not lines. */
	repeated("v: SIP/2.0/TLS x, SIP/2.0/TLS y, SIP/2.0/TLS z \r\n", 10, "Too many Via");
	repeated("Record-Route: <sip:x>,<sip:y>\r\n", SP_SIP_VIA_MAX / 2, "Too many Record-Route");
}

/* start, fill times c, tail. */
static const char *filled(const char *start, char c, size_t fill, const char *tail)
{
	static struct sp_sip_fault fault;
	struct mbuf *mb = mbuf_alloc(4096);
	struct sp_sip_msg *m = NULL;

	assert_non_null(mb);
	mbuf_write_str(mb, start);
	mbuf_fill(mb, (uint8_t)c, fill);
	mbuf_write_str(mb, tail);
	(void)parse(&m, (char *)mb->buf, mb->end, &fault);
	mem_deref(m);
	mem_deref(mb);

	return fault.reason;
}

static void lengths(void **state)
{
	const char *const tail = "\r\n" BASE LEN "\r\n";
	const size_t start = SP_SIP_START_MAX - strlen("BYE sip:@h SIP/2.0");

	(void)state;
	assert_null(filled("BYE sip:", 'a', start, "@h SIP/2.0\r\n" BASE LEN "\r\n"));
	assert_string_equal(filled("BYE sip:", 'a', start + 1, "@h SIP/2.0\r\n" BASE LEN "\r\n"),
			    "Start line too long");
	assert_null(filled(LINE "X: ", 'a', SP_SIP_LINE_MAX - 3, tail));
	assert_string_equal(filled(LINE "X: ", 'a', SP_SIP_LINE_MAX - 2, tail), "Header too long");
	assert_null(filled(LINE "X:\r\n ", 'a', SP_SIP_LINE_MAX - 5, tail));
	assert_string_equal(filled(LINE "X:\r\n ", 'a', SP_SIP_LINE_MAX - 4, tail),
			    "Header too long");
	assert_null(filled(LINE BASE "l: 32768\r\n\r\n", '\0', SP_SIP_BODY_MAX, ""));
	assert_string_equal(filled(LINE BASE "l: 32769\r\n\r\n", '\0', SP_SIP_BODY_MAX + 1, ""),
			    "Request Entity Too Large");
	assert_string_equal(filled(LINE, 'a', SP_SIP_HEAD_MAX, tail), "No end of head");
}

/* Values made to be slow to read: at the limit of a line they are read in one go. */
static void long_values(void **state)
{
	static const char *const starts[] = {
		LINE "X:",      LINE "CSeq: 1",          LINE "From: \"\\",
		LINE "From: <", LINE "To: sip:a;",       LINE "Via: SIP/2.0/",
		LINE "Via: ,",  LINE "Record-Route: \"", LINE "Call-ID: a@",
		LINE "l: ",     LINE "c: a/b;x=\"\\",    LINE "To: sip:h;a=",
	};
	static const char fills[] = "1,;\"\\<>@%[ \t:=.-a";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		for (size_t k = 0; k < sizeof(fills) - 1; k++)
			(void)filled(starts[i], fills[k], 4000, "\r\n" BASE LEN "\r\n");
	}
	/* Thousands of list values in one header, and none of them a Via. */
	assert_string_equal(filled(LINE "Via: ", ',', 4000, "\r\n" BASE LEN "\r\n"), "Bad Via");
	assert_string_equal(filled(LINE "Record-Route: ", ',', 4000, "\r\n" BASE LEN "\r\n"),
			    "Too many Record-Route");
}

/* Every cut of a good message is refused, and none is read beyond its end. */
static void every_prefix(void **state)
{
	static const char text[] = LINE BASE "X: \"a\\\"\" <sip:b>;c=\"d\"\r\n e\r\nl: 2\r\n\r\nhi";
	struct sp_sip_fault fault;
	struct sp_sip_msg *m;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		assert_int_equal(parse(&m, text, n, &fault), EBADMSG);
		mem_deref(m);
	}
	assert_int_equal(parse(&m, text, sizeof(text) - 1, &fault), 0);
	mem_deref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request),
		cmocka_unit_test(response),
		cmocka_unit_test(compact_forms),
		cmocka_unit_test(folding),
		cmocka_unit_test(several_values_per_line),
		cmocka_unit_test(hash_collisions),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused_with_reply),
		cmocka_unit_test(refused_in_silence),
		cmocka_unit_test(nul_inside),
		cmocka_unit_test(counts),
		cmocka_unit_test(lengths),
		cmocka_unit_test(long_values),
		cmocka_unit_test(every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
