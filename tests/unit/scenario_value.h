/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values: what a line can look at in a message ("to-tag", "o-version", the
 * name of a header), what it saved, and {...} in texts.
 */
#ifndef SCENARIO_VALUE_H
#define SCENARIO_VALUE_H

#include "scenario_set.h"

/** "carrier", "service.2": the dialog, made when it was not named before; else NULL. */
static inline struct sc_dialog *sc_dialog(struct scenario *s, const char *name)
{
	char peer[16];
	struct sc_peer *p;
	struct sc_dialog *d;
	int i;

	re_snprintf(peer, sizeof(peer), "%b", name, strcspn(name, "."));
	i = sc_trunk(peer);
	if (i < 0)
		return NULL;
	p = &s->peerv[i];
	for (size_t k = 0; k < p->dialogc; k++) {
		if (0 == strcmp(p->dialogv[k].name, name))
			return &p->dialogv[k];
	}
	if (p->dialogc >= SC_DIALOGS_MAX)
		sc_fail(s, NULL, "more than %d dialogs of %s", SC_DIALOGS_MAX, peer);
	d = &p->dialogv[p->dialogc++];
	re_snprintf(d->name, sizeof(d->name), "%s", name);
	d->peer = p;
	return d;
}

/** The session description in a message, alone or in a multipart body. l == 0: none. */
static inline struct pl sc_sdp_of(const struct sp_sip_msg *m)
{
	const char *p = m->body.l ? memmem(m->body.p, m->body.l, "v=0\r\n", 5) : NULL;
	const char *end;
	struct pl sdp = {NULL, 0};

	if (!p)
		return sdp;
	sdp.p = p;
	sdp.l = m->body.l - (size_t)(p - m->body.p);
	end = memmem(sdp.p, sdp.l, "\r\n--", 4);
	if (end)
		sdp.l = (size_t)(end + 2 - sdp.p);
	return sdp;
}

/** The part of the description that belongs to m-line i (from 0), or l == 0. */
static inline struct pl sc_sdp_media(const struct pl *sdp, unsigned i)
{
	const char *p = sdp->p, *end = sdp->p + sdp->l, *next;
	struct pl media = {NULL, 0};

	for (unsigned k = 0; k <= i && p; k++) {
		p = memmem(p, (size_t)(end - p), "\nm=", 3);
		if (p)
			p++;
	}
	if (!p)
		return media;
	next = memmem(p, (size_t)(end - p), "\nm=", 3);
	media.p = p;
	media.l = (size_t)((next ? next + 1 : end) - p);
	return media;
}

/** The line that begins so, without that: "m=audio 1 x" of "m=" is "audio 1 x". */
static inline struct pl sc_sdp_line(const struct pl *sdp, const char *begin)
{
	const char *p = sdp->p, *end = sdp->p + sdp->l;
	size_t n = strlen(begin);
	struct pl line = {NULL, 0};

	while (p && p < end) {
		if ((size_t)(end - p) >= n && 0 == memcmp(p, begin, n)) {
			const char *eol = memchr(p, '\r', (size_t)(end - p));

			line.p = p + n;
			line.l = (size_t)((eol ? eol : end) - line.p);
			return line;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return line;
}

/** Word i of a line. */
static inline struct pl sc_pl_word(const struct pl *line, unsigned i)
{
	const char *p = line->p, *end = line->p + line->l;
	struct pl word = {NULL, 0};

	for (; p && p < end; i--) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));

		word.p = p;
		word.l = (size_t)((blank ? blank : end) - p);
		if (!i)
			return word;
		p = blank ? blank + 1 : end;
	}
	word.l = 0;
	return word;
}

static inline bool sc_sdp_value(struct pl *v, const struct sp_sip_msg *m, const char *name)
{
	struct pl sdp = sc_sdp_of(m), line, inner;

	if (0 == strcmp(name, "o-version") || 0 == strcmp(name, "o-id")) {
		line = sc_sdp_line(&sdp, "o=");
		*v = sc_pl_word(&line, 'v' == name[2] ? 2 : 1);
	} else if (0 == strcmp(name, "address")) {
		line = sc_sdp_line(&sdp, "c=");
		*v = sc_pl_word(&line, 2);
	} else if (0 == strcmp(name, "port")) {
		line = sc_sdp_line(&sdp, "m=");
		*v = sc_pl_word(&line, 1);
	} else if (0 == strcmp(name, "key") || 0 == strcmp(name, "crypto-tag")) {
		line = sc_sdp_line(&sdp, "a=crypto:");
		inner = sc_pl_word(&line, 'k' == name[0] ? 2 : 0);
		*v = inner;
	} else {
		return false;
	}
	return true;
}

/** What `name` is in this message; "" when there is no such thing. */
static inline void sc_look(char *buf, size_t size, const struct sp_sip_msg *m, const char *name)
{
	const struct sp_sip_hdr *hdr;
	struct pl v = {NULL, 0};

	if (0 == strcmp(name, "to-tag"))
		v = m->to_tag;
	else if (0 == strcmp(name, "from-tag"))
		v = m->from_tag;
	else if (0 == strcmp(name, "call-id"))
		v = m->call_id;
	else if (0 == strcmp(name, "branch"))
		v = m->branch;
	else if (0 == strcmp(name, "phrase"))
		v = m->reason;
	else if (0 == strcmp(name, "uri"))
		v = m->ruri;
	else if (0 == strcmp(name, "body"))
		v = m->body;
	else if (0 == strcmp(name, "description"))
		v = sc_sdp_of(m);
	else if (0 == strcmp(name, "cseq"))
		hdr = sp_sip_msg_named(m, "CSeq"), v = sc_pl_word(&hdr->value, 0);
	else if (!sc_sdp_value(&v, m, name) && (hdr = sp_sip_msg_named(m, name)))
		v = hdr->value;
	re_snprintf(buf, size, "%r", &v);
}

static inline void sc_save(struct scenario *s, const char *name, const char *value)
{
	struct sc_saved *v = NULL;

	for (size_t i = 0; i < s->savedc; i++) {
		if (0 == strcmp(s->savedv[i].name, name))
			v = &s->savedv[i];
	}
	if (!v && s->savedc >= SC_SAVED_MAX)
		sc_fail(s, NULL, "more than %d values", SC_SAVED_MAX);
	if (!v)
		v = &s->savedv[s->savedc++];
	re_snprintf(v->name, sizeof(v->name), "%s", name);
	re_snprintf(v->value, sizeof(v->value), "%s", value);
}

/** "carrier.2.call-id": of a dialog, as its peer sees it. */
static inline bool sc_dialog_value(struct scenario *s, char *buf, size_t size, const char *text)
{
	const char *dot = strrchr(text, '.');
	const struct sc_fork *fork;
	const struct sc_dialog *d;
	char name[32];

	if (!dot || (size_t)(dot - text) >= sizeof(name))
		return false;
	re_snprintf(name, sizeof(name), "%b", text, (size_t)(dot - text));
	d = sc_dialog(s, name);
	if (!d)
		return false;
	fork = d->fork;
	if (0 == strcmp(dot, ".call-id"))
		re_snprintf(buf, size, "%s", d->call_id);
	else if (0 == strcmp(dot, ".number"))
		re_snprintf(buf, size, "%s", d->peer->number);
	else if (0 == strcmp(dot, ".host"))
		re_snprintf(buf, size, "%s", d->peer->wire->host);
	else if (0 == strcmp(dot, ".local-tag"))
		re_snprintf(buf, size, "%s", fork ? fork->local_tag : d->local_tag);
	else if (fork && 0 == strcmp(dot, ".remote-tag"))
		re_snprintf(buf, size, "%s", fork->remote_tag);
	else if (fork && 0 == strcmp(dot, ".target"))
		re_snprintf(buf, size, "%s", fork->target);
	else
		return false;
	return true;
}

static inline void sc_escape(char *text, size_t size)
{
	char out[1024];
	size_t n = 0;

	for (const char *p = text; *p && n + 4 < sizeof(out); p++) {
		if (isalnum((unsigned char)*p) || strchr("-_.!~*'()", *p))
			out[n++] = *p;
		else
			n += (size_t)re_snprintf(out + n, 4, "%%%02X", (unsigned char)*p);
	}
	out[n] = '\0';
	re_snprintf(text, size, "%s", out);
}

/** What stands in {...}. RFC 3891 3: Replaces names the dialog of its own recipient. */
static inline void sc_value(struct scenario *s, char *buf, size_t size, const char *text)
{
	const struct sc_dialog *d;

	if (0 == strncmp(text, "escaped ", 8)) {
		sc_value(s, buf, size, text + 8);
		sc_escape(buf, size);
		return;
	}
	if (0 == strncmp(text, "replaces ", 9)) {
		d = sc_dialog(s, text + 9);
		if (!d || !d->fork)
			sc_fail(s, NULL, "there is no dialog %s", text + 9);
		re_snprintf(buf, size, "%s;to-tag=%s;from-tag=%s", d->call_id, d->fork->remote_tag,
			    d->fork->local_tag);
		return;
	}
	for (size_t i = 0; i < s->savedc; i++) {
		if (0 == strcmp(s->savedv[i].name, text)) {
			re_snprintf(buf, size, "%s", s->savedv[i].value);
			return;
		}
	}
	if (!sc_dialog_value(s, buf, size, text))
		sc_fail(s, NULL, "nothing is called {%s}", text);
}

/** Copy text with {...} filled in; "{{" is a brace. */
static inline void sc_expand(struct scenario *s, char *out, size_t size, const char *text)
{
	char name[128], value[1024];
	size_t n = 0;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "}");

		if ('{' == p[0] && '{' != p[1] && '}' == p[len] && len < sizeof(name)) {
			re_snprintf(name, sizeof(name), "%b", p + 1, len - 1);
			sc_value(s, value, sizeof(value), name);
			p += len + 1;
		} else {
			value[0] = *p;
			value[1] = '\0';
			p += '{' == p[0] && '{' == p[1] ? 2 : 1;
		}
		if (n + strlen(value) + 1 > size)
			sc_fail(s, NULL, "the text is too long");
		memcpy(out + n, value, strlen(value));
		n += strlen(value);
	}
	out[n] = '\0';
}

#endif
