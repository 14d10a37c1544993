/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of reading messages (RFC 3261 7, 18.3), of what is done with each one that was
 * read, and of bodies of many parts (RFC 2046 5.1): up to all limits, and past them.
 */
#include "sallyport/sip_body.h"
#include "sallyport/sip_dialog.h"
#include "work.h"

enum { FROM = 1024, END = 100 /**< octets: what every head ends with, and its last line's room */ };

#define START "INVITE sip:a@b SIP/2.0\r\n"
#define REST                                                                                       \
	"Via: SIP/2.0/TLS a.b;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"       \
	"Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\n"

/* Header lines of `line` octets: open, piece again and again, close. */
struct family {
	const char *open, *piece, *close;
	size_t line;
};

static const struct family families[] = {
	{"a:", "", "", 0},
	{"X-A: ", "a", "", 250},
	{"X-A: ", "a", "", SP_SIP_LINE_MAX},
	{"X-A: ", "a", "", 2 * SP_SIP_LINE_MAX},
	{"", "a", ": b", SP_SIP_LINE_MAX},
	{"", "a", "", SP_SIP_LINE_MAX},
	{"X-A:", "\r\n ", "a", SP_SIP_LINE_MAX},
	{"X-A:", "\r\n a", "", 60000},
	{"X-A: ", " ", "", SP_SIP_LINE_MAX},
	{"v: SIP/2.0/TLS a.b", ";a=b", "", SP_SIP_LINE_MAX},
	{"v: SIP/2.0/TLS a", ",SIP/2.0/TLS a", "", SP_SIP_LINE_MAX},
	{"v: SIP/2.0/TLS a", ",SIP/2.0/TLS a", "", 100},
	{"v: ", ",", "", SP_SIP_LINE_MAX},
	{"v: ", "\"", "", 200},
	{"Record-Route: <sip:a;lr>", ",<sip:a;lr>", "", SP_SIP_LINE_MAX},
	{"Record-Route: <sip:a;lr", ";a=b", ">", 1000},
	{"Record-Route: ", ",", "", SP_SIP_LINE_MAX},
	{"From: <sip:a@b>;tag=1", ";a=b", "", SP_SIP_LINE_MAX},
	{"f: ", "\"\\\"\"", "<sip:a@b>", 200},
	{"Content-Type: a/b", ";a=b", "", SP_SIP_LINE_MAX},
	{"c: multipart/mixed", ";boundary=a", "", SP_SIP_LINE_MAX},
	{"l: ", "0", "", 200},
	{"CSeq: ", "1", " INVITE", 200},
	{"Max-Forwards: ", "0", "", 200},
	{"Content-Encoding: identity", ",identity", "", SP_SIP_LINE_MAX},
	{"Require: a", ",a", "", SP_SIP_LINE_MAX},
	{"Supported: ", "\"a\",", "a", 1000},
	{"m: <sip:a@b>", ",<sip:a@b>", "", SP_SIP_LINE_MAX},
	{"m: <sip:a@b", ";method=a", "?a=b>", SP_SIP_LINE_MAX},
};

static void lines(struct work_text *t, const struct family *f, size_t n)
{
	do {
		const size_t line = min(f->line, n > t->n ? n - t->n : 0U);
		const size_t start = t->n;

		text_add(t, "%s", f->open);
		if (*f->piece && line > strlen(f->close))
			text_fill(t, f->piece, start + line - strlen(f->close));
		text_add(t, "%s\r\n", f->close);
	} while (t->n < n);
}

static void message(struct work_text *t, const struct family *f, size_t n)
{
	text_begin(t);
	text_add(t, START);
	lines(t, f, n - END - strlen(REST));
	text_add(t, REST "Content-Length: 0\r\n\r\n");
}

/* What the dialog, and whoever has a look at headers and body, do with an INVITE. */
static void use(const struct sp_sip_msg *m)
{
	struct sp_sip_dialog *d = NULL;
	struct mbuf *out = mbuf_alloc(64);
	struct sp_sip_part part;
	const char *uri;

	(void)sp_sip_msg_named(m, "Timestamp");
	(void)sp_sip_msg_named(m, "Replaces");
	(void)sp_sip_msg_lists(m, SP_HDR_REQUIRE, "timer");
	(void)sp_sip_msg_lists(m, SP_HDR_SUPPORTED, "timer");
	(void)sp_sip_part_find(&part, m, "application/sdp");
	if (!sp_sip_dialog_uas(&d, m)) {
		(void)sp_sip_dialog_check(d, m);
		(void)sp_sip_dialog_refresh(d, m);
		(void)sp_sip_dialog_put(d, out, SP_SIP_BYE, 0, 70, &uri);
	}
	mem_deref(d);
	mem_deref(out);
}

static void parse(size_t n, void *arg)
{
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;
	struct work_text t;

	message(&t, arg, n);
	work_on();
	(void)sp_sip_msg_parse(&m, t.p, t.n, &fault);
	if (m)
		use(m);
	mem_deref(m);
	work_off();
	text_end(&t);
}

static void parser(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		char name[64];

		(void)re_snprintf(name, sizeof(name), "parse[%s%s]", families[i].open,
				  families[i].piece);
		for (char *p = name; *p; p++)
			*p = (char)(*p < ' ' ? '|' : *p);
		work_linear(name, FROM, SP_SIP_HEAD_MAX, parse, (void *)(uintptr_t)&families[i]);
		work_linear("past it", SP_SIP_HEAD_MAX, 4 * SP_SIP_HEAD_MAX, parse,
			    (void *)(uintptr_t)&families[i]);
	}
}

/* ---- the framer ---- */

enum slices { WHOLE, OCTETS, RANDOM };

struct stream {
	const char *open, *piece;
	enum slices slices;
};

static void on_message(const char *p, size_t n, void *arg)
{
	(void)p;
	(void)n;
	(void)arg;
}

static size_t slice(enum slices slices, uint32_t *seed, size_t left)
{
	size_t n = left;

	*seed = *seed * 1664525 + 1013904223;
	if (OCTETS == slices)
		n = 1;
	if (RANDOM == slices)
		n = 1 + (*seed >> 16) % (*seed & 0x100 ? 7 : 1500);

	return min(n, left);
}

static void frame(size_t n, void *arg)
{
	const struct stream *s = arg;
	struct sp_sip_frame *f;
	struct work_text t;
	const char *why;
	uint32_t seed = 1;
	int err = 0;

	text_begin(&t);
	text_add(&t, "%s", s->open);
	text_fill(&t, s->piece, n);
	assert_int_equal(sp_sip_frame_alloc(&f, on_message, NULL), 0);
	work_on();
	for (size_t at = 0, len; at < t.n && !err; at += len) {
		len = slice(s->slices, &seed, t.n - at);
		err = sp_sip_frame_input(f, (const uint8_t *)t.p + at, len, &why);
	}
	mem_deref(f);
	work_off();
	text_end(&t);
}

/* However a stream is cut. Messages are as small as they can be, or never end. */
static void framer(void **state)
{
	static char large[8000] = "A a\r\nl:7900\r\n\r\n";
	const struct stream streams[] = {
		{"", START REST "Content-Length: 0\r\n\r\n", WHOLE},
		{"", "A a\r\nl:0\r\n\r\n", WHOLE},
		{"", "A a\r\nl:9\r\n\r\n123456789", WHOLE},
		{"", "\r\n", WHOLE},
		{"", large, WHOLE},
		{"A a\r\n", "a:\r\n", WHOLE},
		{"A a\r\n", "a:\r\n \r\n", WHOLE},
		{"A a\r\n", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz: b\r\n", WHOLE},
		{"A a\r\na:", "\r\n ", WHOLE},
		{"A a\r\na:", "a", WHOLE},
		{"A", "a", WHOLE},
	};

	(void)state;
	memset(large + strlen(large), 'a', 7900);
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		for (enum slices how = WHOLE; how <= RANDOM; how++) {
			struct stream s = {streams[i].open, streams[i].piece, how};
			char name[64];

			(void)re_snprintf(name, sizeof(name), "frame%u/%u", (unsigned)i, how);
			assert_in_range(work_linear(name, 16 * FROM, 512 * FROM, frame, &s), 1,
					512 * FROM * 50);
		}
	}
}

/* ---- bodies ---- */

static void body(size_t n, void *arg)
{
	const struct stream *s = arg;
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;
	struct mbuf *out = mbuf_alloc(64), *text = mbuf_alloc(64);
	struct work_text t, b;
	struct sp_sip_part part;

	text_begin(&b);
	text_add(&b, "%s", s->open);
	text_fill(&b, s->piece, n - 40);
	text_add(&b, "\r\n--a--\r\n");
	text_begin(&t);
	text_add(&t, START);
	text_add(&t, REST);
	text_add(&t, "Content-Type: multipart/mixed;boundary=a\r\nContent-Length: %zu\r\n\r\n%s",
		 b.n, b.p);
	(void)sp_sip_msg_parse(&m, t.p, t.n, &fault);
	assert_non_null(m);
	assert_int_equal(
		mbuf_write_mem(text, m->body.p ? (const uint8_t *)m->body.p : NULL, m->body.l), 0);
	work_on();
	if (!sp_sip_part_find(&part, m, "application/sdp")) {
		(void)sp_sip_part_replace(out, m, &part, text);
		(void)sp_sip_part_replace(out, m, &part, NULL);
	}
	work_off();
	mem_deref(m);
	mem_deref(out);
	mem_deref(text);
	text_end(&b);
	text_end(&t);
}

static void bodies(void **state)
{
#define PART "--a\r\nContent-Type: "
	static const struct stream v[] = {
		{PART "application/sdp\r\n\r\n", "a", WHOLE},
		{PART "application/sdp\r\n\r\n", "\r\n", WHOLE},
		{PART "application/sdp\r\n\r\n", "\n", WHOLE},
		{PART "application/sdp\r\n\r\n", "\r", WHOLE},
		{PART "application/sdp\r\n\r\n", "\r\n--", WHOLE},
		{PART "application/sdp\r\n\r\n--a", "\r\n--", WHOLE},
		{"", "--a\r\n\r\n", WHOLE},
		{"", PART "application/sdp\r\n\r\n\r\n", WHOLE},
		{PART "multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\n", "\r\n--b\r\n", WHOLE},
		{PART
		 "multipart/mixed;boundary=b\r\n\r\n--b\r\nContent-Type: "
		 "multipart/mixed;boundary=c\r\n\r\n--c\r\nContent-Type: application/sdp\r\n\r\n",
		 "\r\n--", WHOLE},
		{"", PART "multipart/mixed;boundary=a\r\n\r\n", WHOLE},
		{PART "application/sdp", ";a=b", WHOLE},
		{PART "application/sdp\r\n", "a:b\r\n", WHOLE},
		{PART "application/sdp\r\n", "a:\r\n b\r\n", WHOLE},
		{PART "application/sdp\r\n", "Content-Encoding: identity,identity\r\n", WHOLE},
		{PART "application/sdp\r\na:", "\r\n b", WHOLE},
		{"x", "\r\n--", WHOLE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct stream s = v[i];
		char name[64];

		(void)re_snprintf(name, sizeof(name), "body%u", (unsigned)i);
		work_linear(name, FROM, SP_SIP_BODY_MAX, body, &s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parser),
		cmocka_unit_test(framer),
		cmocka_unit_test(bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
