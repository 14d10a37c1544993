/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptions as they go out on the other leg: to the byte, without a trace of
 * the sender's network (RFC 5853 3.1), and stable when rewritten again.
 */
#include "unit/sdp_rewriting.h"

static void rewrites_teams(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten(TEAMS, &local,
			 OURHEAD OURCONN
			 "b=CT:10000000\r\n"
			 "t=0 0\r\n"
			 "m=audio 20000 RTP/SAVP 104 9 103 111 18 0 8 97 101 13 118\r\n" OURCONN
			 "a=rtcp:20001\r\n" OURCRYPTO "a=label:main-audio\r\n"
			 "a=x-ssrc-range:1-1\r\n"
			 "a=rtpmap:104 SILK/16000\r\n"
			 "a=rtpmap:0 PCMU/8000\r\n"
			 "a=rtpmap:101 telephone-event/8000\r\n"
			 "a=fmtp:101 0-16\r\n"
			 "a=ptime:20\r\n");
}

static void rewrites_zoom(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten(ZOOM, &local,
			 OURHEAD OURCONN "t=0 0\r\n"
					 "a=sendrecv\r\n"
					 "m=audio 20000 RTP/SAVP 9 0 8 101\r\n" OURCRYPTO
					 "a=rtpmap:9 G722/8000\r\n"
					 "a=rtpmap:0 PCMU/8000\r\n"
					 "a=rtpmap:8 PCMA/8000\r\n"
					 "a=rtpmap:101 telephone-event/8000\r\n"
					 "a=fmtp:101 0-15\r\n"
					 "a=ptime:20\r\n"
					 "a=maxptime:40\r\n");
}

static void rewrites_baresip(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].rtcp_port = 31000;
	assert_rewritten(BARESIP, &local,
			 OURHEAD OURCONN "t=0 0\r\n"
					 "m=audio 20000 RTP/SAVP 0 8 101\r\n"
					 "b=AS:125\r\n"
					 "a=rtpmap:0 PCMU/8000\r\n"
					 "a=rtpmap:8 PCMA/8000\r\n"
					 "a=rtpmap:101 telephone-event/8000\r\n"
					 "a=fmtp:101 0-15\r\n"
					 "a=rtcp:31000\r\n" OURCRYPTO "a=sendrecv\r\n"
					 "a=label:1\r\n"
					 "a=rtcp-rsize\r\n"
					 "a=ptime:20\r\n");
}

/** RFC 3264 6: m-lines stay in number and order; the T.38 one is refused. */
static void rewrites_several_media(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten(MULTI, &local,
			 OURHEAD "t=0 0\r\n"
				 "a=group:LS 0 2\r\n"
				 "m=audio 20000 RTP/SAVP 8\r\n" OURCONN "a=mid:0\r\n"
				 "a=rtpmap:8 PCMA/8000\r\n" OURCRYPTO
				 "m=image 0 udptl t38\r\n" OURCONN
				 "m=video 20020 RTP/SAVP 99\r\n" OURCONN "a=mid:2\r\n"
				 "a=rtpmap:99 H264/90000\r\n"
				 "a=rtcp-fb:99 nack pli\r\n"
				 "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n" OURCRYPTO);
}

static void disables_what_is_not_enabled(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].enabled = false;
	assert_rewritten(BARESIP, &local,
			 OURHEAD OURCONN "t=0 0\r\n"
					 "m=audio 0 RTP/SAVP 0 8 101\r\n");

	/* without a port there is nothing to enable */
	local.mediav[0].enabled = true;
	local.mediav[0].rtp_port = 0;
	assert_rewritten(HEAD AUDIO CRYPTO, &local,
			 OURHEAD OURCONN "t=0 0\r\nm=audio 0 RTP/SAVP 0\r\n");
}

/** Whatever the caller enables, nothing goes out that invites plain RTP. */
static void never_enables_a_fault(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten(HEAD "m=audio 5000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n" AUDIO
			      "m=audio 5000/2 RTP/SAVP 0\r\n" CRYPTO,
			 &local,
			 OURHEAD OURCONN "t=0 0\r\n"
					 "m=audio 0 RTP/AVP 0\r\n"
					 "m=audio 0 RTP/SAVP 0\r\n"
					 "m=audio 0 RTP/SAVP 0\r\n");
}

/** RFC 8866 5.7: a c= for each m-line; 5.9: a t=, before the attributes. */
static void writes_what_is_missing(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].rtcp_port = 20007;
	assert_rewritten("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=x\na=charset:utf-8\n"
			 "m=audio 5000/1 RTP/SAVP  0  8 \nc=IN IP4 192.0.2.1\n"
			 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\nq=unknown \n"
			 "m=video 0 RTP/SAVP 99\n\n",
			 &local,
			 OURHEAD "t=0 0\r\na=charset:utf-8\r\n"
				 "m=audio 20000 RTP/SAVP  0  8 \r\n" OURCONN OURCRYPTO
				 "q=unknown \r\na=rtcp:20007\r\n"
				 "m=video 0 RTP/SAVP 99\r\n" OURCONN);

	assert_rewritten("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=x", &local, OURHEAD "t=0 0\r\n");

	/* a t= among media lines is not the session's */
	local.mediav[0].rtcp_port = 20001;
	assert_rewritten(
		"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=x\nc=IN IP4 192.0.2.1\n" AUDIO "t=5 5\n" CRYPTO,
		&local, OURHEAD OURCONN "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\nt=5 5\r\n" OURCRYPTO);
}

struct hold_case {
	const char *session, *media, *session_out, *media_out;
};

static const struct hold_case holdv[] = {
	/* RFC 3264 8.4, as RFC 2543 had it */
	{"c=IN IP4 0.0.0.0\r\n", "a=ptime:20\r\n", OURCONN, "a=ptime:20\r\na=inactive\r\n"},
	{"c=IN IP4 0.0.0.0\r\n", "a=sendonly\r\na=ptime:20\r\n", OURCONN,
	 "a=sendonly\r\na=ptime:20\r\n"},
	{"c=IN IP4 0.0.0.0\r\n", "a=sendrecv\r\na=ptime:20\r\n", OURCONN,
	 "a=inactive\r\na=ptime:20\r\n"},
	{"c=IN IP4 0.0.0.0\r\na=inactive\r\n", "", OURCONN "a=inactive\r\n", ""},
	{"c=IN IP4 0.0.0.0\r\na=recvonly\r\n", "", OURCONN "a=recvonly\r\n", "a=inactive\r\n"},
	{"c=IN IP4 192.0.2.1\r\n", "c=IN IP4 0.0.0.0\r\n", OURCONN, OURCONN "a=inactive\r\n"},
	{"c=IN IP4 0.0.0.0\r\n", "c=IN IP4 192.0.2.1\r\n", OURCONN, OURCONN},
	{"c=IN IP6 ::\r\n", "", OURCONN, "a=inactive\r\n"},
	/* 0.0.0.0 names nobody, so it takes no other line away */
	{"c=IN IP4 0.0.0.0\r\n", "a=x-nobody:0.0.0.0\r\n", OURCONN,
	 "a=x-nobody:0.0.0.0\r\na=inactive\r\n"},
	/* by direction alone */
	{"c=IN IP4 192.0.2.1\r\n", "a=inactive\r\n", OURCONN, "a=inactive\r\n"},
	{"c=IN IP4 192.0.2.1\r\n", "a=sendonly\r\na=sendrecv\r\n", OURCONN, "a=sendonly\r\n"},
	{"c=IN IP4 192.0.2.1\r\na=recvonly\r\n", "", OURCONN "a=recvonly\r\n", ""},
};

static void keeps_hold(void **state)
{
	struct sp_sdp_local local;
	char text[1024], expected[1024];
	(void)state;

	set_local(&local);
	for (size_t i = 0; i < sizeof(holdv) / sizeof(holdv[0]); ++i) {
		(void)snprintf(text, sizeof(text),
			       "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n%s%s%s%s",
			       holdv[i].session, AUDIO, CRYPTO, holdv[i].media);
		(void)snprintf(expected, sizeof(expected),
			       "%st=0 0\r\n%sm=audio 20000 RTP/SAVP 0\r\n%s%s", OURHEAD,
			       holdv[i].session_out, OURCRYPTO, holdv[i].media_out);
		assert_rewritten(text, &local, expected);
	}
}

static void writes_ip6(void **state)
{
	static const uint8_t addr[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x05};
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	sa_set_in6(&local.addr, addr, 0);
	local.session_id = UINT64_MAX;
	local.version = UINT64_MAX;
	assert_rewritten(HEAD AUDIO CRYPTO, &local,
			 "v=0\r\n"
			 "o=- 18446744073709551615 18446744073709551615 IN IP6 2001:db8::5\r\n"
			 "s=-\r\nc=IN IP6 2001:db8::5\r\nt=0 0\r\n"
			 "m=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO);
}

/** Every attribute that the gateway does not pass on, at both levels. */
static void drops_what_is_not_for_others(void **state)
{
	static const char *const linev[] = {
		"i=Example Ltd",
		"u=http://example.com/",
		"e=a@example.com",
		"p=+44 1632 960000",
		"k=clear:secret",
		"a=candidate:1 1 UDP 1 10.0.0.1 9 typ host",
		"a=end-of-candidates",
		"a=ice-ufrag:x",
		"a=ice-pwd:x",
		"a=ice-options:trickle",
		"a=ice-lite",
		"a=ice-mismatch",
		"a=ice-pacing:50",
		"a=remote-candidates:1 10.0.0.1 9",
		"a=x-candidate-ipv6:1",
		"a=x-caps:1",
		"a=altc:1 IP4 10.0.0.1 9",
		"a=source-filter: incl IN IP4 * 10.0.0.1",
		"a=fingerprint:sha-256 00",
		"a=setup:active",
		"a=tls-id:1",
		"a=dtls-id:1",
		"a=cert:x",
		"a=key-mgmt:mikey x",
		"a=zrtp-hash:1.10 x",
		"a=identity:x",
		"a=rtcp-mux", /* while we do not */
		"a=rtcp-mux-only",
		"a=RTCP-MUX",
		"a=rtcp-mux ",
		"a= rtcp-mux",
		"a=bundle-only",
		"a=group:BUNDLE a b",
		"a=group: bundle a",
		"a=ssrc:1 cname:x",
		"a=ssrc-group:FID 1 2",
		"a=msid:a b",
		"a=msid-semantic:WMS",
		"a=tool:x",
		"a=tcap:1 RTP/AVP",
		"a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY,
		"a=pcfg:1 t=1",
		"a=acfg:1 t=1",
		"a=ccap:1 IP4 10.0.0.1",
		"a=visited-realm:1 ims.example.net IN IP4 10.0.0.1 5000",
		"a=secondary-realm:2 ims.example.net IN IP6 2001:db8::9 5000",
		"a=crypto:9 AES_CM_128_HMAC_SHA1_32 inline:" KEY,
	};
	char text[1024];
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	for (size_t i = 0; i < sizeof(linev) / sizeof(linev[0]); ++i) {
		(void)snprintf(text, sizeof(text), "%s%s\r\n%s%s%s\r\n", HEAD, linev[i], AUDIO,
			       CRYPTO, linev[i]);
		assert_rewritten(text, &local,
				 OURHEAD OURCONN "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO);
	}

	/* a=rtcp belongs to media */
	assert_rewritten(HEAD "a=rtcp:9 IN IP4 10.0.0.1\r\n" AUDIO CRYPTO, &local,
			 OURHEAD OURCONN "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\n" OURCRYPTO);
}

/** An unknown line goes through unless it holds an address or name of the sender. */
static void guards_against_leaks(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten("v=0\r\n"
			 "o=alice 1 1 IN IP4 laptop.corp.example.com\r\n"
			 "s=call from laptop.corp.example.com\r\n"
			 "c=IN IP4 192.0.2.17\r\n"
			 "t=0 0\r\n"
			 "b=X-laptop.corp.example.com:1\r\n"
			 "a=x-route:sip:192.0.2.17:5061\r\n"
			 "a=x-keep:2\r\n"
			 "m=audio 5000 RTP/SAVP 0\r\n"
			 "c=IN IP4 192.0.2.18\r\n"
			 "c=IN IP4 192.0.2.20/127\r\n"
			 "a=rtcp:5003 IN IP4 192.0.2.19\r\n"
			 "a=rtcp:5005 IN IP4 192.0.2.21\r\n"
			 "a=fmtp:0 host=192.0.2.18\r\n"
			 "a=x-rtcp:192.0.2.19\r\n"
			 "a=x-other:192.0.2.20\r\n"
			 "a=x-other:192.0.2.21\r\n"
			 "a=x-name:laptop.corp.example.com;x\r\n"
			 "a=x-gateway:" OURADDR "\r\n"
			 "a=x-keep:1\r\n" CRYPTO,
			 &local,
			 OURHEAD OURCONN "t=0 0\r\n"
					 "a=x-keep:2\r\n"
					 "m=audio 20000 RTP/SAVP 0\r\n" OURCONN "a=rtcp:20001\r\n"
					 "a=x-keep:1\r\n" OURCRYPTO);
}

/** Names chosen to make the guard take away what a description needs. */
static void guard_takes_no_mandatory_line(void **state)
{
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_rewritten("v=0\r\no=- 1 1 IN IP4 v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" AUDIO
			 "c=IN IP4 t=0\r\nc=IN IP4 inactive\r\na=inactive\r\n" CRYPTO,
			 &local, OURHEAD OURCONN "t=0 0\r\nm=audio 0 RTP/SAVP 0\r\n" OURCONN);

	assert_rewritten("v=0\r\no=- 1 1 IN IP4 inactive\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
			 "t=0 0\r\n" AUDIO "a=inactive\r\n" CRYPTO,
			 &local,
			 OURHEAD OURCONN
			 "t=0 0\r\nm=audio 20000 RTP/SAVP 0\r\na=inactive\r\n" OURCRYPTO);
}

/** No address, name or key of the offers is in what goes out. */
static void leaks_nothing_of_the_offers(void **state)
{
	static const char *const offerv[] = {TEAMS, ZOOM, BARESIP, MULTI};
	static const char *const secretv[] = {
		"203.0.113.", "198.51.100.", "192.0.2.",    "zoom",  "example",    "pbx",
		"alice",      "Example",     "switchboard", KEY,     "1712345678", "baresip",
		"candidate",  "ice-",        "fingerprint", "setup", "rtcp-mux",   "BUNDLE",
		"msid",       "ssrc:",       "bundle-only",
	};
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	for (size_t i = 0; i < sizeof(offerv) / sizeof(offerv[0]); ++i) {
		char *out = rewritten(offerv[i], &local);

		for (size_t k = 0; k < sizeof(secretv) / sizeof(secretv[0]); ++k) {
			if (strstr(out, secretv[k]))
				fail_msg("%s in:\n%s", secretv[k], out);
		}
		mem_deref(out);
	}
}

static void reads_back_as_ours(void **state)
{
	static const char *const offerv[] = {TEAMS, ZOOM, BARESIP, MULTI};
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	local.mediav[0].rtcp_port = 30001;
	for (size_t i = 0; i < sizeof(offerv) / sizeof(offerv[0]); ++i) {
		char *out = rewritten(offerv[i], &local);
		struct sp_sdp *s = must_parse(out);
		const struct sp_sdp_media *m = sp_sdp_media(s, 0);

		assert_int_equal(m->fault, SP_SDP_OK);
		assert_addr(&m->rtp, OURADDR, 20000);
		assert_addr(&m->rtcp, OURADDR, 30001);
		assert_int_equal(m->sdes.tag, 7);
		assert_memory_equal(m->sdes.key, local.mediav[0].key, SP_SDES_KEY_SIZE);
		mem_deref(s);
		mem_deref(out);
	}
}

/** RFC 3264 8: a description with only a new version is the same one. */
static void version_alone_is_no_change(void **state)
{
	struct sp_sdp_local local;
	char *a, *b, *c;
	struct pl pa, pb, pc;
	(void)state;

	set_local(&local);
	a = rewritten(TEAMS, &local);
	++local.version;
	b = rewritten(TEAMS, &local);
	local.mediav[0].rtp_port = 20002;
	c = rewritten(TEAMS, &local);

	pl_set_str(&pa, a);
	pl_set_str(&pb, b);
	pl_set_str(&pc, c);
	assert_string_not_equal(a, b);
	assert_true(sp_sdp_same(&pa, &pb));
	assert_false(sp_sdp_same(&pa, &pc));

	mem_deref(a);
	mem_deref(b);
	mem_deref(c);
}

static void appends_and_checks_arguments(void **state)
{
	struct sp_sdp *s = must_parse(HEAD AUDIO CRYPTO);
	struct mbuf *mb = mbuf_alloc(16);
	struct sp_sdp_local local;
	(void)state;

	set_local(&local);
	assert_int_equal(mbuf_write_str(mb, "head"), 0);
	assert_int_equal(sp_sdp_rewrite(mb, s, &local), 0);
	assert_memory_equal(mb->buf, "headv=0\r\n", 9);
	assert_int_equal(mb->pos, mb->end);

	assert_int_equal(sp_sdp_rewrite(NULL, s, &local), EINVAL);
	assert_int_equal(sp_sdp_rewrite(mb, NULL, &local), EINVAL);
	assert_int_equal(sp_sdp_rewrite(mb, s, NULL), EINVAL);

	local.mediav[0].tag = 1000000000;
	assert_int_equal(sp_sdp_rewrite(mb, s, &local), EINVAL);
	local.mediav[0].tag = 1;
	sa_init(&local.addr, AF_INET);
	assert_int_equal(sp_sdp_rewrite(mb, s, &local), EINVAL);

	mem_deref(mb);
	mem_deref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrites_teams),
		cmocka_unit_test(rewrites_zoom),
		cmocka_unit_test(rewrites_baresip),
		cmocka_unit_test(rewrites_several_media),
		cmocka_unit_test(disables_what_is_not_enabled),
		cmocka_unit_test(never_enables_a_fault),
		cmocka_unit_test(writes_what_is_missing),
		cmocka_unit_test(keeps_hold),
		cmocka_unit_test(writes_ip6),
		cmocka_unit_test(drops_what_is_not_for_others),
		cmocka_unit_test(guards_against_leaks),
		cmocka_unit_test(guard_takes_no_mandatory_line),
		cmocka_unit_test(leaks_nothing_of_the_offers),
		cmocka_unit_test(reads_back_as_ours),
		cmocka_unit_test(version_alone_is_no_change),
		cmocka_unit_test(appends_and_checks_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
