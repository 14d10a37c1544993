/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Media is taken only from the networks that a side's trunk names.
 */
#include "unit/media_fixture.h"

static void net_set(struct sp_net *net, const char *text)
{
	struct pl pl;

	pl_set_str(&pl, text);
	assert_int_equal(sp_net_parse(net, &pl), 0);
}

static void wire_send_rtp(struct fix *f, int fd, struct peer *p, uint16_t seq)
{
	uint8_t wire[BUF];

	wire_send(f, fd, CALLER, 0, wire, ref_protect(&p->tx, wire, ref_rtp(wire, 1, seq, 160), 0));
}

/* What comes from outside is not even looked at, though it be authentic. */
static void test_networks(void **state)
{
	struct fix *f = *state;
	struct peer *p = &f->peer[CALLER];
	struct sp_net net[2];
	const struct sp_nets nets = {.v = net, .c = 2};
	const uint8_t rubbish[1] = {0};
	struct sp_relay_count c;
	struct sa addr;
	int outside = socket_new(STRANGER_IP, &addr), inside = socket_new("127.0.77.3", &addr);

	net_set(&net[0], "192.0.2.0/24");
	net_set(&net[1], "127.0.77.0/30");
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets, NULL), 0);

	wire_send_rtp(f, outside, p, 1);
	wire_send(f, outside, CALLER, 0, rubbish, sizeof(rubbish));
	wire_send(f, outside, CALLER, 1, rubbish, sizeof(rubbish));
	c = count_of(f, CALLER);
	assert_int_equal(c.foreign, 3);
	assert_int_equal(c.relayed + c.malformed + c.unauthentic + c.latched, 0);

	/* within: as said in the description, and as latched (RFC 7362) */
	assert_true(rtp_passes(f, CALLER, 1, 2));
	wire_send_rtp(f, inside, p, 3);
	wire_send_rtp(f, inside, p, 4);
	c = count_of(f, CALLER);
	assert_int_equal(c.relayed, 3);
	assert_int_equal(c.latched, 1);
	assert_int_equal(c.foreign, 3);

	/* the other side is free */
	peer_send(f, CALLEE, 2, 1);
	assert_true(rtp_arrived(f, CALLER, inside, 2, 1));
	assert_int_equal(count_of(f, CALLEE).foreign, 0);

	(void)close(outside);
	(void)close(inside);
}

/* An address that only the description names has proven nothing. */
static void test_networks_signalled(void **state)
{
	struct fix *f = *state;
	struct sp_net net;
	const struct sp_nets nets = {.v = &net, .c = 1};

	net_set(&net, "192.0.2.0/24");
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets, NULL), 0);
	assert_false(rtp_passes(f, CALLER, 1, 1));
	assert_int_equal(count_of(f, CALLER).foreign, 1);
	assert_int_equal(remote_set(f, CALLER), 0);
	assert_false(rtp_passes(f, CALLER, 1, 2));
	assert_int_equal(count_of(f, CALLER).foreign, 2);
}

/* Networks may be told anew: who was latched must pass again. */
static void test_networks_anew(void **state)
{
	struct fix *f = *state;
	struct sp_net net;
	const struct sp_nets nets = {.v = &net, .c = 1}, none = {0};
	size_t second;

	assert_int_equal(sp_relay_networks(NULL, SP_SIDE_CALLER, &nets, NULL), EINVAL);
	assert_true(rtp_passes(f, CALLER, 1, 1));
	net_set(&net, "192.0.2.0/24");
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets, NULL), 0);
	assert_false(rtp_passes(f, CALLER, 1, 2));
	net_set(&net, "127.0.77.0/24");
	assert_true(rtp_passes(f, CALLER, 1, 3));

	net_set(&net, "192.0.2.0/24");
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &none, NULL), 0);
	assert_true(rtp_passes(f, CALLER, 1, 4));
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, NULL, NULL), 0);
	assert_true(rtp_passes(f, CALLER, 1, 5));
	assert_int_equal(count_of(f, CALLER).foreign, 1);

	/* streams of later are under them too */
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets, NULL), 0);
	sp_relay_end(f->r, 0);
	assert_int_equal(sp_relay_add(&second, f->r), 0);
	assert_int_equal(second, 0);
	assert_int_equal(remote_set(f, CALLER), 0);
	peer_send(f, CALLER, 1, 6);
	assert_int_equal(count_of(f, CALLER).foreign, 2);
}

static void owner_destructor(void *arg)
{
	**(bool **)arg = true;
}

/* The list lives as long as its owner, and the relay keeps that. */
static void test_networks_owner(void **state)
{
	struct fix *f = *state;
	static bool gone[2];
	struct sp_nets nets[2];
	struct sp_net net;
	bool **owner[2];

	net_set(&net, "127.0.77.0/24");
	for (int i = 0; i < 2; i++) {
		gone[i] = false;
		nets[i] = (struct sp_nets){.v = &net, .c = 1};
		owner[i] = mem_zalloc(sizeof(*owner[i]), owner_destructor);
		assert_non_null(owner[i]);
		*owner[i] = &gone[i];
	}

	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets[0], owner[0]), 0);
	mem_deref(owner[0]);
	assert_false(gone[0]);
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets[0], owner[0]), 0);
	assert_false(gone[0]);
	assert_int_equal(sp_relay_networks(f->r, SP_SIDE_CALLER, &nets[1], owner[1]), 0);
	mem_deref(owner[1]);
	assert_true(gone[0]);
	assert_true(rtp_passes(f, CALLER, 1, 1));
	assert_false(gone[1]);
	f->r = mem_deref(f->r);
	assert_true(gone[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_networks),
		RELAY_TEST(test_networks_signalled),
		RELAY_TEST(test_networks_anew),
		RELAY_TEST(test_networks_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
