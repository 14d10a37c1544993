/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Settings of accounts held against the number entries: a misspelt account would
 * limit nobody, without a word.
 */
#include <string.h>

#include "app_priv.h"

enum { KEY_SIZE = 32, TOLD_MAX = 20 };

struct search {
	const struct sp_conf *conf;
	struct sp_report *r;
	size_t unused;
};

/* Where the configuration itself has the account, its key; else the column's name. */
static const char *key_of(char buf[KEY_SIZE], const struct sp_conf *conf,
			  const struct sp_number_account *a)
{
	for (size_t i = 0; i < conf->accountc; i++) {
		const struct sp_conf_account *c = &conf->accountv[i];

		if (c->src.line == a->line && !strcmp(c->name, a->name)) {
			(void)re_snprintf(buf, KEY_SIZE, "accounts[%zu].name", i);
			return buf;
		}
	}

	return "account";
}

static void on_account(const struct sp_number_account *a, void *arg)
{
	const struct sp_conf_src src = {.file = a->file, .line = a->line};
	struct search *s = arg;
	char key[KEY_SIZE];

	if (!*a->file || a->rulec || s->unused++ >= TOLD_MAX)
		return;

	sp_report_note(s->r, &src, key_of(key, s->conf, a), a->name,
		       "no number entry has such an account");
}

void app_account_notes(const struct app_snapshot *s, struct sp_report *r)
{
	struct search search = {.conf = s->conf, .r = r};

	/* that there are no numbers at all has been said */
	if (!sp_number_count(s->numbers))
		return;

	sp_number_each_account(s->numbers, on_account, &search);
	if (search.unused > TOLD_MAX)
		sp_report_note(r, NULL, "accounts", NULL,
			       "%zu more accounts with settings that no number entry has",
			       search.unused - TOLD_MAX);
}
