/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Certificates made in memory for the tests of tls/, and files of them in a
 * folder that is removed again.
 */
#ifndef SALLYPORT_TEST_TLS_FIXTURE_H
#define SALLYPORT_TEST_TLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tls_priv.h"

enum { DAY = 24 * 3600 };

/** What a certificate shall be; NULL and 0 mean: leave it out, or the usual. */
struct fix_spec {
	const char *cn;
	const char *san; /**< as in openssl.cnf: "DNS:a,URI:sip:a" */
	const char *usage;
	const char *key; /**< "ec" (default), "p521", "rsa", "rsa1024" */
	bool ca;
	long from_s, until_s; /**< relative to now; default -1 h, +30 days */
};

struct fix_cert {
	X509 *x;
	EVP_PKEY *key;
};

static inline EVP_PKEY *fix_key(const char *kind)
{
	EVP_PKEY *key;

	if (kind && !strcmp(kind, "rsa"))
		key = EVP_RSA_gen(2048);
	else if (kind && !strcmp(kind, "rsa1024"))
		key = EVP_RSA_gen(1024);
	else if (kind && !strcmp(kind, "p521"))
		key = EVP_EC_gen("P-521");
	else
		key = EVP_EC_gen("P-256");
	assert_non_null(key);
	return key;
}

static inline void fix_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/** Issued by ca, or self-signed when ca is NULL. */
static inline struct fix_cert fix_make(const struct fix_spec *spec, const struct fix_cert *ca)
{
	static long serial = 1000;
	struct fix_cert c = {.x = X509_new(), .key = fix_key(spec->key)};
	const struct fix_cert *issuer = ca ? ca : &c;
	X509_NAME *name = X509_get_subject_name(c.x);

	assert_int_equal(X509_set_version(c.x, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.x), spec->from_s ? spec->from_s : -3600);
	X509_gmtime_adj(X509_getm_notAfter(c.x), spec->until_s ? spec->until_s : 30 * DAY);
	if (spec->cn)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					   (const unsigned char *)spec->cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer->x));
	X509_set_pubkey(c.x, c.key);
	fix_extension(c.x, issuer->x, NID_basic_constraints,
		      spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (spec->usage)
		fix_extension(c.x, issuer->x, NID_ext_key_usage, spec->usage);
	if (spec->san)
		fix_extension(c.x, issuer->x, NID_subject_alt_name, spec->san);
	assert_true(X509_sign(c.x, issuer->key, EVP_sha256()) > 0);
	return c;
}

static inline void fix_free(struct fix_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

/** A folder for one test program. */
struct fix_dir {
	char path[64];
	char files[64][96];
	size_t count;
};

static inline void fix_dir_make(struct fix_dir *d)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->path, sizeof(d->path), "/tmp/sallyport-tls-XXXXXX");
	assert_non_null(mkdtemp(d->path));
}

static inline void fix_dir_remove(struct fix_dir *d)
{
	for (size_t i = 0; i < d->count; ++i)
		(void)unlink(d->files[i]);
	(void)rmdir(d->path);
}

static inline const char *fix_path(struct fix_dir *d, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%.50s/%.40s", d->path, name);
	for (size_t i = 0; i < d->count; ++i) {
		if (!strcmp(d->files[i], path))
			return d->files[i];
	}
	assert_true(d->count < sizeof(d->files) / sizeof(d->files[0]));
	snprintf(d->files[d->count], sizeof(d->files[0]), "%.95s", path);
	return d->files[d->count++];
}

static inline const char *fix_write(struct fix_dir *d, const char *name, const char *text)
{
	const char *path = fix_path(d, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static inline const char *fix_write_cert(struct fix_dir *d, const char *name, X509 *a, X509 *b)
{
	const char *path = fix_path(d, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, a), 1);
	if (b)
		assert_int_equal(PEM_write_X509(f, b), 1);
	fclose(f);
	return path;
}

static inline const char *fix_write_key(struct fix_dir *d, const char *name, EVP_PKEY *key,
					const char *passphrase)
{
	const char *path = fix_path(d, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, passphrase ? EVP_aes_128_cbc() : NULL,
						   NULL, 0, NULL, (void *)(uintptr_t)passphrase),
			 1);
	fclose(f);
	return path;
}

/** What was reported, one "path: problem | mend" per line. */
struct fix_problems {
	unsigned count;
	char text[2048];
};

static inline void fix_problem(const char *path, const char *problem, const char *mend, void *arg)
{
	struct fix_problems *p = arg;
	const size_t used = strlen(p->text);

	++p->count;
	snprintf(p->text + used, sizeof(p->text) - used, "%s: %s | %s\n", path, problem, mend);
}

#endif
