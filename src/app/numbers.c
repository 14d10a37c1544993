/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The number table of a configuration: accounts and entries written in it, then
 * its account files and number files. What number/ says about a row goes into
 * the report.
 */
#include <string.h>

#include "app_priv.h"

_Static_assert((int)SP_CONF_ROUTES_MAX == (int)SP_NUMBER_ROUTES_MAX, "lists are copied whole");
_Static_assert((int)SP_CONF_HEADERS_MAX <= (int)SP_NUMBER_HEADERS_MAX, "these too");

enum { KEY_SIZE = 160, SHOWN_MAX = 40 };

/* A table in the making, and who a bad row of it is told of. */
struct making {
	struct sp_number_build *b;
	struct app_csv *csv;
	struct sp_report *r;

	/* the row of the configuration itself; list NULL: it is of a file */
	const char *list, *name;
	size_t index;
};

static void row_bad(const char *file, unsigned line, const char *key, const char *value,
		    const char *mend, void *arg)
{
	const struct sp_conf_src src = {.file = file, .line = line};
	const struct making *m = arg;
	char path[KEY_SIZE];

	if (m->list) {
		const size_t len = strlen(m->name);

		/* the key that a column of account_files has another name for */
		if (!strcmp(m->list, "accounts") && !strcmp(key, "account"))
			key = "name";
		(void)re_snprintf(path, sizeof(path), "%s[%zu] \"%b\".%s", m->list, m->index,
				  m->name, len < SHOWN_MAX ? len : (size_t)SHOWN_MAX, key);
		key = path;
	}
	sp_report_add(m->r, &src, key, value, "%s", mend);
}

/* @return err, but what is in the report is no reason to leave the rest unread */
static int serious(int err)
{
	return err == EINVAL ? 0 : err;
}

static int add_number(struct making *m, const struct sp_conf_number *n)
{
	struct sp_number_header headerv[SP_NUMBER_HEADERS_MAX];
	struct sp_number_row row = {
		.number = n->number,
		.holev = n->holev,
		.holec = n->holec,
		.trunkc = n->trunkc,
		.carrierc = n->carrierc,
		.account = n->account,
		.label = n->label,
		.enabled_from = n->enabled_from,
		.enabled_to = n->enabled_to,
		.caller_id = n->caller_id,
		.location = n->location,
		.headers_to_carrier = n->headers_to_carrier,
		.headerv = headerv,
		.file = n->src.file,
		.line = n->src.line,
	};

	for (size_t i = 0; i < n->trunkc && i < SP_NUMBER_ROUTES_MAX; i++)
		row.trunkv[i] = n->trunkv[i];
	for (size_t i = 0; i < n->carrierc && i < SP_NUMBER_ROUTES_MAX; i++)
		row.carrierv[i] = n->carrierv[i];
	for (; row.headerc < n->headerc && row.headerc < SP_NUMBER_HEADERS_MAX; row.headerc++) {
		headerv[row.headerc].name = n->headerv[row.headerc].name;
		headerv[row.headerc].value = n->headerv[row.headerc].value;
	}

	m->list = "numbers";
	m->name = n->number;
	m->index = n->index;

	return serious(sp_number_add(m->b, &row));
}

static int add_account(struct making *m, const struct sp_conf_account *a)
{
	const struct sp_number_account_row row = {
		.name = a->name,
		.main_number = a->main_number,
		.calls = a->calls,
		.calls_per_s = a->rate.per_s,
		.burst = a->rate.burst,
		.file = a->src.file,
		.line = a->src.line,
	};

	m->list = "accounts";
	m->name = a->name;
	m->index = a->index;

	return serious(sp_number_add_account(m->b, &row));
}

static int on_numbers(const char *file, sp_number_read_h *readh, void *reader, void *arg)
{
	const struct making *m = arg;

	return sp_number_csv_read(m->b, file, readh, reader);
}

static int on_accounts(const char *file, sp_number_read_h *readh, void *reader, void *arg)
{
	const struct making *m = arg;

	return sp_number_accounts_csv_read(m->b, file, readh, reader);
}

static int add_all(struct making *m, const struct sp_conf *conf)
{
	int err = 0;

	for (size_t i = 0; i < conf->accountc && !err; i++)
		err = add_account(m, &conf->accountv[i]);
	for (size_t i = 0; i < conf->numberc && !err; i++)
		err = add_number(m, &conf->numberv[i]);
	m->list = NULL;

	for (size_t i = 0; i < conf->account_filec && !err; i++)
		err = app_csv_files(m->csv, &conf->account_filev[i], "account_files", on_accounts,
				    m);
	for (size_t i = 0; i < conf->number_filec && !err; i++)
		err = app_csv_files(m->csv, &conf->number_filev[i], "number_files", on_numbers, m);

	return err;
}

int app_numbers_load(struct sp_number_table **tp, const struct sp_conf *conf,
		     const atomic_bool *stop, struct sp_report *r)
{
	struct making m = {.r = r};
	struct sp_number_trunk *trunkv;
	int err;

	trunkv = mem_zalloc((conf->trunkc + 1) * sizeof(*trunkv), NULL);
	if (!trunkv)
		return ENOMEM;
	for (size_t i = 0; i < conf->trunkc; i++) {
		trunkv[i].name = conf->trunkv[i].name;
		trunkv[i].carrier = conf->trunkv[i].kind == SP_TRUNK_CARRIER;
	}

	err = sp_number_build_alloc(&m.b, trunkv, conf->trunkc, row_bad, &m);
	if (!err)
		err = app_csv_alloc(&m.csv, r);
	if (err)
		goto out;

	sp_number_build_stop(m.b, stop);
	err = add_all(&m, conf);
	if (!err)
		err = serious(sp_number_table_alloc(tp, m.b));

out:
	mem_deref(m.csv);
	mem_deref(m.b);
	mem_deref(trunkv);

	return err;
}
