/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Far ends for the tests of targets: our own TLS listeners on the real loop.
 * Transactions have their timers on a fake loop, so that unanswered OPTIONS
 * take no time.
 */
#ifndef SALLYPORT_TEST_TRUNK_FAR_H
#define SALLYPORT_TEST_TRUNK_FAR_H

#include <sys/socket.h>
#include "sallyport/tls_listen.h"
#include "trunk_fixture.h"

enum { FARS = 2, FAR_LINKS = 8 };
enum far_mode { FAR_ANSWERS, FAR_SILENT, FAR_CLOSES };

/* A connection that it has accepted. */
struct far_link {
	struct sp_tls_conn *tls;
	struct sp_sip_conn *sip;
};

/* A peer that listens. */
struct far {
	struct world *w;
	struct sp_tls_listener *listener;
	enum far_mode mode;
	unsigned accepted, requests;
	struct far_link linkv[FAR_LINKS];
	size_t linkc;
	char uri[128], via[128], to[128], from[128], contact[128];
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
	uint64_t target;
	char label[128];
	char host[64];
	uint16_t port;
};

static inline void copy_header(char *buf, size_t size, const struct sp_sip_msg *m,
			       enum sp_sip_id id)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(m, id, NULL);

	(void)re_snprintf(buf, size, "%r", h ? &h->value : NULL);
}

/* of the far end: its connection's owner is the far end itself */
static inline void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct far *far = sp_sip_conn_owner(sp_sip_strans_conn(st));
	(void)arg;

	assert_int_equal(req->method, SP_SIP_OPTIONS);
	++far->requests;
	(void)re_snprintf(far->uri, sizeof(far->uri), "%r", &req->ruri);
	copy_header(far->via, sizeof(far->via), req, SP_HDR_VIA);
	copy_header(far->to, sizeof(far->to), req, SP_HDR_TO);
	copy_header(far->from, sizeof(far->from), req, SP_HDR_FROM);
	copy_header(far->contact, sizeof(far->contact), req, SP_HDR_CONTACT);
	far->max_forwards = req->has_max_forwards ? req->max_forwards : 0;
	if (far->mode == FAR_ANSWERS)
		(void)sp_sip_reply_status(st, 404, NULL);
	else
		sp_loop_stop(far->w->loop);
}

static inline void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static inline int far_send(const uint8_t *p, size_t n, void *arg)
{
	const struct far_link *link = arg;

	return sp_tls_send(link->tls, p, n);
}

static inline void far_data(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct far_link *link = arg;
	(void)c;

	assert_int_equal(sp_sip_conn_input(link->sip, p, n, NULL), 0);
}

static inline void far_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct far_link *link = arg;
	(void)c;
	(void)err;
	(void)why;

	sp_sip_conn_gone(link->sip);
}

static const struct sp_tls_handlers far_handlers = {.data = far_data, .down = far_down};

/* It closes all that it has accepted. */
static inline void far_forget(struct far *far)
{
	for (size_t i = 0; i < far->linkc; ++i) {
		sp_sip_conn_gone(far->linkv[i].sip);
		mem_deref(far->linkv[i].sip);
		mem_deref(far->linkv[i].tls);
	}
	far->linkc = 0;
}

static inline void on_accept(struct sp_tls_conn *c, void *arg)
{
	struct far *far = arg;
	struct far_link *link = &far->linkv[far->linkc];

	++far->accepted;
	if (far->mode == FAR_CLOSES) {
		mem_deref(c);
		return;
	}
	assert_true(far->linkc < FAR_LINKS);
	++far->linkc;
	link->tls = c;
	sp_tls_handle(c, &far_handlers, link);
	assert_int_equal(sp_sip_conn_alloc(&link->sip, far->w->far_sip, "one.test:5061", far,
					   far_send, link),
			 0);
}

static inline int setup_all(void **state)
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

static inline int teardown_all(void **state)
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

static inline void far_listen_at(struct world *w, size_t i, struct sp_tls_context *ctx,
				 const char *addr)
{
	struct far *far = &w->farv[i];
	struct sa laddr;

	sa_set_str(&laddr, addr, 0);
	far->w = w;
	assert_int_equal(sp_tls_listen(&far->listener, w->loop, ctx, &laddr,
				       &(struct sp_tls_listen_conf){.handshakes = 16}, on_accept,
				       far),
			 0);
}

static inline void far_listen(struct world *w, size_t i, struct sp_tls_context *ctx)
{
	far_listen_at(w, i, ctx, "127.0.0.1");
}

static inline uint16_t far_port(const struct world *w, size_t i)
{
	return sa_port(sp_tls_listener_laddr(w->farv[i].listener));
}

static inline int setup_on(struct world *w, bool real)
{
	memset(w->farv, 0, sizeof(w->farv));
	assert_int_equal(sp_loop_alloc_fake(&w->fake, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_sip_alloc(&w->far_sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, real ? w->loop : w->fake, w->sip), 0);
	fix_conf_new(&w->f, w->client);
	far_listen(w, 0, w->server);
	fix_log_start(w->loop);
	return 0;
}

static inline int setup(void **state)
{
	return setup_on(*state, true);
}

/* Nothing that a peer does reaches the trunks, only time does. */
static inline int setup_fake(void **state)
{
	return setup_on(*state, false);
}

static inline int teardown(void **state)
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

static inline void add_target(struct fix_conf *f, const char *host, uint16_t port)
{
	struct sp_conf_trunk *conf = &f->trunkv[0];

	if (!conf->target_connections)
		conf->target_connections = 1;
	conf->targetv[conf->targetc++] =
		(struct sp_conf_target){.host = host, .port = port, .port_given = true};
}

/* A socket of a free port of 127.0.0.1. */
static inline int bound_socket(struct sa *laddr)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(struct sockaddr_in);

	sa_set_str(laddr, "127.0.0.1", 0);
	assert_int_equal(bind(fd, &laddr->u.sa, laddr->len), 0);
	assert_int_equal(getsockname(fd, &laddr->u.sa, &len), 0);
	return fd;
}

/* A port that nobody listens on. */
static inline uint16_t closed_port(void)
{
	struct sa laddr;

	close(bound_socket(&laddr));
	return sa_port(&laddr);
}

static inline void on_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port,
			     void *arg)
{
	struct result *r = arg;

	++r->calls;
	r->err = err;
	r->conn = conn && !sp_sip_conn_isgone(conn);
	r->target = conn ? sp_trunk_target(conn) : 0;
	snprintf(r->label, sizeof(r->label), "%s", conn ? sp_trunk_target_label(conn) : "");
	r->port = port;
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->pick = mem_deref(r->pick);
	sp_loop_stop(r->w->loop);
}

static inline void want_pick(struct world *w, struct result *r, const struct sp_trunk_want *want)
{
	memset(r, 0, sizeof(*r));
	r->w = w;
	assert_int_equal(sp_trunk_pick(&r->pick, w->f.trunk[0], want, on_picked, r), 0);
	assert_int_equal(r->calls, 0);
}

static inline void start_pick(struct world *w, struct result *r)
{
	const struct sp_trunk_want any = {.avoidc = 0};

	want_pick(w, r, &any);
}

static inline void await_pick(struct result *r)
{
	while (!r->calls)
		fix_run(r->w->loop);
	assert_int_equal(r->calls, 1);
}

#endif
