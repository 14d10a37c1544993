/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the files that a configuration names are looked for. Private keys have
 * more places than the rest: a service manager may hand them over readable by
 * this process alone (systemd's RuntimeDirectory= and LoadCredential=).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <re.h>
#include "conf_priv.h"

static const char *join(struct conf_arena *a, const char *dir, const char *between,
			const char *name)
{
	const size_t size = strlen(dir) + strlen(between) + strlen(name) + 1;
	char *p = conf_arena_get(a, size);

	if (p)
		(void)re_snprintf(p, size, "%s%s%s", dir, between, name);

	return p;
}

const char *conf_file_path(struct conf_arena *a, const char *dir, const char *name)
{
	if (*name == '/')
		return conf_arena_str(a, name, strlen(name));

	return join(a, dir, "/", name);
}

/* As LoadCredential= names the files of a directory: "keys:sub/core.key" is "keys_sub_core.key". */
static void credential_name(char *buf, size_t size, const char *name)
{
	(void)re_snprintf(buf, size, "%s", name);
	for (char *p = buf; *p; p++) {
		if (*p == '/')
			*p = '_';
	}
}

const char *conf_key_path(struct conf_arena *a, const char *dir, const char *name)
{
	const char *run = getenv("RUNTIME_DIRECTORY"), *cred = getenv("CREDENTIALS_DIRECTORY");
	char first[PATH_MAX] = "", flat[CONF_STRING_MAX + 1];
	const char *tryv[5];
	size_t n = 0;

	if (*name == '/')
		return conf_arena_str(a, name, strlen(name));

	if (run && *run && strcspn(run, ":") < sizeof(first)) {
		/* several directories are separated by colons; ours is the first */
		memcpy(first, run, strcspn(run, ":"));
		tryv[n++] = join(a, first, "/keys/", name);
	}
	if (cred && *cred) {
		credential_name(flat, sizeof(flat), name);
		tryv[n++] = join(a, cred, "/", name);
		tryv[n++] = join(a, cred, "/keys_", flat);
	}
	tryv[n++] = join(a, dir, "/keys/", name);
	tryv[n++] = join(a, dir, "/", name);

	for (size_t i = 0; i < n; i++) {
		if (!tryv[i])
			return NULL;
		if (!access(tryv[i], F_OK))
			return tryv[i];
	}

	return tryv[n - 2];
}

int conf_dir(char *dir, size_t size, const char *file)
{
	const char *slash = strrchr(file, '/');
	char name[PATH_MAX], real[PATH_MAX];
	const struct pl pl = {.p = file, .l = slash ? (size_t)(slash - file) : 0};

	if (!slash)
		str_ncpy(name, ".", sizeof(name));
	else if (slash == file)
		str_ncpy(name, "/", sizeof(name));
	else if (pl.l >= sizeof(name))
		return ENAMETOOLONG;
	else
		(void)pl_strcpy(&pl, name, sizeof(name));

	if (!realpath(name, real))
		return errno;
	if (strlen(real) >= size)
		return ENAMETOOLONG;
	/* the root directory is the one that would end in a slash */
	str_ncpy(dir, strcmp(real, "/") ? real : "", size);

	return 0;
}
