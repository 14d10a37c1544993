/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The number table of a configuration: the entries written in it, then each of
 * its number files. What number/ says about a row goes into the report.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_priv.h"

_Static_assert((int)SP_CONF_ROUTES_MAX == (int)SP_NUMBER_ROUTES_MAX, "lists are copied whole");

enum { KEY_SIZE = 160, SHOWN_MAX = 40 };

/* Who a bad row is told of. */
struct teller {
	struct sp_report *r;
	const struct sp_conf_number *entry; /* of the configuration itself; else NULL */
};

static void row_bad(const char *file, unsigned line, const char *key, const char *value,
		    const char *mend, void *arg)
{
	const struct sp_conf_src src = {.file = file, .line = line};
	const struct teller *t = arg;
	char path[KEY_SIZE];

	if (t->entry) {
		const size_t len = strlen(t->entry->number);

		(void)re_snprintf(path, sizeof(path), "numbers[%u] \"%b\".%s", t->entry->index,
				  t->entry->number, len < SHOWN_MAX ? len : (size_t)SHOWN_MAX, key);
		key = path;
	}
	sp_report_add(t->r, &src, key, value, "%s", mend);
}

/** @return 0 or ENOMEM: a bad row is in the report */
static int add_entry(struct sp_number_build *b, const struct sp_conf_number *n)
{
	struct sp_number_row row = {
		.number = n->number,
		.trunkc = n->trunkc,
		.carrierc = n->carrierc,
		.account = n->account,
		.headers_to_carrier = n->headers_to_carrier,
		.file = n->src.file,
		.line = n->src.line,
	};

	for (size_t i = 0; i < n->trunkc && i < SP_NUMBER_ROUTES_MAX; i++)
		row.trunkv[i] = n->trunkv[i];
	for (size_t i = 0; i < n->carrierc && i < SP_NUMBER_ROUTES_MAX; i++)
		row.carrierv[i] = n->carrierv[i];
	for (; row.headerc < n->headerc && row.headerc < SP_NUMBER_HEADERS_MAX; row.headerc++) {
		row.headerv[row.headerc].name = n->headerv[row.headerc].name;
		row.headerv[row.headerc].value = n->headerv[row.headerc].value;
	}

	return sp_number_add(b, &row) == ENOMEM ? ENOMEM : 0;
}

/* read(2), not mmap(2): a file cut short while it is mapped would kill us. */
static int read_all(int fd, char *text, size_t size, size_t *lenp)
{
	size_t len = 0;

	while (len < size) {
		const ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			break;
		len += (size_t)n;
	}

	*lenp = len;

	return 0;
}

/** @return 0 with *textp to be freed, EFBIG, EISDIR, errno of open(2) and read(2), ENOMEM */
static int read_file(char **textp, size_t *lenp, const char *path)
{
	/* O_NONBLOCK: a FIFO would hold the whole gateway */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	int err = 0;

	if (fd < 0)
		return errno;

	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = EISDIR;
	else if (st.st_size > SP_APP_CSV_MAX)
		err = EFBIG;
	if (err)
		goto out;

	text = mem_alloc((size_t)st.st_size + 1, NULL);
	err = text ? read_all(fd, text, (size_t)st.st_size, lenp) : ENOMEM;

out:
	(void)close(fd);
	if (err)
		mem_deref(text);
	else
		*textp = text;

	return err;
}

/** @return 0 or ENOMEM: all else is in the report */
static int add_file(struct sp_number_build *b, const struct sp_conf_path *f, struct sp_report *r)
{
	static const char key[] = "number_files";
	char errbuf[128], *text = NULL;
	size_t len = 0;
	int err;

	if (!f->path)
		return 0;

	err = read_file(&text, &len, f->path);
	switch (err) {

	case 0:
		err = sp_number_csv(b, f->path, text, len);
		break;

	case ENOMEM:
		break;

	case EFBIG:
		sp_report_add(r, &f->src, key, f->path,
			      "has more than %d bytes: split it, or use prefixes", SP_APP_CSV_MAX);
		break;

	case EISDIR:
		sp_report_add(r, &f->src, key, f->path, "is no file: name a CSV file");
		break;

	default:
		sp_report_add(r, &f->src, key, f->path,
			      "cannot be read: %s: mend its name or its rights",
			      str_error(err, errbuf, sizeof(errbuf)));
		break;
	}

	mem_deref(text);

	return err == ENOMEM ? ENOMEM : 0;
}

int app_numbers_load(struct sp_number_table **tp, const struct sp_conf *conf, struct sp_report *r)
{
	struct teller teller = {.r = r};
	struct sp_number_build *b = NULL;
	struct sp_number_trunk *trunkv;
	int err;

	trunkv = mem_zalloc((conf->trunkc + 1) * sizeof(*trunkv), NULL);
	if (!trunkv)
		return ENOMEM;
	for (size_t i = 0; i < conf->trunkc; i++) {
		trunkv[i].name = conf->trunkv[i].name;
		trunkv[i].carrier = conf->trunkv[i].kind == SP_TRUNK_CARRIER;
	}

	err = sp_number_build_alloc(&b, trunkv, conf->trunkc, row_bad, &teller);
	for (size_t i = 0; i < conf->numberc && !err; i++) {
		teller.entry = &conf->numberv[i];
		err = add_entry(b, teller.entry);
	}
	teller.entry = NULL;
	for (size_t i = 0; i < conf->number_filec && !err; i++)
		err = add_file(b, &conf->number_filev[i], r);
	if (!err && sp_number_table_alloc(tp, b) == ENOMEM)
		err = ENOMEM;

	mem_deref(b);
	mem_deref(trunkv);

	return err;
}
