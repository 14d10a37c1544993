/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/snapshot, certs, numbers, check: what only other rooms can find wrong
 * with a configuration is reported where the configuration says it, once.
 */
#include "app_fixture.h"

enum { TEXT_SIZE = 16384 };

struct told {
	unsigned mistakes, notes;
	char text[TEXT_SIZE];
};

static void collect(bool mistake, const char *line, void *arg)
{
	struct told *t = arg;
	const size_t used = strlen(t->text);

	++*(mistake ? &t->mistakes : &t->notes);
	snprintf(t->text + used, sizeof(t->text) - used, "%s\n", line);
}

static int load(struct app_snapshot **sp, const struct world *w, const struct variant *v,
		struct told *told)
{
	struct sp_report *r = NULL;
	int err;

	memset(told, 0, sizeof(*told));
	world_conf(w, v);
	assert_int_equal(sp_report_alloc(&r), 0);
	err = app_snapshot_alloc(sp, w->conf, r);
	sp_report_print(r, collect, told);
	assert_int_equal(told->mistakes, sp_report_mistakes(r));
	mem_deref(r);
	return err;
}

/* n mistakes, and these words in one line: "LINE: ... words". */
static void expect(const struct world *w, const struct variant *v, unsigned n, const char *where,
		   const char *words)
{
	struct app_snapshot *s = NULL;
	struct told told;
	const char *line, *end, *found;

	assert_int_equal(load(&s, w, v, &told), EINVAL);
	assert_null(s);
	line = strstr(told.text, where);
	end = line ? strchr(line, '\n') : NULL;
	found = line ? strstr(line, words) : NULL;
	if (told.mistakes != n || !found || found > end)
		fail_msg("expected %u with \"%s ... %s\", got %u:\n%s", n, where, words,
			 told.mistakes, told.text);
}

static void test_good(void **state)
{
	const struct world *w = *state;
	const struct variant v = {.files = "\"more.csv\"", .trunk = "targets = [ \"127.0.0.9\" ];"};
	const struct sp_number_entry *e;
	struct app_snapshot *s = NULL;
	struct told told;
	struct pl number;

	world_write(w, "more.csv", "number,trunk,header:X-A\n+4416329602*,pbx,yes\n");
	assert_int_equal(load(&s, w, &v, &told), 0);
	assert_int_equal(told.mistakes, 0);
	assert_int_equal(s->conf->trunkc, 2);
	assert_int_equal(s->pairc, 1); /* server, client and both trunks: one pair */
	assert_non_null(s->serverv[0]);
	assert_non_null(s->clientv[0]);
	assert_non_null(s->clientv[1]);
	assert_int_equal(sp_number_count(s->numbers), 2);
	pl_set_str(&number, "+441632960234");
	e = sp_number_lookup(s->numbers, &number, 0);
	assert_non_null(e);
	assert_int_equal(e->trunkv[0], 1);
	assert_string_equal(e->headerv[0].name, "X-A");
	mem_deref(s);
}

static void test_pairs(void **state)
{
	const struct world *w = *state;

	expect(w, &(struct variant){.cert = "none.crt"}, 1, ":5: ", "tls.certificate = ");
	expect(w, &(struct variant){.key = "carrier.key"}, 1,
	       ":5: interfaces[0] \"core\".tls.key = ", "does not fit the certificate");
	expect(w, &(struct variant){.cert = "carrier-expired.crt", .key = "carrier-expired.key"}, 1,
	       ":5: interfaces[0] \"core\".tls.certificate = ", "expired on 2021-01-01");
	expect(w,
	       &(struct variant){.client = "client_certificate = \"gateway-core.crt\"; "
					   "client_key = \"carrier.key\";"},
	       1, ":5: interfaces[0] \"core\".tls.client_key = ", "does not fit");
	expect(w, &(struct variant){.cert = "gateway-core.crt\"; }; # "}, 1,
	       ":5: interfaces[0] \"core\".tls.key: ", "missing");
	expect(w, &(struct variant){.trunk = "certificate = \"carrier.crt\"; key = \"none.key\";"},
	       1, ":10: trunks[0] \"carrier-a\".key = ", "none.key");
}

static void test_key_of_all(void **state)
{
	const struct world *w = *state;

	run("cp %s/gateway-core.key %s/open.key && chmod 644 %s/open.key", w->dir, w->dir, w->dir);
	expect(w, &(struct variant){.key = "open.key"}, 1,
	       ":5: interfaces[0] \"core\".tls.key = ", "every user of this machine can read");
}

/* The same wrong pair in two places is told of once, where it stands first. */
static void test_pair_once(void **state)
{
	expect(*state,
	       &(struct variant){
		       .key = "carrier.key",
		       .trunk = "certificate = \"gateway-core.crt\"; key = \"carrier.key\";"},
	       1, ":5: interfaces[0]", "does not fit");
}

static void test_ca(void **state)
{
	const struct world *w = *state;

	expect(w, &(struct variant){.ca = "none.pem"}, 1,
	       ":10: trunks[0] \"carrier-a\".ca = ", "none.pem");
	expect(w, &(struct variant){.ca = "carrier.crt"}, 1,
	       ":10: trunks[0] \"carrier-a\".ca = ", "no CA certificate");
}

static void test_soon_expired(void **state)
{
	const struct world *w = *state;
	struct app_snapshot *s = NULL;
	struct told told;

	run("openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=core.gateway.example "
	    "-keyout %s/soon.key -out %s/soon.crt 2>/dev/null && chmod 600 %s/soon.key",
	    w->dir, w->dir, w->dir);
	assert_int_equal(
		load(&s, w, &(struct variant){.cert = "soon.crt", .key = "soon.key"}, &told), 0);
	assert_non_null(strstr(told.text, "note: interfaces[0] \"core\".tls.certificate = "));
	assert_non_null(strstr(told.text, "expires in "));
	mem_deref(s);
}

/* What works, but not with every peer, is a note. */
static void test_made_for(void **state)
{
	const struct world *w = *state;
	struct app_snapshot *s = NULL;
	struct told told;

	assert_int_equal(load(&s, w,
			      &(struct variant){.cert = "carrier-serveronly.crt",
						.key = "carrier-serveronly.key"},
			      &told),
			 0);
	assert_non_null(strstr(told.text, "note: interfaces[0] \"core\".tls.certificate = "));
	assert_non_null(strstr(told.text, "is not made for clients (clientAuth)"));
	s = mem_deref(s);

	/* none of it for one that is used in the direction that it is made for */
	assert_int_equal(load(&s, w,
			      &(struct variant){.cert = "carrier-serveronly.crt",
						.key = "carrier-serveronly.key",
						.client = "client_certificate = \"carrier.crt\"; "
							  "client_key = \"carrier.key\";"},
			      &told),
			 0);
	assert_null(strstr(told.text, "is not made for"));
	s = mem_deref(s);

	assert_int_equal(load(&s, w,
			      &(struct variant){.cert = "carrier-ca.crt", .key = "carrier-ca.key"},
			      &told),
			 0);
	assert_non_null(strstr(told.text, "is a CA certificate"));
	mem_deref(s);
}

/* RFC 5922 section 4: peers look for the name that they are told. */
static void test_name_not_shown(void **state)
{
	const struct world *w = *state;
	const struct variant other = {.cert = "carrier.crt", .key = "carrier.key"};
	struct app_snapshot *s = NULL;
	struct told told;

	assert_int_equal(load(&s, w, &other, &told), 0);
	assert_non_null(strstr(told.text, ":5: note: interfaces[0] \"core\".tls.certificate = "));
	assert_non_null(strstr(told.text, "carrier.crt\": does not show sip.advertise = "
					  "\"core.gateway.example\": peers that know the gateway "
					  "by this name may refuse it\n"));
	s = mem_deref(s);

	assert_int_equal(load(&s, w, &(struct variant){0}, &told), 0);
	assert_null(strstr(told.text, "does not show"));
	s = mem_deref(s);

	/* an address is in no certificate; the file that cannot be read is told of once */
	assert_int_equal(
		load(&s, w,
		     &(struct variant){.cert = other.cert, .key = other.key, .advertise = w->addr},
		     &told),
		0);
	assert_null(strstr(told.text, "does not show"));
	s = mem_deref(s);
	expect(w, &(struct variant){.cert = "none.crt"}, 1, ":5: ", "No such file");
}

/* A kind that cannot be known is told of once, not wherever the trunk is used. */
static void test_kind_unknown(void **state)
{
	expect(*state,
	       &(struct variant){.numbers = "{ number = \"+441632\"; trunk = \"pbx\"; }",
				 .kind = "servce"},
	       1, "trunks[1] \"pbx\".kind = \"servce\"", "did you mean \"service\"?");
}

static void test_numbers(void **state)
{
	expect(*state,
	       &(struct variant){.numbers = "{ number = \"441632\"; trunk = \"pbx\"; },\n"
					    "{ number = \"+441632\"; trunk = \"nobody\"; }"},
	       2, ":16: numbers[1] \"+441632\".trunk = \"nobody\"", "");
	expect(*state, &(struct variant){.numbers = "{ number = \"441632\"; trunk = \"pbx\"; }"}, 1,
	       ":15: numbers[0] \"441632\".number = \"441632\"", "E.164");
	expect(*state,
	       &(struct variant){.numbers = "{ number = \"+441632\"; trunk = \"pbx\"; "
					    "headers = { Via = \"x\"; }; }"},
	       1, ":15: numbers[0] \"+441632\".headers = \"Via\"", "");
	/* counted as in the file, also behind one that is wrong by itself */
	expect(*state,
	       &(struct variant){.numbers = "{ number = \"+441632\"; },\n"
					    "{ number = \"123456789012345678901234567890"
					    "12345678901234567890\"; trunk = \"pbx\"; }"},
	       2,
	       ":16: numbers[1] \"1234567890123456789012345678901234567890\".number = ", "E.164");
}

/* n notes that name the rules and pass of the carrier trunk, which stands on line 9. */
static void expect_notes(const struct world *w, const struct variant *v, const char *lines)
{
	struct app_snapshot *s = NULL;
	char found[2048] = "";
	struct told told;

	assert_int_equal(load(&s, w, v, &told), 0);
	for (char *line = strtok(told.text, "\n"); line; line = strtok(NULL, "\n")) {
		const char *at = strstr(line, ": note: trunks[0]");

		if (at && !strstr(line, "has no targets"))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s\n",
				 at + sizeof(": note: trunks[0] \"carrier-a\".") - 1);
	}
	assert_string_equal(found, lines);
	mem_deref(s);
}

#define SET(value) "{ action = \"set\"; header = \"X-A\"; value = \"" value "\"; }"
#define OF_ACCOUNT(a) "{ action = \"remove\"; header = \"X-A\"; when = { account = \"" a "\"; }; }"
#define NUMBERS                                                                                    \
	"{ number = \"+4416\"; trunk = \"pbx\"; account = \"acme\";"                               \
	"  headers = { X-Tenant = \"1\"; }; },"                                                    \
	"{ number = \"+4417\"; trunk = \"pbx\"; account = \"beta\"; }"

/* What a rule asks the number entries for, and none of them has. */
static void test_rule_notes(void **state)
{
	const struct world *w = *state;
	const struct variant v = {
		.trunk = "headers_out = ( " SET("{number:x-tenant}") ", " SET(
			"{{number:X-"
			"No}{number:X-"
			"Tenat}{"
			"number:X-MS}") ", " OF_ACCOUNT("ac*e") ", " OF_ACCOUNT("*") " ); "
										     "headers_in = "
										     "("
										     " " OF_ACCOUNT(
											     "acne") ","
												     " " OF_ACCOUNT("Gamma*") ", " OF_ACCOUNT(
													     "delta") " );",
		.numbers = NUMBERS,
		.files = "\"more.csv\"",
	};

	/* those of the files count as well */
	world_write(w, "more.csv", "number,trunk,account,header:X-Other\n+4418,pbx,delta,x\n");
	expect_notes(w, &v,
		     "headers_in[0].when.account = \"acne\": no number entry has such an account; "
		     "did you mean \"acme\"?\n"
		     "headers_in[1].when.account = \"Gamma*\": no number entry has such an "
		     "account\n"
		     "headers_out[1].value = \"{{number:X-No}{number:X-Tenat}{number:X-MS}\": no "
		     "number entry has a header \"X-Tenat\"; did you mean \"X-Tenant\"?\n"
		     "headers_out[1].value = \"{{number:X-No}{number:X-Tenat}{number:X-MS}\": no "
		     "number entry has a header \"X-MS\"\n");
	/* without any numbers that is what there is to say */
	expect_notes(w, &(struct variant){.trunk = v.trunk, .numbers = " "}, "");
}

/* Also where the entries differ in every value, and there are many of them. */
static void test_rule_notes_many(void **state)
{
	const struct world *w = *state;
	const struct variant v = {
		.trunk = "headers_out = ( " SET("{number:X-Last}") ", " SET(
			"{number:Absent}") ", " OF_ACCOUNT("a-5999") ", " OF_ACCOUNT("zeta-9") " )"
											       ";",
		.files = "\"more.csv\"",
	};
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/more.csv", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("number,trunk,account,header:X-Line,header:X-Last\n", f);
	for (unsigned i = 0; i < 6000; i++)
		fprintf(f, "+44173296%04u,pbx,a-%u,%u,%s\n", i, i, i, i == 5999 ? "x" : "");
	fclose(f);
	expect_notes(w, &v,
		     "headers_out[1].value = \"{number:Absent}\": no number entry has a header "
		     "\"Absent\"\n"
		     "headers_out[3].when.account = \"zeta-9\": no number entry has such an "
		     "account\n");
}

/* Nobody but the gateway writes a custom header: to name it in `pass` does nothing. */
static void test_pass_notes(void **state)
{
	expect_notes(
		*state,
		&(struct variant){.trunk = "pass = [ \"X-B\", \"x-tenant\" ];", .numbers = NUMBERS},
		"pass = \"x-tenant\": is a custom header of number entries, which only the "
		"gateway writes: nobody else's passes\n");
}

/* A misspelt account limits nobody. Entries that have none, or the same, are many. */
static void test_account_notes(void **state)
{
	const struct world *w = *state;
	const struct variant v = {
		.numbers = "{ number = \"+441\"; trunk = \"pbx\"; account = \"acme\"; },"
			   "{ number = \"+442\"; trunk = \"pbx\"; account = \"acme\"; },"
			   "{ number = \"+443\"; trunk = \"pbx\"; },"
			   "{ number = \"+444\"; trunk = \"pbx\"; account = \"b\"; } );\n"
			   "accounts = ( { name = \"z\"; calls = 1; },\n"
			   "{ name = \"b\"; }, { name = \"acme\"; },\n{ name = \"acmee\"; }"};
	struct app_snapshot *s = NULL;
	struct told told;

	assert_int_equal(load(&s, w, &v, &told), 0);
	assert_null(strstr(told.text, "accounts[1]"));
	assert_null(strstr(told.text, "accounts[2]"));
	assert_non_null(strstr(told.text, "note: accounts[0].name = \"z\": no number entry has "
					  "such an account\n"));
	assert_non_null(strstr(told.text, "note: accounts[3].name = \"acmee\": no number entry "
					  "has such an account\n"));
	mem_deref(s);
}

/* Both lines are named, whichever file they are in. */
static void test_duplicate(void **state)
{
	const struct world *w = *state;

	world_write(w, "twice.csv", "number,trunk\n+441632960001,pbx\n");
	expect(w, &(struct variant){.files = "\"twice.csv\""}, 1,
	       "twice.csv:2: number = ", "sallyport.conf:15");
}

/* Mistakes of conf/ do not hide those of certificates and numbers. */
static void test_all_at_once(void **state)
{
	const struct variant v = {
		.key = "carrier.key",
		.ca = "none.pem",
		.trunk = "colour = \"red\";",
		.numbers = "{ number = \"12\"; trunk = \"pbx\"; }",
		.files = "\"none.csv\"",
	};

	expect(*state, &v, 5, ":5: ", "does not fit");
	expect(*state, &v, 5, ":10: ", "colour");
	expect(*state, &v, 5, ":15: ", "\"12\"");
	expect(*state, &v, 5, ":17: ", "none.csv");
}

static int check_file(const char *file, bool verbose, char **out, char **err)
{
	size_t out_len, err_len;
	FILE *o = open_memstream(out, &out_len), *e = open_memstream(err, &err_len);
	int status;

	assert_non_null(o);
	assert_non_null(e);
	status = sp_app_check(file, verbose, o, e);
	fclose(o);
	fclose(e);
	return status;
}

static int check_told(const struct world *w, const struct variant *v, bool verbose, char **out,
		      char **err)
{
	if (v)
		world_conf(w, v);
	return check_file(v ? w->conf : "/nonexistent/sallyport.conf", verbose, out, err);
}

static int check(const struct world *w, const struct variant *v, char **out, char **err)
{
	return check_told(w, v, false, out, err);
}

static void test_check_good(void **state)
{
	const struct world *w = *state;
	const struct variant v = {.trunk =
					  "targets = [ \"sbc.carrier.example\", \"[::1]:5070\" ];"};
	char *out, *err, line[64];

	assert_int_equal(check(w, &v, &out, &err), 0);
	assert_string_equal(err, "");
	snprintf(line, sizeof(line), "interface core: SIP on %s:5061", w->addr);
	assert_non_null(strstr(out, line));
	assert_non_null(strstr(out, "CN=core.gateway.example (DNS:core.gateway.example"));
	assert_non_null(strstr(out, " days left"));
	assert_non_null(
		strstr(out, "trunk carrier-a: carrier on core; identities carrier.example"));
	assert_non_null(strstr(out, "targets sbc.carrier.example, [::1]:5070"));
	assert_non_null(strstr(out, "trunk pbx: service on core"));
	assert_non_null(strstr(out, "; 1 number rules"));
	free(out);
	free(err);
}

/* What is limited, and what nothing is said of. */
static void test_check_limits(void **state)
{
	const struct world *w = *state;
	const struct variant v = {
		.trunk = "targets = [ \"_sips._tcp.carrier.example\", \"carrier.example\" ];"
			 " networks = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; calls = 9;"
			 " calls_in = 5; calls_out_per_s = 3; calls_out_burst = 4;"
			 " source_calls_per_s = 2; limit_status = 480; unknown_per_minute = 7;",
		.status = "",
		.numbers =
			"{ number = \"+441\"; trunk = \"pbx\"; account = \"a\"; } );\n"
			"dns = { servers = [ \"192.0.2.53\", \"[::1]:54\" ]; ttl_max_s = 60; };\n"
			"overload = { lag_ms = 0; memory_mb = 500; };\n"
			"status = { socket = \"\"; };\n"
			"accounts = ( { name = \"a\"; calls = 3; }"};
	char *out, *err;

	assert_int_equal(check(w, &v, &out, &err), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "targets _sips._tcp.carrier.example, carrier.example; "));
	assert_non_null(strstr(out, "; connects from 192.0.2.0/24, 2001:db8::/32, media from "
				    "anywhere; calls 9 at once, 5 in, 3/s (burst 4) out, 2/s "
				    "(burst 2) in from one address, then 480; to unknown "
				    "numbers 7/min, then 403\n"));
	assert_non_null(strstr(out, "limits: 10 calls; 1000 connections, 20 from one address; 64 "
				    "TLS handshakes for each interface, from one address 20/s "
				    "(burst 100); media ports rest 5 s\n"
				    "accounts without limits of their own: none\n"
				    "overload: beyond 90 % of a core, 500 MB, 95 % of ports\n"
				    "DNS: servers 192.0.2.53:53,[::1]:54; answers are kept 30 to "
				    "60 s\n"
				    "status: no socket\n"));
	assert_non_null(strstr(out, "; carrier carrier-a; 1 number rules\n"));
	free(out);
	free(err);

	assert_int_equal(check(w, &(struct variant){.status = ""}, &out, &err), 0);
	assert_non_null(strstr(out, "DNS: servers of /etc/resolv.conf; answers are kept 30 to 3600 "
				    "s\nstatus: /run/sallyport/status.sock\n"));
	assert_null(strstr(out, "; calls "));
	assert_null(strstr(out, "connects from"));
	free(out);
	free(err);
}

/* Every setting of every trunk, and where it comes from; of a file with mistakes, none. */
static void test_check_verbose(void **state)
{
	const struct world *w = *state;
	const struct variant v = {.trunk = "profile = \"zoom\";\n hold = \"sendonly\";"};
	char *out, *err, line[256];
	const char *pbx;

	assert_int_equal(check_told(w, &v, true, &out, &err), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "interface core: SIP on "));
	assert_non_null(strstr(out, "\ntrunk carrier-a:\n  name = \"carrier-a\";  # "));
	snprintf(line, sizeof(line), "\n  profile = \"zoom\";  # %s:10\n", w->conf);
	assert_non_null(strstr(out, line));
	snprintf(line, sizeof(line), "\n  hold = \"sendonly\";  # %s:11\n", w->conf);
	assert_non_null(strstr(out, line));
	assert_non_null(strstr(out, "\n  transfer = \"handle\";  # profile zoom\n"));
	assert_non_null(strstr(out, "\n  reliable_provisionals = \"supported\";  # default\n"));
	assert_non_null(strstr(out, "\n  # domain is not set\n"));
	pbx = strstr(out, "\ntrunk pbx:\n");
	assert_non_null(pbx);
	assert_non_null(strstr(pbx, "\n  transfer = \"refuse\";  # default\n"));
	assert_non_null(strstr(pbx, "\n  failover = [ 408, 503, 504 ];  # default\n"));
	assert_non_null(strstr(pbx, "\n  keepalive_s = 90;  # default\n"));
	assert_non_null(strstr(pbx, "\n  numbering = {\n    # strip is not set\n"));
	assert_non_null(strstr(pbx, "\n    user_phone = true;  # default\n  };\n  emergency = "));
	free(out);
	free(err);

	assert_int_equal(check_told(w, &(struct variant){.ca = "none.pem"}, true, &out, &err), 1);
	assert_string_equal(out, "");
	free(out);
	free(err);
}

/* What is printed of a trunk can stand in its place, groups and all. */
static void test_verbose_again(void **state)
{
	static char text[16 * 1024], again[32 * 1024];
	const struct world *w = *state;
	const struct variant v = {
		.trunk = "profile = \"teams-direct-routing\"; emergency = [ \"112\" ];"
			 "headers_in = ( { action = \"remove\"; header = \"X-A\";"
			 " when = { status = \"2xx\"; }; } );"
			 "numbering = { country = \"44\"; national_prefix = \"0\"; };"};
	char *out, *err, *told, *end, *from, *to;
	FILE *f;

	assert_int_equal(check_told(w, &v, true, &out, &err), 0);
	told = strstr(out, "\ntrunk carrier-a:\n");
	assert_non_null(told);
	told = strchr(told + 1, '\n');
	end = strstr(told, "\ntrunk pbx:\n");
	assert_non_null(end);
	*end = '\0';

	f = fopen(w->conf, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	from = strstr(text, "{ name = \"carrier-a\"");
	to = strstr(text, "{ name = \"pbx\"");
	assert_true(from && to);
	*from = '\0';
	snprintf(again, sizeof(again), "%s{%s},\n%s", text, told, to);
	free(out);
	free(err);

	world_write(w, "sallyport.conf", again);
	assert_int_equal(check_file(w->conf, true, &out, &err), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "    country = \"44\";  # "));
	assert_non_null(strstr(out, "  hold = \"inactive\";  # "));
	free(out);
	free(err);
}

static void test_check_bad(void **state)
{
	const struct world *w = *state;
	char *out, *err;

	assert_int_equal(
		check(w, &(struct variant){.key = "carrier.key", .ca = "none.pem"}, &out, &err), 1);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "\n2 mistakes\n"));
	assert_string_equal(strrchr(err, 's'), "s\n"); /* it is the last line */
	free(out);
	free(err);

	assert_int_equal(check(w, NULL, &out, &err), 1);
	assert_non_null(strstr(err, "/nonexistent/sallyport.conf: "));
	assert_non_null(strstr(err, "\n1 mistake\n"));
	free(out);
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_key_of_all),
		cmocka_unit_test(test_pair_once),
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_soon_expired),
		cmocka_unit_test(test_made_for),
		cmocka_unit_test(test_name_not_shown),
		cmocka_unit_test(test_kind_unknown),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_rule_notes),
		cmocka_unit_test(test_rule_notes_many),
		cmocka_unit_test(test_pass_notes),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_account_notes),
		cmocka_unit_test(test_check_good),
		cmocka_unit_test(test_check_limits),
		cmocka_unit_test(test_check_bad),
		cmocka_unit_test(test_check_verbose),
		cmocka_unit_test(test_verbose_again),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
