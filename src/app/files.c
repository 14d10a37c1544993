/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files of certificates, keys, CAs and CRLs that a configuration names,
 * each once, and a mark of what was in each when it was read: the one list for
 * those who watch them and those who warn before they expire.
 */
#include <string.h>

#include "app_priv.h"

enum { PRINT_MAX = 8 };

static void destructor(void *arg)
{
	struct app_files *fs = arg;

	mem_deref(fs->v);
	mem_deref(fs->conf);
}

const char *app_file_kind_name(enum app_file_kind kind)
{
	switch (kind) {

	case APP_FILE_CERTIFICATE:
		return "certificate";
	case APP_FILE_KEY:
		return "key";
	case APP_FILE_CA:
		return "ca";
	case APP_FILE_CRL:
		return "crl";
	}

	return "?";
}

/* what: "interface" or "trunk", for people */
static void add(struct app_files *fs, const char *path, enum app_file_kind kind, const char *what,
		const char *name)
{
	struct app_file *f = NULL;

	if (!path)
		return;

	for (size_t i = 0; i < fs->n && !f; i++) {
		if (fs->v[i].kind == kind && !strcmp(fs->v[i].path, path))
			f = &fs->v[i];
	}
	if (!f) {
		f = &fs->v[fs->n++];
		f->path = path;
		f->kind = kind;
		(void)re_snprintf(f->use, sizeof(f->use), "%s %s", what, name);
	}
	++f->users;
}

static void add_pair(struct app_files *fs, const struct sp_conf_pair *pair, const char *what,
		     const char *name)
{
	add(fs, pair->certificate.path, APP_FILE_CERTIFICATE, what, name);
	add(fs, pair->key.path, APP_FILE_KEY, what, name);
}

static void add_trunk(struct app_files *fs, const struct sp_conf_trunk *t)
{
	const char *root;

	add_pair(fs, &t->client, "trunk", t->name);
	add(fs, t->crl.path, APP_FILE_CRL, "trunk", t->name);
	if (t->ca.path)
		add(fs, t->ca.path, APP_FILE_CA, "trunk", t->name);
	else
		for (size_t i = 0; (root = sp_tls_root_path(i)); i++)
			add(fs, root, APP_FILE_CA, "trunk", t->name);
}

static void name_users(struct app_file *f)
{
	const size_t n = strlen(f->use);

	if (f->users > 1)
		(void)re_snprintf(f->use + n, sizeof(f->use) - n, " and %u more", f->users - 1);
}

int app_files_alloc(struct app_files **fp, struct sp_conf *conf)
{
	struct app_files *fs = mem_zalloc(sizeof(*fs), destructor);
	size_t most = 4 * conf->interfacec + 5 * conf->trunkc;

	if (!fs)
		return ENOMEM;

	fs->v = mem_zalloc((most + 1) * sizeof(*fs->v), NULL);
	if (!fs->v) {
		mem_deref(fs);
		return ENOMEM;
	}

	fs->conf = mem_ref(conf);
	sp_hashkey_init(&fs->key);
	for (size_t i = 0; i < conf->interfacec; i++) {
		const struct sp_conf_interface *itf = &conf->interfacev[i];

		add_pair(fs, &itf->server, "interface", itf->name);
		if (str_cmp(itf->client.certificate.path, itf->server.certificate.path) ||
		    str_cmp(itf->client.key.path, itf->server.key.path))
			add_pair(fs, &itf->client, "interface", itf->name);
	}
	for (size_t i = 0; i < conf->trunkc; i++)
		add_trunk(fs, &conf->trunkv[i]);
	for (size_t i = 0; i < fs->n; i++)
		name_users(&fs->v[i]);

	(void)app_files_look(fs);
	app_files_adopt(fs);
	*fp = fs;

	return 0;
}

size_t app_files_look(struct app_files *fs)
{
	size_t changed = 0;

	for (size_t i = 0; i < fs->n; i++) {
		struct app_file *f = &fs->v[i];

		f->seen = sp_tls_file_mark(f->path, &fs->key);
		if (f->seen != f->mark)
			++changed;
	}

	return changed;
}

bool app_files_still(const struct app_files *fs)
{
	for (size_t i = 0; i < fs->n; i++) {
		if (sp_tls_file_mark(fs->v[i].path, &fs->key) != fs->v[i].seen)
			return false;
	}

	return true;
}

void app_files_adopt(struct app_files *fs)
{
	for (size_t i = 0; i < fs->n; i++)
		fs->v[i].mark = fs->v[i].seen;
}

int app_files_print(struct re_printf *pf, const struct app_files *fs)
{
	unsigned n = 0;
	int err = 0;

	for (size_t i = 0; i < fs->n && !err; i++) {
		const struct app_file *f = &fs->v[i];

		if (f->seen == f->mark)
			continue;
		if (n++ < PRINT_MAX)
			err = re_hprintf(pf, "%s%s", n > 1 ? ", " : "", f->path);
	}

	if (n > PRINT_MAX && !err)
		err = re_hprintf(pf, " and %u more", n - PRINT_MAX);

	return err;
}
