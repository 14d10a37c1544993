/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Trunks with memory running out: each allocation fails in turn, alone or with
 * those that follow, while a configuration is applied, targets are connected
 * to, calls ask for a connection, and another configuration takes its place.
 * What fails is said, or tried again; then a call gets its connection. Nothing
 * is lost: memory, descriptors.
 */
#include "alloc_loop.h"

#include "trunk_priv.h"

/* What the far end does is the test's own. */
static int far_conn_alloc(struct sp_sip_conn **cp, struct sp_sip *sip, const char *sent_by,
			  void *owner, sp_sip_send_h *sendh, void *arg)
{
	const unsigned was = alloc_pause();
	const int err = sp_sip_conn_alloc(cp, sip, sent_by, owner, sendh, arg);

	alloc_leave(was);
	return err;
}

static int far_conn_input(struct sp_sip_conn *c, const uint8_t *p, size_t n, const char **why)
{
	const unsigned was = alloc_pause();
	const int err = sp_sip_conn_input(c, p, n, why);

	alloc_leave(was);
	return err;
}

#define sp_sip_conn_alloc far_conn_alloc
#define sp_sip_conn_input far_conn_input
#include "trunk_far.h"
#undef sp_sip_conn_alloc
#undef sp_sip_conn_input

enum { TURNS_MAX = 400, TICK_MS = 10, FOREVER = 1 << 30, SAMPLES = 25 };

static const unsigned lengths[] = {1, 25, FOREVER};

static struct {
	unsigned cases, applied, picked;
} sums;

struct fault {
	struct world *w;
	uint16_t closed; /* nobody listens there */
	unsigned first, length;
};

static int apply(struct world *w, size_t n)
{
	struct sp_trunk *trunkv[FIX_TRUNKS] = {NULL};
	const unsigned was = alloc_enter();
	const int err = sp_trunks_apply(w->ts, w->f.conf, w->f.setupv, n, trunkv);

	for (size_t i = 0; i < FIX_TRUNKS && !err; ++i) {
		mem_deref(w->f.trunk[i]);
		w->f.trunk[i] = trunkv[i];
	}
	alloc_leave(was);
	assert_true(!err || err == ENOMEM);
	return err;
}

static bool pick(struct world *w, struct result *r)
{
	static const struct sp_trunk_want any = {.avoidc = 0};
	unsigned was, turns = 0;
	int err;

	memset(r, 0, sizeof(*r));
	r->w = w;
	was = alloc_enter();
	err = sp_trunk_pick(&r->pick, w->f.trunk[0], &any, on_picked, r);
	alloc_leave(was);
	if (err)
		return false;
	while (!r->calls && ++turns < TURNS_MAX)
		alloc_run(w->loop, TICK_MS);
	assert_int_equal(1, r->calls);
	return !r->err && r->conn;
}

/* Two targets of one trunk, of which one is there; then another trunk comes, and goes. */
static void one_case(void *arg)
{
	struct fault *f = arg;
	struct world *w = f->w;
	const unsigned fds = descriptors();
	struct result r;
	int err;

	assert_int_equal(0, setup_on(w, true));
	w->f.conf->dns.ttl_min_s = 30;
	w->f.conf->dns.ttl_max_s = 3600;
	add_target(&w->f, "127.0.0.1", far_port(w, 0));
	add_target(&w->f, "127.0.0.1", f->closed);
	w->f.trunkv[0].target_connections = 2;
	alloc_plan(f->first, f->first && f->length < FOREVER ? f->first + f->length - 1 : FOREVER);
	err = apply(w, 1);
	sums.applied += !err;
	if (!err)
		sums.picked += pick(w, &r);
	if (!err)
		err = apply(w, 2);
	alloc_heal();
	sums.cases++;
	if (err)
		assert_int_equal(0, apply(w, 2));
	for (unsigned i = 0; !pick(w, &r); i++) { /* tenths of a second after one that failed */
		if (i == TURNS_MAX)
			fail_msg("allocation %u, %u of them: no connection: %d", f->first,
				 f->length, r.err);
		alloc_run(w->loop, TICK_MS);
	}
	assert_int_equal(0, apply(w, 1));
	err = alloc_enter() != 0;
	w->ts = mem_deref(w->ts);
	alloc_leave((unsigned)err);
	(void)teardown((void **)&w);
	for (unsigned i = 0; i < (f->first ? TURNS_MAX : 5) && descriptors() != fds; i++)
		alloc_run(w->loop, 1); /* they are closed at the end of a turn */
	OPENSSL_thread_stop();
	if (f->first && descriptors() != fds) /* the log has its own, from the first time on */
		fail_msg("allocation %u, %u of them: a descriptor is lost", f->first, f->length);
}

static void each_allocation(void **state)
{
	struct fault f = {.w = *state, .closed = closed_port()};
	unsigned count = 0, step;

	for (unsigned i = 0; i < 3; i++) { /* libraries fill their own tables */
		one_case(&f);
		count = alloc_state.count;
		alloc_forget_all();
	}
	assert_in_range(count, 100, 100000);
	step = getenv("SALLYPORT_LONG") ? 1 : 1 + count / SAMPLES;
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
		f.length = lengths[l];
		for (f.first = 1 + (unsigned)l % step; f.first <= count; f.first += step) {
			if (alloc_grows(one_case, &f))
				fail_msg("allocation %u, %u of them: it leaks", f.first, f.length);
		}
	}
	print_message("%u allocations, %u cases; %u could be applied, %u calls had a connection\n",
		      count, sums.cases, sums.applied, sums.picked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation)};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
