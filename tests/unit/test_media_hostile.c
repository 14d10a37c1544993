/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where media goes when somebody has true packets, and no right to it: one who caught them
 * on their way, a fork that was not taken, a peer that names us as itself.
 */
#include "unit/media_fixture.h"

static size_t rtp_write(struct fix *f, int side, uint8_t *wire, uint16_t seq)
{
	return ref_protect(&f->peer[side].tx, wire, ref_rtp(wire, 1, seq, 160), 0);
}

static size_t rtcp_write(struct fix *f, int side, uint8_t *wire, uint32_t index)
{
	return ref_protect_rtcp(&f->peer[side].tx, wire, ref_rtcp(wire, 1, 0x11), index);
}

/* Who has moved may be silent then; what was still on its way from before moves nothing back. */
static void test_overtaken(void **state)
{
	struct fix *f = *state;
	uint8_t late[BUF], late_report[BUF], wire[BUF];
	const size_t n = rtp_write(f, CALLER, late, 2), m = rtcp_write(f, CALLER, late_report, 2);
	struct sa addr;
	const int nat[2] = {socket_new(PEER_IP, &addr), socket_new(PEER_IP, &addr)};

	assert_true(rtp_passes(f, CALLER, 1, 1));
	wire_send(f, nat[0], CALLER, 0, wire, rtp_write(f, CALLER, wire, 3));
	wire_send(f, nat[1], CALLER, 1, wire, rtcp_write(f, CALLER, wire, 3));
	assert_int_equal(count_of(f, CALLER).latched, 2);

	wire_send(f, f->peer[CALLER].fd[0], CALLER, 0, late, n);
	wire_send(f, f->peer[CALLER].fd[1], CALLER, 1, late_report, m);
	assert_int_equal(count_of(f, CALLER).relayed, 5); /* but it is heard */
	assert_int_equal(count_of(f, CALLER).latched, 2);
	peer_send(f, CALLEE, 2, 1);
	assert_true(rtp_arrived(f, CALLER, nat[0], 2, 1));

	wire_send(f, f->peer[CALLER].fd[0], CALLER, 0, wire, rtp_write(f, CALLER, wire, 4));
	assert_int_equal(count_of(f, CALLER).latched, 3);

	(void)close(nat[0]);
	(void)close(nat[1]);
}

/*
 * RFC 3261 13.2.2.4: one fork has answered, another still sends. It is heard until the first
 * packet of the one that answered, but what the caller says is not for it.
 */
static void test_fork_not_taken(void **state)
{
	struct fix *f = *state;
	struct peer *taken = &f->peer[CALLEE], lost = *taken;
	uint8_t wire[BUF];
	struct sa addr;
	const int nat = socket_new(STRANGER_IP, &addr);

	/* early media, from behind a NAT */
	wire_send(f, nat, CALLEE, 0, wire,
		  ref_protect(&lost.tx, wire, ref_rtp(wire, 2, 1, 160), 0));
	assert_true(rtp_arrived(f, CALLER, f->peer[CALLER].fd[0], 2, 1));

	/* the other one has answered, and is muted */
	for (int i = 0; i < 2; i++)
		taken->fd[i] = socket_new(PEER_IP, &taken->addr[i]);
	sp_random(taken->key, sizeof(taken->key));
	ref_init(&taken->tx, taken->key);
	assert_int_equal(remote_set(f, CALLEE), 0);

	sp_loop_advance(f->loop, 5000);
	for (uint16_t seq = 2; seq < 9; seq++) {
		wire_send(f, nat, CALLEE, 0, wire,
			  ref_protect(&lost.tx, wire, ref_rtp(wire, 2, seq, 160), 0));
		assert_true(rtp_arrived(f, CALLER, f->peer[CALLER].fd[0], 2, seq));
		assert_true(rtp_passes(f, CALLER, 1, seq));
		assert_int_equal(wire_recv(nat, wire), 0);
	}

	/* it speaks, from behind a NAT of its own */
	taken->fd[0] = (close(taken->fd[0]), socket_new(PEER_IP, &addr));
	assert_true(rtp_passes(f, CALLEE, 2, 20));
	assert_true(rtp_passes(f, CALLER, 1, 20));
	for (int i = 0; i < 2; i++)
		(void)close(lost.fd[i]);
	(void)close(nat);
}

/*
 * A true packet that was caught before it came leads to who sends it, until the peer's next
 * one. A flood on its heels must not make that hold.
 */
static void test_caught_and_flood(void **state)
{
	struct fix *f = *state;
	const uint8_t rubbish[172] = {0x80};
	uint8_t wire[BUF];
	struct sa addr;
	const int stranger = socket_new(STRANGER_IP, &addr);

	sp_loop_advance(f->loop, 5000);
	assert_true(rtp_passes(f, CALLER, 1, 1));
	for (uint16_t seq = 2; seq < 200; seq += 2) {
		wire_send(f, stranger, CALLER, 0, wire, rtp_write(f, CALLER, wire, seq));
		for (int i = 0; i < SHIELD_FLOOD + 1; i++)
			wire_send(f, stranger, CALLER, 0, rubbish, sizeof(rubbish));
		while (wire_recv(f->peer[CALLEE].fd[0], wire))
			;
		sp_loop_advance(f->loop, 20);
		assert_true(rtp_passes(f, CALLER, 1, (uint16_t)(seq + 1)));
		assert_true(rtp_passes(f, CALLEE, 2, seq));
	}

	/* the peer where it is: a flood leaves only that one */
	sp_loop_advance(f->loop, 2000);
	for (int i = 0; i < SHIELD_FLOOD + 1; i++)
		wire_send(f, stranger, CALLER, 0, rubbish, sizeof(rubbish));
	assert_int_equal(count_of(f, CALLER).shields, 1);
	(void)close(stranger);
}

/* Two peers that each say that they are our own port, and send under our own key: what once
 * came in would go round for ever. */
static void test_our_own_key(void **state)
{
	struct fix *f = *state;
	struct sa self[2];
	size_t second;

	assert_int_equal(sp_relay_add(&second, f->r), 0);
	assert_true(rtp_passes(f, CALLER, 1, 1));
	for (size_t stream = 0; stream < 2; stream++) {
		for (int of = 0; of < 2; of++) {
			const uint8_t *key = sp_relay_key(f->r, stream, (enum sp_side)of);

			for (int side = 0; side < 2; side++) {
				const uint16_t port = sp_relay_port(f->r, stream, (enum sp_side)of);

				assert_int_equal(sa_set_str(&self[0], LOCAL_IP, port), 0);
				assert_int_equal(sa_set_str(&self[1], LOCAL_IP, port + 1), 0);
				assert_int_equal(remote_tell(f, 0, side, &self[0], &self[1], key),
						 EINVAL);
			}
		}
	}

	/* nothing has changed, and the port alone is no matter: another call's may be there */
	assert_true(rtp_passes(f, CALLER, 1, 2));
	assert_true(rtp_passes(f, CALLEE, 1, 2));
	assert_int_equal(remote_tell(f, 0, CALLEE, &self[0], &self[1], f->peer[CALLEE].key), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_overtaken),
		RELAY_TEST(test_fork_not_taken),
		RELAY_TEST(test_caught_and_flood),
		RELAY_TEST(test_our_own_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
