/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table is made out of a build: its entries and strings are taken over as they
 * are, its rules go into the indexes, and what can only be judged now is.
 */
#include <string.h>
#include <re.h>
#include "table_priv.h"

int number_go_on(struct number_making *m)
{
	if (m->told > SP_NUMBER_REPORTS_MAX)
		return EINVAL;

	return number_stop_soon(m->b) ? ECANCELED : 0;
}

static void table_destructor(void *arg)
{
	struct sp_number_table *t = arg;

	mem_deref(t->countv);
	number_area_free(&t->exact.area);
	number_vec_free(&t->tree.nodev);
	number_vec_free(&t->tree.refv);
	number_vec_free(&t->refv);
	number_store_free(&t->store);
}

/** Nothing is added any more. Names of headers stay open: they are looked up. */
static void take_store(struct sp_number_table *t, struct sp_number_build *b)
{
	t->store = b->store;
	memset(&b->store, 0, sizeof(b->store));

	number_pool_seal(t->store.strings);
	number_pool_seal(t->store.lists);
	number_pool_seal(t->store.items);
	number_pool_seal(t->store.people);
}

/** "main" needs the account's number, which may have come after the row. */
static void check_main(struct number_making *m, const struct number_item *item)
{
	const struct sp_number_account *account = item->entry.account;
	char mend[NUMBER_MEND_SIZE];

	if (item->entry.caller_id != SP_NUMBER_CALLER_MAIN || account->main_number[0] ||
	    !item->rulec)
		return;

	if (account->name[0])
		(void)re_snprintf(mend, sizeof(mend),
				  "give account \"%s\" a main_number, which callers are to show",
				  account->name);
	else
		(void)re_snprintf(mend, sizeof(mend),
				  "name an account that has a main_number, which callers are to "
				  "show");
	number_tell(m, item->place, "caller_id", "main", mend);
}

/** Rules per account and service trunk; and what entries need of their accounts. */
static int count(struct number_making *m)
{
	struct sp_number_table *t = m->t;
	size_t i, n;
	int err = 0;

	t->counts.entries = t->store.itemv.c;
	for (i = 0; i < t->store.itemv.c && !err; i++) {
		const struct number_item *item = number_item(&t->store, (uint32_t)i);
		/* ours: only users of the table must not change it */
		struct sp_number_account *account = (struct sp_number_account *)item->entry.account;

		account->rulec += item->rulec;
		for (n = 0; n < item->entry.trunkc; n++)
			t->countv[item->entry.trunkv[n]] += item->rulec;
		check_main(m, item);
		err = number_go_on(m);
	}

	return err;
}

static void count_accounts(struct sp_number_table *t)
{
	struct sp_number_account *const *v = t->store.accountv.area.p;
	size_t i;

	for (i = 0; i < t->store.accountv.c; i++)
		t->counts.accounts += v[i]->name[0] != '\0';
}

static int make(struct number_making *m)
{
	struct sp_number_table *t = m->t;
	int err = 0;
	size_t i;

	for (i = 0; i <= SP_NUMBER_DIGITS_MAX; i++)
		t->tree.rootv[i] = NUMBER_NONE;
	t->counts.exact = m->b->stagedv.c;
	t->counts.prefixes = m->b->branchv.c;
	t->counts.ranges = t->store.rulev.c - t->counts.prefixes;
	t->counts.covered = m->b->stagedv.c + m->b->covered;
	t->trunkc = m->b->trunkc;
	if (t->trunkc) {
		t->countv = mem_zalloc(t->trunkc * sizeof(*t->countv), NULL);
		err = t->countv ? 0 : ENOMEM;
	}

	if (!err)
		err = number_exact_make(m);
	if (!err)
		err = number_ranges_make(m);
	if (!err)
		err = number_prefixes_make(m);
	if (!err)
		err = count(m);
	count_accounts(t);

	return err;
}

int sp_number_table_alloc(struct sp_number_table **tp, struct sp_number_build *b)
{
	struct number_making m = {.b = b};
	int err = ENOMEM;

	if (!tp || !b)
		return EINVAL;

	m.t = mem_zalloc(sizeof(*m.t), table_destructor);
	if (m.t) {
		take_store(m.t, b);
		err = number_stopped(b) ? ECANCELED : make(&m);
	}

	/* Clashes are looked for even after bad rows: everything is told at once. */
	if (!err && b->bad)
		err = EINVAL;
	number_build_empty(b);
	if (err)
		mem_deref(m.t);
	else
		*tp = m.t;

	return err;
}
