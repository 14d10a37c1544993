/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A call under random events: two peers that say anything at any time, lose
 * their connections and let the clock run. Whatever happened, afterwards both
 * legs have ended and nothing is left: no call, transaction, port or trunk
 * count. A failing seed is printed and makes the same run again.
 */
#include "call_fixture.h"

enum { RUNS = 1500, STEPS = 80, WAITING_MAX = 16 };

/* xorshift: the same numbers everywhere for the same seed. */
static uint32_t rnd(uint64_t *s, uint32_t below)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (uint32_t)((*s >> 11) % below);
}

/* Requests of the gateway that a peer has not finally answered. */
struct waiting {
	const struct sp_sip_msg *m[WAITING_MAX];
	size_t n;
};

struct run {
	struct fx *f;
	struct waiting waiting[2];
	uint64_t seed;
	unsigned rseq;    /* of the last reliable provisional of a peer */
	unsigned rack[2]; /* RSeq of the last one that it got */
};

static struct peer *peer_of(struct run *r, unsigned i)
{
	return i ? &r->f->service : &r->f->carrier;
}

/* An answer to the peer's INVITE is mostly acknowledged, as peers do. */
static void answered(struct run *r, struct peer *peer, const struct sp_sip_msg *m)
{
	learn(peer, m);
	if (m->status >= 200 && !peer->unreachable && rnd(&r->seed, 8))
		request(peer, "ACK", NULL, "", NULL);
}

static void drain(struct run *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *peer = peer_of(r, i);
		struct waiting *w = &r->waiting[i];
		struct sp_sip_msg *m;

		while ((m = next_message(peer))) {
			if (m->request && m->method != SP_SIP_ACK && w->n < WAITING_MAX)
				w->m[w->n++] = m;
			else if (!m->request && m->status > 100 && m->status < 300 &&
				 m->method == SP_SIP_INVITE) {
				const struct sp_sip_hdr *rseq = sp_sip_msg_named(m, "RSeq");

				answered(r, peer, m);
				r->rack[i] = rseq ? (unsigned)strtoul(rseq->value.p, NULL, 10) : 0;
			}
		}
		/* what was read is only kept while a request waits for its answer */
		if (!w->n) {
			while (peer->tail)
				mem_deref(peer->queue[--peer->tail]);
			peer->head = 0;
		}
	}
}

static const char *some_sdp(struct run *r, bool answer)
{
	static const char *const dirs[] = {"sendrecv", "sendonly", "inactive", "recvonly"};
	const char *dir = dirs[rnd(&r->seed, 4)];

	switch (rnd(&r->seed, 16)) {

	case 0:
		return NULL;
	case 1:
		return "v=0\r\nnot sdp at all\r\n";
	case 2:
		return sdp_of("192.0.2.9", KEY_B, dir);
	default:
		return answer ? sdp_answer("192.0.2.7", KEY_A, dir)
			      : sdp_of("192.0.2.7", KEY_A, dir);
	}
}

/* What a response of a peer may carry besides. */
static const char *some_headers(struct run *r, unsigned code)
{
	static char text[128];

	switch (rnd(&r->seed, 4)) {

	case 0:
		r->rseq += rnd(&r->seed, 8) ? 1 : 2;
		if (code > 100 && code < 200)
			re_snprintf(text, sizeof(text), "Require: 100rel\r\nRSeq: %u\r\n", r->rseq);
		else
			return "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
		return text;
	case 1:
		return "Allow: INVITE, UPDATE, PRACK\r\nSession-Expires: 100;refresher=uas\r\n";
	case 2:
		return code == 422 ? "Min-SE: 120\r\n" : "Supported: timer\r\n";
	default:
		return "";
	}
}

static void answer_one(struct run *r, unsigned i)
{
	static const unsigned codes[] = {100, 180, 183, 183, 200, 200, 200, 202, 302, 404,
					 408, 422, 481, 486, 487, 488, 491, 503, 603};
	struct waiting *w = &r->waiting[i];
	unsigned code = codes[rnd(&r->seed, ARRAY_SIZE(codes))];
	const struct sp_sip_msg *m;
	size_t k;

	if (!w->n)
		return;
	k = rnd(&r->seed, (uint32_t)w->n);
	m = w->m[k];
	if (code >= 200 && rnd(&r->seed, 4)) /* else it may answer again */
		w->m[k] = w->m[--w->n];
	if (!m->to_tag.l && !rnd(&r->seed, 8)) /* as another fork */
		re_snprintf(peer_of(r, i)->tag, sizeof(r->f->service.tag), "fork%u",
			    ++r->f->branch);
	respond_as(peer_of(r, i), m, code, "", some_headers(r, code),
		   code < 300 && code > 100 ? some_sdp(r, true) : NULL);
}

/* REFER to a number, or to the other end of a dialog of the same peer. */
static void refer(struct run *r, unsigned i)
{
	struct peer *peer = peer_of(r, i);
	char extra[512];

	switch (rnd(&r->seed, 4)) {

	case 0:
		re_snprintf(extra, sizeof(extra),
			    "Refer-To: <sip:+441632960002@%s?Replaces=%s%%3Bto-tag%%3D%s%%3B"
			    "from-tag%%3D%s>\r\n",
			    peer->host, peer->call_id, peer->remote_tag, peer->tag);
		break;
	case 1:
		re_snprintf(extra, sizeof(extra), "Refer-To: <sip:%s@gw.example.net>\r\n",
			    i ? CARRIER_NUMBER : SERVICE_NUMBER);
		break;
	case 2:
		re_snprintf(extra, sizeof(extra),
			    "Refer-To: <sip:+441632960002@gw.example.net>\r\n");
		break;
	default:
		re_snprintf(extra, sizeof(extra), "Refer-To: nonsense\r\n");
		break;
	}
	request(peer, "REFER", NULL, extra, NULL);
}

static void prack(struct run *r, unsigned i)
{
	char extra[64];

	re_snprintf(extra, sizeof(extra), "RAck: %u 1 INVITE\r\n", r->rack[i]);
	request(peer_of(r, i), "PRACK", NULL, extra, rnd(&r->seed, 3) ? NULL : some_sdp(r, false));
}

static void in_dialog(struct run *r, unsigned i)
{
	static const char *const methods[] = {"BYE",    "INVITE", "INVITE",  "INVITE", "UPDATE",
					      "UPDATE", "ACK",    "OPTIONS", "INFO",   "PRACK",
					      "PRACK",  "REFER",  "REFER",   "NOTIFY"};
	const char *method = methods[rnd(&r->seed, ARRAY_SIZE(methods))];
	bool offer = !strcmp(method, "INVITE") || !strcmp(method, "UPDATE");
	struct peer *peer = peer_of(r, i);

	if (!peer->remote_tag[0] || !peer->tag[0])
		return;
	if (!rnd(&r->seed, 20))
		peer->cseq = 0;
	if (!strcmp(method, "REFER"))
		refer(r, i);
	else if (!strcmp(method, "PRACK"))
		prack(r, i);
	else
		request(peer, method, NULL,
			rnd(&r->seed, 4) ? "" : "Supported: timer\r\nSession-Expires: 90\r\n",
			offer ? some_sdp(r, false) : NULL);
}

/* Other settings for each run: what one allows hides what another does. */
static void settle(struct run *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct sp_conf_trunk *t = &r->f->confv[i];

		t->reliable = (enum sp_conf_use)rnd(&r->seed, 2);
		t->timer.use = (enum sp_conf_use)rnd(&r->seed, 2);
		t->timer.expires_s = 90 + rnd(&r->seed, 90);
		t->timer.min_s = 90;
		t->transfer = (enum sp_conf_transfer)rnd(&r->seed, 3);
		t->follow_redirects = rnd(&r->seed, 2);
		t->failover.codev[0] = 503;
		t->failover.codec = rnd(&r->seed, 2);
		t->failover.tries = 1 + rnd(&r->seed, 4);
		t->failover.total_s = 1 + rnd(&r->seed, 60);
		t->failover.response_s = rnd(&r->seed, 5);
		t->failover.progress_s = rnd(&r->seed, 30);
		t->failover.early_media = rnd(&r->seed, 2);
		t->hold = (enum sp_conf_hold)rnd(&r->seed, 3);
		t->early_media = (enum sp_conf_early_media)rnd(&r->seed, 3);
		t->refuse_delayed = !rnd(&r->seed, 4);
	}
}

static void reconnect(struct run *r, unsigned i)
{
	struct peer *peer = peer_of(r, i);

	if (peer->unreachable)
		peer_connect(peer);
	else
		peer_disconnect(peer);
}

static void step(struct run *r)
{
	unsigned i = rnd(&r->seed, 2);
	struct peer *peer = peer_of(r, i);
	uint32_t what = rnd(&r->seed, 100);

	r->f->held = !rnd(&r->seed, 4);
	if (what < 8) {
		reconnect(r, i);
	} else if (what < 16) {
		sp_loop_advance(r->f->loop, rnd(&r->seed, 40000));
	} else if (peer->unreachable) {
		return;
	} else if (what < 26) {
		peer->cseq = 0; /* PRACK names the INVITE as 1 */
		invite(peer, i ? CARRIER_NUMBER : SERVICE_NUMBER,
		       rnd(&r->seed, 2) ? ""
					: "Supported: 100rel, timer\r\nSession-Expires: 120\r\n"
					  "Allow: INVITE, UPDATE, REFER\r\n",
		       some_sdp(r, false));
	} else if (what < 30 && peer->uac && peer->branch[0]) {
		request(peer, "CANCEL", i ? "sip:" CARRIER_NUMBER "@x" : "sip:" SERVICE_NUMBER "@x",
			"", NULL);
	} else if (what < 70) {
		answer_one(r, i);
	} else if (what < 98) {
		in_dialog(r, i);
	} else {
		sp_calls_end(r->f->calls);
	}
}

static void one_run(struct fx *f, uint64_t seed)
{
	struct run r = {.f = f, .seed = seed};

	settle(&r);
	for (unsigned n = 0; n < STEPS; n++) {
		step(&r);
		drain(&r);
	}
	f->held = false;
	sp_calls_end(f->calls); /* calls that are up may be quiet for ever: hold */
	for (unsigned n = 0; n < 8; n++) {
		sp_loop_advance(f->loop, SP_SIP_TIMEOUT_MS);
		drain(&r);
	}
	sp_loop_advance(f->loop, 400 * 1000ULL);
	drain(&r);
	if (calls_now(f) || sp_sip_transactions(f->sip))
		print_message("seed %llu:\n%s", (unsigned long long)seed, f->log);
	expect_clean(f);
	f->log[0] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		struct peer *peer = peer_of(&r, i);

		while (peer->tail)
			mem_deref(peer->queue[--peer->tail]);
		peer->head = 0;
		peer->remote_tag[0] = peer->tag[0] = '\0';
		peer->uac = false;
		if (peer->unreachable)
			peer_connect(peer);
	}
}

/* Which rows of the table that change the state the runs went through. */
static bool seen[STATES][EVENTS];

static void note_transition(enum sp_log_level level, const char *line, void *arg)
{
	char from[16], event[16];
	const char *p = strstr(line, "from=");

	fx_log(level, line, arg);
	if (strncmp(line, "call_state", 10) ||
	    2 != sscanf(p, "from=%15s to=%*s event=%15s", from, event))
		return;
	for (unsigned s = 0; s < STATES; s++) {
		for (unsigned e = 0; e < EVENTS; e++) {
			if (!strcmp(from, state_name((enum state)s)) &&
			    !strcmp(event, event_name((enum event)e)))
				seen[s][e] = true;
		}
	}
}

static void anything_at_any_time(void **state)
{
	struct fx *f = *state;
	unsigned rows = 0, covered = 0;

	sp_log_sink(note_transition, f);
	f->conf->limits.media_timeout_s = 10;
	f->conf->limits.ring_s = 20;
	for (uint64_t seed = 1; seed <= RUNS; seed++)
		one_run(f, seed * 0x9e3779b97f4a7c15ULL);

	for (size_t i = 0; i < transitionc; i++) {
		const struct transition *t = &transitions[i];

		if (t->state == t->next || REFERRED == t->state || JOINING == t->state)
			continue; /* transfers have random events of their own */
		rows++;
		if (seen[t->state][t->event])
			covered++;
		else
			print_message("not met: %s x %s\n", state_name(t->state),
				      event_name(t->event));
	}
	print_message("%u of %u rows that change the state were met\n", covered, rows);
	assert_true(covered * 10 >= rows * 7); /* else the runs have stopped to reach anything */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(anything_at_any_time, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
