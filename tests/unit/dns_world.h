/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A resolver on a fake clock: questions are answered from a zone, at once or
 * when the test says so, and one name is watched.
 */
#ifndef SALLYPORT_TEST_DNS_WORLD_H
#define SALLYPORT_TEST_DNS_WORLD_H

#include "dns_fixture.h"

struct world {
	struct sp_loop *loop;
	struct dns *d;
	struct zone zone;
	bool held;         /* questions wait until it is over */
	struct list asked; /* struct dns_question */
	unsigned questions;
	char names[2048];     /* "TYPE NAME;" of each question */
	const char *unrouted; /* addresses that begin so have no route */
	struct dns_log log;
	struct dns_name *n;
	unsigned calls;
};

struct dns_question {
	struct le le;
	struct world *w;
	struct sp_timer timer;
	char name[DNS_HOST_SIZE];
	uint16_t type;
	dns_answer_h *h;
	void *arg;
};

/* The ops have no argument of their own. */
static struct world *the_world;

static inline void question_destructor(void *arg)
{
	struct dns_question *q = arg;

	list_unlink(&q->le);
	sp_timer_cancel(&q->timer);
}

static inline void reply(void *arg)
{
	struct dns_question *q = arg;
	struct dnsmsg *m = malloc(sizeof(*m));
	struct dns_answer a;
	unsigned rcode;
	int err;

	list_unlink(&q->le);
	rcode = zone_answer(&q->w->zone, m, q->name, q->type);
	err = rcode == ZONE_SILENT ? ETIMEDOUT : dns_answer_parse(&a, q->name, q->type, m->p, m->n);
	free(m);
	mem_ref(q);
	q->h(err, err == ETIMEDOUT ? "silence" : err == ENOENT ? "none" : "broken", &a, q->arg);
	mem_deref(q);
}

static inline int ask(struct dns_question **qp, struct dns *d, const char *name, uint16_t type,
		      dns_answer_h *h, void *arg)
{
	static const char *const types[] = {
		[DNS_TYPE_A] = "A", [DNS_TYPE_AAAA] = "AAAA", [DNS_TYPE_SRV] = "SRV"};
	struct dns_question *q = mem_zalloc(sizeof(*q), question_destructor);
	struct world *w = the_world;
	const size_t len = strlen(w->names);

	assert_non_null(q);
	snprintf(w->names + len, sizeof(w->names) - len, "%s %s;", types[type], name);
	++w->questions;
	q->w = w;
	snprintf(q->name, sizeof(q->name), "%s", name);
	q->type = type;
	q->h = h;
	q->arg = arg;
	list_append(&w->asked, &q->le, q);
	if (!w->held)
		sp_timer_start(d->loop, &q->timer, 0, reply, q);
	*qp = q;
	return 0;
}

static inline bool routed(const struct sa *addr)
{
	char text[64];

	re_snprintf(text, sizeof(text), "%j", addr);
	return !the_world->unrouted ||
	       strncmp(text, the_world->unrouted, strlen(the_world->unrouted)) != 0;
}

static inline void on_name(struct dns_name *n, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(n, w->n);
	++w->calls;
}

static inline int world_setup(void **state)
{
	static const struct dns_ops ops = {.ask = ask, .routed = routed};
	const struct dns_conf conf = {.ttl_min_s = 10, .ttl_max_s = 3600};
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	the_world = *state = w;
	assert_int_equal(sp_loop_alloc_fake(&w->loop, 1000000), 0);
	assert_int_equal(dns_alloc_ops(&w->d, w->loop, &conf, &ops), 0);
	sp_log_setup(SP_LOG_INFO, false);
	sp_log_sink(dns_log_sink, &w->log);
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	mem_deref(w->n);
	assert_null(list_head(&w->asked)); /* all were withdrawn or answered */
	mem_deref(w->d);
	assert_int_equal(sp_loop_timers(w->loop), 0);
	mem_deref(w->loop);
	mem_deref(w);
	sp_log_sink(NULL, NULL);
	return 0;
}

static inline void watch(struct world *w, const char *host, bool srv)
{
	assert_int_equal(dns_watch(&w->n, w->d, host, 5061, srv, on_name, w), 0);
	assert_int_equal(w->calls, 0);
	assert_false(dns_looked_up(w->n));
	sp_loop_advance(w->loop, 0);
}

/* Another zone, from now on. */
static inline struct zone *zone_new(struct world *w)
{
	w->zone.n = 0;
	w->calls = 0;
	w->questions = 0;
	*w->names = '\0';
	return &w->zone;
}

static inline void pass(struct world *w, unsigned seconds)
{
	sp_loop_advance(w->loop, seconds * 1000ull);
}

#endif
