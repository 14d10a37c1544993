/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A relay between two peers on real sockets, each with the SRTP of
 * media_reference.h; the loop is a fake one, so the test says when a socket is
 * read and what time it is.
 */
#ifndef SALLYPORT_TESTS_MEDIA_FIXTURE_H
#define SALLYPORT_TESTS_MEDIA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "media_priv.h"
#include "sallyport/base_util.h"
#include "unit/media_reference.h"

enum {
	BUF = 4096,
	CALLER = SP_SIDE_CALLER,
	CALLEE = SP_SIDE_CALLEE,
	START_MS = 1000000,
};

#define LOCAL_IP "127.0.77.1"
#define PEER_IP "127.0.77.2"
#define STRANGER_IP "127.0.77.66"

/* A far end: its sockets, and the keys in both directions. */
struct peer {
	int fd[2];
	struct sa addr[2];
	uint8_t key[30];
	struct ref tx, rx;
};

struct fix {
	struct sp_loop *loop;
	struct sp_media *media;
	struct sp_ports *ports[2];
	struct sp_relay *r;
	struct peer peer[2];
	unsigned silent[2];
	enum { DO_NOTHING, DO_RELEASE, DO_DEREF } what; /* the silence handler does */
};

static inline int socket_new(const char *ip, struct sa *addr)
{
	int fd;

	assert_int_equal(sa_set_str(addr, ip, 0), 0);
	fd = socket(sa_af(addr), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &addr->u.sa, addr->len), 0);
	addr->len = sizeof(addr->u);
	assert_int_equal(getsockname(fd, &addr->u.sa, &addr->len), 0);

	return fd;
}

static inline void peer_open(struct peer *p, const char *ip)
{
	for (int i = 0; i < 2; i++)
		p->fd[i] = socket_new(ip, &p->addr[i]);
	sp_random(p->key, sizeof(p->key));
	ref_init(&p->tx, p->key);
}

static inline void silent_handler(enum sp_side side, void *arg)
{
	struct fix *f = arg;

	f->silent[side]++;
	if (f->what == DO_RELEASE)
		sp_loop_release(f->loop, f->r);
	if (f->what == DO_DEREF)
		mem_deref(f->r);
	if (f->what)
		f->r = NULL;
}

static inline struct sp_ports *ports_new(const char *ip, uint16_t min, uint16_t max)
{
	struct sp_ports *p = NULL;
	struct sa addr;

	assert_int_equal(sa_set_str(&addr, ip, 0), 0);
	assert_int_equal(sp_ports_alloc(&p, &addr, min, max), 0);

	return p;
}

/* Tell the relay of a peer. */
static inline int remote_tell(struct fix *f, size_t stream, int side, const struct sa *rtp,
			      const struct sa *rtcp, const uint8_t *key)
{
	struct sp_relay_remote r = {.rtp = *rtp, .rtcp = *rtcp};

	memcpy(r.srtp.key, key, sizeof(r.srtp.key));

	return sp_relay_remote(f->r, stream, (enum sp_side)side, &r);
}

static inline int remote_set(struct fix *f, int side)
{
	const struct peer *p = &f->peer[side];

	return remote_tell(f, 0, side, &p->addr[0], &p->addr[1], p->key);
}

/* A relay with one stream; its peers are not told to it yet. */
static inline int setup_bare(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || sp_loop_alloc_fake(&f->loop, START_MS) || sp_media_alloc(&f->media, f->loop))
		return -1;

	for (int side = 0; side < 2; side++) {
		f->ports[side] = ports_new(LOCAL_IP, 20000, 29999);
		peer_open(&f->peer[side], PEER_IP);
	}
	assert_int_equal(sp_relay_alloc(&f->r, f->media, f->ports, silent_handler, f), 0);
	assert_int_equal(sp_relay_add(NULL, f->r), 0);
	for (int side = 0; side < 2; side++)
		ref_init(&f->peer[side].rx, sp_relay_key(f->r, 0, (enum sp_side)side));
	*state = f;

	return 0;
}

static inline int setup(void **state)
{
	struct fix *f;
	int err = setup_bare(state);

	f = *state;
	for (int side = 0; side < 2 && !err; side++)
		err = remote_set(f, side);

	return err;
}

static inline int teardown(void **state)
{
	struct fix *f = *state;

	mem_deref(f->r);
	sp_loop_turn(f->loop);
	for (int side = 0; side < 2; side++) {
		(void)close(f->peer[side].fd[0]);
		(void)close(f->peer[side].fd[1]);
		assert_int_equal(sp_ports_used(f->ports[side]), 0);
		mem_deref(f->ports[side]);
	}
	mem_deref(f->media);
	mem_deref(f->loop);
	free(f);

	return 0;
}

/* Send octets to the relay's port on a side and let the relay read. */
static inline void wire_send(struct fix *f, int fd, int side, int proto, const uint8_t *p, size_t n)
{
	struct sa to;

	assert_int_equal(sa_set_str(&to, LOCAL_IP, 0), 0);
	sa_set_port(&to, (uint16_t)(sp_relay_port(f->r, 0, (enum sp_side)side) + proto));
	assert_int_equal(sendto(fd, p, n, 0, &to.u.sa, to.len), (ssize_t)n);
	media_relay_readable(f->r, 0, (enum sp_side)side, proto == 1);
}

/* @return octets that came to fd, 0 when none did */
static inline size_t wire_recv(int fd, uint8_t *p)
{
	const ssize_t n = recv(fd, p, BUF, MSG_DONTWAIT);

	return n < 0 ? 0 : (size_t)n;
}

static inline void peer_send(struct fix *f, int side, uint32_t ssrc, uint16_t seq)
{
	uint8_t p[BUF];
	const size_t n = ref_rtp(p, ssrc, seq, 160);

	wire_send(f, f->peer[side].fd[0], side, 0, p, ref_protect(&f->peer[side].tx, p, n, 0));
}

/* The packet of peer_send() arrived, whole, on fd of the peer on side. */
static inline bool rtp_arrived(struct fix *f, int side, int fd, uint32_t ssrc, uint16_t seq)
{
	uint8_t p[BUF], plain[BUF];
	size_t n = wire_recv(fd, p);

	if (!n)
		return false;

	n = ref_unprotect(&f->peer[side].rx, p, n, 0);
	assert_int_equal(n, ref_rtp(plain, ssrc, seq, 160));
	assert_memory_equal(p, plain, n);

	return true;
}

static inline bool rtp_passes(struct fix *f, int from, uint32_t ssrc, uint16_t seq)
{
	peer_send(f, from, ssrc, seq);

	return rtp_arrived(f, !from, f->peer[!from].fd[0], ssrc, seq);
}

static inline struct sp_relay_count count_of(const struct fix *f, int side)
{
	struct sp_relay_count c;

	sp_relay_count(f->r, (enum sp_side)side, &c);

	return c;
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
