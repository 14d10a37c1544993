/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The whole call room under events that the input chooses, on the fake clock.
 * The input begins with a snapshot; an event is an octet that says which, four
 * that say how, and, by bits of the first, text up to an octet 0xff: further
 * header lines, a body. Peers say anything at any time, also what is not SIP,
 * lose their connections, and the configuration is reloaded beneath them.
 *
 * At any time each trunk counts just the calls that there are, and what comes with
 * the tags of somebody else's dialog changes nothing. When peers fall silent, only
 * calls between two that talk go on. In the end both legs of each call are over and
 * told so, what began has ended, and nothing is left: no memory, no timer.
 */
#include "call_text.h"

enum { INPUT_MAX = 8192, EVENTS_MAX = 200, TIMEOUTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t __sanitizer_get_current_allocated_bytes(void); /* of ASan */

/* What is left of the input. Beyond its end there are zeros. */
static struct {
	const uint8_t *p, *end;
} in;

static uint8_t octet(void)
{
	return in.p < in.end ? *in.p++ : 0;
}

static struct pl text(void)
{
	const uint8_t *end = in.p < in.end ? memchr(in.p, 0xff, (size_t)(in.end - in.p)) : NULL;
	struct pl pl = {(const char *)in.p, (size_t)((end ? end : in.end) - in.p)};

	in.p = end ? end + 1 : in.end;
	return pl;
}

/* ---- requests ---- */

static void say(const struct step *e, const char *name, const char *uri)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct pl method;

	must(mb != NULL);
	put_request(mb, e, name, uri);
	pl_set_str(&method, name);
	ask(e->by, e->dialog->branch, sp_sip_method(&method));
	actor_say(e->by, mb);
	mem_deref(mb);
}

static void new_branch(struct dialog *d)
{
	re_snprintf(d->branch, sizeof(d->branch), "z9hG4bK-%u", ++stage.serial);
}

static void op_invite(struct step *e)
{
	static const char *const called[] = {SERVICE_NUMBER,  CARRIER_NUMBER, DESK_NUMBER,
					     "+441632960103", "112",          "+441632970002",
					     "02079460000",   "+441632960002"};
	struct dialog *d = e->dialog = dialog_new(e->by);
	char uri[128];

	re_snprintf(d->call_id, sizeof(d->call_id), "c%u@%s", ++stage.serial, e->by->host);
	d->cseq = d->invite_cseq = 1;
	new_branch(d);
	re_snprintf(uri, sizeof(uri), "sip:%s@gw.example.net%s", called[e->b & 7],
		    e->b & 8 ? ";user=phone" : "");
	say(e, "INVITE", uri);
}

static void ack(struct step *e)
{
	struct dialog *d = e->dialog;
	const uint32_t cseq = d->cseq;

	d->cseq = d->invite_cseq;
	new_branch(d);
	say(e, "ACK", d->target);
	d->cseq = cseq;
}

/** Of a dialog that there is; b chooses the method, and whether its CSeq is a good one. */
static void op_in_dialog(struct step *e)
{
	static const char *const methods[] = {"BYE",   "INVITE", "UPDATE",   "INVITE",  "PRACK",
					      "REFER", "NOTIFY", "INFO",     "UPDATE",  "REFER",
					      "PRACK", "ACK",    "MESSAGE",  "OPTIONS", "INVITE",
					      "BYE",   "REFER",  "SUBSCRIBE"};
	struct dialog *d = e->dialog;
	const char *method = methods[(e->b & 31) % ARRAY_SIZE(methods)];

	if (!*d->call_id)
		return;
	if (!strcmp(method, "ACK")) {
		ack(e);
		return;
	}
	if (e->b >> 5 < 6)
		d->cseq++;
	else
		stage.clean = false; /* out of order */
	if (!strcmp(method, "INVITE"))
		d->invite_cseq = d->cseq;
	d->over |= !strcmp(method, "BYE");
	new_branch(d);
	say(e, method, *d->target ? d->target : "sip:gw.example.net");
}

static void op_cancel(struct step *e)
{
	struct dialog *d = e->dialog;
	const uint32_t cseq = d->cseq;

	if (!*d->call_id)
		return;
	if (!*d->branch)
		stage.clean = false; /* of nothing that it has asked for */
	d->cseq = d->invite_cseq;
	say(e, "CANCEL", "sip:" SERVICE_NUMBER "@gw.example.net");
	d->cseq = cseq;
}

/** A call that asks to be in the place of a dialog of somebody else's. */
static void invite_replacing(struct step *e, const struct dialog *d)
{
	char line[256];

	re_snprintf(line, sizeof(line), "Replaces: %s;to-tag=%s;from-tag=%s\r\n", d->call_id,
		    e->b & 1 ? d->remote_tag : d->tag, e->b & 1 ? d->tag : d->remote_tag);
	pl_set_str(&e->lines, line);
	e->c = 0;
	op_invite(e);
	e->lines = (struct pl)PL_INIT;
}

/** With a dialog of somebody else's, as if its tags had been stolen. */
static void op_stolen(struct step *e)
{
	const struct actor *victim = &actors[e->a >> 4 & 3];
	const uint64_t serial = world.f->calls->serial;
	const uint64_t digest = world_digest(&world, serial);
	const bool alone = !e->lines.l && !e->body.l;
	static struct dialog copy;
	bool as_sent;

	copy = victim->dialogv[e->a >> 2 & 3];
	if (!*copy.call_id || victim->trunk == e->by->trunk)
		return;
	e->dialog = &copy;
	stage.hides = false; /* it gets them back in the answer */
	as_sent = !stage.mutation.on && *copy.remote_tag;
	if (e->b >> 5 == 7)
		invite_replacing(e, &copy);
	else
		op_in_dialog(e);
	must(!as_sent || !alone || digest == world_digest(&world, serial));
	for (size_t i = 0; i < e->by->inboxc && as_sent; i++) {
		const struct sp_sip_msg *m = e->by->inboxv[i];

		must(m->request || m->status < 200 || m->status > 299 ||
		     pl_strcmp(&m->call_id, copy.call_id));
	}
}

/* ---- responses ---- */

/** The dialog of a request that waits; with `fork` another one of the same INVITE. */
static struct dialog *dialog_for(struct actor *a, struct waiting *w, bool fork)
{
	if (w->m->to_tag.l)
		return w->d;
	if (!w->d || fork) {
		w->d = dialog_new(a);
		re_snprintf(w->d->call_id, sizeof(w->d->call_id), "%r", &w->m->call_id);
		dialog_learn(w->d, w->m);
	}
	return w->d;
}

static void reply(struct step *e, struct waiting *w, unsigned code)
{
	struct mbuf *mb = mbuf_alloc(1024);

	must(mb != NULL);
	if (e->dialog && SP_SIP_INVITE == w->m->method && code / 100 == 2)
		e->dialog->answered = true;
	put_reply(mb, e, w->m, code);
	actor_say(e->by, mb);
	mem_deref(mb);
}

static unsigned some_code(uint8_t b)
{
	static const uint16_t codes[] = {100, 180, 183, 183, 199, 200, 200, 200, 202, 302, 301,
					 305, 380, 400, 401, 404, 407, 408, 422, 480, 481, 486,
					 487, 488, 491, 494, 500, 503, 504, 600, 603, 405};

	return codes[b & 31];
}

/** b: the code in five bits; then whether the request may be answered again, and as a fork. */
static void op_answer(struct step *e)
{
	struct actor *a = e->by;
	const unsigned code = some_code(e->b);
	struct waiting *w;

	if (!a->waitc)
		return;
	w = &a->waitv[(e->a >> 2) % a->waitc];
	e->dialog = dialog_for(a, w, e->b & 64);
	reply(e, w, code);
	if (code < 200 || e->b & 32)
		return;
	w = &a->waitv[(e->a >> 2) % a->waitc];
	mem_deref(w->m);
	*w = a->waitv[--a->waitc];
}

/** To what another trunk's peer was asked. */
static void op_stolen_answer(struct step *e)
{
	const struct actor *victim = &actors[e->a >> 4 & 3];
	const struct waiting *w = &victim->waitv[victim->waitc ? (e->a >> 2) % victim->waitc : 0];
	const uint64_t serial = world.f->calls->serial;
	const uint64_t digest = world_digest(&world, serial);
	const bool as_sent = !stage.mutation.on && !e->lines.l && !e->body.l;
	struct mbuf *mb;

	if (!victim->waitc || victim->trunk == e->by->trunk)
		return;
	mb = mbuf_alloc(1024);
	must(mb != NULL);
	e->dialog = w->d;
	put_reply(mb, e, w->m, some_code(e->b));
	actor_say(e->by, mb);
	mem_deref(mb);
	must(!as_sent || digest == world_digest(&world, serial));
}

/* ---- what comes in ---- */

/** The Replaces of a Refer-To, for whoever does what the REFER says. */
static void take_refer(const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, "Refer-To");
	const char *p = hdr ? strstr(hdr->value.p, "Replaces=") : NULL;
	struct pl value;

	if (!p)
		return;
	value = (struct pl){p + 9, strcspn(p + 9, "&>\r")};
	if (sp_sip_unescape(stage.replaces, sizeof(stage.replaces), &value))
		stage.replaces[0] = '\0';
}

static void take_request(struct actor *a, struct sp_sip_msg *m)
{
	struct dialog *d = dialog_of(a, m);
	struct step e = {.by = a, .dialog = d};
	struct waiting w = {m, d};

	if (d && SP_SIP_BYE == m->method)
		d->over = true;
	if (d && SP_SIP_ACK == m->method)
		d->up |= d->answered;
	else if (d)
		dialog_learn(d, m);
	if (SP_SIP_REFER == m->method)
		take_refer(m);
	if (SP_SIP_CANCEL == m->method)
		reply(&e, &w, 200);
	else if (SP_SIP_ACK != m->method && a->waitc < WAITING)
		a->waitv[a->waitc++] = (struct waiting){mem_ref(m), d};
}

static void take_response(struct actor *a, const struct sp_sip_msg *m)
{
	const struct sp_sip_hdr *rseq = sp_sip_msg_named(m, "RSeq");
	struct dialog *d = dialog_of(a, m);
	struct step e = {.by = a, .dialog = d};

	asked_answered(a, m);
	if (SP_SIP_BYE == m->method && 420 == m->status)
		stage.clean = false; /* with a Require of its own it did not hang up */
	if (!d || SP_SIP_INVITE != m->method || m->status == 100 || m->status > 299)
		return;
	dialog_learn(d, m);
	if (rseq)
		d->rseq = (uint32_t)strtoul(rseq->value.p, NULL, 10);
	if (m->status > 199 && !a->silent) {
		d->up = true;
		ack(&e);
	}
}

/** What the events have made the gateway say is read, and may be answered. */
static void drain(void)
{
	for (unsigned i = 0; i < ACTORS; i++) {
		struct actor *a = &actors[i];

		for (size_t k = 0; k < a->inboxc; k++) {
			struct sp_sip_msg *m = a->inboxv[k];

			if (m->request)
				take_request(a, m);
			else
				take_response(a, m);
		}
		while (a->inboxc)
			mem_deref(a->inboxv[--a->inboxc]);
	}
}

/* ---- what else happens ---- */

static struct snapshot snapshot;

static void read_settings(struct settings *s)
{
	for (size_t i = 0; i < SETTINGS; i++)
		s->v[i] = octet();
}

static void reload(void)
{
	world_apply(&world, &snapshot);
	actors_connect();
	for (unsigned i = 0; i < TRUNKS; i++)
		stage.hides &= !(snapshot.trunkv[i].v[2] & 128); /* signed: From as it came */
}

static void op_advance(const struct step *e)
{
	static const uint32_t ms[] = {1,    50,    200,   500,   1000,  2000,  4000,   5000,
				      9000, 10000, 20000, 32000, 60000, 90000, 180000, 400000};

	sp_loop_advance(world.f->loop, ms[e->b & 15]);
}

static void op_connection(struct actor *a)
{
	stage.clean = false;
	if (a->conn)
		actor_disconnect(a);
	else
		actor_connect(a);
}

static void op_raw(const struct step *e)
{
	struct mbuf mb = {.buf = (uint8_t *)(uintptr_t)e->body.p, .end = e->body.l};

	stage.clean = stage.hides = false;
	if (mb.end)
		actor_write(e->by, &mb);
}

static void op_mutation(const struct step *e)
{
	stage.clean = stage.hides = false;
	stage.mutation = (struct mutation){true, (size_t)e->b << 8 | e->c, e->d, e->lines};
}

/** The last message once more, perhaps by somebody else. */
static void op_again(const struct step *e)
{
	if (actor_no(e->by) != stage.last_by)
		stage.clean = stage.hides = false;
	if (stage.last)
		actor_write(e->by, stage.last);
}

static bool count_report(const struct sp_call_report *r, void *arg)
{
	must(*r->id && *r->state && r->trunk[0] && r->trunk[1] && r->media);
	return --*(int *)arg > 0;
}

static void op_report(const struct step *e)
{
	struct sp_call_cursor cursor = {0, 0};
	int most = e->b & 7;

	while (sp_calls_report(world.f->calls, &cursor, count_report, &most))
		most = 1;
}

static bool speaks(const struct step *e)
{
	return e->by->conn && !sp_sip_conn_isgone(e->by->conn);
}

static void other_event(struct step *e)
{
	switch (e->op & 31) {

	case 16:
		if (e->b & 1)
			read_settings(&snapshot.trunkv[e->a % TRUNKS]);
		else
			snapshot.flags = e->c;
		reload();
		break;
	case 17:
		sp_calls_drain(world.f->calls);
		break;
	case 18:
		sp_calls_end(world.f->calls);
		break;
	case 19:
		stage.clean = false;
		e->by->failing = e->b & 7;
		break;
	case 20:
		e->by->silent = e->b & 1;
		break;
	case 21:
		stage.slice = e->b;
		break;
	case 22:
		op_report(e);
		break;
	case 24:
		if (e->by->conn)
			(void)sp_sip_conn_ping(e->by->conn);
		break;
	case 25:
		if (speaks(e))
			op_stolen_answer(e);
		break;
	default:
		op_advance(e);
		break;
	}
}

static void peer_event(struct step *e)
{
	switch (e->op & 31) {

	case 0:
	case 1:
		op_invite(e);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		op_in_dialog(e);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		op_answer(e);
		break;
	case 10:
		op_cancel(e);
		break;
	case 11:
		op_stolen(e);
		break;
	case 12:
		op_raw(e);
		break;
	case 13:
		op_again(e);
		break;
	default:
		break;
	}
}

static void one_step(void)
{
	struct step e = {.op = octet(), .a = octet(), .b = octet(), .c = octet(), .d = octet()};

	e.by = &actors[e.a & 3];
	e.dialog = &e.by->dialogv[e.a >> 2 & 3];
	e.lines = e.op & WITH_LINES ? text() : (struct pl)PL_INIT;
	e.body = e.op & WITH_BODY ? text() : (struct pl)PL_INIT;
	if (e.lines.l || e.body.l)
		stage.clean = false;
	if ((e.op & 31) == 14)
		op_connection(e.by);
	else if ((e.op & 31) == 15)
		op_mutation(&e);
	else if ((e.op & 31) > 15)
		other_event(&e);
	else if (speaks(&e))
		peer_event(&e);
	drain();
	if (e.op & HELD)
		return;
	sp_loop_advance(world.f->loop, 0);
	drain();
	world_counts(&world);
}

/* ---- a run ---- */

static void begin(void)
{
	if (!world.f) {
		world_make(&world);
		actors_make();
	}
	world.seed = 1;
	for (unsigned i = 0; i < TRUNKS; i++)
		read_settings(&snapshot.trunkv[i]);
	snapshot.flags = octet() & 0xdf; /* the desk is there at first */
	stage = (struct stage){.clean = true, .hides = true};
	reload();
}

static void let_pass(unsigned timeouts)
{
	for (unsigned i = 0; i < timeouts; i++) {
		sp_loop_advance(world.f->loop, SP_SIP_TIMEOUT_MS);
		drain();
	}
}

/**
 * Somebody is off the hook who was told nothing, or goes on with who has hung up, or has
 * asked for something and got no answer.
 */
static void check_phones(bool ended)
{
	for (unsigned i = 0; i < ACTORS * DIALOGS && stage.clean; i++) {
		const struct dialog *d = &actors[i / DIALOGS].dialogv[i % DIALOGS];

		must(!ended || !d->up || d->over);
		must(!d->over || !world_talks(&world, d->call_id, d->tag));
	}
	for (unsigned i = 0; i < ACTORS; i++)
		must(!stage.clean || !actors[i].askedc);
}

/** Peers have been silent for long: a call is up, or about to be gone. */
static void settle(void)
{
	uint64_t endingv[CALLS_MAX];
	size_t n;

	let_pass(TIMEOUTS);
	n = world_ending(&world, endingv);
	check_phones(false);
	let_pass(TIMEOUTS);
	for (size_t i = 0; i < n; i++)
		must(!world_has(&world, endingv[i]));
}

/** The clock runs; peers answer nothing any more, and are there to be hung up. */
static void finish(void)
{
	static const struct snapshot none;

	stage.mutation.on = false;
	for (unsigned i = 0; i < ACTORS; i++)
		actors[i].failing = 0;
	actors_connect();
	settle();
	sp_calls_end(world.f->calls); /* those on hold may be quiet for ever */
	let_pass(TIMEOUTS);
	check_phones(true);
	world_end(&world);
	for (unsigned i = 0; i < ACTORS; i++) {
		actor_disconnect(&actors[i]); /* half a message may have come */
		actor_clear(&actors[i]);
	}
	stage.last = mem_deref(stage.last);
	world_apply(&world, &none);
	actors_connect();
	sp_loop_turn(world.f->loop);
}

static void run(const uint8_t *data, size_t size)
{
	in.p = data;
	in.end = data + size;
	begin();
	actors_name(data, size);
	for (unsigned n = 0; n < EVENTS_MAX && in.p < in.end; n++)
		one_step();
	finish();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool warm;
	size_t bytes, timers;

	if (size > INPUT_MAX)
		return 0;
	if (!warm) /* what is only made once is made */
		run(data, size);
	warm = true;
	bytes = __sanitizer_get_current_allocated_bytes();
	timers = sp_loop_timers(world.f->loop);
	run(data, size);
	must(timers == sp_loop_timers(world.f->loop));
	must(bytes == __sanitizer_get_current_allocated_bytes());
	return 0;
}
