/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a CSV file. Whatever the reader accepts must be in the table as
 * it stands: found by its own number, with headers that may be injected. And
 * what comes of a file must not depend on where it is cut when it is read: it is
 * read whole, and once more in slices.
 */
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "../../src/number/number_priv.h"

enum { LOOKUPS = 512 };

struct source {
	const char *text;
	size_t len, at;
	bool sliced; /* each slice as long as its first byte says */
};

struct told {
	size_t n;
	uint64_t sum; /* of all that was told */
};

static uint64_t add(uint64_t sum, const char *s)
{
	for (; *s; s++)
		sum = (sum ^ (unsigned char)*s) * 0x100000001b3;

	return sum * 31;
}

static void report(const char *file, unsigned line, const char *key, const char *value,
		   const char *mend, void *arg)
{
	struct told *told = arg;

	if (!file || !line || !key[0] || !mend[0])
		abort();
	told->sum = (told->sum ^ line) * 0x100000001b3;
	told->sum = add(add(add(told->sum, key), value ? value : "\n"), mend);
	++told->n;
}

static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct source *s = arg;
	size_t n = s->len - s->at;

	if (s->sliced && n && n > (unsigned char)s->text[s->at] % 16u + 1)
		n = (unsigned char)s->text[s->at] % 16u + 1;
	if (n > size)
		n = size;
	if (n)
		memcpy(buf, s->text + s->at, n);
	s->at += n;
	*lenp = n;

	return 0;
}

static struct sp_number_table *load(struct source *s, struct told *told)
{
	static const struct sp_number_trunk trunks[] = {{"a", false}, {"c", true}, {"bb", false}};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	int err;

	if (sp_number_build_alloc(&b, trunks, 3, report, told))
		abort();

	err = sp_number_csv_read(b, "f", on_read, s);
	if (!err != !told->n || (err && err != EINVAL))
		abort();
	err = sp_number_table_alloc(&t, b);
	if (!err != !told->n || !err != !!t)
		abort();
	mem_deref(b);

	return t;
}

static void check_entry(const struct sp_number_entry *e)
{
	if (!e->account || !e->label || !e->trunkc || e->trunkc > SP_NUMBER_ROUTES_MAX ||
	    e->carrierc > SP_NUMBER_ROUTES_MAX || !e->carrierc != !e->carrierv)
		abort();
	for (size_t i = 0; i < e->headerc; i++) {
		if (number_header_bad(e->headerv[i].name, e->headerv[i].value))
			abort();
	}
}

/* The number must lead to the same in both tables. */
static void check_number(const struct sp_number_table *t, const struct sp_number_table *other,
			 const struct pl *number)
{
	struct sp_number_rule rule, same;
	const bool found = sp_number_find(&rule, t, number, 0);

	if (sp_number_find(&same, other, number, 0) != found)
		abort();
	if (!found)
		return;

	check_entry(rule.entry);
	if (rule.kind == SP_NUMBER_EXACT &&
	    (strlen(rule.first) != number->l || memcmp(rule.first, number->p, number->l)))
		abort();
	if (rule.kind == SP_NUMBER_PREFIX && memcmp(rule.first, number->p, strlen(rule.first)))
		abort();
	if (rule.kind != same.kind || strcmp(rule.first, same.first) ||
	    strcmp(rule.last, same.last) || rule.line != same.line ||
	    strcmp(rule.entry->account->name, same.entry->account->name) ||
	    strcmp(rule.entry->label, same.entry->label) ||
	    rule.entry->headerc != same.entry->headerc || rule.entry->from_s != same.entry->from_s)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct source whole = {.text = text, .len = size};
	struct source sliced = {.text = text, .len = size, .sliced = true};
	struct told told = {0}, again = {0};
	struct sp_number_table *t = load(&whole, &told);
	struct sp_number_table *other = load(&sliced, &again);

	if (told.n != again.n || told.sum != again.sum || !t != !other)
		abort();

	for (size_t i = 0; t && i < size && i < LOOKUPS; i++) {
		const size_t left = size - i;

		for (size_t len = 5; len <= 13; len += 4) {
			const struct pl pl = {.p = text + i, .l = left < len ? left : len};

			check_number(t, other, &pl);
		}
	}

	mem_deref(t);
	mem_deref(other);

	return 0;
}
