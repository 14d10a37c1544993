/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A trunk and what it may do: no wire, and a fake clock.
 */
#ifndef TRUNK_LIMITED_H
#define TRUNK_LIMITED_H

#include "trunk_fixture.h"

struct world {
	struct sp_loop *loop;
	struct sp_sip *sip;
	struct sp_trunks *ts;
	struct fix_conf f;
	struct sp_trunk *t;
	struct sp_conf_trunk_limits *limits;
};

static void on_request(struct sp_sip_strans *st, const struct sp_sip_msg *req, void *arg)
{
	(void)st;
	(void)req;
	(void)arg;
}

static void on_ack(struct sp_sip_conn *c, const struct sp_sip_msg *ack, void *arg)
{
	(void)c;
	(void)ack;
	(void)arg;
}

static int setup(void **state)
{
	static const struct sp_sip_handlers h = {.request = on_request, .ack = on_ack};
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	assert_int_equal(sp_loop_alloc_fake(&w->loop, 100000), 0);
	assert_int_equal(sp_sip_alloc(&w->sip, w->loop, &h, w), 0);
	assert_int_equal(sp_trunks_alloc(&w->ts, w->loop, w->sip), 0);
	fix_conf_new(&w->f, NULL);
	w->limits = &w->f.trunkv[0].limits;
	fix_log_start(w->loop);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->ts = mem_deref(w->ts);
	fix_conf_free(&w->f);
	mem_deref(w->sip);
	mem_deref(w->loop);
	mem_deref(w);
	sp_log_sink(NULL, NULL);
	return 0;
}

#endif
