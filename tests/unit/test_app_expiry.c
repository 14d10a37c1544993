/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/expiry, files: who is warned of what and when, on clocks that the test
 * turns; and which files a configuration has.
 */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <re.h>

#include "app_fixture.h"

enum { DAY = 24 * 3600, HOUR_MS = 3600 * 1000 };

static int64_t wall_base; /* what the wall clock shows when the loop's shows 0 */
static struct sp_loop *loop;

static int64_t wall(void)
{
	return wall_base + (int64_t)(sp_loop_now_ms(loop) / 1000);
}

struct scene {
	struct world *w;
	struct sp_conf *conf;
	struct sp_conf_interface itf;
	struct sp_conf_trunk trunkv[2];
	char paths[8][128];
	struct app_expiry *expiry;
	unsigned lines;
	enum sp_log_level level;
	char log[8192];
};

static const char *path(struct scene *s, unsigned i, const char *name)
{
	snprintf(s->paths[i], sizeof(s->paths[i]), "%s/%s", s->w->dir, name);
	return s->paths[i];
}

static void keep_line(enum sp_log_level level, const char *line, void *arg)
{
	struct scene *s = arg;
	const size_t used = strlen(s->log);

	++s->lines;
	s->level = level;
	snprintf(s->log + used, sizeof(s->log) - used, "%s\n", line);
}

static int64_t until;

static void on_dated(const struct sp_tls_dated *d, void *arg)
{
	(void)arg;

	until = d->until;
}

static int64_t until_of(const char *file)
{
	until = 0;
	assert_int_equal(sp_tls_dates(file, on_dated, NULL), 0);
	assert_true(until > 0);
	return until;
}

/* An interface and two trunks of it; the second has its own pair, the first a CRL. */
static void begin(void **state, struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->w = *state;
	s->conf = mem_zalloc(sizeof(*s->conf), NULL);
	s->itf.name = "core";
	s->itf.server.certificate.path = path(s, 0, "gateway-core.crt");
	s->itf.server.key.path = path(s, 1, "gateway-core.key");
	s->itf.client = s->itf.server;
	s->trunkv[0].name = "alpha";
	s->trunkv[0].ca.path = path(s, 2, "carrier-ca.crt");
	s->trunkv[0].crl.path = path(s, 3, "carrier-ca.crl");
	s->trunkv[1].name = "beta";
	s->trunkv[1].ca.path = path(s, 4, "carrier-ca.crt");
	s->trunkv[1].client.certificate.path = path(s, 5, "carrier.crt");
	s->trunkv[1].client.key.path = path(s, 6, "carrier.key");
	s->conf->interfacev = &s->itf;
	s->conf->interfacec = 1;
	s->conf->trunkv = s->trunkv;
	s->conf->trunkc = 2;

	assert_int_equal(sp_loop_alloc_fake(&loop, 0), 0);
	wall_base = 0;
	assert_int_equal(app_expiry_alloc(&s->expiry, loop, wall), 0);
	sp_log_sink(keep_line, s);
}

static void end(struct scene *s)
{
	sp_log_sink(NULL, NULL);
	mem_deref(s->expiry);
	mem_deref(s->conf);
	assert_int_equal(sp_loop_timers(loop), 0);
	loop = mem_deref(loop);
}

static void use_files(struct scene *s)
{
	struct app_files *fs = NULL;

	assert_int_equal(app_files_alloc(&fs, s->conf), 0);
	s->log[0] = '\0';
	s->lines = 0;
	assert_int_equal(app_expiry_files(s->expiry, fs), 0);
	mem_deref(fs);
}

static void expect_line(const struct scene *s, const char *text)
{
	if (!strstr(s->log, text))
		fail_msg("no \"%s\" in:\n%s", text, s->log);
}

static void test_files(void **state)
{
	struct app_files *fs = NULL;
	struct scene s;

	begin(state, &s);
	assert_int_equal(app_files_alloc(&fs, s.conf), 0);
	assert_int_equal(fs->n, 6);
	assert_string_equal(fs->v[0].use, "interface core");
	assert_int_equal(fs->v[1].kind, APP_FILE_KEY);
	for (size_t i = 0; i < fs->n; i++) {
		if (fs->v[i].kind == APP_FILE_CA)
			assert_string_equal(fs->v[i].use, "trunk alpha and 1 more");
		if (fs->v[i].kind == APP_FILE_CRL)
			assert_string_equal(fs->v[i].use, "trunk alpha");
	}

	assert_int_equal(app_files_look(fs), 0);
	run("cd %s && cp service-ca.crt carrier-ca.crt && echo >>carrier.key", s.w->dir);
	assert_int_equal(app_files_look(fs), 2);
	app_files_adopt(fs);
	assert_int_equal(app_files_look(fs), 0);
	mem_deref(fs);

	/* without a CA of its own: the public roots */
	s.trunkv[0].ca.path = NULL;
	assert_int_equal(app_files_alloc(&fs, s.conf), 0);
	assert_int_equal(fs->n, 8);
	mem_deref(fs);
	end(&s);
}

/* What is listed, for the status. */
static void test_list(void **state)
{
	const struct app_cert_status *v;
	unsigned crls = 0;
	struct scene s;
	size_t n;

	begin(state, &s);
	wall_base = until_of(s.itf.server.certificate.path) - 100 * DAY - 7;
	use_files(&s);
	assert_int_equal(s.lines, 0);
	v = app_expiry_list(s.expiry, &n);
	assert_int_equal(n, 4); /* keys have no end */
	assert_string_equal(v[0].subject, "CN=core.gateway.example");
	assert_string_equal(v[0].names, "DNS:core.gateway.example, URI:sip:core.gateway.example");
	assert_string_equal(v[0].file->use, "interface core");
	assert_int_equal(v[0].days_left, 100);
	assert_int_equal(v[0].until, until);
	for (size_t i = 0; i < n; i++)
		crls += v[i].file->kind == APP_FILE_CRL &&
			!strcmp(v[i].subject, "CN=Throwaway carrier-ca");
	assert_int_equal(crls, 1);

	/* it is kept up to date, hour by hour */
	wall_base += DAY;
	sp_loop_advance(loop, HOUR_MS - 1);
	assert_int_equal(v[0].days_left, 100);
	sp_loop_advance(loop, 1);
	assert_int_equal(v[0].days_left, 98);
	end(&s);
}

/* Each threshold once, whatever the hour of the day is. */
static void test_thresholds(void **state)
{
	static const int days[] = {30, 14, 7, 1, -1};
	struct scene s;
	unsigned at = 0;

	begin(state, &s);
	s.conf->trunkc = 0;
	until = until_of(s.itf.server.certificate.path);
	wall_base = until - 40 * DAY;
	use_files(&s);
	assert_int_equal(s.lines, 0);

	for (unsigned h = 0; h < 50 * 24; h++) {
		char text[320];

		s.log[0] = '\0';
		s.lines = 0;
		sp_loop_advance(loop, HOUR_MS);
		if (!s.lines)
			continue;
		assert_int_equal(s.lines, 1);
		assert_true(at < 5);
		snprintf(text, sizeof(text),
			 "certificate_expires file=%s what=certificate use=\"interface core\" "
			 "subject=\"CN=core.gateway.example\" days=%d\n",
			 s.paths[0], days[at]);
		expect_line(&s, text);
		/* an hour after at most */
		assert_in_range((days[at] + 1) * (int64_t)DAY - (until - wall()), 0, 3600);
		assert_int_equal(s.level, days[at] < 0 ? SP_LOG_ERROR : SP_LOG_WARN);
		at++;
	}
	assert_int_equal(at, 5);
	end(&s);
}

/* Begun late: what it is now, not all that was missed. */
static void test_start_late(void **state)
{
	struct scene s;

	begin(state, &s);
	s.conf->trunkc = 0;
	wall_base = until_of(s.itf.server.certificate.path) - 5 * DAY - 60;
	use_files(&s);
	assert_int_equal(s.lines, 1);
	expect_line(&s, "days=5\n");

	/* a reload says nothing again; the next threshold does */
	use_files(&s);
	use_files(&s);
	assert_int_equal(s.lines, 0);
	wall_base += 4 * DAY;
	sp_loop_advance(loop, HOUR_MS);
	assert_int_equal(s.lines, 1);
	expect_line(&s, "days=0\n");
	end(&s);
}

static void test_renewed(void **state)
{
	struct scene s;

	begin(state, &s);
	s.conf->trunkc = 0;
	run("cd %s && cp carrier-expired.crt gateway-core.crt", s.w->dir);
	wall_base = until_of(s.itf.server.certificate.path) - 2 * DAY;
	use_files(&s);
	assert_int_equal(s.lines, 1);

	/* the new one is another, and what was said of the old one is forgotten */
	run("cd %s && cp carrier.crt gateway-core.crt", s.w->dir);
	use_files(&s);
	assert_int_equal(s.lines, 0);
	run("cd %s && cp carrier-expired.crt gateway-core.crt", s.w->dir);
	use_files(&s);
	assert_int_equal(s.lines, 1);

	/* as long as it cannot be read, there is nothing to warn of */
	run("cd %s && rm gateway-core.crt", s.w->dir);
	use_files(&s);
	assert_int_equal(s.lines, 0);
	end(&s);
}

/* An expired CA may have a successor beside it; an expired CRL shuts the trunk out. */
static void test_levels(void **state)
{
	struct scene s;

	begin(state, &s);
	s.trunkv[0].ca.path = path(&s, 2, "carrier-expired.crt");
	s.conf->trunkc = 1;
	wall_base = until_of(s.trunkv[0].ca.path) + 10 * DAY;
	use_files(&s);
	assert_int_equal(s.lines, 1);
	expect_line(&s, "what=ca use=\"trunk alpha\" subject=\"CN=carrier.example\" days=-10\n");
	assert_int_equal(s.level, SP_LOG_WARN);

	s.trunkv[0].ca.path = path(&s, 2, "carrier-ca.crt");
	s.conf->interfacec = 0;
	wall_base = until_of(s.trunkv[0].crl.path) + 1;
	use_files(&s);
	assert_int_equal(s.lines, 1);
	expect_line(&s, "what=crl use=\"trunk alpha\" subject=\"CN=Throwaway carrier-ca\" days=-1");
	assert_int_equal(s.level, SP_LOG_ERROR);
	end(&s);
}

static void write_crl(const char *file, int64_t from, int64_t to)
{
	X509_CRL *crl = X509_CRL_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_NAME *name = X509_NAME_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)from);
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	X509_CRL_set_version(crl, 1);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
	X509_CRL_set_issuer_name(crl, name);
	X509_CRL_set1_lastUpdate(crl, t);
	ASN1_TIME_set(t, (time_t)to);
	X509_CRL_set1_nextUpdate(crl, t);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509_CRL(out, crl), 1);
	(void)fclose(out);
	ASN1_TIME_free(t);
	X509_NAME_free(name);
	EVP_PKEY_free(key);
	X509_CRL_free(crl);
}

/* Lists that are good for a week, each in place of the one before in time: nobody is warned. */
static void test_short_lists(void **state)
{
	static const int want[] = {1, -1}; /* of one without a successor */
	const int64_t begin_s = 1790000000;
	struct scene s;
	unsigned at = 0;

	begin(state, &s);
	s.conf->trunkc = 1;
	s.conf->interfacec = 0;
	s.trunkv[0].ca.path = path(&s, 2, "none.crt");
	s.trunkv[0].crl.path = path(&s, 3, "week.crl");
	wall_base = begin_s;
	for (unsigned d = 0; d < 20; d += 5) {
		write_crl(s.trunkv[0].crl.path, begin_s + (d - 1) * DAY, begin_s + (d + 6) * DAY);
		wall_base = begin_s + d * DAY;
		use_files(&s);
		assert_int_equal(s.lines, 0);
		use_files(&s); /* the same once more, by a reload */
		assert_int_equal(s.lines, 0);
	}

	for (unsigned h = 0; h < 8 * 24; h++) {
		char text[32];

		s.log[0] = '\0';
		s.lines = 0;
		sp_loop_advance(loop, HOUR_MS);
		if (!s.lines)
			continue;
		assert_true(at < 2);
		snprintf(text, sizeof(text), "days=%d\n", want[at++]);
		expect_line(&s, text);
	}
	assert_int_equal(at, 2);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_list, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_thresholds, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_start_late, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_renewed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_levels, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_short_lists, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
