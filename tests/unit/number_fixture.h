/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of number/ share: trunks, and an error handler that keeps what
 * it was told.
 */
#ifndef SALLYPORT_TESTS_NUMBER_FIXTURE_H
#define SALLYPORT_TESTS_NUMBER_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <re.h>
#include <sallyport/number_build.h>

enum { FIXTURE_REPORTS = 256, FIXTURE_NOW = 1790000000 };

struct report {
	char file[64];
	unsigned line;
	char key[80];
	char value[1100];
	char mend[8192];
};

struct reports {
	size_t n;
	struct report v[FIXTURE_REPORTS];
};

static const struct sp_number_trunk fixture_trunks[] = {
	{"teams", false}, {"carrier-a", true}, {"zoom", false}, {"carrier-b", true}, {"pbx", false},
};

enum { TEAMS, CARRIER_A, ZOOM, CARRIER_B, PBX, FIXTURE_TRUNKS };

static inline void fixture_report(const char *file, unsigned line, const char *key,
				  const char *value, const char *mend, void *arg)
{
	struct reports *r = arg;
	struct report *e = &r->v[r->n < FIXTURE_REPORTS ? r->n : FIXTURE_REPORTS - 1];

	snprintf(e->file, sizeof(e->file), "%s", file);
	e->line = line;
	snprintf(e->key, sizeof(e->key), "%s", key);
	snprintf(e->value, sizeof(e->value), "%s", value ? value : "(none)");
	snprintf(e->mend, sizeof(e->mend), "%s", mend);
	++r->n;
}

static inline struct sp_number_build *fixture_build(struct reports *r)
{
	struct sp_number_build *b = NULL;

	r->n = 0;
	if (sp_number_build_alloc(&b, fixture_trunks, FIXTURE_TRUNKS, fixture_report, r))
		return NULL;

	return b;
}

static inline const struct sp_number_entry *fixture_lookup(const struct sp_number_table *t,
							   const char *number)
{
	struct pl pl;

	pl_set_str(&pl, number);

	return sp_number_lookup(t, &pl, FIXTURE_NOW);
}

/* What a text is read from. */
struct fixture_text {
	const char *p;
	size_t len;
};

static inline int fixture_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct fixture_text *text = arg;

	*lenp = text->len < size ? text->len : size;
	memcpy(buf, text->p, *lenp);
	text->p += *lenp;
	text->len -= *lenp;

	return 0;
}

/** A CSV file of numbers. */
static inline int fixture_csv(struct sp_number_build *b, const char *file, const char *text,
			      size_t len)
{
	struct fixture_text all = {.p = text, .len = len};

	return sp_number_csv_read(b, file, fixture_read, &all);
}

/** The line of the rule that decides at a time; 0: none does. */
static inline unsigned fixture_line_at(const struct sp_number_table *t, const char *number,
				       int64_t now_s)
{
	struct sp_number_rule rule;
	struct pl pl;

	pl_set_str(&pl, number);

	return sp_number_find(&rule, t, &pl, now_s) ? rule.line : 0;
}

static inline unsigned fixture_line(const struct sp_number_table *t, const char *number)
{
	return fixture_line_at(t, number, FIXTURE_NOW);
}

/** A row with one trunk and no more. */
static inline struct sp_number_row fixture_row(const char *number, const char *trunk, unsigned line)
{
	return (struct sp_number_row){.number = number,
				      .trunkv = {trunk},
				      .trunkc = 1,
				      .file = "numbers.csv",
				      .line = line};
}

static inline int fixture_add(struct sp_number_build *b, const char *number, const char *trunk,
			      unsigned line)
{
	const struct sp_number_row row = fixture_row(number, trunk, line);

	return sp_number_add(b, &row);
}

/** The same, from one second until before another. */
static inline int fixture_add_dated(struct sp_number_build *b, const char *number, const char *from,
				    const char *to, unsigned line)
{
	struct sp_number_row row = fixture_row(number, "teams", line);

	row.enabled_from = from;
	row.enabled_to = to;

	return sp_number_add(b, &row);
}

#endif
