/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/check: the gateway's own certificates and keys.
 *
 * What is wrong is told as "path, problem, mend". `sallyport --check` and the
 * making of contexts go through the same functions, so a configuration that
 * passes the check also loads.
 */
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "sallyport/base_util.h"
#include "sallyport/tls_check.h"
#include "tls_priv.h"

enum { CA_BY_CONSTRAINT = 1 }; /* X509_check_ca(): its basic constraints say so */

static void check_dates(const X509 *cert, const char *path, struct sp_tls_report *r)
{
	if (sp_tls_expired(cert))
		sp_tls_report(r, path, "renew the certificate", "expired on %H", sp_tls_day_print,
			      X509_get0_notAfter(cert));
	else if (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0)
		sp_tls_report(r, path, "check the machine's clock, or wait",
			      "is not valid before %H", sp_tls_day_print,
			      X509_get0_notBefore(cert));
}

/* Only what the policy's suites, curves and signatures can use. */
static void check_strength(X509 *cert, const char *path, struct sp_tls_report *r)
{
	static const char mend[] = "use RSA of 2048 bits or more, or EC P-256 or P-384";
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const int type = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
	int secbits = 0;

	if (type == EVP_PKEY_RSA) {
		if (EVP_PKEY_get_bits(key) < 2048)
			sp_tls_report(r, path, mend, "its RSA key has only %d bits",
				      EVP_PKEY_get_bits(key));
	} else if (type == EVP_PKEY_EC) {
		char group[64] = "";

		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
		if (strcmp(group, "prime256v1") && strcmp(group, "secp384r1"))
			sp_tls_report(r, path, mend, "its EC key is on a curve we do not use: %s",
				      group);
	} else {
		sp_tls_report(r, path, mend, "its key is neither RSA nor EC");
	}

	if (X509_get_signature_info(cert, NULL, NULL, &secbits, NULL) == 1 && secbits < 112 &&
	    !(X509_get_extension_flags(cert) & EXFLAG_SS))
		sp_tls_report(r, path, "have it issued anew, signed with SHA-256",
			      "is signed with a hash that is too weak");
}

static int no_passphrase(char *buf, int size, int rw, void *arg)
{
	bool *asked = arg;
	(void)buf;
	(void)size;
	(void)rw;

	*asked = true;
	return -1;
}

static bool holds(const struct mbuf *mb, const char *text)
{
	return memmem(mb->buf, mb->end, text, strlen(text)) != NULL;
}

static bool is_binary(const struct mbuf *mb)
{
	return mb->end && mb->buf[0] == 0x30; /* ASN.1's SEQUENCE */
}

static const char binary_mend[] = "convert it with openssl x509, pkey or pkcs12";

static void no_certificate(const struct mbuf *mb, const char *path, struct sp_tls_report *r)
{
	if (holds(mb, "-----BEGIN CERTIFICATE-----"))
		sp_tls_report(r, path, "copy it anew from its issuer",
			      "holds a damaged certificate");
	else if (holds(mb, "CERTIFICATE REQUEST-----"))
		sp_tls_report(r, path, "name the certificate that the CA made of it",
			      "holds no PEM certificate, but a request for one");
	else if (holds(mb, "PRIVATE KEY-----"))
		sp_tls_report(r, path, "are certificate and key swapped?",
			      "holds no PEM certificate, but a private key");
	else if (is_binary(mb))
		sp_tls_report(r, path, binary_mend,
			      "holds no PEM certificate: it is binary, DER or PKCS #12");
	else
		sp_tls_report(r, path,
			      "it must hold \"BEGIN CERTIFICATE\", the gateway's own first",
			      "holds no PEM certificate");
}

static void load_certificate(struct sp_tls_pair *pair, const char *path, struct sp_tls_report *r)
{
	struct mbuf *mb = NULL;
	BIO *bio = NULL;
	mode_t mode;
	X509 *x;

	if (sp_tls_pem_read(&mb, path, SP_TLS_FILE_MAX, &mode, r))
		return;

	ERR_clear_error();
	bio = BIO_new_mem_buf(mb->buf, (int)mb->end);
	pair->chain = sk_X509_new_null();
	pair->leaf = bio ? sp_tls_pem_next(bio) : NULL;
	if (!pair->leaf || !pair->chain) {
		no_certificate(mb, path, r);
		goto out;
	}

	while ((x = sp_tls_pem_next(bio))) {
		if (!sk_X509_push(pair->chain, x)) {
			X509_free(x); /* for want of memory */
			goto out;
		}
	}
	if (!sp_tls_pem_end())
		sp_tls_report(r, path, "copy the chain anew from its issuer",
			      "a certificate of its chain is damaged");

	check_dates(pair->leaf, path, r);
	check_strength(pair->leaf, path, r);

out:
	ERR_clear_error();
	BIO_free(bio);
	sp_tls_pem_wipe(mb);
}

static void no_key(const struct mbuf *mb, const char *path, struct sp_tls_report *r)
{
	if (holds(mb, "PRIVATE KEY-----"))
		sp_tls_report(r, path, "copy it anew", "holds a damaged private key");
	else if (holds(mb, "BEGIN CERTIFICATE"))
		sp_tls_report(r, path, "are certificate and key swapped?",
			      "holds no PEM private key, but a certificate");
	else if (is_binary(mb))
		sp_tls_report(r, path, binary_mend,
			      "holds no PEM private key: it is binary, DER or PKCS #12");
	else
		sp_tls_report(r, path, "it must hold \"BEGIN PRIVATE KEY\"",
			      "holds no PEM private key");
}

static void load_key(struct sp_tls_pair *pair, const char *path, struct sp_tls_report *r)
{
	struct mbuf *mb = NULL;
	bool asked = false;
	mode_t mode;
	BIO *bio;

	if (sp_tls_pem_read(&mb, path, SP_TLS_FILE_MAX, &mode, r))
		return;

	ERR_clear_error();
	bio = BIO_new_mem_buf(mb->buf, (int)mb->end);
	pair->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked) : NULL;
	if (asked)
		sp_tls_report(r, path, "take the passphrase off: openssl pkey -in OLD -out NEW",
			      "is protected by a passphrase");
	else if (!pair->key)
		no_key(mb, path, r);

	if ((asked || pair->key) && mode & 007) {
		char mend[256];

		(void)re_snprintf(mend, sizeof(mend), "chmod o= %s", path);
		sp_tls_report(r, path, mend, "is a private key that every user of this machine %s",
			      mode & 004 ? "can read" : "has rights to");
	}

	ERR_clear_error();
	BIO_free(bio);
	sp_tls_pem_wipe(mb);
}

/* Chains are often put together the wrong way round. */
static bool fits_chain(const struct sp_tls_pair *pair)
{
	for (int i = 0; i < sk_X509_num(pair->chain); ++i) {
		if (X509_check_private_key(sk_X509_value(pair->chain, i), pair->key) == 1)
			return true;
	}

	return false;
}

int sp_tls_pair_load(struct sp_tls_pair *pair, const char *cert, const char *key,
		     struct sp_tls_report *r)
{
	const unsigned before = r->count;

	sp_tls_memory_begin();
	load_certificate(pair, cert, r);
	load_key(pair, key, r);

	if (pair->leaf && pair->key && X509_check_private_key(pair->leaf, pair->key) != 1) {
		if (fits_chain(pair))
			sp_tls_report(r, cert, "turn the order: its issuer comes behind it",
				      "does not begin with the certificate that %s fits", key);
		else
			sp_tls_report(r, key,
				      "name the key that the certificate was requested with",
				      "does not fit the certificate %s", cert);
	}
	ERR_clear_error();

	return sp_tls_memory_end(r->count == before ? 0 : EINVAL);
}

void sp_tls_pair_reset(struct sp_tls_pair *pair)
{
	X509_free(pair->leaf);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	memset(pair, 0, sizeof(*pair));
}

void sp_tls_sans_fill(char *buf, size_t size, const X509 *cert)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); ++i) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);
		struct pl text;
		int n;

		if (gn->type != GEN_DNS && gn->type != GEN_URI)
			continue;

		text.p = (const char *)ASN1_STRING_get0_data(gn->d.ia5);
		text.l = (size_t)ASN1_STRING_length(gn->d.ia5);
		if (!sp_text_ok(&text))
			continue;
		n = re_snprintf(buf + used, size - used, "%s%s:%r", used ? ", " : "",
				gn->type == GEN_DNS ? "DNS" : "URI", &text);
		if (n < 0) {
			buf[used] = '\0'; /* whole names only */
			break;
		}
		used += (size_t)n;
	}

	GENERAL_NAMES_free(san);
}

static void fill_info(struct sp_tls_cert_info *info, X509 *cert)
{
	int seconds;

	(void)re_snprintf(info->subject, sizeof(info->subject), "%H", sp_tls_subject_print, cert);
	sp_tls_sans_fill(info->sans, sizeof(info->sans), cert);
	(void)ASN1_TIME_diff(&info->days_left, &seconds, NULL, X509_get0_notAfter(cert));
	info->ca = X509_check_ca(cert) == CA_BY_CONSTRAINT;
	info->for_server = X509_get_extended_key_usage(cert) & (XKU_SSL_SERVER | XKU_ANYEKU);
	info->for_client = X509_get_extended_key_usage(cert) & (XKU_SSL_CLIENT | XKU_ANYEKU);
}

int sp_tls_check_pair(const char *cert, const char *key, struct sp_tls_cert_info *info,
		      sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};
	struct sp_tls_pair pair = {0};
	int err;

	if (!cert || !key)
		return EINVAL;
	if (info)
		memset(info, 0, sizeof(*info));

	err = sp_tls_pair_load(&pair, cert, key, &r);
	if (info && pair.leaf)
		fill_info(info, pair.leaf);

	sp_tls_pair_reset(&pair);
	return err;
}

static bool shows(X509 *cert, const char *name)
{
	struct sp_tls_names *names = NULL;
	bool found = X509_check_host(cert, name, strlen(name), 0, NULL) == 1;

	if (!found && !sp_tls_names_alloc(&names, cert))
		found = sp_tls_names_show(names, name, true);
	mem_deref(names);

	return found;
}

bool sp_tls_check_name(const char *cert, const char *name)
{
	struct sp_tls_report r = {0};
	struct sp_tls_pair pair = {0};
	bool found = true;

	if (!cert || !name)
		return false;

	load_certificate(&pair, cert, &r);
	if (pair.leaf)
		found = shows(pair.leaf, name);

	sp_tls_pair_reset(&pair);
	return found;
}
