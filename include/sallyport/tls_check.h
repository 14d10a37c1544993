/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/: the files of certificates, keys, CAs and CRLs: what is wrong with them,
 * what they hold, and whether they changed.
 */
#ifndef SALLYPORT_TLS_CHECK_H
#define SALLYPORT_TLS_CHECK_H

#include "sallyport/tls.h"

/** What `--check` prints of a certificate. */
struct sp_tls_cert_info {
	char subject[256];
	char sans[512]; /**< "DNS:a, URI:sip:b" */
	int days_left;
	bool ca;                     /**< it is an authority's own */
	bool for_server, for_client; /**< what its extended key usage allows */
};

/**
 * Check that certificate and key can be read, fit each other, are in date,
 * and that the key's file cannot be read by others.
 * @param info filled when the certificate could be read; may be NULL
 * @return 0; EINVAL, every problem was given to h; ENOMEM, and what was may not be so
 */
int sp_tls_check_pair(const char *cert, const char *key, struct sp_tls_cert_info *info,
		      sp_tls_problem_h *h, void *arg);

/**
 * Whether peers find a host name in the certificate: those who look as RFC 5922 section 7.1
 * says, or as others do (DNS names, then the common name); a "*" is one label. True for a
 * file that cannot be read: that is told elsewhere.
 */
bool sp_tls_check_name(const char *cert, const char *name);

/**
 * Check a CA bundle; NULL checks the public roots (DigiCert Global Root G2 and
 * Baltimore CyberTrust Root of the system's ca-certificates). An expired root
 * among the public ones is a problem reported but not an error.
 * @return 0, EINVAL or ENOMEM, as above
 */
int sp_tls_check_ca(const char *ca, sp_tls_problem_h *h, void *arg);

/**
 * Check a file of CRLs. One that is out of date, or of a CA that is not in the
 * bundle, is reported but not an error.
 * @param ca as of sp_tls_check_ca()
 * @return 0, EINVAL or ENOMEM, as above
 */
int sp_tls_check_crl(const char *crl, const char *ca, sp_tls_problem_h *h, void *arg);

/** The public roots' files, one after the other; NULL behind the last. They may be missing. */
const char *sp_tls_root_path(size_t i);

/** A certificate or a CRL of a PEM file, in the order of the file. */
struct sp_tls_dated {
	char subject[256]; /**< of a CRL: who issued it                                  */
	char sans[256];    /**< "DNS:a, URI:sip:b"; "" of a CRL                          */
	int64_t from;      /**< seconds since 1970                                      */
	int64_t until;     /**< seconds since 1970; INT64_MAX: a CRL without nextUpdate */
	bool crl;
};

typedef void(sp_tls_dated_h)(const struct sp_tls_dated *d, void *arg);

/** Tell all that a file holds; what is no certificate and no CRL is passed over.
 * @return 0, or errno value of reading */
int sp_tls_dates(const char *path, sp_tls_dated_h *h, void *arg);

/** A mark of what is in a file, and of its mode: another when they change. Also of "not there". */
uint64_t sp_tls_file_mark(const char *path, const struct sp_hashkey *key);

#endif
