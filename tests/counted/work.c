/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The counters, and functions of the C library that count. They stand in the
 * program and so before the library's own: libre's calls come here, too. Those
 * are as plain as can be, and touch what a good implementation would touch.
 * Compiled without what would turn their loops into calls of themselves.
 */
#include <dlfcn.h>
#include <strings.h>
#include "work.h"

static uint64_t steps;
static bool counting;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	steps += counting;
}

static void count(size_t n)
{
	if (counting)
		steps += 1 + n;
}

void work_on(void)
{
	counting = true;
}

void work_off(void)
{
	counting = false;
}

uint64_t work_taken(void)
{
	const uint64_t taken = steps;

	steps = 0;
	return taken;
}

/* ---- the C library's ---- */

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *d = dst;
	const char *s = src;

	count(n);
	for (size_t i = 0; i < n; i++)
		d[i] = s[i];

	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	count(n);
	if (d < s) {
		for (size_t i = 0; i < n; i++)
			d[i] = s[i];
	} else {
		for (size_t i = n; i > 0; i--)
			d[i - 1] = s[i - 1];
	}

	return dst;
}

void *memset(void *p, int c, size_t n)
{
	char *d = p;

	count(n);
	for (size_t i = 0; i < n; i++)
		d[i] = (char)c;

	return p;
}

void explicit_bzero(void *p, size_t n)
{
	volatile char *d = p;

	count(n);
	for (size_t i = 0; i < n; i++)
		d[i] = 0;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	size_t i = 0;

	while (i < n && x[i] == y[i])
		++i;
	count(i);

	return i < n ? x[i] - y[i] : 0;
}

void *memchr(const void *p, int c, size_t n)
{
	const unsigned char *s = p;
	size_t i = 0;

	while (i < n && s[i] != (unsigned char)c)
		++i;
	count(i);

	return i < n ? (void *)(uintptr_t)(s + i) : NULL;
}

void *memrchr(const void *p, int c, size_t n)
{
	const unsigned char *s = p;
	size_t i = n;

	while (i && s[i - 1] != (unsigned char)c)
		--i;
	count(n - i);

	return i ? (void *)(uintptr_t)(s + i - 1) : NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		++n;
	count(n);

	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		++n;
	count(n);

	return n;
}

char *strchr(const char *s, int c)
{
	size_t n = 0;

	while (s[n] && s[n] != (char)c)
		++n;
	count(n);

	return s[n] == (char)c ? (char *)(uintptr_t)(s + n) : NULL;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;
	size_t n = 0;

	do {
		if (s[n] == (char)c)
			found = s + n;
	} while (s[n++]);
	count(n);

	return (char *)(uintptr_t)found;
}

int strncmp(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] && a[i] == b[i])
		++i;
	count(i);

	return i < n ? (unsigned char)a[i] - (unsigned char)b[i] : 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : (unsigned char)c;
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] && lower(a[i]) == lower(b[i]))
		++i;
	count(i);

	return i < n ? lower(a[i]) - lower(b[i]) : 0;
}

int strcasecmp(const char *a, const char *b)
{
	return strncasecmp(a, b, SIZE_MAX);
}

static size_t span(const char *s, const char *set, bool in)
{
	size_t n = 0;

	for (; s[n]; n++) {
		size_t k = 0;

		while (set[k] && set[k] != s[n])
			++k;
		if (!set[k] == in)
			break;
	}
	count(n);

	return n;
}

size_t strspn(const char *s, const char *set)
{
	return span(s, set, true);
}

size_t strcspn(const char *s, const char *set)
{
	return span(s, set, false);
}

char *strpbrk(const char *s, const char *set)
{
	const size_t n = span(s, set, false);

	return s[n] ? (char *)(uintptr_t)(s + n) : NULL;
}

/* ---- what is called through, and costs something inside ---- */

#define REAL(name)                                                                                 \
	static __typeof__(&name) real;                                                             \
	if (!real)                                                                                 \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

/* May move all: whoever grows by little pieces pays for each. */
void *mem_realloc(void *data, size_t size)
{
	REAL(mem_realloc);
	count(size);

	return real(data, size);
}

void *mem_reallocarray(void *ptr, size_t nmemb, size_t membsize, mem_destroy_h *dh)
{
	REAL(mem_reallocarray);
	count(nmemb * membsize);

	return real(ptr, nmemb, membsize, dh);
}

/* glibc's is linear in both, whatever they are. */
void *memmem(const void *p, size_t n, const void *what, size_t len)
{
	const char *found;

	REAL(memmem);
	found = real(p, n, what, len);
	if (len <= n)
		count(len + (found ? (size_t)(found - (const char *)p) : n));

	return (void *)(uintptr_t)found;
}

char *strstr(const char *s, const char *what)
{
	return memmem(s, strlen(s), what, strlen(what));
}

/* The comparisons count themselves. */
void qsort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	REAL(qsort);
	count(n * size);
	real(v, n, size, cmp);
}

uint32_t list_count(const struct list *list)
{
	uint32_t n;

	REAL(list_count);
	n = real(list);
	count(n);

	return n;
}

const char *pl_strchr(const struct pl *pl, char c)
{
	const char *found;

	REAL(pl_strchr);
	found = real(pl, c);
	count(pl ? found ? (size_t)(found - pl->p) : pl->l : 0);

	return found;
}

int pl_casecmp(const struct pl *a, const struct pl *b)
{
	REAL(pl_casecmp);
	count(a && b && a->l == b->l ? a->l : 0);

	return real(a, b);
}

int pl_cmp(const struct pl *a, const struct pl *b)
{
	REAL(pl_cmp);
	count(a && b && a->l == b->l ? a->l : 0);

	return real(a, b);
}

/* libre's own callers jump past those above. */
int pl_strcasecmp(const struct pl *pl, const char *s)
{
	struct pl b;

	pl_set_str(&b, s);

	return pl_casecmp(pl, &b);
}

int pl_strcmp(const struct pl *pl, const char *s)
{
	struct pl b;

	pl_set_str(&b, s);

	return pl_cmp(pl, &b);
}

int re_regex(const char *p, size_t n, const char *expr, ...)
{
	(void)p;
	(void)n;
	(void)expr;
	fail_msg("re_regex() is not to be used: its cost is its expression's");

	return EINVAL;
}

/* ---- growth ---- */

uint64_t work_linear(const char *what, size_t from, size_t to, work_h *h, void *arg)
{
	uint64_t last = 0, now = 0;

	for (size_t n = from; n <= to; n *= 2, last = now) {
		(void)work_taken();
		h(n, arg);
		now = work_taken();
		if (!now)
			fail_msg("%s: nothing was counted", what);
		if (last && now > last * 23 / 10 + WORK_NOISE)
			fail_msg("%s: %zu take %llu, but half of them %llu", what, n,
				 (unsigned long long)now, (unsigned long long)last);
	}
	print_message("work %s %zu %llu\n", what, to, (unsigned long long)now);

	return now;
}

uint64_t work_constant(const char *what, size_t from, size_t to, work_h *h, void *arg)
{
	uint64_t first = 0, now = 0;

	for (size_t n = from; n <= to; n *= 2) {
		(void)work_taken();
		h(n, arg);
		now = work_taken();
		if (!now)
			fail_msg("%s: nothing was counted", what);
		if (!first)
			first = now;
		if (now > first * 3 / 2 + WORK_NOISE)
			fail_msg("%s: beside %zu it takes %llu, beside %zu %llu", what, n,
				 (unsigned long long)now, from, (unsigned long long)first);
	}
	print_message("work %s beside %zu %llu\n", what, to, (unsigned long long)now);

	return now;
}

/* ---- texts ---- */

void text_begin(struct work_text *t)
{
	t->p = malloc(WORK_TEXT_MAX + 1);
	assert_non_null(t->p);
	t->n = 0;
	t->p[0] = '\0';
}

void text_add(struct work_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = re_vsnprintf(t->p + t->n, WORK_TEXT_MAX - t->n, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	t->n += (size_t)n;
}

void text_fill(struct work_text *t, const char *piece, size_t n)
{
	const size_t len = strlen(piece);

	assert_true(n <= WORK_TEXT_MAX);
	while (t->n + len <= n) {
		memcpy(t->p + t->n, piece, len);
		t->n += len;
	}
	t->p[t->n] = '\0';
}

struct pl text_pl(const struct work_text *t)
{
	return (struct pl){t->p, t->n};
}

void text_end(struct work_text *t)
{
	free(t->p);
	t->p = NULL;
}
