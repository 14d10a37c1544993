/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The trunks and their targets, for struct app_status.
 */
#include <string.h>

#include "app_status_priv.h"

enum { TARGETS_START = 64 };

static const char *kind_name(enum sp_conf_kind kind)
{
	return kind == SP_TRUNK_SERVICE ? "service" : "carrier";
}

static const char *profile_name(enum sp_conf_profile profile)
{
	switch (profile) {

	case SP_PROFILE_GENERIC:
		break;
	case SP_PROFILE_TEAMS_DIRECT_ROUTING:
		return "teams-direct-routing";
	case SP_PROFILE_OPERATOR_CONNECT:
		return "operator-connect";
	case SP_PROFILE_ZOOM:
		return "zoom";
	}

	return "generic";
}

static void gather_limits(struct app_status_trunk *t, const struct sp_conf_trunk_limits *l)
{
	t->limit[SP_TRUNK_LIMIT_CALLS] = l->calls;
	t->limit[SP_TRUNK_LIMIT_CALLS_IN] = l->calls_in;
	t->limit[SP_TRUNK_LIMIT_CALLS_OUT] = l->calls_out;
	t->limit[SP_TRUNK_LIMIT_RATE] = l->rate.per_s;
	t->limit[SP_TRUNK_LIMIT_RATE_IN] = l->rate_in.per_s;
	t->limit[SP_TRUNK_LIMIT_RATE_OUT] = l->rate_out.per_s;
	t->limit[SP_TRUNK_LIMIT_RATE_SOURCE] = l->rate_source.per_s;
	t->limit[SP_TRUNK_LIMIT_UNKNOWN] = l->unknown_per_minute;
	t->limit[SP_TRUNK_LIMIT_EMERGENCY] = SP_TRUNK_EMERGENCY_MAX;
}

/* Room for one more target. @return NULL without memory, told in g->err */
static struct app_status_target *add_target(struct status_gathered *g)
{
	if (g->status.targetc == g->targets_size) {
		const size_t size = g->targets_size ? 2 * g->targets_size : TARGETS_START;
		struct app_status_target *v =
			mem_reallocarray(g->status.targetv, size, sizeof(*v), NULL);

		if (!v) {
			g->err = ENOMEM;
			return NULL;
		}
		g->status.targetv = v;
		g->targets_size = size;
	}

	return &g->status.targetv[g->status.targetc++];
}

static bool has_twin(const struct app_status_target *v, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (!strcmp(v[k].label, v[i].label) && !strcmp(v[k].address, v[i].address))
			return true;
	}

	return false;
}

void status_find_twins(struct app_status *s)
{
	for (size_t i = 0; i < s->trunkc; i++) {
		const struct app_status_trunk *t = &s->trunkv[i];

		for (size_t k = 0; k < t->targets; k++) {
			struct app_status_target *v = &s->targetv[t->first_target];

			v[k].twin = has_twin(v, k);
		}
	}
}

static void on_target(const struct sp_target_status *tg, void *arg)
{
	struct status_gathered *g = arg;
	struct app_status_trunk *t = &g->status.trunkv[g->status.trunkc - 1];
	struct app_status_target *target = add_target(g);
	char address[64] = "";

	if (!target)
		return;

	if (tg->addr)
		(void)re_snprintf(address, sizeof(address), "%j", tg->addr);
	*target = (struct app_status_target){
		.trunk = t->name,
		.label = status_keep(g, tg->label),
		.entry = status_keep(g, tg->entry),
		.address = status_keep(g, address),
		.state = sp_target_state_name(tg->state),
		.why = status_keep(g, tg->why),
		.up = tg->state == SP_TARGET_UP,
		.since_ms = tg->since_ms,
		.priority = tg->priority,
		.weight = tg->weight,
		.connections = tg->connections,
		.pending = tg->pending,
		.busy_s = tg->busy_s,
		.picked = tg->picked,
		.failures = tg->failures,
		.options_ms = tg->options_ms,
	};
	t->targets++;
}

static void gather_trunk(struct status_gathered *g, const struct sp_app *app, size_t i)
{
	const struct sp_conf *conf = app->env->conf;
	const struct sp_conf_trunk *c = &conf->trunkv[i];
	const struct sp_trunk *trunk = app->env->trunkv[i];
	struct app_status_trunk *t = &g->status.trunkv[g->status.trunkc++];
	struct sp_trunk_status ts;

	sp_trunk_status(trunk, &ts);
	*t = (struct app_status_trunk){
		.name = c->name,
		.kind = kind_name(c->kind),
		.interface = conf->interfacev[c->interface].name,
		.profile = profile_name(c->profile),
		.first_target = g->status.targetc,
		.up = sp_trunk_up(trunk),
		.calls_in = ts.calls_in,
		.calls_out = ts.calls_out,
		.emergency = ts.emergency,
		.begun_in = ts.begun_in,
		.begun_out = ts.begun_out,
		.unknown = ts.unknown,
		.connections = ts.accepted,
		.connections_max = c->connections,
		.conns_refused = ts.conns_refused,
		.messages_refused = ts.messages_refused,
		.waiting = ts.picks,
		.numbers = sp_number_count_trunk(app->env->numbers, (uint16_t)i),
	};
	memcpy(t->refused, ts.refused, sizeof(t->refused));
	gather_limits(t, &c->limits);
	sp_trunk_targets(trunk, on_target, g);
}

int status_gather_trunks(struct status_gathered *g, const struct sp_app *app)
{
	const struct sp_conf *conf = app->env->conf;

	g->status.trunkv = mem_zalloc((conf->trunkc + 1) * sizeof(*g->status.trunkv), NULL);
	if (!g->status.trunkv)
		return ENOMEM;

	for (size_t i = 0; i < conf->trunkc; i++)
		gather_trunk(g, app, i);
	status_find_twins(&g->status);

	return 0;
}
