/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/watch: every way in which a file is replaced is noticed, and nothing
 * else. inotify tells at once, so on a fake loop the test reads it by hand.
 */
#include "app_fixture.h"

struct scene {
	char dir[64];
	struct sp_loop *loop;
	struct app_watch *watch;
	struct app_files files;
	struct app_file file;
	char path[128];
	unsigned changes;
	const char *failed;
};

static void on_change(void *arg)
{
	struct scene *s = arg;

	++s->changes;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->dir, sizeof(s->dir), "/tmp/sallyport-watch-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(sp_loop_alloc_fake(&s->loop, 1000), 0);
	assert_int_equal(app_watch_alloc(&s->watch, s->loop, on_change, s), 0);
	s->file.path = s->path;
	s->files.v = &s->file;
	s->files.n = 1;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	mem_deref(s->watch);
	mem_deref(s->loop);
	run("rm -rf %s", s->dir);
	free(s);
	return 0;
}

/* In the scene's folder. */
#define DO(s, ...)                                                                                 \
	do {                                                                                       \
		char command[256];                                                                 \
                                                                                                   \
		snprintf(command, sizeof(command), __VA_ARGS__);                                   \
		run("cd %s && %s", (s)->dir, command);                                             \
	} while (0)

static int watch(struct scene *s, const char *name)
{
	int err;

	snprintf(s->path, sizeof(s->path), "%s/%s", s->dir, name);
	err = app_watch_files(s->watch, &s->files, &s->failed);
	s->changes = 0;
	return err;
}

/* Looked at once after what was done: told once, however much it was. */
static void expect(struct scene *s, bool change)
{
	s->changes = 0;
	app_watch_read(s->watch);
	assert_int_equal(s->changes, change);
	assert_int_equal(app_watch_files(s->watch, &s->files, &s->failed), 0);
}

static void test_file(void **state)
{
	struct scene *s = *state;

	DO(s, "echo 1 >a.crt; echo 1 >b.crt");
	assert_int_equal(watch(s, "a.crt"), 0);
	expect(s, false);

	DO(s, "echo 2 >>a.crt");
	expect(s, true);
	DO(s, "echo 2 >new; mv new a.crt");
	expect(s, true);
	DO(s, "echo 3 >new; mv new a.crt");
	expect(s, true);
	DO(s, "chmod 600 a.crt");
	expect(s, true);
	DO(s, "rm a.crt");
	expect(s, true);
	DO(s, "echo 4 >a.crt");
	expect(s, true);
	DO(s, "ln b.crt new; mv new a.crt");
	expect(s, true);

	/* what is read, and what lies beside it */
	DO(s, "cat a.crt >/dev/null; echo 2 >c.crt; mv c.crt d.crt; rm d.crt; mkdir e");
	expect(s, false);
}

/* Written for long: each piece is a change, so that nobody reads a half. */
static void test_slow_writer(void **state)
{
	struct scene *s = *state;
	FILE *f;

	DO(s, "echo 1 >a.crt");
	assert_int_equal(watch(s, "a.crt"), 0);
	f = fopen(s->path, "a");
	assert_non_null(f);
	for (unsigned i = 0; i < 3; i++) {
		fputs("more\n", f);
		fflush(f);
		expect(s, true);
	}
	fclose(f);
	expect(s, true);
}

/* certbot: live/NAME/cert.pem is a link to ../../archive/NAME/cert1.pem */
static void test_link_is_turned(void **state)
{
	struct scene *s = *state;

	DO(s, "mkdir -p live/gw archive/gw; echo 1 >archive/gw/c1.pem");
	DO(s, "ln -s ../../archive/gw/c1.pem live/gw/c.pem");
	assert_int_equal(watch(s, "live/gw/c.pem"), 0);
	DO(s, "echo 2 >archive/gw/c2.pem");
	expect(s, false); /* of no interest before the link leads to it */
	DO(s, "ln -sf ../../archive/gw/c2.pem live/gw/c.pem");
	expect(s, true);
	DO(s, "echo 3 >archive/gw/c1.pem");
	expect(s, false);
	DO(s, "echo 3 >archive/gw/c2.pem");
	expect(s, true);
}

/* Kubernetes: tls.crt -> ..data/tls.crt, ..data -> ..2026_01, and ..data is renamed over */
static void test_link_to_a_folder(void **state)
{
	struct scene *s = *state;

	DO(s, "mkdir -p v/..2026_01; echo 1 >v/..2026_01/tls.crt");
	DO(s, "cd v && ln -s ..2026_01 ..data && ln -s ..data/tls.crt tls.crt");
	assert_int_equal(watch(s, "v/tls.crt"), 0);
	DO(s, "mkdir v/..2026_02; echo 2 >v/..2026_02/tls.crt; ln -s ..2026_02 v/..data_tmp");
	expect(s, false);
	DO(s, "mv -T v/..data_tmp v/..data");
	expect(s, true);
	DO(s, "rm -r v/..2026_01");
	expect(s, false);
	DO(s, "echo 3 >v/..2026_02/tls.crt");
	expect(s, true);
}

static void test_folder_is_replaced(void **state)
{
	struct scene *s = *state;

	DO(s, "mkdir -p a/b; echo 1 >a/b/c.crt; mkdir -p new/b; echo 2 >new/b/c.crt");
	assert_int_equal(watch(s, "a/b/c.crt"), 0);
	DO(s, "mv a old");
	expect(s, true);
	DO(s, "mv new a");
	expect(s, true);
	DO(s, "echo 3 >a/b/c.crt");
	expect(s, true);
	DO(s, "rm -r a");
	expect(s, true);
	DO(s, "mkdir -p a/b; echo 4 >a/b/c.crt");
	expect(s, true);
}

static void test_not_there_yet(void **state)
{
	struct scene *s = *state;

	assert_int_equal(watch(s, "x/y/../z.crt"), 0);
	DO(s, "mkdir -p x/y");
	expect(s, true);
	DO(s, "echo 1 >x/z.crt");
	expect(s, true);
	DO(s, "ln -s nowhere x/l.crt");
	assert_int_equal(watch(s, "x/l.crt"), 0);
	DO(s, "echo 1 >x/nowhere");
	expect(s, true);
}

/* Links in a circle, and paths without end, are followed so far and no further. */
static void test_circles(void **state)
{
	struct scene *s = *state;

	DO(s, "ln -s b a; ln -s a b; ln -s . here");
	assert_int_equal(watch(s, "a"), 0);
	DO(s, "rm a; echo 1 >a");
	expect(s, true);
	assert_int_equal(watch(s, "here/here/here/./a"), 0);
	DO(s, "echo 2 >a");
	expect(s, true);
}

/* Dozens of files in one folder are one watch, and many folders no trouble. */
static void test_many(void **state)
{
	enum { N = 200 };
	static char paths[N][128];
	static struct app_file v[N];
	struct scene *s = *state;
	struct app_files fs = {.v = v, .n = N};

	for (unsigned i = 0; i < N; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/d%u/f%u", s->dir, i % 20, i);
		v[i].path = paths[i];
	}
	DO(s, "for i in $(seq 0 199); do mkdir -p d$((i %% 20)); echo $i >d$((i %% 20))/f$i; done");
	assert_int_equal(app_watch_files(s->watch, &fs, &s->failed), 0);
	for (unsigned i = 0; i < N; i += 33) {
		s->changes = 0;
		DO(s, "echo >>d%u/f%u", i % 20, i);
		app_watch_read(s->watch);
		assert_int_equal(s->changes, 1);
	}
	s->changes = 0;
	DO(s, "echo >>d1/f2"); /* f2 lies in d2 */
	app_watch_read(s->watch);
	assert_int_equal(s->changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_is_turned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_to_a_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_there_yet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_circles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
