/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is chosen from offers as Teams and Zoom make them: the key among many
 * (RFC 4568 5.1.2), and the clock rates of the formats (RFC 8866 6.6).
 */
#include "unit/sdp_rewriting.h"

#define SUITE "AES_CM_128_HMAC_SHA1_80 inline:"

struct choice {
	const char *media;
	uint32_t tag;
	uint64_t lifetime, mki;
	uint8_t mki_len;
};

static const struct choice choicev[] = {
	/* Zoom: GCM first, ours the third */
	{"a=crypto:1 AEAD_AES_256_GCM inline:" KEY "MDEyMzQ1Njc4OWFiY2Q=|2^31\r\n"
	 "a=crypto:2 AEAD_AES_128_GCM inline:" KEY "|2^31\r\n"
	 "a=crypto:3 " SUITE KEY "|2^31\r\n"
	 "a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^31\r\n",
	 3, UINT64_C(1) << 31, 0, 0},
	/* Teams: lifetime and MKI, and the weaker suite beside it */
	{"a=crypto:2 " SUITE KEY "|2^31|1:1\r\n"
	 "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^31|1:1\r\n",
	 2, UINT64_C(1) << 31, 1, 1},
	{"a=crypto:0 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^31|1:1\r\n"
	 "a=crypto:1 " SUITE KEY "|2^31|1:1\r\n",
	 1, UINT64_C(1) << 31, 1, 1},
	/* the sender's first counts, whatever its tag (RFC 4568 5.1.1) */
	{"a=crypto:999999999 " SUITE KEY "|1:4\r\na=crypto:1 " SUITE KEY "\r\n", 999999999, 0, 1,
	 4},
	/* unusable ones are passed over: what they left behind must not be */
	{"a=crypto:1 " SUITE KEY "|2^20|1:4;inline:" KEY "|2^20|2:4\r\n"
	 "a=crypto:2 " SUITE KEY "|2^20|1:4 UNENCRYPTED_SRTP\r\n"
	 "a=crypto:3 " SUITE KEY "\r\n",
	 3, 0, 0, 0},
	{"a=crypto:1 " SUITE KEY "|2^20|9:4 KDR=1\r\na=crypto:4 " SUITE KEY "|77\r\n", 4, 77, 0, 0},
};

static void picks_the_key(void **state)
{
	char text[1024];
	(void)state;

	for (size_t i = 0; i < sizeof(choicev) / sizeof(choicev[0]); ++i) {
		const struct sp_sdp_media *m;
		struct sp_sdp *s;

		(void)snprintf(text, sizeof(text), "%s%s%s", HEAD, AUDIO, choicev[i].media);
		s = must_parse(text);
		m = sp_sdp_media(s, 0);
		assert_int_equal(m->fault, SP_SDP_OK);
		assert_int_equal(m->sdes.tag, choicev[i].tag);
		assert_true(m->sdes.lifetime == choicev[i].lifetime);
		assert_true(m->sdes.mki == choicev[i].mki);
		assert_int_equal(m->sdes.mki_len, choicev[i].mki_len);
		assert_int_equal(m->sdes.key[29], 29);
		mem_deref(s);
	}
}

/** n lines of suites that are not ours, then ours. */
static enum sp_sdp_fault verdict_after(size_t n, uint32_t *tag)
{
	struct mbuf *mb = mbuf_alloc(4096);
	struct sp_sdp *s = NULL;
	enum sp_sdp_fault fault;

	assert_int_equal(mbuf_write_str(mb, HEAD AUDIO), 0);
	for (size_t i = 0; i < n; ++i)
		assert_int_equal(mbuf_printf(mb, "a=crypto:%zu AEAD_AES_256_GCM inline:x\r\n", i),
				 0);
	assert_int_equal(mbuf_write_str(mb, "a=crypto:999999998 " SUITE KEY "\r\n"), 0);
	assert_int_equal(sp_sdp_parse(&s, (const char *)mb->buf, mb->end, NULL), 0);

	fault = sp_sdp_verdict(s);
	*tag = sp_sdp_media(s, 0)->sdes.tag;
	mem_deref(s);
	mem_deref(mb);
	return fault;
}

static void looks_at_so_many_lines(void **state)
{
	uint32_t tag;
	(void)state;

	assert_int_equal(verdict_after(SP_SDES_CRYPTO_MAX - 1, &tag), SP_SDP_OK);
	assert_int_equal(tag, 999999998);
	assert_int_equal(verdict_after(SP_SDES_CRYPTO_MAX, &tag), SP_SDP_NO_SUITE);
	assert_int_equal(tag, 0);
	assert_int_equal(verdict_after(40, &tag), SP_SDP_NO_SUITE);
}

/** One line of ours for all of theirs, without their lifetime and MKI. */
static void answers_with_one_line(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].tag = 999999999;
	assert_rewritten(HEAD AUDIO "a=crypto:1 AEAD_AES_128_GCM inline:" KEY "\r\n"
				    "a=ptime:20\r\na=crypto:999999999 " SUITE KEY "|2^31|1:1\r\n",
			 &local,
			 OURHEAD OURCONN "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\n"
					 "a=crypto:999999999 " SUITE OURKEY "\r\na=ptime:20\r\n");
}

static void assert_clocks(const char *lines, const struct sp_sdp_clock *clockv, size_t clockc)
{
	char text[2048];
	const struct sp_sdp_media *m;
	struct sp_sdp *s;

	(void)snprintf(text, sizeof(text), "%s%s%s%s", HEAD, AUDIO, lines, CRYPTO);
	s = must_parse(text);
	m = sp_sdp_media(s, 0);
	assert_int_equal(m->clockc, clockc);
	for (size_t i = 0; i < clockc; ++i) {
		assert_int_equal(m->clockv[i].type, clockv[i].type);
		assert_int_equal(m->clockv[i].hz, clockv[i].hz);
	}
	mem_deref(s);
}

static void reads_clocks(void **state)
{
	static const struct sp_sdp_clock somev[] = {
		{0, 8000}, {111, 48000}, {96, 90000}, {127, 1000000}, {5, 1}};
	(void)state;

	assert_clocks("a=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
		      "a=RTPMAP: 96  H264/90000 \r\na=rtpmap:127 x/1000000/a/b\r\n"
		      "a=rtpmap:5 y/1\r\n",
		      somev, 5);

	/* the first of a payload type counts */
	assert_clocks("a=rtpmap:0 PCMU/8000\r\na=rtpmap:0 PCMU/16000\r\n", somev, 1);
}

static void passes_over_what_is_no_clock(void **state)
{
	(void)state;

	assert_clocks("a=rtpmap\r\na=rtpmap:\r\na=rtpmap:0\r\na=rtpmap:0 PCMU\r\n"
		      "a=rtpmap:0 PCMU/\r\na=rtpmap:0 PCMU//1\r\na=rtpmap:0 PCMU/0\r\n"
		      "a=rtpmap:0 PCMU/1000001\r\na=rtpmap:0 PCMU/4294967297\r\n"
		      "a=rtpmap:0 PCMU/-8\r\na=rtpmap:0 PCMU/8k\r\na=rtpmap:0 PCMU /8000\r\n"
		      "a=rtpmap:128 x/8000\r\na=rtpmap:256 x/8000\r\na=rtpmap:-1 x/8000\r\n"
		      "a=rtpmap:x x/8000\r\na=rtpmaps:0 x/8000\r\n",
		      NULL, 0);
}

static void keeps_so_many_clocks(void **state)
{
	struct sp_sdp_clock clockv[SP_SDP_CLOCKS_MAX];
	struct mbuf *mb = mbuf_alloc(1024);
	char *lines;
	(void)state;

	for (unsigned i = 0; i < SP_SDP_CLOCKS_MAX + 4; ++i)
		assert_int_equal(mbuf_printf(mb, "a=rtpmap:%u x/%u\r\n", i, 8000 + i), 0);
	for (unsigned i = 0; i < SP_SDP_CLOCKS_MAX; ++i)
		clockv[i] = (struct sp_sdp_clock){(uint8_t)i, 8000 + i};
	mb->pos = 0;
	assert_int_equal(mbuf_strdup(mb, &lines, mb->end), 0);
	assert_clocks(lines, clockv, SP_SDP_CLOCKS_MAX);

	mem_deref(lines);
	mem_deref(mb);
}

/** Of each m-line its own; a=rtpmap before the first is nobody's. */
static void clocks_are_the_mlines(void **state)
{
	struct sp_sdp *s = must_parse(HEAD "a=rtpmap:1 x/1\r\n" AUDIO "a=rtpmap:2 x/2\r\n" CRYPTO
					   "m=video 6000 RTP/SAVP 3\r\na=rtpmap:3 x/3\r\n" CRYPTO);
	(void)state;

	for (size_t i = 0; i < 2; ++i) {
		assert_int_equal(sp_sdp_media(s, i)->clockc, 1);
		assert_int_equal(sp_sdp_media(s, i)->clockv[0].type, i + 2);
	}
	mem_deref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_the_key),
		cmocka_unit_test(looks_at_so_many_lines),
		cmocka_unit_test(answers_with_one_line),
		cmocka_unit_test(reads_clocks),
		cmocka_unit_test(passes_over_what_is_no_clock),
		cmocka_unit_test(keeps_so_many_clocks),
		cmocka_unit_test(clocks_are_the_mlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
