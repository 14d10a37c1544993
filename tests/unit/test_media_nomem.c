/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A relay with memory running out: each allocation of its life fails in turn,
 * alone or with those that follow: ports, keys, streams, the tables that grow
 * with the SSRCs that come. What could not be set up is told by the result, what
 * is up drops packets at most, and all ports are given back.
 */
#include "alloc_fault.h"

#include <openssl/crypto.h>

#include "unit/media_fixture.h"

enum { SSRCS = 20, CASES_MAX = 2000 };

static const unsigned lengths[] = {1, 5, 1 << 30};

static struct {
	unsigned cases, refused;
} sums;

/* ---- the relay, called as the gateway does ---- */

static void packet(struct fix *f, int side, uint32_t ssrc, uint16_t seq, bool rtcp)
{
	struct peer *p = &f->peer[side];
	uint8_t wire[BUF];
	size_t n = rtcp ? ref_rtcp(wire, ssrc, 0x5a) : ref_rtp(wire, ssrc, seq, 160);
	struct sa to;
	unsigned was;

	n = rtcp ? ref_protect_rtcp(&p->tx, wire, n, seq) : ref_protect(&p->tx, wire, n, 0);
	assert_int_equal(sa_set_str(&to, LOCAL_IP, 0), 0);
	sa_set_port(&to, (uint16_t)(sp_relay_port(f->r, 0, (enum sp_side)side) + rtcp));
	assert_int_equal(sendto(p->fd[rtcp], wire, n, 0, &to.u.sa, to.len), (ssize_t)n);
	was = alloc_enter();
	media_relay_readable(f->r, 0, (enum sp_side)side, rtcp);
	alloc_leave(was);
}

/* Both ways, from many sources, RTP and RTCP. */
static void talk(struct fix *f, uint16_t seq)
{
	for (uint32_t ssrc = 1; ssrc <= SSRCS; ssrc++) {
		for (int side = 0; side < 2; side++) {
			packet(f, side, ssrc + 100 * (uint32_t)side, seq, false);
			packet(f, side, ssrc + 100 * (uint32_t)side, seq, true);
		}
	}
}

static int tell(struct fix *f, int side)
{
	const struct peer *p = &f->peer[side];
	unsigned was = alloc_enter();
	int err = remote_tell(f, 0, side, &p->addr[0], &p->addr[1], p->key);

	alloc_leave(was);
	return err;
}

/* A call's worth of media. @return what could not be had */
static int life(struct fix *f)
{
	unsigned was = alloc_enter();
	int err = sp_relay_alloc(&f->r, f->media, f->ports, silent_handler, f);

	if (!err)
		err = sp_relay_add(NULL, f->r);
	alloc_leave(was);
	for (int side = 0; side < 2 && !err; side++)
		err = tell(f, side);
	if (err)
		return err;
	talk(f, 1);
	for (int side = 0; side < 2; side++) {
		was = alloc_enter();
		err = err ? err : sp_relay_rekey(f->r, 0, (enum sp_side)side, false);
		alloc_leave(was);
	}
	talk(f, 2);
	return err;
}

static void drain(struct fix *f)
{
	uint8_t p[BUF];

	for (int side = 0; side < 2; side++) {
		while (wire_recv(f->peer[side].fd[0], p) || wire_recv(f->peer[side].fd[1], p))
			continue;
	}
}

/* With memory again: all that the relay needs can be told anew, and packets pass. */
static void works(struct fix *f)
{
	drain(f);
	for (int side = 0; side < 2; side++) {
		sp_random(f->peer[side].key, sizeof(f->peer[side].key));
		ref_init(&f->peer[side].tx, f->peer[side].key);
		assert_int_equal(0, tell(f, side));
	}
	for (int side = 0; side < 2; side++)
		ref_init(&f->peer[side].rx, sp_relay_key(f->r, 0, (enum sp_side)side));
	for (uint16_t seq = 10; seq < 13; seq++) {
		packet(f, CALLER, 7, seq, false);
		assert_true(rtp_arrived(f, CALLEE, f->peer[CALLEE].fd[0], 7, seq));
		packet(f, CALLEE, 8, seq, false);
		assert_true(rtp_arrived(f, CALLER, f->peer[CALLER].fd[0], 8, seq));
	}
}

static void forget(struct fix *f)
{
	const unsigned was = alloc_enter();

	f->r = mem_deref(f->r);
	alloc_leave(was);
	sp_loop_turn(f->loop);
	for (int side = 0; side < 2; side++)
		assert_int_equal(0, sp_ports_used(f->ports[side]));
	drain(f);
}

struct fault {
	struct fix *f;
	unsigned first, length;
};

static void one_case(void *arg)
{
	const struct fault *fault = arg;
	struct fix *f = fault->f;
	int err;

	alloc_plan(fault->first,
		   fault->length < 1 << 30 ? fault->first + fault->length - 1 : 1 << 30);
	err = life(f);
	alloc_heal();
	assert_true(!err || ENOMEM == err);
	sums.cases++;
	sums.refused += err != 0;
	if (err)
		forget(f);
	if (err && life(f))
		fail_msg("allocation %u: the next relay fails", fault->first);
	works(f);
	forget(f);
	OPENSSL_thread_stop(); /* its list of errors */
}

static void each_allocation(void **state)
{
	struct fix *f = *state;
	unsigned count;

	f->r = mem_deref(f->r);
	for (unsigned i = 0; i < 2; i++) { /* the first one fills OpenSSL's own tables */
		alloc_plan(0, 0);
		assert_int_equal(0, life(f));
		count = alloc_state.count;
		works(f);
		forget(f);
		alloc_forget_all();
	}
	assert_in_range(count, 30, CASES_MAX);
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
		for (unsigned n = 1; n <= count; n++) {
			struct fault fault = {f, n, lengths[l]};

			if (alloc_grows(one_case, &fault))
				fail_msg("allocation %u, %u of them: it leaks", n, lengths[l]);
		}
	}
	print_message("%u allocations, %u cases, %u relays refused\n", count, sums.cases,
		      sums.refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_allocation, setup_bare, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
