/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The number table at a carrier's scale: how fast a CSV file of ten million
 * numbers and a hundred thousand prefixes becomes a table, what a number weighs
 * in it, and what a look-up costs; and in the same run the same look-ups in a
 * plain hash table and in a plain trie. Arguments: millions of numbers (10).
 *
 * Numbers are asked for at random, so that nothing is in the cache: in a loop,
 * where the processor may begin with a look-up before it is done with another,
 * and each alone ("_alone"), which begins when the one before it is done; that
 * cannot be faster than one access to memory, which is measured too.
 */
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <re.h>
#include <sallyport/number_build.h>
#include "number_rivals.h"
#include "number_world.h"

enum { LOOKUPS = 1000000, PREFIX_PART = 100, DISTINCT_PART = 10 };

typedef const void *(lookup_h)(const void *table, const char *number);

enum kind { EXACT, PREFIX, MISS, KINDS };

/* Numbers to ask for. */
struct questions {
	char (*v[KINDS])[SP_NUMBER_SIZE];
};

struct text {
	char *p;
	size_t len, at;
};

/** The processor's time: all here is done by one thread that never waits. */
static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "bench_number_table: failed\n");
		exit(1);
	}
}

/** Bytes of memory that are in use. */
static double memory(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f;

	malloc_trim(0);
	f = fopen("/proc/self/statm", "r");
	must(f && fscanf(f, "%lu %lu", &size, &resident) == 2);
	fclose(f);

	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static struct text text_alloc(size_t rows)
{
	struct text t = {.p = malloc(rows * WORLD_ROW_MAX + WORLD_ROW_MAX)};

	must(t.p);
	t.len = (size_t)(world_text(t.p, world_header()) - t.p);

	return t;
}

/* Rows that share what they say, as a carrier's do. */
static struct text text_shared(size_t exact, size_t prefixes)
{
	struct text t = text_alloc(exact + prefixes);
	char *p = t.p + t.len;

	for (size_t i = 0; i < exact; i++)
		p = world_rest(world_exact(p, i), "", world_account(i));
	for (size_t i = 0; i < prefixes; i++) {
		p = world_prefix(p, i);
		*p++ = '*';
		p = world_rest(p, "", world_account(i));
	}
	t.len = (size_t)(p - t.p);

	return t;
}

/* Rows of which each says something of its own. */
static struct text text_distinct(size_t exact)
{
	struct text t = text_alloc(exact);
	char *p = t.p + t.len, label[16];

	for (size_t i = 0; i < exact; i++) {
		*world_digits(label, i, 8) = '\0';
		p = world_rest(world_exact(p, i), label, world_account(i));
	}
	t.len = (size_t)(p - t.p);

	return t;
}

static int on_read(char *buf, size_t size, size_t *lenp, void *arg)
{
	struct text *t = arg;

	*lenp = t->len - t->at < size ? t->len - t->at : size;
	memcpy(buf, t->p + t->at, *lenp);
	t->at += *lenp;

	return 0;
}

static struct sp_number_table *load(struct text *text, double *read_s, double *make_s)
{
	static const struct sp_number_trunk trunks[] = {{"teams", false}, {"carrier-a", true}};
	struct sp_number_build *b = NULL;
	struct sp_number_table *t = NULL;
	double begun = now_s();

	must(!sp_number_build_alloc(&b, trunks, 2, NULL, NULL));
	must(!sp_number_csv_read(b, "numbers.csv", on_read, text));
	*read_s = now_s() - begun;
	must(!sp_number_table_alloc(&t, b));
	*make_s = now_s() - begun - *read_s;
	mem_deref(b);

	return t;
}

static const void *table_lookup(const void *table, const char *number)
{
	struct pl pl;

	pl_set_str(&pl, number);

	return sp_number_lookup(table, &pl, 0);
}

static struct questions ask(const struct sp_number_table *t, size_t exact, size_t prefixes)
{
	uint64_t state = 0x5a11f0;
	struct questions q;

	for (size_t kind = 0; kind < KINDS; kind++) {
		q.v[kind] = malloc(LOOKUPS * sizeof(*q.v[kind]));
		must(q.v[kind]);
	}

	for (size_t i = 0; i < LOOKUPS; i++) {
		char *p = q.v[EXACT][i];

		*world_exact(p, world_random(&state) % exact) = '\0';
		p = q.v[PREFIX][i];
		*world_extend(p, world_prefix(p, world_random(&state) % prefixes), &state) = '\0';
		p = q.v[MISS][i];
		do { /* beside numbers that there are, and among prefixes */
			char *behind = world_text(p, i % 2 ? "+39" : "+441");

			*world_extend(p, behind, &state) = '\0';
		} while (table_lookup(t, p));
	}

	return q;
}

/** ns of one look-up; all must hit, or none. */
static double lookup_ns(lookup_h *lookup, const void *table, char (*v)[SP_NUMBER_SIZE], bool hit)
{
	size_t hits = 0;
	double begun = now_s();

	for (size_t i = 0; i < LOOKUPS; i++)
		hits += lookup(table, v[i]) != NULL;
	begun = now_s() - begun;
	must(hits == (hit ? LOOKUPS : 0));

	return begun * 1e9 / LOOKUPS;
}

/** The same of those that hit, each alone. */
static double alone_ns(lookup_h *lookup, const void *table, char (*v)[SP_NUMBER_SIZE])
{
	double begun = now_s();

	/* one step, but the processor cannot know before it has found */
	for (size_t i = 0; i < LOOKUPS; i += 1 + ((uintptr_t)lookup(table, v[i]) >> 63))
		;

	return (now_s() - begun) * 1e9 / LOOKUPS;
}

/** ns of one access to memory as large as the table of so many numbers, in huge pages. */
static double access_ns(size_t exact)
{
	const size_t c = exact * 24 / sizeof(uint64_t);
	const size_t size = c * sizeof(uint64_t);
	/* cppcheck-suppress invalidFunctionArg ; no file, so no descriptor */
	uint64_t *v = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = 0x5a11f0;
	double begun;

	must(v != MAP_FAILED);
	(void)madvise(v, size, MADV_HUGEPAGE);
	memset(v, 0, size);

	begun = now_s();
	for (size_t i = 0; i < LOOKUPS; i++)
		at = (at * UINT64_C(6364136223846793005) + 1) ^ v[(at >> 32) * c >> 32];
	begun = now_s() - begun;
	must(at != 0 && !munmap(v, size));

	return begun * 1e9 / LOOKUPS;
}

struct figures {
	double ns[KINDS];
	double alone[KINDS];
	double bytes; /**< of a number */
};

static void measure(struct figures *f, lookup_h *lookup, const void *table,
		    const struct questions *q)
{
	for (size_t kind = 0; kind < KINDS; kind++)
		f->ns[kind] = lookup_ns(lookup, table, q->v[kind], kind != MISS);
	for (size_t kind = 0; kind < MISS; kind++)
		f->alone[kind] = alone_ns(lookup, table, q->v[kind]);
}

static void print(const char *name, const struct figures *f)
{
	printf("number_%sbytes_per_number %.1f bytes\n", name, f->bytes);
	printf("number_%slookup_exact_ns %.0f ns\n", name, f->ns[EXACT]);
	printf("number_%slookup_prefix_ns %.0f ns\n", name, f->ns[PREFIX]);
	printf("number_%slookup_miss_ns %.0f ns\n", name, f->ns[MISS]);
	printf("number_%slookup_exact_alone_ns %.0f ns\n", name, f->alone[EXACT]);
	printf("number_%slookup_prefix_alone_ns %.0f ns\n", name, f->alone[PREFIX]);
}

/** Give a rival each key of the text, with a value of its account. */
static bool rival_fill(bool (*add)(void *rival, const char *key, const void *value), void *rival,
		       size_t exact, size_t prefixes)
{
	static const char values[WORLD_ACCOUNTS];
	char key[SP_NUMBER_SIZE + 1];
	bool ok = true;

	for (size_t i = 0; i < exact && ok; i++) {
		*world_exact(key, i) = '\0';
		ok = add(rival, key, values + world_account(i));
	}
	for (size_t i = 0; i < prefixes && ok; i++) {
		memcpy(world_prefix(key, i), "*", 2);
		ok = add(rival, key, values + world_account(i));
	}

	return ok;
}

static bool on_hash_add(void *rival, const char *key, const void *value)
{
	return chained_add(rival, key, value);
}

static bool on_trie_add(void *rival, const char *key, const void *value)
{
	return trie_add(rival, key, value);
}

static struct figures bench_hash(const struct questions *q, size_t exact, size_t prefixes)
{
	struct chained_rival h = {0};
	const double before = memory();
	struct figures f;

	must(rival_fill(on_hash_add, &h, exact, prefixes));
	f.bytes = (memory() - before) / (double)(exact + prefixes);
	measure(&f, chained_lookup, &h, q);
	chained_free(&h);
	print("hash_", &f);

	return f;
}

static struct figures bench_trie(const struct questions *q, size_t exact, size_t prefixes)
{
	struct trie_rival t = {0};
	const double before = memory();
	struct figures f;

	must(rival_fill(on_trie_add, &t, exact, prefixes));
	f.bytes = (memory() - before) / (double)(exact + prefixes);
	measure(&f, trie_lookup, &t, q);
	trie_free(&t);
	print("trie_", &f);

	return f;
}

static void bench_distinct(size_t exact)
{
	struct text text = text_distinct(exact);
	double read_s, make_s;

	mem_deref(load(&text, &read_s, &make_s));
	printf("number_load_distinct_per_s %.0f rows/s\n", (double)exact / (read_s + make_s));
	free(text.p);
}

static struct sp_number_table *bench_load(size_t exact, size_t prefixes, double *bytes)
{
	const double rows = (double)(exact + prefixes);
	struct text text = text_shared(exact, prefixes);
	const double before = memory();
	double read_s, make_s;
	struct sp_number_table *t = load(&text, &read_s, &make_s);

	*bytes = (memory() - before) / rows;
	printf("number_load_per_s %.0f rows/s\n", rows / (read_s + make_s));
	printf("number_load_read_ns %.0f ns\n", read_s * 1e9 / rows);
	printf("number_load_make_ns %.0f ns\n", make_s * 1e9 / rows);
	free(text.p);

	return t;
}

int main(int argc, char **argv)
{
	const size_t millions = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	const size_t exact = millions * 1000000, prefixes = exact / PREFIX_PART;
	struct figures ours, hash, trie;
	struct sp_number_table *t;
	struct questions q;
	double begun;

	must(millions && prefixes <= WORLD_PREFIXES_MAX);
	t = bench_load(exact, prefixes, &ours.bytes);
	q = ask(t, exact, prefixes);
	measure(&ours, table_lookup, t, &q);
	print("", &ours);
	printf("number_memory_access_ns %.0f ns\n", access_ns(exact));

	begun = now_s();
	mem_deref(t);
	printf("number_free_ms %.1f ms\n", (now_s() - begun) * 1e3);

	hash = bench_hash(&q, exact, prefixes);
	trie = bench_trie(&q, exact, prefixes);
	printf("number_lookup_vs_hash %.2f times\n", hash.ns[EXACT] / ours.ns[EXACT]);
	printf("number_lookup_vs_trie %.2f times\n", trie.ns[EXACT] / ours.ns[EXACT]);
	printf("number_lookup_prefix_vs_hash %.2f times\n", hash.ns[PREFIX] / ours.ns[PREFIX]);
	printf("number_lookup_prefix_vs_trie %.2f times\n", trie.ns[PREFIX] / ours.ns[PREFIX]);
	printf("number_memory_vs_hash %.2f times\n", hash.bytes / ours.bytes);
	printf("number_memory_vs_trie %.2f times\n", trie.bytes / ours.bytes);

	for (size_t kind = 0; kind < KINDS; kind++)
		free(q.v[kind]);
	bench_distinct(exact / DISTINCT_PART);

	return 0;
}
