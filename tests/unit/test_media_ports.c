/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Port pairs: RFC 3550 section 11, exhaustion, and ports that others hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include "media_priv.h"

#define LOCAL_IP "127.0.77.8"

static struct sp_ports *ports_new(const char *ip, uint16_t min, uint16_t max)
{
	struct sp_ports *p = NULL;
	struct sa addr;

	assert_int_equal(sa_set_str(&addr, ip, 0), 0);
	assert_int_equal(sp_ports_alloc(&p, &addr, min, max), 0);

	return p;
}

static void test_ports(void **state)
{
	struct sp_loop *loop = *state;
	struct sp_ports *few = ports_new(LOCAL_IP, 30001, 30009);
	struct sp_ports *ports[2] = {few, few};
	struct sp_relay *r = NULL;
	struct sa addr;

	assert_int_equal(sp_ports_total(few), 4); /* 30002 to 30009 */
	assert_int_equal(sp_relay_alloc(&r, loop, ports, NULL, NULL), 0);
	for (int round = 0; round < 50; round++) {
		assert_int_equal(sp_relay_add(NULL, r), 0);
		assert_int_equal(sp_relay_add(NULL, r), 0);
		assert_int_equal(sp_ports_used(few), 4);
		assert_int_equal(sp_relay_add(NULL, r), ENOSPC);
		assert_int_equal(sp_relay_streams(r), 2);
		for (size_t i = 0; i < 2; i++) {
			for (int side = 0; side < 2; side++) {
				const unsigned port = sp_relay_port(r, i, (enum sp_side)side);

				assert_int_equal(port % 2, 0);
				assert_in_range(port, 30002, 30008);
			}
		}
		assert_int_equal(sp_ports_refused(few), round + 1);
		r = mem_deref(r);
		assert_int_equal(sp_ports_used(few), 0);
		sp_loop_turn(loop);
		assert_int_equal(sp_relay_alloc(&r, loop, ports, NULL, NULL), 0);
	}
	mem_deref(r);

	assert_int_equal(sa_set_str(&addr, LOCAL_IP, 0), 0);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 30001, 30002), EINVAL);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 0, 30002), EINVAL);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 30002, 30001), EINVAL);
	mem_deref(few);
}

/* Ports that another process has are passed over, even one of a pair. */
static void test_ports_foreign(void **state)
{
	struct sp_ports *few = ports_new("127.0.77.9", 31000, 31007);
	int fd[2], held[3];
	uint16_t port;
	(void)state;

	for (int i = 0; i < 3; i++) {
		struct sa addr;

		assert_int_equal(sa_set_str(&addr, "127.0.77.9", (uint16_t)(31000 + 3 * i)), 0);
		held[i] = socket(AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(bind(held[i], &addr.u.sa, addr.len), 0);
	}

	assert_int_equal(media_ports_take(few, &port, fd), 0);
	assert_int_equal(port, 31004); /* 31000, 31003 and 31006 are held */
	(void)close(fd[0]);
	(void)close(fd[1]);
	assert_int_equal(media_ports_take(few, &port, fd), ENOSPC);
	media_ports_give(few, 31004);
	media_ports_give(few, 31004);
	media_ports_give(few, 30998);
	media_ports_give(few, 31008);
	assert_int_equal(sp_ports_used(few), 0);

	for (int i = 0; i < 3; i++)
		(void)close(held[i]);
	mem_deref(few);
}

/* No port on the second side: nothing is left behind on the first. */
static void test_half_built(void **state)
{
	struct sp_loop *loop = *state;
	struct sp_ports *free_ones = ports_new(LOCAL_IP, 33000, 33999);
	struct sp_ports *none = ports_new("127.0.77.10", 31100, 31101);
	struct sp_ports *ports[2] = {free_ones, none};
	struct sp_relay *r = NULL;
	uint16_t port;
	int fd[2];

	assert_int_equal(media_ports_take(none, &port, fd), 0);
	assert_int_equal(sp_relay_alloc(&r, loop, ports, NULL, NULL), 0);
	assert_int_equal(sp_relay_add(NULL, r), ENOSPC);
	assert_int_equal(sp_relay_streams(r), 0);
	assert_int_equal(sp_ports_used(free_ones), 0);
	mem_deref(r);

	media_ports_give(none, port);
	(void)close(fd[0]);
	(void)close(fd[1]);
	mem_deref(none);
	mem_deref(free_ones);
}

/* With few pairs used, where the next one lies is not to be foretold. */
static void test_ports_random(void **state)
{
	struct sp_ports *p = ports_new(LOCAL_IP, 32000, 32999);
	unsigned same = 0;
	uint16_t last = 0;
	(void)state;

	for (int i = 0; i < 200; i++) {
		uint16_t port;
		int fd[2];

		assert_int_equal(media_ports_take(p, &port, fd), 0);
		media_ports_give(p, port);
		(void)close(fd[0]);
		(void)close(fd[1]);
		same += port == last || port == last + 2;
		last = port;
	}
	assert_in_range(same, 0, 20); /* 0.8 are to be expected */

	mem_deref(p);
}

static int setup(void **state)
{
	struct sp_loop *loop = NULL;

	if (sp_media_init() || sp_loop_alloc_fake(&loop, 0))
		return -1;
	*state = loop;

	return 0;
}

static int teardown(void **state)
{
	mem_deref(*state);
	sp_media_close();

	return 0;
}

/* RFC 2474: the upper six bits of the octet are the code point. */
static void test_ports_dscp(void **state)
{
	struct sp_ports *p = NULL;
	struct sa addr;
	uint16_t port;
	int fd[2], tos = 0;
	socklen_t len = sizeof(tos);

	(void)state;

	assert_int_equal(0, sa_set_str(&addr, "127.0.0.1", 0));
	assert_int_equal(0, sp_ports_alloc(&p, &addr, 32000, 32099));
	sp_ports_dscp(p, 46);
	assert_int_equal(0, media_ports_take(p, &port, fd));
	assert_int_equal(0, getsockopt(fd[0], IPPROTO_IP, IP_TOS, &tos, &len));
	assert_int_equal(46 << 2, tos);
	assert_int_equal(0, getsockopt(fd[1], IPPROTO_IP, IP_TOS, &tos, &len));
	assert_int_equal(46 << 2, tos);
	(void)close(fd[0]);
	(void)close(fd[1]);
	media_ports_give(p, port);
	mem_deref(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),      cmocka_unit_test(test_ports_foreign),
		cmocka_unit_test(test_half_built), cmocka_unit_test(test_ports_random),
		cmocka_unit_test(test_ports_dscp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
