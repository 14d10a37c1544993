/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --lookup: what would become of a call. The snapshot that a start would make
 * is asked through the code that calls use; nothing of it runs. Whoever asks
 * sits at the machine: numbers are shown in full.
 */
#include <string.h>
#include <time.h>

#include "lookup_priv.h"
#include "sallyport/number_build.h"

static void print_mistake(bool mistake, const char *line, void *arg)
{
	if (mistake)
		(void)fprintf(arg, "%s\n", line);
}

/** @return 0 with *sp; else it was told why not */
static int load(struct app_snapshot **sp, const char *file, FILE *err)
{
	struct sp_report *r = NULL;
	unsigned mistakes;
	int e = sp_report_alloc(&r);

	if (!e)
		e = app_snapshot_alloc(sp, file, r);
	mistakes = sp_report_mistakes(r);
	if (mistakes) {
		sp_report_print(r, print_mistake, err);
		(void)fprintf(err, "%u mistake%s\n", mistakes, mistakes == 1 ? "" : "s");
	} else if (e) {
		(void)fprintf(err, "%s: out of memory\n", file);
	}
	mem_deref(r);

	return e;
}

/* The calling number's entry: of the rule in force, else of the strongest. */
struct own {
	int64_t now_s;
	const struct sp_number_entry *entry;
	bool held;
};

static void find_own(const struct sp_number_rule *rule, void *arg)
{
	const bool holds = lookup_times(rule->entry, ((struct own *)arg)->now_s) == LOOKUP_DECIDES;
	struct own *own = arg;

	if (!own->entry || (holds && !own->held))
		own->entry = rule->entry;
	own->held |= holds;
}

/* @return index of the first service trunk that has the calling number, or -1 */
static int trunk_of_caller(const struct lookup *l)
{
	struct own own = {.now_s = l->q.now_s};
	char e164[SP_NUMBER_SIZE];
	struct pl number;

	if (!l->q.caller)
		return -1;
	pl_set_str(&number, l->q.caller);
	if (sp_number_normalise(e164, &number))
		return -1;
	pl_set_str(&number, e164);
	(void)sp_number_covering(l->numbers, &number, find_own, &own);

	return own.entry ? (int)own.entry->trunkv[0] : -1;
}

/* As calls have it: also with a "+" that the list leaves out. */
static bool dials_emergency(const struct sp_conf_trunk *t, const char *number)
{
	for (size_t i = 0; i < t->emergencyc; i++) {
		if (!strcmp(t->emergencyv[i], number) ||
		    (*number == '+' && !strcmp(t->emergencyv[i], number + 1)))
			return true;
	}

	return false;
}

/* @return index of the first trunk that this is true of, or -1 */
static int first_trunk(const struct sp_conf *conf, enum sp_conf_kind kind, const char *emergency)
{
	for (size_t i = 0; i < conf->trunkc; i++) {
		const struct sp_conf_trunk *t = &conf->trunkv[i];

		if (t->kind == kind && (!emergency || dials_emergency(t, emergency)))
			return (int)i;
	}

	return -1;
}

static int named_trunk(const struct sp_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->trunkc; i++) {
		if (!strcmp(conf->trunkv[i].name, name))
			return (int)i;
	}

	return -1;
}

/** Which trunk the call comes from. @return false: none, which was told */
static bool choose_trunk(struct lookup *l, const char *name, FILE *err)
{
	int i;

	if (name) {
		i = named_trunk(l->conf, name);
		l->why = "as asked";
		if (i < 0)
			(void)fprintf(err, "%s: no such trunk\n", name);
	} else if ((i = trunk_of_caller(l)) >= 0) {
		l->why = "the calling number is its own";
	} else if ((i = first_trunk(l->conf, SP_TRUNK_SERVICE, l->q.called)) >= 0) {
		l->why = "this is one of its emergency numbers";
	} else {
		i = first_trunk(l->conf, SP_TRUNK_CARRIER, NULL);
		l->why = "the first carrier trunk, as --trunk is not given";
		if (i < 0)
			(void)fprintf(err, "there is no carrier trunk: ask with --trunk\n");
	}
	l->q.trunk = i < 0 ? 0 : (unsigned)i;

	return i >= 0;
}

/** @return false: no such time, which was told */
static bool choose_time(struct lookup *l, const char *text, FILE *err)
{
	l->q.now_s = time(NULL);
	if (!text || sp_number_time(&l->q.now_s, text))
		return true;
	(void)fprintf(err, "%s: write the time with its zone: 2026-12-01T00:00:00Z\n", text);

	return false;
}

int sp_app_lookup(const char *file, const struct sp_app_question *q, FILE *out, FILE *err)
{
	struct lookup l = {.q = {.called = q->number, .caller = q->caller}};
	struct app_snapshot *s = NULL;
	int e, status = 1;

	/* before what may take seconds */
	if (!choose_time(&l, q->time, err) || load(&s, file, err))
		return 1;
	l.conf = s->conf;
	l.numbers = s->numbers;
	if (!choose_trunk(&l, q->trunk, err))
		goto out;

	e = sp_call_lookup(&l.answer, l.conf, l.numbers, &l.q);
	if (e == EINVAL)
		(void)fprintf(err, "%s%s%s: no SIP message can have these numbers\n", q->number,
			      q->caller ? ", " : "", q->caller ? q->caller : "");
	else if (e)
		(void)fprintf(err, "%s: out of memory\n", file);
	if (e)
		goto out;

	if (!q->json)
		lookup_text(&l, out);
	else
		e = lookup_json(&l, out);
	if (e == ENOMEM)
		(void)fprintf(err, "%s: out of memory\n", file);
	if (e)
		goto out;
	status = l.answer.status ? 2 : 0;

out:
	mem_deref(l.answer.message);
	mem_deref(s);

	return status;
}
