/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/crl, verify: revocation by CRLs of a file (RFC 5280 section 6.3), bundles
 * of several CAs, and what certificates are made for (RFC 5280 section 4.2.1.12).
 */
#include "sallyport/tls_check.h"
#include "tls_raw.h"

struct scene {
	struct fix_dir dir;
	struct fix_cert root, issuing, other;  /**< issuing is under root */
	struct fix_cert leaf, direct, foreign; /**< under issuing, root, other */
};

static struct fix_cert leaf_of(const struct fix_cert *ca, const char *usage)
{
	return fix_make(
		&(struct fix_spec){.cn = "Alpha", .san = "DNS:alpha.example", .usage = usage}, ca);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	fix_dir_make(&s->dir);
	s->root = fix_make(&(struct fix_spec){.cn = "Root", .ca = true}, NULL);
	s->other = fix_make(&(struct fix_spec){.cn = "Other", .ca = true}, NULL);
	s->issuing = fix_make(&(struct fix_spec){.cn = "Issuing", .ca = true}, &s->root);
	s->leaf = leaf_of(&s->issuing, NULL);
	s->direct = leaf_of(&s->root, NULL);
	s->foreign = leaf_of(&s->other, NULL);
	fix_write_cert(&s->dir, "root.crt", s->root.x, NULL);
	fix_write_cert(&s->dir, "issuing.crt", s->issuing.x, NULL);
	fix_write_cert(&s->dir, "bundle.crt", s->root.x, s->other.x);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	fix_free(&s->root);
	fix_free(&s->issuing);
	fix_free(&s->other);
	fix_free(&s->leaf);
	fix_free(&s->direct);
	fix_free(&s->foreign);
	fix_dir_remove(&s->dir);
	free(s);
	return 0;
}

/* Of ca, from and until in seconds relative to now; revoked may be NULL. */
static void add_crl(FILE *f, const struct fix_cert *ca, const struct fix_cert *revoked, long from_s,
		    long until_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();

	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x)), 1);
	X509_gmtime_adj(t, from_s);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
	X509_gmtime_adj(t, until_s);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, t), 1);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x));
		X509_gmtime_adj(t, -60);
		X509_REVOKED_set_revocationDate(entry, t);
		assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	}
	X509_CRL_sort(crl);
	assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509_CRL(f, crl), 1);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
}

struct crl_spec {
	const struct fix_cert *ca, *revoked;
	long from_s, until_s; /**< 0: an hour ago, in a week */
};

static const char *write_crls(struct scene *s, const struct crl_spec *v, size_t n)
{
	const char *path = fix_path(&s->dir, "test.crl");
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < n; ++i)
		add_crl(f, v[i].ca, v[i].revoked, v[i].from_s ? v[i].from_s : -3600,
			v[i].until_s ? v[i].until_s : 7 * DAY);
	fclose(f);
	return path;
}

#define GOOD(a)                                                                                    \
	{                                                                                          \
		.ca = (a)                                                                          \
	}
#define REVOKES(a, x)                                                                              \
	{                                                                                          \
		.ca = (a), .revoked = (x)                                                          \
	}
#define DATED(a, f, u)                                                                             \
	{                                                                                          \
		.ca = (a), .from_s = (f), .until_s = (u)                                           \
	}
#define CRLS(s, ...)                                                                               \
	write_crls((s), (const struct crl_spec[]){__VA_ARGS__},                                    \
		   sizeof((const struct crl_spec[]){__VA_ARGS__}) / sizeof(struct crl_spec))

static struct sp_tls_peer *make_peer(struct scene *s, const char *ca, const char *crl, bool purpose)
{
	const char *v[] = {"alpha.example"};
	const struct sp_tls_peer_conf conf = {.trunk = "alpha",
					      .identityv = v,
					      .identityc = 1,
					      .check_purpose = purpose,
					      .ca = fix_path(&s->dir, ca),
					      .crl = crl};
	struct sp_tls_peer *peer = NULL;
	struct fix_problems p = {0};

	if (sp_tls_peer_alloc(&peer, &conf, fix_problem, &p))
		fail_msg("%s", p.text);
	return peer;
}

/* why NULL: the certificate is good. Both as a client and as a server. */
static void expect_by(struct scene *s, const char *ca, const char *crl, const struct fix_cert *cert,
		      int code, const char *why)
{
	struct sp_tls_peer *peer = make_peer(s, ca, crl, true);
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	struct sp_tls_refusal refusal;

	sk_X509_push(untrusted, s->issuing.x);
	for (int client = 0; client < 2; ++client) {
		struct sp_tls_peer *found;

		memset(&refusal, 0, sizeof(refusal));
		found = sp_tls_judge(&refusal, &peer, 1, cert->x, untrusted, client, NULL, NULL);
		if (!why && !found)
			fail_msg("refused: %s", refusal.why);
		if (!why)
			continue;
		assert_null(found);
		assert_int_equal(refusal.code, code);
		if (!strstr(refusal.why, why))
			fail_msg("expected \"%s\" in: %s", why, refusal.why);
		assert_non_null(strstr(refusal.why, "for trunk alpha does not verify"));
	}
	sk_X509_free(untrusted);
	mem_deref(peer);
}

static void test_leaf(void **state)
{
	struct scene *s = *state;
	const char *crl = CRLS(s, GOOD(&s->root));

	expect_by(s, "root.crt", crl, &s->direct, 0, NULL);
	crl = CRLS(s, REVOKES(&s->root, &s->direct));
	expect_by(s, "root.crt", crl, &s->direct, X509_V_ERR_CERT_REVOKED,
		  "certificate CN=Alpha was revoked");

	/* nobody asked: a CRL counts for the trunk that names it */
	expect_by(s, "root.crt", NULL, &s->direct, 0, NULL);
}

/* Of the leaf's issuer there has to be one; further up, there may be. */
static void test_chain(void **state)
{
	struct scene *s = *state;

	expect_by(s, "root.crt", CRLS(s, GOOD(&s->issuing)), &s->leaf, 0, NULL);
	expect_by(s, "root.crt", CRLS(s, GOOD(&s->issuing), GOOD(&s->root)), &s->leaf, 0, NULL);
	expect_by(s, "root.crt", CRLS(s, REVOKES(&s->issuing, &s->leaf), GOOD(&s->root)), &s->leaf,
		  X509_V_ERR_CERT_REVOKED, "certificate CN=Alpha was revoked");
	expect_by(s, "root.crt", CRLS(s, GOOD(&s->issuing), REVOKES(&s->root, &s->issuing)),
		  &s->leaf, X509_V_ERR_CERT_REVOKED, "its issuer CN=Issuing was revoked");
	expect_by(s, "root.crt", CRLS(s, GOOD(&s->root)), &s->leaf, X509_V_ERR_UNABLE_TO_GET_CRL,
		  "certificate CN=Alpha has no CRL of its issuer");

	/* a bundle with the intermediate alone */
	expect_by(s, "issuing.crt", CRLS(s, GOOD(&s->issuing)), &s->leaf, 0, NULL);
	expect_by(s, "issuing.crt", CRLS(s, REVOKES(&s->issuing, &s->leaf)), &s->leaf,
		  X509_V_ERR_CERT_REVOKED, "was revoked");
}

/* Several CAs in a bundle, and a CRL of each in one file. */
static void test_bundle(void **state)
{
	struct scene *s = *state;
	const char *crl;

	expect_by(s, "bundle.crt", NULL, &s->direct, 0, NULL);
	expect_by(s, "bundle.crt", NULL, &s->foreign, 0, NULL);
	expect_by(s, "bundle.crt", NULL, &s->leaf, 0, NULL);
	expect_by(s, "root.crt", NULL, &s->foreign, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		  "unable to get local issuer");

	crl = CRLS(s, GOOD(&s->root), REVOKES(&s->other, &s->foreign));
	expect_by(s, "bundle.crt", crl, &s->direct, 0, NULL);
	expect_by(s, "bundle.crt", crl, &s->foreign, X509_V_ERR_CERT_REVOKED, "was revoked");
	crl = CRLS(s, GOOD(&s->root));
	expect_by(s, "bundle.crt", crl, &s->foreign, X509_V_ERR_UNABLE_TO_GET_CRL, "has no CRL");
}

/* Fail closed: out of date says nothing any more, not even of those it does not name. */
static void test_dates(void **state)
{
	struct scene *s = *state;

	expect_by(s, "root.crt", CRLS(s, DATED(&s->root, -9 * DAY, -DAY)), &s->direct,
		  X509_V_ERR_CRL_HAS_EXPIRED, "its issuer's CRL is out of date");
	expect_by(s, "root.crt", CRLS(s, DATED(&s->root, DAY, 9 * DAY)), &s->direct,
		  X509_V_ERR_CRL_NOT_YET_VALID, "its issuer's CRL is not valid yet");
	expect_by(s, "root.crt", CRLS(s, GOOD(&s->issuing), DATED(&s->root, -9 * DAY, -DAY)),
		  &s->leaf, X509_V_ERR_CRL_HAS_EXPIRED, "its issuer CN=Issuing cannot be judged");

	/* an old one beside the new one does no harm */
	expect_by(s, "root.crt", CRLS(s, DATED(&s->root, -9 * DAY, -DAY), GOOD(&s->root)),
		  &s->direct, 0, NULL);
	expect_by(s, "root.crt",
		  CRLS(s, DATED(&s->root, -9 * DAY, -DAY), REVOKES(&s->root, &s->direct)),
		  &s->direct, X509_V_ERR_CERT_REVOKED, "was revoked");
}

/* Somebody who calls his CA by the same name cannot speak for it. */
static void test_forged(void **state)
{
	struct scene *s = *state;
	struct fix_cert twin = fix_make(&(struct fix_spec){.cn = "Root", .ca = true}, NULL);
	struct fix_problems p = {0};
	const char *crl = CRLS(s, GOOD(&twin));

	expect_by(s, "root.crt", crl, &s->direct, X509_V_ERR_CRL_SIGNATURE_FAILURE,
		  "is not signed by a CA that may");
	assert_int_equal(sp_tls_check_crl(crl, fix_path(&s->dir, "root.crt"), fix_problem, &p),
			 EINVAL);
	assert_non_null(strstr(p.text, "the CRL of CN=Root is not signed by the CA of that name"));
	fix_free(&twin);
}

static void check_says(struct scene *s, const char *crl, int err, const char *text)
{
	struct fix_problems p = {0};

	assert_int_equal(sp_tls_check_crl(crl, fix_path(&s->dir, "root.crt"), fix_problem, &p),
			 err);
	assert_int_equal(p.count, text ? 1 : 0);
	if (text && !strstr(p.text, text))
		fail_msg("expected \"%s\" in: %s", text, p.text);
}

static void expect_unusable(struct scene *s, const char *crl, const char *text)
{
	const char *v[] = {"alpha.example"};
	const struct sp_tls_peer_conf conf = {.trunk = "alpha",
					      .identityv = v,
					      .identityc = 1,
					      .ca = fix_path(&s->dir, "root.crt"),
					      .crl = crl};
	struct sp_tls_peer *peer = NULL;
	struct fix_problems p = {0};

	check_says(s, crl, EINVAL, text);
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, fix_problem, &p), EINVAL);
	assert_null(peer);
	assert_non_null(strstr(p.text, text));
}

static void test_check(void **state)
{
	struct scene *s = *state;
	const char *path = fix_path(&s->dir, "test.crl");
	FILE *f;

	check_says(s, CRLS(s, REVOKES(&s->root, &s->direct)), 0, NULL);
	check_says(s, CRLS(s, DATED(&s->root, -9 * DAY, -DAY)), 0,
		   "the CRL of CN=Root is out of date since ");
	check_says(s, CRLS(s, DATED(&s->root, DAY, 9 * DAY)), 0,
		   "the CRL of CN=Root is not valid before ");
	check_says(s, CRLS(s, GOOD(&s->other)), 0, "the CRL of CN=Other is of no CA");

	(void)unlink(path);
	expect_unusable(s, path, "cannot be read: No such file");
	expect_unusable(s, fix_write(&s->dir, "test.crl", ""), "holds no PEM CRL");
	expect_unusable(s, fix_write_cert(&s->dir, "test.crl", s->root.x, NULL),
			"holds no PEM CRL");
	expect_unusable(s, fix_write(&s->dir, "test.crl", "0\x82\x01"), "it is binary, DER");

	(void)CRLS(s, GOOD(&s->root));
	f = fopen(path, "a");
	fputs("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", f);
	fclose(f);
	expect_unusable(s, path, "CRL 2 in it is damaged");

	f = fopen(path, "w");
	for (unsigned i = 0; i <= SP_TLS_CRL_MAX / 64; ++i)
		fprintf(f, "%63s\n", "#");
	fclose(f);
	expect_unusable(s, path, "is too large: ");
}

/* anyExtendedKeyUsage, and none at all, count as both; strict asks, any does not. */
static void test_purpose(void **state)
{
	static const struct {
		const char *usage;
		bool as_client, as_server; /* good when strict */
	} table[] = {
		{NULL, true, true},
		{"clientAuth", true, false},
		{"serverAuth", false, true},
		{"serverAuth,clientAuth", true, true},
		{"codeSigning", false, false},
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
		struct fix_cert c = leaf_of(&s->root, table[i].usage);

		for (unsigned k = 0; k < 4; ++k) {
			const bool strict = k & 1, we_connect = k & 2;
			const bool good =
				!strict || (we_connect ? table[i].as_server : table[i].as_client);
			struct sp_tls_peer *peer = make_peer(s, "root.crt", NULL, strict);
			struct sp_tls_refusal refusal;

			if (good != (sp_tls_judge(&refusal, &peer, 1, c.x, NULL, we_connect, NULL,
						  NULL) == peer))
				fail_msg("usage %s, strict %d, we connect %d", table[i].usage,
					 strict, we_connect);
			if (!good)
				assert_int_equal(refusal.code, X509_V_ERR_INVALID_PURPOSE);
			mem_deref(peer);
		}
		fix_free(&c);
	}
}

struct seen {
	unsigned n;
	struct sp_tls_dated v[8];
};

static void on_dated(const struct sp_tls_dated *d, void *arg)
{
	struct seen *seen = arg;

	assert_true(seen->n < 8);
	seen->v[seen->n++] = *d;
}

static void test_dates_of_files(void **state)
{
	struct scene *s = *state;
	const int64_t now = (int64_t)time(NULL);
	struct seen seen = {0};
	const char *path = CRLS(s, GOOD(&s->root), DATED(&s->other, -9 * DAY, -DAY));
	FILE *f = fopen(path, "a");

	PEM_write_X509(f, s->leaf.x);
	PEM_write_PrivateKey(f, s->leaf.key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	assert_int_equal(sp_tls_dates(path, on_dated, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_true(seen.v[0].crl && seen.v[1].crl && !seen.v[2].crl);
	assert_string_equal(seen.v[0].subject, "CN=Root");
	assert_string_equal(seen.v[2].subject, "CN=Alpha");
	assert_string_equal(seen.v[2].sans, "DNS:alpha.example");
	assert_in_range(seen.v[0].until - now, 7 * DAY - 100, 7 * DAY);
	assert_in_range(now - seen.v[1].until, DAY, DAY + 100);
	assert_in_range(seen.v[2].until - now, 30 * DAY - 100, 30 * DAY);
	assert_int_equal(sp_tls_dates("/nonexistent/file", on_dated, &seen), ENOENT);
}

static void test_marks(void **state)
{
	struct scene *s = *state;
	const char *path = fix_write(&s->dir, "mark", "one");
	struct sp_hashkey key;
	uint64_t one, gone;

	sp_hashkey_init(&key);
	one = sp_tls_file_mark(path, &key);
	assert_true(one == sp_tls_file_mark(path, &key));
	fix_write(&s->dir, "mark", "two");
	assert_false(one == sp_tls_file_mark(path, &key));
	fix_write(&s->dir, "mark", "one");
	assert_true(one == sp_tls_file_mark(path, &key));
	assert_int_equal(chmod(path, 0640), 0);
	assert_false(one == sp_tls_file_mark(path, &key));
	(void)unlink(path);
	gone = sp_tls_file_mark(path, &key);
	assert_false(one == gone);
	assert_true(gone == sp_tls_file_mark(path, &key));
}

/* On the wire: the far end is told by its own alert (RFC 8446 section 6.2). */
static void test_alert(void **state)
{
	struct scene *s = *state;
	struct world *w = calloc(1, sizeof(*w));
	void *ws = w;
	struct sp_tls_context *ctx = NULL;
	struct sp_tls_peer *peer;
	struct raw r;

	assert_int_equal(world_setup_group(&ws), 0);
	free(w);
	w = ws;
	assert_int_equal(world_setup(&ws), 0);
	peer = make_peer(s, "root.crt", CRLS(s, REVOKES(&s->root, &s->direct)), true);
	assert_int_equal(sp_tls_server_alloc(&ctx, fix_path(&w->dir, "own.crt"),
					     fix_path(&w->dir, "own.key"), &peer, 1, NULL, NULL),
			 0);
	sp_tls_listener_context(w->l, ctx);
	raw_start(&r, w->loop, raw_socket(sp_tls_listener_laddr(w->l)),
		  &(struct raw_opts){.cert = &s->direct});
	UNTIL(w, r.closed && w->lines);
	assert_non_null(strstr(w->line, "certificate CN=Alpha was revoked"));
	assert_non_null(strstr(r.why, "certificate revoked"));
	assert_int_equal(w->accepts, 0);

	raw_close(&r);
	mem_deref(ctx);
	mem_deref(peer);
	world_teardown(&ws);
	world_teardown_group(&ws);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaf),    cmocka_unit_test(test_chain),
		cmocka_unit_test(test_bundle),  cmocka_unit_test(test_dates),
		cmocka_unit_test(test_forged),  cmocka_unit_test(test_check),
		cmocka_unit_test(test_purpose), cmocka_unit_test(test_dates_of_files),
		cmocka_unit_test(test_marks),   cmocka_unit_test(test_alert),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
