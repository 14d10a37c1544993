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
	mistakes = r ? sp_report_mistakes(r) : 0;
	if (mistakes) {
		sp_report_print(r, print_mistake, err);
		(void)fprintf(err, "%u mistake%s\n", mistakes, mistakes == 1 ? "" : "s");
	} else if (e) {
		(void)fprintf(err, "%s: out of memory\n", file);
	}
	mem_deref(r);

	return e;
}

/* Does s begin like this, with any digit for "0"? */
static bool is_like(const char *s, const char *shape)
{
	for (; *shape; s++, shape++) {
		const bool digit = *s >= '0' && *s <= '9';

		if (*shape == '0' ? !digit : *s != *shape)
			return false;
	}

	return true;
}

/* "Z", "+01:00": seconds that the clock there is ahead */
static bool read_zone(int *ahead, const char *s)
{
	const int sign = *s == '-' ? -1 : 1;
	int hours, minutes;

	*ahead = 0;
	if (!strcmp(s, "Z"))
		return true;
	if ((*s != '+' && *s != '-') || !is_like(s + 1, "00:00") || s[6])
		return false;

	hours = 10 * (s[1] - '0') + s[2] - '0';
	minutes = 10 * (s[4] - '0') + s[5] - '0';
	*ahead = sign * 60 * (60 * hours + minutes);

	return hours < 24 && minutes < 60;
}

/* RFC 3339 5.6, fractions are cut off */
static bool read_time(int64_t *s, const char *text)
{
	static const char shape[] = "0000-00-00T00:00:00";
	const char *rest = text + sizeof(shape) - 1;
	struct tm tm = {0};
	int day, second, ahead;

	if (!is_like(text, shape) || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return false;
	if (is_like(rest, ".0"))
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!read_zone(&ahead, rest))
		return false;

	day = tm.tm_mday;
	second = tm.tm_sec; /* 60: the first of the next minute, as POSIX counts */
	tm.tm_sec = 0;
	*s = (int64_t)timegm(&tm) + second - ahead;

	return tm.tm_mday == day; /* else there is no such day in that month */
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

static bool dials_emergency(const struct sp_conf_trunk *t, const char *number)
{
	for (size_t i = 0; i < t->emergencyc; i++) {
		if (!strcmp(t->emergencyv[i], number))
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
	if (!text || read_time(&l->q.now_s, text))
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
	else if (!lookup_json(&l, out))
		goto out;
	status = l.answer.status ? 2 : 0;

out:
	mem_deref(l.answer.message);
	mem_deref(s);

	return status;
}
