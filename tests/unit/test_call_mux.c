/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RTCP on RTP's port over the life of a call (RFC 5761 5.1.1, RFC 8035, RFC 8858): what a
 * peer is told, and what the relay does, are the same in each of its dialogs.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "timer_fixture.h"
#include "../../src/media/media_priv.h"

#define MUX "a=rtcp-mux\r\n"

/** One of the fixture's descriptions with a line more. */
static const char *with(const char *sdp, const char *line)
{
	static char buf[4][1024];
	static unsigned n;
	char *b = buf[n++ % 4];

	re_snprintf(b, sizeof(buf[0]), "%s%s", sdp, line);
	return b;
}

static const struct sp_relay *relay_of(const struct fx *f)
{
	const struct sp_call *call = list_ledata(list_head(&f->calls->calls));

	return call->session.relay;
}

static bool has_mux(const struct sp_sip_msg *m)
{
	return strstr(m->body.p, "\r\n" MUX);
}

/** Is RTCP of this side's peer, who sends under key, understood on RTP's port? */
static bool muxed(const struct fx *f, enum sp_side side, char key)
{
	uint8_t packet[64] = {0x80, 201, 0, 1, 0, 0, 0, (uint8_t)key}, master[SP_SRTP_KEY_SIZE];
	const struct sp_srtp_place place = {.ssrc = (uint8_t)key};
	struct sp_relay *relay = (struct sp_relay *)(uintptr_t)relay_of(f);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static unsigned index; /* of its own each time */
	struct sp_relay_flow before, after;
	struct sp_srtp_out *out = NULL;
	size_t len = 0;
	struct sa to;

	memset(master, key, sizeof(master)); /* KEY_A is 30 times A */
	assert_int_equal(0, sp_srtp_out_alloc(&out, master, NULL));
	index++;
	for (unsigned n = 0; n < index; n++) {
		len = 8;
		assert_int_equal(0, sp_srtp_protect(out, packet, &len, true, &place));
	}
	mem_deref(out);
	assert_int_equal(0, sp_relay_flow(relay, 0, side, &before));
	assert_int_equal(0, sa_set_str(&to, "127.0.0.1", sp_relay_port(relay, 0, side)));
	assert_int_equal(len, sendto(fd, packet, len, 0, &to.u.sa, to.len));
	media_relay_readable(relay, 0, side, false);
	close(fd);
	assert_int_equal(0, sp_relay_flow(relay, 0, side, &after));
	assert_int_equal(1, after.rtcp - before.rtcp + after.count.unauthentic -
				    before.count.unauthentic);
	return after.rtcp > before.rtcp;
}

/** The carrier's offer has this line; the service answers without. @return the carrier's 200 */
static const struct sp_sip_msg *call_with(struct fx *f, const char *line)
{
	const struct sp_sip_msg *m;

	invite(&f->carrier, SERVICE_NUMBER, "", with(offer_of(f, &f->carrier), line));
	expect(&f->carrier, "100");
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 200, answer_of_peer(f, &f->service));
	expect(&f->service, "ACK");
	m = expect(&f->carrier, "200");
	learn(&f->carrier, m);
	request(&f->carrier, "ACK", NULL, "", NULL);
	return m;
}

/* RFC 3261 13.1: all forks answer one offer, each for itself. */
static void each_fork_answers_for_itself(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	f->confv[1].rtcp_mux = SP_MUX_OFFER;
	invite(&f->carrier, SERVICE_NUMBER, "", offer_of(f, &f->carrier));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	assert_true(has_mux(inv));
	respond_as(&f->service, inv, 183, "fork-1", "",
		   sdp_answer("198.51.100.8", KEY_A, "sendrecv"));
	expect(&f->carrier, "183");
	assert_false(muxed(f, SP_SIDE_CALLEE, 'A'));
	respond_as(&f->service, inv, 200, "fork-2", "", with(answer_of_peer(f, &f->service), MUX));
	expect(&f->service, "ACK");
	assert_true(muxed(f, SP_SIDE_CALLEE, 'B'));
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
	hang_up(f);
}

/* RFC 8858 4.2: who has one port alone is not offered two. */
static void one_port_alone(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->confv[0].rtcp_mux = SP_MUX_OFF;
	assert_true(has_mux(call_with(f, MUX "a=rtcp-mux-only\r\n")));
	assert_true(muxed(f, SP_SIDE_CALLER, 'A'));
	request(&f->service, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendonly"));
	m = expect(&f->carrier, "INVITE");
	assert_true(has_mux(m));
	respond(&f->carrier, m, 200, with(sdp_answer("192.0.2.7", KEY_A, "recvonly"), MUX));
	expect(&f->carrier, "ACK");
	expect(&f->service, "200");
	request(&f->service, "ACK", NULL, "", NULL);
	assert_true(muxed(f, SP_SIDE_CALLER, 'A'));
	hang_up(f);
}

/** The carrier repeats what it said: it is told what the relay does. */
static void repeat(struct fx *f, const char *method, const char *sdp)
{
	const struct sp_sip_msg *m;

	request(&f->carrier, method, NULL, "", sdp);
	m = next_message(&f->service); /* it need not hear of it, and may */
	if (m) {
		respond(&f->service, m, 200, answer_of_peer(f, &f->service));
		if (0 == strcmp(method, "INVITE"))
			expect(&f->service, "ACK");
	}
	m = expect(&f->carrier, "200");
	if (0 == strcmp(method, "INVITE"))
		request(&f->carrier, "ACK", NULL, "", NULL);
	assert_int_equal(has_mux(m), muxed(f, SP_SIDE_CALLER, 'A'));
}

/* The trunk's setting changes by a reload, under the call. */
static void another_setting(void **state)
{
	static const enum sp_conf_mux v[] = {SP_MUX_OFF, SP_MUX_ANSWER, SP_MUX_OFF, SP_MUX_OFFER};
	struct fx *f = *state;

	f->confv[0].rtcp_mux = SP_MUX_OFF;
	assert_false(has_mux(call_with(f, MUX)));
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		f->confv[0].rtcp_mux = v[i];
		repeat(f, "INVITE", with(offer_of(f, &f->carrier), MUX));
		repeat(f, "INVITE", with(offer_of(f, &f->carrier), MUX));
		both_quiet(f);
	}
	hang_up(f);
}

/* 5.1.1: in an answer it must not come uncalled for; said again as an offer it counts. */
static void uncalled_for_and_repeated(void **state)
{
	const struct sp_sip_msg *m;
	struct fx *f = *state;

	f->confv[0].rtcp_mux = SP_MUX_ANSWER;
	call_with(f, "");
	request(&f->service, "INVITE", NULL, "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->carrier, "INVITE");
	assert_false(has_mux(m));
	respond(&f->carrier, m, 200, with(offer_of(f, &f->carrier), MUX));
	expect(&f->carrier, "ACK");
	expect(&f->service, "200");
	request(&f->service, "ACK", NULL, "", NULL);
	assert_false(muxed(f, SP_SIDE_CALLER, 'A'));
	repeat(f, "INVITE", with(offer_of(f, &f->carrier), MUX));
	both_quiet(f);
	hang_up(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(each_fork_answers_for_itself),
		T(one_port_alone),
		T(another_setting),
		T(uncalled_for_and_repeated),
	};

	return cmocka_run_group_tests_name("call/mux", tests, NULL, NULL);
}
