/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The health of a target.
 *
 *                 good                        bad
 *   unknown --------------> up          unknown, up --------> probing
 *   probing --------------> up          probing    --------> down (second in a row)
 *   down    --> probing --> up          any        --------> down (what admits no doubt)
 *          good        good
 *
 * Good: OPTIONS answered (soon after a call without answer that is not enough);
 * without OPTIONS, connected, and later still so. Bad: OPTIONS or a call without
 * answer, OPTIONS answered 503. Without doubt: no connection can be made, or it
 * closes at once, and there is no other.
 * What was down has to answer twice, so that one that comes and goes does not
 * get calls each time. Lost connections alone say nothing: up -> unknown.
 *
 * set_state() is the one place where the state changes, and each change but the
 * last mentioned is one line of the log. So is another cause for being down.
 */
#include "sallyport/base_log.h"
#include "trunk_priv.h"

static void set_state(struct target *tg, enum sp_target_state state, const char *why)
{
	static const char *const event[] = {[SP_TARGET_UP] = "target_up",
					    [SP_TARGET_PROBING] = "target_probing",
					    [SP_TARGET_DOWN] = "target_down"};

	const bool other = state != tg->state;
	const bool news = other || (state == SP_TARGET_DOWN && str_cmp(tg->why, why));

	str_ncpy(tg->why, state == SP_TARGET_UP ? "" : why, sizeof(tg->why));
	if (other)
		tg->since_ms = sp_loop_now_ms(tg->t->loop);
	tg->state = state;
	if (news && state != SP_TARGET_UNKNOWN)
		sp_log(state == SP_TARGET_UP ? SP_LOG_INFO : SP_LOG_WARN, event[state],
		       "trunk=%s target=%H why=%H", tg->t->name, sp_log_str, tg->label, sp_log_str,
		       why);
	if (other && state == SP_TARGET_DOWN)
		site_failed(tg->site);
}

/** Without OPTIONS nothing would ever find out that it is well again: forget. */
bool target_down(const struct target *tg)
{
	if (tg->state != SP_TARGET_DOWN)
		return false;
	return tg->t->conf->options_s || sp_loop_now_ms(tg->t->loop) - tg->bad_ms < TRUNK_DOWN_MS;
}

static void count(struct target *tg)
{
	++tg->failures;
	tg->bad_ms = sp_loop_now_ms(tg->t->loop);
}

static void well(struct target *tg, const char *why)
{
	tg->recovering = false;
	set_state(tg, SP_TARGET_UP, why);
	if (tg->t->conf->options_s) { /* it does answer */
		tg->dial_s = tg->probe_s = 0;
		pool_fill(tg, true);
	}
}

/** A sign of life. */
void health_good(struct target *tg, const char *why)
{
	tg->bad = 0;
	if (tg->state == SP_TARGET_DOWN) {
		tg->recovering = true;
		set_state(tg, SP_TARGET_PROBING, why);
	} else if (tg->state != SP_TARGET_UP && sp_loop_now_ms(tg->t->loop) >= tg->mute_ms) {
		well(tg, why);
	}
	probe_next(tg);
}

/** A sign of bad health that may have other reasons. */
void health_bad(struct target *tg, const char *why)
{
	count(tg);
	++tg->bad;
	if (tg->state == SP_TARGET_DOWN || tg->recovering || tg->bad >= TRUNK_BAD) {
		tg->recovering = false;
		set_state(tg, SP_TARGET_DOWN, why);
	} else {
		set_state(tg, SP_TARGET_PROBING, why);
	}
	probe_next(tg);
}

/**
 * A call had no answer. Who answers OPTIONS all the same would be up again at once, and keep each
 * call waiting in vain: that is believed after a while only, each time longer.
 */
void health_mute(struct target *tg)
{
	const uint64_t now_ms = sp_loop_now_ms(tg->t->loop);
	const bool again = now_ms < tg->mute_ms + 2000 * TRUNK_MUTE_MAX_S;

	tg->mute_s = tg->mute_s && again ? 2 * tg->mute_s : TRUNK_MUTE_S;
	if (tg->mute_s > TRUNK_MUTE_MAX_S)
		tg->mute_s = TRUNK_MUTE_MAX_S;
	tg->mute_ms = now_ms + 1000ULL * tg->mute_s;
	health_bad(tg, "a call was not answered");
}

/** It cannot be used, no doubt about that. */
void health_down(struct target *tg, const char *why)
{
	count(tg);
	tg->bad = TRUNK_BAD;
	tg->recovering = false;
	set_state(tg, SP_TARGET_DOWN, why);
	probe_next(tg);
}

/** Its last connection is gone, which happens to the best. */
void health_idle(struct target *tg)
{
	if (tg->state == SP_TARGET_UP)
		set_state(tg, SP_TARGET_UNKNOWN, "");
	probe_next(tg);
}

/** Without OPTIONS: it was in doubt long enough. */
void health_forget(struct target *tg)
{
	tg->bad = 0;
	tg->recovering = false;
	if (target_conn(tg))
		well(tg, "it is connected");
	else
		set_state(tg, SP_TARGET_UNKNOWN, "");
}
