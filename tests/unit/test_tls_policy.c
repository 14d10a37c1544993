/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/: who is let in and who is not. Versions, suites and certificates
 * against a plain OpenSSL far end, with a system openssl.cnf that wants the
 * opposite of our policy.
 */
#include "tls_raw.h"

static const char *const suites[] = {
	"TLS_AES_256_GCM_SHA384",        "TLS_AES_128_GCM_SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES256-GCM-SHA384",   "ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-SHA384",     "ECDHE-ECDSA-AES128-SHA256",
	"ECDHE-RSA-AES256-SHA384",       "ECDHE-RSA-AES128-SHA256",
};

enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

/* Exactly these, in this order, whatever the system's configuration says. */
static void test_suites_are_listed_in_order(void **state)
{
	struct world *w = *state;
	struct sp_tls_context *ctx = world_server(w, "own", w->peer_alpha, NULL);
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx->ssl);

	assert_int_equal(sk_SSL_CIPHER_num(list), SUITES);
	for (int i = 0; i < SUITES; ++i)
		assert_string_equal(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)), suites[i]);
	assert_int_equal(SSL_CTX_get_min_proto_version(ctx->ssl), TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_get_max_proto_version(ctx->ssl), TLS1_3_VERSION);
	assert_int_equal(SSL_CTX_get_session_cache_mode(ctx->ssl), SSL_SESS_CACHE_OFF);
	assert_false(SSL_CTX_get_options(ctx->ssl) & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	mem_deref(ctx);
}

static bool suite_is_13(const char *suite)
{
	return !strncmp(suite, "TLS_", 4);
}

/* Each suite, with the key it needs; TLS 1.3 with both keys. */
static void check_inbound(struct world *w, const char *suite, bool rsa)
{
	const struct raw_opts opts = {.cert = rsa ? &w->alpha_rsa : &w->alpha,
				      .version =
					      suite_is_13(suite) ? TLS1_3_VERSION : TLS1_2_VERSION,
				      .suites = suite};
	struct sp_tls_context *ctx =
		world_server(w, rsa ? "own-rsa" : "own", w->peer_alpha, w->peer_beta);
	const unsigned before = w->accepts;
	char expected[64];
	struct raw r;

	sp_tls_listener_context(w->l, ctx);
	mem_deref(ctx);
	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, (w->accepts > before && r.up) || w->lines || r.closed);
	assert_int_equal(w->accepts, before + 1);
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(w->near.c)), "alpha");
	snprintf(expected, sizeof(expected), "%s %s", suite_is_13(suite) ? "TLSv1.3" : "TLSv1.2",
		 suite);
	assert_string_equal(sp_tls_conn_cipher(w->near.c), expected);
	assert_false(SSL_session_reused(r.ssl));
	raw_close(&r);
}

static void test_every_suite_inbound(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < SUITES; ++i) {
		if (!strstr(suites[i], "-RSA-"))
			check_inbound(w, suites[i], false);
		if (!strstr(suites[i], "-ECDSA-"))
			check_inbound(w, suites[i], true);
	}
}

/* The client would like them the other way round. */
static void test_server_preference(void **state)
{
	struct world *w = *state;
	const struct raw_opts opts = {.cert = &w->alpha,
				      .version = TLS1_2_VERSION,
				      .suites = "ECDHE-ECDSA-AES128-SHA256:"
						"ECDHE-ECDSA-AES128-GCM-SHA256:"
						"ECDHE-ECDSA-AES256-GCM-SHA384"};
	const struct raw_opts both = {.cert = &w->alpha};
	struct raw r;

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts == 1);
	assert_string_equal(sp_tls_conn_cipher(w->near.c), "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384");
	raw_close(&r);

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &both);
	UNTIL(w, w->accepts == 2);
	assert_string_equal(sp_tls_conn_cipher(w->near.c), "TLSv1.3 TLS_AES_256_GCM_SHA384");
	raw_close(&r);
}

/* Refused: logged once with the reason, counted, never accepted; the far end gets an alert. */
static void expect_refused(struct world *w, const struct raw_opts *opts, const char *why,
			   const char *alert)
{
	const uint64_t before = sp_tls_listener_refused(w->l);
	const unsigned accepts = w->accepts, lines = w->lines;
	struct raw r;

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), opts);
	UNTIL(w, r.closed && w->lines > lines);
	assert_int_equal(w->accepts, accepts);
	assert_int_equal(w->lines, lines + 1);
	assert_int_equal(sp_tls_listener_refused(w->l), before + 1);
	assert_non_null(strstr(w->line, "tls_refused"));
	assert_non_null(strstr(w->line, "src=127.0.0.1:"));
	if (!strstr(w->line, why))
		fail_msg("expected \"%s\" in: %s", why, w->line);
	if (!strstr(r.why, alert))
		fail_msg("expected alert \"%s\", got: %s (%s)", alert, r.why, w->line);
	raw_close(&r);
}

static void test_refused_versions_and_suites(void **state)
{
	struct world *w = *state;
	static const struct {
		int version;
		const char *suites, *why, *alert;
	} table[] = {
		{TLS1_1_VERSION, "ALL:@SECLEVEL=0", "unsupported protocol", "protocol version"},
		{TLS1_VERSION, "ALL:@SECLEVEL=0", "unsupported protocol", "protocol version"},
		{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", "no shared cipher",
		 "handshake failure"},
		{TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305", "no shared cipher",
		 "handshake failure"},
		{TLS1_2_VERSION, "AES128-SHA", "no shared cipher", "handshake failure"},
		{TLS1_2_VERSION, "AES256-GCM-SHA384", "no shared cipher", "handshake failure"},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", "no shared cipher", "handshake failure"},
		{TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384", "no shared cipher",
		 "handshake failure"},
		{TLS1_2_VERSION, "NULL-SHA256:@SECLEVEL=0", "no shared cipher",
		 "handshake failure"},
		{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", "no shared cipher",
		 "handshake failure"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
		const struct raw_opts opts = {
			.cert = &w->alpha, .version = table[i].version, .suites = table[i].suites};

		expect_refused(w, &opts, table[i].why, table[i].alert);
	}
}

static void expect_refused_cert(struct world *w, const struct fix_spec *spec,
				const struct fix_cert *ca, const char *why, const char *alert)
{
	struct fix_cert c = fix_make(spec, ca);

	expect_refused(w, &(struct raw_opts){.cert = &c, .version = TLS1_2_VERSION}, why, alert);
	expect_refused(w, &(struct raw_opts){.cert = &c, .version = TLS1_3_VERSION}, why, alert);
	fix_free(&c);
}

static void test_refused_certificates(void **state)
{
	struct world *w = *state;
	struct fix_spec spec = {.cn = "Alpha", .san = "URI:sip:alpha.example"};

	expect_refused(w, &(struct raw_opts){.version = TLS1_2_VERSION},
		       "peer did not return a certificate", "handshake failure");
	expect_refused(w, &(struct raw_opts){.version = TLS1_3_VERSION},
		       "peer did not return a certificate", "certificate required");

	expect_refused_cert(w, &spec, &w->other_ca,
			    "certificate for trunk alpha does not verify: unable to get local "
			    "issuer certificate",
			    "unknown ca");
	expect_refused_cert(w, &spec, NULL, "certificate for trunk alpha does not verify: self",
			    "unknown ca");

	/* a CA that beta trusts does not speak for alpha, nor alpha's for beta */
	spec.san = "URI:sip:beta.example";
	expect_refused_cert(w, &spec, &w->ca, "certificate for trunk beta does not verify",
			    "unknown ca");

	spec.cn = "Gamma";
	spec.san = "DNS:gamma.example,DNS:delta.example";
	expect_refused_cert(w, &spec, &w->ca,
			    "certificate of CN=Gamma shows names gamma.example, delta.example: no "
			    "trunk on this interface has them",
			    "bad certificate");

	/* RFC 5922 section 7.2: no wildcards unless the trunk has the option */
	spec.san = "DNS:*.example";
	expect_refused_cert(w, &spec, &w->ca, "shows no usable name", "bad certificate");

	/* a common name counts only without a subjectAltName */
	spec.cn = "alpha.example";
	spec.san = "DNS:gamma.example";
	expect_refused_cert(w, &spec, &w->ca, "shows names gamma.example", "bad certificate");

	spec.san = "DNS:alpha.example";
	spec.from_s = -9 * DAY;
	spec.until_s = -DAY;
	expect_refused_cert(w, &spec, &w->ca, "certificate has expired", "certificate expired");
	spec.from_s = DAY;
	spec.until_s = 9 * DAY;
	expect_refused_cert(w, &spec, &w->ca, "not yet valid", "bad certificate");
	spec.from_s = spec.until_s = 0;
	spec.usage = "serverAuth";
	expect_refused_cert(w, &spec, &w->ca, "urpose", "unsupported certificate");
	spec.usage = NULL;
	spec.key = "rsa1024";
	expect_refused_cert(w, &spec, &w->ca, "too weak", "bad certificate");
}

static void expect_accepted(struct world *w, const struct fix_spec *spec, const char *trunk)
{
	struct fix_cert c = fix_make(spec, &w->ca);
	const struct raw_opts opts = {.cert = &c};
	const unsigned accepts = w->accepts;
	struct raw r;

	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)), &opts);
	UNTIL(w, w->accepts > accepts || w->lines);
	assert_string_equal(w->line, "");
	assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(w->near.c)), trunk);
	raw_close(&r);
	fix_free(&c);
}

static void test_accepted_certificates(void **state)
{
	struct world *w = *state;
	struct sp_tls_peer *wild = world_peer(w, "wild", "a.wild.example", "ca.crt", true, false);
	struct sp_tls_peer *twin =
		world_peer(w, "twin", "alpha.example", "other-ca.crt", false, true);
	struct sp_tls_context *ctx = world_server(w, "own", twin, w->peer_alpha);

	/* the same name in two trunks: the CA decides */
	sp_tls_listener_context(w->l, ctx);
	mem_deref(ctx);
	expect_accepted(w, &(struct fix_spec){.san = "DNS:ALPHA.example"}, "alpha");
	expect_accepted(w, &(struct fix_spec){.cn = "alpha.example"}, "alpha");
	expect_accepted(
		w, &(struct fix_spec){.san = "DNS:alpha.example", .usage = "serverAuth,clientAuth"},
		"alpha");

	/* options of the trunk: wildcards, and no look at the purpose */
	ctx = world_server(w, "own", w->peer_alpha, wild);
	sp_tls_listener_context(w->l, ctx);
	mem_deref(ctx);
	expect_accepted(w, &(struct fix_spec){.san = "DNS:*.wild.example", .usage = "serverAuth"},
			"wild");
	mem_deref(wild);
	mem_deref(twin);
}

/* Our client against a far end that shows this certificate. */
static void connect_out(struct world *w, const struct raw_opts *opts, const char *name,
			struct sp_tls_peer *peer, struct end *e, struct raw *r)
{
	struct sa any = {.len = sizeof(any.u)};
	struct sp_tls_context *ctx = NULL;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	memset(e, 0, sizeof(*e));
	e->loop = w->loop;
	assert_int_equal(sa_set_str(&any, "127.0.0.1", 0), 0);
	assert_int_equal(bind(listener, &any.u.sa, any.len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &any.u.sa, &any.len), 0);

	assert_int_equal(sp_tls_client_alloc(&ctx, fix_path(&w->dir, "own.crt"),
					     fix_path(&w->dir, "own.key"), peer, NULL, NULL),
			 0);
	assert_int_equal(sp_tls_connect(&e->c, w->loop, ctx, &any, name, &end_handlers, e), 0);
	mem_deref(ctx);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	close(listener);
	assert_int_equal(net_sockopt_blocking_set(fd, false), 0);
	raw_start(r, w->loop, fd, opts);
}

static void test_every_suite_outbound(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < SUITES; ++i) {
		const bool rsa = strstr(suites[i], "-RSA-") != NULL;
		const struct raw_opts opts = {.cert = rsa ? &w->alpha_rsa : &w->alpha,
					      .version = suite_is_13(suites[i]) ? TLS1_3_VERSION
										: TLS1_2_VERSION,
					      .suites = suites[i],
					      .server = true};
		struct end e;
		struct raw r;

		connect_out(w, &opts, "alpha.example", w->peer_alpha, &e, &r);
		UNTIL(w, (e.ups && r.up) || e.downs);
		assert_int_equal(e.ups, 1);
		assert_non_null(strstr(sp_tls_conn_cipher(e.c), suites[i]));
		assert_string_equal(sp_tls_peer_trunk(sp_tls_conn_peer(e.c)), "alpha");
		assert_string_equal(r.sni, "alpha.example");
		mem_deref(e.c);
		raw_close(&r);
	}
}

static void expect_out(struct world *w, const struct raw_opts *opts, const char *name,
		       struct sp_tls_peer *peer, const char *why, const char *alert_or_sni)
{
	struct end e;
	struct raw r;

	connect_out(w, opts, name, peer, &e, &r);
	UNTIL(w, why ? e.downs && r.closed : e.ups && r.up);
	if (why) {
		assert_int_equal(e.ups, 0);
		assert_int_equal(e.downs, 1);
		if (!strstr(e.why, why))
			fail_msg("expected \"%s\" in: %s", why, e.why);
		if (!strstr(r.why, alert_or_sni))
			fail_msg("expected alert \"%s\", got: %s", alert_or_sni, r.why);
		assert_null(sp_tls_conn_peer(e.c));
	} else {
		assert_string_equal(r.sni, alert_or_sni);
	}
	mem_deref(e.c);
	raw_close(&r);
}

/* RFC 5922 section 7.3: connect by address, verify by name. */
static void test_outbound_names(void **state)
{
	struct world *w = *state;
	struct fix_cert two = world_cert(w, "x", "DNS:alpha.example,DNS:sbc1.alpha.example", "ec");
	struct fix_cert wild = world_cert(w, "x", "DNS:*.alpha.example", "ec");
	struct fix_cert own = world_cert(w, "x", "DNS:other.example", "ec");
	struct sp_tls_peer *wild_peer =
		world_peer(w, "wild", "sbc1.alpha.example", "ca.crt", true, true);
	struct raw_opts opts = {.cert = &two, .server = true};

	expect_out(w, &opts, "sbc1.alpha.example", w->peer_alpha, NULL, "sbc1.alpha.example");
	expect_out(w, &opts, "SBC1.alpha.example.", w->peer_alpha, NULL, "SBC1.alpha.example");
	expect_out(w, &opts, NULL, w->peer_alpha, NULL, "-");
	expect_out(w, &opts, "192.0.2.7", w->peer_alpha, NULL, "-");
	expect_out(w, &opts, "2001:db8::7", w->peer_alpha, NULL, "-");
	expect_out(w, &opts, "sbc2.alpha.example", w->peer_alpha, "not sbc2.alpha.example",
		   "bad certificate");

	opts.cert = &wild;
	expect_out(w, &opts, "sbc2.alpha.example", wild_peer, NULL, "sbc2.alpha.example");
	expect_out(w, &opts, "sbc1.alpha.example", w->peer_alpha, "not one of trunk alpha",
		   "bad certificate");

	opts.cert = &own;
	expect_out(w, &opts, "other.example", w->peer_alpha,
		   "certificate of CN=x shows names other.example: not one of trunk alpha",
		   "bad certificate");
	expect_out(w, &opts, NULL, w->peer_alpha, "not one of trunk alpha", "bad certificate");

	mem_deref(wild_peer);
	fix_free(&two);
	fix_free(&wild);
	fix_free(&own);
}

static void test_outbound_refusals(void **state)
{
	struct world *w = *state;
	const struct raw_opts old = {.cert = &w->alpha,
				     .version = TLS1_1_VERSION,
				     .suites = "ALL:@SECLEVEL=0",
				     .server = true};
	const struct raw_opts suite = {.cert = &w->alpha,
				       .version = TLS1_2_VERSION,
				       .suites = "ECDHE-ECDSA-CHACHA20-POLY1305",
				       .server = true};
	struct fix_spec spec = {.san = "URI:sip:alpha.example"};
	struct fix_cert c = fix_make(&spec, &w->other_ca);
	struct raw_opts opts = {.cert = &c, .server = true};

	expect_out(w, &opts, "alpha.example", w->peer_alpha,
		   "does not verify: unable to get local issuer", "unknown ca");
	fix_free(&c);

	spec.from_s = -9 * DAY;
	spec.until_s = -DAY;
	c = fix_make(&spec, &w->ca);
	expect_out(w, &opts, "alpha.example", w->peer_alpha, "certificate has expired",
		   "certificate expired");
	fix_free(&c);

	spec.from_s = spec.until_s = 0;
	spec.usage = "clientAuth";
	c = fix_make(&spec, &w->ca);
	expect_out(w, &opts, "alpha.example", w->peer_alpha, "urpose", "unsupported certificate");
	fix_free(&c);

	expect_out(w, &old, "alpha.example", w->peer_alpha, "alert \"protocol version\"", "");
	expect_out(w, &suite, "alpha.example", w->peer_alpha, "alert \"handshake failure\"", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_suites_are_listed_in_order),
		WORLD_TEST(test_every_suite_inbound),
		WORLD_TEST(test_server_preference),
		WORLD_TEST(test_refused_versions_and_suites),
		WORLD_TEST(test_refused_certificates),
		WORLD_TEST(test_accepted_certificates),
		WORLD_TEST(test_every_suite_outbound),
		WORLD_TEST(test_outbound_names),
		WORLD_TEST(test_outbound_refusals),
	};
	struct fix_dir dir;
	int failed;

	fix_dir_make(&dir);
	world_hostile_openssl_conf(&dir);
	failed = cmocka_run_group_tests(tests, world_setup_group, world_teardown_group);
	fix_dir_remove(&dir);
	return failed;
}
