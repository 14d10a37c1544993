/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Three trunks around the gateway of call_fixture.h, where that has two: as
 * by a reload, the scenario's own configuration takes the fixture's place
 * before the first message. carrier and service are the fixture's trunks.
 */
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include "scenario.h"

#define SC_OTHER_NUMBER "+441632970001"

static inline void sc_env_destructor(void *arg)
{
	struct sp_call_env *env = arg;

	mem_deref(env->numbers);
	mem_deref(env->conf);
}

static inline void sc_number_error(const char *file, unsigned line, const char *key,
				   const char *value, const char *mend, void *arg)
{
	sc_fail(arg, NULL, "%s:%u: %s %s: %s", file, line, key, value, mend);
}

static inline struct sp_number_table *sc_numbers(struct scenario *s)
{
	static const struct sp_number_header tenant = {"X-Tenant", "t-1"};
	static const struct sp_number_row defaults[] = {
		{.number = "+4416329600*",
		 .trunkv = {"service"},
		 .trunkc = 1,
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .account = "acme",
		 .headerv = &tenant,
		 .headerc = 1,
		 .file = "built in",
		 .line = 1},
		{.number = "+4416329700*",
		 .trunkv = {"other"},
		 .trunkc = 1,
		 .carrierv = {"carrier"},
		 .carrierc = 1,
		 .account = "globex",
		 .file = "built in",
		 .line = 2},
	};
	struct sp_number_trunk names[SC_PEERS];
	struct sp_number_build *b;
	struct sp_number_table *t;

	for (size_t i = 0; i < SC_PEERS; i++) {
		names[i].name = s->conf->trunkv[i].name;
		names[i].carrier = SP_TRUNK_CARRIER == s->conf->trunkv[i].kind;
	}
	assert_int_equal(0, sp_number_build_alloc(&b, names, SC_PEERS, sc_number_error, s));
	for (size_t i = 0; i < ARRAY_SIZE(defaults) && !s->rowc; i++) {
		if (SP_TRUNK_SERVICE == s->conf->trunkv[i + 1].kind)
			assert_int_equal(0, sp_number_add(b, &defaults[i]));
	}
	for (size_t i = 0; i < s->rowc; i++)
		assert_int_equal(0, sp_number_add(b, &s->rowv[i]));
	for (size_t i = 0; i < s->accountc; i++)
		assert_int_equal(0, sp_number_add_account(b, &s->accountv[i]));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

/** The fixture's two trunks and the third, before the scenario's settings. */
static inline void sc_world_init(struct scenario *s)
{
	static const char *const numbers[] = {CARRIER_NUMBER, SERVICE_NUMBER, SC_OTHER_NUMBER};
	static const char *const calls[] = {SERVICE_NUMBER, CARRIER_NUMBER, CARRIER_NUMBER};
	struct sc_conf *c = mem_zalloc(sizeof(*c), NULL);

	assert_non_null(c);
	s->conf = c;
	c->conf = *s->fx->conf;
	c->conf.limits.media_timeout_s = 0; /* scenarios have no media */
	c->conf.trunkv = c->trunkv;
	c->conf.trunkc = SC_PEERS;
	for (size_t i = 0; i < SC_PEERS; i++) {
		struct sc_peer *p = &s->peerv[i];

		c->trunkv[i] = s->fx->confv[i > 0];
		c->trunkv[i].failover.tries = 4;
		c->trunkv[i].failover.total_s = 30;
		p->name = i > 1 ? "other" : c->trunkv[i].name;
		p->number = numbers[i];
		p->calls = calls[i];
		p->endpoint = (char)('a' + i);
		p->interface = c->trunkv[i].interface;
	}
	c->identityv[2] = "sbc.other.example";
	c->trunkv[2].name = "other";
	c->trunkv[2].identityv = &c->identityv[2];
	s->peerv[0].wire = &s->fx->carrier;
	s->peerv[1].wire = &s->fx->service;
	s->peerv[2].wire = &s->other_wire;
}

/** The settings are said: from here on the gateway has them. */
static inline void sc_world_start(struct scenario *s)
{
	struct sp_call_env *env = mem_zalloc(sizeof(*env), sc_env_destructor);
	struct sp_trunk_setup setup[SC_PEERS];

	assert_non_null(env);
	for (size_t i = 0; i < SC_PEERS; i++)
		setup[i] = (struct sp_trunk_setup){&s->conf->trunkv[i],
						   &s->fx->ifv[s->conf->trunkv[i].interface], NULL};
	env->conf = mem_ref(&s->conf->conf);
	env->numbers = sc_numbers(s);
	env->trunkv = s->trunkv;
	env->portsv = s->fx->portsv;
	assert_int_equal(0, sp_trunks_apply(s->fx->trunks, env->conf, setup, SC_PEERS, s->trunkv));
	sp_calls_env(s->fx->calls, env);
	mem_deref(env);
	peer_init(s->fx, &s->other_wire, s->trunkv[2], "sbc.other.example");
	s->running = true;
}

/** Before fx_teardown(): what the fixture does not know of. */
static inline void sc_world_end(struct scenario *s)
{
	if (s->running)
		peer_clear(&s->other_wire);
	for (size_t i = 0; i < SC_PEERS; i++)
		mem_deref(s->trunkv[i]);
	mem_deref(s->conf);
}

/** At the end of a scenario: no call, transaction, port or trunk in use. */
static inline void sc_clean(struct scenario *s)
{
	struct fx *f = s->fx;

	sp_loop_advance(f->loop, 2ULL * SP_SIP_TIMEOUT_MS);
	if (calls_now(f))
		sc_fail(s, NULL, "%zu calls are left", calls_now(f));
	if (sp_sip_transactions(f->sip))
		sc_fail(s, NULL, "%zu transactions are left", sp_sip_transactions(f->sip));
	for (size_t i = 0; i < SC_PEERS; i++) {
		if (sp_trunk_calls(s->trunkv[i]))
			sc_fail(s, NULL, "trunk %s counts %u calls", s->peerv[i].name,
				sp_trunk_calls(s->trunkv[i]));
	}
	for (unsigned i = 0; i < 2; i++) {
		if (sp_ports_used(f->portsv[i]))
			sc_fail(s, NULL, "%u ports of interface %s are left",
				sp_ports_used(f->portsv[i]), f->ifv[i].name);
	}
	expect_clean(f);
}

#endif
