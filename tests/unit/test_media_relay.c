/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The relay between two peers: what goes through, what does not, and who is
 * latched.
 */
#include "unit/media_fixture.h"

static void test_both_ways(void **state)
{
	struct fix *f = *state;

	for (uint16_t i = 0; i < 200; i++) {
		assert_true(rtp_passes(f, CALLER, 11, i));
		assert_true(rtp_passes(f, CALLEE, 22, (uint16_t)(i + 5000)));
	}

	for (int side = 0; side < 2; side++) {
		const struct sp_relay_count c = count_of(f, side);

		assert_int_equal(c.relayed, 200);
		assert_int_equal(c.bytes, 200 * (12 + 160 + 10));
		assert_int_equal(c.malformed + c.unauthentic + c.duplicate, 0);
		assert_int_equal(c.early + c.unsent + c.latched, 0);
	}
}

/* RFC 3550 section 11: RTCP on the port above, to the peer's RTCP address. */
static void test_rtcp(void **state)
{
	struct fix *f = *state;
	uint8_t p[BUF], plain[BUF];

	for (int side = 0; side < 2; side++) {
		struct peer *from = &f->peer[side], *to = &f->peer[!side];
		size_t n = ref_rtcp(p, 33, 0x5a);

		memcpy(plain, p, n);
		wire_send(f, from->fd[1], side, 1, p, ref_protect_rtcp(&from->tx, p, n, 1));
		assert_int_equal(ref_unprotect_rtcp(&to->rx, p, wire_recv(to->fd[1], p)), n);
		assert_memory_equal(p, plain, n);
		assert_int_equal(wire_recv(to->fd[0], p), 0);
		assert_int_equal(count_of(f, side).relayed, 1);
	}
}

/* Different keys on each leg: nothing passes as it came. */
static void test_keys_differ(void **state)
{
	struct fix *f = *state;
	uint8_t sent[BUF], got[BUF];
	size_t n = ref_protect(&f->peer[CALLER].tx, sent, ref_rtp(sent, 1, 1, 160), 0);

	assert_memory_not_equal(sp_relay_key(f->r, 0, SP_SIDE_CALLER),
				sp_relay_key(f->r, 0, SP_SIDE_CALLEE), 30);
	wire_send(f, f->peer[CALLER].fd[0], CALLER, 0, sent, n);
	assert_int_equal(wire_recv(f->peer[CALLEE].fd[0], got), n);
	assert_memory_equal(sent, got, 12);
	assert_memory_not_equal(sent + 12, got + 12, 160);
}

static void test_dropped(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLER];
	uint8_t wire[BUF], bad[BUF];
	struct sp_relay_count c;
	size_t n = ref_protect(&p->tx, wire, ref_rtp(wire, 1, 100, 160), 0);

	memcpy(bad, wire, n);
	bad[60] ^= 1; /* tampered */
	wire_send(f, p->fd[0], CALLER, 0, bad, n);
	memcpy(bad, wire, n);
	ref_protect(&f->peer[CALLEE].tx, bad, n - 10, 0); /* the wrong key */
	wire_send(f, p->fd[0], CALLER, 0, bad, n);
	wire_send(f, p->fd[0], CALLER, 0, wire, n - 1); /* truncated */
	ref_protect_rtcp(&f->peer[CALLEE].tx, bad, ref_rtcp(bad, 1, 0), 1);
	wire_send(f, p->fd[0], CALLER, 1, bad, 28 + 14); /* RTCP, the wrong key */
	c = count_of(f, CALLER);
	assert_int_equal(c.unauthentic, 4);
	assert_int_equal(c.malformed, 0);

	wire_send(f, p->fd[0], CALLER, 0, wire, 21); /* too short */
	wire_send(f, p->fd[0], CALLER, 0, wire, 0);
	memcpy(bad, wire, n);
	bad[0] = 0x40; /* version 1 */
	wire_send(f, p->fd[0], CALLER, 0, bad, n);
	memset(bad, 0x80, sizeof(bad)); /* too long */
	wire_send(f, p->fd[0], CALLER, 0, bad, SP_RELAY_PACKET_MAX + 1);
	c = count_of(f, CALLER);
	assert_int_equal(c.malformed, 4);

	wire_send(f, p->fd[0], CALLER, 0, wire, n);
	wire_send(f, p->fd[0], CALLER, 0, wire, n); /* a replay */
	c = count_of(f, CALLER);
	assert_int_equal(c.duplicate, 1);
	assert_int_equal(c.relayed, 1);

	assert_true(rtp_arrived(f, CALLEE, f->peer[CALLEE].fd[0], 1, 100));
	assert_int_equal(wire_recv(f->peer[CALLEE].fd[0], bad), 0);
	assert_int_equal(wire_recv(f->peer[CALLEE].fd[1], bad), 0);
}

/* The longest packet that is taken passes whole. */
static void test_longest(void **state)
{
	struct fix *f = *state;
	uint8_t wire[BUF], plain[BUF];
	const size_t n = SP_RELAY_PACKET_MAX - 10;

	ref_rtp(plain, 1, 1, n - 12);
	memcpy(wire, plain, n);
	wire_send(f, f->peer[CALLER].fd[0], CALLER, 0, wire,
		  ref_protect(&f->peer[CALLER].tx, wire, n, 0));
	assert_int_equal(
		ref_unprotect(&f->peer[CALLEE].rx, wire, wire_recv(f->peer[CALLEE].fd[0], wire), 0),
		n);
	assert_memory_equal(wire, plain, n);
}

static void test_garbage(void **state)
{
	struct fix *f = *state;
	struct sp_relay_count c;
	uint8_t p[BUF];

	for (unsigned i = 0; i < 2000; i++) {
		const size_t n = sp_random_below(300);

		sp_random(p, n);
		if (i % 2 && n)
			p[0] = (uint8_t)(0x80 | (p[0] & 0x3f));
		wire_send(f, f->peer[CALLER].fd[0], CALLER, i % 3 == 0, p, n);
	}

	c = count_of(f, CALLER);
	assert_int_equal(c.malformed + c.unauthentic, 2000);
	assert_int_equal(c.relayed + c.replayed + c.latched, 0);
	assert_true(rtp_passes(f, CALLER, 1, 1));
}

/* RFC 7362 with authentication first: only a packet that proves its origin
 * moves where the other side's media goes. */
static void test_latching(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLER];
	uint8_t wire[BUF];
	struct sa addr;
	int stranger = socket_new(STRANGER_IP, &addr), nat = socket_new(PEER_IP, &addr);
	size_t n;

	assert_true(rtp_passes(f, CALLER, 1, 1));

	/* a stranger's own packet, and a true one that it heard and repeats */
	n = ref_protect(&f->peer[CALLEE].tx, wire, ref_rtp(wire, 1, 2, 160), 0);
	wire_send(f, stranger, CALLER, 0, wire, n);
	n = ref_protect(&p->tx, wire, ref_rtp(wire, 1, 1, 160), 0);
	wire_send(f, stranger, CALLER, 0, wire, n);
	assert_int_equal(count_of(f, CALLER).latched, 0);
	assert_true(rtp_passes(f, CALLEE, 2, 1));
	assert_int_equal(wire_recv(stranger, wire), 0);

	/* the peer itself from behind a NAT */
	n = ref_protect(&p->tx, wire, ref_rtp(wire, 1, 2, 160), 0);
	wire_send(f, nat, CALLER, 0, wire, n);
	assert_int_equal(count_of(f, CALLER).latched, 1);
	peer_send(f, CALLEE, 2, 2);
	assert_true(rtp_arrived(f, CALLER, nat, 2, 2));

	/* the same description again keeps that, another one starts anew */
	assert_int_equal(remote_set(f, CALLER), 0);
	peer_send(f, CALLEE, 2, 3);
	assert_true(rtp_arrived(f, CALLER, nat, 2, 3));
	(void)close(p->fd[0]);
	p->fd[0] = socket_new(PEER_IP, &p->addr[0]);
	assert_int_equal(remote_set(f, CALLER), 0);
	peer_send(f, CALLEE, 2, 4);
	assert_true(rtp_arrived(f, CALLER, p->fd[0], 2, 4));
	assert_int_equal(count_of(f, CALLER).latched, 1);

	(void)close(stranger);
	(void)close(nat);
}

/* RFC 4568 section 7.1.4: the same key goes on, a new one begins anew. */
static void test_key_change(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLER];

	assert_true(rtp_passes(f, CALLER, 1, 7));
	assert_int_equal(remote_set(f, CALLER), 0);
	assert_false(rtp_passes(f, CALLER, 1, 7));
	assert_int_equal(count_of(f, CALLER).duplicate, 1);

	sp_random(p->key, sizeof(p->key));
	ref_init(&p->tx, p->key);
	assert_false(rtp_passes(f, CALLER, 1, 8));
	assert_int_equal(count_of(f, CALLER).unauthentic, 1);
	assert_int_equal(remote_set(f, CALLER), 0);
	assert_true(rtp_passes(f, CALLER, 1, 8));

	/* under the new key the old number is fresh, but it is before where the new began */
	assert_false(rtp_passes(f, CALLER, 1, 7));
	assert_int_equal(count_of(f, CALLER).unsent, 1);
}

static void test_early(void **state)
{
	struct fix *f = *state;
	uint8_t p[BUF];
	struct sa any;

	peer_send(f, CALLER, 1, 1); /* no key of the caller's yet */
	assert_int_equal(remote_set(f, CALLER), 0);
	peer_send(f, CALLER, 1, 2); /* nowhere to send it */
	assert_int_equal(count_of(f, CALLER).early, 2);
	assert_int_equal(count_of(f, CALLER).relayed, 0);

	/* old style hold: 0.0.0.0 until the peer sends (RFC 3264 section 8.4) */
	assert_int_equal(sa_set_str(&any, "0.0.0.0", 4000), 0);
	assert_int_equal(remote_tell(f, 0, SP_SIDE_CALLEE, &any, &any, f->peer[CALLEE].key), 0);
	peer_send(f, CALLER, 1, 3);
	assert_int_equal(count_of(f, CALLER).early, 3);
	assert_int_equal(wire_recv(f->peer[CALLEE].fd[0], p), 0);
	assert_true(rtp_passes(f, CALLEE, 2, 1));
	assert_true(rtp_passes(f, CALLER, 1, 4));
}

static void test_burst(void **state)
{
	struct fix *f = *state;
	struct peer *from = &f->peer[CALLER];
	uint8_t p[BUF];
	struct sa to;

	assert_int_equal(sa_set_str(&to, LOCAL_IP, sp_relay_port(f->r, 0, SP_SIDE_CALLER)), 0);
	for (uint16_t i = 0; i < SP_RELAY_BURST + 9; i++) {
		const size_t n = ref_protect(&from->tx, p, ref_rtp(p, 1, i, 20), 0);

		assert_int_equal(sendto(from->fd[0], p, n, 0, &to.u.sa, to.len), (ssize_t)n);
	}

	/* it asks for twice as many while it gets what it asks for, up to a limit */
	for (unsigned n = 1, sum = 1; sum < SP_RELAY_BURST + 9; n *= 2, sum += n) {
		media_relay_readable(f->r, 0, SP_SIDE_CALLER, false);
		assert_int_equal(count_of(f, CALLER).relayed, sum);
	}
	media_relay_readable(f->r, 0, SP_SIDE_CALLER, false);
	assert_int_equal(count_of(f, CALLER).relayed, SP_RELAY_BURST + 9);
}

static void test_ssrc_flood(void **state)
{
	struct fix *f = *state;

	for (uint32_t i = 1; i <= SP_SRTP_SSRC_MAX + 50; i++)
		assert_int_equal(rtp_passes(f, CALLER, i, (uint16_t)i), i <= SP_SRTP_SSRC_MAX);
	assert_int_equal(count_of(f, CALLER).unsent, 50);
	assert_true(rtp_passes(f, CALLER, 7, 1000)); /* those that are known go on */
	assert_true(rtp_passes(f, CALLEE, 5, 1));
}

static void test_bad_arguments(void **state)
{
	struct fix *f = *state;
	const struct peer *p = &f->peer[CALLER];
	struct sa six, noport = p->addr[0];

	assert_int_equal(sa_set_str(&six, "::1", 4000), 0);
	sa_set_port(&noport, 0);
	assert_int_equal(remote_tell(f, 1, SP_SIDE_CALLER, &p->addr[0], &p->addr[1], p->key),
			 EINVAL);
	assert_int_equal(remote_tell(f, 0, SP_SIDE_CALLER, &six, &p->addr[1], p->key), EINVAL);
	assert_int_equal(remote_tell(f, 0, SP_SIDE_CALLER, &p->addr[0], &noport, p->key), EINVAL);
	assert_int_equal(sp_relay_port(f->r, 1, SP_SIDE_CALLER), 0);
	assert_null(sp_relay_key(f->r, 1, SP_SIDE_CALLER));
}

static void test_streams(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLER];
	uint8_t wire[BUF] = {0x80};
	struct sp_relay_count before;
	struct sa to;

	for (size_t i = 1; i < SP_RELAY_STREAMS_MAX; i++)
		assert_int_equal(sp_relay_add(NULL, f->r), 0);
	assert_int_equal(sp_relay_add(NULL, f->r), EOVERFLOW);
	assert_int_equal(sp_relay_streams(f->r), SP_RELAY_STREAMS_MAX);
	assert_int_equal(sp_ports_used(f->ports[0]), SP_RELAY_STREAMS_MAX);

	assert_true(rtp_passes(f, CALLER, 1, 1));
	before = count_of(f, CALLER);
	assert_int_equal(sa_set_str(&to, LOCAL_IP, sp_relay_port(f->r, 0, SP_SIDE_CALLER)), 0);

	sp_relay_end(f->r, 0);
	sp_relay_end(f->r, 0);
	sp_relay_end(f->r, 99);
	sp_loop_turn(f->loop);
	assert_int_equal(sp_relay_streams(f->r), SP_RELAY_STREAMS_MAX);
	assert_int_equal(sp_ports_used(f->ports[0]), SP_RELAY_STREAMS_MAX - 1);
	assert_int_equal(sp_relay_port(f->r, 0, SP_SIDE_CALLER), 0);
	assert_int_equal(remote_set(f, CALLER), EINVAL);

	/* the port is closed, what it counted stays */
	(void)sendto(p->fd[0], wire, 100, 0, &to.u.sa, to.len);
	media_relay_readable(f->r, 0, SP_SIDE_CALLER, false);
	assert_int_equal(count_of(f, CALLER).relayed, before.relayed);
	assert_int_equal(count_of(f, CALLER).malformed, 0);
}

/* A peer may add and drop media without end: ended streams are used again, and start anew. */
static void test_streams_come_and_go(void **state)
{
	struct fix *f = *state;
	size_t stream;

	for (unsigned i = 0; i < 5 * SP_RELAY_STREAMS_MAX; i++) {
		sp_relay_end(f->r, 0);
		assert_int_equal(sp_relay_add(&stream, f->r) || stream, 0);
	}
	for (int side = 0; side < 2; side++) {
		ref_init(&f->peer[side].rx, sp_relay_key(f->r, 0, (enum sp_side)side));
		assert_int_equal(remote_set(f, side), 0);
	}
	assert_true(rtp_passes(f, CALLER, 1, 1));
}

static void test_silence(void **state)
{
	struct fix *f = *state;
	uint8_t wire[BUF] = {0x80};

	sp_relay_watch(f->r, SP_SIDE_CALLER, 60000);
	sp_relay_watch(f->r, SP_SIDE_CALLEE, 90000);
	assert_int_equal(sp_loop_timers(f->loop), 1);

	sp_loop_advance(f->loop, 59999);
	assert_int_equal(f->silent[CALLER], 0);
	assert_true(rtp_passes(f, CALLER, 1, 1));

	/* what proves nothing is silence */
	sp_loop_advance(f->loop, 59000);
	wire_send(f, f->peer[CALLER].fd[0], CALLER, 0, wire, 100);
	assert_int_equal(f->silent[CALLER], 0);
	assert_int_equal(f->silent[CALLEE], 1); /* at 90,000 */
	sp_loop_advance(f->loop, 999);
	assert_int_equal(f->silent[CALLER], 0);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(f->silent[CALLER], 1);

	/* once only; setting it anew starts anew, 0 ends it */
	sp_loop_advance(f->loop, 500000);
	assert_int_equal(f->silent[CALLER], 1);
	assert_int_equal(sp_loop_timers(f->loop), 0);
	sp_relay_watch(f->r, SP_SIDE_CALLER, 1000);
	sp_loop_advance(f->loop, 999);
	assert_int_equal(f->silent[CALLER], 1);
	sp_relay_watch(f->r, SP_SIDE_CALLER, 1000);
	sp_loop_advance(f->loop, 999);
	assert_int_equal(f->silent[CALLER], 1);
	sp_loop_advance(f->loop, 1);
	assert_int_equal(f->silent[CALLER], 2);
	sp_relay_watch(f->r, SP_SIDE_CALLER, 1000);
	sp_relay_watch(f->r, SP_SIDE_CALLER, 0);
	sp_loop_advance(f->loop, 5000);
	assert_int_equal(f->silent[CALLER], 2);
}

/* RTCP alone keeps a side alive. */
static void test_silence_rtcp(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLEE];
	uint8_t wire[BUF];
	size_t n;

	sp_relay_watch(f->r, SP_SIDE_CALLEE, 10000);
	for (uint32_t i = 1; i < 10; i++) {
		sp_loop_advance(f->loop, 6000);
		n = ref_protect_rtcp(&p->tx, wire, ref_rtcp(wire, 3, 0), i);
		wire_send(f, p->fd[1], CALLEE, 1, wire, n);
	}
	assert_int_equal(f->silent[CALLEE], 0);
	sp_loop_advance(f->loop, 10000);
	assert_int_equal(f->silent[CALLEE], 1);
}

/* The handler may end the call, and with it the relay. */
static void test_silence_release(void **state)
{
	struct fix *f = *state;

	f->what = DO_RELEASE;
	sp_relay_watch(f->r, SP_SIDE_CALLEE, 1000);
	sp_loop_advance(f->loop, 2000);
	assert_int_equal(f->silent[CALLEE], 1);
	sp_loop_turn(f->loop);
	assert_int_equal(sp_loop_timers(f->loop), 0);
}

/* Or drop it at once; then there is no second side to report. */
static void test_silence_deref(void **state)
{
	struct fix *f = *state;

	f->what = DO_DEREF;
	sp_relay_watch(f->r, SP_SIDE_CALLER, 1000);
	sp_relay_watch(f->r, SP_SIDE_CALLEE, 1000);
	sp_loop_advance(f->loop, 2000);
	assert_int_equal(f->silent[CALLER] + f->silent[CALLEE], 1);
	assert_int_equal(sp_loop_timers(f->loop), 0);
}

/* A side may be IPv6 while the other is IPv4. */
static void test_families(void **state)
{
	struct fix *f = *state;
	const struct peer *p = &f->peer[CALLER];
	struct sp_ports *ports[2] = {f->ports[0], NULL};
	struct sp_relay *four = f->r;
	uint8_t wire[BUF], plain[BUF];
	struct peer six;
	struct sa addr;
	size_t n;
	int fd;

	assert_int_equal(sa_set_str(&addr, "::1", 0), 0);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, &addr.u.sa, addr.len) < 0)
		skip();
	(void)close(fd);

	peer_open(&six, "::1");
	ports[1] = ports_new("::1", 20000, 29999);
	assert_int_equal(sp_relay_alloc(&f->r, f->media, ports, NULL, NULL), 0);
	assert_int_equal(sp_relay_add(NULL, f->r), 0);
	assert_int_equal(remote_set(f, CALLER), 0);
	assert_int_equal(remote_tell(f, 0, SP_SIDE_CALLEE, &six.addr[0], &six.addr[1], six.key), 0);
	ref_init(&six.rx, sp_relay_key(f->r, 0, SP_SIDE_CALLEE));

	n = ref_rtp(plain, 1, 1, 160);
	memcpy(wire, plain, n);
	wire_send(f, p->fd[0], CALLER, 0, wire, ref_protect(&p->tx, wire, n, 0));
	assert_int_equal(ref_unprotect(&six.rx, wire, wire_recv(six.fd[0], wire), 0), n);
	assert_memory_equal(wire, plain, n);

	(void)close(six.fd[0]);
	(void)close(six.fd[1]);
	mem_deref(f->r);
	mem_deref(ports[1]);
	f->r = four;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_both_ways),
		RELAY_TEST(test_rtcp),
		RELAY_TEST(test_keys_differ),
		RELAY_TEST(test_dropped),
		RELAY_TEST(test_longest),
		RELAY_TEST(test_garbage),
		RELAY_TEST(test_latching),
		RELAY_TEST(test_key_change),
		cmocka_unit_test_setup_teardown(test_early, setup_bare, teardown),
		RELAY_TEST(test_burst),
		RELAY_TEST(test_ssrc_flood),
		RELAY_TEST(test_bad_arguments),
		RELAY_TEST(test_streams),
		RELAY_TEST(test_streams_come_and_go),
		RELAY_TEST(test_silence),
		RELAY_TEST(test_silence_rtcp),
		RELAY_TEST(test_silence_release),
		RELAY_TEST(test_silence_deref),
		RELAY_TEST(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
