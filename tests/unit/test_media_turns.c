/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sockets of media in a real loop: packets that come one by one are waited for, packets
 * that come fast are looked for at a pace of their own, and none is forgotten between the two.
 */
#include <sys/eventfd.h>

#include "media_fixture.h"
#include "path_priv.h"

enum { FAST = 3000, LATER = 5, LIMIT_MS = 20000 };

struct world {
	struct fix f;
	int driver; /* readable in each turn */
	uint16_t sent;
	bool ticked;   /* it went over to ticks... */
	bool waited;   /* ...and back              */
	unsigned late; /* packets sent after that  */
	struct sp_timer limit;
};

static uint64_t relayed(const struct world *w)
{
	return count_of(&w->f, CALLER).relayed;
}

static void send_one(struct world *w)
{
	struct peer *from = &w->f.peer[CALLER];
	uint8_t p[BUF];
	const size_t n = ref_protect(&from->tx, p, ref_rtp(p, 1, w->sent++, 160), 0);
	struct sa to;

	assert_int_equal(sa_set_str(&to, LOCAL_IP, sp_relay_port(w->f.r, 0, SP_SIDE_CALLER)), 0);
	assert_int_equal(sendto(from->fd[0], p, n, 0, &to.u.sa, to.len), (ssize_t)n);
}

/* A packet per turn, unless they are not taken; later one at a time. */
static void drive(int flags, void *arg)
{
	struct world *w = arg;
	const unsigned waiting = w->sent - (unsigned)relayed(w);
	(void)flags;

	w->ticked |= w->f.media->ticking;
	if (w->sent < FAST) {
		if (waiting < 20)
			send_one(w);
		return;
	}

	if (waiting || w->f.media->ticking)
		return;

	w->waited = true;
	if (w->late++ < LATER)
		send_one(w);
	else
		sp_loop_stop(w->f.loop);
}

static void too_long(void *arg)
{
	struct world *w = arg;

	sp_loop_stop(w->f.loop);
}

static void test_waiting_and_ticking(void **state)
{
	const uint64_t one = 1;
	struct world w = {.driver = eventfd(1, EFD_NONBLOCK)};
	struct fix *f = &w.f;
	uint8_t p[BUF];
	(void)state;

	assert_int_equal(write(w.driver, &one, sizeof(one)), sizeof(one));
	assert_int_equal(sp_loop_alloc(&f->loop, 1024), 0);
	assert_int_equal(sp_media_alloc(&f->media, f->loop), 0);
	for (int side = 0; side < 2; side++) {
		f->ports[side] = ports_new(LOCAL_IP, 20000, 29999);
		peer_open(&f->peer[side], PEER_IP);
	}
	assert_int_equal(sp_relay_alloc(&f->r, f->media, f->ports, NULL, NULL), 0);
	assert_int_equal(sp_relay_add(NULL, f->r), 0);
	assert_int_equal(remote_set(f, CALLER), 0);
	assert_int_equal(remote_set(f, CALLEE), 0);
	assert_int_equal(sp_loop_listen(f->loop, w.driver, FD_READ, drive, &w), 0);
	sp_timer_start(f->loop, &w.limit, LIMIT_MS, too_long, &w);

	assert_int_equal(sp_loop_run(f->loop), 0);

	sp_timer_cancel(&w.limit);
	assert_true(w.ticked);
	assert_true(w.waited);
	assert_int_equal(w.sent, FAST + LATER);
	assert_int_equal(relayed(&w), FAST + LATER);
	while (wire_recv(f->peer[CALLEE].fd[0], p))
		;

	mem_deref(f->r);
	sp_loop_unlisten(f->loop, w.driver);
	(void)close(w.driver);
	for (int side = 0; side < 2; side++) {
		(void)close(f->peer[side].fd[0]);
		(void)close(f->peer[side].fd[1]);
		mem_deref(f->ports[side]);
	}
	mem_deref(f->media);
	mem_deref(f->loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_and_ticking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
