/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The far end in tests of tls/: plain OpenSSL, with any versions, suites and
 * certificates, driven by the same loop. Also the world the tests run in.
 */
#ifndef SALLYPORT_TEST_TLS_RAW_H
#define SALLYPORT_TEST_TLS_RAW_H

#include <errno.h>
#include <sys/socket.h>
#include <openssl/err.h>

#include "sallyport/base_log.h"
#include "sallyport/tls_listen.h"
#include "tls_fixture.h"

/** A connection of ours, with what its handlers saw. */
struct end {
	struct sp_loop *loop;
	struct sp_tls_conn *c;
	unsigned ups, downs, datas;
	size_t got;
	bool garbled; /**< not the pattern that fill() makes */
	int err;
	char why[SP_TLS_WHY_SIZE];
	void (*on_up)(struct end *e);
	void (*on_data)(struct end *e);
};

/** The far end. */
struct raw {
	struct sp_loop *loop;
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	bool up, closed, orderly, deaf; /**< deaf: does not read */
	bool garbled;
	size_t got;
	char why[128];
	char sni[64];
};

#define RAW_SIGNATURES                                                                             \
	"ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA+SHA256:RSA+SHA384:ECDSA+SHA1:RSA+SHA1"

struct raw_opts {
	const struct fix_cert *cert; /**< NULL: shows none */
	int version;                 /**< the only one; 0: 1.2 and 1.3 */
	const char *suites;          /**< both lists; NULL: OpenSSL's own */
	bool server;
};

static inline uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static inline void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; ++i)
		p[i] = pattern(i);
}

static inline bool differs(const uint8_t *p, size_t n, size_t from)
{
	for (size_t i = 0; i < n; ++i) {
		if (p[i] != pattern(from + i))
			return true;
	}
	return false;
}

static inline void end_up(struct sp_tls_conn *c, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(c, e->c);
	++e->ups;
	if (e->on_up)
		e->on_up(e);
	sp_loop_stop(e->loop);
}

static inline void end_data(struct sp_tls_conn *c, const uint8_t *p, size_t n, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(c, e->c);
	++e->datas;
	e->garbled = e->garbled || differs(p, n, e->got);
	e->got += n;
	if (e->on_data)
		e->on_data(e);
	sp_loop_stop(e->loop);
}

static inline void end_down(struct sp_tls_conn *c, int err, const char *why, void *arg)
{
	struct end *e = arg;
	(void)c;

	++e->downs;
	e->err = err;
	snprintf(e->why, sizeof(e->why), "%s", why);
	sp_loop_stop(e->loop);
}

static const struct sp_tls_handlers end_handlers = {end_up, end_data, end_down};

static inline void raw_lost(struct raw *r, int ret)
{
	const int how = SSL_get_error(r->ssl, ret);
	const unsigned long e = ERR_peek_error();

	r->orderly = how == SSL_ERROR_ZERO_RETURN;
	snprintf(r->why, sizeof(r->why), "%s", e ? ERR_reason_error_string(e) : "-");
	r->closed = true;
	sp_loop_close(r->loop, r->fd);
	r->fd = -1;
	sp_loop_stop(r->loop);
}

static inline bool raw_again(struct raw *r, int ret);

static inline void raw_event(int flags, void *arg)
{
	struct raw *r = arg;
	uint8_t buf[4096];
	int n;
	(void)flags;

	ERR_clear_error();
	if (!r->up) {
		n = SSL_do_handshake(r->ssl);
		if (n != 1) {
			if (!raw_again(r, n))
				raw_lost(r, n);
			return;
		}
		r->up = true;
		if (SSL_is_server(r->ssl)) {
			const char *sni = SSL_get_servername(r->ssl, TLSEXT_NAMETYPE_host_name);

			snprintf(r->sni, sizeof(r->sni), "%s", sni ? sni : "-");
		}
		sp_loop_stop(r->loop);
	}

	if (r->deaf) {
		sp_loop_unlisten(r->loop, r->fd);
		return;
	}
	while ((n = SSL_read(r->ssl, buf, sizeof(buf))) > 0) {
		r->garbled = r->garbled || differs(buf, (size_t)n, r->got);
		r->got += (size_t)n;
		sp_loop_stop(r->loop);
	}
	if (!raw_again(r, n))
		raw_lost(r, n);
}

static inline bool raw_again(struct raw *r, int ret)
{
	const int how = SSL_get_error(r->ssl, ret);

	if (how != SSL_ERROR_WANT_READ && how != SSL_ERROR_WANT_WRITE)
		return false;
	return !sp_loop_listen(r->loop, r->fd, how == SSL_ERROR_WANT_WRITE ? FD_WRITE : FD_READ,
			       raw_event, r);
}

static inline void raw_start(struct raw *r, struct sp_loop *loop, int fd,
			     const struct raw_opts *opts)
{
	memset(r, 0, sizeof(*r));
	r->loop = loop;
	r->fd = fd;
	r->ctx = SSL_CTX_new(TLS_method());
	assert_non_null(r->ctx);
	SSL_CTX_set_security_level(r->ctx, 0);
	SSL_CTX_set1_groups_list(r->ctx, "X25519:P-256:P-384");
	SSL_CTX_set1_sigalgs_list(r->ctx, RAW_SIGNATURES);
	SSL_CTX_set1_client_sigalgs_list(r->ctx, RAW_SIGNATURES);
	SSL_CTX_set_min_proto_version(r->ctx, opts->version ? opts->version : TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(r->ctx, opts->version ? opts->version : TLS1_3_VERSION);
	SSL_CTX_set_ciphersuites(r->ctx, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
					 "TLS_CHACHA20_POLY1305_SHA256");
	SSL_CTX_set_cipher_list(r->ctx, "ALL:@SECLEVEL=0");
	if (opts->suites && opts->version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(r->ctx, opts->suites), 1);
	else if (opts->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(r->ctx, opts->suites), 1);
	if (opts->cert) {
		assert_int_equal(SSL_CTX_use_certificate(r->ctx, opts->cert->x), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(r->ctx, opts->cert->key), 1);
	}

	r->ssl = SSL_new(r->ctx);
	SSL_set_fd(r->ssl, fd);
	if (opts->server)
		SSL_set_accept_state(r->ssl);
	else
		SSL_set_connect_state(r->ssl);
	assert_int_equal(sp_loop_listen(loop, fd, opts->server ? FD_READ : FD_WRITE, raw_event, r),
			 0);
}

/** Connect a socket to a port of 127.0.0.1, from another loopback address. */
static inline int raw_socket_from(const char *from, const struct sa *dst)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sa src;

	assert_true(fd >= 0);
	assert_int_equal(sa_set_str(&src, from, 0), 0);
	assert_int_equal(bind(fd, &src.u.sa, src.len), 0);
	assert_int_equal(connect(fd, &dst->u.sa, dst->len), 0);
	assert_int_equal(net_sockopt_blocking_set(fd, false), 0);
	return fd;
}

static inline int raw_socket(const struct sa *dst)
{
	return raw_socket_from("127.0.0.1", dst);
}

static inline void raw_close(struct raw *r)
{
	sp_loop_close(r->loop, r->fd);
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

/** CAs, our certificates, a listener with two trunks, and what was accepted and logged. */
struct world {
	struct sp_loop *loop;
	struct fix_dir dir;
	struct fix_cert ca, other_ca, own, own_rsa, alpha, alpha_rsa;
	struct sp_tls_peer *peer_alpha, *peer_beta;
	struct sp_tls_listener *l;
	struct end near; /**< the last one that was accepted */
	unsigned accepts;
	unsigned lines;
	char line[512];
	struct sp_timer watchdog;
	bool late;
};

static inline void world_log(enum sp_log_level level, const char *line, void *arg)
{
	struct world *w = arg;
	(void)level;

	++w->lines;
	snprintf(w->line, sizeof(w->line), "%s", line);
	sp_loop_stop(w->loop);
}

static inline void world_accept(struct sp_tls_conn *c, void *arg)
{
	struct world *w = arg;

	++w->accepts;
	mem_deref(w->near.c);
	w->near.c = c;
	w->near.loop = w->loop;
	++w->near.ups;
	sp_tls_handle(c, &end_handlers, &w->near);
	if (w->near.on_up)
		w->near.on_up(&w->near);
	sp_loop_stop(w->loop);
}

static inline void world_late(void *arg)
{
	struct world *w = arg;

	w->late = true;
	sp_loop_stop(w->loop);
}

/* Run until cond holds; handlers stop the loop whenever something happened. */
#define UNTIL(w, cond)                                                                             \
	do {                                                                                       \
		sp_timer_start((w)->loop, &(w)->watchdog, 20000, world_late, (w));                 \
		while (!(cond) && !(w)->late)                                                      \
			(void)sp_loop_run((w)->loop);                                              \
		sp_timer_cancel(&(w)->watchdog);                                                   \
		if ((w)->late)                                                                     \
			fail_msg("never came: %s; last line \"%s\"", #cond, (w)->line);            \
	} while (0)

static inline struct sp_tls_peer *world_peer(struct world *w, const char *trunk,
					     const char *identity, const char *ca, bool wildcard,
					     bool check_purpose)
{
	const char *v[] = {identity};
	const struct sp_tls_peer_conf conf = {.trunk = trunk,
					      .identityv = v,
					      .identityc = 1,
					      .wildcard = wildcard,
					      .check_purpose = check_purpose,
					      .ca = fix_path(&w->dir, ca)};
	struct sp_tls_peer *peer = NULL;

	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, NULL, NULL), 0);
	return peer;
}

static inline struct sp_tls_context *world_server(struct world *w, const char *name,
						  struct sp_tls_peer *a, struct sp_tls_peer *b)
{
	struct sp_tls_peer *peerv[] = {a, b};
	struct sp_tls_context *ctx = NULL;
	struct fix_problems p = {0};
	char cert[32], key[32];

	snprintf(cert, sizeof(cert), "%.20s.crt", name);
	snprintf(key, sizeof(key), "%.20s.key", name);
	assert_int_equal(sp_tls_server_alloc(&ctx, fix_path(&w->dir, cert), fix_path(&w->dir, key),
					     peerv, b ? 2 : 1, fix_problem, &p),
			 0);
	return ctx;
}

static inline void world_listen(struct world *w, struct sp_tls_context *ctx, unsigned handshakes)
{
	const struct sp_tls_listen_conf conf = {.handshakes = handshakes};
	struct sa any;

	assert_int_equal(sa_set_str(&any, "127.0.0.1", 0), 0);
	mem_deref(w->l);
	w->l = NULL;
	assert_int_equal(sp_tls_listen(&w->l, w->loop, ctx, &any, &conf, world_accept, w), 0);
}

static inline struct fix_cert world_cert(struct world *w, const char *cn, const char *san,
					 const char *key)
{
	return fix_make(&(struct fix_spec){.cn = cn, .san = san, .key = key}, &w->ca);
}

/* Keys of RSA are slow to make: once per program. */
static inline int world_setup_group(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fix_dir_make(&w->dir);
	w->ca = fix_make(&(struct fix_spec){.cn = "CA", .ca = true}, NULL);
	w->other_ca = fix_make(&(struct fix_spec){.cn = "Other CA", .ca = true}, NULL);
	w->own = world_cert(w, "gw.example", "DNS:gw.example,URI:sip:gw.example", "ec");
	w->own_rsa = world_cert(w, "gw.example", "DNS:gw.example,URI:sip:gw.example", "rsa");
	w->alpha = world_cert(w, "Alpha", "DNS:alpha.example,URI:sip:alpha.example", "ec");
	w->alpha_rsa = world_cert(w, "Alpha", "DNS:alpha.example,URI:sip:alpha.example", "rsa");
	fix_write_cert(&w->dir, "ca.crt", w->ca.x, NULL);
	fix_write_cert(&w->dir, "other-ca.crt", w->other_ca.x, NULL);
	fix_write_cert(&w->dir, "own.crt", w->own.x, NULL);
	fix_write_key(&w->dir, "own.key", w->own.key, NULL);
	fix_write_cert(&w->dir, "own-rsa.crt", w->own_rsa.x, NULL);
	fix_write_key(&w->dir, "own-rsa.key", w->own_rsa.key, NULL);
	*state = w;
	return 0;
}

static inline int world_teardown_group(void **state)
{
	struct world *w = *state;

	fix_free(&w->ca);
	fix_free(&w->other_ca);
	fix_free(&w->own);
	fix_free(&w->own_rsa);
	fix_free(&w->alpha);
	fix_free(&w->alpha_rsa);
	fix_dir_remove(&w->dir);
	free(w);
	return 0;
}

static inline int world_setup(void **state)
{
	struct world *w = *state;
	struct sp_tls_context *ctx;

	w->accepts = w->lines = 0;
	w->late = false;
	w->line[0] = '\0';
	memset(&w->near, 0, sizeof(w->near));
	assert_int_equal(sp_loop_alloc(&w->loop, 1024), 0);
	sp_log_sink(world_log, w);
	w->peer_alpha = world_peer(w, "alpha", "alpha.example", "ca.crt", false, true);
	w->peer_beta = world_peer(w, "beta", "beta.example", "other-ca.crt", false, true);
	ctx = world_server(w, "own", w->peer_alpha, w->peer_beta);
	world_listen(w, ctx, 16);
	mem_deref(ctx);
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	sp_log_sink(NULL, NULL);
	w->near.c = mem_deref(w->near.c);
	w->l = mem_deref(w->l);
	w->peer_alpha = mem_deref(w->peer_alpha);
	w->peer_beta = mem_deref(w->peer_beta);
	w->loop = mem_deref(w->loop);
	return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* A system configuration that wants the opposite of our policy. */
static inline void world_hostile_openssl_conf(struct fix_dir *d)
{
	setenv("OPENSSL_CONF",
	       fix_write(d, "openssl.cnf",
			 "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
			 "MinProtocol = TLSv1\nMaxProtocol = TLSv1.2\n"
			 "CipherString = ALL:@SECLEVEL=0\n"
			 "Ciphersuites = TLS_CHACHA20_POLY1305_SHA256\n"
			 "Groups = P-521\nSignatureAlgorithms = RSA+SHA1\n"
			 "Options = UnsafeLegacyRenegotiation,-ServerPreference\n"),
	       1);
}

#endif
