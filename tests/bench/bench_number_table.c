/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a look-up costs and what an entry weighs in a table of a million
 * numbers, each with an account and a custom header, and a thousand prefixes
 * of five lengths.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <re.h>
#include <sallyport/number.h>

enum { NUMBERS = 1000000, PREFIXES = 1000, LOOKUPS = 2000000 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static size_t allocated(void)
{
	const struct mallinfo2 mi = mallinfo2();

	return mi.uordblks + mi.hblkhd;
}

static void must(int err)
{
	if (err)
		exit(1);
}

static struct sp_number_table *make(void)
{
	static const struct sp_number_trunk trunks[] = {{"teams", false}, {"carrier", true}};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	char number[SP_NUMBER_SIZE + 1], account[32], value[32];
	unsigned i;

	must(sp_number_build_alloc(&b, trunks, 2, NULL, NULL));
	for (i = 0; i < NUMBERS + PREFIXES; i++) {
		struct sp_number_row row = {.number = number,
					    .trunk = "teams",
					    .carrier = "carrier",
					    .account = account,
					    .headerv = {{"X-MS-TenantID", value}},
					    .headerc = 1,
					    .file = "numbers.csv",
					    .line = i + 1};

		if (i < NUMBERS)
			snprintf(number, sizeof(number), "+4416%08u", i * 10);
		else
			snprintf(number, sizeof(number), "+49%0*u*", 4 + (int)i % 5, i - NUMBERS);
		snprintf(account, sizeof(account), "account-%u", i % 5000);
		snprintf(value, sizeof(value), "tenant-%u", i % 5000);
		must(sp_number_add(b, &row));
	}
	must(sp_number_table_alloc(&t, b));
	mem_deref(b);

	return t;
}

/** ns per look-up of random numbers that fmt makes; all must hit, or none. */
static double lookup(const struct sp_number_table *t, const char *fmt, unsigned bound,
		     unsigned step, bool hit)
{
	char(*v)[SP_NUMBER_SIZE] = calloc(LOOKUPS, sizeof(*v));
	size_t hits = 0, i;
	double t0;

	must(!v);
	for (i = 0; i < LOOKUPS; i++)
		(void)re_snprintf(v[i], sizeof(v[i]), fmt, (unsigned)random() % bound * step);

	t0 = now();
	for (i = 0; i < LOOKUPS; i++) {
		const struct pl pl = {.p = v[i], .l = strlen(v[i])};

		hits += sp_number_lookup(t, &pl) != NULL;
	}
	t0 = now() - t0;
	free(v);
	must(hits != (hit ? LOOKUPS : 0));

	return t0 / (double)LOOKUPS;
}

int main(void)
{
	const size_t before = allocated();
	const double t0 = now();
	struct sp_number_table *t = make();
	const double built = now() - t0;

	printf("number_build_ns_per_entry %.0f ns\n", built / (NUMBERS + PREFIXES));
	printf("number_bytes_per_entry %.1f bytes\n",
	       (double)(allocated() - before) / (NUMBERS + PREFIXES));
	printf("number_lookup_exact_ns %.0f ns\n", lookup(t, "+4416%08u", NUMBERS, 10, true));
	/* the shortest of the five lengths: all are tried */
	printf("number_lookup_prefix_ns %.0f ns\n",
	       lookup(t, "+490%03u12345", PREFIXES / 5, 5, true));
	printf("number_lookup_miss_ns %.0f ns\n", lookup(t, "+336%08u", NUMBERS, 10, false));
	mem_deref(t);

	return 0;
}
