/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much, how long and how often: limits and rates, of the gateway, of
 * trunks and of accounts; overload, DNS and the status socket.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

/* The trunk's group takes lines 3 and 4; what is behind it begins on line 5. */
#define ROOT(more) TRUNK("") more
#define OF(line) "sallyport.conf:" line ": "
#define NOTE(line, member) "sallyport.conf:" line ": note: trunks[0] \"b\"" member

static void check_note(struct fixture *f, const char *text, const char *lines)
{
	const int err = fixture_load(f, text);

	assert_string_equal(f->lines, lines);
	assert_int_equal(err, 0);
}

static void assert_rate(const struct sp_conf_rate *r, unsigned per_s, unsigned burst)
{
	assert_int_equal(r->per_s, per_s);
	assert_int_equal(r->burst, burst);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf_trunk *t = load_trunk(f, ROOT(""));
	const struct sp_conf *c = f->conf;

	assert_rate(&c->limits.handshakes_source, 20, 100);
	assert_rate(&c->limits.account_rate, 0, 0);
	assert_int_equal(c->limits.account_calls, 0);
	assert_int_equal(c->limits.message_s, 10);
	assert_int_equal(c->limits.port_rest_s, 5);
	assert_int_equal(c->accountc, 0);
	assert_null(c->dns.servers);
	assert_int_equal(c->dns.ttl_min_s, 30);
	assert_int_equal(c->dns.ttl_max_s, 3600);
	assert_int_equal(c->overload.lag_ms, 50);
	assert_int_equal(c->overload.cpu_percent, 90);
	assert_int_equal(c->overload.memory_mb, 0);
	assert_int_equal(c->overload.ports_percent, 95);
	assert_string_equal(c->status_socket.path, "/run/sallyport/status.sock");
	assert_string_equal(c->status_socket.src.file, f->file);
	assert_true(c->sandbox);

	assert_int_equal(t->limits.calls, 0);
	assert_int_equal(t->limits.calls_in, 0);
	assert_int_equal(t->limits.calls_out, 0);
	assert_rate(&t->limits.rate, 0, 0);
	assert_rate(&t->limits.rate_in, 0, 0);
	assert_rate(&t->limits.rate_out, 0, 0);
	assert_rate(&t->limits.rate_source, 0, 0);
	assert_int_equal(t->limits.unknown_per_minute, 0);
	assert_int_equal(t->limits.status, 503);
	assert_int_equal(t->connections, 32);
	assert_int_equal(t->target_connections, 2);
	assert_true(t->reuse);
	assert_int_equal(t->keepalive_s, 90);
	assert_int_equal(t->options_s, 60);
	assert_int_equal(t->options_timeout_s, 5);
	assert_int_equal(t->failover.response_s, 4);
	assert_int_equal(t->failover.progress_s, 20);
	assert_int_equal(t->failover.total_s, 30);
	assert_int_equal(t->failover.tries, 4);
	assert_false(t->failover.early_media);
}

static const char every_trunk_key[] =
	TRUNK("calls = 9; calls_in = 1; calls_out = 2; calls_per_s = 3; calls_burst = 4;"
	      " calls_in_per_s = 5; calls_in_burst = 6; calls_out_per_s = 7; calls_out_burst = 8;"
	      " source_calls_per_s = 10; source_calls_burst = 11; unknown_per_minute = 17;"
	      " limit_status = 603;"
	      " connections = 12; target_connections = 8; reuse = false; keepalive_s = 5;"
	      " options_timeout_s = 13; response_s = 14; progress_s = 15; failover_s = 16;"
	      " failover_tries = 1; failover_early_media = true;");

static void test_every_trunk_key(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(*state, every_trunk_key);

	assert_int_equal(t->limits.calls, 9);
	assert_int_equal(t->limits.calls_in, 1);
	assert_int_equal(t->limits.calls_out, 2);
	assert_rate(&t->limits.rate, 3, 4);
	assert_rate(&t->limits.rate_in, 5, 6);
	assert_rate(&t->limits.rate_out, 7, 8);
	assert_rate(&t->limits.rate_source, 10, 11);
	assert_int_equal(t->limits.unknown_per_minute, 17);
	assert_int_equal(t->limits.status, 603);
	assert_int_equal(t->connections, 12);
	assert_int_equal(t->target_connections, 8);
	assert_false(t->reuse);
	assert_int_equal(t->keepalive_s, 5);
	assert_int_equal(t->options_timeout_s, 13);
	assert_int_equal(t->failover.response_s, 14);
	assert_int_equal(t->failover.progress_s, 15);
	assert_int_equal(t->failover.total_s, 16);
	assert_int_equal(t->failover.tries, 1);
	assert_true(t->failover.early_media);
}

static void test_every_root_key(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf *c;
	char path[PATH_MAX];

	(void)load_trunk(
		f,
		ROOT("limits = { handshakes_per_source_s = 1; handshakes_per_source_burst = 2;"
		     " message_s = 3; port_rest_s = 60; calls_per_account = 4; account_calls_per_s "
		     "= 5;"
		     " account_calls_burst = 6; };\n"
		     "dns = { servers = [ \"192.0.2.53\", \"[2001:DB8::53]\", \"127.0.0.1:5353\","
		     " \"[::1]:5354\" ]; ttl_min_s = 7; ttl_max_s = 7; };\n"
		     "overload = { lag_ms = 0; cpu_percent = 100; memory_mb = 8;"
		     " ports_percent = 1; };\n"
		     "status = { socket = \"s.sock\"; }; sandbox = false;\n"
		     "accounts = ( { name = \"acme\"; calls = 9; calls_per_s = 10;"
		     " calls_burst = 11; },\n{ name = \"b c\"; calls_per_s = 12; } );"));
	c = f->conf;
	assert_rate(&c->limits.handshakes_source, 1, 2);
	assert_int_equal(c->limits.message_s, 3);
	assert_int_equal(c->limits.port_rest_s, 60);
	assert_int_equal(c->limits.account_calls, 4);
	assert_rate(&c->limits.account_rate, 5, 6);
	assert_string_equal(c->dns.servers,
			    "192.0.2.53:53,[2001:db8::53]:53,127.0.0.1:5353,[::1]:5354");
	assert_int_equal(c->dns.ttl_min_s, 7);
	assert_int_equal(c->dns.ttl_max_s, 7);
	assert_int_equal(c->overload.lag_ms, 0);
	assert_int_equal(c->overload.cpu_percent, 100);
	assert_int_equal(c->overload.memory_mb, 8);
	assert_int_equal(c->overload.ports_percent, 1);
	re_snprintf(path, sizeof(path), "%s/s.sock", f->dir);
	assert_string_equal(c->status_socket.path, path);
	assert_false(c->sandbox);
	assert_int_equal(c->status_socket.src.line, 8);
	assert_int_equal(c->accountc, 2);
	assert_string_equal(c->accountv[0].name, "acme");
	assert_int_equal(c->accountv[0].calls, 9);
	assert_rate(&c->accountv[0].rate, 10, 11);
	assert_string_equal(c->accountv[1].name, "b c");
	assert_int_equal(c->accountv[1].calls, 0);
	assert_rate(&c->accountv[1].rate, 12, 12);
	assert_int_equal(c->accountv[1].src.line, 10);
}

/* Without a burst of its own, or with 0, a second's worth: never nothing at all. */
static void test_burst_default(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf_trunk *t = load_trunk(
		f, TRUNK("calls_per_s = 3; calls_in_per_s = 1; calls_in_burst = 0;"
			 " calls_out_per_s = 5; calls_out_burst = 1; source_calls_per_s = 6;"));

	assert_rate(&t->limits.rate, 3, 3);
	assert_rate(&t->limits.rate_in, 1, 1);
	assert_rate(&t->limits.rate_out, 5, 1);
	assert_rate(&t->limits.rate_source, 6, 6);

	(void)load_trunk(f, ROOT("limits = { handshakes_per_source_s = 7;"
				 " handshakes_per_source_burst = 0; account_calls_per_s = 8; };"));
	assert_rate(&f->conf->limits.handshakes_source, 7, 7);
	assert_rate(&f->conf->limits.account_rate, 8, 8);
	/* switched off: the default of the burst is no mistake then */
	(void)load_trunk(f, ROOT("limits = { handshakes_per_source_s = 0; };"));
	assert_int_equal(f->conf->limits.handshakes_source.per_s, 0);
}

#define NO_RATE(per_s)                                                                             \
	": needs " per_s " too, how many a second go on after these; without it there is no "      \
	"limit\n"

static void test_burst_alone(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("calls_burst = 5;"), AT("4", ".calls_burst") " = 5" NO_RATE("calls_per_s")},
		{TRUNK("calls_per_s = 5; calls_in_burst = 6;"),
		 AT("4", ".calls_in_burst") " = 6" NO_RATE("calls_in_per_s")},
		{TRUNK("calls_out_per_s = 0;\ncalls_out_burst = 7;"),
		 AT("5", ".calls_out_burst") " = 7" NO_RATE("calls_out_per_s")},
		{TRUNK("source_calls_burst = 1;"),
		 AT("4", ".source_calls_burst") " = 1" NO_RATE("source_calls_per_s")},
		{ROOT("limits = { account_calls_burst = 8; };"),
		 OF("5") "limits.account_calls_burst = 8" NO_RATE("account_calls_per_s")},
		{ROOT("limits = { handshakes_per_source_s = 0;\n"
		      "handshakes_per_source_burst = 9; };"),
		 OF("6") "limits.handshakes_per_source_burst = 9" NO_RATE(
			 "handshakes_per_source_s")},
		{ROOT("accounts = ( { name = \"a\"; },\n{ name = \"b\"; calls_burst = 2; } );"),
		 OF("6") "accounts[1] \"b\".calls_burst = 2" NO_RATE("calls_per_s")},
		/* what is wrong by itself is not held against the other */
		{TRUNK("calls_per_s = -1; calls_burst = 5;"),
		 AT("4", ".calls_per_s") " = -1: needs a whole number from 0 to 100000\n"},
		{ROOT("limits = { account_calls_per_s = \"1\"; account_calls_burst = 8; };"),
		 OF("5") "limits.account_calls_per_s = \"1\": found a string, needs a whole number "
			 "from 0 to 100000\n"},
	};

	CHECK(v);
}

#define RANGE(key, value, min, max)                                                                \
	{                                                                                          \
		TRUNK(key " = " value ";"),                                                        \
			AT("4", "." key) " = " value ": needs a whole number from " min " to " max \
					 "\n"                                                      \
	}

static void test_ranges(void **state)
{
	static const struct mistake v[] = {
		RANGE("calls_in", "-1", "0", "100000"),
		RANGE("calls_out", "100001", "0", "100000"),
		RANGE("limit_status", "399", "400", "699"),
		RANGE("limit_status", "700", "400", "699"),
		RANGE("target_connections", "0", "1", "8"),
		RANGE("target_connections", "9", "1", "8"),
		RANGE("options_timeout_s", "0", "1", "60"),
		RANGE("options_timeout_s", "61", "1", "60"),
		RANGE("response_s", "0", "1", "60"),
		RANGE("response_s", "61", "1", "60"),
		RANGE("progress_s", "301", "0", "300"),
		RANGE("failover_s", "0", "1", "600"),
		RANGE("failover_s", "601", "1", "600"),
		RANGE("failover_tries", "0", "1", "16"),
		RANGE("failover_tries", "17", "1", "16"),
		RANGE("source_calls_per_s", "100001", "0", "100000"),
		RANGE("unknown_per_minute", "-1", "0", "100000"),
		RANGE("unknown_per_minute", "100001", "0", "100000"),
		{TRUNK("keepalive_s = 4;"),
		 AT("4", ".keepalive_s") " = 4: needs 0, or a whole number from 5 to 3600\n"},
		{TRUNK("keepalive_s = 3601;"),
		 AT("4", ".keepalive_s") " = 3601: needs 0, or a whole number from 5 to 3600\n"},
		{TRUNK("keepalive_s = false;"),
		 AT("4", ".keepalive_s") " = false: found true or false, needs 0, or a whole "
					 "number from 5 to 3600\n"},
		{TRUNK("reuse = 1;"),
		 AT("4", ".reuse") " = 1: found a whole number, needs true or false\n"},
		{TRUNK("failover_early_media = \"yes\";"),
		 AT("4", ".failover_early_media") " = \"yes\": found a string, needs true or "
						  "false\n"},
		{ROOT("overload = { cpu_percent = 101; };"),
		 OF("5") "overload.cpu_percent = 101: needs a whole number from 0 to 100\n"},
		{ROOT("overload = { lagms = 5; };"),
		 OF("5") "overload.lagms = 5: no such key here; did you mean \"lag_ms\"?\n"},
		{ROOT("limits = { port_rest_s = 61; };"),
		 OF("5") "limits.port_rest_s = 61: needs a whole number from 0 to 60\n"},
		{ROOT("limits = { port_rest_s = -1; };"),
		 OF("5") "limits.port_rest_s = -1: needs a whole number from 0 to 60\n"},
		{ROOT("limits = { message_s = 0; };"),
		 OF("5") "limits.message_s = 0: needs a whole number from 1 to 3600\n"},
	};

	CHECK(v);
	assert_int_equal(load_trunk(*state, TRUNK("keepalive_s = 0;"))->keepalive_s, 0);
	assert_int_equal(load_trunk(*state, TRUNK("keepalive_s = 3600;"))->keepalive_s, 3600);
	assert_int_equal(load_trunk(*state, TRUNK("limit_status = 480;"))->limits.status, 480);
	assert_int_equal(load_trunk(*state, TRUNK("progress_s = 0;"))->failover.progress_s, 0);
	(void)load_trunk(*state, ROOT("limits = { port_rest_s = 0; };"));
	assert_int_equal(((struct fixture *)*state)->conf->limits.port_rest_s, 0);
}

static void test_failover_times(void **state)
{
	static const struct mistake v[] = {
		{TRUNK("failover_s = 3;"),
		 AT("4", ".failover_s") " = 3: needs response_s, which is 4 by default, or more\n"},
		{TRUNK("response_s = 31;"),
		 AT("4", ".response_s") " = 31: needs failover_s, which is 30 by default, or "
					"less\n"},
		{TRUNK("response_s = 10;\nfailover_s = 9;"),
		 AT("5", ".failover_s") " = 9: needs response_s, which is 10, or more\n"},
		{TRUNK("response_s = 61;\nfailover_s = 1;"),
		 AT("4", ".response_s") " = 61: needs a whole number from 1 to 60\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	(void)load_trunk(f, TRUNK("response_s = 5; failover_s = 5;"));
	check_note(f, TRUNK("progress_s = 3;"),
		   NOTE("4", ".progress_s") " = 3: progress_s is less than response_s, and is not "
					    "looked at before that is over\n");
	check_note(f, TRUNK("response_s = 21;"),
		   NOTE("4", ".response_s") " = 21: progress_s is less than response_s, and is "
					    "not looked at before that is over\n");
}

/* What a call's own end comes before; said of what the trunk itself asks for only. */
static void test_ring(void **state)
{
	struct fixture *f = *state;

	check_note(f, TRUNK("progress_s = 30;") "limits = { ring_s = 30; };",
		   NOTE("4", ".progress_s") " = 30: never acts: a call ends before, after "
					    "limits.ring_s = 30\n");
	check_note(f, TRUNK("response_s = 12;") "limits = { ring_s = 10; };",
		   NOTE("4", ".response_s") " = 12: never acts: a call ends before, after "
					    "limits.ring_s = 10\n");
	check_note(f, ROOT("limits = { ring_s = 10; };"), "");
	check_note(f, TRUNK("progress_s = 30;") "limits = { ring_s = 31; };", "");
}

static void test_never_reached(void **state)
{
	struct fixture *f = *state;

	check_note(f, TRUNK("calls = 5; calls_in = 6;\ncalls_out = 7;"),
		   NOTE("4", ".calls_in") " = 6: more than calls, which is reached before\n" NOTE(
			   "5", ".calls_out") " = 7: more than calls, which is reached before\n");
	check_note(f, TRUNK("calls = 5; calls_in = 5;"), "");
	check_note(f, TRUNK("limit_status = 407;"),
		   NOTE("4", ".limit_status") " = 407: says something else to callers, who may act "
					      "on it: 480, 486, 503 and 603 say that there is no "
					      "room\n");
	check_note(f, TRUNK("limit_status = 486;"), "");
	check_note(f, TRUNK("calls_in = 5;"), "");
}

static void test_dns(void **state)
{
	static const struct mistake v[] = {
#define BAD_SERVER(text)                                                                           \
	{ROOT("dns = { servers = [ \"127.0.0.1\",\n\"" text "\" ]; };"),                           \
	 OF("6") "dns.servers[1] = \"" text "\": needs an IP address, with or "                    \
		 "without a port: \"192.0.2.53:53\", \"[2001:db8::53]:53\"\n"}
		BAD_SERVER("dns.example"),
		BAD_SERVER("192.0.2.53:0"),
		BAD_SERVER("192.0.2.53:65536"),
		BAD_SERVER("192.0.2.53:"),
		{ROOT("dns = { servers = [ \"127.0.0.1\",\n\"2001:db8::53\" ]; };"),
		 OF("6") "dns.servers[1] = \"2001:db8::53\": needs brackets around an IPv6 "
			 "address: \"[2001:db8::53]:53\"\n"},
		BAD_SERVER("[192.0.2.53]"),
		BAD_SERVER("0.0.0.0"),
		BAD_SERVER("_dns._udp.a.example"),
		{ROOT("dns = { servers = [ \"127.0.0.1\",\n\"127.0.0.1:53\" ]; };"),
		 OF("6") "dns.servers[1] = \"127.0.0.1:53\": the same twice: keep one of them\n"},
		{ROOT("dns = { servers = 53; };"),
		 OF("5") "dns.servers = 53: found a whole number, needs a list of IP addresses, "
			 "[ \"192.0.2.53\" ]\n"},
		{ROOT("dns = { servers = [ \"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\", \"1.1.1.4\","
		      " \"1.1.1.5\", \"1.1.1.6\", \"1.1.1.7\", \"1.1.1.8\", \"1.1.1.9\" ]; };"),
		 OF("5") "dns.servers: has 9 elements, needs 0 to 8\n"},
		{ROOT("dns = { ttl_max_s = 29; };"),
		 OF("5") "dns.ttl_max_s = 29: needs ttl_min_s, which is 30 by default, or more\n"},
		{ROOT("dns = { ttl_min_s = 61;\nttl_max_s = 60; };"),
		 OF("6") "dns.ttl_max_s = 60: needs ttl_min_s, which is 61, or more\n"},
		{ROOT("dns = { ttl_min_s = 3601; };"),
		 OF("5") "dns.ttl_min_s = 3601: needs a whole number from 1 to 3600\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	(void)load_trunk(f, ROOT("dns = { servers = [ ]; };"));
	assert_null(f->conf->dns.servers);
	(void)load_trunk(f, ROOT("dns = { servers = \"192.0.2.53\"; };"));
	assert_string_equal(f->conf->dns.servers, "192.0.2.53:53");
	(void)load_trunk(f, ROOT("dns = { ttl_min_s = 3600; };"));
}

/* As long as a socket's address has room for; the directory counts. */
static void test_socket(void **state)
{
	struct fixture *f = *state;
	char text[2048], name[120], want[512];
	const size_t room = 107 - strlen(f->dir) - 1;

	memset(name, 's', sizeof(name));
	name[room] = '\0';
	re_snprintf(text, sizeof(text), "%sstatus = { socket = \"%s\"; };", ROOT(""), name);
	(void)load_trunk(f, text);
	assert_int_equal(strlen(f->conf->status_socket.path), 107);

	name[room] = 's';
	name[room + 1] = '\0';
	re_snprintf(text, sizeof(text), "%sstatus = { socket = \"%s\"; };", ROOT(""), name);
	assert_int_equal(fixture_load(f, text), EINVAL);
	re_snprintf(want, sizeof(want),
		    OF("5") "status.socket = \"%s\": is %s/%s, of 108 bytes: a socket's name has "
			    "at most 107\n",
		    name, f->dir, name);
	assert_string_equal(f->lines, want);

	(void)load_trunk(f, ROOT("status = { socket = \"\"; };"));
	assert_null(f->conf->status_socket.path);
	(void)load_trunk(f, ROOT("status = { socket = \"/run/other.sock\"; };"));
	assert_string_equal(f->conf->status_socket.path, "/run/other.sock");
	assert_int_equal(fixture_load(f, ROOT("status = { socket = false; };")), EINVAL);
	assert_string_equal(f->lines, OF("5") "status.socket = false: found true or false, needs "
					      "the name of a socket in quotes, \"\" for none\n");
}

#define A20 "aaaaaaaaaaaaaaaaaaaa"
#define A100 A20 A20 A20 A20 A20

static void test_accounts(void **state)
{
	static const struct mistake v[] = {
		{ROOT("accounts = ( { name = \"a\";\nmain_number = 441632; } );"),
		 OF("6") "accounts[0] \"a\".main_number = 441632: found a whole number, needs a "
			 "string in quotes\n"},
		{ROOT("accounts = ( { calls = 1; } );"),
		 OF("5") "accounts[0].name: missing: needs a string of 1 to 100 bytes in quotes\n"},
		{ROOT("accounts = ( { name = \"\"; } );"),
		 OF("5") "accounts[0] \"\".name = \"\": is empty: needs a value, or no such key at "
			 "all\n"},
		{ROOT("accounts = ( { name = \"" A100 "b\"; } );"),
		 OF("5") "accounts[0] \"" A100 "\"....name = \"" A100
			 "\"...: has 101 bytes, an account has at most 100\n"},
		{ROOT("accounts = ( \"acme\" );"),
		 OF("5") "accounts[0] = \"acme\": needs a group, { ... }\n"},
		{ROOT("accounts = { name = \"acme\"; };"),
		 OF("5") "accounts: needs a list of groups, ( { ... }, { ... } )\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	/* those of one name are found out where accounts come from files, too: in number/ */
	(void)load_trunk(f, ROOT("accounts = ( { name = \"" A100 "\"; }, { name = \"A\"; },"
				 " { name = \"A\"; main_number = \"any\"; } );"));
	assert_int_equal(f->conf->accountc, 3);
	assert_null(f->conf->accountv[1].main_number);
	assert_string_equal(f->conf->accountv[2].main_number, "any");
	assert_int_equal(f->conf->accountv[2].src.line, 5);
	assert_int_equal(f->conf->accountv[2].index, 2);
	/* also where one before it is none: the report counts as the file does */
	assert_int_equal(fixture_load(f, ROOT("accounts = ( { calls = 1; }, { name = \"A\"; } );")),
			 EINVAL);
	assert_int_equal(f->conf->accountc, 1);
	assert_int_equal(f->conf->accountv[0].index, 1);
}

/* 10,000, and not one more. */
static void test_many_accounts(void **state)
{
	struct fixture *f = *state;
	struct mbuf *mb = mbuf_alloc(512 * 1024);

	assert_non_null(mb);
	for (unsigned n = SP_CONF_ACCOUNTS_MAX; n <= SP_CONF_ACCOUNTS_MAX + 1; n++) {
		mbuf_rewind(mb);
		assert_int_equal(mbuf_printf(mb, "%saccounts = (\n", ROOT("")), 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(mbuf_printf(mb, "%s{ name = \"%u\"; calls = 1; }\n",
						     i ? "," : "", i),
					 0);
		assert_int_equal(mbuf_printf(mb, ");%c", 0), 0);
		assert_int_equal(fixture_load(f, (const char *)mb->buf),
				 n > SP_CONF_ACCOUNTS_MAX ? EINVAL : 0);
		assert_int_equal(f->conf->accountc, n > SP_CONF_ACCOUNTS_MAX ? 0 : n);
	}
	assert_string_equal(f->lines, OF("5") "accounts: has 10001 elements, needs 0 to 10000\n");
	mem_deref(mb);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),       TEST(test_every_trunk_key),
		TEST(test_every_root_key), TEST(test_burst_default),
		TEST(test_burst_alone),    TEST(test_ranges),
		TEST(test_failover_times), TEST(test_ring),
		TEST(test_never_reached),  TEST(test_dns),
		TEST(test_socket),         TEST(test_accounts),
		TEST(test_many_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
