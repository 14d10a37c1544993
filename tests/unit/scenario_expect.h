/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `PEER <- ...`: what must come from the gateway. Messages of one dialog are
 * expected in their order; `<~` takes a later one. Each message must be
 * expected by somebody, and shows nothing of the other peers.
 */
#ifndef SCENARIO_EXPECT_H
#define SCENARIO_EXPECT_H

#include "scenario_send.h"

static inline struct sc_dialog *sc_owner(struct sc_peer *p, const struct sp_sip_msg *m)
{
	for (size_t i = 0; i < p->dialogc; i++) {
		if (p->dialogv[i].open && 0 == pl_strcmp(&m->call_id, p->dialogv[i].call_id))
			return &p->dialogv[i];
	}
	return NULL;
}

/** Could this message be for the dialog? One with a new Call-ID is for who has none. */
static inline bool sc_is_for(struct sc_dialog *d, const struct sp_sip_msg *m)
{
	const struct sc_dialog *owner = sc_owner(d->peer, m);

	if (owner)
		return owner == d;
	return !m->request || m->to_tag.l || !d->open || sc_over(d);
}

/** "INVITE", "200", "4xx", "486|487" */
static inline bool sc_is(const struct sp_sip_msg *m, const char *what)
{
	char got[32];

	if (m->request)
		re_snprintf(got, sizeof(got), "%r", &m->method_name);
	else
		re_snprintf(got, sizeof(got), "%u", m->status);
	while (*what) {
		size_t n = strcspn(what, "|");

		if (n == strlen(got) && 0 == strncmp(what, got, n))
			return true;
		if (!m->request && 3 == n && 'x' == what[1] && what[0] == got[0])
			return true;
		what += n + ('|' == what[n]);
	}
	return false;
}

/** The next message for d, or with `any` the next that is `what`; NULL for none. */
static inline const struct sp_sip_msg *sc_next(struct sc_dialog *d, const char *what, bool any,
					       size_t *at)
{
	const struct peer *wire = d->peer->wire;

	for (size_t i = 0; i < wire->tail; i++) {
		if (d->peer->taken[i] || !sc_is_for(d, wire->queue[i]))
			continue;
		if (any && !sc_is(wire->queue[i], what))
			continue;
		*at = i;
		return wire->queue[i];
	}
	return NULL;
}

/** Nothing that names another peer or its dialogs (RFC 7092 3.1.1: topology hiding). */
static inline void sc_hidden(struct scenario *s, const struct sc_peer *p,
			     const struct sp_sip_msg *m)
{
	for (size_t i = 0; i < SC_PEERS && !s->leaks_ok; i++) {
		const struct sc_peer *o = &s->peerv[i];

		if (o == p)
			continue;
		if (o->wire->host && strstr(m->text, o->wire->host))
			sc_fail(s, m, "it shows %s the host of %s", p->name, o->name);
		for (size_t k = 0; k < o->dialogc; k++) {
			const struct sc_dialog *d = &o->dialogv[k];
			const char *tag = d->fork ? d->fork->local_tag : d->local_tag;

			if (d->call_id[0] && strstr(m->text, d->call_id))
				sc_fail(s, m, "it shows %s the Call-ID of %s", p->name, d->name);
			if (strlen(tag) > 3 && strstr(m->text, tag))
				sc_fail(s, m, "it shows %s the tag of %s", p->name, d->name);
		}
	}
}

static inline struct sc_fork *sc_fork_of(struct sc_dialog *d, const struct pl *local,
					 const struct pl *remote)
{
	for (size_t i = 0; i < d->forkc; i++) {
		if (0 == pl_strcmp(local, d->forkv[i].local_tag) &&
		    0 == pl_strcmp(remote, d->forkv[i].remote_tag))
			return &d->forkv[i];
	}
	return NULL;
}

static inline void sc_learn_target(struct sc_fork *f, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *contact = sp_sip_msg_next(m, SP_HDR_CONTACT, NULL);
	struct sp_sip_addr addr;

	if (contact && 0 == sp_sip_addr_decode(&addr, &contact->value))
		re_snprintf(f->target, sizeof(f->target), "%r", &addr.text);
}

static inline void sc_learn_request(struct scenario *s, struct sc_dialog *d,
				    const struct sp_sip_msg *m)
{
	struct sc_fork *f;

	if (!sc_owner(d->peer, m) && !m->to_tag.l) {
		sc_open(s, d, false);
		re_snprintf(d->call_id, sizeof(d->call_id), "%r", &m->call_id);
		re_snprintf(d->remote_tag, sizeof(d->remote_tag), "%r", &m->from_tag);
	}
	if (SP_SIP_INVITE == m->method && !m->to_tag.l) { /* also again, with the same Call-ID */
		d->forkc = 0;
		d->fork = NULL;
		d->over = false;
	}
	f = sc_fork_of(d, &m->to_tag, &m->from_tag);
	if (f) {
		d->fork = f;
		if (SP_SIP_INVITE == m->method || SP_SIP_UPDATE == m->method)
			sc_learn_target(f, m);
		if (SP_SIP_BYE == m->method)
			f->over = true;
	}
	if (SP_SIP_ACK == m->method)
		return;
	if (d->requestc >= SC_REQUESTS_MAX)
		sc_fail(s, m, "more than %d requests", SC_REQUESTS_MAX);
	d->requestv[d->requestc++] = (struct sc_request){.m = m};
}

/** RFC 3261 17.1.1.3: a failure is acknowledged by the caller's transaction. */
static inline void sc_auto_ack(struct scenario *s, struct sc_dialog *d, const struct sp_sip_msg *m)
{
	char text[2048];

	re_snprintf(text, sizeof(text),
		    "ACK %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;branch=%r\r\nMax-Forwards: 70\r\n"
		    "From: %r\r\nTo: %r\r\nCall-ID: %r\r\nCSeq: %u ACK\r\n"
		    "Content-Length: 0\r\n\r\n",
		    d->invite_uri, d->peer->wire->host, &m->branch,
		    &sp_sip_msg_next(m, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(m, SP_HDR_TO, NULL)->value, &m->call_id, m->cseq);
	sc_write(s, d, text);
}

static inline void sc_learn_response(struct scenario *s, struct sc_dialog *d,
				     const struct sp_sip_msg *m, const char *tag)
{
	const struct sp_sip_hdr *rseq = sp_sip_msg_named(m, "RSeq");
	struct sc_fork *f = sc_fork_of(d, &m->from_tag, &m->to_tag);

	if (!f && m->to_tag.l && SP_SIP_INVITE == m->method && m->status > 100 && m->status < 300) {
		if (d->forkc >= SC_FORKS_MAX)
			sc_fail(s, m, "more than %d forks", SC_FORKS_MAX);
		f = &d->forkv[d->forkc++];
		memset(f, 0, sizeof(*f));
		re_snprintf(f->name, sizeof(f->name), "%s", tag ? tag : "");
		re_snprintf(f->local_tag, sizeof(f->local_tag), "%r", &m->from_tag);
		re_snprintf(f->remote_tag, sizeof(f->remote_tag), "%r", &m->to_tag);
	}
	if (!f)
		return;
	d->fork = f;
	if ((SP_SIP_INVITE == m->method || SP_SIP_UPDATE == m->method) && m->status < 300)
		sc_learn_target(f, m);
	if (rseq) {
		f->rseq_got = sc_number_pl(s, &rseq->value);
		f->rseq_got_cseq = m->cseq;
	}
}

/** tag=NAME: the same name is the same fork, and no other name is. */
static inline void sc_check_tag(struct scenario *s, struct sc_dialog *d, const struct sp_sip_msg *m,
				const char *tag)
{
	struct sc_fork *f = m->request ? sc_fork_of(d, &m->to_tag, &m->from_tag)
				       : sc_fork_of(d, &m->from_tag, &m->to_tag);

	if (!f)
		sc_fail(s, m, "it belongs to no fork, expected was %s", tag);
	for (size_t i = 0; i < d->forkc; i++) {
		if (&d->forkv[i] != f && 0 == strcmp(d->forkv[i].name, tag))
			sc_fail(s, m, "it belongs to another fork than %s", tag);
	}
	if (f->name[0] && strcmp(f->name, tag))
		sc_fail(s, m, "it belongs to the fork %s, not %s", f->name, tag);
	re_snprintf(f->name, sizeof(f->name), "%s", tag);
}

/** `Name: glob`: one header of this name has this value. `!Name[: glob]`: none. */
static inline void sc_check_header(struct scenario *s, const struct sp_sip_msg *m, const char *line)
{
	bool want = '!' != line[0];
	size_t n = sc_header_name(line + !want);
	char name[64], glob[1024] = "*", value[4096];
	bool there = false;

	line += !want;
	re_snprintf(name, sizeof(name), "%b", line, n ? n : strlen(line));
	if (n) {
		sc_expand(s, glob, sizeof(glob), line + n + 1 + strspn(line + n + 1, " \t"));
	}
	for (size_t i = 0; i < m->hdrc; i++) {
		if (pl_strcasecmp(&m->hdrv[i].name, name))
			continue;
		re_snprintf(value, sizeof(value), "%r", &m->hdrv[i].value);
		there = there || sc_glob(glob, value);
	}
	if (there != want)
		sc_fail(s, m, want ? "expected in it: %s: %s" : "it must not have %s: %s", name,
			glob);
}

/** count NAME = N: that many headers of this name. */
static inline void sc_check_count(struct scenario *s, const struct sp_sip_msg *m,
				  const struct sc_words *w)
{
	unsigned n = 0, want = sc_number(s, sc_word(w, 3));

	for (size_t i = 0; i < m->hdrc; i++)
		n += 0 == pl_strcasecmp(&m->hdrv[i].name, sc_word(w, 1));
	if (n != want)
		sc_fail(s, m, "%u headers %s, expected %u", n, sc_word(w, 1), want);
}

/** `o-version > {v}` and the like. */
static inline void sc_check_value(struct scenario *s, const struct sp_sip_msg *m, const char *line,
				  const struct sc_words *w)
{
	char got[4096], want[1024];
	const char *op = sc_word(w, 1);
	bool ok;

	if (w->c < 3 || !strstr(" = != > < ", op))
		sc_fail(s, m, "not understood: %s", line);
	sc_look(got, sizeof(got), m, w->v[0]);
	sc_expand(s, want, sizeof(want), sc_rest(line, 2));
	if ('>' == op[0] || '<' == op[0]) {
		ok = got[0] && ('>' == op[0] ? sc_number(s, got) > sc_number(s, want)
					     : sc_number(s, got) < sc_number(s, want));
	} else {
		ok = sc_glob(want, got) == ('=' == op[0]);
	}
	if (!ok)
		sc_fail(s, m, "%s is \"%s\", expected: %s %s", w->v[0], got, op, want);
}

/** body TYPE TEXT, or with the text in "| " lines; octet for octet. */
static inline void sc_check_body(struct scenario *s, struct sc_dialog *d,
				 const struct sp_sip_msg *m, const struct sc_line *l)
{
	static struct sc_out o;
	char type[256];
	struct sc_words w;

	sc_split(&w, l->text);
	re_snprintf(type, sizeof(type), "%r", &m->content_type);
	if (!sc_glob(sc_word(&w, 1), type))
		sc_fail(s, m, "the body is %s, expected %s", type, sc_word(&w, 1));
	memset(&o, 0, sizeof(o));
	o.s = s;
	o.d = d;
	sc_body_text(s, o.body, sizeof(o.body), sc_rest(l->text, 2));
	l++;
	if (sc_sub(s, l) && '|' == l->text[0])
		sc_text_block(&o, &l, o.body, sizeof(o.body));
	if (o.body[0] && pl_strcmp(&m->body, o.body))
		sc_fail(s, m, "the body should be:\n%s", o.body);
}

static inline void sc_check_text(struct scenario *s, const struct sp_sip_msg *m, const char *line,
				 bool want)
{
	char text[1024];

	sc_expand(s, text, sizeof(text), sc_rest(line, 1));
	if (want != (strstr(m->text, text) != NULL))
		sc_fail(s, m, want ? "expected in it: %s" : "it must not have: %s", text);
}

/** The lines under an expectation. */
static inline void sc_check_lines(struct scenario *s, struct sc_dialog *d,
				  const struct sp_sip_msg *m)
{
	char value[512];

	for (const struct sc_line *l = s->at + 1; sc_sub(s, l); l++) {
		struct sc_words w;

		sc_split(&w, l->text);
		if ('|' == l->text[0])
			continue;
		if ('!' == l->text[0] || sc_header_name(l->text)) {
			sc_check_header(s, m, l->text);
		} else if (0 == strcmp(w.v[0], "sdp")) {
			sc_sdp_check(s, m, l->text);
		} else if (0 == strcmp(l->text, "no sdp")) {
			if (sc_sdp_of(m).l)
				sc_fail(s, m, "no session description was expected in it");
		} else if (0 == strcmp(l->text, "no body")) {
			if (m->body.l)
				sc_fail(s, m, "no body was expected in it");
		} else if (0 == strcmp(w.v[0], "body")) {
			sc_check_body(s, d, m, l);
		} else if (0 == strcmp(w.v[0], "contains") || 0 == strcmp(w.v[0], "lacks")) {
			sc_check_text(s, m, l->text, 'c' == w.v[0][0]);
		} else if (0 == strcmp(w.v[0], "count")) {
			sc_check_count(s, m, &w);
		} else if (0 == strcmp(w.v[0], "save")) {
			sc_look(value, sizeof(value), m, sc_word(&w, 3));
			sc_save(s, sc_word(&w, 1), value);
		} else {
			sc_check_value(s, m, l->text, &w);
		}
	}
}

/** RFC 3262: a reliable provisional has RSeq and Require: 100rel, no other has. */
static inline void sc_check_reliable(struct scenario *s, const struct sp_sip_msg *m, bool want)
{
	bool rseq = sp_sip_msg_named(m, "RSeq") != NULL;
	bool require = sp_sip_msg_lists(m, SP_HDR_REQUIRE, "100rel");

	if (rseq != want || require != want)
		sc_fail(s, m,
			want ? "it should be reliable (RSeq, Require: 100rel)"
			     : "it should not be reliable (no RSeq, no Require: 100rel)");
}

/** What the words behind the status say, and what the line saves. */
static inline void sc_check_words(struct scenario *s, struct sc_dialog *d,
				  const struct sp_sip_msg *m, const struct sc_words *w)
{
	char value[512];

	for (size_t i = 3; i < w->c; i++) {
		const char *word = w->v[i], *v;

		if (!m->request && isupper((unsigned char)word[0])) {
			if (pl_strcmp(&m->method_name, word) &&
			    strcmp(sp_sip_method_name(m->method), word))
				sc_fail(s, m, "it does not answer %s", word);
		} else if ((v = sc_option(word, "tag"))) {
			sc_check_tag(s, d, m, v);
		} else if (0 == strcmp(word, "reliable")) {
			sc_check_reliable(s, m, true);
		} else if (0 == strcmp(word, "unreliable")) {
			sc_check_reliable(s, m, false);
		} else if (0 == strcmp(word, "save") && strchr(sc_word(w, i + 1), '=')) {
			char *eq = strchr(w->v[++i], '=');

			sc_look(value, sizeof(value), m, eq + 1);
			*eq = '\0';
			sc_save(s, w->v[i], value);
		} else if (strcmp(word, "repeated") && strcmp(word, "noack")) {
			sc_fail(s, m, "\"%s\" says nothing here", word);
		}
	}
}

static inline bool sc_has_word(const struct sc_words *w, const char *word)
{
	for (size_t i = 3; i < w->c; i++) {
		if (0 == strcmp(w->v[i], word))
			return true;
	}
	return false;
}

static inline void sc_take(struct scenario *s, struct sc_dialog *d, const struct sc_words *w,
			   const struct sp_sip_msg *m, size_t at)
{
	const char *tag = NULL;

	for (size_t i = 3; i < w->c; i++)
		tag = sc_option(w->v[i], "tag") ? sc_option(w->v[i], "tag") : tag;
	d->peer->taken[at] = true;
	sc_hidden(s, d->peer, m);
	sc_sdp_own(s, d->peer, m);
	if (m->request)
		sc_learn_request(s, d, m);
	else
		sc_learn_response(s, d, m, tag);
	if (sc_sdp_of(m).l)
		sc_sdp_tags(s, d->tagv, m);
	if (!m->request && SP_SIP_INVITE == m->method && m->status >= 300) {
		d->over = d->over || !d->forkc || !d->invite_tag[0];
		if (!sc_has_word(w, "noack"))
			sc_auto_ack(s, d, m);
	}
}

/** PEER <- WHAT [METHOD] [options] */
static inline void sc_expect(struct scenario *s, struct sc_dialog *d, const struct sc_words *w)
{
	bool any = 0 == strcmp(w->v[1], "<~");
	const char *what = w->v[2];
	const struct sp_sip_msg *m;
	size_t at = 0;

	m = sc_next(d, what, any, &at);
	if (!m)
		sc_fail(s, NULL, "expected at %s: %s; nothing came", d->name, what);
	if (!sc_is(m, what))
		sc_fail(s, m, "expected at %s: %s", d->name, what);
	sc_take(s, d, w, m, at);
	sc_check_words(s, d, m, w);
	sc_check_lines(s, d, m);
	while (sc_has_word(w, "repeated") && (m = sc_next(d, what, false, &at)) && sc_is(m, what))
		sc_take(s, d, w, m, at);
}

/** Nothing is left for this dialog, or, by its first name, for this peer. */
static inline void sc_silent(struct scenario *s, struct sc_dialog *d)
{
	const struct peer *wire = d->peer->wire;

	for (size_t i = 0; i < wire->tail; i++) {
		if (d->peer->taken[i])
			continue;
		if (0 == strcmp(d->name, d->peer->name) || sc_is_for(d, wire->queue[i]))
			sc_fail(s, wire->queue[i], "nothing was expected at %s", d->name);
	}
}

#endif
