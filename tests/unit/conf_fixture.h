/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A directory of its own for a configuration under test, and the lines of its
 * report.
 */
#ifndef SALLYPORT_TEST_CONF_FIXTURE_H
#define SALLYPORT_TEST_CONF_FIXTURE_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <re.h>
#include "conf_priv.h"

struct fixture {
	char dir[64], file[96];
	struct sp_report *report;
	struct sp_conf *conf;
	char lines[256 * 1024]; /* of the report, each with a newline */
	size_t len;
};

static inline int fixture_alloc(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char real[PATH_MAX];

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/sp-conf-XXXXXX");
	if (!mkdtemp(f->dir) || !realpath(f->dir, real))
		return -1;
	re_snprintf(f->dir, sizeof(f->dir), "%s", real);
	re_snprintf(f->file, sizeof(f->file), "%s/sallyport.conf", f->dir);
	*state = f;

	return sp_report_alloc(&f->report);
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;

	return remove(path);
}

static inline int fixture_free(void **state)
{
	struct fixture *f = *state;

	mem_deref(f->conf);
	mem_deref(f->report);
	nftw(f->dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(f);

	return 0;
}

static inline void fixture_mkdir(struct fixture *f, const char *name)
{
	char path[PATH_MAX];

	re_snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	mkdir(path, 0700);
}

static inline void fixture_write_bytes(struct fixture *f, const char *name, const void *p, size_t n)
{
	char path[PATH_MAX];
	FILE *file;

	re_snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "we");
	if (!file || fwrite(p, 1, n, file) != n || fclose(file))
		abort();
}

static inline void fixture_write(struct fixture *f, const char *name, const char *text)
{
	fixture_write_bytes(f, name, text, strlen(text));
}

/* Lines as they come, with the directory of the file taken off. */
static inline void fixture_line(bool mistake, const char *line, void *arg)
{
	struct fixture *f = arg;
	const size_t dir = strlen(f->dir);
	int n;

	(void)mistake;
	if (!strncmp(line, f->dir, dir) && line[dir] == '/')
		line += dir + 1;
	n = re_snprintf(f->lines + f->len, sizeof(f->lines) - f->len, "%s\n", line);
	if (n < 0)
		abort();
	f->len += (size_t)n;
}

/* Load text as the configuration, with a new report. */
static inline int fixture_load(struct fixture *f, const char *text)
{
	int err;

	f->conf = mem_deref(f->conf);
	f->report = mem_deref(f->report);
	f->len = 0;
	f->lines[0] = '\0';
	if (sp_report_alloc(&f->report))
		abort();
	fixture_write(f, "sallyport.conf", text);
	err = sp_conf_load(&f->conf, f->file, f->report);
	sp_report_print(f->report, fixture_line, f);

	return err;
}

#endif
