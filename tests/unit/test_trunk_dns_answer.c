/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Answers of DNS, whole and mangled (RFC 1035 4.1, RFC 2782, RFC 3596 2.2).
 */
#include "dns_fixture.h"

static const char srv_name[] = "_sips._tcp.carrier.test";

static int parse(struct dns_answer *a, const struct dnsmsg *m, const char *name, uint16_t type)
{
	uint8_t *copy = malloc(m->n ? m->n : 1); /* so that a sanitizer sees its end */
	int err;

	memcpy(copy, m->p, m->n);
	err = dns_answer_parse(a, name, type, copy, m->n);
	free(copy);
	return err;
}

static void assert_addr(const struct dns_record *r, const char *addr)
{
	struct sa want;

	assert_int_equal(sa_set_str(&want, addr, 0), 0);
	assert_true(sa_cmp(&want, &r->addr, SA_ADDR));
}

/* RFC 2782: priority decides; within one the order of the answer is kept */
static void test_srv(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, srv_name, DNS_TYPE_SRV);
	msg_srv(&m, srv_name, 300, 20, 5, 5061, "c.carrier.test");
	msg_srv(&m, srv_name, 200, 10, 60, 5062, "a.carrier.test");
	msg_srv(&m, "_SIPS._tcp.CARRIER.test", 250, 10, 0, 5063, "b.carrier.test");
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), 0);
	assert_int_equal(a.recordc, 3);
	assert_int_equal(a.ttl_s, 200);
	assert_false(a.unavailable);
	assert_string_equal(a.recordv[0].host, "a.carrier.test");
	assert_int_equal(a.recordv[0].priority, 10);
	assert_int_equal(a.recordv[0].weight, 60);
	assert_int_equal(a.recordv[0].port, 5062);
	assert_string_equal(a.recordv[1].host, "b.carrier.test");
	assert_string_equal(a.recordv[2].host, "c.carrier.test");
}

static void test_best_srv_are_kept(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	char host[32];
	(void)state;

	msg_begin(&m, srv_name, DNS_TYPE_SRV);
	for (unsigned i = 0; i < DNS_SRV_MAX + 8; ++i) {
		snprintf(host, sizeof(host), "h%u.carrier.test", i);
		msg_srv(&m, srv_name, 60, 100 - i, 0, 5061, host);
	}
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), 0);
	assert_int_equal(a.recordc, DNS_SRV_MAX);
	for (unsigned i = 0; i < DNS_SRV_MAX; ++i)
		assert_int_equal(a.recordv[i].priority, 100 - (DNS_SRV_MAX + 7) + i);
}

/* RFC 2782, "Target": "." says that there is no such service; beside others it says nothing */
static void test_srv_unavailable(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, srv_name, DNS_TYPE_SRV);
	msg_srv(&m, srv_name, 60, 0, 0, 0, ".");
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), 0);
	assert_true(a.unavailable);
	assert_int_equal(a.recordc, 0);
	assert_int_equal(a.ttl_s, 60);

	msg_srv(&m, srv_name, 60, 0, 0, 5061, "a.carrier.test");
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), 0);
	assert_false(a.unavailable);
	assert_int_equal(a.recordc, 1);
}

static void test_addresses(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 60, "192.0.2.2");
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 50, "192.0.2.1");
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 60, "192.0.2.2");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_int_equal(a.recordc, 2);
	assert_int_equal(a.ttl_s, 50);
	assert_addr(&a.recordv[0], "192.0.2.2");
	assert_addr(&a.recordv[1], "192.0.2.1");

	msg_begin(&m, "sbc.test", DNS_TYPE_AAAA);
	msg_addr(&m, "sbc.test", DNS_TYPE_AAAA, 60, "2001:db8::1");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_AAAA), 0);
	assert_int_equal(a.recordc, 1);
	assert_addr(&a.recordv[0], "2001:db8::1");
}

/* What some resolvers say of names that they block, and worse. */
static void test_addresses_that_nobody_has(void **state)
{
	static const char *const bad[] = {"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"};
	static const char *const bad6[] = {"::", "ff02::1"};
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	for (size_t i = 0; i < ARRAY_SIZE(bad); ++i)
		msg_addr(&m, "sbc.test", DNS_TYPE_A, 60, bad[i]);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), ENOENT);

	msg_begin(&m, "sbc.test", DNS_TYPE_AAAA);
	for (size_t i = 0; i < ARRAY_SIZE(bad6); ++i)
		msg_addr(&m, "sbc.test", DNS_TYPE_AAAA, 60, bad6[i]);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_AAAA), ENOENT);
}

static void test_addresses_are_bounded(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	char addr[16];
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	for (unsigned i = 1; i <= 200; ++i) {
		snprintf(addr, sizeof(addr), "192.0.2.%u", i);
		msg_addr(&m, "sbc.test", DNS_TYPE_A, i > DNS_ANSWERS_MAX ? 1 : 60, addr);
	}
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_int_equal(a.recordc, DNS_ADDRS_MAX);
	assert_int_equal(a.ttl_s, 60); /* those behind are not read */
}

/* RFC 1034 3.6.2: aliases, in whatever order they come; the least TTL counts */
static void test_aliases(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_addr(&m, "c.test", DNS_TYPE_A, 60, "192.0.2.1");
	msg_cname(&m, "b.test", 20, "c.test");
	msg_cname(&m, "sbc.test", 30, "b.test");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_int_equal(a.recordc, 1);
	assert_int_equal(a.ttl_s, 20);
}

static void test_aliases_end(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	char from[16], to[16];
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_cname(&m, "sbc.test", 60, "b.test");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), ENOENT);
	msg_cname(&m, "b.test", 60, "sbc.test");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);

	msg_begin(&m, "c0", DNS_TYPE_A);
	for (unsigned i = 0; i <= DNS_CNAMES_MAX; ++i) {
		snprintf(from, sizeof(from), "c%u", i);
		snprintf(to, sizeof(to), "c%u", i + 1);
		msg_cname(&m, from, 60, to);
		if (i + 1 < DNS_CNAMES_MAX)
			continue;
		msg_addr(&m, to, DNS_TYPE_A, 60, "192.0.2.1");
		assert_int_equal(parse(&a, &m, "c0", DNS_TYPE_A), i < DNS_CNAMES_MAX ? 0 : EBADMSG);
		m.p[7]--; /* without the address again */
		m.n -= strlen(to) + 2 + 14;
	}
}

/* RFC 2181 8: "If the most significant bit is set, the value is to be treated as zero" */
static void test_absurd_ttl(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 0x80000000, "192.0.2.1");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_int_equal(a.ttl_s, 0);
}

/* Records of others, of other types and classes count for nothing. */
static void test_others_records(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_addr(&m, "sbc.test", DNS_TYPE_AAAA, 1, "2001:db8::1");
	msg_addr(&m, "evil.test", DNS_TYPE_A, 1, "192.0.2.66");
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 1, "192.0.2.67");
	m.p[m.n - 11] = 3; /* class CHAOS */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), ENOENT);
	msg_addr(&m, "sbc.test", DNS_TYPE_A, 60, "192.0.2.1");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_int_equal(a.recordc, 1);
	assert_int_equal(a.ttl_s, 60);
	assert_addr(&a.recordv[0], "192.0.2.1");
}

static void test_names_that_are_no_hosts(void **state)
{
	static const char *const bad[] = {"a b.test",      "a\"b.test", "a\nb.test",
					  "\xc3\xa4.test", "?",         "a/b.test"};
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, srv_name, DNS_TYPE_SRV);
	for (size_t i = 0; i < ARRAY_SIZE(bad); ++i)
		msg_srv(&m, srv_name, 60, 0, 0, 5061, bad[i]);
	msg_srv(&m, srv_name, 60, 0, 0, 0, "port-0.test");
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), ENOENT);
	msg_srv(&m, srv_name, 60, 0, 0, 5061, "a_b-c.test");
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), 0);
	assert_int_equal(a.recordc, 1);

	/* an alias to such a name does not lead to all others of its kind */
	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	msg_cname(&m, "sbc.test", 60, "a b");
	msg_addr(&m, "x y", DNS_TYPE_A, 60, "192.0.2.1");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
}

static void test_rcode(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), ENOENT);
	m.p[3] |= RCODE_NXDOMAIN;
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), ENOENT);
	m.p[3] = RCODE_SERVFAIL;
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EIO);
}

static void test_header(void **state)
{
	struct dnsmsg m, good;
	struct dns_answer a;
	(void)state;

	msg_begin(&good, "sbc.test", DNS_TYPE_A);
	msg_addr(&good, "sbc.test", DNS_TYPE_A, 60, "192.0.2.1");
	assert_int_equal(parse(&a, &good, "sbc.test", DNS_TYPE_A), 0);

	m = good;
	m.p[2] &= 0x7f; /* a question */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m = good;
	m.p[2] |= 2; /* truncated */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m = good;
	m.p[5] = 2; /* two questions */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m = good;
	m.p[7] = 2; /* one more record than there is */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
}

/* RFC 1035 4.1.4: pointers lead back, and only back */
static void test_pointers(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	size_t owner;
	(void)state;

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	owner = m.n;
	m.p[7] = 1;
	msg_u16(&m, 0xc00c); /* the question's name */
	msg_u16(&m, DNS_TYPE_A);
	msg_u16(&m, 1);
	msg_u32(&m, 60);
	msg_u16(&m, 4);
	msg_u32(&m, 0xc0000201);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), 0);
	assert_addr(&a.recordv[0], "192.0.2.1");

	m.p[owner + 1] = (uint8_t)owner; /* to itself */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m.p[owner + 1] = (uint8_t)(owner + 2);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m.p[owner] = 0xff;
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	m.p[owner] = 0x80; /* a reserved kind of label */
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
}

/* RFC 1035 2.3.4: 255 octets */
static void test_long_names(void **state)
{
	char name[300], label[65];
	struct dnsmsg m;
	struct dns_answer a;
	(void)state;

	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	assert_int_equal(strlen(name), DNS_HOST_SIZE - 1);
	msg_begin(&m, name, DNS_TYPE_A);
	msg_addr(&m, name, DNS_TYPE_A, 60, "192.0.2.1");
	assert_int_equal(parse(&a, &m, name, DNS_TYPE_A), 0);

	snprintf(name, sizeof(name), "%s.%s.%s.%.62s", label, label, label, label);
	msg_begin(&m, name, DNS_TYPE_A);
	msg_addr(&m, name, DNS_TYPE_A, 60, "192.0.2.1");
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
	assert_int_equal(parse(&a, &m, name, DNS_TYPE_A), ENOENT); /* nobody can have asked it */
}

static void test_data_of_the_wrong_length(void **state)
{
	struct dnsmsg m;
	struct dns_answer a;
	size_t at;
	(void)state;

	msg_begin(&m, srv_name, DNS_TYPE_SRV);
	at = msg_record(&m, srv_name, DNS_TYPE_SRV, 60);
	msg_u16(&m, 0);
	msg_u16(&m, 0);
	msg_u16(&m, 5061);
	msg_end(&m, at);
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), EBADMSG); /* no target */
	msg_name(&m, "sbc.test");
	msg_octet(&m, 0);
	msg_end(&m, at);
	assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), EBADMSG); /* something behind it */

	msg_begin(&m, "sbc.test", DNS_TYPE_A);
	at = msg_record(&m, "sbc.test", DNS_TYPE_A, 60);
	for (unsigned i = 0; i < 5; ++i)
		msg_octet(&m, 1);
	msg_end(&m, at);
	assert_int_equal(parse(&a, &m, "sbc.test", DNS_TYPE_A), EBADMSG);
}

/* Wherever it is cut, and whatever octet is another: no crash, no fewer checks. */
static void test_every_cut_and_octet(void **state)
{
	struct dnsmsg m, good;
	struct dns_answer a;
	(void)state;

	msg_begin(&good, srv_name, DNS_TYPE_SRV);
	msg_cname(&good, srv_name, 60, "alias.test");
	msg_srv(&good, "alias.test", 60, 1, 2, 5061, "a.carrier.test");
	for (size_t n = 0; n < good.n; ++n) {
		m = good;
		m.n = n;
		assert_int_equal(parse(&a, &m, srv_name, DNS_TYPE_SRV), EBADMSG);
	}
	for (size_t i = 0; i < good.n; ++i) {
		m = good;
		for (unsigned v = 0; v < 256; ++v) {
			m.p[i] = (uint8_t)v;
			if (parse(&a, &m, srv_name, DNS_TYPE_SRV))
				continue;
			assert_true(a.recordc <= DNS_SRV_MAX && (a.recordc || a.unavailable));
			for (size_t k = 0; k < a.recordc; ++k)
				assert_true(strlen(a.recordv[k].host) < DNS_HOST_SIZE);
		}
	}
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_srv),
		cmocka_unit_test(test_best_srv_are_kept),
		cmocka_unit_test(test_srv_unavailable),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_addresses_that_nobody_has),
		cmocka_unit_test(test_addresses_are_bounded),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_aliases_end),
		cmocka_unit_test(test_absurd_ttl),
		cmocka_unit_test(test_others_records),
		cmocka_unit_test(test_names_that_are_no_hosts),
		cmocka_unit_test(test_rcode),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_data_of_the_wrong_length),
		cmocka_unit_test(test_every_cut_and_octet),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/dns_answer", tests, NULL, NULL);
}
