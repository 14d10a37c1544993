/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Warnings before a certificate, a CA or a CRL expires: the gateway's own with
 * their chains, and those that peers are judged by. Each is told of at each
 * threshold once, however often the configuration is reloaded.
 */
#include <string.h>
#include <time.h>

#include "app_priv.h"

enum { HOUR_MS = 3600 * 1000, DAY_S = 24 * 3600, PER_FILE_MAX = 1000 };

/* days left at most */
static const int thresholds[] = {30, 14, 7, 1, -1};
enum { THRESHOLDS = sizeof(thresholds) / sizeof(thresholds[0]) };

struct app_dated {
	struct app_files *files;
	struct app_cert_status *v;
	size_t n, size;

	/* while it is read */
	const struct app_file *file;
	unsigned of_file;
	int err;
};

struct app_expiry {
	struct sp_loop *loop;
	app_wall_h *wall;
	struct app_dated *list; /* NULL before the first */
	struct sp_timer hour;
};

static int64_t wall_clock(void)
{
	return (int64_t)time(NULL);
}

static void destructor(void *arg)
{
	struct app_expiry *e = arg;

	sp_timer_cancel(&e->hour);
	mem_deref(e->list);
}

static void dated_destructor(void *arg)
{
	struct app_dated *d = arg;

	mem_deref(d->v);
	mem_deref(d->files);
}

int app_expiry_alloc(struct app_expiry **ep, struct sp_loop *loop, app_wall_h *wall)
{
	struct app_expiry *e = mem_zalloc(sizeof(*e), destructor);

	if (!e)
		return ENOMEM;

	e->loop = loop;
	e->wall = wall ? wall : wall_clock;
	*ep = e;

	return 0;
}

const struct app_cert_status *app_expiry_list(const struct app_expiry *e, size_t *n)
{
	*n = e && e->list ? e->list->n : 0;

	return *n ? e->list->v : NULL;
}

static int days_left(int64_t until, int64_t now)
{
	const int64_t s = until - now;
	const int64_t days = s >= 0 ? s / DAY_S : -((-s + DAY_S - 1) / DAY_S);

	return (int)(days > INT32_MAX ? INT32_MAX : days < INT32_MIN ? INT32_MIN : days);
}

static unsigned passed(int days)
{
	unsigned n = 0;

	while (n < THRESHOLDS && days <= thresholds[n])
		++n;

	return n;
}

/* A list that is good for a week would be warned of from its first day on, and so would each that
 * takes its place: what is more than half of its time is no warning. */
static unsigned meaningless(const struct sp_tls_dated *d)
{
	unsigned n = 0;

	while (d->crl && n < THRESHOLDS - 1 &&
	       2 * thresholds[n] * (int64_t)DAY_S > d->until - d->from)
		++n;

	return n;
}

/* An expired CA may lie beside its successor; the others are needed. */
static enum sp_log_level level(const struct app_cert_status *c)
{
	return c->days_left < 0 && c->file->kind != APP_FILE_CA ? SP_LOG_ERROR : SP_LOG_WARN;
}

static void look(struct app_expiry *e)
{
	const int64_t now = e->wall();

	for (size_t i = 0; i < e->list->n; i++) {
		struct app_cert_status *c = &e->list->v[i];

		if (c->until == INT64_MAX)
			continue;
		c->days_left = days_left(c->until, now);
		if (passed(c->days_left) <= c->warned)
			continue;

		c->warned = passed(c->days_left);
		sp_log(level(c), "certificate_expires", "file=%H what=%s use=%H subject=%H days=%d",
		       sp_log_str, c->file->path, app_file_kind_name(c->file->kind), sp_log_str,
		       c->file->use, sp_log_str, c->subject, c->days_left);
	}
}

static void on_hour(void *arg)
{
	struct app_expiry *e = arg;

	sp_timer_start(e->loop, &e->hour, HOUR_MS, on_hour, e);
	look(e);
}

static void add(const struct sp_tls_dated *d, void *arg)
{
	struct app_dated *r = arg;
	struct app_cert_status *c;

	if (r->err || r->of_file >= PER_FILE_MAX)
		return;

	if (r->n == r->size) {
		const size_t size = r->size ? 2 * r->size : 16;
		struct app_cert_status *v = mem_zalloc(size * sizeof(*v), NULL);

		if (!v) {
			r->err = ENOMEM;
			return;
		}
		if (r->n)
			memcpy(v, r->v, r->n * sizeof(*v));
		mem_deref(r->v);
		r->v = v;
		r->size = size;
	}

	c = &r->v[r->n++];
	++r->of_file;
	c->file = r->file;
	c->until = d->until;
	c->warned = meaningless(d);
	c->days_left = INT32_MAX;
	str_ncpy(c->subject, d->subject, sizeof(c->subject));
	str_ncpy(c->names, d->sans, sizeof(c->names));
}

static void carry_warnings(const struct app_dated *from, struct app_dated *to)
{
	for (size_t i = 0; i < to->n; i++) {
		struct app_cert_status *c = &to->v[i];

		for (size_t k = 0; from && k < from->n; k++) {
			const struct app_cert_status *old = &from->v[k];

			if (old->until == c->until && !strcmp(old->subject, c->subject) &&
			    old->file->kind == c->file->kind &&
			    !strcmp(old->file->path, c->file->path) && old->warned > c->warned)
				c->warned = old->warned;
		}
	}
}

int app_dated_alloc(struct app_dated **dp, struct app_files *fs)
{
	struct app_dated *d = mem_zalloc(sizeof(*d), dated_destructor);

	if (!d)
		return ENOMEM;

	d->files = mem_ref(fs);
	for (size_t i = 0; i < fs->n && !d->err; i++) {
		if (fs->v[i].kind == APP_FILE_KEY)
			continue;
		d->file = &fs->v[i];
		d->of_file = 0;
		if (ENOMEM == sp_tls_dates(d->file->path, add, d))
			d->err = ENOMEM;
	}
	if (d->err) {
		mem_deref(d);
		return ENOMEM;
	}
	*dp = d;

	return 0;
}

void app_expiry_use(struct app_expiry *e, struct app_dated *d)
{
	carry_warnings(e->list, d);
	mem_ref(d);
	mem_deref(e->list);
	e->list = d;
	on_hour(e);
}

int app_expiry_files(struct app_expiry *e, struct app_files *fs)
{
	struct app_dated *d;
	const int err = app_dated_alloc(&d, fs);

	if (err)
		return err;

	app_expiry_use(e, d);
	mem_deref(d);

	return 0;
}
