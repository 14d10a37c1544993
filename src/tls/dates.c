/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/dates: what a PEM file holds and when it ends, and whether it changed:
 * for those who watch files, and warn before a certificate or a CRL expires.
 */
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "sallyport/tls_check.h"
#include "tls_priv.h"

static int64_t seconds(const ASN1_TIME *t)
{
	struct tm tm;

	/* a date that nobody can read has passed */
	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static bool take_certificate(struct sp_tls_dated *d, const uint8_t *p, long n)
{
	X509 *x = d2i_X509(NULL, &p, n);

	if (!x)
		return false;

	d->from = seconds(X509_get0_notBefore(x));
	d->until = seconds(X509_get0_notAfter(x));
	(void)re_snprintf(d->subject, sizeof(d->subject), "%H", sp_tls_subject_print, x);
	sp_tls_sans_fill(d->sans, sizeof(d->sans), x);
	X509_free(x);
	return true;
}

static bool take_crl(struct sp_tls_dated *d, const uint8_t *p, long n)
{
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, n);

	if (!crl)
		return false;

	d->crl = true;
	d->from = seconds(X509_CRL_get0_lastUpdate(crl));
	d->until =
		X509_CRL_get0_nextUpdate(crl) ? seconds(X509_CRL_get0_nextUpdate(crl)) : INT64_MAX;
	(void)re_snprintf(d->subject, sizeof(d->subject), "%H", sp_tls_name_print,
			  X509_CRL_get_issuer(crl));
	X509_CRL_free(crl);
	return true;
}

static bool take(struct sp_tls_dated *d, const char *name, const uint8_t *p, long n)
{
	memset(d, 0, sizeof(*d));

	if (!strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD))
		return take_certificate(d, p, n);
	if (!strcmp(name, PEM_STRING_X509_CRL))
		return take_crl(d, p, n);
	return false;
}

int sp_tls_dates(const char *path, sp_tls_dated_h *h, void *arg)
{
	struct sp_tls_report silent = {0};
	struct mbuf *mb = NULL;
	char *name, *header;
	unsigned char *p;
	mode_t mode;
	BIO *bio;
	int err;
	long n;

	if (!path || !h)
		return EINVAL;

	err = sp_tls_pem_read(&mb, path, SP_TLS_CRL_MAX, &mode, &silent);
	if (err)
		return err;

	sp_tls_memory_begin();
	bio = BIO_new_mem_buf(mb->buf, (int)mb->end);
	while (bio && PEM_read_bio(bio, &name, &header, &p, &n) == 1) {
		struct sp_tls_dated d;

		if (take(&d, name, p, n))
			h(&d, arg);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(p, (size_t)n); /* it may have been a key */
	}

	err = sp_tls_memory_end(bio ? 0 : ENOMEM);
	ERR_clear_error();
	BIO_free(bio);
	sp_tls_pem_wipe(mb);
	return err;
}

uint64_t sp_tls_file_mark(const char *path, const struct sp_hashkey *key)
{
	struct sp_tls_report silent = {0};
	struct mbuf *mb = NULL;
	mode_t mode = 0;
	uint64_t mark[2];
	int err;

	err = sp_tls_pem_read(&mb, path, SP_TLS_CRL_MAX, &mode, &silent);
	mark[0] = err ? (uint64_t)err : (uint64_t)mode << 32;
	mark[1] = err ? 0 : sp_hash(key, mb->buf, mb->end);
	sp_tls_pem_wipe(mb);
	return sp_hash(key, mark, sizeof(mark));
}
