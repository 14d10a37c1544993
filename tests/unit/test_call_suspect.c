#include "call_fixture.h"

static const char *value_of(const struct sp_sip_msg *m, const char *name)
{
	static char buf[4][512];
	static unsigned n;
	const struct sp_sip_hdr *hdr = sp_sip_msg_named(m, name);
	char *b = buf[n++ % 4];
	if (!hdr)
		return NULL;
	re_snprintf(b, sizeof(buf[0]), "%r", &hdr->value);
	return b;
}

static void respond_text(struct peer *peer, const struct sp_sip_msg *req, unsigned status,
			 const char *tag, const char *type, const char *body)
{
	char text[4096], t[48] = "";

	if (!req->to_tag.l) {
		re_snprintf(t, sizeof(t), ";tag=%s", tag);
		strcpy(peer->tag, tag);
		re_snprintf(peer->call_id, sizeof(peer->call_id), "%r", &req->call_id);
		learn(peer, req);
	}
	re_snprintf(text, sizeof(text),
		    "SIP/2.0 %u x\r\nVia: %r\r\nFrom: %r\r\nTo: %r%s\r\nCall-ID: %r\r\n"
		    "CSeq: %u %r\r\nContact: <sip:%s:5061;transport=tls>\r\nContent-Type: %s\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    status, &sp_sip_msg_next(req, SP_HDR_VIA, NULL)->value,
		    &sp_sip_msg_next(req, SP_HDR_FROM, NULL)->value,
		    &sp_sip_msg_next(req, SP_HDR_TO, NULL)->value, t, &req->call_id, req->cseq,
		    &req->method_name, peer->host, type, strlen(body), body);
	peer_write(peer, text);
}

static void a_other_body(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond_text(&f->service, inv, 180, "t1", "text/plain", "ringing");
	expect(&f->carrier, "180");
	respond(&f->service, inv, 486, NULL);
	expect(&f->service, "ACK");
	expect(&f->carrier, "486");
	expect_clean(f);
}

static void c_options_in_drain(void **state)
{
	struct fx *f = *state;

	establish(f);
	sp_calls_drain(f->calls);
	request(&f->carrier, "OPTIONS", NULL, "", NULL);
	expect(&f->carrier, "200");
}

static void d_change_without_end(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	f->conf->limits.media_timeout_s = 0;
	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	respond(&f->service, m, 100, NULL);
	peer_disconnect(&f->service);
	sp_loop_advance(f->loop, 600 * 1000);
	assert_non_null(next_message(&f->carrier));
}

static void e_user(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	const char *sdp = sdp_of("192.0.2.7", KEY_A, "sendrecv");
	char text[2048];

	re_snprintf(text, sizeof(text),
		   "INVITE sip:+441632960001@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq1\r\n"
		   "From: <sip:1001;phone-context=inner.carrier.example@c>;tag=a\r\nTo: <sip:+441632960001@gw>\r\n"
		   "Call-ID: f1@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", strlen(sdp), sdp);
	peer_write(&f->carrier, text);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	print_message("%s\n", value_of(inv, "From"));
	assert_null(strstr(inv->text, "inner.carrier"));
}

static void e_display(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;
	const char *sdp = sdp_of("192.0.2.7", KEY_A, "sendrecv");
	char text[2048];

	re_snprintf(text, sizeof(text),
		   "INVITE sip:+441632960001@gw SIP/2.0\r\nVia: SIP/2.0/TLS x:1;branch=z9hG4bKq1\r\n"
		   "From: \"+441632960099@inner.carrier.example\" <sip:+441632960099@inner.carrier.example>;tag=a\r\nTo: <sip:+441632960001@gw>\r\n"
		   "Call-ID: f1@x\r\nCSeq: 5 INVITE\r\nContact: <sip:x:5061>\r\n"
		   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", strlen(sdp), sdp);
	peer_write(&f->carrier, text);
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	print_message("%s\n", value_of(inv, "From"));
	assert_null(strstr(inv->text, "inner.carrier"));
}

static void f_hash(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite_uri(&f->service, "tel:*21#", "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "100");
	inv = expect(&f->carrier, "INVITE");
	print_message("%.60s\n", inv->text);
}

static void f_hash2(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv;

	invite_uri(&f->service, "sip:%2A21%23@gw.example.net", "", sdp_of("198.51.100.7", KEY_B, "sendrecv"));
	expect(&f->service, "100");
	inv = expect(&f->carrier, "INVITE");
	print_message("%.60s\n", inv->text);
}

static const char *two_lines(const char *sdp)
{
	static char buf[2][2048];
	static unsigned n;
	char *b = buf[n++ % 2];

	re_snprintf(b, sizeof(buf[0]),
		    "%sm=video 40010 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n"
		    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\r\n",
		    sdp);
	return b;
}

static void g_streams(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;
	char answer[2048];

	establish(f);
	for (unsigned i = 0; i < 12; i++) {
		request(&f->carrier, "INVITE", NULL, "", two_lines(sdp_of("192.0.2.7", KEY_A, "sendrecv")));
		m = next_message(&f->service);
		if (!m)
			fail_msg("refused the %uth time", i);
		strcpy(answer, sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
		strcat(answer, "m=video 0 RTP/SAVP 96\r\n");
		respond(&f->service, m, 200, answer);
		expect(&f->service, "ACK");
		expect(&f->carrier, "200");
		request(&f->carrier, "ACK", NULL, "", NULL);
	}
}

static void h_fork(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *inv, *m;

	invite(&f->carrier, SERVICE_NUMBER, "", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	expect(&f->carrier, "100");
	inv = expect(&f->service, "INVITE");
	respond_text(&f->service, inv, 200, "t1", "application/sdp", sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "t1"));
	respond_text(&f->service, inv, 200, "t2", "application/sdp", sdp_answer("198.51.100.7", KEY_B, "sendrecv"));
	m = expect(&f->service, "ACK");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "t2"));
	m = expect(&f->service, "BYE");
	assert_int_equal(0, pl_strcmp(&m->to_tag, "t2"));
}

static void i_max_forwards(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	sp_calls_end(f->calls);
	m = expect(&f->carrier, "BYE");
	assert_int_equal(70, m->max_forwards);
}

static void j_cross(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	establish(f);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->service, "BYE");
	respond(&f->service, m, 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
}

static void p_require(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	invite(&f->carrier, SERVICE_NUMBER, "Require: foo\r\nRequire: bar\r\n", sdp_of("192.0.2.7", KEY_A, "sendrecv"));
	m = expect(&f->carrier, "420");
	assert_true(sp_sip_msg_named(m, "Unsupported") != NULL);
	assert_non_null(strstr(m->text, "foo"));
	assert_non_null(strstr(m->text, "bar"));
}

struct heap_conf {
	struct sp_conf conf;
	struct sp_conf_interface ifv[2];
	struct sp_conf_trunk tv[2];
};

static void heap_env_destructor(void *arg)
{
	struct sp_call_env *env = arg;
	for (size_t i = 0; i < env->conf->trunkc; i++)
		mem_deref(env->trunkv[i]);
	mem_deref(env->trunkv);
	mem_deref(env->numbers);
	mem_deref(env->conf);
}

static void reload(struct fx *f, unsigned trunks, const char *media)
{
	struct heap_conf *hc = mem_zalloc(sizeof(*hc), NULL);
	struct sp_call_env *env = mem_zalloc(sizeof(*env), heap_env_destructor);
	struct sp_trunk_setup setup[2];

	hc->conf = *f->conf;
	memcpy(hc->ifv, f->ifv, sizeof(hc->ifv));
	memcpy(hc->tv, f->confv, sizeof(hc->tv));
	sa_set_str(&hc->ifv[0].media_advertise, media, 0);
	sa_set_str(&hc->ifv[1].media_advertise, media, 0);
	hc->conf.interfacev = hc->ifv;
	hc->conf.trunkv = hc->tv;
	hc->conf.trunkc = trunks;
	env->conf = &hc->conf;
	env->numbers = mem_ref(f->env->numbers);
	env->portsv = f->portsv;
	env->trunkv = mem_zalloc(3 * sizeof(struct sp_trunk *), NULL);
	for (unsigned i = 0; i < trunks; i++)
		setup[i] = (struct sp_trunk_setup){&hc->tv[i], &hc->ifv[i], NULL};
	assert_int_equal(0, sp_trunks_apply(f->trunks, env->conf, setup, trunks, env->trunkv));
	sp_calls_env(f->calls, env);
	mem_deref(env);
}

static void b_reload_media(void **state)
{
	struct fx *f = *state;
	const struct sp_sip_msg *m;

	reload(f, 2, "127.0.0.7");
	establish(f);
	reload(f, 2, "127.0.0.8");
	reload(f, 2, "127.0.0.9");
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	m = expect(&f->service, "INVITE");
	print_message("%s\n", m->body.p);
	assert_non_null(strstr(m->body.p, "127.0.0.7"));
}

static void l_reload_removes(void **state)
{
	struct fx *f = *state;

	reload(f, 2, "127.0.0.7");
	establish(f);
	reload(f, 1, "127.0.0.8");
	reload(f, 1, "127.0.0.9");
	request(&f->service, "INVITE", NULL, "", "v=0\r\nbad");
	expect(&f->service, "400");
	request(&f->service, "ACK", NULL, "", NULL);
	request(&f->carrier, "INVITE", NULL, "", sdp_of("192.0.2.7", KEY_A, "sendonly"));
	respond(&f->service, expect(&f->service, "INVITE"), 200, sdp_answer("198.51.100.7", KEY_B, "recvonly"));
	expect(&f->service, "ACK");
	expect(&f->carrier, "200");
	request(&f->carrier, "ACK", NULL, "", NULL);
	request(&f->carrier, "BYE", NULL, "", NULL);
	expect(&f->carrier, "200");
	respond(&f->service, expect(&f->service, "BYE"), 200, NULL);
	expect_clean(f);
	sp_loop_advance(f->loop, 400 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
		T(a_other_body), T(b_reload_media), T(c_options_in_drain), T(d_change_without_end), T(e_user), T(e_display),
		T(f_hash), T(f_hash2), T(g_streams), T(h_fork), T(i_max_forwards), T(j_cross), T(p_require),
		T(l_reload_removes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
