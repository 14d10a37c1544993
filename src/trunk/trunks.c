/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The set of trunks, and how a new configuration gets into it.
 *
 * apply() first makes everything that can fail (new trunks and targets), in a
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
	struct target *targetv[SP_CONF_TARGETS_MAX];
	size_t targetc;
};

struct plan {
	struct dns *dns;
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
		t->ts = NULL;
		t->active = false;
		mem_deref(t);
	}
	mem_deref(ts->dns);
	mem_deref(ts->sources);
	mem_deref(ts->sip);
}

int sp_trunks_alloc(struct sp_trunks **tp, struct sp_loop *loop, struct sp_sip *sip)
{
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
		err = dns_alloc(&ts->dns, loop);

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

	mem_deref(plan->dns);
	for (size_t i = 0; i < plan->n; ++i) {
		struct plan_item *it = &plan->v[i];

		for (size_t k = 0; k < it->targetc; ++k)
			mem_deref(it->targetv[k]);
		mem_deref(it->sent_by);
		mem_deref(it->t);
	}
}

static bool planned(const struct plan_item *it, const struct target *tg)
{
	for (size_t i = 0; i < it->targetc; ++i) {
		if (it->targetv[i] == tg)
			return true;
	}
	return false;
}

/* The trunk's target by that name, also one that an earlier reload dropped. */
static struct target *known_target(const struct plan_item *it, const struct sp_conf_target *conf)
{
	struct le *le;

	for (size_t i = 0; i < it->t->targetc; ++i) {
		struct target *tg = it->t->targetv[i];

		if (target_is(tg, conf) && !planned(it, tg))
			return tg;
	}
	LIST_FOREACH(&it->t->oldl, le)
	{
		if (target_is(le->data, conf) && !planned(it, le->data))
			return le->data;
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
		struct target *tg = mem_ref(known_target(it, &setup->conf->targetv[i]));

		if (!tg)
			err = target_alloc(&tg, it->t, &setup->conf->targetv[i]);
		if (!err)
			it->targetv[it->targetc++] = tg;
	}
	return err;
}

static int plan_make(struct plan **planp, struct sp_trunks *ts, const struct sp_trunk_setup *setupv,
		     size_t setupc)
{
	struct plan *plan =
		mem_zalloc(sizeof(*plan) + setupc * sizeof(plan->v[0]), plan_destructor);
	int err;

	if (!plan)
		return ENOMEM;

	plan->n = setupc;
	err = dns_alloc(&plan->dns, ts->loop);
	for (size_t i = 0; i < setupc && !err; ++i)
		err = plan_item(&plan->v[i], ts, &setupv[i]);

	if (err)
		mem_deref(plan);
	else
		*planp = plan;
	return err;
}

/* Dropped targets leave, the new ones start; those in both go on as they were. */
static void swap_targets(struct sp_trunk *t, struct plan_item *it, unsigned old_options_s)
{
	struct target *oldv[SP_CONF_TARGETS_MAX];
	const size_t oldc = t->targetc;

	memcpy(oldv, t->targetv, oldc * sizeof(oldv[0]));
	memcpy(t->targetv, it->targetv, it->targetc * sizeof(it->targetv[0]));
	t->targetc = it->targetc;
	++t->generation;

	for (size_t i = 0; i < oldc; ++i) {
		if (!planned(it, oldv[i]))
			target_drop(oldv[i]);
		mem_deref(oldv[i]);
	}

	for (size_t i = 0; i < t->targetc; ++i) {
		struct target *tg = t->targetv[i];

		if (tg->le.list) { /* back again: the list's reference goes */
			list_unlink(&tg->le);
			mem_deref(tg);
		}
		tg->listed = true;
		probe_settings(tg, old_options_s);
	}
	it->targetc = 0; /* the references are the trunk's now */
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
	swap_targets(t, it, old_options_s);
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
	for (size_t i = 0; i < t->targetc; ++i)
		probe_stop(t->targetv[i]);
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

int sp_trunks_apply(struct sp_trunks *ts, struct sp_conf *conf, const struct sp_trunk_setup *setupv,
		    size_t setupc, struct sp_trunk **trunkv)
{
	struct plan *plan;
	struct le *le;
	int err;

	if (!ts || !conf || (setupc && (!setupv || !trunkv)))
		return EINVAL;

	err = plan_make(&plan, ts, setupv, setupc);
	if (err)
		return err;

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

	/* the resolver's settings too, unless questions are on their way */
	if (!dns_busy(ts->dns)) {
		struct dns *old = ts->dns;

		ts->dns = plan->dns;
		plan->dns = old;
	}
	mem_deref(plan);
	return 0;
}

void sp_trunks_close(struct sp_trunks *ts)
{
	struct le *le;

	if (!ts)
		return;
	ts->closed = true;
	LIST_FOREACH(&ts->trunkl, le)
	trunk_shut(le->data);
}
