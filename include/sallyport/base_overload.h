/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/overload: how much new work to take on (in the spirit of RFC 7339 and
 * RFC 7415, with ourselves as the only source of feedback).
 *
 * Pure: it is fed with measurements and asked for each new call. Under
 * overload it lets new calls in at a rate, which it moves in small steps towards
 * what the machine can carry; so it neither collapses nor swings.
 */
#ifndef SALLYPORT_BASE_OVERLOAD_H
#define SALLYPORT_BASE_OVERLOAD_H

#include <re.h>

struct sp_overload;

/** Which calls go first. Emergency calls are never refused by this. */
enum sp_priority { SP_PRIORITY_NORMAL, SP_PRIORITY_EMERGENCY };

/** 0: that one is not looked at. */
struct sp_overload_limits {
	unsigned lag_ms, cpu_percent, memory_mb, ports_percent;
};

/** One look at the machine, every SP_OVERLOAD_MS. */
struct sp_overload_sample {
	unsigned lag_ms;        /**< the loop's worst lateness since the last sample */
	unsigned cpu_percent;   /**< of one core, since the last sample              */
	unsigned memory_mb;     /**< resident now                                    */
	unsigned ports_percent; /**< of the fullest interface                        */
};

enum { SP_OVERLOAD_MS = 100 };

struct sp_overload_state {
	bool overloaded;   /**< not everything is let in                 */
	unsigned share;    /**< of those who ask, that is, in 1/1000     */
	const char *cause; /**< "lag", "cpu", "memory", "ports"; "" none */
	uint64_t refused;  /**< calls, since the start                   */
	uint64_t times;    /**< how often it began                       */
	struct sp_overload_sample last;
};

int sp_overload_alloc(struct sp_overload **op);
void sp_overload_limits(struct sp_overload *o, const struct sp_overload_limits *l);

/** Feed a measurement. @return true when `overloaded` has changed (log it) */
bool sp_overload_sample(struct sp_overload *o, const struct sp_overload_sample *s);

/** May one more call begin? Counts what it refuses. NULL: always. */
bool sp_overload_admit(struct sp_overload *o, enum sp_priority priority);

/** Seconds for Retry-After, spread at random so that the refused do not come back at once. */
unsigned sp_overload_retry_after_s(struct sp_overload *o);

void sp_overload_state(const struct sp_overload *o, struct sp_overload_state *out);

#endif
