/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What each peer was told, and what the relay does, after any row of offers and answers
 * (RFC 3264, RFC 4568, RFC 5761): re-INVITE and UPDATE of either side, with another key,
 * address, hold, m-lines that come, end and change their type, refused as a whole or in
 * part, offers in the 2xx, refreshes of our own, and settings that change under the call.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "timer_fixture.h"
#include "../../src/media/media_priv.h"

enum { RUNS = 60, STEPS = 40, KEYS = 4, TEXT = 2048 };

/* One end, as it is agreed with it. */
struct end {
	struct peer *peer;
	enum sp_side side;
	char own[TEXT], told[TEXT]; /* descriptions: its own, and ours that goes with that */
	char got[TEXT];             /* the last one of ours, agreed or not */
	unsigned version;
	struct sp_srtp_out *outv[KEYS];
};

struct run {
	struct fx *f;
	struct end endv[2];
	uint64_t seed;
	int fd;
};

static unsigned changed, refused, rekeyed, refreshed, muxes, ended;

static uint32_t rnd(struct run *r, uint32_t bound)
{
	r->seed = r->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((r->seed >> 33) % bound);
}

static struct sp_sdp *parsed(const char *text)
{
	struct sp_sdp *s = NULL;
	const char *why = "";

	if (sp_sdp_parse(&s, text, strlen(text), &why))
		fail_msg("%s: %s", why, text);
	return s;
}

static bool usable(const struct sp_sdp *s, size_t i)
{
	return i < sp_sdp_mediac(s) && SP_SDP_OK == sp_sdp_media(s, i)->fault;
}

static struct sp_call *call_of(const struct run *r)
{
	return list_ledata(list_head(&r->f->calls->calls));
}

/* ---- what the ends write ---- */

static uint8_t key_byte(const struct end *e, unsigned n)
{
	return (uint8_t)(0x21 + 0x11 * n + e->side);
}

static size_t put_line(struct run *r, const struct end *e, char *p, size_t size, unsigned i,
		       const struct sp_sdp_media *offered, bool on, unsigned key)
{
	const bool mux = offered ? offered->mux && rnd(r, 3) : rnd(r, 2);
	const bool video = offered ? 0 == pl_strcasecmp(&offered->type, "video") : i && rnd(r, 2);
	uint8_t raw[SP_SDES_KEY_SIZE];
	char text[SP_SDES_KEY_TEXT] = "";
	size_t n = sizeof(text), l;

	memset(raw, key_byte(e, key), sizeof(raw));
	assert_int_equal(0, base64_encode(raw, sizeof(raw), text, &n));
	l = (size_t)re_snprintf(p, size, "m=%s %u RTP/SAVP %d\r\n", video ? "video" : "audio",
				on ? 40000 + 10 * i : 0, video ? 97 : 8);
	if (!on)
		return l;
	l += (size_t)re_snprintf(
		p + l, size - l, "a=crypto:%u\tAES_CM_128_HMAC_SHA1_80 inline:%s%s\r\n",
		offered ? offered->sdes.tag : 2 + rnd(r, 8), text, rnd(r, 4) ? "" : "|2^31");
	return l + (size_t)re_snprintf(p + l, size - l, "%s%s", mux ? "a=rtcp-mux\r\n" : "",
				       !offered && mux && !rnd(r, 4) ? "a=rtcp-mux-only\r\n" : "");
}

/* An offer, or the answer to one. */
static const char *describe(struct run *r, struct end *e, const char *offer)
{
	static char buf[4][TEXT];
	static unsigned n;
	char *b = buf[n++ % 4];
	struct sp_sdp *o = offer ? parsed(offer) : NULL, *was = parsed(e->own);
	const unsigned key = rnd(r, KEYS);
	const size_t lines = o ? sp_sdp_mediac(o) : min(sp_sdp_mediac(was) + !rnd(r, 3), 8u);
	size_t l;

	l = (size_t)re_snprintf(b, TEXT,
				"v=0\r\no=- 1 %u IN IP4 192.0.2.9\r\ns=-\r\n"
				"c=IN IP4 %s\r\nt=0 0\r\n",
				++e->version,
				rnd(r, 8) ? (rnd(r, 4) ? "192.0.2.7" : "192.0.2.8") : "0.0.0.0");
	for (unsigned i = 0; i < lines; i++) {
		const struct sp_sdp_media *om = o ? sp_sdp_media(o, i) : NULL;
		const bool on = (!o || usable(o, i)) && (!i || rnd(r, 3));

		l += put_line(r, e, b + l, TEXT - l, i, om, on, key);
	}
	mem_deref(o);
	mem_deref(was);
	return b;
}

/* ---- what must be so ---- */

/* A description came: its version rises when, and only when, it is another one. */
static const char *take(struct end *e, const struct sp_sip_msg *m)
{
	char text[TEXT];
	struct pl a, b;
	unsigned was, is;

	re_snprintf(text, sizeof(text), "%r", &m->body);
	pl_set_str(&a, text);
	pl_set_str(&b, e->got);
	if (e->got[0]) {
		assert_int_equal(1, sscanf(strstr(e->got, "o=- "), "o=- %*s %u", &was));
		assert_int_equal(1, sscanf(strstr(text, "o=- "), "o=- %*s %u", &is));
		if (sp_sdp_same(&a, &b))
			assert_int_equal(was, is);
		else
			assert_true(is > was);
	}
	re_snprintf(e->got, sizeof(e->got), "%s", text);
	return e->got;
}

/* Is RTCP of the end understood on RTP's port? */
static bool muxed(struct run *r, struct end *e, size_t stream, const struct sp_sdp_media *own)
{
	struct sp_relay *relay = call_of(r)->session.relay;
	uint8_t packet[64] = {0x80, 201, 0, 1, 0, 0, 0, 1};
	const struct sp_srtp_place place = {.ssrc = 1};
	struct sp_relay_flow before, after;
	struct sp_srtp_out *out = NULL;
	size_t len = 8;
	struct sa to;

	for (unsigned k = 0; k < KEYS; k++) {
		if (own->sdes.key[0] == key_byte(e, k))
			out = e->outv[k];
	}
	assert_int_equal(0, sp_srtp_protect(out, packet, &len, true, &place));
	assert_int_equal(0, sp_relay_flow(relay, stream, e->side, &before));
	assert_int_equal(0, sa_set_str(&to, "127.0.0.1", sp_relay_port(relay, stream, e->side)));
	assert_int_equal(len, sendto(r->fd, packet, len, 0, &to.u.sa, to.len));
	media_relay_readable(relay, stream, e->side, false);
	assert_int_equal(0, sp_relay_flow(relay, stream, e->side, &after));
	if (1 != after.rtcp - before.rtcp + after.count.unauthentic - before.count.unauthentic)
		fail_msg("neither: %s\n%s", e->own, e->told);
	return after.rtcp > before.rtcp;
}

/* @return the m-lines in use */
static unsigned check(struct run *r, struct end *e)
{
	const struct session *s = &call_of(r)->session;
	struct sp_sdp *own = parsed(e->own), *told = parsed(e->told);
	unsigned used = 0;

	assert_int_equal(sp_sdp_mediac(own), sp_sdp_mediac(told));
	for (size_t i = 0; i < sp_sdp_mediac(own); i++) {
		const struct sp_sdp_media *om = sp_sdp_media(own, i), *tm = sp_sdp_media(told, i);
		const bool mux = om->mux && tm->mux;
		size_t stream;

		if (!usable(own, i) || !usable(told, i))
			continue;
		used++;
		assert_true(s->stream[i] >= 0);
		stream = (size_t)s->stream[i];
		assert_int_equal(sa_port(&tm->rtp), sp_relay_port(s->relay, stream, e->side));
		assert_memory_equal(tm->sdes.key, sp_relay_key(s->relay, stream, e->side),
				    sizeof(tm->sdes.key));
		if (mux != muxed(r, e, stream, om))
			fail_msg("m-line %zu, mux %d: %s\n%s", i, mux, e->own, e->told);
		muxes += mux;
	}
	mem_deref(own);
	mem_deref(told);
	return used;
}

/* Our key changed with the end's own key or address, where its trunk wants that, and only so. */
static void check_keys(struct run *r, const struct end *e, const char *own, const char *told,
		       bool offered)
{
	struct sp_sdp *v[4] = {parsed(e->own), parsed(e->told), parsed(own), parsed(told)};

	for (size_t i = 0; i < sp_sdp_mediac(v[0]); i++) {
		const struct sp_sdp_media *was = sp_sdp_media(v[0], i), *is = sp_sdp_media(v[2], i);
		const struct sp_sdp_media *a = sp_sdp_media(v[1], i), *b = sp_sdp_media(v[3], i);
		bool other, moved;

		if (!usable(v[0], i) || !usable(v[1], i) || !usable(v[2], i) || !usable(v[3], i))
			continue;
		moved = memcmp(was->sdes.key, is->sdes.key, sizeof(is->sdes.key)) ||
			(!sa_is_any(&was->rtp) && !sa_is_any(&is->rtp) &&
			 !sa_cmp(&was->rtp, &is->rtp, SA_ALL));
		other = memcmp(a->sdes.key, b->sdes.key, sizeof(a->sdes.key));
		assert_int_equal(other, offered && moved && r->f->confv[e->side].rekey_follow);
		rekeyed += other;
	}
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		mem_deref(v[i]);
}

static void agreed(struct run *r, struct end *e, const char *own, const char *told, bool offered)
{
	if (e->told[0])
		check_keys(r, e, own, told, offered);
	memmove(e->own, own, strlen(own) + 1);
	memmove(e->told, told, strlen(told) + 1);
}

static void check_all(struct run *r)
{
	const unsigned a = check(r, &r->endv[0]), b = check(r, &r->endv[1]);

	assert_int_equal(a, b);
	assert_int_equal(a, sp_ports_used(r->f->portsv[0]));
	assert_int_equal(a, sp_ports_used(r->f->portsv[1]));
	both_quiet(r->f);
}

/* ---- what happens ---- */

static void forget(struct run *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *peer = r->endv[i].peer;

		while (peer->tail)
			mem_deref(peer->queue[--peer->tail]);
		peer->head = 0;
	}
	r->f->log[0] = '\0';
}

static void change(struct run *r, struct end *by, struct end *to, const char *method)
{
	const bool invite = 0 == strcmp(method, "INVITE");
	const char *own = rnd(r, 4) ? describe(r, by, NULL) : by->own, *answer = to->own;
	const struct sp_sip_msg *m;

	request(by->peer, method, NULL, "", own);
	m = next_message(to->peer); /* none, when nothing is new */
	if (m && !rnd(r, 4)) {
		(void)take(to, m);
		respond(to->peer, m, 488, NULL);
		if (invite)
			expect(to->peer, "ACK");
		expect(by->peer, "488");
		refused++;
		return;
	}
	if (m) {
		answer = describe(r, to, take(to, m));
		respond(to->peer, m, 200, answer);
		if (SP_SIP_INVITE == m->method)
			expect(to->peer, "ACK");
		agreed(r, to, answer, to->got, false);
	}
	agreed(r, by, own, take(by, expect(by->peer, "200")), true);
	if (invite)
		request(by->peer, "ACK", NULL, "", NULL);
	changed++;
}

static void delayed(struct run *r, struct end *by, struct end *to)
{
	const char *offer = describe(r, to, NULL), *answer;
	const struct sp_sip_msg *m;

	request(by->peer, "INVITE", NULL, "", NULL);
	respond(to->peer, expect(to->peer, "INVITE"), 200, offer);
	m = expect(by->peer, "200");
	answer = describe(r, by, take(by, m));
	request(by->peer, "ACK", NULL, "", answer);
	agreed(r, by, answer, by->got, false);
	agreed(r, to, offer, take(to, expect(to->peer, "ACK")), true);
	changed++;
}

/* The session timer: each leg by itself. */
static void refresh(struct run *r)
{
	wait_s(r->f, 50);
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &r->endv[i];
		const struct sp_sip_msg *m = next_message(e->peer);
		struct sp_sdp *o;
		unsigned n = 0, open = 0;

		if (!m)
			continue;
		o = parsed(take(e, m));
		for (size_t k = 0; k < sp_sdp_mediac(o); k++) {
			n += usable(o, k);
			open += call_of(r)->session.stream[k] >= 0;
		}
		mem_deref(o);
		assert_true(n <= open); /* no port that is not ours any more */
		respond(e->peer, m, 200, e->own);
		expect(e->peer, "ACK");
		memcpy(e->told, e->got, sizeof(e->told));
		refreshed++;
	}
}

static void step(struct run *r)
{
	const unsigned i = rnd(r, 2);
	struct end *by = &r->endv[i], *to = &r->endv[!i];

	if (!rnd(r, 10))
		r->f->confv[i].rtcp_mux = (enum sp_conf_mux)rnd(r, 3);
	switch (rnd(r, 8)) {

	case 0:
		refresh(r);
		break;
	case 1:
	case 2:
		delayed(r, by, to);
		break;
	case 3:
	case 4:
		change(r, by, to, "UPDATE");
		break;
	default:
		change(r, by, to, "INVITE");
		break;
	}
	check_all(r);
	forget(r);
}

static void begin(struct run *r)
{
	struct end *a = &r->endv[0], *b = &r->endv[1];
	const char *offer, *answer;
	const struct sp_sip_msg *m;

	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &r->endv[i];
		uint8_t key[SP_SRTP_KEY_SIZE];

		e->peer = i ? &r->f->service : &r->f->carrier;
		e->side = (enum sp_side)i;
		for (unsigned k = 0; k < KEYS; k++) {
			memset(key, key_byte(e, k), sizeof(key));
			assert_int_equal(0, sp_srtp_out_alloc(&e->outv[k], key, NULL));
		}
		re_snprintf(e->own, sizeof(e->own), "%s", offer_of(r->f, e->peer));
		r->f->confv[i].rtcp_mux = (enum sp_conf_mux)rnd(r, 3);
		r->f->confv[i].rekey_follow = rnd(r, 2);
		r->f->confv[i].rekey_roc_keep = rnd(r, 2);
		timer_on(r->f, e->peer, 90)->refresh = SP_REFRESH_INVITE;
		r->f->confv[i].timer.refresher = SP_REFRESHER_GATEWAY;
	}
	offer = describe(r, a, NULL);
	invite(a->peer, SERVICE_NUMBER, ALLOW_UPDATE, offer);
	expect(a->peer, "100");
	m = expect(b->peer, "INVITE");
	answer = describe(r, b, take(b, m));
	respond_as(b->peer, m, 200, "", ALLOW_UPDATE, answer);
	expect(b->peer, "ACK");
	m = expect(a->peer, "200");
	learn(a->peer, m);
	agreed(r, b, answer, b->got, false);
	agreed(r, a, offer, take(a, m), false);
	request(a->peer, "ACK", NULL, "", NULL);
	check_all(r);
	forget(r);
}

static void one_run(struct fx *f, uint64_t seed)
{
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->f = f;
	r->seed = seed;
	r->fd = socket(AF_INET, SOCK_DGRAM, 0);
	begin(r);
	for (unsigned n = 0; n < STEPS; n++)
		step(r);
	hang_up(f);
	ended++;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < KEYS; k++)
			mem_deref(r->endv[i].outv[k]);
	}
	close(r->fd);
	free(r);
	next_call(f);
}

static void told_is_done(void **state)
{
	for (uint64_t seed = 1; seed <= RUNS; seed++)
		one_run(*state, seed * 0x9e3779b97f4a7c15ULL);
	print_message("calls %u: changes %u, refused %u, refreshes %u, keys %u, muxed %u\n", ended,
		      changed, refused, refreshed, rekeyed, muxes);
	assert_true(changed > RUNS * STEPS / 2 && refused > RUNS && refreshed > RUNS &&
		    rekeyed > RUNS && muxes > RUNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(told_is_done, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests_name("call/told", tests, NULL, NULL);
}
