/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Limits of accounts held against the number entries: a misspelt account would
 * limit nobody, without a word.
 */
#include <stdlib.h>
#include <string.h>

#include "app_priv.h"

enum { KEY_SIZE = 32 };

struct seen {
	const struct sp_conf_account *account;
	bool named; /* by a number entry */
};

struct search {
	struct seen *v; /* by name */
	size_t c;
	const char *last; /* of the entry before: the table keeps equal text once */
};

static int by_name(const void *a, const void *b)
{
	const struct seen *p = a, *q = b;

	return strcmp(p->account->name, q->account->name);
}

static int by_place(const void *a, const void *b)
{
	const struct seen *p = a, *q = b;

	return p->account < q->account ? -1 : p->account > q->account;
}

static void on_entry(const struct sp_number_entry *e, void *arg)
{
	struct search *s = arg;
	const struct sp_conf_account wanted = {.name = e->account};
	const struct seen key = {.account = &wanted};
	struct seen *found;

	if (e->account == s->last)
		return;
	s->last = e->account;
	found = bsearch(&key, s->v, s->c, sizeof(*s->v), by_name);
	if (found)
		found->named = true;
}

void app_account_notes(const struct app_snapshot *s, struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;
	struct search search = {.c = conf->accountc};
	char key[KEY_SIZE];

	/* that there are no numbers at all has been said */
	if (!conf->accountc || !sp_number_count(s->numbers))
		return;
	search.v = mem_zalloc(conf->accountc * sizeof(*search.v), NULL);
	if (!search.v)
		return;

	for (size_t i = 0; i < conf->accountc; i++)
		search.v[i].account = &conf->accountv[i];
	qsort(search.v, search.c, sizeof(*search.v), by_name);
	sp_number_each(s->numbers, on_entry, &search);
	qsort(search.v, search.c, sizeof(*search.v), by_place);

	for (size_t i = 0; i < search.c; i++) {
		const struct sp_conf_account *a = search.v[i].account;

		if (search.v[i].named)
			continue;
		(void)re_snprintf(key, sizeof(key), "accounts[%zu].name", i);
		sp_report_note(r, &a->src, key, a->name, "no number entry has such an account");
	}
	mem_deref(search.v);
}
