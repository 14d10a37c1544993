/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients of the tests of trunk/ that connect to the gateway. TLS runs on the
 * real loop; the trunks' timers on a fake one that the tests turn.
 */
#ifndef SALLYPORT_TEST_TRUNK_ACCEPT_H
#define SALLYPORT_TEST_TRUNK_ACCEPT_H

#include "sallyport/tls_listen.h"
#include "trunk_fixture.h"

enum { CLIENTS = 4 };

struct client {
	struct world *w;
	struct sp_tls_conn *tls;
	bool up, down;
	size_t got;
};

struct world {
	struct sp_loop *loop, *fake;
	struct fix_certs certs;
	struct sp_tls_context *server, *client;
	struct sp_tls_context *far_server, *far_client; /**< of connections that we open */
	struct sp_tls_listener *listener;
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct fix_conf f;
	struct client clientv[CLIENTS];
	size_t clients;
	unsigned accepted, requests;
};

static inline void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct world *w = arg;

	++w->requests;
	sp_trunk_heard(sp_sip_strans_conn(st), req);
	(void)sp_sip_reply_status(st, 200, NULL);
	sp_loop_stop(w->loop);
}

static inline void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static inline void on_accept(struct sp_tls_conn *c, void *arg)
{
	struct world *w = arg;

	++w->accepted;
	sp_trunks_accept(w->ts, c);
	sp_loop_stop(w->loop);
}

static inline void on_up(struct sp_tls_conn *c, void *arg)
{
	struct client *cl = arg;
	(void)c;

	cl->up = true;
	sp_loop_stop(cl->w->loop);
}

static inline void on_data(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct client *cl = arg;
	(void)c;
	(void)p;

	cl->got += n;
	sp_loop_stop(cl->w->loop);
}

static inline void on_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct client *cl = arg;
	(void)c;
	(void)err;
	(void)why;

	cl->down = true;
	sp_loop_stop(cl->w->loop);
}

static const struct sp_tls_handlers handlers = {on_up, on_data, on_down};

static inline int setup_all(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc(&w->loop, 1024), 0);
	fix_certs_make(&w->certs);
	w->server = fix_server(&w->certs, "sbc.test", "one", "one.test");
	w->client = fix_client(&w->certs, "one.test", "sbc", "sbc.test");
	w->far_server = fix_server(&w->certs, "one.test", "sbc", "sbc.test");
	w->far_client = fix_client(&w->certs, "sbc.test", "one", "one.test");
	*state = w;
	return 0;
}

static inline int teardown_all(void **state)
{
	struct world *w = *state;

	mem_deref(w->server);
	mem_deref(w->client);
	mem_deref(w->far_server);
	mem_deref(w->far_client);
	fix_certs_remove(&w->certs);
	mem_deref(w->loop);
	mem_deref(w);
	return 0;
}

static inline int setup(void **state)
{
	struct world *w = *state;
	struct sa laddr;

	w->accepted = w->requests = 0;
	w->clients = 0;
	memset(w->clientv, 0, sizeof(w->clientv));
	sa_set_str(&laddr, "127.0.0.1", 0);
	assert_int_equal(sp_loop_alloc_fake(&w->fake, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->fake, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->fake, w->sip), 0);
	assert_int_equal(sp_tls_listen(&w->listener, w->loop, w->server, &laddr,
				       &(struct sp_tls_listen_conf){.handshakes = 16}, on_accept,
				       w),
			 0);
	fix_conf_new(&w->f, NULL);
	fix_log_start(w->loop);
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < CLIENTS; ++i)
		mem_deref(w->clientv[i].tls);
	mem_deref(w->listener);
	w->ts = mem_deref(w->ts);
	fix_conf_free(&w->f);
	mem_deref(w->sip);
	mem_deref(w->fake);
	sp_log_sink(NULL, NULL);
	return 0;
}

/* Connect one more client, until both sides have seen it. */
static inline struct client *dial(struct world *w)
{
	struct client *cl = &w->clientv[w->clients++];
	const unsigned accepted = w->accepted;

	cl->w = w;
	assert_int_equal(sp_tls_connect(&cl->tls, w->loop, w->client,
					sp_tls_listener_laddr(w->listener), "sbc.test", &handlers,
					cl),
			 0);
	while (!cl->down && (!cl->up || w->accepted == accepted))
		fix_run(w->loop);
	return cl;
}

static inline void until_down(struct client *cl)
{
	while (!cl->down)
		fix_run(cl->w->loop);
}

/* OPTIONS, until it is answered. via: "one.test", and parameters behind the branch */
static inline void send_options_via(struct client *cl, const char *via, const char *params)
{
	static const char text[] = "OPTIONS sip:sbc.test SIP/2.0\r\n"
				   "Via: SIP/2.0/TLS %s;branch=z9hG4bK%u%s\r\n"
				   "From: <sip:one.test>;tag=1\r\nTo: <sip:sbc.test>\r\n"
				   "Call-ID: %u\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
				   "Content-Length: 0\r\n\r\n";
	const unsigned seen = cl->w->requests;
	const size_t got = cl->got;
	char buf[512];
	const int n = re_snprintf(buf, sizeof(buf), text, via, seen + 1, params, seen + 1);

	assert_int_equal(sp_tls_send(cl->tls, (const uint8_t *)buf, (size_t)n), 0);
	while (cl->w->requests == seen || cl->got == got)
		fix_run(cl->w->loop);
}

static inline void send_options(struct client *cl)
{
	send_options_via(cl, "one.test", "");
}

#endif
