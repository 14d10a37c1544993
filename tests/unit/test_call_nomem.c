/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The scenarios of tests/scenarios/ with memory running out: each allocation of
 * each of them fails in turn, alone or with those that follow. Whatever that
 * does to the call, its peers are told, nothing is left behind, nothing leaks,
 * and then the same scenario runs through in the same gateway.
 *
 *   test_call_nomem [-a] [-v] [-t] [-n NUMBER] [-l LENGTH] [NAME ...]
 *
 * NAME: only scenarios whose name begins so. -a (or SALLYPORT_LONG=1): every
 * allocation, not a sample. -v: name each case before it runs. -n: only this
 * allocation; -l: only outages of this length; -t: show where it is.
 */
#include "alloc_options.h"

#include <dirent.h>
#include <setjmp.h>
#include <strings.h>

#include <cmocka.h>
#include "call_priv.h"

/* Where the test calls the gateway, and where the gateway calls the test. */
static int gateway_input(struct sp_sip_conn *c, const uint8_t *p, size_t n, const char **why);
static void gateway_advance(struct sp_loop *loop, uint64_t ms);
static void gateway_gone(struct sp_sip_conn *c);
static void gateway_end(struct sp_calls *calls);
static int peer_input(struct sp_sip_frame *frame, const uint8_t *p, size_t n, const char **why);

#define sp_sip_conn_input gateway_input
#define sp_loop_advance gateway_advance
#define sp_sip_conn_gone gateway_gone
#define sp_calls_end gateway_end
#define sp_sip_frame_input peer_input
#include "scenario_ledger.h"
#include "scenario_script.h"
#undef sp_sip_conn_input
#undef sp_loop_advance
#undef sp_sip_conn_gone
#undef sp_calls_end
#undef sp_sip_frame_input

enum {
	FILES_MAX = 1000,
	FOREVER = 1 << 30, /* until the outage is over by the clock: */
	OUTAGE_MS = 3000,
	STEP_MS = 250,
	SETTLE_MS = 45000, /* to have told everybody: 64*T1, and again */
	END_MS = 300000,   /* ring_s, then 64*T1 twice */
	STRIDE = 149
};

static const unsigned lengths[] = {1, 12, FOREVER};

/* One run of a scenario in a gateway of its own. */
static struct {
	struct scenario *s;
	struct ledger lg;
	bool doomed[SC_PEERS]; /* the connection could not be written to: it ends with the turn */
	bool astray;
	uint64_t outage_ms; /* since the first allocation that failed */
} world;

static struct {
	unsigned cases, survived, astray, gone_on, bad;
} sums;

/* ---- between test and gateway ---- */

static struct peer *peer_of(const struct sp_sip_conn *c)
{
	for (size_t i = 0; i < SC_PEERS; i++) {
		if (world.s->peerv[i].wire->conn == c)
			return world.s->peerv[i].wire;
	}
	abort();
}

/* As trunk/conn.c: what is refused, or cannot be written to, is closed; its peer comes back. */
static void reconnect(struct peer *peer)
{
	world.lg.closings[lg_index(world.s, peer)]++;
	world.doomed[lg_index(world.s, peer)] = false;
	peer_disconnect(peer);
	peer_connect(peer);
}

static void end_doomed(void)
{
	for (size_t i = 0; i < SC_PEERS; i++) {
		if (world.doomed[i])
			reconnect(world.s->peerv[i].wire);
	}
}

static void note_out(struct peer *peer, const uint8_t *p, size_t n)
{
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;

	if (0 == sp_sip_msg_parse(&m, (const char *)p, n, &fault))
		lg_add(&world.lg, world.s, peer, m, true);
	else
		mem_deref(m);
}

static int gateway_input(struct sp_sip_conn *c, const uint8_t *p, size_t n, const char **why)
{
	struct peer *peer = peer_of(c);
	unsigned was;
	int err;

	if (!world.lg.repeating)
		note_out(peer, p, n);
	was = alloc_enter();
	err = sp_sip_conn_input(c, p, n, why);
	alloc_leave(was);
	if (err && alloc_state.failed) {
		reconnect(peer);
		err = 0;
	}
	end_doomed();
	return err;
}

/* In steps: what has gone by the end of one is back for the next, memory after some time. */
static void gateway_advance(struct sp_loop *loop, uint64_t ms)
{
	do {
		const uint64_t step_ms = ms < STEP_MS ? ms : STEP_MS;
		const unsigned was = alloc_enter();

		sp_loop_advance(loop, step_ms);
		alloc_leave(was);
		end_doomed();
		ms -= step_ms;
		world.outage_ms += alloc_state.failed ? step_ms : 0;
		if (world.outage_ms >= OUTAGE_MS)
			alloc_heal();
	} while (ms);
}

static void gateway_gone(struct sp_sip_conn *c)
{
	const unsigned was = alloc_enter();

	world.lg.closings[lg_index(world.s, peer_of(c))]++;
	sp_sip_conn_gone(c);
	alloc_leave(was);
}

static void gateway_end(struct sp_calls *calls)
{
	const unsigned was = alloc_enter();

	sp_calls_end(calls);
	alloc_leave(was);
}

static struct peer *peer_of_frame(const struct sp_sip_frame *frame)
{
	for (size_t i = 0; i < SC_PEERS; i++) {
		if (world.s->peerv[i].wire->frame == frame)
			return world.s->peerv[i].wire;
	}
	abort();
}

/* The gateway writes to a peer: that, too, may fail for memory, and ends the connection. */
static int peer_input(struct sp_sip_frame *frame, const uint8_t *p, size_t n, const char **why)
{
	struct peer *peer = peer_of_frame(frame);
	unsigned was;
	size_t from;
	int err;

	if (alloc_fails()) {
		world.doomed[lg_index(world.s, peer)] = true;
		peer->unreachable = true;
		return ENOBUFS;
	}
	was = alloc_pause();
	if (world.astray && peer->tail == ARRAY_SIZE(peer->queue)) {
		for (size_t i = 0; i < peer->tail; i++)
			mem_deref(peer->queue[i]);
		peer->head = peer->tail = 0;
	}
	from = peer->tail;
	err = sp_sip_frame_input(frame, p, n, why);
	for (size_t i = from; i < peer->tail; i++)
		lg_add(&world.lg, world.s, peer, mem_ref(peer->queue[i]), false);
	alloc_leave(was);
	return err;
}

/* ---- worlds ---- */

static void world_init(const struct scenario *script)
{
	struct scenario *s = calloc(1, sizeof(*s));
	void *fx = NULL;

	assert_non_null(s);
	memset(&world, 0, sizeof(world));
	world.s = s;
	memcpy(s->name, script->name, sizeof(s->name));
	s->linev = script->linev;
	s->linec = script->linec;
	assert_int_equal(0, fx_setup(&fx));
	s->fx = fx;
	sc_world_init(s);
}

static void world_end(void)
{
	struct scenario *s = world.s;
	void *fx = s->fx;

	lg_clear(&world.lg);
	sc_world_end(s);
	fx_teardown(&fx);
	free(s);
	world.s = NULL;
}

/* The statements from here on, as sc_run() has them. @return false: it went another way */
static bool play(bool again)
{
	struct scenario *s = world.s;
	struct sc_words none = {.c = 0};
	jmp_buf stop;

	s->stop = again && options.only ? NULL : &stop; /* then it says what is wrong */
	if (setjmp(stop)) {
		s->stop = NULL;
		return false;
	}
	for (size_t i = 0; i < s->linec; i++) {
		const struct sc_verb *verb;
		struct sc_words w;

		s->at = &s->linev[i];
		if (s->at->sub)
			continue;
		sc_split(&w, s->at->text);
		verb = sc_verb(w.v[0]);
		if (again && verb && verb->early && verb->h != sc_leaks)
			continue;
		if (!s->running && !(verb && verb->early))
			sc_world_start(s);
		if (verb)
			verb->h(s, &w);
		else
			sc_message(s, &w);
	}
	sc_all_silent(s, &none);
	s->stop = NULL;
	return true;
}

/* The fake clock goes on while everybody does what he has to. */
static void live_on(uint64_t ms)
{
	enum { REPEAT_MS = 4000 };

	for (uint64_t t = 0; t < ms; t += STEP_MS) {
		while (lg_answer_all(world.s, &world.lg))
			continue;
		if (t % REPEAT_MS == 0)
			lg_repeat(world.s, &world.lg);
		gateway_advance(world.s->fx->loop, STEP_MS);
	}
}

static bool is_clean(bool tell)
{
	const struct scenario *s = world.s;
	const struct fx *f = s->fx;
	struct sp_calls_count n;
	size_t places = 0;

	sp_calls_count(f->calls, &n);
	for (size_t i = 0; i < SC_PEERS; i++)
		places += sp_trunk_calls(s->trunkv[i]);
	if (tell)
		printf("    calls %zu, dialogs %zu, relays %zu, transactions %zu, ports %u and %u, "
		       "places on trunks %zu, listed %u\n",
		       n.now, n.dialogs, n.relays, sp_sip_transactions(f->sip),
		       sp_ports_used(f->portsv[0]), sp_ports_used(f->portsv[1]), places,
		       list_count(&f->calls->calls));
	return !n.now && !n.dialogs && !n.relays && !sp_sip_transactions(f->sip) &&
	       !sp_ports_used(f->portsv[0]) && !sp_ports_used(f->portsv[1]) && !places &&
	       list_isempty(&f->calls->calls);
}

static void come_back(void)
{
	for (size_t i = 0; i < SC_PEERS; i++) {
		struct peer *peer = world.s->peerv[i].wire;

		if (!peer->conn)
			peer_connect(peer);
	}
}

/* What a case, or the same without a fault, comes to. */
struct outcome {
	bool through;      /* the scenario went as it is written  */
	unsigned told;     /* LG_: owed when the gateway was done */
	unsigned owed;     /* LG_: at the end                     */
	bool clean, again; /* nothing was left; it runs again     */
	bool blames;       /* a peer's description is called bad  */
};

/* 488 of the gateway's own, which no peer had said before. */
static bool blames(const struct ledger *lg)
{
	bool found = false;

	for (size_t i = 0; i < lg->c; i++) {
		const struct sp_sip_msg *m = lg->v[i].m;
		const bool said =
			m->request ? strstr(m->text, "cause=488") != NULL : 488 == m->status;

		if (said && lg->v[i].out)
			return false;
		found |= said;
	}
	return found;
}

static void forget_peers(void)
{
	struct scenario *s = world.s;

	for (size_t i = 0; i < SC_PEERS; i++) {
		struct sc_peer *p = &s->peerv[i];

		for (size_t k = 0; k < p->wire->tail; k++)
			mem_deref(p->wire->queue[k]);
		p->wire->head = p->wire->tail = 0;
		memset(p->taken, 0, sizeof(p->taken));
		memset(p->dialogv, 0, sizeof(p->dialogv));
		p->dialogc = 0;
	}
	s->savedc = 0;
	s->fx->log[0] = '\0';
	lg_clear(&world.lg);
}

static struct outcome settle(bool through)
{
	struct outcome o = {.through = through};

	world.astray = true;
	come_back();
	live_on(SETTLE_MS);
	alloc_heal();
	o.told = calls_now(world.s->fx) ? 0 : lg_owed(&world.lg, world.s, false);
	if (calls_now(world.s->fx)) {
		struct sp_calls_count n;

		sp_calls_count(world.s->fx->calls, &n);
		if (lg_believed(&world.lg) > n.dialogs)
			o.told |= LG_IN_CALL;
		sums.gone_on++;
	}
	lg_hang_up(world.s, &world.lg);
	live_on(END_MS);
	o.owed = lg_owed(&world.lg, world.s, false);
	o.blames = blames(&world.lg);
	o.clean = is_clean(false);
	return o;
}

/* first 0: nothing fails */
static struct outcome run(const struct scenario *script, unsigned first, unsigned length)
{
	struct outcome o;
	bool through;

	world_init(script);
	alloc_forget_all();
	alloc_plan(first, first && length < FOREVER ? first + length - 1 : FOREVER);
	through = play(false);
	o = settle(through);
	return o;
}

static void fail_case(const struct scenario *script, unsigned first, unsigned length,
		      const char *what)
{
	printf("%s -n %u -l %u: %s\n", script->name, first, length, what);
	if (options.only && world.s && world.s->at)
		printf("    in line %u of %s: %s\n", world.s->at->no, world.s->at->file,
		       world.s->at->text);
	if (world.s && (options.only || !sums.bad)) {
		printf("---- log of the gateway:\n%s----\n", world.s->fx->log);
		(void)is_clean(true);
		(void)lg_owed(&world.lg, world.s, true);
	}
	sums.bad++;
}

static void check(const struct scenario *script, const struct outcome *good, unsigned first,
		  unsigned length)
{
	struct outcome o;

	if (options.verbose) {
		printf("%s -n %u -l %u\n", script->name, first, length);
		fflush(stdout);
	}
	o = run(script, first, length);
	sums.cases++;
	sums.survived += o.through;
	sums.astray += !o.through;
	if (!o.clean)
		fail_case(script, first, length, "something is left");
	else if (o.told & ~good->told)
		fail_case(script, first, length, "not everybody is told");
	else if (o.owed & ~good->owed)
		fail_case(script, first, length, "not everybody is answered");
	else if (o.blames && !good->blames)
		fail_case(script, first, length, "a description is called bad");
	forget_peers();
	if (good->again && !play(true))
		fail_case(script, first, length, "the next call fails");
	world_end();
	if (alloc_leaks(true))
		fail_case(script, first, length, "it leaks");
}

static unsigned count_of(const struct scenario *script, struct outcome *good)
{
	unsigned count;

	*good = run(script, 0, 0);
	if (!good->through || !good->clean)
		fail_case(script, 0, 0, "it fails without a fault");
	world_end();

	/* of the scenario alone, and once more in the same world */
	world_init(script);
	alloc_plan(0, 0);
	if (!play(false))
		fail_case(script, 0, 0, "it fails the second time");
	count = alloc_state.count;
	(void)settle(true);
	forget_peers();
	good->again = play(true);
	world_end();
	alloc_forget_all();
	return count;
}

static void sweep(void **state)
{
	static unsigned turn;
	const char *name = *state;
	struct scenario *script = calloc(1, sizeof(*script));
	struct sc_names names = {.c = 0};
	const unsigned bad = sums.bad;
	struct outcome good;
	unsigned count;

	assert_non_null(script);
	script->linev = calloc(SC_LINES_MAX, sizeof(*script->linev));
	assert_non_null(script->linev);
	re_snprintf(script->name, sizeof(script->name), "%s", name);
	sc_load(script, name, &names, 0);
	if (script->skip)
		goto out;
	count = count_of(script, &good);
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
		for (unsigned n = 1; n <= count; n++) {
			if (options.only ? n != options.only : !options.all && turn++ % STRIDE != 0)
				continue;
			if (options.length && options.length != lengths[l])
				continue;
			check(script, &good, n, lengths[l]);
		}
	}
out:
	free(script->linev);
	free(script);
	assert_int_equal(bad, sums.bad);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

static bool wanted(const char *file, int argc, char **argv)
{
	const size_t n = strlen(file);

	if (n < 5 || strcmp(file + n - 4, ".scn"))
		return false;
	for (int i = optind; i < argc; i++) {
		if (0 == strncmp(file, argv[i], strlen(argv[i])))
			return true;
	}
	return optind >= argc;
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[FILES_MAX];
	static char names[FILES_MAX][96];
	DIR *dir = opendir(SP_SOURCE_DIR "/tests/scenarios");
	const struct dirent *e;
	size_t c = 0;
	int failed;

	read_options(argc, argv);
	if (!dir) {
		perror(SP_SOURCE_DIR "/tests/scenarios");
		return 1;
	}
	while ((e = readdir(dir)) && c < FILES_MAX) {
		if (!wanted(e->d_name, argc, argv))
			continue;
		re_snprintf(names[c], sizeof(names[c]), "%s", e->d_name);
		tests[c] = (struct CMUnitTest){names[c], sweep, NULL, NULL, names[c]};
		c++;
	}
	closedir(dir);
	if (!c) {
		fprintf(stderr, "no scenario has such a name\n");
		return 1;
	}
	qsort(tests, c, sizeof(tests[0]), by_name);
	failed = _cmocka_run_group_tests("scenarios without memory", tests, c, NULL, NULL);
	printf("%u cases: %u scenarios went through all the same, %u did not; %u calls went on\n",
	       sums.cases, sums.survived, sums.astray, sums.gone_on);
	return failed ? 1 : 0;
}
