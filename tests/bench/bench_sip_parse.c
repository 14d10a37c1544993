/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long an INVITE of 25 headers and 2 KB with SDP takes: parsed alone, and
 * through the framer and the parser as from a connection.
 */
#include <stdio.h>
#include <time.h>
#include <re.h>
#include "sallyport/sip_message.h"

enum { ROUNDS = 100000 };

static const char *const head =
	"INVITE sip:+441632960001@gw.example.com:5061;user=phone;transport=tls SIP/2.0\r\n"
	"Via: SIP/2.0/TLS sbc1.carrier.example:5061;branch=z9hG4bK-524287-1---2f6d5a3c9e;alias\r\n"
	"Via: SIP/2.0/TLS 192.0.2.17:5061;branch=z9hG4bK776asdhds.1;received=192.0.2.17\r\n"
	"Max-Forwards: 67\r\n"
	"Record-Route: <sip:sbc1.carrier.example:5061;transport=tls;lr>\r\n"
	"Record-Route: <sip:edge.carrier.example;transport=tls;lr;ftag=9fxced76sl>\r\n"
	"From: \"Alice Liddell\" <sip:+441632960777@carrier.example;user=phone>;tag=9fxced76sl\r\n"
	"To: <sip:+441632960001@gw.example.com;user=phone>\r\n"
	"Call-ID: 3848276298220188511@carrier.example\r\n"
	"CSeq: 314159 INVITE\r\n"
	"Contact: <sip:+441632960777@sbc1.carrier.example:5061;transport=tls>\r\n"
	"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY\r\n"
	"Supported: 100rel, timer, replaces, histinfo\r\n"
	"Session-Expires: 1800;refresher=uac\r\n"
	"Min-SE: 90\r\n"
	"Accept: application/sdp, multipart/mixed\r\n"
	"User-Agent: Example-SBC/7.2.1\r\n"
	"P-Asserted-Identity: <sip:+441632960777@carrier.example;user=phone>\r\n"
	"P-Charging-Vector: icid-value=\"9fx-13ced-76\";orig-ioi=carrier.example\r\n"
	"Privacy: none\r\n"
	"History-Info: <sip:+441632960001@gw.example.com>;index=1\r\n"
	"Diversion: <sip:+441632960555@carrier.example>;reason=unconditional;counter=1\r\n"
	"X-Custom-Account: 4f1c1d8e-0d0e-4a63-9f52-1c2a7b9d3e11\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Disposition: session\r\n";

static const char *const body =
	"v=0\r\no=- 20518 0 IN IP4 192.0.2.18\r\ns=-\r\nc=IN IP4 192.0.2.18\r\nt=0 0\r\n"
	"m=audio 49170 RTP/SAVP 9 8 0 101\r\n"
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	"inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
	"a=crypto:2 AES_CM_128_HMAC_SHA1_32 "
	"inline:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\r\n"
	"a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 "
	"0-16\r\na=ptime:20\r\na=maxptime:40\r\na=sendrecv\r\n"
	"a=rtcp:49171 IN IP4 192.0.2.18\r\na=ssrc:2863311530 cname:4f1c1d8e-0d0e-4a63\r\n"
	"a=candidate:1 1 UDP 2130706431 192.0.2.18 49170 typ host\r\n"
	"a=candidate:1 2 UDP 2130706430 192.0.2.18 49171 typ host\r\n";

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void frame_handler(const char *p, size_t n, void *arg)
{
	struct sp_sip_fault fault;
	struct sp_sip_msg *m = NULL;
	unsigned *count = arg;

	if (!sp_sip_msg_parse(&m, p, n, &fault))
		++*count;
	mem_deref(m);
}

int main(void)
{
	struct mbuf *mb = mbuf_alloc(4096);
	struct sp_sip_frame *f = NULL;
	unsigned count = 0;
	double start, t;

	if (!mb || sp_sip_frame_alloc(&f, frame_handler, &count))
		return 1;
	(void)mbuf_printf(mb, "%sContent-Length: %zu\r\n\r\n%s", head, str_len(body), body);

	start = now();
	for (unsigned i = 0; i < ROUNDS; i++)
		frame_handler((const char *)mb->buf, mb->end, &count);
	t = now() - start;
	printf("sip_message_bytes %zu bytes\n", mb->end);
	printf("sip_parse_us %.3f us\n", t / (double)ROUNDS * 1e6);

	start = now();
	for (unsigned i = 0; i < ROUNDS; i++)
		(void)sp_sip_frame_input(f, mb->buf, mb->end, NULL);
	t = now() - start;
	printf("sip_frame_parse_us %.3f us\n", t / (double)ROUNDS * 1e6);
	printf("sip_messages_per_second %.0f 1/s\n", (double)ROUNDS / t);

	mem_deref(f);
	mem_deref(mb);

	return count == 2 * ROUNDS ? 0 : 1;
}
