/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the text of a configuration is read from: whole files, and directories
 * of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <re.h>
#include "conf_priv.h"

static const char suffix[] = ".conf";

static int stat_file(int fd, size_t max, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode))
		return ENODEV;
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return EFBIG;
	*size = (size_t)st.st_size;

	return 0;
}

int conf_read_whole(struct mbuf **mbp, const char *path, size_t max)
{
	struct mbuf *mb = NULL;
	size_t size = 0;
	int err, fd;

	/* without O_NONBLOCK, opening a FIFO would wait for a writer */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;

	err = stat_file(fd, max, &size);
	if (err)
		goto out;
	mb = mbuf_alloc(size + 1);
	if (!mb) {
		err = ENOMEM;
		goto out;
	}

	for (;;) {
		ssize_t n;

		/* a file that grows while it is read is cut where it ended at first */
		n = read(fd, mb->buf + mb->end, size - mb->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = errno;
		if (n <= 0)
			break;
		mb->end += (size_t)n;
	}

out:
	(void)close(fd);
	if (err)
		mem_deref(mb);
	else
		*mbp = mb;

	return err;
}

/* Hidden files are those that editors and package managers leave behind. */
static bool is_part(DIR *dir, const char *name)
{
	const size_t len = strlen(name), end = sizeof(suffix) - 1;
	struct stat st;

	if (*name == '.' || len <= end || strcmp(name + len - end, suffix))
		return false;

	/* one that leads nowhere is for its reader to report */
	return fstatat(dirfd(dir), name, &st, 0) || !S_ISDIR(st.st_mode);
}

/* By byte, whatever the language of this machine. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int conf_read_dir(const char *pathv[], size_t max, size_t *pathc, struct conf_arena *a,
		  const char *path)
{
	const struct dirent *e;
	size_t len = strlen(path);
	char *stem;
	DIR *dir;
	int err;

	*pathc = 0;
	dir = opendir(path);
	if (!dir)
		return errno;

	while (len > 1 && path[len - 1] == '/')
		--len;
	stem = conf_arena_str(a, path, len);
	err = stem ? 0 : ENOMEM;

	while (!err && *pathc < max) {
		errno = 0;
		e = readdir(dir);
		if (!e) {
			err = errno;
			break;
		}
		if (!is_part(dir, e->d_name))
			continue;
		pathv[*pathc] = conf_file_path(a, stem, e->d_name);
		if (!pathv[(*pathc)++])
			err = ENOMEM;
	}
	(void)closedir(dir);

	if (!err && *pathc)
		qsort(pathv, *pathc, sizeof(*pathv), by_name);

	return err;
}
