/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for keys: what it gives, that it wipes what it takes back, and that no dump and
 * no child has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sallyport/base_secret.h>

enum { MANY = 5000, THREADS = 4, ROUNDS = 20000, HELD = 64 };

/* xorshift: the same in each run */
static uint32_t next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;

	return *x;
}

static bool all(const uint8_t *p, size_t n, uint8_t v)
{
	while (n && *p == v) {
		p++;
		n--;
	}

	return !n;
}

/* What lies there, as the kernel sees it: the sanitizer has no say in what was freed. */
static void peek(void *to, uintptr_t from, size_t n)
{
	const int fd = open("/proc/self/mem", O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, to, n, (off_t)from), n);
	(void)close(fd);
}

/* VmFlags of the mapping that p is in. */
static void flags_of(const void *p, char *flags, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false;
	char line[512];

	assert_non_null(f);
	*flags = '\0';
	while (fgets(line, sizeof(line), f)) {
		uintptr_t from, to;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			here = from <= (uintptr_t)p && (uintptr_t)p < to;
		else if (here && !strncmp(line, "VmFlags:", 8))
			(void)snprintf(flags, size, "%s", line);
	}
	(void)fclose(f);
}

static void test_sizes(void **state)
{
	(void)state;

	assert_null(sp_secret_alloc(0));
	assert_null(sp_secret_free(NULL));
	assert_null(sp_secret_alloc(SP_SECRET_MAX));
	assert_null(sp_secret_alloc(SIZE_MAX));
	for (size_t n = 1; n < 100000; n += 1 + n / 16) {
		uint8_t *p = sp_secret_alloc(n), *q = sp_secret_alloc(n);

		assert_non_null(p);
		assert_non_null(q);
		assert_int_equal((uintptr_t)p % SP_SECRET_ALIGN, 0);
		assert_true(all(p, n, 0) && all(q, n, 0));
		memset(p, 1, n);
		memset(q, 2, n);
		assert_true(all(p, n, 1));
		assert_null(sp_secret_free(p));
		assert_true(all(q, n, 2));
		assert_null(sp_secret_free(q));
	}
	assert_int_equal(sp_secret_count(), 0);
}

static void test_wiped(void **state)
{
	static const size_t sizes[] = {1, 30, 192, 1000, 16000, 20000};
	static uint8_t seen[20000];
	(void)state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t n = sizes[i];
		uint8_t *other = sp_secret_alloc(n), *p = sp_secret_alloc(n);
		const uintptr_t at = (uintptr_t)p;

		memset(p, 0xa5, n);
		peek(seen, at, n);
		assert_true(all(seen, n, 0xa5));
		(void)sp_secret_free(p);
		peek(seen, at, n);
		assert_true(all(seen, n, 0));
		(void)sp_secret_free(other);
	}
}

static void test_grown(void **state)
{
	uint8_t *p = sp_secret_realloc(NULL, 10), seen[10];
	uintptr_t at;
	(void)state;

	memcpy(p, "0123456789", 10);
	at = (uintptr_t)p;
	p = sp_secret_realloc(p, 30); /* there is room */
	assert_int_equal((uintptr_t)p, at);
	p = sp_secret_realloc(p, 50000);
	assert_memory_equal(p, "0123456789", 10);
	peek(seen, at, sizeof(seen));
	assert_true(all(seen, sizeof(seen), 0));
	p[49999] = 1;
	p = sp_secret_realloc(p, 10);
	assert_memory_equal(p, "0123456789", 10);
	assert_null(sp_secret_realloc(p, SP_SECRET_MAX)); /* then it is as it was */
	assert_memory_equal(p, "0123456789", 10);
	assert_null(sp_secret_realloc(p, 0));
	assert_int_equal(sp_secret_count(), 0);
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t all_pages, pages;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%zu %zu", &all_pages, &pages), 2);
	(void)fclose(f);

	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_given_back(void **state)
{
	enum { BLOCK = 4000, BLOCKS = 10000 };
	static void *v[BLOCKS];
	const size_t before = resident();
	(void)state;

	for (size_t i = 0; i < BLOCKS; i++) {
		v[i] = sp_secret_alloc(BLOCK);
		assert_non_null(v[i]);
		memset(v[i], 1, BLOCK);
	}
	assert_true(resident() > before + BLOCKS * BLOCK / 2);
	for (size_t i = 0; i < BLOCKS; i++)
		v[i] = sp_secret_free(v[i]);
	assert_true(resident() < before + BLOCKS * BLOCK / 4);
}

struct held {
	uint8_t *p;
	size_t n;
	uint8_t with;
};

static void held_check(const struct held *h)
{
	if (!all(h->p, h->n, h->with))
		abort();
}

static void held_change(struct held *h, uint32_t *x)
{
	const uint32_t what = next(x);
	const size_t n = 1 + next(x) % (what % 16 ? 600 : 40000);

	if (h->p)
		held_check(h);
	if (h->p && what & 64) {
		h->p = sp_secret_realloc(h->p, n);
		h->n = h->n < n ? h->n : n;
		held_check(h);
	} else if (h->p) {
		h->p = sp_secret_free(h->p);
		return;
	} else {
		h->p = sp_secret_alloc(n);
		if (!all(h->p, n, 0))
			abort();
	}
	h->n = n;
	h->with = (uint8_t)what;
	memset(h->p, h->with, h->n);
}

static void *churn(void *arg)
{
	struct held v[HELD] = {{NULL, 0, 0}};
	uint32_t x = *(uint32_t *)arg;

	for (size_t i = 0; i < ROUNDS; i++)
		held_change(&v[next(&x) % HELD], &x);
	for (size_t i = 0; i < HELD; i++)
		(void)sp_secret_free(v[i].p);

	return NULL;
}

static void test_threads(void **state)
{
	uint32_t seed[THREADS];
	pthread_t t[THREADS];
	(void)state;

	for (uint32_t i = 0; i < THREADS; i++) {
		seed[i] = 1 + i;
		assert_int_equal(pthread_create(&t[i], NULL, churn, &seed[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(sp_secret_count(), 0);
}

/* ---- misuse ends the process ---- */

static void free_once(void)
{
	(void)sp_secret_free(sp_secret_alloc(100));
}

static void free_twice(void)
{
	void *other = sp_secret_alloc(100), *p = sp_secret_alloc(100);

	(void)sp_secret_free(p);
	(void)sp_secret_free(p);
	(void)sp_secret_free(other);
}

static void free_inside(void)
{
	(void)sp_secret_free((uint8_t *)sp_secret_alloc(100) + 32);
}

static void free_inside_large(void)
{
	(void)sp_secret_free((uint8_t *)sp_secret_alloc(100000) + 32);
}

static int child(void (*fn)(void))
{
	int status = 0;
	const pid_t pid = fork();

	if (!pid) {
		const struct rlimit none = {0, 0};

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- dumps and children ---- */

static uint8_t *shown;

static void look_at_it(void)
{
	_exit(all(shown, 4000, 0) ? 7 : all(shown, 4000, 0x77) ? 8 : 9);
}

static void test_child_has_none(void **state)
{
	(void)state;

	shown = sp_secret_alloc(4000);
	memset(shown, 0x77, 4000);
	assert_int_equal(child(look_at_it), 7);
	assert_true(all(shown, 4000, 0x77));
	shown = sp_secret_free(shown);
}

static void test_no_dump(void **state)
{
	static const size_t sizes[] = {1, 192, 20000, 100000};
	char flags[512];
	void *usual;
	(void)state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p = sp_secret_alloc(sizes[i]);

		flags_of(p, flags, sizeof(flags));
		assert_non_null(strstr(flags, " dd"));
		flags_of(p + sizes[i] - 1, flags, sizeof(flags));
		assert_non_null(strstr(flags, " dd"));
		(void)sp_secret_free(p);
	}

	usual = malloc(1 << 20); /* so one can see */
	flags_of(usual, flags, sizeof(flags));
	assert_true(*flags && !strstr(flags, " dd"));
	free(usual);
}

/* The first of all: a child has nothing of what its parent has allocated. */
static void test_misuse(void **state)
{
	(void)state;

	assert_int_equal(child(free_once), 0);
	assert_int_equal(child(free_twice), -SIGABRT);
	assert_int_equal(child(free_inside), -SIGABRT);
	assert_int_equal(child(free_inside_large), -SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_misuse),         cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_wiped),          cmocka_unit_test(test_grown),
		cmocka_unit_test(test_given_back),     cmocka_unit_test(test_threads),
		cmocka_unit_test(test_child_has_none), cmocka_unit_test(test_no_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
