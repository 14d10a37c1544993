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
	bool check_crl;
	struct sp_nets networks; /* v is ours */
	X509_STORE *store;
};

static void peer_destructor(void *arg)
{
	struct sp_tls_peer *p = arg;

	for (size_t i = 0; p->identityv && i < p->identityc; ++i)
		mem_deref(p->identityv[i]);
	mem_deref(p->identityv);
	mem_deref(p->trunk);
	mem_deref((void *)(uintptr_t)p->networks.v); /* const for all others */
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

static int copy_networks(struct sp_nets *to, const struct sp_nets *from)
{
	struct sp_net *v;

	if (!from->c)
		return 0;

	v = mem_alloc(from->c * sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	memcpy(v, from->v, from->c * sizeof(*v));
	to->v = v;
	to->c = from->c;
	return 0;
}

static int load_store(struct sp_tls_peer *p, const struct sp_tls_peer_conf *conf,
		      struct sp_tls_report *r)
{
	int err;

	err = conf->ca ? sp_tls_ca_load(&p->store, conf->ca, r)
		       : sp_tls_roots_load(&p->store, sp_tls_roots_dir, false, r);
	if (err || !conf->crl)
		return err;

	p->check_crl = true;
	return sp_tls_crl_load(p->store, conf->crl, r);
}

int sp_tls_peer_alloc(struct sp_tls_peer **pp, const struct sp_tls_peer_conf *conf,
		      sp_tls_problem_h *h, void *arg)
{
	struct sp_tls_report r = {.h = h, .arg = arg};
	struct sp_tls_peer *p;
	int err, store_err;

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

	err = copy_networks(&p->networks, &conf->networks);
	if (err)
		goto out;

	err = copy_identities(p, conf, &r);
	store_err = load_store(p, conf, &r);
	if (!err)
		err = store_err;

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

bool sp_tls_peer_takes(const struct sp_tls_peer *p, const struct sa *src)
{
	return !p->networks.c || sp_nets_have(&p->networks, src);
}

static bool is_peer(const struct sp_tls_peer *p, const struct sp_tls_names *names)
{
	for (size_t i = 0; i < p->identityc; ++i) {
		if (sp_tls_names_show(names, p->identityv[i], p->wildcard))
			return true;
	}
	return false;
}

static void explain_chain(char why[SP_TLS_WHY_SIZE], const struct sp_tls_peer *p,
			  X509_STORE_CTX *ctx, int code)
{
	char text[160];

	if (!ctx || !sp_tls_crl_explain(text, sizeof(text), ctx))
		(void)re_snprintf(text, sizeof(text), "%s", X509_verify_cert_error_string(code));
	(void)re_snprintf(why, SP_TLS_WHY_SIZE, "certificate for trunk %s does not verify: %s",
			  p->trunk, text);
}

/* What the peer's bundle holds is trusted as it stands, be it a root or an
 * intermediate: carriers hand out either. */
static int verify_chain(char why[SP_TLS_WHY_SIZE], const struct sp_tls_peer *p, X509 *leaf,
			STACK_OF(X509) * untrusted, bool client)
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
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    (p->check_crl && sp_tls_crl_demand(ctx)))
		goto out;

	if (X509_verify_cert(ctx) == 1) {
		code = X509_V_OK;
	} else {
		code = X509_STORE_CTX_get_error(ctx);
		if (code == X509_V_OK)
			code = X509_V_ERR_UNSPECIFIED;
	}

out:
	if (code != X509_V_OK)
		explain_chain(why, p, ctx, code);
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
				 const char *name, const struct sa *src)
{
	struct sp_tls_peer *found = NULL;
	struct sp_tls_names *names;
	char lacking[128] = "no trunk on this interface has them";
	char why[SP_TLS_WHY_SIZE];
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
		if (src && !sp_tls_peer_takes(peerv[i], src)) {
			(void)re_snprintf(lacking, sizeof(lacking),
					  "trunk %s may not connect from %j", peerv[i]->trunk, src);
			continue;
		}

		matched = true;
		code = verify_chain(why, peerv[i], leaf, untrusted, client);
		if (code == X509_V_OK) {
			found = peerv[i];
		} else if (refusal->code == X509_V_OK) {
			refusal->code = code;
			str_ncpy(refusal->why, why, sizeof(refusal->why));
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
			    X509_STORE_CTX_get0_untrusted(store), c->client, c->name,
			    c->client ? NULL : &c->raddr);
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
