/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --check: what the number table holds, and how much of it is whose. Accounts
 * may be many, so the largest are told, and the others in one sum.
 */
#include <stdlib.h>
#include <string.h>

#include "app_priv.h"

enum { TOLD_MAX = 20 };

struct accounts {
	const struct sp_number_account **v;
	size_t c, size;
	size_t rules; /* of all of them */
};

static void on_account(const struct sp_number_account *a, void *arg)
{
	struct accounts *as = arg;

	if (as->c < as->size)
		as->v[as->c++] = a;
	as->rules += a->rulec;
}

static int by_rules(const void *p, const void *q)
{
	const struct sp_number_account *a = *(const struct sp_number_account *const *)p;
	const struct sp_number_account *b = *(const struct sp_number_account *const *)q;

	if (a->rulec != b->rulec)
		return a->rulec < b->rulec ? 1 : -1;

	return strcmp(a->name, b->name);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_account(struct re_printf *pf, const struct sp_number_account *a)
{
	(void)re_hprintf(pf, "account %s: %zu rule%s", a->name, a->rulec, plural(a->rulec));
	if (*a->main_number)
		(void)re_hprintf(pf, "; main number %s", a->main_number);
	if (a->limited && a->calls)
		(void)re_hprintf(pf, "; %u calls at once", a->calls);
	if (a->limited && a->calls_per_s)
		(void)re_hprintf(pf, "; %u/s (burst %u)", a->calls_per_s, a->burst);
	(void)re_hprintf(pf, "\n");
}

static void print_accounts(struct re_printf *pf, struct accounts *as, size_t rules, bool all)
{
	size_t told = as->c, rest = 0;

	qsort(as->v, as->c, sizeof(*as->v), by_rules);
	if (!all && told > TOLD_MAX)
		told = TOLD_MAX;

	for (size_t i = 0; i < as->c; i++) {
		if (i < told)
			print_account(pf, as->v[i]);
		else
			rest += as->v[i]->rulec;
	}
	if (told < as->c)
		(void)re_hprintf(pf, "%zu more account%s: %zu rule%s (--verbose tells all)\n",
				 as->c - told, plural(as->c - told), rest, plural(rest));
	if (rules > as->rules)
		(void)re_hprintf(pf, "no account: %zu rule%s\n", rules - as->rules,
				 plural(rules - as->rules));
}

/* Rules by the carrier trunks that their entries name. */
static void on_entry(const struct sp_number_entry *e, size_t rulec, void *arg)
{
	size_t *rulev = arg;

	for (size_t i = 0; i < e->carrierc; i++)
		rulev[e->carrierv[i]] += rulec;
}

static void print_carriers(struct re_printf *pf, const struct app_snapshot *s)
{
	const struct sp_conf *conf = s->conf;
	size_t *rulev = mem_zalloc((conf->trunkc + 1) * sizeof(*rulev), NULL);

	if (!rulev)
		return;
	sp_number_each(s->numbers, on_entry, rulev);
	for (size_t i = 0; i < conf->trunkc; i++) {
		if (rulev[i])
			(void)re_hprintf(pf, "carrier %s: named by %zu rule%s\n",
					 conf->trunkv[i].name, rulev[i], plural(rulev[i]));
	}
	mem_deref(rulev);
}

void app_check_numbers(struct re_printf *pf, const struct app_snapshot *s, bool all)
{
	const struct sp_number_table *t = s->numbers;
	struct sp_number_counts c;
	struct accounts as = {.c = 0};

	sp_number_counts(t, &c);
	(void)re_hprintf(pf,
			 "numbers: %zu exact, %zu range%s, %zu prefix%s; %llu numbers without the "
			 "prefixes; %zu entr%s that differ%s\n",
			 c.exact, c.ranges, plural(c.ranges), c.prefixes,
			 c.prefixes == 1 ? "" : "es", c.covered, c.entries,
			 c.entries == 1 ? "y" : "ies", c.entries == 1 ? "s" : "");

	print_carriers(pf, s);

	as.size = c.accounts;
	as.v = mem_zalloc((as.size + 1) * sizeof(*as.v), NULL);
	if (!as.v)
		return;
	sp_number_each_account(t, on_account, &as);
	print_accounts(pf, &as, sp_number_count(t), all);
	mem_deref(as.v);
}
