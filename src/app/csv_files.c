/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The CSV files that number_files and account_files name: a file, or all
 * *.csv and *.csv.gz of a directory in the order of their names. Each is given
 * on as something to read from, so none is ever in memory whole.
 *
 * gzip is known by its first bytes, whatever the name says. Of such a file
 * every byte has to be good: one that was cut short, or has something else
 * behind its end, is refused, or numbers would be missing without a word.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* libre declares zlib's crc32(), which it uses, in its own way. */
#define crc32 libre_crc32
#include <re.h>
#undef crc32
#include <zlib.h>

#include "app_priv.h"

enum {
	IN_SIZE = 1 << 17,
	GZIP_BITS = 15 + 16, /* zlib: the largest window, and gzip around it */
	FILES_MAX = 10000,   /* in all */
	REST_MAX = 1 << 30   /* bytes of text; takes seconds */
};

/* A file while it is read. */
struct text {
	int fd;
	bool gzip, inside; /* a member of it is open */
	uint64_t told;     /* bytes given on */
	struct stat st;    /* when it was opened */
	z_stream z;        /* what is left of in: next_in, avail_in */
	uint8_t in[IN_SIZE];
};

/* A file that was read, under whatever name. */
struct read_file {
	dev_t dev;
	ino_t ino;
	const struct sp_conf_path *by; /* what names it */
};

struct app_csv {
	app_csv_h *h;
	void *arg;
	struct sp_report *r;
	struct read_file *readv;
	size_t readc;
};

/* What is being read, and who names it. */
struct source {
	struct app_csv *csv;
	const struct sp_conf_path *named;
	const char *key; /* "number_files" */
	struct sp_report *r;
};

static int read_some(int fd, void *buf, size_t size, size_t *lenp)
{
	ssize_t n;

	do {
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	*lenp = (size_t)n;

	return 0;
}

static int fill(struct text *t)
{
	size_t n = 0;
	const int err = read_some(t->fd, t->in, sizeof(t->in), &n);

	t->z.next_in = t->in;
	t->z.avail_in = (uInt)n;

	return err;
}

static int read_plain(struct text *t, char *buf, size_t size, size_t *lenp)
{
	if (!t->z.avail_in)
		return read_some(t->fd, buf, size, lenp);

	*lenp = size < t->z.avail_in ? size : t->z.avail_in;
	memcpy(buf, t->z.next_in, *lenp);
	t->z.next_in += *lenp;
	t->z.avail_in -= (uInt)*lenp;

	return 0;
}

/* RFC 1952 2.2: members one after the other, and nothing else. */
static int inflate_some(struct text *t)
{
	if (!t->inside && inflateReset(&t->z) != Z_OK)
		return EBADMSG;
	t->inside = true;

	switch (inflate(&t->z, Z_NO_FLUSH)) {

	case Z_STREAM_END:
		t->inside = false;
		return 0;

	case Z_OK:
	case Z_BUF_ERROR: /* it needs more */
		return 0;

	case Z_MEM_ERROR:
		return ENOMEM;

	default:
		return EBADMSG;
	}
}

static int read_gzip(struct text *t, char *buf, size_t size, size_t *lenp)
{
	const uInt room = (uInt)(size < INT_MAX ? size : INT_MAX);
	int err = 0;

	t->z.next_out = (Bytef *)buf;
	t->z.avail_out = room;
	while (!err && t->z.avail_out == room) {
		if (!t->z.avail_in)
			err = fill(t);
		if (!err && !t->z.avail_in) {
			*lenp = 0;
			return t->inside ? ENODATA : 0;
		}
		if (!err)
			err = inflate_some(t);
	}
	*lenp = room - t->z.avail_out;

	return err;
}

static int read_text(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct text *t = arg;
	const int err = t->gzip ? read_gzip(t, buf, size, lenp) : read_plain(t, buf, size, lenp);

	/* EINVAL is what bad rows have, which have been told of */
	if (err)
		return err == EINVAL ? EIO : err;
	t->told += *lenp;

	return t->told > SP_APP_CSV_MAX ? EFBIG : 0;
}

/* No name ends in its first two bytes: 0x1f is in no text. */
static int begin_text(struct text *t)
{
	const int err = fill(t);

	if (err)
		return err == EINVAL ? EIO : err;
	t->gzip = t->z.avail_in >= 2 && t->in[0] == 0x1f && t->in[1] == 0x8b;
	t->inside = t->gzip;

	return t->gzip && inflateInit2(&t->z, GZIP_BITS) != Z_OK ? ENOMEM : 0;
}

static bool has_changed(const struct text *t)
{
	struct stat st;

	return fstat(t->fd, &st) || st.st_size != t->st.st_size ||
	       st.st_mtim.tv_sec != t->st.st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != t->st.st_mtim.tv_nsec;
}

static void tell(const struct source *s, const char *file, int err)
{
	const struct sp_conf_src *src = &s->named->src;
	char errbuf[128];

	switch (err) {

	case EFBIG:
		sp_report_add(s->r, src, s->key, file,
			      "has more than %llu GiB of text: split it, or use ranges or prefixes",
			      SP_APP_CSV_MAX >> 30);
		break;

	case ENODATA:
		sp_report_add(s->r, src, s->key, file,
			      "is a gzip file that was cut short: copy it anew");
		break;

	case EBADMSG:
		sp_report_add(s->r, src, s->key, file,
			      "is a gzip file that is damaged, or has something else behind its "
			      "end: make it anew (gzip -t says more)");
		break;

	case EAGAIN:
		sp_report_add(s->r, src, s->key, file,
			      "was changed while it was read: write it under another name and "
			      "rename it, then try again");
		break;

	case ENOTSUP:
		sp_report_add(s->r, src, s->key, file,
			      "is neither a file nor a directory: name a CSV file");
		break;

	default:
		sp_report_add(s->r, src, s->key, file,
			      "cannot be read: %s: mend its name or its rights",
			      str_error(err, errbuf, sizeof(errbuf)));
		break;
	}
}

/* Twice the same rows would be told of one by one. @return 0, EALREADY (told), ENOMEM */
static int remember(const struct source *s, const char *file, const struct stat *st)
{
	struct app_csv *csv = s->csv;
	struct read_file *v;

	for (size_t i = 0; i < csv->readc; i++) {
		const struct read_file *f = &csv->readv[i];

		if (f->dev != st->st_dev || f->ino != st->st_ino)
			continue;
		sp_report_add(s->r, &s->named->src, s->key, file,
			      "is read already: \"%s\" on line %u of %s names it, too; keep one of "
			      "them",
			      f->by->path, f->by->src.line, f->by->src.file);
		return EALREADY;
	}
	if (csv->readc == FILES_MAX) {
		sp_report_add(s->r, &s->named->src, s->key, file,
			      "is one file more than %d: join some", FILES_MAX);
		return EALREADY;
	}

	v = mem_reallocarray(csv->readv, csv->readc + 1, sizeof(*v), NULL);
	if (!v)
		return ENOMEM;
	csv->readv = v;
	v[csv->readc++] = (struct read_file){st->st_dev, st->st_ino, s->named};

	return 0;
}

/* Rows may be bad because the file is: then that is to be told, too. */
static int check_rest(struct text *t)
{
	char buf[4096];
	size_t len = 1;
	int err = 0;

	while (!err && len && t->told < REST_MAX)
		err = read_text(buf, sizeof(buf), &len, t);

	return err ? err : EINVAL;
}

/** @return 0, ENOMEM or ECANCELED: all else is in the report */
static int give_file(const struct source *s, const char *file, int fd, const struct stat *st)
{
	struct text *t;
	int err = remember(s, file, st);

	if (err)
		return err == ENOMEM ? ENOMEM : 0;
	t = mem_zalloc(sizeof(*t), NULL);
	if (!t)
		return ENOMEM;

	t->fd = fd;
	t->st = *st;
	err = begin_text(t);
	if (!err)
		err = s->csv->h(file, read_text, t, s->csv->arg);
	if (!err && has_changed(t))
		err = EAGAIN;
	if (err == EINVAL && t->gzip)
		err = check_rest(t);
	if (t->gzip)
		(void)inflateEnd(&t->z);
	mem_deref(t);

	/* what is wrong with its rows has been told: EINVAL */
	if (err && err != EINVAL && err != ENOMEM && err != ECANCELED)
		tell(s, file, err);

	return err == ENOMEM || err == ECANCELED ? err : 0;
}

/** @return 0 with *fdp to be closed, or errno value. */
static int open_any(int *fdp, struct stat *st, const char *path)
{
	/* O_NONBLOCK: a FIFO would hold the whole gateway */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = 0;

	if (fd < 0)
		return errno;

	if (fstat(fd, st))
		err = errno;
	else if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		err = ENOTSUP;

	if (err)
		(void)close(fd);
	else
		*fdp = fd;

	return err;
}

/* In any case: what differs by that alone is told of. */
static bool ends_in(const char *name, const char *end)
{
	const size_t len = strlen(name), n = strlen(end);

	return len > n && !strcasecmp(name + len - n, end);
}

static int is_csv(const struct dirent *d)
{
	return d->d_name[0] != '.' && (ends_in(d->d_name, ".csv") || ends_in(d->d_name, ".csv.gz"));
}

static bool is_lower(const char *name)
{
	const char *end = strrchr(name, '.');

	return !strcmp(end, ".csv") || (!strcmp(end, ".gz") && !strncmp(end - 4, ".csv", 4));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int give_entry(const struct source *s, const char *name)
{
	struct stat st = {.st_mode = 0};
	char *path;
	int err, fd = -1;

	if (re_sdprintf(&path, "%s/%s", s->named->path, name))
		return ENOMEM;

	err = open_any(&fd, &st, path);
	if (err)
		tell(s, path, err);
	else if (S_ISDIR(st.st_mode))
		sp_report_note(s->r, &s->named->src, s->key, path,
			       "is a directory in a directory: left out");
	else if (!is_lower(name))
		sp_report_note(s->r, &s->named->src, s->key, path,
			       "is left out: names have to end in .csv or .csv.gz, in lower case");
	else
		err = give_file(s, path, fd, &st);
	if (err != ENOMEM && err != ECANCELED)
		err = 0;
	if (fd >= 0)
		(void)close(fd);
	mem_deref(path);

	return err;
}

/** @return 0, ENOMEM or ECANCELED: all else is in the report */
static int give_directory(const struct source *s)
{
	const char *path = s->named->path;
	struct dirent **v = NULL;
	const int n = scandir(path, &v, is_csv, by_name);
	int err = 0;

	if (n < 0)
		err = errno;
	if (err && err != ENOMEM) {
		tell(s, path, err);
		err = 0;
	}

	if (!n)
		sp_report_note(s->r, &s->named->src, s->key, path,
			       "is a directory without *.csv and *.csv.gz: nothing comes from it");
	for (int i = 0; i < n && !err; i++)
		err = give_entry(s, v[i]->d_name);

	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);

	return err;
}

static void destructor(void *arg)
{
	struct app_csv *csv = arg;

	mem_deref(csv->readv);
}

int app_csv_alloc(struct app_csv **cp, struct sp_report *r)
{
	struct app_csv *csv = mem_zalloc(sizeof(*csv), destructor);

	if (!csv)
		return ENOMEM;

	csv->r = r;
	*cp = csv;

	return 0;
}

int app_csv_files(struct app_csv *csv, const struct sp_conf_path *named, const char *key,
		  app_csv_h *h, void *arg)
{
	const struct source s = {.csv = csv, .named = named, .key = key, .r = csv->r};
	struct stat st = {.st_mode = 0};
	int fd = -1, err;

	if (!named->path)
		return 0;

	csv->h = h;
	csv->arg = arg;
	err = open_any(&fd, &st, named->path);
	if (err) {
		tell(&s, named->path, err);
		return 0;
	}

	err = S_ISDIR(st.st_mode) ? give_directory(&s) : give_file(&s, named->path, fd, &st);
	(void)close(fd);

	return err;
}
