/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/roots: whom a trunk trusts.
 *
 * A trunk names a bundle of CAs of its own, or gets the two public roots that
 * the large services' certificates were issued under. We carry no copy of
 * them: they come, by file name, from the system's ca-certificates, so that
 * Debian's security updates reach them.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>

#include "sallyport/tls_check.h"
#include "tls_priv.h"

#define ROOTS_DIR "/etc/ssl/certs"
#define DIGICERT "DigiCert_Global_Root_G2.pem"
#define BALTIMORE "Baltimore_CyberTrust_Root.pem"

const char sp_tls_roots_dir[] = ROOTS_DIR;

const char *sp_tls_root_path(size_t i)
{
	static const char *const paths[] = {ROOTS_DIR "/" DIGICERT, ROOTS_DIR "/" BALTIMORE};

	return i < sizeof(paths) / sizeof(paths[0]) ? paths[i] : NULL;
}

enum { CA_NOT = 0 }; /* X509_check_ca(): no CA by any reading */

struct bundle {
	X509_STORE *store;
	unsigned usable; /* in date, and a CA */
};

static int add_ca(struct bundle *b, X509 *x, const char *path, bool notes, struct sp_tls_report *r)
{
	char subject[128];

	(void)re_snprintf(subject, sizeof(subject), "%H", sp_tls_subject_print, x);

	if (X509_check_ca(x) == CA_NOT) {
		sp_tls_report(r, path, "put the CA that issued it into the bundle instead",
			      "%s is no CA certificate", subject);
		return EINVAL;
	}

	/* an expired one is kept: a refusal then says "expired", not "unknown" */
	if (!sp_tls_expired(x))
		++b->usable;
	else if (notes)
		sp_tls_report(r, path, "ask the peer for its new CA if it still uses this one",
			      "%s expired on %H", subject, sp_tls_day_print, X509_get0_notAfter(x));

	return X509_STORE_add_cert(b->store, x) == 1 ? 0 : ENOMEM;
}

static int add_bundle(struct bundle *b, const char *path, bool notes, struct sp_tls_report *r)
{
	struct mbuf *mb = NULL;
	unsigned n = 0;
	mode_t mode;
	BIO *bio;
	X509 *x;
	int err;

	err = sp_tls_pem_read(&mb, path, SP_TLS_FILE_MAX, &mode, r);
	if (err)
		return err == ENOMEM ? ENOMEM : EINVAL;

	ERR_clear_error();
	sp_tls_memory_begin();
	bio = BIO_new_mem_buf(mb->buf, (int)mb->end);
	while (bio && (x = sp_tls_pem_next(bio))) {
		const int e = add_ca(b, x, path, notes, r);

		X509_free(x);
		err = err ? err : e;
		++n;
	}

	if (!bio) {
		err = ENOMEM;
	} else if (!sp_tls_pem_end()) {
		sp_tls_report(r, path, "copy the bundle anew from its source",
			      "certificate %u in it is damaged", n + 1);
		err = EINVAL;
	} else if (!n) {
		sp_tls_report(r, path, "it must hold \"BEGIN CERTIFICATE\"",
			      "holds no PEM certificate");
		err = EINVAL;
	}
	err = sp_tls_memory_end(err);

	ERR_clear_error();
	BIO_free(bio);
	sp_tls_pem_wipe(mb);
	return err;
}

int sp_tls_ca_load(X509_STORE **sp, const char *ca, struct sp_tls_report *r)
{
	struct bundle b = {.store = X509_STORE_new()};
	int err;

	if (!b.store)
		return ENOMEM;

	err = add_bundle(&b, ca, true, r);
	if (!err && !b.usable) {
		sp_tls_report(r, ca, "ask the peer for its new CA",
			      "no CA in it is in date: nothing would verify");
		err = EINVAL;
	}

	if (err)
		X509_STORE_free(b.store);
	else
		*sp = b.store;
	return err;
}

int sp_tls_roots_load(X509_STORE **sp, const char *dir, bool notes, struct sp_tls_report *r)
{
	struct bundle b = {.store = X509_STORE_new()};
	char path[256];
	int err;

	if (!b.store)
		return ENOMEM;

	(void)re_snprintf(path, sizeof(path), "%s/" DIGICERT, dir);
	if (access(path, R_OK) == 0) {
		err = add_bundle(&b, path, notes, r);
	} else {
		sp_tls_report(r, path, "apt-get install ca-certificates",
			      "the public root DigiCert Global Root G2 is missing");
		err = EINVAL;
	}

	(void)re_snprintf(path, sizeof(path), "%s/" BALTIMORE, dir);
	if (access(path, R_OK) == 0) {
		const int e = add_bundle(&b, path, notes, r);

		err = err ? err : e;
	} else if (notes) {
		sp_tls_report(r, path, "nothing to do, or name a bundle as the trunk's ca",
			      "Baltimore CyberTrust Root expired on 2025-05-12 and is not in the "
			      "system's ca-certificates: only DigiCert Global Root G2 is trusted");
	}

	if (err)
		X509_STORE_free(b.store);
	else
		*sp = b.store;
	return err;
}

int sp_tls_check_ca(const char *ca, sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};
	X509_STORE *store = NULL;
	int err;

	err = ca ? sp_tls_ca_load(&store, ca, &r)
		 : sp_tls_roots_load(&store, sp_tls_roots_dir, true, &r);
	X509_STORE_free(store);
	return err == ENOMEM ? ENOMEM : err ? EINVAL : 0;
}
