/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flooded socket: in the kernel, all is dropped but what comes from the
 * known source; for a while. Real sockets on loopback; time is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "media_priv.h"

enum { T0 = 1000000 };

/* A socket of ours, its peer, and three others: of the peer's address, of its port, of neither. */
struct fix {
	struct media_shield shield;
	struct sa local, known;
	int fd, peer, other[3];
};

static int socket_new(const char *ip, uint16_t port, struct sa *addr)
{
	const int off = 0;
	int fd;

	assert_int_equal(sa_set_str(addr, ip, port), 0);
	fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (sa_af(addr) == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, &addr->u.sa, addr->len), 0);
	addr->len = sizeof(addr->u);
	assert_int_equal(getsockname(fd, &addr->u.sa, &addr->len), 0);

	return fd;
}

/* other_ip NULL: the host has no second address of the family */
static void fix_open(struct fix *f, const char *ip, const char *peer_ip, const char *other_ip)
{
	struct sa addr;

	memset(f, 0, sizeof(*f));
	f->fd = socket_new(ip, 0, &f->local);
	f->peer = socket_new(peer_ip, 0, &f->known);
	f->other[0] = socket_new(peer_ip, 0, &addr);
	f->other[1] = f->other[2] = -1;
	if (other_ip) {
		f->other[1] = socket_new(other_ip, sa_port(&f->known), &addr);
		f->other[2] = socket_new(other_ip, 0, &addr);
	}
}

static void fix_close(struct fix *f)
{
	(void)close(f->fd);
	(void)close(f->peer);
	for (int i = 0; i < 3; i++)
		(void)close(f->other[i]);
}

/* Does a packet that fd sends arrive, whole? */
static bool passes(const struct fix *f, int fd)
{
	uint8_t packet[172], got[sizeof(packet) + 1];
	ssize_t n;

	memset(packet, 0xa5, sizeof(packet));
	assert_int_equal(sendto(fd, packet, sizeof(packet), 0, &f->local.u.sa, f->local.len),
			 sizeof(packet));
	n = recv(f->fd, got, sizeof(got), 0);
	if (n < 0)
		return false;

	assert_int_equal(n, sizeof(packet));
	assert_memory_equal(packet, got, sizeof(packet));

	return true;
}

static unsigned others_pass(const struct fix *f)
{
	unsigned n = 0;

	for (int i = 0; i < 3; i++)
		n += f->other[i] >= 0 && passes(f, f->other[i]);

	return n;
}

/* @return how many refused packets it takes until the shield goes up, 0: it does not */
static unsigned flood(struct fix *f, unsigned packets, const struct sa *known, uint64_t now)
{
	for (unsigned i = 1; i <= packets; i++) {
		if (media_shield_refused(&f->shield, f->fd, known, now))
			return i;
	}

	return 0;
}

static void check_source(const char *ip, const char *peer_ip, const char *other_ip)
{
	const unsigned others = other_ip ? 3 : 1;
	struct fix f;

	fix_open(&f, ip, peer_ip, other_ip);
	assert_int_equal(others_pass(&f), others);

	assert_int_equal(flood(&f, SHIELD_FLOOD, &f.known, T0), SHIELD_FLOOD);
	assert_true(f.shield.up);
	assert_true(passes(&f, f.peer));
	assert_int_equal(others_pass(&f), 0);
	assert_true(passes(&f, f.peer));

	media_shield_check(&f.shield, f.fd, T0 + SHIELD_HOLD_MS);
	assert_false(f.shield.up);
	assert_true(passes(&f, f.peer));
	assert_int_equal(others_pass(&f), others);
	fix_close(&f);
}

static void test_ipv4(void **state)
{
	(void)state;
	check_source("127.0.78.1", "127.0.78.2", "127.0.78.3");
}

/* Loopback has one IPv6 address: another port there stands for others... */
static void test_ipv6(void **state)
{
	(void)state;
	check_source("::1", "::1", NULL);
}

/* ...and IPv4 mapped into IPv6 (RFC 4291 2.5.5.2) for the address. */
static void test_mapped(void **state)
{
	(void)state;
	check_source("::ffff:127.0.78.1", "::ffff:127.0.78.2", "::ffff:127.0.78.3");
}

/* Each part of the known IPv6 address counts, and its port. */
static void test_ipv6_known(void **state)
{
	struct fix f;
	(void)state;

	fix_open(&f, "::1", "::1", NULL);
	for (unsigned i = 0; i < 16; i++) {
		struct sa near = f.known;

		near.u.in6.sin6_addr.s6_addr[i] ^= 0x80;
		assert_int_not_equal(flood(&f, SHIELD_FLOOD, &near, T0), 0);
		assert_false(passes(&f, f.peer));
		media_shield_drop(&f.shield, f.fd);
		assert_true(passes(&f, f.peer));
	}
	fix_close(&f);
}

/* It lasts, whatever comes, for SHIELD_HOLD_MS; then it must be earned again. */
static void test_time(void **state)
{
	uint64_t now = T0;
	struct fix f;
	(void)state;

	fix_open(&f, "127.0.78.1", "127.0.78.2", "127.0.78.3");
	for (int round = 0; round < 3; round++) {
		assert_int_equal(flood(&f, SHIELD_FLOOD, &f.known, now), SHIELD_FLOOD);

		/* the known source may be spoofed: nothing more can be done */
		assert_int_equal(flood(&f, 3 * SHIELD_FLOOD, &f.known, now + 1), 0);
		media_shield_check(&f.shield, f.fd, now + SHIELD_HOLD_MS - 1);
		assert_int_equal(others_pass(&f), 0);

		now += SHIELD_HOLD_MS;
		media_shield_check(&f.shield, f.fd, now);
		assert_int_equal(others_pass(&f), 3);
		media_shield_check(&f.shield, f.fd, now);
		assert_int_equal(flood(&f, SHIELD_FLOOD - 1, &f.known, now), 0);
		assert_int_equal(others_pass(&f), 3);
		assert_int_equal(flood(&f, 1, &f.known, now), 1);
		assert_int_equal(others_pass(&f), 0);

		media_shield_drop(&f.shield, f.fd);
		assert_int_equal(others_pass(&f), 3);
	}
	fix_close(&f);
}

/* Packets that go astray are no flood. */
static void test_slow(void **state)
{
	struct fix f;
	(void)state;

	fix_open(&f, "127.0.78.1", "127.0.78.2", "127.0.78.3");
	for (uint64_t second = 0; second < 20; second++)
		assert_int_equal(flood(&f, SHIELD_FLOOD - 1, &f.known, T0 + 1000 * second), 0);
	assert_false(f.shield.up);
	assert_int_equal(others_pass(&f), 3);

	/* and within one second they are, from its beginning to its end */
	assert_int_equal(flood(&f, 1, &f.known, T0 + 30000), 0);
	assert_int_equal(flood(&f, SHIELD_FLOOD, &f.known, T0 + 30999), SHIELD_FLOOD - 1);
	fix_close(&f);
}

/* Without a source that has proven itself there is nobody to let through. */
static void test_unknown(void **state)
{
	struct fix f;
	(void)state;

	fix_open(&f, "127.0.78.1", "127.0.78.2", "127.0.78.3");
	assert_int_equal(flood(&f, 10 * SHIELD_FLOOD, NULL, T0), 0);
	assert_false(f.shield.up);
	assert_int_equal(others_pass(&f), 3);

	/* when there is one, the flood still has to be one */
	assert_int_equal(flood(&f, SHIELD_FLOOD, &f.known, T0 + 1), SHIELD_FLOOD);
	fix_close(&f);
}

/* A kernel that refuses costs nothing but the shield. */
static void test_refused(void **state)
{
	struct fix f;
	(void)state;

	fix_open(&f, "127.0.78.1", "127.0.78.2", "127.0.78.3");
	for (unsigned i = 0; i < 3 * SHIELD_FLOOD; i++)
		assert_false(media_shield_refused(&f.shield, -1, &f.known, T0));
	assert_false(f.shield.up);
	media_shield_drop(&f.shield, -1);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),    cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_mapped),  cmocka_unit_test(test_ipv6_known),
		cmocka_unit_test(test_time),    cmocka_unit_test(test_slow),
		cmocka_unit_test(test_unknown), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
