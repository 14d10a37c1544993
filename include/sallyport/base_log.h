/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/log: one line per event, "event key=value key=value", to stderr.
 *
 * Under journald (JOURNAL_STREAM) a line begins with "<priority>"; elsewhere
 * with the time and the level. Control characters never reach the output, so
 * a peer's bytes cannot forge a line. Subscriber numbers go through
 * sp_log_number(), which masks their last digits unless told otherwise.
 *
 * While the loop runs, writing never waits for whoever reads stderr, nor for
 * room on a disk: up to 1 MiB of lines waits, and what is more is lost, counted,
 * and told of in one line ("log_lost") when it goes again.
 *
 * The level, the sink and those lines are the log's own process-wide state; no other room
 * keeps any.
 */
#ifndef SALLYPORT_BASE_LOG_H
#define SALLYPORT_BASE_LOG_H

#include <re.h>

enum sp_log_level { SP_LOG_ERROR, SP_LOG_WARN, SP_LOG_INFO, SP_LOG_DEBUG };

/** Gets each line, "event key=value", without time, level and newline; tests listen with it. */
typedef void(sp_log_sink_h)(enum sp_log_level level, const char *line, void *arg);

/** Set the lowest level written, and whether subscriber numbers stand in full. */
void sp_log_setup(enum sp_log_level level, bool full_numbers);

/** Send lines to h instead of stderr; NULL restores stderr. */
void sp_log_sink(sp_log_sink_h *h, void *arg);

/**
 * Write one event. fmt is libre's (re_printf): %s, %u, %r (struct pl *), %J
 * (struct sa *), %H (handler, argument). Lines are cut at 2,048 bytes.
 * @param event word for the event, as documented in docs/log.md
 */
void sp_log(enum sp_log_level level, const char *event, const char *fmt, ...);

/** Lines that were lost since the start, because nobody read them or there was no room. */
uint64_t sp_log_lost(void);

/** %H handler, arg const struct pl *: the value, quoted and escaped where it needs to be. */
int sp_log_quote(struct re_printf *pf, const struct pl *v);

/** %H handler, arg const char *: the same for a string. NULL prints "-". */
int sp_log_str(struct re_printf *pf, const char *s);

/** %H handler, arg const struct pl *: a subscriber number, last 4 characters as "*". */
int sp_log_number(struct re_printf *pf, const struct pl *number);

/** The names of levels as the configuration writes them: "error", "warn", "info", "debug". */
const char *sp_log_level_name(enum sp_log_level level);

#endif
