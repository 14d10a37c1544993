/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accounts of the number table: calls at once, and new calls per second.
 *
 * An account is kept while it has calls, so that a reload which limits it finds
 * them counted, and until its bucket is full again; then it is as if it had
 * never been. Those without calls wait in a list in the order in which they
 * were left. Each call clears some of it away, so there is no need of a timer.
 */
#include <string.h>

#include "sallyport/base_util.h"
#include "accounts_priv.h"

enum { BUCKETS = 4096, CLEAR = 4 /**< accounts looked at by each call */ };

static const char limit_calls[] = "account_calls";
static const char limit_rate[] = "account_calls_per_s";
static const char limit_accounts[] = "accounts";

struct account {
	struct le le;   /* in accounts->table */
	struct le idle; /* in accounts->idle, without calls */
	struct accounts *accounts;
	char *name;
	unsigned calls;
	struct sp_limit rate;
};

struct accounts {
	struct sp_loop *loop;
	struct sp_hashkey key;
	struct hash *table;
	struct list idle;
	size_t kept;
	struct sp_conf *conf; /* whose accounts `settings` finds */
	uint32_t *settings;   /* by name: index into conf->accountv + 1; 0: free */
	size_t settingc;      /* a power of two, at most half full; 0: none */
	struct sp_quiet log;
};

static uint32_t hash_name(const struct accounts *as, const char *name)
{
	return (uint32_t)sp_hash(&as->key, name, strlen(name));
}

static void account_destructor(void *arg)
{
	struct account *a = arg;

	hash_unlink(&a->le);
	list_unlink(&a->idle);
	--a->accounts->kept;
	mem_deref(a->name);
}

static void destructor(void *arg)
{
	struct accounts *as = arg;

	hash_flush(as->table);
	mem_deref(as->table);
	mem_deref(as->settings);
	mem_deref(as->conf);
}

int accounts_alloc(struct accounts **ap, struct sp_loop *loop)
{
	struct accounts *as = mem_zalloc(sizeof(*as), destructor);
	int err;

	if (!as)
		return ENOMEM;
	as->loop = loop;
	sp_hashkey_init(&as->key);
	sp_quiet_init(&as->log, 1, 1, sp_loop_now_ms(loop));
	err = hash_alloc(&as->table, BUCKETS);
	if (err)
		mem_deref(as);
	else
		*ap = as;
	return err;
}

/** The settings that conf names for an account, or where they would be. */
static uint32_t *setting_find(const struct accounts *as, const char *name)
{
	size_t i = hash_name(as, name) & (as->settingc - 1);

	while (as->settings[i] && strcmp(as->conf->accountv[as->settings[i] - 1].name, name) != 0)
		i = (i + 1) & (as->settingc - 1);
	return &as->settings[i];
}

/** Another configuration. @return ENOMEM: the old one stays */
static int take_conf(struct accounts *as, struct sp_conf *conf)
{
	uint32_t *settings = NULL;
	size_t n = 0;

	if (as->conf == conf)
		return 0;
	if (conf->accountc) {
		for (n = 1; n < 2 * conf->accountc;)
			n *= 2;
		settings = mem_zalloc(n * sizeof(*settings), NULL);
		if (!settings)
			return ENOMEM;
	}
	mem_deref(as->settings);
	mem_deref(as->conf);
	as->settings = settings;
	as->settingc = n;
	as->conf = mem_ref(conf);
	for (size_t i = 0; i < conf->accountc; i++)
		*setting_find(as, conf->accountv[i].name) = (uint32_t)i + 1;
	return 0;
}

static void limits_of(const struct accounts *as, const char *name, unsigned *calls,
		      struct sp_conf_rate *rate)
{
	const uint32_t setting = as->settingc ? *setting_find(as, name) : 0;

	if (setting) {
		*calls = as->conf->accountv[setting - 1].calls;
		*rate = as->conf->accountv[setting - 1].rate;
	} else {
		*calls = as->conf->limits.account_calls;
		*rate = as->conf->limits.account_rate;
	}
}

static bool is_name(struct le *le, void *arg)
{
	const struct account *a = le->data;

	return !strcmp(a->name, arg);
}

static int account_alloc(struct account **ap, struct accounts *as, const char *name)
{
	struct account *a = mem_zalloc(sizeof(*a), account_destructor);

	if (!a)
		return ENOMEM;
	a->accounts = as;
	++as->kept;
	if (str_dup(&a->name, name)) {
		mem_deref(a);
		return ENOMEM;
	}
	hash_append(as->table, hash_name(as, name), &a->le, a);
	*ap = a;
	return 0;
}

/** Forget some of those that are as if they had never been. */
static void clear_idle(struct accounts *as, uint64_t now_ms)
{
	for (int i = 0; i < CLEAR; i++) {
		struct account *a = list_ledata(list_head(&as->idle));

		if (!a)
			return;
		if (sp_limit_full(&a->rate, now_ms)) {
			mem_deref(a);
			continue;
		}
		list_unlink(&a->idle); /* its turn comes again, when others have had theirs */
		list_append(&as->idle, &a->idle, a);
	}
}

/** NULL: too many, or no memory. */
static struct account *account_get(struct accounts *as, const char *name)
{
	struct account *a;

	a = list_ledata(hash_lookup(as->table, hash_name(as, name), is_name, (void *)name));
	if (a)
		return a;
	return as->kept < ACCOUNTS_MAX && !account_alloc(&a, as, name) ? a : NULL;
}

static const char *refuse(struct accounts *as, const char *name, const char *limit, uint64_t now_ms)
{
	const uint64_t n = sp_quiet_count(&as->log, now_ms);

	if (n)
		sp_log(SP_LOG_WARN, "limit_reached", "account=%H limit=%s refused=%llu", sp_log_str,
		       name, limit, (unsigned long long)n);
	return limit;
}

const char *accounts_begin(struct accounts *as, struct sp_conf *conf, const char *name,
			   struct account **ap)
{
	const uint64_t now_ms = sp_loop_now_ms(as->loop);
	struct sp_conf_rate rate;
	const char *limit = NULL;
	struct account *a;
	unsigned calls;

	*ap = NULL;
	if (!name || !*name)
		return NULL;
	clear_idle(as, now_ms);
	a = take_conf(as, conf) ? NULL : account_get(as, name);
	if (!a)
		return refuse(as, name, limit_accounts, now_ms);

	limits_of(as, name, &calls, &rate);
	sp_limit_change(&a->rate, rate.per_s, rate.burst, now_ms);
	if (calls && a->calls >= calls)
		limit = limit_calls;
	else if (!sp_limit_take(&a->rate, now_ms))
		limit = limit_rate;
	if (limit) {
		/* refused at once, and without calls: what it lacks is tokens */
		if (!a->calls && !a->idle.list)
			list_append(&as->idle, &a->idle, a);
		return refuse(as, name, limit, now_ms);
	}

	++a->calls;
	list_unlink(&a->idle);
	*ap = a;
	return NULL;
}

void accounts_end(struct account *a)
{
	struct accounts *as = a ? a->accounts : NULL;

	if (!a || --a->calls)
		return;
	if (sp_limit_full(&a->rate, sp_loop_now_ms(as->loop)))
		mem_deref(a);
	else
		list_append(&as->idle, &a->idle, a);
}

size_t accounts_kept(const struct accounts *as)
{
	return as->kept;
}
