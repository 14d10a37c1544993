/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header rules and `pass` held against the number entries, which only the
 * whole configuration knows: a rule for a custom header or an account that no
 * entry has, and a `pass` that lets nothing through, for it is a custom header.
 *
 * One walk through the table answers everything. Names and accounts are
 * compared by their address first: the table keeps equal text once.
 */
#include <string.h>

#include "app_priv.h"

enum {
	NAMES_MAX = 64,    /* custom headers, and accounts, that may be suggested */
	PATTERNS_MAX = 64, /* different `account` of all rules                    */
	KEY_SIZE = 160
};

struct notes {
	const struct app_snapshot *s;
	struct sp_report *r;

	const struct sp_number_header *headerv;  /* of the entry before */
	const struct sp_number_account *account; /* likewise            */
	const char *namev[NAMES_MAX];            /* of custom headers   */
	size_t namec;
	const char *accountv[NAMES_MAX];
	size_t accountc;
	const char *patternv[PATTERNS_MAX]; /* that fit no account yet */
	size_t patternc;
};

/* "*" stands for any text. Behind a literal that was found, the next "*" starts anew. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			again = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}

	return !pattern[strspn(pattern, "*")];
}

static void add_once(const char **v, size_t *c, const char *s)
{
	if (*c == NAMES_MAX)
		return;
	for (size_t i = 0; i < *c; i++) {
		if (v[i] == s || !strcmp(v[i], s))
			return;
	}
	v[(*c)++] = s;
}

static void look_at_account(struct notes *n, const struct sp_number_account *account)
{
	n->account = account;
	if (*account->name)
		add_once(n->accountv, &n->accountc, account->name);
	for (size_t i = n->patternc; i--;) {
		if (fits(n->patternv[i], account->name))
			n->patternv[i] = n->patternv[--n->patternc];
	}
}

static void on_entry(const struct sp_number_entry *e, size_t rulec, void *arg)
{
	struct notes *n = arg;
	(void)rulec;

	if (e->account != n->account)
		look_at_account(n, e->account);
	if (!e->headerc || e->headerv == n->headerv)
		return;
	n->headerv = e->headerv;
	for (size_t i = 0; i < e->headerc; i++)
		add_once(n->namev, &n->namec, e->headerv[i].name);
}

static const char *suggest(char buf[KEY_SIZE], const char *word, const char *const *v, size_t c)
{
	const char *near = sp_conf_near(word, v, c);

	buf[0] = '\0';
	if (near)
		(void)re_snprintf(buf, KEY_SIZE, "; did you mean \"%s\"?", near);

	return buf;
}

static bool is_custom(const struct notes *n, const char *name)
{
	struct pl pl;

	pl_set_str(&pl, name);

	return sp_number_has_header(n->s->numbers, &pl);
}

/* Each {number:NAME} of a value. */
static void check_value(struct notes *n, const struct sp_conf_rule *rule, const char *path)
{
	static const char word[] = "{number:";
	char name[SP_NUMBER_HEADER_NAME_MAX + 1], near[KEY_SIZE], key[KEY_SIZE + 8];
	const char *p = rule->value ? rule->value : "";
	size_t len;

	(void)re_snprintf(key, sizeof(key), "%s.value", path);
	for (; *p; p++) {
		if (p[0] == '{' && p[1] == '{') {
			p++;
			continue;
		}
		if (strncmp(p, word, sizeof(word) - 1))
			continue;
		p += sizeof(word) - 1;
		len = strcspn(p, "}");
		if (len >= sizeof(name))
			continue;
		memcpy(name, p, len);
		name[len] = '\0';
		if (!is_custom(n, name))
			sp_report_note(n->r, &rule->src, key, rule->value,
				       "no number entry has a header \"%s\"%s", name,
				       suggest(near, name, n->namev, n->namec));
	}
}

static void check_account(struct notes *n, const struct sp_conf_rule *rule, const char *path)
{
	const char *account = rule->when.account;
	char near[KEY_SIZE], key[KEY_SIZE + 16];

	(void)re_snprintf(key, sizeof(key), "%s.when.account", path);
	for (size_t i = 0; account && i < n->patternc; i++) {
		if (!strcmp(n->patternv[i], account))
			sp_report_note(n->r, &rule->src, key, account,
				       "no number entry has such an account%s",
				       suggest(near, account, n->accountv, n->accountc));
	}
}

static void check_rules(struct notes *n, size_t trunk, const char *list,
			const struct sp_conf_rule *v, size_t c)
{
	char path[KEY_SIZE];

	for (size_t i = 0; i < c; i++) {
		(void)re_snprintf(path, sizeof(path), "trunks[%zu] \"%s\".%s[%zu]", trunk,
				  n->s->conf->trunkv[trunk].name, list, i);
		check_value(n, &v[i], path);
		check_account(n, &v[i], path);
	}
}

static void check_pass(struct notes *n, size_t trunk)
{
	const struct sp_conf_trunk *t = &n->s->conf->trunkv[trunk];
	char path[KEY_SIZE];

	(void)re_snprintf(path, sizeof(path), "trunks[%zu] \"%s\".pass", trunk, t->name);
	for (size_t i = 0; i < t->passc; i++) {
		if (is_custom(n, t->passv[i]))
			sp_report_note(n->r, &t->src, path, t->passv[i],
				       "is a custom header of number entries, which only the "
				       "gateway writes: nobody else's passes");
	}
}

static void want_accounts(struct notes *n, const struct sp_conf_rule *v, size_t c)
{
	for (size_t i = 0; i < c; i++) {
		const char *account = v[i].when.account;
		bool known = !account || fits(account, ""); /* what has no account fits */

		for (size_t k = 0; k < n->patternc && !known; k++)
			known = !strcmp(n->patternv[k], account);
		if (!known && n->patternc < PATTERNS_MAX)
			n->patternv[n->patternc++] = account;
	}
}

/* Files without a row. That there is neither a file nor an entry has been said. */
static void check_empty(const struct app_snapshot *s, struct sp_report *r)
{
	const struct sp_conf *conf = s->conf;

	if (!sp_number_count(s->numbers) && conf->number_filec)
		sp_report_note(r, &conf->number_filev[0].src, "number_files", NULL,
			       "there is no number in them: no call finds its trunk");
}

void app_notes(const struct app_snapshot *s, struct sp_report *r)
{
	struct notes n = {.s = s, .r = r};
	size_t wanted = 0;

	check_empty(s, r);

	for (size_t i = 0; i < s->conf->trunkc; i++) {
		const struct sp_conf_trunk *t = &s->conf->trunkv[i];

		wanted += t->rules_inc + t->rules_outc + t->passc;
		want_accounts(&n, t->rules_inv, t->rules_inc);
		want_accounts(&n, t->rules_outv, t->rules_outc);
	}
	/* that there are no numbers at all has been said */
	if (!wanted || !sp_number_count(s->numbers))
		return;

	sp_number_each(s->numbers, on_entry, &n);
	for (size_t i = 0; i < s->conf->trunkc; i++) {
		const struct sp_conf_trunk *t = &s->conf->trunkv[i];

		check_rules(&n, i, "headers_in", t->rules_inv, t->rules_inc);
		check_rules(&n, i, "headers_out", t->rules_outv, t->rules_outc);
		check_pass(&n, i);
	}
}
