/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs tests/scenarios/: each file is one test of the call room, named after
 * the section of the RFC that it is about. tests/scenarios/README.md describes
 * the language.
 *
 *   test_call_scenarios [-a] [NAME ...]
 *
 * NAME: only files whose name begins so. -a: also those that say `skip`.
 */
#include <dirent.h>
#include <stdio.h>
#include <strings.h>

#include "scenario_run.h"
#include "scenario_script.h"

enum { FILES_MAX = 1000 };

struct job {
	const char *file;
	bool all;
	struct scenario *s;
};

static int setup(void **state)
{
	struct job *job = *state;
	void *fx = NULL;

	job->s = calloc(1, sizeof(*job->s));
	assert_non_null(job->s);
	job->s->linev = calloc(SC_LINES_MAX, sizeof(*job->s->linev));
	assert_non_null(job->s->linev);
	re_snprintf(job->s->name, sizeof(job->s->name), "%s", job->file);
	assert_int_equal(0, fx_setup(&fx));
	job->s->fx = fx;
	sc_world_init(job->s);
	return 0;
}

static void scenario(void **state)
{
	struct job *job = *state;
	struct sc_names names = {.c = 0};

	sc_load(job->s, job->file, &names, 0);
	sc_syntax(job->s);
	if (job->s->skip && !job->all) {
		printf("             %s: %s\n", job->file, job->s->skip);
		job->s->done = true;
		skip();
	}
	sc_run(job->s);
}

static int teardown(void **state)
{
	struct job *job = *state;
	struct scenario *s = job->s;
	void *fx = s->fx;

	/* What stopped it was a check of the fixture or of cmocka. */
	if (!s->done && !s->told && s->at)
		printf("tests/scenarios/%s:%u: %s\n---- log of the gateway:\n%s----\n", s->at->file,
		       s->at->no, s->at->text, s->fx->log);
	sc_world_end(s);
	fx_teardown(&fx);
	free(s->linev);
	free(s);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

static bool wanted(const char *file, int argc, char **argv)
{
	size_t n = strlen(file);
	bool any = false;

	if (n < 5 || strcmp(file + n - 4, ".scn"))
		return false;
	for (int i = 1; i < argc; i++) {
		if (0 == strcmp(argv[i], "-a"))
			continue;
		any = true;
		if (0 == strncmp(file, argv[i], strlen(argv[i])))
			return true;
	}
	return !any;
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[FILES_MAX];
	static struct job jobs[FILES_MAX];
	static char names[FILES_MAX][96];
	DIR *dir = opendir(SP_SOURCE_DIR "/tests/scenarios");
	const struct dirent *e;
	size_t c = 0;
	int failed;

	if (!dir) {
		perror(SP_SOURCE_DIR "/tests/scenarios");
		return 1;
	}
	while ((e = readdir(dir)) && c < FILES_MAX) {
		if (!wanted(e->d_name, argc, argv))
			continue;
		re_snprintf(names[c], sizeof(names[c]), "%s", e->d_name);
		jobs[c].file = names[c];
		jobs[c].all = argc > 1 && 0 == strcmp(argv[1], "-a");
		tests[c] = (struct CMUnitTest){names[c], scenario, setup, teardown, &jobs[c]};
		c++;
	}
	closedir(dir);
	if (!c) {
		fprintf(stderr, "no scenario has such a name\n");
		return 1;
	}
	qsort(tests, c, sizeof(tests[0]), by_name);
	failed = _cmocka_run_group_tests("scenarios", tests, c, NULL, NULL);
	return failed ? 1 : 0;
}
