/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of one message beside thousands of transactions that a peer has left open,
 * with branches, hosts and Call-IDs of its choice (RFC 3261 17.1.3, 17.2.3, 8.2.2.2):
 * it is the same however many there are, and whatever they are.
 */
#include "sip_fixture.h"
#include "work.h"

enum { FROM = 1024, TO = 8192, BUCKETS = 64 };

/* What differs from one of a peer's requests to the next. */
struct plan {
	const char *what;
	bool branch, port, call_id, method, cseq;
	const char *to_tag;
};

static const struct plan plans[] = {
	{"branches", .branch = true, .call_id = true},
	{"sent-by ports", .port = true, .call_id = true},
	{"methods", .branch = true, .method = true},
	{"one request on many ways", .branch = true},
	{"requests of a dialog", .branch = true, .cseq = true, .to_tag = ";tag=2"},
	{"merged within a dialog", .branch = true, .to_tag = ";tag=2"},
};

static void send_one(struct wire *w, const struct plan *p, unsigned i)
{
	char method[32] = "INVITE", blanks[301], text[2048];
	const char *why;

	memset(blanks, ' ', sizeof(blanks) - 1);
	blanks[p->port ? sizeof(blanks) - 1 : 0] = '\0';
	if (p->method)
		re_snprintf(method, sizeof(method), "X%u", i);
	re_snprintf(text, sizeof(text),
		    "%s sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS a.b%s:%u;branch=z9hG4bK%u\r\n"
		    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>%s\r\nCall-ID: %u\r\nCSeq: %u %s\r\n"
		    "Content-Length: 0\r\n\r\n",
		    method, blanks, p->port ? 1 + i : 5061, p->branch ? i : 0,
		    p->to_tag ? p->to_tag : "", p->call_id ? i : 0, p->cseq ? 1 + i : 1, method);
	assert_int_equal(0, sp_sip_conn_input(w->c, (const uint8_t *)text, strlen(text), &why));
}

static struct fixture *begin(void)
{
	void *state = NULL;
	struct fixture *f;

	(void)fixture_setup(&state);
	f = state;
	f->a.count_only = f->a2.count_only = f->b.count_only = true;

	return f;
}

static void end(struct fixture *f)
{
	void *state = f;

	(void)fixture_teardown(&state);
}

/* One more of the same, and one of another peer's, beside n that nobody answers. */
static void one_more(size_t n, void *arg)
{
	static const struct plan other = {"other", .branch = true, .call_id = true};
	struct fixture *f = begin();

	for (unsigned i = 0; i < n; i++)
		send_one(&f->a, arg, i);
	work_on();
	for (unsigned i = 0; i < 4; i++) {
		send_one(&f->a, arg, (unsigned)n + i);
		send_one(&f->b, &other, i);
		send_one(&f->b, &other, i); /* again: it is found */
	}
	work_off();
	end(f);
}

static void servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		work_constant(plans[i].what, FROM, TO, one_more, (void *)(uintptr_t)&plans[i]);
}

/* A response that answers nothing, and a request of ours, beside n of ours. */
static void stray_response(size_t n, void *arg)
{
	struct fixture *f = begin();
	(void)arg;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
	work_on();
	feed(&f->a, "SIP/2.0 200 OK\nVia: SIP/2.0/TLS gw.example:5061;branch=z9hG4bKx\n"
		    "From: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: 1\nCSeq: 7 OPTIONS\n");
	assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
	work_off();
	end(f);
}

static void clients(void **state)
{
	(void)state;
	work_constant("requests of ours", FROM, TO, stray_response, NULL);
}

/* All of it, from the first request to the last timer, and a lost connection's share. */
static void through(size_t n, void *arg)
{
	struct fixture *f = begin();

	f->reply_at_once = 486;
	work_on();
	for (unsigned i = 0; i < n; i++) {
		send_one(&f->a, arg, i);
		assert_int_equal(0, send_request(f, &f->a, SP_SIP_OPTIONS));
		sp_loop_advance(f->loop, 1);
	}
	sp_sip_conn_gone(f->a.c);
	sp_loop_advance(f->loop, 4 * SP_SIP_TIMEOUT_MS);
	work_off();
	assert_int_equal(0, sp_sip_transactions(f->sip));
	end(f);
}

static void lives(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		work_linear(plans[i].what, FROM / 2, FROM, through, (void *)(uintptr_t)&plans[i]);
}

/* A reply repeats what the request has of these (8.2.6.2, 12.1.1). */
static void reply_work(size_t n, void *arg)
{
	struct fixture *f = begin();
	struct work_text t;
	const char *why;

	text_begin(&t);
	text_add(&t, "INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/TLS a.b;branch=z9hG4bK1\r\n"
		     "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n");
	for (unsigned i = 0; t.n < n; i++) {
		const size_t start = t.n;

		text_add(&t, "%s", i % 2 ? "v: SIP/2.0/TLS a" : "Record-Route: <sip:a>");
		text_fill(&t, arg, min(start + 1500, n));
		text_add(&t, "\r\n");
	}
	text_add(&t, "Content-Length: 0\r\n\r\n");
	f->reply_at_once = 200;
	work_on();
	assert_int_equal(0, sp_sip_conn_input(f->a.c, (const uint8_t *)t.p, t.n, &why));
	work_off();
	assert_int_equal(1, f->a.n);
	text_end(&t);
	end(f);
}

static void replies(void **state)
{
	static const char *const v[] = {";a=b", ";a=\"\\\"\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		work_linear("replies", 4096, 16384, reply_work, (void *)(uintptr_t)v[i]);
}

/* The bucket that a request of plan 0 is in, under this key (strans.c). */
static uint32_t bucket(const struct sp_hashkey *key, unsigned i, const void *owner)
{
	const char *host = "a.b:5061", *method = "INVITE";
	uint64_t parts[4];
	char branch[32];

	re_snprintf(branch, sizeof(branch), "z9hG4bK%u", i);
	parts[0] = sp_hash(key, branch, strlen(branch));
	parts[1] = sp_hash(key, host, strlen(host)) ^ sp_hash(key, "", 0);
	parts[2] = sp_hash(key, method, strlen(method));
	parts[3] = (uint64_t)(uintptr_t)owner;

	return (uint32_t)sp_hash(key, parts, sizeof(parts)) % BUCKETS;
}

/* n branches that meet in one bucket when the key is 0. */
static void guessed(size_t n, void *arg)
{
	static const struct sp_hashkey zero;
	const bool *known = arg;
	struct fixture *f = begin();
	unsigned i = 0;

	mem_deref(f->sip->stable);
	assert_int_equal(0, hash_alloc(&f->sip->stable, BUCKETS));
	if (*known)
		f->sip->key = zero;
	for (size_t c = 0; c < n; i++) {
		if (bucket(&zero, i, &f->a))
			continue;
		send_one(&f->a, &plans[0], i);
		++c;
	}
	while (bucket(&zero, i, &f->a))
		++i;
	work_on();
	send_one(&f->a, &plans[0], i);
	work_off();
	end(f);
}

/* The control: who knows the key can do harm. Each layer has its own, from the kernel. */
static void keyed(void **state)
{
	struct fixture *f = begin(), *g = begin();
	bool known = true;
	uint64_t harm;

	(void)state;
	assert_memory_not_equal(&f->sip->key, &g->sip->key, sizeof(f->sip->key));
	end(f);
	end(g);

	(void)work_taken();
	guessed(2048, &known);
	harm = work_taken();
	known = false;
	guessed(2048, &known);
	assert_true(harm > 2 * work_taken());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers), cmocka_unit_test(clients), cmocka_unit_test(lives),
		cmocka_unit_test(replies), cmocka_unit_test(keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
