/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A trunk's media_networks: what comes from elsewhere is dropped, and the end
 * of the call says how much that was.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "call_fixture.h"
#include "../../src/media/media_priv.h"

enum { PACKETS = 3 };

static void foreign_media_is_counted(void **state)
{
	static struct sp_net net;
	static const struct pl text = PL("192.0.2.0/24");
	struct fx *f = *state;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	const struct sp_call *call;
	struct sa to;

	assert_int_equal(0, sp_net_parse(&net, &text));
	f->confv[0].media_networks = (struct sp_nets){&net, 1};
	establish(f);
	call = list_ledata(list_head(&f->calls->calls));
	assert_int_equal(0, sa_set_str(&to, "127.0.0.1",
				       sp_relay_port(call->session.relay, 0, SP_SIDE_CALLER)));
	for (unsigned i = 0; i < PACKETS; i++)
		assert_int_equal(12,
				 sendto(fd, "\x80\0\0\0\0\0\0\0\0\0\0", 12, 0, &to.u.sa, to.len));
	for (unsigned i = 0; i < PACKETS; i++) /* more at a time when more come */
		media_relay_readable(call->session.relay, 0, SP_SIDE_CALLER, false);
	close(fd);

	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	assert_non_null(strstr(f->log, " dropped_caller=3 dropped_callee=0 unauthentic=0 "
				       "duplicate=0 replayed=0 foreign=3"));
	expect_clean(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(foreign_media_is_counted, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests_name("call/media_networks", tests, NULL, NULL);
}
