/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counted work. The rooms are compiled once more with a call in front of every
 * basic block, and what the C library's functions touch is counted by the byte:
 * the same input gives the same figure on every machine, however loaded it is.
 * A test doubles what an attacker sends and looks at how the figure grows.
 */
#ifndef SALLYPORT_WORK_H
#define SALLYPORT_WORK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>

enum {
	WORK_NOISE = 6000, /**< of constant costs that come and go with the size */
	WORK_TEXT_MAX = 4 << 20
};

/** Count from now on; and no longer. */
void work_on(void);
void work_off(void);

/** What was counted since the last call. */
uint64_t work_taken(void);

/** Do something of size n, counted between work_on() and work_off(). */
typedef void(work_h)(size_t n, void *arg);

/**
 * Double n from `from` up to `to`: the work must at most double with it, and a little.
 * @return the work at `to`
 */
uint64_t work_linear(const char *what, size_t from, size_t to, work_h *h, void *arg);

/**
 * One operation on a structure that holds n things: with ever more of them it must not
 * become dearer. h fills up to n and counts the operation alone.
 */
uint64_t work_constant(const char *what, size_t from, size_t to, work_h *h, void *arg);

/** A text in the making, WORK_TEXT_MAX at most. */
struct work_text {
	char *p;
	size_t n;
};

void text_begin(struct work_text *t);
void text_add(struct work_text *t, const char *fmt, ...);
/** Add piece again and again, as long as it fits, until the text is n bytes long. */
void text_fill(struct work_text *t, const char *piece, size_t n);
struct pl text_pl(const struct work_text *t);
void text_end(struct work_text *t);

#endif
