/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many new calls are let in, moved by what the machine shows.
 *
 * The loop's lag and the CPU answer at once to how many calls come in, so they
 * steer a rate (RFC 7415): it begins at what was just being carried, goes down
 * by how far a limit is passed and up by how much room there is, in bounded
 * steps, and comes to rest where the nearer limit is just met (the occupancy
 * algorithm that RFC 7339 stands on). A rate, and no share of what is asked
 * for: when a backlog comes in all at once, as many calls are carried as
 * before, and all others are refused. Memory and ports are held for as long as
 * calls last: beyond their limits nothing is let in until some room has come
 * back.
 *
 * It begins only when most of several samples are beyond a limit (a reload may
 * hold the loop up once), and ends only when nobody was refused for a while.
 */
#include <re.h>
#include <sallyport/base_overload.h>
#include <sallyport/base_util.h>

enum {
	CALL = 1000,  /**< one call, in averages and rates per SP_OVERLOAD_MS */
	LEAST = 1000, /**< rate: ten calls per second, which cost next to nothing */
	GROWTH = 100, /**< what the rate grows by, whatever it is             */
	AVERAGE = 4,  /**< a sample's weight in an average is one in so many  */

	MET = 1000,      /**< a load, in 1/1000 of its limit                  */
	FAR = 4 * MET,   /**< as far beyond it as makes a difference          */
	ROOM = 700,      /**< up to here lag lets the rate grow               */
	HARD_ROOM = 950, /**< here memory and ports let calls in again        */
	STEP_UP = 1100,  /**< most that the rate is multiplied by, in 1/1000  */
	STEP_FULL = 940, /**< a CPU that is full does not tell how overloaded */
	FULL_PERCENT = 98,
	BEGIN_SCORE = 12, /**< of samples beyond a limit, by SCORE_, less those within        */
	SCORE_LAG = 4,    /**< work waits already; twice as much beyond FAR                   */
	SCORE_CPU = 1,    /**< a core may be full for a second: nobody has waited for it      */
	END_SAMPLES = 20,
	CREDIT_MAX = 2000, /**< two calls that the share lets in */

	RETRY_MIN_S = 2,
	RETRY_SPREAD_S = 6, /**< and twice as much again when nothing is let in */
};

struct sp_overload {
	struct sp_overload_limits limits;
	struct sp_overload_sample last;
	unsigned asked, let_in;         /**< calls since the last sample         */
	uint64_t asked_avg, let_in_avg; /**< the same, on average                */
	uint64_t rate;                  /**< most that are let in, while `soft`  */
	uint64_t budget;                /**< of it, what is left                 */
	int64_t credit;                 /**< calls that the share lets in        */
	unsigned score, calm;           /**< samples towards the begin, the end  */
	bool soft;                      /**< the rate counts                     */
	bool memory, ports;             /**< nothing is let in                   */
	const char *cause;              /**< of soft                             */
	uint64_t refused, times;
	uint64_t dice; /**< of a generator that costs no system call for each refusal */
};

int sp_overload_alloc(struct sp_overload **op)
{
	struct sp_overload *o;

	if (!op)
		return EINVAL;

	o = mem_zalloc(sizeof(*o), NULL);
	if (!o)
		return ENOMEM;

	o->cause = "";
	sp_random(&o->dice, sizeof(o->dice));
	o->dice |= 1;
	*op = o;

	return 0;
}

void sp_overload_limits(struct sp_overload *o, const struct sp_overload_limits *l)
{
	if (o && l)
		o->limits = *l;
}

static bool overloaded(const struct sp_overload *o)
{
	return o->soft || o->memory || o->ports;
}

/* How near a figure is to its limit, in 1/1000 of that. */
static unsigned load(unsigned value, unsigned limit)
{
	const uint64_t l = limit ? (uint64_t)value * MET / limit : 0;

	return (unsigned)min(l, UINT32_MAX);
}

static bool beyond_hard(bool was, unsigned value, unsigned limit)
{
	return load(value, limit) > (unsigned)(was ? HARD_ROOM - 1 : MET);
}

/* Per SP_OVERLOAD_MS: a sample that comes late has had longer. */
static void average(uint64_t *avg, unsigned calls, unsigned elapsed_ms)
{
	const uint64_t now = (uint64_t)calls * CALL * SP_OVERLOAD_MS / elapsed_ms;

	*avg = (*avg * (AVERAGE - 1) + now) / AVERAGE;
}

/* A tenth for each limit's worth beyond it, three tenths at most. */
static unsigned step_lag(unsigned lag)
{
	return lag > MET ? 1000 - (min(lag, (unsigned)FAR) - MET) / 10 : STEP_UP;
}

static unsigned step_cpu(unsigned cpu, unsigned percent)
{
	const unsigned step = min(1000u * MET / max(cpu, 1u), (unsigned)STEP_UP);

	return cpu > MET && percent >= FULL_PERCENT ? min(step, (unsigned)STEP_FULL) : step;
}

static void move_rate(struct sp_overload *o, unsigned lag, unsigned cpu)
{
	const unsigned by_cpu = step_cpu(cpu, o->last.cpu_percent), by_lag = step_lag(lag);

	if (lag > MET || cpu > MET) {
		/* a rate that is not reached cannot be what is too much */
		o->rate = min(o->rate, o->let_in_avg) * min(by_cpu, by_lag) / 1000;
		o->cause = by_lag < by_cpu ? "lag" : "cpu";
	} else if (lag <= ROOM) {
		/* nor does it grow far beyond what is asked for */
		o->rate = min((o->rate + GROWTH) * by_cpu / 1000,
			      max(o->rate, 2 * o->asked_avg + CALL));
	}
	o->rate = max(o->rate, (uint64_t)LEAST);
}

static void begin(struct sp_overload *o)
{
	o->soft = true;
	o->rate = max(o->let_in_avg, (uint64_t)LEAST);
	o->budget = CALL;
	o->credit = 0;
	o->score = 0;
	o->calm = 0;
}

static void look_soft(struct sp_overload *o, unsigned lag, unsigned cpu)
{
	const unsigned worst = max(lag, cpu);

	if (!o->soft) {
		if (lag > MET)
			o->score += lag > FAR ? 2 * SCORE_LAG : SCORE_LAG;
		else if (cpu > MET)
			o->score += SCORE_CPU;
		else
			o->score -= min(o->score, (unsigned)SCORE_LAG);
		if (o->score < BEGIN_SCORE)
			return;
		begin(o);
	}

	move_rate(o, lag, cpu);

	if (o->asked > o->let_in || worst > MET)
		o->calm = 0;
	else if (++o->calm >= END_SAMPLES)
		o->soft = false;
}

bool sp_overload_sample(struct sp_overload *o, const struct sp_overload_sample *s)
{
	unsigned elapsed_ms;
	bool was;

	if (!o || !s)
		return false;

	was = overloaded(o);
	elapsed_ms = SP_OVERLOAD_MS + min(s->lag_ms, 60u * 1000);
	o->last = *s;
	average(&o->asked_avg, o->asked, elapsed_ms);
	average(&o->let_in_avg, o->let_in, elapsed_ms);
	o->memory = beyond_hard(o->memory, s->memory_mb, o->limits.memory_mb);
	o->ports = beyond_hard(o->ports, s->ports_percent, o->limits.ports_percent);
	look_soft(o, load(s->lag_ms, o->limits.lag_ms),
		  load(s->cpu_percent, o->limits.cpu_percent));
	o->budget = min(o->budget + o->rate, o->rate * 5 / 4 + CALL);
	o->asked = o->let_in = 0;

	if (!was && overloaded(o))
		++o->times;

	return was != overloaded(o);
}

/* What of those who ask can be let in, in 1/1000. */
static unsigned share(const struct sp_overload *o)
{
	if (o->memory || o->ports)
		return 0;
	if (!o->soft || o->rate >= o->asked_avg)
		return 1000;

	return (unsigned)(o->rate * 1000 / o->asked_avg);
}

/* xorshift64: who can foretell it learns when to call again, no more. */
static unsigned roll(struct sp_overload *o, unsigned bound)
{
	o->dice ^= o->dice << 13;
	o->dice ^= o->dice >> 7;
	o->dice ^= o->dice << 17;

	return (unsigned)((o->dice >> 32) * bound >> 32);
}

/*
 * Spread evenly over the time until the next sample. The credit keeps the count
 * exact whatever the order of calls; chance decides only which of them, lest
 * two trunks that call in turns get all and nothing.
 */
static bool take(struct sp_overload *o)
{
	const unsigned part = share(o);

	if (!o->soft || !part)
		return part > 0;

	o->credit = min(o->credit + part, (int64_t)CREDIT_MAX);
	if (o->budget < CALL || (part < 1000 && o->credit <= (int64_t)roll(o, 1000)))
		return false;
	o->credit -= 1000;
	o->budget -= CALL;

	return true;
}

bool sp_overload_admit(struct sp_overload *o, enum sp_priority priority)
{
	if (!o || SP_PRIORITY_EMERGENCY == priority)
		return true;

	++o->asked;
	if (take(o)) {
		++o->let_in;
		return true;
	}
	++o->refused;

	return false;
}

unsigned sp_overload_retry_after_s(struct sp_overload *o)
{
	const unsigned shut = o ? 1000 - share(o) : 0;
	const unsigned spread = RETRY_SPREAD_S + 2 * RETRY_SPREAD_S * shut / 1000;

	return RETRY_MIN_S + (o ? roll(o, spread + 1) : sp_random_below(spread + 1));
}

void sp_overload_state(const struct sp_overload *o, struct sp_overload_state *out)
{
	if (!out)
		return;

	*out = (struct sp_overload_state){.share = 1000, .cause = ""};
	if (!o)
		return;

	out->overloaded = overloaded(o);
	out->share = share(o);
	out->refused = o->refused;
	out->times = o->times;
	out->last = o->last;
	if (o->memory)
		out->cause = "memory";
	else if (o->ports)
		out->cause = "ports";
	else if (o->soft)
		out->cause = o->cause;
}
