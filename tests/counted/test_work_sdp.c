/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of reading descriptions, of writing them as they go out on the other leg, of
 * comparing two, and of reading one a=crypto (RFC 8866, RFC 4568): up to all limits, and
 * past them.
 */
#include <errno.h>
#include "sdp_priv.h"
#include "work.h"

enum { FROM = 1024 };

#define SESSION "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define KEY "AES_CM_128_HMAC_SHA1_80 inline:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
#define MEDIA "m=audio 40000 RTP/SAVP 0\r\na=crypto:1 " KEY "\r\n"

struct family {
	const char *open, *piece, *close;
	size_t most; /* 0: the limit of octets */
};

static const struct family descriptions[] = {
	{SESSION MEDIA "a=x:", "a", "\r\n", 0},
	{SESSION MEDIA, "a=x\r\n", "", 0},
	{SESSION MEDIA, "a=x\n", "", 0},
	{SESSION MEDIA, "\r\n", "", 0},
	{SESSION MEDIA, "a=rtpmap:0 PCMU/8000\r\n", "", 0},
	{SESSION, MEDIA, "", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\n", "a=crypto:1 " KEY "\r\n", "", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\n", "a=crypto:1 x\r\n", "", 0},
	{SESSION "m=audio 40000 RTP/SAVP", " 0", "\r\na=crypto:1 " KEY "\r\n", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\na=crypto:1 " KEY, " -a", "\r\n", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\na=crypto:1 " KEY, " WSH=64", "\r\n", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\na=crypto:", "1", " " KEY "\r\n", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\na=rtcp:", "1 ", "\r\n", 0},
	{SESSION "m=audio 40000 RTP/SAVP 0\r\na=group:", "BUNDLE ", "\r\n", 0},
	/* a host's name as long as the line it is looked for in */
	{"v=0\r\no=- 1 1 IN IP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\ns=-\r\n" MEDIA "a=x:",
	 "a", "\r\n", 0},
	{"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n", "c=IN IP4 aaaaaaaaaaaaaaaaaaaaaaaa\r\n", "",
	 0},
	{"v=0\r\no=", "- ", "1 1 IN IP4 a\r\ns=-\r\n", 0},
};

static void put(struct work_text *t, const struct family *f, size_t n)
{
	text_begin(t);
	text_add(t, "%s", f->open);
	text_fill(t, f->piece, n - strlen(f->close));
	text_add(t, "%s", f->close);
}

/* Read it, write it, read what was written: what a call does with an offer. */
static void through(const struct work_text *t)
{
	struct sp_sdp_local local = {.session_id = 1};
	struct mbuf *out = mbuf_alloc(64);
	struct sp_sdp *s = NULL;
	const char *why;

	assert_int_equal(sa_set_str(&local.addr, "198.51.100.1", 0), 0);
	for (size_t i = 0; i < SP_SDP_MEDIA_MAX; i++)
		local.mediav[i] = (struct sp_sdp_local_media){
			.enabled = true, .rtp_port = 30000, .rtcp_port = 30001, .tag = 1};
	work_on();
	if (!sp_sdp_parse(&s, t->p, t->n, &why)) {
		const struct pl text = text_pl(t);

		(void)sp_sdp_rewrite(out, s, &local);
		(void)sp_sdp_same(&text, &text);
	}
	mem_deref(s);
	work_off();
	mem_deref(out);
}

static void description(size_t n, void *arg)
{
	struct work_text t;

	put(&t, arg, n);
	through(&t);
	text_end(&t);
}

static void whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		char name[32];
		void *f = (void *)(uintptr_t)&descriptions[i];

		(void)re_snprintf(name, sizeof(name), "sdp%u", (unsigned)i);
		work_linear(name, FROM, SP_SDP_SIZE_MAX, description, f);
		work_linear("past it", SP_SDP_SIZE_MAX, 4 * SP_SDP_SIZE_MAX, description, f);
	}
}

/* All hosts that there may be, half of the text; the other half is what may not name them. */
static void hosts(size_t n, void *arg)
{
	struct work_text t;
	(void)arg;

	text_begin(&t);
	text_add(&t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n");
	for (unsigned i = 0; i < SDP_HOSTS_MAX - 1; i++) {
		text_add(&t, "c=IN IP4 ");
		text_fill(&t, "a", t.n + n / 2 / SDP_HOSTS_MAX);
		text_add(&t, "%u\r\n", 10 + i);
	}
	text_add(&t, MEDIA "a=x:");
	text_fill(&t, "a", n);
	text_add(&t, "\r\n");
	through(&t);
	text_end(&t);
}

static void all_hosts(void **state)
{
	(void)state;
	work_linear("hosts", FROM, SP_SDP_SIZE_MAX / 2, hosts, NULL);
}

static void crypto(size_t n, void *arg)
{
	struct sp_sdes sdes;
	struct work_text t;
	struct pl value;

	put(&t, arg, n);
	value = text_pl(&t);
	work_on();
	(void)sp_sdes_decode(&sdes, &value);
	work_off();
	text_end(&t);
}

static void keys(void **state)
{
	static const struct family v[] = {
		{"", "1", " " KEY, 0},       {"1 ", " ", KEY, 0},
		{"1 " KEY, "|2^20", "", 0},  {"1 " KEY "|", "1", "", 0},
		{"1 " KEY, "|1:1", "", 0},   {"1 " KEY "|1:", "0", "1", 0},
		{"1 " KEY, ";", "", 0},      {"1 " KEY, " -a", "", 0},
		{"1 " KEY, " KDR=0", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("crypto", FROM, 2 * SP_SDP_SIZE_MAX, crypto, (void *)(uintptr_t)&v[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(all_hosts),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
