/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TLS with memory running out: each allocation of a connection's life fails in
 * turn, alone or with those that follow, at either end, for both ends are
 * ours: connect, accept, the handshake and its judgement, what is sent and
 * read, the end. Whatever fails ends that connection with a reason, at both
 * ends, and no other: the listener goes on, no descriptor and no memory is lost.
 */
#include "alloc_loop.h"

#include "tls_raw.h"

enum { BULK = 40000, EVERY = 1, SAMPLE = 151, TURNS_MAX = 2000, TICK_MS = 4, FOREVER = 1 << 30 };

static const unsigned lengths[] = {1, 20, FOREVER};

static struct {
	unsigned cases, up, down, unmade;
} sums;

struct fault {
	struct world *w;
	struct sp_tls_context *ctx;
	unsigned first, length;
	bool done;
};

static int dial(struct fault *f, struct end *far)
{
	const unsigned was = alloc_enter();
	int err;

	memset(far, 0, sizeof(*far));
	far->loop = f->w->loop;
	err = sp_tls_connect(&far->c, f->w->loop, f->ctx, sp_tls_listener_laddr(f->w->l),
			     "gw.example", &end_handlers, far);
	alloc_leave(was);
	return err;
}

static int send_bulk(struct end *e)
{
	static uint8_t bulk[BULK];
	const unsigned was = alloc_enter();
	int err;

	fill(bulk, sizeof(bulk));
	err = sp_tls_send(e->c, bulk, sizeof(bulk));
	alloc_leave(was);
	return err;
}

static void drop(struct end *e)
{
	const unsigned was = alloc_enter();

	e->c = mem_deref(e->c);
	alloc_leave(was);
}

/* Connect, talk both ways, close. @return true when all of it went well */
static bool life(struct fault *f)
{
	struct world *w = f->w;
	struct end far, *near = &w->near;
	unsigned turns = 0;
	bool ok = false;

	memset(near, 0, sizeof(*near));
	w->accepts = 0;
	if (dial(f, &far))
		return false;
	while (!(far.ups && w->accepts) && !far.downs && ++turns < TURNS_MAX)
		alloc_run(w->loop, TICK_MS);
	if (far.downs || turns >= TURNS_MAX)
		goto out;
	if (!near->downs && !send_bulk(near) && !far.downs && !send_bulk(&far)) {
		while ((near->got < BULK || far.got < BULK) && !near->downs && !far.downs &&
		       ++turns < TURNS_MAX)
			alloc_run(w->loop, TICK_MS);
	}
	ok = near->got == BULK && far.got == BULK && !near->garbled && !far.garbled;
out:
	if (far.downs)
		assert_true(far.why[0] != '\0');
	drop(&far);
	while (w->accepts && !near->downs && ++turns < TURNS_MAX)
		alloc_run(w->loop, TICK_MS);
	assert_in_range(turns, 0, TURNS_MAX - 1);
	drop(near);
	return ok;
}

/* Also handshakes that the listener still has are over; one may be up after all. */
static void settle(struct world *w)
{
	struct sp_tls_listener_status s = {.pending = 1};

	for (unsigned i = 0; i < TURNS_MAX && s.pending; i++) {
		alloc_run(w->loop, TICK_MS);
		sp_tls_listener_status(w->l, &s);
	}
	alloc_run(w->loop, TICK_MS);
	assert_int_equal(0, s.pending);
	drop(&w->near);
}

static void one_case(void *arg)
{
	struct fault *f = arg;
	const unsigned fds = descriptors();
	bool ok;

	alloc_plan(f->first, f->length < FOREVER ? f->first + f->length - 1 : FOREVER);
	ok = life(f);
	f->done = !alloc_state.failed;
	alloc_heal();
	sums.cases++;
	sums.up += ok;
	settle(f->w);
	if (!life(f))
		fail_msg("allocation %u, %u of them: the next connection fails: %s", f->first,
			 f->length, f->w->near.why);
	settle(f->w);
	for (unsigned i = 0; i < TURNS_MAX && descriptors() != fds; i++)
		alloc_run(f->w->loop, TICK_MS); /* they are closed at the end of a turn */
	OPENSSL_thread_stop();                  /* its list of errors */
	if (descriptors() != fds)
		fail_msg("allocation %u, %u of them: a descriptor is lost", f->first, f->length);
}

static struct sp_tls_context *client(struct world *w)
{
	const char *v[] = {"gw.example"};
	const struct sp_tls_peer_conf conf = {.trunk = "gw",
					      .identityv = v,
					      .identityc = 1,
					      .check_purpose = true,
					      .ca = fix_path(&w->dir, "ca.crt")};
	struct sp_tls_context *ctx = NULL;
	struct sp_tls_peer *peer = NULL;

	fix_write_cert(&w->dir, "alpha.crt", w->alpha.x, NULL);
	fix_write_key(&w->dir, "alpha.key", w->alpha.key, NULL);
	assert_int_equal(sp_tls_peer_alloc(&peer, &conf, NULL, NULL), 0);
	assert_int_equal(sp_tls_client_alloc(&ctx, fix_path(&w->dir, "alpha.crt"),
					     fix_path(&w->dir, "alpha.key"), peer, NULL, NULL),
			 0);
	mem_deref(peer);
	return ctx;
}

static void each_allocation(void **state)
{
	const char *only = getenv("ALLOC_ONLY"); /* to look at one */
	const unsigned step = only || getenv("SALLYPORT_LONG") ? EVERY : SAMPLE;
	struct fault f = {.w = *state};
	unsigned count = 0;

	f.ctx = client(f.w);
	for (unsigned i = 0; i < 3; i++) { /* OpenSSL fills its own tables */
		one_case(&f);
		alloc_plan(0, 0);
		assert_true(life(&f));
		count = alloc_state.count;
		settle(f.w);
		alloc_forget_all();
	}
	assert_in_range(count, 200, 20000);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		f.length = lengths[l];
		for (f.first = 1 + (unsigned)l; f.first <= count; f.first += step) {
			if (only && (unsigned)strtoul(only, NULL, 10) != f.first)
				continue;
			alloc_state.trace = only != NULL;
			if (alloc_grows(one_case, &f))
				fail_msg("allocation %u, %u of them: it leaks", f.first, f.length);
		}
	}
	mem_deref(f.ctx);
	print_message("%u allocations, %u cases, %u connections went well all the same\n", count,
		      sums.cases, sums.up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {WORLD_TEST(each_allocation)};

	return cmocka_run_group_tests(tests, world_setup_group, world_teardown_group);
}
