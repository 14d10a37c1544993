/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which target a pick takes: priority and weight (RFC 2782), health, those that
 * asked to be left alone (RFC 3261 21.5.4), and what it waits for.
 */
#include "order_priv.h"
#include "trunk_wire.h"

enum { DRAWS = 6000 };

struct result {
	struct sp_trunk_pick *pick;
	unsigned calls;
	int err;
	uint64_t target;
	char host[64];
	uint16_t port;
};

static const struct sp_trunk_want any = {.avoidc = 0};

static void on_picked(int err, struct sp_sip_conn *conn, const char *host, uint16_t port, void *arg)
{
	struct result *r = arg;

	++r->calls;
	r->err = err;
	r->target = conn ? sp_trunk_target(conn) : 0;
	r->port = port;
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->pick = mem_deref(r->pick);
}

static void start(struct world *w, struct result *r, const struct sp_trunk_want *want)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(sp_trunk_pick(&r->pick, w->t, want, on_picked, r), 0);
	sp_loop_advance(w->loop, 0);
}

/* One that does not wait. */
static uint64_t picked(struct world *w, const struct sp_trunk_want *want, int err)
{
	struct result r;

	start(w, &r, want);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, err);
	return r.target;
}

static struct target *tg(const struct world *w, size_t i)
{
	assert_in_range(i, 0, w->t->targetc - 1);
	return w->t->targetv[i];
}

static void set_down(struct world *w, size_t i)
{
	tg(w, i)->state = SP_TARGET_DOWN;
	tg(w, i)->bad_ms = sp_loop_now_ms(w->loop);
}

static void literals(struct world *w, size_t n)
{
	static const char *const hostv[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};

	for (size_t i = 0; i < n; ++i)
		add_target(&w->f, hostv[i], 5061);
	apply(w);
}

struct row {
	const char *addr, *host;
	uint16_t priority, weight;
};

/* A name without port, and what SRV says of it; each target has a connection. */
static void service(struct world *w, const struct row *rowv, size_t n)
{
	struct dns_place placev[DNS_PLACES_MAX];

	memset(placev, 0, sizeof(placev));
	for (size_t i = 0; i < n; ++i) {
		assert_int_equal(sa_set_str(&placev[i].addr, rowv[i].addr, 5061), 0);
		str_ncpy(placev[i].host, rowv[i].host, sizeof(placev[i].host));
		placev[i].priority = rowv[i].priority;
		placev[i].weight = rowv[i].weight;
	}
	add_target(&w->f, "svc.example", 0);
	apply(w);
	w->t->sitev[0]->looked_up = true;
	site_places(w->t->sitev[0], placev, n);
	assert_int_equal(w->t->targetc, n);
	for (size_t i = 0; i < n; ++i)
		connect_wire(w, tg(w, i));
}

/* How often each is drawn. */
static void draw(struct world *w, unsigned *countv, size_t n)
{
	memset(countv, 0, n * sizeof(*countv));
	for (unsigned i = 0; i < DRAWS; ++i) {
		struct order o;
		const struct target *t;

		order_make(&o, w->t, &any);
		t = order_first(&o);
		for (size_t k = 0; k < n; ++k)
			countv[k] += t == tg(w, k);
	}
}

/* The margins are ten standard deviations and more. */
#define assert_share(count, percent)                                                               \
	assert_in_range(count, DRAWS *(percent) / 100 - 400, DRAWS * (percent) / 100 + 400)

static void test_weights(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 10, 60},
					  {"192.0.2.2", "b.example", 10, 30},
					  {"192.0.2.3", "c.example", 10, 10},
					  {"192.0.2.4", "d.example", 20, 1000}};
	struct world *w = *state;
	unsigned countv[4];

	service(w, rowv, 4);
	draw(w, countv, 4);
	assert_share(countv[0], 60);
	assert_share(countv[1], 30);
	assert_share(countv[2], 10);
	assert_int_equal(countv[3], 0);

	/* of those that are left, still in proportion */
	tg(w, 0)->busy_ms = UINT64_MAX;
	draw(w, countv, 4);
	assert_int_equal(countv[0], 0);
	assert_share(countv[1], 75);
	assert_share(countv[2], 25);
}

/* RFC 2782: "a very small chance of being selected" */
static void test_weight_zero(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 1, 0},
					  {"192.0.2.2", "b.example", 1, 9},
					  {"192.0.2.3", "c.example", 1, 10}};
	struct world *w = *state;
	unsigned countv[3];

	service(w, rowv, 3);
	draw(w, countv, 3);
	assert_in_range(countv[0], 1, DRAWS / 10);
	assert_true(countv[1] > DRAWS / 3);
}

static void test_no_weights(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "svc.example", 0, 0},
					  {"192.0.2.2", "svc.example", 0, 0},
					  {"2001:db8::1", "svc.example", 0, 0}};
	struct world *w = *state;
	unsigned countv[3];

	service(w, rowv, 3);
	draw(w, countv, 3);
	for (size_t i = 0; i < 3; ++i)
		assert_share(countv[i], 33);
}

/* A host with two addresses is not twice as strong. */
static void test_addresses_share_a_weight(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 1, 1},
					  {"192.0.2.2", "a.example", 1, 1},
					  {"192.0.2.3", "b.example", 1, 1}};
	struct world *w = *state;
	unsigned countv[3];

	service(w, rowv, 3);
	draw(w, countv, 3);
	assert_share(countv[0], 25);
	assert_share(countv[1], 25);
	assert_share(countv[2], 50);
}

/* RFC 2782: but two records for two ports of a host are each a target with its own weight. */
static void test_ports_do_not_share_a_weight(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 1, 1},
					  {"192.0.2.3", "b.example", 1, 2}};
	struct world *w = *state;
	struct dns_place placev[3];
	unsigned countv[3];

	service(w, rowv, 2);
	placev[0] = tg(w, 0)->place;
	placev[1] = tg(w, 1)->place;
	placev[2] = placev[0];
	sa_set_port(&placev[2].addr, 5071);
	site_places(w->t->sitev[0], placev, 3);
	connect_wire(w, tg(w, 2));
	draw(w, countv, 3);
	assert_share(countv[0], 25);
	assert_share(countv[1], 50);
	assert_share(countv[2], 25);
}

static void test_largest_weights(void **state)
{
	static char addrv[DNS_PLACES_MAX][16], hostv[DNS_PLACES_MAX][16];
	struct row rowv[WIRES];
	struct world *w = *state;
	unsigned countv[WIRES];

	for (unsigned i = 0; i < WIRES; ++i) {
		snprintf(addrv[i], sizeof(addrv[i]), "192.0.2.%u", i + 1);
		snprintf(hostv[i], sizeof(hostv[i]), "h%u.example", i + 1);
		rowv[i] = (struct row){addrv[i], hostv[i], 0, UINT16_MAX};
	}
	service(w, rowv, WIRES);
	draw(w, countv, WIRES);
	for (unsigned i = 0; i < WIRES; ++i)
		assert_in_range(countv[i], DRAWS / WIRES / 2, DRAWS / WIRES * 2);
}

/* RFC 3263 4.3: each once, by priority, then the caller hears that none is left */
static void test_priority_then_none(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 1, 5},
					  {"192.0.2.2", "b.example", 2, 5},
					  {"192.0.2.3", "c.example", 3, 5}};
	struct world *w = *state;
	struct sp_trunk_want want = any;

	service(w, rowv, 3);
	for (size_t i = 0; i < 3; ++i) {
		const uint64_t target = picked(w, &want, 0);

		assert_true(target == tg(w, i)->key);
		assert_int_equal(tg(w, i)->picked, 1);
		sp_trunk_avoid(&want, target);
	}
	(void)picked(w, &want, ENOENT);
}

/* Before priority and the order of the file. */
static void test_health_first(void **state)
{
	struct world *w = *state;

	literals(w, 3);
	for (size_t i = 0; i < 3; ++i)
		connect_wire(w, tg(w, i));
	set_down(w, 0);
	tg(w, 1)->state = SP_TARGET_PROBING;
	assert_true(picked(w, &any, 0) == tg(w, 2)->key);
	set_down(w, 2);
	assert_true(picked(w, &any, 0) == tg(w, 1)->key);
	tg(w, 0)->state = SP_TARGET_UNKNOWN;
	assert_true(picked(w, &any, 0) == tg(w, 0)->key);
	set_down(w, 0);
	set_down(w, 1);
	assert_true(picked(w, &any, 0) == tg(w, 0)->key); /* the last resort */
}

static void test_busy(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = any;

	literals(w, 2);
	connect_wire(w, tg(w, 0));
	connect_wire(w, tg(w, 1));
	assert_int_equal(sp_trunk_retry_after_s(w->t), 0);
	sp_trunk_busy(w->t, tg(w, 0)->key, 30);
	assert_true(picked(w, &any, 0) == tg(w, 1)->key);
	sp_trunk_busy(w->t, tg(w, 1)->key, 20);
	sp_trunk_busy(w->t, tg(w, 1)->key, 10); /* no shorter for that */
	(void)picked(w, &any, EAGAIN);
	assert_int_equal(sp_trunk_retry_after_s(w->t), 20);
	assert_int_equal(fix_logged("target_busy"), 2);

	/* emergency calls are not turned away, but others go first */
	want.emergency = true;
	assert_true(picked(w, &want, 0) == tg(w, 0)->key);
	sp_loop_advance(w->loop, 19999);
	(void)picked(w, &any, EAGAIN);
	assert_int_equal(sp_trunk_retry_after_s(w->t), 1);
	sp_loop_advance(w->loop, 1);
	assert_true(picked(w, &any, 0) == tg(w, 1)->key);
	assert_true(picked(w, &want, 0) == tg(w, 1)->key);

	/* when the other has been tried, that is still the reason */
	sp_trunk_avoid(&want, tg(w, 1)->key);
	want.emergency = false;
	(void)picked(w, &want, EAGAIN);
	sp_trunk_busy(w->t, tg(w, 1)->key, 100000);
	assert_int_equal(target_busy_s(tg(w, 1)), SP_TRUNK_BUSY_MAX_S);
	sp_trunk_busy(w->t, 12345, 10);
	sp_trunk_busy(NULL, 12345, 10);
	assert_int_equal(sp_trunk_retry_after_s(NULL), 0);
}

/* The peer's own connections are one target too. */
static void test_busy_without_targets(void **state)
{
	struct world *w = *state;
	struct sp_trunk_want want = any;
	struct sp_sip_conn *c;

	apply(w);
	assert_int_equal(
		sp_sip_conn_alloc(&c, w->sip, "sbc.test:5061", w->t, wire_send, &w->wirev[0]), 0);
	assert_int_equal(sp_trunk_attach(w->t, c), 0);
	assert_true(picked(w, &any, 0) == LEAD_ACCEPTED);
	sp_trunk_busy(w->t, LEAD_ACCEPTED, 5);
	(void)picked(w, &any, EAGAIN);
	assert_int_equal(sp_trunk_retry_after_s(w->t), 5);
	want.emergency = true;
	assert_true(picked(w, &want, 0) == LEAD_ACCEPTED);
	sp_loop_advance(w->loop, 5000);
	assert_true(picked(w, &any, 0) == LEAD_ACCEPTED);
	mem_deref(c);
}

/* An attempt that goes nowhere, until it is cancelled. */
static void hang(struct world *w, struct target *target)
{
	target->attempt.running = true;
	target->attempt.since_ms = sp_loop_now_ms(w->loop);
}

/* No call waits for a black hole while another target is connected. */
static void test_black_hole(void **state)
{
	struct world *w = *state;

	literals(w, 2);
	hang(w, tg(w, 0));
	connect_wire(w, tg(w, 1));
	for (unsigned i = 0; i < 100; ++i)
		assert_true(picked(w, &any, 0) == tg(w, 1)->key);
	target_connect_cancel(tg(w, 0), ETIMEDOUT);
}

/* Nothing is connected: an attempt gets a moment, then the next target its chance. */
static void test_attempts_are_staggered(void **state)
{
	struct world *w = *state;
	struct result r, late;

	literals(w, 3);
	hang(w, tg(w, 0));
	start(w, &r, &any);
	sp_loop_advance(w->loop, TRUNK_STAGGER_MS - 1);
	assert_int_equal(r.calls, 0);
	assert_false(tg(w, 1)->attempt.running);
	hang(w, tg(w, 1));
	tg(w, 1)->attempt.since_ms += 1;
	sp_loop_advance(w->loop, TRUNK_STAGGER_MS);
	assert_int_equal(r.calls, 0);
	assert_int_equal(tg(w, 2)->failures, 0);

	/* who comes now does not wait for what hangs, and takes what comes up first */
	start(w, &late, &any);
	assert_int_equal(late.calls, 0);
	tg(w, 1)->attempt.running = false;
	connect_wire(w, tg(w, 1));
	sp_loop_advance(w->loop, 0);
	assert_int_equal(r.calls, 1);
	assert_int_equal(late.calls, 1);
	assert_true(r.target == tg(w, 1)->key);
	assert_true(late.target == tg(w, 1)->key);
	target_connect_cancel(tg(w, 0), ETIMEDOUT);
}

/* A state that is better than that of what is connected is waited for. */
static void test_unknown_before_connected_and_down(void **state)
{
	struct world *w = *state;
	struct result r;

	literals(w, 2);
	connect_wire(w, tg(w, 0));
	set_down(w, 0);
	hang(w, tg(w, 1));
	start(w, &r, &any);
	assert_int_equal(r.calls, 0);
	target_connect_cancel(tg(w, 1), ECONNREFUSED);
	sp_loop_advance(w->loop, 0);
	assert_int_equal(r.calls, 1);
	assert_true(r.target == tg(w, 0)->key);
}

/* Each fails once for one pick (there is no TLS context), and that is said. */
static void test_each_is_tried_once(void **state)
{
	struct world *w = *state;
	struct result r;

	literals(w, 3);
	start(w, &r, &any);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, EINVAL);
	for (size_t i = 0; i < 3; ++i)
		assert_int_equal(tg(w, i)->failures, 1);
}

/* Many calls to what is down are not as many attempts, each of which costs a handshake. */
static void test_attempts_are_apart(void **state)
{
	struct world *w = *state;
	struct result rv[100];

	literals(w, 1);
	for (unsigned i = 0; i < 100; ++i) {
		start(w, &rv[i], &any);
		sp_loop_advance(w->loop, 2);
	}
	sp_loop_advance(w->loop, TRUNK_APART_MS);
	assert_in_range(tg(w, 0)->failures, 2, 2 + 200 / TRUNK_APART_MS);
	for (unsigned i = 0; i < 100; ++i) {
		assert_int_equal(rv[i].calls, 1);
		assert_int_not_equal(rv[i].err, 0);
	}
}

static void test_time_is_bounded(void **state)
{
	struct world *w = *state;
	struct result r;

	literals(w, 2);
	hang(w, tg(w, 0));
	hang(w, tg(w, 1));
	start(w, &r, &any);
	sp_loop_advance(w->loop, TRUNK_PICK_MS - 1);
	assert_int_equal(r.calls, 0);
	sp_loop_advance(w->loop, 1);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, ETIMEDOUT);
	assert_int_equal(w->t->picks, 0);
	target_connect_cancel(tg(w, 0), ETIMEDOUT);
	target_connect_cancel(tg(w, 1), ETIMEDOUT);
}

/* The first look-up of a name is waited for when nothing else is there. */
static void test_waits_for_a_name(void **state)
{
	const struct dns_place place = {.host = "svc.example"};
	struct dns_place at = place;
	struct world *w = *state;
	struct result r;

	add_target(&w->f, "svc.example", 0);
	add_target(&w->f, "192.0.2.1", 5061);
	apply(w);
	connect_wire(w, tg(w, 0));
	assert_true(picked(w, &any, 0) == tg(w, 0)->key);

	next_conf(w)->targetc = 1;
	apply(w);
	start(w, &r, &any);
	sp_loop_advance(w->loop, 3000);
	assert_int_equal(r.calls, 0);
	assert_int_equal(sa_set_str(&at.addr, "192.0.2.9", 5061), 0);
	site_places(w->t->sitev[0], &at, 1);
	connect_wire(w, tg(w, 0));
	sp_loop_advance(w->loop, 0);
	assert_int_equal(r.calls, 1);
	assert_string_equal(r.host, "svc.example");
	assert_int_equal(r.port, 0); /* none was written */

	/* known to lead nowhere: at once */
	w->t->sitev[0]->looked_up = true;
	site_places(w->t->sitev[0], NULL, 0);
	(void)picked(w, &any, EHOSTUNREACH);
}

/* A redirect names a target by its host, by SRV's name for it, or by address. */
static void test_asked_for_by_name(void **state)
{
	static const struct row rowv[] = {{"192.0.2.1", "a.example", 1, 5},
					  {"192.0.2.2", "b.example", 2, 5}};
	struct world *w = *state;
	struct sp_trunk_want want = {.host = "B.example."};

	service(w, rowv, 2);
	assert_true(picked(w, &want, 0) == tg(w, 1)->key);
	want.host = "192.0.2.2";
	want.port = 5061;
	assert_true(picked(w, &want, 0) == tg(w, 1)->key);
	want.host = "svc.example";
	assert_true(picked(w, &want, 0) == tg(w, 0)->key);
	want.host = "192.0.2.2";
	set_down(w, 1); /* whoever redirects should know */
	assert_true(picked(w, &want, 0) == tg(w, 1)->key);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_weights),
		T(test_weight_zero),
		T(test_no_weights),
		T(test_addresses_share_a_weight),
		T(test_ports_do_not_share_a_weight),
		T(test_largest_weights),
		T(test_priority_then_none),
		T(test_health_first),
		T(test_busy),
		T(test_busy_without_targets),
		T(test_black_hole),
		T(test_attempts_are_staggered),
		T(test_unknown_before_connected_and_down),
		T(test_each_is_tried_once),
		T(test_attempts_are_apart),
		T(test_time_is_bounded),
		T(test_waits_for_a_name),
		T(test_asked_for_by_name),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/pick", tests, NULL, NULL);
}
