/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The call room between three trunks, for fuzz_call_*: a carrier, a service with
 * two targets, and a desk, with few ports and a fake clock. Each snapshot is a
 * reload. One world serves all inputs of a process; world_end() lets the clock
 * run and wants nothing to be left of one.
 *
 * Random numbers are the same for the same input: a finding can be run again.
 */
#ifndef CALL_WORLD_H
#define CALL_WORLD_H

#include "fuzz_assert.h"
#include <sys/random.h>
#include <unistd.h>
#include "../unit/call_counts.h"

enum { TRUNKS = 3, CARRIER = 0, SERVICE = 1, DESK = 2, SETTINGS = 7, PORT_PAIRS = 6 };
enum { HOUR_MS = 3600 * 1000, CALLS_MAX = 16 };

#define DESK_NUMBER "+441632970001"

/* How a trunk is set, one choice in a few bits each. */
struct settings {
	uint8_t v[SETTINGS];
};

struct snapshot {
	struct settings trunkv[TRUNKS];
	uint8_t flags; /* see conf_limits(), settle_all() and world_apply() */
};

/* What a snapshot lives in. A mem object, as of conf/. */
struct world_conf {
	struct sp_conf conf;
	struct sp_conf_trunk trunkv[TRUNKS];
};

struct world_env {
	struct sp_call_env env;
	struct sp_trunk *trunkv[TRUNKS];
	unsigned *alive; /* counts these */
};

static struct world {
	struct fx *f;
	struct sp_number_table *tablev[2]; /* with and without the desk */
	struct sp_ports *portsv[2];
	struct sp_trunk *trunkv[TRUNKS]; /* references; also of one that the snapshot lacks */
	unsigned envs, started, ended;
	uint64_t seed;
	bool loud; /* FUZZ_LOG is set: to see what a finding is about */
} world;

static const char *const trunk_names[TRUNKS] = {"carrier", "service", "desk"};
static const char *const trunk_hosts[] = {"127.0.5.1", "127.0.5.2"}; /* of the service */
static const char *const desk_identity[] = {"sbc.desk.example"};
static const char *const world_emergency[] = {"112"};
static const char *const world_pass[] = {"X-A", "Subject", "Alert-Info"};
static const struct sp_conf_rule world_rules[] = {
	{.action = SP_RULE_COPY, .header = "X-B", .from = "X-A"},
	{.action = SP_RULE_SET, .header = "X-C", .value = "{caller}/{called}/{header:Subject}"},
	{.action = SP_RULE_REMOVE,
	 .header = "Subject",
	 .when = {.header = "X-A", .matches = "*b*"}},
};

/* ---- what is random is not ---- */

ssize_t getrandom(void *buf, size_t length, unsigned flags)
{
	uint8_t *p = buf;

	(void)flags;
	for (size_t i = 0; i < length; i++) {
		world.seed = world.seed * 6364136223846793005ULL + 1442695040888963407ULL;
		p[i] = (uint8_t)(world.seed >> 56);
	}
	return (ssize_t)length;
}

static inline void world_log(enum sp_log_level level, const char *line, void *arg)
{
	struct world *w = arg;

	(void)level;
	w->started += !strncmp(line, "call_start ", 11);
	w->ended += !strncmp(line, "call_end ", 9);
	if (w->loud)
		print_message("log %s\n", line);
}

/* ---- snapshots ---- */

static inline struct sp_number_table *world_numbers(size_t trunkc)
{
	static const struct sp_number_trunk names[TRUNKS] = {
		{"carrier", true}, {"service", false}, {"desk", false}};
	static const struct sp_number_header tenant = {"X-Tenant", "{number}"};
	struct sp_number_row rows[] = {
		{.number = "+4416329600*",
		 .trunkv = {"service", "desk"},
		 .account = "acme",
		 .label = "gold",
		 .headerv = &tenant,
		 .headerc = 1},
		{.number = "+4416329601*", .trunkv = {"service"}},
		{.number = "+4416329700*", .trunkv = {"desk"}, .caller_id = "screened"},
	};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, names, trunkc, number_error, NULL));
	for (unsigned i = 0; i < trunkc; i++) {
		rows[i].trunkc = 0 == i ? trunkc - 1 : 1;
		rows[i].carrierv[0] = "carrier";
		rows[i].carrierc = 1;
		rows[i].file = "fuzz";
		rows[i].line = i + 1;
		assert_int_equal(0, sp_number_add(b, &rows[i]));
	}
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

static inline void settle_calls(struct sp_conf_trunk *t, const uint8_t *v)
{
	static const uint16_t codes[] = {503, 408, 480, 404, 600};

	t->reliable = (enum sp_conf_use)((v[0] & 3) % 3);
	t->timer.use = (enum sp_conf_use)((v[0] >> 2 & 3) % 3);
	t->transfer = (enum sp_conf_transfer)((v[0] >> 4 & 3) % 3);
	t->follow_redirects = v[0] & 64;
	t->refuse_delayed = v[0] & 128;
	t->timer.expires_s = 90U + (v[1] & 63U) * 10U;
	t->timer.min_s = 90;
	t->timer.refresher = (enum sp_conf_refresher)((v[1] >> 6) % 3);
	t->timer.refresh = (enum sp_conf_refresh)((v[2] & 3) % 3);
	t->hold = (enum sp_conf_hold)((v[2] >> 2 & 3) % 3);
	t->early_media = (enum sp_conf_early_media)((v[2] >> 4 & 3) % 3);
	t->trusted = v[2] & 64;
	t->pass_identity = v[2] & 128;
	t->failover.codec = min((size_t)(v[3] & 7), ARRAY_SIZE(codes));
	memcpy(t->failover.codev, codes, sizeof(codes));
	t->failover.tries = 1 + (v[3] >> 3 & 3);
	t->failover.early_media = v[3] & 32;
	t->rekey_follow = v[3] & 64;
	t->rekey_roc_keep = v[3] & 128;
	t->failover.total_s = 1U + (v[4] & 15U) * 4U;
	t->failover.response_s = 1 + (v[4] >> 4);
	t->failover.progress_s = v[4] & 15;
}

static inline void settle_rest(struct sp_conf_trunk *t, const uint8_t *v)
{
	static const unsigned calls[] = {0, 0, 1, 3};
	static const uint16_t statuses[] = {0, 480};

	t->limits.calls = calls[v[5] & 3];
	t->limits.calls_out = calls[v[5] >> 2 & 3];
	t->limits.rate_out.per_s = t->limits.rate_out.burst = v[5] & 16 ? 1 : 0;
	t->limits.status = statuses[v[5] >> 5 & 1];
	t->diverted = (enum sp_conf_diverted)((v[5] >> 6) % 3);
	t->rtcp_mux = (enum sp_conf_mux)((v[6] & 3) % 3);
	t->numbering.user_phone = v[6] & 4;
	if (v[6] & 8) {
		t->numbering.country = "44";
		t->numbering.national_prefix = "0";
		t->numbering.international_prefix = "00";
	}
	t->passv = world_pass;
	t->passc = v[6] & 16 ? ARRAY_SIZE(world_pass) : 0;
	t->rules_inv = t->rules_outv = world_rules;
	t->rules_inc = v[6] & 32 ? ARRAY_SIZE(world_rules) : 0;
	t->rules_outc = v[6] & 64 ? ARRAY_SIZE(world_rules) : 0;
	t->wildcard = v[6] & 128;
}

/** flags & 64: numbers are written as they are dialled; & 128: whoever tries numbers is told so. */
static inline void settle_all(struct sp_conf_trunk *t, uint8_t flags)
{
	if (flags & 64 && t->numbering.country)
		t->numbering.format = SP_FORMAT_NATIONAL;
	else if (flags & 64)
		t->numbering.add_out = "9";
	t->limits.unknown_per_minute = flags & 128 ? 1 : 0;
}

static inline void conf_limits(struct sp_conf_limits *l, uint8_t flags)
{
	l->calls = flags & 1 ? 2 : 8;
	l->ring_s = flags & 2 ? 10 : 60;
	l->media_timeout_s = flags & 4 ? 10 : 0;
	l->account_calls = flags & 8 ? 1 : 0;
	l->account_rate.per_s = l->account_rate.burst = flags & 16 ? 1 : 0;
}

static inline void env_destructor(void *arg)
{
	struct world_env *e = arg;

	for (size_t i = 0; i < TRUNKS; i++)
		mem_deref(e->trunkv[i]);
	mem_deref(e->env.numbers);
	mem_deref(e->env.conf);
	--*e->alive;
}

static inline struct world_conf *conf_make(const struct world *w, const struct snapshot *s,
					   size_t trunkc)
{
	struct world_conf *c = mem_zalloc(sizeof(*c), NULL);

	assert_non_null(c);
	c->conf = *w->f->conf;
	c->conf.trunkv = c->trunkv;
	c->conf.trunkc = trunkc;
	conf_limits(&c->conf.limits, s->flags);
	for (unsigned i = 0; i < trunkc; i++) {
		struct sp_conf_trunk *t = &c->trunkv[i];

		*t = w->f->confv[i > 0];
		t->name = trunk_names[i];
		t->identityv = DESK == i ? desk_identity : t->identityv;
		t->emergencyv = world_emergency;
		t->emergencyc = CARRIER != i;
		t->carrierc = CARRIER != i; /* the first trunk */
		settle_calls(t, s->trunkv[i].v);
		settle_rest(t, s->trunkv[i].v);
		settle_all(t, s->flags);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(trunk_hosts); i++)
		c->trunkv[SERVICE].targetv[c->trunkv[SERVICE].targetc++] =
			(struct sp_conf_target){.host = trunk_hosts[i], .port = 5061};
	return c;
}

/** A reload. flags & 32: without the desk. */
static inline void world_apply(struct world *w, const struct snapshot *s)
{
	const size_t trunkc = s->flags & 32 ? TRUNKS - 1 : TRUNKS;
	struct world_env *e = mem_zalloc(sizeof(*e), env_destructor);
	struct world_conf *c = conf_make(w, s, trunkc);
	struct sp_trunk_setup setup[TRUNKS];

	assert_non_null(e);
	e->alive = &w->envs;
	w->envs++;
	for (unsigned i = 0; i < trunkc; i++)
		setup[i] = (struct sp_trunk_setup){&c->trunkv[i], &w->f->ifv[i > 0], NULL};
	assert_int_equal(0, sp_trunks_apply(w->f->trunks, &c->conf, setup, trunkc, e->trunkv));
	for (unsigned i = 0; i < trunkc; i++) {
		mem_deref(w->trunkv[i]);
		w->trunkv[i] = mem_ref(e->trunkv[i]);
	}
	e->env = (struct sp_call_env){&c->conf, mem_ref(w->tablev[trunkc < TRUNKS]), e->trunkv,
				      w->portsv};
	sp_calls_env(w->f->calls, &e->env);
	mem_deref(e);
}

/* ---- the world ---- */

static inline void world_make(struct world *w)
{
	const unsigned pid = (unsigned)getpid();
	char addr[32];
	void *state = NULL;
	struct sa sa;

	fx_setup(&state);
	w->f = state;
	w->loud = getenv("FUZZ_LOG") != NULL;
	sp_log_setup(w->loud ? SP_LOG_DEBUG : SP_LOG_INFO, true);
	sp_log_sink(world_log, w);
	peer_disconnect(&w->f->carrier); /* ours take their places */
	peer_disconnect(&w->f->service);
	/* fuzzers run side by side, so each has an address of its own */
	re_snprintf(addr, sizeof(addr), "127.66.%u.%u", pid >> 7 & 255, pid & 127);
	sa_set_str(&sa, addr, 0);
	for (unsigned i = 0; i < 2; i++) {
		const uint16_t port = (uint16_t)(30000 + 100 * i);

		assert_int_equal(0, sp_ports_alloc(&w->portsv[i], &sa, port,
						   (uint16_t)(port + 2 * PORT_PAIRS - 1)));
		w->tablev[i] = world_numbers(TRUNKS - i);
	}
}

/** The figures of the gateway and of each trunk are those of its calls. */
static inline void world_counts(const struct world *w)
{
	must(counts_match(w->f->calls, w->trunkv, TRUNKS));
}

/** What a peer's message may change of the calls up to this one. */
static inline uint64_t world_digest(const struct world *w, uint64_t serial)
{
	uint64_t h = 14695981039346656037ULL;
	struct le *le, *l;

	for (le = list_head(&w->f->calls->calls); le; le = le->next) {
		const struct sp_call *call = le->data;
		const uintptr_t c[] = {call->state,
				       call->over,
				       (uintptr_t)call->transfer,
				       (uintptr_t)call->lent,
				       (uintptr_t)call->change.by,
				       (uintptr_t)call->session.relay,
				       list_count(&call->passes)};

		if (call->serial > serial)
			break;
		for (size_t i = 0; i < ARRAY_SIZE(c); i++)
			h = (h ^ c[i]) * 1099511628211ULL;
		for (l = list_head(&call->legs); l; l = l->next) {
			const struct leg *leg = l->data;
			const uintptr_t v[] = {leg->state,
					       leg->accepted,
					       leg->peer,
					       leg->timer.expires_s,
					       (uintptr_t)leg->dlg,
					       (uintptr_t)leg->conn,
					       (uintptr_t)leg->invite_st,
					       (uintptr_t)leg->invite_ct,
					       (uintptr_t)leg->update_ct,
					       (uintptr_t)leg->bye_ct,
					       (uintptr_t)leg->pick};

			for (size_t i = 0; i < ARRAY_SIZE(v); i++)
				h = (h ^ v[i]) * 1099511628211ULL;
		}
	}
	return h;
}

/** Nothing is on its way on the leg, but for a refresh of its session. */
static inline void must_rest(const struct leg *leg)
{
	must(LEG_UP == leg->state && !leg->invite_st && !leg->bye_ct && !leg->pick);
	must(leg->timer.out || !leg_is_busy(leg));
}

/** Those that are not up must be ending by themselves: their serials. */
static inline size_t world_ending(const struct world *w, uint64_t serialv[CALLS_MAX])
{
	struct le *le;
	size_t n = 0;

	for (le = list_head(&w->f->calls->calls); le; le = le->next) {
		const struct sp_call *call = le->data;

		must(UP == call->state || ENDING == call->state);
		if (ENDING == call->state) {
			serialv[n++] = call->serial;
			continue;
		}
		must(n < CALLS_MAX && list_count(&call->legs) == 2);
		must(!call->transfer && !call->lent && !call->change.by);
		must(list_isempty(&call->passes));
		must_rest(call->leg[SP_SIDE_CALLER]);
		must_rest(call->leg[SP_SIDE_CALLEE]);
	}
	return n;
}

static inline bool world_has(const struct world *w, uint64_t serial)
{
	struct le *le;

	for (le = list_head(&w->f->calls->calls); le; le = le->next) {
		if (((const struct sp_call *)le->data)->serial == serial)
			return true;
	}
	return false;
}

/** Is a leg of a call that is up this dialog of a peer? */
static inline bool world_talks(const struct world *w, const char *call_id, const char *tag)
{
	struct le *le;

	for (le = list_head(&w->f->calls->calls); le; le = le->next) {
		const struct sp_call *call = le->data;

		for (size_t i = 0; i < 2 && UP == call->state; i++) {
			const struct dlg *d = call->leg[i]->dlg;

			if (d && !strcmp(sp_sip_dialog_call_id(d->sip), call_id) &&
			    !strcmp(sp_sip_dialog_remote_tag(d->sip), tag))
				return true;
		}
	}
	return false;
}

static inline bool is_there(struct le *le, void *arg)
{
	(void)arg;
	return le != NULL;
}

/** Accounts are forgotten when a call of another one comes. */
static inline void forget_accounts(struct accounts *as)
{
	static const struct sp_number_account other = {.name = "other"};
	static const struct sp_conf_limits none;
	struct account *a;

	must(!accounts_begin(as, &none, &other, &a));
	accounts_end(a);
	must(!accounts_kept(as));
}

/** All calls have been ended, and nobody speaks any more: nothing of them is left. */
static inline void world_end(struct world *w)
{
	struct sp_calls *calls = w->f->calls;
	struct sp_calls_count count;

	sp_loop_advance(w->f->loop, 2 * HOUR_MS); /* what trunks remember is forgotten, too */
	forget_accounts(calls->accounts);
	world_counts(w);
	sp_calls_count(calls, &count);
	must(!count.now && !count.emergency && !count.dialogs && !count.relays);
	must(count.begun == count.answered + count.failed);
	must(!sp_sip_transactions(w->f->sip));
	must(list_isempty(&calls->calls) && list_isempty(&calls->stragglers));
	must(!hash_apply(calls->grants, is_there, NULL));
	must(w->started == count.begun && w->ended == w->started);
	must(w->envs == 1);
	for (unsigned i = 0; i < 2; i++)
		must(!sp_ports_used(w->portsv[i]));
	for (unsigned i = 0; i < TRUNKS; i++) {
		const struct sp_trunk *t = w->trunkv[i];

		must(!t->picks && !t->calls);
		for (size_t k = 0; k < ARRAY_SIZE(t->emergencyv); k++)
			must(!t->emergencyv[k]);
	}
	calls->draining = false;
}

#endif
