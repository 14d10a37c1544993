/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts: rows name them, and some have settings of their own, which may come
 * before or after those rows. Each is one object, whatever comes first.
 */
#include <stddef.h>
#include <string.h>
#include <re.h>
#include "build_priv.h"

struct sp_number_account *number_account(struct sp_number_build *b, const char *name)
{
	struct number_store *s = &b->store;
	struct sp_number_account *a, **slot;
	const char *kept;
	bool isnew;
	int err = s->strings ? 0 : number_pool_alloc(&s->strings, 1);

	if (!err && !s->people)
		err = number_pool_alloc(&s->people, _Alignof(struct sp_number_account));
	kept = err ? NULL : number_pool_string(s->strings, name);
	if (!kept)
		return NULL;

	/* Names are interned: the pointer tells them apart, and is an account's first member. */
	_Static_assert(!offsetof(struct sp_number_account, name), "the name comes first");
	slot = number_vec_add(&s->accountv, sizeof(struct sp_number_account *));
	if (!slot)
		return NULL;
	--s->accountv.c;

	a = number_pool_object(s->people, &kept, sizeof(kept), sizeof(*a), &isnew);
	if (a && isnew) {
		a->main_number = "";
		a->file = "";
		++s->accountv.c;
		*slot = a;
	}

	return a;
}

bool number_is_or_none(const char *s)
{
	uint64_t key;

	return !s || !s[0] || number_pack(&key, s, strlen(s));
}

static bool account_check(struct sp_number_build *b, const struct sp_number_account_row *row)
{
	char buf[NUMBER_MEND_SIZE];
	bool ok = true;

	if (!row->name || !row->name[0] || !number_text_ok(row->name, SP_NUMBER_ACCOUNT_MAX)) {
		number_report(b, row->file, row->line, "account", row->name,
			      "name the account in 1 to 100 bytes of UTF-8 text without control "
			      "characters");
		ok = false;
	}
	if (!number_is_or_none(row->main_number)) {
		number_report(b, row->file, row->line, "main_number", row->main_number,
			      number_meant(buf, "write it as E.164: \"+\" and 1 to 15 digits",
					   row->main_number, strlen(row->main_number)));
		ok = false;
	}

	return ok;
}

int sp_number_add_account(struct sp_number_build *b, const struct sp_number_account_row *row)
{
	const char *main_number, *file;
	struct sp_number_account *a;

	if (!b || !row)
		return EINVAL;
	if (number_stopped(b))
		return ECANCELED;
	if (!account_check(b, row))
		return EINVAL;

	a = number_account(b, row->name);
	if (!a)
		return ENOMEM;
	if (a->limited) { /* by an earlier row */
		char mend[NUMBER_MEND_SIZE];

		(void)re_snprintf(mend, sizeof(mend), "delete one of the two: also at %s:%u",
				  a->file, a->line);
		number_report(b, row->file, row->line, "account", row->name, mend);
		return EINVAL;
	}

	main_number =
		number_pool_string(b->store.strings, row->main_number ? row->main_number : "");
	file = number_pool_string(b->store.strings, row->file ? row->file : "");
	if (!main_number || !file)
		return ENOMEM;

	a->main_number = main_number;
	a->file = file;
	a->line = row->line;
	a->calls = row->calls;
	a->calls_per_s = row->calls_per_s;
	a->burst = row->burst;
	a->limited = true;

	return 0;
}
