/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The world of the tests of trunk/: a configuration built by hand,
 * certificates made in memory, and a log that is listened to.
 */
#ifndef SALLYPORT_TEST_TRUNK_FIXTURE_H
#define SALLYPORT_TEST_TRUNK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "trunk_priv.h"

enum { FIX_TRUNKS = 3, FIX_LOG = 128, FIX_WATCHDOG_MS = 10000 };

/** What was logged, and the word that ends sp_loop_run(). */
struct fix_log {
	char line[FIX_LOG][256];
	size_t n;
	const char *awaited;
	struct sp_loop *loop;
};

static struct fix_log fix_log;

static inline void fix_sink(enum sp_log_level level, const char *line, void *arg)
{
	struct fix_log *log = arg;
	(void)level;

	if (log->n < FIX_LOG)
		snprintf(log->line[log->n++], sizeof(log->line[0]), "%s", line);
	if (log->awaited && strstr(line, log->awaited))
		sp_loop_stop(log->loop);
}

static inline unsigned fix_logged(const char *part)
{
	unsigned n = 0;

	for (size_t i = 0; i < fix_log.n; ++i)
		n += strstr(fix_log.line[i], part) != NULL;
	return n;
}

static inline void fix_log_start(struct sp_loop *loop)
{
	memset(&fix_log, 0, sizeof(fix_log));
	fix_log.loop = loop;
	sp_log_setup(SP_LOG_INFO, false);
	sp_log_sink(fix_sink, &fix_log);
}

/** A configuration with room for trunks; they are changed in place before apply(). */
struct fix_conf {
	struct sp_conf *conf;
	struct sp_conf_interface *ifc;
	struct sp_conf_trunk *trunkv;
	struct sp_trunk_setup setupv[FIX_TRUNKS];
	struct sp_trunk *trunk[FIX_TRUNKS]; /**< references, of the last apply */
};

static const char *const fix_names[FIX_TRUNKS] = {"one", "two", "three"};
static const char *const fix_identities[FIX_TRUNKS] = {"one.test", "two.test", "three.test"};

static inline void fix_conf_new(struct fix_conf *f, struct sp_tls_context *client)
{
	struct {
		struct sp_conf conf;
		struct sp_conf_interface ifc;
		struct sp_conf_trunk trunkv[FIX_TRUNKS];
	} *all = mem_zalloc(sizeof(*all), NULL);

	assert_non_null(all);
	f->conf = &all->conf;
	f->ifc = &all->ifc;
	f->trunkv = all->trunkv;
	all->conf.limits = (struct sp_conf_limits){
		.connections = 100, .connections_per_source = 100, .first_message_s = 10};
	sa_set_str(&all->ifc.sip, "127.0.0.1", 5061);
	all->ifc.sip_advertise = "sbc.test";

	for (size_t i = 0; i < FIX_TRUNKS; ++i) {
		all->trunkv[i] = (struct sp_conf_trunk){.name = fix_names[i],
							.identityv = &fix_identities[i],
							.identityc = 1,
							.connections = 10};
		f->setupv[i] = (struct sp_trunk_setup){
			.conf = &all->trunkv[i], .interface = &all->ifc, .client = client};
	}
}

/** Apply the first n trunks; references of an earlier apply go. */
static inline void fix_apply(struct fix_conf *f, struct sp_trunks *ts, size_t n)
{
	struct sp_trunk *trunkv[FIX_TRUNKS] = {NULL};

	assert_int_equal(sp_trunks_apply(ts, f->conf, f->setupv, n, trunkv), 0);
	for (size_t i = 0; i < FIX_TRUNKS; ++i) {
		mem_deref(f->trunk[i]);
		f->trunk[i] = trunkv[i];
	}
}

static inline void fix_conf_free(struct fix_conf *f)
{
	for (size_t i = 0; i < FIX_TRUNKS; ++i)
		f->trunk[i] = mem_deref(f->trunk[i]);
	f->conf = mem_deref(f->conf);
}

/** Certificate and key files: an authority, and one certificate per name. */
struct fix_certs {
	char dir[64];
	EVP_PKEY *ca_key;
	X509 *ca;
	char file[16][96];
	size_t files;
};

static inline void fix_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static inline X509 *fix_issue(const char *name, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	static long serial = 1;
	X509 *x = X509_new();
	char san[128];

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 7 * 24 * 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(ca ? ca : x));
	X509_set_pubkey(x, key);
	fix_extend(x, ca ? ca : x, NID_basic_constraints, ca ? "CA:FALSE" : "critical,CA:TRUE");
	snprintf(san, sizeof(san), "DNS:%s", name);
	if (ca)
		fix_extend(x, ca, NID_subject_alt_name, san);
	assert_true(X509_sign(x, ca ? ca_key : key, EVP_sha256()) > 0);
	return x;
}

static inline const char *fix_file(struct fix_certs *f, const char *name, const char *ending,
				   X509 *x, EVP_PKEY *key)
{
	char *path = f->file[f->files++];
	FILE *file;

	assert_true(f->files <= sizeof(f->file) / sizeof(f->file[0]));
	assert_true(re_snprintf(path, sizeof(f->file[0]), "%s/%s.%s", f->dir, name, ending) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(chmod(path, 0600), 0);
	if (x)
		assert_int_equal(PEM_write_X509(file, x), 1);
	else
		assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL),
				 1);
	fclose(file);
	return path;
}

/** ca.crt is file[0]. */
static inline void fix_certs_make(struct fix_certs *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/sallyport-trunk-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->ca_key = EVP_EC_gen("P-256");
	f->ca = fix_issue("ca", f->ca_key, NULL, NULL);
	fix_file(f, "ca", "crt", f->ca, NULL);
}

static inline void fix_certs_remove(struct fix_certs *f)
{
	for (size_t i = 0; i < f->files; ++i)
		unlink(f->file[i]);
	rmdir(f->dir);
	X509_free(f->ca);
	EVP_PKEY_free(f->ca_key);
}

static inline void fix_pair(struct fix_certs *f, const char *name, const char **cert,
			    const char **key)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = fix_issue(name, k, f->ca, f->ca_key);

	*cert = fix_file(f, name, "crt", x, NULL);
	*key = fix_file(f, name, "key", NULL, k);
	X509_free(x);
	EVP_PKEY_free(k);
}

static inline void fix_problem(const char *path, const char *problem, const char *mend, void *arg)
{
	(void)arg;
	print_message("%s: %s | %s\n", path, problem, mend);
}

/** Peers are known by this authority and one name. */
static inline struct sp_tls_peer *fix_peer(const struct fix_certs *f, const char *trunk,
					   const char *name)
{
	const struct sp_tls_peer_conf conf = {
		.trunk = trunk, .identityv = &name, .identityc = 1, .ca = f->file[0]};
	struct sp_tls_peer *peer;

	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, fix_problem, NULL), 0);
	return peer;
}

/** Shows the certificate of name, connects to peers called peer_name. */
static inline struct sp_tls_context *fix_client(struct fix_certs *f, const char *name,
						const char *trunk, const char *peer_name)
{
	struct sp_tls_peer *peer = fix_peer(f, trunk, peer_name);
	struct sp_tls_context *ctx;
	const char *cert, *key;

	fix_pair(f, name, &cert, &key);
	assert_int_equal(sp_tls_client_alloc(&ctx, cert, key, peer, fix_problem, NULL), 0);
	mem_deref(peer);
	return ctx;
}

static inline struct sp_tls_context *fix_server(struct fix_certs *f, const char *name,
						const char *trunk, const char *peer_name)
{
	struct sp_tls_peer *peer = fix_peer(f, trunk, peer_name);
	struct sp_tls_context *ctx;
	const char *cert, *key;

	fix_pair(f, name, &cert, &key);
	assert_int_equal(sp_tls_server_alloc(&ctx, cert, key, &peer, 1, fix_problem, NULL), 0);
	mem_deref(peer);
	return ctx;
}

static inline void fix_watchdog(void *arg)
{
	print_message("nothing happened in %u ms\n", FIX_WATCHDOG_MS);
	for (size_t i = 0; i < fix_log.n; ++i)
		print_message("log: %s\n", fix_log.line[i]);
	fix_log.awaited = NULL;
	sp_loop_stop(arg);
}

/** Run the real loop until something stops it. */
static inline void fix_run(struct sp_loop *loop)
{
	struct sp_timer watchdog = {0};

	sp_timer_start(loop, &watchdog, FIX_WATCHDOG_MS, fix_watchdog, loop);
	assert_int_equal(sp_loop_run(loop), 0);
	assert_true(sp_timer_isrunning(&watchdog));
	sp_timer_cancel(&watchdog);
}

/** Run it until another line with this text is logged. */
static inline void fix_await_next(struct sp_loop *loop, const char *text)
{
	const unsigned n = fix_logged(text);

	fix_log.awaited = text;
	while (fix_logged(text) == n)
		fix_run(loop);
	fix_log.awaited = NULL;
}

/** Run it until a line with this text is logged, if there was none yet. */
static inline void fix_await(struct sp_loop *loop, const char *text)
{
	fix_log.awaited = text;
	while (!fix_logged(text))
		fix_run(loop);
	fix_log.awaited = NULL;
}

#endif
