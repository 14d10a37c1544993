/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs the statements of a scenario, one after the other. The table names
 * them; a line that begins with a peer is a message.
 */
#ifndef SCENARIO_RUN_H
#define SCENARIO_RUN_H

#include <time.h>
#include "scenario_expect.h"
#include "scenario_world.h"

typedef void(sc_verb_h)(struct scenario *s, const struct sc_words *w);

/** "500ms", "1.5s", "32s", "3m" */
static inline void sc_wait(struct scenario *s, const struct sc_words *w)
{
	const char *text = sc_word(w, 1);
	char *unit = NULL;
	double n = strtod(text, &unit);

	if (unit && 0 == strcmp(unit, "s"))
		n *= 1000;
	else if (unit && 0 == strcmp(unit, "m"))
		n *= 60000;
	else if (!unit || strcmp(unit, "ms"))
		sc_fail(s, NULL, "wait 500ms, 1.5s or 3m, not %s", text);
	sp_loop_advance(s->fx->loop, (uint64_t)(n + 0.5));
}

/** clock 2026-12-01T00:00:00Z: steps the wall clock */
static inline void sc_clock(struct scenario *s, const struct sc_words *w)
{
	struct tm tm = {.tm_mday = 1};
	const char *end = strptime(sc_word(w, 1), "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		sc_fail(s, NULL, "clock 2026-12-01T00:00:00Z, not %s", sc_word(w, 1));
	sp_loop_wall_set(s->fx->loop, timegm(&tm));
}

static inline struct sc_peer *sc_peer(struct scenario *s, const char *name)
{
	int i = sc_trunk(name);

	if (i < 0)
		sc_fail(s, NULL, "\"%s\" is no peer", name);
	return &s->peerv[i];
}

/** The loop does not turn yet: an `open` right behind it is the next connection at once. */
static inline void sc_close(struct scenario *s, const struct sc_words *w)
{
	peer_disconnect(sc_peer(s, sc_word(w, 1))->wire);
}

static inline void sc_reopen(struct scenario *s, const struct sc_words *w)
{
	peer_connect(sc_peer(s, sc_word(w, 1))->wire);
	sp_loop_advance(s->fx->loop, 0);
}

/** calls = N */
static inline void sc_calls(struct scenario *s, const struct sc_words *w)
{
	if (calls_now(s->fx) != sc_number(s, sc_word(w, 2)))
		sc_fail(s, NULL, "there are %zu calls", calls_now(s->fx));
}

/** ports PEER = N: media streams on the peer's interface */
static inline void sc_ports(struct scenario *s, const struct sc_words *w)
{
	unsigned used = sp_ports_used(s->fx->portsv[sc_peer(s, sc_word(w, 1))->interface]);

	if (used != sc_number(s, sc_word(w, 3)))
		sc_fail(s, NULL, "there are %u", used);
}

/** log has TEXT; log lacks TEXT */
static inline void sc_log(struct scenario *s, const struct sc_words *w)
{
	bool has = 0 == strcmp(sc_word(w, 1), "has");

	if (has != (strstr(s->fx->log, sc_rest(s->at->text, 2)) != NULL))
		sc_fail(s, NULL, has ? "it has not" : "it has");
}

static inline void sc_leaks(struct scenario *s, const struct sc_words *w)
{
	s->leaks_ok = 0 == strcmp(sc_word(w, 1), "allowed");
}

static inline void sc_drain(struct scenario *s, const struct sc_words *w)
{
	(void)w;
	sp_calls_drain(s->fx->calls);
}

static inline void sc_shutdown(struct scenario *s, const struct sc_words *w)
{
	(void)w;
	sp_calls_end(s->fx->calls);
	sp_loop_advance(s->fx->loop, 0);
}

/** Everything that came was expected. */
static inline void sc_all_silent(struct scenario *s, const struct sc_words *w)
{
	(void)w;
	for (size_t i = 0; i < SC_PEERS; i++)
		sc_silent(s, sc_dialog(s, s->peerv[i].name));
}

struct sc_verb {
	const char *name;
	sc_verb_h *h;
	bool early; /* part of the settings: before the gateway has them */
};

static const struct sc_verb sc_verbs[] = {
	{"set", sc_set, true},
	{"rule", sc_rule, true},
	{"number", sc_number_row, true},
	{"account", sc_account_row, true},
	{"leaks", sc_leaks, true},
	{"wait", sc_wait, false},
	{"clock", sc_clock, false},
	{"close", sc_close, false},
	{"open", sc_reopen, false},
	{"calls", sc_calls, false},
	{"ports", sc_ports, false},
	{"log", sc_log, false},
	{"drain", sc_drain, false},
	{"shutdown", sc_shutdown, false},
	{"silence", sc_all_silent, false},
};

static inline const struct sc_verb *sc_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sc_verbs); i++) {
		if (0 == strcmp(sc_verbs[i].name, name))
			return &sc_verbs[i];
	}
	return NULL;
}

/** Is every statement one of the language? Also of scenarios that are skipped. */
static inline void sc_syntax(struct scenario *s)
{
	for (size_t i = 0; i < s->linec; i++) {
		char peer[16];
		struct sc_words w;

		s->at = &s->linev[i];
		if (s->at->sub)
			continue;
		sc_split(&w, s->at->text);
		re_snprintf(peer, sizeof(peer), "%b", w.v[0], strcspn(w.v[0], "."));
		if (sc_verb(w.v[0]))
			continue;
		if (sc_trunk(peer) < 0 || w.c < 3 || !strstr(" -> <- <~ is ", w.v[1]))
			sc_fail(s, NULL, "not understood");
	}
	s->at = NULL;
}

static inline void sc_message(struct scenario *s, const struct sc_words *w)
{
	struct sc_dialog *d = sc_dialog(s, w->v[0]);

	if (0 == strcmp(w->v[1], "is"))
		sc_silent(s, d);
	else if (0 != strcmp(w->v[1], "->"))
		sc_expect(s, d, w);
	else if (0 == strcmp(w->v[2], "raw"))
		sc_raw(s, d);
	else if (isdigit((unsigned char)w->v[2][0]))
		sc_respond(s, d, w);
	else
		sc_request(s, d, w);
}

/** The scenario from its first statement to the silence after its last. */
static inline void sc_run(struct scenario *s)
{
	struct sc_words none = {.c = 0};

	for (size_t i = 0; i < s->linec; i++) {
		const struct sc_verb *verb;
		struct sc_words w;

		s->at = &s->linev[i];
		if (s->at->sub)
			continue;
		sc_split(&w, s->at->text);
		verb = sc_verb(w.v[0]);
		if (!s->running && !(verb && verb->early))
			sc_world_start(s);
		if (verb)
			verb->h(s, &w);
		else
			sc_message(s, &w);
	}
	sc_all_silent(s, &none);
	sc_clean(s);
	sc_all_silent(s, &none);
	s->done = true;
}

#endif
