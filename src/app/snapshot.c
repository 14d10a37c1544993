/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the configuration file to a snapshot. Every step runs even when one
 * before it found mistakes, so that one look tells all of them; only the TLS
 * contexts wait for a clean report, as they cannot be made of wrong files.
 */
#include "app_priv.h"

void app_vector_deref(void *vector, size_t n)
{
	void **v = vector;

	for (size_t i = 0; v && i < n; i++)
		mem_deref(v[i]);
	mem_deref(v);
}

static void destructor(void *arg)
{
	struct app_snapshot *s = arg;

	if (s->conf) {
		app_vector_deref(s->serverv, s->conf->interfacec);
		app_vector_deref(s->clientv, s->conf->trunkc);
	}
	mem_deref(s->pairv);
	mem_deref(s->dated);
	mem_deref(s->ways);
	mem_deref(s->files);
	mem_deref(s->numbers);
	mem_deref(s->conf);
}

/* Nothing is wrong with any file. */
static int finish(struct app_snapshot *s, bool run, struct sp_report *r)
{
	int err = s->numbers ? 0 : EINVAL;

	if (!err)
		err = app_contexts_make(s, r);
	if (!err && run)
		err = app_dated_alloc(&s->dated, s->files);
	if (!err && !sp_report_mistakes(r))
		app_notes(s, r);
	if (!err && !sp_report_mistakes(r))
		app_account_notes(s, r);

	return err;
}

/** What comes of a snapshot whose last step returned err: none of a file with a mistake. */
static int judge(int err, struct sp_report *r)
{
	if (err == ENOMEM)
		sp_report_clear(r);
	else if (err != ECANCELED && sp_report_mistakes(r))
		return EINVAL;

	return err;
}

static int make(struct app_snapshot **sp, const char *file, bool run, const atomic_bool *stop,
		struct sp_report *r)
{
	struct app_snapshot *s = mem_zalloc(sizeof(*s), destructor);
	int err;

	if (!s)
		return ENOMEM;

	err = sp_conf_load(&s->conf, file, r);
	if (!s->conf)
		goto out;

	if (err != ENOMEM)
		err = app_certs_check(s, run, r);
	if (!err)
		err = app_numbers_load(&s->numbers, s->conf, stop, r);
	if (!err && !sp_report_mistakes(r))
		err = finish(s, run, r);

out:
	err = judge(err, r);
	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}

int app_snapshot_alloc(struct app_snapshot **sp, const char *file, struct sp_report *r)
{
	return make(sp, file, false, NULL, r);
}

int app_snapshot_load(struct app_snapshot **sp, const char *file, const atomic_bool *stop,
		      struct sp_report *r)
{
	return make(sp, file, true, stop, r);
}

int app_snapshot_certs(struct app_snapshot **sp, struct sp_conf *conf, struct sp_report *r)
{
	struct app_snapshot *s = mem_zalloc(sizeof(*s), destructor);
	int err;

	if (!s)
		return ENOMEM;

	s->conf = mem_ref(conf);
	err = app_certs_check(s, false, r);
	if (!err && !sp_report_mistakes(r))
		err = app_contexts_make(s, r);

	err = judge(err, r);
	if (err)
		mem_deref(s);
	else
		*sp = s;

	return err;
}
