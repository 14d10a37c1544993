/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a running scenario consists of: its lines, three scripted peers around
 * the gateway of call_fixture.h, their dialogs, and the values that it saved.
 * tests/scenarios/README.md describes the language.
 *
 * A scenario stops at its first failure, which names the line, what was
 * expected and what came, and shows the gateway's log.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <ctype.h>

#include "call_fixture.h"

enum {
	SC_LINES_MAX = 600,
	SC_LINE_SIZE = 512,
	SC_PEERS = 3,
	SC_DIALOGS_MAX = 8, /* per peer */
	SC_FORKS_MAX = 8,   /* per dialog */
	SC_REQUESTS_MAX = 64,
	SC_SAVED_MAX = 32,
	SC_WORDS_MAX = 32,
	SC_TEXT_SIZE = 16384, /* of a message or a body */
	SC_ARENA_SIZE = 32768,
	SC_MEDIA_MAX = 2, /* audio and video */
	SC_OFFER_TAG = 7, /* of the a=crypto in our own offers */
	SC_QUEUE = ARRAY_SIZE(((struct peer *)0)->queue)
};

struct sc_line {
	char file[96]; /* below tests/scenarios */
	unsigned no;
	bool sub; /* indented: it belongs to the statement above */
	char text[SC_LINE_SIZE];
};

/** One of the dialogs that an INVITE made: others have other tags. */
struct sc_fork {
	char name[24]; /* as the scenario calls it, "" for none */
	char local_tag[64], remote_tag[64];
	char target[256];                 /* Contact of the gateway */
	uint32_t rseq_got, rseq_got_cseq; /* of the gateway's last reliable provisional */
	uint32_t rseq_sent;
	bool over;
};

struct sc_request {
	const struct sp_sip_msg *m;
	bool answered;
};

/** A call of one peer with the gateway, from the peer's point of view. */
struct sc_dialog {
	char name[32]; /* "service", "service.2" */
	struct sc_peer *peer;
	bool open, uac, over;
	char call_id[96];
	char local_tag[64];  /* as caller   */
	char remote_tag[64]; /* as callee   */
	struct sc_fork forkv[SC_FORKS_MAX];
	size_t forkc;
	struct sc_fork *fork; /* the one spoken of last */
	struct sc_request requestv[SC_REQUESTS_MAX];
	size_t requestc;
	uint32_t cseq, invite_cseq;
	bool invite_had_sdp;
	char invite_uri[256], invite_branch[96], invite_tag[64]; /* of the last INVITE sent */
	char last[SC_TEXT_SIZE];                                 /* request sent            */
	unsigned tagv[SC_MEDIA_MAX]; /* a=crypto of the last description that came */
	unsigned sdp_version;        /* of our own last one                 */
	char sdp_last[SC_TEXT_SIZE]; /* the same, from its second line on   */
};

struct sc_peer {
	const char *name, *number, *calls; /* its own number; the one that it calls */
	char endpoint;                     /* the letter of its own description */
	unsigned interface;
	struct peer *wire;
	bool taken[SC_QUEUE]; /* messages of wire->queue that the scenario has seen */
	struct sc_dialog dialogv[SC_DIALOGS_MAX];
	size_t dialogc;
};

struct sc_saved {
	char name[32], value[512];
};

/** The configuration of a scenario: three trunks instead of the fixture's two. */
struct sc_conf {
	struct sp_conf conf;
	struct sp_conf_trunk trunkv[SC_PEERS];
	const char *identityv[SC_PEERS];
};

struct scenario {
	char name[96];
	struct sc_line *linev;
	size_t linec;
	const struct sc_line *at; /* the statement that runs */
	const char *skip;
	bool done, failed, told;
	jmp_buf *stop; /* where a failure goes that need not be one, or NULL */

	struct fx *fx;
	struct peer other_wire; /* the fixture has the two others */
	struct sc_peer peerv[SC_PEERS];
	struct sc_conf *conf; /* mem object */
	struct sp_trunk *trunkv[SC_PEERS];
	struct sp_number_row rowv[16];
	struct sp_number_header headerv[16][8]; /* of each */
	struct sp_number_account_row accountv[8];
	size_t accountc;
	size_t rowc;
	bool running; /* the trunks are made */

	struct sc_saved savedv[SC_SAVED_MAX];
	size_t savedc;
	bool leaks_ok;
	uint32_t endpoints; /* that descriptions of the peers were written for */
	unsigned id;        /* for tags, branches and Call-IDs                 */
	_Alignas(max_align_t) char arena[SC_ARENA_SIZE];
	size_t arena_used;
};

/** Say where and why, with the message at fault (or NULL), and end the test. */
static inline void sc_fail(struct scenario *s, const struct sp_sip_msg *got, const char *fmt, ...)
{
	char file[160], text[2048];
	va_list ap;

	if (s->stop)
		longjmp(*s->stop, 1);
	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	re_snprintf(file, sizeof(file), "tests/scenarios/%s", s->at ? s->at->file : s->name);
	printf("\n%s:%u: %s\n", file, s->at ? s->at->no : 0, s->at ? s->at->text : "");
	printf("    %s\n", text);
	if (got)
		printf("---- what came:\n%s\n", got->text);
	if (s->fx)
		printf("---- log of the gateway:\n%s----\n", s->fx->log);
	s->failed = s->told = true;
	_fail(file, s->at ? (int)s->at->no : 0);
}

/** Memory, aligned and zero, that lives as long as the scenario. */
static inline void *sc_room(struct scenario *s, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	void *p = s->arena + s->arena_used;

	size = (size + align - 1) / align * align;
	if (size > sizeof(s->arena) - s->arena_used)
		sc_fail(s, NULL, "the settings are too long");
	s->arena_used += size;
	return p;
}

/** Text that lives as long as the scenario. */
static inline char *sc_keep(struct scenario *s, const char *text, size_t len)
{
	char *p = sc_room(s, len + 1);

	memcpy(p, text, len);
	return p;
}

/** Words of a line, split at blanks. */
struct sc_words {
	char text[SC_LINE_SIZE];
	char *v[SC_WORDS_MAX];
	size_t c;
};

static inline void sc_split(struct sc_words *w, const char *line)
{
	char *save = NULL;

	w->c = 0;
	re_snprintf(w->text, sizeof(w->text), "%s", line);
	for (char *p = strtok_r(w->text, " \t", &save); p && w->c < SC_WORDS_MAX;
	     p = strtok_r(NULL, " \t", &save))
		w->v[w->c++] = p;
}

/** The word or "" when there are not so many. */
static inline const char *sc_word(const struct sc_words *w, size_t i)
{
	return i < w->c ? w->v[i] : "";
}

/** "name=value" gives value; NULL when it is another word. */
static inline const char *sc_option(const char *word, const char *name)
{
	size_t n = strlen(name);

	return 0 == strncmp(word, name, n) && '=' == word[n] ? word + n + 1 : NULL;
}

/** The line after its first `skip` words. */
static inline const char *sc_rest(const char *line, unsigned skip)
{
	line += strspn(line, " \t");
	while (skip--) {
		line += strcspn(line, " \t");
		line += strspn(line, " \t");
	}
	return line;
}

/** "*" stands for any text, also none. */
static inline bool sc_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if ('*' == *pattern) {
			star = ++pattern;
			retry = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while ('*' == *pattern)
		pattern++;
	return '\0' == *pattern;
}

#endif
