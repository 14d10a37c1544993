/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfers in any order: three peers with several dialogs each call, answer,
 * refer, replace, hang up and lose connections at random. In the end nothing
 * is left, whatever happened; the sanitizers watch. The seeds are fixed.
 */
#include "transfer_fixture.h"

enum { RUNS = 400, STEPS = 400, DIALOGS = 24, WAITING = 48 };

struct dialog {
	struct aside a;
	unsigned peer; /* index */
};

struct run {
	struct tf *t;
	uint64_t seed;
	struct dialog dialogv[DIALOGS];
	unsigned dialogc;
	const struct sp_sip_msg *waitingv[WAITING]; /* requests without an answer */
	unsigned peerv[WAITING], waitingc;
};

static unsigned done, failed, attended, takeovers;

static uint32_t rnd(struct run *r, uint32_t bound)
{
	r->seed = r->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((r->seed >> 33) % bound);
}

static struct peer *peer_of(const struct run *r, unsigned i)
{
	if (DESK == i)
		return &r->t->desk;
	return CARRIER == i ? &r->t->f->carrier : &r->t->f->service;
}

/** The dialog becomes the peer's current one, and back. */
static void swap(const struct run *r, struct dialog *d)
{
	put_aside(peer_of(r, d->peer), &d->a);
}

static struct dialog *add(struct run *r, unsigned peer)
{
	/* with none free an old one is forgotten, as by a phone that crashed */
	struct dialog *d = &r->dialogv[r->dialogc < DIALOGS ? r->dialogc++ : rnd(r, DIALOGS)];

	memset(d, 0, sizeof(*d));
	d->peer = peer;
	return d;
}

static struct dialog *find(struct run *r, unsigned peer, const struct pl *call_id)
{
	for (unsigned i = 0; i < r->dialogc; i++) {
		if (r->dialogv[i].peer == peer && 0 == pl_strcmp(call_id, r->dialogv[i].a.call_id))
			return &r->dialogv[i];
	}
	return NULL;
}

static struct dialog *some(struct run *r)
{
	return r->dialogc ? &r->dialogv[rnd(r, r->dialogc)] : NULL;
}

static const char *sdp(struct run *r, unsigned peer, bool answer)
{
	static const char *const addrs[] = {"192.0.2.7", "198.51.100.7", "203.0.113.7"};
	static const char *const keys[] = {KEY_A, KEY_B, KEY_C};
	const char *dir = rnd(r, 4) ? "sendrecv" : "inactive";

	if (!rnd(r, 24))
		return NULL;
	return answer ? sdp_answer(addrs[peer], keys[peer], dir)
		      : sdp_of(addrs[peer], keys[peer], dir);
}

/* ---- what the peers get ---- */

static void take_request(struct run *r, unsigned peer, const struct sp_sip_msg *m)
{
	if (SP_SIP_ACK == m->method)
		return;
	if (SP_SIP_CANCEL == m->method) {
		respond(peer_of(r, peer), m, 200, NULL);
		return;
	}
	if (r->waitingc < WAITING) {
		r->waitingv[r->waitingc] = mem_ref((void *)(uintptr_t)m);
		r->peerv[r->waitingc++] = peer;
	}
}

static void take_response(struct run *r, unsigned peer, const struct sp_sip_msg *m)
{
	struct dialog *d = find(r, peer, &m->call_id);
	const bool final = m->status >= 200;

	if (SP_SIP_INVITE != m->method || !d)
		return;
	swap(r, d);
	if (m->to_tag.l && m->status < 300)
		learn(peer_of(r, peer), m);
	if (final && m->status < 300 && rnd(r, 16)) {
		const uint32_t cseq = peer_of(r, peer)->cseq;

		peer_of(r, peer)->cseq = m->cseq;
		request(peer_of(r, peer), "ACK", NULL, "", NULL);
		peer_of(r, peer)->cseq = cseq;
	}
	swap(r, d);
}

static void drain(struct run *r)
{
	for (unsigned i = 0; i < TRUNKS; i++) {
		struct peer *p = peer_of(r, i);
		struct sp_sip_msg *m;

		while ((m = next_message(p))) {
			if (p->unreachable)
				continue;
			if (m->request)
				take_request(r, i, m);
			else
				take_response(r, i, m);
		}
		while (p->tail)
			mem_deref(p->queue[--p->tail]);
		p->head = 0;
	}
}

/* ---- what they do ---- */

static void answer(struct run *r)
{
	static const unsigned codes[] = {200, 200, 200, 200, 200, 200, 180, 183,
					 100, 486, 488, 491, 481, 408, 487, 302};
	unsigned i, code, peer;
	const struct sp_sip_msg *m;
	const char *crypto;
	struct dialog *d;

	if (!r->waitingc)
		return;
	i = rnd(r, r->waitingc);
	m = r->waitingv[i];
	peer = r->peerv[i];
	code = codes[rnd(r, SP_SIP_INVITE == m->method ? ARRAY_SIZE(codes) : 5)];
	if (peer_of(r, peer)->unreachable)
		return;
	d = find(r, peer, &m->call_id);
	if (!d)
		d = add(r, peer);
	swap(r, d);
	crypto = strstr(m->text, "a=crypto:");
	if (crypto)
		peer_of(r, peer)->crypto = (unsigned)strtoul(crypto + 9, NULL, 10);
	respond(peer_of(r, peer), m, code,
		SP_SIP_INVITE == m->method && 2 == code / 100 ? sdp(r, peer, true) : NULL);
	swap(r, d);
	if (code < 200)
		return;
	r->waitingc--;
	r->waitingv[i] = r->waitingv[r->waitingc];
	r->peerv[i] = r->peerv[r->waitingc];
	mem_deref((void *)(uintptr_t)m);
}

static void call(struct run *r)
{
	static const char *const numbers[] = {CARRIER_NUMBER, SERVICE_NUMBER, DESK_NUMBER};
	const unsigned peer = rnd(r, TRUNKS);
	const struct dialog *old = some(r);
	struct aside o = {.cseq = 0};
	struct dialog *d;
	char extra[256] = "";

	if (peer_of(r, peer)->unreachable)
		return;
	if (old && !rnd(r, 3)) {
		o = old->a;
		re_snprintf(extra, sizeof(extra), "Replaces: %s;to-tag=%s;from-tag=%s\r\n",
			    o.call_id, rnd(r, 4) ? o.remote_tag : o.tag,
			    rnd(r, 4) ? o.tag : o.remote_tag);
	}
	d = add(r, peer);
	swap(r, d);
	invite(peer_of(r, peer), numbers[rnd(r, TRUNKS)], extra, sdp(r, peer, false));
	swap(r, d);
}

static void transfer(struct run *r, struct dialog *d)
{
	static const char *const numbers[] = {CARRIER_NUMBER, SERVICE_NUMBER, DESK_NUMBER};
	struct dialog *other = some(r);
	char text[512];

	if (rnd(r, 2)) {
		re_snprintf(text, sizeof(text), "<sip:%s@gw.example.net>", numbers[rnd(r, TRUNKS)]);
		swap(r, d);
		refer(peer_of(r, d->peer), text, "");
		swap(r, d);
		return;
	}
	for (unsigned n = 0; n < 32 && (other->peer != d->peer || other == d); n++)
		other = some(r);
	if (other != d) {
		const struct aside copy = other->a;

		swap(r, d);
		refer_to_replaces(peer_of(r, d->peer), &copy, "");
		swap(r, d);
	}
}

static void in_dialog(struct run *r)
{
	static const char *const methods[] = {"BYE", "INVITE", "INFO"};
	struct dialog *d = some(r);
	const char *method;

	if (!d || !d->a.remote_tag[0] || !d->a.tag[0] || peer_of(r, d->peer)->unreachable)
		return;
	if (rnd(r, 3)) {
		transfer(r, d);
		return;
	}
	method = methods[rnd(r, ARRAY_SIZE(methods))];
	swap(r, d);
	request(peer_of(r, d->peer), method, NULL, "",
		'I' == method[0] && 'V' == method[2] ? sdp(r, d->peer, false) : NULL);
	swap(r, d);
}

static void step(struct run *r)
{
	const uint32_t what = rnd(r, 1000);

	if (what < 4) {
		struct peer *p = peer_of(r, rnd(r, TRUNKS));

		if (p->unreachable)
			peer_connect(p);
		else
			peer_disconnect(p);
	} else if (what < 30) {
		sp_loop_advance(r->t->f->loop, rnd(r, 5000));
	} else if (what < 31) {
		sp_calls_end(r->t->f->calls);
	} else if (what < 150) {
		call(r);
	} else if (what < 820) {
		answer(r);
	} else {
		in_dialog(r);
	}
}

static unsigned count(const char *log, const char *what)
{
	unsigned n = 0;

	for (; (log = strstr(log, what)); log++)
		n++;
	return n;
}

static void one_run(struct tf *t, uint64_t seed)
{
	struct run r = {.t = t, .seed = seed};
	struct fx *f = t->f;

	for (unsigned i = 0; i < TRUNKS; i++)
		t->confv[i].transfer = rnd(&r, 4) ? SP_TRANSFER_HANDLE : SP_TRANSFER_RELAY;
	for (unsigned n = 0; n < STEPS; n++) {
		step(&r);
		drain(&r);
		done += count(f->log, "transfer_done");
		failed += count(f->log, "transfer_failed");
		attended += count(f->log, "how=attended");
		takeovers += count(f->log, "how=replaces");
		f->log[0] = '\0';
	}
	sp_calls_end(f->calls);
	for (unsigned n = 0; n < 16; n++) {
		sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
		drain(&r);
	}
	while (r.waitingc)
		mem_deref((void *)(uintptr_t)r.waitingv[--r.waitingc]);
	if (calls_now(f) || sp_sip_transactions(f->sip))
		print_message("seed %llu:\n%s", (unsigned long long)seed, f->log);
	tf_clean(t);
	for (unsigned i = 0; i < TRUNKS; i++) {
		if (peer_of(&r, i)->unreachable)
			peer_connect(peer_of(&r, i));
	}
}

static void anything_at_any_time(void **state)
{
	for (uint64_t seed = 1; seed <= RUNS; seed++)
		one_run(*state, seed * 0x9e3779b97f4a7c15ULL);
	print_message("%u transfers done, %u failed, %u attended, %u by Replaces\n", done, failed,
		      attended, takeovers);
	assert_true(done > RUNS / 4 && failed > RUNS && attended > RUNS / 8 &&
		    takeovers > RUNS / 8);
}

static int random_setup(void **state)
{
	const int err = tf_setup(state, SP_TRANSFER_HANDLE);

	sp_log_setup(SP_LOG_INFO, true);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(anything_at_any_time, random_setup, tf_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
