/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loading a configuration without mistakes: defaults, every key, included
 * files, and where named files are looked for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "conf_fixture.h"

#define SIDE(name, host, ports)                                                                    \
	"{ name = \"" name "\"; sip = { address = \"" host "\"; };\n"                              \
	"  tls = { certificate = \"c.crt\"; key = \"c.key\"; };\n"                                 \
	"  media = { address = \"" host "\"; ports = " ports "; }; }"
#define CARRIER                                                                                    \
	"{ name = \"a\"; kind = \"carrier\"; interface = \"core\"; identities = [ \"A.example\" "  \
	"]; }"
#define SMALL                                                                                      \
	"interfaces = ( " SIDE("core", "192.0.2.1", "[ 20000, 29999 ]") " );\n"                    \
									"trunks = ( " CARRIER      \
									" );\n"

static int setup(void **state)
{
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");

	return fixture_alloc(state);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf *c;
	const struct sp_conf_interface *i;
	const struct sp_conf_trunk *t;

	assert_int_equal(fixture_load(f, SMALL), 0);
	c = f->conf;
	assert_int_equal(c->log_level, SP_LOG_INFO);
	assert_false(c->log_full_numbers);
	assert_int_equal(c->limits.calls, 2000);
	assert_int_equal(c->limits.connections, 1000);
	assert_int_equal(c->limits.connections_per_source, 20);
	assert_int_equal(c->limits.handshakes, 64);
	assert_int_equal(c->limits.first_message_s, 10);
	assert_int_equal(c->limits.ring_s, 180);
	assert_int_equal(c->limits.media_timeout_s, 60);
	assert_int_equal(c->limits.drain_s, 300);
	assert_int_equal(c->numberc, 0);
	assert_int_equal(c->number_filec, 0);

	assert_int_equal(c->interfacec, 1);
	i = &c->interfacev[0];
	assert_int_equal(sa_port(&i->sip), 5061);
	assert_string_equal(i->sip_advertise, "192.0.2.1");
	assert_string_equal(i->client.certificate.path, i->server.certificate.path);
	assert_string_equal(i->client.key.path, i->server.key.path);
	assert_true(sa_cmp(&i->media, &i->media_advertise, SA_ADDR));
	assert_int_equal(i->dscp, -1);

	assert_int_equal(c->trunkc, 1);
	t = &c->trunkv[0];
	assert_int_equal(t->identityc, 1);
	assert_string_equal(t->identityv[0], "a.example");
	assert_false(t->wildcard);
	assert_true(t->check_purpose);
	assert_false(t->refuse_delayed);
	assert_null(t->ca.path);
	assert_null(t->client.certificate.path);
	assert_int_equal(t->targetc, 0);
	assert_null(t->domain);
	assert_int_equal(t->carrierc, 0);
	assert_int_equal(t->limits.calls, 0);
	assert_int_equal(t->connections, 32);
	assert_int_equal(t->options_s, 60);
	assert_int_equal(t->idle_s, 0);
}

static const char everything[] =
	"log = { level = \"debug\"; numbers = \"full\"; };\n"
	"limits = { calls = 11; connections = 12; connections_per_source = 13; handshakes = 14;\n"
	"  first_message_s = 15; ring_s = 16; media_timeout_s = 0x11; drain_s = 18L; };\n"
	"interfaces = (\n"
	"  { name = \"core\";\n"
	"    sip = { address = \"::\"; port = 5062; advertise = \"Core.GW.example.net\"; };\n"
	"    tls = { certificate = \"c.crt\"; key = \"c.key\";\n"
	"            client_certificate = \"/abs/cc.crt\"; client_key = \"/abs/cc.key\"; };\n"
	"    media = { address = \"192.0.2.10\"; advertise = \"203.0.113.10\";\n"
	"              ports = ( 20000, 20003 ); dscp = 46; }; },\n"
	"  { name = \"edge\"; sip = { address = \"2001:db8::5\"; };\n"
	"    tls = { certificate = \"e.crt\"; key = \"e.key\"; };\n"
	"    media = { address = \"2001:db8::5\"; ports = [ 1024, 65535 ]; }; } );\n"
	"trunks = (\n"
	"  { name = \"carrier-a\"; kind = \"carrier\"; interface = \"core\";\n"
	"    identities = [ \"one.example\", \"two.example\" ]; },\n"
	"  { name = \"teams\"; kind = \"service\"; interface = \"edge\";\n"
	"    identities = [ \"one.example\" ]; wildcard = true; purpose = \"any\"; delayed_offer = "
	"\"refuse\";\n"
	"    ca = \"ca.pem\"; certificate = \"t.crt\"; key = \"t.key\";\n"
	"    targets = [ \"h.example:5071\", \"H2.example\", \"[2001:db8::1]:5072\",\n"
	"                \"192.0.2.9\" ];\n"
	"    domain = \"d.example\"; options_s = 5; idle_s = 6; calls = 7; connections = 8;\n"
	"    carrier = \"carrier-a\"; } );\n"
	"numbers = ( { number = \"+44\"; trunk = \"teams\"; carrier = \"carrier-a\";\n"
	"    account = \"acme\"; headers = { X-One = \"1\"; X-Two = \"\"; };\n"
	"    headers_to_carrier = true; },\n"
	"  { number = \"x\"; trunk = \"nobody\"; } );\n"
	"number_files = [ \"n.csv\",\n"
	"  \"/abs/m.csv\"\n"
	"];\n";

static void check_interfaces(const struct sp_conf *c, const char *dir)
{
	const struct sp_conf_interface *i = &c->interfacev[0];
	char path[PATH_MAX];

	assert_int_equal(c->interfacec, 2);
	assert_string_equal(i->name, "core");
	assert_int_equal(i->src.line, 5);
	assert_true(sa_is_any(&i->sip));
	assert_int_equal(sa_port(&i->sip), 5062);
	assert_string_equal(i->sip_advertise, "core.gw.example.net");
	re_snprintf(path, sizeof(path), "%s/c.crt", dir);
	assert_string_equal(i->server.certificate.path, path);
	assert_int_equal(i->server.certificate.src.line, 7);
	re_snprintf(path, sizeof(path), "%s/keys/c.key", dir);
	assert_string_equal(i->server.key.path, path);
	assert_string_equal(i->client.certificate.path, "/abs/cc.crt");
	assert_string_equal(i->client.key.path, "/abs/cc.key");
	assert_int_equal(sa_in(&i->media), 0xc000020a);
	assert_int_equal(sa_in(&i->media_advertise), 0xcb00710a);
	assert_int_equal(i->port_min, 20000);
	assert_int_equal(i->port_max, 20003);
	assert_int_equal(i->dscp, 46);
	assert_string_equal(c->interfacev[1].sip_advertise, "[2001:db8::5]");
	assert_int_equal(c->interfacev[1].port_min, 1024);
	assert_int_equal(c->interfacev[1].port_max, 65535);
}

static void check_targets(const struct sp_conf_trunk *t)
{
	assert_int_equal(t->targetc, 4);
	assert_string_equal(t->targetv[0].host, "h.example");
	assert_int_equal(t->targetv[0].port, 5071);
	assert_true(t->targetv[0].port_given);
	assert_string_equal(t->targetv[1].host, "h2.example");
	assert_int_equal(t->targetv[1].port, 5061);
	assert_false(t->targetv[1].port_given);
	assert_string_equal(t->targetv[2].host, "2001:db8::1");
	assert_int_equal(t->targetv[2].port, 5072);
	assert_string_equal(t->targetv[3].host, "192.0.2.9");
	assert_int_equal(t->targetv[2].src.line, 20);
	assert_int_equal(t->targetv[3].src.line, 21);
}

static void check_trunks(const struct sp_conf *c, const char *dir)
{
	const struct sp_conf_trunk *t = &c->trunkv[1];
	char path[PATH_MAX];

	assert_int_equal(c->trunkc, 2);
	assert_int_equal(c->trunkv[0].kind, SP_TRUNK_CARRIER);
	assert_int_equal(c->trunkv[0].identityc, 2);
	assert_string_equal(c->trunkv[0].identityv[1], "two.example");
	assert_int_equal(c->trunkv[0].interface, 0);

	assert_string_equal(t->name, "teams");
	assert_int_equal(t->src.line, 17);
	assert_int_equal(t->kind, SP_TRUNK_SERVICE);
	assert_int_equal(t->interface, 1);
	assert_true(t->wildcard);
	assert_false(t->check_purpose);
	assert_true(t->refuse_delayed);
	re_snprintf(path, sizeof(path), "%s/ca.pem", dir);
	assert_string_equal(t->ca.path, path);
	re_snprintf(path, sizeof(path), "%s/t.crt", dir);
	assert_string_equal(t->client.certificate.path, path);
	re_snprintf(path, sizeof(path), "%s/keys/t.key", dir);
	assert_string_equal(t->client.key.path, path);
	check_targets(t);
	assert_string_equal(t->domain, "d.example");
	assert_int_equal(t->options_s, 5);
	assert_int_equal(t->idle_s, 6);
	assert_int_equal(t->limits.calls, 7);
	assert_int_equal(t->connections, 8);
	assert_int_equal(t->carrierc, 1);
	assert_int_equal(t->carrierv[0], 0);
}

static void check_numbers(const struct sp_conf *c, const char *dir)
{
	const struct sp_conf_number *n = &c->numberv[0];
	char path[PATH_MAX];

	assert_int_equal(c->numberc, 2);
	assert_string_equal(n->number, "+44");
	assert_int_equal(n->trunkc, 1);
	assert_string_equal(n->trunkv[0], "teams");
	assert_int_equal(n->carrierc, 1);
	assert_string_equal(n->carrierv[0], "carrier-a");
	assert_string_equal(n->account, "acme");
	assert_true(n->headers_to_carrier);
	assert_int_equal(n->headerc, 2);
	assert_string_equal(n->headerv[0].name, "X-One");
	assert_string_equal(n->headerv[0].value, "1");
	assert_string_equal(n->headerv[1].value, "");
	assert_int_equal(n->src.line, 24);
	/* what a number says is for the number table to judge */
	assert_string_equal(c->numberv[1].trunkv[0], "nobody");
	assert_int_equal(c->numberv[1].carrierc, 0);
	assert_null(c->numberv[1].account);

	assert_int_equal(c->number_filec, 2);
	re_snprintf(path, sizeof(path), "%s/n.csv", dir);
	assert_string_equal(c->number_filev[0].path, path);
	assert_int_equal(c->number_filev[0].src.line, 28);
	assert_string_equal(c->number_filev[1].path, "/abs/m.csv");
	assert_int_equal(c->number_filev[1].src.line, 29);
}

static void test_every_key(void **state)
{
	struct fixture *f = *state;
	const struct sp_conf *c;

	assert_int_equal(fixture_load(f, everything), 0);
	c = f->conf;
	assert_string_equal(c->file, f->file);
	assert_int_equal(c->log_level, SP_LOG_DEBUG);
	assert_true(c->log_full_numbers);
	assert_int_equal(c->limits.calls, 11);
	assert_int_equal(c->limits.connections, 12);
	assert_int_equal(c->limits.connections_per_source, 13);
	assert_int_equal(c->limits.handshakes, 14);
	assert_int_equal(c->limits.first_message_s, 15);
	assert_int_equal(c->limits.ring_s, 16);
	assert_int_equal(c->limits.media_timeout_s, 17);
	assert_int_equal(c->limits.drain_s, 18);
	check_interfaces(c, f->dir);
	check_trunks(c, f->dir);
	check_numbers(c, f->dir);
}

/* An include inside a list, text behind it on its line, an absolute one; lines stay right. */
static void test_include(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	fixture_write(f, "limits.inc", "# no newline at the end\nlimits = { calls = 3; };");
	fixture_write(f, "carrier.inc", "/* @include \"not-this\" */\n\n" CARRIER ",\n");
	fixture_write(f, "more.inc", "\t@include \"limits.inc\"\n");
	re_snprintf(text, sizeof(text),
		    "@include \"more.inc\" # and no more\n"
		    "interfaces = ( " SIDE(
			    "core", "192.0.2.1",
			    "[ 20000, 29999 ]") " );\n"
						"trunks = (\n"
						"  @include \"%s/carrier.inc\"\n"
						"  { name = \"b\"; kind = \"carrier\"; interface = "
						"\"core\";\n"
						"    identities = [ \"b.example\" ]; } );\n"
						"// @include \"nor-this\"\n"
						"numbers = ( { number = \"\n",
		    f->dir);
	text[strlen(text) - 1] = '\0';
	strcat(text, "@include \\\"nor-that\\\"\"; trunk = \"a\"; } );\n");

	/* a newline in a string is a control character: all else was read */
	assert_int_equal(fixture_load(f, text), 0);
	assert_int_equal(f->conf->limits.calls, 3);
	assert_int_equal(f->conf->trunkc, 2);
	assert_non_null(strstr(f->conf->trunkv[0].src.file, "/carrier.inc"));
	assert_int_equal(f->conf->trunkv[0].src.line, 3);
	assert_string_equal(f->conf->trunkv[1].src.file, f->file);
	assert_int_equal(f->conf->trunkv[1].src.line, 7);
	assert_string_equal(f->conf->numberv[0].number, "@include \"nor-that\"");
}

/* Where a relative key is looked for: the first place that has it. */
static void test_key_places(void **state)
{
	static const char *const placev[] = {"run/keys/c.key", "cred/c.key", "cred/keys_c.key",
					     "keys/c.key", "c.key"};
	struct fixture *f = *state;
	char env[PATH_MAX], want[PATH_MAX];

	fixture_mkdir(f, "run");
	fixture_mkdir(f, "run/keys");
	fixture_mkdir(f, "cred");
	fixture_mkdir(f, "keys");
	re_snprintf(env, sizeof(env), "%s/run:%s/other", f->dir, f->dir);
	setenv("RUNTIME_DIRECTORY", env, 1);
	re_snprintf(env, sizeof(env), "%s/cred", f->dir);
	setenv("CREDENTIALS_DIRECTORY", env, 1);

	for (size_t i = 5; i-- > 0;) {
		fixture_write(f, placev[i], "x");
		assert_int_equal(fixture_load(f, SMALL), 0);
		re_snprintf(want, sizeof(want), "%s/%s", f->dir, placev[i]);
		assert_string_equal(f->conf->interfacev[0].server.key.path, want);
	}
}

/* The file can be named relative to the working directory; paths are absolute all the same. */
static void test_relative_file(void **state)
{
	struct fixture *f = *state;
	char cwd[PATH_MAX];

	assert_int_equal(fixture_load(f, SMALL), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(f->dir), 0);
	f->conf = mem_deref(f->conf);
	assert_int_equal(sp_conf_load(&f->conf, "sallyport.conf", f->report), 0);
	assert_int_equal(chdir(cwd), 0);
	assert_string_equal(f->conf->file, "sallyport.conf");
	assert_int_equal(f->conf->interfacev[0].server.certificate.path[0], '/');
}

static void test_cannot_open(void **state)
{
	struct fixture *f = *state;
	struct sp_conf *c = NULL;
	char path[PATH_MAX];

	re_snprintf(path, sizeof(path), "%s/none.conf", f->dir);
	assert_int_equal(sp_conf_load(&c, path, f->report), ENOENT);
	assert_null(c);
	assert_int_equal(sp_report_mistakes(f->report), 1);
	assert_int_equal(sp_conf_load(&c, f->dir, f->report), EISDIR);
	assert_int_equal(sp_conf_load(&c, "/no/such/dir/x.conf", f->report), ENOENT);
	assert_int_equal(sp_report_mistakes(f->report), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, fixture_free),
		cmocka_unit_test_setup_teardown(test_every_key, setup, fixture_free),
		cmocka_unit_test_setup_teardown(test_include, setup, fixture_free),
		cmocka_unit_test_setup_teardown(test_key_places, setup, fixture_free),
		cmocka_unit_test_setup_teardown(test_relative_file, setup, fixture_free),
		cmocka_unit_test_setup_teardown(test_cannot_open, setup, fixture_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
