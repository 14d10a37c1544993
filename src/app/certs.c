/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Certificates, keys, CAs and CRLs of a configuration. Each file is checked once and
 * told of where the configuration first names it; contexts are made when
 * nothing is wrong.
 */
#include <string.h>
#include <time.h>

#include "app_priv.h"

enum { KEY_SIZE = 160, DAY_S = 24 * 3600 };

/* Towards whom a pair is shown. */
enum use { USE_SERVER = 1, USE_CLIENT = 2 };

/* Who a problem with a file is told of. */
struct teller {
	struct sp_report *r;
	const struct sp_conf_pair *pair; /* NULL: a CA or CRL                   */
	const struct sp_conf_src *src;   /* of a CA or CRL                      */
	const char *name;                /* likewise: "ca", "crl"               */
	const char *path;                /* of a CRL                            */
	const char *where;               /* what key names begin with           */
	const char *client;              /* "client_", where keys are called so */
	bool note;                       /* no mistake                          */
};

static void tell(const char *path, const char *problem, const char *mend, void *arg)
{
	const struct teller *t = arg;
	const struct sp_conf_src *src = t->src;
	const char *name = t->name;
	char key[KEY_SIZE];

	if (t->pair) {
		const bool is_key = !strcmp(path, t->pair->key.path);

		src = is_key ? &t->pair->key.src : &t->pair->certificate.src;
		name = is_key ? "key" : "certificate";
	}
	(void)re_snprintf(key, sizeof(key), "%s%s%s", t->where, t->client ? t->client : "", name);

	if (t->note)
		sp_report_note(t->r, src, key, path, "%s: %s", problem, mend);
	else
		sp_report_add(t->r, src, key, path, "%s: %s", problem, mend);
}

static bool is_same(const struct sp_conf_pair *a, const struct sp_conf_pair *b)
{
	return !str_cmp(a->certificate.path, b->certificate.path) &&
	       !str_cmp(a->key.path, b->key.path);
}

const struct app_pair *app_pair_find(const struct app_snapshot *s, const struct sp_conf_pair *pair)
{
	for (size_t i = 0; i < s->pairc; i++) {
		if (is_same(s->pairv[i].pair, pair))
			return &s->pairv[i];
	}

	return NULL;
}

/* Not wrong in itself: peers decide what they take. */
static void note_purpose(const struct app_pair *p, enum use use, struct teller *t)
{
	const char *path = p->pair->certificate.path;

	t->note = true;
	if (p->info.ca)
		tell(path, "is a CA certificate",
		     "have one issued for the gateway, and keep the CA's key elsewhere", t);
	if (use & USE_SERVER && !p->info.for_server)
		tell(path, "is not made for servers (serverAuth)",
		     "peers that connect may refuse it", t);
	if (use & USE_CLIENT && !p->info.for_client)
		tell(path, "is not made for clients (clientAuth)",
		     "peers that are called may refuse it", t);
}

/** @return 0 or ENOMEM */
static int check_pair(struct app_snapshot *s, const struct sp_conf_pair *pair, enum use use,
		      const char *where, const char *client, struct sp_report *r)
{
	struct teller t = {.r = r, .pair = pair, .where = where, .client = client};
	struct app_pair *p;
	char days[64];
	int err;

	/* what is not given, or was wrong, conf/ has told of */
	if (!pair->certificate.path || !pair->key.path || app_pair_find(s, pair))
		return 0;

	p = &s->pairv[s->pairc++];
	p->pair = pair;
	err = sp_tls_check_pair(pair->certificate.path, pair->key.path, &p->info, tell, &t);
	if (err)
		return err == ENOMEM ? ENOMEM : 0;

	note_purpose(p, use, &t);
	if (p->info.days_left >= SP_APP_EXPIRES_DAYS)
		return 0;

	(void)re_snprintf(days, sizeof(days), "expires in %d days", p->info.days_left);
	tell(pair->certificate.path, days, "renew it", &t);

	return 0;
}

/*
 * RFC 5922 section 4: who connects compares the name that it wanted to reach with the
 * certificate, and Microsoft the one in Contact. Addresses are nobody's name there.
 */
static void note_name(const struct sp_conf_interface *itf, const char *where, struct sp_report *r)
{
	struct teller t = {.r = r, .pair = &itf->server, .where = where, .note = true};
	const char *path = itf->server.certificate.path, *name = itf->sip_advertise;
	char text[320];
	struct sa addr;

	if (!path || !itf->server.key.path || !*name || *name == '[' ||
	    !sa_set_str(&addr, name, 0) || sp_tls_check_name(path, name))
		return;

	(void)re_snprintf(text, sizeof(text), "does not show sip.advertise = \"%s\"", name);
	tell(path, text, "peers that know the gateway by this name may refuse it", &t);
}

static const char *key_path(char buf[KEY_SIZE], const char *list, size_t i, const char *name,
			    const char *group)
{
	(void)re_snprintf(buf, KEY_SIZE, "%s[%zu] \"%s\".%s", list, i, name, group);

	return buf;
}

static bool is_same_file(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* True when a trunk before i has the same CAs. */
static bool is_ca_known(const struct sp_conf *conf, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (is_same_file(conf->trunkv[k].ca.path, conf->trunkv[i].ca.path))
			return true;
	}

	return false;
}

/* True when a trunk before i has the same CRLs for the same CAs. */
static bool is_crl_known(const struct sp_conf *conf, size_t i)
{
	const struct sp_conf_trunk *t = &conf->trunkv[i];

	for (size_t k = 0; k < i; k++) {
		if (is_same_file(conf->trunkv[k].crl.path, t->crl.path) &&
		    is_same_file(conf->trunkv[k].ca.path, t->ca.path))
			return true;
	}

	return false;
}

static int check_ca(const struct sp_conf_trunk *trunk, const char *where, struct sp_report *r)
{
	struct teller t = {
		.r = r,
		.src = trunk->ca.path ? &trunk->ca.src : &trunk->src,
		.name = "ca",
		.where = where,
	};
	int err;

	/* What it says of a bundle that will do, as of an expired root among others, is a note:
	 * only the result tells, so ask first. */
	err = sp_tls_check_ca(trunk->ca.path, NULL, NULL);
	if (err == ENOMEM)
		return ENOMEM;
	t.note = !err;
	(void)sp_tls_check_ca(trunk->ca.path, tell, &t);

	return 0;
}

/* Always said: a CRL is good for days where a certificate is for months, and
 * peers are refused when it has run out. */
static void note_crl(const struct sp_tls_dated *d, void *arg)
{
	const struct teller *t = arg;
	const int64_t s = d->until - (int64_t)time(NULL);
	char text[SP_TLS_WHY_SIZE];

	if (!d->crl || s < 0 || d->until == INT64_MAX)
		return;

	(void)re_snprintf(text, sizeof(text), "the CRL of %s has %d days left", d->subject,
			  (int)(s / DAY_S));
	tell(t->path, text, "the next one has to be there before", arg);
}

static int check_crl(const struct sp_conf_trunk *trunk, const char *where, struct sp_report *r)
{
	struct teller t = {.r = r,
			   .src = &trunk->crl.src,
			   .path = trunk->crl.path,
			   .name = "crl",
			   .where = where};
	int err;

	/* as with CAs: first whether it will do, then what there is to say */
	err = sp_tls_check_crl(t.path, trunk->ca.path, NULL, NULL);
	if (err == ENOMEM)
		return ENOMEM;
	t.note = !err;
	(void)sp_tls_check_crl(t.path, trunk->ca.path, tell, &t);
	if (!err)
		(void)sp_tls_dates(t.path, note_crl, &t);

	return 0;
}

int app_certs_check(struct app_snapshot *s, bool run, struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	char where[KEY_SIZE];
	int err = 0;

	s->pairv = mem_zalloc((2 * conf->interfacec + conf->trunkc + 1) * sizeof(*s->pairv), NULL);
	if (!s->pairv)
		return ENOMEM;

	/* before they are read: what changes while they are is seen later */
	err = app_files_alloc(&s->files, s->conf);
	if (!err && run)
		err = app_ways_alloc(&s->ways, s->files);
	if (err)
		return err;

	for (size_t i = 0; i < conf->interfacec && !err; i++) {
		const struct sp_conf_interface *itf = &conf->interfacev[i];
		const bool both = is_same(&itf->server, &itf->client);

		(void)key_path(where, "interfaces", i, itf->name, "tls.");
		err = check_pair(s, &itf->server, both ? USE_SERVER | USE_CLIENT : USE_SERVER,
				 where, NULL, r);
		if (!err)
			err = check_pair(s, &itf->client, USE_CLIENT, where, "client_", r);
		if (!err)
			note_name(itf, where, r);
	}

	for (size_t i = 0; i < conf->trunkc && !err; i++) {
		const struct sp_conf_trunk *trunk = &conf->trunkv[i];

		(void)key_path(where, "trunks", i, trunk->name, "");
		err = check_pair(s, &trunk->client, USE_CLIENT, where, NULL, r);
		if (!err && !is_ca_known(conf, i))
			err = check_ca(trunk, where, r);
		if (!err && trunk->crl.path && !is_crl_known(conf, i))
			err = check_crl(trunk, where, r);
	}

	return err;
}

/** The certificate that is shown when we connect to the trunk. */
static const struct sp_conf_pair *client_pair(const struct sp_conf *conf, size_t trunk)
{
	const struct sp_conf_trunk *t = &conf->trunkv[trunk];

	return t->client.certificate.path ? &t->client : &conf->interfacev[t->interface].client;
}

/* The files were found good a moment ago: a failure means that they are being changed. */
static int unstable(int err, const struct sp_conf_src *src, const char *what, const char *name,
		    struct sp_report *r)
{
	if (err && err != ENOMEM)
		sp_report_add(r, src, what, name,
			      "its certificates or CAs changed while they were read: try again");

	return err;
}

static int make_peers(struct sp_tls_peer **peerv, const struct sp_conf *conf, struct sp_report *r)
{
	int err = 0;

	for (size_t i = 0; i < conf->trunkc && !err; i++) {
		const struct sp_conf_trunk *t = &conf->trunkv[i];
		const struct sp_tls_peer_conf pc = {
			.trunk = t->name,
			.identityv = t->identityv,
			.identityc = t->identityc,
			.wildcard = t->wildcard,
			.check_purpose = t->check_purpose,
			.ca = t->ca.path,
			.crl = t->crl.path,
			.networks = t->networks,
		};

		err = unstable(sp_tls_peer_alloc(&peerv[i], &pc, NULL, NULL), &t->src, "trunk",
			       t->name, r);
	}

	return err;
}

/* To accept: an interface's certificate, shown to the peers of its trunks. */
static int make_servers(struct app_snapshot *s, struct sp_tls_peer *const *peerv,
			struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	struct sp_tls_peer **ownv = mem_zalloc((conf->trunkc + 1) * sizeof(*ownv), NULL);
	int err = ownv ? 0 : ENOMEM;

	for (size_t i = 0; i < conf->interfacec && !err; i++) {
		const struct sp_conf_interface *itf = &conf->interfacev[i];
		size_t n = 0;

		for (size_t k = 0; k < conf->trunkc; k++) {
			if (conf->trunkv[k].interface == i)
				ownv[n++] = peerv[k];
		}
		err = sp_tls_server_alloc(&s->serverv[i], itf->server.certificate.path,
					  itf->server.key.path, ownv, n, NULL, NULL);
		err = unstable(err, &itf->src, "interface", itf->name, r);
	}

	mem_deref(ownv);

	return err;
}

/* To connect: the trunk's own certificate, or its interface's for this purpose. */
static int make_clients(struct app_snapshot *s, struct sp_tls_peer *const *peerv,
			struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	int err = 0;

	for (size_t i = 0; i < conf->trunkc && !err; i++) {
		const struct sp_conf_pair *pair = client_pair(conf, i);

		err = sp_tls_client_alloc(&s->clientv[i], pair->certificate.path, pair->key.path,
					  peerv[i], NULL, NULL);
		err = unstable(err, &conf->trunkv[i].src, "trunk", conf->trunkv[i].name, r);
	}

	return err;
}

int app_contexts_make(struct app_snapshot *s, struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	struct sp_tls_peer **peerv = mem_zalloc((conf->trunkc + 1) * sizeof(*peerv), NULL);
	int err;

	s->serverv = mem_zalloc((conf->interfacec + 1) * sizeof(*s->serverv), NULL);
	s->clientv = mem_zalloc((conf->trunkc + 1) * sizeof(*s->clientv), NULL);
	err = peerv && s->serverv && s->clientv ? 0 : ENOMEM;

	if (!err)
		err = make_peers(peerv, conf, r);
	if (!err)
		err = make_servers(s, peerv, r);
	if (!err)
		err = make_clients(s, peerv, r);

	app_vector_deref(peerv, conf->trunkc);

	return err;
}
