/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Port pairs: RFC 3550 section 11, exhaustion, rest, and ports that others hold.
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

enum {
	REST_MS = 5000,
	T0 = 1000000,
};

struct fix {
	struct sp_loop *loop;
	struct sp_media *media;
};

static struct sp_ports *ports_new(const char *ip, uint16_t min, uint16_t max)
{
	struct sp_ports *p = NULL;
	struct sa addr;

	assert_int_equal(sa_set_str(&addr, ip, 0), 0);
	assert_int_equal(sp_ports_alloc(&p, &addr, min, max), 0);

	return p;
}

/* Take a pair and close its sockets: it stays taken. @return 0 when there is none */
static uint16_t take(struct sp_ports *p, uint64_t now)
{
	uint16_t port = 0;
	int fd[2], err;

	err = media_ports_take(p, now, &port, fd);
	if (err) {
		assert_int_equal(err, ENOSPC);
		return 0;
	}

	(void)close(fd[0]);
	(void)close(fd[1]);

	return port;
}

/* Ports whose pairs are all taken, with rest. */
static struct sp_ports *ports_taken(uint16_t min, uint16_t max, uint32_t rest_ms)
{
	struct sp_ports *p = ports_new(LOCAL_IP, min, max);

	sp_ports_rest(p, rest_ms);
	for (unsigned i = 0; i < sp_ports_total(p); i++)
		assert_int_not_equal(take(p, T0), 0);
	assert_int_equal(take(p, T0), 0);
	assert_int_equal(sp_ports_refused(p), 1);
	assert_int_equal(sp_ports_hurried(p), 0);

	return p;
}

static void test_ports(void **state)
{
	struct fix *f = *state;
	struct sp_ports *few = ports_new(LOCAL_IP, 30001, 30009);
	struct sp_ports *ports[2] = {few, few};
	struct sp_relay *r = NULL;
	struct sa addr;

	assert_int_equal(sp_ports_total(few), 4); /* 30002 to 30009 */
	assert_int_equal(sp_relay_alloc(&r, f->media, ports, NULL, NULL), 0);
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
		assert_int_equal(sp_relay_alloc(&r, f->media, ports, NULL, NULL), 0);
	}
	mem_deref(r);

	assert_int_equal(sa_set_str(&addr, LOCAL_IP, 0), 0);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 30001, 30002), EINVAL);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 0, 30002), EINVAL);
	assert_int_equal(sp_ports_alloc(&ports[0], &addr, 30002, 30001), EINVAL);
	mem_deref(few);
}

/* Each pair of a range is found, once, whatever the range's size. */
static void test_ports_all(void **state)
{
	static const uint16_t totals[] = {1, 2, 63, 64, 65, 127, 128, 200};
	(void)state;

	for (size_t k = 0; k < ARRAY_SIZE(totals); k++) {
		const uint16_t max = (uint16_t)(34000 + 2 * totals[k] - 1);
		struct sp_ports *p = ports_new(LOCAL_IP, 34000, max);
		bool seen[200] = {false};

		assert_int_equal(sp_ports_total(p), totals[k]);
		for (unsigned i = 0; i < totals[k]; i++) {
			const uint16_t port = take(p, T0);

			assert_in_range(port, 34000, max - 1);
			assert_int_equal(port % 2, 0);
			assert_false(seen[(port - 34000) / 2]);
			seen[(port - 34000) / 2] = true;
			assert_int_equal(sp_ports_used(p), i + 1);
		}
		assert_int_equal(take(p, T0), 0);
		assert_int_equal(sp_ports_refused(p), 1);
		mem_deref(p);
	}
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

	assert_int_equal(media_ports_take(few, T0, &port, fd), 0);
	assert_int_equal(port, 31004); /* 31000, 31003 and 31006 are held */
	(void)close(fd[0]);
	(void)close(fd[1]);
	assert_int_equal(media_ports_take(few, T0, &port, fd), ENOSPC);
	media_ports_give(few, T0, 31004);
	media_ports_give(few, T0, 31004);
	media_ports_give(few, T0, 30998);
	media_ports_give(few, T0, 31008);
	assert_int_equal(sp_ports_used(few), 0);

	/* at rest is better than held by another */
	sp_ports_rest(few, REST_MS);
	assert_int_equal(take(few, T0), 31004);
	media_ports_give(few, T0, 31004);
	assert_int_equal(sp_ports_hurried(few), 0);
	assert_int_equal(take(few, T0), 31004);
	assert_int_equal(sp_ports_hurried(few), 1);
	media_ports_give(few, T0, 31004);

	for (int i = 0; i < 3; i++)
		(void)close(held[i]);
	mem_deref(few);
}

/* No port on the second side: nothing is left behind on the first. */
static void test_half_built(void **state)
{
	struct fix *f = *state;
	struct sp_ports *free_ones = ports_new(LOCAL_IP, 33000, 33999);
	struct sp_ports *none = ports_new("127.0.77.10", 31100, 31101);
	struct sp_ports *ports[2] = {free_ones, none};
	struct sp_relay *r = NULL;
	uint16_t port;
	int fd[2];

	assert_int_equal(media_ports_take(none, T0, &port, fd), 0);
	assert_int_equal(sp_relay_alloc(&r, f->media, ports, NULL, NULL), 0);
	assert_int_equal(sp_relay_add(NULL, r), ENOSPC);
	assert_int_equal(sp_relay_streams(r), 0);
	assert_int_equal(sp_ports_used(free_ones), 0);
	mem_deref(r);

	media_ports_give(none, T0, port);
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
		const uint16_t port = take(p, T0);

		media_ports_give(p, T0, port);
		same += port == last || port == last + 2;
		last = port;
	}
	assert_in_range(same, 0, 20); /* 0.8 are to be expected */

	mem_deref(p);
}

/* Nor with few free: one behind many that are taken is no likelier than others. */
static void test_ports_random_few(void **state)
{
	static const uint16_t left[] = {32020, 32022, 33998};
	struct sp_ports *p = ports_taken(32000, 33999, 0);
	unsigned n[3] = {0};
	(void)state;

	for (int k = 0; k < 3; k++)
		media_ports_give(p, T0, left[k]);
	for (int i = 0; i < 300; i++) {
		const uint16_t port = take(p, T0);

		media_ports_give(p, T0, port);
		for (int k = 0; k < 3; k++)
			n[k] += port == left[k];
	}
	for (int k = 0; k < 3; k++)
		assert_in_range(n[k], 50, 150); /* 100, and six deviations of 8.2 */

	mem_deref(p);
}

/* A pair given back is the last one to be taken again. */
static void test_rest(void **state)
{
	(void)state;

	for (int round = 0; round < 20; round++) {
		struct sp_ports *p = ports_new(LOCAL_IP, 35000, 35015);
		uint16_t port;

		sp_ports_rest(p, REST_MS);
		port = take(p, T0);
		media_ports_give(p, T0 + 1, port);
		assert_int_equal(sp_ports_used(p), 0);
		for (int i = 0; i < 7; i++)
			assert_int_not_equal(take(p, T0 + REST_MS), port);
		assert_int_equal(sp_ports_hurried(p), 0);
		assert_int_equal(take(p, T0 + REST_MS), port);
		assert_int_equal(sp_ports_hurried(p), 1);
		assert_int_equal(take(p, T0 + REST_MS), 0);
		assert_int_equal(sp_ports_used(p), 8);
		mem_deref(p);
	}
}

/* Whenever it is given back, it rests for rest_ms, and not for more than twice as long. */
static void test_rest_time(void **state)
{
	uint64_t hurried = 0, begin = T0;
	struct sp_ports *p = ports_taken(35000, 35001, REST_MS);
	(void)state;

	for (uint64_t given = 0; given < 2 * REST_MS; given += 250) {
		begin += 10 * REST_MS;
		media_ports_give(p, begin + given, 35000);
		assert_int_equal(take(p, begin + given + REST_MS - 1), 35000);
		assert_int_equal(sp_ports_hurried(p), ++hurried);

		begin += 10 * REST_MS;
		media_ports_give(p, begin + given, 35000);
		assert_int_equal(take(p, begin + given + 2 * REST_MS), 35000);
		assert_int_equal(sp_ports_hurried(p), hurried);
	}
	assert_int_equal(hurried, 40);
	mem_deref(p);
}

enum { PAIRS = 70, ROUNDS = 5000 };

/* What is known of the pairs by who takes them. */
struct model {
	bool taken[PAIRS];
	uint64_t given[PAIRS];
	unsigned used;
};

/* Is it right that pair i was taken now, in a hurry or not? */
static void model_check(const struct model *m, unsigned i, uint64_t now, bool hurried)
{
	const uint64_t age = now - m->given[i];

	if (age < REST_MS)
		assert_true(hurried);
	if (age >= 2 * REST_MS)
		assert_false(hurried);
	for (unsigned k = 0; k < PAIRS && hurried; k++) {
		if (m->taken[k] || k == i)
			continue;
		assert_true(now - m->given[k] < 2 * REST_MS);
		assert_true(m->given[k] + REST_MS > m->given[i]);
	}
}

/* Pairs come and go at random, the clock goes on by little, by much, or not at all. */
static void test_rest_model(void **state)
{
	static const uint32_t steps[] = {1, 300, 3000, 7 * REST_MS};
	struct sp_ports *p = ports_new(LOCAL_IP, 37000, 37000 + 2 * PAIRS - 1);
	struct model m = {.used = 0};
	uint64_t now = T0, hurried = 0;
	(void)state;

	sp_ports_rest(p, REST_MS);
	for (size_t round = 0; round < ROUNDS; round++) {
		unsigned i = sp_random_below(PAIRS);

		now += sp_random_below(steps[round * ARRAY_SIZE(steps) / ROUNDS]);
		if (round % 1000 == 999)
			now += UINT64_C(1) << 40;

		if (m.taken[i]) {
			media_ports_give(p, now, (uint16_t)(37000 + 2 * i));
			m.taken[i] = false;
			m.given[i] = now;
			m.used--;
		} else {
			i = (take(p, now) - 37000u) / 2;
			assert_in_range(i, 0, PAIRS - 1);
			assert_false(m.taken[i]);
			model_check(&m, i, now, sp_ports_hurried(p) != hurried);
			hurried = sp_ports_hurried(p);
			m.taken[i] = true;
			m.used++;
		}
		assert_int_equal(sp_ports_used(p), m.used);
	}
	assert_in_range(hurried, 100, ROUNDS);
	assert_int_equal(sp_ports_refused(p), 0);
	mem_deref(p);
}

/* When all that are free rest, those who began earlier are taken first. */
static void test_rest_hurried(void **state)
{
	(void)state;

	for (int round = 0; round < 20; round++) {
		struct sp_ports *p = ports_taken(35000, 35199, REST_MS);

		media_ports_give(p, T0, 35198);
		media_ports_give(p, T0 + REST_MS, 35000);
		assert_int_equal(take(p, T0 + REST_MS), 35198);
		assert_int_equal(take(p, T0 + REST_MS), 35000);
		assert_int_equal(sp_ports_hurried(p), 2);
		assert_int_equal(sp_ports_refused(p), 1);
		mem_deref(p);
	}
}

static void test_rest_off(void **state)
{
	struct sp_ports *p = ports_taken(35000, 35003, REST_MS);
	(void)state;

	media_ports_give(p, T0, 35000);
	sp_ports_rest(p, 0);
	assert_int_equal(take(p, T0), 35000);
	media_ports_give(p, T0, 35000);
	assert_int_equal(take(p, T0), 35000);
	assert_int_equal(sp_ports_hurried(p), 0);

	/* and on again */
	sp_ports_rest(p, 1);
	media_ports_give(p, T0 + 7, 35000);
	assert_int_equal(take(p, T0 + 7), 35000);
	assert_int_equal(sp_ports_hurried(p), 1);
	assert_int_equal(sp_ports_hurried(NULL), 0);
	mem_deref(p);
}

static int setup(void **state)
{
	static struct fix f;

	*state = &f;

	return sp_loop_alloc_fake(&f.loop, 0) || sp_media_alloc(&f.media, f.loop) ? -1 : 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	mem_deref(f->media);
	mem_deref(f->loop);

	return 0;
}

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	assert_int_equal(0, getsockopt(fd, level, name, &value, &len));

	return value;
}

/* RFC 2474: the upper six bits of the octet are the code point. */
static void test_ports_dscp(void **state)
{
	struct sp_ports *p = ports_new("127.0.0.1", 32000, 32099);
	uint16_t port;
	int fd[2];

	(void)state;

	sp_ports_dscp(p, 46);
	assert_int_equal(0, media_ports_take(p, T0, &port, fd));
	assert_int_equal(46 << 2, option(fd[0], IPPROTO_IP, IP_TOS));
	assert_int_equal(46 << 2, option(fd[1], IPPROTO_IP, IP_TOS));
	(void)close(fd[0]);
	(void)close(fd[1]);
	media_ports_give(p, T0, port);
	mem_deref(p);
}

/* How many packets of a size a socket holds until it is read. */
static unsigned holds(int fd, uint16_t port, size_t size)
{
	uint8_t packet[1200] = {0};
	struct sa to;
	unsigned n = 0;
	int from = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(0, sa_set_str(&to, LOCAL_IP, port));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(size, sendto(from, packet, size, 0, &to.u.sa, to.len));
	while (recv(fd, packet, sizeof(packet), 0) >= 0)
		++n;
	(void)close(from);

	return n;
}

/* What nobody reads for a while is kept, but not for long enough to be of no use. */
static void test_ports_room(void **state)
{
	struct sp_ports *p = ports_new(LOCAL_IP, 36000, 36099);
	uint16_t port;
	int fd[2];

	(void)state;

	assert_int_equal(0, media_ports_take(p, T0, &port, fd));
	assert_in_range(holds(fd[0], port, 182), 10, 60); /* G.711, 20 ms each */
	assert_in_range(holds(fd[1], (uint16_t)(port + 1), 100), 10, 60);
	media_ports_wide(fd[0]);
	assert_in_range(holds(fd[0], port, 1200), 100, 999);
	(void)close(fd[0]);
	(void)close(fd[1]);
	mem_deref(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),         cmocka_unit_test(test_ports_all),
		cmocka_unit_test(test_ports_foreign), cmocka_unit_test(test_half_built),
		cmocka_unit_test(test_ports_random),  cmocka_unit_test(test_ports_random_few),
		cmocka_unit_test(test_ports_dscp),    cmocka_unit_test(test_ports_room),
		cmocka_unit_test(test_rest),          cmocka_unit_test(test_rest_time),
		cmocka_unit_test(test_rest_model),    cmocka_unit_test(test_rest_hurried),
		cmocka_unit_test(test_rest_off),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
