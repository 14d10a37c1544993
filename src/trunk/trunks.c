/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The set of trunks, and how a new configuration gets into it.
 *
 * apply() first makes everything that can fail (new trunks and sites), in a
 * plan that holds references; then it swaps, which cannot fail.
 */
#include <errno.h>
#include <string.h>

#include "sallyport/base_log.h"
#include "trunk_priv.h"

/* What one trunk is going to be. */
struct plan_item {
	struct sp_trunk *t;
	char *sent_by;
	struct site *sitev[SP_CONF_TARGETS_MAX];
	size_t sitec;
};

struct plan {
	size_t n;
	struct plan_item v[];
};

static void destructor(void *arg)
{
	struct sp_trunks *ts = arg;
	struct le *le;

	sp_trunks_close(ts);
	while ((le = list_head(&ts->trunkl))) {
		struct sp_trunk *t = le->data;

		list_unlink(le);
		sp_timer_cancel(&t->settle);
		sp_timer_cancel(&t->scan.timer);
		for (size_t i = 0; i < t->sitec; ++i)
			site_stop(t->sitev[i]);
		t->ts = NULL;
		t->active = false;
		mem_deref(t);
	}
	mem_deref(ts->dns);
	mem_deref(ts->sources);
	mem_deref(ts->sip);
	mem_deref(ts->conf);
}

/* NULL: before the first configuration */
static struct dns_conf dns_settings(const struct sp_conf *conf)
{
	struct dns_conf d = {.servers = NULL, .ttl_min_s = 30, .ttl_max_s = 3600};

	if (conf)
		d = (struct dns_conf){.servers = conf->dns.servers,
				      .ttl_min_s = conf->dns.ttl_min_s,
				      .ttl_max_s = conf->dns.ttl_max_s};
	return d;
}

int sp_trunks_alloc(struct sp_trunks **tp, struct sp_loop *loop, struct sp_sip *sip)
{
	const struct dns_conf settings = dns_settings(NULL);
	struct sp_trunks *ts;
	int err;

	if (!tp || !loop || !sip)
		return EINVAL;

	ts = mem_zalloc(sizeof(*ts), destructor);
	if (!ts)
		return ENOMEM;
	ts->loop = loop;
	ts->sip = mem_ref(sip);

	err = source_table_alloc(ts);
	if (!err)
		err = dns_alloc(&ts->dns, loop, &settings);

	if (err)
		mem_deref(ts);
	else
		*tp = ts;
	return err;
}

struct sp_trunk *trunks_find(const struct sp_trunks *ts, const char *name)
{
	struct le *le;

	LIST_FOREACH(&ts->trunkl, le)
	{
		struct sp_trunk *t = le->data;

		if (!str_cmp(t->name, name))
			return t;
	}
	return NULL;
}

static void plan_destructor(void *arg)
{
	struct plan *plan = arg;

	for (size_t i = 0; i < plan->n; ++i) {
		struct plan_item *it = &plan->v[i];

		for (size_t k = 0; k < it->sitec; ++k)
			mem_deref(it->sitev[k]);
		mem_deref(it->sent_by);
		mem_deref(it->t);
	}
}

static bool planned(const struct plan_item *it, const struct site *s)
{
	for (size_t i = 0; i < it->sitec; ++i) {
		if (it->sitev[i] == s)
			return true;
	}
	return false;
}

static struct site *known_site(const struct plan_item *it, const struct sp_conf_target *conf)
{
	for (size_t i = 0; i < it->t->sitec; ++i) {
		struct site *s = it->t->sitev[i];

		if (site_is(s, conf) && !planned(it, s))
			return s;
	}
	return NULL;
}

static int plan_item(struct plan_item *it, struct sp_trunks *ts, const struct sp_trunk_setup *setup)
{
	const struct sp_conf_interface *ifc = setup->interface;
	int err;

	it->t = mem_ref(trunks_find(ts, setup->conf->name));
	if (!it->t) {
		err = trunk_alloc(&it->t, ts, setup->conf->name);
		if (err)
			return err;
	}

	err = re_sdprintf(&it->sent_by, "%H:%u", trunk_host_print, ifc->sip_advertise,
			  sa_port(&ifc->sip));
	for (size_t i = 0; i < setup->conf->targetc && !err; ++i) {
		struct site *s = mem_ref(known_site(it, &setup->conf->targetv[i]));

		if (!s)
			err = site_alloc(&s, it->t, &setup->conf->targetv[i]);
		if (!err)
			it->sitev[it->sitec++] = s;
	}
	return err;
}

static int plan_make(struct plan **planp, struct sp_trunks *ts, const struct sp_trunk_setup *setupv,
		     size_t setupc)
{
	struct plan *plan =
		mem_zalloc(sizeof(*plan) + setupc * sizeof(plan->v[0]), plan_destructor);
	int err = 0;

	if (!plan)
		return ENOMEM;

	plan->n = setupc;
	for (size_t i = 0; i < setupc && !err; ++i)
		err = plan_item(&plan->v[i], ts, &setupv[i]);

	if (err)
		mem_deref(plan);
	else
		*planp = plan;
	return err;
}

/* Dropped sites leave with their targets, the new ones start; those in both go
 * on as they were. */
static void swap_sites(struct sp_trunk *t, struct plan_item *it, unsigned old_options_s)
{
	struct site *oldv[SP_CONF_TARGETS_MAX];
	const size_t oldc = t->sitec;

	memcpy(oldv, t->sitev, oldc * sizeof(oldv[0]));
	memcpy(t->sitev, it->sitev, it->sitec * sizeof(it->sitev[0]));
	t->sitec = it->sitec;

	for (size_t i = 0; i < oldc; ++i) {
		if (!planned(it, oldv[i]))
			site_drop(oldv[i]);
		mem_deref(oldv[i]);
	}
	sites_collect(t);
	for (size_t i = 0; i < t->sitec; ++i)
		site_start(t->sitev[i], old_options_s);
	it->sitec = 0; /* the references are the trunk's now */
	pick_wake(t);
}

static void set_client(struct sp_trunk *t, struct sp_tls_context *client)
{
	struct sp_tls_context *old = t->client;

	t->client = mem_ref(client);
	mem_deref(old);
}

static void commit_trunk(struct sp_trunks *ts, struct plan_item *it, struct sp_conf *conf,
			 const struct sp_trunk_setup *setup)
{
	struct sp_trunk *t = it->t;
	struct sp_conf *old = t->conf_ref;
	const unsigned old_options_s = t->conf ? t->conf->options_s : 0;
	struct le *le;

	if (!t->le.list)
		list_append(&ts->trunkl, &t->le, mem_ref(t));

	t->conf_ref = mem_ref(conf);
	t->conf = setup->conf;
	t->interface = setup->interface;
	set_client(t, setup->client);
	mem_deref(t->sent_by);
	t->sent_by = it->sent_by;
	it->sent_by = NULL;

	t->active = true;
	t->lingering = false;
	limits_settings(t);
	swap_sites(t, it, old_options_s);
	LIST_FOREACH(&t->accepted, le)
	conn_arm(le->data);
	trunk_settle(t);
	mem_deref(old);
}

static void deactivate(struct sp_trunk *t)
{
	if (!t->active)
		return;
	t->active = false;
	scan_stop(t);
	for (size_t i = 0; i < t->targetc; ++i) {
		probe_stop(t->targetv[i]);
		pool_stop(t->targetv[i]);
	}
	trunk_settle(t);
}

static bool in_plan(const struct plan *plan, const struct sp_trunk *t)
{
	for (size_t i = 0; i < plan->n; ++i) {
		if (plan->v[i].t == t)
			return true;
	}
	return false;
}

/* New sites are to be looked up by the new settings, so those go first. */
static int prepare(struct plan **planp, struct sp_trunks *ts, const struct sp_conf *conf,
		   const struct sp_trunk_setup *setupv, size_t setupc)
{
	const struct dns_conf was = dns_settings(ts->conf), is = dns_settings(conf);
	int err = dns_conf_set(ts->dns, &is);

	if (err)
		return err;
	err = plan_make(planp, ts, setupv, setupc);
	if (err)
		(void)dns_conf_set(ts->dns, &was);
	return err;
}

int sp_trunks_apply(struct sp_trunks *ts, struct sp_conf *conf, const struct sp_trunk_setup *setupv,
		    size_t setupc, struct sp_trunk **trunkv)
{
	struct plan *plan;
	struct sp_conf *old;
	struct le *le;
	int err;

	if (!ts || !conf || (setupc && (!setupv || !trunkv)))
		return EINVAL;

	err = prepare(&plan, ts, conf, setupv, setupc);
	if (err)
		return err;

	old = ts->conf;
	ts->conf = mem_ref(conf);
	ts->limits = conf->limits;
	LIST_FOREACH(&ts->trunkl, le)
	{
		if (!in_plan(plan, le->data))
			deactivate(le->data);
	}
	for (size_t i = 0; i < setupc; ++i) {
		trunkv[i] = mem_ref(plan->v[i].t);
		commit_trunk(ts, &plan->v[i], conf, &setupv[i]);
	}
	mem_deref(plan);
	mem_deref(old);
	return 0;
}

void sp_trunks_contexts(struct sp_trunks *ts, struct sp_tls_context *const *clientv)
{
	if (!ts || !ts->conf || !clientv)
		return;

	for (size_t i = 0; i < ts->conf->trunkc; ++i) {
		struct sp_trunk *t = trunks_find(ts, ts->conf->trunkv[i].name);

		if (t)
			set_client(t, clientv[i]);
	}
}

void sp_trunks_close(struct sp_trunks *ts)
{
	struct le *le;

	if (!ts)
		return;
	ts->closed = true;
	LIST_FOREACH(&ts->trunkl, le)
	{
		trunk_shut(le->data);
		pick_wake(le->data);
	}
}
