/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Targets: connecting, health, picks. The far ends are our own TLS listeners
 * on the real loop; transactions have their timers on a fake loop, so that
 * unanswered OPTIONS take no time.
 */
#include <sys/socket.h>
#include "trunk_fixture.h"

enum { FARS = 2 };
enum far_mode { FAR_ANSWERS, FAR_SILENT, FAR_CLOSES };

/* A peer that listens. */
struct far {
	struct world *w;
	struct sp_tls_listener *listener;
	enum far_mode mode;
	unsigned accepted, requests;
	struct sp_tls_conn *tls;
	struct sp_sip_conn *sip;
	char uri[128], to[128], from[128], contact[128];
	uint32_t max_forwards;
};

struct world {
	struct sp_loop *loop, *fake;
	struct fix_certs certs;
	struct sp_tls_context *server, *stranger, *strict, *client;
	struct sp_sip *sip, *far_sip;
	struct sp_trunks *ts;
	struct fix_conf f;
	struct far farv[FARS];
};

struct result {
	struct world *w;
	struct sp_trunk_pick *pick;
	unsigned calls;
	int err;
	bool conn;
	char host[64];
	uint16_t port;
};

static void copy_header(char *buf, size_t size, const struct sp_sip_msg *m, enum sp_sip_id id)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(m, id, NULL);

	(void)re_snprintf(buf, size, "%r", h ? &h->value : NULL);
}

/* of the far end: its connection's owner is the far end itself */
static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct far *far = sp_sip_conn_owner(sp_sip_strans_conn(st));
	(void)arg;

	assert_int_equal(req->method, SP_SIP_OPTIONS);
	++far->requests;
	(void)re_snprintf(far->uri, sizeof(far->uri), "%r", &req->ruri);
	copy_header(far->to, sizeof(far->to), req, SP_HDR_TO);
	copy_header(far->from, sizeof(far->from), req, SP_HDR_FROM);
	copy_header(far->contact, sizeof(far->contact), req, SP_HDR_CONTACT);
	far->max_forwards = req->has_max_forwards ? req->max_forwards : 0;
	if (far->mode == FAR_ANSWERS)
		(void)sp_sip_reply_status(st, 404, NULL);
	else
		sp_loop_stop(far->w->loop);
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static int far_send(const uint8_t *p, size_t n, void *arg)
{
	const struct far *far = arg;

	return sp_tls_send(far->tls, p, n);
}

static void far_data(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct far *far = arg;
	(void)c;

	assert_int_equal(sp_sip_conn_input(far->sip, p, n, NULL), 0);
}

static void far_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct far *far = arg;
	(void)c;
	(void)err;
	(void)why;

	sp_sip_conn_gone(far->sip);
}

static const struct sp_tls_handlers far_handlers = {.data = far_data, .down = far_down};

static void far_forget(struct far *far)
{
	sp_sip_conn_gone(far->sip);
	far->sip = mem_deref(far->sip);
	far->tls = mem_deref(far->tls);
}

static void on_accept(struct sp_tls_conn *c, void *arg)
{
	struct far *far = arg;

	++far->accepted;
	far_forget(far);
	if (far->mode == FAR_CLOSES) {
		mem_deref(c);
		return;
	}
	far->tls = c;
	sp_tls_handle(c, &far_handlers, far);
	assert_int_equal(
		sp_sip_conn_alloc(&far->sip, far->w->far_sip, "one.test:5061", far, far_send, far),
		0);
}

static int setup_all(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc(&w->loop, 1024), 0);
	fix_certs_make(&w->certs);
	w->server = fix_server(&w->certs, "one.test", "sbc", "sbc.test");
	w->stranger = fix_server(&w->certs, "stranger.test", "sbc", "sbc.test");
	w->strict = fix_server(&w->certs, "one.test", "x", "another.test");
	w->client = fix_client(&w->certs, "sbc.test", "one", "one.test");
	*state = w;
	return 0;
}

static int teardown_all(void **state)
{
	struct world *w = *state;

	mem_deref(w->server);
	mem_deref(w->stranger);
	mem_deref(w->strict);
	mem_deref(w->client);
	fix_certs_remove(&w->certs);
	mem_deref(w->loop);
	mem_deref(w);
	return 0;
}

static void far_listen(struct world *w, size_t i, struct sp_tls_context *ctx)
{
	struct far *far = &w->farv[i];
	struct sa laddr;

	sa_set_str(&laddr, "127.0.0.1", 0);
	far->w = w;
	assert_int_equal(sp_tls_listen(&far->listener, w->loop, ctx, &laddr, 16, on_accept, far),
			 0);
}

static uint16_t far_port(const struct world *w, size_t i)
{
	return sa_port(sp_tls_listener_laddr(w->farv[i].listener));
}

static int setup(void **state)
{
	struct world *w = *state;

	memset(w->farv, 0, sizeof(w->farv));
	assert_int_equal(sp_loop_alloc_fake(&w->fake, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_sip_alloc(&w->far_sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->loop, w->sip), 0);
	fix_conf_new(&w->f, w->client);
	far_listen(w, 0, w->server);
	fix_log_start(w->loop);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->ts = mem_deref(w->ts);
	fix_conf_free(&w->f);
	for (size_t i = 0; i < FARS; ++i) {
		far_forget(&w->farv[i]);
		mem_deref(w->farv[i].listener);
	}
	mem_deref(w->sip);
	mem_deref(w->far_sip);
	mem_deref(w->fake);
	sp_log_sink(NULL, NULL);
	return 0;
}

static void add_target(struct fix_conf *f, const char *host, uint16_t port)
{
	struct sp_conf_trunk *conf = &f->trunkv[0];

	conf->targetv[conf->targetc++] = (struct sp_conf_target){.host = host, .port = port};
}

/* A socket of a free port of 127.0.0.1. */
static int bound_socket(struct sa *laddr)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(struct sockaddr_in);

	sa_set_str(laddr, "127.0.0.1", 0);
	assert_int_equal(bind(fd, &laddr->u.sa, laddr->len), 0);
	assert_int_equal(getsockname(fd, &laddr->u.sa, &len), 0);
	return fd;
}

/* A port that nobody listens on. */
static uint16_t closed_port(void)
{
	struct sa laddr;

	close(bound_socket(&laddr));
	return sa_port(&laddr);
}

static void on_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct result *r = arg;

	++r->calls;
	r->err = err;
	r->conn = conn && !sp_sip_conn_isgone(conn);
	r->port = port;
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->pick = mem_deref(r->pick);
	sp_loop_stop(r->w->loop);
}

static void start_pick(struct world *w, struct result *r)
{
	memset(r, 0, sizeof(*r));
	r->w = w;
	assert_int_equal(sp_trunk_pick(&r->pick, w->f.trunk[0], on_picked, r), 0);
	assert_int_equal(r->calls, 0);
}

static void await_pick(struct result *r)
{
	while (!r->calls)
		fix_run(r->w->loop);
	assert_int_equal(r->calls, 1);
}

static void test_picks_share_one_connection(void **state)
{
	struct world *w = *state;
	struct result r[3];

	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	for (size_t i = 0; i < 3; ++i)
		start_pick(w, &r[i]);
	for (size_t i = 0; i < 3; ++i) {
		await_pick(&r[i]);
		assert_int_equal(r[i].err, 0);
		assert_true(r[i].conn);
		assert_string_equal(r[i].host, "127.0.0.1");
		assert_int_equal(r[i].port, far_port(w, 0));
	}
	start_pick(w, &r[0]);
	await_pick(&r[0]);
	assert_int_equal(fix_logged("conn_up trunk=one dir=out peer=127.0.0.1"), 1);
	assert_int_equal(fix_logged("target_up trunk=one target=127.0.0.1"), 1);
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_non_null(sp_trunk_conn(w->f.trunk[0]));
	assert_int_equal(w->farv[0].requests, 0); /* options_s = 0 */
	assert_int_equal(sp_trunks_connections(w->ts), 0);
}

static void test_next_target_after_refusal(void **state)
{
	struct world *w = *state;
	struct result r;

	add_target(&w->f, "127.0.0.1", closed_port());
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("target_up"), 1);
}

static void test_all_down_are_tried_anyway(void **state)
{
	struct world *w = *state;
	const uint16_t port = closed_port();
	struct result r;

	add_target(&w->f, "127.0.0.1", port);
	fix_apply(&w->f, w->ts, 1);
	for (unsigned i = 0; i < 2; ++i) {
		start_pick(w, &r);
		await_pick(&r);
		assert_int_equal(r.err, ECONNREFUSED);
		assert_false(r.conn);
	}
	assert_int_equal(fix_logged("target_down"), 1); /* one line per change */
	assert_false(sp_trunk_up(w->f.trunk[0]));
}

static void test_name_of_etc_hosts(void **state)
{
	struct world *w = *state;
	struct result r;

	add_target(&w->f, "localhost", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.host, "localhost");
}

static void test_wrong_certificate(void **state)
{
	struct world *w = *state;
	struct result r;

	far_listen(w, 1, w->stranger);
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, EACCES);
	assert_int_equal(fix_logged("target_down trunk=one target=127.0.0.1"), 1);
	assert_int_equal(fix_logged("stranger.test"), 1);
	assert_int_equal(fix_logged("conn_up"), 0);
}

static void test_certificate_that_the_peer_refuses(void **state)
{
	struct world *w = *state;
	struct result r;

	far_listen(w, 1, w->strict);
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	fix_await(w->loop, "target_down");
	for (size_t i = 0; i < fix_log.n; ++i)
		print_message("log: %s\n", fix_log.line[i]);
	assert_int_equal(fix_logged("closed right after connect"), 1);
	assert_null(sp_trunk_conn(w->f.trunk[0]));
	if (!r.calls)
		await_pick(&r);
}

static void test_closed_right_after_connect(void **state)
{
	struct world *w = *state;

	w->farv[0].mode = FAR_CLOSES;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_down");
	assert_int_equal(fix_logged("closed right after connect"), 1);
	assert_false(sp_trunk_up(w->f.trunk[0]));

	/* the probe comes back by itself */
	w->farv[0].mode = FAR_ANSWERS;
	fix_await(w->loop, "target_up");
	assert_int_equal(w->farv[0].accepted, 2);
}

/* RFC 3261 11.1: any final response is a sign of life */
static void test_options_answered(void **state)
{
	struct world *w = *state;
	const struct far *far = &w->farv[0];

	w->f.trunkv[0].options_s = 60;
	w->f.trunkv[0].domain = "carrier.test";
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_up");
	assert_true(sp_trunk_up(w->f.trunk[0]));
	assert_int_equal(far->requests, 1);
	assert_string_equal(far->uri, "sip:carrier.test;transport=tls");
	assert_string_equal(far->to, "<sip:carrier.test>");
	assert_memory_equal(far->from, "<sip:sbc.test>;tag=", 19);
	assert_string_equal(far->contact, "<sip:sbc.test:5061;transport=tls>");
	assert_int_equal(far->max_forwards, 70);
}

static void test_options_unanswered(void **state)
{
	struct world *w = *state;
	struct far *far = &w->farv[0];
	struct result r;

	far->mode = FAR_SILENT;
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	while (!far->requests)
		fix_run(w->loop);
	assert_false(sp_trunk_up(w->f.trunk[0]));

	/* not known to be down: good enough for a call */
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.err, 0);

	sp_loop_advance(w->fake, SP_SIP_TIMEOUT_MS);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("OPTIONS unanswered"), 2); /* and conn_down */
	assert_null(sp_trunk_conn(w->f.trunk[0]));

	far->mode = FAR_ANSWERS;
	fix_await(w->loop, "target_up");
	assert_true(sp_trunk_up(w->f.trunk[0]));
}

/* With calls on it, an unanswered connection stays; other targets are preferred. */
static void test_unanswered_with_calls(void **state)
{
	struct world *w = *state;
	struct result r;

	w->farv[0].mode = FAR_SILENT;
	far_listen(w, 1, w->server);
	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.1", far_port(w, 1));
	fix_apply(&w->f, w->ts, 1);
	assert_true(sp_trunk_call_begin(w->f.trunk[0]));
	fix_await(w->loop, "target_up");
	while (!w->farv[0].requests)
		fix_run(w->loop);
	sp_loop_advance(w->fake, SP_SIP_TIMEOUT_MS);
	assert_int_equal(fix_logged("target_down"), 1);
	assert_int_equal(fix_logged("conn_down"), 0);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.port, far_port(w, 1));
	sp_trunk_call_end(w->f.trunk[0]);
}

static void test_lost_connection_is_renewed(void **state)
{
	struct world *w = *state;
	struct far *far = &w->farv[0];

	w->f.trunkv[0].options_s = 60;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	fix_await(w->loop, "target_up");
	far_forget(far);
	fix_await(w->loop, "conn_down trunk=one dir=out");
	assert_int_equal(fix_logged("target_down"), 0);
	assert_false(sp_trunk_up(w->f.trunk[0]));
	fix_log.n = 0;
	fix_await(w->loop, "target_up");
	assert_int_equal(far->accepted, 2);
}

static void test_reload_keeps_and_drops_targets(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_sip_conn *c;
	struct sp_trunk *t;
	struct result r;

	far_listen(w, 1, w->server);
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	t = w->f.trunk[0];
	start_pick(w, &r);
	await_pick(&r);
	c = mem_ref(sp_trunk_conn(t));
	assert_true(sp_trunk_call_begin(t));

	/* kept, at another place of the list */
	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.1", far_port(w, 1));
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	assert_ptr_equal(second.trunk[0], t);
	assert_ptr_equal(sp_trunk_conn(t), c);
	assert_true(sp_trunk_up(t));

	/* dropped: it stays for the call, and new calls go elsewhere */
	second.trunkv[0].targetc = 1;
	fix_apply(&second, w->ts, 1);
	assert_false(sp_trunk_up(t));
	assert_ptr_equal(sp_trunk_conn(t), c);
	start_pick(w, &r);
	await_pick(&r);
	assert_int_equal(r.port, far_port(w, 1));
	assert_false(sp_sip_conn_isgone(c));

	sp_trunk_call_end(t);
	fix_await(w->loop, "conn_down trunk=one dir=out");
	assert_true(sp_sip_conn_isgone(c));
	assert_non_null(sp_trunk_conn(t));
	mem_deref(c);
	fix_conf_free(&second);
}

static void stop(void *arg)
{
	sp_loop_stop(arg);
}

static void test_reload_moves_waiting_picks(void **state)
{
	struct world *w = *state;
	struct fix_conf second = {0};
	struct sp_timer soon = {0};
	struct sa laddr;
	struct result r;
	const int fd = bound_socket(&laddr);

	/* one that takes connections and says nothing */
	assert_int_equal(listen(fd, 8), 0);

	add_target(&w->f, "127.0.0.1", sa_port(&laddr));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	sp_timer_start(w->loop, &soon, 50, stop, w->loop);
	fix_run(w->loop);
	assert_int_equal(r.calls, 0);

	fix_conf_new(&second, w->client);
	add_target(&second, "127.0.0.1", far_port(w, 0));
	fix_apply(&second, w->ts, 1);
	await_pick(&r);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.port, far_port(w, 0));
	fix_conf_free(&second);
	close(fd);
}

static void test_close_ends_attempts_and_picks(void **state)
{
	struct world *w = *state;
	struct result r, gone;

	add_target(&w->f, "localhost", far_port(w, 0));
	fix_apply(&w->f, w->ts, 1);
	start_pick(w, &r);
	start_pick(w, &gone);
	gone.pick = mem_deref(gone.pick);
	target_connect(w->f.trunk[0]->targetv[0]);
	sp_trunks_close(w->ts);
	await_pick(&r);
	assert_int_equal(r.err, ESHUTDOWN);
	assert_int_equal(gone.calls, 0);
	assert_int_equal(fix_logged("conn_up"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_picks_share_one_connection), T(test_next_target_after_refusal),
		T(test_all_down_are_tried_anyway),  T(test_name_of_etc_hosts),
		T(test_wrong_certificate),          T(test_certificate_that_the_peer_refuses),
		T(test_closed_right_after_connect), T(test_options_answered),
		T(test_options_unanswered),         T(test_unanswered_with_calls),
		T(test_lost_connection_is_renewed), T(test_reload_keeps_and_drops_targets),
		T(test_reload_moves_waiting_picks), T(test_close_ends_attempts_and_picks),
	};

	return cmocka_run_group_tests_name("trunk/target", tests, setup_all, teardown_all);
}
