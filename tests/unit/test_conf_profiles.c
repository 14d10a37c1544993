/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Profiles: what they set, that a trunk has the last word, what they want of
 * the rest, that their pages say all of it; and the settings as they are told.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "conf_trunk_text.h"

/* Each one loads as it is, and tells which codes send a call on: that has no other default. */
static void test_all_load(void **state)
{
	char text[1024];

	for (size_t i = 0; i < CONF_PROFILES; i++) {
		const struct sp_conf_trunk *t;

		re_snprintf(text, sizeof(text), TRUNK("profile = \"%s\";"), conf_profilev[i].name);
		t = load_trunk(*state, text);
		assert_int_equal(t->profile, i);
		assert_true(t->failover.codec > 0);
	}
}

static void check_microsoft(const struct sp_conf_trunk *t)
{
	static const uint16_t codes[] = {408, 503, 504};

	assert_true(t->wildcard);
	assert_false(t->check_purpose);
	assert_int_equal(t->options_s, 60);
	assert_true(t->refuse_delayed);
	assert_int_equal(t->reliable, SP_USE_SUPPORTED);
	assert_int_equal(t->timer.use, SP_USE_SUPPORTED);
	assert_int_equal(t->timer.expires_s, 1800);
	assert_int_equal(t->timer.refresh, SP_REFRESH_INVITE);
	assert_int_equal(t->transfer, SP_TRANSFER_HANDLE);
	assert_int_equal(t->failover.codec, 3);
	assert_memory_equal(t->failover.codev, codes, sizeof(codes));
	assert_int_equal(t->hold, SP_HOLD_INACTIVE);
	assert_int_equal(t->early_media, SP_EARLY_RINGING);
	assert_int_equal(t->rtcp_mux, SP_MUX_OFFER);
	assert_true(t->rekey_follow);
	assert_false(t->rekey_roc_keep);
	assert_true(t->trusted);
	assert_true(t->pass_identity);
	assert_int_equal(t->diverted, SP_DIVERTED_HISTORY_INFO);
	assert_true(t->numbering.user_phone);
}

static void test_values(void **state)
{
	const struct sp_conf_trunk *t;

	check_microsoft(load_trunk(*state, TRUNK("profile = \"teams-direct-routing\";")));
	check_microsoft(load_trunk(*state, TRUNK("profile = \"operator-connect\";")));

	t = load_trunk(*state, TRUNK("profile = \"zoom\";"));
	assert_false(t->wildcard);
	assert_false(t->check_purpose);
	assert_false(t->refuse_delayed);
	assert_int_equal(t->timer.use, SP_USE_SUPPORTED);
	assert_int_equal(t->timer.expires_s, 1800);
	assert_int_equal(t->timer.min_s, 90);
	assert_int_equal(t->transfer, SP_TRANSFER_HANDLE);
	assert_int_equal(t->hold, SP_HOLD_RELAY);
	assert_int_equal(t->early_media, SP_EARLY_RELAY);
	assert_int_equal(t->rtcp_mux, SP_MUX_ANSWER);
	assert_false(t->rekey_follow);
	assert_true(t->trusted);
	assert_int_equal(t->diverted, SP_DIVERTED_DIVERSION);
	assert_true(t->numbering.user_phone);
}

/* Wherever in the trunk the profile stands; lists are replaced, groups merged. */
static void test_trunk_counts_more(void **state)
{
	const struct sp_conf_trunk *t = load_trunk(
		*state,
		TRUNK("hold = \"relay\"; transfer = \"refuse\"; failover = [ 500 ]; trusted = "
		      "false;\n"
		      "purpose = \"strict\"; options_s = 5; session_expires_s = 600;\n"
		      "numbering = { add = \"+\"; };\nprofile = \"teams-direct-routing\";"));

	assert_int_equal(t->hold, SP_HOLD_RELAY);
	assert_int_equal(t->transfer, SP_TRANSFER_REFUSE);
	assert_int_equal(t->failover.codec, 1);
	assert_int_equal(t->failover.codev[0], 500);
	assert_false(t->trusted);
	assert_true(t->check_purpose);
	assert_int_equal(t->options_s, 5);
	assert_int_equal(t->timer.expires_s, 600);
	assert_string_equal(t->numbering.add, "+");
	/* of the profile still */
	assert_true(t->numbering.user_phone);
	assert_int_equal(t->early_media, SP_EARLY_RINGING);

	t = load_trunk(*state, TRUNK("profile = \"operator-connect\"; failover = [ ];"
				     " numbering = { user_phone = false; };"));
	assert_int_equal(t->failover.codec, 0);
	assert_false(t->numbering.user_phone);
}

#define MICROSOFT(profile) TRUNK_OF("service", "address = \"192.0.2.1\";", profile)

static void test_mistakes(void **state)
{
	static const struct mistake v[] = {
		{MICROSOFT("profile = \"teams-direct-routing\";"),
		 AT("4", ".profile") " = \"teams-direct-routing\": needs a host name as "
				     "sip.advertise of interfaces[0] \"edge\": Microsoft takes no "
				     "Contact with an IP address\n"},
		{TRUNK_OF("service", "address = \"::\"; advertise = \"2001:db8::1\";",
			  "profile = \"operator-connect\";"),
		 AT("4",
		    ".profile") " = \"operator-connect\": needs a host name as sip.advertise "
				"of interfaces[0] \"edge\": Microsoft takes no Contact with an "
				"IP address\n"},
		/* the profile's values take part in what must hold */
		{TRUNK("profile = \"zoom\"; session_min_s = 3600;"),
		 AT("4", ".session_min_s") " = 3600: needs session_expires_s, which is 1800 by "
					   "profile \"zoom\", or less\n"},
		/* a literal that is wrong in the file is not the profile's on the same line */
		{"# 1\n# 2\n# 3\n" TRUNK("profile = \"zoom\";\nfailover = [ 0408 ];"),
		 AT("8", ".failover") " = 0408: needs a list of response codes, [ 503 ], without "
				      "leading zeros\n"},
	};
	struct fixture *f = *state;

	CHECK(v);
	(void)load_trunk(f, MICROSOFT("profile = \"zoom\";"));

	assert_int_equal(fixture_load(f, TRUNK_OF("carrier", SIP_NAME, "profile = \"zoom\";")), 0);
	assert_string_equal(f->lines,
			    "sallyport.conf:4: note: trunks[0] \"b\".profile = \"zoom\": "
			    "is made for trunks of kind \"service\", this is a carrier\n");
}

/* The reader knows a literal by key and line: those of a profile's text begin on line 1. */
static void test_lines_do_not_collide(void **state)
{
	static const char text[] = "limits = { calls = 5; }; nonsense = { options_s =\n1; };\n";
	struct fixture *f = *state;
	char conf[2048];

	re_snprintf(conf, sizeof(conf), "\nx = { options_s = 0060; };\n%s%s", text,
		    TRUNK("profile = \"zoom\";"));
	assert_int_equal(fixture_load(f, conf), EINVAL);
	assert_null(strstr(f->lines, "trunks[0]"));
	assert_int_equal(f->conf->trunkv[0].options_s, 60);
}

static char *read_page(const char *name)
{
	char *text = calloc(1, 64 * 1024), path[512];
	FILE *file;

	re_snprintf(path, sizeof(path), SP_SOURCE_DIR "/docs/profiles/%s.md", name);
	file = fopen(path, "re");
	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 64 * 1024 - 1, file) > 0);
	fclose(file);

	return text;
}

/* A page has a row "| `key = value` | why |" for each thing that is set, and for no other. */
static void test_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_PROFILES; i++) {
		char *page = read_page(conf_profilev[i].name);
		size_t rows = 0;

		for (size_t k = 0; k < conf_profilev[i].presetc; k++) {
			const struct conf_preset *p = &conf_profilev[i].presetv[k];
			char row[160];

			re_snprintf(row, sizeof(row), "\n| `%s = %s` |", p->key, p->value);
			if (!strstr(page, row))
				fail_msg("no row \"%s\" in docs/profiles/%s.md", row + 1,
					 conf_profilev[i].name);
		}
		for (const char *p = strstr(page, "\n| `"); p; p = strstr(p + 1, "\n| `"))
			rows += strchr(p, '=') && strchr(p, '=') < strchr(p + 4, '`');
		assert_int_equal(rows, conf_profilev[i].presetc);
		free(page);
	}
}

static void collect(const char *trunk, const char *key, const char *value, const char *origin,
		    void *arg)
{
	struct fixture *f = arg;
	char line[1024];

	assert_string_equal(trunk, "b");
	re_snprintf(line, sizeof(line), "%s = %s # %s", key, value ? value : "-",
		    strncmp(origin, f->dir, strlen(f->dir)) ? origin : origin + strlen(f->dir) + 1);
	fixture_line(false, line, f);
}

static void tell(struct fixture *f, const char *text)
{
	(void)load_trunk(f, text);
	assert_int_equal(sp_conf_settings(f->file, collect, f), 0);
}

static void has_line(const struct fixture *f, const char *line)
{
	char text[1024];

	re_snprintf(text, sizeof(text), "\n%s\n", line);
	if (!strstr(f->lines, text))
		fail_msg("no \"%s\" in:\n%s", line, f->lines);
}

static void test_settings(void **state)
{
	struct fixture *f = *state;

	tell(f,
	     TRUNK("profile = \"teams-direct-routing\";\nhold = \"sendonly\"; pass = \"X-A\";\n"
		   "headers_out = ( { action = \"set\"; header = \"X-A\"; value = \"a\\\\\\\"\";\n"
		   "when = { status = ( 200, \"3xx\" ); }; } );\n"
		   "numbering = { country = \"44\"; };"));
	assert_memory_equal(f->lines, "name = \"b\" # sallyport.conf:3\n", 30);
	has_line(f, "profile = \"teams-direct-routing\" # sallyport.conf:4");
	has_line(f, "identities = [ \"b.example\" ] # sallyport.conf:3");
	has_line(f, "wildcard = true # profile teams-direct-routing");
	has_line(f, "ca = - # default");
	has_line(f, "calls = 0 # default");
	has_line(f, "hold = \"sendonly\" # sallyport.conf:5");
	has_line(f, "failover = [ 408, 503, 504 ] # profile teams-direct-routing");
	has_line(f, "session_min_s = 90 # default");
	has_line(f, "rtcp_mux = \"offer\" # profile teams-direct-routing");
	has_line(f, "rekey = \"follow\" # profile teams-direct-routing");
	has_line(f, "rekey_roc = \"zero\" # profile teams-direct-routing");
	has_line(f, "reliable_provisionals = \"supported\" # default");
	has_line(f, "pass = \"X-A\" # sallyport.conf:5");
	has_line(f, "headers_in = ( ) # default");
	has_line(f, "headers_out = ( { action = \"set\"; header = \"X-A\"; value = \"a\\\\\\\"\"; "
		    "when = { status = ( 200, \"3xx\" ); }; } ) # sallyport.conf:6");
	has_line(f, "numbering.country = \"44\" # sallyport.conf:8");
	has_line(f, "numbering.user_phone = true # profile teams-direct-routing");
	has_line(f, "numbering.add = - # default");
	has_line(f, "emergency = [ ] # default");

	tell(f, TRUNK("profile = \"zoom\"; rekey = \"follow\";"));
	has_line(f, "rtcp_mux = \"answer\" # default");
	has_line(f, "rekey = \"follow\" # sallyport.conf:4");
	has_line(f, "rekey_roc = \"zero\" # default");
	tell(f, TRUNK("failover = 500;"));
	has_line(f, "profile = \"generic\" # default");
	has_line(f, "failover = 500 # sallyport.conf:4");
	tell(f, TRUNK(""));
	has_line(f, "failover = [ 408, 503, 504 ] # default");
}

/* Each key of the schema is told once; of a file with mistakes nothing is. */
static void test_settings_all(void **state)
{
	struct fixture *f = *state;
	size_t keys = 0, lines = 0;

	tell(f, TRUNK(""));
	for (size_t i = 0; i < conf_trunk_group.keyc; i++) {
		const struct conf_key *key = &conf_trunk_group.keyv[i];

		keys += key->type == CONF_GROUP ? key->group->keyc : 1;
	}
	for (const char *p = f->lines; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, keys);

	assert_int_equal(fixture_load(f, TRUNK("hold = 1;")), EINVAL);
	f->len = 0;
	f->lines[0] = '\0';
	assert_int_equal(sp_conf_settings(f->file, collect, f), EINVAL);
	assert_string_equal(f->lines, "");
	assert_int_equal(sp_conf_settings("/no/such/file.conf", collect, f), ENOENT);
	assert_int_equal(sp_conf_settings(f->file, NULL, f), EINVAL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_alloc, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_load),
		TEST(test_values),
		TEST(test_trunk_counts_more),
		TEST(test_mistakes),
		TEST(test_lines_do_not_collide),
		TEST(test_pages),
		TEST(test_settings),
		TEST(test_settings_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
