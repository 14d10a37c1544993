/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fixtures of the unit tests for fuzzers: what cmocka would report ends the
 * process, as libFuzzer wants it. To be included before any of them.
 */
#ifndef FUZZ_ASSERT_H
#define FUZZ_ASSERT_H

#define CMOCKA_H_ /* <cmocka.h> is empty from now on */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static inline void must_failed(const char *what, int line)
{
	(void)fprintf(stderr, "not so, line %d: %s\n", line, what);
	abort();
}

#define must(x) ((x) ? (void)0 : must_failed(#x, __LINE__))

#define assert_true(x) must(x)
#define assert_false(x) must(!(x))
#define assert_null(p) must(!(p))
#define assert_non_null(p) must((p) != NULL)
#define assert_int_equal(a, b) must((a) == (b))
#define assert_string_equal(a, b) must(!strcmp(a, b))
#define assert_ptr_equal(a, b) must((a) == (b))
#define print_message(...) (void)fprintf(stderr, __VA_ARGS__)
#define fail_msg(...) (print_message(__VA_ARGS__), abort())

#endif
