/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/conn, stream, listen: the life of connections over real sockets on
 * 127.0.0.1, both ends in this process. Deadlines are tested on a fake clock.
 */
#include <sys/resource.h>

#include "tls_raw.h"

enum { BULK = 300 * 1024 };

/* A connection of ours to our own listener; the far end shows a's certificate. */
static void dial(struct world *w, struct end *e)
{
	const char *v[] = {"gw.example"};
	const struct sp_tls_peer_conf conf = {.trunk = "gw",
					      .identityv = v,
					      .identityc = 1,
					      .check_purpose = true,
					      .ca = fix_path(&w->dir, "ca.crt")};
	struct sp_tls_context *ctx = NULL;
	struct sp_tls_peer *peer = NULL;

	fix_write_cert(&w->dir, "alpha.crt", w->alpha.x, NULL);
	fix_write_key(&w->dir, "alpha.key", w->alpha.key, NULL);
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, NULL, NULL), 0);
	assert_int_equal(sp_tls_client_alloc(&ctx, fix_path(&w->dir, "alpha.crt"),
					     fix_path(&w->dir, "alpha.key"), peer, NULL, NULL),
			 0);
	e->loop = w->loop;
	assert_int_equal(sp_tls_connect(&e->c, w->loop, ctx, sp_tls_listener_laddr(w->l),
					"gw.example", &end_handlers, e),
			 0);
	assert_null(sp_tls_conn_peer(e->c));
	assert_int_equal(sp_tls_send(e->c, (const uint8_t *)"x", 1), ENOTCONN);

	/* the connection keeps both alive */
	mem_deref(ctx);
	mem_deref(peer);
}

static void raw_dial(struct world *w, struct raw *r)
{
	const struct raw_opts opts = {.cert = &w->alpha};
	const unsigned accepts = w->accepts;

	raw_start(r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts > accepts && r->up);
}

static void test_both_ends(void **state)
{
	struct world *w = *state;
	uint8_t *bulk = malloc(BULK);
	struct end far = {0};

	dial(w, &far);
	UNTIL(w, far.ups && w->accepts);
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(far.c)), "gw");
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(w->near.c)), "alpha");
	assert_true(sa_cmp(sp_tls_conn_laddr(far.c), sp_tls_conn_raddr(w->near.c), SA_ALL));
	assert_true(sa_cmp(sp_tls_conn_raddr(far.c), sp_tls_conn_laddr(w->near.c), SA_ALL));

	fill(bulk, BULK);
	assert_int_equal(sp_tls_send(far.c, bulk, BULK), 0);
	assert_int_equal(sp_tls_send(w->near.c, bulk, BULK), 0);
	UNTIL(w, far.got == BULK && w->near.got == BULK);
	assert_false(far.garbled || w->near.garbled);
	assert_null(w->near.c->queue.p); /* idle connections hold no queue */

	sp_tls_close(far.c);
	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.err, 0);
	assert_string_equal(w->near.why, "peer closed the connection");
	assert_int_equal(far.downs, 0);
	assert_int_equal(sp_tls_send(far.c, bulk, 1), ENOTCONN);
	mem_deref(far.c);
	free(bulk);
}

static void send_bulk(struct end *e)
{
	uint8_t *bulk = malloc(BULK);

	fill(bulk, BULK);
	for (size_t at = 0; at < BULK; at += 1000)
		assert_int_equal(sp_tls_send(e->c, bulk + at, BULK - at < 1000 ? BULK - at : 1000),
				 0);
	free(bulk);
}

/* Many small messages to a far end that is slow: order and bytes survive the queue. */
static void test_queue_keeps_order(void **state)
{
	struct world *w = *state;
	struct raw r;

	raw_dial(w, &r);
	send_bulk(&w->near);
	UNTIL(w, r.got == BULK);
	assert_false(r.garbled);
	assert_null(w->near.c->queue.p);
	raw_close(&r);
}

/* A far end that does not read: refused before encrypting, and down comes from the loop. */
static void test_queue_overflow(void **state)
{
	static uint8_t chunk[64 * 1024];
	struct world *w = *state;
	struct raw r;
	int err = 0;

	raw_dial(w, &r);
	r.deaf = true;
	sp_loop_unlisten(w->loop, r.fd);

	for (unsigned i = 0; i < 1000 && !err; ++i)
		err = sp_tls_send(w->near.c, chunk, sizeof(chunk));
	assert_int_equal(err, ENOBUFS);
	assert_in_range(w->near.c->queue.end - w->near.c->queue.pos,
			SP_TLS_QUEUE_MAX - sizeof(chunk) + 1, SP_TLS_QUEUE_MAX);
	assert_int_equal(w->near.downs, 0); /* not from within sp_tls_send() */
	assert_int_equal(sp_tls_send(w->near.c, chunk, 1), ENOTCONN);

	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.err, ENOBUFS);
	assert_non_null(strstr(w->near.why, "does not read"));
	assert_int_equal(w->near.downs, 1);
	raw_close(&r);
}

static void test_queue_overflow_then_close(void **state)
{
	static uint8_t much[SP_TLS_QUEUE_MAX + 1];
	struct world *w = *state;
	struct raw r;

	raw_dial(w, &r);
	assert_int_equal(sp_tls_send(w->near.c, much, sizeof(much)), ENOBUFS);
	sp_tls_close(w->near.c);
	UNTIL(w, r.closed);
	assert_int_equal(r.got, 0);
	assert_int_equal(w->near.downs, 0); /* never after a close */
	raw_close(&r);
}

/* What was sent before a close arrives, and close_notify after it (RFC 8446 section 6.1). */
static void test_close_after_send(void **state)
{
	struct world *w = *state;
	uint8_t text[20000];
	struct raw r;

	raw_dial(w, &r);
	fill(text, sizeof(text));
	assert_int_equal(sp_tls_send(w->near.c, text, sizeof(text)), 0);
	w->near.c = mem_deref(w->near.c);
	UNTIL(w, r.closed);
	assert_int_equal(r.got, sizeof(text));
	assert_false(r.garbled);
	assert_true(r.orderly);
	raw_close(&r);
}

static void test_far_end_closes(void **state)
{
	struct world *w = *state;
	struct raw r;

	raw_dial(w, &r);
	SSL_shutdown(r.ssl);
	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.err, 0);
	raw_close(&r);

	/* a cut connection is told apart (RFC 8446 section 6.1: truncation) */
	w->near.c = mem_deref(w->near.c);
	memset(&w->near, 0, sizeof(w->near));
	raw_dial(w, &r);
	raw_close(&r);
	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.err, ECONNRESET);
	assert_non_null(strstr(w->near.why, "without close_notify"));
}

static void do_close(struct end *e)
{
	sp_tls_close(e->c);
}

static void do_release(struct end *e)
{
	e->c = mem_deref(e->c);
}

/* Large enough for several records, so that more would follow the first. */
static void write_records(struct raw *r)
{
	uint8_t text[1000];

	for (unsigned i = 0; i < 5; ++i)
		assert_int_equal(SSL_write(r->ssl, text, sizeof(text)), sizeof(text));
}

static void check_handler(struct world *w, void (*on_up)(struct end *),
			  void (*on_data)(struct end *))
{
	struct raw r;

	w->near.on_up = on_up;
	w->near.on_data = on_data;
	raw_dial(w, &r);
	if (on_data)
		write_records(&r);
	UNTIL(w, r.closed);
	assert_int_equal(w->near.datas, on_data ? 1 : 0);
	assert_int_equal(w->near.downs, 0);
	w->near.c = mem_deref(w->near.c);
	memset(&w->near, 0, sizeof(w->near));
	raw_close(&r);
}

static void test_handlers_may_close(void **state)
{
	struct world *w = *state;

	check_handler(w, do_close, NULL);
	check_handler(w, do_release, NULL);
	check_handler(w, NULL, do_close);
	check_handler(w, NULL, do_release);
}

static void test_client_handlers_may_close(void **state)
{
	struct world *w = *state;
	void (*const v[])(struct end *) = {do_close, do_release};

	for (size_t i = 0; i < 2; ++i) {
		struct end far = {.on_up = v[i]};

		dial(w, &far);
		UNTIL(w, far.ups);
		/* TLS 1.3: its certificate went out before; the listener may get it or not */
		UNTIL(w, w->accepts == i + 1 || w->lines);
		assert_int_equal(far.datas + far.downs, 0);
		mem_deref(far.c);
	}
}

static void release_on_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct end *e = arg;

	e->c = mem_deref(e->c);
	end_down(c, err, why, arg);
}

static void test_down_may_release(void **state)
{
	const struct sp_tls_handlers h = {.down = release_on_down};
	struct world *w = *state;
	struct raw r;

	raw_dial(w, &r);
	sp_tls_handle(w->near.c, &h, &w->near);
	raw_close(&r);
	UNTIL(w, w->near.downs);
	assert_int_equal(w->near.downs, 1);
	assert_null(w->near.c);
}

/* RFC 8446 section 4.4.2.4: the client is up before the server has judged it. */
static void test_refused_after_up(void **state)
{
	struct world *w = *state;
	struct fix_cert keep = w->alpha;
	struct end far = {0};

	w->alpha = world_cert(w, "x", "DNS:gamma.example", "ec");
	dial(w, &far);
	UNTIL(w, far.downs && w->lines);
	assert_int_equal(far.ups, 1);
	assert_int_equal(far.downs, 1);
	assert_int_equal(far.err, EPROTO);
	assert_string_equal(far.why, "peer sent the alert \"bad certificate\"");
	assert_int_equal(w->accepts, 0);
	mem_deref(far.c);
	fix_free(&w->alpha);
	w->alpha = keep;
}

/* KeyUpdates and tiny records do not disturb the order of bytes. */
static void test_key_updates(void **state)
{
	struct world *w = *state;
	uint8_t text[200];
	struct raw r;

	raw_dial(w, &r);
	fill(text, sizeof(text));
	for (unsigned i = 0; i < sizeof(text); ++i) {
		if (i % 10 == 0)
			assert_int_equal(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_write(r.ssl, text + i, 1), 1);
	}
	UNTIL(w, w->near.got == sizeof(text));
	assert_false(w->near.garbled);
	assert_int_equal(sp_tls_send(w->near.c, text, sizeof(text)), 0);
	UNTIL(w, r.got == sizeof(text));
	assert_false(r.garbled);
	raw_close(&r);
}

static void test_no_renegotiation(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha, .version = TLS1_2_VERSION};
	struct raw r;

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts && r.up);
	assert_int_equal(SSL_renegotiate(r.ssl), 1);
	(void)SSL_do_handshake(r.ssl);
	UNTIL(w, r.closed);
	assert_non_null(strstr(r.why, "renegotiation"));
	raw_close(&r);
}

/* Reload: those that are up keep their trunk, new ones get the new context. */
static void test_context_swap(void **state)
{
	struct world *w = *state;
	struct sp_tls_peer *peer =
		world_peer(w, "alpha-new", "alpha.example", "ca.crt", false, true);
	struct sp_tls_context *ctx = world_server(w, "own", peer, NULL);
	struct raw old, new;
	struct end first;

	raw_dial(w, &old);
	first = w->near;
	w->near.c = NULL;
	sp_tls_handle(first.c, &end_handlers, &first);

	sp_tls_listener_context(w->l, ctx);
	mem_deref(ctx);
	mem_deref(peer);
	w->peer_alpha = mem_deref(w->peer_alpha);
	w->peer_beta = mem_deref(w->peer_beta);

	raw_dial(w, &new);
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(w->near.c)), "alpha-new");
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(first.c)), "alpha");

	send_bulk(&first);
	send_bulk(&w->near);
	UNTIL(w, old.got == BULK && new.got == BULK);

	/* a connection outlives its listener */
	w->l = mem_deref(w->l);
	SSL_write(old.ssl, "\0", 1);
	UNTIL(w, first.got == 1);
	assert_int_equal(first.downs, 0);
	mem_deref(first.c);
	raw_close(&old);
	raw_close(&new);
}

static void count_turn(void *arg)
{
	unsigned *turns = arg;

	++*turns;
}

/* Silent clients hold all slots: others wait, and come in when a slot is free. */
static void test_handshakes_are_capped(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_context *ctx = world_server(w, "own", w->peer_alpha, NULL);
	struct sp_timer tick = {0};
	unsigned turns = 0;
	int silent[2];
	struct raw r;

	world_listen(w, ctx, 2);
	mem_deref(ctx);
	silent[0] = raw_socket_from("127.0.0.2", sp_tls_listener_laddr(w->l));
	silent[1] = raw_socket_from("127.0.0.3", sp_tls_listener_laddr(w->l));
	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);

	/* many turns of the loop bring it no further */
	for (unsigned i = 0; i < 50; ++i) {
		const unsigned before = turns;

		sp_timer_start(w->loop, &tick, 0, count_turn, &turns);
		while (turns == before) {
			struct sp_timer stop = {0};

			sp_timer_start(w->loop, &stop, 1, world_late, w);
			sp_loop_run(w->loop);
			sp_timer_cancel(&stop);
		}
		w->late = false;
	}
	assert_false(r.up);
	assert_int_equal(w->accepts, 0);

	close(silent[0]);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_int_equal(sp_tls_listener_refused(w->l), 1);
	assert_non_null(strstr(w->line, "closed during the handshake"));
	close(silent[1]);
	raw_close(&r);
}

/* Silent clients of one address do not hold all slots: the oldest of them makes room. */
static void test_handshakes_of_one_address(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct sp_tls_context *ctx = world_server(w, "own", w->peer_alpha, NULL);
	int silent[20];
	struct raw r;

	world_listen(w, ctx, 4 * SP_TLS_SOURCE_SHARE);
	mem_deref(ctx);
	for (unsigned i = 0; i < ARRAY_SIZE(silent); ++i)
		silent[i] = raw_socket(sp_tls_listener_laddr(w->l));
	UNTIL(w, sp_tls_listener_refused(w->l) == ARRAY_SIZE(silent) - 4);
	assert_non_null(strstr(w->line, "too many handshakes in progress from this address"));

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1 && r.up);
	assert_int_equal(sp_tls_listener_refused(w->l), ARRAY_SIZE(silent) - 3);
	for (unsigned i = 0; i < ARRAY_SIZE(silent); ++i)
		close(silent[i]);
	raw_close(&r);
}

static void test_out_of_descriptors(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha};
	struct rlimit keep, low;
	struct raw r;
	int last;

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	last = dup(0);
	assert_true(last >= 0);
	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &keep), 0);
	low = keep;
	low.rlim_cur = (rlim_t)last;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	UNTIL(w, w->lines);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &keep), 0);
	assert_non_null(strstr(w->line, "tls_accept_paused"));

	/* nobody was turned away */
	UNTIL(w, w->accepts == 1);
	assert_int_equal(w->lines, 1);
	assert_int_equal(sp_tls_listener_refused(w->l), 0);
	raw_close(&r);
}

static void test_connect_fails(void **state)
{
	struct world *w = *state;
	struct sp_tls_listener *gone = w->l;
	struct end far = {0};

	dial(w, &far);
	mem_deref(far.c);
	memset(&far, 0, sizeof(far));

	/* bound, but nobody listens */
	w->l = NULL;
	{
		struct sp_tls_context *ctx = NULL;
		struct sa dst = {.len = sizeof(dst.u)};
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(sa_set_str(&dst, "127.0.0.1", 0), 0);
		assert_int_equal(bind(fd, &dst.u.sa, dst.len), 0);
		assert_int_equal(getsockname(fd, &dst.u.sa, &dst.len), 0);
		assert_int_equal(sp_tls_client_alloc(&ctx, fix_path(&w->dir, "own.crt"),
						     fix_path(&w->dir, "own.key"), w->peer_alpha,
						     NULL, NULL),
				 0);
		far.loop = w->loop;
		assert_int_equal(
			sp_tls_connect(&far.c, w->loop, ctx, &dst, "a b", &end_handlers, &far),
			EINVAL);
		assert_null(far.c);
		assert_int_equal(sp_tls_connect(&far.c, w->loop, ctx, &dst, "alpha.example",
						&end_handlers, &far),
				 0);
		UNTIL(w, far.downs);
		assert_int_equal(far.err, ECONNREFUSED);
		assert_non_null(strstr(far.why, "connect: "));
		mem_deref(far.c);
		mem_deref(ctx);
		close(fd);
	}
	mem_deref(gone);
}

/* On a fake clock nothing ever arrives: that is what a silent far end looks like. */
static void test_handshake_deadline(void **state)
{
	struct world *w = *state;
	struct sp_tls_context *server = world_server(w, "own", w->peer_alpha, NULL);
	struct sp_tls_context *client = NULL;
	struct end a = {0}, b = {0};
	struct sp_loop *fake = NULL;
	struct sa src;
	int fds[2];

	assert_int_equal(sp_tls_client_alloc(&client, fix_path(&w->dir, "own.crt"),
					     fix_path(&w->dir, "own.key"), w->peer_alpha, NULL,
					     NULL),
			 0);
	assert_int_equal(sp_loop_alloc_fake(&fake, 1000), 0);
	assert_int_equal(sa_set_str(&src, "127.0.0.1", 5061), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);

	assert_int_equal(sp_tls_conn_accept(&a.c, fake, server, fds[0], &src, &end_handlers, &a),
			 0);
	assert_int_equal(sp_tls_connect(&b.c, fake, client, sp_tls_listener_laddr(w->l),
					"alpha.example", &end_handlers, &b),
			 0);
	sp_loop_advance(fake, SP_TLS_HANDSHAKE_MS - 1);
	assert_int_equal(a.downs + b.downs, 0);
	sp_loop_advance(fake, 1);
	assert_int_equal(a.downs, 1);
	assert_int_equal(b.downs, 1);
	assert_int_equal(a.err, ETIMEDOUT);
	assert_int_equal(b.err, ETIMEDOUT);
	assert_string_equal(a.why, "handshake not complete after 5000 ms");
	assert_string_equal(b.why, "TCP connect not complete after 5000 ms");
	sp_loop_advance(fake, 60000);
	assert_int_equal(a.downs + b.downs, 2);
	assert_int_equal(sp_loop_timers(fake), 0);

	mem_deref(a.c);
	mem_deref(b.c);
	mem_deref(fake);
	mem_deref(server);
	mem_deref(client);
	close(fds[1]);
}

/* A listener that goes takes its handshakes with it, without a word. */
static void test_listener_goes_first(void **state)
{
	struct world *w = *state;
	const int silent = raw_socket(sp_tls_listener_laddr(w->l));
	struct raw r;

	raw_dial(w, &r); /* by now the silent one is being handled too */
	w->l = mem_deref(w->l);
	SSL_write(r.ssl, "\0", 1);
	UNTIL(w, w->near.got == 1);
	assert_int_equal(w->lines, 0);
	raw_close(&r);
	close(silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_both_ends),
		WORLD_TEST(test_queue_keeps_order),
		WORLD_TEST(test_queue_overflow),
		WORLD_TEST(test_queue_overflow_then_close),
		WORLD_TEST(test_close_after_send),
		WORLD_TEST(test_far_end_closes),
		WORLD_TEST(test_handlers_may_close),
		WORLD_TEST(test_client_handlers_may_close),
		WORLD_TEST(test_down_may_release),
		WORLD_TEST(test_refused_after_up),
		WORLD_TEST(test_key_updates),
		WORLD_TEST(test_no_renegotiation),
		WORLD_TEST(test_context_swap),
		WORLD_TEST(test_handshakes_are_capped),
		WORLD_TEST(test_handshakes_of_one_address),
		WORLD_TEST(test_out_of_descriptors),
		WORLD_TEST(test_connect_fails),
		WORLD_TEST(test_handshake_deadline),
		WORLD_TEST(test_listener_goes_first),
	};

	return cmocka_run_group_tests(tests, world_setup_group, world_teardown_group);
}
