/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scenario tests of the call room: a carrier and a service peer, each a
 * scripted SIP connection, around real trunks, a real relay and a fake clock.
 *
 * expect() takes the next message that the gateway sent to a peer and fails
 * the test when it is another one or none; expect_silence() wants none left.
 */
#ifndef CALL_FIXTURE_H
#define CALL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sallyport/number_build.h"
#include "call_priv.h"

#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"

#define CARRIER_NUMBER "+441632960099"
#define SERVICE_NUMBER "+441632960001"

struct peer {
	struct fx *f;
	struct sp_trunk *trunk;
	struct sp_sip_conn *conn;
	struct sp_sip_frame *frame;
	struct sp_sip_msg *queue[64];
	size_t head, tail;
	const char *host; /* that the peer writes about itself */
	char call_id[64]; /* of its dialog with the gateway */
	char tag[32], remote_tag[64];
	char target[256]; /* the gateway's Contact */
	uint32_t cseq;
	bool uac;         /* it made the dialog */
	bool unreachable; /* its connection is gone */
	char branch[64];  /* of its last INVITE */
	unsigned crypto;  /* tag of the last a=crypto line that the gateway sent it */
};

struct fx {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_trunks *trunks;
	struct sp_trunk *trunkv[2];
	struct sp_ports *portsv[2];
	struct sp_calls *calls;
	struct sp_call_env *env;
	struct sp_conf_interface ifv[2];
	struct sp_conf_trunk confv[2];
	struct sp_conf *conf; /* a mem object, as conf/ makes it */
	struct peer carrier, service;
	char log[65536];
	unsigned branch;
	bool held; /* messages are written, the loop does not turn */
};

static const char *const carrier_identity[] = {"sbc.carrier.example"};
static const char *const service_identity[] = {"sbc.service.example"};

static inline void fx_log(enum sp_log_level level, const char *line, void *arg)
{
	struct fx *f = arg;
	size_t used = strlen(f->log);

	(void)level;
	if (used + strlen(line) + 2 < sizeof(f->log))
		re_snprintf(f->log + used, sizeof(f->log) - used, "%s\n", line);
}

static inline void peer_message(const char *p, size_t n, void *arg)
{
	struct peer *peer = arg;
	struct sp_sip_fault fault;
	const char *crypto;

	if (!n)
		return;
	assert_true(peer->tail < ARRAY_SIZE(peer->queue));
	assert_int_equal(0, sp_sip_msg_parse(&peer->queue[peer->tail], p, n, &fault));
	crypto = strstr(peer->queue[peer->tail++]->text, "a=crypto:");
	if (crypto)
		peer->crypto = (unsigned)strtoul(crypto + strlen("a=crypto:"), NULL, 10);
}

static inline int peer_sendh(const uint8_t *p, size_t n, void *arg)
{
	struct peer *peer = arg;
	const char *why = NULL;

	if (peer->unreachable)
		return ENOTCONN;
	return sp_sip_frame_input(peer->frame, p, n, &why);
}

/** A connection for the peer, as if its TLS handshake were through. */
static inline void peer_connect(struct peer *peer)
{
	peer->unreachable = false;
	assert_int_equal(0, sp_sip_conn_alloc(&peer->conn, peer->f->sip, "gw.example.net:5061",
					      peer->trunk, peer_sendh, peer));
	assert_int_equal(0, sp_trunk_attach(peer->trunk, peer->conn));
}

static inline void peer_disconnect(struct peer *peer)
{
	peer->unreachable = true;
	sp_sip_conn_gone(peer->conn);
	peer->conn = mem_deref(peer->conn);
}

static inline void peer_init(struct fx *f, struct peer *peer, struct sp_trunk *trunk,
			     const char *host)
{
	peer->f = f;
	peer->trunk = trunk;
	peer->host = host;
	assert_int_equal(0, sp_sip_frame_alloc(&peer->frame, peer_message, peer));
	peer_connect(peer);
}

static inline void peer_write(struct peer *peer, const char *text)
{
	const char *why = "";

	if (sp_sip_conn_input(peer->conn, (const uint8_t *)text, strlen(text), &why))
		fail_msg("refused: %s: %s", why, text);
	if (!peer->f->held)
		sp_loop_advance(peer->f->loop, 0);
}

static inline struct sp_sip_msg *next_message(struct peer *peer)
{
	return peer->head < peer->tail ? peer->queue[peer->head++] : NULL;
}

/** what: a method or a status code. The message stays the fixture's. */
static inline const struct sp_sip_msg *expect(struct peer *peer, const char *what)
{
	struct sp_sip_msg *m = next_message(peer);
	char got[32] = "nothing";

	if (m && m->request)
		re_snprintf(got, sizeof(got), "%r", &m->method_name);
	else if (m)
		re_snprintf(got, sizeof(got), "%u", m->status);
	if (strcmp(got, what))
		print_message("log:\n%s", peer->f->log);
	assert_string_equal(got, what);
	return m;
}

static inline void expect_silence(struct peer *peer)
{
	struct sp_sip_msg *m = next_message(peer);

	if (m)
		print_message("unexpected: %s\n", m->text);
	assert_null(m);
}

/** The description of a peer: one audio line. dir "sendrecv", ...; key base64. */
static inline const char *sdp_of(const char *addr, const char *key, const char *dir)
{
	static char buf[4][1024];
	static unsigned n;
	char *b = buf[n++ % 4];

	re_snprintf(b, sizeof(buf[0]),
		    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		    "m=audio 40000 RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
		    "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:%s\r\na=%s\r\n",
		    addr, addr, key, dir);
	return b;
}

/** The same as an answer: tag 1 stands for that of the one line that the gateway offered. */
static inline const char *sdp_answer(const char *addr, const char *key, const char *dir)
{
	char *b = (char *)sdp_of(addr, key, dir);

	strstr(b, "crypto:7")[7] = '1';
	return b;
}

static inline void put_body(const struct peer *peer, char *text, size_t size, const char *sdp)
{
	const char *tag = sdp ? strstr(sdp, "a=crypto:1 ") : NULL;
	size_t used = strlen(text);
	char body[2048];

	if (sdp && *sdp) {
		re_snprintf(body, sizeof(body), "%s", sdp);
		if (tag && peer->crypto && peer->crypto < 10)
			body[tag - sdp + 9] = (char)('0' + peer->crypto);
		re_snprintf(text + used, size - used,
			    "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			    strlen(body), body);
	} else {
		re_snprintf(text + used, size - used, "Content-Length: 0\r\n\r\n");
	}
}

/** A request by the peer. uri NULL: in its dialog. extra: further header lines or "". */
static inline void request(struct peer *peer, const char *method, const char *uri,
			   const char *extra, const char *sdp)
{
	const char *me = &peer->f->carrier == peer ? CARRIER_NUMBER : SERVICE_NUMBER;
	const char *you = &peer->f->carrier == peer ? SERVICE_NUMBER : CARRIER_NUMBER;
	bool ack = 0 == strcmp(method, "ACK"), cancel = 0 == strcmp(method, "CANCEL");
	char text[4096], to_tag[80] = "";

	if (peer->remote_tag[0] && !cancel)
		re_snprintf(to_tag, sizeof(to_tag), ";tag=%s", peer->remote_tag);
	if (!ack && !cancel)
		peer->cseq++;
	if (!cancel)
		re_snprintf(peer->branch, sizeof(peer->branch), "z9hG4bK-%s-%u", peer->host,
			    ++peer->f->branch);
	re_snprintf(text, sizeof(text),
		    "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=%s\r\nMax-Forwards: 70\r\n"
		    "From: \"Al\" <sip:%s@%s>;tag=%s\r\nTo: <sip:%s@%s>%s\r\nCall-ID: %s\r\n"
		    "CSeq: %u %s\r\nContact: <sip:%s:5061;transport=tls>\r\n%s",
		    method, uri ? uri : peer->target, peer->host, peer->branch, me, peer->host,
		    peer->tag, you, "gw.example.net", to_tag, peer->call_id, peer->cseq, method,
		    peer->host, extra);
	put_body(peer, text, sizeof(text), sdp);
	peer_write(peer, text);
}

/** The peer opens a dialog. */
static inline void invite_uri(struct peer *peer, const char *uri, const char *extra,
			      const char *sdp)
{
	re_snprintf(peer->call_id, sizeof(peer->call_id), "call-%u@%s", ++peer->f->branch,
		    peer->host);
	re_snprintf(peer->tag, sizeof(peer->tag), "tag%u", peer->f->branch);
	peer->remote_tag[0] = '\0';
	peer->uac = true;
	request(peer, "INVITE", uri, extra, sdp);
}

static inline void invite(struct peer *peer, const char *called, const char *extra, const char *sdp)
{
	char uri[128];

	re_snprintf(uri, sizeof(uri), "sip:%s@gw.example.net;user=phone", called);
	invite_uri(peer, uri, extra, sdp);
}

static inline void learn(struct peer *peer, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *contact = sp_sip_msg_next(m, SP_HDR_CONTACT, NULL);
	struct sp_sip_addr addr;

	re_snprintf(peer->remote_tag, sizeof(peer->remote_tag), "%r",
		    m->request ? &m->from_tag : &m->to_tag);
	if (contact && 0 == sp_sip_addr_decode(&addr, &contact->value))
		re_snprintf(peer->target, sizeof(peer->target), "%r", &addr.text);
}

/** The same with further header lines, and a To tag of a fork of its own ("": the peer's). */
static inline void respond_as(struct peer *peer, const struct sp_sip_msg *req, unsigned status,
			      const char *fork, const char *extra, const char *sdp)
{
	char text[4096], tag[48] = "";

	if (!req->to_tag.l) {
		if (*fork)
			re_snprintf(peer->tag, sizeof(peer->tag), "%s", fork);
		else if (!peer->uac && 0 == strcmp(peer->tag, ""))
			re_snprintf(peer->tag, sizeof(peer->tag), "uas%u", ++peer->f->branch);
		re_snprintf(tag, sizeof(tag), ";tag=%s", peer->tag);
		re_snprintf(peer->call_id, sizeof(peer->call_id), "%r", &req->call_id);
		learn(peer, req);
	}
	re_snprintf(text, sizeof(text),
		    "SIP/2.0 %u x\r\nVia: %r\r\nFrom: %r\r\nTo: %r%s\r\nCall-ID: %r\r\n"
		    "CSeq: %u %r\r\nContact: <sip:%s:5061;transport=tls>\r\n%s",
		    status, &sp_sip_msg_next(req, SP_HDR_VIA, NULL)->value,
		    &sp_sip_msg_next(req, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(req, SP_HDR_TO, NULL)->value, tag, &req->call_id, req->cseq,
		    &req->method_name, peer->host, extra);
	put_body(peer, text, sizeof(text), sdp);
	peer_write(peer, text);
}

/** The peer answers a request of the gateway. */
static inline void respond(struct peer *peer, const struct sp_sip_msg *req, unsigned status,
			   const char *sdp)
{
	respond_as(peer, req, status, "", "", sdp);
}

static inline size_t calls_now(const struct fx *f)
{
	struct sp_calls_count c;

	sp_calls_count(f->calls, &c);
	return c.now;
}

/** Carrier calls service, service answers; both expected messages are taken. */
static inline void establish(struct fx *f)
{
	const struct sp_sip_msg *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "ACK");
	learn(&f->carrier, expect(&f->carrier, "200"));
	request(&f->carrier, "ACK", NULL, "", NULL);
}

/** Nothing is left: calls, transactions (their timers run out), ports. */
static inline void expect_clean(struct fx *f)
{
	struct sp_calls_count count;

	sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	sp_calls_count(f->calls, &count);
	assert_int_equal(0, count.now);
	assert_int_equal(0, count.dialogs);
	assert_int_equal(0, count.relays);
	assert_int_equal(0, sp_sip_transactions(f->sip));
	assert_int_equal(0, sp_ports_used(f->portsv[0]));
	assert_int_equal(0, sp_ports_used(f->portsv[1]));
	assert_int_equal(0, sp_trunk_calls(f->trunkv[0]));
	assert_int_equal(0, sp_trunk_calls(f->trunkv[1]));
	assert_true(list_isempty(&f->calls->calls));
}

static inline void number_error(const char *file, unsigned line, const char *key, const char *value,
				const char *mend, void *arg)
{
	(void)arg;
	fail_msg("%s:%u: %s %s: %s", file, line, key, value, mend);
}

/** A table of the fixture's two trunks. */
static inline struct sp_number_table *fx_table(const struct sp_number_row *rowv, size_t rowc,
					       const struct sp_number_account_row *accountv,
					       size_t accountc)
{
	static const struct sp_number_trunk names[] = {{"carrier", true}, {"service", false}};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, names, 2, number_error, NULL));
	for (size_t i = 0; i < rowc; i++)
		assert_int_equal(0, sp_number_add(b, &rowv[i]));
	for (size_t i = 0; i < accountc; i++)
		assert_int_equal(0, sp_number_add_account(b, &accountv[i]));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

/** service has +4416329600* (account "acme") and +4416329601*. */
static inline struct sp_number_table *fx_numbers(const struct sp_number_account_row *accountv,
						 size_t accountc)
{
	static const struct sp_number_header tenant = {"X-Tenant", "t-1"};
	static const struct sp_number_row rows[] = {
		{.number = "+4416329600*",
		 .trunkv = {"service"},
		 .trunkc = 1,
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .account = "acme",
		 .headerv = &tenant,
		 .headerc = 1,
		 .file = "test",
		 .line = 1},
		{.number = "+4416329601*",
		 .trunkv = {"service"},
		 .trunkc = 1,
		 .file = "test",
		 .line = 2},
	};

	return fx_table(rows, 2, accountv, accountc);
}

static inline void fx_conf(struct fx *f)
{
	f->conf = mem_zalloc(sizeof(*f->conf), NULL);
	assert_non_null(f->conf);
	for (unsigned i = 0; i < 2; i++) {
		struct sp_conf_interface *ifc = &f->ifv[i];
		struct sp_conf_trunk *t = &f->confv[i];

		ifc->name = i ? "edge" : "core";
		ifc->sip_advertise = i ? "edge.gw.example.net" : "core.gw.example.net";
		sa_set_str(&ifc->sip, "127.0.0.1", 5061);
		sa_set_str(&ifc->media, "127.0.0.1", 0);
		sa_set_str(&ifc->media_advertise, i ? "127.0.0.2" : "127.0.0.3", 0);
		t->name = i ? "service" : "carrier";
		t->kind = i ? SP_TRUNK_SERVICE : SP_TRUNK_CARRIER;
		t->interface = i;
		t->identityv = i ? service_identity : carrier_identity;
		t->identityc = 1;
		t->connections = 10;
		assert_int_equal(0, sp_ports_alloc(&f->portsv[i], &ifc->media,
						   (uint16_t)(i ? 31000 : 30000),
						   (uint16_t)(i ? 31099 : 30099)));
	}
	f->conf->interfacev = f->ifv;
	f->conf->interfacec = 2;
	f->conf->trunkv = f->confv;
	f->conf->trunkc = 2;
	f->conf->limits = (struct sp_conf_limits){.calls = 10,
						  .connections = 10,
						  .connections_per_source = 10,
						  .handshakes = 10,
						  .first_message_s = 10,
						  .ring_s = 180,
						  .media_timeout_s = 60,
						  .drain_s = 1};
}

/** The same table with these settings; there are no calls yet. */
static inline void fx_accounts(struct fx *f, const struct sp_number_account_row *accountv,
			       size_t accountc)
{
	mem_deref(f->env->numbers);
	f->env->numbers = fx_numbers(accountv, accountc);
}

static inline void fx_env_destructor(void *arg)
{
	struct sp_call_env *env = arg;

	mem_deref(env->numbers);
}

static inline struct sp_sip_conn *fx_other(const struct sp_sip_conn *gone, void *arg)
{
	(void)arg;
	return sp_trunk_conn_like(sp_trunk_of(gone), gone);
}

static inline void fx_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	struct fx *f = arg;

	sp_calls_request(st, req, f->calls);
}

static inline void fx_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	struct fx *f = arg;

	sp_calls_ack(c, ack, f->calls);
}

static inline unsigned fx_shed(struct sp_sip_conn *c, const struct sp_sip_msg *req, void *arg)
{
	struct fx *f = arg;

	return sp_calls_shed(c, req, f->calls);
}

static inline int fx_setup(void **state)
{
	static const struct sp_sip_handlers handlers = {fx_request, fx_ack, fx_other, fx_shed};
	struct fx *f = calloc(1, sizeof(*f));
	struct sp_trunk_setup setup[2];

	assert_non_null(f);
	sp_log_setup(SP_LOG_DEBUG, true);
	sp_log_sink(fx_log, f);
	assert_int_equal(0, sp_loop_alloc_fake(&f->loop, 1000));
	assert_int_equal(0, sp_sip_alloc(&f->sip, f->loop, &handlers, f));
	assert_int_equal(0, sp_trunks_alloc(&f->trunks, f->loop, f->sip));
	fx_conf(f);
	for (unsigned i = 0; i < 2; i++)
		setup[i] = (struct sp_trunk_setup){&f->confv[i], &f->ifv[i], NULL};
	f->env = mem_zalloc(sizeof(*f->env), fx_env_destructor);
	f->env->conf = f->conf;
	f->env->numbers = fx_numbers(NULL, 0);
	f->env->trunkv = f->trunkv;
	f->env->portsv = f->portsv;
	assert_int_equal(0, sp_trunks_apply(f->trunks, f->conf, setup, 2, f->trunkv));
	assert_int_equal(0, sp_calls_alloc(&f->calls, f->loop, f->sip));
	sp_calls_env(f->calls, f->env);
	peer_init(f, &f->carrier, f->trunkv[0], "sbc.carrier.example");
	peer_init(f, &f->service, f->trunkv[1], "sbc.service.example");
	*state = f;
	return 0;
}

static inline void peer_clear(struct peer *peer)
{
	if (peer->conn)
		peer_disconnect(peer);
	mem_deref(peer->frame);
	for (size_t i = 0; i < peer->tail; i++)
		mem_deref(peer->queue[i]);
}

static inline int fx_teardown(void **state)
{
	struct fx *f = *state;

	peer_clear(&f->carrier);
	peer_clear(&f->service);
	mem_deref(f->calls);
	mem_deref(f->env);
	sp_trunks_close(f->trunks);
	sp_loop_turn(f->loop);
	for (unsigned i = 0; i < 2; i++) {
		mem_deref(f->trunkv[i]);
		mem_deref(f->portsv[i]);
	}
	mem_deref(f->trunks);
	mem_deref(f->conf);
	mem_deref(f->sip);
	sp_loop_turn(f->loop);
	mem_deref(f->loop);
	sp_log_sink(NULL, NULL);
	free(f);
	return 0;
}

#endif
