/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Targets without sockets: connections of wire on a fake loop. What the gateway
 * sends is kept, and the test answers it when it likes.
 */
#ifndef SALLYPORT_TEST_TRUNK_WIRE_H
#define SALLYPORT_TEST_TRUNK_WIRE_H

#include "dns_inner.h"
#include "trunk_fixture.h"

enum { WIRES = 16, WIRE_START_MS = 100000 };

struct world;

/* A connection to a target. */
struct wire {
	struct sp_sip_conn *sip;
	struct lead *lead;
	unsigned requests;      /* sent on it */
	struct sp_sip_msg *req; /* the last one */
};

struct world {
	struct sp_loop *loop;
	struct dns *quiet; /* asks nobody */
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct fix_conf f;
	struct sp_trunk *t;
	struct wire wirev[WIRES];
	size_t wirec;
};

static inline void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)st;
	(void)req;
	(void)arg;
}

static inline void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static const struct sp_sip_handlers sip_handlers = {.request = on_request, .ack = on_ack};

static inline int wire_send(const uint8_t *p, size_t n, void *arg)
{
	struct wire *wire = arg;
	struct sp_sip_fault fault;

	++wire->requests;
	wire->req = mem_deref(wire->req);
	assert_int_equal(sp_sip_msg_parse(&wire->req, (const char *)p, n, &fault), 0);
	return 0;
}

/* A question to DNS, which the test may answer. */
struct question {
	dns_answer_h *h;
	void *arg;
	uint16_t type;
};

static struct question questionv[8];
static size_t questionc;

static inline int quiet_ask(struct dns_question **qp, struct dns *d, const char *name,
			    uint16_t type, dns_answer_h *h, void *arg)
{
	(void)d;
	(void)name;
	*qp = mem_zalloc(1, NULL);
	questionv[questionc++ % 8] = (struct question){.h = h, .arg = arg, .type = type};
	return *qp ? 0 : ENOMEM;
}

static inline bool quiet_routed(const struct sa *addr)
{
	(void)addr;
	return true;
}

static const struct dns_ops quiet_ops = {.ask = quiet_ask, .routed = quiet_routed};

static inline int setup(void **state)
{
	const struct dns_conf none = {.ttl_min_s = 30, .ttl_max_s = 3600};
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc_fake(&w->loop, WIRE_START_MS), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->loop, &sip_handlers, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->loop, w->sip), 0);
	mem_deref(w->ts->dns);
	w->ts->dns = NULL;
	assert_int_equal(dns_alloc_ops(&w->ts->dns, w->loop, &none, &quiet_ops), 0);
	fix_conf_new(&w->f, NULL);
	w->f.conf->dns.ttl_min_s = 30;
	w->f.conf->dns.ttl_max_s = 3600;
	fix_log_start(w->loop);
	questionc = 0;
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	mem_deref(w->ts);
	fix_conf_free(&w->f);
	for (size_t i = 0; i < w->wirec; ++i) {
		mem_deref(w->wirev[i].req);
		mem_deref(w->wirev[i].sip);
	}
	sp_loop_turn(w->loop);
	mem_deref(w->sip);
	mem_deref(w->loop);
	mem_deref(w);
	sp_log_sink(NULL, NULL);
	return 0;
}

static inline void add_target(struct fix_conf *f, const char *host, uint16_t port)
{
	struct sp_conf_trunk *conf = &f->trunkv[0];

	conf->targetv[conf->targetc++] = (struct sp_conf_target){
		.host = host, .port = port ? port : 5061, .port_given = port != 0};
}

static inline void apply(struct world *w)
{
	fix_apply(&w->f, w->ts, 1);
	w->t = w->f.trunk[0];
}

/* A reload with the targets of now, and other settings to be made. */
static inline struct sp_conf_trunk *next_conf(struct world *w)
{
	struct sp_conf_trunk was = w->f.trunkv[0];
	struct fix_conf next = {0};

	fix_conf_new(&next, NULL);
	next.conf->dns = w->f.conf->dns;
	next.trunkv[0] = was;
	next.trunk[0] = w->f.trunk[0];
	mem_deref(w->f.conf);
	w->f = next;
	return &w->f.trunkv[0];
}

/* As if a connection to the target had just come up. */
static inline struct wire *connect_wire(struct world *w, struct target *tg)
{
	struct wire *wire = &w->wirev[w->wirec++];
	struct conn *c;

	assert_true(w->wirec <= WIRES);
	assert_int_equal(
		sp_sip_conn_alloc(&wire->sip, w->sip, "sbc.test:5061", w->t, wire_send, wire), 0);
	assert_int_equal(sp_trunk_attach(w->t, wire->sip), 0);
	wire->lead = sp_sip_conn_kept(wire->sip);
	c = wire->lead->conn;
	list_unlink(&c->le);
	c->tg = tg;
	wire->lead->target = tg->key;
	target_connected(tg, c);
	return wire;
}

static inline struct conn *wire_conn(const struct wire *wire)
{
	return wire->lead->conn;
}

/* Turn the clock until something is sent; @return the milliseconds that took. */
static inline unsigned await_request(struct world *w, const struct wire *wire)
{
	const unsigned requests = wire->requests;
	unsigned ms = 0;

	for (; wire->requests == requests; ++ms) {
		assert_in_range(ms, 0, 100000);
		sp_loop_advance(w->loop, 1);
	}
	assert_int_equal(wire->requests, requests + 1);
	return ms;
}

static inline const struct pl *wire_header(const struct wire *wire, enum sp_sip_id id)
{
	const struct sp_sip_hdr *h = sp_sip_msg_next(wire->req, id, NULL);

	assert_non_null(h);
	return &h->value;
}

/* The peer answers the last request. extra: header lines */
static inline void wire_answer(struct wire *wire, unsigned status, const char *extra)
{
	struct sp_sip_msg *req = wire->req;
	char buf[2048];
	int n;

	assert_non_null(req);
	n = re_snprintf(buf, sizeof(buf),
			"SIP/2.0 %u X\r\nVia: %r\r\nFrom: %r\r\nTo: %r;tag=far\r\nCall-ID: %r\r\n"
			"CSeq: %r\r\n%sContent-Length: 0\r\n\r\n",
			status, wire_header(wire, SP_HDR_VIA), wire_header(wire, SP_HDR_FROM),
			wire_header(wire, SP_HDR_TO), wire_header(wire, SP_HDR_CALL_ID),
			wire_header(wire, SP_HDR_CSEQ), extra);
	assert_true(n > 0);
	wire->req = NULL;
	mem_deref(req);
	wire_conn(wire)->received += (uint64_t)n;
	assert_int_equal(sp_sip_conn_input(wire->sip, (const uint8_t *)buf, (size_t)n, NULL), 0);
}

#endif
