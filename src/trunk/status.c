/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What there is to see of a trunk and its targets.
 */
#include "trunk_priv.h"

const char *sp_target_state_name(enum sp_target_state state)
{
	switch (state) {

	case SP_TARGET_UNKNOWN:
		return "unknown";
	case SP_TARGET_UP:
		return "up";
	case SP_TARGET_PROBING:
		return "probing";
	case SP_TARGET_DOWN:
		return "down";
	default:
		return "?";
	}
}

void sp_trunk_status(const struct sp_trunk *t, struct sp_trunk_status *out)
{
	if (!out)
		return;
	*out = (struct sp_trunk_status){.active = sp_trunk_active(t)};
	if (!t)
		return;

	out->calls_in = t->calls_in;
	out->calls_out = t->calls_out;
	for (size_t i = 0; i < ARRAY_SIZE(t->emergencyv); ++i)
		out->emergency += t->emergencyv[i] != NULL;
	out->accepted = (unsigned)t->connections;
	out->picks = t->picks;
	out->begun_in = t->begun_in;
	out->begun_out = t->begun_out;
	out->unknown = t->scan.unknown;
	for (size_t i = 0; i < SP_TRUNK_LIMITS; ++i)
		out->refused[i] = t->refused[i];
	out->conns_refused = t->conns_refused;
	out->messages_refused = t->messages_refused;
}

/* "host:port" without the address; freed when the turn ends. */
static const char *place_label(const struct target *tg)
{
	char *label = NULL;

	if (re_sdprintf(&label, "%H:%u", trunk_host_print, tg->place.host,
			sa_port(&tg->place.addr)))
		return tg->label;
	sp_loop_release(tg->t->loop, label);
	return label;
}

static void give_target(const struct target *tg, sp_trunk_target_h *h, void *arg)
{
	const bool told = tg->state == SP_TARGET_DOWN || tg->state == SP_TARGET_PROBING;
	const struct sp_target_status s = {
		.label = place_label(tg),
		.entry = tg->site->label,
		.addr = &tg->place.addr,
		.state = tg->state,
		.why = told ? tg->why : "",
		.since_ms = sp_loop_now_ms(tg->t->loop) - tg->since_ms,
		.priority = tg->place.priority,
		.weight = tg->place.weight,
		.connections = target_conns(tg),
		.pending = target_pending(tg),
		.busy_s = target_busy_s(tg),
		.picked = tg->picked,
		.failures = tg->failures,
		.options_ms = tg->options_ms,
	};

	h(&s, arg);
}

/* A name that has never led anywhere. */
static void give_site(const struct site *site, sp_trunk_target_h *h, void *arg)
{
	const struct sp_target_status s = {
		.label = site->label,
		.entry = site->label,
		.state = SP_TARGET_UNKNOWN,
		.why = site->failing && site->name ? dns_why(site->name) : "",
	};

	h(&s, arg);
}

void sp_trunk_targets(const struct sp_trunk *t, sp_trunk_target_h *h, void *arg)
{
	if (!t || !h || !t->active)
		return;

	for (size_t i = 0; i < t->sitec; ++i) {
		const struct site *site = t->sitev[i];

		for (size_t k = 0; k < site->targetc; ++k)
			give_target(site->targetv[k], h, arg);
		if (!site->targetc)
			give_site(site, h, arg);
	}
}
