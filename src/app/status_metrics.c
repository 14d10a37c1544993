/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The struct as Prometheus text, format 0.0.4. A family of metrics is either
 * an "info" of this file or a run of fields with the same name; a piece is one
 * family for some of its objects. All families are there however few objects
 * there are, so that whoever reads knows their names.
 */
#include <string.h>

#include "app_status_priv.h"

static const char prefix[] = "sallyport_";

struct family {
	enum status_scope scope;
	const struct status_field *f; /* NULL: the scope's info */
	size_t n;                     /* fields                 */
};

/* Scopes that have an info: what is worth knowing and is no number. */
static const struct {
	const char *metric, *help;
} infos[STATUS_SCOPES] = {
	[STATUS_GATEWAY] = {"build_info", "Version of the program."},
	[STATUS_INTERFACE] = {"interface_info", "Addresses of the interface."},
	[STATUS_TRUNK] = {"trunk_info", "What the trunk is."},
};

/* The family that begins at field *i of the scope; moves *i behind it. */
static bool next_family(struct family *fam, enum status_scope scope, size_t *i)
{
	size_t n;
	const struct status_field *v = status_fields(scope, &n);

	while (*i < n && !v[*i].metric)
		++*i;
	if (*i == n)
		return false;

	*fam = (struct family){.scope = scope, .f = &v[*i]};
	for (; *i < n && v[*i].metric && !strcmp(v[*i].metric, fam->f->metric); ++*i)
		++fam->n;

	return true;
}

static size_t blocks(const struct app_status *s, enum status_scope scope)
{
	const size_t n = status_objects(s, scope).n;

	return n ? (n + STATUS_BLOCK - 1) / STATUS_BLOCK : 1;
}

/* @return true with the family of piece i, and in *block which part; else how many there are */
static bool find(struct family *fam, size_t *block, size_t *count, const struct app_status *s,
		 size_t i)
{
	size_t seen = 0;

	for (enum status_scope scope = 0; scope < STATUS_SCOPES; scope++) {
		const size_t n = blocks(s, scope);
		size_t field = 0;

		if (infos[scope].metric) {
			if (i - seen < n) {
				*fam = (struct family){.scope = scope};
				*block = i - seen;
				return true;
			}
			seen += n;
		}
		while (next_family(fam, scope, &field)) {
			if (i - seen < n) {
				*block = i - seen;
				return true;
			}
			seen += n;
		}
	}

	*count = seen;

	return false;
}

static size_t pieces(const struct app_status *s)
{
	size_t block, count = 0;
	struct family fam;

	(void)find(&fam, &block, &count, s, SIZE_MAX);

	return count + 1;
}

static bool is_counter(const char *metric)
{
	static const char suffix[] = "_total";
	const size_t len = strlen(metric), n = sizeof(suffix) - 1;

	return len > n && !strcmp(metric + len - n, suffix);
}

/* Which object it is, as labels; none for the gateway. */
static int print_identity(struct mbuf *mb, enum status_scope scope, const void *obj)
{
	const struct app_status_interface *itf = obj;
	const struct app_status_trunk *trunk = obj;
	const struct app_status_target *target = obj;
	const struct app_status_cert *cert = obj;

	switch (scope) {

	case STATUS_INTERFACE:
		return mbuf_printf(mb, "interface=\"%H\"", status_label, itf->name);
	case STATUS_TRUNK:
		return mbuf_printf(mb, "trunk=\"%H\"", status_label, trunk->name);
	case STATUS_TARGET:
		return mbuf_printf(mb, "trunk=\"%H\",target=\"%H\",address=\"%H\"", status_label,
				   target->trunk, status_label, target->label, status_label,
				   target->address);
	case STATUS_CERT:
		return mbuf_printf(mb, "file=\"%H\",kind=\"%H\"", status_label, cert->file,
				   status_label, cert->kind);

	case STATUS_GATEWAY:
	case STATUS_CALL: /* has no metrics */
	case STATUS_FLOW:
	case STATUS_SCOPES:
		break;
	}

	return 0;
}

static int print_info(struct mbuf *mb, enum status_scope scope, const void *obj)
{
	const struct app_status_gateway *g = obj;
	const struct app_status_interface *itf = obj;
	const struct app_status_trunk *trunk = obj;
	int err = mbuf_printf(mb, "%s%s{", prefix, infos[scope].metric);

	if (!err)
		err = print_identity(mb, scope, obj);
	if (err)
		return err;

	if (scope == STATUS_GATEWAY)
		return mbuf_printf(mb, "version=\"%H\"} 1\n", status_label, g->version);
	if (scope == STATUS_INTERFACE)
		return mbuf_printf(mb, ",sip=\"%J\",media=\"%j\"} 1\n", &itf->sip, &itf->media);

	return mbuf_printf(mb, ",kind=\"%H\",interface=\"%H\",profile=\"%H\"} 1\n", status_label,
			   trunk->kind, status_label, trunk->interface, status_label,
			   trunk->profile);
}

static int print_sample(struct mbuf *mb, enum status_scope scope, const struct status_field *f,
			const void *obj)
{
	const bool labels = f->label || scope != STATUS_GATEWAY;
	const uint64_t v = status_number(obj, f);
	int err;

	if (!v && (f->unit == STATUS_LIMIT || f->unit == STATUS_MAYBE))
		return 0;

	err = mbuf_printf(mb, "%s%s%s", prefix, f->metric, labels ? "{" : "");
	if (!err)
		err = print_identity(mb, scope, obj);
	if (!err && f->label)
		err = mbuf_printf(mb, "%s%s=\"%s\"", scope != STATUS_GATEWAY ? "," : "", f->label,
				  f->value);
	if (err)
		return err;

	if (f->unit == STATUS_MILLI || f->unit == STATUS_MAYBE)
		return mbuf_printf(mb, "%s %llu.%03llu\n", labels ? "}" : "", v / 1000, v % 1000);

	return mbuf_printf(mb, "%s %llu\n", labels ? "}" : "", v);
}

static int print_head(struct mbuf *mb, const struct family *fam)
{
	const char *metric = fam->f ? fam->f->metric : infos[fam->scope].metric;
	const char *help = fam->f ? fam->f->help : infos[fam->scope].help;

	return mbuf_printf(mb, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, metric, help, prefix,
			   metric, is_counter(metric) ? "counter" : "gauge");
}

/* The same series twice would make the whole answer unreadable. */
static bool is_twin(enum status_scope scope, const void *obj)
{
	const struct app_status_target *target = obj;
	const struct app_status_cert *cert = obj;

	return (scope == STATUS_TARGET && target->twin) || (scope == STATUS_CERT && cert->twin);
}

static int piece(struct mbuf *mb, const struct app_status *s, size_t i)
{
	size_t block = 0, count = SIZE_MAX;
	struct status_objects o;
	struct family fam;
	int err = 0;

	if (!find(&fam, &block, &count, s, i))
		return i == count ? mbuf_write_str(mb, "# EOF\n") : 0;

	if (!block)
		err = print_head(mb, &fam);

	o = status_objects(s, fam.scope);
	for (size_t k = block * STATUS_BLOCK; k < o.n && k < (block + 1) * STATUS_BLOCK; k++) {
		const void *obj = o.first + k * o.stride;

		if (is_twin(fam.scope, obj))
			continue;
		if (!fam.f && !err)
			err = print_info(mb, fam.scope, obj);
		for (size_t n = 0; fam.f && n < fam.n && !err; n++)
			err = print_sample(mb, fam.scope, &fam.f[n], obj);
	}

	return err;
}

const struct status_printer status_metrics = {"metrics", pieces, piece, "# EOF", false};
