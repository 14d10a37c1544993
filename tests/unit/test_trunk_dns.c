/* SPDX-License-Identifier: BSD-3-Clause
 *
 * c-ares in the loop, with a name server of our own on a loopback address:
 * answers, refusals, silence, forgeries, TCP (RFC 1035 4.2), and questions
 * that are withdrawn.
 */
#include "alloc_fault.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "dns_fixture.h"

enum { WATCHDOG_MS = 15000, TCP_MAX = 4 };

struct server {
	struct world *w;
	int udp, tcp;
	int connv[TCP_MAX];
	size_t connc;
	uint16_t port;
	char csv[64];
	struct zone zone;
	bool truncates; /* over UDP */
	bool hates_edns;
	bool forges; /* sends a wrong answer first, from elsewhere and with other ids */
	unsigned questions, over_tcp, with_edns;
	char names[1024];
};

struct world {
	struct sp_loop *loop;
	struct server serverv[2];
	struct dns *d;
	struct dns_log log;
	struct dns_name *n;
	unsigned calls;
	unsigned awaited;          /* calls that end a run */
	const unsigned *questions; /* or such a count of questions */
};

/* The question's name as text. @return its end */
static size_t read_question(const uint8_t *p, size_t len, char name[DNS_HOST_SIZE], uint16_t *type)
{
	size_t n = 12, out = 0;

	while (n < len && p[n]) {
		if (out)
			name[out++] = '.';
		assert_true(out + p[n] < DNS_HOST_SIZE && n + p[n] < len);
		memcpy(name + out, p + n + 1, p[n]);
		out += p[n];
		n += p[n] + 1u;
	}
	name[out] = '\0';
	assert_true(n + 5 <= len);
	*type = (uint16_t)(p[n + 1] << 8 | p[n + 2]);
	return n + 5;
}

static unsigned make_answer(struct server *s, struct dnsmsg *m, const uint8_t *p, size_t len)
{
	char name[DNS_HOST_SIZE];
	uint16_t type;
	const bool edns = read_question(p, len, name, &type) < len;
	unsigned rcode = zone_answer(&s->zone, m, name, type);

	++s->questions;
	s->with_edns += edns;
	snprintf(s->names + strlen(s->names), sizeof(s->names) - strlen(s->names), "%s;", name);
	memcpy(m->p, p, 2);
	if (edns && s->hates_edns) {
		msg_begin(m, name, type);
		memcpy(m->p, p, 2);
		m->p[3] = 0x80 | RCODE_FORMERR;
		rcode = RCODE_FORMERR;
	}
	if (s->w->questions == &s->questions)
		sp_loop_stop(s->w->loop);
	return rcode;
}

/* Wrong in what is checked: sender, id, question. */
static void forge(struct server *s, const uint8_t *p, size_t len, const struct sockaddr_in *to)
{
	struct zone zone = {.n = 0};
	struct dnsmsg *m = malloc(sizeof(*m));
	const int elsewhere = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[DNS_HOST_SIZE];
	uint16_t type;

	(void)read_question(p, len, name, &type);
	zone_a(&zone, name, 60, "192.0.2.66");
	zone_a(&zone, "evil.test", 60, "192.0.2.66");
	(void)zone_answer(&zone, m, name, type);
	memcpy(m->p, p, 2);
	(void)sendto(elsewhere, m->p, m->n, 0, (const struct sockaddr *)to, sizeof(*to));
	close(elsewhere);
	m->p[0] ^= 1;
	(void)sendto(s->udp, m->p, m->n, 0, (const struct sockaddr *)to, sizeof(*to));
	(void)zone_answer(&zone, m, "evil.test", DNS_TYPE_A);
	memcpy(m->p, p, 2);
	(void)sendto(s->udp, m->p, m->n, 0, (const struct sockaddr *)to, sizeof(*to));
	free(m);
}

static void on_udp(int flags, void *arg)
{
	struct server *s = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t p[1024];
	struct dnsmsg *m;
	const ssize_t got =
		recvfrom(s->udp, p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	const unsigned was = alloc_pause();
	(void)flags;

	if (got < 17)
		goto out;
	if (s->forges)
		forge(s, p, (size_t)got, &from);
	m = malloc(sizeof(*m));
	if (make_answer(s, m, p, (size_t)got) != ZONE_SILENT) {
		if (s->truncates) {
			char name[DNS_HOST_SIZE];
			uint16_t type;

			(void)read_question(p, (size_t)got, name, &type);
			msg_begin(m, name, type);
			memcpy(m->p, p, 2);
			m->p[2] |= 2;
		}
		assert_int_equal(sendto(s->udp, m->p, m->n, 0, (struct sockaddr *)&from, len),
				 m->n);
	}
	free(m);
out:
	alloc_leave(was);
}

/* On loopback a short message comes in one piece; several may come together. */
static void on_tcp_data(int flags, void *arg)
{
	struct server *s = arg;
	(void)flags;

	for (size_t i = 0; i < s->connc; ++i) {
		uint8_t p[4096], head[2];
		const ssize_t got = recv(s->connv[i], p, sizeof(p), MSG_DONTWAIT);
		struct dnsmsg *m;

		if (!got) {
			sp_loop_close(s->w->loop, s->connv[i]);
			s->connv[i] = s->connv[--s->connc];
			return;
		}
		for (ssize_t at = 0; at + 2 < got;) {
			const size_t len = (size_t)(p[at] << 8 | p[at + 1]);

			assert_true(at + 2 + (ssize_t)len <= got);
			m = malloc(sizeof(*m));
			++s->over_tcp;
			(void)make_answer(s, m, p + at + 2, len);
			head[0] = (uint8_t)(m->n >> 8);
			head[1] = (uint8_t)m->n;
			assert_int_equal(send(s->connv[i], head, 2, MSG_MORE), 2);
			assert_int_equal(send(s->connv[i], m->p, m->n, 0), m->n);
			free(m);
			at += 2 + (ssize_t)len;
		}
	}
}

static void on_tcp(int flags, void *arg)
{
	struct server *s = arg;
	const int fd = accept4(s->tcp, NULL, NULL, SOCK_CLOEXEC);
	(void)flags;

	assert_true(fd >= 0 && s->connc < TCP_MAX);
	s->connv[s->connc++] = fd;
	assert_int_equal(sp_loop_listen(s->w->loop, fd, FD_READ, on_tcp_data, s), 0);
}

/* The same port for both. */
static void server_start(struct server *s, struct world *w)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(addr);

	memset(s, 0, sizeof(*s));
	s->w = w;
	for (;;) {
		addr.sin_port = 0;
		s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(s->udp, (struct sockaddr *)&addr, len), 0);
		assert_int_equal(getsockname(s->udp, (struct sockaddr *)&addr, &len), 0);
		if (!bind(s->tcp, (struct sockaddr *)&addr, len))
			break;
		close(s->udp);
		close(s->tcp);
	}
	s->port = ntohs(addr.sin_port);
	snprintf(s->csv, sizeof(s->csv), "127.0.0.1:%u", s->port);
	assert_int_equal(listen(s->tcp, 4), 0);
	assert_int_equal(sp_loop_listen(w->loop, s->udp, FD_READ, on_udp, s), 0);
	assert_int_equal(sp_loop_listen(w->loop, s->tcp, FD_READ, on_tcp, s), 0);
}

static void server_stop(struct server *s)
{
	sp_loop_close(s->w->loop, s->udp);
	sp_loop_close(s->w->loop, s->tcp);
	while (s->connc)
		sp_loop_close(s->w->loop, s->connv[--s->connc]);
	s->udp = s->tcp = -1;
}

static void start_resolver(struct world *w, const char *servers)
{
	const struct dns_conf conf = {.servers = servers, .ttl_min_s = 1, .ttl_max_s = 3600};

	assert_int_equal(dns_alloc(&w->d, w->loop, &conf), 0);
}

static int setup_all(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w), NULL);

	assert_non_null(w);
	*state = w;
	/* What a machine's resolv.conf may say, for all tests: names are never changed by it. */
	setenv("LOCALDOMAIN", "search.test other.test", 1);
	setenv("RES_OPTIONS", "ndots:5", 1);
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

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	for (size_t i = 0; i < 2; ++i)
		server_start(&w->serverv[i], w);
	start_resolver(w, w->serverv[0].csv);
	sp_log_setup(SP_LOG_INFO, false);
	sp_log_sink(dns_log_sink, &w->log);
	return 0;
}

static void on_watchdog(void *arg)
{
	struct world *w = arg;

	print_message("nothing happened in %u ms\n", WATCHDOG_MS);
	for (size_t i = 0; i < w->log.n && i < 64; ++i)
		print_message("log: %s\n", w->log.line[i]);
	sp_loop_stop(w->loop);
}

static void run(struct world *w)
{
	struct sp_timer watchdog = {0};

	sp_timer_start(w->loop, &watchdog, WATCHDOG_MS, on_watchdog, w);
	assert_int_equal(sp_loop_run(w->loop), 0);
	assert_true(sp_timer_isrunning(&watchdog));
	sp_timer_cancel(&watchdog);
}

static void stop(void *arg)
{
	sp_loop_stop(arg);
}

/* A few turns of the loop. */
static void run_ms(struct world *w, unsigned ms)
{
	struct sp_timer timer = {0};

	sp_timer_start(w->loop, &timer, ms, stop, w->loop);
	run(w);
}

static int teardown(void **state)
{
	struct world *w = *state;

	mem_deref(w->n);
	mem_deref(w->d);
	for (size_t i = 0; i < 2; ++i)
		server_stop(&w->serverv[i]);
	run_ms(w, 0);
	assert_int_equal(sp_loop_timers(w->loop), 0);
	sp_log_sink(NULL, NULL);
	return 0;
}

static void on_name(struct dns_name *n, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(n, w->n);
	if (++w->calls == w->awaited)
		sp_loop_stop(w->loop);
}

static void watch(struct world *w, const char *host, bool srv)
{
	w->awaited = w->calls + 1;
	assert_int_equal(dns_watch(&w->n, w->d, host, 5061, srv, on_name, w), 0);
}

/* Watch it until the first answer. */
static void look_up(struct world *w, const char *host, bool srv)
{
	watch(w, host, srv);
	run(w);
}

static void test_srv_and_addresses(void **state)
{
	struct world *w = *state;
	struct zone *z = &w->serverv[0].zone;

	zone_srv(z, "_sips._tcp.carrier.test", 60, 1, 10, 5070, "a.test");
	zone_srv(z, "_sips._tcp.carrier.test", 60, 2, 0, 5071, "b.test");
	zone_a(z, "a.test", 50, "127.0.0.11");
	zone_a(z, "a.test", 50, "::1");
	zone_add(z, "b.test", DNS_TYPE_CNAME, 40, "c.test");
	zone_a(z, "c.test", 60, "127.0.0.12");
	look_up(w, "carrier.test", true);
	assert_non_null(strstr(dns_text(w->n), "127.0.0.11:5070 1/10 a.test"));
	assert_non_null(strstr(dns_text(w->n), "127.0.0.12:5071 2/0 b.test"));
	assert_int_equal(dns_ttl_s(w->n), 40);
	assert_int_equal(w->serverv[0].questions, 5);
}

/* RES_OPTIONS and LOCALDOMAIN of setup_all() would lead elsewhere. */
static void test_names_are_not_searched(void **state)
{
	struct world *w = *state;

	zone_a(&w->serverv[0].zone, "sbc.search.test", 60, "127.0.0.66");
	zone_a(&w->serverv[0].zone, "a.sbc.search.test", 60, "127.0.0.66");
	look_up(w, "sbc", false);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(w->serverv[0].names, "sbc;sbc;");
	w->n = mem_deref(w->n);
	look_up(w, "a.sbc.", false);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(w->serverv[0].names, "sbc;sbc;a.sbc;a.sbc;");
}

static void test_hosts_file(void **state)
{
	struct world *w = *state;

	look_up(w, "localhost", false);
	assert_non_null(strstr(dns_text(w->n), "127.0.0.1:5061 0/0 localhost"));
	assert_int_equal(w->serverv[0].questions, 0);
	assert_int_equal(dns_ttl_s(w->n), 1); /* the floor: the file may change */
}

static void test_no_such_name(void **state)
{
	struct world *w = *state;

	look_up(w, "sbc.test", true);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(dns_why(w->n), "sbc.test: no such name, or no address");
	assert_int_equal(w->serverv[0].questions, 4);
}

/* Not the same: the name may well be right. */
static void test_server_fails(void **state)
{
	struct world *w = *state;

	zone_fails(&w->serverv[0].zone, "_sips._tcp.sbc.test", DNS_TYPE_SRV, RCODE_SERVFAIL);
	look_up(w, "sbc.test", true);
	assert_non_null(strstr(dns_why(w->n), "_sips._tcp.sbc.test SRV: "));
	assert_null(strstr(dns_why(w->n), "no such"));
	assert_string_equal(dns_text(w->n), "");
}

static void test_silent_server_times_out(void **state)
{
	struct world *w = *state;
	struct zone *z = &w->serverv[0].zone;
	const uint64_t start = sp_loop_now_ms(w->loop);

	zone_fails(z, "sbc.test", DNS_TYPE_A, ZONE_SILENT);
	zone_fails(z, "sbc.test", DNS_TYPE_AAAA, ZONE_SILENT);
	look_up(w, "sbc.test", false);
	assert_string_equal(dns_why(w->n), "sbc.test AAAA: the DNS servers do not answer");
	assert_int_equal(w->serverv[0].questions, 4); /* each was asked twice */
	assert_true(sp_loop_now_ms(w->loop) - start < 10000);
}

static void test_no_server(void **state)
{
	struct world *w = *state;

	server_stop(&w->serverv[0]);
	look_up(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "");
	assert_non_null(strstr(dns_why(w->n), "DNS server"));
}

static void test_second_server_helps(void **state)
{
	struct world *w = *state;
	char csv[160];

	w->d = mem_deref(w->d);
	server_stop(&w->serverv[0]);
	snprintf(csv, sizeof(csv), "%s,%s", w->serverv[0].csv, w->serverv[1].csv);
	start_resolver(w, csv);
	zone_a(&w->serverv[1].zone, "sbc.test", 60, "127.0.0.11");
	look_up(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 sbc.test");
}

/* RFC 7766 5: an answer with TC is asked for again over TCP */
static void test_truncated_answer(void **state)
{
	struct world *w = *state;
	struct server *s = &w->serverv[0];
	char name[32];

	for (unsigned i = 0; i < 40; ++i) {
		snprintf(name, sizeof(name), "long-name-of-host-%u.test", i);
		zone_srv(&s->zone, "_sips._tcp.carrier.test", 60, i, 0, 5061, name);
	}
	zone_a(&s->zone, "long-name-of-host-0.test", 60, "127.0.0.11");
	s->truncates = true;
	look_up(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 long-name-of-host-0.test");
	assert_int_equal(s->over_tcp, 1 + 2 * DNS_SRV_MAX);
}

/* RFC 6891 7: a server that does not know EDNS */
static void test_server_without_edns(void **state)
{
	struct world *w = *state;
	struct server *s = &w->serverv[0];

	s->hates_edns = true;
	zone_srv(&s->zone, "_sips._tcp.carrier.test", 60, 0, 0, 5061, "a.test");
	zone_a(&s->zone, "a.test", 60, "127.0.0.11");
	look_up(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 a.test");
	assert_true(s->with_edns > 0);
}

static void test_forged_answers(void **state)
{
	struct world *w = *state;

	w->serverv[0].forges = true;
	zone_a(&w->serverv[0].zone, "sbc.test", 60, "127.0.0.11");
	look_up(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 sbc.test");
}

/* A server may send what it likes under the right id. */
static void test_malformed_answer(void **state)
{
	struct world *w = *state;
	struct zone *z = &w->serverv[0].zone;

	zone_a(z, "sbc.test", 60, "127.0.0.11");
	zone_add(z, "sbc.test", DNS_TYPE_CNAME, 60, "sbc.test"); /* to itself */
	z->v[0].type = 99;
	look_up(w, "sbc.test", false);
	assert_string_equal(dns_text(w->n), "");
	assert_string_equal(dns_why(w->n), "sbc.test AAAA: malformed answer");
}

static void test_ttl(void **state)
{
	struct world *w = *state;
	struct zone *z = &w->serverv[0].zone;

	zone_a(z, "sbc.test", 1, "127.0.0.11");
	look_up(w, "sbc.test", false);
	z->n = 0;
	zone_a(z, "sbc.test", 60, "127.0.0.12");
	w->awaited = 2;
	run(w);
	assert_string_equal(dns_text(w->n), "127.0.0.12:5061 0/0 sbc.test");
	assert_int_equal(w->serverv[0].questions, 4);
}

static void test_withdrawn(void **state)
{
	struct world *w = *state;
	struct server *s = &w->serverv[0];

	zone_fails(&s->zone, "sbc.test", DNS_TYPE_A, ZONE_SILENT);
	zone_fails(&s->zone, "sbc.test", DNS_TYPE_AAAA, ZONE_SILENT);
	zone_a(&s->zone, "other.test", 60, "127.0.0.11");
	w->questions = &s->questions;
	look_up(w, "sbc.test", false);
	assert_int_equal(w->calls, 0);
	w->questions = NULL;
	w->n = mem_deref(w->n);
	look_up(w, "other.test", false);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 other.test");
	assert_int_equal(w->calls, 1);
}

static void test_destroyed_with_a_question_open(void **state)
{
	struct world *w = *state;
	struct server *s = &w->serverv[0];

	zone_fails(&s->zone, "_sips._tcp.sbc.test", DNS_TYPE_SRV, ZONE_SILENT);
	w->questions = &s->questions;
	look_up(w, "sbc.test", true);
	w->d = mem_deref(w->d);
	run_ms(w, 20);
	assert_int_equal(w->calls, 0);
}

/* New settings: a question in progress is finished by the old server, then the new one is asked. */
static void test_settings_change(void **state)
{
	struct world *w = *state;
	struct dns_conf conf = {.servers = w->serverv[1].csv, .ttl_min_s = 1, .ttl_max_s = 3600};

	zone_a(&w->serverv[0].zone, "sbc.test", 60, "127.0.0.11");
	zone_a(&w->serverv[1].zone, "sbc.test", 60, "127.0.0.12");
	w->questions = &w->serverv[0].questions;
	watch(w, "sbc.test", false);
	run(w);
	w->questions = NULL;
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	run(w);
	assert_string_equal(dns_text(w->n), "127.0.0.11:5061 0/0 sbc.test");
	assert_int_equal(w->serverv[1].questions, 0);

	conf.ttl_max_s = 50;
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
	w->awaited = 2;
	run(w);
	assert_string_equal(dns_text(w->n), "127.0.0.12:5061 0/0 sbc.test");
	assert_int_equal(dns_ttl_s(w->n), 50);

	conf.servers = "not a server";
	assert_int_equal(dns_conf_set(w->d, &conf), EINVAL);
	conf.servers = NULL;
	assert_int_equal(dns_conf_set(w->d, &conf), 0);
}

/* c-ares 1.18 leaks where its own set-up fails: here it fails before, or not at all. */
int ares_init_options(ares_channel *channelptr, struct ares_options *options, int optmask)
{
	int (*real)(ares_channel *, struct ares_options *, int);
	void *symbol = dlsym(RTLD_NEXT, "ares_init_options");
	unsigned was;
	int status;

	assert_non_null(symbol);
	memcpy(&real, &symbol, sizeof(real));
	if (alloc_fails())
		return ARES_ENOMEM;
	was = alloc_pause();
	status = real(channelptr, options, optmask);
	alloc_leave(was);
	return status;
}

struct fault {
	struct world *w;
	unsigned first, length;
};

/* A resolver's life, in which these allocations fail; then it answers, or another does. */
static void without(void *arg)
{
	const struct dns_conf conf = {.servers = ((struct fault *)arg)->w->serverv[0].csv,
				      .ttl_min_s = 1,
				      .ttl_max_s = 9};
	const struct fault *f = arg;
	struct world *w = f->w;
	unsigned was;
	int err;

	alloc_plan(f->first, f->length ? f->first + f->length - 1 : 1 << 30);
	was = alloc_enter();
	err = dns_alloc(&w->d, w->loop, &conf);
	if (!err)
		err = dns_watch(&w->n, w->d, "carrier.test", 5061, true, on_name, w);
	if (!err)
		run_ms(w, 20);
	w->n = mem_deref(w->n);
	alloc_leave(was);
	assert_true(!err || err == ENOMEM);
	alloc_heal();
	if (!w->d)
		assert_int_equal(0, dns_alloc(&w->d, w->loop, &conf));
	look_up(w, "carrier.test", true);
	assert_string_equal(dns_text(w->n), "192.0.2.1:5070 10/7 a.test");
	w->n = mem_deref(w->n);
	was = alloc_enter();
	w->d = mem_deref(w->d);
	alloc_leave(was);
	run_ms(w, 0);
}

/* Each allocation fails in turn, alone or with those that follow. */
static void test_without_memory(void **state)
{
	static const unsigned lengths[] = {1, 8, 0};
	struct fault f = {.w = *state};
	unsigned count;

	f.w->d = mem_deref(f.w->d);
	zone_srv(&f.w->serverv[0].zone, "_sips._tcp.carrier.test", 300, 10, 7, 5070, "a.test");
	zone_a(&f.w->serverv[0].zone, "a.test", 300, "192.0.2.1");
	for (unsigned i = 0; i < 2; i++) {
		without(&f);
		count = alloc_state.count;
		alloc_forget_all();
	}
	assert_in_range(count, 20, 2000);
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
		f.length = lengths[l];
		for (f.first = 1; f.first <= count; f.first++) {
			if (alloc_grows(without, &f))
				fail_msg("allocation %u: it leaks", f.first);
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(test_srv_and_addresses),
		T(test_names_are_not_searched),
		T(test_hosts_file),
		T(test_no_such_name),
		T(test_server_fails),
		T(test_silent_server_times_out),
		T(test_no_server),
		T(test_second_server_helps),
		T(test_truncated_answer),
		T(test_server_without_edns),
		T(test_forged_answers),
		T(test_malformed_answer),
		T(test_ttl),
		T(test_withdrawn),
		T(test_destroyed_with_a_question_open),
		T(test_settings_change),
		T(test_without_memory),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("trunk/dns", tests, setup_all, teardown_all);
}
