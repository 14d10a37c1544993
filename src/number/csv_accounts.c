/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Settings of accounts as CSV files. An empty cell is a setting left out.
 */
#include <string.h>
#include <sallyport/base_util.h>
#include "csv_priv.h"

enum { LIMIT_MAX = 100000 }; /* as in the configuration file */

enum column { ACCOUNT, MAIN_NUMBER, CALLS, CALLS_PER_S, CALLS_BURST, COLUMNS };

static const char *const columns[] = {
	[ACCOUNT] = "account",         [MAIN_NUMBER] = "main_number", [CALLS] = "calls",
	[CALLS_PER_S] = "calls_per_s", [CALLS_BURST] = "calls_burst",
};

static const struct csv_form form = {
	.namev = columns,
	.namec = COLUMNS,
	.needc = ACCOUNT + 1,
	.names = "account, main_number, calls, calls_per_s and calls_burst",
	.needed = "account is",
};

static bool limit(struct csv_file *f, unsigned *out, const char *key, const char *s)
{
	uint32_t value = 0;
	struct pl pl;

	pl_set_str(&pl, s);
	if (s[0] && sp_u32(&value, &pl, LIMIT_MAX)) {
		csv_refuse(f, key, s, "write a whole number from 0, for no limit, to 100000");
		return false;
	}

	*out = value;

	return true;
}

static bool cell(struct csv_file *f, struct sp_number_account_row *row, size_t i)
{
	const enum column kind = (enum column)f->columnv[i].kind;
	const char *s = f->reader.fieldv[i];

	switch (kind) {
	case ACCOUNT:
		row->name = s;
		break;
	case MAIN_NUMBER:
		row->main_number = s;
		break;
	case CALLS:
		return limit(f, &row->calls, columns[kind], s);
	case CALLS_PER_S:
		return limit(f, &row->calls_per_s, columns[kind], s);
	case CALLS_BURST:
		return limit(f, &row->burst, columns[kind], s);
	case COLUMNS:
		break;
	}

	return true;
}

static int on_row(struct csv_file *f)
{
	struct sp_number_account_row row;
	bool ok = true;
	int err;

	memset(&row, 0, sizeof(row));
	row.file = f->name;
	row.line = f->reader.start;
	for (size_t i = 0; i < f->columnc; i++)
		ok &= cell(f, &row, i);

	if (ok && row.burst && !row.calls_per_s) {
		char value[16];

		(void)re_snprintf(value, sizeof(value), "%u", row.burst);
		csv_refuse(f, columns[CALLS_BURST], value,
			   "give calls_per_s too, how many a second go on after these; without it "
			   "there is no limit");
		ok = false;
	}
	if (!row.burst)
		row.burst = row.calls_per_s;

	/* whatever its limits are: all that is wrong is told at once */
	err = sp_number_add_account(f->b, &row);

	return err ? err : ok ? 0 : EINVAL;
}

int sp_number_accounts_csv_read(struct sp_number_build *b, const char *file,
				sp_number_read_h *readh, void *arg)
{
	struct csv_file *f;
	int err;

	if (!b || !readh)
		return EINVAL;

	f = mem_zalloc(sizeof(*f), NULL);
	if (!f)
		return ENOMEM;

	f->b = b;
	f->name = file ? file : "";
	f->form = &form;
	f->readh = readh;
	f->arg = arg;

	err = csv_file_read(f, on_row);
	mem_deref(f);

	return err;
}
