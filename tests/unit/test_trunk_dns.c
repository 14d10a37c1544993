/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Look-ups through a name server of our own on a loopback address: answers,
 * refusals, silence, and questions that are withdrawn (RFC 1035 4.1).
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include "trunk_fixture.h"

enum { RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, TYPE_A = 1, TYPE_AAAA = 28 };

struct world {
	struct sp_loop *loop;
	struct dns *d;
	int fd;
	bool silent, fails;
	unsigned addresses; /* in answers to A; 0: no such name */
	unsigned questions;
	struct dns_query *q;
	unsigned calls;
	int err;
	struct sa addrv[TRUNK_ADDRS_MAX];
	size_t addrc;
};

static size_t put_answers(uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n; ++i) {
		const uint8_t record[] = {0xc0, 12, 0, TYPE_A, 0,   1, 0, 0,
					  0,    60, 0, 4,      192, 0, 2, (uint8_t)(i + 1)};

		memcpy(p + i * sizeof(record), record, sizeof(record));
	}
	return n * 16;
}

/* The question comes back with answers behind it; anything additional is cut off. */
static void on_question(int flags, void *arg)
{
	struct world *w = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t p[1024];
	const ssize_t got = recvfrom(w->fd, p, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	size_t n = 12;
	unsigned answers;
	(void)flags;

	if (got < 17)
		return;
	++w->questions;
	if (w->silent) {
		sp_loop_stop(w->loop);
		return;
	}

	while (p[n])
		n += p[n] + 1u;
	answers = p[n + 2] == TYPE_A ? w->addresses : 0;
	n += 5;
	p[2] = 0x81;
	p[3] = (uint8_t)(0x80 | (w->addresses ? 0 : w->fails ? RCODE_SERVFAIL : RCODE_NXDOMAIN));
	p[6] = 0;
	p[7] = (uint8_t)answers;
	memset(p + 8, 0, 4);
	n += put_answers(p + n, answers);
	assert_int_equal(sendto(w->fd, p, n, 0, (struct sockaddr *)&from, len), n);
}

static void on_answer(int err, const struct sa *addrv, size_t addrc, void *arg)
{
	struct world *w = arg;

	++w->calls;
	w->err = err;
	w->addrc = addrc;
	memcpy(w->addrv, addrv, addrc * sizeof(*addrv));
	dns_cancel(w->q);
	w->q = NULL;
	sp_loop_stop(w->loop);
}

static int setup_all(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	*state = w;
	return sp_loop_alloc(&w->loop, 1024);
}

static int teardown_all(void **state)
{
	struct world *w = *state;

	mem_deref(w->loop);
	mem_deref(w);
	return 0;
}

static int setup(void **state)
{
	struct world *w = *state;
	struct sp_loop *loop = w->loop;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(addr);
	char server[32];

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->addresses = 2;
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(w->fd, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(sp_loop_listen(loop, w->fd, FD_READ, on_question, w), 0);

	assert_int_equal(dns_alloc(&w->d, loop), 0);
	snprintf(server, sizeof(server), "127.0.0.1:%u", ntohs(addr.sin_port));
	assert_int_equal(dns_servers(w->d, server), 0);
	fix_log_start(loop);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	dns_cancel(w->q);
	mem_deref(w->d);
	sp_loop_close(w->loop, w->fd);
	sp_log_sink(NULL, NULL);
	return 0;
}

static void ask(struct world *w, const char *host)
{
	assert_int_equal(dns_query(&w->q, w->d, host, 5061, on_answer, w), 0);
	assert_int_equal(w->calls, 0);
}

static void test_addresses(void **state)
{
	struct world *w = *state;
	struct sa want;

	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	assert_int_equal(w->calls, 1);
	assert_int_equal(w->err, 0);
	assert_int_equal(w->questions, 2); /* A and AAAA */
	assert_int_equal(w->addrc, 2);
	for (size_t i = 0; i < 2; ++i) {
		bool found = false;

		sa_set_in(&want, 0xc0000201 + (uint32_t)i, 5061);
		for (size_t k = 0; k < 2; ++k)
			found = found || sa_cmp(&want, &w->addrv[k], SA_ALL);
		assert_true(found);
	}
	assert_false(dns_busy(w->d));
}

static void test_addresses_are_bounded(void **state)
{
	struct world *w = *state;

	w->addresses = TRUNK_ADDRS_MAX + 3;
	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	assert_int_equal(w->err, 0);
	assert_int_equal(w->addrc, TRUNK_ADDRS_MAX);
}

static void test_no_such_name(void **state)
{
	struct world *w = *state;

	w->addresses = 0;
	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	assert_int_equal(w->err, EHOSTUNREACH);
	assert_int_equal(w->addrc, 0);
}

/* Not the same: the name may well be right. */
static void test_server_fails(void **state)
{
	struct world *w = *state;

	w->addresses = 0;
	w->fails = true;
	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	assert_int_equal(w->err, EIO);
	assert_int_equal(w->addrc, 0);
}

static void test_silent_server_times_out(void **state)
{
	struct world *w = *state;

	w->silent = true;
	ask(w, "sip.carrier.test");
	while (!w->calls)
		fix_run(w->loop);
	assert_int_equal(w->err, ETIMEDOUT);
	assert_true(w->questions >= 4); /* each was asked twice */
}

static void test_withdrawn(void **state)
{
	struct world *w = *state;

	w->silent = true;
	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	dns_cancel(w->q);
	w->q = NULL;
	assert_true(dns_busy(w->d));
	w->silent = false;
	ask(w, "other.carrier.test");
	fix_run(w->loop);
	assert_int_equal(w->calls, 1);
	assert_int_equal(w->err, 0);
}

static void test_destroyed_with_a_question_open(void **state)
{
	struct world *w = *state;

	w->silent = true;
	ask(w, "sip.carrier.test");
	fix_run(w->loop);
	w->d = mem_deref(w->d);
	while (!w->calls)
		fix_run(w->loop);
	assert_int_equal(w->err, ECANCELED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_addresses),
		T(test_addresses_are_bounded),
		T(test_no_such_name),
		T(test_server_fails),
		T(test_silent_server_times_out),
		T(test_withdrawn),
		T(test_destroyed_with_a_question_open),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/dns", tests, setup_all, teardown_all);
}
