/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RTP and RTCP on one port (RFC 5761, RFC 8035, RFC 8858): read, and written only
 * where we do it; with feedback profiles (RFC 5124), which come along with it.
 */
#include "unit/sdp_rewriting.h"

#define MUX "a=rtcp-mux\r\n"
#define OUT OURHEAD OURCONN "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\n"

struct mux_case {
	const char *media;
	bool mux, mux_only;
	uint16_t rtcp;
};

static const struct mux_case muxv[] = {
	{AUDIO, false, false, 5001},
	/* where RTCP goes until the answer says that it goes along with RTP */
	{AUDIO MUX, true, false, 5001},
	{AUDIO MUX "a=rtcp:5007\r\n", true, false, 5007},
	{AUDIO "a=rtcp:5000\r\n" MUX, true, false, 5000},
	{AUDIO MUX MUX, true, false, 5001},
	{AUDIO "a=RTCP-Mux\r\n", true, false, 5001},
	{AUDIO "a=rtcp-mux \r\n", true, false, 5001},
	{AUDIO "a=rtcp-mux:\r\n", true, false, 5001},
	{AUDIO "a=rtcp-muxed\r\n", false, false, 5001},
	{AUDIO "a=rtcp-mu\r\n", false, false, 5001},
	/* the port above the last one is none, and not needed */
	{"m=audio 65535 RTP/SAVP 0\r\n" MUX, true, false, 65535},
	{"m=audio 65535 RTP/SAVP 0\r\n" MUX "a=rtcp:5007\r\n", true, false, 5007},
	/* RFC 8858 4.2: one port; what a=rtcp says then is not looked at */
	{AUDIO MUX "a=rtcp-mux-only\r\n", true, true, 5000},
	{AUDIO "a=rtcp-mux-only\r\n" MUX, true, true, 5000},
	{AUDIO "a=rtcp-mux-only\r\n", true, true, 5000},
	{AUDIO "a=rtcp:5007\r\na=RTCP-MUX-ONLY\r\n", true, true, 5000},
	{"m=audio 65535 RTP/SAVP 0\r\na=rtcp-mux-only\r\n", true, true, 65535},
};

static void reads_mux(void **state)
{
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(muxv) / sizeof(muxv[0]); ++i) {
		const struct sp_sdp_media *m;
		struct sp_sdp *s;

		(void)snprintf(text, sizeof(text), "%s%s%s", HEAD, muxv[i].media, CRYPTO);
		s = must_parse(text);
		m = sp_sdp_media(s, 0);
		if (m->fault || m->mux != muxv[i].mux || m->mux_only != muxv[i].mux_only)
			fail_msg("%s: %d %d %d", muxv[i].media, m->fault, m->mux, m->mux_only);
		assert_addr(&m->rtcp, "192.0.2.1", muxv[i].rtcp);
		mem_deref(s);
	}
}

/** RFC 5761 5.1.1: an attribute of the m-line; of the session it says nothing. */
static void belongs_to_its_mline(void **state)
{
	struct sp_sdp *s = must_parse(HEAD MUX AUDIO CRYPTO AUDIO MUX CRYPTO AUDIO CRYPTO);
	(void)state;

	assert_false(sp_sdp_media(s, 0)->mux);
	assert_true(sp_sdp_media(s, 1)->mux);
	assert_false(sp_sdp_media(s, 2)->mux);
	mem_deref(s);
}

/** RFC 5761 5.1.1: a=rtcp for a peer that does not know a=rtcp-mux. */
static void offers_with_a_way_back(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].mux = true;

	/* the sender has neither, has one, has both, has more than it should */
	assert_rewritten(HEAD AUDIO CRYPTO, &local, OUT OURCRYPTO "a=rtcp:20001\r\n" MUX);
	assert_rewritten(HEAD AUDIO MUX CRYPTO, &local, OUT MUX OURCRYPTO "a=rtcp:20001\r\n");
	assert_rewritten(HEAD AUDIO "a=rtcp:9\r\n" CRYPTO, &local,
			 OUT "a=rtcp:20001\r\n" OURCRYPTO MUX);
	assert_rewritten(HEAD AUDIO MUX CRYPTO "a=rtcp:9\r\na=ptime:20\r\n", &local,
			 OUT MUX OURCRYPTO "a=rtcp:20001\r\na=ptime:20\r\n");
	assert_rewritten(HEAD MUX AUDIO "a=rtcp-mux-only\r\n" CRYPTO MUX "a=rtcp-muxed\r\n", &local,
			 OUT MUX OURCRYPTO "a=rtcp-muxed\r\na=rtcp:20001\r\n");

	/* what is missing stands before the hold */
	assert_rewritten(HEAD AUDIO "c=IN IP4 0.0.0.0\r\n" CRYPTO, &local,
			 OUT OURCONN OURCRYPTO "a=rtcp:20001\r\n" MUX "a=inactive\r\n");
}

/** RFC 5761 5.1.1, 5.1.3: with a=rtcp-mux in the answer no other port is used. */
static void answers_with_one_port(void **state)
{
	struct sp_sdp *offer = must_parse(HEAD AUDIO MUX CRYPTO);
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.offer = offer;
	local.mediav[0].mux = true;
	local.mediav[0].rtcp_port = 31001;

	assert_rewritten(HEAD AUDIO CRYPTO, &local, OUT OURCRYPTO MUX);
	assert_rewritten(HEAD AUDIO "a=rtcp:9\r\n" MUX CRYPTO, &local, OUT MUX OURCRYPTO);

	/* and without, as ever */
	local.mediav[0].mux = false;
	assert_rewritten(HEAD AUDIO "a=rtcp:9\r\n" MUX CRYPTO, &local,
			 OUT "a=rtcp:31001\r\n" OURCRYPTO);
	mem_deref(offer);
}

/** The other leg's affair: what its peer can says nothing of what we do here. */
static void is_not_passed_on(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten(HEAD MUX AUDIO MUX CRYPTO "a=rtcp-mux-only\r\n", &local, OUT OURCRYPTO);

	/* nor is it said of a port that is 0 */
	local.mediav[0].mux = true;
	local.mediav[0].enabled = false;
	assert_rewritten(HEAD AUDIO MUX CRYPTO, &local,
			 OURHEAD OURCONN "t=0 0\r\nm=audio 0 RTP/SAVP 0\r\n");
}

/** RFC 5124 3.1: RTP/SAVPF goes through as it is, and what is asked for with it. */
static void feedback_profile_goes_through(void **state)
{
	struct sp_sdp_local local;
	struct sp_sdp *s;
	(void)state;

	set_local(&local);
	local.mediav[1].mux = true;
	assert_rewritten(HEAD "m=audio 5000 RTP/SAVP 0\r\n" CRYPTO
			      "m=video 5002 RTP/SAVPF 96\r\n" MUX
			      "a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\n"
			      "a=rtcp-fb:* ccm fir\r\n" CRYPTO,
			 &local,
			 OUT OURCRYPTO "m=video 20010 RTP/SAVPF 96\r\n" MUX
				       "a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\n"
				       "a=rtcp-fb:* ccm fir\r\n" OURCRYPTO "a=rtcp:20011\r\n");

	s = must_parse(HEAD "m=audio 5000 RTP/SAVPF 0\r\n" CRYPTO);
	assert_int_equal(sp_sdp_verdict(s), SP_SDP_OK);
	assert_int_equal(pl_strcmp(&sp_sdp_media(s, 0)->proto, "RTP/SAVPF"), 0);
	mem_deref(s);
}

/** RFC 3264 8: taking up or giving up a=rtcp-mux is a change. */
static void is_a_change(void **state)
{
	struct sp_sdp_local local;
	struct pl a, b;
	char *with, *without;
	(void)state;

	set_local(&local);
	without = rewritten(TEAMS, &local);
	local.mediav[0].mux = true;
	with = rewritten(TEAMS, &local);
	pl_set_str(&a, with);
	pl_set_str(&b, without);
	assert_false(sp_sdp_same(&a, &b));
	assert_non_null(strstr(with, "a=rtcp:20001\r\n" MUX));

	mem_deref(with);
	mem_deref(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_mux),
		cmocka_unit_test(belongs_to_its_mline),
		cmocka_unit_test(offers_with_a_way_back),
		cmocka_unit_test(answers_with_one_port),
		cmocka_unit_test(is_not_passed_on),
		cmocka_unit_test(feedback_profile_goes_through),
		cmocka_unit_test(is_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
