/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The framer: messages out of a stream, however it is sliced (RFC 3261 7.5 and
 * 18.3), keep-alives (RFC 5626 3.5.1), limits, and streams that it must refuse.
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

#define START "OPTIONS sip:a.example SIP/2.0\r\n"
#define NO_BODY "Content-Length: 0\r\n\r\n"

/* What came out: each message, or "(ping)", and a bar behind it. */
struct out {
	struct sp_sip_frame *f;
	struct mbuf *mb;
	unsigned messages, pings;
	bool drop; /* give the frame up in the handler */
};

static void frame_handler(const char *p, size_t n, void *arg)
{
	struct out *o = arg;

	if (n)
		++o->messages;
	else
		++o->pings;
	mbuf_write_mem(o->mb, (const uint8_t *)(n ? p : "(ping)"), n ? n : 6);
	mbuf_write_u8(o->mb, '|');

	if (o->drop)
		o->f = mem_deref(o->f);
}

static void out_open(struct out *o)
{
	memset(o, 0, sizeof(*o));
	o->mb = mbuf_alloc(1024);
	assert_non_null(o->mb);
	assert_int_equal(sp_sip_frame_alloc(&o->f, frame_handler, o), 0);
}

static void out_close(struct out *o)
{
	o->f = mem_deref(o->f);
	o->mb = mem_deref(o->mb);
}

static int feed(struct out *o, const char *p, size_t n, const char **why)
{
	return sp_sip_frame_input(o->f, (const uint8_t *)p, n, why);
}

static int feed_bytes(struct out *o, const char *p, size_t n, const char **why)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = feed(o, p + i, 1, why);

	return err;
}

static const char stream[] =
	START "v: x\r\nContent-Length: 0\r\n\r\n"
	      "\r\n\r\n"
	      "MESSAGE sip:b SIP/2.0\r\nl:12\r\nSubject: one\r\n  two\r\n\r\n"
	      "a\r\n\r\nb\0c\r\n\r\n"
	      "\r\n"
	      "SIP/2.0 200 OK\r\ncontent-LENGTH \t : \r\n 0005\r\nX:\r\n\r\nhello"
	      "\r\n\r\n\r\n\r\n"
	      "X sip:c SIP/2.0\r\nContent-Length:   0 \t\r\n\r\n";

static const char expected[] =
	START "v: x\r\nContent-Length: 0\r\n\r\n|"
	      "(ping)|"
	      "MESSAGE sip:b SIP/2.0\r\nl:12\r\nSubject: one\r\n  two\r\n\r\n"
	      "a\r\n\r\nb\0c\r\n\r\n|"
	      "SIP/2.0 200 OK\r\ncontent-LENGTH \t : \r\n 0005\r\nX:\r\n\r\n"
	      "hello|"
	      "(ping)|(ping)|"
	      "X sip:c SIP/2.0\r\nContent-Length:   0 \t\r\n\r\n|";

static void check_stream(const struct out *o)
{
	assert_int_equal(o->mb->end, sizeof(expected) - 1);
	assert_memory_equal(o->mb->buf, expected, sizeof(expected) - 1);
	assert_false(sp_sip_frame_partial(o->f));
}

static void whole_and_byte_by_byte(void **state)
{
	struct out o;

	(void)state;
	out_open(&o);
	assert_int_equal(feed(&o, stream, sizeof(stream) - 1, NULL), 0);
	check_stream(&o);
	out_close(&o);

	out_open(&o);
	assert_int_equal(feed_bytes(&o, stream, sizeof(stream) - 1, NULL), 0);
	check_stream(&o);
	out_close(&o);
}

static void random_slices(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		size_t done = 0;
		struct out o;

		out_open(&o);
		while (done < sizeof(stream) - 1) {
			size_t n;

			x = x * 1664525U + 1013904223U;
			n = min(1 + (x >> 16) % (2 + round % 60), sizeof(stream) - 1 - done);
			assert_int_equal(feed(&o, stream + done, n, NULL), 0);
			done += n;
		}
		check_stream(&o);
		out_close(&o);
	}
}

/* RFC 5626 3.5.1: CRLFCRLF is a ping and wants an answer, CRLF is a pong. */
static void keepalives(void **state)
{
	static const char message[] = START NO_BODY;
	struct out o;

	(void)state;
	out_open(&o);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0);
	assert_int_equal(o.pings, 0);
	assert_int_equal(feed(&o, message, sizeof(message) - 1, NULL), 0);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0);
	assert_int_equal(o.pings, 0);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0);
	assert_int_equal(o.pings, 1);
	assert_int_equal(feed(&o, "\r\n\r\n\r\n", 6, NULL), 0);
	assert_int_equal(o.pings, 2);
	assert_int_equal(feed(&o, message, sizeof(message) - 1, NULL), 0);
	assert_int_equal(o.messages, 2);
	out_close(&o);
}

/* RFC 5626 3.5.1, 4.4.1: the answer to ours is one CRLF, the peer's own keep-alive two. */
static void pongs(void **state)
{
	struct out o;

	(void)state;
	out_open(&o);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0); /* nothing was asked */
	assert_int_equal(sp_sip_frame_pongs(o.f), 0);

	for (unsigned i = 1; i <= 3; i++) {
		sp_sip_frame_pinged(o.f);
		assert_int_equal(feed_bytes(&o, "\r\n", 2, NULL), 0);
		assert_int_equal(sp_sip_frame_pongs(o.f), i);
	}
	assert_int_equal(o.pings, 0);

	/* the peer asks while we wait, then answers; or both at once */
	sp_sip_frame_pinged(o.f);
	assert_int_equal(feed(&o, "\r\n\r\n", 4, NULL), 0);
	assert_int_equal(o.pings, 1);
	assert_int_equal(sp_sip_frame_pongs(o.f), 3);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0);
	assert_int_equal(sp_sip_frame_pongs(o.f), 4);
	sp_sip_frame_pinged(o.f);
	assert_int_equal(feed(&o, "\r\n\r\n\r\n", 6, NULL), 0);
	assert_int_equal(o.pings, 2);
	assert_int_equal(sp_sip_frame_pongs(o.f), 5);

	/* before a message it answers, behind one it belongs to that */
	sp_sip_frame_pinged(o.f);
	assert_int_equal(feed(&o, "\r\n" START NO_BODY, sizeof("\r\n" START NO_BODY) - 1, NULL), 0);
	assert_int_equal(sp_sip_frame_pongs(o.f), 6);
	sp_sip_frame_pinged(o.f);
	assert_int_equal(feed(&o, START NO_BODY "\r\n", sizeof(START NO_BODY "\r\n") - 1, NULL), 0);
	assert_int_equal(sp_sip_frame_pongs(o.f), 6);
	assert_int_equal(feed(&o, "\r\n", 2, NULL), 0);
	assert_int_equal(sp_sip_frame_pongs(o.f), 7);
	assert_int_equal(o.pings, 2);
	assert_int_equal(o.messages, 2);
	out_close(&o);
}

static void partial(void **state)
{
	struct out o;

	(void)state;
	out_open(&o);
	assert_false(sp_sip_frame_partial(o.f));
	assert_int_equal(feed(&o, "\r", 1, NULL), 0);
	assert_false(sp_sip_frame_partial(o.f));
	assert_int_equal(feed(&o, "\nB", 2, NULL), 0);
	assert_true(sp_sip_frame_partial(o.f));
	assert_int_equal(feed(&o, "YE sip:x SIP/2.0\r\nl: 3\r\n\r\nab", 28, NULL), 0);
	assert_true(sp_sip_frame_partial(o.f));
	assert_int_equal(feed(&o, "c", 1, NULL), 0);
	assert_false(sp_sip_frame_partial(o.f));
	assert_int_equal(o.messages, 1);
	assert_false(sp_sip_frame_partial(NULL));
	out_close(&o);
}

static void handler_drops_frame(void **state)
{
	struct out o;

	(void)state;
	out_open(&o);
	o.drop = true;
	assert_int_equal(feed(&o, stream, sizeof(stream) - 1, NULL), 0);
	assert_int_equal(o.messages, 1);
	assert_int_equal(o.pings, 0);
	assert_null(o.f);
	out_close(&o);

	out_open(&o);
	o.drop = true;
	assert_int_equal(feed(&o, "\r\n\r\n" START NO_BODY, 4 + sizeof(START NO_BODY) - 1, NULL),
			 0);
	assert_int_equal(o.messages, 0);
	assert_int_equal(o.pings, 1);
	out_close(&o);
}

/* Streams that two readers could cut in two ways, or that are not SIP. */
static const struct {
	const char *text;
	size_t n;
	int err;
} bad[] = {
#define BAD(s)                                                                                     \
	{                                                                                          \
		s, sizeof(s) - 1, EBADMSG                                                          \
	}
	BAD(START "\r\n"),
	BAD(START "Via: x\r\n\r\n"),
	BAD(START "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
	BAD(START "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
	BAD(START "l: 5\r\nCONTENT-LENGTH: 5\r\n\r\nhello"),
	BAD(START "l: 5\r\nl : 5\r\n\r\nhello"),
	BAD(START "Content-Length:\r\n\r\n"),
	BAD(START "Content-Length: -1\r\n\r\n"),
	BAD(START "Content-Length: +1\r\n\r\nx"),
	BAD(START "Content-Length: 1,1\r\n\r\nx"),
	BAD(START "Content-Length: 1 1\r\n\r\nx"),
	BAD(START "Content-Length: 1\r\n 1\r\n\r\nx"),
	BAD(START "Content-Length: 0x1\r\n\r\nx"),
	BAD(START "Content-Length: 1;a=b\r\n\r\nx"),
	BAD(START "Content-Length: \"1\"\r\n\r\nx"),
	/* Names that are not it, some of which have it for a weak hash. */
	BAD(START "khd: 0\r\n\r\n"),
	BAD(START "Content-Lengt: 0\r\n\r\n"),
	BAD(START "Content-Length2: 0\r\n\r\n"),
	BAD(START "Content-Length\v: 0\r\n\r\n"),
	BAD(START "Content-Length\r\n : 0\r\n\r\n"),
	BAD(START "Content Length: 0\r\n\r\n"),
	BAD(START "X: a\r\n Content-Length: 0\r\n\r\n"),
	BAD(START "i: 0\r\n\r\n"),
	BAD("l: 0\r\n\r\n"),
	/* Line ends. */
	BAD(START "X: a\nContent-Length: 0\r\n\r\n"),
	BAD(START "X: a\rContent-Length: 0\r\n\r\n"),
	BAD(START "X: a\r\rContent-Length: 0\r\n\r\n"),
	BAD(START "Content-Length: 0\r\n\n"),
	BAD(START "Content-Length: 0\r\n\rX"),
	BAD(START "Content-Length: 0\n\r\n"),
	BAD(START "X: a\0b\r\nContent-Length: 0\r\n\r\n"),
	BAD(START "\0"),
	BAD(START "\n"),
	BAD("OPTIONS sip:a SIP/2.0\n"),
	BAD("OPTIONS sip:a\r\n SIP/2.0\r\nContent-Length: 0\r\n\r\n"),
	/* Between messages. */
	BAD("\n"),
	BAD("\r\r\n"),
	BAD("\r\n\r" START),
	BAD(" " START NO_BODY),
	BAD("\0"),
	BAD("\x16\x03\x01"),
	BAD("\x80"),
#undef BAD
	{START "Content-Length: 32769\r\n\r\n", sizeof(START) + 24, EMSGSIZE},
	{START "Content-Length: 4294967296\r\n\r\n", sizeof(START) + 29, EMSGSIZE},
	{START "Content-Length: 99999999999999999999999\r\n\r\n", sizeof(START) + 42, EMSGSIZE},
};

static void refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *why = NULL, *again = NULL;
		struct out o;

		out_open(&o);
		if (feed(&o, bad[i].text, bad[i].n, &why) != bad[i].err)
			fail_msg("not refused as it should: %s", bad[i].text);
		assert_non_null(why);
		assert_int_equal(o.messages, 0);

		/* The stream stays unreadable, whatever comes. */
		assert_int_equal(feed(&o, START NO_BODY, sizeof(START NO_BODY) - 1, &again),
				 bad[i].err);
		assert_ptr_equal(why, again);
		assert_int_equal(o.messages, 0);
		assert_false(sp_sip_frame_partial(o.f));
		out_close(&o);

		out_open(&o);
		assert_int_equal(feed_bytes(&o, bad[i].text, bad[i].n, &again), bad[i].err);
		assert_string_equal(why, again);
		assert_int_equal(o.messages, 0);
		out_close(&o);
	}
}

/* before, then fill bytes 'a' (in lines of `line` bytes if not 0), then after. */
static void limit(const char *before, size_t fill, const char *after, int wanted)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct out o;

	assert_non_null(mb);
	mbuf_write_str(mb, before);
	mbuf_fill(mb, 'a', fill);
	mbuf_write_str(mb, after);

	for (unsigned slow = 0; slow < 2; slow++) {
		out_open(&o);
		assert_int_equal((slow ? feed_bytes : feed)(&o, (char *)mb->buf, mb->end, NULL),
				 wanted);
		assert_int_equal(o.messages, wanted ? 0 : 1);
		out_close(&o);
	}
	mem_deref(mb);
}

static void limits(void **state)
{
	const char *end = "\r\n" NO_BODY;

	(void)state;
	limit("", SP_SIP_START_MAX, end, 0);
	limit("", SP_SIP_START_MAX + 1, end, EMSGSIZE);
	limit(START "X: ", SP_SIP_LINE_MAX - 3, end, 0);
	limit(START "X: ", SP_SIP_LINE_MAX - 2, end, EMSGSIZE);
	limit(START "X: a\r\n ", SP_SIP_LINE_MAX - 7, end, 0);
	limit(START "X: a\r\n ", SP_SIP_LINE_MAX - 6, end, EMSGSIZE);
	limit(START "Content-Length: 32768\r\n\r\n", SP_SIP_BODY_MAX, "", 0);
	/* A line without end is refused before its end comes. */
	limit("", SP_SIP_START_MAX + 1, "", EMSGSIZE);
}

static void head_limit(void **state)
{
	static const char tail[] = NO_BODY;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct mbuf *mb = mbuf_alloc(SP_SIP_HEAD_MAX);
		const size_t size = SP_SIP_HEAD_MAX + over - (sizeof(tail) - 1);
		struct out o;

		assert_non_null(mb);
		mbuf_write_str(mb, START);
		while (mb->end + 2000 < size)
			mbuf_printf(mb, "X: %01000d\r\n", 0);
		mbuf_write_str(mb, "X: ");
		mbuf_fill(mb, 'b', size - mb->end - 2);
		mbuf_write_str(mb, "\r\n");
		mbuf_write_str(mb, tail);

		out_open(&o);
		assert_int_equal(feed(&o, (char *)mb->buf, mb->end, NULL), over ? EMSGSIZE : 0);
		assert_int_equal(o.messages, over ? 0 : 1);
		out_close(&o);
		mem_deref(mb);
	}
}

/* A head of the greatest length, all folds, byte by byte. */
static void many_folds(void **state)
{
	struct mbuf *mb = mbuf_alloc(SP_SIP_HEAD_MAX);
	struct out o;

	(void)state;
	assert_non_null(mb);
	mbuf_write_str(mb, START);
	for (unsigned i = 0; i < 7; i++) {
		mbuf_write_str(mb, "X:");
		for (unsigned k = 0; k < 1300; k++)
			mbuf_write_str(mb, "\r\n ");
		mbuf_write_str(mb, "\r\n");
	}
	mbuf_write_str(mb, NO_BODY);

	out_open(&o);
	assert_int_equal(feed_bytes(&o, (char *)mb->buf, mb->end, NULL), 0);
	assert_int_equal(o.messages, 1);
	out_close(&o);
	mem_deref(mb);
}

static void arguments(void **state)
{
	struct sp_sip_frame *f = NULL;

	(void)state;
	assert_int_equal(sp_sip_frame_alloc(NULL, frame_handler, NULL), EINVAL);
	assert_int_equal(sp_sip_frame_alloc(&f, NULL, NULL), EINVAL);
	assert_int_equal(sp_sip_frame_input(NULL, NULL, 0, NULL), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_byte_by_byte),
		cmocka_unit_test(random_slices),
		cmocka_unit_test(keepalives),
		cmocka_unit_test(pongs),
		cmocka_unit_test(partial),
		cmocka_unit_test(handler_drops_frame),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(head_limit),
		cmocka_unit_test(many_folds),
		cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
