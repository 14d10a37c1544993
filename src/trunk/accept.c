/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accepted connections: whose they are, and how many there may be.
 *
 * Three limits hold at once: in all, per trunk, and per source address. The
 * table of sources has an entry only for addresses with a connection, so the
 * limit in all bounds it too.
 */
#include <errno.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

enum { REFUSED_LOG_RATE = 10, REFUSED_LOG_BURST = 50 };

static void source_destructor(void *arg)
{
	struct source *src = arg;

	hash_unlink(&src->le);
}

static bool source_is(struct le *le, void *arg)
{
	const struct source *src = le->data;

	return sa_cmp(&src->addr, arg, SA_ADDR);
}

/* A reference, whether new or known. */
static struct source *source_get(struct sp_trunks *ts, const struct sa *addr)
{
	const uint32_t key = addr_hash(&ts->key, addr);
	struct sa want = *addr;
	struct source *src = list_ledata(hash_lookup(ts->sources, key, source_is, &want));

	if (src)
		return mem_ref(src);

	src = mem_zalloc(sizeof(*src), source_destructor);
	if (src) {
		src->addr = *addr;
		hash_append(ts->sources, key, &src->le, src);
	}
	return src;
}

int source_table_alloc(struct sp_trunks *ts)
{
	sp_hashkey_init(&ts->key);
	sp_quiet_init(&ts->refused_log, REFUSED_LOG_RATE, REFUSED_LOG_BURST,
		      sp_loop_now_ms(ts->loop));
	return hash_alloc(&ts->sources, TRUNK_SOURCE_BUCKETS);
}

/* Authenticated peers can fill a disk too. */
static void refuse(struct sp_trunks *ts, struct sp_trunk *t, struct sp_tls_conn *tls,
		   const char *name, const char *why)
{
	uint64_t n;

	if (t)
		++t->conns_refused;

	n = sp_quiet_count(&ts->refused_log, sp_loop_now_ms(ts->loop));
	if (n)
		sp_log(SP_LOG_WARN, "conn_refused", "trunk=%H src=%J why=%H unlogged=%llu",
		       sp_log_str, name, sp_tls_conn_raddr(tls), sp_log_str, why,
		       (unsigned long long)(n - 1));

	sp_tls_close(tls);
	mem_deref(tls);
}

/* @return why not, or NULL */
static const char *over_limit(const struct sp_trunks *ts, const struct sp_trunk *t,
			      const struct source *src)
{
	if (ts->accepted >= ts->limits.connections)
		return "limits.connections reached";
	if (t->connections >= t->conf->connections)
		return "connections of the trunk reached";
	if (!src)
		return "out of memory";
	if (src->count >= ts->limits.connections_per_source)
		return "limits.connections_per_source reached";
	return NULL;
}

static const char *unwelcome(const struct sp_trunks *ts, const struct sp_trunk *t)
{
	if (ts->closed)
		return "shutting down";
	if (!t)
		return "no such trunk";
	return t->active ? NULL : "the trunk is no longer configured";
}

void sp_trunks_accept(struct sp_trunks *ts, struct sp_tls_conn *tls)
{
	const char *name = sp_tls_peer_trunk(sp_tls_conn_peer(tls));
	struct sp_trunk *t;
	struct source *src = NULL;
	struct conn *c = NULL;
	const char *why;

	if (!ts || !tls) {
		mem_deref(tls);
		return;
	}

	t = trunks_find(ts, name);
	why = unwelcome(ts, t);
	if (!why) {
		src = source_get(ts, sp_tls_conn_raddr(tls));
		why = over_limit(ts, t, src);
	}
	if (!why && conn_new(&c, t, NULL, tls))
		why = "out of memory";
	if (why) {
		mem_deref(src);
		refuse(ts, t, tls, name, why);
		return;
	}

	c->src = src;
	++src->count;
	++t->connections;
	++ts->accepted;
	list_prepend(&t->accepted, &c->le, c);
	conn_arm(c);
}

size_t sp_trunks_connections(const struct sp_trunks *ts)
{
	return ts ? ts->accepted : 0;
}
