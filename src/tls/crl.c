/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/crl: lists of revoked certificates (RFC 5280 section 5), from a file.
 *
 * A trunk that names CRLs wants revocation to be known. So the peer's own
 * certificate has to have a CRL of its issuer in the file, and one that is in
 * date: without it nobody can tell, and the peer is refused. Issuers above it
 * are looked up where the file has a CRL for them. OpenSSL knows "the leaf
 * alone" (X509_V_FLAG_CRL_CHECK), which would take a leaf of a revoked
 * intermediate, and "all of the chain" (with X509_V_FLAG_CRL_CHECK_ALL), which
 * would want a CRL of every root from carriers that publish only the one of
 * their issuing CA. We ask for all, and forgive a missing CRL above the leaf.
 */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "sallyport/tls_check.h"
#include "tls_priv.h"

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL ||
	    X509_STORE_CTX_get_error_depth(ctx) == 0)
		return ok;

	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

int sp_tls_crl_demand(X509_STORE_CTX *ctx)
{
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);

	return X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx),
					   X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1
		       ? 0
		       : ENOMEM;
}

bool sp_tls_crl_explain(char *buf, size_t size, X509_STORE_CTX *ctx)
{
	const X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	const bool leaf = X509_STORE_CTX_get_error_depth(ctx) == 0;
	const char *what;
	char subject[96] = "";

	switch (X509_STORE_CTX_get_error(ctx)) {

	case X509_V_ERR_CERT_REVOKED:
		what = "was revoked";
		break;

	case X509_V_ERR_UNABLE_TO_GET_CRL:
		what = "has no CRL of its issuer in the trunk's crl file";
		break;

	case X509_V_ERR_CRL_HAS_EXPIRED:
		what = "cannot be judged: its issuer's CRL is out of date, get the new one";
		break;

	case X509_V_ERR_CRL_NOT_YET_VALID:
		what = "cannot be judged: its issuer's CRL is not valid yet";
		break;

	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
		what = "cannot be judged: its issuer's CRL is not signed by a CA that may";
		break;

	default:
		return false;
	}

	if (cert)
		(void)re_snprintf(subject, sizeof(subject), "%H", sp_tls_subject_print, cert);
	(void)re_snprintf(buf, size, "%s %s %s", leaf ? "certificate" : "its issuer", subject,
			  what);
	return true;
}

static const char mend_new[] = "get the CA's newest; until then every peer under it is refused";

static void note_dates(const X509_CRL *crl, const char *path, struct sp_tls_report *r)
{
	const ASN1_TIME *last = X509_CRL_get0_lastUpdate(crl);
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	char issuer[128];

	(void)re_snprintf(issuer, sizeof(issuer), "%H", sp_tls_name_print,
			  X509_CRL_get_issuer(crl));
	if (next && X509_cmp_current_time(next) <= 0)
		sp_tls_report(r, path, mend_new, "the CRL of %s is out of date since %H", issuer,
			      sp_tls_day_print, next);
	else if (X509_cmp_current_time(last) >= 0)
		sp_tls_report(r, path, "check the machine's clock, or wait",
			      "the CRL of %s is not valid before %H", issuer, sp_tls_day_print,
			      last);
}

/* A CRL that cannot be signed by the CA it names is of no use, and its peers would be refused. */
static int check_issuer(X509_STORE *store, X509_CRL *crl, const char *path, struct sp_tls_report *r)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	char issuer[128];
	bool known = false;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
		X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (!ca || X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)))
			continue;
		known = true;
		if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1)
			return 0;
	}

	(void)re_snprintf(issuer, sizeof(issuer), "%H", sp_tls_name_print,
			  X509_CRL_get_issuer(crl));
	if (known) {
		sp_tls_report(r, path, "copy it anew from the CA",
			      "the CRL of %s is not signed by the CA of that name in the bundle",
			      issuer);
		return EINVAL;
	}

	/* right when it is of an intermediate that peers send themselves */
	sp_tls_report(r, path,
		      "see whether it belongs to this trunk; peers under a CA without a CRL are "
		      "refused",
		      "the CRL of %s is of no CA in the bundle", issuer);
	return 0;
}

static void no_crl(const struct mbuf *mb, const char *path, struct sp_tls_report *r)
{
	if (mb->end && mb->buf[0] == 0x30) /* ASN.1's SEQUENCE */
		sp_tls_report(r, path, "convert it with openssl crl -inform der",
			      "holds no PEM CRL: it is binary, DER");
	else
		sp_tls_report(r, path, "it must hold \"BEGIN X509 CRL\"", "holds no PEM CRL");
}

/* check: also say what is no error, and look at who signed them */
static int load(X509_STORE *store, const char *path, bool check, struct sp_tls_report *r)
{
	struct mbuf *mb = NULL;
	unsigned n = 0;
	X509_CRL *crl;
	mode_t mode;
	BIO *bio;
	int err;

	err = sp_tls_pem_read(&mb, path, SP_TLS_CRL_MAX, &mode, r);
	if (err)
		return err == ENOMEM ? ENOMEM : EINVAL;

	ERR_clear_error();
	sp_tls_memory_begin();
	bio = BIO_new_mem_buf(mb->buf, (int)mb->end);
	while (bio && !err && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		if (check) {
			note_dates(crl, path, r);
			err = check_issuer(store, crl, path, r);
		}
		if (!err && X509_STORE_add_crl(store, crl) != 1)
			err = ENOMEM;
		X509_CRL_free(crl);
		++n;
	}

	if (!bio) {
		err = ENOMEM;
	} else if (!err && !sp_tls_pem_end()) {
		sp_tls_report(r, path, "copy it anew from the CA", "CRL %u in it is damaged",
			      n + 1);
		err = EINVAL;
	} else if (!err && !n) {
		no_crl(mb, path, r);
		err = EINVAL;
	}
	err = sp_tls_memory_end(err);

	ERR_clear_error();
	BIO_free(bio);
	mem_deref(mb);
	return err;
}

int sp_tls_crl_load(X509_STORE *store, const char *crl, struct sp_tls_report *r)
{
	return load(store, crl, false, r);
}

int sp_tls_check_crl(const char *crl, const char *ca, sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg}, silent = {0};
	X509_STORE *store = NULL;
	int err;

	if (!crl)
		return EINVAL;

	/* what is wrong with the CAs, sp_tls_check_ca() tells */
	err = ca ? sp_tls_ca_load(&store, ca, &silent)
		 : sp_tls_roots_load(&store, sp_tls_roots_dir, false, &silent);
	if (err && err != ENOMEM)
		store = X509_STORE_new();
	err = store ? load(store, crl, true, &r) : ENOMEM;

	X509_STORE_free(store);
	return err == ENOMEM ? ENOMEM : err ? EINVAL : 0;
}
