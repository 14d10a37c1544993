/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fixture of the call room with what transfers need besides: a third trunk
 * ("desk", of a service), brought in as by a reload, and peers that have more
 * than one dialog.
 *
 * A is the transferor, B whom it talks to, C whom B is to talk to.
 */
#ifndef TRANSFER_FIXTURE_H
#define TRANSFER_FIXTURE_H

#include "call_fixture.h"
#include "transfer_priv.h"

#define KEY_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"
#define DESK_NUMBER "+441632970001"

#define SDP_A sdp_of("198.51.100.7", KEY_B, "sendrecv")
#define SDP_B sdp_of("192.0.2.7", KEY_A, "sendrecv")

enum { TRUNKS = 3, CARRIER = 0, SERVICE = 1, DESK = 2 };

/* A mem object of its own: trunks refer to it for as long as they like. */
struct tf_conf {
	struct sp_conf conf;
	struct sp_conf_trunk trunkv[TRUNKS];
	const char *identityv[1];
};

struct tf {
	struct fx *f;
	struct sp_trunk *trunkv[TRUNKS];
	struct sp_conf_trunk *confv; /* as they are now */
	struct peer desk;
};

/* A dialog of a peer that is put aside while it has another. */
struct aside {
	char call_id[64], tag[32], remote_tag[64], target[256];
	uint32_t cseq;
	bool uac;
	unsigned crypto;
};

static inline void put_aside(struct peer *p, struct aside *a)
{
	struct aside now = {.cseq = p->cseq, .uac = p->uac, .crypto = p->crypto};

	memcpy(now.call_id, p->call_id, sizeof(now.call_id));
	memcpy(now.tag, p->tag, sizeof(now.tag));
	memcpy(now.remote_tag, p->remote_tag, sizeof(now.remote_tag));
	memcpy(now.target, p->target, sizeof(now.target));
	memcpy(p->call_id, a->call_id, sizeof(now.call_id));
	memcpy(p->tag, a->tag, sizeof(now.tag));
	memcpy(p->remote_tag, a->remote_tag, sizeof(now.remote_tag));
	memcpy(p->target, a->target, sizeof(now.target));
	p->cseq = a->cseq;
	p->uac = a->uac;
	p->crypto = a->crypto;
	*a = now;
}

static inline struct sp_number_table *tf_numbers(void)
{
	static const struct sp_number_trunk names[] = {
		{"carrier", true}, {"service", false}, {"desk", false}};
	static const struct sp_number_header tenants[] = {{"X-Tenant", "t-1"}, {"X-Tenant", "t-2"}};
	static const struct sp_number_row rows[] = {
		{.number = "+4416329600*",
		 .trunkv = {"service"},
		 .trunkc = 1,
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .account = "acme",
		 .headerv = &tenants[0],
		 .headerc = 1,
		 .file = "test",
		 .line = 1},
		{.number = "+4416329700*",
		 .trunkv = {"desk"},
		 .trunkc = 1,
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .headerv = &tenants[1],
		 .headerc = 1,
		 .file = "test",
		 .line = 2},
	};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, names, TRUNKS, number_error, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(0, sp_number_add(b, &rows[i]));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

static inline void tf_env_destructor(void *arg)
{
	struct sp_call_env *env = arg;

	mem_deref(env->numbers);
	mem_deref(env->conf);
}

/** mode: of every trunk. */
static inline void tf_world(struct tf *t, enum sp_conf_transfer mode)
{
	struct tf_conf *c = mem_zalloc(sizeof(*c), NULL);
	struct sp_call_env *env = mem_zalloc(sizeof(*env), tf_env_destructor);
	struct sp_trunk_setup setup[TRUNKS];
	struct fx *f = t->f;

	assert_non_null(c);
	assert_non_null(env);
	c->conf = *f->conf;
	c->conf.trunkv = t->confv = c->trunkv;
	c->conf.trunkc = TRUNKS;
	c->identityv[0] = "sbc.desk.example";
	for (size_t i = 0; i < TRUNKS; i++) {
		c->trunkv[i] = f->confv[i > 0];
		c->trunkv[i].transfer = mode;
		setup[i] = (struct sp_trunk_setup){&c->trunkv[i], &f->ifv[i > 0], NULL};
	}
	c->trunkv[DESK].name = "desk";
	c->trunkv[DESK].identityv = c->identityv;
	env->conf = &c->conf;
	env->numbers = tf_numbers();
	env->trunkv = t->trunkv;
	env->portsv = f->portsv;
	assert_int_equal(0, sp_trunks_apply(f->trunks, env->conf, setup, TRUNKS, t->trunkv));
	sp_calls_env(f->calls, env);
	mem_deref(env);
	peer_init(f, &t->desk, t->trunkv[DESK], "sbc.desk.example");
}

static inline int tf_setup(void **state, enum sp_conf_transfer mode)
{
	struct tf *t = calloc(1, sizeof(*t));
	void *fx = NULL;

	assert_non_null(t);
	assert_int_equal(0, fx_setup(&fx));
	t->f = fx;
	tf_world(t, mode);
	*state = t;
	return 0;
}

static inline int tf_teardown(void **state)
{
	struct tf *t = *state;
	void *fx = t->f;

	peer_clear(&t->desk);
	for (size_t i = 0; i < TRUNKS; i++)
		mem_deref(t->trunkv[i]);
	free(t);
	return fx_teardown(&fx);
}

static inline void tf_clean(struct tf *t)
{
	expect_silence(&t->f->carrier);
	expect_silence(&t->f->service);
	expect_silence(&t->desk);
	expect_clean(t->f);
	assert_int_equal(0, sp_trunk_calls(t->trunkv[DESK]));
}

/** Any peer calls any number, whose peer answers. */
static inline void tf_call(struct peer *from, const char *number, struct peer *to,
			   const char *offer, const char *answer)
{
	invite(from, number, "", offer);
	expect(from, "100");
	respond(to, expect(to, "INVITE"), 200, answer);
	expect(to, "ACK");
	learn(from, expect(from, "200"));
	request(from, "ACK", NULL, "", NULL);
}

/** The service's call to B at the carrier; its own number is one that it may use. */
static inline void tf_outbound(struct tf *t)
{
	tf_call(&t->f->service, CARRIER_NUMBER, &t->f->carrier, SDP_A,
		sdp_answer("192.0.2.7", KEY_A, "sendrecv"));
}

static inline void refer(struct peer *p, const char *refer_to, const char *extra)
{
	char text[3000];

	re_snprintf(text, sizeof(text), "Refer-To: %s\r\n%s", refer_to, extra);
	request(p, "REFER", NULL, text, NULL);
}

static inline void refer_to(char *buf, size_t size, const char *host, const char *call_id,
			    const char *to_tag, const char *from_tag, const char *extra)
{
	char id[256] = "";

	for (const char *p = call_id; *p; p++)
		re_snprintf(id + strlen(id), sizeof(id) - strlen(id), '@' == *p ? "%%40" : "%c",
			    *p);
	re_snprintf(buf, size, "<sip:%s@%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s%s>",
		    DESK_NUMBER, host, id, to_tag, from_tag, ';' == *extra ? "%3Bearly-only" : "");
}

/** REFER to the dialog that the sender has in another call, as it knows it. */
static inline void refer_to_replaces(struct peer *a, const struct aside *consult, const char *extra)
{
	char text[512];

	refer_to(text, sizeof(text), "gw.example.net", consult->call_id, consult->remote_tag,
		 consult->tag, extra);
	refer(a, text, "");
}

/** A NOTIFY about a REFER. */
static inline void notify(struct peer *p, const char *event, const char *state, const char *frag)
{
	char text[2048];

	re_snprintf(text, sizeof(text),
		    "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=z9hG4bKn%u\r\n"
		    "From: <sip:x@%s>;tag=%s\r\nTo: <sip:y@gw>;tag=%s\r\nCall-ID: %s\r\n"
		    "CSeq: %u NOTIFY\r\nMax-Forwards: 70\r\nEvent: %s\r\n"
		    "Subscription-State: %s\r\nContent-Type: message/sipfrag;version=2.0\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    p->target, p->host, ++p->f->branch, p->host, p->tag, p->remote_tag, p->call_id,
		    ++p->cseq, event, state, strlen(frag), frag);
	peer_write(p, text);
}

static inline void assert_header(const struct sp_sip_msg *m, const char *name, const char *value)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, name);
	char got[1024] = "";

	if (hdr)
		re_snprintf(got, sizeof(got), "%r", &hdr->value);
	assert_string_equal(got, value);
}

static inline void assert_body(const struct sp_sip_msg *m, const char *body)
{
	char got[1024];

	re_snprintf(got, sizeof(got), "%r", &m->body);
	assert_string_equal(got, body);
}

/** What of the other side's network must not be read here. */
static inline void assert_hidden(const struct sp_sip_msg *m, const char *host)
{
	if (strstr(m->text, host))
		fail_msg("%s leaks:\n%s", host, m->text);
}

static inline void hang_up_by(struct tf *t, struct peer *by, struct peer *other)
{
	request(by, "BYE", NULL, "", NULL);
	expect(by, "200");
	respond(other, expect(other, "BYE"), 200, NULL);
	tf_clean(t);
}

#endif
