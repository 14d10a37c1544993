/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A name that is watched: looked up at once, again at about nine tenths of its
 * TTL, and after a failure with a growing delay. What was known stays when DNS
 * fails, and also when it denies all knowledge of the name: a zone that is
 * emptied by mistake must not stop calls, and whoever is at the old address
 * still has to show the trunk's certificate.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "sallyport/base_log.h"
#include "sallyport/base_util.h"
#include "dns_inner.h"

enum {
	REFRESH_PERCENT = 85, /* of the TTL, and up to so many more: */
	REFRESH_JITTER = 10,
	RENEW_MS = 1000 /* new settings: names are looked up within */
};

struct dns_name {
	struct le le;
	struct dns *d; /* NULL when it is gone */
	struct sp_loop *loop;
	char host[DNS_HOST_SIZE];
	uint16_t port;
	bool srv, literal;
	dns_name_h *h;
	void *arg;

	struct dns_lookup *lookup; /* in progress */
	struct sp_timer timer;     /* to the next one */
	bool looked_up;
	uint64_t done_ms; /* when the last one ended */
	uint64_t expires_ms;
	unsigned retry_s; /* 0: the last one went well */
	bool failing;     /* and it was told */
	uint64_t failing_ms;

	struct dns_place placev[DNS_PLACES_MAX];
	size_t placec;
	char why[DNS_WHY_SIZE];
};

static void begin(void *arg);

static bool same_place(const struct dns_place *a, const struct dns_place *b)
{
	return sa_cmp(&a->addr, &b->addr, SA_ALL) && a->priority == b->priority &&
	       a->weight == b->weight && !str_casecmp(a->host, b->host);
}

/* Servers turn the order of records with each answer: that is no change. */
static bool same_places(const struct dns_name *n, const struct dns_result *r)
{
	if (n->placec != r->placec)
		return false;
	for (size_t i = 0; i < r->placec; ++i) {
		size_t k = 0;

		while (k < n->placec && !same_place(&r->placev[i], &n->placev[k]))
			++k;
		if (k == n->placec)
			return false;
	}
	return true;
}

static int print_places(struct re_printf *pf, const struct dns_name *n)
{
	int err = 0;

	for (size_t i = 0; i < n->placec && !err; ++i)
		err = re_hprintf(pf, "%s%J", i ? "," : "", &n->placev[i].addr);
	return err || n->placec ? err : re_hprintf(pf, "-");
}

static void log_result(struct dns_name *n, const struct dns_result *r, bool changed, uint64_t now)
{
	/* again when what it was called by meanwhile is gone too */
	if (r->err && (!n->failing || (changed && !n->placec))) {
		n->failing_ms = n->failing ? n->failing_ms : now;
		sp_log(SP_LOG_WARN, "dns_failed", "name=%s why=%H addresses=%H", n->host,
		       sp_log_str, n->why, print_places, n);
	} else if (!r->err && n->failing) {
		sp_log(SP_LOG_INFO, "dns_back", "name=%s after_s=%u", n->host,
		       (unsigned)((now - n->failing_ms) / 1000));
	}
	n->failing = r->err != 0;
	if (changed)
		sp_log(*r->without ? SP_LOG_WARN : SP_LOG_INFO, "dns_changed",
		       "name=%s addresses=%H ttl_s=%u%s%s", n->host, print_places, n, dns_ttl_s(n),
		       *r->without ? " without=" : "", r->without);
}

static uint32_t clamp_ttl(const struct dns *d, uint32_t ttl_s)
{
	return MAX(MIN(ttl_s, d->ttl_max_s), MAX(d->ttl_min_s, 1u));
}

/* Refreshes of many names that were first asked for together drift apart. */
static void schedule(struct dns_name *n, const struct dns_result *r)
{
	uint64_t delay_ms;

	if (!r->err || r->unavailable) {
		const uint64_t ttl_ms = clamp_ttl(n->d, r->ttl_s) * 1000ull;

		n->retry_s = 0;
		delay_ms = ttl_ms * REFRESH_PERCENT / 100 +
			   sp_random_below((uint32_t)(ttl_ms * REFRESH_JITTER / 100) + 1);
	} else {
		n->retry_s = n->retry_s ? MIN(n->retry_s * 2, (unsigned)DNS_RETRY_MAX_S)
					: (unsigned)DNS_RETRY_MIN_S;
		delay_ms = n->retry_s * 750ull + sp_random_below(n->retry_s * 250u + 1);
	}
	sp_timer_start(n->loop, &n->timer, delay_ms, begin, n);
}

static void tell(struct dns_name *n)
{
	mem_ref(n); /* h may let go of it */
	n->h(n, n->arg);
	mem_deref(n);
}

/* Of what is partly from before, nobody knows how long it is true. */
static uint64_t expiry(const struct dns_name *n, const struct dns_result *r, uint64_t now)
{
	return r->keep ? n->expires_ms : r->stale ? now : now + clamp_ttl(n->d, r->ttl_s) * 1000ull;
}

static void apply(struct dns_name *n, const struct dns_result *r)
{
	const uint64_t now = sp_loop_now_ms(n->loop);
	const bool changed = !r->keep && !same_places(n, r);
	const bool news = changed || !n->looked_up || strcmp(n->why, r->why) != 0;

	n->looked_up = true;
	n->done_ms = now;
	n->expires_ms = expiry(n, r, now);
	if (changed) {
		memcpy(n->placev, r->placev, r->placec * sizeof(*r->placev));
		n->placec = r->placec;
	}
	str_ncpy(n->why, r->why, sizeof(n->why));
	schedule(n, r);
	log_result(n, r, changed, now);
	if (news)
		tell(n);
}

static void on_result(const struct dns_result *r, void *arg)
{
	struct dns_name *n = arg;
	struct dns_lookup *l = n->lookup; /* r is part of it */

	n->lookup = NULL;
	apply(n, r);
	mem_deref(l);
}

static void begin(void *arg)
{
	struct dns_name *n = arg;
	const struct dns_subject subject = {.host = n->host,
					    .port = n->port,
					    .srv = n->srv,
					    .placev = n->placev,
					    .placec = n->placec};

	if (n->literal) {
		n->looked_up = true;
		tell(n);
	} else if (dns_lookup_start(&n->lookup, n->d, &subject, on_result, n)) {
		sp_timer_start(n->loop, &n->timer, DNS_RETRY_MIN_S * 1000, begin, n);
		sp_log(SP_LOG_WARN, "dns_failed", "name=%s why=\"out of memory\"", n->host);
	}
}

static void destructor(void *arg)
{
	struct dns_name *n = arg;

	list_unlink(&n->le);
	sp_timer_cancel(&n->timer);
	mem_deref(n->lookup);
}

static void set_literal(struct dns_name *n, const struct sa *addr)
{
	n->literal = true;
	n->placec = 1;
	n->placev[0].addr = *addr;
	memcpy(n->placev[0].host, n->host, sizeof(n->host));
}

int dns_watch(struct dns_name **np, struct dns *d, const char *host, uint16_t port, bool srv,
	      dns_name_h *h, void *arg)
{
	struct dns_name *n;
	size_t len = str_len(host);
	struct sa addr;

	if (len && host[len - 1] == '.')
		--len;
	if (!len || len >= DNS_HOST_SIZE)
		return EINVAL;
	n = mem_zalloc(sizeof(*n), destructor);
	if (!n)
		return ENOMEM;
	memcpy(n->host, host, len);
	n->d = d;
	n->loop = d->loop;
	n->port = port;
	n->srv = srv;
	n->h = h;
	n->arg = arg;
	if (!sa_set_str(&addr, n->host, port))
		set_literal(n, &addr);
	list_append(&d->namel, &n->le, n);
	sp_timer_start(n->loop, &n->timer, 0, begin, n);
	*np = n;
	return 0;
}

const struct dns_place *dns_places(const struct dns_name *n, size_t *count)
{
	*count = n->placec;
	return n->placev;
}

const char *dns_why(const struct dns_name *n)
{
	return n->why;
}

bool dns_looked_up(const struct dns_name *n)
{
	return n->looked_up;
}

void dns_again(struct dns_name *n)
{
	const uint64_t now = sp_loop_now_ms(n->loop);

	if (!n->d || n->literal || n->lookup || !n->looked_up ||
	    now - n->done_ms < DNS_RETRY_MIN_S * 1000)
		return;
	sp_timer_start(n->loop, &n->timer, 0, begin, n);
}

unsigned dns_ttl_s(const struct dns_name *n)
{
	const uint64_t now = sp_loop_now_ms(n->loop);

	if (n->literal)
		return UINT_MAX;
	return n->expires_ms > now ? (unsigned)((n->expires_ms - now + 999) / 1000) : 0;
}

/** The settings have changed: look everything up again, soon. */
void dns_names_refresh(struct dns *d)
{
	struct le *le;

	LIST_FOREACH(&d->namel, le)
	{
		struct dns_name *n = le->data;

		n->retry_s = 0;
		if (!n->literal && !n->lookup && n->looked_up)
			sp_timer_start(n->loop, &n->timer, sp_random_below(RENEW_MS), begin, n);
	}
}

/** d is about to go: its names stay as they are, and are not looked up any more. */
void dns_names_orphan(struct dns *d)
{
	struct le *le;

	while ((le = d->namel.head) != NULL) {
		struct dns_name *n = le->data;

		list_unlink(&n->le);
		sp_timer_cancel(&n->timer);
		n->lookup = mem_deref(n->lookup);
		n->d = NULL;
	}
}
