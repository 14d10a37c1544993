/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Media across a transfer that the gateway carries out: what was measured before it is told,
 * and who comes has agreed on RTCP for itself (RFC 5761 5.1.1).
 */
#include <sys/socket.h>
#include <unistd.h>

#include "transfer_blind.h"
#include "../../src/media/media_priv.h"

/* A packet of the peer on this side, whose key is 30 times `key`, on RTP's port. */
static void send_media(const struct tf *t, enum sp_side side, char key, bool rtcp)
{
	uint8_t packet[64] = {0x80, rtcp ? 201 : 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
	uint8_t master[SP_SRTP_KEY_SIZE];
	const struct sp_srtp_place place = {.ssrc = 1, .index = 1, .first = true};
	struct sp_relay *relay = the_call(t)->session.relay;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sp_srtp_out *out = NULL;
	size_t len = rtcp ? 8 : 20;
	struct sa to;

	memset(master, key, sizeof(master));
	assert_int_equal(0, sp_srtp_out_alloc(&out, master, NULL));
	assert_int_equal(0, sp_srtp_protect(out, packet, &len, rtcp, &place));
	mem_deref(out);
	assert_int_equal(0, sa_set_str(&to, "127.0.0.1", sp_relay_port(relay, 0, side)));
	assert_int_equal(len, sendto(fd, packet, len, 0, &to.u.sa, to.len));
	media_relay_readable(relay, 0, side, false);
	close(fd);
}

static void measured_before(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv = begin(t, a);
	const char *before, *after;

	send_media(t, SP_SIDE_CALLER, 'A', false);
	finish(t, a, b, inv, b_answers(t, b));
	send_media(t, SP_SIDE_CALLEE, 'C', false);
	hang_up_by(t, c, b);
	before = strstr(t->f->log, "call_media ");
	assert_non_null(before);
	assert_true(before < strstr(t->f->log, "transfer_done "));
	assert_non_null(strstr(before, " stream=0 caller=\"rtp 1, bytes 30, "));
	after = strstr(before, "call_end ");
	assert_non_null(after);
	assert_non_null(strstr(after, " media=\"both ways\" "));
	assert_non_null(strstr(after, " caller=\"rtp 0, "));
	assert_non_null(strstr(after, " callee=\"rtp 1, "));
}

static void rtcp_of_who_comes(void **state)
{
	struct tf *t = *state;
	struct peer *a = &t->f->service, *b = &t->f->carrier, *c = &t->desk;
	const struct sp_sip_msg *inv;
	struct sp_relay_flow flow;
	char sdp[1024];

	t->confv[DESK].rtcp_mux = SP_MUX_OFFER;
	inv = begin(t, a);
	assert_non_null(strstr(inv->body.p, "a=rtcp-mux\r\n"));
	re_snprintf(sdp, sizeof(sdp), "%sa=rtcp-mux\r\n", SDP_C);
	respond(c, inv, 200, sdp);
	expect(c, "ACK");
	respond(b, expect(b, "INVITE"), 200, b_answers(t, b));
	expect(b, "ACK");
	told(a, "SIP/2.0 200 OK\r\n", true);
	respond(a, expect(a, "BYE"), 200, NULL);

	/* what it repeats is nothing new: the other leg hears nothing of it */
	request(c, "INVITE", NULL, "", sdp);
	assert_non_null(strstr(expect(c, "200")->body.p, "a=rtcp-mux\r\n"));
	request(c, "ACK", NULL, "", NULL);
	expect_silence(b);
	send_media(t, SP_SIDE_CALLEE, 'C', true);
	assert_int_equal(0, sp_relay_flow(the_call(t)->session.relay, 0, SP_SIDE_CALLEE, &flow));
	assert_int_equal(1, flow.rtcp);
	hang_up_by(t, c, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(measured_before, handle_setup, tf_teardown),
		cmocka_unit_test_setup_teardown(rtcp_of_who_comes, handle_setup, tf_teardown),
	};

	return cmocka_run_group_tests_name("call/transfer_media", tests, NULL, NULL);
}
