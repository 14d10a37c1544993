/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the loop, its timers and the log share.
 */
#ifndef SALLYPORT_BASE_PRIV_H
#define SALLYPORT_BASE_PRIV_H

#include <sallyport/base_loop.h>

#define BASE_NEVER UINT64_MAX

/** The timers of one loop: a pairing heap, earliest (due, order) at the root. */
struct base_timers {
	struct sp_timer *root;
	size_t count;
	uint64_t order;    /**< order of the next timer started       */
	uint64_t armed_ms; /**< when fd wakes the loop, or BASE_NEVER */
	int fd;            /**< timerfd, -1 on a fake loop            */
	bool firing;
};

/** One thing to be rid of: a descriptor (obj NULL) or an object. */
struct base_doomed {
	int fd;
	void *obj;
};

struct base_doomlist {
	struct base_doomed *v;
	size_t n, size;
};

struct sp_loop {
	struct base_timers timers;
	struct base_doomlist fresh; /**< handed over since the last end of a turn  */
	struct base_doomlist ripe;  /**< no event of the running turn can reach it */
	struct base_doomlist spare; /**< empty: the next fresh one                 */
	bool fake;
	bool started;     /**< libre is up                                    */
	bool stop;        /**< sp_loop_stop() was called                      */
	bool woken;       /**< wake_fd is readable: a turn's end is on its way */
	uint64_t now_ms;  /**< fake loops: the clock                          */
	int64_t wall_s;   /**< fake loops: the wall clock when that one stood... */
	uint64_t wall_ms; /**< ...at this                                    */
	int wake_fd;
	int signal_fd;
	sp_signal_h *signalh;
	void *signal_arg;
};

/* timer.c */
int base_timers_open(struct base_timers *tms);
void base_timers_idle(struct base_timers *tms);
void base_timers_ready(int flags, void *arg);
bool base_timers_fire_one(struct base_timers *tms, uint64_t until_ms, uint64_t *now_ms);

/* log_out.c */
void base_log_probe(void);
void base_log_out(const char *line, size_t n, bool debug);
void base_log_loop(struct sp_loop *loop);

#endif
