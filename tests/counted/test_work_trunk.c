/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of reading DNS's answers, which a trunk's own zone may fill as it likes (RFC 1035
 * 4.1.4, RFC 2782), and of rates by address, with addresses of a peer's choice.
 */
#include "unit/dns_fixture.h"
#include "trunk_priv.h"
#include "work.h"

enum { FROM = 512, TO = 64 * 1024 - 1, RATES_FROM = 512, RATES_TO = TRUNK_RATES_MAX * 2 };

static const char name[] = "a.b";

struct answer {
	uint8_t p[TO + 1];
	size_t n;
};

static void octet(struct answer *a, unsigned v)
{
	if (a->n < TO)
		a->p[a->n++] = (uint8_t)v;
}

static void u16(struct answer *a, unsigned v)
{
	octet(a, v >> 8);
	octet(a, v);
}

/* Records are counted by whoever adds them; the question is a.b's. */
static void answer_begin(struct answer *a)
{
	static const uint8_t head[] = {0, 1, 0x81, 0x80, 0,   1, 0, 0,  0, 0, 0,
				       0, 1, 'a',  1,    'b', 0, 0, 33, 0, 1};

	memcpy(a->p, head, sizeof(head));
	a->n = sizeof(head);
}

/* A record with an owner that is a pointer to `at`, and room for its data. */
static void record(struct answer *a, unsigned at, unsigned type, unsigned len)
{
	const unsigned count = (unsigned)(a->p[6] << 8 | a->p[7]) + 1;

	a->p[6] = (uint8_t)(count >> 8);
	a->p[7] = (uint8_t)count;
	u16(a, 0xc000 | at);
	u16(a, type);
	u16(a, 1);
	u16(a, 0);
	u16(a, 60);
	u16(a, len);
}

typedef void(fill_h)(struct answer *a, size_t n);

/* As many records of a type as fit, with this much data. */
static void many(struct answer *a, size_t n, unsigned type, unsigned len)
{
	while (a->n + 12 + len < n) {
		record(a, 12, type, len);
		for (unsigned i = 0; i < len; i++)
			octet(a, (unsigned)a->n);
	}
}

static void fill_a(struct answer *a, size_t n)
{
	many(a, n, 1, 4);
}

static void fill_other(struct answer *a, size_t n)
{
	many(a, n, 16, 0);
}

static void fill_srv(struct answer *a, size_t n)
{
	for (unsigned i = 0; a->n + 20 < n; i++) {
		record(a, 12, 33, 8);
		u16(a, 0x7fff - i);
		u16(a, i);
		u16(a, 5061);
		u16(a, 0xc00c);
	}
}

/* Each alias leads to the next, the last one first. */
static void fill_aliases(struct answer *a, size_t n)
{
	while (a->n + 14 < n) {
		record(a, 12, 5, 2);
		u16(a, 0xc00c);
	}
}

/* A chain of pointers, as long as pointers reach; then records whose owners are its end. */
static void fill_chain(struct answer *a, size_t n)
{
	const size_t long_as = min(n / 2, 0x3ffeU);
	size_t last = 12, len;

	record(a, 12, 16, 0);
	len = a->n - 2;
	while (a->n + 2 <= long_as) {
		const size_t at = a->n;

		u16(a, 0xc000 | (unsigned)last);
		last = at;
	}
	a->p[len] = (uint8_t)((a->n - len - 2) >> 8);
	a->p[len + 1] = (uint8_t)(a->n - len - 2);
	while (a->n + 14 < n) {
		record(a, (unsigned)last, 5, 2);
		u16(a, 0xc000 | (unsigned)last);
	}
}

/* Names of one letter, each with a pointer to the one before it. */
static void fill_labels(struct answer *a, size_t n)
{
	unsigned last = 12;

	while (a->n + 18 < n && a->n < 0x3fff) {
		record(a, 12, 5, 4);
		octet(a, 1);
		octet(a, 'x');
		u16(a, 0xc000 | last);
		last = (unsigned)a->n - 4;
	}
}

static void answer_work(size_t n, void *arg)
{
	struct answer *a = calloc(1, sizeof(*a));
	struct dns_answer out;

	answer_begin(a);
	(*(fill_h **)arg)(a, min(n, (size_t)TO));
	work_on();
	(void)dns_answer_parse(&out, name, DNS_TYPE_SRV, a->p, a->n);
	(void)dns_answer_parse(&out, name, DNS_TYPE_A, a->p, a->n);
	work_off();
	free(a);
}

static void answers(void **state)
{
	static const struct {
		const char *what;
		fill_h *fill;
		size_t from;
	} v[] = {
		{"dns addresses", fill_a, FROM},     {"dns others", fill_other, FROM},
		{"dns srv", fill_srv, 4096}, /* the best 16 are kept, put in order as they come */
		{"dns aliases", fill_aliases, FROM}, {"dns pointers", fill_chain, FROM},
		{"dns labels", fill_labels, 2048}, /* names of 255 octets by then */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		fill_h *fill = v[i].fill;

		/* what is read of one answer is bounded: 128 records, 8 aliases, names of 255
		 * octets */
		assert_in_range(work_linear(v[i].what, v[i].from, TO + 1, answer_work, &fill), 1,
				DNS_ANSWERS_MAX * (DNS_CNAMES_MAX + 1) * 2048);
	}
}

/* ---- rates by address ---- */

static void address(struct sa *sa, unsigned i)
{
	sa_set_in(sa, 0x0a000000 + i, 5061);
}

static void rates_work(size_t n, void *arg)
{
	const struct sp_conf_rate conf = {.per_s = 1, .burst = 1};
	struct rates *r;
	struct sa sa;
	(void)arg;

	assert_int_equal(0, rates_alloc(&r));
	for (unsigned i = 0; i < n; i++) {
		address(&sa, i);
		(void)sp_limit_take(rates_get(r, &sa, &conf, 1000), 1000);
	}
	work_on();
	for (unsigned i = 0; i < 16; i++) {
		address(&sa, (unsigned)n + i);
		(void)rates_get(r, &sa, &conf, 1000);
	}
	work_off();
	mem_deref(r);
}

static void rates(void **state)
{
	(void)state;
	work_constant("rates", RATES_FROM, RATES_TO, rates_work, NULL);
}

/* Two tables have two keys, so what meets in one is apart in the other. */
static void keyed(void **state)
{
	struct sp_hashkey a, b;
	unsigned same = 0;

	(void)state;
	sp_hashkey_init(&a);
	sp_hashkey_init(&b);
	for (unsigned i = 0; i < 1024; i++) {
		struct sa sa;

		address(&sa, i);
		same += addr_hash(&a, &sa) % 256 == addr_hash(&b, &sa) % 256;
	}
	assert_in_range(same, 0, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(rates),
		cmocka_unit_test(keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
