/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What offers and answers do to m-lines and formats (RFC 3264 5 to 8, RFC 6337),
 * one after the other and in both directions: the gateway takes no part in the
 * choice of formats, and must not get in its way.
 */
#include "unit/sdp_rewriting.h"

#define OUT OURHEAD OURCONN "t=0 0\r\n"

struct pass_case {
	const char *text, *expected;
};

static void assert_passes(const struct pass_case *casev, size_t casec)
{
	struct sp_sdp_local local;

	set_local(&local);
	for (size_t i = 0; i < casec; ++i)
		assert_rewritten(casev[i].text, &local, casev[i].expected);
}

/** RFC 3264 8.3.2, 6.1: numbers and order of formats are what their sender says. */
static void formats_are_the_senders(void **state)
{
	static const struct pass_case casev[] = {
		/* an offer */
		{HEAD "m=audio 5000 RTP/SAVP 96 8 0 101\r\na=rtpmap:96 opus/48000/2\r\n"
		      "a=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 96 8 0 101\r\na=rtpmap:96 opus/48000/2\r\n"
		     "a=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n" OURCRYPTO},
		/* its answer: fewer, in another order, opus by a number of its own */
		{HEAD "m=audio 6000 RTP/SAVP 8 111\r\na=rtpmap:111 opus/48000/2\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 8 111\r\na=rtpmap:111 opus/48000/2\r\n" OURCRYPTO},
		/* the next offer: another number for the same event format, a new format */
		{HEAD "m=audio 5000 RTP/SAVP 8 9 97\r\na=rtpmap:97 telephone-event/8000\r\n"
		      "a=ptime:30\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 8 9 97\r\na=rtpmap:97 telephone-event/8000\r\n"
		     "a=ptime:30\r\n" OURCRYPTO},
	};
	(void)state;

	assert_passes(casev, sizeof(casev) / sizeof(casev[0]));
}

/** RFC 3264 5.1, 6, 8.2: port 0 refuses, ends, and keeps its place. */
static void port_zero_keeps_its_place(void **state)
{
	static const struct pass_case casev[] = {
		{HEAD "m=audio 0 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n" CRYPTO
		      "m=video 6000 RTP/SAVP 99\r\n" CRYPTO,
		 OUT "m=audio 0 RTP/SAVP 0\r\nm=video 20010 RTP/SAVP 99\r\n" OURCRYPTO},
		/* refused by one who leaves the formats out, which RFC 8866 9 does not allow */
		{HEAD AUDIO CRYPTO "m=image 0 udptl\r\nm=text 0 \t RTP/SAVP \r\n",
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO
		     "m=image 0 udptl 0\r\nm=text 0 RTP/SAVP  0\r\n"},
		/* ended with a c= of its own, direction and all */
		{HEAD "m=audio 0/2 RTP/SAVP 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
		 OUT "m=audio 0 RTP/SAVP 0\r\n" OURCONN},
	};
	(void)state;

	assert_passes(casev, sizeof(casev) / sizeof(casev[0]));
}

/** RFC 3264 8.1: new m-lines go to the end; one whose place is free may be used anew. */
static void added_m_lines(void **state)
{
	static const struct pass_case casev[] = {
		{HEAD AUDIO CRYPTO "m=video 6000 RTP/SAVP 99\r\n" CRYPTO
				   "m=image 7000 udptl t38\r\na=T38FaxVersion:0\r\n",
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO
		     "m=video 20010 RTP/SAVP 99\r\n" OURCRYPTO "m=image 0 udptl t38\r\n"},
		{HEAD AUDIO CRYPTO "m=text 6000 RTP/SAVP 98\r\na=rtpmap:98 t140/1000\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO
		     "m=text 20010 RTP/SAVP 98\r\na=rtpmap:98 t140/1000\r\n" OURCRYPTO},
	};
	(void)state;

	assert_passes(casev, sizeof(casev) / sizeof(casev[0]));
}

/** What is beside the usual in addresses and ports never goes out. */
static void odd_addresses_and_ports(void **state)
{
	static const struct pass_case casev[] = {
		/* two ports: no relaying of half a stream */
		{HEAD "m=audio 40000/2 RTP/SAVP 0\r\n" CRYPTO, OUT "m=audio 0 RTP/SAVP 0\r\n"},
		{HEAD "m=audio 40000/1 RTP/SAVP 0\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO},
		/* several c=: the first counts, one goes out */
		{HEAD AUDIO "c=IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.8\r\n" CRYPTO
			    "c=IN IP4 192.0.2.9\r\n",
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCONN OURCRYPTO},
		{HEAD "c=IN IP4 192.0.2.7\r\n" AUDIO CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO},
		/* a=rtcp without a use (RFC 3605 2.1) */
		{HEAD AUDIO "a=rtcp:0\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\na=rtcp:20001\r\n" OURCRYPTO},
		{HEAD AUDIO "a=rtcp:9 IN IP4 0.0.0.0\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\na=rtcp:20001\r\n" OURCRYPTO},
		{HEAD AUDIO "a=rtcp\r\na=rtcp:4000 IN IP4\r\n" CRYPTO,
		 OUT "m=audio 20000 RTP/SAVP 0\r\na=rtcp:20001\r\n" OURCRYPTO},
	};
	struct sp_sdp *s =
		must_parse(HEAD AUDIO "c=IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.8\r\n" CRYPTO);
	(void)state;

	assert_passes(casev, sizeof(casev) / sizeof(casev[0]));
	assert_addr(&sp_sdp_media(s, 0)->rtp, "192.0.2.7", 5000);
	mem_deref(s);
}

/** A description that was kept can be given out again, to the octet, and read. */
static void keeps_its_text(void **state)
{
	struct sp_sdp *s = must_parse(TEAMS);
	struct pl text;
	(void)state;

	sp_sdp_text(s, &text);
	assert_int_equal(0, pl_strcmp(&text, TEAMS));
	mem_deref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_the_senders),
		cmocka_unit_test(port_zero_keeps_its_place),
		cmocka_unit_test(added_m_lines),
		cmocka_unit_test(odd_addresses_and_ports),
		cmocka_unit_test(keeps_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
