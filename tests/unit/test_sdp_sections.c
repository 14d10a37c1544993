/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading descriptions (RFC 8866 5, RFC 3264): what is found in real offers,
 * what is refused as malformed, every limit, and the verdict on each m-line.
 */
#include "unit/sdp_offers.h"

static void reads_teams(void **state)
{
	struct sp_sdp *s = must_parse(TEAMS);
	const struct sp_sdp_media *m = sp_sdp_media(s, 0);
	(void)state;

	assert_int_equal(sp_sdp_mediac(s), 1);
	assert_int_equal(pl_strcmp(&m->type, "audio"), 0);
	assert_int_equal(pl_strcmp(&m->proto, "RTP/SAVP"), 0);
	assert_int_equal(m->fault, SP_SDP_OK);
	assert_int_equal(m->dir, SP_SDP_SENDRECV);
	assert_addr(&m->rtp, "203.0.113.21", 51124);
	assert_addr(&m->rtcp, "203.0.113.21", 51125);
	assert_int_equal(m->sdes.tag, 2);
	assert_int_equal(m->sdes.key[29], 29);
	assert_null(sp_sdp_media(s, 1));
	mem_deref(s);
}

static void picks_our_suite_among_six(void **state)
{
	struct sp_sdp *s = must_parse(ZOOM);
	(void)state;

	assert_int_equal(sp_sdp_media(s, 0)->fault, SP_SDP_OK);
	assert_int_equal(sp_sdp_media(s, 0)->sdes.tag, 3);
	assert_addr(&sp_sdp_media(s, 0)->rtcp, "198.51.100.7", 20475);
	mem_deref(s);
}

static void judges_each_mline(void **state)
{
	struct sp_sdp *s = must_parse(MULTI);
	(void)state;

	assert_int_equal(sp_sdp_mediac(s), 3);
	assert_int_equal(sp_sdp_media(s, 0)->fault, SP_SDP_OK);
	assert_int_equal(sp_sdp_media(s, 1)->fault, SP_SDP_PLAIN);
	assert_int_equal(pl_strcmp(&sp_sdp_media(s, 1)->proto, "udptl"), 0);
	assert_int_equal(sp_sdp_media(s, 2)->fault, SP_SDP_OK);
	assert_addr(&sp_sdp_media(s, 2)->rtp, "192.0.2.62", 6000);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_OK);
	mem_deref(s);
}

struct bad_case {
	const char *text;
	int err;
	const char *why;
};

#define V "v=0\r\n"
#define O "o=- 1 1 IN IP4 192.0.2.1\r\n"
#define S "s=-\r\n"

static const struct bad_case badv[] = {
	{"", EBADMSG, "SDP is empty"},
	{"\r\n", EBADMSG, "SDP does not begin with v=0"},
	{O V S, EBADMSG, "SDP does not begin with v=0"},
	{"v=1\r\n" O S, EBADMSG, "SDP does not begin with v=0"},
	{"v=0 \r\n" O S, EBADMSG, "SDP does not begin with v=0"},
	{V O S V, EBADMSG, "SDP has a second v= line"},
	{V S, EBADMSG, "SDP has no o= line"},
	{V O, EBADMSG, "SDP has no s= line"},
	{V S AUDIO O, EBADMSG, "SDP has a second o= line"},
	{V O O S, EBADMSG, "SDP has a second o= line"},
	{V O S S, EBADMSG, "SDP has a second s= line"},
	{V O S AUDIO S, EBADMSG, "SDP has a second s= line"},
	{V "o=- 1 1 IN IP4\r\n" S, EBADMSG, "SDP has a malformed o= line"},
	{V O "\r\n" S, EBADMSG, "SDP has an empty line"},
	{V O "\n" S, EBADMSG, "SDP has an empty line"},
	{V O "s=a\rm=audio 1 RTP/AVP 0\r\n", EBADMSG, "SDP has a CR within a line"},
	{V O "s=a\r\r\n", EBADMSG, "SDP has a CR within a line"},
	{V O S "x\r\n", EBADMSG, "SDP has a line that is not of the form x=value"},
	{V O S "xy=1\r\n", EBADMSG, "SDP has a line that is not of the form x=value"},
	{V O S "M=audio 1 RTP/AVP 0\r\n", EBADMSG,
	 "SDP has a line that is not of the form x=value"},
	{V O S " a=x\r\n", EBADMSG, "SDP has a line that is not of the form x=value"},
	{HEAD "m=\r\n", EBADMSG, "SDP has a malformed m= line"},
	{HEAD "m=audio 5000\r\n", EBADMSG, "SDP has a malformed m= line"},
	{HEAD "m=audio 5000 RTP/SAVP\r\n", EBADMSG, "SDP has an m= line without formats"},
	{HEAD "m=audio x RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio -1 RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio 65536 RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio 4294972296 RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio 5000/ RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio 5000/1/1 RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
	{HEAD "m=audio /1 RTP/SAVP 0\r\n", EBADMSG, "SDP has an m= line with a bad port"},
};

static void refuses_malformed(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(badv) / sizeof(badv[0]); ++i) {
		struct sp_sdp *s = NULL;
		const char *why = NULL;

		assert_int_equal(sp_sdp_parse(&s, badv[i].text, strlen(badv[i].text), &why),
				 badv[i].err);
		assert_null(s);
		assert_string_equal(why, badv[i].why);
	}
}

static void refuses_nul(void **state)
{
	static const char text[] = HEAD "a=x\0y\r\n";
	struct sp_sdp *s = NULL;
	const char *why = NULL;
	(void)state;

	assert_int_equal(sp_sdp_parse(&s, text, sizeof(text) - 1, &why), EBADMSG);
	assert_string_equal(why, "SDP has a NUL character");
	assert_int_equal(sp_sdp_parse(&s, text, sizeof(text) - 1, NULL), EBADMSG);
	assert_int_equal(sp_sdp_parse(NULL, text, 1, &why), EINVAL);
	assert_int_equal(sp_sdp_parse(&s, NULL, 1, &why), EINVAL);
}

/** RFC 8866 5: CRLF ends a line, but LF alone should be accepted. */
static void tolerates_the_field(void **state)
{
	static const char *const textv[] = {
		"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\ns= \r\n\r\n\r\n",
		"v=0\r\no=John Smith 1 1 IN IP4 192.0.2.1\r\ns=-\r\nq=what\r\na=\r\na=:\r\n",
		HEAD "m=audio 0 RTP/SAVP\r\n",
		HEAD "m=audio 5000/1 RTP/SAVP 0\r\na=rtcp:x\r\na=fmtp:0\r\na=rtpmap:0 PCMU\r\n",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(textv) / sizeof(textv[0]); ++i)
		mem_deref(must_parse(textv[i]));
}

/** HEAD and as many further lines as make n in all. */
static struct mbuf *with_lines(size_t n, const char *line)
{
	struct mbuf *mb = mbuf_alloc(4096);

	assert_int_equal(mbuf_write_str(mb, HEAD), 0);
	for (size_t i = 5; i < n; ++i)
		assert_int_equal(mbuf_write_str(mb, line), 0);

	return mb;
}

static void assert_limit(struct mbuf *mb, int expected, const char *expected_why)
{
	struct sp_sdp *s = NULL;
	const char *why = "";

	assert_int_equal(sp_sdp_parse(&s, (const char *)mb->buf, mb->end, &why), expected);
	assert_string_equal(why, expected_why);
	mem_deref(s);
	mem_deref(mb);
}

static void keeps_its_limits(void **state)
{
	struct mbuf *mb;
	(void)state;

	assert_limit(with_lines(SP_SDP_LINES_MAX, "a=x\n"), 0, "");
	assert_limit(with_lines(SP_SDP_LINES_MAX + 1, "a=x\n"), EOVERFLOW,
		     "SDP has too many lines");

	assert_limit(with_lines(5 + SP_SDP_MEDIA_MAX, AUDIO), 0, "");
	assert_limit(with_lines(5 + SP_SDP_MEDIA_MAX + 1, AUDIO), EOVERFLOW,
		     "SDP has too many media lines");

	mb = with_lines(5, "");
	assert_int_equal(mbuf_write_str(mb, "a="), 0);
	assert_int_equal(mbuf_fill(mb, 'x', SP_SDP_SIZE_MAX - mb->end), 0);
	assert_limit(mb, 0, "");

	mb = with_lines(5, "");
	assert_int_equal(mbuf_write_str(mb, "a="), 0);
	assert_int_equal(mbuf_fill(mb, 'x', SP_SDP_SIZE_MAX + 1 - mb->end), 0);
	assert_limit(mb, EOVERFLOW, "SDP is too large");
}

/** Each different address costs a search of every line. */
static void limits_different_addresses(void **state)
{
	struct mbuf *mb = with_lines(5, "");
	(void)state;

	for (unsigned i = 0; i < 23; ++i)
		assert_int_equal(mbuf_printf(mb, "c=IN IP4 192.0.2.%u\r\n", 100 + i), 0);
	assert_limit(mbuf_alloc_ref(mb), 0, "");

	mb->pos = mb->end;
	assert_int_equal(mbuf_write_str(mb, "c=IN IP4 192.0.2.99\r\n"), 0);
	assert_limit(mb, EOVERFLOW, "SDP has too many different addresses");
}

struct fault_case {
	const char *media;
	enum sp_sdp_fault fault;
};

static const struct fault_case faultv[] = {
	{AUDIO CRYPTO, SP_SDP_OK},
	{"m=audio 5000/1 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 0 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_DISABLED},
	{"m=audio 0/2 RTP/AVP 0\r\n", SP_SDP_DISABLED},
	{"m=audio 5000 RTP/AVP 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 RTP/SAVPF 0\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 5000 RTP/SAVPF 0\r\n", SP_SDP_NO_SUITE},
	{"m=audio 5000 RTP/savpf 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 RTP/SAVPFX 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 RTP/AVPF 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 UDP/TLS/RTP/SAVPF 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 UDP/TLS/RTP/SAVP 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{"m=audio 5000 rtp/savp 0\r\n" CRYPTO, SP_SDP_PLAIN},
	{AUDIO, SP_SDP_NO_SUITE},
	{AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" KEY "\r\n", SP_SDP_NO_SUITE},
	{AUDIO "a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n", SP_SDP_NO_SUITE},
	{AUDIO "a=crypto\r\n", SP_SDP_NO_SUITE},
	{AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^31|1:1\r\n", SP_SDP_OK},
	{AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^31|1:0\r\n",
	 SP_SDP_KEY_UNUSABLE},
	{AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|1:4;inline:" KEY "|2:4\r\n",
	 SP_SDP_KEY_UNUSABLE},
	{AUDIO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\r\n"
	       "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY "\r\n",
	 SP_SDP_KEY_UNUSABLE},
	{AUDIO "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|0:4\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 5000/2 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{"m=audio 5000/0 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{"m=audio 65535 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{"m=audio 65535 RTP/SAVP 0\r\na=rtcp:4000\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 65535 RTP/SAVP 0\r\na=rtcp-mux\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 65535 RTP/SAVP 0\r\na=rtcp-mux-only\r\n" CRYPTO, SP_SDP_OK},
	{"m=audio 65535 RTP/SAVP 0\r\na=rtcp-muxed\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{"m=audio 65534 RTP/SAVP 0\r\n" CRYPTO, SP_SDP_OK},
	{AUDIO "c=IN IP4 media.example.com\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 224.2.36.42/127\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 224.2.36.42\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 255.255.255.255\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 192.0.2.1/127\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 192.0.2.01\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 192.0.2.256\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 192.0.2\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 192.0.2.1 x\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=ATM IP4 192.0.2.1\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP4 2001:db8::1\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP6 192.0.2.1\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP6 ff02::1\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP6 ::ffff:224.0.0.1\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP6 fe80::1%eth0\r\n" CRYPTO, SP_SDP_NO_ADDRESS},
	{AUDIO "c=IN IP6 2001:db8::1\r\n" CRYPTO, SP_SDP_OK},
};

static void finds_the_fault(void **state)
{
	static const uint8_t zero[SP_SDES_KEY_SIZE];
	char text[1024];
	(void)state;

	for (size_t i = 0; i < sizeof(faultv) / sizeof(faultv[0]); ++i) {
		const struct sp_sdp_media *m;
		struct sp_sdp *s;

		(void)snprintf(text, sizeof(text), "%s%s", HEAD, faultv[i].media);
		s = must_parse(text);
		m = sp_sdp_media(s, 0);
		if (m->fault != faultv[i].fault)
			fail_msg("%s: %d, expected %d", text, m->fault, faultv[i].fault);

		assert_int_equal(sp_sdp_verdict(s), m->fault);
		assert_int_equal(!memcmp(m->sdes.key, zero, sizeof(zero)), m->fault != SP_SDP_OK);
		mem_deref(s);
	}
}

static void wants_an_address_somewhere(void **state)
{
	struct sp_sdp *s = must_parse(V O S AUDIO CRYPTO);
	(void)state;

	assert_int_equal(sp_sdp_verdict(s), SP_SDP_NO_ADDRESS);
	mem_deref(s);

	/* the session's is no address, the m-line's is */
	s = must_parse(V O S "c=IN IP4 host.example.com\r\n" AUDIO "c=IN IP4 192.0.2.9\r\n" CRYPTO);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_OK);
	assert_addr(&sp_sdp_media(s, 0)->rtp, "192.0.2.9", 5000);
	mem_deref(s);
}

static void looks_at_a_limited_number_of_keys(void **state)
{
	struct mbuf *mb = with_lines(5, "");
	struct sp_sdp *s = NULL;
	(void)state;

	assert_int_equal(mbuf_write_str(mb, AUDIO), 0);
	for (size_t i = 0; i < SP_SDES_CRYPTO_MAX; ++i)
		assert_int_equal(mbuf_write_str(mb, "a=crypto:1 OTHER inline:x\r\n"), 0);
	assert_int_equal(mbuf_write_str(mb, CRYPTO), 0);

	assert_int_equal(sp_sdp_parse(&s, (const char *)mb->buf, mb->end, NULL), 0);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_NO_SUITE);
	mem_deref(s);
	mem_deref(mb);
}

static void verdict_names_the_first_real_fault(void **state)
{
	struct sp_sdp *s;
	(void)state;

	s = must_parse(HEAD);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_DISABLED);
	mem_deref(s);

	s = must_parse(HEAD "m=audio 0 RTP/SAVP 0\r\nm=video 0 RTP/AVP 99\r\n");
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_DISABLED);
	mem_deref(s);

	s = must_parse(HEAD "m=audio 0 RTP/SAVP 0\r\nm=audio 4 RTP/AVP 0\r\n" AUDIO);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_PLAIN);
	mem_deref(s);

	s = must_parse(HEAD "m=audio 4 RTP/AVP 0\r\n" AUDIO CRYPTO);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_OK);
	mem_deref(s);

	assert_int_equal(sp_sdp_verdict(NULL), SP_SDP_DISABLED);
	assert_int_equal(sp_sdp_mediac(NULL), 0);
}

/** RFC 3261 20.43: the text goes into a quoted string. */
static void fault_texts_fit_a_warning(void **state)
{
	(void)state;

	for (int f = SP_SDP_OK; f <= SP_SDP_NO_ADDRESS; ++f) {
		const char *text = sp_sdp_fault_text((enum sp_sdp_fault)f);

		assert_true(strlen(text) > 10 && strlen(text) < 140);
		assert_null(strpbrk(text, "\"\\\r\n"));
		assert_string_not_equal(text, sp_sdp_fault_text((enum sp_sdp_fault)99));
	}
	assert_non_null(strstr(sp_sdp_fault_text(SP_SDP_PLAIN), "not RTP/SAVP"));
}

struct dir_case {
	const char *session, *media;
	enum sp_sdp_dir dir;
};

static const struct dir_case dirv[] = {
	{"", "", SP_SDP_SENDRECV},
	{"a=inactive\r\n", "", SP_SDP_INACTIVE},
	{"a=inactive\r\n", "a=recvonly\r\n", SP_SDP_RECVONLY},
	{"", "a=sendonly\r\n", SP_SDP_SENDONLY},
	{"", "a=sendonly \r\n", SP_SDP_SENDONLY},
	{"", "a=sendonly\r\na=sendrecv\r\n", SP_SDP_SENDONLY},
	{"", "a=sendonlyx\r\n", SP_SDP_SENDRECV},
	/* RFC 3264 8.4: hold as RFC 2543 had it */
	{"", "c=IN IP4 0.0.0.0\r\n", SP_SDP_INACTIVE},
	{"", "c=IN IP6 ::\r\n", SP_SDP_INACTIVE},
	{"", "c=IN IP4 0.0.0.0\r\na=sendrecv\r\n", SP_SDP_INACTIVE},
	{"", "c=IN IP4 0.0.0.0\r\na=recvonly\r\n", SP_SDP_INACTIVE},
	{"", "c=IN IP4 0.0.0.0\r\na=sendonly\r\n", SP_SDP_SENDONLY},
	{"a=sendonly\r\n", "c=IN IP4 0.0.0.0\r\n", SP_SDP_SENDONLY},
};

static void reads_directions(void **state)
{
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(dirv) / sizeof(dirv[0]); ++i) {
		struct sp_sdp *s;

		(void)snprintf(text, sizeof(text), "%s%s%s%s%s", HEAD, dirv[i].session, AUDIO,
			       dirv[i].media, CRYPTO);
		s = must_parse(text);
		assert_int_equal(sp_sdp_media(s, 0)->dir, dirv[i].dir);
		assert_int_equal(sp_sdp_media(s, 0)->fault, SP_SDP_OK);
		mem_deref(s);
	}
}

struct rtcp_case {
	const char *line, *addr;
	uint16_t port;
};

static const struct rtcp_case rtcpv[] = {
	{"", "192.0.2.1", 5001},
	{"a=rtcp:53020\r\n", "192.0.2.1", 53020},
	{"a=rtcp: 53020 \r\n", "192.0.2.1", 53020},
	{"a=rtcp:53020 IN IP4 198.51.100.9\r\n", "198.51.100.9", 53020},
	{"a=rtcp:53020 IN IP4 rtcp.example.com\r\n", "192.0.2.1", 53020},
	{"a=rtcp:53020 IN IP4 0.0.0.0\r\n", "192.0.2.1", 53020},
	{"a=rtcp:53020 IN IP4 239.1.1.1\r\n", "192.0.2.1", 53020},
	{"a=rtcp:53020 IN IP6 2001:db8::9\r\n", "192.0.2.1", 53020},
	{"a=rtcp:0\r\n", "192.0.2.1", 5001},
	{"a=rtcp:65536\r\n", "192.0.2.1", 5001},
	{"a=rtcp:x\r\n", "192.0.2.1", 5001},
	{"a=rtcp:6000\r\na=rtcp:7000\r\n", "192.0.2.1", 6000},
	{"c=IN IP4 0.0.0.0\r\na=rtcp:6000 IN IP4 198.51.100.9\r\n", "0.0.0.0", 6000},
};

/** RFC 3605 2.1 */
static void reads_rtcp(void **state)
{
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(rtcpv) / sizeof(rtcpv[0]); ++i) {
		struct sp_sdp *s;

		(void)snprintf(text, sizeof(text), "%s%s%s%s", HEAD, AUDIO, rtcpv[i].line, CRYPTO);
		s = must_parse(text);
		assert_addr(&sp_sdp_media(s, 0)->rtcp, rtcpv[i].addr, rtcpv[i].port);
		mem_deref(s);
	}
}

static bool same(const char *a, const char *b)
{
	struct pl pa, pb;

	pl_set_str(&pa, a);
	pl_set_str(&pb, b);

	return sp_sdp_same(&pa, &pb);
}

/** RFC 3264 8: the version rises when something else changed. */
static void compares_all_but_the_origin(void **state)
{
	struct pl pl = PL("v=0");
	(void)state;

	assert_true(same(TEAMS, TEAMS));
	assert_true(same("", ""));
	assert_true(
		same("v=0\r\no=a 1 1 IN IP4 h\r\ns=-\r\n", "v=0\r\no=a 1 2 IN IP4 h\r\ns=-\r\n"));
	assert_false(same("v=0\r\no=a 1 1 IN IP4 h\r\ns=-\r\n", "v=0\r\no=a 1 1 IN IP4 h\r\n"));
	assert_false(same("v=0\r\n", "v=0\r\ns=-\r\n"));
	assert_false(same(HEAD AUDIO "a=sendrecv\r\n", HEAD AUDIO "a=sendonly\r\n"));
	assert_false(same(HEAD AUDIO, HEAD "m=audio 5000 RTP/SAVP 8\r\n"));
	assert_false(sp_sdp_same(&pl, NULL));
	assert_false(sp_sdp_same(NULL, &pl));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_teams),
		cmocka_unit_test(picks_our_suite_among_six),
		cmocka_unit_test(judges_each_mline),
		cmocka_unit_test(refuses_malformed),
		cmocka_unit_test(refuses_nul),
		cmocka_unit_test(tolerates_the_field),
		cmocka_unit_test(keeps_its_limits),
		cmocka_unit_test(limits_different_addresses),
		cmocka_unit_test(finds_the_fault),
		cmocka_unit_test(wants_an_address_somewhere),
		cmocka_unit_test(looks_at_a_limited_number_of_keys),
		cmocka_unit_test(verdict_names_the_first_real_fault),
		cmocka_unit_test(fault_texts_fit_a_warning),
		cmocka_unit_test(reads_directions),
		cmocka_unit_test(reads_rtcp),
		cmocka_unit_test(compares_all_but_the_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
