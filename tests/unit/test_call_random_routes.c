/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random events, where a call has somewhere else to go: two carriers, and a
 * service trunk with two targets before another one on the other interface.
 * Peers answer anything at any time, also INVITEs that were given up; they lose
 * their connections; the clock runs; limits of trunks and accounts are small.
 * At any time each trunk counts just the calls that there are, and afterwards
 * nothing is left. A failing seed is printed; SEED=n in the environment begins
 * with that one, RUNS=n makes as many as that.
 */
#include "call_counts.h"

enum { RUNS = 600, STEPS = 100, WAITING_MAX = 24, TRUNKS = 4, PEERS = 5 };

/* xorshift: the same numbers everywhere for the same seed. */
static uint32_t rnd(uint64_t *s, uint32_t below)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (uint32_t)((*s >> 11) % below);
}

/* A SIP peer, and the requests of the gateway that it has not finally answered. */
struct side {
	struct peer *peer;
	const char *target; /* host of the trunk's target that it is, or NULL */
	bool service;
	const struct sp_sip_msg *m[WAITING_MAX];
	size_t n;
	unsigned rack; /* RSeq of the last reliable provisional that it got */
};

static struct world {
	struct fx *f;
	struct sp_conf *conf;
	struct sp_conf_trunk confv[TRUNKS];
	struct sp_trunk *trunkv[TRUNKS];
	struct peer more[PEERS - 2];
	struct side side[PEERS];
	uint64_t seed;
	unsigned rseq;
	unsigned running;  /* seed */
	unsigned moved[4]; /* INVITEs sent once more, by why */
	unsigned told;     /* late answers to those that were given up */
} world;

static const char *const names[TRUNKS] = {"carrier", "service", "spare", "second"};
static const char *const hosts[] = {"127.0.5.1", "127.0.5.2"};
static const char *const spare_identity[] = {"sbc.spare.example"};
static const char *const second_identity[] = {"sbc.second.example"};
static const char *const emergency[] = {"112"};

/* ---- the world ---- */

/** The connection of a peer that is a target: the trunk has opened it, so to speak. */
static void place(struct side *s)
{
	struct sp_trunk *t = s->peer->trunk;
	struct conn *c = list_ledata(list_head(&t->accepted));

	if (!s->target)
		return;
	list_unlink(&c->le);
	c->tg = t->targetv[!strcmp(s->target, hosts[1])];
	c->lead->target = c->tg->key;
	list_append(&c->tg->connl, &c->le, c);
	c->tg->connc++;
}

static void add_side(struct world *w, unsigned i, struct peer *peer, unsigned trunk,
		     const char *target)
{
	struct side *s = &w->side[i];

	*s = (struct side){.peer = peer, .target = target};
	s->service = SP_TRUNK_SERVICE == w->confv[trunk].kind;
	if (!peer->f)
		peer_init(w->f, peer, w->trunkv[trunk], target ? target : names[trunk]);
	place(s);
}

static struct sp_number_table *numbers(void)
{
	static const struct sp_number_trunk trunks[TRUNKS] = {
		{"carrier", true}, {"service", false}, {"spare", false}, {"second", true}};
	static const struct sp_number_row row = {.number = "+4416329600*",
						 .trunkv = {"service", "spare"},
						 .trunkc = 2,
						 .carrierv = {"carrier", "second"},
						 .carrierc = 2,
						 .account = "acme",
						 .file = "test",
						 .line = 1};
	struct sp_number_build *b;
	struct sp_number_table *t;

	assert_int_equal(0, sp_number_build_alloc(&b, trunks, TRUNKS, number_error, NULL));
	assert_int_equal(0, sp_number_add(b, &row));
	assert_int_equal(0, sp_number_table_alloc(&t, b));
	mem_deref(b);
	return t;
}

static void fill_conf(struct world *w)
{
	struct fx *f = w->f;

	w->conf = mem_zalloc(sizeof(*w->conf), NULL);
	assert_non_null(w->conf);
	*w->conf = *f->conf;
	w->conf->trunkv = w->confv;
	w->conf->trunkc = TRUNKS;
	w->conf->limits.calls = 6;
	w->conf->limits.media_timeout_s = 10;
	w->conf->limits.ring_s = 60;
	for (unsigned i = 0; i < TRUNKS; i++) {
		struct sp_conf_trunk *t = &w->confv[i];

		*t = f->confv[1 == i || 2 == i];
		t->name = names[i];
		t->interface = 1 == i || 3 == i; /* the spare ones are on the other one */
		t->carrierv[0] = 3;
		t->carrierv[1] = 0;
		t->carrierc = SP_TRUNK_SERVICE == t->kind ? 2 : 0;
		t->emergencyv = emergency;
		t->emergencyc = SP_TRUNK_SERVICE == t->kind;
	}
	w->confv[2].identityv = spare_identity;
	w->confv[3].identityv = second_identity;
	for (unsigned i = 0; i < 2; i++)
		w->confv[1].targetv[w->confv[1].targetc++] =
			(struct sp_conf_target){.host = hosts[i], .port = 5061};
}

static int setup(void **state)
{
	struct world *w = &world;
	struct sp_trunk_setup setup[TRUNKS];
	struct sp_call_env *env;
	int err = fx_setup(state);

	memset(w, 0, sizeof(*w));
	w->f = *state;
	fill_conf(w);
	env = mem_zalloc(sizeof(*env), fx_env_destructor);
	assert_non_null(env);
	for (unsigned i = 0; i < TRUNKS; i++)
		setup[i] = (struct sp_trunk_setup){&w->confv[i], &w->f->ifv[w->confv[i].interface],
						   NULL};
	assert_int_equal(0, sp_trunks_apply(w->f->trunks, w->conf, setup, TRUNKS, w->trunkv));
	*env = (struct sp_call_env){w->conf, numbers(), w->trunkv, w->f->portsv};
	sp_calls_env(w->f->calls, env);
	mem_deref(env);
	add_side(w, 0, &w->f->carrier, 0, NULL);
	add_side(w, 1, &w->f->service, 1, hosts[0]);
	add_side(w, 2, &w->more[0], 1, hosts[1]);
	add_side(w, 3, &w->more[1], 2, NULL);
	add_side(w, 4, &w->more[2], 3, NULL);
	return err;
}

static int teardown(void **state)
{
	struct world *w = &world;
	int err;

	if (w->running)
		print_message("seed %u:\n%s", w->running, w->f->log);
	for (unsigned i = 0; i < ARRAY_SIZE(w->more); i++)
		peer_clear(&w->more[i]);
	err = fx_teardown(state);
	for (unsigned i = 0; i < TRUNKS; i++)
		mem_deref(w->trunkv[i]);
	mem_deref(w->conf);
	return err;
}

/** Other settings for each run: what one allows hides what another does. */
static void settle(struct world *w)
{
	static const uint16_t codes[] = {503, 408, 504, 480, 404, 600};
	static const uint16_t statuses[] = {0, 480, 603};
	uint64_t *s = &w->seed;

	w->conf->limits.account_calls = rnd(s, 3) ? 0 : 1 + rnd(s, 3);
	w->conf->limits.account_rate.per_s = rnd(s, 3) ? 0 : 1;
	w->conf->limits.account_rate.burst = 1 + rnd(s, 3);
	for (unsigned i = 0; i < TRUNKS; i++) {
		struct sp_conf_trunk *t = &w->confv[i];
		struct sp_conf_trunk_limits *l = &t->limits;

		memset(l, 0, sizeof(*l));
		l->calls = rnd(s, 3) ? 0 : 1 + rnd(s, 4);
		l->calls_in = rnd(s, 4) ? 0 : 1 + rnd(s, 3);
		l->calls_out = rnd(s, 4) ? 0 : 1 + rnd(s, 2);
		l->rate_out.per_s = l->rate_out.burst = rnd(s, 4) ? 0 : 1;
		l->status = statuses[rnd(s, 3)];
		limits_settings(w->trunkv[i]);

		t->reliable = (enum sp_conf_use)rnd(s, 2);
		t->timer.use = (enum sp_conf_use)rnd(s, 2);
		t->timer.expires_s = t->timer.min_s = 90;
		t->transfer = (enum sp_conf_transfer)rnd(s, 3);
		t->follow_redirects = rnd(s, 2);
		t->early_media = (enum sp_conf_early_media)rnd(s, 3);
		t->refuse_delayed = !rnd(s, 4);
		t->trusted = rnd(s, 2);

		t->failover.codec = rnd(s, ARRAY_SIZE(codes) + 1);
		memcpy(t->failover.codev, codes, sizeof(codes));
		t->failover.tries = 1 + rnd(s, 5);
		t->failover.total_s = 1 + rnd(s, 60);
		t->failover.response_s = 1 + rnd(s, 5);
		t->failover.progress_s = rnd(s, 20);
		t->failover.early_media = rnd(s, 2);
	}
}

/* ---- what peers say ---- */

static const char *some_sdp(struct world *w, bool answer)
{
	switch (rnd(&w->seed, 12)) {

	case 0:
		return NULL;
	case 1:
		return "v=0\r\nnot sdp at all\r\n";
	default:
		return answer ? sdp_answer("192.0.2.7", KEY_A, "sendrecv")
			      : sdp_of("192.0.2.7", KEY_B, "sendrecv");
	}
}

static const char *some_headers(struct world *w, unsigned code)
{
	static const char *const after[] = {
		"4294967295",          "0", "-1", "18446744073709551617", "x",
		"5 (soon);duration=3", "",  "1"};
	static char text[128];

	if (422 == code)
		return rnd(&w->seed, 2) ? "Min-SE: 86400\r\n" : "Min-SE: 120\r\n";
	if (302 == code)
		return rnd(&w->seed, 2) ? "Contact: <sip:+441632960003@127.0.5.2>\r\n" : "";
	if (503 == code)
		re_snprintf(text, sizeof(text), "Retry-After: %s\r\n",
			    after[rnd(&w->seed, ARRAY_SIZE(after))]);
	else if (code > 100 && code < 200 && rnd(&w->seed, 2))
		re_snprintf(text, sizeof(text), "Require: 100rel\r\nRSeq: %u\r\n", ++w->rseq);
	else
		return rnd(&w->seed, 2) ? "Allow: INVITE, UPDATE, PRACK\r\n" : "";
	return text;
}

static void answer_one(struct world *w, struct side *s)
{
	static const unsigned codes[] = {100, 100, 180, 183, 183, 199, 200, 200, 200,
					 302, 302, 302, 404, 408, 422, 422, 422, 480,
					 486, 487, 491, 503, 503, 503, 504, 600};
	unsigned code = codes[rnd(&w->seed, ARRAY_SIZE(codes))];
	const struct sp_sip_msg *m;
	size_t k;

	if (!s->n)
		return;
	k = rnd(&w->seed, (uint32_t)s->n);
	m = s->m[k];
	if (code >= 200 && rnd(&w->seed, 4)) /* else it may answer again */
		s->m[k] = s->m[--s->n];
	if (!m->to_tag.l && !rnd(&w->seed, 4)) /* as another fork */
		re_snprintf(s->peer->tag, sizeof(s->peer->tag), "fork%u", ++w->f->branch);
	respond_as(s->peer, m, code, "", some_headers(w, code),
		   code < 300 && code > 100 ? some_sdp(w, true) : NULL);
}

static void in_dialog(struct world *w, struct side *s)
{
	static const char *const methods[] = {"BYE",   "INVITE", "UPDATE",  "UPDATE", "ACK",
					      "INFO",  "PRACK",  "PRACK",   "REFER",  "REFER",
					      "PRACK", "UPDATE", "OPTIONS", "NOTIFY"};
	const char *method = methods[rnd(&w->seed, ARRAY_SIZE(methods))];
	const bool offer = !strcmp(method, "INVITE") || !strcmp(method, "UPDATE");
	char extra[128] = "";

	if (!s->peer->remote_tag[0] || !s->peer->tag[0])
		return;
	if (!strcmp(method, "REFER"))
		re_snprintf(extra, sizeof(extra), "Refer-To: <sip:%s@gw.example.net>\r\n",
			    s->service && rnd(&w->seed, 2) ? CARRIER_NUMBER : "+441632960002");
	else if (!strcmp(method, "PRACK"))
		re_snprintf(extra, sizeof(extra), "RAck: %u 1 INVITE\r\n", s->rack);
	request(s->peer, method, NULL, extra, offer ? some_sdp(w, false) : NULL);
}

static const char *called(struct world *w, const struct side *s)
{
	if (!s->service)
		return SERVICE_NUMBER;
	return rnd(&w->seed, 8) ? CARRIER_NUMBER : "112";
}

static void call_somebody(struct world *w, struct side *s)
{
	s->peer->cseq = 0; /* PRACK names the INVITE as 1 */
	invite(s->peer, called(w, s),
	       rnd(&w->seed, 2) ? ""
				: "Supported: 100rel, timer, 199\r\nSession-Expires: 120\r\n"
				  "Allow: INVITE, UPDATE, REFER\r\n",
	       some_sdp(w, false));
}

static void reconnect(struct side *s)
{
	if (!s->peer->unreachable) {
		peer_disconnect(s->peer);
		return;
	}
	peer_connect(s->peer);
	place(s);
}

static void step(struct world *w)
{
	struct side *s = &w->side[rnd(&w->seed, PEERS)];
	const uint32_t what = rnd(&w->seed, 100);

	w->f->held = !rnd(&w->seed, 4);
	if (what < 6) {
		reconnect(s);
	} else if (what < 20) {
		sp_loop_advance(w->f->loop, rnd(&w->seed, rnd(&w->seed, 2) ? 5000 : 40000));
	} else if (s->peer->unreachable) {
		return;
	} else if (what < 36) {
		call_somebody(w, s);
	} else if (what < 42 && s->peer->uac && s->peer->branch[0]) {
		request(s->peer, "CANCEL", "sip:" SERVICE_NUMBER "@x", "", NULL);
	} else if (what < 80) {
		answer_one(w, s);
	} else if (what < 99) {
		in_dialog(w, s);
	} else {
		sp_calls_end(w->f->calls);
	}
}

static void forget(struct side *s)
{
	while (s->peer->tail)
		mem_deref(s->peer->queue[--s->peer->tail]);
	s->peer->head = 0;
}

static void drain(struct world *w)
{
	for (unsigned i = 0; i < PEERS; i++) {
		struct side *s = &w->side[i];
		struct sp_sip_msg *m;

		while ((m = next_message(s->peer))) {
			const struct sp_sip_hdr *rseq = sp_sip_msg_named(m, "RSeq");

			if (m->request && m->method != SP_SIP_ACK && s->n < WAITING_MAX)
				s->m[s->n++] = m;
			if (m->request || m->method != SP_SIP_INVITE || m->status < 101 ||
			    m->status > 299)
				continue;
			learn(s->peer, m);
			s->rack = rseq ? (unsigned)strtoul(rseq->value.p, NULL, 10) : 0;
			if (m->status >= 200 && !s->peer->unreachable && rnd(&w->seed, 8))
				request(s->peer, "ACK", NULL, "", NULL);
		}
		if (s->peer->tail > ARRAY_SIZE(s->peer->queue) / 2)
			s->n = 0; /* room: these will never be answered */
		if (!s->n)
			forget(s);
	}
}

/* ---- what must be true ---- */

static void nothing_is_left(struct world *w)
{
	struct sp_calls_count count;

	assert_true(counts_match(w->f->calls, w->trunkv, TRUNKS));
	expect_clean(w->f);
	sp_calls_count(w->f->calls, &count);
	assert_int_equal(0, count.emergency);
	assert_int_equal(0, w->f->calls->stragglerc);
	for (unsigned i = 0; i < TRUNKS; i++) {
		assert_int_equal(0, w->trunkv[i]->picks);
		for (size_t k = 0; k < ARRAY_SIZE(w->trunkv[i]->emergencyv); k++)
			assert_null(w->trunkv[i]->emergencyv[k]);
	}
}

static void one_run(struct world *w, unsigned seed)
{
	w->running = seed;
	w->seed = seed * 0x9e3779b97f4a7c15ULL;
	settle(w);
	for (unsigned n = 0; n < STEPS; n++) {
		step(w);
		drain(w);
		if (w->f->held)
			continue;
		sp_loop_advance(w->f->loop, 0);
		drain(w);
		assert_true(counts_match(w->f->calls, w->trunkv, TRUNKS));
	}
	w->f->held = false;
	sp_calls_end(w->f->calls);
	for (unsigned n = 0; n < 8; n++) {
		sp_loop_advance(w->f->loop, SP_SIP_TIMEOUT_MS);
		drain(w);
	}
	sp_loop_advance(w->f->loop, 400 * 1000ULL);
	drain(w);
	nothing_is_left(w);
	w->f->log[0] = '\0';
	for (unsigned i = 0; i < PEERS; i++) {
		struct side *s = &w->side[i];

		s->n = 0;
		forget(s);
		s->peer->remote_tag[0] = s->peer->tag[0] = '\0';
		s->peer->uac = false;
		if (s->peer->unreachable)
			reconnect(s);
	}
	w->running = 0;
}

/** Of the log only what the runs did, and the end, are of interest. */
static void on_log(enum sp_log_level level, const char *line, void *arg)
{
	static const char *const whys[] = {"why=422", "why=failover", "why=trunk", "why=redirect"};
	struct world *w = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(whys); i++)
		w->moved[i] += !strncmp(line, "call_retry", 10) && strstr(line, whys[i]);
	w->told += !strncmp(line, "fork_dropped call=-", 19);
	if (strlen(w->f->log) > sizeof(w->f->log) - 2048)
		memmove(w->f->log, w->f->log + sizeof(w->f->log) / 2, sizeof(w->f->log) / 2);
	fx_log(level, line, w->f);
}

static unsigned number_of(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void there_is_somewhere_else(void **state)
{
	struct world *w = &world;
	const unsigned first = number_of("SEED", 1), runs = number_of("RUNS", RUNS);
	(void)state;

	sp_log_sink(on_log, w);
	for (unsigned n = 0; n < runs; n++)
		one_run(w, first + n);
	print_message("422 %u, failover %u, trunk %u, redirect %u, late answers %u\n", w->moved[0],
		      w->moved[1], w->moved[2], w->moved[3], w->told);
	for (unsigned i = 0; i < ARRAY_SIZE(w->moved); i++)
		assert_true(w->moved[i] * 50 >= runs); /* else it has stopped to reach anything */
	assert_true(w->told * 50 >= runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_is_somewhere_else, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
