/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Descriptions as the peers of this gateway send them, with addresses from the
 * documentation ranges (RFC 5737, RFC 3849), and what the sdp/ tests share.
 */
#ifndef SALLYPORT_TEST_SDP_OFFERS_H
#define SALLYPORT_TEST_SDP_OFFERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include <sallyport/sdp.h>

/** Key of bytes 0..29, as text. */
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
/** Key of bytes 100..129: ours in rewritten descriptions. */
#define OURKEY "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CB"
#define CRYPTO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"
#define OURCRYPTO "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" OURKEY "\r\n"

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define AUDIO "m=audio 5000 RTP/SAVP 0\r\n"

/** Microsoft Teams, media without bypass: two suites, ICE, rtcp-mux, no direction. */
#define TEAMS                                                                                      \
	"v=0\r\n"                                                                                  \
	"o=- 94623 0 IN IP4 203.0.113.20\r\n"                                                      \
	"s=session\r\n"                                                                            \
	"c=IN IP4 203.0.113.20\r\n"                                                                \
	"b=CT:10000000\r\n"                                                                        \
	"t=0 0\r\n"                                                                                \
	"m=audio 51124 RTP/SAVP 104 9 103 111 18 0 8 97 101 13 118\r\n"                            \
	"c=IN IP4 203.0.113.21\r\n"                                                                \
	"a=rtcp:51125\r\n"                                                                         \
	"a=ice-ufrag:zMhC\r\n"                                                                     \
	"a=ice-pwd:qhDeFUe7sXEBwAkYW8ySJSWZ\r\n"                                                   \
	"a=rtcp-mux\r\n"                                                                           \
	"a=candidate:1 1 UDP 2130706431 203.0.113.21 51124 typ host\r\n"                           \
	"a=candidate:1 2 UDP 2130705918 203.0.113.21 51125 typ host\r\n"                           \
	"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^31\r\n"                               \
	"a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" KEY "|2^31\r\n"                               \
	"a=label:main-audio\r\n"                                                                   \
	"a=x-ssrc-range:1-1\r\n"                                                                   \
	"a=rtpmap:104 SILK/16000\r\n"                                                              \
	"a=rtpmap:0 PCMU/8000\r\n"                                                                 \
	"a=rtpmap:101 telephone-event/8000\r\n"                                                    \
	"a=fmtp:101 0-16\r\n"                                                                      \
	"a=ptime:20\r\n"

/** Zoom: six crypto lines, ours the third; a name in s=, an organisation in i=. */
#define ZOOM                                                                                       \
	"v=0\r\n"                                                                                  \
	"o=zoom-sbc01 1712345678 1712345679 IN IP4 198.51.100.7\r\n"                               \
	"s=zoom-sbc01.example.com\r\n"                                                             \
	"i=Example Contact Centre\r\n"                                                             \
	"e=noc@example.com\r\n"                                                                    \
	"c=IN IP4 198.51.100.7\r\n"                                                                \
	"t=0 0\r\n"                                                                                \
	"a=sendrecv\r\n"                                                                           \
	"m=audio 20474 RTP/SAVP 9 0 8 101\r\n"                                                     \
	"a=crypto:1 AEAD_AES_256_GCM inline:" KEY "MDEyMzQ1Njc4OWFiY2Q=\r\n"                       \
	"a=crypto:2 AEAD_AES_128_GCM inline:" KEY "\r\n"                                           \
	"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"                                    \
	"a=crypto:4 AES_256_CM_HMAC_SHA1_80 inline:" KEY "MDEyMzQ1Njc4OWFiY2Q=\r\n"                \
	"a=crypto:5 AES_256_CM_HMAC_SHA1_32 inline:" KEY "MDEyMzQ1Njc4OWFiY2Q=\r\n"                \
	"a=crypto:6 AES_CM_128_HMAC_SHA1_32 inline:" KEY "\r\n"                                    \
	"a=rtpmap:9 G722/8000\r\n"                                                                 \
	"a=rtpmap:0 PCMU/8000\r\n"                                                                 \
	"a=rtpmap:8 PCMA/8000\r\n"                                                                 \
	"a=rtpmap:101 telephone-event/8000\r\n"                                                    \
	"a=fmtp:101 0-15\r\n"                                                                      \
	"a=ptime:20\r\n"                                                                           \
	"a=maxptime:40\r\n"

/** baresip: a=rtcp, a=ssrc with a cname, a=tool. */
#define BARESIP                                                                                    \
	"v=0\r\n"                                                                                  \
	"o=- 3402110421 2089384712 IN IP4 192.0.2.44\r\n"                                          \
	"s=-\r\n"                                                                                  \
	"c=IN IP4 192.0.2.44\r\n"                                                                  \
	"t=0 0\r\n"                                                                                \
	"a=tool:baresip 1.0.0\r\n"                                                                 \
	"m=audio 30150 RTP/SAVP 0 8 101\r\n"                                                       \
	"b=AS:125\r\n"                                                                             \
	"a=rtpmap:0 PCMU/8000\r\n"                                                                 \
	"a=rtpmap:8 PCMA/8000\r\n"                                                                 \
	"a=rtpmap:101 telephone-event/8000\r\n"                                                    \
	"a=fmtp:101 0-15\r\n"                                                                      \
	"a=rtcp:30151\r\n"                                                                         \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" KEY "\r\n"                                    \
	"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"                                    \
	"a=sendrecv\r\n"                                                                           \
	"a=label:1\r\n"                                                                            \
	"a=rtcp-rsize\r\n"                                                                         \
	"a=ssrc:3087419083 cname:sip:alice@192.0.2.44\r\n"                                         \
	"a=ptime:20\r\n"

/** A PBX: SRTP audio, T.38 in the clear, video on the audio's port, groups, ANAT. */
#define MULTI                                                                                      \
	"v=0\r\n"                                                                                  \
	"o=pbx 20 21 IN IP4 pbx.corp.example.com\r\n"                                              \
	"s=PBX of pbx.corp.example.com\r\n"                                                        \
	"t=0 0\r\n"                                                                                \
	"a=group:BUNDLE 0 2\r\n"                                                                   \
	"a=group:LS 0 2\r\n"                                                                       \
	"a=ice-lite\r\n"                                                                           \
	"a=msid-semantic: WMS *\r\n"                                                               \
	"m=audio 6000 RTP/SAVP 8\r\n"                                                              \
	"i=switchboard\r\n"                                                                        \
	"c=IN IP4 192.0.2.60\r\n"                                                                  \
	"a=mid:0\r\n"                                                                              \
	"a=rtpmap:8 PCMA/8000\r\n"                                                                 \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"                                    \
	"a=fingerprint:sha-256 12:34\r\n"                                                          \
	"a=setup:actpass\r\n"                                                                      \
	"m=image 6002 udptl t38\r\n"                                                               \
	"c=IN IP4 192.0.2.61\r\n"                                                                  \
	"a=T38FaxVersion:0\r\n"                                                                    \
	"m=video 6000 RTP/SAVP 99\r\n"                                                             \
	"c=IN IP4 192.0.2.62\r\n"                                                                  \
	"a=bundle-only\r\n"                                                                        \
	"a=mid:2\r\n"                                                                              \
	"a=rtpmap:99 H264/90000\r\n"                                                               \
	"a=rtcp-fb:99 nack pli\r\n"                                                                \
	"a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n"                                        \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"

/** Parse text, which must succeed. Free with mem_deref(). */
static inline struct sp_sdp *must_parse(const char *text)
{
	struct sp_sdp *s = NULL;
	const char *why = "";

	if (sp_sdp_parse(&s, text, strlen(text), &why))
		fail_msg("not parsed: %s", why);

	return s;
}

static inline void assert_addr(const struct sa *sa, const char *text, uint16_t port)
{
	char buf[64];

	assert_true(re_snprintf(buf, sizeof(buf), "%j", sa) > 0);
	assert_string_equal(buf, text);
	assert_int_equal(sa_port(sa), port);
}

#endif
