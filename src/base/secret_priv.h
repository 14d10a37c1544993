/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the sanitizers are told of memory that malloc(3) knows nothing of: which of it is
 * not to be touched, and that pointers are in it.
 */
#ifndef SALLYPORT_SECRET_PRIV_H
#define SALLYPORT_SECRET_PRIV_H

#include <stddef.h>

#ifdef SALLYPORT_SANITIZE
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>

static inline void secret_poison(void *p, size_t n)
{
	__asan_poison_memory_region(p, n);
}

static inline void secret_unpoison(void *p, size_t n)
{
	__asan_unpoison_memory_region(p, n);
}

static inline void secret_root(void *p, size_t n)
{
	__lsan_register_root_region(p, n);
}

static inline void secret_unroot(void *p, size_t n)
{
	__lsan_unregister_root_region(p, n);
}
#else
static inline void secret_poison(void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline void secret_unpoison(void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline void secret_root(void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline void secret_unroot(void *p, size_t n)
{
	(void)p;
	(void)n;
}
#endif

#endif
