/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/context: policy.
 *
 * TLS 1.3, and 1.2 as the floor, with forward secrecy only (RFC 9325). Every
 * knob that the system's openssl.cnf could have turned is set here again, so
 * that the same suites are spoken on every machine. The CBC suites at the end
 * are there for older carriers' equipment; encrypt-then-MAC (RFC 7366) is
 * negotiated where the far end can.
 */
#include <openssl/err.h>

#include "tls_priv.h"

static const char suites13[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";

static const char suites12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
			       "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
			       "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:"
			       "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256";

static const char curves[] = "X25519:P-256:P-384";

static const char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:"
				 "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

static void context_destructor(void *arg)
{
	struct sp_tls_context *c = arg;

	for (size_t i = 0; c->peerv && i < c->peerc; ++i)
		mem_deref(c->peerv[i]);
	mem_deref(c->peerv);
	SSL_CTX_free(c->ssl);
}

static int set_suites(SSL_CTX *ssl)
{
	SSL_CTX_set_security_level(ssl, SP_TLS_SECURITY_LEVEL);

	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ssl, suites13) != 1 ||
	    SSL_CTX_set_cipher_list(ssl, suites12) != 1 ||
	    SSL_CTX_set1_groups_list(ssl, curves) != 1 ||
	    SSL_CTX_set1_sigalgs_list(ssl, signatures) != 1 ||
	    SSL_CTX_set1_client_sigalgs_list(ssl, signatures) != 1)
		return EPROTO;
	return 0;
}

/* Resumption would skip the judgement on the certificate after a reload. */
static int set_policy(SSL_CTX *ssl)
{
	(void)SSL_CTX_clear_options(ssl, SSL_CTX_get_options(ssl));
	(void)SSL_CTX_set_options(
		ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_num_tickets(ssl, 0) != 1)
		return EPROTO;

	/* Without AUTO_RETRY one SSL_read() handles one record: a peer that sends
	 * KeyUpdates without end cannot hold the loop. That needs read-ahead to be
	 * off, or the next record might wait where the loop does not see it. */
	(void)SSL_CTX_clear_mode(ssl, SSL_CTX_get_mode(ssl));
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 0);
	SSL_CTX_set_quiet_shutdown(ssl, 0);

	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, sp_tls_verify, NULL);
	SSL_CTX_set_max_cert_list(ssl, SP_TLS_CHAIN_MAX);
	/* no list of CAs to clients: it would tell anyone who our trunks are */
	SSL_CTX_set_client_CA_list(ssl, NULL);
	SSL_CTX_set0_CA_list(ssl, NULL);
	return 0;
}

static int use_pair(SSL_CTX *ssl, const struct sp_tls_pair *pair, const char *cert,
		    struct sp_tls_report *r)
{
	if (SSL_CTX_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1) == 1)
		return 0;

	sp_tls_report(r, cert, "have it issued anew", "OpenSSL does not take it: %s",
		      ERR_reason_error_string(ERR_peek_error()));
	return EINVAL;
}

static int context_alloc(struct sp_tls_context **cp, const char *cert, const char *key,
			 struct sp_tls_peer *const *peerv, size_t peerc, struct sp_tls_report *r)
{
	struct sp_tls_context *c;
	struct sp_tls_pair pair = {0};
	int err;

	if (!cp || !cert || !key || (peerc && !peerv))
		return EINVAL;

	c = mem_zalloc(sizeof(*c), context_destructor);
	if (!c)
		return ENOMEM;

	err = sp_tls_pair_load(&pair, cert, key, r);
	if (err)
		goto out;

	c->peerv = mem_zalloc((peerc + 1) * sizeof(*c->peerv), NULL);
	ERR_clear_error();
	sp_tls_memory_begin();
	c->ssl = SSL_CTX_new(TLS_method());
	if (!c->peerv || !c->ssl) {
		err = ENOMEM;
		goto out;
	}
	for (; c->peerc < peerc; ++c->peerc)
		c->peerv[c->peerc] = mem_ref(peerv[c->peerc]);

	err = set_suites(c->ssl);
	if (!err)
		err = set_policy(c->ssl);
	if (!err)
		err = use_pair(c->ssl, &pair, cert, r);
	err = sp_tls_memory_end(err);

out:
	sp_tls_pair_reset(&pair);
	ERR_clear_error();
	if (err)
		mem_deref(c);
	else
		*cp = c;
	return err;
}

bool sp_tls_context_takes(const struct sp_tls_context *c, const struct sa *src)
{
	for (size_t i = 0; i < c->peerc; ++i) {
		if (sp_tls_peer_takes(c->peerv[i], src))
			return true;
	}
	return false;
}

int sp_tls_server_alloc(struct sp_tls_context **cp, const char *cert, const char *key,
			struct sp_tls_peer *const *peerv, size_t peerc, sp_tls_problem_h *h,
			void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};

	return context_alloc(cp, cert, key, peerv, peerc, &r);
}

int sp_tls_client_alloc(struct sp_tls_context **cp, const char *cert, const char *key,
			struct sp_tls_peer *peer, sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};

	return peer ? context_alloc(cp, cert, key, &peer, 1, &r) : EINVAL;
}
