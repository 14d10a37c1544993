/* SPDX-License-Identifier: BSD-3-Clause
 *
 * app/numbers, csv_files, check_numbers: number files and account files as they lie in a
 * folder, whole directories of them, gzip (RFC 1952); and what --check counts.
 */
#include "app_fixture.h"

enum { TEXT_SIZE = 65536 };

struct told {
	unsigned mistakes;
	char text[TEXT_SIZE];
};

static void collect(bool mistake, const char *line, void *arg)
{
	struct told *t = arg;
	const size_t used = strlen(t->text);

	t->mistakes += mistake;
	snprintf(t->text + used, sizeof(t->text) - used, "%s%s\n", mistake ? "" : "NOTE ", line);
}

/* number_files of these, in quotes. */
static int load(struct app_snapshot **sp, const struct world *w, const char *files,
		const char *more, struct told *told)
{
	struct sp_report *r = NULL;
	int err;

	memset(told, 0, sizeof(*told));
	world_conf(w, &(struct variant){.files = files, .numbers = " ", .status = more});
	assert_int_equal(sp_report_alloc(&r), 0);
	err = app_snapshot_alloc(sp, w->conf, r);
	sp_report_print(r, collect, told);
	assert_int_equal(told->mistakes, sp_report_mistakes(r));
	mem_deref(r);
	return err;
}

/* So many numbers come of them. */
static void expect_numbers(const struct world *w, const char *files, size_t n)
{
	struct app_snapshot *s = NULL;
	struct told told;

	if (load(&s, w, files, NULL, &told))
		fail_msg("%s: %s", files, told.text);
	assert_int_equal(sp_number_count(s->numbers), n);
	mem_deref(s);
}

/* So many numbers, and a note with these words. */
static void expect_note(const struct world *w, const char *files, size_t n, const char *words)
{
	struct app_snapshot *s = NULL;
	const char *at;
	struct told told;

	if (load(&s, w, files, NULL, &told))
		fail_msg("%s: %s", files, told.text);
	assert_int_equal(sp_number_count(s->numbers), n);
	mem_deref(s);
	at = strstr(told.text, words);
	if (!at)
		fail_msg("expected \"%s\", got:\n%s", words, told.text);
}

/* n mistakes, one with these words behind each other. */
static void expect_bad(const struct world *w, const char *files, unsigned n, const char *first,
		       const char *then)
{
	struct app_snapshot *s = NULL;
	struct told told;
	const char *at;

	assert_int_equal(load(&s, w, files, NULL, &told), EINVAL);
	assert_null(s);
	at = strstr(told.text, first);
	if (told.mistakes != n || !at || !strstr(at, then))
		fail_msg("expected %u with \"%s ... %s\", got %u:\n%s", n, first, then,
			 told.mistakes, told.text);
}

#define DO(w, ...)                                                                                 \
	do {                                                                                       \
		char command[384];                                                                 \
                                                                                                   \
		snprintf(command, sizeof(command), __VA_ARGS__);                                   \
		run("cd %s && %s", (w)->dir, command);                                             \
	} while (0)

static void test_files(void **state)
{
	const struct world *w = *state;

	expect_bad(w, "\"none.csv\"", 1, ":17: number_files = ", "No such file");
	world_write(w, "bad.csv", "number,trunk\n+4416*,pbx\n0800,pbx\n+4417*,nobody\n");
	expect_bad(w, "\"bad.csv\"", 2, "bad.csv:3: number = \"0800\"", "");
	expect_bad(w, "\"bad.csv\"", 2, "bad.csv:4: trunk = \"nobody\"", "");
	DO(w, "mkfifo pipe.csv");
	expect_bad(w, "\"pipe.csv\"", 1, ":17: number_files = ", "neither a file nor a directory");
	expect_bad(w, "\"/dev/zero\"", 1, ":17: number_files = ", "neither a file nor a directory");

	world_write(w, "one.csv", "number,trunk\n+441632960001,pbx\n");
	world_write(w, "two.csv", "\xef\xbb\xbfnumber,trunk\r\n+441632960002,pbx\r\n+4417*,pbx");
	expect_numbers(w, "\"one.csv\"", 1);
	expect_numbers(w, "\"one.csv\", \"two.csv\"", 3);
}

static void test_no_rows(void **state)
{
	const struct world *w = *state;

	world_write(w, "none.csv", "number,trunk\n");
	expect_note(w, "\"none.csv\"", 0, ":17: note: number_files: there is no number in them");
}

/* Both lines are named, whichever file they are in. */
static void test_twice(void **state)
{
	const struct world *w = *state;

	world_write(w, "one.csv", "number,trunk\n+441632960001,pbx\n");
	world_write(w, "two.csv", "number,trunk\n\n+441632960001,pbx\n");
	expect_bad(w, "\"one.csv\", \"two.csv\"", 1, "two.csv:3: number = ", "one.csv:2");
	/* one file under two names is told of once, not row by row */
	expect_bad(w, "\"one.csv\", \"one.csv\"", 1,
		   "/one.csv\": is read already: ", "one.csv\" on line 17 of ");
	DO(w, "mkdir d; ln one.csv d/other.csv");
	expect_bad(w, "\"one.csv\", \"d\"", 1, "/d/other.csv\": is read already: ", "one.csv\" on");
}

/* All that is *.csv or *.csv.gz, in the order of the names, not deeper; nothing hidden. */
static void test_directory(void **state)
{
	const struct world *w = *state;

	DO(w, "mkdir d d/sub.d");
	world_write(w, "d/b.csv", "number,trunk\n+441632960002,pbx\n");
	world_write(w, "d/a.csv", "number,trunk\n+441632960001,pbx\n");
	world_write(w, "d/c", "number,trunk\n+441632960003,pbx\n");
	DO(w, "gzip -c d/c >d/c.csv.gz; cp d/c d/.hidden.csv; cp d/c d/sub.d/x.csv");
	DO(w, "cp d/c d/c.csv.bak; cp d/c d/csv; cp d/c d/.csv; cp d/c d/c.csv~");
	expect_numbers(w, "\"d\"", 3);
	expect_numbers(w, "\"d/\"", 3);

	/* which of two is the second tells the order */
	world_write(w, "d/0.csv", "number,trunk\n+441632960002,pbx\n");
	expect_bad(w, "\"d\"", 1, "/d/b.csv:2: number = ", "/d/0.csv:2");
	DO(w, "mv d/0.csv d/z.csv");
	expect_bad(w, "\"d\"", 1, "/d/z.csv:2: number = ", "/d/b.csv:2");
	DO(w, "rm d/z.csv");

	/* a link is what it leads to */
	DO(w, "ln -s ../one.csv d/link.csv");
	expect_bad(w, "\"d\"", 1, "number_files = \"", "/d/link.csv\": cannot be read: No such");
	world_write(w, "one.csv", "number,trunk\n+441632960009,pbx\n");
	expect_numbers(w, "\"d\"", 4);

	/* what has the name of one and is none would be missed in silence */
	DO(w, "mkdir d/dir.csv; cp d/a.csv d/LOUD.CSV; cp d/a.csv d/loud.csv.GZ");
	expect_note(w, "\"d\"", 4, "/d/dir.csv\": is a directory in a directory: left out");
	expect_note(w, "\"d\"", 4, "/d/LOUD.CSV\": is left out: names have to end in .csv or");
	expect_note(w, "\"d\"", 4, "/d/loud.csv.GZ\": is left out: ");
	DO(w, "rmdir d/dir.csv; mkfifo d/pipe.csv");
	expect_bad(w, "\"d\"", 1, "number_files = \"", "/d/pipe.csv\": is neither");
}

static void test_empty_directory(void **state)
{
	const struct world *w = *state;
	struct app_snapshot *s = NULL;
	struct told told;

	DO(w, "mkdir d; echo >d/readme.txt");
	assert_int_equal(load(&s, w, "\"d\"", NULL, &told), 0);
	assert_non_null(strstr(told.text, "NOTE "));
	assert_non_null(strstr(told.text, ":17: note: number_files = \""));
	assert_non_null(strstr(told.text, "/d\": is a directory without *.csv and *.csv.gz"));
	assert_int_equal(sp_number_count(s->numbers), 0);
	mem_deref(s);
}

static void write_many(const struct world *w, const char *name, unsigned from, unsigned n,
		       bool head)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	if (head)
		fputs("number,trunk\n", f);
	for (unsigned i = from; i < from + n; i++)
		fprintf(f, "+4416329%06u,pbx\n", i);
	fclose(f);
}

/* RFC 1952 2.2: a file is one member or several. */
static void test_gzip(void **state)
{
	const struct world *w = *state;

	write_many(w, "plain", 0, 100000, true);
	write_many(w, "rest", 100000, 20000, false);
	DO(w, "gzip -c plain >one.csv.gz; gzip -9c rest >>both; cat one.csv.gz both >both.csv.gz");
	expect_numbers(w, "\"one.csv.gz\"", 100000);
	expect_numbers(w, "\"both.csv.gz\"", 120000);

	/* not by its name */
	DO(w, "cp one.csv.gz zipped.csv; cp plain plain.csv.gz");
	expect_numbers(w, "\"zipped.csv\"", 100000);
	expect_numbers(w, "\"plain.csv.gz\"", 100000);

	/* stored, and an empty member between two */
	DO(w, "gzip -1c rest >r; : | gzip -c >e; cat one.csv.gz e r e >odd.csv");
	expect_numbers(w, "\"odd.csv\"", 120000);
}

static void expect_damaged(const struct world *w)
{
	struct app_snapshot *s = NULL;
	struct told told;

	assert_int_equal(load(&s, w, "\"bad.csv.gz\"", NULL, &told), EINVAL);
	if (!strstr(told.text, "bad.csv.gz\": is a gzip file that is damaged"))
		fail_msg("%s", told.text);
}

/* Nothing of a file that is not whole is taken. */
static void test_gzip_damaged(void **state)
{
	const struct world *w = *state;
	char path[160];
	long size;
	FILE *f;

	write_many(w, "plain", 0, 100000, true);
	DO(w, "gzip -c plain >g");
	snprintf(path, sizeof(path), "%s/g", w->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fclose(f);

	/* within the header, the data, the checksum behind it */
	for (unsigned i = 0; i < 6; i++) {
		const long len[] = {2, 9, size / 2, size - 9, size - 8, size - 1};

		DO(w, "head -c %ld g >cut.csv.gz", len[i]);
		expect_bad(w, "\"cut.csv.gz\"", 1, "cut.csv.gz\": is a gzip file", "cut short");
	}

	DO(w, "cp g bad.csv.gz; printf x | dd of=bad.csv.gz bs=1 seek=%ld conv=notrunc 2>/dev/null",
	   size / 2);
	expect_damaged(w); /* whatever its rows have become */
	DO(w,
	   "cp g bad.csv.gz; printf 'xxxx' | dd of=bad.csv.gz bs=1 seek=%ld conv=notrunc "
	   "2>/dev/null",
	   size - 8);
	expect_bad(w, "\"bad.csv.gz\"", 1, "bad.csv.gz\": is a gzip file that is damaged", "");
	DO(w, "(cat g; echo +441632999999,pbx) >tail.csv.gz");
	expect_bad(w, "\"tail.csv.gz\"", 1, "tail.csv.gz\": is a gzip file that is damaged",
		   "something else behind its end");
	DO(w, "gzip -c g >twice.csv.gz"); /* gzip in gzip is no text */
	{
		struct app_snapshot *s = NULL;
		struct told told;

		assert_int_equal(load(&s, w, "\"twice.csv.gz\"", NULL, &told), EINVAL);
		assert_non_null(strstr(told.text, "twice.csv.gz:1: file: is a gzip file within"));
	}
}

/* ---- accounts ---- */

/* Of the configuration's own, key and place are those of its list, with what was wrong in it. */
static void test_account_twice(void **state)
{
	const struct world *w = *state;
	struct app_snapshot *s = NULL;
	struct told told;
	const char *more = "accounts = ( { nme = \"x\"; }, { name = \"a\"; }, { name = \"a\"; } );";

	world_write(w, "n.csv", "number,trunk,account\n+441,pbx,a\n");
	assert_int_equal(load(&s, w, "\"n.csv\"", more, &told), EINVAL);
	assert_non_null(strstr(told.text, "accounts[2] \"a\".name = \"a\": "));
}

static void test_account_files(void **state)
{
	const struct world *w = *state;
	const char *more = "account_files = [ \"accounts\" ]; accounts = ( { name = \"c\"; "
			   "main_number = \"+441632960003\"; } );";
	const struct sp_number_account *a;
	struct app_snapshot *s = NULL;
	struct told told;
	struct pl pl;

	DO(w, "mkdir accounts");
	world_write(w, "accounts/a.csv",
		    "account,main_number,calls,calls_per_s,calls_burst\n"
		    "a,+441632960001,5,2,4\nnever,,1,,\n");
	world_write(w, "n.csv",
		    "number,trunk,account\n+441632960001,pbx,a\n+441632960002,pbx,a\n"
		    "+441632960003,pbx,c\n+441632960004,pbx,\n");
	if (load(&s, w, "\"n.csv\"", more, &told))
		fail_msg("%s", told.text);
	pl_set_str(&pl, "+441632960002");
	a = sp_number_lookup(s->numbers, &pl, 0)->account;
	assert_string_equal(a->name, "a");
	assert_string_equal(a->main_number, "+441632960001");
	assert_true(a->limited);
	assert_int_equal(a->calls, 5);
	assert_int_equal(a->calls_per_s, 2);
	assert_int_equal(a->burst, 4);
	assert_int_equal(a->rulec, 2);
	assert_non_null(strstr(told.text, "/accounts/a.csv:3: note: account = \"never\": no number "
					  "entry has such an account\n"));
	assert_null(strstr(told.text, "\"a\""));
	mem_deref(s);

	/* a bad one is told of where it stands */
	world_write(w, "accounts/b.csv", "account,main_number\nb,0800\n");
	assert_int_equal(load(&s, w, "\"n.csv\"", more, &told), EINVAL);
	assert_non_null(strstr(told.text, "/accounts/b.csv:2: main_number = \"0800\""));
	world_write(w, "accounts/b.csv", "account,main_number\nc,\n");
	assert_int_equal(load(&s, w, "\"n.csv\"", more, &told), EINVAL);
	assert_non_null(strstr(told.text, "/accounts/b.csv:2: account = \"c\""));
	assert_non_null(strstr(told.text, "sallyport.conf:1"));
}

/* ---- what --check counts ---- */

static int check(const struct world *w, bool verbose, char **out)
{
	size_t out_len, err_len;
	char *said = NULL;
	FILE *o = open_memstream(out, &out_len), *e = open_memstream(&said, &err_len);
	int status;

	assert_non_null(o);
	assert_non_null(e);
	status = sp_app_check(w->conf, verbose, o, e);
	fclose(o);
	fclose(e);
	if (status)
		fail_msg("%s", said);
	free(said);
	return status;
}

static void test_check_counts(void **state)
{
	const struct world *w = *state;
	char *out = NULL;

	world_write(w, "n.csv",
		    "number,holes,trunk,account\n"
		    "+441632960001,,pbx,a\n+441632960002,,pbx,a\n+4416*,,pbx,b\n"
		    "+441632970000-970999,+441632970100-970199,pbx,a\n+441632960004,,pbx,\n");
	world_conf(w, &(struct variant){.files = "\"n.csv\"",
					.numbers = " ",
					.status = "accounts = ( { name = \"a\"; calls = 3; "
						  "main_number = \"+441632960001\"; } );"});
	assert_int_equal(check(w, false, &out), 0);
	if (!strstr(out, "\nnumbers: 3 exact, 1 range, 1 prefix; 903 numbers without the "
			 "prefixes; 3 entries that differ\n"
			 "account a: 3 rules; main number +441632960001; 3 calls at once\n"
			 "account b: 1 rule\n"
			 "no account: 1 rule\n"))
		fail_msg("%s", out);
	assert_non_null(strstr(out, "; 5 number rules\n"));
	free(out);
}

/* Beside the service trunks, which have their rules on their own lines. */
static void test_check_carriers(void **state)
{
	const struct world *w = *state;
	char *out = NULL;

	world_write(w, "n.csv",
		    "number,trunk,carrier\n+441,pbx,carrier-a\n+442,pbx,carrier-a\n"
		    "+443*,pbx,carrier-a\n+444,pbx,\n");
	world_conf(w, &(struct variant){.files = "\"n.csv\"", .numbers = " "});
	assert_int_equal(check(w, false, &out), 0);
	assert_non_null(strstr(out, "\ncarrier carrier-a: named by 3 rules\n"));
	assert_non_null(strstr(out, "; 4 number rules\n"));
	free(out);

	world_write(w, "n.csv", "number,trunk,carrier\n+441,pbx,\n");
	assert_int_equal(check(w, false, &out), 0);
	assert_null(strstr(out, "\ncarrier "));
	free(out);
}

/* The largest are told, and the others in one sum. */
static void test_check_accounts(void **state)
{
	const struct world *w = *state;
	char path[160], *out = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "%s/n.csv", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("number,trunk,account\n", f);
	for (unsigned a = 0; a < 30; a++) {
		for (unsigned i = 0; i <= a; i++)
			fprintf(f, "+4416329%02u%04u,pbx,a%02u\n", a, i, a);
	}
	fclose(f);
	world_conf(w, &(struct variant){.files = "\"n.csv\"", .numbers = " "});

	assert_int_equal(check(w, false, &out), 0);
	assert_non_null(strstr(out, "\naccount a29: 30 rules\naccount a28: 29 rules\n"));
	assert_non_null(strstr(out, "\naccount a10: 11 rules\n10 more accounts: 55 rules "
				    "(--verbose tells all)\n"));
	assert_null(strstr(out, "account a09"));
	assert_null(strstr(out, "no account"));
	free(out);

	assert_int_equal(check(w, true, &out), 0);
	assert_non_null(strstr(out, "\naccount a10: 11 rules\naccount a09: 10 rules\n"));
	assert_non_null(strstr(out, "\naccount a00: 1 rule\n"));
	assert_null(strstr(out, "more account"));
	free(out);
}

/* ---- giving up ---- */

static void test_stop(void **state)
{
	const struct world *w = *state;
	const atomic_bool stop = true;
	struct app_snapshot *s = NULL;
	struct sp_report *r = NULL;

	write_many(w, "n.csv", 0, 100000, true);
	world_conf(w, &(struct variant){.files = "\"n.csv\"", .numbers = " "});
	assert_int_equal(sp_report_alloc(&r), 0);
	assert_int_equal(app_snapshot_load(&s, w->conf, &stop, r), ECANCELED);
	assert_null(s);
	assert_int_equal(sp_report_mistakes(r), 0);
	mem_deref(r);
}

/* One folder with certificates serves all tests. */
static int clean(void **state)
{
	const struct world *w = *state;

	DO(w, "rm -rf d accounts g r e plain rest both *.csv *.gz");
	return 0;
}

#define T(f) cmocka_unit_test_setup(f, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_files),        T(test_no_rows),         T(test_twice),
		T(test_directory),    T(test_empty_directory), T(test_gzip),
		T(test_gzip_damaged), T(test_account_twice),   T(test_account_files),
		T(test_check_counts), T(test_check_carriers),  T(test_check_accounts),
		T(test_stop),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
