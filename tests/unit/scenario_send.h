/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `PEER -> ...`: requests, responses and raw messages of the peers. What the
 * scenario does not write, the peer fills in by the rules of its dialog; what
 * it writes takes the place of that.
 */
#ifndef SCENARIO_SEND_H
#define SCENARIO_SEND_H

#include "scenario_sdp.h"

/** A message in the making. */
struct sc_out {
	struct scenario *s;
	struct sc_dialog *d;
	unsigned tagv[SC_MEDIA_MAX]; /* of the a=crypto in it */
	char text[SC_TEXT_SIZE], type[256], body[SC_TEXT_SIZE];
};

static inline const struct sc_line *sc_sub(const struct scenario *s, const struct sc_line *l)
{
	return l < s->linev + s->linec && l->sub ? l : NULL;
}

/** Is it a header line, "Name: value"? l: of the name. */
static inline size_t sc_header_name(const char *line)
{
	size_t n = strcspn(line, ": \t");

	return ':' == line[n] && n && '|' != line[0] ? n : 0;
}

/** Does the scenario write this header itself, or leave it out ("!Name")? */
static inline bool sc_given(const struct scenario *s, const char *name)
{
	for (const struct sc_line *l = s->at + 1; sc_sub(s, l); l++) {
		const char *text = l->text + ('!' == l->text[0]);
		size_t n = '!' == l->text[0] ? strlen(text) : sc_header_name(text);

		if (n == strlen(name) && 0 == strncasecmp(text, name, n))
			return true;
	}
	return false;
}

static inline void sc_append(struct sc_out *o, const char *fmt, ...)
{
	size_t used = strlen(o->text);
	va_list ap;

	va_start(ap, fmt);
	if (re_vsnprintf(o->text + used, sizeof(o->text) - used, fmt, ap) < 0)
		sc_fail(o->s, NULL, "the message is too long");
	va_end(ap);
}

/** A header that the peer fills in. */
static inline void sc_auto(struct sc_out *o, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (!sc_given(o->s, name))
		sc_append(o, "%s: %s\r\n", name, value);
}

/** Lines "| text" from l on, as they are, with {...} filled in. */
static inline void sc_text_block(struct sc_out *o, const struct sc_line **lp, char *out,
				 size_t size)
{
	const struct sc_line *l = *lp;
	size_t n = 0;

	for (; sc_sub(o->s, l) && '|' == l->text[0]; l++) {
		const char *text = l->text + (' ' == l->text[1] ? 2 : 1);
		size_t len = strlen(text);
		char value[4096], words[SC_LINE_SIZE];

		if (0 == strncmp(text, "{sdp", 4) && '}' == text[len - 1]) {
			re_snprintf(words, sizeof(words), "%b", text + 1, len - 2);
			sc_sdp_write(o->s, o->d, value, sizeof(value), words, o->tagv);
			value[strlen(value) - 2] = '\0';
		} else {
			sc_expand(o->s, value, sizeof(value), text);
		}
		if (n + strlen(value) + 3 > size)
			sc_fail(o->s, NULL, "the body is too long");
		n += (size_t)re_snprintf(out + n, size - n, "%s\r\n", value);
	}
	out[n] = '\0';
	*lp = l;
}

/** The text of `body TYPE TEXT`, "\r" and "\n" read as in C. */
static inline void sc_body_text(struct scenario *s, char *out, size_t size, const char *text)
{
	char *w = out;

	sc_expand(s, out, size, text);
	for (const char *p = out; *p; p++) {
		if ('\\' == *p && ('r' == p[1] || 'n' == p[1]))
			*w++ = 'r' == *++p ? '\r' : '\n';
		else
			*w++ = *p;
	}
	*w = '\0';
}

/** From or To as the scenario writes it, with the tag that belongs to it. */
static inline void sc_append_given(struct sc_out *o, const char *line, const char *from_tag,
				   const char *to_tag)
{
	size_t n = sc_header_name(line);
	bool from = 4 == n && 0 == strncasecmp(line, "From", 4);
	bool to = 2 == n && 0 == strncasecmp(line, "To", 2);
	const char *tag = from ? from_tag : (to ? to_tag : "");
	char value[2048];

	sc_expand(o->s, value, sizeof(value), line);
	if (strstr(value, ";tag="))
		tag = "";
	sc_append(o, "%s%s%s\r\n", value, *tag ? ";tag=" : "", tag);
}

/** The lines under the statement: headers and the body. */
static inline void sc_take_lines(struct sc_out *o, const char *from_tag, const char *to_tag)
{
	const struct sc_line *l = o->s->at + 1;

	while (sc_sub(o->s, l)) {
		const struct sc_line *next = l + 1;
		struct sc_words w;

		sc_split(&w, l->text);
		if (0 == strcmp(w.v[0], "sdp")) {
			re_snprintf(o->type, sizeof(o->type), "application/sdp");
			sc_sdp_write(o->s, o->d, o->body, sizeof(o->body), l->text, o->tagv);
		} else if (0 == strcmp(w.v[0], "body")) {
			re_snprintf(o->type, sizeof(o->type), "%s", sc_word(&w, 1));
			sc_body_text(o->s, o->body, sizeof(o->body), sc_rest(l->text, 2));
			if (sc_sub(o->s, next) && '|' == next->text[0])
				sc_text_block(o, &next, o->body, sizeof(o->body));
		} else if (sc_header_name(l->text)) {
			sc_append_given(o, l->text, from_tag, to_tag);
		} else if ('!' != l->text[0]) {
			sc_fail(o->s, NULL, "a message has no \"%s\"", l->text);
		}
		l = next;
	}
}

static inline void sc_finish(struct sc_out *o)
{
	if (o->type[0])
		sc_auto(o, "Content-Type", "%s", o->type);
	sc_auto(o, "Content-Length", "%zu", strlen(o->body));
	sc_append(o, "\r\n%s", o->body);
}

static inline void sc_write(struct scenario *s, struct sc_dialog *d, const char *text)
{
	const char *why = "";

	if (d->peer->wire->unreachable)
		sc_fail(s, NULL, "%s has no connection", d->peer->name);
	if (sp_sip_conn_input(d->peer->wire->conn, (const uint8_t *)text, strlen(text), &why))
		sc_fail(s, NULL, "the gateway closes the connection: %s", why);
	sp_loop_advance(s->fx->loop, 0);
}

/** A fork by its name; made when it is new. */
static inline struct sc_fork *sc_fork(struct scenario *s, struct sc_dialog *d, const char *name)
{
	struct sc_fork *f;

	for (size_t i = 0; i < d->forkc; i++) {
		if (0 == strcmp(d->forkv[i].name, name))
			return &d->forkv[i];
	}
	if (d->forkc >= SC_FORKS_MAX)
		sc_fail(s, NULL, "more than %d forks", SC_FORKS_MAX);
	f = &d->forkv[d->forkc++];
	memset(f, 0, sizeof(*f));
	re_snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

/** Begin anew what goes by this name. */
static inline void sc_open(struct scenario *s, struct sc_dialog *d, bool uac)
{
	struct sc_peer *peer = d->peer;
	char name[32];

	memcpy(name, d->name, sizeof(name));
	memset(d, 0, sizeof(*d));
	memcpy(d->name, name, sizeof(name));
	d->peer = peer;
	d->open = true;
	d->uac = uac;
	if (!uac)
		return;
	re_snprintf(d->call_id, sizeof(d->call_id), "call-%u@%s", ++s->id, peer->wire->host);
	re_snprintf(d->local_tag, sizeof(d->local_tag), "%s-%u", peer->name, s->id);
}

static inline bool sc_over(const struct sc_dialog *d)
{
	for (size_t i = 0; i < d->forkc; i++) {
		if (!d->forkv[i].over)
			return d->over;
	}
	return d->over || d->forkc > 0;
}

/** What the words behind the method ask for. */
struct sc_wish {
	const char *tag, *target, *from, *to;
	bool fresh, outside, again, merged, reliable;
};

static inline void sc_wishes(struct scenario *s, struct sc_wish *w, const struct sc_words *words,
			     size_t first)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = first; i < words->c; i++) {
		const char *word = words->v[i], *v;

		if ((v = sc_option(word, "tag")))
			w->tag = v;
		else if ((v = sc_option(word, "from")))
			w->from = v;
		else if ((v = sc_option(word, "to")))
			w->to = v;
		else if (0 == strcmp(word, "new"))
			w->fresh = true;
		else if (0 == strcmp(word, "outside"))
			w->outside = true;
		else if (0 == strcmp(word, "again"))
			w->again = true;
		else if (0 == strcmp(word, "merged"))
			w->merged = true;
		else if (0 == strcmp(word, "reliable"))
			w->reliable = true;
		else if (strchr("+0123456789*", word[0]) || strchr(word, ':'))
			w->target = word;
		else
			sc_fail(s, NULL, "\"%s\" says nothing here", word);
	}
}

/** The same request once more, as it was, or over another way (RFC 3261 8.2.2.2). */
static inline void sc_repeat(struct scenario *s, struct sc_dialog *d, bool merged)
{
	char *branch = strstr(d->last, "z9hG4bK");

	if (!branch)
		sc_fail(s, NULL, "%s has sent nothing yet", d->name);
	if (merged)
		branch[7] = 'Z' == branch[7] ? 'Y' : 'Z';
	sc_write(s, d, d->last);
}

/** The URI of a request: what the scenario wrote, else where the dialog leads. */
static inline void sc_request_uri(struct scenario *s, const struct sc_dialog *d,
				  const struct sc_wish *w, const char *method,
				  const struct sc_fork *fork, char *uri, size_t size)
{
	bool invite = 0 == strcmp(method, "INVITE");

	if (w->target && strchr(w->target, ':'))
		sc_expand(s, uri, size, w->target);
	else if (w->target)
		re_snprintf(uri, size, "sip:%s@gw.example.net;user=phone", w->target);
	else if (0 == strcmp(method, "CANCEL"))
		re_snprintf(uri, size, "%s", d->invite_uri);
	else if (fork && fork->target[0] && !w->outside)
		re_snprintf(uri, size, "%s", fork->target);
	else if (invite)
		re_snprintf(uri, size, "sip:%s@gw.example.net;user=phone", d->peer->calls);
	else
		re_snprintf(uri, size, "sip:gw.example.net");
}

/** Via, From, To, Call-ID, CSeq, and what else this method has in this dialog. */
static inline void sc_request_head(struct sc_out *o, const char *method, const struct sc_wish *w,
				   const struct sc_fork *fork, const char *uri)
{
	static const char contacts[] = "INVITE UPDATE REFER NOTIFY SUBSCRIBE OPTIONS";
	struct sc_dialog *d = o->d;
	const char *host = d->peer->wire->host;
	const char *from = w->from ? w->from : d->peer->number, *to = w->to ? w->to : NULL;
	bool cancel = 0 == strcmp(method, "CANCEL"), ack = 0 == strcmp(method, "ACK");
	char from_tag[64], to_tag[64], branch[96];
	uint32_t cseq = cancel || ack ? d->invite_cseq : ++d->cseq;

	re_snprintf(from_tag, sizeof(from_tag), "%s", fork ? fork->local_tag : d->local_tag);
	re_snprintf(to_tag, sizeof(to_tag), "%s",
		    cancel ? d->invite_tag : (fork && !w->outside ? fork->remote_tag : ""));
	if (cancel)
		re_snprintf(branch, sizeof(branch), "%s", d->invite_branch);
	else
		re_snprintf(branch, sizeof(branch), "z9hG4bK-%s-%u", d->peer->name, ++o->s->id);
	if (!to)
		to = w->target && !strchr(w->target, ':') ? w->target : d->peer->calls;
	re_snprintf(o->text, sizeof(o->text), "%s %s SIP/2.0\r\n", method, uri);
	sc_auto(o, "Via", "SIP/2.0/TLS %s:5061;branch=%s", host, branch);
	sc_auto(o, "Max-Forwards", "70");
	sc_auto(o, "From", "\"Al\" <sip:%s@%s>;tag=%s", from, host, from_tag);
	sc_auto(o, "To", "<sip:%s@gw.example.net>%s%s", to, to_tag[0] ? ";tag=" : "", to_tag);
	sc_auto(o, "Call-ID", "%s", d->call_id);
	sc_auto(o, "CSeq", "%u %s", cseq, method);
	if (strstr(contacts, method))
		sc_auto(o, "Contact", "<sip:%s:5061;transport=tls>", host);
	if (0 == strcmp(method, "PRACK") && fork)
		sc_auto(o, "RAck", "%u %u INVITE", fork->rseq_got, fork->rseq_got_cseq);
	if (0 == strcmp(method, "INVITE")) {
		d->invite_cseq = cseq;
		re_snprintf(d->invite_uri, sizeof(d->invite_uri), "%s", uri);
		re_snprintf(d->invite_branch, sizeof(d->invite_branch), "%s", branch);
		re_snprintf(d->invite_tag, sizeof(d->invite_tag), "%s", to_tag);
	}
	sc_take_lines(o, from_tag, to_tag);
}

/** PEER -> METHOD [NUMBER|URI] [options] */
static inline void sc_request(struct scenario *s, struct sc_dialog *d, const struct sc_words *words)
{
	static struct sc_out o;
	const char *method = words->v[2];
	bool invite = 0 == strcmp(method, "INVITE");
	bool about_invite = 0 == strcmp(method, "ACK") || 0 == strcmp(method, "CANCEL");
	bool answers = 0 == strcmp(method, "ACK") || 0 == strcmp(method, "PRACK");
	struct sc_fork *fork;
	struct sc_wish w;
	char uri[512];

	sc_wishes(s, &w, words, 3);
	if (w.again || w.merged) {
		sc_repeat(s, d, w.merged);
		return;
	}
	if (!d->open || w.fresh || w.outside || (invite && sc_over(d)) ||
	    (!about_invite && !d->forkc && !d->invite_cseq))
		sc_open(s, d, true);
	memset(&o, 0, sizeof(o));
	o.s = s;
	o.d = d;
	/* An offer of our own, or the answer to the one that came in a response. */
	for (size_t i = 0; i < SC_MEDIA_MAX; i++)
		o.tagv[i] = answers && !d->invite_had_sdp && d->tagv[i] ? d->tagv[i] : SC_OFFER_TAG;
	fork = w.tag ? sc_fork(s, d, w.tag) : d->fork;
	sc_request_uri(s, d, &w, method, fork, uri, sizeof(uri));
	sc_request_head(&o, method, &w, fork, uri);
	sc_finish(&o);
	if (invite) {
		d->invite_had_sdp = o.body[0] != '\0';
		memset(d->tagv, 0, sizeof(d->tagv));
	}
	if (0 == strcmp(method, "BYE") && fork)
		fork->over = true;
	if (!about_invite)
		memcpy(d->last, o.text, sizeof(d->last));
	sc_write(s, d, o.text);
}

/** The request that a response is for: the last of this method, or the last unanswered. */
static inline struct sc_request *sc_to_answer(struct sc_dialog *d, const char *method)
{
	for (size_t i = d->requestc; i-- > 0;) {
		struct sc_request *r = &d->requestv[i];

		if (method ? 0 == pl_strcmp(&r->m->method_name, method) : !r->answered)
			return r;
	}
	return NULL;
}

/** The callee's side of a fork: its tag is ours to choose. */
static inline struct sc_fork *sc_callee_fork(struct scenario *s, struct sc_dialog *d,
					     const char *name, const struct sp_sip_msg *req)
{
	struct sc_fork *f = name || !d->fork ? sc_fork(s, d, name ? name : "") : d->fork;
	const struct sp_sip_hdr *contact = sp_sip_msg_next(req, SP_HDR_CONTACT, NULL);
	struct sp_sip_addr addr;

	if (!f->local_tag[0])
		re_snprintf(f->local_tag, sizeof(f->local_tag), "%s-%s-%u", d->peer->name, f->name,
			    ++s->id);
	re_snprintf(f->remote_tag, sizeof(f->remote_tag), "%r", &req->from_tag);
	if (contact && 0 == sp_sip_addr_decode(&addr, &contact->value))
		re_snprintf(f->target, sizeof(f->target), "%r", &addr.text);
	d->fork = f;
	return f;
}

/** PEER -> STATUS [METHOD] [tag=NAME] [reliable] */
static inline void sc_respond(struct scenario *s, struct sc_dialog *d, const struct sc_words *words)
{
	static struct sc_out o;
	const char *method = isupper((unsigned char)sc_word(words, 3)[0]) ? words->v[3] : NULL;
	unsigned status = sc_number(s, words->v[2]);
	struct sc_request *r = sc_to_answer(d, method);
	struct sc_fork *fork = d->fork;
	const struct sp_sip_msg *m;
	char to_tag[64] = "";
	struct sc_wish w;

	sc_wishes(s, &w, words, method ? 4 : 3);
	if (!r)
		sc_fail(s, NULL, "%s has nothing to answer", d->name);
	m = r->m;
	if (!m->to_tag.l && status > 100 && SP_SIP_CANCEL != m->method) {
		fork = sc_callee_fork(s, d, w.tag, m);
		re_snprintf(to_tag, sizeof(to_tag), "%s", fork->local_tag);
	} else if (!m->to_tag.l && fork && status > 100) {
		re_snprintf(to_tag, sizeof(to_tag), "%s", fork->local_tag);
	}
	memset(&o, 0, sizeof(o));
	o.s = s;
	o.d = d;
	sc_sdp_tags(s, o.tagv, m); /* an answer takes the tags of the offer */
	re_snprintf(o.text, sizeof(o.text), "SIP/2.0 %u %s\r\n", status,
		    sp_sip_reason((uint16_t)status));
	for (const struct sp_sip_hdr *h = NULL; (h = sp_sip_msg_next(m, SP_HDR_VIA, h));)
		sc_auto(&o, "Via", "%r", &h->value);
	sc_auto(&o, "From", "%r", &sp_sip_msg_next(m, SP_HDR_FROM, NULL)->value);
	sc_auto(&o, "To", "%r%s%s", &sp_sip_msg_next(m, SP_HDR_TO, NULL)->value,
		to_tag[0] ? ";tag=" : "", to_tag);
	sc_auto(&o, "Call-ID", "%r", &m->call_id);
	sc_auto(&o, "CSeq", "%u %r", m->cseq, &m->method_name);
	sc_auto(&o, "Contact", "<sip:%s:5061;transport=tls>", d->peer->wire->host);
	if (w.reliable && fork) {
		fork->rseq_sent = fork->rseq_sent ? fork->rseq_sent + 1 : 4711 + 100 * ++s->id;
		sc_auto(&o, "Require", "100rel");
		sc_auto(&o, "RSeq", "%u", fork->rseq_sent);
	}
	sc_take_lines(&o, "", to_tag);
	sc_finish(&o);
	r->answered = r->answered || status >= 200;
	if (SP_SIP_INVITE == m->method && !m->to_tag.l && status >= 300)
		d->over = true;
	sc_write(s, d, o.text);
}

/** PEER -> raw, and the whole message in "| " lines; {length} is that of its body. */
static inline void sc_raw(struct scenario *s, struct sc_dialog *d)
{
	static struct sc_out o;
	const struct sc_line *l = s->at + 1;
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;
	char *length, *blank, digits[16];

	memset(&o, 0, sizeof(o));
	o.s = s;
	o.d = d;
	o.tagv[0] = o.tagv[1] = SC_OFFER_TAG;
	sc_save(s, "length", "{length}");
	sc_text_block(&o, &l, o.body, sizeof(o.body));
	blank = strstr(o.body, "\r\n\r\n");
	length = strstr(o.body, "{length}");
	re_snprintf(digits, sizeof(digits), "%zu", blank ? strlen(blank + 4) : 0);
	if (length)
		re_snprintf(o.text, sizeof(o.text), "%b%s%s", o.body, (size_t)(length - o.body),
			    digits, length + 8);
	else
		re_snprintf(o.text, sizeof(o.text), "%s", o.body);
	if (0 == sp_sip_msg_parse(&m, o.text, strlen(o.text), &fault) && m->request &&
	    !m->to_tag.l) {
		sc_open(s, d, true);
		re_snprintf(d->call_id, sizeof(d->call_id), "%r", &m->call_id);
		re_snprintf(d->local_tag, sizeof(d->local_tag), "%r", &m->from_tag);
		re_snprintf(d->invite_branch, sizeof(d->invite_branch), "%r", &m->branch);
		re_snprintf(d->invite_uri, sizeof(d->invite_uri), "%r", &m->ruri);
		d->cseq = d->invite_cseq = m->cseq;
		d->invite_had_sdp = m->body.l > 0;
	}
	mem_deref(m);
	memcpy(d->last, o.text, sizeof(d->last));
	sc_write(s, d, o.text);
}

#endif
