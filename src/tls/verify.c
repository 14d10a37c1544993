/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tls/verify: peers, and the judgement on a certificate.
 *
 * OpenSSL hands every certificate of a handshake to sp_tls_verify() instead of
 * verifying it itself. First the certificate's names say which peers it may
 * belong to; then its chain is verified against the CAs of just those peers.
 * A CA that one trunk trusts can so never vouch for another trunk's name.
 */
#include <string.h>
#include <openssl/x509_vfy.h>

#include "tls_priv.h"

struct sp_tls_peer {
	char *trunk;
	char **identityv;
	size_t identityc;
	bool wildcard;
	bool check_purpose;
	X509_STORE *store;
};

static void peer_destructor(void *arg)
{
	struct sp_tls_peer *p = arg;

	for (size_t i = 0; p->identityv && i < p->identityc; ++i)
		mem_deref(p->identityv[i]);
	mem_deref(p->identityv);
	mem_deref(p->trunk);
	X509_STORE_free(p->store);
}

static int copy_identities(struct sp_tls_peer *p, const struct sp_tls_peer_conf *conf,
			   struct sp_tls_report *r)
{
	int err = 0;

	if (!conf->identityc) {
		sp_tls_report(r, conf->trunk, "name the domains that its certificate shows",
			      "the trunk has no identity");
		return EINVAL;
	}

	p->identityv = mem_zalloc(conf->identityc * sizeof(*p->identityv), NULL);
	if (!p->identityv)
		return ENOMEM;
	p->identityc = conf->identityc;

	for (size_t i = 0; i < conf->identityc; ++i) {
		const char *name = conf->identityv[i];

		if (!sp_tls_name_ok(name, strlen(name), false)) {
			sp_tls_report(r, conf->trunk, "write a plain domain name",
				      "identity \"%s\" is no domain name", name);
			err = EINVAL;
			continue;
		}
		if (str_dup(&p->identityv[i], name))
			return ENOMEM;
	}

	return err;
}

int sp_tls_peer_alloc(struct sp_tls_peer **pp, const struct sp_tls_peer_conf *conf,
		      sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};
	struct sp_tls_peer *p;
	int err, ca_err;

	if (!pp || !conf || !conf->trunk)
		return EINVAL;

	p = mem_zalloc(sizeof(*p), peer_destructor);
	if (!p)
		return ENOMEM;
	p->wildcard = conf->wildcard;
	p->check_purpose = conf->check_purpose;

	err = str_dup(&p->trunk, conf->trunk);
	if (err)
		goto out;

	err = copy_identities(p, conf, &r);
	ca_err = conf->ca ? sp_tls_ca_load(&p->store, conf->ca, &r)
			  : sp_tls_roots_load(&p->store, sp_tls_roots_dir, false, &r);
	if (!err)
		err = ca_err;

out:
	if (err)
		mem_deref(p);
	else
		*pp = p;
	return err;
}

const char *sp_tls_peer_trunk(const struct sp_tls_peer *p)
{
	return p ? p->trunk : NULL;
}

static bool is_peer(const struct sp_tls_peer *p, const struct sp_tls_names *names)
{
	for (size_t i = 0; i < p->identityc; ++i) {
		if (sp_tls_names_show(names, p->identityv[i], p->wildcard))
			return true;
	}
	return false;
}

/* What the peer's bundle holds is trusted as it stands, be it a root or an
 * intermediate: carriers hand out either. */
static int verify_chain(const struct sp_tls_peer *p, X509 *leaf, STACK_OF(X509) * untrusted,
			bool client)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int code = X509_V_ERR_OUT_OF_MEM;

	if (!ctx || X509_STORE_CTX_init(ctx, p->store, leaf, untrusted) != 1)
		goto out;

	param = X509_STORE_CTX_get0_param(ctx);
	if (p->check_purpose) {
		if (X509_STORE_CTX_set_default(ctx, client ? "ssl_server" : "ssl_client") != 1)
			goto out;
	} else if (X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) != 1) {
		goto out;
	}
	X509_VERIFY_PARAM_set_depth(param, SP_TLS_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SP_TLS_SECURITY_LEVEL);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		goto out;

	if (X509_verify_cert(ctx) == 1) {
		code = X509_V_OK;
	} else {
		code = X509_STORE_CTX_get_error(ctx);
		if (code == X509_V_OK)
			code = X509_V_ERR_UNSPECIFIED;
	}

out:
	X509_STORE_CTX_free(ctx);
	return code;
}

static void refuse_names(struct sp_tls_refusal *refusal, const X509 *leaf,
			 const struct sp_tls_names *names, const char *lacking)
{
	char subject[96];

	/* a peer may fill its subject to the brim; the names are what matters */
	(void)re_snprintf(subject, sizeof(subject), "%H", sp_tls_subject_print, leaf);
	(void)re_snprintf(refusal->why, sizeof(refusal->why), "certificate of %s shows %s%H: %s",
			  subject, sp_tls_names_count(names) ? "names " : "", sp_tls_names_print,
			  names, lacking);
	refusal->code = X509_V_ERR_HOSTNAME_MISMATCH;
}

struct sp_tls_peer *sp_tls_judge(struct sp_tls_refusal *refusal, struct sp_tls_peer *const *peerv,
				 size_t peerc, X509 *leaf, STACK_OF(X509) * untrusted, bool client,
				 const char *name)
{
	struct sp_tls_peer *found = NULL;
	struct sp_tls_names *names;
	char lacking[128] = "no trunk on this interface has them";
	bool matched = false;

	refusal->code = X509_V_OK;
	if (sp_tls_names_alloc(&names, leaf)) {
		refusal->code = X509_V_ERR_OUT_OF_MEM;
		(void)re_snprintf(refusal->why, sizeof(refusal->why), "out of memory");
		return NULL;
	}

	if (client)
		(void)re_snprintf(lacking, sizeof(lacking), "not one of trunk %s",
				  peerc ? peerv[0]->trunk : "-");

	for (size_t i = 0; i < peerc && !found; ++i) {
		int code;

		if (!is_peer(peerv[i], names))
			continue;
		if (name && !sp_tls_names_show(names, name, peerv[i]->wildcard)) {
			(void)re_snprintf(lacking, sizeof(lacking), "not %s", name);
			continue;
		}

		matched = true;
		code = verify_chain(peerv[i], leaf, untrusted, client);
		if (code == X509_V_OK) {
			found = peerv[i];
		} else if (refusal->code == X509_V_OK) {
			refusal->code = code;
			(void)re_snprintf(refusal->why, sizeof(refusal->why),
					  "certificate for trunk %s does not verify: %s",
					  peerv[i]->trunk, X509_verify_cert_error_string(code));
		}
	}

	if (!matched)
		refuse_names(refusal, leaf, names, lacking);

	mem_deref(names);
	return found;
}

int sp_tls_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct sp_tls_conn *c = ssl ? SSL_get_app_data(ssl) : NULL;
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	struct sp_tls_refusal refusal;
	struct sp_tls_peer *peer;
	(void)arg;

	if (!c || !leaf) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
		return 0;
	}

	peer = sp_tls_judge(&refusal, c->ctx->peerv, c->ctx->peerc, leaf,
			    X509_STORE_CTX_get0_untrusted(store), c->client, c->name);
	if (!peer) {
		/* the code makes OpenSSL send the alert that fits */
		X509_STORE_CTX_set_error(store, refusal.code);
		str_ncpy(c->why, refusal.why, sizeof(c->why));
		c->refused = true;
		return 0;
	}

	mem_deref(c->peer);
	c->peer = mem_ref(peer);
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}
