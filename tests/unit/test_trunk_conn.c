/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is demanded of every connection, and of those that we keep open: whole
 * messages in time, keep-alives (RFC 5626 3.5.1, 4.4.1). Outbound connections
 * are made by hand, so that their timers run on the clock that the tests turn.
 */
#include "trunk_accept.h"

/* A peer that we connect to. */
struct far {
	struct world *w;
	struct sp_tls_listener *listener;
	struct client near, peer; /* our end until it is the trunk's; its end */
};

static void poll_again(void *arg)
{
	sp_loop_stop(arg);
}

/* Run the real loop until the gateway has got so many bytes on the connection. */
static void until_received(struct world *w, const struct conn *c, uint64_t bytes)
{
	for (unsigned i = 0; i < FIX_WATCHDOG_MS && c->received < bytes; ++i) {
		struct sp_timer timer = {0};

		sp_timer_start(w->loop, &timer, 1, poll_again, w->loop);
		assert_int_equal(sp_loop_run(w->loop), 0);
		sp_timer_cancel(&timer);
	}
	assert_int_equal(c->received, bytes);
}

static void until_got(struct client *cl, size_t bytes)
{
	while (cl->got < bytes)
		fix_run(cl->w->loop);
	assert_int_equal(cl->got, bytes);
}

static struct conn *accepted(const struct world *w)
{
	return list_ledata(list_head(&w->f.trunk[0]->accepted));
}

/* Send text to the gateway, and wait until it is there. */
static void say(struct client *cl, struct conn *c, const char *text)
{
	const uint64_t received = c->received + strlen(text);

	assert_int_equal(sp_tls_send(cl->tls, (const uint8_t *)text, strlen(text)), 0);
	until_received(cl->w, c, received);
}

#define OPTIONS                                                                                    \
	"OPTIONS sip:sbc.test SIP/2.0\r\nVia: SIP/2.0/TLS one.test;branch=z9hG4bKx\r\n"            \
	"From: <sip:one.test>;tag=1\r\nTo: <sip:sbc.test>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"    \
	"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

/* A client whose first message was answered, of a trunk with these settings. */
static struct client *regular(struct world *w)
{
	struct client *cl;

	w->f.conf->limits.message_s = 10;
	fix_apply(&w->f, w->ts, 1);
	cl = dial(w);
	send_options(cl);
	cl->got = 0;
	return cl;
}

static unsigned refused(const struct world *w)
{
	struct sp_trunk_status s;

	sp_trunk_status(w->f.trunk[0], &s);
	return (unsigned)s.messages_refused;
}

static void test_message_too_slow(void **state)
{
	struct world *w = *state;
	struct client *cl = regular(w);
	struct conn *c = accepted(w);

	for (unsigned i = 0; i < 9; ++i) { /* a byte a second does not help */
		say(cl, c, "O");
		sp_loop_advance(w->fake, 1000);
	}
	sp_loop_advance(w->fake, 999);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	until_down(cl);
	assert_int_equal(fix_logged("sip_refused trunk=one src=127.0.0.1"), 1);
	assert_int_equal(fix_logged("message not complete in 10 s"), 1);
	assert_int_equal(refused(w), 1);
}

/* The body counts too. */
static void test_body_too_slow(void **state)
{
	struct world *w = *state;
	struct client *cl = regular(w);

	say(cl, accepted(w),
	    "OPTIONS sip:sbc.test SIP/2.0\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nabcd");
	sp_loop_advance(w->fake, 10000);
	until_down(cl);
	assert_int_equal(fix_logged("message not complete in 10 s"), 1);
}

/* Each message has its own time, also when it came with the end of the one before. */
static void test_each_message_has_its_time(void **state)
{
	struct world *w = *state;
	struct client *cl = regular(w);
	struct conn *c = accepted(w);
	const size_t half = sizeof(OPTIONS) / 2;
	char text[2 * sizeof(OPTIONS)];

	re_snprintf(text, sizeof(text), "%b", OPTIONS, half);
	say(cl, c, text);
	for (unsigned i = 0; i < 5; ++i) {
		sp_loop_advance(w->fake, 9000);
		re_snprintf(text, sizeof(text), "%s%b", &OPTIONS[half], OPTIONS, half);
		say(cl, c, text);
	}
	sp_loop_advance(w->fake, 9000);
	say(cl, c, &OPTIONS[half]);
	sp_loop_advance(w->fake, 100000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	assert_int_equal(sp_sip_conn_messages(c->sip), 7);
	assert_int_equal(refused(w), 0);
}

/* RFC 5626 4.4.1: somewhere between 80 % of the time and all of it. */
static void test_keepalive(void **state)
{
	struct world *w = *state;
	struct client *cl;
	struct conn *c;

	w->f.trunkv[0].keepalive_s = 90;
	cl = regular(w);
	c = accepted(w);
	for (unsigned i = 0; i < 3; ++i) {
		sp_loop_advance(w->fake, 71999);
		assert_false(c->pinged_ms > c->heard_ms);
		while (c->pinged_ms <= c->heard_ms)
			sp_loop_advance(w->fake, 1);
		assert_in_range(c->pinged_ms - c->heard_ms, 72000, 90000);
		until_got(cl, 4 * (i + 1));
		say(cl, c, "\r\n");
	}
	assert_int_equal(sp_sip_conn_pongs(c->sip), 3);

	/* any bytes are a sign of life */
	sp_loop_advance(w->fake, 72000);
	while (c->pinged_ms <= c->heard_ms)
		sp_loop_advance(w->fake, 1);
	sp_loop_advance(w->fake, 9999);
	say(cl, c, OPTIONS);
	sp_loop_advance(w->fake, 10000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
}

static void test_keepalive_unanswered(void **state)
{
	struct world *w = *state;
	struct client *cl;
	struct conn *c;
	uint64_t since_ms;

	w->f.trunkv[0].keepalive_s = 5;
	cl = regular(w);
	c = accepted(w);
	sp_loop_advance(w->fake, 5000);
	until_got(cl, 4);
	say(cl, c, "\r\n");
	sp_loop_advance(w->fake, 5000);
	until_got(cl, 8);
	since_ms = sp_loop_now_ms(w->fake) - c->pinged_ms;
	sp_loop_advance(w->fake, TRUNK_PONG_MS - since_ms - 1);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	sp_loop_advance(w->fake, 1);
	assert_int_equal(sp_trunks_connections(w->ts), 0);
	until_down(cl);
	assert_int_equal(fix_logged("why=\"keep-alive unanswered\""), 1);
	assert_int_equal(cl->got, 8);
}

/* RFC 3261 7.5 has such a peer ignore them. */
static void test_keepalive_never_answered(void **state)
{
	struct world *w = *state;
	struct client *cl;

	w->f.trunkv[0].keepalive_s = 30;
	cl = regular(w);
	sp_loop_advance(w->fake, 1000000);
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	while (cl->got < 4 * 30)
		fix_run(w->loop);
	assert_int_equal(cl->got % 4, 0);
	assert_in_range(cl->got, 4 * (1000 / 30), 4 * (1000 / 24));
}

static void test_no_keepalive_while_bytes_come(void **state)
{
	struct world *w = *state;
	struct client *cl;

	w->f.trunkv[0].keepalive_s = 30;
	cl = regular(w);
	for (unsigned i = 0; i < 10; ++i) {
		sp_loop_advance(w->fake, 23000);
		say(cl, accepted(w), OPTIONS);
	}
	assert_int_equal(accepted(w)->pinged_ms, 0);
}

/* Who opened a connection keeps it open: the peer, when we have its targets. */
static void test_keepalive_is_the_openers(void **state)
{
	struct world *w = *state;
	struct sp_conf_trunk *conf = &w->f.trunkv[0];

	conf->keepalive_s = 30;
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = "192.0.2.1", .port = 5061, .port_given = true};
	regular(w);
	sp_loop_advance(w->fake, 100000);
	assert_int_equal(accepted(w)->pinged_ms, 0);
}

static void test_keepalive_comes_and_goes_with_reloads(void **state)
{
	struct world *w = *state;
	uint64_t pinged_ms;

	regular(w);
	sp_loop_advance(w->fake, 100000);
	assert_int_equal(accepted(w)->pinged_ms, 0);
	w->f.trunkv[0].keepalive_s = 30;
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 0);
	pinged_ms = accepted(w)->pinged_ms;
	assert_true(pinged_ms > 0);
	w->f.trunkv[0].keepalive_s = 0;
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 100000);
	assert_int_equal(accepted(w)->pinged_ms, pinged_ms);

	/* that one was never answered, which is no reason not to ask again */
	w->f.trunkv[0].keepalive_s = 30;
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 0);
	assert_true(accepted(w)->pinged_ms > pinged_ms);
}

static void far_accept(struct sp_tls_conn *c, void *arg)
{
	struct far *far = arg;

	far->peer = (struct client){.w = far->w, .tls = c, .up = true};
	sp_tls_handle(c, &handlers, &far->peer);
	sp_loop_stop(far->w->loop);
}

/* An outbound connection of the trunk's only target. */
static struct conn *connect_out(struct far *far, struct world *w)
{
	struct sp_conf_trunk *conf = &w->f.trunkv[0];
	struct sa laddr;
	struct conn *c;

	memset(far, 0, sizeof(*far));
	far->w = far->near.w = w;
	sa_set_str(&laddr, "127.0.0.1", 0);
	assert_int_equal(sp_tls_listen(&far->listener, w->loop, w->far_server, &laddr,
				       &(struct sp_tls_listen_conf){.handshakes = 16}, far_accept,
				       far),
			 0);
	w->f.conf->limits.message_s = 10;
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = "192.0.2.1", .port = 5061, .port_given = true};
	fix_apply(&w->f, w->ts, 1);
	assert_int_equal(w->f.trunk[0]->targetc, 1);

	assert_int_equal(sp_tls_connect(&far->near.tls, w->loop, w->far_client,
					sp_tls_listener_laddr(far->listener), "one.test", &handlers,
					&far->near),
			 0);
	while (!far->near.up || !far->peer.up)
		fix_run(w->loop);
	assert_int_equal(conn_new(&c, w->f.trunk[0], w->f.trunk[0]->targetv[0], far->near.tls), 0);
	target_connected(w->f.trunk[0]->targetv[0], c);
	return c;
}

static void far_close(struct far *far)
{
	mem_deref(far->peer.tls);
	mem_deref(far->listener);
}

static void test_outbound_message_too_slow(void **state)
{
	struct world *w = *state;
	struct far far;
	struct conn *c = connect_out(&far, w);

	say(&far.peer, c, OPTIONS "OPTIONS sip:");
	sp_loop_advance(w->fake, 9999);
	assert_true(conn_live(c));
	sp_loop_advance(w->fake, 1);
	until_down(&far.peer);
	assert_int_equal(fix_logged("conn_down trunk=one dir=out"), 1);
	assert_int_equal(fix_logged("message not complete in 10 s"), 1);
	assert_int_equal(refused(w), 1);
	far_close(&far);
}

static void test_outbound_keepalive(void **state)
{
	struct world *w = *state;
	struct far far;
	struct conn *c;

	w->f.trunkv[0].keepalive_s = 30;
	c = connect_out(&far, w);
	sp_loop_advance(w->fake, 30000);
	until_got(&far.peer, 4);
	say(&far.peer, c, "\r\n");
	sp_loop_advance(w->fake, 30000);
	until_got(&far.peer, 8);
	sp_loop_advance(w->fake, 10000);
	until_down(&far.peer);
	assert_int_equal(fix_logged("conn_down trunk=one dir=out"), 1);
	assert_int_equal(fix_logged("keep-alive unanswered"), 1);
	far_close(&far);
}

/* Also on connections that are up when the setting comes. */
static void test_outbound_keepalive_comes_with_a_reload(void **state)
{
	struct world *w = *state;
	struct far far;
	struct conn *c = connect_out(&far, w);

	sp_loop_advance(w->fake, 100000);
	assert_int_equal(c->pinged_ms, 0);
	w->f.trunkv[0].keepalive_s = 30;
	fix_apply(&w->f, w->ts, 1);
	sp_loop_advance(w->fake, 1000);
	assert_true(c->pinged_ms > 0);
	far_close(&far);
}

/* The socket whose local port is this. */
static int socket_of(uint16_t port)
{
	for (int fd = 3; fd < 1024; ++fd) {
		struct sa sa = {.len = sizeof(sa.u)};

		if (!getsockname(fd, &sa.u.sa, &sa.len) && sa_port(&sa) == port)
			return fd;
	}
	return -1;
}

static int send_large(struct world *w, struct sp_sip_conn *conn)
{
	static char body[SP_SIP_BODY_MAX];
	struct sp_sip_request req = {
		.method = SP_SIP_MESSAGE, .uri = "sip:one.test", .content_type = "text/plain"};
	struct mbuf *mb = mbuf_alloc(256);
	int err;

	memset(body, 'x', sizeof(body));
	req.body = (struct pl){.p = body, .l = sizeof(body)};
	assert_int_equal(sp_sip_put(mb, "From", "<sip:sbc.test>;tag=1"), 0);
	assert_int_equal(sp_sip_put(mb, "To", "<sip:one.test>"), 0);
	assert_int_equal(sp_sip_put(mb, "Call-ID", "large"), 0);
	assert_int_equal(sp_sip_put(mb, "CSeq", "1 MESSAGE"), 0);
	req.headers = mb;
	err = sp_sip_request(NULL, w->sip, conn, &req, NULL, NULL);
	mem_deref(mb);
	return err;
}

/* A peer that reads nothing has its queue filled and is closed. Nobody waits for it: all the
 * while others are answered at once. */
static void test_stuck_peer_delays_nobody(void **state)
{
	struct world *w = *state;
	struct client *stuck = regular(w), *other;
	struct conn *c = accepted(w);
	struct sp_sip_conn *sip = mem_ref(c->sip);
	unsigned sent = 0;

	other = dial(w);
	sp_loop_unlisten(w->loop, socket_of(sa_port(sp_tls_conn_raddr(c->tls))));
	while (!send_large(w, sip)) {
		assert_in_range(++sent, 1, 10000);
		send_options(other);
	}
	assert_true(sent >= SP_TLS_QUEUE_MAX / SP_SIP_BODY_MAX - 1);
	fix_await(w->loop, "conn_down trunk=one dir=in");
	assert_true(sp_sip_conn_isgone(sip));
	assert_false(stuck->down); /* it has not even looked */
	assert_int_equal(sp_trunks_connections(w->ts), 1);
	send_options(other);
	print_message("closed after %u messages of 32 KB\n", sent);
	mem_deref(sip);
}

/* Where it leads can be asked for when it has gone. */
static void test_lead(void **state)
{
	struct world *w = *state;
	struct far far;
	struct conn *c = connect_out(&far, w);
	struct sp_sip_conn *sip = mem_ref(c->sip);

	assert_true(sa_cmp(sp_trunk_peer_addr(sip), sp_tls_listener_laddr(far.listener), SA_ALL));
	assert_ptr_equal(c->lead, sp_sip_conn_kept(sip));
	assert_ptr_equal(c->lead->conn, c);
	assert_int_equal(c->lead->target, w->f.trunk[0]->targetv[0]->key);
	assert_string_equal(c->lead->label, "192.0.2.1:5061");
	conn_end(c, "enough");
	sp_loop_turn(w->fake);
	assert_null(((const struct lead *)sp_sip_conn_kept(sip))->conn);
	assert_true(sa_cmp(sp_trunk_peer_addr(sip), sp_tls_listener_laddr(far.listener), SA_ALL));
	assert_null(sp_trunk_peer_addr(NULL));
	mem_deref(sip);
	far_close(&far);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_message_too_slow),
		T(test_body_too_slow),
		T(test_each_message_has_its_time),
		T(test_keepalive),
		T(test_keepalive_unanswered),
		T(test_keepalive_never_answered),
		T(test_no_keepalive_while_bytes_come),
		T(test_keepalive_is_the_openers),
		T(test_keepalive_comes_and_goes_with_reloads),
		T(test_outbound_message_too_slow),
		T(test_outbound_keepalive),
		T(test_outbound_keepalive_comes_with_a_reload),
		T(test_stuck_peer_delays_nobody),
		T(test_lead),
	};

	return cmocka_run_group_tests_name("trunk/conn", tests, setup_all, teardown_all);
}
