/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who talks to the gateway in fuzz_call_*: four peers, each with a connection,
 * some dialogs and the requests that wait for its answer. What the gateway sends
 * is kept until the event is over, must be SIP, and must not name other peers.
 */
#ifndef CALL_ACTOR_H
#define CALL_ACTOR_H

#include "call_world.h"

enum { ACTORS = 4, DIALOGS = 4, WAITING = 8, INBOX = 64, ASKED = 256 };

/* As the actor knows it. All zero: free. */
struct dialog {
	char call_id[64], tag[24], remote_tag[64], target[256], branch[48];
	uint32_t cseq, invite_cseq, rseq;
	unsigned crypto; /* tag of the first a=crypto that the gateway sent */
	bool answered;   /* by the actor */
	bool up, over;   /* acknowledged, too; somebody has hung up */
};

struct waiting {
	struct sp_sip_msg *m;
	struct dialog *d;
};

/* A request of its own that has no final response. */
struct asked {
	char branch[48];
	enum sp_sip_method method;
};

struct actor {
	unsigned trunk;
	const char *target;  /* the host of the trunk's targets that it is, or NULL */
	char host[64];       /* that it says it is */
	struct sp_trunk *of; /* that its connection belongs to; compared only */
	struct sp_sip_conn *conn;
	struct sp_sip_frame *frame;
	struct dialog dialogv[DIALOGS];
	unsigned dialogc; /* begun so far */
	struct waiting waitv[WAITING];
	size_t waitc;
	struct sp_sip_msg *inboxv[INBOX];
	size_t inboxc;
	struct asked askedv[ASKED];
	size_t askedc;
	unsigned failing; /* sends that will fail */
	bool silent;      /* it acknowledges nothing by itself */
};

/* What will be done to the next message before it is written. */
struct mutation {
	bool on;
	size_t at, gone;
	struct pl text;
};

static struct actor actors[ACTORS] = {
	{.trunk = CARRIER},
	{.trunk = SERVICE, .target = "127.0.5.1"},
	{.trunk = SERVICE, .target = "127.0.5.2"},
	{.trunk = DESK},
};

static struct stage {
	struct mutation mutation;
	size_t slice;    /* bytes that are written at once; 0: all */
	unsigned serial; /* of branches, tags and Call-IDs */
	bool clean;      /* no peer has lost anything, or said what peers do not say */
	bool named;      /* the input has targets' addresses in it */
	bool hides;      /* what peers said of each other's networks is what they know */
	struct mbuf *last;
	unsigned last_by;
	char replaces[256];             /* of the last REFER that the gateway sent */
	char net[16];                   /* that all addresses begin with: "10.1.2." */
	char keyv[2][SP_SDES_KEY_TEXT]; /* that peers tell */
} stage;

static inline unsigned actor_no(const struct actor *a)
{
	return (unsigned)(a - actors);
}

/* ---- what it gets ---- */

/** Compared here, where the fuzzer does not see what would be found. */
__attribute__((no_sanitize("coverage"))) static inline bool names(const char *text, size_t n,
								  const char *host)
{
	const size_t l = strlen(host);

	for (size_t i = 0; i + l <= n; i++) {
		size_t k = 0;

		while (k < l && text[i + k] == host[k])
			k++;
		if (k == l)
			return true;
	}
	return false;
}

/** RFC 5853 3.1: nobody learns of the other side's network. */
static inline void must_hide(const struct actor *a, const char *text, size_t n)
{
	for (unsigned i = 0; i < ACTORS && stage.hides; i++) {
		const struct actor *other = &actors[i];

		if (other->trunk == a->trunk)
			continue;
		must(!names(text, n, other->host));
		must(!other->target || stage.named || !names(text, n, other->target));
	}
	must(!stage.hides || (!names(text, n, stage.net) && !names(text, n, stage.keyv[0]) &&
			      !names(text, n, stage.keyv[1])));
}

static inline void actor_message(const char *p, size_t n, void *arg)
{
	struct actor *a = arg;
	struct sp_sip_msg *m = NULL;
	struct sp_sip_fault fault;

	if (!n)
		return;
	if (world.loud)
		print_message("to %u: %.*s\n", (unsigned)(a - actors), (int)n, p);
	must(!sp_sip_msg_parse(&m, p, n, &fault));
	must_hide(a, p, n);
	if (a->inboxc < INBOX) {
		a->inboxv[a->inboxc++] = m;
	} else {
		stage.clean = false; /* it has lost something, too */
		mem_deref(m);
	}
}

static inline int actor_sendh(const uint8_t *p, size_t n, void *arg)
{
	struct actor *a = arg;
	const char *why = NULL;

	if (a->failing) {
		a->failing--;
		return EPIPE;
	}
	if (n == 2 || n == 4) /* a keep-alive, or its answer */
		return 0;
	must(!sp_sip_frame_input(a->frame, p, n, &why));
	must(!sp_sip_frame_partial(a->frame));
	return 0;
}

/* ---- its connection ---- */

/** The connection of a target: the trunk has opened it, so to speak. */
static inline void actor_place(struct actor *a)
{
	struct sp_trunk *t = world.trunkv[a->trunk];
	struct conn *c = list_ledata(list_head(&t->accepted));

	if (!a->target)
		return;
	list_unlink(&c->le);
	c->tg = t->targetv[!strcmp(a->target, trunk_hosts[1])];
	c->lead->target = c->tg->key;
	list_append(&c->tg->connl, &c->le, c);
	c->tg->connc++;
}

static inline void actor_connect(struct actor *a)
{
	a->of = world.trunkv[a->trunk];
	must(!sp_sip_conn_alloc(&a->conn, world.f->sip, "gw.example.net:5061", a->of, actor_sendh,
				a));
	must(!sp_trunk_attach(a->of, a->conn));
	actor_place(a);
}

static inline void actor_disconnect(struct actor *a)
{
	const struct lead *lead = a->conn ? sp_sip_conn_kept(a->conn) : NULL;

	if (lead)
		conn_end(lead->conn, "gone");
	a->conn = mem_deref(a->conn);
}

static inline void actor_write(struct actor *a, const struct mbuf *mb)
{
	const size_t slice = stage.slice ? stage.slice : mb->end;
	const char *why;
	int err = 0;

	for (size_t i = 0; i < mb->end && !err && a->conn; i += slice)
		err = sp_sip_conn_input(a->conn, mb->buf + i, min(slice, mb->end - i), &why);
	if (!err)
		return;
	stage.clean = false;
	actor_disconnect(a); /* as trunk/conn.c does; and peers come back */
	actor_connect(a);
}

/** What happens to a message on its way: bytes go, others come. */
static inline void mutate(struct mbuf *mb)
{
	struct mutation *mu = &stage.mutation;
	const size_t at = mu->at % (mb->end + 1), gone = min(mu->gone, mb->end - at);
	struct mbuf *out = mbuf_alloc(mb->end + mu->text.l + 1);

	must(out && !mbuf_write_mem(out, mb->buf, at));
	must(!mu->text.l || !mbuf_write_pl(out, &mu->text));
	must(!mbuf_write_mem(out, mb->buf + at + gone, mb->end - at - gone));
	mb->end = mb->pos = 0;
	must(!mbuf_write_mem(mb, out->buf, out->end));
	mem_deref(out);
	mu->on = false;
}

/** A message, once more possible as the last one. */
static inline void actor_say(struct actor *a, struct mbuf *mb)
{
	if (stage.mutation.on)
		mutate(mb);
	if (world.loud)
		print_message("from %u: %.*s\n", actor_no(a), (int)mb->end, (char *)mb->buf);
	mem_deref(stage.last);
	stage.last = mem_ref(mb);
	stage.last_by = actor_no(a);
	actor_write(a, mb);
}

/* ---- its dialogs ---- */

static inline struct dialog *dialog_new(struct actor *a)
{
	struct dialog *d = &a->dialogv[a->dialogc++ % DIALOGS];

	/* that dialog is forgotten, as by a phone that crashed */
	for (size_t i = 0; i < a->waitc; i++) {
		if (a->waitv[i].d == d)
			a->waitv[i].d = NULL;
	}
	*d = (struct dialog){.cseq = 0};
	re_snprintf(d->tag, sizeof(d->tag), "t%u", ++stage.serial);
	return d;
}

static inline struct dialog *dialog_of(struct actor *a, const struct sp_sip_msg *m)
{
	const struct pl *tag = m->request ? &m->to_tag : &m->from_tag;

	for (size_t i = 0; i < DIALOGS; i++) {
		struct dialog *d = &a->dialogv[i];

		if (*d->call_id && !pl_strcmp(&m->call_id, d->call_id) && !pl_strcmp(tag, d->tag))
			return d;
	}
	return NULL;
}

static inline void dialog_learn(struct dialog *d, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *contact = sp_sip_msg_next(m, SP_HDR_CONTACT, NULL);
	const char *crypto = strstr(m->text, "a=crypto:");
	struct sp_sip_addr addr;

	re_snprintf(d->remote_tag, sizeof(d->remote_tag), "%r",
		    m->request ? &m->from_tag : &m->to_tag);
	if (contact && !sp_sip_addr_decode(&addr, &contact->value))
		re_snprintf(d->target, sizeof(d->target), "%r", &addr.text);
	if (crypto)
		d->crypto = (unsigned)strtoul(crypto + 9, NULL, 10);
}

/* ---- what it asks ---- */

static inline void ask(struct actor *a, const char *branch, enum sp_sip_method method)
{
	struct asked *q;

	if (method == SP_SIP_ACK)
		return;
	if (a->askedc == ASKED) {
		stage.clean = false;
		return;
	}
	q = &a->askedv[a->askedc++];
	str_ncpy(q->branch, branch, sizeof(q->branch));
	q->method = method;
}

static inline void asked_answered(struct actor *a, const struct sp_sip_msg *rsp)
{
	for (size_t i = 0; i < a->askedc && rsp->status > 199; i++) {
		if (a->askedv[i].method == rsp->method &&
		    !pl_strcmp(&rsp->branch, a->askedv[i].branch))
			a->askedv[i--] = a->askedv[--a->askedc];
	}
}

static inline void actor_clear(struct actor *a)
{
	while (a->waitc)
		mem_deref(a->waitv[--a->waitc].m);
	while (a->inboxc)
		mem_deref(a->inboxv[--a->inboxc]);
	memset(a->dialogv, 0, sizeof(a->dialogv));
	a->dialogc = a->failing = 0;
	a->askedc = 0;
	a->silent = false;
}

/**
 * Names, addresses and keys are other ones for each input: so no input holds them, and
 * what is found in the wrong place has leaked.
 */
static inline void actors_name(const uint8_t *data, size_t size)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 16777619u;
	stage.named = names((const char *)data, size, "127.0.5.");
	re_snprintf(stage.net, sizeof(stage.net), "10.%u.%u.", 100 + (h & 127),
		    100 + (h >> 7 & 127));
	for (unsigned i = 0; i < 2; i++)
		re_snprintf(stage.keyv[i], sizeof(stage.keyv[i]), "%08x%08x%08x%08x%08x", h, h, ~h,
			    h + i, h);
	for (unsigned i = 0; i < ACTORS; i++)
		re_snprintf(actors[i].host, sizeof(actors[i].host), "h%08x.%s.example", h,
			    trunk_names[actors[i].trunk]);
}

static inline void actors_make(void)
{
	for (unsigned i = 0; i < ACTORS; i++)
		must(!sp_sip_frame_alloc(&actors[i].frame, actor_message, &actors[i]));
}

/** After a reload or a loss: whoever has no connection gets one. */
static inline void actors_connect(void)
{
	for (unsigned i = 0; i < ACTORS; i++) {
		struct actor *a = &actors[i];

		if (a->conn && !sp_sip_conn_isgone(a->conn) && a->of == world.trunkv[a->trunk])
			continue;
		actor_disconnect(a);
		actor_connect(a);
	}
}

#endif
