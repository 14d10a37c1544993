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

#include "sallyport/base_log.h"
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

const char *accounts_begin(struct accounts *as, const struct sp_conf_limits *all,
			   const struct sp_number_account *of, struct account **ap)
{
	const uint64_t now_ms = sp_loop_now_ms(as->loop);
	const unsigned calls = of->limited ? of->calls : all->account_calls;
	const char *limit = NULL, *name = of->name;
	struct account *a;

	*ap = NULL;
	if (!*name)
		return NULL;
	clear_idle(as, now_ms);
	a = account_get(as, name);
	if (!a)
		return refuse(as, name, limit_accounts, now_ms);

	if (of->limited)
		sp_limit_change(&a->rate, of->calls_per_s, of->burst, now_ms);
	else
		sp_limit_change(&a->rate, all->account_rate.per_s, all->account_rate.burst, now_ms);
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
