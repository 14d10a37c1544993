/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/check, tls/roots: each thing that can be wrong with a certificate, key
 * or CA file is reported, once, with its mend.
 */
#include "sallyport/tls_check.h"
#include "tls_fixture.h"

struct world {
	struct fix_dir dir;
	struct fix_cert ca;
	struct fix_cert good;
	const char *cert, *key;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fix_dir_make(&w->dir);
	w->ca = fix_make(&(struct fix_spec){.cn = "CA", .ca = true}, NULL);
	w->good = fix_make(
		&(struct fix_spec){.cn = "a.example", .san = "DNS:a.example,URI:sip:a.example"},
		&w->ca);
	w->cert = fix_write_cert(&w->dir, "good.crt", w->good.x, NULL);
	w->key = fix_write_key(&w->dir, "good.key", w->good.key, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fix_free(&w->ca);
	fix_free(&w->good);
	fix_dir_remove(&w->dir);
	free(w);
	return 0;
}

/* Exactly one problem, with these words in it; contexts tell the same. */
static void expect_one(const char *cert, const char *key, const char *problem, const char *mend)
{
	struct fix_problems p = {0}, q = {0};
	struct sp_tls_context *ctx = NULL;

	assert_int_equal(sp_tls_check_pair(cert, key, NULL, fix_problem, &p), EINVAL);
	if (p.count != 1 || !strstr(p.text, problem) || !strstr(p.text, mend))
		fail_msg("expected \"%s | %s\", got %u: %s", problem, mend, p.count, p.text);

	assert_int_equal(sp_tls_server_alloc(&ctx, cert, key, NULL, 0, fix_problem, &q), EINVAL);
	assert_null(ctx);
	assert_string_equal(p.text, q.text);
}

static void expect_cert(struct world *w, const struct fix_spec *spec, const char *problem,
			const char *mend)
{
	struct fix_cert c = fix_make(spec, &w->ca);
	const char *cert = fix_write_cert(&w->dir, "odd.crt", c.x, NULL);
	const char *key = fix_write_key(&w->dir, "odd.key", c.key, NULL);

	expect_one(cert, key, problem, mend);
	fix_free(&c);
}

static void test_good(void **state)
{
	struct world *w = *state;
	struct sp_tls_cert_info info;
	struct sp_tls_context *ctx = NULL;
	struct fix_problems p = {0};

	assert_int_equal(sp_tls_check_pair(w->cert, w->key, &info, fix_problem, &p), 0);
	assert_string_equal(p.text, "");
	assert_string_equal(info.subject, "CN=a.example");
	assert_string_equal(info.sans, "DNS:a.example, URI:sip:a.example");
	assert_in_range(info.days_left, 29, 30);

	assert_int_equal(sp_tls_server_alloc(&ctx, w->cert, w->key, NULL, 0, fix_problem, &p), 0);
	mem_deref(ctx);

	/* the owner's group may read a key; a chain may follow the certificate */
	assert_int_equal(chmod(w->key, 0640), 0);
	fix_write_cert(&w->dir, "good.crt", w->good.x, w->ca.x);
	assert_int_equal(sp_tls_check_pair(w->cert, w->key, NULL, fix_problem, &p), 0);
	assert_int_equal(p.count, 0);
}

static void test_info_is_bounded(void **state)
{
	struct world *w = *state;
	struct sp_tls_cert_info info;
	char san[2048] = "DNS:first.example";
	struct fix_cert c;

	for (int i = 0; i < 60; ++i)
		snprintf(san + strlen(san), 32, ",DNS:name%d.example", i);
	c = fix_make(&(struct fix_spec){.cn = "a.example", .san = san}, &w->ca);
	fix_write_cert(&w->dir, "many.crt", c.x, NULL);
	fix_write_key(&w->dir, "many.key", c.key, NULL);
	assert_int_equal(sp_tls_check_pair(fix_path(&w->dir, "many.crt"),
					   fix_path(&w->dir, "many.key"), &info, NULL, NULL),
			 0);
	assert_memory_equal(info.sans, "DNS:first.example, DNS:name0.example", 36);
	assert_true(strlen(info.sans) < sizeof(info.sans));
	fix_free(&c);
}

static void expect_shown(struct world *w, const struct fix_spec *spec, const char *name, bool shown)
{
	struct fix_cert c = fix_make(spec, &w->ca);
	const char *cert = fix_write_cert(&w->dir, "named.crt", c.x, NULL);

	if (sp_tls_check_name(cert, name) != shown)
		fail_msg("%s %s: %s", spec->cn, spec->san ? spec->san : "-", name);
	fix_free(&c);
}

/* RFC 5922 section 7.1, RFC 6125 section 6.4: in one of the ways in which peers look. */
static void test_name(void **state)
{
	struct world *w = *state;

	assert_true(sp_tls_check_name(w->cert, "a.example"));
	assert_true(sp_tls_check_name(w->cert, "A.Example"));
	assert_false(sp_tls_check_name(w->cert, "b.example"));
	assert_false(sp_tls_check_name(w->cert, "a.example.net"));

	expect_shown(w, &(struct fix_spec){.cn = "c.example"}, "c.example", true);
	expect_shown(w, &(struct fix_spec){.cn = "c.example", .san = "DNS:b.example"}, "c.example",
		     false);
	expect_shown(w, &(struct fix_spec){.cn = "c", .san = "DNS:*.b.example"}, "c.b.example",
		     true);
	expect_shown(w, &(struct fix_spec){.cn = "c", .san = "DNS:*.b.example"}, "d.c.b.example",
		     false);
	expect_shown(w, &(struct fix_spec){.cn = "c", .san = "URI:sip:b.example"}, "b.example",
		     true);
	/* SIP peers read the first alone, others the second alone */
	expect_shown(w, &(struct fix_spec){.cn = "c", .san = "URI:sip:b.example,DNS:c.example"},
		     "c.example", true);
	expect_shown(w, &(struct fix_spec){.cn = "c", .san = "URI:sip:b.example,DNS:c.example"},
		     "b.example", true);

	assert_true(sp_tls_check_name("/nonexistent.crt", "a.example"));
	assert_false(sp_tls_check_name(NULL, "a.example"));
	assert_false(sp_tls_check_name(w->cert, NULL));
}

static void test_files_that_cannot_be_read(void **state)
{
	struct world *w = *state;

	expect_one("/nonexistent/a.crt", w->key, "No such file", "correct the path");
	expect_one(w->cert, "/nonexistent/a.key", "No such file", "correct the path");
	expect_one(w->cert, w->dir.path, "is a directory", "PEM file");
	expect_one(w->cert, "/dev/null", "no regular file", "PEM file");
	expect_one(fix_write(&w->dir, "empty.crt", ""), w->key, "no PEM certificate",
		   "BEGIN CERTIFICATE");
	expect_one(w->key, w->key, "no PEM certificate, but a private key", "swapped");
	expect_one(fix_write(&w->dir, "cut.crt", "-----BEGIN CERTIFICATE-----\nMII\n"), w->key,
		   "damaged", "anew");
	expect_one(fix_write(&w->dir, "a.csr", "-----BEGIN CERTIFICATE REQUEST-----\nMII\n"),
		   w->key, "a request", "the CA made of it");
	expect_one(fix_write(&w->dir, "a.der", "0\x82\x01"), w->key, "binary", "convert");

	/* issuer first: the key is not to blame */
	fix_write_cert(&w->dir, "turned.crt", w->ca.x, w->good.x);
	expect_one(fix_path(&w->dir, "turned.crt"), w->key, "does not begin with",
		   "turn the order");
}

static void test_key_readable_by_others(void **state)
{
	struct world *w = *state;
	char mend[128];

	snprintf(mend, sizeof(mend), "chmod o= %s", w->key);
	assert_int_equal(chmod(w->key, 0604), 0);
	expect_one(w->cert, w->key, "every user of this machine can read", mend);
	assert_int_equal(chmod(w->key, 0602), 0);
	expect_one(w->cert, w->key, "has rights to", mend);
}

static void test_key_contents(void **state)
{
	struct world *w = *state;
	struct fix_cert other = fix_make(&(struct fix_spec){.cn = "b.example"}, &w->ca);
	const char *path;

	path = fix_write(&w->dir, "junk.key", "not a key\n");
	assert_int_equal(chmod(path, 0600), 0);
	expect_one(w->cert, path, "no PEM private key", "BEGIN PRIVATE KEY");

	path = fix_write(&w->dir, "cut.key", "-----BEGIN PRIVATE KEY-----\nMIG\n");
	assert_int_equal(chmod(path, 0600), 0);
	expect_one(w->cert, path, "damaged private key", "anew");
	path = fix_write(&w->dir, "key.der", "0\x81\x87");
	assert_int_equal(chmod(path, 0600), 0);
	expect_one(w->cert, path, "binary", "convert");

	/* that everybody can read it is as it should be */
	expect_one(w->cert, w->cert, "no PEM private key, but a certificate", "swapped");

	/* must not ask on the terminal */
	path = fix_write_key(&w->dir, "locked.key", w->good.key, "secret");
	expect_one(w->cert, path, "protected by a passphrase", "openssl pkey");

	path = fix_write_key(&w->dir, "other.key", other.key, NULL);
	expect_one(w->cert, path, "does not fit the certificate", "requested with");
	fix_free(&other);
}

static void test_certificate_contents(void **state)
{
	struct world *w = *state;
	struct fix_spec spec = {.cn = "a.example"};
	char day[32];
	const time_t past = time(NULL) - 3 * DAY;
	struct tm tm;

	assert_non_null(gmtime_r(&past, &tm));
	strftime(day, sizeof(day), "expired on %Y-%m-%d", &tm);
	spec.from_s = -9 * DAY;
	spec.until_s = -3 * DAY;
	expect_cert(w, &spec, day, "renew");

	spec.from_s = 3 * DAY;
	spec.until_s = 9 * DAY;
	expect_cert(w, &spec, "is not valid before", "clock");

	spec = (struct fix_spec){.cn = "a.example", .key = "rsa1024"};
	expect_cert(w, &spec, "RSA key has only 1024 bits", "2048");

	spec.key = "p521";
	expect_cert(w, &spec, "curve we do not use: secp521r1", "P-256");
}

static void test_damaged_chain(void **state)
{
	struct world *w = *state;
	FILE *f = fopen(w->cert, "a");

	fputs("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", f);
	fclose(f);
	expect_one(w->cert, w->key, "chain is damaged", "copy the chain anew");
}

static void test_sha1_signature(void **state)
{
	struct world *w = *state;
	const char *cert;

	assert_true(X509_sign(w->good.x, w->ca.key, EVP_sha1()) > 0);
	cert = fix_write_cert(&w->dir, "sha1.crt", w->good.x, NULL);
	expect_one(cert, w->key, "hash that is too weak", "SHA-256");
}

static void test_several_problems_at_once(void **state)
{
	struct world *w = *state;
	struct fix_problems p = {0};
	struct fix_cert c = fix_make(
		&(struct fix_spec){
			.cn = "a.example", .key = "rsa1024", .from_s = -9 * DAY, .until_s = -DAY},
		&w->ca);
	const char *cert = fix_write_cert(&w->dir, "odd.crt", c.x, NULL);

	assert_int_equal(chmod(w->key, 0644), 0);
	assert_int_equal(sp_tls_check_pair(cert, w->key, NULL, fix_problem, &p), EINVAL);
	assert_int_equal(p.count, 4); /* expired, weak, readable, does not fit */
	fix_free(&c);
}

static int check_ca(const char *path, struct fix_problems *p)
{
	memset(p, 0, sizeof(*p));
	return sp_tls_check_ca(path, fix_problem, p);
}

static void test_ca(void **state)
{
	struct world *w = *state;
	struct fix_cert old = fix_make(
		&(struct fix_spec){.cn = "Old CA", .ca = true, .from_s = -9 * DAY, .until_s = -DAY},
		NULL);
	struct fix_problems p;

	assert_int_equal(check_ca(fix_write_cert(&w->dir, "ca.crt", w->ca.x, NULL), &p), 0);
	assert_int_equal(p.count, 0);

	/* an expired one among others: said, but no error */
	assert_int_equal(check_ca(fix_write_cert(&w->dir, "ca.crt", old.x, w->ca.x), &p), 0);
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.text, "CN=Old CA expired on"));

	assert_int_equal(check_ca(fix_write_cert(&w->dir, "ca.crt", old.x, NULL), &p), EINVAL);
	assert_int_equal(p.count, 2);
	assert_non_null(strstr(p.text, "nothing would verify"));

	assert_int_equal(check_ca(w->cert, &p), EINVAL);
	assert_non_null(strstr(p.text, "CN=a.example is no CA certificate"));

	assert_int_equal(check_ca(fix_write(&w->dir, "no.crt", "\n"), &p), EINVAL);
	assert_non_null(strstr(p.text, "no PEM certificate"));
	assert_int_equal(check_ca("/nonexistent/ca.pem", &p), EINVAL);
	assert_int_equal(p.count, 1);
	assert_int_equal(
		check_ca(fix_write(&w->dir, "bad.crt", "-----BEGIN CERTIFICATE-----\n!\n"), &p),
		EINVAL);
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.text, "certificate 1 in it is damaged"));
	fix_free(&old);
}

static int check_roots(struct world *w, bool notes, struct fix_problems *p)
{
	struct sp_tls_report r = {.h = fix_problem, .arg = p};
	X509_STORE *store = NULL;
	int err;

	memset(p, 0, sizeof(*p));
	err = sp_tls_roots_load(&store, w->dir.path, notes, &r);
	X509_STORE_free(store);
	return err;
}

static void test_public_roots(void **state)
{
	struct world *w = *state;
	struct fix_cert old = fix_make(
		&(struct fix_spec){.cn = "Old CA", .ca = true, .from_s = -9 * DAY, .until_s = -DAY},
		NULL);
	struct fix_problems p;

	assert_int_equal(check_roots(w, false, &p), EINVAL);
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.text, "apt-get install ca-certificates"));

	fix_write_cert(&w->dir, "DigiCert_Global_Root_G2.pem", w->ca.x, NULL);
	assert_int_equal(check_roots(w, true, &p), 0);
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.text, "only DigiCert Global Root G2 is trusted"));

	fix_write_cert(&w->dir, "Baltimore_CyberTrust_Root.pem", old.x, NULL);
	assert_int_equal(check_roots(w, true, &p), 0);
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.text, "expired on"));

	/* each trunk loads them; only the check tells the notes */
	assert_int_equal(check_roots(w, false, &p), 0);
	assert_int_equal(p.count, 0);
	fix_free(&old);
}

static void test_peer(void **state)
{
	struct world *w = *state;
	const char *good[] = {"a.example"}, *bad[] = {"a.example", "*.a.example", "a b"};
	struct sp_tls_peer_conf conf = {.trunk = "alpha", .identityv = good, .identityc = 1};
	struct sp_tls_peer *peer = NULL;
	struct fix_problems p = {0};

	conf.ca = fix_write_cert(&w->dir, "ca.crt", w->ca.x, NULL);
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, fix_problem, &p), 0);
	assert_string_equal(sp_tls_peer_trunk(peer), "alpha");
	mem_deref(peer);

	conf.identityv = bad;
	conf.identityc = 3;
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, fix_problem, &p), EINVAL);
	assert_int_equal(p.count, 2);
	conf.identityc = 0;
	conf.ca = "/nonexistent/ca.pem";
	memset(&p, 0, sizeof(p));
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, fix_problem, &p), EINVAL);
	assert_int_equal(p.count, 2);
	assert_non_null(strstr(p.text, "no identity"));
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_good),
		WORLD_TEST(test_info_is_bounded),
		WORLD_TEST(test_name),
		WORLD_TEST(test_files_that_cannot_be_read),
		WORLD_TEST(test_key_readable_by_others),
		WORLD_TEST(test_key_contents),
		WORLD_TEST(test_certificate_contents),
		WORLD_TEST(test_damaged_chain),
		WORLD_TEST(test_sha1_signature),
		WORLD_TEST(test_several_problems_at_once),
		WORLD_TEST(test_ca),
		WORLD_TEST(test_public_roots),
		WORLD_TEST(test_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
