/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/identity: which domains a certificate speaks for.
 *
 * RFC 5922 section 7.1: the host of a "sip:" URI in subjectAltName; only when
 * there is none, the DNS names there; only when the certificate has no
 * subjectAltName at all, its common name. Section 7.2 compares without regard
 * to case and forbids wildcards; Microsoft and others need one label of them,
 * so the caller says whether they count.
 *
 * Everything read here is a peer's, and not yet verified. A name that is no
 * plain host name (a NUL inside it, say) is passed over, so what comes out is
 * safe to compare and to log.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <openssl/x509v3.h>

#include "tls_priv.h"

struct sp_tls_names {
	char *v[SP_TLS_NAMES_MAX];
	size_t count;
};

static void names_destructor(void *arg)
{
	struct sp_tls_names *names = arg;

	for (size_t i = 0; i < names->count; ++i)
		mem_deref(names->v[i]);
}

bool sp_tls_name_ok(const char *p, size_t n, bool star)
{
	size_t label = 0;

	if (n >= 2 && star && p[0] == '*' && p[1] == '.') {
		p += 2;
		n -= 2;
		/* "*.com" would cover the world */
		if (!memchr(p, '.', n))
			return false;
	}

	if (!n || n > SP_TLS_NAME_MAX)
		return false;

	for (size_t i = 0; i < n; ++i) {
		const unsigned char c = (unsigned char)p[i];

		if (c == '.') {
			if (!label)
				return false;
			label = 0;
			continue;
		}
		if (c >= 0x80 || (!isalnum(c) && c != '-' && c != '_') || ++label > 63)
			return false;
	}

	return label > 0;
}

bool sp_tls_name_match(const char *shown, const char *domain, bool wildcard)
{
	if (!strcasecmp(shown, domain))
		return true;

	if (wildcard && shown[0] == '*') {
		const char *rest = strchr(domain, '.');

		return rest && rest != domain && !strcasecmp(shown + 1, rest);
	}

	return false;
}

static int add(struct sp_tls_names *names, const char *p, size_t n, bool star)
{
	struct pl name = {.p = p, .l = n};

	if (!sp_tls_name_ok(p, n, star) || names->count == SP_TLS_NAMES_MAX)
		return 0;

	if (pl_strdup(&names->v[names->count], &name))
		return ENOMEM;
	++names->count;
	return 0;
}

/* RFC 5922 section 7.1: a URI with a user part names a person, not a domain. */
static int add_uri(struct sp_tls_names *names, const char *p, size_t n)
{
	size_t host;

	if (n < 4 || strncasecmp(p, "sip:", 4) || memchr(p, '@', n))
		return 0;

	p += 4;
	n -= 4;
	for (host = 0; host < n; ++host) {
		if (strchr(":;?", p[host]) && p[host])
			break;
	}
	return add(names, p, host, false);
}

static int add_alternatives(struct sp_tls_names *names, const GENERAL_NAMES *san, int type)
{
	int err = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(san) && !err; ++i) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);
		const char *p;
		size_t n;

		if (gn->type != type)
			continue;

		/* both kinds are IA5Strings in the same union */
		p = (const char *)ASN1_STRING_get0_data(gn->d.ia5);
		n = (size_t)ASN1_STRING_length(gn->d.ia5);
		err = type == GEN_URI ? add_uri(names, p, n) : add(names, p, n, true);
	}

	return err;
}

/* More than one common name is no identity: which of them would be meant? */
static int add_common_name(struct sp_tls_names *names, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	const int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int n, err;

	if (i < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, i) >= 0)
		return 0;

	n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
	if (n < 0)
		return 0;

	err = add(names, (const char *)utf8, (size_t)n, true);
	OPENSSL_free(utf8);
	return err;
}

int sp_tls_names_alloc(struct sp_tls_names **np, const X509 *cert)
{
	struct sp_tls_names *names;
	GENERAL_NAMES *san;
	int critical = -1, err;

	names = mem_zalloc(sizeof(*names), names_destructor);
	if (!names)
		return ENOMEM;

	/* NULL with -1: there is none; else: unreadable, or there twice, and then
	 * the certificate shows nothing */
	san = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
	if (!san) {
		err = critical == -1 ? add_common_name(names, cert) : 0;
		goto out;
	}

	err = add_alternatives(names, san, GEN_URI);
	if (!err && !names->count)
		err = add_alternatives(names, san, GEN_DNS);

out:
	GENERAL_NAMES_free(san);
	if (err)
		mem_deref(names);
	else
		*np = names;
	return err;
}

size_t sp_tls_names_count(const struct sp_tls_names *names)
{
	return names->count;
}

const char *sp_tls_names_at(const struct sp_tls_names *names, size_t i)
{
	return i < names->count ? names->v[i] : NULL;
}

bool sp_tls_names_show(const struct sp_tls_names *names, const char *domain, bool wildcard)
{
	for (size_t i = 0; i < names->count; ++i) {
		if (sp_tls_name_match(names->v[i], domain, wildcard))
			return true;
	}
	return false;
}

int sp_tls_names_print(struct re_printf *pf, const struct sp_tls_names *names)
{
	enum { PRINTED = 4 };
	int err = 0;

	if (!names->count)
		return re_hprintf(pf, "no usable name");

	for (size_t i = 0; i < names->count && i < PRINTED && !err; ++i)
		err = re_hprintf(pf, "%s%s", i ? ", " : "", names->v[i]);

	if (!err && names->count > PRINTED)
		err = re_hprintf(pf, " and %zu more", names->count - PRINTED);
	return err;
}

int sp_tls_name_print(struct re_printf *pf, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct pl text = PL_INIT;
	char *p;
	int err;

	if (!bio)
		return ENOMEM;

	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) > 0) {
		const long n = BIO_get_mem_data(bio, &p);

		text.p = p;
		text.l = n > 0 ? (size_t)n : 0;
	}

	err = text.l ? re_hprintf(pf, "%r", &text) : re_hprintf(pf, "an empty subject");
	BIO_free(bio);
	return err;
}

int sp_tls_subject_print(struct re_printf *pf, const X509 *cert)
{
	return sp_tls_name_print(pf, X509_get_subject_name(cert));
}
